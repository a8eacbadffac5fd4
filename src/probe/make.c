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
#define MAX_WORLD_VARIANTS 12
#define MAX_REPAIRS 120			/* tries to satisfy constraints */
#define MAX_EXISTING 20
#define MAX_USERS 6				/* of a tenant, besides the first */
#define FIRST_USER 40			/* their numbers; those of tenants are less */
#define MAX_TENANTS_THERE 4		/* besides A and B, to write new rows for */
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
			JsonPart	part = {term->path, lfirst(lc2), term->is_list,
			term->is_keys};

			result = lappend(result, tg_probe_json(list_make1(&part)));
		}
		if (term->type == BOOLOID)
		{
			JsonPart	part = {term->path, "true", term->is_list,
			term->is_keys};

			result = lappend(result, tg_probe_json(list_make1(&part)));
		}
	}
	return result;
}

/* First what most likely satisfies the policies. */
static List *
in_order(const Term *term, const ShapeColumn *column, List *values)
{
	List	   *wanted = NIL;
	List	   *rest = NIL;
	ListCell   *lc;

	foreach(lc, values)
	{
		char	   *value = lfirst(lc);
		bool		unwanted = false;
		ListCell   *lc2;

		foreach(lc2, term->unwanted)
			unwanted |= strcmp(lfirst(lc2), value) == 0;
		if (unwanted)
			rest = lappend(rest, value);
		else
			wanted = lappend(wanted, value);
	}
	values = list_concat(wanted, rest);
	if (term->lean != 0)
		values = tg_values_by_size(column->type, values, term->lean);
	if (term->wants_null && !column->not_null)
		values = lcons(NULL, values);
	return values;
}

