-- Every way to make a table a tenant table after the fact, and to take its
-- protection away by ALTER TABLE and its like.
\set VERBOSITY sqlstate
-- tables without a tenant column are scenery here
\set as_paths 'SET trovella_guard.rules = ''table_unclassified=warning''; SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
GRANT SET ON PARAMETER trovella_guard.rules TO regress_paths;
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
SELECT make('guarded');
SELECT make('parted', 'PARTITION BY LIST (id)');
CREATE TABLE other (id int, org uuid,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());

-- road: ALTER TABLE ADD COLUMN of the tenant column (refused)
\c -
:as_paths
ALTER TABLE other ADD COLUMN organization_id uuid;
-- road: ALTER TABLE RENAME COLUMN to the tenant column (refused)
\c -
:as_paths
ALTER TABLE other RENAME COLUMN org TO organization_id;
-- road: ADD COLUMN that reaches inheritance children (refused)
CREATE TABLE other_child () INHERITS (other);
GRANT SELECT ON other_child TO regress_paths_app;
\c -
:as_paths
ALTER TABLE other ADD COLUMN organization_id uuid;
-- road: RENAME COLUMN that reaches inheritance children (refused)
\c -
:as_paths
ALTER TABLE other RENAME COLUMN org TO organization_id;
DROP TABLE other_child;
-- road: ADD COLUMN that reaches partitions (refused)
CREATE TABLE other_parted (id int) PARTITION BY LIST (id);
CREATE TABLE other_partition PARTITION OF other_parted FOR VALUES IN (1);
\c -
:as_paths
ALTER TABLE other_parted ADD COLUMN organization_id uuid;
DROP TABLE other_parted;
-- road: ALTER TYPE ADD ATTRIBUTE CASCADE, of a typed table (refused)
CREATE TYPE row_type AS (id int, org uuid);
CREATE TABLE typed OF row_type;
\c -
:as_paths
ALTER TYPE row_type ADD ATTRIBUTE organization_id uuid CASCADE;
-- road: ALTER TYPE RENAME ATTRIBUTE CASCADE, of a typed table (refused)
\c -
:as_paths
ALTER TYPE row_type RENAME ATTRIBUTE org TO organization_id CASCADE;
DROP TABLE typed;
-- road: ALTER TABLE OF type, NOT OF (passes)
ALTER TYPE row_type ADD ATTRIBUTE organization_id uuid;
\c -
:as_paths
SELECT make('typed');
CREATE TYPE row_type2 AS (id int, organization_id uuid, created_at timestamptz, updated_at timestamptz);
ALTER TABLE typed OF row_type2;
ALTER TABLE typed NOT OF;
DROP TABLE typed;

-- road: DROP COLUMN of the tenant column (refused)
\c -
:as_paths
ALTER TABLE guarded DROP COLUMN organization_id CASCADE;
-- road: RENAME COLUMN of the tenant column (refused)
\c -
:as_paths
ALTER TABLE guarded RENAME COLUMN organization_id TO org;
-- road: DROP COLUMN of a partitioned table's tenant column (refused)
\c -
:as_paths
ALTER TABLE parted DROP COLUMN organization_id CASCADE;
-- road: the tenant column dropped and made anew, without policy and index (refused)
\c -
:as_paths
ALTER TABLE guarded DROP COLUMN organization_id CASCADE, ADD COLUMN organization_id uuid;
-- road: ALTER TYPE DROP ATTRIBUTE CASCADE, of a typed table (refused)
BEGIN;
CREATE TYPE row_type3 AS (id int, organization_id uuid, created_at timestamptz, updated_at timestamptz);
CREATE TABLE typed OF row_type3 (organization_id NOT NULL);
ALTER TABLE typed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON typed USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX typed_idx ON typed (organization_id);
COMMIT;
\c -
:as_paths
ALTER TYPE row_type3 DROP ATTRIBUTE organization_id CASCADE;
-- road: DROP TYPE or DOMAIN CASCADE of the tenant column's type (refused)
CREATE DOMAIN org_id AS uuid;
BEGIN;
CREATE TABLE with_domain (organization_id org_id NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE with_domain ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON with_domain USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX ON with_domain (organization_id);
COMMIT;
\c -
:as_paths
DROP DOMAIN org_id CASCADE;
-- road: ALTER COLUMN TYPE of the tenant column (passes)
BEGIN;
DROP POLICY p ON guarded;
ALTER TABLE guarded ALTER organization_id TYPE text;
CREATE POLICY p ON guarded USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)));
COMMIT;
-- road: ALTER COLUMN TYPE to another collation than the index's queries use (passes)
BEGIN;
DROP POLICY p ON guarded;
ALTER TABLE guarded ALTER organization_id TYPE text COLLATE "C";
CREATE POLICY p ON guarded USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)));
COMMIT;
-- road: ALTER COLUMN TYPE that leaves the policy away (refused)
BEGIN;
DROP POLICY p ON guarded;
ALTER TABLE guarded ALTER organization_id TYPE varchar;
COMMIT;
-- road: ALTER COLUMN DROP NOT NULL (warns)
ALTER TABLE guarded ALTER organization_id DROP NOT NULL;
ALTER TABLE guarded ALTER organization_id SET NOT NULL;

