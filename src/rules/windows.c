/*-------------------------------------------------------------------------
 *
 * windows.c
 *		Rules about other windows on tenant rows: relations that row-level
 *		security cannot protect.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "remedy.h"
#include "rules.h"
#include "utils/builtins.h"

void
tg_check_relation_unprotectable(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Finding    *finding;

	if (facts->tenant == NULL ||
		(facts->kind != RELKIND_MATVIEW &&
		 facts->kind != RELKIND_FOREIGN_TABLE))
		return;

	finding = tg_report_finding(subject,
								"row-level security cannot protect column \"%s\" of a %s",
								facts->tenant->name,
								facts->kind == RELKIND_MATVIEW ?
								"materialized view" : "foreign table");

	/* Nothing mends it but somebody who says that it may be so */
	finding->repair_sql =
		psprintf("REVOKE ALL ON %s FROM PUBLIC;\n%s",
				 quote_qualified_identifier(facts->schema, facts->name),
				 tg_remedy_allow(facts->schema, facts->name,
								 subject->rule->name));
}
