--
-- required_columns_missing: the checklist's base columns.
--
\set SHOW_CONTEXT never
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_required;
SET search_path = regress_required;

-- a warning for both, and the commit goes through
BEGIN;
CREATE TABLE item (id text PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- what check() prints fixes it
SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'required_columns_missing';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'required_columns_missing' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';

-- other columns; of "Deleted By" nothing is known that would make a repair
SET trovella_guard.required_columns = 'created_at, "Deleted By"';
SELECT object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'required_columns_missing';
RESET trovella_guard.required_columns;

-- other levels
\set VERBOSITY terse
SET trovella_guard.rules = 'required_columns_missing=error';
ALTER TABLE item DROP COLUMN updated_at;
SET trovella_guard.rules = 'required_columns_missing=info';
ALTER TABLE item DROP COLUMN updated_at;

-- one was missing before, another one goes: that is a new finding
SET trovella_guard.rules = 'required_columns_missing=error';
ALTER TABLE item ADD COLUMN name text;
ALTER TABLE item DROP COLUMN created_at;
-- one goes with its type, and nothing else of the table does
CREATE DOMAIN moment AS timestamptz;
ALTER TABLE item ADD COLUMN deleted_at moment;
SET trovella_guard.required_columns = 'created_at, updated_at, deleted_at';
DROP DOMAIN moment CASCADE;
RESET trovella_guard.required_columns;
SET trovella_guard.rules = 'required_columns_missing=off';
SELECT count(*) FROM trovella_guard.check('item')
  WHERE rule = 'required_columns_missing';
RESET trovella_guard.rules;

-- waived
SELECT trovella_guard.allow('item', 'the rows are made by a bulk load', 'required_columns_missing');
ALTER TABLE item DROP COLUMN created_at;

DROP TABLE item;
DROP DOMAIN moment;
SELECT trovella_guard.disallow('item', 'required_columns_missing');
DROP SCHEMA regress_required;
