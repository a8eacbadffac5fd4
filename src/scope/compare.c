/*-------------------------------------------------------------------------
 *
 * compare.c
 *		Comparisons with the tenant column.
 *
 * "organization_id = value" admits only rows of the session's tenant if the
 * value comes from the session.  The same holds for everything else that is
 * true only if the column is equal to something: IN, = ANY, @> ARRAY[column],
 * IS NOT DISTINCT FROM.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "facts/expression.h"
#include "scope/proof.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/*
 * "equal" is the conclusion if the equality is true.  If a function or a table
 * computes the other side from the row, no row is known to be unequal.
 */
static Outcomes
equality_outcomes(Conclusion equal, Origin origin, Node *node)
{
	Conclusion	unequal = tg_admits_foreign(REASON_UNEQUAL, node);

	if ((origin & (ORIGIN_TENANT | ORIGIN_ROW)) &&
		(origin & (ORIGIN_OPAQUE | ORIGIN_UNKNOWN | ORIGIN_TABLE |
				   ORIGIN_RLS_TABLE | ORIGIN_SAME_SET | ORIGIN_RLS_SET |
				   ORIGIN_UNBOUND_SET | ORIGIN_LOOSE_SET)))
	{
		unequal.rows = ROWS_UNKNOWN;
		unequal.reason = REASON_CORRELATED;
	}
	return tg_make_outcomes(equal, unequal,
							tg_admits_foreign(REASON_NOT_TRUE, node));
}

/* A built-in comparison is NULL exactly if one side is. */
static Outcomes
note_nulls(Oid operator, Node *left, Node *right, Outcomes outcomes,
		   const ProofContext *context)
{
	Node	   *sides[2] = {left, right};

	/* those of built-in types are all strict */
	if (operator >= FirstGenbkiObjectId ||
		tg_comparison(operator, tg_expression_type(left)) == COMPARES_NOT)
		return outcomes;
	for (int i = 0; i < 2; i++)
	{
		Node	   *core = tg_null_core(sides[i], context);

		if (core == NULL)
			continue;
		tg_note_not_null(&outcomes.if_true, core);
		tg_note_not_null(&outcomes.if_false, core);
		if (tg_is_never_null(sides[1 - i], context))
			tg_note_null(&outcomes.if_null, core);
	}
	return outcomes;
}

/* A strict comparison is NULL if the tenant column is. */
static Outcomes
strict_outcomes(Oid operator, Outcomes outcomes)
{
	if (op_strict(operator))
		outcomes.if_true.tenant_not_null = outcomes.if_false.tenant_not_null = true;
	return outcomes;
}

/*
 * Is the comparison of these two never NULL?  Built-in comparisons are NULL
 * only if one side is.
 */
static bool
never_null(Oid operator, Node *left, Node *right, const ProofContext *context)
{
	Node	   *sides[2] = {left, right};
	Oid			type;

	if (operator >= FirstGenbkiObjectId)
		return false;
	for (int i = 0; i < 2; i++)
	{
		if (!tg_is_never_null(sides[i], context) &&
			!(context->facts->tenant->not_null &&
			  tg_is_tenant_column(sides[i], context, false, &type)))
			return false;
	}
	return true;
}

/* A column compared with itself is equal, or NULL. */
static Outcomes
compare_with_itself(Comparison comparison, Node *node,
					const ProofContext *context)
{
	Conclusion	always = tg_admits_foreign(REASON_ITSELF, node);
	Conclusion	absent = tg_admits_foreign(REASON_NULL_ROWS, node);
	Outcomes	outcomes;

	always.tenant_not_null = absent.or_tenant_null = true;
	outcomes = tg_make_outcomes(always, tg_admits_none(),
								context->facts->tenant->not_null ? tg_admits_none() :
								absent);
	return tg_comparison_holds(comparison, 0) ? outcomes :
		tg_not(outcomes);
}

