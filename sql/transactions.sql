--
-- The shapes of transactions: only what a transaction leaves is judged,
-- whatever way it went.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_tx;
SET search_path = regress_tx;
CREATE VIEW tables AS SELECT relname FROM pg_class
  WHERE relnamespace = 'regress_tx'::regnamespace AND relkind = 'r' ORDER BY 1;

--
-- one transaction, in any order
--
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;
DROP TABLE item;
BEGIN;
CREATE TABLE item (:columns);
CREATE INDEX ON item (organization_id);
CREATE POLICY item_tenant ON item USING (:tenant);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
COMMIT;
DROP TABLE item;
-- the tenant column comes last
BEGIN;
CREATE TABLE item (id text);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (false);
ALTER TABLE item ADD created_at timestamptz, ADD updated_at timestamptz,
  ADD organization_id text NOT NULL;
ALTER POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;
DROP TABLE item;
-- ... and the name, the schema and the data
BEGIN;
CREATE SCHEMA regress_tx_other;
CREATE TABLE regress_tx_other.draft (:columns);
INSERT INTO regress_tx_other.draft VALUES ('1', 'o');
CREATE INDEX ON regress_tx_other.draft (organization_id);
ALTER TABLE regress_tx_other.draft ENABLE ROW LEVEL SECURITY;
ALTER TABLE regress_tx_other.draft SET SCHEMA regress_tx;
ALTER TABLE draft RENAME TO item;
CREATE POLICY item_tenant ON item USING (:tenant);
DROP SCHEMA regress_tx_other;
COMMIT;
TABLE tables;

-- created and dropped: nothing is left to judge
BEGIN;
CREATE TABLE gone (:columns);
DROP TABLE gone;
COMMIT;

--
-- autocommit: each statement is a transaction
--
CREATE TABLE draft (:columns);
TABLE tables;
-- two statements in one message are one transaction
CREATE TABLE draft (id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz)\; ALTER TABLE draft ENABLE ROW LEVEL SECURITY\; CREATE POLICY draft_tenant ON draft USING (:tenant)\; CREATE INDEX ON draft (organization_id);
TABLE tables;
DROP TABLE draft;

--
-- savepoints
--
-- rolled back: it was never there
BEGIN;
SAVEPOINT a;
CREATE TABLE draft (:columns);
ROLLBACK TO a;
COMMIT;
BEGIN;
SAVEPOINT a;
DROP POLICY item_tenant ON item;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ROLLBACK TO a;
RELEASE a;
COMMIT;
-- the mistake is in a savepoint that is released
BEGIN;
SAVEPOINT a;
CREATE TABLE draft (:columns);
RELEASE a;
COMMIT;
-- the repair is rolled back, the mistake is not
BEGIN;
CREATE TABLE draft (:columns);
SAVEPOINT a;
ALTER TABLE draft ENABLE ROW LEVEL SECURITY;
CREATE POLICY draft_tenant ON draft USING (:tenant);
CREATE INDEX ON draft (organization_id);
ROLLBACK TO a;
COMMIT;
-- released into a savepoint that is rolled back
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
CREATE TABLE draft (:columns);
RELEASE b;
ROLLBACK TO a;
COMMIT;
-- ... and one that is released
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
SAVEPOINT c;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
RELEASE b;
SAVEPOINT d;
ROLLBACK TO d;
RELEASE a;
COMMIT;
-- touched outside first, then inside a savepoint that is rolled back
BEGIN;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ALTER TABLE item ADD COLUMN a text;
ROLLBACK TO a;
COMMIT;
-- touched in a savepoint that is rolled back, then again
BEGIN;
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ROLLBACK TO a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
COMMIT;
BEGIN;
SAVEPOINT a;
SAVEPOINT b;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ROLLBACK TO b;
SAVEPOINT b;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
RELEASE b;
RELEASE a;
COMMIT;
-- dropped in a savepoint that is rolled back, touched outside
BEGIN;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SAVEPOINT a;
DROP TABLE item;
ROLLBACK TO a;
COMMIT;
-- ... or in a savepoint that was released, into one that had touched others
BEGIN;
CREATE INDEX ON item (created_at);
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
RELEASE a;
SAVEPOINT b;
CREATE INDEX ON item (updated_at);
DROP TABLE item;
ROLLBACK TO b;
COMMIT;
-- ... touched in a savepoint that is released later
BEGIN;
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SAVEPOINT b;
DROP TABLE item;
ROLLBACK TO b;
RELEASE a;
COMMIT;
-- dropped in a savepoint that is released: nothing is left to judge
BEGIN;
CREATE TABLE gone (:columns);
SAVEPOINT a;
DROP TABLE gone;
RELEASE a;
COMMIT;
BEGIN;
SAVEPOINT a;
CREATE TABLE gone (:columns);
RELEASE a;
DROP TABLE gone;
COMMIT;
-- siblings: one is kept, the other is not
BEGIN;
SAVEPOINT a;
CREATE TABLE kept (:columns);
RELEASE a;
SAVEPOINT b;
CREATE TABLE lost (:columns);
ROLLBACK TO b;
COMMIT;
-- an error, and on from the savepoint
BEGIN;
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT 1 / 0;
ROLLBACK TO a;
COMMIT;
-- the whole is rolled back
BEGIN;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ROLLBACK;
SELECT relrowsecurity FROM pg_class WHERE oid = 'item'::regclass;
-- and nothing of it is remembered afterwards
BEGIN;
CREATE TABLE draft (:columns);
ROLLBACK;
SELECT 1 AS next_transaction;
TABLE tables;

