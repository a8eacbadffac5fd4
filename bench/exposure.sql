-- exposure.sql: a database with :n tenant tables and many ways to them: a role
-- for 25 tables, a function for five, a view for ten.
--
-- Half of the views and functions read as their owner.  The tables are real,
-- because views and functions refer to them.
SET client_min_messages = error;
SET trovella_guard.mode = off;

SELECT format('CREATE ROLE bench_%s %s', i, CASE WHEN i % 4 = 0 THEN 'LOGIN' END)
FROM generate_series(1, :n / 25) i \gexec
SELECT format('GRANT bench_%s TO bench_%s', i / 2, i)
FROM generate_series(2, :n / 25) i \gexec
SELECT format($$
  CREATE TABLE app.t%1$s (id int, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
  CREATE INDEX ON app.t%1$s (organization_id);
  ALTER TABLE app.t%1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY p ON app.t%1$s USING (organization_id = (SELECT pg_catalog.current_setting('app.current_organization_id', true)));
  GRANT SELECT, INSERT, UPDATE, DELETE ON app.t%1$s TO bench_%2$s$$, i, i % (:n / 25) + 1)
FROM generate_series(1, :n) i \gexec
SELECT format($$
  CREATE VIEW app.v%1$s %3$s AS SELECT * FROM app.t%1$s;
  GRANT SELECT ON app.v%1$s TO bench_%2$s$$, i, i % (:n / 25) + 1,
  CASE WHEN i % 2 = 0 THEN 'WITH (security_invoker = true)' END)
FROM generate_series(1, :n / 10) i \gexec
SELECT format('CREATE FUNCTION app.f%1$s() RETURNS SETOF app.t%1$s LANGUAGE sql %2$s SECURITY %3$s',
  i, CASE WHEN i % 4 < 2 THEN '' ELSE 'STABLE' END,
  CASE WHEN i % 2 = 0 THEN 'DEFINER' ELSE 'INVOKER' END ||
  CASE WHEN i % 4 < 2 THEN format(' BEGIN ATOMIC SELECT * FROM app.t%s; END', i)
       ELSE format(' AS ''SELECT * FROM app.t%s''', i) END)
FROM generate_series(1, :n / 5) i \gexec
