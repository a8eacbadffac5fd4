--
-- A value of SET counts only while the current user may set it: it may outlive its
-- reason, by RESET ROLE, or in the hands of a pooler
--
\set ON_ERROR_STOP 0
\set VERBOSITY default
SET client_min_messages = warning;
CREATE SCHEMA regress_set;
CREATE ROLE regress_set_owner;
CREATE ROLE regress_set_app;
GRANT CREATE, USAGE ON SCHEMA regress_set TO regress_set_owner;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_set_app',
  current_database()) \gexec
\c -
SET search_path = regress_set;
\set columns 'organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz'

-- road: SET trovella_guard.mode, then SET ROLE or SET SESSION AUTHORIZATION (refused)
SET trovella_guard.mode = off;
CREATE TABLE made_by_superuser (:columns);
SET ROLE regress_set_owner;
\set VERBOSITY terse
CREATE TABLE made_by_owner (:columns);
SELECT item, value, ok, detail FROM trovella_guard.status() WHERE item = 'mode';
RESET ROLE;
SELECT item, value, ok FROM trovella_guard.status() WHERE item = 'mode';
SET SESSION AUTHORIZATION regress_set_owner;
CREATE TABLE made_by_owner (:columns);
RESET SESSION AUTHORIZATION;
\set VERBOSITY default
SET trovella_guard.mode = warn;
SET ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
\set VERBOSITY terse
-- What one does who finds such a value
RESET ALL;
SET client_min_messages = warning;
SET search_path = regress_set;
RESET ROLE;
SHOW trovella_guard.mode;

-- road: SET LOCAL trovella_guard.mode, and another role at COMMIT or PREPARE TRANSACTION (refused)
BEGIN;
SET LOCAL trovella_guard.mode = off;
SET LOCAL ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
COMMIT;
BEGIN;
SET LOCAL trovella_guard.mode = off;
SET LOCAL ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
RESET ROLE;
COMMIT;
DROP TABLE made_by_owner;
BEGIN;
SET LOCAL trovella_guard.mode = off;
SET LOCAL ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
PREPARE TRANSACTION 'regress_set';

-- road: a SECURITY DEFINER function of a superuser that sets trovella_guard.mode (refused)
CREATE FUNCTION switch_off() RETURNS text SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  LANGUAGE sql AS $$ SELECT set_config('trovella_guard.mode', 'off', false) $$;
CREATE FUNCTION make_while_off() RETURNS void SECURITY DEFINER
  SET search_path = regress_set, pg_temp SET trovella_guard.mode = off
  LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE made_in_function (organization_id text NOT NULL); END $$;
SET ROLE regress_set_owner;
BEGIN;
SELECT switch_off();
CREATE TABLE made_by_owner (:columns);
SELECT DISTINCT refused FROM trovella_guard.pending();
COMMIT;
SELECT make_while_off();
RESET ROLE;

-- road: SET of the other settings, then another role (refused)
SELECT set_config('trovella_guard.rules', 'rls_disabled=off, policy_missing=off, tenant_index_missing=off', false) <> '' AS set,
  set_config('trovella_guard.profile', 'isolation', false),
  set_config('trovella_guard.tenant_columns', 'no_such_column', false),
  set_config('trovella_guard.required_columns', 'organization_id', false),
  set_config('trovella_guard.app_role', 'regress_set_owner', false),
  set_config('trovella_guard.tenant_expression', $$'acme'$$, false);
SET ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
SELECT item, value FROM trovella_guard.status() WHERE item IN ('profile', 'rules', 'tenant_columns', 'app_role') ORDER BY item;
SELECT rule, level, set_by FROM trovella_guard.rules WHERE rule = 'fk_index_missing';
RESET ROLE;
SELECT item, value FROM trovella_guard.status() WHERE item IN ('profile', 'rules', 'tenant_columns', 'app_role') ORDER BY item;
RESET ALL;
SET client_min_messages = warning;
SET search_path = regress_set;

-- Who was granted SET may; a right for one setting is none for another
GRANT SET ON PARAMETER trovella_guard.mode TO regress_set_owner;
SET trovella_guard.mode = off;
SET trovella_guard.profile = isolation;
SET ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
DROP TABLE made_by_owner;
RESET ROLE;
REVOKE SET ON PARAMETER trovella_guard.mode FROM regress_set_owner;
RESET trovella_guard.profile;

-- What the database or the role has counts for everybody ...
SELECT format('ALTER DATABASE %I SET trovella_guard.mode = warn', current_database()) \gexec
\c -
SET client_min_messages = warning;
SET search_path = regress_set;
SET ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
DROP TABLE made_by_owner;
-- ... and is what counts in place of what does not
RESET ROLE;
SET trovella_guard.mode = off;
SET ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
DROP TABLE made_by_owner;
-- Everybody may be stricter
RESET ROLE;
SET trovella_guard.mode = enforce;
SET ROLE regress_set_owner;
CREATE TABLE made_by_owner (:columns);
RESET ROLE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.mode', current_database()) \gexec
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
\c -
SET client_min_messages = error;
SET trovella_guard.mode = off;
DROP SCHEMA regress_set CASCADE;
DROP ROLE regress_set_owner, regress_set_app;
