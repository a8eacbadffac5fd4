/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *		Sees what PostgreSQL's DDL code does not announce to object hooks.
 *
 *	- trovella_guard_collect (ddl_command_end) sees the row-level security
 *	  switches of ALTER TABLE before PostgreSQL 17, GRANT and REVOKE on tables,
 *	  GRANT on functions, and DEPENDS ON EXTENSION.
 *	- trovella_guard_open (ddl_command_start) exists to be called: the call
 *	  loads this library, and installs the hook, before the first DDL statement
 *	  of a fresh session does anything.  Besides, it sees DETACH PARTITION
 *	  CONCURRENTLY, which must be seen before it begins.
 *
 * Note: collect() takes OIDs from the commands that PostgreSQL has collected.
 * To resolve the names of the statement again would not be safe: the same
 * command may have changed search_path.  pg_event_trigger_ddl_commands()
 * returns the collected command in its last column.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/event_trigger.h"
#include "executor/executor.h"
#include "facts/facts.h"
#include "fmgr.h"
#include "funcapi.h"
#include "guard.h"
#include "miscadmin.h"
#include "settings.h"
#include "tcop/deparse_utility.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "watch/touched.h"
#include "watch/watch.h"

PG_FUNCTION_INFO_V1(trovella_guard_open_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_collect_1_0);

static void
require_event_trigger(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by event trigger manager",
						function)));
}

/*
 * DETACH PARTITION CONCURRENTLY commits a first transaction that announces
 * nothing.  If the guard refused the second one, it would leave a partition
 * that PostgreSQL allows neither to alter nor to attach again.  So we touch the
 * partition before the first one.  (If somebody renames it meanwhile, the
 * guard does refuse the second one.)
 */
static void
touch_detached_concurrently(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		PartitionCmd *partition = (PartitionCmd *) cmd->def;
		Oid			relid;

		if (cmd->subtype != AT_DetachPartition || !partition->concurrent)
			continue;
		relid = RangeVarGetRelid(partition->name, NoLock, true);
		if (OidIsValid(relid))
			tg_touch(RelationRelationId, relid, TG_CHANGED);
	}
}

/* open() */
Datum
trovella_guard_open_1_0(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = (EventTriggerData *) fcinfo->context;

	require_event_trigger(fcinfo, "open");
	if (tg_watch_is_idle())
		PG_RETURN_NULL();
	tg_touched_count_statement();
	if (IsA(trigger->parsetree, AlterTableStmt))
		touch_detached_concurrently((AlterTableStmt *) trigger->parsetree);
	PG_RETURN_NULL();
}

/*
 * Is it one of the commands that migrations mostly consist of, and that neither
 * switch row-level security nor grant anything?  To ask PostgreSQL what it has
 * collected costs more than everything else that watching does, so we ask only
 * after other commands.
 */
static bool
is_announced_whole(CommandTag tag)
{
	switch (tag)
	{
		case CMDTAG_CREATE_INDEX:
		case CMDTAG_CREATE_POLICY:
		case CMDTAG_CREATE_TABLE:
		case CMDTAG_CREATE_TABLE_AS:
		case CMDTAG_DROP_INDEX:
		case CMDTAG_DROP_POLICY:
		case CMDTAG_DROP_TABLE:
		case CMDTAG_SELECT_INTO:
			return true;
		default:
			return false;
	}
}

/* Is it a GRANT on functions?  REVOKE opens nothing. */
static bool
grants_functions(bool is_grant, ObjectType objtype)
{
	return is_grant &&
		(objtype == OBJECT_FUNCTION || objtype == OBJECT_PROCEDURE ||
		 objtype == OBJECT_ROUTINE);
}

/*
 * Touches the SECURITY DEFINER functions among those that somebody is granted.
 * Of others nothing follows from a grant.
 */
static void
touch_granted_functions(const InternalGrant *grant)
{
	ListCell   *lc;

	foreach(lc, grant->objects)
	{
		HeapTuple	tuple = SearchSysCache1(PROCOID,
											ObjectIdGetDatum(lfirst_oid(lc)));

		CHECK_FOR_INTERRUPTS();
		if (!HeapTupleIsValid(tuple))
			continue;
		if (((Form_pg_proc) GETSTRUCT(tuple))->prosecdef)
			tg_touch(ProcedureRelationId, lfirst_oid(lc), TG_GRANTED);
		ReleaseSysCache(tuple);
	}
}

