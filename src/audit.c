/*-------------------------------------------------------------------------
 *
 * audit.c
 *		Walks over relations and says what the rules find in each.
 *
 * The audit takes the same stairs as the verdict (facts, rules, allowlist),
 * under one snapshot and over all relations.  No relation is locked, and
 * memory is freed relation by relation, so that a database of 100,000 tables
 * costs time but no space.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "audit.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

struct Audit
{
	Snapshot	snapshot;
	FactsReader *reader;
	Allowlist  *allowlist;
	Oid		   *relids;
	int			count;
	int			next;
	MemoryContext relation_context; /* reset for each relation */
};

static bool
rules_are_about(Form_pg_class form)
{
	return form->oid >= FirstNormalObjectId &&
		form->relpersistence != RELPERSISTENCE_TEMP &&
		(form->relkind == RELKIND_RELATION ||
		 form->relkind == RELKIND_PARTITIONED_TABLE ||
		 form->relkind == RELKIND_VIEW ||
		 form->relkind == RELKIND_MATVIEW ||
		 form->relkind == RELKIND_FOREIGN_TABLE);
}

/* Is an OID in a sorted list? */
static bool
is_listed(const List *oids, Oid oid)
{
	int			low = 0;
	int			high = list_length(oids);

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		Oid			found = list_nth_oid(oids, middle);

		if (found == oid)
			return true;
		if (found < oid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * Takes the OIDs before the first relation is read, so that no scan stays
 * open meanwhile.  Members of an extension that a superuser owns are left out.
 */
static void
list_relations(Audit *audit)
{
	List	   *members = tg_facts_trusted_members(audit->reader);
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  audit->snapshot, 0, NULL);
	int			room = 1024;
	HeapTuple	tuple;

	audit->relids = palloc(room * sizeof(Oid));
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (!rules_are_about(form) || is_listed(members, form->oid))
			continue;
		if (audit->count == room)
		{
			room *= 2;
			audit->relids = repalloc(audit->relids, room * sizeof(Oid));
		}
		audit->relids[audit->count++] = form->oid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	list_free(members);
}

Audit *
tg_audit_begin(const Oid *relid)
{
	Audit	   *audit = palloc0(sizeof(Audit));

	audit->snapshot = RegisterSnapshot(GetLatestSnapshot());
	audit->reader = tg_facts_begin(audit->snapshot, false);
	audit->allowlist = tg_allowlist_read(audit->snapshot,
										 GetCurrentTimestamp());
	audit->relation_context =
		AllocSetContextCreate(CurrentMemoryContext,
							  "trovella_guard relation",
							  ALLOCSET_DEFAULT_SIZES);
	if (relid == NULL)
		list_relations(audit);
	else if (!tg_facts_is_trusted_member(audit->reader, *relid))
	{
		audit->relids = palloc(sizeof(Oid));
		audit->relids[audit->count++] = *relid;
	}
	return audit;
}

void
tg_audit_end(Audit *audit)
{
	MemoryContextDelete(audit->relation_context);
	tg_facts_end(audit->reader);
	UnregisterSnapshot(audit->snapshot);
}

const char *
tg_audit_why_stale(Audit *audit, const AllowlistEntry *entry)
{
	return tg_why_stale(audit->reader, entry);
}

List *
tg_audit_stale_entries(Audit *audit)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tg_allowlist_entries(audit->allowlist))
	{
		if (tg_why_stale(audit->reader, lfirst(lc)) != NULL)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

const AllowlistEntry *
tg_audit_global_entry(Audit *audit, const RelationFacts *facts)
{
	return tg_allowlist_match(audit->allowlist, audit->reader, facts, "*");
}

/*
 * Looks up who waives a finding.  Returns false if it is void.
 */
static bool
apply_allowlist(Audit *audit, const RelationFacts *facts, Finding *finding)
{
	const AllowlistEntry *entry = tg_allowlist_void(audit->allowlist,
													audit->reader,
													finding->other_relid);

	if (entry != NULL)
	{
		tg_allowlist_use(entry);
		return false;
	}

	entry = tg_allowlist_match(audit->allowlist, audit->reader, facts,
							   finding->rule->name);
	if (entry == NULL)
	{
		entry = tg_allowlist_debt(audit->allowlist, audit->reader, facts,
								  finding->rule->name);
		finding->is_debt = entry != NULL;
	}
	if (entry != NULL)
	{
		tg_allowlist_use(entry);
		finding->waived_by = entry->reason;
	}
	return true;
}

static List *
findings_of(Audit *audit, const RelationFacts *facts)
{
	List	   *result = NIL;
	ListCell   *lc;

	/*
	 * A global table needs its entry even if no rule has anything to say
	 * about it: there it is written why the table is global.
	 */
	if (!tg_is_tenant_table(facts))
	{
		const AllowlistEntry *entry = tg_audit_global_entry(audit, facts);

		if (entry != NULL)
			tg_allowlist_use(entry);
	}

	foreach(lc, tg_apply_rules(audit->reader, facts, NULL, TG_LEVEL_INFO,
							   true))
	{
		if (apply_allowlist(audit, facts, lfirst(lc)))
			result = lappend(result, lfirst(lc));
	}
	return result;
}

const RelationFacts *
tg_audit_next(Audit *audit, List **findings)
{
	MemoryContext old = MemoryContextSwitchTo(audit->relation_context);
	const RelationFacts *facts = NULL;

	while (facts == NULL && audit->next < audit->count)
	{
		Oid			relid = audit->relids[audit->next++];

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(audit->relation_context);
		facts = tg_facts_read(audit->reader, relid);
	}
	if (facts != NULL)
		*findings = findings_of(audit, facts);
	MemoryContextSwitchTo(old);
	return facts;
}

List *
tg_audit_database(Audit *audit)
{
	MemoryContext old = MemoryContextSwitchTo(audit->relation_context);
	List	   *findings;

	MemoryContextReset(audit->relation_context);
	findings = tg_apply_database_rules(audit->reader, audit->allowlist,
									   TG_LEVEL_INFO);
	MemoryContextSwitchTo(old);
	return findings;
}
