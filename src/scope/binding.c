/*-------------------------------------------------------------------------
 *
 * binding.c
 *		Which tables of a sub-select are bound to the session.
 *
  * A table is bound where a condition says that one of its columns is equal to
 * a value of the session's, or to a column of a table that is bound.  Why that
 * matters is told in subselect.c.
 *
 * What an outer join's ON says holds only for the nullable side.  It may bind
 * tables there, and is ignored otherwise.
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
#include "rewrite/rewriteManip.h"
#include "scope/equality.h"
#include "scope/subselect.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* A condition, and the tables that it holds for (NULL: all of them). */
typedef struct JoinCondition
{
	Node	   *node;
	Bitmapset  *only;
} JoinCondition;

/* What the binding of tables is about. */
typedef struct BindingContext
{
	Query	   *query;
	const ProofContext *context;			/* inside the query */
	bool		strict;			/* only by conditions on a column as it is,
								 * which are not true where it is NULL */
} BindingContext;

typedef struct TableWalk
{
	Query	   *query;
	int			level;
	Bitmapset  *tables;
} TableWalk;

/* The base tables (range table indexes) below an item of the join tree. */
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
	JoinCondition  *condition = palloc(sizeof(JoinCondition));

	condition->node = node;
	condition->only = only;
	return condition;
}

/*
 * The conditions of a join tree.  "only" is the set of tables that they hold
 * for, NULL at a context that no outer join makes nullable.
 */
