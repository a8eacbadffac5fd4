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
 * 1. The catalogs are read twice: "after" under the latest snapshot, "before"
 * under a copy of it whose curcid is the first command of the transaction,
 * so that the same snapshot minus our own changes results, in every isolation
 * level.  A finding that was there before is not this transaction's fault.
 *
 * 2. CommandCounterIncrement() comes first: DROP INDEX CONCURRENTLY commits
 * its first transaction without one after it has marked the index invalid.
 *
 * 3. Memory per relation is freed; only what is to be said is kept.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "allowlist.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "guard.h"
#include "miscadmin.h"
#include "raise.h"
#include "rules.h"
#include "settings.h"
#include "touched.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "verdict.h"

/* The state of one attempt to reach a verdict. */
typedef struct Trial
{
	Snapshot	after_snapshot;
	Snapshot	before_snapshot;
	FactsReader *after;
	FactsReader *before;
	TimestampTz now;
	Allowlist  *after_allowlist;	/* read when first needed */
	Allowlist  *before_allowlist;
	MemoryContext context;		/* of the trial */
	MemoryContext relation_context; /* reset for each relation */
	HTAB	   *seen;			/* OIDs that are on the docket */
	List	   *docket;			/* OIDs of relations to judge */
	bool		schemas_altered;
	bool		hold;
	bool		lost_race;		/* an allowlist entry has gone meanwhile */
	List	   *judgements;
} Trial;

static void judge_commit(void);
static void verdict_xact_callback(XactEvent event, void *arg);

void
tg_verdict_init(void)
{
	RegisterXactCallback(verdict_xact_callback, NULL);
}

bool
tg_guard_is_installed(void)
{
	return OidIsValid(get_extension_oid(TG_EXTENSION, true));
}

/*
 * Mode "off" is the way out of every trouble, also of one that the guard
 * itself may cause: the verdict, which is only for the log, runs in a
 * subtransaction, and an error in it stays there.  PostgreSQL allows
 * subtransactions here because deferred triggers may need them.
 */
