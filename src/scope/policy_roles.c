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
 * attributes: unknown as well.  Members of the owner are exempt with it, unless
 * the table forces row-level security: unknown, too.
 *
 * 3. Who may UPDATE only other columns can't move a row to another tenant,
 * whatever WITH CHECK says.  If nobody may UPDATE the tenant column, this is
 * certain.  If other roles may, it depends on memberships: unknown.
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

typedef bool (*RoleTest) (Oid role, const RelationFacts *facts);

static bool
is_subject(Oid role, const RelationFacts *facts)
{
	bool		exists;

	return !is_exempt(role, facts, &exists);
}

/*
 * Does a role pass the test that inherits the privileges of this one?  "True" if
 * there are too many to ask.
 */
static bool
has_members(Oid role, RoleTest test, const RelationFacts *facts,
			ProofBudget *budget, List **seen)
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

		if (!TG_MEMBER_INHERITS(form))
			continue;
		result = test(form->member, facts) ||
			has_members(form->member, test, facts, budget, seen);
	}
	ReleaseSysCacheList(members);
	return result;
}

/* The owner's members are exempt as the owner is, while they are members. */
static bool
has_owners_rights(Oid role, const RelationFacts *facts)
{
	return !facts->rls_forced && has_privs_of_role(role, facts->owner);
}

RoleSubjection
tg_role_subjection(Oid role, const RelationFacts *facts, ProofBudget *budget)
{
	List	   *seen = NIL;
	bool		exists;

	if (!OidIsValid(role))
		return ROLE_SUBJECT;
	if (!is_exempt(role, facts, &exists))
		return has_owners_rights(role, facts) ? ROLE_EXEMPT_BY_MEMBERSHIP :
			ROLE_SUBJECT;

	/* Members of the owner are exempt, too. */
	if (!exists || (role == facts->owner && !facts->rls_forced))
		return ROLE_EXEMPT;
	return has_members(role, is_subject, facts, budget, &seen) ?
		ROLE_EXEMPT_BY_MEMBERSHIP : ROLE_EXEMPT;
}

/* May a role that is subject to policies change the tenant column? */
static bool
may_move_rows(Oid role, const RelationFacts *facts)
{
	const Acl  *of_relation = linitial(facts->acls);
	const Acl  *of_column = facts->tenant->acl;

	if (!is_subject(role, facts))
		return false;
	return aclmask(of_relation, role, facts->owner, ACL_UPDATE,
				   ACLMASK_ANY) != ACL_NO_RIGHTS ||
		(of_column != NULL &&
		 aclmask(of_column, role, facts->owner, ACL_UPDATE,
				 ACLMASK_ANY) != ACL_NO_RIGHTS) ||
		has_privs_of_role(role, ROLE_PG_WRITE_ALL_DATA);
}

/* Does an ACL let anybody UPDATE who is subject to policies? */
static bool
lets_update(const Acl *acl, const RelationFacts *facts, ProofBudget *budget)
{
	const AclItem *items = acl == NULL ? NULL : ACL_DAT(acl);

	for (int i = 0; items != NULL && i < ACL_NUM(acl); i++)
	{
		if ((ACLITEM_GET_PRIVS(items[i]) & ACL_UPDATE) != 0 &&
			tg_role_subjection(items[i].ai_grantee, facts,
							   budget) != ROLE_EXEMPT)
			return true;
	}
	return false;
}

/*
 * Where nobody may UPDATE anything, privileges have not been decided yet: GRANT
 * often comes last.
 */
RowMovers
tg_row_movers(const RelationFacts *facts, ProofBudget *budget)
{
	List	   *seen = NIL;
	bool		columns_granted = false;
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		const ColumnFacts *column = lfirst(lc);

		if (column->acl != NULL && column->attnum != facts->tenant->attnum &&
			lets_update(column->acl, facts, budget))
		{
			columns_granted = true;
			break;
		}
	}
	if (!columns_granted)
		return MOVED_BY_ROLE;
	return lets_update(linitial(facts->acls), facts, budget) ||
		lets_update(facts->tenant->acl, facts, budget) ||
		has_members(ROLE_PG_WRITE_ALL_DATA, is_subject, facts, budget,
					&seen) ? MOVED_BY_OTHERS : MOVED_BY_NOBODY;
}

bool
tg_role_moves_rows(Oid role, const RelationFacts *facts, ProofBudget *budget)
{
	List	   *seen = NIL;

	return !OidIsValid(role) || may_move_rows(role, facts) ||
		has_members(role, may_move_rows, facts, budget, &seen);
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
