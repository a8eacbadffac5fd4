/*-------------------------------------------------------------------------
 *
 * proof.c
 *		What is known of a row for which a policy's expression is true.
 *
 * PostgreSQL admits a row where the expression is true, not where it is false
 * or NULL.  So the question is whether "the expression is true" implies "the
 * tenant column is equal to a value of the session's".  Below a NOT the
 * question is what follows from "the expression is false", and below IS NOT
 * TRUE or COALESCE also what follows from "it is NULL".  tg_prove() answers
 * all three at once for one node of the tree from the answers for its
 * children, so the proof takes one pass over the tree.  This file walks the
 * tree; outcome.c knows how answers combine, compare.c and boolean.c look at
 * comparisons, sublink.c at sub-selects, cases.c at conditions that occur twice,
 * and explain.c finds the words.
 *
 * A Verdict about an outcome is one of four: it never happens; only rows of
 * the session's tenant have it; another tenant's row can have it; or we can't
 * tell.  Where two conditions must both hold, the better verdict of the two
 * counts; where either suffices, the worse one does.
 *
 * Notes:
 *
 * 1. "Open" refuses a migration, so it is said only where the expression does
 * admit rows of other tenants: because it does not look at the tenant, or
 * because what it makes of it is the same in every session.  What depends on a
 * function or table that we can't look into is "undecided".
 *
 * 2. Comparisons of a CASE or COALESCE with something are moved into the arms:
 * (CASE WHEN c THEN a ELSE b END) = d says the same as
 * CASE WHEN c THEN a = d ELSE b = d END.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "utils/fmgroids.h"

static Outcomes
prove_null_test(NullTest *test, const Place *place)
{
	Node	   *node = (Node *) test;
	Node	   *arg = (Node *) test->arg;
	Outcomes	result;
	Oid			type;

	if (tg_is_null_constant(arg))
		result = tg_constant_outcome(node, true, false);
	else if (!test->argisrow && tg_is_never_null(arg))
		result = tg_constant_outcome(node, false, false);
	else if (!test->argisrow && tg_is_tenant(arg, place, false, &type))
	{
		result = tg_make_outcomes(place->facts->tenant->not_null ? tg_never() :
								  tg_open_verdict(WHY_NULL_ROWS, node),
								  tg_open_verdict(WHY_NO_SESSION, node),
								  tg_never());
		result.if_true.or_absent = true;
		result.if_false.present = true;
	}
	else if (tg_is_boolean(arg))
	{
		Outcomes	inner = tg_prove(arg, place);

		result = tg_make_outcomes(inner.if_null,
								  tg_worse(inner.if_true, inner.if_false),
								  tg_never());
	}
	else
	{
		result = tg_leaf(node, place);
		result.if_null = tg_never();
	}
	return test->nulltesttype == IS_NULL ? result : tg_negate(result);
}

static Outcomes
prove_boolean_test(BooleanTest *test, const Place *place)
{
	Outcomes	arg = tg_prove((Node *) test->arg, place);

	switch (test->booltesttype)
	{
		case IS_TRUE:
			return tg_make_outcomes(arg.if_true,
									tg_worse(arg.if_false, arg.if_null),
									tg_never());
		case IS_NOT_TRUE:
			return tg_make_outcomes(tg_worse(arg.if_false, arg.if_null),
									arg.if_true, tg_never());
		case IS_FALSE:
			return tg_make_outcomes(arg.if_false,
									tg_worse(arg.if_true, arg.if_null),
									tg_never());
		case IS_NOT_FALSE:
			return tg_make_outcomes(tg_worse(arg.if_true, arg.if_null),
									arg.if_false, tg_never());
		case IS_UNKNOWN:
			return tg_make_outcomes(arg.if_null,
									tg_worse(arg.if_true, arg.if_false),
									tg_never());
		case IS_NOT_UNKNOWN:
			return tg_make_outcomes(tg_worse(arg.if_true, arg.if_false),
									arg.if_null, tg_never());
	}
	return tg_leaf((Node *) test, place);
}

/* For put_operand(). */
typedef struct OperandContext
{
	Node	   *operand;
	ProofBudget	   *budget;
} OperandContext;

