\set VERBOSITY default
\pset footer off
\set tenant '(SELECT current_setting(''app.current_organization_id'', true))'
\echo
\echo '=== 1. One forgotten line is a data breach ======================================='
\echo
CREATE ROLE authenticated;
CREATE TABLE invoice (id int PRIMARY KEY, organization_id text NOT NULL, amount int NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX "invoice_organizationId_idx" ON invoice (organization_id);
CREATE POLICY invoice_all ON invoice TO authenticated USING (organization_id = :tenant);
GRANT SELECT, INSERT, UPDATE, DELETE ON invoice TO authenticated;
INSERT INTO invoice VALUES (1, 'acme', 100), (2, 'globex', 9000);

\echo
\echo '--- The application, in a session of tenant acme:'
\echo
SET ROLE authenticated;
SET app.current_organization_id = 'acme';
SELECT id, organization_id, amount FROM invoice;
RESET ROLE;
\echo 'The policy is right.  ENABLE ROW LEVEL SECURITY is missing, and nothing said so.'

\echo
\echo '=== 2. The guard refuses that commit, and says what is missing ==================='
\echo
CREATE EXTENSION trovella_guard;
BEGIN;
CREATE TABLE report (id int PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX "report_organizationId_idx" ON report (organization_id);
CREATE POLICY report_all ON report TO authenticated USING (organization_id = :tenant);
COMMIT;

\echo
\echo '=== 3. The audit finds what is there already; its SQL is ready to paste =========='
\echo
SELECT table_name, rule, level, message FROM trovella_guard.check() WHERE level = 'error';
SELECT repair_sql FROM trovella_guard.check('invoice') WHERE level = 'error' \gexec
SET ROLE authenticated;
SELECT id, organization_id, amount FROM invoice;
RESET ROLE;

\echo
\echo '=== 4. From now on nobody can take the protection away ==========================='
\echo
\set VERBOSITY terse
ALTER TABLE invoice DISABLE ROW LEVEL SECURITY;
ALTER POLICY invoice_all ON invoice USING (true);
DROP POLICY invoice_all ON invoice;
DROP INDEX CONCURRENTLY "invoice_organizationId_idx";
ALTER TABLE invoice RENAME COLUMN organization_id TO org_id;
CREATE VIEW every_invoice AS SELECT * FROM invoice;
GRANT SELECT ON every_invoice TO authenticated;

\echo
\echo '=== 5. What is global on purpose says why ========================================'
\echo
CREATE TABLE plan (id text PRIMARY KEY);
BEGIN;
CREATE TABLE plan (id text PRIMARY KEY);
SELECT trovella_guard.allow('plan', 'price list, the same for all tenants');
COMMIT;
\pset format unaligned
\pset tuples_only on
SELECT trovella_guard.allowlist_markdown();
