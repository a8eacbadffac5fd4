--
-- What the developer sees: primary message, DETAIL, HINT and the structured
-- fields.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA regress_error;
SET search_path = regress_error;
SET trovella_guard.app_role = 'regress_app';

-- one table, several rules; autocommit is the likely cause
CREATE TABLE feature_item (:columns);

-- not where it is a block, or where the table was there before
BEGIN;
CREATE TABLE feature_item (:columns);
COMMIT;
BEGIN;
CREATE TABLE feature_item (:columns);
ALTER TABLE feature_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY feature_item_tenant ON feature_item USING (:tenant);
CREATE INDEX ON feature_item (organization_id);
COMMIT;
ALTER TABLE feature_item DISABLE ROW LEVEL SECURITY;

-- several tables: the first, and how many more
BEGIN;
CREATE TABLE second (:columns);
ALTER TABLE second ENABLE ROW LEVEL SECURITY;
CREATE POLICY second_tenant ON second USING (:tenant);
ALTER TABLE feature_item DISABLE ROW LEVEL SECURITY;
COMMIT;
BEGIN;
CREATE TABLE second (organization_id text);
CREATE TABLE third (organization_id text);
CREATE TABLE fourth (other_id text);
SELECT trovella_guard.allow('fourth', 'the same for all');
DROP POLICY feature_item_tenant ON feature_item;
\set VERBOSITY terse
COMMIT;
\set VERBOSITY default

-- what is wrong besides, at level warning, is said when the rest is right
BEGIN;
CREATE TABLE second (id text, organization_id text);
ALTER TABLE second ENABLE ROW LEVEL SECURITY;
CREATE POLICY second_tenant ON second USING (:tenant);
COMMIT;
BEGIN;
CREATE TABLE second (id text, organization_id text);
ALTER TABLE second ENABLE ROW LEVEL SECURITY;
CREATE POLICY second_tenant ON second USING (:tenant);
CREATE INDEX ON second (organization_id);
CREATE TABLE third (id text);
SET LOCAL trovella_guard.rules = 'table_unclassified=warning';
COMMIT;

-- new and old findings of one table in one warning
BEGIN;
SET LOCAL trovella_guard.rules = 'policy_missing=warning';
DROP POLICY second_tenant ON second;
COMMIT;

