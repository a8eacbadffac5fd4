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

#include "miscadmin.h"
#include "remedy.h"
#include "rules.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/*
 * A partition or inheritance child needs no row-level security of its own
 * where nobody can name it: all its parents are protected, no role but its
 * owner has been granted anything on it, and that owner is none whom the
 * parents keep out.  Reading through a parent checks the parent's privileges
 * and policies only (see expand_inherited_rtentry in PostgreSQL's
 * optimizer/util/inherit.c).
 */
bool
tg_is_unreachable_child(FactsReader *reader, const RelationFacts *facts)
{
	ListCell   *lc;

	if (facts->parents == NIL || facts->granted)
		return false;

	foreach(lc, facts->parents)
	{
		const RelationFacts *parent = tg_facts_outline(reader, lfirst_oid(lc));

		if (parent == NULL || !tg_is_tenant_table(parent))
			return false;
		if (!has_privs_of_role(facts->owner, parent->owner) &&
			!has_bypassrls_privilege(facts->owner))
			return false;
		if (!parent->rls_enabled && !tg_is_unreachable_child(reader, parent))
			return false;
	}
	return true;
}

/*
 * Does a parent let anybody but the owner of the child in question reach the
 * rows of its children?  The policies of a tenant table are judged where it is
 * judged itself; those of a parent without tenant column cannot tell tenants
 * apart, so that the parent must admit no rows.  (UPDATE and DELETE without a
 * WHERE clause need no policy for SELECT.)
 */
static bool
shows_its_children(const RelationFacts *parent, const RelationFacts *child)
{
	ListCell   *lc;

	if (!parent->granted &&
		(has_privs_of_role(parent->owner, child->owner) ||
		 has_bypassrls_privilege(parent->owner)))
		return false;
	if (!parent->rls_enabled)
		return true;
	if (parent->tenant != NULL)
		return false;
	foreach(lc, parent->policies)
	{
		PolicyFacts *policy = lfirst(lc);

		if (policy->permissive && (policy->commands & ~TG_INSERT) != 0)
			return true;
	}
	return false;
}

/*
 * Is there a parent, near or far, that would show the rows of its children if
 * only somebody might read it?
 */
bool
tg_relies_on_closed_parents(FactsReader *reader, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->parents)
	{
		const RelationFacts *parent = tg_facts_outline(reader, lfirst_oid(lc));

		if (parent == NULL)
			continue;
		if (!parent->granted &&
			!(parent->rls_enabled && parent->tenant != NULL))
			return true;
		if (tg_relies_on_closed_parents(reader, parent))
			return true;
	}
	return false;
}

/*
 * A child of a table that is not protected: whoever reads the parent reads the
 * child's rows, and the child's own row-level security is not asked.  A
 * partition has the columns of its parent, which is judged as a tenant table.
 */
static void
report_open_parents(const RuleSubject *subject, const RelationFacts *facts)
{
	ListCell   *lc;

	if (facts->partition)
		return;

	foreach(lc, facts->parents)
	{
		RelationFacts *parent = tg_facts_read(subject->reader,
											  lfirst_oid(lc));
		Finding    *finding;

		if (parent == NULL)
			continue;
		if (shows_its_children(parent, subject->facts))
		{
			finding = tg_report_finding(subject,
										"whoever reads or changes parent \"%s.%s\" does so to the rows of the table without its row-level security",
										parent->schema, parent->name);
			finding->object_oid = parent->relid;
			finding->object = psprintf("%s.%s", parent->schema, parent->name);
			finding->repair_sql =
				tg_remedy_table(facts,
								psprintf("NO INHERIT %s",
										 quote_qualified_identifier(parent->schema,
																	parent->name)));
		}
		report_open_parents(subject, parent);
	}
}

void
tg_check_rls_disabled(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	report_open_parents(subject, facts);
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
