--
-- policy_function_untrusted: the labels of an enum that identify tenants, and what only WITH CHECK says.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set found 'SELECT table_name, object, message, repair_sql FROM trovella_guard.check() WHERE schema_name = ''regress_labels'' AND rule = ''policy_function_untrusted'' ORDER BY 1, 2'
SET client_min_messages = error;
CREATE ROLE regress_labels_owner;
CREATE ROLE regress_labels_app;
CREATE SCHEMA regress_labels;
GRANT ALL ON SCHEMA regress_labels TO regress_labels_owner, regress_labels_app;
SET search_path = regress_labels;
SET trovella_guard.app_role = regress_labels_app;
CREATE TYPE org AS ENUM ('a', 'b');
CREATE DOMAIN org_domain AS org;
CREATE TYPE org_pair AS (org org, id text);

-- each table has it in its own way
SET trovella_guard.mode = off;
BEGIN;
CREATE TABLE by_column (id text, organization_id org NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE POLICY p ON by_column USING (organization_id = (SELECT current_setting('app.org', true)::org));
CREATE TABLE by_domain (id text, organization_id org_domain NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE POLICY p ON by_domain USING (organization_id::text = (SELECT current_setting('app.org', true)));
CREATE TABLE by_composite (id text, pair org_pair, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE POLICY p ON by_composite USING (pair = (SELECT current_setting('app.pair', true)::org_pair));
CREATE TABLE by_array (id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE POLICY p ON by_array USING (organization_id = ANY ((current_setting('app.orgs', true)::org[])::text[]));
CREATE TABLE by_check (id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE POLICY p ON by_check USING (organization_id = (SELECT current_setting('app.org', true)))
  WITH CHECK (organization_id = (SELECT current_setting('app.org', true)::org::text));
CREATE TABLE without (id text, kind org, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE POLICY p ON without USING (organization_id = (SELECT current_setting('app.org', true)));
DO $$
DECLARE
  t regclass;
BEGIN
  FOREACH t IN ARRAY '{by_column,by_domain,by_composite,by_array,by_check,without}'::regclass[] LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; ALTER TABLE %s OWNER TO regress_labels_owner; CREATE INDEX ON %s (organization_id)', t, t, t);
  END LOOP;
END $$;
COMMIT;
SET trovella_guard.mode = enforce;
-- superusers may rename anything
:found;
-- broken
ALTER TYPE org OWNER TO regress_labels_app;
:found;
-- a role that bypasses the policies gains nothing
SET trovella_guard.mode = off;
ALTER ROLE regress_labels_app BYPASSRLS;
:found;
ALTER ROLE regress_labels_app NOBYPASSRLS;
SET trovella_guard.mode = enforce;
-- what check() prints repairs it
SELECT DISTINCT repair_sql FROM trovella_guard.check()
  WHERE schema_name = 'regress_labels' AND rule = 'policy_function_untrusted' \gexec
:found;

-- a function that only WITH CHECK calls
CREATE FUNCTION mine(text) RETURNS bool STABLE LANGUAGE sql AS $$SELECT $1 = current_setting('app.org', true)$$;
ALTER POLICY p ON by_check WITH CHECK (organization_id = (SELECT current_setting('app.org', true)) AND mine(organization_id));
GRANT INSERT ON by_check TO regress_labels_app;
ALTER FUNCTION mine(text) OWNER TO regress_labels_app;
:found;

RESET trovella_guard.app_role;
DROP SCHEMA regress_labels CASCADE;
DROP ROLE regress_labels_owner, regress_labels_app;
