/*-------------------------------------------------------------------------
 *
 * queue.c
 *		Which relations does a verdict judge?
 *
 * Those that the touched objects belong to, and those whose findings depend on
 * one that the transaction has changed for the worse: children, views, tables
 * whose policies read it.  Each relation is judged once, and a second time if
 * it turns out later that its policies rest on something that has changed.
 *
 * The objects that the transaction has changed are noted for locking here.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "rules/definers.h"
#include "rules/parents.h"
#include "rules/rules.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "verdict/attempt.h"

/* The entry of an object, made if need be.  Returns true if it is new. */
static bool
enter(Attempt *attempt, Oid classId, Oid objectId, QueueEntry **entry)
{
	ObjectKey	key = {classId, objectId};
	bool		found;

	*entry = hash_search(attempt->seen, &key, HASH_ENTER, &found);
	if (!found)
	{
		(*entry)->owner = InvalidOid;
		(*entry)->changed = false;
		(*entry)->policies_changed = false;
		(*entry)->judged = false;
		(*entry)->rests_on = RESTS_ON_WHAT_IT_WAS;
		(*entry)->verdict = NULL;
	}
	return !found;
}

static void
append(Attempt *attempt, QueueEntry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(attempt->context);

	attempt->queue = lappend(attempt->queue, entry);
	MemoryContextSwitchTo(old);
}

/* Queues a relation, once. */
static void
enqueue(Attempt *attempt, Oid relid)
{
	QueueEntry *entry;

	if (OidIsValid(relid) &&
		enter(attempt, RelationRelationId, relid, &entry))
		append(attempt, entry);
}

static void
enqueue_all(Attempt *attempt, List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		enqueue(attempt, lfirst_oid(lc));
}

/*
 * Queues a relation that the transaction has changed, again if it was judged
 * before that was known: dependents and locks hang on the change.
 */
static void
enqueue_changed(Attempt *attempt, Oid relid)
{
	QueueEntry *entry;

	if (!OidIsValid(relid))
		return;
	if (enter(attempt, RelationRelationId, relid, &entry) ||
		(entry->judged && !entry->changed))
		append(attempt, entry);
	entry->changed = true;
}

/* Queues relations whose policies rest on something else, again if need be. */
static void
rejudge_all(Attempt *attempt, List *relids, RestsOn rests_on)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		QueueEntry *entry;
		bool		is_new = enter(attempt, RelationRelationId,
								   lfirst_oid(lc), &entry);

		if (is_new || (entry->judged && entry->rests_on < rests_on))
			append(attempt, entry);
		entry->rests_on = Max(entry->rests_on, rests_on);
	}
}

static bool
is_at_commit(RuleCheck check)
{
	return tg_rule_level(tg_rule_by_check(check)) >= TG_LEVEL_WARNING;
}

void
tg_queue_losers(Attempt *attempt, List *objects)
{
	enqueue_all(attempt, tg_facts_relations_losing_parts(attempt->after, objects));
}

static void
enqueue_for_function(Attempt *attempt, Oid function_oid)
{
	List	   *relids = tg_facts_relations_using_function(attempt->after,
														   function_oid);
	FunctionFacts before;
	FunctionFacts after;

	enqueue_all(attempt, relids);
	if (!tg_facts_function(attempt->before, function_oid, &before) ||
		!tg_facts_function(attempt->after, function_oid, &after))
		return;
	tg_lock_changed(attempt->locks, ProcedureRelationId, function_oid);

	if (relids != NIL)
	{
		MemoryContext old = MemoryContextSwitchTo(attempt->context);

		attempt->altered_functions = lappend_oid(attempt->altered_functions,
												 function_oid);
		MemoryContextSwitchTo(old);
	}
	if (before.volatility != after.volatility)
		rejudge_all(attempt, relids, RESTS_ON_OTHER_FACTS);
}

/*
 * Queues what opens to application roles that begin to act as a role, or as one
 * that it is a member of.  Such a role is locked, as others may open it further
 * or rely on its being nobody's; so are the new members, whom others may make
 * application roles by a chain of memberships.
 */
