/*-------------------------------------------------------------------------
 *
 * proof.c
 *		What is known of a row for which a policy's expression is true.
 *
 * PostgreSQL admits a row where the expression is true, not where it is false
 * or NULL.  So the question is whether "the expression is true" implies "the
 * tenant column is equal to a value of the session's".  Below a NOT the
 * question is what follows from "the expression is false", and below IS NOT
 * TRUE or COALESCE also what follows from "it is NULL".  tg_prove() answers
 * all three at once for one node of the tree from the answers for its
 * children, so the proof takes one pass over the tree.
 *
 * A Verdict about an outcome is one of four: it never happens; only rows of
 * the session's tenant have it; another tenant's row can have it; or we can't
 * tell.  Where two conditions must both hold, the better verdict of the two
 * counts; where either suffices, the worse one does.
 *
 * Notes:
 *
 * 1. "Open" refuses a migration, so it is said only where the expression does
 * admit rows of other tenants: because it does not look at the tenant, or
 * because what it makes of it is the same in every session.  What depends on a
 * function or table that we can't look into is "undecided".
 *
 * 2. Comparisons of a CASE or COALESCE with something are moved into the arms:
 * (CASE WHEN c THEN a ELSE b END) = d says the same as
 * CASE WHEN c THEN a = d ELSE b = d END.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "equality.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "proof.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static Outcomes prove_comparison(Node *node, Oid operator, Oid collation,
								 Node *left, Node *right,
								 const Place *place);

/* ----------------------------------------------------------------
 *		Verdicts
 * ----------------------------------------------------------------
 */

static Verdict
make_verdict(Standing standing, Why why, Node *arm)
{
	Verdict		verdict = {0};

	verdict.standing = standing;
	verdict.why = why;
	verdict.arm = arm;
	return verdict;
}

static Verdict
never(void)
{
	return make_verdict(NEVER_HAPPENS, WHY_NOTHING, NULL);
}

/* Either of two conditions suffices to get here. */
static Verdict
worse(Verdict one, Verdict other)
{
	Verdict		result = other.standing > one.standing ? other : one;

	result.relates = (one.relates || one.standing <= CONFINED) &&
		(other.relates || other.standing <= CONFINED);
	result.binds = (one.binds || one.standing <= CONFINED) &&
		(other.binds || other.standing <= CONFINED);
	return result;
}

/* Both of two conditions hold where we get here. */
static Verdict
better(Verdict one, Verdict other)
{
	Verdict		result;

	if (one.standing != other.standing)
		result = one.standing < other.standing ? one : other;
	else
		/* of two that fail, the one that tried is the one to mend */
		result = (other.mentions && !one.mentions) ? other : one;

	result.relates = one.relates || other.relates;
	result.binds = one.binds || other.binds;

	/*
	 * organization_id = owner_org AND owner_org = setting: nothing that is
	 * followed up here, but it need not be open.
	 */
	if (result.standing == OPEN && result.relates && result.binds)
	{
		result.standing = UNDECIDED;
		result.why = WHY_THROUGH_COLUMN;
	}
	return result;
}

static Outcomes
make_outcomes(Verdict if_true, Verdict if_false, Verdict if_null)
{
	Outcomes	outcomes;

	outcomes.if_true = if_true;
	outcomes.if_false = if_false;
	outcomes.if_null = if_null;
	return outcomes;
}

static Outcomes
every_outcome(Verdict verdict)
{
	return make_outcomes(verdict, verdict, verdict);
}

/* A constant: one outcome always happens, the others never do. */
static Outcomes
constant_outcome(Node *node, bool value, bool isnull)
{
	Verdict		always = make_verdict(OPEN, WHY_ALWAYS, node);

	if (isnull)
		return make_outcomes(never(), never(), always);
	if (value)
		return make_outcomes(always, never(), never());
	return make_outcomes(never(), always, never());
}

static Outcomes
negate(Outcomes outcomes)
{
	return make_outcomes(outcomes.if_false, outcomes.if_true,
						 outcomes.if_null);
}

/* AND of two. */
static Outcomes
both(Outcomes one, Outcomes other)
{
	Outcomes	result;

	result.if_true = better(one.if_true, other.if_true);
	result.if_false = worse(one.if_false, other.if_false);

	/* NULL: one is NULL, and the other is NULL or true. */
	result.if_null =
		worse(better(one.if_null, worse(other.if_true, other.if_null)),
			  better(other.if_null, worse(one.if_true, one.if_null)));
	return result;
}

static Outcomes
either(Outcomes one, Outcomes other)
{
	return negate(both(negate(one), negate(other)));
}

/* ----------------------------------------------------------------
 *		Expressions that are no comparison with the tenant column
 * ----------------------------------------------------------------
 */

/*
 * What an expression that we can't take apart may admit, from what it depends
 * on: no outcome of it tells us anything.
 */
static Verdict
judge_dependencies(Origin origin, Node *node, const Place *place)
{
	bool		knows_session = (origin & ORIGIN_MAY_KNOW_SESSION) != 0;
	bool		reads_table =
		(origin & (ORIGIN_TABLE | ORIGIN_GUARDED)) != 0;
	Verdict		verdict;

	/* A condition of a sub-select is judged by all that is in there. */
	if (reads_table && place->ambient != 0)
		knows_session = true;

	if (origin & ORIGIN_TOO_DEEP)
		verdict = make_verdict(UNDECIDED, WHY_TOO_DEEP, node);
	else if (origin & ORIGIN_TENANT)
	{
		if (!knows_session)
			verdict = make_verdict(OPEN, WHY_NO_SESSION, node);
		else if (origin & ORIGIN_OPAQUE)
			verdict = make_verdict(UNDECIDED, WHY_OPAQUE, node);
		else if (origin & ORIGIN_UNKNOWN)
			verdict = make_verdict(UNDECIDED, WHY_UNKNOWN, node);
		else if (reads_table)
			verdict = make_verdict(UNDECIDED, WHY_CORRELATED, node);
		else
			verdict = make_verdict(UNDECIDED, WHY_NOT_EQUALITY, node);
	}
	else if (origin & ORIGIN_ROW)
	{
		if (reads_table && knows_session)
			verdict = make_verdict(UNDECIDED, WHY_OTHER_TABLE, node);
		else
			verdict = make_verdict(OPEN, WHY_NOT_MENTIONED, node);
	}
	else
		verdict = make_verdict(OPEN, (origin & ORIGIN_MAY_KNOW_SESSION) ?
							   WHY_NO_ROW : WHY_NOT_MENTIONED, node);

	verdict.mentions = (origin & ORIGIN_TENANT) != 0;
	verdict.relates = (origin & ORIGIN_TENANT) && (origin & ORIGIN_ROW);
	verdict.binds = (origin & ORIGIN_ROW) && knows_session;
	return verdict;
}

