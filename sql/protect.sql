--
-- protect() and repair_sql(): after protect(), check() has no error, whatever
-- parts were missing, on whatever kind of table.
--
\set SHOW_CONTEXT never
\set VERBOSITY default
CREATE ROLE regress_protect_app NOLOGIN;
CREATE ROLE regress_protect_owner NOLOGIN;
GRANT SET ON PARAMETER trovella_guard.mode, trovella_guard.app_role TO regress_protect_owner;
CREATE ROLE regress_protect_other NOLOGIN;
CREATE SCHEMA regress_protect AUTHORIZATION regress_protect_owner;
SET search_path = regress_protect;
SET trovella_guard.app_role = 'regress_protect_app';

-- The whole of it, printed and then run
BEGIN;
CREATE TABLE parent (id uuid PRIMARY KEY);
SELECT trovella_guard.allow('parent', 'reference data');
CREATE TABLE feature_item (
  id text PRIMARY KEY, organization_id uuid NOT NULL,
  user_id uuid NOT NULL REFERENCES parent ON DELETE CASCADE,
  created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.repair_sql('feature_item');
SELECT trovella_guard.protect('feature_item');
SELECT count(*) FROM trovella_guard.check('feature_item') WHERE level <> 'info';
-- nothing is left to do, and doing it again does nothing
SELECT trovella_guard.repair_sql('feature_item') = '' AS nothing_left;
SELECT count(*) FROM trovella_guard.protect('feature_item');
SELECT polname, polcmd, polroles::regrole[], pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS with_check
  FROM pg_policy WHERE polrelid = 'feature_item'::regclass ORDER BY polname;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'feature_item'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";
COMMIT;

-- Behind a pooler a setting that was set once is '' in the next transaction
INSERT INTO parent VALUES ('6e0d3c1a-0000-4000-8000-000000000001');
INSERT INTO feature_item VALUES ('a', '6e0d3c1a-0000-4000-8000-0000000000aa', '6e0d3c1a-0000-4000-8000-000000000001');
GRANT USAGE ON SCHEMA regress_protect TO regress_protect_app;
GRANT SELECT ON feature_item TO regress_protect_app;
SET ROLE regress_protect_app;
SELECT count(*) AS never_set FROM feature_item;
BEGIN;
SET LOCAL app.current_organization_id = '6e0d3c1a-0000-4000-8000-0000000000aa';
SELECT count(*) AS own FROM feature_item;
COMMIT;
SELECT current_setting('app.current_organization_id') = '' AS left_empty, count(*) AS left_over FROM feature_item;
RESET ROLE;
RESET app.current_organization_id;

-- Every combination of missing parts (2^8) on a plain and on a partitioned
-- table, and every fifth, in which each part is missing with each other part
-- at some time, on other types and names: protect() leaves no error, no second index of the same columns, and
-- no second policy of the same command.
CREATE DOMAIN org_id AS uuid CHECK (VALUE IS NOT NULL);
CREATE PROCEDURE try_all(kind text, type text, name text, step int, combinations inout int DEFAULT 0, failed inout int DEFAULT 0)
LANGUAGE plpgsql AS $$
DECLARE
  o bool[]; t text := quote_ident(name);
BEGIN
  FOR n IN 0..255 BY step LOOP
    o := ARRAY(SELECT (n >> i) & 1 = 1 FROM generate_series(0, 7) i);
    EXECUTE format('CREATE TABLE %s (id int, organization_id %s NOT NULL, "userId" uuid REFERENCES parent ON DELETE CASCADE, other_id uuid REFERENCES parent ON DELETE SET NULL)%s',
                   t, type, CASE kind WHEN 'partitioned' THEN ' PARTITION BY HASH (id)' ELSE '' END);
    IF kind = 'partitioned' THEN
      EXECUTE format('CREATE TABLE a_partition PARTITION OF %s FOR VALUES WITH (modulus 1, remainder 0)', t);
    END IF;
    IF o[1] THEN EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t); END IF;
    -- SELECT: right, or of the wrong column
    EXECUTE format('CREATE POLICY s ON %s FOR SELECT USING (%s)', t,
                   CASE WHEN o[2] THEN format('organization_id = (SELECT current_setting(''app.current_organization_id'', true)::%s)', type) ELSE 'id = 1' END);
    IF o[3] THEN EXECUTE format('CREATE POLICY i ON %s FOR INSERT WITH CHECK (organization_id = (SELECT current_setting(''app.current_organization_id'', true)::%s))', t, type); END IF;
    -- UPDATE: right, or without a check of its own and wrong
    IF o[4] THEN EXECUTE format('CREATE POLICY u ON %s FOR UPDATE USING (%s) WITH CHECK (true)', t,
                   format('organization_id = (SELECT current_setting(''app.current_organization_id'', true)::%s)', type)); END IF;
    IF o[5] THEN EXECUTE format('CREATE POLICY d ON %s FOR DELETE USING (organization_id = (SELECT current_setting(''app.current_organization_id'', true)::%s))', t, type); END IF;
    -- the tenant index: right, or only of some rows
    IF o[6] THEN EXECUTE format('CREATE INDEX ON %s (organization_id)', t);
    ELSE EXECUTE format('CREATE INDEX ON %s (organization_id) WHERE id > 1', t); END IF;
    IF o[7] THEN EXECUTE format('CREATE INDEX ON %s ("userId")', t); END IF;
    -- an invalid index is none
    IF o[8] THEN
      IF kind = 'partitioned' THEN
        EXECUTE format('CREATE INDEX broken ON ONLY %s (other_id)', t);
      ELSE
        EXECUTE format('CREATE INDEX broken ON %s (other_id)', t);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass;
      END IF;
    END IF;

    PERFORM trovella_guard.protect(t);
    combinations := combinations + 1;
    IF EXISTS (SELECT FROM trovella_guard.check(t) WHERE level = 'error')
       OR trovella_guard.repair_sql(t) <> ''
       OR (SELECT count(*) FROM pg_policy WHERE polrelid = t::regclass) <> 4
       OR EXISTS (SELECT FROM pg_index WHERE indrelid = t::regclass AND indisvalid AND indpred IS NULL
                  GROUP BY indkey::text HAVING count(*) > 1) THEN
      failed := failed + 1;
    END IF;
    EXECUTE format('DROP TABLE %s', t);
    COMMIT;
  END LOOP;
