/*-------------------------------------------------------------------------
 *
 * exemptions.c
 *		Rules about the allowlist: is an entry needed, was one taken over?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "allowlist/allowlist.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

/* Is an audit unable to tell whether the rule is broken? */
static bool
cannot_tell(const char *rule)
{
	int			number = tg_rule_by_name(rule);

	return number < 0 || tg_rule_level(number) == TG_LEVEL_OFF ||
		tg_rules[number].check == tg_check_tenant_column_lost ||
		tg_rules[number].check == tg_check_exemption_taken_over;
}

const char *
tg_why_stale(FactsReader *reader, const AllowlistEntry *entry)
{
	Oid			schema_oid;
	Oid			relid;

	/* It is the coordinator's to say so */
	if (entry->sent)
		return NULL;
	if (entry->expired)
		return "has expired";
	if (entry->kind == TG_ENTRY_ROLE)
		return OidIsValid(get_role_oid(entry->object, true)) ? NULL :
			"matches nothing: there is no such role";
	if (entry->kind == TG_ENTRY_BYPASS)
		return tg_facts_any_policy_names_switch(reader,
												tg_switch_of(entry)) ?
			NULL : "matches nothing: no policy names the switch";
	schema_oid = get_namespace_oid(NameStr(entry->schema), true);
	if (!OidIsValid(schema_oid))
		return "matches nothing: there is no such schema";
	if (strcmp(NameStr(entry->table), "*") == 0)
		return tg_facts_relations_of_schema(reader, schema_oid) == NIL ?
			"matches nothing: the schema is empty" : NULL;
	relid = get_relname_relid(NameStr(entry->table), schema_oid);
	if (!OidIsValid(relid))
		return "matches nothing: there is no such relation";
	if (strcmp(entry->rule, "tenant_column_lost") == 0)
	{
		const RelationFacts *facts = tg_facts_outline(reader, relid);

		if (facts != NULL && facts->tenant != NULL)
			return "is not needed: the table has a tenant column";
	}
	if (strcmp(entry->rule, "*") == 0 || cannot_tell(entry->rule))
		return NULL;
	if (entry->used || entry->attested == TG_ATTESTED_UNREADABLE)
		return NULL;
	if (entry->attested == TG_ATTESTED_VOID)
		return "is void: the policies or what they rest on have changed";
	return strcmp(entry->object, "*") == 0 ?
		"is not needed: the relation does not break the rule" :
		"is not needed: the object does not break the rule";
}

static void
report_stale(const RuleSubject *subject, const AllowlistEntry *entry,
			 const char *why)
{
	Finding    *finding;

	switch (entry->kind)
	{
		case TG_ENTRY_ROLE:
			finding = tg_report_finding(subject,
										"the allowlist entry for role \"%s\" %s",
										entry->object, why);
			finding->object = entry->object;
			finding->repair_sql = tg_remedy_disallow_role(entry->object);
			break;

		case TG_ENTRY_BYPASS:
			finding = tg_report_finding(subject,
										"the allowlist entry for switch \"%s\" %s",
										entry->object, why);
			finding->object = entry->object;
			finding->repair_sql = tg_remedy_disallow_bypass(entry->object);
			break;

		case TG_ENTRY_RELATION:
			if (strcmp(entry->object, "*") == 0)
				finding = tg_report_finding(subject,
											"the allowlist entry for rule \"%s\" %s",
											entry->rule, why);
			else
				finding = tg_report_finding(subject,
											"the allowlist entry for rule \"%s\" and object \"%s\" %s",
											entry->rule, entry->object, why);
			finding->schema = NameStr(entry->schema);
			finding->table = NameStr(entry->table);
			finding->object = entry->rule;
			finding->repair_sql =
				tg_remedy_disallow(NameStr(entry->schema), NameStr(entry->table),
								   entry->rule, entry->object);
			break;
	}
}

void
tg_check_allowlist_stale(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, tg_allowlist_entries(subject->allowlist))
	{
		AllowlistEntry *entry = lfirst(lc);
		const char *why = tg_why_stale(subject->reader, entry);

		CHECK_FOR_INTERRUPTS();
		if (why != NULL)
			report_stale(subject, entry, why);
	}
}

void
tg_check_exemption_taken_over(const RuleSubject *subject)
{
	if (subject->history == NULL ||
		subject->history->gained_exemption == NULL)
		return;

	(void) tg_report_finding(subject,
							 "the table is now covered by allowlist entry \"%s\", which was made for another table",
							 subject->history->gained_exemption);
}
