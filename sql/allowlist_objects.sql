--
-- allow() of one object: the waiver of a rule for one policy, constraint, index,
-- column or function is no waiver for the next one.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_objects;
SET search_path = regress_objects;
CREATE VIEW entries AS
  SELECT schema_name, table_name, rule, object, reason, adopted
  FROM trovella_guard.allowlist ORDER BY 1, 2, 3, 4;

-- what is refused
SELECT trovella_guard.allow('item', 'x', object => 'p');
SELECT trovella_guard.allow('item', 'x', 'policy_unscoped', object => '');
SELECT trovella_guard.disallow('item', object => 'p');
SELECT trovella_guard.disallow('item', 'policy_unscoped', 'p');
-- NULL is '*': every object
BEGIN;
SELECT trovella_guard.allow('item', 'x', 'policy_unscoped', NULL, NULL);
TABLE entries;
SELECT trovella_guard.disallow('item', 'policy_unscoped', NULL);
COMMIT;

--
-- a policy
--
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
CREATE POLICY tenant ON item USING (:tenant);
CREATE POLICY support ON item FOR SELECT TO pg_monitor USING (true);
SELECT trovella_guard.allow('item', 'support reads all tenants', 'policy_unscoped', object => 'support');
COMMIT;
SELECT rule, object, waived_by FROM trovella_guard.findings('item') WHERE rule = 'policy_unscoped';
-- the next one is refused
\set VERBOSITY terse
CREATE POLICY oops ON item USING (true);
-- under its name, too
ALTER POLICY support ON item RENAME TO helpdesk;
BEGIN;
CREATE POLICY "Support" ON item USING (true);
COMMIT;
-- the waived one may change: it is waived by its name
ALTER POLICY support ON item USING (organization_id IS NOT NULL);
-- both kinds of entry, side by side; the narrowest answers
SELECT trovella_guard.allow('item', 'all of them', 'policy_unscoped');
CREATE POLICY oops ON item USING (true);
SELECT object, waived_by FROM trovella_guard.findings('item') WHERE rule = 'policy_unscoped' ORDER BY 1;
SELECT trovella_guard.disallow('item', 'policy_unscoped');
DROP POLICY oops ON item;
SELECT trovella_guard.disallow('item', 'policy_unscoped');
TABLE entries;
-- without its entry it is refused
SELECT trovella_guard.disallow('item', 'policy_unscoped', 'support');
-- exchanged for a wider one, and back
BEGIN;
SELECT trovella_guard.disallow('item', 'policy_unscoped', 'support');
SELECT trovella_guard.allow('item', 'all of them', 'policy_unscoped');
COMMIT;
BEGIN;
SELECT trovella_guard.disallow('item', 'policy_unscoped');
SELECT trovella_guard.allow('item', 'support reads all tenants', 'policy_unscoped', object => 'support');
COMMIT;
UPDATE trovella_guard.allowlist SET object = 'tenant' WHERE object = 'support';

--
-- a foreign key, a column, an index
--
BEGIN;
CREATE TABLE line (:columns, item_id text CONSTRAINT line_item REFERENCES item, other_id text CONSTRAINT line_other REFERENCES item);
ALTER TABLE line ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON line (organization_id);
CREATE INDEX ON line (item_id);
CREATE INDEX ON line (other_id);
CREATE POLICY tenant ON line USING (:tenant);
SELECT trovella_guard.allow('line', 'items are never deleted', 'fk_on_delete', object => 'line_item');
COMMIT;
SELECT object, waived_by FROM trovella_guard.findings('line') WHERE rule = 'fk_on_delete' ORDER BY 1;
SELECT trovella_guard.allow('line', 'a composite key is planned', 'fk_crosses_tenants', object => 'line_other');
SELECT object, waived_by FROM trovella_guard.findings('line') WHERE rule = 'fk_crosses_tenants' ORDER BY 1;
BEGIN;
ALTER TABLE line DROP COLUMN updated_at, DROP COLUMN created_at;
SELECT trovella_guard.allow('line', 'rows never change', 'required_columns_missing', object => 'updated_at');
COMMIT;
-- for all tables of a schema
SELECT trovella_guard.allow('regress_objects.*', 'no table says when', 'required_columns_missing', object => 'created_at');
SELECT object, waived_by FROM trovella_guard.findings('line') WHERE rule = 'required_columns_missing' ORDER BY 1;

--
-- commands: an entry for several includes each of them, and no other
--
SELECT trovella_guard.allow('note', 'rows are only added', 'policy_missing', object => 'UPDATE, DELETE');
BEGIN;
CREATE TABLE note (:columns);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON note (organization_id);
CREATE POLICY read ON note FOR SELECT USING (:tenant);
CREATE POLICY add ON note FOR INSERT WITH CHECK (:tenant);
COMMIT;
CREATE POLICY change ON note FOR UPDATE USING (:tenant);
SELECT object, waived_by FROM trovella_guard.findings('note') WHERE rule = 'policy_missing';
DROP POLICY add ON note;
SELECT trovella_guard.disallow('note', 'policy_missing', 'DELETE');
SELECT trovella_guard.disallow('note', 'policy_missing', 'UPDATE, DELETE');

--
-- a rename takes over no entry for an object, either
--
BEGIN;
CREATE TABLE other (:columns);
ALTER TABLE other ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON other (organization_id);
CREATE POLICY tenant ON other USING (:tenant);
SELECT trovella_guard.allow('listed', 'for a table to come', 'policy_unscoped', object => 'tenant');
COMMIT;
ALTER TABLE other RENAME TO listed;

--
-- one that is not needed is stale, and prune() takes it
--
\set VERBOSITY default
SELECT trovella_guard.allow('item', 'x', 'policy_unscoped', object => 'tenant');
SELECT table_name, object, message, repair_sql FROM trovella_guard.check() WHERE rule = 'allowlist_stale' ORDER BY repair_sql;
SELECT kind, table_name, rule, object, why FROM trovella_guard.prune() ORDER BY rule, object;

-- history
SELECT action, table_name, rule, object FROM trovella_guard.allowlist_log
  WHERE schema_name = 'regress_objects' AND table_name = 'item' ORDER BY at;

--
-- allow() says what it waives
--
RESET client_min_messages;
SET trovella_guard.mode = off;
CREATE TABLE bad (:columns);
SET trovella_guard.mode = enforce;
BEGIN;
SELECT trovella_guard.allow('bad', 'x', 'rls_disabled');
SELECT trovella_guard.allow('bad', 'x', 'policy_missing', object => 'DELETE');
SELECT trovella_guard.allow('bad', 'x');
SELECT trovella_guard.allow('bad', 'a second time');
ROLLBACK;
BEGIN;
SELECT trovella_guard.allow('regress_objects.*', 'x');
ROLLBACK;
-- of a global table there is nothing to say, nor of one that is not there
BEGIN;
CREATE TABLE plan (id int);
SELECT trovella_guard.allow('plan', 'the same for all');
SELECT trovella_guard.allow('nothing', 'to come');
ROLLBACK;
-- what our own hints put in the place of a reason is none
SELECT trovella_guard.allow('bad', 'why this table is global');
SELECT trovella_guard.allow('bad', E' Why this is RIGHT.\n', 'fk_on_delete');
SELECT trovella_guard.adopt('why this is right');

SET client_min_messages = error;
DROP SCHEMA regress_objects CASCADE;
DELETE FROM trovella_guard.allowlist;
