/*-------------------------------------------------------------------------
 *
 * temporary.c
 *		Does an object depend on a temporary one?
 *
 * At the end of a session PostgreSQL drops the session's temporary objects and
 * everything that depends on them.  For a table ON COMMIT DROP it does so at
 * commit, after the verdict.  So an object that depends on a temporary one, at
 * any distance, gives no lasting protection, and counts as missing.
 *
 * findDependentObjects() in dependency.c walks from a dropped object to its
 * dependents.  The walk here goes the other way, from an object to what it
 * depends on: sessions can create any number of temporary objects, but few
 * objects depend on many others.
 *
 * Notes:
 *
 * 1. Dropping an object drops its dependents, whatever the type of the
 * dependency.  Dropping an internal part drops its owner as well, and dropping
 * a member its extension.  PostgreSQL spares extensions at the end of a session,
 * but not at ON COMMIT DROP.
 *
 * 2. Members of an extension that a superuser owns count as permanent: no other
 * role can add one, and PostGIS has thousands of them.
 *
 * 3. Answers are kept as long as the reader, because objects share most of what
 * they depend on.  Callers do not ask about policies, columns and indexes that
 * name no user's object.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"

/*
 * The walks of one reader may visit this many objects without an answer.  A
 * walk that visits more is given up, and the object that it began with counts
 * as temporary.  Once this number is used up, each walk may visit the smaller
 * one.
 */
#define MAX_OBJECTS_WALKED 20000
#define MIN_OBJECTS_WALKED 200

/* With more answers than this the cache is emptied. */
#define MAX_OBJECTS_KNOWN 100000

typedef enum Lifetime
{
	LIFETIME_UNKNOWN,			/* only during a walk */
	LIFETIME_PERMANENT,
	LIFETIME_TEMPORARY
} Lifetime;

/* An object and the answer. */
typedef struct ObjectLifetime
{
	ObjectAddress object;		/* hash key, must be first */
	Lifetime	lifetime;
	int			step;			/* of the walk that visits it */
} ObjectLifetime;

/* An object that the walk visits. */
typedef struct WalkStep
{
	ObjectLifetime *known;
	int			last_edge;		/* of the edges to it; -1: none */
	bool		is_read;		/* see note_read() */
} WalkStep;

/* Dropping the object of one step drops that of another. */
typedef struct WalkEdge
{
	int			from;			/* the step of the dependent object */
	int			previous;		/* the edge before to the same step; -1: none */
} WalkEdge;

typedef struct LifetimeCache
{
	HTAB	   *known;			/* of ObjectLifetime */
	int			to_spare;		/* what is left of MAX_OBJECTS_WALKED */

	/* The current walk */
	bool		walking;		/* or an error ended the walk */
	WalkStep   *steps;
	int			nsteps;
	int			steps_size;
	WalkEdge   *edges;
	int			nedges;
	int			edges_size;
	List	   *temporary;		/* steps found to be temporary */
} LifetimeCache;

static LifetimeCache *
lifetime_cache(FactsReader *reader)
{
	LifetimeCache *cache = reader->lifetimes;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(reader->context, sizeof(LifetimeCache));
		cache->to_spare = MAX_OBJECTS_WALKED;
		cache->steps_size = cache->edges_size = 64;
		cache->steps = MemoryContextAlloc(reader->context,
										  cache->steps_size * sizeof(WalkStep));
		cache->edges = MemoryContextAlloc(reader->context,
										  cache->edges_size * sizeof(WalkEdge));
		reader->lifetimes = cache;
	}
	if (cache->known != NULL &&
		(cache->walking ||
		 hash_get_num_entries(cache->known) > MAX_OBJECTS_KNOWN))
	{
		hash_destroy(cache->known);
		cache->known = NULL;
		cache->walking = false;
	}
	if (cache->known == NULL)
		cache->known = tg_hash_create("trovella_guard lifetimes",
									  sizeof(ObjectAddress),
									  sizeof(ObjectLifetime),
									  reader->context);
	return cache;
}

