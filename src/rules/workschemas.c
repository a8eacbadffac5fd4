/*-------------------------------------------------------------------------
 *
 * workschemas.c
 *		Schemas in which tools keep copies of tables for a while.
 *
 * The tools make these tables by themselves, so no migration can add what would
 * protect them, and nobody but their owner uses them.  If a commit is refused
 * because of one, the HINT offers a sealed entry for the schema.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "rules/workschemas.h"
#include "utils/lsyscache.h"

static const struct
{
	const char *schema;
	const char *tool;
}			schemas[] = {
	{"mimeo", "mimeo"},
	{"partman", "pg_partman"},
	{"repack", "pg_repack"},
	{"squeeze", "pg_squeeze"},
};

/* The schema of a Slony cluster has the cluster's name, with "_" before it. */
static bool
is_of_slony(const char *schema)
{
	Oid			schema_oid = schema[0] == '_' ?
		get_namespace_oid(schema, true) : InvalidOid;

	return OidIsValid(schema_oid) &&
		OidIsValid(get_relname_relid("sl_node", schema_oid));
}

const char *
tg_tool_of_schema(const char *schema)
{
	for (int i = 0; i < (int) lengthof(schemas); i++)
	{
		if (strcmp(schemas[i].schema, schema) == 0)
			return schemas[i].tool;
	}
	return is_of_slony(schema) ? "Slony" : NULL;
}
