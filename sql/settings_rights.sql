--
-- Nobody but a superuser, or who was granted it, turns the guard off: not in
-- the session, not for the role or the database, not before the library is
-- loaded.  What needs a login of such a role is in test/t/003_connection.pl.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_operator;
CREATE SCHEMA regress_rights AUTHORIZATION regress_owner;
GRANT USAGE, CREATE ON SCHEMA regress_rights TO regress_operator;
GRANT SET ON PARAMETER trovella_guard.mode TO regress_operator;
-- even the owner of the database
SELECT datdba::regrole AS old_owner FROM pg_database
  WHERE datname = current_database() \gset
ALTER DATABASE contrib_regression OWNER TO regress_owner;

--
-- after the library is loaded
--
\c -
SET SESSION AUTHORIZATION regress_owner;
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
SET trovella_guard.mode = off;
SET trovella_guard.mode = warn;
SET SESSION trovella_guard.rules = 'rls_disabled=off';
SET trovella_guard.tenant_columns = 'nothing';
SET trovella_guard.required_columns = 'nothing';
SET trovella_guard.app_role = 'nobody';
SET trovella_guard.tenant_expression = '1';
SELECT set_config('trovella_guard.mode', 'off', false);
BEGIN;
SET LOCAL trovella_guard.mode = off;
ROLLBACK;
ALTER ROLE regress_owner SET trovella_guard.mode = off;
ALTER DATABASE contrib_regression SET trovella_guard.mode = off;
ALTER ROLE regress_owner IN DATABASE contrib_regression SET trovella_guard.rules = 'rls_disabled=off';
CREATE FUNCTION regress_rights.off() RETURNS void LANGUAGE sql
  SET trovella_guard.mode = off AS 'SELECT';
ALTER SYSTEM SET trovella_guard.mode = off;
UPDATE pg_settings SET setting = 'off' WHERE name = 'trovella_guard.mode';
SHOW trovella_guard.mode;
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);

--
-- before
--
\c -
SET SESSION AUTHORIZATION regress_owner;
SET trovella_guard.mode = off;
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
SHOW trovella_guard.mode;
\c -
SET SESSION AUTHORIZATION regress_owner;
SET trovella_guard.rules = 'rls_disabled=off, policy_missing=off, tenant_index_missing=off';
SET trovella_guard.tenant_columns = 'nothing';
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
SHOW trovella_guard.tenant_columns;
\c -
SET SESSION AUTHORIZATION regress_owner;
BEGIN;
SET LOCAL trovella_guard.mode = off;
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
COMMIT;
\c -
SET SESSION AUTHORIZATION regress_owner;
SELECT set_config('trovella_guard.mode', 'off', false);
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
\c -
SET SESSION AUTHORIZATION regress_owner;
ALTER ROLE regress_owner SET trovella_guard.mode = off;
\c -
SET SESSION AUTHORIZATION regress_owner;
ALTER DATABASE contrib_regression SET trovella_guard.mode = off;
\c -
SET SESSION AUTHORIZATION regress_owner;
CREATE FUNCTION regress_rights.make() RETURNS void LANGUAGE plpgsql
  SET trovella_guard.mode = off
  AS $$BEGIN CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL); END$$;
\c -
SET SESSION AUTHORIZATION regress_owner;
ALTER DATABASE contrib_regression SET session_preload_libraries = '';

--
-- nor disable the watchers, or take the extension away
--
\c -
SET SESSION AUTHORIZATION regress_owner;
ALTER EVENT TRIGGER trovella_guard_open DISABLE;
DROP EVENT TRIGGER trovella_guard_collect;
DROP EXTENSION trovella_guard;
ALTER EXTENSION trovella_guard DROP EVENT TRIGGER trovella_guard_open;
DROP SCHEMA trovella_guard CASCADE;
ALTER TABLE trovella_guard.allowlist DISABLE TRIGGER ALL;
SET session_replication_role = replica;
CREATE TABLE trovella_guard.mine (id int);
SELECT trovella_guard_internal.open();
SELECT trovella_guard_internal.collect();
SELECT trovella_guard_internal.allowlist_changed();
-- nor make them work for others
CREATE FUNCTION regress_rights.fake() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TABLE pg_temp.scratch (id int);
CREATE TRIGGER t AFTER INSERT ON pg_temp.scratch FOR EACH ROW
  EXECUTE FUNCTION trovella_guard_internal.allowlist_changed();

--
-- who was granted it may
--
\c -
SET SESSION AUTHORIZATION regress_operator;
SET trovella_guard.mode = off;
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
SHOW trovella_guard.mode;
SET trovella_guard.rules = 'rls_disabled=off';
DROP TABLE regress_rights.item;
RESET trovella_guard.mode;
SET trovella_guard.mode = warn;
SHOW trovella_guard.mode;
-- a role that a superuser has become has its own rights before loading
\c -
SET ROLE regress_owner;
SET trovella_guard.mode = off;
CREATE TABLE regress_rights.item (id text, organization_id text NOT NULL);
RESET ROLE;

\c -
SET client_min_messages = error;
ALTER DATABASE contrib_regression OWNER TO :old_owner;
REVOKE SET ON PARAMETER trovella_guard.mode FROM regress_operator;
DROP SCHEMA regress_rights CASCADE;
DROP ROLE regress_owner, regress_operator;
