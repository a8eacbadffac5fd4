--
-- rls_disabled: policies without row-level security protect nothing.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE SCHEMA regress_rls;
SET search_path = regress_rls;

-- broken: .enableRLS() was forgotten
BEGIN;
CREATE TABLE item (:columns);
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX item_organization_id_idx ON item (organization_id);
COMMIT;
SELECT to_regclass('item') IS NULL AS nothing_is_left;

-- repaired in the same migration
BEGIN;
CREATE TABLE item (:columns);
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX item_organization_id_idx ON item (organization_id);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
COMMIT;

-- a right table cannot go wrong
\set VERBOSITY sqlstate
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT relrowsecurity FROM pg_class WHERE oid = 'item'::regclass;

-- off and on again is fine: only the commit counts
BEGIN;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
COMMIT;

-- FORCE comes and goes as its owner likes
ALTER TABLE item FORCE ROW LEVEL SECURITY;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;

-- other levels
\set VERBOSITY default
SET trovella_guard.rules = 'rls_disabled=warning';
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT rule, level, object, message, repair_sql
  FROM trovella_guard.check('item') WHERE rule = 'rls_disabled';

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'rls_disabled' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'rls_disabled';

SET trovella_guard.rules = 'rls_disabled=info';
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT rule, level FROM trovella_guard.check('item') ORDER BY rule;
SET trovella_guard.rules = 'rls_disabled=off';
ALTER TABLE item SET (fillfactor = 90);
SELECT rule, level FROM trovella_guard.check('item') ORDER BY rule;
RESET trovella_guard.rules;

-- it was so before: work on the table goes on, with a warning
ALTER TABLE item SET (fillfactor = 100);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;

-- waived, for this rule alone
BEGIN;
SELECT trovella_guard.allow('item', 'test of the waiver', 'rls_disabled');
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
COMMIT;
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'rls_disabled';
SELECT rule, waived_by FROM trovella_guard.findings('item') ORDER BY rule;
\set VERBOSITY sqlstate
DROP POLICY item_tenant ON item;

DROP TABLE item;
SELECT trovella_guard.disallow('item', 'rls_disabled');
DROP SCHEMA regress_rls;