static Verdict
leaf_verdict(Node *node, const Place *place)
{
	return judge_dependencies(tg_dependencies(node, place), node, place);
}

static Outcomes
leaf(Node *node, const Place *place)
{
	return every_outcome(leaf_verdict(node, place));
}

/* ----------------------------------------------------------------
 *		Comparisons with the tenant column
 * ----------------------------------------------------------------
 */

/* What holds where the tenant column is equal to a value of such an origin. */
static Verdict
judge_origin(Origin origin, Node *node, const Place *place)
{
	Verdict		verdict;

	if (origin == 0)
		return never();			/* nothing but NULLs */
	if (origin & ORIGIN_TOO_DEEP)
		verdict = make_verdict(UNDECIDED, WHY_TOO_DEEP, node);
	else if (origin & ORIGIN_SETS)
		verdict = make_verdict(OPEN, WHY_SETS, node);
	else if ((origin & (ORIGIN_TENANT | ORIGIN_ROW)) &&
			 (origin & (ORIGIN_OPAQUE | ORIGIN_UNKNOWN | ORIGIN_TABLE |
						ORIGIN_GUARDED)))
		verdict = make_verdict(UNDECIDED, (origin & ORIGIN_OPAQUE) ?
							   WHY_OPAQUE : WHY_CORRELATED, node);
	else if (origin & ORIGIN_TENANT)
		verdict = make_verdict(OPEN, WHY_ITSELF, node);
	else if (origin & ORIGIN_ROW)
		verdict = make_verdict(OPEN, WHY_OTHER_COLUMN, node);
	else if (origin & ORIGIN_LOOSE_SET)
		verdict = make_verdict(OPEN, WHY_LOOSE_SET, node);
	else if (origin & ORIGIN_MEMBER)
		verdict = make_verdict(OPEN, WHY_MEMBER, node);
	else if (origin & (ORIGIN_TABLE | ORIGIN_GUARDED))
	{
		if (place->ambient == 0)
			verdict = make_verdict(OPEN, WHY_SAME_SET, node);
		else
			verdict = make_verdict(UNDECIDED, WHY_CORRELATED, node);
	}
	else if (origin & ORIGIN_UNKNOWN)
		verdict = make_verdict(UNDECIDED, WHY_UNKNOWN, node);
	else if (origin & ORIGIN_VOLATILE)
		verdict = make_verdict(UNDECIDED, WHY_VOLATILE, node);
	else if (origin & ORIGIN_RANDOM)
		verdict = make_verdict((origin & ORIGIN_SESSION) ? UNDECIDED : OPEN,
							   WHY_RANDOM, node);
	else if (origin & ORIGIN_UNBOUND_SET)
		verdict = make_verdict(UNDECIDED, WHY_UNBOUND_SET, node);
	else if (origin & ORIGIN_GUARDED_SET)
		verdict = make_verdict(UNDECIDED, WHY_GUARDED_SET, node);
	else if (origin & ORIGIN_MAPPED)
		verdict = make_verdict(UNDECIDED, WHY_MAPPED, node);
	else if (origin & ORIGIN_FALLBACK)
		verdict = make_verdict(UNDECIDED, WHY_FALLBACK, node);
	else if (origin & ORIGIN_SAME_SET)
		verdict = make_verdict((origin & ORIGIN_SESSION) ? UNDECIDED : OPEN,
							   WHY_SAME_SET, node);
	else if (origin & ORIGIN_SESSION)
		verdict = make_verdict(CONFINED, WHY_NOTHING, node);
	else if (origin & ORIGIN_FROZEN)
		verdict = make_verdict(OPEN, WHY_FROZEN, node);
	else if (origin & ORIGIN_OPAQUE)
		verdict = make_verdict(UNDECIDED, WHY_OPAQUE, node);
	else
		verdict = make_verdict(OPEN, WHY_LITERAL, node);

	verdict.mentions = true;
	verdict.relates = (origin & ORIGIN_ROW) != 0;
	return verdict;
}

static bool
is_null_constant(Node *node)
{
	node = tg_strip(node);
	return node != NULL && IsA(node, Const) && ((Const *) node)->constisnull;
}

static Verdict
open_verdict(Why why, Node *node)
{
	Verdict		verdict = make_verdict(OPEN, why, node);

	verdict.mentions = true;
	return verdict;
}

/* The outcomes of an equality that is confined to "equal" where true. */
static Outcomes
equality_outcomes(Verdict equal, Node *node)
{
	return make_outcomes(equal, open_verdict(WHY_UNEQUAL, node),
						 open_verdict(WHY_NOT_TRUE, node));
}

/*
 * Does the operator compare the tenant column with the other side?  If so,
 * *other is that side and the comparison is as with the column on the left.
 */
static bool
compares_tenant(Oid operator, Node *left, Node *right, const Place *place,
				bool or_null, Comparison *comparison, Node **other)
{
	Oid			type;

	if (tg_is_tenant(left, place, or_null, &type))
	{
		*other = right;
		*comparison = tg_comparison(operator, type);
		return *comparison != COMPARES_NOT;
	}
	if (tg_is_tenant(right, place, or_null, &type))
	{
		*other = left;
		*comparison = tg_commute(tg_comparison(operator, type));
		return *comparison != COMPARES_NOT;
	}
	return false;
}

/* ----------------------------------------------------------------
 *		Comparisons of other things
 * ----------------------------------------------------------------
 */

/* The comparison that a function on two Booleans makes. */
static bool
boolean_comparison(Oid operator, Comparison *comparison)
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

static bool
comparison_holds(Comparison comparison, int order)
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

/* The verdict for one outcome: 0 false, 1 true, 2 NULL. */
static Verdict
outcome_of(const Outcomes *outcomes, int which)
{
	return which == 0 ? outcomes->if_false :
		which == 1 ? outcomes->if_true : outcomes->if_null;
}

/*
 * A function of two Booleans, given as a table of its values: the verdict for
 * a value is the worst one of the ways in which it can come about.
 */
