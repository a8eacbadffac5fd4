--
-- trovella_guard.profile: the level of every rule at once; trovella_guard.rules
-- overrides single ones.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_profile_app;
SET trovella_guard.app_role = regress_profile_app;
CREATE SCHEMA regress_profile;
SET search_path = regress_profile;
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
CREATE VIEW levels WITH (security_invoker = true) AS
  SELECT rule, level, profile_level, set_by FROM trovella_guard.rules
  WHERE rule IN ('rls_disabled', 'policy_missing', 'fk_index_missing', 'fk_on_delete', 'policy_unproven', 'rls_not_forced')
  ORDER BY array_position('{rls_disabled,policy_missing,policy_unproven,fk_index_missing,fk_on_delete,rls_not_forced}', rule);

-- what each profile says, and what counts
SELECT rule, checklist, isolation, strict FROM levels JOIN trovella_guard.rules USING (rule);
SELECT * FROM levels;
SET trovella_guard.profile = isolation;
SELECT * FROM levels;
SELECT item, value, ok FROM trovella_guard.status() WHERE item = 'profile';
SET trovella_guard.profile = strict;
SELECT * FROM levels;
-- the other setting has the last word
SET trovella_guard.rules = 'fk_on_delete=off, rls_not_forced=warning';
SELECT * FROM levels;
RESET trovella_guard.rules;
SET trovella_guard.profile = 'lenient';
RESET trovella_guard.profile;
-- only a superuser has it, or whom one lets have it
SET ROLE regress_profile_app;
SET trovella_guard.profile = isolation;
RESET ROLE;
GRANT SET ON PARAMETER trovella_guard.profile TO regress_profile_app;
SET ROLE regress_profile_app;
SET trovella_guard.profile = isolation;
RESET trovella_guard.profile;
RESET ROLE;
REVOKE SET ON PARAMETER trovella_guard.profile FROM regress_profile_app;

-- a table without an index and without policies for two commands, which points
-- at another one: each profile says its own of it
CREATE FUNCTION make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I (id text PRIMARY KEY, organization_id text NOT NULL, parent text REFERENCES %I)', name, name);
  EXECUTE format('GRANT SELECT, INSERT ON %I TO regress_profile_app', name);
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY read ON %I FOR SELECT USING (organization_id = (SELECT current_setting(''app.current_organization_id'', true)))', name);
  EXECUTE format('CREATE POLICY add ON %I FOR INSERT WITH CHECK (organization_id = (SELECT current_setting(''app.current_organization_id'', true)))', name);
END
$$;
SELECT make('item');
SET trovella_guard.profile = strict;
SELECT make('item');
SET trovella_guard.profile = isolation;
SELECT make('item');
-- what an audit says follows the profile of the session
SELECT rule, level FROM trovella_guard.check('item') WHERE level <> 'info' ORDER BY 1;
SELECT rule, level FROM trovella_guard.check('item')
  WHERE rule IN ('fk_index_missing', 'fk_on_delete', 'required_columns_missing') ORDER BY 1;
SET trovella_guard.profile = strict;
SELECT rule, level FROM trovella_guard.check('item') WHERE level = 'error' ORDER BY 1;
-- a leak is one under every profile
SET trovella_guard.profile = isolation;
ALTER POLICY read ON item USING (true);
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ALTER TABLE item RENAME COLUMN organization_id TO org;
-- nobody's leak, so a warning: what is none of the tenants', and what denies
CREATE TABLE plain (id int);
BEGIN;
CREATE TABLE closed (:columns);
GRANT SELECT ON closed TO regress_profile_app;
ALTER TABLE closed ENABLE ROW LEVEL SECURITY;
COMMIT;

-- what is found under a stricter profile was there before
SET trovella_guard.profile = strict;
ALTER TABLE item ADD COLUMN note text;
RESET trovella_guard.profile;
ALTER TABLE item ADD COLUMN note2 text;

-- the reports say which profile they are about
SET trovella_guard.profile = isolation;
SELECT right(trovella_guard.report(), 18) AS text;
SELECT (trovella_guard.report('json')::jsonb)->>'profile' AS json;
SELECT trovella_guard.report('html') ~ 'mode enforce, profile isolation' AS html;
SELECT substring(trovella_guard.report('markdown') FROM 'Profile: \w+\.') AS markdown;
RESET trovella_guard.profile;

SET client_min_messages = error;
DROP SCHEMA regress_profile CASCADE;
DROP ROLE regress_profile_app;