END
$$;
SET trovella_guard.mode = warn;
CALL try_all('plain', 'uuid', 'item', 1);
CALL try_all('plain', 'bigint', 'item', 5);
CALL try_all('plain', 'text', 'item', 5);
CALL try_all('plain', 'varchar(36)', 'item', 5);
CALL try_all('plain', 'org_id', 'item', 5);
CALL try_all('partitioned', 'uuid', 'item', 1);
CALL try_all('plain', 'uuid', 'Say "Hi"; DROP TABLE x --''', 5);
CALL try_all('plain', 'uuid', repeat('long_name_', 6) || 'end', 5);
RESET trovella_guard.mode;

-- Names: of two columns that are spelled alike in an index name, of long
-- columns that PostgreSQL cuts, of keys of the same columns in another order;
-- what repair_sql() prints can be run as it is
BEGIN;
CREATE TABLE pair (a int, b int, PRIMARY KEY (a, b), UNIQUE (b, a));
SELECT trovella_guard.allow('pair', 'reference data');
CREATE TABLE names (
  organization_id text NOT NULL,
  user_id uuid REFERENCES parent ON DELETE CASCADE,
  "userId" uuid REFERENCES parent ON DELETE CASCADE,
  a_column_with_a_name_that_is_as_long_as_postgresql_will_allow_1 uuid REFERENCES parent ON DELETE CASCADE,
  a_column_with_a_name_that_is_as_long_as_postgresql_will_allow_2 uuid REFERENCES parent ON DELETE CASCADE,
  a int, b int,
  FOREIGN KEY (a, b) REFERENCES pair ON DELETE CASCADE,
  FOREIGN KEY (b, a) REFERENCES pair (b, a) ON DELETE CASCADE,
  created_at timestamptz, updated_at timestamptz);
