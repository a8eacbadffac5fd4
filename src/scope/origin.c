/*-------------------------------------------------------------------------
 *
 * origin.c
 *		Where the value of an expression in a policy comes from.
 *
 * A policy isolates tenants where it compares the tenant column with a value
 * that comes from the session: not from the row, not the same for everybody,
 * and not changing while the rows are read.  proof.c finds the comparisons;
 * this file judges the other side of them, and says of expressions that are
 * no such comparison what they depend on.  Sub-selects are subselect.c's.
 *
 * Notes:
 *
  * 1. Nothing is executed or simplified, and no table is read.  What functions
 * and constants are is session.c's business.
 *
 * 2. Two questions are asked, which differ for CASE, COALESCE and NULLIF.
 * tg_dependencies() wants everything the result depends on.
 * tg_value_origin() wants the origins of the possible values only:
 * "CASE WHEN is_public THEN x ELSE y END" is always x or y, so where both
 * come from the session it does no harm that the row chooses between them.
 *
 * 3. The expression may be one that was read under an older snapshot, and a
 * function, operator or table in it may be gone.  Such a thing is
 * ORIGIN_UNKNOWN, never an error.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/equality.h"
#include "scope/origin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* For expression_tree_walker(): ORs the origins of the children. */
typedef struct OriginWalk
{
	const ProofContext *context;
	OriginFunction function;
	Origin		origin;
	bool		literal;		/* one child is nothing but a literal */
} OriginWalk;

/* For tg_function_behind(). */
typedef struct FunctionWalk
{
	Origin		origin;
	Oid			function;
} FunctionWalk;

/* What is left of a value when side effects alone matter. */
#define ORIGIN_SIDE_EFFECTS	(ORIGIN_UNKNOWN | ORIGIN_VOLATILE | ORIGIN_SET_CONFIG)

bool
tg_spend(ProofBudget *budget, int steps)
{
	CHECK_FOR_INTERRUPTS();
	if (budget->steps >= 0)
		budget->steps -= steps;
	return budget->steps >= 0;
}

static bool
collect_origin(Node *node, OriginWalk *walk)
{
	Origin		one;

	if (node == NULL)
		return false;
	if (IsA(node, List))
		return expression_tree_walker(node, collect_origin, (void *) walk);
	one = walk->function(node, walk->context);
	walk->origin |= one;
	walk->literal |= tg_is_literal(node, one);
	return false;
}

/* Of a value that has several parts, one may be a literal's. */
static Origin
children_origin(Node *node, const ProofContext *context, OriginFunction function)
{
	OriginWalk	walk = {context, function, 0, false};

	(void) expression_tree_walker(node, collect_origin, (void *) &walk);
	if (walk.literal && function == tg_value_origin &&
		(walk.origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) != 0)
		walk.origin |= ORIGIN_MIXED;
	return walk.origin;
}

Origin
tg_list_origin(List *list, const ProofContext *context, OriginFunction function)
{
	Origin		origin = 0;
	ListCell   *lc;

	foreach(lc, list)
	{
		if (lfirst(lc) != NULL)
			origin |= function((Node *) lfirst(lc), context);
	}
	return origin;
}

Node *
tg_strip(Node *node)
{
	for (;;)
	{
		if (node == NULL)
			return NULL;
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, NamedArgExpr))
			node = (Node *) ((NamedArgExpr *) node)->arg;
		else
			return node;
	}
}

bool
tg_is_row_var(const Var *var, const ProofContext *context)
{
	return (int) var->varlevelsup == list_length(context->queries);
}

bool
tg_is_tenant_var(const Var *var, const ProofContext *context)
{
	return tg_is_row_var(var, context) &&
		var->varattno == context->facts->tenant->attnum;
}

/*
 * What the node contributes by itself, below which "recurse" looks.  Serves
 * both questions; the kinds of node whose answers differ are the callers'.
 */
