-- Every way to take a policy away or to make it say something else.
\set VERBOSITY sqlstate
-- tables without a tenant column are scenery here
\set as_paths 'SET trovella_guard.rules = ''table_unclassified=warning''; SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
GRANT SET ON PARAMETER trovella_guard.rules TO regress_paths;
CREATE ROLE regress_paths_app;
-- serves the tenants; the other roles do not
CREATE ROLE regress_paths_tenant;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_tenant',
              current_database()) \gexec
SELECT format('GRANT CREATE ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
CREATE SCHEMA paths;
\c -
:as_paths
-- makes a table as the checklist wants it
CREATE FUNCTION make(name text, options text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$I (id int, organization_id uuid NOT NULL,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()) %2$s;
    ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON %1$I USING (organization_id =
      (SELECT current_setting(''app.current_organization_id'', true)::uuid));
    CREATE INDEX %3$I ON %1$I (organization_id);', name, options, name || '_idx');
END $$;
SELECT make('guarded');

-- road: DROP POLICY (refused)
\c -
:as_paths
DROP POLICY p ON guarded;
-- road: DROP POLICY and CREATE POLICY in one transaction (passes)
BEGIN;
DROP POLICY p ON guarded;
CREATE POLICY p ON guarded USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
COMMIT;
-- road: CREATE POLICY that is loose, beside one that is not (refused)
\c -
:as_paths
CREATE POLICY loose ON guarded USING (true);
-- road: CREATE POLICY FOR SELECT that is loose (refused)
CREATE POLICY loose ON guarded FOR SELECT USING (organization_id IS NOT NULL);
-- road: CREATE POLICY FOR INSERT that is loose (refused)
CREATE POLICY loose ON guarded FOR INSERT WITH CHECK (true);
-- road: CREATE POLICY TO a role that is loose (refused)
CREATE POLICY loose ON guarded TO regress_paths_app USING (true);
-- road: CREATE POLICY that is restrictive (passes)
CREATE POLICY strict ON guarded AS RESTRICTIVE USING (id > 0);
-- road: ALTER POLICY USING (refused)
\c -
:as_paths
ALTER POLICY p ON guarded USING (true);
-- road: ALTER POLICY WITH CHECK (refused)
\c -
:as_paths
ALTER POLICY p ON guarded WITH CHECK (true);
-- road: ALTER POLICY RENAME, TO (passes)
ALTER POLICY p ON guarded RENAME TO q;
ALTER POLICY q ON guarded TO regress_paths_app;

-- road: DROP OWNED of the policy's only role (refused)
\c -
DROP OWNED BY regress_paths_app;
-- road: DROP ROLE of the policy's role (PostgreSQL refuses)
\set VERBOSITY terse
DROP ROLE regress_paths_app;
\set VERBOSITY sqlstate
-- road: DROP OWNED of one of the policy's roles (passes)
CREATE ROLE regress_paths_app2;
ALTER POLICY q ON paths.guarded TO regress_paths_app, regress_paths_app2;
DROP OWNED BY regress_paths_app2;
DROP ROLE regress_paths_app2;
\c -
:as_paths
ALTER POLICY q ON guarded TO PUBLIC;

-- road: DROP FUNCTION CASCADE (refused)
CREATE FUNCTION org() RETURNS uuid STABLE LANGUAGE sql
  AS $$ SELECT current_setting('app.current_organization_id', true)::uuid $$;
BEGIN;
DROP POLICY q ON guarded;
CREATE POLICY q ON guarded USING (organization_id = (SELECT org()));
COMMIT;
\c -
:as_paths
DROP FUNCTION org() CASCADE;
-- road: DROP OPERATOR CASCADE (refused)
CREATE FUNCTION same(uuid, uuid) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 = $2';
CREATE OPERATOR === (FUNCTION = same, LEFTARG = uuid, RIGHTARG = uuid);
SELECT make('by_operator');
ALTER POLICY p ON by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND organization_id OPERATOR(paths.===) organization_id);
\c -
:as_paths
DROP OPERATOR === (uuid, uuid) CASCADE;
-- road: DROP TYPE or DOMAIN CASCADE (refused)
CREATE DOMAIN org_id AS uuid;
ALTER POLICY p ON by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::org_id));
\c -
:as_paths
DROP DOMAIN org_id CASCADE;
-- road: DROP COLUMN CASCADE of a column that a policy names (refused)
ALTER TABLE by_operator ADD COLUMN deleted bool;
ALTER POLICY p ON by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND NOT deleted);
\c -
:as_paths
ALTER TABLE by_operator DROP COLUMN deleted CASCADE;
-- road: DROP TABLE CASCADE of a table that a policy reads (refused)
CREATE TABLE lookup (id int);
ALTER POLICY p ON by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND EXISTS (SELECT FROM lookup));
\c -
:as_paths
DROP TABLE lookup CASCADE;
-- road: DROP VIEW CASCADE of a view that a policy reads (refused)
CREATE VIEW lookup2 AS SELECT 1 AS x;
ALTER POLICY p ON by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND EXISTS (SELECT FROM lookup2));
\c -
:as_paths
DROP VIEW lookup2 CASCADE;
-- road: DROP SCHEMA CASCADE of the schema of a function (refused)
CREATE SCHEMA paths2;
CREATE FUNCTION paths2.yes() RETURNS bool STABLE LANGUAGE sql AS 'SELECT true';
ALTER POLICY p ON by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND paths2.yes());
\c -
:as_paths
DROP SCHEMA paths2 CASCADE;
-- road: DROP EXTENSION CASCADE of an extension's function (refused)
\c -
CREATE EXTENSION citext SCHEMA paths;
ALTER POLICY p ON paths.by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND 'x'::paths.citext = 'X'::paths.citext);
\c -
DROP EXTENSION citext CASCADE;
ALTER POLICY p ON paths.by_operator USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
DROP EXTENSION citext;
\c -
:as_paths
-- road: DROP SCHEMA CASCADE, DROP TABLE of the table itself (passes)
CREATE SCHEMA paths2;
SELECT make('to_drop');
ALTER TABLE to_drop SET SCHEMA paths2;
DROP SCHEMA paths2 CASCADE;
DROP TABLE by_operator;
-- road: CREATE OR REPLACE FUNCTION with another body (passes)
CREATE OR REPLACE FUNCTION org() RETURNS uuid STABLE LANGUAGE sql
  AS $$ SELECT NULL::uuid $$;
