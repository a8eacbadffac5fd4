/*-------------------------------------------------------------------------
 *
 * pattern.h
 *		Strings that match a regular expression or a pattern of LIKE.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_PATTERN_H
#define TROVELLA_GUARD_PATTERN_H

#include "nodes/pg_list.h"

/*
 * What may match the pattern, read as the one and as the other, as a List of
 * strings; another one for another seed.  NIL if it does not look like a pattern.
 */
extern List *tg_matches_of(const char *pattern, int seed);

#endif							/* TROVELLA_GUARD_PATTERN_H */
