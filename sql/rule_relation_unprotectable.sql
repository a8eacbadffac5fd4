--
-- relation_unprotectable: what row-level security does not exist for.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_unprotectable;
SET search_path = regress_unprotectable;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- a warning, and the commit goes through
CREATE MATERIALIZED VIEW item_count AS
  SELECT organization_id, count(*) FROM item GROUP BY 1;
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE remote_item (organization_id text) SERVER regress_server;
SELECT table_name, level, message, repair_sql
  FROM trovella_guard.check()
  WHERE rule = 'relation_unprotectable' ORDER BY 1;


-- what check() prints allows the relation, which fixes it
BEGIN;
SELECT replace(repair_sql, 'why this is right', 'counts only') FROM trovella_guard.check('item_count') \gexec
SELECT count(*) FROM trovella_guard.check('item_count');
ROLLBACK;

-- what reads no tenant rows is nobody's concern
CREATE MATERIALIZED VIEW total AS SELECT 1 AS count;
CREATE FOREIGN TABLE remote_config (id text) SERVER regress_server;
REFRESH MATERIALIZED VIEW total;

-- other levels
\set VERBOSITY terse
SET trovella_guard.rules = 'relation_unprotectable=error';
CREATE MATERIALIZED VIEW item_list AS SELECT id, organization_id FROM item;
CREATE FOREIGN TABLE remote_list (organization_id text) SERVER regress_server;
ALTER FOREIGN TABLE remote_config ADD COLUMN organization_id text;
ALTER MATERIALIZED VIEW total RENAME COLUMN count TO organization_id;
SELECT to_regclass('item_list') IS NULL AND to_regclass('remote_list') IS NULL AS refused;
-- it was so before
REFRESH MATERIALIZED VIEW item_count;
ALTER MATERIALIZED VIEW item_count SET (fillfactor = 90);
SET trovella_guard.rules = 'relation_unprotectable=info';
CREATE MATERIALIZED VIEW item_list AS SELECT id, organization_id FROM item;
SELECT rule, level FROM trovella_guard.check('item_list');
SET trovella_guard.rules = 'relation_unprotectable=off';
SELECT count(*) FROM trovella_guard.check('item_list');
RESET trovella_guard.rules;

-- waived
BEGIN;
SELECT trovella_guard.allow('item_ids', 'read by the billing job only', 'relation_unprotectable');
CREATE MATERIALIZED VIEW item_ids AS SELECT id, organization_id FROM item;
COMMIT;
SELECT count(*) FROM trovella_guard.check('item_ids');

SET client_min_messages = error;
DROP TABLE item CASCADE;
DROP MATERIALIZED VIEW total;
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
SELECT trovella_guard.disallow('item_ids', 'relation_unprotectable');
DROP SCHEMA regress_unprotectable;
