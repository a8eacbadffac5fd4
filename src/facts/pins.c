/*-------------------------------------------------------------------------
 *
 * pins.c
 *		Session settings with a value of ALTER ROLE or ALTER DATABASE ... SET,
 *		and the session settings that policies read.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/rel.h"

/* Adds the pin that "name=value" stands for, if the setting is a custom one. */
static List *
add_pin(List *pins, Form_pg_db_role_setting form, char *text)
{
	char	   *equals = strchr(text, '=');
	SettingPin *pin;

	if (equals == NULL)
		return pins;
	*equals = '\0';
	if (strchr(text, '.') == NULL)
		return pins;
	pin = palloc(sizeof(SettingPin));
	pin->name = text;
	pin->value = equals + 1;
	pin->role = form->setrole;
	pin->database = form->setdatabase;
	return lappend(pins, pin);
}

List *
tg_facts_setting_pins(FactsReader *reader)
{
	Relation	catalog = table_open(DbRoleSettingRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  reader->snapshot, 0, NULL);
	HeapTuple	tuple;
	List	   *pins = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_db_role_setting form =
			(Form_pg_db_role_setting) GETSTRUCT(tuple);
		bool		isnull;
		Datum		config = heap_getattr(tuple,
										  Anum_pg_db_role_setting_setconfig,
										  RelationGetDescr(catalog), &isnull);
		Datum	   *settings;
		int			nsettings;

		CHECK_FOR_INTERRUPTS();
		if (isnull || (OidIsValid(form->setdatabase) &&
					   form->setdatabase != MyDatabaseId))
			continue;
		deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
						  TYPALIGN_INT, &settings, NULL, &nsettings);
		for (int i = 0; i < nsettings; i++)
			pins = add_pin(pins, form, TextDatumGetCString(settings[i]));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return pins;
}

/* Collects the constant arguments of current_setting(), as String nodes. */
static bool
collect_settings(Node *node, List **names)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_settings, names, 0);
	if (IsA(node, FuncExpr) &&
		(((FuncExpr *) node)->funcid == F_CURRENT_SETTING_TEXT ||
		 ((FuncExpr *) node)->funcid == F_CURRENT_SETTING_TEXT_BOOL))
	{
		Node	   *name = linitial(((FuncExpr *) node)->args);

		if (IsA(name, Const) && ((Const *) name)->consttype == TEXTOID &&
			!((Const *) name)->constisnull)
			*names = lappend(*names,
							 makeString(TextDatumGetCString(((Const *) name)->constvalue)));
	}
	return expression_tree_walker(node, collect_settings, names);
}

List *
tg_facts_settings_of(const PolicyFacts *policy)
{
	List	   *names = NIL;

	(void) collect_settings(policy->qual, &names);
	(void) collect_settings(policy->with_check, &names);
	return names;
}

bool
tg_facts_function_reads_setting(FactsReader *reader, Oid function_oid,
								const char *name)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_PROC, ProcedureOidIndexId,
									  Anum_pg_proc_oid, function_oid);
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(reader, CAT_PROC));
	HeapTuple	tuple = systable_getnext(scan);
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		body = heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc,
										&isnull);
		List	   *names = NIL;
		ListCell   *lc;

		if (isnull)
		{
			char	   *source;

			body = heap_getattr(tuple, Anum_pg_proc_prosrc, desc, &isnull);
			source = TextDatumGetCString(body);
			result = strstr(asc_tolower(source, strlen(source)),
							asc_tolower(name, strlen(name))) != NULL;
		}
		else
			(void) collect_settings(stringToNode(TextDatumGetCString(body)),
									&names);
		foreach(lc, names)
			result = result || pg_strcasecmp(strVal(lfirst(lc)), name) == 0;
	}
	systable_endscan(scan);
	return result;
}
