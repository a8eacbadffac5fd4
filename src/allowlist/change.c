/*-------------------------------------------------------------------------
 *
 * change.c
 *		allow() and disallow(): entries about relations.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "allowlist/entries.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(trovella_guard_allow_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_disallow_1_0);

/*
 * Splits "schema.table", "schema.*" or "table".  An unqualified name means the
 * visible relation, or else one in the schema where CREATE would put it.
 */
static void
parse_relation(const char *raw, Name schema, Name table)
{
	char	   *copy = pstrdup(raw);
	List	   *names;

	if (!SplitIdentifierString(copy, '.', &names) ||
		list_length(names) < 1 || list_length(names) > 2 ||
		*(char *) linitial(names) == '\0' || *(char *) llast(names) == '\0' ||
		(list_length(names) == 2 && strcmp(linitial(names), TG_ANY) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid relation name \"%s\"", raw),
				 errhint("Write schema.table, or schema.* for a whole schema; quote names that are not lower case.")));

	if (list_length(names) == 2)
	{
		namestrcpy(schema, linitial(names));
		namestrcpy(table, lsecond(names));
	}
	else
	{
		Oid			relid = RelnameGetRelid(linitial(names));
		Oid			schema_oid = InvalidOid;
		List	   *path = fetch_search_path(false);
		char	   *schema_name;

		if (strcmp(linitial(names), TG_ANY) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("invalid relation name \"%s\"", raw),
					 errhint("Write schema.* for a whole schema.")));

		/* Nothing is locked, so the relation may be gone by now */
		if (OidIsValid(relid))
			schema_oid = get_rel_namespace(relid);
		if (!OidIsValid(schema_oid) && path != NIL)
			schema_oid = linitial_oid(path);
		schema_name = get_namespace_name(schema_oid);
		if (schema_name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_SCHEMA),
					 errmsg("no schema has been selected for relation \"%s\"",
							raw),
					 errhint("Write schema.table.")));
		namestrcpy(schema, schema_name);
		namestrcpy(table, linitial(names));
	}

	/* The entry of a table that is really named "*" would cover its schema */
	if (strcmp(NameStr(*table), TG_ANY) == 0 && strstr(raw, "\"*\"") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("a relation named \"*\" cannot be on the allowlist"),
				 errhint("Write schema.* without quotes for a whole schema.")));
}

/* The rule's name in argument "n", checked. */
static char *
rule_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *rule;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rule must not be null"),
				 errhint("Use '*' for every rule, or one of: %s.",
						 tg_rule_names())));
	rule = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (strcmp(rule, TG_ANY) != 0 && tg_rule_by_name(rule) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no rule \"%s\"", rule),
				 errhint("Use '*' for every rule, or one of: %s.",
						 tg_rule_names())));
	return rule;
}

static void
relation_argument(FunctionCallInfo fcinfo, Name schema, Name table)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null"),
				 errhint("Write schema.table, or schema.* for a whole schema.")));
	parse_relation(text_to_cstring(PG_GETARG_TEXT_PP(0)), schema, table);
}

/* The object in argument "n": of a rule, so that '*' has none. */
static char *
object_argument(FunctionCallInfo fcinfo, int n, const char *rule)
{
	char	   *object = PG_ARGISNULL(n) ? pstrdup(TG_ANY) :
		text_to_cstring(PG_GETARG_TEXT_PP(n));

	if (*object == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("object must not be empty"),
				 errhint("Use '*' for every object, or what the column \"object\" of trovella_guard.check() says.")));
	if (strcmp(object, TG_ANY) != 0 && strcmp(rule, TG_ANY) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an object needs a rule"),
				 errhint("Name the rule that object \"%s\" may break.",
						 object)));
	return object;
}

static const Decisions *
decisions_of(void *allowlist)
{
	return tg_allowlist_decisions(allowlist);
}

/*
 * Says for which relations a sealed entry does not count, because others than
 * their owner can reach them.  Of many, the first ones say enough.
 */
#define MAX_OPEN_NAMED 3

static void
notice_open(const AllowlistEntry *entry)
{
	Oid			schema_oid = get_namespace_oid(NameStr(entry->schema), true);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	FactsReader *reader = tg_facts_begin(snapshot, false);
	Allowlist  *allowlist = tg_allowlist_read(reader, GetCurrentTimestamp());
	List	   *relids = NIL;
	int			open = 0;
	ListCell   *lc;

	tg_facts_set_decisions(reader, decisions_of, allowlist);
	if (OidIsValid(schema_oid))
		relids = strcmp(NameStr(entry->table), TG_ANY) == 0 ?
			tg_facts_relations_of_schema(reader, schema_oid) :
			list_make1_oid(get_relname_relid(NameStr(entry->table), schema_oid));
	list_sort(relids, list_oid_cmp);
	foreach(lc, relids)
	{
		const RelationFacts *facts = tg_facts_outline(reader, lfirst_oid(lc));
		char	   *why = facts == NULL || facts->temporary ? NULL :
			tg_allowlist_why_open(reader, facts);

		CHECK_FOR_INTERRUPTS();
		if (why != NULL && ++open <= MAX_OPEN_NAMED)
			ereport(NOTICE,
					(errmsg("the sealed entry does not count for \"%s.%s\": %s",
							facts->schema, facts->name, why)));
	}
	if (open > MAX_OPEN_NAMED)
		ereport(NOTICE,
				(errmsg("the sealed entry does not count for %d relations in all",
						open)));
	tg_facts_end(reader);
	UnregisterSnapshot(snapshot);
}

