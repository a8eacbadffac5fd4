--
-- trovella_guard.mode: enforce, warn, off.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE SCHEMA regress_modes;
SET search_path = regress_modes;

-- enforce is the default
SHOW trovella_guard.mode;
\set VERBOSITY terse
CREATE TABLE item (:columns);
SELECT to_regclass('item') IS NULL AS refused;

-- warn says what enforce would have done
SET trovella_guard.mode = warn;
\set VERBOSITY default
CREATE TABLE item (:columns);
SELECT to_regclass('item') IS NOT NULL AS committed;
\set VERBOSITY sqlstate
BEGIN;
ALTER TABLE item ADD COLUMN a text;
ALTER TABLE item ADD COLUMN b text;
COMMIT;

-- off is silent
SET trovella_guard.mode = off;
CREATE TABLE other (:columns);
DROP TABLE other;
-- but the audit still tells
SELECT rule, level FROM trovella_guard.check('item')
  WHERE level <> 'info' ORDER BY rule;

-- what counts is the mode at the time of the commit
BEGIN;
SET LOCAL trovella_guard.mode = enforce;
CREATE TABLE other (:columns);
COMMIT;
SET trovella_guard.mode = enforce;
BEGIN;
SET LOCAL trovella_guard.mode = off;
CREATE TABLE other (:columns);
COMMIT;
SHOW trovella_guard.mode;
-- what was made while it was off was there before
ALTER TABLE other ADD COLUMN a text;
DROP TABLE other;
BEGIN;
CREATE TABLE other (:columns);
SET LOCAL trovella_guard.mode = off;
SET LOCAL trovella_guard.mode = enforce;
COMMIT;
BEGIN;
CREATE TABLE other (:columns);
SAVEPOINT s;
SET LOCAL trovella_guard.mode = off;
ROLLBACK TO s;
COMMIT;
-- a function that switches it off for itself does not for the commit
CREATE FUNCTION make_other() RETURNS void LANGUAGE sql
  SET trovella_guard.mode = off
  AS 'CREATE TABLE other (id text PRIMARY KEY, organization_id text)';
SELECT make_other();
SELECT to_regclass('other') IS NULL AS refused;

-- per role and database
ALTER DATABASE contrib_regression SET trovella_guard.mode = warn;
\c
SET trovella_guard.app_role = regress_no_such_role;
SHOW trovella_guard.mode;
\set VERBOSITY terse
CREATE TABLE regress_modes.other (id text, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
DROP TABLE regress_modes.other;
ALTER DATABASE contrib_regression RESET trovella_guard.mode;
\c
SET trovella_guard.app_role = regress_no_such_role;
SET client_min_messages = warning;
DROP FUNCTION regress_modes.make_other();
DROP TABLE regress_modes.item;
DROP SCHEMA regress_modes;
