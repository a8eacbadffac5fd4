/*-------------------------------------------------------------------------
 *
 * repair.c
 *		Inserts a row, and changes it until its table accepts it.
 *
 * What a CHECK constraint, a domain or a partition bound demands is found out by
 * trying: the error names the constraint, and the constraint its columns and
 * literals.  PostgreSQL checks them in a fixed order, so an error that comes later
 * in it is progress.  First the columns that may be NULL stay so; if this leads
 * nowhere, all columns get a value.
 *
 * Where no partition takes a row, one is made.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "probe/attempt.h"
#include "probe/probe.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define MAX_REPAIRS 200			/* tries to satisfy constraints */
#define MAX_ROUNDS 12			/* constraints, one after the other */

/*
 * Inserting
 */

typedef struct Insertion
{
	const TableShape *shape;
	const char *sql;
	bool		is_probed;		/* in the table whose tenants count */
	ProbeRow   *row;			/* the result */
} Insertion;

static void
insert_row(void *arg)
{
	Insertion  *insertion = arg;
	const RelationFacts *facts = insertion->shape->facts;
	ProbeRow   *row = insertion->row;
	char	   *returning = insertion->is_probed ?
		psprintf("%s RETURNING tableoid, ctid, %s::pg_catalog.text",
				 insertion->sql, quote_identifier(facts->tenant->name)) :
		psprintf("%s RETURNING tableoid, ctid", insertion->sql);
	HeapTuple	tuple;
	bool		isnull;

	if (SPI_execute(returning, false, 0) < 0 || SPI_processed != 1)
		elog(ERROR, "no row was inserted");
	tuple = SPI_tuptable->vals[0];
	row->tableoid = DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc,
												   1, &isnull));
	row->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, SPI_tuptable->tupdesc,
															2, &isnull));
	if (insertion->is_probed)
	{
		char	   *tenant = SPI_getvalue(tuple, SPI_tuptable->tupdesc, 3);
		MemoryContext spi = MemoryContextSwitchTo(GetMemoryChunkContext(row));

		row->tenant = tenant != NULL ? pstrdup(tenant) : NULL;
		MemoryContextSwitchTo(spi);
	}
	SPI_freetuptable(SPI_tuptable);
}

ErrorData *
tg_probe_insert(const Probe *probe, TableShape *shape, const char **values,
				ProbeRow *row)
{
	Insertion	insertion = {
		.shape = shape,
		.sql = tg_probe_insert_sql(shape, values, InvalidOid),
		.is_probed = shape == probe->shape,
		.row = row
	};

	row->sql = insertion.sql;
	row->values = values;
	return tg_attempt_as_owner(shape->facts->owner, true, insert_row, &insertion);
}

/*
 * What is wrong
 */

/* In the order in which PostgreSQL finds it. */
typedef enum Fault
{
	FAULT_VALUE,				/* the type does not accept it */
	FAULT_DOMAIN,
	FAULT_PARTITION,			/* there is none for it */
	FAULT_NULL,
	FAULT_CHECK,
	FAULT_BOUND,				/* it does not belong into this partition */
	FAULT_OTHER
} Fault;

static Oid
relation_of(const ErrorData *error)
{
	if (error->table_name == NULL || error->schema_name == NULL)
		return InvalidOid;
	return get_relname_relid(error->table_name,
							 get_namespace_oid(error->schema_name, true));
}

static Fault
fault_of(const ErrorData *error)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION)
		return FAULT_VALUE;
	if (error->sqlerrcode == ERRCODE_NOT_NULL_VIOLATION)
		return error->datatype_name != NULL ? FAULT_DOMAIN : FAULT_NULL;
	if (error->sqlerrcode == ERRCODE_CHECK_VIOLATION)
		return error->datatype_name != NULL ? FAULT_DOMAIN :
			error->constraint_name != NULL ? FAULT_CHECK :
			get_rel_relkind(relation_of(error)) == RELKIND_PARTITIONED_TABLE ?
			FAULT_PARTITION : FAULT_BOUND;
	return FAULT_OTHER;
}

static bool
same_string(const char *one, const char *other)
{
	return one == NULL ? other == NULL :
		other != NULL && strcmp(one, other) == 0;
}

