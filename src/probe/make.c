/*-------------------------------------------------------------------------
 *
 * make.c
 *		Makes rows of two tenants: in the table that is probed, and in those
 *		that its policies read.
 *
 * A natural row of a tenant has values of that tenant wherever a policy compares
 * something with the session or with another table: the tenant's user, the
 * tenant's project.  The rows that are there differ from it in what a policy looks
 * at besides: flags, states, dates.  The rows that a session tries to write may
 * also name its own user and project in a row of another tenant, because whoever
 * writes a row chooses.
 *
 * The owner of each table inserts, with triggers and foreign keys disabled
 * (session_replication_role = replica).  What a CHECK constraint, a domain or a
 * partition bound demands is found out by trying.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "probe/attempt.h"
#include "probe/probe.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define MAX_VARIANTS 32			/* of the rows of one tenant */
#define MAX_WORLD_VARIANTS 8
#define MAX_REPAIRS 120			/* tries to satisfy constraints */
#define MAX_EXISTING 20
#define MAX_COPIED 8192			/* bytes of a value */

const char	tg_left_out[] = "";

/*
 * Shapes
 */

static bool
calls_nextval(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, NextValueExpr) ||
		(IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_NEXTVAL))
		return true;
	return expression_tree_walker(node, calls_nextval, context);
}

static List *
literals_of_parts(const ShapeColumn *column)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, column->parts)
	{
		Term	   *term = lfirst(lc);
		ListCell   *lc2;

		foreach(lc2, term->literals)
		{
			JsonPart	part = {term->path, lfirst(lc2), term->is_list};

			result = lappend(result, tg_probe_json(list_make1(&part)));
		}
	}
	return result;
}

static TableShape *
shape_of(const Probe *probe, const RelationFacts *facts)
{
	TableShape *shape = palloc0(sizeof(TableShape));
	Relation	rel = table_open(facts->relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	ListCell   *lc;

	shape->facts = facts;
	shape->name = quote_qualified_identifier(facts->schema, facts->name);
	shape->natts = desc->natts;
	shape->columns = palloc0(desc->natts * sizeof(ShapeColumn));
	foreach(lc, facts->indexes)
	{
		const IndexFacts *index = lfirst(lc);

		for (int i = 0; index->unique && i < index->nkeys; i++)
		{
			if (index->keys[i] > 0)
				shape->columns[index->keys[i] - 1].unique = true;
		}
	}
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		ShapeColumn *column = &shape->columns[i];
		Node	   *expression;
		bool		counts;

		column->skipped = attribute->attisdropped ||
			attribute->attgenerated != '\0';
		if (column->skipped)
			continue;
		column->name = pstrdup(NameStr(attribute->attname));
		column->type = attribute->atttypid;
		column->typmod = attribute->atttypmod;
		column->not_null = attribute->attnotnull;
		column->term = tg_probe_column(probe->clues, facts->relid, i + 1);
		column->parts = tg_probe_parts_of_column(probe->clues, facts->relid,
												 i + 1);
		column->identity = column->term != NULL &&
			tg_probe_is_identity(probe->clues, column->term);
		column->is_tenant = column->identity &&
			tg_probe_is_tenant(probe->clues, column->term);
		expression = attribute->atthasdef ?
			build_column_default(rel, i + 1) : NULL;
		counts = attribute->attidentity != '\0' ||
			calls_nextval(expression, NULL);
		/* a sequence would advance, and the role may not be allowed to use it */
		column->left_out = !counts && (!column->not_null || expression != NULL);
		if (column->parts != NIL)
			column->vary = literals_of_parts(column);
		else if (column->term != NULL && (column->unique ||
										  (column->identity && !column->is_tenant)))
			column->vary = tg_elements_of(column->term->literals);
		else if (column->term != NULL)
			column->vary = tg_values_to_vary(column->type, column->typmod,
											 column->term->literals);
		if (column->is_tenant)
			column->vary = NIL;
	}
	table_close(rel, NoLock);
	return shape;
}

/*
 * Values
 */

