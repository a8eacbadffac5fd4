--
-- An entry names a table.  A tenant table that comes under that name, or
-- under a partitioned table that has it, does not inherit the exemption.
--
\set SHOW_CONTEXT never
\set columns 'id int NOT NULL, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_names;
CREATE SCHEMA regress_names_open;
SET search_path = regress_names;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
SELECT trovella_guard.allow('global', 'reference data');
SELECT trovella_guard.allow('regress_names_open.*', 'belongs to a tool');
SELECT trovella_guard.allow('regress_names_new.*', 'belongs to a tool');
COMMIT;

-- renamed onto a listed name
ALTER TABLE item RENAME TO global;
\set VERBOSITY terse
-- ... laid bare in the same transaction
BEGIN;
ALTER TABLE item RENAME TO global;
ALTER TABLE global DISABLE ROW LEVEL SECURITY;
COMMIT;
-- ... in two steps
BEGIN;
ALTER TABLE item RENAME TO global_x;
ALTER TABLE global_x RENAME TO global;
COMMIT;
-- moved into a listed schema, or its schema renamed to one
ALTER TABLE item SET SCHEMA regress_names_open;
ALTER SCHEMA regress_names RENAME TO regress_names_new;
BEGIN;
ALTER SCHEMA regress_names_open RENAME TO regress_names_old;
ALTER SCHEMA regress_names RENAME TO regress_names_open;
COMMIT;
-- there and back again
BEGIN;
ALTER TABLE item RENAME TO global;
ALTER TABLE global RENAME TO item;
ALTER TABLE item SET SCHEMA regress_names_open;
ALTER TABLE regress_names_open.item SET SCHEMA regress_names;
COMMIT;
-- other names are free
ALTER TABLE item RENAME TO item_2;
ALTER TABLE item_2 RENAME TO item;
ALTER SCHEMA regress_names RENAME TO regress_names_2;
ALTER SCHEMA regress_names_2 RENAME TO regress_names;
-- who means it says so
BEGIN;
ALTER TABLE item RENAME TO global;
SELECT trovella_guard.allow('global', 'was tenant data, is not any more');
COMMIT;
ALTER TABLE global DISABLE ROW LEVEL SECURITY;
ALTER TABLE global ENABLE ROW LEVEL SECURITY;
-- a global table that loses its listed name is a tenant table
ALTER TABLE global DISABLE ROW LEVEL SECURITY;
ALTER TABLE global RENAME TO item;
BEGIN;
ALTER TABLE global ENABLE ROW LEVEL SECURITY;
ALTER TABLE global RENAME TO item;
COMMIT;
-- a new table of that name is what the entry is about
CREATE TABLE global (:columns);
-- a global table may be exchanged for another global one
BEGIN;
SELECT trovella_guard.allow('global_new', 'reference data, new');
CREATE TABLE global_new (:columns);
COMMIT;
BEGIN;
ALTER TABLE global RENAME TO global_old;
ALTER TABLE global_new RENAME TO global;
DROP TABLE global_old;
COMMIT;
-- not a tenant table for a global one
BEGIN;
ALTER TABLE global RENAME TO global_old;
ALTER TABLE item RENAME TO global;
DROP TABLE global_old;
COMMIT;

-- an entry for one rule counts as well
BEGIN;
SELECT trovella_guard.allow('no_index', 'ten rows', 'tenant_index_missing');
ALTER TABLE item RENAME TO no_index;
COMMIT;
ALTER TABLE no_index RENAME TO item;
ALTER TABLE item RENAME TO no_index;

-- partitions of a global table are global; a tenant table does not become one
BEGIN;
SELECT trovella_guard.allow('log', 'no tenant data');
CREATE TABLE log (:columns) PARTITION BY RANGE (id);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (1) TO (2);
COMMIT;
SELECT count(*) FROM trovella_guard.check() WHERE level <> 'info';
ALTER TABLE log ATTACH PARTITION item FOR VALUES FROM (2) TO (3);
BEGIN;
ALTER TABLE log ATTACH PARTITION item FOR VALUES FROM (2) TO (3);
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
COMMIT;
BEGIN;
SELECT trovella_guard.allow('item', 'is a log now');
ALTER TABLE log ATTACH PARTITION item FOR VALUES FROM (2) TO (3);
COMMIT;
ALTER TABLE log DETACH PARTITION item;
SELECT trovella_guard.disallow('item');
-- one that leaves it is global no more
ALTER TABLE log DETACH PARTITION log_1;
-- and the entry that goes had covered it
SELECT trovella_guard.disallow('log');
ALTER TABLE log RENAME TO log_2;
BEGIN;
ALTER TABLE log ENABLE ROW LEVEL SECURITY;
CREATE POLICY log_tenant ON log USING (:tenant);
CREATE INDEX ON log (organization_id);
SELECT trovella_guard.disallow('log');
COMMIT;
CREATE ROLE regress_names_reader;
BEGIN;
SELECT trovella_guard.allow('log', 'no tenant data');
GRANT SELECT ON log_1 TO regress_names_reader;
COMMIT;
SELECT trovella_guard.disallow('log');
SELECT trovella_guard.allow('log_1', 'no tenant data');
-- through a rename of the partitioned table, too
BEGIN;
DELETE FROM trovella_guard.allowlist WHERE table_name = 'log_1';
COMMIT;
ALTER TABLE log RENAME TO log_2;
ALTER TABLE log SET SCHEMA public;
-- ... or its move away from what covered it
BEGIN;
CREATE TABLE top (:columns) PARTITION BY LIST (organization_id);
SELECT trovella_guard.allow('top', 'no tenant data');
ALTER TABLE top ATTACH PARTITION log FOR VALUES IN ('1');
SELECT trovella_guard.disallow('log');
COMMIT;
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';
ALTER TABLE top DETACH PARTITION log;
SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = 'log'::regclass;

SET client_min_messages = error;
DROP SCHEMA regress_names, regress_names_open CASCADE;
DROP ROLE regress_names_reader;
DELETE FROM trovella_guard.allowlist;