static bool
is_progress(const ErrorData *error, const ErrorData *before)
{
	Fault		fault;

	if (error == NULL)
		return true;
	fault = fault_of(error);
	if (fault != fault_of(before))
		return fault > fault_of(before);
	switch (fault)
	{
		case FAULT_DOMAIN:
			return !same_string(error->datatype_name, before->datatype_name);
		case FAULT_PARTITION:
			return !same_string(error->table_name, before->table_name);
		case FAULT_NULL:
			return !same_string(error->column_name, before->column_name);
		case FAULT_CHECK:
			/* in alphabetical order */
			return strcmp(error->constraint_name, before->constraint_name) > 0;
		default:
			return false;
	}
}

static char *
definition_of(Oid constraint)
{
	return TextDatumGetCString(DirectFunctionCall1(pg_get_constraintdef,
												   ObjectIdGetDatum(constraint)));
}

/* The literals in the functions that an expression calls. */
static bool
find_literals(Node *node, void *context)
{
	List	  **literals = context;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) &&
		((FuncExpr *) node)->funcid >= FirstNormalObjectId)
	{
		HeapTuple	tuple = SearchSysCache1(PROCOID,
											ObjectIdGetDatum(((FuncExpr *) node)->funcid));
		bool		isnull = true;
		Datum		source = HeapTupleIsValid(tuple) ?
			SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull) :
			(Datum) 0;

		if (!isnull)
			*literals = list_concat(*literals,
									tg_probe_literals_in(TextDatumGetCString(source)));
		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
	}
	return expression_tree_walker(node, find_literals, context);
}

static Bitmapset *
columns_of_constraint(Oid constraint, List **literals)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID,
										ObjectIdGetDatum(constraint));
	Bitmapset  *result = NULL;
	bool		isnull;
	Datum		datum;

	*literals = tg_probe_literals_in(definition_of(constraint));
	datum = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conbin,
							&isnull);
	if (!isnull)
		(void) find_literals(stringToNode(TextDatumGetCString(datum)), literals);
	datum = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conkey,
							&isnull);
	if (!isnull)
	{
		ArrayType  *array = DatumGetArrayTypeP(datum);
		AttrNumber *numbers = (AttrNumber *) ARR_DATA_PTR(array);

		for (int i = 0; i < ARR_DIMS(array)[0]; i++)
			result = bms_add_member(result, numbers[i]);
	}
	ReleaseSysCache(tuple);
	return result;
}

/* The columns of a domain, and the literals of the constraint. */
static Bitmapset *
columns_of_domain(const TableShape *shape, const ErrorData *error,
				  List **literals)
{
	Oid			schema = get_namespace_oid(error->schema_name, true);
	Oid			domain = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
										 PointerGetDatum(error->datatype_name),
										 ObjectIdGetDatum(schema));
	Oid			constraint = !OidIsValid(domain) ||
		error->constraint_name == NULL ? InvalidOid :
		get_domain_constraint_oid(domain, error->constraint_name, true);
	Bitmapset  *result = NULL;

	if (OidIsValid(constraint))
		(void) columns_of_constraint(constraint, literals);
	for (int i = 0; i < shape->natts; i++)
	{
		if (!shape->columns[i].skipped &&
			get_typtype(shape->columns[i].type) == TYPTYPE_DOMAIN)
			result = bms_add_member(result, i + 1);
	}
	return result;
}

/* The columns of the key of a partitioned table, as numbers in the shape. */
static Bitmapset *
columns_of_key(const TableShape *shape, Oid partitioned)
{
	Relation	rel = table_open(partitioned, AccessShareLock);
	PartitionKey key = RelationGetPartitionKey(rel);
	Bitmapset  *numbers = NULL;
	Bitmapset  *result = NULL;
	int			number = -1;

	for (int i = 0; key != NULL && i < key->partnatts; i++)
	{
		if (key->partattrs[i] != 0)
			numbers = bms_add_member(numbers, key->partattrs[i]);
	}
	if (key != NULL)
	{
		List	   *vars = pull_var_clause((Node *) key->partexprs, 0);
		ListCell   *lc;

		foreach(lc, vars)
			numbers = bms_add_member(numbers, ((Var *) lfirst(lc))->varattno);
	}
	while ((number = bms_next_member(numbers, number)) >= 0)
	{
		AttrNumber	attnum = get_attnum(shape->facts->relid,
										get_attname(partitioned, number, false));

		if (attnum > 0)
			result = bms_add_member(result, attnum);
	}
	table_close(rel, NoLock);
	return result;
}

/* The literals in the bounds of a partition, and of those that it is within. */
static List *
bound_literals(Oid partition)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		bound;

	/* returns NULL for what is no partition */
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(partition);
	fcinfo->args[0].isnull = false;
	bound = pg_get_partition_constraintdef(fcinfo);
	return fcinfo->isnull ? NIL :
		tg_probe_literals_in(TextDatumGetCString(bound));
}

