--
-- attest(): a policy that is not proven, waived as it was when it was tried
--
-- road: CREATE OR REPLACE, ALTER or DROP FUNCTION of what an attested policy calls, directly or not (refused)
-- road: CREATE FUNCTION of another meaning for a name in such a body (refused)
-- road: ALTER POLICY and CREATE POLICY on an attested table (refused)
-- road: DISABLE or FORCE ROW LEVEL SECURITY, OWNER TO, GRANT, RENAME of an attested table (refused)
-- road: a view, or the policies of a table, that an attested policy reads by way of a function (refused)
-- road: INSERT of an attestation into the allowlist by a role without attest() (PostgreSQL refuses)
\set VERBOSITY terse
SET client_min_messages = warning;
SET trovella_guard.rules = 'policy_unproven=error';
SET trovella_guard.app_role = 'regress_attest_app';
CREATE ROLE regress_attest_app;
CREATE ROLE regress_attest_other;
CREATE SCHEMA att;
GRANT USAGE ON SCHEMA att TO regress_attest_app;
SET search_path = att;
SET trovella_guard.mode = off;

-- item asks f, which asks g; both have bodies that are strings
CREATE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql
  AS $$ SELECT $1 = current_setting('app.org', true) $$;
CREATE FUNCTION f(org text) RETURNS boolean STABLE LANGUAGE plpgsql
  AS $$ BEGIN RETURN att.g(org); END $$;
