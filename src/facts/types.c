/*-------------------------------------------------------------------------
 *
 * types.c
 *		Types whose values are names that somebody may exchange.
 *
 * A row holds the number of an enum's label.  Whoever owns the enum gives the
 * label another name, without any DDL on the table, and the row belongs to
 * another tenant.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_type.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

/* Adds the types of a composite type's attributes. */
static void
add_attributes(FactsReader *reader, Oid relid, OidSet *types)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_ATTRIBUTE,
									  AttributeRelidNumIndexId,
									  Anum_pg_attribute_attrelid, relid);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		if (form->attnum > 0 && !form->attisdropped)
			(void) tg_oidset_add(types, form->atttypid);
	}
	systable_endscan(scan);
}

List *
tg_facts_enums_in(FactsReader *reader, const List *types)
{
	OidSet		seen = {0};
	List	   *enums = NIL;
	const ListCell *lc;

	foreach(lc, types)
		(void) tg_oidset_add(&seen, lfirst_oid(lc));
	for (int i = 0; i < list_length(seen.oids); i++)
	{
		Oid			type = list_nth_oid(seen.oids, i);
		SysScanDesc scan;
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		if (type < FirstNormalObjectId)
			continue;
		scan = tg_reader_scan(reader, CAT_TYPE, TypeOidIndexId,
							  Anum_pg_type_oid, type);
		tuple = systable_getnext(scan);
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_type form = (Form_pg_type) GETSTRUCT(tuple);

			switch (form->typtype)
			{
				case TYPTYPE_ENUM:
					enums = lappend_oid(enums, type);
					break;
				case TYPTYPE_DOMAIN:
					(void) tg_oidset_add(&seen, form->typbasetype);
					break;
				case TYPTYPE_COMPOSITE:
					add_attributes(reader, form->typrelid, &seen);
					break;
				case TYPTYPE_RANGE:
					(void) tg_oidset_add(&seen, get_range_subtype(type));
					break;
				case TYPTYPE_MULTIRANGE:
					(void) tg_oidset_add(&seen, get_multirange_range(type));
					break;
				default:
					(void) tg_oidset_add(&seen, form->typelem);
					break;
			}
		}
		systable_endscan(scan);
	}
	return enums;
}

Oid
tg_facts_type_owner(FactsReader *reader, Oid type)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_TYPE, TypeOidIndexId,
									  Anum_pg_type_oid, type);
	HeapTuple	tuple = systable_getnext(scan);
	Oid			owner = HeapTupleIsValid(tuple) ?
		((Form_pg_type) GETSTRUCT(tuple))->typowner : InvalidOid;

	systable_endscan(scan);
	tg_facts_note_read(reader, TypeRelationId, type);
	return owner;
}

/* Collects the types that users have made and values of which come up. */
static bool
collect_types(Node *node, OidSet *types)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			return query_tree_walker((Query *) node, collect_types, types, 0);
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_FieldSelect:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
		case T_ArrayExpr:
			if (exprType(node) >= FirstNormalObjectId)
				(void) tg_oidset_add(types, exprType(node));
			break;
		default:
			break;
	}
	return expression_tree_walker(node, collect_types, types);
}

List *
tg_facts_types_in(const PolicyFacts *policy)
{
	OidSet		types = {0};

	(void) collect_types(policy->qual, &types);
	(void) collect_types(policy->with_check, &types);
	return types.oids;
}

List *
tg_facts_relations_using_type(FactsReader *reader, Oid type)
{
	OidSet		types = {0};
	OidSet		relations = {0};

	(void) tg_oidset_add(&types, type);
	for (int i = 0; i < list_length(types.oids); i++)
	{
		SysScanDesc scan =
			tg_reader_scan_depend(reader, DependReferenceIndexId,
								  Anum_pg_depend_refclassid, TypeRelationId,
								  Anum_pg_depend_refobjid,
								  list_nth_oid(types.oids, i));
		HeapTuple	tuple;

		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
			RelationPlace place;
			Oid			relid;

			CHECK_FOR_INTERRUPTS();
			if (form->classid == TypeRelationId)
				(void) tg_oidset_add(&types, form->objid);
			else if (form->classid == PolicyRelationId)
			{
				relid = tg_owning_relation(form->classid, form->objid);
				if (OidIsValid(relid))
					(void) tg_oidset_add(&relations, relid);
			}
			else if (form->classid == RelationRelationId &&
					 tg_facts_place(reader, form->objid, &place))
			{
				if (place.kind == RELKIND_COMPOSITE_TYPE)
					(void) tg_oidset_add(&types,
										 get_rel_type_id(form->objid));
				else
					(void) tg_oidset_add(&relations, form->objid);
			}
		}
		systable_endscan(scan);
	}
	return relations.oids;
}
