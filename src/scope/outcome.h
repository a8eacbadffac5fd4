/*-------------------------------------------------------------------------
 *
 * outcome.h
 *		What is known of a row for which an expression has a certain outcome.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_OUTCOME_H
#define TROVELLA_GUARD_OUTCOME_H

#include "scope/origin.h"

/* Ordered from good to bad. */
typedef enum Standing
{
	NEVER_HAPPENS,				/* no row gets there */
	CONFINED,					/* only the session's tenant's rows do */
	UNDECIDED,
	OPEN						/* another tenant's row can */
} Standing;

typedef enum Why
{
	WHY_NOTHING,
	WHY_ALWAYS,					/* a constant */
	WHY_NOT_MENTIONED,
	WHY_NO_ROW,					/* depends on the session alone */
	WHY_OTHER_COLUMN,			/* compared with a column of the row */
	WHY_ITSELF,
	WHY_LITERAL,
	WHY_FROZEN,
	WHY_SETS,
	WHY_RANDOM,
	WHY_MEMBER,
	WHY_SAME_SET,
	WHY_LOOSE_SET,
	WHY_NO_SESSION,
	WHY_NULL_ROWS,
	WHY_UNEQUAL,
	WHY_ORDER,
	WHY_NOT_TRUE,				/* admits where the comparison is not true */
	WHY_EMPTY_SET,				/* true of an empty set */
	WHY_OPAQUE,
	WHY_CORRELATED,
	WHY_OTHER_TABLE,
	WHY_THROUGH_COLUMN,
	WHY_NOT_EQUALITY,
	WHY_COLLATION,
	WHY_VOLATILE,
	WHY_UNKNOWN,
	WHY_TOO_DEEP,
	WHY_FALLBACK,
	WHY_MIXED,
	WHY_MAPPED,
	WHY_GUARDED_SET,
	WHY_UNBOUND_SET
} Why;

/* What holds for the rows for which an expression has a certain outcome. */
typedef struct Verdict
{
	Standing	standing;
	Why			why;
	Node	   *arm;			/* the part that decides */
	bool		in_or;			/* that part is an arm of an OR */
	bool		mentions;		/* it mentions the tenant column */
	bool		relates;		/* it ties the tenant to another column ... */
	bool		binds;			/* ... or such a column to the session */
	bool		present;		/* the tenant column is not NULL ... */
	bool		or_absent;		/* ... or is NULL where it isn't confined */
	Node	   *at_least;		/* a value of the session's that it is not
								 * less than, ... */
	Node	   *at_most;		/* ... or not greater than, or NULL */
} Verdict;

/* By outcome of a Boolean expression. */
typedef struct Outcomes
{
	Verdict		if_true;
	Verdict		if_false;
	Verdict		if_null;
} Outcomes;

extern Verdict tg_make_verdict(Standing standing, Why why, Node *arm);

/* The outcome never happens. */
extern Verdict tg_never(void);

/* An arm that mentions the tenant column and lets others' rows through. */
extern Verdict tg_open_verdict(Why why, Node *node);

/* Where either suffices, and where both must hold. */
extern Verdict tg_worse(Verdict one, Verdict other);
extern Verdict tg_better(Verdict one, Verdict other);

extern Outcomes tg_make_outcomes(Verdict if_true, Verdict if_false,
								 Verdict if_null);
extern Outcomes tg_every_outcome(Verdict verdict);
extern Outcomes tg_constant_outcome(Node *node, bool value, bool isnull);

/* NOT, AND, OR */
extern Outcomes tg_negate(Outcomes outcomes);
extern Outcomes tg_both(Outcomes one, Outcomes other);
extern Outcomes tg_either(Outcomes one, Outcomes other);

/* For tables of outcomes: 0 is false, 1 is true, 2 is NULL. */
extern Verdict tg_outcome_of(const Outcomes *outcomes, int which);
extern Outcomes tg_combine(const Outcomes *one, const Outcomes *other,
						   int table[3][3]);

/* An expression that can't be taken apart, by what it depends on. */
extern Verdict tg_judge_dependencies(Origin origin, Node *node,
									 const Place *place);
extern Verdict tg_leaf_verdict(Node *node, const Place *place);
extern Outcomes tg_leaf(Node *node, const Place *place);

#endif							/* TROVELLA_GUARD_OUTCOME_H */
