/*-------------------------------------------------------------------------
 *
 * keys.c
 *		Rules about indexes and foreign keys.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "rules/indexes.h"
#include "rules/remedy.h"
#include "rules/rules.h"

static bool
contains(int n, const AttrNumber *keys, AttrNumber attnum)
{
	for (int i = 0; i < n; i++)
	{
		if (keys[i] == attnum)
			return true;
	}
	return false;
}

/*
 * Does an equality condition on the key columns imply the index's predicate?
 * It does if the predicate only says that columns are not null, and each of
 * them is a key column or is declared NOT NULL.
 */
static bool
predicate_is_implied(const RelationFacts *facts, const IndexFacts *index,
					 int nkeys, const AttrNumber *keys)
{
	ListCell   *lc;

	foreach(lc, index->predicate)
	{
		NullTest   *test = lfirst(lc);
		Var		   *var;

		if (!IsA(test, NullTest) || test->nulltesttype != IS_NOT_NULL ||
			!IsA(test->arg, Var))
			return false;
		var = (Var *) test->arg;
		if (!contains(nkeys, keys, var->varattno))
		{
			const ColumnFacts *column = tg_find_column(facts, var->varattno);

			if (column == NULL || !column->not_null)
				return false;
		}
	}
	return true;
}

/*
 * Can the index serve an equality condition on these columns?  They must be its
 * leading columns, in any order.
 */
static bool
index_covers(const RelationFacts *facts, const IndexFacts *index,
			 int nkeys, const AttrNumber *keys)
{
	if (!index->usable || !index->equality || index->nkeys < nkeys)
		return false;

	for (int i = 0; i < nkeys; i++)
	{
		const ColumnFacts *column = tg_find_column(facts, index->keys[i]);

		if (!contains(nkeys, keys, index->keys[i]))
			return false;
		/* The planner requires the collation of the comparison */
		if (column == NULL || index->collations[i] != column->collation)
			return false;
	}
	for (int i = 0; i < nkeys; i++)
	{
		if (!contains(nkeys, index->keys, keys[i]))
			return false;
	}
	return predicate_is_implied(facts, index, nkeys, keys);
}

/*
 * An index that can serve an equality condition on these columns, or
 * InvalidOid.
 */
Oid
tg_covering_index(const RelationFacts *facts, int nkeys,
				  const AttrNumber *keys)
{
	ListCell   *lc;

	foreach(lc, facts->indexes)
	{
		IndexFacts *index = lfirst(lc);

		if (index_covers(facts, index, nkeys, keys))
			return index->oid;
	}
	return InvalidOid;
}

void
tg_check_tenant_index_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	AttrNumber	key = facts->tenant->attnum;
	Finding    *finding;

	if (OidIsValid(tg_covering_index(facts, 1, &key)))
		return;

	finding = tg_report_finding(subject,
								"no valid index starts with column \"%s\"",
								facts->tenant->name);
	finding->repair_sql = tg_remedy_index(tg_index_names(subject->reader, facts),
										  1, &key);
}

/* "user_id, other_id" */
static char *
key_column_names(const RelationFacts *facts, const ForeignKeyFacts *key)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < key->nkeys; i++)
	{
		const ColumnFacts *column = tg_find_column(facts, key->keys[i]);

		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
						 column ? column->name : "?");
	}
	return names.data;
}

typedef struct KeyColumns
{
	AttrNumber	key;
	AttrNumber	referenced;
} KeyColumns;

static int
compare_key_columns(const void *a, const void *b)
{
	return ((const KeyColumns *) a)->key - ((const KeyColumns *) b)->key;
}

/*
 * Identifies a foreign key by its columns, because ALTER COLUMN TYPE makes
 * it again, and so does our own repair.  "refers": what it refers to counts, too.
 */
static void
identify_by_columns(Finding *finding, const ForeignKeyFacts *key, bool refers)
{
	KeyColumns *columns = palloc0(key->nkeys * sizeof(KeyColumns));

	for (int i = 0; i < key->nkeys; i++)
	{
		columns[i].key = key->keys[i];
		columns[i].referenced = refers ? key->referenced_keys[i] : 0;
	}
	qsort(columns, key->nkeys, sizeof(KeyColumns), compare_key_columns);
	finding->by_meaning = true;
	finding->fingerprint = hash_bytes_extended((unsigned char *) columns,
											   key->nkeys * sizeof(KeyColumns),
											   refers ? key->referenced : 0);
	pfree(columns);
}

