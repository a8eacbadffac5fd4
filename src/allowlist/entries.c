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
 * A sealed entry answers only while nobody but its owner can reach the relation
 * that the finding is about (tg_is_sealed).  So it cannot be taken over.
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
#include "compat.h"
#include "executor/tuptable.h"
#include "guard.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

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
	Decisions	decisions;
	bool		has_debts;
	bool		has_seals;
	bool		has_attestations;
	AskAttested ask_attested;	/* or NULL */
	void	   *ask_arg;
};

/* Which entries are looked up. */
typedef enum EntryClass
{
	DECISIONS,					/* sealed ones while the relation is sealed */
	UNSEALED_DECISIONS,
	DECISIONS_IF_SEALED,		/* as if the relation were sealed */
	VOID_ATTESTATIONS,			/* decisions that do not count any more */
	DEBTS,
	OVERDUE_DEBTS
} EntryClass;

/* What an entry is looked up for. */
typedef struct Lookup
{
	const Allowlist *allowlist;
	FactsReader *reader;
	const RelationFacts *facts; /* of the relation with the finding */
	const char *rule;
	const char *object;
	EntryClass	class;
	enum
	{
		SEAL_UNKNOWN,
		SEAL_HOLDS,
		SEAL_BROKEN
	}			seal;			/* of the relation */
} Lookup;

static const char *const kind_names[] = {
	[TG_ENTRY_RELATION] = "relation",
	[TG_ENTRY_ROLE] = "role",
	[TG_ENTRY_BYPASS] = "bypass"
};

AllowlistKind
tg_allowlist_kind(const char *name)
{
	for (int i = 0; i < (int) lengthof(kind_names); i++)
	{
		if (strcmp(kind_names[i], name) == 0)
			return (AllowlistKind) i;
	}
	elog(ERROR, "unknown kind of allowlist entry: \"%s\"", name);
}

const char *
tg_allowlist_kind_name(AllowlistKind kind)
{
	return kind_names[kind];
}

Oid
tg_allowlist_oid(void)
{
	Oid			schema_oid = get_namespace_oid(TG_SCHEMA, true);

	return OidIsValid(schema_oid) ?
		get_relname_relid("allowlist", schema_oid) : InvalidOid;
}

/* Makes an entry known by its key. */
static void
add_by_key(const Allowlist *allowlist, AllowlistEntry *entry)
{
	uint32		key = tg_allowlist_key(entry);
	bool		found;
	EntriesOfKey *of_key = hash_search(allowlist->by_key, &key, HASH_ENTER,
									   &found);

	of_key->entries = lappend(found ? of_key->entries : NIL, entry);
}

static void
add_entry(Allowlist *allowlist, AllowlistEntry *entry)
{
	allowlist->entries = lappend(allowlist->entries, entry);
	if (allowlist->by_key == NULL)
		allowlist->by_key = tg_hash_create("trovella_guard allowlist keys",
										   sizeof(uint32),
										   sizeof(EntriesOfKey),
										   CurrentMemoryContext);
	add_by_key(allowlist, entry);
}

void
tg_allowlist_take_names(const Allowlist *allowlist, AllowlistEntry *entry)
{
	entry->schema = entry->follows->schema;
	entry->table = entry->follows->table;
	entry->object = entry->follows->object;
	entry->follows = NULL;
	add_by_key(allowlist, entry);
}

List *
tg_allowlist_entries_of(const Allowlist *allowlist, uint32 key)
{
	EntriesOfKey *of_key = allowlist->by_key == NULL ? NULL :
		hash_search(allowlist->by_key, &key, HASH_FIND, NULL);

	return of_key != NULL ? of_key->entries : NIL;
}

