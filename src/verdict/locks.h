/*-------------------------------------------------------------------------
 *
 * locks.h
 *		The locks of a verdict: on what it read, and on what it is about.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#ifndef TROVELLA_GUARD_LOCKS_H
#define TROVELLA_GUARD_LOCKS_H

#include "facts/facts.h"
#include "utils/hsearch.h"

/*
 * The field objsubid of our locks in pg_locks ("tg").  PostgreSQL's own locks
 * of objects have 0 there, so ours get in the way of nobody but us.
 */
#define TG_LOCK_SUBID 0x7467

/*
 * The locks that one verdict needs.  They outlive the attempt that finds out
 * which they are, and are released with the transaction; a prepared
 * transaction keeps them until it is committed or rolled back.
 */
typedef struct VerdictLocks
{
	bool		wanted;			/* false: the caller only asks */
	HTAB	   *objects;		/* NULL until the first is noted */
	int			missing;		/* objects that are noted and not locked */
	MemoryContext context;		/* of the table */
} VerdictLocks;

/*
 * Notes that the verdict rests on the state of an object, or that the
 * transaction has changed one that was there before.  The two are incompatible
 * between transactions, and so are two changes.
 */
extern void tg_lock_read(VerdictLocks *locks, Oid classId, Oid objectId);
extern void tg_lock_changed(VerdictLocks *locks, Oid classId, Oid objectId);

/*
 * Notes that the transaction has made the first grant on a table of a schema; or
 * that the verdict rests on a table's having none.  The two are incompatible
 * between transactions, and nothing else is.
 */
extern void tg_lock_opened(VerdictLocks *locks, Oid schema_oid);
extern void tg_lock_sealed(VerdictLocks *locks, Oid schema_oid);

/*
 * Locks what has been noted since the last call, and waits for others where
 * need be.  What "before" does not see is our own, and needs no lock.  Returns true if anything was locked: others may have committed
 * meanwhile, so the verdict must be reached again.
 */
extern bool tg_lock_noted(VerdictLocks *locks, FactsReader *before);

#endif							/* TROVELLA_GUARD_LOCKS_H */
