/*-------------------------------------------------------------------------
 *
 * binding.c
 *		Which tables of a sub-select are bound to the session.
 *
 * A table is bound if a condition says that one of its columns is equal to a
 * value of the session, or to a column of a table that is bound.  subselect.c
 * explains why that matters.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "scope/origin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* What an operator between a column and a value says. */
typedef enum EqualityKind
{
	EQUALS,						/* or "is equal to an element of" */
	CONTAINS,					/* arrays have an element in common */
	CONTAINS_TEXT,				/* JSON has a string */
	CONTAINS_NOTHING			/* it may be true whatever the column holds */
} EqualityKind;

typedef struct Equality
{
	Oid			operator;
	Oid			collation;
	EqualityKind kind;
} Equality;

/* The query whose tables are bound. */
typedef struct BindingContext
{
	Query	   *query;
	const ProofContext *context;	/* inside the query */
	bool		strict;			/* only by conditions on a plain column, which
								 * are not true if it is NULL */
} BindingContext;

bool
tg_is_session_origin(Origin origin)
{
	return (origin & ~(ORIGIN_LITERAL | ORIGIN_SESSION | ORIGIN_OPAQUE |
					   ORIGIN_FROZEN | ORIGIN_CONCAT | ORIGIN_CUT |
					   ORIGIN_OF_TABLES)) == 0;
}

/* Given the bound tables, does this side of an equality have a known value? */
static bool
is_anchored(Node *side, Query *query, const ProofContext *context,
			Bitmapset *bound, bool members)
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
 * The table that an equality with this expression binds, or NULL.  It must be
 * a column of the table: any other expression, and a Boolean, may have the
 * same value in many rows.
 *
 * A sub-select in FROM is bound by one of its columns only if that ties all of
 * its own tables together.
 */
