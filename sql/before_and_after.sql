--
-- before_and_after: what was there before is told from what is new, what was
-- undone leaves no trace, and what will be gone does not count.  Each of these
-- was found missing by a mutant that survived.
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

-- a policy that lets rows be written, and after that read, too: it is the
-- same policy, but another finding
SET client_min_messages = warning;
SET trovella_guard.mode = off;
BEGIN;
CREATE TABLE c (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE c ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON c (organization_id);
CREATE POLICY tenant ON c USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY loose ON c FOR UPDATE USING (true) WITH CHECK (true);
CREATE POLICY narrow ON c AS RESTRICTIVE FOR UPDATE
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)))
  WITH CHECK (true);
COMMIT;
SELECT rule, object, message FROM trovella_guard.check('c') WHERE level = 'error';
RESET trovella_guard.mode;
DROP POLICY narrow ON c;

-- a parent's parent
CREATE ROLE regress_before_reader;
SELECT trovella_guard.allow('regress_before.top', 'shared by all tenants');
SET trovella_guard.mode = off;
BEGIN;
CREATE TABLE top (id text);
CREATE TABLE middle (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz) INHERITS (top);
ALTER TABLE middle ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON middle USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE INDEX ON middle (organization_id);
CREATE TABLE bottom () INHERITS (middle);
CREATE INDEX ON bottom (organization_id);
COMMIT;
RESET trovella_guard.mode;
SELECT trovella_guard.allow('regress_before.middle', 'for the test', 'rls_disabled');
GRANT SELECT ON top TO regress_before_reader;
REVOKE SELECT ON top FROM regress_before_reader;

-- a policy that will vanish with its session covers no command
CREATE FUNCTION pg_temp.yes() RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
BEGIN;
CREATE TABLE d (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE d ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON d (organization_id);
CREATE POLICY tenant ON d USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) AND pg_temp.yes());
COMMIT;
DROP FUNCTION pg_temp.yes();

-- a policy that is loose for one role, and after that for all
SET trovella_guard.mode = off;
BEGIN;
CREATE TABLE e (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE e ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON e (organization_id);
CREATE POLICY loose ON e TO regress_before_reader USING (true);
COMMIT;
RESET trovella_guard.mode;
ALTER POLICY loose ON e TO PUBLIC;
ALTER POLICY loose ON e RENAME TO still_loose;
DROP TABLE e;

-- a foreign key to a partitioned table is one key, however many partitions
SELECT trovella_guard.allow('regress_before.region', 'shared by all tenants');
SET trovella_guard.mode = off;
BEGIN;
CREATE TABLE region (n int PRIMARY KEY) PARTITION BY RANGE (n);
CREATE TABLE region_1 PARTITION OF region FOR VALUES FROM (1) TO (10);
CREATE TABLE region_2 PARTITION OF region FOR VALUES FROM (10) TO (20);
CREATE TABLE f (organization_id text NOT NULL, n int CONSTRAINT f_region REFERENCES region ON DELETE CASCADE);
COMMIT;
RESET trovella_guard.mode;
SELECT rule, object FROM trovella_guard.check('f') WHERE rule = 'fk_index_missing';

-- a savepoint that is released into a transaction that has touched something
BEGIN;
CREATE TABLE g (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE g ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON g (organization_id);
CREATE POLICY tenant ON g USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
COMMIT;
BEGIN;
CREATE VIEW something AS SELECT 1 AS one;
SAVEPOINT within;
ALTER TABLE g DISABLE ROW LEVEL SECURITY;
RELEASE within;
COMMIT;

-- a parent without tenant column that already exposed its child, and gets
-- another permissive policy
SET trovella_guard.mode = off;
CREATE TABLE shared (n int);
ALTER TABLE shared ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shared FOR SELECT USING (n < 10);
GRANT SELECT ON shared TO regress_before_reader;
CREATE TABLE shared_child (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz) INHERITS (shared);
ALTER TABLE shared_child ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON shared_child (organization_id);
CREATE POLICY tenant ON shared_child USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
RESET trovella_guard.mode;
ALTER TABLE shared ADD m int;
CREATE POLICY every ON shared FOR SELECT USING (true);

-- an old policy that lets rows of any tenant in, and gets a looser WITH CHECK
SET trovella_guard.mode = off;
CREATE TABLE h (organization_id text NOT NULL, n int, created_at timestamptz, updated_at timestamptz);
ALTER TABLE h ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON h (organization_id);
CREATE POLICY tenant ON h USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY more ON h FOR INSERT WITH CHECK (n < 10);
GRANT SELECT (n) ON h TO PUBLIC;
RESET trovella_guard.mode;
ALTER POLICY more ON h WITH CHECK (true);
-- the same, only written elsewhere in its statement
ALTER    POLICY    more    ON h   WITH CHECK  (n < 10);

-- a role gets what PUBLIC had
SET trovella_guard.mode = off;
DROP POLICY more ON h;
ALTER TABLE h DISABLE ROW LEVEL SECURITY;
RESET trovella_guard.mode;
GRANT SELECT (n) ON h TO regress_before_reader;
GRANT SELECT ON h TO regress_before_reader;

-- the functions of the event triggers, called by a superuser's hand
SELECT trovella_guard_internal.open();
SELECT trovella_guard_internal.collect();

SET client_min_messages = error;
DROP SCHEMA regress_before CASCADE;
SELECT trovella_guard.disallow('regress_before.top');
SELECT trovella_guard.disallow('regress_before.region');
SELECT trovella_guard.disallow('regress_before.middle', 'rls_disabled');
DROP ROLE regress_before_reader;
