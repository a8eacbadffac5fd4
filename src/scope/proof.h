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

#include "scope/equality.h"
#include "scope/outcome.h"

/* proof.c */

extern Outcomes tg_prove(Node *node, const ProofContext *context);

/* What holds where all these expressions are true. */
extern Conclusion tg_prove_all(List *nodes, const ProofContext *context);

/* cases.c */

extern bool tg_assumed_outcome(Node *node, const ProofContext *context,
							   Outcomes *outcomes);
extern Conclusion tg_prove_by_cases(List *nodes, const ProofContext *context,
								 Conclusion conclusion);

/* compare.c */

/* What holds where the tenant column is equal to a value of such an origin. */
extern Conclusion tg_conclude_from_origin(Origin origin, Node *node, const ProofContext *context);
extern bool tg_is_null_constant(Node *node);

/* "node" is what to show; a comparison moved into a CASE if an OpExpr. */
extern Outcomes tg_prove_comparison(Node *node, Oid operator, Oid collation,
									Node *left, Node *right,
									const ProofContext *context);
extern List *tg_listed_comparisons(ScalarArrayOpExpr *expr);
extern Outcomes tg_prove_array_comparison(ScalarArrayOpExpr *expr,
										  const ProofContext *context);
extern Outcomes tg_prove_distinct(DistinctExpr *expr, const ProofContext *context);

/* Is it a containment that says something?  Then *result is set. */
extern bool tg_prove_containment(OpExpr *expr, const ProofContext *context,
								 Outcomes *result);

/* boolean.c */

extern bool tg_is_boolean(Node *node);
extern bool tg_boolean_comparison(Oid operator, Comparison *comparison);
extern bool tg_comparison_holds(Comparison comparison, int order);
extern Outcomes tg_prove_boolean_comparison(Comparison comparison,
											bool distinct, Node *left,
											Node *right, const ProofContext *context);
extern bool tg_compare_constants(Const *one, Const *other,
								 Comparison comparison, int *order);
extern Node *tg_distribute(OpExpr *expr, const ProofContext *context);

/* sublink.c */

extern Outcomes tg_prove_sublink(SubLink *sublink, const ProofContext *context);

/* explain.c */

/* The conclusion in words. */
extern char *tg_explain(const Conclusion *conclusion, const ProofContext *context);

#endif							/* TROVELLA_GUARD_PROOF_H */
