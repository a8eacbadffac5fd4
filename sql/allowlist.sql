--
-- The allowlist: allow(), disallow(), what they refuse, and what an entry
-- that goes has judged anew.
--
\set SHOW_CONTEXT never
\set columns 'id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz'
SET client_min_messages = warning;
SELECT current_user AS superuser \gset
CREATE SCHEMA regress_allow;
CREATE SCHEMA "Regress Allow";
SET search_path = regress_allow;
CREATE VIEW entries AS
  SELECT schema_name, table_name, rule, reason, added_by = session_user AS by_me,
         added_at BETWEEN now() AND clock_timestamp() AS now, expires_at
  FROM trovella_guard.allowlist ORDER BY 1, 2, 3;

--
-- names
--
BEGIN;
SELECT trovella_guard.allow('regress_allow.one', 'qualified');
SELECT trovella_guard.allow('two', 'in the search path');
SELECT trovella_guard.allow('Regress_Allow.Three', 'folded as SQL does it');
SELECT trovella_guard.allow('"Regress Allow"."Table.With.Dots"', 'quoted');
SELECT trovella_guard.allow('"Regress Allow"."say ""hi"""', 'quotes in quotes');
SELECT trovella_guard.allow(' regress_allow . four ', 'blanks do not matter');
SELECT trovella_guard.allow('"Regress Allow".*', 'a whole schema');
SELECT trovella_guard.allow('regress_not_yet.*', 'a schema that is not there yet');
SELECT trovella_guard.allow('one', 'one rule', 'fk_on_delete');
SELECT trovella_guard.allow(relation => 'five', reason => 'named arguments',
  rule => 'rls_disabled', expires_at => '2999-01-01 00:00:00+00');
SELECT trovella_guard.allow('six', 'not before the end of time', '*', 'infinity');
TABLE entries;
-- again: replaces reason and expiry
SELECT trovella_guard.allow('five', 'another reason', 'rls_disabled');
SELECT * FROM entries WHERE table_name = 'five';
ROLLBACK;

-- an unqualified name is that of the table that is seen, or else of one that
-- would be made
BEGIN;
SET LOCAL search_path = "Regress Allow", regress_allow;
CREATE TABLE regress_allow.seen (id int);
SELECT trovella_guard.allow('seen', 'is there');
SELECT trovella_guard.allow('made', 'is not');
SELECT schema_name, table_name FROM trovella_guard.allowlist ORDER BY 2;
ROLLBACK;
BEGIN;
SET LOCAL search_path = regress_nowhere;
SELECT trovella_guard.allow('made', 'is not');
ROLLBACK;

--
-- what is refused
--
SELECT trovella_guard.allow(NULL, 'a reason');
SELECT trovella_guard.allow('one', NULL);
SELECT trovella_guard.allow('one', '');
SELECT trovella_guard.allow('one', E' \t\n\r ');
\set VERBOSITY terse
SELECT trovella_guard.allow('one', 'a reason', NULL);
SELECT trovella_guard.allow('one', 'a reason', '');
SELECT trovella_guard.allow('one', 'a reason', 'nonsense');
SELECT trovella_guard.allow('one', 'a reason', 'RLS_DISABLED');
\set VERBOSITY default
SELECT trovella_guard.allow('one', 'a reason', '*', now());
SELECT trovella_guard.allow('one', 'a reason', '*', '2001-01-01');
SELECT trovella_guard.allow('one', 'a reason', '*', '-infinity');
SELECT trovella_guard.allow('', 'a reason');
SELECT trovella_guard.allow(' ', 'a reason');
SELECT trovella_guard.allow('.', 'a reason');
SELECT trovella_guard.allow('a.', 'a reason');
SELECT trovella_guard.allow('.a', 'a reason');
SELECT trovella_guard.allow('a.b.c', 'a reason');
SELECT trovella_guard.allow('a b', 'a reason');
SELECT trovella_guard.allow('"a', 'a reason');
SELECT trovella_guard.allow('""', 'a reason');
SELECT trovella_guard.allow('regress_allow.""', 'a reason');
SELECT trovella_guard.allow('"".a', 'a reason');
SELECT trovella_guard.allow('*', 'a reason');
SELECT trovella_guard.allow('*.*', 'a reason');
SELECT trovella_guard.allow('*.a', 'a reason');
SELECT trovella_guard.allow('regress_allow."*"', 'a reason');
SELECT trovella_guard.allow('"*"', 'a reason');
SELECT trovella_guard.disallow(NULL);
\set VERBOSITY terse
SELECT trovella_guard.disallow('one', NULL);
SELECT trovella_guard.disallow('one', 'nonsense');
\set VERBOSITY default
SELECT trovella_guard.disallow('one');
SELECT trovella_guard.disallow('*');
TABLE entries;

--
-- a migration allowlists first
--
BEGIN;
SELECT trovella_guard.allow('global', 'reference data, the same for all');
CREATE TABLE global (:columns);
COMMIT;
SELECT count(*) FROM trovella_guard.check('global');
-- or in the end
BEGIN;
CREATE TABLE global_2 (:columns);
SELECT trovella_guard.allow('global_2', 'reference data, too');
COMMIT;
-- or a migration before
SELECT trovella_guard.allow('regress_allow.global_3', 'to come');
CREATE TABLE global_3 (:columns);
-- an entry that is rolled back is none
BEGIN;
SAVEPOINT a;
SELECT trovella_guard.allow('global_4', 'no');
ROLLBACK TO a;
CREATE TABLE global_4 (:columns);
\set VERBOSITY terse
COMMIT;
-- a whole schema
SELECT trovella_guard.allow('"Regress Allow".*', 'belongs to the migration tool');
CREATE TABLE "Regress Allow"."__Migrations" (:columns);
CREATE TABLE "Regress Allow".other (id int);
SELECT count(*) FROM trovella_guard.check() WHERE level <> 'info';
-- one rule is one rule
BEGIN;
SELECT trovella_guard.allow('global_4', 'no policies', 'policy_missing');
CREATE TABLE global_4 (:columns);
COMMIT;

