--
-- seal_partitions(): row-level security without policies, for the children of a
-- protected table; and what an extension makes below one.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id int, organization_id text NOT NULL'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
SET trovella_guard.app_role = 'regress_part_app';
SET trovella_guard.rules = 'tenant_index_missing=off, required_columns_missing=off';
CREATE ROLE regress_part_app;
CREATE ROLE regress_part_owner;
GRANT SET ON PARAMETER trovella_guard.app_role, trovella_guard.rules TO regress_part_owner;
CREATE SCHEMA regress_part AUTHORIZATION regress_part_owner;
CREATE SCHEMA "regress Part" AUTHORIZATION regress_part_owner;
GRANT USAGE ON SCHEMA regress_part, "regress Part" TO regress_part_app;
-- road: a child that C code makes below a protected parent, with its privileges (warns)
-- road: the same by a DDL statement, with default privileges (refused)
SET search_path = regress_part;

SET ROLE regress_part_owner;
BEGIN;
CREATE TABLE task (:columns) PARTITION BY RANGE (id);
CREATE TABLE task_1 PARTITION OF task FOR VALUES FROM (1) TO (2);
CREATE TABLE "regress Part"."task 2" PARTITION OF task FOR VALUES FROM (2) TO (3) PARTITION BY RANGE (id);
CREATE TABLE "regress Part"."task 2a" PARTITION OF "regress Part"."task 2" FOR VALUES FROM (2) TO (3);
CREATE TABLE task_3 PARTITION OF task FOR VALUES FROM (3) TO (4);
CREATE TABLE task_4 PARTITION OF task FOR VALUES FROM (4) TO (5);
ALTER TABLE task ENABLE ROW LEVEL SECURITY;
CREATE POLICY task_tenant ON task USING (:tenant);
-- its own policies, in force or not, stay as they are
ALTER TABLE task_3 ENABLE ROW LEVEL SECURITY;
CREATE POLICY task_3_tenant ON task_3 USING (:tenant);
CREATE POLICY task_4_tenant ON task_4 USING (:tenant);
GRANT SELECT, INSERT ON task TO regress_part_app;
COMMIT;
RESET ROLE;
SELECT trovella_guard.allow('regress_part.plain', 'no partitions');
CREATE TABLE plain (id int);

-- one that somebody can name is a leak
SET trovella_guard.mode = off;
GRANT SELECT ON task_1, "regress Part"."task 2a" TO regress_part_app;
RESET trovella_guard.mode;
INSERT INTO task SELECT i, 'tenant ' || i % 2 FROM generate_series(1, 4) i;
SET ROLE regress_part_app;
SELECT count(*) FROM task_1;
RESET ROLE;
SELECT table_name, rule FROM trovella_guard.check() WHERE level = 'error' ORDER BY 1, 2;

SELECT trovella_guard.seal_partitions(NULL);
SELECT trovella_guard.seal_partitions('plain');
SET ROLE regress_part_app;
SELECT trovella_guard.seal_partitions('task');
SET ROLE regress_part_owner;
SELECT trovella_guard.seal_partitions('task');
-- by cron: nothing is left to do
SELECT trovella_guard.seal_partitions('task');
RESET ROLE;
SELECT table_name, rule FROM trovella_guard.check() WHERE level = 'error' ORDER BY 1, 2;
SET ROLE regress_part_app;
SELECT count(*) FROM task_1;
SET app.current_organization_id = 'tenant 1';
INSERT INTO task VALUES (1, 'tenant 1');
SELECT id, organization_id FROM task ORDER BY 1;
RESET ROLE;

-- inheritance
BEGIN;
CREATE TABLE event (:columns);
CREATE TABLE event_1 () INHERITS (event);
CREATE TABLE event_2 () INHERITS (event_1);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
COMMIT;
SELECT trovella_guard.seal_partitions('event');

--
-- What an extension makes while somebody inserts a row: no DDL statement is
-- executed.  Without event triggers nothing else looks like that.
--
GRANT SELECT ON event TO regress_part_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_part GRANT SELECT ON TABLES TO regress_part_app;
ALTER EVENT TRIGGER trovella_guard_open DISABLE;
\c -
LOAD 'trovella_guard';
SET search_path = regress_part;
SET trovella_guard.app_role = 'regress_part_app';
SET trovella_guard.rules = 'tenant_index_missing=off, required_columns_missing=off';
\set VERBOSITY default
CREATE TABLE event_3 () INHERITS (event);
\set VERBOSITY terse
-- the audit says it
SELECT rule, level FROM trovella_guard.check('event_3') WHERE level <> 'info' ORDER BY 1;
-- more privileges than the parent's, another owner, no protected parent
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_part GRANT INSERT ON TABLES TO regress_part_app;
CREATE TABLE event_4 () INHERITS (event);
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_part REVOKE INSERT ON TABLES FROM regress_part_app;
BEGIN;
CREATE TABLE event_4 () INHERITS (event);
ALTER TABLE event_4 OWNER TO regress_part_owner;
COMMIT;
CREATE TABLE event_4 (organization_id text NOT NULL) INHERITS (plain);
-- a child that was there, or that has no parent
ALTER TABLE event_3 ADD COLUMN more int;
CREATE TABLE alone (:columns);
ALTER EVENT TRIGGER trovella_guard_open ENABLE ALWAYS;
\c -
SET search_path = regress_part;
SET client_min_messages = warning;
SET trovella_guard.app_role = 'regress_part_app';
SET trovella_guard.rules = 'tenant_index_missing=off, required_columns_missing=off';
-- a statement of somebody's makes it that one's business
CREATE TABLE event_4 () INHERITS (event);
SELECT trovella_guard.seal_partitions('event');
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';

DROP SCHEMA regress_part, "regress Part" CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP OWNED BY regress_part_app, regress_part_owner;
DROP ROLE regress_part_app, regress_part_owner;
