/*-------------------------------------------------------------------------
 *
 * watch.c
 *		Sees what a transaction creates, alters and drops.
 *
 * Three watchers, each for what the others cannot see.  They tg_touch()
 * objects, tg_untouch() a relation that goes, and refuse what cannot be seen at
 * all:
 *
 *	- object_access_hook sees every catalog change that PostgreSQL's DDL code
 *	  announces, by whatever statement it comes about;
 *	- the event trigger trovella_guard_collect (ddl_command_end) sees what is
 *	  not announced: the row-level security switches of ALTER TABLE before
 *	  PostgreSQL 17, GRANT and REVOKE, and DEPENDS ON EXTENSION;
 *	- the event trigger trovella_guard_open (ddl_command_start) is there to be
 *	  called: that loads this library, and with it the hook, before the first
 *	  DDL statement of a fresh session does anything.  It sees but one thing,
 *	  which must be seen beforehand: DETACH PARTITION CONCURRENTLY.
 *
 * Notes:
 *
 * 1. An object hook runs before its command's changes are visible, so nothing
 * is looked up in it but what no command can change: whether a relation is
 * temporary or an index, and to whom an object belonged that is just being
 * dropped.  The verdict knows better, later.
 *
 * 2. The event trigger takes the OIDs from the commands that PostgreSQL has
 * collected.  Resolving the names of the statement again could be fooled: the
 * same command may have moved search_path.  pg_event_trigger_ddl_commands()
 * hands out the collected command in its last column.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/executor.h"
#include "facts/facts.h"
#include "fmgr.h"
#include "funcapi.h"
#include "guard.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/ipc.h"
#include "tcop/deparse_utility.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "watch/touched.h"
#include "watch/watch.h"

static object_access_hook_type prev_object_access_hook = NULL;
static bool loaded_at_start = false;

PG_FUNCTION_INFO_V1(trovella_guard_open_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_collect_1_0);

/* Times at which the guard has no business at all. */
static bool
is_not_our_business(void)
{
	return IsBinaryUpgrade || IsParallelWorker() || !IsTransactionState();
}

/*
 * Is it a TOAST table or its index, a copy that VACUUM FULL and the like make
 * of a table or an index, or an index that ALTER TABLE makes anew?  Nothing
 * that is new in this way takes protection away, and what it is made for is
 * touched by itself.  So it is with files that change places: REFRESH
 * MATERIALIZED VIEW should not repeat each time what the view breaks.
 */
static bool
is_internal(ObjectAccessType access, void *arg)
{
	if (arg == NULL)
		return false;
	if (access == OAT_POST_CREATE)
		return ((ObjectAccessPostCreate *) arg)->is_internal;
	return access == OAT_POST_ALTER &&
		((ObjectAccessPostAlter *) arg)->is_internal;
}

/*
 * Touches a relation that is just being made, an index as one, unless it is
 * temporary: nobody can make it permanent later, and sessions that work with
 * temporary tables should not pay for a verdict.  No catalog row of it can be
 * seen yet, but the relation cache has it (RelationBuildLocalRelation,
 * relcache.c).
 */
static void
touch_new_relation(Oid relid)
{
	Relation	relation = RelationIdGetRelation(relid);

	if (!RelationIsValid(relation))
	{
		tg_touch(RelationRelationId, relid, TG_CREATED);
		return;
	}
	if (relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP)
	{
		switch (relation->rd_rel->relkind)
		{
			case RELKIND_INDEX:
			case RELKIND_PARTITIONED_INDEX:
				tg_touch(IndexRelationId, relid, TG_CREATED);
				break;

				/* No rule is about these */
			case RELKIND_SEQUENCE:
			case RELKIND_COMPOSITE_TYPE:
				break;

			default:
				tg_touch(RelationRelationId, relid, TG_CREATED);
				break;
		}
	}
	RelationClose(relation);
}

/*
 * Touches a relation that was there before, or an index as one, unless it is
 * temporary.
 */
static void
touch_lasting(Oid classId, Oid relid)
{
	if (!tg_is_temporary(relid))
		tg_touch(classId, relid, TG_ALTERED);
}

/* Has a relation a tenant column, at this moment? */
static bool
is_tenant_table_now(Oid relid)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);
	const RelationFacts *facts = tg_facts_outline(reader, relid);
	bool		result = facts != NULL && !facts->temporary &&
		facts->tenant != NULL;

	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
	return result;
}