--
-- an entry that goes
--
SELECT trovella_guard.disallow('global');
SELECT trovella_guard.disallow('"Regress Allow".*');
\set VERBOSITY sqlstate
DELETE FROM trovella_guard.allowlist;
\set VERBOSITY terse
DELETE FROM trovella_guard.allowlist WHERE table_name = 'global_2';
UPDATE trovella_guard.allowlist SET table_name = 'elsewhere' WHERE table_name = 'global';
UPDATE trovella_guard.allowlist SET rule = 'rls_disabled' WHERE table_name = 'global';
UPDATE trovella_guard.allowlist SET expires_at = now() WHERE table_name = 'global';
UPDATE trovella_guard.allowlist SET reason = 'corrected' WHERE table_name = 'global';
UPDATE trovella_guard.allowlist SET reason = ' ' WHERE table_name = 'global';
TRUNCATE trovella_guard.allowlist;
SELECT count(*) FROM trovella_guard.allowlist;
-- exchanged for another that covers the same
BEGIN;
SELECT trovella_guard.disallow('global');
SELECT trovella_guard.allow('regress_allow.*', 'all of it');
COMMIT;
BEGIN;
SELECT trovella_guard.allow('global', 'back again');
SELECT trovella_guard.disallow('regress_allow.*');
COMMIT;
-- gone with its table, or before it
BEGIN;
SELECT trovella_guard.disallow('global_2');
DROP TABLE global_2;
COMMIT;
DROP TABLE global_3;
SELECT trovella_guard.disallow('global_3');
-- the removal is rolled back
BEGIN;
SAVEPOINT a;
SELECT trovella_guard.disallow('global');
ROLLBACK TO a;
COMMIT;
SELECT schema_name, table_name, rule, reason FROM trovella_guard.allowlist ORDER BY 1, 2, 3;
-- warn says so, and lets it go
BEGIN;
SET LOCAL trovella_guard.mode = warn;
SELECT trovella_guard.disallow('global');
COMMIT;
SELECT trovella_guard.allow('global', 'back again');

--
-- an entry that has expired does not count; nothing is judged at that time
--
SELECT trovella_guard.allow('brief', 'until the import is over', '*', 'tomorrow');
CREATE TABLE brief (:columns);
SELECT count(*) FROM trovella_guard.check('brief') WHERE level = 'error';
BEGIN;
SET LOCAL trovella_guard.mode = off;
UPDATE trovella_guard.allowlist SET expires_at = 'yesterday' WHERE table_name = 'brief';
COMMIT;
SELECT count(*) FROM trovella_guard.check('brief') WHERE level = 'error';
ALTER TABLE brief ADD COLUMN name text;
-- the time that counts is that of the commit
BEGIN;
SELECT trovella_guard.allow('late', 'until the import is over', '*', 'tomorrow');
CREATE TABLE late (:columns);
UPDATE trovella_guard.allowlist SET expires_at = clock_timestamp() WHERE table_name = 'late';
SELECT pg_sleep(0.001);
COMMIT;
-- it can be renewed
SELECT trovella_guard.allow('brief', 'the import takes longer');
ALTER TABLE brief ADD COLUMN other text;
SELECT count(*) FROM trovella_guard.check('brief') WHERE level = 'error';

-- an entry that gets another name by hand leaves the list under the old one
BEGIN;
SELECT trovella_guard.allow('public.former', 'gets another name');
UPDATE trovella_guard.allowlist SET table_name = 'latter' WHERE table_name = 'former';
UPDATE trovella_guard.allowlist SET reason = 'has another name' WHERE table_name = 'latter';
SELECT action, table_name, reason FROM trovella_guard.allowlist_log
  WHERE table_name IN ('former', 'latter') ORDER BY at, ctid;
ROLLBACK;

--
-- the section of the documentation
--
BEGIN;
SELECT trovella_guard.allow('public.user', 'spans organizations');
SELECT trovella_guard.allow('public.ai_model', E'reference data,\n  the same for all');
SELECT trovella_guard.allow('drizzle.*', 'belongs to drizzle-kit');
SELECT trovella_guard.allow('public.item', 'is a tenant table still', 'fk_on_delete');
SELECT trovella_guard.allow('public."back`tick"', 'odd');
SELECT trovella_guard.allow(E'public."two\n- `lines`"', E'odd \x1b[31mred');
UPDATE trovella_guard.allowlist SET expires_at = '2001-01-01' WHERE table_name = 'brief';
\pset format unaligned
\pset tuples_only on
SELECT trovella_guard.allowlist_markdown();
DELETE FROM trovella_guard.allowlist;
SELECT trovella_guard.allowlist_markdown();
ROLLBACK;
\pset format aligned
\pset tuples_only off

SET client_min_messages = error;
DROP SCHEMA regress_allow, "Regress Allow" CASCADE;
DELETE FROM trovella_guard.allowlist;
