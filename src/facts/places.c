/*-------------------------------------------------------------------------
 *
 * places.c
 *		Where an object is, and what its name is.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

bool
tg_facts_place(FactsReader *reader, Oid relid, RelationPlace *place)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_CLASS, ClassOidIndexId,
									  Anum_pg_class_oid, relid);
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		place->schema_oid = form->relnamespace;
		place->name = form->relname;
		place->kind = form->relkind;
		place->persistence = form->relpersistence;
		place->partition = form->relispartition;
	}
	systable_endscan(scan);
	return HeapTupleIsValid(tuple);
}

/*
 * The caches know only the present name, which differs if this transaction has
 * dropped or renamed the schema.
 */
char *
tg_facts_schema_name(FactsReader *reader, Oid schema_oid)
{
	SysScanDesc scan;
	HeapTuple	tuple;

	if (reader->schema_oid == schema_oid)
		return pstrdup(NameStr(reader->schema));

	scan = tg_reader_scan(reader, CAT_NAMESPACE, NamespaceOidIndexId,
						  Anum_pg_namespace_oid, schema_oid);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		reader->schema_oid = schema_oid;
		reader->schema = ((Form_pg_namespace) GETSTRUCT(tuple))->nspname;
	}
	systable_endscan(scan);
	return HeapTupleIsValid(tuple) ? pstrdup(NameStr(reader->schema)) : NULL;
}

char *
tg_facts_qualified_name(FactsReader *reader, Oid relid)
{
	RelationPlace place;
	char	   *schema;

	if (!tg_facts_place(reader, relid, &place))
		return NULL;
	schema = tg_facts_schema_name(reader, place.schema_oid);
	return schema != NULL ?
		quote_qualified_identifier(schema, NameStr(place.name)) : NULL;
}

char *
tg_facts_column_name(FactsReader *reader, Oid relid, AttrNumber attnum,
					 Oid *type)
{
	SysScanDesc scan = tg_reader_scan_column(reader, relid, attnum);
	HeapTuple	tuple;
	char	   *name = NULL;

	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		!((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
	{
		name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
		*type = ((Form_pg_attribute) GETSTRUCT(tuple))->atttypid;
	}
	systable_endscan(scan);
	return name;
}

bool
tg_facts_name_is_taken(FactsReader *reader, Oid schema_oid, const char *name)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	bool		taken;

	ScanKeyInit(&keys[0], Anum_pg_class_relname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	ScanKeyInit(&keys[1], Anum_pg_class_relnamespace, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(schema_oid));
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_CLASS),
							  ClassNameNspIndexId, true, NULL, 2, keys);
	taken = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return taken;
}

/* Reads an OID column of the row of a catalog that has the given OID. */
static Oid
oid_column(Oid classId, AttrNumber oid_attnum, Oid oid, AttrNumber wanted)
{
	Relation	catalog = table_open(classId, AccessShareLock);
	HeapTuple	tuple = get_catalog_object_by_oid(catalog, oid_attnum, oid);
	Oid			result = InvalidOid;
	bool		isnull;

	if (HeapTupleIsValid(tuple))
	{
		result = DatumGetObjectId(heap_getattr(tuple, wanted,
											   RelationGetDescr(catalog),
											   &isnull));
		heap_freetuple(tuple);
	}
	table_close(catalog, AccessShareLock);
	return result;
}

Oid
tg_owning_relation(Oid classId, Oid objectId)
{
	switch (classId)
	{
		case RelationRelationId:
			switch (get_rel_relkind(objectId))
			{
				case '\0':
					return InvalidOid;
				case RELKIND_INDEX:
				case RELKIND_PARTITIONED_INDEX:
					return IndexGetRelation(objectId, true);
				default:
					return objectId;
			}
		case IndexRelationId:
			return IndexGetRelation(objectId, true);
		case PolicyRelationId:
			return oid_column(classId, Anum_pg_policy_oid, objectId,
							  Anum_pg_policy_polrelid);
		case ConstraintRelationId:
			return oid_column(classId, Anum_pg_constraint_oid, objectId,
							  Anum_pg_constraint_conrelid);
		case RewriteRelationId:
			return oid_column(classId, Anum_pg_rewrite_oid, objectId,
							  Anum_pg_rewrite_ev_class);
		default:
			return InvalidOid;
	}
}

Oid
tg_table_of_trigger(Oid trigger)
{
	return oid_column(TriggerRelationId, Anum_pg_trigger_oid, trigger,
					  Anum_pg_trigger_tgrelid);
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

/*
 * An object that the caches no longer know was not temporary: the temporary
 * objects of this session are dropped after its last transaction.
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
