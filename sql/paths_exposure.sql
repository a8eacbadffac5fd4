-- Every way to make a role of the application the owner of a table, or a reader of
-- a view that bypasses its policies.
\set VERBOSITY sqlstate
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_paths_owner;
CREATE ROLE regress_paths_group;
CREATE ROLE regress_paths_app LOGIN;
CREATE ROLE regress_paths_admin LOGIN CREATEROLE;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_paths_admin;
CREATE SCHEMA paths;
GRANT ALL ON SCHEMA paths TO regress_paths_owner, regress_paths_app;
SET search_path = paths;
BEGIN;
CREATE TABLE item (id int, organization_id text NOT NULL, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON item USING (:tenant);
CREATE INDEX item_idx ON item (organization_id);
ALTER TABLE item OWNER TO regress_paths_owner;
COMMIT;
SET client_min_messages = error;
CREATE VIEW all_items AS SELECT * FROM item;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM item;
RESET client_min_messages;

-- road: ALTER TABLE OWNER TO an application role (refused)
ALTER TABLE item OWNER TO regress_paths_app;
-- road: REASSIGN OWNED to an application role (refused)
REASSIGN OWNED BY regress_paths_owner TO regress_paths_app;
-- road: NO FORCE ROW LEVEL SECURITY of a table that the application owns (refused)
BEGIN;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
ALTER TABLE item OWNER TO regress_paths_app;
COMMIT;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
BEGIN;
ALTER TABLE item OWNER TO regress_paths_owner;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
COMMIT;
-- road: GRANT of the owner to an application role (refused)
GRANT regress_paths_owner TO regress_paths_app;
-- road: the same within DO, and in a savepoint (refused)
DO $$ BEGIN EXECUTE 'GRANT regress_paths_owner TO regress_paths_app'; END $$;
BEGIN;
SAVEPOINT s;
GRANT regress_paths_owner TO regress_paths_app;
RELEASE s;
COMMIT;
-- road: GRANT of the owner in a savepoint that is rolled back (passes)
BEGIN;
SAVEPOINT s;
GRANT regress_paths_owner TO regress_paths_app;
ROLLBACK TO s;
COMMIT;
-- road: GRANT of the owner, and REVOKE in the same transaction (passes)
BEGIN;
GRANT regress_paths_owner TO regress_paths_app;
REVOKE regress_paths_owner FROM regress_paths_app;
COMMIT;
-- road: GRANT of the owner to a group, then of the group to the application (refused)
GRANT regress_paths_owner TO regress_paths_group;
GRANT regress_paths_group TO regress_paths_app;
-- road: ALTER GROUP ADD USER (refused)
ALTER GROUP regress_paths_group ADD USER regress_paths_app;
-- road: CREATE ROLE LOGIN IN ROLE (refused)
CREATE ROLE regress_paths_new LOGIN IN ROLE regress_paths_group;
-- road: CREATE USER, then GRANT (refused)
CREATE USER regress_paths_new;
GRANT regress_paths_owner TO regress_paths_new;
-- road: CREATE ROLE with members, in a role (refused)
CREATE ROLE regress_paths_between IN ROLE regress_paths_owner ROLE regress_paths_new;
-- road: ALTER ROLE LOGIN of a member of the owner (refused)
ALTER ROLE regress_paths_group LOGIN;
-- road: ALTER ROLE INHERIT, where a member may SET ROLE anyway (passes)
SET trovella_guard.mode = off;
GRANT regress_paths_owner TO regress_paths_app;
SET trovella_guard.mode = enforce;
ALTER ROLE regress_paths_app NOINHERIT;
ALTER ROLE regress_paths_app INHERIT;
REVOKE regress_paths_owner FROM regress_paths_app;
-- road: GRANT of the owner by a role with CREATEROLE, in a session of its own (refused)
GRANT regress_paths_owner TO regress_paths_admin WITH ADMIN OPTION;
SET trovella_guard.mode = off;
GRANT regress_paths_owner TO regress_paths_admin WITH ADMIN OPTION;
\c -
SET trovella_guard.app_role = regress_no_such_role;
SET SESSION AUTHORIZATION regress_paths_admin;
CREATE TEMPORARY TABLE loads_the_library ();
GRANT regress_paths_owner TO regress_paths_app;
-- road: GRANT of a role in a fresh session, nothing preloaded (passes, until the audit)
\c -
SET trovella_guard.app_role = regress_no_such_role;
SET SESSION AUTHORIZATION regress_paths_admin;
GRANT regress_paths_owner TO regress_paths_app;
SELECT table_name, rule, object FROM trovella_guard.check() WHERE schema_name = 'paths' AND level = 'error';
REVOKE regress_paths_owner FROM regress_paths_app;
\c -
SET trovella_guard.app_role = regress_no_such_role;
SET search_path = paths;
LOAD 'trovella_guard';
REVOKE regress_paths_owner FROM regress_paths_admin;

-- road: ALTER ROLE BYPASSRLS or SUPERUSER of a role that is named as the application's (refused)
SET trovella_guard.app_role = regress_paths_app;
ALTER ROLE regress_paths_app BYPASSRLS;
ALTER ROLE regress_paths_app SUPERUSER;
-- road: GRANT of a role with BYPASSRLS to the application (refused)
CREATE ROLE regress_paths_service BYPASSRLS;
GRANT regress_paths_service TO regress_paths_app;
SET trovella_guard.app_role = regress_no_such_role;
-- road: SET trovella_guard.app_role (passes, until the audit)
SET trovella_guard.app_role = regress_paths_owner;
SELECT table_name, rule, object FROM trovella_guard.check() WHERE schema_name = 'paths' AND level = 'error';
SET trovella_guard.app_role = regress_no_such_role;

-- road: GRANT on a view of all tenants (refused)
GRANT SELECT ON all_items TO regress_paths_app;
GRANT SELECT (id) ON all_items TO PUBLIC;
-- road: GRANT on a materialized view (refused)
GRANT SELECT ON ALL TABLES IN SCHEMA paths TO regress_paths_app;
-- road: ALTER VIEW SET (security_invoker = false) of what the application reads (refused)
ALTER VIEW all_items SET (security_invoker = true);
GRANT SELECT ON all_items TO regress_paths_app;
ALTER VIEW all_items SET (security_invoker = false);
-- road: CREATE OR REPLACE VIEW, which takes the option away (refused)
CREATE OR REPLACE VIEW all_items AS SELECT * FROM item;
-- road: CREATE VIEW and CREATE MATERIALIZED VIEW under default privileges (refused)
ALTER DEFAULT PRIVILEGES IN SCHEMA paths GRANT SELECT ON TABLES TO regress_paths_app;
CREATE VIEW later AS SELECT * FROM item;
CREATE MATERIALIZED VIEW later AS SELECT * FROM item;
ALTER DEFAULT PRIVILEGES IN SCHEMA paths REVOKE SELECT ON TABLES FROM regress_paths_app;
-- road: GRANT of a role that may read a view to the application (refused)
GRANT SELECT ON kept TO regress_paths_group;
REVOKE regress_paths_owner FROM regress_paths_group;
GRANT regress_paths_group TO regress_paths_app;
-- road: GRANT of pg_read_all_data to the application (refused)
REVOKE SELECT ON kept FROM regress_paths_group;
GRANT pg_read_all_data TO regress_paths_app;
-- road: REFRESH MATERIALIZED VIEW (passes)
REFRESH MATERIALIZED VIEW kept;

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
REVOKE SET ON PARAMETER trovella_guard.app_role FROM regress_paths_admin;
DROP ROLE regress_paths_owner, regress_paths_group, regress_paths_app, regress_paths_admin, regress_paths_new, regress_paths_service;
