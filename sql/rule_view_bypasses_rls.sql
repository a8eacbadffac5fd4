--
-- view_bypasses_rls: a view reads a tenant table with the rights of a role that bypasses its row-level security.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_view;
SET search_path = regress_view;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

\set VERBOSITY terse
-- broken
CREATE VIEW item_names AS SELECT id FROM item;
SELECT level, object, regexp_replace(message, 'as role "[^"]*"', 'as role "me"') AS message, repair_sql
  FROM trovella_guard.check('item_names') WHERE rule = 'view_bypasses_rls';

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('item_names') WHERE rule = 'view_bypasses_rls' \gexec
SELECT count(*) FROM trovella_guard.check('item_names');

-- other levels
\set VERBOSITY terse
ALTER VIEW item_names SET (security_invoker = false);
ALTER VIEW item_names SET (security_invoker = true);
SET trovella_guard.rules = 'view_bypasses_rls=error';
ALTER VIEW item_names SET (security_invoker = false);
CREATE VIEW item_names2 AS SELECT id FROM item;
SET trovella_guard.rules = 'view_bypasses_rls=off';
CREATE VIEW item_names2 AS SELECT id FROM item;
SELECT count(*) FROM trovella_guard.check('item_names2');

-- waived
SET trovella_guard.rules = 'view_bypasses_rls=error';
SELECT trovella_guard.allow('item_names2', 'names are public', 'view_bypasses_rls');
CREATE OR REPLACE VIEW item_names2 AS SELECT id FROM item;
RESET trovella_guard.rules;

DROP TABLE item CASCADE;
SELECT trovella_guard.disallow('item_names2', 'view_bypasses_rls');
DROP SCHEMA regress_view;
