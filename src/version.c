/*-------------------------------------------------------------------------
 *
 * version.c
 *		Does the library match the SQL objects of this database?
 *
 * A new package replaces the library of the whole server at once, but each
 * database keeps its SQL objects until somebody runs ALTER EXTENSION UPDATE
 * there.  Meanwhile the guard must go on: C functions carry the version of
 * their interface in their names, and are never removed.
 *
 * We tell those who migrate the schema, before the first verdict of a session.
 * When the library is loaded there may be no transaction in which to look
 * anything up, and the event trigger at the start of a statement would also
 * fire for the ALTER EXTENSION UPDATE that we ask for.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "compat.h"
#include "guard.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "version.h"

char *
tg_sql_version(void)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(TG_EXTENSION));
	scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(catalog), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return version;
}

bool
tg_version_check(bool warn)
{
	static bool warned = false;
	char	   *version = tg_sql_version();

	if (version == NULL)
		return false;
	if (warn && !warned && strcmp(version, TG_VERSION) != 0)
	{
		warned = true;
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("extension \"%s\" is version %s in this database, but its library is version %s",
						TG_EXTENSION, version, TG_VERSION),
				 errdetail("The guard still judges commits, by the rules of the library."),
				 errhint("Run ALTER EXTENSION %s UPDATE.  If the extension is the newer one, reconnect.",
						 TG_EXTENSION)));
	}
	pfree(version);
	return true;
}
