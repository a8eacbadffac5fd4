--
-- backup_role_confined: nobody but superusers can dump a table whose row-level security is forced.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT schema_name, table_name, level, object, message, repair_sql FROM trovella_guard.check() WHERE rule = ''backup_role_confined'''
SET client_min_messages = warning;
CREATE SCHEMA regress_backup;
SET search_path = regress_backup;
CREATE ROLE regress_backup_group;
CREATE ROLE regress_backup LOGIN;
CREATE ROLE regress_backup_super LOGIN SUPERUSER BYPASSRLS;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
CREATE TABLE item2 (:columns);
ALTER TABLE item2 ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item2 USING (:tenant);
CREATE INDEX ON item2 (organization_id);
COMMIT;

-- clean: the owner can dump them
:found;

-- broken
ALTER TABLE item FORCE ROW LEVEL SECURITY;
:found;
ALTER TABLE item2 FORCE ROW LEVEL SECURITY;
:found;

-- each of these is not enough by itself
GRANT pg_read_all_data TO regress_backup;
:found;
REVOKE pg_read_all_data FROM regress_backup;
ALTER ROLE regress_backup BYPASSRLS;
:found;

-- together they are
GRANT SELECT ON item TO regress_backup_group;
GRANT regress_backup_group TO regress_backup;
:found;
GRANT SELECT ON item2 TO regress_backup;
:found;
REVOKE SELECT ON item2 FROM regress_backup;
GRANT pg_read_all_data TO regress_backup;
:found;
ALTER ROLE regress_backup NOLOGIN;
:found;

-- off
SET trovella_guard.rules = 'backup_role_confined=off';
:found;
RESET trovella_guard.rules;

DROP SCHEMA regress_backup CASCADE;
DROP ROLE regress_backup, regress_backup_group, regress_backup_super;
