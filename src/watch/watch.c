/*-------------------------------------------------------------------------
 *
 * watch.c
 *		Sees what a transaction creates, alters and drops.
 *
 * object_access_hook sees every catalog change that PostgreSQL's DDL code
 * announces, whatever statement causes it; event_triggers.c sees the others.
 * Both touch objects (touched.h), and refuse what nobody could see.
 *
 * Note: an object hook runs before its command's changes are visible.  So it
 * looks up only what no command can change: whether a relation is temporary or
 * an index, and which relation owned an object that is being dropped.  All
 * other questions wait for the verdict.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "facts/facts.h"
#include "guard.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/ipc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "watch/touched.h"
#include "watch/watch.h"

static object_access_hook_type prev_object_access_hook = NULL;
static bool loaded_at_start = false;

bool
tg_watch_is_idle(void)
{
	return IsBinaryUpgrade || IsParallelWorker() || !IsTransactionState();
}

/*
 * Does PostgreSQL make the change for itself?  It creates a TOAST table or its
 * index, a copy of a table or an index (VACUUM FULL and others), or an index
 * again (ALTER TABLE).  None of these takes protection away, and the object
 * that they serve is touched by itself.  The same holds for swapped files:
 * REFRESH MATERIALIZED VIEW should not report the view's findings each time.
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
 * Touches a relation that is being created, unless it is temporary: nobody can
 * make it permanent later, and sessions that work with temporary tables should
 * not pay for a verdict.  Its catalog row is not visible yet, but the relation
 * cache has it (RelationBuildLocalRelation(), relcache.c).
 */
static void
touch_new_relation(Oid relid)
{
	Relation	relation = RelationIdGetRelation(relid);

	if (!RelationIsValid(relation))
	{
		tg_touch(RelationRelationId, relid, TG_CHANGED);
		return;
	}
	if (relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP)
	{
		switch (relation->rd_rel->relkind)
		{
			case RELKIND_INDEX:
			case RELKIND_PARTITIONED_INDEX:
				tg_touch(IndexRelationId, relid, TG_CHANGED);
				break;

				/* No rule is about these */
			case RELKIND_SEQUENCE:
			case RELKIND_COMPOSITE_TYPE:
				break;

			default:
				tg_touch(RelationRelationId, relid, TG_CHANGED);
				break;
		}
	}
	RelationClose(relation);
}

void
tg_touch_permanent(Oid classId, Oid relid)
{
	if (!tg_is_temporary(relid))
		tg_touch(classId, relid, TG_CHANGED);
}

/* Does a relation have a tenant column now? */
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
 * A tenant table loses a policy, an index or a column too late for the verdict:
 * PostgreSQL drops temporary objects and their dependents after it
 * (PreCommit_on_commit_actions(), tablecmds.c) or at the end of the session.
 * The guard refuses a transaction that creates such a dependency
 * (facts/temporary.c).  This is the last line, for a dependency that the guard
 * overlooked or did not refuse because the mode was not "enforce".
 *
 * It lets the end of a session pass.  An ERROR would leave the temporary schema
 * behind, and the next session with the same number could not create temporary
 * tables.
 */
static void
watch_late_drop(Oid classId, Oid objectId, int subId, Oid relid)
{
	ObjectAddress object;
	int			elevel = LOG_SERVER_ONLY;

	if ((classId != PolicyRelationId && classId != RelationRelationId) ||
		!is_tenant_table_now(relid))
		return;
	if (!proc_exit_inprogress && tg_mode() == TG_MODE_ENFORCE)
		elevel = ERROR;
	else if (!proc_exit_inprogress && tg_mode() == TG_MODE_WARN)
		elevel = WARNING;
	ObjectAddressSubSet(object, classId, objectId, subId);
	ereport(elevel,
			(errcode(elevel == ERROR ? ERRCODE_TENANT_TABLE_UNPROTECTED :
					 ERRCODE_WARNING_TENANT_TABLE),
			 errmsg("%s depends on a temporary object, and is dropped with it",
					getObjectDescription(&object, false)),
			 errdetail("This happens after the verdict, so the guard cannot judge what it does to the table."),
			 errhint("Do not let a permanent object depend on a temporary one.")));
}

