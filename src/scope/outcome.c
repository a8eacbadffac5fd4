/*-------------------------------------------------------------------------
 *
 * outcome.c
 *		What is known of a row for which an expression has a certain outcome.
 *
 * The algebra of the proof: verdicts about "true", "false" and "NULL", and how
 * those of a whole follow from those of its parts.  Where two conditions must
 * both hold, the better verdict of the two counts; where either suffices, the
 * worse one does.  Also the verdict about an expression that can't be taken
 * apart, from what it depends on.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "scope/outcome.h"

Verdict
tg_make_verdict(Standing standing, Why why, Node *arm)
{
	Verdict		verdict = {0};

	verdict.standing = standing;
	verdict.why = why;
	verdict.arm = arm;
	return verdict;
}

Verdict
tg_never(void)
{
	return tg_make_verdict(NEVER_HAPPENS, WHY_NOTHING, NULL);
}

/* Stands for limits of which each may be equal to anything. */
static Node several_limits;

static Node *
both_limits(Node *one, Node *other)
{
	if (one == NULL || other == NULL)
		return one != NULL ? one : other;
	return equal(one, other) ? one : &several_limits;
}

static Node *
either_limit(const Verdict *one, Node *limit, const Verdict *other,
			 Node *other_limit)
{
	if (one->standing <= CONFINED)
		return other_limit;
	if (other->standing <= CONFINED)
		return limit;
	return limit != NULL && other_limit != NULL ?
		both_limits(limit, other_limit) : NULL;
}

/* Either of two conditions suffices to get here. */
Verdict
tg_worse(Verdict one, Verdict other)
{
	Verdict		result = other.standing > one.standing ? other : one;

	result.relates = (one.relates || one.standing <= CONFINED) &&
		(other.relates || other.standing <= CONFINED);
	result.binds = (one.binds || one.standing <= CONFINED) &&
		(other.binds || other.standing <= CONFINED);
	result.present = (one.present || one.standing <= CONFINED) &&
		(other.present || other.standing <= CONFINED);
	result.or_absent = (one.or_absent || one.standing <= CONFINED) &&
		(other.or_absent || other.standing <= CONFINED);
	result.at_least = either_limit(&one, one.at_least, &other, other.at_least);
	result.at_most = either_limit(&one, one.at_most, &other, other.at_most);
	return result;
}

/* Both of two conditions hold where we get here. */
Verdict
tg_better(Verdict one, Verdict other)
{
	Verdict		result;

	if (one.standing != other.standing)
		result = one.standing < other.standing ? one : other;
	else
		/* of two that fail, the one that tried is the one to mend */
		result = (other.mentions && !one.mentions) ? other : one;

	result.relates = one.relates || other.relates;
	result.binds = one.binds || other.binds;
	result.present = one.present || other.present;
	result.or_absent = one.or_absent || other.or_absent;
	result.at_least = both_limits(one.at_least, other.at_least);
	result.at_most = both_limits(one.at_most, other.at_most);

	/* Whose only fault is to admit rows without a tenant, has none left. */
	if (result.standing > CONFINED && result.present && result.or_absent)
		return tg_make_verdict(CONFINED, WHY_NOTHING, result.arm);

	/*
	 * organization_id = owner_org AND owner_org = setting: nothing that is
	 * followed up here, but it need not be open.
	 */
	if (result.standing == OPEN && result.relates && result.binds)
	{
		result.standing = UNDECIDED;
		result.why = WHY_THROUGH_COLUMN;
	}

	/* BETWEEN setting AND setting is an equality that nobody writes. */
	if (result.standing == OPEN &&
		(result.at_least != one.at_least || result.at_most != one.at_most) &&
		result.at_least != NULL && result.at_most != NULL &&
		(result.at_least == &several_limits ||
		 result.at_most == &several_limits ||
		 equal(result.at_least, result.at_most)))
		result.standing = UNDECIDED;
	return result;
}

Outcomes
tg_make_outcomes(Verdict if_true, Verdict if_false, Verdict if_null)
{
	Outcomes	outcomes;

	outcomes.if_true = if_true;
	outcomes.if_false = if_false;
	outcomes.if_null = if_null;
	return outcomes;
}

Outcomes
tg_every_outcome(Verdict verdict)
{
	return tg_make_outcomes(verdict, verdict, verdict);
}

/* A constant: one outcome always happens, the others never do. */
Outcomes
tg_constant_outcome(Node *node, bool value, bool isnull)
{
	Verdict		always = tg_make_verdict(OPEN, WHY_ALWAYS, node);

	if (isnull)
		return tg_make_outcomes(tg_never(), tg_never(), always);
	if (value)
		return tg_make_outcomes(always, tg_never(), tg_never());
	return tg_make_outcomes(tg_never(), always, tg_never());
}

