/*-------------------------------------------------------------------------
 *
 * conclusion.c
 *		Which rows an outcome of an expression admits.
 *
 * The algebra of the proof: conclusions about "true", "false" and "NULL", and
 * how those about a whole follow from those about its parts.  If two
 * conditions must both hold, the better conclusion counts; if either suffices,
 * the worse one does.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scope/proof.h"

Conclusion
tg_make_conclusion(AdmittedRows rows, Reason reason, Node *arm)
{
	Conclusion	conclusion = {0};

	conclusion.rows = rows;
	conclusion.reason = reason;
	conclusion.arm = arm;
	return conclusion;
}

Conclusion
tg_admits_none(void)
{
	return tg_make_conclusion(ROWS_NONE, REASON_NONE, NULL);
}

Conclusion
tg_admits_foreign(Reason reason, Node *node)
{
	Conclusion	conclusion = tg_make_conclusion(ROWS_FOREIGN, reason, node);

	conclusion.mentions = true;
	return conclusion;
}

/* More values are not remembered. */
#define MAX_NULLS 4

static List *
add_values(List *values, List *more)
{
	ListCell   *lc;

	if (more == NIL)
		return values;
	values = list_copy(values);
	foreach(lc, more)
	{
		if (list_length(values) < MAX_NULLS)
			values = lappend(values, lfirst(lc));
	}
	return values;
}

void
tg_note_null(Conclusion *conclusion, Node *core)
{
	if (core != NULL && conclusion->rows > ROWS_OWN)
		conclusion->nulls = add_values(conclusion->nulls, list_make1(core));
}

void
tg_note_not_null(Conclusion *conclusion, Node *core)
{
	if (core != NULL && conclusion->rows > ROWS_OWN)
		conclusion->not_nulls = add_values(conclusion->not_nulls,
										   list_make1(core));
}

