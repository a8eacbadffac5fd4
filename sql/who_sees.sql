--
-- who_sees(): who reads or writes the rows of all tenants of a table, and how.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text NOT NULL, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set sees 'SELECT role, can_login, commands, how, excused FROM trovella_guard.who_sees(''item'') WHERE role IS DISTINCT FROM current_user AND how <> ''member of '' || quote_ident(current_user)'
SET client_min_messages = error;
SET trovella_guard.mode = off;
CREATE ROLE regress_sees_owner;
CREATE ROLE regress_sees_inherits IN ROLE regress_sees_owner LOGIN;
CREATE ROLE regress_sees_sets IN ROLE regress_sees_owner NOINHERIT LOGIN;
CREATE ROLE regress_sees_super SUPERUSER;
CREATE ROLE regress_sees_becomes IN ROLE regress_sees_super LOGIN;
CREATE ROLE regress_sees_bypass BYPASSRLS LOGIN;
CREATE ROLE regress_sees_app LOGIN;
CREATE ROLE regress_sees_group;
CREATE ROLE regress_sees_reader LOGIN IN ROLE regress_sees_group;
CREATE SCHEMA regress_sees;
GRANT ALL ON SCHEMA regress_sees TO regress_sees_owner, regress_sees_group;
SET search_path = regress_sees;

SELECT * FROM trovella_guard.who_sees(NULL);
CREATE TABLE plain (id text);
SELECT * FROM trovella_guard.who_sees('plain');
CREATE VIEW a_view AS SELECT 1 AS organization_id;
SELECT * FROM trovella_guard.who_sees('a_view');
SELECT * FROM trovella_guard.who_sees('pg_class');
SELECT * FROM trovella_guard.who_sees(0);
CREATE TABLE global_table (organization_id text);
SELECT trovella_guard.allow('regress_sees.global_table', 'no tenants in it');
SELECT * FROM trovella_guard.who_sees('global_table');

-- the owner, unless forced; its members; superusers and those who can become one
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
ALTER TABLE item OWNER TO regress_sees_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON item TO regress_sees_app;
:sees;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
:sees;

-- BYPASSRLS counts with a privilege, also by a predefined role
GRANT SELECT (id), UPDATE ON item TO regress_sees_bypass;
:sees;
REVOKE ALL ON item FROM regress_sees_bypass;
GRANT pg_read_all_data TO regress_sees_bypass, regress_sees_reader;
:sees;

-- excused roles
SELECT trovella_guard.allow_role('regress_sees_bypass', 'the nightly back-up');
SELECT trovella_guard.allow_role('regress_sees_becomes', 'on-call administrators');
:sees;
SELECT trovella_guard.disallow_role('regress_sees_bypass');
SELECT trovella_guard.disallow_role('regress_sees_becomes');
REVOKE pg_read_all_data FROM regress_sees_bypass;
DROP ROLE regress_sees_becomes, regress_sees_super, regress_sees_bypass;

-- without row-level security: whoever may use the table, also by a predefined role
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON item TO regress_sees_group;
:sees;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON item FROM regress_sees_group;
REVOKE pg_read_all_data FROM regress_sees_reader;

-- policies
CREATE POLICY "Everybody" ON item FOR SELECT TO regress_sees_group USING (true);
CREATE POLICY own ON item FOR UPDATE USING (id = current_user) WITH CHECK (id = current_user);
CREATE FUNCTION may_see(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE POLICY opaque ON item FOR DELETE TO regress_sees_app, regress_sees_group USING (may_see(organization_id));
:sees;
SELECT trovella_guard.allow('regress_sees.item', 'support sees everything', 'policy_unscoped', NULL, 'Everybody');
:sees;
DROP POLICY own ON item;
DROP POLICY opaque ON item;
DROP POLICY "Everybody" ON item;
SELECT trovella_guard.disallow('regress_sees.item', 'policy_unscoped', 'Everybody');

-- declared bypasses
CREATE POLICY bypass ON item TO regress_sees_app USING (current_setting('app.bypass_rls', true) = 'on');
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'platform administrators');
SELECT * FROM trovella_guard.who_sees('item') WHERE how ~ 'bypass ';
-- one that only WITH CHECK names, in another spelling
CREATE POLICY bypass_insert ON item FOR INSERT TO regress_sees_group WITH CHECK (current_setting('App.Bypass_RLS', true) = 'on');
SELECT * FROM trovella_guard.who_sees('item') WHERE how ~ 'bypass ';
DROP POLICY bypass_insert ON item;
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
DROP POLICY bypass ON item;

