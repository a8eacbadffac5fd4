--
-- Adoption: adopt(), prune(), assert_clean(), and the history of the
-- allowlist.
--
\set SHOW_CONTEXT never
\set VERBOSITY default
\set columns 'created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_adopt_dba NOLOGIN;
GRANT SET ON PARAMETER trovella_guard.app_role TO regress_adopt_dba;
CREATE ROLE regress_adopt_nobody NOLOGIN;
CREATE SCHEMA regress_adopt;
SET search_path = regress_adopt;
GRANT ALL ON SCHEMA regress_adopt TO regress_adopt_dba;

-- Advice comes and goes with the rules: it is not what this file is about
SELECT string_agg(rule || '=off', ', ' ORDER BY rule) || ', table_unclassified=warning' AS no_advice FROM trovella_guard_internal.registry()
  WHERE profile_level = 'info' AND rule <> 'allowlist_stale' \gset
SET trovella_guard.rules = :'no_advice';

-- CI before there is anything
SELECT trovella_guard.assert_clean('warning');

-- An old database
SET trovella_guard.mode = off;
CREATE TABLE legacy (id int, organization_id text NOT NULL, :columns);
CREATE TABLE older (id text);
CREATE TABLE "*" (id text);
SET trovella_guard.mode = enforce;
SELECT trovella_guard.assert_clean();
SELECT trovella_guard.assert_clean('warning');
SELECT trovella_guard.assert_clean('nonsense');
SELECT trovella_guard.assert_clean(NULL);

-- The day of adoption: a reason is required, and a date that is to come
SELECT trovella_guard.adopt('');
SELECT trovella_guard.adopt(E' \t\n');
SELECT trovella_guard.adopt(NULL);
SELECT trovella_guard.adopt('later', '2001-01-01');
BEGIN;
SELECT trovella_guard.adopt('the audit of today', '2999-01-01');
SELECT schema_name, table_name, rule, reason, expires_at > now() AS expires_later, adopted
  FROM trovella_guard.allowlist WHERE schema_name = 'regress_adopt' ORDER BY table_name, rule;
SELECT trovella_guard.adopt('a second time changes nothing');
COMMIT;
-- CI is green, but for the table that cannot be named on the allowlist
SELECT trovella_guard.assert_clean();
SELECT schema_name, table_name, rule FROM trovella_guard.check() WHERE level <> 'info';
DROP TABLE "*";
SELECT trovella_guard.assert_clean('warning');

-- Work on the table is quiet, what is new is refused, and so is what gets
-- worse under a rule that is adopted
ALTER TABLE legacy ADD COLUMN more text;
CREATE POLICY everybody ON legacy USING (true);
BEGIN;
CREATE POLICY everybody ON legacy FOR SELECT USING (organization_id = current_setting('app.current_organization_id', true));
COMMIT;
BEGIN;
CREATE TABLE legacy_2 (LIKE legacy INCLUDING ALL);
DROP TABLE legacy;
ALTER TABLE legacy_2 RENAME TO legacy;
COMMIT;
SELECT class, debts, first_due > now() AS due_later, waived, allowlist_reason FROM trovella_guard.tables WHERE table_name = 'legacy';

-- Paying the debts: protect() does what was adopted, and the entries are stale
SELECT count(*) > 0 AS repaired FROM trovella_guard.protect('legacy');
SELECT rule, object, message FROM trovella_guard.check() WHERE rule = 'allowlist_stale' ORDER BY object;
SELECT table_name, rule, reason, why FROM trovella_guard.prune() ORDER BY table_name, rule;
SELECT * FROM trovella_guard.prune();
SELECT table_name, rule FROM trovella_guard.allowlist WHERE schema_name = 'regress_adopt' ORDER BY 1, 2;
-- and the way back is barred
ALTER TABLE legacy DISABLE ROW LEVEL SECURITY;

