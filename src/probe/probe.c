/*-------------------------------------------------------------------------
 *
 * probe.c
 *		probe(): do rows of one tenant cross to another, when it is tried?
 *
 * A table is tried with rows of two tenants, as the application's role, in several
 * sessions; see make.c, sessions.c and trials.c.  All of that happens in a
 * subtransaction that is rolled back, whatever happens.
 *
 * Notes:
 *
 * 1. session_replication_role is replica all the time, so that neither triggers
 * nor foreign keys run.  A trigger could do what no rollback undoes, such as call
 * another server.
 *
 * 2. A setting with a dot in its name that was once set in a session is never
 * unset again: it is ''.  So all tables are tried without settings first.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xlog.h"
#include "catalog/pg_namespace.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "probe/attempt.h"
#include "probe/probe.h"
#include "report/audit.h"
#include "report/rows.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Columns of probe() */
enum
{
	COL_PROBE_RELATION,
	COL_PROBE_ROLE,
	COL_PROBE_COMMAND,
	COL_PROBE_SESSION,
	COL_PROBE_OUTCOME,
	COL_PROBE_EVIDENCE,
	COL_PROBE_COLUMNS
};

static const char *const outcome_names[] = {
	"not_tried", "denied", "vacuous", "isolated", "leaks"
};

/* The groups of sessions; the first one is tried before any setting is set. */
static const char *const groups[] = {"unset", "bound", "empty", "unknown"};

#define UNSET_GROUP 0

typedef struct ProbeTask
{
	ReturnSetInfo *result;
	FactsReader *reader;
	const List *roles;			/* OIDs */
	const char *bind;
	MemoryContext context;		/* of one table */
	const RelationFacts *facts;
	bool		unset;			/* the sessions without settings, or the
								 * others */
	Oid			role;			/* that is being tried */
	Probe	   *probe;
	Contradictions contradictions;
	bool		learned;		/* what policies make of the settings */
	bool		again;			/* ... so that rows must be made anew */
} ProbeTask;

PG_FUNCTION_INFO_V1(trovella_guard_probe_1_0);

static void
put_row(ProbeTask *task, Oid relation, Oid role, const char *command,
		const char *group, ProbeOutcome outcome, const char *evidence)
{
	Datum		values[COL_PROBE_COLUMNS];
	bool		nulls[COL_PROBE_COLUMNS] = {0};
	NameData	name;

	namestrcpy(&name, GetUserNameFromId(role, false));
	values[COL_PROBE_RELATION] = ObjectIdGetDatum(relation);
	values[COL_PROBE_ROLE] = NameGetDatum(&name);
	values[COL_PROBE_COMMAND] = CStringGetTextDatum(command);
	values[COL_PROBE_SESSION] = CStringGetTextDatum(group);
	values[COL_PROBE_OUTCOME] = CStringGetTextDatum(outcome_names[outcome]);
	values[COL_PROBE_EVIDENCE] = text_or_null(evidence,
											  &nulls[COL_PROBE_EVIDENCE]);
	tuplestore_putvalues(task->result->setResult, task->result->setDesc,
						 values, nulls);
	tg_attest_note(task->facts->relid, role, relation == task->facts->relid,
				   outcome);
}

/* One row for each command and session that could not be tried. */
static void
put_not_tried(ProbeTask *task, Oid role, const char *why)
{
	static const char *const commands[] = {
		"SELECT", "INSERT", "UPDATE", "DELETE"
	};

	for (int i = 0; i < (int) lengthof(groups); i++)
	{
		if ((i == UNSET_GROUP) != task->unset)
			continue;
		for (int j = 0; j < PROBE_COMMANDS; j++)
			put_row(task, task->facts->relid, role, commands[j], groups[i],
					OUTCOME_NOT_TRIED, why);
	}
}

/*
 * The values with which policies compare the tenant column, in a session
 */

typedef struct Evaluation
{
	const Probe *probe;
	Oid			role;
	const char *expression;
	MemoryContext context;
	List	   *values;			/* strings */
} Evaluation;

