/*-------------------------------------------------------------------------
 *
 * protect.c
 *		Runs the repair SQL of a table, as the caller.
 *
 * The guard never changes a schema by itself.  protect() does what pasting the
 * repair SQL would do: each statement runs with the caller's privileges, in the
 * caller's transaction.  The search_path is pg_catalog alone, so that objects in
 * the schemas of the caller's path are not used.
 *
 * Notes:
 *
 * 1. The table is audited again after each repair, because one repair can make
 * another unnecessary, and can take the name that another would use.
 *
 * 2. A repair that did not help is not tried again, and the whole call fails,
 * because a half-protected table would look protected.  It also fails if a
 * policy that it has created is not proven to confine rows to the tenant,
 * whatever the level of that rule.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "guard.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "report/audit.h"
#include "rules/remedy.h"
#include "settings.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "verdict/raise.h"

/* A policy that was not proven to confine rows before the repairs. */
typedef struct KnownDoubt
{
	Oid			policy;
	uint64		fingerprint;
} KnownDoubt;

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
 * Raises an error if the relation cannot be protected.
 */
static void
require_protectable(Audit *audit, const RelationFacts *facts, Oid relid)
{
	const AllowlistEntry *entry;
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

	entry = tg_audit_global_entry(audit, facts);
	if (entry != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot protect %s %s \"%s\"",
						entry->sealed ? "sealed" : "global",
						tg_kind_name(facts->kind), name),
				 errdetail("It is on the allowlist: %s", entry->reason),
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

/* Should protect() repair this?  Debts, yes; waived findings, no. */
static bool
should_be_repaired(const Finding *finding, RuleLevel least)
{
	return finding->level >= least &&
		(finding->waived_by == NULL || finding->is_debt);
}

/* Is the finding, a doubt about a policy, not among the known doubts? */
static bool
is_new_doubt(const Finding *finding, const List *doubts)
{
	ListCell   *lc;

	if (finding->waived_by != NULL && !finding->is_debt)
		return false;
	foreach(lc, doubts)
	{
		const KnownDoubt *doubt = lfirst(lc);

		if (doubt->policy == finding->object_oid &&
			doubt->fingerprint == finding->fingerprint)
			return false;
	}
	return true;
}

/*
 * The next statements to run, in the current memory context, or NULL.  "left"
 * describes the findings that are left.  The first call records the known
 * doubts.
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
			KnownDoubt *doubt = palloc(sizeof(KnownDoubt));

			doubt->policy = finding->object_oid;
			doubt->fingerprint = finding->fingerprint;
			*doubts = lappend(*doubts, doubt);
		}
		if (!should_be_repaired(finding, least) &&
			!(doubts_policy && is_new_doubt(finding, *doubts)))
			continue;
		if (sql == NULL && finding->repair_sql != NULL &&
			!tg_remedy_needs_decision(finding->repair_sql) &&
			!list_member(tried,
						 makeString(unconstify(char *, finding->repair_sql))))
			sql = pstrdup(finding->repair_sql);
		appendStringInfo(left, "%s%s: %s", left->len > 0 ? "\n" : "",
						 finding->rule->name, finding->message);
	}
	tg_audit_end(audit);
	return sql;
}

/* An error of the parser is about these statements, and not the caller's. */
static void
point_into_statements(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(arg);
}

/* The statements of a text, as a List of RawStmt. */
static List *
parse_statements(const char *sql)
{
	ErrorContextCallback callback;
	List	   *statements;

	callback.previous = error_context_stack;
	callback.callback = point_into_statements;
	callback.arg = unconstify(char *, sql);
	error_context_stack = &callback;
	statements = pg_parse_query(sql);
	error_context_stack = callback.previous;
	return statements;
}

/*
 * Runs statements one by one: Citus sends the text that a statement is part of
 * to its shards, where it must be one statement.
 */
static void
run_statements(const char *sql)
{
	ListCell   *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	foreach(lc, parse_statements(sql))
	{
		const RawStmt *statement = lfirst(lc);
		char	   *text = statement->stmt_len > 0 ?
			pnstrdup(sql + statement->stmt_location, statement->stmt_len) :
			pstrdup(sql + statement->stmt_location);

		CHECK_FOR_INTERRUPTS();
		if (SPI_execute(text, false, 0) < 0)
			elog(ERROR, "could not execute: %s", text);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	CommandCounterIncrement();
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

		run_statements(sql);
		tuplestore_putvalues(result->setResult, result->setDesc, &value,
							 &isnull);
		tried = lappend(tried, makeString(sql));
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
