--
-- matview_exposes_tenants: an application role may read a materialized view or foreign table with rows of tenants.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT table_name, rule, level, object, message, repair_sql FROM trovella_guard.check() WHERE schema_name = ''regress_matview'' ORDER BY 1, 2, 4;'
SET client_min_messages = warning;
CREATE ROLE regress_matview_app;
CREATE ROLE "regress Matview Group" ROLE regress_matview_app;
CREATE ROLE regress_matview_reader;
CREATE SCHEMA regress_matview;
GRANT ALL ON SCHEMA regress_matview TO regress_matview_app;
SET search_path = regress_matview;
SET trovella_guard.app_role = 'regress_matview_app';
SET trovella_guard.rules = 'rls_not_forced=off';
CREATE FOREIGN DATA WRAPPER regress_matview_wrapper;
CREATE SERVER regress_matview_server FOREIGN DATA WRAPPER regress_matview_wrapper;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON item TO regress_matview_app;
COMMIT;

-- nobody of the application may read them: that is relation_unprotectable
CREATE MATERIALIZED VIEW counts AS SELECT organization_id, count(*) FROM item GROUP BY 1;
CREATE FOREIGN TABLE remote (organization_id text) SERVER regress_matview_server;
GRANT SELECT ON counts, remote TO regress_matview_reader;
\pset format unaligned
:found

-- broken
\set VERBOSITY default
GRANT SELECT ON counts TO "regress Matview Group";
\set VERBOSITY terse
GRANT INSERT ON remote TO PUBLIC;
ALTER MATERIALIZED VIEW counts OWNER TO regress_matview_app;
-- privileges that do not read
GRANT INSERT ON counts TO PUBLIC;
REVOKE INSERT ON counts FROM PUBLIC;
-- default privileges open what is created later
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_matview GRANT SELECT ON TABLES TO regress_matview_app;
CREATE MATERIALIZED VIEW later AS SELECT * FROM item;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_matview REVOKE SELECT ON TABLES FROM regress_matview_app;

-- it was there before: REFRESH judges nothing, and the repair is for those that have it
SET trovella_guard.mode = off;
GRANT SELECT ON counts TO "regress Matview Group", PUBLIC;
GRANT SELECT (organization_id) ON remote TO regress_matview_app;
SET trovella_guard.mode = enforce;
:found
REFRESH MATERIALIZED VIEW counts;
SELECT string_agg(repair_sql, E'\n' ORDER BY table_name) AS repair FROM trovella_guard.check()
  WHERE schema_name = 'regress_matview' AND rule = 'matview_exposes_tenants' \gset
:repair
:found
-- what an owner has cannot be revoked
SET trovella_guard.mode = off;
ALTER MATERIALIZED VIEW counts OWNER TO regress_matview_app;
SET trovella_guard.mode = enforce;
:found
-- nor is it gone if the owner has revoked it: owners grant it to themselves again
REVOKE ALL ON counts FROM regress_matview_app;
:found
ALTER MATERIALIZED VIEW counts OWNER TO CURRENT_USER;

-- waived; the waiver of relation_unprotectable is another one
SELECT trovella_guard.allow('counts', 'reports', 'relation_unprotectable');
GRANT SELECT ON counts TO regress_matview_app;
SELECT trovella_guard.allow('counts', 'numbers are public', 'matview_exposes_tenants');
GRANT SELECT ON counts TO regress_matview_app;
SELECT trovella_guard.disallow('counts', 'relation_unprotectable');
SET trovella_guard.rules = 'matview_exposes_tenants=off';
SELECT trovella_guard.disallow('counts', 'matview_exposes_tenants');
SET trovella_guard.rules = 'matview_exposes_tenants=warning';
GRANT SELECT ON remote TO regress_matview_app;
RESET trovella_guard.rules;
RESET trovella_guard.app_role;

DROP TABLE item CASCADE;
DROP SERVER regress_matview_server CASCADE;
DROP FOREIGN DATA WRAPPER regress_matview_wrapper;
DROP SCHEMA regress_matview CASCADE;
DROP ROLE regress_matview_app, "regress Matview Group", regress_matview_reader;
