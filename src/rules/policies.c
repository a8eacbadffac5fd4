/*-------------------------------------------------------------------------
 *
 * policies.c
 *		Rules about policies: are there enough, and do they isolate tenants?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "remedy.h"
#include "rules.h"
#include "scope.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/*
 * The commands for which a permissive policy admits rows at all.  PostgreSQL
 * skips a permissive policy that lacks the expression a command needs (see
 * add_security_quals and add_with_check_options in rowsecurity.c): WITH CHECK
 * falls back to USING, but USING does not fall back to WITH CHECK.
 */
static CommandSet
commands_covered(const PolicyFacts *policy)
{
	if (!policy->permissive || policy->temporary)
		return TG_NO_COMMAND;
	if (policy->qual != NULL)
		return policy->commands;
	if (policy->with_check != NULL)
		return policy->commands & TG_INSERT;
	return TG_NO_COMMAND;
}

/* Judged by the rules below? A child that nobody can name needs no policy. */
static bool
policies_matter(const RuleSubject *subject)
{
	return subject->facts->rls_enabled ||
		!tg_is_unreachable_child(subject->reader, subject->facts);
}

void
tg_check_policy_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	CommandSet	missing = TG_ALL_COMMANDS;
	Finding    *finding;
	ListCell   *lc;

	foreach(lc, facts->policies)
		missing &= ~commands_covered(lfirst(lc));
	if (missing == TG_NO_COMMAND || !policies_matter(subject))
		return;

	/* Default deny is what a child that is read through its parent wants */
	if (facts->parents != NIL && facts->rls_enabled && facts->policies == NIL)
		return;

	finding = tg_report_finding(subject, "no permissive policy covers %s",
								tg_command_names(missing));
	finding->commands = missing;
	finding->object = tg_command_names(missing);
	finding->repair_sql = tg_remedy_policies(facts, missing);
}

/*
 * The text of an expression of the table, or NULL.  Printing needs the table's
 * relation cache entry; an audit neither waits for it nor fails because the
 * table is just being dropped, and it lets the entry go again, because the
 * cache would grow with every table that it reports.
 */
static char *
arm_text(const RelationFacts *facts, Node *arm)
{
	Relation	relation;
	char	   *text = NULL;

	if (arm == NULL ||
		!ConditionalLockRelationOid(facts->relid, AccessShareLock))
		return NULL;
	relation = RelationIdGetRelation(facts->relid);
	if (RelationIsValid(relation))
	{
		/* Printing mends sub-selects in place, and the tree is not ours */
		text = deparse_expression(copyObject(arm),
								  deparse_context_for(facts->name,
													  facts->relid),
								  false, false);
		RelationClose(relation);
		RelationCacheInvalidateEntry(facts->relid);
	}
	UnlockRelationOid(facts->relid, AccessShareLock);
	return text;
}

static void
report_doubts(const RuleSubject *subject, ScopeAnswer answer)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	if (facts->policies == NIL || !policies_matter(subject))
		return;

	foreach(lc, tg_scope_doubts(facts))
	{
		ScopeDoubt *doubt = lfirst(lc);
		Finding    *finding;
		char	   *with = "";
		char	   *arm;

		if (doubt->answer != answer)
			continue;

		/* The arm is the restrictive policy's, if one tried to help */
		if (doubt->restrictive != NULL)
			with = psprintf(" with restrictive policy \"%s\"",
							doubt->restrictive->name);
		arm = subject->describe ? arm_text(facts, doubt->arm) : NULL;
		finding = tg_report_finding(subject,
									"policy \"%s\"%s for %s: %s%s%s%s: %s",
									doubt->policy->name, with,
									tg_command_names(doubt->commands),
									doubt->in_check ? "WITH CHECK" : "USING",
									arm == NULL ? "" : *arm != '(' ? " (" : " ",
									arm ? arm : "",
									arm && *arm != '(' ? ")" : "",
									doubt->reason);
		finding->object_oid = doubt->policy->oid;
		finding->object = doubt->policy->name;
		finding->commands = doubt->commands;
		finding->fingerprint = doubt->policy->fingerprint +
			(doubt->in_check ? 1 : 0);
		finding->repair_sql = tg_remedy_scope(facts, doubt->policy);
	}
}

