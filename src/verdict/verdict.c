/*-------------------------------------------------------------------------
 *
 * verdict.c
 *		May this transaction commit?
 *
 * The transaction callback judges at XACT_EVENT_PRE_COMMIT and at
 * XACT_EVENT_PRE_PREPARE, where the transaction can still be refused by an
 * ERROR and where PostgreSQL forbids to run user-defined code (see the
 * comments at CallXactCallbacks in CommitTransaction, xact.c).  What is to be
 * said is found here; how it is said is raise.c's business.
 *
 * Notes:
 *
 * 1. Each relation on the queue (queue.c) is judged as it is after the
 * transaction, and compared with what it was before (attempt.c).  A finding
 * that was there before is not this transaction's fault.
 *
 * 2. CommandCounterIncrement() comes first: DROP INDEX CONCURRENTLY commits
 * its first transaction without one after it has marked the index invalid.
 *
 * 3. Memory per relation is freed, and that of the verdict when it has been
 * raised: a procedure may commit many times.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "guard.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "verdict/attempt.h"
#include "verdict/raise.h"
#include "version.h"

static void judge_commit(void);
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
		ObjectKey *object = lfirst(lc);

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
		tg_version_check(tg_mode != TG_MODE_OFF);
}

/* Somebody wants the commit to end: that is no fault of the verdict. */
static bool
is_interrupt(const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_QUERY_CANCELED:
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
		case ERRCODE_DATABASE_DROPPED:
			return true;
		default:
			return false;
	}
}

/*
 * Judges a commit that the guard does not refuse, in mode "warn" or "off".  These
 * modes are the way out of trouble, also of trouble that the verdict itself may
 * cause.  So it runs in a subtransaction, and an error in it goes to the server
 * log.  (PostgreSQL allows subtransactions here because deferred triggers may
 * need them.)
 */
