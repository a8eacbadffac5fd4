--
-- The first day: the configured tenant column is that of another database.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = error;
CREATE SCHEMA regress_day;
SET search_path = regress_day;
SET trovella_guard.mode = off;
CREATE VIEW said WITH (security_invoker = true) AS
  SELECT 'status' AS by, ok, value, replace(detail, current_database(), 'DATABASE') AS said
  FROM trovella_guard.status() WHERE item = 'tenant_columns'
  UNION ALL
  SELECT DISTINCT 'check', false, level, substr(message, 59) || ' / ' || replace(repair_sql, current_database(), 'DATABASE')
  FROM trovella_guard.check() WHERE rule = 'table_unclassified' AND repair_sql ~ '^ALTER DATABASE' ORDER BY 1, 2, 3, 4;

-- nothing to go by
SELECT * FROM said;
CREATE TABLE person (id int PRIMARY KEY);
CREATE TABLE note (id int PRIMARY KEY, text text, person_ref int REFERENCES person);
SELECT * FROM said;

-- the most frequent key to one table
CREATE TABLE a (id int PRIMARY KEY, person_id int REFERENCES person, note_id int REFERENCES note);
CREATE TABLE b (id int PRIMARY KEY, person_id int REFERENCES person);
SELECT * FROM said;	-- two say little
CREATE TABLE b2 (id int PRIMARY KEY, person_id int REFERENCES person);
SELECT * FROM said;
-- one that refers to several is none
CREATE TABLE c (id int PRIMARY KEY, person_id int REFERENCES note);
SELECT * FROM said;
-- one that sounds like a tenant's wins
CREATE TABLE "Org" (id int PRIMARY KEY);
CREATE TABLE d (id int PRIMARY KEY, "orgId" int REFERENCES "Org");
CREATE TABLE e (id int, kind int, PRIMARY KEY (id, kind));
CREATE TABLE f (id int, org_id int, kind int, FOREIGN KEY (org_id, kind) REFERENCES e);
SELECT * FROM said;
-- done as it says, there is nothing to guess
SET trovella_guard.tenant_columns = '"orgId"';
SELECT * FROM said;
SELECT table_name, class, tenant_column FROM trovella_guard.tables WHERE table_name = 'd';
RESET trovella_guard.tenant_columns;
-- nor where one table has the column
CREATE TABLE g (organization_id int);
SELECT * FROM said;
DROP TABLE g;
-- nor does a transaction say it, in which the setting would come too late
SET trovella_guard.mode = enforce;
BEGIN;
CREATE TABLE h (id int);
SELECT message, split_part(repair_sql, E'\n', 1) AS first FROM trovella_guard.pending();
ROLLBACK;

DROP SCHEMA regress_day CASCADE;
