/*-------------------------------------------------------------------------
 *
 * oidset.h
 *		A set of OIDs that remembers the order in which they came.
 *
 * For walks along inheritance, views and the like: more paths lead to a
 * relation than there are relations, and searching a list on each of them takes
 * quadratic time.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_OIDSET_H
#define TROVELLA_GUARD_OIDSET_H

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

/* Begins as {0}; lives in the memory context in which it first grows. */
typedef struct OidSet
{
	List	   *oids;			/* each once, in the order in which they came */
	HTAB	   *known;			/* the same, if there are many */
} OidSet;

/* Returns false if the set has it already. */
extern bool tg_oidset_add(OidSet *set, Oid oid);

extern bool tg_oidset_has(const OidSet *set, Oid oid);

#endif							/* TROVELLA_GUARD_OIDSET_H */
