/*-------------------------------------------------------------------------
 *
 * sublink.c
 *		What follows from a sub-select in an expression.
 *
 * If EXISTS, IN or a scalar sub-select is true, some row has passed the
 * conditions of the sub-select, and what follows from those conditions holds.
 * subselect.c finds out what IN compares the tenant column with.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "scope/proof.h"
#include "utils/lsyscache.h"

/* The context of the conditions in a sub-select. */
static ProofContext
enter_conditions(Query *query, const ProofContext *context)
{
	ProofContext inner = tg_enter_query(context, query);

	inner.enclosing = context->enclosing |
		(tg_query_dependencies(query, context) & ORIGIN_MAY_KNOW_SESSION);
	return inner;
}

/* A part of a sub-select can't be printed by itself, so show all of it. */
static Conclusion
show_sublink(Conclusion conclusion, Node *sublink)
{
	conclusion.arm = sublink;
	conclusion.in_or = false;
	return conclusion;
}

/* The query of an item in FROM, and where it stands; NULL if it has none. */
static Query *
query_in_from(RangeTblEntry *rte, const ProofContext *inner,
			  ProofContext *where)
{
	*where = *inner;
	if (rte->rtekind == RTE_SUBQUERY)
		return rte->subquery;
	return rte->rtekind == RTE_CTE ? tg_find_with(rte, inner, where) : NULL;
}

static Conclusion prove_yields(Node *node, Query *query,
							   const ProofContext *context);

/* What holds if a set operation in the query yields a row. */
static Conclusion
prove_arms_yield(Node *arm, Node *node, Query *query,
				 const ProofContext *inner)
{
	SetOperationStmt *operation = (SetOperationStmt *) arm;
	Conclusion	left;
	Conclusion	right;

	check_stack_depth();
	if (IsA(arm, RangeTblRef))
		return prove_yields(node, rt_fetch(((RangeTblRef *) arm)->rtindex,
										   query->rtable)->subquery, inner);
	left = prove_arms_yield(operation->larg, node, query, inner);
	if (operation->op == SETOP_EXCEPT)
		return left;
	right = prove_arms_yield(operation->rarg, node, query, inner);
	return operation->op == SETOP_UNION ? tg_if_either(left, right) :
		tg_if_both(left, right);
}

/* What holds if the sub-select yields a row. */
static Conclusion
prove_yields(Node *node, Query *query, const ProofContext *context)
{
	ProofContext inner;
	ProofContext where;
	Query	   *below;
	Conclusion	conclusion;
	ListCell   *lc;

	if (tg_yields_nothing(query))
		return tg_admits_none();
	if (tg_always_yields(query))
		return tg_make_conclusion(ROWS_FOREIGN, REASON_ALWAYS, node);
	if (query->commandType == CMD_SELECT && query->setOperations != NULL &&
		context->budget->steps >= 0)
	{
		inner = tg_enter_query(context, query);
		return prove_arms_yield(query->setOperations, node, query, &inner);
	}

	/* HAVING or the grouping sets decide. */
	inner = enter_conditions(query, context);
	if (query->commandType != CMD_SELECT || query->setOperations != NULL ||
		((query->hasAggs || query->havingQual != NULL) &&
		 query->groupClause == NIL) || query->groupingSets != NIL)
		return tg_conclude_from_dependencies(tg_query_dependencies(query,
																   context), node,
											 context);

	conclusion = tg_if_both(tg_make_conclusion(ROWS_FOREIGN,
											   REASON_NOT_MENTIONED, node),
							tg_prove_all(tg_query_conditions(query), &inner));

	/* EXISTS (SELECT FROM helper(organization_id)) */
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_FUNCTION)
			conclusion = tg_if_both(conclusion,
									tg_leaf_conclusion((Node *) rte->functions,
													   &inner));
		else if ((below = query_in_from(rte, &inner, &where)) != NULL)
		{
			Origin		origin = tg_query_dependencies(below, &where);

			if ((origin & ORIGIN_TENANT) && inner.enclosing != 0)
				conclusion = tg_if_both(conclusion,
										tg_make_conclusion(ROWS_UNKNOWN, REASON_CORRELATED,
														   node));
			else if ((origin & ORIGIN_ROW) && inner.enclosing != 0)
				conclusion = tg_if_both(conclusion,
										tg_conclude_from_dependencies(origin |
																	  ORIGIN_TABLE,
																	  node, &inner));
		}
	}
	return show_sublink(conclusion, node);
}

