/*-------------------------------------------------------------------------
 *
 * origin.c
 *		Where the value of an expression in a policy comes from.
 *
 * A policy isolates tenants if it compares the tenant column with a value that
 * comes from the session: not from the row, not the same in all sessions, and
 * not changing while rows are read.  This file finds out where a value comes
 * from.  Sets and arrays are in members.c, function calls in calls.c,
 * sub-selects in subselect.c.
 *
 * Notes:
 *
 * 1. Nothing is executed or simplified, and no table is read.
 *
 * 2. There are two questions, with different answers for CASE, COALESCE and
 * NULLIF.  tg_dependencies() returns everything that the result depends on.
 * tg_value_origin() returns the origins of the possible values only: "CASE
 * WHEN is_public THEN x ELSE y END" is always x or y.  If both come from the
 * session, it does not matter that the row chooses between them.
 *
 * 3. The expression may have been read under an older snapshot, so a function,
 * operator or table in it may no longer exist.  Such an object is
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
#include "scope/origin.h"

bool
tg_is_only_literal(Origin origin)
{
	return (origin & ~(ORIGIN_LITERAL | ORIGIN_FROZEN)) == 0;
}

Origin
tg_parts_origin(Origin origin)
{
	return (origin & ORIGIN_CONCAT) ? origin | ORIGIN_MIXED : origin;
}

/* For collect_origin(). */
typedef struct OriginWalk
{
	const ProofContext *context;
	OriginFunction function;
	Origin		origin;
	bool		literal;		/* one child is only a literal */
} OriginWalk;

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

/* One part of a value that has several parts may be a literal. */
static Origin
children_origin(Node *node, const ProofContext *context,
				OriginFunction function)
{
	OriginWalk	walk = {context, function, 0, false};

	(void) expression_tree_walker(node, collect_origin, (void *) &walk);
	return function == tg_dependencies ? walk.origin :
		tg_made_origin(walk.origin, walk.literal, 0);
}

Origin
tg_list_origin(List *list, const ProofContext *context,
			   OriginFunction function)
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

static Origin
input_origin(CoerceViaIO *cast, const ProofContext *context,
			 OriginFunction recurse)
{
	Origin		origin = recurse((Node *) cast->arg, context) |
		tg_type_effects(cast->resulttype, context);
	Oid			type = tg_base_type(cast->resulttype);

	if (recurse == tg_dependencies || tg_is_only_literal(origin))
		return origin;
	if (!tg_input_keeps_value(cast->resulttype))
		origin |= ORIGIN_CHOSEN;

	/* ('1.' || setting)::numeric may be 1 */
	return type == TEXTOID || type == VARCHAROID ? origin :
		tg_parts_origin(origin);
}

/*
 * The origin of a node for which both questions have the same answer, given
 * that of its children by "recurse".
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
				List	   *args = NIL;
				List	   *parameters = list_copy(aggregate->aggdirectargs);
				ListCell   *lc;

				foreach(lc, aggregate->args)
				{
					TargetEntry *arg = lfirst_node(TargetEntry, lc);

					if (arg->resjunk)
						parameters = lappend(parameters, arg->expr);
					else
						args = lappend(args, arg->expr);
				}
				parameters = lappend(parameters, aggregate->aggfilter);
				return tg_aggregate_origin(aggregate->aggfnoid, args,
										   parameters, context, recurse);
			}

		case T_WindowFunc:
			{
				WindowFunc *function = (WindowFunc *) node;

				return tg_aggregate_origin(function->winfnoid, function->args,
										   list_make1(function->aggfilter),
										   context, recurse);
			}

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

			/* array_in() evaluates the constraints of a domain of elements */
		case T_CoerceViaIO:
			return input_origin((CoerceViaIO *) node, context, recurse);

			/* NULL has no origin ... */
		case T_RelabelType:
		case T_CollateExpr:
		case T_NamedArgExpr:
		case T_TargetEntry:
			return children_origin(node, context, recurse);

			/* ... but an array without elements, or of NULLs, is a literal */
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
					return ORIGIN_SESSION;
				case SVFOP_CURRENT_SCHEMA:
					return ORIGIN_SESSION |
						(recurse == tg_dependencies ? 0 : ORIGIN_CHOSEN);
				default:
					/* time and database are the same for all sessions */
					return ORIGIN_LITERAL;
			}

		case T_CaseTestExpr:
		case T_CoerceToDomainValue:
			/* stands for something that the parent examines */
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

		case T_FieldSelect:
		case T_RowExpr:
		case T_ConvertRowtypeExpr:
			origin = children_origin(node, context, recurse);
			return origin != 0 ? origin : ORIGIN_UNKNOWN;

			/* XMLELEMENT() and others have names and values of their own */
		default:
			origin = children_origin(node, context, recurse);
			if (origin == 0)
				return ORIGIN_UNKNOWN;
			if (recurse != tg_dependencies && !TG_IS_JSON_QUERY(node) &&
				!tg_is_only_literal(origin))
				origin |= ORIGIN_CHOSEN;
			return origin;
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

	/* The Params of a test expression stand for the sub-select. */
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return 0;
	return plain_origin(node, context, tg_dependencies);
}

/*
 * The origin of a CASE, COALESCE, GREATEST or LEAST.  If some values come from
 * the session, a literal among them is a fallback.
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
		if (tg_is_only_literal(one))
		{
			/* COALESCE(now()::text, ...) is now() */
			if (in_order && lc == list_head(values))
				one |= ORIGIN_UNKNOWN;
			literal = true;
		}
		origin |= one;
	}

	if (!tg_is_only_literal(origin))
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

/* A comparison or the like: its value is true or false in any session. */
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
	return origin | (tg_is_only_literal(origin) ?
					 ORIGIN_LITERAL | ORIGIN_MEMBER : ORIGIN_CHOSEN);
}

static Origin
value_origin(Node *node, const ProofContext *context)
{
	if (node == NULL)
		return 0;
	if (is_test(node))
	{
		Origin		origin = tg_dependencies(node, context);

		return (origin & ORIGIN_MAY_CHOOSE) ? origin | ORIGIN_CHOSEN : origin;
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

				/* what follows a value that is never NULL is not reached */
				foreach(lc, ((CoalesceExpr *) node)->args)
				{
					bool		constant = tg_is_constant(lfirst(lc), &isnull);

					if (constant && isnull)
						continue;
					if (tg_is_never_null(lfirst(lc), context))
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

				bool		literal = (origin & (ORIGIN_MEMBER |
												 ORIGIN_CONCAT)) != 0;

				origin &= ~ORIGIN_MEMBER;
				if (origin == 0 && expr->reflowerindexpr != NIL)
					origin = ORIGIN_LITERAL;	/* an empty slice is {} */
				return tg_made_origin(origin, literal, index);
			}

		case T_SubLink:
			{
				SubLink    *sublink = (SubLink *) node;

				if (sublink->subLinkType == EXPR_SUBLINK ||
					sublink->subLinkType == ARRAY_SUBLINK)
					return tg_query_origin((Query *) sublink->subselect, 1,
										   context);

				/* a Boolean is no tenant */
				return tg_dependencies(node, context) | ORIGIN_UNKNOWN;
			}

		default:
			return plain_origin(node, context, tg_value_origin);
	}
}

static Origin
go_deeper(OriginFunction function, Node *node, const ProofContext *context)
{
	Origin		origin;

	check_stack_depth();
	if (context->budget->depth >= PROOF_BUDGET_DEPTH ||
		!tg_spend(context->budget, 1))
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
	return go_deeper(tg_examine_members, node, context);
}
