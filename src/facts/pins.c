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
#include "facts/expression.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
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

static bool
collect_settings(Node *node, List **names)
{
	char	   *name;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_settings, names, 0);
	name = tg_setting_name(node);
	if (name != NULL)
		*names = lappend(*names, name);
	return expression_tree_walker(node, collect_settings, names);
}

void
tg_facts_add_settings_of_policy(SettingReads *reads,
								const PolicyFacts *policy)
{
	(void) collect_settings(policy->qual, &reads->names);
	(void) collect_settings(policy->with_check, &reads->names);
}

void
tg_facts_add_settings_of_function(SettingReads *reads, FactsReader *reader,
								  Oid function_oid)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_PROC, ProcedureOidIndexId,
									  Anum_pg_proc_oid, function_oid);
	TupleDesc	desc = RelationGetDescr(tg_reader_catalog(reader, CAT_PROC));
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		body = heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc,
										&isnull);

		if (isnull)
		{
			char	   *source;

			body = heap_getattr(tuple, Anum_pg_proc_prosrc, desc, &isnull);
			source = TextDatumGetCString(body);
			reads->sources = lappend(reads->sources,
									 asc_tolower(source, strlen(source)));
			pfree(source);
		}
		else
			(void) collect_settings(stringToNode(TextDatumGetCString(body)),
									&reads->names);
	}
	systable_endscan(scan);
}

bool
tg_facts_reads_setting(const SettingReads *reads, const char *name)
{
	char	   *lower = asc_tolower(name, strlen(name));
	ListCell   *lc;

	foreach(lc, reads->names)
	{
		if (pg_strcasecmp(lfirst(lc), name) == 0)
			return true;
	}
	foreach(lc, reads->sources)
	{
		CHECK_FOR_INTERRUPTS();
		if (strstr(lfirst(lc), lower) != NULL)
			return true;
	}
	return false;
}
