/*-------------------------------------------------------------------------
 *
 * status.c
 *		status(): is the guard active in this session?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_event_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "compat.h"
#include "funcapi.h"
#include "guard.h"
#include "miscadmin.h"
#include "report/cluster.h"
#include "report/integrity.h"
#include "report/rows.h"
#include "rules/remedy.h"
#include "settings.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "version.h"
#include "watch/watch.h"

/* Columns of status() */
enum
{
	COL_STATUS_ITEM,
	COL_STATUS_VALUE,
	COL_STATUS_OK,
	COL_STATUS_DETAIL,
	COL_STATUS_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_status_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_setting_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_setting_names_1_0);

/* The names in a setting that is a list, as they are understood, or NULL. */
static char *
names_in_setting(const char *setting)
{
	const char *name;
	StringInfoData names;

	if (strcmp(setting, "tenant_columns") == 0)
		name = tg_tenant_column_names();
	else if (strcmp(setting, "required_columns") == 0)
		name = tg_required_column_names();
	else if (strcmp(setting, "app_role") == 0)
		name = tg_app_role_names();
	else
		return NULL;

	initStringInfo(&names);
	for (; *name != '\0'; name = tg_next_name(name))
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 quote_identifier(name));
	return names.data;
}

/* setting_names(setting text) */
Datum
trovella_guard_setting_names_1_0(PG_FUNCTION_ARGS)
{
	const char *setting = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *names;

	if (strncmp(setting, TG_EXTENSION ".", strlen(TG_EXTENSION ".")) == 0)
		setting += strlen(TG_EXTENSION ".");
	names = names_in_setting(setting);
	if (names == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(names));
}

/* setting(name text): the value that counts. */
Datum
trovella_guard_setting_1_0(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			setting = tg_setting_by_name(name);

	if (setting < 0)
		elog(ERROR, "there is no setting \"%s\"", name);
	PG_RETURN_TEXT_P(cstring_to_text(tg_setting_text(setting)));
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

/* A setting of which any value is ok. */
static void
put_setting_status(ReturnSetInfo *result, const char *name)
{
	int			setting = tg_setting_by_name(name);
	const char *value = names_in_setting(name);
	const char *ignored = tg_setting_ignored(setting);

	if (value == NULL)
		value = tg_setting_text(setting);
	put_status(result, name, *value != '\0' ? value : "none", true,
			   ignored == NULL ? NULL : psprintf("%s: RESET ALL;", ignored));
}

/*
 * The columns that make a table a tenant table.  On the first day they may be
 * those of another database: then a guess is better than silence.
 */
static void
put_tenant_columns_status(ReturnSetInfo *result)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);
	const TenantGuess *guess = tg_facts_guess_tenant(reader);

	if (guess == NULL)
		guess = tg_facts_look_alike(reader);
	if (guess == NULL)
		put_setting_status(result, "tenant_columns");
	else
		put_status(result, "tenant_columns",
				   names_in_setting("tenant_columns"),
				   false, guess->tenants_table == NULL ?
				   psprintf("No table has such a column, but %d %s \"%s\": %s",
							guess->tables,
							guess->tables == 1 ? "table has a column" : "tables have a column",
							guess->column, tg_remedy_tenant_columns(guess)) :
				   psprintf("No table has such a column, but \"%s\" refers to %s in %d %s: %s",
							guess->column, guess->tenants_table,
							guess->tables, guess->tables == 1 ? "table" : "tables",
							tg_remedy_tenant_columns(guess)));
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
}

/* Without Citus there is no such item. */
static void
put_citus_status(ReturnSetInfo *result)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);
	const char *part = tg_cluster_part(reader);

	if (part != NULL)
	{
		const char *complaint = tg_cluster_complaint(reader);

		put_status(result, "citus", part, complaint == NULL, complaint);
	}
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
}

/*
 * Has a superuser disabled all event triggers?  The setting exists since
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

/* "complaint" is NULL if all is as CREATE EXTENSION left it. */
static void
put_integrity_status(ReturnSetInfo *result, const char *item,
					 const char *complaint, const char *repair)
{
	if (complaint == NULL)
		put_status(result, item, "as installed", true, NULL);
	else
		put_status(result, item, complaint, false, repair);
}

static void
put_schemas_status(ReturnSetInfo *result)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);

	put_integrity_status(result, "schemas", tg_foreign_objects(reader),
						 "These objects are not the extension's, and may be called instead of its own: find out who created them, and drop them.");
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
}

