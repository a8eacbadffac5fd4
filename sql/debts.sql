--
-- What adopt() recorded is not forgotten: its levels and schemas, the view
-- debts, and the totals of the audit, where a debt is neither a finding nor
-- waived.
--
\set SHOW_CONTEXT never
\set columns 'created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE SCHEMA regress_debts;
CREATE SCHEMA regress_debts_2;
SET search_path = regress_debts;
SET datestyle = ISO;
-- Not about tables, and different in each cluster
SET trovella_guard.rules = 'role_bypasses_rls=off, backup_role_confined=off';

SET trovella_guard.mode = off;
CREATE TABLE bare (id int PRIMARY KEY, organization_id text NOT NULL, :columns);
CREATE TABLE line (id int PRIMARY KEY, organization_id text, bare_id int REFERENCES bare);
CREATE TABLE regress_debts_2.other (id int PRIMARY KEY, organization_id text NOT NULL, :columns);
CREATE TABLE settled (id int PRIMARY KEY, organization_id text NOT NULL, :columns);
SELECT trovella_guard.allow('settled', 'one row a tenant', 'tenant_index_missing');
SET trovella_guard.mode = enforce;

-- Errors only, of one schema only
BEGIN;
SELECT trovella_guard.adopt('of one schema', '2999-01-01', level => 'error', schema => 'regress_debts_2');
SELECT schema_name, table_name, level, count(*) FROM trovella_guard.findings() WHERE is_debt GROUP BY 1, 2, 3;
ROLLBACK;
SELECT trovella_guard.adopt('x', level => 'nonsense');
SELECT trovella_guard.adopt('x', level => NULL);
SELECT trovella_guard.adopt('x', schema => 'regress_debts_3');
SELECT trovella_guard.adopt('x', schema => 'Regress_Debts');

-- By default, advice is no debt
BEGIN;
SELECT trovella_guard.adopt('advice as well', level => 'info') > 0 AS adopted;
SELECT count(*) FROM trovella_guard.check() WHERE schema_name LIKE 'regress_debts%';
ROLLBACK;
SELECT trovella_guard.adopt('to be paid in spring', '2999-03-01', schema => 'regress_debts') > 0 AS adopted;
SELECT trovella_guard.adopt('to be paid in winter', '2999-01-01', schema => 'regress_debts_2') > 0 AS adopted;
SELECT DISTINCT level FROM trovella_guard.check() WHERE schema_name LIKE 'regress_debts%' AND rule <> 'allowlist_stale';

-- What is owed, and until when; of a table, what leaks comes first
SELECT relation, rule, object, level, reason, author = session_user AS mine, since <= now() AS since, due::date, overdue
  FROM trovella_guard.debts;
SELECT schema_name, table_name, errors, warnings, debts, first_due::date, waived FROM trovella_guard.tables
  WHERE schema_name LIKE 'regress_debts%' ORDER BY 1, 2;
SELECT errors, warnings, debts, overdue, first_due::date, waived, clean, counts FROM trovella_guard_internal.summary(NULL, NULL);
SELECT trovella_guard.assert_clean();
SELECT count(*) = 1 AS one_week, max(debts) FROM trovella_guard_internal.debts_by_week();

-- A debt that a decision hides is not owed meanwhile
SELECT trovella_guard.allow('settled', 'decided', 'rls_disabled');
SELECT is_debt, waived_by, reason FROM trovella_guard.findings('settled') WHERE rule = 'rls_disabled';
SELECT trovella_guard.disallow('settled', 'rls_disabled');
SELECT is_debt, waived_by, reason FROM trovella_guard.findings('settled') WHERE rule = 'rls_disabled';

-- One is paid, one is overdue: it counts again, and is still known as a debt
SELECT count(*) > 0 AS repaired FROM trovella_guard.protect('settled');
UPDATE trovella_guard.allowlist SET expires_at = '2026-01-02' WHERE schema_name = 'regress_debts_2';
SELECT relation, rule, due::date, overdue FROM trovella_guard.debts WHERE overdue OR relation LIKE '%settled';
SELECT errors, warnings, debts, overdue, first_due::date, waived, counts FROM trovella_guard_internal.summary(NULL, NULL);
SELECT trovella_guard.assert_clean();
-- adopting it again gives it a new date
SELECT trovella_guard.adopt('later', level => 'error', schema => 'regress_debts_2') > 0 AS adopted;
SELECT reason, due, overdue FROM trovella_guard.debts WHERE relation = 'regress_debts_2.other' AND level = 'error';
SELECT counts FROM trovella_guard_internal.summary('regress_debts_2', NULL);
SELECT counts FROM trovella_guard_internal.summary(NULL, 'settled');

-- How it went on: three weeks ago there were as many as today, and those that
-- were paid since
BEGIN;
INSERT INTO trovella_guard.allowlist_log
  SELECT now() - w * interval '1 week', 'me', a, 'relation', 'regress_debts', t, 'rls_disabled', '*', 'x', NULL, true
  FROM (VALUES (3, 'allow', 'p'), (3, 'allow', 'q'), (3, 'allow', 'r'), (2, 'allow', 'r'),
               (2, 'follow', 's'), (1, 'end', 'q'), (0, 'disallow', 'p')) v (w, a, t);
SELECT (current_date - week) / 7 AS weeks_ago, debts - min(debts) OVER () AS more FROM trovella_guard_internal.debts_by_week() ORDER BY week;
ROLLBACK;

SET client_min_messages = error;
DROP SCHEMA regress_debts, regress_debts_2 CASCADE;
DELETE FROM trovella_guard.allowlist;
