/*-------------------------------------------------------------------------
 *
 * policies.c
 *		Rules about policies: do they cover all commands and isolate tenants?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/distributed.h"
#include "rules/parents.h"
#include "rules/print.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "scope/scope.h"
#include "utils/builtins.h"

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

/* Does the table need policies?  A child that nobody can query does not. */
static bool
policies_matter(const RuleSubject *subject)
{
	return subject->facts->rls_enabled ||
		!tg_is_unreachable_child(subject->reader, subject->facts);
}

/*
 * Has the transaction taken the table away from its parents?  A partition that
 * is read through its parent only may deny everything by default.  It still
 * does, and leaks nothing.
 */
static bool
is_detached(const RuleSubject *subject)
{
	const RelationFacts *before = subject->history == NULL ? NULL :
		subject->history->before;

	return before != NULL && before->parents != NIL &&
		subject->facts->parents == NIL && before->rls_enabled &&
		before->policies == NIL;
}

void
tg_check_policy_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	CommandSet	missing = TG_ALL_COMMANDS;
	Finding    *finding;
	ListCell   *lc;

	if (tg_is_not_reached_yet(subject))
		return;
	foreach(lc, facts->policies)
		missing &= ~commands_covered(lfirst(lc));
	if (missing == TG_NO_COMMAND || !policies_matter(subject))
		return;

	/* A child that is read through its parent may deny everything by default */
	if (facts->parents != NIL && facts->rls_enabled && facts->policies == NIL)
		return;

	finding = tg_report_finding(subject, "no permissive policy covers %s",
								tg_command_names(missing));
	finding->commands = missing;
	finding->object = tg_command_names(missing);
	finding->repair_sql = tg_is_chunk(subject) ?
		tg_remedy_seal_partitions(subject->reader, facts) :
		tg_remedy_policies(facts, missing);
	if ((facts->rls_enabled && facts->policies == NIL && is_detached(subject)) ||
		(!facts->rls_enabled && tg_is_new_chunk(subject)))
		finding->level = Min(finding->level, TG_LEVEL_WARNING);
}

/* The grants that a policy applies to, and the restrictive policies. */
static const Basis *
basis_of(const RuleSubject *subject, const RelationFacts *facts,
		 const ScopeIssue *issue)
{
	RuleMemo   *memo = subject->memo;
	bool		own = facts == subject->facts;
	const SortedSet *grants = own ? memo->grants[issue->commands] : NULL;
	const SortedSet *guards = own ? memo->guards : NULL;
	Basis	   *basis = palloc0(sizeof(Basis));

	if (grants == NULL)
		grants = tg_grants_of(facts, issue->commands);
	if (guards == NULL)
		guards = tg_guards_of(facts);
	if (own)
	{
		memo->grants[issue->commands] = grants;
		memo->guards = guards;
	}
	basis->reached_by = tg_grants_under(grants, issue->policy->roles);
	basis->held_by = guards;
	return basis;
}

/* An audit compares its findings with none. */
static bool
is_compared(const RuleSubject *subject)
{
	return subject->history != NULL || !subject->describe;
}

/*
 * The policy's own fingerprint does not cover the attributes of its roles, nor
 * which table has the policy.
 */
static uint64
fingerprint_of(const RuleSubject *subject, const RelationFacts *facts,
			   const ScopeIssue *issue)
{
	uint64		fingerprint = is_compared(subject) ?
		tg_facts_policy_meaning(issue->policy) : issue->policy->fingerprint;
	ListCell   *lc;

	fingerprint += issue->in_check ? 1 : 0;
	if (facts != subject->facts)
		fingerprint = hash_combine64(fingerprint, facts->relid);

	foreach(lc, issue->policy->roles)
	{
		CHECK_FOR_INTERRUPTS();
		fingerprint = hash_combine64(fingerprint,
									 tg_role_fingerprint(subject->reader,
														 lfirst_oid(lc)));
	}
	return fingerprint;
}

/*
 * The repair: the side that has the issue, and only if its text is known.  Of a
 * restrictive policy that lets the row through, both sides of the permissive
 * one.
 */
