--
-- Debts belong to what owes them: they stand while a decision hides them, follow a
-- new name, and end when what they are about gets worse.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE SCHEMA regress_debt;
CREATE SCHEMA regress_debt_2;
SET search_path = regress_debt;
SELECT string_agg(rule || '=off', ', ' ORDER BY rule) AS no_advice FROM trovella_guard_internal.registry()
  WHERE level = 'info' AND rule <> 'allowlist_stale' \gset
SET trovella_guard.rules = :'no_advice';
CREATE VIEW regress_debt_2.debts AS
  SELECT schema_name, table_name, rule, object, adopted FROM trovella_guard.allowlist
  WHERE schema_name ~ '^regress_debt' AND rule <> '*' ORDER BY 1, 2, 3, 4, 5;

SET trovella_guard.mode = off;
CREATE TABLE parent (:columns);
CREATE TABLE old (:columns);
CREATE TABLE item (:columns, parent_id text CONSTRAINT item_parent REFERENCES parent);
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON parent (organization_id);
CREATE INDEX ON item (organization_id);
CREATE POLICY p ON parent USING (:tenant);
CREATE POLICY loose ON item USING (organization_id = current_setting('app.current_organization_id', true) OR id = 'public');
GRANT SELECT ON item TO regress_app;
RESET trovella_guard.mode;
SELECT trovella_guard.adopt('day 0') > 0 AS adopted;
TABLE regress_debt_2.debts;

--
-- A mistaken allow() can be undone
--
RESET client_min_messages;
SELECT trovella_guard.allow('old', 'by mistake');
SET client_min_messages = warning;
SELECT * FROM trovella_guard.prune();
SELECT trovella_guard.disallow('old');
SELECT count(*) AS not_waived FROM trovella_guard.check('old');
SELECT trovella_guard.allow('regress_debt.*', 'by mistake');
SELECT * FROM trovella_guard.prune();
SELECT trovella_guard.disallow('regress_debt.*');
SELECT trovella_guard.allow('item', 'by mistake', 'policy_unscoped');
SELECT trovella_guard.disallow('item', 'policy_unscoped');
SELECT count(*) AS not_waived FROM trovella_guard.check() WHERE schema_name = 'regress_debt';
-- but not when it has got worse meanwhile: that ends the debt
SELECT trovella_guard.allow('item', 'by mistake');
GRANT UPDATE ON item TO regress_app;
SELECT action, rule, object FROM trovella_guard.allowlist_log WHERE schema_name = 'regress_debt' AND table_name = 'item' AND action = 'end';
SELECT trovella_guard.disallow('item');
-- the way out: the decision becomes a debt
BEGIN;
SELECT trovella_guard.disallow('item');
SELECT trovella_guard.adopt('day 1') > 0 AS adopted;
COMMIT;
SELECT count(*) AS not_waived FROM trovella_guard.check('item');
-- which is no way in
BEGIN;
CREATE POLICY more ON item USING (true);
SELECT trovella_guard.adopt('me too') > 0 AS adopted;
COMMIT;
-- and of tables that were made under a wide entry
SELECT trovella_guard.allow('regress_debt_2.*', 'by mistake');
CREATE TABLE regress_debt_2.young (:columns);
SELECT trovella_guard.disallow('regress_debt_2.*');
BEGIN;
SELECT trovella_guard.disallow('regress_debt_2.*');
SELECT trovella_guard.adopt('what young owes') > 0 AS adopted;
COMMIT;
SELECT * FROM regress_debt_2.debts WHERE table_name = 'young';
DROP TABLE regress_debt_2.young;
SELECT table_name, rule, object, why FROM trovella_guard.prune() ORDER BY 1, 2, 3;