/*
 * A tenant table loses a policy, an index or a column when nobody will judge it
 * any more: PostgreSQL drops temporary objects, and what depends on them, after
 * the verdict (PreCommit_on_commit_actions, tablecmds.c) or when the session
 * ends.  A transaction that makes something of that kind depend on them is
 * refused (vanish.c); this is for what slipped past, or came about while
 * nobody enforced.
 *
 * At the end of a session it is let through.  An ERROR would leave the
 * temporary schema to the next session that gets its number, and that could
 * have no temporary table.
 */
static void
watch_late_drop(Oid classId, Oid objectId, int subId, Oid relid)
{
	ObjectAddress object;
	int			elevel = LOG_SERVER_ONLY;

	if ((classId != PolicyRelationId && classId != RelationRelationId) ||
		!is_tenant_table_now(relid))
		return;
	if (!proc_exit_inprogress && tg_mode == TG_MODE_ENFORCE)
		elevel = ERROR;
	else if (!proc_exit_inprogress && tg_mode == TG_MODE_WARN)
		elevel = WARNING;
	ObjectAddressSubSet(object, classId, objectId, subId);
	ereport(elevel,
			(errcode(elevel == ERROR ? ERRCODE_TENANT_TABLE_UNPROTECTED :
					 ERRCODE_WARNING_TENANT_TABLE),
			 errmsg("%s depends on a temporary object, and is dropped with it",
					getObjectDescription(&object, false)),
			 errdetail("What this means to the table is judged by nobody any more."),
			 errhint("Let nothing that is to last depend on a temporary object.")));
}

/*
 * What goes is missed by the relation that it belonged to.  Of a relation that
 * goes itself nothing is left to be judged; what belonged to it has gone
 * right before (deleteObjectsInList, dependency.c).  So has a policy with a
 * function that it called.
 */
static void
watch_drop(Oid classId, Oid objectId, int subId)
{
	Oid			relid = tg_owning_relation(classId, objectId);

	if (classId == RelationRelationId && objectId == relid && subId == 0)
		tg_untouch(classId, objectId);
	else if (!OidIsValid(relid) || tg_is_temporary(relid))
		return;
	else if (tg_touched_is_sealed() || proc_exit_inprogress)
		watch_late_drop(classId, objectId, subId, relid);
	else
		tg_touch(RelationRelationId, relid, TG_ALTERED);
}

/*
 * Touches the relation of a column whose generating expression is being set:
 * the hook names the column in place of the expression.
 */
static void
touch_generated_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));

	if (!HeapTupleIsValid(tuple))
		return;
	if (((Form_pg_attribute) GETSTRUCT(tuple))->attgenerated != '\0')
		touch_lasting(AttrDefaultRelationId, relid);
	ReleaseSysCache(tuple);
}

/*
 * Touches what may have come to depend on something: types, operators, text
 * search objects and whatever else has a schema.  On what is just being made
 * nothing depends that was there before.
 */
static void
touch_altered(Oid classId, Oid objectId)
{
	if (is_objectclass_supported(classId) &&
		get_object_attnum_namespace(classId) != InvalidAttrNumber &&
		!tg_is_temporary_object(classId, objectId))
		tg_touch(classId, objectId, TG_ALTERED);
}

/* What is made or altered is touched. */
static void
watch_change(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			 void *arg)
{
	switch (classId)
	{
		case RelationRelationId:
			if (is_internal(access, arg))
				break;
			/* A column that is added is announced as created, too */
			if (access == OAT_POST_ALTER || subId != 0)
				touch_lasting(classId, objectId);
			else
				touch_new_relation(objectId);
			break;

		case PolicyRelationId:
		case ConstraintRelationId:
		case RewriteRelationId:
		case ProcedureRelationId:
			tg_touch(classId, objectId, TG_ALTERED);
			break;

			/* Of these the index, the child and the foreign table are named */
		case IndexRelationId:
			touch_lasting(classId, objectId);
			break;

		case InheritsRelationId:
		case ForeignTableRelationId:
			touch_lasting(RelationRelationId, objectId);
			break;

			/* A new name of the schema is a new name of all that is in it */
		case NamespaceRelationId:
		case AuthIdRelationId:
		case TypeRelationId:
			if (access == OAT_POST_ALTER)
				tg_touch(classId, objectId, TG_ALTERED);
			break;

			/* Members may join, leave or come to belong to somebody else */
		case ExtensionRelationId:
			if (access == OAT_POST_ALTER)
				tg_touch(classId, objectId, TG_ALTERED);
			break;

			/* With what they call they take an operator class along */
		case AccessMethodOperatorRelationId:
		case AccessMethodProcedureRelationId:
			tg_touch(classId, objectId, TG_ALTERED);
			break;

		case AttrDefaultRelationId:
			touch_generated_column(objectId, subId);
			break;

		default:
			if (access == OAT_POST_ALTER)
				touch_altered(classId, objectId);
			break;
	}
}

