/*-------------------------------------------------------------------------
 *
 * rows.h
 *		Helpers for functions that return rows.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_ROWS_H
#define TROVELLA_GUARD_ROWS_H

#include "allowlist/allowlist.h"
#include "facts/facts.h"
#include "utils/builtins.h"

/* A text for a column of a row, or null. */
static inline Datum
text_or_null(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string != NULL ? CStringGetTextDatum(string) : (Datum) 0;
}

/* The class of a relation; "entry" is the one that makes it global, or NULL. */
extern const char *tg_class_name(const RelationFacts *facts,
								 const AllowlistEntry *entry);

#endif							/* TROVELLA_GUARD_ROWS_H */
