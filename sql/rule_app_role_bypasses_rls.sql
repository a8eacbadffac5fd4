--
-- app_role_bypasses_rls: no policy confines an application role that owns the
-- tables, may become their owner, is a superuser, or has BYPASSRLS.
--
\set SHOW_CONTEXT never
\set VERBOSITY default
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT table_name, level, object, message, repair_sql FROM trovella_guard.check() WHERE rule = ''app_role_bypasses_rls'' AND (schema_name = ''regress_exposure'' OR schema_name IS NULL) ORDER BY table_name, object'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_exposure_app LOGIN;
CREATE ROLE regress_exposure_owner;
CREATE SCHEMA regress_exposure;
GRANT ALL ON SCHEMA regress_exposure TO regress_exposure_app, regress_exposure_owner;
SET search_path = regress_exposure;

-- nobody is named: login roles serve the tenants.  A superuser owns the table
\pset format unaligned
SELECT count(*) FROM pg_roles WHERE rolname = ANY (string_to_array(current_setting('trovella_guard.app_role'), ','));
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON item TO regress_exposure_app;
COMMIT;
:found;

-- the application as the owner
ALTER TABLE item OWNER TO regress_exposure_app;
\set VERBOSITY terse
-- a role that cannot log in is no application role ...
ALTER TABLE item OWNER TO regress_exposure_owner;
:found;
-- ... unless it is named, or becomes one
ALTER ROLE regress_exposure_owner LOGIN;
SET trovella_guard.app_role = 'regress_exposure_owner, regress_nobody';
:found;
SET trovella_guard.app_role = regress_no_such_role;

-- a member of the owner, and a member of a member
\set VERBOSITY default
CREATE ROLE regress_exposure_group IN ROLE regress_exposure_owner;
CREATE ROLE regress_exposure_other LOGIN IN ROLE regress_exposure_group;
\set VERBOSITY terse
ALTER GROUP regress_exposure_group ADD USER regress_exposure_app;
CREATE ROLE regress_exposure_other LOGIN NOINHERIT IN GROUP regress_exposure_owner;

-- what was there before is no reason to refuse anything, unless it gets worse
SET trovella_guard.mode = off;
ALTER GROUP regress_exposure_group ADD USER regress_exposure_app;
CREATE ROLE regress_exposure_other LOGIN;
SET trovella_guard.mode = enforce;
:found;
ALTER TABLE item SET (fillfactor = 90);
ALTER GROUP regress_exposure_owner ADD USER regress_exposure_other;
SET trovella_guard.mode = off;
ALTER GROUP regress_exposure_owner ADD USER regress_exposure_other;
SET trovella_guard.mode = enforce;
:found;
ALTER GROUP regress_exposure_owner DROP USER regress_exposure_other;

-- waived
SELECT trovella_guard.allow('item', 'the owner reads reports', 'app_role_bypasses_rls');
ALTER TABLE item SET (fillfactor = 80);
:found;
SET trovella_guard.mode = off;
SELECT trovella_guard.disallow('item', 'app_role_bypasses_rls');
SET trovella_guard.mode = enforce;

-- excused: its author takes it back at his own risk
SELECT trovella_guard.allow_role('regress_exposure_app', 'nightly reports');
:found;
ALTER TABLE item SET (fillfactor = 70);
SELECT trovella_guard.disallow_role('regress_exposure_app');
SET trovella_guard.mode = off;
SELECT trovella_guard.disallow_role('regress_exposure_app');
SET trovella_guard.mode = enforce;

-- what check() prints repairs it, and so does protect()
SELECT repair_sql FROM trovella_guard.check('item') WHERE rule = 'app_role_bypasses_rls' \gexec
:found;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
SET trovella_guard.mode = off;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
SET trovella_guard.mode = enforce;
SELECT protect FROM trovella_guard.protect('item');
:found;

-- a table without row-level security is the business of rls_disabled
SET trovella_guard.mode = off;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT rule FROM trovella_guard.check('item') WHERE level = 'error';
ALTER TABLE item ENABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
SET trovella_guard.mode = enforce;