void
tg_check_policy_unscoped(const RuleSubject *subject)
{
	report_doubts(subject, SCOPE_UNSCOPED);
}

void
tg_check_policy_unproven(const RuleSubject *subject)
{
	report_doubts(subject, SCOPE_UNPROVEN);
}

/*
 * The first function in an expression that gives one value for the whole
 * statement and yet is called for each row: it is stable, is not inside a
 * sub-select, and neither are its arguments of the row.
 */
static bool
find_per_row_call(Node *node, void *context)
{
	Oid		   *function = context;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		return find_per_row_call(((SubLink *) node)->testexpr, context);
	if (IsA(node, FuncExpr) && !contain_var_clause(node))
	{
		HeapTuple	tuple = SearchSysCache1(PROCOID,
											ObjectIdGetDatum(((FuncExpr *) node)->funcid));
		bool		stable = false;

		if (HeapTupleIsValid(tuple))
		{
			stable = ((Form_pg_proc) GETSTRUCT(tuple))->provolatile ==
				PROVOLATILE_STABLE;
			ReleaseSysCache(tuple);
		}
		if (stable)
		{
			*function = ((FuncExpr *) node)->funcid;
			return true;
		}
	}
	return expression_tree_walker(node, find_per_row_call, context);
}

/*
 * Puts what find_per_row_call() finds, and what is made of it without looking
 * at the row, into a sub-select, which PostgreSQL runs once.
 */
static Node *
wrap_calls(Node *node, void *context)
{
	Oid			function;

	if (node == NULL || IsA(node, SubLink))
		return node;
	if (!IsA(node, List) && !contain_var_clause(node) &&
		find_per_row_call(node, &function))
	{
		Query	   *query = makeNode(Query);
		SubLink    *sublink = makeNode(SubLink);

		query->commandType = CMD_SELECT;
		query->canSetTag = true;
		query->jointree = makeFromExpr(NIL, NULL);
		query->targetList = list_make1(makeTargetEntry((Expr *) node, 1,
													   pstrdup("value"),
													   false));
		sublink->subLinkType = EXPR_SUBLINK;
		sublink->subselect = (Node *) query;
		return (Node *) sublink;
	}
	return expression_tree_mutator(node, wrap_calls, context);
}

static char *
remedy_per_row_call(const RelationFacts *facts, const PolicyFacts *policy)
{
	char	   *qual = arm_text(facts, wrap_calls(policy->qual, NULL));
	char	   *check = arm_text(facts, wrap_calls(policy->with_check, NULL));
	StringInfoData sql;

	if ((qual == NULL) != (policy->qual == NULL) ||
		(check == NULL) != (policy->with_check == NULL))
		return NULL;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER POLICY %s ON %s",
					 quote_identifier(policy->name),
					 quote_qualified_identifier(facts->schema, facts->name));
	if (qual != NULL)
		appendStringInfo(&sql, " USING (%s)", qual);
	if (check != NULL)
		appendStringInfo(&sql, " WITH CHECK (%s)", check);
	appendStringInfoChar(&sql, ';');
	return sql.data;
}

void
tg_check_policy_per_row_call(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		PolicyFacts *policy = lfirst(lc);
		Oid			function;
		char	   *name;
		Finding    *finding;

		if (!find_per_row_call(policy->qual, &function) &&
			!find_per_row_call(policy->with_check, &function))
			continue;

		name = get_func_name(function);
		finding = tg_report_finding(subject,
									"policy \"%s\" calls %s() for each row",
									policy->name, name ? name : "?");
		finding->object_oid = policy->oid;
		finding->object = policy->name;
		finding->fingerprint = policy->fingerprint;
		if (subject->describe)
			finding->repair_sql = remedy_per_row_call(facts, policy);
	}
}