static List *
join_conditions(Node *item, Bitmapset *only)
{
	List	   *result = NIL;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (IsA(item, FromExpr))
	{
		FromExpr   *from = (FromExpr *) item;
		ListCell   *lc;

		foreach(lc, from->fromlist)
			result = list_concat(result, join_conditions(lfirst(lc), only));
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
		result = list_concat(join_conditions(join->larg, left),
							 join_conditions(join->rarg, right));
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

	foreach(lc, join_conditions((Node *) query->jointree, NULL))
	{
		JoinCondition  *condition = (JoinCondition *) lfirst(lc);

		if (condition->only == NULL)
			result = lappend(result, condition->node);
	}
	return result;
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
		if (rte->rtekind == RTE_JOIN)
		{
			if (var->varattno > 0 &&
				var->varattno <= list_length(rte->joinaliasvars))
				walk->tables =
					bms_add_members(walk->tables,
									tg_tables_of(list_nth(rte->joinaliasvars,
														  var->varattno - 1),
												 walk->query));
		}
		else if (TG_IS_GROUP_RTE(rte))
		{
			if (var->varattno > 0 &&
				var->varattno <= list_length(TG_GROUP_EXPRS(rte)))
				walk->tables =
					bms_add_members(walk->tables,
									tg_tables_of(list_nth(TG_GROUP_EXPRS(rte),
														  var->varattno - 1),
												 walk->query));
		}
		else if (!bms_is_member(var->varno, walk->tables))
		{
			walk->tables = bms_add_member(walk->tables, var->varno);

			/* LATERAL: what a function makes of other tables' columns */
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

/* The tables of this query that the expression takes columns of. */
Bitmapset *
tg_tables_of(Node *node, Query *query)
{
	TableWalk	walk = {query, 0, NULL};

	check_stack_depth();
	(void) collect_tables(node, &walk);
	return walk.tables;
}

/* Apart from tables that are bound, is this a value of the session's? */
bool
tg_is_session_origin(Origin origin)
{
	return (origin & ~(ORIGIN_LITERAL | ORIGIN_SESSION | ORIGIN_OPAQUE |
					   ORIGIN_FROZEN | ORIGIN_CONCAT | ORIGIN_OF_TABLES)) == 0;
}

/* Is the side of an equality known once the tables "bound" are? */
static bool
is_anchored(Node *side, Query *query, const ProofContext *context, Bitmapset *bound,
			bool members)
{
	Bitmapset  *tables = tg_tables_of(side, query);
	Origin		origin = members ? tg_member_origin(side, context) :
		tg_value_origin(side, context);

	if (!tg_is_session_origin(origin))
		return false;
	if ((origin & ORIGIN_OF_TABLES) == 0)
		return (origin & ORIGIN_SESSION) != 0;
	return !bms_is_empty(tables) && bms_is_subset(tables, bound);
}

/*
 * The one table that is bound where the expression is, or NULL.  It must be a
 * column of that table: what else is made of columns may be the same for many
 * rows, and so may a Boolean.
 *
 * The rows of a sub-select in FROM are bound by one of its columns only if
 * that ties all of its own tables together.
 */
static Bitmapset *
table_bound_by(Node *node, const BindingContext *binding)
{
	Bitmapset  *tables = tg_tables_of(node, binding->query);
	Var		   *var = tg_as_column(node);
	RangeTblEntry *rte;
	Query	   *inner = NULL;
	ProofContext outer_context = *binding->context;
	ProofContext		context;
	BindingContext		below;
	TargetEntry *target;
	Bitmapset  *tied;
	ListCell   *lc;
	int			index = 0;

	if (bms_membership(tables) != BMS_SINGLETON || var == NULL ||
		var->varattno < 0 ||
		tg_base_type(var->vartype) == BOOLOID ||
		(binding->strict && !IsA(tg_strip(node), Var)))
		return NULL;
	rte = rt_fetch(bms_singleton_member(tables), binding->query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		inner = rte->subquery;
	else if (rte->rtekind == RTE_CTE)
	{
		inner = tg_find_with(rte, binding->context, &outer_context);
		if (inner == NULL)
			return NULL;
	}
	if (inner == NULL)
		return tables;

	if (var->varlevelsup != 0 ||
		(int) var->varno != bms_singleton_member(tables) ||
		var->varattno <= 0 ||
		var->varattno > list_length(inner->targetList) ||
		inner->setOperations != NULL || inner->hasAggs ||
		inner->hasWindowFuncs || inner->groupingSets != NIL ||
		binding->context->budget->steps < 0 ||
		(tg_correlation(inner, &outer_context) &
		 ~(ORIGIN_SESSION | ORIGIN_LITERAL)) != 0)
		return NULL;
	context = tg_enter_query(&outer_context, inner);
	below.query = inner;
	below.context = &context;
	below.strict = false;
	target = (TargetEntry *) list_nth(inner->targetList, var->varattno - 1);
	tied = table_bound_by((Node *) target->expr, &below);
	if (tied == NULL)
		return NULL;
	tied = tg_bound_tables(inner, &context, tied);
	foreach(lc, inner->rtable)
	{
		rte = lfirst_node(RangeTblEntry, lc);
		index++;
		if ((rte->rtekind == RTE_RELATION || rte->rtekind == RTE_SUBQUERY ||
			 rte->rtekind == RTE_CTE) && !bms_is_member(index, tied))
			return NULL;
	}
	foreach(lc, inner->targetList)
	{
		/* (SELECT id FROM anything) in the target list is not tied */
		if (checkExprHasSubLink(lfirst(lc)))
			return NULL;
	}
	return tables;
}

/* If one side is anchored, the one table of the other side is bound. */
static Bitmapset *
bind_sides(Node *one, Node *other, const BindingContext *binding, Bitmapset *bound,
		   bool members)
{
	Bitmapset  *tables;

	if (!tg_spend(binding->context->budget, 5))
		return bound;
	tables = table_bound_by(other, binding);
	if (tables != NULL && !bms_is_subset(tables, bound) &&
		(tg_dependencies(other, binding->context) &
		 (ORIGIN_SESSION | ORIGIN_TENANT | ORIGIN_ROW |
		  ORIGIN_TOO_DEEP)) == 0 &&
		is_anchored(one, binding->query, binding->context, bound, members))
		return bms_union(bound, tables);
	return bound;
}

/*
 * Operators that say "has an element in common with" or, where what is
 * contained is not empty, "contains".
 */
static bool
is_containment(Oid operator, List *args)
{
	Node	   *contained;

	switch (get_opcode(operator))
	{
		case F_ARRAYOVERLAP:
		case F_JSONB_EXISTS:
		case F_JSONB_EXISTS_ANY:
			return true;
		case F_ARRAYCONTAINS:
			contained = tg_strip(lsecond(args));
			break;
		case F_ARRAYCONTAINED:
			contained = tg_strip(linitial(args));
			break;
		default:
			return false;
	}
	return IsA(contained, ArrayExpr) &&
		((ArrayExpr *) contained)->elements != NIL;
}

/* The tables that are bound where the condition is true. */
static Bitmapset *
bind_condition(Node *node, const BindingContext *binding, Bitmapset *bound)
{
	const ProofContext *context = binding->context;
	Oid			operator = InvalidOid;
	List	   *args = NIL;
	bool		contains;
	ListCell   *lc;

	check_stack_depth();
	node = tg_strip(node);
	if (node == NULL || !tg_spend(context->budget, 1))
		return bound;

	if (IsA(node, BoolExpr))
	{
		BoolExpr   *expr = (BoolExpr *) node;
		Bitmapset  *result = bound;

		if (expr->boolop == AND_EXPR)
		{
			Bitmapset  *before;

			do
			{
				before = result;
				foreach(lc, expr->args)
					result = bind_condition(lfirst(lc), binding, result);
			} while (!bms_equal(before, result));
			return result;
		}
		if (expr->boolop == OR_EXPR)
		{
			foreach(lc, expr->args)
			{
				Bitmapset  *arm = bind_condition(lfirst(lc), binding, bound);

				result = lc == list_head(expr->args) ? arm :
					bms_intersect(result, arm);
			}
			return result;
		}
		return bound;
	}

	if (IsA(node, OpExpr))
	{
		operator = ((OpExpr *) node)->opno;
		args = ((OpExpr *) node)->args;
		if (list_length(args) != 2)
			return bound;
		contains = is_containment(operator, args);
		if (!contains && !tg_is_some_equality(operator))
			return bound;
		bound = bind_sides(linitial(args), lsecond(args), binding, bound,
						   contains);
		return bind_sides(lsecond(args), linitial(args), binding, bound,
						  contains);
	}

	if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *expr = (ScalarArrayOpExpr *) node;

		if (!expr->useOr || !tg_is_some_equality(expr->opno))
			return bound;
		bound = bind_sides(lsecond(expr->args), linitial(expr->args),
						   binding, bound, true);
		return bind_sides(linitial(expr->args), lsecond(expr->args),
						  binding, bound, false);
	}

	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		Node	   *test = sublink->testexpr;

		if (sublink->subLinkType == ANY_SUBLINK && test != NULL &&
			IsA(test, OpExpr) && tg_is_some_equality(((OpExpr *) test)->opno))
		{
			Node	   *left = linitial(((OpExpr *) test)->args);
			Bitmapset  *tables = table_bound_by(left, binding);
			Origin		origin = tg_query_origin((Query *) sublink->subselect,
												 1, context);

			if (tables != NULL &&
				(origin & ORIGIN_SESSION) && tg_is_session_origin(origin) &&
				(origin & ORIGIN_OF_TABLES) == 0)
				return bms_union(bound, tables);
		}
		return bound;
	}

	/* pg_has_role(column, 'MEMBER') in a query on the roles */
	if (IsA(node, FuncExpr) && !binding->strict &&
		(((FuncExpr *) node)->funcid == F_PG_HAS_ROLE_NAME_TEXT ||
		 ((FuncExpr *) node)->funcid == F_PG_HAS_ROLE_OID_TEXT))
	{
		Bitmapset  *tables = table_bound_by(linitial(((FuncExpr *) node)->args),
											binding);

		if (tables != NULL &&
			tg_is_session_origin(tg_dependencies(node, context)))
			return bms_union(bound, tables);
	}
	return bound;
}

/* Has a condition an OR arm that no column of the query's has a say in? */
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

/* The tables that are bound where all conditions hold that hold for them. */
static Bitmapset *
bind_all(List *conditions, const BindingContext *binding, Bitmapset *bound)
{
	Bitmapset  *before;
	ListCell   *lc;

	do
	{
		before = bound;
		foreach(lc, conditions)
		{
			JoinCondition  *condition = (JoinCondition *) lfirst(lc);
			Bitmapset  *now = bind_condition(condition->node, binding, bound);

			/* what an outer join may leave out, it can't bind strictly */
			if (condition->only != NULL)
				now = binding->strict ? bound :
					bms_union(bound, bms_intersect(now, condition->only));
			bound = now;
		}
	} while (!bms_equal(before, bound));
	return bound;
}

/*
 * All tables that are bound by the query's conditions, if those in "initial"
 * are.
 */
Bitmapset *
tg_bound_tables(Query *query, const ProofContext *inner, Bitmapset *initial)
{
	List	   *conditions = join_conditions((Node *) query->jointree, NULL);
	BindingContext		binding = {query, inner, false};
	Bitmapset  *bound = initial;
	Bitmapset  *certain;
	Bitmapset  *before;
	ListCell   *lc;

	do
	{
		before = bound;
		bound = bind_all(conditions, &binding, bound);

		/*
		 * What is equal to something is not NULL: if WHERE says so of a
		 * table's column, no row of an outer join was made up for that table,
		 * and the join's ON is true of all of them.
		 */
		binding.strict = true;
		certain = bind_all(conditions, &binding, NULL);
		binding.strict = false;
		foreach(lc, conditions)
		{
			JoinCondition  *condition = (JoinCondition *) lfirst(lc);

			if (condition->only != NULL &&
				bms_overlap(condition->only, certain))
				condition->only = NULL;
		}
	} while (!bms_equal(before, bound));
	return bound;
}
