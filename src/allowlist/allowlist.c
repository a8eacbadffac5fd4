/*-------------------------------------------------------------------------
 *
 * allowlist.c
 *		Which findings are waived, by whom and why.
 *
 * The verdict and the audit ask whether an entry covers a finding.  allow()
 * and disallow() write entries, as do adopt() and prune() (adopt.c); whoever
 * writes, the trigger on the table has judged anew what an entry has covered.
 *
 * Notes:
 *
 * 1. Entries name relations, because a migration allowlists a table before it
 * creates it, and because a dump must carry them.  What a name alone would
 * allow, taking over somebody else's exemption by a rename, is found by
 * comparing with the names before the transaction (tg_allowlist_gained).
 *
 * 2. allow() and disallow() write with the rights of the extension's owner,
 * so that a role needs nothing but EXECUTE on them.  They are not SECURITY
 * DEFINER, because an unqualified name is looked up in the caller's
 * search_path, which such a function would have to give up.
 *
 * 3. An entry is touched by whoever writes it.  What it covers is looked up at
 * the verdict, which locks the entry against those who rely on it (locks.c).
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "allowlist/allowlist.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "compat.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "guard.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "watch/touched.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

/* Columns of trovella_guard.allowlist */
enum
{
	Anum_allowlist_schema_name = 1,
	Anum_allowlist_table_name,
	Anum_allowlist_rule,
	Anum_allowlist_reason,
	Anum_allowlist_added_by,
	Anum_allowlist_added_at,
	Anum_allowlist_expires_at,
	Anum_allowlist_adopted
};

#define ANY "*"

typedef struct AllowlistKey
{
	NameData	schema;
	NameData	table;
} AllowlistKey;

typedef struct AllowlistBucket
{
	AllowlistKey key;			/* hash key, must be first */
	List	   *entries;		/* of AllowlistEntry, one for each rule */
} AllowlistBucket;

struct Allowlist
{
	List	   *entries;		/* all of them */
	HTAB	   *buckets;		/* those that count; NULL if there are none */
};

PG_FUNCTION_INFO_V1(trovella_guard_allow_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_disallow_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_allowlist_changed_1_0);

Oid
tg_allowlist_oid(void)
{
	Oid			schema_oid = get_namespace_oid(TG_SCHEMA, true);

	return OidIsValid(schema_oid) ?
		get_relname_relid("allowlist", schema_oid) : InvalidOid;
}

/* Its owner is the extension's owner. */
static Oid
allowlist_owner(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Oid			owner = relation->rd_rel->relowner;

	table_close(relation, NoLock);
	return owner;
}

