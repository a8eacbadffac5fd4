/*-------------------------------------------------------------------------
 *
 * subselect.c
 *		Where the rows of a sub-select in a policy come from.
 *
 * "organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id
 * = current_user_id())" isolates tenants if the membership table is right: the
 * session selects the rows.  Without the WHERE, with a WHERE that compares the
 * inner column with itself, or with a second table that nothing joins to the
 * first, the same sub-select yields every tenant.  So a sub-select counts as
 * the session's if each table that its result is taken from is bound: one of
 * its columns is equal to a value of the session, or to a column of a table
 * that is bound itself.
 *
 * Bound is a convention, not a proof: a policy's expression can't tell whether
 * the membership table is right.  binding.c finds the bound tables.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "scope/origin.h"

/* For collect_dependencies() and the like. */
typedef struct QueryWalk
{
	ProofContext context;
	Origin		origin;
	int			below;			/* the number of queries that were entered */
} QueryWalk;

/* The origin of a column of functions in FROM. */
static Origin
function_column_origin(RangeTblEntry *rte, AttrNumber column,
					   const ProofContext *context)
{
	Origin		origin = 0;
	int			ncolumns = 0;
	ListCell   *lc;

	foreach(lc, rte->functions)
	{
		RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);

		if (column <= 0 || (column > ncolumns &&
							column <= ncolumns + function->funccolcount))
			origin |= tg_member_origin(function->funcexpr, context);
		ncolumns += function->funccolcount;
	}
	if (column > ncolumns || (column <= 0 && rte->funcordinality))
		origin |= tg_counter_origin(tg_dependencies((Node *) rte->functions,
													context));
	return origin;
}

/* The origin of a column of an item in FROM. */
static Origin
column_origin(RangeTblEntry *rte, AttrNumber column,
			  const ProofContext *context)
{
	ListCell   *lc;
	Node	   *aliased;
	Origin		origin = 0;

	check_stack_depth();
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			/* system columns: ctid, xmin and so on */
			if (column < 0)
				return tg_counter_origin(tg_relation_origin(rte->relid,
															context));
			return tg_relation_origin(rte->relid, context);

		case RTE_SUBQUERY:
			if (column <= 0)
				return ORIGIN_UNKNOWN;
			return tg_query_origin(rte->subquery, column, context);

		case RTE_CTE:
			{
				ProofContext outer_context;
				Query	   *query = tg_find_with(rte, context, &outer_context);

				if (query == NULL || column <= 0)
					return ORIGIN_UNKNOWN;
				return tg_query_origin(query, column, &outer_context);
			}

		case RTE_FUNCTION:
			return function_column_origin(rte, column, context);

		case RTE_VALUES:
			foreach(lc, rte->values_lists)
			{
				List	   *values = (List *) lfirst(lc);

				if (column <= 0 || column > list_length(values))
					return ORIGIN_UNKNOWN;
				origin |= tg_member_origin(list_nth(values, column - 1),
										   context);
			}
			return origin;

		case RTE_TABLEFUNC:
			origin = tg_value_origin((Node *) rte->tablefunc, context);
			if (column <= 0 ||
				column > list_length(rte->tablefunc->colnames) ||
				TG_IS_ORDINALITY(rte->tablefunc, column - 1))
				return tg_counter_origin(origin);
			return origin;

		default:
			aliased = tg_is_alias(rte) ? tg_aliased(rte, column) : NULL;
			return aliased == NULL ? ORIGIN_UNKNOWN :
				tg_value_origin(aliased, context);
	}
}

Origin
tg_var_origin(Var *var, const ProofContext *context)
{
	int			depth = list_length(context->queries);
	ProofContext outer_context = *context;
	Query	   *query;

	if ((int) var->varlevelsup > depth)
		return ORIGIN_UNKNOWN;
	if (tg_is_row_var(var, context))
	{
		if (tg_is_tenant_var(var, context))
			return ORIGIN_TENANT;
		return var->varattno == 0 ? ORIGIN_TENANT | ORIGIN_ROW : ORIGIN_ROW;
	}

	outer_context.queries = list_copy_tail(context->queries, var->varlevelsup);
	query = (Query *) linitial(outer_context.queries);
	if (var->varno <= 0 || (int) var->varno > list_length(query->rtable))
		return ORIGIN_UNKNOWN;
	return column_origin(rt_fetch(var->varno, query->rtable), var->varattno,
						 &outer_context);
}

