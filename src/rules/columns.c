/*-------------------------------------------------------------------------
 *
 * columns.c
 *		Rules about columns: are those of a tenant table there?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "rules/basis.h"
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

bool
tg_has_lost_tenant_column(const RuleSubject *subject)
{
	const RelationFacts *before = subject->history != NULL ?
		subject->history->before : NULL;

	return subject->facts->tenant == NULL &&
		before != NULL && tg_is_tenant_table(before);
}

static void
report_unguarded(const RuleSubject *subject, const char *object,
				 const char *message, const char *repair_sql)
{
	Finding    *finding = tg_report_finding(subject, "%s", message);

	finding->object = object;
	finding->waivable_by = TG_WAIVABLE_BY_NONE;
	finding->repair_sql = repair_sql;
}

static const PolicyFacts *
policy_by_oid(const RelationFacts *facts, Oid oid)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		if (((PolicyFacts *) lfirst(lc))->oid == oid)
			return lfirst(lc);
	}
	return NULL;
}

/* What the policies of a relation say, as a set of fingerprints. */
static SortedSet *
meanings_of(const RelationFacts *facts)
{
	SortedSet  *set = palloc0(sizeof(SortedSet));
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		CHECK_FOR_INTERRUPTS();
		if (!((PolicyFacts *) lfirst(lc))->temporary)
			tg_set_add(set, tg_facts_policy_meaning(lfirst(lc)));
	}
	return tg_set_finish(set);
}

/*
 * Without a tenant column no other rule applies to a table whose rows still belong
 * to tenants.  So its row-level security and its policies stay as they were;
 * restrictive policies may be added.
 */
static void
check_what_is_left(const RuleSubject *subject, const RelationFacts *before)
{
	const RelationFacts *facts = subject->facts;
	SortedSet  *was;
	SortedSet  *is;
	ListCell   *lc;

	if (!before->rls_enabled)
		return;
	if (!facts->rls_enabled)
		report_unguarded(subject, NULL,
						 "row-level security is disabled, and the table has lost its tenant column",
						 tg_remedy_table(facts, "ENABLE ROW LEVEL SECURITY"));
	else if (before->rls_forced && !facts->rls_forced)
		report_unguarded(subject, NULL,
						 "row-level security is not forced any more, and the table has lost its tenant column",
						 tg_remedy_table(facts, "FORCE ROW LEVEL SECURITY"));
	was = meanings_of(before);
	is = meanings_of(facts);
	foreach(lc, before->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!tg_set_has(is, tg_facts_policy_meaning(policy)))
			report_unguarded(subject, policy->name,
							 psprintf("policy \"%s\" %s, and the table has lost its tenant column",
									  policy->name,
									  policy_by_oid(facts, policy->oid) != NULL ?
									  "has changed" : "is gone"),
							 tg_remedy_comment("Leave policy %s as it was, or give the table its tenant column back first.",
											   quote_identifier(policy->name)));
	}
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (policy->permissive &&
			policy_by_oid(before, policy->oid) == NULL &&
			!tg_set_has(was, tg_facts_policy_meaning(policy)))
			report_unguarded(subject, policy->name,
							 psprintf("policy \"%s\" is new, and the table has lost its tenant column",
									  policy->name),
							 psprintf("DROP POLICY %s ON %s;",
									  quote_identifier(policy->name),
									  quote_qualified_identifier(facts->schema,
																 facts->name)));
	}
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
	const RelationFacts *before = subject->history != NULL ?
		subject->history->before : NULL;
	const ColumnFacts *column = NULL;
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
	if (before == NULL || !tg_is_table(before))
		return;
	if (tg_has_lost_tenant_column(subject))
		column = tg_find_column(facts, before->tenant->attnum);
	if (!subject->history->was_exempt &&
		(column != NULL || subject->history->column_is_lost))
		check_what_is_left(subject, before);
	if (!tg_has_lost_tenant_column(subject))
		return;

	lost = before->tenant->name;
	finding = tg_report_finding(subject,
								"the table has lost its tenant column \"%s\"",
								lost);
	finding->object = lost;
	if (column == NULL)
		return;
	/* The rows of tenants are still there, so it is no global table */
	if (!subject->history->was_exempt)
		finding->waivable_by = TG_WAIVABLE_BY_ITS_RULE;
	finding->repair_sql =
		psprintf("%s\n%s",
				 tg_remedy_table(facts, psprintf("RENAME COLUMN %s TO %s",
												 quote_identifier(column->name),
												 quote_identifier(lost))),
				 tg_remedy_comment("If %s is to be the tenant column from now on, add it to trovella_guard.tenant_columns first, in place of this.",
								   quote_identifier(column->name)));
}
