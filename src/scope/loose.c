/*-------------------------------------------------------------------------
 *
 * loose.c
 *		Comparisons that two tenants can pass in one session.
 *
 * "organization_id LIKE setting" is true for all tenants of which the session's
 * value is a pattern; left(organization_id, 4) is the same for many.  These are
 * PostgreSQL's own functions, so it is known what they do.  Whatever else may
 * take two tenants for one, such as a cast that loses something, lower(), or the
 * operator of an extension, depends on which tenants there are: unproven.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "scope/proof.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Tests for a pattern, an overlap or containment. */
static bool
is_loose_test(Oid function)
{
	switch (function)
	{
		case F_BPCHARICLIKE:
		case F_BPCHARICNLIKE:
		case F_BPCHARICREGEXEQ:
		case F_BPCHARICREGEXNE:
		case F_BPCHARLIKE:
		case F_BPCHARNLIKE:
		case F_BPCHARREGEXEQ:
		case F_BPCHARREGEXNE:
		case F_BYTEALIKE:
		case F_BYTEANLIKE:
		case F_LIKE_BYTEA_BYTEA:
		case F_LIKE_NAME_TEXT:
		case F_LIKE_TEXT_TEXT:
		case F_NAMEICLIKE:
		case F_NAMEICNLIKE:
		case F_NAMEICREGEXEQ:
		case F_NAMEICREGEXNE:
		case F_NAMELIKE:
		case F_NAMENLIKE:
		case F_NAMEREGEXEQ:
		case F_NAMEREGEXNE:
		case F_NOTLIKE_BYTEA_BYTEA:
		case F_NOTLIKE_NAME_TEXT:
		case F_NOTLIKE_TEXT_TEXT:
		case F_REGEXP_LIKE_TEXT_TEXT:
		case F_REGEXP_LIKE_TEXT_TEXT_TEXT:
		case F_STARTS_WITH:
		case F_TEXTICLIKE:
		case F_TEXTICNLIKE:
		case F_TEXTICREGEXEQ:
		case F_TEXTICREGEXNE:
		case F_TEXTLIKE:
		case F_TEXTNLIKE:
		case F_TEXTREGEXEQ:
		case F_TEXTREGEXNE:
		case F_TS_MATCH_QV:
		case F_TS_MATCH_TQ:
		case F_TS_MATCH_TT:
		case F_TS_MATCH_VQ:
			return true;

			/* what compare.c does not take for an equality of elements */
		case F_ARRAYCONTAINED:
		case F_ARRAYCONTAINS:
		case F_ARRAYOVERLAP:
		case F_ELEM_CONTAINED_BY_MULTIRANGE:
		case F_ELEM_CONTAINED_BY_RANGE:
		case F_MULTIRANGE_CONTAINS_ELEM:
		case F_NETWORK_OVERLAP:
		case F_RANGE_CONTAINS_ELEM:
		case F_RANGE_OVERLAPS:
			return true;
		default:
			return false;
	}
}

/* Functions that return a part of their first argument, or measure it. */
static bool
returns_part(Oid function)
{
	switch (function)
	{
		case F_ASCII:
		case F_BIT_LENGTH_TEXT:
		case F_CHARACTER_LENGTH_BPCHAR:
		case F_CHARACTER_LENGTH_TEXT:
		case F_CHAR_LENGTH_BPCHAR:
		case F_CHAR_LENGTH_TEXT:
		case F_LEFT:
		case F_LENGTH_BPCHAR:
		case F_LENGTH_TEXT:
		case F_OCTET_LENGTH_BPCHAR:
		case F_OCTET_LENGTH_TEXT:
		case F_REGEXP_COUNT_TEXT_TEXT:
		case F_REGEXP_INSTR_TEXT_TEXT:
		case F_REGEXP_SUBSTR_TEXT_TEXT:
		case F_RIGHT:
		case F_SPLIT_PART:
		case F_SUBSTRING_TEXT_INT4:
		case F_SUBSTRING_TEXT_INT4_INT4:
		case F_SUBSTRING_TEXT_TEXT:
		case F_SUBSTRING_TEXT_TEXT_TEXT:
		case F_SUBSTR_TEXT_INT4:
		case F_SUBSTR_TEXT_INT4_INT4:
			return true;
		default:
			return false;
	}
}

/* Is one of the arguments a position of the other: strpos(setting, column)? */
static bool
returns_position(Oid function)
{
	return function == F_STRPOS || function == F_POSITION_TEXT_TEXT;
}

/* Is it the tenant column, or something that PostgreSQL makes of it alone? */
static bool
is_of_tenant(Node *node, const ProofContext *context)
{
	return (tg_dependencies(node, context) & ~ORIGIN_LITERAL) == ORIGIN_TENANT;
}

static bool
is_part_of_tenant(Node *node, const ProofContext *context)
{
	FuncExpr   *expr = (FuncExpr *) tg_strip(node);

	if (expr == NULL || !IsA(expr, FuncExpr))
		return false;
	if (returns_position(expr->funcid))
		return is_of_tenant(linitial(expr->args), context) ||
			is_of_tenant(lsecond(expr->args), context);
	return returns_part(expr->funcid) &&
		is_of_tenant(linitial(expr->args), context);
}

/* {tenant} contains {setting} only if both are equal; compare.c proves some. */
static bool
may_be_equality(Oid function, List *args)
{
	Node	   *contained = tg_strip(function == F_ARRAYCONTAINS ?
									 lsecond(args) : linitial(args));

	return (function == F_ARRAYCONTAINS || function == F_ARRAYCONTAINED) &&
		IsA(contained, ArrayExpr) &&
		IsA(tg_strip(function == F_ARRAYCONTAINS ? linitial(args) :
					 lsecond(args)), ArrayExpr);
}

/* A test of two values, of which one is the tenant or made of it. */
static bool
is_loose_call(Oid function, List *args, const ProofContext *context)
{
	return is_loose_test(function) && list_length(args) >= 2 &&
		!may_be_equality(function, args) &&
		(is_of_tenant(linitial(args), context) ||
		 is_of_tenant(lsecond(args), context));
}

bool
tg_is_loose_comparison(Node *node, const ProofContext *context)
{
	if (IsA(node, FuncExpr))
		return is_loose_call(((FuncExpr *) node)->funcid,
							 ((FuncExpr *) node)->args, context);
	if (IsA(node, OpExpr))
	{
		OpExpr	   *expr = (OpExpr *) node;

		if (expr->opno >= FirstGenbkiObjectId || list_length(expr->args) != 2)
			return false;
		return is_loose_call(get_opcode(expr->opno), expr->args, context) ||
			is_part_of_tenant(linitial(expr->args), context) ||
			is_part_of_tenant(lsecond(expr->args), context);
	}
	if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *expr = (ScalarArrayOpExpr *) node;

		if (expr->opno >= FirstGenbkiObjectId)
			return false;
		return (is_loose_test(get_opcode(expr->opno)) &&
				is_of_tenant(linitial(expr->args), context)) ||
			is_part_of_tenant(linitial(expr->args), context);
	}
	return false;
}