static void
log_silently(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		tg_log_what_went_through(tg_judge_transaction(false));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(LOG_SERVER_ONLY,
				(errmsg("trovella_guard could not tell what mode \"off\" let through")));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
judge_commit(void)
{
	List	   *judgements;

	if (tg_mode == TG_MODE_OFF)
	{
		log_silently();
		return;
	}

	judgements = tg_judge_transaction(true);
	if (tg_mode == TG_MODE_WARN)
		tg_log_what_went_through(judgements);
	tg_raise(judgements);
}

static void
verdict_xact_callback(XactEvent event, void *arg pg_attribute_unused())
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (tg_touched_any() && tg_guard_is_installed())
				judge_commit();
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
 * Takes the two snapshots that note 1 above describes.
 */
static void
begin_trial(Trial *trial)
{
	Snapshot	latest;

	/*
	 * Without a first snapshot GetLatestSnapshot() would hand out the
	 * transaction snapshot, which RegisterSnapshot() need not copy.
	 */
	if (!FirstSnapshotSet)
		(void) GetTransactionSnapshot();
	latest = GetLatestSnapshot();
	trial->after_snapshot = RegisterSnapshot(latest);
	trial->before_snapshot = RegisterSnapshot(latest);
	Assert(trial->before_snapshot != trial->after_snapshot);
	trial->before_snapshot->curcid = FirstCommandId;

	trial->after = tg_facts_begin(trial->after_snapshot);
	trial->before = tg_facts_begin(trial->before_snapshot);
	trial->now = GetCurrentTimestamp();
}

static void
end_trial(Trial *trial)
{
	tg_facts_end(trial->before);
	tg_facts_end(trial->after);
	UnregisterSnapshot(trial->before_snapshot);
	UnregisterSnapshot(trial->after_snapshot);
}

/* Puts a relation on the docket, once. */
static void
summon(Trial *trial, Oid relid)
{
	bool		found;
	MemoryContext old;

	if (!OidIsValid(relid))
		return;
	hash_search(trial->seen, &relid, HASH_ENTER, &found);
	if (found)
		return;
	old = MemoryContextSwitchTo(trial->context);
	trial->docket = lappend_oid(trial->docket, relid);
	MemoryContextSwitchTo(old);
}

static void
summon_all(Trial *trial, List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		summon(trial, lfirst_oid(lc));
}

/*
 * Puts the relations that a touched object is about on the docket.
 */
static void
summon_for_object(Trial *trial, const TouchedKey *object)
{
	Oid			relid;

	switch (object->classId)
	{
		case NamespaceRelationId:
			trial->schemas_altered = true;
			summon_all(trial,
					   tg_facts_relations_of_schema(trial->after,
													object->objectId));
			break;

		case ProcedureRelationId:
			summon_all(trial,
					   tg_facts_relations_using_function(trial->after,
														 object->objectId));
			break;

		default:
			relid = tg_facts_owning_relation(trial->after, object->classId,
											 object->objectId);
			if (!OidIsValid(relid))
				relid = tg_facts_owning_relation(trial->before,
												 object->classId,
												 object->objectId);
			summon(trial, relid);
			break;
	}
}

static void
read_allowlists(Trial *trial)
{
	MemoryContext old;

	if (trial->after_allowlist != NULL)
		return;
	old = MemoryContextSwitchTo(trial->context);
	trial->after_allowlist = tg_allowlist_read(trial->after_snapshot,
											   trial->now);
	trial->before_allowlist = tg_allowlist_read(trial->before_snapshot,
												trial->now);
	MemoryContextSwitchTo(old);
}

/*
 * Takes away the findings that the allowlist waives.  Those that tell of a
 * gained exemption are not for that exemption to waive.
 */
static List *
without_waived(Trial *trial, List *findings, const RelationFacts *facts,
			   bool is_after)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		const Allowlist *allowlist = is_after ? trial->after_allowlist :
			trial->before_allowlist;
		FactsReader *reader = is_after ? trial->after : trial->before;
		const AllowlistEntry *entry = NULL;

		if (finding->rule->check != tg_check_exemption_taken_over)
			entry = tg_allowlist_match(allowlist, reader, facts,
									   finding->rule->name);
		if (entry == NULL)
			entry = tg_allowlist_void(allowlist, reader,
									  finding->other_relid);
		if (entry == NULL)
			result = lappend(result, finding);
		else if (is_after && trial->hold && !tg_allowlist_hold(entry))
			trial->lost_race = true;
	}
	return result;
}

static bool
same_finding(const Finding *after, const Finding *before)
{
	/* What holds for more commands than before is a new finding */
	return after->rule == before->rule &&
		after->object_oid == before->object_oid &&
		after->other_relid == before->other_relid &&
		after->fingerprint == before->fingerprint &&
		(after->commands & ~before->commands) == 0;
}

static void
mark_those_that_were_there(List *after, List *before)
{
	ListCell   *lc;

	foreach(lc, after)
	{
		Finding    *finding = lfirst(lc);
		ListCell   *other;

		foreach(other, before)
		{
			if (same_finding(finding, lfirst(other)))
				finding->was_there = true;
		}
	}
}

/*
 * Takes away what was there before and is listed as a debt.  What is worse
 * than before is no debt, whatever rule it breaks.
 */
static List *
without_debts(Trial *trial, List *findings, const RelationFacts *facts)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		if (!finding->was_there ||
			tg_allowlist_debt(trial->after_allowlist, trial->after, facts,
							  finding->rule->name) == NULL)
			result = lappend(result, finding);
	}
	return result;
}

/* Copies what is to be said into the current memory context. */
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

static void
pronounce(Trial *trial, const RelationFacts *facts, bool created,
		  List *findings)
{
	MemoryContext old = MemoryContextSwitchTo(trial->context);
	Judgement  *judgement = palloc0(sizeof(Judgement));
	ListCell   *lc;

	judgement->relid = facts->relid;
	judgement->schema = pstrdup(facts->schema);
	judgement->name = pstrdup(facts->name);
	judgement->kind = facts->kind;
	judgement->created = created;
	foreach(lc, findings)
		judgement->findings = lappend(judgement->findings,
									  copy_finding(lfirst(lc)));
	trial->judgements = lappend(trial->judgements, judgement);
	MemoryContextSwitchTo(old);
}

