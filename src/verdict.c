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
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "guard.h"
#include "hold.h"
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
#include "version.h"

/* What has had attention in a trial: a relation, or a part of one judged. */
typedef struct SeenEntry
{
	TouchedKey	key;			/* hash key, must be first */
	bool		judged;
	bool		undermined;		/* its policies call a function, or read a
								 * table, that is not what it was */
	Judgement  *judgement;		/* if there was anything to be said */
} SeenEntry;

/* The state of one attempt to reach a verdict. */
typedef struct Trial
{
	Snapshot	after_snapshot;
	Snapshot	before_snapshot;
	FactsReader *after;
	FactsReader *before;
	TimestampTz now;
	Allowlist  *after_allowlist;	/* see allowlist_of() */
	Allowlist  *before_allowlist;
	MemoryContext context;		/* of the trial */
	MemoryContext relation_context; /* reset for each relation */
	HTAB	   *seen;			/* of SeenEntry */
	List	   *docket;			/* SeenEntry of relations to judge */
	List	   *altered_functions;	/* OIDs of functions that policies call */
	int			judged;			/* how many of them have been */
	bool		schemas_altered;
	Holds	   *holds;
	List	   *judgements;
} Trial;

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
		TouchedKey *object = lfirst(lc);

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
is_to_be_judged(void)
{
	return touched_anything_lasting() &&
		tg_version_check(tg_mode != TG_MODE_OFF);
}

/*
 * Mode "off" is the way out of trouble, also of one that the verdict itself may
 * cause: here it is only for the log, and runs in a subtransaction, so that an
 * error in it stays there.  PostgreSQL allows
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
		if (is_to_be_judged())
			tg_log_what_went_through(tg_judge_transaction(false));
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(LOG_SERVER_ONLY,
				(errmsg("trovella_guard could not tell what mode \"off\" let through"),
				 errdetail_internal("%s", error->message)));
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

	if (!is_to_be_judged())
		return;
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

	trial->after = tg_facts_begin(trial->after_snapshot, false);
	trial->before = tg_facts_begin(trial->before_snapshot, true);
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

/* The entry of an object, made if need be; was there none? */
static bool
see(Trial *trial, Oid classId, Oid objectId, SeenEntry **entry)
{
	TouchedKey	key = {classId, objectId};
	bool		found;

	*entry = hash_search(trial->seen, &key, HASH_ENTER, &found);
	if (!found)
	{
		(*entry)->judged = false;
		(*entry)->undermined = false;
		(*entry)->judgement = NULL;
	}
	return !found;
}

/* Notes that an object needs no more attention. */
static void
check_off(Trial *trial, Oid classId, Oid objectId)
{
	SeenEntry  *entry;

	(void) see(trial, classId, objectId, &entry);
}

static void
put_on_docket(Trial *trial, SeenEntry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(trial->context);

	trial->docket = lappend(trial->docket, entry);
	MemoryContextSwitchTo(old);
}

/* Puts a relation on the docket, once. */
static void
summon(Trial *trial, Oid relid)
{
	SeenEntry  *entry;

	if (OidIsValid(relid) &&
		see(trial, RelationRelationId, relid, &entry))
		put_on_docket(trial, entry);
}

/*
 * Has a relation judged, once more if need be, whose policies turn out to rely
 * on what is not what it was: as the proof knows only the present, "before"
 * cannot be told from "after" by it.
 */
static void
undermine(Trial *trial, Oid relid)
{
	SeenEntry  *entry;
	bool		is_new = see(trial, RelationRelationId, relid, &entry);

	if (is_new || (entry->judged && !entry->undermined))
		put_on_docket(trial, entry);
	entry->undermined = true;
}

static void
summon_all(Trial *trial, List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		summon(trial, lfirst_oid(lc));
}

/*
 * Puts the relations whose policies call a function on the docket.  The proof
 * that a policy is scoped knows only the present function: where its
 * volatility has changed, "before" cannot be told from "after" by it.
 */