-- road: ALTER FUNCTION that makes a policy unproven (warns)
ALTER FUNCTION org() VOLATILE;
ALTER FUNCTION org() RENAME TO org2;
-- road: ALTER FUNCTION OWNER TO a role that the policy is to confine (warns)
CREATE FUNCTION who() RETURNS uuid STABLE LANGUAGE sql
  AS $$ SELECT current_setting('app.current_organization_id', true)::uuid $$;
SELECT make('by_function');
ALTER POLICY p ON by_function USING (organization_id = (SELECT who()));
GRANT SELECT ON by_function TO regress_paths_app;
GRANT CREATE ON SCHEMA paths TO regress_paths_app;
\c -
ALTER FUNCTION paths.who() OWNER TO regress_paths_app;
-- road: ALTER FUNCTION SECURITY DEFINER (warns)
\c -
ALTER FUNCTION paths.who() OWNER TO regress_paths;
ALTER FUNCTION paths.who() SECURITY DEFINER;
-- road: ALTER FUNCTION SET search_path to one in which temporary tables come first (warns)
ALTER FUNCTION paths.who() SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION paths.who() SET search_path = paths;
ALTER FUNCTION paths.who() SET search_path = pg_catalog, pg_temp;
-- road: ALTER FUNCTION SET search_path to a schema in which another role may create objects, or to none (warns)
ALTER FUNCTION paths.who() SET search_path = paths, pg_temp;
ALTER FUNCTION paths.who() SET search_path = paths_missing, pg_temp;
\c -
:as_paths

SELECT table_name, rule, message FROM trovella_guard.check() WHERE level = 'error'
  ORDER BY 1, 2, 3;
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
