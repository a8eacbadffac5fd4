/*-------------------------------------------------------------------------
 *
 * keys.c
 *		Indexes and constraints.
 *
 * Note: the snapshot of "before" sees objects that the transaction has dropped,
 * and the system caches no longer know them.  So the question for an operator
 * class's access method needs a default answer.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_am.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * The access method of an operator class.  Of one that is gone by now we only
 * know that its index is gone as well; we take it for a btree.
 */
static Oid
opclass_access_method(Oid opclass)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Oid			method = BTREE_AM_OID;

	if (HeapTupleIsValid(tuple))
	{
		method = ((Form_pg_opclass) GETSTRUCT(tuple))->opcmethod;
		ReleaseSysCache(tuple);
	}
	return method;
}

/* Does one of the OIDs belong to an object that a user has made? */
static bool
any_user_object(const oidvector *oids)
{
	for (int i = 0; i < oids->dim1; i++)
	{
		if (oids->values[i] >= FirstNormalObjectId)
			return true;
	}
	return false;
}

/* Is the tenant column among what a unique index compares? */
static bool
names_tenant_column(const RelationFacts *facts, const IndexFacts *index,
					List *expressions)
{
	Bitmapset  *attnums = NULL;

	for (int i = 0; i < index->nkeys; i++)
	{
		if (index->keys[i] == facts->tenant->attnum)
			return true;
	}
	pull_varattnos((Node *) expressions, 1, &attnums);
	return bms_is_member(facts->tenant->attnum -
						 FirstLowInvalidHeapAttributeNumber, attnums);
}

void
tg_read_indexes(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_INDEX, IndexIndrelidIndexId,
									  Anum_pg_index_indrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_INDEX));
	bool		any_may_be_temporary = tg_members_may_be_temporary(reader) ||
		tg_any_column_is_temporary(facts);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
		IndexFacts *index = palloc0(sizeof(IndexFacts));
		List	   *expressions = NIL;
		bool		isnull;
		Datum		value;
		oidvector  *vector;
		Oid			method;
		bool		may_be_temporary;

		index->oid = form->indexrelid;
		index->nkeys = form->indnkeyatts;
		index->keys = palloc(index->nkeys * sizeof(AttrNumber));
		memcpy(index->keys, form->indkey.values,
			   index->nkeys * sizeof(AttrNumber));

		value = heap_getattr(tuple, Anum_pg_index_indcollation, descriptor,
							 &isnull);
		vector = (oidvector *) DatumGetPointer(value);
		index->collations = palloc(index->nkeys * sizeof(Oid));
		memcpy(index->collations, vector->values, index->nkeys * sizeof(Oid));
		may_be_temporary = any_may_be_temporary || any_user_object(vector);

		value = heap_getattr(tuple, Anum_pg_index_indclass, descriptor,
							 &isnull);
		vector = (oidvector *) DatumGetPointer(value);
		method = opclass_access_method(vector->values[0]);
		index->equality = method == BTREE_AM_OID || method == HASH_AM_OID;
		may_be_temporary = may_be_temporary || any_user_object(vector);

		value = heap_getattr(tuple, Anum_pg_index_indpred, descriptor,
							 &isnull);
		if (!isnull)
		{
			char	   *tree = TextDatumGetCString(value);

			index->predicate = make_ands_implicit(stringToNode(tree));
			may_be_temporary = may_be_temporary || tg_names_user_object(tree);
		}
		value = heap_getattr(tuple, Anum_pg_index_indexprs, descriptor,
							 &isnull);
		if (!isnull)
		{
			char	   *tree = TextDatumGetCString(value);

			expressions = stringToNode(tree);
			may_be_temporary = may_be_temporary || tg_names_user_object(tree);
		}

		index->unique = form->indisunique;
		index->immediate = form->indimmediate;
		index->primary = form->indisprimary;
		index->names_tenant = names_tenant_column(facts, index, expressions);

		index->usable = form->indisvalid && form->indisready &&
			form->indislive &&
			!(may_be_temporary &&
			  tg_part_is_temporary(reader, RelationRelationId, index->oid, 0,
								   facts->relid));
		facts->indexes = lappend(facts->indexes, index);
	}
	systable_endscan(scan);
}

