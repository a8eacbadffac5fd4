/*-------------------------------------------------------------------------
 *
 * entries.c
 *		Rules about the allowlist itself: is every entry still needed?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "allowlist.h"
#include "remedy.h"
#include "rules.h"

const char *
tg_why_stale(const AllowlistEntry *entry)
{
	int			rule = tg_rule_by_name(entry->rule);

	if (entry->expired)
		return "has expired";

	/* An entry for a rule that is switched off waits for it */
	if (entry->used || (rule >= 0 && tg_rule_level(rule) == TG_LEVEL_OFF))
		return NULL;
	return "waives nothing";
}

void
tg_check_allowlist_stale(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, tg_allowlist_entries(subject->allowlist))
	{
		AllowlistEntry *entry = lfirst(lc);
		const char *why = tg_why_stale(entry);
		Finding    *finding;

		if (why == NULL)
			continue;

		finding = tg_report_finding(subject,
									"the allowlist entry for rule \"%s\" %s",
									entry->rule, why);
		finding->schema = NameStr(entry->schema);
		finding->table = NameStr(entry->table);
		finding->object = entry->rule;
		finding->repair_sql = tg_remedy_disallow(finding->schema,
												 finding->table,
												 entry->rule);
	}
}