static void
add_entry(Allowlist *allowlist, AllowlistEntry *entry)
{
	AllowlistKey key;
	AllowlistBucket *bucket;
	bool		found;

	if (allowlist->buckets == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(AllowlistKey);
		ctl.entrysize = sizeof(AllowlistBucket);
		ctl.hcxt = CurrentMemoryContext;
		allowlist->buckets = hash_create("trovella_guard allowlist", 64, &ctl,
										 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	key.schema = entry->schema;
	key.table = entry->table;
	bucket = hash_search(allowlist->buckets, &key, HASH_ENTER, &found);
	if (!found)
		bucket->entries = NIL;
	bucket->entries = lappend(bucket->entries, entry);
}

Allowlist *
tg_allowlist_read(Snapshot snapshot, TimestampTz now)
{
	Allowlist  *allowlist = palloc0(sizeof(Allowlist));
	Oid			relid = tg_allowlist_oid();
	Relation	relation;
	TupleTableSlot *slot;
	TableScanDesc scan;

	if (!OidIsValid(relid))
		return allowlist;

	relation = table_open(relid, AccessShareLock);
	slot = table_slot_create(relation, NULL);
	scan = table_beginscan(relation, snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		AllowlistEntry *entry;
		HeapTuple	tuple;
		bool		should_free;

		slot_getallattrs(slot);
		entry = palloc0(sizeof(AllowlistEntry));
		/* namestrcpy() pads with zeroes, as a hash of the bytes needs it */
		namestrcpy(&entry->schema,
				   NameStr(*DatumGetName(slot->tts_values[Anum_allowlist_schema_name - 1])));
		namestrcpy(&entry->table,
				   NameStr(*DatumGetName(slot->tts_values[Anum_allowlist_table_name - 1])));
		entry->rule = TextDatumGetCString(slot->tts_values[Anum_allowlist_rule - 1]);
		entry->reason = TextDatumGetCString(slot->tts_values[Anum_allowlist_reason - 1]);
		entry->adopted =
			DatumGetBool(slot->tts_values[Anum_allowlist_adopted - 1]);
		entry->expired = !slot->tts_isnull[Anum_allowlist_expires_at - 1] &&
			DatumGetTimestampTz(slot->tts_values[Anum_allowlist_expires_at - 1]) <= now;
		entry->tid = slot->tts_tid;

		tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);
		entry->fresh =
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
		if (should_free)
			heap_freetuple(tuple);
		allowlist->entries = lappend(allowlist->entries, entry);
		if (!entry->expired)
			add_entry(allowlist, entry);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, AccessShareLock);
	return allowlist;
}

/*
 * The entry that names exactly this schema and table (or "*") and covers the
 * rule.
 */
static const AllowlistEntry *
find_entry(const Allowlist *allowlist, const char *schema, const char *table,
		   const char *rule, bool adopted)
{
	AllowlistKey key;
	AllowlistBucket *bucket;
	const AllowlistEntry *for_any_rule = NULL;
	ListCell   *lc;

	namestrcpy(&key.schema, schema);
	namestrcpy(&key.table, table);
	bucket = hash_search(allowlist->buckets, &key, HASH_FIND, NULL);
	if (bucket == NULL)
		return NULL;
	foreach(lc, bucket->entries)
	{
		AllowlistEntry *entry = lfirst(lc);

		if (entry->adopted != adopted)
			continue;
		if (strcmp(entry->rule, rule) == 0)
			return entry;
		if (strcmp(entry->rule, ANY) == 0)
			for_any_rule = entry;
	}
	return for_any_rule;
}

/*
 * Is the relation in its schema for its own sake?  An entry for a whole schema
 * speaks of what is there, not of the rows of a tenant table that stands
 * elsewhere and of which the relation is an inheritance child.
 */
static bool
stands_alone(const Allowlist *allowlist, FactsReader *reader,
			 const RelationFacts *facts, const char *rule, bool adopted)
{
	bool		alone;
	List	   *ancestors;
	ListCell   *lc;

	if (facts->parents == NIL)
		return true;
	ancestors = tg_facts_ancestors(reader, facts->relid, &alone);
	foreach(lc, ancestors)
	{
		const RelationFacts *ancestor = tg_facts_outline(reader,
														 lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (ancestor != NULL && tg_is_tenant_table(ancestor) &&
			find_entry(allowlist, ancestor->schema, ancestor->name, rule,
					   adopted) == NULL &&
			find_entry(allowlist, ancestor->schema, ANY, rule,
					   adopted) == NULL)
			alone = false;
	}
	return alone;
}

/*
 * An entry for a relation covers its partitions, and theirs.  One for a schema
 * covers a partition only if it covers the table of which it is one.
 */
static const AllowlistEntry *
match(const Allowlist *allowlist, FactsReader *reader,
	  const RelationFacts *facts, const char *rule, bool adopted)
{
	if (allowlist->buckets == NULL)
		return NULL;

	while (facts != NULL)
	{
		const AllowlistEntry *entry = find_entry(allowlist, facts->schema,
												 facts->name, rule, adopted);

		CHECK_FOR_INTERRUPTS();
		if (entry != NULL)
			return entry;
		if (!facts->partition || facts->parents == NIL ||
			facts->tenant == NULL)
		{
			entry = find_entry(allowlist, facts->schema, ANY, rule, adopted);
			return entry != NULL &&
				stands_alone(allowlist, reader, facts, rule, adopted) ?
				entry : NULL;
		}
		facts = tg_facts_outline(reader, linitial_oid(facts->parents));
	}
	return NULL;
}

const AllowlistEntry *
tg_allowlist_match(const Allowlist *allowlist, FactsReader *reader,
				   const RelationFacts *facts, const char *rule)
{
	return match(allowlist, reader, facts, rule, false);
}

const AllowlistEntry *
tg_allowlist_debt(const Allowlist *allowlist, FactsReader *reader,
				  const RelationFacts *facts, const char *rule)
{
	return match(allowlist, reader, facts, rule, true);
}

void
tg_allowlist_use(const AllowlistEntry *entry)
{
	((AllowlistEntry *) entry)->used = true;
}

List *
tg_allowlist_entries(const Allowlist *allowlist)
{
	return allowlist->entries;
}

const AllowlistEntry *
tg_allowlist_void(const Allowlist *allowlist, FactsReader *reader,
				  Oid other_relid)
{
	const RelationFacts *other;

	if (allowlist->buckets == NULL || !OidIsValid(other_relid))
		return NULL;
	other = tg_facts_outline(reader, other_relid);
	return other != NULL ?
		tg_allowlist_match(allowlist, reader, other, ANY) : NULL;
}

const char *
tg_allowlist_gained(const Allowlist *after, FactsReader *after_reader,
					const RelationFacts *after_facts,
					const Allowlist *before, FactsReader *before_reader,
					const RelationFacts *before_facts)
{
	if (after->buckets == NULL)
		return NULL;

	for (int i = 0; i < tg_rules_count; i++)
	{
		const char *rule = tg_rules[i].name;
		const AllowlistEntry *entry = tg_allowlist_match(after, after_reader,
														 after_facts, rule);

		if (entry != NULL && !entry->fresh &&
			tg_allowlist_match(before, before_reader, before_facts,
							   rule) == NULL)
			return psprintf("%s.%s", NameStr(entry->schema),
							NameStr(entry->table));
	}
	return NULL;
}

/* namestrcpy() has padded the names with zeroes. */
static uint32
key_of_names(const AllowlistKey *key)
{
	return hash_bytes((const unsigned char *) key, sizeof(AllowlistKey));
}

uint32
tg_allowlist_key(const AllowlistEntry *entry)
{
	AllowlistKey key = {entry->schema, entry->table};

	return key_of_names(&key);
}

/*
 * Splits "schema.table", "schema.*" or "table".  An unqualified name is that
 * of the visible relation, or of one that would be created now.
 */
static void
parse_relation(const char *raw, Name schema, Name table)
{
	char	   *copy = pstrdup(raw);
	List	   *names;

	if (!SplitIdentifierString(copy, '.', &names) ||
		list_length(names) < 1 || list_length(names) > 2 ||
		*(char *) linitial(names) == '\0' || *(char *) llast(names) == '\0' ||
		(list_length(names) == 2 && strcmp(linitial(names), ANY) == 0))
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

		if (strcmp(linitial(names), ANY) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("invalid relation name \"%s\"", raw),
					 errhint("Write schema.* for a whole schema.")));

		/* Nothing is locked, so what was there a moment ago may be gone */
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

	/* A table that is really called "*" would open its whole schema */
	if (strcmp(NameStr(*table), ANY) == 0 && strstr(raw, "\"*\"") != NULL)
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
	if (strcmp(rule, ANY) != 0 && tg_rule_by_name(rule) < 0)
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
 * The caller's search_path is put aside with the caller's rights: what runs
 * here must not find the caller's operators.
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
	save_nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);

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
	bool		blank = true;
	Oid			types[] = {NAMEOID, NAMEOID, TEXTOID, TEXTOID, NAMEOID, TIMESTAMPTZOID};
	Datum		values[6];
	char		nulls[] = "      ";

	relation_argument(fcinfo, &schema, &table);

	reason = PG_ARGISNULL(1) ? pstrdup("") :
		text_to_cstring(PG_GETARG_TEXT_PP(1));
	for (const char *c = reason; *c != '\0'; c++)
	{
		if (!isspace((unsigned char) *c))
			blank = false;
	}
	if (blank)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reason is required to allowlist \"%s.%s\"",
						NameStr(schema), NameStr(table)),
				 errhint("Say why the table needs no tenant isolation: the next reader has nothing else to go by.")));

	rule = rule_argument(fcinfo, 2);

	if (!PG_ARGISNULL(3) &&
		PG_GETARG_TIMESTAMPTZ(3) <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expires_at must be in the future"),
				 errhint("Leave it out for an entry that does not expire.")));

	values[0] = NameGetDatum(&schema);
	values[1] = NameGetDatum(&table);
	values[2] = CStringGetTextDatum(rule);
	values[3] = CStringGetTextDatum(reason);
	values[4] = tg_allowlist_author();
	if (PG_ARGISNULL(3))
		nulls[5] = 'n';
	else
		values[5] = PG_GETARG_DATUM(3);

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
	AllowlistKey key;
	bool		isnull;
	Datum		value;

	value = heap_getattr(tuple, Anum_allowlist_schema_name, descriptor, &isnull);
	namestrcpy(&key.schema, NameStr(*DatumGetName(value)));
	value = heap_getattr(tuple, Anum_allowlist_table_name, descriptor, &isnull);
	namestrcpy(&key.table, NameStr(*DatumGetName(value)));
	tg_touch(RelationGetRelid(relation), key_of_names(&key), TG_ALTERED);
}

/*
 * Trigger on the allowlist: AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW
 * touches the entry, so that the verdict judges what it covers; BEFORE TRUNCATE
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
	{
		touch_entry(trigger->tg_relation, trigger->tg_trigtuple);
		if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
			touch_entry(trigger->tg_relation, trigger->tg_newtuple);
	}
	return PointerGetDatum(NULL);
}