-- views, views of views, materialized views and rules
CREATE VIEW all_items AS SELECT * FROM item;
CREATE VIEW over_items AS SELECT * FROM all_items;
CREATE VIEW invoked WITH (security_invoker) AS SELECT * FROM item;
CREATE MATERIALIZED VIEW "Kept" AS SELECT * FROM item;
CREATE VIEW over_kept AS SELECT * FROM "Kept";
CREATE TABLE log_table (id text);
CREATE RULE r AS ON INSERT TO log_table DO ALSO DELETE FROM item;
GRANT SELECT ON all_items, invoked TO PUBLIC;
GRANT SELECT, UPDATE ON over_items TO regress_sees_app;
GRANT SELECT ON "Kept" TO regress_sees_group;
GRANT SELECT ON over_kept TO regress_sees_app;
GRANT INSERT ON log_table TO regress_sees_app;
:sees;
SELECT trovella_guard.allow('regress_sees.all_items', 'names are public', 'view_exposes_tenants');
SELECT role, how, excused FROM trovella_guard.who_sees('item') WHERE how ~ 'all_items';
SELECT trovella_guard.disallow('regress_sees.all_items', 'view_exposes_tenants');
DROP VIEW all_items, over_items, over_kept;
DROP MATERIALIZED VIEW "Kept";
DROP TABLE log_table;

-- of what a view's grantees were granted, only what can be done
CREATE VIEW w_simple AS SELECT * FROM item;
CREATE VIEW w_nested AS SELECT id, organization_id FROM w_simple WHERE id > '';
CREATE VIEW w_words AS SELECT upper(id) AS id FROM item;
CREATE VIEW w_words_nested AS SELECT id FROM w_words;
CREATE VIEW w_count AS SELECT count(*) FROM item;
CREATE VIEW w_join AS SELECT a.* FROM item a JOIN item b USING (id);
CREATE VIEW w_over_join AS SELECT * FROM w_join;
CREATE FUNCTION w_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE VIEW w_trigger AS SELECT DISTINCT * FROM item;
CREATE TRIGGER w INSTEAD OF INSERT OR DELETE ON w_trigger FOR EACH ROW EXECUTE FUNCTION w_write();
CREATE VIEW w_over_trigger AS SELECT * FROM w_trigger;
CREATE VIEW w_rule AS SELECT DISTINCT * FROM item;
CREATE RULE w AS ON UPDATE TO w_rule DO INSTEAD NOTHING;
CREATE VIEW w_rule_if AS SELECT DISTINCT * FROM item;
CREATE RULE w AS ON UPDATE TO w_rule_if WHERE OLD.id > '' DO INSTEAD NOTHING;
CREATE MATERIALIZED VIEW w_kept AS SELECT * FROM item;
CREATE TABLE w_log (id text);
CREATE RULE w AS ON INSERT TO w_log DO ALSO DELETE FROM item;
GRANT ALL ON w_simple, w_nested, w_words, w_words_nested, w_count, w_join, w_over_join, w_trigger, w_over_trigger, w_rule, w_rule_if, w_kept, w_log
  TO regress_sees_app;
