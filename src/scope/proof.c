/*-------------------------------------------------------------------------
 *
 * proof.c
 *		What follows from a policy's expression being true.
 *
 * PostgreSQL admits a row if the expression is true, not if it is false or
 * NULL.  So the question is whether "the expression is true" implies "the
 * tenant column is equal to a value of the session".  Below a NOT, the
 * question is what follows from "the expression is false", and below IS NOT
 * TRUE or COALESCE also what follows from "it is NULL".  tg_prove() answers
 * all three for one node from the answers for its children, so the proof takes
 * one pass over the tree.
 *
 * This file walks the tree.  conclusion.c combines answers; compare.c and
 * boolean.c handle comparisons, sublink.c sub-selects, cases.c conditions that
 * occur twice.
 *
 * Notes:
 *
 * 1. ROWS_FOREIGN refuses a migration.  So it is concluded only if the
 * expression does admit rows of other tenants: because it does not look at the
 * tenant, or because what it compares the tenant with is the same in every
 * session.  What depends on a function or table that we can't look into is
 * ROWS_UNKNOWN.
 *
 * 2. Comparisons of a CASE or COALESCE with something are moved into the arms:
 * (CASE WHEN c THEN a ELSE b END) = d means the same as CASE WHEN c THEN a = d
 * ELSE b = d END.
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

static Outcomes
prove_null_test(NullTest *test, const ProofContext *context)
{
	Node	   *node = (Node *) test;
	Node	   *arg = (Node *) test->arg;
	Outcomes	result;
	Oid			type;

	if (tg_is_null_constant(arg))
		result = tg_constant_outcome(node, true, false);
	else if (!test->argisrow && tg_is_never_null(arg, context))
		result = tg_constant_outcome(node, false, false);
	else if (!test->argisrow && tg_is_tenant_column(arg, context, false, &type))
	{
		Conclusion	no_tenant = context->facts->tenant->not_null ?
			tg_admits_none() : tg_admits_foreign(REASON_NULL_ROWS, node);

		result = tg_make_outcomes(no_tenant,
								  tg_admits_foreign(REASON_NO_SESSION, node),
								  tg_admits_none());
		result.if_true.or_tenant_null = true;
		result.if_false.tenant_not_null = true;
	}
	else if (tg_is_boolean(arg))
	{
		Outcomes	inner = tg_prove(arg, context);

		result = tg_make_outcomes(inner.if_null,
								  tg_if_either(inner.if_true, inner.if_false),
								  tg_admits_none());
	}
	else
	{
		result = tg_leaf(node, context);
		result.if_null = tg_admits_none();
		if (!test->argisrow)
		{
			Node	   *core = tg_null_core(arg, context);

			tg_note_null(&result.if_true, core);
			tg_note_not_null(&result.if_false, core);
		}
	}
	return test->nulltesttype == IS_NULL ? result : tg_not(result);
}

static Outcomes
prove_boolean_test(BooleanTest *test, const ProofContext *context)
{
	Outcomes	arg = tg_prove((Node *) test->arg, context);

	switch (test->booltesttype)
	{
		case IS_TRUE:
			return tg_make_outcomes(arg.if_true,
									tg_if_either(arg.if_false, arg.if_null),
									tg_admits_none());
		case IS_NOT_TRUE:
			return tg_make_outcomes(tg_if_either(arg.if_false, arg.if_null),
									arg.if_true, tg_admits_none());
		case IS_FALSE:
			return tg_make_outcomes(arg.if_false,
									tg_if_either(arg.if_true, arg.if_null),
									tg_admits_none());
		case IS_NOT_FALSE:
			return tg_make_outcomes(tg_if_either(arg.if_true, arg.if_null),
									arg.if_false, tg_admits_none());
		case IS_UNKNOWN:
			return tg_make_outcomes(arg.if_null,
									tg_if_either(arg.if_true, arg.if_false),
									tg_admits_none());
		case IS_NOT_UNKNOWN:
			return tg_make_outcomes(tg_if_either(arg.if_true, arg.if_false),
									arg.if_null, tg_admits_none());
	}
	return tg_leaf((Node *) test, context);
}

/* For put_operand(). */
typedef struct OperandWalk
{
	Node	   *operand;
	ProofBudget *budget;
} OperandWalk;

/* Replaces the placeholder in WHEN by the operand of CASE. */
static Node *
put_operand(Node *node, OperandWalk *walk)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return walk->operand;

	/* these have placeholders of their own */
	if (IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr))
		return node;
	if (!tg_spend(walk->budget, 1))
		return node;
	return expression_tree_mutator(node, put_operand, (void *) walk);
}

/* Adds what follows if the value is taken under the condition. */
static void
add_value(Outcomes *result, Outcomes value, Conclusion condition)
{
	result->if_true = tg_if_either(result->if_true,
								   tg_if_both(value.if_true, condition));
	result->if_false = tg_if_either(result->if_false,
									tg_if_both(value.if_false, condition));
	result->if_null = tg_if_either(result->if_null,
								   tg_if_both(value.if_null, condition));
}

static Outcomes
prove_case(CaseExpr *expr, const ProofContext *context)
{
	Outcomes	result = {0};
	OperandWalk operand = {(Node *) expr->arg, context->budget};
	Conclusion	not_before;		/* no earlier condition was true */
	Outcomes	value;
	ListCell   *lc;

	not_before = tg_make_conclusion(ROWS_FOREIGN, REASON_ALWAYS, (Node *) expr);
	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);
		Node	   *condition = (Node *) when->expr;
		Outcomes	taken;
		Conclusion	not_taken;

		if (expr->arg != NULL)
			condition = put_operand(condition, &operand);
		taken = tg_prove(condition, context);
		value = tg_prove((Node *) when->result, context);
		add_value(&result, value, tg_if_both(taken.if_true, not_before));
		not_taken = tg_if_either(taken.if_false, taken.if_null);
		not_before = lc == list_head(expr->args) ? not_taken :
			tg_if_both(not_before, not_taken);
	}
	if (expr->defresult != NULL)
		value = tg_prove((Node *) expr->defresult, context);
	else
		value = tg_constant_outcome((Node *) expr, false, true);
	add_value(&result, value, not_before);
	return result;
}