List *
tg_facts_indexes(FactsReader *reader, const RelationFacts *outline)
{
	RelationFacts facts = *outline;

	facts.indexes = NIL;
	tg_read_indexes(reader, &facts);
	return facts.indexes;
}

AttrNumber *
tg_reader_attnums(HeapTuple tuple, AttrNumber attnum, TupleDesc descriptor,
				  int *count)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);
	ArrayType  *array;

	*count = 0;
	if (isnull)
		return NULL;
	array = DatumGetArrayTypePCopy(value);
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (AttrNumber *) ARR_DATA_PTR(array);
}

#ifdef TG_NOT_NULL_CAN_BE_NOT_VALID
/* The column whose NOT NULL a constraint has not validated, or 0. */
static AttrNumber
not_validated(HeapTuple tuple, TupleDesc descriptor)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	int			count;
	AttrNumber *keys;

	if (form->contype != CONSTRAINT_NOTNULL || form->convalidated)
		return 0;
	keys = tg_reader_attnums(tuple, Anum_pg_constraint_conkey, descriptor,
							 &count);
	return count == 1 ? keys[0] : 0;
}

bool
tg_not_null_is_valid(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_CONSTRAINT,
									  ConstraintRelidTypidNameIndexId,
									  Anum_pg_constraint_conrelid, relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_CONSTRAINT));
	bool		result = true;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (not_validated(tuple, descriptor) == attnum)
			result = false;
	}
	systable_endscan(scan);
	return result;
}

/*
 * Takes a column for nullable, if its NOT NULL holds for new rows only.  A table
 * that is not classified has no tenant column.
 */
static void
clear_not_null(RelationFacts *facts, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		ColumnFacts *column = lfirst(lc);

		if (column->attnum == attnum)
			column->not_null = false;
	}
	if (facts->tenant != NULL && facts->tenant->attnum == attnum)
		facts->tenant->not_null = false;
}
#endif

void
tg_read_constraints(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_CONSTRAINT,
									  ConstraintRelidTypidNameIndexId,
									  Anum_pg_constraint_conrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_CONSTRAINT));
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		facts->constraints = lappend_oid(facts->constraints, form->oid);
		if (form->contype == CONSTRAINT_FOREIGN)
		{
			ForeignKeyFacts *key = palloc0(sizeof(ForeignKeyFacts));
			int			count;

			key->oid = form->oid;
			key->name = pstrdup(NameStr(form->conname));
			key->inherited = OidIsValid(form->conparentid) && facts->partition;
			key->referenced = form->confrelid;
			key->on_update = form->confupdtype;
			key->on_delete = form->confdeltype;
			key->match = form->confmatchtype;
			key->deferrable = form->condeferrable;
			key->deferred = form->condeferred;
			key->validated = form->convalidated;
			key->enforced = TG_CONSTRAINT_IS_ENFORCED(form);
			key->temporal = TG_CONSTRAINT_IS_TEMPORAL(form);
			key->keys = tg_reader_attnums(tuple, Anum_pg_constraint_conkey,
										  descriptor, &key->nkeys);
			key->referenced_keys = tg_reader_attnums(tuple,
													 Anum_pg_constraint_confkey,
													 descriptor, &count);

			/*
			 * A foreign key to a partitioned table has a row of its own for
			 * each partition that it references, as a child of the first row,
			 * which says everything.
			 */
			if (OidIsValid(form->conparentid) && !facts->partition)
				continue;
			facts->foreign_keys = lappend(facts->foreign_keys, key);
		}
#ifdef TG_NOT_NULL_CAN_BE_NOT_VALID
		clear_not_null(facts, not_validated(tuple, descriptor));
#endif
	}
	systable_endscan(scan);
}