static void
enqueue_opened(Attempt *attempt, Oid role)
{
	bool		seals =
		tg_allowlist_has_seals(tg_attempt_allowlist(attempt, true));
	ListCell   *lc;

	foreach(lc, tg_facts_roles_above(attempt->after, role))
	{
		Oid			above = lfirst_oid(lc);
		List	   *opened;
		ListCell   *lc2;

		MemoryContext old = MemoryContextSwitchTo(attempt->context);
		bool		is_new = tg_oidset_add(&attempt->roles_compared, above);

		MemoryContextSwitchTo(old);
		CHECK_FOR_INTERRUPTS();
		if (!is_new ||
			!tg_app_roles_act_anew(attempt->after, attempt->before, above))
			continue;
		tg_lock_changed(attempt->locks, AuthIdRelationId, above);
		opened = tg_facts_relations_opened_by(attempt->after, above,
											  seals ||
											  is_at_commit(tg_check_not_protected_yet));
		enqueue_all(attempt, opened);

		/* A sealed child is read through its parents */
		foreach(lc2, seals ? opened : NIL)
		{
			CHECK_FOR_INTERRUPTS();
			enqueue_all(attempt, tg_facts_descendants(attempt->after,
													  lfirst_oid(lc2)));
		}
	}
	foreach(lc, tg_facts_new_members(attempt->after, attempt->before, role))
		tg_facts_note_read(attempt->after, AuthIdRelationId, lfirst_oid(lc));
}

void
tg_queue_note_demoted(Attempt *attempt, const List *objects)
{
	const ListCell *lc;

	foreach(lc, objects)
	{
		const ObjectKey *object = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (object->classId == AuthIdRelationId &&
			tg_is_above_rls(attempt->before, object->objectId) &&
			!tg_is_above_rls(attempt->after, object->objectId))
			tg_facts_demoted(attempt->before, object->objectId);
	}
}

static void
enqueue_for_role(Attempt *attempt, Oid role)
{
	RoleFacts	before;
	RoleFacts	after;

	attempt->database_changed = true;
	enqueue_opened(attempt, role);
	if (!tg_facts_role(attempt->before, role, &before) ||
		!tg_facts_role(attempt->after, role, &after) ||
		(before.superuser == after.superuser &&
		 before.bypasses_rls == after.bypasses_rls &&
		 before.inherits == after.inherits))
		return;
	tg_lock_changed(attempt->locks, AuthIdRelationId, role);
	enqueue_all(attempt, tg_facts_relations_of_role(attempt->after, role));
}

static void
enqueue_for_schema(Attempt *attempt, Oid schema_oid)
{
	char	   *after = tg_facts_schema_name(attempt->after, schema_oid);
	char	   *before = tg_facts_schema_name(attempt->before, schema_oid);

	attempt->schemas_altered = true;
	if (after != NULL && before != NULL && strcmp(after, before) != 0)
		tg_lock_changed(attempt->locks, NamespaceRelationId, schema_oid);
	enqueue_all(attempt, tg_facts_relations_of_schema(attempt->after,
													  schema_oid));
}

/* Queues the views once for each ancestor, however many children it gets. */
static void
enqueue_views_of_ancestors(Attempt *attempt, Oid relid)
{
	MemoryContext old;
	ListCell   *lc;
	bool		all;
	bool		is_new;

	foreach(lc, tg_facts_ancestors(attempt->after, relid, &all))
	{
		CHECK_FOR_INTERRUPTS();
		old = MemoryContextSwitchTo(attempt->context);
		is_new = tg_oidset_add(&attempt->parents_joined, lfirst_oid(lc));
		MemoryContextSwitchTo(old);
		if (is_new)
			enqueue_all(attempt, tg_facts_dependent_views(attempt->after,
														  lfirst_oid(lc)));
	}
}

/* Nothing is said of a view that reads what is global. */
void
tg_queue_covered(Attempt *attempt, const AllowlistEntry *entry)
{
	Oid			schema_oid;
	List	   *relids;
	ListCell   *lc;

	if (entry->kind == TG_ENTRY_ROLE)
	{
		Oid			role = get_role_oid(entry->object, true);

		/* It may be an application role now */
		attempt->database_changed = true;
		if (OidIsValid(role))
			enqueue_opened(attempt, role);
		return;
	}
	if (entry->kind == TG_ENTRY_BYPASS)
	{
		enqueue_all(attempt,
					tg_facts_relations_naming_switch(attempt->after,
													 tg_switch_of(entry)));
		return;
	}
	schema_oid = get_namespace_oid(NameStr(entry->schema), true);
	if (!OidIsValid(schema_oid))
		return;
	if (strcmp(NameStr(entry->table), "*") == 0)
		relids = tg_facts_relations_of_schema(attempt->after, schema_oid);
	else
		relids = list_make1_oid(get_relname_relid(NameStr(entry->table),
												  schema_oid));
	foreach(lc, relids)
	{
		Oid			relid = lfirst_oid(lc);

		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(relid))
			continue;
		enqueue(attempt, relid);
		enqueue_all(attempt, tg_facts_descendants(attempt->after, relid));
		enqueue_all(attempt, tg_facts_dependent_views(attempt->after, relid));
		enqueue_views_of_ancestors(attempt, relid);
	}
}

