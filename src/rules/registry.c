/*-------------------------------------------------------------------------
 *
 * registry.c
 *		The registry of rules.
 *
 * Everything that enumerates rules (settings, allowlist, audit, documentation
 * test) walks the array below; no other file lists their names.  The rules are
 * in this folder, one family a file; those about the allowlist are in its own.
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
		"rls_disabled",
		{TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_rls_disabled,
		"Without row-level security, every role that may read the table reads the rows of all tenants; PostgreSQL ignores its policies."
	},
	{
		"policy_missing",
		{TG_LEVEL_ERROR, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_policy_missing,
		"A tenant table has policies for SELECT, INSERT, UPDATE and DELETE; a command without a policy finds no rows."
	},
	{
		"policy_unscoped",
		{TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_policy_unscoped,
		"A policy that does not confine rows to the session's tenant lets other tenants' rows through."
	},
	{
		"policy_unproven",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_policy_unproven,
		"Whether the policy confines rows to the session's tenant depends on a function or subquery that the proof cannot look into."
	},
	{
		"tenant_index_missing",
		{TG_LEVEL_ERROR, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_tenant_index_missing,
		"Every query is filtered by the tenant column; without an index led by it, each one reads the whole table."
	},
	{
		"fk_index_missing",
		{TG_LEVEL_ERROR, TG_LEVEL_INFO, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_fk_index_missing,
		"PostgreSQL does not index foreign keys; without an index, joins and cascades scan the whole table."
	},
	{
		"tenant_column_lost",
		{TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES,
		tg_check_tenant_column_lost,
		"A table that loses its tenant column is no longer guarded, although it still holds the tenants' rows."
	},
	{
		"exemption_taken_over",
		{TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES,
		tg_check_exemption_taken_over,
		"An allowlist entry is made for one table; renaming a tenant table to the name in the entry must not exempt its rows."
	},
	{
		"audit_failed",
		{TG_LEVEL_ERROR, TG_LEVEL_ERROR, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES | TG_ABOUT_OTHER_RELATIONS |
		TG_ABOUT_DATABASE,
		tg_check_audit_failed,
		"A relation that an error keeps the audit from judging may be unprotected; an error must hide neither that relation nor others."
	},
	{
		"tenant_column_nullable",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_tenant_column_nullable,
		"A row without a tenant belongs to nobody; depending on the policy, it is visible to no tenant or to all of them."
	},
	{
		"fk_on_delete",
		{TG_LEVEL_WARNING, TG_LEVEL_INFO, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_fk_on_delete,
		"The checklist wants ON DELETE CASCADE or SET NULL, so that deleting a tenant or a user does not fail halfway."
	},
	{
		"required_columns_missing",
		{TG_LEVEL_WARNING, TG_LEVEL_INFO, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_required_columns_missing,
		"The checklist's base columns record when a row was created and updated."
	},
	{
		"table_unclassified",
		{TG_LEVEL_ERROR, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_OTHER_TABLES,
		tg_check_table_unclassified,
		"A table without a tenant column is global by accident unless the allowlist says why it is global."
	},
	{
		"view_bypasses_rls",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES | TG_ABOUT_OTHER_TABLES | TG_ABOUT_OTHER_RELATIONS,
		tg_check_view_bypasses_rls,
		"Rules, and views that are not security_invoker, read with the privileges of their owner; one that bypasses row-level security exposes the rows of all tenants."
	},
	{
		"function_exposes_tenants",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_function_exposes_tenants,
		"A SECURITY DEFINER function reads as its owner; if row-level security does not apply to the owner, whoever may execute the function may see the rows of all tenants."
	},
	{
		"setting_pinned",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_DATABASE,
		tg_check_setting_pinned,
		"If ALTER ROLE or ALTER DATABASE sets what policies read, each session that forgets to set it works on the rows of one tenant."
	},
	{
		"policy_function_untrusted",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_TENANT_TABLES,
		tg_check_policy_function_untrusted,
		"A role that can replace a function that a policy calls, choose what the names in it refer to, or rename the labels of an enum that identifies tenants, controls which rows are visible."
	},
	{
		"relation_unprotectable",
		{TG_LEVEL_WARNING, TG_LEVEL_WARNING, TG_LEVEL_ERROR},
		TG_ABOUT_OTHER_RELATIONS,
		tg_check_relation_unprotectable,
		"Row-level security does not exist for materialized views and foreign tables; every role that may read them reads the rows of all tenants."
	},
	{
		"policy_per_row_call",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_TENANT_TABLES,
		tg_check_policy_per_row_call,
		"A session value that a policy computes for each row is computed only once for the query if it is wrapped in (SELECT ...)."
	},
	{
		"rls_not_forced",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_TENANT_TABLES,
		tg_check_rls_not_forced,
		"The owner of a table bypasses its policies unless row-level security is forced."
	},
	{
		"fk_crosses_tenants",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_TENANT_TABLES,
		tg_check_fk_crosses_tenants,
		"A foreign key is checked without row-level security; one without the tenant column lets a row refer to a row of another tenant."
	},
	{
		"unique_crosses_tenants",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_TENANT_TABLES,
		tg_check_unique_crosses_tenants,
		"A unique index is checked without row-level security; one without the tenant column reveals which values other tenants have."
	},
	{
		"grant_missing",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_TENANT_TABLES,
		tg_check_grant_missing,
		"Policies admit rows only to a role that has been granted the command; without the grant, the application fails with permission denied."
	},
	{
		"role_bypasses_rls",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_DATABASE,
		tg_check_role_bypasses_rls,
		"A login role with BYPASSRLS reads the rows of all tenants, whatever the policies say."
	},
	{
		"publication_exposes_tenants",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_TENANT_TABLES,
		tg_check_publication_exposes_tenants,
		"Row-level security does not apply to logical replication: the subscribers of a publication get the rows of all tenants."
	},
	{
		"backup_role_confined",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_DATABASE,
		tg_check_backup_role_confined,
		"pg_dump fails, or leaves rows out, for a role that policies confine; with forced row-level security that includes the owner."
	},
	{
		"allowlist_stale",
		{TG_LEVEL_INFO, TG_LEVEL_INFO, TG_LEVEL_INFO},
		TG_ABOUT_DATABASE,
		tg_check_allowlist_stale,
		"An entry that no longer waives anything may one day waive something that it was not meant for."
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
