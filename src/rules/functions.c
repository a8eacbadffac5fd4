/*-------------------------------------------------------------------------
 *
 * functions.c
 *		The rule about the functions that policies call, and the like.
 *
 * A policy is as good as its functions.  The proof that it is scoped takes a
 * function without row arguments for a value of the session; here is asked
 * who has the say over that value: whoever owns the function may replace it,
 * and where a function of its owner's rights looks names up in its caller's
 * search_path, the caller says what they mean.
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
#include "rules/remedy.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

/* A function that a policy calls. */
typedef struct Call
{
	Oid			function;
	const PolicyFacts *policy;	/* the first that does */
	CommandSet	commands;		/* those of all that do */
} Call;

/* What a finding is about, so that it is told from one that was there. */
typedef enum Reproach
{
	OWNED_BY_CONFINED_ROLE = 1,
	NAMES_OF_CALLER,
	NEW_OWNER,
	NEW_RIGHTS,
	LABELS_OF_STRANGER
} Reproach;

/*
 * Who has the table owner's rights could alter the policies as well.  (A
 * superuser has them.)
 */
static bool
may_alter_policies(const RuleSubject *subject, Oid role)
{
	return tg_has_privileges_of(subject->reader, role, subject->facts->owner);
}

/*
 * A role that has the rights of the owner of something, although the table's
 * policies are to confine it, or InvalidOid.
 */
static Oid
confined_role(const RuleSubject *subject, Oid owner)
{
	const RelationFacts *facts = subject->facts;
	Oid			app_role;

	if (may_alter_policies(subject, owner) ||
		tg_is_above_rls(subject->reader, owner))
		return InvalidOid;
	if (tg_privileges_of(owner, facts) != ACL_NO_RIGHTS)
		return owner;
	app_role = get_role_oid(tg_app_role, true);
	if (OidIsValid(app_role) && !may_alter_policies(subject, app_role) &&
		has_privs_of_role(app_role, owner) &&
		tg_privileges_of(app_role, facts) != ACL_NO_RIGHTS)
		return app_role;
	return InvalidOid;
}

/* Reports "function f, which policy p calls, ...", with ALTER FUNCTION f ... */
static void
report(const RuleSubject *subject, const Call *call, Reproach reproach,
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
	finding->fingerprint = hash_combine64(reproach, role);
	finding->repair_sql = psprintf("ALTER FUNCTION %s %s;", name, repair);
}

static char *
role_name(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	return name != NULL ? name : psprintf("%u", role);
}

/*
 * Neither another owner nor other rights need be wrong.  But what the function
 * says of the session may not be what it has said, and nothing else shows it.
 */
static void
report_new_owner(const RuleSubject *subject, const Call *call,
				 Oid before, Oid after)
{
	if (before != after && !may_alter_policies(subject, after))
		report(subject, call, NEW_OWNER, after,
			   psprintf("has changed owner from role \"%s\" to role \"%s\"",
						role_name(before), role_name(after)),
			   psprintf("OWNER TO %s", quote_identifier(role_name(before))));
}

static void
report_new_rights(const RuleSubject *subject, const Call *call,
				  bool definer_before, bool definer)
{
	if (!definer_before && definer)
		report(subject, call, NEW_RIGHTS, InvalidOid,
			   "has become SECURITY DEFINER: it now runs with the privileges of its owner",
			   "SECURITY INVOKER");
	if (definer_before && !definer)
		report(subject, call, NEW_RIGHTS, InvalidOid,
			   "is no longer SECURITY DEFINER: it now runs with the privileges of its caller",
			   "SECURITY DEFINER");
}

/* Reports that the function's caller decides what its names mean. */
static void
report_names_of_caller(const RuleSubject *subject, const Call *call)
{
	char	   *schema = get_namespace_name(get_func_namespace(call->function));

	if (schema != NULL)
		report(subject, call, NAMES_OF_CALLER, InvalidOid,
			   "is SECURITY DEFINER without a search_path setting that ends with pg_temp: its caller decides what the names in it refer to",
			   psprintf("SET search_path = pg_catalog, %s, pg_temp",
						quote_identifier(schema)));
}

static void
check_call(const RuleSubject *subject, const Call *call)
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
		report(subject, call, OWNED_BY_CONFINED_ROLE, role,
			   psprintf("can be replaced by role \"%s\", which the policy is supposed to confine",
						role_name(role)),
			   psprintf("OWNER TO %s",
						quote_identifier(role_name(facts->owner))));
	else
		report_new_owner(subject, call, before.owner, function.owner);

	if (function.security_definer && !function.names_are_fixed)
		report_names_of_caller(subject, call);
	else
		report_new_rights(subject, call, before.security_definer,
						  function.security_definer);
}

/* The calls of all policies, each function once, in the order of policies. */
static List *
calls_in(const RelationFacts *facts)
{
	HTAB	   *known;
	List	   *calls = NIL;
	ListCell   *lc;

	known = tg_hash_create("trovella_guard calls", sizeof(Oid), sizeof(Call),
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
			Call	   *call = hash_search(known, &function, HASH_ENTER,
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
 * The labels of an enum are names, which its owner may exchange: then a row is
 * another tenant's, or the session is.  That needs no right on the table.
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
									role_name(role), name);
		finding->object = name;
		finding->object_oid = type;
		finding->fingerprint = hash_combine64(LABELS_OF_STRANGER, role);
		finding->repair_sql = psprintf("ALTER TYPE %s OWNER TO %s;", name,
									   quote_identifier(role_name(facts->owner)));
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