/* What a term stands for, of this tenant; NULL if its type has no values. */
const char *
tg_probe_term_value(const Probe *probe, Term *term, int tenant)
{
	Term	   *set = tg_probe_set(term);
	Oid			type = InvalidOid;
	int32		typmod = -1;
	ListCell   *lc;

	if (tg_probe_is_tenant(probe->clues, term))
		return probe->tenants[tenant];
	foreach(lc, probe->clues->terms)
	{
		Term	   *other = lfirst(lc);

		if (tg_probe_set(other) != set || !OidIsValid(other->type) ||
			other->path != NIL)
			continue;
		if (other->kind == TERM_COLUMN)
		{
			int32		of_column;
			Oid			collation;
			Oid			of_type;

			get_atttypetypmodcoll(other->relid, other->attnum, &of_type,
								  &of_column, &collation);
			/* uuid is stricter than text, a short string than a long one */
			if (!OidIsValid(type) || of_type != TEXTOID)
			{
				type = getBaseType(of_type);
				typmod = of_column;
			}
			if (OidIsValid(get_element_type(type)))
				type = get_element_type(type);
		}
		else if (other->kind == TERM_SETTING && !OidIsValid(type))
			type = other->type;
	}
	if (!OidIsValid(type) || type == JSONOID || type == JSONBOID)
		type = TEXTOID;
	return tg_value_for(type, typmod, set->number + 1, tenant, probe->style);
}

/* The same for a column, which may be an array of such values. */
static const char *
identity_value(const Probe *probe, const ShapeColumn *column, int tenant,
			   const char *tenant_value)
{
	const char *value = column->is_tenant ? tenant_value :
		tg_probe_term_value(probe, column->term, tenant);

	if (value != NULL && value[0] != '{' &&
		OidIsValid(get_element_type(getBaseType(column->type))))
		return psprintf("{\"%s\"}", value);
	return value;
}

static const char *
json_value(const Probe *probe, const ShapeColumn *column, int tenant)
{
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, column->parts)
	{
		Term	   *term = lfirst(lc);
		JsonPart   *part = palloc0(sizeof(JsonPart));

		part->path = term->path;
		part->is_list = term->is_list;
		if (tg_probe_is_identity(probe->clues, term))
			part->value = tg_probe_term_value(probe, term, tenant);
		else if (term->literals != NIL)
			part->value = linitial(term->literals);
		else
			continue;
		parts = lappend(parts, part);
	}
	return parts != NIL ? tg_probe_json(parts) : "{}";
}

static const char *
fill_value(Probe *probe, ShapeColumn *column)
{
	List	   *values;

	if (column->fill != NULL && !column->unique)
		return column->fill;
	if (column->left_out && !column->unique)
		return tg_left_out;
	if (column->left_out && column->unique && column->fill == NULL)
		return tg_left_out;
	values = tg_values_to_fill(column->type, column->typmod, ++probe->serial);
	return values != NIL ? linitial(values) : tg_left_out;
}

/* A natural row.  "tenant" is the number of what it has besides the tenant. */
static const char **
natural_row(Probe *probe, TableShape *shape, int tenant,
			const char *tenant_value)
{
	const char **values = palloc(shape->natts * sizeof(char *));

	for (int i = 0; i < shape->natts; i++)
	{
		ShapeColumn *column = &shape->columns[i];

		if (column->skipped)
			values[i] = tg_left_out;
		else if (column->identity)
			values[i] = identity_value(probe, column, tenant, tenant_value);
		else if (column->parts != NIL)
			values[i] = json_value(probe, column, tenant);
		else if (column->vary != NIL && !column->unique)
			values[i] = linitial(column->vary);
		else
			values[i] = fill_value(probe, column);
	}
	return values;
}

static const char **
changed_row(const TableShape *shape, const char **values, int column,
			const char *value)
{
	const char **copy = palloc(shape->natts * sizeof(char *));

	memcpy(copy, values, shape->natts * sizeof(char *));
	copy[column] = value;
	return copy;
}

/* Fresh values where rows must differ. */
static void
renew_unique(Probe *probe, TableShape *shape, const char **values)
{
	for (int i = 0; i < shape->natts; i++)
	{
		ShapeColumn *column = &shape->columns[i];

		if (column->unique && !column->skipped && !column->identity &&
			values[i] != NULL && values[i] != tg_left_out &&
			!list_member_ptr(column->vary, values[i]))
			values[i] = fill_value(probe, column);
	}
}

/*
 * A row and its variants: each column that a policy looks at takes each of its
 * values, together with each value of the others while there is room, else one or
 * two columns at a time.
 */
