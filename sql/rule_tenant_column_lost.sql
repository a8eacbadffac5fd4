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

-- waived: the rows are still the tenants' rows, so no entry for every rule does
-- that, and what protects them stays
\set VERBOSITY default
BEGIN;
ALTER TABLE item RENAME COLUMN organization_id TO org_key;
SELECT trovella_guard.allow('item', 'the application says org_key now');
COMMIT;
\set VERBOSITY terse
BEGIN;
ALTER TABLE item RENAME COLUMN organization_id TO org_key;
DROP POLICY item_tenant ON item;
SELECT trovella_guard.allow('item', 'the application says org_key now', 'tenant_column_lost');
COMMIT;
BEGIN;
ALTER TABLE item RENAME COLUMN organization_id TO org_key;
SELECT trovella_guard.allow('item', 'the application says org_key now', 'tenant_column_lost', object => 'organization_id');
COMMIT;
SELECT rule, waived_by FROM trovella_guard.findings('item');
ALTER TABLE item ADD COLUMN name text;
DROP POLICY item_tenant ON item;
ALTER POLICY item_tenant ON item USING (true);
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
CREATE POLICY more ON item FOR SELECT USING (true);
BEGIN;
SELECT trovella_guard.allow('item', 'all the same', 'tenant_column_lost');
SELECT trovella_guard.allow('item', 'all the same');
DROP POLICY item_tenant ON item;
\set VERBOSITY default
COMMIT;
\set VERBOSITY terse
-- what adds protection, or says the same, passes
CREATE POLICY held ON item AS RESTRICTIVE USING (id <> '');
DROP POLICY held ON item;
BEGIN;
DROP POLICY held ON item;
CREATE POLICY hold ON item AS RESTRICTIVE USING (id <> '');
COMMIT;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
-- the waiver ends when the table has a tenant column again
ALTER TABLE item RENAME COLUMN org_key TO organization_id;
SELECT action, rule, object FROM trovella_guard.allowlist_log WHERE schema_name = 'regress_lost' ORDER BY at;
ALTER TABLE item RENAME COLUMN organization_id TO org_key;
DROP POLICY hold ON item;
-- made ahead it counts; while the column is there, it is stale
SELECT trovella_guard.allow('item', 'the application will say org_key', 'tenant_column_lost');
SELECT message FROM trovella_guard.check() WHERE rule = 'allowlist_stale' AND schema_name = 'regress_lost';
ALTER TABLE item RENAME COLUMN organization_id TO org_key;
-- without the waiver, and with one for everything, it is a global table
BEGIN;
SELECT trovella_guard.allow('item', 'holds no rows of tenants any more');
SELECT trovella_guard.disallow('item', 'tenant_column_lost');
COMMIT;
DROP POLICY hold ON item;
ALTER TABLE item RENAME COLUMN org_key TO organization_id;
-- what an entry for every rule covered before, it covers under another name
ALTER TABLE item RENAME COLUMN organization_id TO org_key;
ALTER TABLE item RENAME COLUMN org_key TO organization_id;
SELECT trovella_guard.disallow('item');

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