static Outcomes
prove_coalesce(CoalesceExpr *expr, const ProofContext *context)
{
	Outcomes	result = {0};
	Conclusion	all_null = {0};
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		Outcomes	arg = tg_prove((Node *) lfirst(lc), context);

		if (lc == list_head(expr->args))
		{
			result = arg;
			all_null = arg.if_null;
			continue;
		}
		result.if_true = tg_if_either(result.if_true,
									  tg_if_both(arg.if_true, all_null));
		result.if_false = tg_if_either(result.if_false,
									   tg_if_both(arg.if_false, all_null));
		all_null = tg_if_both(all_null, arg.if_null);
	}
	result.if_null = all_null;
	return result;
}

/* Users are shown the innermost OR arm. */
static void
mark_or_arm(Conclusion *conclusion, Node *arm)
{
	if (!conclusion->in_or && conclusion->rows >= ROWS_UNKNOWN)
	{
		conclusion->in_or = true;
		conclusion->arm = arm;
	}
}

static Outcomes
prove_bool_expr(BoolExpr *expr, const ProofContext *context)
{
	Outcomes	result = {0};
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		Outcomes	arg = tg_prove((Node *) lfirst(lc), context);

		if (expr->boolop == NOT_EXPR)
			return tg_not(arg);
		if (expr->boolop == OR_EXPR)
			mark_or_arm(&arg.if_true, lfirst(lc));
		if (lc == list_head(expr->args))
			result = arg;
		else
			result = expr->boolop == AND_EXPR ? tg_and(result, arg) :
				tg_or(result, arg);
	}
	return result;
}

/* Where a declared bypass is on, all rows are the session's own. */
static Outcomes
prove_bypass(Node *node, const ProofContext *context)
{
	Outcomes	result = tg_leaf(node, context);

	result.if_true = tg_make_conclusion(ROWS_OWN, REASON_NONE, node);
	return result;
}

static Outcomes
prove_node(Node *node, const ProofContext *context)
{
	if (node == NULL)
		return tg_constant_outcome(node, false, true);
	if (tg_is_bypass(node, context))
		return prove_bypass(node, context);
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
				return tg_leaf(node, context);
			}

		case T_RelabelType:
			return tg_prove((Node *) ((RelabelType *) node)->arg, context);
		case T_CoerceToDomain:
			return tg_prove((Node *) ((CoerceToDomain *) node)->arg, context);
		case T_CollateExpr:
			return tg_prove((Node *) ((CollateExpr *) node)->arg, context);

		case T_BoolExpr:
			return prove_bool_expr((BoolExpr *) node, context);

		case T_OpExpr:
			{
				OpExpr	   *expr = (OpExpr *) node;
				Outcomes	outcomes;

				if (list_length(expr->args) != 2)
					return tg_leaf(node, context);
				if (tg_prove_containment(expr, context, &outcomes))
					return outcomes;
				return tg_prove_comparison(node, expr->opno, expr->inputcollid,
										   linitial(expr->args),
										   lsecond(expr->args), context);
			}

		case T_ScalarArrayOpExpr:
			return tg_prove_array_comparison((ScalarArrayOpExpr *) node,
											 context);
		case T_DistinctExpr:
			return tg_prove_distinct((DistinctExpr *) node, context);
		case T_NullTest:
			return prove_null_test((NullTest *) node, context);
		case T_BooleanTest:
			return prove_boolean_test((BooleanTest *) node, context);
		case T_CaseExpr:
			return prove_case((CaseExpr *) node, context);
		case T_CoalesceExpr:
			return prove_coalesce((CoalesceExpr *) node, context);
		case T_SubLink:
			return tg_prove_sublink((SubLink *) node, context);

		case T_RowCompareExpr:
			{
				/*
				 * (a, b) = (c, d) is an AND of comparisons, so this is an
				 * order
				 */
				Conclusion	conclusion = tg_leaf_conclusion(node, context);

				if (conclusion.reason == REASON_NOT_EQUALITY)
					conclusion = tg_admits_foreign(REASON_ORDER, node);
				return tg_every_outcome(conclusion);
			}

		default:
			return tg_leaf(node, context);
	}
}

Outcomes
tg_prove(Node *node, const ProofContext *context)
{
	Outcomes	result;

	check_stack_depth();
	if (context->budget->depth >= PROOF_BUDGET_DEPTH ||
		!tg_spend(context->budget, 1))
		return tg_every_outcome(tg_make_conclusion(ROWS_UNKNOWN, REASON_TOO_DEEP,
												   node));
	context->budget->depth++;
	if (!tg_assumed_outcome(node, context, &result))
		result = prove_node(node, context);
	context->budget->depth--;
	return result;
}

Conclusion
tg_prove_all(List *nodes, const ProofContext *context)
{
	Conclusion	result;
	ListCell   *lc;

	result = tg_make_conclusion(ROWS_FOREIGN, REASON_NOT_MENTIONED, NULL);
	foreach(lc, nodes)
	{
		Conclusion	conclusion = tg_prove((Node *) lfirst(lc), context).if_true;

		result = lc == list_head(nodes) ? conclusion :
			tg_if_both(result, conclusion);
	}
	return result;
}