static Origin
plain_origin(Node *node, const ProofContext *context, OriginFunction recurse)
{
	Origin		origin;

	switch (nodeTag(node))
	{
		case T_Const:
			return ((Const *) node)->constisnull ? 0 : ORIGIN_LITERAL;

		case T_Var:
			return tg_var_origin((Var *) node, context);

		case T_FuncExpr:
			{
				FuncExpr   *expr = (FuncExpr *) node;

				return tg_function_origin(expr->funcid, expr->args, context,
										  recurse);
			}

		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return tg_operator_origin(((OpExpr *) node)->opno,
									  ((OpExpr *) node)->args, context, recurse);

		case T_ScalarArrayOpExpr:
			{
				ScalarArrayOpExpr *expr = (ScalarArrayOpExpr *) node;

				return tg_operator_origin(expr->opno, expr->args, context,
										  recurse);
			}

		case T_Aggref:
			{
				Aggref	   *aggregate = (Aggref *) node;

				if (aggregate->aggfnoid == F_STRING_AGG_TEXT_TEXT)
				{
					/* what the second one separates, it is no part of */
					origin = tg_list_origin(aggregate->args, context, recurse);
					if (aggregate->aggfilter != NULL)
						origin |= recurse((Node *) aggregate->aggfilter,
										  context);
					if (!tg_is_no_tenant_constant((Node *) lsecond_node(TargetEntry,
															aggregate->args)->expr))
						origin |= ORIGIN_CONCAT;
				}
				else
					origin = children_origin(node, context, recurse);
				if (aggregate->aggfnoid >= FirstGenbkiObjectId)
					origin |= ORIGIN_OPAQUE;
				else if (recurse != tg_dependencies &&
						 !tg_returns_an_argument(aggregate->aggfnoid))
					origin |= ORIGIN_CHOSEN;
				return origin != 0 ? origin : ORIGIN_UNKNOWN;	/* count(*) */
			}

		case T_WindowFunc:
			origin = children_origin(node, context, recurse);
			if (recurse != tg_dependencies &&
				!tg_returns_an_argument(((WindowFunc *) node)->winfnoid))
				origin |= ORIGIN_CHOSEN;
			return origin != 0 ? origin : ORIGIN_UNKNOWN;	/* rank() */

		case T_GroupingFunc:
			return ORIGIN_LITERAL;

		case T_ArrayCoerceExpr:
			{
				ArrayCoerceExpr *expr = (ArrayCoerceExpr *) node;

				return recurse((Node *) expr->arg, context) |
					(recurse((Node *) expr->elemexpr, context) &
					 ~ORIGIN_LITERAL);
			}

		case T_CoerceToDomain:
			return recurse((Node *) ((CoerceToDomain *) node)->arg, context) |
				tg_type_effects(((CoerceToDomain *) node)->resulttype, context);

			/* an array of a domain has its input function call them */
		case T_CoerceViaIO:
			return recurse((Node *) ((CoerceViaIO *) node)->arg, context) |
				tg_type_effects(((CoerceViaIO *) node)->resulttype, context);

			/* of NULL there is no value */
		case T_RelabelType:
		case T_CollateExpr:
		case T_NamedArgExpr:
		case T_TargetEntry:
			return children_origin(node, context, recurse);

			/* but an array of no elements, or of NULLs, is one */
		case T_ArrayExpr:
			origin = children_origin(node, context, recurse);
			return origin != 0 ? origin : ORIGIN_LITERAL;

		case T_SQLValueFunction:
			switch (((SQLValueFunction *) node)->op)
			{
				case SVFOP_CURRENT_ROLE:
				case SVFOP_CURRENT_USER:
				case SVFOP_USER:
				case SVFOP_SESSION_USER:
				case SVFOP_CURRENT_SCHEMA:
					return ORIGIN_SESSION;
				default:
					/* the time and the database's name are everybody's */
					return ORIGIN_LITERAL;
			}

		case T_CaseTestExpr:
		case T_CoerceToDomainValue:
			/* stands for something that the parent has looked at */
			return 0;

		case T_Param:
		case T_CurrentOfExpr:
			return ORIGIN_UNKNOWN;

#ifdef TG_JSON_BEHAVIOR
			/* ON ERROR and the like, mostly without a value */
		case TG_JSON_BEHAVIOR:
			return children_origin(node, context, recurse);
#endif

		case T_NextValueExpr:
			return ORIGIN_RANDOM;

		default:
			origin = children_origin(node, context, recurse);
			return origin != 0 ? origin : ORIGIN_UNKNOWN;
	}
}

