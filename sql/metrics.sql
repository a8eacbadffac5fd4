--
-- metrics(): the numbers for a monitoring system; they are about the database
-- and its new sessions, not about the session of the collector.
--
\set SHOW_CONTEXT never
\set columns 'created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
-- Not about tables, and different in each cluster
SET trovella_guard.rules = 'role_bypasses_rls=off, backup_role_confined=off';
CREATE ROLE regress_plain;
CREATE ROLE regress_monitor IN ROLE pg_monitor;
CREATE ROLE regress_migrator;

-- Whoever may not collect
SET SESSION AUTHORIZATION regress_plain;
SELECT * FROM trovella_guard.metrics();
RESET SESSION AUTHORIZATION;

-- A database with nothing in it
SET SESSION AUTHORIZATION regress_monitor;
SELECT name, labels, value FROM trovella_guard.metrics()
  WHERE name NOT IN ('audit_seconds', 'version_mismatch') AND labels <> '{"item": "object access hook"}';
SELECT labels ->> 'library' = labels ->> 'extension' AS same, value FROM trovella_guard.metrics() WHERE name = 'version_mismatch';
SELECT labels, value BETWEEN 0 AND 60 AS some_time FROM trovella_guard.metrics() WHERE name = 'audit_seconds';
RESET SESSION AUTHORIZATION;

-- Findings, debts, waivers and classes are those of the audit
SET trovella_guard.mode = off;
CREATE SCHEMA regress_metrics;
SET search_path = regress_metrics;
CREATE TABLE bare (id int PRIMARY KEY, organization_id text NOT NULL, :columns);
CREATE TABLE loose (id int);
CREATE TABLE plan (id int);
CREATE TABLE copied (id int, organization_id text);
CREATE TABLE settled (id int PRIMARY KEY, organization_id text NOT NULL, :columns);
CREATE VIEW window_on_bare WITH (security_invoker = true) AS SELECT * FROM bare;
SELECT trovella_guard.allow('plan', 'price list');
SELECT trovella_guard.allow('copied', 'of a tool', sealed => true);
SELECT trovella_guard.allow('settled', 'one row a tenant', 'tenant_index_missing');
SET trovella_guard.mode = enforce;
CREATE VIEW numbers AS
  SELECT string_agg(concat_ws(' ', name, labels ->> 'level', labels ->> 'class', value), ', ' ORDER BY ordinality) AS numbers
  FROM trovella_guard.metrics() WITH ORDINALITY
  WHERE name IN ('findings', 'debts', 'debts_overdue', 'first_due_days', 'waived', 'tables');
SELECT trovella_guard.allow('numbers', 'of this test');
TABLE numbers;
SELECT level, count(*) FROM trovella_guard.check() GROUP BY level ORDER BY level;

-- A debt without a date has no day on which it is due; with one, the days count
BEGIN;
SELECT trovella_guard.adopt('some day', level => 'error') > 0 AS adopted;
TABLE numbers;
ROLLBACK;
BEGIN;
SELECT trovella_guard.adopt('soon', now() + interval '36 hours', level => 'error') > 0 AS adopted;
TABLE numbers;
ROLLBACK;
-- ... and when it is over, it is an error again
BEGIN;
SELECT trovella_guard.adopt('yesterday', '2999-01-01', level => 'error') > 0 AS adopted;
UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE adopted;
TABLE numbers;
ROLLBACK;

-- The mode is that of new sessions
CREATE VIEW mode AS
  SELECT string_agg(labels ->> 'mode', ', ') FILTER (WHERE name = 'mode' AND value = 1) AS mode,
         sum(value) FILTER (WHERE name = 'roles_not_enforced') AS roles_not_enforced
  FROM trovella_guard.metrics();
SELECT trovella_guard.allow('mode', 'of this test');
GRANT USAGE ON SCHEMA regress_metrics TO regress_monitor;
GRANT SELECT ON mode TO regress_monitor;
SET trovella_guard.mode = off;
TABLE mode;
SET SESSION AUTHORIZATION regress_monitor;
TABLE mode;
RESET SESSION AUTHORIZATION;
RESET trovella_guard.mode;
ALTER DATABASE :"DBNAME" SET trovella_guard.mode = warn;
TABLE mode;
SET SESSION AUTHORIZATION regress_monitor;
TABLE mode;
RESET SESSION AUTHORIZATION;
-- in a session that was given a value, too, when it is taken back
\c -
SET search_path = regress_metrics;
SHOW trovella_guard.mode;
TABLE mode;
ALTER DATABASE :"DBNAME" SET "Trovella_Guard.Mode" = 'OFF';
TABLE mode;
ALTER DATABASE :"DBNAME" RESET trovella_guard.mode;
TABLE mode;
\c -
SET search_path = regress_metrics;
-- the role's value in this database counts before its value in all
ALTER ROLE regress_migrator SET trovella_guard.mode = off;
TABLE mode;
ALTER ROLE regress_migrator IN DATABASE :"DBNAME" SET trovella_guard.mode = enforce;
TABLE mode;

-- Preloading likewise
CREATE VIEW preloading AS
  SELECT name, value FROM trovella_guard.metrics() WHERE name ~ 'preloaded';
SELECT trovella_guard.allow('preloading', 'of this test');
ALTER ROLE regress_migrator SET session_preload_libraries = 'auto_explain';
TABLE preloading;
SET client_min_messages = warning;   -- no advice about shared_preload_libraries
SELECT trovella_guard.preload();
RESET client_min_messages;
TABLE preloading;
ALTER DATABASE :"DBNAME" RESET session_preload_libraries;
TABLE preloading;

-- What status() complains of
ALTER EVENT TRIGGER trovella_guard_open DISABLE;
SELECT * FROM trovella_guard.metrics() WHERE name = 'status_ok' AND value = 0;
ALTER EVENT TRIGGER trovella_guard_open ENABLE ALWAYS;

SET client_min_messages = error;
DROP SCHEMA regress_metrics CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP ROLE regress_plain, regress_monitor, regress_migrator;
