-- SECURITY DEFINER functions: who reads a tenant table with whose rights?
\set VERBOSITY sqlstate
\set as_paths 'SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
CREATE ROLE regress_paths_app LOGIN;
CREATE ROLE regress_paths_other;
-- the owner of the tables runs the migrations, and serves no tenant
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_app',
              current_database()) \gexec
SELECT format('GRANT CREATE ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
CREATE SCHEMA paths;
\c -
:as_paths
-- makes a table as the checklist wants it
CREATE FUNCTION make(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$I (id int, organization_id uuid NOT NULL,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
    ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON %1$I USING (organization_id =
      (SELECT current_setting(''app.current_organization_id'', true)::uuid));
    CREATE INDEX %2$I ON %1$I (organization_id);', name, name || '_idx');
END $$;
SELECT make('guarded');
GRANT SELECT ON guarded TO regress_paths_app;
GRANT USAGE, CREATE ON SCHEMA paths TO regress_paths_other;
\set findings 'SELECT table_name, object FROM trovella_guard.check() WHERE rule = ''function_exposes_tenants'' ORDER BY 1, 2;'

-- road: CREATE FUNCTION SECURITY DEFINER by the table's owner (warns)
\c -
:as_paths
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM guarded';
-- road: CREATE OR REPLACE FUNCTION that reads another table now (warns)
CREATE FUNCTION g() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint';
\c -
:as_paths
CREATE OR REPLACE FUNCTION g() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM guarded';
-- road: CREATE PROCEDURE SECURITY DEFINER (warns)
\c -
:as_paths
CREATE PROCEDURE h() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM guarded';
-- road: a function with an SQL-standard body (warns)
\c -
:as_paths
CREATE FUNCTION i() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN (SELECT count(*) FROM guarded);
-- road: the same by a DO block, a function or EXECUTE (warns)
\c -
:as_paths
DO $$BEGIN EXECUTE 'CREATE FUNCTION j() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN (SELECT count(*) FROM guarded)'; END$$;
:findings
DROP ROUTINE f, g, h, i, j;
-- road: ALTER FUNCTION SECURITY DEFINER of a function that reads a tenant table (warns)
CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM guarded';
\c -
:as_paths
ALTER FUNCTION f() SECURITY DEFINER;
-- road: ALTER ROUTINE SECURITY INVOKER (passes)
ALTER ROUTINE f() SECURITY INVOKER;
-- road: EXECUTE is revoked in the same transaction (passes)
BEGIN;
ALTER FUNCTION f() SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
COMMIT;
:findings
-- road: GRANT EXECUTE ON FUNCTION to an application role (warns)
\c -
:as_paths
GRANT EXECUTE ON FUNCTION f() TO regress_paths_app;
-- road: GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA (warns)
REVOKE EXECUTE ON FUNCTION f() FROM regress_paths_app;
\c -
:as_paths
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA paths TO regress_paths_app;
-- road: GRANT EXECUTE ON ROUTINE with GRANT OPTION (warns)
REVOKE EXECUTE ON FUNCTION f() FROM regress_paths_app;
\c -
:as_paths
GRANT EXECUTE ON ROUTINE f() TO regress_paths_app WITH GRANT OPTION;
-- road: GRANT EXECUTE to a role that serves no tenants (passes)
REVOKE EXECUTE ON FUNCTION f() FROM regress_paths_app;
\c -
:as_paths
GRANT EXECUTE ON FUNCTION f() TO regress_paths_other;
:findings
-- road: GRANT EXECUTE on a function that runs as its caller (passes)
ALTER FUNCTION f() SECURITY INVOKER;
GRANT EXECUTE ON FUNCTION f() TO PUBLIC;
-- road: a SECURITY DEFINER function of a role that the policies confine (passes)
\c -
SET ROLE regress_paths_other;
CREATE FUNCTION paths.confined() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = paths AS 'SELECT 1::bigint';
CREATE OR REPLACE FUNCTION paths.confined() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = paths AS 'BEGIN RETURN (SELECT count(*) FROM guarded); END';
RESET ROLE;
:findings
-- road: ALTER FUNCTION OWNER TO the table's owner (warns)
\c -
ALTER FUNCTION paths.confined() OWNER TO regress_paths;
ALTER FUNCTION paths.confined() OWNER TO regress_paths_other;
-- road: REASSIGN OWNED of that function (warns)
REASSIGN OWNED BY regress_paths_other TO regress_paths;
:findings
DROP FUNCTION paths.confined();
-- road: a trigger function that is SECURITY DEFINER (passes)
\c -
:as_paths
CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM FROM guarded; RETURN NEW; END';
:findings
-- road: a security_invoker view between function and table (warns)
CREATE VIEW v WITH (security_invoker) AS SELECT id FROM guarded;
CREATE FUNCTION f2() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM v); END';
:findings
DROP FUNCTION f2();
-- road: a table that gets the name that an older function mentions (passes, until the audit)
CREATE FUNCTION f3() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM later); END';
SELECT make('later');
:findings
DROP FUNCTION f3();
-- road: NO FORCE, or OWNER TO, of a table that a function of its owner reads (passes, until the audit)
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE FUNCTION f4() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM guarded); END';
:findings
ALTER TABLE guarded NO FORCE ROW LEVEL SECURITY;
:findings
DROP FUNCTION f4();
-- road: a name that is put together at run time (passes)
CREATE FUNCTION f5() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN EXECUTE 'DELETE FROM guar' || 'ded'; END$$;
:findings
-- road: CREATE PUBLICATION, or ADD TABLE (passes, until the audit)
\c -
SET client_min_messages = error;
CREATE PUBLICATION regress_paths FOR TABLE paths.guarded;
RESET client_min_messages;
SELECT table_name, object FROM trovella_guard.check() WHERE rule = 'publication_exposes_tenants';
DROP PUBLICATION regress_paths;
-- road: ALTER ROLE or ALTER DATABASE SET of the tenant (warns)
ALTER ROLE regress_paths_app SET app.current_organization_id = '1';
SELECT object FROM trovella_guard.check() WHERE rule = 'setting_pinned';
ALTER ROLE regress_paths_app RESET app.current_organization_id;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app, regress_paths_other;
DROP ROLE regress_paths, regress_paths_app, regress_paths_other;
