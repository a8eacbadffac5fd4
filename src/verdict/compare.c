/*-------------------------------------------------------------------------
 *
 * compare.c
 *		What has the current transaction changed?
 *
 * A verdict says what is wrong after the transaction, and needs to know before
 * only where something is.  Here both sides are read of each relation that the
 * verdict would look at, and of those that are gone.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "utils/memutils.h"
#include "verdict/attempt.h"

/* The findings that no decision waives. */
static List *
without_waived(const ComparedSide *side, List *findings)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (side->facts == NULL ||
			finding->waivable_by == TG_WAIVABLE_BY_NONE ||
			(tg_allowlist_match(side->allowlist, side->reader, side->facts,
								finding->rule->name, finding->object,
								finding->other_relid) == NULL &&
			 tg_allowlist_match_other(side->allowlist, side->reader,
									  finding->other_relid) == NULL))
		{
			if (side->is_after && side->facts != NULL)
				tg_allowlist_explain_void(side->allowlist, side->reader,
										  side->facts, finding);
			result = lappend(result, finding);
		}
	}
	return result;
}

static ComparedSide
read_side(Attempt *attempt, Oid relid, bool is_after)
{
	ComparedSide side = {
		.is_after = is_after,
		.reader = is_after ? attempt->after : attempt->before,
		.allowlist = tg_attempt_allowlist(attempt, is_after)
	};

	if (OidIsValid(relid))
	{
		tg_facts_set_subject(side.reader, relid);
		side.facts = tg_facts_read(side.reader, relid);
		if (side.facts == NULL || side.facts->temporary ||
			tg_facts_is_trusted_member(side.reader, relid))
		{
			side.facts = NULL;
			return side;
		}
		side.findings = tg_apply_rules(side.reader, side.facts, NULL,
									   TG_LEVEL_INFO, is_after);
	}
	else
		side.findings = tg_apply_database_rules(side.reader, TG_LEVEL_INFO);
	side.findings = without_waived(&side, side.findings);
	return side;
}

static List *
not_found(const List *findings)
{
	List	   *result = NIL;
	const ListCell *lc;

	foreach(lc, findings)
	{
		if (!((const Finding *) lfirst(lc))->was_found)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/* Compares a relation, or (InvalidOid) the database. */
static void
compare(Attempt *attempt, const QueueEntry *entry, Oid relid, VisitSide visit,
		void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(attempt->relation_context);
	ComparedSide before = read_side(attempt, relid, false);
	ComparedSide after = read_side(attempt, relid, true);
	List	   *new_findings;

	tg_mark_known_findings(entry, after.findings, before.findings);
	new_findings = not_found(after.findings);
	tg_mark_known_findings(entry, before.findings, after.findings);
	before.findings = not_found(before.findings);
	after.findings = new_findings;
	if (before.facts != NULL && after.facts != NULL)
		before.same_privileges = after.same_privileges =
			before.facts->owner == after.facts->owner &&
			tg_same_privileges(before.facts->acls, after.facts->acls);
	if (before.facts != NULL || !OidIsValid(relid))
		visit(&before, arg);
	if (after.facts != NULL || !OidIsValid(relid))
		visit(&after, arg);
	MemoryContextSwitchTo(old);
	MemoryContextReset(attempt->relation_context);
}

/* The relations that were there before, and are no longer. */
static List *
relations_gone(Attempt *attempt)
{
	List	   *gone = NIL;
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  attempt->before_snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
		RelationPlace place;

		CHECK_FOR_INTERRUPTS();
		if (form->oid >= FirstNormalObjectId &&
			form->relkind != RELKIND_INDEX &&
			form->relkind != RELKIND_TOASTVALUE &&
			!tg_facts_place(attempt->after, form->oid, &place))
			gone = lappend_oid(gone, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return gone;
}

/*
 * Judges what the transaction has written entries of the allowlist for.  A
 * verdict need not look at these relations.
 */
static void
judge_decided(Attempt *attempt)
{
	ListCell   *lc;

	MemoryContextSwitchTo(attempt->relation_context);
	foreach(lc, tg_allowlist_entries(tg_attempt_allowlist(attempt, true)))
	{
		const AllowlistEntry *entry = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (entry->fresh)
			tg_queue_covered(attempt, entry);
	}
	tg_judge_queue(attempt);
	MemoryContextSwitchTo(attempt->context);
}

void
tg_compare_transaction(VisitSide visit, void *arg)
{
	MemoryContext old = CurrentMemoryContext;
	VerdictLocks locks = {.wanted = false,.context = old};
	QueueEntry	unchanged = {.rests_on = RESTS_ON_WHAT_IT_WAS};
	Attempt		attempt;
	ListCell   *lc;

	CommandCounterIncrement();
	tg_attempt_begin(&attempt, &locks);
	tg_judge_touched(&attempt);
	judge_decided(&attempt);

	/* A relation may have been queued twice */
	for (int i = 0; i < list_length(attempt.queue); i++)
	{
		QueueEntry *entry = list_nth(attempt.queue, i);

		CHECK_FOR_INTERRUPTS();
		if (!entry->judged)
			continue;
		entry->judged = false;
		compare(&attempt, entry, entry->key.objectId, visit, arg);
	}
	foreach(lc, relations_gone(&attempt))
	{
		if (!tg_queue_has(&attempt, lfirst_oid(lc)))
			compare(&attempt, &unchanged, lfirst_oid(lc), visit, arg);
	}
	if (attempt.database_changed)
		compare(&attempt, &unchanged, InvalidOid, visit, arg);
	tg_attempt_end(&attempt);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(attempt.context);
}
