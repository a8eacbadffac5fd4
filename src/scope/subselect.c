/*-------------------------------------------------------------------------
 *
 * subselect.c
 *		Where the rows of a sub-select in a policy come from.
 *
 * "organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id
 * = current_user_id())" isolates tenants as far as the membership table can be
 * trusted: what it yields is picked by the session.  The same without the
 * WHERE, with a WHERE that compares the inner column with itself, or with a
 * second table that nothing joins to the first, yields every tenant.  So a
 * sub-select counts as the session's where each table that the result is taken
 * from is bound: equal in some column to a value of the session's, or to a
 * column of a table that is bound.
 *
  * Bound is a convention, not a proof: whether the membership table says the
 * truth is not for a policy's expression to tell.  binding.c works out which
 * tables are.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "scope/subselect.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

/* For collect_dependencies() and the like. */
typedef struct QueryWalk
{
	ProofContext		context;
	Origin		origin;
	int			below;			/* count what is this many levels up, or
								 * further */
} QueryWalk;

ProofContext
tg_enter_query(const ProofContext *context, Query *query)
{
	ProofContext		inner = *context;

	(void) tg_spend(context->budget, 1 + list_length(context->queries));
	inner.queries = lcons(query, list_copy(context->queries));
	return inner;
}

static Origin
relation_origin(Oid relid)
{
	HeapTuple	tuple;
	Form_pg_class form;
	Origin		origin;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return ORIGIN_TABLE | ORIGIN_UNKNOWN;
	form = (Form_pg_class) GETSTRUCT(tuple);

	/* A view may do anything, also read tables that guard themselves. */
	if (form->relkind == RELKIND_VIEW || form->relrowsecurity)
		origin = ORIGIN_RLS_TABLE;
	else
		origin = ORIGIN_TABLE;
	ReleaseSysCache(tuple);
	return origin;
}

/* The query behind a reference to a WITH item, and the context it stands in. */
Query *
tg_find_with(RangeTblEntry *rte, const ProofContext *context, ProofContext *outer_context)
{
	Query	   *query;
	ListCell   *lc;

	if ((int) rte->ctelevelsup >= list_length(context->queries))
		return NULL;
	*outer_context = *context;
	outer_context->queries = list_copy_tail(context->queries, rte->ctelevelsup);
	query = (Query *) linitial(outer_context->queries);
	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
		{
			if (cte->cterecursive || !IsA(cte->ctequery, Query))
				return NULL;
			return (Query *) cte->ctequery;
		}
	}
	return NULL;
}

/* The same of functions in FROM, WITH ORDINALITY or without. */
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

/* The origin of a column of one item of a FROM list. */
static Origin
column_origin(RangeTblEntry *rte, AttrNumber column, const ProofContext *context)
{
	ListCell   *lc;
	Origin		origin = 0;

	check_stack_depth();
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			/* where the row is stored, and by which transaction */
			if (column < 0)
				return tg_counter_origin(relation_origin(rte->relid));
			return relation_origin(rte->relid);

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

		case RTE_JOIN:
			if (column <= 0 || column > list_length(rte->joinaliasvars))
				return ORIGIN_UNKNOWN;
			return tg_value_origin(list_nth(rte->joinaliasvars, column - 1),
								   context);

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
			if (TG_IS_GROUP_RTE(rte) && column > 0 &&
				column <= list_length(TG_GROUP_EXPRS(rte)))
				return tg_value_origin(list_nth(TG_GROUP_EXPRS(rte),
												column - 1), context);
			return ORIGIN_UNKNOWN;
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

/* The number that LIMIT or OFFSET gives; false where it is not written out. */
static bool
literal_count(Node *node, int64 *count)
{
	node = tg_strip(node);
	if (node != NULL && IsA(node, FuncExpr) &&
		((FuncExpr *) node)->funcid == F_INT8_INT4)
		node = tg_strip(linitial(((FuncExpr *) node)->args));
	if (node == NULL || !IsA(node, Const) || ((Const *) node)->constisnull)
		return false;
	switch (((Const *) node)->consttype)
	{
		case INT4OID:
			*count = DatumGetInt32(((Const *) node)->constvalue);
			return true;
		case INT8OID:
			*count = DatumGetInt64(((Const *) node)->constvalue);
			return true;
		default:
			return false;
	}
}

static bool
is_null(Node *node)
{
	bool		isnull;

	return node == NULL || (tg_is_constant(node, &isnull) && isnull);
}

/* May LIMIT and OFFSET leave nothing of a row? */
static bool
is_limited(Query *query)
{
	int64		count;

	if (!is_null(query->limitCount) &&
		!(literal_count(query->limitCount, &count) && count > 0))
		return true;
	return !is_null(query->limitOffset) &&
		!(literal_count(query->limitOffset, &count) && count == 0);
}

bool
tg_yields_nothing(Query *query)
{
	int64		count;

	return literal_count(query->limitCount, &count) && count == 0;
}

/* Is a condition no condition? */
static bool
is_true(Node *node)
{
	return node == NULL ||
		(IsA(node, Const) && !((Const *) node)->constisnull &&
		 DatumGetBool(((Const *) node)->constvalue));
}

static bool
set_operation_yields(Node *node, Query *query)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;

	check_stack_depth();
	if (IsA(node, RangeTblRef))
		return tg_always_yields(rt_fetch(((RangeTblRef *) node)->rtindex,
										 query->rtable)->subquery);
	return operation->op == SETOP_UNION &&
		(set_operation_yields(operation->larg, query) ||
		 set_operation_yields(operation->rarg, query));
}

