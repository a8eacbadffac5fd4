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
 *	- tg_vanishes() asks the question of one object, and walks the other way,
 *	  from the object to what it depends on: of temporary objects there may be
 *	  as many as sessions can make, but few things depend on much.
 *	- tg_facts_relations_that_lose() finds what a transaction takes along that
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
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "guard.h"
#include "miscadmin.h"
#include "utils/syscache.h"

/*
 * So many objects may a reader's walks meet in vain: one that meets more is
 * given up, and the object that it began with is taken for temporary.  When
 * they are used up each walk has the smaller number.
 */
#define MAX_OBJECTS_WALKED 20000
#define MIN_OBJECTS_WALKED 200

/* Past this number of objects the answers are forgotten. */
#define MAX_OBJECTS_KNOWN 100000

typedef enum Fate
{
	FATE_UNKNOWN,				/* only during a walk */
	FATE_LASTS,
	FATE_VANISHES
} Fate;

/* What is known of an object. */
typedef struct Known
{
	ObjectAddress object;		/* hash key, must be first */
	Fate		fate;
	int			step;			/* of the walk that met it */
} Known;

/* An object that a walk has met. */
typedef struct Step
{
	Known	   *known;
	int			last_edge;		/* of those that lead to it; -1: none */
	bool		is_read;		/* note it: see note_read() */
} Step;

/* One object would take another along. */
typedef struct Edge
{
	int			from;			/* the step of the one that would go along */
	int			previous;		/* edge to the same step; -1: none */
} Edge;

typedef struct Fates
{
	HTAB	   *known;			/* of Known */
	int			to_spare;		/* of MAX_OBJECTS_WALKED */

	/* The present walk */
	bool		walking;		/* or one that an error has ended */
	Step	   *steps;
	int			nsteps;
	int			steps_size;
	Edge	   *edges;
	int			nedges;
	int			edges_size;
	List	   *vanishing;		/* steps whose fate is known now */
} Fates;

/*
 * Does an object live in a temporary schema, or is it a temporary schema?
 * What the caches do not know any more was not temporary: temporary objects
 * of this session are dropped after its last transaction.
 */
bool
tg_is_temporary_object(Oid classId, Oid objectId)
{
	AttrNumber	namespace_attnum;
	HeapTuple	tuple;
	bool		isnull;
	Oid			schema_oid = InvalidOid;

	if (classId == NamespaceRelationId)
		return isAnyTempNamespace(objectId);
	if (!is_objectclass_supported(classId))
		return false;
	namespace_attnum = get_object_attnum_namespace(classId);
	if (namespace_attnum == InvalidAttrNumber ||
		get_object_catcache_oid(classId) < 0)
		return false;

	tuple = SearchSysCache1(get_object_catcache_oid(classId),
							ObjectIdGetDatum(objectId));
	if (!HeapTupleIsValid(tuple))
		return false;
	schema_oid = DatumGetObjectId(SysCacheGetAttr(get_object_catcache_oid(classId),
												  tuple, namespace_attnum,
												  &isnull));
	ReleaseSysCache(tuple);
	return isAnyTempNamespace(schema_oid);
}

/*
 * May a stored expression mention an object that a user has made?  Not if none
 * of its numbers is as large as the OID of one, and none is the OID of a type
 * whose constants name objects: those are stored byte by byte.  That some of
 * the numbers are no OIDs at all does no harm: then pg_depend is asked in vain.
 */
bool
tg_names_user_object(const char *tree)
{
	for (const char *c = tree; *c != '\0';)
	{
		uint64		number = 0;

		if (*c < '0' || *c > '9')
		{
			c++;
			continue;
		}
		for (; *c >= '0' && *c <= '9'; c++)
		{
			if (number < FirstNormalObjectId)
				number = number * 10 + (*c - '0');
		}
		if (number >= FirstNormalObjectId)
			return true;

		/* those that find_expr_references_walker in dependency.c knows */
		switch (number)
		{
			case REGPROCOID:
			case REGPROCEDUREOID:
			case REGOPEROID:
			case REGOPERATOROID:
			case REGCLASSOID:
			case REGTYPEOID:
			case REGCOLLATIONOID:
			case REGCONFIGOID:
			case REGDICTIONARYOID:
			case REGNAMESPACEOID:
				return true;
			default:
				break;
		}
	}
	return false;
}

