--
-- allow(..., sealed => true): an entry that counts only while nobody but the
-- owner can reach the relation.
--
-- road: GRANT on a table, or on a column, that a sealed entry covers (refused)
-- road: OWNER TO and REASSIGN OWNED of such a table, to the application (refused)
-- road: GRANT of a role, or ALTER ROLE ... LOGIN, by which the application gets its owner's rights (refused)
-- road: GRANT pg_read_all_data to the application, with a sealed table (refused)
-- road: ALTER DEFAULT PRIVILEGES, then a table under a sealed entry (refused)
-- road: ALTER TABLE SET SCHEMA or RENAME into a sealed entry (passes)
-- road: ALTER TABLE SET SCHEMA or RENAME out of it, or ALTER SCHEMA RENAME (refused)
-- road: a sealed table attached to a parent that others may use, and that is protected (passes)
-- road: a sealed table attached to a parent that others may use, and that is not (refused)
-- road: GRANT on a parent of sealed tables (refused)
-- road: a view that the application may use, over a sealed table (refused)
-- road: a sealed table that loses its tenant column (refused)
-- road: disallow() of a sealed entry (refused)
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text, organization_id text NOT NULL'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
SET trovella_guard.app_role = 'regress_sealed_app';
SET trovella_guard.rules = 'tenant_index_missing=off, required_columns_missing=off, fk_index_missing=off';
CREATE ROLE regress_sealed_app LOGIN;
CREATE ROLE regress_sealed_owner;
CREATE ROLE regress_sealed_tool;
CREATE ROLE regress_sealed_between;
CREATE SCHEMA regress_archive AUTHORIZATION regress_sealed_owner;
CREATE SCHEMA regress_sealed AUTHORIZATION regress_sealed_owner;
SET search_path = regress_sealed;
GRANT regress_sealed_owner TO regress_sealed_tool;

-- what is refused, and what is told
SELECT trovella_guard.allow('regress_archive.*', 'x', sealed => NULL);
INSERT INTO trovella_guard.allowlist (schema_name, table_name, reason, adopted, sealed) VALUES ('a', 'b', 'x', true, true);
INSERT INTO trovella_guard.allowlist (kind, rule, object, reason, sealed) VALUES ('role', '', 'b', 'x', true);
BEGIN;
SET LOCAL client_min_messages = notice;
SET LOCAL trovella_guard.mode = off;
CREATE TABLE regress_archive.given (:columns);
GRANT SELECT ON regress_archive.given TO PUBLIC;
CREATE TABLE regress_archive.of_app (:columns);
ALTER TABLE regress_archive.of_app OWNER TO regress_sealed_app;
CREATE TABLE regress_archive.child () INHERITS (regress_archive.given);
CREATE TABLE regress_archive.kept (:columns);
SELECT trovella_guard.allow('regress_archive.*', 'detached partitions, owner only', sealed => true);
SELECT trovella_guard.allow('regress_archive.kept', 'owner only', sealed => true);
CREATE TABLE regress_archive.given_2 (:columns);
GRANT UPDATE (id) ON regress_archive.given_2 TO regress_sealed_tool;
SELECT trovella_guard.allow('regress_archive.*', 'detached partitions, owner only', sealed => true);
ROLLBACK;

-- a table that nobody can reach needs no protection
SELECT trovella_guard.allow('regress_archive.*', 'detached partitions, owner only', sealed => true);
BEGIN;
CREATE TABLE regress_archive.task (:columns);
ALTER TABLE regress_archive.task OWNER TO regress_sealed_owner;
CREATE TABLE regress_archive.log (line text);
GRANT ALL ON regress_archive.task TO regress_sealed_owner;
COMMIT;
-- nor does it with the rights of the owner in hands that serve no tenants
GRANT regress_sealed_owner TO regress_sealed_between;

