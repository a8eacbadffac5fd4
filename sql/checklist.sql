--
-- The views tables and rules, and the checklist of one table.
--
\set SHOW_CONTEXT never
\set VERBOSITY default
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
CREATE ROLE regress_checklist_app NOLOGIN;
CREATE ROLE regress_checklist_reader NOLOGIN;
SET trovella_guard.app_role = 'regress_checklist_app';
SET client_min_messages = error;
CREATE SCHEMA regress_checklist;
GRANT USAGE ON SCHEMA regress_checklist TO regress_checklist_app, regress_checklist_reader;
SET search_path = regress_checklist;

-- The table of the wiki, and others
BEGIN;
CREATE TABLE app_user (id text PRIMARY KEY);
SELECT trovella_guard.allow('app_user', 'users belong to many organizations');
CREATE TABLE feature_item (
  id text PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
  user_id text NOT NULL REFERENCES app_user ON DELETE CASCADE);
CREATE INDEX "feature_item_organizationId_idx" ON feature_item (organization_id);
CREATE INDEX "feature_item_userId_idx" ON feature_item (user_id);
ALTER TABLE feature_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY a ON feature_item TO regress_checklist_app USING (:tenant);
CREATE POLICY b ON feature_item FOR SELECT TO regress_checklist_app USING (:tenant);
GRANT SELECT, INSERT, UPDATE, DELETE ON feature_item TO regress_checklist_app;
COMMIT;
SET trovella_guard.mode = off;
CREATE TABLE forgotten (id text PRIMARY KEY, organization_id text, user_id text REFERENCES app_user);
CREATE POLICY open ON forgotten FOR SELECT USING (true);
CREATE TABLE waived (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
SELECT trovella_guard.allow('waived', 'one row a tenant', 'tenant_index_missing');
SELECT trovella_guard.allow('waived', 'read by the billing job', 'rls_disabled');
CREATE TABLE unclassified (id text);
CREATE VIEW a_view WITH (security_invoker = true) AS SELECT id FROM feature_item;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM feature_item;
CREATE TEMPORARY TABLE temporary (organization_id text);
SET trovella_guard.mode = enforce;

SELECT table_name, kind, class, tenant_column, rls_enabled AS rls, rls_forced AS forced,
       select_policies AS s, insert_policies AS i, update_policies AS u, delete_policies AS d,
       tenant_index, errors AS e, warnings AS w, infos AS n, waived, allowlist_reason
  FROM trovella_guard.tables WHERE schema_name = 'regress_checklist' ORDER BY table_name;

-- A complete table, one that forgets everything, one with waivers, one
-- without a tenant column, global and not
SELECT * FROM trovella_guard.checklist('feature_item');
SELECT * FROM trovella_guard.checklist('forgotten');
SELECT position, step, state, detail FROM trovella_guard.checklist('waived');
SELECT position, step, state, detail FROM trovella_guard.checklist('unclassified');
SELECT position, step, state, detail FROM trovella_guard.checklist('app_user');
SELECT position, step, state, detail FROM trovella_guard.checklist('a_matview') WHERE state <> 'not applicable';
SELECT position, step, state, detail FROM trovella_guard.checklist('a_view') WHERE position = 1;
SELECT trovella_guard.checklist('feature_item_pkey');
SELECT trovella_guard.checklist('temporary');
SELECT trovella_guard.checklist(NULL);

-- After protect() no step about isolation is broken
SET trovella_guard.mode = warn;
SELECT count(*) > 0 AS repaired FROM trovella_guard.protect('forgotten');
SELECT position, step, state FROM trovella_guard.checklist('forgotten') WHERE state <> 'ok';
SELECT count(*) > 0 AS repaired FROM trovella_guard.protect('forgotten', 'warning');
SELECT position, step, state FROM trovella_guard.checklist('forgotten') WHERE state <> 'ok';
SET trovella_guard.mode = enforce;

-- Every rule about relations has its place in one step: none is forgotten in
-- "further advice" but those that are advice
SELECT rule FROM trovella_guard_internal.registry() r
  WHERE is_about_relations AND profile_level <> 'info'
    AND pg_get_functiondef('trovella_guard.checklist'::regproc) !~ ('''' || rule || '''')
  ORDER BY rule;

-- The rules, and what sets them
SELECT rule, level, profile_level, set_by FROM trovella_guard.rules
  WHERE rule IN ('rls_disabled', 'rls_not_forced', 'fk_index_missing') ORDER BY rule;
SET trovella_guard.rules = 'rls_not_forced=error, fk_index_missing=off';
SELECT rule, level, profile_level, set_by FROM trovella_guard.rules
  WHERE rule IN ('rls_disabled', 'rls_not_forced', 'fk_index_missing') ORDER BY rule;
SELECT position, state, detail FROM trovella_guard.checklist('feature_item') WHERE position IN (8, 12);
RESET trovella_guard.rules;
SELECT count(*) = count(DISTINCT rule) AND bool_and(purpose ~ '\.$') AS well_formed FROM trovella_guard.rules;

-- Everybody may ask, also as the first statement of a session
SET ROLE regress_checklist_reader;
SELECT class FROM trovella_guard.tables WHERE table_name = 'feature_item';
SELECT state FROM trovella_guard.checklist('feature_item') WHERE position = 1;
SELECT level FROM trovella_guard.rules WHERE rule = 'rls_disabled';
RESET ROLE;
\c -
SELECT count(*) > 10 AS all_rules, bool_and(set_by = 'profile checklist') AS by_default FROM trovella_guard.rules;
\c -
SELECT class FROM trovella_guard.tables WHERE table_name = 'feature_item';

-- Every object of the extension is described
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
  WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'trovella_guard')
    AND classid <> 'pg_type'::regclass
    AND obj_description(objid, classid::regclass::text) IS NULL
  ORDER BY 1;
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'trovella_guard'::regnamespace AND c.relkind IN ('r', 'v')
    AND a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NULL
  ORDER BY a.attrelid::regclass::text, 2;
-- and calls nothing that a user might have made: plpgsql and SQL functions
-- have a search_path of their own
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  WHERE p.pronamespace IN ('trovella_guard'::regnamespace, 'trovella_guard_internal'::regnamespace) AND l.lanname <> 'c'
    AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
  ORDER BY p.oid::regprocedure::text;
SELECT oid::regprocedure FROM pg_proc
  WHERE pronamespace IN ('trovella_guard'::regnamespace, 'trovella_guard_internal'::regnamespace) AND prosecdef ORDER BY oid::regprocedure::text;

SET client_min_messages = error;
DROP SCHEMA regress_checklist CASCADE;
SELECT count(trovella_guard.disallow('regress_checklist.' || quote_ident(table_name), rule))
  FROM trovella_guard.allowlist WHERE schema_name = 'regress_checklist';
\c -
DROP ROLE regress_checklist_app, regress_checklist_reader;
