/*-------------------------------------------------------------------------
 *
 * queries.c
 *		What the shape of a sub-select says.
 *
 * Does it always yield a row?  Which conditions has every row passed?  Which
 * tables does an expression in it use?  No answer here depends on where a
 * value comes from.
 *
 * The ON condition of an outer join holds only for rows that have a match on
 * the nullable side.  So each condition comes with the tables that it holds
 * for.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "scope/nodes.h"

typedef struct TableWalk
{
	Query	   *query;
	int			level;
	Bitmapset  *tables;
} TableWalk;

/* The range table indexes below an item of the join tree. */
static Bitmapset *
tables_below(Node *item)
{
	Bitmapset  *result = NULL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (IsA(item, RangeTblRef))
		result = bms_make_singleton(((RangeTblRef *) item)->rtindex);
	else if (IsA(item, JoinExpr))
		result = bms_union(tables_below(((JoinExpr *) item)->larg),
						   tables_below(((JoinExpr *) item)->rarg));
	else if (IsA(item, FromExpr))
	{
		ListCell   *lc;

		foreach(lc, ((FromExpr *) item)->fromlist)
			result = bms_add_members(result, tables_below(lfirst(lc)));
	}
	return result;
}

static JoinCondition *
make_condition(Node *node, Bitmapset *only)
{
	JoinCondition *condition = palloc(sizeof(JoinCondition));

	condition->node = node;
	condition->only = only;
	return condition;
}

List *
tg_join_conditions(Node *item, Bitmapset *only)
{
	List	   *result = NIL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (IsA(item, FromExpr))
	{
		FromExpr   *from = (FromExpr *) item;
		ListCell   *lc;

		foreach(lc, from->fromlist)
			result = list_concat(result, tg_join_conditions(lfirst(lc), only));
		if (from->quals != NULL)
			result = lappend(result, make_condition(from->quals, only));
	}
	else if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;
		Bitmapset  *left = only;
		Bitmapset  *right = only;
		Bitmapset  *on = only;

		switch (join->jointype)
		{
			case JOIN_INNER:
				break;
			case JOIN_LEFT:
				on = right = tables_below(join->rarg);
				break;
			case JOIN_RIGHT:
				on = left = tables_below(join->larg);
				break;
			default:
				left = tables_below(join->larg);
				right = tables_below(join->rarg);
				on = bms_make_singleton(0);
				break;
		}
		result = list_concat(tg_join_conditions(join->larg, left),
							 tg_join_conditions(join->rarg, right));
		if (join->quals != NULL)
			result = lappend(result, make_condition(join->quals, on));
	}
	return result;
}

List *
tg_query_conditions(Query *query)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tg_join_conditions((Node *) query->jointree, NULL))
	{
		JoinCondition *condition = (JoinCondition *) lfirst(lc);

		if (condition->only == NULL)
			result = lappend(result, condition->node);
	}
	return result;
}

bool
tg_is_alias(RangeTblEntry *rte)
{
	return rte->rtekind == RTE_JOIN || TG_IS_GROUP_RTE(rte);
}

Node *
tg_aliased(RangeTblEntry *rte, AttrNumber column)
{
	List	   *expressions = rte->rtekind == RTE_JOIN ? rte->joinaliasvars :
		TG_GROUP_EXPRS(rte);

	return column <= 0 || column > list_length(expressions) ? NULL :
		list_nth(expressions, column - 1);
}

static bool
collect_tables(Node *node, TableWalk *walk)
{
	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (IsA(node, Query))
	{
		bool		result;

		walk->level++;
		result = query_tree_walker((Query *) node, collect_tables,
								   (void *) walk, QTW_IGNORE_JOINALIASES);
		walk->level--;
		return result;
	}
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		RangeTblEntry *rte;

		if ((int) var->varlevelsup != walk->level || var->varno <= 0 ||
			(int) var->varno > list_length(walk->query->rtable))
			return false;
		rte = rt_fetch(var->varno, walk->query->rtable);
		if (tg_is_alias(rte))
			walk->tables =
				bms_add_members(walk->tables,
								tg_tables_of(tg_aliased(rte, var->varattno),
											 walk->query));
		else if (!bms_is_member(var->varno, walk->tables))
		{
			walk->tables = bms_add_member(walk->tables, var->varno);

			/* LATERAL: a function of other tables' columns */
			if (rte->rtekind == RTE_FUNCTION)
			{
				int			level = walk->level;

				walk->level = 0;
				(void) collect_tables((Node *) rte->functions, walk);
				walk->level = level;
			}
		}
		return false;
	}
	return expression_tree_walker(node, collect_tables, (void *) walk);
}

