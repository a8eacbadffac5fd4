/*-------------------------------------------------------------------------
 *
 * members.c
 *		Where the elements of an array or a set come from.
 *
 * "organization_id = ANY (array)" compares the column with each element.  An
 * element that is a literal admits the same tenant in every session.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "scope/origin.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* A literal element is the same for all sessions. */
static Origin
element_origin(Node *node, const ProofContext *context)
{
	bool		isnull;
	Origin		origin;

	if (tg_is_constant(node, &isnull))
		return isnull ? 0 : ORIGIN_LITERAL | ORIGIN_MEMBER;
	origin = tg_value_origin(node, context);
	if (origin != 0 && tg_is_only_literal(origin))
		origin |= ORIGIN_MEMBER;
	return origin;
}

/* exprType() would fail if a type has been dropped. */
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

Origin
tg_examine_members(Node *node, const ProofContext *context)
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
		origin = element_origin(node, context);
		return (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset) ||
			tg_base_type(tg_expression_type(node)) == JSONBOID ?
			tg_parts_origin(origin) : origin;
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
			return tg_parts_origin(element_origin(node, context));
	}
}
