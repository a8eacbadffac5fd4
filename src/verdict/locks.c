/*-------------------------------------------------------------------------
 *
 * locks.c
 *		The locks of a verdict: on what it read, and on what it is about.
 *
 * Concurrent transactions cannot see each other's changes, and each may be
 * right by itself: one session drops a restrictive policy, another one disables
 * row-level security of the table that the permissive policy reads.  The locks
 * that DDL takes do not meet, because the two alter different tables.
 *
 * So a verdict takes locks of the guard's own, once it knows what it needs: an
 * exclusive one on each object that the transaction has changed, a shared one
 * on each object that the rules have read.  What is read is noted by the reader
 * of the facts (tg_facts_note_reads), so a new rule need not think of it.  Two
 * verdicts of which one reads what the other changes take turns; all others do
 * not meet.
 *
 * Notes:
 *
 * 1. Objects that depend on a changed one are judged, but not locked: whoever
 * changes such a dependent reads what we have changed, and meets us there.
 *
 * 2. A lock that was missing makes the attempt at a verdict void, because others
 * may have committed before we got it.  The next attempt has a new snapshot.
 *
 * 3. The objects are locked in one order, so that two verdicts do not wait for
 * each other.  A second round may break that order; then PostgreSQL's deadlock
 * detector ends one of the two transactions.
 *
 * 4. A verdict that relies on a sealed entry must keep others from granting
 * something on the table, and GRANT takes no lock on a table.  One lock for each
 * table would be too many for GRANT ON ALL TABLES IN SCHEMA.  So the first grant
 * on a table locks the privileges of its schema (by the OID of pg_default_acl) in
 * RowExclusiveLock mode, and the verdict locks them in ShareLock mode.  The two
 * modes conflict with each other, but neither conflicts with itself.
 *
 * docs/architecture.md tells why there is not one lock for all instead.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_default_acl.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "guard.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "verdict/locks.h"

typedef struct LockedObject
{
	ObjectKey	key;			/* hash key, must be first */
	LOCKMODE	needed;
	LOCKMODE	held;
} LockedObject;

/* The weakest mode that stands for two. */
static LOCKMODE
both(LOCKMODE one, LOCKMODE other)
{
	if (Min(one, other) == RowExclusiveLock && Max(one, other) == ShareLock)
		return ShareRowExclusiveLock;
	return Max(one, other);
}

static void
note(VerdictLocks *locks, Oid classId, Oid objectId, LOCKMODE mode)
{
	ObjectKey	key = {classId, objectId};
	LockedObject *object;
	bool		found;

	if (!locks->wanted)
		return;
	if (locks->objects == NULL)
		locks->objects = tg_hash_create("trovella_guard locks",
										sizeof(ObjectKey),
										sizeof(LockedObject), locks->context);

	object = hash_search(locks->objects, &key, HASH_ENTER, &found);
	if (!found)
		object->needed = object->held = NoLock;
	mode = both(mode, object->needed);
	if (mode == object->needed)
		return;
	if (object->needed == object->held)
		locks->missing++;
	object->needed = mode;
}

void
tg_lock_read(VerdictLocks *locks, Oid classId, Oid objectId)
{
	note(locks, classId, objectId, AccessShareLock);
}

void
tg_lock_changed(VerdictLocks *locks, Oid classId, Oid objectId)
{
	note(locks, classId, objectId, AccessExclusiveLock);
}

void
tg_lock_opened(VerdictLocks *locks, Oid schema_oid)
{
	note(locks, DefaultAclRelationId, schema_oid, RowExclusiveLock);
}

void
tg_lock_sealed(VerdictLocks *locks, Oid schema_oid)
{
	note(locks, DefaultAclRelationId, schema_oid, ShareLock);
}

static int
compare_keys(const void *a, const void *b)
{
	const ObjectKey *one = &(*(LockedObject *const *) a)->key;
	const ObjectKey *other = &(*(LockedObject *const *) b)->key;

	if (one->classId != other->classId)
		return one->classId < other->classId ? -1 : 1;
	if (one->objectId != other->objectId)
		return one->objectId < other->objectId ? -1 : 1;
	return 0;
}

/* Has the transaction created it?  Then nobody else can see it. */
static bool
is_our_own(const ObjectKey *key, FactsReader *before)
{
	RelationPlace place;
	FunctionFacts function;

	switch (key->classId)
	{
		case RelationRelationId:
			return !tg_facts_place(before, key->objectId, &place);
		case ProcedureRelationId:
			return !tg_facts_function(before, key->objectId, &function);
		case NamespaceRelationId:
		case DefaultAclRelationId:
			return tg_facts_schema_name(before, key->objectId) == NULL;
		default:
			return false;
	}
}

bool
tg_lock_noted(VerdictLocks *locks, FactsReader *before)
{
	LockedObject **missing;
	LockedObject *object;
	HASH_SEQ_STATUS scan;
	int			count = 0;
	bool		any_locked = false;

	if (locks->missing == 0)
		return false;

	missing = palloc(locks->missing * sizeof(LockedObject *));
	hash_seq_init(&scan, locks->objects);
	while ((object = hash_seq_search(&scan)) != NULL)
	{
		if (object->needed != object->held)
			missing[count++] = object;
	}
	Assert(count == locks->missing);
	qsort(missing, count, sizeof(LockedObject *), compare_keys);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_our_own(&missing[i]->key, before))
		{
			LockDatabaseObject(missing[i]->key.classId,
							   missing[i]->key.objectId, TG_LOCK_SUBID,
							   missing[i]->needed);
			any_locked = true;
		}
		missing[i]->held = missing[i]->needed;
	}
	locks->missing = 0;
	pfree(missing);
	return any_locked;
}
