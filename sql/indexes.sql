--
-- What counts as an index, for tenant_index_missing and fk_index_missing.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_indexes;
SET search_path = regress_indexes;

-- A table without index, so that each candidate is looked at by the audit
-- alone; each is rolled back.
BEGIN;
SELECT trovella_guard.allow('parent', 'no tenant data');
CREATE TABLE parent (a text, b text, c text, UNIQUE (a), UNIQUE (a, b),
  UNIQUE (a, b, c));
COMMIT;
SET trovella_guard.mode = off;
CREATE TABLE item (:columns, a text, b text, c text NOT NULL, deleted_at timestamptz);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
SET trovella_guard.mode = enforce;
CREATE VIEW missing AS SELECT rule, object FROM trovella_guard.check('item')
  WHERE rule LIKE '%index%';
TABLE missing;

--
-- the tenant column
--
BEGIN;
CREATE INDEX ON item (organization_id, id);
TABLE missing;
ROLLBACK;
-- not led by it
BEGIN;
CREATE INDEX ON item (id, organization_id);
TABLE missing;
ROLLBACK;
-- an INCLUDE column is no key, and is not needed as one
BEGIN;
CREATE INDEX ON item (id) INCLUDE (organization_id);
TABLE missing;
CREATE INDEX ON item (organization_id) INCLUDE (id);
TABLE missing;
ROLLBACK;
-- an expression is not the column
BEGIN;
CREATE INDEX ON item (lower(organization_id));
CREATE INDEX ON item ((organization_id || ''));
TABLE missing;
CREATE INDEX ON item (organization_id, lower(id));
TABLE missing;
ROLLBACK;
-- access methods
BEGIN;
CREATE INDEX ON item USING brin (organization_id);
TABLE missing;
CREATE INDEX ON item USING gin (to_tsvector('simple', organization_id));
CREATE INDEX ON item USING gist (to_tsvector('simple', organization_id));
TABLE missing;
CREATE INDEX ON item USING hash (organization_id);
TABLE missing;
ROLLBACK;
BEGIN;
CREATE INDEX ON item USING spgist (organization_id);
TABLE missing;
ROLLBACK;
-- directions and operator classes that know equality
BEGIN;
CREATE INDEX ON item (organization_id DESC NULLS LAST);
TABLE missing;
ROLLBACK;
BEGIN;
CREATE INDEX ON item (organization_id text_pattern_ops);
TABLE missing;
ROLLBACK;
-- another collation than the column's does not serve its comparisons
BEGIN;
CREATE INDEX ON item (organization_id COLLATE "C");
TABLE missing;
ROLLBACK;
-- unique and primary keys
BEGIN;
ALTER TABLE item ADD UNIQUE (organization_id, id);
TABLE missing;
ROLLBACK;
BEGIN;
ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (organization_id, id);
TABLE missing;
ROLLBACK;
BEGIN;
ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (id, organization_id);
TABLE missing;
ROLLBACK;
BEGIN;
ALTER TABLE item ADD EXCLUDE USING btree (organization_id WITH =);
TABLE missing;
ROLLBACK;
-- partial: only where the predicate is implied
BEGIN;
CREATE INDEX ON item (organization_id) WHERE deleted_at IS NULL;
CREATE INDEX ON item (organization_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX ON item (organization_id) WHERE organization_id IS NULL;
CREATE INDEX ON item (organization_id) WHERE organization_id > 'a';
CREATE INDEX ON item (organization_id) WHERE organization_id IS NOT NULL AND a = 'x';
CREATE INDEX ON item (organization_id) WHERE organization_id IS NOT NULL OR a = 'x';
TABLE missing;
CREATE INDEX ON item (organization_id) WHERE organization_id IS NOT NULL;
TABLE missing;
ROLLBACK;
-- c can be null in no row
BEGIN;
CREATE INDEX ON item (organization_id) WHERE c IS NOT NULL;
TABLE missing;
ROLLBACK;
BEGIN;
CREATE INDEX ON item (organization_id)
  WHERE c IS NOT NULL AND organization_id IS NOT NULL;
TABLE missing;
ROLLBACK;
-- an index that stands on a temporary object will go without any DDL
BEGIN;
CREATE FUNCTION pg_temp.yes(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE INDEX ON item (organization_id, pg_temp.yes(id));
TABLE missing;
ROLLBACK;

--
-- foreign keys
--
CREATE INDEX item_tenant_idx ON item (organization_id);
TABLE missing;
BEGIN;
ALTER TABLE item ADD CONSTRAINT fk_a FOREIGN KEY (a) REFERENCES parent (a) ON DELETE CASCADE;
TABLE missing;
SAVEPOINT s;
-- the tenant column in front does not help the key
CREATE INDEX ON item (organization_id, a);
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (a, b);
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item USING hash (a);
TABLE missing;
ROLLBACK TO s;
ALTER TABLE item ADD UNIQUE (a);
TABLE missing;
ROLLBACK TO s;
-- what most partial indexes on a nullable key say
CREATE INDEX ON item (a) WHERE a IS NOT NULL;
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (a) WHERE b IS NOT NULL;
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (a) WHERE a IS NOT NULL AND deleted_at IS NULL;
TABLE missing;
ROLLBACK TO s;
-- a key column that allows no nulls
CREATE INDEX ON item (a) WHERE c IS NOT NULL;
TABLE missing;
ROLLBACK;

-- several columns in any order at the front
BEGIN;
ALTER TABLE item ADD CONSTRAINT fk_ab FOREIGN KEY (a, b) REFERENCES parent (a, b) ON DELETE CASCADE;
TABLE missing;
SAVEPOINT s;
CREATE INDEX ON item (a);
CREATE INDEX ON item (b);
TABLE missing;
CREATE INDEX ON item (a, c, b);
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (a) INCLUDE (b);
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (a, b);
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (b, a, c);
TABLE missing;
ROLLBACK TO s;
CREATE INDEX ON item (b, a) WHERE b IS NOT NULL;
TABLE missing;
ROLLBACK;
BEGIN;
ALTER TABLE item ADD CONSTRAINT fk_abc FOREIGN KEY (c, a, b) REFERENCES parent (c, a, b) ON DELETE CASCADE;
CREATE INDEX ON item (a, b);
TABLE missing;
CREATE INDEX ON item (b, c, a);
TABLE missing;
ROLLBACK;

-- a key that contains the tenant column is a key like others
BEGIN;
ALTER TABLE item ADD CONSTRAINT fk_ta FOREIGN KEY (organization_id, a) REFERENCES parent (a, b) ON DELETE CASCADE;
TABLE missing;
CREATE INDEX ON item (a, organization_id);
TABLE missing;
ROLLBACK;

-- a key on the tenant column alone is not reported twice
BEGIN;
ALTER TABLE item ADD CONSTRAINT fk_tenant FOREIGN KEY (organization_id) REFERENCES parent (a) ON DELETE CASCADE;
DROP INDEX item_tenant_idx;
TABLE missing;
COMMIT;

-- a table that refers to itself
BEGIN;
ALTER TABLE item ADD COLUMN parent_id text REFERENCES item ON DELETE CASCADE;
TABLE missing;
CREATE INDEX ON item (parent_id);
TABLE missing;
ROLLBACK;

-- an index that is invalid serves nobody: this one found a duplicate
SET trovella_guard.mode = off;
INSERT INTO item (id, organization_id, c) VALUES ('1', 'x', 'c'), ('2', 'x', 'c');
DROP INDEX item_tenant_idx;
CREATE UNIQUE INDEX CONCURRENTLY item_tenant_idx ON item (organization_id);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_tenant_idx'::regclass;
TABLE missing;
SET trovella_guard.mode = enforce;
DELETE FROM item WHERE id = '2';
-- REINDEX makes it valid
REINDEX INDEX item_tenant_idx;
TABLE missing;
DROP VIEW missing;
DROP TABLE item;

--
-- partitioned indexes
--
BEGIN;
CREATE TABLE event (organization_id text NOT NULL, id int, a text
  REFERENCES parent (a) ON DELETE CASCADE, created_at timestamptz,
  updated_at timestamptz) PARTITION BY RANGE (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2);
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (2) TO (3);
SELECT table_name, rule, object FROM trovella_guard.check()
  WHERE rule LIKE '%index%' ORDER BY 1, 2, 3;
-- invalid until each partition has its part
CREATE INDEX event_tenant_idx ON ONLY event (organization_id);
CREATE INDEX event_a_idx ON event (a);
SELECT table_name, rule, object FROM trovella_guard.check()
  WHERE rule LIKE '%index%' ORDER BY 1, 2, 3;
CREATE INDEX event_1_tenant_idx ON event_1 (organization_id);
CREATE INDEX event_2_tenant_idx ON event_2 (organization_id);
ALTER INDEX event_tenant_idx ATTACH PARTITION event_1_tenant_idx;
SELECT table_name, rule, object FROM trovella_guard.check()
  WHERE rule LIKE '%index%' ORDER BY 1, 2, 3;
ALTER INDEX event_tenant_idx ATTACH PARTITION event_2_tenant_idx;
SELECT table_name, rule, object FROM trovella_guard.check()
  WHERE rule LIKE '%index%' ORDER BY 1, 2, 3;
COMMIT;
-- a new partition gets them by itself
CREATE TABLE event_3 PARTITION OF event FOR VALUES FROM (3) TO (4);
\set VERBOSITY sqlstate
DROP INDEX event_tenant_idx;
DROP INDEX event_a_idx;
DROP TABLE event;

\set VERBOSITY terse
-- one column twice is not two columns
SELECT trovella_guard.allow('pair', 'no tenant data');
BEGIN;
CREATE TABLE pair (a text, b text, UNIQUE (a, b));
CREATE TABLE twice (:columns, a text, b text,
  CONSTRAINT twice_pair_fk FOREIGN KEY (a, b) REFERENCES pair (a, b) ON DELETE CASCADE);
ALTER TABLE twice ENABLE ROW LEVEL SECURITY;
CREATE POLICY twice_tenant ON twice USING (:tenant);
CREATE INDEX ON twice (organization_id);
CREATE INDEX ON twice (a, a);
COMMIT;
SELECT trovella_guard.disallow('pair');

DROP TABLE parent;
SELECT trovella_guard.disallow('parent');
DROP SCHEMA regress_indexes;