/* Adds an entry that has not expired to the decisions about roles and switches. */
static void
add_decision(Decisions *decisions, const AllowlistEntry *entry)
{
	if (entry->kind == TG_ENTRY_ROLE)
	{
		ExcusedRole *role = palloc(sizeof(ExcusedRole));

		role->name = entry->object;
		role->reason = entry->reason;
		decisions->excused_roles = lappend(decisions->excused_roles, role);
	}
	else
	{
		DeclaredBypass *bypass = palloc(sizeof(DeclaredBypass));

		/* Somebody may have written the row without allow_bypass() */
		if (!tg_parse_switch(entry->object, bypass))
			return;
		bypass->reason = entry->reason;
		decisions->bypasses = lappend(decisions->bypasses, bypass);
	}
}

/* Makes an entry of a row of the allowlist, or (sent) of a worker's copy. */
static AllowlistEntry *
make_entry(TupleTableSlot *slot, bool sent, TimestampTz now)
{
	AllowlistEntry *entry = palloc0(sizeof(AllowlistEntry));
	HeapTuple	tuple;
	bool		should_free;

	slot_getallattrs(slot);
	entry->kind = tg_allowlist_kind(TextDatumGetCString(slot->tts_values[Anum_allowlist_kind - 1]));
	namestrcpy(&entry->schema,
			   NameStr(*DatumGetName(slot->tts_values[Anum_allowlist_schema_name - 1])));
	namestrcpy(&entry->table,
			   NameStr(*DatumGetName(slot->tts_values[Anum_allowlist_table_name - 1])));
	entry->rule = TextDatumGetCString(slot->tts_values[Anum_allowlist_rule - 1]);
	entry->object = TextDatumGetCString(slot->tts_values[Anum_allowlist_object - 1]);
	entry->reason = TextDatumGetCString(slot->tts_values[Anum_allowlist_reason - 1]);
	entry->author = *DatumGetName(slot->tts_values[Anum_allowlist_added_by - 1]);
	entry->added_at =
		DatumGetTimestampTz(slot->tts_values[Anum_allowlist_added_at - 1]);
	entry->adopted =
		DatumGetBool(slot->tts_values[Anum_allowlist_adopted - 1]);
	entry->sealed =
		DatumGetBool(slot->tts_values[Anum_allowlist_sealed - 1]);
	if (slot->tts_isnull[Anum_allowlist_expires_at - 1])
		TIMESTAMP_NOEND(entry->expires_at);
	else
		entry->expires_at =
			DatumGetTimestampTz(slot->tts_values[Anum_allowlist_expires_at - 1]);
	entry->expired = entry->expires_at <= now;
	if (!slot->tts_isnull[Anum_allowlist_fingerprint - 1])
		entry->fingerprint =
			TextDatumGetCString(slot->tts_values[Anum_allowlist_fingerprint - 1]);
	if (sent)
	{
		entry->sent = true;
		if (!slot->tts_isnull[Anum_allowlist_sent_owner - 1])
			entry->owner = *DatumGetName(slot->tts_values[Anum_allowlist_sent_owner - 1]);
		return entry;
	}

	entry->tid = slot->tts_tid;
	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);
	entry->fresh =
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
	if (should_free)
		heap_freetuple(tuple);
	return entry;
}

static void
read_entries(Allowlist *allowlist, Oid relid, bool sent, Snapshot snapshot,
			 TimestampTz now)
{
	Relation	relation = table_open(relid, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	TableScanDesc scan = TG_BEGINSCAN(relation, snapshot);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		AllowlistEntry *entry = make_entry(slot, sent, now);

		add_entry(allowlist, entry);
		allowlist->has_debts |= entry->adopted;
		allowlist->has_seals |= entry->sealed;
		allowlist->has_attestations |= entry->fingerprint != NULL;
		if (entry->kind != TG_ENTRY_RELATION && !entry->expired)
			add_decision(&allowlist->decisions, entry);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, AccessShareLock);
}

/* The table of a worker with the entries of the coordinator, or InvalidOid. */
static Oid
sent_entries_oid(FactsReader *reader)
{
	Oid			relid;

	if (tg_facts_citus_node(reader) != TG_CITUS_WORKER)
		return InvalidOid;
	relid = get_relname_relid("allowlist_sent", get_namespace_oid(TG_SCHEMA, true));
	return tg_facts_is_trusted_member(reader, relid) ?
		tg_facts_citus_copy(reader, relid) : InvalidOid;
}

