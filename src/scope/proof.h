/*-------------------------------------------------------------------------
 *
 * proof.h
 *		What follows from a policy's expression being true.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_PROOF_H
#define TROVELLA_GUARD_PROOF_H

#include "scope/origin.h"

/* Which rows an outcome admits.  Ordered from good to bad. */
typedef enum AdmittedRows
{
	ROWS_NONE,					/* the outcome never happens */
	ROWS_OWN,					/* only rows of the session's tenant */
	ROWS_UNKNOWN,
	ROWS_FOREIGN				/* rows of other tenants, too */
} AdmittedRows;

/* explain.c has the words. */
typedef enum Reason
{
	REASON_NONE,
	REASON_ALWAYS,				/* a constant */
	REASON_NOT_MENTIONED,
	REASON_SESSION_ONLY,
	REASON_OTHER_COLUMN,
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
	REASON_NOT_TRUE,			/* the comparison is false or NULL */
	REASON_EMPTY_SET,
	REASON_OPAQUE,
	REASON_CORRELATED,
	REASON_OTHER_TABLE,
	REASON_NEW_ROW,
	REASON_TIED,
	REASON_OWN_ROW,
	REASON_OWN_SET,
	REASON_THROUGH_COLUMN,
	REASON_NOT_EQUALITY,
	REASON_LOOSE,
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
	AdmittedRows rows;
	Reason		reason;
	Node	   *arm;			/* the part of the expression that decides */
	bool		in_or;			/* that part is an arm of an OR */
	bool		mentions;		/* it mentions the tenant column */
	bool		equals_column;	/* the tenant equals another column ... */
	bool		column_from_session;	/* ... and that column the session */
	bool		tenant_not_null;	/* the tenant column is not NULL ... */
	bool		or_tenant_null; /* ... or it is NULL in all foreign rows */
	List	   *nulls;			/* values that are NULL for all foreign rows */
	List	   *not_nulls;		/* values that are not */
} Conclusion;

/* By outcome of a Boolean expression. */
typedef struct Outcomes
{
	Conclusion	if_true;
	Conclusion	if_false;
	Conclusion	if_null;
} Outcomes;

/* conclusion.c */

extern Conclusion tg_make_conclusion(AdmittedRows rows, Reason reason,
									 Node *arm);

/* The outcome never happens. */
extern Conclusion tg_admits_none(void);

/* An arm that mentions the tenant column and admits rows of other tenants. */
extern Conclusion tg_admits_foreign(Reason reason, Node *node);

/* If either condition suffices, and if both must hold. */
extern Conclusion tg_if_either(Conclusion one, Conclusion other);
extern Conclusion tg_if_both(Conclusion one, Conclusion other);

/* For all rows, this value is NULL, or is not; see tg_null_core(). */
extern void tg_note_null(Conclusion *conclusion, Node *core);
extern void tg_note_not_null(Conclusion *conclusion, Node *core);

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

/* bypass.c */

/*
 * Is the condition the switch of a declared bypass, which is not true in a
 * session that has not set it?
 */
extern bool tg_is_bypass(Node *node, const ProofContext *context);

/* loose.c */

/* Is it a comparison by PostgreSQL itself that two tenants can pass? */
extern bool tg_is_loose_comparison(Node *node, const ProofContext *context);

/* ties.c */

/*
 * Does the expression name columns of the row that determine its tenant, because
 * of a foreign key or a generated column?
 */
extern bool tg_names_tie(Node *node, const ProofContext *context);

/* own_row.c */

/*
 * Might the equality of this side with a value of the session tie an old row to
 * the session?
 */
extern bool tg_may_tie_row(Node *column, Oid operator,
						   const ProofContext *context);

/*
 * What follows from that equality: "otherwise", unless the value comes from the
 * session.  "equal" is what would follow if the column were the tenant's.
 */
extern Conclusion tg_tie_row(Conclusion otherwise, Conclusion equal,
							 Node *value, bool is_set,
							 const ProofContext *context);

/* leaf.c */

/* If the tenant column equals a value of this origin. */
extern Conclusion tg_conclude_from_origin(Origin origin, Node *node,
										  const ProofContext *context);

/* The same, if the equality goes by a collation. */
extern Conclusion tg_conclude_equal(Origin origin, Oid collation, Node *node,
									const ProofContext *context);

/* From an expression that can't be taken apart, by what it depends on. */
extern Conclusion tg_conclude_from_dependencies(Origin origin, Node *node,
												const ProofContext *context);
extern Conclusion tg_leaf_conclusion(Node *node, const ProofContext *context);
extern Outcomes tg_leaf(Node *node, const ProofContext *context);

/* proof.c */

extern Outcomes tg_prove(Node *node, const ProofContext *context);

/* If all these expressions are true. */
extern Conclusion tg_prove_all(List *nodes, const ProofContext *context);

/* cases.c */

extern bool tg_assumed_outcome(Node *node, const ProofContext *context,
							   Outcomes *outcomes);
extern Conclusion tg_prove_by_cases(List *nodes, const ProofContext *context,
									Conclusion conclusion);

/* compare.c */

/* "node" is shown to users; an OpExpr may be moved into a CASE. */
extern Outcomes tg_prove_comparison(Node *node, Oid operator, Oid collation,
									Node *left, Node *right,
									const ProofContext *context);
extern List *tg_listed_comparisons(ScalarArrayOpExpr *expr);
extern Outcomes tg_prove_array_comparison(ScalarArrayOpExpr *expr,
										  const ProofContext *context);
extern Outcomes tg_prove_distinct(DistinctExpr *expr,
								  const ProofContext *context);

/* Sets *result and returns true if it is a containment of the column. */
extern bool tg_prove_containment(OpExpr *expr, const ProofContext *context,
								 Outcomes *result);

/* boolean.c */

extern Outcomes tg_prove_boolean_comparison(Comparison comparison,
											bool distinct, Node *left,
											Node *right,
											const ProofContext *context);
extern Node *tg_distribute(OpExpr *expr, const ProofContext *context);

/* sublink.c */

extern Outcomes tg_prove_sublink(SubLink *sublink,
								 const ProofContext *context);

/* explain.c */

/* The reason in words. */
extern char *tg_explain(const Conclusion *conclusion,
						const ProofContext *context);

/*
 * The function, with its arguments, that is VOLATILE and might as well be
 * STABLE; NULL if that is not the reason.
 */
extern char *tg_forgotten_stable(const Conclusion *conclusion);

#endif							/* TROVELLA_GUARD_PROOF_H */