static Outcomes
combine(const Outcomes *one, const Outcomes *other, int table[3][3])
{
	Verdict		result[3];

	for (int i = 0; i < 3; i++)
		result[i] = never();
	for (int i = 0; i < 3; i++)
	{
		for (int j = 0; j < 3; j++)
		{
			int			value = table[i][j];

			/* "never" is neutral, but must not pass for a relation */
			Verdict		way = better(outcome_of(one, i),
									 outcome_of(other, j));

			if (way.standing == NEVER_HAPPENS)
				continue;
			result[value] = result[value].standing == NEVER_HAPPENS ? way :
				worse(result[value], way);
		}
	}
	return make_outcomes(result[1], result[0], result[2]);
}

/* Boolean = Boolean and so on; "distinct" for IS DISTINCT FROM. */
static Outcomes
combine_comparison(Comparison comparison, bool distinct, Node *left,
				   Node *right, const Place *place)
{
	Outcomes	one = tg_prove(left, place);
	Outcomes	other = tg_prove(right, place);
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
				table[i][j] = comparison_holds(comparison, i - j);
		}
	}
	return combine(&one, &other, table);
}

static bool
is_boolean(Node *node)
{
	node = tg_strip(node);
	return node != NULL && tg_expression_type(node) == BOOLOID;
}

/*
 * If the expression is a Boolean cast to text or integer, returns the Boolean,
 * otherwise NULL.
 */
static Node *
boolean_under_cast(Node *node)
{
	node = tg_strip(node);
	if (IsA(node, FuncExpr) &&
		(((FuncExpr *) node)->funcid == F_INT4_BOOL ||
		 ((FuncExpr *) node)->funcid == F_TEXT_BOOL))
		return linitial(((FuncExpr *) node)->args);
	if (IsA(node, CoerceViaIO) &&
		(((CoerceViaIO *) node)->resulttype == TEXTOID ||
		 ((CoerceViaIO *) node)->resulttype == VARCHAROID) &&
		is_boolean((Node *) ((CoerceViaIO *) node)->arg))
		return (Node *) ((CoerceViaIO *) node)->arg;
	return NULL;
}

/*
 * The order of two constants of a simple built-in type: true if it could be
 * determined.  Strings are only told to be the same or not, for which no
 * collation needs to be asked.
 */
static bool
compare_constants(Const *one, Const *other, Comparison comparison, int *order)
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

