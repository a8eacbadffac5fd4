/*-------------------------------------------------------------------------
 *
 * parents.c
 *		Parents through which others may reach the rows of a child.
 *
 * A query on a parent reads the rows of its inheritance children, too, and
 * PostgreSQL applies the row-level security of the parent only.  So a tenant
 * table is as well protected as the least protected of its ancestors.
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
#include "rules/parents.h"
#include "rules/remedy.h"
#include "scope/scope.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

bool
tg_admits_rows(const RelationFacts *parent)
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

/* Why a parent exposes its children whatever its policies say. */
typedef enum ParentFault
{
	PARENT_WITHOUT_RLS = 1,
	PARENT_OF_OTHER_OWNER,
	PARENT_WITH_OTHER_COLUMN
} ParentFault;

/*
 * Does a parent let roles other than the owner of the child reach the child's
 * rows, whatever its policies say?  If the parent has no tenant column, or not
 * the child's, its policies cannot tell the child's tenants apart, so they must
 * not admit any rows.
 */
static bool
exposes_child(ExposingParent *result, const RelationFacts *child,
			  bool owner_is_trusted)
{
	const RelationFacts *parent = result->facts;
	ParentFault fault;

	if (!parent->rls_enabled)
		fault = PARENT_WITHOUT_RLS;
	else if (!owner_is_trusted && !parent->rls_forced)
		fault = PARENT_OF_OTHER_OWNER;
	else if ((parent->tenant == NULL ||
			  strcmp(parent->tenant->name, child->tenant->name) != 0) &&
			 tg_admits_rows(parent))
		fault = PARENT_WITH_OTHER_COLUMN;
	else
		return false;

	result->fingerprint = hash_combine64(fault, owner_is_trusted ? InvalidOid :
										 parent->owner);
	if (fault != PARENT_OF_OTHER_OWNER)
		result->basis = tg_basis_of_parent(parent);
	if (fault == PARENT_OF_OTHER_OWNER)
		result->message =
			psprintf("role \"%s\", the owner of parent \"%s.%s\", can read and change the table's rows without its row-level security",
					 tg_role_name(parent->owner), parent->schema, parent->name);
	else
		result->message =
			psprintf("the table's rows can be read and changed through parent \"%s.%s\" without the table's row-level security",
					 parent->schema, parent->name);
	return true;
}

/* The scope issues about a parent with the same tenant column. */
static List *
issues_of_parent(FactsReader *reader, const RelationFacts *parent,
				 const RelationFacts *child)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (parent->tenant == NULL ||
		strcmp(parent->tenant->name, child->tenant->name) != 0)
		return NIL;

	/* A row that is inserted into the parent is not one of the child */
	foreach(lc, tg_scope_issues(reader, parent))
	{
		ScopeIssue *issue = lfirst(lc);

		issue->commands &= ~TG_INSERT;
		if (issue->commands != TG_NO_COMMAND)
			result = lappend(result, issue);
	}
	return result;
}

/* NULL if the parent does not expose the child's rows. */
static ExposingParent *
examine_parent(const RuleSubject *subject, Oid relid)
{
	const RelationFacts *child = subject->facts;
	FactsReader *reader = subject->reader;
	ExposingParent *result = palloc0(sizeof(ExposingParent));
	const RelationFacts *parent = tg_facts_outline(reader, relid);
	bool		owner_is_trusted;

	if (parent == NULL)
		return NULL;
	owner_is_trusted = tg_has_privileges_of(reader, parent->owner,
											child->owner) ||
		tg_is_above_rls(reader, parent->owner);
	if (!parent->granted && owner_is_trusted)
		return NULL;
	parent = tg_facts_read(reader, relid);
	result->facts = parent;
	if (!exposes_child(result, child, owner_is_trusted))
	{
		result->issues = issues_of_parent(reader, parent, child);
		if (result->issues == NIL)
			return NULL;
	}

	/* NO INHERIT is possible only for a direct parent */
	if (list_member_oid(child->parents, relid) && !child->partition)
		result->repair_sql =
			tg_remedy_table(child,
							psprintf("NO INHERIT %s",
									 quote_qualified_identifier(parent->schema,
																parent->name)));
	return result;
}

/*
 * Has the transaction attached a tenant table to a new parent?  A partition is
 * judged as a part of its parent, but not in the transaction that makes a table
 * a partition.
 */
