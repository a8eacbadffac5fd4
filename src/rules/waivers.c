/*-------------------------------------------------------------------------
 *
 * waivers.c
 *		Statements that put a decision on the allowlist, or take it off.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "rules/remedy.h"
#include "utils/builtins.h"

/*
 * Where a reason belongs.  Whoever pastes the statement is asked for one: see
 * tg_is_placeholder().
 */
#define WHY_GLOBAL "why this table is global"
#define WHY_RIGHT "why this is right"
#define WHY_ROLE "why this role sees all tenants"
#define WHY_BYPASS "who may set it, and what for"
#define WHY_SEALED "who keeps tables here, and what for"
#define WHY_ATTESTED "what makes you trust this policy"

bool
tg_is_placeholder(const char *reason)
{
	static const char *const placeholders[] = {
		WHY_GLOBAL, WHY_RIGHT, WHY_ROLE, WHY_BYPASS, WHY_SEALED,
		WHY_ATTESTED
	};
	size_t		start = strspn(reason, " \t\r\n");
	size_t		length = strlen(reason + start);

	while (length > 0 && strchr(" \t\r\n.", reason[start + length - 1]) != NULL)
		length--;
	for (int i = 0; i < (int) lengthof(placeholders); i++)
	{
		if (strlen(placeholders[i]) == length &&
			pg_strncasecmp(placeholders[i], reason + start, length) == 0)
			return true;
	}
	return false;
}

char *
tg_remedy_allow(const char *schema, const char *table, const char *rule,
				const char *object)
{
	char	   *name = quote_literal_cstr(quote_qualified_identifier(schema,
																	 table));

	if (rule == NULL)
		return psprintf(TG_ALLOW_CALL "%s, '" WHY_GLOBAL "');", name);
	return psprintf(TG_ALLOW_CALL "%s, '" WHY_RIGHT "', %s%s%s);",
					name, quote_literal_cstr(rule),
					object != NULL ? ", object => " : "",
					object != NULL ? quote_literal_cstr(object) : "");
}

char *
tg_remedy_seal(const char *schema, const char *table)
{
	char	   *name = table == NULL ?
		psprintf("%s.*", quote_identifier(schema)) :
		quote_qualified_identifier(schema, table);

	return psprintf(TG_ALLOW_CALL "%s, '" WHY_SEALED "', sealed => true);",
					quote_literal_cstr(name));
}

char *
tg_remedy_probe(const char *schema, const char *table)
{
	return psprintf("SELECT * FROM trovella_guard.probe_summary(%s);",
					quote_literal_cstr(quote_qualified_identifier(schema,
																  table)));
}

char *
tg_remedy_attest(const char *schema, const char *table, const char *policy)
{
	return psprintf("%s\nSELECT trovella_guard.attest(%s, %s, '" WHY_ATTESTED "');",
					tg_remedy_probe(schema, table),
					quote_literal_cstr(quote_qualified_identifier(schema,
																  table)),
					quote_literal_cstr(policy));
}

char *
tg_remedy_disallow(const char *schema, const char *table, const char *rule,
				   const char *object)
{
	/* Quotes would make "*" a table name: see parse_relation() */
	char	   *name = strcmp(table, "*") == 0 ?
		psprintf("%s.*", quote_identifier(schema)) :
		quote_qualified_identifier(schema, table);

	if (strcmp(object, "*") == 0)
		return psprintf("SELECT trovella_guard.disallow(%s, %s);",
						quote_literal_cstr(name), quote_literal_cstr(rule));
	return psprintf("SELECT trovella_guard.disallow(%s, %s, %s);",
					quote_literal_cstr(name), quote_literal_cstr(rule),
					quote_literal_cstr(object));
}

char *
tg_remedy_allow_role(const char *role)
{
	return psprintf("SELECT trovella_guard.allow_role(%s, '" WHY_ROLE "');",
					quote_literal_cstr(role));
}

char *
tg_remedy_disallow_role(const char *role)
{
	return psprintf("SELECT trovella_guard.disallow_role(%s);",
					quote_literal_cstr(role));
}

char *
tg_remedy_allow_bypass(const char *name)
{
	return psprintf("SELECT trovella_guard.allow_bypass(%s, '" WHY_BYPASS "');",
					quote_literal_cstr(name));
}

char *
tg_remedy_disallow_bypass(const char *name)
{
	return psprintf("SELECT trovella_guard.disallow_bypass(%s);",
					quote_literal_cstr(name));
}

static bool
is_comment(const char *sql)
{
	while (sql != NULL && strncmp(sql, "--", 2) == 0)
	{
		sql = strchr(sql, '\n');
		if (sql != NULL)
			sql++;
	}
	return sql == NULL;
}

bool
tg_remedy_needs_decision(const char *repair_sql)
{
	return strncmp(repair_sql, TG_ALLOW_CALL, strlen(TG_ALLOW_CALL)) == 0 ||
		is_comment(repair_sql);
}
