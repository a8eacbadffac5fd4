/*-------------------------------------------------------------------------
 *
 * report.c
 *		What SQL can ask: the audit, the dry run, and what is active here.
 *
 * These functions only put into rows what audit.c, verdict.c and the registry
 * say; views and reports for people are made of the rows, in SQL.  Everybody
 * may ask: the catalogs that the answers come from can be read by everybody,
 * too.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "report/audit.h"
#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "guard.h"
#include "report/integrity.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "verdict/raise.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "verdict/verdict.h"
#include "version.h"
#include "watch/watch.h"

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
	COL_FINDING_IS_DEBT,
	COL_FINDING_COLUMNS
};

/* Columns of relations() */
enum
{
	COL_RELATION_OID,
	COL_RELATION_SCHEMA_NAME,
	COL_RELATION_TABLE_NAME,
	COL_RELATION_KIND,
	COL_RELATION_CLASS,
	COL_RELATION_TENANT_COLUMN,
	COL_RELATION_TENANT_INDEX,
	COL_RELATION_FOREIGN_KEYS,
	COL_RELATION_ERRORS,
	COL_RELATION_WARNINGS,
	COL_RELATION_INFOS,
	COL_RELATION_WAIVED,
	COL_RELATION_REASON,
	COL_RELATION_COLUMNS
};

/* Columns of registry() */
enum
{
	COL_RULE_POSITION,
	COL_RULE_RULE,
	COL_RULE_LEVEL,
	COL_RULE_DEFAULT_LEVEL,
	COL_RULE_IS_OVERRIDDEN,
	COL_RULE_IS_ABOUT_RELATIONS,
	COL_RULE_PURPOSE,
	COL_RULE_COLUMNS
};

/* Columns of pending() */
enum
{
	COL_PENDING_SCHEMA_NAME,
	COL_PENDING_TABLE_NAME,
	COL_PENDING_RULE,
	COL_PENDING_LEVEL,
	COL_PENDING_OBJECT,
	COL_PENDING_MESSAGE,
	COL_PENDING_REPAIR_SQL,
	COL_PENDING_WAS_THERE,
	COL_PENDING_REFUSED,
	COL_PENDING_COLUMNS
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
PG_FUNCTION_INFO_V1(trovella_guard_relations_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_registry_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_pending_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_status_1_0);

static Datum
text_or_null(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string != NULL ? CStringGetTextDatum(string) : (Datum) 0;
}

/* Of the relation that is the first argument, or of the whole database. */
static Audit *
begin_audit(FunctionCallInfo fcinfo)
{
	Oid			relid;

	if (PG_ARGISNULL(0))
		return tg_audit_begin(NULL);
	relid = PG_GETARG_OID(0);
	return tg_audit_begin(&relid);
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
	values[COL_FINDING_IS_DEBT] = BoolGetDatum(finding->is_debt);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Leaves nothing in the current memory context, in which the findings must
 * not be: they are in one of the audit's.
 */
static void
put_findings(ReturnSetInfo *result, List *findings)
{
	ListCell   *lc;

	foreach(lc, findings)
	{
		put_finding(result, lfirst(lc));
		MemoryContextReset(CurrentMemoryContext);
	}
}

/*
 * findings(relation regclass): every finding, waived ones with the reason,
 * of one relation or (NULL) of the whole database.
 */
Datum
trovella_guard_findings_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		whole = PG_ARGISNULL(0);
	Audit	   *audit;
	List	   *findings;
	MemoryContext per_row;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_FINDING_COLUMNS)
		elog(ERROR, "findings() has an unexpected number of columns");

