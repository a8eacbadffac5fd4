/*-------------------------------------------------------------------------
 *
 * seal.c
 *		Is a relation sealed, so that nobody but its owner can reach its rows?
 *
 * Sealed entries of the allowlist count only while it is.  Tools keep copies of
 * tables and detached partitions where nobody looks for them.  Such a copy leaks
 * nothing as long as no other role was granted anything, and no application role
 * has its owner's rights.  Privileges on the schema are not considered: they
 * are easily granted later.
 *
 * A query on a parent reads the rows of its children, so the parents must be
 * sealed, too.  (A child below a protected parent needs no entry.)
 *
 * Views and SECURITY DEFINER functions that read a sealed relation are found by
 * the rules about them.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "miscadmin.h"

/* Notes the first application role among some; false if there is none. */
static bool
is_opened_by(const List *roles, SealBreachKind kind, const RelationFacts *facts,
			 SealBreach *breach)
{
	if (roles == NIL)
		return false;
	breach->kind = kind;
	breach->role = linitial_oid(roles);
	breach->relid = facts->relid;
	return true;
}

/* Is the relation open by itself, whatever its parents are? */
static bool
is_open(FactsReader *reader, const RelationFacts *facts, SealBreach *breach)
{
	if (facts->granted)
	{
		breach->kind = TG_SEAL_GRANT;
		breach->role = tg_first_grantee(facts);
		breach->relid = facts->relid;
		return true;
	}
	return is_opened_by(tg_app_roles_acting_as(reader, facts->owner),
						TG_SEAL_OWNER, facts, breach) ||
		is_opened_by(tg_app_roles_becoming(reader, facts->owner),
					 TG_SEAL_OWNER, facts, breach) ||
		is_opened_by(tg_app_roles_acting_as(reader, ROLE_PG_READ_ALL_DATA),
					 TG_SEAL_ALL_DATA, facts, breach) ||
		is_opened_by(tg_app_roles_acting_as(reader, ROLE_PG_WRITE_ALL_DATA),
					 TG_SEAL_ALL_DATA, facts, breach);
}

bool
tg_is_sealed(FactsReader *reader, const RelationFacts *facts,
			 SealBreach *breach)
{
	List	   *ancestors;
	ListCell   *lc;
	bool		all = true;

	if (is_open(reader, facts, breach))
		return false;
	ancestors = facts->parents == NIL ? NIL :
		tg_facts_ancestors(reader, facts->relid, &all);
	if (!all)
	{
		breach->kind = TG_SEAL_ANCESTORS;
		breach->relid = facts->relid;
		return false;
	}
	foreach(lc, ancestors)
	{
		const RelationFacts *ancestor = tg_facts_outline(reader,
														 lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (ancestor != NULL && is_open(reader, ancestor, breach))
			return false;
	}
	return true;
}
