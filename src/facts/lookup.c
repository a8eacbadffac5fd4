/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Finds relations, and what belongs to what.
 *
 * Small questions that the watchers, the verdict, the audit and the rules have
 * besides the facts of a relation: where is it, what is its name, what depends
 * on it.  Same reader, same snapshot; but to whom an object belongs never
 * changes, and is asked as it is now.
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
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

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
 * The name of a schema.  The caches know only the present name; a schema that
 * was dropped or renamed in this transaction is read under the snapshot.
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

static SysScanDesc
scan_column(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber,
				F_INT2EQ, Int16GetDatum(attnum));
	return systable_beginscan(tg_reader_catalog(reader, CAT_ATTRIBUTE),
							  AttributeRelidNumIndexId, true,
							  reader->snapshot, 2, keys);
}

char *
tg_facts_column_name(FactsReader *reader, Oid relid, AttrNumber attnum)
{
	SysScanDesc scan = scan_column(reader, relid, attnum);
	HeapTuple	tuple;
	char	   *name = NULL;

	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		!((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
		name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
	systable_endscan(scan);
	return name;
}

bool
tg_reader_column_may_vanish(FactsReader *reader, Oid relid, AttrNumber attnum,
							bool *generated)
{
	SysScanDesc scan = scan_column(reader, relid, attnum);
	HeapTuple	tuple = systable_getnext(scan);
	bool		result = false;

	*generated = false;
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		*generated = form->attgenerated != '\0';
		result = tg_reader_attribute_may_vanish(form);
	}
	systable_endscan(scan);
	return result;
}

bool
tg_reader_attribute_may_vanish(Form_pg_attribute form)
{
	return form->atttypid >= FirstNormalObjectId ||
		form->attcollation >= FirstNormalObjectId ||
		form->attgenerated != '\0';
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

/* The partitions or inheritance children of a relation, as OIDs. */
List *
tg_facts_children(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_INHERITS,
									  InheritsParentIndexId,
									  Anum_pg_inherits_inhparent, relid);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result,
							 ((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid);
	systable_endscan(scan);
	return result;
}

/*
 * All that can be reached from a relation step by step, each relation once, the
 * nearest first and without the first one.  A lattice of parents has many more
 * paths than relations.
 */
static List *
reach(FactsReader *reader, Oid relid, List *(*step) (FactsReader *, Oid),
	  int limit)
{
	OidSet		seen = {0};
	int			next = 0;

	do
	{
		List	   *reached;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		(void) tg_oidset_add(&seen, relid);
		relid = list_nth_oid(seen.oids, next++);
		reached = step(reader, relid);
		foreach(lc, reached)
			(void) tg_oidset_add(&seen, lfirst_oid(lc));
		list_free(reached);
	} while (next < list_length(seen.oids) && next <= limit);
	return list_delete_first(seen.oids);
}

List *
tg_facts_descendants(FactsReader *reader, Oid relid)
{
	return reach(reader, relid, tg_facts_children, INT_MAX - 1);
}

List *
tg_facts_heirs(FactsReader *reader, Oid relid)
{
	RelationPlace place;

	return tg_facts_place(reader, relid, &place) &&
		place.kind != RELKIND_PARTITIONED_TABLE ?
		tg_facts_descendants(reader, relid) : NIL;
}

List *
tg_facts_parents(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_INHERITS,
									  InheritsRelidSeqnoIndexId,
									  Anum_pg_inherits_inhrelid, relid);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!form->inhdetachpending || reader->detaching_counts)
			result = lappend_oid(result, form->inhparent);
	}
	systable_endscan(scan);
	return result;
}

List *
tg_facts_ancestors(FactsReader *reader, Oid relid, bool *all)
{
	List	   *ancestors = reach(reader, relid, tg_facts_parents,
								  TG_MAX_ANCESTORS);

	*all = list_length(ancestors) <= TG_MAX_ANCESTORS;
	return list_truncate(ancestors, TG_MAX_ANCESTORS);
}

static bool
policies_are_seen_by(FactsReader *reader, Snapshot snapshot,
					 const RelationFacts *facts)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		same = true;
	int			n = 0;

	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(facts->relid));
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_POLICY),
							  PolicyPolrelidPolnameIndexId, true, snapshot, 1,
							  &key);

	/* The facts are in the order of the same index */
	while (same && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		same = n < list_length(facts->policies) &&
			ItemPointerEquals(&((PolicyFacts *) list_nth(facts->policies, n))->tid,
							  &tuple->t_self);
		n++;
	}
	systable_endscan(scan);
	return same && n == list_length(facts->policies);
}

