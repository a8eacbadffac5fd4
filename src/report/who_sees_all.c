/*-------------------------------------------------------------------------
 *
 * who_sees_all.c
 *		who_sees_all(): of how many tables does each role reach all tenants'
 *		rows, and how?
 *
 * Each relation is read once.  Tables are counted by owner and by BYPASSRLS role,
 * and the members of these roles are looked up at the end, so the cost is that of
 * tables plus roles.
 *
 * Relations are read in batches, each in a subtransaction, as in an audit: one
 * that cannot be read is left out, and the audit reports it (audit_failed).
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "compat.h"
#include "funcapi.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "report/rows.h"
#include "report/ways.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#define BATCH_RELATIONS 64

/* Columns of who_sees_all() */
enum
{
	COL_SUMMARY_ROLE,			/* see tg_put_role() */
	COL_SUMMARY_CAN_LOGIN,
	COL_SUMMARY_HOW,
	COL_SUMMARY_TABLES,
	COL_SUMMARY_EXCUSED,
	COL_SUMMARY_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_who_sees_all_1_0);

/* What ways have in common that are counted together. */
typedef struct SummaryKey
{
	WayKind		kind;
	Oid			role;
	uint64		through;		/* a hash, 0: nothing */
	uint64		excused;		/* likewise */
} SummaryKey;

typedef struct SummaryEntry
{
	SummaryKey	key;			/* hash key, must be first */
	Way			way;			/* the first one, with the words for all */
	int64		tables;
} SummaryEntry;

/* A table that has been counted for an entry. */
typedef struct CountedTable
{
	struct
	{
		SummaryKey	entry;
		Oid			table;
	}			key;			/* hash key, must be first */
} CountedTable;

/* A role, and how many tables it reaches. */
typedef struct RoleCount
{
	Oid			role;			/* hash key, must be first */
	int64		tables;
} RoleCount;

/* The BYPASSRLS roles that have the privileges of a grantee. */
typedef struct GranteeBypassers
{
	Oid			grantee;		/* hash key, must be first */
	List	   *bypassers;
} GranteeBypassers;

typedef struct Summary
{
	WaySource	source;
	MemoryContext context;		/* for what is kept */
	HTAB	   *entries;		/* of SummaryEntry */
	HTAB	   *counted;		/* of CountedTable */
	int64		tables;			/* tenant tables */
	HTAB	   *owners;			/* of RoleCount: whose tables are not forced */
	HTAB	   *bypassers;		/* of RoleCount */
	HTAB	   *grantees;		/* of GranteeBypassers */
} Summary;

/* The words for all ways of a kind. */
static const char *
summary_words(const Way *way)
{
	switch (way->kind)
	{
		case WAY_POLICY:
			return "policy";
		case WAY_UNPROVEN_POLICY:
			return "unproven policy";
		case WAY_SWITCH:
			return psprintf("declared bypass %s", way->through);
		case WAY_PARENT:
			return "parent";
		case WAY_VIEW:
			return "view";
		case WAY_MATVIEW:
			return "materialized view";
		case WAY_FOREIGN_TABLE:
			return "foreign table";
		case WAY_RULE:
			return "rule";
		default:
			return way->how;
	}
}

static uint64
hash_of(const char *string)
{
	return string == NULL ? 0 :
		hash_bytes_extended((const unsigned char *) string, strlen(string), 0);
}

/* The entry that counts a way. */
static SummaryEntry *
entry_of(Summary *summary, const Way *way)
{
	SummaryKey	key;
	SummaryEntry *entry;
	bool		found;
	MemoryContext old;

	memset(&key, 0, sizeof(key));
	key.kind = way->kind;
	key.role = way->role;
	key.through = hash_of(way->through);
	key.excused = hash_of(way->excused);
	entry = hash_search(summary->entries, &key, HASH_ENTER, &found);
	if (found)
		return entry;
	old = MemoryContextSwitchTo(summary->context);
	entry->tables = 0;
	entry->way = *way;
	entry->way.how = pstrdup(summary_words(way));
	entry->way.commands = NULL;
	entry->way.through = NULL;
	if (way->excused != NULL)
		entry->way.excused = pstrdup(way->excused);
	MemoryContextSwitchTo(old);
	return entry;
}

/* Counts the table of a way, once for each entry. */
static void
count_way(Summary *summary, const Way *way)
{
	SummaryEntry *entry = entry_of(summary, way);
	CountedTable probe;
	bool		found;

	memset(&probe, 0, sizeof(probe));
	probe.key.entry = entry->key;
	probe.key.table = way->table;
	(void) hash_search(summary->counted, &probe.key, HASH_ENTER, &found);
	if (!found)
		entry->tables++;
}

static void
count_role(HTAB *counts, Oid role)
{
	bool		found;
	RoleCount  *count = hash_search(counts, &role, HASH_ENTER, &found);

	if (!found)
		count->tables = 0;
	count->tables++;
}