/*
 * Does the operator compare the tenant column with something?  If so, sets
 * *other to that side and *comparison as if the column were on the left.
 */
static bool
compares_tenant(Oid operator, Node *left, Node *right,
				const ProofContext *context, bool or_null,
				Comparison *comparison, Node **other)
{
	Oid			type;

	if (tg_is_tenant_column(left, context, or_null, &type))
	{
		*other = right;
		*comparison = tg_comparison(operator, type);
		return *comparison != COMPARES_NOT;
	}
	if (tg_is_tenant_column(right, context, or_null, &type))
	{
		*other = left;
		*comparison = tg_commute(tg_comparison(operator, type));
		return *comparison != COMPARES_NOT;
	}
	return false;
}

/*
 * Is the other side a CASE or COALESCE with an arm that comes from the row?
 * Then each arm is compared by itself, so that users are shown that arm.
 */
static bool
has_row_arm(Node *node, const ProofContext *context)
{
	node = tg_strip(node);
	return (IsA(node, CaseExpr) || IsA(node, CoalesceExpr)) &&
		(tg_value_origin(node, context) & (ORIGIN_TENANT | ORIGIN_ROW)) != 0;
}

Outcomes
tg_prove_comparison(Node *node, Oid operator, Oid collation, Node *left,
					Node *right, const ProofContext *context)
{
	Comparison	comparison;
	Node	   *other;
	Node	   *distributed = NULL;
	Outcomes	result;

	if (compares_tenant(operator, left, right, context, true, &comparison,
						&other))
	{
		Conclusion	same;
		Origin		origin;

		if (tg_is_null_constant(other))
			return tg_make_outcomes(tg_admits_none(), tg_admits_none(),
									tg_admits_foreign(REASON_ALWAYS, node));
		if (IsA(tg_strip(left), Var) && equal(tg_strip(left), tg_strip(right)))
			return compare_with_itself(comparison, node, context);
		switch (comparison)
		{
			case COMPARES_EQUAL:
			case COMPARES_UNEQUAL:
				if (IsA(node, OpExpr) && has_row_arm(other, context))
					distributed = tg_distribute((OpExpr *) node, context);
				if (distributed != NULL)
					return tg_prove(distributed, context);
				origin = tg_value_origin(other, context);
				same = tg_conclude_equal(origin, collation, node, context);

				/* NULLIF(column, 'acme') is never equal to 'acme' */
				if (IsA(tg_strip(other == right ? left : right), NullIfExpr) &&
					same.reason == REASON_LITERAL)
					same.rows = ROWS_UNKNOWN;
				result = equality_outcomes(same, origin, node);
				if (comparison == COMPARES_UNEQUAL)
					result = tg_not(result);
				break;
			default:
				if ((tg_dependencies(other, context) &
					 ORIGIN_MAY_KNOW_SESSION) == 0)
					result = tg_leaf(node, context);
				else
					result = tg_every_outcome(tg_admits_foreign(REASON_ORDER,
																node));
				break;
		}
		if (never_null(operator, left, right, context))
			result.if_null = tg_admits_none();
		result = note_nulls(operator, left, right, result, context);
		return strict_outcomes(operator, result);
	}

	if (tg_is_boolean(left) && tg_is_boolean(right) &&
		tg_boolean_comparison(operator, &comparison))
		return tg_prove_boolean_comparison(comparison, false, left, right,
										   context);

	/* Built-in comparisons with NULL are NULL. */
	if ((tg_is_null_constant(left) || tg_is_null_constant(right)) &&
		operator < FirstGenbkiObjectId && op_strict(operator))
		return tg_constant_outcome(node, false, true);

	if (IsA(tg_strip(left), Const) && IsA(tg_strip(right), Const))
	{
		Const	   *one = (Const *) tg_strip(left);
		Const	   *two = (Const *) tg_strip(right);
		int			order;

		comparison = tg_comparison(operator, one->consttype);
		if (comparison != COMPARES_NOT &&
			tg_is_deterministic_collation(collation) &&
			!one->constisnull && !two->constisnull &&
			tg_compare_constants(one, two, comparison, &order))
			return tg_constant_outcome(node,
									   tg_comparison_holds(comparison, order),
									   false);
	}

	if (IsA(node, OpExpr) &&
		(distributed = tg_distribute((OpExpr *) node, context)) != NULL)
		return tg_prove(distributed, context);

	result = tg_leaf(node, context);
	for (int i = 0; i < 2; i++)
	{
		Node	   *value = i == 0 ? right : left;

		if (tg_may_tie_row(i == 0 ? left : right, operator, context))
			result.if_true = tg_tie_row(result.if_true,
										tg_conclude_equal(tg_value_origin(value, context),
														  collation, node, context),
										value, false, context);
	}
	return note_nulls(operator, left, right, result, context);
}

