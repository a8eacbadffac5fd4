/*-------------------------------------------------------------------------
 *
 * losses.c
 *		Which relations lose something with a temporary object?
 *
 * A transaction can make an object that existed before depend on a temporary
 * one.  Then other relations lose policies, indexes and columns that depend on
 * it, though the transaction has not touched these relations.
 *
 * The walk here goes from such an object to everything that PostgreSQL drops
 * with it, by the rules of findDependentObjects() (see temporary.c).
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "guard.h"
#include "hashtable.h"
#include "miscadmin.h"

/* A walk from temporary objects to everything that is dropped with them. */
typedef struct LossWalk
{
	FactsReader *reader;
	HTAB	   *seen;			/* of ObjectAddress */
	List	   *objects;		/* the same, in the order of discovery */
	List	   *relids;			/* which own them */
} LossWalk;

static void
add_loss(LossWalk *walk, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress object;
	ObjectAddress *seen;
	bool		found;
	Oid			relid;

	ObjectAddressSubSet(object, classId, objectId, subId);
	if (walk->seen == NULL)
		walk->seen = tg_hash_create("trovella_guard losses",
									sizeof(ObjectAddress),
									sizeof(ObjectAddress),
									CurrentMemoryContext);
	seen = hash_search(walk->seen, &object, HASH_ENTER, &found);
	if (found)
		return;
	walk->objects = lappend(walk->objects, seen);
	relid = tg_owning_relation(classId, objectId);
	if (OidIsValid(relid))
		walk->relids = lappend_oid(walk->relids, relid);
}

/* Adds everything that PostgreSQL drops with an object. */
static void
add_dependents(LossWalk *walk, const ObjectAddress *object)
{
	int32		dropped = object->objectSubId == 0 ?
		TG_WITH_COLUMNS : object->objectSubId;
	SysScanDesc scan = tg_reader_scan_dependents(walk->reader, object->classId,
												 object->objectId, dropped);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		add_loss(walk, form->classid, form->objid, form->objsubid);
	}
	systable_endscan(scan);

	scan = tg_reader_scan_referenced(walk->reader, object->classId,
									 object->objectId, object->objectSubId);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (tg_drops_owner(form) &&
			tg_depends_on_temporary(walk->reader, form->refclassid, form->refobjid,
									form->refobjsubid))
			add_loss(walk, form->refclassid, form->refobjid, form->refobjsubid);
	}
	systable_endscan(scan);
}

/*
 * Adds a touched object, or some of its columns, if what it depends on is
 * temporary.  A permanent schema can be that only as a member of an extension.
 */
static void
add_if_temporary(LossWalk *walk, Oid classId, Oid objectId)
{
	SysScanDesc scan = tg_reader_scan_referenced(walk->reader, classId,
												 objectId, TG_WITH_COLUMNS);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->refclassid == NamespaceRelationId &&
			!isAnyTempNamespace(form->refobjid) &&
			!tg_members_may_be_temporary(walk->reader))
			continue;
		if (tg_depends_on_temporary(walk->reader, form->refclassid, form->refobjid,
									form->refobjsubid))
			add_loss(walk, classId, objectId, form->objsubid);
	}
	systable_endscan(scan);
}

/* The same for the generated columns of a relation. */
static void
add_generated_columns(LossWalk *walk, Oid relid)
{
	SysScanDesc scan = tg_reader_scan_dependents(walk->reader,
												 RelationRelationId, relid,
												 TG_WITH_COLUMNS);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->classid == AttrDefaultRelationId)
			add_if_temporary(walk, form->classid, form->objid);
	}
	systable_endscan(scan);
}

List *
tg_facts_relations_losing_parts(FactsReader *reader, List *touched)
{
	LossWalk	walk = {.reader = reader};
	ListCell   *lc;

	foreach(lc, touched)
	{
		const ObjectKey *object = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		switch (object->classId)
		{
				/* Their dependents belong to the same relation */
			case PolicyRelationId:
			case ConstraintRelationId:
			case IndexRelationId:
			case NamespaceRelationId:
				break;

				/* The hook names the relation instead of the expression */
			case AttrDefaultRelationId:
				add_generated_columns(&walk, object->objectId);
				break;

				/* By a new member */
			case ExtensionRelationId:
				if (tg_depends_on_temporary(reader, object->classId, object->objectId, 0))
					add_loss(&walk, object->classId, object->objectId, 0);
				break;

			default:
				add_if_temporary(&walk, object->classId, object->objectId);
				break;
		}
	}

	/* The list grows while we walk it */
	for (int i = 0; i < list_length(walk.objects); i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_dependents(&walk, list_nth(walk.objects, i));
	}
	if (walk.seen != NULL)
		hash_destroy(walk.seen);
	list_free(walk.objects);
	return walk.relids;
}