/*
 * Dropping an object touches the relation that owns it.  Dropping a relation
 * takes it off the list: PostgreSQL has just dropped what it owned
 * (deleteObjectsInList(), dependency.c), and the policies that call a function; but
 * an attestation may rest on a function that another one calls.
 */
static void
watch_drop(Oid classId, Oid objectId, int subId)
{
	Oid			relid = tg_owning_relation(classId, objectId);

	if (classId == ProcedureRelationId && !tg_touched_is_sealed() &&
		!proc_exit_inprogress)
		tg_touch(classId, objectId, TG_CHANGED);
	else if (classId == RelationRelationId && objectId == relid && subId == 0)
		tg_untouch(classId, objectId);
	else if (!OidIsValid(relid) || tg_is_temporary(relid))
		return;
	else if (tg_touched_is_sealed() || proc_exit_inprogress)
		watch_late_drop(classId, objectId, subId, relid);
	else
		tg_touch(RelationRelationId, relid, TG_CHANGED);
}

/*
 * Touches the relation of a generated column whose expression is being set: the
 * hook names the column instead of the expression.
 */
static void
touch_generated_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));

	if (!HeapTupleIsValid(tuple))
		return;
	if (((Form_pg_attribute) GETSTRUCT(tuple))->attgenerated != '\0')
		tg_touch_permanent(AttrDefaultRelationId, relid);
	ReleaseSysCache(tuple);
}

/*
 * Touches an altered object that may now depend on a temporary one: types,
 * operators, text search objects and everything else that has a schema.
 * (A new object has no older dependents.)
 */
static void
touch_altered(Oid classId, Oid objectId)
{
	if (is_objectclass_supported(classId) &&
		get_object_attnum_namespace(classId) != InvalidAttrNumber &&
		!tg_is_temporary_object(classId, objectId))
		tg_touch(classId, objectId, TG_CHANGED);
}

static void
watch_change(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			 void *arg)
{
	switch (classId)
	{
		case RelationRelationId:
			if (is_internal(access, arg))
				break;
			/* ADD COLUMN is announced as a creation, too */
			if (access == OAT_POST_ALTER || subId != 0)
				tg_touch_permanent(classId, objectId);
			else
				touch_new_relation(objectId);
			break;

		case PolicyRelationId:
		case ConstraintRelationId:
		case RewriteRelationId:
		case ProcedureRelationId:
			/* Dropping what they call drops the operator class */
		case AccessMethodOperatorRelationId:
		case AccessMethodProcedureRelationId:
			tg_touch(classId, objectId, TG_CHANGED);
			break;

			/* The hook names the index, the child, the foreign table */
		case IndexRelationId:
			tg_touch_permanent(classId, objectId);
			break;

		case InheritsRelationId:
		case ForeignTableRelationId:
			tg_touch_permanent(RelationRelationId, objectId);
			break;

			/*
			 * Renaming a schema renames everything in it.  An extension may
			 * get or lose members, or get another owner.
			 */
		case NamespaceRelationId:
		case ExtensionRelationId:
			if (access == OAT_POST_ALTER)
				tg_touch(classId, objectId, TG_CHANGED);
			break;

			/* A new role may be the application's, or a member of others */
		case AuthIdRelationId:
			tg_touch(classId, objectId, TG_CHANGED);
			break;

			/* A new owner of the database is a member of pg_database_owner */
		case DatabaseRelationId:
			if (objectId == MyDatabaseId)
				tg_touch(AuthMemRelationId, ROLE_PG_DATABASE_OWNER, TG_CHANGED);
			break;

			/* The hook names the database, or none for all of them */
		case DbRoleSettingRelationId:
			if (!OidIsValid(objectId) || objectId == MyDatabaseId)
				tg_touch(classId, objectId, TG_CHANGED);
			break;

			/*
			 * Citus gives a table a trigger when it distributes it, perhaps
			 * in a later transaction
			 */
		case TriggerRelationId:
			if (is_internal(access, arg) && tg_citus_may_be_there())
				tg_touch(classId, objectId, TG_CHANGED);
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
			if (!tg_watch_is_idle())
				watch_change(access, classId, objectId, subId, arg);
			break;

		case OAT_DROP:
			if (!tg_watch_is_idle())
				watch_drop(classId, objectId, subId);
			break;

			/*
			 * Queries: each schema that they name, each function that they
			 * call
			 */
		default:
			break;
	}
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
