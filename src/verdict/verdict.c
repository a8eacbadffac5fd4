/*-------------------------------------------------------------------------
 *
 * verdict.c
 *		May this transaction commit?
 *
 * The transaction callback runs at XACT_EVENT_PRE_COMMIT and at
 * XACT_EVENT_PRE_PREPARE.  There an ERROR still refuses the transaction, and
 * PostgreSQL forbids running user-defined code (see the comments at
 * CallXactCallbacks in CommitTransaction, xact.c).  raise.c words the findings.
 *
 * Notes:
 *
 * 1. queue.c lists the relations that the touched objects lead to, judge.c
 * judges each of them, locks.c locks what the answer rests on.
 *
 * 2. CommandCounterIncrement() comes first: DROP INDEX CONCURRENTLY commits
 * its first transaction without one after it has marked the index invalid.
 *
 * 3. The memory for a relation is freed before the next one, and that of the
 * verdict at its end: a procedure may commit many times.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "guard.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "rules/rules.h"
#include "settings.h"
#include "subtransaction.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "verdict/attempt.h"
#include "verdict/raise.h"
#include "version.h"

static void verdict_xact_callback(XactEvent event, void *arg);

void
tg_verdict_init(void)
{
	RegisterXactCallback(verdict_xact_callback, NULL);
}

/*
 * Was anything but constraints of temporary relations touched?  Sessions that
 * do nothing else should not pay for a verdict.  (Temporary relations are not
 * touched; whose a policy is would take a scan to find out.)
 */
static bool
touched_anything_lasting(void)
{
	List	   *objects = tg_touched_objects();
	ListCell   *lc;
	bool		result = false;

	foreach(lc, objects)
	{
		ObjectKey  *object = lfirst(lc);

		if (object->classId != ConstraintRelationId ||
			!tg_is_temporary(tg_owning_relation(object->classId,
												object->objectId)))
		{
			result = true;
			break;
		}
	}
	list_free(objects);
	return result;
}

static bool
must_judge(void)
{
	return touched_anything_lasting() &&
		tg_version_check(tg_mode() != TG_MODE_OFF);
}

/*
 * Does Citus commit here what its coordinator judges?  Anybody can name a session
 * as Citus names its own, but a superuser can switch the guard off anyway.
 */
static bool
is_sent_by_citus(void)
{
	Snapshot	snapshot;
	FactsReader *reader;
	bool		result;

	if (!superuser_arg(GetSessionUserId()))
		return false;
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	reader = tg_facts_begin(snapshot, false);
	result = tg_citus_is_calling(reader);
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
	return result;
}

static void
judge_and_log(void *arg)
{
	List	  **verdicts = arg;

	if (!must_judge())
		return;
	*verdicts = tg_judge_transaction(false, true);
	tg_log_what_went_through(*verdicts);
}

/*
 * Judges a commit that the guard does not refuse: in mode "warn" or "off", or of
 * Citus.  These modes are the way out of trouble, including trouble that the
 * verdict itself causes: so an error in it goes to the server log, unless it
 * says that somebody wants the commit to end.  (PostgreSQL allows subtransactions
 * here because deferred triggers may need them.)
 */