SELECT table_name, class, errors, warnings, waived, allowlist_reason FROM trovella_guard.tables WHERE schema_name = 'regress_archive' ORDER BY 1;
SELECT table_name, rule, waived_by FROM trovella_guard.findings() WHERE schema_name = 'regress_archive' AND level <> 'info' ORDER BY 1, 2;
SELECT schema_name, table_name, rule, sealed FROM trovella_guard.allowlist;
SELECT action, table_name, sealed FROM trovella_guard.allowlist_log WHERE schema_name = 'regress_archive' ORDER BY at;
SELECT trovella_guard.allowlist_markdown();
SELECT sealed, tenant, global FROM trovella_guard_internal.summary('regress_archive', NULL);
SELECT classes FROM trovella_guard_internal.summary('regress_archive', NULL);
-- its owner sees all tenants, as who_sees() says
SELECT role, how FROM trovella_guard.who_sees('regress_archive.task') WHERE role = 'regress_sealed_owner' ORDER BY 1, 2;
SELECT trovella_guard.protect('regress_archive.task');

--
-- What ends the seal is refused, each way
--
GRANT SELECT ON regress_archive.task TO regress_sealed_app;
\set VERBOSITY default
GRANT SELECT ON regress_archive.task TO PUBLIC;
\set VERBOSITY terse
-- ... to anybody but the owner
GRANT REFERENCES ON regress_archive.task TO regress_sealed_tool;
GRANT SELECT (id) ON regress_archive.task TO regress_sealed_tool;
\set VERBOSITY sqlstate
GRANT SELECT ON ALL TABLES IN SCHEMA regress_archive TO regress_sealed_tool;
\set VERBOSITY terse
ALTER TABLE regress_archive.task OWNER TO regress_sealed_app;
BEGIN;
ALTER TABLE regress_archive.task OWNER TO regress_sealed_tool;
REASSIGN OWNED BY regress_sealed_tool TO regress_sealed_app;
COMMIT;
-- the application gets the owner's rights
GRANT regress_sealed_owner TO regress_sealed_app;
GRANT regress_sealed_between TO regress_sealed_app;
\set VERBOSITY sqlstate
GRANT pg_read_all_data TO regress_sealed_app;
GRANT pg_write_all_data TO regress_sealed_app;
\set VERBOSITY terse
SET trovella_guard.app_role = 'regress_sealed_app, regress_sealed_app_2';
CREATE ROLE regress_sealed_app_2 LOGIN IN ROLE regress_sealed_owner;
SET trovella_guard.app_role = 'regress_sealed_app';
-- where no role of the setting exists, whoever may log in serves tenants
SET trovella_guard.app_role = 'regress_sealed_nobody';
ALTER ROLE regress_sealed_owner LOGIN;
BEGIN;
SELECT trovella_guard.allow_role('regress_sealed_owner', 'cleans up');
ALTER ROLE regress_sealed_owner LOGIN;
COMMIT;
SELECT trovella_guard.disallow_role('regress_sealed_owner');
ALTER ROLE regress_sealed_owner NOLOGIN;
SELECT trovella_guard.disallow_role('regress_sealed_owner');
SET trovella_guard.app_role = 'regress_sealed_app';
-- what default privileges grant
BEGIN;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_archive GRANT SELECT ON TABLES TO regress_sealed_app;
CREATE TABLE regress_archive.next (:columns);
COMMIT;
-- the seal ended long ago: that is no fault of whoever touches the table
BEGIN;
SET LOCAL trovella_guard.mode = off;
GRANT SELECT ON regress_archive.task TO regress_sealed_tool;
COMMIT;
ALTER TABLE regress_archive.task ADD COLUMN note text;
SELECT rule, level, message FROM trovella_guard.check('regress_archive.task') WHERE level <> 'info' ORDER BY 1;
REVOKE SELECT ON regress_archive.task FROM regress_sealed_tool;
SELECT count(*) FROM trovella_guard.check('regress_archive.task') WHERE level <> 'info';