static List *
variants_of(Probe *probe, TableShape *shape, const char **natural, int limit)
{
	List	   *result = list_make1(natural);

	for (int i = 0; i < shape->natts; i++)
	{
		ShapeColumn *column = &shape->columns[i];
		int			before = list_length(result);
		List	   *alternatives = list_copy(column->vary);
		ListCell   *lc;

		if (column->skipped)
			continue;
		if (!column->not_null && (column->term != NULL || column->parts != NIL) &&
			!column->is_tenant)
			alternatives = lappend(alternatives, NULL);
		foreach(lc, alternatives)
		{
			const char *value = lfirst(lc);

			if (value == natural[i])
				continue;
			for (int j = 0; j < before && list_length(result) < limit; j++)
			{
				/* when there are many, combine with the natural row only */
				if (j > 0 && before * list_length(alternatives) > limit)
					break;
				result = lappend(result,
								 changed_row(shape, list_nth(result, j), i,
											 value));
			}
		}
	}
	for (int i = 1; i < list_length(result); i++)
		renew_unique(probe, shape, list_nth(result, i));
	return result;
}

/*
 * SQL
 */

/* Without the columns in which the role may not insert. */
char *
tg_probe_insert_sql(const TableShape *shape, const char **values, Oid role)
{
	StringInfoData columns;
	StringInfoData list;
	Oid			relid = shape->facts->relid;
	bool		all = !OidIsValid(role) ||
		pg_class_aclcheck(relid, role, ACL_INSERT) == ACLCHECK_OK;

	initStringInfo(&columns);
	initStringInfo(&list);
	for (int i = 0; i < shape->natts; i++)
	{
		const char *separator = columns.len > 0 ? ", " : "";

		if (values[i] == tg_left_out)
			continue;
		if (!all && pg_attribute_aclcheck(relid, i + 1, role,
										  ACL_INSERT) != ACLCHECK_OK)
			continue;
		appendStringInfo(&columns, "%s%s", separator,
						 quote_identifier(shape->columns[i].name));
		appendStringInfo(&list, "%s%s", separator,
						 values[i] == NULL ? "NULL" :
						 quote_literal_cstr(values[i]));
	}
	if (columns.len == 0)
		return psprintf("INSERT INTO %s DEFAULT VALUES", shape->name);
	return psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)",
					shape->name, columns.data, list.data);
}

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

static ErrorData *
try_insert(const Probe *probe, TableShape *shape, const char **values,
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

/* The bounds of a partition, or of some partitions of a table. */
static List *
partition_literals(const RelationFacts *facts)
{
	List	   *relids = facts->kind == RELKIND_PARTITIONED_TABLE ?
		find_all_inheritors(facts->relid, NoLock, NULL) :
		list_make1_oid(facts->relid);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, relids)
	{
		LOCAL_FCINFO(fcinfo, 1);
		Datum		bound;

		if (foreach_current_index(lc) > 8)
			break;
		/* returns NULL for what is no partition */
		InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
		fcinfo->args[0].value = ObjectIdGetDatum(lfirst_oid(lc));
		fcinfo->args[0].isnull = false;
		bound = pg_get_partition_constraintdef(fcinfo);
		if (!fcinfo->isnull)
			result = list_concat(result,
								 tg_probe_literals_in(TextDatumGetCString(bound)));
	}
	return result;
}

/* What a failed constraint is about: its columns, and the literals in it. */
static Bitmapset *
suspects(const TableShape *shape, const ErrorData *error, List **literals)
{
	Oid			relid = shape->facts->relid;
	Bitmapset  *result = NULL;
	Oid			constraint = InvalidOid;
	HeapTuple	tuple;

	if (error->column_name != NULL)
		return bms_make_singleton(get_attnum(relid, error->column_name));
	if (error->constraint_name != NULL && error->datatype_name == NULL &&
		error->table_name != NULL)
	{
		Oid			schema = get_namespace_oid(error->schema_name, true);

		constraint = get_relation_constraint_oid(get_relname_relid(error->table_name, schema),
												 error->constraint_name, true);
	}
	if (OidIsValid(constraint))
	{
		bool		isnull;
		Datum		keys;

		*literals = tg_probe_literals_in(TextDatumGetCString(
															 DirectFunctionCall1(pg_get_constraintdef,
																				 ObjectIdGetDatum(constraint))));
		tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
		keys = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conkey,
							   &isnull);
		if (!isnull)
		{
			ArrayType  *array = DatumGetArrayTypeP(keys);
			AttrNumber *numbers = (AttrNumber *) ARR_DATA_PTR(array);

			for (int i = 0; i < ARR_DIMS(array)[0]; i++)
				result = bms_add_member(result, numbers[i]);
		}
		ReleaseSysCache(tuple);
		return result;
	}
	if (error->datatype_name != NULL)
	{
		for (int i = 0; i < shape->natts; i++)
		{
			if (!shape->columns[i].skipped &&
				get_typtype(shape->columns[i].type) == TYPTYPE_DOMAIN)
				result = bms_add_member(result, i + 1);
		}
		return result;
	}
	/* no partition: whatever is not the tenant, if that is no key */
	if (error->sqlerrcode == ERRCODE_CHECK_VIOLATION)
		*literals = partition_literals(shape->facts);
	for (int i = 0; i < shape->natts; i++)
	{
		if (!shape->columns[i].skipped && !shape->columns[i].identity &&
			!shape->columns[i].left_out)
			result = bms_add_member(result, i + 1);
	}
	return result;
}

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
			values[i] = fill_value(probe, column);
			replaced = true;
		}
	}
	return replaced;
}

