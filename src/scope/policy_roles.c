/*-------------------------------------------------------------------------
 *
 * policy_roles.c
 *		Which roles are subject to policies, and to which restrictive ones.
 *
 * Notes:
 *
 * 1. A restrictive policy applies wherever a permissive one does if it is for
 * PUBLIC or names the role.  Membership in the role that it names has the same
 * effect today, but nothing watches GRANT and REVOKE of memberships: unknown.
 *
 * 2. Superusers, roles with BYPASSRLS and, unless the table forces row-level
 * security, its owner are not subject to policies, so a policy for such roles
 * adds nothing.  But members of a role inherit its policies and not these
 * attributes: unknown as well.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "compat.h"
#include "miscadmin.h"
#include "scope/nodes.h"
#include "scope/policy_proof.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

static bool
is_exempt(Oid role, const RelationFacts *facts, bool *exists)
{
	HeapTuple	tuple;
	Form_pg_authid form;
	bool		exempt;

	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	*exists = HeapTupleIsValid(tuple);
	if (!*exists)
		return true;			/* nobody can use it */
	form = (Form_pg_authid) GETSTRUCT(tuple);
	exempt = form->rolsuper || form->rolbypassrls ||
		(role == facts->owner && !facts->rls_forced);
	ReleaseSysCache(tuple);
	return exempt;
}

/* Does a role that is not exempt inherit the privileges of this one? */
static bool
has_subject_members(Oid role, const RelationFacts *facts, ProofBudget *budget,
					List **seen)
{
	CatCList   *members;
	bool		result = false;

	check_stack_depth();
	if (!tg_spend(budget, 1 + list_length(*seen) / 64))
		return true;
	if (list_member_oid(*seen, role))
		return false;
	*seen = lappend_oid(*seen, role);
	members = SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role));
	for (int i = 0; i < members->n_members && !result; i++)
	{
		Form_pg_auth_members form = (Form_pg_auth_members)
			GETSTRUCT(&members->members[i]->tuple);
		bool		exists;

		if (!TG_MEMBER_INHERITS(form))
			continue;
		result = !is_exempt(form->member, facts, &exists) ||
			has_subject_members(form->member, facts, budget, seen);
	}
	ReleaseSysCacheList(members);
	return result;
}

RoleSubjection
tg_role_subjection(Oid role, const RelationFacts *facts, ProofBudget *budget)
{
	List	   *seen = NIL;
	bool		exists;

	if (!OidIsValid(role) || !is_exempt(role, facts, &exists))
		return ROLE_SUBJECT;

	/* Members of the owner are exempt, too. */
	if (!exists || role == facts->owner)
		return ROLE_EXEMPT;
	return has_subject_members(role, facts, budget, &seen) ?
		ROLE_EXEMPT_WITH_MEMBERS : ROLE_EXEMPT;
}

RestrictiveCoverage
tg_restrictive_coverage(const PolicyFacts *policy, Oid role,
						ProofBudget *budget)
{
	RestrictiveCoverage result = COVERS_NEVER;
	ListCell   *lc;

	(void) tg_spend(budget, 1 + list_length(policy->roles) / 16);
	if (list_member_oid(policy->roles, InvalidOid) ||
		list_member_oid(policy->roles, role))
		return COVERS_ALWAYS;
	if (!OidIsValid(role))
		return COVERS_NEVER;
	foreach(lc, policy->roles)
	{
		Oid			covering = lfirst_oid(lc);

		if (!tg_spend(budget, 1))
			break;
		if (SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(covering)) &&
			is_member_of_role_nosuper(role, covering) &&
			has_privs_of_role(role, covering))
			result = COVERS_BY_MEMBERSHIP;
	}
	return result;
}
