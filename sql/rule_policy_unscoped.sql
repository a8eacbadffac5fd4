--
-- policy_unscoped: a policy that lets rows of other tenants through.  These
-- are the plain mistakes; what the prover can tell apart is the business of
-- the scope_*.sql files.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, user_id text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_unscoped;
SET search_path = regress_unscoped;

-- broken: tenantPolicies() with the wrong column
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
CREATE POLICY item_select ON item FOR SELECT USING (user_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY item_insert ON item FOR INSERT WITH CHECK (:tenant);
CREATE POLICY item_update ON item FOR UPDATE USING (:tenant);
CREATE POLICY item_delete ON item FOR DELETE USING (:tenant);
COMMIT;

-- repaired
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
CREATE POLICY item_select ON item FOR SELECT USING (:tenant);
CREATE POLICY item_insert ON item FOR INSERT WITH CHECK (:tenant);
CREATE POLICY item_update ON item FOR UPDATE USING (:tenant);
CREATE POLICY item_delete ON item FOR DELETE USING (:tenant);
COMMIT;

-- a right policy cannot go wrong
ALTER POLICY item_select ON item USING (true);
\set VERBOSITY terse
ALTER POLICY item_select ON item USING (organization_id IS NOT NULL);
ALTER POLICY item_select ON item USING (organization_id = organization_id);
ALTER POLICY item_select ON item USING (organization_id = 'org1');
ALTER POLICY item_select ON item USING (organization_id <> (SELECT current_setting('app.current_organization_id', true)));
ALTER POLICY item_select ON item USING (:tenant OR user_id IS NULL);
ALTER POLICY item_select ON item USING (NOT (:tenant));
ALTER POLICY item_insert ON item WITH CHECK (true);
ALTER POLICY item_insert ON item WITH CHECK (user_id IS NOT NULL);
ALTER POLICY item_update ON item USING (true);
ALTER POLICY item_update ON item WITH CHECK (true);
ALTER POLICY item_delete ON item USING (true);
-- nor can another one open what it has closed
CREATE POLICY item_all ON item USING (true);
CREATE POLICY item_public ON item FOR SELECT USING (user_id IS NULL);
SELECT polname FROM pg_policy WHERE polrelid = 'item'::regclass ORDER BY 1;

-- new rows: who writes one chooses its parent and its tenant
\set VERBOSITY default
CREATE FUNCTION can_edit(text) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = pg_catalog, pg_temp
  AS $$ SELECT $1 = pg_catalog.current_setting('app.user', true) $$;
ALTER POLICY item_insert ON item WITH CHECK (user_id IN (SELECT i.id FROM item i));
ALTER POLICY item_update ON item WITH CHECK (EXISTS (SELECT FROM item i WHERE i.id = item.user_id));
ALTER POLICY item_update ON item WITH CHECK (can_edit((SELECT i.user_id FROM item i WHERE i.id = item.user_id)));
CREATE POLICY item_all ON item USING (can_edit(user_id));
\set VERBOSITY terse
CREATE POLICY item_all ON item USING (user_id IN (SELECT i.id FROM item i));
-- ... unless a foreign key ties the two
BEGIN;
CREATE INDEX item_parent ON item (organization_id, user_id);
ALTER TABLE item ADD CONSTRAINT item_key UNIQUE (organization_id, id), ALTER user_id SET NOT NULL,
  ADD CONSTRAINT item_fk FOREIGN KEY (organization_id, user_id) REFERENCES item (organization_id, id);
COMMIT;
ALTER POLICY item_insert ON item WITH CHECK (user_id IN (SELECT i.id FROM item i));
SELECT rule, object, message FROM trovella_guard.check('item') WHERE rule ~ '^policy_un';
ALTER TABLE item DROP CONSTRAINT item_fk;
ALTER TABLE item ALTER user_id DROP NOT NULL;
ALTER POLICY item_insert ON item WITH CHECK (:tenant);
ALTER TABLE item DROP CONSTRAINT item_fk, DROP CONSTRAINT item_key, ALTER user_id DROP NOT NULL;
DROP INDEX item_parent;
DROP FUNCTION can_edit(text);
-- ... and unless the tenant may not be changed
CREATE ROLE regress_unscoped;
GRANT UPDATE (user_id) ON item TO regress_unscoped;
ALTER POLICY item_update ON item WITH CHECK (true);
GRANT UPDATE ON item TO regress_unscoped;
ALTER POLICY item_update ON item WITH CHECK (:tenant);
REVOKE ALL ON item FROM regress_unscoped;
DROP ROLE regress_unscoped;

-- a switch of administrators must be declared, and closed by default
\set bypass '(SELECT current_setting(''app.bypass_rls'', true)) = ''on'''
ALTER POLICY item_select ON item USING (:tenant OR :bypass);
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'platform administrators');
ALTER POLICY item_select ON item USING (:tenant OR :bypass);
ALTER POLICY item_insert ON item WITH CHECK (:tenant OR :bypass);
ALTER POLICY item_delete ON item USING (:tenant OR coalesce(:bypass, true));
ALTER POLICY item_delete ON item USING (:tenant OR NOT :bypass);
SELECT trovella_guard.disallow_bypass('app.bypass_rls');
ALTER POLICY item_select ON item USING (:tenant);
ALTER POLICY item_insert ON item WITH CHECK (:tenant);
SELECT trovella_guard.disallow_bypass('app.bypass_rls');

