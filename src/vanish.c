/*-------------------------------------------------------------------------
 *
 * vanish.c
 *		What will vanish without any DDL by anybody?
 *
 * A policy, an index or a column that stands on a temporary object goes with
 * it when its session ends.  So it does not count as protection while it is
 * there.
 *
 * Note: the depth of pg_depend that is followed is small in practice: pinned
 * objects have no entries, and an ordinary table or column ends the walk.
 * Even so the walk was a quarter of an audit's time, and most policies and
 * indexes mention nothing but PostgreSQL's own functions and types: what names
 * no other object is not followed at all.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "compat.h"
#include "facts.h"
#include "nodes/nodeFuncs.h"
#include "reader.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static bool is_temporary(Oid classId, Oid objectId);

/*
 * Does an expression of the relation mention a column that will vanish?  It
 * then vanishes, too.  (A column of another relation at the same level in a
 * sub-select may be taken for it: that errs on the safe side.)
 */
bool
tg_mentions_temporary_column(Node *node, void *context)
{
	RelationFacts *facts = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		ListCell   *lc;

		foreach(lc, facts->columns)
		{
			ColumnFacts *column = lfirst(lc);

			if (column->temporary &&
				column->attnum == ((Var *) node)->varattno)
				return true;
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, tg_mentions_temporary_column,
								 context, 0);
	return expression_tree_walker(node, tg_mentions_temporary_column, context);
}

/*
 * Does an object live in a temporary schema, or is it a temporary schema?
 * What the caches do not know any more was not temporary: temporary objects
 * of this session are dropped after its last transaction.
 */
static bool
is_temporary(Oid classId, Oid objectId)
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

/* Is it a relation that a DROP ... CASCADE of something else takes along? */
static bool
relation_may_follow(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		/* by its query, its partition key or its type */
		result = form->relkind == RELKIND_VIEW ||
			form->relkind == RELKIND_MATVIEW ||
			form->relkind == RELKIND_PARTITIONED_TABLE ||
			OidIsValid(form->reloftype);
		ReleaseSysCache(tuple);
	}
	return result;
}

/* The same of a column: by its type, its collation or its expression. */
static bool
column_may_follow(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		result = form->atttypid >= FirstNormalObjectId ||
			form->attcollation >= FirstNormalObjectId ||
			form->attgenerated != '\0';
		ReleaseSysCache(tuple);
	}
	return result;
}

/* Has it an internal part that a DROP ... CASCADE may begin with? */
static bool
has_internal_part(const ObjectAddress *object)
{
	if (object->classId != RelationRelationId)
		return false;
	if (object->objectSubId != 0)
		return get_attgenerated(object->objectId,
								object->objectSubId) != '\0';
	switch (get_rel_relkind(object->objectId))
	{
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			return true;
		default:
			return false;
	}
}

/* Appends an object to those that are to be looked at, once. */
static List *
look_at(List *objects, Oid classId, Oid objectId, int32 subId)
{
	ObjectAddress *object;
	ListCell   *lc;

	foreach(lc, objects)
	{
		object = lfirst(lc);
		if (object->classId == classId && object->objectId == objectId &&
			object->objectSubId == subId)
			return objects;
	}
	object = palloc(sizeof(ObjectAddress));
	ObjectAddressSubSet(*object, classId, objectId, subId);
	return lappend(objects, object);
}

/* The same for an object that another one depends on. */
static List *
look_at_referenced(List *objects, Form_pg_depend form)
{
	if (form->refclassid == NamespaceRelationId)
		return objects;
	if (form->refclassid != RelationRelationId)
		return look_at(objects, form->refclassid, form->refobjid, 0);
	if (relation_may_follow(form->refobjid))
		objects = look_at(objects, RelationRelationId, form->refobjid, 0);
	if (form->refobjsubid != 0 &&
		column_may_follow(form->refobjid, form->refobjsubid))
		objects = look_at(objects, RelationRelationId, form->refobjid,
						  form->refobjsubid);
	return objects;
}

/*
 * Would the object, or the column of a relation, vanish when a temporary object
 * is dropped, as happens at the end of its session without any DDL?  What it
 * has of the relation "own" does not count.
 */
static bool
stands_on_temporary(FactsReader *reader, Oid classId, Oid objectId,
					int32 subId, Oid own)
{
	List	   *objects = look_at(NIL, classId, objectId, subId);
	bool		found = false;

	/* The list grows while we walk it */
	for (int i = 0; i < list_length(objects) && !found; i++)
	{
		const ObjectAddress *object = list_nth(objects, i);
		SysScanDesc scan;
		HeapTuple	tuple;

		scan = tg_reader_scan_depend(reader, DependDependerIndexId,
									 Anum_pg_depend_classid, object->classId,
									 Anum_pg_depend_objid, object->objectId);
		while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

			if (form->deptype == DEPENDENCY_EXTENSION ||
				form->objsubid != object->objectSubId ||
				(form->refclassid == RelationRelationId &&
				 form->refobjid == own))
				continue;
			found = is_temporary(form->refclassid, form->refobjid);
			objects = look_at_referenced(objects, form);
		}
		systable_endscan(scan);
		if (found || !has_internal_part(object))
			continue;

		/* The expression of a generated column, the query of a view */
		scan = tg_reader_scan_depend(reader, DependReferenceIndexId,
									 Anum_pg_depend_refclassid, object->classId,
									 Anum_pg_depend_refobjid, object->objectId);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

			if (form->deptype == DEPENDENCY_INTERNAL &&
				form->refobjsubid == object->objectSubId)
				objects = look_at(objects, form->classid, form->objid, 0);
		}
		systable_endscan(scan);
	}
	return found;
}

bool
tg_stands_on_temporary(FactsReader *reader, Oid classId, Oid objectId,
					   Oid relid)
{
	return stands_on_temporary(reader, classId, objectId, 0, relid);
}

bool
tg_column_stands_on_temporary(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	return stands_on_temporary(reader, RelationRelationId, relid, attnum,
							   InvalidOid);
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
