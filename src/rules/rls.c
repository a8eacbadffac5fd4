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

#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "scope/scope.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Does a policy let rows be read, changed or deleted? */
static bool
admits_rows(const RelationFacts *parent)
{
	ListCell   *lc;

	/* UPDATE and DELETE without a WHERE clause need no policy for SELECT */
	foreach(lc, parent->policies)
	{
		PolicyFacts *policy = lfirst(lc);

		if (policy->permissive && (policy->commands & ~TG_INSERT) != 0)
			return true;
	}
	return false;
}

static const char *
owner_name(const RelationFacts *facts)
{
	const char *name = GetUserNameFromId(facts->owner, true);

	return name != NULL ? name : "?";
}

typedef enum ParentFault
{
	WITHOUT_RLS = 1,
	OWNED_BY_STRANGER,
	ABOUT_OTHER_COLUMN
} ParentFault;

/*
 * Does a parent let anybody but the owner of the child reach the child's rows,
 * whatever its policies say?  Those of a parent without tenant column, or with
 * another one than the child, cannot tell the child's tenants apart, so that
 * they must admit no rows.
 */
static bool
shows_its_children(OpenParent *open, const RelationFacts *child,
				   bool owner_is_friend)
{
	const RelationFacts *parent = open->facts;
	ParentFault fault;

	if (!parent->rls_enabled)
		fault = WITHOUT_RLS;
	else if (!owner_is_friend && !parent->rls_forced)
		fault = OWNED_BY_STRANGER;
	else if ((parent->tenant == NULL ||
			  strcmp(parent->tenant->name, child->tenant->name) != 0) &&
			 admits_rows(parent))
		fault = ABOUT_OTHER_COLUMN;
	else
		return false;

	open->fingerprint = hash_combine64(fault, owner_is_friend ? InvalidOid :
									   parent->owner);
	if (fault != OWNED_BY_STRANGER)
		open->basis = tg_basis_of_parent(parent);
	if (fault == OWNED_BY_STRANGER)
		open->message =
			psprintf("role \"%s\", who owns parent \"%s.%s\", reads and changes the rows of the table without its row-level security",
					 owner_name(parent), parent->schema, parent->name);
	else
		open->message =
			psprintf("whoever reads or changes parent \"%s.%s\" does so to the rows of the table without its row-level security",
					 parent->schema, parent->name);
	return true;
}

/* What the policies of a parent that is about the same tenants leave open. */
static List *
doubts_about(const RelationFacts *parent, const RelationFacts *child)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (parent->tenant == NULL ||
		strcmp(parent->tenant->name, child->tenant->name) != 0)
		return NIL;

	/* What is inserted into the parent is no row of the child */
	foreach(lc, tg_scope_doubts(parent))
	{
		ScopeDoubt *doubt = lfirst(lc);

		doubt->commands &= ~TG_INSERT;
		if (doubt->commands != TG_NO_COMMAND)
			result = lappend(result, doubt);
	}
	return result;
}

/* Returns NULL if the parent shows nothing of the child. */
static OpenParent *
look_at_parent(const RuleSubject *subject, Oid relid)
{
	const RelationFacts *child = subject->facts;
	FactsReader *reader = subject->reader;
	OpenParent *open = palloc0(sizeof(OpenParent));
	const RelationFacts *parent = tg_facts_outline(reader, relid);
	bool		owner_is_friend;

	if (parent == NULL)
		return NULL;
	owner_is_friend = tg_has_privileges_of(reader, parent->owner,
										   child->owner) ||
		tg_is_above_rls(reader, parent->owner);
	if (!parent->granted && owner_is_friend)
		return NULL;
	parent = tg_facts_read(reader, relid);
	open->facts = parent;
	if (!shows_its_children(open, child, owner_is_friend))
	{
		open->doubts = doubts_about(parent, child);
		if (open->doubts == NIL)
			return NULL;
	}

	/* Only from a parent of its own can the child be taken */
	if (list_member_oid(child->parents, relid) && !child->partition)
		open->repair_sql =
			tg_remedy_table(child,
							psprintf("NO INHERIT %s",
									 quote_qualified_identifier(parent->schema,
																parent->name)));
	return open;
}

/*
 * A partition is a part of its parent, which is judged as a tenant table.  But
 * a table that has been one by itself is none until the transaction is over.
 */
static bool
has_been_by_itself(const RuleSubject *subject)
{
	const RelationFacts *before = subject->history == NULL ? NULL :
		subject->history->before;

	return before != NULL && tg_is_tenant_table(before) &&
		list_difference_oid(subject->facts->parents, before->parents) != NIL;
}

