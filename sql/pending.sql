--
-- pending(): what the commit would say now.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_pending NOLOGIN;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_pending;
CREATE SCHEMA regress_pending;
GRANT ALL ON SCHEMA regress_pending TO regress_pending;
SET search_path = regress_pending;

-- nothing was touched
SELECT * FROM trovella_guard.pending();
\c -
SET trovella_guard.app_role = regress_no_such_role;
SET search_path = regress_pending;
SELECT * FROM trovella_guard.pending();

-- a migration, seen while it grows
BEGIN;
CREATE TABLE item (id text PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
SELECT table_name, rule, level, object, was_there, refused FROM trovella_guard.pending();
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
SELECT rule, repair_sql FROM trovella_guard.pending();
CREATE POLICY item_tenant ON item USING (:tenant);
SELECT * FROM trovella_guard.pending();
-- what a savepoint takes back is not pending
SAVEPOINT s;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT rule, refused FROM trovella_guard.pending();
ROLLBACK TO s;
SELECT * FROM trovella_guard.pending();
-- a warning refuses nothing
CREATE TABLE unclassified (id text);
SET LOCAL trovella_guard.rules = 'table_unclassified=warning';
SELECT table_name, rule, level, refused FROM trovella_guard.pending();
-- an error does
SET LOCAL trovella_guard.rules = '';
SELECT table_name, rule, level, refused FROM trovella_guard.pending();
SELECT trovella_guard.allow('unclassified', 'reference data');
SELECT * FROM trovella_guard.pending();
COMMIT;

-- what was there before refuses nothing
SET trovella_guard.mode = off;
CREATE TABLE legacy (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SET trovella_guard.mode = enforce;
BEGIN;
ALTER TABLE legacy ADD COLUMN more int;
SELECT rule, was_there, refused FROM trovella_guard.pending();
ROLLBACK;

-- the mode does not matter: it says what an enforcing guard would say
SET trovella_guard.mode = off;
BEGIN;
CREATE TABLE bare (organization_id text);
SELECT count(*) AS refused FROM trovella_guard.pending() WHERE refused;
ROLLBACK;
SET trovella_guard.mode = enforce;

-- asking changes nothing: the commit says the same afterwards
BEGIN;
CREATE TABLE bare (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT count(*) FROM trovella_guard.pending();
SELECT count(*) FROM trovella_guard.pending();
COMMIT;

-- in every isolation level, in a read-only transaction, inside a function
BEGIN ISOLATION LEVEL SERIALIZABLE;
CREATE TABLE bare (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT rule FROM trovella_guard.pending();
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM trovella_guard.pending();
COMMIT;
BEGIN;
DO $$
DECLARE n int;
BEGIN
  CREATE TABLE bare (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
  SELECT count(*) INTO n FROM trovella_guard.pending() WHERE refused;
  RAISE NOTICE '% findings', n;
END
$$;
ROLLBACK;

-- as a plain role
SET ROLE regress_pending;
BEGIN;
CREATE TABLE bare (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT rule FROM trovella_guard.pending();
ROLLBACK;
RESET ROLE;

SET client_min_messages = error;
DROP SCHEMA regress_pending CASCADE;
SELECT trovella_guard.disallow('regress_pending.unclassified');
RESET client_min_messages;
REVOKE SET ON PARAMETER trovella_guard.app_role FROM regress_pending;
DROP ROLE regress_pending;