/* (boolean)::text = 'true', (boolean)::int = 1 */
static bool
prove_cast_boolean(Oid operator, Oid collation, Node *cast, Node *other,
				   bool flipped, const Place *place, Outcomes *result)
{
	/* by way of the output function it would be 't' instead of 'true' */
	Node	   *boolean = IsA(tg_strip(cast), FuncExpr) ?
		boolean_under_cast(cast) : NULL;
	Const	   *constant;
	Outcomes	outcomes;
	Comparison	comparison;
	int			holds[2];

	other = tg_strip(other);
	if (boolean == NULL || !IsA(other, Const) || !tg_keeps_apart(collation))
		return false;
	constant = (Const *) other;
	if (constant->constisnull)
		return false;
	comparison = tg_comparison(operator, constant->consttype);
	if (flipped)
		comparison = tg_commute(comparison);
	if (constant->consttype == INT4OID && comparison != COMPARES_NOT)
	{
		int32		value = DatumGetInt32(constant->constvalue);

		for (int i = 0; i < 2; i++)
			holds[i] = comparison_holds(comparison,
										i < value ? -1 : i > value);
	}
	else if (constant->consttype == TEXTOID &&
			 (comparison == COMPARES_EQUAL || comparison == COMPARES_UNEQUAL))
	{
		char	   *string = TextDatumGetCString(constant->constvalue);

		for (int i = 0; i < 2; i++)
			holds[i] = (strcmp(string, i ? "true" : "false") == 0) ==
				(comparison == COMPARES_EQUAL);
	}
	else
		return false;

	outcomes = tg_prove(boolean, place);
	result->if_true = result->if_false = never();
	result->if_null = outcomes.if_null;
	for (int i = 0; i < 2; i++)
	{
		Verdict		verdict = outcome_of(&outcomes, i);
		Verdict    *target = holds[i] ? &result->if_true : &result->if_false;

		*target = target->standing == NEVER_HAPPENS ? verdict :
			worse(*target, verdict);
	}
	return true;
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
static Node *
distribute(OpExpr *expr, const Place *place)
{
	if (--place->budget->fuel < 0)
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

/*
 * Is the value of the other side so made that it is worth while to compare
 * the tenant column with each arm of it?  Where an arm is the row's own,
 * the arm is what the reader wants to be shown.
 */
static bool
has_row_arm(Node *node, const Place *place)
{
	node = tg_strip(node);
	return (IsA(node, CaseExpr) || IsA(node, CoalesceExpr)) &&
		(tg_value_origin(node, place) & (ORIGIN_TENANT | ORIGIN_ROW)) != 0;
}

static Outcomes
prove_comparison(Node *node, Oid operator, Oid collation, Node *left,
				 Node *right, const Place *place)
{
	Comparison	comparison;
	Node	   *other;
	Node	   *distributed = NULL;
	Outcomes	result;

	if (compares_tenant(operator, left, right, place, true, &comparison,
						&other))
	{
		Verdict		same;

		if (is_null_constant(other))
			return make_outcomes(never(), never(),
								 open_verdict(WHY_ALWAYS, node));
		switch (comparison)
		{
			case COMPARES_EQUAL:
			case COMPARES_UNEQUAL:
				if (IsA(node, OpExpr) && has_row_arm(other, place) &&
					(distributed = distribute((OpExpr *) node, place)) != NULL)
					return tg_prove(distributed, place);
				same = judge_origin(tg_value_origin(other, place), node,
									 place);
				if (same.standing <= CONFINED && !tg_keeps_apart(collation))
				{
					same = make_verdict(UNDECIDED, WHY_COLLATION, node);
					same.mentions = true;
				}
				result = equality_outcomes(same, node);
				return comparison == COMPARES_EQUAL ? result : negate(result);
			default:
				if ((tg_dependencies(other, place) &
					 ORIGIN_MAY_KNOW_SESSION) == 0)
					return leaf(node, place);
				return every_outcome(open_verdict(WHY_ORDER, node));
		}
	}

	if (is_boolean(left) && is_boolean(right) &&
		boolean_comparison(operator, &comparison))
		return combine_comparison(comparison, false, left, right, place);

	/* PostgreSQL's own comparisons of anything with NULL are NULL. */
	if ((is_null_constant(left) || is_null_constant(right)) &&
		operator < FirstGenbkiObjectId && op_strict(operator))
		return constant_outcome(node, false, true);

	if (IsA(tg_strip(left), Const) && IsA(tg_strip(right), Const))
	{
		Const	   *one = (Const *) tg_strip(left);
		Const	   *two = (Const *) tg_strip(right);
		int			order;

		comparison = tg_comparison(operator, one->consttype);
		if (comparison != COMPARES_NOT && tg_keeps_apart(collation))
		{
			if (!one->constisnull && !two->constisnull &&
				compare_constants(one, two, comparison, &order))
				return constant_outcome(node,
										comparison_holds(comparison, order),
										false);
		}
	}

	if (prove_cast_boolean(operator, collation, left, right, false, place,
						   &result) ||
		prove_cast_boolean(operator, collation, right, left, true, place,
						   &result))
		return result;

	if (IsA(node, OpExpr) &&
		(distributed = distribute((OpExpr *) node, place)) != NULL)
		return tg_prove(distributed, place);

	return leaf(node, place);
}

/* A copy of an equality between two given sides, for messages too. */
static Node *
make_comparison(ScalarArrayOpExpr *expr, Node *left, Node *right)
{
	OpExpr	   *result = makeNode(OpExpr);

	result->opno = expr->opno;
	result->opresulttype = BOOLOID;
	result->inputcollid = expr->inputcollid;
	result->args = list_make2(left, right);
	result->location = -1;
	return (Node *) result;
}

static Outcomes
prove_array_comparison(ScalarArrayOpExpr *expr, const Place *place)
{
	Node	   *node = (Node *) expr;
	Node	   *scalar = linitial(expr->args);
	Node	   *array = tg_strip(lsecond(expr->args));
	Comparison	comparison;
	Verdict		equal;
	Oid			type;

	if (IsA(array, ArrayExpr) && !((ArrayExpr *) array)->multidims &&
		((ArrayExpr *) array)->elements != NIL)
	{
		Outcomes	result = {0};
		ListCell   *lc;

		foreach(lc, ((ArrayExpr *) array)->elements)
		{
			Node	   *one = make_comparison(expr, scalar, lfirst(lc));
			Outcomes	outcomes = tg_prove(one, place);

			if (lc == list_head(((ArrayExpr *) array)->elements))
				result = outcomes;
			else
				result = expr->useOr ? either(result, outcomes) :
					both(result, outcomes);
		}
		return result;
	}

	if (!tg_is_tenant(scalar, place, true, &type))
		return leaf(node, place);
	if (is_null_constant(array))
		return constant_outcome(node, false, true);
	comparison = tg_comparison(expr->opno, type);
	if (comparison == COMPARES_NOT)
		return leaf(node, place);

	equal = judge_origin(tg_member_origin(array, place), node, place);
	if (equal.standing <= CONFINED && !tg_keeps_apart(expr->inputcollid))
	{
		equal = make_verdict(UNDECIDED, WHY_COLLATION, node);
		equal.mentions = true;
	}

	/* = ANY is true, and <> ALL false, where one element is equal. */
	if (expr->useOr && comparison == COMPARES_EQUAL)
		return equality_outcomes(equal, node);
	if (!expr->useOr && comparison == COMPARES_UNEQUAL)
		return negate(equality_outcomes(equal, node));
	return every_outcome(open_verdict(comparison == COMPARES_EQUAL ?
									  WHY_EMPTY_SET : WHY_UNEQUAL, node));
}

/* ARRAY[organization_id] whose elements compare as the tenant column does? */
static bool
is_tenant_array(Node *node, const Place *place)
{
	ArrayExpr  *array = (ArrayExpr *) tg_strip(node);
	TypeCacheEntry *entry;
	Oid			type;

	if (!IsA(array, ArrayExpr) || array->multidims ||
		list_length(array->elements) != 1 ||
		!tg_is_tenant(linitial(array->elements), place, true, &type))
		return false;
	if (tg_base_type(array->element_typeid) != array->element_typeid)
		return false;
	entry = lookup_type_cache(array->element_typeid, TYPECACHE_EQ_OPR);
	return tg_comparison(entry->eq_opr, type) == COMPARES_EQUAL;
}

/*
 * "setting ? organization_id", "setting @> ARRAY[organization_id]" and their
 * kin: true where the tenant column is equal to an element of the other side.
 */
static bool
prove_containment(OpExpr *expr, const Place *place, Outcomes *result)
{
	Node	   *node = (Node *) expr;
	Node	   *set = linitial(expr->args);
	Node	   *element = lsecond(expr->args);
	Verdict		same;
	Oid			type;

	if (expr->opno >= FirstGenbkiObjectId)
		return false;
	switch (get_opcode(expr->opno))
	{
		case F_JSONB_EXISTS:
			/* compares as text, whatever the collation */
			if (!tg_is_tenant(element, place, true, &type) ||
				tg_comparison(TextEqualOperator, type) != COMPARES_EQUAL)
				return false;
			same = judge_origin(tg_value_origin(set, place), node, place);
			break;

		case F_ARRAYCONTAINED:
			set = lsecond(expr->args);
			element = linitial(expr->args);
			/* FALLTHROUGH */
		case F_ARRAYCONTAINS:
		case F_ARRAYOVERLAP:
			if (!is_tenant_array(element, place) &&
				get_opcode(expr->opno) == F_ARRAYOVERLAP)
			{
				set = lsecond(expr->args);
				element = linitial(expr->args);
			}
			if (!is_tenant_array(element, place))
				return false;
			same = judge_origin(tg_member_origin(set, place), node, place);
			if (same.standing <= CONFINED &&
				!tg_keeps_apart(expr->inputcollid))
			{
				same = make_verdict(UNDECIDED, WHY_COLLATION, node);
				same.mentions = true;
			}
			break;

		default:
			return false;
	}
	*result = equality_outcomes(same, node);
	return true;
}

static Outcomes
prove_distinct(DistinctExpr *expr, const Place *place)
{
	Node	   *node = (Node *) expr;
	Node	   *left = linitial(expr->args);
	Node	   *right = lsecond(expr->args);
	Comparison	comparison;
	Node	   *other;
	Verdict		same;

	if (compares_tenant(expr->opno, left, right, place, false, &comparison,
						&other) && comparison == COMPARES_EQUAL)
	{
		same = is_null_constant(other) ? never() :
			judge_origin(tg_value_origin(other, place), node, place);
		if (same.standing == CONFINED &&
			!tg_keeps_apart(expr->inputcollid))
		{
			same = make_verdict(UNDECIDED, WHY_COLLATION, node);
			same.mentions = true;
		}
		if (same.standing < OPEN && !place->facts->tenant->not_null &&
			!tg_is_never_null(other))
			same = open_verdict(WHY_NULL_ROWS, node);
		return make_outcomes(equal(left, right) ? never() :
							 open_verdict(WHY_UNEQUAL, node), same, never());
	}
	if (is_boolean(left) && is_boolean(right) &&
		boolean_comparison(expr->opno, &comparison))
		return combine_comparison(comparison, true, left, right, place);
	return leaf(node, place);
}

static Outcomes
prove_null_test(NullTest *test, const Place *place)
{
	Node	   *node = (Node *) test;
	Node	   *arg = (Node *) test->arg;
	Outcomes	result;
	Oid			type;

	if (IsA(tg_strip(arg), Const))
		result = constant_outcome(node,
								  ((Const *) tg_strip(arg))->constisnull,
								  false);
	else if (!test->argisrow && tg_is_tenant(arg, place, false, &type))
		result = make_outcomes(place->facts->tenant->not_null ? never() :
							   open_verdict(WHY_NULL_ROWS, node),
							   open_verdict(WHY_NO_SESSION, node), never());
	else if (is_boolean(arg))
	{
		Outcomes	inner = tg_prove(arg, place);

		result = make_outcomes(inner.if_null,
							   worse(inner.if_true, inner.if_false), never());
	}
	else
	{
		result = leaf(node, place);
		result.if_null = never();
	}
	return test->nulltesttype == IS_NULL ? result : negate(result);
}

static Outcomes
prove_boolean_test(BooleanTest *test, const Place *place)
{
	Outcomes	arg = tg_prove((Node *) test->arg, place);

	switch (test->booltesttype)
	{
		case IS_TRUE:
			return make_outcomes(arg.if_true,
								 worse(arg.if_false, arg.if_null), never());
		case IS_NOT_TRUE:
			return make_outcomes(worse(arg.if_false, arg.if_null),
								 arg.if_true, never());
		case IS_FALSE:
			return make_outcomes(arg.if_false,
								 worse(arg.if_true, arg.if_null), never());
		case IS_NOT_FALSE:
			return make_outcomes(worse(arg.if_true, arg.if_null),
								 arg.if_false, never());
		case IS_UNKNOWN:
			return make_outcomes(arg.if_null,
								 worse(arg.if_true, arg.if_false), never());
		case IS_NOT_UNKNOWN:
			return make_outcomes(worse(arg.if_true, arg.if_false),
								 arg.if_null, never());
	}
	return leaf((Node *) test, place);
}

/* ----------------------------------------------------------------
 *		CASE and COALESCE
 * ----------------------------------------------------------------
 */

/* Puts the operand of a CASE where its WHENs have a placeholder. */
static Node *
put_operand(Node *node, Node *operand)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return operand;

	/* the placeholders below these are their own */
	if (IsA(node, CaseExpr) || IsA(node, ArrayCoerceExpr))
		return node;
	return expression_tree_mutator(node, put_operand, (void *) operand);
}

static Verdict
add_way(Verdict so_far, Verdict way)
{
	if (way.standing == NEVER_HAPPENS)
		return so_far;
	return so_far.standing == NEVER_HAPPENS ? way : worse(so_far, way);
}

static Outcomes
prove_case(CaseExpr *expr, const Place *place)
{
	Outcomes	result = {0};
	Verdict		not_before;		/* no earlier condition was true */
	bool		first = true;
	ListCell   *lc;

	not_before = make_verdict(OPEN, WHY_ALWAYS, (Node *) expr);
	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);
		Node	   *condition = (Node *) when->expr;
		Outcomes	taken;
		Outcomes	value;
		Verdict		here;

		if (expr->arg != NULL)
			condition = put_operand(condition, (Node *) expr->arg);
		taken = tg_prove(condition, place);
		value = tg_prove((Node *) when->result, place);
		here = first ? taken.if_true : better(taken.if_true, not_before);
		result.if_true = add_way(result.if_true, better(value.if_true, here));
		result.if_false = add_way(result.if_false,
								  better(value.if_false, here));
		result.if_null = add_way(result.if_null, better(value.if_null, here));
		here = worse(taken.if_false, taken.if_null);
		not_before = first ? here : better(not_before, here);
		first = false;
	}
	{
		Outcomes	value;

		if (expr->defresult != NULL)
			value = tg_prove((Node *) expr->defresult, place);
		else
			value = constant_outcome((Node *) expr, false, true);
		result.if_true = add_way(result.if_true,
								 better(value.if_true, not_before));
		result.if_false = add_way(result.if_false,
								  better(value.if_false, not_before));
		result.if_null = add_way(result.if_null,
								 better(value.if_null, not_before));
	}
	return result;
}