-- chained transactions
BEGIN;
ALTER TABLE item ADD COLUMN a text;
COMMIT AND CHAIN;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
COMMIT AND CHAIN;
ROLLBACK;
SELECT relrowsecurity FROM pg_class WHERE oid = 'item'::regclass;

-- every isolation level
BEGIN ISOLATION LEVEL SERIALIZABLE;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM item;
CREATE TABLE draft (:columns);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
CREATE TABLE draft (:columns);
ALTER TABLE draft ENABLE ROW LEVEL SECURITY;
CREATE POLICY draft_tenant ON draft USING (:tenant);
CREATE INDEX ON draft (organization_id);
COMMIT;
DROP TABLE draft;

--
-- exception blocks, functions and DO
--
DO $$
BEGIN
  BEGIN
    CREATE TABLE draft (organization_id text);
    RAISE EXCEPTION 'no';
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
END $$;
DO $$
BEGIN
  BEGIN
    ALTER TABLE item DISABLE ROW LEVEL SECURITY;
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
END $$;
-- the refusal comes at commit, where no exception block is left
DO $$
BEGIN
  CREATE TABLE draft (id text, organization_id text);
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE 'caught';
END $$;
-- many blocks, of which one stays
DO $$
BEGIN
  FOR i IN 1..200 LOOP
    BEGIN
      EXECUTE format('CREATE TABLE draft_%s (id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz)', i);
      IF i <> 150 THEN
        RAISE EXCEPTION 'no';
      END IF;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END LOOP;
END $$;
CREATE FUNCTION make_bare() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE draft (id text, organization_id text);
  RETURN 'done';
END $$;
CREATE FUNCTION make_right() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE draft (id text, organization_id text NOT NULL,
    created_at timestamptz, updated_at timestamptz);
  CREATE INDEX ON draft (organization_id);
  CREATE POLICY draft_tenant ON draft
    USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
  EXECUTE 'ALTER TABLE draft ENABLE ROW LEVEL SECURITY';
  RETURN 'done';
END $$;
SELECT make_bare();
SELECT make_right();
CREATE FUNCTION lay_bare() RETURNS void LANGUAGE sql
  AS 'ALTER TABLE item DISABLE ROW LEVEL SECURITY';
