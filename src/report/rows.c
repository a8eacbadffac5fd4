/*-------------------------------------------------------------------------
 *
 * rows.c
 *		The audit and the registry, as rows.
 *
 * These functions only convert; SQL makes views and reports of the rows.  PUBLIC
 * may call them, as it may read the catalogs that the answers come from.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "compat.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/value.h"
#include "report/audit.h"
#include "report/rows.h"
#include "rules/bookkeeping.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* Columns of findings() */
enum
{
	COL_FINDING_SCHEMA_NAME,
	COL_FINDING_TABLE_NAME,
	COL_FINDING_RULE,
	COL_FINDING_LEVEL,
	COL_FINDING_OBJECT,
	COL_FINDING_MESSAGE,
	COL_FINDING_REPAIR_SQL,
	COL_FINDING_WAIVED_BY,
	COL_FINDING_IS_DEBT,
	COL_FINDING_REASON,
	COL_FINDING_AUTHOR,
	COL_FINDING_SINCE,
	COL_FINDING_DUE,
	COL_FINDING_COLUMNS
};

/* Columns of relations() */
enum
{
	COL_RELATION_OID,
	COL_RELATION_SCHEMA_NAME,
	COL_RELATION_TABLE_NAME,
	COL_RELATION_KIND,
	COL_RELATION_CLASS,
	COL_RELATION_TENANT_COLUMN,
	COL_RELATION_TENANT_INDEX,
	COL_RELATION_FOREIGN_KEYS,
	COL_RELATION_ERRORS,
	COL_RELATION_WARNINGS,
	COL_RELATION_INFOS,
	COL_RELATION_DEBTS,
	COL_RELATION_OVERDUE,
	COL_RELATION_FIRST_DUE,
	COL_RELATION_WAIVED,
	COL_RELATION_REASON,
	COL_RELATION_COLUMNS
};

/* Columns of registry() */
enum
{
	COL_RULE_POSITION,
	COL_RULE_RULE,
	COL_RULE_LEVEL,
	COL_RULE_PROFILE_LEVEL,
	COL_RULE_CHECKLIST,			/* the levels of each profile ... */
	COL_RULE_LAST_PROFILE = COL_RULE_CHECKLIST + TG_PROFILES - 1,
	COL_RULE_IS_OVERRIDDEN,
	COL_RULE_IS_ABOUT_RELATIONS,
	COL_RULE_PURPOSE,
	COL_RULE_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_findings_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_relations_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_registry_1_0);
PG_FUNCTION_INFO_V1(trovella_guard_rule_position_1_0);


/* Of the relation that is the first argument, or of the whole database. */
static Audit *
begin_audit(FunctionCallInfo fcinfo)
{
	Oid			relid;

	if (PG_ARGISNULL(0))
		return tg_audit_begin(NULL);
	relid = PG_GETARG_OID(0);
	return tg_audit_begin(&relid);
}

static void
put_finding(ReturnSetInfo *result, const Finding *finding)
{
	Datum		values[COL_FINDING_COLUMNS];
	bool		nulls[COL_FINDING_COLUMNS];
	NameData	schema;
	NameData	table;
	NameData	author;

	memset(nulls, 0, sizeof(nulls));
	nulls[COL_FINDING_SCHEMA_NAME] = finding->schema == NULL;
	nulls[COL_FINDING_TABLE_NAME] = finding->table == NULL;
	namestrcpy(&schema, finding->schema ? finding->schema : "");
	namestrcpy(&table, finding->table ? finding->table : "");
	values[COL_FINDING_SCHEMA_NAME] = NameGetDatum(&schema);
	values[COL_FINDING_TABLE_NAME] = NameGetDatum(&table);
	values[COL_FINDING_RULE] = CStringGetTextDatum(finding->rule->name);
	values[COL_FINDING_LEVEL] = CStringGetTextDatum(tg_level_name(finding->level));
	values[COL_FINDING_OBJECT] = text_or_null(finding->object,
											  &nulls[COL_FINDING_OBJECT]);
	values[COL_FINDING_MESSAGE] = CStringGetTextDatum(finding->message);
	values[COL_FINDING_REPAIR_SQL] = text_or_null(finding->repair_sql,
												  &nulls[COL_FINDING_REPAIR_SQL]);
	values[COL_FINDING_WAIVED_BY] = text_or_null(finding->waived_by,
												 &nulls[COL_FINDING_WAIVED_BY]);
	values[COL_FINDING_IS_DEBT] = BoolGetDatum(finding->is_debt);
	values[COL_FINDING_REASON] = text_or_null(finding->reason,
											  &nulls[COL_FINDING_REASON]);
	nulls[COL_FINDING_AUTHOR] = finding->author == NULL;
	namestrcpy(&author, finding->author ? finding->author : "");
	values[COL_FINDING_AUTHOR] = NameGetDatum(&author);
	nulls[COL_FINDING_SINCE] = finding->reason == NULL;
	values[COL_FINDING_SINCE] = TimestampTzGetDatum(finding->since);
	nulls[COL_FINDING_DUE] = finding->reason == NULL ||
		TIMESTAMP_IS_NOEND(finding->due);
	values[COL_FINDING_DUE] = TimestampTzGetDatum(finding->due);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Puts an audited relation, or (NULL) the database, into rows. */
typedef void (*PutAudited) (ReturnSetInfo *result, Audit *audit,
							const RelationFacts *facts, List *findings);

/*
 * Audits what the first argument names, and puts it into rows.  "put" may reset
 * the current memory context, which contains nothing else.
 */
static Datum
put_audit(FunctionCallInfo fcinfo, int columns, PutAudited put)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Audit	   *audit;
	const RelationFacts *facts;
	List	   *findings;
	MemoryContext per_row;
	MemoryContext old;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != columns)
		elog(ERROR, "an audit has an unexpected number of columns");

	audit = begin_audit(fcinfo);
	per_row = AllocSetContextCreate(CurrentMemoryContext,
									"trovella_guard row",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(per_row);
	while ((facts = tg_audit_next(audit, &findings)) != NULL)
	{
		if (!facts->temporary)
			put(result, audit, facts, findings);
		MemoryContextReset(per_row);
	}
	if (PG_ARGISNULL(0))
		put(result, audit, NULL, tg_audit_database(audit));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	tg_audit_end(audit);
	return (Datum) 0;
}