/* The BYPASSRLS roles that a grant gives a privilege. */
static const List *
bypassers_by(Summary *summary, Oid grantee)
{
	GranteeBypassers *known = hash_search(summary->grantees, &grantee,
										  HASH_FIND, NULL);
	List	   *bypassers = NIL;
	MemoryContext old;
	ListCell   *lc;

	if (known != NULL)
		return known->bypassers;
	old = MemoryContextSwitchTo(summary->context);
	foreach(lc, summary->source.bypassers.oids)
	{
		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(grantee) ||
			has_privs_of_role(lfirst_oid(lc), grantee))
			bypassers = lappend_oid(bypassers, lfirst_oid(lc));
	}
	MemoryContextSwitchTo(old);
	known = hash_search(summary->grantees, &grantee, HASH_ENTER, NULL);
	known->bypassers = bypassers;
	return bypassers;
}

/* Counts a tenant table for the roles that its row-level security ignores. */
static void
count_table(Summary *summary, const RelationFacts *facts)
{
	const AclMode all = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	WaySource  *source = &summary->source;
	OidSet		grantees = {0};
	OidSet		bypassers = {0};
	ListCell   *lc;

	summary->tables++;
	if (facts->rls_enabled && !facts->rls_forced &&
		!tg_oidset_has(&source->superusers, facts->owner) &&
		!tg_oidset_has(&source->bypassers, facts->owner))
		count_role(summary->owners, facts->owner);
	if (source->bypassers.oids == NIL)
		return;

	foreach(lc, facts->acls)
	{
		const Acl  *acl = lfirst(lc);
		const AclItem *items = ACL_DAT(acl);

		for (int i = 0; i < ACL_NUM(acl); i++)
		{
			if ((ACLITEM_GET_PRIVS(items[i]) & all) != 0)
				(void) tg_oidset_add(&grantees, items[i].ai_grantee);
		}
	}
	(void) tg_oidset_add(&grantees, ROLE_PG_READ_ALL_DATA);
	(void) tg_oidset_add(&grantees, ROLE_PG_WRITE_ALL_DATA);
	foreach(lc, grantees.oids)
	{
		const ListCell *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, bypassers_by(summary, lfirst_oid(lc)))
			(void) tg_oidset_add(&bypassers, lfirst_oid(lc2));
	}
	foreach(lc, bypassers.oids)
		count_role(summary->bypassers, lfirst_oid(lc));
}

/* Relations to be read together. */
typedef struct Batch
{
	Summary    *summary;
	const Oid  *relids;
	int			from;
	int			to;				/* exclusive */
	List	   *tables;			/* of RelationFacts: the tenant tables */
} Batch;

/* A sealed table is none: its owner sees the rows of all tenants. */
static bool
is_global_itself(WaySource *source, const RelationFacts *facts)
{
	const AllowlistEntry *entry = tg_audit_global_entry(source->audit, facts);

	return entry != NULL && !entry->sealed;
}

static void
read_batch(void *arg)
{
	Batch	   *batch = arg;
	WaySource  *source = &batch->summary->source;

	for (int i = batch->from; i < batch->to; i++)
	{
		const RelationFacts *facts =
			tg_facts_read(source->reader, batch->relids[i]);

		CHECK_FOR_INTERRUPTS();
		if (facts == NULL || facts->temporary)
			continue;
		if (tg_is_tenant_table(facts) && !is_global_itself(source, facts))
		{
			tg_add_ways_of_table(source, facts);
			batch->tables = lappend(batch->tables,
									unconstify(RelationFacts *, facts));
		}
		if (facts->rewrites != NIL || !tg_is_table(facts))
			tg_add_ways_of_window(source, facts);
	}
}

/* Is the table of a way, which a view shows, global? */
static bool
is_global(Summary *summary, const Way *way)
{
	return tg_allowlist_match_other(tg_audit_allowlist(summary->source.audit),
									summary->source.reader,
									way->table) != NULL;
}

/* Reads a batch and counts it; false if it cannot be read. */
static bool
count_batch(Summary *summary, const Oid *relids, int from, int to)
{
	Batch		batch = {
		.summary = summary,
		.relids = relids,
		.from = from,
		.to = to
	};
	bool		succeeded;
	ListCell   *lc;

	summary->source.ways = NIL;
	succeeded = tg_audit_attempt(read_batch, &batch) == NULL;
	if (succeeded)
	{
		foreach(lc, batch.tables)
			count_table(summary, lfirst(lc));
		foreach(lc, summary->source.ways)
		{
			CHECK_FOR_INTERRUPTS();
			if (!is_global(summary, lfirst(lc)))
				count_way(summary, lfirst(lc));
		}
	}
	summary->source.ways = NIL;
	return succeeded;
}

