/*-------------------------------------------------------------------------
 *
 * policy_proof.c
 *		What follows from one permissive policy and the restrictive ones beside it.
 *
 * proof.c proves one expression; this file knows which expressions PostgreSQL
 * combines.  For a command, a row passes if one of the permissive policies
 * that apply to the role is true and all of the restrictive ones are.  SELECT
 * and DELETE use USING, INSERT uses WITH CHECK, UPDATE uses USING for the old
 * row and WITH CHECK for the new one, and a missing WITH CHECK defaults to
 * USING.  So each permissive policy must confine rows by itself, or together
 * with the restrictive policies that apply wherever it does.
 *
 * Many policies share expressions, roles and restrictive policies.  Each
 * expression, role and combination is examined once.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hashtable.h"
#include "scope/policy_proof.h"

/* Cases are tried only beside this many restrictive policies. */
#define MAX_RESTRICTIVE_IN_CASES	32

/*
 * What follows from one expression by itself, for an old row and for a new one,
 * which seldom makes a difference.
 */
typedef struct ExpressionProof
{
	Node	   *expression;		/* key */
	bool		known[2];
	Conclusion	conclusion[2];
	Origin		dependencies;
} ExpressionProof;

/*
 * The restrictive policies beside a permissive one, on one side and for one
 * role, and what follows from all of them.
 */
typedef struct RestrictiveSet
{
	bool		new_row;
	Bitmapset  *always;			/* policies that always apply, as positions in
								 * facts->policies */
	Bitmapset  *all;			/* also those that apply by membership */
	Conclusion	if_always;		/* if all policies in "always" are true */
	Conclusion	if_all;
	const PolicyFacts *arm_policy;	/* its expression has the arm of if_always */
	int			number;
} RestrictiveSet;

/* Many policies name the same role. */
typedef struct RoleEntry
{
	Oid			role;			/* key */
	RoleSubjection subjection;
	RestrictiveSet *sets[POLICY_SIDES];
	bool		movers_known;
	RowMovers	movers;
} RoleEntry;

/* An expression with a set of restrictive policies. */
typedef struct PolicyConclusionKey
{
	Node	   *expression;
	int64		set;
} PolicyConclusionKey;

typedef struct PolicyConclusionEntry
{
	PolicyConclusionKey key;
	PolicyConclusion result;
} PolicyConclusionEntry;

const PolicySide tg_policy_sides[POLICY_SIDES] = {
	{TG_SELECT, false},
	{TG_INSERT, true},
	{TG_UPDATE, false},
	{TG_UPDATE, true},
	{TG_DELETE, false},
};

void
tg_begin_scope_proof(ScopeProof *proof, FactsReader *reader,
					 const RelationFacts *facts)
{
	memset(proof, 0, sizeof(ScopeProof));
	proof->facts = facts;
	proof->reader = reader;
	proof->budget.steps = PROOF_BUDGET_TABLE;
	proof->expressions = tg_hash_create("trovella_guard expressions",
										sizeof(Node *),
										sizeof(ExpressionProof),
										CurrentMemoryContext);
	proof->roles = tg_hash_create("trovella_guard roles", sizeof(Oid),
								  sizeof(RoleEntry), CurrentMemoryContext);
	proof->results = tg_hash_create("trovella_guard results",
									sizeof(PolicyConclusionKey),
									sizeof(PolicyConclusionEntry),
									CurrentMemoryContext);
}

void
tg_end_scope_proof(ScopeProof *proof)
{
	hash_destroy(proof->expressions);
	hash_destroy(proof->roles);
	hash_destroy(proof->results);
}

static RoleEntry *
find_role(Oid role, ScopeProof *proof)
{
	bool		found;
	RoleEntry  *entry;

	entry = hash_search(proof->roles, &role, HASH_ENTER, &found);
	if (!found)
	{
		memset(entry->sets, 0, sizeof(entry->sets));
		entry->movers_known = false;
		entry->subjection = tg_role_subjection(role, proof->facts,
											   &proof->budget);
	}
	return entry;
}

static RowMovers
movers_of(RoleEntry *role, ScopeProof *proof)
{
	if (!proof->movers_known)
	{
		proof->movers = tg_row_movers(proof->facts, &proof->budget);
		proof->movers_known = true;
	}
	if (!role->movers_known)
	{
		role->movers = proof->movers;
		if (role->movers == MOVED_BY_OTHERS &&
			tg_role_moves_rows(role->role, proof->facts, &proof->budget))
			role->movers = MOVED_BY_ROLE;
		role->movers_known = true;
	}
	return role->movers;
}

/*
 * A new row is the old one, changed.  If its tenant can't be changed, the old
 * row's side decides.
 */
