--
-- allow_bypass(): the switch by which administrators see all tenants.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
SELECT now() AS start \gset
CREATE ROLE regress_plain;
CREATE SCHEMA regress_bypass;
SET search_path = regress_bypass;
CREATE VIEW entries AS
  SELECT kind, schema_name, table_name, rule, object, reason, expires_at
  FROM trovella_guard.allowlist WHERE kind = 'bypass' ORDER BY object;

-- a setting, and a function without arguments; written in one way
BEGIN;
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'platform administrators; set by the back office only');
SELECT trovella_guard.allow_bypass('App.Bypass_RLS', 'names of settings are not case-sensitive');
SELECT trovella_guard.allow_bypass('my.app.admin$1', 'more dots', '2999-01-01 00:00:00+00');
SELECT trovella_guard.allow_bypass('Regress_Bypass . is_admin()', 'a function');
SELECT trovella_guard.allow_bypass('"Regress Bypass"."is Admin"()', 'quoted');
TABLE entries;
SELECT trovella_guard.disallow_bypass('APP.bypass_rls');
SELECT trovella_guard.disallow_bypass('regress_bypass.is_admin()');
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
ROLLBACK;

-- what is refused
\set VERBOSITY terse
SELECT trovella_guard.allow_bypass(NULL, 'x');
SELECT trovella_guard.allow_bypass('', 'x');
SELECT trovella_guard.allow_bypass('role', 'x');
SELECT trovella_guard.allow_bypass('app.', 'x');
SELECT trovella_guard.allow_bypass('.app', 'x');
SELECT trovella_guard.allow_bypass('app..admin', 'x');
SELECT trovella_guard.allow_bypass('app.1admin', 'x');
SELECT trovella_guard.allow_bypass('App.Current_Organization_Id', 'every tenant sets it');
SELECT trovella_guard.allow_bypass('app.ad min', 'x');
SELECT trovella_guard.allow_bypass('is_admin()', 'x');
SELECT trovella_guard.allow_bypass('a.b.is_admin()', 'x');
SELECT trovella_guard.allow_bypass('app.is_admin(1)', 'x');
SELECT trovella_guard.allow_bypass('app.""()', 'x');
SELECT trovella_guard.allow_bypass('()', 'x');
\set VERBOSITY default
SELECT trovella_guard.allow_bypass('app.bypass_rls()()', 'x');
SELECT trovella_guard.allow_bypass('app.bypass_rls', NULL);
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'who may set it, and what for');
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'x', '2001-01-01');
SELECT trovella_guard.disallow_bypass(NULL);
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
\set VERBOSITY sqlstate
SET ROLE regress_plain;
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'I may not');
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
RESET ROLE;
\set VERBOSITY default

-- a function that is no switch; one that doesn't exist yet may become one
CREATE FUNCTION jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT '{}'::jsonb$$;
CREATE FUNCTION roles() RETURNS SETOF bool LANGUAGE sql STABLE AS $$SELECT true$$;
CREATE FUNCTION "Is()"() RETURNS text LANGUAGE sql STABLE AS $$SELECT 'on'$$;
CREATE FUNCTION has_role(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'on'$$;
SELECT trovella_guard.allow_bypass('regress_bypass.jwt()', 'service role');
\set VERBOSITY terse
SELECT trovella_guard.allow_bypass('regress_bypass.roles()', 'service role');
SELECT trovella_guard.allow_bypass('regress_bypass."Is()"()', 'service role');
SELECT trovella_guard.allow_bypass('pg_catalog.now()', 'service role');
\set VERBOSITY default
BEGIN;
SELECT trovella_guard.allow_bypass('regress_bypass.has_role()', 'service role');
SELECT trovella_guard.allow_bypass('nowhere.has_role()', 'service role');
TABLE entries;
ROLLBACK;
DROP FUNCTION jwt(), roles(), "Is()"(), has_role(text);

-- a switch that no policy names is stale
CREATE FUNCTION is_admin() RETURNS bool LANGUAGE sql STABLE AS $$SELECT false$$;
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'platform administrators');
SELECT trovella_guard.allow_bypass('app.other', 'nobody uses it');
SELECT trovella_guard.allow_bypass('regress_bypass.is_admin()', 'administrators');
SELECT trovella_guard.allow_bypass('regress_bypass.is_gone()', 'nobody has it');
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
CREATE POLICY item_tenant ON item USING (:tenant AND (is_admin() OR true));
CREATE TABLE line (:columns);
ALTER TABLE line ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON line (organization_id);
CREATE POLICY line_tenant ON line USING (:tenant AND (SELECT current_setting('App.Bypass_RLS', true) IS NULL OR id IN (SELECT id FROM item)));
COMMIT;
SELECT object, message, repair_sql FROM trovella_guard.check() WHERE rule = 'allowlist_stale' ORDER BY object;
SELECT kind, rule, object, reason, why FROM trovella_guard.prune() ORDER BY object;
TABLE entries;

-- what the switch opens is refused without its entry, and judged when that goes
\set VERBOSITY terse
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'platform administrators');
ALTER POLICY line_tenant ON line USING (:tenant OR current_setting('app.bypass_rls', true) = 'on');
ALTER POLICY line_tenant ON line USING (:tenant OR current_setting('app.bypass_all', true) = 'on');
ALTER POLICY item_tenant ON item USING (:tenant OR is_admin());
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
SELECT trovella_guard.disallow_bypass('regress_bypass.is_admin()');
-- ... also where the policy has its name as another type
ALTER POLICY line_tenant ON line USING (:tenant OR current_setting('app.bypass_rls'::varchar, true) = 'on');
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
ALTER POLICY line_tenant ON line USING (:tenant OR current_setting('app.bypass_rls', true) = 'on');
BEGIN;
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
ALTER POLICY line_tenant ON line USING (:tenant);
COMMIT;
BEGIN;
SELECT trovella_guard.disallow_bypass('regress_bypass.is_admin()');
SELECT trovella_guard.allow_bypass('regress_bypass.is_admin()', 'another reason');
COMMIT;
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'platform administrators');
-- ... and one that says the tenant never did, whenever that was set
ALTER POLICY line_tenant ON line USING (:tenant OR current_setting('app.bypass_rls', true) = 'on');
SELECT table_name, rule, object FROM trovella_guard.check('line') WHERE level <> 'info';
SET trovella_guard.tenant_expression = 'current_setting(''APP.bypass_rls'', true)';
SELECT table_name, rule, object FROM trovella_guard.check('line') WHERE level <> 'info';
RESET trovella_guard.tenant_expression;
ALTER POLICY line_tenant ON line USING (:tenant);
-- one that has expired counts no more
SET trovella_guard.mode = off;
UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE object = 'regress_bypass.is_admin()';
RESET trovella_guard.mode;
SELECT table_name, rule, object FROM trovella_guard.check('item') WHERE level <> 'info';
SELECT trovella_guard.allow_bypass('regress_bypass.is_admin()', 'administrators');
SELECT table_name, rule, object FROM trovella_guard.check('item') WHERE level <> 'info';
\set VERBOSITY default

-- the documentation
\pset format unaligned
\pset tuples_only on
SELECT trovella_guard.allowlist_markdown();
\pset format aligned
\pset tuples_only off
SELECT action, kind, object, reason FROM trovella_guard.allowlist_log WHERE kind = 'bypass' AND at >= :'start' ORDER BY at, object;

SET client_min_messages = error;
DROP SCHEMA regress_bypass CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP ROLE regress_plain;
