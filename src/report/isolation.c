/*-------------------------------------------------------------------------
 *
 * isolation.c
 *		isolation(): how relations are isolated, a row for each fact, so that two
 *		states can be compared.
 *
 * changes() compares the two sides of the open transaction; the program
 * trovella-guard compares two databases.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "report/rows.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "scope/scope.h"
#include "utils/acl.h"
#include "utils/tuplestore.h"
#include "verdict/verdict.h"

/* Columns of isolation() */
enum
{
	COL_ISOLATION_IS_AFTER,
	COL_ISOLATION_OID,
	COL_ISOLATION_SCHEMA_NAME,
	COL_ISOLATION_TABLE_NAME,
	COL_ISOLATION_ITEM,
	COL_ISOLATION_OBJECT,
	COL_ISOLATION_VALUE,
	COL_ISOLATION_DETAIL,
	COL_ISOLATION_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_isolation_1_0);

static void
put_fact(ReturnSetInfo *result, const ComparedSide *side, const char *item,
		 const char *object, const char *value, const char *detail)
{
	const RelationFacts *facts = side->facts;
	Datum		values[COL_ISOLATION_COLUMNS];
	bool		nulls[COL_ISOLATION_COLUMNS] = {0};
	NameData	schema;
	NameData	table;

	namestrcpy(&schema, facts != NULL ? facts->schema : "");
	namestrcpy(&table, facts != NULL ? facts->name : "");
	values[COL_ISOLATION_IS_AFTER] = BoolGetDatum(side->is_after);
	values[COL_ISOLATION_OID] =
		ObjectIdGetDatum(facts != NULL ? facts->relid : InvalidOid);
	values[COL_ISOLATION_SCHEMA_NAME] = NameGetDatum(&schema);
	nulls[COL_ISOLATION_SCHEMA_NAME] = facts == NULL;
	values[COL_ISOLATION_TABLE_NAME] = NameGetDatum(&table);
	nulls[COL_ISOLATION_TABLE_NAME] = facts == NULL;
	values[COL_ISOLATION_ITEM] = CStringGetTextDatum(item);
	values[COL_ISOLATION_OBJECT] = text_or_null(object,
												&nulls[COL_ISOLATION_OBJECT]);
	values[COL_ISOLATION_VALUE] = CStringGetTextDatum(value);
	values[COL_ISOLATION_DETAIL] = text_or_null(detail,
												&nulls[COL_ISOLATION_DETAIL]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* What does the proof say of a policy? */
static const char *
answer_of(const PolicyFacts *policy, const List *issues)
{
	ScopeAnswer worst = SCOPE_SCOPED;
	const ListCell *lc;

	if (!policy->permissive)
		return "restrictive";
	foreach(lc, issues)
	{
		const ScopeIssue *issue = lfirst(lc);

		if (issue->policy->oid == policy->oid)
			worst = Max(worst, issue->answer);
	}
	return worst == SCOPE_SCOPED ? "confined" :
		worst == SCOPE_UNPROVEN ? "unproven" : "open";
}

static void
put_policies(ReturnSetInfo *result, const ComparedSide *side)
{
	const RelationFacts *facts = side->facts;
	bool		is_tenant_table = tg_is_tenant_table(facts);
	List	   *issues = is_tenant_table ?
		tg_scope_issues(side->reader, facts) : NIL;
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		put_fact(result, side, "policy", policy->name,
				 is_tenant_table ? answer_of(policy, issues) : "no tenant",
				 psprintf(UINT64_FORMAT, policy->fingerprint));
	}
}

/* The commands that application roles may use, by grantee. */
static void
put_grants(ReturnSetInfo *result, const ComparedSide *side)
{
	static const struct
	{
		AclMode		privilege;
		CommandSet	command;
	}			privileges[] = {
		{ACL_SELECT, TG_SELECT},
		{ACL_INSERT, TG_INSERT},
		{ACL_UPDATE, TG_UPDATE},
		{ACL_DELETE, TG_DELETE}
	};
	List	   *grantees[lengthof(privileges)];
	List	   *all = NIL;
	ListCell   *lc;

	for (int i = 0; i < (int) lengthof(privileges); i++)
	{
		grantees[i] = tg_app_grantees(side->reader, side->facts,
									  privileges[i].privilege);
		all = list_concat_unique_oid(all, grantees[i]);
	}
	foreach(lc, all)
	{
		Oid			role = lfirst_oid(lc);
		CommandSet	commands = TG_NO_COMMAND;

		for (int i = 0; i < (int) lengthof(privileges); i++)
		{
			if (list_member_oid(grantees[i], role))
				commands |= privileges[i].command;
		}
		put_fact(result, side, "grant",
				 OidIsValid(role) ? tg_role_name(role) : "PUBLIC",
				 tg_command_names(commands), NULL);
	}
}

static void
put_side(const ComparedSide *side, void *arg)
{
	ReturnSetInfo *result = arg;
	const RelationFacts *facts = side->facts;
	ListCell   *lc;

	if (facts != NULL)
	{
		put_fact(result, side, "table", NULL,
				 tg_class_name(facts,
							   tg_allowlist_match(side->allowlist, side->reader,
												  facts, "*", NULL,
												  InvalidOid)),
				 tg_kind_name(facts->kind));
		put_fact(result, side, "name", NULL,
				 quote_qualified_identifier(facts->schema, facts->name), NULL);
		if (tg_is_table(facts))
		{
			put_fact(result, side, "row-level security", NULL,
					 facts->rls_enabled ? "on" : "off", NULL);
			put_fact(result, side, "forced row-level security", NULL,
					 facts->rls_forced ? "on" : "off", NULL);
			put_policies(result, side);
		}
		if (!side->same_privileges)
			put_grants(result, side);
	}
	foreach(lc, side->findings)
	{
		const Finding *finding = lfirst(lc);

		put_fact(result, side, "finding",
				 finding->object == NULL ? finding->rule->name :
				 psprintf("%s: %s", finding->rule->name, finding->object),
				 tg_level_name(finding->level), finding->message);
	}
}

/* The whole database as it is now. */
static void
put_database(ReturnSetInfo *result)
{
	Audit	   *audit = tg_audit_begin(NULL);
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard row",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(per_row);
	ComparedSide side = {
		.is_after = true,
		.reader = tg_audit_reader(audit),
		.allowlist = tg_audit_allowlist(audit)
	};
	bool		more = true;

	while (more)
	{
		List	   *findings;
		ListCell   *lc;

		side.facts = tg_audit_next(audit, &findings);
		more = side.facts != NULL;
		if (!more)
			findings = tg_audit_database(audit);
		side.findings = NIL;
		foreach(lc, findings)
		{
			if (((const Finding *) lfirst(lc))->waived_by == NULL)
				side.findings = lappend(side.findings, lfirst(lc));
		}
		put_side(&side, result);
		MemoryContextReset(per_row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	tg_audit_end(audit);
}

/*
 * isolation(of_transaction boolean): of what the open transaction may concern,
 * before and after, the findings that only one side has; or of the whole
 * database as it is.
 */
Datum
trovella_guard_isolation_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_ISOLATION_COLUMNS)
		elog(ERROR, "isolation() has an unexpected number of columns");
	if (PG_GETARG_BOOL(0))
		tg_compare_transaction(put_side, result);
	else
		put_database(result);
	return (Datum) 0;
}
