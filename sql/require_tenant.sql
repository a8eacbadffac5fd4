--
-- require_tenant: a policy that calls it is scoped, and a session that has not
-- set its tenant gets an error instead of no rows.
--
\set SHOW_CONTEXT never
CREATE SCHEMA regress_require_tenant;
CREATE ROLE regress_require_tenant;
GRANT USAGE ON SCHEMA regress_require_tenant TO regress_require_tenant;
SET search_path = regress_require_tenant;

BEGIN;
CREATE TABLE invoice (id int PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON invoice (organization_id);
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invoice
  USING (organization_id = (SELECT trovella_guard.require_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON invoice TO regress_require_tenant;
INSERT INTO invoice VALUES (1, 'acme'), (2, 'globex');
COMMIT;
SELECT rule FROM trovella_guard.check('invoice') WHERE rule LIKE 'policy%';

-- not set: each command fails, and says what to do
SET ROLE regress_require_tenant;
SELECT * FROM invoice;
\set VERBOSITY sqlstate
INSERT INTO invoice VALUES (3, 'acme');
UPDATE invoice SET id = id;
DELETE FROM invoice;
\set VERBOSITY default

-- set for one transaction
BEGIN;
SET LOCAL app.current_organization_id = 'acme';
SELECT * FROM invoice;
COMMIT;

-- ... which leaves an empty string behind
SHOW app.current_organization_id;
SELECT * FROM invoice;
SET app.current_organization_id = 'globex';
SELECT * FROM invoice;
-- spaces are a value, which is nobody's
SET app.current_organization_id = ' ';
SELECT * FROM invoice;
RESET app.current_organization_id;
RESET ROLE;

-- another setting, for another type
BEGIN;
CREATE TABLE draft (id int PRIMARY KEY, organization_id uuid NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON draft (organization_id);
ALTER TABLE draft ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON draft
  USING (organization_id = (SELECT trovella_guard.require_tenant('app.org')::uuid));
GRANT SELECT ON draft TO regress_require_tenant;
COMMIT;
SELECT rule FROM trovella_guard.check('draft') WHERE rule LIKE 'policy%';
INSERT INTO draft VALUES (1, '00000000-0000-0000-0000-00000000000a'),
  (2, '00000000-0000-0000-0000-00000000000b');
SET ROLE regress_require_tenant;
SELECT * FROM draft;
SET app.org = '00000000-0000-0000-0000-00000000000b';
SELECT * FROM draft;
RESET ROLE;
RESET app.org;

-- without the sub-select the call is scoped as well, but made for each row,
-- and when a query is planned
ALTER POLICY tenant ON draft USING (organization_id = trovella_guard.require_tenant('app.org')::uuid);
SELECT rule FROM trovella_guard.check('draft') WHERE rule LIKE 'policy%';
\set VERBOSITY terse
SET ROLE regress_require_tenant;
DO $$ BEGIN EXECUTE 'EXPLAIN SELECT * FROM draft'; END $$;
DO $$ BEGIN EXECUTE 'EXPLAIN SELECT * FROM invoice'; END $$;
RESET ROLE;

-- generated policies call it, if the setting says so
SET trovella_guard.tenant_expression = 'trovella_guard.require_tenant()';
BEGIN;
CREATE TABLE report (id int PRIMARY KEY, organization_id uuid NOT NULL,
  created_at timestamptz, updated_at timestamptz);
DO $$ BEGIN PERFORM trovella_guard.protect('report'); END $$;
COMMIT;
RESET trovella_guard.tenant_expression;
SELECT cmd, coalesce(qual, with_check) AS expression FROM pg_policies
  WHERE tablename = 'report' ORDER BY cmd;
SELECT rule FROM trovella_guard.check('report') WHERE rule LIKE 'policy%';

-- who bypasses the policies needs no tenant
SELECT count(*) FROM invoice;

-- combined with the row it proves nothing
BEGIN;
ALTER POLICY tenant ON draft
  USING (organization_id = coalesce(organization_id, trovella_guard.require_tenant()::uuid));
SELECT rule FROM trovella_guard.check('draft') WHERE rule LIKE 'policy%' ORDER BY rule;
ALTER POLICY tenant ON draft
  USING (trovella_guard.require_tenant() <> '');
SELECT rule FROM trovella_guard.check('draft') WHERE rule LIKE 'policy%' ORDER BY rule;
ALTER POLICY tenant ON draft
  USING (organization_id = trovella_guard.require_tenant(organization_id::text)::uuid);
SELECT rule FROM trovella_guard.check('draft') WHERE rule LIKE 'policy%' ORDER BY rule;
ROLLBACK;

-- a setting of the server holds no tenant
SELECT trovella_guard.require_tenant('server_version');
SELECT trovella_guard.require_tenant(NULL);
-- a name that no setting can have is not set
\set VERBOSITY default
SELECT trovella_guard.require_tenant('app.the org');

SELECT provolatile, proparallel, proconfig FROM pg_proc
  WHERE oid = 'trovella_guard.require_tenant'::regproc;

SET client_min_messages = error;
DROP SCHEMA regress_require_tenant CASCADE;
DROP ROLE regress_require_tenant;
