/*-------------------------------------------------------------------------
 *
 * trials.c
 *		SELECT, INSERT, UPDATE and DELETE in one session after the other.
 *
 * UPDATE and DELETE are aimed at one row by WHERE CURRENT OF a cursor that the
 * owner of the table opened.  So they read no column, which would bring the
 * policies for SELECT in, and no other row of the table is touched.
 *
 * A command counts as tried in a session only if it does to the session's own row
 * what it must not do to another's; otherwise it is vacuous.
 *
 * Triggers and foreign keys are disabled.  A key that the tenant is a part of is
 * checked here, because it may be what keeps a new row out.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "probe/attempt.h"
#include "probe/probe.h"
#include "rules/remedy.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define CURSOR "trovella_guard_probe"
#define MAX_TARGETS 48			/* rows of others to aim at */

static const char *const command_names[PROBE_COMMANDS] = {
	"SELECT", "INSERT", "UPDATE", "DELETE"
};
static const CommandSet command_sets[PROBE_COMMANDS] = {
	TG_SELECT, TG_INSERT, TG_UPDATE, TG_DELETE
};
static const AclMode command_privileges[PROBE_COMMANDS] = {
	ACL_SELECT, ACL_INSERT, ACL_UPDATE, ACL_DELETE
};

enum
{
	TRY_SELECT, TRY_INSERT, TRY_UPDATE, TRY_DELETE
};

const char *
tg_probe_command_name(CommandSet command)
{
	for (int i = 0; i < PROBE_COMMANDS; i++)
	{
		if (command_sets[i] == command)
			return command_names[i];
	}
	return "";
}

AclMode
tg_probe_privilege(CommandSet command)
{
	for (int i = 0; i < PROBE_COMMANDS; i++)
	{
		if (command_sets[i] == command)
			return command_privileges[i];
	}
	return ACL_NO_RIGHTS;
}

/* What a command did in the sessions of a group. */
typedef struct CommandState
{
	bool		tried;
	bool		own_reached;	/* a row of the session's own tenant */
	bool		not_permitted;	/* the role lacks the privilege */
	const char *trouble;		/* the last error */
	bool		timed_out;
	const char *leak;			/* the evidence, or NULL */
} CommandState;

typedef struct Trials
{
	Probe	   *probe;
	Oid			role;
	const Session *session;
	SPIPlanPtr	select_plan;
	SPIPlanPtr	aim_plan;
	CommandState *states;
} Trials;

/*
 * Evidence
 */

const char *
tg_probe_tenant_text(const char *tenant)
{
	return tenant == NULL ? "no tenant" : psprintf("tenant %s", tenant);
}

/* A row that was there is named by its place; of one that was made, the tenant. */
static char *
condition_on(const Probe *probe, const ProbeRow *row)
{
	const char *column = quote_identifier(probe->facts->tenant->name);

	if (row->sql == NULL)
		return psprintf("tableoid = %s::pg_catalog.regclass AND ctid = '(%u,%u)'",
						quote_literal_cstr(quote_qualified_identifier(get_namespace_name(get_rel_namespace(row->tableoid)),
																	  get_rel_name(row->tableoid))),
						ItemPointerGetBlockNumberNoCheck(&row->tid),
						ItemPointerGetOffsetNumberNoCheck(&row->tid));
	return row->tenant == NULL ? psprintf("%s IS NULL", column) :
		psprintf("%s = %s", column, quote_literal_cstr(row->tenant));
}

