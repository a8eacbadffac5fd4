/*-------------------------------------------------------------------------
 *
 * audience.c
 *		Who serves tenants' sessions, and whose rights do these roles have?
 *
 * Roles and memberships are read once for each reader, under its snapshot: an
 * audit asks about every table, and a verdict compares who had a privilege
 * before with who has it now.
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
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
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
#include "utils/syscache.h"

/* The members of a role. */
typedef struct RoleMembers
{
	Oid			role;			/* hash key, must be first */
	List	   *inheriting;		/* OIDs of those that have its privileges */
	List	   *setting;		/* OIDs of those that may SET ROLE to it */
} RoleMembers;

/* The application roles that act as a role. */
typedef struct Actors
{
	Oid			role;			/* hash key, must be first */
	List	   *app_roles;
} Actors;

struct Audience
{
	List	   *app_roles;
	OidSet		app_role_set;	/* the same */
	bool		named;			/* by the setting */
	OidSet		inheriting;		/* roles with the attribute INHERIT */
	HTAB	   *members;		/* of RoleMembers */
	HTAB	   *actors;			/* of Actors */
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

static bool
is_named(const char *role)
{
	for (const char *name = tg_app_role_names(); *name != '\0';
		 name = tg_next_name(name))
	{
		if (strcmp(name, role) == 0)
			return true;
	}
	return false;
}

/* Reads the roles, and finds the application roles among them. */
static void
read_roles(FactsReader *reader, Audience *audience)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	OidSet		others = {0};

	scan = systable_beginscan(tg_reader_catalog(reader, CAT_AUTHID), InvalidOid,
							  false, tg_facts_snapshot(reader), 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);
		bool		named = is_named(NameStr(form->rolname));

		CHECK_FOR_INTERRUPTS();
		if (form->rolinherit)
			(void) tg_oidset_add(&audience->inheriting, form->oid);
		if (named)
			audience->named = true;
		else if (!form->rolcanlogin || form->rolsuper || form->rolbypassrls)
			continue;
		if (tg_facts_excused(reader, NameStr(form->rolname)) == NULL)
			(void) tg_oidset_add(named ? &audience->app_role_set : &others,
								 form->oid);
	}
	systable_endscan(scan);
	if (!audience->named)
		audience->app_role_set = others;
	audience->app_roles = audience->app_role_set.oids;
}

static RoleMembers *
members_of(Audience *audience, Oid role, HASHACTION action)
{
	bool		found;
	RoleMembers *members = hash_search(audience->members, &role, action,
									   &found);

	if (members != NULL && !found)
	{
		members->inheriting = NIL;
		members->setting = NIL;
	}
	return members;
}

/* The owner of the database is a member of pg_database_owner. */
static void
add_database_owner(Audience *audience)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID,
										ObjectIdGetDatum(MyDatabaseId));
	RoleMembers *members;

	if (!HeapTupleIsValid(tuple))
		return;
	members = members_of(audience, ROLE_PG_DATABASE_OWNER, HASH_ENTER);
	members->inheriting =
		lappend_oid(members->inheriting,
					((Form_pg_database) GETSTRUCT(tuple))->datdba);
	ReleaseSysCache(tuple);
}

static void
read_memberships(FactsReader *reader, Audience *audience)
{
	SysScanDesc scan =
		systable_beginscan(tg_reader_catalog(reader, CAT_AUTH_MEMBERS),
						   InvalidOid, false, tg_facts_snapshot(reader), 0,
						   NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_auth_members form = (Form_pg_auth_members) GETSTRUCT(tuple);
		RoleMembers *members = members_of(audience, form->roleid, HASH_ENTER);

		CHECK_FOR_INTERRUPTS();
		if (TG_MEMBERSHIP_INHERITS(form, tg_oidset_has(&audience->inheriting,
													   form->member)))
			members->inheriting = lappend_oid(members->inheriting,
											  form->member);
		if (TG_MEMBERSHIP_SETS(form))
			members->setting = lappend_oid(members->setting, form->member);
	}
	systable_endscan(scan);
	add_database_owner(audience);
}

static Audience *
get_audience(FactsReader *reader)
{
	MemoryContext old;
	Audience   *audience;

	if (reader->audience != NULL)
		return reader->audience;
	old = MemoryContextSwitchTo(reader->context);
	audience = palloc0(sizeof(Audience));
	audience->members = tg_hash_create("trovella_guard members", sizeof(Oid),
									   sizeof(RoleMembers), reader->context);
	audience->actors = tg_hash_create("trovella_guard actors", sizeof(Oid),
									  sizeof(Actors), reader->context);
	read_roles(reader, audience);
	read_memberships(reader, audience);
	MemoryContextSwitchTo(old);
	reader->audience = audience;
	return audience;
}

const List *
tg_app_roles(FactsReader *reader)
{
	return get_audience(reader)->app_roles;
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
add_members(Audience *audience, OidSet *roles, bool inheriting)
{
	for (int i = 0; i < list_length(roles->oids); i++)
	{
		RoleMembers *members = members_of(audience, list_nth_oid(roles->oids, i),
										  HASH_FIND);
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		if (members == NULL)
			continue;
		foreach(lc, inheriting ? members->inheriting : members->setting)
			(void) tg_oidset_add(roles, lfirst_oid(lc));
	}
}

const List *
tg_app_roles_acting_as(FactsReader *reader, Oid role)
{
	Audience   *audience = get_audience(reader);
	bool		found;
	Actors	   *actors = hash_search(audience->actors, &role, HASH_FIND, &found);
	OidSet		roles = {0};
	List	   *app_roles = NIL;
	MemoryContext old;
	ListCell   *lc;

	if (!found)
	{
		(void) tg_oidset_add(&roles, role);
		add_members(audience, &roles, true);
		add_members(audience, &roles, false);
		old = MemoryContextSwitchTo(reader->context);
		foreach(lc, roles.oids)
		{
			if (tg_oidset_has(&audience->app_role_set, lfirst_oid(lc)))
				app_roles = lappend_oid(app_roles, lfirst_oid(lc));
		}
		MemoryContextSwitchTo(old);
		actors = hash_search(audience->actors, &role, HASH_ENTER, NULL);
		actors->app_roles = app_roles;
	}

	/* Who grants one of these roles changes who acts as it */
	tg_facts_note_read(reader, AuthIdRelationId, role);
	return actors->app_roles;
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
