/*-------------------------------------------------------------------------
 *
 * per_row.c
 *		The rule about policies that compute a session value for each row.
 *
 * A stable function in a policy is called for every row of a scan, and
 * current_setting() looks up its setting each time.  Wrapped as (SELECT
 * current_setting(...)), it is an uncorrelated sub-select, which is computed
 * once per query.  The repair wraps the values that do not depend on the row.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rules/print.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "scope/scope.h"
#include "utils/lsyscache.h"

typedef struct WrapContext
{
	const RelationFacts *facts;
	ProofBudget *budget;
	Oid			function;		/* one that was wrapped */
} WrapContext;

/*
 * Finds the first function call outside of sub-selects; a call in an argument
 * comes before the call that it is an argument of.
 */
static bool
find_function(Node *node, Oid *function)
{
	if (node == NULL || IsA(node, SubLink))
		return false;
	CHECK_FOR_INTERRUPTS();
	if (expression_tree_walker(node, find_function, (void *) function))
		return true;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;

		/* A cast does not read the session */
		if (call->funcformat == COERCE_EXPLICIT_CALL)
		{
			*function = call->funcid;
			return true;
		}
	}
	return false;
}

/* (SELECT node) */
static Node *
make_scalar_subselect(Node *node)
{
	Query	   *query = makeNode(Query);
	SubLink    *sublink = makeNode(SubLink);

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->jointree = makeFromExpr(NIL, NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) node, 1,
												   pstrdup("?column?"), false));
	sublink->subLinkType = EXPR_SUBLINK;
	sublink->subselect = (Node *) query;
	sublink->location = -1;
	return (Node *) sublink;
}

/*
 * Wraps each value in the expression that comes from the session, calls a
 * function, and does not depend on the row.
 */
static Node *
wrap_values(Node *node, WrapContext *context)
{
	if (node == NULL)
		return NULL;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();

	/* Already computed once, or correlated: leave it alone */
	if (IsA(node, SubLink))
		return node;

	switch (nodeTag(node))
	{
		case T_List:
		case T_BoolExpr:
		case T_BooleanTest:
		case T_NullTest:
		case T_ScalarArrayOpExpr:
		case T_DistinctExpr:
		case T_CaseWhen:
			break;
		case T_OpExpr:
			if (((OpExpr *) node)->opresulttype == BOOLOID)
				break;
			pg_fallthrough;
		default:
			{
				Oid			function = InvalidOid;

				if (tg_comes_from_session(node, context->facts,
										  context->budget) &&
					!contain_vars_of_level(node, 0) &&
					find_function(node, &function))
				{
					if (!OidIsValid(context->function))
						context->function = function;
					return make_scalar_subselect(node);
				}
			}
	}
	return expression_tree_mutator(node, wrap_values, (void *) context);
}

void
tg_check_policy_per_row_call(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ProofBudget budget = {PROOF_BUDGET_TABLE, 0, NIL};
	ListCell   *lc;

	/* Citus refuses to distribute a table with sub-selects in its policies */
	if (facts->tenant == NULL || facts->beside_citus)
		return;
	foreach(lc, facts->policies)
	{
		PolicyFacts *policy = (PolicyFacts *) lfirst(lc);
		WrapContext context = {facts, &budget, InvalidOid};
		Node	   *qual;
		Node	   *with_check;
		Finding    *finding;
		char	   *name;

		qual = wrap_values(policy->qual, &context);
		with_check = wrap_values(policy->with_check, &context);
		if (!OidIsValid(context.function))
			continue;

		name = get_func_name(context.function);
		finding = tg_report_finding(subject,
									"policy \"%s\" calls %s() for each row",
									policy->name, name ? name : "?");
		finding->object_oid = policy->oid;
		finding->object = policy->name;
		finding->fingerprint = policy->fingerprint;
		if (subject->describe)
		{
			char	   *using_text = qual ?
				tg_expression_text_for_any_path(subject, qual) : NULL;
			char	   *check_text = with_check ?
				tg_expression_text_for_any_path(subject, with_check) : NULL;

			if ((qual && !using_text) || (with_check && !check_text))
				continue;
			finding->repair_sql = tg_remedy_policy(facts, policy, using_text,
												   check_text);
		}
	}
}
