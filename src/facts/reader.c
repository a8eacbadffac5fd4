/*-------------------------------------------------------------------------
 *
 * reader.c
 *		The scans by which facts are read.
 *
 * We scan catalogs by index under the reader's snapshot, because the system
 * caches and the relation cache know only the present, and because an audit of
 * 100,000 tables must neither lock them nor fill the caches.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static const Oid catalog_oids[CAT_COUNT] = {
	[CAT_CLASS] = RelationRelationId,
	[CAT_ATTRIBUTE] = AttributeRelationId,
	[CAT_ATTRDEF] = AttrDefaultRelationId,
	[CAT_POLICY] = PolicyRelationId,
	[CAT_INDEX] = IndexRelationId,
	[CAT_CONSTRAINT] = ConstraintRelationId,
	[CAT_INHERITS] = InheritsRelationId,
	[CAT_DEPEND] = DependRelationId,
	[CAT_REWRITE] = RewriteRelationId,
	[CAT_NAMESPACE] = NamespaceRelationId,
	[CAT_EXTENSION] = ExtensionRelationId,
	[CAT_PROC] = ProcedureRelationId,
	[CAT_AUTHID] = AuthIdRelationId,
	[CAT_AUTH_MEMBERS] = AuthMemRelationId,
	[CAT_DATABASE] = DatabaseRelationId,
	[CAT_TYPE] = TypeRelationId,
	[CAT_TRIGGER] = TriggerRelationId,
	[CAT_SHDEPEND] = SharedDependRelationId,
};

FactsReader *
tg_facts_begin(Snapshot snapshot, bool detaching_counts)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard reader",
												  ALLOCSET_DEFAULT_SIZES);
	FactsReader *reader = MemoryContextAllocZero(context, sizeof(FactsReader));

	reader->snapshot = snapshot;
	reader->detaching_counts = detaching_counts;
	reader->context = context;
	reader->owner = CurrentResourceOwner;
	return reader;
}

void
tg_facts_end(FactsReader *reader)
{
	ResourceOwner old = CurrentResourceOwner;
	ListCell   *lc;

	CurrentResourceOwner = reader->owner;
	foreach(lc, reader->indexes)
		index_close((Relation) lfirst(lc), AccessShareLock);
	for (int i = 0; i < CAT_COUNT; i++)
	{
		if (reader->catalogs[i] != NULL)
			table_close(reader->catalogs[i], AccessShareLock);
	}
	CurrentResourceOwner = old;
	MemoryContextDelete(reader->context);
}

Snapshot
tg_facts_snapshot(const FactsReader *reader)
{
	return reader->snapshot;
}

void	  **
tg_facts_place_for_rules(FactsReader *reader, MemoryContext *context)
{
	*context = reader->context;
	return &reader->of_rules;
}

void
tg_facts_note_reads(FactsReader *reader, ReadNote note, void *arg)
{
	reader->note = note;
	reader->note_arg = arg;
}

void
tg_facts_set_subject(FactsReader *reader, Oid relid)
{
	reader->subject = relid;
}

/* Only superusers change what PostgreSQL itself has made. */
void
tg_facts_note_read(FactsReader *reader, Oid classId, Oid objectId)
{
	if (reader->note != NULL && objectId >= FirstNormalObjectId &&
		!(classId == RelationRelationId && objectId == reader->subject))
		reader->note(classId, objectId, reader->note_arg);
}

Relation
tg_reader_catalog(FactsReader *reader, ReaderCatalog which)
{
	if (reader->catalogs[which] == NULL)
	{
		ResourceOwner old = CurrentResourceOwner;

		CurrentResourceOwner = reader->owner;
		reader->catalogs[which] = table_open(catalog_oids[which],
											 AccessShareLock);
		CurrentResourceOwner = old;
	}
	return reader->catalogs[which];
}

/*
 * Opens an index of a catalog, unless it is open.  A scan opens it again, but
 * locking again what we have locked is cheap: this saves a fifteenth of a
 * verdict.
 */
static void
keep_open(FactsReader *reader, Oid index)
{
	MemoryContext old;
	ResourceOwner old_owner = CurrentResourceOwner;
	ListCell   *lc;

	foreach(lc, reader->indexes)
	{
		if (RelationGetRelid((Relation) lfirst(lc)) == index)
			return;
	}
	old = MemoryContextSwitchTo(reader->context);
	CurrentResourceOwner = reader->owner;
	reader->indexes = lappend(reader->indexes,
							  index_open(index, AccessShareLock));
	CurrentResourceOwner = old_owner;
	MemoryContextSwitchTo(old);
}

