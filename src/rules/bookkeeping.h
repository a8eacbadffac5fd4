/*-------------------------------------------------------------------------
 *
 * bookkeeping.h
 *		The tables in which migration tools keep book of what they have run.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_BOOKKEEPING_H
#define TROVELLA_GUARD_BOOKKEEPING_H

#include "facts/facts.h"

/*
 * The tool whose table this is, or NULL.  It never is one with a tenant
 * column.
 */
extern const char *tg_bookkeeping_tool(const RelationFacts *facts);

#endif							/* TROVELLA_GUARD_BOOKKEEPING_H */
