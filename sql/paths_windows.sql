-- Views, rules, materialized views and foreign tables: whose rights are the
-- rows read with?
\set VERBOSITY sqlstate
-- tables without a tenant column are scenery here
\set as_paths 'SET trovella_guard.rules = ''table_unclassified=warning''; SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
GRANT SET ON PARAMETER trovella_guard.rules TO regress_paths;
CREATE ROLE regress_paths_app;
-- serves the tenants; the other roles do not
CREATE ROLE regress_paths_tenant;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_tenant',
              current_database()) \gexec
SELECT format('GRANT CREATE ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
CREATE SCHEMA paths;
\c -
:as_paths
-- makes a table as the checklist wants it
CREATE FUNCTION make(name text, options text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$I (id int, organization_id uuid NOT NULL,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()) %2$s;
    ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON %1$I USING (organization_id =
      (SELECT current_setting(''app.current_organization_id'', true)::uuid));
    CREATE INDEX %3$I ON %1$I (organization_id);', name, options, name || '_idx');
END $$;
SELECT make('guarded');
SELECT make('forced');
ALTER TABLE forced FORCE ROW LEVEL SECURITY;
GRANT SELECT ON guarded, forced TO regress_paths_app;
GRANT USAGE, CREATE ON SCHEMA paths TO regress_paths_app;
\set findings 'SELECT table_name, rule, message FROM trovella_guard.check() WHERE rule IN (''view_bypasses_rls'', ''relation_unprotectable'') ORDER BY 1, 2, 3;'

-- road: CREATE VIEW of the table's owner (warns)
\c -
:as_paths
CREATE VIEW v AS SELECT * FROM guarded;
-- road: CREATE OR REPLACE VIEW (warns)
CREATE VIEW w AS SELECT 1 AS id;
\c -
:as_paths
CREATE OR REPLACE VIEW w AS SELECT id FROM guarded;
-- road: ALTER VIEW SET security_invoker (passes)
ALTER VIEW v SET (security_invoker = true);
ALTER VIEW w SET (security_invoker = 1, security_barrier);
-- road: ALTER VIEW RESET security_invoker (warns)
\c -
:as_paths
ALTER VIEW v RESET (security_invoker);
ALTER VIEW v SET (security_invoker = on);
ALTER VIEW v SET (security_invoker = off);
ALTER VIEW v SET (security_invoker);
-- road: CREATE OR REPLACE VIEW that forgets the option (warns)
CREATE OR REPLACE VIEW w AS SELECT id FROM guarded;
ALTER VIEW w SET (security_invoker = true);
-- road: a view in a sub-select, a CTE, a join, a set operation, EXISTS, LATERAL (warns)
CREATE VIEW a1 AS SELECT (SELECT max(id) FROM guarded) AS x;
CREATE VIEW a2 AS WITH c AS (SELECT id FROM guarded) SELECT * FROM c;
CREATE VIEW a3 AS SELECT 1 AS x UNION ALL SELECT id FROM guarded;
CREATE VIEW a4 AS SELECT 1 AS x WHERE EXISTS (SELECT FROM guarded);
CREATE VIEW a5 AS SELECT x.id FROM generate_series(1, 2) g, LATERAL (SELECT id FROM guarded WHERE id = g) x;
CREATE VIEW a6 AS SELECT count(*) OVER (ORDER BY (SELECT count(*) FROM guarded)) AS x;
DROP VIEW a1, a2, a3, a4, a5, a6;
-- road: a view that reads as its owner over one that reads as its caller (passes)
CREATE VIEW outer_definer AS SELECT * FROM v;
INSERT INTO guarded SELECT g, ('00000000-0000-0000-0000-00000000000' || g)::uuid FROM generate_series(1, 2) g;
GRANT SELECT ON outer_definer TO regress_paths_app;
\c -
SET ROLE regress_paths_app;
SET app.current_organization_id = '00000000-0000-0000-0000-000000000002';
SELECT id FROM paths.outer_definer;
\c -
:as_paths
-- road: a view that reads as its caller over one that reads as its owner (passes)
CREATE VIEW outer_invoker WITH (security_invoker) AS SELECT * FROM outer_definer;
:findings
DROP VIEW outer_definer CASCADE;
-- road: a view of a forced table, by its owner (passes)
CREATE VIEW of_forced AS SELECT * FROM forced;
-- road: NO FORCE below that view (warns)
\c -
:as_paths
ALTER TABLE forced NO FORCE ROW LEVEL SECURITY;
ALTER TABLE forced FORCE ROW LEVEL SECURITY;
-- road: ALTER VIEW OWNER TO a role that bypasses row-level security (warns)
\c -
ALTER VIEW paths.of_forced OWNER TO CURRENT_USER;
ALTER VIEW paths.of_forced OWNER TO regress_paths;
-- road: a view of a plain role who is not the table's owner (passes)
SET ROLE regress_paths_app;
CREATE VIEW paths.of_app AS SELECT * FROM paths.guarded;
RESET ROLE;
-- road: ALTER TABLE OWNER TO the owner of that view (warns)
ALTER TABLE paths.guarded OWNER TO regress_paths_app;
ALTER TABLE paths.guarded OWNER TO regress_paths;
DROP VIEW paths.of_app;
-- road: a policy that relies on another table's row-level security (warns)
\c -
:as_paths
SELECT make('membership');
GRANT SELECT ON membership TO regress_paths_app;
ALTER POLICY p ON forced USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid)
  AND id IN (SELECT id FROM membership));
