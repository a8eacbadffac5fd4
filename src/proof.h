/*-------------------------------------------------------------------------
 *
 * proof.h
 *		What is known of a row for which a policy's expression is true.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_PROOF_H
#define TROVELLA_GUARD_PROOF_H

#include "origin.h"

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
} Verdict;

/* By outcome of a Boolean expression. */
typedef struct Outcomes
{
	Verdict		if_true;
	Verdict		if_false;
	Verdict		if_null;
} Outcomes;

extern Outcomes tg_prove(Node *node, const Place *place);

/* What holds where all these expressions are true. */
extern Verdict tg_prove_all(List *nodes, const Place *place);

/* The verdict in words. */
extern char *tg_explain(const Verdict *verdict, const Place *place);

#endif							/* TROVELLA_GUARD_PROOF_H */
