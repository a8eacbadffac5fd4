/*-------------------------------------------------------------------------
 *
 * tenants.c
 *		What tells tenants apart in this database, where no column of a table
 *		does?
 *
 * Most of it is a guess, for messages and repairs.  Each answer is found once
 * for a reader.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "facts/facts.h"
#include "facts/reader.h"
#include "hashtable.h"
#include "miscadmin.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Do foreign keys from tenant columns lead to a relation? */
typedef struct TenantsTable
{
	Oid			relid;			/* hash key, must be first */
	bool		is_one;
} TenantsTable;

/* How many tables refer to others by a column of this name? */
typedef struct KeyColumn
{
	NameData	name;			/* hash key, must be first */
	Oid			referenced;		/* or InvalidOid, if not always the same */
	bool		looks_like_tenant;
	int			tables;
} KeyColumn;

const char *
tg_tenant_column_but_for_case(const char *name)
{
	for (const char *configured = tg_tenant_column_names();
		 *configured != '\0'; configured = tg_next_name(configured))
	{
		if (pg_strcasecmp(name, configured) == 0)
			return configured;
	}
	return NULL;
}

Oid
tg_facts_tenant_type(FactsReader *reader)
{
	SysScanDesc scan;
	HeapTuple	tuple;

	if (reader->tenant_type_known)
		return reader->tenant_type;

	/* pg_attribute has no index by name; this stops at the first one */
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_ATTRIBUTE),
							  InvalidOid, false, reader->snapshot, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->attnum > 0 && !form->attisdropped &&
			form->attrelid >= FirstNormalObjectId &&
			tg_is_in_names(tg_tenant_column_names(), NameStr(form->attname)))
		{
			reader->tenant_type = form->atttypid;
			break;
		}
	}
	systable_endscan(scan);
	reader->tenant_type_known = true;
	return reader->tenant_type;
}

/*
 * The only column of a foreign key, or NULL if the key has several or the
 * constraint is none.
 */
static char *
only_key_column(FactsReader *reader, HeapTuple tuple)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	TupleDesc	descriptor = RelationGetDescr(tg_reader_catalog(reader, CAT_CONSTRAINT));
	AttrNumber *keys;
	int			count;
	Oid			type;

	if (form->contype != CONSTRAINT_FOREIGN || OidIsValid(form->conparentid))
		return NULL;
	keys = tg_reader_attnums(tuple, Anum_pg_constraint_conkey, descriptor,
							 &count);
	return count == 1 ?
		tg_facts_column_name(reader, form->conrelid, keys[0], &type) : NULL;
}

static bool
is_referenced_by_tenant_column(FactsReader *reader, Oid relid)
{
	List	   *constraints = tg_reader_dependents(reader, ConstraintRelationId,
												   TG_ANY_DEPTYPE,
												   RelationRelationId, relid);
	bool		result = false;
	ListCell   *lc;

	foreach(lc, constraints)
	{
		SysScanDesc scan = tg_reader_scan(reader, CAT_CONSTRAINT,
										  ConstraintOidIndexId,
										  Anum_pg_constraint_oid,
										  lfirst_oid(lc));
		HeapTuple	tuple = systable_getnext(scan);

		CHECK_FOR_INTERRUPTS();
		if (HeapTupleIsValid(tuple) &&
			((Form_pg_constraint) GETSTRUCT(tuple))->confrelid == relid)
		{
			char	   *column = only_key_column(reader, tuple);

			result = column != NULL &&
				tg_tenant_column_but_for_case(column) != NULL;
		}
		systable_endscan(scan);
		if (result)
			break;
	}
	list_free(constraints);
	return result;
}

bool
tg_facts_is_tenants_table(FactsReader *reader, Oid relid)
{
	TenantsTable *table;
	bool		found;

	if (reader->tenants_tables == NULL)
		reader->tenants_tables = tg_hash_create("trovella_guard tenants' tables",
												sizeof(Oid),
												sizeof(TenantsTable),
												reader->context);
	table = hash_search(reader->tenants_tables, &relid, HASH_FIND, NULL);
	if (table == NULL)
	{
		bool		is_one = is_referenced_by_tenant_column(reader, relid);

		table = hash_search(reader->tenants_tables, &relid, HASH_ENTER, &found);
		table->is_one = is_one;
	}
	return table->is_one;
}

