--
-- isolation.sql
--		Assertions for your own pgTAP suite: copy what you need.
--
-- pg_prove -d app test/isolation.sql
--
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SELECT plan(9);

-- 1. The audit has no error: every tenant table is isolated.
SELECT is_empty(
  $$SELECT schema_name, table_name, rule, message
      FROM trovella_guard.check() WHERE level = 'error'$$,
  'every tenant table is isolated');

-- 2. The same, with the message of a refused commit.
SELECT lives_ok(
  $$SELECT trovella_guard.assert_clean()$$,
  'the audit is clean');

-- 3. Every table is a tenant table, or the allowlist says why it is not.
SELECT is_empty(
  $$SELECT schema_name, table_name
      FROM trovella_guard.tables WHERE class = 'unclassified'$$,
  'no table is global by accident');

-- 4. The guard is active, and enforces.
SELECT is_empty(
  $$SELECT item, value, detail FROM trovella_guard.status()
      WHERE NOT ok AND item <> 'preloading'$$,
  'the guard is active');

-- 5. No allowlist entry has expired.
SELECT is_empty(
  $$SELECT schema_name, table_name, rule, expires_at
      FROM trovella_guard.allowlist WHERE expires_at <= now()$$,
  'no entry of the allowlist has expired');

-- 6. The rules that matter to us are errors, whatever the configuration says.
SELECT is_empty(
  $$SELECT rule, level, set_by FROM trovella_guard.rules
      WHERE rule IN ('rls_disabled', 'policy_missing', 'policy_unscoped')
        AND level <> 'error'$$,
  'isolation is not optional');

-- 7. The checklist of a migration's table has no broken step.
CREATE SCHEMA example;
CREATE TABLE example.feature_item (
  id text PRIMARY KEY,
  organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
DO $$
BEGIN
  PERFORM trovella_guard.protect('example.feature_item');
END
$$;
SELECT is_empty(
  $$SELECT step, detail FROM trovella_guard.checklist('example.feature_item')
      WHERE state = 'broken'$$,
  'example.feature_item follows the checklist');

-- 8. A migration under test would commit ...
SELECT is_empty(
  $$SELECT table_name, rule, message FROM trovella_guard.pending() WHERE refused$$,
  'the migration would commit');

-- 9. ... and one that forgets row-level security would not.
CREATE TABLE example.forgotten (organization_id text NOT NULL);
SELECT set_has(
  $$SELECT rule FROM trovella_guard.pending()
      WHERE table_name = 'forgotten' AND refused$$,
  $$VALUES ('rls_disabled')$$,
  'a table without row-level security would be refused');

SELECT * FROM finish();
ROLLBACK;
