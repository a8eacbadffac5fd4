--
-- Details of changes(), who_sees(), adopt() and prune(), on each of which one row depends.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text NOT NULL, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set changes 'SELECT table_name, item, object, before, after FROM trovella_guard.changes() WHERE item <> ''finding'' ORDER BY 1, 2, 3'
\set sees 'SELECT role, commands, how FROM trovella_guard.who_sees(''item'') WHERE role IS DISTINCT FROM current_user AND how !~ ''^(member of|superuser)'''
SET client_min_messages = error;
CREATE ROLE regress_details_app LOGIN;
CREATE ROLE regress_details_owner;
CREATE ROLE regress_details_bypass LOGIN BYPASSRLS;
CREATE SCHEMA regress_details;
CREATE SCHEMA regress_details_2;
GRANT ALL ON SCHEMA regress_details TO regress_details_app, regress_details_owner;
SET search_path = regress_details;
SET trovella_guard.app_role = regress_details_app;
SET trovella_guard.mode = off;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
CREATE TABLE plain (id text);
CREATE TEMPORARY TABLE passing (organization_id text);

-- changes(): what belongs to an extension, and what was temporary, is not said
BEGIN;
CREATE TABLE member (:columns);
ALTER EXTENSION plpgsql ADD TABLE member;
DROP TABLE passing;
:changes;
ROLLBACK;
-- an owner has all privileges; a policy of a table without tenants
BEGIN;
ALTER TABLE item OWNER TO regress_details_app;
CREATE POLICY p ON plain USING (id = current_user);
:changes;
ROLLBACK;
-- of a whole database: without what is waived
SELECT trovella_guard.allow('plain', 'a list of words', 'table_unclassified');
SELECT f ->> 'object' AS finding FROM jsonb_array_elements(trovella_guard_internal.isolation_by_name()) f
  WHERE f ->> 'table_name' = 'plain' AND f ->> 'item' = 'finding' AND f ->> 'object' = 'table_unclassified';
SELECT trovella_guard.disallow('plain', 'table_unclassified');

-- who_sees(): everybody, where there is no row-level security; not who sees all anyway
GRANT SELECT ON item TO PUBLIC;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
:sees;
REVOKE SELECT ON item FROM PUBLIC;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION ids() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT id FROM item; END;
REVOKE ALL ON FUNCTION ids() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ids() TO regress_details_app, regress_details_bypass;
:sees;
DROP FUNCTION ids();
-- a rule on the table itself, and a function that reads its parent
CREATE TABLE log (id text);
CREATE RULE log AS ON INSERT TO item DO ALSO INSERT INTO log SELECT id FROM item;
GRANT INSERT ON item TO regress_details_app;
:sees;
DROP RULE log ON item;
CREATE TABLE parent (:columns);
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON parent USING (:tenant);
CREATE INDEX ON parent (organization_id);
ALTER TABLE item INHERIT parent;
CREATE FUNCTION parents() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT id FROM parent; END;
REVOKE ALL ON FUNCTION parents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parents() TO regress_details_app;
:sees;
DROP FUNCTION parents();
ALTER TABLE item NO INHERIT parent;
-- a sealed table is a tenant table, one that is global is none
SELECT trovella_guard.allow('parent', 'nobody reads it', sealed => true);
SELECT count(*) > 0 AS seen FROM trovella_guard.who_sees('parent');
GRANT SELECT ON item, parent TO regress_details_bypass;
CREATE TABLE shared (:columns);
CREATE VIEW names AS SELECT id FROM shared UNION ALL SELECT id FROM item UNION ALL SELECT id FROM item;
GRANT SELECT ON names TO regress_details_app;
SELECT trovella_guard.allow('shared', 'the same for all');
SELECT role, how, tables FROM trovella_guard_internal.who_sees_all() WHERE role ~ '^regress_details';
DROP VIEW names;

-- adopt(): only of a level, only of a schema; an audit that failed is no debt
CREATE TABLE regress_details_2.bare (organization_id text);
CREATE TABLE bare (organization_id text);
SELECT trovella_guard.adopt('only errors', level => 'error', schema => 'regress_details_2') > 0 AS adopted;
SELECT schema_name, table_name, rule FROM trovella_guard.allowlist WHERE adopted AND schema_name ~ '^regress_details' ORDER BY 1, 2, 3;

DROP SCHEMA regress_details, regress_details_2 CASCADE;
DELETE FROM trovella_guard.allowlist WHERE schema_name ~ '^regress_details';
DROP ROLE regress_details_app, regress_details_owner, regress_details_bypass;