CREATE OR REPLACE VIEW of_forced AS SELECT * FROM forced;
DROP VIEW of_forced;
-- road: a view of a bare partition (warns)
SELECT make('parted', 'PARTITION BY LIST (id)');
CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
CREATE VIEW of_part AS SELECT * FROM part;
DROP VIEW of_part;
-- road: CREATE RULE on a table that writes a tenant table (warns)
CREATE TABLE log_table (id int);
CREATE RULE r AS ON INSERT TO log_table DO ALSO UPDATE guarded SET id = 0;
-- road: CREATE RULE on a view that reads as its caller (warns)
CREATE RULE r AS ON INSERT TO v DO INSTEAD
  INSERT INTO guarded SELECT new.id, new.organization_id RETURNING *;
-- road: CREATE RULE on a tenant table that names but OLD and NEW (passes)
CREATE RULE r AS ON UPDATE TO guarded DO ALSO INSERT INTO log_table VALUES (old.id), (new.id);
CREATE RULE s AS ON DELETE TO guarded DO ALSO INSERT INTO log_table SELECT old.id;
-- road: CREATE RULE on a tenant table that reads the table itself (warns)
CREATE RULE t AS ON DELETE TO guarded DO ALSO INSERT INTO log_table SELECT id FROM guarded;
:findings
DROP RULE t ON guarded;
DROP TABLE log_table CASCADE;
DROP RULE r ON v;
-- road: CREATE MATERIALIZED VIEW with the tenant column (warns)
\c -
:as_paths
CREATE MATERIALIZED VIEW m AS SELECT * FROM guarded;
-- road: CREATE MATERIALIZED VIEW without it, of a tenant table (warns)
CREATE MATERIALIZED VIEW m2 AS SELECT id FROM v WITH NO DATA;
-- road: REFRESH MATERIALIZED VIEW, of which was warned when it was made (passes)
REFRESH MATERIALIZED VIEW m2;
-- road: a view or materialized view of a materialized view (warns)
CREATE VIEW of_m AS SELECT * FROM m2;
CREATE MATERIALIZED VIEW m3 AS SELECT * FROM m2;
:findings
DROP MATERIALIZED VIEW m, m2 CASCADE;
-- road: a view of a global table that has the column (passes)
\c -
SELECT trovella_guard.allow('paths.global_table', 'shared by all tenants');
\c -
:as_paths
CREATE TABLE global_table (organization_id uuid);
CREATE VIEW of_global AS SELECT * FROM global_table;
CREATE MATERIALIZED VIEW of_global2 AS SELECT count(*) FROM global_table;
-- road: adding the tenant column below a view (warns)
CREATE TABLE later (id int);
CREATE VIEW of_later AS SELECT * FROM later;
\c -
:as_paths
BEGIN;
ALTER TABLE later ADD COLUMN organization_id uuid NOT NULL, ADD COLUMN created_at timestamptz,
  ADD COLUMN updated_at timestamptz, ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON later USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)::uuid));