static Bitmapset *
table_bound_by(Node *node, const BindingContext *binding)
{
	Bitmapset  *tables = tg_tables_of(node, binding->query);
	Oid			type;
	Var		   *var = tg_as_column(node, &type);
	RangeTblEntry *rte;
	Query	   *inner = NULL;
	ProofContext outer_context = *binding->context;
	ProofContext context;
	BindingContext below;
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

/*
 * Does it tell the values of the column apart, or of its elements where the
 * column is an array?
 */
static bool
tells_apart(const Equality *equality, Node *column)
{
	Oid			operator = equality->operator;
	Oid			type;
	Oid			element;

	if (equality->kind == CONTAINS_TEXT)
		return true;			/* compares byte by byte */
	if (!tg_is_deterministic_collation(equality->collation) ||
		tg_as_column(column, &type) == NULL || !OidIsValid(type))
		return false;
	element = get_element_type(type);
	if (equality->kind == CONTAINS)
	{
		Oid			compared = tg_base_type(tg_expression_type(column));

		compared = OidIsValid(compared) ? get_element_type(compared) :
			InvalidOid;
		if (!OidIsValid(compared) || !OidIsValid(element))
			return false;
		operator = lookup_type_cache(compared, TYPECACHE_EQ_OPR)->eq_opr;
	}
	return tg_comparison(operator, OidIsValid(element) ? element : type) ==
		COMPARES_EQUAL;
}

/* If one side has a known value, the table of the other side is bound. */
static Bitmapset *
bind_sides(Node *one, Node *other, const BindingContext *binding,
		   Bitmapset *bound, const Equality *equality, bool members)
{
	Bitmapset  *tables;

	if (!tg_spend(binding->context->budget, 5))
		return bound;
	tables = table_bound_by(other, binding);
	if (tables != NULL && !bms_is_subset(tables, bound) &&
		tells_apart(equality, other) &&
		(tg_dependencies(other, binding->context) &
		 (ORIGIN_SESSION | ORIGIN_TENANT | ORIGIN_ROW |
		  ORIGIN_TOO_DEEP)) == 0 &&
		is_anchored(one, binding->query, binding->context, bound, members))
		return bms_union(bound, tables);
	return bound;
}

/*
 * Operators that mean "has an element in common" or, if the contained array is
 * not empty, "contains".
 */
static EqualityKind
kind_of(Oid operator, List *args)
{
	Node	   *contained;

	switch (get_opcode(operator))
	{
		case F_ARRAYOVERLAP:
			return CONTAINS;
		case F_JSONB_EXISTS:
		case F_JSONB_EXISTS_ANY:
			return CONTAINS_TEXT;
		case F_ARRAYCONTAINS:
			contained = tg_strip(lsecond(args));
			break;
		case F_ARRAYCONTAINED:
			contained = tg_strip(linitial(args));
			break;
		default:
			return EQUALS;
	}

	/* an array of arrays may have no elements */
	return IsA(contained, ArrayExpr) &&
		((ArrayExpr *) contained)->elements != NIL &&
		!((ArrayExpr *) contained)->multidims ? CONTAINS : CONTAINS_NOTHING;
}

/* Adds the tables that are bound if the condition is true. */
static Bitmapset *
bind_condition(Node *node, const BindingContext *binding, Bitmapset *bound)
{
	const ProofContext *context = binding->context;
	Equality	equality = {InvalidOid, InvalidOid, EQUALS};
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
		OpExpr	   *expr = (OpExpr *) node;
		List	   *args = expr->args;

		if (list_length(args) != 2)
			return bound;
		equality.operator = expr->opno;
		equality.collation = expr->inputcollid;
		equality.kind = kind_of(expr->opno, args);
		if (equality.kind == CONTAINS_NOTHING)
			return bound;
		bound = bind_sides(linitial(args), lsecond(args), binding, bound,
						   &equality, equality.kind != EQUALS);
		return bind_sides(lsecond(args), linitial(args), binding, bound,
						  &equality, equality.kind != EQUALS);
	}

	if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *expr = (ScalarArrayOpExpr *) node;

		if (!expr->useOr)
			return bound;
		equality.operator = expr->opno;
		equality.collation = expr->inputcollid;
		bound = bind_sides(lsecond(expr->args), linitial(expr->args),
						   binding, bound, &equality, true);
		return bind_sides(linitial(expr->args), lsecond(expr->args),
						  binding, bound, &equality, false);
	}

	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		Node	   *test = sublink->testexpr;

		if (sublink->subLinkType == ANY_SUBLINK && test != NULL &&
			IsA(test, OpExpr))
		{
			Node	   *left = linitial(((OpExpr *) test)->args);
			Bitmapset  *tables = table_bound_by(left, binding);
			Origin		origin = tg_query_origin((Query *) sublink->subselect,
												 1, context);

			equality.operator = ((OpExpr *) test)->opno;
			equality.collation = ((OpExpr *) test)->inputcollid;
			if (tables != NULL && tells_apart(&equality, left) &&
				(origin & ORIGIN_SESSION) && tg_is_session_origin(origin) &&
				(origin & ORIGIN_OF_TABLES) == 0)
				return bms_union(bound, tables);
		}
		return bound;
	}

	/* pg_has_role(column, 'MEMBER') in a query on pg_roles */
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

/* Adds the tables that the conditions bind. */
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
			JoinCondition *condition = (JoinCondition *) lfirst(lc);
			Bitmapset  *now = bind_condition(condition->node, binding, bound);

			/* an outer join may leave these tables out */
			if (condition->only != NULL)
				now = binding->strict ? bound :
					bms_union(bound, bms_intersect(now, condition->only));
			bound = now;
		}
	} while (!bms_equal(before, bound));
	return bound;
}

Bitmapset *
tg_bound_tables(Query *query, const ProofContext *inner, Bitmapset *initial)
{
	List	   *conditions = tg_join_conditions((Node *) query->jointree, NULL);
	BindingContext binding = {query, inner, false};
	Bitmapset  *bound = initial;
	Bitmapset  *certain;
	Bitmapset  *before;
	ListCell   *lc;

	do
	{
		before = bound;
		bound = bind_all(conditions, &binding, bound);

		/*
		 * A column that equals something is not NULL.  If WHERE says so of a
		 * table's column, every row has a match in that table, and the join's
		 * ON is true for all of them.
		 */
		binding.strict = true;
		certain = bind_all(conditions, &binding, NULL);
		binding.strict = false;
		foreach(lc, conditions)
		{
			JoinCondition *condition = (JoinCondition *) lfirst(lc);

			if (condition->only != NULL &&
				bms_overlap(condition->only, certain))
				condition->only = NULL;
		}
	} while (!bms_equal(before, bound));
	return bound;
}
