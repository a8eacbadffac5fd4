/*-------------------------------------------------------------------------
 *
 * raise.h
 *		Raises the error or the warnings of a verdict.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_RAISE_H
#define TROVELLA_GUARD_RAISE_H

#include "nodes/pg_list.h"
#include "rules/rules.h"
#include "verdict/verdict.h"

/*
 * Takes a List of RelationVerdict.  Raises an ERROR with SQLSTATE TG001 if one of
 * them holds a finding of level error that was not there before and the mode
 * is "enforce"; otherwise a WARNING for each relation that has any finding.
 */
extern void tg_raise(List *verdicts);

/*
 * Writes one line to the server log, and nothing to the client, if mode
 * "enforce" would have refused the commit.
 */
extern void tg_log_what_went_through(List *verdicts);

/* hint.c */

typedef enum HintKind
{
	HINT_REFUSAL,				/* the transaction is rolled back */
	HINT_WARNING				/* it has committed */
} HintKind;

/*
 * What to do about findings (a List of Finding), of which "first" has the first
 * ones, and about those that the client is not shown.
 */
extern char *tg_hint(HintKind kind, const RelationVerdict *first,
					 const List *findings, const List *hidden);

/* Does the client send each statement as a transaction of its own? */
extern bool tg_is_autocommit(void);

/* Does it restore a dump in more than one transaction? */
extern bool tg_is_restore_in_parts(void);

#endif							/* TROVELLA_GUARD_RAISE_H */
