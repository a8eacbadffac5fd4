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
 * objects have no entries, and a relation ends the walk.  Even so the walk was
 * a quarter of an audit's time, and most policies and indexes mention nothing
 * but PostgreSQL's own functions and types: what names no other object is not
 * followed at all.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "compat.h"
#include "facts.h"
#include "nodes/nodeFuncs.h"
#include "reader.h"
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

/*
 * Would the object vanish when a temporary object is dropped, as happens at
 * the end of its session without any DDL?
 */
bool
tg_stands_on_temporary(FactsReader *reader, Oid classId, Oid objectId)
{
	List	   *seen = NIL;
	ObjectAddress *start = palloc(sizeof(ObjectAddress));

	ObjectAddressSet(*start, classId, objectId);
	seen = lappend(seen, start);

	/* The list grows while we walk it */
	for (int i = 0; i < list_length(seen); i++)
	{
		ObjectAddress *object = list_nth(seen, i);
		SysScanDesc scan;
		HeapTuple	tuple;
		bool		found = false;

		scan = tg_reader_scan_depend(reader, DependDependerIndexId,
									 Anum_pg_depend_classid, object->classId,
									 Anum_pg_depend_objid, object->objectId);
		while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
			bool		known = false;
			ObjectAddress *next;

			if (form->deptype == DEPENDENCY_EXTENSION)
				continue;
			if (is_temporary(form->refclassid, form->refobjid))
			{
				found = true;
				break;
			}
			/* A permanent relation cannot stand on a temporary object whole */
			if (form->refclassid == RelationRelationId ||
				form->refclassid == NamespaceRelationId)
				continue;

			for (int j = 0; j < list_length(seen) && !known; j++)
			{
				next = list_nth(seen, j);
				known = next->classId == form->refclassid &&
					next->objectId == form->refobjid;
			}
			if (known)
				continue;
			next = palloc(sizeof(ObjectAddress));
			ObjectAddressSet(*next, form->refclassid, form->refobjid);
			seen = lappend(seen, next);
		}
		systable_endscan(scan);
		if (found)
			return true;
	}
	return false;
}

/*
 * Would the column vanish when a temporary object is dropped: its type, its
 * collation, or what the expression of a generated column calls?  (Such an
 * expression is an internal part of its column, and takes it along.)
 */
bool
tg_column_stands_on_temporary(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	SysScanDesc scan = tg_reader_scan_depend(reader, DependDependerIndexId,
											 Anum_pg_depend_classid,
											 RelationRelationId,
											 Anum_pg_depend_objid, relid);
	HeapTuple	tuple;
	bool		found = false;

	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->objsubid != attnum)
			continue;
		found = is_temporary(form->refclassid, form->refobjid) ||
			(form->refclassid != RelationRelationId &&
			 tg_stands_on_temporary(reader, form->refclassid, form->refobjid));
	}
	systable_endscan(scan);
	if (found)
		return true;

	scan = tg_reader_scan_depend(reader, DependReferenceIndexId,
								 Anum_pg_depend_refclassid, RelationRelationId,
								 Anum_pg_depend_refobjid, relid);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->refobjsubid == attnum &&
			form->deptype == DEPENDENCY_INTERNAL &&
			form->classid == AttrDefaultRelationId &&
			tg_stands_on_temporary(reader, form->classid, form->objid);
	}
	systable_endscan(scan);
	return found;
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
