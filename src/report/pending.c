/*-------------------------------------------------------------------------
 *
 * pending.c
 *		pending(): the verdict on the open transaction, as rows.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "report/rows.h"
#include "rules/rules.h"
#include "utils/tuplestore.h"
#include "verdict/verdict.h"

/* Columns of pending() */
enum
{
	COL_PENDING_SCHEMA_NAME,
	COL_PENDING_TABLE_NAME,
	COL_PENDING_RULE,
	COL_PENDING_LEVEL,
	COL_PENDING_OBJECT,
	COL_PENDING_MESSAGE,
	COL_PENDING_REPAIR_SQL,
	COL_PENDING_WAS_THERE,
	COL_PENDING_REFUSED,
	COL_PENDING_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_pending_1_0);

static void
put_pending(ReturnSetInfo *result, const RelationVerdict *verdict,
			const Finding *finding)
{
	Datum		values[COL_PENDING_COLUMNS];
	bool		nulls[COL_PENDING_COLUMNS];
	NameData	schema;
	NameData	table;

	memset(nulls, 0, sizeof(nulls));
	nulls[COL_PENDING_SCHEMA_NAME] = verdict->schema == NULL;
	nulls[COL_PENDING_TABLE_NAME] = verdict->name == NULL;
	namestrcpy(&schema, verdict->schema ? verdict->schema : "");
	namestrcpy(&table, verdict->name ? verdict->name : "");
	values[COL_PENDING_SCHEMA_NAME] = NameGetDatum(&schema);
	values[COL_PENDING_TABLE_NAME] = NameGetDatum(&table);
	values[COL_PENDING_RULE] = CStringGetTextDatum(finding->rule->name);
	values[COL_PENDING_LEVEL] =
		CStringGetTextDatum(tg_level_name(finding->level));
	values[COL_PENDING_OBJECT] = text_or_null(finding->object,
											  &nulls[COL_PENDING_OBJECT]);
	values[COL_PENDING_MESSAGE] = CStringGetTextDatum(finding->message);
	values[COL_PENDING_REPAIR_SQL] =
		text_or_null(finding->repair_sql, &nulls[COL_PENDING_REPAIR_SQL]);
	values[COL_PENDING_WAS_THERE] = BoolGetDatum(finding->was_there);
	values[COL_PENDING_REFUSED] = BoolGetDatum(tg_refuses(finding));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * pending(): what mode "enforce" would report if the transaction committed now.
 */
Datum
trovella_guard_pending_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_PENDING_COLUMNS)
		elog(ERROR, "pending() has an unexpected number of columns");

	foreach(lc, tg_judge_transaction(false, false))
	{
		RelationVerdict *verdict = lfirst(lc);
		ListCell   *other;

		foreach(other, verdict->findings)
			put_pending(result, verdict, lfirst(other));
	}
	return (Datum) 0;
}
