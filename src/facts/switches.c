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
#include "facts/expression.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Is it current_setting(name, ...)?  Setting names are not case-sensitive. */
static bool
names_setting(Node *node, void *name)
{
	char	   *setting;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, names_setting, name, 0);
	setting = tg_setting_name(node);
	return (setting != NULL && pg_strcasecmp(setting, name) == 0) ||
		expression_tree_walker(node, names_setting, name);
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
expression_names(HeapTuple tuple, AttrNumber attnum, TupleDesc descriptor,
				 const char *setting)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, descriptor, &isnull);
	char	   *tree;

	if (isnull)
		return false;
	tree = TextDatumGetCString(value);
	return may_name_setting(tree) &&
		names_setting(stringToNode(tree), unconstify(char *, setting));
}

/* No catalog says which settings an expression names: this reads all policies. */
static List *
relations_naming_setting(FactsReader *reader, const char *setting)
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
		found = expression_names(tuple, Anum_pg_policy_polqual, descriptor,
								 setting) ||
			expression_names(tuple, Anum_pg_policy_polwithcheck, descriptor,
							 setting);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (found)
			result = lappend_oid(result,
								 ((Form_pg_policy) GETSTRUCT(tuple))->polrelid);
	}
	systable_endscan(scan);
	MemoryContextDelete(context);
	return tg_with_inheritance_descendants(reader, result);
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
	Oid			function_oid;

	if (bypass->setting != NULL)
		return relations_naming_setting(reader, bypass->setting);
	function_oid = tg_facts_switch_function(bypass);
	return OidIsValid(function_oid) ?
		tg_facts_relations_using_function(reader, function_oid) : NIL;
}

bool
tg_facts_policy_names_switch(const PolicyFacts *policy,
							 const DeclaredBypass *bypass)
{
	char	   *setting = unconstify(char *, bypass->setting);

	if (setting != NULL)
		return names_setting(policy->qual, setting) ||
			names_setting(policy->with_check, setting);
	return list_member_oid(tg_facts_functions_of(policy),
						   tg_facts_switch_function(bypass));
}
