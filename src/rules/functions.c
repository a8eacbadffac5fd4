/*-------------------------------------------------------------------------
 *
 * functions.c
 *		The rule about the functions and enums that policies rely on.
 *
 * The proof that a policy is scoped treats a function without row arguments as
 * a value of the session.  This rule asks who controls that value.  The owner
 * of a function may replace it.  If a SECURITY DEFINER function looks names up
 * in its caller's search_path, the caller decides what they refer to.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "facts/oidset.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

/* A function that a policy calls. */
typedef struct PolicyCall
{
	Oid			function;
	const PolicyFacts *policy;	/* the first policy that calls it */
	CommandSet	commands;		/* of all policies that call it */
} PolicyCall;

/* Part of the fingerprint: distinguishes the findings about a function. */
typedef enum FunctionFault
{
	FAULT_CONFINED_OWNER = 1,
	FAULT_NAMES_OF_CALLER,
	FAULT_NEW_OWNER,
	FAULT_NEW_PRIVILEGES,
	FAULT_LABELS_OF_OTHER_ROLE
} FunctionFault;

/*
 * A role with the privileges of the table's owner could alter the policies as
 * well.  (A superuser has them.)
 */
static bool
may_alter_policies(const RuleSubject *subject, Oid role)
{
	return tg_has_privileges_of(subject->reader, role, subject->facts->owner);
}

/*
 * A role that the table's policies are supposed to confine, but that has the
 * privileges of "owner"; or InvalidOid.
 */
static Oid
confined_role(const RuleSubject *subject, Oid owner)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	if (may_alter_policies(subject, owner) ||
		tg_is_above_rls(subject->reader, owner))
		return InvalidOid;
	if (tg_privileges_of(owner, facts) != ACL_NO_RIGHTS)
		return owner;
	foreach(lc, tg_named_app_roles())
	{
		Oid			app_role = lfirst_oid(lc);

		if (!may_alter_policies(subject, app_role) &&
			has_privs_of_role(app_role, owner) &&
			tg_privileges_of(app_role, facts) != ACL_NO_RIGHTS)
			return app_role;
	}
	return InvalidOid;
}

/*
 * Reports "function f, which policy p calls, ...", with ALTER FUNCTION f ..., or
 * without a repair (NULL).
 */
static void
report(const RuleSubject *subject, const PolicyCall *call, FunctionFault fault,
	   Oid role, const char *what, const char *repair)
{
	char	   *name = format_procedure_extended(call->function,
												 FORMAT_PROC_INVALID_AS_NULL |
												 FORMAT_PROC_FORCE_QUALIFY);
	Finding    *finding;

	if (name == NULL)
		return;
	finding = tg_report_finding(subject,
								"function %s, which policy \"%s\" calls, %s",
								name, call->policy->name, what);
	finding->object = name;
	finding->object_oid = call->function;
	finding->commands = call->commands;
	finding->fingerprint = hash_combine64(fault, role);
	if (repair != NULL)
		finding->repair_sql = psprintf("ALTER FUNCTION %s %s;", name, repair);
}

/*
 * What a SECURITY DEFINER function does may be its present owner's work: nobody
 * should let it run as another role by running a statement that we print.  For
 * the same reason there is no statement that makes a function SECURITY DEFINER.
 */
static char *
owner_to(const FunctionFacts *function, Oid role)
{
	return function->security_definer ? NULL :
		psprintf("OWNER TO %s", quote_identifier(tg_role_name(role)));
}

/*
 * A new owner need not be wrong, nor a change of SECURITY DEFINER.  But the
 * function may now return something else, and no other rule notices.
 */
static void
report_new_owner(const RuleSubject *subject, const PolicyCall *call,
				 Oid before, const FunctionFacts *function)
{
	Oid			after = function->owner;

	if (before != after && !may_alter_policies(subject, after))
		report(subject, call, FAULT_NEW_OWNER, after,
			   psprintf("has changed owner from role \"%s\" to role \"%s\"",
						tg_role_name(before), tg_role_name(after)),
			   owner_to(function, before));
}

static void
report_new_privileges(const RuleSubject *subject, const PolicyCall *call,
					  bool definer_before, bool definer)
{
	if (!definer_before && definer)
		report(subject, call, FAULT_NEW_PRIVILEGES, InvalidOid,
			   "has become SECURITY DEFINER: it now runs with the privileges of its owner",
			   "SECURITY INVOKER");
	if (definer_before && !definer)
		report(subject, call, FAULT_NEW_PRIVILEGES, InvalidOid,
			   "is no longer SECURITY DEFINER: it now runs with the privileges of its caller",
			   NULL);
}

