/*-------------------------------------------------------------------------
 *
 * temporary.c
 *		What will vanish without any DDL by anybody?
 *
 * When a session ends, PostgreSQL drops its temporary objects and whatever
 * depends on them; of a table that says ON COMMIT DROP it does so at commit,
 * after the verdict.  What stands on a temporary object, at whatever distance,
 * protects nobody while it is there: it counts as gone already.
 *
 * findDependentObjects() in dependency.c walks from what is dropped to what
 * depends on it.  The walks here go by the same rules:
 *
 *	- tg_depends_on_temporary() asks the question of one object, and walks the other way,
 *	  from the object to what it depends on: of temporary objects there may be
 *	  as many as sessions can make, but few things depend on much.
 *	- tg_facts_relations_losing_parts() finds what a transaction takes along that
 *	  makes something that was there before stand on a temporary object:
 *	  other relations lose their policies, indexes and columns by that, though
 *	  nobody has touched them.
 *
 * Notes:
 *
 * 1. What an object depends on, of whatever type the dependency is, takes the
 * object along.  An internal part that goes takes its owner along, and so does
 * a member its extension.  PostgreSQL spares extensions at the end of a
 * session, but not at ON COMMIT DROP.
 *
 * 2. Members of an extension that a superuser owns are taken for lasting: no
 * other role can add one, and PostGIS has thousands of them.
 *
 * 3. An answer is kept as long as the reader: objects share most of what they
 * stand on.  A policy that names no object of a user's is not asked about at
 * all, and so it is with columns and indexes (facts.c).
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
 * So many objects may a reader's walks meet in vain: one that meets more is
 * given up, and the object that it began with is taken for temporary.  When
 * they are used up each walk has the smaller number.
 */
#define MAX_OBJECTS_WALKED 20000
#define MIN_OBJECTS_WALKED 200

/* Past this number of objects the answers are forgotten. */
#define MAX_OBJECTS_KNOWN 100000

typedef enum Lifetime
{
	LIFETIME_UNKNOWN,				/* only during a walk */
	LIFETIME_PERMANENT,
	LIFETIME_TEMPORARY
} Lifetime;

/* What is known of an object. */
typedef struct ObjectLifetime
{
	ObjectAddress object;		/* hash key, must be first */
	Lifetime		lifetime;
	int			step;			/* of the walk that met it */
} ObjectLifetime;

/* An object that a walk has met. */
typedef struct WalkStep
{
	ObjectLifetime	   *known;
	int			last_edge;		/* of those that lead to it; -1: none */
	bool		is_read;		/* note it: see note_read() */
} WalkStep;

/* One object would take another along. */
typedef struct WalkEdge
{
	int			from;			/* the step of the one that would go along */
	int			previous;		/* edge to the same step; -1: none */
} WalkEdge;

typedef struct LifetimeCache
{
	HTAB	   *known;			/* of ObjectLifetime */
	int			to_spare;		/* of MAX_OBJECTS_WALKED */

	/* The present walk */
	bool		walking;		/* or one that an error has ended */
	WalkStep	   *steps;
	int			nsteps;
	int			steps_size;
	WalkEdge	   *edges;
	int			nedges;
	int			edges_size;
	List	   *temporary;		/* steps whose lifetime is known now */
} LifetimeCache;

/* What is known of objects; too much is forgotten. */
static LifetimeCache *
lifetimes_of(FactsReader *reader)
{
	LifetimeCache	   *lifetimes = reader->lifetimes;

	if (lifetimes == NULL)
	{
		lifetimes = MemoryContextAllocZero(reader->context, sizeof(LifetimeCache));
		lifetimes->to_spare = MAX_OBJECTS_WALKED;
		lifetimes->steps_size = lifetimes->edges_size = 64;
		lifetimes->steps = MemoryContextAlloc(reader->context,
										  lifetimes->steps_size * sizeof(WalkStep));
		lifetimes->edges = MemoryContextAlloc(reader->context,
										  lifetimes->edges_size * sizeof(WalkEdge));
		reader->lifetimes = lifetimes;
	}
	if (lifetimes->known != NULL &&
		(lifetimes->walking ||
		 hash_get_num_entries(lifetimes->known) > MAX_OBJECTS_KNOWN))
	{
		hash_destroy(lifetimes->known);
		lifetimes->known = NULL;
		lifetimes->walking = false;
	}
	if (lifetimes->known == NULL)
	{
		lifetimes->known = tg_hash_create("trovella_guard lifetimes",
										  sizeof(ObjectAddress),
										  sizeof(ObjectLifetime),
										  reader->context);
	}
	return lifetimes;
}

/* What is known of an object, which the walk takes in if it is nothing. */
static ObjectLifetime *
meet(LifetimeCache *lifetimes, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress object;
	ObjectLifetime	   *known;
	bool		found;

	ObjectAddressSubSet(object, classId, objectId, subId);
	known = hash_search(lifetimes->known, &object, HASH_ENTER, &found);
	if (found)
		return known;

	known->lifetime = LIFETIME_UNKNOWN;
	if (classId == NamespaceRelationId && isAnyTempNamespace(objectId))
	{
		known->lifetime = LIFETIME_TEMPORARY;
		return known;
	}
	if (lifetimes->nsteps == lifetimes->steps_size)
	{
		lifetimes->steps_size *= 2;
		lifetimes->steps = repalloc_huge(lifetimes->steps,
									 lifetimes->steps_size * sizeof(WalkStep));
	}
	known->step = lifetimes->nsteps;
	lifetimes->steps[lifetimes->nsteps].known = known;
	lifetimes->steps[lifetimes->nsteps].last_edge = -1;
	lifetimes->steps[lifetimes->nsteps].is_read = true;
	lifetimes->nsteps++;
	return known;
}