	audit = begin_audit(fcinfo);
	per_row = AllocSetContextCreate(CurrentMemoryContext,
									"trovella_guard row",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(per_row);
	while (tg_audit_next(audit, &findings) != NULL)
		put_findings(result, findings);
	if (whole)
		put_findings(result, tg_audit_database(audit));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	tg_audit_end(audit);
	return (Datum) 0;
}

/* What a relation is, for the guard. */
static const char *
class_name(const RelationFacts *facts, bool is_global)
{
	if (is_global)
		return "global";
	if (tg_is_tenant_table(facts))
		return "tenant";
	if (facts->kind == RELKIND_RELATION ||
		facts->kind == RELKIND_PARTITIONED_TABLE)
		return "unclassified";
	return "unprotectable";
}

/* Is the string in a list of strings? */
static bool
is_among(const List *strings, const char *string)
{
	ListCell   *lc;

	foreach(lc, strings)
	{
		if (strcmp(lfirst(lc), string) == 0)
			return true;
	}
	return false;
}

/*
 * The reasons of the waived findings, each once.  There are no more of them
 * than there are rules, however many findings there are.
 */
static char *
waiver_reasons(List *findings)
{
	StringInfoData reasons;
	List	   *said = NIL;
	ListCell   *lc;

	initStringInfo(&reasons);
	foreach(lc, findings)
	{
		const char *reason = ((Finding *) lfirst(lc))->waived_by;

		if (reason == NULL || is_among(said, reason))
			continue;
		said = lappend(said, unconstify(char *, reason));
		appendStringInfo(&reasons, "%s%s", reasons.len > 0 ? "; " : "",
						 reason);
	}
	return reasons.len > 0 ? reasons.data : NULL;
}

static void
put_relation(ReturnSetInfo *result, Audit *audit, const RelationFacts *facts,
			 List *findings)
{
	Datum		values[COL_RELATION_COLUMNS];
	bool		nulls[COL_RELATION_COLUMNS];
	const AllowlistEntry *global = tg_audit_global_entry(audit, facts);
	int			at_level[TG_LEVEL_ERROR + 1] = {0};
	int			waived = 0;
	Oid			index = InvalidOid;
	NameData	schema;
	NameData	table;
	ListCell   *lc;

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		if (finding->waived_by != NULL)
			waived++;
		else
			at_level[finding->level]++;
	}
	if (tg_is_tenant_table(facts))
		index = tg_covering_index(facts, 1, &facts->tenant->attnum);

	memset(nulls, 0, sizeof(nulls));
	namestrcpy(&schema, facts->schema);
	namestrcpy(&table, facts->name);
	values[COL_RELATION_OID] = ObjectIdGetDatum(facts->relid);
	values[COL_RELATION_SCHEMA_NAME] = NameGetDatum(&schema);
	values[COL_RELATION_TABLE_NAME] = NameGetDatum(&table);
	values[COL_RELATION_KIND] = CStringGetTextDatum(tg_kind_name(facts->kind));
	values[COL_RELATION_CLASS] =
		CStringGetTextDatum(class_name(facts, global !=NULL));
	values[COL_RELATION_TENANT_COLUMN] =
		text_or_null(facts->tenant != NULL ? facts->tenant->name : NULL,
					 &nulls[COL_RELATION_TENANT_COLUMN]);
	values[COL_RELATION_TENANT_INDEX] = ObjectIdGetDatum(index);
	nulls[COL_RELATION_TENANT_INDEX] = !OidIsValid(index);
	values[COL_RELATION_FOREIGN_KEYS] =
		Int32GetDatum(list_length(facts->foreign_keys));
	values[COL_RELATION_ERRORS] = Int32GetDatum(at_level[TG_LEVEL_ERROR]);
	values[COL_RELATION_WARNINGS] = Int32GetDatum(at_level[TG_LEVEL_WARNING]);
	values[COL_RELATION_INFOS] = Int32GetDatum(at_level[TG_LEVEL_INFO]);
	values[COL_RELATION_WAIVED] = Int32GetDatum(waived);
	values[COL_RELATION_REASON] =
		text_or_null(global !=NULL ? global->reason :
					 waiver_reasons(findings),
					 &nulls[COL_RELATION_REASON]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * relations(relation regclass): every relation that rules are about, with its
 * class and the number of its findings.
 */
Datum
trovella_guard_relations_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Audit	   *audit;
	const RelationFacts *facts;
	List	   *findings;
	MemoryContext per_relation;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_RELATION_COLUMNS)
		elog(ERROR, "relations() has an unexpected number of columns");