/*
 * Inserts a row, and changes what its constraints complain about until they are
 * satisfied.  Returns NULL, or what is still wrong.
 */
static ErrorData *
insert_repaired(Probe *probe, TableShape *shape, const char **values,
				ProbeRow *row)
{
	ErrorData  *error = try_insert(probe, shape, values, row);
	int			tries = MAX_REPAIRS;

	for (int round = 0; error != NULL && round < 8; round++)
	{
		ErrorData  *before = error;
		List	   *literals = NIL;
		Bitmapset  *columns;
		int			attnum = -1;
		bool		better = false;

		if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		{
			renew_unique(probe, shape, values);
			error = try_insert(probe, shape, values, row);
			if (error != NULL && error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
				return error;
			continue;
		}
		if (error->sqlerrcode != ERRCODE_CHECK_VIOLATION &&
			error->sqlerrcode != ERRCODE_NOT_NULL_VIOLATION &&
			ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		{
			if (!replace_defaults(probe, shape, values))
				return error;
			error = try_insert(probe, shape, values, row);
			continue;
		}
		columns = suspects(shape, error, &literals);
		while (!better && (attnum = bms_next_member(columns, attnum)) >= 0)
		{
			ShapeColumn *column;
			List	   *candidates;
			ListCell   *lc;
			const char *kept;

			if (attnum < 1 || attnum > shape->natts)
				continue;
			column = &shape->columns[attnum - 1];
			if (column->skipped || column->is_tenant)
				continue;
			kept = values[attnum - 1];
			candidates = list_concat(tg_values_to_vary(column->type,
													   column->typmod,
													   literals),
									 tg_values_to_fill(column->type,
													   column->typmod,
													   ++probe->serial));
			if (!column->not_null)
				candidates = lcons(NULL, candidates);
			foreach(lc, candidates)
			{
				if (tries-- <= 0)
					return error;
				values[attnum - 1] = lfirst(lc);
				error = try_insert(probe, shape, values, row);
				if (error == NULL ||
					error->sqlerrcode != before->sqlerrcode ||
					(error->constraint_name != NULL &&
					 before->constraint_name != NULL &&
					 strcmp(error->constraint_name,
							before->constraint_name) != 0))
				{
					better = error == NULL ||
						error->sqlerrcode != ERRCODE_INVALID_TEXT_REPRESENTATION;
					if (better)
						break;
				}
			}
			if (better)
			{
				if (!column->identity && column->vary == NIL && lfirst(lc) != NULL)
					column->fill = lfirst(lc);
			}
			else
				values[attnum - 1] = kept;
		}
		if (!better)
			return error != NULL ? error : before;
	}
	return error;
}

/*
 * Existing rows
 */

typedef struct Sample
{
	Probe	   *probe;
	MemoryContext context;
} Sample;

/* A few rows as they are; the first one is a model for others. */
static void
take_sample(void *arg)
{
	Sample	   *sample = arg;
	Probe	   *probe = sample->probe;
	TableShape *shape = probe->shape;
	StringInfoData sql;
	MemoryContext spi;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT tableoid, ctid, %s::pg_catalog.text",
					 quote_identifier(probe->facts->tenant->name));
	for (int i = 0; i < shape->natts; i++)
	{
		const char *column = shape->columns[i].skipped ? "NULL" :
			quote_identifier(shape->columns[i].name);

		/* a document would be copied into each row that is made */
		appendStringInfo(&sql, ", CASE WHEN pg_catalog.pg_column_size(%s) OPERATOR(pg_catalog.<=) %d THEN %s::pg_catalog.text END",
						 column, MAX_COPIED, column);
	}
	appendStringInfo(&sql, " FROM %s LIMIT %d", shape->name, MAX_EXISTING);
	if (SPI_execute(sql.data, true, 0) != SPI_OK_SELECT)
		return;
	spi = MemoryContextSwitchTo(sample->context);
	for (uint64 n = 0; n < SPI_processed; n++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[n];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		ProbeRow   *row = palloc0(sizeof(ProbeRow));
		bool		isnull;

		row->tableoid = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &isnull));
		row->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 2, &isnull));
		row->tenant = SPI_getvalue(tuple, desc, 3);
		if (row->tenant != NULL && !tg_value_means_nobody(row->tenant))
		{
			if (probe->tenants[TENANT_A] == NULL)
				probe->tenants[TENANT_A] = row->tenant;
			else if (probe->tenants[TENANT_B] == NULL &&
					 strcmp(probe->tenants[TENANT_A], row->tenant) != 0)
				probe->tenants[TENANT_B] = row->tenant;
		}
		for (int i = 0; n == 0 && i < shape->natts; i++)
		{
			ShapeColumn *column = &shape->columns[i];

			if (!column->skipped && !column->identity && !column->unique)
				column->fill = SPI_getvalue(tuple, desc, i + 4);
		}
		probe->rows = lappend(probe->rows, row);
	}
	MemoryContextSwitchTo(spi);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The world
 */

