/*-------------------------------------------------------------------------
 *
 * parents.c
 *		Partitions and inheritance: parents and children.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"

static List *
read_children(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_INHERITS,
									  InheritsParentIndexId,
									  Anum_pg_inherits_inhparent, relid);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result,
							 ((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid);
	systable_endscan(scan);
	return result;
}

List *
tg_facts_parents(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_INHERITS,
									  InheritsRelidSeqnoIndexId,
									  Anum_pg_inherits_inhrelid, relid);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!form->inhdetachpending || reader->detaching_counts)
			result = lappend_oid(result, form->inhparent);
	}
	systable_endscan(scan);
	return result;
}

List *
tg_facts_descendants(FactsReader *reader, Oid relid)
{
	return tg_reader_reach(reader, relid, read_children, INT_MAX);
}

List *
tg_inheritance_children(FactsReader *reader, Oid relid)
{
	RelationPlace place;

	return tg_facts_place(reader, relid, &place) &&
		place.kind != RELKIND_PARTITIONED_TABLE ?
		read_children(reader, relid) : NIL;
}

/*
 * The same as tg_facts_parents().  Whoever wants the ancestors asks for their
 * outlines, too, so these are worth keeping.
 */
static List *
kept_parents(FactsReader *reader, Oid relid)
{
	const RelationFacts *facts = tg_reader_kept_outline(reader, relid);

	/* The outline of a temporary table has no parents */
	if (facts == NULL || facts->temporary)
		return tg_facts_parents(reader, relid);
	return list_copy(facts->parents);
}

List *
tg_facts_ancestors(FactsReader *reader, Oid relid, bool *all)
{
	List	   *ancestors = tg_reader_reach(reader, relid, kept_parents,
											TG_MAX_ANCESTORS);

	*all = list_length(ancestors) <= TG_MAX_ANCESTORS;
	return list_truncate(ancestors, TG_MAX_ANCESTORS);
}

/*
 * Can a column be null in an inheritance child?  Temporary children do not
 * count: only their own session reads them.
 */
static bool
is_nullable_in_child(FactsReader *reader, Oid relid, const char *name)
{
	SysScanDesc scan = tg_reader_scan_column_named(reader, relid, name);
	HeapTuple	tuple = systable_getnext(scan);
	bool		nullable = true;
	RelationPlace place;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		nullable = !form->attnotnull ||
			!tg_not_null_is_valid(reader, relid, form->attnum);
	}
	systable_endscan(scan);
	tg_facts_note_read(reader, RelationRelationId, relid);

	return nullable && (!tg_facts_place(reader, relid, &place) ||
						place.persistence != RELPERSISTENCE_TEMP);
}

/* A search of more children than these ends without an answer. */
#define MAX_CHILDREN_ASKED 10000

static bool
ask_children(FactsReader *reader, Oid relid, const char *name)
{
	List	   *children = tg_reader_reach(reader, relid, read_children,
										   MAX_CHILDREN_ASKED);
	bool		not_null = list_length(children) <= MAX_CHILDREN_ASKED;
	ListCell   *lc;

	foreach(lc, children)
	{
		CHECK_FOR_INTERRUPTS();
		if (!not_null)
			break;
		not_null = !is_nullable_in_child(reader, lfirst_oid(lc), name);
	}
	list_free(children);
	return not_null;
}

/*
 * The reader keeps the answer: a parent is read again for each of its
 * children, and would ask all of them each time.
 */
typedef struct KeptNotNull
{
	Oid			relid;			/* hash key, must be first */
	bool		not_null;
} KeptNotNull;

bool
tg_is_not_null_in_children(FactsReader *reader, Oid relid, const char *name)
{
	KeptNotNull *kept;
	bool		not_null;

	if (reader->not_null_in_children == NULL)
		reader->not_null_in_children =
			tg_hash_create("trovella_guard children", sizeof(Oid),
						   sizeof(KeptNotNull), reader->context);
	kept = hash_search(reader->not_null_in_children, &relid, HASH_FIND, NULL);
	if (kept != NULL)
		return kept->not_null;
	not_null = ask_children(reader, relid, name);
	kept = hash_search(reader->not_null_in_children, &relid, HASH_ENTER, NULL);
	kept->not_null = not_null;
	return not_null;
}
