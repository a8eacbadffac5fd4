/*-------------------------------------------------------------------------
 *
 * roles.c
 *		Rules about roles: who can use tenant tables, and who too well?
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
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "remedy.h"
#include "rules.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"

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

/*
 * Which of SELECT, INSERT, UPDATE and DELETE may a role do to a relation, be
 * it to some columns only?
 */
AclMode
tg_privileges_of(Oid role, const RelationFacts *facts)
{
	AclMode		wanted = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	AclMode		result = ACL_NO_RIGHTS;
	ListCell   *lc;

	if (superuser_arg(role))
		return wanted;
	foreach(lc, facts->acls)
		result |= aclmask(lfirst(lc), role, facts->owner, wanted, ACLMASK_ALL);
	if (has_privs_of_role(role, ROLE_PG_READ_ALL_DATA))
		result |= ACL_SELECT;
	if (has_privs_of_role(role, ROLE_PG_WRITE_ALL_DATA))
		result |= ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	return result;
}

void
tg_check_grant_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	Oid			role = get_role_oid(tg_app_role, true);
	AclMode		granted;
	StringInfoData missing;
	Finding    *finding;

	/* A child is used through its parent; that is safer than a grant on it */
	if (!OidIsValid(role) || facts->parents != NIL)
		return;

	granted = tg_privileges_of(role, facts);
	initStringInfo(&missing);
	for (int i = 0; i < (int) lengthof(privileges_in_order); i++)
	{
		if ((granted & privileges_in_order[i].privilege) == 0)
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "",
							 privileges_in_order[i].name);
	}
	if (missing.len == 0)
		return;

	finding = tg_report_finding(subject,
								"role \"%s\" has not been granted %s",
								tg_app_role, missing.data);
	finding->object = missing.data;
	finding->repair_sql =
		psprintf("GRANT %s ON %s TO %s;", missing.data,
				 quote_qualified_identifier(facts->schema, facts->name),
				 quote_identifier(tg_app_role));
}

/*
 * A table whose row-level security the role bypasses when it reads it, or
 * NULL.  "relids" are the candidates.
 */
static RelationFacts *
find_table_read_by(FactsReader *reader, Oid role, List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		RelationFacts *facts = tg_facts_read(reader, lfirst_oid(lc));

		if (facts != NULL && tg_is_tenant_table(facts) &&
			(tg_privileges_of(role, facts) & ACL_SELECT) != 0)
			return facts;
	}
	return NULL;
}

/* The relations that have row-level security enabled, as OIDs. */
static List *
relations_with_rls(FactsReader *reader)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  tg_facts_snapshot(reader), 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relrowsecurity && form->oid >= FirstNormalObjectId)
			result = lappend_oid(result, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

void
tg_check_role_bypasses_rls(const RuleSubject *subject)
{
	Relation	catalog = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  tg_facts_snapshot(subject->reader),
										  0, NULL);
	List	   *roles = NIL;
	List	   *relids;
	HeapTuple	tuple;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);

		if (form->rolcanlogin && form->rolbypassrls && !form->rolsuper)
			roles = lappend_oid(roles, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	if (roles == NIL)
		return;

	relids = relations_with_rls(subject->reader);
	foreach(lc, roles)
	{
		Oid			role = lfirst_oid(lc);
		char	   *name = GetUserNameFromId(role, true);
		RelationFacts *table = name == NULL ? NULL :
			find_table_read_by(subject->reader, role, relids);
		Finding    *finding;

		if (table == NULL)
			continue;
		finding = tg_report_finding(subject,
									"role \"%s\" bypasses row-level security and can read table \"%s.%s\"",
									name, table->schema, table->name);
		finding->object_oid = role;
		finding->object = name;
		finding->repair_sql = psprintf("ALTER ROLE %s NOBYPASSRLS;",
									   quote_identifier(name));
	}
}
