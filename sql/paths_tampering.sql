-- What a role can try that is no superuser but owns the tables, their schema
-- and the database, to get at the guard itself.
\set VERBOSITY sqlstate
\set as_paths 'SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN CREATEROLE;
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
\c -
SELECT format('ALTER DATABASE %I OWNER TO regress_paths', current_database()) \gexec
SELECT trovella_guard.allow('paths.global_table', 'shared by all tenants');
SELECT trovella_guard.allow('tool.*', 'the migration tool''s own');
\c -
:as_paths
CREATE TABLE global_table (id int, organization_id uuid);

-- road: SET of every setting before the library is loaded (refused)
\c -
:as_paths
SET trovella_guard.mode = off;
CREATE TABLE t (organization_id uuid);
\c -
:as_paths
SET trovella_guard.tenant_columns = nothing;
CREATE TABLE t (organization_id uuid);
\c -
:as_paths
SET trovella_guard.rules = 'rls_disabled=off, policy_missing=off, tenant_index_missing=off';
CREATE TABLE t (organization_id uuid);
-- road: SET LOCAL before the library is loaded (refused)
\c -
:as_paths
BEGIN;
SET LOCAL trovella_guard.mode = off;
CREATE TABLE t (organization_id uuid);
COMMIT;
-- road: set_config before the library is loaded (refused)
\c -
:as_paths
SELECT set_config('trovella_guard.mode', 'off', false);
CREATE TABLE t (organization_id uuid);
-- road: SET in a savepoint, stacked (refused)
\c -
:as_paths
BEGIN;
SET LOCAL trovella_guard.mode = off;
SAVEPOINT a;
SET trovella_guard.mode = off;
SAVEPOINT b;
SET LOCAL trovella_guard.mode = off;
CREATE TABLE t (organization_id uuid);
RELEASE b;
RELEASE a;
COMMIT;
-- road: SET that fails or is rolled back after the library was loaded by it (refused)
\c -
:as_paths
BEGIN;
SET trovella_guard.mode = off;
CREATE TABLE t (organization_id uuid);
ROLLBACK;
CREATE TABLE t (organization_id uuid);
-- road: SET, RESET, SET LOCAL, set_config, SET FROM CURRENT after the library is loaded (refused)
SET trovella_guard.mode = off;
SET LOCAL trovella_guard.mode = off;
SELECT set_config('trovella_guard.mode', 'off', false);
SET trovella_guard.tenant_columns = nothing;
SET trovella_guard.rules = 'rls_disabled=off';
SET trovella_guard.required_columns = x;
SET trovella_guard.app_role = x;
SET trovella_guard.tenant_expression = x;
RESET trovella_guard.mode;
UPDATE pg_settings SET setting = 'off' WHERE name = 'trovella_guard.mode';
RESET ALL;
DISCARD ALL;
:as_paths
CREATE TABLE t (organization_id uuid);
-- road: a setting of a function (refused)
CREATE FUNCTION sets() RETURNS void LANGUAGE plpgsql SET trovella_guard.mode = off
  AS 'BEGIN CREATE TABLE t (organization_id uuid); END';
\c -
:as_paths
CREATE FUNCTION sets() RETURNS void LANGUAGE plpgsql SET trovella_guard.mode = off
  AS 'BEGIN CREATE TABLE t (organization_id uuid); END';