static Origin
dependencies(Node *node, const ProofContext *context)
{
	if (node == NULL)
		return 0;

	if (IsA(node, List))
		return tg_list_origin((List *) node, context, tg_dependencies);
	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		Origin		origin = 0;

		if (sublink->testexpr != NULL)
			origin = tg_dependencies(sublink->testexpr, context);
		return origin | tg_query_dependencies((Query *) sublink->subselect,
											  context);
	}

	/* The Params of a test expression are looked at as the sub-select. */
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return 0;
	return plain_origin(node, context, tg_dependencies);
}

/*
 * Combines the possible values of a CASE, COALESCE, GREATEST or LEAST: where
 * some come from the session, a literal among them is a fallback.
 */
static Origin
choice_origin(List *values, const ProofContext *context, Origin chosen_by,
			  bool in_order)
{
	Origin		origin = 0;
	bool		literal = false;
	bool		isnull;
	ListCell   *lc;

	foreach(lc, values)
	{
		Node	   *value = (Node *) lfirst(lc);
		Origin		one;

		if (value == NULL)
			continue;
		if (tg_is_constant(value, &isnull))
		{
			if (!isnull && !tg_is_no_tenant_constant(value))
				literal = true;
			continue;
		}
		one = tg_value_origin(value, context);
		if (one == 0)
			continue;
		if ((one & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0)
		{
			/* COALESCE(now()::text, ...) is hardly ever anything else. */
			if (in_order && lc == list_head(values))
				one |= ORIGIN_UNKNOWN;
			literal = true;
		}
		origin |= one;
	}

	if (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN))
	{
		if (literal)
			origin |= ORIGIN_FALLBACK;
	}
	else if (chosen_by & ORIGIN_MAY_KNOW_SESSION)
		origin |= ORIGIN_CHOSEN;
	else
		origin |= ORIGIN_LITERAL;
	return origin | (chosen_by & ORIGIN_SIDE_EFFECTS);
}

/*
 * A comparison or the like, whose value is one of two constants, whatever the
 * session has.
 */
static bool
is_test(Node *node)
{
	switch (nodeTag(node))
	{
		case T_BoolExpr:
		case T_BooleanTest:
		case T_NullTest:
		case T_DistinctExpr:
		case T_ScalarArrayOpExpr:
		case T_RowCompareExpr:
			return true;
		case T_OpExpr:
			return ((OpExpr *) node)->opresulttype == BOOLOID;
		case T_FuncExpr:
			return ((FuncExpr *) node)->funcresulttype == BOOLOID &&
				((FuncExpr *) node)->funcid < FirstGenbkiObjectId;
		case T_XmlExpr:
			return ((XmlExpr *) node)->op == IS_DOCUMENT;
		default:
			return TG_IS_JSON_TEST(node);
	}
}

Origin
tg_counter_origin(Origin origin)
{
	return (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) != 0 ?
		origin | ORIGIN_CHOSEN : origin | ORIGIN_LITERAL | ORIGIN_MEMBER;
}

