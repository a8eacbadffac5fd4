/*-------------------------------------------------------------------------
 *
 * scope.c
 *		Does row-level security confine rows to the session's tenant?
 *
 * proof.c knows what one expression proves; this file knows which expressions
 * PostgreSQL combines.  For a command, a row passes where one of the
 * permissive policies that apply to the role is true and all of the
 * restrictive ones are.  SELECT and DELETE ask USING, INSERT asks WITH CHECK,
 * UPDATE asks USING of the old row and WITH CHECK of the new one, and a
 * missing WITH CHECK is USING.  So each permissive policy must be confined by
 * itself or together with the restrictive policies that apply wherever it
 * does.
 *
 * Notes:
 *
 * 1. A restrictive policy applies wherever a permissive one does if it is for
 * PUBLIC or names the role.  Being a member of the role it names is as good
 * today, but GRANT and REVOKE of memberships are not watched: undecided.
 *
 * 2. Superusers, roles with BYPASSRLS and, unless the table forces row-level
 * security, its owner are not subject to policies, so a policy for such roles
 * only adds nothing.  The attribute is not inherited by members, though, while
 * the policy is: that, too, is undecided.
 *
 * 3. SELECT policies also apply to an UPDATE or DELETE that reads the table,
 * which it need not.  They are not counted on.
 *
 * 4. Each side is judged by itself, so that of two policies, one that shows
 * the old row and one that lets the new row pass, both must be confined.  But
 * where no old row can be reached at all, there is no new row either, and
 * where no new row ever passes, no old one is changed.  Two
 * policies that compare with different values of the session's are no leak:
 * either tenant is the session's own.
 *
 * 5. A policy that stands on a temporary object vanishes with that without
 * any DDL on the table.  As a restrictive policy it protects nothing, as a
 * permissive one it is judged like others.
 *
 * 6. A volatile function may change the setting that another policy compares
 * with, and PostgreSQL may call it first.  So one such function in any policy
 * of the table leaves all of them undecided.
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
#include "nodes/nodeFuncs.h"
#include "proof.h"
#include "scope.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A command and which of its two sides. */
typedef struct Side
{
	CommandSet	command;
	bool		new_row;
} Side;

static const Side sides[] = {
	{TG_SELECT, false},
	{TG_INSERT, true},
	{TG_UPDATE, false},
	{TG_UPDATE, true},
	{TG_DELETE, false},
};

/* Is a role subject to policies? */
typedef enum Subjection
{
	ROLE_EXEMPT,
	ROLE_EXEMPT_WITH_HEIRS,		/* it is not, but others have its privileges
								 * who are */
	ROLE_SUBJECT
} Subjection;

/* How the roles of a restrictive policy cover a role. */
typedef enum Coverage
{
	NOT_COVERED,
	COVERED_BY_MEMBERSHIP,
	COVERED
} Coverage;

/* What follows from one policy's expression alone. */
typedef struct Known
{
	Node	   *expression;
	Verdict		verdict;
} Known;

/* A table that is being judged. */
typedef struct Trial
{
	const RelationFacts *facts;
	List	   *known;			/* of Known: USING serves several commands */
} Trial;

/* What is the answer for one policy, one side and one role? */
typedef struct Judgement
{
	Verdict		verdict;
	const PolicyFacts *culprit; /* whose expression holds the arm */
	bool		relies_on_membership;
} Judgement;

/* ----------------------------------------------------------------
 *		Roles
 * ----------------------------------------------------------------
 */

static bool
is_exempt(Oid role, const RelationFacts *facts, bool *exists)
{
	HeapTuple	tuple;
	Form_pg_authid form;
	bool		exempt;

	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	*exists = HeapTupleIsValid(tuple);
	if (!*exists)
		return true;			/* nobody can be it */
	form = (Form_pg_authid) GETSTRUCT(tuple);
	exempt = form->rolsuper || form->rolbypassrls ||
		(role == facts->owner && !facts->rls_forced);
	ReleaseSysCache(tuple);
	return exempt;
}

/* Is there a role, not exempt itself, that has this role's privileges? */
static bool
has_subject_heirs(Oid role, const RelationFacts *facts, List **seen)
{
	CatCList   *members;
	bool		result = false;

	check_stack_depth();
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
			has_subject_heirs(form->member, facts, seen);
	}
	ReleaseSysCacheList(members);
	return result;
}

static Subjection
subjection(Oid role, const RelationFacts *facts)
{
	List	   *seen = NIL;
	bool		exists;

	if (!OidIsValid(role) || !is_exempt(role, facts, &exists))
		return ROLE_SUBJECT;

	/* Who has the privileges of the owner is exempt as the owner is. */
	if (!exists || role == facts->owner)
		return ROLE_EXEMPT;
	return has_subject_heirs(role, facts, &seen) ? ROLE_EXEMPT_WITH_HEIRS :
		ROLE_EXEMPT;
}