/*
 * Says what an entry is about to waive, or that nothing has its name yet, for
 * whoever meant only one table, only one rule, or another name.  That a table is
 * unclassified is not worth saying: entries are made for that.  A sealed entry may
 * waive what it likes: it says where it does not.
 */
static void
notice_findings(const AllowlistEntry *entry)
{
	Oid			types[] = {OIDOID, NAMEOID, NAMEOID, TEXTOID, TEXTOID};
	Datum		values[5];
	char		nulls[] = "     ";
	bool		whole_schema = strcmp(NameStr(entry->table), TG_ANY) == 0;
	Oid			schema_oid = get_namespace_oid(NameStr(entry->schema), true);
	Oid			relid = InvalidOid;
	int64		findings;
	char	   *rules;

	if (OidIsValid(schema_oid) && !whole_schema)
		relid = get_relname_relid(NameStr(entry->table), schema_oid);
	if (!OidIsValid(schema_oid) || (!whole_schema && !OidIsValid(relid)))
	{
		/* It may be made ahead; or a name is wrong */
		ereport(NOTICE,
				(OidIsValid(schema_oid) ?
				 errmsg("there is no relation \"%s.%s\" yet",
						NameStr(entry->schema), NameStr(entry->table)) :
				 errmsg("there is no schema \"%s\" yet",
						NameStr(entry->schema))));
		return;
	}
	if (entry->sealed)
	{
		notice_open(entry);
		return;
	}
	values[0] = ObjectIdGetDatum(relid);
	nulls[0] = whole_schema ? 'n' : ' ';
	values[1] = NameGetDatum(&entry->schema);
	values[2] = NameGetDatum(&entry->table);
	values[3] = CStringGetTextDatum(entry->rule);
	values[4] = CStringGetTextDatum(entry->object);
	findings = tg_allowlist_count("SELECT sum(n)::int8, string_agg(rule || ' (' || n || ')', ', ' ORDER BY rule)"
								  " FROM (SELECT f.rule, count(*) AS n FROM trovella_guard.findings($1::regclass) f"
								  " WHERE f.schema_name = $2 AND $3 IN (f.table_name, '*')"
								  " AND $4 IN (f.rule, '*') AND $5 IN (f.object, '*')"
								  " AND (f.waived_by IS NULL OR f.is_debt) AND f.level <> 'info'"
								  " AND f.rule <> 'table_unclassified'"
								  " GROUP BY f.rule) r",
								  5, types, values, nulls, &rules);
	if (findings > 0)
		ereport(NOTICE,
				(errmsg_plural("the entry for \"%s.%s\" waives %lld finding: %s",
							   "the entry for \"%s.%s\" waives %lld findings: %s",
							   (unsigned long) findings,
							   NameStr(entry->schema), NameStr(entry->table),
							   (long long) findings, rules)));
}

/*
 * allow(relation text, reason text, rule text, expires_at timestamptz,
 * object text, sealed bool)
 */
Datum
trovella_guard_allow_1_0(PG_FUNCTION_ARGS)
{
	AllowlistEntry entry = {.kind = TG_ENTRY_RELATION};
	Datum		expires_at;
	char		expires_null = ' ';

	relation_argument(fcinfo, &entry.schema, &entry.table);
	entry.reason = tg_allowlist_reason(fcinfo, 1,
									   psprintf("allowlist \"%s.%s\"",
												NameStr(entry.schema),
												NameStr(entry.table)),
									   "why the table needs no tenant isolation");
	entry.rule = rule_argument(fcinfo, 2);
	expires_at = tg_allowlist_expiry(fcinfo, 3, &expires_null);
	entry.object = object_argument(fcinfo, 4, entry.rule);
	if (PG_ARGISNULL(5))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("sealed must not be null")));
	entry.sealed = PG_GETARG_BOOL(5);
	notice_findings(&entry);
	tg_allowlist_insert(&entry, expires_at, expires_null);
	PG_RETURN_VOID();
}

/*
 * disallow(relation text, rule text, object text)
 */
Datum
trovella_guard_disallow_1_0(PG_FUNCTION_ARGS)
{
	AllowlistEntry entry = {.kind = TG_ENTRY_RELATION};

	relation_argument(fcinfo, &entry.schema, &entry.table);
	entry.rule = rule_argument(fcinfo, 1);
	entry.object = object_argument(fcinfo, 2, entry.rule);
	if (!tg_allowlist_delete(&entry))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 strcmp(entry.object, TG_ANY) == 0 ?
				 errmsg("there is no allowlist entry for \"%s.%s\" and rule \"%s\"",
						NameStr(entry.schema), NameStr(entry.table),
						entry.rule) :
				 errmsg("there is no allowlist entry for \"%s.%s\", rule \"%s\" and object \"%s\"",
						NameStr(entry.schema), NameStr(entry.table),
						entry.rule, entry.object),
				 errhint("The entries are in trovella_guard.allowlist.")));
	PG_RETURN_VOID();
}
