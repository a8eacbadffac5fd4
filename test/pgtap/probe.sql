--
-- probe.sql
--		The assertions of trovella_guard_tap pass where tenants are isolated, fail
--		where they are not, and work wherever pgTAP is.
--
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL trovella_guard.mode = off;
SET LOCAL trovella_guard.app_role = 'regress_probe_tap';
CREATE ROLE regress_probe_tap;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE SCHEMA assertions;
CREATE EXTENSION trovella_guard_tap SCHEMA assertions;

CREATE TABLE good (id int PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON good (organization_id);
ALTER TABLE good ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON good USING (organization_id = current_setting('app.org', true));
CREATE TABLE bad (id int PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE bad ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON bad USING (id IS NOT NULL);
CREATE TABLE empty_for_all (organization_id text NOT NULL);
ALTER TABLE empty_for_all ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON empty_for_all USING (false);
GRANT ALL ON good, bad, empty_for_all TO regress_probe_tap;

SELECT no_plan();
SELECT assertions.is_protected('good');
SELECT assertions.isolates('good');
SELECT assertions.isolates('good', 'regress_probe_tap', $$SELECT set_config('app.org', $1, true)$$);
SELECT assertions.sees_only_own('good', 'regress_probe_tap');
SELECT check_test(assertions.is_protected('bad'), false, 'is_protected', 'public.bad is protected');
SELECT check_test(assertions.isolates('bad'), false, 'isolates', 'public.bad isolates tenants');
SELECT check_test(assertions.sees_only_own('bad', 'regress_probe_tap'), false,
  'sees_only_own', 'regress_probe_tap sees only its own rows of public.bad');
SELECT check_test(assertions.sees_only_own('empty_for_all', 'regress_probe_tap'), false,
  'a trial that shows nothing', 'regress_probe_tap sees only its own rows of public.empty_for_all');
SELECT check_test(assertions.isolates('empty_for_all'), false, 'nor does this', 'public.empty_for_all isolates tenants');
DROP TABLE bad;
SELECT assertions.isolates_all();
SELECT matches(trovella_guard.report('pgtap'), 'SELECT plan\(4\);.*SELECT isolates\(''public.good''\);',
  'report(''pgtap'') asserts it of each table');
SELECT * FROM finish();
ROLLBACK;