static void
count_relations(Summary *summary)
{
	int			count;
	const Oid  *relids = tg_audit_relations(summary->source.audit, &count);
	MemoryContext batch_context;

	batch_context = AllocSetContextCreate(CurrentMemoryContext,
										  "trovella_guard batch",
										  ALLOCSET_DEFAULT_SIZES);
	for (int from = 0; from < count; from += BATCH_RELATIONS)
	{
		int			to = Min(from + BATCH_RELATIONS, count);
		MemoryContext old = MemoryContextSwitchTo(batch_context);

		CHECK_FOR_INTERRUPTS();
		if (!count_batch(summary, relids, from, to))
		{
			for (int i = from; i < to; i++)
				(void) count_batch(summary, relids, i, i + 1);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch_context);
	}
	MemoryContextDelete(batch_context);
}

/* Adds the ways of a role, and of its members, with the number of tables. */
static void
count_ways_of_role(Summary *summary, WayKind kind, Oid role, int64 tables)
{
	WaySource  *source = &summary->source;
	ListCell   *lc;

	source->ways = NIL;
	tg_add_role(source, kind, role, InvalidOid, NULL);
	foreach(lc, source->ways)
		entry_of(summary, lfirst(lc))->tables += tables;
	source->ways = NIL;
}

static void
count_ways_of_roles(Summary *summary)
{
	HASH_SEQ_STATUS status;
	RoleCount  *count;
	ListCell   *lc;

	if (summary->tables > 0)
	{
		foreach(lc, summary->source.superusers.oids)
			count_ways_of_role(summary, WAY_SUPERUSER, lfirst_oid(lc),
							   summary->tables);
	}
	hash_seq_init(&status, summary->bypassers);
	while ((count = hash_seq_search(&status)) != NULL)
		count_ways_of_role(summary, WAY_BYPASSRLS, count->role, count->tables);
	hash_seq_init(&status, summary->owners);
	while ((count = hash_seq_search(&status)) != NULL)
		count_ways_of_role(summary, WAY_OWNER, count->role, count->tables);
}

static void
put_summary(ReturnSetInfo *result, Summary *summary)
{
	long		room = Max(1, hash_get_num_entries(summary->entries));
	ListedWay  *listed = MemoryContextAllocHuge(CurrentMemoryContext,
												room * sizeof(ListedWay));
	size_t		count = 0;
	HASH_SEQ_STATUS status;
	SummaryEntry *entry;

	hash_seq_init(&status, summary->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		listed[count].way = &entry->way;
		listed[count].role = tg_role_of_way(&entry->way);
		listed[count].tables = entry->tables;
		count++;
	}
	qsort(listed, count, sizeof(ListedWay), tg_compare_ways);
	for (size_t i = 0; i < count; i++)
	{
		const Way  *way = listed[i].way;
		Datum		values[COL_SUMMARY_COLUMNS];
		bool		nulls[COL_SUMMARY_COLUMNS];
		NameData	role;

		tg_put_role(summary->source.reader, &listed[i], &role, values, nulls);
		values[COL_SUMMARY_HOW] = text_or_null(way->how,
											   &nulls[COL_SUMMARY_HOW]);
		values[COL_SUMMARY_TABLES] = Int64GetDatum(listed[i].tables);
		nulls[COL_SUMMARY_TABLES] = false;
		values[COL_SUMMARY_EXCUSED] = text_or_null(way->excused,
												   &nulls[COL_SUMMARY_EXCUSED]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

/*
 * who_sees_all(): for each role and kind of way, the number of tenant tables of
 * which it reaches the rows of all tenants.
 */
Datum
trovella_guard_who_sees_all_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Summary		summary = {.context = CurrentMemoryContext};

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_SUMMARY_COLUMNS)
		elog(ERROR, "who_sees_all() has an unexpected number of columns");

	summary.entries = tg_hash_create("trovella_guard summary",
									 sizeof(SummaryKey), sizeof(SummaryEntry),
									 summary.context);
	summary.counted = tg_hash_create("trovella_guard counted",
									 sizeof(((CountedTable *) NULL)->key),
									 sizeof(CountedTable), summary.context);
	summary.owners = tg_hash_create("trovella_guard owners", sizeof(Oid),
									sizeof(RoleCount), summary.context);
	summary.bypassers = tg_hash_create("trovella_guard bypassers",
									   sizeof(Oid), sizeof(RoleCount),
									   summary.context);
	summary.grantees = tg_hash_create("trovella_guard grantees",
									  sizeof(Oid), sizeof(GranteeBypassers),
									  summary.context);
	tg_ways_begin(&summary.source, NULL);
	count_relations(&summary);
	count_ways_of_roles(&summary);
	put_summary(result, &summary);
	tg_ways_end(&summary.source);
	return (Datum) 0;
}