static void
judge_without_refusing(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	List	   *volatile verdicts = NIL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (must_judge())
		{
			verdicts = tg_judge_transaction(false);
			tg_log_what_went_through(verdicts);
		}
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = owner;
		MemoryContextSwitchTo(context);
		if (is_interrupt(error))
			ReThrowError(error);
		ereport(LOG_SERVER_ONLY,
				(errmsg("trovella_guard could not judge a commit in mode \"%s\"",
						tg_mode == TG_MODE_WARN ? "warn" : "off"),
				 errdetail_internal("%s", error->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (tg_mode == TG_MODE_WARN)
		tg_raise(verdicts);
}

/*
 * The memory of the verdict is a child of TopTransactionContext, which is freed
 * should we not come back from here.  The current context may be that of a
 * procedure, which lives longer than the transaction.
 */
static void
judge_commit(void)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "trovella_guard verdict",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (tg_mode != TG_MODE_ENFORCE)
		judge_without_refusing();
	else if (must_judge())
		tg_raise(tg_judge_transaction(true));
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

/*
 * Notes that the verdict relies on an allowlist entry, by the names of a
 * relation or of a table that it is a partition of.
 */
static void
rely_on_entry(Attempt *attempt, const AllowlistEntry *entry,
			  const RelationFacts *facts)
{
	if (!attempt->locks->wanted)
		return;
	tg_lock_read(attempt->locks, tg_allowlist_oid(), tg_allowlist_key(entry));
	while (facts != NULL)
	{
		tg_lock_read(attempt->locks, NamespaceRelationId, facts->schema_oid);
		facts = facts->partition && facts->parents != NIL ?
			tg_facts_outline(attempt->after, linitial_oid(facts->parents)) :
			NULL;
	}
}

/*
 * Takes away the findings that the allowlist waives.  Those that tell of a
 * gained exemption are not for that exemption to waive.
 */
static List *
without_waived(Attempt *attempt, List *findings, const RelationFacts *facts,
			   bool is_after)
{
	FactsReader *reader = is_after ? attempt->after : attempt->before;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		const Allowlist *allowlist = tg_attempt_allowlist(attempt, is_after);
		const AllowlistEntry *entry = NULL;

		if (finding->rule->check != tg_check_exemption_taken_over)
			entry = tg_allowlist_match(allowlist, reader, facts,
									   finding->rule->name);
		if (entry == NULL)
			entry = tg_allowlist_match_other(allowlist, reader,
									  finding->other_relid);
		if (entry == NULL)
			result = lappend(result, finding);
		else if (is_after)
			rely_on_entry(attempt, entry, facts);
	}
	return result;
}

/* What tells one finding about a relation from another. */
typedef struct FindingKey
{
	const Rule *rule;
	uint64		fingerprint;
	Oid			object_oid;
	Oid			other_relid;
} FindingKey;

typedef struct KnownFinding
{
	FindingKey	key;			/* hash key, must be first */
	List	   *findings;		/* those that were there before */
} KnownFinding;

static KnownFinding *
known_finding(HTAB *known, const Finding *finding, HASHACTION action)
{
	FindingKey	key;
	KnownFinding *result;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.rule = finding->rule;
	key.fingerprint = finding->fingerprint;
	key.object_oid = finding->object_oid;
	key.other_relid = finding->other_relid;
	result = hash_search(known, &key, action, &found);
	if (result != NULL && !found)
		result->findings = NIL;
	return result;
}

/* Can "before" and "after" not be told apart by the rule? */
static bool
is_blind_to_change(const Finding *finding, RestsOn rests_on)
{
	return (rests_on >= RESTS_ON_OTHER_FACTS &&
			finding->rule->check == tg_check_policy_unscoped) ||
		(rests_on >= RESTS_ON_OTHER_POLICIES &&
		 finding->rule->check == tg_check_policy_unproven);
}

/*
 * What holds for more commands than before is a new finding, and so is what was
 * concluded from something worse.
 */
static bool
was_there(const Finding *finding, const KnownFinding *known)
{
	CommandSet	commands = TG_NO_COMMAND;
	bool		result = false;
	ListCell   *lc;

	if (known == NULL)
		return false;
	foreach(lc, known->findings)
	{
		const Finding *before = lfirst(lc);

		if (tg_basis_is_no_worse(finding->basis, before->basis))
		{
			commands |= before->commands;
			result = true;
		}
	}
	return result && (finding->commands & ~commands) == 0;
}

static void
mark_known_findings(const QueueEntry *entry, List *after, List *before)
{
	HASHCTL		ctl = {.keysize = sizeof(FindingKey),.entrysize = sizeof(KnownFinding),.hcxt = CurrentMemoryContext};
	HTAB	   *known;
	ListCell   *lc;

	if (before == NIL)
		return;
	known = hash_create("trovella_guard known findings", 16, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, before)
	{
		Finding    *finding = lfirst(lc);

		KnownFinding *same = known_finding(known, finding, HASH_ENTER);

		same->findings = lappend(same->findings, finding);
	}
	foreach(lc, after)
	{
		Finding    *finding = lfirst(lc);
		KnownFinding *same = known_finding(known, finding, HASH_FIND);

		finding->was_there = was_there(finding, same) &&
			!is_blind_to_change(finding, entry->rests_on);
	}
	hash_destroy(known);
}

/*
 * Takes away what was there before and is listed as a debt.  What is worse
 * than before is no debt, whatever rule it breaks.
 */
static List *
without_debts(Attempt *attempt, List *findings, const RelationFacts *facts)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		const AllowlistEntry *entry = NULL;

		if (finding->was_there)
			entry = tg_allowlist_debt(tg_attempt_allowlist(attempt, true),
									  attempt->after, facts,
									  finding->rule->name);
		if (entry == NULL)
			result = lappend(result, finding);
		else
			rely_on_entry(attempt, entry, facts);
	}
	return result;
}

/* Copies a finding into the current memory context. */
static Finding *
copy_finding(const Finding *finding)
{
	Finding    *copy = palloc(sizeof(Finding));

	*copy = *finding;
	copy->schema = pstrdup(finding->schema);
	copy->table = pstrdup(finding->table);
	copy->message = pstrdup(finding->message);
	if (finding->object != NULL)
		copy->object = pstrdup(finding->object);
	if (finding->repair_sql != NULL)
		copy->repair_sql = pstrdup(finding->repair_sql);
	return copy;
}

