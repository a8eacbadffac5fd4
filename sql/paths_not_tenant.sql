-- What is no tenant table, and said to be none, is never refused and costs no
-- word.
\set VERBOSITY sqlstate
\set as_paths 'SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
CREATE ROLE regress_paths_app;
-- serves the tenants; the other roles do not
CREATE ROLE regress_paths_tenant;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_tenant',
              current_database()) \gexec
SELECT format('GRANT CREATE ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
CREATE SCHEMA paths;
\c -
:as_paths
-- makes a table as the checklist wants it
CREATE FUNCTION make(name text, options text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$I (id int, organization_id uuid NOT NULL,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()) %2$s;
    ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON %1$I USING (organization_id =
      (SELECT current_setting(''app.current_organization_id'', true)::uuid));
    CREATE INDEX %3$I ON %1$I (organization_id);', name, options, name || '_idx');
END $$;
-- road: temporary tables, their indexes, ALTER, CREATE TABLE AS, ON COMMIT DROP (passes)
\c -
:as_paths
CREATE TEMP TABLE t (id serial PRIMARY KEY, organization_id uuid);
ALTER TABLE t ADD COLUMN x int, ALTER organization_id SET NOT NULL;
CREATE TEMP TABLE u AS SELECT * FROM t;
CREATE TEMP TABLE v () INHERITS (t);
BEGIN; CREATE TEMP TABLE w (organization_id uuid) ON COMMIT DROP; COMMIT;
CREATE TEMP VIEW x AS SELECT * FROM t;
DROP TABLE t, u CASCADE;
-- road: sequences, types, domains, functions, schemas, operators, collations (passes)
CREATE SEQUENCE organization_id;
CREATE TYPE composite AS (organization_id uuid);
CREATE TYPE enum AS ENUM ('organization_id');
CREATE DOMAIN dom AS uuid;
CREATE FUNCTION f(organization_id uuid) RETURNS uuid LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION g() RETURNS TABLE (organization_id uuid) LANGUAGE sql AS 'SELECT NULL::uuid';
CREATE COLLATION organization_id FROM "C";
ALTER SEQUENCE organization_id RESTART;
ALTER FUNCTION f(uuid) RENAME TO f2;
-- road: a table without the column, on no allowlist (refused)
CREATE TABLE plain (id serial PRIMARY KEY, name text UNIQUE);
-- road: an allowlisted table without the column (passes)
\c -
SELECT trovella_guard.allow('paths.plain', 'shared by all tenants');
SELECT trovella_guard.allow('paths.with_column', 'shared by all tenants');
\c -
:as_paths
CREATE TABLE plain (id serial PRIMARY KEY, name text UNIQUE);
ALTER TABLE plain ADD COLUMN x int;
CREATE INDEX ON plain (x);
ALTER TABLE plain ADD COLUMN organization_id uuid;
ALTER TABLE plain DROP COLUMN organization_id;
GRANT SELECT ON plain TO regress_paths_app;
-- road: an allowlisted table with the column, its index, policies, partitions (passes)
CREATE TABLE with_column (id int, organization_id uuid) PARTITION BY LIST (id);
CREATE TABLE partition_of_it PARTITION OF with_column FOR VALUES IN (1);
GRANT SELECT ON partition_of_it TO regress_paths_app;
ALTER TABLE with_column ALTER id SET NOT NULL;
DROP TABLE with_column;
-- road: a dropped column (passes)
ALTER TABLE plain ADD COLUMN organization_id uuid;
ALTER TABLE plain DROP COLUMN organization_id;
-- road: INSERT, UPDATE, DELETE, TRUNCATE, COPY, VACUUM, ANALYZE, LOCK, REINDEX (passes)
INSERT INTO plain (name) VALUES ('x');
TRUNCATE plain;
VACUUM plain;
VACUUM FULL plain;
ANALYZE plain;
BEGIN; LOCK TABLE plain; COMMIT;
REINDEX TABLE plain;
-- road: a view that reads no tenant table (passes)
CREATE VIEW v AS SELECT * FROM plain;
CREATE MATERIALIZED VIEW m AS SELECT * FROM plain;
REFRESH MATERIALIZED VIEW m;
-- road: a table that follows the checklist (passes)
SELECT make('guarded');
ALTER TABLE guarded ADD COLUMN name text;
CREATE INDEX ON guarded (name);
GRANT SELECT, INSERT, UPDATE, DELETE ON guarded TO regress_paths_app;
COMMENT ON TABLE guarded IS 'x';
ALTER TABLE guarded ADD CHECK (name <> '');
ALTER TABLE guarded ADD UNIQUE (organization_id, name);
CREATE STATISTICS s ON id, name FROM guarded;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.updated_at = now(); RETURN new; END';
CREATE TRIGGER touch BEFORE UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE guarded RENAME TO renamed;
-- road: replacing a table by its successor, by name (passes)
BEGIN;
SELECT make('successor');
INSERT INTO successor SELECT id, organization_id, created_at, updated_at FROM renamed;
DROP TABLE renamed;
ALTER TABLE successor RENAME TO renamed;
COMMIT;
-- road: a partition built aside and attached, retired by DETACH and DROP (passes)
SELECT make('parted', 'PARTITION BY LIST (id)');
BEGIN;
CREATE TABLE part (LIKE parted INCLUDING ALL);
ALTER TABLE parted ATTACH PARTITION part FOR VALUES IN (1);
COMMIT;
BEGIN;
ALTER TABLE parted DETACH PARTITION part;
DROP TABLE part;
COMMIT;

\c -
SET trovella_guard.rules = 'table_unclassified=off';
SELECT trovella_guard.disallow('paths.plain');
SELECT trovella_guard.disallow('paths.with_column');
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
