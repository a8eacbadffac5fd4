-- Nothing is said of a view over a global table.  When the table stops being
-- global, so does the view over it: disallow() judges both.
-- road: disallow() of a table with a view that reads it with its owner's rights (warns)
-- road: disallow() of a schema, with such a view elsewhere (warns)
-- road: ALTER TABLE RENAME off the allowlist, with such a view (warns)
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_owner;
CREATE SCHEMA regress_views AUTHORIZATION regress_owner;
CREATE SCHEMA regress_windows AUTHORIZATION regress_owner;
SELECT trovella_guard.allow('regress_views.plan', 'the same for all tenants');
SET SESSION AUTHORIZATION regress_owner;
BEGIN;
CREATE TABLE regress_views.plan (id int, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
ALTER TABLE regress_views.plan ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON regress_views.plan (organization_id);
CREATE POLICY tenant ON regress_views.plan
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE VIEW regress_windows.all_plans AS SELECT id FROM regress_views.plan;
CREATE VIEW regress_windows.again AS SELECT id FROM regress_windows.all_plans;
COMMIT;
RESET SESSION AUTHORIZATION;

SELECT trovella_guard.disallow('regress_views.plan');
SELECT table_name, rule FROM trovella_guard.check()
WHERE level = 'warning' AND schema_name ~ '^regress_' ORDER BY 1, 2;

-- the same by a schema's entry
SELECT trovella_guard.allow('regress_views.*', 'all of it is shared');
SELECT trovella_guard.disallow('regress_views.*');

-- and by a new name
SELECT trovella_guard.allow('regress_views.plan', 'the same for all tenants');
ALTER TABLE regress_views.plan RENAME TO plan_of_tenant;

-- an entry that comes, and one that only gets another reason, take nothing away
SELECT trovella_guard.allow('regress_views.plan_of_tenant', 'global after all');
SELECT trovella_guard.allow('regress_views.plan_of_tenant', 'global, for another reason');

SELECT trovella_guard.disallow('regress_views.plan');
DROP SCHEMA regress_views, regress_windows CASCADE;
SELECT trovella_guard.disallow('regress_views.plan_of_tenant');
DROP ROLE regress_owner;

-- An entry for a schema waives nothing about the rows of tables elsewhere.
CREATE SCHEMA regress_ext;
CREATE SCHEMA regress_views;
SELECT trovella_guard.allow('regress_ext.*', 'belongs to a tool');
CREATE TABLE regress_ext.own (id int, organization_id text);
CREATE TABLE regress_ext.log (id int);
BEGIN;
CREATE TABLE regress_views.item (id int, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
ALTER TABLE regress_views.item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON regress_views.item (organization_id);
CREATE POLICY tenant ON regress_views.item
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
COMMIT;
-- road: CREATE VIEW, MATERIALIZED VIEW or RULE in an exempt schema, over a table elsewhere (warns)
CREATE VIEW regress_ext.v AS SELECT * FROM regress_views.item;
CREATE MATERIALIZED VIEW regress_ext.m AS SELECT * FROM regress_views.item;
CREATE MATERIALIZED VIEW regress_ext.m2 AS SELECT count(*) FROM regress_ext.v;
CREATE RULE r AS ON INSERT TO regress_ext.log DO ALSO DELETE FROM regress_views.item;
-- road: ALTER VIEW SET SCHEMA to an exempt schema (warns)
CREATE VIEW regress_views.v2 AS SELECT * FROM regress_views.item;
ALTER VIEW regress_views.v2 SET SCHEMA regress_ext;
-- road: a view in an exempt schema over a table of it (passes)
CREATE VIEW regress_ext.of_own AS SELECT * FROM regress_ext.own;
CREATE MATERIALIZED VIEW regress_ext.m_own AS SELECT * FROM regress_ext.own;
SELECT table_name, rule, object FROM trovella_guard.check()
WHERE level = 'warning' AND schema_name ~ '^regress_' ORDER BY 1, 2;
-- road: a view in an exempt schema with an entry of its own (passes)
SELECT trovella_guard.allow('regress_ext.v', 'counts only', 'view_bypasses_rls');
CREATE OR REPLACE VIEW regress_ext.v AS SELECT * FROM regress_views.item;
DROP SCHEMA regress_ext, regress_views CASCADE;
DELETE FROM trovella_guard.allowlist;
