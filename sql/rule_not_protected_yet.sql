--
-- not_protected_yet: a tenant table that no role of the application can reach
-- may be protected later, until something makes it reachable.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_yet_app;
CREATE ROLE regress_yet_group;
CREATE ROLE regress_yet_job;
CREATE ROLE regress_yet_owner;
CREATE SCHEMA regress_yet;
SET search_path = regress_yet;
SET trovella_guard.app_role = regress_yet_app;
\set columns 'id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
GRANT regress_yet_group TO regress_yet_app;
GRANT USAGE ON SCHEMA regress_yet TO regress_yet_app;
GRANT ALL ON SCHEMA regress_yet TO regress_yet_owner;

-- the checklist knows no "yet"
CREATE TABLE bare (:columns);
SET trovella_guard.profile = isolation;
\set VERBOSITY default
CREATE TABLE bare (:columns);
\set VERBOSITY terse
SELECT rule, level FROM trovella_guard.check('bare') WHERE level <> 'info' ORDER BY 1;
-- others than the application's roles may have it
GRANT SELECT ON bare TO regress_yet_job;
-- what makes it reachable is refused
GRANT SELECT ON bare TO regress_yet_app;
GRANT INSERT (id) ON bare TO regress_yet_app;
GRANT DELETE ON bare TO regress_yet_group;
GRANT UPDATE ON bare TO PUBLIC;
GRANT TRUNCATE ON bare TO regress_yet_app;
ALTER TABLE bare OWNER TO regress_yet_app;
-- a bad policy does not help
BEGIN;
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON bare USING (true);
COMMIT;
SELECT rule, level FROM trovella_guard.check('bare') WHERE level <> 'info' ORDER BY 1;
GRANT SELECT ON bare TO regress_yet_app;
-- what protects it, statement by statement
ALTER POLICY p ON bare USING (:tenant);
CREATE INDEX ON bare (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON bare TO regress_yet_app;
SELECT rule, level FROM trovella_guard.check('bare') WHERE level <> 'info' ORDER BY 1;
-- once it is reachable, it must stay protected
ALTER TABLE bare DISABLE ROW LEVEL SECURITY;
ALTER POLICY p ON bare USING (true);

-- default privileges make it reachable at once
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_yet GRANT SELECT ON TABLES TO regress_yet_app;
CREATE TABLE given (:columns);
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_yet REVOKE SELECT ON TABLES FROM regress_yet_app;
-- a child is read through its parent
CREATE TABLE child () INHERITS (bare);
CREATE TABLE child2 (LIKE bare);
ALTER TABLE child2 INHERIT bare;
DROP TABLE child2;
BEGIN;
CREATE TABLE parted (:columns) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parted DEFAULT;
COMMIT;
GRANT SELECT ON parted TO regress_yet_app;
GRANT SELECT ON part TO regress_yet_app;
CREATE TABLE top (:columns);
CREATE TABLE below () INHERITS (top);
GRANT SELECT ON top TO regress_yet_app;
BEGIN;
ALTER TABLE top ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON top USING (:tenant);
GRANT SELECT ON top TO regress_yet_app;
COMMIT;

-- road: GRANT on a view over a table that is not protected yet (isolation), or that table's loss of protection below the view (refused)
-- a view or a function over a table that is not protected yet shows all tenants,
-- and has a finding of its own as soon as the application may use it
CREATE TABLE hidden (:columns);
CREATE VIEW hidden_view AS SELECT * FROM hidden;
CREATE VIEW hidden_invoker WITH (security_invoker = true) AS SELECT * FROM hidden;
CREATE VIEW hidden_over AS SELECT * FROM hidden_view;
GRANT SELECT ON hidden_invoker TO regress_yet_app;
\set VERBOSITY default
GRANT SELECT ON hidden_view TO regress_yet_app;
\set VERBOSITY terse
GRANT SELECT ON hidden_over TO PUBLIC;
GRANT SELECT ON hidden_view TO regress_yet_job;
CREATE MATERIALIZED VIEW hidden_kept AS SELECT * FROM hidden;
GRANT SELECT ON hidden_kept TO regress_yet_app;
CREATE RULE hidden_rule AS ON INSERT TO hidden_view DO INSTEAD INSERT INTO hidden VALUES (NEW.*);
GRANT INSERT ON hidden_view TO regress_yet_app;
CREATE FUNCTION hidden_bound() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT id FROM hidden; END;
CREATE FUNCTION hidden_text() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT id FROM regress_yet.hidden';
CREATE FUNCTION hidden_caller() RETURNS SETOF text LANGUAGE sql AS 'SELECT id FROM regress_yet.hidden';
SELECT table_name, rule, level, object FROM trovella_guard.check()
  WHERE schema_name = 'regress_yet' AND table_name LIKE 'hidden%' AND level <> 'info' ORDER BY 1, 2, 4;
REVOKE EXECUTE ON FUNCTION hidden_bound() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hidden_bound() TO regress_yet_job;
SELECT object FROM trovella_guard.check('hidden') WHERE rule = 'function_exposes_tenants';
-- who_sees() lists each of them; of the invoker's views it lists none
SELECT role, commands, how FROM trovella_guard.who_sees('hidden')
  WHERE role ~ 'regress_yet|PUBLIC' ORDER BY 1, 2, 3;
-- bad policies protect as little, whoever reads the table
BEGIN;
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, OWNER TO regress_yet_owner;
CREATE POLICY p ON hidden USING (:tenant);
COMMIT;
ALTER VIEW hidden_over OWNER TO regress_yet_owner;
ALTER VIEW hidden_view OWNER TO regress_yet_owner;
GRANT SELECT ON hidden_over TO regress_yet_app;
ALTER POLICY p ON hidden USING (true);
SELECT table_name, rule, level, message FROM trovella_guard.check('hidden_over') WHERE level <> 'info';
-- the repair leaves the rights to the caller, who has none
BEGIN;
ALTER POLICY p ON hidden USING (true);
ALTER VIEW hidden_over SET (security_invoker = true);
COMMIT;
SET ROLE regress_yet_app;
SELECT * FROM hidden_over;
RESET ROLE;

-- the table becomes a tenant table, or loses its protection, below the view
CREATE TABLE late (id text, note text);
SELECT trovella_guard.allow('regress_yet.late', 'for the test');
CREATE VIEW late_view AS SELECT * FROM late;
GRANT SELECT ON late_view TO regress_yet_app;
SELECT trovella_guard.disallow('regress_yet.late');
ALTER TABLE late ADD COLUMN organization_id text NOT NULL;
BEGIN;
ALTER TABLE late ADD COLUMN organization_id text NOT NULL;
ALTER TABLE late ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, OWNER TO regress_yet_owner;
ALTER VIEW late_view OWNER TO regress_yet_owner;
CREATE POLICY p ON late USING (:tenant);
CREATE INDEX ON late (organization_id);
COMMIT;
ALTER TABLE late DISABLE ROW LEVEL SECURITY;
-- a table that was read by others directly may be read only by the view
SET trovella_guard.mode = off;
GRANT SELECT ON late TO regress_yet_app;
ALTER TABLE late DISABLE ROW LEVEL SECURITY;
RESET trovella_guard.mode;
BEGIN;
REVOKE SELECT ON late FROM regress_yet_app;
ALTER TABLE late OWNER TO CURRENT_USER;
COMMIT;
SELECT table_name, rule, level FROM trovella_guard.check()
  WHERE schema_name = 'regress_yet' AND table_name LIKE 'late%' AND level <> 'info' ORDER BY 1, 2;

-- partitions and children are read through a parent that the view reads
CREATE TABLE whole (:columns) PARTITION BY LIST (id);
CREATE TABLE whole_part PARTITION OF whole DEFAULT;
CREATE VIEW whole_view AS SELECT * FROM whole;
GRANT SELECT ON whole_view TO regress_yet_app;
CREATE VIEW part_view AS SELECT * FROM whole_part;
GRANT SELECT ON part_view TO regress_yet_app;
CREATE TABLE heap (id text);
SELECT trovella_guard.allow('regress_yet.heap', 'for the test');
CREATE TABLE heap_child (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz) INHERITS (heap);
CREATE VIEW heap_view AS SELECT * FROM heap;
GRANT SELECT ON heap_view TO regress_yet_app;
SET trovella_guard.mode = off;
GRANT SELECT ON whole_view, part_view, heap_view TO regress_yet_app;
CREATE FUNCTION whole_text() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT id FROM regress_yet.whole';
RESET trovella_guard.mode;
SELECT role, commands, how FROM trovella_guard.who_sees('whole_part')
  WHERE role ~ 'regress_yet|PUBLIC' ORDER BY 1, 2, 3;
SELECT role, commands, how FROM trovella_guard.who_sees('heap_child')
  WHERE role ~ 'regress_yet|PUBLIC' ORDER BY 1, 2, 3;

-- road: GRANT of pg_read_all_data or pg_write_all_data where a table is not protected yet (isolation) (refused)
-- whoever may read or write everything reaches the table
GRANT pg_read_all_data TO regress_yet_app;
GRANT pg_write_all_data TO regress_yet_app;
GRANT pg_read_all_data TO regress_yet_group;
GRANT pg_read_all_data TO regress_yet_job;

RESET trovella_guard.profile;
SET client_min_messages = error;
DROP SCHEMA regress_yet CASCADE;
SELECT trovella_guard.disallow('regress_yet.heap');
DROP ROLE regress_yet_app, regress_yet_group, regress_yet_job, regress_yet_owner;