/* The Param that stands for a column of the sub-select, below casts. */
static Param *
find_param(Node *node)
{
	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL)
			return NULL;
		if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) &&
				 ((FuncExpr *) node)->funcid < FirstGenbkiObjectId &&
				 ((FuncExpr *) node)->args != NIL)
			node = linitial(((FuncExpr *) node)->args);
		else
			break;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return (Param *) node;
	return NULL;
}

/* What holds if another column of the row is equal to one of the sub-select. */
static Conclusion
prove_tie(SubLink *sublink, Node *test, Conclusion otherwise,
		  const ProofContext *context)
{
	Query	   *query = (Query *) sublink->subselect;
	OpExpr	   *expr = (OpExpr *) test;
	Node	   *param;

	if (test == NULL || !IsA(test, OpExpr) || list_length(expr->args) != 2)
		return otherwise;
	param = tg_strip(lsecond(expr->args));
	if (!IsA(param, Param) || ((Param *) param)->paramkind != PARAM_SUBLINK ||
		!tg_may_tie_row(linitial(expr->args), expr->opno, context))
		return otherwise;
	return tg_tie_row(otherwise,
					  tg_conclude_equal(tg_query_origin(query,
														((Param *) param)->paramid,
														context),
										expr->inputcollid, (Node *) sublink, context),
					  (Node *) query, query->hasTargetSRFs ||
					  query->jointree->fromlist != NIL, context);
}

/*
 * Is the test "tenant column <operator> column of the sub-select"?  If so,
 * sets *equal to what holds if both are equal.
 */
static bool
prove_test(SubLink *sublink, Node *test, const ProofContext *context,
		   Comparison *comparison, Conclusion *equal)
{
	Node	   *node = (Node *) sublink;
	OpExpr	   *expr = (OpExpr *) test;
	Param	   *param;
	Oid			type;

	if (test == NULL || !IsA(test, OpExpr) || list_length(expr->args) != 2 ||
		(param = find_param(lsecond(expr->args))) == NULL ||
		!tg_is_tenant_column(linitial(expr->args), context, true, &type))
		return false;
	*comparison = tg_comparison(expr->opno, type);
	if (*comparison != COMPARES_EQUAL && *comparison != COMPARES_UNEQUAL)
		return false;
	*equal = tg_conclude_equal(tg_query_origin((Query *) sublink->subselect,
											   param->paramid, context),
							   expr->inputcollid, node, context);
	equal->tenant_not_null = op_strict(expr->opno);
	return true;
}

static bool
is_correlated(Query *query, const ProofContext *context)
{
	return (tg_query_dependencies(query, context) &
			(ORIGIN_TENANT | ORIGIN_ROW)) != 0;
}

/* Only SELECT, FROM and WHERE: nothing else adds or removes rows. */
static bool
is_plain(Query *query)
{
	return query->commandType == CMD_SELECT && query->setOperations == NULL &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->limitCount == NULL &&
		query->limitOffset == NULL && !query->hasAggs &&
		!query->hasWindowFuncs && !query->hasTargetSRFs;
}

