--
-- setting_pinned: ALTER ROLE or ALTER DATABASE ... SET gives every session the same tenant.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set found 'SELECT schema_name, table_name, level, object, replace(message, current_database(), ''DB'') AS message, replace(repair_sql, current_database(), ''DB'') AS repair_sql FROM trovella_guard.check() WHERE rule = ''setting_pinned'' ORDER BY message'
SELECT current_database() AS db \gset
SET client_min_messages = warning;
CREATE SCHEMA regress_pinned;
SET search_path = regress_pinned;
CREATE ROLE regress_pinned LOGIN;
CREATE ROLE regress_pinned_bypass LOGIN BYPASSRLS;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (organization_id = (SELECT current_setting('regress.org', true)));
CREATE INDEX ON item (organization_id);
COMMIT;
CREATE FUNCTION by_name() RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN RETURN current_setting('Regress.By_Name', true); END$$;
CREATE FUNCTION by_body() RETURNS text LANGUAGE sql STABLE RETURN current_setting('regress.by_body', true);

-- clean: no policy reads it
ALTER DATABASE :"db" SET regress.other = 'x';
:found;
ALTER DATABASE :"db" RESET regress.other;

-- broken
ALTER DATABASE :"db" SET regress.org = 'tenant-1';
ALTER ROLE regress_pinned SET regress.org = 'tenant 2';
ALTER ROLE regress_pinned IN DATABASE :"db" SET "Regress".ORG = 'tenant 3';
ALTER ROLE ALL SET regress.org = 'tenant-4';
:found;

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check() WHERE rule = 'setting_pinned' ORDER BY repair_sql \gexec
:found;

-- no value, and no tenant
ALTER DATABASE :"db" SET regress.org = '';
:found;
ALTER DATABASE :"db" SET regress.org = '00000000-0000-0000-0000-000000000000';
:found;
ALTER DATABASE :"db" RESET regress.org;

-- a role that policies do not confine, another database, and PostgreSQL's own settings
ALTER ROLE regress_pinned_bypass SET regress.org = 'tenant-1';
ALTER ROLE CURRENT_USER SET regress.org = 'tenant-1';
ALTER DATABASE template1 SET regress.org = 'tenant-1';
ALTER ROLE regress_pinned SET work_mem = '4MB';
:found;
ALTER ROLE CURRENT_USER RESET regress.org;
ALTER DATABASE template1 RESET regress.org;

-- the case of a name does not count; a role that sees all tenants on purpose
ALTER ROLE regress_pinned SET regress.org = 'tenant-1';
ALTER POLICY item_tenant ON item USING (organization_id = (SELECT current_setting('Regress.ORG', true)));
:found;
SELECT trovella_guard.allow_role('regress_pinned', 'writes the reports');
:found;
SELECT trovella_guard.disallow_role('regress_pinned');

-- another value and another role are new
CREATE ROLE regress_pinned_2 LOGIN;
SET trovella_guard.rules = 'setting_pinned=error';
ALTER ROLE regress_pinned SET regress.org = 'tenant-1';
ALTER ROLE regress_pinned SET regress.org = 'tenant-2';
ALTER ROLE regress_pinned_2 SET regress.org = 'tenant-1';
RESET trovella_guard.rules;
:found;
ALTER ROLE regress_pinned RESET regress.org;
DROP ROLE regress_pinned_2;

-- by way of functions, and of the expression for new policies
ALTER DATABASE :"db" SET regress.by_name = 'a';
ALTER DATABASE :"db" SET regress.by_body = 'b';
ALTER DATABASE :"db" SET regress.new = 'c';
:found;
SET client_min_messages = error;
ALTER POLICY item_tenant ON item USING (organization_id = (SELECT by_name()));
SET client_min_messages = warning;
:found;
CREATE POLICY by_body ON item AS RESTRICTIVE USING (organization_id IN (SELECT by_body() FROM item));
SET trovella_guard.tenant_expression = 'current_setting(''Regress.New'')';
:found;
RESET trovella_guard.tenant_expression;

-- off
SET trovella_guard.rules = 'setting_pinned=off';
:found;
RESET trovella_guard.rules;

ALTER DATABASE :"db" RESET regress.by_name;
ALTER DATABASE :"db" RESET regress.by_body;
ALTER DATABASE :"db" RESET regress.new;
DROP SCHEMA regress_pinned CASCADE;
DROP ROLE regress_pinned, regress_pinned_bypass;
