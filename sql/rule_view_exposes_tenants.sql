--
-- view_exposes_tenants: an application role may use a view or rule that bypasses row-level security.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT table_name, rule, level, object, regexp_replace(message, ''as role "[^"]*"'', ''as role "me"'') AS message, repair_sql FROM trovella_guard.check() WHERE schema_name = ''regress_exposes'' ORDER BY 1, 2, 4, 5;'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE ROLE regress_exposes_app;
CREATE ROLE regress_exposes_group;
CREATE ROLE regress_exposes_reader;
CREATE SCHEMA regress_exposes;
SET search_path = regress_exposes;
SET trovella_guard.rules = 'rls_not_forced=off';
SET trovella_guard.app_role = 'regress_exposes_app';

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON item TO regress_exposes_app;
COMMIT;

-- nobody of the application may read it: that is view_bypasses_rls
CREATE VIEW names AS SELECT id FROM item;
GRANT SELECT ON names TO regress_exposes_reader;
\pset format unaligned
:found

-- broken: by a grant, to PUBLIC, to a group, of a column, of a command that writes
\set VERBOSITY default
GRANT SELECT ON names TO regress_exposes_app;
\set VERBOSITY terse
GRANT SELECT ON names TO PUBLIC;
BEGIN;
GRANT SELECT ON names TO regress_exposes_group;
GRANT regress_exposes_group TO regress_exposes_app;
SELECT rule, refused FROM trovella_guard.pending();
ROLLBACK;
GRANT SELECT (id) ON names TO regress_exposes_app;
GRANT DELETE ON names TO regress_exposes_app;
-- as the application itself it reads only what that may read
ALTER VIEW names OWNER TO regress_exposes_app;
:found
ALTER VIEW names OWNER TO CURRENT_USER;
-- in a new view
BEGIN;
CREATE VIEW fresh AS SELECT * FROM item;
GRANT SELECT ON fresh TO regress_exposes_app;
COMMIT;

-- a waiver of view_bypasses_rls does not cover it
SELECT trovella_guard.allow('names', 'reports', 'view_bypasses_rls');
GRANT SELECT ON names TO regress_exposes_app;
SELECT trovella_guard.allow('names', 'names are public', 'view_exposes_tenants');
GRANT SELECT ON names TO regress_exposes_app;
:found
SELECT trovella_guard.disallow('names', 'view_bypasses_rls');
SET trovella_guard.mode = off;
SELECT trovella_guard.disallow('names', 'view_exposes_tenants');
SET trovella_guard.mode = enforce;

-- what was there before is refused only if it gets worse
:found
COMMENT ON VIEW names IS 'names';
ALTER VIEW names SET (check_option = local);
GRANT SELECT ON names TO PUBLIC;
-- what check() prints repairs it
SELECT repair_sql FROM trovella_guard.check('names') WHERE rule = 'view_exposes_tenants' \gexec
:found
ALTER VIEW names SET (security_invoker = false);
GRANT SELECT ON names TO PUBLIC;
ALTER VIEW names SET (security_invoker = false);
REVOKE ALL ON names FROM PUBLIC, regress_exposes_app;

-- by way of a view that nobody of the application may use
ALTER VIEW names SET (security_invoker = false);
CREATE VIEW above AS SELECT * FROM names;
:found
GRANT SELECT ON above TO regress_exposes_app;
SET trovella_guard.mode = off;
GRANT SELECT ON above TO regress_exposes_app;
:found
-- ... which is reported once, where the application may use both
GRANT SELECT ON names TO regress_exposes_app;
:found
REVOKE SELECT ON names FROM regress_exposes_app;
SET trovella_guard.mode = enforce;
SELECT repair_sql FROM trovella_guard.check('above') WHERE rule = 'view_exposes_tenants' \gexec
:found
-- a security_invoker view above is its caller's business
DROP VIEW above;
ALTER VIEW names SET (security_invoker = false);
CREATE VIEW above WITH (security_invoker) AS SELECT * FROM names;
GRANT SELECT ON above TO regress_exposes_app;
DROP VIEW above;
-- by way of a materialized view
CREATE MATERIALIZED VIEW counts AS SELECT organization_id, count(*) FROM item GROUP BY 1;
CREATE VIEW above AS SELECT * FROM counts;
GRANT SELECT ON above TO regress_exposes_app;
SET trovella_guard.mode = off;
GRANT SELECT ON above TO regress_exposes_app;
SET trovella_guard.mode = enforce;
:found
SELECT repair_sql FROM trovella_guard.check('above') WHERE rule = 'view_exposes_tenants' \gexec
:found
DROP VIEW above;
DROP MATERIALIZED VIEW counts;

-- a rule: whoever may use the table sets it off
BEGIN;
CREATE TABLE note (:columns);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY note_tenant ON note USING (:tenant);
CREATE INDEX ON note (organization_id);
COMMIT;
CREATE RULE copies AS ON INSERT TO note DO ALSO UPDATE item SET id = NEW.id;
GRANT INSERT ON note TO regress_exposes_app;
DROP RULE copies ON note;
GRANT INSERT ON note TO regress_exposes_app;
CREATE RULE copies AS ON INSERT TO note DO ALSO UPDATE item SET id = NEW.id;
-- ... also by way of a view
REVOKE INSERT ON note FROM regress_exposes_app;
CREATE RULE copies AS ON INSERT TO note DO ALSO UPDATE item SET id = NEW.id;
CREATE VIEW notes AS SELECT id FROM note;
ALTER VIEW notes OWNER TO regress_exposes_group;
GRANT INSERT ON notes TO regress_exposes_app;
\set VERBOSITY default
GRANT INSERT ON notes TO regress_exposes_app;
\set VERBOSITY terse
DROP TABLE note CASCADE;

-- who may write all data reaches rows through any view
GRANT pg_write_all_data TO regress_exposes_app;

-- levels
SET trovella_guard.rules = 'view_exposes_tenants=warning';
GRANT SELECT ON names TO regress_exposes_app;
SET trovella_guard.rules = 'view_exposes_tenants=off';
GRANT UPDATE ON names TO regress_exposes_app;
RESET trovella_guard.rules;

-- without a named role: every login role, and PUBLIC
SET trovella_guard.app_role = regress_no_such_role;
REVOKE ALL ON names FROM regress_exposes_app;
GRANT SELECT ON names TO regress_exposes_app;
ALTER ROLE regress_exposes_app LOGIN;
GRANT SELECT ON names TO PUBLIC;

DROP TABLE item CASCADE;
DROP SCHEMA regress_exposes CASCADE;
DROP ROLE regress_exposes_app, regress_exposes_group, regress_exposes_reader;
