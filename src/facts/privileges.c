/*-------------------------------------------------------------------------
 *
 * privileges.c
 *		What roles may do to a relation.
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
#include "utils/acl.h"

/* Does an ACL grant anything to a role other than the owner?  To which? */
static bool
opens_to_others(const Acl *acl, Oid owner, Oid *grantee)
{
	const AclItem *items = ACL_DAT(acl);

	for (int i = 0; i < ACL_NUM(acl); i++)
	{
		if (items[i].ai_grantee != owner &&
			ACLITEM_GET_PRIVS(items[i]) != ACL_NO_RIGHTS)
		{
			*grantee = items[i].ai_grantee;
			return true;
		}
	}
	return false;
}

Oid
tg_first_grantee(const RelationFacts *facts)
{
	Oid			grantee = InvalidOid;
	ListCell   *lc;

	foreach(lc, facts->acls)
	{
		if (opens_to_others(lfirst(lc), facts->owner, &grantee))
			break;
	}
	return grantee;
}

Acl *
tg_add_acl(RelationFacts *facts, Acl *acl)
{
	Oid			grantee;

	if (opens_to_others(acl, facts->owner, &grantee))
		facts->granted = true;
	facts->acls = lappend(facts->acls, acl);
	return acl;
}

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
