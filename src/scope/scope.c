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
#include "hashtable.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "scope/scope.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A command and which of its two sides. */
typedef struct PolicySide
{
	CommandSet	command;
	bool		new_row;
} PolicySide;

static const PolicySide policy_sides[] = {
	{TG_SELECT, false},
	{TG_INSERT, true},
	{TG_UPDATE, false},
	{TG_UPDATE, true},
	{TG_DELETE, false},
};

/* Of so many restrictive policies the cases are distinguished. */
#define MAX_RESTRICTIVE_IN_CASES	32

/* Is a role subject to policies? */
typedef enum RoleSubjection
{
	ROLE_EXEMPT,
	ROLE_EXEMPT_WITH_HEIRS,		/* it is not, but others have its privileges
								 * who are */
	ROLE_SUBJECT
} RoleSubjection;

/* How the roles of a restrictive policy cover a role. */
typedef enum RestrictiveCoverage
{
	COVERS_NEVER,
	COVERS_BY_MEMBERSHIP,
	COVERS_ALWAYS
} RestrictiveCoverage;

/* What follows from one policy's expression alone. */
typedef struct ExpressionProof
{
	Node	   *expression;		/* key */
	Conclusion		conclusion;
	Origin		dependencies;
} ExpressionProof;

/*
 * The restrictive policies that apply wherever a permissive one does, on one
 * side and for one role, and what follows from all of them.
 */
typedef struct RestrictiveSet
{
	bool		new_row;
	Bitmapset  *sure;			/* policies that surely apply, as positions in
								 * facts->policies ... */
	Bitmapset  *all;			/* ... and by membership of roles besides */
	Conclusion		if_sure;
	Conclusion		if_all;
	const PolicyFacts *arm_policy; /* whose expression holds the arm of if_sure */
	int			number;
} RestrictiveSet;

/* What is known of a role: many policies name the same. */
typedef struct RoleEntry
{
	Oid			role;			/* key */
	RoleSubjection	subjection;
	RestrictiveSet	   *sets[lengthof(policy_sides)];
} RoleEntry;

/* What is the answer for one policy, one side and one role? */
typedef struct PolicyConclusion
{
	Conclusion		conclusion;
	const PolicyFacts *arm_policy; /* whose expression holds the arm; NULL: the
								 * permissive policy's */
	bool		relies_on_membership;
} PolicyConclusion;

/* The result of an expression on a set. */
typedef struct PolicyConclusionKey
{
	Node	   *expression;
	int64		set;
} PolicyConclusionKey;

typedef struct PolicyConclusionEntry
{
	PolicyConclusionKey key;
	PolicyConclusion	result;
} PolicyConclusionEntry;

/* A table that is being judged. */
typedef struct ScopeProof
{
	const RelationFacts *facts;
	ProofBudget budget;			/* for all proofs together */
	HTAB	   *known;			/* of ExpressionProof: USING serves several commands */
	HTAB	   *roles;			/* of RoleEntry */
	HTAB	   *results;		/* of PolicyConclusionEntry */
	List	   *sets;			/* of RestrictiveSet */
	List	  **issues;			/* for each policy, a List of ScopeIssue */
} ScopeProof;

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
has_subject_heirs(Oid role, ScopeProof *proof, List **seen)
{
	CatCList   *members;
	bool		result = false;

	check_stack_depth();
	if (!tg_spend(&proof->budget, 1 + list_length(*seen) / 64))
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
		result = !is_exempt(form->member, proof->facts, &exists) ||
			has_subject_heirs(form->member, proof, seen);
	}
	ReleaseSysCacheList(members);
	return result;
}

static RoleSubjection
look_up_subjection(Oid role, ScopeProof *proof)
{
	List	   *seen = NIL;
	bool		exists;

	if (!OidIsValid(role) || !is_exempt(role, proof->facts, &exists))
		return ROLE_SUBJECT;

	/* Who has the privileges of the owner is exempt as the owner is. */
	if (!exists || role == proof->facts->owner)
		return ROLE_EXEMPT;
	return has_subject_heirs(role, proof, &seen) ? ROLE_EXEMPT_WITH_HEIRS :
		ROLE_EXEMPT;
}

