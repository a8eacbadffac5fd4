/*-------------------------------------------------------------------------
 *
 * who_sees.c
 *		who_sees(): every way in which somebody reads or writes the rows of all
 *		tenants of a table.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "report/audit.h"
#include "report/rows.h"
#include "report/ways.h"
#include "rules/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

/* Columns of who_sees() */
enum
{
	COL_WAY_ROLE,				/* see tg_put_role() */
	COL_WAY_CAN_LOGIN,
	COL_WAY_COMMANDS,
	COL_WAY_HOW,
	COL_WAY_EXCUSED,
	COL_WAY_COLUMNS
};

PG_FUNCTION_INFO_V1(trovella_guard_who_sees_1_0);

const char *
tg_role_of_way(const Way *way)
{
	if (!way->is_role)
		return NULL;
	return OidIsValid(way->role) ? tg_role_name(way->role) : "PUBLIC";
}

/* NULL comes first. */
static int
compare_strings(const char *one, const char *other)
{
	if (one == NULL || other == NULL)
		return (one != NULL) - (other != NULL);
	return strcmp(one, other);
}

int
tg_compare_ways(const void *a, const void *b)
{
	const ListedWay *one = a;
	const ListedWay *other = b;
	int			result = (int) one->way->kind - (int) other->way->kind;

	if (result == 0)
		result = compare_strings(one->role, other->role);
	if (result == 0)
		result = compare_strings(one->way->how, other->way->how);
	if (result == 0)
		result = compare_strings(one->way->commands, other->way->commands);
	if (result == 0)
		result = compare_strings(one->way->excused, other->way->excused);
	return result;
}

void
tg_put_role(FactsReader *reader, const ListedWay *listed, NameData *buffer,
			Datum *values, bool *nulls)
{
	const Way  *way = listed->way;
	RoleFacts	facts = {0};

	nulls[0] = listed->role == NULL;
	namestrcpy(buffer, listed->role != NULL ? listed->role : "");
	values[0] = NameGetDatum(buffer);
	nulls[1] = !way->is_role || !OidIsValid(way->role);
	if (!nulls[1])
		(void) tg_facts_role(reader, way->role, &facts);
	values[1] = BoolGetDatum(facts.can_login);
}

/* Puts the ways to one table into rows, in their order. */
static void
put_ways(ReturnSetInfo *result, const WaySource *source, Oid relid)
{
	ListedWay  *listed = palloc(Max(1, list_length(source->ways)) *
								sizeof(ListedWay));
	size_t		count = 0;
	ListCell   *lc;

	foreach(lc, source->ways)
	{
		const Way  *way = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (way->table != relid)
			continue;
		listed[count].way = way;
		listed[count].role = tg_role_of_way(way);
		count++;
	}
	qsort(listed, count, sizeof(ListedWay), tg_compare_ways);
	count = qunique(listed, count, sizeof(ListedWay), tg_compare_ways);
	for (size_t i = 0; i < count; i++)
	{
		const Way  *way = listed[i].way;
		Datum		values[COL_WAY_COLUMNS];
		bool		nulls[COL_WAY_COLUMNS];
		NameData	role;

		tg_put_role(source->reader, &listed[i], &role, values, nulls);
		values[COL_WAY_COMMANDS] = text_or_null(way->commands,
												&nulls[COL_WAY_COMMANDS]);
		values[COL_WAY_HOW] = text_or_null(way->how, &nulls[COL_WAY_HOW]);
		values[COL_WAY_EXCUSED] = text_or_null(way->excused,
											   &nulls[COL_WAY_EXCUSED]);
		tuplestore_putvalues(result->setResult, result->setDesc, values,
							 nulls);
	}
}

/* What shows all rows of a parent shows those of the table, too. */
static void
add_parents_ways(WaySource *source, const OidSet *parents, Oid table)
{
	ListCell   *lc;

	foreach(lc, parents->oids)
	{
		const RelationFacts *parent = tg_facts_read(source->reader,
													lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (parent != NULL)
			tg_add_functions(source, parent, table);
	}
	foreach(lc, source->ways)
	{
		Way		   *way = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (tg_oidset_has(parents, way->table))
			way->table = table;
	}
}

/*
 * Views over the table, and over parents by way of which it is read; functions
 * over parents.
 */
static void
add_windows(WaySource *source, const RelationFacts *facts)
{
	OidSet		windows = {0};
	OidSet		parents = {0};
	List	   *read = list_make1_oid(facts->relid);
	bool		all;
	ListCell   *lc;

	if (facts->parents != NIL)
	{
		foreach(lc, tg_facts_ancestors(source->reader, facts->relid, &all))
			(void) tg_oidset_add(&parents, lfirst_oid(lc));
		read = list_concat(read, parents.oids);
	}
	foreach(lc, read)
	{
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, tg_facts_dependent_views(source->reader, lfirst_oid(lc)))
			(void) tg_oidset_add(&windows, lfirst_oid(lc2));
	}
	foreach(lc, windows.oids)
	{
		const RelationFacts *window = tg_facts_read(source->reader,
													lfirst_oid(lc));

		CHECK_FOR_INTERRUPTS();
		if (window != NULL)
			tg_add_ways_of_window(source, window);
	}
	add_parents_ways(source, &parents, facts->relid);

	/* A foreign table has its own rows, and a rule may be on the table itself */
	if (facts->rewrites != NIL)
		tg_add_ways_of_window(source, facts);
}

/*
 * who_sees(relation regclass): every way in which somebody reads or writes the
 * rows of all tenants of a table.
 */
Datum
trovella_guard_who_sees_1_0(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	WaySource	source;
	const RelationFacts *facts;
	const AllowlistEntry *entry;
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	relid = PG_GETARG_OID(0);
	InitMaterializedSRF(fcinfo, 0);
	if (result->setDesc->natts != COL_WAY_COLUMNS)
		elog(ERROR, "who_sees() has an unexpected number of columns");

	tg_ways_begin(&source, &relid);
	facts = tg_facts_read(source.reader, relid);
	if (facts == NULL || !tg_is_tenant_table(facts) ||
		tg_facts_is_trusted_member(source.reader, relid))
	{
		const char *name = get_rel_name(relid);

		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a tenant table",
						name != NULL ? name : psprintf("%u", relid)),
				 errhint("Tenant tables are permanent tables with a column that trovella_guard.tenant_columns names.")));
	}
	entry = tg_audit_global_entry(source.audit, facts);
	if (entry != NULL && !entry->sealed)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s.%s\" is global", facts->schema, facts->name),
				 errdetail("It is on the allowlist for all rules: %s",
						   entry->reason)));
	tg_add_roles(&source, facts);
	tg_add_ways_of_table(&source, facts);
	add_windows(&source, facts);
	put_ways(result, &source, relid);
	tg_ways_end(&source);
	return (Datum) 0;
}
