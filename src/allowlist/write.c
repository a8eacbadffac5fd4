/*-------------------------------------------------------------------------
 *
 * write.c
 *		Writes the allowlist, and notices when it is written.
 *
 * Functions that write the allowlist do so with the privileges of the extension's
 * owner, so that a role needs only EXECUTE on them.  They are not SECURITY DEFINER,
 * because they look up unqualified names in the caller's search_path, which such a
 * function would have to replace.
 *
 * The trigger touches an entry that is written.  The verdict looks up what the
 * entry covers, and locks it against transactions that rely on it.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "allowlist/entries.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "compat.h"
#include "executor/spi.h"
#include "guard.h"
#include "miscadmin.h"
#include "rules/remedy.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "watch/touched.h"

PG_FUNCTION_INFO_V1(trovella_guard_allowlist_changed_1_0);

/* Its owner is the extension's owner. */
static Oid
allowlist_owner(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Oid			owner = relation->rd_rel->relowner;

	table_close(relation, NoLock);
	return owner;
}

/*
 * Replaces the caller's search_path as well as the user: the statement must not
 * find operators of the caller.  The caller calls SPI_finish().
 */
static void
execute_as_owner(const char *sql, int nargs, Oid *types, Datum *values,
				 const char *nulls)
{
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;
	Oid			relid = tg_allowlist_oid();

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.allowlist\" does not exist", TG_SCHEMA),
				 errhint("Run CREATE EXTENSION trovella_guard.")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(allowlist_owner(relid),
						   save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	save_nestlevel = tg_pin_search_path();

	if (SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0) < 0)
		elog(ERROR, "could not read or write the allowlist");

	AtEOXact_GUC(true, save_nestlevel);
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

void
tg_allowlist_require_coordinator(void)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);

	if (tg_facts_citus_node(reader) == TG_CITUS_WORKER)
	{
		char	   *coordinator = tg_facts_citus_coordinator(reader);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the allowlist of a Citus cluster is kept on its coordinator"),
				 errdetail("This node is a worker, which leaves decisions to the coordinator."),
				 coordinator != NULL ?
				 errhint("Connect to the coordinator: %s.", coordinator) :
				 errhint("Connect to the coordinator.")));
	}
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
}

uint64
tg_allowlist_write(const char *sql, int nargs, Oid *types, Datum *values,
				   const char *nulls, Tuplestorestate *returned)
{
	uint64		processed;

	tg_allowlist_require_coordinator();
	execute_as_owner(sql, nargs, types, values, nulls);
	processed = SPI_processed;
	for (uint64 i = 0; returned != NULL && i < processed; i++)
		tuplestore_puttuple(returned, SPI_tuptable->vals[i]);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return processed;
}

int64
tg_allowlist_count(const char *sql, int nargs, Oid *types, Datum *values,
				   const char *nulls, char **text)
{
	MemoryContext caller = CurrentMemoryContext;
	int64		result = 0;
	bool		isnull;
	Datum		value;

	*text = NULL;
	execute_as_owner(sql, nargs, types, values, nulls);
	if (SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];

		value = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			result = DatumGetInt64(value);
		*text = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
		if (*text != NULL)
			*text = MemoryContextStrdup(caller, *text);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return result;
}

Datum
tg_allowlist_author(void)
{
	return DirectFunctionCall1(namein,
							   CStringGetDatum(GetUserNameFromId(GetSessionUserId(),
																 false)));
}

Datum
tg_allowlist_expiry(FunctionCallInfo fcinfo, int n, char *null)
{
	if (PG_ARGISNULL(n))
	{
		*null = 'n';
		return (Datum) 0;
	}
	if (PG_GETARG_TIMESTAMPTZ(n) <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expires_at must be in the future"),
				 errhint("Omit it for an entry that does not expire.")));
	return PG_GETARG_DATUM(n);
}

char *
tg_allowlist_reason(FunctionCallInfo fcinfo, int n, const char *what,
					const char *question)
{
	char	   *reason = PG_ARGISNULL(n) ? pstrdup("") :
		text_to_cstring(PG_GETARG_TEXT_PP(n));

	if (tg_is_blank(reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reason is required to %s", what),
				 errhint("Say %s: the next reader has nothing else to go by.",
						 question)));
	if (tg_is_placeholder(reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is a placeholder and no reason", reason),
				 errhint("Say %s: the next reader has nothing else to go by.",
						 question)));
	return reason;
}

