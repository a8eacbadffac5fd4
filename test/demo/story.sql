\set VERBOSITY default
\pset footer off
\echo
\echo '=== 1. One statement, and the database is guarded ==============================='
\echo
CREATE EXTENSION trovella_guard;
CREATE ROLE authenticated;
CREATE ROLE app LOGIN IN ROLE authenticated;

\echo
\echo '=== 2. Global tables say why they are global ===================================='
\echo
SELECT trovella_guard.allow('public.organization', 'the tenants themselves; rows are filtered by membership in the application');
BEGIN;
CREATE TABLE organization (id text PRIMARY KEY, name text NOT NULL);
COMMIT;

\echo
\echo '=== 3. A table that follows the checklist commits without a message ============='
\echo
BEGIN;
CREATE TABLE feature_item (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organization ON DELETE CASCADE,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE feature_item ENABLE ROW LEVEL SECURITY;
CREATE INDEX "feature_item_organizationId_idx" ON feature_item (organization_id);
CREATE POLICY feature_item_select ON feature_item FOR SELECT TO authenticated
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY feature_item_insert ON feature_item FOR INSERT TO authenticated
  WITH CHECK (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY feature_item_update ON feature_item FOR UPDATE TO authenticated
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY feature_item_delete ON feature_item FOR DELETE TO authenticated
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
GRANT SELECT, INSERT, UPDATE, DELETE ON feature_item TO authenticated;
COMMIT;

\echo
\echo '=== 4. Mistake: row-level security is never enabled ============================='
\echo
BEGIN;
CREATE TABLE report (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organization ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX "report_organizationId_idx" ON report (organization_id);
CREATE POLICY report_all ON report TO authenticated
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
COMMIT;

\echo
\echo '=== 5. Mistake: no policies ====================================================='
\echo
BEGIN;
CREATE TABLE report (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organization ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX "report_organizationId_idx" ON report (organization_id);
ALTER TABLE report ENABLE ROW LEVEL SECURITY;
COMMIT;

\echo
\echo '=== 6. Mistake: the policy names the wrong column ==============================='
\echo
BEGIN;
CREATE TABLE report (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organization ON DELETE CASCADE,
  tenant_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX "report_organizationId_idx" ON report (organization_id);
ALTER TABLE report ENABLE ROW LEVEL SECURITY;
CREATE POLICY report_all ON report TO authenticated
  USING (tenant_id = (SELECT current_setting('app.current_organization_id', true)));
COMMIT;

\echo
\echo '=== 7. Mistake: a foreign key without an index =================================='
\echo
BEGIN;
ALTER TABLE feature_item ADD COLUMN parent_id text REFERENCES feature_item ON DELETE SET NULL;
COMMIT;

\echo
\echo '=== 8. Mistake: a policy that is right only for superusers ======================'
\echo
BEGIN;
ALTER POLICY feature_item_select ON feature_item USING (true);
COMMIT;

\echo
\echo '=== 9. Single statements, with autocommit ======================================='
\echo
ALTER TABLE feature_item DISABLE ROW LEVEL SECURITY;
DROP INDEX "feature_item_organizationId_idx";

\echo
\echo '=== 10. The audit, and the section for the documentation ========================'
\echo
SELECT table_name, rule, level, message FROM trovella_guard.check() WHERE level <> 'info';
SELECT count(*) AS tables, count(*) FILTER (WHERE relname = 'report') AS left_over_from_refused_commits
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
\pset format unaligned
\pset tuples_only on
SELECT trovella_guard.allowlist_markdown();