Allowlist *
tg_allowlist_read(FactsReader *reader, TimestampTz now)
{
	Allowlist  *allowlist = palloc0(sizeof(Allowlist));
	Snapshot	snapshot = tg_facts_snapshot(reader);
	Oid			relid = tg_allowlist_oid();
	Oid			sent;

	if (!OidIsValid(relid))
		return allowlist;
	read_entries(allowlist, relid, false, snapshot, now);
	sent = sent_entries_oid(reader);
	if (OidIsValid(sent))
		read_entries(allowlist, sent, true, snapshot, now);
	return allowlist;
}

const Decisions *
tg_allowlist_decisions(const Allowlist *allowlist)
{
	return &allowlist->decisions;
}

/* Is an item of a list like "SELECT, INSERT" in another such list? */
static bool
is_in_list(const char *list, const char *item, int length)
{
	for (;;)
	{
		const char *end = strchr(list, ',');
		int			listed = end != NULL ? (int) (end - list) :
			(int) strlen(list);

		if (listed == length && strncmp(list, item, length) == 0)
			return true;
		if (end == NULL)
			return false;
		list = end + 1 + strspn(end + 1, " ");
	}
}

/*
 * Does the object of an entry include that of a finding?  Where objects are
 * commands, an entry for several of them includes each one.
 */
static bool
includes_object(const char *rule, const char *of_entry, const char *object)
{
	int			number;

	if (strcmp(of_entry, TG_ANY) == 0)
		return true;
	if (object == NULL)
		return false;
	if (strcmp(of_entry, object) == 0)
		return true;
	number = tg_rule_by_name(rule);
	if (number < 0 ||
		(tg_rules[number].check != tg_check_policy_missing &&
		 tg_rules[number].check != tg_check_grant_missing))
		return false;
	for (;;)
	{
		const char *end = strchr(object, ',');

		if (!is_in_list(of_entry, object,
						end != NULL ? (int) (end - object) :
						(int) strlen(object)))
			return false;
		if (end == NULL)
			return true;
		object = end + 1 + strspn(end + 1, " ");
	}
}

/* The entries of a relation, or (TG_ANY) of a schema; a hash may add others. */
static List *
entries_about(const Allowlist *allowlist, const char *schema, const char *table)
{
	return tg_allowlist_entries_of(allowlist,
								   tg_allowlist_hash_names(schema, table));
}

bool
tg_allowlist_names(const AllowlistEntry *entry, const char *schema,
				   const char *table)
{
	return entry->kind == TG_ENTRY_RELATION &&
		strcmp(NameStr(entry->schema), schema) == 0 &&
		strcmp(NameStr(entry->table), table) == 0;
}

List *
tg_allowlist_old_entries(const Allowlist *allowlist, const char *schema,
						 const char *table)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, entries_about(allowlist, schema, table))
	{
		AllowlistEntry *entry = lfirst(lc);

		if (!entry->fresh && !entry->sent &&
			tg_allowlist_names(entry, schema, table))
			result = lappend(result, entry);
	}
	return result;
}

const AllowlistEntry *
tg_allowlist_of_rule(const Allowlist *allowlist, const RelationFacts *facts,
					 const char *rule)
{
	const char *tables[] = {facts->name, TG_ANY};

	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		ListCell   *lc;

		foreach(lc, entries_about(allowlist, facts->schema, tables[i]))
		{
			AllowlistEntry *entry = lfirst(lc);

			if (!entry->expired && !entry->adopted && !entry->sealed &&
				tg_allowlist_names(entry, facts->schema, tables[i]) &&
				strcmp(entry->rule, rule) == 0)
				return entry;
		}
	}
	return NULL;
}

/*
 * Whoever allows a table to lose its tenant column has classified the table.
 */
