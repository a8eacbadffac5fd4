-- One table with very many foreign keys, one with very many rules over nested
-- views, and a chain of very many inheritance children are judged in
-- milliseconds, not in many seconds.
SET client_min_messages = error;
SET trovella_guard.mode = off;
CREATE SCHEMA regress_many;
SET search_path = regress_many;
\set QUIET on
\set ECHO none
SELECT format('CREATE TABLE pk (%s, PRIMARY KEY (%s))', string_agg('c' || i || ' int', ','), string_agg('c' || i, ',' ORDER BY i))
  FROM generate_series(1, 32) i \gexec
SELECT format('CREATE TABLE fk (organization_id text NOT NULL, %s)', string_agg('column_' || i || ' int', ',' ORDER BY i))
  FROM generate_series(1, 1550) i \gexec
SELECT format('ALTER TABLE fk %s', string_agg(format('ADD CONSTRAINT k%s FOREIGN KEY (%s) REFERENCES pk', k, columns), ', '))
  FROM (SELECT k, string_agg('column_' || 1500 - (k * 2 + i * 31) % 1490, ',' ORDER BY i) AS columns
        FROM generate_series(1, 500) k, generate_series(0, 31) i GROUP BY k) keys \gexec
CREATE TABLE item (organization_id text NOT NULL);
CREATE VIEW v0 WITH (security_invoker) AS SELECT organization_id FROM item;
SELECT format('CREATE VIEW v%s WITH (security_invoker) AS SELECT * FROM v%s', i, i - 1)
  FROM generate_series(1, 400) i \gexec
CREATE TABLE log (id int);
SELECT format('CREATE RULE r%s AS ON INSERT TO log DO ALSO SELECT 1 FROM v400', i)
  FROM generate_series(1, 400) i \gexec
CREATE TABLE link_0 (organization_id text NOT NULL);
SELECT format('CREATE TABLE link_%s () INHERITS (link_%s)', i, i - 1)
  FROM generate_series(1, 600) i \gexec
\set ECHO all
RESET trovella_guard.mode;
SET trovella_guard.rules = 'fk_index_missing = warning, rls_disabled = warning, policy_missing = warning, tenant_index_missing = warning';
SET statement_timeout = '1500ms';
SELECT rule, count(*), count(DISTINCT repair_sql) AS repairs FROM trovella_guard.check('fk')
  WHERE rule LIKE 'fk\_%' GROUP BY 1 ORDER BY 1;
ALTER TABLE fk SET (fillfactor = 90);
ALTER TABLE log SET (fillfactor = 90);
SELECT rule, count(*) FROM trovella_guard.check() WHERE table_name LIKE 'link\_%'
  AND rule IN ('rls_disabled', 'policy_missing') GROUP BY 1 ORDER BY 1;
RESET statement_timeout;
RESET trovella_guard.rules;
-- ancestors so wide that the reader does not keep the outlines of all: the far
-- ones count like the near ones
SET trovella_guard.mode = off;
\set ECHO none
SELECT format('CREATE TABLE wide_0 (organization_id text NOT NULL, %s)', string_agg('column_' || i || ' int', ',' ORDER BY i))
  FROM generate_series(1, 1590) i \gexec
SELECT format('CREATE TABLE wide_%s () INHERITS (wide_%s)', i, i - 1)
  FROM generate_series(1, 24) i \gexec
SELECT format('ALTER TABLE wide_%s ENABLE ROW LEVEL SECURITY', i)
  FROM generate_series(1, 24) i \gexec
GRANT SELECT ON wide_0, wide_23 TO PUBLIC;
\set ECHO all
RESET trovella_guard.mode;
SELECT rule, table_name, message FROM trovella_guard.check('wide_24')
  WHERE rule IN ('rls_disabled', 'audit_failed') ORDER BY 1, 2, 3;
DROP SCHEMA regress_many CASCADE;
