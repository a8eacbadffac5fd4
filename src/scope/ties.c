/*-------------------------------------------------------------------------
 *
 * ties.c
 *		What PostgreSQL itself enforces about the tenant of a row.
 *
 * A policy that looks at a row's parent and not at its tenant admits new rows of
 * any tenant.  It may still be right if other columns of the row determine the
 * tenant:
 *
 * - A foreign key (tenant, parent) references the parent's tenant column and its
 * key.  The key must be unique without the tenant: otherwise two tenants can
 * have a parent of the same name.  No column may be NULL, or MATCH SIMPLE skips
 * the check.  A DEFERRABLE foreign key does no harm, because its check finds
 * the one parent that the policy saw; a DEFERRABLE unique constraint does.
 *
 * - The tenant column is generated from other columns.
 *
 * Triggers and CHECK constraints are not examined.  Nor does a tie prove that a
 * policy is right: the answer is unproven.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"

/* An index that is read costs as much as these. */
#define STEPS_FOR_INDEX 20

/*
 * Do other tables share the rows of a query on this one?  No constraint spans
 * inheritance children.
 */
static bool
has_inheritance_children(const RelationFacts *facts, FactsReader *reader)
{
	return facts->kind == RELKIND_RELATION && facts->may_have_children &&
		tg_facts_descendants(reader, facts->relid) != NIL;
}

/* MATCH FULL checks a key if one of its columns is not NULL. */
static bool
is_always_checked(const ForeignKeyFacts *key, const RelationFacts *facts)
{
	int			not_null = 0;

	for (int i = 0; i < key->nkeys; i++)
	{
		const ColumnFacts *column = tg_find_column(facts, key->keys[i]);

		if (column != NULL && column->not_null)
			not_null++;
	}
	return key->match == FKCONSTR_MATCH_FULL ? not_null > 0 :
		not_null == key->nkeys;
}

/*
 * The columns of the foreign key that reference the columns of the index; NULL
 * if it references only some of these, or if one is the tenant column.
 */
static Bitmapset *
columns_for_index(const ForeignKeyFacts *key, const IndexFacts *index,
				  AttrNumber tenant)
{
	Bitmapset  *result = NULL;

	if (!index->usable || !index->unique || !index->immediate ||
		index->predicate != NIL)
		return NULL;
	for (int i = 0; i < index->nkeys; i++)
	{
		int			j = 0;

		while (j < key->nkeys && (key->referenced_keys[j] != index->keys[i] ||
								  key->keys[j] == tenant))
			j++;
		if (j == key->nkeys)
			return NULL;
		result = bms_add_member(result, key->keys[j]);
	}
	return result;
}

/* Adds the sets of columns by which a foreign key determines the tenant. */
static void
add_foreign_key(TenantTies *ties, const ForeignKeyFacts *key,
				const ProofContext *context)
{
	const RelationFacts *facts = context->facts;
	FactsReader *reader = context->reader;
	AttrNumber	tenant = facts->tenant->attnum;
	const RelationFacts *parent = facts;
	AttrNumber	parents_tenant = InvalidAttrNumber;
	ListCell   *lc;

	for (int i = 0; i < key->nkeys; i++)
	{
		if (key->keys[i] == tenant)
			parents_tenant = key->referenced_keys[i];
	}
	if (key->nkeys < 2 || parents_tenant == InvalidAttrNumber ||
		!key->enforced || !key->validated || key->temporal ||
		!is_always_checked(key, facts))
		return;
	if (key->referenced != facts->relid)
		parent = tg_facts_outline(reader, key->referenced);
	if (parent == NULL || parent->tenant == NULL ||
		parent->tenant->attnum != parents_tenant ||
		has_inheritance_children(parent, reader))
		return;
	foreach(lc, tg_facts_indexes(reader, parent))
	{
		Bitmapset  *columns = columns_for_index(key, lfirst(lc), tenant);

		(void) tg_spend(context->budget, STEPS_FOR_INDEX);
		if (columns != NULL)
			ties->columns = lappend(ties->columns, columns);
	}
}

static void
find_ties(TenantTies *ties, const ProofContext *context)
{
	/* a budget of its own: the ties are not those of this proof alone */
	ProofBudget budget = {.steps = PROOF_BUDGET_SINGLE};
	ProofContext own = *context;
	const RelationFacts *facts = context->facts;
	ListCell   *lc;

	ties->known = true;
	if (facts->tenant_sources != NULL)
		ties->columns = lappend(ties->columns, facts->tenant_sources);
	if (facts->foreign_keys == NIL ||
		has_inheritance_children(facts, context->reader))
		return;
	own.budget = &budget;
	foreach(lc, facts->foreign_keys)
	{
		if (!tg_spend(&budget, 1))
			break;
		add_foreign_key(ties, lfirst(lc), &own);
	}

	/* Any columns may be a tie that was not found. */
	if (budget.steps < 0)
		ties->columns = lappend(ties->columns, NULL);
}

/* For collect_row_columns(). */
typedef struct ColumnWalk
{
	int			level;			/* varlevelsup of the policy's row */
	Bitmapset  *columns;
	ProofBudget *budget;
} ColumnWalk;

static bool
collect_row_columns(Node *node, ColumnWalk *walk)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (!tg_spend(walk->budget, 1))
		return true;
	if (IsA(node, Query))
	{
		bool		result;

		walk->level++;
		result = query_tree_walker((Query *) node, collect_row_columns,
								   (void *) walk, QTW_IGNORE_JOINALIASES);
		walk->level--;
		return result;
	}
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if ((int) var->varlevelsup == walk->level && var->varattno > 0)
			walk->columns = bms_add_member(walk->columns, var->varattno);
		return false;
	}
	return expression_tree_walker(node, collect_row_columns, (void *) walk);
}

bool
tg_names_tie(Node *node, const ProofContext *context)
{
	TenantTies *ties = context->ties;
	ColumnWalk	walk = {list_length(context->queries), NULL, context->budget};
	ListCell   *lc;

	if (ties == NULL)
		return false;
	if (!ties->known)
		find_ties(ties, context);
	if (ties->columns == NIL)
		return false;
	(void) collect_row_columns(node, &walk);
	foreach(lc, ties->columns)
	{
		if (bms_is_subset((Bitmapset *) lfirst(lc), walk.columns))
			return true;
	}
	return false;
}
