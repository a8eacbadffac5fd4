/*-------------------------------------------------------------------------
 *
 * views.c
 *		Rules about views, rewrite rules, and relations that row-level security
 *		cannot protect.
 *
 * A view reads its tables as the view's owner, or with security_invoker as its
 * caller; the caller of a nested view is the owner of the view around it.  The
 * actions of CREATE RULE always run as the relation's owner (see
 * RelationBuildRuleLock in PostgreSQL's relcache.c).  So the rule asks whether
 * row-level security applies to that role (see check_enable_rls in rls.c), not
 * whether the option is set.
 *
 * Functions are not examined, although a SECURITY DEFINER function can expose
 * rows in the same way.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "facts/oidset.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/parents.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/*
 * The tenant tables that a rewrite rule reads, directly or through views that
 * are security_invoker.  "through_all": through any view and materialized view.
 */
static List *
tables_read(FactsReader *reader, const List *reads, bool through_all)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard view",
												  ALLOCSET_DEFAULT_SIZES);
	OidSet		seen = {0};
	List	   *tables = NIL;
	const ListCell *lc;

	foreach(lc, reads)
		(void) tg_oidset_add(&seen, lfirst_oid(lc));
	for (int i = 0; i < list_length(seen.oids); i++)
	{
		Oid			relid = list_nth_oid(seen.oids, i);
		MemoryContext old = MemoryContextSwitchTo(context);
		const RelationFacts *read = tg_facts_outline(reader, relid);
		bool		is_table = read != NULL && tg_is_tenant_table(read);
		bool		is_way = read != NULL && !is_table &&
			(through_all ||
			 (read->kind == RELKIND_VIEW && read->security_invoker));
		List	   *further = NIL;

		CHECK_FOR_INTERRUPTS();
		if (is_way)
		{
			read = tg_facts_read(reader, relid);
			foreach(lc, read->rewrites)
			{
				RewriteFacts *rewrite = lfirst(lc);

				if (rewrite->select)
					further = list_concat(further, rewrite->reads);
			}
		}
		MemoryContextSwitchTo(old);
		if (is_table)
			tables = lappend_oid(tables, relid);
		foreach(lc, further)
			(void) tg_oidset_add(&seen, lfirst_oid(lc));
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	return tables;
}

void
tg_check_relation_unprotectable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const char *kind = facts->kind == RELKIND_MATVIEW ?
		"materialized view" : "foreign table";
	const Basis *basis;
	List	   *reads = NIL;
	char	   *repair;
	Finding    *finding;
	ListCell   *lc;

	if ((facts->kind != RELKIND_MATVIEW &&
		 facts->kind != RELKIND_FOREIGN_TABLE) ||
		(tg_is_unreachable_child(subject->reader, facts) &&
		 (facts->tenant == NULL || tg_exposing_parents(subject) == NIL)))
		return;

	basis = tg_basis_of_grants(facts, TG_ALL_COMMANDS);

	/* There is no repair; only an allowlist entry can silence it */
	repair = psprintf("REVOKE ALL ON %s FROM PUBLIC;\n%s",
					  quote_qualified_identifier(facts->schema, facts->name),
					  tg_remedy_allow(facts->schema, facts->name,
									  subject->rule->name));

	if (facts->tenant != NULL)
	{
		finding = tg_report_finding(subject,
									"row-level security cannot protect column \"%s\" of a %s",
									facts->tenant->name, kind);
		finding->basis = basis;
		finding->repair_sql = repair;
		return;
	}

	foreach(lc, facts->rewrites)
	{
		RewriteFacts *rewrite = lfirst(lc);

		if (rewrite->select)
			reads = list_concat(reads, rewrite->reads);
	}
	foreach(lc, tables_read(subject->reader, reads, true))
	{
		Oid			relid = lfirst_oid(lc);
		const RelationFacts *table = tg_facts_outline(subject->reader, relid);

		finding = tg_report_finding(subject,
									"row-level security cannot protect the rows of table \"%s.%s\" that the %s stores",
									table->schema, table->name, kind);
		finding->object = psprintf("%s.%s", table->schema, table->name);
		finding->other_relid = relid;
		finding->basis = basis;
		finding->repair_sql = repair;
	}
}

static bool
bypasses(FactsReader *reader, Oid role, const RelationFacts *table)
{
	return tg_is_above_rls(reader, role) ||
		(!table->rls_forced &&
		 tg_has_privileges_of(reader, role, table->owner));
}

