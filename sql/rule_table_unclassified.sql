--
-- table_unclassified: if you are unsure, it is tenant-scoped.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA regress_unclassified;
SET search_path = regress_unclassified;

-- the commit is refused
CREATE TABLE config (id text PRIMARY KEY, organisation_id text);
SELECT to_regclass('config') IS NOT NULL AS committed;

-- at level warning it goes through
SET trovella_guard.rules = 'table_unclassified=warning';
CREATE TABLE config (id text PRIMARY KEY, organisation_id text);
SELECT to_regclass('config') IS NOT NULL AS committed;
SELECT level, object, message, repair_sql
  FROM trovella_guard.check('config');
RESET trovella_guard.rules;

-- what it is, it may stay
ALTER TABLE config ADD COLUMN more text;

-- what check() prints fixes it
SELECT replace(repair_sql, 'why this table is global', 'the same for all') FROM trovella_guard.check('config') \gexec
SELECT count(*) FROM trovella_guard.check('config');
SELECT table_name, rule, reason FROM trovella_guard.allowlist ORDER BY 1;
ALTER TABLE config ADD COLUMN value text;
SELECT trovella_guard.disallow('config');	-- it is needed
SET trovella_guard.rules = 'table_unclassified=warning';
SELECT trovella_guard.disallow('config');

-- not for what is no table
\set VERBOSITY terse
CREATE VIEW config_view AS SELECT * FROM config;
CREATE MATERIALIZED VIEW config_matview AS SELECT * FROM config;
CREATE TEMP TABLE scratch (id int);
CREATE SEQUENCE config_seq;
CREATE TYPE config_type AS (a int);

-- other levels
RESET trovella_guard.rules;
CREATE TABLE other_config (id text PRIMARY KEY);
SELECT to_regclass('other_config') IS NULL AS refused;
BEGIN;
SELECT trovella_guard.allow('other_config', 'reference data');
CREATE TABLE other_config (id text PRIMARY KEY);
COMMIT;
SET trovella_guard.rules = 'table_unclassified=info';
ALTER TABLE config ADD COLUMN note text;
SELECT rule, level FROM trovella_guard.check('config');
SET trovella_guard.rules = 'table_unclassified=off';
SELECT count(*) FROM trovella_guard.check('config');
RESET trovella_guard.rules;

-- waived for this rule alone
SELECT trovella_guard.allow('config', 'to be sorted out', 'table_unclassified');
ALTER TABLE config DROP COLUMN note;

DROP TABLE scratch;
DROP TABLE config, other_config CASCADE;
SELECT trovella_guard.disallow('config', 'table_unclassified');
SELECT trovella_guard.disallow('other_config');
DROP SEQUENCE config_seq;
DROP TYPE config_type;
DROP SCHEMA regress_unclassified;