/* Does the budget allow to visit another node? */
static bool
visits(QueryWalk *walk)
{
	if (tg_spend(walk->context.budget, 1))
		return true;
	walk->origin |= ORIGIN_TOO_DEEP;
	return false;
}

/* Walks the expressions of a sub-select, one level below. */
static bool
walk_query(Query *query, bool (*walker) (Node *node, QueryWalk *walk),
		   QueryWalk *walk)
{
	ProofContext outer = walk->context;
	bool		result;

	check_stack_depth();
	walk->context = tg_enter_query(&outer, query);
	walk->below++;
	result = query_tree_walker(query, walker, (void *) walk,
							   QTW_IGNORE_JOINALIASES);
	walk->below--;
	walk->context = outer;
	return result;
}

static bool
collect_dependencies(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	if (!visits(walk))
		return true;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION)
				walk->origin |= tg_relation_origin(rte->relid, &walk->context) |
					tg_view_effects(rte->relid, &walk->context);
		}
		return walk_query(query, collect_dependencies, walk);
	}
	if (IsA(node, Var))
	{
		/* the tables of the sub-selects are added above */
		if (tg_is_row_var((Var *) node, &walk->context))
			walk->origin |= tg_var_origin((Var *) node, &walk->context);
		else if ((int) ((Var *) node)->varlevelsup >
				 list_length(walk->context.queries))
			walk->origin |= ORIGIN_UNKNOWN;
		return false;
	}
	if (IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
		IsA(node, NullIfExpr) || IsA(node, ScalarArrayOpExpr) ||
		IsA(node, Aggref) || IsA(node, WindowFunc) || IsA(node, SQLValueFunction) ||
		IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) ||
		IsA(node, NextValueExpr))
	{
		walk->origin |= tg_dependencies(node, &walk->context);
		return false;
	}
	return expression_tree_walker(node, collect_dependencies, (void *) walk);
}

Origin
tg_query_dependencies(Query *query, const ProofContext *context)
{
	QueryWalk	walk = {*context, 0, 0};

	(void) collect_dependencies((Node *) query, &walk);
	return walk.origin;
}

static bool
collect_outer(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	if (!visits(walk))
		return true;
	if (IsA(node, Query))
		return walk_query((Query *) node, collect_outer, walk);
	if (IsA(node, Var))
	{
		if ((int) ((Var *) node)->varlevelsup >= walk->below)
			walk->origin |= tg_var_origin((Var *) node, &walk->context);
		return false;
	}
	return expression_tree_walker(node, collect_outer, (void *) walk);
}

Origin
tg_correlation(Query *query, const ProofContext *context)
{
	QueryWalk	walk = {*context, 0, 0};

	(void) collect_outer((Node *) query, &walk);
	return walk.origin;
}

/* Are values of a column of a set operation equal only if their text is? */
static bool
tells_strings_apart(SetOperationStmt *operation, int column)
{
	Oid			type = tg_base_type(list_nth_oid(operation->colTypes,
												 column - 1));

	return tg_writes_unambiguously(type) && type != NUMERICOID &&
		tg_is_deterministic_collation(list_nth_oid(operation->colCollations,
												   column - 1));
}