CREATE TABLE item (id int PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON item (organization_id);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON item USING (f(organization_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON item TO regress_attest_app;
RESET trovella_guard.mode;

-- what it says of a table, and of its attestations
CREATE FUNCTION state(relation regclass) RETURNS TABLE (object text, state text) LANGUAGE sql AS $$
  SELECT f.object, CASE WHEN f.waived_by IS NOT NULL THEN 'waived: ' || f.waived_by
                        WHEN f.message ~ 'attestation of [0-9-]{10} is void' THEN 'void'
                        WHEN f.message ~ 'cannot be told' THEN 'cannot be told' ELSE 'unproven' END
  FROM trovella_guard.findings(relation) f WHERE f.rule = 'policy_unproven' ORDER BY 1
$$;
-- a trial whose rows nobody wants to see
CREATE FUNCTION try(relation regclass) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(DISTINCT s.outcome, ', ') FROM trovella_guard.probe_summary(relation) s
$$;

-- Refused: before a trial, ...
\set VERBOSITY default
SELECT trovella_guard.attest('item', 'p', 'tried');
\set VERBOSITY terse
-- ... in another transaction, ...
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
-- ... without what it needs, ...
SELECT trovella_guard.attest(NULL, 'p', 'tried');
SELECT trovella_guard.attest('item', NULL, 'tried');
SELECT trovella_guard.attest('item', 'p', NULL);
SELECT trovella_guard.attest('item', 'p', ' ');
SELECT trovella_guard.attest('item', 'p', 'what makes you trust this policy');
SELECT trovella_guard.attest('item', 'no_such', 'tried');
SELECT trovella_guard.attest('pg_class', 'p', 'tried');
-- ... in a transaction that must not write, ...
BEGIN READ ONLY;
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
-- ... by somebody who may not.
GRANT USAGE ON SCHEMA att TO regress_attest_other;
SET ROLE regress_attest_other;
SELECT trovella_guard.attest('item', 'p', 'tried');
INSERT INTO trovella_guard.allowlist (schema_name, table_name, rule, object, reason, fingerprint)
  VALUES ('att', 'item', 'policy_unproven', 'p', 'forged', '0');
UPDATE trovella_guard.allowlist SET fingerprint = '0';
RESET ROLE;

-- The good road
BEGIN;
SELECT relation, role, outcome, proof FROM trovella_guard.probe_summary('item');
SELECT trovella_guard.attest('item', 'p', 'f() asks for the tenant, and nothing else');
SELECT * FROM trovella_guard.pending();
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes();
COMMIT;
SELECT * FROM state('item');
SELECT kind, schema_name, table_name, rule, object, reason, expires_at, adopted, sealed, length(fingerprint)
FROM trovella_guard.allowlist WHERE schema_name = 'att';
SELECT action, kind, table_name, rule, object, reason FROM trovella_guard.allowlist_log
WHERE schema_name = 'att' ORDER BY at;
SELECT f -> 'object' AS object, f -> 'waived_by' AS waived_by
FROM json_array_elements((trovella_guard.report('json')::json) -> 'findings') f
WHERE f ->> 'table_name' = 'item' AND f ->> 'rule' = 'policy_unproven';
-- Other changes of the table are nobody's business
ALTER TABLE item ADD note text;
CREATE INDEX ON item (note);
DROP INDEX item_note_idx;
ALTER TABLE item DROP note;
COMMENT ON POLICY p ON item IS 'attested';
CREATE FUNCTION unrelated() RETURNS int LANGUAGE sql AS 'SELECT 1';
ANALYZE item;
SELECT * FROM state('item');
SELECT count(*) FROM trovella_guard.findings() WHERE rule = 'allowlist_stale' AND schema_name = 'att';
-- What the session has set does not matter
SET search_path = pg_catalog;
SET quote_all_identifiers = on;
SELECT * FROM att.state('att.item');
RESET quote_all_identifiers;
SET search_path = att;

-- Any change of what the policies rest on voids it, and refuses the commit
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql
  AS $$ SELECT $1 = current_setting('app.org', true) OR $1 = 'x' $$;
BEGIN;
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql
  AS $$ SELECT $1 = current_setting('app.org', true) OR $1 = 'x' $$;
SELECT refused, was_there, regexp_replace(message, '\d{4}-\d\d-\d\d', 'DATE') AS message
FROM trovella_guard.pending();
SELECT table_name, item, object, before, after, effect FROM trovella_guard.changes();
ROLLBACK;
CREATE OR REPLACE FUNCTION f(org text) RETURNS boolean STABLE LANGUAGE plpgsql
  AS $$ BEGIN RETURN NOT att.g(org); END $$;
ALTER FUNCTION f(text) SECURITY DEFINER;
ALTER FUNCTION f(text) IMMUTABLE;
ALTER FUNCTION g(text) SET search_path = att;
ALTER FUNCTION g(text) OWNER TO regress_attest_other;
ALTER FUNCTION g(text) RENAME TO g2;
ALTER FUNCTION f(text) RENAME TO f2;
ALTER FUNCTION g(text) SET SCHEMA public;
DROP FUNCTION g(text);
CREATE FUNCTION g(varchar) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT true $$;
ALTER POLICY p ON item USING (f(organization_id) AND id > 0);
ALTER POLICY p ON item WITH CHECK (f(organization_id));
ALTER POLICY p ON item TO regress_attest_app;
ALTER POLICY p ON item RENAME TO p2;
CREATE POLICY p2 ON item AS RESTRICTIVE USING (id > 0);
CREATE POLICY p2 ON item FOR SELECT USING (organization_id = (SELECT current_setting('app.current_organization_id')));
ALTER TABLE item FORCE ROW LEVEL SECURITY;
ALTER TABLE item RENAME TO thing;
ALTER TABLE item OWNER TO regress_attest_other;
ALTER TABLE item RENAME organization_id TO org_id;
GRANT SELECT ON item TO regress_attest_other;
ALTER SCHEMA att RENAME TO att2;
SELECT * FROM state('item');
-- Disabling row-level security is another finding; the attestation ends with it
SET trovella_guard.rules = 'policy_unproven=error, rls_disabled=warning';
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SELECT * FROM state('item');
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
SELECT * FROM state('item');
SET trovella_guard.rules = 'policy_unproven=error';
-- Refused in mode enforce only; undone, it holds again
SET trovella_guard.mode = warn;
ALTER POLICY p ON item USING (f(organization_id) AND id > 0);
RESET trovella_guard.mode;
SELECT * FROM state('item');
-- ... and blocks nobody later
ALTER TABLE item ADD note text;
CREATE FUNCTION unrelated2() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT message FROM trovella_guard.findings() WHERE rule = 'allowlist_stale' AND schema_name = 'att';
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql
  AS $$ SELECT $1 = current_setting('app.org', true) OR $1 = 'y' $$;
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql
  AS $$ SELECT $1 = current_setting('app.org', true) $$;
ALTER POLICY p ON item USING (f(organization_id));
SELECT * FROM state('item');

-- attested again, after the trial of what it is now
BEGIN;
ALTER POLICY p ON item USING (f(organization_id) AND id > 0);
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'only some');
COMMIT;
SELECT * FROM state('item');
SELECT action, reason FROM trovella_guard.allowlist_log WHERE schema_name = 'att' ORDER BY at;

-- Not enough: a trial before a change, in a savepoint that is rolled back, as
-- another role, of what leaks, and of what shows nothing
BEGIN;
SELECT try('item');
ALTER POLICY p ON item USING (f(organization_id));
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
BEGIN;
SAVEPOINT a;
SELECT try('item');
ROLLBACK TO a;
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
BEGIN;
SELECT DISTINCT outcome FROM trovella_guard.probe('item', role => 'regress_attest_other');
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
\set VERBOSITY default
BEGIN;
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT true $$;
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
BEGIN;
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT false $$;
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
BEGIN;
REVOKE ALL ON item FROM regress_attest_app;
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
-- ... nor a view that shows the rows of all, nor one of several roles
BEGIN;
CREATE VIEW all_items AS SELECT * FROM item;
GRANT SELECT ON all_items TO regress_attest_app;
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
BEGIN;
SET LOCAL trovella_guard.app_role = 'regress_attest_app, regress_attest_other';
SELECT DISTINCT outcome FROM trovella_guard.probe('item', role => 'regress_attest_app') WHERE session = 'bound';
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
-- ... nor a policy that the proof sees through
BEGIN;
CREATE POLICY good ON item FOR SELECT USING (organization_id = (SELECT current_setting('app.org', true)));
CREATE POLICY bad ON item FOR DELETE USING (true);
SAVEPOINT a;
SELECT trovella_guard.attest('item', 'good', 'tried');
ROLLBACK TO a;
SELECT trovella_guard.attest('item', 'bad', 'tried');
ROLLBACK;
\set VERBOSITY terse
-- What counts: savepoints that are released, DO, several roles one by one
BEGIN;
SET LOCAL trovella_guard.app_role = 'regress_attest_app, regress_attest_other';
SAVEPOINT a;
SELECT count(*) > 0 AS tried FROM trovella_guard.probe('item', role => 'regress_attest_app');
RELEASE a;
DO $$ BEGIN PERFORM trovella_guard.probe('item', role => 'regress_attest_other'); EXCEPTION WHEN division_by_zero THEN END $$;
SELECT trovella_guard.attest('item', 'p', 'tried');
ROLLBACK;
DO $$ BEGIN
  PERFORM trovella_guard.probe('att.item');
  PERFORM trovella_guard.attest('att.item', 'p', 'by DO');
END $$;
SELECT * FROM state('item');
DO $$ BEGIN
  PERFORM trovella_guard.probe('att.item');
  COMMIT;
  PERFORM trovella_guard.attest('att.item', 'p', 'by DO');
END $$;
-- Changed back before the commit: nothing has happened
BEGIN;
ALTER POLICY p ON item USING (f(organization_id));
ALTER POLICY p ON item USING (f(organization_id) AND id > 0);
COMMIT;

-- An entry of allow() for the same policy takes its place, and keeps its meaning
SELECT trovella_guard.allow('item', 'whatever it says', 'policy_unproven', object => 'p');
ALTER POLICY p ON item USING (f(organization_id));
SELECT * FROM state('item');
SELECT fingerprint FROM trovella_guard.allowlist WHERE schema_name = 'att';
-- ... and the other way round
BEGIN;
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
COMMIT;
ALTER POLICY p ON item USING (f(organization_id) AND id > 0);
-- An entry for the rule waives what an attestation does not any more
SELECT trovella_guard.allow('item', 'all of them', 'policy_unproven');
ALTER POLICY p ON item USING (f(organization_id) AND id > 0);
SELECT * FROM state('item');
SELECT message FROM trovella_guard.findings() WHERE rule = 'allowlist_stale' AND schema_name = 'att';
SELECT object, why FROM trovella_guard.prune() WHERE schema_name = 'att';
SELECT trovella_guard.disallow('item', 'policy_unproven');
-- disallow() takes it back
BEGIN;
SELECT try('item');
SELECT trovella_guard.attest('item', 'p', 'tried');
SELECT trovella_guard.disallow('item', 'policy_unproven');
COMMIT;
SELECT trovella_guard.disallow('item', 'policy_unproven', 'p');
BEGIN;
SET LOCAL trovella_guard.mode = off;
SELECT trovella_guard.disallow('item', 'policy_unproven', 'p');
COMMIT;
SELECT action, object, reason FROM trovella_guard.allowlist_log WHERE schema_name = 'att' ORDER BY at DESC LIMIT 1;

-- A policy that reads tables: by a view, and with policies of their own
SET trovella_guard.mode = off;
CREATE TABLE member (user_name text, org text NOT NULL);
ALTER TABLE member ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON member USING (user_name = current_setting('app.user', true));
CREATE VIEW my_orgs WITH (security_invoker = true) AS SELECT m.org FROM member m;
GRANT SELECT ON member, my_orgs TO regress_attest_app;
CREATE FUNCTION by_name(text) RETURNS boolean STABLE LANGUAGE sql SET search_path = att
  AS $$ SELECT $1 IN (SELECT org FROM my_orgs) $$;
CREATE FUNCTION bound(text) RETURNS boolean STABLE
  BEGIN ATOMIC SELECT $1 IN (SELECT org FROM my_orgs); END;
CREATE TABLE job (id int PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE job ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON job USING (by_name(organization_id));
CREATE TABLE task (id int PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE task ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON task USING (bound(organization_id));
GRANT SELECT, DELETE ON job, task TO regress_attest_app;
RESET trovella_guard.mode;
SET trovella_guard.profile = 'isolation';
BEGIN;
SELECT try('job'), try('task');
SELECT trovella_guard.attest('job', 'p', 'tried');
SELECT trovella_guard.attest('task', 'p', 'tried');
COMMIT;
SELECT * FROM state('job');
SELECT * FROM state('task');
ALTER POLICY own ON member USING (user_name = current_setting('app.user', true) OR user_name = 'x');
ALTER TABLE member OWNER TO regress_attest_other;
DROP POLICY own ON member;
CREATE POLICY more ON member USING (user_name = 'x');
ALTER TABLE member DISABLE ROW LEVEL SECURITY;
CREATE OR REPLACE VIEW my_orgs WITH (security_invoker = true) AS
  SELECT m.org FROM member m WHERE m.user_name <> '';
ALTER VIEW my_orgs RESET (security_invoker);
ALTER VIEW my_orgs OWNER TO regress_attest_other;
ALTER VIEW my_orgs RENAME TO your_orgs;
ALTER TABLE member RENAME TO members;
SELECT * FROM state('job');
SELECT * FROM state('task');
-- a relation elsewhere that the names in the body do not mean
CREATE SCHEMA att_other;
CREATE VIEW att_other.my_orgs AS SELECT 1 AS org;
SELECT * FROM state('job');
-- An entry of a table that is gone is of no use
DROP TABLE job, task;
SELECT object, why FROM trovella_guard.prune() WHERE schema_name = 'att';

-- Children: a policy that is attested may be met through the parent
SET trovella_guard.mode = off;
CREATE TABLE base (id int, organization_id text NOT NULL);
CREATE TABLE child () INHERITS (base);
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON base USING (f(organization_id));
GRANT SELECT ON base TO regress_attest_app;
RESET trovella_guard.mode;
BEGIN;
SELECT try('base');
SELECT trovella_guard.attest('base', 'p', 'tried');
COMMIT;
SELECT * FROM state('base');
SELECT * FROM state('child');
CREATE OR REPLACE FUNCTION g(text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT true $$;
-- ... but not a policy of the same name
BEGIN;
ALTER TABLE child ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON child USING (f(organization_id) AND id > 0);
SELECT * FROM state('child');
ROLLBACK;

-- What rests on too much is not attested
SET trovella_guard.mode = off;
CREATE FUNCTION much(text) RETURNS boolean STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1 = current_setting('app.org', true) OR many_0() = 0; END $$;
SET check_function_bodies = off;
SELECT format('CREATE FUNCTION many_%s() RETURNS int LANGUAGE sql AS %L', i, format('SELECT many_%s()', i + 1))
FROM generate_series(0, 310) i \gexec
RESET check_function_bodies;
ALTER POLICY p ON base USING (much(organization_id));
RESET trovella_guard.mode;
\set VERBOSITY default
SELECT trovella_guard.attest('base', 'p', 'tried');
\set VERBOSITY terse

SET trovella_guard.mode = off;
SET client_min_messages = error;
DROP SCHEMA att, att_other CASCADE;
DELETE FROM trovella_guard.allowlist WHERE schema_name = 'att';
DROP ROLE regress_attest_app, regress_attest_other;