void
tg_check_fk_index_missing(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	IndexNames *names = NULL;
	ListCell   *lc;

	foreach(lc, facts->foreign_keys)
	{
		ForeignKeyFacts *key = lfirst(lc);
		Finding    *finding;

		CHECK_FOR_INTERRUPTS();

		/* The parent, or tenant_index_missing, reports it */
		if (key->inherited ||
			(key->nkeys == 1 && key->keys[0] == facts->tenant->attnum))
			continue;
		if (OidIsValid(tg_covering_index(facts, key->nkeys, key->keys)))
			continue;

		finding = tg_report_finding(subject,
									"no valid index starts with the columns (%s) of foreign key \"%s\"",
									key_column_names(facts, key), key->name);
		finding->object_oid = key->oid;
		finding->object = key->name;
		identify_by_columns(finding, key, false);
		if (names == NULL)
			names = tg_index_names(subject->reader, facts);
		finding->repair_sql = tg_remedy_index(names, key->nkeys, key->keys);
	}
}

void
tg_check_fk_on_delete(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, subject->facts->foreign_keys)
	{
		ForeignKeyFacts *key = lfirst(lc);
		Finding    *finding;

		CHECK_FOR_INTERRUPTS();
		if (key->inherited ||
			key->on_delete == FKCONSTR_ACTION_CASCADE ||
			key->on_delete == FKCONSTR_ACTION_SETNULL)
			continue;

		finding = tg_report_finding(subject,
									"foreign key \"%s\" is neither ON DELETE CASCADE nor SET NULL",
									key->name);
		finding->object_oid = key->oid;
		finding->object = key->name;
		identify_by_columns(finding, key, true);
		finding->fingerprint = hash_combine64(finding->fingerprint,
											  key->on_delete);
		finding->repair_sql = tg_remedy_on_delete(subject->reader,
												  subject->facts, key);
	}
}

/* Does the foreign key compare the tenants of both rows? */
static bool
compares_tenants(const RelationFacts *facts, const ForeignKeyFacts *key,
				 const RelationFacts *referenced)
{
	for (int i = 0; i < key->nkeys; i++)
	{
		if (key->keys[i] == facts->tenant->attnum &&
			key->referenced_keys[i] == referenced->tenant->attnum)
			return true;
	}
	return false;
}

void
tg_check_fk_crosses_tenants(const RuleSubject *subject)
{
	const RelationFacts *facts = subject->facts;
	ListCell   *lc;

	foreach(lc, facts->foreign_keys)
	{
		ForeignKeyFacts *key = lfirst(lc);
		const RelationFacts *referenced;
		Finding    *finding;

		CHECK_FOR_INTERRUPTS();
		if (key->inherited)
			continue;
		referenced = tg_facts_outline(subject->reader, key->referenced);
		if (referenced == NULL || !tg_is_tenant_table(referenced) ||
			compares_tenants(facts, key, referenced))
			continue;

		finding = tg_report_finding(subject,
									"foreign key \"%s\" can refer to rows of other tenants in table \"%s.%s\"",
									key->name, referenced->schema,
									referenced->name);
		finding->object_oid = key->oid;
		finding->object = key->name;
		identify_by_columns(finding, key, true);
		finding->other_relid = referenced->relid;
	}
}

/*
 * Primary keys are not reported: every table has one, and their values usually
 * carry no meaning.
 */
void
tg_check_unique_crosses_tenants(const RuleSubject *subject)
{
	ListCell   *lc;

	foreach(lc, subject->facts->indexes)
	{
		IndexFacts *index = lfirst(lc);
		RelationPlace place;
		Finding    *finding;

		CHECK_FOR_INTERRUPTS();

		/* The index of a partition is reported at its parent */
		if (!index->unique || index->primary || index->names_tenant ||
			!tg_facts_place(subject->reader, index->oid, &place) ||
			place.partition)
			continue;

		finding = tg_report_finding(subject,
									"unique index \"%s\" omits the tenant column \"%s\"",
									NameStr(place.name),
									subject->facts->tenant->name);
		finding->object_oid = index->oid;
		finding->object = pstrdup(NameStr(place.name));
	}
}