static RoleEntry *
find_role(Oid role, ScopeProof *proof)
{
	bool		found;
	RoleEntry  *known;

	known = hash_search(proof->roles, &role, HASH_ENTER, &found);
	if (!found)
	{
		memset(known->sets, 0, sizeof(known->sets));
		known->subjection = look_up_subjection(role, proof);
	}
	return known;
}

static RestrictiveCoverage
coverage(const PolicyFacts *restrictive, Oid role, ScopeProof *proof)
{
	RestrictiveCoverage	result = COVERS_NEVER;
	ListCell   *lc;

	(void) tg_spend(&proof->budget, 1 + list_length(restrictive->roles) / 16);
	if (list_member_oid(restrictive->roles, InvalidOid) ||
		list_member_oid(restrictive->roles, role))
		return COVERS_ALWAYS;
	if (!OidIsValid(role))
		return COVERS_NEVER;
	foreach(lc, restrictive->roles)
	{
		Oid			covering = lfirst_oid(lc);

		if (!tg_spend(&proof->budget, 1))
			break;
		if (SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(covering)) &&
			is_member_of_role_nosuper(role, covering) &&
			has_privs_of_role(role, covering))
			result = COVERS_BY_MEMBERSHIP;
	}
	return result;
}

/* ----------------------------------------------------------------
 *		Policies
 * ----------------------------------------------------------------
 */

/* The expression that PostgreSQL asks of a policy; NULL if there is none. */
static Node *
expression_of(const PolicyFacts *policy, bool new_row)
{
	if (!new_row)
		return policy->qual;
	return policy->with_check != NULL ? policy->with_check : policy->qual;
}

/* A proof's share of the table's budget, and what it has left of it. */
static ProofBudget
begin_proof(const ScopeProof *proof)
{
	ProofBudget budget = {Min(PROOF_BUDGET_SINGLE, proof->budget.steps), 0};

	return budget;
}

static void
end_proof(ScopeProof *proof, int steps, const ProofBudget *budget)
{
	(void) tg_spend(&proof->budget, steps - budget->steps);
}

static ExpressionProof *
prove_alone(ScopeProof *proof, Node *expression)
{
	ExpressionProof	   *known;
	bool		found;

	known = hash_search(proof->known, &expression, HASH_ENTER, &found);
	if (!found)
	{
		ProofBudget budget = begin_proof(proof);
		ProofContext		context = {proof->facts, NIL, 0, &budget, NIL};
		List	   *expressions = list_make1(expression);
		int			steps = budget.steps;

		known->conclusion = tg_prove_by_cases(expressions, &context,
										   tg_prove_all(expressions, &context));
		known->dependencies = tg_dependencies(expression, &context);
		end_proof(proof, steps, &budget);

		/* What was not followed to its end is not known to be open. */
		if (budget.steps < 0 && known->conclusion.rows == ROWS_FOREIGN)
			known->conclusion = tg_make_conclusion(ROWS_UNKNOWN, REASON_TOO_DEEP,
											 expression);
	}
	return known;
}

/* Whether that helps: cases of an expression and of those of a set. */
static Conclusion
prove_with_set(ScopeProof *proof, Node *expression, const Bitmapset *policies,
			   bool new_row, Conclusion conclusion)
{
	ProofBudget budget = begin_proof(proof);
	ProofContext		context = {proof->facts, NIL, 0, &budget, NIL};
	int			steps = budget.steps;
	List	   *expressions;
	int			i = -1;

	if (conclusion.rows <= ROWS_OWN ||
		bms_num_members(policies) > MAX_RESTRICTIVE_IN_CASES)
		return conclusion;
	expressions = list_make1(expression);
	while ((i = bms_next_member(policies, i)) >= 0)
		expressions = lappend(expressions,
							  expression_of(list_nth(proof->facts->policies,
													 i), new_row));
	conclusion = tg_prove_by_cases(expressions, &context, conclusion);
	end_proof(proof, steps, &budget);
	list_free(expressions);
	return conclusion;
}