/* Why a tenant table that is read as a role shows all of its rows. */
typedef struct BypassReason
{
	const char *words;			/* NULL: it does not show them */
	Oid			relied_on;		/* a table on which a policy relies, 1: on the
								 * table's own row-level security, or 0 */
} BypassReason;

static BypassReason
why_it_bypasses(FactsReader *reader, const RelationFacts *table, Oid role)
{
	BypassReason reason = {0};
	OidSet		relied_on = {0};
	ListCell   *lc;

	if (!table->rls_enabled)
	{
		/* Otherwise rls_disabled reports the table */
		if (tg_is_unreachable_child(reader, table))
			reason.words = "the table has no row-level security of its own";
		return reason;
	}
	if (bypasses(reader, role, table))
	{
		reason.words = "the table's row-level security does not apply to that role";
		reason.relied_on = 1;
		return reason;
	}

	/* Sub-selects of its policies are read as the same role */
	foreach(lc, table->policies)
	{
		PolicyFacts *policy = lfirst(lc);
		List	   *relids = list_concat(tg_facts_relations_in(policy->qual),
										 tg_facts_relations_in(policy->with_check));
		ListCell   *other;

		foreach(other, relids)
		{
			const RelationFacts *read;

			CHECK_FOR_INTERRUPTS();
			if (!tg_oidset_add(&relied_on, lfirst_oid(other)))
				continue;
			read = tg_facts_outline(reader, lfirst_oid(other));
			if (read != NULL && read->rls_enabled &&
				bypasses(reader, role, read))
			{
				reason.words = psprintf("the row-level security of \"%s.%s\", on which policy \"%s\" relies, does not apply to that role",
										read->schema, read->name,
										policy->name);
				reason.relied_on = read->relid;
				return reason;
			}
		}
	}
	return reason;
}

static void
report_bypass(const RuleSubject *subject, const RewriteFacts *rewrite,
			  const RelationFacts *table, const BypassReason *reason,
			  const Basis *basis)
{
	const RelationFacts *facts = subject->facts;
	char	   *owner = GetUserNameFromId(facts->owner, true);
	Finding    *finding;

	if (rewrite->select)
	{
		finding = tg_report_finding(subject,
									"the view reads table \"%s.%s\" as role \"%s\": %s",
									table->schema, table->name,
									owner ? owner : "?", reason->words);
		finding->repair_sql =
			psprintf("ALTER VIEW %s SET (security_invoker = true);",
					 quote_qualified_identifier(facts->schema, facts->name));
	}
	else
	{
		finding = tg_report_finding(subject,
									"rule \"%s\" uses table \"%s.%s\" as role \"%s\": %s",
									rewrite->name, table->schema, table->name,
									owner ? owner : "?", reason->words);
		finding->object_oid = rewrite->oid;
		finding->repair_sql = tg_remedy_allow(facts->schema, facts->name,
											  subject->rule->name);
	}
	finding->object = psprintf("%s.%s", table->schema, table->name);
	finding->other_relid = table->relid;
	finding->fingerprint = hash_combine64(rewrite->fingerprint,
										  reason->relied_on);
	finding->basis = basis;
}

void
tg_check_view_bypasses_rls(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard table",
												  ALLOCSET_DEFAULT_SIZES);
	const Basis *basis = NULL;
	ListCell   *lc;

	foreach(lc, facts->rewrites)
	{
		RewriteFacts *rewrite = lfirst(lc);
		ListCell   *other;

		/*
		 * A security_invoker view shows nothing that its caller cannot read.
		 * Another view among the tables is reported itself, and
		 * relation_unprotectable reports materialized views.
		 */
		if (facts->kind == RELKIND_MATVIEW ||
			(rewrite->select && facts->security_invoker))
			continue;

		foreach(other, tables_read(subject->reader, rewrite->reads, false))
		{
			MemoryContext old = MemoryContextSwitchTo(context);
			const RelationFacts *table = tg_facts_read(subject->reader,
													   lfirst_oid(other));
			BypassReason reason = why_it_bypasses(subject->reader, table,
												 facts->owner);

			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(old);
			if (reason.words != NULL)
			{
				if (basis == NULL)
					basis = tg_basis_of_grants(facts, TG_ALL_COMMANDS);
				report_bypass(subject, rewrite, table, &reason, basis);
			}
			MemoryContextReset(context);
		}
	}
	MemoryContextDelete(context);
}