static void
summon_for_function(Trial *trial, Oid function_oid)
{
	List	   *relids = tg_facts_relations_using_function(trial->after,
														   function_oid);
	FunctionFacts before;
	FunctionFacts after;
	MemoryContext old;
	ListCell   *lc;

	summon_all(trial, relids);
	if (!tg_facts_function(trial->before, function_oid, &before) ||
		!tg_facts_function(trial->after, function_oid, &after))
		return;

	if (relids != NIL)
	{
		old = MemoryContextSwitchTo(trial->context);
		trial->altered_functions = lappend_oid(trial->altered_functions,
											   function_oid);
		MemoryContextSwitchTo(old);
	}
	if (before.volatility != after.volatility)
	{
		tg_hold_altered_function(trial->holds, function_oid);
		foreach(lc, relids)
			undermine(trial, lfirst_oid(lc));
	}
}

/*
 * Puts the relations that a touched object is about on the docket.
 */
static void
summon_for_object(Trial *trial, const TouchedKey *object)
{
	if (hash_search(trial->seen, object, HASH_FIND, NULL) != NULL)
		return;

	switch (object->classId)
	{
		case NamespaceRelationId:
			trial->schemas_altered = true;
			tg_hold_renamed_schema(trial->holds, object->objectId);
			summon_all(trial,
					   tg_facts_relations_of_schema(trial->after,
													object->objectId));
			break;

		case ExtensionRelationId:
			summon_all(trial, tg_facts_members(trial->before,
											   object->objectId));
			break;

		case ProcedureRelationId:
			summon_for_function(trial, object->objectId);
			break;

			/*
			 * An index that was altered turns out to be one in
			 * judge_relation()
			 */
		case RelationRelationId:
			summon(trial, object->objectId);
			break;

		default:
			summon(trial, tg_owning_relation(object->classId,
											 object->objectId));
			break;
	}
}

