/*-------------------------------------------------------------------------
 *
 * windows.c
 *		The same trials through what else shows the rows of a table: views, and
 *		SECURITY DEFINER functions without arguments.
 *
 * What a view or function shows is told by the tenant column that it has.  One
 * that has none is not tried.  Neither is a materialized view: it holds what was
 * there when it was refreshed.  (A partition is a table of its own.)
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "probe/probe.h"
#include "rules/remedy.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define MAX_WINDOWS 50			/* of one table */

/* A view or a function. */
typedef struct Window
{
	Oid			relid;			/* of a view; else InvalidOid */
	const char *from;			/* in FROM */
	const char *column;			/* the tenant's, quoted; or NULL */
	const char *label;			/* how the command is called */
	CommandSet	commands;
} Window;

typedef struct WindowTrial
{
	const Probe *probe;
	Oid			role;
	const Session *session;
	const Window *window;
	CommandSet	command;
	const char *sql;
	bool		own;			/* the results */
	const char *foreign;		/* the tenant of a row that crossed */
	bool		crossed;
	const char *leak;			/* the statement */
	const char *trouble;
} WindowTrial;

/* The tenants of the rows that are there, once each. */
static List *
tenants_there(const Probe *probe)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, probe->rows)
	{
		ProbeRow   *row = lfirst(lc);
		bool		seen = row->tenant == NULL;
		ListCell   *lc2;

		foreach(lc2, result)
			seen |= row->tenant != NULL && strcmp(lfirst(lc2), row->tenant) == 0;
		if (!seen)
			result = lappend(result, unconstify(char *, row->tenant));
	}
	return result;
}