/* What is known of objects; too much is forgotten. */
static Fates *
fates_of(FactsReader *reader)
{
	Fates	   *fates = reader->fates;
	HASHCTL		ctl = {0};

	if (fates == NULL)
	{
		fates = MemoryContextAllocZero(reader->context, sizeof(Fates));
		fates->to_spare = MAX_OBJECTS_WALKED;
		fates->steps_size = fates->edges_size = 64;
		fates->steps = MemoryContextAlloc(reader->context,
										  fates->steps_size * sizeof(Step));
		fates->edges = MemoryContextAlloc(reader->context,
										  fates->edges_size * sizeof(Edge));
		reader->fates = fates;
	}
	if (fates->known != NULL &&
		(fates->walking ||
		 hash_get_num_entries(fates->known) > MAX_OBJECTS_KNOWN))
	{
		hash_destroy(fates->known);
		fates->known = NULL;
		fates->walking = false;
	}
	if (fates->known == NULL)
	{
		ctl.keysize = sizeof(ObjectAddress);
		ctl.entrysize = sizeof(Known);
		ctl.hcxt = reader->context;
		fates->known = hash_create("trovella_guard fates", 64, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	return fates;
}

/* What is known of an object, which the walk takes in if it is nothing. */
static Known *
meet(Fates *fates, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress object;
	Known	   *known;
	bool		found;

	ObjectAddressSubSet(object, classId, objectId, subId);
	known = hash_search(fates->known, &object, HASH_ENTER, &found);
	if (found)
		return known;

	known->fate = FATE_UNKNOWN;
	if (classId == NamespaceRelationId && isAnyTempNamespace(objectId))
	{
		known->fate = FATE_VANISHES;
		return known;
	}
	if (fates->nsteps == fates->steps_size)
	{
		fates->steps_size *= 2;
		fates->steps = repalloc_huge(fates->steps,
									 fates->steps_size * sizeof(Step));
	}
	known->step = fates->nsteps;
	fates->steps[fates->nsteps].known = known;
	fates->steps[fates->nsteps].last_edge = -1;
	fates->steps[fates->nsteps].is_read = true;
	fates->nsteps++;
	return known;
}

static void
let_vanish(Fates *fates, int step)
{
	Known	   *known = fates->steps[step].known;

	if (known->fate == FATE_VANISHES)
		return;
	known->fate = FATE_VANISHES;
	fates->vanishing = lappend_int(fates->vanishing, step);
}

/* An object would take the one of a step along. */
static void
stands_on(Fates *fates, int from, Oid classId, Oid objectId, int32 subId)
{
	int			nsteps = fates->nsteps;
	Known	   *known = meet(fates, classId, objectId, subId);
	Step	   *to;

	/* Some extensions have more members than the lock table has room */
	if (fates->nsteps > nsteps)
		fates->steps[nsteps].is_read = fates->steps[from].is_read &&
			fates->steps[from].known->object.classId != ExtensionRelationId;

	if (known->fate == FATE_LASTS)
		return;
	if (known->fate == FATE_VANISHES)
	{
		let_vanish(fates, from);
		return;
	}
	if (fates->nedges == fates->edges_size)
	{
		fates->edges_size *= 2;
		fates->edges = repalloc_huge(fates->edges,
									 fates->edges_size * sizeof(Edge));
	}
	to = &fates->steps[known->step];
	fates->edges[fates->nedges].from = from;
	fates->edges[fates->nedges].previous = to->last_edge;
	to->last_edge = fates->nedges++;
}

/* Has a whole object parts that may be dropped and take it along? */
static bool
parts_may_vanish(FactsReader *reader, const ObjectAddress *object)
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

static bool
takes_owner_along(Form_pg_depend form)
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
	Fates	   *fates = reader->fates;
	const ObjectAddress object = fates->steps[step].known->object;
	bool		has_parts;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (fates->steps[step].is_read)
		note_read(reader, &object);

	if (object.objectSubId != 0)
	{
		stands_on(fates, step, object.classId, object.objectId, 0);
		if (!tg_reader_column_may_vanish(reader, object.objectId,
										 object.objectSubId, &has_parts))
			return;
	}
	else
		has_parts = parts_may_vanish(reader, &object);

	scan = tg_reader_scan_referenced(reader, &object);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		stands_on(fates, step, form->refclassid, form->refobjid,
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
		if (takes_owner_along(form))
			stands_on(fates, step, form->classid, form->objid,
					  form->objsubid);
	}
	systable_endscan(scan);
}

/* Gives a walk up: of what it has met nothing is known but of the first. */
static void
give_up(Fates *fates)
{
	for (int i = 1; i < fates->nsteps; i++)
		hash_search(fates->known, &fates->steps[i].known->object, HASH_REMOVE,
					NULL);
	fates->steps[0].known->fate = FATE_VANISHES;
	fates->to_spare = Max(fates->to_spare - fates->nsteps, 0);
}

bool
tg_vanishes(FactsReader *reader, Oid classId, Oid objectId, int32 subId)
{
	Fates	   *fates = fates_of(reader);
	Known	   *known;

	fates->nsteps = 0;
	fates->nedges = 0;
	known = meet(fates, classId, objectId, subId);
	if (known->fate != FATE_UNKNOWN)
		return known->fate == FATE_VANISHES;

	/* All that it stands on, at whatever distance: steps are added meanwhile */
	fates->walking = true;
	fates->vanishing = NIL;
	for (int i = 0; i < fates->nsteps; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i >= Max(fates->to_spare, MIN_OBJECTS_WALKED))
		{
			give_up(fates);
			fates->walking = false;
			return true;
		}
		take_step(reader, i);
	}

	/* And back from what vanishes: the list grows meanwhile, too */
	for (int i = 0; i < list_length(fates->vanishing); i++)
	{
		int			step = list_nth_int(fates->vanishing, i);

		for (int edge = fates->steps[step].last_edge; edge >= 0;
			 edge = fates->edges[edge].previous)
			let_vanish(fates, fates->edges[edge].from);
	}
	for (int i = 0; i < fates->nsteps; i++)
	{
		if (fates->steps[i].known->fate == FATE_UNKNOWN)
			fates->steps[i].known->fate = FATE_LASTS;
	}
	list_free(fates->vanishing);
	fates->walking = false;
	return known->fate == FATE_VANISHES;
}