bool
tg_facts_policies_are_current(FactsReader *reader, const RelationFacts *facts)
{
	return policies_are_seen_by(reader, NULL, facts);
}

bool
tg_facts_policies_are_those_of(FactsReader *other, const RelationFacts *facts)
{
	return policies_are_seen_by(other, other->snapshot, facts);
}

/* The objects of one catalog that depend on an object, as OIDs. */
static List *
dependents_of(FactsReader *reader, Oid dependent_class, Oid classId,
			  Oid objectId)
{
	SysScanDesc scan = tg_reader_scan_depend(reader, DependReferenceIndexId,
											 Anum_pg_depend_refclassid,
											 classId,
											 Anum_pg_depend_refobjid, objectId);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == dependent_class)
			result = lappend_oid(result, form->objid);
	}
	systable_endscan(scan);
	return result;
}

/* The relations to which objects of one catalog belong, each once. */
static List *
relations_of(Oid classId, List *objects)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, objects)
	{
		Oid			relid = tg_owning_relation(classId, lfirst_oid(lc));

		if (OidIsValid(relid))
			result = lappend_oid(result, relid);
	}
	list_sort(result, list_oid_cmp);
	list_deduplicate_oid(result);
	return result;
}

/* The other relations to which objects belong that depend on a relation. */
static List *
relations_of_dependents(FactsReader *reader, Oid dependent_class, Oid relid)
{
	return list_delete_oid(relations_of(dependent_class,
										dependents_of(reader, dependent_class,
													  RelationRelationId,
													  relid)),
						   relid);
}

/* The relations whose rewrite rules name a relation. */
static List *
readers_of(FactsReader *reader, Oid relid)
{
	return relations_of_dependents(reader, RewriteRelationId, relid);
}

/* Adds those who are read by the policies of one of these, their parent. */
static List *
with_heirs(FactsReader *reader, List *relids)
{
	OidSet		set = {0};
	ListCell   *lc;

	foreach(lc, relids)
		(void) tg_oidset_add(&set, lfirst_oid(lc));
	foreach(lc, relids)
	{
		ListCell   *lc2;

		foreach(lc2, tg_facts_heirs(reader, lfirst_oid(lc)))
			(void) tg_oidset_add(&set, lfirst_oid(lc2));
	}
	return set.oids;
}

List *
tg_facts_dependent_views(FactsReader *reader, Oid relid)
{
	return reach(reader, relid, readers_of, INT_MAX - 1);
}

List *
tg_facts_relations_whose_policies_read(FactsReader *reader, Oid relid)
{
	return with_heirs(reader,
					  relations_of_dependents(reader, PolicyRelationId,
											  relid));
}

List *
tg_facts_relations_using_function(FactsReader *reader, Oid function_oid)
{
	List	   *policies = dependents_of(reader, PolicyRelationId,
										 ProcedureRelationId, function_oid);
	ListCell   *lc;

	/* A policy that calls a function by an operator depends on that alone */
	foreach(lc, dependents_of(reader, OperatorRelationId, ProcedureRelationId,
							  function_oid))
		policies = list_concat(policies,
							   dependents_of(reader, PolicyRelationId,
											 OperatorRelationId,
											 lfirst_oid(lc)));
	return with_heirs(reader, relations_of(PolicyRelationId, policies));
}

/*
 * Does a search_path leave it to nobody else what names mean?  Where pg_temp is
 * not listed it is searched first, so a temporary table of the caller takes the
 * place of any table whose name has no schema.  An empty path finds no table
 * but PostgreSQL's own.  "$user" is whoever has a schema of that name, and in a
 * schema in which everybody may create things, everybody may give a name
 * another meaning.
 */