static void
judge_relation(Trial *trial, Oid relid)
{
	RelationFacts *facts = tg_facts_read(trial->after, relid);
	RelationFacts *before = NULL;
	RelationHistory history = {0};
	RelationPlace place;
	bool		existed;
	List	   *findings;

	if (facts == NULL || facts->temporary)
		return;

	/*
	 * What the relation was before matters if it may have changed its class
	 * or its name, and if there is a finding.
	 */
	existed = tg_facts_place(trial->before, relid, &place);
	if (existed &&
		(facts->tenant == NULL || facts->partition ||
		 trial->schemas_altered ||
		 place.schema_oid != facts->schema_oid ||
		 strcmp(NameStr(place.name), facts->name) != 0))
	{
		before = tg_facts_read(trial->before, relid);
		history.before = before;
		if (before != NULL && tg_is_tenant_table(before))
		{
			read_allowlists(trial);
			history.gained_exemption =
				tg_allowlist_gained(trial->after_allowlist, trial->after,
									facts, trial->before_allowlist,
									trial->before, before);
		}
	}

	findings = tg_apply_rules(trial->after, facts, &history,
							  TG_LEVEL_WARNING, true);
	if (findings == NIL || tg_facts_is_trusted_member(trial->after, relid))
		return;

	if (existed && before == NULL)
		before = tg_facts_read(trial->before, relid);

	/* What was hidden behind a parent's row-level security is so no more */
	if (before != NULL && before->rls_enabled && !facts->rls_enabled)
		summon_all(trial, tg_facts_children(trial->after, relid));

	read_allowlists(trial);
	findings = without_waived(trial, findings, facts, true);
	if (findings == NIL)
		return;

	if (before != NULL && !tg_facts_is_trusted_member(trial->before, relid))
	{
		List	   *old_findings = tg_apply_rules(trial->before, before, NULL,
												  TG_LEVEL_WARNING, false);

		mark_those_that_were_there(findings,
								   without_waived(trial, old_findings, before,
												  false));
		findings = without_debts(trial, findings, facts);
		if (findings == NIL)
			return;
	}
	pronounce(trial, facts, !existed, findings);
}

static void
hold_trial(Trial *trial)
{
	HASHCTL		ctl = {0};
	List	   *objects = tg_touched_objects();
	ListCell   *lc;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Oid);
	ctl.hcxt = trial->context;
	trial->seen = hash_create("trovella_guard docket", 256, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	begin_trial(trial);

	MemoryContextSwitchTo(trial->relation_context);
	foreach(lc, objects)
	{
		CHECK_FOR_INTERRUPTS();
		summon_for_object(trial, lfirst(lc));
		MemoryContextReset(trial->relation_context);
	}

	/* The docket grows while we work on it: see judge_relation() */
	for (int i = 0; i < list_length(trial->docket); i++)
	{
		CHECK_FOR_INTERRUPTS();
		judge_relation(trial, list_nth_oid(trial->docket, i));
		MemoryContextReset(trial->relation_context);
	}
	MemoryContextSwitchTo(trial->context);

	end_trial(trial);
}

List *
tg_judge_transaction(bool hold)
{
	MemoryContext old = CurrentMemoryContext;
	Trial		trial;

	if (!tg_touched_any())
		return NIL;

	CommandCounterIncrement();

	do
	{
		CHECK_FOR_INTERRUPTS();
		memset(&trial, 0, sizeof(Trial));
		trial.hold = hold;
		trial.context = AllocSetContextCreate(old, "trovella_guard verdict",
											  ALLOCSET_DEFAULT_SIZES);
		trial.relation_context =
			AllocSetContextCreate(trial.context,
								  "trovella_guard relation",
								  ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(trial.context);
		hold_trial(&trial);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(trial.relation_context);
		if (trial.lost_race)
			MemoryContextDelete(trial.context);
	} while (trial.lost_race);

	return trial.judgements;
}
