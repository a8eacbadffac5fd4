/*-------------------------------------------------------------------------
 *
 * exposure.c
 *		Rules about roles of the application that no policy confines.
 *
 * The policies may be perfect, and yet the sessions of tenants see everything:
 * because the application connects as the owner of the tables, as a role that
 * may become their owner, or as one with BYPASSRLS.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/basis.h"
#include "rules/distributed.h"
#include "rules/remedy.h"
#include "rules/rules.h"
#include "utils/builtins.h"

/* The one of several roles whose name comes first. */
static Oid
first_by_name(const List *roles)
{
	Oid			first = linitial_oid(roles);
	const char *first_name = tg_role_name(first);
	const ListCell *lc;

	for_each_from(lc, roles, 1)
	{
		const char *name = tg_role_name(lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (strcmp(name, first_name) < 0)
		{
			first = lfirst_oid(lc);
			first_name = name;
		}
	}
	return first;
}

/* 'role "app"', or 'role "app" (and 2 more roles)' */
static char *
roles_in_words(Oid first, const List *roles)
{
	int			more = list_length(roles) - 1;

	if (more == 0)
		return psprintf("role \"%s\"", tg_role_name(first));
	return psprintf(ngettext("role \"%s\" (and %d more role)",
							 "role \"%s\" (and %d more roles)", more),
					tg_role_name(first), more);
}

/*
 * A child without row-level security of its own is covered by its parents only
 * as long as nobody names it; its owner may.
 */
static void
check_owners(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	const List *roles;
	Oid			first;
	char	   *who;
	Finding    *finding;

	if (facts->rls_forced && facts->rls_enabled)
		return;
	roles = tg_app_roles_acting_as(subject->reader, facts->owner);
	if (roles == NIL ||
		(!facts->rls_enabled &&
		 !tg_is_unreachable_child(subject->reader, facts)))
		return;

	first = first_by_name(roles);
	who = roles_in_words(first, roles);
	if (first == facts->owner)
		finding = tg_report_finding(subject,
									"%s owns the table, and no policy confines an owner where row-level security is not forced",
									who);
	else
		finding = tg_report_finding(subject,
									"%s has the rights of the table's owner, \"%s\", whom no policy confines where row-level security is not forced",
									who, tg_role_name(facts->owner));
	finding->object = tg_role_name(first);
	finding->basis = tg_basis_of_roles(roles);

	/* Neither on a distributed table nor on a shard: see distributed.c */
	finding->repair_sql = facts->distributed || facts->sent_by_citus ?
		tg_remedy_owner(facts) : tg_remedy_force(subject->reader, facts);
}

/* Why row-level security does not apply to a role; NULL if it does. */
static const char *
why_it_is_above_rls(Form_pg_authid role, SortedSet *ways)
{
	if (role->rolsuper)
		tg_set_add(ways, 1);
	if (role->rolsuper || role->rolbypassrls)
		tg_set_add(ways, 2);
	return role->rolsuper ? "is a superuser" :
		role->rolbypassrls ? "has BYPASSRLS" : NULL;
}

/* Takes the membership away where it is direct, or else the attribute. */
static char *
remedy_of_role(FactsReader *reader, Form_pg_authid role, Oid actor)
{
	const char *name = quote_identifier(NameStr(role->rolname));

	if (role->oid == actor)
		return psprintf("ALTER ROLE %s%s%s;", name,
						role->rolsuper ? " NOSUPERUSER" : "",
						role->rolbypassrls ? " NOBYPASSRLS" : "");
	if (tg_facts_is_direct_member(reader, actor, role->oid))
		return psprintf("REVOKE %s FROM %s;", name,
						quote_identifier(tg_role_name(actor)));
	return NULL;
}

/* Examines a role that row-level security may not apply to. */
static void
check_role(const RuleSubject *subject, Form_pg_authid role)
{
	SortedSet  *ways = palloc0(sizeof(SortedSet));
	const char *why = why_it_is_above_rls(role, ways);
	const List *roles;
	Oid			first;
	Basis	   *basis;
	Finding    *finding;

	if (why == NULL)
		return;
	roles = tg_app_roles_becoming(subject->reader, role->oid);
	if (roles == NIL)
		return;

	first = list_member_oid(roles, role->oid) ? role->oid :
		first_by_name(roles);
	if (first == role->oid)
		finding = tg_report_finding(subject,
									"%s %s, so no policy confines it",
									roles_in_words(first, roles), why);
	else
		finding = tg_report_finding(subject,
									"%s can SET ROLE to \"%s\", which %s, so no policy confines it",
									roles_in_words(first, roles),
									NameStr(role->rolname), why);
	basis = tg_basis_of_roles(roles);
	basis->open_by = tg_set_finish(ways);
	finding->basis = basis;
	finding->object_oid = role->oid;
	finding->object = tg_role_name(first);
	finding->repair_sql = remedy_of_role(subject->reader, role, first);
}

static void
check_attributes(const RuleSubject *subject)
{
	Relation	catalog = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false,
										  tg_facts_snapshot(subject->reader),
										  0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		check_role(subject, (Form_pg_authid) GETSTRUCT(tuple));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

void
tg_check_app_role_bypasses_rls(const RuleSubject *subject)
{
	if (subject->facts != NULL)
		check_owners(subject);
	else
		check_attributes(subject);
}
