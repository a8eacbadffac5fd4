-- Every shape of a transaction.
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

-- road: many statements in one transaction (refused)
\c -
:as_paths
BEGIN;
CREATE TABLE t (organization_id uuid);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
COMMIT;
-- road: many statements in one simple query (refused)
\c -
:as_paths
CREATE TABLE t (organization_id uuid)\; CREATE TEMP TABLE x ()\; DROP TABLE x;
-- road: BEGIN and COMMIT in one simple query (refused)
BEGIN\; CREATE TABLE t (organization_id uuid)\; COMMIT;
-- road: ROLLBACK, and a failed transaction (passes)
BEGIN; CREATE TABLE t (organization_id uuid); ROLLBACK;
BEGIN; CREATE TABLE t (organization_id uuid); SELECT 1/0; COMMIT;
-- road: a transaction after a refused one (refused)
\c -
:as_paths
CREATE TABLE t (organization_id uuid);
CREATE TABLE t (organization_id uuid);
SELECT make('t');
DROP TABLE t;
-- road: COMMIT AND CHAIN (refused)
\c -
:as_paths
BEGIN; CREATE TABLE t (organization_id uuid); COMMIT AND CHAIN; ROLLBACK;
BEGIN; COMMIT AND CHAIN; CREATE TABLE t (organization_id uuid); COMMIT;
-- road: a savepoint that is released (refused)
\c -
:as_paths
BEGIN; SAVEPOINT a; CREATE TABLE t (organization_id uuid); RELEASE a; COMMIT;
BEGIN; SAVEPOINT a; SAVEPOINT b; DROP POLICY p ON guarded; RELEASE b; RELEASE a; COMMIT;
-- road: a savepoint that is kept (refused)
BEGIN; SAVEPOINT a; DROP POLICY p ON guarded; COMMIT;
-- road: a savepoint that is rolled back (passes)
BEGIN; SAVEPOINT a; CREATE TABLE t (organization_id uuid); ROLLBACK TO a; COMMIT;
BEGIN; SAVEPOINT a; SAVEPOINT b; DROP POLICY p ON guarded; RELEASE b; ROLLBACK TO a; COMMIT;
-- road: the repair rolled back, the damage not (refused)
BEGIN;
CREATE TABLE t (organization_id uuid);
SAVEPOINT a;
DROP TABLE t;
ROLLBACK TO a;
COMMIT;
BEGIN;
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
SAVEPOINT a;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ROLLBACK TO a;
COMMIT;
-- road: touched again after the savepoint that touched it first was rolled back (refused)
BEGIN;
SAVEPOINT a;
ALTER TABLE guarded ADD COLUMN x int;
ROLLBACK TO a;
DROP POLICY p ON guarded;
COMMIT;
BEGIN;
SAVEPOINT a;
DROP POLICY p ON guarded;
ROLLBACK TO a;
SAVEPOINT a;
DROP POLICY p ON guarded;
RELEASE a;
COMMIT;
-- road: many savepoints of one name, in every order (refused)
BEGIN;
SAVEPOINT a; SAVEPOINT a; SAVEPOINT a;
ALTER TABLE guarded ADD COLUMN x int;
ROLLBACK TO a;
DROP INDEX guarded_idx;
RELEASE a;
SAVEPOINT b;
CREATE INDEX guarded_idx ON guarded (organization_id);
ROLLBACK TO b;
RELEASE a;
COMMIT;
-- road: an exception block that catches nothing (refused)
DO $$ BEGIN
  BEGIN DROP POLICY p ON guarded; EXCEPTION WHEN OTHERS THEN NULL; END;
END $$;
-- road: an exception block that undoes it (passes)
DO $$ BEGIN
  BEGIN DROP POLICY p ON guarded; PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END;
END $$;
-- road: an exception block that tries to catch the refusal (refused)
DO $$ BEGIN
  BEGIN DROP POLICY p ON guarded; SET CONSTRAINTS ALL IMMEDIATE;
  EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'caught'; END;
END $$;
-- road: a DO block or procedure that commits (refused)
\c -
:as_paths
DO $$ BEGIN CREATE TABLE t (organization_id uuid); COMMIT; DROP TABLE t; END $$;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
  COMMIT;
  ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
  COMMIT;
  ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
END $$;
\c -
:as_paths
CALL commits();
-- road: a deferred trigger that fires at commit (refused)
CREATE TABLE global_table (id int);
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN DROP POLICY p ON guarded; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON global_table
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
\c -
:as_paths
INSERT INTO global_table VALUES (1);
BEGIN; INSERT INTO global_table VALUES (1); COMMIT;
-- road: a deferred trigger that undoes the damage (passes)
CREATE OR REPLACE FUNCTION late() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; RETURN NULL; END';
BEGIN; INSERT INTO global_table VALUES (1); ALTER TABLE guarded DISABLE ROW LEVEL SECURITY; COMMIT;
-- road: a WITH HOLD cursor whose function is run at commit (refused)
CREATE FUNCTION later() RETURNS int LANGUAGE plpgsql
  AS 'BEGIN DROP POLICY p ON guarded; RETURN 1; END';
\c -
:as_paths
BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT later(); COMMIT;
-- road: REPEATABLE READ, SERIALIZABLE, READ ONLY DEFERRABLE (refused)
\c -
:as_paths
BEGIN ISOLATION LEVEL REPEATABLE READ; DROP POLICY p ON guarded; COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM guarded; DROP POLICY p ON guarded; COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM guarded; DROP POLICY p ON guarded; COMMIT;
BEGIN ISOLATION LEVEL READ UNCOMMITTED; DROP POLICY p ON guarded; COMMIT;
-- road: parallel query in the same transaction (refused)
\c -
:as_paths
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
BEGIN;
DROP POLICY p ON guarded;
SELECT count(*) FROM pg_attribute WHERE attname = 'organization_id' AND attrelid = 'guarded'::regclass;
COMMIT;
-- road: CREATE TABLE AS that runs in parallel (refused)
CREATE TABLE t AS SELECT attname, NULL::uuid AS organization_id FROM pg_attribute LIMIT 1;
-- road: damage and repair by turns, right at the end (passes)
BEGIN;
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
ALTER TABLE guarded RENAME organization_id TO org;
ALTER TABLE guarded RENAME org TO organization_id;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
COMMIT;
-- road: a table that is made and dropped in one transaction (passes)
BEGIN; CREATE TABLE t (organization_id uuid); DROP TABLE t; COMMIT;
-- road: a hundred tables, one of them bare (refused)
BEGIN;
DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM make('many_' || i); END LOOP; END $$;
ALTER TABLE many_33 DISABLE ROW LEVEL SECURITY;
COMMIT;
-- road: the statement that is refused leaves the session usable (passes)
SELECT make('t');
DROP TABLE t;

SELECT relname FROM pg_class WHERE relnamespace = 'paths'::regnamespace
  AND relkind = 'r' ORDER BY relname;
SELECT table_name, rule, message FROM trovella_guard.check() WHERE level = 'error'
  ORDER BY 1, 2, 3;
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