-- more findings than anybody reads: 20 are shown
CREATE PROCEDURE make_many(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..n LOOP
    EXECUTE format('CREATE TABLE many_%s (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz)',
      lpad(i::text, 2, '0'));
  END LOOP;
END $$;
SET trovella_guard.rules = 'policy_missing=off, tenant_index_missing=off';
CALL make_many(21);
SET trovella_guard.rules = 'policy_missing=off, rls_disabled=off';
CALL make_many(23);
SELECT count(*) FROM pg_class WHERE relname LIKE 'many\_%';
-- and 20 warnings
\set VERBOSITY terse
SET trovella_guard.rules = 'rls_disabled=warning, policy_missing=warning, tenant_index_missing=warning';
CALL make_many(22);
DO $$
BEGIN
  FOR i IN 1..22 LOOP
    EXECUTE 'DROP TABLE many_' || lpad(i::text, 2, '0');
  END LOOP;
END $$;
CALL make_many(21);
DO $$
BEGIN
  FOR i IN 1..21 LOOP
    EXECUTE 'DROP TABLE many_' || lpad(i::text, 2, '0');
  END LOOP;
END $$;
RESET trovella_guard.rules;

-- of a table with more, the rest is told by check(): this has committed
\set VERBOSITY default
BEGIN;
CREATE TABLE lax (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE lax ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON lax (organization_id);
CREATE PROCEDURE make_lax(n int) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..n LOOP
    EXECUTE format('CREATE POLICY lax_%s ON lax FOR SELECT USING (true)', lpad(i::text, 2, '0'));
  END LOOP;
END $$;
CALL make_lax(22);
SET LOCAL trovella_guard.rules = 'policy_missing=off, policy_unscoped=warning';
COMMIT;
DROP TABLE lax;
DROP PROCEDURE make_lax;
RESET trovella_guard.rules;

-- a refusal repairs what refuses, and adds what is missing besides; it takes
-- nothing away because of what only warns
BEGIN;
CREATE FUNCTION mine() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN current_setting('app.mine', true); END $$;
CREATE TABLE opaque (id text PRIMARY KEY, organization_id text);
ALTER TABLE opaque ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON opaque USING (organization_id = mine());
CREATE INDEX ON opaque (organization_id);
CREATE FUNCTION all_opaque() RETURNS SETOF opaque LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM regress_error.opaque';
CREATE TABLE lax (:columns);
ALTER TABLE lax ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON lax USING (true);
CREATE INDEX ON lax (organization_id);
COMMIT;
-- what only warns is not counted among what the query prints
BEGIN;
SET LOCAL trovella_guard.rules = 'policy_missing=off, tenant_index_missing=warning';
CALL make_many(12);
SELECT count(*) AS printed FROM trovella_guard.pending() WHERE refused;
COMMIT;

-- one repair for two findings is said once
\set VERBOSITY default
BEGIN;
SELECT trovella_guard.allow('parent', 'no tenant data');
CREATE TABLE parent (id text PRIMARY KEY);
CREATE TABLE fourth (:columns);
ALTER TABLE fourth ENABLE ROW LEVEL SECURITY;
CREATE POLICY fourth_tenant ON fourth USING (:tenant);
CREATE INDEX ON fourth (organization_id);
ALTER TABLE fourth ADD COLUMN parent_id text,
  ADD CONSTRAINT fourth_1 FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE,
  ADD CONSTRAINT fourth_2 FOREIGN KEY (parent_id) REFERENCES fourth ON DELETE CASCADE;
COMMIT;

-- names are shown as they are, and quoted in SQL
\set tenant_expression 'current_setting(''app.%s'')'
SET trovella_guard.tenant_expression = :'tenant_expression';
CREATE TABLE "Half ""100%s"" Done" (organization_id varchar(36) NOT NULL, created_at timestamptz, updated_at timestamptz);

RESET trovella_guard.tenant_expression;

-- several statements that a client sends as one transaction need no BEGIN
CREATE TABLE fifth (:columns)\; ALTER TABLE fifth ENABLE ROW LEVEL SECURITY\;
CREATE POLICY fifth_tenant ON fifth USING (:tenant);

-- to drop an index is not repaired by creating it again
DROP INDEX CONCURRENTLY feature_item_organization_id_idx;
BEGIN;
DROP INDEX feature_item_organization_id_idx;
ALTER TABLE feature_item DISABLE ROW LEVEL SECURITY;
COMMIT;

-- a dump that is restored statement by statement
SET application_name = 'pg_restore';
ALTER TABLE feature_item DISABLE ROW LEVEL SECURITY;
RESET application_name;
SET row_security = off;
SET check_function_bodies = false;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE regress_error.fifth (organization_id text NOT NULL);
RESET row_security;
RESET check_function_bodies;
SET search_path = regress_error;

-- who may not make exceptions is told whom to ask
CREATE ROLE regress_error_dba;
CREATE ROLE regress_error_dev;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_error_dba, regress_error_dev;
GRANT EXECUTE ON FUNCTION trovella_guard.allow(text, text, text, timestamptz, text, bool) TO regress_error_dba;
GRANT CREATE, USAGE ON SCHEMA regress_error TO regress_error_dev, regress_error_dba;
SET ROLE regress_error_dev;
CREATE TABLE fifth (:columns);
SET ROLE regress_error_dba;
CREATE TABLE sixth (:columns);
RESET ROLE;

-- ... for a role by whoever may excuse roles
SET trovella_guard.app_role = 'regress_error_dba';
SET ROLE regress_error_dba;
BEGIN;
CREATE TABLE sixth (:columns);
ALTER TABLE sixth ENABLE ROW LEVEL SECURITY;
CREATE POLICY sixth_tenant ON sixth USING (:tenant);
CREATE INDEX ON sixth (organization_id);
COMMIT;
RESET ROLE;
GRANT EXECUTE ON FUNCTION trovella_guard.allow_role TO regress_error_dba;
SET ROLE regress_error_dba;
BEGIN;
CREATE TABLE sixth (:columns);
ALTER TABLE sixth ENABLE ROW LEVEL SECURITY;
CREATE POLICY sixth_tenant ON sixth USING (:tenant);
CREATE INDEX ON sixth (organization_id);
COMMIT;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION trovella_guard.allow_role FROM regress_error_dba;

SET client_min_messages = error;
DROP SCHEMA regress_error CASCADE;
REVOKE EXECUTE ON FUNCTION trovella_guard.allow(text, text, text, timestamptz, text, bool) FROM regress_error_dba;
REVOKE SET ON PARAMETER trovella_guard.app_role FROM regress_error_dba, regress_error_dev;
DROP ROLE regress_app, regress_error_dba, regress_error_dev;
