/*-------------------------------------------------------------------------
 *
 * boolean.c
 *		Comparisons of Booleans, of constants, and of what CASE chooses.
 *
 * None of these mentions the tenant column on either side, but what they
 * compare may: (organization_id = x) = true, (organization_id = x)::int = 1,
 * CASE WHEN organization_id = x THEN 1 ELSE 0 END = 1.  compare.c asks here
 * when a comparison is not one with the tenant column itself.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "scope/proof.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

bool
tg_is_boolean(Node *node)
{
	node = tg_strip(node);
	return node != NULL && tg_expression_type(node) == BOOLOID;
}

/* The comparison that a function on two Booleans makes. */
bool
tg_boolean_comparison(Oid operator, Comparison *comparison)
{
	switch (operator)
	{
		case BooleanEqualOperator:
			*comparison = COMPARES_EQUAL;
			return true;
		case BooleanNotEqualOperator:
			*comparison = COMPARES_UNEQUAL;
			return true;
		default:
			if (get_opcode(operator) >= FirstGenbkiObjectId)
				return false;
			*comparison = tg_comparison(operator, BOOLOID);
			return *comparison != COMPARES_NOT;
	}
}

bool
tg_comparison_holds(Comparison comparison, int order)
{
	switch (comparison)
	{
		case COMPARES_EQUAL:
			return order == 0;
		case COMPARES_UNEQUAL:
			return order != 0;
		case COMPARES_LESS:
			return order < 0;
		case COMPARES_LESS_EQUAL:
			return order <= 0;
		case COMPARES_GREATER_EQUAL:
			return order >= 0;
		case COMPARES_GREATER:
			return order > 0;
		default:
			return false;
	}
}

/* Boolean = Boolean and so on; "distinct" for IS DISTINCT FROM. */
Outcomes
tg_prove_boolean_comparison(Comparison comparison, bool distinct, Node *left,
							Node *right, const ProofContext *context)
{
	Outcomes	one = tg_prove(left, context);
	Outcomes	other = tg_prove(right, context);
	int			table[3][3];

	for (int i = 0; i < 3; i++)
	{
		for (int j = 0; j < 3; j++)
		{
			if (distinct)
				table[i][j] = i != j;
			else if (i == 2 || j == 2)
				table[i][j] = 2;
			else
				table[i][j] = tg_comparison_holds(comparison, i - j);
		}
	}
	return tg_combine(&one, &other, table);
}

/*
 * The order of two constants of a simple built-in type: true if it could be
 * determined.  Strings are only told to be the same or not, for which no
 * collation needs to be asked.
 */
bool
tg_compare_constants(Const *one, Const *other, Comparison comparison,
					 int *order)
{
	if (one->consttype != other->consttype)
		return false;
	switch (one->consttype)
	{
		case BOOLOID:
			*order = (int) DatumGetBool(one->constvalue) -
				(int) DatumGetBool(other->constvalue);
			return true;
		case INT2OID:
			*order = (int) DatumGetInt16(one->constvalue) -
				(int) DatumGetInt16(other->constvalue);
			return true;
		case INT4OID:
			*order = (DatumGetInt32(one->constvalue) >
					  DatumGetInt32(other->constvalue)) -
				(DatumGetInt32(one->constvalue) <
				 DatumGetInt32(other->constvalue));
			return true;
		case INT8OID:
			*order = (DatumGetInt64(one->constvalue) >
					  DatumGetInt64(other->constvalue)) -
				(DatumGetInt64(one->constvalue) <
				 DatumGetInt64(other->constvalue));
			return true;
		case TEXTOID:
		case VARCHAROID:
		case UUIDOID:
			if (comparison != COMPARES_EQUAL &&
				comparison != COMPARES_UNEQUAL)
				return false;
			*order = datumIsEqual(one->constvalue, other->constvalue,
								  one->constbyval, one->constlen) ? 0 : 1;
			return true;
		default:
			return false;
	}
}

/* COALESCE(a, b) as CASE WHEN a IS NOT NULL THEN a ELSE b END */
static CaseExpr *
coalesce_as_case(CoalesceExpr *coalesce)
{
	CaseExpr   *result = makeNode(CaseExpr);
	ListCell   *lc;

	result->casetype = coalesce->coalescetype;
	result->casecollid = coalesce->coalescecollid;
	result->location = -1;
	foreach(lc, coalesce->args)
	{
		CaseWhen   *when = makeNode(CaseWhen);
		NullTest   *test = makeNode(NullTest);

		if (lnext(coalesce->args, lc) == NULL)
		{
			result->defresult = lfirst(lc);
			break;
		}
		test->arg = lfirst(lc);
		test->nulltesttype = IS_NOT_NULL;
		test->argisrow = false;
		test->location = -1;
		when->expr = (Expr *) test;
		when->result = lfirst(lc);
		when->location = -1;
		result->args = lappend(result->args, when);
	}
	return result;
}

/* One arm of a CASE that a comparison was moved into. */
static Expr *
compare_arm(OpExpr *expr, Node *arm, bool left)
{
	OpExpr	   *copy = makeNode(OpExpr);

	if (arm == NULL)
		return (Expr *) makeNullConst(BOOLOID, -1, InvalidOid);
	memcpy(copy, expr, sizeof(OpExpr));
	copy->args = left ? list_make2(arm, lsecond(expr->args)) :
		list_make2(linitial(expr->args), arm);
	return (Expr *) copy;
}

/* Moves a comparison with a CASE or COALESCE into the arms; NULL if none. */
Node *
tg_distribute(OpExpr *expr, const ProofContext *context)
{
	if (!tg_spend(context->budget, 1))
		return NULL;
	for (int side = 0; side < 2; side++)
	{
		Node	   *node = tg_strip(list_nth(expr->args, side));
		CaseExpr   *old;
		CaseExpr   *result;
		ListCell   *lc;

		if (IsA(node, CoalesceExpr))
			old = coalesce_as_case((CoalesceExpr *) node);
		else if (IsA(node, CaseExpr))
			old = (CaseExpr *) node;
		else
			continue;

		result = makeNode(CaseExpr);
		memcpy(result, old, sizeof(CaseExpr));
		result->casetype = BOOLOID;
		result->args = NIL;
		foreach(lc, old->args)
		{
			CaseWhen   *when = makeNode(CaseWhen);

			memcpy(when, lfirst(lc), sizeof(CaseWhen));
			when->result = compare_arm(expr, (Node *) when->result, side == 0);
			result->args = lappend(result->args, when);
		}
		result->defresult = compare_arm(expr, (Node *) old->defresult,
										side == 0);
		return (Node *) result;
	}
	return NULL;
}
