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
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/*
 * May a role do in a schema what the owner of a function allows?  A role that
 * has the owner's privileges might as well replace the function.
 */
static bool
is_trusted(FactsReader *reader, Oid role, Oid owner)
{
	HeapTuple	tuple;
	bool		isnull;

	/* Its only member is the owner of the database */
	if (role == ROLE_PG_DATABASE_OWNER)
	{
		tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
		if (!HeapTupleIsValid(tuple))
			return false;
		role = DatumGetObjectId(SysCacheGetAttr(DATABASEOID, tuple,
												Anum_pg_database_datdba,
												&isnull));
		ReleaseSysCache(tuple);
	}
	return OidIsValid(role) && tg_has_privileges_of(reader, role, owner);
}

/* Can only roles create objects in a schema that have the owner's privileges? */
static bool
is_trusted_schema(FactsReader *reader, Oid schema, Oid owner)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_NAMESPACE,
									  NamespaceOidIndexId,
									  Anum_pg_namespace_oid, schema);
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(reader, CAT_NAMESPACE));
	HeapTuple	tuple = systable_getnext(scan);
	bool		trusted = false;

	if (HeapTupleIsValid(tuple))
	{
		Oid			schema_owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_namespace_nspacl, desc,
										 &isnull);

		trusted = is_trusted(reader, schema_owner, owner);
		if (!isnull)
		{
			Acl		   *acl = DatumGetAclP(value);
			const AclItem *items = ACL_DAT(acl);

			for (int i = 0; trusted && i < ACL_NUM(acl); i++)
			{
				if ((ACLITEM_GET_PRIVS(items[i]) & ACL_CREATE) != 0)
					trusted = is_trusted(reader, items[i].ai_grantee, owner);
			}
		}
	}
	systable_endscan(scan);
	return trusted;
}

/*
 * PostgreSQL searches pg_temp first if the path does not list it, so a
 * temporary table of the caller takes the place of any table whose name has no
 * schema.  For "$user" it searches a schema of the caller's.  Whoever may create
 * objects in a schema may give a name another meaning, and whoever may create
 * schemas may create one that is missing.
 */
bool
tg_facts_path_is_fixed(FactsReader *reader, char *path, Oid owner)
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

		CHECK_FOR_INTERRUPTS();
		if (*name == '\0')
			continue;
		fixed = strcmp(name, "pg_temp") == 0;
		if (fixed)
			continue;
		schema = get_namespace_oid(name, true);
		if (schema != PG_CATALOG_NAMESPACE &&
			!is_trusted_schema(reader, schema, owner))
			return false;
	}
	return fixed;
}

char *
tg_reader_path_of(FactsReader *reader, HeapTuple function)
{
	bool		isnull;
	Datum		config = heap_getattr(function, Anum_pg_proc_proconfig,
									  RelationGetDescr(tg_reader_catalog(reader, CAT_PROC)),
									  &isnull);
	Datum	   *settings;
	int			nsettings;

	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
					  TYPALIGN_INT, &settings, NULL, &nsettings);
	for (int i = 0; i < nsettings; i++)
	{
		char	   *setting = TextDatumGetCString(settings[i]);

		if (strncmp(setting, "search_path=", strlen("search_path=")) == 0)
			return setting + strlen("search_path=");
	}
	return NULL;
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
	Oid			owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	char	   *path;
	bool		isnull;

	if (language == INTERNALlanguageId || language == ClanguageId)
		return true;
	(void) heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc, &isnull);
	if (!isnull)
		return true;
	path = tg_reader_path_of(reader, tuple);
	return path != NULL && tg_facts_path_is_fixed(reader, path, owner);
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

		facts->schema_oid = form->pronamespace;
		facts->name = form->proname;
		facts->owner = form->proowner;
		facts->volatility = form->provolatile;
		facts->security_definer = form->prosecdef;
		facts->names_are_fixed = names_are_fixed(reader, tuple);
	}
	systable_endscan(scan);
	return found;
}
