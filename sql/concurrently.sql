--
-- Commands that commit on their way.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_concurrently;
SET search_path = regress_concurrently;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX item_tenant_idx ON item (organization_id);
COMMIT;
CREATE VIEW indexes AS
  SELECT indexrelid::regclass, indisvalid, indisready, indislive
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
  WHERE indrelid = 'item'::regclass ORDER BY relname;

-- refused, and the index is as valid as it was
DROP INDEX CONCURRENTLY item_tenant_idx;
TABLE indexes;

-- with another one in place it may go
CREATE INDEX CONCURRENTLY item_tenant_time_idx ON item (organization_id, created_at);
DROP INDEX CONCURRENTLY item_tenant_idx;
TABLE indexes;
DROP INDEX CONCURRENTLY item_tenant_time_idx;

-- an index that is rebuilt is there all the time
REINDEX INDEX CONCURRENTLY item_tenant_time_idx;
REINDEX TABLE CONCURRENTLY item;
REINDEX TABLE item;
CLUSTER item USING item_pkey;
VACUUM FULL item;
VACUUM ANALYZE item;
TABLE indexes;

-- on a table with old findings: the repair may be done step by step
SET trovella_guard.mode = off;
CREATE TABLE old (:columns, user_id text REFERENCES item ON DELETE CASCADE);
SET trovella_guard.mode = enforce;
CREATE INDEX CONCURRENTLY old_tenant_idx ON old (organization_id);
CREATE INDEX CONCURRENTLY old_user_idx ON old (user_id);
SELECT rule FROM trovella_guard.check('old') WHERE level = 'error' ORDER BY 1;
CREATE POLICY old_tenant ON old USING (:tenant);
ALTER TABLE old ENABLE ROW LEVEL SECURITY;
SELECT rule FROM trovella_guard.check('old') WHERE level = 'error' ORDER BY 1;
-- and what is mended stays so
DROP INDEX CONCURRENTLY old_user_idx;
DROP TABLE old;

-- a bare partition cannot be taken out
BEGIN;
CREATE TABLE event (organization_id text NOT NULL, id int,
  created_at timestamptz, updated_at timestamptz) PARTITION BY RANGE (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX ON event (organization_id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2);
COMMIT;
ALTER TABLE event DETACH PARTITION event_1 CONCURRENTLY;
SELECT inhparent::regclass, inhdetachpending FROM pg_inherits
  WHERE inhrelid = 'event_1'::regclass;
-- once it is protected it can
BEGIN;
ALTER TABLE event_1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_1_tenant ON event_1 USING (:tenant);
COMMIT;
ALTER TABLE event DETACH PARTITION event_1 CONCURRENTLY;
SELECT count(*) FROM pg_inherits WHERE inhrelid = 'event_1'::regclass;

-- PostgreSQL announces nothing of the first half where a partition needs no
-- new constraint, as with hash partitions; it is refused all the same, for
-- what is half detached can neither be altered nor attached again.
BEGIN;
CREATE TABLE hashed (organization_id text NOT NULL, id int,
  created_at timestamptz, updated_at timestamptz) PARTITION BY HASH (id);
ALTER TABLE hashed ENABLE ROW LEVEL SECURITY;
CREATE POLICY hashed_tenant ON hashed USING (:tenant);
CREATE INDEX ON hashed (organization_id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 1, REMAINDER 0);
COMMIT;
ALTER TABLE hashed DETACH PARTITION hashed_0 CONCURRENTLY;
SELECT inhparent::regclass, inhdetachpending FROM pg_inherits
  WHERE inhrelid = 'hashed_0'::regclass;
SELECT table_name, rule FROM trovella_guard.check() WHERE level = 'error' ORDER BY 1, 2;
BEGIN;
ALTER TABLE hashed DETACH PARTITION hashed_0;
ALTER TABLE hashed_0 ENABLE ROW LEVEL SECURITY;
CREATE POLICY hashed_0_tenant ON hashed_0 USING (:tenant);
COMMIT;
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';

DROP VIEW indexes;
DROP TABLE item, event, event_1, hashed, hashed_0;
DROP SCHEMA regress_concurrently;
