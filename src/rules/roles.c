/*-------------------------------------------------------------------------
 *
 * roles.c
 *		Rules about roles: who cannot use tenant tables, and who bypasses their
 *		policies?
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "facts/oidset.h"
#include "hashtable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

static const struct
{
	AclMode		privilege;
	const char *name;
}			privileges_in_order[] =

{
	{ACL_SELECT, "SELECT"},
	{ACL_INSERT, "INSERT"},
	{ACL_UPDATE, "UPDATE"},
	{ACL_DELETE, "DELETE"},
};

void
tg_check_grant_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	List	   *roles = tg_named_app_roles();
	AclMode		granted = ACL_NO_RIGHTS;
	const char *name;
	StringInfoData missing;
	Finding    *finding;
	ListCell   *lc;

	/* A child is used through its parent, which is safer than a grant on it */
	if (roles == NIL || facts->parents != NIL)
		return;

	/* One of them may be meant to do less than another */
	foreach(lc, roles)
		granted |= tg_privileges_of(lfirst_oid(lc), facts);
	initStringInfo(&missing);
	for (int i = 0; i < (int) lengthof(privileges_in_order); i++)
	{
		if ((granted & privileges_in_order[i].privilege) == 0)
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "",
							 privileges_in_order[i].name);
	}
	if (missing.len == 0)
		return;

	name = tg_role_name(linitial_oid(roles));
	finding = tg_report_finding(subject,
								"role \"%s\" has not been granted %s",
								name, missing.data);
	finding->object = missing.data;
	finding->repair_sql =
		psprintf("GRANT %s ON %s TO %s;", missing.data,
				 quote_qualified_identifier(facts->schema, facts->name),
				 quote_identifier(name));
}

/* A role that bypasses row-level security, and what it can read. */
typedef struct Bypasser
{
	Oid			role;
	char	   *table;			/* a tenant table that it can read, or NULL */
	bool		reads_all;		/* by pg_read_all_data */
} Bypasser;

/* The bypassers that have the privileges of a role. */
typedef struct Readers
{
	Oid			grantee;		/* hash key, must be first */
	List	   *bypassers;
} Readers;

/* What it takes to find out which bypassers read a table. */
typedef struct Reading
{
	List	   *bypassers;
	HTAB	   *known;			/* of Readers */
	MemoryContext context;		/* has what outlives the visit of a table */
	int			left;			/* bypassers of which no table is known */
	int			confined;		/* tables that none of them can read */
	Oid			first;			/* the oldest of these */
	char	   *first_name;
} Reading;

static void
begin_reading(Reading *reading, List *bypassers)
{
	memset(reading, 0, sizeof(Reading));
	reading->bypassers = bypassers;
	reading->left = list_length(bypassers);
	reading->context = CurrentMemoryContext;
	reading->known = tg_hash_create("trovella_guard readers", sizeof(Oid),
									sizeof(Readers), reading->context);
}

/*
 * The bypassers that have the privileges of a role.  The result is kept, because
 * memberships are expensive to look up, and tables are usually granted to the
 * same few roles.
 */
static List *
readers_by_role(Reading *reading, Oid role)
{
	bool		found;
	Readers    *readers = hash_search(reading->known, &role, HASH_ENTER,
									  &found);
	MemoryContext old;
	ListCell   *lc;

	if (found)
		return readers->bypassers;
	readers->bypassers = NIL;
	old = MemoryContextSwitchTo(reading->context);
	foreach(lc, reading->bypassers)
	{
		Bypasser   *bypasser = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(role) || bypasser->reads_all ||
			has_privs_of_role(bypasser->role, role))
			readers->bypassers = lappend(readers->bypassers, bypasser);
	}
	MemoryContextSwitchTo(old);
	return readers->bypassers;
}

/* The owner, who has all privileges, and those who were granted SELECT. */
static List *
readers_of(const RelationFacts *facts)
{
	OidSet		grantees = {0};
	ListCell   *lc;

	(void) tg_oidset_add(&grantees, facts->owner);
	foreach(lc, facts->acls)
	{
		Acl		   *acl = lfirst(lc);
		AclItem    *items = ACL_DAT(acl);

		for (int i = 0; i < ACL_NUM(acl); i++)
		{
			if ((ACLITEM_GET_PRIVS(items[i]) & ACL_SELECT) != 0)
				(void) tg_oidset_add(&grantees, items[i].ai_grantee);
		}
	}

	return grantees.oids;
}