SELECT lay_bare();
TABLE tables;
DROP TABLE draft;

-- what PostgreSQL runs on its way to the commit
SELECT trovella_guard.allow('queue', 'what this test runs');
CREATE TABLE queue (id int);
CREATE FUNCTION lay_bare_later() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN ALTER TABLE item DISABLE ROW LEVEL SECURITY; RETURN NULL; END';
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON queue
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lay_bare_later();
INSERT INTO queue VALUES (1);
SELECT count(*) FROM queue;
DROP TABLE queue;
SELECT trovella_guard.disallow('queue');
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT lay_bare();
COMMIT;
SELECT relrowsecurity FROM pg_class WHERE oid = 'item'::regclass;

--
-- procedures that commit
--
CREATE PROCEDURE step_by_step() LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE first (id text, organization_id text NOT NULL,
    created_at timestamptz, updated_at timestamptz);
  CREATE INDEX ON first (organization_id);
  CREATE POLICY first_tenant ON first
    USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
  ALTER TABLE first ENABLE ROW LEVEL SECURITY;
  COMMIT;
  CREATE TABLE second (id text, organization_id text NOT NULL,
    created_at timestamptz, updated_at timestamptz);
  COMMIT;
  CREATE TABLE third (id int);
END $$;
CALL step_by_step();
-- the first step stays, the second is refused, the third not reached
TABLE tables;
-- a procedure that rolls back
CREATE PROCEDURE try_and_leave() LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE second (id text, organization_id text NOT NULL);
  ROLLBACK;
  COMMIT;
END $$;
CALL try_and_leave();
TABLE tables;
DO $$
BEGIN
  ALTER TABLE item DISABLE ROW LEVEL SECURITY;
  COMMIT;
  ALTER TABLE item ENABLE ROW LEVEL SECURITY;
END $$;
SELECT relrowsecurity FROM pg_class WHERE oid = 'item'::regclass;

--
-- other statements that make tables
--
CREATE TABLE copy AS SELECT * FROM item;
SELECT * INTO copy FROM item;
CREATE TABLE copy (LIKE item INCLUDING ALL);
CREATE TABLE IF NOT EXISTS item (:columns);
CREATE SCHEMA regress_tx_elements CREATE TABLE copy (organization_id text);
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE copy AS SELECT organization_id FROM item WHERE false;
CREATE TYPE item_type AS (id text);
BEGIN;
CREATE TABLE typed OF item_type;
ALTER TYPE item_type ADD ATTRIBUTE organization_id text CASCADE;
COMMIT;
PREPARE make AS SELECT organization_id FROM item;
CREATE TABLE copy AS EXECUTE make;
DEALLOCATE make;
CREATE UNLOGGED TABLE copy (:columns);
-- not these
CREATE TEMP TABLE copy (:columns);
CREATE TEMP TABLE copy2 AS SELECT * FROM item;
CREATE TEMP TABLE copy3 () INHERITS (item);
DROP TABLE copy, copy2, copy3;
DROP TYPE item_type;
TABLE tables;

-- drops that take a policy or an index with them
CREATE FUNCTION is_mine(text) RETURNS bool STABLE LANGUAGE sql
  AS $$SELECT $1 = current_setting('app.current_organization_id', true)$$;
BEGIN;
DROP POLICY item_tenant ON item;
CREATE POLICY item_tenant ON item USING (:tenant AND is_mine(organization_id));
COMMIT;
DROP FUNCTION is_mine(text) CASCADE;
ALTER TABLE item DROP COLUMN organization_id CASCADE;
CREATE ROLE regress_tx_owner;
ALTER TABLE item OWNER TO regress_tx_owner;
BEGIN;
DROP OWNED BY regress_tx_owner;
COMMIT;
TABLE tables;
DROP ROLE regress_tx_owner;

SET client_min_messages = error;
DROP SCHEMA regress_tx CASCADE;
