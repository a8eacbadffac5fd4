/*-------------------------------------------------------------------------
 *
 * entries.c
 *		Reads the allowlist and matches findings with its entries.
 *
 * Entries name relations, because a migration allowlists a table before it
 * creates it, and because a dump must contain them.  A rename could take over
 * the exemption of another table, so tg_allowlist_taken_over() compares with the
 * names before the transaction.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "allowlist/entries.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "guard.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The entries that a key stands for, see tg_allowlist_key(). */
typedef struct EntriesOfKey
{
	uint32		key;			/* hash key, must be first */
	List	   *entries;		/* mostly of one relation, one for each rule */
} EntriesOfKey;

struct Allowlist
{
	List	   *entries;		/* all of them */
	HTAB	   *by_key;			/* of EntriesOfKey: all of them; NULL if none */
};

Oid
tg_allowlist_oid(void)
{
	Oid			schema_oid = get_namespace_oid(TG_SCHEMA, true);

	return OidIsValid(schema_oid) ?
		get_relname_relid("allowlist", schema_oid) : InvalidOid;
}

static void
add_entry(Allowlist *allowlist, AllowlistEntry *entry)
{
	uint32		key = tg_allowlist_key(entry);
	EntriesOfKey *of_key;
	bool		found;

	allowlist->entries = lappend(allowlist->entries, entry);
	if (allowlist->by_key == NULL)
		allowlist->by_key = tg_hash_create("trovella_guard allowlist keys",
										   sizeof(uint32),
										   sizeof(EntriesOfKey),
										   CurrentMemoryContext);
	of_key = hash_search(allowlist->by_key, &key, HASH_ENTER, &found);
	of_key->entries = lappend(found ? of_key->entries : NIL, entry);
}

List *
tg_allowlist_entries_of(const Allowlist *allowlist, uint32 key)
{
	EntriesOfKey *of_key = allowlist->by_key == NULL ? NULL :
		hash_search(allowlist->by_key, &key, HASH_FIND, NULL);

	return of_key != NULL ? of_key->entries : NIL;
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
		namestrcpy(&entry->schema,
				   NameStr(*DatumGetName(slot->tts_values[Anum_allowlist_schema_name - 1])));
		namestrcpy(&entry->table,
				   NameStr(*DatumGetName(slot->tts_values[Anum_allowlist_table_name - 1])));
		entry->rule = TextDatumGetCString(slot->tts_values[Anum_allowlist_rule - 1]);
		entry->reason = TextDatumGetCString(slot->tts_values[Anum_allowlist_reason - 1]);
		entry->adopted =
			DatumGetBool(slot->tts_values[Anum_allowlist_adopted - 1]);
		if (slot->tts_isnull[Anum_allowlist_expires_at - 1])
			TIMESTAMP_NOEND(entry->expires_at);
		else
			entry->expires_at =
				DatumGetTimestampTz(slot->tts_values[Anum_allowlist_expires_at - 1]);
		entry->expired = entry->expires_at <= now;
		entry->tid = slot->tts_tid;

		tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);
		entry->fresh =
			TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
		if (should_free)
			heap_freetuple(tuple);
		add_entry(allowlist, entry);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, AccessShareLock);
	return allowlist;
}

/*
 * The entry that names exactly this schema and table (or "*"), covers the rule
 * and has not expired.
 */
static const AllowlistEntry *
find_entry(const Allowlist *allowlist, const char *schema, const char *table,
		   const char *rule, bool adopted)
{
	uint32		key = tg_allowlist_hash_names(schema, table);
	const AllowlistEntry *for_any_rule = NULL;
	ListCell   *lc;

	foreach(lc, tg_allowlist_entries_of(allowlist, key))
	{
		AllowlistEntry *entry = lfirst(lc);

		if (entry->expired || entry->adopted != adopted ||
			strcmp(NameStr(entry->schema), schema) != 0 ||
			strcmp(NameStr(entry->table), table) != 0)
			continue;
		if (strcmp(entry->rule, rule) == 0)
			return entry;
		if (strcmp(entry->rule, TG_ANY) == 0)
			for_any_rule = entry;
	}
	return for_any_rule;
}

/*
 * May an entry for the whole schema cover the relation?  Not if the relation is
 * an inheritance child of a tenant table that the allowlist does not cover: the
 * entry was not made for the rows of a table elsewhere.
 */
