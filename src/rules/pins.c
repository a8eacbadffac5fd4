/*-------------------------------------------------------------------------
 *
 * pins.c
 *		The rule about session settings that are pinned to one value.
 *
 * Policies compare the tenant column with a setting of the session, which the
 * application sets.  ALTER ROLE or ALTER DATABASE ... SET gives it a value in
 * every new session: where the application forgets to set it, the session reads
 * and writes the rows of that one tenant, and nobody notices.
 *
 * Tables are read only if some custom setting is pinned, until each of these is
 * known to be read by a policy.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "facts/oidset.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A pin, and who reads its setting. */
typedef struct JudgedPin
{
	const SettingPin *pin;
	const char *read_by;		/* for the message, or NULL */
} JudgedPin;

/* Is a value no tenant: nothing, or the UUID and the number that mean that? */
static bool
names_no_tenant(const char *value)
{
	for (; *value != '\0'; value++)
	{
		if (*value != '0' && *value != '-' &&
			!isspace((unsigned char) *value))
			return false;
	}
	return true;
}

/* May sessions that policies confine begin with the value? */
static bool
concerns_tenants(FactsReader *reader, const SettingPin *pin)
{
	RoleFacts	role;

	if (pg_strncasecmp(pin->name, "trovella_guard.",
					   strlen("trovella_guard.")) == 0 ||
		names_no_tenant(pin->value))
		return false;
	if (!OidIsValid(pin->role))
		return true;
	return tg_facts_role(reader, pin->role, &role) &&
		!role.superuser && !role.bypasses_rls &&
		tg_facts_excused(reader, NameStr(role.name)) == NULL;
}

/*
 * Marks the pins whose settings a table's policies read; returns how many.
 * "functions": those whose bodies have been read.
 */
static int
mark_read_by(FactsReader *reader, const RelationFacts *facts, List *pins,
			 OidSet *functions, MemoryContext context)
{
	SettingReads reads = {0};
	int			marked = 0;
	ListCell   *lc;

	foreach(lc, facts->policies)
	{
		const PolicyFacts *policy = lfirst(lc);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		tg_facts_add_settings_of_policy(&reads, policy);
		foreach(lc2, tg_facts_functions_of(policy))
		{
			MemoryContext old = MemoryContextSwitchTo(context);
			bool		is_new = tg_oidset_add(functions, lfirst_oid(lc2));

			MemoryContextSwitchTo(old);
			if (is_new)
				tg_facts_add_settings_of_function(&reads, reader,
												  lfirst_oid(lc2));
		}
	}
	foreach(lc, pins)
	{
		JudgedPin  *judged = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (judged->read_by != NULL ||
			!tg_facts_reads_setting(&reads, judged->pin->name))
			continue;
		judged->read_by = "policies read";
		marked++;
	}
	return marked;
}

/* Marks the pins whose settings any policy of a tenant table reads. */
static void
mark_read(FactsReader *reader, List *pins)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext table_context = AllocSetContextCreate(context,
														"trovella_guard table",
														ALLOCSET_DEFAULT_SIZES);
	OidSet		functions = {0};
	int			left = 0;
	ListCell   *lc;

	foreach(lc, pins)
	{
		JudgedPin  *judged = lfirst(lc);

		if (tg_tenant_expression_reads(judged->pin->name))
			judged->read_by = "trovella_guard.tenant_expression reads";
		else
			left++;
	}
	if (left == 0)
		return;
	foreach(lc, tg_facts_relations_with_rls(reader))
	{
		MemoryContext old = MemoryContextSwitchTo(table_context);
		const RelationFacts *facts = tg_facts_read(reader, lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (facts != NULL && tg_is_tenant_table(facts))
			left -= mark_read_by(reader, facts, pins, &functions, context);
		MemoryContextSwitchTo(old);
		MemoryContextReset(table_context);
		if (left == 0)
			break;
	}
	MemoryContextDelete(table_context);
}

/* A setting's name, each part of it quoted where that is needed. */
static char *
quote_setting(const char *name)
{
	StringInfoData quoted;
	char	   *rest = pstrdup(name);
	char	   *part;

	initStringInfo(&quoted);
	while ((part = strsep(&rest, ".")) != NULL)
		appendStringInfo(&quoted, "%s%s", quoted.len > 0 ? "." : "",
						 quote_identifier(part));
	return quoted.data;
}

static void
report(const RuleSubject *subject, const JudgedPin *judged)
{
	const SettingPin *pin = judged->pin;
	const char *role = OidIsValid(pin->role) ?
		quote_identifier(tg_role_name(pin->role)) : NULL;
	const char *database = OidIsValid(pin->database) ?
		quote_identifier(get_database_name(pin->database)) : NULL;
	const char *whose;
	const char *subject_sql;
	Finding    *finding;

	if (role == NULL && database == NULL)
	{
		whose = "every session of the cluster";
		subject_sql = "ROLE ALL";
	}
	else if (role == NULL)
	{
		whose = "every session of the database";
		subject_sql = psprintf("DATABASE %s", database);
	}
	else
	{
		whose = psprintf("every session of role \"%s\"",
						 tg_role_name(pin->role));
		subject_sql = database == NULL ? psprintf("ROLE %s", role) :
			psprintf("ROLE %s IN DATABASE %s", role, database);
	}
	finding = tg_report_finding(subject,
								"setting \"%s\", which %s, is pinned to \"%s\" for %s",
								pin->name, judged->read_by, pin->value, whose);
	finding->object = pin->name;
	finding->object_oid = pin->role;
	finding->fingerprint =
		hash_combine64(hash_bytes_extended((const unsigned char *) pin->name,
										   strlen(pin->name), pin->database),
					   hash_bytes_extended((const unsigned char *) pin->value,
										   strlen(pin->value), 0));
	finding->repair_sql = psprintf("ALTER %s RESET %s;", subject_sql,
								   quote_setting(pin->name));
}

void
tg_check_setting_pinned(const RuleSubject *subject)
{
	List	   *pins = NIL;
	ListCell   *lc;

	foreach(lc, tg_facts_setting_pins(subject->reader))
	{
		JudgedPin  *judged;

		CHECK_FOR_INTERRUPTS();
		if (!concerns_tenants(subject->reader, lfirst(lc)))
			continue;
		judged = palloc(sizeof(JudgedPin));
		judged->pin = lfirst(lc);
		judged->read_by = NULL;
		pins = lappend(pins, judged);
	}
	if (pins == NIL)
		return;
	mark_read(subject->reader, pins);
	foreach(lc, pins)
	{
		JudgedPin  *judged = lfirst(lc);

		if (judged->read_by != NULL)
			report(subject, judged);
	}
}
