/*-------------------------------------------------------------------------
 *
 * debts.c
 *		Which pre-existing findings are debts, and what becomes of the debts?
 *
 * Entries have names.  A debt was recorded for what had its names before the
 * transaction, unless the transaction has recorded it itself.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "verdict/attempt.h"

static bool
same_names(const RelationFacts *one, const RelationFacts *other)
{
	return strcmp(one->schema, other->schema) == 0 &&
		strcmp(one->name, other->name) == 0;
}

/* Nobody may rely meanwhile on an entry that ends or gets another name. */
static void
note_change(Attempt *attempt, const AllowlistEntry *entry)
{
	if (attempt->locks->wanted)
		tg_lock_changed(attempt->locks, tg_allowlist_oid(),
						tg_allowlist_key(entry));
}

void
tg_end_entry(Attempt *attempt, const AllowlistEntry *entry)
{
	note_change(attempt, entry);
	tg_allowlist_end(entry);
}

void
tg_keep_debts(Attempt *attempt, const RelationFacts *facts,
			  const RelationFacts *before)
{
	const Allowlist *allowlist;
	ListCell   *lc;

	if (before != NULL && same_names(facts, before))
		return;
	allowlist = tg_attempt_allowlist(attempt, true);
	if (tg_allowlist_entries(allowlist) == NIL)
		return;

	/* What had the name before takes its debts along, or is gone */
	foreach(lc, tg_allowlist_old_entries(allowlist, facts->schema, facts->name))
	{
		const AllowlistEntry *entry = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!entry->adopted || entry->follows != NULL)
			continue;
		tg_end_entry(attempt, entry);
	}
	if (before == NULL)
		return;
	foreach(lc, tg_allowlist_old_entries(allowlist, before->schema, before->name))
	{
		AllowlistEntry *entry = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!entry->adopted)
			continue;
		note_change(attempt, entry);
		tg_allowlist_follow(entry, facts->schema, facts->name, NULL);
		entry->ends = false;
	}
}

static const AllowlistEntry *
find_debt(Attempt *attempt, const Finding *finding, const RelationFacts *facts,
		  const RelationFacts *before)
{
	const Allowlist *allowlist = tg_attempt_allowlist(attempt, true);
	const char *rule = finding->rule->name;
	const AllowlistEntry *entry;

	entry = tg_allowlist_debt(allowlist, attempt->before, before, rule,
							  finding->was_found ? finding->known_as :
							  finding->object);
	if (entry != NULL && (!entry->fresh || same_names(facts, before)))
		return entry;
	entry = tg_allowlist_debt(allowlist, attempt->after, facts, rule,
							  finding->object);
	return entry != NULL && entry->fresh ? entry : NULL;
}

const AllowlistEntry *
tg_debt_of_new(Attempt *attempt, const Finding *finding,
			   const RelationFacts *facts)
{
	const AllowlistEntry *entry;

	if (!facts->sent_by_citus)
		return NULL;
	entry = tg_allowlist_debt(tg_attempt_allowlist(attempt, true),
							  attempt->after, facts, finding->rule->name,
							  finding->object);
	return entry != NULL && entry->sent ? entry : NULL;
}

const AllowlistEntry *
tg_debt_of(Attempt *attempt, const Finding *finding, const RelationFacts *facts,
		   const RelationFacts *before)
{
	const AllowlistEntry *entry = find_debt(attempt, finding, facts, before);

	if (entry == NULL)
		return NULL;
	if (finding->was_found)
	{
		if (!entry->fresh && finding->object != NULL &&
			finding->known_as != NULL &&
			strcmp(finding->object, finding->known_as) != 0 &&
			strcmp(entry->object, finding->known_as) == 0 &&
			tg_allowlist_names(entry, before->schema, before->name))
		{
			note_change(attempt, entry);
			tg_allowlist_follow(entry, facts->schema, facts->name,
								finding->object);
		}
		return entry;
	}
	if (!entry->fresh && tg_allowlist_names(entry, before->schema, before->name))
		tg_end_entry(attempt, entry);
	return NULL;
}