/* An equality between two given sides, also to be shown to users. */
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
 * The comparisons with the elements of an array; NIL if the array is not
 * written out.  A relabel of all elements does not change them.
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

/* Is it ARRAY(SELECT ...) of a query that always yields a row? */
static bool
never_empty(Node *array)
{
	return IsA(array, SubLink) &&
		((SubLink *) array)->subLinkType == ARRAY_SUBLINK &&
		tg_always_yields((Query *) ((SubLink *) array)->subselect);
}

Outcomes
tg_prove_array_comparison(ScalarArrayOpExpr *expr, const ProofContext *context)
{
	Node	   *node = (Node *) expr;
	Node	   *scalar = linitial(expr->args);
	Node	   *array = tg_strip(lsecond(expr->args));
	List	   *comparisons = tg_listed_comparisons(expr);
	Comparison	comparison;
	Conclusion	equal;
	Conclusion	unequal;
	Origin		origin;
	Oid			type;

	if (comparisons != NIL)
	{
		Outcomes	result = {0};
		ListCell   *lc;

		foreach(lc, comparisons)
		{
			Outcomes	outcomes = tg_prove(lfirst(lc), context);

			if (lc == list_head(comparisons))
				result = outcomes;
			else
				result = expr->useOr ? tg_or(result, outcomes) :
					tg_and(result, outcomes);
		}
		return result;
	}

	if (!tg_is_tenant_column(scalar, context, true, &type))
	{
		Outcomes	result = tg_leaf(node, context);

		if (expr->useOr && tg_may_tie_row(scalar, expr->opno, context))
			result.if_true = tg_tie_row(result.if_true,
										tg_conclude_equal(tg_member_origin(array, context),
														  expr->inputcollid, node, context),
										array, true, context);
		return result;
	}
	if (tg_is_null_constant(array))
		return tg_constant_outcome(node, false, true);
	comparison = tg_comparison(expr->opno, type);
	if (comparison == COMPARES_NOT)
		return tg_leaf(node, context);

	origin = tg_member_origin(array, context);
	equal = tg_conclude_equal(origin, expr->inputcollid, node, context);

	/* = ANY is true, and <> ALL false, if one element is equal. */
	equal.tenant_not_null = op_strict(expr->opno);
	if (expr->useOr && comparison == COMPARES_EQUAL)
		return equality_outcomes(equal, origin, node);
	if (!expr->useOr && comparison == COMPARES_UNEQUAL)
		return tg_not(equality_outcomes(equal, origin, node));

	/* = ALL is true if all are equal, or if there are none */
	if (comparison == COMPARES_EQUAL && never_empty(array))
		return equality_outcomes(equal, origin, node);

	/* if the row determines the set, its elements are unknown */
	unequal = tg_admits_foreign(REASON_UNEQUAL, node);
	if (tg_dependencies(array, context) & (ORIGIN_TENANT | ORIGIN_ROW))
		unequal = tg_leaf_conclusion(node, context);
	if (comparison == COMPARES_EQUAL)
		return tg_make_outcomes(tg_admits_foreign(REASON_EMPTY_SET, node), unequal,
								unequal);
	return tg_every_outcome(unequal);
}

