/*-------------------------------------------------------------------------
 *
 * hold.h
 *		Holds still what a verdict relies on.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_HOLD_H
#define TROVELLA_GUARD_HOLD_H

#include "allowlist.h"
#include "facts.h"
#include "storage/lockdefs.h"

/*
 * The locks of one verdict.  They outlive the attempt that found them missing,
 * and are released with the transaction.
 */
typedef struct Holds
{
	bool		wanted;			/* false: somebody only asks, nothing is held */
	MemoryContext context;		/* of the lists */
	List	   *schemas;		/* OIDs: renamed by us; nobody makes a
								 * relation in them under the old name */
	List	   *functions;		/* OIDs: altered by us; nobody makes a policy
								 * that calls them meanwhile */
	List	   *relied_on;		/* OIDs: of what they are or are called we
								 * rely on; nobody alters them meanwhile */
	LOCKMODE	inheritance;	/* see hold_inheritance() */

	/* The present attempt */
	FactsReader *before;
	FactsReader *after;
	bool		opens_parents;	/* somebody may now read a table that may be,
								 * or become, a parent */
	bool		relies_on_parents;	/* nobody may read a parent of a table */
	bool		lost_race;		/* what it rests on may have changed meanwhile */
} Holds;

/* Begins an attempt, which reads by these readers. */
extern void tg_hold_begin(Holds *holds, FactsReader *before,
						  FactsReader *after);

/* Can the attempt be relied on?  If not, there must be another one. */
extern bool tg_hold_end(Holds *holds);

/* A schema or a function that the transaction may have altered. */
extern void tg_hold_renamed_schema(Holds *holds, Oid schema_oid);
extern void tg_hold_altered_function(Holds *holds, Oid function_oid);

/*
 * What the judgement of a relation rests on, besides the relation: to be
 * called before it is judged.  "before" is NULL if the relation is new.
 */
extern void tg_hold_relation(Holds *holds, const RelationFacts *facts,
							 const RelationFacts *before);

/* An allowlist entry that covers a finding about a relation. */
extern void tg_hold_exemption(Holds *holds, const AllowlistEntry *entry,
							  const RelationFacts *facts);

#endif							/* TROVELLA_GUARD_HOLD_H */