static char *
repair_of(const RuleSubject *subject, const RelationFacts *facts,
		  const ScopeIssue *issue)
{
	const PolicyFacts *policy = issue->policy;
	RuleSubject whose = *subject;
	bool		both = issue->restrictive != NULL;
	char	   *qual = NULL;
	char	   *with_check = NULL;
	char	   *repair;

	if (!subject->describe)
		return NULL;
	whose.facts = facts;
	if (tg_lost_restrictive(facts) != NULL)
	{
		repair = tg_remedy_restrictive(&whose);
		return repair != NULL ? repair :
			tg_remedy_comment("Citus creates restrictive policies as permissive ones on the shards: drop %s, and put its condition into the permissive policies.",
							  quote_identifier(tg_lost_restrictive(facts)->name));
	}
	if (policy->qual != NULL && (both || !issue->in_check))
	{
		qual = tg_expression_text_for_any_path(&whose, policy->qual);
		if (qual == NULL)
			return NULL;
	}
	if (policy->with_check != NULL && (both || issue->in_check))
	{
		with_check = tg_expression_text_for_any_path(&whose,
													 policy->with_check);
		if (with_check == NULL)
			return NULL;
	}
	repair = tg_remedy_scope(facts, policy, qual, with_check);
	if (repair == NULL || issue->forgotten_stable == NULL)
		return repair;
	return psprintf("%s\n%s",
					tg_remedy_comment("If %s only reads, ALTER FUNCTION %s STABLE is enough, in place of this:",
									  issue->forgotten_stable,
									  issue->forgotten_stable),
					repair);
}

/* "facts" are the subject's, or those of one of its parents. */
static void
report_issue(const RuleSubject *subject, const RelationFacts *facts,
			 const ScopeIssue *issue)
{
	RuleSubject whose = *subject;
	Finding    *finding;
	const PolicyFacts *lost = tg_lost_restrictive(facts);
	char	   *of_parent = "";
	char	   *with = "";
	char	   *why = "";
	char	   *arm;

	whose.facts = facts;
	if (facts != subject->facts)
		of_parent = psprintf(" of parent \"%s.%s\"", facts->schema,
							 facts->name);
	/* If there is a restrictive policy, the arm belongs to that */
	if (issue->restrictive != NULL)
		with = psprintf(" with restrictive policy \"%s\"",
						issue->restrictive->name);
	if (lost != NULL)
		why = psprintf("; restrictive policy \"%s\" holds nothing back, as Citus creates it as a permissive one on the shards",
					   lost->name);
	arm = subject->describe ? tg_expression_excerpt(&whose, issue->arm) : NULL;
	finding = tg_report_finding(subject,
								"policy \"%s\"%s%s for %s: %s%s%s%s: %s%s",
								issue->policy->name, of_parent, with,
								tg_command_names(issue->commands),
								issue->in_check ? "WITH CHECK" : "USING",
								arm == NULL ? "" : *arm != '(' ? " (" : " ",
								arm ? arm : "",
								arm && *arm != '(' ? ")" : "",
								issue->reason, why);
	finding->object_oid = issue->policy->oid;
	finding->object = facts == subject->facts ? issue->policy->name :
		psprintf("%s on %s.%s", issue->policy->name, facts->schema,
				 facts->name);
	finding->commands = issue->commands;
	finding->by_meaning = true;
	finding->fingerprint = fingerprint_of(subject, facts, issue);
	if (is_compared(subject))
		finding->basis = basis_of(subject, facts, issue);
	finding->repair_sql = repair_of(subject, facts, issue);
	if (issue->answer == SCOPE_UNPROVEN && subject->describe)
		finding->trial_sql = tg_remedy_attest(facts->schema, facts->name,
											  issue->policy->name);
}

/*
 * The policies of a parent apply to queries that read the child through it.
 * They are judged again for the child, because an allowlist entry for the
 * parent waives findings about the parent's own rows only.
 */
static void
report_issues_of_parents(const RuleSubject *subject, ScopeAnswer answer)
{
	ListCell   *lc;

	foreach(lc, tg_exposing_parents(subject))
	{
		const ExposingParent *parent = lfirst(lc);
		ListCell   *lc2;

		foreach(lc2, parent->issues)
		{
			const ScopeIssue *issue = lfirst(lc2);

			CHECK_FOR_INTERRUPTS();
			if (issue->answer == answer)
				report_issue(subject, parent->facts, issue);
		}
	}
}

static void
report_issues(const RuleSubject *subject, ScopeAnswer answer)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	report_issues_of_parents(subject, answer);
	if (facts->policies == NIL || !policies_matter(subject))
		return;

	if (!subject->memo->issues_known)
	{
		subject->memo->issues = tg_scope_issues(subject->reader, facts);
		subject->memo->issues_known = true;
	}
	foreach(lc, subject->memo->issues)
	{
		const ScopeIssue *issue = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (issue->answer == answer)
			report_issue(subject, facts, issue);
	}
}

void
tg_check_policy_unscoped(const RuleSubject *subject)
{
	if (!tg_is_not_reached_yet(subject))
		report_issues(subject, SCOPE_UNSCOPED);
}

void
tg_check_policy_unproven(const RuleSubject *subject)
{
	report_issues(subject, SCOPE_UNPROVEN);
}
