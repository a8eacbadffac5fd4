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
#include "miscadmin.h"
#include "utils/acl.h"

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
