/*-------------------------------------------------------------------------
 *
 * exemptions.c
 *		Rules about the allowlist itself: is an entry still needed?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "allowlist.h"
#include "catalog/namespace.h"
#include "remedy.h"
#include "rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static bool
breaks_rule(FactsReader *reader, Oid relid, const char *rule)
{
	RelationFacts *facts = tg_facts_read(reader, relid);
	List	   *findings;
	ListCell   *lc;

	if (facts == NULL)
		return false;
	findings = tg_apply_rules(reader, facts, NULL, TG_LEVEL_INFO, false);
	foreach(lc, findings)
	{
		if (strcmp(((Finding *) lfirst(lc))->rule->name, rule) == 0)
			return true;
	}

	/* The entry of a partitioned table covers its partitions */
	foreach(lc, tg_facts_children(reader, relid))
	{
		RelationFacts *child = tg_facts_read(reader, lfirst_oid(lc));

		if (child != NULL && child->partition &&
			breaks_rule(reader, child->relid, rule))
			return true;
	}
	return false;
}

/*
 * Can only the verdict tell whether the rule is broken, or nobody because it
 * is off?
 */
static bool
cannot_tell(const char *rule)
{
	int			number = tg_rule_by_name(rule);

	return number < 0 || tg_rule_level(number) == TG_LEVEL_OFF ||
		tg_rules[number].check == tg_check_tenant_column_lost ||
		tg_rules[number].check == tg_check_exemption_taken_over;
}

/* Why is nothing lost without the entry?  NULL: it is needed. */
static const char *
why_stale(FactsReader *reader, const AllowlistEntry *entry)
{
	Oid			schema_oid = get_namespace_oid(NameStr(entry->schema), true);
	Oid			relid;

	if (entry->expired)
		return "has expired";
	if (!OidIsValid(schema_oid))
		return "matches nothing: there is no such schema";
	if (strcmp(NameStr(entry->table), "*") == 0)
		return tg_facts_relations_of_schema(reader, schema_oid) == NIL ?
			"matches nothing: the schema is empty" : NULL;
	relid = get_relname_relid(NameStr(entry->table), schema_oid);
	if (!OidIsValid(relid))
		return "matches nothing: there is no such relation";
	if (strcmp(entry->rule, "*") == 0 || cannot_tell(entry->rule))
		return NULL;
	return breaks_rule(reader, relid, entry->rule) ? NULL :
		"is not needed: the relation does not break the rule";
}

void
tg_check_allowlist_stale(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, tg_allowlist_entries(tg_facts_snapshot(subject->reader),
									 GetCurrentTimestamp()))
	{
		AllowlistEntry *entry = lfirst(lc);
		const char *why = why_stale(subject->reader, entry);
		Finding    *finding;

		if (why == NULL)
			continue;
		finding = tg_report_finding(subject,
									"the allowlist entry for rule \"%s\" %s",
									entry->rule, why);
		finding->schema = NameStr(entry->schema);
		finding->table = NameStr(entry->table);
		finding->object = entry->rule;
		finding->repair_sql =
			tg_remedy_disallow(NameStr(entry->schema), NameStr(entry->table),
							   entry->rule);
	}
}
