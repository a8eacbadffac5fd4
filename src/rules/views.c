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

/* The privileges by which somebody uses a relation. */
#define TG_USING(facts) \
	((facts)->kind == RELKIND_MATVIEW ? ACL_SELECT : \
	 ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE)

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

/* May an application role use the relation? */
static bool
is_used_by_app(FactsReader *reader, const RelationFacts *facts)
{
	return tg_app_grantees(reader, facts, TG_USING(facts)) != NIL;
}

/* Each grant opens the relation further, and each role that it counts for. */
static Basis *
basis_of_use(FactsReader *reader, const RelationFacts *facts)
{
	return tg_basis_of_grants(facts, TG_ALL_COMMANDS,
							  tg_app_grantees(reader, facts,
											  TG_USING(facts)));
}

static bool
has_no_rls(const RelationFacts *facts)
{
	return facts->kind == RELKIND_MATVIEW ||
		facts->kind == RELKIND_FOREIGN_TABLE;
}

/*
 * Reports a materialized view or foreign table with rows of tenants: the subject
 * itself, or one that can be read by way of it.
 */
static void
report_stored(const RuleSubject *subject, const RelationFacts *facts,
			  const char *repair)
{
	const char *kind = tg_kind_name(facts->kind);
	char	   *which = facts == subject->facts ? psprintf("the %s", kind) :
		psprintf("%s \"%s.%s\", which can be read by way of it,", kind,
				 facts->schema, facts->name);
	const Basis *basis = basis_of_use(subject->reader, subject->facts);
	KeptRows	kept = {0};
	Finding    *finding;
	ListCell   *lc;

	collect_kept(subject->reader, facts, &kept);

	/* Its own column, unless the rows are those of tables */
	if (facts->tenant != NULL && kept.tables.oids == NIL)
	{
		if (facts == subject->facts)
			finding = tg_report_finding(subject,
										"row-level security cannot protect column \"%s\" of a %s",
										facts->tenant->name, kind);
		else
		{
			finding = tg_report_finding(subject,
										"row-level security cannot protect column \"%s\" of %s \"%s.%s\", which can be read by way of it",
										facts->tenant->name, kind,
										facts->schema, facts->name);
			finding->other_relid = facts->relid;
			finding->by_way_of = facts->relid;
		}
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
									"row-level security cannot protect the rows of table \"%s.%s\" that %s stores",
									table->schema, table->name, which);
		finding->object = psprintf("%s.%s", table->schema, table->name);
		finding->other_relid = relid;
		finding->fingerprint = kept.fingerprint;
		if (facts != subject->facts)
		{
			finding->by_way_of = facts->relid;
			finding->fingerprint = hash_combine64(kept.fingerprint,
												  facts->relid);
		}
		finding->basis = basis;
		finding->repair_sql = repair;
	}
}

/* Is this a relation with the rows of tenants that nothing can protect? */
static bool
is_unprotectable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;

	return has_no_rls(facts) &&
		(!tg_is_unreachable_child(subject->reader, facts) ||
		 (facts->tenant != NULL && tg_exposing_parents(subject) != NIL));
}

void
tg_check_matview_exposes_tenants(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	List	   *grantees;

	if (!is_unprotectable(subject))
		return;
	grantees = tg_app_grantees(subject->reader, facts, TG_USING(facts));
	if (grantees != NIL)
		report_stored(subject, facts, tg_remedy_revoke(facts, grantees));
}

