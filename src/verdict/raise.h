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

#endif							/* TROVELLA_GUARD_RAISE_H */
