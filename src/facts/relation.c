/*-------------------------------------------------------------------------
 *
 * relation.c
 *		One relation: pg_class, columns, and what the other files add.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/*
 * An outline that the reader keeps: tables refer to the same few others,
 * partitions to the same parent, and a child asks all its ancestors.
 */
typedef struct KeptOutline
{
	Oid			relid;			/* hash key, must be first */
	RelationFacts *facts;		/* may be NULL */
} KeptOutline;

/* In bytes: enough for 2,000 tables of ten columns. */
#define MAX_OUTLINES_KEPT ((Size) 4 * 1024 * 1024)

bool
tg_view_option(Datum reloptions, const char *name)
{
	ListCell   *lc;
	bool		result = false;

	foreach(lc, untransformRelOptions(reloptions))
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0)
			(void) parse_bool(defGetString(option), &result);
	}
	return result;
}

static bool
is_kind_with_facts(char kind)
{
	switch (kind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			return true;
		default:
			return false;
	}
}

/* Takes the facts from a row of pg_class. */
static RelationFacts *
form_facts(HeapTuple tuple, TupleDesc descriptor)
{
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	RelationFacts *facts = palloc0(sizeof(RelationFacts));
	Datum		value;
	bool		isnull;

	facts->relid = form->oid;
	facts->schema_oid = form->relnamespace;
	facts->name = pstrdup(NameStr(form->relname));
	facts->kind = form->relkind;
	facts->temporary = form->relpersistence == RELPERSISTENCE_TEMP;
	facts->partition = form->relispartition;
	facts->may_have_children = form->relhassubclass;
	facts->may_have_rewrites = form->relhasrules;
	facts->rls_enabled = form->relrowsecurity;
	facts->rls_forced = form->relforcerowsecurity;
	facts->owner = form->relowner;

	value = heap_getattr(tuple, Anum_pg_class_relacl, descriptor, &isnull);
	(void) tg_add_acl(facts, isnull ? acldefault(OBJECT_TABLE, facts->owner) :
					  DatumGetAclPCopy(value));

	if (facts->kind == RELKIND_VIEW)
	{
		value = heap_getattr(tuple, Anum_pg_class_reloptions, descriptor,
							 &isnull);
		if (!isnull)
		{
			facts->security_invoker = tg_view_option(value, "security_invoker");
			facts->security_barrier = tg_view_option(value, "security_barrier");
		}
	}
	return facts;
}

/* The tenant column is the first that trovella_guard.tenant_columns names. */
static const ColumnFacts *
find_tenant_column(const RelationFacts *facts)
{
	for (const char *name = tg_tenant_column_names(); *name != '\0';
		 name = tg_next_name(name))
	{
		ListCell   *lc;

		foreach(lc, facts->columns)
		{
			const ColumnFacts *column = lfirst(lc);

			if (strcmp(column->name, name) == 0)
				return column;
		}
	}
	return NULL;
}

void
tg_facts_read_columns(FactsReader *reader, RelationFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_ATTRIBUTE,
									  AttributeRelidNumIndexId,
									  Anum_pg_attribute_attrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_ATTRIBUTE));
	HeapTuple	tuple;
	const ColumnFacts *tenant;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);
		ColumnFacts *column;
		Datum		acl;
		bool		isnull;

		if (form->attnum <= 0 || form->attisdropped)
			continue;

		column = palloc0(sizeof(ColumnFacts));
		column->attnum = form->attnum;
		column->name = pstrdup(NameStr(form->attname));
		column->type = form->atttypid;
		column->collation = form->attcollation;
		column->not_null = form->attnotnull;
		column->generated = form->attgenerated != '\0';
		column->temporary =
			tg_attribute_may_be_temporary(form) &&
			tg_part_is_temporary(reader, RelationRelationId, facts->relid,
								 form->attnum, facts->relid);
		facts->columns = lappend(facts->columns, column);

		acl = heap_getattr(tuple, Anum_pg_attribute_attacl, descriptor,
						   &isnull);
		if (!isnull)
			column->acl = tg_add_acl(facts, DatumGetAclPCopy(acl));
	}
	systable_endscan(scan);

	tenant = find_tenant_column(facts);
	if (tenant != NULL)
	{
		facts->tenant = palloc(sizeof(ColumnFacts));
		*facts->tenant = *tenant;
	}
}