/* A set of the same policies, or a new one. */
static RestrictiveSet *
find_restrictive_set(Bitmapset *sure, Bitmapset *all, bool new_row, ScopeProof *proof)
{
	RestrictiveSet	   *set;
	ListCell   *lc;
	int			i = -1;

	foreach(lc, proof->sets)
	{
		set = (RestrictiveSet *) lfirst(lc);
		(void) tg_spend(&proof->budget, 1);
		if (set->new_row == new_row && bms_equal(set->sure, sure) &&
			bms_equal(set->all, all))
			return set;
	}
	set = palloc0(sizeof(RestrictiveSet));
	set->new_row = new_row;
	set->sure = sure;
	set->all = all;
	while ((i = bms_next_member(all, i)) >= 0)
	{
		PolicyFacts *policy = list_nth(proof->facts->policies, i);
		Conclusion		conclusion = prove_alone(proof,
										  expression_of(policy,
														new_row))->conclusion;

		(void) tg_spend(&proof->budget, 1);
		set->if_all = bms_next_member(all, -1) == i ? conclusion :
			tg_if_both(set->if_all, conclusion);
		if (!bms_is_member(i, sure))
			continue;
		if (set->arm_policy != NULL)
			conclusion = tg_if_both(set->if_sure, conclusion);
		if (set->arm_policy == NULL || conclusion.arm != set->if_sure.arm)
			set->arm_policy = policy;
		set->if_sure = conclusion;
	}
	set->number = list_length(proof->sets);
	proof->sets = lappend(proof->sets, set);
	return set;
}

/* The set under a role's permissive policies on one side. */
static RestrictiveSet *
restrictive_set_of(RoleEntry *role, int side, ScopeProof *proof)
{
	Bitmapset  *sure = NULL;
	Bitmapset  *all = NULL;
	bool		new_row = policy_sides[side].new_row;
	ListCell   *lc;

	if (role->sets[side] != NULL)
		return role->sets[side];
	foreach(lc, proof->facts->policies)
	{
		PolicyFacts *other = (PolicyFacts *) lfirst(lc);
		RestrictiveCoverage	covers;

		if (other->permissive || other->temporary ||
			(other->commands & policy_sides[side].command) == 0 ||
			expression_of(other, new_row) == NULL)
			continue;
		covers = coverage(other, role->role, proof);
		if (covers != COVERS_NEVER)
			all = bms_add_member(all, foreach_current_index(lc));
		if (covers == COVERS_ALWAYS)
			sure = bms_add_member(sure, foreach_current_index(lc));
	}
	role->sets[side] = find_restrictive_set(sure, all, new_row, proof);
	return role->sets[side];
}

/* Judges the expression of a permissive policy on a set. */
static PolicyConclusion
conclude_with_set(Node *expression, const RestrictiveSet *set, ScopeProof *proof)
{
	PolicyConclusion	result = {0};
	Conclusion		alone = prove_alone(proof, expression)->conclusion;

	result.conclusion = alone;
	if (alone.rows <= ROWS_OWN || bms_is_empty(set->all))
		return result;
	if (!bms_is_empty(set->sure))
	{
		result.conclusion = tg_if_both(alone, set->if_sure);

		/* whose is the arm that was chosen? */
		if (result.conclusion.reason == set->if_sure.reason &&
			equal(result.conclusion.arm, set->if_sure.arm))
			result.arm_policy = set->arm_policy;
		result.conclusion = prove_with_set(proof, expression, set->sure,
										   set->new_row, result.conclusion);
	}
	if (result.conclusion.rows == ROWS_FOREIGN &&
		!bms_equal(set->all, set->sure) &&
		prove_with_set(proof, expression, set->all, set->new_row,
					   tg_if_both(alone, set->if_all)).rows < ROWS_FOREIGN)
	{
		result.conclusion.rows = ROWS_UNKNOWN;
		result.relies_on_membership = true;
	}
	return result;
}

