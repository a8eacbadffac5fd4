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
typedef enum AdmittedRows
{
	ROWS_NONE,				/* no row gets there */
	ROWS_OWN,					/* only the session's tenant's rows do */
	ROWS_UNKNOWN,
	ROWS_FOREIGN						/* another tenant's row can */
} AdmittedRows;

typedef enum Why
{
	REASON_NOTHING,
	REASON_ALWAYS,					/* a constant */
	REASON_NOT_MENTIONED,
	REASON_SESSION_ONLY,					/* depends on the session alone */
	REASON_OTHER_COLUMN,			/* compared with a column of the row */
	REASON_ITSELF,
	REASON_LITERAL,
	REASON_FROZEN,
	REASON_SET_CONFIG,
	REASON_RANDOM,
	REASON_MEMBER,
	REASON_SAME_SET,
	REASON_LOOSE_SET,
	REASON_NO_SESSION,
	REASON_NULL_ROWS,
	REASON_UNEQUAL,
	REASON_ORDER,
	REASON_NOT_TRUE,				/* admits where the comparison is not true */
	REASON_EMPTY_SET,				/* true of an empty set */
	REASON_OPAQUE,
	REASON_CORRELATED,
	REASON_OTHER_TABLE,
	REASON_THROUGH_COLUMN,
	REASON_NOT_EQUALITY,
	REASON_COLLATION,
	REASON_VOLATILE,
	REASON_UNKNOWN,
	REASON_TOO_DEEP,
	REASON_FALLBACK,
	REASON_MIXED,
	REASON_CHOSEN,
	REASON_RLS_SET,
	REASON_UNBOUND_SET
} Reason;

/* What holds for the rows for which an expression has a certain outcome. */
typedef struct Conclusion
{
	AdmittedRows	rows;
	Reason			reason;
	Node	   *arm;			/* the part that decides */
	bool		in_or;			/* that part is an arm of an OR */
	bool		mentions;		/* it mentions the tenant column */
	bool		equals_column;		/* it ties the tenant to another column ... */
	bool		column_from_session;			/* ... or such a column to the session */
	bool		tenant_not_null;		/* the tenant column is not NULL ... */
	bool		or_tenant_null;		/* ... or is NULL where it isn't confined */
} Conclusion;

/* By outcome of a Boolean expression. */
typedef struct Outcomes
{
	Conclusion		if_true;
	Conclusion		if_false;
	Conclusion		if_null;
} Outcomes;

extern Conclusion tg_make_conclusion(AdmittedRows rows, Reason reason, Node *arm);

/* The outcome never happens. */
extern Conclusion tg_admits_none(void);

/* An arm that mentions the tenant column and lets others' rows through. */
extern Conclusion tg_admits_foreign(Reason reason, Node *node);

/* Where either suffices, and where both must hold. */
extern Conclusion tg_if_either(Conclusion one, Conclusion other);
extern Conclusion tg_if_both(Conclusion one, Conclusion other);

extern Outcomes tg_make_outcomes(Conclusion if_true, Conclusion if_false,
								 Conclusion if_null);
extern Outcomes tg_every_outcome(Conclusion conclusion);
extern Outcomes tg_constant_outcome(Node *node, bool value, bool isnull);

/* NOT, AND, OR */
extern Outcomes tg_not(Outcomes outcomes);
extern Outcomes tg_and(Outcomes one, Outcomes other);
extern Outcomes tg_or(Outcomes one, Outcomes other);

/* For tables of outcomes: 0 is false, 1 is true, 2 is NULL. */
extern Conclusion tg_outcome_of(const Outcomes *outcomes, int which);
extern Outcomes tg_combine(const Outcomes *one, const Outcomes *other,
						   int table[3][3]);

/* An expression that can't be taken apart, by what it depends on. */
extern Conclusion tg_conclude_from_dependencies(Origin origin, Node *node,
									 const ProofContext *context);
extern Conclusion tg_leaf_conclusion(Node *node, const ProofContext *context);
extern Outcomes tg_leaf(Node *node, const ProofContext *context);

#endif							/* TROVELLA_GUARD_OUTCOME_H */