/* The columns that a generated column is computed from. */
static Bitmapset *
read_sources(FactsReader *reader, const RelationFacts *facts,
			 AttrNumber attnum)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_ATTRDEF,
									  AttrDefaultIndexId,
									  Anum_pg_attrdef_adrelid, facts->relid);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_ATTRDEF));
	Bitmapset  *found = NULL;
	Bitmapset  *result = NULL;
	HeapTuple	tuple;
	int			i = -1;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		value;

		if (((Form_pg_attrdef) GETSTRUCT(tuple))->adnum != attnum)
			continue;
		value = heap_getattr(tuple, Anum_pg_attrdef_adbin, descriptor,
							 &isnull);
		if (!isnull)
			pull_varattnos(stringToNode(TextDatumGetCString(value)), 1,
						   &found);
	}
	systable_endscan(scan);

	/* not tableoid */
	while ((i = bms_next_member(found, i)) >= 0)
	{
		if (i + FirstLowInvalidHeapAttributeNumber > 0)
			result = bms_add_member(result,
									i + FirstLowInvalidHeapAttributeNumber);
	}
	return result;
}

/* Reads what an outline has. */
static RelationFacts *
read_outline(FactsReader *reader, Oid relid)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	RelationFacts *facts = NULL;

	/* System catalogs, and those of the information schema */
	if (relid < FirstNormalObjectId)
		return NULL;

	scan = tg_reader_scan(reader, CAT_CLASS, ClassOidIndexId,
						  Anum_pg_class_oid, relid);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		is_kind_with_facts(((Form_pg_class) GETSTRUCT(tuple))->relkind))
		facts = form_facts(tuple,
						   RelationGetDescr(tg_reader_catalog(reader, CAT_CLASS)));
	systable_endscan(scan);
	if (facts == NULL)
		return NULL;

	facts->schema = tg_facts_schema_name(reader, facts->schema_oid);
	if (facts->schema == NULL)
		return NULL;
	if (facts->temporary)
		return facts;

	tg_facts_read_columns(reader, facts);
	if (tg_is_table(facts) || facts->kind == RELKIND_FOREIGN_TABLE)
		facts->parents = tg_facts_parents(reader, relid);
	tg_read_citus(reader, facts);
	return facts;
}

RelationFacts *
tg_facts_read(FactsReader *reader, Oid relid)
{
	RelationFacts *facts;

	tg_facts_note_read(reader, RelationRelationId, relid);
	facts = read_outline(reader, relid);
	if (facts == NULL || facts->temporary)
		return facts;

	if (tg_is_table(facts))
	{
		if (facts->tenant != NULL || facts->rls_enabled)
			tg_read_policies(reader, facts);
		if (facts->tenant != NULL)
		{
			tg_read_indexes(reader, facts);
			tg_read_constraints(reader, facts);
		}
	}
	if (facts->tenant != NULL && facts->tenant->not_null &&
		facts->policies != NIL && facts->kind == RELKIND_RELATION &&
		facts->may_have_children)
		facts->tenant->not_null =
			tg_is_not_null_in_children(reader, relid, facts->tenant->name);
	if (facts->tenant != NULL && facts->tenant->generated &&
		facts->policies != NIL)
		facts->tenant_sources = read_sources(reader, facts,
											 facts->tenant->attnum);
	if (facts->may_have_rewrites)
		tg_read_rewrites(reader, facts);
	return facts;
}