/* "aimed": the statement is WHERE CURRENT OF a cursor on the row. */
static void
note_leak(Trials *trials, int command, const ProbeRow *row, bool aimed,
		  const char *statement, const char *what)
{
	const Probe *probe = trials->probe;
	StringInfoData script;
	ListCell   *lc;

	if (trials->states[command].leak != NULL)
		return;
	initStringInfo(&script);
	appendStringInfo(&script, "%s\nBEGIN;\n", tg_remedy_comment("%s", what));
	if (probe->world != NIL || probe->partitions != NIL || (row != NULL && row->sql != NULL))
		appendStringInfoString(&script, "SET LOCAL session_replication_role = replica;\n");
	foreach(lc, probe->partitions)
		appendStringInfo(&script, "%s;\n", (char *) lfirst(lc));
	foreach(lc, probe->world)
		appendStringInfo(&script, "%s;\n", (char *) lfirst(lc));
	if (row != NULL && row->sql != NULL)
		appendStringInfo(&script, "%s;\n", row->sql);
	if (aimed)
		appendStringInfo(&script, "DECLARE c CURSOR FOR SELECT FROM %s WHERE %s;\nMOVE c;\n",
						 probe->shape->name, condition_on(probe, row));
	appendStringInfoString(&script, tg_session_script(probe, trials->session,
													  trials->role));
	appendStringInfo(&script, "%s%s;\nROLLBACK;", statement,
					 aimed ? " WHERE CURRENT OF c" : "");
	trials->states[command].leak = script.data;
}

static void
note_error(Trials *trials, int command, const ErrorData *error)
{
	CommandState *state = &trials->states[command];

	if (state->trouble == NULL)
		state->trouble = error->message;
	if (tg_attempt_timed_out(error))
	{
		state->timed_out = true;
		trials->probe->slow[command] = true;
	}
}

/*
 * SELECT
 */

typedef struct Reading
{
	Trials	   *trials;
	List	   *rows;			/* of ProbeRow: to look for */
	const ProbeRow *foreign;	/* the result */
	bool		own;
} Reading;

static void
read_rows(void *arg)
{
	Reading    *reading = arg;
	Datum	   *tids = palloc(list_length(reading->rows) * sizeof(Datum));
	Datum		parameter;
	int			count = 0;
	ListCell   *lc;

	foreach(lc, reading->rows)
		tids[count++] = PointerGetDatum(&((ProbeRow *) lfirst(lc))->tid);
	parameter = PointerGetDatum(construct_array(tids, count, TIDOID,
												sizeof(ItemPointerData),
												false, TYPALIGN_SHORT));
	if (SPI_execute_plan(reading->trials->select_plan, &parameter, NULL,
						 false, 0) != SPI_OK_SELECT)
		elog(ERROR, "the rows could not be read");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		Oid			tableoid = DatumGetObjectId(SPI_getbinval(tuple, desc, 1,
															  &isnull));
		ItemPointer tid = (ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 2,
																	  &isnull));

		foreach(lc, reading->rows)
		{
			ProbeRow   *row = lfirst(lc);

			if (row->tableoid != tableoid ||
				!ItemPointerEquals(&row->tid, tid))
				continue;
			if (tg_session_owns(reading->trials->session, row->tenant))
				reading->own = true;
			else if (reading->foreign == NULL)
				reading->foreign = row;
		}
	}
}

/* By tenants, if the role may read only this column: without its place. */
static void
read_tenants(void *arg)
{
	Reading    *reading = arg;
	const Probe *probe = reading->trials->probe;
	const char *column = quote_identifier(probe->facts->tenant->name);
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, reading->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (row->tenant != NULL)
			appendStringInfo(&sql, "%s%s", sql.len > 0 ? ", " : "",
							 quote_literal_cstr(row->tenant));
	}
	if (SPI_execute(psprintf("SELECT %s::pg_catalog.text FROM %s WHERE %s IN (%s)",
							 column, probe->shape->name, column, sql.data),
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "the rows could not be read");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *tenant = SPI_getvalue(SPI_tuptable->vals[i],
										  SPI_tuptable->tupdesc, 1);

		foreach(lc, reading->rows)
		{
			ProbeRow   *row = lfirst(lc);

			if (row->tenant == NULL || strcmp(row->tenant, tenant) != 0)
				continue;
			if (tg_session_owns(reading->trials->session, tenant))
				reading->own = true;
			else if (reading->foreign == NULL)
				reading->foreign = row;
		}
	}
}

