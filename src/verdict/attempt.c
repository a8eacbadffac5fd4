/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		What an attempt to reach a verdict reads by.
 *
 * The catalogs are read twice: "after" under the latest snapshot, "before"
 * under a copy of it whose curcid is the first command of the transaction.  So
 * "before" is the same moment without our own changes, in every isolation
 * level.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hashtable.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "verdict/attempt.h"

static void
note_read(Oid classId, Oid objectId, void *locks)
{
	tg_lock_read(locks, classId, objectId);
}

/*
 * A verdict that may owe its answer to an excused role or a declared bypass relies
 * on them.
 */
static const Decisions *
decisions_after(void *arg)
{
	Attempt    *attempt = arg;
	const Decisions *decisions =
		tg_allowlist_decisions(tg_attempt_allowlist(attempt, true));

	if (attempt->locks->wanted &&
		(decisions->excused_roles != NIL || decisions->bypasses != NIL))
		tg_lock_read(attempt->locks, tg_allowlist_oid(),
					 tg_allowlist_decisions_key());
	return decisions;
}

static const Decisions *
decisions_before(void *arg)
{
	return tg_allowlist_decisions(tg_attempt_allowlist(arg, false));
}

void
tg_attempt_begin(Attempt *attempt, VerdictLocks *locks)
{
	Snapshot	latest;

	memset(attempt, 0, sizeof(Attempt));
	attempt->locks = locks;
	attempt->context = AllocSetContextCreate(locks->context,
											 "trovella_guard attempt",
											 ALLOCSET_DEFAULT_SIZES);
	attempt->relation_context = AllocSetContextCreate(attempt->context,
													  "trovella_guard relation",
													  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(attempt->context);
	attempt->seen = tg_hash_create("trovella_guard queue", sizeof(ObjectKey),
								   sizeof(QueueEntry), attempt->context);

	/*
	 * Without a first snapshot GetLatestSnapshot() would hand out the
	 * transaction snapshot, which RegisterSnapshot() need not copy.
	 */
	if (!FirstSnapshotSet)
		(void) GetTransactionSnapshot();
	latest = GetLatestSnapshot();
	attempt->after_snapshot = RegisterSnapshot(latest);
	attempt->before_snapshot = RegisterSnapshot(latest);
	Assert(attempt->before_snapshot != attempt->after_snapshot);
	attempt->before_snapshot->curcid = FirstCommandId;

	attempt->after = tg_facts_begin(attempt->after_snapshot, false);
	attempt->before = tg_facts_begin(attempt->before_snapshot, true);
	tg_facts_set_decisions(attempt->after, decisions_after, attempt);
	tg_facts_set_decisions(attempt->before, decisions_before, attempt);
	attempt->now = GetCurrentTimestamp();
	if (attempt->locks->wanted)
		tg_facts_note_reads(attempt->after, note_read, attempt->locks);
}

void
tg_attempt_end(Attempt *attempt)
{
	tg_facts_end(attempt->before);
	tg_facts_end(attempt->after);
	UnregisterSnapshot(attempt->before_snapshot);
	UnregisterSnapshot(attempt->after_snapshot);
}

/* Read when it is first needed. */
const Allowlist *
tg_attempt_allowlist(Attempt *attempt, bool is_after)
{
	Allowlist **allowlist = is_after ? &attempt->after_allowlist :
		&attempt->before_allowlist;

	if (*allowlist == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(attempt->context);

		*allowlist = tg_allowlist_read(is_after ? attempt->after :
									   attempt->before, attempt->now);
		if (!is_after)
			tg_allowlist_ask_attested(*allowlist, tg_attested_before, attempt);
		MemoryContextSwitchTo(old);
	}
	return *allowlist;
}
