/*-------------------------------------------------------------------------
 *
 * boolean.c
 *		Comparisons of Booleans, and of what CASE or COALESCE chooses.
 *
 * Neither side is the tenant column, but a side may contain it:
 * (organization_id = x) = true, CASE WHEN organization_id = x THEN 1 ELSE 0
 * END = 1.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "scope/proof.h"

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
