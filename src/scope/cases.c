/*-------------------------------------------------------------------------
 *
 * cases.c
 *		Conditions that occur twice have the same outcome twice.
 *
 * The proof looks at each node by itself.  In "is_public AND organization_id =
 * x OR NOT is_public AND ..." it does not relate one is_public to the other.
 * If the proof fails, this file assumes in turn that such a condition is true,
 * false and NULL, and repeats the proof for each case, with the condition
 * replaced by the constant.  The worst case counts.  In each case, what
 * follows from the condition's outcome itself holds as well, so
 * "organization_id <> x AND organization_id = x" is never true.
 *
 * This is right for conditions that give the same result each time that the
 * same statement evaluates them for the same row, so not for volatile
 * functions.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "utils/lsyscache.h"

/* Each condition triples the work. */
#define MAX_CASES		3
#define MAX_CONDITIONS	64

/* For collect_conditions(). */
typedef struct ConditionWalk
{
	List	   *once;
	List	   *again;
	ProofBudget *budget;
} ConditionWalk;

/* "commuted": in the other order */
static bool
same_operands(OpExpr *one, OpExpr *other, bool commuted)
{
	return equal(linitial(one->args), list_nth(other->args, commuted)) &&
		equal(lsecond(one->args), list_nth(other->args, !commuted));
}

/* Whoever creates an operator may name any other as its negator. */
static bool
is_builtin_operator(Oid operator)
{
	return operator < FirstNormalObjectId;
}

/*
 * Is "node" the same condition as "other" (1), its negation (-1), or neither
 * (0)?
 */
static int
same_condition(Node *node, Node *other)
{
	OpExpr	   *one = (OpExpr *) node;
	OpExpr	   *two = (OpExpr *) other;

	if (equal(node, other))
		return 1;
	if (IsA(node, NullTest) && IsA(other, NullTest))
		return !((NullTest *) node)->argisrow &&
			!((NullTest *) other)->argisrow &&
			equal(((NullTest *) node)->arg, ((NullTest *) other)->arg) ?
			-1 : 0;
	if (!IsA(node, OpExpr) || !IsA(other, OpExpr) ||
		list_length(one->args) != 2 || list_length(two->args) != 2 ||
		one->inputcollid != two->inputcollid)
		return 0;
	if (one->opno == two->opno && same_operands(one, two, false))
		return 1;

	if (!is_builtin_operator(one->opno) || !is_builtin_operator(two->opno))
		return 0;
	if (same_operands(one, two, false))
		return get_negator(one->opno) == two->opno ? -1 : 0;
	if (!same_operands(one, two, true))
		return 0;
	if (get_commutator(one->opno) == two->opno)
		return 1;
	return OidIsValid(get_negator(one->opno)) &&
		get_commutator(get_negator(one->opno)) == two->opno ? -1 : 0;
}

static bool
is_known(Node *node, List *conditions)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		if (same_condition(node, lfirst(lc)) != 0)
			return true;
	}
	return false;
}

/* False if there are too many. */
static bool
note_condition(Node *node, ConditionWalk *walk)
{
	if (list_length(walk->once) >= MAX_CONDITIONS ||
		!tg_spend(walk->budget, list_length(walk->once)))
		return false;
	if (!is_known(node, walk->once))
		walk->once = lappend(walk->once, node);
	else if (!is_known(node, walk->again))
		walk->again = lappend(walk->again, node);
	return true;
}

static bool
collect_conditions(Node *node, ConditionWalk *walk)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!tg_spend(walk->budget, 1))
		return true;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_OpExpr:
		case T_FuncExpr:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
		case T_NullTest:
		case T_SubLink:
			if (tg_is_boolean(node) && !note_condition(node, walk))
				return true;
			break;
		default:
			break;
	}

	/* x IN (a, b) is x = a OR x = b */
	if (IsA(node, ScalarArrayOpExpr))
	{
		foreach(lc, tg_listed_comparisons((ScalarArrayOpExpr *) node))
		{
			if (!note_condition(lfirst(lc), walk))
				return true;
		}
	}

	/* Vars inside have other levels. */
	if (IsA(node, SubLink))
		return false;
	return expression_tree_walker(node, collect_conditions, (void *) walk);
}

bool
tg_assumed_outcome(Node *node, const ProofContext *context, Outcomes *outcomes)
{
	ListCell   *lc;

	if (node == NULL || context->queries != NIL)
		return false;
	foreach(lc, context->assumptions)
	{
		Assumption *assumption = (Assumption *) lfirst(lc);
		int			same = same_condition(node, assumption->condition);

		if (same == 0)
			continue;
		*outcomes = tg_constant_outcome(node, assumption->outcome == 1,
										assumption->outcome == 2);
		if (same < 0)
			*outcomes = tg_not(*outcomes);
		return true;
	}
	return false;
}

/* What holds if the expressions are true, by cases of the conditions. */
static Conclusion
prove_cases(List *nodes, List *conditions, int how_many,
			const ProofContext *context)
{
	Node	   *condition;
	Conclusion	worst = tg_admits_none();
	Outcomes	known;

	if (conditions == NIL || how_many == 0)
		return tg_prove_all(nodes, context);
	condition = linitial(conditions);
	known = tg_prove(condition, context);
	for (int outcome = 0; outcome < 3; outcome++)
	{
		Assumption	assumption = {condition, outcome};
		ProofContext assuming = *context;
		Conclusion	conclusion = tg_outcome_of(&known, outcome);

		if (conclusion.rows == ROWS_NONE)
			continue;
		assuming.assumptions = lcons(&assumption,
									 list_copy(context->assumptions));
		conclusion = tg_if_both(prove_cases(nodes, list_copy_tail(conditions, 1),
											how_many - 1, &assuming), conclusion);
		worst = tg_if_either(worst, conclusion);
	}
	return worst;
}

/*
 * The expressions are all true, and "conclusion" follows without cases.
 * Returns a better one, or the same if cases do not help.
 */
Conclusion
tg_prove_by_cases(List *nodes, const ProofContext *context,
				  Conclusion conclusion)
{
	ConditionWalk walk = {NIL, NIL, context->budget};
	List	   *conditions = NIL;
	ProofBudget budget = {.steps = context->budget->steps / 2};
	int			granted = budget.steps;
	ProofContext anew = *context;
	Conclusion	by_cases;
	ListCell   *lc;

	if (conclusion.rows <= ROWS_OWN || context->budget->steps < 0)
		return conclusion;
	(void) collect_conditions((Node *) nodes, &walk);
	foreach(lc, walk.again)
	{
		if ((tg_dependencies(lfirst(lc), context) &
			 (ORIGIN_VOLATILE | ORIGIN_RANDOM | ORIGIN_SET_CONFIG | ORIGIN_UNKNOWN |
			  ORIGIN_TOO_DEEP)) == 0)
			conditions = lappend(conditions, lfirst(lc));
	}
	if (conditions == NIL)
		return conclusion;
	anew.budget = &budget;
	by_cases = prove_cases(nodes, conditions, MAX_CASES, &anew);
	(void) tg_spend(context->budget, granted - budget.steps);

	/* Running out of steps must not turn a leak into a mere issue. */
	return budget.steps >= 0 && by_cases.rows < conclusion.rows ?
		by_cases : conclusion;
}
