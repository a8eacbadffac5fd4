--
-- function_exposes_tenants: a SECURITY DEFINER function reads a tenant table as a role that its policies do not confine.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT object, replace(message, quote_ident(current_user), ''me'') AS message, repair_sql FROM trovella_guard.check(''item'') WHERE rule = ''function_exposes_tenants'''
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_definer_app LOGIN;
CREATE ROLE regress_definer_owner NOLOGIN;
CREATE ROLE regress_definer_plain NOLOGIN;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_definer_plain;
CREATE SCHEMA regress_definer;
GRANT ALL ON SCHEMA regress_definer TO regress_definer_owner, regress_definer_plain;
SET search_path = regress_definer;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
ALTER TABLE item OWNER TO regress_definer_owner;
COMMIT;

-- clean: it runs as its caller
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM item; END;
:found;

-- broken
ALTER FUNCTION total() SECURITY DEFINER;
SELECT level, object, regexp_replace(message, 'role "[^"]*"', 'role "me"') AS message, repair_sql
  FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants';

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' \gexec
:found;

-- each way that opens it is noticed at commit
GRANT EXECUTE ON FUNCTION total() TO PUBLIC;
-- said once, it is pre-existing
GRANT EXECUTE ON FUNCTION total() TO regress_definer_app;
REVOKE EXECUTE ON FUNCTION total() FROM PUBLIC;
:found;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regress_definer TO PUBLIC;
ALTER FUNCTION total() SECURITY INVOKER;
ALTER FUNCTION total() SECURITY DEFINER;
ALTER FUNCTION total() OWNER TO regress_definer_plain;
:found;
GRANT regress_definer_plain TO CURRENT_USER;
SET ROLE regress_definer_plain;
CREATE FUNCTION mine() RETURNS SETOF item LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM item';
RESET ROLE;
:found;
ALTER FUNCTION mine() OWNER TO regress_definer_owner;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
:found;
ALTER TABLE item NO FORCE ROW LEVEL SECURITY;
SET trovella_guard.rules = 'function_exposes_tenants=error';
ALTER FUNCTION total() OWNER TO regress_definer_owner;
CREATE OR REPLACE FUNCTION mine() RETURNS SETOF item LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM item LIMIT 10';
BEGIN;
CREATE PROCEDURE clear() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM item';
REVOKE EXECUTE ON PROCEDURE clear() FROM PUBLIC;
COMMIT;
GRANT EXECUTE ON PROCEDURE clear() TO regress_definer_app;
BEGIN;
CREATE TABLE "Item" (:columns);
ALTER TABLE "Item" ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON "Item" USING (:tenant);
CREATE INDEX ON "Item" (organization_id);
COMMIT;
RESET trovella_guard.rules;
DROP FUNCTION mine();
DROP PROCEDURE clear();
DROP FUNCTION total();

-- what is mentioned, and what is not
SET trovella_guard.rules = 'function_exposes_tenants=info';
CREATE FUNCTION f_plain() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM ITEM; END$$;
CREATE FUNCTION f_quoted() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM "item"; END$$;
CREATE FUNCTION f_qualified() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM regress_definer . "item"; END$$;
CREATE FUNCTION f_dynamic() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN EXECUTE 'SELECT count(*) FROM item'; END$$;
CREATE FUNCTION f_format() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN EXECUTE format($q$SELECT count(*) FROM regress_definer."item" WHERE %I$q$, 'x'); END$$;
CREATE FUNCTION f_path() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress_definer, pg_temp AS $$BEGIN PERFORM count(*) FROM item; END$$;
CREATE FUNCTION f_sets_path() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$BEGIN SET LOCAL search_path = regress_definer; PERFORM count(*) FROM item; END$$;
CREATE FUNCTION f_user_path() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = "$user", public AS $$BEGIN PERFORM count(*) FROM item; END$$;
CREATE FUNCTION f_escaped() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $f$BEGIN RAISE NOTICE E'\' -- %', (SELECT count(*) FROM item); END$f$;
CREATE FUNCTION no_comment() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN -- item
  /* item /* item */ item */ END$$;
CREATE FUNCTION no_string() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RAISE NOTICE 'no item: it''s item'; RAISE NOTICE $q$item$q$; END$$;
CREATE FUNCTION no_other_schema() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM x.item, public.item FROM x; END$$;
CREATE FUNCTION no_case() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM "ITEM"; END$$;
CREATE FUNCTION f_case() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM "Item"; END$$;
CREATE FUNCTION no_part() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM items, item_, item$, i_item FROM x; END$$;
CREATE FUNCTION no_type() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$DECLARE r item%ROWTYPE; s item.id%TYPE; BEGIN NULL; END$$;
CREATE FUNCTION no_path() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$BEGIN PERFORM count(*) FROM item; END$$;
CREATE FUNCTION no_empty_path() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$DECLARE item int; BEGIN item := 1; END$$;
CREATE FUNCTION no_trigger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM item; RETURN NEW; END$$;
CREATE FUNCTION no_definer() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM count(*) FROM item; END$$;
CREATE FUNCTION no_execute() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM count(*) FROM item; END$$;
REVOKE EXECUTE ON FUNCTION no_execute() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION no_execute() TO regress_definer_plain;
SELECT object, substring(message FROM '\) (.*) and runs') AS what FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants';
SELECT object FROM trovella_guard.check('"Item"') WHERE rule = 'function_exposes_tenants';

-- in other languages every query is a string
CREATE LANGUAGE regress_definer HANDLER plpgsql_call_handler;
CREATE FUNCTION f_other_language() RETURNS void LANGUAGE regress_definer SECURITY DEFINER AS $$execute("SELECT count(*) FROM \"regress_definer\".\"Item\"") # item$$;
SELECT object FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' AND object ~ 'language';
SELECT object FROM trovella_guard.check('"Item"') WHERE rule = 'function_exposes_tenants';
DROP LANGUAGE regress_definer CASCADE;

-- a name that looks like none
CREATE FUNCTION f_unclosed() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT 1 -- "';
UPDATE pg_proc SET prosrc = s.src FROM (VALUES ('f_unclosed', 'SELECT * FROM "item')) s (name, src) WHERE proname = s.name;
SELECT object FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' AND object ~ 'unclosed';
UPDATE pg_proc SET prosrc = E'SELECT ''item $$ item /* item' WHERE proname = 'f_unclosed';
SELECT object FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' AND object ~ 'unclosed';
UPDATE pg_proc SET prosrc = '' WHERE proname = 'f_unclosed';
SELECT object FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' AND object ~ 'unclosed';

-- members of an extension are its author's business
ALTER EXTENSION trovella_guard ADD FUNCTION f_plain();
SELECT object FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' AND object ~ 'plain';
ALTER EXTENSION trovella_guard DROP FUNCTION f_plain();
DROP FUNCTION f_plain(), f_quoted(), f_qualified(), f_dynamic(), f_format(), f_path(), f_sets_path(), f_user_path(), f_escaped(), f_case(), f_unclosed();

-- by way of a view
CREATE VIEW item_ids WITH (security_invoker = true) AS SELECT id FROM item;
CREATE VIEW item_ids2 WITH (security_invoker = true) AS SELECT id FROM item_ids;
CREATE FUNCTION by_view() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER BEGIN ATOMIC SELECT count(*) FROM item_ids2; END;
CREATE FUNCTION by_view_name() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT count(*) FROM item_ids';
SELECT object, substring(message FROM '\) (.*) and runs') AS what FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants';
RESET trovella_guard.rules;
CREATE OR REPLACE FUNCTION by_view_name() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT count(*) FROM item_ids2';
DROP FUNCTION by_view(), by_view_name();

-- a function that a policy calls is a part of the policy, unless it returns rows
CREATE FUNCTION my_organizations() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = regress_definer, pg_temp AS
  'SELECT organization_id FROM item WHERE id = current_user';
ALTER POLICY item_tenant ON item USING (organization_id IN (SELECT my_organizations()));
:found;
CREATE FUNCTION my_items() RETURNS SETOF item LANGUAGE sql STABLE SECURITY DEFINER SET search_path = regress_definer, pg_temp AS
  'SELECT * FROM item WHERE id = current_user';
ALTER POLICY item_tenant ON item USING (organization_id IN (SELECT organization_id FROM my_items()));
SELECT object FROM trovella_guard.check('item') WHERE rule = 'function_exposes_tenants' ORDER BY 1;
ALTER POLICY item_tenant ON item USING (:tenant);
DROP FUNCTION my_organizations(), my_items();

-- only application roles count
CREATE FUNCTION listed() RETURNS SETOF item LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM item';
REVOKE EXECUTE ON FUNCTION listed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION listed() TO regress_definer_owner, regress_definer_plain;
:found;
SET trovella_guard.app_role = 'regress_definer_plain';
:found;
SET trovella_guard.app_role = regress_no_such_role;

-- other levels, and waived
SET trovella_guard.rules = 'function_exposes_tenants=off';
GRANT EXECUTE ON FUNCTION listed() TO PUBLIC;
:found;
SET trovella_guard.rules = 'function_exposes_tenants=error';
SELECT trovella_guard.allow('regress_definer.item', 'reports for the operators', 'function_exposes_tenants');
CREATE OR REPLACE FUNCTION listed() RETURNS SETOF item LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT * FROM item LIMIT 1';
:found;
SELECT trovella_guard.disallow('regress_definer.item', 'function_exposes_tenants');
RESET trovella_guard.rules;

-- it runs as a role with BYPASSRLS, if that may use the table at all
ALTER FUNCTION listed() OWNER TO regress_definer_plain;
ALTER ROLE regress_definer_plain BYPASSRLS;
:found;
GRANT SELECT ON item TO regress_definer_plain;
:found;
-- a table without row-level security is the business of rls_disabled
SET trovella_guard.mode = off;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
:found;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
SET trovella_guard.mode = enforce;
REVOKE SELECT ON item FROM regress_definer_plain;
ALTER ROLE regress_definer_plain NOBYPASSRLS;
-- that the function's owner may execute it opens nothing: app_role_bypasses_rls names him
SET trovella_guard.app_role = 'regress_definer_owner';
REVOKE EXECUTE ON FUNCTION listed() FROM PUBLIC;
ALTER FUNCTION listed() OWNER TO regress_definer_owner;
:found;
RESET trovella_guard.app_role;

-- within one transaction, before the table
BEGIN;
CREATE FUNCTION early() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM later); END';
CREATE TABLE later (:columns);
ALTER TABLE later ENABLE ROW LEVEL SECURITY;
CREATE POLICY later_tenant ON later USING (:tenant);
CREATE INDEX ON later (organization_id);
COMMIT;

-- the audit finds what an older function says about a new table
BEGIN;
CREATE FUNCTION older() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM newer); END';
COMMIT;
BEGIN;
CREATE TABLE newer (:columns);
ALTER TABLE newer ENABLE ROW LEVEL SECURITY;
CREATE POLICY newer_tenant ON newer USING (:tenant);
CREATE INDEX ON newer (organization_id);
COMMIT;
SELECT object FROM trovella_guard.check('newer') WHERE rule = 'function_exposes_tenants';

DROP SCHEMA regress_definer CASCADE;
REVOKE SET ON PARAMETER trovella_guard.app_role FROM regress_definer_plain;
DROP ROLE regress_definer_app, regress_definer_owner, regress_definer_plain;
