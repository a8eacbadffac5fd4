/*-------------------------------------------------------------------------
 *
 * definers.h
 *		SECURITY DEFINER functions that expose the rows of a table.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_DEFINERS_H
#define TROVELLA_GUARD_DEFINERS_H

#include "facts/facts.h"

/* A function by which others reach the rows of all tenants. */
typedef struct ExposingFunction
{
	const DefinerRead *read;
	const char *why;			/* the table's policies do not confine it */
	List	   *grantees;		/* who may execute it, as OIDs */
} ExposingFunction;

/*
 * Those of a tenant table that application roles may execute, as a List of
 * ExposingFunction; without those that are a part of a policy.  "to_anybody":
 * all of them, whoever may execute them.  "alone": also where rls_disabled
 * reports the table.
 */
extern List *tg_exposing_functions(FactsReader *reader,
								   const RelationFacts *facts,
								   bool to_anybody, bool alone);

/*
 * The tenant tables that the functions to which the reader is limited expose, as
 * OIDs.
 */
extern List *tg_tables_exposed_by_functions(FactsReader *reader);

/* The name of a function with its arguments; NULL if it is gone. */
extern char *tg_function_signature(Oid function);

#endif							/* TROVELLA_GUARD_DEFINERS_H */
