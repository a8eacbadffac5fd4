/*-------------------------------------------------------------------------
 *
 * adopt.c
 *		Records the present findings as debts, and removes stale entries.
 *
 * Both functions write the allowlist with the privileges of the extension's
 * owner, so that a role needs only EXECUTE on them: see allowlist/change.c.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "allowlist/allowlist.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(trovella_guard_adopt_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_prune_1_0);

/*
 * adopt(reason text, expires_at timestamptz, level text, schema text): writes one
 * entry for each object that breaks a rule of this level or above now, in one
 * schema or (NULL) in all.  Returns the number of entries.
 *
 * A relation that is really named "*" cannot be on the allowlist, because its
 * entry would cover its whole schema.  audit_failed cannot become a debt,
 * because nobody knows what the audit would have found.
 */
Datum
trovella_guard_adopt_1_0(PG_FUNCTION_ARGS)
{
	Oid			types[] = {TEXTOID, NAMEOID, TIMESTAMPTZOID, TEXTOID, TEXTOID};
	Datum		values[5];
	char		nulls[] = "     ";
	uint64		entries;

	values[0] = CStringGetTextDatum(tg_allowlist_reason(fcinfo, 0,
														"adopt findings",
														"what is planned"));
	values[1] = tg_allowlist_author();
	values[2] = tg_allowlist_expiry(fcinfo, 1, &nulls[2]);
	for (int i = 2; i < 4; i++)
	{
		values[i + 1] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		nulls[i + 1] = PG_ARGISNULL(i) ? 'n' : ' ';
	}

	entries = tg_allowlist_write("INSERT INTO trovella_guard.allowlist AS a"
								 " (schema_name, table_name, rule, object, reason, added_by, expires_at, adopted)"
								 " SELECT DISTINCT f.schema_name, f.table_name, f.rule, coalesce(f.object, '*'), $1, $2, $3, true"
								 " FROM trovella_guard.findings(NULL::regclass) f"
								 " JOIN trovella_guard_internal.registry() r ON r.rule = f.rule"
								 " WHERE f.waived_by IS NULL AND f.table_name <> '*'"
								 " AND r.is_about_relations"
								 " AND f.rule <> 'audit_failed'"
								 " AND f.level = ANY (trovella_guard_internal.levels_from($4))"
								 " AND (trovella_guard_internal.schema_named($5) IS NULL OR f.schema_name = $5)"
								 " ON CONFLICT (kind, schema_name, table_name, rule, object, adopted) DO UPDATE"
								 " SET reason = EXCLUDED.reason, added_by = EXCLUDED.added_by,"
								 " added_at = EXCLUDED.added_at, expires_at = EXCLUDED.expires_at",
								 5, types, values, nulls, NULL);
	PG_RETURN_INT64(entries);
}

/* Removes an entry, unless it has been changed meanwhile. */
static void
remove_entry(ReturnSetInfo *result, const AllowlistEntry *entry,
			 const char *why)
{
	Oid			types[] = {NAMEOID, NAMEOID, TEXTOID, TEXTOID, TIDOID, TEXTOID};
	ItemPointerData tid = entry->tid;
	Datum		values[6];

	values[0] = NameGetDatum(&entry->schema);
	values[1] = NameGetDatum(&entry->table);
	values[2] = CStringGetTextDatum(entry->rule);
	values[3] = CStringGetTextDatum(entry->object);
	values[4] = PointerGetDatum(&tid);
	values[5] = CStringGetTextDatum(why);

	(void) tg_allowlist_write("DELETE FROM trovella_guard.allowlist"
							  " WHERE schema_name = $1 AND table_name = $2"
							  " AND rule = $3 AND object = $4 AND ctid = $5"
							  " RETURNING kind, schema_name, table_name, rule, object, reason,"
							  " expires_at, $6",
							  6, types, values, NULL, result->setResult);
}

/*
 * Could the entry have been made before its table?  Nothing distinguishes such
 * an entry from one that has outlived its table.
 */
static bool
may_be_made_ahead(const AllowlistEntry *entry)
{
	Oid			schema_oid;

	if (entry->adopted || entry->expired || entry->fingerprint != NULL ||
		entry->kind != TG_ENTRY_RELATION)
		return false;

	/* An entry for a schema is stale only if the schema is empty */
	if (strcmp(NameStr(entry->table), "*") == 0)
		return true;
	schema_oid = get_namespace_oid(NameStr(entry->schema), true);
	return !OidIsValid(schema_oid) ||
		!OidIsValid(get_relname_relid(NameStr(entry->table), schema_oid));
}

/*
 * prune(): removes and returns the stale entries, even if the rule
 * allowlist_stale is off.  Entries that could have been made before their table
 * stay.
 */
Datum
trovella_guard_prune_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Audit	   *audit;
	List	   *findings;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	tg_allowlist_require_coordinator();

	audit = tg_audit_begin(NULL);
	while (tg_audit_next(audit, &findings) != NULL)
		;
	foreach(lc, tg_audit_entries(audit))
	{
		AllowlistEntry *entry = lfirst(lc);
		const char *why = tg_audit_why_stale(audit, entry);

		CHECK_FOR_INTERRUPTS();
		if (why != NULL && !may_be_made_ahead(entry))
			remove_entry(result, entry, why);
	}
	tg_audit_end(audit);
	return (Datum) 0;
}
