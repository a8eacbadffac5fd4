--
-- not_protected_yet: a tenant table that no role of the application can reach
-- may be protected later, until something makes it reachable.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_yet_app;
CREATE ROLE regress_yet_group;
CREATE ROLE regress_yet_job;
CREATE SCHEMA regress_yet;
SET search_path = regress_yet;
SET trovella_guard.app_role = regress_yet_app;
\set columns 'id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
GRANT regress_yet_group TO regress_yet_app;

-- the checklist knows no "yet"
CREATE TABLE bare (:columns);
SET trovella_guard.profile = isolation;
\set VERBOSITY default
CREATE TABLE bare (:columns);
\set VERBOSITY terse
SELECT rule, level FROM trovella_guard.check('bare') WHERE level <> 'info' ORDER BY 1;
-- others than the application's roles may have it
GRANT SELECT ON bare TO regress_yet_job;
-- what makes it reachable is refused
GRANT SELECT ON bare TO regress_yet_app;
GRANT INSERT (id) ON bare TO regress_yet_app;
GRANT DELETE ON bare TO regress_yet_group;
GRANT UPDATE ON bare TO PUBLIC;
GRANT TRUNCATE ON bare TO regress_yet_app;
ALTER TABLE bare OWNER TO regress_yet_app;
-- a bad policy does not help
BEGIN;
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON bare USING (true);
COMMIT;
SELECT rule, level FROM trovella_guard.check('bare') WHERE level <> 'info' ORDER BY 1;
GRANT SELECT ON bare TO regress_yet_app;
-- what protects it, statement by statement
ALTER POLICY p ON bare USING (:tenant);
CREATE INDEX ON bare (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON bare TO regress_yet_app;
SELECT rule, level FROM trovella_guard.check('bare') WHERE level <> 'info' ORDER BY 1;
-- once it is reachable, it must stay protected
ALTER TABLE bare DISABLE ROW LEVEL SECURITY;
ALTER POLICY p ON bare USING (true);

-- default privileges make it reachable at once
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_yet GRANT SELECT ON TABLES TO regress_yet_app;
CREATE TABLE given (:columns);
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_yet REVOKE SELECT ON TABLES FROM regress_yet_app;
-- a child is read through its parent
CREATE TABLE child () INHERITS (bare);
CREATE TABLE child2 (LIKE bare);
ALTER TABLE child2 INHERIT bare;
DROP TABLE child2;
BEGIN;
CREATE TABLE parted (:columns) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parted DEFAULT;
COMMIT;
GRANT SELECT ON parted TO regress_yet_app;
GRANT SELECT ON part TO regress_yet_app;
CREATE TABLE top (:columns);
CREATE TABLE below () INHERITS (top);
GRANT SELECT ON top TO regress_yet_app;
BEGIN;
ALTER TABLE top ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON top USING (:tenant);
GRANT SELECT ON top TO regress_yet_app;
COMMIT;

RESET trovella_guard.profile;
SET client_min_messages = error;
DROP SCHEMA regress_yet CASCADE;
DROP ROLE regress_yet_app, regress_yet_group, regress_yet_job;