/* Puts the operand of a CASE where its WHENs have a placeholder. */
static Node *
put_operand(Node *node, OperandContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return context->operand;

	/* the placeholders below these are their own */
	if (IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr))
		return node;
	if (!tg_spend(context->budget, 1))
		return node;
	return expression_tree_mutator(node, put_operand, (void *) context);
}

static Verdict
add_way(Verdict so_far, Verdict way)
{
	if (way.standing == NEVER_HAPPENS)
		return so_far;
	return so_far.standing == NEVER_HAPPENS ? way : tg_worse(so_far, way);
}

static Outcomes
prove_case(CaseExpr *expr, const Place *place)
{
	Outcomes	result = {0};
	OperandContext operand = {(Node *) expr->arg, place->budget};
	Verdict		not_before;		/* no earlier condition was true */
	bool		first = true;
	ListCell   *lc;

	not_before = tg_make_verdict(OPEN, WHY_ALWAYS, (Node *) expr);
	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);
		Node	   *condition = (Node *) when->expr;
		Outcomes	taken;
		Outcomes	value;
		Verdict		here;

		if (expr->arg != NULL)
			condition = put_operand(condition, &operand);
		taken = tg_prove(condition, place);
		value = tg_prove((Node *) when->result, place);
		here = first ? taken.if_true : tg_better(taken.if_true, not_before);
		result.if_true = add_way(result.if_true,
								 tg_better(value.if_true, here));
		result.if_false = add_way(result.if_false,
								  tg_better(value.if_false, here));
		result.if_null = add_way(result.if_null,
								 tg_better(value.if_null, here));
		here = tg_worse(taken.if_false, taken.if_null);
		not_before = first ? here : tg_better(not_before, here);
		first = false;
	}
	{
		Outcomes	value;

		if (expr->defresult != NULL)
			value = tg_prove((Node *) expr->defresult, place);
		else
			value = tg_constant_outcome((Node *) expr, false, true);
		result.if_true = add_way(result.if_true,
								 tg_better(value.if_true, not_before));
		result.if_false = add_way(result.if_false,
								  tg_better(value.if_false, not_before));
		result.if_null = add_way(result.if_null,
								 tg_better(value.if_null, not_before));
	}
	return result;
}

static Outcomes
prove_coalesce(CoalesceExpr *expr, const Place *place)
{
	Outcomes	result = {0};
	Verdict		all_null = {0};
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		Outcomes	arg = tg_prove((Node *) lfirst(lc), place);

		if (lc == list_head(expr->args))
		{
			result = arg;
			all_null = arg.if_null;
			continue;
		}
		result.if_true = add_way(result.if_true,
								 tg_better(arg.if_true, all_null));
		result.if_false = add_way(result.if_false,
								  tg_better(arg.if_false, all_null));
		all_null = tg_better(all_null, arg.if_null);
	}
	result.if_null = all_null;
	return result;
}

static Outcomes
prove_nullif(NullIfExpr *expr, const Place *place)
{
	/* NULLIF(a, b): NULL where both are the same, else a */
	static int	table[3][3] = {{2, 0, 0}, {1, 2, 1}, {2, 2, 2}};
	Outcomes	one = tg_prove(linitial(expr->args), place);
	Outcomes	other = tg_prove(lsecond(expr->args), place);

	return tg_combine(&one, &other, table);
}

/* The arm to show is the arm of the innermost OR around the culprit. */
static void
mark_or_arm(Verdict *verdict, Node *arm)
{
	if (!verdict->in_or && verdict->standing >= UNDECIDED)
	{
		verdict->in_or = true;
		verdict->arm = arm;
	}
}

static Outcomes
prove_bool_expr(BoolExpr *expr, const Place *place)
{
	Outcomes	result = {0};
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		Outcomes	arg = tg_prove((Node *) lfirst(lc), place);

		if (expr->boolop == NOT_EXPR)
			return tg_negate(arg);
		if (expr->boolop == OR_EXPR)
			mark_or_arm(&arg.if_true, lfirst(lc));
		if (lc == list_head(expr->args))
			result = arg;
		else
			result = expr->boolop == AND_EXPR ? tg_both(result, arg) :
				tg_either(result, arg);
	}
	return result;
}