/* The values that may matter to the policies. */
static List *
values_to_vary(const Clues *clues, const ShapeColumn *column)
{
	List	   *literals;

	if (column->parts != NIL)
		return literals_of_parts(column);
	if (column->term == NULL || column->is_tenant)
		return NIL;
	literals = tg_probe_literals(clues, column->term);
	if (column->identity ||
		(column->unique && !tg_type_is_number(column->type)))
		return tg_elements_of(literals);
	return in_order(column->term, column,
					tg_values_to_vary(column->type, column->typmod, literals));
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
		column->vary = values_to_vary(probe->clues, column);
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
	char	   *value;
	ListCell   *lc;

	if (tg_probe_is_tenant(probe->clues, term))
		return probe->tenants[tenant];
	foreach(lc, probe->clues->terms)
	{
		Term	   *other = lfirst(lc);

		if (tg_probe_set(other) != set)
			continue;
		if (other->kind == TERM_ROLE && tenant == TENANT_A)
			return GetUserNameFromId(probe->role, false);
		if (!OidIsValid(other->type) || tg_type_is_json(other->type) ||
			(other->kind == TERM_COLUMN && other->path != NIL))
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
	value = tg_value_for(type, typmod, set->number + 1, tenant, probe->style);
	foreach(lc, probe->renamed)
	{
		List	   *pair = lfirst(lc);

		if (value != NULL && strcmp(linitial(pair), value) == 0)
			value = lsecond(pair);
	}
	return value;
}

int
tg_probe_user(int tenant, int user)
{
	return user == 0 ? tenant : FIRST_USER + 2 * user + tenant;
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
	if (value != NULL && tg_type_is_json(column->type))
	{
		/* a list of them, or an object that has them as keys */
		JsonPart	part = {NIL, value, !column->term->is_keys,
		column->term->is_keys};

		return tg_probe_json(list_make1(&part));
	}
	return value;
}

static const char *
json_value(const Probe *probe, const ShapeColumn *column, int tenant,
		   const char *tenant_value)
{
	List	   *parts = NIL;
	ListCell   *lc;

	foreach(lc, column->parts)
	{
		Term	   *term = lfirst(lc);
		JsonPart   *part = palloc0(sizeof(JsonPart));

		part->path = term->path;
		part->is_list = term->is_list;
		part->is_keys = term->is_keys;
		if (tg_probe_is_tenant(probe->clues, term))
			part->value = tenant_value;
		else if (tg_probe_is_identity(probe->clues, term))
			part->value = tg_probe_term_value(probe, term, tenant);
		else if (term->literals != NIL)
			part->value = linitial(term->literals);
		else
			continue;
		parts = lappend(parts, part);
	}
	return parts != NIL ? tg_probe_json(parts) : "{}";
}

const char *
tg_probe_fill(Probe *probe, ShapeColumn *column)
{
	List	   *values;

	if (column->fill != NULL && !column->unique)
		return column->fill;
	if (column->left_out && !column->unique)
		return tg_left_out;
	if (column->left_out && column->unique && column->fill == NULL)
		return tg_left_out;
	values = tg_values_for_constraint(column->type, column->typmod,
									  column->fill_literals, ++probe->serial);
	/* what satisfied its constraints before */
	if (column->fill_index > 0 && column->fill_index < list_length(values))
		return list_nth(values, column->fill_index);
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
			values[i] = json_value(probe, column, tenant, tenant_value);
		else if (column->vary != NIL && !column->unique)
			values[i] = linitial(column->vary);
		else
			values[i] = tg_probe_fill(probe, column);
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
void
tg_probe_renew_unique(Probe *probe, TableShape *shape, const char **values)
{
	for (int i = 0; i < shape->natts; i++)
	{
		ShapeColumn *column = &shape->columns[i];

		if (column->unique && !column->skipped && !column->identity &&
			values[i] != NULL && values[i] != tg_left_out &&
			!list_member_ptr(column->vary, values[i]))
			values[i] = tg_probe_fill(probe, column);
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
		tg_probe_renew_unique(probe, shape, list_nth(result, i));
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

static ErrorData *
add_world_row(Probe *probe, TableShape *shape, const char **values)
{
	ProbeRow   *row = palloc0(sizeof(ProbeRow));
	ErrorData  *error = tg_probe_insert_repaired(probe, shape, values, row);

	if (error == NULL)
		probe->world = lappend(probe->world, unconstify(char *, row->sql));
	return error;
}

/* Has the table a column that tells users apart, or projects, or the like? */
static bool
has_identity(const TableShape *shape)
{
	for (int i = 0; i < shape->natts; i++)
	{
		if (!shape->columns[i].skipped && shape->columns[i].identity &&
			!shape->columns[i].is_tenant)
			return true;
	}
	return false;
}

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
			error = add_world_row(probe, shape, lfirst(lc));
			if (error == NULL ||
				error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
				made = true;
		}
		if (!made && probe->problem == NULL)
			probe->problem = psprintf("needs rows in %s: %s", shape->name,
									  error->message);
		if (has_identity(shape))
			probe->users = Max(probe->users, Min(list_length(variants) - 1,
												 MAX_USERS));
	}
}

/*
 * The first user of a tenant has all variants of the rows, as far as keys have
 * room for them; the other users have one each.  The first of these has nothing in
 * tables in which a policy wants to find nothing.
 */
static void
make_rows_of_users(Probe *probe)
{
	ListCell   *lc;

	if (probe->clues->absent != NIL)
		probe->users = Max(probe->users, 1);
	foreach(lc, probe->clues->relations)
	{
		const RelationFacts *facts;
		TableShape *shape;

		if (probe->users == 0)
			return;
		facts = tg_facts_read(probe->reader, lfirst_oid(lc));
		if (facts == NULL || !tg_is_table(facts) ||
			!tg_probe_may_become(probe, facts->owner))
			continue;
		shape = shape_of(probe, facts);
		if (!has_identity(shape))
			continue;
		for (int user = 1; user <= probe->users; user++)
		{
			if (user == 1 &&
				list_member_oid(probe->clues->absent, facts->relid))
				continue;
			for (int tenant = TENANT_A; tenant <= TENANT_B; tenant++)
			{
				const char **natural = natural_row(probe, shape,
												   tg_probe_user(tenant, user),
												   probe->tenants[tenant]);
				List	   *variants = variants_of(probe, shape, natural,
												   MAX_WORLD_VARIANTS);

				(void) add_world_row(probe, shape,
									 list_nth(variants,
											  user % list_length(variants)));
			}
		}
	}
}

static void
add_row(Probe *probe, const char **values, bool repair)
{
	ProbeRow   *row = palloc0(sizeof(ProbeRow));
	ErrorData  *error = repair ?
		tg_probe_insert_repaired(probe, probe->shape, values, row) :
		tg_probe_insert(probe, probe->shape, values, row);

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
			copy[i] = json_value(probe, column, tenant,
								 probe->tenants[tenant]);
	}
	return copy;
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

/* Those that are tried by name, and some that have rows. */
static List *
tenants_of_new_rows(const Probe *probe)
{
	List	   *result = list_make2(unconstify(char *, probe->tenants[TENANT_B]),
									unconstify(char *, probe->tenants[TENANT_UNKNOWN]));
	List	   *others = list_copy(probe->others);
	int			most = list_length(others) + MAX_TENANTS_THERE;
	ListCell   *lc;

	foreach(lc, probe->rows)
	{
		const ProbeRow *row = lfirst(lc);

		if (row->sql == NULL && list_length(others) < most)
			others = add_tenant(probe, others, row->tenant);
	}
	return list_concat(result, others);
}

/* The rows of other tenants that a session may try to write. */
static void
choose_new_rows(Probe *probe)
{
	List	   *tenants = tenants_of_new_rows(probe);
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

	for (int index = 0; index < list_length(tenants); index++)
	{
		/* B first: a key may have room for one of them only */
		int			number = index == 0 ? TENANT_B :
			index == 1 ? TENANT_A : index;
		const char *tenant = list_nth(tenants, number);
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

				tg_probe_renew_unique(probe, probe->shape, shared);
				add_row(probe, shared, false);
			}
		}
	}
}