List *
tg_open_parents(const RuleSubject *subject)
{
	RuleMemo   *memo = subject->memo;
	MemoryContext context;
	List	   *ancestors;
	ListCell   *lc;
	bool		all;

	if (memo->parents_known)
		return memo->open_parents;
	memo->parents_known = true;
	if (subject->facts->parents == NIL ||
		(subject->facts->partition && !has_been_by_itself(subject)))
		return NIL;

	ancestors = tg_facts_ancestors(subject->reader, subject->facts->relid,
								   &all);
	context = AllocSetContextCreate(CurrentMemoryContext,
									"trovella_guard parent",
									ALLOCSET_DEFAULT_SIZES);
	foreach(lc, ancestors)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		open = look_at_parent(subject, lfirst_oid(lc)) != NULL;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);

		/* Few are: it is read once more, to be kept */
		if (open)
			memo->open_parents = lappend(memo->open_parents,
										 look_at_parent(subject,
														lfirst_oid(lc)));
	}
	MemoryContextDelete(context);

	if (!all)
	{
		OpenParent *open = palloc0(sizeof(OpenParent));

		open->message = psprintf("the table has more than %d parents, near and far: who reads its rows through them cannot be told",
								 TG_MAX_ANCESTORS);
		memo->open_parents = lappend(memo->open_parents, open);
	}
	return memo->open_parents;
}

/*
 * A child of a table that is not protected: whoever reads the parent reads the
 * child's rows, and the child's own row-level security is not asked.
 */
static void
report_open_parents(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, tg_open_parents(subject))
	{
		const OpenParent *open = lfirst(lc);
		Finding    *finding;

		if (open->message == NULL)
			continue;
		finding = tg_report_finding(subject, "%s", open->message);
		finding->fingerprint = open->fingerprint;
		finding->repair_sql = open->repair_sql;
		if (open->facts == NULL)
			continue;
		finding->object_oid = open->facts->relid;
		finding->object = psprintf("%s.%s", open->facts->schema,
								   open->facts->name);
		finding->basis = open->basis;
	}
}

static bool
same_policies(const RelationFacts *one, const RelationFacts *other)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (list_length(one->policies) != list_length(other->policies))
		return false;

	/* Both are in the order of their names */
	forboth(lc, one->policies, lc2, other->policies)
	{
		const PolicyFacts *policy = lfirst(lc);
		const PolicyFacts *counterpart = lfirst(lc2);

		if (policy->oid != counterpart->oid ||
			policy->temporary != counterpart->temporary ||
			policy->fingerprint != counterpart->fingerprint)
			return false;
	}
	return true;
}

/* May it show more of its children than before, or protect less of them? */
static bool
is_worse_parent(const RelationFacts *facts, FactsReader *before_reader,
				const RelationFacts *before)
{
	if (facts->kind == RELKIND_VIEW || facts->kind == RELKIND_MATVIEW)
		return false;
	if (before->owner != facts->owner ||
		(before->rls_enabled && !facts->rls_enabled) ||
		(facts->granted && !before->granted) ||
		list_difference_oid(facts->parents, before->parents) != NIL ||
		(facts->tenant == NULL &&
		 (before->tenant != NULL || facts->policies != NIL)))
		return true;

	/* A partition is judged by its parent's policies where this is judged */
	if (facts->kind == RELKIND_PARTITIONED_TABLE ||
		!facts->may_have_children)
		return false;
	return (before->rls_forced && !facts->rls_forced) ||
		(before->tenant != NULL && facts->tenant != NULL &&
		 before->tenant->attnum != facts->tenant->attnum) ||
		!tg_basis_is_no_worse(tg_basis_of_grants(facts, TG_ALL_COMMANDS),
							  tg_basis_of_grants(before, TG_ALL_COMMANDS)) ||
		!same_policies(facts, tg_facts_read(before_reader, facts->relid));
}

/*
 * Has it become a child whose tenant column can be null?  Then that of its
 * parents can, for whoever reads it through them.
 */
static bool
is_worse_child(FactsReader *before_reader, const RelationFacts *facts,
			   const RelationFacts *before)
{
	const RelationFacts *whole;

	if (facts->partition || facts->parents == NIL || facts->tenant == NULL ||
		facts->tenant->not_null)
		return false;
	if (before == NULL || before->tenant == NULL ||
		list_difference_oid(facts->parents, before->parents) != NIL)
		return true;
	whole = tg_facts_read(before_reader, facts->relid);
	return whole == NULL || whole->tenant == NULL || whole->tenant->not_null;
}

List *
tg_relatives_to_judge(FactsReader *reader, const RelationFacts *facts,
					  FactsReader *before, const RelationFacts *outline)
{
	List	   *result = NIL;
	bool		all;

	if (outline != NULL && is_worse_parent(facts, before, outline))
		result = tg_facts_descendants(reader, facts->relid);
	if (is_worse_child(before, facts, outline))
		result = list_concat(result,
							 tg_facts_ancestors(reader, facts->relid, &all));
	return result;
}

void
tg_check_rls_disabled(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	report_open_parents(subject);
	if (facts->rls_enabled || tg_is_unreachable_child(subject->reader, facts))
		return;

	if (facts->policies != NIL)
		finding = tg_report_finding(subject,
									"row-level security is not enabled, so PostgreSQL ignores the table's policies");
	else
		finding = tg_report_finding(subject,
									"row-level security is not enabled");
	finding->basis = tg_basis_of_grants(facts, TG_ALL_COMMANDS);
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
	finding->fingerprint = subject->facts->owner;
	finding->repair_sql = tg_remedy_table(subject->facts,
										  "FORCE ROW LEVEL SECURITY");
}
