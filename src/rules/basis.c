/*-------------------------------------------------------------------------
 *
 * basis.c
 *		The parts of a finding that can get worse while its object stays the
 *		same.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "rules/basis.h"
#include "utils/acl.h"
#include "utils/array.h"

void
tg_set_add(SortedSet *set, uint64 item)
{
	if (set->count == set->room)
	{
		set->room = Max(8, 2 * set->room);
		set->items = set->items == NULL ?
			palloc(set->room * sizeof(uint64)) :
			repalloc(set->items, set->room * sizeof(uint64));
	}
	set->items[set->count++] = item;
}

static int
compare_items(const void *a, const void *b)
{
	uint64		one = *(const uint64 *) a;
	uint64		other = *(const uint64 *) b;

	return one < other ? -1 : one > other;
}

SortedSet *
tg_set_finish(SortedSet *set)
{
	int			kept = 0;

	if (set->count > 1)
		qsort(set->items, set->count, sizeof(uint64), compare_items);
	for (int i = 0; i < set->count; i++)
	{
		if (kept == 0 || set->items[kept - 1] != set->items[i])
			set->items[kept++] = set->items[i];
	}
	set->count = kept;
	return set;
}

bool
tg_set_has(const SortedSet *set, uint64 item)
{
	return set->count > 0 &&
		bsearch(&item, set->items, set->count, sizeof(uint64),
				compare_items) != NULL;
}

static bool
has_all(const SortedSet *set, const SortedSet *items)
{
	if (items == NULL || set == items)
		return true;
	for (int i = 0; i < items->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (set == NULL || !tg_set_has(set, items->items[i]))
			return false;
	}
	return true;
}

/* A grant as a number: grantee, column (0: all of them), command. */
#define MAKE_GRANT(grantee, attnum, command) \
	(((uint64) (grantee) << 32) | ((uint64) (uint16) (attnum) << 16) | (command))
#define GRANTEE(grant) ((Oid) ((grant) >> 32))
#define WITHOUT_GRANTEE(grant) ((grant) & UINT64CONST(0xFFFFFFFF))
#define WITHOUT_COLUMN(grant) ((grant) & UINT64CONST(0xFFFFFFFF0000FFFF))

static const struct
{
	CommandSet	command;
	AclMode		privilege;
}			privileges[] =

{
	{TG_SELECT, ACL_SELECT},
	{TG_INSERT, ACL_INSERT},
	{TG_UPDATE, ACL_UPDATE},
	{TG_DELETE, ACL_DELETE}
};

static void
add_grants(SortedSet *set, const Acl *acl, Oid owner, AttrNumber attnum,
		   CommandSet commands)
{
	const AclItem *items = ACL_DAT(acl);

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		for (int j = 0; j < (int) lengthof(privileges); j++)
		{
			if (items[i].ai_grantee != owner &&
				(commands & privileges[j].command) != 0 &&
				(ACLITEM_GET_PRIVS(items[i]) & privileges[j].privilege) != 0)
				tg_set_add(set, MAKE_GRANT(items[i].ai_grantee, attnum,
										   privileges[j].command));
		}
	}
}

SortedSet *
tg_grants_of(const RelationFacts *facts, CommandSet commands)
{
	SortedSet  *set = palloc0(sizeof(SortedSet));
	ListCell   *lc;

	add_grants(set, linitial(facts->acls), facts->owner, 0, commands);
	foreach(lc, facts->columns)
	{
		ColumnFacts *column = lfirst(lc);

		if (column->acl != NULL)
			add_grants(set, column->acl, facts->owner, column->attnum,
					   commands);
	}
	return tg_set_finish(set);
}