/*
 * Queues what the entries of a key cover that are gone, or waive something
 * else than before.  Whoever relies on an entry keeps it from that, but not
 * from getting another reason.
 */
static void
enqueue_for_entries(Attempt *attempt, const ObjectKey *object)
{
	List	   *before =
		tg_allowlist_entries_of(tg_attempt_allowlist(attempt, false),
								object->objectId);
	List	   *after =
		tg_allowlist_entries_of(tg_attempt_allowlist(attempt, true),
								object->objectId);
	const AllowlistEntry *covered = NULL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, before)
	{
		AllowlistEntry *entry = lfirst(lc);
		bool		is_there = false;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, after)
			is_there = is_there || tg_allowlist_same(entry, lfirst(lc2));
		if (is_there)
			continue;
		tg_lock_changed(attempt->locks, object->classId, object->objectId);

		/* All debts of a relation cover the same */
		if (covered != NULL &&
			tg_allowlist_names(entry, NameStr(covered->schema),
							   NameStr(covered->table)))
			continue;
		tg_queue_covered(attempt, entry);
		covered = entry;
	}
}

void
tg_queue_object(Attempt *attempt, const ObjectKey *object)
{
	QueueEntry *entry = hash_search(attempt->seen, object, HASH_FIND, NULL);

	if (object->classId == RelationRelationId)
	{
		/* An index turns out to be one when it is judged */
		if (tg_touched_how(object) == TG_GRANTED)
			enqueue(attempt, object->objectId);
		else
			enqueue_changed(attempt, object->objectId);
		return;
	}
	if (entry != NULL)
	{
		enqueue_changed(attempt, entry->owner);
		return;
	}

	switch (object->classId)
	{
		case NamespaceRelationId:
			enqueue_for_schema(attempt, object->objectId);
			break;

		case ExtensionRelationId:
			tg_lock_changed(attempt->locks, object->classId, object->objectId);
			enqueue_all(attempt, tg_facts_members(attempt->before,
												  object->objectId));
			break;

		case AuthIdRelationId:
			enqueue_for_role(attempt, object->objectId);
			break;

		case AuthMemRelationId:
			attempt->database_changed = true;
			enqueue_opened(attempt, object->objectId);
			break;

		case DbRoleSettingRelationId:
			attempt->database_changed = true;
			break;

		case TypeRelationId:
			tg_lock_changed(attempt->locks, object->classId, object->objectId);
			enqueue_all(attempt,
						tg_facts_relations_using_type(attempt->after,
													  object->objectId));
			break;

		case ProcedureRelationId:
			/* Policies call what they called before */
			if (tg_touched_how(object) != TG_GRANTED)
				enqueue_for_function(attempt, object->objectId);
			break;

			/* Citus has distributed its table: see watch_change() */
		case TriggerRelationId:
			enqueue_changed(attempt, tg_table_of_trigger(object->objectId));
			break;

		default:
			if (object->classId == tg_allowlist_oid())
				enqueue_for_entries(attempt, object);
			else
				enqueue_changed(attempt, tg_owning_relation(object->classId,
															object->objectId));
			break;
	}
}

void
tg_queue_tables_of_functions(Attempt *attempt)
{
	if (is_at_commit(tg_check_function_exposes_tenants))
		enqueue_all(attempt, tg_tables_exposed_by_functions(attempt->after));
}

/* Notes a part, and whose it is. */
static void
skip(Attempt *attempt, Oid classId, Oid objectId, Oid owner)
{
	QueueEntry *entry;

	(void) enter(attempt, classId, objectId, &entry);
	entry->owner = owner;
}

/*
 * A migration creates a table before it creates what belongs to it: for most
 * of its objects this saves the search for the owner.
 */
void
tg_queue_skip_parts(Attempt *attempt, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
		skip(attempt, PolicyRelationId, ((PolicyFacts *) lfirst(lc))->oid,
			 facts->relid);
	foreach(lc, facts->indexes)
		skip(attempt, IndexRelationId, ((IndexFacts *) lfirst(lc))->oid,
			 facts->relid);
	foreach(lc, facts->constraints)
		skip(attempt, ConstraintRelationId, lfirst_oid(lc), facts->relid);
}