-- road: ADD FOREIGN KEY without an index (refused)
CREATE TABLE parent (id int PRIMARY KEY);
ALTER TABLE guarded ADD COLUMN parent_id int;
\c -
:as_paths
ALTER TABLE guarded ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE;
-- road: ADD FOREIGN KEY NOT VALID without an index (refused)
\c -
:as_paths
ALTER TABLE guarded ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE NOT VALID;
-- road: ADD COLUMN REFERENCES (refused)
\c -
:as_paths
ALTER TABLE guarded ADD COLUMN parent2_id int REFERENCES parent ON DELETE CASCADE;
-- road: ADD FOREIGN KEY and index in one statement or transaction (passes)
BEGIN;
CREATE INDEX guarded_parent_idx ON guarded (parent_id);
ALTER TABLE guarded ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE NOT VALID;
COMMIT;
-- road: VALIDATE CONSTRAINT (passes)
ALTER TABLE guarded VALIDATE CONSTRAINT fk;
-- road: ALTER CONSTRAINT, RENAME CONSTRAINT (passes)
ALTER TABLE guarded ALTER CONSTRAINT fk DEFERRABLE;
ALTER TABLE guarded RENAME CONSTRAINT fk TO fk2;
-- road: DROP CONSTRAINT of a foreign key (passes)
ALTER TABLE guarded DROP CONSTRAINT fk2;

-- road: DISABLE ROW LEVEL SECURITY (refused)
\c -
:as_paths
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
-- road: DISABLE and ENABLE ROW LEVEL SECURITY in one transaction (passes)
BEGIN;
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
COMMIT;
-- road: DISABLE ROW LEVEL SECURITY hidden in an ALTER TABLE of many commands (refused)
\c -
:as_paths
ALTER TABLE guarded ADD COLUMN x int, DISABLE ROW LEVEL SECURITY, ADD COLUMN y int;
-- road: DISABLE ROW LEVEL SECURITY after the search_path was moved (refused)
\c -
:as_paths
DO $$ BEGIN
  ALTER TABLE paths.guarded DISABLE ROW LEVEL SECURITY;
  SET search_path = pg_catalog;
  CREATE TEMP TABLE guarded ();
END $$;
-- road: DISABLE ROW LEVEL SECURITY by a function within REFRESH MATERIALIZED VIEW (refused)
CREATE FUNCTION disables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN ALTER TABLE paths.guarded DISABLE ROW LEVEL SECURITY; RETURN 1; END $$;
CREATE MATERIALIZED VIEW refreshed AS SELECT disables() AS x WITH NO DATA;
\c -
:as_paths
REFRESH MATERIALIZED VIEW refreshed;
-- road: GRANT by a function within REFRESH MATERIALIZED VIEW (refused)
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN GRANT SELECT ON paths.guarded TO regress_paths_app; RETURN 1; END $$;
\c -
:as_paths
REFRESH MATERIALIZED VIEW refreshed;
-- road: GRANT on a function by a function within REFRESH MATERIALIZED VIEW (refused)
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN GRANT EXECUTE ON FUNCTION paths.make TO regress_paths_app; RETURN 1; END $$;
\c -
:as_paths
REFRESH MATERIALIZED VIEW refreshed;
-- road: GRANT as an element of CREATE SCHEMA by a function within REFRESH MATERIALIZED VIEW (refused)
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN CREATE SCHEMA paths_granting CREATE TABLE unimportant (id int)
  GRANT SELECT ON paths.guarded TO regress_paths_app; RETURN 1; END $$;
\c -
:as_paths
REFRESH MATERIALIZED VIEW refreshed;
-- road: the same by an SQL function, CONCURRENTLY (refused)
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE UNIQUE INDEX ON refreshed (x);
REFRESH MATERIALIZED VIEW refreshed;
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE sql AS $$
  CREATE SCHEMA paths_granting GRANT SELECT (id) ON paths.guarded TO regress_paths_app;
  SELECT 1 $$;
