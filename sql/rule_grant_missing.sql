--
-- grant_missing: the application's role may not use the table.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_grant;
SET search_path = regress_grant;
CREATE ROLE regress_grant_app;
SET trovella_guard.app_role = 'regress_grant_app';

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'grant_missing';
GRANT SELECT, UPDATE ON item TO regress_grant_app;
SELECT object, message FROM trovella_guard.check('item') WHERE rule = 'grant_missing';
SELECT repair_sql FROM trovella_guard.check('item') WHERE rule = 'grant_missing' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'grant_missing';

-- by way of columns, PUBLIC, another role, or a predefined one
REVOKE ALL ON item FROM regress_grant_app;
GRANT SELECT (id), INSERT (id, organization_id) ON item TO regress_grant_app;
GRANT DELETE ON item TO PUBLIC;
SELECT object FROM trovella_guard.check('item') WHERE rule = 'grant_missing';
REVOKE ALL ON item FROM regress_grant_app, PUBLIC;
CREATE ROLE regress_grant_group;
GRANT regress_grant_group TO regress_grant_app;
GRANT INSERT, UPDATE, DELETE ON item TO regress_grant_group;
SELECT object FROM trovella_guard.check('item') WHERE rule = 'grant_missing';
GRANT pg_read_all_data TO regress_grant_app;
SELECT object FROM trovella_guard.check('item') WHERE rule = 'grant_missing';

-- a partition is used through its parent
BEGIN;
CREATE TABLE event (organization_id text NOT NULL, id int,
  created_at timestamptz, updated_at timestamptz) PARTITION BY LIST (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX ON event (organization_id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
COMMIT;
SELECT table_name, object FROM trovella_guard.check() WHERE rule = 'grant_missing'
  AND schema_name = 'regress_grant' ORDER BY 1;

-- of several roles, one is enough; names in upper case are quoted
CREATE ROLE "Regress Grant Reader";
SET trovella_guard.app_role = 'regress_nobody, "Regress Grant Reader", regress_grant_app';
SELECT object, message, repair_sql FROM trovella_guard.check('event') WHERE rule = 'grant_missing';
GRANT INSERT, UPDATE, DELETE ON event TO regress_grant_app;
SELECT object, message, repair_sql FROM trovella_guard.check('event') WHERE rule = 'grant_missing';
GRANT SELECT (id) ON event TO "Regress Grant Reader";
SELECT count(*) FROM trovella_guard.check('event') WHERE rule = 'grant_missing';

-- generated policies are for those that exist
BEGIN;
CREATE TABLE visit (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT repair_sql FROM trovella_guard.pending() WHERE rule = 'policy_missing';
ROLLBACK;

-- a role that does not exist lacks nothing
SET trovella_guard.app_role = 'regress_nobody';
SELECT count(*) FROM trovella_guard.check('event') WHERE rule = 'grant_missing';

RESET trovella_guard.app_role;
DROP TABLE item, event;
DROP ROLE "Regress Grant Reader", regress_grant_app, regress_grant_group;
DROP SCHEMA regress_grant;