bool
tg_part_vanishes(FactsReader *reader, Oid classId, Oid objectId, int32 subId,
				 Oid relid)
{
	return tg_vanishes(reader, classId, objectId, subId) &&
		!tg_vanishes(reader, RelationRelationId, relid, 0);
}

bool
tg_members_may_vanish(FactsReader *reader)
{
	SysScanDesc scan;
	HeapTuple	tuple;

	if (reader->extensions_known)
		return reader->any_untrusted_extension;
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_EXTENSION),
							  InvalidOid, false, reader->snapshot, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (!superuser_arg(((Form_pg_extension) GETSTRUCT(tuple))->extowner))
			reader->any_untrusted_extension = true;
	}
	systable_endscan(scan);
	reader->extensions_known = true;
	return reader->any_untrusted_extension;
}

/* A walk from what vanishes to all that goes with it. */
typedef struct Fall
{
	FactsReader *reader;
	HTAB	   *met;			/* of ObjectAddress */
	List	   *objects;		/* the same, in the order in which they fell */
	List	   *relids;			/* to whom they belong */
} Fall;

static void
fall(Fall *walk, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress object;
	ObjectAddress *met;
	bool		found;
	Oid			relid;

	ObjectAddressSubSet(object, classId, objectId, subId);
	if (walk->met == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(ObjectAddress);
		ctl.entrysize = sizeof(ObjectAddress);
		ctl.hcxt = CurrentMemoryContext;
		walk->met = hash_create("trovella_guard what falls", 64, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	met = hash_search(walk->met, &object, HASH_ENTER, &found);
	if (found)
		return;
	walk->objects = lappend(walk->objects, met);
	relid = tg_owning_relation(classId, objectId);
	if (OidIsValid(relid))
		walk->relids = lappend_oid(walk->relids, relid);
}

static void
fall_with(Fall *walk, const ObjectAddress *object)
{
	SysScanDesc scan = tg_reader_scan_dependents(walk->reader, object, true);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		fall(walk, form->classid, form->objid, form->objsubid);
	}
	systable_endscan(scan);

	scan = tg_reader_scan_referenced(walk->reader, object);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (takes_owner_along(form) &&
			tg_vanishes(walk->reader, form->refclassid, form->refobjid,
						form->refobjsubid))
			fall(walk, form->refclassid, form->refobjid, form->refobjsubid);
	}
	systable_endscan(scan);
}

