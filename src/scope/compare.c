/*-------------------------------------------------------------------------
 *
 * compare.c
 *		Comparisons with the tenant column.
 *
 * "organization_id = value" confines rows where it is true, if the value comes
 * from the session; equality.c knows whether the operator is the equality of
 * the column, and origin.c where the value comes from.  So does everything
 * else that is true only where the column is equal to something: IN, = ANY,
 * @> ARRAY[column], IS NOT DISTINCT FROM.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "scope/proof.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* What holds where the tenant column is equal to a value of such an origin. */
Verdict
tg_judge_origin(Origin origin, Node *node, const Place *place)
{
	Verdict		verdict;

	if (origin == 0)
		return tg_never();		/* nothing but NULLs */
	if (origin & ORIGIN_TOO_DEEP)
		verdict = tg_make_verdict(UNDECIDED, WHY_TOO_DEEP, node);
	else if (origin & ORIGIN_SETS)
		verdict = tg_make_verdict(OPEN, WHY_SETS, node);
	else if ((origin & (ORIGIN_TENANT | ORIGIN_ROW)) &&
			 (origin & (ORIGIN_OPAQUE | ORIGIN_UNKNOWN | ORIGIN_TABLE |
						ORIGIN_GUARDED)))
		verdict = tg_make_verdict(UNDECIDED, (origin & ORIGIN_OPAQUE) ?
								  WHY_OPAQUE : WHY_CORRELATED, node);
	else if (origin & ORIGIN_TENANT)
		verdict = tg_make_verdict(OPEN, WHY_ITSELF, node);
	else if (origin & ORIGIN_ROW)
		verdict = tg_make_verdict(OPEN, WHY_OTHER_COLUMN, node);
	else if (origin & ORIGIN_LOOSE_SET)
		verdict = tg_make_verdict(OPEN, WHY_LOOSE_SET, node);
	else if (origin & ORIGIN_MEMBER)
		verdict = tg_make_verdict(OPEN, WHY_MEMBER, node);
	else if (origin & (ORIGIN_TABLE | ORIGIN_GUARDED))
	{
		if (place->ambient == 0)
			verdict = tg_make_verdict(OPEN, WHY_SAME_SET, node);
		else
			verdict = tg_make_verdict(UNDECIDED, WHY_CORRELATED, node);
	}
	else if (origin & ORIGIN_UNKNOWN)
		verdict = tg_make_verdict(UNDECIDED, WHY_UNKNOWN, node);
	else if (origin & ORIGIN_VOLATILE)
		verdict = tg_make_verdict(UNDECIDED, WHY_VOLATILE, node);
	else if (origin & ORIGIN_RANDOM)
		verdict = tg_make_verdict((origin & ORIGIN_SESSION) ? UNDECIDED : OPEN,
								  WHY_RANDOM, node);
	else if (origin & ORIGIN_UNBOUND_SET)
		verdict = tg_make_verdict(UNDECIDED, WHY_UNBOUND_SET, node);
	else if (origin & ORIGIN_GUARDED_SET)
		verdict = tg_make_verdict(UNDECIDED, WHY_GUARDED_SET, node);
	else if (origin & ORIGIN_MAPPED)
		verdict = tg_make_verdict(UNDECIDED, WHY_MAPPED, node);
	else if (origin & ORIGIN_FALLBACK)
		verdict = tg_make_verdict(UNDECIDED, WHY_FALLBACK, node);
	else if (origin & ORIGIN_MIXED)
		verdict = tg_make_verdict(UNDECIDED, WHY_MIXED, node);
	else if (origin & ORIGIN_SAME_SET)
		verdict = tg_make_verdict((origin & ORIGIN_SESSION) ? UNDECIDED : OPEN,
								  WHY_SAME_SET, node);
	else if (origin & ORIGIN_SESSION)
		verdict = tg_make_verdict(CONFINED, WHY_NOTHING, node);
	else if (origin & ORIGIN_FROZEN)
		verdict = tg_make_verdict(OPEN, WHY_FROZEN, node);
	else if (origin & ORIGIN_OPAQUE)
		verdict = tg_make_verdict(UNDECIDED, WHY_OPAQUE, node);
	else
		verdict = tg_make_verdict(OPEN, WHY_LITERAL, node);

	verdict.mentions = true;
	verdict.relates = (origin & ORIGIN_ROW) != 0;
	return verdict;
}

bool
tg_is_null_constant(Node *node)
{
	node = tg_strip(node);
	return node != NULL && IsA(node, Const) && ((Const *) node)->constisnull;
}

