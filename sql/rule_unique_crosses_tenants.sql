--
-- unique_crosses_tenants: a unique index leaves out the tenant.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_unique;
SET search_path = regress_unique;

BEGIN;
CREATE TABLE item (:columns, name text, slug text);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- a collision tells that another tenant has the value
ALTER TABLE item ADD CONSTRAINT item_name_key UNIQUE (name);
CREATE UNIQUE INDEX item_slug_idx ON item (lower(slug)) WHERE slug IS NOT NULL;
SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'unique_crosses_tenants' ORDER BY object;

-- with the tenant it does not, be it in an expression
BEGIN;
ALTER TABLE item DROP CONSTRAINT item_name_key, ADD CONSTRAINT item_name_key UNIQUE (name, organization_id);
DROP INDEX item_slug_idx;
CREATE UNIQUE INDEX item_slug_idx ON item ((organization_id || ':' || lower(slug)));
COMMIT;
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'unique_crosses_tenants';

-- INCLUDE does not compare
CREATE UNIQUE INDEX item_name_idx ON item (name) INCLUDE (organization_id);
SELECT object FROM trovella_guard.check('item') WHERE rule = 'unique_crosses_tenants';
DROP INDEX item_name_idx;

-- at another level, and waived
SET trovella_guard.rules = 'unique_crosses_tenants=error';
\set VERBOSITY terse
CREATE UNIQUE INDEX item_name_idx ON item (name);
SELECT trovella_guard.allow('item', 'names are public', 'unique_crosses_tenants');
CREATE UNIQUE INDEX item_name_idx ON item (name);
RESET trovella_guard.rules;

-- a partition's index is its parent's
BEGIN;
CREATE TABLE event (organization_id text NOT NULL, id int UNIQUE,
  created_at timestamptz, updated_at timestamptz) PARTITION BY LIST (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX ON event (organization_id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
COMMIT;
SELECT table_name, object FROM trovella_guard.check() WHERE rule = 'unique_crosses_tenants'
  AND schema_name = 'regress_unique' ORDER BY 1;

DROP TABLE item, event;
SELECT trovella_guard.disallow('item', 'unique_crosses_tenants');
DROP SCHEMA regress_unique;