const SortedSet *
tg_grants_under(const SortedSet *grants, const List *roles)
{
	SortedSet  *set;
	const ListCell *lc;

	if (list_member_oid(roles, InvalidOid))
		return grants;
	set = palloc0(sizeof(SortedSet));
	foreach(lc, roles)
	{
		for (int i = 0; i < grants->count; i++)
		{
			Oid			grantee = GRANTEE(grants->items[i]);

			CHECK_FOR_INTERRUPTS();
			if (!OidIsValid(grantee) || grantee == lfirst_oid(lc) ||
				has_privs_of_role(lfirst_oid(lc), grantee))
				tg_set_add(set, grants->items[i]);
		}
	}
	return tg_set_finish(set);
}

/*
 * The owner counts as a role that was granted everything, because no policy
 * confines it here.  A superuser can always reach the relation.
 */
Basis *
tg_basis_of_grants(const RelationFacts *facts, CommandSet commands,
				   const List *users)
{
	Basis	   *basis = palloc0(sizeof(Basis));
	SortedSet  *grants = tg_grants_of(facts, commands);
	const ListCell *lc;

	for (int i = 0; i < (int) lengthof(privileges); i++)
	{
		if ((commands & privileges[i].command) != 0 &&
			!superuser_arg(facts->owner))
			tg_set_add(grants, MAKE_GRANT(facts->owner, 0, privileges[i].command));
	}
	foreach(lc, users)
		tg_set_add(grants, MAKE_GRANT(lfirst_oid(lc), 0, TG_NO_COMMAND));
	basis->reached_by = tg_set_finish(grants);
	return basis;
}

Basis *
tg_basis_of_roles(const List *roles)
{
	Basis	   *basis = palloc0(sizeof(Basis));
	SortedSet  *set = palloc0(sizeof(SortedSet));
	const ListCell *lc;

	foreach(lc, roles)
		tg_set_add(set, MAKE_GRANT(lfirst_oid(lc), 0, TG_NO_COMMAND));
	basis->reached_by = tg_set_finish(set);
	return basis;
}

static SortedSet *
fingerprints_of(const RelationFacts *facts, bool permissive)
{
	SortedSet  *set = palloc0(sizeof(SortedSet));
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		PolicyFacts *policy = lfirst(lc);

		if (policy->permissive == permissive && !policy->temporary)
			tg_set_add(set, tg_facts_policy_meaning(policy));
	}
	return tg_set_finish(set);
}

/*
 * All of them: whether the roles and commands of a restrictive policy matter to
 * the finding is not examined.
 */
const SortedSet *
tg_guards_of(const RelationFacts *facts)
{
	return fingerprints_of(facts, false);
}

/* Without INSERT: a parent does not route rows to inheritance children. */
Basis *
tg_basis_of_parent(const RelationFacts *parent)
{
	Basis	   *basis = palloc0(sizeof(Basis));

	basis->reached_by = tg_grants_of(parent, TG_ALL_COMMANDS & ~TG_INSERT);
	if (parent->rls_enabled)
	{
		basis->open_by = fingerprints_of(parent, true);
		basis->held_by = tg_guards_of(parent);
	}
	return basis;
}

/*
 * A grant is not new if the role had it for all columns, or if PUBLIC had it.
 */
static bool
grants_are_old(const SortedSet *after, const SortedSet *before)
{
	if (after == NULL || after == before)
		return true;
	for (int i = 0; i < after->count; i++)
	{
		uint64		grant = after->items[i];

		CHECK_FOR_INTERRUPTS();
		if (before == NULL ||
			(!tg_set_has(before, grant) &&
			 !tg_set_has(before, WITHOUT_COLUMN(grant)) &&
			 !tg_set_has(before, WITHOUT_GRANTEE(grant)) &&
			 !tg_set_has(before, WITHOUT_GRANTEE(WITHOUT_COLUMN(grant)))))
			return false;
	}
	return true;
}

bool
tg_basis_is_no_worse(const Basis *after, const Basis *before)
{
	static const Basis nothing = {0};

	if (after == NULL)
		after = &nothing;
	if (before == NULL)
		before = &nothing;
	return grants_are_old(after->reached_by, before->reached_by) &&
		has_all(before->open_by, after->open_by) &&
		has_all(after->held_by, before->held_by);
}