Outcomes
tg_prove_sublink(SubLink *sublink, const ProofContext *context)
{
	Node	   *node = (Node *) sublink;
	Query	   *query = castNode(Query, sublink->subselect);
	Outcomes	result = tg_leaf(node, context);
	Comparison	comparison;
	Conclusion	equal;

	switch (sublink->subLinkType)
	{
		case EXISTS_SUBLINK:
			result.if_true = prove_yields(node, query, context);
			result.if_null = tg_admits_none();
			if (tg_always_yields(query))
				result.if_false = tg_admits_none();
			else if (tg_yields_nothing(query))
				result.if_false = tg_make_conclusion(ROWS_FOREIGN, REASON_ALWAYS, node);
			if (is_plain(query) && query->jointree->fromlist == NIL)
			{
				/* without FROM, there is a row if WHERE is true */
				ProofContext inner = enter_conditions(query, context);
				Outcomes	where = tg_constant_outcome(node, true, false);

				if (query->jointree->quals != NULL)
					where = tg_prove(query->jointree->quals, &inner);
				result.if_true = show_sublink(where.if_true, node);
				result.if_false = show_sublink(tg_if_either(where.if_false,
															where.if_null), node);
			}
			return result;

		case ANY_SUBLINK:
		case ROWCOMPARE_SUBLINK:
			{
				List	   *tests = list_make1(sublink->testexpr);
				Conclusion	conclusion = result.if_true;
				Conclusion	all_equal = result.if_false;
				bool		compared = false;
				bool		only_equal = false;
				ListCell   *lc;

				/* (a, b) IN (SELECT ...) is an AND of comparisons */
				if (sublink->testexpr != NULL &&
					IsA(sublink->testexpr, BoolExpr) &&
					((BoolExpr *) sublink->testexpr)->boolop == AND_EXPR)
					tests = ((BoolExpr *) sublink->testexpr)->args;
				foreach(lc, tests)
				{
					if (!prove_test(sublink, lfirst(lc), context, &comparison,
									&equal))
					{
						conclusion = tg_if_both(conclusion,
												prove_tie(sublink, lfirst(lc), result.if_true, context));
						continue;
					}
					if (comparison != COMPARES_EQUAL)
					{
						/*
						 * <> ANY is false if all are equal, or if there are
						 * none
						 */
						all_equal = equal;
						only_equal = list_length(tests) == 1 &&
							tg_always_yields(query);
						equal = tg_admits_foreign(REASON_UNEQUAL, node);
					}
					conclusion = compared ? tg_if_both(equal, conclusion) : equal;
					compared = true;
				}
				result.if_true = tg_if_both(conclusion,
											prove_yields(node, query, context));
				if (compared && !is_correlated(query, context))
				{
					result.if_false = tg_admits_foreign(REASON_UNEQUAL, node);
					result.if_null = tg_admits_foreign(REASON_NOT_TRUE, node);
				}
				if (only_equal)
					result.if_false = all_equal;
				return result;
			}

		case ALL_SUBLINK:
			/* <> ALL is false if one is equal, and true for an empty set */
			if (prove_test(sublink, sublink->testexpr, context, &comparison,
						   &equal))
			{
				/* = ALL is true if all are equal, or if there are none */
				result.if_true = tg_admits_foreign(REASON_EMPTY_SET, node);
				if (comparison == COMPARES_EQUAL && tg_always_yields(query))
					result.if_true = equal;
				if (comparison == COMPARES_UNEQUAL)
					result.if_false = equal;
				else
					result.if_false = tg_admits_foreign(REASON_UNEQUAL, node);
			}
			result.if_false = tg_if_both(result.if_false,
										 prove_yields(node, query, context));
			return result;

		case EXPR_SUBLINK:
			{
				ProofContext inner = enter_conditions(query, context);
				TargetEntry *target;
				Outcomes	value;
				Conclusion	passed = tg_make_conclusion(ROWS_FOREIGN, REASON_ALWAYS, node);
				List	   *conditions;

				if (query->commandType != CMD_SELECT ||
					query->setOperations != NULL || query->hasAggs ||
					query->hasWindowFuncs || query->groupClause != NIL ||
					query->groupingSets != NIL || query->havingQual != NULL)
					return result;	/* may yield a row if WHERE is not true */
				target = linitial_node(TargetEntry, query->targetList);
				conditions = tg_query_conditions(query);
				value = tg_prove((Node *) target->expr, &inner);
				if (conditions != NIL)
					passed = tg_prove_all(conditions, &inner);
				value.if_true = tg_if_both(value.if_true, passed);
				value.if_false = tg_if_both(value.if_false, passed);
				result.if_true = show_sublink(value.if_true, node);
				result.if_false = show_sublink(value.if_false, node);
				if (is_plain(query) && query->jointree->fromlist == NIL &&
					conditions == NIL)
					result.if_null = show_sublink(value.if_null, node);
				return result;
			}

		default:
			return result;
	}
}