static void
consider_movers(PolicyConclusion *result, RoleEntry *role, ScopeProof *proof)
{
	if (result->conclusion.rows <= ROWS_OWN)
		return;
	switch (movers_of(role, proof))
	{
		case MOVED_BY_NOBODY:
			result->conclusion = tg_make_conclusion(ROWS_OWN, REASON_NONE, NULL);
			break;
		case MOVED_BY_OTHERS:
			if (result->conclusion.rows == ROWS_FOREIGN)
			{
				result->conclusion.rows = ROWS_UNKNOWN;
				result->relies_on_privilege = true;
			}
			break;
		case MOVED_BY_ROLE:
			break;
	}
}

Node *
tg_policy_expression(const PolicyFacts *policy, bool new_row)
{
	if (!new_row)
		return policy->qual;
	return policy->with_check != NULL ? policy->with_check : policy->qual;
}

/* The budget of one proof, out of the budget of the table. */
static ProofBudget
begin_proof(const ScopeProof *proof)
{
	ProofBudget budget = {
		.steps = Min(PROOF_BUDGET_SINGLE, proof->budget.steps)
	};

	return budget;
}

static void
end_proof(ScopeProof *proof, int granted, const ProofBudget *budget)
{
	(void) tg_spend(&proof->budget, granted - budget->steps);
}

static ProofContext
make_context(ScopeProof *proof, ProofBudget *budget, bool new_row)
{
	ProofContext context = {
		.facts = proof->facts,
		.reader = proof->reader,
		.budget = budget,
		.new_row = new_row,
		.ties = &proof->ties,
		.tenant_values = &proof->tenant_values
	};

	return context;
}

static ExpressionProof *
find_expression(ScopeProof *proof, Node *expression, bool new_row)
{
	ExpressionProof *entry;
	bool		found;

	entry = hash_search(proof->expressions, &expression, HASH_ENTER, &found);
	if (!found)
		entry->known[0] = entry->known[1] = false;
	if (!entry->known[new_row])
	{
		ProofBudget budget = begin_proof(proof);
		ProofContext context = make_context(proof, &budget, new_row);
		List	   *expressions = list_make1(expression);
		Conclusion	conclusion;
		bool		by_row = false;
		int			granted = budget.steps;

		context.by_row = &by_row;
		conclusion = tg_prove_all(expressions, &context);
		conclusion = tg_prove_by_cases(expressions, &context, conclusion);
		if (!found)
			entry->dependencies = tg_dependencies(expression, &context);
		end_proof(proof, granted, &budget);

		/* A proof that was cut short has not found a leak. */
		if (budget.steps < 0 && conclusion.rows == ROWS_FOREIGN)
			conclusion = tg_make_conclusion(ROWS_UNKNOWN, REASON_TOO_DEEP,
											expression);
		entry->conclusion[new_row] = conclusion;
		entry->known[new_row] = true;
		if (!by_row)
		{
			entry->conclusion[!new_row] = conclusion;
			entry->known[!new_row] = true;
		}
	}
	return entry;
}

static Conclusion
prove_alone(ScopeProof *proof, Node *expression, bool new_row)
{
	return find_expression(proof, expression, new_row)->conclusion[new_row];
}

Origin
tg_policy_dependencies(ScopeProof *proof, Node *expression, bool new_row)
{
	return find_expression(proof, expression, new_row)->dependencies;
}

bool
tg_is_exempt_role(ScopeProof *proof, Oid role)
{
	return find_role(role, proof)->subjection == ROLE_EXEMPT;
}

/* Tries the cases of an expression together with restrictive policies. */
static Conclusion
prove_with_set(ScopeProof *proof, Node *expression, const Bitmapset *policies,
			   bool new_row, Conclusion conclusion)
{
	ProofBudget budget = begin_proof(proof);
	ProofContext context = make_context(proof, &budget, new_row);
	int			granted = budget.steps;
	List	   *expressions;
	int			i = -1;

	if (conclusion.rows <= ROWS_OWN ||
		bms_num_members(policies) > MAX_RESTRICTIVE_IN_CASES)
		return conclusion;
	expressions = list_make1(expression);
	while ((i = bms_next_member(policies, i)) >= 0)
		expressions = lappend(expressions,
							  tg_policy_expression(list_nth(proof->facts->policies,
															i), new_row));
	conclusion = tg_prove_by_cases(expressions, &context, conclusion);
	end_proof(proof, granted, &budget);
	list_free(expressions);
	return conclusion;
}

static RestrictiveSet *
find_restrictive_set(Bitmapset *always, Bitmapset *all, bool new_row,
					 ScopeProof *proof)
{
	RestrictiveSet *set;
	ListCell   *lc;
	int			i = -1;

	foreach(lc, proof->restrictive_sets)
	{
		set = (RestrictiveSet *) lfirst(lc);
		(void) tg_spend(&proof->budget, 1);
		if (set->new_row == new_row && bms_equal(set->always, always) &&
			bms_equal(set->all, all))
			return set;
	}
	set = palloc0(sizeof(RestrictiveSet));
	set->new_row = new_row;
	set->always = always;
	set->all = all;
	while ((i = bms_next_member(all, i)) >= 0)
	{
		PolicyFacts *policy = list_nth(proof->facts->policies, i);
		Node	   *expression = tg_policy_expression(policy, new_row);
		Conclusion	conclusion = prove_alone(proof, expression, new_row);

		(void) tg_spend(&proof->budget, 1);
		set->if_all = bms_next_member(all, -1) == i ? conclusion :
			tg_if_both(set->if_all, conclusion);
		if (!bms_is_member(i, always))
			continue;
		if (set->arm_policy != NULL)
			conclusion = tg_if_both(set->if_always, conclusion);
		if (set->arm_policy == NULL || conclusion.arm != set->if_always.arm)
			set->arm_policy = policy;
		set->if_always = conclusion;
	}
	set->number = list_length(proof->restrictive_sets);
	proof->restrictive_sets = lappend(proof->restrictive_sets, set);
	return set;
}

