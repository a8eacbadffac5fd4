/*-------------------------------------------------------------------------
 *
 * known.c
 *		Which findings were there before the transaction?
 *
 * A finding that was there before is not this transaction's fault.  Findings
 * are compared by what they are about, never by names: a rename changes these.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hashtable.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/rules.h"
#include "verdict/attempt.h"

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
	List	   *unclaimed;		/* those that none is known as yet */
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
	key.object_oid = finding->by_meaning ? InvalidOid : finding->object_oid;
	key.other_relid = finding->other_relid;
	result = hash_search(known, &key, action, &found);
	if (result != NULL && !found)
		result->findings = result->unclaimed = NIL;
	return result;
}

/* Does the rule find the same before and after, although something changed? */
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
was_there(const Finding *finding, const KnownFinding *known, bool waived_too)
{
	CommandSet	commands = TG_NO_COMMAND;
	ListCell   *lc;

	if (known == NULL)
		return false;
	foreach(lc, known->findings)
	{
		const Finding *before = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if ((waived_too || before->waived_by == NULL) &&
			tg_basis_is_no_worse(finding->basis, before->basis))
		{
			commands |= before->commands;
			if ((finding->commands & ~commands) == 0)
				return true;
		}
	}
	return false;
}

/*
 * Sets "known_as".  Several objects may mean the same: each is known as itself if
 * it was there, and no two as the same one.
 */
static void
claim(Finding *finding, KnownFinding *known, bool as_itself)
{
	ListCell   *lc;

	foreach(lc, known->unclaimed)
	{
		const Finding *before = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if ((!as_itself || before->object_oid == finding->object_oid) &&
			tg_basis_is_no_worse(finding->basis, before->basis))
		{
			finding->known_as = before->object;
			known->unclaimed = foreach_delete_current(known->unclaimed, lc);
			return;
		}
	}
}

void
tg_mark_known_findings(const QueueEntry *entry, List *after, List *before)
{
	HTAB	   *known;
	ListCell   *lc;

	if (before == NIL)
		return;
	known = tg_hash_create("trovella_guard known findings", sizeof(FindingKey),
						   sizeof(KnownFinding), CurrentMemoryContext);
	foreach(lc, before)
	{
		Finding    *finding = lfirst(lc);
		KnownFinding *same = known_finding(known, finding, HASH_ENTER);

		same->findings = lappend(same->findings, finding);
		same->unclaimed = lappend(same->unclaimed, finding);
	}
	foreach(lc, after)
	{
		Finding    *finding = lfirst(lc);
		KnownFinding *same = known_finding(known, finding, HASH_FIND);

		if (is_blind_to_change(finding, entry->rests_on))
			continue;
		finding->was_found = was_there(finding, same, true);
		finding->was_there = was_there(finding, same, false);
		if (finding->was_found)
			claim(finding, same, true);
	}
	foreach(lc, after)
	{
		Finding    *finding = lfirst(lc);

		if (finding->was_found && finding->known_as == NULL)
			claim(finding, known_finding(known, finding, HASH_FIND), false);
	}
	hash_destroy(known);
}