--
-- RENAME and SET SCHEMA
--
ALTER TABLE old RENAME TO older;
ALTER TABLE older SET SCHEMA regress_debt_2;
SELECT * FROM regress_debt_2.debts WHERE table_name LIKE 'old%';
SELECT count(*) AS not_waived FROM trovella_guard.check('regress_debt_2.older');
ALTER TABLE regress_debt_2.older SET (fillfactor = 90);
ALTER SCHEMA regress_debt_2 RENAME TO regress_debt_3;
SELECT * FROM regress_debt_3.debts WHERE table_name LIKE 'old%';
ALTER SCHEMA regress_debt_3 RENAME TO regress_debt_2;
ALTER TABLE regress_debt_2.older SET SCHEMA regress_debt;
-- rolled back, and refused
BEGIN;
ALTER TABLE older RENAME TO oldest;
ROLLBACK;
BEGIN;
ALTER TABLE older RENAME TO oldest;
GRANT SELECT ON oldest TO regress_app;
COMMIT;
SELECT * FROM regress_debt_2.debts WHERE table_name LIKE 'old%';
-- two tables exchange their names
BEGIN;
ALTER TABLE older RENAME TO tmp;
ALTER TABLE item RENAME TO older;
ALTER TABLE tmp RENAME TO item;
COMMIT;
TABLE regress_debt_2.debts;
SELECT count(*) AS not_waived FROM trovella_guard.check() WHERE schema_name = 'regress_debt';
BEGIN;
ALTER TABLE older RENAME TO tmp;
ALTER TABLE item RENAME TO older;
ALTER TABLE tmp RENAME TO item;
COMMIT;
-- pending() only asks
BEGIN;
ALTER TABLE older RENAME TO oldest;
SELECT count(*) FROM trovella_guard.pending();
SELECT DISTINCT table_name FROM regress_debt_2.debts WHERE table_name LIKE 'old%';
ROLLBACK;
-- adopted in the same transaction, under the new name
BEGIN;
ALTER TABLE older RENAME TO old;
SELECT trovella_guard.adopt('again', '2999-01-01') > 0 AS adopted;
COMMIT;
SELECT table_name, rule, reason FROM trovella_guard.allowlist WHERE table_name LIKE 'old%' ORDER BY 1, 2;
-- the next table of the old name owes nothing
BEGIN;
ALTER TABLE old RENAME TO older;
CREATE TABLE old (id text PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE old ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON old (organization_id);
CREATE POLICY p ON old USING (:tenant);
COMMIT;
SELECT rule, object FROM trovella_guard.check('old') ORDER BY 1, 2;
DROP TABLE old;
-- nor does one that takes the place of a table that was dropped
DROP TABLE older;
BEGIN;
CREATE TABLE older (id text PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE older ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON older (organization_id);
CREATE POLICY p ON older USING (:tenant);
COMMIT;
SELECT * FROM regress_debt_2.debts WHERE table_name LIKE 'old%';
SELECT rule, object FROM trovella_guard.check('older') ORDER BY 1, 2;
DROP TABLE older;

--
-- A foreign key is its columns
--
\set no_more :no_advice ', fk_on_delete=error, fk_index_missing=error'
SET trovella_guard.rules = :'no_more';
SELECT rule, object, adopted FROM regress_debt_2.debts WHERE table_name = 'item';
ALTER TABLE item ALTER COLUMN parent_id TYPE varchar;
ALTER TABLE item DROP CONSTRAINT item_parent, ADD FOREIGN KEY (parent_id) REFERENCES parent;
SELECT rule, object, adopted FROM regress_debt_2.debts WHERE table_name = 'item';
ALTER TABLE item RENAME CONSTRAINT item_parent_id_fkey TO item_parent;
-- one debt is paid, and the other one stays
ALTER TABLE item DROP CONSTRAINT item_parent, ADD CONSTRAINT item_parent FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE;
SELECT rule, object, waived_by FROM trovella_guard.findings('item') WHERE rule LIKE 'fk%';
-- and the way back is barred
ALTER TABLE item DROP CONSTRAINT item_parent, ADD CONSTRAINT item_parent FOREIGN KEY (parent_id) REFERENCES parent;
-- to other columns, it is another one
ALTER TABLE item ADD COLUMN other_id text REFERENCES parent ON DELETE CASCADE;
SET trovella_guard.rules = :'no_advice';

--
-- A policy is what it says
--
BEGIN;
DROP POLICY loose ON item;
CREATE POLICY just_as_loose ON item USING (organization_id = current_setting('app.current_organization_id', true) OR id = 'public');
COMMIT;
SELECT rule, object, adopted FROM regress_debt_2.debts WHERE rule = 'policy_unscoped';
ALTER POLICY just_as_loose ON item RENAME TO loose;
ALTER POLICY loose ON item USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) OR id = 'public');
ALTER POLICY loose ON item USING (organization_id = (SELECT (SELECT current_setting('app.current_organization_id', true))) OR id = (SELECT 'public'));
SELECT count(*) AS not_waived FROM trovella_guard.check('item');
-- with another meaning it is new
ALTER POLICY loose ON item USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) OR id = 'secret');
ALTER POLICY loose ON item USING (organization_id = (SELECT max(organization_id) FROM parent) OR id = 'public');
BEGIN;
DROP POLICY loose ON item;
CREATE POLICY loose ON item USING (true);
COMMIT;
-- a restrictive policy may be written otherwise, and must stay
CREATE POLICY hold ON item AS RESTRICTIVE USING (id <> current_setting('app.hidden', true));
ALTER POLICY hold ON item USING (id <> (SELECT current_setting('app.hidden', true)));
DROP POLICY hold ON item;

