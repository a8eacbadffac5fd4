/*-------------------------------------------------------------------------
 *
 * switches.c
 *		Which policies name the switch of a declared bypass?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "facts/expression.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* A search for current_setting(name, ...) in expressions. */
typedef struct SettingSearch
{
	const char *name;			/* NULL: collect all names */
	HTAB	   *names;			/* of uint64: see key_of() */
} SettingSearch;

/* Setting names are not case-sensitive, and may be long. */
static uint64
key_of(const char *name)
{
	char	   *folded = pstrdup(name);

	for (char *c = folded; *c != '\0'; c++)
		*c = pg_tolower((unsigned char) *c);
	return hash_bytes_extended((unsigned char *) folded, strlen(folded), 0);
}

/* Does the node name the setting that is looked for? */
static bool
search_settings(Node *node, SettingSearch *search)
{
	char	   *setting;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, search_settings,
								 (void *) search, 0);
	setting = tg_setting_name(node);
	if (setting != NULL && search->name == NULL)
	{
		uint64		key = key_of(setting);

		(void) hash_search(search->names, &key, HASH_ENTER, NULL);
	}
	else if (setting != NULL && pg_strcasecmp(setting, search->name) == 0)
		return true;
	return expression_tree_walker(node, search_settings, (void *) search);
}

/* Most expressions need not be parsed: they do not call current_setting(). */
static bool
may_name_setting(const char *tree)
{
	char		one[32];
	char		other[32];

	snprintf(one, sizeof(one), ":funcid %u ", F_CURRENT_SETTING_TEXT);
	snprintf(other, sizeof(other), ":funcid %u ", F_CURRENT_SETTING_TEXT_BOOL);
	return strstr(tree, one) != NULL || strstr(tree, other) != NULL;
}

static bool
search_expression(HeapTuple tuple, AttrNumber attnum, TupleDesc descriptor,
				  SettingSearch *search)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);
	char	   *tree;

	if (isnull)
		return false;
	tree = TextDatumGetCString(value);
	return may_name_setting(tree) &&
		search_settings(stringToNode(tree), search);
}

/*
 * The relations whose policies name the setting.  No catalog says which settings
 * an expression names: this reads all policies.
 */
static List *
search_policies(FactsReader *reader, SettingSearch *search)
{
	Relation	catalog = tg_reader_catalog(reader, CAT_POLICY);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  reader->snapshot, 0, NULL);
	TupleDesc	descriptor = RelationGetDescr(catalog);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard policy",
												  ALLOCSET_DEFAULT_SIZES);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		found;

		CHECK_FOR_INTERRUPTS();
		found = search_expression(tuple, Anum_pg_policy_polqual, descriptor,
								  search) ||
			search_expression(tuple, Anum_pg_policy_polwithcheck, descriptor,
							  search);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (found)
			result = lappend_oid(result,
								 ((Form_pg_policy) GETSTRUCT(tuple))->polrelid);
	}
	systable_endscan(scan);
	MemoryContextDelete(context);
	return result;
}

/* Collects the names at first use: an audit asks about every switch. */
static bool
any_policy_names_setting(FactsReader *reader, const char *setting)
{
	uint64		key = key_of(setting);

	if (reader->settings_named == NULL)
	{
		SettingSearch search = {0};

		search.names = tg_hash_create("trovella_guard settings",
									  sizeof(uint64), sizeof(uint64),
									  reader->context);
		(void) search_policies(reader, &search);
		reader->settings_named = search.names;
	}
	return hash_search(reader->settings_named, &key, HASH_FIND, NULL) != NULL;
}

Oid
tg_facts_switch_function(const DeclaredBypass *bypass)
{
	Oid			schema_oid = bypass->schema == NULL ? InvalidOid :
		get_namespace_oid(bypass->schema, true);

	if (!OidIsValid(schema_oid))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(bypass->function),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(schema_oid));
}

List *
tg_facts_relations_naming_switch(FactsReader *reader,
								 const DeclaredBypass *bypass)
{
	SettingSearch search = {bypass->setting, NULL};
	Oid			function_oid;

	if (bypass->setting != NULL)
		return tg_with_inheritance_descendants(reader,
											   search_policies(reader, &search));
	function_oid = tg_facts_switch_function(bypass);
	return OidIsValid(function_oid) ?
		tg_facts_relations_using_function(reader, function_oid) : NIL;
}

bool
tg_facts_any_policy_names_switch(FactsReader *reader,
								 const DeclaredBypass *bypass)
{
	return bypass->setting != NULL ?
		any_policy_names_setting(reader, bypass->setting) :
		tg_facts_relations_naming_switch(reader, bypass) != NIL;
}

bool
tg_facts_policy_names_switch(const PolicyFacts *policy,
							 const DeclaredBypass *bypass)
{
	SettingSearch search = {bypass->setting, NULL};

	if (bypass->setting != NULL)
		return search_settings(policy->qual, &search) ||
			search_settings(policy->with_check, &search);
	return list_member_oid(tg_facts_functions_of(policy),
						   tg_facts_switch_function(bypass));
}
