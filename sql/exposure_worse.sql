--
-- What makes an exposure worse than it was, and which rows a relation keeps.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT table_name, rule, object FROM trovella_guard.check() WHERE schema_name = ''regress_worse'' AND level = ''error'' ORDER BY 1, 2, 3'
SET client_min_messages = error;
CREATE ROLE regress_worse_app;
CREATE ROLE regress_worse_owner;
CREATE ROLE regress_worse_other;
CREATE SCHEMA regress_worse;
GRANT ALL ON SCHEMA regress_worse TO regress_worse_owner, regress_worse_other;
SET search_path = regress_worse;
SET trovella_guard.app_role = 'regress_worse_app';
SET trovella_guard.rules = 'table_unclassified=off, fk_index_missing=off, policy_unproven=off';

CREATE TABLE asked (id text PRIMARY KEY);
ALTER TABLE asked ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON asked USING (id = current_user);
ALTER TABLE asked OWNER TO regress_worse_owner;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE POLICY item_asked ON item AS RESTRICTIVE USING (EXISTS (SELECT FROM asked a WHERE a.id = item.id));
CREATE INDEX ON item (organization_id);
COMMIT;

-- a view that shows rows without a barrier lets functions see those that it leaves out
SET trovella_guard.mode = off;
CREATE VIEW fenced WITH (security_barrier) AS SELECT id FROM item WHERE id < 'x';
GRANT SELECT ON fenced TO regress_worse_app;
SET trovella_guard.mode = enforce;
ALTER VIEW fenced SET (check_option = local);
ALTER VIEW fenced SET (security_barrier = false);
DROP VIEW fenced;

-- the same view, only written elsewhere in its statement
SET trovella_guard.mode = off;
CREATE VIEW same AS SELECT id FROM item WHERE id < 'x';
GRANT SELECT ON same TO regress_worse_app;
SET trovella_guard.mode = enforce;
CREATE   OR   REPLACE   VIEW same   AS   SELECT id   FROM item   WHERE id   <   'x';
CREATE OR REPLACE VIEW same AS SELECT id FROM item WHERE id < 'y';
DROP VIEW same;

-- the policies of the table itself do not apply any more
SET trovella_guard.mode = off;
CREATE VIEW relying AS SELECT id FROM item;
ALTER VIEW relying OWNER TO regress_worse_owner;
GRANT SELECT ON item TO regress_worse_owner;
GRANT SELECT ON relying TO regress_worse_app;
SET trovella_guard.mode = enforce;
:found;
COMMENT ON VIEW relying IS 'relies on asked';
ALTER TABLE item OWNER TO regress_worse_owner;
DROP VIEW relying;

-- what a materialized view stores through a view, and through a parent
CREATE VIEW through AS SELECT id FROM item;
CREATE MATERIALIZED VIEW stored AS SELECT * FROM through;
GRANT SELECT ON stored TO regress_worse_app;
SET trovella_guard.mode = off;
CREATE TABLE parent (id text);
CREATE TABLE child (organization_id text NOT NULL) INHERITS (parent);
ALTER TABLE child ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON child USING (:tenant);
CREATE INDEX ON child (organization_id);
CREATE MATERIALIZED VIEW inherited AS SELECT * FROM parent;
GRANT SELECT ON stored, inherited TO regress_worse_app;
SET trovella_guard.mode = enforce;
:found;
-- another query of the view stores other rows
CREATE OR REPLACE VIEW through AS SELECT id FROM item WHERE id > 'a';
DROP MATERIALIZED VIEW stored, inherited;
DROP VIEW through;

-- a member who does not inherit may still become the owner
ALTER TABLE item OWNER TO regress_worse_owner;
ALTER ROLE regress_worse_app NOINHERIT;
GRANT regress_worse_owner TO regress_worse_app;

-- an owner who was a superuser had the rights of the parent's owner anyway
DROP TABLE child, parent;
SET trovella_guard.mode = off;
ALTER ROLE regress_worse_other SUPERUSER;
CREATE TABLE whole (:columns);
ALTER TABLE whole ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON whole USING (:tenant);
CREATE INDEX ON whole (organization_id);
ALTER TABLE whole OWNER TO regress_worse_owner;
CREATE TABLE part () INHERITS (whole);
CREATE INDEX ON part (organization_id);
ALTER TABLE part OWNER TO regress_worse_other;
SET trovella_guard.mode = enforce;
:found;
ALTER ROLE regress_worse_other NOSUPERUSER;
DROP TABLE part;
SET trovella_guard.mode = off;
ALTER ROLE regress_worse_other SUPERUSER;
ALTER TABLE whole OWNER TO regress_worse_other;
CREATE TABLE part () INHERITS (whole);
CREATE INDEX ON part (organization_id);
ALTER TABLE part OWNER TO regress_worse_owner;
SET trovella_guard.mode = enforce;
:found;
ALTER ROLE regress_worse_other NOSUPERUSER;

RESET trovella_guard.rules;
RESET trovella_guard.app_role;
DROP SCHEMA regress_worse CASCADE;
DROP ROLE regress_worse_app, regress_worse_owner, regress_worse_other;