static void
evaluate(void *arg)
{
	Evaluation *evaluation = arg;

	if (SPI_execute(psprintf("SELECT (%s)::pg_catalog.text",
							 evaluation->expression), false,
					10) != SPI_OK_SELECT)
		return;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc, 1);

		if (value != NULL && value[0] != '\0')
			evaluation->values =
				lappend(evaluation->values,
						MemoryContextStrdup(evaluation->context, value));
	}
}

static void
evaluate_all(void *arg)
{
	Evaluation *evaluation = arg;
	ListCell   *lc;

	foreach(lc, evaluation->probe->clues->expressions)
	{
		evaluation->expression = lfirst(lc);
		(void) tg_attempt(evaluation->role, false, evaluate, evaluation);
	}
}

static List *
tenants_in_session(Probe *probe, const Session *session, Oid role)
{
	Evaluation	evaluation = {.role = role,.context = CurrentMemoryContext};

	evaluation.probe = probe;
	(void) tg_in_session(probe, session, role, evaluate_all, &evaluation);
	return evaluation.values;
}

static bool
has_string(const List *list, const char *string)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		if (strcmp(lfirst(lc), string) == 0)
			return true;
	}
	return false;
}

static const Session *
session_owning(const List *sessions, const char *group, const char *tenant)
{
	ListCell   *lc;

	foreach(lc, sessions)
	{
		const Session *session = lfirst(lc);

		if (strcmp(session->group, group) == 0 &&
			(tenant == NULL || tg_session_owns(session, tenant)))
			return session;
	}
	return NULL;
}

/*
 * Policies may make another tenant of a setting than what it holds: 'org_' ||
 * setting.  Then that is the tenant of the session.  And they may let a tenant
 * through that the session did not name.  Returns whether rows must be made anew.
 */
static bool
learn_tenants(Probe *probe, Oid role, bool unset)
{
	List	   *sessions = tg_probe_sessions(probe);
	const Session *a = session_owning(sessions, "bound", probe->tenants[TENANT_A]);
	const Session *b = session_owning(sessions, "bound", probe->tenants[TENANT_B]);
	List	   *values;
	List	   *values_of_b;
	int			before = list_length(probe->others);
	ListCell   *lc;

	if (probe->clues->expressions == NIL)
		return false;
	if (unset || a == NULL || b == NULL)
	{
		values = tenants_in_session(probe, linitial(sessions), role);
		if (probe->is_role && values != NIL)
		{
			probe->given[TENANT_A] = linitial(values);
			probe->given[TENANT_B] = probe->tenants[TENANT_B];
			return strcmp(probe->given[TENANT_A], probe->tenants[TENANT_A]) != 0;
		}
		probe->others = list_concat(probe->others, values);
		return list_length(probe->others) > before;
	}
	values = tenants_in_session(probe, a, role);
	values_of_b = tenants_in_session(probe, b, role);
	if (probe->is_role && values != NIL)
	{
		probe->given[TENANT_A] = linitial(values);
		probe->given[TENANT_B] = probe->tenants[TENANT_B];
		return strcmp(probe->given[TENANT_A], probe->tenants[TENANT_A]) != 0;
	}
	if (!has_string(values, probe->tenants[TENANT_A]) &&
		list_length(values) == list_length(values_of_b))
	{
		ListCell   *lc2;

		forboth(lc, values, lc2, values_of_b)
		{
			if (strcmp(lfirst(lc), lfirst(lc2)) == 0)
				continue;
			for (int i = 0; i < PROBE_TENANTS; i++)
				probe->bound[i] = probe->tenants[i];
			probe->given[TENANT_A] = lfirst(lc);
			probe->given[TENANT_B] = lfirst(lc2);
			return true;
		}
	}
	foreach(lc, values)
	{
		if (has_string(values_of_b, lfirst(lc)))
			probe->others = lappend(probe->others, lfirst(lc));
	}
	return list_length(probe->others) > before;
}

/* Is the tenant the role, or does a table say which tenant the role belongs to? */
static void
find_meaning_of_role(Probe *probe)
{
	ListCell   *lc;

	foreach(lc, probe->clues->terms)
	{
		Term	   *term = lfirst(lc);

		if (term->kind != TERM_ROLE)
			continue;
		if (tg_probe_is_tenant(probe->clues, term))
			probe->is_role = true;
		else if (tg_probe_has_column(probe->clues, term))
			probe->role_is_user = true;
	}
}

