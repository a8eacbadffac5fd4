--
-- What stands on a temporary object goes when its session ends, without any
-- DDL, and protects nothing.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_temporary;
SET search_path = regress_temporary;
SET trovella_guard.mode = off;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX item_tenant_idx ON item (organization_id);
CREATE POLICY open ON item USING (true);
CREATE POLICY floor ON item AS RESTRICTIVE USING (:tenant);
SET trovella_guard.mode = enforce;
CREATE FUNCTION pg_temp.yes() RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION pg_temp.same(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE SEQUENCE pg_temp.numbers;
CREATE TABLE pg_temp.names (name text);
CREATE VIEW broken AS SELECT rule, object FROM trovella_guard.check('item')
  WHERE level = 'error' ORDER BY rule, object;
TABLE broken;

--
-- policies
--
-- a function
BEGIN;
ALTER POLICY floor ON item USING (:tenant AND pg_temp.yes());
TABLE broken;
ROLLBACK;
-- a table
BEGIN;
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM pg_temp.names));
TABLE broken;
ROLLBACK;
-- constants that name objects are stored as bytes, not as numbers
BEGIN;
ALTER POLICY floor ON item USING (:tenant AND 'pg_temp.numbers'::regclass IS NOT NULL);
TABLE broken;
ROLLBACK;
BEGIN;
ALTER POLICY floor ON item USING (:tenant AND 'pg_temp.yes'::regproc IS NOT NULL);
TABLE broken;
ROLLBACK;
BEGIN;
ALTER POLICY floor ON item USING (:tenant AND 'pg_temp.same(text)'::regprocedure IS NOT NULL);
TABLE broken;
ROLLBACK;
BEGIN;
ALTER POLICY floor ON item USING (:tenant AND 'pg_temp.names'::regtype IS NOT NULL);
TABLE broken;
ROLLBACK;
-- a column of a permanent table that has a temporary type
CREATE TYPE pg_temp.pair AS (one int, two int);
CREATE DOMAIN pg_temp.fleeting AS text;
BEGIN;
CREATE TABLE helper (id text, pair pg_temp.pair);
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM helper h WHERE (h.pair).one = 1));
TABLE broken;
ROLLBACK;
-- ... or is made of one that has, by way of a third
BEGIN;
CREATE TABLE helper (source pg_temp.fleeting, copied text GENERATED ALWAYS AS (source) STORED);
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM helper h WHERE h.copied = 'x'));
TABLE broken;
ROLLBACK;
-- a permanent view that calls a temporary function
BEGIN;
CREATE VIEW seen AS SELECT 'x' AS one WHERE pg_temp.yes();
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM seen));
TABLE broken;
ROLLBACK;
-- a permanent table of a temporary type, or partitioned by a temporary function
BEGIN;
CREATE TABLE helper OF pg_temp.pair;
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM helper h WHERE h.one = 1));
TABLE broken;
ROLLBACK;
BEGIN;
CREATE TABLE helper (id text) PARTITION BY LIST (pg_temp.same(id));
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM helper));
TABLE broken;
ROLLBACK;
-- other columns of such a table, other views and partitioned tables do no harm
BEGIN;
CREATE TABLE helper (id text, pair pg_temp.pair, copied text GENERATED ALWAYS AS (lower(id)) STORED);
CREATE VIEW seen AS SELECT lower(id) AS id FROM helper;
CREATE TABLE parts (id text) PARTITION BY LIST (lower(id));
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM helper h, seen, parts WHERE h.copied = 'x'));
TABLE broken;
ROLLBACK;
-- a permanent object does no harm
BEGIN;
CREATE SEQUENCE numbers;
ALTER POLICY floor ON item USING (:tenant AND 'regress_temporary.numbers'::regclass IS NOT NULL);
TABLE broken;
ROLLBACK;
-- it is refused at commit
ALTER POLICY floor ON item USING (:tenant AND 'pg_temp.numbers'::regclass IS NOT NULL);

--
-- indexes
--
BEGIN;
DROP INDEX item_tenant_idx;
CREATE INDEX ON item (organization_id, pg_temp.same(id));
TABLE broken;
ROLLBACK;
BEGIN;
DROP INDEX item_tenant_idx;
CREATE INDEX ON item (organization_id, ('pg_temp.numbers'::regclass));
TABLE broken;
ROLLBACK;
BEGIN;
DROP INDEX item_tenant_idx;
CREATE INDEX ON item (organization_id, (id || 'x'));
TABLE broken;
ROLLBACK;

--
-- a tenant column that is generated from a column of a temporary type
--
BEGIN;
CREATE TABLE made (id pg_temp.fleeting PRIMARY KEY, organization_id text GENERATED ALWAYS AS (id) STORED NOT NULL,
  created_at timestamptz, updated_at timestamptz);
ALTER TABLE made ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON made (organization_id);
CREATE POLICY p ON made USING (:tenant);
COMMIT;

--
-- an operator class that an index uses, and that gets a temporary member
--
SET trovella_guard.mode = off;
CREATE OPERATOR CLASS ordered_ops FOR TYPE text USING btree AS OPERATOR 1 <, FUNCTION 1 bttextcmp(text, text);
CREATE TABLE ordered (:columns);
ALTER TABLE ordered ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON ordered (organization_id ordered_ops);
CREATE POLICY p ON ordered USING (:tenant);
CREATE OPERATOR CLASS hashed_ops FOR TYPE text USING hash AS OPERATOR 1 =;
CREATE TABLE hashed (:columns);
ALTER TABLE hashed ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON hashed USING hash (organization_id hashed_ops);
CREATE POLICY p ON hashed USING (:tenant);
SET trovella_guard.mode = enforce;
CREATE FUNCTION pg_temp.equals(text, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR pg_temp.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.equals);
ALTER OPERATOR FAMILY ordered_ops USING btree ADD OPERATOR 3 pg_temp.=== (text, text);
CREATE FUNCTION pg_temp.hash(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
ALTER OPERATOR FAMILY hashed_ops USING hash ADD FUNCTION 1 (text, text) pg_temp.hash(text);

--
-- a policy that PostgreSQL drops after the verdict, which only warned
--
SET trovella_guard.mode = warn;
BEGIN;
CREATE TEMPORARY TABLE brief (name text) ON COMMIT DROP;
ALTER POLICY floor ON item USING (:tenant AND EXISTS (SELECT FROM pg_temp.brief));
COMMIT;

SET client_min_messages = error;
SET trovella_guard.mode = off;
DROP SCHEMA regress_temporary CASCADE;
DISCARD TEMP;