static bool
includes_rule(const AllowlistEntry *entry, const char *rule,
			  const char *object)
{
	if (strcmp(entry->rule, rule) == 0)
		return includes_object(rule, entry->object, object);
	return strcmp(rule, "table_unclassified") == 0 &&
		strcmp(entry->rule, "tenant_column_lost") == 0;
}

static bool
is_of_class(const AllowlistEntry *entry, EntryClass class)
{
	bool		is_debt = class == DEBTS || class == OVERDUE_DEBTS;

	return entry->adopted == is_debt &&
		entry->expired == (class == OVERDUE_DEBTS);
}

/*
 * Was an entry made for this relation of its name?  On a worker names are free that
 * are not on the coordinator, and a role that calls its session like one of Citus
 * can register a table there: so the owner must be the one that the coordinator
 * knows.
 */
static bool
is_meant(const AllowlistEntry *entry, const RelationFacts *facts)
{
	return entry->sent ?
		strcmp(NameStr(entry->owner), tg_role_name(facts->owner)) == 0 :
		!facts->future_shard;
}

/* Does a sealed entry for all rules not waive this one? */
static bool
is_beyond_seal(const char *rule)
{
	int			number = tg_rule_by_name(rule);

	return number >= 0 && tg_rules[number].beyond_seal;
}

/*
 * Attestations
 */

void
tg_allowlist_ask_attested(Allowlist *allowlist, AskAttested ask, void *arg)
{
	allowlist->ask_attested = ask;
	allowlist->ask_arg = arg;
}

bool
tg_allowlist_has_attestations(const Allowlist *allowlist)
{
	return allowlist->has_attestations;
}

static List *
copy_objects(const List *objects)
{
	List	   *result = NIL;
	const ListCell *lc;

	foreach(lc, objects)
	{
		ObjectKey  *object = palloc(sizeof(ObjectKey));

		*object = *(const ObjectKey *) lfirst(lc);
		result = lappend(result, object);
	}
	return result;
}

AttestedState
tg_allowlist_compare(FactsReader *reader, const AllowlistEntry *entry,
					 Oid relid, List **rests_on)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard fingerprint",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const RelationFacts *facts = tg_facts_read(reader, relid);
	List	   *objects = NIL;
	bool		busy = false;
	char	   *fingerprint = facts == NULL ? NULL :
		tg_facts_fingerprint(reader, facts, &objects, &busy);
	bool		holds = fingerprint != NULL &&
		strcmp(fingerprint, entry->fingerprint) == 0;

	MemoryContextSwitchTo(old);
	if (!holds)
		*rests_on = copy_objects(objects);
	MemoryContextDelete(context);
	if (holds)
		return TG_ATTESTED_HOLDS;
	return busy ? TG_ATTESTED_UNREADABLE : TG_ATTESTED_VOID;
}

AttestedState
tg_allowlist_attested(const Allowlist *allowlist, FactsReader *reader,
					  const AllowlistEntry *entry, const RelationFacts *facts)
{
	if (allowlist->ask_attested != NULL)
		return allowlist->ask_attested(entry, facts->relid, allowlist->ask_arg);
	if (entry->attested == TG_ATTESTED_UNKNOWN)
	{
		List	   *rests_on;

		((AllowlistEntry *) entry)->attested =
			tg_allowlist_compare(reader, entry, facts->relid, &rests_on);
	}
	return entry->attested;
}