\c -
:as_paths
REFRESH MATERIALIZED VIEW CONCURRENTLY refreshed;
-- road: DEPENDS ON EXTENSION by a function within REFRESH MATERIALIZED VIEW (refused)
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN ALTER FUNCTION paths.make DEPENDS ON EXTENSION plpgsql; RETURN 1; END $$;
\c -
:as_paths
REFRESH MATERIALIZED VIEW refreshed;
-- road: CREATE SCHEMA with other elements by a function within REFRESH MATERIALIZED VIEW (passes)
CREATE OR REPLACE FUNCTION disables() RETURNS int LANGUAGE plpgsql AS $$
BEGIN CREATE SCHEMA paths_granting CREATE VIEW unimportant AS SELECT 1 AS x; RETURN 1; END $$;
\c -
:as_paths
REFRESH MATERIALIZED VIEW refreshed;
DROP VIEW paths_granting.unimportant;
DROP SCHEMA paths_granting;
DROP MATERIALIZED VIEW refreshed;
DROP FUNCTION disables();
-- road: FORCE and NO FORCE ROW LEVEL SECURITY (passes)
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
ALTER TABLE guarded NO FORCE ROW LEVEL SECURITY;

-- road: ATTACH PARTITION to a protected table (passes)
SELECT make('part');
ALTER TABLE parted ATTACH PARTITION part FOR VALUES IN (1);
-- road: ATTACH PARTITION to a table without row-level security (refused)
CREATE TABLE unguarded_parted (id int) PARTITION BY LIST (id);
\c -
:as_paths
BEGIN;
ALTER TABLE unguarded_parted ADD COLUMN organization_id uuid NOT NULL,
  ADD COLUMN created_at timestamptz, ADD COLUMN updated_at timestamptz;
ALTER TABLE parted DETACH PARTITION part;
ALTER TABLE unguarded_parted ATTACH PARTITION part FOR VALUES IN (1);
COMMIT;
DROP TABLE unguarded_parted;
-- road: DISABLE ROW LEVEL SECURITY of a partition out of reach (passes)
ALTER TABLE part DISABLE ROW LEVEL SECURITY;
-- road: GRANT on such a partition (refused)
\c -
:as_paths
GRANT SELECT ON part TO regress_paths_app;
-- road: GRANT on a column of it (refused)
\c -
:as_paths
GRANT SELECT (id) ON part TO regress_paths_app;
-- road: GRANT ON ALL TABLES IN SCHEMA (refused)
\c -
:as_paths
GRANT SELECT ON ALL TABLES IN SCHEMA paths TO regress_paths_app;
-- road: GRANT TO PUBLIC (refused)
\c -
:as_paths
GRANT SELECT ON part TO PUBLIC;
-- road: GRANT and REVOKE in one transaction (passes)
BEGIN;
GRANT SELECT ON part TO regress_paths_app;
REVOKE SELECT ON part FROM regress_paths_app;
COMMIT;
-- road: OWNER TO a role whom the parent keeps out (refused)
\c -
BEGIN;
ALTER TABLE paths.part OWNER TO regress_paths_app;
COMMIT;
-- road: OWNER TO of the parent alone (refused)
ALTER TABLE paths.parted OWNER TO regress_paths_app;
-- road: REASSIGN OWNED of parent and partition (passes)
BEGIN;
GRANT CREATE ON SCHEMA paths TO regress_paths_app;
ALTER TABLE paths.part OWNER TO regress_paths_app;
ALTER TABLE paths.parted OWNER TO regress_paths_app;
COMMIT;
BEGIN;
REASSIGN OWNED BY regress_paths_app TO regress_paths;
COMMIT;
\c -
:as_paths
-- road: DETACH PARTITION of a bare partition (refused)
\c -
:as_paths
ALTER TABLE parted DETACH PARTITION part;
-- road: DETACH PARTITION CONCURRENTLY of a bare partition (refused)
\c -
:as_paths
ALTER TABLE parted DETACH PARTITION part CONCURRENTLY;
SELECT count(*) AS pending FROM pg_inherits WHERE inhdetachpending;
ALTER TABLE part ADD CONSTRAINT spares_a_constraint CHECK (id IS NOT NULL AND id = 1);
\c -
:as_paths
ALTER TABLE parted DETACH PARTITION part CONCURRENTLY;
SELECT count(*) AS pending FROM pg_inherits WHERE inhdetachpending;
-- road: DETACH PARTITION CONCURRENTLY of a protected partition (passes)
ALTER TABLE part ENABLE ROW LEVEL SECURITY;
ALTER TABLE parted DETACH PARTITION part CONCURRENTLY;
-- road: DISABLE ROW LEVEL SECURITY of a parent whose partitions are bare (refused)
ALTER TABLE parted ATTACH PARTITION part FOR VALUES IN (1);
ALTER TABLE part DISABLE ROW LEVEL SECURITY;
\c -
:as_paths
ALTER TABLE parted DISABLE ROW LEVEL SECURITY;
ALTER TABLE part ENABLE ROW LEVEL SECURITY;
ALTER TABLE parted DETACH PARTITION part;

