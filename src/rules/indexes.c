/*-------------------------------------------------------------------------
 *
 * indexes.c
 *		Names and statements for the indexes that a table lacks.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "hashtable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rules/indexes.h"
#include "utils/builtins.h"

/*
 * A column's name the way Drizzle spells it in index names:
 * "organization_id" becomes "organizationId".
 */
static char *
camel_case(const char *name)
{
	char	   *result = palloc(strlen(name) + 1);
	char	   *to = result;

	for (const char *from = name; *from != '\0'; from++)
	{
		if (*from == '_' && from > name && from[1] >= 'a' && from[1] <= 'z')
			*to++ = *++from - 'a' + 'A';
		else
			*to++ = *from;
	}
	*to = '\0';
	return result;
}

/* "userId_otherId", or NULL */
static char *
index_label(const RelationFacts *facts, int nkeys, const AttrNumber *keys)
{
	StringInfoData label;

	initStringInfo(&label);
	for (int i = 0; i < nkeys; i++)
	{
		const ColumnFacts *column = tg_find_column(facts, keys[i]);

		if (column == NULL)
			return NULL;
		appendStringInfo(&label, "%s%s", i > 0 ? "_" : "",
						 camel_case(column->name));
	}
	return label.data;
}

/*
 * A table may lack several indexes, whose repairs are executed one after the
 * other.  So two of them must not have the same name ("user_id" and "userId"
 * have the same label, and long names are cut), and foreign keys of the same
 * columns, in any order, get the same statement.
 */
struct IndexNames
{
	FactsReader *reader;
	const RelationFacts *facts;
	HTAB	   *statements;		/* of IndexStatement */
	HTAB	   *names;			/* of IndexName */
};

typedef struct IndexStatement
{
	AttrNumber	columns[INDEX_MAX_KEYS];	/* hash key, must be first; in
											 * order, the rest 0 */
	char	   *sql;
} IndexStatement;

typedef struct IndexName
{
	NameData	name;			/* hash key, must be first */
	bool		given;			/* to one of the statements */
	int			attempts;		/* to find a free name that begins with it */
} IndexName;

static IndexName *
index_name(IndexNames *names, const char *name)
{
	NameData	key;
	IndexName  *result;
	bool		found;

	namestrcpy(&key, name);
	result = hash_search(names->names, &key, HASH_ENTER, &found);
	if (!found)
	{
		result->given = false;
		result->attempts = 0;
	}
	return result;
}

/* The way ChooseRelationName() does it, without the system caches. */
static char *
choose_index_name(IndexNames *names, const char *label)
{
	const RelationFacts *facts = names->facts;
	IndexName  *first = index_name(names,
								   makeObjectName(facts->name, label, "idx"));

	for (;;)
	{
		int			attempt = first->attempts++;
		char	   *name = makeObjectName(facts->name, label,
										  attempt == 0 ? "idx" :
										  psprintf("idx%d", attempt));
		IndexName  *entry = index_name(names, name);

		CHECK_FOR_INTERRUPTS();
		if (entry->given ||
			tg_facts_name_is_taken(names->reader, facts->schema_oid, name))
			continue;
		entry->given = true;
		return name;
	}
}

static int
compare_attnums(const void *a, const void *b)
{
	return *(const AttrNumber *) a - *(const AttrNumber *) b;
}

char *
tg_remedy_index(IndexNames *names, int nkeys, const AttrNumber *keys)
{
	const RelationFacts *facts = names->facts;
	char	   *label = index_label(facts, nkeys, keys);
	AttrNumber	columns[INDEX_MAX_KEYS] = {0};
	IndexStatement *statement;
	StringInfoData list;
	bool		found;

	if (label == NULL || nkeys > INDEX_MAX_KEYS)
		return NULL;
	memcpy(columns, keys, nkeys * sizeof(AttrNumber));
	qsort(columns, nkeys, sizeof(AttrNumber), compare_attnums);
	statement = hash_search(names->statements, columns, HASH_ENTER, &found);
	if (found)
		return statement->sql;

	statement->sql = NULL;
	initStringInfo(&list);
	for (int i = 0; i < nkeys; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(tg_find_column(facts,
														 keys[i])->name));
	statement->sql = psprintf("CREATE INDEX %s ON %s (%s);",
							  quote_identifier(choose_index_name(names, label)),
							  quote_qualified_identifier(facts->schema,
														 facts->name),
							  list.data);
	return statement->sql;
}

/* The index of the tenant column is the first to get a name. */
IndexNames *
tg_index_names(FactsReader *reader, const RelationFacts *facts)
{
	IndexNames *names = palloc(sizeof(IndexNames));

	names->reader = reader;
	names->facts = facts;
	names->statements = tg_hash_create("trovella_guard indexes",
									   sizeof(AttrNumber) * INDEX_MAX_KEYS,
									   sizeof(IndexStatement),
									   CurrentMemoryContext);
	names->names = tg_hash_create("trovella_guard index names",
								  sizeof(NameData), sizeof(IndexName),
								  CurrentMemoryContext);
	(void) tg_remedy_index(names, 1, &facts->tenant->attnum);
	return names;
}
