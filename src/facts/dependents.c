/*-------------------------------------------------------------------------
 *
 * dependents.c
 *		Which relations depend on an object?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_type.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

List *
tg_facts_relations_of_schema(FactsReader *reader, Oid schema_oid)
{
	/* pg_class has no index led by relnamespace: this reads all of it */
	SysScanDesc scan = systable_beginscan(tg_reader_catalog(reader, CAT_CLASS),
										  InvalidOid, false,
										  reader->snapshot, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relnamespace == schema_oid)
			result = lappend_oid(result, form->oid);
	}
	systable_endscan(scan);
	return result;
}

List *
tg_facts_relations_with_rls(FactsReader *reader)
{
	SysScanDesc scan = systable_beginscan(tg_reader_catalog(reader, CAT_CLASS),
										  InvalidOid, false,
										  reader->snapshot, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relrowsecurity && form->oid >= FirstNormalObjectId)
			result = lappend_oid(result, form->oid);
	}
	systable_endscan(scan);
	return result;
}

static List *
dependents_of(FactsReader *reader, Oid dependent_class, Oid classId,
			  Oid objectId)
{
	return tg_reader_dependents(reader, dependent_class, TG_ANY_DEPTYPE,
								classId, objectId);
}

/*
 * The relations that own objects of one catalog, each once.  Sorts "objects",
 * in which an object may occur once for each column that it names.
 */
static List *
relations_of(Oid classId, List *objects)
{
	List	   *result = NIL;
	ListCell   *lc;

	list_sort(objects, list_oid_cmp);
	list_deduplicate_oid(objects);
	foreach(lc, objects)
	{
		Oid			relid = tg_owning_relation(classId, lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (OidIsValid(relid))
			result = lappend_oid(result, relid);
	}
	list_sort(result, list_oid_cmp);
	list_deduplicate_oid(result);
	return result;
}

/* The other relations that own objects which depend on a relation. */
static List *
relations_of_dependents(FactsReader *reader, Oid dependent_class, Oid relid)
{
	return list_delete_oid(relations_of(dependent_class,
										dependents_of(reader, dependent_class,
													  RelationRelationId,
													  relid)),
						   relid);
}

/* Adds the inheritance descendants: the policies apply to their rows, too. */
List *
tg_with_inheritance_descendants(FactsReader *reader, List *relids)
{
	OidSet		set = {0};
	ListCell   *lc;

	foreach(lc, relids)
		(void) tg_oidset_add(&set, lfirst_oid(lc));
	tg_reader_add_reached(reader, &set, tg_inheritance_children, INT_MAX);
	return set.oids;
}

/* The relations whose rewrite rules name a relation. */
static List *
views_of(FactsReader *reader, Oid relid)
{
	return relations_of_dependents(reader, RewriteRelationId, relid);
}

List *
tg_facts_dependent_views(FactsReader *reader, Oid relid)
{
	return tg_reader_reach(reader, relid, views_of, INT_MAX);
}

List *
tg_relations_below(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_REWRITE,
									  RewriteRelRulenameIndexId,
									  Anum_pg_rewrite_ev_class, relid);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			rule = ((Form_pg_rewrite) GETSTRUCT(tuple))->oid;

		result = list_concat(result,
							 tg_reader_referenced(reader, RelationRelationId,
												  TG_ANY_DEPTYPE,
												  RewriteRelationId, rule));
	}
	systable_endscan(scan);
	return result;
}

List *
tg_facts_relations_below(FactsReader *reader, Oid relid)
{
	return tg_reader_reach(reader, relid, tg_relations_below, INT_MAX);
}

List *
tg_facts_relations_whose_policies_read(FactsReader *reader, Oid relid)
{
	List	   *relids = relations_of_dependents(reader, PolicyRelationId,
												 relid);
	ListCell   *lc;

	/* It may also be read by way of a view */
	foreach(lc, tg_facts_dependent_views(reader, relid))
		relids = list_concat(relids,
							 relations_of_dependents(reader, PolicyRelationId,
													 lfirst_oid(lc)));
	return tg_with_inheritance_descendants(reader,
										   list_delete_oid(relids, relid));
}

List *
tg_facts_relations_using_function(FactsReader *reader, Oid function_oid)
{
	List	   *policies = dependents_of(reader, PolicyRelationId,
										 ProcedureRelationId, function_oid);
	ListCell   *lc;

	/* A policy that calls it by an aggregate depends on the aggregate, ... */
	foreach(lc, dependents_of(reader, ProcedureRelationId,
							  ProcedureRelationId, function_oid))
		policies = list_concat(policies,
							   dependents_of(reader, PolicyRelationId,
											 ProcedureRelationId,
											 lfirst_oid(lc)));

	/* ... one that calls it by an operator, on the operator */
	foreach(lc, dependents_of(reader, OperatorRelationId, ProcedureRelationId,
							  function_oid))
		policies = list_concat(policies,
							   dependents_of(reader, PolicyRelationId,
											 OperatorRelationId,
											 lfirst_oid(lc)));
	return tg_with_inheritance_descendants(reader,
										   relations_of(PolicyRelationId,
														policies));
}

List *
tg_facts_relations_using_type(FactsReader *reader, Oid type)
{
	OidSet		types = {0};
	OidSet		relations = {0};

	(void) tg_oidset_add(&types, type);
	for (int i = 0; i < list_length(types.oids); i++)
	{
		SysScanDesc scan = tg_reader_scan_dependents(reader, TypeRelationId,
													 list_nth_oid(types.oids, i),
													 TG_WITH_COLUMNS);
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

/*
 * The relations whose findings depend on an object that depends on a role,
 * perhaps without their inheritance children.  "owner": the role owns the
 * object.
 */
static List *
relations_of_object(FactsReader *reader, Form_pg_shdepend form, bool owner)
{
	switch (form->classid)
	{
		case PolicyRelationId:
			return relations_of(form->classid, list_make1_oid(form->objid));

			/* A view reads with the privileges of its owner */
		case RelationRelationId:
			return owner ? list_make1_oid(form->objid) : NIL;

		case ProcedureRelationId:
			return owner ?
				tg_facts_relations_using_function(reader, form->objid) : NIL;

		case TypeRelationId:
			return owner ?
				tg_facts_relations_using_type(reader, form->objid) : NIL;

		default:
			return NIL;
	}
}

List *
tg_facts_relations_of_role(FactsReader *reader, Oid role)
{
	OidSet		roles = {0};
	List	   *result = NIL;

	(void) tg_oidset_add(&roles, role);
	for (int i = 0; i < list_length(roles.oids); i++)
	{
		Oid			one = list_nth_oid(roles.oids, i);
		SysScanDesc scan = tg_reader_scan_of_role(reader, one);
		HeapTuple	tuple;

		tg_add_related_roles(&roles, one, false);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_shdepend form = (Form_pg_shdepend) GETSTRUCT(tuple);
			bool		owner = one == role &&
				form->deptype == SHARED_DEPENDENCY_OWNER;

			CHECK_FOR_INTERRUPTS();
			if (form->dbid == MyDatabaseId)
				result = list_concat(result,
									 relations_of_object(reader, form, owner));
		}
		systable_endscan(scan);
	}
	return tg_with_inheritance_descendants(reader, result);
}