static void
make_world_rows(Probe *probe, Oid relid)
{
	const RelationFacts *facts = tg_facts_read(probe->reader, relid);
	TableShape *shape;

	if (facts == NULL || !tg_is_table(facts))
		return;
	shape = shape_of(probe, facts);
	if (!tg_probe_may_become(probe, facts->owner))
	{
		probe->problem = psprintf("needs rows in %s, whose owner you cannot become",
								  shape->name);
		return;
	}
	for (int tenant = TENANT_A; tenant <= TENANT_B; tenant++)
	{
		const char **natural = natural_row(probe, shape, tenant,
										   probe->tenants[tenant]);
		List	   *variants = variants_of(probe, shape, natural,
										   MAX_WORLD_VARIANTS);
		ErrorData  *error = NULL;
		bool		made = false;
		ListCell   *lc;

		foreach(lc, variants)
		{
			ProbeRow   *row = palloc0(sizeof(ProbeRow));

			error = insert_repaired(probe, shape, lfirst(lc), row);
			if (error == NULL)
			{
				made = true;
				probe->world = lappend(probe->world,
									   unconstify(char *, row->sql));
			}
			else if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
				made = true;
		}
		if (!made && probe->problem == NULL)
			probe->problem = psprintf("needs rows in %s: %s", shape->name,
									  error->message);
	}
}

static void
add_row(Probe *probe, const char **values, bool repair)
{
	ProbeRow   *row = palloc0(sizeof(ProbeRow));
	ErrorData  *error = repair ?
		insert_repaired(probe, probe->shape, values, row) :
		try_insert(probe, probe->shape, values, row);

	if (error == NULL)
		probe->rows = lappend(probe->rows, row);
}

static void
add_new_row(Probe *probe, const char *tenant, const char **values)
{
	NewRow	   *row = palloc(sizeof(NewRow));

	row->tenant = tenant;
	row->values = values;
	probe->foreign_values = lappend(probe->foreign_values, row);
}

/* With the user, the project and so on of another tenant. */
static const char **
row_naming(Probe *probe, const char **values, int tenant)
{
	const char **copy = changed_row(probe->shape, values, 0, values[0]);

	for (int i = 0; i < probe->shape->natts; i++)
	{
		ShapeColumn *column = &probe->shape->columns[i];

		if (column->skipped)
			continue;
		if (column->identity && !(i + 1 == probe->facts->tenant->attnum))
			copy[i] = identity_value(probe, column, tenant,
									 probe->tenants[tenant]);
		else if (column->parts != NIL)
			copy[i] = json_value(probe, column, tenant);
	}
	return copy;
}

