/*-------------------------------------------------------------------------
 *
 * hold.c
 *		Holds still what a verdict relies on.
 *
 * Two transactions at one time see nothing of each other, and each may be right
 * by itself.  Mostly the locks that DDL takes let only one of them go on; this
 * file takes those that are missing, when the transaction commits.  A lock that
 * had to be taken makes the attempt at a verdict worthless: others may have
 * committed before we got it, so the verdict is sought again, under a
 * snapshot that sees them.
 *
 * specs/ has a test for each of them; docs/architecture.md tells what they may
 * cost.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "hold.h"
#include "rules.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A lock has been taken, which makes this attempt worthless. */
static void
remember(Holds *holds, List **list, Oid oid)
{
	MemoryContext old = MemoryContextSwitchTo(holds->context);

	*list = lappend_oid(*list, oid);
	MemoryContextSwitchTo(old);
	holds->lost_race = true;
}

/*
 * Neither CREATE POLICY nor ALTER FUNCTION locks a function that the one calls
 * and the other alters.  So the guard does, with locks that nobody else takes:
 * those of PostgreSQL itself have no "column" of a function.
 */
#define FUNCTION_AS_IT_IS 1

void
tg_hold_altered_function(Holds *holds, Oid function_oid)
{
	if (!holds->wanted || list_member_oid(holds->functions, function_oid))
		return;
	LockDatabaseObject(ProcedureRelationId, function_oid, FUNCTION_AS_IT_IS,
					   AccessExclusiveLock);
	remember(holds, &holds->functions, function_oid);
}

/*
 * The other side.  The proof asks the system cache for the function, which the
 * lock brings up to date: there is no need to be judged again.
 */
static void
hold_functions(const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		ListCell   *lc2;

		foreach(lc2, tg_facts_functions_of(lfirst(lc)))
			LockDatabaseObject(ProcedureRelationId, lfirst_oid(lc2),
							   FUNCTION_AS_IT_IS, AccessShareLock);
	}
}

/*
 * CREATE TABLE locks its schema against others who drop it, but a rename takes
 * no lock: a table made under an exemption of the old name would come to be
 * where no exemption is.
 */
void
tg_hold_renamed_schema(Holds *holds, Oid schema_oid)
{
	char	   *after;
	char	   *before;

	if (!holds->wanted || list_member_oid(holds->schemas, schema_oid))
		return;
	after = tg_facts_schema_name(holds->after, schema_oid);
	before = tg_facts_schema_name(holds->before, schema_oid);
	if (after == NULL || before == NULL || strcmp(after, before) == 0)
		return;
	LockDatabaseObject(NamespaceRelationId, schema_oid, 0,
					   AccessExclusiveLock);
	remember(holds, &holds->schemas, schema_oid);
}

/*
 * The other side: we rely on the name that the schema has now.
 */
static bool
hold_schema_name(const RelationFacts *facts)
{
	char	   *name;

	LockDatabaseObject(NamespaceRelationId, facts->schema_oid, 0,
					   AccessShareLock);
	name = get_namespace_name(facts->schema_oid);
	return name != NULL && strcmp(name, facts->schema) == 0;
}

/*
 * Whatever ALTER TABLE, a rename or DDL for policies makes of a relation, it
 * locks it against all others.  What a transaction has locked itself, in
 * whatever mode, nobody else has altered since.
 */
#define MAX_RELIED_ON_HELD 1000

static void
lock_relation(Holds *holds, Oid relid)
{
	if (list_length(holds->relied_on) >= MAX_RELIED_ON_HELD ||
		CheckRelationOidLockedByMe(relid, AccessShareLock, true))
		return;
	LockRelationOid(relid, AccessShareLock);
	remember(holds, &holds->relied_on, relid);
}

static void
hold_ancestors(Holds *holds, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, facts->parents)
	{
		const RelationFacts *parent = tg_facts_outline(holds->after,
													   lfirst_oid(lc));

		lock_relation(holds, lfirst_oid(lc));
		if (parent != NULL)
			hold_ancestors(holds, parent);
	}
}

/*
 * A child needs less protection of its own, or more of its ancestors, by what
 * these are.  ALTER TABLE of a child does not lock them, and that of an
 * ancestor does not lock the child: so who comes to rely on them does.
 */
