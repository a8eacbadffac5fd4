/*-------------------------------------------------------------------------
 *
 * roles.c
 *		Roles, as far as row-level security depends on them.
 *
 * Roles belong to the whole cluster.  We read attributes under the snapshot,
 * like everything that may have been different before, and memberships from the
 * caches; memberships.c reads those that make a role an application's.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "facts/facts.h"
#include "facts/oidset.h"
#include "facts/reader.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

void
tg_role_of_tuple(HeapTuple tuple, RoleFacts *facts)
{
	Form_pg_authid form = (Form_pg_authid) GETSTRUCT(tuple);

	facts->name = form->rolname;
	facts->can_login = form->rolcanlogin;
	facts->superuser = form->rolsuper;
	facts->bypasses_rls = form->rolbypassrls;
	facts->inherits = form->rolinherit;
}

bool
tg_reader_role(FactsReader *reader, Oid role, RoleFacts *facts)
{
	SysScanDesc scan = tg_reader_scan(reader, CAT_AUTHID, AuthIdOidIndexId,
									  Anum_pg_authid_oid, role);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);

	memset(facts, 0, sizeof(RoleFacts));
	if (found)
		tg_role_of_tuple(tuple, facts);
	systable_endscan(scan);
	return found;
}

bool
tg_reader_inherits(FactsReader *reader, Oid role)
{
	RoleFacts	facts;

	return tg_reader_role(reader, role, &facts) && facts.inherits;
}

bool
tg_facts_role(FactsReader *reader, Oid role, RoleFacts *facts)
{
	tg_facts_note_read(reader, AuthIdRelationId, role);
	return tg_reader_role(reader, role, facts);
}

bool
tg_is_above_rls(FactsReader *reader, Oid role)
{
	RoleFacts	facts;

	return tg_facts_role(reader, role, &facts) &&
		(facts.superuser || facts.bypasses_rls);
}

bool
tg_has_privileges_of(FactsReader *reader, Oid role, Oid other)
{
	RoleFacts	facts;

	return has_privs_of_role(role, other) ||
		(tg_facts_role(reader, role, &facts) && facts.superuser);
}

void
tg_add_related_roles(OidSet *roles, Oid role, bool members)
{
	CatCList   *list = members ?
		SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role)) :
		SearchSysCacheList1(AUTHMEMMEMROLE, ObjectIdGetDatum(role));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_auth_members form = (Form_pg_auth_members)
			GETSTRUCT(&list->members[i]->tuple);

		(void) tg_oidset_add(roles, members ? form->member : form->roleid);
	}
	ReleaseSysCacheList(list);
}

/*
 * A policy for a role that bypasses row-level security matters to those of its
 * members who do not.
 */
uint64
tg_role_fingerprint(FactsReader *reader, Oid role)
{
	uint64		fingerprint = 0;
	OidSet		roles = {0};

	if (!OidIsValid(role) || !tg_is_above_rls(reader, role))
		return fingerprint;
	(void) tg_oidset_add(&roles, role);
	for (int i = 0; i < list_length(roles.oids); i++)
	{
		Oid			member = list_nth_oid(roles.oids, i);
		RoleFacts	facts;

		CHECK_FOR_INTERRUPTS();
		tg_add_related_roles(&roles, member, true);
		/* A sum, because the members are in no order */
		if (tg_facts_role(reader, member, &facts))
			fingerprint += hash_combine64(member,
										  (facts.superuser ||
										   facts.bypasses_rls ? 1 : 0) +
										  (facts.inherits ? 2 : 0));
	}
	return fingerprint;
}