static bool
accepts_tenant(Probe *probe)
{
	ProbeRow   *row = palloc0(sizeof(ProbeRow));

	if (tg_probe_insert_repaired(probe, probe->shape,
								 natural_row(probe, probe->shape, TENANT_A,
											 probe->tenants[TENANT_A]),
								 row) != NULL)
		return false;
	probe->rows = lappend(probe->rows, row);
	return true;
}

/* Tenants that a constraint on them lists or describes. */
static bool
choose_listed_tenants(Probe *probe, const List *literals)
{
	const ColumnFacts *tenant = probe->facts->tenant;
	int32		typmod = probe->shape->columns[tenant->attnum - 1].typmod;
	List	   *listed = list_copy(literals);

	probe->style = STYLE_WORD;
	for (int i = 0; i < list_length(literals); i++)
	{
		List	   *described[PROBE_TENANTS];

		for (int tenant_no = 0; tenant_no < PROBE_TENANTS; tenant_no++)
			described[tenant_no] =
				tg_values_described(tenant->type, typmod,
									list_nth(literals, i), 1 + tenant_no);
		for (int j = 0; j < list_length(described[0]); j++)
		{
			for (int tenant_no = 0; tenant_no < PROBE_TENANTS; tenant_no++)
				probe->tenants[tenant_no] = list_nth(described[tenant_no], j);
			if (strcmp(probe->tenants[TENANT_A], probe->tenants[TENANT_B]) != 0 &&
				accepts_tenant(probe))
				return true;
		}
		if (described[0] != NIL)
			listed = list_delete_ptr(listed, list_nth(literals, i));
	}
	if (list_length(listed) < 2)
		return false;
	probe->tenants[TENANT_A] = linitial(listed);
	probe->tenants[TENANT_B] = lsecond(listed);
	return accepts_tenant(probe);
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
		error = tg_probe_insert_repaired(probe, probe->shape, values, row);
		if (error == NULL || existing)
		{
			if (error == NULL)
				probe->rows = lappend(probe->rows, row);
			return true;
		}
		(void) tg_probe_suspects(probe->shape, error, &of_constraint);
		literals = list_concat(literals, of_constraint);
	}
	if (choose_listed_tenants(probe, literals))
		return true;
	probe->problem = psprintf("needs a row that the table accepts: %s",
							  error->message);
	return false;
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
									 probe->tenants[TENANT_A],
									 probe->clues->loose))
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
	return tg_probe_insert(probe, shape, parent, row) == NULL;
}

void
tg_probe_make_rows(Probe *probe)
{
	Sample		sample = {probe, CurrentMemoryContext};

	probe->rows = NIL;
	probe->foreign_values = NIL;
	probe->world = NIL;
	probe->partitions = NIL;
	probe->renamed = NIL;
	probe->users = 0;
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
	make_rows_of_users(probe);
	make_probed_rows(probe);
	choose_new_rows(probe);
}
