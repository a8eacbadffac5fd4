/*-------------------------------------------------------------------------
 *
 * definers.c
 *		The rule about SECURITY DEFINER functions that read tenant tables.
 *
 * Such a function reads as its owner.  If row-level security does not apply to
 * the owner, whoever may execute the function may see the rows of all tenants,
 * unless the function filters them.  PUBLIC may execute every new function.
 *
 * A function that a policy calls is left to the rules about policies, unless it
 * returns rows: without the right to execute it nobody can use the table.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/definers.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

char *
tg_function_signature(Oid function)
{
	return format_procedure_extended(function, FORMAT_PROC_INVALID_AS_NULL |
									 FORMAT_PROC_FORCE_QUALIFY);
}

/* Why the policies of a table do not confine a role, or NULL. */
static const char *
why_not_confined(FactsReader *reader, const RelationFacts *table, Oid role,
				 const char *unguarded)
{
	RoleFacts	facts;

	if (!table->rls_enabled && unguarded == NULL &&
		!tg_is_unreachable_child(reader, table))
		return NULL;
	if (!tg_facts_role(reader, role, &facts))
		return NULL;
	if (facts.superuser)
		return "a superuser";
	if (tg_privileges_of(role, table) == ACL_NO_RIGHTS)
		return NULL;
	if (!table->rls_enabled && tg_is_unreachable_child(reader, table))
		return "which may use this child without its parent";
	if (!table->rls_enabled)
		return "which may use the table";
	if (facts.bypasses_rls)
		return "which has BYPASSRLS";
	if (!table->rls_forced &&
		tg_has_privileges_of(reader, role, table->owner))
		return "which has the rights of the table's owner, and row-level security is not forced";
	return unguarded != NULL ? "which may use the table" : NULL;
}

List *
tg_exposing_functions(FactsReader *reader, const RelationFacts *facts,
					  bool to_anybody, bool alone)
{
	List	   *reads = tg_facts_definers_reading(reader, facts);
	List	   *result = NIL;
	const char *unguarded;
	uint64		relied_on;
	ListCell   *lc;

	if (reads == NIL)
		return NIL;
	unguarded = tg_why_unguarded(reader, facts, alone, &relied_on);
	foreach(lc, reads)
	{
		const DefinerRead *read = lfirst(lc);
		ExposingFunction *function;
		List	   *grantees;
		const char *why;

		CHECK_FOR_INTERRUPTS();
		grantees = to_anybody ? tg_facts_executors(read->definer) :
			tg_app_executors(reader, read->definer);
		if (grantees == NIL)
			continue;
		why = why_not_confined(reader, facts, read->definer->owner, unguarded);
		if (why == NULL ||
			(!to_anybody && !read->definer->returns_rows &&
			 tg_facts_policy_calls(reader, read->definer)))
			continue;
		function = palloc(sizeof(ExposingFunction));
		function->read = read;
		function->why = why;
		function->grantees = grantees;
		result = lappend(result, function);
	}
	return result;
}

List *
tg_tables_exposed_by_functions(FactsReader *reader)
{
	List	   *relids = tg_facts_relations_of_definers(reader);
	List	   *result = NIL;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard table",
												  ALLOCSET_DEFAULT_SIZES);
	ListCell   *lc;

	foreach(lc, relids)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		const RelationFacts *facts = tg_facts_outline(reader, lfirst_oid(lc));
		bool		exposed = facts != NULL && tg_is_tenant_table(facts) &&
			tg_exposing_functions(reader, facts, false, false) != NIL;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (exposed)
			result = lappend_oid(result, lfirst_oid(lc));
	}
	MemoryContextDelete(context);
	return result;
}

/* "PUBLIC, app", for REVOKE. */
static char *
grantee_list(const List *grantees)
{
	StringInfoData list;
	const ListCell *lc;

	initStringInfo(&list);
	foreach(lc, grantees)
	{
		Oid			role = lfirst_oid(lc);

		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
						 OidIsValid(role) ?
						 quote_identifier(tg_role_name(role)) : "PUBLIC");
	}
	return list.data;
}

/* "PUBLIC", or "role "app" and 2 others" */
static char *
first_grantee(const List *grantees)
{
	int			others = list_length(grantees) - 1;
	char	   *first;

	if (list_member_oid(grantees, ACL_ID_PUBLIC))
		return pstrdup("PUBLIC");
	first = psprintf("role \"%s\"", tg_role_name(linitial_oid(grantees)));
	if (others == 0)
		return first;
	return psprintf(others == 1 ? "%s and %d other" : "%s and %d others",
					first, others);
}

static char *
what_it_reads(FactsReader *reader, const DefinerRead *read)
{
	char	   *view = OidIsValid(read->view) ?
		tg_facts_qualified_name(reader, read->view) : NULL;

	if (view == NULL)
		return pstrdup(read->definer->is_bound ? "reads the table" :
					   "mentions the table");
	return psprintf(read->definer->is_bound ?
					"reads the table by way of view \"%s\"" :
					"mentions view \"%s\", which reads the table", view);
}

static void
report(const RuleSubject *subject, const ExposingFunction *function)
{
	const DefinerFacts *definer = function->read->definer;
	char	   *signature = tg_function_signature(definer->oid);
	const char *kind = definer->is_procedure ? "procedure" : "function";
	Finding    *finding;

	if (signature == NULL)
		return;
	finding = tg_report_finding(subject,
								"SECURITY DEFINER %s %s %s and runs as role \"%s\", %s; %s may execute it",
								kind, signature,
								what_it_reads(subject->reader, function->read),
								tg_role_name(definer->owner), function->why,
								first_grantee(function->grantees));
	finding->object = signature;
	finding->object_oid = definer->oid;
	finding->fingerprint = definer->fingerprint;
	finding->repair_sql = psprintf("REVOKE EXECUTE ON %s %s FROM %s;",
								   definer->is_procedure ? "PROCEDURE" : "FUNCTION",
								   signature,
								   grantee_list(function->grantees));
	finding->basis = tg_basis_of_roles(function->grantees);
}

void
tg_check_function_exposes_tenants(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, tg_exposing_functions(subject->reader, subject->facts, false,
									  subject->alone))
	{
		CHECK_FOR_INTERRUPTS();
		report(subject, lfirst(lc));
	}
}
