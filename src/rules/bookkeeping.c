/*-------------------------------------------------------------------------
 *
 * bookkeeping.c
 *		The tables in which migration tools keep book of what they have run.
 *
 * They hold no row of any tenant, and every project that uses such a tool has
 * one.  So they need no entry on the allowlist.  A table is known by its name
 * and its columns: it has all that the tool makes, and no other.
 *
 * Copyright (c) 2026, Trovella
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "rules/bookkeeping.h"

typedef struct BookkeepingTable
{
	const char *tool;
	const char *schema;			/* NULL: any */
	const char *name;
	const char *columns;		/* each followed by a space */
	const char *more;			/* those that only some versions make, or NULL */
} BookkeepingTable;

static const BookkeepingTable tables[] = {
	{
		"Alembic", NULL, "alembic_version",
		"version_num ", NULL
	},
	{
		"Atlas", NULL, "atlas_schema_revisions",
		"version description type applied total executed_at execution_time error hash operator_version ",
		"error_stmt partial_hashes "
	},
	{
		"Django", NULL, "django_migrations",
		"id app name applied ", NULL
	},
	{
		"drizzle", NULL, "__drizzle_migrations",
		"id hash created_at ", "name applied_at "
	},
	{
		"Flyway", NULL, "flyway_schema_history",
		"installed_rank version description type script checksum installed_by installed_on execution_time success ",
		NULL
	},
	{
		"golang-migrate", NULL, "schema_migrations",
		"version dirty ", NULL
	},
	{
		"goose", NULL, "goose_db_version",
		"id version_id is_applied tstamp ", NULL
	},
	{
		"graphile-migrate", "graphile_migrate", "migrations",
		"hash previous_hash filename date ", NULL
	},
	{
		"graphile-migrate", "graphile_migrate", "current",
		"filename content date ", NULL
	},
	{
		"knex", NULL, "knex_migrations",
		"id name batch migration_time ", NULL
	},
	{
		"knex", NULL, "knex_migrations_lock",
		"index is_locked ", NULL
	},
	{
		"Liquibase", NULL, "databasechangelog",
		"id author filename dateexecuted orderexecuted exectype md5sum description comments tag liquibase ",
		"contexts labels deployment_id "
	},
	{
		"Liquibase", NULL, "databasechangeloglock",
		"id locked lockgranted lockedby ", NULL
	},
	{
		"MikroORM", NULL, "mikro_orm_migrations",
		"id name executed_at ", NULL
	},
	{
		"node-pg-migrate", NULL, "pgmigrations",
		"id name run_on ", NULL
	},
	{
		"Prisma", NULL, "_prisma_migrations",
		"id checksum finished_at migration_name logs rolled_back_at started_at applied_steps_count ",
		NULL
	},
	{
		"Rails or dbmate", NULL, "schema_migrations",
		"version ", NULL
	},
	{
		"Rails", NULL, "ar_internal_metadata",
		"key value created_at updated_at ", NULL
	},
	{
		"sequelize", NULL, "SequelizeMeta",
		"name ", NULL
	},
	{
		"sequelize", NULL, "SequelizeData",
		"name ", NULL
	},
	{
		"sqitch", "sqitch", "releases",
		"version installed_at installer_name installer_email ", NULL
	},
	{
		"sqitch", "sqitch", "projects",
		"project uri created_at creator_name creator_email ", NULL
	},
	{
		"sqitch", "sqitch", "changes",
		"change_id script_hash change project note committed_at committer_name committer_email planned_at planner_name planner_email ",
		NULL
	},
	{
		"sqitch", "sqitch", "tags",
		"tag_id tag project change_id note committed_at committer_name committer_email planned_at planner_name planner_email ",
		NULL
	},
	{
		"sqitch", "sqitch", "dependencies",
		"change_id type dependency dependency_id ", NULL
	},
	{
		"sqitch", "sqitch", "events",
		"event change_id change project note requires conflicts tags committed_at committer_name committer_email planned_at planner_name planner_email ",
		NULL
	},
	{
		"Supabase", "supabase_migrations", "schema_migrations",
		"version ", "statements name created_by idempotency_key rollback "
	},
	{
		"Supabase", "supabase_migrations", "seed_files",
		"path hash ", NULL
	},
	{
		"TypeORM", NULL, "migrations",
		"id timestamp name ", NULL
	},
	{
		"TypeORM", NULL, "typeorm_metadata",
		"type database schema table name value ", NULL
	},
};

/* Is the name in the list? */
static bool
names(const char *list, const char *name)
{
	size_t		length = strlen(name);

	if (list == NULL)
		return false;
	for (const char *end; (end = strchr(list, ' ')) != NULL; list = end + 1)
	{
		if ((size_t) (end - list) == length && strncmp(list, name, length) == 0)
			return true;
	}
	return false;
}

static int
count_of_names(const char *list)
{
	int			count = 0;

	for (; *list != '\0'; list++)
	{
		if (*list == ' ')
			count++;
	}
	return count;
}

/* Has the relation all columns of such a table, and no other? */
static bool
has_the_shape(const RelationFacts *facts, const BookkeepingTable *table)
{
	int			found = 0;
	ListCell   *lc;

	foreach(lc, facts->columns)
	{
		const char *name = ((const ColumnFacts *) lfirst(lc))->name;

		if (names(table->columns, name))
			found++;
		else if (!names(table->more, name))
			return false;
	}
	return found == count_of_names(table->columns);
}

const char *
tg_bookkeeping_tool(const RelationFacts *facts)
{
	if (facts->kind != RELKIND_RELATION || facts->tenant != NULL ||
		facts->partition || facts->parents != NIL || facts->may_have_children)
		return NULL;

	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		const BookkeepingTable *table = &tables[i];

		if (strcmp(facts->name, table->name) == 0 &&
			(table->schema == NULL ||
			 strcmp(facts->schema, table->schema) == 0) &&
			has_the_shape(facts, table))
			return table->tool;
	}
	return NULL;
}