CREATE TABLE "names_userId_idx1" (id int);
SELECT trovella_guard.allow('"names_userId_idx1"', 'takes a name');
SELECT trovella_guard.repair_sql('names') AS repair \gset
:repair
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'names'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";
SELECT count(*) FROM trovella_guard.check('names') WHERE level = 'error';
COMMIT;

-- Debts are paid, waivers are respected
BEGIN;
SET LOCAL trovella_guard.mode = warn;
SET LOCAL client_min_messages = error;
CREATE TABLE debtor (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.allow('debtor', 'tiny', 'tenant_index_missing');
SELECT trovella_guard.adopt('later') > 0 AS adopted;
SELECT trovella_guard.repair_sql('debtor', concurrently => true);
SELECT count(*) FROM trovella_guard.protect('debtor');
SELECT trovella_guard.repair_sql('debtor', 'info', concurrently => true);
ROLLBACK;

-- With concurrently, what takes long comes first and the switch of row-level
-- security after what it needs; one by one, each a transaction, it can be run
SET trovella_guard.mode = warn;
SET client_min_messages = error;
CREATE TABLE in_use (id int, organization_id text NOT NULL, parent_id uuid REFERENCES parent, updated_at timestamptz);
CREATE POLICY open ON in_use FOR SELECT USING (true);
RESET client_min_messages;
RESET trovella_guard.mode;
SELECT trovella_guard.repair_sql('in_use', 'warning');
SELECT trovella_guard.repair_sql('in_use', 'warning', concurrently => true);
SET client_min_messages = error;
SELECT s FROM regexp_split_to_table(trovella_guard.repair_sql('in_use', 'warning', concurrently => true), '\n')
  WITH ORDINALITY t (s, n) ORDER BY n \gexec
RESET client_min_messages;
SELECT trovella_guard.repair_sql('in_use', 'warning') AS nothing_left;
-- FORCE ROW LEVEL SECURITY is such a switch, too
BEGIN;
SET LOCAL trovella_guard.rules = 'rls_not_forced=error, fk_on_delete=error';
ALTER TABLE in_use DROP CONSTRAINT in_use_parent_id_fkey, ADD FOREIGN KEY (parent_id) REFERENCES parent;
SELECT trovella_guard.repair_sql('in_use', concurrently => NULL);
SELECT trovella_guard.repair_sql('in_use', concurrently => true);
ROLLBACK;

-- Levels
SELECT trovella_guard.repair_sql('feature_item', 'info');
SELECT trovella_guard.repair_sql('feature_item', 'nonsense');
\set VERBOSITY sqlstate
SELECT trovella_guard.repair_sql(NULL);
\set VERBOSITY default
SELECT trovella_guard.repair_sql(NULL, 'info', concurrently => true);
SELECT trovella_guard.protect('feature_item', 'off');
SELECT trovella_guard.protect('feature_item', NULL);
SELECT trovella_guard.protect(NULL);

-- What cannot be protected, and why
SELECT trovella_guard.protect('parent');
CREATE VIEW a_view WITH (security_invoker = true) AS SELECT * FROM feature_item;
SELECT trovella_guard.protect('a_view');
BEGIN;
SET LOCAL client_min_messages = error;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM feature_item;
COMMIT;
SELECT trovella_guard.protect('a_matview');
BEGIN;
SET LOCAL client_min_messages = error;
CREATE FOREIGN DATA WRAPPER regress_protect_fdw;
CREATE SERVER regress_protect_server FOREIGN DATA WRAPPER regress_protect_fdw;
CREATE FOREIGN TABLE a_foreign_table (organization_id text) SERVER regress_protect_server;
COMMIT;
SELECT trovella_guard.protect('a_foreign_table');
BEGIN;
SET LOCAL client_min_messages = error;
CREATE TABLE unclassified (id int);
SET LOCAL trovella_guard.rules = 'table_unclassified=warning';
COMMIT;
SELECT trovella_guard.protect('unclassified');
CREATE TEMPORARY TABLE temporary (organization_id text);
SELECT trovella_guard.protect('temporary');
SELECT trovella_guard.protect('pg_catalog.pg_class');
SELECT trovella_guard.protect('feature_item_pkey');
SELECT trovella_guard.protect('trovella_guard.allowlist');
SELECT trovella_guard.protect(0);

-- Only with the caller's rights
SET trovella_guard.mode = warn;
SET client_min_messages = error;
SET ROLE regress_protect_owner;
CREATE TABLE owned (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
RESET ROLE;
RESET client_min_messages;
RESET trovella_guard.mode;
GRANT USAGE ON SCHEMA regress_protect TO regress_protect_other;
SET ROLE regress_protect_other;
SELECT trovella_guard.protect('owned');
RESET ROLE;
SET ROLE regress_protect_owner;
SELECT count(*) FROM trovella_guard.protect('owned');
RESET ROLE;
SELECT count(*) FROM trovella_guard.check('owned') WHERE level = 'error';

-- No repair runs what a user has made: comparisons and casts of other types
BEGIN;
SET LOCAL trovella_guard.mode = warn;
SET LOCAL client_min_messages = error;
CREATE TYPE label AS ENUM ('a', 'b');
CREATE FUNCTION to_label(text) RETURNS label IMMUTABLE LANGUAGE sql BEGIN ATOMIC SELECT 'a'::label; END;
CREATE TABLE by_enum (organization_id label NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT rule, repair_sql FROM trovella_guard.check('by_enum') WHERE rule = 'policy_missing';
CREATE CAST (text AS label) WITH FUNCTION to_label(text);
SELECT rule, repair_sql FROM trovella_guard.check('by_enum') WHERE rule = 'policy_missing';
CREATE DOMAIN checked AS text CHECK (value <> '');
CREATE TABLE by_domain (organization_id checked NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT rule, repair_sql FROM trovella_guard.check('by_domain') WHERE rule = 'policy_missing';
CREATE TABLE pk (id label PRIMARY KEY, name checked UNIQUE);
CREATE TABLE fk (organization_id text NOT NULL, id label, name checked, created_at timestamptz, updated_at timestamptz,
  FOREIGN KEY (id) REFERENCES pk, FOREIGN KEY (name) REFERENCES pk (name));
SELECT object, repair_sql FROM trovella_guard.check('fk') WHERE rule = 'fk_on_delete' ORDER BY 1;
ROLLBACK;

-- Repairs that cannot help end in an error that says what is left
BEGIN;
SET LOCAL trovella_guard.mode = warn;
SET LOCAL trovella_guard.rules = 'fk_crosses_tenants=error';
CREATE TABLE p (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE TABLE c (id int REFERENCES p ON DELETE CASCADE, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.protect('c');
ROLLBACK;

SET client_min_messages = error;
DROP SCHEMA regress_protect CASCADE;
DROP FOREIGN DATA WRAPPER regress_protect_fdw CASCADE;
SELECT trovella_guard.disallow('regress_protect.' || quote_ident(table_name))
  FROM trovella_guard.allowlist WHERE schema_name = 'regress_protect' ORDER BY table_name;
RESET client_min_messages;
\c -
DROP OWNED BY regress_protect_app, regress_protect_owner, regress_protect_other;
DROP ROLE regress_protect_app, regress_protect_owner, regress_protect_other;