static void
mark_temporary(LifetimeCache *lifetimes, int step)
{
	ObjectLifetime	   *known = lifetimes->steps[step].known;

	if (known->lifetime == LIFETIME_TEMPORARY)
		return;
	known->lifetime = LIFETIME_TEMPORARY;
	lifetimes->temporary = lappend_int(lifetimes->temporary, step);
}

/* An object would take the one of a step along. */
static void
stands_on(LifetimeCache *lifetimes, int from, Oid classId, Oid objectId, int32 subId)
{
	int			nsteps = lifetimes->nsteps;
	ObjectLifetime	   *known = meet(lifetimes, classId, objectId, subId);
	WalkStep	   *to;

	/* Some extensions have more members than the lock table has room */
	if (lifetimes->nsteps > nsteps)
		lifetimes->steps[nsteps].is_read = lifetimes->steps[from].is_read &&
			lifetimes->steps[from].known->object.classId != ExtensionRelationId;

	if (known->lifetime == LIFETIME_PERMANENT)
		return;
	if (known->lifetime == LIFETIME_TEMPORARY)
	{
		mark_temporary(lifetimes, from);
		return;
	}
	if (lifetimes->nedges == lifetimes->edges_size)
	{
		lifetimes->edges_size *= 2;
		lifetimes->edges = repalloc_huge(lifetimes->edges,
									 lifetimes->edges_size * sizeof(WalkEdge));
	}
	to = &lifetimes->steps[known->step];
	lifetimes->edges[lifetimes->nedges].from = from;
	lifetimes->edges[lifetimes->nedges].previous = to->last_edge;
	to->last_edge = lifetimes->nedges++;
}

/* Has a whole object parts that may be dropped and take it along? */
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

bool
tg_drops_owner(Form_pg_depend form)
{
	return form->deptype == DEPENDENCY_INTERNAL ||
		form->deptype == DEPENDENCY_EXTENSION;
}

/*
 * Notes an object that is asked about, for nobody else is to let it stand on a
 * temporary object meanwhile.
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

/* Meets everything that would take the object of a step along. */
static void
take_step(FactsReader *reader, int step)
{
	LifetimeCache	   *lifetimes = reader->lifetimes;
	const ObjectAddress object = lifetimes->steps[step].known->object;
	bool		has_parts;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (lifetimes->steps[step].is_read)
		note_read(reader, &object);

	if (object.objectSubId != 0)
	{
		stands_on(lifetimes, step, object.classId, object.objectId, 0);
		if (!tg_column_may_be_temporary(reader, object.objectId,
										 object.objectSubId, &has_parts))
			return;
	}
	else
		has_parts = parts_may_be_temporary(reader, &object);

	scan = tg_reader_scan_referenced(reader, &object);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		stands_on(lifetimes, step, form->refclassid, form->refobjid,
				  form->refobjsubid);
	}
	systable_endscan(scan);
	if (!has_parts)
		return;

	scan = tg_reader_scan_dependents(reader, &object, false);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (tg_drops_owner(form))
			stands_on(lifetimes, step, form->classid, form->objid,
					  form->objsubid);
	}
	systable_endscan(scan);
}

/* Gives a walk up: of what it has met nothing is known but of the first. */
static void
give_up(LifetimeCache *lifetimes)
{
	for (int i = 1; i < lifetimes->nsteps; i++)
		hash_search(lifetimes->known, &lifetimes->steps[i].known->object, HASH_REMOVE,
					NULL);
	lifetimes->steps[0].known->lifetime = LIFETIME_TEMPORARY;
	lifetimes->to_spare = Max(lifetimes->to_spare - lifetimes->nsteps, 0);
}

bool
tg_depends_on_temporary(FactsReader *reader, Oid classId, Oid objectId, int32 subId)
{
	LifetimeCache	   *lifetimes = lifetimes_of(reader);
	ObjectLifetime	   *known;

	lifetimes->nsteps = 0;
	lifetimes->nedges = 0;
	known = meet(lifetimes, classId, objectId, subId);
	if (known->lifetime != LIFETIME_UNKNOWN)
		return known->lifetime == LIFETIME_TEMPORARY;

	/* All that it stands on, at whatever distance: steps are added meanwhile */
	lifetimes->walking = true;
	lifetimes->temporary = NIL;
	for (int i = 0; i < lifetimes->nsteps; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i >= Max(lifetimes->to_spare, MIN_OBJECTS_WALKED))
		{
			give_up(lifetimes);
			lifetimes->walking = false;
			return true;
		}
		take_step(reader, i);
	}

	/* And back from what vanishes: the list grows meanwhile, too */
	for (int i = 0; i < list_length(lifetimes->temporary); i++)
	{
		int			step = list_nth_int(lifetimes->temporary, i);

		for (int edge = lifetimes->steps[step].last_edge; edge >= 0;
			 edge = lifetimes->edges[edge].previous)
			mark_temporary(lifetimes, lifetimes->edges[edge].from);
	}
	for (int i = 0; i < lifetimes->nsteps; i++)
	{
		if (lifetimes->steps[i].known->lifetime == LIFETIME_UNKNOWN)
			lifetimes->steps[i].known->lifetime = LIFETIME_PERMANENT;
	}
	list_free(lifetimes->temporary);
	lifetimes->walking = false;
	return known->lifetime == LIFETIME_TEMPORARY;
}

bool
tg_part_is_temporary(FactsReader *reader, Oid classId, Oid objectId, int32 subId,
				 Oid relid)
{
	return tg_depends_on_temporary(reader, classId, objectId, subId) &&
		!tg_depends_on_temporary(reader, RelationRelationId, relid, 0);
}
