/*-------------------------------------------------------------------------
 *
 * publications.c
 *		Which publications send the rows of a table to subscribers?
 *
 * Publications are read once for each reader.  There are few of them, and few
 * databases have any.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "utils/memutils.h"

typedef struct KeptPublication
{
	Oid			oid;			/* hash key, must be first */
	NameData	name;
} KeptPublication;

/* A table or a schema, and the publications that name it. */
typedef struct Published
{
	Oid			oid;			/* hash key, must be first */
	List	   *publications;	/* of KeptPublication */
} Published;

struct Publications
{
	HTAB	   *all;			/* of KeptPublication */
	List	   *of_all_tables;	/* of KeptPublication */
	HTAB	   *tables;			/* of Published */
	HTAB	   *schemas;		/* of Published */
	HTAB	   *excepted;		/* of Published: those of all tables but this */
};

static void
add_published(Publications *publications, HTAB *published, Oid oid,
			  Oid publication)
{
	KeptPublication *found = hash_search(publications->all, &publication,
										 HASH_FIND, NULL);
	Published  *entry;
	bool		is_there;

	if (found == NULL)
		return;
	entry = hash_search(published, &oid, HASH_ENTER, &is_there);
	if (!is_there)
		entry->publications = NIL;
	entry->publications = lappend(entry->publications, found);
}

/* Reads the publications themselves. */
static void
read_publications(FactsReader *reader, Publications *publications)
{
	Relation	catalog = table_open(PublicationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  reader->snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_publication form = (Form_pg_publication) GETSTRUCT(tuple);
		KeptPublication *publication = hash_search(publications->all, &form->oid,
												   HASH_ENTER, NULL);

		publication->name = form->pubname;
		if (form->puballtables)
			publications->of_all_tables =
				lappend(publications->of_all_tables, publication);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/* Reads the tables or the schemas that publications name. */
static void
read_published(FactsReader *reader, Publications *publications,
			   bool schemas)
{
	Relation	catalog = table_open(schemas ?
									 PublicationNamespaceRelationId :
									 PublicationRelRelationId,
									 AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  reader->snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		if (schemas)
		{
			Form_pg_publication_namespace form =
				(Form_pg_publication_namespace) GETSTRUCT(tuple);

			add_published(publications, publications->schemas,
						  form->pnnspid, form->pnpubid);
		}
		else
		{
			Form_pg_publication_rel form =
				(Form_pg_publication_rel) GETSTRUCT(tuple);

			add_published(publications,
						  TG_PUBLICATION_EXCEPTS(form) ?
						  publications->excepted : publications->tables,
						  form->prrelid, form->prpubid);
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

static Publications *
get_publications(FactsReader *reader)
{
	MemoryContext old;
	Publications *publications;

	if (reader->publications != NULL)
		return reader->publications;
	old = MemoryContextSwitchTo(reader->context);
	publications = palloc0(sizeof(Publications));
	publications->all = tg_hash_create("trovella_guard publications",
									   sizeof(Oid), sizeof(KeptPublication),
									   reader->context);
	publications->tables = tg_hash_create("trovella_guard published tables",
										  sizeof(Oid), sizeof(Published),
										  reader->context);
	publications->schemas = tg_hash_create("trovella_guard published schemas",
										   sizeof(Oid), sizeof(Published),
										   reader->context);
	publications->excepted = tg_hash_create("trovella_guard excepted tables",
											sizeof(Oid), sizeof(Published),
											reader->context);
	read_publications(reader, publications);
	if (hash_get_num_entries(publications->all) > 0)
	{
		read_published(reader, publications, false);
		read_published(reader, publications, true);
	}
	MemoryContextSwitchTo(old);
	reader->publications = publications;
	return publications;
}

static List *
add_all(List *result, const List *publications, PublishedHow how, Oid root)
{
	const ListCell *lc;

	foreach(lc, publications)
	{
		KeptPublication *publication = lfirst(lc);
		PublicationFacts *facts = palloc(sizeof(PublicationFacts));

		facts->oid = publication->oid;
		facts->name = NameStr(publication->name);
		facts->how = how;
		facts->root = root;
		result = lappend(result, facts);
	}
	return result;
}

/* The publications that name a relation or its schema. */
static List *
add_naming(FactsReader *reader, List *result, Oid relid, Oid schema_oid,
		   Oid root)
{
	Publications *publications = get_publications(reader);
	Published  *published = hash_search(publications->tables, &relid,
										HASH_FIND, NULL);

	if (published != NULL)
		result = add_all(result, published->publications, TG_PUBLISHED_TABLE,
						 root);
	published = hash_search(publications->schemas, &schema_oid, HASH_FIND,
							NULL);
	if (published != NULL)
		result = add_all(result, published->publications,
						 TG_PUBLISHED_SCHEMA, root);
	return result;
}

/* The publications of all tables that do not except a relation. */
static List *
publications_of_all(const Publications *publications, Oid relid)
{
	Published  *excepted = hash_search(publications->excepted, &relid,
									   HASH_FIND, NULL);

	if (excepted == NULL)
		return publications->of_all_tables;
	return list_difference_ptr(publications->of_all_tables,
							   excepted->publications);
}

List *
tg_facts_publications_of(FactsReader *reader, const RelationFacts *facts)
{
	Publications *publications = get_publications(reader);
	List	   *result = NIL;
	Oid			root = InvalidOid;
	RelationPlace place;

	if (hash_get_num_entries(publications->all) == 0 ||
		!tg_facts_place(reader, facts->relid, &place) ||
		place.persistence != RELPERSISTENCE_PERMANENT)
		return NIL;
	result = add_naming(reader, result, facts->relid, facts->schema_oid,
						InvalidOid);

	/* A partition is published with each table that it is a part of */
	if (facts->partition)
	{
		bool		all;
		ListCell   *lc;

		foreach(lc, tg_facts_ancestors(reader, facts->relid, &all))
		{
			if (!tg_facts_place(reader, lfirst_oid(lc), &place))
				continue;
			root = lfirst_oid(lc);
			result = add_naming(reader, result, root, place.schema_oid, root);
		}
	}

	/* Only a table that is no partition can be excepted, with all its parts */
	return add_all(result,
				   publications_of_all(publications,
									   OidIsValid(root) ? root : facts->relid),
				   TG_PUBLISHED_ALL, root);
}