-- What was paid and adopted is taken from the list with the debt still there:
-- it was there before, so it warns
SELECT trovella_guard.disallow('older', 'table_unclassified');

-- allow() over a debt is a decision, and leaves the debt below it alone
SELECT trovella_guard.adopt('once more') > 0 AS adopted;
SELECT trovella_guard.allow('older', 'reference data', 'table_unclassified');
SELECT adopted, reason FROM trovella_guard.allowlist WHERE table_name = 'older' ORDER BY adopted;
SELECT trovella_guard.disallow('older', 'table_unclassified');
SELECT adopted, reason FROM trovella_guard.allowlist WHERE table_name = 'older' ORDER BY adopted;
SELECT trovella_guard.allow('older', 'reference data', 'table_unclassified');

-- An expired entry stops counting: the commit warns, CI fails
SET trovella_guard.mode = off;
CREATE TABLE expired (organization_id text NOT NULL, :columns);
SET trovella_guard.mode = enforce;
SELECT trovella_guard.adopt('until yesterday', '2999-01-01') > 0 AS adopted;
SELECT trovella_guard.assert_clean();
UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE table_name = 'expired';
\set VERBOSITY terse
ALTER TABLE expired ADD COLUMN more text;
SELECT trovella_guard.assert_clean();
SELECT message FROM trovella_guard.check() WHERE rule = 'allowlist_stale' AND table_name = 'expired' ORDER BY message;
-- adopting again sets a new date
SELECT trovella_guard.adopt('until next week', '2999-01-01') > 0 AS adopted;
SELECT trovella_guard.assert_clean();
UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE table_name = 'expired';
SELECT count(*) > 0 AS pruned, bool_and(why = 'has expired') AS expired FROM trovella_guard.prune();
DROP TABLE expired;
\set VERBOSITY default

-- prune() leaves alone: global tables, rules that are off, rules that only a
-- commit can judge, and decisions about what is not there, which may be made
-- ahead; it takes those that have expired, and debts of what is gone
SELECT trovella_guard.allow('older', 'reference data');
SELECT trovella_guard.allow('legacy', 'x', 'fk_on_delete');
SELECT trovella_guard.allow('legacy', 'x', 'tenant_column_lost');
SELECT trovella_guard.allow('regress_adopt.nothing', 'x');
SELECT trovella_guard.allow('regress_adopt.nothing', 'x', 'fk_index_missing', '2999-01-01');
SELECT trovella_guard.allow('regress_adopt_nowhere.*', 'x');
SELECT trovella_guard.allow('regress_adopt_nowhere.nothing', 'x');
SELECT trovella_guard.allow('regress_adopt_empty.*', 'x');
CREATE SCHEMA regress_adopt_empty;
SELECT trovella_guard.allow('regress_adopt.expires', 'x');
UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE table_name = 'expires';
SET trovella_guard.mode = off;
CREATE TABLE gone (organization_id text NOT NULL, :columns);
SET trovella_guard.mode = enforce;
SELECT trovella_guard.adopt('to be dropped') > 0 AS adopted;
DROP TABLE gone;
\set fk_off 'fk_on_delete=off, ' :no_advice
SET trovella_guard.rules = :'fk_off';
SELECT schema_name, table_name, rule, why FROM trovella_guard.prune()
  WHERE schema_name LIKE 'regress_adopt%' ORDER BY 1, 2, 3;
SET trovella_guard.rules = :'no_advice';
SELECT schema_name, table_name, rule FROM trovella_guard.allowlist WHERE schema_name LIKE 'regress_adopt%' ORDER BY 1, 2, 3;
-- they are named, with the SQL that removes them
SELECT message FROM trovella_guard.check() WHERE rule = 'allowlist_stale' AND schema_name LIKE 'regress_adopt%' ORDER BY repair_sql;
SELECT repair_sql FROM trovella_guard.check()
  WHERE rule = 'allowlist_stale' AND schema_name LIKE 'regress_adopt_%' AND schema_name <> 'regress_adopt' ORDER BY 1 \gexec