	audit = begin_audit(fcinfo);
	per_relation = AllocSetContextCreate(CurrentMemoryContext,
										 "trovella_guard row",
										 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(per_relation);
	while ((facts = tg_audit_next(audit, &findings)) != NULL)
	{
		if (facts->temporary)
			continue;
		put_relation(result, audit, facts, findings);
		MemoryContextReset(per_relation);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_relation);
	tg_audit_end(audit);
	return (Datum) 0;
}

/*
 * registry(): the rules, and the levels that hold in this session.
 */
Datum
trovella_guard_registry_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_RULE_COLUMNS)
		elog(ERROR, "registry() has an unexpected number of columns");

	for (int i = 0; i < tg_rules_count; i++)
	{
		Datum		values[COL_RULE_COLUMNS];
		bool		nulls[COL_RULE_COLUMNS];

		memset(nulls, 0, sizeof(nulls));
		values[COL_RULE_POSITION] = Int32GetDatum(i + 1);
		values[COL_RULE_RULE] = CStringGetTextDatum(tg_rules[i].name);
		values[COL_RULE_LEVEL] =
			CStringGetTextDatum(tg_level_name(tg_rule_level(i)));
		values[COL_RULE_DEFAULT_LEVEL] =
			CStringGetTextDatum(tg_level_name(tg_rules[i].default_level));
		values[COL_RULE_IS_OVERRIDDEN] = BoolGetDatum(tg_rule_is_overridden(i));
		values[COL_RULE_IS_ABOUT_RELATIONS] =
			BoolGetDatum((tg_rules[i].about & ~ABOUT_DATABASE) != 0);
		values[COL_RULE_PURPOSE] = CStringGetTextDatum(tg_rules[i].purpose);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

static void
put_pending(ReturnSetInfo *result, const Judgement *judgement,
			const Finding *finding)
{
	Datum		values[COL_PENDING_COLUMNS];
	bool		nulls[COL_PENDING_COLUMNS];
	NameData	schema;
	NameData	table;

	memset(nulls, 0, sizeof(nulls));
	namestrcpy(&schema, judgement->schema);
	namestrcpy(&table, judgement->name);
	values[COL_PENDING_SCHEMA_NAME] = NameGetDatum(&schema);
	values[COL_PENDING_TABLE_NAME] = NameGetDatum(&table);
	values[COL_PENDING_RULE] = CStringGetTextDatum(finding->rule->name);
	values[COL_PENDING_LEVEL] =
		CStringGetTextDatum(tg_level_name(finding->level));
	values[COL_PENDING_OBJECT] = text_or_null(finding->object,
											  &nulls[COL_PENDING_OBJECT]);
	values[COL_PENDING_MESSAGE] = CStringGetTextDatum(finding->message);
	values[COL_PENDING_REPAIR_SQL] =
		text_or_null(finding->repair_sql, &nulls[COL_PENDING_REPAIR_SQL]);
	values[COL_PENDING_WAS_THERE] = BoolGetDatum(finding->was_there);
	values[COL_PENDING_REFUSED] = BoolGetDatum(tg_refuses(finding));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * pending(): what an enforcing guard would say if the transaction were
 * committed now.
 */
Datum
trovella_guard_pending_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_PENDING_COLUMNS)
		elog(ERROR, "pending() has an unexpected number of columns");

	foreach(lc, tg_judge_transaction(false))
	{
		Judgement  *judgement = lfirst(lc);
		ListCell   *other;

		foreach(other, judgement->findings)
			put_pending(result, judgement, lfirst(other));
	}
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

/* A setting, of which any value is as good as another. */
static void
put_setting_status(ReturnSetInfo *result, const char *name)
{
	const char *value = GetConfigOption(psprintf(TG_EXTENSION ".%s", name),
										false, false);

	put_status(result, name, *value != '\0' ? value : "none", true, NULL);
}

/*
 * Has a superuser switched off all event triggers?  The setting is there since
 * PostgreSQL 17.
 */
static bool
event_triggers_are_off(void)
{
	const char *value = GetConfigOption("event_triggers", true, false);

	return value != NULL && strcmp(value, "off") == 0;
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
			if (event_triggers_are_off())
				put_status(result, item, "enabled always, but event_triggers is off",
						   false,
						   "No event trigger fires in this session; SET event_triggers = on;");
			else
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

/* What the complaint is about must be as CREATE EXTENSION left it. */
static void
put_integrity_status(ReturnSetInfo *result, const char *item,
					 const char *complaint, const char *repair)
{
	if (complaint == NULL)
		put_status(result, item, "as installed", true, NULL);
	else
		put_status(result, item, complaint, false, repair);
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

	if (version != NULL)
	{
		put_integrity_status(result, "schema trovella_guard",
							 tg_foreign_objects(),
							 "It is not the extension's, and may be called in its place: find out who made it, and drop it.");
		put_integrity_status(result, "owners", tg_foreign_owners(),
							 "Whoever is no superuser could replace what superusers call: ALTER ... OWNER TO a superuser.");
		put_integrity_status(result, "privileges", tg_foreign_privileges(),
							 "Whoever may make functions or triggers there can have superusers run them: REVOKE all but USAGE on the schema, SELECT on its tables.");
	}

	put_status(result, "object access hook",
			   tg_watch_is_outermost() ? "installed" :
			   "installed, behind that of another module", true,
			   tg_watch_is_outermost() ? NULL :
			   "The other module must call the hook that it found.");

	put_event_trigger_status(result, "trovella_guard_open",
							 "A fresh session does not load the library before its first DDL statement.");
	put_event_trigger_status(result, "trovella_guard_collect",
							 "Row-level security switches (before PostgreSQL 17), GRANT and REVOKE pass unseen.");

	/* What a copy or a restore of the database may have left behind */
	put_setting_status(result, "tenant_columns");
	put_setting_status(result, "rules");
	put_setting_status(result, "app_role");

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
				   "What fires no event trigger passes unseen in a fresh session: EXPLAIN ANALYZE CREATE TABLE AS, REASSIGN OWNED, ALTER ROLE, "
				   "what other extensions do in C; see \"Preloading\" in the README.");
	return (Datum) 0;
}