/* NULL if there is no room to keep it. */
static const KeptOutline *
keep_outline(FactsReader *reader, Oid relid)
{
	KeptOutline *kept;
	RelationFacts *facts;
	MemoryContext old;

	if (reader->outlines == NULL)
	{
		reader->outlines_context =
			AllocSetContextCreate(reader->context, "trovella_guard outlines",
								  ALLOCSET_DEFAULT_MINSIZE,
								  ALLOCSET_DEFAULT_INITSIZE,
								  MAX_OUTLINES_KEPT / 16);
		reader->outlines = tg_hash_create("trovella_guard outlines",
										  sizeof(Oid), sizeof(KeptOutline),
										  reader->outlines_context);
	}
	kept = hash_search(reader->outlines, &relid, HASH_FIND, NULL);
	if (kept != NULL)
		return kept;
	if (MemoryContextMemAllocated(reader->outlines_context, true) >=
		MAX_OUTLINES_KEPT)
		return NULL;

	old = MemoryContextSwitchTo(reader->outlines_context);
	facts = read_outline(reader, relid);
	MemoryContextSwitchTo(old);
	kept = hash_search(reader->outlines, &relid, HASH_ENTER, NULL);
	kept->facts = facts;
	return kept;
}

const RelationFacts *
tg_facts_outline(FactsReader *reader, Oid relid)
{
	const KeptOutline *kept;

	tg_facts_note_read(reader, RelationRelationId, relid);
	kept = keep_outline(reader, relid);
	return kept != NULL ? kept->facts : read_outline(reader, relid);
}

const RelationFacts *
tg_facts_partitioned_table(FactsReader *reader, const RelationFacts *facts)
{
	return facts->partition && facts->parents != NIL ?
		tg_facts_outline(reader, linitial_oid(facts->parents)) : NULL;
}

const RelationFacts *
tg_reader_kept_outline(FactsReader *reader, Oid relid)
{
	const KeptOutline *kept = keep_outline(reader, relid);

	return kept != NULL ? kept->facts : NULL;
}

static bool
has_tenant_column(FactsReader *reader, Oid relid)
{
	bool		found = false;

	for (const char *name = tg_tenant_column_names();
		 *name != '\0' && !found; name = tg_next_name(name))
	{
		SysScanDesc scan = tg_reader_scan_column_named(reader, relid, name);
		HeapTuple	tuple = systable_getnext(scan);

		found = HeapTupleIsValid(tuple) &&
			((Form_pg_attribute) GETSTRUCT(tuple))->attnum > 0;
		systable_endscan(scan);
	}
	return found;
}

/* Visits the table of a row of pg_class, if it is one to be visited. */
static bool
visit_table(FactsReader *reader, HeapTuple tuple, VisitTable visit, void *arg)
{
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	RelationFacts *facts;

	if (!form->relrowsecurity || form->oid < FirstNormalObjectId ||
		form->relpersistence == RELPERSISTENCE_TEMP ||
		!has_tenant_column(reader, form->oid))
		return true;
	tg_facts_note_read(reader, RelationRelationId, form->oid);
	facts = form_facts(tuple,
					   RelationGetDescr(tg_reader_catalog(reader, CAT_CLASS)));
	facts->schema = tg_facts_schema_name(reader, facts->schema_oid);
	return facts->schema == NULL || visit(reader, facts, arg);
}

void
tg_facts_visit_tables_with_rls(FactsReader *reader, VisitTable visit,
							   void *arg)
{
	SysScanDesc scan = systable_beginscan(tg_reader_catalog(reader, CAT_CLASS),
										  InvalidOid, false,
										  reader->snapshot, 0, NULL);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard table",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)) &&
		   visit_table(reader, tuple, visit, arg))
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	systable_endscan(scan);
}

bool
tg_is_table(const RelationFacts *facts)
{
	return facts->kind == RELKIND_RELATION ||
		facts->kind == RELKIND_PARTITIONED_TABLE;
}

bool
tg_is_tenant_table(const RelationFacts *facts)
{
	return tg_is_table(facts) && !facts->temporary && facts->tenant != NULL;
}

/* The columns are in the order of their numbers. */
const ColumnFacts *
tg_find_column(const RelationFacts *facts, AttrNumber attnum)
{
	int			low = 0;
	int			high = list_length(facts->columns);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const ColumnFacts *column = list_nth(facts->columns, middle);

		if (column->attnum == attnum)
			return column;
		if (column->attnum < attnum)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