CREATE INDEX ON later (organization_id);
COMMIT;
-- road: a waived view (passes)
\c -
SELECT trovella_guard.allow('paths.of_later', 'counts only', 'view_bypasses_rls');
CREATE OR REPLACE VIEW paths.of_later AS SELECT * FROM paths.later;
:findings
SELECT trovella_guard.disallow('paths.of_later', 'view_bypasses_rls');
DROP VIEW paths.of_later;
-- road: a view, rule or materialized view over a parent without the tenant column (warns)
\c -
SELECT trovella_guard.allow('paths.parent', 'titles only', 'table_unclassified');
SELECT trovella_guard.allow('paths.' || t, 'no rows of tenants', 'table_unclassified')
  FROM unnest('{grandparent,log_table,log_table2}'::text[]) t;
SELECT trovella_guard.allow('paths.child3', 'global');
\set VERBOSITY terse
\c -
:as_paths
CREATE TABLE parent (id int);
CREATE TABLE log_table (id int);
CREATE TABLE log_table2 (id int);
SELECT make('child', 'INHERITS (parent)');
CREATE VIEW of_parent AS SELECT * FROM parent;
CREATE MATERIALIZED VIEW m_parent AS SELECT * FROM of_parent;
CREATE RULE r AS ON INSERT TO log_table DO ALSO UPDATE parent SET id = 0;
:findings
-- road: the same with ONLY, or as the caller (passes)
CREATE VIEW of_parent2 AS SELECT * FROM ONLY parent;
CREATE VIEW of_parent3 WITH (security_invoker) AS SELECT * FROM parent;
CREATE RULE r AS ON INSERT TO log_table2 DO ALSO INSERT INTO parent SELECT new.id;
-- road: CREATE TABLE INHERITS of a parent below a view (warns)
\c -
:as_paths
SELECT make('child2', 'INHERITS (parent)');
-- road: ALTER TABLE INHERIT of a table, or of its parent, below a view (warns)
CREATE TABLE grandparent (id int);
CREATE VIEW of_grandparent AS SELECT * FROM grandparent;
\c -
:as_paths
ALTER TABLE parent INHERIT grandparent;
:findings
-- road: row-level security for the parent that admits nobody (passes)
ALTER TABLE grandparent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT count(*) FROM trovella_guard.check('of_grandparent');
-- road: a policy for that parent, or NO FORCE (warns)
\c -
:as_paths
CREATE POLICY p ON grandparent USING (true);
DROP POLICY p ON grandparent;
ALTER TABLE grandparent NO FORCE ROW LEVEL SECURITY;
-- road: disallow() of a global child below a view (warns)
SET client_min_messages = warning;
DROP TABLE child, child2 CASCADE;
RESET client_min_messages;
CREATE TABLE child3 (organization_id text) INHERITS (parent);
:findings
\c -
SET trovella_guard.rules = 'rls_disabled = off, policy_missing = off, tenant_index_missing = off, required_columns_missing = off, tenant_column_nullable = off';
SELECT trovella_guard.disallow('paths.child3');
RESET trovella_guard.rules;
SET client_min_messages = warning;
DROP TABLE paths.child3, paths.parent, paths.grandparent, paths.log_table, paths.log_table2 CASCADE;
DELETE FROM trovella_guard.allowlist WHERE rule = 'table_unclassified';
RESET client_min_messages;
\set VERBOSITY sqlstate
-- the repair that is offered for a view fixes it
CREATE VIEW paths.of_later AS SELECT * FROM paths.later;
SELECT repair_sql FROM trovella_guard.check('paths.of_later') \gexec
:findings
SET client_min_messages = warning;
DROP TABLE paths.global_table CASCADE;
SELECT trovella_guard.disallow('paths.global_table');
\c -
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA paths CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_app;
