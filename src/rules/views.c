/*-------------------------------------------------------------------------
 *
 * views.c
 *		Rules about views, rewrite rules, and relations that row-level security
 *		cannot protect.
 *
 * A view reads its tables as the view's owner, or with security_invoker as its
 * caller.  The actions of CREATE RULE always run as the relation's owner (see
 * RelationBuildRuleLock in PostgreSQL's relcache.c).  So the rule asks whether
 * row-level security applies to that role (see check_enable_rls in rls.c), not
 * whether the option is set.  The caller is always the role that runs the
 * query: a security_invoker view within another view reads as if the query
 * named it.
 *
 * A query on a parent reads the rows of its inheritance children, and PostgreSQL
 * applies only the parent's row-level security.  So a parent that is not a
 * tenant table stands for the tenant tables among its descendants.
 *
 * A SECURITY DEFINER function exposes rows in the same way: see definers.c.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "facts/oidset.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/parents.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/*
 * The tenant tables whose rows a query on a relation reads, if that is not a
 * tenant table itself.
 */
static List *
tenant_children(FactsReader *reader, Oid relid)
{
	const RelationFacts *parent = tg_facts_outline(reader, relid);
	MemoryContext context;
	List	   *result = NIL;
	ListCell   *lc;

	if (parent == NULL || !parent->may_have_children ||
		tg_is_tenant_table(parent) ||
		(parent->kind != RELKIND_RELATION &&
		 parent->kind != RELKIND_FOREIGN_TABLE))
		return NIL;
	context = AllocSetContextCreate(CurrentMemoryContext,
									"trovella_guard child",
									ALLOCSET_DEFAULT_SIZES);
	foreach(lc, tg_facts_descendants(reader, relid))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		const RelationFacts *child = tg_facts_outline(reader, lfirst_oid(lc));
		bool		is_tenant = child != NULL && tg_is_tenant_table(child);

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (is_tenant)
			result = lappend_oid(result, lfirst_oid(lc));
	}
	MemoryContextDelete(context);
	return result;
}

/* The contents of a materialized view. */
typedef struct KeptRows
{
	OidSet		tables;			/* the tenant tables whose rows it stores */
	uint64		fingerprint;	/* of the views through which it reads them */
} KeptRows;

static void
add_all(OidSet *set, const List *oids)
{
	const ListCell *lc;

	foreach(lc, oids)
		(void) tg_oidset_add(set, lfirst_oid(lc));
}

/* Follows the queries of a materialized view through all other views. */
static void
collect_kept(FactsReader *reader, const RelationFacts *facts, KeptRows *kept)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard view",
												  ALLOCSET_DEFAULT_SIZES);
	OidSet		seen = {0};
	OidSet		inherited = {0};
	ListCell   *lc;

	foreach(lc, facts->rewrites)
	{
		RewriteFacts *rewrite = lfirst(lc);

		add_all(&seen, rewrite->reads);
		add_all(&inherited, rewrite->inherited);
	}
	for (int i = 0; i < list_length(seen.oids); i++)
	{
		Oid			relid = list_nth_oid(seen.oids, i);
		MemoryContext old = MemoryContextSwitchTo(context);
		const RelationFacts *read = tg_facts_outline(reader, relid);
		bool		is_table = read != NULL && tg_is_tenant_table(read);

		CHECK_FOR_INTERRUPTS();
		if (read != NULL && !is_table)
			read = tg_facts_read(reader, relid);
		MemoryContextSwitchTo(old);
		if (is_table)
			(void) tg_oidset_add(&kept->tables, relid);
		else if (read != NULL)
		{
			foreach(lc, read->rewrites)
			{
				RewriteFacts *rewrite = lfirst(lc);

				if (!rewrite->select)
					continue;
				add_all(&seen, rewrite->reads);
				add_all(&inherited, rewrite->inherited);
				kept->fingerprint = hash_combine64(kept->fingerprint,
												   rewrite->fingerprint);
			}
		}
		MemoryContextReset(context);
	}
	foreach(lc, inherited.oids)
		add_all(&kept->tables, tenant_children(reader, lfirst_oid(lc)));
	MemoryContextDelete(context);
}

