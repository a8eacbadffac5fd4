--
-- policy_function_untrusted: who has the say over what a policy's functions
-- return?
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
CREATE ROLE regress_app;
CREATE ROLE regress_worker IN ROLE regress_app;
CREATE SCHEMA regress_function AUTHORIZATION regress_owner;
GRANT USAGE ON SCHEMA regress_function TO regress_other, regress_app;
SET search_path = regress_function;

SET ROLE regress_owner;
CREATE FUNCTION tenant() RETURNS text STABLE LANGUAGE sql
AS $$ SELECT current_setting('app.current_organization_id', true) $$;
CREATE FUNCTION is_ours(tenant text) RETURNS boolean STABLE LANGUAGE sql
BEGIN ATOMIC SELECT $1 = current_setting('app.current_organization_id', true); END;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item
  USING (organization_id = (SELECT regress_function.tenant()));
CREATE POLICY item_floor ON item AS RESTRICTIVE
  USING (EXISTS (SELECT FROM (VALUES (organization_id)) AS v (t) WHERE is_ours(t)));
CREATE INDEX ON item (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON item TO regress_app;
COMMIT;
RESET ROLE;
\set findings 'SELECT level, object, message, repair_sql FROM trovella_guard.check(''item'') WHERE rule = ''policy_function_untrusted'' ORDER BY 2, 3'
:findings;

-- the application's role may replace what confines it
ALTER FUNCTION tenant() OWNER TO regress_app;
:findings;
-- nobody is told twice, as long as nobody makes it worse
\set VERBOSITY terse
ALTER TABLE item SET (fillfactor = 90);
GRANT SELECT ON item TO regress_worker;
ALTER FUNCTION is_ours(text) OWNER TO regress_worker;
:findings;
\set VERBOSITY default
-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_function_untrusted' ORDER BY 1 \gexec
:findings;

-- a role that may not use the table is not confined by its policies ...
ALTER FUNCTION tenant() OWNER TO regress_other;
:findings;
-- ... unless it is opened to it, or the application may become that role
\set VERBOSITY terse
GRANT SELECT (id) ON item TO regress_other;
:findings;
REVOKE SELECT (id) ON item FROM regress_other;
GRANT regress_other TO regress_app;
SET trovella_guard.app_role = 'regress_app';
:findings;
RESET trovella_guard.app_role;
REVOKE regress_other FROM regress_app;
ALTER FUNCTION tenant() OWNER TO regress_owner;

-- what counts is what is left at the end of the transaction
BEGIN;
ALTER FUNCTION tenant() OWNER TO regress_app;
ALTER FUNCTION tenant() SECURITY DEFINER;
ALTER FUNCTION tenant() OWNER TO regress_owner;
ALTER FUNCTION tenant() SECURITY INVOKER;
COMMIT;

-- SECURITY DEFINER: whose names, and whose rights?
\set VERBOSITY default
ALTER FUNCTION tenant() SECURITY DEFINER;
:findings;
ALTER FUNCTION tenant() SET work_mem = '4MB';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_function_untrusted' \gexec
SELECT proconfig FROM pg_proc WHERE oid = 'tenant()'::regprocedure;
:findings;
-- names in a SQL-standard body are not looked up any more
\set VERBOSITY terse
ALTER FUNCTION is_ours(text) SECURITY DEFINER;
:findings;
ALTER FUNCTION is_ours(text) SECURITY INVOKER;
CREATE OR REPLACE FUNCTION tenant() RETURNS text STABLE LANGUAGE sql
AS $$ SELECT current_setting('app.current_organization_id', true) $$;
:findings;

-- a search_path in which somebody else says what names mean is none
CREATE SCHEMA regress_everybodys;
GRANT CREATE ON SCHEMA regress_everybodys TO PUBLIC;
CREATE SCHEMA regress_granted AUTHORIZATION regress_owner;
GRANT CREATE ON SCHEMA regress_granted TO regress_app;
CREATE SCHEMA regress_others AUTHORIZATION regress_other;
CREATE ROLE regress_deputy IN ROLE regress_owner;
CREATE SCHEMA regress_deputys AUTHORIZATION regress_deputy;
CREATE SCHEMA regress_admins;
GRANT CREATE ON SCHEMA regress_admins TO regress_deputy;
CREATE FUNCTION is_reported(path text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'ALTER FUNCTION tenant() SET search_path = ' || path;
	RETURN EXISTS (SELECT FROM trovella_guard.check('item')
		WHERE message LIKE '%SECURITY DEFINER without a safe search_path%');
END $$;
SET client_min_messages = error;
ALTER FUNCTION tenant() SECURITY DEFINER;
SELECT path, is_reported(path) FROM (VALUES (1, ''''''), (2, 'pg_temp'),
	(3, 'regress_function, pg_temp'),
	(4, 'pg_catalog, regress_function, "pg_temp"'),
	(5, ''''', pg_temp'), (6, 'regress_function'), (7, 'pg_catalog'),
	(8, 'pg_temp, regress_function'), (9, 'regress_function, pg_temp, pg_catalog'),
	(10, '"pg_temp, x"'), (11, '"$user", pg_temp'),
	(12, 'regress_everybodys, pg_temp'), (13, 'regress_granted, pg_temp'),
	(14, 'regress_others, pg_temp'), (15, 'regress_missing, pg_temp'),
	(16, 'regress_deputys, regress_admins, pg_temp')) AS paths (no, path)
ORDER BY no;
ALTER FUNCTION tenant() RESET search_path;
-- where others may create objects in the function's schema, no path repairs it
GRANT CREATE ON SCHEMA regress_function TO regress_other;
:findings;
REVOKE CREATE ON SCHEMA regress_function FROM regress_other;
-- no statement that is printed lets another role's code run as a third one
ALTER FUNCTION tenant() OWNER TO regress_app;
:findings;
ALTER FUNCTION tenant() OWNER TO regress_owner;
ALTER FUNCTION tenant() SECURITY INVOKER;
ALTER FUNCTION tenant() RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_everybodys, regress_granted, regress_others, regress_deputys, regress_admins;
DROP ROLE regress_deputy;

-- a function that no policy calls, and a policy that is dropped with it
CREATE FUNCTION nobodys() RETURNS text STABLE LANGUAGE sql AS 'SELECT $$x$$';
ALTER FUNCTION nobodys() OWNER TO regress_app;
ALTER FUNCTION nobodys() SECURITY DEFINER;
-- a new policy on such a function
CREATE POLICY item_read ON item FOR SELECT
  USING (organization_id = (SELECT nobodys()));
-- an aggregate is as good as the functions that it consists of
CREATE FUNCTION first_of(text, text) RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT coalesce($1, $2) $$;
CREATE AGGREGATE first_one(text) (SFUNC = first_of, STYPE = text);
CREATE POLICY item_first ON item AS RESTRICTIVE
  USING (organization_id = (SELECT first_one(tenant())));
ALTER FUNCTION first_of(text, text) OWNER TO regress_app;
SELECT object, message FROM trovella_guard.check('item')
  WHERE rule = 'policy_function_untrusted' ORDER BY 1, 2;
DROP POLICY item_first ON item;
-- refused, where the level says so, and waived
SET trovella_guard.rules = 'policy_function_untrusted=error';
ALTER FUNCTION tenant() OWNER TO regress_app;
SELECT trovella_guard.allow('item', 'the application manages its functions', 'policy_function_untrusted');
ALTER FUNCTION tenant() OWNER TO regress_app;
RESET trovella_guard.rules;

SELECT trovella_guard.disallow('item', 'policy_function_untrusted');
SET client_min_messages = error;
DROP SCHEMA regress_function CASCADE;
DROP ROLE regress_owner, regress_other, regress_worker, regress_app;
