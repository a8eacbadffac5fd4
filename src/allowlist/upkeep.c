/*-------------------------------------------------------------------------
 *
 * upkeep.c
 *		Keeps the allowlist true to what a transaction has changed.
 *
 * A debt belongs to what owes it.  So it follows a relation or an object that gets
 * another name, and ends when what it is about got worse, even while a decision
 * hides it.  Only the verdict knows both names, and what got worse.
 *
 * The rows are written without SPI and without firing triggers, because this runs
 * inside a commit, where PostgreSQL forbids running user-defined code.  Both tables
 * are heaps: the install script says so.
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
#include "catalog/indexing.h"
#include "compat.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Columns of trovella_guard.allowlist_log */
enum
{
	Anum_log_at = 1,
	Anum_log_author,
	Anum_log_action,
	Anum_log_kind,
	Anum_log_schema_name,
	Anum_log_table_name,
	Anum_log_rule,
	Anum_log_object,
	Anum_log_reason,
	Anum_log_expires_at,
	Anum_log_adopted,
	Anum_log_sealed,
	Natts_log = Anum_log_sealed
};

void
tg_allowlist_end(const AllowlistEntry *entry)
{
	((AllowlistEntry *) entry)->ends = !entry->sent;
}

void
tg_allowlist_follow(const AllowlistEntry *entry, const char *schema,
					const char *table, const char *object)
{
	MemoryContext old;
	EntryNames *names = entry->follows;

	if (entry->sent)
		return;
	old = MemoryContextSwitchTo(GetMemoryChunkContext((void *) entry));
	if (names == NULL)
	{
		names = palloc(sizeof(EntryNames));
		names->object = entry->object;
		((AllowlistEntry *) entry)->follows = names;
	}
	namestrcpy(&names->schema, schema);
	namestrcpy(&names->table, table);
	if (object != NULL)
		names->object = pstrdup(object);
	MemoryContextSwitchTo(old);
}

/* A row like that of the entry, under its new names. */
static HeapTuple
renamed(HeapTuple tuple, TupleDesc descriptor, const EntryNames *names)
{
	Datum		values[Natts_allowlist] = {0};
	bool		nulls[Natts_allowlist] = {0};
	bool		replace[Natts_allowlist] = {0};

	values[Anum_allowlist_schema_name - 1] = NameGetDatum(&names->schema);
	values[Anum_allowlist_table_name - 1] = NameGetDatum(&names->table);
	values[Anum_allowlist_object - 1] = CStringGetTextDatum(names->object);
	replace[Anum_allowlist_schema_name - 1] = true;
	replace[Anum_allowlist_table_name - 1] = true;
	replace[Anum_allowlist_object - 1] = true;
	return heap_modify_tuple(tuple, descriptor, values, nulls, replace);
}

