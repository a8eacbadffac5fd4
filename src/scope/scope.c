/*-------------------------------------------------------------------------
 *
 * scope.c
 *		Does row-level security confine rows to the session's tenant?
 *
 * What the prover offers to the other modules.  policy_proof.c proves one
 * policy on one side of one command; this file asks for all of them and
 * reports what is not proven.
 *
 * Notes:
 *
 * 1. SELECT policies also apply to an UPDATE or DELETE that reads the table.
 * As these commands need not read it, the proof does not rely on that.
 *
 * 2. Each side is proven by itself, so of two UPDATE policies, one that shows
 * the old row and one that admits the new row, both must be confined.  But if
 * no old row can be reached, there is no new row either, and if no new row
 * ever passes, no old one is changed.  Two policies that compare with
 * different values of the session are no leak: the session owns either tenant.
 *
 * 3. A policy that depends on a temporary object vanishes with it, without any
 * DDL on the table.  As a restrictive policy it protects nothing; as a
 * permissive one it is examined like others.
 *
 * 4. A volatile function may change the setting that another policy compares
 * with, and PostgreSQL may call it first.  So one such function in any policy
 * of the table leaves all of them unproven.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scope/policy_proof.h"
#include "utils/builtins.h"

static bool
applies(const PolicyFacts *policy, int side)
{
	return policy->permissive &&
		(policy->commands & tg_policy_sides[side].command) != 0 &&
		tg_policy_expression(policy, tg_policy_sides[side].new_row) != NULL;
}

/* Can a row be on this side of the command at all? */
static bool
reaches_rows(int side, ScopeProof *proof)
{
	ListCell   *lc;

	foreach(lc, proof->facts->policies)
	{
		PolicyFacts *policy = (PolicyFacts *) lfirst(lc);

		if (applies(policy, side) &&
			tg_conclude_policy(policy, side, proof).conclusion.rows > ROWS_NONE)
			return true;
	}
	return false;
}

static const char *
reason_of(const PolicyConclusion *result, const RelationFacts *facts)
{
	ProofContext context = {.facts = facts};

	if (result->relies_on_membership)
		return psprintf(_("%s, and only the membership of one role in another protects the rows of other tenants"),
						tg_explain(&result->conclusion, &context));
	if (result->relies_on_privilege)
		return psprintf(_("%s, and only the lack of a privilege protects %s from being changed"),
						tg_explain(&result->conclusion, &context),
						quote_identifier(facts->tenant->name));
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
	issue->commands = tg_policy_sides[side].command;
	issue->in_check = tg_policy_sides[side].new_row &&
		arm_policy->with_check != NULL;
	issue->arm = conclusion->arm;
	issue->forgotten_stable = tg_forgotten_stable(conclusion);
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
 * Note 4: adds an issue if the policy calls a function that could change the
 * session while rows are read.
 */
static void
add_side_effects(List **issues, const PolicyFacts *policy, ScopeProof *proof)
{
	bool		exempt = true;
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		if (!tg_is_exempt_role(proof, lfirst_oid(lc)))
			exempt = false;
	}
	if (exempt)
		return;

	for (int side = 0; side < POLICY_SIDES; side++)
	{
		CommandSet	command = tg_policy_sides[side].command;
		bool		new_row = tg_policy_sides[side].new_row;
		Node	   *node = tg_policy_expression(policy, new_row);
		PolicyConclusion result = {0};
		AdmittedRows rows = ROWS_UNKNOWN;
		Reason		reason;
		Origin		origin;
		bool		reported = false;

		if ((policy->commands & command) == 0 || node == NULL)
			continue;
		origin = tg_policy_dependencies(proof, node, new_row);
		if (origin & ORIGIN_SET_CONFIG)
		{
			rows = ROWS_FOREIGN;
			reason = REASON_SET_CONFIG;
		}
		else if (origin & ORIGIN_VOLATILE)
			reason = REASON_VOLATILE;
		else if (origin & ORIGIN_TOO_DEEP)
			reason = REASON_TOO_DEEP;
		else
			continue;
		foreach(lc, *issues)
		{
			ScopeIssue *issue = (ScopeIssue *) lfirst(lc);

			if ((issue->commands & command) != 0 &&
				(issue->answer == SCOPE_UNSCOPED || rows < ROWS_FOREIGN))
				reported = true;
		}
		if (reported)
			continue;
		result.arm_policy = policy;
		result.conclusion = tg_make_conclusion(rows, reason, node);
		add_issue(issues, policy, &result, side, proof->facts);
	}
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
tg_scope_issues(FactsReader *reader, const RelationFacts *facts)
{
	ScopeProof	proof;
	List	   *result = NIL;
	List	  **issues;			/* of each policy */
	ListCell   *lc;

	Assert(facts->tenant != NULL);
	issues = palloc0(list_length(facts->policies) * sizeof(List *));
	tg_begin_scope_proof(&proof, reader, facts);
	for (int side = 0; side < POLICY_SIDES; side++)
	{
		bool		new_row = tg_policy_sides[side].new_row;

		/* an UPDATE needs both an old row and a new one */
		if (tg_policy_sides[side].command == TG_UPDATE &&
			!reaches_rows(new_row ? side - 1 : side + 1, &proof))
			continue;
		foreach(lc, facts->policies)
		{
			PolicyFacts *policy = (PolicyFacts *) lfirst(lc);
			PolicyConclusion conclusion;

			if (!applies(policy, side))
				continue;
			conclusion = tg_conclude_policy(policy, side, &proof);
			if (conclusion.conclusion.rows > ROWS_OWN)
				add_issue(&issues[foreach_current_index(lc)], policy,
						  &conclusion, side, facts);
		}
	}
	foreach(lc, facts->policies)
	{
		List	  **own = &issues[foreach_current_index(lc)];

		add_side_effects(own, lfirst(lc), &proof);
		result = list_concat(result, *own);
	}
	list_sort(result, compare_issues);
	tg_end_scope_proof(&proof);
	return result;
}

bool
tg_comes_from_session(Node *node, const RelationFacts *facts,
					  ProofBudget *budget)
{
	ProofContext context = {.facts = facts,.budget = budget};
	Origin		origin = tg_dependencies(node, &context);

	return (origin & ORIGIN_SESSION) != 0 &&
		(origin & ~(ORIGIN_SESSION | ORIGIN_LITERAL | ORIGIN_CONCAT)) == 0;
}