/*
 * Lets a touched object fall, or columns of it, if what it depends on vanishes.
 * A schema that lasts can do so as a member of an extension only.
 */
static void
fall_if_touched(Fall *walk, Oid classId, Oid objectId)
{
	SysScanDesc scan = tg_reader_scan_depend(walk->reader,
											 DependDependerIndexId,
											 Anum_pg_depend_classid, classId,
											 Anum_pg_depend_objid, objectId);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->refclassid == NamespaceRelationId &&
			!isAnyTempNamespace(form->refobjid) &&
			!tg_members_may_vanish(walk->reader))
			continue;
		if (tg_vanishes(walk->reader, form->refclassid, form->refobjid,
						form->refobjsubid))
			fall(walk, classId, objectId, form->objsubid);
	}
	systable_endscan(scan);
}

/* The same for the generated columns of a relation, by their expressions. */
static void
generated_columns_fall(Fall *walk, Oid relid)
{
	ObjectAddress relation;
	SysScanDesc scan;
	HeapTuple	tuple;

	ObjectAddressSet(relation, RelationRelationId, relid);
	scan = tg_reader_scan_dependents(walk->reader, &relation, true);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->classid == AttrDefaultRelationId)
			fall_if_touched(walk, form->classid, form->objid);
	}
	systable_endscan(scan);
}

List *
tg_facts_relations_that_lose(FactsReader *reader, List *touched)
{
	Fall		walk = {.reader = reader};
	ListCell   *lc;

	foreach(lc, touched)
	{
		const ObjectKey *object = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		switch (object->classId)
		{
				/* On these nothing stands but what is judged with them */
			case PolicyRelationId:
			case ConstraintRelationId:
			case IndexRelationId:
			case NamespaceRelationId:
				break;

				/* The hook names the relation in place of the expression */
			case AttrDefaultRelationId:
				generated_columns_fall(&walk, object->objectId);
				break;

				/* By a new member */
			case ExtensionRelationId:
				if (tg_vanishes(reader, object->classId, object->objectId, 0))
					fall(&walk, object->classId, object->objectId, 0);
				break;

			default:
				fall_if_touched(&walk, object->classId, object->objectId);
				break;
		}
	}

	/* The list grows while we walk it */
	for (int i = 0; i < list_length(walk.objects); i++)
	{
		CHECK_FOR_INTERRUPTS();
		fall_with(&walk, list_nth(walk.objects, i));
	}
	if (walk.met != NULL)
		hash_destroy(walk.met);
	list_free(walk.objects);
	return walk.relids;
}

bool
tg_is_temporary(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		temporary = false;

	if (HeapTupleIsValid(tuple))
	{
		temporary = ((Form_pg_class) GETSTRUCT(tuple))->relpersistence ==
			RELPERSISTENCE_TEMP;
		ReleaseSysCache(tuple);
	}
	return temporary;
}