RelationFacts *
tg_facts_as_tenant_table(FactsReader *reader, const RelationFacts *facts,
						 const ColumnFacts *tenant)
{
	RelationFacts *result = palloc(sizeof(RelationFacts));

	*result = *facts;
	result->tenant = palloc(sizeof(ColumnFacts));
	*result->tenant = *tenant;
	if (tg_find_column(facts, tenant->attnum) == NULL)
		result->columns = lappend(list_copy(facts->columns), result->tenant);
	if (!facts->rls_enabled)
		tg_read_policies(reader, result);
	tg_read_indexes(reader, result);
	tg_read_constraints(reader, result);
	return result;
}

List *
tg_facts_foreign_keys(FactsReader *reader, const RelationFacts *facts)
{
	RelationFacts read = *facts;

	if (facts->tenant != NULL)
		return facts->foreign_keys;
	read.columns = NIL;
	tg_read_constraints(reader, &read);
	return read.foreign_keys;
}

/* "org", for "org_id", "orgId", "OrgID", "org_uuid": in lower case. */
static char *
stem_of(const char *name)
{
	static const char *const endings[] = {"id", "uuid", "ref", "key", "fk"};
	char	   *stem = palloc(strlen(name) + 1);
	int			length = 0;

	for (; *name != '\0'; name++)
	{
		if (isalnum((unsigned char) *name))
			stem[length++] = pg_tolower((unsigned char) *name);
	}
	stem[length] = '\0';
	for (int i = 0; i < (int) lengthof(endings); i++)
	{
		int			ending = strlen(endings[i]);

		if (length > ending && strcmp(stem + length - ending, endings[i]) == 0)
		{
			stem[length - ending] = '\0';
			break;
		}
	}
	return stem;
}

bool
tg_looks_like_tenant_column(const char *name)
{
	static const char *const usual[] = {
		"tenant", "org", "organization", "organisation", "company", "account",
		"workspace", "team", "customer", "client"
	};
	char	   *stem = stem_of(name);
	bool		result = false;

	/* Without an ending, it may be the name of anything */
	for (int i = 0; !result && i < (int) lengthof(usual); i++)
		result = strcmp(stem, usual[i]) == 0 &&
			strlen(name) > strlen(usual[i]);
	for (const char *configured = tg_tenant_column_names();
		 !result && *configured != '\0'; configured = tg_next_name(configured))
	{
		char	   *other = stem_of(configured);

		result = strcmp(stem, other) == 0;
		pfree(other);
	}
	pfree(stem);
	return result;
}

bool
tg_looks_like_tenants_table(const char *name)
{
	char	   *stem = stem_of(name);
	int			length = strlen(stem);
	bool		result = false;

	for (const char *configured = tg_tenant_column_names();
		 !result && *configured != '\0'; configured = tg_next_name(configured))
	{
		char	   *other = stem_of(configured);
		int			other_length = strlen(other);

		/* "organizations" has the tenants of "organization_id" */
		result = strncmp(stem, other, other_length) == 0 &&
			(length == other_length ||
			 (length == other_length + 1 && stem[other_length] == 's'));
		pfree(other);
	}
	pfree(stem);
	return result;
}

/* Is this more likely to be the tenant column? */
static bool
is_better(const KeyColumn *column, const KeyColumn *best)
{
	if (best == NULL)
		return true;
	if (column->looks_like_tenant != best->looks_like_tenant)
		return column->looks_like_tenant;
	if (column->tables != best->tables)
		return column->tables > best->tables;
	return strcmp(NameStr(column->name), NameStr(best->name)) < 0;
}

static bool
ends_in_id(const char *name)
{
	size_t		length = strlen(name);

	return length > 2 && pg_strcasecmp(name + length - 2, "id") == 0 &&
		(name[length - 3] == '_' || name[length - 2] == 'I');
}

/* A single key to another table may be anything. */
#define ENOUGH_TABLES 3

