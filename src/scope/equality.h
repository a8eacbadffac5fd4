/*-------------------------------------------------------------------------
 *
 * equality.h
 *		Which operators are the equality of the tenant column.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_EQUALITY_H
#define TROVELLA_GUARD_EQUALITY_H

#include "facts/expression.h"
#include "scope/origin.h"

/* How an operator compares, in the default operator family of a type. */
typedef enum Comparison
{
	COMPARES_NOT,				/* it is no member of the family */
	COMPARES_EQUAL,
	COMPARES_UNEQUAL,
	COMPARES_LESS,
	COMPARES_LESS_EQUAL,
	COMPARES_GREATER_EQUAL,
	COMPARES_GREATER
} Comparison;

extern Comparison tg_comparison(Oid operator, Oid type);

/* The same comparison with its operands exchanged. */
extern Comparison tg_commute(Comparison comparison);

/* Is it the equality of any type? */
extern bool tg_is_some_equality(Oid operator);

/* Does the collation, if any, keep different strings apart? */
extern bool tg_is_deterministic_collation(Oid collation);

/*
 * Built-in conversions that keep different values different, or fail; of NULL
 * alone they make NULL.
 */
extern bool tg_is_lossless(Oid function);

/*
 * Is the expression the tenant column, or a lossless conversion of it?  If so
 * *type is the type whose equality tells tenants apart.  "or_null" accepts
 * what is NULL where the column is not, such as NULLIF(column, '').
 */
extern bool tg_is_tenant_column(Node *node, const ProofContext *context, bool or_null,
						 Oid *type);

/*
 * The column, of whatever table, that the expression is or is a lossless
 * conversion of, NULL elsewhere; or NULL if it is something else.
 */
extern Var *tg_as_column(Node *node);

#endif							/* TROVELLA_GUARD_EQUALITY_H */
