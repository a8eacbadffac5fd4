-- Every way to make a tenant table, each left unprotected at its commit.
-- All of it as a role that is no superuser, each \c a fresh session.
\set VERBOSITY sqlstate
\set as_paths 'SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
SELECT trovella_guard.allow('paths.global_table', 'shared by all tenants');
CREATE ROLE regress_paths_app;
-- serves the tenants; the other roles do not
CREATE ROLE regress_paths_tenant;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_tenant',
              current_database()) \gexec
CREATE FOREIGN DATA WRAPPER regress_paths_fdw;
CREATE SERVER regress_paths_server FOREIGN DATA WRAPPER regress_paths_fdw;
GRANT USAGE ON FOREIGN SERVER regress_paths_server TO regress_paths;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
CREATE SCHEMA paths;
\c -
:as_paths

-- a table that is as the checklist wants it, and a body for others
BEGIN;
CREATE TABLE guarded (id int PRIMARY KEY, organization_id uuid NOT NULL,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON guarded USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX ON guarded (organization_id);
COMMIT;
CREATE TYPE row_type AS (id int, organization_id uuid);

-- road: CREATE TABLE (refused)
\c -
:as_paths
CREATE TABLE t (organization_id uuid);
-- road: CREATE TABLE IF NOT EXISTS (refused)
\c -
:as_paths
CREATE TABLE IF NOT EXISTS t (organization_id uuid);
-- road: CREATE UNLOGGED TABLE (refused)
\c -
:as_paths
CREATE UNLOGGED TABLE t (organization_id uuid);
-- road: CREATE TABLE LIKE INCLUDING ALL, which copies indexes but no policies (refused)
\c -
:as_paths
CREATE TABLE t (LIKE guarded INCLUDING ALL);
-- road: CREATE TABLE INHERITS, granted (refused)
\c -
:as_paths
BEGIN;
CREATE TABLE t () INHERITS (guarded);
CREATE INDEX ON t (organization_id);
GRANT SELECT ON t TO regress_paths_app;
COMMIT;
-- road: CREATE TABLE INHERITS, out of reach (passes)
BEGIN;
CREATE TABLE t () INHERITS (guarded);
CREATE INDEX ON t (organization_id);
COMMIT;
DROP TABLE t;
-- road: CREATE TABLE OF type (refused)
\c -
:as_paths
CREATE TABLE t OF row_type;
-- road: CREATE TABLE PARTITION BY (refused)
\c -
:as_paths
CREATE TABLE t (organization_id uuid) PARTITION BY LIST (organization_id);
-- road: CREATE TABLE PARTITION OF, opened by default privileges (refused)
BEGIN;
CREATE TABLE parted (id int, organization_id uuid NOT NULL,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now())
  PARTITION BY LIST (id);
ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON parted USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX ON parted (organization_id);
COMMIT;
\c -
:as_paths
ALTER DEFAULT PRIVILEGES FOR ROLE regress_paths GRANT SELECT ON TABLES TO regress_paths_app;
CREATE TABLE t PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE t PARTITION OF parted DEFAULT;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_paths REVOKE SELECT ON TABLES FROM regress_paths_app;
-- road: CREATE TABLE PARTITION OF, out of reach (passes)
CREATE TABLE t PARTITION OF parted FOR VALUES IN (1);
DROP TABLE t;
-- road: CREATE TABLE AS (refused)
\c -
:as_paths
CREATE TABLE t AS SELECT 1 AS id, NULL::uuid AS organization_id;
-- road: CREATE TABLE AS ... WITH NO DATA (refused)
\c -
:as_paths
CREATE TABLE t AS TABLE guarded WITH NO DATA;
-- road: CREATE TABLE AS EXECUTE (refused)
\c -
:as_paths
PREPARE q AS SELECT * FROM guarded;
CREATE TABLE t AS EXECUTE q;
-- road: SELECT INTO (refused)
\c -
:as_paths
SELECT 1 AS id, NULL::uuid AS organization_id INTO t;
-- road: EXPLAIN ANALYZE CREATE TABLE AS, the library being loaded (refused)
\c -
:as_paths
CREATE TEMP TABLE loads_the_library ();
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
CREATE TABLE t AS SELECT NULL::uuid AS organization_id;
-- road: EXPLAIN ANALYZE SELECT INTO, the library being loaded (refused)
\c -
:as_paths
CREATE TEMP TABLE loads_the_library ();
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT NULL::uuid AS organization_id INTO t;
-- road: CREATE SCHEMA with elements (refused)
\c -
:as_paths
CREATE SCHEMA paths2 CREATE TABLE t (organization_id uuid);
-- road: CREATE FOREIGN TABLE (warns)
\c -
:as_paths
CREATE FOREIGN TABLE f (organization_id uuid) SERVER regress_paths_server;
DROP FOREIGN TABLE f;
-- road: CREATE FOREIGN TABLE PARTITION OF, out of reach (passes)
CREATE FOREIGN TABLE f PARTITION OF parted FOR VALUES IN (2)
  SERVER regress_paths_server;
DROP FOREIGN TABLE f;
-- road: quoted and unusual names (refused)
\c -
:as_paths
CREATE TABLE "-- x'); DROP TABLE ""t" ("Organization_ID" int, organization_id uuid);
CREATE TABLE "%s%n%d 漢字" (organization_id uuid);
CREATE TABLE "a very long name that is cut off by PostgreSQL since it has more than 63 bytes" (organization_id uuid);
-- road: a name that is only like that of the tenant column (refused)
CREATE TABLE t ("Organization_id" uuid, "organization_id " uuid);
-- road: a tenant column of a domain type (refused)
\c -
:as_paths
CREATE DOMAIN org AS uuid NOT NULL;
CREATE TABLE t (organization_id org);
-- road: a tenant column of an enum, array, composite or range type (refused)
CREATE TABLE t (organization_id uuid[]);
CREATE TABLE t (organization_id row_type);
CREATE TABLE t (organization_id int4range);
-- road: a generated tenant column (refused)
CREATE TABLE t (id int, organization_id int GENERATED ALWAYS AS (id) STORED);
-- road: a tenant column whose type is temporary and would take it along (refused)
\c -
:as_paths
CREATE DOMAIN pg_temp.fleeting AS uuid;
BEGIN;
CREATE TABLE t (id int PRIMARY KEY, organization_id pg_temp.fleeting NOT NULL,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX ON t (organization_id);
COMMIT;
-- road: a generated tenant column that calls a temporary function (refused)
CREATE FUNCTION pg_temp.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
BEGIN;
CREATE TABLE t (id int PRIMARY KEY,
  organization_id int GENERATED ALWAYS AS (pg_temp.f(id)) STORED,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE t ENABLE ROW LEVEL SECURITY, ALTER organization_id SET NOT NULL;
CREATE POLICY p ON t USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::int));
CREATE INDEX ON t (organization_id);
COMMIT;
-- road: an index that stands on a temporary object (refused)
BEGIN;
CREATE TABLE t (id int PRIMARY KEY, organization_id uuid NOT NULL, c pg_temp.fleeting,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX ON t (organization_id, c);
COMMIT;
-- road: a policy that stands on a column that stands on a temporary object (refused)
BEGIN;
CREATE TABLE t (id int PRIMARY KEY, organization_id uuid NOT NULL, c pg_temp.fleeting,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY loose ON t USING (true);
CREATE POLICY p ON t AS RESTRICTIVE USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND c IS NOT DISTINCT FROM c);
CREATE INDEX ON t (organization_id);
COMMIT;
-- road: a function, DO block or procedure that creates it (refused)
\c -
:as_paths
DO $$ BEGIN EXECUTE 'CREATE TABLE t (organization_id uuid)'; END $$;
CREATE FUNCTION makes() RETURNS void LANGUAGE plpgsql
  AS 'BEGIN CREATE TABLE t (organization_id uuid); END';
SELECT makes();
CREATE PROCEDURE makes2() LANGUAGE plpgsql
  AS 'BEGIN CREATE TABLE t (organization_id uuid); COMMIT; END';
CALL makes2();
-- road: a trigger on a table that creates it (refused)
CREATE TABLE global_table (id int);
CREATE FUNCTION makes3() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN CREATE TABLE t (organization_id uuid); RETURN new; END';
CREATE TRIGGER g BEFORE INSERT ON global_table FOR EACH ROW EXECUTE FUNCTION makes3();
\c -
:as_paths
INSERT INTO global_table VALUES (1);
DROP TABLE global_table;

-- nothing of it is there
SELECT relname FROM pg_class WHERE relnamespace = 'paths'::regnamespace
  AND relkind IN ('r', 'p', 'f') ORDER BY relname;
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';

\c -
:as_paths
DROP TABLE guarded, parted;
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT trovella_guard.disallow('paths.global_table');
DROP SERVER regress_paths_server CASCADE;
DROP FOREIGN DATA WRAPPER regress_paths_fdw;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