SysScanDesc
tg_reader_scan(FactsReader *reader, ReaderCatalog which, Oid index,
			   AttrNumber attnum, Oid value)
{
	ScanKeyData key;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(value));
	keep_open(reader, index);
	return systable_beginscan(tg_reader_catalog(reader, which), index, true,
							  reader->snapshot, 1, &key);
}

SysScanDesc
tg_reader_scan_column(FactsReader *reader, Oid relid, AttrNumber attnum)
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

SysScanDesc
tg_reader_scan_column_named(FactsReader *reader, Oid relid, const char *name)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(name));
	keep_open(reader, AttributeRelidNameIndexId);
	return systable_beginscan(tg_reader_catalog(reader, CAT_ATTRIBUTE),
							  AttributeRelidNameIndexId, true,
							  reader->snapshot, 2, keys);
}

static SysScanDesc
scan_depend(FactsReader *reader, Oid index,
			AttrNumber class_attnum, Oid classId,
			AttrNumber object_attnum, Oid objectId,
			AttrNumber sub_attnum, int32 subId)
{
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], class_attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(classId));
	ScanKeyInit(&keys[1], object_attnum, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(objectId));
	ScanKeyInit(&keys[2], sub_attnum, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(subId));
	keep_open(reader, index);
	return systable_beginscan(tg_reader_catalog(reader, CAT_DEPEND), index, true,
							  reader->snapshot,
							  subId == TG_WITH_COLUMNS ? 2 : 3, keys);
}

SysScanDesc
tg_reader_scan_referenced(FactsReader *reader, Oid classId, Oid objectId,
						  int32 subId)
{
	return scan_depend(reader, DependDependerIndexId,
					   Anum_pg_depend_classid, classId,
					   Anum_pg_depend_objid, objectId,
					   Anum_pg_depend_objsubid, subId);
}

SysScanDesc
tg_reader_scan_dependents(FactsReader *reader, Oid classId, Oid objectId,
						  int32 subId)
{
	return scan_depend(reader, DependReferenceIndexId,
					   Anum_pg_depend_refclassid, classId,
					   Anum_pg_depend_refobjid, objectId,
					   Anum_pg_depend_refobjsubid, subId);
}

SysScanDesc
tg_reader_scan_of_role(FactsReader *reader, Oid role)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], Anum_pg_shdepend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(AuthIdRelationId));
	ScanKeyInit(&keys[1], Anum_pg_shdepend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(role));
	keep_open(reader, SharedDependReferenceIndexId);
	return systable_beginscan(tg_reader_catalog(reader, CAT_SHDEPEND),
							  SharedDependReferenceIndexId, true,
							  reader->snapshot, 2, keys);
}

/* Collects one end of the dependencies that a scan finds, and ends it. */
static List *
collect_depend(SysScanDesc scan, bool dependents, Oid classId, char deptype)
{
	HeapTuple	tuple;
	List	   *result = NIL;

	CHECK_FOR_INTERRUPTS();
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if ((dependents ? form->classid : form->refclassid) == classId &&
			(deptype == TG_ANY_DEPTYPE || form->deptype == deptype))
			result = lappend_oid(result,
								 dependents ? form->objid : form->refobjid);
	}
	systable_endscan(scan);
	return result;
}

List *
tg_reader_referenced(FactsReader *reader, Oid referenced_class, char deptype,
					 Oid classId, Oid objectId)
{
	return collect_depend(tg_reader_scan_referenced(reader, classId, objectId,
													TG_WITH_COLUMNS),
						  false, referenced_class, deptype);
}

List *
tg_reader_dependents(FactsReader *reader, Oid dependent_class, char deptype,
					 Oid classId, Oid objectId)
{
	return collect_depend(tg_reader_scan_dependents(reader, classId, objectId,
													TG_WITH_COLUMNS),
						  true, dependent_class, deptype);
}

void
tg_reader_add_reached(FactsReader *reader, OidSet *relids, ReachStep step,
					  int limit)
{
	/* The set grows while we walk it */
	for (int i = 0; i < list_length(relids->oids) && i <= limit; i++)
	{
		List	   *reached;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		reached = step(reader, list_nth_oid(relids->oids, i));
		foreach(lc, reached)
			(void) tg_oidset_add(relids, lfirst_oid(lc));
		list_free(reached);
	}
}

List *
tg_reader_reach(FactsReader *reader, Oid relid, ReachStep step, int limit)
{
	OidSet		relids = {0};

	(void) tg_oidset_add(&relids, relid);
	tg_reader_add_reached(reader, &relids, step, limit);
	return list_delete_first(relids.oids);
}
