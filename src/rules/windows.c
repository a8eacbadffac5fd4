/*-------------------------------------------------------------------------
 *
 * windows.c
 *		Rules about other windows on tenant rows: views, rewrite rules, and
 *		relations that row-level security cannot protect.
 *
 * Row-level security asks with whose rights a table is read.  Inside a view
 * those are the view owner's, or with security_invoker the caller's, where the
 * caller of a nested view is the owner of the view around it; inside a rule
 * made by CREATE RULE they are always the owner's (see RelationBuildRuleLock
 * in PostgreSQL's relcache.c).  So what matters is not the option but whether
 * row-level security applies to that role (see check_enable_rls in rls.c).
 *
 * What a function does is not looked into: one that is SECURITY DEFINER can be
 * such a window, too.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "remedy.h"
#include "rules.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* What a walk through the queries of views finds. */
typedef struct Walk
{
	FactsReader *reader;
	bool		through_all;	/* also through views that read with rights of
								 * their own, and materialized views */
	List	   *seen;			/* OIDs */
	List	   *tables;			/* of RelationFacts: the tenant tables read */
} Walk;

static void
walk(Walk *state, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->rewrites)
	{
		RewriteFacts *rewrite = lfirst(lc);
		ListCell   *other;

		if (!rewrite->select)
			continue;
		foreach(other, rewrite->reads)
		{
			Oid			relid = lfirst_oid(other);
			RelationFacts *read;

			if (list_member_oid(state->seen, relid))
				continue;
			state->seen = lappend_oid(state->seen, relid);
			read = tg_facts_read(state->reader, relid);
			if (read == NULL)
				continue;
			if (tg_is_tenant_table(read))
				state->tables = lappend(state->tables, read);
			else if (state->through_all ||
					 (read->kind == RELKIND_VIEW && read->security_invoker))
				walk(state, read);
		}
	}
}

void
tg_check_relation_unprotectable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const char *kind = facts->kind == RELKIND_MATVIEW ?
		"materialized view" : "foreign table";
	Walk		state = {.reader = subject->reader,.through_all = true};
	char	   *repair;
	Finding    *finding;
	ListCell   *lc;

	if ((facts->kind != RELKIND_MATVIEW &&
		 facts->kind != RELKIND_FOREIGN_TABLE) ||
		tg_is_unreachable_child(subject->reader, facts))
		return;

	/* Nothing mends it but somebody who says that it may be so */
	repair = psprintf("REVOKE ALL ON %s FROM PUBLIC;\n%s",
					  quote_qualified_identifier(facts->schema, facts->name),
					  tg_remedy_allow(facts->schema, facts->name,
									  subject->rule->name));

	if (facts->tenant != NULL)
	{
		finding = tg_report_finding(subject,
									"row-level security cannot protect column \"%s\" of a %s",
									facts->tenant->name, kind);
		finding->repair_sql = repair;
		return;
	}

	walk(&state, facts);
	foreach(lc, state.tables)
	{
		RelationFacts *table = lfirst(lc);

		finding = tg_report_finding(subject,
									"row-level security cannot protect what a %s keeps of table \"%s.%s\"",
									kind, table->schema, table->name);
		finding->object = psprintf("%s.%s", table->schema, table->name);
		finding->other_relid = table->relid;
		finding->repair_sql = repair;
	}
}

static bool
bypasses(Oid role, const RelationFacts *table)
{
	return has_bypassrls_privilege(role) ||
		(!table->rls_forced && has_privs_of_role(role, table->owner));
}

/*
 * Why does a tenant table that is read with the rights of a role show rows of
 * other tenants?  Returns NULL if it does not.
 */
static char *
why_it_bypasses(FactsReader *reader, const RelationFacts *table, Oid role)
{
	ListCell   *lc;

	if (!table->rls_enabled)
	{
		/* Elsewhere it is the table that is at fault */
		return tg_is_unreachable_child(reader, table) ?
			"which has no row-level security of its own" : NULL;
	}
	if (bypasses(role, table))
		return "to whom its row-level security does not apply";

	/* Sub-selects of its policies are read with the same rights */
	foreach(lc, table->policies)
	{
		PolicyFacts *policy = lfirst(lc);
		List	   *relids =
			list_concat_unique_oid(tg_facts_relations_in(policy->qual),
								   tg_facts_relations_in(policy->with_check));
		ListCell   *other;

		foreach(other, relids)
		{
			RelationFacts *read = tg_facts_read(reader, lfirst_oid(other));

			if (read != NULL && read->rls_enabled && bypasses(role, read))
				return psprintf("to whom the row-level security of \"%s.%s\" does not apply, on which policy \"%s\" relies",
								read->schema, read->name, policy->name);
		}
	}
	return NULL;
}

static void
report_bypass(const RuleSubject *subject, const RewriteFacts *rewrite,
			  const RelationFacts *table)
{
	const RelationFacts *facts = subject->facts;
	char	   *why = why_it_bypasses(subject->reader, table, facts->owner);
	char	   *owner;
	Finding    *finding;

	if (why == NULL)
		return;

	owner = GetUserNameFromId(facts->owner, true);
	if (rewrite->select)
	{
		finding = tg_report_finding(subject,
									"the view reads table \"%s.%s\" with the rights of \"%s\", %s",
									table->schema, table->name,
									owner ? owner : "?", why);
		finding->repair_sql =
			psprintf("ALTER VIEW %s SET (security_invoker = true);",
					 quote_qualified_identifier(facts->schema, facts->name));
	}
	else
	{
		finding = tg_report_finding(subject,
									"rule \"%s\" uses table \"%s.%s\" with the rights of \"%s\", %s",
									rewrite->name, table->schema, table->name,
									owner ? owner : "?", why);
		finding->object_oid = rewrite->oid;
		finding->repair_sql = tg_remedy_allow(facts->schema, facts->name,
											  subject->rule->name);
	}
	finding->object = psprintf("%s.%s", table->schema, table->name);
	finding->other_relid = table->relid;
}

void
tg_check_view_bypasses_rls(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	foreach(lc, facts->rewrites)
	{
		RewriteFacts *rewrite = lfirst(lc);
		RelationFacts one_rule = *facts;
		RewriteFacts as_select = *rewrite;
		Walk		state = {.reader = subject->reader};
		ListCell   *other;

		/*
		 * A view that reads as its caller is no window of its own.  What a
		 * view that reads with rights of its own shows is said about that
		 * one, and what a materialized view keeps is another rule's matter.
		 */
		if (facts->kind == RELKIND_MATVIEW ||
			(rewrite->select && facts->security_invoker))
			continue;

		as_select.select = true;
		one_rule.rewrites = list_make1(&as_select);
		walk(&state, &one_rule);
		foreach(other, state.tables)
			report_bypass(subject, rewrite, lfirst(other));
	}
}