/* Has GROUP BY (), ROLLUP or CUBE a group of all rows, if there are none? */
static bool
has_grand_total(List *sets, bool all)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, sets)
	{
		GroupingSet *set = lfirst_node(GroupingSet, lc);
		bool		has = set->kind == GROUPING_SET_SETS ?
			has_grand_total(set->content, false) :
			set->kind != GROUPING_SET_SIMPLE;

		if (has != all)
			return has;
	}
	return all;
}

/* Is there a row of an item of the join tree, whatever the tables hold? */
static bool
item_yields(Node *item, Query *query)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
		{
			if (!item_yields(lfirst(lc), query))
				return false;
		}
		return is_true(((FromExpr *) item)->quals);
	}
	if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;

		switch (join->jointype)
		{
			case JOIN_INNER:
				return item_yields(join->larg, query) &&
					item_yields(join->rarg, query) && is_true(join->quals);
			case JOIN_LEFT:
				return item_yields(join->larg, query);
			case JOIN_RIGHT:
				return item_yields(join->rarg, query);
			case JOIN_FULL:
				return item_yields(join->larg, query) ||
					item_yields(join->rarg, query);
			default:
				return false;
		}
	}
	if (IsA(item, RangeTblRef))
	{
		RangeTblEntry *rte = rt_fetch(((RangeTblRef *) item)->rtindex,
									  query->rtable);

		switch (rte->rtekind)
		{
			case RTE_VALUES:
				return true;
			case RTE_SUBQUERY:
				return tg_always_yields(rte->subquery);
			case RTE_FUNCTION:
				foreach(lc, rte->functions)
				{
					if (!expression_returns_set(lfirst_node(RangeTblFunction,
															lc)->funcexpr))
						return true;
				}
				return false;
			case RTE_CTE:
				foreach(lc, rte->ctelevelsup == 0 ? query->cteList : NIL)
				{
					CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

					if (strcmp(cte->ctename, rte->ctename) == 0)
						return !cte->cterecursive &&
							IsA(cte->ctequery, Query) &&
							tg_always_yields((Query *) cte->ctequery);
				}
				return false;
			default:
				return false;
		}
	}
	return false;
}

bool
tg_always_yields(Query *query)
{
	check_stack_depth();
	if (query->commandType != CMD_SELECT || is_limited(query) ||
		query->hasTargetSRFs || !is_true(query->havingQual))
		return false;
	if (query->setOperations != NULL)
		return set_operation_yields(query->setOperations, query);
	if (query->groupingSets != NIL)
		return has_grand_total(query->groupingSets, true);

	/* Without GROUP BY, aggregates yield a row even if there is none. */
	if (query->groupClause == NIL &&
		(query->hasAggs || query->havingQual != NULL))
		return true;
	return item_yields((Node *) query->jointree, query);
}

static bool
collect_dependencies(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	if (!tg_spend(walk->context.budget, 1))
	{
		walk->origin |= ORIGIN_TOO_DEEP;
		return true;
	}
	if (IsA(node, Query))
	{
		ProofContext		outer = walk->context;
		Query	   *query = (Query *) node;
		ListCell   *lc;

		check_stack_depth();
		walk->context = tg_enter_query(&outer, query);
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION)
				walk->origin |= relation_origin(rte->relid) |
					tg_view_effects(rte->relid, &walk->context);
		}
		(void) query_tree_walker(query, collect_dependencies, (void *) walk,
								 QTW_IGNORE_JOINALIASES);
		walk->context = outer;
		return false;
	}
	if (IsA(node, Var))
	{
		/* the tables of the sub-selects themselves are counted above */
		if (tg_is_row_var((Var *) node, &walk->context))
			walk->origin |= tg_var_origin((Var *) node, &walk->context);
		else if ((int) ((Var *) node)->varlevelsup >
				 list_length(walk->context.queries))
			walk->origin |= ORIGIN_UNKNOWN;
		return false;
	}
	if (IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
		IsA(node, NullIfExpr) || IsA(node, ScalarArrayOpExpr) ||
		IsA(node, Aggref) || IsA(node, SQLValueFunction) ||
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

/* What of outside the sub-select is mentioned in it: is it correlated? */
static bool
collect_outer(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	if (!tg_spend(walk->context.budget, 1))
	{
		walk->origin |= ORIGIN_TOO_DEEP;
		return true;
	}
	if (IsA(node, Query))
	{
		ProofContext		outer = walk->context;
		bool		result;

		check_stack_depth();
		walk->context = tg_enter_query(&outer, (Query *) node);
		walk->below++;
		result = query_tree_walker((Query *) node, collect_outer,
								   (void *) walk, QTW_IGNORE_JOINALIASES);
		walk->below--;
		walk->context = outer;
		return result;
	}
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
		left |= ORIGIN_MEMBER;	/* but an arm of NULLs has no members */
	if (operation->op == SETOP_INTERSECT)
	{
		/* what both yield is no more than what the better one yields */
		if (left == ORIGIN_SESSION || right == ORIGIN_SESSION)
			return ORIGIN_SESSION;
	}
	return left | right;
}

Origin
tg_query_origin(Query *query, int column, const ProofContext *context)
{
	ProofContext		inner;
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
			/* which of the tables have to be bound? */
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
				/* that the row picks from the session's is no harm */
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
			/* the values say all; the row can but choose among them */
			outer &= ~(ORIGIN_TENANT | ORIGIN_ROW);
		}
	}

	/* Correlated: what the sub-select makes of the row is its affair. */
	if ((outer & (ORIGIN_TENANT | ORIGIN_ROW)) &&
		(all & ORIGIN_MAY_KNOW_SESSION))
		origin |= ORIGIN_OPAQUE;
	return origin | outer |
		(all & (ORIGIN_VOLATILE | ORIGIN_SET_CONFIG | ORIGIN_TOO_DEEP));
}
