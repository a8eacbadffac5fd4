--
-- policy_unproven: whether the policy isolates tenants depends on a function
-- that gets the tenant column.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA regress_unproven;
SET search_path = regress_unproven;
CREATE FUNCTION may_see(text) RETURNS boolean STABLE LANGUAGE sql
  AS $$ SELECT $1 = current_setting('app.current_organization_id', true) $$;
BEGIN;
CREATE TABLE item (id int PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON item (organization_id);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (may_see(organization_id));
\set VERBOSITY default
COMMIT;
\set VERBOSITY terse

SELECT level, object, message FROM trovella_guard.check('item') WHERE rule = 'policy_unproven';

-- as an error it is refused, unless it was there before
SET trovella_guard.rules = 'policy_unproven=error';
ALTER TABLE item ADD note text;
ALTER POLICY item_tenant ON item USING (may_see(organization_id) AND id > 0);

-- waived
SELECT trovella_guard.allow('item', 'may_see() was reviewed', 'policy_unproven');
ALTER POLICY item_tenant ON item USING (may_see(organization_id) AND id > 0);
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_unproven';
SELECT trovella_guard.disallow('item', 'policy_unproven');	-- it is needed

-- repaired by what the audit says (check() is silent about what is waived)
SELECT repair_sql FROM trovella_guard.findings('item') WHERE rule = 'policy_unproven' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule ~ '^policy_un';
SELECT trovella_guard.disallow('item', 'policy_unproven');

-- rows of the session's user; a function that might as well be STABLE
BEGIN;
CREATE FUNCTION uid() RETURNS text STABLE LANGUAGE sql
  AS $$ SELECT current_setting('app.user_id', true) $$;
CREATE FUNCTION "Tenant"() RETURNS text LANGUAGE sql
  AS $$ SELECT current_setting('app.current_organization_id', true) $$;
CREATE FUNCTION audit(text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE TABLE own (id int PRIMARY KEY, organization_id text NOT NULL, user_id text,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON own (organization_id);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON own FOR SELECT USING (user_id = uid());
CREATE POLICY either ON own FOR SELECT USING (user_id = uid() OR may_see(organization_id));
CREATE POLICY named ON own FOR DELETE USING (id = ANY (string_to_array(uid(), ',')::int[]));
CREATE POLICY forgotten ON own FOR INSERT WITH CHECK (organization_id = "Tenant"());
CREATE POLICY volatile ON own FOR UPDATE USING (audit(organization_id));
SELECT object, message FROM trovella_guard.check('own') WHERE rule ~ 'policy_un' ORDER BY message;
SELECT repair_sql FROM trovella_guard.check('own') WHERE object = 'forgotten' AND rule = 'policy_unproven';
ALTER FUNCTION "Tenant"() STABLE;
SELECT object FROM trovella_guard.check('own') WHERE rule ~ 'policy_un' ORDER BY message;
ROLLBACK;

-- a policy that reads a table owes what it does to the policies of that table:
-- if these change, what was not proven is new
SET trovella_guard.mode = off;
CREATE TABLE team (id int PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON team (organization_id);
ALTER TABLE team ENABLE ROW LEVEL SECURITY;
CREATE POLICY team_tenant ON team
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
ALTER POLICY item_tenant ON item USING (EXISTS (SELECT FROM team WHERE team.id = item.id));
SET trovella_guard.mode = enforce;
ALTER TABLE team ADD note text;
ALTER POLICY team_tenant ON team
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) AND id > 0);

-- ... also if that table was judged before its own change is looked at
SET trovella_guard.mode = off;
CREATE TABLE base (LIKE team);
CREATE INDEX ON base (organization_id);
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
CREATE POLICY base_tenant ON base
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
ALTER TABLE team INHERIT base;
SET trovella_guard.mode = enforce;
BEGIN;
ALTER POLICY base_tenant ON base
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) AND id > 0);
COMMIT;
BEGIN;
ALTER POLICY base_tenant ON base
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) AND id > 1);
ALTER POLICY team_tenant ON team
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)) AND id > 1);
COMMIT;
RESET trovella_guard.rules;

DROP TABLE item, team, base;
DROP FUNCTION may_see(text);
DROP SCHEMA regress_unproven;