/* The values that both lists have. */
static List *
common_values(List *one, List *other)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (other == NIL)
		return NIL;
	foreach(lc, one)
	{
		if (list_member(other, lfirst(lc)))
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/* What is true of the values in all foreign rows, if either condition suffices. */
static List *
values_in_either(const Conclusion *one, List *ones, const Conclusion *other,
				 List *others)
{
	if (one->rows <= ROWS_OWN)
		return others;
	if (other->rows <= ROWS_OWN)
		return ones;
	return common_values(ones, others);
}

/* Are the rows that it does not confine at least the session's in some way? */
static bool
ties_rows(const Conclusion *conclusion)
{
	return conclusion->reason == REASON_OWN_ROW ||
		conclusion->reason == REASON_OWN_SET;
}

/* What never happens, or admits no foreign rows, says nothing by its flags. */
Conclusion
tg_if_either(Conclusion one, Conclusion other)
{
	bool		worse = other.rows != one.rows ? other.rows > one.rows :
		ties_rows(&one) && !ties_rows(&other);
	Conclusion	result = worse ? other : one;

	result.equals_column = (one.equals_column || one.rows <= ROWS_OWN) &&
		(other.equals_column || other.rows <= ROWS_OWN);
	result.column_from_session =
		(one.column_from_session || one.rows <= ROWS_OWN) &&
		(other.column_from_session || other.rows <= ROWS_OWN);
	result.tenant_not_null = (one.tenant_not_null || one.rows <= ROWS_OWN) &&
		(other.tenant_not_null || other.rows <= ROWS_OWN);
	result.or_tenant_null = (one.or_tenant_null || one.rows <= ROWS_OWN) &&
		(other.or_tenant_null || other.rows <= ROWS_OWN);
	result.nulls = values_in_either(&one, one.nulls, &other, other.nulls);
	result.not_nulls = values_in_either(&one, one.not_nulls, &other,
										other.not_nulls);
	return result;
}

/* Do two operators compare the same values: BETWEEN setting AND setting? */
static bool
same_limits(Node *one, Node *other)
{
	Node	   *args[4];

	if (!IsA(one, OpExpr) || !IsA(other, OpExpr))
		return false;
	args[0] = tg_strip(linitial(((OpExpr *) one)->args));
	args[1] = tg_strip(lsecond(((OpExpr *) one)->args));
	args[2] = tg_strip(linitial(((OpExpr *) other)->args));
	args[3] = tg_strip(lsecond(((OpExpr *) other)->args));
	if (((OpExpr *) one)->opno == ((OpExpr *) other)->opno)
		return equal(args[0], args[3]) && equal(args[1], args[2]);
	return equal(args[0], args[2]) && equal(args[1], args[3]);
}

Conclusion
tg_if_both(Conclusion one, Conclusion other)
{
	Conclusion	result;

	if (one.rows != other.rows)
		result = one.rows < other.rows ? one : other;
	else
		/* if both fail, the one that mentions the tenant needs the repair */
		result = (other.mentions && !one.mentions) ? other : one;

	result.equals_column = one.equals_column || other.equals_column;
	result.column_from_session = one.column_from_session ||
		other.column_from_session;
	result.tenant_not_null = one.tenant_not_null || other.tenant_not_null;
	result.or_tenant_null = one.or_tenant_null || other.or_tenant_null;
	result.nulls = add_values(one.nulls, other.nulls);
	result.not_nulls = add_values(one.not_nulls, other.not_nulls);

	/*
	 * The foreign rows are those without a tenant, and it has a tenant; or a
	 * value is NULL in them, and is not.
	 */
	if (result.rows > ROWS_OWN &&
		((result.tenant_not_null && result.or_tenant_null) ||
		 common_values(result.nulls, result.not_nulls) != NIL))
		return tg_make_conclusion(ROWS_OWN, REASON_NONE, result.arm);

	/*
	 * organization_id = owner_org AND owner_org = setting: not followed, but
	 * it may be right.
	 */
	if ((result.rows == ROWS_FOREIGN || ties_rows(&result)) &&
		result.equals_column && result.column_from_session)
	{
		result.rows = ROWS_UNKNOWN;
		result.reason = REASON_THROUGH_COLUMN;
	}

	/* BETWEEN setting AND setting is an equality: not followed either. */
	if (result.rows == ROWS_FOREIGN && one.reason == REASON_ORDER &&
		other.reason == REASON_ORDER && same_limits(one.arm, other.arm))
		result.rows = ROWS_UNKNOWN;
	return result;
}

Outcomes
tg_make_outcomes(Conclusion if_true, Conclusion if_false, Conclusion if_null)
{
	Outcomes	outcomes;

	outcomes.if_true = if_true;
	outcomes.if_false = if_false;
	outcomes.if_null = if_null;
	return outcomes;
}

Outcomes
tg_every_outcome(Conclusion conclusion)
{
	return tg_make_outcomes(conclusion, conclusion, conclusion);
}

/* One outcome always happens, the others never do. */
Outcomes
tg_constant_outcome(Node *node, bool value, bool isnull)
{
	Conclusion	always = tg_make_conclusion(ROWS_FOREIGN, REASON_ALWAYS, node);

	if (isnull)
		return tg_make_outcomes(tg_admits_none(), tg_admits_none(), always);
	if (value)
		return tg_make_outcomes(always, tg_admits_none(), tg_admits_none());
	return tg_make_outcomes(tg_admits_none(), always, tg_admits_none());
}

Outcomes
tg_not(Outcomes outcomes)
{
	return tg_make_outcomes(outcomes.if_false, outcomes.if_true,
							outcomes.if_null);
}

Outcomes
tg_and(Outcomes one, Outcomes other)
{
	Outcomes	result;

	result.if_true = tg_if_both(one.if_true, other.if_true);
	result.if_false = tg_if_either(one.if_false, other.if_false);

	/* NULL: one is NULL, and the other is NULL or true. */
	result.if_null =
		tg_if_either(tg_if_both(one.if_null,
								tg_if_either(other.if_true, other.if_null)),
					 tg_if_both(other.if_null, tg_if_either(one.if_true, one.if_null)));
	return result;
}

Outcomes
tg_or(Outcomes one, Outcomes other)
{
	return tg_not(tg_and(tg_not(one), tg_not(other)));
}

Conclusion
tg_outcome_of(const Outcomes *outcomes, int which)
{
	return which == 0 ? outcomes->if_false :
		which == 1 ? outcomes->if_true : outcomes->if_null;
}

/*
 * A function of two Booleans, given as a table.  The conclusion for a result
 * is the worst of the ways to get it.
 */
Outcomes
tg_combine(const Outcomes *one, const Outcomes *other, int table[3][3])
{
	Conclusion	result[3];

	for (int i = 0; i < 3; i++)
		result[i] = tg_admits_none();
	for (int i = 0; i < 3; i++)
	{
		for (int j = 0; j < 3; j++)
		{
			Conclusion *way = &result[table[i][j]];

			*way = tg_if_either(*way, tg_if_both(tg_outcome_of(one, i),
												 tg_outcome_of(other, j)));
		}
	}
	return tg_make_outcomes(result[1], result[0], result[2]);
}