static TenantGuess *
guess_tenant(FactsReader *reader)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	HTAB	   *columns;
	HASH_SEQ_STATUS status;
	KeyColumn  *column;
	KeyColumn  *best = NULL;
	TenantGuess *guess = NULL;
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext,
												  "trovella_guard constraint",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old;

	columns = tg_hash_create("trovella_guard key columns", sizeof(NameData),
							 sizeof(KeyColumn), CurrentMemoryContext);
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_CONSTRAINT),
							  InvalidOid, false, reader->snapshot, 0, NULL);
	old = MemoryContextSwitchTo(per_row);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		char	   *name;
		NameData	key;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(per_row);
		name = only_key_column(reader, tuple);
		if (name == NULL || !ends_in_id(name))
			continue;
		namestrcpy(&key, name);
		column = hash_search(columns, &key, HASH_ENTER, &found);
		if (!found)
		{
			column->referenced = form->confrelid;
			column->looks_like_tenant = tg_looks_like_tenant_column(name);
			column->tables = 0;
		}
		else if (column->referenced != form->confrelid)
			column->referenced = InvalidOid;
		column->tables++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(per_row);
	systable_endscan(scan);

	hash_seq_init(&status, columns);
	while ((column = hash_seq_search(&status)) != NULL)
	{
		if (OidIsValid(column->referenced) &&
			(column->looks_like_tenant || column->tables >= ENOUGH_TABLES) &&
			is_better(column, best))
			best = column;
	}
	if (best != NULL)
	{
		guess = palloc(sizeof(TenantGuess));
		guess->column = pstrdup(NameStr(best->name));
		guess->tenants_table = tg_facts_qualified_name(reader, best->referenced);
		guess->tables = best->tables;
	}
	hash_destroy(columns);
	return guess != NULL && guess->tenants_table != NULL ? guess : NULL;
}

const TenantGuess *
tg_facts_guess_tenant(FactsReader *reader)
{
	if (!reader->guess_known)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->context);

		if (!OidIsValid(tg_facts_tenant_type(reader)))
			reader->guess = guess_tenant(reader);
		MemoryContextSwitchTo(old);
		reader->guess_known = true;
	}
	return reader->guess;
}

static bool
is_ordinary_table(FactsReader *reader, Oid relid)
{
	const RelationFacts *facts = tg_facts_outline(reader, relid);

	return facts != NULL && !facts->temporary &&
		(facts->kind == RELKIND_RELATION ||
		 facts->kind == RELKIND_PARTITIONED_TABLE);
}

const TenantGuess *
tg_facts_look_alike(FactsReader *reader)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	HTAB	   *columns;
	HASH_SEQ_STATUS status;
	KeyColumn  *column;
	KeyColumn  *best = NULL;
	TenantGuess *guess = NULL;

	if (OidIsValid(tg_facts_tenant_type(reader)))
		return NULL;

	columns = tg_hash_create("trovella_guard look-alikes", sizeof(NameData),
							 sizeof(KeyColumn), CurrentMemoryContext);
	scan = systable_beginscan(tg_reader_catalog(reader, CAT_ATTRIBUTE),
							  InvalidOid, false, reader->snapshot, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);
		NameData	name = form->attname;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		if (form->attnum <= 0 || form->attisdropped ||
			form->attrelid < FirstNormalObjectId ||
			!tg_looks_like_tenant_column(NameStr(name)) ||
			!is_ordinary_table(reader, form->attrelid))
			continue;
		column = hash_search(columns, &name, HASH_ENTER, &found);
		if (!found)
		{
			column->looks_like_tenant = true;
			column->tables = 0;
		}
		column->tables++;
	}
	systable_endscan(scan);

	hash_seq_init(&status, columns);
	while ((column = hash_seq_search(&status)) != NULL)
	{
		if (is_better(column, best))
			best = column;
	}
	if (best != NULL)
	{
		guess = palloc0(sizeof(TenantGuess));
		guess->column = pstrdup(NameStr(best->name));
		guess->tables = best->tables;
	}
	hash_destroy(columns);
	return guess;
}
