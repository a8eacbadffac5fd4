-- What becomes of roles, and of types that they own: no DDL on any table.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_paths_own;
CREATE ROLE regress_paths_svc BYPASSRLS;
CREATE ROLE regress_paths_boss SUPERUSER;
CREATE ROLE regress_paths_member BYPASSRLS;
CREATE ROLE regress_paths_app;
CREATE SCHEMA paths;
GRANT ALL ON SCHEMA paths TO regress_paths_own, regress_paths_app;
SET search_path = paths;
CREATE FUNCTION make(name text, type text DEFAULT 'text') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$s (id int, organization_id %2$s NOT NULL,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
    ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON %1$s USING (organization_id =
      (SELECT current_setting(''app.current_organization_id'', true)::%2$s));
    CREATE INDEX ON %1$s (organization_id);', name, type);
END $$;
SELECT make('docs');
ALTER TABLE docs OWNER TO regress_paths_own;
GRANT SELECT ON docs TO regress_paths_svc, regress_paths_app;

-- road: ALTER ROLE NOBYPASSRLS of a role that a loose policy is for (refused)
CREATE POLICY svc_all ON docs TO regress_paths_svc USING (true);
ALTER ROLE regress_paths_svc NOBYPASSRLS;
-- road: ALTER ROLE NOSUPERUSER of one (refused)
CREATE POLICY boss_all ON docs TO regress_paths_boss USING (true);
ALTER ROLE regress_paths_boss NOSUPERUSER;
-- road: the same, and the policy dropped (passes)
BEGIN;
ALTER ROLE regress_paths_boss NOSUPERUSER;
DROP POLICY boss_all ON docs;
COMMIT;
-- road: ALTER ROLE of other attributes (passes)
ALTER ROLE regress_paths_svc CONNECTION LIMIT 3;
BEGIN;
ALTER ROLE regress_paths_svc NOBYPASSRLS;
ALTER ROLE regress_paths_svc BYPASSRLS;
COMMIT;
-- road: ALTER ROLE NOBYPASSRLS, where the policy is a debt (refused)
BEGIN;
SET LOCAL trovella_guard.mode = off;
CREATE POLICY loose ON docs FOR DELETE USING (true);
COMMIT;
SELECT trovella_guard.adopt('day 0') > 0;
ALTER ROLE regress_paths_svc NOBYPASSRLS;
-- another debt of the table stays one
BEGIN;
ALTER ROLE regress_paths_svc NOBYPASSRLS;
DROP POLICY svc_all ON docs;
COMMIT;
ALTER ROLE regress_paths_svc BYPASSRLS;
DROP POLICY loose ON docs;
DELETE FROM trovella_guard.allowlist;
-- road: ALTER ROLE NOBYPASSRLS of a member of a role that a loose policy is for, policy_unproven being an error (refused)
CREATE POLICY svc_all ON docs TO regress_paths_svc USING (true);
GRANT regress_paths_svc TO regress_paths_member;
SET trovella_guard.rules = 'policy_unproven=error';
ALTER ROLE regress_paths_member NOBYPASSRLS;
RESET trovella_guard.rules;
-- road: GRANT of a role, that lets a member use a loose policy (passes, until the audit)
CREATE POLICY own_all ON docs TO regress_paths_own USING (true);
GRANT regress_paths_svc TO regress_paths_app;
SELECT rule, message FROM trovella_guard.check('docs') WHERE rule = 'policy_unproven';
DROP POLICY own_all ON docs;
REVOKE regress_paths_svc FROM regress_paths_app;
-- road: ALTER ROLE NOBYPASSRLS of the owner of a bare child (refused)
BEGIN;
CREATE TABLE kid () INHERITS (docs);
CREATE INDEX ON kid (organization_id);
ALTER TABLE kid OWNER TO regress_paths_member;
ALTER TABLE docs FORCE ROW LEVEL SECURITY;
COMMIT;
ALTER ROLE regress_paths_member NOBYPASSRLS;
DROP TABLE kid;
-- road: ALTER ROLE NOBYPASSRLS of the owner of a parent (refused)
SELECT make('parent');
ALTER TABLE parent OWNER TO regress_paths_member;
SELECT make('child');
ALTER TABLE child OWNER TO regress_paths_own;
ALTER TABLE child INHERIT parent;
ALTER ROLE regress_paths_member NOBYPASSRLS;
DROP TABLE child, parent;
-- road: ALTER ROLE BYPASSRLS of the owner of a view (warns)
GRANT SELECT ON docs TO regress_paths_app;
CREATE VIEW shown AS SELECT id FROM docs;
ALTER VIEW shown OWNER TO regress_paths_app;
ALTER ROLE regress_paths_app BYPASSRLS;
ALTER ROLE regress_paths_app NOBYPASSRLS;
DROP VIEW shown;

-- road: CREATE TABLE with an enum for tenant column that a stranger owns (warns)
SET ROLE regress_paths_app;
CREATE TYPE org AS ENUM ('acme', 'globex');
RESET ROLE;
BEGIN;
SELECT make('de', 'org');
ALTER TABLE de OWNER TO regress_paths_own;
COMMIT;
SELECT object, message, repair_sql FROM trovella_guard.check('de')
  WHERE rule = 'policy_function_untrusted';
-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('de')
  WHERE rule = 'policy_function_untrusted' \gexec
SELECT count(*) FROM trovella_guard.check('de')
  WHERE rule = 'policy_function_untrusted';
-- road: ALTER TYPE OWNER TO a stranger of an enum that tells tenants apart (warns)
ALTER TYPE org OWNER TO regress_paths_app;
ALTER TYPE org OWNER TO regress_paths_own;
-- road: the same by way of a domain over an array of it (warns)
CREATE DOMAIN orgs AS org[];
BEGIN;
SELECT make('dd', 'orgs');
ALTER TABLE dd OWNER TO regress_paths_own;
COMMIT;
DROP TABLE de;
ALTER TYPE org OWNER TO regress_paths_app;
ALTER TYPE org OWNER TO regress_paths_own;
DROP TABLE dd;
-- road: the same where only a policy has a value of it (warns)
ALTER POLICY p ON docs USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::paths.org::text));
ALTER TYPE org OWNER TO regress_paths_app;
-- road: ALTER TYPE RENAME VALUE of such an enum (warns)
ALTER TYPE org RENAME VALUE 'acme' TO 'other';

-- a role that can log in and bypasses row-level security, and who can read
ALTER ROLE regress_paths_member LOGIN;
ALTER ROLE regress_paths_svc LOGIN;
CREATE ROLE regress_paths_blind LOGIN BYPASSRLS;
SELECT object, message FROM trovella_guard.check()
  WHERE rule = 'role_bypasses_rls' AND object LIKE 'regress%' ORDER BY 1;

DROP SCHEMA paths CASCADE;
DROP OWNED BY regress_paths_own, regress_paths_svc, regress_paths_boss, regress_paths_member, regress_paths_app;
DROP ROLE regress_paths_own, regress_paths_svc, regress_paths_boss, regress_paths_member, regress_paths_app, regress_paths_blind;
