/*-------------------------------------------------------------------------
 *
 * losses.c
 *		Which relations lose something when temporary objects are dropped?
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

/* A walk from what vanishes to all that goes with it. */
typedef struct DropWalk
{
	FactsReader *reader;
	HTAB	   *met;			/* of ObjectAddress */
	List	   *objects;		/* the same, in the order in which they fell */
	List	   *relids;			/* to whom they belong */
} DropWalk;

static void
add_dropped(DropWalk *walk, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress object;
	ObjectAddress *met;
	bool		found;
	Oid			relid;

	ObjectAddressSubSet(object, classId, objectId, subId);
	if (walk->met == NULL)
		walk->met = tg_hash_create("trovella_guard dropped objects",
								   sizeof(ObjectAddress),
								   sizeof(ObjectAddress),
								   CurrentMemoryContext);
	met = hash_search(walk->met, &object, HASH_ENTER, &found);
	if (found)
		return;
	walk->objects = lappend(walk->objects, met);
	relid = tg_owning_relation(classId, objectId);
	if (OidIsValid(relid))
		walk->relids = lappend_oid(walk->relids, relid);
}

static void
drop_dependents(DropWalk *walk, const ObjectAddress *object)
{
	SysScanDesc scan = tg_reader_scan_dependents(walk->reader, object, true);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		add_dropped(walk, form->classid, form->objid, form->objsubid);
	}
	systable_endscan(scan);

	scan = tg_reader_scan_referenced(walk->reader, object);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (tg_drops_owner(form) &&
			tg_depends_on_temporary(walk->reader, form->refclassid, form->refobjid,
						form->refobjsubid))
			add_dropped(walk, form->refclassid, form->refobjid, form->refobjsubid);
	}
	systable_endscan(scan);
}

/*
 * Lets a touched object add_dropped, or columns of it, if what it depends on vanishes.
 * A schema that lasts can do so as a member of an extension only.
 */
static void
drop_if_temporary(DropWalk *walk, Oid classId, Oid objectId)
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
			!tg_members_may_be_temporary(walk->reader))
			continue;
		if (tg_depends_on_temporary(walk->reader, form->refclassid, form->refobjid,
						form->refobjsubid))
			add_dropped(walk, classId, objectId, form->objsubid);
	}
	systable_endscan(scan);
}

/* The same for the generated columns of a relation, by their expressions. */
static void
drop_generated_columns(DropWalk *walk, Oid relid)
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
			drop_if_temporary(walk, form->classid, form->objid);
	}
	systable_endscan(scan);
}

List *
tg_facts_relations_losing_parts(FactsReader *reader, List *touched)
{
	DropWalk		walk = {.reader = reader};
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
				drop_generated_columns(&walk, object->objectId);
				break;

				/* By a new member */
			case ExtensionRelationId:
				if (tg_depends_on_temporary(reader, object->classId, object->objectId, 0))
					add_dropped(&walk, object->classId, object->objectId, 0);
				break;

			default:
				drop_if_temporary(&walk, object->classId, object->objectId);
				break;
		}
	}

	/* The list grows while we walk it */
	for (int i = 0; i < list_length(walk.objects); i++)
	{
		CHECK_FOR_INTERRUPTS();
		drop_dependents(&walk, list_nth(walk.objects, i));
	}
	if (walk.met != NULL)
		hash_destroy(walk.met);
	list_free(walk.objects);
	return walk.relids;
}