static bool
is_fixed_path(char *path)
{
	List	   *names;
	bool		fixed = true;
	ListCell   *lc;

	if (!SplitIdentifierString(path, ',', &names))
		return false;
	foreach(lc, names)
	{
		char	   *name = lfirst(lc);
		Oid			schema;

		if (*name == '\0')
			continue;
		fixed = strcmp(name, "pg_temp") == 0;
		if (fixed)
			continue;
		schema = get_namespace_oid(name, true);
		if (strcmp(name, "$user") == 0 ||
			(OidIsValid(schema) &&
			 object_aclcheck(NamespaceRelationId, schema, ACL_ID_PUBLIC,
							 ACL_CREATE) == ACLCHECK_OK))
			return false;
	}
	return fixed;
}

/*
 * Does a function have a search_path of its own that is fixed, or a body in
 * which names are not looked up when it runs (SQL-standard, C)?
 */
static bool
names_are_fixed(FactsReader *reader, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(reader, CAT_PROC));
	Oid			language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	Datum		config;
	Datum	   *settings;
	int			nsettings;
	bool		isnull;

	if (language == INTERNALlanguageId || language == ClanguageId)
		return true;
	(void) heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc, &isnull);
	if (!isnull)
		return true;
	config = heap_getattr(tuple, Anum_pg_proc_proconfig, desc, &isnull);
	if (isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
					  TYPALIGN_INT, &settings, NULL, &nsettings);
	for (int i = 0; i < nsettings; i++)
	{
		char	   *setting = TextDatumGetCString(settings[i]);

		if (strncmp(setting, "search_path=", strlen("search_path=")) == 0)
			return is_fixed_path(setting + strlen("search_path="));
	}
	return false;
}

bool
tg_facts_function(FactsReader *reader, Oid function_oid, FunctionFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_PROC, ProcedureOidIndexId,
									  Anum_pg_proc_oid, function_oid);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);

	tg_facts_note_read(reader, ProcedureRelationId, function_oid);
	if (found)
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

		facts->owner = form->proowner;
		facts->volatility = form->provolatile;
		facts->security_definer = form->prosecdef;
		facts->names_are_fixed = names_are_fixed(reader, tuple);
	}
	systable_endscan(scan);
	return found;
}

bool
tg_reader_extension_is_trusted(FactsReader *reader, Oid extension)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_EXTENSION,
									  ExtensionOidIndexId,
									  Anum_pg_extension_oid, extension);
	HeapTuple	tuple = systable_getnext(scan);
	bool		trusted = HeapTupleIsValid(tuple) &&
		superuser_arg(((Form_pg_extension) GETSTRUCT(tuple))->extowner);

	systable_endscan(scan);
	return trusted;
}

List *
tg_facts_members(FactsReader *reader, Oid extension)
{
	SysScanDesc scan = tg_reader_scan_depend(reader, DependReferenceIndexId,
											 Anum_pg_depend_refclassid,
											 ExtensionRelationId,
											 Anum_pg_depend_refobjid, extension);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RelationRelationId &&
			form->deptype == DEPENDENCY_EXTENSION)
			result = lappend_oid(result, form->objid);
	}
	systable_endscan(scan);
	return result;
}

bool
tg_facts_is_trusted_member(FactsReader *reader, Oid relid)
{
	SysScanDesc scan = tg_reader_scan_depend(reader, DependDependerIndexId,
											 Anum_pg_depend_classid,
											 RelationRelationId,
											 Anum_pg_depend_objid, relid);
	HeapTuple	tuple;
	Oid			extension = InvalidOid;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype == DEPENDENCY_EXTENSION)
			extension = form->refobjid;
	}
	systable_endscan(scan);
	if (!OidIsValid(extension))
		return false;

	tg_facts_note_read(reader, ExtensionRelationId, extension);
	return tg_reader_extension_is_trusted(reader, extension);
}

List *
tg_facts_trusted_members(FactsReader *reader)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;
	Oid			last = InvalidOid;
	bool		trusted = false;

	/* In the order of the index: the extensions come one after the other */
	ScanKeyInit(&key, Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(ExtensionRelationId));
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_DEPEND),
							  DependReferenceIndexId, true,
							  reader->snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype != DEPENDENCY_EXTENSION ||
			form->classid != RelationRelationId)
			continue;
		if (form->refobjid != last)
		{
			last = form->refobjid;
			trusted = tg_reader_extension_is_trusted(reader, last);
		}
		if (trusted)
			result = lappend_oid(result, form->objid);
	}
	systable_endscan(scan);
	list_sort(result, list_oid_cmp);
	return result;
}
