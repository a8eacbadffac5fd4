/*-------------------------------------------------------------------------
 *
 * oidset.c
 *		A set of OIDs that remembers the order in which they came.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "facts/oidset.h"
#include "hashtable.h"
#include "utils/memutils.h"

/* Up to this number a list is faster than a hash table. */
#define FEW 16

static void
start_hashing(OidSet *set)
{
	ListCell   *lc;

	set->known = tg_hash_create("trovella_guard OIDs", sizeof(Oid), sizeof(Oid),
								GetMemoryChunkContext(set->oids));
	foreach(lc, set->oids)
	{
		Oid			oid = lfirst_oid(lc);

		(void) hash_search(set->known, &oid, HASH_ENTER, NULL);
	}
}

bool
tg_oidset_has(const OidSet *set, Oid oid)
{
	return set->known != NULL ?
		hash_search(set->known, &oid, HASH_FIND, NULL) != NULL :
		list_member_oid(set->oids, oid);
}

bool
tg_oidset_add(OidSet *set, Oid oid)
{
	bool		found;

	if (set->known == NULL && list_length(set->oids) == FEW)
		start_hashing(set);
	if (set->known != NULL)
		(void) hash_search(set->known, &oid, HASH_ENTER, &found);
	else
		found = list_member_oid(set->oids, oid);
	if (!found)
		set->oids = lappend_oid(set->oids, oid);
	return !found;
}
