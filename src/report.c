/*-------------------------------------------------------------------------
 *
 * report.c
 *		What SQL can ask: the audit of the database, and what is active here.
 *
 * The audit takes the same stairs as the verdict (facts, rules, allowlist),
 * under one snapshot and over all relations.  Everybody may ask: the catalogs
 * that the answers come from can be read by everybody, too.
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
#include "allowlist.h"
#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "guard.h"
#include "miscadmin.h"
#include "rules.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "verdict.h"
#include "version.h"
#include "watch.h"

/* Columns of findings() */
enum
{
	COL_FINDING_SCHEMA_NAME,
	COL_FINDING_TABLE_NAME,
	COL_FINDING_RULE,
	COL_FINDING_LEVEL,
	COL_FINDING_OBJECT,
	COL_FINDING_MESSAGE,
	COL_FINDING_REPAIR_SQL,
	COL_FINDING_WAIVED_BY,
	COL_FINDING_COLUMNS
};

/* Columns of status() */
enum
{
	COL_STATUS_ITEM,
	COL_STATUS_VALUE,
	COL_STATUS_OK,
	COL_STATUS_DETAIL,
	COL_STATUS_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_findings_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_status_1_0);

static Datum
text_or_null(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string != NULL ? CStringGetTextDatum(string) : (Datum) 0;
}

static void
put_finding(ReturnSetInfo *result, const Finding *finding)
{
	Datum		values[COL_FINDING_COLUMNS];
	bool		nulls[COL_FINDING_COLUMNS];
	NameData	schema;
	NameData	table;

	memset(nulls, 0, sizeof(nulls));
	nulls[COL_FINDING_SCHEMA_NAME] = finding->schema == NULL;
	nulls[COL_FINDING_TABLE_NAME] = finding->table == NULL;
	namestrcpy(&schema, finding->schema ? finding->schema : "");
	namestrcpy(&table, finding->table ? finding->table : "");
	values[COL_FINDING_SCHEMA_NAME] = NameGetDatum(&schema);
	values[COL_FINDING_TABLE_NAME] = NameGetDatum(&table);
	values[COL_FINDING_RULE] = CStringGetTextDatum(finding->rule->name);
	values[COL_FINDING_LEVEL] = CStringGetTextDatum(tg_level_name(finding->level));
	values[COL_FINDING_OBJECT] = text_or_null(finding->object,
										  &nulls[COL_FINDING_OBJECT]);
	values[COL_FINDING_MESSAGE] = CStringGetTextDatum(finding->message);
	values[COL_FINDING_REPAIR_SQL] = text_or_null(finding->repair_sql,
											  &nulls[COL_FINDING_REPAIR_SQL]);
	values[COL_FINDING_WAIVED_BY] = text_or_null(finding->waived_by,
											 &nulls[COL_FINDING_WAIVED_BY]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
audit_relation(ReturnSetInfo *result, FactsReader *reader,
			   const Allowlist *allowlist, Oid relid)
{
	RelationFacts *facts = tg_facts_read(reader, relid);
	List	   *findings;
	ListCell   *lc;

	if (facts == NULL)
		return;
	findings = tg_apply_rules(reader, facts, NULL, TG_LEVEL_INFO, true);
	if (findings == NIL || tg_facts_is_trusted_member(reader, relid))
		return;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);
		const AllowlistEntry *entry = tg_allowlist_match(allowlist, reader,
														 facts,
														 finding->rule->name);

		if (tg_allowlist_void(allowlist, reader, finding->other_relid) != NULL)
			continue;
		if (entry != NULL)
			finding->waived_by = entry->reason;
		put_finding(result, finding);
	}
}

/* What is to be said about no relation that exists. */
static void
audit_database(ReturnSetInfo *result, FactsReader *reader)
{
	List	   *findings = tg_apply_database_rules(reader, TG_LEVEL_INFO);
	ListCell   *lc;

	foreach(lc, findings)
		put_finding(result, lfirst(lc));
}

/*
 * The relations that rules are about, as a list of OIDs.  Taken before the
 * first of them is read, so that no scan stays open meanwhile.
 */
