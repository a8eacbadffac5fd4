--
-- Partitions and inheritance children: rows of their own, which the parent's
-- policies protect only from those who come through the parent.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id int NOT NULL, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_reader;
CREATE SCHEMA regress_children;
SET search_path = regress_children;

BEGIN;
CREATE TABLE event (:columns) PARTITION BY RANGE (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX ON event (organization_id);
COMMIT;

-- a bare partition of a protected table is fine: nobody can name it
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2);
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (2) TO (3);
GRANT SELECT ON event TO regress_reader;
SELECT count(*) FROM trovella_guard.check() WHERE level <> 'info';

-- until a GRANT opens it, by whatever form
\set VERBOSITY default
GRANT SELECT ON event_1 TO regress_reader;
\set VERBOSITY terse
GRANT SELECT (id) ON event_1 TO regress_reader;
GRANT INSERT ON event_1 TO PUBLIC;
\set VERBOSITY sqlstate
GRANT SELECT ON ALL TABLES IN SCHEMA regress_children TO regress_reader;
\set VERBOSITY terse
SELECT relname, relacl FROM pg_class WHERE relname LIKE 'event\__' ORDER BY 1;
-- to the owner is nothing new
GRANT SELECT ON event_1 TO CURRENT_USER;
-- a grant that is taken back at once is none
BEGIN;
GRANT SELECT ON event_1 TO regress_reader;
REVOKE SELECT ON event_1 FROM regress_reader;
COMMIT;
-- default privileges open a new partition
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_children
  GRANT SELECT ON TABLES TO regress_reader;
CREATE TABLE event_3 PARTITION OF event FOR VALUES FROM (3) TO (4);
-- row-level security on, and no policies: default deny is fine for a partition
BEGIN;
CREATE TABLE event_3 PARTITION OF event FOR VALUES FROM (3) TO (4);
ALTER TABLE event_3 ENABLE ROW LEVEL SECURITY;
COMMIT;
-- ... but some policies must be all of them
CREATE POLICY event_3_select ON event_3 FOR SELECT USING (:tenant);
-- ... and one that is protected can be granted to others, not laid bare
GRANT SELECT ON event_3 TO regress_reader;
ALTER TABLE event_3 DISABLE ROW LEVEL SECURITY;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_children
  REVOKE SELECT ON TABLES FROM regress_reader;

-- a partition that leaves its parent stands alone
ALTER TABLE event DETACH PARTITION event_1;
-- ... one that denies everything still does: that is worth a warning
ALTER TABLE event DETACH PARTITION event_3;
SELECT rule, level FROM trovella_guard.check('event_3') WHERE level <> 'info';
ALTER TABLE event ATTACH PARTITION event_3 FOR VALUES FROM (3) TO (4);
BEGIN;
ALTER TABLE event DETACH PARTITION event_3;
CREATE POLICY event_3_select ON event_3 FOR SELECT USING (:tenant);
COMMIT;
BEGIN;
ALTER TABLE event DETACH PARTITION event_1;
ALTER TABLE event_1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_1_tenant ON event_1 USING (:tenant);
COMMIT;
BEGIN;
ALTER TABLE event DETACH PARTITION event_2;
DROP TABLE event_2;
COMMIT;
-- and one that comes is protected by it
BEGIN;
ALTER TABLE event ATTACH PARTITION event_1 FOR VALUES FROM (1) TO (2);
DROP POLICY event_1_tenant ON event_1;
ALTER TABLE event_1 DISABLE ROW LEVEL SECURITY;
COMMIT;

-- the parent cannot lay itself bare ...
ALTER TABLE event DISABLE ROW LEVEL SECURITY;
-- ... nor, where it is waived for the parent, its children with it
BEGIN;
SELECT trovella_guard.allow('event', 'the parent holds no rows', 'rls_disabled');
SELECT trovella_guard.allow('event', 'the parent holds no rows', 'policy_missing');
COMMIT;
-- an entry for a partitioned table covers its partitions, though
BEGIN;
ALTER TABLE event DISABLE ROW LEVEL SECURITY;
COMMIT;
SELECT table_name, rule, level, waived_by FROM trovella_guard.findings()
  WHERE level = 'error' ORDER BY 1, 2;
-- and ends for them, too
SELECT trovella_guard.disallow('event', 'rls_disabled');
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
SELECT trovella_guard.disallow('event', 'rls_disabled');
SELECT trovella_guard.disallow('event', 'policy_missing');