/* Records the findings about a relation, in place of earlier ones. */
static void
record(Attempt *attempt, QueueEntry *entry, const RelationFacts *facts,
	   bool created, List *findings)
{
	MemoryContext old = MemoryContextSwitchTo(attempt->context);
	RelationVerdict *verdict = entry->verdict;
	ListCell   *lc;

	if (verdict == NULL)
	{
		verdict = palloc(sizeof(RelationVerdict));
		attempt->verdicts = lappend(attempt->verdicts, verdict);
		entry->verdict = verdict;
	}
	memset(verdict, 0, sizeof(RelationVerdict));
	verdict->relid = facts->relid;
	verdict->schema = pstrdup(facts->schema);
	verdict->name = pstrdup(facts->name);
	verdict->kind = facts->kind;
	verdict->created = created;
	foreach(lc, findings)
		verdict->findings = lappend(verdict->findings,
									  copy_finding(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

/*
 * Notes what the findings about a relation rest on and the rules do not read
 * by way of the reader: the proof asks the system caches, which a lock brings
 * up to date.
 */
static void
note_reads(Attempt *attempt, const RelationFacts *facts,
		   const RelationFacts *before)
{
	VerdictLocks *locks = attempt->locks;
	ListCell   *lc;

	if (!locks->wanted)
		return;
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, tg_facts_functions_of(policy))
			tg_lock_read(locks, ProcedureRelationId, lfirst_oid(lc2));
		foreach(lc2, tg_facts_relations_in(policy->qual))
			tg_facts_note_read(attempt->after, RelationRelationId,
							   lfirst_oid(lc2));
		foreach(lc2, tg_facts_relations_in(policy->with_check))
			tg_facts_note_read(attempt->after, RelationRelationId,
							   lfirst_oid(lc2));
		foreach(lc2, policy->roles)
			tg_facts_note_read(attempt->after, AuthIdRelationId,
							   lfirst_oid(lc2));
	}

	/* A new name is nobody's exemption as long as the schema keeps its name */
	if (before != NULL && facts->tenant != NULL &&
		strcmp(before->name, facts->name) != 0)
		tg_lock_read(locks, NamespaceRelationId, facts->schema_oid);
}

/* What an error in the verdict is about; nothing is looked up for it. */
typedef struct JudgedRelation
{
	Oid			relid;
	const RelationFacts *facts; /* NULL until they are read */
} JudgedRelation;

static void
add_judged_relation(void *arg)
{
	const JudgedRelation *judged = arg;

	if (judged->facts != NULL)
		errcontext("trovella_guard judging relation \"%s.%s\"",
				   judged->facts->schema, judged->facts->name);
	else
		errcontext("trovella_guard judging relation with OID %u",
				   judged->relid);
}

static void
judge_relation(Attempt *attempt, QueueEntry *entry, JudgedRelation *judged)
{
	Oid			relid = entry->key.objectId;
	RelationFacts *facts;
	const RelationFacts *outline;
	RelationFacts *before = NULL;
	RelationHistory history = {0};
	RelationPlace place;
	bool		existed;
	List	   *findings;

	tg_facts_set_subject(attempt->after, relid);
	facts = tg_facts_read(attempt->after, relid);
	if (facts == NULL)
	{
		/* No table, but perhaps the index of one, altered by its name */
		tg_queue_table_of_index(attempt, relid);
		return;
	}
	if (facts->temporary)
		return;
	judged->facts = facts;
	tg_queue_skip_parts(attempt, facts);

	/*
	 * What the relation was before matters if it may have changed its class
	 * or its name, and if there is a finding.
	 */
	existed = tg_facts_place(attempt->before, relid, &place);
	outline = existed ? tg_facts_outline(attempt->before, relid) : NULL;
	note_reads(attempt, facts, outline);
	tg_queue_dependents(attempt, entry, facts, outline);
	if (existed)
	{
		history.reader = attempt->before;
		history.altered_functions = attempt->altered_functions;
	}
	if (existed &&
		(facts->tenant == NULL || facts->partition ||
		 attempt->schemas_altered ||
		 (outline != NULL &&
		  (outline->partition ||
		   list_difference_oid(outline->parents, facts->parents) != NIL)) ||
		 place.schema_oid != facts->schema_oid ||
		 strcmp(NameStr(place.name), facts->name) != 0))
	{
		before = tg_facts_read(attempt->before, relid);
		history.before = before;
		if (before != NULL && tg_is_tenant_table(before))
			history.gained_exemption =
				tg_allowlist_taken_over(tg_attempt_allowlist(attempt, true),
									attempt->after, facts,
									tg_attempt_allowlist(attempt, false),
									attempt->before, before);
	}

	findings = tg_apply_rules(attempt->after, facts, &history,
							  TG_LEVEL_WARNING, true);
	findings = without_waived(attempt, findings, facts, true);
	if (findings == NIL || tg_facts_is_trusted_member(attempt->after, relid))
		return;

	if (existed && before == NULL)
		before = tg_facts_read(attempt->before, relid);
	if (before != NULL && !tg_facts_is_trusted_member(attempt->before, relid))
	{
		List	   *old_findings = tg_apply_rules(attempt->before, before, NULL,
												  TG_LEVEL_WARNING, false);

		mark_known_findings(entry, findings,
							without_waived(attempt, old_findings, before,
										   false));
		findings = without_debts(attempt, findings, facts);
		if (findings == NIL)
			return;
	}
	record(attempt, entry, facts, !existed, findings);
}

/* A change of these can change the verdict on every relation. */
static bool
concerns_many(const ObjectKey *object)
{
	return object->classId == NamespaceRelationId ||
		object->classId == ProcedureRelationId;
}

/* Judging a relation may queue others: see judge_relation(). */
static void
judge_queue(Attempt *attempt)
{
	QueueEntry *entry;

	while ((entry = tg_queue_next(attempt)) != NULL)
	{
		JudgedRelation judged = {.relid = entry->key.objectId};
		ErrorContextCallback callback = {
			.previous = error_context_stack,
			.callback = add_judged_relation,
			.arg = &judged
		};

		CHECK_FOR_INTERRUPTS();
		error_context_stack = &callback;
		entry->judged = true;
		judge_relation(attempt, entry, &judged);
		error_context_stack = callback.previous;
		MemoryContextReset(attempt->relation_context);
	}
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
			judge_queue(attempt);
	}
	judge_queue(attempt);
}