static Coverage
coverage(const PolicyFacts *restrictive, Oid role)
{
	Coverage	result = NOT_COVERED;
	ListCell   *lc;

	foreach(lc, restrictive->roles)
	{
		Oid			covering = lfirst_oid(lc);

		if (!OidIsValid(covering) || covering == role)
			return COVERED;
		if (OidIsValid(role) &&
			SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(covering)) &&
			is_member_of_role_nosuper(role, covering) &&
			has_privs_of_role(role, covering))
			result = COVERED_BY_MEMBERSHIP;
	}
	return result;
}

/* ----------------------------------------------------------------
 *		Policies
 * ----------------------------------------------------------------
 */

/* The expression that PostgreSQL asks of a policy; NULL if there is none. */
static Node *
expression_of(const PolicyFacts *policy, Side side)
{
	if (!side.new_row)
		return policy->qual;
	return policy->with_check != NULL ? policy->with_check : policy->qual;
}

/* What holds where all these expressions are true. */
static Verdict
prove_together(Trial *trial, List *expressions)
{
	Budget		budget = BUDGET_INIT;
	Place		place = {trial->facts, NIL, 0, &budget, NIL};

	return tg_prove_by_cases(expressions, &place,
							 tg_prove_all(expressions, &place));
}

static Verdict
prove_alone(Trial *trial, Node *expression)
{
	Known	   *known;
	ListCell   *lc;

	foreach(lc, trial->known)
	{
		known = (Known *) lfirst(lc);
		if (known->expression == expression)
			return known->verdict;
	}
	known = palloc(sizeof(Known));
	known->expression = expression;
	known->verdict = prove_together(trial, list_make1(expression));
	trial->known = lappend(trial->known, known);
	return known->verdict;
}

/* Judges one permissive policy for one role. */
static Judgement
judge_for_role(const PolicyFacts *policy, Side side, Oid role, Trial *trial)
{
	Judgement	judgement = {0};
	List	   *sure;
	List	   *all;
	List	   *floors = NIL;
	Verdict		together;
	ListCell   *lc;

	judgement.verdict = prove_alone(trial, expression_of(policy, side));
	judgement.culprit = policy;
	if (judgement.verdict.standing <= CONFINED)
		return judgement;

	sure = list_make1(expression_of(policy, side));
	all = list_copy(sure);
	foreach(lc, trial->facts->policies)
	{
		PolicyFacts *other = (PolicyFacts *) lfirst(lc);
		Coverage	covers;

		if (other->permissive || other->temporary ||
			(other->commands & side.command) == 0 ||
			expression_of(other, side) == NULL)
			continue;
		covers = coverage(other, role);
		if (covers == NOT_COVERED)
			continue;
		all = lappend(all, expression_of(other, side));
		if (covers == COVERED)
		{
			sure = lappend(sure, expression_of(other, side));
			floors = lappend(floors, other);
		}
	}
	if (list_length(all) == 1)
		return judgement;

	together = prove_together(trial, sure);
	foreach(lc, floors)
	{
		PolicyFacts *floor = (PolicyFacts *) lfirst(lc);
		Verdict		verdict = prove_alone(trial, expression_of(floor, side));

		/* whose is the arm that was chosen? */
		if (equal(verdict.arm, together.arm) && verdict.why == together.why)
			judgement.culprit = floor;
	}
	judgement.verdict = together;
	if (together.standing == OPEN && list_length(all) > list_length(sure))
	{
		if (prove_together(trial, all).standing < OPEN)
		{
			judgement.verdict.standing = UNDECIDED;
			judgement.relies_on_membership = true;
		}
	}
	return judgement;
}

/* Judges one permissive policy; the worst of its roles counts. */
static Judgement
judge_policy(const PolicyFacts *policy, Side side, Trial *trial)
{
	Judgement	worst = {0};
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		Subjection	subject = subjection(lfirst_oid(lc), trial->facts);
		Judgement	one;

		if (subject == ROLE_EXEMPT)
			continue;
		one = judge_for_role(policy, side, lfirst_oid(lc), trial);
		if (subject == ROLE_EXEMPT_WITH_HEIRS && one.verdict.standing == OPEN)
		{
			one.verdict.standing = UNDECIDED;
			one.relies_on_membership = true;
		}
		if (one.verdict.standing > worst.verdict.standing)
			worst = one;
	}
	return worst;
}

static bool
applies(const PolicyFacts *policy, Side side)
{
	return policy->permissive && (policy->commands & side.command) != 0 &&
		expression_of(policy, side) != NULL;
}

