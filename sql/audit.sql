--
-- check(), findings() and status().
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE SCHEMA regress_audit;
SET search_path = regress_audit;

-- a database of which nothing is to be said
SELECT * FROM trovella_guard.check() WHERE level <> 'info';
BEGIN;
CREATE TABLE right_item (:columns);
ALTER TABLE right_item FORCE ROW LEVEL SECURITY;
ALTER TABLE right_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY right_tenant ON right_item USING (:tenant);
CREATE INDEX ON right_item (organization_id);
COMMIT;
SELECT * FROM trovella_guard.check() WHERE level <> 'info';

-- everything that is wrong, in a fixed order
SET trovella_guard.mode = off;
CREATE TABLE b (id text, organization_id text, parent text REFERENCES right_item);
CREATE TABLE a (id text);
CREATE SCHEMA regress_audit_2;
CREATE TABLE regress_audit_2.a (:columns);
CREATE TEMP TABLE c (organization_id text);
CREATE MATERIALIZED VIEW m AS SELECT organization_id FROM right_item;
SET trovella_guard.mode = enforce;
SELECT schema_name, table_name, rule, level, object, message
  FROM trovella_guard.check() WHERE level <> 'info';
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';
-- one relation
SELECT rule FROM trovella_guard.check('regress_audit_2.a');
SELECT rule FROM trovella_guard.check('a');
SELECT rule FROM trovella_guard.check('right_item') WHERE level <> 'info';
-- of which there is nothing to say
SELECT rule FROM trovella_guard.check('c');
SELECT rule FROM trovella_guard.check('pg_class');
SELECT rule FROM trovella_guard.check('right_item_pkey');
SELECT rule FROM trovella_guard.check('trovella_guard.allowlist');
SELECT rule FROM trovella_guard.check('nonsense');
SELECT count(*) > 0 AS all_of_them FROM trovella_guard.check(NULL);

-- what is waived is left out, and findings() tells why
SELECT trovella_guard.allow('a', 'reference data');
SELECT trovella_guard.allow('regress_audit_2.*', 'belongs to a tool');
SELECT table_name, rule FROM trovella_guard.check() WHERE table_name = 'a';
SELECT schema_name, table_name, rule, waived_by FROM trovella_guard.findings()
  WHERE waived_by IS NOT NULL ORDER BY 1, 2, 3;

-- the repairs, all of them together
SELECT repair_sql FROM trovella_guard.check()
  WHERE table_name = 'b' AND level <> 'info' \gexec
SELECT rule, level FROM trovella_guard.check('b') WHERE level <> 'info';
SELECT rule, level FROM trovella_guard.check('b') WHERE rule = 'rls_not_forced';

-- it sees what the transaction has done so far, at any isolation level
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM trovella_guard.check('b') WHERE level = 'error';
ALTER TABLE b DISABLE ROW LEVEL SECURITY;
SELECT rule FROM trovella_guard.check('b') WHERE level = 'error';
ROLLBACK;
-- in any place where a query may stand
SELECT c.relname, f.rule FROM pg_class c, trovella_guard.findings(c.oid) f
  WHERE c.relname IN ('a', 'b') AND c.relnamespace = 'regress_audit_2'::regnamespace
  ORDER BY 1, 2;
CREATE VIEW findings AS SELECT * FROM trovella_guard.check() WHERE level <> 'info';
SELECT count(*) FROM findings WHERE level = 'error';
SELECT (trovella_guard.findings('regress_audit_2.a')).rule ORDER BY 1;
-- a read only transaction
BEGIN READ ONLY;
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';
COMMIT;
-- the mode does not matter, the levels do
SET trovella_guard.rules = 'relation_unprotectable=error, rls_not_forced=off';
SELECT table_name, rule, level FROM trovella_guard.check()
  WHERE rule IN ('relation_unprotectable', 'rls_not_forced');
RESET trovella_guard.rules;

--
-- status
--
RESET trovella_guard.app_role;
SELECT item, value, ok, detail FROM trovella_guard.status()
  WHERE item NOT LIKE '%version' AND item <> 'preloading' ORDER BY item;
SELECT item, value = (SELECT extversion FROM pg_extension WHERE extname = 'trovella_guard') AS same, ok, detail
  FROM trovella_guard.status() WHERE item LIKE '%version' ORDER BY item;
SELECT count(*) FROM trovella_guard.status() WHERE item = 'preloading';
SET trovella_guard.mode = warn;
SELECT * FROM trovella_guard.status() WHERE item = 'mode';
SET trovella_guard.mode = off;
SELECT * FROM trovella_guard.status() WHERE item = 'mode';
RESET trovella_guard.mode;
SET trovella_guard.tenant_columns = 'tenant_id, organization_id';
SET trovella_guard.rules = 'fk_index_missing=warning';
SET trovella_guard.app_role = 'regress_audit_nobody';
SELECT * FROM trovella_guard.status() WHERE item IN ('tenant_columns', 'rules', 'app_role');
RESET trovella_guard.tenant_columns;
RESET trovella_guard.rules;
SET trovella_guard.app_role = regress_no_such_role;
ALTER EVENT TRIGGER trovella_guard_open DISABLE;
ALTER EVENT TRIGGER trovella_guard_collect ENABLE;
SELECT * FROM trovella_guard.status() WHERE NOT ok AND item LIKE 'event%' ORDER BY item;
SELECT detail FROM trovella_guard.status() WHERE NOT ok AND item LIKE 'event%' ORDER BY item \gexec
SELECT item FROM trovella_guard.status() WHERE NOT ok AND item LIKE 'event%';
BEGIN;
ALTER EXTENSION trovella_guard DROP EVENT TRIGGER trovella_guard_open;
ALTER EXTENSION trovella_guard DROP EVENT TRIGGER trovella_guard_collect;
DROP EVENT TRIGGER trovella_guard_open;
DROP EVENT TRIGGER trovella_guard_collect;
SELECT item, value, detail FROM trovella_guard.status() WHERE NOT ok AND item LIKE 'event%' ORDER BY item;
SELECT substring(detail from 'CREATE.*') FROM trovella_guard.status() WHERE NOT ok AND item LIKE 'event%' ORDER BY item \gexec
SELECT item, value FROM trovella_guard.status() WHERE item LIKE 'event%' ORDER BY item;
ROLLBACK;
-- since PostgreSQL 17 there is a setting that switches them all off
SELECT current_setting('server_version_num')::int >= 170000 AS has_setting \gset
SELECT set_config(CASE WHEN :'has_setting' THEN '' ELSE 'regress_audit.' END || 'event_triggers', 'off', false);
SELECT count(*) FILTER (WHERE ok = NOT :'has_setting'
                        AND (value = 'enabled always, but event_triggers is off') = :'has_setting') AS as_it_should_be
  FROM trovella_guard.status() WHERE item LIKE 'event%';
SELECT set_config(CASE WHEN :'has_setting' THEN '' ELSE 'regress_audit.' END || 'event_triggers', 'on', false);
SELECT item FROM trovella_guard.status() WHERE NOT ok AND item LIKE 'event%';

SET client_min_messages = error;
DROP SCHEMA regress_audit, regress_audit_2 CASCADE;
DROP TABLE c;
DELETE FROM trovella_guard.allowlist;