/*
 * Extensions that run statements, or make and rename tables, in background
 * workers, which do not read session_preload_libraries.
 */
static const char *const extensions_with_workers[] = {
	"pg_background", "pg_cron", "pg_partman_bgw", "pg_rewrite", "pg_task",
	"pglogical", "spock", "timescaledb"
};

static bool
is_in_list(const char *libraries, const char *name)
{
	return libraries != NULL && strstr(libraries, name) != NULL;
}

/* Those that are installed in the database or preloaded, or NULL. */
static char *
list_extensions_with_workers(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(extensions_with_workers); i++)
	{
		const char *name = extensions_with_workers[i];

		if (is_in_list(shared_preload_libraries_string, name) ||
			OidIsValid(get_extension_oid(name, true)))
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", name);
	}
	return names.len > 0 ? names.data : NULL;
}

static void
put_preloading_status(ReturnSetInfo *result)
{
	const char *workers;

	if (tg_watch_loaded_at_start())
	{
		put_status(result, "preloading", "shared_preload_libraries", true,
				   NULL);
		return;
	}

	workers = list_extensions_with_workers();
	if (is_in_list(session_preload_libraries_string, TG_EXTENSION))
		put_status(result, "preloading", "session_preload_libraries",
				   workers == NULL,
				   workers == NULL ?
				   "Sessions only; background workers are not covered: SELECT trovella_guard.preload(); prints the statement for shared_preload_libraries" :
				   psprintf("Sessions only; the background workers of %s are not covered: SELECT trovella_guard.preload(); prints the statement for shared_preload_libraries",
							workers));
	else
		put_status(result, "preloading", "none", false,
				   psprintf("In a new session, commands that fire no event trigger go unnoticed: EXPLAIN ANALYZE CREATE TABLE AS, REASSIGN OWNED, ALTER ROLE, "
							"changes that other extensions make in C; in background workers%s%s, too. Add trovella_guard to shared_preload_libraries; "
							"for sessions only: SELECT trovella_guard.preload(); (see \"Preloading\" in docs/operating.md)",
							workers == NULL ? "" : " of ",
							workers == NULL ? "" : workers));
}

/*
 * status(): is the guard active in this session?
 */
Datum
trovella_guard_status_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *version;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_STATUS_COLUMNS)
		elog(ERROR, "status() has an unexpected number of columns");

	if (tg_mode() == TG_MODE_ENFORCE)
		put_setting_status(result, "mode");
	else
		put_status(result, "mode", tg_setting_text(TG_SETTING_MODE), false,
				   "No commit is refused in this session: SELECT trovella_guard.set('mode', 'enforce');");

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
		put_schemas_status(result);
		put_integrity_status(result, "owners", tg_foreign_owners(),
							 "A role that is not a superuser could replace functions that superusers call: ALTER ... OWNER TO a superuser.");
		put_integrity_status(result, "privileges", tg_foreign_privileges(),
							 "A role that may create functions or triggers there can make superusers run them: REVOKE all but USAGE on the schemas and SELECT on their tables.");
	}

	put_status(result, "object access hook",
			   tg_watch_is_outermost() ? "installed" :
			   "installed, behind that of another module", true,
			   tg_watch_is_outermost() ? NULL :
			   "The other module must call the previous hook.");

	put_event_trigger_status(result, "trovella_guard_open",
							 "A new session does not load the library before its first DDL statement: "
							 "CREATE EVENT TRIGGER trovella_guard_open ON ddl_command_start EXECUTE FUNCTION trovella_guard_internal.open(); "
							 "ALTER EVENT TRIGGER trovella_guard_open ENABLE ALWAYS; "
							 "ALTER EXTENSION trovella_guard ADD EVENT TRIGGER trovella_guard_open;");
	put_event_trigger_status(result, "trovella_guard_collect",
							 "GRANT, REVOKE and (before PostgreSQL 17) switching row-level security go unnoticed: "
							 "CREATE EVENT TRIGGER trovella_guard_collect ON ddl_command_end EXECUTE FUNCTION trovella_guard_internal.collect(); "
							 "ALTER EVENT TRIGGER trovella_guard_collect ENABLE ALWAYS; "
							 "ALTER EXTENSION trovella_guard ADD EVENT TRIGGER trovella_guard_collect;");

	/* A copy or a restore of the database may have lost these */
	put_tenant_columns_status(result);
	put_setting_status(result, "profile");
	put_setting_status(result, "rules");
	put_setting_status(result, "app_role");
	put_citus_status(result);

	put_preloading_status(result);
	return (Datum) 0;
}
