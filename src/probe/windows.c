/*-------------------------------------------------------------------------
 *
 * windows.c
 *		The same trials through what else shows the rows of a table: views, and
 *		SECURITY DEFINER functions without arguments.
 *
 * What a view or function shows is told by the tenant column that it has, under
 * any name.  Where it has none, it must show the same when the rows of the other
 * tenants are gone.  A materialized view is not tried: it holds what was there
 * when it was refreshed.  (A partition is a table of its own.)
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "probe/attempt.h"
#include "probe/probe.h"
#include "rules/remedy.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define MAX_WINDOWS 50			/* of one table */
#define MAX_COMPARED 100000		/* rows of a table that is compared as a whole */

/* A view or a function. */
typedef struct Window
{
	Oid			relid;			/* of a view; else InvalidOid */
	const char *from;			/* in FROM */
	const char *row;			/* the whole row, there */
	const char *column;			/* the tenant's, quoted; or NULL */
	const char *label;			/* how the command is called */
	CommandSet	commands;
} Window;

typedef struct WindowTrial
{
	Probe	   *probe;
	Oid			role;
	const Session *session;
	const Window *window;
	CommandSet	command;
	const char *sql;
	bool		own;			/* the results */
	const char *foreign;		/* the tenant of a row that crossed */
	const char *written;		/* ... and of the one that was changed */
	const char *digest;			/* of all that it shows */
	bool		crossed;
	const char *leak;			/* the statement */
	const char *trouble;
	bool		delete_own;		/* which rows to do without */
	bool		unstable;		/* it shows something else each time */
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

/*
 * Without a tenant column
 */

static void
digest_window(void *arg)
{
	WindowTrial *trial = arg;
	MemoryContext spi;

	if (SPI_execute(psprintf("SELECT pg_catalog.md5(pg_catalog.string_agg(x, ',' ORDER BY x))"
							 " FROM (SELECT %s::pg_catalog.text AS x FROM %s) w",
							 trial->window->row, trial->window->from), false,
					0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "the rows could not be read");
	spi = MemoryContextSwitchTo(GetMemoryChunkContext(trial->probe->rows));
	trial->digest = SPI_getvalue(SPI_tuptable->vals[0],
								 SPI_tuptable->tupdesc, 1);
	if (trial->digest == NULL)
		trial->digest = "";
	MemoryContextSwitchTo(spi);
}

/* NULL if it cannot be read. */
static const char *
digest_of(WindowTrial *trial)
{
	ErrorData  *error = tg_attempt(trial->role, false, digest_window, trial);

	if (error != NULL && trial->trouble == NULL)
		trial->trouble = error->message;
	return error == NULL ? trial->digest : NULL;
}

static void
delete_rows(void *arg)
{
	WindowTrial *trial = arg;
	ListCell   *lc;

	foreach(lc, trial->probe->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (tg_session_owns(trial->session, row->tenant) == trial->delete_own)
			(void) SPI_execute(psprintf("DELETE FROM ONLY %s WHERE ctid = '(%u,%u)'",
										quote_qualified_identifier(get_namespace_name(get_rel_namespace(row->tableoid)),
																   get_rel_name(row->tableoid)),
										ItemPointerGetBlockNumberNoCheck(&row->tid),
										ItemPointerGetOffsetNumberNoCheck(&row->tid)),
							   false, 0);
	}
}

/* What it shows when the rows are gone. */
static void
digest_without(void *arg)
{
	WindowTrial *trial = arg;
	ErrorData  *error = tg_attempt_as_owner(trial->probe->facts->owner, true,
											delete_rows, trial);

	trial->digest = error == NULL ? digest_of(trial) : NULL;
}

static bool
depends_on_rows(WindowTrial *trial, const char *before, bool own)
{
	trial->delete_own = own;
	if (tg_undone(digest_without, trial) != NULL || trial->digest == NULL)
		return false;
	return strcmp(trial->digest, before) != 0;
}

static const char *
any_foreign_tenant(const WindowTrial *trial)
{
	ListCell   *lc;

	foreach(lc, trial->probe->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (row->tenant != NULL &&
			!tg_session_owns(trial->session, row->tenant))
			return row->tenant;
	}
	return NULL;
}

static void
compare_window(WindowTrial *trial)
{
	const char *before = digest_of(trial);
	const char *again = digest_of(trial);

	if (before == NULL || again == NULL)
		return;
	if (strcmp(before, again) != 0)
	{
		trial->unstable = true;
		return;
	}
	if (depends_on_rows(trial, before, false))
	{
		trial->foreign = any_foreign_tenant(trial);
		trial->leak = psprintf("SELECT * FROM %s", trial->window->from);
	}
	else if (depends_on_rows(trial, before, true))
		trial->own = true;
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

/* A row of the session's own, to each of the other tenants. */
static void
give_away(WindowTrial *trial, const List *tenants)
{
	const Window *window = trial->window;
	const char *own = NULL;
	ListCell   *lc;

	foreach(lc, tenants)
	{
		if (tg_session_owns(trial->session, lfirst(lc)))
			own = lfirst(lc);
	}
	if (own == NULL)
		return;
	foreach(lc, tenants)
	{
		if (trial->leak != NULL ||
			tg_session_owns(trial->session, lfirst(lc)))
			continue;
		trial->foreign = lfirst(lc);
		trial->written = own;
		try_statement(trial, psprintf("UPDATE %s SET %s = %s WHERE %s",
									  window->from, window->column,
									  quote_literal_cstr(lfirst(lc)),
									  condition_on_tenants(window,
														   list_make1(unconstify(char *, own)))),
					  write_window);
	}
}

static void
try_in_session(void *arg)
{
	WindowTrial *trial = arg;
	const Probe *probe = trial->probe;
	const Window *window = trial->window;
	List	   *tenants = tenants_there(probe);
	ListCell   *lc;

	if (trial->command == TG_SELECT && window->column == NULL)
		compare_window(trial);
	else if (trial->command == TG_SELECT)
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
		if (trial->command == TG_UPDATE && trial->leak == NULL)
			give_away(trial, tenants);
	}
}

static const char *
script_of(const WindowTrial *trial)
{
	const Probe *probe = trial->probe;
	const char *written = trial->written != NULL ? trial->written :
		trial->foreign;
	StringInfoData script;
	ListCell   *lc;

	initStringInfo(&script);
	appendStringInfo(&script, "%s\nBEGIN;\n",
					 tg_remedy_comment(trial->written != NULL ?
									   "a row is given to %s" :
									   trial->window->column == NULL ?
									   "this shows something else without the rows of %s" :
									   "a row of %s crosses",
									   tg_probe_tenant_text(trial->foreign)));
	appendStringInfoString(&script, "SET LOCAL session_replication_role = replica;\n");
	foreach(lc, probe->partitions)
		appendStringInfo(&script, "%s;\n", (char *) lfirst(lc));
	foreach(lc, probe->world)
		appendStringInfo(&script, "%s;\n", (char *) lfirst(lc));
	foreach(lc, probe->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (row->sql != NULL && row->tenant != NULL && written != NULL &&
			strcmp(row->tenant, written) == 0)
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

/* To compare all that a view shows would read it. */
static bool
is_too_large(const Probe *probe)
{
	HeapTuple	tuple = SearchSysCache1(RELOID,
										ObjectIdGetDatum(probe->facts->relid));
	bool		result = HeapTupleIsValid(tuple) &&
		((Form_pg_class) GETSTRUCT(tuple))->reltuples > MAX_COMPARED;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return result;
}

/* One command through one window, in the sessions of a group. */
static ProbeResult *
try_window(Probe *probe, Oid role, List *sessions, const char *group,
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
	if (window->column == NULL &&
		(command != TG_SELECT || is_too_large(probe)))
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
		trial.written = NULL;
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
	if (trial.unstable)
	{
		result->outcome = OUTCOME_NOT_TRIED;
		result->evidence = "needs a column with the tenant: it shows something else each time";
	}
	else if (command == TG_SELECT && strcmp(group, "bound") == 0 && !trial.own)
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
		window->row = psprintf("%s", quote_identifier(facts->name));
		if (get_attnum(facts->relid, probe->facts->tenant->name) > 0)
			window->column = quote_identifier(probe->facts->tenant->name);
		else if (tg_probe_tenant_column(probe->clues, facts->relid) > 0)
			window->column = quote_identifier(get_attname(facts->relid,
														  tg_probe_tenant_column(probe->clues, facts->relid),
														  false));
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

/* The column of what a function returns that has the tenant, or NULL. */
static const char *
column_of_function(const Probe *probe, Oid function)
{
	const char *name = probe->facts->tenant->name;
	int			number = tg_probe_tenant_column(probe->clues, function);
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	TupleDesc	desc = build_function_result_tupdesc_t(tuple);
	Oid			relid = get_typ_typrelid(get_func_rettype(function));
	const char *result = NULL;

	ReleaseSysCache(tuple);
	if (OidIsValid(relid))
		return get_attnum(relid, name) > 0 ? name : NULL;
	/* what it returns is no row, but the tenant */
	if (desc == NULL)
		return number == 1 ? "f" : NULL;
	for (int i = 0; i < desc->natts; i++)
	{
		const char *column = NameStr(TupleDescAttr(desc, i)->attname);

		if (strcmp(column, name) == 0)
			return pstrdup(column);
		if (i + 1 == number)
			result = pstrdup(column);
	}
	return result;
}

/* Rows, or at least several values; and no arguments are needed. */
static bool
is_window(const DefinerFacts *definer)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID,
										ObjectIdGetDatum(definer->oid));
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	bool		result = !definer->is_procedure &&
		form->pronargs == form->pronargdefaults &&
		(definer->returns_rows || form->proretset);

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
		const char *column;
		Window	   *window;

		if (!is_window(read->definer) ||
			!TG_MAY_EXECUTE(function, role) || !TG_MAY_USE_SCHEMA(schema, role))
			continue;
		window = palloc0(sizeof(Window));
		window->from = psprintf("%s() f",
								quote_qualified_identifier(get_namespace_name(schema),
														   get_func_name(function)));
		window->label = psprintf("function %s",
								 pnstrdup(window->from, strlen(window->from) - 2));
		window->row = "f";
		column = column_of_function(probe, function);
		if (column != NULL)
			window->column = psprintf("f.%s", quote_identifier(column));
		window->commands = TG_SELECT;
		result = lappend(result, window);
	}
	return result;
}

List *
tg_probe_try_windows(Probe *probe, Oid role, List *sessions,
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