/* Can any row be on this side of the command at all? */
static bool
reaches_rows(Side side, Trial *trial)
{
	ListCell   *lc;

	foreach(lc, trial->facts->policies)
	{
		PolicyFacts *policy = (PolicyFacts *) lfirst(lc);

		if (applies(policy, side) &&
			judge_policy(policy, side, trial).verdict.standing > NEVER_HAPPENS)
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Doubts
 * ----------------------------------------------------------------
 */

static void
add_doubt(List **doubts, const PolicyFacts *policy,
		  const PolicyFacts *culprit, Side side, ScopeAnswer answer,
		  Node *arm, const char *reason)
{
	bool		in_check = side.new_row && culprit->with_check != NULL;
	ScopeDoubt *doubt;
	ListCell   *lc;

	foreach(lc, *doubts)
	{
		doubt = (ScopeDoubt *) lfirst(lc);
		if (doubt->answer == answer && doubt->policy == policy &&
			doubt->restrictive == (culprit == policy ? NULL : culprit) &&
			doubt->in_check == in_check && equal(doubt->arm, arm) &&
			strcmp(doubt->reason, reason) == 0)
		{
			doubt->commands |= side.command;
			return;
		}
	}

	doubt = palloc0(sizeof(ScopeDoubt));
	doubt->answer = answer;
	doubt->policy = policy;
	doubt->restrictive = culprit == policy ? NULL : culprit;
	doubt->commands = side.command;
	doubt->in_check = in_check;
	doubt->arm = arm;
	doubt->reason = reason;
	*doubts = lappend(*doubts, doubt);
}

/* Why the answer is what it is, in words. */
static const char *
reason_of(const Judgement *judgement, const RelationFacts *facts)
{
	Budget		budget = BUDGET_INIT;
	Place		place = {facts, NIL, 0, &budget, NIL};

	if (judgement->relies_on_membership)
		return psprintf(_("%s, and only the membership of one role in another stands between it and other tenants"),
						tg_explain(&judgement->verdict, &place));
	return tg_explain(&judgement->verdict, &place);
}

/*
 * Note 6: adds a doubt for each policy that calls a function which could
 * change the session while rows are read.
 */
static void
add_side_effects(List **doubts, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		PolicyFacts *policy = (PolicyFacts *) lfirst(lc);
		Judgement	judgement = {0};
		bool		exempt = true;
		ListCell   *lc2;

		foreach(lc2, policy->roles)
		{
			if (subjection(lfirst_oid(lc2), facts) != ROLE_EXEMPT)
				exempt = false;
		}
		if (exempt)
			continue;

		for (int i = 0; i < (int) lengthof(sides); i++)
		{
			Budget		budget = BUDGET_INIT;
			Place		place = {facts, NIL, 0, &budget, NIL};
			Node	   *node;
			Origin		origin;
			bool		doubted = false;

			if ((policy->commands & sides[i].command) == 0)
				continue;
			node = expression_of(policy, sides[i]);
			if (node == NULL)
				continue;
			origin = tg_dependencies(node, &place);
			if ((origin & (ORIGIN_SETS | ORIGIN_VOLATILE |
						   ORIGIN_TOO_DEEP)) == 0)
				continue;
			judgement.verdict.standing = UNDECIDED;
			judgement.verdict.why = (origin & ORIGIN_VOLATILE) ?
				WHY_VOLATILE : WHY_TOO_DEEP;
			judgement.verdict.arm = node;
			if (origin & ORIGIN_SETS)
			{
				judgement.verdict.why = WHY_SETS;
				judgement.verdict.standing = OPEN;
			}
			foreach(lc2, *doubts)
			{
				ScopeDoubt *doubt = (ScopeDoubt *) lfirst(lc2);

				if (doubt->policy == policy &&
					(doubt->commands & sides[i].command) != 0 &&
					(doubt->answer == SCOPE_UNSCOPED ||
					 judgement.verdict.standing < OPEN))
					doubted = true;
			}
			if (!doubted)
				add_doubt(doubts, policy, policy, sides[i],
						  judgement.verdict.standing == OPEN ?
						  SCOPE_UNSCOPED : SCOPE_UNPROVEN,
						  node, reason_of(&judgement, facts));
		}
	}
}

static int
compare_doubts(const ListCell *a, const ListCell *b)
{
	const ScopeDoubt *one = (const ScopeDoubt *) lfirst(a);
	const ScopeDoubt *other = (const ScopeDoubt *) lfirst(b);

	if (one->answer != other->answer)
		return one->answer > other->answer ? -1 : 1;
	return strcmp(one->policy->name, other->policy->name);
}

List *
tg_scope_doubts(const RelationFacts *facts)
{
	Trial		trial = {facts, NIL};
	List	   *doubts = NIL;
	ListCell   *lc;

	Assert(facts->tenant != NULL);
	for (int i = 0; i < (int) lengthof(sides); i++)
	{
		Side		side = sides[i];
		Side		other_side = {side.command, !side.new_row};

		/* an UPDATE takes both an old row and a new one */
		if (side.command == TG_UPDATE && !reaches_rows(other_side, &trial))
			continue;
		foreach(lc, facts->policies)
		{
			PolicyFacts *policy = (PolicyFacts *) lfirst(lc);
			Judgement	judgement;

			if (!applies(policy, side))
				continue;
			judgement = judge_policy(policy, side, &trial);
			if (judgement.verdict.standing <= CONFINED)
				continue;
			add_doubt(&doubts, policy, judgement.culprit, side,
					  judgement.verdict.standing == OPEN ?
					  SCOPE_UNSCOPED : SCOPE_UNPROVEN,
					  judgement.verdict.arm, reason_of(&judgement, facts));
		}
	}
	add_side_effects(&doubts, facts);
	list_sort(doubts, compare_doubts);
	return doubts;
}