void
tg_allowlist_insert(const AllowlistEntry *entry, Datum expires_at,
					char expires_null)
{
	Oid			types[] = {TEXTOID, NAMEOID, NAMEOID, TEXTOID, TEXTOID, TEXTOID, NAMEOID, TIMESTAMPTZOID, BOOLOID, TEXTOID};
	Datum		values[10] = {0};
	char		nulls[] = "          ";

	values[0] = CStringGetTextDatum(tg_allowlist_kind_name(entry->kind));
	values[1] = NameGetDatum(&entry->schema);
	values[2] = NameGetDatum(&entry->table);
	values[3] = CStringGetTextDatum(entry->rule);
	values[4] = CStringGetTextDatum(entry->object);
	values[5] = CStringGetTextDatum(entry->reason);
	values[6] = tg_allowlist_author();
	values[7] = expires_at;
	nulls[7] = expires_null;
	values[8] = BoolGetDatum(entry->sealed);
	if (entry->fingerprint != NULL)
		values[9] = CStringGetTextDatum(entry->fingerprint);
	else
		nulls[9] = 'n';

	tg_allowlist_write("INSERT INTO trovella_guard.allowlist"
					   " (kind, schema_name, table_name, rule, object, reason, added_by, expires_at, sealed, fingerprint)"
					   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
					   " ON CONFLICT (kind, schema_name, table_name, rule, object, adopted) DO UPDATE"
					   " SET reason = EXCLUDED.reason, added_by = EXCLUDED.added_by,"
					   " added_at = EXCLUDED.added_at, expires_at = EXCLUDED.expires_at,"
					   " sealed = EXCLUDED.sealed, fingerprint = EXCLUDED.fingerprint",
					   10, types, values, nulls, NULL);
}

/*
 * Debts are removed only if there is no decision, so that taking back a mistaken
 * allow() leaves the debts as they were.
 */
bool
tg_allowlist_delete(const AllowlistEntry *entry)
{
	Oid			types[] = {TEXTOID, NAMEOID, NAMEOID, TEXTOID, TEXTOID};
	Datum		values[5];

	values[0] = CStringGetTextDatum(tg_allowlist_kind_name(entry->kind));
	values[1] = NameGetDatum(&entry->schema);
	values[2] = NameGetDatum(&entry->table);
	values[3] = CStringGetTextDatum(entry->rule);
	values[4] = CStringGetTextDatum(entry->object);
	return tg_allowlist_write("DELETE FROM trovella_guard.allowlist"
							  " WHERE kind = $1 AND schema_name = $2 AND table_name = $3"
							  " AND rule = $4 AND object = $5 AND NOT adopted",
							  5, types, values, NULL, NULL) > 0 ||
		tg_allowlist_write("DELETE FROM trovella_guard.allowlist"
						   " WHERE kind = $1 AND schema_name = $2 AND table_name = $3"
						   " AND rule = $4 AND $5 IN (object, '*') AND adopted",
						   5, types, values, NULL, NULL) > 0;
}

static void
touch_entry(Relation relation, HeapTuple tuple)
{
	TupleDesc	descriptor = RelationGetDescr(relation);
	bool		isnull;
	Name		schema = DatumGetName(heap_getattr(tuple, Anum_allowlist_schema_name,
												   descriptor, &isnull));
	Name		table = DatumGetName(heap_getattr(tuple, Anum_allowlist_table_name,
												  descriptor, &isnull));

	tg_touch(RelationGetRelid(relation),
			 tg_allowlist_hash_names(NameStr(*schema), NameStr(*table)),
			 TG_CHANGED);
}

/*
 * Trigger on the allowlist: AFTER UPDATE OR DELETE FOR EACH ROW touches
 * the old entry, so that the verdict judges what it covers; BEFORE TRUNCATE
 * refuses.
 */
Datum
trovella_guard_allowlist_changed_1_0(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"allowlist_changed\" was not called by trigger manager")));

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot truncate the allowlist"),
				 errhint("Remove entries with trovella_guard.disallow(), so that their tables are judged.")));

	if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		touch_entry(trigger->tg_relation, trigger->tg_trigtuple);
	return PointerGetDatum(NULL);
}