/*
 * The outcomes of an equality with a value of such an origin, that is confined
 * to "equal" where true.  Where a function or a table makes that value of the
 * row, no row can be named that is unequal.
 */
static Outcomes
equality_outcomes(Verdict equal, Origin origin, Node *node)
{
	Verdict		unequal = tg_open_verdict(WHY_UNEQUAL, node);

	if ((origin & (ORIGIN_TENANT | ORIGIN_ROW)) &&
		(origin & (ORIGIN_OPAQUE | ORIGIN_UNKNOWN | ORIGIN_TABLE |
				   ORIGIN_GUARDED | ORIGIN_SAME_SET | ORIGIN_GUARDED_SET |
				   ORIGIN_UNBOUND_SET | ORIGIN_LOOSE_SET)))
	{
		unequal.standing = UNDECIDED;
		unequal.why = WHY_CORRELATED;
	}
	return tg_make_outcomes(equal, unequal,
							tg_open_verdict(WHY_NOT_TRUE, node));
}

/* The outcomes of a comparison by order with a value of the session's. */
static Outcomes
order_outcomes(Comparison comparison, Node *node, Node *value)
{
	Outcomes	outcomes = tg_every_outcome(tg_open_verdict(WHY_ORDER, node));

	switch (comparison)
	{
		case COMPARES_LESS:
			outcomes.if_false.at_least = value;
			break;
		case COMPARES_LESS_EQUAL:
			outcomes.if_true.at_most = value;
			break;
		case COMPARES_GREATER_EQUAL:
			outcomes.if_true.at_least = value;
			break;
		case COMPARES_GREATER:
			outcomes.if_false.at_most = value;
			break;
		default:
			break;
	}
	return outcomes;
}

/* A strict comparison of the tenant column is NULL where the column is. */
static Outcomes
strict_outcomes(Oid operator, Outcomes outcomes)
{
	if (op_strict(operator))
		outcomes.if_true.present = outcomes.if_false.present = true;
	return outcomes;
}

/*
 * Can the comparison of these two be NULL?  PostgreSQL's own comparisons are
 * NULL only where one side is.
 */
static bool
never_null(Oid operator, Node *left, Node *right, const Place *place)
{
	Node	   *sides[2] = {left, right};
	Oid			type;

	if (operator >= FirstGenbkiObjectId)
		return false;
	for (int i = 0; i < 2; i++)
	{
		if (!tg_is_never_null(sides[i]) &&
			!(place->facts->tenant->not_null &&
			  tg_is_tenant(sides[i], place, false, &type)))
			return false;
	}
	return true;
}

/* The one constant that the expression can be, if it is not NULL. */
static Const *
only_constant(Node *node)
{
	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL)
			return NULL;
		if (IsA(node, Const))
			return ((Const *) node)->constisnull ? NULL : (Const *) node;
		if (IsA(node, NullIfExpr))
			node = linitial(((NullIfExpr *) node)->args);
		else if (IsA(node, CoalesceExpr) &&
				 tg_is_never_null(linitial(((CoalesceExpr *) node)->args)))
			node = linitial(((CoalesceExpr *) node)->args);
		else
			return NULL;
	}
}

/*
 * NULLIF(column, 'acme') = 'acme' is never true, if both go by the equality of
 * the type: a "=" of somebody else's may say anything.
 */
static bool
avoids_value(Node *one, Node *other, Oid collation)
{
	if (!tg_keeps_apart(collation))
		return false;
	for (int i = 0; i < 2; i++)
	{
		NullIfExpr *avoiding = (NullIfExpr *) tg_strip(i == 0 ? one : other);
		Const	   *avoided;
		Const	   *constant = only_constant(i == 0 ? other : one);

		if (!IsA(avoiding, NullIfExpr) || constant == NULL)
			continue;
		avoided = (Const *) tg_strip(lsecond(avoiding->args));
		if (IsA(avoided, Const) && !avoided->constisnull &&
			avoided->consttype == constant->consttype &&
			tg_comparison(avoiding->opno,
						  avoided->consttype) == COMPARES_EQUAL &&
			tg_keeps_apart(avoiding->inputcollid) &&
			datumIsEqual(avoided->constvalue, constant->constvalue,
						 constant->constbyval, constant->constlen))
			return true;
	}
	return false;
}

