/*-------------------------------------------------------------------------
 *
 * functions.c
 *		Functions that policies call.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/varlena.h"

/*
 * Do names mean the same under a search_path, whoever calls and whatever others
 * create?
 *
 * PostgreSQL searches pg_temp first if the path does not list it, so a
 * temporary table of the caller takes the place of any table whose name has no
 * schema.  For "$user" it searches a schema of the caller's.  Where everybody
 * may create objects in a schema, everybody may give a name another meaning.
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
 * Does a function have a search_path of its own that is fixed, or a body whose
 * names are not looked up when it runs (SQL-standard, C)?
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
