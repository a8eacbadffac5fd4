/*-------------------------------------------------------------------------
 *
 * distributed.c
 *		What is different about tables that Citus has distributed.
 *
 * Notes:
 *
 * 1. Citus creates policies on the shards without AS RESTRICTIVE
 * (CreatePolicyCommandForPolicy() in its policy.c), so that there they admit
 * rows instead of holding them back.  The facts say that such a policy is
 * permissive.  What it was meant to hold back belongs into the permissive ones.
 *
 * 2. FORCE ROW LEVEL SECURITY is no advice for them.  undistribute_table() and
 * the like copy a table by a query of its owner, and then drop the original,
 * with the rows that the policies have hidden.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/distributed.h"
#include "rules/print.h"
#include "rules/remedy.h"
#include "utils/builtins.h"

const PolicyFacts *
tg_lost_restrictive(const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		if (policy->loses_restrictive)
			return policy;
	}
	return NULL;
}

/* Does a restrictive policy apply wherever a permissive one does? */
static bool
applies_wherever(const PolicyFacts *restrictive, const PolicyFacts *permissive)
{
	return (permissive->commands & ~restrictive->commands) == 0 &&
		(list_member_oid(restrictive->roles, InvalidOid) ||
		 list_difference_oid(permissive->roles, restrictive->roles) == NIL);
}

/* Does it apply nowhere? */
static bool
applies_nowhere(const PolicyFacts *restrictive, const PolicyFacts *permissive)
{
	return (permissive->commands & restrictive->commands) == 0;
}

/* The conjunction of two expressions' texts, either of which may be NULL. */
static char *
and_text(char *one, char *other)
{
	if (one == NULL || other == NULL)
		return one != NULL ? one : other;
	return psprintf("%s AND %s", one, other);
}

/* The text of an expression, or NULL.  *failed: it has none. */
static char *
text_of(const RuleSubject *subject, Node *node, bool *failed)
{
	char	   *text;

	if (node == NULL)
		return NULL;
	text = tg_expression_text_for_any_path(subject, node);
	*failed = *failed || text == NULL;
	return text;
}

/*
 * ALTER POLICY for a permissive policy, with what the restrictive ones say.  WITH
 * CHECK falls back to USING on either side.
 */
static char *
confine_policy(const RuleSubject *subject, const PolicyFacts *policy)
{
	bool		failed = false;
	bool		own_check = policy->with_check != NULL;
	char	   *qual = text_of(subject, policy->qual, &failed);
	char	   *check = own_check ?
		text_of(subject, policy->with_check, &failed) : qual;
	bool		reads = policy->qual != NULL;
	bool		writes = (policy->commands & (TG_INSERT | TG_UPDATE)) != 0;
	ListCell   *lc;

	foreach(lc, subject->facts->policies)
	{
		const PolicyFacts *other = lfirst(lc);
		char	   *other_qual;

		CHECK_FOR_INTERRUPTS();
		if (!other->loses_restrictive || applies_nowhere(other, policy))
			continue;
		if (!applies_wherever(other, policy))
			return NULL;
		other_qual = text_of(subject, other->qual, &failed);
		own_check = own_check || other->with_check != NULL;
		if (reads)
			qual = and_text(qual, other_qual);
		check = and_text(check, other->with_check != NULL ?
						 text_of(subject, other->with_check, &failed) :
						 other_qual);
	}
	if (failed)
		return NULL;
	return tg_remedy_policy(subject->facts, policy, reads ? qual : NULL,
							writes && own_check ? check : NULL);
}

char *
tg_remedy_restrictive(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql,
						   tg_remedy_comment("Citus creates restrictive policies as permissive ones on the shards, so their conditions belong into these:"));
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);
		char	   *confined;

		if (policy->loses_restrictive)
			continue;
		confined = confine_policy(subject, policy);
		if (confined == NULL)
			return NULL;
		appendStringInfo(&sql, "\n%s", confined);
	}
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		if (policy->loses_restrictive)
			appendStringInfo(&sql, "\nDROP POLICY %s ON %s;",
							 quote_identifier(policy->name),
							 quote_qualified_identifier(facts->schema,
														facts->name));
	}
	return sql.data;
}

char *
tg_remedy_owner(const RelationFacts *facts)
{
	return tg_remedy_comment("Give the table to a role that the application cannot act as: ALTER TABLE %s OWNER TO ...; (Do not force row-level security on it: Citus would lose the rows that the owner does not see, in undistribute_table() and alter_distributed_table().)",
							 quote_qualified_identifier(facts->schema,
														facts->name));
}

/* Citus makes its shards like the tables here, but nobody has looked. */
void
tg_check_nodes_not_audited(const RuleSubject *subject)
{
	FactsReader *reader = subject->reader;
	int			workers;
	Finding    *finding;

	if (tg_facts_citus_node(reader) != TG_CITUS_COORDINATOR)
		return;
	workers = tg_facts_citus_workers(reader);
	if (workers == 0)
		return;
	finding = tg_report_finding(subject,
								ngettext("this audit has not looked at the shards on %d other node",
										 "this audit has not looked at the shards on %d other nodes",
										 workers), workers);
	finding->repair_sql = "SELECT * FROM trovella_guard.check_nodes();";
}
