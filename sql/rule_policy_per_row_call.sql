--
-- policy_per_row_call: a session value is asked for anew for each row.
--
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, user_id text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
SET client_min_messages = warning;
CREATE SCHEMA regress_per_row;
SET search_path = regress_per_row;
CREATE FUNCTION uid() RETURNS text STABLE LANGUAGE sql
  RETURN current_setting('app.user_id', true);
CREATE FUNCTION is_member(text) RETURNS boolean STABLE LANGUAGE sql
  RETURN $1 = current_setting('app.org', true);

-- of level info: no noise at commit, a row in the audit
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
CREATE POLICY setting ON item USING (organization_id = current_setting('app.org', true));
CREATE POLICY helper ON item FOR SELECT
  USING (organization_id = (SELECT current_setting('app.org', true)) AND user_id = uid());
CREATE POLICY array_of ON item FOR SELECT
  USING (organization_id = ANY (string_to_array(current_setting('app.orgs', true), ',')));
CREATE POLICY in_check ON item FOR INSERT
  WITH CHECK (organization_id = coalesce(nullif(current_setting('app.org', true), ''), 'none'));
CREATE POLICY in_case ON item FOR SELECT
  USING (organization_id = CASE WHEN user_id = uid() THEN current_setting('app.org', true) END);
-- and these are fine
CREATE POLICY wrapped ON item USING (organization_id = (SELECT current_setting('app.org', true)));
CREATE POLICY membership ON item FOR SELECT
  USING (organization_id IN (SELECT current_setting('app.org', true) WHERE uid() <> ''));
CREATE POLICY per_row ON item FOR SELECT USING (is_member(organization_id));
CREATE POLICY role_name ON item FOR SELECT USING (organization_id = current_user);
COMMIT;
\pset format unaligned
SELECT object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call' ORDER BY object;

-- what check() prints mends it, and proves the same
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_per_row_call';
SELECT object FROM trovella_guard.check('item') WHERE rule = 'policy_unscoped';
SELECT object FROM trovella_guard.check('item') WHERE rule = 'policy_unproven';

DROP SCHEMA regress_per_row CASCADE;
