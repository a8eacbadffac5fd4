--
-- role_bypasses_rls: a login role that is no superuser bypasses row-level security.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_bypass;
SET search_path = regress_bypass;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;
CREATE ROLE regress_bypass_login LOGIN BYPASSRLS;

-- it may not read anything yet
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
GRANT SELECT (id) ON item TO regress_bypass_login;
SELECT schema_name, table_name, level, object, message, repair_sql FROM trovella_guard.check()
  WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';

-- neither the audit of one table nor a commit says it
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'role_bypasses_rls';
SET trovella_guard.rules = 'role_bypasses_rls=error';
ALTER TABLE item SET (fillfactor = 90);
SELECT level FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
SET trovella_guard.rules = 'role_bypasses_rls=off';
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls';
RESET trovella_guard.rules;

-- pg_read_all_data reads without a grant on the table
REVOKE SELECT (id) ON item FROM regress_bypass_login;
GRANT pg_read_all_data TO regress_bypass_login;
SELECT level FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
REVOKE pg_read_all_data FROM regress_bypass_login;
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
GRANT SELECT (id) ON item TO regress_bypass_login;

-- a superuser bypasses it by being one; who cannot log in, does so for others
ALTER ROLE regress_bypass_login SUPERUSER;
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
ALTER ROLE regress_bypass_login NOSUPERUSER NOLOGIN;
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
ALTER ROLE regress_bypass_login LOGIN;

-- nor is it said of a role that sees all tenants on purpose
SELECT trovella_guard.allow_role('regress_bypass_login', 'the nightly back-up');
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';
SELECT trovella_guard.disallow_role('regress_bypass_login');

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check()
  WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_' \gexec
SELECT count(*) FROM trovella_guard.check() WHERE rule = 'role_bypasses_rls' AND object ~ '^regress_';

DROP TABLE item;
DROP ROLE regress_bypass_login;
DROP SCHEMA regress_bypass;