static List *
relations_to_audit(Snapshot snapshot)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  snapshot, 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->oid >= FirstNormalObjectId &&
			form->relpersistence != RELPERSISTENCE_TEMP &&
			(form->relkind == RELKIND_RELATION ||
			 form->relkind == RELKIND_PARTITIONED_TABLE ||
			 form->relkind == RELKIND_VIEW ||
			 form->relkind == RELKIND_MATVIEW ||
			 form->relkind == RELKIND_FOREIGN_TABLE))
			result = lappend_oid(result, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

/*
 * findings(relation regclass): every finding, waived ones with the reason,
 * of one relation or (NULL) of the whole database.  Memory is bounded: it is
 * freed relation by relation, and the rows spill to disk beyond work_mem.
 */
Datum
trovella_guard_findings_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Snapshot	snapshot;
	FactsReader *reader;
	Allowlist  *allowlist;
	List	   *relids;
	ListCell   *lc;
	MemoryContext per_relation;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_FINDING_COLUMNS)
		elog(ERROR, "findings() has an unexpected number of columns");

	snapshot = RegisterSnapshot(GetLatestSnapshot());
	reader = tg_facts_begin(snapshot, false);
	allowlist = tg_allowlist_read(snapshot, GetCurrentTimestamp());
	relids = PG_ARGISNULL(0) ? relations_to_audit(snapshot) :
		list_make1_oid(PG_GETARG_OID(0));

	per_relation = AllocSetContextCreate(CurrentMemoryContext,
										 "trovella_guard relation",
										 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(per_relation);
	foreach(lc, relids)
	{
		CHECK_FOR_INTERRUPTS();
		audit_relation(result, reader, allowlist, lfirst_oid(lc));
		MemoryContextReset(per_relation);
	}
	if (PG_ARGISNULL(0))
		audit_database(result, reader);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_relation);
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
	return (Datum) 0;
}

static void
put_status(ReturnSetInfo *result, const char *item, const char *value,
		   bool ok, const char *detail)
{
	Datum		values[COL_STATUS_COLUMNS];
	bool		nulls[COL_STATUS_COLUMNS];

	memset(nulls, 0, sizeof(nulls));
	values[COL_STATUS_ITEM] = CStringGetTextDatum(item);
	values[COL_STATUS_VALUE] = CStringGetTextDatum(value);
	values[COL_STATUS_OK] = BoolGetDatum(ok);
	values[COL_STATUS_DETAIL] = text_or_null(detail, &nulls[COL_STATUS_DETAIL]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_event_trigger_status(ReturnSetInfo *result, const char *name,
						 const char *missing)
{
	HeapTuple	tuple = SearchSysCache1(EVENTTRIGGERNAME,
										CStringGetDatum(name));
	char		enabled = '\0';
	char	   *item = psprintf("event trigger %s", name);

	if (HeapTupleIsValid(tuple))
	{
		enabled = ((Form_pg_event_trigger) GETSTRUCT(tuple))->evtenabled;
		ReleaseSysCache(tuple);
	}

	switch (enabled)
	{
		case TRIGGER_FIRES_ALWAYS:
			put_status(result, item, "enabled always", true, NULL);
			break;
		case '\0':
			put_status(result, item, "missing", false, missing);
			break;
		default:
			put_status(result, item,
					   enabled == TRIGGER_DISABLED ? "disabled" :
					   "enabled, but not always", false,
					   psprintf("ALTER EVENT TRIGGER %s ENABLE ALWAYS;",
								name));
			break;
	}
}

/*
 * status(): what is really active in this session.
 */
Datum
trovella_guard_status_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *version;
	bool		by_session;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_STATUS_COLUMNS)
		elog(ERROR, "status() has an unexpected number of columns");

	put_status(result, "mode",
			   tg_mode == TG_MODE_ENFORCE ? "enforce" :
			   tg_mode == TG_MODE_WARN ? "warn" : "off",
			   tg_mode == TG_MODE_ENFORCE,
			   tg_mode == TG_MODE_ENFORCE ? NULL :
			   "No commit is refused in this session.");

	put_status(result, "library version", TG_VERSION, true, NULL);

	version = tg_sql_version();
	if (version == NULL)
		put_status(result, "extension version", "not installed", false,
				   "CREATE EXTENSION trovella_guard;");
	else if (strcmp(version, TG_VERSION) != 0)
		put_status(result, "extension version", version, false,
				   "ALTER EXTENSION trovella_guard UPDATE;");
	else
		put_status(result, "extension version", version, true, NULL);

	put_status(result, "object access hook",
			   tg_watch_is_outermost() ? "installed" :
			   "installed, behind that of another module", true,
			   tg_watch_is_outermost() ? NULL :
			   "The other module must call the hook that it found.");

	put_event_trigger_status(result, "trovella_guard_open",
							 "A fresh session does not load the library before its first DDL statement.");
	put_event_trigger_status(result, "trovella_guard_collect",
							 "Row-level security switches (before PostgreSQL 17), GRANT and REVOKE pass unseen.");

	by_session = session_preload_libraries_string != NULL &&
		strstr(session_preload_libraries_string, TG_EXTENSION) != NULL;
	if (tg_watch_loaded_at_start())
		put_status(result, "preloading", "shared_preload_libraries", true,
				   NULL);
	else if (by_session)
		put_status(result, "preloading", "session_preload_libraries", true,
				   NULL);
	else
		put_status(result, "preloading", "none", false,
				   "EXPLAIN ANALYZE CREATE TABLE AS in a fresh session fires no event trigger and passes unseen; "
				   "see \"Preloading\" in the README.");
	return (Datum) 0;
}
