/*-------------------------------------------------------------------------
 *
 * values.h
 *		Values of any type, as strings that its input function accepts.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_VALUES_H
#define TROVELLA_GUARD_VALUES_H

#include "nodes/pg_list.h"

/* Ways to write a tenant, an ID or a name in a type that has room for all. */
typedef enum ValueStyle
{
	STYLE_WORD,
	STYLE_UUID,
	STYLE_NUMBER,
	STYLE_LETTERS,
	STYLE_UPPER,
	STYLE_ULID,
	VALUE_STYLES
} ValueStyle;

/*
 * A value of a set of terms for a tenant: another one for each number of a set
 * and each number of a tenant, if the type has so many.
 */
extern char *tg_value_for(Oid type, int32 typmod, int set, int tenant,
						  ValueStyle style);

/*
 * Tenants that a comparison other than equality may take for the first one: a
 * longer one, a shorter one, a smaller one, as a List of strings.  "loose": also
 * what functions make the same of, such as lower().
 */
extern List *tg_values_similar_to(Oid type, int32 typmod, const char *tenant,
								  bool loose);

/* Values that a column of this type may have; unlike each other. */
extern List *tg_values_to_fill(Oid type, int32 typmod, int serial);

/* What a literal in a constraint describes: a pattern, or a length. */
extern List *tg_values_described(Oid type, int32 typmod, const char *literal,
								 int seed);

/*
 * Values that may satisfy a constraint with these literals, in an order that
 * depends on nothing but the literals; with another serial, others.
 */
extern List *tg_values_for_constraint(Oid type, int32 typmod,
									  const List *literals, int serial);

/* Few of them, for a column that a policy looks at. */
extern List *tg_values_to_vary(Oid type, int32 typmod, const List *literals);

/* The largest first (1), or the smallest (-1), if they have a size. */
extern List *tg_values_by_size(Oid type, const List *values, int direction);

/* Literals, with the elements of those that look like arrays instead of these. */
extern List *tg_elements_of(const List *literals);

/* Is it one of the values by which policies say "no tenant"? */
extern bool tg_value_means_nobody(const char *value);

extern bool tg_type_is_json(Oid type);

/* Is it a number type, of any kind? */
extern bool tg_type_is_number(Oid type);

#endif							/* TROVELLA_GUARD_VALUES_H */
