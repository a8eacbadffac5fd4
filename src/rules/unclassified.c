/*-------------------------------------------------------------------------
 *
 * unclassified.c
 *		A table without a tenant column: is that on purpose?
 *
 * "If you are unsure, it is tenant-scoped."  So the rule names what looks like
 * the tenant's column, and its repair makes a protected tenant table.  To say
 * that the table is global is left to the user: nobody can tell that from the
 * catalogs, except of the table that has the tenants themselves.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/bookkeeping.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What a table must have beside the column, where these rules are as strict. */
static const RuleCheck needed[] = {
	tg_check_rls_disabled,
	tg_check_policy_missing,
	tg_check_policy_unscoped,
	tg_check_tenant_index_missing,
	tg_check_fk_index_missing,
	tg_check_required_columns_missing,
};

/*
 * Adds what makes a column look like the tenant's.  Of a table with many such
 * columns, a few say enough.
 */
#define MAX_LOOK_ALIKES 3

static void
append_look_alike(StringInfo text, int *count, const char *column,
				  const char *why)
{
	if (++(*count) <= MAX_LOOK_ALIKES)
		appendStringInfo(text, "; column \"%s\" %s", column, why);
}

/* By its name, or by the name of its type (a domain, mostly). */
static bool
has_such_a_name(const RuleSubject *subject, const ColumnFacts *column)
{
	char	   *type;

	if (tg_looks_like_tenant_column(column->name))
		return true;
	if (column->type < FirstNormalObjectId)
		return false;
	type = tg_facts_type_name(subject->reader, column->type);
	return type != NULL && tg_looks_like_tenant_column(type);
}

/* What is known of a table without a tenant column. */
typedef struct LookAlikes
{
	char	   *words;			/* "; column "org_id" looks like one" */
	int			count;
	Oid			type;			/* that a tenant column should have if it is
								 * to refer to the tenants' table, or
								 * InvalidOid */
	const char *misspelled;		/* a column that is a configured one but for
								 * case, or NULL */
} LookAlikes;

static LookAlikes
look_alikes(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	LookAlikes	result = {0};
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, facts->columns)
	{
		const ColumnFacts *column = lfirst(lc);
		const char *meant = tg_tenant_column_but_for_case(column->name);

		CHECK_FOR_INTERRUPTS();
		if (meant != NULL && result.misspelled == NULL)
		{
			result.misspelled = column->name;
			append_look_alike(&text, &result.count, column->name,
							  psprintf("is the tenant column \"%s\" but for its case",
									   meant));
		}
		else if (has_such_a_name(subject, column))
			append_look_alike(&text, &result.count, column->name,
							  "looks like the tenant's");
	}
	foreach(lc, tg_facts_foreign_keys(subject->reader, facts))
	{
		const ForeignKeyFacts *key = lfirst(lc);
		const ColumnFacts *column = key->nkeys == 1 ?
			tg_find_column(facts, key->keys[0]) : NULL;

		CHECK_FOR_INTERRUPTS();
		if (column == NULL || has_such_a_name(subject, column) ||
			!tg_facts_is_tenants_table(subject->reader, key->referenced))
			continue;
		result.type = column->type;
		append_look_alike(&text, &result.count, column->name,
						  "refers to the tenants' table");
	}
	result.words = text.data;
	return result;
}

/*
 * Is it the table that tenant columns refer to?  It has the tenants themselves,
 * and needs no column that says whose they are.
 */
static bool
is_tenants_table(const RuleSubject *subject, const LookAlikes *alikes)
{
	return tg_facts_is_tenants_table(subject->reader, subject->facts->relid) ||
		(alikes->count == 0 &&
		 tg_looks_like_tenants_table(subject->facts->name));
}

/* The tenant column that the table would get. */
static ColumnFacts *
new_tenant_column(const RuleSubject *subject, Oid type)
{
	const RelationFacts *facts = subject->facts;
	ColumnFacts *column = palloc0(sizeof(ColumnFacts));

	column->attnum = facts->columns == NIL ? 1 :
		((ColumnFacts *) llast(facts->columns))->attnum + 1;
	column->name = pstrdup(tg_tenant_column_names());
	column->type = OidIsValid(type) ? type :
		tg_facts_tenant_type(subject->reader);
	if (!OidIsValid(tg_base_type(column->type)))
		column->type = TEXTOID;
	column->collation = get_typcollation(column->type);
	column->not_null = true;
	return column;
}