/*
 * One table
 */

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

static void
begin_rows(void)
{
	set_local("session_replication_role", "replica");
	set_local("row_security", "on");
	set_local("datestyle", "ISO");
	set_local("lock_timeout", psprintf("%d", ATTEMPT_MS));
	set_local("plan_cache_mode", "force_generic_plan");
	set_local("max_parallel_workers_per_gather", "0");
}

static void
try_role(ProbeTask *task, Probe *probe, Oid role)
{
	List	   *sessions = tg_probe_sessions(probe);

	for (int i = 0; i < (int) lengthof(groups); i++)
	{
		List	   *results;
		ListCell   *lc;

		if ((i == UNSET_GROUP) != task->unset)
			continue;
		results = tg_probe_try(probe, role, sessions, groups[i]);
		tg_note_contradictions(&task->contradictions, probe, role, results);
		results = list_concat(results,
							  tg_probe_try_windows(probe, role, sessions,
												   groups[i]));
		foreach(lc, results)
		{
			ProbeResult *result = lfirst(lc);
			const char *evidence = result->evidence;

			if (result->outcome == OUTCOME_ISOLATED && probe->problem != NULL)
			{
				result->outcome = OUTCOME_NOT_TRIED;
				evidence = probe->problem;
			}
			put_row(task, OidIsValid(result->relation) ? result->relation :
					task->facts->relid, role, result->command, result->group,
					result->outcome, evidence);
		}
	}
}

/* As one role; called in a subtransaction that is rolled back. */
static void
probe_as_role(void *arg)
{
	ProbeTask  *task = arg;
	Probe	   *probe = task->probe;

	begin_rows();
	tg_probe_make_rows(probe);
	if (probe->rows == NIL)
	{
		put_not_tried(task, task->role, probe->problem != NULL ?
					  probe->problem : "needs rows of two tenants");
		return;
	}
	if (!task->learned)
	{
		task->learned = true;
		task->again = learn_tenants(probe, task->role, task->unset);
		if (task->again)
			return;
	}
	try_role(task, probe, task->role);
}

/* A table and what the role may name instead of it. */
static const Oid *
with_descendants(FactsReader *reader, Oid relid, int *count)
{
	List	   *descendants = tg_facts_descendants(reader, relid);
	Oid		   *relids = palloc((list_length(descendants) + 1) * sizeof(Oid));
	ListCell   *lc;

	relids[0] = relid;
	*count = 1;
	foreach(lc, descendants)
		relids[(*count)++] = lfirst_oid(lc);
	return relids;
}

/* Nobody needs to hear of partitions that the role cannot name. */
static bool
is_out_of_reach(const RelationFacts *facts, Oid role)
{
	return facts->parents != NIL &&
		(!TG_MAY_USE_SCHEMA(facts->schema_oid, role) ||
		 tg_privileges_of(role, facts) == ACL_NO_RIGHTS);
}

bool
tg_probe_may_become(const Probe *probe, Oid role)
{
	return superuser_arg(probe->caller) ||
		TG_CAN_SET_ROLE(probe->caller, role);
}

/* Bodies of functions may have names and types that raise an error. */
static void
find_clues(void *arg)
{
	Probe	   *probe = arg;

	set_local("datestyle", "ISO");
	probe->clues = tg_probe_clues(probe->reader, probe->facts);
}

static void
probe_table(ProbeTask *task)
{
	ListCell   *lc;

	foreach(lc, task->roles)
	{
		Probe	   *probe = palloc0(sizeof(Probe));
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		task->role = lfirst_oid(lc);
		if (task->unset)
			tg_attest_begin(task->reader, task->facts, task->role);
		if (is_out_of_reach(task->facts, task->role))
			continue;
		probe->caller = GetUserId();
		if (!tg_probe_may_become(probe, task->facts->owner) ||
			!tg_probe_may_become(probe, task->role))
		{
			put_not_tried(task, task->role,
						  "needs a superuser, or an owner who may SET ROLE");
			continue;
		}
		probe->role = task->role;
		probe->reader = task->reader;
		probe->facts = task->facts;
		probe->bind = task->bind;
		error = tg_undone(find_clues, probe);
		if (error != NULL)
		{
			put_not_tried(task, task->role, error->message);
			continue;
		}
		find_meaning_of_role(probe);
		task->probe = probe;
		task->learned = false;
		do
		{
			task->again = false;
			error = tg_undone(probe_as_role, task);
			if (error != NULL)
				put_not_tried(task, task->role, error->message);
		} while (task->again);
	}
}