/* "2026-11-29" */
static char *
date_of(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(at, &tz, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("?");
	return psprintf("%04d-%02d-%02d", tm.tm_year, tm.tm_mon, tm.tm_mday);
}

/*
 * Is an attestation of a policy of a table about the object of the finding?  Of a
 * child, the findings about policies of its parents say which parent.
 */
static bool
attests_object(const Lookup *lookup, const AllowlistEntry *entry,
			   const RelationFacts *facts)
{
	if (facts->relid == lookup->facts->relid)
		return strcmp(lookup->object, entry->object) == 0;
	return strcmp(lookup->object,
				  psprintf("%s on %s.%s", entry->object, facts->schema,
						   facts->name)) == 0;
}

/* The attestation of a policy of this table, which is the relation or a parent. */
static const AllowlistEntry *
find_attestation(const Lookup *lookup, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, entries_about(lookup->allowlist, facts->schema, facts->name))
	{
		const AllowlistEntry *entry = lfirst(lc);

		if (entry->fingerprint != NULL && !entry->expired &&
			tg_allowlist_names(entry, facts->schema, facts->name) &&
			strcmp(entry->rule, lookup->rule) == 0 &&
			attests_object(lookup, entry, facts) &&
			(lookup->class == VOID_ATTESTATIONS) !=
			(tg_allowlist_attested(lookup->allowlist, lookup->reader, entry,
								   facts) == TG_ATTESTED_HOLDS))
			return entry;
	}
	return NULL;
}

