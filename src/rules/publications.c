/*-------------------------------------------------------------------------
 *
 * publications.c
 *		The rule about publications: subscribers get the rows of all tenants.
 *
 * Logical replication reads the write-ahead log, to which row-level security
 * does not apply.  A partition that is published with its root is reported
 * there.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "rules/rules.h"

void
tg_check_publication_exposes_tenants(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	foreach(lc, tg_facts_publications_of(subject->reader, facts))
	{
		const PublicationFacts *publication = lfirst(lc);
		const char *what = "the table";
		Finding    *finding;

		CHECK_FOR_INTERRUPTS();
		if (OidIsValid(publication->root))
			continue;
		if (publication->how == TG_PUBLISHED_SCHEMA)
			what = psprintf("all tables of schema \"%s\"", facts->schema);
		else if (publication->how == TG_PUBLISHED_ALL)
			what = "all tables";
		finding = tg_report_finding(subject,
									"publication \"%s\" contains %s: its subscribers get the rows of all tenants",
									publication->name, what);
		finding->object = publication->name;
		finding->object_oid = publication->oid;

		/*
		 * No repair: what is taken out of a publication is missing at the
		 * subscribers from then on.
		 */
	}
}
