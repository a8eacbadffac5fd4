--
-- policy_function: a policy is as good as the functions that it calls, and as
-- the row-level security of the tables that it asks.  What is altered has the
-- policies judged that rely on it, though nobody has touched their tables.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE SCHEMA regress_policy_function;
-- tables without a tenant column are scenery, doubts are asked for
SET trovella_guard.rules = 'table_unclassified=warning, policy_unproven=info';
SET search_path = regress_policy_function;

CREATE FUNCTION tenant() RETURNS text STABLE LANGUAGE sql
AS $$ SELECT current_setting('app.current_organization_id', true) $$;
BEGIN;
CREATE TABLE t (id text PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON t USING (organization_id = (SELECT tenant()));
CREATE INDEX ON t (organization_id);
COMMIT;
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';

-- a function that is the same for everybody is nobody's tenant
ALTER FUNCTION tenant() IMMUTABLE;
SELECT provolatile FROM pg_proc WHERE oid = 'tenant()'::regprocedure;
CREATE OR REPLACE FUNCTION tenant() RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT 'one'::text $$;
SELECT provolatile FROM pg_proc WHERE oid = 'tenant()'::regprocedure;

-- one whose value may change from row to row proves nothing
ALTER FUNCTION tenant() VOLATILE;
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';

-- from there to the worse is refused all the same, and back it goes
ALTER FUNCTION tenant() IMMUTABLE;
ALTER FUNCTION tenant() STABLE;
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';

-- in one transaction, only what is left at its end counts
BEGIN;
ALTER FUNCTION tenant() IMMUTABLE;
ALTER FUNCTION tenant() STABLE;
COMMIT;

-- a name says nothing
ALTER FUNCTION tenant() RENAME TO organization;
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';

-- a function may also be called by an operator
CREATE FUNCTION setting(text) RETURNS text STABLE LANGUAGE sql
AS $$ SELECT current_setting($1, true) $$;
CREATE OPERATOR ### (FUNCTION = setting, RIGHTARG = text);
ALTER POLICY tenant ON t USING (organization_id = (### 'app.current_organization_id'::text));
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';
ALTER FUNCTION setting(text) IMMUTABLE;

-- a table with row-level security may be all that confines a policy that asks it
CREATE TABLE org (id text PRIMARY KEY);
ALTER TABLE org ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON org USING (id = (SELECT current_setting('app.current_organization_id', true)));
ALTER POLICY tenant ON t USING (organization_id IN (SELECT id FROM org));
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';
ALTER TABLE org DISABLE ROW LEVEL SECURITY;
-- ... even where the one that asks has been judged before
BEGIN;
ALTER TABLE t ADD COLUMN note text;
ALTER TABLE org DISABLE ROW LEVEL SECURITY;
COMMIT;
-- ... and found wanting: it is named once
BEGIN;
DROP INDEX t_organization_id_idx;
ALTER TABLE org DISABLE ROW LEVEL SECURITY;
COMMIT;
-- only what is left at the end counts
BEGIN;
ALTER TABLE t ADD COLUMN note text;
ALTER TABLE org DISABLE ROW LEVEL SECURITY;
ALTER TABLE t DROP COLUMN note;
ALTER TABLE org ENABLE ROW LEVEL SECURITY;
COMMIT;

-- the table may be read by way of views, as the session's role ...
ALTER TABLE org ENABLE ROW LEVEL SECURITY;
CREATE VIEW org_view WITH (security_invoker) AS SELECT id FROM org;
CREATE VIEW org_view_again WITH (security_invoker) AS SELECT id FROM org_view;
ALTER POLICY tenant ON t USING (organization_id IN (SELECT id FROM org_view_again));
SELECT rule FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';
ALTER TABLE org DISABLE ROW LEVEL SECURITY;
-- ... or as the view's owner, who is subject to the policies or not
ALTER VIEW org_view SET (security_invoker = off);
CREATE ROLE regress_policy_function;
ALTER VIEW org_view OWNER TO regress_policy_function;
ALTER VIEW org_view SET (security_invoker = off);
ALTER VIEW org_view OWNER TO CURRENT_USER;

SET client_min_messages = error;
DROP SCHEMA regress_policy_function CASCADE;
DROP ROLE regress_policy_function;