static Origin
value_origin(Node *node, const ProofContext *context)
{
	if (node == NULL)
		return 0;
	if (is_test(node))
	{
		Origin		origin = tg_dependencies(node, context);

		return (origin & ORIGIN_MAY_KNOW_SESSION) ? origin | ORIGIN_CHOSEN :
			origin;
	}

	switch (nodeTag(node))
	{
		case T_List:
			return tg_list_origin((List *) node, context, tg_value_origin);

		case T_CoalesceExpr:
			{
				List	   *values = NIL;
				bool		isnull;
				ListCell   *lc;

				/* Nothing after what is never NULL is ever reached. */
				foreach(lc, ((CoalesceExpr *) node)->args)
				{
					bool		constant = tg_is_constant(lfirst(lc), &isnull);

					if (constant && isnull)
						continue;
					if (tg_is_never_null(lfirst(lc)))
					{
						if (constant && values == NIL)
							return ORIGIN_LITERAL;
						values = lappend(values, lfirst(lc));
						break;
					}
					values = lappend(values, lfirst(lc));
				}
				return choice_origin(values, context, 0, true);
			}

		case T_MinMaxExpr:
			return choice_origin(((MinMaxExpr *) node)->args, context, 0, false);

		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				List	   *values = NIL;
				Origin		chosen_by;
				ListCell   *lc;

				chosen_by = tg_dependencies((Node *) expr->arg, context);
				foreach(lc, expr->args)
				{
					CaseWhen   *when = lfirst_node(CaseWhen, lc);

					chosen_by |= tg_dependencies((Node *) when->expr, context);
					values = lappend(values, when->result);
				}
				values = lappend(values, expr->defresult);
				return choice_origin(values, context, chosen_by, false);
			}

		case T_NullIfExpr:
			{
				List	   *args = ((NullIfExpr *) node)->args;

				return tg_value_origin(linitial(args), context) |
					(tg_dependencies(lsecond(args), context) &
					 ORIGIN_SIDE_EFFECTS);
			}

		case T_SubscriptingRef:
			{
				/* (ARRAY['acme', setting])[1] */
				SubscriptingRef *expr = (SubscriptingRef *) node;
				Origin		origin = tg_member_origin((Node *) expr->refexpr,
													  context);
				Origin		index = tg_list_origin(expr->refupperindexpr,
												   context, tg_dependencies) |
					tg_list_origin(expr->reflowerindexpr, context,
								   tg_dependencies);

				if ((origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN |
								ORIGIN_MEMBER)) == 0)
				{
					if (index & ORIGIN_MAY_KNOW_SESSION)
						origin |= ORIGIN_CHOSEN;
				}
				else if (origin & (ORIGIN_MEMBER | ORIGIN_CONCAT))
					origin |= ORIGIN_MIXED;
				origin &= ~ORIGIN_MEMBER;
				if (origin == 0 && expr->reflowerindexpr != NIL)
					origin = ORIGIN_LITERAL;	/* a slice of nothing is {} */
				return origin | (index & ~(ORIGIN_LITERAL | ORIGIN_FROZEN |
										   ORIGIN_CONCAT));
			}

		case T_SubLink:
			{
				SubLink    *sublink = (SubLink *) node;

				if (sublink->subLinkType == EXPR_SUBLINK ||
					sublink->subLinkType == ARRAY_SUBLINK)
					return tg_query_origin((Query *) sublink->subselect, 1,
										   context);

				/* a boolean: no origin of a tenant that anybody would use */
				return tg_dependencies(node, context) | ORIGIN_UNKNOWN;
			}

		default:
			return plain_origin(node, context, tg_value_origin);
	}
}

