--
-- policy_function: a policy is as good as the functions that it calls.  One
-- that is altered has the policies judged that call it, though nobody has
-- touched their tables.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
CREATE SCHEMA regress_policy_function;
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

SET client_min_messages = error;
DROP SCHEMA regress_policy_function CASCADE;