static bool
has_new_parent(const RuleSubject *subject)
{
	const RelationFacts *before = subject->history == NULL ? NULL :
		subject->history->before;

	return before != NULL && tg_is_tenant_table(before) &&
		list_difference_oid(subject->facts->parents, before->parents) != NIL;
}

List *
tg_exposing_parents(const RuleSubject *subject)
{
	RuleMemo   *memo = subject->memo;
	MemoryContext context;
	List	   *ancestors;
	ListCell   *lc;
	bool		all;

	if (memo->parents_known)
		return memo->exposing_parents;
	memo->parents_known = true;
	if (subject->facts->parents == NIL ||
		(subject->facts->partition && !has_new_parent(subject)))
		return NIL;

	ancestors = tg_facts_ancestors(subject->reader, subject->facts->relid,
								   &all);
	context = AllocSetContextCreate(CurrentMemoryContext,
									"trovella_guard parent",
									ALLOCSET_DEFAULT_SIZES);
	foreach(lc, ancestors)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		exposes = examine_parent(subject, lfirst_oid(lc)) != NULL;

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);

		/* Few are exposing: read those again, in the caller's context */
		if (exposes)
			memo->exposing_parents = lappend(memo->exposing_parents,
											 examine_parent(subject,
															lfirst_oid(lc)));
	}
	MemoryContextDelete(context);

	if (!all)
	{
		ExposingParent *result = palloc0(sizeof(ExposingParent));

		result->message = psprintf("the table has more than %d ancestors, too many to check who can read its rows through them",
								   TG_MAX_ANCESTORS);
		memo->exposing_parents = lappend(memo->exposing_parents, result);
	}
	return memo->exposing_parents;
}

bool
tg_is_new_chunk(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const RelationHistory *history = subject->history;
	ListCell   *lc;

	if (history == NULL || history->reader != NULL || !history->no_statement ||
		facts->parents == NIL)
		return false;
	foreach(lc, facts->parents)
	{
		const RelationFacts *parent = tg_facts_outline(subject->reader,
													   lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (parent == NULL || !tg_is_tenant_table(parent) ||
			!parent->rls_enabled || parent->owner != facts->owner ||
			!tg_basis_is_no_worse(tg_basis_of_grants(facts, TG_ALL_COMMANDS,
													 NIL),
								  tg_basis_of_grants(parent, TG_ALL_COMMANDS,
													 NIL)))
			return false;
	}
	return true;
}

bool
tg_is_chunk(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;

	return facts->parents != NIL && !facts->rls_enabled &&
		facts->policies == NIL &&
		(tg_is_new_chunk(subject) ||
		 tg_facts_is_schema_of_extension(subject->reader, facts->schema_oid));
}

static bool
same_policies(const RelationFacts *one, const RelationFacts *other)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (list_length(one->policies) != list_length(other->policies))
		return false;

	/* Both lists are ordered by name */
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

/* May the relation expose more of its children's rows than before? */
static bool
may_expose_more(const RelationFacts *facts, FactsReader *before_reader,
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

	/* A partition is subject to its parent's policies, which are judged there */
	if (facts->kind == RELKIND_PARTITIONED_TABLE ||
		!facts->may_have_children)
		return false;
	return (before->rls_forced && !facts->rls_forced) ||
		(before->tenant != NULL && facts->tenant != NULL &&
		 before->tenant->attnum != facts->tenant->attnum) ||
		!tg_basis_is_no_worse(tg_basis_of_grants(facts, TG_ALL_COMMANDS, NIL),
							  tg_basis_of_grants(before, TG_ALL_COMMANDS, NIL)) ||
		!same_policies(facts, tg_facts_read(before_reader, facts->relid));
}

/*
 * Has the relation become a child whose tenant column can be null?  Then so can
 * the tenant column of its ancestors, for queries that read it through them.
 */
static bool
has_become_nullable_child(FactsReader *before_reader, const RelationFacts *facts,
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

	if (outline != NULL && may_expose_more(facts, before, outline))
		result = tg_facts_descendants(reader, facts->relid);
	if (has_become_nullable_child(before, facts, outline))
		result = list_concat(result,
							 tg_facts_ancestors(reader, facts->relid, &all));
	return result;
}