/* Notes a table at each bypasser that can read it and has no table yet. */
static bool
note_table(FactsReader *reader, RelationFacts *facts, void *arg)
{
	Reading    *reading = arg;
	ListCell   *lc;
	ListCell   *lc2;

	tg_facts_read_columns(reader, facts);
	foreach(lc, readers_of(facts))
	{
		foreach(lc2, readers_by_role(reading, lfirst_oid(lc)))
		{
			Bypasser   *bypasser = lfirst(lc2);

			if (bypasser->table != NULL)
				continue;
			bypasser->table =
				MemoryContextStrdup(reading->context,
									psprintf("%s.%s", facts->schema,
											 facts->name));
			reading->left--;
		}
	}
	return reading->left > 0;
}

/* The login roles that bypass row-level security by their attribute. */
static List *
list_bypassers(FactsReader *reader)
{
	Relation	catalog = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  tg_facts_snapshot(reader), 0, NULL);
	List	   *bypassers = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);

		if (form->rolcanlogin && form->rolbypassrls && !form->rolsuper)
		{
			Bypasser   *bypasser = palloc0(sizeof(Bypasser));

			bypasser->role = form->oid;
			bypasser->reads_all = has_privs_of_role(form->oid,
													ROLE_PG_READ_ALL_DATA);
			bypassers = lappend(bypassers, bypasser);
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return bypassers;
}

void
tg_check_role_bypasses_rls(const RuleSubject *subject)
{
	List	   *bypassers = list_bypassers(subject->reader);
	Reading		reading;
	ListCell   *lc;

	if (bypassers == NIL)
		return;

	begin_reading(&reading, bypassers);
	tg_facts_visit_tables_with_rls(subject->reader, note_table, &reading);
	hash_destroy(reading.known);
	foreach(lc, bypassers)
	{
		Bypasser   *bypasser = lfirst(lc);
		char	   *name = GetUserNameFromId(bypasser->role, true);
		Finding    *finding;

		if (name == NULL || bypasser->table == NULL ||
			tg_facts_excused(subject->reader, name) != NULL)
			continue;
		finding = tg_report_finding(subject,
									"role \"%s\" bypasses row-level security and can read table \"%s\"",
									name, bypasser->table);
		finding->object_oid = bypasser->role;
		finding->object = name;
		finding->repair_sql = psprintf("ALTER ROLE %s NOBYPASSRLS;",
									   quote_identifier(name));
	}
}

/* Can one of the bypassers read a table, or some of its columns? */
static bool
any_reads(Reading *reading, const RelationFacts *facts)
{
	ListCell   *lc;

	foreach(lc, readers_of(facts))
	{
		if (readers_by_role(reading, lfirst_oid(lc)) != NIL)
			return true;
	}
	return false;
}

/* Counts a table that no bypasser can read. */
static bool
count_confined(FactsReader *reader, RelationFacts *facts, void *arg)
{
	Reading    *reading = arg;

	if (!facts->rls_forced)
		return true;
	if (reading->bypassers != NIL)
	{
		if (any_reads(reading, facts))
			return true;
		tg_facts_read_columns(reader, facts);
		if (any_reads(reading, facts))
			return true;
	}
	reading->confined++;
	if (reading->first_name == NULL || facts->relid < reading->first)
	{
		if (reading->first_name != NULL)
			pfree(reading->first_name);
		reading->first = facts->relid;
		reading->first_name =
			MemoryContextStrdup(reading->context,
								psprintf("%s.%s", facts->schema, facts->name));
	}
	return true;
}

/*
 * Whoever dumps a table reads all of it, or fails: pg_dump switches row-level
 * security off, which FORCE forbids to the owner as well.
 */
void
tg_check_backup_role_confined(const RuleSubject *subject)
{
	List	   *bypassers = list_bypassers(subject->reader);
	Reading		reading;
	ListCell   *lc;

	foreach(lc, bypassers)
	{
		if (((Bypasser *) lfirst(lc))->reads_all)
			return;
	}
	begin_reading(&reading, bypassers);
	tg_facts_visit_tables_with_rls(subject->reader, count_confined, &reading);
	hash_destroy(reading.known);
	if (reading.confined == 1)
		(void) tg_report_finding(subject,
								 "only superusers can dump table \"%s\": its row-level security is forced, and no login role with BYPASSRLS may read it",
								 reading.first_name);
	else if (reading.confined > 1)
		(void) tg_report_finding(subject,
								 "only superusers can dump %d tables, such as \"%s\": their row-level security is forced, and no login role with BYPASSRLS may read them",
								 reading.confined, reading.first_name);
}
