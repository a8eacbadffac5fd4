/*-------------------------------------------------------------------------
 *
 * who_sees.c
 *		who_sees(): who reads or writes the rows of all tenants, and how?
 *
 * For one table, each way by itself; for the database, the number of tables for
 * each role and kind of way.  The summary reads each relation once.  It counts
 * tables by owner and by BYPASSRLS role, and looks up the members of these roles
 * at the end, so its cost is that of tables plus roles.
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
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "hashtable.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "report/rows.h"
#include "report/ways.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#define BATCH_RELATIONS 64

/* Columns of who_sees() */
enum
{
	COL_WAY_ROLE,
	COL_WAY_CAN_LOGIN,
	COL_WAY_COMMANDS,
	COL_WAY_HOW,
	COL_WAY_EXCUSED,
	COL_WAY_COLUMNS
};

/* Columns of who_sees_all() */
enum
{
	COL_SUMMARY_ROLE,
	COL_SUMMARY_CAN_LOGIN,
	COL_SUMMARY_HOW,
	COL_SUMMARY_TABLES,
	COL_SUMMARY_EXCUSED,
	COL_SUMMARY_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_who_sees_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_who_sees_all_1_0);

static const Decisions *
read_decisions(void *arg)
{
	return tg_allowlist_decisions(((WaySource *) arg)->allowlist);
}

static Snapshot
begin(WaySource *source)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());

	memset(source, 0, sizeof(WaySource));
	source->reader = tg_facts_begin(snapshot, false);
	source->allowlist = tg_allowlist_read(snapshot, GetCurrentTimestamp());
	tg_facts_set_decisions(source->reader, read_decisions, source);
	tg_ways_begin(source);
	return snapshot;
}

static void
end(WaySource *source, Snapshot snapshot)
{
	tg_facts_end(source->reader);
	UnregisterSnapshot(snapshot);
}

/* The entry that makes a table global, or NULL. */
static const AllowlistEntry *
global_entry(const WaySource *source, const RelationFacts *facts)
{
	return tg_allowlist_match(source->allowlist, source->reader, facts, "*",
							  NULL, InvalidOid);
}

static const char *
role_name(const Way *way)
{
	if (!way->is_role)
		return NULL;
	return OidIsValid(way->role) ? tg_role_name(way->role) : "PUBLIC";
}

/* Null for PUBLIC and for subscribers. */
static bool
can_login(FactsReader *reader, const Way *way, bool *isnull)
{
	RoleFacts	facts = {0};

	*isnull = !way->is_role || !OidIsValid(way->role);
	if (!*isnull)
		(void) tg_facts_role(reader, way->role, &facts);
	return facts.can_login;
}

/* NULL comes first. */
static int
compare_strings(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return (one != NULL) - (other != NULL);
	return strcmp(one, other);
}

/* A way, and what the order of rows depends on. */
typedef struct ListedWay
{
	const Way  *way;
	const char *role;
	int64		tables;			/* in the summary */
} ListedWay;

static int
compare_ways(const void *a, const void *b)
{
	const ListedWay *one = a;
	const ListedWay *other = b;
	int			result = (int) one->way->kind - (int) other->way->kind;

	if (result == 0)
		result = compare_strings(one->role, other->role);
	if (result == 0)
		result = compare_strings(one->way->how, other->way->how);
	if (result == 0)
		result = compare_strings(one->way->commands, other->way->commands);
	if (result == 0)
		result = compare_strings(one->way->excused, other->way->excused);
	return result;
}

static void
put_name(Datum *value, bool *isnull, NameData *buffer, const char *name)
{
	*isnull = name == NULL;
	namestrcpy(buffer, name != NULL ? name : "");
	*value = NameGetDatum(buffer);
}

