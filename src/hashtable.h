/*-------------------------------------------------------------------------
 *
 * hashtable.h
 *		Makes a hash table in a memory context.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_HASHTABLE_H
#define TROVELLA_GUARD_HASHTABLE_H

#include "utils/hsearch.h"
#include "utils/palloc.h"

/* The key, compared byte by byte, is what an entry begins with. */
static inline HTAB *
tg_hash_create(const char *name, Size keysize, Size entrysize,
			   MemoryContext context)
{
	HASHCTL		ctl = {.keysize = keysize,.entrysize = entrysize,.hcxt = context};

	return hash_create(name, 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

#endif							/* TROVELLA_GUARD_HASHTABLE_H */