static Outcomes
prove_coalesce(CoalesceExpr *expr, const Place *place)
{
	Outcomes	result = {0};
	Verdict		all_null = {0};
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		Outcomes	arg = tg_prove((Node *) lfirst(lc), place);

		if (lc == list_head(expr->args))
		{
			result = arg;
			all_null = arg.if_null;
			continue;
		}
		result.if_true = add_way(result.if_true,
								 better(arg.if_true, all_null));
		result.if_false = add_way(result.if_false,
								  better(arg.if_false, all_null));
		all_null = better(all_null, arg.if_null);
	}
	result.if_null = all_null;
	return result;
}

static Outcomes
prove_nullif(NullIfExpr *expr, const Place *place)
{
	/* NULLIF(a, b): NULL where both are the same, else a */
	static int	table[3][3] = {{2, 0, 0}, {1, 2, 1}, {2, 2, 2}};
	Outcomes	one = tg_prove(linitial(expr->args), place);
	Outcomes	other = tg_prove(lsecond(expr->args), place);

	return combine(&one, &other, table);
}

/* ----------------------------------------------------------------
 *		Sub-selects
 * ----------------------------------------------------------------
 */

/* The place among the conditions of a sub-select. */
static Place
enter_conditions(Query *query, const Place *place)
{
	Place		inner = tg_enter_query(place, query);

	inner.ambient = place->ambient |
		(tg_query_dependencies(query, place) & ORIGIN_MAY_KNOW_SESSION);
	return inner;
}

/*
 * What to show is the sub-select: a piece of it can't be printed out of its
 * context.
 */
static Verdict
show_sublink(Verdict verdict, Node *sublink)
{
	verdict.arm = sublink;
	verdict.in_or = false;
	return verdict;
}