/* Puts the ways to one table into rows, in their order. */
static void
put_ways(ReturnSetInfo *result, const WaySource *source, Oid relid)
{
	ListedWay  *listed = palloc(Max(1, list_length(source->ways)) *
								sizeof(ListedWay));
	size_t		count = 0;
	ListCell   *lc;

	foreach(lc, source->ways)
	{
		const Way  *way = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (way->table != relid)
			continue;
		listed[count].way = way;
		listed[count].role = role_name(way);
		count++;
	}
	qsort(listed, count, sizeof(ListedWay), compare_ways);
	count = qunique(listed, count, sizeof(ListedWay), compare_ways);
	for (size_t i = 0; i < count; i++)
	{
		const Way  *way = listed[i].way;
		Datum		values[COL_WAY_COLUMNS];
		bool		nulls[COL_WAY_COLUMNS];
		NameData	role;

		put_name(&values[COL_WAY_ROLE], &nulls[COL_WAY_ROLE], &role,
				 listed[i].role);
		values[COL_WAY_CAN_LOGIN] =
			BoolGetDatum(can_login(source->reader, way,
								   &nulls[COL_WAY_CAN_LOGIN]));
		values[COL_WAY_COMMANDS] = text_or_null(way->commands,
												&nulls[COL_WAY_COMMANDS]);
		values[COL_WAY_HOW] = text_or_null(way->how, &nulls[COL_WAY_HOW]);
		values[COL_WAY_EXCUSED] = text_or_null(way->excused,
											   &nulls[COL_WAY_EXCUSED]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

/* What shows all rows of a parent shows those of the table, too. */
static void
add_parents_ways(WaySource *source, const OidSet *parents, Oid table)
{
	ListCell   *lc;

	foreach(lc, parents->oids)
	{
		const RelationFacts *parent = tg_facts_read(source->reader,
													lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (parent != NULL)
			tg_add_functions(source, parent, table);
	}
	foreach(lc, source->ways)
	{
		Way		   *way = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (tg_oidset_has(parents, way->table))
			way->table = table;
	}
}

/*
 * Views over the table, and over parents by way of which it is read; functions
 * over parents.
 */
static void
add_windows(WaySource *source, const RelationFacts *facts)
{
	OidSet		windows = {0};
	OidSet		parents = {0};
	List	   *read = list_make1_oid(facts->relid);
	bool		all;
	ListCell   *lc;

	if (facts->parents != NIL)
	{
		foreach(lc, tg_facts_ancestors(source->reader, facts->relid, &all))
			(void) tg_oidset_add(&parents, lfirst_oid(lc));
		read = list_concat(read, parents.oids);
	}
	foreach(lc, read)
	{
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, tg_facts_dependent_views(source->reader, lfirst_oid(lc)))
			(void) tg_oidset_add(&windows, lfirst_oid(lc2));
	}
	foreach(lc, windows.oids)
	{
		const RelationFacts *window = tg_facts_read(source->reader,
													lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (window != NULL)
			tg_add_ways_of_window(source, window);
	}
	add_parents_ways(source, &parents, facts->relid);

	/* A foreign table has its own rows, and a rule may be on the table itself */
	if (facts->rewrites != NIL)
		tg_add_ways_of_window(source, facts);
}

/*
 * who_sees(relation regclass): every way in which somebody reads or writes the
 * rows of all tenants of a table.
 */
Datum
trovella_guard_who_sees_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	WaySource	source;
	Snapshot	snapshot;
	const RelationFacts *facts;
	const AllowlistEntry *entry;
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	relid = PG_GETARG_OID(0);
	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_WAY_COLUMNS)
		elog(ERROR, "who_sees() has an unexpected number of columns");

	snapshot = begin(&source);
	facts = tg_facts_read(source.reader, relid);
	if (facts == NULL || !tg_is_tenant_table(facts) ||
		tg_facts_is_trusted_member(source.reader, relid))
	{
		const char *name = get_rel_name(relid);

		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a tenant table",
						name != NULL ? name : psprintf("%u", relid)),
				 errhint("Tenant tables are permanent tables with a column that trovella_guard.tenant_columns names.")));
	}
	entry = global_entry(&source, facts);
	if (entry != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s.%s\" is global", facts->schema, facts->name),
				 errdetail("It is on the allowlist for all rules: %s",
						   entry->reason)));
	tg_add_roles(&source, facts);
	tg_add_ways_of_table(&source, facts);
	add_windows(&source, facts);
	put_ways(result, &source, relid);
	end(&source, snapshot);
	return (Datum) 0;
}

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
		if (tg_is_tenant_table(facts) && global_entry(source, facts) == NULL)
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
	return tg_allowlist_match_other(summary->source.allowlist,
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
	Oid		   *relids = tg_audit_relations(summary->source.reader, &count);
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
		listed[count].role = role_name(&entry->way);
		listed[count].tables = entry->tables;
		count++;
	}
	qsort(listed, count, sizeof(ListedWay), compare_ways);
	for (size_t i = 0; i < count; i++)
	{
		const Way  *way = listed[i].way;
		Datum		values[COL_SUMMARY_COLUMNS];
		bool		nulls[COL_SUMMARY_COLUMNS];
		NameData	role;

		put_name(&values[COL_SUMMARY_ROLE], &nulls[COL_SUMMARY_ROLE], &role,
				 listed[i].role);
		values[COL_SUMMARY_CAN_LOGIN] =
			BoolGetDatum(can_login(summary->source.reader, way,
								   &nulls[COL_SUMMARY_CAN_LOGIN]));
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
	Snapshot	snapshot;

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
	snapshot = begin(&summary.source);
	count_relations(&summary);
	count_ways_of_roles(&summary);
	put_summary(result, &summary);
	end(&summary.source, snapshot);
	return (Datum) 0;
}