-- road: INHERIT of a protected parent (passes)
SELECT make('heir');
SELECT make('legator');
ALTER TABLE heir INHERIT legator;
-- road: DISABLE ROW LEVEL SECURITY of a child out of reach (passes)
ALTER TABLE heir DISABLE ROW LEVEL SECURITY;
-- road: NO INHERIT of a bare child (refused)
\c -
:as_paths
ALTER TABLE heir NO INHERIT legator;
-- road: the same a generation further down (refused)
BEGIN;
CREATE TABLE grandchild () INHERITS (heir);
CREATE INDEX ON grandchild (organization_id);
COMMIT;
\c -
:as_paths
ALTER TABLE heir NO INHERIT legator;
-- road: a grandparent disables row-level security (refused)
ALTER TABLE legator DISABLE ROW LEVEL SECURITY;
-- road: INHERIT of a parent without tenant column that others may read (refused)
ALTER TABLE heir ENABLE ROW LEVEL SECURITY;
CREATE TABLE base_table (id int);
GRANT SELECT ON base_table TO regress_paths_app;
\c -
:as_paths
ALTER TABLE heir INHERIT base_table;
-- road: INHERIT of one that nobody may read (passes)
REVOKE SELECT ON base_table FROM regress_paths_app;
ALTER TABLE heir INHERIT base_table;
-- road: such a parent, INHERIT of one that others may read (refused)
\c -
:as_paths
CREATE TABLE far_table (id int);
GRANT SELECT ON far_table TO regress_paths_app;
\c -
:as_paths
ALTER TABLE base_table INHERIT far_table;
DROP TABLE far_table;
-- road: GRANT on such a parent (refused)
\c -
:as_paths
GRANT SELECT ON base_table TO regress_paths_app;
-- road: GRANT on a parent that denies every row (passes)
ALTER TABLE base_table ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON base_table TO regress_paths_app;
-- road: a policy on such a parent (refused)
\c -
:as_paths
CREATE POLICY all_rows ON base_table USING (true);
-- road: a policy on such a parent that lets rows be changed, but not read (refused)
CREATE POLICY all_rows ON base_table FOR UPDATE USING (true);
CREATE POLICY all_rows ON base_table FOR DELETE USING (true);
-- road: a policy on such a parent for its own new rows (passes)
CREATE POLICY new_rows ON base_table FOR INSERT WITH CHECK (true);
-- road: DISABLE ROW LEVEL SECURITY of such a parent (refused)
\c -
:as_paths
ALTER TABLE base_table DISABLE ROW LEVEL SECURITY;

-- road: SET SCHEMA, RENAME, OWNER TO, SET UNLOGGED, SET LOGGED (passes)
CREATE SCHEMA paths2;
ALTER TABLE guarded SET SCHEMA paths2;
ALTER TABLE paths2.guarded RENAME TO guarded2;
ALTER TABLE paths2.guarded2 SET UNLOGGED;
ALTER TABLE paths2.guarded2 SET LOGGED;
ALTER TABLE paths2.guarded2 RENAME TO guarded;
ALTER TABLE paths2.guarded SET SCHEMA paths;
ALTER SCHEMA paths2 RENAME TO paths3;
DROP SCHEMA paths3;
-- road: SET TABLESPACE, ALL IN TABLESPACE, CLUSTER, SET STATISTICS, SET storage, REPLICA IDENTITY (passes)
ALTER TABLE guarded SET TABLESPACE pg_default;
ALTER TABLE ALL IN TABLESPACE pg_default OWNED BY regress_paths SET TABLESPACE pg_default;
CLUSTER guarded USING guarded_idx;
ALTER TABLE guarded ALTER organization_id SET STATISTICS 10,
  SET (fillfactor = 90), REPLICA IDENTITY FULL;

SELECT table_name, rule, message FROM trovella_guard.check() WHERE level = 'error'
  ORDER BY 1, 2, 3;
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