/* Reports that the caller decides what the names in the function refer to. */
static void
report_names_of_caller(const RuleSubject *subject, const PolicyCall *call,
					   Oid owner)
{
	char	   *schema = get_namespace_name(get_func_namespace(call->function));
	char	   *path;

	if (schema == NULL)
		return;
	path = psprintf("pg_catalog, %s, pg_temp", quote_identifier(schema));
	report(subject, call, FAULT_NAMES_OF_CALLER, InvalidOid,
		   "is SECURITY DEFINER without a safe search_path setting: others decide what the names in it refer to",
		   tg_facts_path_is_fixed(subject->reader, pstrdup(path), owner) ?
		   psprintf("SET search_path = %s", path) : NULL);
}

static void
check_call(const RuleSubject *subject, const PolicyCall *call)
{
	const RelationFacts *facts = subject->facts;
	const RelationHistory *history = subject->history;
	FunctionFacts function;
	FunctionFacts before;
	Oid			role;

	if (!tg_facts_function(subject->reader, call->function, &function))
		return;
	if (history == NULL ||
		!list_member_oid(history->altered_functions, call->function) ||
		!tg_facts_function(history->reader, call->function, &before))
		before = function;

	role = confined_role(subject, function.owner);
	if (OidIsValid(role))
		report(subject, call, FAULT_CONFINED_OWNER, role,
			   psprintf("can be replaced by role \"%s\", which the policy is supposed to confine",
						tg_role_name(role)),
			   owner_to(&function, facts->owner));
	else
		report_new_owner(subject, call, before.owner, &function);

	if (function.security_definer && !function.names_are_fixed)
		report_names_of_caller(subject, call, function.owner);
	else
		report_new_privileges(subject, call, before.security_definer,
							  function.security_definer);
}

/* The calls in all policies, each function once, in the order of policies. */
static List *
calls_in(const RelationFacts *facts)
{
	HTAB	   *known;
	List	   *calls = NIL;
	ListCell   *lc;

	known = tg_hash_create("trovella_guard calls", sizeof(Oid), sizeof(PolicyCall),
						   CurrentMemoryContext);
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);
		ListCell   *lf;

		CHECK_FOR_INTERRUPTS();
		foreach(lf, tg_facts_functions_of(policy))
		{
			Oid			function = lfirst_oid(lf);
			bool		found;
			PolicyCall *call = hash_search(known, &function, HASH_ENTER,
										   &found);

			if (!found)
			{
				call->policy = policy;
				call->commands = TG_NO_COMMAND;
				calls = lappend(calls, call);
			}
			call->commands |= policy->commands;
		}
	}
	return calls;
}

/*
 * The owner of an enum can rename its labels without any privilege on the
 * table.  If two labels are swapped, rows, or the session, change their tenant.
 */
static void
check_labels(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	OidSet		types = {0};
	ListCell   *lc;

	(void) tg_oidset_add(&types, facts->tenant->type);
	foreach(lc, facts->policies)
	{
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, tg_facts_types_in(lfirst(lc)))
			(void) tg_oidset_add(&types, lfirst_oid(lc2));
	}
	foreach(lc, tg_facts_enums_in(subject->reader, types.oids))
	{
		Oid			type = lfirst_oid(lc);
		Oid			role = tg_facts_type_owner(subject->reader, type);
		char	   *name = may_alter_policies(subject, role) ||
			tg_is_above_rls(subject->reader, role) ? NULL :
			format_type_extended(type, -1, FORMAT_TYPE_INVALID_AS_NULL |
								 FORMAT_TYPE_FORCE_QUALIFY);
		Finding    *finding;

		if (name == NULL)
			continue;
		finding = tg_report_finding(subject,
									"role \"%s\", which lacks the privileges of the table's owner, can rename the labels of type %s, which identify tenants",
									tg_role_name(role), name);
		finding->object = name;
		finding->object_oid = type;
		finding->fingerprint = hash_combine64(FAULT_LABELS_OF_OTHER_ROLE, role);
		finding->repair_sql = psprintf("ALTER TYPE %s OWNER TO %s;", name,
									   quote_identifier(tg_role_name(facts->owner)));
	}
}

void
tg_check_policy_function_untrusted(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, calls_in(subject->facts))
	{
		CHECK_FOR_INTERRUPTS();
		check_call(subject, lfirst(lc));
	}
	if (subject->facts->policies != NIL)
		check_labels(subject);
}
