/*-------------------------------------------------------------------------
 *
 * memberships.c
 *		Which roles are members of which?
 *
 * Read under the reader's snapshot, and by index: a verdict asks about the few
 * roles that own a table or were granted something on it, however many there
 * are.  The reader keeps the answers, because an audit asks about the same roles
 * for each table.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_shdepend.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"

/* The owner of the database is a member of pg_database_owner. */
static Oid
database_owner(FactsReader *reader)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_DATABASE, DatabaseOidIndexId,
									  Anum_pg_database_oid, MyDatabaseId);
	HeapTuple	tuple = systable_getnext(scan);
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_database) GETSTRUCT(tuple))->datdba;
	systable_endscan(scan);
	return owner;
}

#define MEMBERSHIPS_OF_ROLE(reader, role) \
	tg_reader_scan(reader, CAT_AUTH_MEMBERS, AuthMemRoleMemIndexId, \
				   Anum_pg_auth_members_roleid, role)
#define MEMBERSHIPS_OF_MEMBER(reader, member) \
	tg_reader_scan(reader, CAT_AUTH_MEMBERS, AuthMemMemRoleIndexId, \
				   Anum_pg_auth_members_member, member)

static void
read_members(FactsReader *reader, RoleMembers *members)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	SysScanDesc scan = MEMBERSHIPS_OF_ROLE(reader, members->role);
	HeapTuple	tuple;
	Oid			owner;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_auth_members form = (Form_pg_auth_members) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (TG_MEMBERSHIP_INHERITS(form, tg_reader_inherits(reader,
															form->member)))
			members->inheriting = lappend_oid(members->inheriting,
											  form->member);
		if (TG_MEMBERSHIP_SETS(form))
			members->setting = lappend_oid(members->setting, form->member);
	}
	systable_endscan(scan);
	owner = members->role == ROLE_PG_DATABASE_OWNER ?
		database_owner(reader) : InvalidOid;
	if (OidIsValid(owner))
		members->inheriting = lappend_oid(members->inheriting, owner);
	MemoryContextSwitchTo(old);
}

const RoleMembers *
tg_reader_members(FactsReader *reader, Oid role)
{
	RoleMembers *members;
	RoleMembers read = {.role = role};

	if (reader->members == NULL)
		reader->members = tg_hash_create("trovella_guard members", sizeof(Oid),
										 sizeof(RoleMembers), reader->context);
	members = hash_search(reader->members, &role, HASH_FIND, NULL);
	if (members != NULL)
		return members;

	/* Reading may fail: nothing incomplete must stay */
	read_members(reader, &read);
	members = hash_search(reader->members, &role, HASH_ENTER, NULL);
	*members = read;
	return members;
}

List *
tg_facts_roles_above(FactsReader *reader, Oid role)
{
	OidSet		roles = {0};
	Oid			owner = database_owner(reader);

	(void) tg_oidset_add(&roles, role);
	for (int i = 0; i < list_length(roles.oids); i++)
	{
		Oid			member = list_nth_oid(roles.oids, i);
		SysScanDesc scan = MEMBERSHIPS_OF_MEMBER(reader, member);
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			(void) tg_oidset_add(&roles,
								 ((Form_pg_auth_members) GETSTRUCT(tuple))->roleid);
		systable_endscan(scan);
		if (member == owner)
			(void) tg_oidset_add(&roles, ROLE_PG_DATABASE_OWNER);
	}
	return roles.oids;
}

bool
tg_facts_is_direct_member(FactsReader *reader, Oid member, Oid role)
{
	return list_member_oid(tg_reader_members(reader, role)->setting, member);
}

/* Adds those of a list that another one does not have. */
static void
add_new(OidSet *result, const List *now, const List *then)
{
	OidSet		known = {0};
	const ListCell *lc;

	foreach(lc, then)
		(void) tg_oidset_add(&known, lfirst_oid(lc));
	foreach(lc, now)
	{
		if (!tg_oidset_has(&known, lfirst_oid(lc)))
			(void) tg_oidset_add(result, lfirst_oid(lc));
	}
}

/*
 * A membership that has gained an option counts as new: since PostgreSQL 16
 * WITH INHERIT and WITH SET can be granted later.
 */
List *
tg_facts_new_members(FactsReader *after, FactsReader *before, Oid role)
{
	const RoleMembers *now = tg_reader_members(after, role);
	const RoleMembers *then = tg_reader_members(before, role);
	OidSet		result = {0};

	add_new(&result, now->inheriting, then->inheriting);
	add_new(&result, now->setting, then->setting);
	return result.oids;
}

/*
 * PostgreSQL records no dependencies on roles that initdb has made.  So these
 * stand for all views and the like, which pg_read_all_data opens, and for the
 * relations that they own.
 */
static List *
relations_of_builtin_role(FactsReader *reader, Oid role, bool tables)
{
	bool		opens_tables = tables && (role == ROLE_PG_READ_ALL_DATA ||
										  role == ROLE_PG_WRITE_ALL_DATA);
	SysScanDesc scan = systable_beginscan(tg_reader_catalog(reader, CAT_CLASS),
										  InvalidOid, false,
										  reader->snapshot, 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->oid >= FirstNormalObjectId &&
			(form->relowner == role || form->relhasrules ||
			 (opens_tables && (form->relkind == RELKIND_RELATION ||
							   form->relkind == RELKIND_PARTITIONED_TABLE)) ||
			 form->relkind == RELKIND_MATVIEW ||
			 form->relkind == RELKIND_FOREIGN_TABLE))
			result = lappend_oid(result, form->oid);
	}
	systable_endscan(scan);
	list_sort(result, list_oid_cmp);
	return result;
}

List *
tg_facts_relations_opened_by(FactsReader *reader, Oid role, bool tables)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	OidSet		result = {0};

	if (role < FirstNormalObjectId)
		return relations_of_builtin_role(reader, role, tables);

	scan = tg_reader_scan_of_role(reader, role);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_shdepend form = (Form_pg_shdepend) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->dbid == MyDatabaseId && form->classid == RelationRelationId)
			(void) tg_oidset_add(&result, form->objid);
	}
	systable_endscan(scan);
	return result.oids;
}