static List *
numbered_tenants(const Probe *probe)
{
	List	   *result = list_make2(unconstify(char *, probe->tenants[TENANT_B]),
									unconstify(char *, probe->tenants[TENANT_UNKNOWN]));

	return list_concat(result, probe->others);
}

/* The rows of other tenants that a session may try to write. */
static void
choose_new_rows(Probe *probe)
{
	List	   *tenants = numbered_tenants(probe);
	ListCell   *lc;

	foreach(lc, tenants)
	{
		const char *tenant = lfirst(lc);
		const char **natural = natural_row(probe, probe->shape, TENANT_B +
										   foreach_current_index(lc), tenant);
		const char **hostile = row_naming(probe, natural, TENANT_A);
		bool		vary = foreach_current_index(lc) < 2;
		ListCell   *lc2;

		foreach(lc2, variants_of(probe, probe->shape, hostile, vary ? 12 : 2))
			add_new_row(probe, tenant, lfirst(lc2));
		foreach(lc2, variants_of(probe, probe->shape, natural, vary ? 6 : 1))
			add_new_row(probe, tenant, lfirst(lc2));
	}
	foreach(lc, variants_of(probe, probe->shape,
							natural_row(probe, probe->shape, TENANT_A,
										probe->tenants[TENANT_A]), 12))
		add_new_row(probe, probe->tenants[TENANT_A], lfirst(lc));
}

/* The rows of the table: of A and B with variants, of others a few. */
static void
make_probed_rows(Probe *probe)
{
	List	   *tenants = lcons(unconstify(char *, probe->tenants[TENANT_A]),
								lcons(unconstify(char *, probe->tenants[TENANT_B]),
									  list_copy(probe->others)));
	int			tenant_at = probe->facts->tenant->attnum - 1;
	ListCell   *lc;

	foreach(lc, tenants)
	{
		const char *tenant = lfirst(lc);
		int			number = foreach_current_index(lc);
		bool		is_a = number == TENANT_A;
		bool		vary = number <= TENANT_B;

		/* whose projects and users are nobody else's */
		const char **natural = natural_row(probe, probe->shape,
										   vary ? number : number + 1, tenant);
		ListCell   *lc2;

		foreach(lc2, variants_of(probe, probe->shape, natural,
								 vary ? MAX_VARIANTS : 4))
			add_row(probe, lfirst(lc2),
					vary && foreach_current_index(lc2) == 0);

		/* shared with a partner: another column names tenant A */
		for (int i = 0; !is_a && i < probe->shape->natts; i++)
		{
			if (i != tenant_at && probe->shape->columns[i].is_tenant)
			{
				const char **shared = changed_row(probe->shape, natural, i,
												  identity_value(probe, &probe->shape->columns[i],
																 TENANT_A,
																 probe->tenants[TENANT_A]));

				renew_unique(probe, probe->shape, shared);
				add_row(probe, shared, false);
			}
		}
	}
}

/* Two tenants in each style, until the table accepts a row of the first. */
static bool
choose_tenants(Probe *probe)
{
	const ColumnFacts *tenant = probe->facts->tenant;
	int32		typmod = probe->shape->columns[tenant->attnum - 1].typmod;
	bool		existing = probe->tenants[TENANT_A] != NULL &&
		probe->tenants[TENANT_B] != NULL;
	ErrorData  *error = NULL;
	List	   *literals = NIL;

	for (int style = 0; style < VALUE_STYLES; style++)
	{
		ProbeRow   *row = palloc0(sizeof(ProbeRow));
		const char **values;
		List	   *of_constraint = NIL;

		probe->style = style;
		for (int i = 0; i < PROBE_TENANTS; i++)
		{
			if (i < TENANT_UNKNOWN ? existing : probe->given[i] != NULL)
				continue;
			probe->tenants[i] = tg_value_for(tenant->type, typmod, 0, i, style);
			if (probe->tenants[i] == NULL)
			{
				probe->problem = psprintf("needs two tenants: type %s has no values that can be made up",
										  format_type_be(tenant->type));
				return false;
			}
		}
		values = natural_row(probe, probe->shape, TENANT_A,
							 probe->tenants[TENANT_A]);
		error = insert_repaired(probe, probe->shape, values, row);
		if (error == NULL || existing)
		{
			if (error == NULL)
				probe->rows = lappend(probe->rows, row);
			return true;
		}
		(void) suspects(probe->shape, error, &of_constraint);
		literals = list_concat(literals, of_constraint);
	}
	/* the constraint may list them */
	if (list_length(literals) >= 2)
	{
		ProbeRow   *row = palloc0(sizeof(ProbeRow));

		probe->style = STYLE_WORD;
		probe->tenants[TENANT_A] = linitial(literals);
		probe->tenants[TENANT_B] = lsecond(literals);
		if (insert_repaired(probe, probe->shape,
							natural_row(probe, probe->shape, TENANT_A,
										probe->tenants[TENANT_A]), row) == NULL)
		{
			probe->rows = lappend(probe->rows, row);
			return true;
		}
	}
	probe->problem = psprintf("needs a row that the table accepts: %s",
							  error->message);
	return false;
}