static Origin
set_operation_origin(Node *node, Query *query, int column,
					 const ProofContext *inner)
{
	SetOperationStmt *operation;
	Origin		left;
	Origin		right;

	check_stack_depth();
	if (IsA(node, RangeTblRef))
	{
		RangeTblEntry *rte = rt_fetch(((RangeTblRef *) node)->rtindex,
									  query->rtable);

		return tg_query_origin(rte->subquery, column, inner);
	}
	operation = castNode(SetOperationStmt, node);
	left = set_operation_origin(operation->larg, query, column, inner);
	if (operation->op == SETOP_EXCEPT)
		return left;
	right = set_operation_origin(operation->rarg, query, column, inner);
	if (operation->op == SETOP_UNION &&
		((left != 0 && (left & ORIGIN_MAY_KNOW_SESSION) == 0) ||
		 (right != 0 && (right & ORIGIN_MAY_KNOW_SESSION) == 0)))
		left |= ORIGIN_MEMBER;	/* an arm of NULLs (0) has no members */
	if (operation->op == SETOP_INTERSECT)
	{
		/* a value must be yielded by both, so the better one decides */
		if ((left & ~ORIGIN_CUT) == ORIGIN_SESSION ||
			(right & ~ORIGIN_CUT) == ORIGIN_SESSION)
			return tells_strings_apart(operation, column) ?
				ORIGIN_SESSION :
				((left | right) & ~ORIGIN_MEMBER) | ORIGIN_MIXED;
	}
	return left | right;
}

Origin
tg_query_origin(Query *query, int column, const ProofContext *context)
{
	ProofContext inner;
	Origin		outer;
	Origin		all;
	Origin		origin;

	check_stack_depth();
	if (context->budget->steps < 0)
		return ORIGIN_TOO_DEEP;
	if (query->commandType != CMD_SELECT ||
		column > list_length(query->targetList))
		return ORIGIN_UNKNOWN;
	inner = tg_enter_query(context, query);
	outer = tg_correlation(query, context);
	all = tg_query_dependencies(query, context);

	if (query->setOperations != NULL)
		origin = set_operation_origin(query->setOperations, query, column,
									  &inner);
	else
	{
		TargetEntry *target = (TargetEntry *) list_nth(query->targetList,
													   column - 1);
		Bitmapset  *tables = tg_tables_of((Node *) target->expr, query);

		origin = tg_member_origin((Node *) target->expr, &inner);
		if (origin & ORIGIN_OF_TABLES)
		{
			/* which tables must be bound? */
			Bitmapset  *needed = NULL;
			Bitmapset  *bound;
			int			i = -1;

			while ((i = bms_next_member(tables, i)) >= 0)
			{
				RangeTblEntry *rte = rt_fetch(i, query->rtable);

				if (rte->rtekind != RTE_FUNCTION &&
					rte->rtekind != RTE_VALUES)
					needed = bms_add_member(needed, i);
			}
			bound = bms_is_empty(needed) ? NULL :
				tg_bound_tables(query, &inner, NULL);
			if (!bms_is_empty(needed) && bms_is_subset(needed, bound) &&
				tg_is_session_origin(origin))
			{
				/* the row may choose among the session's rows */
				origin = ORIGIN_SESSION;
				if (!query->hasAggs && !query->hasWindowFuncs)
					outer &= ~ORIGIN_TENANT;
			}
			else if (tg_has_loose_arm(query->jointree->quals, query))
				origin |= ORIGIN_LOOSE_SET;
			else if (all & (ORIGIN_SESSION | ORIGIN_OPAQUE | ORIGIN_UNKNOWN |
							ORIGIN_VOLATILE))
				origin |= ORIGIN_UNBOUND_SET;
			else if (all & ORIGIN_RLS_TABLE)
				origin |= ORIGIN_RLS_SET;
			else
				origin |= ORIGIN_SAME_SET;
			origin &= ~(ORIGIN_TABLE | ORIGIN_RLS_TABLE);
		}
		else if (!query->hasAggs && !query->hasWindowFuncs)
		{
			/* the row only chooses among the values */
			outer &= ~(ORIGIN_TENANT | ORIGIN_ROW);
		}
	}

	/* a correlated sub-select may compute anything from the row */
	if ((outer & (ORIGIN_TENANT | ORIGIN_ROW)) &&
		(all & ORIGIN_MAY_KNOW_SESSION))
		origin |= ORIGIN_OPAQUE;
	return origin | outer |
		(all & (ORIGIN_VOLATILE | ORIGIN_SET_CONFIG | ORIGIN_TOO_DEEP));
}
