/*-------------------------------------------------------------------------
 *
 * registry.c
 *		The registry of rules.
 *
 * Everything that enumerates rules (settings, allowlist, audit, documentation
 * test) walks the array below; no other file lists their names.  The rules are
 * in this folder, one family a file; those about the allowlist are in its own.
 *
 * The order is that of the harm: first what lets rows of other tenants be
 * reached, then what may, then what is slow or untidy.  Messages, audits and
 * reports keep to it.
 *
 * The levels of a rule are those of the profiles checklist, isolation, strict,
 * in this order.  "checklist" is what the checklist demands; "isolation" refuses
 * only what lets a row of another tenant be reached; "strict" refuses also what
 * cannot be proven, and what "checklist" only warns of.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "rules/rules.h"

const Rule	tg_rules[] = {
	{
		.name = "rls_disabled",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_rls_disabled,
		.purpose = "Without row-level security, every role that may read the table reads the rows of all tenants; PostgreSQL ignores its policies.",
		.waiver = TG_WAIVE_TABLE,
		.undo = "DISABLE ROW LEVEL SECURITY"
	},
	{
		.name = "not_protected_yet",
		.levels = {TG_LEVEL_OFF, TG_LEVEL_WARNING, TG_LEVEL_OFF},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_not_protected_yet,
		.purpose = "A table that no role of the application can reach leaks nothing; it must be protected before something makes it reachable.",
		.waiver = TG_WAIVE_NOTHING
	},
	{
		.name = "app_role_bypasses_rls",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES | TG_ABOUT_DATABASE,
		.check = tg_check_app_role_bypasses_rls,
		.purpose = "No policy confines a superuser, a role with BYPASSRLS, or the owner of a table whose row-level security is not forced; the application must not be one of these.",
		.waiver = TG_WAIVE_ROLE,
		.undo = "the statement that gives a role of the application the rights of the owner, or NO FORCE ROW LEVEL SECURITY"
	},
	{
		.name = "view_exposes_tenants",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES | TG_ABOUT_OTHER_RELATIONS,
		.check = tg_check_view_exposes_tenants,
		.purpose = "A view or rule that bypasses row-level security and that an application role may use gives every tenant the rows of all tenants.",
		.waiver = TG_WAIVE_OBJECT,
		.undo = "the statement that opens the view"
	},
	{
		.name = "matview_exposes_tenants",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_OTHER_RELATIONS,
		.check = tg_check_matview_exposes_tenants,
		.purpose = "Row-level security does not exist for materialized views and foreign tables; one that an application role may read gives every tenant the rows of all tenants.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "tenant_column_lost",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES,
		.check = tg_check_tenant_column_lost,
		.purpose = "A table that loses its tenant column is no longer guarded, although it still holds the tenants' rows.",
		.undo = "the statement that takes the tenant column away (RENAME COLUMN, DROP COLUMN, ALTER COLUMN)",
		.beyond_seal = true
	},
	{
		.name = "exemption_taken_over",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES,
		.check = tg_check_exemption_taken_over,
		.purpose = "An allowlist entry is made for one table; renaming a tenant table to the name in the entry must not exempt its rows.",
		.undo = "the statement that gives the table its new name, schema or parent"
	},
	{
		.name = "policy_unscoped",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_policy_unscoped,
		.purpose = "A policy that does not confine rows to the session's tenant lets other tenants' rows through.",
		.undo = "the statement that opens the policies (CREATE POLICY, ALTER POLICY, or DROP POLICY of a restrictive one)"
	},
	{
		.name = "audit_failed",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES | TG_ABOUT_OTHER_RELATIONS |
		TG_ABOUT_DATABASE,
		.check = tg_check_audit_failed,
		.purpose = "A relation that an error keeps the audit from judging may be unprotected; an error must hide neither that relation nor others."
	},
	{
		.name = "policy_missing",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_policy_missing,
		.purpose = "A tenant table has policies for SELECT, INSERT, UPDATE and DELETE; a command without a policy finds no rows.",
		.waiver = TG_WAIVE_OBJECT,
		.undo = "the statement that takes a policy away (DROP POLICY, ALTER POLICY)",
		.repair_adds = true
	},
	{
		.name = "table_unclassified",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_OTHER_TABLES,
		.check = tg_check_table_unclassified,
		.purpose = "A table without a tenant column is global by accident unless the allowlist says why it is global.",
		.waiver = TG_WAIVE_TABLE,
		.once = true
	},
	{
		.name = "policy_unproven",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_policy_unproven,
		.purpose = "Whether the policy confines rows to the session's tenant depends on a function or subquery that the proof cannot look into.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "function_exposes_tenants",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_function_exposes_tenants,
		.purpose = "A SECURITY DEFINER function reads as its owner; if row-level security does not apply to the owner, whoever may execute the function may see the rows of all tenants.",
		.waiver = TG_WAIVE_OBJECT,
		.beyond_seal = true
	},
	{
		.name = "setting_pinned",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_DATABASE,
		.check = tg_check_setting_pinned,
		.purpose = "If ALTER ROLE or ALTER DATABASE sets what policies read, each session that forgets to set it works on the rows of one tenant."
	},
	{
		.name = "view_bypasses_rls",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES | TG_ABOUT_OTHER_RELATIONS,
		.check = tg_check_view_bypasses_rls,
		.purpose = "Rules, and views that are not security_invoker, read with the privileges of their owner; one that bypasses row-level security exposes the rows of all tenants.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "relation_unprotectable",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_OTHER_RELATIONS,
		.check = tg_check_relation_unprotectable,
		.purpose = "Row-level security does not exist for materialized views and foreign tables; every role that may read them reads the rows of all tenants.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "policy_function_untrusted",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_policy_function_untrusted,
		.purpose = "A role that can replace a function that a policy calls, choose what the names in it refer to, or rename the labels of an enum that identifies tenants, controls which rows are visible.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "tenant_column_nullable",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_tenant_column_nullable,
		.purpose = "A row without a tenant belongs to nobody; depending on the policy, it is visible to no tenant or to all of them.",
		.waiver = TG_WAIVE_OBJECT,
		.undo = "DROP NOT NULL",
		.repair_adds = true
	},
	{
		.name = "tenant_index_missing",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_tenant_index_missing,
		.purpose = "Every query is filtered by the tenant column; without an index led by it, each one reads the whole table.",
		.waiver = TG_WAIVE_OBJECT,
		.undo = "the statement that drops the index, or first create another one that starts with the tenant column",
		.undo_only = true,
		.repair_adds = true
	},
	{
		.name = "fk_index_missing",
		.levels = {TG_LEVEL_ERROR, TG_LEVEL_INFO, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_fk_index_missing,
		.purpose = "PostgreSQL does not index foreign keys; without an index, joins and cascades scan the whole table.",
		.waiver = TG_WAIVE_OBJECT,
		.undo = "the statement that drops the index, or first create another one that starts with the columns of the foreign key",
		.undo_only = true,
		.repair_adds = true
	},
	{
		.name = "fk_on_delete",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_INFO, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_fk_on_delete,
		.purpose = "The checklist wants ON DELETE CASCADE or SET NULL, so that deleting a tenant or a user does not fail halfway.",
		.waiver = TG_WAIVE_OBJECT,
		.repair_adds = true
	},
	{
		.name = "required_columns_missing",
		.levels = {TG_LEVEL_WARNING, TG_LEVEL_INFO, TG_LEVEL_ERROR},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_required_columns_missing,
		.purpose = "The checklist's base columns record when a row was created and updated.",
		.waiver = TG_WAIVE_OBJECT,
		.undo = "the statement that drops the column",
		.repair_adds = true
	},
	{
		.name = "fk_crosses_tenants",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_fk_crosses_tenants,
		.purpose = "A foreign key is checked without row-level security; one without the tenant column lets a row refer to a row of another tenant.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "unique_crosses_tenants",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_unique_crosses_tenants,
		.purpose = "A unique index is checked without row-level security; one without the tenant column reveals which values other tenants have.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "publication_exposes_tenants",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_publication_exposes_tenants,
		.purpose = "Row-level security does not apply to logical replication: the subscribers of a publication get the rows of all tenants.",
		.beyond_seal = true
	},
	{
		.name = "backup_role_confined",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_DATABASE,
		.check = tg_check_backup_role_confined,
		.purpose = "pg_dump fails, or leaves rows out, for a role that policies confine; with forced row-level security that includes the owner."
	},
	{
		.name = "nodes_not_audited",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_DATABASE,
		.check = tg_check_nodes_not_audited,
		.purpose = "An audit reads the catalogs of its own node; the rows of tables that Citus has distributed are on others."
	},
	{
		.name = "rls_not_forced",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_rls_not_forced,
		.purpose = "The owner of a table bypasses its policies unless row-level security is forced.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "role_bypasses_rls",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_DATABASE,
		.check = tg_check_role_bypasses_rls,
		.purpose = "A login role with BYPASSRLS reads the rows of all tenants, whatever the policies say."
	},
	{
		.name = "policy_per_row_call",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_policy_per_row_call,
		.purpose = "A session value that a policy computes for each row is computed only once for the query if it is wrapped in (SELECT ...).",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "grant_missing",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_TENANT_TABLES,
		.check = tg_check_grant_missing,
		.purpose = "Policies admit rows only to a role that has been granted the command; without the grant, the application fails with permission denied.",
		.waiver = TG_WAIVE_OBJECT
	},
	{
		.name = "allowlist_stale",
		.levels = {TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		.about = TG_ABOUT_ALLOWLIST,
		.check = tg_check_allowlist_stale,
		.purpose = "An entry that no longer waives anything may one day waive something that it was not meant for."
	},
};

const int	tg_rules_count = lengthof(tg_rules);

int
tg_rule_by_name(const char *name)
{
	for (int i = 0; i < tg_rules_count; i++)
	{
		if (strcmp(tg_rules[i].name, name) == 0)
			return i;
	}
	return -1;
}

int
tg_rule_by_check(RuleCheck check)
{
	for (int i = 0; i < tg_rules_count; i++)
	{
		if (tg_rules[i].check == check)
			return i;
	}
	return -1;
}

char *
tg_rule_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < tg_rules_count; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", tg_rules[i].name);
	return names.data;
}
