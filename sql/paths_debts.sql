-- A debt covers what was there, and nothing worse.
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE ROLE regress_app;
CREATE ROLE regress_more;
CREATE ROLE regress_member IN ROLE regress_more;
CREATE SCHEMA regress_debts;
SET search_path = regress_debts;
SET trovella_guard.mode = off;
CREATE TABLE old (:columns, is_public boolean);
CREATE INDEX ON old (organization_id);
ALTER TABLE old ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON old USING (true);
CREATE POLICY to_one ON old FOR SELECT TO regress_more USING (true);
CREATE POLICY r ON old AS RESTRICTIVE USING (:tenant OR is_public);
GRANT SELECT ON old TO regress_app;
CREATE TABLE bare (:columns);
CREATE INDEX ON bare (organization_id);
GRANT SELECT (id) ON bare TO regress_app;
CREATE TABLE parent (id text);
CREATE TABLE child (:columns) INHERITS (parent);
ALTER TABLE child ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON child USING (:tenant);
CREATE INDEX ON child (organization_id);
GRANT SELECT ON parent TO regress_app;
CREATE MATERIALIZED VIEW copy AS SELECT * FROM bare;
CREATE VIEW shown WITH (security_barrier) AS SELECT * FROM old WHERE is_public;
CREATE VIEW between WITH (security_invoker) AS SELECT * FROM old WHERE is_public;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM between;
CREATE TABLE owned (:columns);
CREATE INDEX ON owned (organization_id);
ALTER TABLE owned OWNER TO regress_app;
RESET trovella_guard.mode;
SELECT trovella_guard.adopt('day 0') > 0 AS adopted;

-- road: ALTER TABLE of a table whose findings are debts (passes)
ALTER TABLE old SET (fillfactor = 90);
ALTER TABLE bare SET (fillfactor = 90);
ALTER TABLE child SET (fillfactor = 90);

-- road: DROP or ALTER of the restrictive policy that holds back a loose one, a debt (refused)
DROP POLICY r ON old;
ALTER POLICY r ON old USING (true);
ALTER POLICY r ON old TO regress_app;
-- road: CREATE of one more restrictive policy (passes)
CREATE POLICY r2 ON old AS RESTRICTIVE FOR DELETE USING (:tenant);
-- road: GRANT on a table whose loose policy is a debt, to more roles or of more (refused)
GRANT SELECT ON old TO regress_more;
GRANT UPDATE ON old TO regress_app;
-- road: GRANT of what is not owed (passes)
GRANT DELETE ON old TO regress_app;
-- road: GRANT TO PUBLIC on it (refused)
GRANT SELECT ON old TO PUBLIC;
-- road: GRANT on a bare table, a debt, or on one more column of it (refused)
GRANT SELECT ON bare TO regress_app;
GRANT SELECT (id, organization_id) ON bare TO regress_app;
-- road: GRANT on a parent that shows its child, a debt, to more roles (refused)
GRANT SELECT ON parent TO regress_more;
-- road: GRANT that gives nobody anything new (passes)
GRANT SELECT ON old TO regress_app;
GRANT SELECT (id) ON old TO regress_app;
GRANT SELECT (id) ON bare TO regress_app;
GRANT INSERT ON parent TO regress_more;
BEGIN;
GRANT SELECT ON parent TO regress_more;
REVOKE SELECT ON parent FROM regress_more;
COMMIT;
-- road: REVOKE (passes)
REVOKE SELECT ON old FROM regress_app;
REVOKE SELECT ON bare FROM regress_app;

-- road: SET of security_barrier of a view, a debt (passes)
ALTER VIEW shown SET (security_barrier);
-- road: GRANT on a materialized view or view, a debt, to more roles (warns)
SET client_min_messages = warning;
GRANT SELECT ON copy TO regress_app;
GRANT SELECT ON shown TO regress_app;
-- road: RESET of security_barrier of a view, a debt (warns)
ALTER VIEW shown RESET (security_barrier);
-- road: SET of it, when its debt has ended (warns)
ALTER VIEW shown SET (security_barrier);
-- road: CREATE OR REPLACE of a view by way of which a materialized view, a debt, reads (warns)
CREATE OR REPLACE VIEW between WITH (security_invoker) AS SELECT * FROM old;
-- road: ALTER TABLE OWNER TO of a bare table, a debt (refused)
ALTER TABLE owned OWNER TO regress_more;
-- road: ALTER TABLE OWNER TO a superuser (passes)
ALTER TABLE owned OWNER TO CURRENT_USER;
-- road: CREATE OR REPLACE of a view whose finding is a debt (warns)
CREATE OR REPLACE VIEW shown AS SELECT * FROM old;

DROP SCHEMA regress_debts CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP ROLE regress_app, regress_more, regress_member;