/* The bounds of some partitions of a table. */
static List *
partition_literals(Oid partitioned)
{
	List	   *relids = find_inheritance_children(partitioned, NoLock);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (foreach_current_index(lc) > 8)
			break;
		result = list_concat(result, bound_literals(lfirst_oid(lc)));
	}
	return result;
}

/* What an error is about: columns, and the literals that may help. */
Bitmapset *
tg_probe_suspects(const TableShape *shape, const ErrorData *error,
				  List **literals)
{
	Oid			relid = relation_of(error);
	Bitmapset  *result = NULL;
	Oid			constraint;
	ListCell   *lc;

	switch (fault_of(error))
	{
		case FAULT_NULL:
			return error->column_name == NULL ? NULL :
				bms_make_singleton(get_attnum(shape->facts->relid,
											  error->column_name));
		case FAULT_DOMAIN:
			return columns_of_domain(shape, error, literals);
		case FAULT_CHECK:
			constraint = OidIsValid(relid) ?
				get_relation_constraint_oid(relid, error->constraint_name, true) :
				InvalidOid;
			if (OidIsValid(constraint))
				return columns_of_constraint(constraint, literals);
			break;
		case FAULT_PARTITION:
			*literals = partition_literals(relid);
			return columns_of_key(shape, relid);
		case FAULT_BOUND:
			if (!get_rel_relispartition(relid))
				break;
			*literals = bound_literals(relid);
			foreach(lc, get_partition_ancestors(relid))
				result = bms_join(result, columns_of_key(shape, lfirst_oid(lc)));
			return result;
		default:
			break;
	}
	for (int i = 0; i < shape->natts; i++)
	{
		if (!shape->columns[i].skipped && !shape->columns[i].identity &&
			!shape->columns[i].left_out)
			result = bms_add_member(result, i + 1);
	}
	return result;
}

/*
 * Partitions
 */

typedef struct PartitionTask
{
	Oid			parent;
	const char *sql;
	bool		made;
} PartitionTask;

/*
 * One that takes what no other one takes; of a table partitioned by hash only if
 * it has none.
 */
static char *
partition_sql(Oid parent)
{
	Relation	rel = table_open(parent, AccessShareLock);
	bool		by_hash = RelationGetPartitionKey(rel)->strategy ==
		PARTITION_STRATEGY_HASH;
	char	   *schema = get_namespace_name(RelationGetNamespace(rel));
	char	   *sql = psprintf("CREATE TABLE %s PARTITION OF %s %s",
							   quote_qualified_identifier(schema,
														  psprintf("trovella_guard_probe_%u", parent)),
							   quote_qualified_identifier(schema,
														  RelationGetRelationName(rel)),
							   by_hash ?
							   "FOR VALUES WITH (MODULUS 1, REMAINDER 0)" : "DEFAULT");

	table_close(rel, AccessShareLock);
	return sql;
}

static void
make_partition(void *arg)
{
	PartitionTask *task = arg;

	/* what event triggers do may be more than a rollback undoes */
	if (SPI_execute("SELECT FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) e.evtfoid"
					" WHERE e.evtenabled IN ('A', 'R') AND p.pronamespace::pg_catalog.regnamespace::pg_catalog.text"
					" OPERATOR(pg_catalog.<>) 'trovella_guard_internal'", true,
					1) != SPI_OK_SELECT || SPI_processed > 0)
		return;
	task->made = SPI_execute(task->sql, false, 0) == SPI_OK_UTILITY;
}

/* For a row that no partition takes: the error says of which table. */
static bool
add_partition(Probe *probe, const TableShape *shape, const ErrorData *error)
{
	PartitionTask task = {.parent = relation_of(error)};

	task.sql = partition_sql(task.parent);
	if (tg_attempt_as_owner(shape->facts->owner, true, make_partition,
							&task) != NULL || !task.made)
		return false;
	probe->partitions = lappend(probe->partitions,
								unconstify(char *, task.sql));
	return true;
}

/*
 * Repairs
 */

/*
 * A default may need what only the application has.  Returns false if there was
 * none left to replace.
 */
static bool
replace_defaults(Probe *probe, TableShape *shape, const char **values)
{
	bool		replaced = false;

	for (int i = 0; i < shape->natts; i++)
	{
		ShapeColumn *column = &shape->columns[i];

		if (column->skipped || !column->not_null || !column->left_out)
			continue;
		column->left_out = false;
		if (values[i] == tg_left_out)
		{
			values[i] = tg_probe_fill(probe, column);
			replaced = true;
		}
	}
	return replaced;
}

