/*-------------------------------------------------------------------------
 *
 * nodes.c
 *		What the prover's files ask about a single node.
 *
 * The bottom layer of the prover: these questions need neither the origin of a
 * value nor a proof.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "scope/nodes.h"

bool
tg_spend(ProofBudget *budget, int steps)
{
	CHECK_FOR_INTERRUPTS();
	if (budget->steps >= 0)
		budget->steps -= steps;
	return budget->steps >= 0;
}

ProofContext
tg_enter_query(const ProofContext *context, Query *query)
{
	ProofContext inner = *context;

	(void) tg_spend(context->budget, 1 + list_length(context->queries));
	inner.queries = lcons(query, list_copy(context->queries));
	return inner;
}

bool
tg_is_row_var(const Var *var, const ProofContext *context)
{
	return (int) var->varlevelsup == list_length(context->queries);
}

bool
tg_is_tenant_var(const Var *var, const ProofContext *context)
{
	return tg_is_row_var(var, context) &&
		var->varattno == context->facts->tenant->attnum;
}

bool
tg_is_boolean(Node *node)
{
	node = tg_strip(node);
	return node != NULL && tg_expression_type(node) == BOOLOID;
}
