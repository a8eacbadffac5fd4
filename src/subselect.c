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
#include "compat.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "subselect.h"
#include "utils/syscache.h"

/* For collect_dependencies() and the like. */
typedef struct QueryWalk
{
	Place		place;
	Origin		origin;
	int			below;			/* count what is this many levels up, or
								 * further */
} QueryWalk;

Place
tg_enter_query(const Place *place, Query *query)
{
	Place		inner = *place;

	place->budget->fuel -= 1 + list_length(place->queries);
	inner.queries = lcons(query, list_copy(place->queries));
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
		origin = ORIGIN_GUARDED;
	else
		origin = ORIGIN_TABLE;
	ReleaseSysCache(tuple);
	return origin;
}

/* The query behind a reference to a WITH item, and the place it stands in. */
Query *
tg_find_with(RangeTblEntry *rte, const Place *place, Place *standing)
{
	Query	   *query;
	ListCell   *lc;

	if ((int) rte->ctelevelsup >= list_length(place->queries))
		return NULL;
	*standing = *place;
	standing->queries = list_copy_tail(place->queries, rte->ctelevelsup);
	query = (Query *) linitial(standing->queries);
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

/* The origin of a column of one item of a FROM list. */
static Origin
column_origin(RangeTblEntry *rte, AttrNumber column, const Place *place)
{
	ListCell   *lc;
	Origin		origin = 0;

	check_stack_depth();
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return relation_origin(rte->relid);

		case RTE_SUBQUERY:
			if (column <= 0)
				return ORIGIN_UNKNOWN;
			return tg_query_origin(rte->subquery, column, place);

		case RTE_CTE:
			{
				Place		standing;
				Query	   *query = tg_find_with(rte, place, &standing);

				if (query == NULL || column <= 0)
					return ORIGIN_UNKNOWN;
				return tg_query_origin(query, column, &standing);
			}

		case RTE_JOIN:
			if (column <= 0 || column > list_length(rte->joinaliasvars))
				return ORIGIN_UNKNOWN;
			return tg_value_origin(list_nth(rte->joinaliasvars, column - 1),
								   place);

		case RTE_FUNCTION:
			foreach(lc, rte->functions)
				origin |= tg_member_origin(((RangeTblFunction *)
											lfirst(lc))->funcexpr, place);
			return origin;

		case RTE_VALUES:
			foreach(lc, rte->values_lists)
			{
				List	   *values = (List *) lfirst(lc);

				if (column <= 0 || column > list_length(values))
					return ORIGIN_UNKNOWN;
				origin |= tg_member_origin(list_nth(values, column - 1),
										   place);
			}
			return origin;

		case RTE_TABLEFUNC:
			return tg_value_origin((Node *) rte->tablefunc, place);

		default:
			if (TG_IS_GROUP_RTE(rte) && column > 0 &&
				column <= list_length(TG_GROUP_EXPRS(rte)))
				return tg_value_origin(list_nth(TG_GROUP_EXPRS(rte),
												column - 1), place);
			return ORIGIN_UNKNOWN;
	}
}

