/*-------------------------------------------------------------------------
 *
 * rls.c
 *		Rules about row-level security itself: is it on, is it forced?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remedy.h"
#include "rules.h"

/*
 * A partition or inheritance child needs no row-level security of its own
 * where nobody can name it: all its parents are protected, and no role but
 * its owner has been granted anything on it.  Reading through a parent checks
 * the parent's privileges and policies only (see expand_inherited_rtentry in
 * PostgreSQL's optimizer/util/inherit.c).
 */
bool
tg_is_unreachable_child(FactsReader *reader, const RelationFacts *facts)
{
	ListCell   *lc;

	if (facts->parents == NIL || facts->granted)
		return false;

	foreach(lc, facts->parents)
	{
		RelationFacts *parent = tg_facts_read(reader, lfirst_oid(lc));

		if (parent == NULL || !tg_is_tenant_table(parent))
			return false;
		if (!parent->rls_enabled && !tg_is_unreachable_child(reader, parent))
			return false;
	}
	return true;
}

void
tg_check_rls_disabled(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	if (facts->rls_enabled || tg_is_unreachable_child(subject->reader, facts))
		return;

	if (facts->policies != NIL)
		finding = tg_report_finding(subject,
									"row-level security is not enabled, so PostgreSQL ignores the table's policies");
	else
		finding = tg_report_finding(subject,
									"row-level security is not enabled");
	finding->repair_sql = tg_remedy_table(facts,
										  "ENABLE ROW LEVEL SECURITY");
}

void
tg_check_rls_not_forced(const RuleSubject *subject)
{
	Finding    *finding;

	if (subject->facts->rls_forced || !subject->facts->rls_enabled)
		return;

	finding = tg_report_finding(subject,
								"the table's owner bypasses row-level security");
	finding->repair_sql = tg_remedy_table(subject->facts,
										  "FORCE ROW LEVEL SECURITY");
}