Outcomes
tg_negate(Outcomes outcomes)
{
	return tg_make_outcomes(outcomes.if_false, outcomes.if_true,
							outcomes.if_null);
}

/* AND of two. */
Outcomes
tg_both(Outcomes one, Outcomes other)
{
	Outcomes	result;

	result.if_true = tg_better(one.if_true, other.if_true);
	result.if_false = tg_worse(one.if_false, other.if_false);

	/* NULL: one is NULL, and the other is NULL or true. */
	result.if_null =
		tg_worse(tg_better(one.if_null,
						   tg_worse(other.if_true, other.if_null)),
				 tg_better(other.if_null, tg_worse(one.if_true, one.if_null)));
	return result;
}

Outcomes
tg_either(Outcomes one, Outcomes other)
{
	return tg_negate(tg_both(tg_negate(one), tg_negate(other)));
}

/* The verdict for one outcome: 0 false, 1 true, 2 NULL. */
Verdict
tg_outcome_of(const Outcomes *outcomes, int which)
{
	return which == 0 ? outcomes->if_false :
		which == 1 ? outcomes->if_true : outcomes->if_null;
}

/*
 * A function of two Booleans, given as a table of its values: the verdict for
 * a value is the worst one of the ways in which it can come about.
 */
Outcomes
tg_combine(const Outcomes *one, const Outcomes *other, int table[3][3])
{
	Verdict		result[3];

	for (int i = 0; i < 3; i++)
		result[i] = tg_never();
	for (int i = 0; i < 3; i++)
	{
		for (int j = 0; j < 3; j++)
		{
			int			value = table[i][j];

			/* "never" is neutral, but must not pass for a relation */
			Verdict		way = tg_better(tg_outcome_of(one, i),
										tg_outcome_of(other, j));

			if (way.standing == NEVER_HAPPENS)
				continue;
			result[value] = result[value].standing == NEVER_HAPPENS ? way :
				tg_worse(result[value], way);
		}
	}
	return tg_make_outcomes(result[1], result[0], result[2]);
}

/*
 * What an expression that we can't take apart may admit, from what it depends
 * on: no outcome of it tells us anything.
 */
Verdict
tg_judge_dependencies(Origin origin, Node *node, const Place *place)
{
	bool		knows_session = (origin & ORIGIN_MAY_KNOW_SESSION) != 0;
	bool		reads_table =
		(origin & (ORIGIN_TABLE | ORIGIN_GUARDED)) != 0;
	Verdict		verdict;

	/* A condition of a sub-select is judged by all that is in there. */
	if (reads_table && place->ambient != 0)
		knows_session = true;

	if (origin & ORIGIN_TOO_DEEP)
		verdict = tg_make_verdict(UNDECIDED, WHY_TOO_DEEP, node);
	else if (origin & ORIGIN_TENANT)
	{
		if (!knows_session)
			verdict = tg_make_verdict(OPEN, WHY_NO_SESSION, node);
		else if (origin & ORIGIN_OPAQUE)
			verdict = tg_make_verdict(UNDECIDED, WHY_OPAQUE, node);
		else if (origin & ORIGIN_UNKNOWN)
			verdict = tg_make_verdict(UNDECIDED, WHY_UNKNOWN, node);
		else if (reads_table)
			verdict = tg_make_verdict(UNDECIDED, WHY_CORRELATED, node);
		else
			verdict = tg_make_verdict(UNDECIDED, WHY_NOT_EQUALITY, node);
	}
	else if (origin & ORIGIN_ROW)
	{
		if (reads_table && knows_session)
			verdict = tg_make_verdict(UNDECIDED, WHY_OTHER_TABLE, node);
		else
			verdict = tg_make_verdict(OPEN, WHY_NOT_MENTIONED, node);
	}
	else
		verdict = tg_make_verdict(OPEN, (origin & ORIGIN_MAY_KNOW_SESSION) ?
								  WHY_NO_ROW : WHY_NOT_MENTIONED, node);

	verdict.mentions = (origin & ORIGIN_TENANT) != 0;
	verdict.relates = (origin & ORIGIN_TENANT) && (origin & ORIGIN_ROW);
	verdict.binds = (origin & ORIGIN_ROW) && knows_session;
	return verdict;
}

Verdict
tg_leaf_verdict(Node *node, const Place *place)
{
	return tg_judge_dependencies(tg_dependencies(node, place), node, place);
}

Outcomes
tg_leaf(Node *node, const Place *place)
{
	return tg_every_outcome(tg_leaf_verdict(node, place));
}

Verdict
tg_open_verdict(Why why, Node *node)
{
	Verdict		verdict = tg_make_verdict(OPEN, why, node);

	verdict.mentions = true;
	return verdict;
}