static char *
condition_on_tenants(const Window *window, const List *tenants)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s::pg_catalog.text IN (", window->column);
	foreach(lc, tenants)
		appendStringInfo(&sql, "%s%s",
						 foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr(lfirst(lc)));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

static void
read_window(void *arg)
{
	WindowTrial *trial = arg;

	if (SPI_execute(trial->sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "the rows could not be read");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *tenant = SPI_getvalue(SPI_tuptable->vals[i],
										  SPI_tuptable->tupdesc, 1);

		if (tg_session_owns(trial->session, tenant))
			trial->own = true;
		else if (!trial->crossed)
		{
			MemoryContext spi =
				MemoryContextSwitchTo(GetMemoryChunkContext(trial->probe->rows));

			trial->crossed = true;
			trial->foreign = tenant != NULL ? pstrdup(tenant) : NULL;
			MemoryContextSwitchTo(spi);
		}
	}
}

static void
write_window(void *arg)
{
	WindowTrial *trial = arg;

	if (SPI_execute(trial->sql, false, 0) < 0)
		elog(ERROR, "the statement could not be run");
	trial->crossed = SPI_processed > 0;
}

static void
try_statement(WindowTrial *trial, const char *sql, AttemptAction action)
{
	ErrorData  *error;

	trial->sql = sql;
	error = tg_attempt(trial->role, false, action, trial);
	if (error != NULL && trial->trouble == NULL)
		trial->trouble = error->message;
	if (error == NULL && trial->crossed)
		trial->leak = sql;
}

/* An INSERT of what the view has of the table's columns. */
static char *
insert_sql(const WindowTrial *trial, const NewRow *row)
{
	const TableShape *shape = trial->probe->shape;
	TableShape	view = *shape;
	const char **values = palloc(shape->natts * sizeof(char *));

	view.name = trial->window->from;
	for (int i = 0; i < shape->natts; i++)
	{
		bool		has = !shape->columns[i].skipped &&
			get_attnum(trial->window->relid,
					   shape->columns[i].name) != InvalidAttrNumber;

		values[i] = has ? row->values[i] : tg_left_out;
	}
	return tg_probe_insert_sql(&view, values, InvalidOid);
}

static void
try_in_session(void *arg)
{
	WindowTrial *trial = arg;
	const Probe *probe = trial->probe;
	const Window *window = trial->window;
	List	   *tenants = tenants_there(probe);
	ListCell   *lc;

	if (trial->command == TG_SELECT)
		try_statement(trial,
					  psprintf("SELECT %s::pg_catalog.text FROM %s WHERE %s",
							   window->column, window->from,
							   condition_on_tenants(window, tenants)),
					  read_window);
	else if (trial->command == TG_INSERT)
	{
		foreach(lc, probe->foreign_values)
		{
			NewRow	   *row = lfirst(lc);

			if (trial->leak == NULL && foreach_current_index(lc) < 16 &&
				!tg_session_owns(trial->session, row->tenant))
				try_statement(trial, insert_sql(trial, row), write_window);
			trial->foreign = row->tenant;
			if (trial->leak != NULL)
				return;
		}
	}
	else
	{
		foreach(lc, tenants)
		{
			List	   *one = list_make1(lfirst(lc));
			const char *where = condition_on_tenants(window, one);

			if (trial->leak != NULL ||
				tg_session_owns(trial->session, lfirst(lc)))
				continue;
			trial->foreign = lfirst(lc);
			try_statement(trial, trial->command == TG_DELETE ?
						  psprintf("DELETE FROM %s WHERE %s", window->from, where) :
						  psprintf("UPDATE %s SET %s = %s WHERE %s",
								   window->from, window->column,
								   window->column, where),
						  write_window);
		}
	}
}

static const char *
script_of(const WindowTrial *trial)
{
	const Probe *probe = trial->probe;
	StringInfoData script;
	ListCell   *lc;

	initStringInfo(&script);
	appendStringInfo(&script, "%s\nBEGIN;\n",
					 tg_remedy_comment("a row of %s crosses",
									   tg_probe_tenant_text(trial->foreign)));
	appendStringInfoString(&script, "SET LOCAL session_replication_role = replica;\n");
	foreach(lc, probe->partitions)
		appendStringInfo(&script, "%s;\n", (char *) lfirst(lc));
	foreach(lc, probe->world)
		appendStringInfo(&script, "%s;\n", (char *) lfirst(lc));
	foreach(lc, probe->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (row->sql != NULL && row->tenant != NULL && trial->foreign != NULL &&
			strcmp(row->tenant, trial->foreign) == 0)
		{
			appendStringInfo(&script, "%s;\n", row->sql);
			break;
		}
	}
	appendStringInfoString(&script, tg_session_script(probe, trial->session,
													  trial->role));
	appendStringInfo(&script, "%s;\nROLLBACK;", trial->leak);
	return script.data;
}

/* One command through one window, in the sessions of a group. */
static ProbeResult *
try_window(const Probe *probe, Oid role, List *sessions, const char *group,
		   const Window *window, CommandSet command)
{
	ProbeResult *result = palloc0(sizeof(ProbeResult));
	WindowTrial trial = {
		.probe = probe,.role = role,.window = window,.command = command
	};
	ListCell   *lc;

	result->relation = window->relid;
	result->group = group;
	result->command = window->label != NULL ? window->label :
		tg_probe_command_name(command);
	if (window->column == NULL)
	{
		result->outcome = OUTCOME_NOT_TRIED;
		result->evidence = "needs a column with the tenant";
		return result;
	}
	foreach(lc, sessions)
	{
		ErrorData  *error;

		trial.session = lfirst(lc);
		if (strcmp(trial.session->group, group) != 0)
			continue;
		trial.crossed = false;
		error = tg_in_session(probe, trial.session, role, try_in_session,
							  &trial);
		if (error != NULL && trial.trouble == NULL)
			trial.trouble = error->message;
		if (trial.leak != NULL)
		{
			result->outcome = OUTCOME_LEAKS;
			result->evidence = script_of(&trial);
			return result;
		}
	}
	result->outcome = OUTCOME_ISOLATED;
	if (command == TG_SELECT && strcmp(group, "bound") == 0 && !trial.own)
	{
		result->outcome = OUTCOME_VACUOUS;
		result->evidence = trial.trouble != NULL ? trial.trouble :
			"the session does not reach a row of its own tenant either";
	}
	return result;
}

/*
 * Which windows there are
 */

static List *
views_of(const Probe *probe, Oid role)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tg_facts_dependent_views(probe->reader, probe->facts->relid))
	{
		const RelationFacts *facts = tg_facts_outline(probe->reader,
													  lfirst_oid(lc));
		Window	   *window;
		CommandSet	possible;

		if (facts == NULL || facts->kind != RELKIND_VIEW ||
			!TG_MAY_USE_SCHEMA(facts->schema_oid, role))
			continue;
		window = palloc0(sizeof(Window));
		window->relid = facts->relid;
		window->from = quote_qualified_identifier(facts->schema, facts->name);
		if (get_attnum(facts->relid, probe->facts->tenant->name) > 0)
			window->column = quote_identifier(probe->facts->tenant->name);
		possible = tg_facts_possible_commands(probe->reader, facts->relid);
		for (CommandSet command = TG_SELECT; command <= TG_DELETE; command <<= 1)
		{
			AclMode		privilege = tg_probe_privilege(command);

			if ((command == TG_SELECT || (possible & command) != 0) &&
				pg_class_aclcheck(facts->relid, role,
								  privilege) == ACLCHECK_OK)
				window->commands |= command;
		}
		if (window->commands != TG_NO_COMMAND)
			result = lappend(result, window);
	}
	return result;
}