void
tg_queue_table_of_index(Attempt *attempt, Oid index)
{
	enqueue_changed(attempt, tg_owning_relation(IndexRelationId, index));
}

/*
 * Did an entry cover the relation that does not cover it under its present name
 * or parent?  (tg_queue_covered() deals with entries that have changed.)
 */
static bool
has_left_allowlist(Attempt *attempt, const RelationFacts *facts,
				   const RelationFacts *before)
{
	if (!attempt->schemas_altered &&
		facts->schema_oid == before->schema_oid &&
		strcmp(facts->name, before->name) == 0 &&
		equal(facts->parents, before->parents))
		return false;
	return tg_allowlist_taken_over(tg_attempt_allowlist(attempt, false),
								   attempt->before, before,
								   tg_attempt_allowlist(attempt, true),
								   attempt->after, facts, true) != NULL;
}

/* Does a parent show rows that it did not show before? */
static bool
joins_parents(const RelationFacts *facts, const RelationFacts *before)
{
	if (facts->partition || facts->parents == NIL ||
		(facts->tenant == NULL && !facts->may_have_children))
		return false;
	return before == NULL ||
		(before->tenant == NULL && facts->tenant != NULL) ||
		list_difference_oid(facts->parents, before->parents) != NIL;
}

/*
 * May views over a relation show more than before?  What a materialized view
 * keeps depends on the queries of the views that it reads, too.
 */
static bool
views_show_more(const QueueEntry *entry, const RelationFacts *facts,
				const RelationFacts *before)
{
	if (facts->kind == RELKIND_VIEW)
		return entry->changed;
	return facts->kind != RELKIND_MATVIEW &&
		(before->owner != facts->owner ||
		 before->rls_enabled != facts->rls_enabled ||
		 (before->rls_forced && !facts->rls_forced) ||
		 (before->tenant == NULL) != (facts->tenant == NULL) ||
		 (entry->policies_changed && facts->rls_enabled &&
		  (facts->tenant == NULL ||
		   is_at_commit(tg_check_not_protected_yet))));
}

/*
 * Who depends on it is looked up last: of a table that all others refer to,
 * pg_depend has as many rows.  Of a new relation all dependents are new.
 */
void
tg_queue_dependents(Attempt *attempt, const QueueEntry *entry,
					const RelationFacts *facts, const RelationFacts *before)
{
	bool		views_count;
	bool		lost_rls;
	bool		left_allowlist;

	enqueue_all(attempt, tg_relatives_to_judge(attempt->after, facts,
											   attempt->before, before));
	views_count = is_at_commit(tg_check_view_exposes_tenants) ||
		is_at_commit(tg_check_matview_exposes_tenants) ||
		is_at_commit(tg_check_view_bypasses_rls) ||
		is_at_commit(tg_check_relation_unprotectable);
	left_allowlist = before != NULL &&
		has_left_allowlist(attempt, facts, before);
	if (views_count && (left_allowlist || joins_parents(facts, before)))
		enqueue_views_of_ancestors(attempt, facts->relid);
	if (before == NULL)
		return;
	lost_rls = (before->rls_enabled && !facts->rls_enabled) ||
		(facts->kind == RELKIND_VIEW &&
		 (before->owner != facts->owner ||
		  (before->security_invoker && !facts->security_invoker)));

	if (left_allowlist)
		enqueue_all(attempt, tg_facts_descendants(attempt->after,
												  facts->relid));

	/*
	 * A policy that reads a table may owe all that it does to the row-level
	 * security of that table, to which a view's owner may not be subject.
	 */
	if (lost_rls || (entry->policies_changed && before->rls_enabled))
		rejudge_all(attempt,
					tg_facts_relations_whose_policies_read(attempt->after,
														   facts->relid),
					lost_rls ? RESTS_ON_OTHER_FACTS : RESTS_ON_OTHER_POLICIES);

	if (views_count &&
		(left_allowlist || views_show_more(entry, facts, before)))
		enqueue_all(attempt, tg_facts_dependent_views(attempt->after,
													  facts->relid));
}

bool
tg_queue_has(Attempt *attempt, Oid relid)
{
	ObjectKey	key = {.classId = RelationRelationId,.objectId = relid};

	return hash_search(attempt->seen, &key, HASH_FIND, NULL) != NULL;
}

QueueEntry *
tg_queue_next(Attempt *attempt)
{
	return attempt->next < list_length(attempt->queue) ?
		list_nth(attempt->queue, attempt->next++) : NULL;
}
