/*-------------------------------------------------------------------------
 *
 * rls.c
 *		Rules about row-level security itself: is it enabled, is it forced?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rules/basis.h"
#include "rules/parents.h"
#include "rules/remedy.h"
#include "rules/rules.h"

static void
report_exposing_parents(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, tg_exposing_parents(subject))
	{
		const ExposingParent *parent = lfirst(lc);
		Finding    *finding;

		if (parent->message == NULL)
			continue;
		finding = tg_report_finding(subject, "%s", parent->message);
		finding->fingerprint = parent->fingerprint;
		finding->repair_sql = parent->repair_sql;
		if (parent->facts == NULL)
			continue;
		finding->object_oid = parent->facts->relid;
		finding->object = psprintf("%s.%s", parent->facts->schema,
								   parent->facts->name);
		finding->basis = parent->basis;
	}
}

void
tg_check_rls_disabled(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	report_exposing_parents(subject);
	if (facts->rls_enabled || tg_is_not_reached_yet(subject) ||
		tg_is_unreachable_child(subject->reader, facts))
		return;

	if (facts->policies != NIL)
		finding = tg_report_finding(subject,
									"row-level security is not enabled, so PostgreSQL ignores the table's policies");
	else
		finding = tg_report_finding(subject,
									"row-level security is not enabled");
	finding->basis = tg_basis_of_grants(facts, TG_ALL_COMMANDS, NIL);
	finding->repair_sql = tg_is_chunk(subject) ?
		tg_remedy_seal_partitions(subject->reader, facts) :
		tg_remedy_table(facts, "ENABLE ROW LEVEL SECURITY");
	if (tg_is_new_chunk(subject))
		finding->level = Min(finding->level, TG_LEVEL_WARNING);
}

void
tg_check_rls_not_forced(const RuleSubject *subject)
{
	Finding    *finding;

	if (subject->facts->rls_forced || !subject->facts->rls_enabled)
		return;

	/* Citus copies a table by its owner's queries, and drops what they miss */
	if (subject->facts->beside_citus)
		return;

	finding = tg_report_finding(subject,
								"the table's owner bypasses row-level security");
	finding->fingerprint = subject->facts->owner;
	finding->repair_sql = tg_remedy_force(subject->reader, subject->facts);
}