/* A value for each column that was left out. */
static bool
fill_all(Probe *probe, TableShape *shape, const char **values)
{
	bool		filled = false;

	for (int i = 0; i < shape->natts; i++)
	{
		ShapeColumn *column = &shape->columns[i];

		if (column->skipped || !column->left_out)
			continue;
		column->left_out = false;
		if (values[i] != tg_left_out && values[i] != NULL)
			continue;
		values[i] = tg_probe_fill(probe, column);
		filled = true;
	}
	return filled;
}

typedef struct Repair
{
	Probe	   *probe;
	TableShape *shape;
	const char **values;
	ProbeRow   *row;
	int			tries;			/* left */
	ErrorData  *error;			/* what is wrong, or NULL */
} Repair;

static void
try_again(Repair *repair)
{
	repair->error = tg_probe_insert(repair->probe, repair->shape,
									repair->values, repair->row);
}

/* Is there a value of this column with which the row gets further? */
static bool
repair_column(Repair *repair, int number, const List *literals)
{
	ShapeColumn *column = &repair->shape->columns[number];
	ErrorData  *before = repair->error;
	const char *kept = repair->values[number];
	int			serial = ++repair->probe->serial;
	List	   *candidates;
	ListCell   *lc;

	if (column->skipped || column->is_tenant)
		return false;
	candidates = tg_values_for_constraint(column->type, column->typmod,
										  literals, serial);
	if (!column->not_null)
		candidates = lappend(candidates, NULL);
	foreach(lc, candidates)
	{
		if (repair->tries-- <= 0)
			break;
		repair->values[number] = lfirst(lc);
		try_again(repair);
		if (!is_progress(repair->error, before))
			continue;
		if (lfirst(lc) == NULL)
			return true;
		if (column->identity)
		{
			if (kept != NULL && kept != tg_left_out)
				repair->probe->renamed =
					lappend(repair->probe->renamed,
							list_make2(unconstify(char *, kept), lfirst(lc)));
			return true;
		}
		if (column->vary == NIL)
			column->fill = lfirst(lc);
		column->fill_literals = list_copy(literals);
		column->fill_index = foreach_current_index(lc);
		return true;
	}
	repair->values[number] = kept;
	repair->error = before;
	return false;
}

/* One step: the error goes away, or a later one comes. */
static bool
repair_once(Repair *repair)
{
	ErrorData  *before = repair->error;
	Fault		fault = fault_of(before);
	List	   *literals = NIL;
	Bitmapset  *columns;
	int			attnum = -1;

	if (before->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
	{
		tg_probe_renew_unique(repair->probe, repair->shape, repair->values);
		try_again(repair);
		return repair->error == NULL ||
			repair->error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION;
	}
	if (fault != FAULT_OTHER)
	{
		columns = tg_probe_suspects(repair->shape, before, &literals);
		while ((attnum = bms_next_member(columns, attnum)) >= 0)
		{
			if (attnum > 0 && attnum <= repair->shape->natts &&
				repair_column(repair, attnum - 1, literals))
				return true;
		}
	}
	if (fault == FAULT_PARTITION)
	{
		if (!add_partition(repair->probe, repair->shape, before))
			return false;
		try_again(repair);
		return is_progress(repair->error, before);
	}
	if (fault != FAULT_VALUE && fault != FAULT_OTHER)
		return false;
	if (!replace_defaults(repair->probe, repair->shape, repair->values))
		return false;
	try_again(repair);
	return true;
}

ErrorData *
tg_probe_insert_repaired(Probe *probe, TableShape *shape, const char **values,
						 ProbeRow *row)
{
	Repair		repair = {probe, shape, values, row, MAX_REPAIRS, NULL};

	try_again(&repair);
	for (int round = 0; repair.error != NULL && round < MAX_ROUNDS; round++)
	{
		if (!repair_once(&repair))
			break;
	}
	if (repair.error == NULL || fault_of(repair.error) != FAULT_CHECK ||
		!fill_all(probe, shape, values))
		return repair.error;

	/* A constraint may want one column because of another one. */
	repair.tries = MAX_REPAIRS;
	try_again(&repair);
	for (int round = 0; repair.error != NULL && round < MAX_ROUNDS; round++)
	{
		if (!repair_once(&repair))
			break;
	}
	return repair.error;
}