--
-- Into the seal, and out of it
--
BEGIN;
CREATE TABLE task (:columns) PARTITION BY LIST (organization_id);
CREATE TABLE task_a PARTITION OF task FOR VALUES IN ('a');
CREATE TABLE task_b PARTITION OF task FOR VALUES IN ('b');
ALTER TABLE task ENABLE ROW LEVEL SECURITY;
CREATE POLICY task_tenant ON task USING (:tenant);
GRANT SELECT ON task TO regress_sealed_app;
COMMIT;
-- a partition that is detached, or moved first: no exemption is taken over
BEGIN;
ALTER TABLE task DETACH PARTITION task_a;
ALTER TABLE task_a SET SCHEMA regress_archive;
COMMIT;
ALTER TABLE task_b SET SCHEMA regress_archive;
ALTER TABLE task DETACH PARTITION regress_archive.task_b;
-- a table that others may use cannot hide there
BEGIN;
CREATE TABLE note (:columns);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY note_tenant ON note USING (:tenant);
GRANT SELECT ON note TO regress_sealed_app;
COMMIT;
ALTER TABLE note SET SCHEMA regress_archive;
ALTER TABLE regress_archive.note DISABLE ROW LEVEL SECURITY;
DROP TABLE regress_archive.note;
-- out again
ALTER TABLE regress_archive.task_a SET SCHEMA regress_sealed;
\set VERBOSITY sqlstate
ALTER SCHEMA regress_archive RENAME TO regress_archive_2;
\set VERBOSITY terse
SELECT trovella_guard.allow('regress_sealed.old', 'owner only', sealed => true);
BEGIN;
ALTER TABLE regress_archive.task_a SET SCHEMA regress_sealed;
ALTER TABLE task_a RENAME TO old;
COMMIT;
ALTER TABLE old RENAME TO old_2;
-- a plain entry can still be taken over, by way of a seal, too
SELECT trovella_guard.allow('regress_sealed.plan', 'price list');
ALTER TABLE old RENAME TO plan;
SELECT trovella_guard.disallow('regress_sealed.plan');
-- the loss of the tenant column is judged
ALTER TABLE old RENAME COLUMN organization_id TO org;
ALTER TABLE old DROP COLUMN organization_id;

--
-- Parents
--
-- a sealed table below a parent that others may use is protected by the parent
-- alone, so the entry does not count
BEGIN;
CREATE TABLE base (:columns);
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY base_tenant ON base USING (:tenant);
GRANT SELECT ON base TO regress_sealed_app;
CREATE TABLE bare (:columns);
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY bare_all ON bare USING (true);
SELECT trovella_guard.allow('regress_sealed.bare', 'owner only', sealed => true);
COMMIT;
ALTER TABLE old INHERIT base;
ALTER TABLE old NO INHERIT base;
-- a parent that cannot protect it
BEGIN;
CREATE TABLE ids (id text);
SELECT trovella_guard.allow('regress_sealed.ids', 'numbers');
GRANT SELECT ON ids TO regress_sealed_app;
COMMIT;
ALTER TABLE old INHERIT ids;
-- the entry of a parent covers its partitions as long as all of them are sealed
BEGIN;
CREATE TABLE regress_archive.tree (:columns) PARTITION BY LIST (organization_id);
CREATE TABLE regress_archive.tree_a PARTITION OF regress_archive.tree FOR VALUES IN ('a');
COMMIT;
GRANT SELECT ON regress_archive.tree_a TO regress_sealed_tool;
GRANT SELECT ON regress_archive.tree TO regress_sealed_tool;
ALTER TABLE old INHERIT bare;
GRANT SELECT ON bare TO regress_sealed_tool;
ALTER TABLE bare OWNER TO regress_sealed_app;
-- the owner of the parent, not that of the child
BEGIN;
CREATE ROLE regress_sealed_other;
ALTER TABLE bare OWNER TO regress_sealed_other;
COMMIT;
GRANT regress_sealed_other TO regress_sealed_app;
ALTER TABLE old NO INHERIT bare;
DROP TABLE bare;
DROP ROLE regress_sealed_other;

--
-- What reads a sealed table opens it
--
CREATE VIEW shown AS SELECT * FROM regress_archive.task;
BEGIN;
GRANT SELECT ON shown TO regress_sealed_app;
COMMIT;
-- by way of a view that is sealed itself
BEGIN;
CREATE VIEW regress_archive.inner_view AS SELECT * FROM regress_archive.task;
CREATE VIEW outer_view AS SELECT * FROM regress_archive.inner_view;
GRANT SELECT ON outer_view TO regress_sealed_app;
COMMIT;
-- a schema under a plain entry does not change that
SELECT trovella_guard.allow('regress_sealed.*', 'all of it');
GRANT SELECT ON shown TO regress_sealed_app;
SELECT trovella_guard.disallow('regress_sealed.*');
DROP VIEW shown;
-- a function (warns)
CREATE FUNCTION reads() RETURNS SETOF regress_archive.task LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC SELECT * FROM regress_archive.task; END;
DROP FUNCTION reads;