static void
put_findings(ReturnSetInfo *result, Audit *audit pg_attribute_unused(),
			 const RelationFacts *facts pg_attribute_unused(), List *findings)
{
	ListCell   *lc;

	foreach(lc, findings)
	{
		put_finding(result, lfirst(lc));
		MemoryContextReset(CurrentMemoryContext);
	}
}

/*
 * findings(relation regclass): every finding, waived ones with the reason,
 * of one relation or (NULL) of the whole database.
 */
Datum
trovella_guard_findings_1_0(PG_FUNCTION_ARGS)
{
	return put_audit(fcinfo, COL_FINDING_COLUMNS, put_findings);
}

const char *
tg_class_name(const RelationFacts *facts, const AllowlistEntry *entry)
{
	if (entry != NULL)
		return entry->sealed ? "sealed" : "global";
	if (tg_bookkeeping_tool(facts) != NULL)
		return "global";
	if (tg_is_tenant_table(facts))
		return "tenant";
	if (facts->kind == RELKIND_RELATION ||
		facts->kind == RELKIND_PARTITIONED_TABLE)
		return "unclassified";
	return "unprotectable";
}

/*
 * The distinct reasons of the waived findings: at most one for each rule.
 */
static char *
waiver_reasons(List *findings)
{
	StringInfoData reasons;
	List	   *said = NIL;
	ListCell   *lc;

	initStringInfo(&reasons);
	foreach(lc, findings)
	{
		const char *reason = ((Finding *) lfirst(lc))->waived_by;
		String	   *value;

		if (reason == NULL)
			continue;
		value = makeString(unconstify(char *, reason));
		if (list_member(said, value))
			continue;
		said = lappend(said, value);
		appendStringInfo(&reasons, "%s%s", reasons.len > 0 ? "; " : "",
						 reason);
	}
	return reasons.len > 0 ? reasons.data : NULL;
}

/* Findings by level; debts, and what a decision waives, apart from them. */
static void
put_counts(Datum *values, bool *nulls, const List *findings)
{
	int			at_level[TG_LEVEL_ERROR + 1] = {0};
	int			debts = 0;
	int			overdue = 0;
	int			waived = 0;
	TimestampTz first_due;
	ListCell   *lc;

	TIMESTAMP_NOEND(first_due);

	foreach(lc, findings)
	{
		Finding    *finding = lfirst(lc);

		if (finding->waived_by == NULL)
		{
			at_level[finding->level]++;
			overdue += finding->is_debt;
		}
		else if (finding->is_debt)
		{
			debts++;
			first_due = Min(first_due, finding->due);
		}
		else
			waived++;
	}
	values[COL_RELATION_ERRORS] = Int32GetDatum(at_level[TG_LEVEL_ERROR]);
	values[COL_RELATION_WARNINGS] = Int32GetDatum(at_level[TG_LEVEL_WARNING]);
	values[COL_RELATION_INFOS] = Int32GetDatum(at_level[TG_LEVEL_INFO]);
	values[COL_RELATION_DEBTS] = Int32GetDatum(debts);
	values[COL_RELATION_OVERDUE] = Int32GetDatum(overdue);
	values[COL_RELATION_FIRST_DUE] = TimestampTzGetDatum(first_due);
	nulls[COL_RELATION_FIRST_DUE] = TIMESTAMP_IS_NOEND(first_due);
	values[COL_RELATION_WAIVED] = Int32GetDatum(waived);
}