void
tg_check_relation_unprotectable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const char *kind = facts->kind == RELKIND_MATVIEW ?
		"materialized view" : "foreign table";
	const Basis *basis;
	KeptRows	kept = {0};
	char	   *repair;
	Finding    *finding;
	ListCell   *lc;

	if ((facts->kind != RELKIND_MATVIEW &&
		 facts->kind != RELKIND_FOREIGN_TABLE) ||
		(tg_is_unreachable_child(subject->reader, facts) &&
		 (facts->tenant == NULL || tg_exposing_parents(subject) == NIL)))
		return;

	basis = tg_basis_of_grants(facts, TG_ALL_COMMANDS);
	collect_kept(subject->reader, facts, &kept);

	/* There is no repair; only an allowlist entry can silence it */
	repair = psprintf("REVOKE ALL ON %s FROM PUBLIC;\n%s",
					  quote_qualified_identifier(facts->schema, facts->name),
					  tg_remedy_allow(facts->schema, facts->name,
									  subject->rule->name, NULL));

	/* Its own column, unless the rows are those of tables */
	if (facts->tenant != NULL && kept.tables.oids == NIL)
	{
		finding = tg_report_finding(subject,
									"row-level security cannot protect column \"%s\" of a %s",
									facts->tenant->name, kind);
		finding->fingerprint = kept.fingerprint;
		finding->basis = basis;
		finding->repair_sql = repair;
		return;
	}

	foreach(lc, kept.tables.oids)
	{
		Oid			relid = lfirst_oid(lc);
		const RelationFacts *table = tg_facts_outline(subject->reader, relid);

		finding = tg_report_finding(subject,
									"row-level security cannot protect the rows of table \"%s.%s\" that the %s stores",
									table->schema, table->name, kind);
		finding->object = psprintf("%s.%s", table->schema, table->name);
		finding->other_relid = relid;
		finding->fingerprint = kept.fingerprint;
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
	const char *words;			/* NULL: it does not */
	uint64		relied_on;		/* a table on which a policy relies, 1: on the
								 * table's own row-level security, or 0; of a
								 * parent, see why_parent_shows() */
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

/* The same for a table that is read through a parent. */
static BypassReason
why_parent_shows(FactsReader *reader, const RelationFacts *parent, Oid role)
{
	BypassReason reason = {0};
	const char *fault;
	ListCell   *lc;

	reason.relied_on = hash_combine64(parent->relid, 0);
	if (!parent->rls_enabled)
		fault = "has no row-level security";
	else if (bypasses(reader, role, parent))
	{
		fault = "has row-level security that does not apply to that role";
		reason.relied_on = hash_combine64(parent->relid, 1);
	}
	else if (tg_admits_rows(parent))
	{
		fault = "has policies that cannot tell its tenants apart";
		foreach(lc, parent->policies)
			reason.relied_on = hash_combine64(reason.relied_on,
											  ((PolicyFacts *) lfirst(lc))->fingerprint);
	}
	else
		return reason;
	reason.words = psprintf("its parent \"%s.%s\", through which it is read, %s",
							parent->schema, parent->name, fault);
	return reason;
}

static void
report_bypass(const RuleSubject *subject, const RewriteFacts *rewrite,
			  const RelationFacts *table, const BypassReason *reason,
			  const Basis *basis)
{
	const RelationFacts *facts = subject->facts;
	char	   *owner = tg_role_name(facts->owner);
	Finding    *finding;

	if (rewrite->select)
	{
		finding = tg_report_finding(subject,
									"the view reads table \"%s.%s\" as role \"%s\": %s",
									table->schema, table->name,
									owner, reason->words);
		finding->repair_sql =
			psprintf("ALTER VIEW %s SET (security_invoker = true);",
					 quote_qualified_identifier(facts->schema, facts->name));
	}
	else
	{
		finding = tg_report_finding(subject,
									"rule \"%s\" uses table \"%s.%s\" as role \"%s\": %s",
									rewrite->name, table->schema, table->name,
									owner, reason->words);
		finding->object_oid = rewrite->oid;
		finding->repair_sql = tg_remedy_allow(facts->schema, facts->name,
											  subject->rule->name, NULL);
	}
	finding->object = psprintf("%s.%s", table->schema, table->name);
	finding->other_relid = table->relid;
	finding->fingerprint = hash_combine64(rewrite->fingerprint,
										  reason->relied_on);
	finding->basis = basis;
}

/* The state while the rewrite rules of one relation are examined. */
typedef struct ViewBypass
{
	const RuleSubject *subject;
	const RewriteFacts *rewrite;
	MemoryContext context;		/* for one table at a time */
	HTAB	   *children;		/* of KeptChildren */
	Basis	   *basis;			/* NULL until there is a finding */
} ViewBypass;

/* The tenant tables among the descendants of a parent. */
typedef struct KeptChildren
{
	Oid			parent;			/* hash key, must be first */
	List	   *relids;
} KeptChildren;

static const List *
children_of(ViewBypass *bypass, Oid parent)
{
	KeptChildren *kept;
	bool		found;

	if (bypass->children == NULL)
		bypass->children = tg_hash_create("trovella_guard children",
										  sizeof(Oid), sizeof(KeptChildren),
										  CurrentMemoryContext);
	kept = hash_search(bypass->children, &parent, HASH_ENTER, &found);
	if (!found)
	{
		kept->relids = NIL;
		kept->relids = tenant_children(bypass->subject->reader, parent);
	}
	return kept->relids;
}

/* Each grant opens the view further, and without a barrier functions do. */
static const Basis *
basis_of(ViewBypass *bypass)
{
	const RelationFacts *facts = bypass->subject->facts;
	SortedSet  *barriers;

	if (bypass->basis == NULL)
	{
		bypass->basis = tg_basis_of_grants(facts, TG_ALL_COMMANDS);
		if (facts->security_barrier)
		{
			barriers = palloc0(sizeof(SortedSet));
			tg_set_add(barriers, facts->relid);
			bypass->basis->held_by = barriers;
		}
	}
	return bypass->basis;
}

/* Examines a table that is read by way of a parent, or (NULL) for itself. */
static void
examine(ViewBypass *bypass, Oid relid, const RelationFacts *parent)
{
	const RuleSubject *subject = bypass->subject;
	MemoryContext old = MemoryContextSwitchTo(bypass->context);
	const RelationFacts *table = parent == NULL ?
		tg_facts_read(subject->reader, relid) :
		tg_facts_outline(subject->reader, relid);
	BypassReason reason = {0};

	CHECK_FOR_INTERRUPTS();
	if (table != NULL && tg_is_tenant_table(table))
		reason = parent == NULL ?
			why_it_bypasses(subject->reader, table, subject->facts->owner) :
			why_parent_shows(subject->reader, parent, subject->facts->owner);
	MemoryContextSwitchTo(old);
	if (reason.words != NULL)
		report_bypass(subject, bypass->rewrite, table, &reason,
					  basis_of(bypass));
	MemoryContextReset(bypass->context);
}

void
tg_check_view_bypasses_rls(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ViewBypass	bypass = {.subject = subject};
	ListCell   *lc;

	if (facts->kind == RELKIND_MATVIEW || facts->rewrites == NIL)
		return;
	bypass.context = AllocSetContextCreate(CurrentMemoryContext,
										   "trovella_guard table",
										   ALLOCSET_DEFAULT_SIZES);
	foreach(lc, facts->rewrites)
	{
		ListCell   *lc2;

		/*
		 * A security_invoker view shows nothing that its caller cannot read.
		 * Another view among the tables is reported itself, and
		 * relation_unprotectable reports materialized views.
		 */
		bypass.rewrite = lfirst(lc);
		if (bypass.rewrite->select && facts->security_invoker)
			continue;
		foreach(lc2, bypass.rewrite->reads)
			examine(&bypass, lfirst_oid(lc2), NULL);
		foreach(lc2, bypass.rewrite->inherited)
		{
			const List *children = children_of(&bypass, lfirst_oid(lc2));
			const ListCell *lc3;
			RelationFacts *parent;

			if (children == NIL)
				continue;
			parent = tg_facts_read(subject->reader, lfirst_oid(lc2));
			foreach(lc3, children)
				examine(&bypass, lfirst_oid(lc3), parent);
		}
	}
	MemoryContextDelete(bypass.context);
}
