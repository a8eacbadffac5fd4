/*-------------------------------------------------------------------------
 *
 * protect.c
 *		Runs the repair SQL of a table, as the caller.
 *
 * The guard never changes a schema by itself.  protect() is the same as to
 * paste the repair SQL: each statement runs with the caller's rights, in the
 * caller's transaction.  The search_path is pg_catalog alone, so that nothing
 * in the schemas of the caller's path has a part in what is made.
 *
 * Notes:
 *
 * 1. After each repair the table is looked at again, because one repair can
 * make another superfluous, and because the name for an index is free only
 * until it is taken.
 *
 * 2. A repair that has not helped is not tried again, and then the whole call
 * fails: half a protection would look like one.  So it does if a policy that
 * was made here is not proven to confine rows to the tenant, at whatever level
 * that is a finding.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "rules/remedy.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "verdict/raise.h"

/* A policy that was not known to confine rows to the tenant. */
typedef struct Doubt
{
	Oid			policy;
	uint64		fingerprint;
} Doubt;

PG_FUNCTION_INFO_V1(trovella_guard_protect_1_0);

static RuleLevel
level_argument(FunctionCallInfo fcinfo, int n)
{
	RuleLevel	level;
	char	   *name = PG_ARGISNULL(n) ? pstrdup("") :
		text_to_cstring(PG_GETARG_TEXT_PP(n));

	if (!tg_parse_level(name, &level) || level == TG_LEVEL_OFF)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a level", name),
				 errhint("The levels are: error, warning, info.")));
	return level;
}

/*
 * Complains, with the reason, if the relation is nothing that could be
 * protected.
 */
static void
require_protectable(Audit *audit, const RelationFacts *facts, Oid relid)
{
	const AllowlistEntry *global;
	char	   *name;

	if (facts == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot protect \"%s\"",
						get_rel_name(relid) ? get_rel_name(relid) : "?"),
				 errdetail("It is not a user table.")));

	if (facts->temporary)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot protect temporary table \"%s\"", facts->name),
				 errdetail("Only this session can read it.")));
	name = psprintf("%s.%s", facts->schema, facts->name);

	global = tg_audit_global_entry(audit, facts);

	if (global !=NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot protect global %s \"%s\"",
						tg_kind_name(facts->kind), name),
				 errdetail("It is on the allowlist: %s", global->reason),
				 errhint("Remove the entry with trovella_guard.disallow() first.")));

	switch (facts->kind)
	{
		case RELKIND_VIEW:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("cannot protect view \"%s\"", name),
					 errdetail("A view has no row-level security of its own."),
					 errhint("Use ALTER VIEW ... SET (security_invoker = true) to apply the policies of its tables.")));
			break;
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("cannot protect %s \"%s\"",
							tg_kind_name(facts->kind), name),
					 errdetail("Row-level security does not exist for relations of this kind."),
					 errhint("Revoke the privileges of the application's role on it.")));
			break;
		default:
			break;
	}

	if (facts->tenant == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot protect table \"%s\"", name),
				 errdetail("It has no tenant column (trovella_guard.tenant_columns)."),
				 errhint("Add the column, or say why the table is global: SELECT trovella_guard.allow(...).")));
}

/* Is it for protect() to repair this?  Debts are there to be paid. */
static bool
is_to_be_repaired(const Finding *finding, RuleLevel least)
{
	return finding->level >= least &&
		(finding->waived_by == NULL || finding->is_debt);
}

static bool
was_tried(const List *tried, const char *sql)
{
	ListCell   *lc;

	foreach(lc, tried)
	{
		if (strcmp(lfirst(lc), sql) == 0)
			return true;
	}
	return false;
}

/* Is the finding a doubt about a policy that was not there in "doubts"? */
static bool
is_new_doubt(const Finding *finding, const List *doubts)
{
	ListCell   *lc;

	if (finding->waived_by != NULL && !finding->is_debt)
		return false;
	foreach(lc, doubts)
	{
		const Doubt *doubt = lfirst(lc);

		if (doubt->policy == finding->object_oid &&
			doubt->fingerprint == finding->fingerprint)
			return false;
	}
	return true;
}

/*
 * The next statements to run, in the current memory context, or NULL.  What
 * cannot be repaired is described in "left".  The first call takes down the
 * doubts about policies that are there already.
 */
static char *
next_repair(Oid relid, RuleLevel least, const List *tried, List **doubts,
			StringInfo left)
{
	Audit	   *audit = tg_audit_begin(&relid);
	List	   *findings = NIL;
	const RelationFacts *facts = tg_audit_next(audit, &findings);
	char	   *sql = NULL;
	ListCell   *lc;

	require_protectable(audit, facts, relid);

	resetStringInfo(left);
	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		bool		doubts_policy =
			finding->rule->check == tg_check_policy_unscoped ||
			finding->rule->check == tg_check_policy_unproven;

		if (doubts_policy && tried == NIL)
		{
			Doubt	   *doubt = palloc(sizeof(Doubt));

			doubt->policy = finding->object_oid;
			doubt->fingerprint = finding->fingerprint;
			*doubts = lappend(*doubts, doubt);
		}
		if (!is_to_be_repaired(finding, least) &&
			!(doubts_policy && is_new_doubt(finding, *doubts)))
			continue;
		if (sql == NULL && finding->repair_sql != NULL &&
			!tg_remedy_is_to_allow(finding->repair_sql) &&
			!was_tried(tried, finding->repair_sql))
			sql = pstrdup(finding->repair_sql);
		appendStringInfo(left, "%s%s: %s", left->len > 0 ? "\n" : "",
						 finding->rule->name, finding->message);
	}
	tg_audit_end(audit);
	return sql;
}

/*
 * protect(relation regclass, level text): returns the statements that it has
 * run.
 */
Datum
trovella_guard_protect_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid;
	RuleLevel	least;
	List	   *tried = NIL;
	List	   *doubts = NIL;
	StringInfoData left;
	int			save_nestlevel;
	char	   *sql;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	relid = PG_GETARG_OID(0);
	least = level_argument(fcinfo, 1);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);

	save_nestlevel = tg_pin_search_path();

	initStringInfo(&left);
	while ((sql = next_repair(relid, least, tried, &doubts, &left)) != NULL)
	{
		Datum		value = CStringGetTextDatum(sql);
		bool		isnull = false;

		CHECK_FOR_INTERRUPTS();
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		if (SPI_execute(sql, false, 0) < 0)
			elog(ERROR, "could not execute: %s", sql);
		if (SPI_finish() != SPI_OK_FINISH)
			elog(ERROR, "SPI_finish failed");
		CommandCounterIncrement();

		tuplestore_putvalues(result->setResult, result->setDesc, &value,
							 &isnull);
		tried = lappend(tried, sql);
	}
	AtEOXact_GUC(true, save_nestlevel);

	if (left.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_TENANT_TABLE_UNPROTECTED),
				 errmsg("cannot fully protect \"%s.%s\"",
						get_namespace_name(get_rel_namespace(relid)),
						get_rel_name(relid)),
				 errdetail("These findings have no repair, or the repair did not help:\n%s",
						   left.data)));
	return (Datum) 0;
}