SELECT sets();
-- road: ALTER ROLE SET, ALTER DATABASE SET, ALTER ROLE IN DATABASE SET (refused)
\c -
:as_paths
ALTER ROLE regress_paths SET trovella_guard.mode = off;
ALTER DATABASE :"DBNAME" SET trovella_guard.mode = off;
ALTER ROLE regress_paths IN DATABASE :"DBNAME" SET trovella_guard.mode = off;
ALTER ROLE regress_paths SET trovella_guard.tenant_columns = nothing;
-- road: session_replication_role (refused)
SET session_replication_role = replica;
\c -
GRANT SET ON PARAMETER session_replication_role TO regress_paths;
\c -
:as_paths
SET session_replication_role = replica;
CREATE TABLE t (organization_id uuid);
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
\c -
REVOKE SET ON PARAMETER session_replication_role FROM regress_paths;
\c -
:as_paths
-- road: DROP, ALTER EVENT TRIGGER (PostgreSQL refuses)
\c -
:as_paths
DROP EVENT TRIGGER trovella_guard_open;
ALTER EVENT TRIGGER trovella_guard_open DISABLE;
ALTER EVENT TRIGGER trovella_guard_collect RENAME TO x;
ALTER EVENT TRIGGER trovella_guard_collect OWNER TO regress_paths;
-- road: DROP, ALTER EXTENSION (PostgreSQL refuses)
DROP EXTENSION trovella_guard CASCADE;
ALTER EXTENSION trovella_guard DROP EVENT TRIGGER trovella_guard_open;
ALTER EXTENSION trovella_guard DROP FUNCTION trovella_guard_internal.open();
ALTER EXTENSION trovella_guard ADD TABLE global_table;
ALTER EXTENSION trovella_guard UPDATE;
ALTER EXTENSION trovella_guard SET SCHEMA paths;
-- road: DROP, ALTER SCHEMA trovella_guard, creating in it (PostgreSQL refuses)
DROP SCHEMA trovella_guard CASCADE;
ALTER SCHEMA trovella_guard RENAME TO x;
ALTER SCHEMA trovella_guard OWNER TO regress_paths;
CREATE TABLE trovella_guard.t ();
CREATE VIEW trovella_guard.t AS SELECT 1 AS x;
DROP OWNED BY CURRENT_USER, :"USER";
REASSIGN OWNED BY :"USER" TO regress_paths;
-- road: writing, altering, dropping the allowlist (PostgreSQL refuses)
INSERT INTO trovella_guard.allowlist VALUES ('relation', 'paths', 'guarded', '*', '*', 'x');
UPDATE trovella_guard.allowlist SET table_name = 'guarded';
DELETE FROM trovella_guard.allowlist;
TRUNCATE trovella_guard.allowlist;
\copy trovella_guard.allowlist from '/dev/null'
ALTER TABLE trovella_guard.allowlist ENABLE ROW LEVEL SECURITY;
ALTER TABLE trovella_guard.allowlist DISABLE TRIGGER allowlist_changed;
CREATE TRIGGER mine BEFORE INSERT ON trovella_guard.allowlist FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE mine AS ON DELETE TO trovella_guard.allowlist DO INSTEAD NOTHING;
CREATE TABLE heir () INHERITS (trovella_guard.allowlist);
DROP TABLE trovella_guard.allowlist;
SELECT trovella_guard.allow('paths.guarded', 'x');
SELECT trovella_guard.disallow('paths.global_table');
-- road: calling the trigger functions (PostgreSQL refuses)
SELECT trovella_guard_internal.open();
SELECT trovella_guard_internal.collect();
SELECT trovella_guard_internal.allowlist_changed();
CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION trovella_guard_internal.open();
CREATE TRIGGER mine AFTER UPDATE ON global_table FOR EACH ROW EXECUTE FUNCTION trovella_guard_internal.allowlist_changed();
-- road: direct writes to the catalogs (PostgreSQL refuses)
UPDATE pg_class SET relrowsecurity = false WHERE relname = 'guarded';
DELETE FROM pg_policy;
SET allow_system_table_mods = on;
LOAD 'trovella_guard';
-- road: objects in public, paths or pg_temp named like catalog functions, operators and tables (refused)
\c -
GRANT CREATE ON SCHEMA public TO regress_paths;
\c -
:as_paths
CREATE FUNCTION public.current_setting(text, bool) RETURNS text LANGUAGE sql AS $$ SELECT 'off' $$;
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'infinity'::timestamptz $$;
CREATE FUNCTION never(name, name) RETURNS bool LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR public.= (FUNCTION = never, LEFTARG = name, RIGHTARG = name);
CREATE TEMP TABLE pg_class (oid oid, relname name, relrowsecurity bool);
CREATE TEMP TABLE pg_policy (x int);
CREATE TEMP TABLE allowlist (schema_name name, table_name name, rule text, reason text);
CREATE TEMP TABLE pg_extension (extname name);
SET search_path = pg_temp, public, paths, pg_catalog;
CREATE TABLE paths.t (organization_id uuid);
ALTER TABLE paths.guarded DISABLE ROW LEVEL SECURITY;
SELECT count(*) > 0 AS audited FROM trovella_guard.findings();
SELECT rule FROM trovella_guard.check() WHERE level = 'error';
\c -
:as_paths
DROP OPERATOR public.= (name, name);
DROP FUNCTION public.current_setting(text, bool);
\c -
REVOKE CREATE ON SCHEMA public FROM regress_paths;
\c -
:as_paths
-- road: a policy that calls a function named like a catalog function (refused)
CREATE FUNCTION current_setting(text, bool) RETURNS text STABLE LANGUAGE sql
  AS 'SELECT id::text FROM guarded LIMIT 1';
SET search_path = paths, pg_catalog;
BEGIN;
ALTER POLICY p ON guarded USING (organization_id::text = current_setting('app.current_organization_id', true) OR id > 0);
COMMIT;
SET search_path = paths;
DROP FUNCTION current_setting(text, bool);