/* Judges one permissive policy; the worst of its roles counts. */
static PolicyConclusion
conclude_policy(const PolicyFacts *policy, int side, ScopeProof *proof)
{
	PolicyConclusion	worst = {0};
	Node	   *expression = expression_of(policy, policy_sides[side].new_row);
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		RoleEntry  *role = find_role(lfirst_oid(lc), proof);
		PolicyConclusionKey key;
		PolicyConclusionEntry *known;
		PolicyConclusion	one;
		bool		found;

		(void) tg_spend(&proof->budget, 1);
		if (role->subjection == ROLE_EXEMPT)
			continue;
		memset(&key, 0, sizeof(key));
		key.expression = expression;
		key.set = restrictive_set_of(role, side, proof)->number;
		known = hash_search(proof->results, &key, HASH_ENTER, &found);
		if (!found)
			known->result = conclude_with_set(expression, role->sets[side],
											  proof);
		one = known->result;
		if (role->subjection == ROLE_EXEMPT_WITH_HEIRS &&
			one.conclusion.rows == ROWS_FOREIGN)
		{
			one.conclusion.rows = ROWS_UNKNOWN;
			one.relies_on_membership = true;
		}
		if (one.conclusion.rows > worst.conclusion.rows)
			worst = one;
	}

	/* What was not looked at may be what keeps rows out. */
	if (proof->budget.steps < 0 && worst.conclusion.rows == ROWS_FOREIGN)
	{
		worst.conclusion.rows = ROWS_UNKNOWN;
		worst.conclusion.reason = REASON_TOO_DEEP;
		worst.relies_on_membership = false;
	}
	if (worst.arm_policy == NULL)
		worst.arm_policy = policy;
	return worst;
}

static bool
applies(const PolicyFacts *policy, int side)
{
	return policy->permissive &&
		(policy->commands & policy_sides[side].command) != 0 &&
		expression_of(policy, policy_sides[side].new_row) != NULL;
}