/* Finds the answer for an object.  If there is none, the walk visits it. */
static ObjectLifetime *
visit(LifetimeCache *cache, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress object;
	ObjectLifetime *known;
	bool		found;

	ObjectAddressSubSet(object, classId, objectId, subId);
	known = hash_search(cache->known, &object, HASH_ENTER, &found);
	if (found)
		return known;

	known->lifetime = LIFETIME_UNKNOWN;
	if (classId == NamespaceRelationId && isAnyTempNamespace(objectId))
	{
		known->lifetime = LIFETIME_TEMPORARY;
		return known;
	}
	if (cache->nsteps == cache->steps_size)
	{
		cache->steps_size *= 2;
		cache->steps = repalloc_huge(cache->steps,
									 cache->steps_size * sizeof(WalkStep));
	}
	known->step = cache->nsteps;
	cache->steps[cache->nsteps].known = known;
	cache->steps[cache->nsteps].last_edge = -1;
	cache->steps[cache->nsteps].is_read = true;
	cache->nsteps++;
	return known;
}

static void
mark_temporary(LifetimeCache *cache, int step)
{
	ObjectLifetime *known = cache->steps[step].known;

	if (known->lifetime == LIFETIME_TEMPORARY)
		return;
	known->lifetime = LIFETIME_TEMPORARY;
	cache->temporary = lappend_int(cache->temporary, step);
}

/* Dropping the given object drops the one of a step. */
static void
add_edge(LifetimeCache *cache, int from, Oid classId, Oid objectId, int32 subId)
{
	int			nsteps = cache->nsteps;
	ObjectLifetime *known = visit(cache, classId, objectId, subId);
	WalkStep   *to;

	/* Some extensions have more members than fit into the lock table */
	if (cache->nsteps > nsteps)
		cache->steps[nsteps].is_read = cache->steps[from].is_read &&
			cache->steps[from].known->object.classId != ExtensionRelationId;

	if (known->lifetime == LIFETIME_PERMANENT)
		return;
	if (known->lifetime == LIFETIME_TEMPORARY)
	{
		mark_temporary(cache, from);
		return;
	}
	if (cache->nedges == cache->edges_size)
	{
		cache->edges_size *= 2;
		cache->edges = repalloc_huge(cache->edges,
									 cache->edges_size * sizeof(WalkEdge));
	}
	to = &cache->steps[known->step];
	cache->edges[cache->nedges].from = from;
	cache->edges[cache->nedges].previous = to->last_edge;
	to->last_edge = cache->nedges++;
}

bool
tg_attribute_may_be_temporary(Form_pg_attribute form)
{
	return form->atttypid >= FirstNormalObjectId ||
		form->attcollation >= FirstNormalObjectId ||
		form->attgenerated != '\0';
}

/* The same by number.  Is it a generated column? */
static bool
column_may_be_temporary(FactsReader *reader, Oid relid, AttrNumber attnum,
						bool *generated)
{
	SysScanDesc scan = tg_reader_scan_column(reader, relid, attnum);
	HeapTuple	tuple = systable_getnext(scan);
	bool		result = false;

	*generated = false;
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		*generated = form->attgenerated != '\0';
		result = tg_attribute_may_be_temporary(form);
	}
	systable_endscan(scan);
	return result;
}

bool
tg_any_column_is_temporary(const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		if (((ColumnFacts *) lfirst(lc))->temporary)
			return true;
	}
	return false;
}

/* Can an object, other than a column, be dropped with one of its parts? */
static bool
parts_may_be_temporary(FactsReader *reader, const ObjectAddress *object)
{
	RelationPlace place;

	switch (object->classId)
	{
		case RelationRelationId:
			/* The query of a view */
			return tg_facts_place(reader, object->objectId, &place) &&
				(place.kind == RELKIND_VIEW || place.kind == RELKIND_MATVIEW);

			/* The index of a constraint, the operators of an operator class */
		case ConstraintRelationId:
		case OperatorClassRelationId:
		case OperatorFamilyRelationId:
			return true;

		case ExtensionRelationId:
			return !tg_reader_extension_is_trusted(reader, object->objectId);

		default:
			return false;
	}
}

