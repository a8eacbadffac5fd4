--
-- audit.sql
--		The audit as a CI job uses it: an assertion of pgTAP.
--
\set QUIET on
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS trovella_guard;
CREATE SCHEMA audit_test;
SELECT plan(9);

SELECT is_empty('SELECT * FROM trovella_guard.check() WHERE level = ''error''',
  'the guarded database has no finding of level error');

CREATE TABLE audit_test.item (id text PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
SELECT isnt_empty('SELECT * FROM trovella_guard.check() WHERE level = ''error''',
  'a bare tenant table is found before it is committed');
SELECT set_eq(
  $$SELECT rule FROM trovella_guard.check('audit_test.item') WHERE level = 'error'$$,
  '{rls_disabled,policy_missing,tenant_index_missing}'::text[],
  'with all that is missing');
SELECT set_eq(
  $$SELECT DISTINCT schema_name || '.' || table_name FROM trovella_guard.check() WHERE level = 'error'$$,
  '{audit_test.item}'::text[], 'and nothing else is');
SELECT is_empty(
  $$SELECT * FROM trovella_guard.check() WHERE level = 'error' AND repair_sql IS NULL$$,
  'for each of which there is a repair');

DO $$
DECLARE
  repair text;
BEGIN
  FOR repair IN SELECT repair_sql FROM trovella_guard.check() WHERE level = 'error'
  LOOP
    EXECUTE repair;
  END LOOP;
END $$;
SELECT is_empty('SELECT * FROM trovella_guard.check() WHERE level = ''error''',
  'that mends it');

CREATE TABLE audit_test.global (id int, organization_id text);
DO $$BEGIN PERFORM trovella_guard.allow('audit_test.global', 'reference data'); END$$;
SELECT is_empty('SELECT * FROM trovella_guard.check() WHERE level = ''error''',
  'what the allowlist waives is no finding');
SELECT bag_eq(
  $$SELECT DISTINCT waived_by FROM trovella_guard.findings('audit_test.global')$$,
  '{reference data}'::text[], 'findings() tells the reason');
SELECT throws_ok('SELECT * FROM trovella_guard.check(''audit_test.nonsense'')', '42P01', NULL,
  'a table that is not there is an error, not an empty answer');

SELECT * FROM finish();
ROLLBACK;