static List *
add_tenant(const Probe *probe, List *others, const char *tenant)
{
	ListCell   *lc;

	if (tenant != NULL &&
		(tg_value_means_nobody(tenant) ||
		 strcmp(tenant, probe->tenants[TENANT_A]) == 0 ||
		 strcmp(tenant, probe->tenants[TENANT_B]) == 0 ||
		 strcmp(tenant, probe->tenants[TENANT_UNKNOWN]) == 0))
		return others;
	foreach(lc, others)
	{
		const char *other = lfirst(lc);

		if (tenant == NULL ? other == NULL :
			other != NULL && strcmp(other, tenant) == 0)
			return others;
	}
	return lappend(others, unconstify(char *, tenant));
}

/*
 * More tenants that a policy may let through: nobody, literals in policies, what
 * other comparisons than equality take for the first tenant.
 */
static void
choose_others(Probe *probe)
{
	const ColumnFacts *tenant = probe->facts->tenant;
	int32		typmod = probe->shape->columns[tenant->attnum - 1].typmod;
	List	   *others = NIL;
	ListCell   *lc;
	int			literals = 0;

	if (!tenant->not_null)
		others = lappend(others, NULL);
	foreach(lc, probe->others)
		others = add_tenant(probe, others, lfirst(lc));
	foreach(lc, probe->clues->terms)
	{
		Term	   *term = lfirst(lc);

		ListCell   *lc2;

		if (term->kind != TERM_LITERAL || term->is_part || strcmp(term->name, "true") == 0 ||
			strcmp(term->name, "false") == 0)
			continue;
		foreach(lc2, OidIsValid(get_element_type(tenant->type)) ?
				list_make1(unconstify(char *, term->name)) :
				tg_elements_of(list_make1(unconstify(char *, term->name))))
		{
			if (literals++ < 10)
				others = add_tenant(probe, others, lfirst(lc2));
		}
	}
	foreach(lc, tg_values_similar_to(tenant->type, typmod,
									 probe->tenants[TENANT_A]))
		others = add_tenant(probe, others, lfirst(lc));
	probe->others = others;
}

/* Could the referenced table have a row with the key that a row has? */
bool
tg_probe_can_make_parent(Probe *probe, const ForeignKeyFacts *key,
						 const char **values)
{
	const RelationFacts *facts = tg_facts_read(probe->reader, key->referenced);
	TableShape *shape;
	const char **parent;
	ProbeRow   *row = palloc0(sizeof(ProbeRow));

	if (facts == NULL || !tg_probe_may_become(probe, facts->owner))
		return false;
	shape = shape_of(probe, facts);
	parent = natural_row(probe, shape, TENANT_B, probe->tenants[TENANT_B]);
	for (int i = 0; i < key->nkeys; i++)
		parent[key->referenced_keys[i] - 1] = values[key->keys[i] - 1];
	return try_insert(probe, shape, parent, row) == NULL;
}

void
tg_probe_make_rows(Probe *probe)
{
	Sample		sample = {probe, CurrentMemoryContext};

	probe->rows = NIL;
	probe->foreign_values = NIL;
	probe->world = NIL;
	probe->problem = NULL;
	probe->shape = shape_of(probe, probe->facts);
	for (int i = 0; i < PROBE_TENANTS; i++)
		probe->tenants[i] = probe->given[i];
	if (tg_attempt_as_owner(probe->facts->owner, false, take_sample,
							&sample) != NULL)
		probe->rows = NIL;
	if (!choose_tenants(probe))
		return;
	choose_others(probe);
	for (int i = 0; i < list_length(probe->clues->relations); i++)
		make_world_rows(probe, list_nth_oid(probe->clues->relations, i));
	make_probed_rows(probe);
	choose_new_rows(probe);
}
