--
-- tenant_index_missing: an index led by the tenant column.  What counts as
-- an index is the business of indexes.sql.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_tenant_index;
SET search_path = regress_tenant_index;

-- broken
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
COMMIT;

-- repaired
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX "item_organizationId_idx" ON regress_tenant_index.item (organization_id);
COMMIT;

\set VERBOSITY sqlstate
DROP INDEX "item_organizationId_idx";
SELECT count(*) FROM pg_index WHERE indexrelid = '"item_organizationId_idx"'::regclass;

-- exchanged for a better one
BEGIN;
DROP INDEX "item_organizationId_idx";
CREATE INDEX item_tenant_time_idx ON item (organization_id, created_at DESC);
COMMIT;

-- other levels
\set VERBOSITY terse
SET trovella_guard.rules = 'tenant_index_missing=warning';
DROP INDEX item_tenant_time_idx;
SET trovella_guard.rules = 'tenant_index_missing=info';
ALTER TABLE item SET (fillfactor = 90);
SELECT rule, level FROM trovella_guard.check('item')
  WHERE rule = 'tenant_index_missing';
SET trovella_guard.rules = 'tenant_index_missing=off';
SELECT count(*) FROM trovella_guard.check('item')
  WHERE rule = 'tenant_index_missing';
RESET trovella_guard.rules;

-- what check() prints fixes it, beside a relation that has the name already
CREATE SEQUENCE "item_organizationId_idx";
SELECT message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'tenant_index_missing';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'tenant_index_missing' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE level = 'error';

-- waived
\set VERBOSITY sqlstate
SELECT trovella_guard.allow('item', 'ten rows for ever', 'tenant_index_missing');
DROP INDEX "item_organizationId_idx1";

DROP TABLE item;
SELECT trovella_guard.disallow('item', 'tenant_index_missing');
DROP SEQUENCE "item_organizationId_idx";
DROP SCHEMA regress_tenant_index;