static void
try_select(Trials *trials)
{
	Probe	   *probe = trials->probe;
	Reading		reading = {trials, probe->rows, NULL, false};
	CommandState *state = &trials->states[TRY_SELECT];
	Oid			relid = probe->facts->relid;
	bool		by_tenant =
		pg_class_aclcheck(relid, trials->role, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck(relid, probe->facts->tenant->attnum,
							  trials->role, ACL_SELECT) == ACLCHECK_OK;
	ErrorData  *error = tg_attempt(trials->role, false,
								   by_tenant ? read_tenants : read_rows,
								   &reading);

	if (error != NULL)
	{
		ListCell   *lc;

		note_error(trials, TRY_SELECT, error);
		/* what one row raises may hide another one */
		foreach(lc, probe->rows)
		{
			if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE ||
				tg_attempt_timed_out(error))
				break;
			reading.rows = list_make1(lfirst(lc));
			(void) tg_attempt(trials->role, false,
							  by_tenant ? read_tenants : read_rows, &reading);
		}
	}
	state->tried = true;
	state->own_reached |= reading.own;
	if (reading.foreign != NULL)
		note_leak(trials, TRY_SELECT, reading.foreign, false,
				  psprintf("SELECT %s FROM %s WHERE %s", by_tenant ?
						   quote_identifier(probe->facts->tenant->name) : "*",
						   probe->shape->name,
						   condition_on(probe, reading.foreign)),
				  psprintf("SELECT shows a row of %s",
						   tg_probe_tenant_text(reading.foreign->tenant)));
}

/*
 * Writing
 */

typedef struct Writing
{
	Trials	   *trials;
	const char *sql;
	const char **values;		/* of the new row, to check its keys; or NULL */
	uint64		processed;		/* the result */
} Writing;

typedef struct KeyCheck
{
	const char *sql;
	bool		found;
} KeyCheck;