static bool
schema_entry_applies(const Allowlist *allowlist, FactsReader *reader,
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
			find_entry(allowlist, ancestor->schema, TG_ANY, rule,
					   adopted) == NULL)
			alone = false;
	}
	return alone;
}

/*
 * An entry for a relation covers its partitions at all levels.  An entry for a
 * schema covers a partition only if it covers the partitioned table.
 */
static const AllowlistEntry *
match(const Allowlist *allowlist, FactsReader *reader,
	  const RelationFacts *facts, const char *rule, bool adopted)
{
	if (allowlist->by_key == NULL)
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
			entry = find_entry(allowlist, facts->schema, TG_ANY, rule, adopted);
			return entry != NULL &&
				schema_entry_applies(allowlist, reader, facts, rule, adopted) ?
				entry : NULL;
		}
		facts = tg_facts_outline(reader, linitial_oid(facts->parents));
	}
	return NULL;
}

const AllowlistEntry *
tg_allowlist_match(const Allowlist *allowlist, FactsReader *reader,
				   const RelationFacts *facts, const char *rule,
				   Oid other_relid)
{
	const AllowlistEntry *entry = match(allowlist, reader, facts, rule, false);
	const RelationFacts *other;

	/* An entry for a schema was not made for the rows of a table elsewhere */
	if (entry != NULL && strcmp(NameStr(entry->table), TG_ANY) == 0 &&
		OidIsValid(other_relid))
	{
		other = tg_facts_outline(reader, other_relid);
		if (other != NULL &&
			match(allowlist, reader, other, rule, false) == NULL)
			return NULL;
	}
	return entry;
}

const AllowlistEntry *
tg_allowlist_debt(const Allowlist *allowlist, FactsReader *reader,
				  const RelationFacts *facts, const char *rule)
{
	return match(allowlist, reader, facts, rule, true);
}

void
tg_allowlist_mark_used(const AllowlistEntry *entry)
{
	((AllowlistEntry *) entry)->used = true;
}

List *
tg_allowlist_entries(const Allowlist *allowlist)
{
	return allowlist->entries;
}

const AllowlistEntry *
tg_allowlist_match_other(const Allowlist *allowlist, FactsReader *reader,
						 Oid other_relid)
{
	const RelationFacts *other;

	if (allowlist->by_key == NULL || !OidIsValid(other_relid))
		return NULL;
	other = tg_facts_outline(reader, other_relid);
	return other != NULL ?
		tg_allowlist_match(allowlist, reader, other, TG_ANY, InvalidOid) : NULL;
}

const char *
tg_allowlist_taken_over(const Allowlist *after, FactsReader *after_reader,
						const RelationFacts *after_facts,
						const Allowlist *before, FactsReader *before_reader,
						const RelationFacts *before_facts)
{
	if (after->by_key == NULL)
		return NULL;

	for (int i = 0; i < tg_rules_count; i++)
	{
		const char *rule = tg_rules[i].name;
		const AllowlistEntry *entry = tg_allowlist_match(after, after_reader,
														 after_facts, rule,
														 InvalidOid);

		if (entry != NULL && !entry->fresh &&
			tg_allowlist_match(before, before_reader, before_facts,
							   rule, InvalidOid) == NULL)
			return psprintf("%s.%s", NameStr(entry->schema),
							NameStr(entry->table));
	}
	return NULL;
}

uint32
tg_allowlist_hash_names(const char *schema, const char *table)
{
	NameData	names[2];

	/* Pads with zeroes, because all bytes count */
	namestrcpy(&names[0], schema);
	namestrcpy(&names[1], table);
	return hash_bytes((const unsigned char *) names, sizeof(names));
}

uint32
tg_allowlist_key(const AllowlistEntry *entry)
{
	return tg_allowlist_hash_names(NameStr(entry->schema),
								   NameStr(entry->table));
}

bool
tg_allowlist_same(const AllowlistEntry *one, const AllowlistEntry *other)
{
	return namestrcmp((Name) &one->schema, NameStr(other->schema)) == 0 &&
		namestrcmp((Name) &one->table, NameStr(other->table)) == 0 &&
		strcmp(one->rule, other->rule) == 0 &&
		one->adopted == other->adopted &&
		one->expires_at == other->expires_at;
}
