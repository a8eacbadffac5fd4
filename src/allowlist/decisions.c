/*-------------------------------------------------------------------------
 *
 * decisions.c
 *		allow_role() and allow_bypass(): who sees all tenants on purpose.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "allowlist/entries.h"
#include "catalog/pg_type.h"
#include "settings.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(trovella_guard_allow_role_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_disallow_role_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_allow_bypass_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_disallow_bypass_1_0);

/*
 * The name of a setting that PostgreSQL does not define itself: two or more
 * identifiers with dots between them (see valid_custom_variable_name() in
 * guc.c).  Setting names are folded without regard to the locale.
 */
static char *
parse_setting(const char *raw)
{
	char	   *name = pstrdup(raw);
	bool		begins = true;
	bool		dotted = false;

	for (char *c = name; *c != '\0'; c++)
	{
		if (*c == '.')
		{
			if (begins)
				return NULL;
			begins = dotted = true;
			continue;
		}
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
		if (!IS_HIGHBIT_SET(*c) && *c != '_' && !(*c >= 'a' && *c <= 'z') &&
			(begins || !((*c >= '0' && *c <= '9') || *c == '$')))
			return NULL;
		begins = false;
	}
	return dotted && !begins ? name : NULL;
}

bool
tg_parse_switch(const char *raw, DeclaredBypass *bypass)
{
	size_t		length = strlen(raw);
	char	   *copy;
	List	   *names;

	memset(bypass, 0, sizeof(DeclaredBypass));
	if (length < 2 || strcmp(raw + length - 2, "()") != 0)
	{
		bypass->setting = parse_setting(raw);
		return bypass->setting != NULL;
	}
	copy = pnstrdup(raw, length - 2);
	/* Identifiers are split at dots and white space only */
	if (strpbrk(copy, "()") != NULL && strchr(copy, '"') == NULL)
		return false;
	if (!SplitIdentifierString(copy, '.', &names) || list_length(names) != 2)
		return false;
	bypass->schema = linitial(names);
	bypass->function = lsecond(names);
	return *bypass->schema != '\0' && *bypass->function != '\0';
}

const DeclaredBypass *
tg_switch_of(const AllowlistEntry *entry)
{
	DeclaredBypass *bypass = palloc(sizeof(DeclaredBypass));

	(void) tg_parse_switch(entry->object, bypass);
	return bypass;
}

char *
tg_switch_name(const DeclaredBypass *bypass)
{
	return bypass->setting != NULL ? pstrdup(bypass->setting) :
		psprintf("%s()", quote_qualified_identifier(bypass->schema,
													bypass->function));
}

/* The first argument, a name. */
static char *
name_argument(FunctionCallInfo fcinfo, const char *what)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

/* An entry about a role: an excused role has no quotes around its name. */
static AllowlistEntry
role_argument(FunctionCallInfo fcinfo)
{
	AllowlistEntry entry = {.kind = TG_ENTRY_ROLE,.rule = ""};

	entry.object = name_argument(fcinfo, "role");
	return entry;
}

static AllowlistEntry
switch_argument(FunctionCallInfo fcinfo, DeclaredBypass *bypass)
{
	AllowlistEntry entry = {.kind = TG_ENTRY_BYPASS,.rule = ""};
	char	   *raw = name_argument(fcinfo, "switch");

	if (!tg_parse_switch(raw, bypass))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid switch \"%s\"", raw),
				 errhint("Write the name of a session setting with a dot in it, like app.bypass_rls, or a function without arguments, like app.is_admin().")));
	entry.object = tg_switch_name(bypass);
	return entry;
}

static void
insert(FunctionCallInfo fcinfo, AllowlistEntry *entry, const char *what,
	   const char *question)
{
	char		expires_null = ' ';
	Datum		expires_at;

	entry->reason = tg_allowlist_reason(fcinfo, 1, what, question);
	expires_at = tg_allowlist_expiry(fcinfo, 2, &expires_null);
	tg_allowlist_insert(entry, expires_at, expires_null);
}

/*
 * allow_role(role text, reason text, expires_at timestamptz)
 */
Datum
trovella_guard_allow_role_1_0(PG_FUNCTION_ARGS)
{
	AllowlistEntry entry = role_argument(fcinfo);

	(void) get_role_oid(entry.object, false);
	insert(fcinfo, &entry, psprintf("excuse role \"%s\"", entry.object),
		   "why the role sees all tenants");
	PG_RETURN_VOID();
}

/*
 * disallow_role(role text)
 */
Datum
trovella_guard_disallow_role_1_0(PG_FUNCTION_ARGS)
{
	AllowlistEntry entry = role_argument(fcinfo);

	if (!tg_allowlist_delete(&entry))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" is not excused", entry.object),
				 errhint("The entries are in trovella_guard.allowlist.")));
	PG_RETURN_VOID();
}

/*
 * Refuses a function that can't be the switch of any policy.  One that doesn't
 * exist yet may become one.
 */
static void
check_switch(const DeclaredBypass *bypass)
{
	Oid			function = tg_facts_switch_function(bypass);

	if (bypass->setting != NULL && tg_tenant_expression_reads(bypass->setting))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("setting \"%s\" cannot be a bypass", bypass->setting),
				 errdetail("It says the session's tenant (trovella_guard.tenant_expression), so every tenant may set it."),
				 errhint("Let administrators set another one.")));
	if (OidIsValid(function) &&
		(get_func_rettype(function) != BOOLOID || get_func_retset(function)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("function %s does not return boolean",
						tg_switch_name(bypass)),
				 errhint("A switch is a function without arguments that returns boolean: write one that calls this function and compares its result, use it in the policies, and declare it.")));
}

/*
 * allow_bypass(switch text, reason text, expires_at timestamptz)
 */
Datum
trovella_guard_allow_bypass_1_0(PG_FUNCTION_ARGS)
{
	DeclaredBypass bypass;
	AllowlistEntry entry = switch_argument(fcinfo, &bypass);

	check_switch(&bypass);
	insert(fcinfo, &entry,
		   psprintf("declare \"%s\" a bypass", entry.object),
		   "who may set the switch, and what for");
	PG_RETURN_VOID();
}

/*
 * disallow_bypass(switch text)
 */
Datum
trovella_guard_disallow_bypass_1_0(PG_FUNCTION_ARGS)
{
	DeclaredBypass bypass;
	AllowlistEntry entry = switch_argument(fcinfo, &bypass);

	if (!tg_allowlist_delete(&entry))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" is not a declared bypass", entry.object),
				 errhint("The entries are in trovella_guard.allowlist.")));
	PG_RETURN_VOID();
}