/* The restrictive policies that apply to a role on one side. */
static RestrictiveSet *
restrictive_set_of(RoleEntry *role, int side, ScopeProof *proof)
{
	Bitmapset  *always = NULL;
	Bitmapset  *all = NULL;
	bool		new_row = tg_policy_sides[side].new_row;
	ListCell   *lc;

	if (role->sets[side] != NULL)
		return role->sets[side];
	foreach(lc, proof->facts->policies)
	{
		PolicyFacts *other = (PolicyFacts *) lfirst(lc);
		RestrictiveCoverage covers;

		if (other->permissive || other->temporary ||
			(other->commands & tg_policy_sides[side].command) == 0 ||
			tg_policy_expression(other, new_row) == NULL)
			continue;
		covers = tg_restrictive_coverage(other, role->role, &proof->budget);
		if (covers != COVERS_NEVER)
			all = bms_add_member(all, foreach_current_index(lc));
		if (covers == COVERS_ALWAYS)
			always = bms_add_member(always, foreach_current_index(lc));
	}
	role->sets[side] = find_restrictive_set(always, all, new_row, proof);
	return role->sets[side];
}

/* The conclusion about a permissive policy beside restrictive ones. */
static PolicyConclusion
conclude_with_set(Node *expression, const RestrictiveSet *set,
				  ScopeProof *proof)
{
	PolicyConclusion result = {0};
	Conclusion	alone = prove_alone(proof, expression, set->new_row);

	result.conclusion = alone;
	if (alone.rows <= ROWS_OWN || bms_is_empty(set->all))
		return result;
	if (!bms_is_empty(set->always))
	{
		result.conclusion = tg_if_both(alone, set->if_always);

		/* does the arm belong to a restrictive policy? */
		if (result.conclusion.reason == set->if_always.reason &&
			equal(result.conclusion.arm, set->if_always.arm))
			result.arm_policy = set->arm_policy;
		result.conclusion = prove_with_set(proof, expression, set->always,
										   set->new_row, result.conclusion);
	}
	if (result.conclusion.rows == ROWS_FOREIGN &&
		!bms_equal(set->all, set->always) &&
		prove_with_set(proof, expression, set->all, set->new_row,
					   tg_if_both(alone, set->if_all)).rows < ROWS_FOREIGN)
	{
		result.conclusion.rows = ROWS_UNKNOWN;
		result.relies_on_membership = true;
	}
	return result;
}

PolicyConclusion
tg_conclude_policy(const PolicyFacts *policy, int side, ScopeProof *proof)
{
	PolicyConclusion worst = {0};
	bool		new_row = tg_policy_sides[side].new_row;
	Node	   *expression = tg_policy_expression(policy, new_row);
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		RoleEntry  *role = find_role(lfirst_oid(lc), proof);
		PolicyConclusionKey key;
		PolicyConclusionEntry *entry;
		PolicyConclusion one;
		bool		found;

		(void) tg_spend(&proof->budget, 1);
		if (role->subjection == ROLE_EXEMPT)
			continue;
		memset(&key, 0, sizeof(key));
		key.expression = expression;
		key.set = restrictive_set_of(role, side, proof)->number;
		entry = hash_search(proof->results, &key, HASH_ENTER, &found);
		if (!found)
			entry->result = conclude_with_set(expression, role->sets[side],
											  proof);
		one = entry->result;
		if (new_row && tg_policy_sides[side].command == TG_UPDATE)
			consider_movers(&one, role, proof);
		if (role->subjection == ROLE_EXEMPT_BY_MEMBERSHIP &&
			one.conclusion.rows == ROWS_FOREIGN)
		{
			one.conclusion.rows = ROWS_UNKNOWN;
			one.relies_on_membership = true;
		}
		if (one.conclusion.rows > worst.conclusion.rows)
			worst = one;
	}

	/* What was not examined may keep rows out. */
	if (proof->budget.steps < 0 && worst.conclusion.rows == ROWS_FOREIGN)
	{
		worst.conclusion.rows = ROWS_UNKNOWN;
		worst.conclusion.reason = REASON_TOO_DEEP;
		worst.relies_on_membership = worst.relies_on_privilege = false;
	}
	if (worst.arm_policy == NULL)
		worst.arm_policy = policy;
	return worst;
}