-- partitions of partitions
BEGIN;
CREATE TABLE event_9 PARTITION OF event FOR VALUES FROM (90) TO (99)
  PARTITION BY RANGE (id);
CREATE TABLE event_91 PARTITION OF event_9 FOR VALUES FROM (91) TO (92);
COMMIT;
GRANT SELECT ON event_91 TO regress_reader;
GRANT SELECT ON event_9 TO regress_reader;
BEGIN;
ALTER TABLE event DETACH PARTITION event_9;
ALTER TABLE event_9 ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_9_tenant ON event_9 USING (:tenant);
COMMIT;
SELECT count(*) FROM trovella_guard.check() WHERE level <> 'info';

-- a partition of a table that is no tenant table has no such parent
BEGIN;
SELECT trovella_guard.allow('global', 'no tenant data');
CREATE TABLE global (id int, other text) PARTITION BY RANGE (id);
CREATE TABLE global_1 PARTITION OF global FOR VALUES FROM (1) TO (2);
COMMIT;

--
-- inheritance
--
BEGIN;
CREATE TABLE base (:columns);
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY base_tenant ON base USING (:tenant);
CREATE INDEX ON base (organization_id);
COMMIT;
-- indexes are not inherited
CREATE TABLE child () INHERITS (base);
BEGIN;
CREATE TABLE child () INHERITS (base);
CREATE INDEX ON child (organization_id);
COMMIT;
GRANT SELECT ON child TO regress_reader;
ALTER TABLE child NO INHERIT base;
ALTER TABLE base DISABLE ROW LEVEL SECURITY;

-- the parent may become a global table; then its child is on its own
BEGIN;
SELECT trovella_guard.allow('base', 'holds no rows');
ALTER TABLE base DISABLE ROW LEVEL SECURITY;
COMMIT;
BEGIN;
SELECT trovella_guard.allow('base', 'holds no rows');
ALTER TABLE base DISABLE ROW LEVEL SECURITY;
ALTER TABLE child ENABLE ROW LEVEL SECURITY;
CREATE POLICY child_tenant ON child USING (:tenant);
COMMIT;
ALTER TABLE base ENABLE ROW LEVEL SECURITY;

-- so it is one level deeper: the grandchild is hidden behind its parent
BEGIN;
CREATE TABLE grandchild () INHERITS (child);
CREATE INDEX ON grandchild (organization_id);
DROP POLICY child_tenant ON child;
ALTER TABLE child DISABLE ROW LEVEL SECURITY;
COMMIT;
SELECT trovella_guard.allow('child', 'holds no rows');
-- child may be read now, and grandchild not through it
GRANT SELECT ON child TO regress_reader;
ALTER TABLE base DISABLE ROW LEVEL SECURITY;
SELECT table_name, rule FROM trovella_guard.check() WHERE level = 'error';

-- two parents, both of which have to hide it
BEGIN;
CREATE TABLE base2 (:columns);
ALTER TABLE base2 ENABLE ROW LEVEL SECURITY;
CREATE POLICY base2_tenant ON base2 USING (:tenant);
CREATE INDEX ON base2 (organization_id);
CREATE TABLE both_of_them () INHERITS (base, base2);
CREATE INDEX ON both_of_them (organization_id);
SELECT trovella_guard.allow('base2', 'holds no rows');
COMMIT;
ALTER TABLE base2 DISABLE ROW LEVEL SECURITY;
BEGIN;
ALTER TABLE base2 DISABLE ROW LEVEL SECURITY;
ALTER TABLE both_of_them NO INHERIT base2;
COMMIT;

-- a parent that keeps its row-level security and loses its tenant column
BEGIN;
SELECT trovella_guard.allow('plain', 'holds no rows');
CREATE TABLE plain (:columns);
ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
CREATE TABLE plain_child (organization_id text NOT NULL) INHERITS (plain);
CREATE INDEX ON plain_child (organization_id);
COMMIT;
ALTER TABLE plain DROP COLUMN organization_id CASCADE;
SELECT table_name, rule FROM trovella_guard.check() WHERE level = 'error';

DROP TABLE event, event_9, global, plain CASCADE;
DROP TABLE base, base2 CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP SCHEMA regress_children;
DROP ROLE regress_reader;
