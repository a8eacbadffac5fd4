/*-------------------------------------------------------------------------
 *
 * reach.c
 *		A tenant table that no application role can reach yet.
 *
 * Many migration tools commit each statement: the table first, its protection
 * later, the grants last.  Where not_protected_yet is on (profile isolation),
 * such a table has this one finding in place of those about leaks, until
 * something makes it reachable: then these are new, and refuse the commit.  A
 * view or a function over it that the application may use has a finding of its
 * own.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "rules/rules.h"
#include "scope/scope.h"

static const RuleCheck about_leaks[] = {
	tg_check_rls_disabled,
	tg_check_policy_unscoped,
	tg_check_policy_missing,
};

static bool
is_reached(FactsReader *reader, const RelationFacts *facts)
{
	return facts == NULL ||
		tg_app_grantees(reader, facts,
						ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE |
						ACL_TRUNCATE) != NIL;
}

/* A table with parents is read through them, too. */
static bool
is_reached_through_parents(FactsReader *reader, const RelationFacts *facts)
{
	bool		all = true;
	List	   *ancestors = facts->parents == NIL ? NIL :
		tg_facts_ancestors(reader, facts->relid, &all);
	ListCell   *lc;

	if (!all)
		return true;
	foreach(lc, ancestors)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_reached(reader, tg_facts_outline(reader, lfirst_oid(lc))))
			return true;
	}
	return false;
}

static bool
is_left_for_later(FactsReader *reader, const RelationFacts *facts)
{
	return tg_rule_level(tg_rule_by_check(tg_check_not_protected_yet)) > TG_LEVEL_OFF &&
		!is_reached(reader, facts) &&
		!is_reached_through_parents(reader, facts);
}

bool
tg_is_not_reached_yet(const RuleSubject *subject)
{
	RuleMemo   *memo = subject->memo;

	if (memo->reach == REACH_UNKNOWN)
		memo->reach = is_left_for_later(subject->reader, subject->facts) ?
			REACH_NONE : REACH_SOME;
	return memo->reach == REACH_NONE;
}

const char *
tg_why_unguarded(FactsReader *reader, const RelationFacts *table, bool alone,
				 uint64 *relied_on)
{
	const RelationFacts *whole;
	SealBreach	breach;
	ListCell   *lc;

	if (!table->rls_enabled)
	{
		/* Of a sealed table the allowlist may waive what rls_disabled says */
		if (!alone && !is_left_for_later(reader, table) &&
			!tg_is_sealed(reader, table, &breach))
			return NULL;
		*relied_on = hash_combine64(table->relid, 0);
		return "the table has no row-level security";
	}
	if (table->tenant == NULL || !is_left_for_later(reader, table))
		return NULL;

	/* An outline has no policies */
	whole = tg_facts_read(reader, table->relid);
	if (whole == NULL)
		return NULL;
	foreach(lc, tg_scope_issues(reader, whole))
	{
		const ScopeIssue *issue = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (issue->answer != SCOPE_UNSCOPED)
			continue;
		*relied_on = hash_combine64(issue->policy->fingerprint, 0);
		return psprintf("policy \"%s\" does not confine rows to a tenant",
						issue->policy->name);
	}
	return NULL;
}

void
tg_check_not_protected_yet(const RuleSubject *subject)
{
	RuleMemo	memo = {.reach = REACH_SOME};
	List	   *findings = NIL;
	RuleSubject if_reached = *subject;
	StringInfoData repair;
	Finding    *finding;
	ListCell   *lc;

	if (!tg_is_not_reached_yet(subject))
		return;

	if_reached.memo = &memo;
	if_reached.findings = &findings;
	if_reached.describe = false;
	for (int i = 0; i < (int) lengthof(about_leaks); i++)
	{
		if_reached.rule = &tg_rules[tg_rule_by_check(about_leaks[i])];
		about_leaks[i] (&if_reached);
	}
	if (findings == NIL)
		return;

	finding = tg_report_finding(subject,
								"the table is not protected, but no role of the application can reach it yet");
	initStringInfo(&repair);
	foreach(lc, findings)
	{
		const char *sql = ((Finding *) lfirst(lc))->repair_sql;

		if (sql != NULL)
			appendStringInfo(&repair, "%s%s", repair.len > 0 ? "\n" : "", sql);
	}
	if (repair.len > 0)
		finding->repair_sql = repair.data;
}