/*
 * The function
 */

static void
require_possible(void)
{
	Oid			user;
	int			context;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot probe during recovery"),
				 errdetail("A probe makes rows and rolls them back.")));
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot probe during a parallel operation")));
	PreventCommandIfReadOnly("probe()");
	GetUserIdAndSecContext(&user, &context);
	if (context != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot probe within a security-definer function"),
				 errdetail("A probe becomes the roles of the application.")));
}

static List *
roles_to_try(FunctionCallInfo fcinfo, FactsReader *reader)
{
	List	   *roles;

	if (!PG_ARGISNULL(1))
		return list_make1_oid(get_role_oid(NameStr(*PG_GETARG_NAME(1)), false));
	roles = tg_app_roles(reader);
	if (roles == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no application role to try"),
				 errhint("Name one: trovella_guard.probe(role => '...'), or SELECT trovella_guard.set('app_role', '...').")));
	return roles;
}

static void
probe_tables(ProbeTask *task, Audit *audit, const Oid *relids, int count,
			 bool single)
{
	MemoryContext outer = MemoryContextSwitchTo(task->context);

	for (int i = 0; i < count; i++)
	{
		MemoryContextReset(task->context);
		task->facts = tg_facts_read(task->reader, relids[i]);
		if (task->facts == NULL || !tg_is_tenant_table(task->facts))
		{
			if (single && i == 0)
				ereport(ERROR,
						(errcode(ERRCODE_WRONG_OBJECT_TYPE),
						 errmsg("\"%s\" is not a tenant table",
								get_rel_name(relids[i])),
						 errhint("Tenant tables are permanent tables with a column that trovella_guard.tenant_columns names.")));
			continue;
		}
		if (!single && tg_audit_global_entry(audit, task->facts) != NULL)
			continue;
		probe_table(task);
	}
	MemoryContextSwitchTo(outer);
}

/* probe(relation regclass, role name, bind text) */
Datum
trovella_guard_probe_1_0(PG_FUNCTION_ARGS)
{
	ProbeTask	task = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	Audit	   *audit;
	Oid			relid = InvalidOid;
	const Oid  *relids;
	int			count;
	int			save_nestlevel;

	require_possible();
	InitMaterializedSRF(fcinfo, 0);
	if (task.result->setDesc->natts != COL_PROBE_COLUMNS)
		elog(ERROR, "probe() has an unexpected number of columns");
	if (!PG_ARGISNULL(0))
		relid = PG_GETARG_OID(0);
	if (!PG_ARGISNULL(2))
		task.bind = text_to_cstring(PG_GETARG_TEXT_PP(2));
	else if (!tg_is_blank(tg_bind()))
		task.bind = pstrdup(tg_bind());

	/* names in the application's functions mean what they mean to the caller */
	save_nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", tg_unpinned_search_path(),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	SPI_connect();
	audit = tg_audit_begin(OidIsValid(relid) ? &relid : NULL);
	task.reader = tg_audit_reader(audit);
	task.roles = roles_to_try(fcinfo, task.reader);
	task.contradictions.context = CurrentMemoryContext;
	task.context = AllocSetContextCreate(CurrentMemoryContext,
										 "trovella_guard probe",
										 ALLOCSET_DEFAULT_SIZES);
	relids = tg_audit_relations(audit, &count);
	if (OidIsValid(relid))
		relids = with_descendants(task.reader, relid, &count);
	for (int phase = 0; phase < 2; phase++)
	{
		task.unset = phase == 0;
		probe_tables(&task, audit, relids, count, OidIsValid(relid));
	}
	MemoryContextDelete(task.context);
	tg_audit_end(audit);
	tg_raise_contradictions(&task.contradictions);
	SPI_finish();
	AtEOXact_GUC(true, save_nestlevel);
	return (Datum) 0;
}
