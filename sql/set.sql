--
-- set(): a setting, checked, for new sessions as well; and what status() says
-- of settings.
--
\set SHOW_CONTEXT never
CREATE ROLE regress_set LOGIN;
CREATE VIEW kept AS
  SELECT c AS setting FROM pg_db_role_setting s, unnest(s.setconfig) c
  WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.setrole = 0
    AND c LIKE 'trovella_guard%' ORDER BY 1;

-- In a session that has not loaded the library, ALTER DATABASE takes anything;
-- a new session says so when it loads the library, and enforces
\c -
DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET trovella_guard.mode = wran', current_database()); END$$;
\c -
SELECT item, value, ok FROM trovella_guard.status() WHERE item = 'mode';
-- not so set(), in whatever session
\c -
SELECT trovella_guard.set('mode', 'wran');
SELECT trovella_guard.set('mode', 'warn');
SHOW trovella_guard.mode;
TABLE kept;
\c -
SELECT item, value, ok, detail FROM trovella_guard.status() WHERE item = 'mode';
SELECT substring(detail from 'SELECT .*') FROM trovella_guard.status() WHERE item = 'mode' \gexec
SELECT trovella_guard.set('mode', NULL);
TABLE kept;
\c -
SELECT trovella_guard.set('trovella_guard.Mode', NULL);
SHOW trovella_guard.mode;

-- Names in lists are not always what they look like
SELECT trovella_guard.set('tenant_columns', 'workspaceId, organization_id', 'session');
SELECT trovella_guard.set('tenant_columns', '"workspaceId", organization_id', 'session');
SELECT item, value FROM trovella_guard.status() WHERE item = 'tenant_columns';
SET trovella_guard.tenant_columns = 'WorkspaceId,"Other Id"';
SELECT item, value FROM trovella_guard.status() WHERE item = 'tenant_columns';
SELECT trovella_guard.set('tenant_columns', NULL, 'session');
SHOW trovella_guard.tenant_columns;
SELECT trovella_guard.set('app_role', 'App, web', 'session');
SELECT trovella_guard.set('rules', 'fk_index_missing=off', 'session');
SELECT trovella_guard.set('rules', 'no_such_rule=off', 'session');
RESET trovella_guard.app_role;
RESET trovella_guard.rules;
TABLE kept;

-- For one transaction
BEGIN;
SELECT trovella_guard.set('mode', 'off', scope => 'transaction');
SHOW trovella_guard.mode;
SELECT trovella_guard.set('mode', NULL, scope => 'transaction');
SHOW trovella_guard.mode;
SELECT trovella_guard.set('mode', 'warn', scope => 'transaction');
COMMIT;
SHOW trovella_guard.mode;

-- What there is not
SELECT trovella_guard.set('mood', 'good');
SELECT trovella_guard.set('search_path', 'public');
SELECT trovella_guard.set(NULL, 'off');
SELECT trovella_guard.set('mode', 'warn', 'cluster');
SELECT trovella_guard.set('mode', 'warn', NULL);

-- A role's own setting counts more
ALTER ROLE regress_set SET trovella_guard.profile = 'isolation';
SELECT trovella_guard.set('profile', 'strict');
SHOW trovella_guard.profile;
TABLE kept;
ALTER ROLE regress_set RESET trovella_guard.profile;
SELECT trovella_guard.set('profile', NULL);
SHOW trovella_guard.profile;
TABLE kept;

-- It gives nobody a right that he has not
SET ROLE regress_set;
SELECT trovella_guard.set('mode', 'off', 'session');
SELECT trovella_guard.set('mode', 'off', 'transaction');
\set VERBOSITY sqlstate
SELECT trovella_guard.set('mode', 'off');
\set VERBOSITY default
RESET ROLE;
SHOW trovella_guard.mode;

-- Columns that no setting names, but that look like a tenant's
CREATE SCHEMA regress_set;
SET trovella_guard.mode = off;
CREATE TABLE regress_set.a (id int, "workspaceId" uuid);
CREATE TABLE regress_set.b (id int, "workspaceId" uuid, account_id int);
SELECT trovella_guard.set('tenant_columns', 'workspaceId', 'session');
SELECT value, ok, replace(detail, current_database(), 'DATABASE') AS detail FROM trovella_guard.status() WHERE item = 'tenant_columns';
SELECT trovella_guard.set('tenant_columns', '"workspaceId"', 'session');
SELECT value, ok, detail FROM trovella_guard.status() WHERE item = 'tenant_columns';

SET client_min_messages = error;
DROP SCHEMA regress_set CASCADE;
DROP VIEW kept;
DROP ROLE regress_set;