/* One element of a set: a literal there is served to everybody. */
static Origin
element_origin(Node *node, const ProofContext *context)
{
	bool		isnull;
	Origin		origin;

	if (tg_is_constant(node, &isnull))
		return isnull ? 0 : ORIGIN_LITERAL | ORIGIN_MEMBER;
	origin = tg_value_origin(node, context);
	if (origin != 0 && (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0)
		origin |= ORIGIN_MEMBER;
	return origin;
}

/* Is the expression an array?  exprType() would fail where a type is gone. */
static bool
is_array(Node *node)
{
	Oid			type;

	if (IsA(node, SubLink) &&
		((SubLink *) node)->subLinkType == ARRAY_SUBLINK)
		return true;
	type = tg_base_type(tg_expression_type(node));
	return OidIsValid(get_element_type(type));
}

static Origin
member_origin(Node *node, const ProofContext *context)
{
	Oid			function = InvalidOid;
	List	   *args = NIL;
	Origin		origin;

	node = tg_strip(node);
	if (node == NULL)
		return 0;

	if (IsA(node, FuncExpr))
	{
		function = ((FuncExpr *) node)->funcid;
		args = ((FuncExpr *) node)->args;
	}
	else if (IsA(node, OpExpr))
	{
		function = get_opcode(((OpExpr *) node)->opno);
		args = ((OpExpr *) node)->args;
	}
	if (function == F_ARRAY_CAT || function == F_ARRAY_APPEND ||
		function == F_ARRAY_PREPEND || function == F_UNNEST_ANYARRAY)
		return tg_list_origin(args, context, tg_member_origin);

	if (!is_array(node))
	{
		/* "acme," || setting, taken apart again, has got a literal in it. */
		origin = element_origin(node, context);
		if ((origin & ORIGIN_CONCAT) &&
			((IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset) ||
			 tg_base_type(tg_expression_type(node)) == JSONBOID))
			origin |= ORIGIN_MIXED;
		return origin;
	}

	switch (nodeTag(node))
	{
		case T_Const:
			{
				ArrayType  *array;

				if (((Const *) node)->constisnull)
					return 0;
				array = DatumGetArrayTypeP(((Const *) node)->constvalue);
				if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == 0)
					return 0;
				return ORIGIN_LITERAL | ORIGIN_MEMBER;
			}

		case T_ArrayExpr:
			return tg_list_origin(((ArrayExpr *) node)->elements, context,
								  ((ArrayExpr *) node)->multidims ?
								  tg_member_origin : element_origin);

		case T_ArrayCoerceExpr:
			return tg_member_origin((Node *) ((ArrayCoerceExpr *) node)->arg,
									context);

		case T_CoalesceExpr:
			return tg_list_origin(((CoalesceExpr *) node)->args, context,
								  tg_member_origin);

		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				ListCell   *lc;

				origin = tg_member_origin((Node *) expr->defresult, context);
				foreach(lc, expr->args)
				{
					CaseWhen   *when = lfirst_node(CaseWhen, lc);

					origin |= tg_member_origin((Node *) when->result, context) |
						(tg_dependencies((Node *) when->expr, context) &
						 ORIGIN_SIDE_EFFECTS);
				}
				return origin;
			}

		case T_SubLink:
			return tg_query_origin((Query *) ((SubLink *) node)->subselect, 1,
								   context);

		default:
			origin = element_origin(node, context);
			if (origin & ORIGIN_CONCAT)
				origin |= ORIGIN_MIXED;
			return origin;
	}
}

static Origin
go_deeper(OriginFunction function, Node *node, const ProofContext *context)
{
	Origin		origin;

	check_stack_depth();
	if (context->budget->depth >= PROOF_BUDGET_DEPTH || !tg_spend(context->budget, 1))
		return ORIGIN_TOO_DEEP;
	context->budget->depth++;
	origin = function(node, context);
	context->budget->depth--;
	return origin;
}

Origin
tg_dependencies(Node *node, const ProofContext *context)
{
	return go_deeper(dependencies, node, context);
}

Origin
tg_value_origin(Node *node, const ProofContext *context)
{
	return go_deeper(value_origin, node, context);
}

Origin
tg_member_origin(Node *node, const ProofContext *context)
{
	return go_deeper(member_origin, node, context);
}

static bool
find_function_behind(Node *node, FunctionWalk *walk)
{
	Oid			function = InvalidOid;

	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_function_behind, walk, 0);
	if (IsA(node, FuncExpr))
		function = ((FuncExpr *) node)->funcid;
	else if (IsA(node, OpExpr))
		function = get_opcode(((OpExpr *) node)->opno);
	if (OidIsValid(function))
	{
		ProofBudget budget = {PROOF_BUDGET_SINGLE, 0};
		ProofContext		nowhere = {NULL, NIL, 0, &budget, NIL};
		Origin		origin = tg_function_origin(function, NIL, &nowhere,
												tg_dependencies);

		if ((origin & walk->origin) ||
			((walk->origin & ORIGIN_OPAQUE) &&
			 function >= FirstGenbkiObjectId))
		{
			walk->function = function;
			return true;
		}
	}
	return expression_tree_walker(node, find_function_behind, (void *) walk);
}

Oid
tg_function_behind(Node *node, Origin origin)
{
	FunctionWalk walk = {origin, InvalidOid};

	(void) find_function_behind(node, &walk);
	return walk.function;
}
