/*-------------------------------------------------------------------------
 *
 * rules.c
 *		Applies the rules of the registry, and collects their findings.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/print.h"
#include "rules/rules.h"

bool
tg_refuses(const Finding *finding)
{
	return finding->level == TG_LEVEL_ERROR && !finding->was_there;
}

char *
tg_role_name(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	return name != NULL ? name : psprintf("%u", role);
}

const char *
tg_kind_name(char kind)
{
	switch (kind)
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		default:
			return "table";
	}
}

/* Of RuleAbout: what rules may be about that apply to the subject? */
static int
what_it_is(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;

	if (facts == NULL)
		return TG_ABOUT_DATABASE |
			(subject->allowlist != NULL ? TG_ABOUT_ALLOWLIST : 0);
	if (!tg_is_table(facts))
		return TG_ABOUT_OTHER_RELATIONS;
	return facts->tenant != NULL ? TG_ABOUT_TENANT_TABLES : TG_ABOUT_OTHER_TABLES;
}

/*
 * What Citus has sent to this node is judged by its coordinator, which has the
 * allowlist.  Here it counts only what lets rows of another tenant be reached.
 */
static bool
is_judged_here(const RelationFacts *facts, const Rule *rule)
{
	return facts == NULL || !facts->sent_by_citus ||
		rule->levels[TG_PROFILE_ISOLATION] == TG_LEVEL_ERROR;
}

/*
 * A shard as the rules see it: under the name of its table, because this is what
 * somebody has to change.
 */
static const RelationFacts *
name_like_table(FactsReader *reader, const RelationFacts *facts)
{
	const RelationFacts *table = OidIsValid(facts->shard_of) ?
		tg_facts_outline(reader, facts->shard_of) : NULL;
	RelationFacts *copy;

	if (table == NULL && !facts->future_shard)
		return facts;
	copy = palloc(sizeof(RelationFacts));
	*copy = *facts;
	copy->name = table != NULL ? table->name : tg_facts_named_after(facts);
	return copy;
}

/* Applies a rule, unless it is off or about another kind of relation. */
static void
apply_rule(RuleSubject *subject, int number, RuleLevel least)
{
	const Rule *rule = &tg_rules[number];
	RuleLevel	level = tg_rule_level(number);

	if ((rule->about & what_it_is(subject)) == 0 || level == TG_LEVEL_OFF ||
		level < least || !is_judged_here(subject->facts, rule))
		return;
	subject->rule = rule;
	rule->check(subject);
}

List *
tg_apply_rules(FactsReader *reader, const RelationFacts *facts,
			   const RelationHistory *history, RuleLevel least, bool describe)
{
	List	   *findings = NIL;
	ListCell   *lc;
	RuleMemo	memo = {0};
	RuleSubject subject = {
		.reader = reader,
		.facts = name_like_table(reader, facts),
		.history = history,
		.describe = describe,
		.alone = !describe,
		.memo = &memo,
		.findings = &findings
	};

	if (facts->temporary)
		return NIL;

	for (int i = 0; i < tg_rules_count; i++)
		apply_rule(&subject, i, least);
	tg_end_printing(&memo);
	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		if (finding->relid == facts->relid)
			finding->table = facts->name;
	}
	return findings;
}

List *
tg_apply_database_rules(FactsReader *reader, RuleLevel least)
{
	List	   *findings = NIL;
	RuleMemo	memo = {0};
	RuleSubject subject = {
		.reader = reader,
		.memo = &memo,
		.findings = &findings
	};

	for (int i = 0; i < tg_rules_count; i++)
		apply_rule(&subject, i, least);
	return findings;
}

List *
tg_apply_rule(FactsReader *reader, const RelationFacts *facts,
			  const struct Allowlist *allowlist, int number,
			  const RuleFailure *failure)
{
	List	   *findings = NIL;
	RuleMemo	memo = {0};
	RuleSubject subject = {
		.reader = reader,
		.facts = facts,
		.allowlist = allowlist,
		.describe = true,
		.failure = failure,
		.memo = &memo,
		.findings = &findings
	};

	if (facts == NULL || !facts->temporary)
		apply_rule(&subject, number, TG_LEVEL_INFO);
	tg_end_printing(&memo);
	return findings;
}

List *
tg_apply_check(FactsReader *reader, const RelationFacts *facts,
			   RuleCheck check)
{
	const Rule *rule = &tg_rules[tg_rule_by_check(check)];
	List	   *findings = NIL;
	RuleMemo	memo = {0};
	RuleSubject subject = {
		.reader = reader,
		.facts = facts,
		.alone = true,
		.memo = &memo,
		.rule = rule,
		.findings = &findings
	};

	if (!facts->temporary)
		check(&subject);
	return findings;
}

Finding *
tg_report_finding(const RuleSubject *subject, const char *message_fmt,...)
{
	Finding    *finding = palloc0(sizeof(Finding));
	StringInfoData message;

	finding->rule = subject->rule;
	finding->level = tg_rule_level(subject->rule - tg_rules);
	if (subject->facts != NULL)
	{
		finding->relid = subject->facts->relid;
		finding->schema = subject->facts->schema;
		finding->table = subject->facts->name;
	}

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, message_fmt);
		needed = appendStringInfoVA(&message, message_fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	finding->message = message.data;

	*subject->findings = lappend(*subject->findings, finding);
	return finding;
}