/* What holds where the sub-select yields a row. */
static Verdict
prove_yields(Node *node, Query *query, const Place *place)
{
	Place		inner = enter_conditions(query, place);
	Verdict		verdict = make_verdict(OPEN, WHY_NOT_MENTIONED, node);
	ListCell   *lc;

	/* Without GROUP BY, aggregates yield a row even if there is none. */
	if (query->commandType != CMD_SELECT || query->setOperations != NULL ||
		((query->hasAggs || query->havingQual != NULL) &&
		 query->groupClause == NIL) || query->groupingSets != NIL)
		return judge_dependencies(tg_query_dependencies(query, place), node,
								  place);

	verdict = better(verdict,
					 tg_prove_all(tg_query_conditions(query), &inner));

	/* EXISTS (SELECT FROM helper(organization_id)) */
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_FUNCTION)
			verdict = better(verdict,
							 leaf_verdict((Node *) rte->functions, &inner));
		else if (rte->rtekind == RTE_SUBQUERY)
		{
			Origin		origin = tg_query_dependencies(rte->subquery, &inner);

			if ((origin & (ORIGIN_TENANT | ORIGIN_ROW)) &&
				inner.ambient != 0)
				verdict = better(verdict,
								 make_verdict(UNDECIDED, WHY_CORRELATED,
											  node));
		}
	}
	return show_sublink(verdict, node);
}

/* The Param that stands for a column of the sub-select, under casts. */
static Param *
find_param(Node *node)
{
	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL)
			return NULL;
		if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) &&
				 ((FuncExpr *) node)->funcid < FirstGenbkiObjectId &&
				 ((FuncExpr *) node)->args != NIL)
			node = linitial(((FuncExpr *) node)->args);
		else
			break;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return (Param *) node;
	return NULL;
}

/*
 * Is the test "tenant column <operator> column of the sub-select"?  Then
 * *equal is what holds where both are equal.
 */
static bool
prove_test(SubLink *sublink, Node *test, const Place *place,
		   Comparison *comparison, Verdict *equal)
{
	Node	   *node = (Node *) sublink;
	OpExpr	   *expr = (OpExpr *) test;
	Param	   *param;
	Oid			type;

	if (test == NULL || !IsA(test, OpExpr) || list_length(expr->args) != 2 ||
		(param = find_param(lsecond(expr->args))) == NULL ||
		!tg_is_tenant(linitial(expr->args), place, true, &type))
		return false;
	*comparison = tg_comparison(expr->opno, type);
	if (*comparison != COMPARES_EQUAL && *comparison != COMPARES_UNEQUAL)
		return false;
	*equal = judge_origin(tg_query_origin((Query *) sublink->subselect,
										  param->paramid, place),
						  node, place);
	if (equal->standing <= CONFINED && !tg_keeps_apart(expr->inputcollid))
	{
		*equal = make_verdict(UNDECIDED, WHY_COLLATION, node);
		equal->mentions = true;
	}
	return true;
}

/* Is any column of the policy's row mentioned inside the sub-select? */
static bool
is_correlated(Query *query, const Place *place)
{
	return (tg_query_dependencies(query, place) &
			(ORIGIN_TENANT | ORIGIN_ROW)) != 0;
}

/* SELECT ... FROM ... WHERE ..., and nothing else that drops or makes rows. */
static bool
is_plain(Query *query)
{
	return query->commandType == CMD_SELECT && query->setOperations == NULL &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->limitCount == NULL &&
		query->limitOffset == NULL && !query->hasAggs &&
		!query->hasWindowFuncs && !query->hasTargetSRFs;
}

static Outcomes
prove_sublink(SubLink *sublink, const Place *place)
{
	Node	   *node = (Node *) sublink;
	Query	   *query = castNode(Query, sublink->subselect);
	Outcomes	result = leaf(node, place);
	Comparison	comparison;
	Verdict		equal;

	switch (sublink->subLinkType)
	{
		case EXISTS_SUBLINK:
			result.if_true = prove_yields(node, query, place);
			result.if_null = never();
			if (is_plain(query) && query->jointree->fromlist == NIL)
			{
				/* without FROM, there is a row unless WHERE is not true */
				Place		inner = enter_conditions(query, place);
				Outcomes	where = constant_outcome(node, true, false);

				if (query->jointree->quals != NULL)
					where = tg_prove(query->jointree->quals, &inner);
				result.if_true = show_sublink(where.if_true, node);
				result.if_false = show_sublink(worse(where.if_false,
													 where.if_null), node);
			}
			return result;

		case ANY_SUBLINK:
		case ROWCOMPARE_SUBLINK:
			{
				List	   *tests = list_make1(sublink->testexpr);
				Verdict		verdict = result.if_true;
				bool		compared = false;
				ListCell   *lc;

				/* (a, b) IN (SELECT ...) is an AND of comparisons */
				if (sublink->testexpr != NULL &&
					IsA(sublink->testexpr, BoolExpr) &&
					((BoolExpr *) sublink->testexpr)->boolop == AND_EXPR)
					tests = ((BoolExpr *) sublink->testexpr)->args;
				foreach(lc, tests)
				{
					if (!prove_test(sublink, lfirst(lc), place, &comparison,
									&equal))
						continue;
					if (comparison != COMPARES_EQUAL)
						equal = open_verdict(WHY_UNEQUAL, node);
					verdict = compared ? better(equal, verdict) : equal;
					compared = true;
				}
				result.if_true = better(verdict,
										prove_yields(node, query, place));
				if (compared && !is_correlated(query, place))
				{
					result.if_false = open_verdict(WHY_UNEQUAL, node);
					result.if_null = open_verdict(WHY_NOT_TRUE, node);
				}
				return result;
			}

		case ALL_SUBLINK:
			/* <> ALL is false where one is equal, and true of an empty set */
			if (prove_test(sublink, sublink->testexpr, place, &comparison,
						   &equal))
			{
				result.if_true = open_verdict(WHY_EMPTY_SET, node);
				if (comparison == COMPARES_UNEQUAL)
					result.if_false = equal;
				else
					result.if_false = open_verdict(WHY_UNEQUAL, node);
			}
			result.if_false = better(result.if_false,
									 prove_yields(node, query, place));
			return result;

		case EXPR_SUBLINK:
			{
				Place		inner = enter_conditions(query, place);
				TargetEntry *target;
				Outcomes	value;
				Verdict		passed = make_verdict(OPEN, WHY_ALWAYS, node);
				List	   *conditions;

				if (query->commandType != CMD_SELECT ||
					query->setOperations != NULL || query->hasAggs ||
					query->hasWindowFuncs || query->groupClause != NIL ||
					query->groupingSets != NIL)
					return result;
				target = linitial_node(TargetEntry, query->targetList);
				conditions = tg_query_conditions(query);
				value = tg_prove((Node *) target->expr, &inner);
				if (conditions != NIL)
					passed = tg_prove_all(conditions, &inner);
				result.if_true = show_sublink(better(value.if_true, passed),
											  node);
				result.if_false = show_sublink(better(value.if_false, passed),
											   node);
				if (is_plain(query) && query->jointree->fromlist == NIL &&
					conditions == NIL)
					result.if_null = show_sublink(value.if_null, node);
				return result;
			}

		default:
			return result;
	}
}