/* There is no repair; only an allowlist entry can silence it. */
void
tg_check_relation_unprotectable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;

	if (is_unprotectable(subject) &&
		!is_used_by_app(subject->reader, facts))
		report_stored(subject, facts,
					  tg_remedy_allow(facts->schema, facts->name,
									  subject->rule->name, NULL));
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
why_it_bypasses(const RuleSubject *subject, const RelationFacts *table,
				Oid role)
{
	FactsReader *reader = subject->reader;
	BypassReason reason = {0};
	OidSet		relied_on = {0};
	ListCell   *lc;

	if (!table->rls_enabled && tg_is_unreachable_child(reader, table))
	{
		reason.words = "the table has no row-level security of its own";
		return reason;
	}
	if (table->rls_enabled && bypasses(reader, role, table))
	{
		reason.words = "the table's row-level security does not apply to that role";
		reason.relied_on = 1;
		return reason;
	}

	/* No matter what the role may do with it now: that changes by GRANT */
	reason.words = tg_why_unguarded(reader, table, subject->alone,
									&reason.relied_on);
	if (reason.words != NULL || !table->rls_enabled)
		return reason;

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

/* The state while the rewrite rules of one relation are examined. */
typedef struct ViewBypass
{
	const RuleSubject *subject;
	const RelationFacts *view;	/* whose rules are examined: the subject, or
								 * another one that is used by way of it */
	const RewriteFacts *rewrite;
	bool		follow;			/* such others? */
	OidSet		others;			/* OIDs */
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

/* Without a barrier, functions open the view further. */
static const Basis *
basis_of(ViewBypass *bypass)
{
	const RelationFacts *facts = bypass->subject->facts;
	SortedSet  *barriers;

	if (bypass->basis == NULL)
	{
		bypass->basis = basis_of_use(bypass->subject->reader, facts);
		if (facts->security_barrier)
		{
			barriers = palloc0(sizeof(SortedSet));
			tg_set_add(barriers, facts->relid);
			bypass->basis->held_by = barriers;
		}
	}
	return bypass->basis;
}

static void
report_bypass(ViewBypass *bypass, const RelationFacts *table,
			  const BypassReason *reason)
{
	const RuleSubject *subject = bypass->subject;
	const RelationFacts *view = bypass->view;
	const RewriteFacts *rewrite = bypass->rewrite;
	bool		is_other = view->relid != subject->facts->relid;
	char	   *owner = tg_role_name(view->owner);
	Finding    *finding;

	if (is_other)
		finding = tg_report_finding(subject,
									"table \"%s.%s\" is used by way of \"%s.%s\" as role \"%s\": %s",
									table->schema, table->name,
									view->schema, view->name,
									owner, reason->words);
	else if (rewrite->select)
		finding = tg_report_finding(subject,
									"the view reads table \"%s.%s\" as role \"%s\": %s",
									table->schema, table->name,
									owner, reason->words);
	else
		finding = tg_report_finding(subject,
									"rule \"%s\" uses table \"%s.%s\" as role \"%s\": %s",
									rewrite->name, table->schema, table->name,
									owner, reason->words);

	if (rewrite->select)
		finding->repair_sql =
			psprintf("ALTER VIEW %s SET (security_invoker = true);",
					 quote_qualified_identifier(view->schema, view->name));
	else
	{
		finding->object_oid = rewrite->oid;
		finding->repair_sql =
			tg_remedy_comment("Drop rule \"%s\" on \"%s.%s\", or give that to an owner whom the policies confine.",
							  rewrite->name, view->schema, view->name);
	}
	finding->object = psprintf("%s.%s", table->schema, table->name);
	finding->other_relid = table->relid;
	finding->fingerprint = hash_combine64(rewrite->fingerprint,
										  reason->relied_on);
	if (is_other)
	{
		finding->by_way_of = view->relid;
		finding->fingerprint = hash_combine64(finding->fingerprint,
											  view->relid);
	}
	finding->basis = basis_of(bypass);
}

/*
 * Must the walk go on from a relation that is read?  Not if it is reported
 * itself, as something that the application may use.
 */
static bool
leads_on(ViewBypass *bypass, const RelationFacts *read)
{
	return bypass->follow && read->relid != bypass->subject->facts->relid &&
		(has_no_rls(read) || read->rewrites != NIL) &&
		!is_used_by_app(bypass->subject->reader, read);
}

/* Examines a table that is read by way of a parent, or (NULL) for itself. */
static void
examine(ViewBypass *bypass, Oid relid, const RelationFacts *parent)
{
	FactsReader *reader = bypass->subject->reader;
	MemoryContext old = MemoryContextSwitchTo(bypass->context);
	const RelationFacts *table = parent == NULL ?
		tg_facts_read(reader, relid) : tg_facts_outline(reader, relid);
	BypassReason reason = {0};
	bool		goes_on = false;

	CHECK_FOR_INTERRUPTS();
	if (table != NULL && tg_is_tenant_table(table))
		reason = parent == NULL ?
			why_it_bypasses(bypass->subject, table, bypass->view->owner) :
			why_parent_shows(reader, parent, bypass->view->owner);
	if (table != NULL && parent == NULL)
		goes_on = leads_on(bypass, table);
	MemoryContextSwitchTo(old);
	if (reason.words != NULL)
		report_bypass(bypass, table, &reason);
	if (goes_on)
		(void) tg_oidset_add(&bypass->others, relid);
	MemoryContextReset(bypass->context);
}

/* Examines what the rewrite rules of a relation use. */
static void
examine_rules(ViewBypass *bypass, const RelationFacts *view)
{
	ListCell   *lc;

	bypass->view = view;
	foreach(lc, view->rewrites)
	{
		ListCell   *lc2;

		/*
		 * A security_invoker view shows nothing that its caller cannot read.
		 * Another view among the tables is reported itself, and so are
		 * materialized views.
		 */
		bypass->rewrite = lfirst(lc);
		if (bypass->rewrite->select && view->security_invoker)
			continue;
		foreach(lc2, bypass->rewrite->reads)
			examine(bypass, lfirst_oid(lc2), NULL);
		foreach(lc2, bypass->rewrite->inherited)
		{
			const List *children = children_of(bypass, lfirst_oid(lc2));
			const ListCell *lc3;
			RelationFacts *parent;

			if (children == NIL)
				continue;
			parent = tg_facts_read(bypass->subject->reader, lfirst_oid(lc2));
			foreach(lc3, children)
				examine(bypass, lfirst_oid(lc3), parent);
		}
	}
}

/*
 * Examines what is used by way of relations that nobody of the application may
 * use: their owners' rights count, too.
 */
static void
examine_others(ViewBypass *bypass)
{
	const RuleSubject *subject = bypass->subject;

	for (int i = 0; i < list_length(bypass->others.oids); i++)
	{
		const RelationFacts *other = tg_facts_read(subject->reader,
												   list_nth_oid(bypass->others.oids,
																i));

		CHECK_FOR_INTERRUPTS();
		if (has_no_rls(other))
			report_stored(subject, other,
						  tg_remedy_revoke(subject->facts,
										   tg_app_grantees(subject->reader,
														   subject->facts,
														   TG_USING(subject->facts))));
		else
			examine_rules(bypass, other);
	}
}

static void
check_rules(const RuleSubject *subject, bool used_by_app)
{
	const RelationFacts *facts = subject->facts;
	ViewBypass	bypass = {.subject = subject,.follow = used_by_app};

	if (facts->kind == RELKIND_MATVIEW || facts->rewrites == NIL ||
		is_used_by_app(subject->reader, facts) != used_by_app)
		return;
	bypass.context = AllocSetContextCreate(CurrentMemoryContext,
										   "trovella_guard table",
										   ALLOCSET_DEFAULT_SIZES);
	examine_rules(&bypass, facts);
	examine_others(&bypass);
	MemoryContextDelete(bypass.context);
}

void
tg_check_view_exposes_tenants(const RuleSubject *subject)
{
	check_rules(subject, true);
}

void
tg_check_view_bypasses_rls(const RuleSubject *subject)
{
	check_rules(subject, false);
}
