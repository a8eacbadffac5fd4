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
 * Notes:
 *
 * 1. Bound is a convention, not a proof: whether the membership table says
 * the truth is not for a policy's expression to tell.
 *
 * 2. What an outer join's ON says holds only for the nullable side.  It may
 * bind tables there, and is ignored otherwise.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "compat.h"
#include "equality.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "origin.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A condition, and the tables that it holds for (NULL: all of them). */
typedef struct Condition
{
	Node	   *node;
	Bitmapset  *only;
} Condition;

/* What the binding of tables is about. */
typedef struct Binding
{
	Query	   *query;
	const Place *place;			/* inside the query */
	bool		strict;			/* only by conditions on a column as it is,
								 * which are not true where it is NULL */
} Binding;

/* For collect_dependencies() and the like. */
typedef struct QueryWalk
{
	Place		place;
	Origin		origin;
	int			below;			/* count what is this many levels up, or
								 * further */
} QueryWalk;

typedef struct TableWalk
{
	Query	   *query;
	int			level;
	Bitmapset  *tables;
} TableWalk;

static Bitmapset *tables_of(Node *node, Query *query);
static Bitmapset *close_over(Query *query, const Place *inner,
							 Bitmapset *initial);

Place
tg_enter_query(const Place *place, Query *query)
{
	Place		inner = *place;

	place->budget->fuel -= 1 + list_length(place->queries);
	inner.queries = lcons(query, list_copy(place->queries));
	return inner;
}

/* ----------------------------------------------------------------
 *		Vars
 * ----------------------------------------------------------------
 */

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
static Query *
find_with(RangeTblEntry *rte, const Place *place, Place *standing)
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
				Query	   *query = find_with(rte, place, &standing);

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

/* ----------------------------------------------------------------
 *		Dependencies
 * ----------------------------------------------------------------
 */

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
				walk->origin |= relation_origin(rte->relid);
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

static Origin
outer_origin(Query *query, const Place *place)
{
	QueryWalk	walk = {*place, 0, 0};

	(void) collect_outer((Node *) query, &walk);
	return walk.origin;
}

/* ----------------------------------------------------------------
 *		Binding
 * ----------------------------------------------------------------
 */

/* The base tables (range table indexes) below an item of the join tree. */
static Bitmapset *
tables_below(Node *item)
{
	Bitmapset  *result = NULL;

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

static Condition *
make_condition(Node *node, Bitmapset *only)
{
	Condition  *condition = palloc(sizeof(Condition));

	condition->node = node;
	condition->only = only;
	return condition;
}

/*
 * The conditions of a join tree.  "only" is the set of tables that they hold
 * for, NULL at a place that no outer join makes nullable.
 */
static List *
join_conditions(Node *item, Bitmapset *only)
{
	List	   *result = NIL;

	check_stack_depth();
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
		Condition  *condition = (Condition *) lfirst(lc);

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
									tables_of(list_nth(rte->joinaliasvars,
													   var->varattno - 1),
											  walk->query));
		}
		else if (TG_IS_GROUP_RTE(rte))
		{
			if (var->varattno > 0 &&
				var->varattno <= list_length(TG_GROUP_EXPRS(rte)))
				walk->tables =
					bms_add_members(walk->tables,
									tables_of(list_nth(TG_GROUP_EXPRS(rte),
													   var->varattno - 1),
											  walk->query));
		}
		else
		{
			walk->tables = bms_add_member(walk->tables, var->varno);

			/* LATERAL: what a function makes of other tables' columns */
			if (rte->rtekind == RTE_FUNCTION)
				walk->tables =
					bms_add_members(walk->tables,
									tables_of((Node *) rte->functions,
											  walk->query));
		}
		return false;
	}
	return expression_tree_walker(node, collect_tables, (void *) walk);
}

/* The tables of this query that the expression takes columns of. */
static Bitmapset *
tables_of(Node *node, Query *query)
{
	TableWalk	walk = {query, 0, NULL};

	check_stack_depth();
	(void) collect_tables(node, &walk);
	return walk.tables;
}

