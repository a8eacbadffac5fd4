--
-- The tables of migration tools, known by name and columns, are global without
-- an entry on the allowlist.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA regress_books;
CREATE SCHEMA graphile_migrate;
CREATE SCHEMA sqitch;
CREATE SCHEMA supabase_migrations;
SET search_path = regress_books;

-- as the tools make them
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
CREATE TABLE atlas_schema_revisions (version varchar PRIMARY KEY, description varchar NOT NULL, type bigint NOT NULL DEFAULT 2,
  applied bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0, executed_at timestamptz NOT NULL, execution_time bigint NOT NULL,
  error text, error_stmt text, hash varchar NOT NULL, partial_hashes jsonb, operator_version varchar NOT NULL);
CREATE TABLE django_migrations (id bigint PRIMARY KEY, app varchar(255), name varchar(255), applied timestamptz);
CREATE TABLE __drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL,
  script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(),
  execution_time int NOT NULL, success boolean NOT NULL);
CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());
CREATE TABLE graphile_migrate.migrations (hash text PRIMARY KEY, previous_hash text REFERENCES graphile_migrate.migrations,
  filename text NOT NULL, date timestamptz NOT NULL DEFAULT now());
CREATE TABLE graphile_migrate.current (filename text PRIMARY KEY DEFAULT 'current.sql', content text NOT NULL, date timestamptz NOT NULL DEFAULT now());
CREATE TABLE knex_migrations (id serial PRIMARY KEY, name varchar(255), batch int, migration_time timestamptz);
CREATE TABLE knex_migrations_lock (index serial PRIMARY KEY, is_locked int);
CREATE TABLE databasechangelog (id varchar(255) NOT NULL, author varchar(255) NOT NULL, filename varchar(255) NOT NULL, dateexecuted timestamp NOT NULL,
  orderexecuted int NOT NULL, exectype varchar(10) NOT NULL, md5sum varchar(35), description varchar(255), comments varchar(255),
  tag varchar(255), liquibase varchar(20), contexts varchar(255), labels varchar(255), deployment_id varchar(10));
CREATE TABLE databasechangeloglock (id int PRIMARY KEY, locked boolean NOT NULL, lockgranted timestamp, lockedby varchar(255));
CREATE TABLE mikro_orm_migrations (id serial PRIMARY KEY, name varchar(255), executed_at timestamptz DEFAULT now());
CREATE TABLE pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
  logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0);
CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE "SequelizeMeta" (name varchar(255) PRIMARY KEY);
CREATE TABLE "SequelizeData" (name varchar(255) PRIMARY KEY);
CREATE TABLE sqitch.releases (version real PRIMARY KEY, installed_at timestamptz, installer_name text, installer_email text);
CREATE TABLE sqitch.projects (project text PRIMARY KEY, uri text, created_at timestamptz, creator_name text, creator_email text);
CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, script_hash text, change text, project text REFERENCES sqitch.projects ON UPDATE CASCADE, note text,
  committed_at timestamptz, committer_name text, committer_email text, planned_at timestamptz, planner_name text, planner_email text);
CREATE TABLE sqitch.tags (tag_id text PRIMARY KEY, tag text, project text, change_id text REFERENCES sqitch.changes, note text, committed_at timestamptz,
  committer_name text, committer_email text, planned_at timestamptz, planner_name text, planner_email text);
CREATE TABLE sqitch.dependencies (change_id text REFERENCES sqitch.changes, type text, dependency text, dependency_id text);
CREATE TABLE sqitch.events (event text, change_id text, change text, project text, note text, requires text[], conflicts text[], tags text[],
  committed_at timestamptz, committer_name text, committer_email text, planned_at timestamptz, planner_name text, planner_email text);
CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY KEY);
ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN statements text[], ADD COLUMN name text;
CREATE TABLE supabase_migrations.seed_files (path text PRIMARY KEY, hash text NOT NULL);
CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL);
CREATE TABLE typeorm_metadata (type varchar NOT NULL, database varchar, schema varchar, "table" varchar, name varchar, value text);

SELECT count(*) FROM trovella_guard.check() WHERE level IN ('error', 'warning');
SELECT schema_name, table_name, class, allowlist_reason FROM trovella_guard.tables
  WHERE class <> 'database' ORDER BY schema_name, table_name COLLATE "C";

-- of one name, but of another tool
DROP TABLE schema_migrations;
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
SELECT allowlist_reason FROM trovella_guard.tables WHERE schema_name = 'regress_books' AND table_name = 'schema_migrations';

-- the name alone does not make one, nor the columns alone
CREATE TABLE alembic_versions (version_num varchar(32) PRIMARY KEY);
CREATE SCHEMA regress_books2;
CREATE TABLE regress_books2.pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL, customer text);
CREATE TABLE regress_books2.pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL);
CREATE TABLE regress_books2.migrations (hash text PRIMARY KEY, previous_hash text, filename text, date timestamptz);
CREATE TABLE regress_books2.migrations (id serial PRIMARY KEY, timestamp bigint, name text) PARTITION BY RANGE (id);
-- nor one with a tenant column
CREATE TABLE regress_books2.pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL, organization_id text);
-- and one that becomes more is one no longer
ALTER TABLE pgmigrations ADD COLUMN customer text;
ALTER TABLE pgmigrations ADD COLUMN organization_id text;
ALTER TABLE pgmigrations RENAME TO invoices;

DROP SCHEMA regress_books, regress_books2, graphile_migrate, sqitch, supabase_migrations CASCADE;