/* A column that is compared with itself is equal, or NULL. */
static Outcomes
compare_with_itself(Comparison comparison, Node *node, const Place *place)
{
	Verdict		always = tg_open_verdict(WHY_ITSELF, node);
	Verdict		absent = tg_open_verdict(WHY_NULL_ROWS, node);
	Outcomes	outcomes;

	always.present = absent.or_absent = true;
	outcomes = tg_make_outcomes(always, tg_never(),
								place->facts->tenant->not_null ? tg_never() :
								absent);
	return tg_comparison_holds(comparison, 0) ? outcomes :
		tg_negate(outcomes);
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

Outcomes
tg_prove_comparison(Node *node, Oid operator, Oid collation, Node *left,
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
		Origin		origin;

		if (tg_is_null_constant(other))
			return tg_make_outcomes(tg_never(), tg_never(),
									tg_open_verdict(WHY_ALWAYS, node));
		if (IsA(tg_strip(left), Var) && equal(tg_strip(left), tg_strip(right)))
			return compare_with_itself(comparison, node, place);
		switch (comparison)
		{
			case COMPARES_EQUAL:
			case COMPARES_UNEQUAL:
				if (IsA(node, OpExpr) && has_row_arm(other, place))
					distributed = tg_distribute((OpExpr *) node, place);
				if (distributed != NULL)
					return tg_prove(distributed, place);
				origin = tg_value_origin(other, place);
				same = tg_judge_origin(origin, node, place);
				if (avoids_value(left, right, collation))
					same = tg_never();
				if (same.standing <= CONFINED && !tg_keeps_apart(collation))
				{
					same = tg_make_verdict(UNDECIDED, WHY_COLLATION, node);
					same.mentions = true;
				}
				result = equality_outcomes(same, origin, node);
				if (comparison == COMPARES_UNEQUAL)
					result = tg_negate(result);
				break;
			default:
				if ((tg_dependencies(other, place) &
					 ORIGIN_MAY_KNOW_SESSION) == 0)
					result = tg_leaf(node, place);
				else
					result = order_outcomes(comparison, node, other);
				break;
		}
		if (never_null(operator, left, right, place))
			result.if_null = tg_never();
		return strict_outcomes(operator, result);
	}

	if (tg_is_boolean(left) && tg_is_boolean(right) &&
		tg_boolean_comparison(operator, &comparison))
		return tg_prove_boolean_comparison(comparison, false, left, right,
										   place);

	/* PostgreSQL's own comparisons of anything with NULL are NULL. */
	if ((tg_is_null_constant(left) || tg_is_null_constant(right)) &&
		operator < FirstGenbkiObjectId && op_strict(operator))
		return tg_constant_outcome(node, false, true);

	if (IsA(tg_strip(left), Const) && IsA(tg_strip(right), Const))
	{
		Const	   *one = (Const *) tg_strip(left);
		Const	   *two = (Const *) tg_strip(right);
		int			order;

		comparison = tg_comparison(operator, one->consttype);
		if (comparison != COMPARES_NOT && tg_keeps_apart(collation))
		{
			if (!one->constisnull && !two->constisnull &&
				tg_compare_constants(one, two, comparison, &order))
			{
				bool		holds = tg_comparison_holds(comparison, order);

				return tg_constant_outcome(node, holds, false);
			}
		}
	}

	if (tg_prove_cast_boolean(operator, collation, left, right, false, place,
							  &result) ||
		tg_prove_cast_boolean(operator, collation, right, left, true, place,
							  &result))
		return result;

	if (IsA(node, OpExpr) &&
		(distributed = tg_distribute((OpExpr *) node, place)) != NULL)
		return tg_prove(distributed, place);

	return tg_leaf(node, place);
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

/*
 * The comparisons that one with the elements of an array consists of; NIL if
 * the array is not written out.  A relabel of all elements, as of a domain's,
 * makes no difference to their values.
 */
List *
tg_listed_comparisons(ScalarArrayOpExpr *expr)
{
	Node	   *array = tg_strip(lsecond(expr->args));
	List	   *result = NIL;
	ListCell   *lc;

	while (IsA(array, ArrayCoerceExpr) &&
		   IsA(tg_strip((Node *) ((ArrayCoerceExpr *) array)->elemexpr),
			   CaseTestExpr))
		array = tg_strip((Node *) ((ArrayCoerceExpr *) array)->arg);
	if (!IsA(array, ArrayExpr) || ((ArrayExpr *) array)->multidims)
		return NIL;
	foreach(lc, ((ArrayExpr *) array)->elements)
		result = lappend(result, make_comparison(expr, linitial(expr->args),
												 lfirst(lc)));
	return result;
}

/* ARRAY(SELECT ...) of a query that certainly yields a row? */
static bool
never_empty(Node *array)
{
	return IsA(array, SubLink) &&
		((SubLink *) array)->subLinkType == ARRAY_SUBLINK &&
		tg_always_yields((Query *) ((SubLink *) array)->subselect);
}

Outcomes
tg_prove_array_comparison(ScalarArrayOpExpr *expr, const Place *place)
{
	Node	   *node = (Node *) expr;
	Node	   *scalar = linitial(expr->args);
	Node	   *array = tg_strip(lsecond(expr->args));
	List	   *comparisons = tg_listed_comparisons(expr);
	Comparison	comparison;
	Verdict		equal;
	Verdict		unequal;
	Origin		origin;
	Oid			type;

	if (comparisons != NIL)
	{
		Outcomes	result = {0};
		ListCell   *lc;

		foreach(lc, comparisons)
		{
			Outcomes	outcomes = tg_prove(lfirst(lc), place);

			if (lc == list_head(comparisons))
				result = outcomes;
			else
				result = expr->useOr ? tg_either(result, outcomes) :
					tg_both(result, outcomes);
		}
		return result;
	}

	if (!tg_is_tenant(scalar, place, true, &type))
		return tg_leaf(node, place);
	if (tg_is_null_constant(array))
		return tg_constant_outcome(node, false, true);
	comparison = tg_comparison(expr->opno, type);
	if (comparison == COMPARES_NOT)
		return tg_leaf(node, place);

	origin = tg_member_origin(array, place);
	equal = tg_judge_origin(origin, node, place);
	if (equal.standing <= CONFINED && !tg_keeps_apart(expr->inputcollid))
	{
		equal = tg_make_verdict(UNDECIDED, WHY_COLLATION, node);
		equal.mentions = true;
	}

	/* = ANY is true, and <> ALL false, where one element is equal. */
	equal.present = op_strict(expr->opno);
	if (expr->useOr && comparison == COMPARES_EQUAL)
		return equality_outcomes(equal, origin, node);
	if (!expr->useOr && comparison == COMPARES_UNEQUAL)
		return tg_negate(equality_outcomes(equal, origin, node));

	/* = ALL is true where all are equal, or where there are none */
	if (comparison == COMPARES_EQUAL && never_empty(array))
		return equality_outcomes(equal, origin, node);

	/* What the row's own set holds besides, nobody knows. */
	unequal = tg_open_verdict(WHY_UNEQUAL, node);
	if (tg_dependencies(array, place) & (ORIGIN_TENANT | ORIGIN_ROW))
		unequal = tg_leaf_verdict(node, place);
	if (comparison == COMPARES_EQUAL)
		return tg_make_outcomes(tg_open_verdict(WHY_EMPTY_SET, node), unequal,
								unequal);
	return tg_every_outcome(unequal);
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
bool
tg_prove_containment(OpExpr *expr, const Place *place, Outcomes *result)
{
	Node	   *node = (Node *) expr;
	Node	   *set = linitial(expr->args);
	Node	   *element = lsecond(expr->args);
	Verdict		same;
	Origin		origin;
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
			origin = tg_value_origin(set, place);
			if (origin & ORIGIN_GLUED)
				origin |= ORIGIN_MIXED;
			same = tg_judge_origin(origin, node, place);
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
			origin = tg_member_origin(set, place);
			same = tg_judge_origin(origin, node, place);
			if (same.standing <= CONFINED &&
				!tg_keeps_apart(expr->inputcollid))
			{
				same = tg_make_verdict(UNDECIDED, WHY_COLLATION, node);
				same.mentions = true;
			}
			break;

		default:
			return false;
	}
	*result = equality_outcomes(same, origin, node);
	return true;
}

Outcomes
tg_prove_distinct(DistinctExpr *expr, const Place *place)
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
		same = tg_is_null_constant(other) ? tg_never() :
			tg_judge_origin(tg_value_origin(other, place), node, place);
		if (same.standing == CONFINED &&
			!tg_keeps_apart(expr->inputcollid))
		{
			same = tg_make_verdict(UNDECIDED, WHY_COLLATION, node);
			same.mentions = true;
		}
		if (same.standing < OPEN && !place->facts->tenant->not_null &&
			!tg_is_never_null(other))
		{
			bool		confined = same.standing <= CONFINED;

			same = tg_open_verdict(WHY_NULL_ROWS, node);
			same.or_absent = confined;
		}
		return tg_make_outcomes(equal(left, right) ? tg_never() :
								tg_open_verdict(WHY_UNEQUAL, node), same,
								tg_never());
	}
	if (tg_is_boolean(left) && tg_is_boolean(right) &&
		tg_boolean_comparison(expr->opno, &comparison))
		return tg_prove_boolean_comparison(comparison, true, left, right,
										   place);
	return tg_leaf(node, place);
}