#define ORIGIN_OF_TABLES \
	(ORIGIN_TABLE | ORIGIN_GUARDED | ORIGIN_SAME_SET | ORIGIN_GUARDED_SET | \
	 ORIGIN_UNBOUND_SET)

/* Is this origin, apart from tables that are bound, a value of the session's? */
static bool
is_session_origin(Origin origin)
{
	return (origin & ~(ORIGIN_LITERAL | ORIGIN_SESSION | ORIGIN_OPAQUE |
					   ORIGIN_FROZEN | ORIGIN_GLUED | ORIGIN_OF_TABLES)) == 0;
}

/* Is the side of an equality known once the tables "bound" are? */
static bool
is_anchored(Node *side, Query *query, const Place *place, Bitmapset *bound,
			bool members)
{
	Bitmapset  *tables = tables_of(side, query);
	Origin		origin = members ? tg_member_origin(side, place) :
		tg_value_origin(side, place);

	if (!is_session_origin(origin))
		return false;
	if ((origin & ORIGIN_OF_TABLES) == 0)
		return (origin & ORIGIN_SESSION) != 0;
	return !bms_is_empty(tables) && bms_is_subset(tables, bound);
}

/*
 * The one table that is bound where the expression is, or NULL if it takes
 * columns of several tables or of none.
 *
 * The rows of a sub-select in FROM are bound by one of its columns only if
 * that ties all of its own tables together.
 */
static Bitmapset *
table_bound_by(Node *node, const Binding *binding)
{
	Bitmapset  *tables = tables_of(node, binding->query);
	Var		   *var = (Var *) tg_strip(node);
	RangeTblEntry *rte;
	Query	   *inner = NULL;
	Place		standing = *binding->place;
	Place		place;
	Binding		below;
	TargetEntry *target;
	Bitmapset  *tied;
	ListCell   *lc;
	int			index = 0;

	if (bms_membership(tables) != BMS_SINGLETON ||
		(binding->strict && !IsA(var, Var)))
		return NULL;
	rte = rt_fetch(bms_singleton_member(tables), binding->query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		inner = rte->subquery;
	else if (rte->rtekind == RTE_CTE)
	{
		inner = find_with(rte, binding->place, &standing);
		if (inner == NULL)
			return NULL;
	}
	if (inner == NULL)
		return tables;

	if (!IsA(var, Var) || var->varlevelsup != 0 ||
		(int) var->varno != bms_singleton_member(tables) ||
		var->varattno <= 0 ||
		var->varattno > list_length(inner->targetList) ||
		inner->setOperations != NULL || inner->hasAggs ||
		inner->hasWindowFuncs || inner->groupingSets != NIL ||
		binding->place->budget->fuel < 0 ||
		(outer_origin(inner, &standing) &
		 ~(ORIGIN_SESSION | ORIGIN_LITERAL)) != 0)
		return NULL;
	place = tg_enter_query(&standing, inner);
	below.query = inner;
	below.place = &place;
	below.strict = false;
	target = (TargetEntry *) list_nth(inner->targetList, var->varattno - 1);
	tied = table_bound_by((Node *) target->expr, &below);
	if (tied == NULL)
		return NULL;
	tied = close_over(inner, &place, tied);
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
bind_sides(Node *one, Node *other, const Binding *binding, Bitmapset *bound,
		   bool members)
{
	Bitmapset  *tables = table_bound_by(other, binding);

	if (tables != NULL &&
		(tg_dependencies(other, binding->place) &
		 (ORIGIN_SESSION | ORIGIN_TENANT | ORIGIN_ROW |
		  ORIGIN_TOO_DEEP)) == 0 &&
		is_anchored(one, binding->query, binding->place, bound, members))
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
bind_condition(Node *node, const Binding *binding, Bitmapset *bound)
{
	const Place *place = binding->place;
	Oid			operator = InvalidOid;
	List	   *args = NIL;
	ListCell   *lc;

	check_stack_depth();
	node = tg_strip(node);
	if (node == NULL)
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
		if (list_length(args) != 2 ||
			!(tg_is_some_equality(operator) || is_containment(operator, args)))
			return bound;
		bound = bind_sides(linitial(args), lsecond(args), binding, bound,
						   false);
		return bind_sides(lsecond(args), linitial(args), binding, bound,
						  false);
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
												 1, place);

			if (tables != NULL &&
				(origin & ORIGIN_SESSION) && is_session_origin(origin) &&
				(origin & ORIGIN_OF_TABLES) == 0)
				return bms_union(bound, tables);
		}
		return bound;
	}

	/* pg_has_role(oid, 'MEMBER') in a query on the roles */
	if (IsA(node, FuncExpr) && !binding->strict &&
		((FuncExpr *) node)->funcid < FirstGenbkiObjectId)
	{
		Bitmapset  *tables = table_bound_by(node, binding);
		Origin		origin = tg_dependencies(node, place);

		if (tables != NULL &&
			(origin & ORIGIN_SESSION) && is_session_origin(origin))
			return bms_union(bound, tables);
	}
	return bound;
}

