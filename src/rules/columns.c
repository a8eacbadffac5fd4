/*-------------------------------------------------------------------------
 *
 * columns.c
 *		Rules about columns: are those of a tenant table there, and if there is
 *		no tenant column, is that on purpose?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/builtins.h"

/* Looks at the relation itself: facts->tenant->not_null includes children. */
static bool
is_never_null(const RelationFacts *facts, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		ColumnFacts *column = lfirst(lc);

		if (column->attnum == attnum)
			return column->not_null;
	}
	return false;
}

void
tg_check_tenant_column_nullable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	/* A partition has the columns of its parent, which is reported instead */
	if (facts->partition || is_never_null(facts, facts->tenant->attnum))
		return;

	finding = tg_report_finding(subject, "column \"%s\" can be null",
								facts->tenant->name);
	finding->repair_sql =
		tg_remedy_table(facts, psprintf("ALTER COLUMN %s SET NOT NULL",
										quote_identifier(facts->tenant->name)));
}

static bool
has_column(const RelationFacts *facts, const char *name)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		if (strcmp(((ColumnFacts *) lfirst(lc))->name, name) == 0)
			return true;
	}
	return false;
}

void
tg_check_required_columns_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;

	if (facts->partition)
		return;

	for (const char *name = tg_required_column_names();
		 *name != '\0'; name = tg_next_name(name))
	{
		Finding    *finding;

		if (has_column(facts, name))
			continue;
		finding = tg_report_finding(subject, "column \"%s\" is missing", name);
		finding->object = pstrdup(name);
		finding->fingerprint = hash_bytes((const unsigned char *) name,
										  strlen(name));
		finding->repair_sql = tg_remedy_required_column(facts, name);
	}
}

/* Was it a tenant table before the transaction, and is none now? */
static bool
has_lost_tenant_column(const RuleSubject *subject)
{
	const RelationFacts *before = subject->history != NULL ?
		subject->history->before : NULL;

	return subject->facts->tenant == NULL &&
		before != NULL && tg_is_tenant_table(before);
}

/*
 * Only the verdict can tell that a column was lost: an audit sees a table
 * without a tenant column, and calls it unclassified.  A column that depends on
 * a temporary object counts as lost, because no DDL command announces its drop.
 */
void
tg_check_tenant_column_lost(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const ColumnFacts *renamed;
	const char *lost;
	Finding    *finding;

	if (facts->tenant != NULL)
	{
		if (facts->tenant->temporary)
		{
			finding = tg_report_finding(subject,
										"tenant column \"%s\" depends on a temporary object and will be dropped with it",
										facts->tenant->name);
			finding->object = facts->tenant->name;
		}
		return;
	}
	if (!has_lost_tenant_column(subject))
		return;

	lost = subject->history->before->tenant->name;
	finding = tg_report_finding(subject,
								"the table has lost its tenant column \"%s\"",
								lost);
	finding->object = lost;
	renamed = tg_find_column(facts, subject->history->before->tenant->attnum);
	if (renamed != NULL)
		finding->repair_sql =
			psprintf("%s\n%s",
					 tg_remedy_table(facts,
									 psprintf("RENAME COLUMN %s TO %s",
											  quote_identifier(renamed->name),
											  quote_identifier(lost))),
					 tg_remedy_comment("If %s is to be the tenant column from now on, add it to trovella_guard.tenant_columns first, in place of this.",
									   quote_identifier(renamed->name)));
}

void
tg_check_table_unclassified(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	/* A partition has the class of its parent */
	if (facts->partition)
		return;

	/* Then tenant_column_lost says it, unless that weighs less */
	if (has_lost_tenant_column(subject) &&
		tg_rule_level(tg_rule_by_check(tg_check_tenant_column_lost)) >=
		tg_rule_level(subject->rule - tg_rules))
		return;

	finding = tg_report_finding(subject,
								"the table has no tenant column and is not on the allowlist");
	finding->repair_sql = tg_remedy_allow(facts->schema, facts->name, NULL, NULL);
}