static void
check_key(void *arg)
{
	KeyCheck   *check = arg;

	if (SPI_execute(check->sql, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "a foreign key could not be checked");
	check->found = SPI_processed > 0;
}

/*
 * Do the keys that the tenant is a part of refer to something, or to what could
 * be there as well?  Where two tenants may have a project number 7, the key keeps
 * no row out.
 */
static bool
keys_hold(Probe *probe, const char **values)
{
	ListCell   *lc;

	foreach(lc, probe->facts->foreign_keys)
	{
		const ForeignKeyFacts *key = lfirst(lc);
		const RelationFacts *referenced;
		StringInfoData sql;
		KeyCheck	check = {0};
		bool		has_tenant = false;
		int			nulls = 0;

		if (!key->enforced || key->nkeys < 2)
			continue;
		referenced = tg_facts_outline(probe->reader, key->referenced);
		if (referenced == NULL ||
			!tg_probe_may_become(probe, referenced->owner))
			continue;
		initStringInfo(&sql);
		appendStringInfo(&sql, "SELECT FROM %s WHERE true",
						 quote_qualified_identifier(referenced->schema,
													referenced->name));
		for (int i = 0; i < key->nkeys; i++)
		{
			const char *value = values[key->keys[i] - 1];

			if (key->keys[i] == probe->facts->tenant->attnum)
				has_tenant = true;
			if (value == NULL || value == tg_left_out)
			{
				nulls++;
				continue;
			}
			appendStringInfo(&sql, " AND %s = %s",
							 quote_identifier(get_attname(key->referenced,
														  key->referenced_keys[i],
														  false)),
							 quote_literal_cstr(value));
		}
		if (!has_tenant)
			continue;
		if (nulls > 0)
		{
			if (key->match == FKCONSTR_MATCH_FULL && nulls < key->nkeys)
				return false;
			continue;
		}
		check.sql = sql.data;
		if (tg_attempt_as_owner(referenced->owner, false, check_key,
								&check) == NULL &&
			!check.found && !tg_probe_can_make_parent(probe, key, values))
			return false;
	}
	return true;
}

static void
write_row(void *arg)
{
	Writing    *writing = arg;

	if (SPI_execute(writing->sql, false, 0) < 0)
		elog(ERROR, "the statement could not be run");
	writing->processed = SPI_processed;
	if (writing->processed > 0 && writing->values != NULL &&
		!keys_hold(writing->trials->probe, writing->values))
		writing->processed = 0;
}

/* Runs a statement; does it write a row, of its own tenant? */
static bool
writes(Trials *trials, int command, const char *sql, const char **values,
	   bool own)
{
	Writing		writing = {trials, sql, values, 0};
	ErrorData  *error = tg_attempt(trials->role, false, write_row, &writing);

	trials->states[command].tried = true;
	if (error == NULL)
		return writing.processed > 0;
	/* policies come before unique indexes */
	if (own && (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
				error->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION))
		return true;
	note_error(trials, command, error);
	return false;
}

static void
try_insert(Trials *trials)
{
	Probe	   *probe = trials->probe;
	CommandState *state = &trials->states[TRY_INSERT];
	ListCell   *lc;

	foreach(lc, probe->foreign_values)
	{
		NewRow	   *row = lfirst(lc);
		bool		own = tg_session_owns(trials->session, row->tenant);
		char	   *sql;

		if (state->timed_out)
			return;
		if (own && state->own_reached)
			continue;
		sql = tg_probe_insert_sql(probe->shape, row->values, trials->role);
		if (!writes(trials, TRY_INSERT, sql, row->values, own))
			continue;
		if (own)
			state->own_reached = true;
		else
		{
			note_leak(trials, TRY_INSERT, NULL, false, sql,
					  psprintf("INSERT adds a row of %s",
							   tg_probe_tenant_text(row->tenant)));
			return;
		}
	}
}

typedef struct Aim
{
	Trials	   *trials;
	const ProbeRow *row;
} Aim;

static void
aim_at_row(void *arg)
{
	Aim		   *aim = arg;
	Datum		values[] = {
		PointerGetDatum(unconstify(ItemPointerData *, &aim->row->tid)),
		ObjectIdGetDatum(aim->row->tableoid)
	};
	Portal		portal = SPI_cursor_open(CURSOR, aim->trials->aim_plan, values,
										 NULL, false);

	SPI_cursor_fetch(portal, true, 1);
	if (SPI_processed != 1)
		elog(ERROR, "the row is gone");
}

/* UPDATE or DELETE of one row: does it write it? */
static bool
hits(Trials *trials, int command, const ProbeRow *row, const char *sql,
	 const char **values)
{
	Aim			aim = {trials, row};
	ErrorData  *error = tg_attempt_as_owner(trials->probe->facts->owner,
											true, aim_at_row, &aim);
	bool		result;
	Portal		portal;

	if (error != NULL)
	{
		note_error(trials, command, error);
		return false;
	}
	result = writes(trials, command, psprintf("%s WHERE CURRENT OF %s", sql,
											  CURSOR), values, false);
	portal = SPI_cursor_find(CURSOR);
	if (portal != NULL)
		SPI_cursor_close(portal);
	return result;
}

static void
try_delete(Trials *trials)
{
	Probe	   *probe = trials->probe;
	CommandState *state = &trials->states[TRY_DELETE];
	char	   *sql = psprintf("DELETE FROM %s", probe->shape->name);
	int			left = MAX_TARGETS;
	ListCell   *lc;

	foreach(lc, probe->rows)
	{
		ProbeRow   *row = lfirst(lc);
		bool		own = tg_session_owns(trials->session, row->tenant);

		if (own && state->own_reached)
			continue;
		if (left-- <= 0 || state->timed_out)
			return;
		if (!hits(trials, TRY_DELETE, row, sql, NULL))
			continue;
		if (own)
			state->own_reached = true;
		else
		{
			note_leak(trials, TRY_DELETE, row, true, sql,
					  psprintf("DELETE removes a row of %s",
							   tg_probe_tenant_text(row->tenant)));
			return;
		}
	}
}

static bool
may_update(const Trials *trials, AttrNumber attnum)
{
	Oid			relid = trials->probe->facts->relid;

	return pg_class_aclcheck(relid, trials->role, ACL_UPDATE) == ACLCHECK_OK ||
		pg_attribute_aclcheck(relid, attnum, trials->role,
							  ACL_UPDATE) == ACLCHECK_OK;
}

/*
 * UPDATE ... SET: the tenant, and if there are values what policies look at.  NULL
 * if the role may update none of these columns.
 */
static char *
update_sql(const Trials *trials, const char *tenant, const char **values)
{
	const Probe *probe = trials->probe;
	StringInfoData sql;
	int			start;

	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s SET ", probe->shape->name);
	start = sql.len;
	for (int i = 0; i < probe->shape->natts; i++)
	{
		ShapeColumn *column = &probe->shape->columns[i];
		bool		is_tenant = i + 1 == probe->facts->tenant->attnum;
		const char *value = is_tenant ? tenant :
			values != NULL ? values[i] : tg_left_out;

		if (column->skipped || value == tg_left_out ||
			(!is_tenant && column->term == NULL && column->parts == NIL) ||
			!may_update(trials, i + 1))
			continue;
		appendStringInfo(&sql, "%s%s = %s", sql.len > start ? ", " : "",
						 quote_identifier(column->name),
						 value == NULL ? "NULL" : quote_literal_cstr(value));
	}
	return sql.len > start ? sql.data : NULL;
}

/* Some column is set to what it has, or to its default. */
static char *
harmless_update_sql(const Trials *trials, const ProbeRow *row)
{
	const Probe *probe = trials->probe;

	for (int i = 0; i < probe->shape->natts; i++)
	{
		ShapeColumn *column = &probe->shape->columns[i];
		const char *value = row->values != NULL ? row->values[i] : tg_left_out;

		if (column->skipped || column->term != NULL || column->parts != NIL ||
			column->unique || !may_update(trials, i + 1))
			continue;
		if (value == tg_left_out && !column->left_out)
			continue;
		return psprintf("UPDATE %s SET %s = %s", probe->shape->name,
						quote_identifier(column->name),
						value == tg_left_out ? "DEFAULT" :
						value == NULL ? "NULL" : quote_literal_cstr(value));
	}
	return NULL;
}

/* The values that the row has after an UPDATE, to check its keys. */
static const char **
merged_values(const Trials *trials, const ProbeRow *row, const char *tenant,
			  const char **values)
{
	const Probe *probe = trials->probe;
	const char **result;

	if (row->values == NULL)
		return NULL;
	result = palloc(probe->shape->natts * sizeof(char *));
	for (int i = 0; i < probe->shape->natts; i++)
	{
		ShapeColumn *column = &probe->shape->columns[i];

		result[i] = row->values[i];
		if (column->skipped || !may_update(trials, i + 1))
			continue;
		if (i + 1 == probe->facts->tenant->attnum)
			result[i] = tenant;
		else if (values != NULL && values[i] != tg_left_out &&
				 (column->term != NULL || column->parts != NIL))
			result[i] = values[i];
	}
	return result;
}

/* A row of another tenant: as it is, and taken over. */
static bool
try_update_foreign(Trials *trials, const ProbeRow *row)
{
	const Probe *probe = trials->probe;
	bool		tenant_moves = may_update(trials, probe->facts->tenant->attnum);
	char	   *attempts[2];
	ListCell   *lc;

	attempts[0] = harmless_update_sql(trials, row);
	if (attempts[0] == NULL)
		attempts[0] = update_sql(trials, row->tenant, NULL);
	attempts[1] = NULL;
	if (tenant_moves)
	{
		foreach(lc, probe->rows)
		{
			ProbeRow   *own = lfirst(lc);

			if (own->values != NULL &&
				tg_session_owns(trials->session, own->tenant))
			{
				attempts[1] = update_sql(trials, own->tenant, own->values);
				break;
			}
		}
	}
	for (int i = 0; i < 2; i++)
	{
		if (attempts[i] != NULL &&
			hits(trials, TRY_UPDATE, row, attempts[i], NULL))
		{
			note_leak(trials, TRY_UPDATE, row, true, attempts[i],
					  psprintf("UPDATE %s a row of %s",
							   i == 0 ? "changes" : "takes over",
							   tg_probe_tenant_text(row->tenant)));
			return true;
		}
	}
	return false;
}

/* A row of the session's own that is given away. */
static void
try_update_own(Trials *trials, const ProbeRow *row)
{
	const Probe *probe = trials->probe;
	ListCell   *lc;
	int			alone = 0;

	if (!may_update(trials, probe->facts->tenant->attnum))
		return;
	foreach(lc, probe->foreign_values)
	{
		NewRow	   *new_row = lfirst(lc);

		if (tg_session_owns(trials->session, new_row->tenant))
			continue;
		for (int i = 0; i < 2; i++)
		{
			const char **values = i == 0 ? NULL : new_row->values;
			char	   *sql;

			/* once for each of the first tenants, as it is */
			if (trials->states[TRY_UPDATE].timed_out ||
				(i == 0 && alone++ > 20))
				continue;
			sql = update_sql(trials, new_row->tenant, values);
			if (sql != NULL &&
				hits(trials, TRY_UPDATE, row, sql,
					 merged_values(trials, row, new_row->tenant, values)))
			{
				note_leak(trials, TRY_UPDATE, row, true, sql,
						  psprintf("UPDATE gives a row to %s",
								   tg_probe_tenant_text(new_row->tenant)));
				return;
			}
		}
	}
}

static void
try_update(Trials *trials)
{
	Probe	   *probe = trials->probe;
	CommandState *state = &trials->states[TRY_UPDATE];
	const ProbeRow *reached = NULL;
	int			left = MAX_TARGETS;
	ListCell   *lc;

	foreach(lc, probe->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (state->timed_out)
			return;
		if (left-- <= 0)
			break;
		if (!tg_session_owns(trials->session, row->tenant))
		{
			if (try_update_foreign(trials, row))
				return;
		}
		else if (reached == NULL)
		{
			char	   *sql = harmless_update_sql(trials, row);

			if ((sql != NULL && hits(trials, TRY_UPDATE, row, sql, NULL)) ||
				((sql = update_sql(trials, row->tenant, NULL)) != NULL &&
				 hits(trials, TRY_UPDATE, row, sql, NULL)))
			{
				reached = row;
				state->own_reached = true;
			}
		}
	}
	/* WITH CHECK may refuse what the row is, and accept what it becomes */
	foreach(lc, probe->rows)
	{
		ProbeRow   *row = lfirst(lc);

		if (state->leak != NULL || reached != NULL)
			break;
		if (tg_session_owns(trials->session, row->tenant))
			reached = row;
	}
	if (reached != NULL && state->leak == NULL)
		try_update_own(trials, reached);
}

/*
 * Sessions
 */

typedef void (*TryCommand) (Trials *trials);

static const TryCommand try_commands[PROBE_COMMANDS] = {
	try_select, try_insert, try_update, try_delete
};

static bool
is_permitted(const Trials *trials, int command)
{
	AclMode		privilege = command_privileges[command];
	Oid			relid = trials->probe->facts->relid;

	return pg_class_aclcheck(relid, trials->role, privilege) == ACLCHECK_OK ||
		(privilege != ACL_DELETE &&
		 pg_attribute_aclcheck_all(relid, trials->role, privilege,
								   ACLMASK_ANY) == ACLCHECK_OK);
}

static void
try_session(void *arg)
{
	Trials	   *trials = arg;

	/* B's session is there for the plans that it leaves behind */
	bool		reads_only = strcmp(trials->session->group, "bound") == 0 &&
		tg_session_owns(trials->session, trials->probe->tenants[TENANT_B]);

	for (int i = 0; i < PROBE_COMMANDS; i++)
	{
		if (trials->probe->slow[i])
			trials->states[i].timed_out = true;
		else if (trials->states[i].leak == NULL && is_permitted(trials, i) &&
				 (i == TRY_SELECT || !reads_only))
			try_commands[i] (trials);
	}
}

static bool
is_for_role(const PolicyFacts *policy, Oid role)
{
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		if (!OidIsValid(lfirst_oid(lc)) ||
			has_privs_of_role(role, lfirst_oid(lc)))
			return true;
	}
	return false;
}