/* Has a condition an OR arm that no column of the query's has a say in? */
static bool
has_loose_arm(Node *node, Query *query)
{
	ListCell   *lc;

	if (node == NULL || !IsA(node, BoolExpr) ||
		((BoolExpr *) node)->boolop == NOT_EXPR)
		return false;
	foreach(lc, ((BoolExpr *) node)->args)
	{
		if (has_loose_arm(lfirst(lc), query))
			return true;
		if (((BoolExpr *) node)->boolop == OR_EXPR &&
			!(IsA(lfirst(lc), BoolExpr) || IsA(lfirst(lc), Const)) &&
			bms_is_empty(tables_of(lfirst(lc), query)))
			return true;
	}
	return false;
}

/* The tables that are bound where all conditions hold that hold for them. */
static Bitmapset *
bind_all(List *conditions, const Binding *binding, Bitmapset *bound)
{
	Bitmapset  *before;
	ListCell   *lc;

	do
	{
		before = bound;
		foreach(lc, conditions)
		{
			Condition  *condition = (Condition *) lfirst(lc);
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
static Bitmapset *
close_over(Query *query, const Place *inner, Bitmapset *initial)
{
	List	   *conditions = join_conditions((Node *) query->jointree, NULL);
	Binding		binding = {query, inner, false};
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
			Condition  *condition = (Condition *) lfirst(lc);

			if (condition->only != NULL &&
				bms_overlap(condition->only, certain))
				condition->only = NULL;
		}
	} while (!bms_equal(before, bound));
	return bound;
}

/* ----------------------------------------------------------------
 *		The sub-select as a whole
 * ----------------------------------------------------------------
 */

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
		((left & ORIGIN_MAY_KNOW_SESSION) == 0 ||
		 (right & ORIGIN_MAY_KNOW_SESSION) == 0))
		left |= ORIGIN_MEMBER;
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
	outer = outer_origin(query, place);
	all = tg_query_dependencies(query, place);

	if (query->setOperations != NULL)
		origin = set_operation_origin(query->setOperations, query, column,
									  &inner);
	else
	{
		TargetEntry *target = (TargetEntry *) list_nth(query->targetList,
													   column - 1);
		Bitmapset  *tables = tables_of((Node *) target->expr, query);

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
				close_over(query, &inner, NULL);
			if (!bms_is_empty(needed) && bms_is_subset(needed, bound) &&
				is_session_origin(origin))
			{
				/* that the row picks from the session's is no harm */
				origin = ORIGIN_SESSION;
				if (!query->hasAggs && !query->hasWindowFuncs)
					outer &= ~ORIGIN_TENANT;
			}
			else if (has_loose_arm(query->jointree->quals, query))
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
