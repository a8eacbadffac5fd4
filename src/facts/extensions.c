/*-------------------------------------------------------------------------
 *
 * extensions.c
 *		Extensions and their members.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"

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
	return tg_reader_dependents(reader, RelationRelationId,
								DEPENDENCY_EXTENSION, ExtensionRelationId,
								extension);
}

bool
tg_facts_is_trusted_member(FactsReader *reader, Oid relid)
{
	List	   *extensions = tg_reader_referenced(reader, ExtensionRelationId,
												  DEPENDENCY_EXTENSION,
												  RelationRelationId, relid);

	/* An object is a member of one extension at most */
	if (extensions == NIL)
		return false;
	tg_facts_note_read(reader, ExtensionRelationId, linitial_oid(extensions));
	return tg_reader_extension_is_trusted(reader, linitial_oid(extensions));
}

bool
tg_facts_is_schema_of_extension(FactsReader *reader, Oid schema)
{
	return tg_reader_referenced(reader, ExtensionRelationId,
								DEPENDENCY_EXTENSION, NamespaceRelationId,
								schema) != NIL;
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

	/* In the order of the index the members of an extension are together */
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

bool
tg_members_may_be_temporary(FactsReader *reader)
{
	SysScanDesc scan;
	HeapTuple	tuple;

	if (reader->extensions_known)
		return reader->any_untrusted_extension;
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_EXTENSION),
							  InvalidOid, false, reader->snapshot, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (!superuser_arg(((Form_pg_extension) GETSTRUCT(tuple))->extowner))
			reader->any_untrusted_extension = true;
	}
	systable_endscan(scan);
	reader->extensions_known = true;
	return reader->any_untrusted_extension;
}
