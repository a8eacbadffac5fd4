/*-------------------------------------------------------------------------
 *
 * reading.h
 *		Reads SQL text for the clues about a table.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_READING_H
#define TROVELLA_GUARD_READING_H

#include "probe/clues.h"

/* A column of a sub-select or of a CTE, or an argument of a function. */
typedef struct NamedTerms
{
	const char *name;			/* may be NULL */
	List	   *terms;
} NamedTerms;

/*
 * What is read leaves its terms, comparisons and tables in "clues".  The steps
 * that are left bound the work.
 */

/* An expression over the columns of a relation, as text. */
extern void tg_read_expression(Clues *clues, const RelationFacts *facts,
							   const char *text);

/* The columns of a view, or of what a function returns: a List of NamedTerms. */
extern List *tg_read_view(Clues *clues, Oid view);
extern List *tg_read_function(Clues *clues, Oid function);

/* Another table whose rows matter; views and catalogs do not count. */
extern void tg_note_relation(Clues *clues, Oid relid);

#endif							/* TROVELLA_GUARD_READING_H */
