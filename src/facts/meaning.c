/*-------------------------------------------------------------------------
 *
 * meaning.c
 *		What does a policy say, apart from how it is written?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"

/* Is it (SELECT expression), without anything else? */
static bool
is_bare_select(const SubLink *link)
{
	const Query *query = (const Query *) link->subselect;

	return link->subLinkType == EXPR_SUBLINK && IsA(query, Query) &&
		query->commandType == CMD_SELECT && query->rtable == NIL &&
		query->cteList == NIL && query->jointree->fromlist == NIL &&
		query->jointree->quals == NULL && list_length(query->targetList) == 1 &&
		!query->hasAggs && !query->hasWindowFuncs && !query->hasTargetSRFs &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->distinctClause == NIL &&
		query->sortClause == NIL && query->limitOffset == NULL &&
		query->limitCount == NULL && query->setOperations == NULL;
}

/* Replaces (SELECT expression) with the expression, in a copy. */
static Node *
without_bare_selects(Node *node, void *context)
{
	check_stack_depth();
	if (node == NULL)
		return NULL;
	if (IsA(node, SubLink) && is_bare_select((SubLink *) node))
	{
		Query	   *query = (Query *) ((SubLink *) node)->subselect;
		TargetEntry *target = linitial(query->targetList);
		Node	   *expression = copyObject((Node *) target->expr);

		IncrementVarSublevelsUp(expression, -1, 1);
		return without_bare_selects(expression, context);
	}
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, without_bare_selects,
										   context, 0);
	return expression_tree_mutator(node, without_bare_selects, context);
}

static uint64
add_expression(uint64 fingerprint, Node *expression)
{
	char	   *text;

	if (expression == NULL)
		return fingerprint + 1;
	text = nodeToString(without_bare_selects(expression, NULL));
	tg_strip_locations(text);
	fingerprint = tg_add_to_fingerprint(fingerprint, text, strlen(text));
	pfree(text);
	return fingerprint;
}

uint64
tg_facts_policy_meaning(const PolicyFacts *policy)
{
	uint64		fingerprint = policy->permissive ? 1 : 0;
	ListCell   *lc;

	fingerprint = hash_combine64(fingerprint, policy->commands);
	foreach(lc, policy->roles)
		fingerprint = hash_combine64(fingerprint, lfirst_oid(lc));
	fingerprint = add_expression(fingerprint, policy->qual);
	return add_expression(fingerprint, policy->with_check);
}