static Outcomes
prove_node(Node *node, const Place *place)
{
	if (node == NULL)
		return tg_constant_outcome(node, false, true);
	switch (nodeTag(node))
	{
		case T_Const:
			{
				Const	   *constant = (Const *) node;

				if (constant->constisnull)
					return tg_constant_outcome(node, false, true);
				if (constant->consttype == BOOLOID)
				{
					bool		value = DatumGetBool(constant->constvalue);

					return tg_constant_outcome(node, value, false);
				}
				return tg_leaf(node, place);
			}

		case T_RelabelType:
			return tg_prove((Node *) ((RelabelType *) node)->arg, place);
		case T_CoerceToDomain:
			return tg_prove((Node *) ((CoerceToDomain *) node)->arg, place);
		case T_CollateExpr:
			return tg_prove((Node *) ((CollateExpr *) node)->arg, place);

		case T_BoolExpr:
			return prove_bool_expr((BoolExpr *) node, place);

		case T_OpExpr:
			{
				OpExpr	   *expr = (OpExpr *) node;
				Outcomes	outcomes;

				if (list_length(expr->args) != 2)
					return tg_leaf(node, place);
				if (tg_prove_containment(expr, place, &outcomes))
					return outcomes;
				return tg_prove_comparison(node, expr->opno, expr->inputcollid,
										   linitial(expr->args),
										   lsecond(expr->args), place);
			}

		case T_ScalarArrayOpExpr:
			return tg_prove_array_comparison((ScalarArrayOpExpr *) node,
											 place);
		case T_DistinctExpr:
			return tg_prove_distinct((DistinctExpr *) node, place);
		case T_NullTest:
			return prove_null_test((NullTest *) node, place);
		case T_BooleanTest:
			return prove_boolean_test((BooleanTest *) node, place);
		case T_CaseExpr:
			return prove_case((CaseExpr *) node, place);
		case T_CoalesceExpr:
			return prove_coalesce((CoalesceExpr *) node, place);
		case T_SubLink:
			return tg_prove_sublink((SubLink *) node, place);

		case T_RowCompareExpr:
			{
				/* (a, b) = (c, d) would be an AND of comparisons */
				Verdict		verdict = tg_leaf_verdict(node, place);

				if (verdict.why == WHY_NOT_EQUALITY)
					verdict = tg_open_verdict(WHY_ORDER, node);
				return tg_every_outcome(verdict);
			}

		case T_NullIfExpr:
			if (tg_is_boolean(linitial(((NullIfExpr *) node)->args)) &&
				tg_is_boolean(lsecond(((NullIfExpr *) node)->args)))
				return prove_nullif((NullIfExpr *) node, place);
			return tg_leaf(node, place);

		case T_FuncExpr:
			/* (boolean)::int::boolean */
			if (((FuncExpr *) node)->funcid == F_BOOL_INT4)
			{
				Node	   *boolean =
					tg_boolean_under_cast(linitial(((FuncExpr *) node)->args));

				if (boolean != NULL)
					return tg_prove(boolean, place);
			}
			return tg_leaf(node, place);

		case T_CoerceViaIO:
			/* (boolean)::text::boolean */
			if (((CoerceViaIO *) node)->resulttype == BOOLOID)
			{
				Node	   *arg = (Node *) ((CoerceViaIO *) node)->arg;
				Node	   *boolean = tg_boolean_under_cast(arg);

				if (boolean != NULL)
					return tg_prove(boolean, place);
			}
			return tg_leaf(node, place);

		default:
			return tg_leaf(node, place);
	}
}

Outcomes
tg_prove(Node *node, const Place *place)
{
	Outcomes	result;

	check_stack_depth();
	if (place->budget->depth >= PROOF_BUDGET_DEPTH || !tg_spend(place->budget, 1))
		return tg_every_outcome(tg_make_verdict(UNDECIDED, WHY_TOO_DEEP,
												node));
	place->budget->depth++;
	if (!tg_assumed_outcome(node, place, &result))
		result = prove_node(node, place);
	place->budget->depth--;
	return result;
}

Verdict
tg_prove_all(List *nodes, const Place *place)
{
	Verdict		result = tg_make_verdict(OPEN, WHY_NOT_MENTIONED, NULL);
	ListCell   *lc;

	foreach(lc, nodes)
	{
		Verdict		verdict = tg_prove((Node *) lfirst(lc), place).if_true;

		result = lc == list_head(nodes) ? verdict : tg_better(result, verdict);
	}
	return result;
}