static bool
has_policy(const RelationFacts *facts, Oid role, CommandSet command)
{
	ListCell   *lc;

	if (!facts->rls_enabled)
		return true;
	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);

		if (policy->permissive && (policy->commands & command) != 0 &&
			is_for_role(policy, role))
			return true;
	}
	return false;
}

static ProbeResult *
result_of(const Trials *trials, int command, const char *group)
{
	const CommandState *state = &trials->states[command];
	ProbeResult *result = palloc0(sizeof(ProbeResult));

	result->command = command_names[command];
	result->group = group;
	if (state->leak != NULL)
	{
		result->outcome = OUTCOME_LEAKS;
		result->evidence = state->leak;
	}
	else if (!is_permitted(trials, command))
	{
		result->outcome = OUTCOME_DENIED;
		result->evidence = "the role lacks the privilege";
	}
	else if (!has_policy(trials->probe->facts, trials->role,
						 command_sets[command]))
	{
		result->outcome = OUTCOME_DENIED;
		result->evidence = "there is no policy for the command";
	}
	else if (state->timed_out)
	{
		result->outcome = OUTCOME_NOT_TRIED;
		result->evidence = "a statement took longer than two seconds";
	}
	else if (strcmp(group, "bound") == 0 && !state->own_reached)
	{
		result->outcome = OUTCOME_VACUOUS;
		result->evidence = state->trouble == NULL ?
			"the session does not reach a row of its own tenant either" :
			psprintf("the session does not reach a row of its own tenant either: %s",
					 state->trouble);
	}
	else
		result->outcome = OUTCOME_ISOLATED;
	return result;
}