-- the wrong column: all users of a tenant share its setting, so it ties no row to one of them
ALTER POLICY item_select ON item USING (user_id = (SELECT current_setting('app.current_organization_id', true)));
ALTER POLICY item_select ON item USING (user_id = nullif(current_setting('App.Current_Organization_Id'), ''));
ALTER POLICY item_select ON item USING (user_id = (SELECT current_setting('app.user_id', true)));
SELECT level, rule FROM trovella_guard.check('item') WHERE rule LIKE 'policy_un%';
ALTER POLICY item_select ON item USING (:tenant);

-- what is still right
ALTER POLICY item_select ON item USING (:tenant AND user_id IS NOT NULL);
ALTER POLICY item_select ON item USING (false);
ALTER POLICY item_select ON item USING (:tenant);
CREATE POLICY item_own ON item FOR SELECT USING (:tenant AND user_id = current_user);
CREATE POLICY item_closed ON item AS RESTRICTIVE USING (user_id IS NOT NULL);
-- a restrictive policy confines what a permissive one leaves open
BEGIN;
CREATE POLICY item_tenant ON item AS RESTRICTIVE USING (:tenant);
ALTER POLICY item_select ON item USING (true);
COMMIT;
DROP POLICY item_tenant ON item;

-- a new mistake in a policy that was wrong before is a new mistake; so is
-- one in another policy
SET trovella_guard.rules = 'policy_unscoped=warning';
DROP POLICY item_tenant ON item;
SET trovella_guard.rules = 'policy_unscoped=error';
ALTER TABLE item SET (fillfactor = 90);
ALTER POLICY item_select ON item RENAME TO item_read;
ALTER POLICY item_read ON item USING (id = id);
ALTER POLICY item_delete ON item USING (true);

-- other levels
SET trovella_guard.rules = 'policy_unscoped=info';
ALTER TABLE item SET (fillfactor = 100);
SELECT rule, level, object, message FROM trovella_guard.check('item')
  WHERE rule = 'policy_unscoped';
SET trovella_guard.rules = 'policy_unscoped=off';
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_unscoped';
RESET trovella_guard.rules;

-- what check() prints fixes it
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_unscoped' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';
SELECT polname, polcmd, pg_get_expr(polqual, polrelid) AS "using",
       pg_get_expr(polwithcheck, polrelid) AS with_check
  FROM pg_policy WHERE polname = 'item_read';
-- ... for each kind of policy
SET trovella_guard.rules = 'policy_unscoped=info';
ALTER POLICY item_insert ON item WITH CHECK (true);
ALTER POLICY item_update ON item USING (true) WITH CHECK (true);
ALTER POLICY item_delete ON item USING (true);
CREATE POLICY item_all ON item USING (true);
SELECT DISTINCT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_unscoped' ORDER BY 1 \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_unscoped';
RESET trovella_guard.rules;

-- waived
\set VERBOSITY sqlstate
SELECT trovella_guard.allow('item', 'read by the billing job of all tenants', 'policy_unscoped');
ALTER POLICY item_read ON item USING (true);
SELECT trovella_guard.disallow('item', 'policy_unscoped');

DROP TABLE item;
SELECT trovella_guard.disallow('item', 'policy_unscoped');
DROP SCHEMA regress_unscoped;