/* Is it ARRAY[organization_id], with elements that compare as the column? */
static bool
is_tenant_array(Node *node, const ProofContext *context)
{
	ArrayExpr  *array = (ArrayExpr *) tg_strip(node);
	TypeCacheEntry *entry;
	Oid			type;

	if (!IsA(array, ArrayExpr) || array->multidims ||
		list_length(array->elements) != 1 ||
		!tg_is_tenant_column(linitial(array->elements), context, true, &type))
		return false;
	if (tg_base_type(array->element_typeid) != array->element_typeid)
		return false;
	entry = lookup_type_cache(array->element_typeid, TYPECACHE_EQ_OPR);
	return tg_comparison(entry->eq_opr, type) == COMPARES_EQUAL;
}

/*
 * "setting ? organization_id", "setting @> ARRAY[organization_id]" and the
 * like are true if the tenant column equals an element of the other side.
 */
bool
tg_prove_containment(OpExpr *expr, const ProofContext *context,
					 Outcomes *result)
{
	Node	   *node = (Node *) expr;
	Node	   *set = linitial(expr->args);
	Node	   *element = lsecond(expr->args);
	Conclusion	same;
	Origin		origin;
	Oid			type;

	if (expr->opno >= FirstGenbkiObjectId)
		return false;
	switch (get_opcode(expr->opno))
	{
		case F_JSONB_EXISTS:
			/* compares as text, without a collation */
			if (!tg_is_tenant_column(element, context, true, &type) ||
				tg_comparison(TextEqualOperator, type) != COMPARES_EQUAL)
				return false;
			origin = tg_parts_origin(tg_value_origin(set, context));
			same = tg_conclude_from_origin(origin, node, context);
			break;

		case F_ARRAYCONTAINED:
			set = lsecond(expr->args);
			element = linitial(expr->args);
			pg_fallthrough;
		case F_ARRAYCONTAINS:
		case F_ARRAYOVERLAP:
			if (!is_tenant_array(element, context) &&
				get_opcode(expr->opno) == F_ARRAYOVERLAP)
			{
				set = lsecond(expr->args);
				element = linitial(expr->args);
			}
			if (!is_tenant_array(element, context))
				return false;
			origin = tg_member_origin(set, context);
			same = tg_conclude_equal(origin, expr->inputcollid, node, context);
			break;

		default:
			return false;
	}
	*result = equality_outcomes(same, origin, node);
	return true;
}

Outcomes
tg_prove_distinct(DistinctExpr *expr, const ProofContext *context)
{
	Node	   *node = (Node *) expr;
	Node	   *left = linitial(expr->args);
	Node	   *right = lsecond(expr->args);
	Comparison	comparison;
	Node	   *other;
	Conclusion	same;

	if (compares_tenant(expr->opno, left, right, context, false, &comparison,
						&other) && comparison == COMPARES_EQUAL)
	{
		same = tg_is_null_constant(other) ? tg_admits_none() :
			tg_conclude_equal(tg_value_origin(other, context),
							  expr->inputcollid, node, context);
		if (same.rows < ROWS_FOREIGN && !context->facts->tenant->not_null &&
			!tg_is_never_null(other, context))
		{
			bool		confined = same.rows <= ROWS_OWN;

			same = tg_admits_foreign(REASON_NULL_ROWS, node);
			same.or_tenant_null = confined;
		}
		return tg_make_outcomes(equal(left, right) ? tg_admits_none() :
								tg_admits_foreign(REASON_UNEQUAL, node), same,
								tg_admits_none());
	}
	if (tg_is_boolean(left) && tg_is_boolean(right) &&
		tg_boolean_comparison(expr->opno, &comparison))
		return tg_prove_boolean_comparison(comparison, true, left, right,
										   context);
	return tg_leaf(node, context);
}