/* Dropping an internal part or a member drops what it depends on. */
bool
tg_drops_owner(Form_pg_depend form)
{
	return form->deptype == DEPENDENCY_INTERNAL ||
		form->deptype == DEPENDENCY_EXTENSION;
}

/*
 * Notes a visited object: no concurrent transaction may make it depend on a
 * temporary object.
 */
static void
note_read(FactsReader *reader, const ObjectAddress *object)
{
	switch (object->classId)
	{
		case RelationRelationId:
		case ProcedureRelationId:
		case TypeRelationId:
		case ExtensionRelationId:
			tg_facts_note_read(reader, object->classId, object->objectId);
			break;
		default:
			break;
	}
}

/* Visits every object with which the one of a step would be dropped. */
static void
take_step(FactsReader *reader, int step)
{
	LifetimeCache *cache = reader->lifetimes;
	const ObjectAddress object = cache->steps[step].known->object;
	bool		has_parts;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (cache->steps[step].is_read)
		note_read(reader, &object);

	if (object.objectSubId != 0)
	{
		add_edge(cache, step, object.classId, object.objectId, 0);
		if (!column_may_be_temporary(reader, object.objectId,
									 object.objectSubId, &has_parts))
			return;
	}
	else
		has_parts = parts_may_be_temporary(reader, &object);

	scan = tg_reader_scan_referenced(reader, object.classId, object.objectId,
									 object.objectSubId);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		add_edge(cache, step, form->refclassid, form->refobjid,
				 form->refobjsubid);
	}
	systable_endscan(scan);
	if (!has_parts)
		return;

	scan = tg_reader_scan_dependents(reader, object.classId, object.objectId,
									 object.objectSubId);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (tg_drops_owner(form))
			add_edge(cache, step, form->classid, form->objid,
					 form->objsubid);
	}
	systable_endscan(scan);
}

/* Gives a walk up: there is an answer for the first object only. */
static void
give_up(LifetimeCache *cache)
{
	for (int i = 1; i < cache->nsteps; i++)
		hash_search(cache->known, &cache->steps[i].known->object, HASH_REMOVE,
					NULL);
	cache->steps[0].known->lifetime = LIFETIME_TEMPORARY;
	cache->to_spare = Max(cache->to_spare - cache->nsteps, 0);
}

bool
tg_depends_on_temporary(FactsReader *reader, Oid classId, Oid objectId, int32 subId)
{
	LifetimeCache *cache = lifetime_cache(reader);
	ObjectLifetime *known;

	cache->nsteps = 0;
	cache->nedges = 0;
	known = visit(cache, classId, objectId, subId);
	if (known->lifetime != LIFETIME_UNKNOWN)
		return known->lifetime == LIFETIME_TEMPORARY;

	/* All that it depends on, at any distance: steps are added meanwhile */
	cache->walking = true;
	cache->temporary = NIL;
	for (int i = 0; i < cache->nsteps; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i >= Max(cache->to_spare, MIN_OBJECTS_WALKED))
		{
			give_up(cache);
			cache->walking = false;
			return true;
		}
		take_step(reader, i);
	}

	/* And back from what is temporary: this list grows meanwhile, too */
	for (int i = 0; i < list_length(cache->temporary); i++)
	{
		int			step = list_nth_int(cache->temporary, i);

		for (int edge = cache->steps[step].last_edge; edge >= 0;
			 edge = cache->edges[edge].previous)
			mark_temporary(cache, cache->edges[edge].from);
	}
	for (int i = 0; i < cache->nsteps; i++)
	{
		if (cache->steps[i].known->lifetime == LIFETIME_UNKNOWN)
			cache->steps[i].known->lifetime = LIFETIME_PERMANENT;
	}
	list_free(cache->temporary);
	cache->walking = false;
	return known->lifetime == LIFETIME_TEMPORARY;
}

bool
tg_part_is_temporary(FactsReader *reader, Oid classId, Oid objectId, int32 subId,
					 Oid relid)
{
	return tg_depends_on_temporary(reader, classId, objectId, subId) &&
		!tg_depends_on_temporary(reader, RelationRelationId, relid, 0);
}