DROP SCHEMA regress_adopt_empty;

-- The history: everything that was said above, in order, and it stays (in
-- what order prune() took what it found is nobody's business)
SELECT author = session_user AS by_me, at > now() - interval '1 hour' AS lately, action, table_name, rule, reason, adopted
  FROM trovella_guard.allowlist_log WHERE schema_name = 'regress_adopt' AND table_name NOT IN ('expires', 'gone') ORDER BY at;
INSERT INTO trovella_guard.allowlist_log SELECT * FROM trovella_guard.allowlist_log WHERE false;
UPDATE trovella_guard.allowlist_log SET reason = 'I never said so';
DELETE FROM trovella_guard.allowlist_log;
TRUNCATE trovella_guard.allowlist_log;

-- Rights: a DBA without superuser needs EXECUTE, and nothing else
SET ROLE regress_adopt_nobody;
SELECT trovella_guard.adopt('I may not');
SELECT * FROM trovella_guard.prune();
INSERT INTO trovella_guard.allowlist_log VALUES (now(), 'me', 'allow', 'relation', 'a', 'b', '*', '*', 'x', NULL, false);
UPDATE trovella_guard.allowlist_log SET reason = '';
INSERT INTO trovella_guard.allowlist (schema_name, table_name, reason) VALUES ('a', 'b', 'c');
SELECT count(*) > 0 AS may_read FROM trovella_guard.allowlist_log;
SET trovella_guard.mode = off;
RESET ROLE;
GRANT EXECUTE ON FUNCTION trovella_guard.allow(text, text, text, timestamptz, text, bool), trovella_guard.disallow,
  trovella_guard.adopt, trovella_guard.prune TO regress_adopt_dba;
GRANT SET ON PARAMETER trovella_guard.mode, trovella_guard.rules TO regress_adopt_dba;
SET ROLE regress_adopt_dba;
SET trovella_guard.mode = warn;
\set VERBOSITY terse
CREATE TABLE by_dba (organization_id text NOT NULL, :columns);
SET trovella_guard.mode = enforce;
-- an operator of the caller's is not run with the rights of the owner
RESET ROLE;
CREATE SCHEMA regress_adopt_trap AUTHORIZATION regress_adopt_dba;
SET ROLE regress_adopt_dba;
CREATE FUNCTION regress_adopt_trap.trap(name, name) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE OPERATOR regress_adopt_trap.= (LEFTARG = name, RIGHTARG = name, FUNCTION = regress_adopt_trap.trap);
SET search_path = regress_adopt_trap, regress_adopt, pg_catalog;
SELECT trovella_guard.adopt('by the DBA', '2999-01-01') > 0 AS adopted;
SELECT trovella_guard.allow('by_dba', 'for the DBA to say', 'fk_on_delete');
SELECT trovella_guard.disallow('by_dba', 'fk_on_delete');
SELECT count(*) > 0 AS repaired FROM trovella_guard.protect('by_dba');
SELECT count(*) > 0 AS pruned FROM trovella_guard.prune();
SELECT trovella_guard.assert_clean();
RESET search_path;
SELECT count(*) FROM trovella_guard.allowlist_log WHERE author <> session_user AND schema_name = 'regress_adopt';
RESET ROLE;

SET client_min_messages = error;
DROP SCHEMA regress_adopt, regress_adopt_trap CASCADE;
SELECT count(trovella_guard.disallow('regress_adopt.' || quote_ident(table_name), rule)) > 0 AS cleaned
  FROM trovella_guard.allowlist WHERE schema_name = 'regress_adopt';
REVOKE SET ON PARAMETER trovella_guard.mode, trovella_guard.rules FROM regress_adopt_dba;
DROP OWNED BY regress_adopt_dba;
DROP ROLE regress_adopt_dba, regress_adopt_nobody;
