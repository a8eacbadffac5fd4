--
-- Without Citus: names like those of its catalogs, shards and connections mean
-- nothing.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;

-- A session that calls itself Citus
SET application_name = 'citus_internal gpid=10000000001';
CREATE TABLE report_102008 (id text PRIMARY KEY, organization_id text NOT NULL);
RESET application_name;

-- Catalogs of the same names: anywhere, and where only superusers can create
-- them.  They belong to no extension, so this table is not distributed, and no
-- restrictive policy is lost.
SET trovella_guard.mode = off;
CREATE SCHEMA regress_fake;
CREATE TABLE regress_fake.pg_dist_partition (logicalrelid regclass);
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid int);
CREATE TABLE pg_catalog.pg_dist_node (groupid int, nodename text, nodeport int);
CREATE TABLE pg_catalog.pg_dist_object (classid oid, objid oid);
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
INSERT INTO pg_catalog.pg_dist_local_group VALUES (1);
RESET trovella_guard.mode;

BEGIN;
CREATE TABLE report (id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON report (organization_id);
ALTER TABLE report ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON report USING (true);
CREATE POLICY floor ON report AS RESTRICTIVE USING (organization_id = current_setting('app.current_organization_id', true));
INSERT INTO regress_fake.pg_dist_partition VALUES ('report');
INSERT INTO pg_catalog.pg_dist_partition VALUES ('report');
INSERT INTO pg_catalog.pg_dist_shard VALUES ('report', 102008);
INSERT INTO pg_catalog.pg_dist_placement VALUES (102008, 1);
COMMIT;
SELECT rule FROM trovella_guard.check('report') WHERE level <> 'info' OR rule = 'policy_per_row_call' ORDER BY rule;

-- Nor is this a shard, nor this node a worker
CREATE TABLE report_102008 (id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.allow('public.report', 'a test', 'rls_not_forced');
SELECT trovella_guard.disallow('public.report', 'rls_not_forced');

SET trovella_guard.mode = off;
DROP TABLE report;
DROP TABLE pg_catalog.pg_dist_partition, pg_catalog.pg_dist_shard,
  pg_catalog.pg_dist_placement, pg_catalog.pg_dist_node, pg_catalog.pg_dist_object, pg_catalog.pg_dist_local_group;
DROP SCHEMA regress_fake CASCADE;

-- What is about a cluster says nothing here
SELECT item FROM trovella_guard.status() WHERE item = 'citus';
SELECT rule FROM trovella_guard.check() WHERE rule = 'nodes_not_audited';
SELECT * FROM trovella_guard.check_nodes();