static void
touch_collected(const CollectedCommand *command)
{
	ListCell   *lc;

	switch (command->type)
	{
		case SCT_AlterTable:
			tg_touch_permanent(RelationRelationId, command->d.alterTable.objectId);
			break;

		case SCT_Grant:
			if (grants_functions(command->d.grant.istmt->is_grant,
								 command->d.grant.istmt->objtype))
				touch_granted_functions(command->d.grant.istmt);
			if (command->d.grant.istmt->objtype != OBJECT_TABLE)
				break;
			foreach(lc, command->d.grant.istmt->objects)
			{
				if (!tg_is_temporary(lfirst_oid(lc)))
					tg_touch(RelationRelationId, lfirst_oid(lc),
							 command->d.grant.istmt->col_privs == NIL ?
							 TG_GRANTED : TG_CHANGED);
			}
			break;

		default:
			if (IsA(command->parsetree, AlterObjectDependsStmt))
				tg_touch(command->d.simple.address.classId,
						 command->d.simple.address.objectId, TG_CHANGED);
			/* PostgreSQL announces all other commands to the object hook */
			break;
	}
}

static bool
switches_row_security(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		switch (lfirst_node(AlterTableCmd, lc)->subtype)
		{
			case AT_EnableRowSecurity:
			case AT_DisableRowSecurity:
			case AT_ForceRowSecurity:
			case AT_NoForceRowSecurity:
				return true;
			default:
				break;
		}
	}
	return false;
}

/*
 * Do only the collected commands tell what a statement does?  CREATE SCHEMA can
 * contain such statements, and no event trigger fires for those.
 */
static bool
is_unannounced(const Node *parsetree)
{
	const GrantStmt *grant;
	ListCell   *lc;

	switch (nodeTag(parsetree))
	{
		case T_GrantStmt:
			grant = (const GrantStmt *) parsetree;
			return grant->objtype == OBJECT_TABLE ||
				grants_functions(grant->is_grant, grant->objtype);

		case T_AlterTableStmt:
			return switches_row_security((const AlterTableStmt *) parsetree);

		case T_AlterObjectDependsStmt:
			return true;

		case T_CreateSchemaStmt:
			foreach(lc, ((const CreateSchemaStmt *) parsetree)->schemaElts)
			{
				if (is_unannounced(lfirst(lc)))
					return true;
			}
			return false;

		default:
			return false;
	}
}

/*
 * PostgreSQL collects no commands within REFRESH MATERIALIZED VIEW, not even
 * those that functions of its query execute
 * (EventTriggerInhibitCommandCollection(), event_trigger.c).  No honest
 * migration does this.
 */
static void
refuse_uncollected(const Node *parsetree)
{
	if (tg_mode() == TG_MODE_OFF || !InSecurityRestrictedOperation() ||
		!is_unannounced(parsetree))
		return;
	ereport(tg_mode() == TG_MODE_ENFORCE ? ERROR : WARNING,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot judge a change of row-level security, privileges or dependencies within REFRESH MATERIALIZED VIEW"),
			 errdetail("PostgreSQL does not tell which objects such a statement is about."),
			 errhint("Execute the statement by itself.")));
}

/* collect(): touches the objects of the collected commands. */
Datum
trovella_guard_collect_1_0(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = (EventTriggerData *) fcinfo->context;

	LOCAL_FCINFO(inner, 0);
	FmgrInfo	flinfo;
	ReturnSetInfo result = {.type = T_ReturnSetInfo};
	TupleTableSlot *slot;
	bool		any = false;

	require_event_trigger(fcinfo, "collect");
	if (tg_watch_is_idle() || is_announced_whole(trigger->tag))
		PG_RETURN_NULL();

	fmgr_info(F_PG_EVENT_TRIGGER_DDL_COMMANDS, &flinfo);
	InitFunctionCallInfoData(*inner, &flinfo, 0, InvalidOid, NULL,
							 (Node *) &result);
	result.econtext = CreateStandaloneExprContext();
	result.allowedModes = SFRM_Materialize;
	if (get_call_result_type(inner, NULL, &result.expectedDesc) !=
		TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	FunctionCallInvoke(inner);

	slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, slot))
	{
		bool		isnull;
		Datum		command = slot_getattr(slot, result.setDesc->natts, &isnull);

		any = true;
		if (!isnull)
			touch_collected((CollectedCommand *) DatumGetPointer(command));
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(result.setResult);
	FreeExprContext(result.econtext, true);
	if (!any)
		refuse_uncollected(trigger->parsetree);
	PG_RETURN_NULL();
}
