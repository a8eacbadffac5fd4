--
-- allow_role(): a role that sees all tenants on purpose.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
SELECT now() AS start \gset
CREATE ROLE regress_migrator;
CREATE ROLE "Regress ""Backup""";
CREATE ROLE regress_plain;
CREATE VIEW regress_roles AS
  SELECT kind, schema_name, table_name, rule, object, reason, added_by = session_user AS by_me, expires_at, adopted
  FROM trovella_guard.allowlist WHERE kind = 'role' ORDER BY object;
SELECT trovella_guard.allow('regress_roles', 'reads no table of tenants');

SELECT trovella_guard.allow_role('regress_migrator', 'runs the migrations');
SELECT trovella_guard.allow_role('Regress "Backup"', 'dumps the database', '2999-01-01 00:00:00+00');
TABLE regress_roles;
-- again: replaces reason and expiry
SELECT trovella_guard.allow_role('Regress "Backup"', E'dumps the database,\nevery night');
TABLE regress_roles;

-- what is refused
SELECT trovella_guard.allow_role(NULL, 'x');
SELECT trovella_guard.allow_role('regress_nobody', 'x');
SELECT trovella_guard.allow_role('regress_plain', NULL);
SELECT trovella_guard.allow_role('regress_plain', ' ');
SELECT trovella_guard.allow_role('regress_plain', 'why this role sees all tenants');
SELECT trovella_guard.allow_role('regress_plain', 'x', '2001-01-01');
SELECT trovella_guard.disallow_role(NULL);
SELECT trovella_guard.disallow_role('regress_plain');
\set VERBOSITY sqlstate
INSERT INTO trovella_guard.allowlist (kind, object, reason) VALUES ('role', 'regress_plain', 'x');
INSERT INTO trovella_guard.allowlist (kind, rule, object, reason) VALUES ('rolle', '', 'regress_plain', 'x');
INSERT INTO trovella_guard.allowlist (kind, rule, object, reason, adopted) VALUES ('role', '', 'regress_plain', 'x', true);
SET ROLE regress_plain;
SELECT trovella_guard.allow_role('regress_plain', 'I may not');
SELECT trovella_guard.disallow_role('regress_migrator');
RESET ROLE;
\set VERBOSITY default

-- an excused role is no application role, and is judged when its entry goes
\set VERBOSITY terse
CREATE ROLE regress_owner LOGIN;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_owner;
GRANT CREATE ON SCHEMA public TO regress_owner;
SET ROLE regress_owner;
\set protected 'CREATE TABLE public.regress_owned (id text, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()); ALTER TABLE public.regress_owned ENABLE ROW LEVEL SECURITY; CREATE INDEX ON public.regress_owned (organization_id); CREATE POLICY p ON public.regress_owned USING (organization_id = (SELECT current_setting(\'app.current_organization_id\', true)));'
BEGIN;
:protected
COMMIT;
RESET ROLE;
SELECT trovella_guard.allow_role('regress_owner', 'owns the tables');
SET ROLE regress_owner;
BEGIN;
:protected
COMMIT;
RESET ROLE;
SELECT rule, object FROM trovella_guard.check('public.regress_owned') WHERE level = 'error';
SELECT trovella_guard.disallow_role('regress_owner');
BEGIN;
SELECT trovella_guard.disallow_role('regress_owner');
ALTER TABLE public.regress_owned FORCE ROW LEVEL SECURITY;
COMMIT;
DROP TABLE public.regress_owned;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner;
\set VERBOSITY default

-- the history, and the documentation
SELECT action, kind, schema_name, table_name, rule, object, reason, adopted
  FROM trovella_guard.allowlist_log WHERE kind = 'role' AND at >= :'start' ORDER BY at;
\pset format unaligned
\pset tuples_only on
SELECT trovella_guard.allowlist_markdown();
\pset format aligned
\pset tuples_only off

-- an entry for a role that is gone is stale, and one that has expired
DROP ROLE "Regress ""Backup""";
UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE object = 'regress_migrator';
SELECT schema_name, table_name, object, message, repair_sql FROM trovella_guard.check() WHERE rule = 'allowlist_stale' AND schema_name IS NULL ORDER BY object;
BEGIN;
SELECT repair_sql FROM trovella_guard.check() WHERE rule = 'allowlist_stale' AND schema_name IS NULL ORDER BY object \gexec
TABLE regress_roles;
ROLLBACK;
SELECT kind, schema_name, table_name, rule, object, reason, why FROM trovella_guard.prune() ORDER BY object;
TABLE regress_roles;

DROP VIEW regress_roles;
DELETE FROM trovella_guard.allowlist;
DROP ROLE regress_migrator, regress_plain;