--
-- The entry itself
--
\set VERBOSITY sqlstate
SELECT trovella_guard.disallow('regress_archive.*');
\set VERBOSITY terse
-- a sealed entry in place of a plain one, and back
BEGIN;
CREATE TABLE given (:columns);
GRANT SELECT ON given TO regress_sealed_app;
SELECT trovella_guard.allow('regress_sealed.given', 'price list');
COMMIT;
SELECT trovella_guard.allow('regress_sealed.given', 'price list', sealed => true);
SELECT trovella_guard.allow('regress_sealed.old', 'nothing to hide');
SELECT trovella_guard.allow('regress_sealed.old', 'owner only', sealed => true);
-- for one rule
BEGIN;
CREATE TABLE partly (:columns);
SELECT trovella_guard.allow('regress_sealed.partly', 'owner only', 'rls_disabled', sealed => true);
SELECT trovella_guard.allow('regress_sealed.partly', 'owner only', 'policy_missing', object => 'SELECT, INSERT, UPDATE, DELETE', sealed => true);
COMMIT;
GRANT SELECT ON partly TO regress_sealed_app;
SELECT rule, object, sealed FROM trovella_guard.allowlist WHERE table_name = 'partly' ORDER BY 1;
-- one that has no effect, because the seal does not hold, is not stale
BEGIN;
SET LOCAL trovella_guard.mode = off;
GRANT SELECT ON partly TO regress_sealed_app;
SELECT table_name, object FROM trovella_guard.check() WHERE rule = 'allowlist_stale' AND schema_name = 'regress_sealed' ORDER BY 1, 2;
ROLLBACK;

--
-- Hints: a sealed entry for the work tables of tools, and for what is detached
--
\set VERBOSITY default
CREATE SCHEMA repack;
CREATE TABLE repack.table_1 (:columns);
-- not for what others can reach
BEGIN;
CREATE TABLE repack.table_1 (:columns);
GRANT SELECT ON repack.table_1 TO PUBLIC;
ALTER TABLE repack.table_1 ENABLE ROW LEVEL SECURITY;
COMMIT;
CREATE SCHEMA _regress_cluster;
CREATE TABLE _regress_cluster.sl_node (no_id int);
DROP SCHEMA _regress_cluster;
-- Slony's schemas are known by their tables
CREATE SCHEMA _regress_other;
CREATE TABLE _regress_other.item (no_id int);
DROP SCHEMA _regress_other;
BEGIN;
CREATE TABLE part (:columns) PARTITION BY LIST (organization_id);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
ALTER TABLE part ENABLE ROW LEVEL SECURITY;
ALTER TABLE part_b ENABLE ROW LEVEL SECURITY;
CREATE POLICY part_tenant ON part USING (:tenant);
COMMIT;
ALTER TABLE part DETACH PARTITION part_a;
ALTER TABLE part DETACH PARTITION part_b;
-- the reason is for somebody to give
SELECT trovella_guard.allow('repack.*', 'who keeps tables here, and what for', sealed => true);
SELECT trovella_guard.allow('repack.*', 'pg_repack', sealed => true);
CREATE TABLE repack.table_1 (:columns);
-- what it never had, the GRANT did not take away
RESET trovella_guard.rules;
CREATE TABLE repack.table_2 (id int, organization_id text);
GRANT SELECT ON repack.table_2 TO regress_sealed_app;
-- a sealed entry is not offered for what it would not waive; and a view is called one
CREATE FUNCTION repack.reads() RETURNS SETOF repack.table_1 LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC SELECT * FROM repack.table_1; END;
DROP FUNCTION repack.reads();
CREATE VIEW repack.shown AS SELECT id FROM repack.table_1;
GRANT SELECT ON repack.shown TO regress_sealed_app;
\set VERBOSITY terse
DROP SCHEMA repack CASCADE;

DROP SCHEMA regress_sealed, regress_archive CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP OWNED BY regress_sealed_owner, regress_sealed_tool, regress_sealed_app, regress_sealed_between CASCADE;
DROP ROLE regress_sealed_app, regress_sealed_owner, regress_sealed_tool, regress_sealed_between;
