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

#include "remedy.h"
#include "rules.h"
#include "scope.h"

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

static void
report_doubts(const RuleSubject *subject, ScopeAnswer answer)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	if (facts->policies == NIL || !policies_matter(subject))
		return;

	if (!subject->memo->doubts_known)
	{
		subject->memo->doubts = tg_scope_doubts(facts);
		subject->memo->doubts_known = true;
	}
	foreach(lc, subject->memo->doubts)
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
		arm = subject->describe ?
			tg_expression_excerpt(subject, doubt->arm) : NULL;
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