static void
hold_what_protects(Holds *holds, const RelationFacts *facts,
				   const RelationFacts *before)
{
	if (facts->parents != NIL &&
		(before == NULL || before->owner != facts->owner ||
		 before->partition != facts->partition ||
		 (before->rls_enabled && !facts->rls_enabled) ||
		 (before->tenant == NULL && facts->tenant != NULL) ||
		 list_difference_oid(facts->parents, before->parents) != NIL))
		hold_ancestors(holds, facts);
}

/*
 * A new name is nobody's exemption as long as the schema has the name that it
 * has.  A renamed table does not lock its schema as a new one does.
 */
static void
hold_new_name(Holds *holds, const RelationFacts *facts,
			  const RelationFacts *before)
{
	if (before != NULL && facts->tenant != NULL &&
		strcmp(before->name, facts->name) != 0 &&
		!hold_schema_name(facts))
		holds->lost_race = true;
}

/*
 * We rely on an allowlist entry, by the names of a relation, or of what it is
 * a partition of.  (If it is renamed itself, that is judged.)
 */
static bool
hold_names(Holds *holds, const RelationFacts *facts)
{
	const RelationFacts *parent;

	if (!hold_schema_name(facts))
		return false;
	if (!facts->partition || facts->parents == NIL)
		return true;
	lock_relation(holds, linitial_oid(facts->parents));
	parent = tg_facts_outline(holds->after, linitial_oid(facts->parents));
	return parent == NULL || hold_names(holds, parent);
}

/*
 * GRANT lets ALTER TABLE ... INHERIT pass: what the one opens may just be made
 * the parent, by the other, of a tenant table whose rows it then shows.  (That
 * it may just be losing its row-level security is seen to in watch.c.)
 *
 * This notes which of the two the transaction does; hold_inheritance() sees to
 * it that of both only one is judged at a time.
 */
static void
note_inheritance(Holds *holds, const RelationFacts *facts,
				 const RelationFacts *before)
{
	if (facts->partition)
		return;
	if (before != NULL && facts->granted && !before->granted &&
		(facts->kind == RELKIND_RELATION ||
		 facts->kind == RELKIND_FOREIGN_TABLE))
		holds->opens_parents = true;
	if (tg_relies_on_closed_parents(holds->after, facts))
		holds->relies_on_parents = true;
}

/*
 * Was the attempt made under the lock that it needs?  If not, the lock is
 * taken.
 *
 * It is a lock of the guard's own, one for all of the database's inheritance:
 * nobody else locks "pg_inherits, object 0".  Those who open tables do not
 * get in each other's way, nor do those who rely on closed parents.  A lock of
 * the relation would be asked for while others wait for our GRANT, with a lock
 * of that relation in their hands.
 */
static bool
hold_inheritance(Holds *holds)
{
	LOCKMODE	mode;

	if (holds->opens_parents && holds->relies_on_parents)
		mode = ShareRowExclusiveLock;
	else if (holds->opens_parents)
		mode = RowExclusiveLock;
	else if (holds->relies_on_parents)
		mode = ShareLock;
	else
		return true;

	if (holds->inheritance == mode ||
		holds->inheritance == ShareRowExclusiveLock)
		return true;
	if (holds->inheritance != NoLock)
		mode = ShareRowExclusiveLock;
	LockDatabaseObject(InheritsRelationId, InvalidOid, 0, mode);
	holds->inheritance = mode;
	return false;
}

void
tg_hold_relation(Holds *holds, const RelationFacts *facts,
				 const RelationFacts *before)
{
	if (!holds->wanted)
		return;
	hold_functions(facts);
	hold_what_protects(holds, facts, before);
	hold_new_name(holds, facts, before);
	note_inheritance(holds, facts, before);
}

void
tg_hold_exemption(Holds *holds, const AllowlistEntry *entry,
				  const RelationFacts *facts)
{
	if (holds->wanted &&
		(!tg_allowlist_hold(entry) || !hold_names(holds, facts)))
		holds->lost_race = true;
}

void
tg_hold_begin(Holds *holds, FactsReader *before, FactsReader *after)
{
	holds->before = before;
	holds->after = after;
	holds->lost_race = false;
	holds->opens_parents = false;
	holds->relies_on_parents = false;
}

bool
tg_hold_end(Holds *holds)
{
	if (holds->wanted && !hold_inheritance(holds))
		holds->lost_race = true;
	return !holds->lost_race;
}
