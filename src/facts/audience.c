/*-------------------------------------------------------------------------
 *
 * audience.c
 *		Who serves tenants' sessions, and whose rights do these roles have?
 *
 * Roles and memberships are read under the reader's snapshot, because a verdict
 * compares who had a privilege before with who has it now; and each role once,
 * because an audit asks about the same few roles for every table.
 *
 * A role acts as another one if it has the privileges of that role, or can get
 * them by SET ROLE.  Between the two there is a chain of memberships: first
 * those that allow SET ROLE, which is checked against the session's user, then
 * those that inherit (see roles_is_member_of() in PostgreSQL's acl.c).
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

/* What the reader knows of a role. */
typedef struct KnownRole
{
	Oid			role;			/* hash key, must be first */
	bool		is_app;
	bool		is_confined;	/* is row-level security for it? */
	bool		actors_known;
	bool		becoming_known;
	List	   *actors;			/* application roles that act as it */
	List	   *becoming;		/* application roles that can be it */
} KnownRole;

struct Audience
{
	bool		named;			/* by the setting */
	HTAB	   *roles;			/* of KnownRole */
};

static const Decisions no_decisions = {NIL, NIL};

void
tg_facts_set_decisions(FactsReader *reader, ReadDecisions read, void *arg)
{
	reader->read_decisions = read;
	reader->decisions_arg = arg;
}

const Decisions *
tg_facts_decisions(FactsReader *reader)
{
	return reader->read_decisions != NULL ?
		reader->read_decisions(reader->decisions_arg) : &no_decisions;
}

const ExcusedRole *
tg_facts_excused(FactsReader *reader, const char *role)
{
	ListCell   *lc;

	foreach(lc, tg_facts_decisions(reader)->excused_roles)
	{
		const ExcusedRole *excused = lfirst(lc);

		if (strcmp(excused->name, role) == 0)
			return excused;
	}
	return NULL;
}

/* Does any role of the setting exist? */
static bool
any_is_named(FactsReader *reader)
{
	Relation	catalog = tg_reader_catalog(reader, CAT_AUTHID);
	bool		found = false;

	for (const char *name = tg_app_role_names(); *name != '\0' && !found;
		 name = tg_next_name(name))
	{
		ScanKeyData key;
		SysScanDesc scan;

		ScanKeyInit(&key, Anum_pg_authid_rolname, BTEqualStrategyNumber,
					F_NAMEEQ, CStringGetDatum(name));
		scan = systable_beginscan(catalog, AuthIdRolnameIndexId, true,
								  tg_facts_snapshot(reader), 1, &key);
		found = HeapTupleIsValid(systable_getnext(scan));
		systable_endscan(scan);
	}
	return found;
}

static Audience *
get_audience(FactsReader *reader)
{
	Audience   *audience = reader->audience;

	if (audience != NULL)
		return audience;
	audience = MemoryContextAllocZero(reader->context, sizeof(Audience));
	audience->roles = tg_hash_create("trovella_guard roles", sizeof(Oid),
									 sizeof(KnownRole), reader->context);
	audience->named = any_is_named(reader);
	reader->audience = audience;
	return audience;
}

static bool
is_above_rls(const RoleFacts *role)
{
	return role->superuser || role->bypasses_rls;
}

void
tg_facts_demoted(FactsReader *before, Oid role)
{
	MemoryContext old = MemoryContextSwitchTo(before->context);

	(void) tg_oidset_add(&before->demoted, role);
	MemoryContextSwitchTo(old);
}

static bool
is_app_role(FactsReader *reader, const RoleFacts *role, bool is_confined)
{
	const char *name = NameStr(role->name);

	return (get_audience(reader)->named ?
			tg_is_in_names(tg_app_role_names(), name) :
			role->can_login && is_confined) &&
		tg_facts_excused(reader, name) == NULL;
}

static KnownRole *
know_role(FactsReader *reader, Oid oid)
{
	Audience   *audience = get_audience(reader);
	KnownRole  *known = hash_search(audience->roles, &oid, HASH_FIND, NULL);
	RoleFacts	facts;
	bool		is_confined;
	bool		is_app;

	if (known != NULL)
		return known;
	is_app = tg_reader_role(reader, oid, &facts);
	is_confined = !is_above_rls(&facts) ||
		tg_oidset_has(&reader->demoted, oid);
	is_app = is_app && is_app_role(reader, &facts, is_confined);
	known = hash_search(audience->roles, &oid, HASH_ENTER, NULL);
	memset(known, 0, sizeof(KnownRole));
	known->role = oid;
	known->is_app = is_app;
	known->is_confined = is_confined;
	return known;
}

List *
tg_app_roles(FactsReader *reader)
{
	SysScanDesc scan = systable_beginscan(tg_reader_catalog(reader, CAT_AUTHID),
										  InvalidOid, false,
										  tg_facts_snapshot(reader), 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RoleFacts	facts;

		CHECK_FOR_INTERRUPTS();
		tg_role_of_tuple(tuple, &facts);
		if (is_app_role(reader, &facts, !is_above_rls(&facts)))
			result = lappend_oid(result,
								 ((Form_pg_authid) GETSTRUCT(tuple))->oid);
	}
	systable_endscan(scan);
	return result;
}

bool
tg_app_roles_are_named(FactsReader *reader)
{
	return get_audience(reader)->named;
}

List *
tg_named_app_roles(void)
{
	List	   *roles = NIL;

	for (const char *name = tg_app_role_names(); *name != '\0';
		 name = tg_next_name(name))
	{
		Oid			role = get_role_oid(name, true);

		if (OidIsValid(role))
			roles = lappend_oid(roles, role);
	}
	return roles;
}

