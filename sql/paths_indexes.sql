-- Every way to take an index away.
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
CREATE TABLE parent (id int PRIMARY KEY);
BEGIN;
ALTER TABLE guarded ADD COLUMN parent_id int REFERENCES parent ON DELETE CASCADE;
CREATE INDEX guarded_parent_idx ON guarded (parent_id);
COMMIT;
SELECT make('parted', 'PARTITION BY LIST (id)');
CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);

-- road: DROP INDEX (refused)
\c -
:as_paths
DROP INDEX guarded_idx;
-- road: DROP INDEX of a foreign key's index (refused)
\c -
:as_paths
DROP INDEX guarded_parent_idx;
-- road: DROP INDEX CONCURRENTLY (refused)
\c -
:as_paths
DROP INDEX CONCURRENTLY guarded_idx;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'guarded_idx'::regclass;
-- road: DROP INDEX of a partitioned table (refused)
\c -
:as_paths
DROP INDEX parted_idx;
-- road: DROP INDEX and CREATE INDEX in one transaction (passes)
BEGIN;
DROP INDEX guarded_idx;
CREATE INDEX guarded_idx ON guarded (organization_id, id);
COMMIT;
-- road: DROP INDEX of one of two (passes)
CREATE INDEX guarded_idx2 ON guarded (organization_id);
DROP INDEX guarded_idx;
-- road: DROP CONSTRAINT that owned the only index (refused)
ALTER TABLE guarded ADD CONSTRAINT guarded_key UNIQUE (organization_id, id);
DROP INDEX guarded_idx2;
\c -
:as_paths
ALTER TABLE guarded DROP CONSTRAINT guarded_key;
-- road: ADD CONSTRAINT USING INDEX (passes)
CREATE UNIQUE INDEX guarded_idx ON guarded (organization_id, id);
ALTER TABLE guarded DROP CONSTRAINT guarded_key,
  ADD CONSTRAINT guarded_key UNIQUE USING INDEX guarded_idx;
-- road: DROP COLUMN of a second key column, which takes the index along (refused)
\c -
:as_paths
ALTER TABLE guarded DROP COLUMN id;
-- road: an index on an expression, partial, of another method or not led by the column instead (refused)
BEGIN;
ALTER TABLE guarded DROP CONSTRAINT guarded_key;
CREATE INDEX ON guarded ((organization_id::text));
CREATE INDEX ON guarded (organization_id) WHERE id > 0;
CREATE INDEX ON guarded (id, organization_id);
CREATE INDEX ON guarded USING brin (organization_id);
CREATE INDEX ON guarded (id) INCLUDE (organization_id);
COMMIT;
-- road: REINDEX INDEX, TABLE, SCHEMA (passes)
REINDEX INDEX guarded_key;
REINDEX TABLE guarded;
-- road: REINDEX CONCURRENTLY (passes)
REINDEX INDEX CONCURRENTLY guarded_key;
REINDEX TABLE CONCURRENTLY guarded;
-- road: ALTER INDEX RENAME, SET, SET TABLESPACE (passes)
ALTER INDEX guarded_parent_idx RENAME TO guarded_parent_idx2;
ALTER INDEX guarded_parent_idx2 SET (fillfactor = 90);
-- road: a CREATE INDEX CONCURRENTLY that fails, leaving an invalid one (passes)
INSERT INTO guarded (id, organization_id) VALUES
  (1, '11111111-1111-1111-1111-111111111111'), (1, '22222222-2222-2222-2222-222222222222');
CREATE UNIQUE INDEX CONCURRENTLY invalid_idx ON guarded (id);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'invalid_idx'::regclass;
DROP INDEX CONCURRENTLY invalid_idx;
CREATE UNIQUE INDEX CONCURRENTLY invalid_idx ON guarded ((organization_id IS NULL), organization_id, (1 / (id - 1)));
DROP INDEX invalid_idx;
-- road: the valid index dropped where an invalid one is left (refused)
DELETE FROM guarded;
INSERT INTO guarded (id, organization_id) VALUES
  (1, '11111111-1111-1111-1111-111111111111'), (2, '11111111-1111-1111-1111-111111111111');
CREATE UNIQUE INDEX CONCURRENTLY invalid_idx ON guarded (organization_id);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'invalid_idx'::regclass;
\c -
:as_paths
ALTER TABLE guarded DROP CONSTRAINT guarded_key;
DROP INDEX invalid_idx;
-- road: CREATE INDEX CONCURRENTLY, then the other one dropped (passes)
CREATE INDEX CONCURRENTLY guarded_idx3 ON guarded (organization_id);
ALTER TABLE guarded DROP CONSTRAINT guarded_key;
-- road: CREATE INDEX ON ONLY a partitioned table, which is invalid (refused)
BEGIN;
DROP INDEX parted_idx;
CREATE INDEX parted_idx ON ONLY parted (organization_id);
COMMIT;
-- road: ALTER INDEX ATTACH PARTITION, which makes it valid (passes)
BEGIN;
DROP INDEX parted_idx;
CREATE INDEX parted_idx ON ONLY parted (organization_id);
CREATE INDEX part_idx ON part (organization_id);
ALTER INDEX parted_idx ATTACH PARTITION part_idx;
COMMIT;
-- road: ALTER TABLE ALTER COLUMN TYPE that changes the operator class's collation (passes)
ALTER TABLE guarded ADD COLUMN name text;
CREATE INDEX ON guarded (organization_id, name);
ALTER TABLE guarded ALTER name TYPE text COLLATE "C";
-- road: DROP COLLATION CASCADE that takes the index along (refused)
CREATE COLLATION mine FROM "C";
DROP INDEX guarded_organization_id_name_idx;
CREATE INDEX guarded_idx4 ON guarded (organization_id, name COLLATE mine);
DROP INDEX guarded_idx3;
\c -
:as_paths
DROP COLLATION mine CASCADE;
-- road: DROP FUNCTION CASCADE that takes the index along (refused)
CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE INDEX guarded_idx5 ON guarded (organization_id, f(name));
DROP INDEX guarded_idx4;
\c -
:as_paths
DROP FUNCTION f CASCADE;

SELECT table_name, rule, message FROM trovella_guard.check() WHERE level = 'error'
  ORDER BY 1, 2, 3;
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
