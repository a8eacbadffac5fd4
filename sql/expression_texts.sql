-- Tables share the texts of their expressions in messages and repairs.  Each is
-- told its own names.
SET client_min_messages = error;
SET trovella_guard.mode = off;
CREATE SCHEMA regress_texts;
SET search_path = regress_texts;
CREATE FUNCTION is_ours(record) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
CREATE FUNCTION is_ours(int, text) RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
CREATE TABLE member (organization_id text NOT NULL, account int, name text);
-- the tables of the schema get the same policy; %1$s is the table's name
CREATE PROCEDURE protect_all(expression text) LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT quote_ident(relname) FROM pg_class
      WHERE relnamespace = 'regress_texts'::regnamespace AND relkind = 'r' ORDER BY oid
  LOOP
    EXECUTE format('ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('DROP POLICY IF EXISTS p ON %1$s', name);
    EXECUTE format('CREATE POLICY p ON %1$s USING (' || expression || ')', name);
  END LOOP;
END
$$;
-- what an audit of all says, and what an audit of each says otherwise
CREATE FUNCTION texts(OUT table_name name, OUT message text, OUT repair_sql text)
RETURNS SETOF record LANGUAGE sql AS $$
  SELECT DISTINCT table_name, substring(message FROM '(?:USING|WITH CHECK) (\(.*\)):'),
    CASE rule WHEN 'policy_per_row_call' THEN repair_sql END
  FROM trovella_guard.check() WHERE schema_name = 'regress_texts'
    AND rule IN ('policy_unscoped', 'policy_unproven', 'policy_per_row_call')
$$;
CREATE FUNCTION differences() RETURNS SETOF jsonb LANGUAGE sql AS $$
  WITH whole AS (SELECT to_jsonb(c) FROM trovella_guard.check() c WHERE schema_name = 'regress_texts'),
       one AS (SELECT to_jsonb(c) FROM pg_class r, trovella_guard.check(r.oid::regclass) c
               WHERE relnamespace = 'regress_texts'::regnamespace AND relkind IN ('r', 'p', 'v', 'm'))
  (TABLE one EXCEPT ALL TABLE whole) UNION ALL (TABLE whole EXCEPT ALL TABLE one)
$$;

-- the same number, another column: the stored expressions are the same
CREATE TABLE first (organization_id text NOT NULL, account int, name text);
CREATE TABLE second (organization_id text NOT NULL, "Holder" int, name text);
CREATE TABLE third (organization_id text NOT NULL, gone int, account int, name text);
ALTER TABLE third DROP gone;
CREATE TABLE fourth (organization_id text NOT NULL, name int, account text);
CREATE TABLE fifth (organization_id text NOT NULL, account int, label text);
CALL protect_all('organization_id = current_setting(''a.b'') OR is_ours(1, ''member'')');
ALTER POLICY p ON first USING (organization_id = current_setting('a.b') OR is_ours(account, name));
ALTER POLICY p ON second USING (organization_id = current_setting('a.b') OR is_ours("Holder", name));
ALTER POLICY p ON third USING (organization_id = current_setting('a.b') OR is_ours(account, name));
ALTER POLICY p ON fourth USING (organization_id = current_setting('a.b') OR is_ours(name, account));
ALTER POLICY p ON fifth USING (organization_id = current_setting('a.b') OR is_ours(account, label));
SELECT * FROM texts() ORDER BY 1, 2;
SELECT * FROM differences();

-- a column is renamed, and changes places with another
ALTER TABLE second RENAME "Holder" TO account;
ALTER TABLE first RENAME account TO holder;
ALTER TABLE first RENAME name TO account;
ALTER TABLE first RENAME holder TO name;
SELECT * FROM texts() WHERE table_name IN ('first', 'second') ORDER BY 1, 2;
SELECT * FROM differences();

-- the name of the table, which the constants contain, too
CREATE TABLE "Sixth ""t" (organization_id text NOT NULL, account int, name text);
CREATE TABLE t (organization_id text NOT NULL, account int, name text);
CREATE TABLE u (organization_id text NOT NULL, account int, name text);
CALL protect_all('EXISTS (SELECT 1 FROM pg_class c WHERE c.relname = %1$s.organization_id AND c.relname NOT IN (''first'', ''member'', ''t'', ''"Sixth ""t"''))');
SELECT * FROM texts() ORDER BY 1, 2;
SELECT * FROM differences();

-- an alias in a sub-select that is the name of the table, or nearly
CREATE TABLE member_1 (organization_id text NOT NULL, account int, name text);
CREATE TABLE member_10 (organization_id text NOT NULL, account int, name text);
CREATE TABLE x (organization_id text NOT NULL, account int, name text);
CALL protect_all('EXISTS (SELECT 1 FROM first x WHERE x.organization_id = current_setting(''a.b'') AND EXISTS (SELECT 1 FROM member WHERE member.account = 1 AND EXISTS (SELECT 1 FROM member WHERE member.organization_id = %1$s.organization_id)))');
ALTER POLICY p ON x USING (EXISTS (SELECT 1 FROM first x WHERE x.organization_id = current_setting('a.b')));
SELECT * FROM texts() ORDER BY 1, 2;
SELECT * FROM differences();

-- long names: the number of an alias takes the place of its end
CREATE TABLE nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn_1 (organization_id text NOT NULL);
CALL protect_all('EXISTS (SELECT 1 FROM member nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn, LATERAL (SELECT 1 FROM member nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn WHERE %1$s.organization_id <> ''a'') s)');
SELECT * FROM texts() ORDER BY 1, 2;
SELECT * FROM differences();
DROP TABLE nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn_1;

-- whole rows, and system columns
CALL protect_all('is_ours(%1$s) OR (SELECT is_ours(%1$s.*)) OR is_ours(%1$s.tableoid::int, %1$s.organization_id)');
SELECT * FROM texts() ORDER BY 1, 2;
SELECT * FROM differences();

-- what the same calls look like
CALL protect_all('is_ours(1, organization_id::text)');
ALTER POLICY p ON first USING (is_ours(1, organization_id::varchar));
ALTER POLICY p ON second USING (is_ours(1, organization_id::varchar::text));
ALTER POLICY p ON third USING (is_ours((ROW(account, name))));
ALTER POLICY p ON fourth USING (is_ours((account, name)));
SELECT * FROM texts() WHERE table_name IN ('first', 'second', 'third', 'fourth', 'fifth') ORDER BY 1, 2;
SELECT * FROM differences();

-- a view, whose name is as good as that of a table
CREATE VIEW v AS SELECT * FROM member;
CALL protect_all('EXISTS (SELECT FROM v WHERE v.account = 1 AND v.organization_id = %1$s.organization_id)');
SELECT * FROM texts() WHERE table_name IN ('first', 't') ORDER BY 1, 2;
ALTER VIEW v RENAME TO first_v;
SELECT * FROM texts() WHERE table_name IN ('first', 't') ORDER BY 1, 2;
SELECT * FROM differences();

-- a message is told under the session's search_path, a repair under any
CALL protect_all('organization_id = current_setting(''a.b'') OR is_ours(1, organization_id) OR EXISTS (SELECT FROM member WHERE account = 1)');
SELECT * FROM texts() WHERE table_name IN ('first', 'second') ORDER BY 1, 2;
BEGIN;
SET LOCAL trovella_guard.mode = enforce;
CREATE TABLE fresh (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON fresh (organization_id);
ALTER TABLE fresh ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON fresh USING (organization_id = current_setting('a.b') OR is_ours(1, organization_id) OR EXISTS (SELECT FROM member WHERE account = 1));
COMMIT;
SELECT * FROM differences();

-- more texts than are kept
CALL protect_all('false');
\set ECHO none
SELECT format('CREATE POLICY p%s ON %s USING (is_ours(%1$s, organization_id))', i, relname)
  FROM generate_series(10, 50) i, (VALUES ('first'), ('second'), ('third')) relations (relname) \gexec
\set ECHO all
SELECT count(*), count(DISTINCT message) FROM texts();
SELECT * FROM differences();
RESET trovella_guard.mode;
DROP SCHEMA regress_texts CASCADE;