/*
 * ADD COLUMN, and what the table needs to be a protected tenant table.  A table
 * that has rows refuses the column: then it must first be filled.
 */
static char *
remedy(const RuleSubject *subject, Oid type)
{
	ColumnFacts *tenant = new_tenant_column(subject, type);
	RelationFacts *facts = tg_facts_as_tenant_table(subject->reader,
													subject->facts, tenant);
	RuleMemo	memo = {0};
	List	   *findings = NIL;
	RuleSubject after = *subject;
	const char *last = "";
	StringInfoData sql;
	ListCell   *lc;

	after.facts = facts;
	after.history = NULL;
	after.describe = false;
	after.memo = &memo;
	after.findings = &findings;
	for (int i = 0; i < (int) lengthof(needed); i++)
	{
		int			number = tg_rule_by_check(needed[i]);

		after.rule = &tg_rules[number];
		if (tg_rule_level(number) >= tg_rule_level(subject->rule - tg_rules))
			needed[i] (&after);
	}

	initStringInfo(&sql);
	appendStringInfoString(&sql,
						   tg_remedy_table(facts, psprintf("ADD COLUMN %s %s NOT NULL",
														   quote_identifier(tenant->name),
														   format_type_extended(tenant->type, -1,
																				FORMAT_TYPE_TYPEMOD_GIVEN |
																				FORMAT_TYPE_FORCE_QUALIFY))));
	foreach(lc, findings)
	{
		const char *repair = ((Finding *) lfirst(lc))->repair_sql;

		if (repair == NULL || strcmp(repair, last) == 0)
			continue;
		appendStringInfo(&sql, "\n%s", repair);
		last = repair;
	}
	return sql.data;
}

void
tg_check_table_unclassified(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const TenantGuess *guess = NULL;
	LookAlikes	alikes = {.words = ""};
	const char *more;
	bool		has_tenants = false;
	Finding    *finding;

	/* A partition has the class of its parent */
	if (facts->partition || tg_bookkeeping_tool(facts) != NULL)
		return;

	/* Then tenant_column_lost says it, unless that weighs less */
	if (tg_has_lost_tenant_column(subject) &&
		tg_rule_level(tg_rule_by_check(tg_check_tenant_column_lost)) >=
		tg_rule_level(subject->rule - tg_rules))
		return;

	/*
	 * On the first day the setting may name a column that no table has: an
	 * audit says so.  Within a transaction the setting would come too late.
	 */
	if (subject->describe)
	{
		alikes = look_alikes(subject);
		has_tenants = alikes.misspelled == NULL &&
			is_tenants_table(subject, &alikes);
		if (subject->history == NULL && alikes.misspelled == NULL)
			guess = tg_facts_guess_tenant(subject->reader);
	}
	more = alikes.words;
	if (guess != NULL)
		more = psprintf("%s; no table has one, but \"%s\" refers to %s in %d %s",
						more, guess->column, guess->tenants_table,
						guess->tables, guess->tables == 1 ? "table" : "tables");
	else if (has_tenants)
		more = psprintf("%s; it seems to be the table of the tenants themselves",
						more);
	finding = tg_report_finding(subject,
								"the table has no tenant column and is not on the allowlist%s",
								more);
	if (!subject->describe)
		return;
	if (guess != NULL)
		finding->repair_sql = tg_remedy_tenant_columns(guess);
	else if (alikes.misspelled != NULL)
		finding->repair_sql =
			tg_remedy_spelling(alikes.misspelled,
							   OidIsValid(tg_facts_tenant_type(subject->reader)));
	else if (has_tenants)
		finding->repair_sql = tg_remedy_allow(facts->schema, facts->name, NULL,
											  NULL);
	else
		finding->repair_sql = remedy(subject, alikes.type);
}