static SPIPlanPtr
prepare(const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(sql, nargs, types);

	if (plan == NULL)
		elog(ERROR, "could not prepare: %s", sql);
	return plan;
}

List *
tg_probe_try(Probe *probe, Oid role, List *sessions, const char *group)
{
	Oid			tid_array[] = {get_array_type(TIDOID)};
	Oid			place[] = {TIDOID, OIDOID};
	CommandState states[PROBE_COMMANDS] = {0};
	Trials		trials = {.probe = probe,.role = role,.states = states};
	List	   *results = NIL;
	const char *trouble = NULL;
	ListCell   *lc;

	trials.select_plan = prepare(psprintf("SELECT tableoid, ctid FROM %s WHERE ctid OPERATOR(pg_catalog.=) ANY ($1)",
										  probe->shape->name), 1, tid_array);
	trials.aim_plan = prepare(psprintf("SELECT FROM %s WHERE ctid OPERATOR(pg_catalog.=) $1 AND tableoid OPERATOR(pg_catalog.=) $2",
									   probe->shape->name), 2, place);
	foreach(lc, sessions)
	{
		trials.session = lfirst(lc);
		if (strcmp(trials.session->group, group) == 0)
		{
			ErrorData  *error = tg_in_session(probe, trials.session, role,
											  try_session, &trials);

			if (error != NULL)
				trouble = error->message;
		}
	}
	SPI_freeplan(trials.select_plan);
	SPI_freeplan(trials.aim_plan);
	for (int i = 0; i < PROBE_COMMANDS; i++)
	{
		ProbeResult *result = result_of(&trials, i, group);

		if (trouble != NULL && result->outcome != OUTCOME_LEAKS)
		{
			result->outcome = OUTCOME_NOT_TRIED;
			result->evidence = trouble;
		}
		results = lappend(results, result);
	}
	return results;
}
