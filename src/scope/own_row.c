/*-------------------------------------------------------------------------
 *
 * own_row.c
 *		Conditions that tie a row to the session, but not by its tenant.
 *
 * "user_id = uid()" admits the rows of the session's user, of whatever tenant:
 * a user may belong to several.  The list of a user's memberships is meant so;
 * that a table is not, the catalogs can't tell.  The same holds for
 * "project_id = ANY (my_projects())".  So for old rows the answer is unproven.
 * Whoever writes a new row chooses its tenant: unscoped.
 *
 * Old rows, too, are unscoped if they are many people's: if the column has few
 * values (Boolean, enum), or if the value is the tenant's, so that all of its
 * users share it: other_org = org() next to organization_id = org(), or the
 * setting in trovella_guard.tenant_expression.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "facts/expression.h"
#include "nodes/nodeFuncs.h"
#include "scope/proof.h"
#include "settings.h"
#include "utils/lsyscache.h"

/* More values of the session's tenant are not remembered. */
#define MAX_TENANT_VALUES 32

/* For collect_tenant_values(). */
typedef struct ValueWalk
{
	const ProofContext *context;
	List	   *values;
} ValueWalk;

/* The value below casts, NULLIF, (SELECT value) and IN (SELECT value). */
static Node *
value_core(Node *node)
{
	Node	   *value;

	for (;;)
	{
		node = tg_strip(node);
		if (node == NULL)
			return NULL;
		if (IsA(node, CoerceViaIO))
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, ArrayCoerceExpr))
			node = (Node *) ((ArrayCoerceExpr *) node)->arg;
		else if (IsA(node, NullIfExpr))
			node = linitial(((NullIfExpr *) node)->args);
		else if (IsA(node, FuncExpr) &&
				 tg_is_lossless(((FuncExpr *) node)->funcid))
			node = linitial(((FuncExpr *) node)->args);
		else if (IsA(node, SubLink) &&
				 (value = tg_bare_select((SubLink *) node)) != NULL)
			node = value;
		else if (IsA(node, Query) &&
				 (value = tg_bare_value((Query *) node)) != NULL)
			node = value;
		else
			return node;
	}
}

static void
add_value(Node *value, ValueWalk *walk)
{
	value = value_core(value);
	(void) tg_spend(walk->context->budget, list_length(walk->values));
	if (value != NULL && list_length(walk->values) < MAX_TENANT_VALUES &&
		!list_member(walk->values, value))
		walk->values = lappend(walk->values, value);
}

/* What does the expression compare the tenant column with? */
static bool
collect_tenant_values(Node *node, ValueWalk *walk)
{
	List	   *args = NIL;
	Oid			type;
	ListCell   *lc;

	/* Vars inside have other levels. */
	if (node == NULL || IsA(node, Query))
		return false;
	if (!tg_spend(walk->context->budget, 1))
		return true;
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr))
		args = ((OpExpr *) node)->args;
	else if (IsA(node, ScalarArrayOpExpr))
	{
		args = ((ScalarArrayOpExpr *) node)->args;
		foreach(lc, tg_listed_comparisons((ScalarArrayOpExpr *) node))
			(void) collect_tenant_values(lfirst(lc), walk);
	}
	else if (IsA(node, SubLink))
	{
		OpExpr	   *test = (OpExpr *) ((SubLink *) node)->testexpr;

		if (test != NULL && IsA(test, OpExpr) &&
			tg_is_tenant_column(linitial(test->args), walk->context, true,
								&type))
			add_value(((SubLink *) node)->subselect, walk);
	}
	if (list_length(args) == 2)
	{
		if (tg_is_tenant_column(linitial(args), walk->context, true, &type))
			add_value(lsecond(args), walk);
		else if (tg_is_tenant_column(lsecond(args), walk->context, true, &type))
			add_value(linitial(args), walk);
	}
	return expression_tree_walker(node, collect_tenant_values, (void *) walk);
}

/* Does a policy of the table compare the tenant column with this value? */
static bool
is_tenants_value(Node *value, const ProofContext *context)
{
	TenantValues *known = context->tenant_values;

	if (known == NULL)
		return false;
	if (!known->known)
	{
		/* a budget of its own: the policies are not those of this proof */
		ProofBudget budget = {.steps = PROOF_BUDGET_SINGLE};
		ProofContext outer = *context;
		ValueWalk	walk = {&outer, NIL};
		ListCell   *lc;

		outer.queries = NIL;
		outer.budget = &budget;
		foreach(lc, context->facts->policies)
		{
			const PolicyFacts *policy = lfirst(lc);

			(void) collect_tenant_values(policy->qual, &walk);
			(void) collect_tenant_values(policy->with_check, &walk);
		}
		known->values = walk.values;
		known->known = true;
	}
	(void) tg_spend(context->budget, list_length(known->values));
	return list_member(known->values, value_core(value));
}

/* Is it the setting that says the tenant, as trovella_guard.tenant_expression has it? */
static bool
is_tenant_setting(Node *value)
{
	char	   *name;

	value = value_core(value);
	name = value == NULL ? NULL : tg_setting_name(value);
	return name != NULL && tg_tenant_expression_reads(name);
}

/* Of a Boolean, of an enum, or of a date there are too few values. */
static bool
identifies_somebody(Oid type)
{
	type = tg_base_type(type);
	return type == BPCHAROID ||
		(tg_writes_unambiguously(type) && type != BOOLOID &&
		 type != DATEOID && get_typtype(type) != TYPTYPE_ENUM);
}

bool
tg_may_tie_row(Node *column, Oid operator, const ProofContext *context)
{
	Oid			type;
	Var		   *var = tg_as_column(column, &type);

	if (var == NULL || var->varattno <= 0 || !tg_is_row_var(var, context) ||
		tg_is_tenant_var(var, context) || !OidIsValid(type) ||
		!identifies_somebody(var->vartype) ||
		tg_comparison(operator, type) != COMPARES_EQUAL ||
		!op_strict(operator))
		return false;
	if (context->by_row != NULL)
		*context->by_row = true;
	return !context->new_row;
}

Conclusion
tg_tie_row(Conclusion otherwise, Conclusion equal, Node *value, bool is_set,
		   const ProofContext *context)
{
	Conclusion	result = otherwise;

	if (otherwise.rows != ROWS_FOREIGN)
		return otherwise;
	if (equal.rows == ROWS_OWN)
		result.reason = is_set ? REASON_OWN_SET : REASON_OWN_ROW;
	else if (equal.reason == REASON_VOLATILE)
		result.reason = REASON_VOLATILE;
	else
		return otherwise;
	if (is_tenants_value(value, context) || is_tenant_setting(value))
		return otherwise;
	result.rows = ROWS_UNKNOWN;
	return result;
}
