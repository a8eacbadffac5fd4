/*-------------------------------------------------------------------------
 *
 * per_row.c
 *		The rule about policies that ask the session anew for each row.
 *
 * A stable function in a policy is called for every row that is looked at,
 * and current_setting() looks its setting up each time.  Wrapped as (SELECT
 * current_setting(...)), it is an uncorrelated sub-select, which is computed
 * once for the query; so the repair wraps what does not depend on the row.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rules/print.h"
#include "rules/rules.h"
#include "scope/scope.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

typedef struct WrapContext
{
	const RelationFacts *facts;
	ProofBudget *budget;
	Oid			function;		/* one of those that were wrapped */
} WrapContext;

/*
 * Finds the first function call outside of sub-selects, an inner one before
 * those that it is an argument of.
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

		/* a cast is not what asks the session */
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
 * The expression with each value wrapped that comes from the session, calls a
 * function, and does not depend on the row.
 */
static Node *
wrap_values(Node *node, WrapContext *context)
{
	if (node == NULL)
		return NULL;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();

	/* Computed once already, or correlated: not for us to take apart. */
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
			/* FALLTHROUGH */
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

/*
 * The text of an expression, to be run in any search_path that does not list
 * pg_catalog behind another schema: names that are not PostgreSQL's own get
 * their schema.
 */
static char *
text_for_any_path(const RuleSubject *subject, Node *node)
{
	int			save_nestlevel = tg_pin_search_path();
	char	   *text;

	text = tg_expression_text(subject, node);
	AtEOXact_GUC(true, save_nestlevel);
	return text;
}

void
tg_check_policy_per_row_call(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ProofBudget budget = {PROOF_BUDGET_TABLE, 0};
	ListCell   *lc;

	if (facts->tenant == NULL)
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
				text_for_any_path(subject, qual) : NULL;
			char	   *check_text = with_check ?
				text_for_any_path(subject, with_check) : NULL;
			StringInfoData sql;

			if ((qual && !using_text) || (with_check && !check_text))
				continue;
			initStringInfo(&sql);
			appendStringInfo(&sql, "ALTER POLICY %s ON %s",
							 quote_identifier(policy->name),
							 quote_qualified_identifier(facts->schema,
														facts->name));
			if (using_text)
				appendStringInfo(&sql, " USING (%s)", using_text);
			if (check_text)
				appendStringInfo(&sql, " WITH CHECK (%s)", check_text);
			appendStringInfoChar(&sql, ';');
			finding->repair_sql = sql.data;
		}
	}
}