-- a partition: its parent covers it as long as nobody names it; its owner may
BEGIN;
CREATE TABLE event (:columns) PARTITION BY LIST (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX ON event (organization_id);
CREATE TABLE event_a PARTITION OF event FOR VALUES IN ('a');
ALTER TABLE event OWNER TO regress_exposure_owner;
ALTER TABLE event_a OWNER TO regress_exposure_owner;
SELECT table_name, rule, message FROM trovella_guard.pending() WHERE refused;
SELECT repair_sql FROM trovella_guard.pending() WHERE refused \gexec
COMMIT;
SELECT rule FROM trovella_guard.check('event_a') WHERE level = 'error';
SELECT rule FROM trovella_guard.check('event') WHERE level = 'error';
DROP TABLE event;

-- superusers and BYPASSRLS: about the database, and only if it is the application's
-- (taking it away makes it an application role that acts as an owner: no worse than before)
ALTER ROLE regress_exposure_app BYPASSRLS;
:found;
ALTER ROLE regress_exposure_app NOBYPASSRLS;
:found;
SET trovella_guard.app_role = 'regress_exposure_app';
\set VERBOSITY default
ALTER ROLE regress_exposure_app BYPASSRLS;
\set VERBOSITY terse
BEGIN;
ALTER ROLE regress_exposure_app SUPERUSER;
SELECT * FROM trovella_guard.pending();
COMMIT;
-- by SET ROLE: the attributes come along
CREATE ROLE regress_exposure_service BYPASSRLS ROLE regress_exposure_app;
CREATE ROLE regress_exposure_service ROLE regress_exposure_app;
\set VERBOSITY default
ALTER ROLE regress_exposure_service BYPASSRLS;
\set VERBOSITY terse
-- a table and the database at once
BEGIN;
ALTER ROLE regress_exposure_service BYPASSRLS;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
COMMIT;
SET trovella_guard.mode = warn;
ALTER ROLE regress_exposure_service BYPASSRLS;
SET trovella_guard.mode = enforce;
:found;
-- it was there before: less is no worse, more is
ALTER ROLE regress_exposure_service CONNECTION LIMIT 7;
ALTER ROLE regress_exposure_service SUPERUSER;
SET trovella_guard.mode = off;
ALTER ROLE regress_exposure_service SUPERUSER;
SET trovella_guard.mode = enforce;
ALTER ROLE regress_exposure_service NOSUPERUSER;
CREATE ROLE regress_exposure_web LOGIN;
SET trovella_guard.app_role = 'regress_exposure_app, regress_exposure_web';
ALTER GROUP regress_exposure_service ADD USER regress_exposure_web;
-- its repair
SELECT repair_sql FROM trovella_guard.check()
  WHERE rule = 'app_role_bypasses_rls' AND schema_name IS NULL ORDER BY object, message \gexec
:found;
-- a role that has the attribute itself comes first; no REVOKE from a member's member would help
SET trovella_guard.mode = off;
CREATE ROLE regress_exposure_bridge ROLE regress_exposure_app IN ROLE regress_exposure_service;
GRANT regress_exposure_web TO regress_exposure_app;
ALTER ROLE regress_exposure_service BYPASSRLS;
ALTER ROLE regress_exposure_web BYPASSRLS;
:found;
ALTER ROLE regress_exposure_service NOBYPASSRLS;
ALTER ROLE regress_exposure_web NOBYPASSRLS;
SET trovella_guard.mode = enforce;
SET trovella_guard.app_role = regress_no_such_role;

-- the owner of the database has the rights of pg_database_owner, and cannot SET ROLE to it
DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO regress_exposure_web', current_database()); END$$;
BEGIN;
CREATE TABLE note (:columns);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY note_tenant ON note USING (:tenant);
CREATE INDEX ON note (organization_id);
ALTER TABLE note OWNER TO pg_database_owner;
COMMIT;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()); END$$;

-- road: ALTER DATABASE OWNER TO an application role, where pg_database_owner owns a tenant table, or may read a view (refused)
BEGIN;
CREATE TABLE note (:columns);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY note_tenant ON note USING (:tenant);
CREATE INDEX ON note (organization_id);
ALTER TABLE note OWNER TO pg_database_owner;
COMMIT;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO regress_exposure_web', current_database()); END$$;
BEGIN;
ALTER TABLE note OWNER TO CURRENT_USER;
CREATE VIEW all_notes AS SELECT * FROM note;
GRANT SELECT ON all_notes TO pg_database_owner;
COMMIT;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO regress_exposure_web', current_database()); END$$;
DROP VIEW all_notes;
-- nothing is opened
DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO regress_exposure_web', current_database()); END$$;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()); END$$;
DROP TABLE note;

DROP TABLE item;
DROP SCHEMA regress_exposure;
DROP ROLE regress_exposure_app, regress_exposure_owner, regress_exposure_group, regress_exposure_other,
  regress_exposure_service, regress_exposure_web, regress_exposure_bridge;
