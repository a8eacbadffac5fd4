--
-- tenant_column_lost: a tenant table cannot leave the guard's sight.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_lost;
SET search_path = regress_lost;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- dropped, or given another name
ALTER TABLE item DROP COLUMN organization_id CASCADE;
ALTER TABLE item RENAME COLUMN organization_id TO org_id;
\set VERBOSITY sqlstate
ALTER TABLE item RENAME COLUMN organization_id TO org_id;
SELECT attname FROM pg_attribute
  WHERE attrelid = 'item'::regclass AND attnum = 2;

-- a column may be exchanged
BEGIN;
ALTER TABLE item RENAME COLUMN organization_id TO org_id;
ALTER TABLE item ADD COLUMN organization_id text NOT NULL;
ALTER POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- it was there under another name that counts
SET trovella_guard.tenant_columns = 'tenant_id, organization_id';
BEGIN;
ALTER TABLE item RENAME COLUMN organization_id TO tenant_id;
COMMIT;
BEGIN;
ALTER TABLE item RENAME COLUMN tenant_id TO organization_id;
COMMIT;
RESET trovella_guard.tenant_columns;

-- other levels
\set VERBOSITY terse
SET trovella_guard.rules = 'tenant_column_lost=warning, table_unclassified=off';
ALTER TABLE item RENAME COLUMN organization_id TO lost_id;
ALTER TABLE item RENAME COLUMN lost_id TO organization_id;
SET trovella_guard.rules = 'tenant_column_lost=off, table_unclassified=off';
ALTER TABLE item RENAME COLUMN organization_id TO lost_id;
ALTER TABLE item RENAME COLUMN lost_id TO organization_id;
RESET trovella_guard.rules;

-- waived: the table becomes a global one on purpose
BEGIN;
SELECT trovella_guard.allow('item', 'no longer tenant data');
ALTER TABLE item DROP COLUMN organization_id CASCADE;
COMMIT;
SELECT count(*) FROM trovella_guard.check('item');

-- ... or the table goes altogether
DROP TABLE item;
SELECT trovella_guard.disallow('item');
DROP SCHEMA regress_lost;