static const AllowlistEntry *
look_up_attestation(const Lookup *lookup)
{
	const AllowlistEntry *entry;
	bool		all;
	ListCell   *lc;

	if (!lookup->allowlist->has_attestations || lookup->object == NULL ||
		lookup->class == DEBTS || lookup->class == OVERDUE_DEBTS)
		return NULL;
	entry = find_attestation(lookup, lookup->facts);
	if (entry != NULL || lookup->facts->parents == NIL)
		return entry;
	foreach(lc, tg_facts_ancestors(lookup->reader, lookup->facts->relid, &all))
	{
		const RelationFacts *ancestor = tg_facts_outline(lookup->reader,
														 lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		entry = ancestor == NULL ? NULL : find_attestation(lookup, ancestor);
		if (entry != NULL)
			return entry;
	}
	return NULL;
}

/* May a sealed entry answer? */
static bool
sealed_entry_counts(Lookup *lookup, const AllowlistEntry *entry)
{
	SealBreach	breach;

	if (lookup->class == UNSEALED_DECISIONS ||
		(strcmp(entry->rule, TG_ANY) == 0 && is_beyond_seal(lookup->rule)))
		return false;
	if (lookup->class == DECISIONS_IF_SEALED)
		return true;
	if (lookup->seal == SEAL_UNKNOWN)
		lookup->seal = tg_is_sealed(lookup->reader, lookup->facts, &breach) ?
			SEAL_HOLDS : SEAL_BROKEN;
	return lookup->seal == SEAL_HOLDS;
}

/*
 * The entry of a class that names exactly this relation, or (whole_schema) its
 * schema, and covers the rule and the object: the narrowest.
 */
static const AllowlistEntry *
find_entry(Lookup *lookup, const RelationFacts *facts, bool whole_schema)
{
	const char *schema = facts->schema;
	const char *table = whole_schema ? TG_ANY :
		facts->future_shard ? tg_facts_named_after(facts) : facts->name;
	const AllowlistEntry *for_any_rule = NULL;
	const AllowlistEntry *for_any_object = NULL;
	ListCell   *lc;

	foreach(lc, entries_about(lookup->allowlist, schema, table))
	{
		AllowlistEntry *entry = lfirst(lc);

		if (!is_of_class(entry, lookup->class) ||
			!tg_allowlist_names(entry, schema, table) ||
			entry->fingerprint != NULL ||
			!is_meant(entry, facts) ||
			(entry->sealed && !sealed_entry_counts(lookup, entry)))
			continue;
		if (strcmp(entry->rule, TG_ANY) == 0)
			for_any_rule = entry;
		if (!includes_rule(entry, lookup->rule, lookup->object))
			continue;
		if (strcmp(entry->object, TG_ANY) != 0)
			return entry;
		for_any_object = entry;
	}
	return for_any_object != NULL ? for_any_object : for_any_rule;
}

/*
 * May an entry for the whole schema cover the relation?  Not if the relation is
 * an inheritance child of a tenant table that the allowlist does not cover: the
 * entry was not made for the rows of a table elsewhere.
 */
static bool
schema_entry_applies(Lookup *lookup, const RelationFacts *facts)
{
	bool		alone;
	List	   *ancestors;
	ListCell   *lc;

	if (facts->parents == NIL)
		return true;
	ancestors = tg_facts_ancestors(lookup->reader, facts->relid, &alone);
	foreach(lc, ancestors)
	{
		const RelationFacts *ancestor = tg_facts_outline(lookup->reader,
														 lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (ancestor != NULL && tg_is_tenant_table(ancestor) &&
			find_entry(lookup, ancestor, false) == NULL &&
			find_entry(lookup, ancestor, true) == NULL)
			alone = false;
	}
	return alone;
}

/*
 * An entry for a relation covers its partitions at all levels, and its shards on
 * this node.  An entry for a schema covers a partition only if it covers the
 * partitioned table.
 */
static const AllowlistEntry *
look_up(Lookup *lookup)
{
	const RelationFacts *facts = lookup->facts;

	if (lookup->allowlist->by_key == NULL)
		return NULL;
	if (OidIsValid(facts->shard_of))
		facts = tg_facts_outline(lookup->reader, facts->shard_of);

	while (facts != NULL)
	{
		const AllowlistEntry *entry = find_entry(lookup, facts, false);

		CHECK_FOR_INTERRUPTS();
		if (entry != NULL)
			return entry;
		if (!facts->partition || facts->parents == NIL ||
			facts->tenant == NULL)
		{
			entry = find_entry(lookup, facts, true);
			return entry != NULL && schema_entry_applies(lookup, facts) ?
				entry : NULL;
		}
		facts = tg_facts_partitioned_table(lookup->reader, facts);
	}
	return NULL;
}

/*
 * Citus moves and splits a partitioned table by making the shards of partitions
 * as tables, which it attaches in a later transaction.  Until then nobody but
 * their owner may reach them, as if there were this entry.
 */
static const AllowlistEntry *
entry_of_detached_shard(Lookup *lookup)
{
	AllowlistEntry *entry;

	if (!lookup->facts->detached_shard || lookup->class == DEBTS ||
		lookup->class == OVERDUE_DEBTS)
		return NULL;
	entry = palloc0(sizeof(AllowlistEntry));
	namestrcpy(&entry->schema, lookup->facts->schema);
	namestrcpy(&entry->table, lookup->facts->name);
	entry->rule = TG_ANY;
	entry->object = TG_ANY;
	entry->reason = "a shard of a partition, which Citus has not attached yet";
	entry->sealed = true;
	entry->sent = true;
	return sealed_entry_counts(lookup, entry) ? entry : NULL;
}

static const AllowlistEntry *
match(const Allowlist *allowlist, FactsReader *reader,
	  const RelationFacts *facts, const char *rule, const char *object,
	  EntryClass class)
{
	Lookup		lookup = {
		.allowlist = allowlist,
		.reader = reader,
		.facts = facts,
		.rule = rule,
		.object = object,
		.class = class
	};
	const AllowlistEntry *entry = look_up_attestation(&lookup);

	if (entry != NULL || class == VOID_ATTESTATIONS)
		return entry;
	entry = look_up(&lookup);
	return entry != NULL ? entry : entry_of_detached_shard(&lookup);
}

const AllowlistEntry *
tg_allowlist_match(const Allowlist *allowlist, FactsReader *reader,
				   const RelationFacts *facts, const char *rule,
				   const char *object, Oid other_relid)
{
	const AllowlistEntry *entry = match(allowlist, reader, facts, rule, object,
										DECISIONS);
	const RelationFacts *other;

	/* An entry for a schema was not made for the rows of a table elsewhere */
	if (entry != NULL && strcmp(NameStr(entry->table), TG_ANY) == 0 &&
		OidIsValid(other_relid))
	{
		other = tg_facts_outline(reader, other_relid);
		if (other != NULL &&
			match(allowlist, reader, other, rule, NULL,
				  entry->sealed ? DECISIONS : UNSEALED_DECISIONS) == NULL)
			return NULL;
	}
	return entry;
}

const AllowlistEntry *
tg_allowlist_debt(const Allowlist *allowlist, FactsReader *reader,
				  const RelationFacts *facts, const char *rule,
				  const char *object)
{
	return match(allowlist, reader, facts, rule, object, DEBTS);
}

const AllowlistEntry *
tg_allowlist_overdue(const Allowlist *allowlist, FactsReader *reader,
					 const RelationFacts *facts, const char *rule,
					 const char *object)
{
	return match(allowlist, reader, facts, rule, object, OVERDUE_DEBTS);
}

bool
tg_allowlist_has_seals(const Allowlist *allowlist)
{
	return allowlist->has_seals;
}

char *
tg_allowlist_why_open(FactsReader *reader, const RelationFacts *facts)
{
	SealBreach	breach;
	const char *what = psprintf("the %s", tg_kind_name(facts->kind));
	const char *who;

	if (tg_is_sealed(reader, facts, &breach))
		return NULL;
	if (breach.relid != facts->relid)
		what = psprintf("parent \"%s\"",
						tg_facts_qualified_name(reader, breach.relid));
	who = !OidIsValid(breach.role) ? "PUBLIC" :
		psprintf("role \"%s\"", tg_role_name(breach.role));
	switch (breach.kind)
	{
		case TG_SEAL_GRANT:
			return psprintf("%s has privileges on %s", who, what);
		case TG_SEAL_OWNER:
			return psprintf("%s, a role of the application, has the rights of the owner of %s",
							who, what);
		case TG_SEAL_ALL_DATA:
			return psprintf("%s, a role of the application, has the rights of pg_read_all_data or pg_write_all_data",
							who);
		case TG_SEAL_ANCESTORS:
			return psprintf("the table has more than %d ancestors",
							TG_MAX_ANCESTORS);
	}
	return NULL;				/* keep compiler quiet */
}

const AllowlistEntry *
tg_allowlist_broken_seal(const Allowlist *allowlist, FactsReader *reader,
						 const RelationFacts *facts, Finding *finding,
						 bool explain)
{
	const AllowlistEntry *entry;
	const char *why;

	if (!allowlist->has_seals)
		return NULL;
	entry = match(allowlist, reader, facts, finding->rule->name,
				  finding->object, DECISIONS_IF_SEALED);
	if (entry == NULL || !entry->sealed)
		return NULL;
	why = tg_allowlist_why_open(reader, facts);
	if (why == NULL)
		return NULL;
	finding->breaks_seal = true;
	if (!explain)
		return entry;
	finding->message =
		psprintf("%s; the sealed allowlist entry \"%s.%s\" does not count: %s",
				 finding->message, NameStr(entry->schema),
				 NameStr(entry->table), why);
	return entry;
}

void
tg_allowlist_explain_void(const Allowlist *allowlist, FactsReader *reader,
						  const RelationFacts *facts, Finding *finding)
{
	const AllowlistEntry *entry;

	if (!allowlist->has_attestations)
		return;
	entry = match(allowlist, reader, facts, finding->rule->name,
				  finding->object, VOID_ATTESTATIONS);
	if (entry == NULL)
		return;
	finding->void_attestation = true;
	finding->message =
		psprintf(entry->attested == TG_ATTESTED_UNREADABLE ?
				 "%s; whether the attestation of %s still holds cannot be told, because somebody holds a lock on what the policies rest on" :
				 "%s; the attestation of %s is void, because the policies or what they rest on have changed",
				 finding->message, date_of(entry->added_at));
}

void
tg_allowlist_mark_rule_used(const Allowlist *allowlist, FactsReader *reader,
							const RelationFacts *facts, const char *rule)
{
	const AllowlistEntry *entry;
	ListCell   *lc;

	entry = match(allowlist, reader, facts, rule, NULL, DECISIONS);
	if (entry != NULL)
		tg_allowlist_mark_used(entry);
	for (; facts != NULL; facts = tg_facts_partitioned_table(reader, facts))
	{
		CHECK_FOR_INTERRUPTS();
		foreach(lc, entries_about(allowlist, facts->schema, facts->name))
		{
			AllowlistEntry *of_relation = lfirst(lc);

			if (!of_relation->expired &&
				tg_allowlist_names(of_relation, facts->schema, facts->name) &&
				strcmp(of_relation->rule, rule) == 0)
				of_relation->used = true;
		}
	}
}

void
tg_allowlist_mark_used(const AllowlistEntry *entry)
{
	((AllowlistEntry *) entry)->used = true;
}

bool
tg_allowlist_has_debts(const Allowlist *allowlist)
{
	return allowlist->has_debts;
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
		match(allowlist, reader, other, TG_ANY, NULL,
			  UNSEALED_DECISIONS) : NULL;
}

/* The same as tg_allowlist_taken_over(), of entries for single objects. */
static const AllowlistEntry *
object_entry_taken_over(const Allowlist *after, FactsReader *after_reader,
						const RelationFacts *after_facts,
						const Allowlist *before, FactsReader *before_reader,
						const RelationFacts *before_facts, EntryClass class)
{
	for (const RelationFacts *facts = after_facts; facts != NULL;
		 facts = tg_facts_partitioned_table(after_reader, facts))
	{
		List	   *entries = list_concat_copy(entries_about(after, facts->schema,
															 facts->name),
											   entries_about(after, facts->schema,
															 TG_ANY));
		ListCell   *lc;

		foreach(lc, entries)
		{
			const AllowlistEntry *entry = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (strcmp(entry->object, TG_ANY) != 0 && !entry->expired &&
				!entry->adopted && !entry->fresh &&
				entry->kind == TG_ENTRY_RELATION &&
				match(after, after_reader, after_facts, entry->rule,
					  entry->object, class) == entry &&
				match(before, before_reader, before_facts, entry->rule,
					  entry->object, class) == NULL)
				return entry;
		}
	}
	return NULL;
}

const char *
tg_allowlist_taken_over(const Allowlist *after, FactsReader *after_reader,
						const RelationFacts *after_facts,
						const Allowlist *before, FactsReader *before_reader,
						const RelationFacts *before_facts, bool sealed_too)
{
	EntryClass	class = sealed_too ? DECISIONS : UNSEALED_DECISIONS;
	const AllowlistEntry *entry;

	if (after->by_key == NULL)
		return NULL;

	for (int i = 0; i < tg_rules_count; i++)
	{
		const char *rule = tg_rules[i].name;

		entry = match(after, after_reader, after_facts, rule, NULL, class);
		if (entry != NULL && !entry->fresh &&
			match(before, before_reader, before_facts, rule, NULL,
				  class) == NULL)
			return psprintf("%s.%s", NameStr(entry->schema),
							NameStr(entry->table));
	}
	entry = object_entry_taken_over(after, after_reader, after_facts, before,
									before_reader, before_facts, class);
	return entry == NULL ? NULL :
		psprintf("%s.%s", NameStr(entry->schema), NameStr(entry->table));
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

uint32
tg_allowlist_decisions_key(void)
{
	return tg_allowlist_hash_names("", "");
}

bool
tg_allowlist_same(const AllowlistEntry *one, const AllowlistEntry *other)
{
	return one->kind == other->kind &&
		namestrcmp((Name) &one->schema, NameStr(other->schema)) == 0 &&
		namestrcmp((Name) &one->table, NameStr(other->table)) == 0 &&
		strcmp(one->rule, other->rule) == 0 &&
		strcmp(one->object, other->object) == 0 &&
		one->adopted == other->adopted &&
		one->sealed == other->sealed &&
		(one->fingerprint == NULL || other->fingerprint == NULL ?
		 one->fingerprint == other->fingerprint :
		 strcmp(one->fingerprint, other->fingerprint) == 0) &&
		one->expires_at == other->expires_at;
}
