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

/* The bypassers that have the privileges of a role; see readers_by(). */
typedef struct Readers
{
	Oid			grantee;		/* hash key, must be first */
	List	   *bypassers;
} Readers;

/*
 * The bypassers that a grant to a role gives a privilege.  The result is kept,
 * because memberships are expensive to look up, and tables are usually granted
 * to the same few roles.
 */
static List *
readers_by(HTAB *known, Oid grantee, List *bypassers)
{
	bool		found;
	Readers    *readers = hash_search(known, &grantee, HASH_ENTER, &found);
	ListCell   *lc;

	if (found)
		return readers->bypassers;
	readers->bypassers = NIL;
	foreach(lc, bypassers)
	{
		Bypasser   *bypasser = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(grantee) || bypasser->reads_all ||
			has_privs_of_role(bypasser->role, grantee))
			readers->bypassers = lappend(readers->bypassers, bypasser);
	}
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

/*
 * Notes the table at each bypasser that can read it and has no table yet.
 * Returns the number of these.
 */
static int
note_table(const RelationFacts *facts, HTAB *known, List *bypassers,
		   MemoryContext context)
{
	List	   *grantees = readers_of(facts);
	int			noted = 0;
	MemoryContext old = MemoryContextSwitchTo(context);
	ListCell   *lc;

	foreach(lc, grantees)
	{
		ListCell   *lc2;

		foreach(lc2, readers_by(known, lfirst_oid(lc), bypassers))
		{
			Bypasser   *bypasser = lfirst(lc2);

			if (bypasser->table == NULL)
			{
				bypasser->table = psprintf("%s.%s", facts->schema,
										   facts->name);
				noted++;
			}
		}
	}
	MemoryContextSwitchTo(old);
	return noted;
}

/* Finds a table for each bypasser that can read one. */
static void
find_tables(FactsReader *reader, List *bypassers)
{
	HTAB	   *known;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext table_context;
	int			left = list_length(bypassers);
	ListCell   *lc;

	known = tg_hash_create("trovella_guard readers", sizeof(Oid),
						   sizeof(Readers), CurrentMemoryContext);
	table_context = AllocSetContextCreate(CurrentMemoryContext,
										  "trovella_guard table",
										  ALLOCSET_DEFAULT_SIZES);
	foreach(lc, tg_facts_relations_with_rls(reader))
	{
		MemoryContext old = MemoryContextSwitchTo(table_context);
		const RelationFacts *facts = tg_facts_outline(reader, lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (facts != NULL && tg_is_tenant_table(facts))
			left -= note_table(facts, known, bypassers, context);
		MemoryContextSwitchTo(old);
		MemoryContextReset(table_context);
		if (left == 0)
			break;
	}
	MemoryContextDelete(table_context);
	hash_destroy(known);
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
	ListCell   *lc;

	if (bypassers == NIL)
		return;

	find_tables(subject->reader, bypassers);
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

/* Can one of the bypassers read a table? */
static bool
any_reads(const RelationFacts *facts, HTAB *known, List *bypassers,
		  MemoryContext context)
{
	ListCell   *lc;

	foreach(lc, readers_of(facts))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		List	   *readers = readers_by(known, lfirst_oid(lc), bypassers);

		MemoryContextSwitchTo(old);
		if (readers != NIL)
			return true;
	}
	return false;
}

/*
 * Whoever dumps a table reads all of it, or fails: pg_dump switches row-level
 * security off, which FORCE forbids to the owner as well.
 */
void
tg_check_backup_role_confined(const RuleSubject *subject)
{
	FactsReader *reader = subject->reader;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext table_context;
	List	   *bypassers = list_bypassers(reader);
	HTAB	   *known;
	char	   *first = NULL;
	int			confined = 0;
	ListCell   *lc;

	foreach(lc, bypassers)
	{
		if (((Bypasser *) lfirst(lc))->reads_all)
			return;
	}
	known = tg_hash_create("trovella_guard readers", sizeof(Oid),
						   sizeof(Readers), context);
	table_context = AllocSetContextCreate(context, "trovella_guard table",
										  ALLOCSET_DEFAULT_SIZES);
	foreach(lc, tg_facts_relations_with_rls(reader))
	{
		MemoryContext old = MemoryContextSwitchTo(table_context);
		const RelationFacts *facts = tg_facts_outline(reader, lfirst_oid(lc));
		bool		found = facts != NULL && tg_is_tenant_table(facts) &&
			facts->rls_forced && !any_reads(facts, known, bypassers, context);

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(old);
		if (found)
		{
			confined++;
			if (first == NULL)
				first = psprintf("%s.%s", facts->schema, facts->name);
		}
		MemoryContextReset(table_context);
	}
	MemoryContextDelete(table_context);
	hash_destroy(known);
	if (confined == 1)
		(void) tg_report_finding(subject,
								 "only superusers can dump table \"%s\": its row-level security is forced, and no login role with BYPASSRLS may read it",
								 first);
	else if (confined > 1)
		(void) tg_report_finding(subject,
								 "only superusers can dump %d tables, such as \"%s\": their row-level security is forced, and no login role with BYPASSRLS may read them",
								 confined, first);
}