static void
write_log(Relation log, const char *action, HeapTuple tuple,
		  TupleDesc descriptor)
{
	static const AttrNumber copied[][2] = {
		{Anum_log_kind, Anum_allowlist_kind},
		{Anum_log_schema_name, Anum_allowlist_schema_name},
		{Anum_log_table_name, Anum_allowlist_table_name},
		{Anum_log_rule, Anum_allowlist_rule},
		{Anum_log_object, Anum_allowlist_object},
		{Anum_log_reason, Anum_allowlist_reason},
		{Anum_log_expires_at, Anum_allowlist_expires_at},
		{Anum_log_adopted, Anum_allowlist_adopted},
		{Anum_log_sealed, Anum_allowlist_sealed}
	};
	Datum		values[Natts_log] = {0};
	bool		nulls[Natts_log] = {0};

	values[Anum_log_at - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[Anum_log_author - 1] = tg_allowlist_author();
	values[Anum_log_action - 1] = CStringGetTextDatum(action);
	for (int i = 0; i < (int) lengthof(copied); i++)
		values[copied[i][0] - 1] = heap_getattr(tuple, copied[i][1], descriptor,
												&nulls[copied[i][0] - 1]);
	CatalogTupleInsert(log, heap_form_tuple(RelationGetDescr(log), values,
											nulls));
}

/* Deletes the row of an entry and returns it, or NULL if somebody else has. */
static HeapTuple
take_out(Relation relation, const AllowlistEntry *entry)
{
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	ItemPointerData tid = entry->tid;
	HeapTuple	tuple = NULL;
	TM_FailureData failure;

	if (table_tuple_fetch_row_version(relation, &tid, SnapshotAny, slot))
		tuple = ExecCopySlotHeapTuple(slot);
	ExecDropSingleTupleTableSlot(slot);
	if (tuple == NULL)
		return NULL;
	switch (TG_TUPLE_DELETE(relation, &tid, &failure))
	{
		case TM_Ok:
			return tuple;
		case TM_Deleted:
		case TM_SelfModified:
			return NULL;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not update the allowlist due to concurrent update")));
	}
	return NULL;				/* keep compiler quiet */
}

/* Is there an entry already that says what an entry says under its new names? */
static bool
is_said(const Allowlist *allowlist, const AllowlistEntry *entry)
{
	const EntryNames *names = entry->follows;
	uint32		key = tg_allowlist_hash_names(NameStr(names->schema),
											  NameStr(names->table));
	ListCell   *lc;

	foreach(lc, tg_allowlist_entries_of(allowlist, key))
	{
		const AllowlistEntry *other = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!other->ends && other->follows == NULL && other->adopted &&
			tg_allowlist_names(other, NameStr(names->schema),
							   NameStr(names->table)) &&
			strcmp(other->rule, entry->rule) == 0 &&
			strcmp(other->object, names->object) == 0)
			return true;
	}
	return false;
}

/*
 * All rows are taken out before the first one is put back: two tables may have
 * exchanged their names.
 */
static void
write_changes(const Allowlist *allowlist, List *changed, Relation relation,
			  Relation log)
{
	TupleDesc	descriptor = RelationGetDescr(relation);
	List	   *tuples = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, changed)
	{
		const AllowlistEntry *entry = lfirst(lc);
		HeapTuple	tuple = take_out(relation, entry);

		CHECK_FOR_INTERRUPTS();
		tuples = lappend(tuples, tuple);
		if (tuple != NULL && entry->ends)
			write_log(log, "end", tuple, descriptor);
	}
	CommandCounterIncrement();
	forboth(lc, changed, lc2, tuples)
	{
		AllowlistEntry *entry = lfirst(lc);
		HeapTuple	tuple = lfirst(lc2);

		CHECK_FOR_INTERRUPTS();
		if (tuple == NULL || entry->ends || is_said(allowlist, entry))
			continue;
		tuple = renamed(tuple, descriptor, entry->follows);
		CatalogTupleInsert(relation, tuple);
		write_log(log, "follow", tuple, descriptor);
		tg_allowlist_take_names(allowlist, entry);
	}
	CommandCounterIncrement();
}

void
tg_allowlist_write_changes(const Allowlist *allowlist, bool may_end)
{
	List	   *changed = NIL;
	ListCell   *lc;
	Relation	relation;
	Relation	log;

	foreach(lc, tg_allowlist_entries(allowlist))
	{
		AllowlistEntry *entry = lfirst(lc);

		entry->ends = entry->ends && may_end;
		if (entry->ends || entry->follows != NULL)
			changed = lappend(changed, entry);
	}
	if (changed == NIL)
		return;

	relation = table_open(tg_allowlist_oid(), RowExclusiveLock);
	log = table_open(get_relname_relid("allowlist_log",
									   RelationGetNamespace(relation)),
					 RowExclusiveLock);
	if (RelationGetNumberOfAttributes(relation) != Natts_allowlist ||
		RelationGetNumberOfAttributes(log) != Natts_log)
		elog(ERROR, "the allowlist has an unexpected number of columns");
	write_changes(allowlist, changed, relation, log);
	table_close(log, RowExclusiveLock);
	table_close(relation, RowExclusiveLock);
}