Bitmapset *
tg_tables_of(Node *node, Query *query)
{
	TableWalk	walk = {query, 0, NULL};

	check_stack_depth();
	(void) collect_tables(node, &walk);
	return walk.tables;
}

/* NULL if there is none, or if it is recursive. */
static Query *
with_item(Query *query, const char *name)
{
	ListCell   *lc;

	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, name) == 0)
			return cte->cterecursive || !IsA(cte->ctequery, Query) ? NULL :
				(Query *) cte->ctequery;
	}
	return NULL;
}

Query *
tg_find_with(RangeTblEntry *rte, const ProofContext *context,
			 ProofContext *outer_context)
{
	if ((int) rte->ctelevelsup >= list_length(context->queries))
		return NULL;
	*outer_context = *context;
	outer_context->queries = list_copy_tail(context->queries, rte->ctelevelsup);
	return with_item((Query *) linitial(outer_context->queries), rte->ctename);
}

bool
tg_has_loose_arm(Node *node, Query *query)
{
	ListCell   *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (node == NULL || !IsA(node, BoolExpr) ||
		((BoolExpr *) node)->boolop == NOT_EXPR)
		return false;
	foreach(lc, ((BoolExpr *) node)->args)
	{
		if (tg_has_loose_arm(lfirst(lc), query))
			return true;
		if (((BoolExpr *) node)->boolop == OR_EXPR &&
			!(IsA(lfirst(lc), BoolExpr) || IsA(lfirst(lc), Const)) &&
			bms_is_empty(tg_tables_of(lfirst(lc), query)))
			return true;
	}
	return false;
}

static bool
is_null_constant(Node *node)
{
	bool		isnull;

	return node == NULL || (tg_is_constant(node, &isnull) && isnull);
}

/* Can LIMIT and OFFSET remove all rows? */
static bool
is_limited(Query *query)
{
	int64		count;

	if (!is_null_constant(query->limitCount) &&
		!(tg_literal_count(query->limitCount, &count) && count > 0))
		return true;
	return !is_null_constant(query->limitOffset) &&
		!(tg_literal_count(query->limitOffset, &count) && count == 0);
}

bool
tg_yields_nothing(Query *query)
{
	int64		count;

	return tg_literal_count(query->limitCount, &count) && count == 0;
}

static bool
is_true(Node *node)
{
	if (node == NULL)
		return true;
	if (IsA(node, Const))
		return !((Const *) node)->constisnull &&
			DatumGetBool(((Const *) node)->constvalue);
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		OpExpr	   *expr = (OpExpr *) node;
		Const	   *one = linitial(expr->args);
		Const	   *other = lsecond(expr->args);
		Comparison	comparison;
		int			order;

		if (!IsA(one, Const) || !IsA(other, Const) || one->constisnull ||
			other->constisnull ||
			!tg_is_deterministic_collation(expr->inputcollid))
			return false;
		comparison = tg_comparison(expr->opno, one->consttype);
		return comparison != COMPARES_NOT &&
			tg_compare_constants(one, other, comparison, &order) &&
			tg_comparison_holds(comparison, order);
	}
	return false;
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

/* Do GROUP BY (), ROLLUP or CUBE yield a group even if there are no rows? */
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

/* Does an item of the join tree have a row, whatever the tables hold? */
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
		Query	   *with;

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
				if (rte->ctelevelsup != 0)
					return false;
				with = with_item(query, rte->ctename);
				return with != NULL && tg_always_yields(with);
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

	/* without GROUP BY, aggregates yield a row even if there are no rows */
	if (query->groupClause == NIL &&
		(query->hasAggs || query->havingQual != NULL))
		return true;
	return item_yields((Node *) query->jointree, query);
}

Node *
tg_bare_value(Query *query)
{
	if (list_length(query->targetList) != 1 ||
		query->commandType != CMD_SELECT || query->setOperations != NULL ||
		query->jointree->fromlist != NIL || query->jointree->quals != NULL ||
		query->havingQual != NULL || query->groupClause != NIL ||
		query->groupingSets != NIL || query->limitCount != NULL ||
		query->limitOffset != NULL || query->hasAggs ||
		query->hasTargetSRFs || query->hasWindowFuncs)
		return NULL;
	return (Node *) linitial_node(TargetEntry, query->targetList)->expr;
}

Node *
tg_bare_select(SubLink *sublink)
{
	return sublink->subLinkType == EXPR_SUBLINK ?
		tg_bare_value((Query *) sublink->subselect) : NULL;
}