/* ----------------------------------------------------------------
 *		Putting it together
 * ----------------------------------------------------------------
 */

/* Limits that a set of conditions puts on the tenant column. */
typedef struct Limits
{
	List	   *lower;			/* it is not less than any of these ... */
	List	   *upper;			/* ... and not greater than any of these */
} Limits;

/*
 * Collects what "node is true" (or, if !positive, "node is false") says about
 * the order of the tenant column.
 */
static void
collect_limits(Node *node, bool positive, const Place *place, Limits *limits)
{
	Comparison	comparison;
	Node	   *other;
	OpExpr	   *expr;

	check_stack_depth();
	if (IsA(node, BoolExpr))
	{
		BoolExpr   *bool_expr = (BoolExpr *) node;
		ListCell   *lc;

		if (bool_expr->boolop == NOT_EXPR)
			positive = !positive;
		else if ((bool_expr->boolop == AND_EXPR) != positive)
			return;
		foreach(lc, bool_expr->args)
			collect_limits(lfirst(lc), positive, place, limits);
		return;
	}
	if (!IsA(node, OpExpr) || list_length(((OpExpr *) node)->args) != 2)
		return;
	expr = (OpExpr *) node;
	if (!compares_tenant(expr->opno, linitial(expr->args),
						 lsecond(expr->args), place, true, &comparison,
						 &other) ||
		!tg_keeps_apart(expr->inputcollid))
		return;
	if ((comparison == COMPARES_GREATER_EQUAL && positive) ||
		(comparison == COMPARES_LESS && !positive))
		limits->lower = lappend(limits->lower, other);
	else if ((comparison == COMPARES_LESS_EQUAL && positive) ||
			 (comparison == COMPARES_GREATER && !positive))
		limits->upper = lappend(limits->upper, other);
}

/* BETWEEN x AND x is an equality: improves the verdict if there is one. */
static Verdict
prove_limits(List *nodes, bool positive, const Place *place, Verdict verdict)
{
	Limits		limits = {NIL, NIL};
	ListCell   *lc;

	if (verdict.standing <= CONFINED)
		return verdict;
	foreach(lc, nodes)
		collect_limits(lfirst(lc), positive, place, &limits);
	foreach(lc, limits.lower)
	{
		if (list_member(limits.upper, lfirst(lc)))
			verdict = better(verdict,
							 judge_origin(tg_value_origin(lfirst(lc), place),
										  verdict.arm, place));
	}
	return verdict;
}

/* The arm to show is the arm of the innermost OR around the culprit. */
static void
mark_or_arm(Verdict *verdict, Node *arm)
{
	if (!verdict->in_or && verdict->standing >= UNDECIDED)
	{
		verdict->in_or = true;
		verdict->arm = arm;
	}
}

static Outcomes
prove_bool_expr(BoolExpr *expr, const Place *place)
{
	Outcomes	result = {0};
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		Outcomes	arg = tg_prove((Node *) lfirst(lc), place);

		if (expr->boolop == NOT_EXPR)
			return negate(arg);
		if (expr->boolop == OR_EXPR)
			mark_or_arm(&arg.if_true, lfirst(lc));
		if (lc == list_head(expr->args))
			result = arg;
		else
			result = expr->boolop == AND_EXPR ? both(result, arg) :
				either(result, arg);
	}
	if (expr->boolop == AND_EXPR)
		result.if_true = prove_limits(expr->args, true, place,
									  result.if_true);
	else
		result.if_false = prove_limits(expr->args, false, place,
									   result.if_false);
	return result;
}

static Outcomes
prove_node(Node *node, const Place *place)
{
	if (node == NULL)
		return constant_outcome(node, false, true);
	switch (nodeTag(node))
	{
		case T_Const:
			{
				Const	   *constant = (Const *) node;

				if (constant->constisnull || constant->consttype == BOOLOID)
					return constant_outcome(node, !constant->constisnull &&
											DatumGetBool(constant->constvalue),
											constant->constisnull);
				return leaf(node, place);
			}

		case T_RelabelType:
			return tg_prove((Node *) ((RelabelType *) node)->arg, place);
		case T_CoerceToDomain:
			return tg_prove((Node *) ((CoerceToDomain *) node)->arg, place);
		case T_CollateExpr:
			return tg_prove((Node *) ((CollateExpr *) node)->arg, place);

		case T_BoolExpr:
			return prove_bool_expr((BoolExpr *) node, place);

		case T_OpExpr:
			{
				OpExpr	   *expr = (OpExpr *) node;
				Outcomes	outcomes;

				if (list_length(expr->args) != 2)
					return leaf(node, place);
				if (prove_containment(expr, place, &outcomes))
					return outcomes;
				return prove_comparison(node, expr->opno, expr->inputcollid,
										linitial(expr->args),
										lsecond(expr->args), place);
			}

		case T_ScalarArrayOpExpr:
			return prove_array_comparison((ScalarArrayOpExpr *) node, place);
		case T_DistinctExpr:
			return prove_distinct((DistinctExpr *) node, place);
		case T_NullTest:
			return prove_null_test((NullTest *) node, place);
		case T_BooleanTest:
			return prove_boolean_test((BooleanTest *) node, place);
		case T_CaseExpr:
			return prove_case((CaseExpr *) node, place);
		case T_CoalesceExpr:
			return prove_coalesce((CoalesceExpr *) node, place);
		case T_SubLink:
			return prove_sublink((SubLink *) node, place);

		case T_RowCompareExpr:
			{
				/* (a, b) = (c, d) would be an AND of comparisons */
				Verdict		verdict = leaf_verdict(node, place);

				if (verdict.why == WHY_NOT_EQUALITY)
					verdict = open_verdict(WHY_ORDER, node);
				return every_outcome(verdict);
			}

		case T_NullIfExpr:
			if (is_boolean(linitial(((NullIfExpr *) node)->args)) &&
				is_boolean(lsecond(((NullIfExpr *) node)->args)))
				return prove_nullif((NullIfExpr *) node, place);
			return leaf(node, place);

		case T_FuncExpr:
			/* (boolean)::int::boolean */
			if (((FuncExpr *) node)->funcid == F_BOOL_INT4)
			{
				Node	   *boolean =
					boolean_under_cast(linitial(((FuncExpr *) node)->args));

				if (boolean != NULL)
					return tg_prove(boolean, place);
			}
			return leaf(node, place);

		case T_CoerceViaIO:
			/* (boolean)::text::boolean */
			if (((CoerceViaIO *) node)->resulttype == BOOLOID)
			{
				Node	   *boolean =
					boolean_under_cast((Node *) ((CoerceViaIO *) node)->arg);

				if (boolean != NULL)
					return tg_prove(boolean, place);
			}
			return leaf(node, place);

		default:
			return leaf(node, place);
	}
}

