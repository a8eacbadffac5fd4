--
-- tenant_column_nullable: a row without a tenant belongs to nobody.
--
\set SHOW_CONTEXT never
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_nullable;
SET search_path = regress_nullable;

-- a warning, and the commit goes through
BEGIN;
CREATE TABLE item (id text PRIMARY KEY, organization_id text,
  created_at timestamptz, updated_at timestamptz);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;
SELECT to_regclass('item') IS NOT NULL AS committed;

-- what check() prints fixes it
SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'tenant_column_nullable';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'tenant_column_nullable' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';

-- other levels
\set VERBOSITY sqlstate
SET trovella_guard.rules = 'tenant_column_nullable=error';
ALTER TABLE item ALTER COLUMN organization_id DROP NOT NULL;
SET trovella_guard.rules = 'tenant_column_nullable=info';
ALTER TABLE item ALTER COLUMN organization_id DROP NOT NULL;
SELECT rule, level FROM trovella_guard.check('item')
  WHERE rule = 'tenant_column_nullable';
SET trovella_guard.rules = 'tenant_column_nullable=off';
SELECT count(*) FROM trovella_guard.check('item')
  WHERE rule = 'tenant_column_nullable';

-- even as an error it does not block where it was so before
SET trovella_guard.rules = 'tenant_column_nullable=error';
ALTER TABLE item ADD COLUMN name text;

-- waived
RESET trovella_guard.rules;
SELECT trovella_guard.allow('item', 'imports fill it in later', 'tenant_column_nullable');
ALTER TABLE item ADD COLUMN other text;

-- a partition has the columns of its parent, which answers for them
RESET trovella_guard.rules;
\set VERBOSITY terse
SET trovella_guard.mode = off;
CREATE TABLE part (id text, organization_id text, created_at timestamptz, updated_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE part_1 PARTITION OF part DEFAULT;
SET trovella_guard.mode = enforce;
SELECT table_name, rule FROM trovella_guard.check()
  WHERE table_name LIKE 'part%' AND rule = 'tenant_column_nullable' ORDER BY 1;
DROP TABLE part;

DROP TABLE item;
SELECT trovella_guard.disallow('item', 'tenant_column_nullable');
DROP SCHEMA regress_nullable;