/* Has a function a column of the tenant's name among what it returns? */
static bool
returns_column(Oid function, const char *name)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	TupleDesc	desc = build_function_result_tupdesc_t(tuple);
	Oid			relid = get_typ_typrelid(get_func_rettype(function));
	bool		result = OidIsValid(relid) && get_attnum(relid, name) > 0;

	for (int i = 0; desc != NULL && i < desc->natts; i++)
		result |= strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0;
	ReleaseSysCache(tuple);
	return result;
}

static List *
functions_of(const Probe *probe, Oid role)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tg_facts_definers_reading(probe->reader, probe->facts))
	{
		DefinerRead *read = lfirst(lc);
		Oid			function = read->definer->oid;
		Oid			schema = get_func_namespace(function);
		Window	   *window;

		if (read->definer->is_procedure || get_func_nargs(function) != 0 ||
			!read->definer->returns_rows ||
			!TG_MAY_EXECUTE(function, role) || !TG_MAY_USE_SCHEMA(schema, role))
			continue;
		window = palloc0(sizeof(Window));
		window->from = psprintf("%s() f",
								quote_qualified_identifier(get_namespace_name(schema),
														   get_func_name(function)));
		window->label = psprintf("function %s",
								 pnstrdup(window->from, strlen(window->from) - 2));
		if (returns_column(function, probe->facts->tenant->name))
			window->column = psprintf("f.%s",
									  quote_identifier(probe->facts->tenant->name));
		window->commands = TG_SELECT;
		result = lappend(result, window);
	}
	return result;
}

List *
tg_probe_try_windows(const Probe *probe, Oid role, List *sessions,
					 const char *group)
{
	List	   *windows = list_concat(views_of(probe, role),
									  functions_of(probe, role));
	List	   *results = NIL;
	ListCell   *lc;

	foreach(lc, windows)
	{
		const Window *window = lfirst(lc);

		if (foreach_current_index(lc) >= MAX_WINDOWS)
			break;
		for (CommandSet command = TG_SELECT; command <= TG_DELETE; command <<= 1)
		{
			if ((window->commands & command) != 0)
				results = lappend(results, try_window(probe, role, sessions,
													  group, window, command));
		}
	}
	return results;
}