/* The allowlist, read when it is first needed. */
static const Allowlist *
allowlist_of(Trial *trial, bool is_after)
{
	Allowlist **allowlist = is_after ? &trial->after_allowlist :
		&trial->before_allowlist;

	if (*allowlist == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(trial->context);

		*allowlist = tg_allowlist_read(is_after ? trial->after_snapshot :
									   trial->before_snapshot, trial->now);
		MemoryContextSwitchTo(old);
	}
	return *allowlist;
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
		const Allowlist *allowlist = allowlist_of(trial, is_after);
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
		else if (is_after)
			tg_hold_exemption(trial->holds, entry, facts);
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
mark_those_that_were_there(const SeenEntry *entry, List *after, List *before)
{
	ListCell   *lc;

	foreach(lc, after)
	{
		Finding    *finding = lfirst(lc);
		ListCell   *other;

		if (finding->rule->check == tg_check_policy_unscoped &&
			entry->undermined)
			continue;
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
			tg_allowlist_debt(allowlist_of(trial, true), trial->after, facts,
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

/*
 * Keeps what is to be said of a relation, in place of what was said when it was
 * judged before.
 */
static void
pronounce(Trial *trial, SeenEntry *entry, const RelationFacts *facts,
		  bool created, List *findings)
{
	MemoryContext old = MemoryContextSwitchTo(trial->context);
	Judgement  *judgement = entry->judgement;
	ListCell   *lc;

	if (judgement == NULL)
	{
		judgement = palloc(sizeof(Judgement));
		trial->judgements = lappend(trial->judgements, judgement);
		entry->judgement = judgement;
	}
	memset(judgement, 0, sizeof(Judgement));
	judgement->relid = facts->relid;
	judgement->schema = pstrdup(facts->schema);
	judgement->name = pstrdup(facts->name);
	judgement->kind = facts->kind;
	judgement->created = created;
	foreach(lc, findings)
		judgement->findings = lappend(judgement->findings,
									  copy_finding(lfirst(lc)));
	MemoryContextSwitchTo(old);
}

/*
 * Notes the policies, indexes and constraints of a relation that is being
 * judged, so that nobody has to look up whose they are when they are found
 * among the touched objects, too.  A migration creates a table before it
 * creates what belongs to it: for most of its objects this saves the search.
 */
static void
check_off_parts(Trial *trial, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
		check_off(trial, PolicyRelationId, ((PolicyFacts *) lfirst(lc))->oid);
	foreach(lc, facts->indexes)
	{
		check_off(trial, RelationRelationId, ((IndexFacts *) lfirst(lc))->oid);
		check_off(trial, IndexRelationId, ((IndexFacts *) lfirst(lc))->oid);
	}
	foreach(lc, facts->constraints)
		check_off(trial, ConstraintRelationId, lfirst_oid(lc));
}

static bool
is_at_commit(RuleCheck check)
{
	for (int i = 0; i < tg_rules_count; i++)
	{
		if (tg_rules[i].check == check)
			return tg_rule_level(i) >= TG_LEVEL_WARNING;
	}
	return false;
}

/*
 * Did an allowlist entry cover a partitioned table, and its partitions with
 * it, that does not cover it under its present name or parent?  (An entry
 * that goes touches what it has covered.)  Seen backwards, it would gain it.
 */
static bool
has_left_allowlist(Trial *trial, const RelationFacts *facts,
				   const RelationFacts *before)
{
	if (facts->kind != RELKIND_PARTITIONED_TABLE)
		return false;
	return tg_allowlist_gained(allowlist_of(trial, false), trial->before,
							   before, allowlist_of(trial, true), trial->after,
							   facts) != NULL;
}

/*
 * What is said about a child depends on its parents, what is said about a view
 * on what it reads, and so it is with a policy: if that has changed to the
 * worse, they are judged, too, though nobody has touched them.
 */
static void
summon_dependents(Trial *trial, const RelationFacts *facts,
				  const RelationFacts *before)
{
	bool		new_owner;
	List	   *relids;

	/*
	 * Who depends on it is looked up last: of a table that all others refer
	 * to, pg_depend has as many rows.  Of a new relation all dependents are
	 * new.
	 */
	if (before == NULL)
		return;
	new_owner = before->owner != facts->owner;

	if ((facts->kind != RELKIND_VIEW && facts->kind != RELKIND_MATVIEW) &&
		(new_owner || (before->rls_enabled && !facts->rls_enabled) ||
		 (facts->granted && !before->granted) ||
		 list_difference_oid(facts->parents, before->parents) != NIL ||
		 (facts->tenant == NULL &&
		  (before->tenant != NULL || facts->policies != NIL)) ||
		 has_left_allowlist(trial, facts, before)))
	{
		relids = tg_facts_children(trial->after, facts->relid);
		for (int i = 0; i < list_length(relids); i++)
			relids =
				list_concat_unique_oid(relids,
									   tg_facts_children(trial->after,
														 list_nth_oid(relids, i)));
		summon_all(trial, relids);
	}

	/*
	 * A policy that asks a table may owe to its row-level security all it
	 * does
	 */
	if (before->rls_enabled && !facts->rls_enabled)
	{
		ListCell   *lc;

		foreach(lc, tg_facts_relations_whose_policies_read(trial->after,
														   facts->relid))
			undermine(trial, lfirst_oid(lc));
	}

	if (facts->kind != RELKIND_MATVIEW &&
		(new_owner || before->rls_enabled != facts->rls_enabled ||
		 (before->rls_forced && !facts->rls_forced) ||
		 (before->security_invoker && !facts->security_invoker) ||
		 (before->tenant == NULL && facts->tenant != NULL)) &&
		is_at_commit(tg_check_view_bypasses_rls))
	{
		relids = tg_facts_readers(trial->after, facts->relid);
		for (int i = 0; i < list_length(relids); i++)
			relids =
				list_concat_unique_oid(relids,
									   tg_facts_readers(trial->after,
														list_nth_oid(relids, i)));
		summon_all(trial, relids);
	}
}

static void
judge_relation(Trial *trial, SeenEntry *entry)
{
	Oid			relid = entry->key.objectId;
	RelationFacts *facts = tg_facts_read(trial->after, relid);
	const RelationFacts *outline;
	RelationFacts *before = NULL;
	RelationHistory history = {0};
	RelationPlace place;
	bool		existed;
	List	   *findings;

	if (facts == NULL)
	{
		/* No table, but perhaps the index of one, altered by its name */
		summon(trial, tg_owning_relation(IndexRelationId, relid));
		return;
	}
	if (facts->temporary)
		return;
	check_off_parts(trial, facts);

	/*
	 * What the relation was before matters if it may have changed its class
	 * or its name, and if there is a finding.
	 */
	existed = tg_facts_place(trial->before, relid, &place);
	outline = existed ? tg_facts_outline(trial->before, relid) : NULL;
	tg_hold_relation(trial->holds, facts, outline);
	summon_dependents(trial, facts, outline);
	if (existed)
	{
		history.reader = trial->before;
		history.altered_functions = trial->altered_functions;
	}
	if (existed &&
		(facts->tenant == NULL || facts->partition ||
		 trial->schemas_altered ||
		 place.schema_oid != facts->schema_oid ||
		 strcmp(NameStr(place.name), facts->name) != 0))
	{
		before = tg_facts_read(trial->before, relid);
		history.before = before;
		if (before != NULL && tg_is_tenant_table(before))
			history.gained_exemption =
				tg_allowlist_gained(allowlist_of(trial, true), trial->after,
									facts, allowlist_of(trial, false),
									trial->before, before);
	}

	findings = tg_apply_rules(trial->after, facts, &history,
							  TG_LEVEL_WARNING, true);
	findings = without_waived(trial, findings, facts, true);
	if (findings == NIL || tg_facts_is_trusted_member(trial->after, relid))
		return;

	if (existed && before == NULL)
		before = tg_facts_read(trial->before, relid);
	if (before != NULL && !tg_facts_is_trusted_member(trial->before, relid))
	{
		List	   *old_findings = tg_apply_rules(trial->before, before, NULL,
												  TG_LEVEL_WARNING, false);

		mark_those_that_were_there(entry, findings,
								   without_waived(trial, old_findings, before,
												  false));
		findings = without_debts(trial, findings, facts);
		if (findings == NIL)
			return;
	}
	pronounce(trial, entry, facts, !existed, findings);
}

static bool
concerns_many(const TouchedKey *object)
{
	return object->classId == NamespaceRelationId ||
		object->classId == ProcedureRelationId;
}

/* Judging a relation may put others on the docket: see judge_relation(). */
static void
work_off_docket(Trial *trial)
{
	while (trial->judged < list_length(trial->docket))
	{
		SeenEntry  *entry = list_nth(trial->docket, trial->judged++);

		CHECK_FOR_INTERRUPTS();
		entry->judged = true;
		judge_relation(trial, entry);
		MemoryContextReset(trial->relation_context);
	}
}

static void
hold_trial(Trial *trial)
{
	HASHCTL		ctl = {0};
	List	   *objects = tg_touched_objects();
	ListCell   *lc;

	ctl.keysize = sizeof(TouchedKey);
	ctl.entrysize = sizeof(SeenEntry);
	ctl.hcxt = trial->context;
	trial->seen = hash_create("trovella_guard seen", 256, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	begin_trial(trial);
	tg_hold_begin(trial->holds, trial->before, trial->after);

	/*
	 * Schemas and functions come first, because what became of them matters
	 * to the judgement of every relation.  After them each relation is judged
	 * as soon as it is on the docket: see check_off_parts().
	 */
	MemoryContextSwitchTo(trial->relation_context);
	summon_all(trial, tg_facts_relations_that_lose(trial->after, objects));
	MemoryContextReset(trial->relation_context);
	foreach(lc, objects)
	{
		CHECK_FOR_INTERRUPTS();
		if (concerns_many(lfirst(lc)))
			summon_for_object(trial, lfirst(lc));
		MemoryContextReset(trial->relation_context);
	}
	work_off_docket(trial);
	foreach(lc, objects)
	{
		CHECK_FOR_INTERRUPTS();
		if (!concerns_many(lfirst(lc)))
			summon_for_object(trial, lfirst(lc));
		MemoryContextReset(trial->relation_context);
		work_off_docket(trial);
	}
	MemoryContextSwitchTo(trial->context);

	end_trial(trial);
}

List *
tg_judge_transaction(bool hold)
{
	MemoryContext old = CurrentMemoryContext;
	Holds		holds = {.wanted = hold,.context = CurrentMemoryContext};
	bool		certain;
	Trial		trial;

	if (!tg_touched_any())
		return NIL;

	CommandCounterIncrement();

	do
	{
		CHECK_FOR_INTERRUPTS();
		memset(&trial, 0, sizeof(Trial));
		trial.holds = &holds;
		trial.context = AllocSetContextCreate(old, "trovella_guard verdict",
											  ALLOCSET_DEFAULT_SIZES);
		trial.relation_context =
			AllocSetContextCreate(trial.context,
								  "trovella_guard relation",
								  ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(trial.context);
		hold_trial(&trial);
		certain = tg_hold_end(&holds);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(trial.relation_context);
		if (!certain)
			MemoryContextDelete(trial.context);
	} while (!certain);

	return trial.judgements;
}
