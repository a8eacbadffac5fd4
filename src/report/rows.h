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

#include "utils/builtins.h"

/* A text for a column of a row, or null. */
static inline Datum
text_or_null(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string != NULL ? CStringGetTextDatum(string) : (Datum) 0;
}

#endif							/* TROVELLA_GUARD_ROWS_H */
