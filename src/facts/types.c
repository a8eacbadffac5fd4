/*-------------------------------------------------------------------------
 *
 * types.c
 *		Types: enums, whose owner can rename the values that rows hold.
 *
 * A row holds the number of an enum's label.  The owner of the enum can rename
 * the label, without any DDL on the table, and the row belongs to another
 * tenant.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
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

char *
tg_facts_type_name(FactsReader *reader, Oid type)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_TYPE, TypeOidIndexId,
									  Anum_pg_type_oid, type);
	HeapTuple	tuple = systable_getnext(scan);
	char	   *name = HeapTupleIsValid(tuple) ?
		pstrdup(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname)) : NULL;

	systable_endscan(scan);
	return name;
}
