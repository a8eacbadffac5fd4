--
-- policy_missing: SELECT, INSERT, UPDATE and DELETE each need a permissive
-- policy that can admit rows.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_policy;
SET search_path = regress_policy;
SET trovella_guard.app_role = 'regress_no_such_role';

-- broken: tenantColumns without tenantPolicies()
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX item_organization_id_idx ON item (organization_id);
COMMIT;

-- one of four is missing
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX item_organization_id_idx ON item (organization_id);
CREATE POLICY item_select ON item FOR SELECT USING (:tenant);
CREATE POLICY item_insert ON item FOR INSERT WITH CHECK (:tenant);
CREATE POLICY item_update ON item FOR UPDATE USING (:tenant);
COMMIT;

-- repaired: all four
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX item_organization_id_idx ON item (organization_id);
CREATE POLICY item_select ON item FOR SELECT USING (:tenant);
CREATE POLICY item_insert ON item FOR INSERT WITH CHECK (:tenant);
CREATE POLICY item_update ON item FOR UPDATE USING (:tenant);
CREATE POLICY item_delete ON item FOR DELETE USING (:tenant);
COMMIT;

\set VERBOSITY sqlstate
-- each of them is needed
DROP POLICY item_select ON item;
DROP POLICY item_insert ON item;
DROP POLICY item_update ON item;
DROP POLICY item_delete ON item;
SELECT polname FROM pg_policy WHERE polrelid = 'item'::regclass ORDER BY 1;

-- FOR ALL covers four, and its USING serves as WITH CHECK
BEGIN;
DROP POLICY item_select ON item;
DROP POLICY item_insert ON item;
DROP POLICY item_update ON item;
DROP POLICY item_delete ON item;
CREATE POLICY item_all ON item USING (:tenant);
COMMIT;

-- a restrictive policy admits nothing
BEGIN;
DROP POLICY item_all ON item;
CREATE POLICY item_all ON item AS RESTRICTIVE USING (:tenant);
COMMIT;

-- nor does a permissive one without the expression that a command needs
\set VERBOSITY default
BEGIN;
DROP POLICY item_all ON item;
CREATE POLICY item_check ON item WITH CHECK (:tenant);
COMMIT;
\set VERBOSITY sqlstate
BEGIN;
DROP POLICY item_all ON item;
CREATE POLICY item_check ON item WITH CHECK (:tenant);
CREATE POLICY item_select ON item FOR SELECT USING (:tenant);
CREATE POLICY item_update ON item FOR UPDATE WITH CHECK (:tenant);
CREATE POLICY item_delete ON item FOR DELETE USING (:tenant);
COMMIT;
BEGIN;
DROP POLICY item_all ON item;
CREATE POLICY item_select ON item FOR SELECT USING (:tenant);
CREATE POLICY item_insert ON item FOR INSERT;
CREATE POLICY item_update ON item FOR UPDATE USING (:tenant);
CREATE POLICY item_delete ON item FOR DELETE USING (:tenant);
COMMIT;
-- ... while INSERT needs nothing but WITH CHECK
BEGIN;
DROP POLICY item_all ON item;
CREATE POLICY item_check ON item WITH CHECK (:tenant);
CREATE POLICY item_select ON item FOR SELECT USING (:tenant);
CREATE POLICY item_update ON item FOR UPDATE USING (:tenant);
CREATE POLICY item_delete ON item FOR DELETE USING (:tenant);
COMMIT;
SELECT polname FROM pg_policy WHERE polrelid = 'item'::regclass ORDER BY 1;

-- other levels
\set VERBOSITY terse
SET trovella_guard.rules = 'policy_missing=warning';
DROP POLICY item_update ON item;
DROP POLICY item_select ON item;
SET trovella_guard.rules = 'policy_missing=info';
DROP POLICY item_delete ON item;
SET trovella_guard.rules = 'policy_missing=off';
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_missing';
RESET trovella_guard.rules;

-- old findings do not block, but nothing gets worse
ALTER TABLE item ADD COLUMN name text;
DROP POLICY item_check ON item;

-- what check() prints fixes it
SELECT object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_missing';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_missing' \gexec
SELECT polname, polcmd FROM pg_policy
  WHERE polrelid = 'item'::regclass ORDER BY 1;
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';

-- ... for the application's role, if that exists; and under a free name
CREATE ROLE regress_policy_app;
SET trovella_guard.app_role = 'regress_policy_app';
BEGIN;
DROP POLICY item_tenant_update ON item;
CREATE POLICY item_tenant_update ON item AS RESTRICTIVE FOR UPDATE
  USING (:tenant);
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_missing' \gexec
COMMIT;
SELECT polname, polcmd, polroles::regrole[] FROM pg_policy
  WHERE polrelid = 'item'::regclass AND polcmd = 'w' ORDER BY 1;
SET trovella_guard.app_role = regress_no_such_role;

-- a tenant column of another type, and names that need quotes
BEGIN;
CREATE TABLE "Feature ""Item""" ("organization_id" uuid NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON "Feature ""Item""" (organization_id);
SELECT repair_sql FROM trovella_guard.check('"Feature ""Item"""')
  WHERE level = 'error' \gexec
COMMIT;
SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy
  WHERE polrelid = '"Feature ""Item"""'::regclass AND polqual IS NOT NULL
  ORDER BY 1;

-- a domain over an enum, which the operators of enums don't know
CREATE TYPE plan AS ENUM ('acme', 'beta');
CREATE DOMAIN some_plan AS plan;
BEGIN;
CREATE TABLE planned (organization_id some_plan NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON planned (organization_id);
SELECT repair_sql FROM trovella_guard.check('planned')
  WHERE level = 'error' \gexec
COMMIT;
SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy
  WHERE polrelid = 'planned'::regclass AND polqual IS NOT NULL
  ORDER BY 1;
SELECT rule FROM trovella_guard.check('planned') WHERE rule LIKE 'policy%';

-- waived
\set VERBOSITY sqlstate
SELECT trovella_guard.allow('item', 'written by one process only', 'policy_missing');
DROP POLICY item_tenant_delete ON item;
SELECT trovella_guard.disallow('item', 'policy_missing');
SELECT count(*) FROM trovella_guard.allowlist;

DROP TABLE item, "Feature ""Item""", planned;
DROP DOMAIN some_plan;
DROP TYPE plan;
SELECT trovella_guard.disallow('item', 'policy_missing');
DROP ROLE regress_policy_app;
DROP SCHEMA regress_policy;