GRANT INSERT, DELETE ON w_simple TO regress_sees_group;
GRANT INSERT, DELETE ON w_count TO regress_sees_group;
SELECT role, commands, how FROM trovella_guard.who_sees('item') WHERE how ~ 'w_' ORDER BY how COLLATE "C", role;
-- PostgreSQL says the same
SELECT relname, pg_relation_is_updatable(oid, true) & 8 > 0 AS insert, pg_relation_is_updatable(oid, true) & 4 > 0 AS update,
    pg_relation_is_updatable(oid, true) & 16 > 0 AS delete
  FROM pg_class WHERE relname LIKE 'w\_%' AND relkind = 'v' ORDER BY relname COLLATE "C";
DROP VIEW w_simple, w_nested, w_words, w_words_nested, w_count, w_join, w_over_join, w_trigger, w_over_trigger, w_rule, w_rule_if;
DROP MATERIALIZED VIEW w_kept;
DROP TABLE w_log;
DROP FUNCTION w_write();

-- functions, whoever may execute them
CREATE FUNCTION all_rows() RETURNS SETOF item LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM item';
CREATE PROCEDURE clear() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM item';
REVOKE EXECUTE ON PROCEDURE clear() FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE clear() TO regress_sees_group;
SELECT trovella_guard.allow('regress_sees.item', 'filters by tenant', 'function_exposes_tenants', NULL, 'regress_sees.all_rows()');
:sees;
SELECT trovella_guard.disallow('regress_sees.item', 'function_exposes_tenants', 'regress_sees.all_rows()');
DROP FUNCTION all_rows();
DROP PROCEDURE clear();

-- publications
CREATE PUBLICATION regress_sees FOR TABLE item;
:sees;
DROP PUBLICATION regress_sees;

-- parents, and partitioned tables
CREATE TABLE parent (id text NOT NULL);
ALTER TABLE parent OWNER TO regress_sees_owner;
GRANT SELECT ON parent TO regress_sees_app, regress_sees_group;
ALTER TABLE item INHERIT parent;
CREATE VIEW of_parent AS SELECT * FROM parent;
GRANT SELECT ON of_parent TO PUBLIC;
:sees;
CREATE TABLE whole (:columns) PARTITION BY LIST (id);
ALTER TABLE whole ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON whole FOR SELECT USING (true);
CREATE TABLE part PARTITION OF whole FOR VALUES IN ('a');
SELECT role, commands, how FROM trovella_guard.who_sees('part') WHERE how ~ 'policy|parent|owner';

-- the database in short: each role and way with the number of tables
CREATE TABLE item2 (LIKE item INCLUDING ALL);
ALTER TABLE item2 ENABLE ROW LEVEL SECURITY;
ALTER TABLE item2 OWNER TO regress_sees_owner;
CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM item, item2';
CREATE VIEW both_items AS SELECT a.id FROM item a, item2 b;
GRANT SELECT ON both_items TO regress_sees_app;
CREATE PUBLICATION regress_sees FOR TABLE item, item2;
SELECT trovella_guard.allow('regress_sees.item2', 'filters by tenant', 'function_exposes_tenants');
SELECT * FROM trovella_guard_internal.who_sees_all()
  WHERE role ~ '^regress_sees' OR role IS NULL OR role = 'PUBLIC';

-- everybody may ask
GRANT USAGE ON SCHEMA regress_sees TO regress_sees_app;
SET ROLE regress_sees_app;
SELECT count(*) > 0 AS answered FROM trovella_guard.who_sees('regress_sees.item');
RESET ROLE;

SELECT trovella_guard.disallow('regress_sees.item2', 'function_exposes_tenants');
SELECT trovella_guard.disallow('regress_sees.global_table');
DROP PUBLICATION regress_sees;
DROP SCHEMA regress_sees CASCADE;
DROP ROLE regress_sees_owner, regress_sees_inherits, regress_sees_sets, regress_sees_app, regress_sees_group, regress_sees_reader;
