/*-------------------------------------------------------------------------
 *
 * reach.c
 *		Can any role but its owner reach a child other than through its parents?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Reads an outline that lives until the next call. */
static const RelationFacts *
glance_at(FactsReader *reader, Oid relid, MemoryContext context)
{
	MemoryContext old;
	const RelationFacts *facts;

	MemoryContextReset(context);
	old = MemoryContextSwitchTo(context);
	facts = tg_facts_outline(reader, relid);
	MemoryContextSwitchTo(old);
	return facts;
}

/*
 * Do the parents of a relation protect it, provided that they are protected
 * themselves?  Adds those that have no row-level security of their own to the
 * set "unprotected": they depend on their own parents in turn.
 */
static bool
parents_protect(FactsReader *reader, const List *parents, Oid owner,
				OidSet *unprotected, MemoryContext context)
{
	const ListCell *lc;

	foreach(lc, parents)
	{
		const RelationFacts *parent = glance_at(reader, lfirst_oid(lc),
												context);

		CHECK_FOR_INTERRUPTS();
		if (parent == NULL || !tg_is_tenant_table(parent))
			return false;
		if (!tg_has_privileges_of(reader, owner, parent->owner) &&
			!tg_is_above_rls(reader, owner))
			return false;
		if (!parent->rls_enabled)
			(void) tg_oidset_add(unprotected, parent->relid);
	}
	return true;
}

/*
 * The owner of the child must not be a role that the parents keep out.
 * Reading through a parent checks only the parent's privileges and policies
 * (expand_inherited_rtentry() in PostgreSQL's optimizer/util/inherit.c).
 */
bool
tg_is_unreachable_child(FactsReader *reader, const RelationFacts *facts)
{
	OidSet		unprotected = {0};
	MemoryContext context;
	bool		result;
	int			next = 0;

	if (facts->parents == NIL || facts->granted)
		return false;

	context = AllocSetContextCreate(CurrentMemoryContext,
									"trovella_guard parent",
									ALLOCSET_SMALL_SIZES);
	result = parents_protect(reader, facts->parents, facts->owner,
							 &unprotected, context);
	while (result && next < list_length(unprotected.oids))
	{
		Oid			relid = list_nth_oid(unprotected.oids, next++);
		const RelationFacts *parent = glance_at(reader, relid, context);
		List	   *parents = list_copy(parent->parents);

		result = parents != NIL && !parent->granted &&
			next <= TG_MAX_ANCESTORS &&
			parents_protect(reader, parents, parent->owner, &unprotected,
							context);
		list_free(parents);
	}
	MemoryContextDelete(context);
	return result;
}