-- road: RENAME of a tenant table onto an allowlisted name (refused)
\c -
:as_paths
BEGIN;
ALTER TABLE global_table RENAME TO old_table;
ALTER TABLE old_table DROP COLUMN organization_id;
ALTER TABLE guarded RENAME TO global_table;
COMMIT;
-- road: the same, with row-level security disabled (refused)
BEGIN;
DROP TABLE global_table;
ALTER TABLE guarded RENAME TO global_table;
ALTER TABLE global_table DISABLE ROW LEVEL SECURITY;
COMMIT;
-- road: the same, with the tenant column renamed (refused)
BEGIN;
DROP TABLE global_table;
ALTER TABLE guarded RENAME TO global_table;
ALTER TABLE global_table DISABLE ROW LEVEL SECURITY;
ALTER TABLE global_table RENAME organization_id TO org;
COMMIT;
-- road: the same, with the tenant column dropped (refused)
BEGIN;
DROP TABLE global_table;
ALTER TABLE guarded RENAME TO global_table;
ALTER TABLE global_table DROP COLUMN organization_id CASCADE;
COMMIT;
-- road: SET SCHEMA into an allowlisted schema (refused)
CREATE SCHEMA tool;
ALTER TABLE guarded SET SCHEMA tool;
-- road: ALTER SCHEMA RENAME to an allowlisted name (refused)
\c -
:as_paths
DROP SCHEMA tool;
ALTER SCHEMA paths RENAME TO tool;
-- road: a schema made for its name, the table moved, the schema renamed (refused)
BEGIN;
CREATE SCHEMA paths2;
ALTER TABLE guarded SET SCHEMA paths2;
ALTER SCHEMA paths2 RENAME TO tool;
COMMIT;
-- road: ATTACH PARTITION to an allowlisted table (refused)
DROP TABLE global_table;
CREATE TABLE global_table (LIKE guarded) PARTITION BY LIST (id);
ALTER TABLE global_table ATTACH PARTITION guarded FOR VALUES IN (1);
-- road: INHERIT of an allowlisted table that others may read (refused)
DROP TABLE global_table;
CREATE TABLE global_table (LIKE guarded);
GRANT SELECT ON global_table TO regress_paths_app;
ALTER TABLE guarded INHERIT global_table;
-- road: RENAME of a global table off its allowlisted name (refused)
ALTER TABLE global_table RENAME TO elsewhere;
-- road: creating a table in an allowlisted schema (passes)
CREATE SCHEMA tool CREATE TABLE t (organization_id uuid);
-- road: moving it out of there (refused)
ALTER TABLE tool.t SET SCHEMA paths;
ALTER SCHEMA tool RENAME TO tool2;
DROP SCHEMA tool CASCADE;
-- road: ALTER EXTENSION ADD of a table to an extension that one owns (refused)
\c -
:as_paths
CREATE EXTENSION citext SCHEMA paths;
BEGIN;
ALTER EXTENSION citext ADD TABLE guarded;
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
COMMIT;
ALTER EXTENSION citext ADD TABLE guarded;
ALTER TABLE guarded DISABLE ROW LEVEL SECURITY;
ALTER EXTENSION citext DROP TABLE guarded;
BEGIN;
CREATE TABLE t (organization_id uuid);
ALTER EXTENSION citext ADD TABLE t;
COMMIT;
DROP EXTENSION citext;
-- road: ALTER EXTENSION DROP of a table that a superuser's extension vouched for (refused)
\c -
CREATE EXTENSION citext SCHEMA paths;
BEGIN;
CREATE TABLE paths.vouched (organization_id uuid);
ALTER EXTENSION citext ADD TABLE paths.vouched;
COMMIT;
\c -
ALTER EXTENSION citext DROP TABLE paths.vouched;
DROP EXTENSION citext;
-- road: SET ROLE, SET SESSION AUTHORIZATION, SECURITY DEFINER (refused)
\c -
GRANT regress_paths_app TO regress_paths;
\c -
:as_paths
SET ROLE regress_paths_app;
ALTER TABLE paths.guarded DISABLE ROW LEVEL SECURITY;
RESET ROLE;
CREATE FUNCTION definer() RETURNS void SECURITY DEFINER LANGUAGE sql
  AS 'ALTER TABLE paths.guarded DISABLE ROW LEVEL SECURITY';
SELECT definer();

-- what was tried has left no trace, and the audit knows what was allowed
SELECT relname FROM pg_class WHERE relnamespace = 'paths'::regnamespace
  AND relkind IN ('r', 'p') ORDER BY relname;
SELECT table_name, rule, message FROM trovella_guard.check() WHERE level = 'error'
  ORDER BY 1, 2, 3;
SELECT table_name, rule, waived_by FROM trovella_guard.findings()
  WHERE level = 'error' AND waived_by IS NOT NULL ORDER BY 1, 2, 3;

\c -
SELECT format('ALTER DATABASE %I OWNER TO %I', current_database(), current_user) \gexec
-- road: an entry removed while its table is there (refused)
SELECT trovella_guard.disallow('paths.global_table');
DROP TABLE paths.global_table CASCADE;
SELECT trovella_guard.disallow('paths.global_table');
SELECT trovella_guard.disallow('tool.*');
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