Outcomes
tg_prove(Node *node, const Place *place)
{
	Outcomes	result;

	if (place->budget->depth >= BUDGET_DEPTH)
		return every_outcome(make_verdict(UNDECIDED, WHY_TOO_DEEP, node));
	place->budget->depth++;
	result = prove_node(node, place);
	place->budget->depth--;
	return result;
}

Verdict
tg_prove_all(List *nodes, const Place *place)
{
	Verdict		result = make_verdict(OPEN, WHY_NOT_MENTIONED, NULL);
	ListCell   *lc;

	foreach(lc, nodes)
	{
		Verdict		verdict = tg_prove((Node *) lfirst(lc), place).if_true;

		result = lc == list_head(nodes) ? verdict : better(result, verdict);
	}
	return prove_limits(nodes, true, place, result);
}

/* ----------------------------------------------------------------
 *		In words
 * ----------------------------------------------------------------
 */

/* The name of the function that is to blame, or NULL. */
static char *
culprit_name(const Verdict *verdict, Origin origin)
{
	Oid			function = verdict->arm == NULL ? InvalidOid :
		tg_culprit(verdict->arm, origin);

	return OidIsValid(function) ? get_func_name(function) : NULL;
}

char *
tg_explain(const Verdict *verdict, const Place *place)
{
	const char *column = quote_identifier(place->facts->tenant->name);
	const char *what = verdict->in_or ? _("this OR arm") :
		_("the expression");
	char	   *function;

	switch (verdict->why)
	{
		case WHY_NOTHING:
			return pstrdup("");
		case WHY_ALWAYS:
			return psprintf(_("%s is true of every row"), what);
		case WHY_NOT_MENTIONED:
			return psprintf(_("%s does not mention %s"), what, column);
		case WHY_NO_ROW:
			return psprintf(_("%s depends on the session alone and does not mention %s"),
							what, column);
		case WHY_OTHER_COLUMN:
			return psprintf(_("%s compares %s with another column of the row"),
							what, column);
		case WHY_ITSELF:
			return psprintf(_("%s can compare %s with itself"), what, column);
		case WHY_LITERAL:
			return psprintf(_("%s compares %s with a value that is the same in every session"),
							what, column);
		case WHY_FROZEN:
			function = culprit_name(verdict, ORIGIN_FROZEN);
			return psprintf(_("function %s is IMMUTABLE, so its value may be kept in a plan that serves another tenant"),
							function ? quote_identifier(function) : "");
		case WHY_SETS:
			return psprintf(_("%s changes a setting while rows are read"),
							what);
		case WHY_RANDOM:
			return psprintf(_("%s compares %s with a volatile value, not with one of the session's"),
							what, column);
		case WHY_MEMBER:
			return psprintf(_("%s admits a literal tenant besides those of the session"),
							what);
		case WHY_SAME_SET:
			return psprintf(_("%s compares %s with a sub-select that gives the same result in every session"),
							what, column);
		case WHY_LOOSE_SET:
			return psprintf(_("the sub-select has an OR arm that lets all of its rows through"));
		case WHY_NO_SESSION:
			return psprintf(_("%s mentions %s, but compares it with nothing of the session's"),
							what, column);
		case WHY_NULL_ROWS:
			return psprintf(_("%s admits rows whose %s is NULL"), what,
							column);
		case WHY_UNEQUAL:
			return psprintf(_("%s admits rows whose %s is not the session's"),
							what, column);
		case WHY_ORDER:
			return psprintf(_("%s compares %s by order, not by equality"),
							what, column);
		case WHY_NOT_TRUE:
			return psprintf(_("%s admits rows where the comparison of %s is not true, as when the setting is unset"),
							what, column);
		case WHY_EMPTY_SET:
			return psprintf(_("%s is true of every row where the set is empty"),
							what);
		case WHY_OPAQUE:
			function = culprit_name(verdict, ORIGIN_OPAQUE);
			if (function != NULL)
				return psprintf(_("%s depends on what function %s makes of the row"),
								what, quote_identifier(function));
			return psprintf(_("%s depends on what a sub-select makes of the row"),
							what);
		case WHY_CORRELATED:
			return psprintf(_("%s depends on a sub-select that is correlated with the row"),
							what);
		case WHY_OTHER_TABLE:
			return psprintf(_("%s does not mention %s, but depends on the rows of another table"),
							what, column);
		case WHY_THROUGH_COLUMN:
			return psprintf(_("%s ties %s to the session by way of another column only"),
							what, column);
		case WHY_NOT_EQUALITY:
			return psprintf(_("%s does not compare %s itself for equality"),
							what, column);
		case WHY_COLLATION:
			return psprintf(_("%s compares %s under a nondeterministic collation"),
							what, column);
		case WHY_VOLATILE:
			function = culprit_name(verdict, ORIGIN_VOLATILE);
			return psprintf(_("function %s is VOLATILE, so its value may change from row to row"),
							function ? quote_identifier(function) : "");
		case WHY_UNKNOWN:
			return psprintf(_("%s compares %s with something that is not known to come from the session"),
							what, column);
		case WHY_TOO_DEEP:
			return psprintf(_("%s is nested too deeply to be followed"),
							what);
		case WHY_FALLBACK:
			return psprintf(_("%s falls back on a literal tenant when the session has none"),
							what);
		case WHY_MAPPED:
			return psprintf(_("%s lets the session choose among literal tenants"),
							what);
		case WHY_GUARDED_SET:
			return psprintf(_("%s depends on the row-level security of a table that a sub-select reads"),
							what);
		case WHY_UNBOUND_SET:
			return psprintf(_("%s compares %s with a sub-select whose rows are not tied to the session by an equality"),
							what, column);
	}
	return pstrdup("");
}
