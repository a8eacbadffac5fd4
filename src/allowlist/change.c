/*-------------------------------------------------------------------------
 *
 * change.c
 *		allow() and disallow(), and the trigger on the allowlist.
 *
 * Both functions write with the privileges of the extension's owner, so that a
 * role needs only EXECUTE on them.  They are not SECURITY DEFINER, because they
 * look up unqualified names in the caller's search_path, which such a function
 * would have to replace.
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
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "guard.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"
#include "watch/touched.h"

PG_FUNCTION_INFO_V1(trovella_guard_allow_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_disallow_1_0);
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
 * Splits "schema.table", "schema.*" or "table".  An unqualified name means the
 * visible relation, or else one in the schema where CREATE would put it.
 */
static void
parse_relation(const char *raw, Name schema, Name table)
{
	char	   *copy = pstrdup(raw);
	List	   *names;

	if (!SplitIdentifierString(copy, '.', &names) ||
		list_length(names) < 1 || list_length(names) > 2 ||
		*(char *) linitial(names) == '\0' || *(char *) llast(names) == '\0' ||
		(list_length(names) == 2 && strcmp(linitial(names), TG_ANY) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid relation name \"%s\"", raw),
				 errhint("Write schema.table, or schema.* for a whole schema; quote names that are not lower case.")));

	if (list_length(names) == 2)
	{
		namestrcpy(schema, linitial(names));
		namestrcpy(table, lsecond(names));
	}
	else
	{
		Oid			relid = RelnameGetRelid(linitial(names));
		Oid			schema_oid = InvalidOid;
		List	   *path = fetch_search_path(false);
		char	   *schema_name;

		if (strcmp(linitial(names), TG_ANY) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("invalid relation name \"%s\"", raw),
					 errhint("Write schema.* for a whole schema.")));

		/* Nothing is locked, so the relation may be gone by now */
		if (OidIsValid(relid))
			schema_oid = get_rel_namespace(relid);
		if (!OidIsValid(schema_oid) && path != NIL)
			schema_oid = linitial_oid(path);
		schema_name = get_namespace_name(schema_oid);
		if (schema_name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_SCHEMA),
					 errmsg("no schema has been selected for relation \"%s\"",
							raw),
					 errhint("Write schema.table.")));
		namestrcpy(schema, schema_name);
		namestrcpy(table, linitial(names));
	}

	/* The entry of a table that is really named "*" would cover its schema */
	if (strcmp(NameStr(*table), TG_ANY) == 0 && strstr(raw, "\"*\"") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("a relation named \"*\" cannot be on the allowlist"),
				 errhint("Write schema.* without quotes for a whole schema.")));
}

/* The rule's name in argument "n", checked. */
static char *
rule_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *rule;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rule must not be null"),
				 errhint("Use '*' for every rule, or one of: %s.",
						 tg_rule_names())));
	rule = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (strcmp(rule, TG_ANY) != 0 && tg_rule_by_name(rule) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no rule \"%s\"", rule),
				 errhint("Use '*' for every rule, or one of: %s.",
						 tg_rule_names())));
	return rule;
}

static void
relation_argument(FunctionCallInfo fcinfo, Name schema, Name table)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null"),
				 errhint("Write schema.table, or schema.* for a whole schema.")));
	parse_relation(text_to_cstring(PG_GETARG_TEXT_PP(0)), schema, table);
}

/*
 * Replaces the caller's search_path as well as the user: the statement must not
 * find operators of the caller.
 */
uint64
tg_allowlist_write(const char *sql, int nargs, Oid *types, Datum *values,
				   const char *nulls, Tuplestorestate *returned)
{
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;
	Oid			relid = tg_allowlist_oid();
	uint64		processed;

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
		elog(ERROR, "could not write the allowlist");

	AtEOXact_GUC(true, save_nestlevel);
	SetUserIdAndSecContext(save_userid, save_sec_context);

	processed = SPI_processed;
	for (uint64 i = 0; returned != NULL && i < processed; i++)
		tuplestore_puttuple(returned, SPI_tuptable->vals[i]);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return processed;
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

/*
 * allow(relation text, reason text, rule text, expires_at timestamptz)
 */
Datum
trovella_guard_allow_1_0(PG_FUNCTION_ARGS)
{
	NameData	schema;
	NameData	table;
	char	   *reason;
	char	   *rule;
	Oid			types[] = {NAMEOID, NAMEOID, TEXTOID, TEXTOID, NAMEOID, TIMESTAMPTZOID};
	Datum		values[6];
	char		nulls[] = "      ";

	relation_argument(fcinfo, &schema, &table);

	reason = PG_ARGISNULL(1) ? pstrdup("") :
		text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (tg_is_blank(reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reason is required to allowlist \"%s.%s\"",
						NameStr(schema), NameStr(table)),
				 errhint("Say why the table needs no tenant isolation: the next reader has nothing else to go by.")));

	rule = rule_argument(fcinfo, 2);

	values[0] = NameGetDatum(&schema);
	values[1] = NameGetDatum(&table);
	values[2] = CStringGetTextDatum(rule);
	values[3] = CStringGetTextDatum(reason);
	values[4] = tg_allowlist_author();
	values[5] = tg_allowlist_expiry(fcinfo, 3, &nulls[5]);

	tg_allowlist_write("INSERT INTO trovella_guard.allowlist"
					   " (schema_name, table_name, rule, reason, added_by, expires_at)"
					   " VALUES ($1, $2, $3, $4, $5, $6)"
					   " ON CONFLICT (schema_name, table_name, rule) DO UPDATE"
					   " SET reason = EXCLUDED.reason, added_by = EXCLUDED.added_by,"
					   " added_at = EXCLUDED.added_at, expires_at = EXCLUDED.expires_at,"
					   " adopted = false",
					   6, types, values, nulls, NULL);
	PG_RETURN_VOID();
}

/*
 * disallow(relation text, rule text)
 */
Datum
trovella_guard_disallow_1_0(PG_FUNCTION_ARGS)
{
	NameData	schema;
	NameData	table;
	char	   *rule;
	Oid			types[] = {NAMEOID, NAMEOID, TEXTOID};
	Datum		values[3];

	relation_argument(fcinfo, &schema, &table);
	rule = rule_argument(fcinfo, 1);

	values[0] = NameGetDatum(&schema);
	values[1] = NameGetDatum(&table);
	values[2] = CStringGetTextDatum(rule);
	if (tg_allowlist_write("DELETE FROM trovella_guard.allowlist"
						   " WHERE schema_name = $1 AND table_name = $2 AND rule = $3",
						   3, types, values, NULL, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no allowlist entry for \"%s.%s\" and rule \"%s\"",
						NameStr(schema), NameStr(table), rule),
				 errhint("The entries are in trovella_guard.allowlist.")));
	PG_RETURN_VOID();
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
