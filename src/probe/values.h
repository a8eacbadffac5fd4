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
 * longer one, a shorter one, a smaller one, as a List of strings.
 */
extern List *tg_values_similar_to(Oid type, int32 typmod, const char *tenant);

/* Values that a column of this type may have; unlike each other. */
extern List *tg_values_to_fill(Oid type, int32 typmod, int serial);

/* Few of them, for a column that a policy looks at. */
extern List *tg_values_to_vary(Oid type, int32 typmod, const List *literals);

/* Literals, with the elements of those that look like arrays instead of these. */
extern List *tg_elements_of(const List *literals);

/* Is it one of the values by which policies say "no tenant"? */
extern bool tg_value_means_nobody(const char *value);

/* Is it a number type, of any kind? */
extern bool tg_type_is_number(Oid type);

#endif							/* TROVELLA_GUARD_VALUES_H */