/* Adds members of members, along one kind of membership. */
static void
add_members(FactsReader *reader, OidSet *roles, bool inheriting)
{
	for (int i = 0; i < list_length(roles->oids); i++)
	{
		const RoleMembers *members =
			tg_reader_members(reader, list_nth_oid(roles->oids, i));
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, inheriting ? members->inheriting : members->setting)
			(void) tg_oidset_add(roles, lfirst_oid(lc));
	}
}

/*
 * The application roles among a role and its members of members.  Those that
 * are it have its attributes, those that act as it only its privileges.
 */
static List *
app_roles_below(FactsReader *reader, Oid role, bool acting)
{
	OidSet		roles = {0};
	List	   *result = NIL;
	MemoryContext old;
	ListCell   *lc;

	(void) tg_oidset_add(&roles, role);
	if (acting)
		add_members(reader, &roles, true);
	add_members(reader, &roles, false);
	foreach(lc, roles.oids)
	{
		const KnownRole *known = know_role(reader, lfirst_oid(lc));

		if (!known->is_app || (acting && !known->is_confined))
			continue;
		old = MemoryContextSwitchTo(reader->context);
		result = lappend_oid(result, lfirst_oid(lc));
		MemoryContextSwitchTo(old);
	}
	return result;
}

const List *
tg_app_roles_acting_as(FactsReader *reader, Oid role)
{
	KnownRole  *known = know_role(reader, role);

	if (!known->actors_known)
	{
		List	   *actors = app_roles_below(reader, role, true);

		known->actors = actors;
		known->actors_known = true;
	}

	/* Who grants one of these roles changes who acts as it */
	tg_facts_note_read(reader, AuthIdRelationId, role);
	return known->actors;
}

const List *
tg_app_roles_becoming(FactsReader *reader, Oid role)
{
	KnownRole  *known = know_role(reader, role);

	if (!known->becoming_known)
	{
		List	   *becoming = app_roles_below(reader, role, false);

		known->becoming = becoming;
		known->becoming_known = true;
	}
	tg_facts_note_read(reader, AuthIdRelationId, role);
	return known->becoming;
}

static bool
any_is_new(const List *roles, const List *known)
{
	OidSet		set = {0};
	const ListCell *lc;

	foreach(lc, known)
		(void) tg_oidset_add(&set, lfirst_oid(lc));
	foreach(lc, roles)
	{
		if (!tg_oidset_has(&set, lfirst_oid(lc)))
			return true;
	}
	return false;
}

bool
tg_app_roles_act_anew(FactsReader *after, FactsReader *before, Oid role)
{
	return any_is_new(tg_app_roles_acting_as(after, role),
					  tg_app_roles_acting_as(before, role)) ||
		any_is_new(tg_app_roles_becoming(after, role),
				   tg_app_roles_becoming(before, role));
}

/* Adds the grantees in an ACL by which an application role has a privilege. */
static void
add_app_grantees(FactsReader *reader, OidSet *grantees, const Acl *acl,
				 AclMode privileges)
{
	const AclItem *items = ACL_DAT(acl);

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		Oid			grantee = items[i].ai_grantee;

		if ((ACLITEM_GET_PRIVS(items[i]) & privileges) != 0 &&
			(grantee == ACL_ID_PUBLIC ||
			 tg_app_roles_acting_as(reader, grantee) != NIL))
			(void) tg_oidset_add(grantees, grantee);
	}
}

List *
tg_app_grantees(FactsReader *reader, const RelationFacts *facts,
				AclMode privileges)
{
	OidSet		grantees = {0};
	ListCell   *lc;

	if (tg_app_roles_acting_as(reader, facts->owner) != NIL)
		(void) tg_oidset_add(&grantees, facts->owner);
	foreach(lc, facts->acls)
		add_app_grantees(reader, &grantees, lfirst(lc), privileges);
	if ((privileges & ACL_SELECT) != 0 &&
		tg_app_roles_acting_as(reader, ROLE_PG_READ_ALL_DATA) != NIL)
		(void) tg_oidset_add(&grantees, ROLE_PG_READ_ALL_DATA);
	if ((privileges & (ACL_INSERT | ACL_UPDATE | ACL_DELETE)) != 0 &&
		tg_app_roles_acting_as(reader, ROLE_PG_WRITE_ALL_DATA) != NIL)
		(void) tg_oidset_add(&grantees, ROLE_PG_WRITE_ALL_DATA);
	return grantees.oids;
}

List *
tg_app_executors(FactsReader *reader, const DefinerFacts *definer)
{
	OidSet		grantees = {0};

	add_app_grantees(reader, &grantees, definer->acl, ACL_EXECUTE);
	return list_delete_oid(grantees.oids, definer->owner);
}

List *
tg_facts_executors(const DefinerFacts *definer)
{
	const AclItem *items = ACL_DAT(definer->acl);
	OidSet		grantees = {0};

	for (int i = 0; i < ACL_NUM(definer->acl); i++)
	{
		if ((ACLITEM_GET_PRIVS(items[i]) & ACL_EXECUTE) != 0 &&
			items[i].ai_grantee != definer->owner)
			(void) tg_oidset_add(&grantees, items[i].ai_grantee);
	}
	return grantees.oids;
}

List *
tg_facts_roles_acting_as(FactsReader *reader, Oid role)
{
	OidSet		roles = {0};

	(void) tg_oidset_add(&roles, role);
	add_members(reader, &roles, true);
	add_members(reader, &roles, false);
	return list_delete_first(roles.oids);
}

List *
tg_facts_roles_becoming(FactsReader *reader, Oid role)
{
	OidSet		roles = {0};

	(void) tg_oidset_add(&roles, role);
	add_members(reader, &roles, false);
	return list_delete_first(roles.oids);
}
