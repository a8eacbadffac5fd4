/*-------------------------------------------------------------------------
 *
 * failures.c
 *		The rule about errors during an audit.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rules/rules.h"

void
tg_check_audit_failed(const RuleSubject *subject)
{
	const RuleFailure *failure = subject->failure;
	Finding    *finding;

	if (failure == NULL)
		return;

	if (failure->rule == NULL)
	{
		(void) tg_report_finding(subject,
								 "no rule could be applied because of an error: %s",
								 failure->message);
		return;
	}
	finding = tg_report_finding(subject,
								"rule %s could not be applied because of an error: %s",
								failure->rule->name, failure->message);
	finding->object = failure->rule->name;
}