Origin
tg_var_origin(Var *var, const Place *place)
{
	int			depth = list_length(place->queries);
	Place		standing = *place;
	Query	   *query;

	if ((int) var->varlevelsup > depth)
		return ORIGIN_UNKNOWN;
	if (tg_is_row_var(var, place))
	{
		if (tg_is_tenant_var(var, place))
			return ORIGIN_TENANT;
		return var->varattno == 0 ? ORIGIN_TENANT | ORIGIN_ROW : ORIGIN_ROW;
	}

	standing.queries = list_copy_tail(place->queries, var->varlevelsup);
	query = (Query *) linitial(standing.queries);
	if (var->varno <= 0 || (int) var->varno > list_length(query->rtable))
		return ORIGIN_UNKNOWN;
	return column_origin(rt_fetch(var->varno, query->rtable), var->varattno,
						 &standing);
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

bool
tg_always_yields(Query *query)
{
	RangeTblRef *from;

	if (query->commandType != CMD_SELECT || query->limitCount != NULL ||
		query->limitOffset != NULL || query->hasTargetSRFs ||
		query->havingQual != NULL || query->groupClause != NIL ||
		query->groupingSets != NIL || query->jointree->quals != NULL)
		return false;
	if (query->setOperations != NULL)
		return set_operation_yields(query->setOperations, query);
	if (query->jointree->fromlist == NIL)
		return true;

	/* VALUES */
	from = (RangeTblRef *) linitial(query->jointree->fromlist);
	return list_length(query->jointree->fromlist) == 1 &&
		IsA(from, RangeTblRef) &&
		rt_fetch(from->rtindex, query->rtable)->rtekind == RTE_VALUES;
}

static bool
collect_dependencies(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Place		outer = walk->place;
		Query	   *query = (Query *) node;
		ListCell   *lc;

		check_stack_depth();
		if (outer.budget->fuel < 0)
		{
			walk->origin |= ORIGIN_TOO_DEEP;
			return true;
		}
		walk->place = tg_enter_query(&outer, query);
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION)
				walk->origin |= relation_origin(rte->relid) |
					tg_view_effects(rte->relid, &walk->place);
		}
		(void) query_tree_walker(query, collect_dependencies, (void *) walk,
								 QTW_IGNORE_JOINALIASES);
		walk->place = outer;
		return false;
	}
	if (IsA(node, Var))
	{
		/* the tables of the sub-selects themselves are counted above */
		if (tg_is_row_var((Var *) node, &walk->place))
			walk->origin |= tg_var_origin((Var *) node, &walk->place);
		else if ((int) ((Var *) node)->varlevelsup >
				 list_length(walk->place.queries))
			walk->origin |= ORIGIN_UNKNOWN;
		return false;
	}
	if (IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
		IsA(node, NullIfExpr) || IsA(node, ScalarArrayOpExpr) ||
		IsA(node, Aggref) || IsA(node, SQLValueFunction) ||
		IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) ||
		IsA(node, NextValueExpr))
	{
		walk->origin |= tg_dependencies(node, &walk->place);
		return false;
	}
	return expression_tree_walker(node, collect_dependencies, (void *) walk);
}

Origin
tg_query_dependencies(Query *query, const Place *place)
{
	QueryWalk	walk = {*place, 0, 0};

	(void) collect_dependencies((Node *) query, &walk);
	return walk.origin;
}

/* What of outside the sub-select is mentioned in it: is it correlated? */
static bool
collect_outer(Node *node, QueryWalk *walk)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Place		outer = walk->place;
		bool		result;

		check_stack_depth();
		if (outer.budget->fuel < 0)
		{
			walk->origin |= ORIGIN_TOO_DEEP;
			return true;
		}
		walk->place = tg_enter_query(&outer, (Query *) node);
		walk->below++;
		result = query_tree_walker((Query *) node, collect_outer,
								   (void *) walk, QTW_IGNORE_JOINALIASES);
		walk->below--;
		walk->place = outer;
		return result;
	}
	if (IsA(node, Var))
	{
		if ((int) ((Var *) node)->varlevelsup >= walk->below)
			walk->origin |= tg_var_origin((Var *) node, &walk->place);
		return false;
	}
	return expression_tree_walker(node, collect_outer, (void *) walk);
}

Origin
tg_correlation(Query *query, const Place *place)
{
	QueryWalk	walk = {*place, 0, 0};

	(void) collect_outer((Node *) query, &walk);
	return walk.origin;
}

static Origin
set_operation_origin(Node *node, Query *query, int column,
					 const Place *inner)
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
tg_query_origin(Query *query, int column, const Place *place)
{
	Place		inner;
	Origin		outer;
	Origin		all;
	Origin		origin;

	check_stack_depth();
	if (place->budget->fuel < 0)
		return ORIGIN_TOO_DEEP;
	if (query->commandType != CMD_SELECT ||
		column > list_length(query->targetList))
		return ORIGIN_UNKNOWN;
	inner = tg_enter_query(place, query);
	outer = tg_correlation(query, place);
	all = tg_query_dependencies(query, place);

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
			else if (all & ORIGIN_GUARDED)
				origin |= ORIGIN_GUARDED_SET;
			else
				origin |= ORIGIN_SAME_SET;
			origin &= ~(ORIGIN_TABLE | ORIGIN_GUARDED);
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
		(all & (ORIGIN_VOLATILE | ORIGIN_SETS | ORIGIN_TOO_DEEP));
}