static void
watch_object_access(ObjectAccessType access, Oid classId, Oid objectId,
					int subId, void *arg)
{
	if (prev_object_access_hook != NULL)
		prev_object_access_hook(access, classId, objectId, subId, arg);

	switch (access)
	{
		case OAT_POST_CREATE:
		case OAT_POST_ALTER:
			if (!is_not_our_business())
				watch_change(access, classId, objectId, subId, arg);
			break;

		case OAT_DROP:
			if (!is_not_our_business())
				watch_drop(classId, objectId, subId);
			break;

			/* Queries: each schema that they name, each function they call */
		default:
			break;
	}
}

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
 * DETACH PARTITION CONCURRENTLY commits a first transaction of which nothing
 * is announced.  Refused in the second one, it would leave a partition that
 * PostgreSQL neither lets be altered nor attached again; so the partition is
 * touched before the first one.  (Somebody may rename it meanwhile; then the
 * second one is refused.)
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
			tg_touch(RelationRelationId, relid, TG_ALTERED);
	}
}

/*
 * open(): to be called is what it is for.
 */
Datum
trovella_guard_open_1_0(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = (EventTriggerData *) fcinfo->context;

	require_event_trigger(fcinfo, "open");
	if (!is_not_our_business() && IsA(trigger->parsetree, AlterTableStmt))
		touch_detached_concurrently((AlterTableStmt *) trigger->parsetree);
	PG_RETURN_NULL();
}

/*
 * Commands that neither switch row-level security nor grant anything, and
 * that migrations consist of: asking PostgreSQL what it has collected would
 * cost more than all else that the guard does while it watches.  A command
 * that is not named here is asked about.
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

static void
touch_collected(const CollectedCommand *command)
{
	ListCell   *lc;

	switch (command->type)
	{
		case SCT_AlterTable:
			touch_lasting(RelationRelationId, command->d.alterTable.objectId);
			break;

		case SCT_Grant:
			if (command->d.grant.istmt->objtype != OBJECT_TABLE)
				break;
			foreach(lc, command->d.grant.istmt->objects)
			{
				if (!tg_is_temporary(lfirst_oid(lc)))
					tg_touch(RelationRelationId, lfirst_oid(lc),
							 command->d.grant.istmt->col_privs == NIL ?
							 TG_GRANTED : TG_ALTERED);
			}
			break;

		default:
			if (IsA(command->parsetree, AlterObjectDependsStmt))
				tg_touch(command->d.simple.address.classId,
						 command->d.simple.address.objectId, TG_ALTERED);
			/* All else is announced to the object hook */
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
 * Does a statement do what only the collected commands tell of?  CREATE SCHEMA
 * is the one that has others as its elements, for which no event trigger
 * fires.
 */
static bool
is_unannounced(const Node *parsetree)
{
	ListCell   *lc;

	switch (nodeTag(parsetree))
	{
		case T_GrantStmt:
			return ((const GrantStmt *) parsetree)->objtype == OBJECT_TABLE;

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
 * REFRESH MATERIALIZED VIEW has nothing collected, and what the functions of
 * its query execute is part of that (EventTriggerInhibitCommandCollection,
 * event_trigger.c).  Nobody does this in earnest.
 */
static void
refuse_uncollected(const Node *parsetree)
{
	if (tg_mode == TG_MODE_OFF || !InSecurityRestrictedOperation() ||
		!is_unannounced(parsetree))
		return;
	ereport(tg_mode == TG_MODE_ENFORCE ? ERROR : WARNING,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot judge a change of row-level security, privileges or dependencies within REFRESH MATERIALIZED VIEW"),
			 errdetail("PostgreSQL does not tell which objects such a statement is about."),
			 errhint("Execute the statement by itself.")));
}

/*
 * collect(): touches what the collected commands are about.
 */
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
	if (is_not_our_business() || is_announced_whole(trigger->tag))
		PG_RETURN_NULL();

	fmgr_info(F_PG_EVENT_TRIGGER_DDL_COMMANDS, &flinfo);
	InitFunctionCallInfoData(*inner, &flinfo, 0, InvalidOid, NULL,
							 (fmNodePtr) &result);
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

void
tg_watch_init(void)
{
	loaded_at_start = process_shared_preload_libraries_in_progress;
	prev_object_access_hook = object_access_hook;
	object_access_hook = watch_object_access;
}

bool
tg_watch_is_outermost(void)
{
	return object_access_hook == watch_object_access;
}

bool
tg_watch_loaded_at_start(void)
{
	return loaded_at_start;
}