/* Can any row be on this side of the command at all? */
static bool
reaches_rows(int side, ScopeProof *proof)
{
	ListCell   *lc;

	foreach(lc, proof->facts->policies)
	{
		PolicyFacts *policy = (PolicyFacts *) lfirst(lc);

		if (applies(policy, side) &&
			conclude_policy(policy, side, proof).conclusion.rows > ROWS_NONE)
			return true;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Doubts
 * ----------------------------------------------------------------
 */

/* Why the answer is what it is, in words. */
static const char *
reason_of(const PolicyConclusion *result, const RelationFacts *facts)
{
	ProofContext		context = {facts, NIL, 0, NULL, NIL};

	if (result->relies_on_membership)
		return psprintf(_("%s, and only the membership of one role in another stands between it and other tenants"),
						tg_explain(&result->conclusion, &context));
	return tg_explain(&result->conclusion, &context);
}

static void
add_issue(List **issues, const PolicyFacts *policy,
		  const PolicyConclusion *result, int side, const RelationFacts *facts)
{
	const PolicyFacts *arm_policy = result->arm_policy;
	const Conclusion *conclusion = &result->conclusion;
	ScopeIssue *issue = palloc0(sizeof(ScopeIssue));
	ListCell   *lc;

	issue->answer = conclusion->rows == ROWS_FOREIGN ? SCOPE_UNSCOPED :
		SCOPE_UNPROVEN;
	issue->policy = policy;
	issue->restrictive = arm_policy == policy ? NULL : arm_policy;
	issue->commands = policy_sides[side].command;
	issue->in_check = policy_sides[side].new_row && arm_policy->with_check != NULL;
	issue->arm = conclusion->arm;
	issue->reason = reason_of(result, facts);
	foreach(lc, *issues)
	{
		ScopeIssue *other = (ScopeIssue *) lfirst(lc);

		if (other->answer == issue->answer &&
			other->restrictive == issue->restrictive &&
			other->in_check == issue->in_check &&
			equal(other->arm, issue->arm) &&
			strcmp(other->reason, issue->reason) == 0)
		{
			other->commands |= issue->commands;
			return;
		}
	}
	*issues = lappend(*issues, issue);
}

/*
 * Note 6: adds a issue about a policy that calls a function which could change
 * the session while rows are read.
 */
static void
add_side_effects(List **issues, const PolicyFacts *policy, ScopeProof *proof)
{
	bool		exempt = true;
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		if (find_role(lfirst_oid(lc), proof)->subjection != ROLE_EXEMPT)
			exempt = false;
	}
	if (exempt)
		return;

	for (int i = 0; i < (int) lengthof(policy_sides); i++)
	{
		PolicyConclusion	result = {0};
		Node	   *node = expression_of(policy, policy_sides[i].new_row);
		Origin		origin;
		bool		reported = false;

		if ((policy->commands & policy_sides[i].command) == 0 || node == NULL)
			continue;
		origin = prove_alone(proof, node)->dependencies;
		if ((origin & (ORIGIN_SET_CONFIG | ORIGIN_VOLATILE | ORIGIN_TOO_DEEP)) == 0)
			continue;
		result.arm_policy = policy;
		result.conclusion =
			tg_make_conclusion(origin & ORIGIN_SET_CONFIG ? ROWS_FOREIGN : ROWS_UNKNOWN,
							origin & ORIGIN_SET_CONFIG ? REASON_SET_CONFIG :
							origin & ORIGIN_VOLATILE ? REASON_VOLATILE :
							REASON_TOO_DEEP, node);
		foreach(lc, *issues)
		{
			ScopeIssue *issue = (ScopeIssue *) lfirst(lc);

			if ((issue->commands & policy_sides[i].command) != 0 &&
				(issue->answer == SCOPE_UNSCOPED ||
				 result.conclusion.rows < ROWS_FOREIGN))
				reported = true;
		}
		if (!reported)
			add_issue(issues, policy, &result, i, proof->facts);
	}
}

bool
tg_comes_from_session(Node *node, const RelationFacts *facts,
					  ProofBudget *budget)
{
	ProofContext		context = {facts, NIL, 0, budget, NIL};
	Origin		origin = tg_dependencies(node, &context);

	return (origin & ORIGIN_SESSION) != 0 &&
		(origin & ~(ORIGIN_SESSION | ORIGIN_LITERAL | ORIGIN_CONCAT)) == 0;
}

static int
compare_issues(const ListCell *a, const ListCell *b)
{
	const ScopeIssue *one = (const ScopeIssue *) lfirst(a);
	const ScopeIssue *other = (const ScopeIssue *) lfirst(b);

	if (one->answer != other->answer)
		return one->answer > other->answer ? -1 : 1;
	return strcmp(one->policy->name, other->policy->name);
}

List *
tg_scope_issues(const RelationFacts *facts)
{
	ScopeProof		proof = {0};
	List	   *issues = NIL;
	ListCell   *lc;

	Assert(facts->tenant != NULL);
	proof.facts = facts;
	proof.budget.steps = PROOF_BUDGET_TABLE;
	proof.known = tg_hash_create("trovella_guard expressions", sizeof(Node *),
								 sizeof(ExpressionProof),
								 CurrentMemoryContext);
	proof.roles = tg_hash_create("trovella_guard roles", sizeof(Oid),
								 sizeof(RoleEntry), CurrentMemoryContext);
	proof.results = tg_hash_create("trovella_guard results",
								   sizeof(PolicyConclusionKey),
								   sizeof(PolicyConclusionEntry),
								   CurrentMemoryContext);
	proof.issues = palloc0(list_length(facts->policies) * sizeof(List *));
	for (int side = 0; side < (int) lengthof(policy_sides); side++)
	{
		/* an UPDATE takes both an old row and a new one */
		if (policy_sides[side].command == TG_UPDATE &&
			!reaches_rows(policy_sides[side].new_row ? side - 1 : side + 1, &proof))
			continue;
		foreach(lc, facts->policies)
		{
			PolicyFacts *policy = (PolicyFacts *) lfirst(lc);
			PolicyConclusion	result;

			if (!applies(policy, side))
				continue;
			result = conclude_policy(policy, side, &proof);
			if (result.conclusion.rows > ROWS_OWN)
				add_issue(&proof.issues[foreach_current_index(lc)], policy,
						  &result, side, facts);
		}
	}
	foreach(lc, facts->policies)
	{
		add_side_effects(&proof.issues[foreach_current_index(lc)], lfirst(lc),
						 &proof);
		issues = list_concat(issues,
							 proof.issues[foreach_current_index(lc)]);
	}
	list_sort(issues, compare_issues);
	hash_destroy(proof.known);
	hash_destroy(proof.roles);
	hash_destroy(proof.results);
	return issues;
}