/* The database has a class, a kind, and findings; the rest is null. */
static void
put_database(ReturnSetInfo *result, const List *findings)
{
	Datum		values[COL_RELATION_COLUMNS] = {0};
	bool		nulls[COL_RELATION_COLUMNS];

	for (int i = 0; i < COL_RELATION_COLUMNS; i++)
		nulls[i] = i < COL_RELATION_ERRORS || i > COL_RELATION_WAIVED;
	nulls[COL_RELATION_KIND] = false;
	nulls[COL_RELATION_CLASS] = false;
	values[COL_RELATION_KIND] = CStringGetTextDatum("database");
	values[COL_RELATION_CLASS] = CStringGetTextDatum("database");
	put_counts(values, nulls, findings);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_relation(ReturnSetInfo *result, Audit *audit, const RelationFacts *facts,
			 List *findings)
{
	Datum		values[COL_RELATION_COLUMNS];
	bool		nulls[COL_RELATION_COLUMNS];
	const AllowlistEntry *entry;
	Oid			index = InvalidOid;
	NameData	schema;
	NameData	table;

	if (facts == NULL)
	{
		put_database(result, findings);
		return;
	}
	entry = tg_audit_global_entry(audit, facts);
	if (tg_is_tenant_table(facts))
		index = tg_covering_index(facts, 1, &facts->tenant->attnum);

	memset(nulls, 0, sizeof(nulls));
	namestrcpy(&schema, facts->schema);
	namestrcpy(&table, facts->name);
	values[COL_RELATION_OID] = ObjectIdGetDatum(facts->relid);
	values[COL_RELATION_SCHEMA_NAME] = NameGetDatum(&schema);
	values[COL_RELATION_TABLE_NAME] = NameGetDatum(&table);
	values[COL_RELATION_KIND] = CStringGetTextDatum(tg_kind_name(facts->kind));
	values[COL_RELATION_CLASS] =
		CStringGetTextDatum(tg_class_name(facts, entry));
	values[COL_RELATION_TENANT_COLUMN] =
		text_or_null(facts->tenant != NULL ? facts->tenant->name : NULL,
					 &nulls[COL_RELATION_TENANT_COLUMN]);
	values[COL_RELATION_TENANT_INDEX] = ObjectIdGetDatum(index);
	nulls[COL_RELATION_TENANT_INDEX] = !OidIsValid(index);
	values[COL_RELATION_FOREIGN_KEYS] =
		Int32GetDatum(list_length(facts->foreign_keys));
	put_counts(values, nulls, findings);
	values[COL_RELATION_REASON] =
		text_or_null(entry != NULL ? entry->reason :
					 tg_bookkeeping_tool(facts) != NULL ?
					 psprintf("bookkeeping of %s", tg_bookkeeping_tool(facts)) :
					 waiver_reasons(findings),
					 &nulls[COL_RELATION_REASON]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * relations(relation regclass): every relation that rules are about, with its
 * class and the number of its findings; of all, the database as well.
 */
Datum
trovella_guard_relations_1_0(PG_FUNCTION_ARGS)
{
	return put_audit(fcinfo, COL_RELATION_COLUMNS, put_relation);
}

/*
 * registry(): the rules, and their levels in this session.
 */
Datum
trovella_guard_registry_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_RULE_COLUMNS)
		elog(ERROR, "registry() has an unexpected number of columns");

	for (int i = 0; i < tg_rules_count; i++)
	{
		Datum		values[COL_RULE_COLUMNS];
		bool		nulls[COL_RULE_COLUMNS];

		memset(nulls, 0, sizeof(nulls));
		values[COL_RULE_POSITION] = Int32GetDatum(i + 1);
		values[COL_RULE_RULE] = CStringGetTextDatum(tg_rules[i].name);
		values[COL_RULE_LEVEL] =
			CStringGetTextDatum(tg_level_name(tg_rule_level(i)));
		values[COL_RULE_PROFILE_LEVEL] =
			CStringGetTextDatum(tg_level_name(tg_rule_level_of_profile(i)));
		for (int profile = 0; profile < TG_PROFILES; profile++)
			values[COL_RULE_CHECKLIST + profile] =
				CStringGetTextDatum(tg_level_name(tg_rules[i].levels[profile]));
		values[COL_RULE_IS_OVERRIDDEN] = BoolGetDatum(tg_rule_is_overridden(i));
		values[COL_RULE_IS_ABOUT_RELATIONS] =
			BoolGetDatum((tg_rules[i].about & ~(TG_ABOUT_DATABASE | TG_ABOUT_ALLOWLIST)) != 0);
		values[COL_RULE_PURPOSE] = CStringGetTextDatum(tg_rules[i].purpose);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
	return (Datum) 0;
}

/* rule_position(rule text) */
Datum
trovella_guard_rule_position_1_0(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(tg_rule_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0))) + 1);
}
