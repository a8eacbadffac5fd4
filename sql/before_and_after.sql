--
-- before_and_after: what was there before is told from what is new, and what
-- was undone leaves no trace.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA regress_before;
SET search_path = regress_before;

-- an old table that breaks a rule
SET trovella_guard.mode = off;
CREATE TABLE old (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
RESET trovella_guard.mode;

-- touched in a released savepoint of one that was rolled back: not touched
BEGIN;
SAVEPOINT outermost;
SAVEPOINT within;
ALTER TABLE old ADD COLUMN a int;
RELEASE within;
ROLLBACK TO outermost;
COMMIT;
BEGIN;
SAVEPOINT outermost;
SAVEPOINT within;
ALTER TABLE old ALTER COLUMN organization_id DROP NOT NULL;
RELEASE within;
ROLLBACK TO outermost;
CREATE VIEW nothing AS SELECT 1 AS one;
COMMIT;
-- in one that was released: touched
BEGIN;
SAVEPOINT outermost;
SAVEPOINT within;
ALTER TABLE old ADD COLUMN a int;
RELEASE within;
RELEASE outermost;
COMMIT;

-- a view that reads another table than before
SET trovella_guard.rules = 'view_bypasses_rls=error';
BEGIN;
CREATE TABLE a (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE a ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON a USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE INDEX ON a (organization_id);
CREATE TABLE b (LIKE a INCLUDING ALL);
ALTER TABLE b ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON b USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
COMMIT;
SET trovella_guard.mode = off;
CREATE VIEW v AS SELECT organization_id FROM a;
RESET trovella_guard.mode;
CREATE OR REPLACE VIEW v AS SELECT organization_id FROM a WHERE organization_id <> '';
CREATE OR REPLACE VIEW v AS SELECT organization_id FROM b;
RESET trovella_guard.rules;

SET client_min_messages = error;
DROP SCHEMA regress_before CASCADE;
