/*-------------------------------------------------------------------------
 *
 * terms.h
 *		How the terms of the clues about a table are made.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_TERMS_H
#define TROVELLA_GUARD_TERMS_H

#include "probe/clues.h"

/* A term as a List, which is empty if there are too many. */
extern List *tg_term(Clues *clues, TermKind kind, Oid relid, AttrNumber attnum,
					 const char *name, List *path);
extern List *tg_column_term(Clues *clues, Oid relid, AttrNumber attnum);

/* A list of one literal: its text; NULL for any other. */
extern const char *tg_only_literal(const List *terms);

/* Notes that the two sides of a comparison are compared for equality. */
extern void tg_compare_terms(Clues *clues, List *left, List *right);

/*
 * Notes which values of "terms" satisfy their comparison with others, as far as the
 * operator tells; "sign" is -1 if they are on its right side.
 */
extern void tg_lean(const char *op, const List *terms, const List *others,
					int sign);

/* If the tenant column is among the terms: it is compared in a loose way. */
extern void tg_note_looseness(Clues *clues, const List *terms);

/* The parts of JSON values under these keys, or under a path such as '{a,b}'. */
extern List *tg_with_path(Clues *clues, List *bases, List *keys);
extern List *tg_with_path_literal(Clues *clues, List *bases, List *literals);

/* Marks terms: see clues.h */
extern void tg_mark_lists(List *terms);
extern void tg_mark_keys(List *terms);
extern void tg_mark_parts(List *terms);

#endif							/* TROVELLA_GUARD_TERMS_H */