/*
 * Makes one attempt, in the current memory context.  Returns false if locks
 * were missing: what it has concluded may not be true any more.
 */
static bool
attempt_verdict(Attempt *attempt)
{
	List	   *objects = tg_touched_objects();
	bool		is_certain;

	tg_attempt_begin(attempt);
	MemoryContextSwitchTo(attempt->relation_context);
	tg_queue_losers(attempt, objects);
	judge_objects(attempt, objects, true);
	judge_objects(attempt, objects, false);
	MemoryContextSwitchTo(attempt->context);
	is_certain = !tg_lock_noted(attempt->locks, attempt->before);
	tg_attempt_end(attempt);
	return is_certain;
}

/*
 * Locks what is known to be needed before anything is read: that saves the
 * second attempt.
 */
static void
lock_altered_relations(VerdictLocks *locks)
{
	List	   *objects = tg_touched_objects();
	ListCell   *lc;

	foreach(lc, objects)
	{
		const ObjectKey *object = lfirst(lc);

		if (object->classId == RelationRelationId &&
			tg_touched_how(object) == TG_ALTERED)
			tg_lock_changed(locks, object->classId, object->objectId);
	}
	list_free(objects);
	(void) tg_lock_noted(locks, NULL);
}

List *
tg_judge_transaction(bool lock)
{
	MemoryContext old = CurrentMemoryContext;
	VerdictLocks locks = {.wanted = lock,.context = old};
	bool		is_certain;
	Attempt		attempt;

	if (!tg_touched_any())
		return NIL;

	CommandCounterIncrement();
	if (lock)
		lock_altered_relations(&locks);

	do
	{
		CHECK_FOR_INTERRUPTS();
		memset(&attempt, 0, sizeof(Attempt));
		attempt.locks = &locks;
		attempt.context = AllocSetContextCreate(old, "trovella_guard attempt",
												ALLOCSET_DEFAULT_SIZES);
		attempt.relation_context =
			AllocSetContextCreate(attempt.context,
								  "trovella_guard relation",
								  ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(attempt.context);
		is_certain = attempt_verdict(&attempt);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(attempt.relation_context);
		if (!is_certain)
			MemoryContextDelete(attempt.context);
	} while (!is_certain);

	return attempt.verdicts;
}