--
-- Policies that mean the same owe each for itself
--
SET trovella_guard.mode = off;
CREATE TABLE twins (:columns);
ALTER TABLE twins ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON twins (organization_id);
CREATE POLICY one ON twins USING (true);
CREATE POLICY two ON twins USING (true);
RESET trovella_guard.mode;
SELECT trovella_guard.adopt('day 2') > 0 AS adopted;
ALTER TABLE twins ADD COLUMN x int;
SELECT rule, object FROM regress_debt_2.debts WHERE table_name = 'twins';
ALTER POLICY one ON twins RENAME TO uno;
BEGIN;
DROP POLICY uno ON twins;
CREATE POLICY due ON twins USING (true);
COMMIT;
SELECT rule, object FROM regress_debt_2.debts WHERE table_name = 'twins';
SELECT object FROM trovella_guard.allowlist_log WHERE table_name = 'twins' AND action = 'follow' ORDER BY at;
-- one more is no debt
CREATE POLICY tre ON twins USING (true);
SELECT rule, object FROM trovella_guard.check('twins');
SELECT rule, object FROM regress_debt_2.debts WHERE table_name = 'twins';
DROP TABLE twins;

--
-- What is new and only warns is no debt
--
SELECT trovella_guard.allow('other', 'the same for all');
CREATE TABLE other (id text PRIMARY KEY);
BEGIN;
ALTER TABLE parent ADD COLUMN other_id text CONSTRAINT parent_other REFERENCES other;
CREATE INDEX ON parent (other_id);
COMMIT;
SELECT trovella_guard.adopt('one more') > 0 AS adopted;
BEGIN;
ALTER TABLE parent ADD COLUMN third_id text CONSTRAINT parent_third REFERENCES other;
CREATE INDEX ON parent (third_id);
COMMIT;
SELECT rule, object FROM trovella_guard.check('parent') ORDER BY 1, 2;

-- The history of one table
SELECT action, schema_name, table_name, rule, object, adopted FROM trovella_guard.allowlist_log
  WHERE rule = 'rls_disabled' AND schema_name ~ '^regress_debt' AND table_name ~ '^old' ORDER BY at;

SET client_min_messages = error;
DROP SCHEMA regress_debt, regress_debt_2 CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP ROLE regress_app;
