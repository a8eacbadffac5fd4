-- changes(): what the open transaction changes in the isolation of tenants.
\set VERBOSITY terse
CREATE ROLE regress_changes;
SET trovella_guard.app_role = 'regress_changes';
SET trovella_guard.mode = off;
CREATE TABLE kept (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.protect('kept') IS NOT NULL AS protected;
CREATE POLICY narrow ON kept AS RESTRICTIVE USING (id > 0);
CREATE FUNCTION opaque(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE POLICY unknown ON kept FOR SELECT USING (opaque(organization_id));
GRANT SELECT, INSERT ON kept TO regress_changes;
CREATE TABLE dropped (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.protect('dropped') IS NOT NULL AS protected;
CREATE TABLE plain (id int PRIMARY KEY);
SET trovella_guard.mode = enforce;

-- Nothing
BEGIN;
SELECT * FROM trovella_guard.changes();
INSERT INTO kept VALUES (1, 'a');
CREATE INDEX ON kept (created_at);
SELECT * FROM trovella_guard.changes();
ROLLBACK;

-- Row-level security, grants, exposures
BEGIN;
ALTER TABLE kept DISABLE ROW LEVEL SECURITY;
ALTER TABLE kept FORCE ROW LEVEL SECURITY;
GRANT UPDATE ON kept TO regress_changes;
CREATE VIEW seen AS SELECT * FROM kept;
GRANT SELECT ON seen TO regress_changes;
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes();
-- ... and back
ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
ALTER TABLE kept NO FORCE ROW LEVEL SECURITY;
DROP VIEW seen;
REVOKE INSERT, UPDATE ON kept FROM regress_changes;
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes();
ROLLBACK;

BEGIN;
CREATE VIEW seen AS SELECT * FROM kept;
GRANT SELECT ON seen TO regress_changes;
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes() WHERE item = 'exposure';
ALTER VIEW seen SET (security_invoker = true);
SELECT count(*) FROM trovella_guard.changes() WHERE item = 'exposure';
ROLLBACK;

-- Policies, by what the proof says of them
BEGIN;
ALTER POLICY kept_tenant_select ON kept USING (organization_id = nullif(current_setting('app.current_organization_id', true), ''));
ALTER POLICY kept_tenant_update ON kept USING (true);
ALTER POLICY unknown ON kept USING (opaque(organization_id) AND id > 1);
CREATE POLICY fine ON kept FOR SELECT USING (organization_id = current_setting('app.current_organization_id', true) AND id > 1);
DROP POLICY narrow ON kept;
SELECT object, before, after, effect FROM trovella_guard.changes() WHERE item = 'policy';
ALTER POLICY kept_tenant_update ON kept USING (opaque(organization_id));
ALTER POLICY unknown ON kept USING (false);
CREATE POLICY narrow ON kept AS RESTRICTIVE USING (id > 1);
CREATE POLICY narrower ON kept AS RESTRICTIVE USING (id > 2);
DROP POLICY fine ON kept;
SELECT object, before, after, effect FROM trovella_guard.changes() WHERE item = 'policy';
ROLLBACK;

-- Tables
BEGIN;
DROP TABLE dropped;
ALTER TABLE kept RENAME TO renamed;
ALTER TABLE plain ADD organization_id text NOT NULL;
CREATE TABLE made (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.protect('made') IS NOT NULL AS protected;
CREATE TEMPORARY TABLE passing (organization_id text);
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes() WHERE item IN ('table', 'name', 'policy');
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes()
  WHERE item = 'finding' AND table_name = 'plain' AND 'info' IS DISTINCT FROM after;
ROLLBACK;

-- Decisions, roles, and a savepoint that is rolled back
BEGIN;
SAVEPOINT s;
DROP POLICY kept_tenant_select ON kept;
ROLLBACK TO s;
SELECT trovella_guard.allow('public.plain', 'the same for all');
ALTER ROLE regress_changes BYPASSRLS;
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes() ORDER BY table_name, item, object;
ROLLBACK;

-- Decisions about what has other names: a schema, partitions, a view
BEGIN;
CREATE SCHEMA regress_decided;
CREATE TABLE regress_decided.parent (organization_id text NOT NULL) PARTITION BY LIST (organization_id);
CREATE TABLE regress_decided.child PARTITION OF regress_decided.parent FOR VALUES IN ('a');
CREATE VIEW regress_decided.window AS SELECT FROM regress_decided.parent;
GRANT SELECT ON regress_decided.window TO regress_changes;
SET LOCAL trovella_guard.mode = off;
COMMIT;
BEGIN;
SELECT trovella_guard.allow('regress_decided.*', 'the same for all');
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes()
  WHERE item <> 'finding' OR before = 'error' ORDER BY table_name, item, object;
ROLLBACK;
BEGIN;
SELECT trovella_guard.allow('regress_decided.parent', 'the same for all');
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes()
  WHERE item <> 'finding' OR before = 'error' ORDER BY table_name, item, object;
ROLLBACK;

-- The two rows of the comparison with another database
SELECT d.item, d.before, d.after, d.effect
FROM trovella_guard_internal.differences(
  '[{"key": "a.b", "table_name": "b", "item": "table", "value": "tenant"}, {"key": "a.b", "table_name": "b", "item": "policy", "object": "p", "value": "open", "detail": "x"}]',
  '[{"key": "a.b", "table_name": "b", "item": "table", "value": "global"}, {"key": "a.b", "table_name": "b", "item": "policy", "object": "p", "value": "open", "detail": "y"}]') d;
SELECT count(*) > 10 AS has_facts, bool_and(f ? 'key') AS has_keys
FROM jsonb_array_elements(trovella_guard_internal.isolation_by_name()) f;

SET trovella_guard.mode = off;
DROP SCHEMA regress_decided CASCADE;
DROP TABLE kept, dropped, plain;
DROP FUNCTION opaque(text);
DROP ROLE regress_changes;