static void
judge_without_refusing(void)
{
	List	   *verdicts = NIL;
	ErrorData  *error = tg_catch_error(judge_and_log, &verdicts);

	if (error != NULL &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	if (error != NULL)
		ereport(LOG_SERVER_ONLY,
				(errcode(ERRCODE_WARNING_TENANT_TABLE),
				 tg_mode() == TG_MODE_ENFORCE ?
				 errmsg("trovella_guard could not judge a commit of Citus") :
				 errmsg("trovella_guard could not judge a commit in mode \"%s\"",
						tg_mode() == TG_MODE_WARN ? "warn" : "off"),
				 errdetail_internal("%s", error->message)));
	if (tg_mode() == TG_MODE_WARN)
		tg_raise(verdicts);
}

/*
 * The memory of the verdict is a child of TopTransactionContext, which is freed
 * should we not come back from here.  The current context may be that of a
 * procedure, which lives longer than the transaction.
 *
 * Nor does the replication origin know how far the transaction leads, until we
 * come back.  An abort advances the origin, too (RecordTransactionAbort(),
 * xact.c), and an apply worker that has told it the end of the transaction takes
 * a refused one for applied: pglogical would skip it, and lose its rows.
 */
static void
judge_commit(void)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "trovella_guard verdict",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	XLogRecPtr	origin_lsn = TG_ORIGIN_LSN;

	TG_ORIGIN_LSN = InvalidXLogRecPtr;
	if (tg_mode() != TG_MODE_ENFORCE || is_sent_by_citus())
		judge_without_refusing();
	else if (must_judge())
		tg_raise(tg_judge_transaction(true, true));
	TG_ORIGIN_LSN = origin_lsn;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
verdict_xact_callback(XactEvent event, void *arg pg_attribute_unused())
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (tg_touched_any())
				judge_commit();
			tg_touched_seal();
			break;

		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			tg_touched_forget();
			break;

		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/* What became of these matters to the verdict of every relation. */
static bool
concerns_many(const ObjectKey *object)
{
	return object->classId == NamespaceRelationId ||
		object->classId == ProcedureRelationId;
}

/*
 * Each relation is judged as soon as it is queued: then its parts need not be
 * looked up (tg_queue_skip_parts).
 */
static void
judge_objects(Attempt *attempt, List *objects, bool many)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		CHECK_FOR_INTERRUPTS();
		if (concerns_many(lfirst(lc)) != many)
			continue;
		tg_queue_object(attempt, lfirst(lc));
		MemoryContextReset(attempt->relation_context);
		if (!many)
			tg_judge_queue(attempt);
	}
	tg_judge_queue(attempt);
}

static List *
functions_among(const List *objects)
{
	List	   *functions = NIL;
	const ListCell *lc;

	foreach(lc, objects)
	{
		const ObjectKey *object = lfirst(lc);

		if (object->classId == ProcedureRelationId)
			functions = lappend_oid(functions, object->objectId);
	}
	return functions;
}

void
tg_judge_touched(Attempt *attempt)
{
	List	   *objects = tg_touched_objects();
	List	   *functions = functions_among(objects);

	tg_facts_limit_definers(attempt->before, functions);
	tg_facts_limit_definers(attempt->after, functions);
	MemoryContextSwitchTo(attempt->relation_context);
	tg_queue_note_demoted(attempt, objects);
	tg_queue_losers(attempt, objects);
	judge_objects(attempt, objects, true);
	judge_objects(attempt, objects, false);
	if (functions != NIL)
	{
		tg_queue_tables_of_functions(attempt);
		tg_judge_queue(attempt);
	}
	tg_queue_attested(attempt);
	tg_judge_queue(attempt);
	tg_judge_database(attempt);
	MemoryContextSwitchTo(attempt->context);
}

/*
 * Makes an attempt that has begun.  Returns false if locks were missing: what it
 * has concluded may not be true any more.
 */
static bool
attempt_verdict(Attempt *attempt)
{
	bool		is_certain;

	tg_judge_touched(attempt);
	is_certain = !tg_lock_noted(attempt->locks, attempt->before);
	tg_attempt_end(attempt);
	return is_certain;
}

List *
tg_judge_transaction(bool lock, bool commits)
{
	MemoryContext old = CurrentMemoryContext;
	VerdictLocks locks = {.wanted = lock,.context = old};
	bool		is_certain;
	Attempt		attempt;

	if (!tg_touched_any())
		return NIL;

	tg_settings_warn();
	CommandCounterIncrement();

	do
	{
		CHECK_FOR_INTERRUPTS();
		tg_attempt_begin(&attempt, &locks);
		is_certain = attempt_verdict(&attempt);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(attempt.relation_context);
		if (!is_certain)
			MemoryContextDelete(attempt.context);
	} while (!is_certain);

	/* In mode "off" a restore makes again, one by one, what owes the debts */
	if (commits && attempt.after_allowlist != NULL)
		tg_allowlist_write_changes(attempt.after_allowlist,
								   tg_mode() != TG_MODE_OFF);
	return attempt.verdicts;
}
