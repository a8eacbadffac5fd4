--
-- rls_not_forced: the owner of a table bypasses its policies.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_forced;
SET search_path = regress_forced;

-- of level info: no noise at commit, a row in the audit
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;
SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'rls_not_forced';

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'rls_not_forced' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'rls_not_forced';

-- other levels
SET trovella_guard.rules = 'rls_not_forced=error';
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
\set VERBOSITY terse
SET trovella_guard.rules = 'rls_not_forced=warning';
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
SET trovella_guard.rules = 'rls_not_forced=off';
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'rls_not_forced';

-- one finding is enough: where it is off, rls_disabled says so
SET trovella_guard.rules = 'rls_not_forced=warning, rls_disabled=warning';
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;

-- waived
SELECT trovella_guard.allow('item', 'the owner runs no queries', 'rls_not_forced');
ALTER TABLE item SET (fillfactor = 90);
RESET trovella_guard.rules;

DROP TABLE item;
SELECT trovella_guard.disallow('item', 'rls_not_forced');
DROP SCHEMA regress_forced;
