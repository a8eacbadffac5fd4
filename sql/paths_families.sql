-- Whoever reads a parent reads the rows of its inheritance children, by the
-- policies of the parent alone.
\set VERBOSITY terse
-- tables without a tenant column are scenery here
\set as_paths 'SET trovella_guard.rules = ''table_unclassified=warning''; SET search_path = paths; SET SESSION AUTHORIZATION regress_paths;'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT table_name, rule, object FROM trovella_guard.check() WHERE schema_name LIKE ''paths%'' AND level = ''error'' ORDER BY 1, 2, 3'
CREATE ROLE regress_paths LOGIN;
CREATE ROLE regress_paths_app;
-- serves the tenants; the other roles do not
CREATE ROLE regress_paths_tenant;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_tenant',
              current_database()) \gexec
CREATE ROLE regress_paths_px;
CREATE ROLE regress_paths_cy;
CREATE ROLE regress_paths_zz LOGIN IN ROLE regress_paths_px, regress_paths_cy;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
SET client_min_messages = error;
CREATE SCHEMA paths;
CREATE SCHEMA paths_listed;
GRANT ALL ON SCHEMA paths TO PUBLIC;
\c -
SET client_min_messages = error;
CREATE FUNCTION make(name text, options text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$s (id int, organization_id text NOT NULL,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()) %2$s;
    ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON %1$s USING (organization_id =
      (SELECT current_setting(''app.current_organization_id'', true)));
    CREATE INDEX ON %1$s (organization_id);
    GRANT SELECT, UPDATE ON %1$s TO regress_paths_app;', name, options);
END $$;

-- road: INHERIT of an allowlisted tenant table with a loose policy (refused)
SELECT trovella_guard.allow('paths.glob', 'templates, the same for all');
SELECT trovella_guard.allow('paths.waived', 'a loose policy', 'policy_unscoped');
\c -
:as_paths
SET client_min_messages = error;
SELECT public.make('kid');
SELECT public.make('glob');
DROP POLICY p ON glob;
CREATE POLICY loose ON glob USING (true);
ALTER TABLE kid INHERIT glob;
-- road: the same where only policy_unscoped is waived (refused)
SELECT public.make('waived');
CREATE POLICY loose ON waived FOR SELECT USING (true);
ALTER TABLE kid INHERIT waived;
-- road: CREATE TABLE INHERITS of such a parent, without grants (refused)
BEGIN;
CREATE TABLE kid2 () INHERITS (glob);
CREATE INDEX ON kid2 (organization_id);
COMMIT;
-- road: a policy that lets insert only does not count for children (passes)
ALTER POLICY p ON waived TO regress_paths;
DROP POLICY loose ON waived;
CREATE POLICY loose ON waived FOR INSERT WITH CHECK (true);
ALTER TABLE kid INHERIT waived;
-- road: CREATE POLICY that loosens an allowlisted parent (refused)
CREATE POLICY looser ON waived FOR SELECT USING (true);
-- road: DROP of a restrictive policy of an allowlisted parent (refused)
ALTER TABLE kid NO INHERIT waived;
DROP POLICY loose ON waived;
CREATE POLICY floor ON waived AS RESTRICTIVE USING (organization_id =
  (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY loose ON waived USING (true);
ALTER TABLE kid INHERIT waived;
DROP POLICY floor ON waived;
-- road: the grandparent loosened, of which nothing is said (refused)
SELECT public.make('grandchild');
ALTER TABLE grandchild INHERIT kid;
DROP POLICY floor ON waived;
:found;

-- road: INHERIT of a tenant table whose owner is a stranger (refused)
\c -
SET client_min_messages = error;
ALTER SCHEMA paths OWNER TO regress_paths_zz;
SET search_path = paths;
DROP TABLE grandchild, kid, waived, glob;
SELECT public.make('pp');
SELECT public.make('cc');
ALTER TABLE pp OWNER TO regress_paths_px;
ALTER TABLE cc OWNER TO regress_paths_cy;
\c -
SET search_path = paths;
SET SESSION AUTHORIZATION regress_paths_zz;
SET client_min_messages = error;
ALTER TABLE cc INHERIT pp;
-- road: NO FORCE ROW LEVEL SECURITY of such a parent (refused)
ALTER TABLE pp FORCE ROW LEVEL SECURITY;
ALTER TABLE cc INHERIT pp;
ALTER TABLE pp NO FORCE ROW LEVEL SECURITY;
-- road: ALTER TABLE OWNER of a parent to a stranger (refused)
ALTER TABLE pp OWNER TO regress_paths_cy;
ALTER TABLE pp NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pp OWNER TO regress_paths_px;
-- road: ALTER TABLE OWNER of a child to a stranger of the parent's owner (refused)
ALTER TABLE cc OWNER TO regress_paths_px;
:found;

-- road: INHERIT of a parent that another tenant column guards (refused)
\c -
SET client_min_messages = error;
SELECT format('ALTER DATABASE %I SET trovella_guard.tenant_columns = ''organization_id, tenant_id''', current_database()) \gexec
\c -
SET client_min_messages = error;
SET search_path = paths;
DROP TABLE cc, pp;
BEGIN;
CREATE TABLE other (id int, tenant_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE other ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON other USING (tenant_id = (SELECT current_setting('app.tenant', true)));
CREATE INDEX ON other (tenant_id);
GRANT SELECT ON other TO regress_paths_app;
COMMIT;
SELECT public.make('kid');
ALTER TABLE kid ADD tenant_id text NOT NULL;
ALTER TABLE kid INHERIT other;
-- road: CREATE TABLE INHERITS of such a parent (refused)
BEGIN;
SELECT public.make('kid2', 'INHERITS (other)');
COMMIT;
-- road: ADD COLUMN to the child of a column that comes first (refused)
BEGIN;
CREATE TABLE kid2 () INHERITS (other);
ALTER TABLE kid2 ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON kid2 USING (tenant_id = (SELECT current_setting('app.tenant', true)));
CREATE INDEX ON kid2 (tenant_id);
COMMIT;
ALTER TABLE kid2 ADD organization_id text NOT NULL;
SELECT format('ALTER DATABASE %I RESET trovella_guard.tenant_columns', current_database()) \gexec
\c -
SET client_min_messages = error;
SET search_path = paths;
DROP TABLE kid, kid2, other;
DELETE FROM trovella_guard.allowlist;

-- road: INHERIT of a parent whose loose policy is a debt (refused)
SET trovella_guard.mode = off;
SELECT public.make('debt');
CREATE POLICY loose ON debt USING (true);
SELECT public.make('rooted', 'PARTITION BY LIST (id)');
CREATE POLICY loose ON rooted USING (true);
RESET trovella_guard.mode;
SELECT trovella_guard.adopt('day 0') > 0;
SELECT public.make('kid');
ALTER TABLE kid INHERIT debt;
-- road: ATTACH PARTITION to such a parent (refused)
ALTER TABLE rooted ATTACH PARTITION kid FOR VALUES IN (1);
-- road: CREATE TABLE PARTITION OF such a parent, out of reach (passes)
BEGIN;
CREATE TABLE rooted_2 PARTITION OF rooted FOR VALUES IN (2);
COMMIT;
-- road: ATTACH PARTITION to a parent whose owner is a stranger (refused)
SELECT public.make('root', 'PARTITION BY LIST (id)');
ALTER TABLE root OWNER TO regress_paths_px;
ALTER TABLE kid OWNER TO regress_paths_cy;
ALTER TABLE root ATTACH PARTITION kid FOR VALUES IN (1);
DROP TABLE kid, debt, rooted, root;
DELETE FROM trovella_guard.allowlist;

-- before 18 NOT NULL was nobody's but the table's
SELECT current_setting('server_version_num')::int >= 180000 AS is_constraint \gset
\if :is_constraint
\set only 'ALTER TABLE ev ADD CONSTRAINT nn NOT NULL organization_id NO INHERIT'
\else
\set only 'ALTER TABLE ONLY ev ALTER organization_id SET NOT NULL'
\endif
-- road: DROP NOT NULL of the tenant column of a child, where the parent's policy relies on it (refused)
BEGIN;
SELECT public.make('ev');
CREATE TABLE ev_child () INHERITS (ev);
CREATE INDEX ON ev_child (organization_id);
ALTER TABLE ev ALTER organization_id DROP NOT NULL;
:only;
ALTER TABLE ev_child ALTER organization_id SET NOT NULL;
ALTER POLICY p ON ev USING (organization_id IS NULL OR :tenant);
COMMIT;
ALTER TABLE ev_child ALTER organization_id DROP NOT NULL;
SELECT attnotnull FROM pg_attribute
  WHERE attrelid = 'ev_child'::regclass AND attname = 'organization_id';
DROP TABLE ev CASCADE;
-- road: SET NOT NULL of the parent alone, and a policy that relies on it (refused)
BEGIN;
SELECT public.make('ev');
ALTER TABLE ev ALTER organization_id DROP NOT NULL;
CREATE TABLE ev_child () INHERITS (ev);
CREATE INDEX ON ev_child (organization_id);
COMMIT;
BEGIN;
:only;
ALTER POLICY p ON ev USING (organization_id IS NULL OR :tenant);
COMMIT;
DROP TABLE ev CASCADE;

-- road: CREATE TABLE PARTITION OF a tenant table, in an allowlisted schema (refused)
SELECT trovella_guard.allow('paths_listed.*', 'a tool of ours');
SELECT public.make('ev', 'PARTITION BY LIST (id)');
BEGIN;
CREATE TABLE paths_listed.ev_1 PARTITION OF ev FOR VALUES IN (1);
GRANT SELECT ON paths_listed.ev_1 TO regress_paths_app;
COMMIT;
-- road: such a partition, out of reach (passes)
CREATE TABLE paths_listed.ev_1 PARTITION OF ev FOR VALUES IN (1);
-- road: GRANT on such a partition in an allowlisted schema (refused)
GRANT SELECT ON paths_listed.ev_1 TO regress_paths_app;
-- road: DETACH PARTITION of one in an allowlisted schema (refused)
ALTER TABLE ev DETACH PARTITION paths_listed.ev_1;
-- road: ATTACH PARTITION of an allowlisted schema's table (refused)
CREATE TABLE paths_listed.old (id int, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
GRANT SELECT ON paths_listed.old TO regress_paths_app;
ALTER TABLE ev ATTACH PARTITION paths_listed.old FOR VALUES IN (2);
-- road: a partition of a partition there (refused)
BEGIN;
CREATE TABLE paths_listed.ev_3 PARTITION OF ev FOR VALUES IN (3) PARTITION BY LIST (id);
CREATE TABLE paths_listed.ev_33 PARTITION OF paths_listed.ev_3 FOR VALUES IN (3);
GRANT SELECT ON paths_listed.ev_33 TO regress_paths_app;
COMMIT;
-- road: ALTER TABLE SET SCHEMA of a partition into an allowlisted schema, and GRANT (refused)
CREATE TABLE ev_4 PARTITION OF ev FOR VALUES IN (4);
ALTER TABLE ev_4 SET SCHEMA paths_listed;
GRANT SELECT ON paths_listed.ev_4 TO regress_paths_app;
-- road: partitions whose root is in the allowlisted schema, too (passes)
BEGIN;
CREATE TABLE paths_listed.log (id int, organization_id text) PARTITION BY LIST (id);
CREATE TABLE paths_listed.log_1 PARTITION OF paths_listed.log FOR VALUES IN (1);
GRANT SELECT ON paths_listed.log_1 TO regress_paths_app;
COMMIT;
-- road: that root, SET SCHEMA out of it (refused)
ALTER TABLE paths_listed.log SET SCHEMA paths;
-- road: a partition with an entry of its own (passes)
SELECT trovella_guard.allow('paths_listed.ev_4', 'looked at by hand');
GRANT SELECT ON paths_listed.ev_4 TO regress_paths_app;
-- road: an inheritance child in an allowlisted schema (refused)
SELECT public.make('base');
BEGIN;
CREATE TABLE paths_listed.heir () INHERITS (base);
GRANT SELECT ON paths_listed.heir TO regress_paths_app;
COMMIT;
-- road: INHERIT by an allowlisted schema's table (refused)
ALTER TABLE paths_listed.old INHERIT base;
-- road: INHERIT of a parent of that schema and of another one (refused)
BEGIN;
CREATE TABLE paths_listed.base (LIKE base);
CREATE TABLE paths_listed.heir () INHERITS (paths_listed.base);
GRANT SELECT ON paths_listed.heir TO regress_paths_app;
COMMIT;
ALTER TABLE paths_listed.heir INHERIT base;
SELECT table_name, rule FROM trovella_guard.check()
  WHERE schema_name LIKE 'paths%' AND level = 'error' ORDER BY 1, 2;
-- road: an old partition there, and what the audit says of it (passes, until the audit)
SET trovella_guard.mode = off;
CREATE TABLE paths_listed.ev_9 PARTITION OF ev FOR VALUES IN (9);
GRANT SELECT ON paths_listed.ev_9 TO regress_paths_app;
RESET trovella_guard.mode;
SELECT table_name, rule FROM trovella_guard.check()
  WHERE schema_name LIKE 'paths%' AND level = 'error' ORDER BY 1, 2;

-- road: a lattice of parents, each level inheriting both of the one above (passes)
CREATE SCHEMA paths_lattice;
SET search_path = paths_lattice;
SET trovella_guard.rules = 'table_unclassified=warning';
SET statement_timeout = '20s';
DO $$
BEGIN
  CREATE TABLE l0a (); CREATE TABLE l0b ();
  FOR i IN 1..24 LOOP
    EXECUTE format('CREATE TABLE l%1$sa () INHERITS (l%2$sa, l%2$sb);
      CREATE TABLE l%1$sb () INHERITS (l%2$sa, l%2$sb)', i, i - 1);
  END LOOP;
END $$;
SELECT public.make('bottom', 'INHERITS (l24a, l24b)');
ALTER TABLE bottom SET (fillfactor = 90);
SELECT count(*) FROM trovella_guard.check() WHERE table_name = 'bottom' AND level = 'error';
-- road: a lattice, opened at the top (refused)
GRANT SELECT ON l0a TO regress_paths_app;
-- road: a tenant table with more than a hundred ancestors (refused)
DO $$
DECLARE
  parents text := (SELECT string_agg('c' || i, ', ' ORDER BY i) FROM generate_series(1, 100) i);
BEGIN
  FOR i IN 1..100 LOOP
    EXECUTE format('CREATE TABLE c%s ()', i);
  END LOOP;
  PERFORM public.make('wide', format('INHERITS (%s)', parents));
END $$;
ALTER TABLE wide INHERIT l0b;
RESET statement_timeout;
RESET trovella_guard.rules;

SET client_min_messages = error;
RESET search_path;
DROP SCHEMA paths_lattice, paths_listed, paths CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP FUNCTION make;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths, regress_paths_zz, regress_paths_px, regress_paths_cy, regress_paths_app;
DROP ROLE regress_paths_tenant, regress_paths, regress_paths_zz, regress_paths_px, regress_paths_cy, regress_paths_app;
