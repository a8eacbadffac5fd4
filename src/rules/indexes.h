/*-------------------------------------------------------------------------
 *
 * indexes.h
 *		Names and statements for the indexes that a table lacks.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_INDEXES_H
#define TROVELLA_GUARD_INDEXES_H

#include "facts/facts.h"

/* The names that indexes of a table have been given. */
typedef struct IndexNames IndexNames;

extern IndexNames *tg_index_names(FactsReader *reader,
								  const RelationFacts *facts);

/* CREATE INDEX, or NULL.  The same columns get the same statement. */
extern char *tg_remedy_index(IndexNames *names, int nkeys,
							 const AttrNumber *keys);

#endif							/* TROVELLA_GUARD_INDEXES_H */
