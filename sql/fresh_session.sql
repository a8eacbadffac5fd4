--
-- The first statement of a fresh session, which finds the library not yet
-- loaded.  Each \c makes a new session.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE ROLE regress_fresh_owner LOGIN;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_fresh_owner;
CREATE ROLE regress_fresh_reader;
-- the owner of the tables runs the migrations, and serves no tenant
\set as_owner 'SET trovella_guard.app_role = regress_fresh_reader; SET SESSION AUTHORIZATION regress_fresh_owner;'
SET trovella_guard.app_role = regress_fresh_reader;
CREATE SCHEMA regress_fresh AUTHORIZATION regress_fresh_owner;
SET search_path = regress_fresh;
SET ROLE regress_fresh_owner;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX item_tenant_idx ON item (organization_id);
CREATE TABLE event (:columns) PARTITION BY RANGE (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX event_tenant_idx ON event (organization_id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2);
CREATE FUNCTION lay_bare() RETURNS void LANGUAGE sql
  AS 'ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY';
RESET ROLE;
SELECT trovella_guard.allow('global', 'reference data');
CREATE TABLE global (:columns);
COMMIT;

-- by the owner of the tables, who is no superuser
\c -
:as_owner
CREATE TABLE regress_fresh.other (:columns);
\c
:as_owner
CREATE TABLE regress_fresh.copy AS SELECT * FROM regress_fresh.item;
\c
:as_owner
SELECT * INTO regress_fresh.copy FROM regress_fresh.item;
\c
:as_owner
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
\c
:as_owner
DROP POLICY item_tenant ON regress_fresh.item;
\c
:as_owner
ALTER POLICY item_tenant ON regress_fresh.item RENAME TO tenant;
\c
:as_owner
DROP INDEX regress_fresh.item_tenant_idx;
\c
:as_owner
DROP INDEX CONCURRENTLY regress_fresh.item_tenant_idx;
\c
:as_owner
ALTER TABLE regress_fresh.item RENAME COLUMN organization_id TO org_id;
\c
:as_owner
ALTER TABLE regress_fresh.item DROP COLUMN organization_id CASCADE;
\c
:as_owner
ALTER TABLE regress_fresh.item ALTER COLUMN organization_id DROP NOT NULL;
\c
:as_owner
ALTER TABLE regress_fresh.item ALTER COLUMN organization_id SET NOT NULL;
\c
:as_owner
ALTER TABLE regress_fresh.item ADD COLUMN other_id int
  CONSTRAINT item_self REFERENCES regress_fresh.item (id);
\c
:as_owner
GRANT SELECT ON regress_fresh.event_1 TO regress_fresh_reader;
\c
:as_owner
GRANT SELECT (id) ON regress_fresh.event_1 TO regress_fresh_reader;
\c
:as_owner
ALTER TABLE regress_fresh.event DETACH PARTITION regress_fresh.event_1;
\c
:as_owner
CREATE TABLE regress_fresh.event_2 PARTITION OF regress_fresh.event FOR VALUES FROM (2) TO (3);
\c
:as_owner
ALTER TABLE regress_fresh.item RENAME TO global2;
\c
:as_owner
ALTER TABLE regress_fresh.global2 RENAME TO item;
\c
:as_owner
SELECT regress_fresh.lay_bare();
\c
:as_owner
DO $$BEGIN
  EXECUTE 'ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY';
END$$;
-- in a block, where the library is loaded halfway
\c
:as_owner
BEGIN;
SAVEPOINT a;
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
RELEASE a;
COMMIT;
\c
:as_owner
BEGIN;
SAVEPOINT a;
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
ROLLBACK TO a;
COMMIT;
\c
:as_owner
BEGIN;
SAVEPOINT a;
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
ROLLBACK TO a;
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
COMMIT;
-- a transaction that failed before
\c
:as_owner
BEGIN;
ALTER TABLE regress_fresh.nonsense DISABLE ROW LEVEL SECURITY;
ROLLBACK;
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
-- what only a superuser may do
SET client_min_messages = warning;
\c -
SELECT trovella_guard.disallow('regress_fresh.global');
\c
CREATE SCHEMA regress_fresh_2 CREATE TABLE item (organization_id text);
\c
ALTER TABLE regress_fresh.global SET SCHEMA public;
\c
ALTER SCHEMA regress_fresh RENAME TO regress_fresh_2;
\c
DELETE FROM trovella_guard.allowlist WHERE schema_name = 'regress_fresh';
\c
SET session_replication_role = replica;
ALTER TABLE regress_fresh.item DISABLE ROW LEVEL SECURITY;
\c
SET session_replication_role = replica;
DELETE FROM trovella_guard.allowlist WHERE schema_name = 'regress_fresh';
\c
DROP OWNED BY regress_fresh_owner CASCADE;

\c
SET client_min_messages = error;
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';
SELECT trovella_guard.disallow('regress_fresh.global');
DROP SCHEMA IF EXISTS regress_fresh CASCADE;
DROP ROLE regress_fresh_owner, regress_fresh_reader;
