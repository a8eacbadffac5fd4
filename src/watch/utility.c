/*-------------------------------------------------------------------------
 *
 * utility.c
 *		Sees GRANT of a role.
 *
 * PostgreSQL announces it neither to object hooks nor to event triggers: roles
 * belong to the whole cluster.  So this looks at the tag of each utility
 * statement, and notes after a GRANT of a role which roles it granted.  (CREATE
 * ROLE and ALTER GROUP are announced to the object hook.)  What a membership
 * opens is looked up at commit.
 *
 * REVOKE is not noted: it takes rights away.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_auth_members.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "watch/touched.h"
#include "watch/watch.h"

static ProcessUtility_hook_type prev_process_utility = NULL;

static void
touch_granted_roles(const GrantRoleStmt *stmt)
{
	ListCell   *lc;

	if (!stmt->is_grant || tg_watch_is_idle())
		return;
	foreach(lc, stmt->granted_roles)
	{
		Oid			role = get_role_oid(lfirst_node(AccessPriv, lc)->priv_name,
										true);

		if (OidIsValid(role))
			tg_touch(AuthMemRelationId, role, TG_CHANGED);
	}
}

static void
watch_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
			  ProcessUtilityContext context, ParamListInfo params,
			  QueryEnvironment *queryEnv, DestReceiver *dest,
			  QueryCompletion *qc)
{
	/* Another statement may be freed when it has run: COMMIT in a procedure */
	const GrantRoleStmt *grant = IsA(pstmt->utilityStmt, GrantRoleStmt) ?
		(const GrantRoleStmt *) pstmt->utilityStmt : NULL;

	if (prev_process_utility != NULL)
		prev_process_utility(pstmt, queryString, readOnlyTree, context, params,
							 queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
	if (grant != NULL)
		touch_granted_roles(grant);
}

void
tg_watch_utility_init(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = watch_utility;
}
