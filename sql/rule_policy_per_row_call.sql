--
-- policy_per_row_call: a stable function is called for each row.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE SCHEMA regress_per_row;
SET search_path = regress_per_row;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- wrapped in a sub-select, as the checklist has it: once for the statement
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_per_row_call';

-- not wrapped; a function of our own; inside a cast; in WITH CHECK only
ALTER POLICY item_tenant ON item USING (organization_id = current_setting('app.current_organization_id', true));
SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_per_row_call';

CREATE FUNCTION org() RETURNS text STABLE LANGUAGE sql
  AS $$ SELECT current_setting('app.current_organization_id', true) $$;
ALTER POLICY item_tenant ON item USING (organization_id = org()::varchar::text) WITH CHECK (:tenant);
SELECT message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call';
ALTER POLICY item_tenant ON item USING (:tenant)
  WITH CHECK (organization_id = coalesce(current_setting('app.current_organization_id', true), 'none'));
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call' \gexec
SELECT pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polrelid = 'item'::regclass;

-- a function of the row must be called for the row; an immutable one is folded
ALTER POLICY item_tenant ON item USING (:tenant AND updated_at > date_trunc('day', created_at)
  AND upper('x') = 'X') WITH CHECK (:tenant);
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_per_row_call';

-- only values are wrapped: no arm of a CASE, and nothing that holds a
-- sub-select which is correlated with the row
ALTER POLICY item_tenant ON item USING (:tenant)
  WITH CHECK (CASE WHEN org() = 'none' THEN false ELSE organization_id = org() END);
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call' \gexec
ALTER POLICY item_tenant ON item USING (:tenant)
  WITH CHECK (:tenant AND coalesce((SELECT i FROM unnest(ARRAY[item.id]) i), org()) <> '');
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'policy_per_row_call' \gexec
SELECT pg_get_expr(polwithcheck, polrelid) FROM pg_policy WHERE polrelid = 'item'::regclass;

-- what mentions the row in any argument, has to stay where it is
ALTER POLICY item_tenant ON item USING (:tenant) WITH CHECK (:tenant AND
  current_setting('app.other', id IS NOT NULL) = 'x');
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'policy_per_row_call';
SELECT rule FROM trovella_guard.check('item');
ALTER POLICY item_tenant ON item USING (:tenant) WITH CHECK (:tenant AND organization_id =
  current_setting('app.other', set_config('app.other', id, true) IS NOT NULL));
SELECT rule FROM trovella_guard.check('item');

-- at another level, and waived
ALTER POLICY item_tenant ON item USING (:tenant) WITH CHECK (:tenant);
SET trovella_guard.rules = 'policy_per_row_call=error';
\set VERBOSITY terse
ALTER POLICY item_tenant ON item USING (organization_id = current_setting('app.current_organization_id', true));
SELECT trovella_guard.allow('item', 'ten rows', 'policy_per_row_call');
ALTER POLICY item_tenant ON item USING (organization_id = current_setting('app.current_organization_id', true));
RESET trovella_guard.rules;

DROP TABLE item;
SELECT trovella_guard.disallow('item', 'policy_per_row_call');
DROP FUNCTION org();
DROP SCHEMA regress_per_row;
