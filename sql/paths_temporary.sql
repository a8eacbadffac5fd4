-- Every way to make something that lasts depend on a temporary object, which
-- takes it along: at commit (ON COMMIT DROP), or when its session ends.
-- As a role that is no superuser, each \c a fresh session.
\set VERBOSITY terse
-- tables without a tenant column are scenery here
\set as_paths 'SET trovella_guard.rules = ''table_unclassified=warning''; SET search_path = paths; SET client_min_messages = error; SET SESSION AUTHORIZATION regress_paths;'
CREATE ROLE regress_paths LOGIN;
GRANT SET ON PARAMETER trovella_guard.rules TO regress_paths;
-- serves the tenants; the other roles do not
CREATE ROLE regress_paths_tenant;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_paths_tenant',
              current_database()) \gexec
SELECT format('GRANT CREATE, TEMPORARY ON DATABASE %I TO regress_paths',
              current_database()) \gexec
\c -
:as_paths
SET client_min_messages = warning;
CREATE SCHEMA paths;
\c -
:as_paths
\set org '(SELECT current_setting(''app.current_organization_id'', true))'
-- makes a table as the checklist wants it; the condition is all that confines
CREATE FUNCTION make(name text, condition text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %1$I (id text, organization_id text NOT NULL, note text,
      created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
    ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY;
    CREATE POLICY open ON %1$I USING (true);
    CREATE POLICY floor ON %1$I AS RESTRICTIVE USING (%2$s);
    CREATE INDEX %3$I ON %1$I (organization_id);', name, condition, name || '_idx');
END $$;

-- road: function, function, table ON COMMIT DROP, of a restrictive policy (refused)
CREATE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true); END;
CREATE FUNCTION org() RETURNS text STABLE BEGIN ATOMIC SELECT inner_org(); END;
SELECT make('by_function', 'organization_id = (SELECT org())');
\c -
:as_paths
BEGIN;
CREATE TEMP TABLE t (x text) ON COMMIT DROP;
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true)
    WHERE NOT EXISTS (SELECT FROM pg_temp.t); END;
COMMIT;
-- road: the same with a table that lasts as long as the session (refused)
CREATE TEMP TABLE t (x text);
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true)
    WHERE NOT EXISTS (SELECT FROM pg_temp.t); END;
-- road: the same in a procedure that commits (refused)
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE u (x text) ON COMMIT DROP;
  -- in a string: PL/pgSQL of 15.0 does not know BEGIN ATOMIC
  EXECUTE 'CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
    BEGIN ATOMIC SELECT current_setting(''app.current_organization_id'', true)
      WHERE NOT EXISTS (SELECT FROM pg_temp.u); END';
  COMMIT;
END $$;
CALL commits();
-- road: the default of an argument (refused)
\c -
:as_paths
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
BEGIN;
CREATE FUNCTION helper(text DEFAULT '') RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true) || helper('x'); END;
COMMIT;
CREATE OR REPLACE FUNCTION helper(text DEFAULT pg_temp.f()) RETURNS text
  LANGUAGE sql AS $$ SELECT $1 $$;
-- road: the transition function of an aggregate (refused)
CREATE TABLE settings (value text);
CREATE FUNCTION step(text, text) RETURNS text IMMUTABLE BEGIN ATOMIC SELECT $2; END;
CREATE AGGREGATE last_of(text) (SFUNC = step, STYPE = text);
SELECT make('by_aggregate', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND (SELECT last_of(value) FROM settings) = 'on'$$);
\c -
:as_paths
CREATE FUNCTION pg_temp.same(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION step(text, text) RETURNS text IMMUTABLE
  BEGIN ATOMIC SELECT pg_temp.same($2); END;
-- road: the function of an operator (refused)
CREATE FUNCTION alike(text, text) RETURNS bool IMMUTABLE BEGIN ATOMIC SELECT $1 = $2; END;
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = alike);
SELECT make('by_operator', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND note === 'x'$$);
\c -
:as_paths
CREATE FUNCTION pg_temp.same(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION alike(text, text) RETURNS bool IMMUTABLE
  BEGIN ATOMIC SELECT $1 = pg_temp.same($2); END;
-- road: the function of a cast (refused)
CREATE TYPE boxed AS (value text);
CREATE FUNCTION to_boxed(text) RETURNS boxed IMMUTABLE BEGIN ATOMIC SELECT ROW($1)::boxed; END;
CREATE CAST (text AS boxed) WITH FUNCTION to_boxed(text);
SELECT make('by_cast', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND note::boxed IS NOT NULL$$);
\c -
:as_paths
CREATE FUNCTION pg_temp.same(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION to_boxed(text) RETURNS boxed IMMUTABLE
  BEGIN ATOMIC SELECT ROW(pg_temp.same($1))::boxed; END;
-- road: the default of a domain (refused)
CREATE DOMAIN word AS text;
SELECT make('by_domain', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND note::word IS NOT NULL$$);
\c -
:as_paths
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
ALTER DOMAIN word SET DEFAULT pg_temp.f();
-- road: the default of the tenant column's domain (refused)
CREATE DOMAIN tenant AS text;
BEGIN;
CREATE TABLE of_domain (id text PRIMARY KEY, organization_id tenant NOT NULL,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE of_domain ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON of_domain USING (organization_id = :org);
CREATE INDEX ON of_domain (organization_id);
COMMIT;
\c -
:as_paths
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
ALTER DOMAIN tenant SET DEFAULT pg_temp.f();
-- road: the default of the domain of an attribute that a policy reads (refused)
CREATE DOMAIN inside AS text;
CREATE TYPE pair AS (one inside, two text);
CREATE TABLE pairs (p pair);
SELECT make('by_type', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND EXISTS (SELECT FROM pairs WHERE (p).one = 'x')$$);
\c -
:as_paths
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
ALTER DOMAIN inside SET DEFAULT pg_temp.f();
-- road: the query of a view that a policy asks (refused)
-- by its rule: since 19 CREATE OR REPLACE VIEW makes a temporary view instead
CREATE VIEW seen AS SELECT 'x'::text AS x;
SELECT make('by_view', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND EXISTS (SELECT FROM seen)$$);
\c -
:as_paths
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO seen DO INSTEAD SELECT pg_temp.f() AS x;
-- road: a view over that view (refused)
CREATE VIEW beyond AS SELECT x FROM seen;
SELECT make('by_views', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND EXISTS (SELECT FROM beyond)$$);
DROP TABLE by_view;
\c -
:as_paths
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO seen DO INSTEAD SELECT pg_temp.f() AS x;
-- road: the type of a column of a table that a policy asks (refused)
CREATE TABLE asked (id text, note text, made text GENERATED ALWAYS AS (lower(id)) STORED);
SELECT make('by_table', $$organization_id = (SELECT current_setting('app.current_organization_id', true))
  AND EXISTS (SELECT FROM asked)$$);
\c -
:as_paths
BEGIN;
CREATE DOMAIN pg_temp.fleeting AS text;
ALTER TABLE asked ALTER note TYPE pg_temp.fleeting;
ALTER POLICY floor ON by_table USING (organization_id = :org AND EXISTS (SELECT FROM asked a WHERE a.note = 'x'));
COMMIT;
-- road: the function that generates a column of a table that a policy asks (refused)
CREATE FUNCTION lowered(text) RETURNS text IMMUTABLE BEGIN ATOMIC SELECT lower($1); END;
ALTER TABLE asked DROP made, ADD made text GENERATED ALWAYS AS (lowered(id)) STORED;
ALTER POLICY floor ON by_table USING (organization_id = :org AND EXISTS (SELECT FROM asked a WHERE a.made = 'x'));
\c -
:as_paths
CREATE FUNCTION pg_temp.same(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OR REPLACE FUNCTION lowered(text) RETURNS text IMMUTABLE
  BEGIN ATOMIC SELECT lower(pg_temp.same($1)); END;
-- road: the function that generates the tenant column (refused)
CREATE FUNCTION prefix(text) RETURNS text IMMUTABLE BEGIN ATOMIC SELECT left($1, 8); END;
BEGIN;
CREATE TABLE generated (id text PRIMARY KEY,
  organization_id text GENERATED ALWAYS AS (prefix(id)) STORED NOT NULL,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
ALTER TABLE generated ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON generated USING (organization_id = :org);
CREATE INDEX ON generated (organization_id);
COMMIT;
\c -
:as_paths
BEGIN;
CREATE TEMP TABLE t (x text) ON COMMIT DROP;
CREATE OR REPLACE FUNCTION prefix(text) RETURNS text IMMUTABLE
  BEGIN ATOMIC SELECT left($1, 8) WHERE NOT EXISTS (SELECT FROM pg_temp.t); END;
COMMIT;
-- road: the function of an index's second key (refused)
CREATE FUNCTION key(text) RETURNS text IMMUTABLE BEGIN ATOMIC SELECT $1; END;
SELECT make('by_index', $$organization_id = (SELECT current_setting('app.current_organization_id', true))$$);
BEGIN;
DROP INDEX by_index_idx;
CREATE INDEX by_index_idx ON by_index (organization_id, key(note));
COMMIT;
\c -
:as_paths
BEGIN;
CREATE TEMP TABLE t (x text) ON COMMIT DROP;
CREATE OR REPLACE FUNCTION key(text) RETURNS text IMMUTABLE
  BEGIN ATOMIC SELECT $1 WHERE NOT EXISTS (SELECT FROM pg_temp.t); END;
COMMIT;
-- road: a column that an index only includes (refused)
BEGIN;
DROP INDEX by_index_idx;
CREATE INDEX by_index_idx ON by_index (organization_id) INCLUDE (note);
COMMIT;
\c -
:as_paths
CREATE DOMAIN pg_temp.fleeting AS text;
ALTER TABLE by_index ALTER note TYPE pg_temp.fleeting;
-- road: an index that depends on an extension, which gets a member that stands on a temporary object (refused)
CREATE EXTENSION citext SCHEMA paths;
BEGIN;
DROP INDEX by_index_idx;
CREATE INDEX by_index_idx ON by_index (organization_id);
ALTER INDEX by_index_idx DEPENDS ON EXTENSION citext;
COMMIT;
\c -
:as_paths
BEGIN;
CREATE TEMP TABLE t (x text) ON COMMIT DROP;
CREATE FUNCTION member() RETURNS bool BEGIN ATOMIC SELECT EXISTS (SELECT FROM pg_temp.t); END;
ALTER EXTENSION citext ADD FUNCTION member();
COMMIT;
-- road: a type of an extension that gets such a member (refused)
BEGIN;
DROP INDEX by_index_idx;
CREATE INDEX by_index_idx ON by_index (organization_id) INCLUDE (note);
COMMIT;
ALTER POLICY floor ON by_table USING (organization_id = :org AND note::citext = 'x');
\c -
:as_paths
BEGIN;
CREATE TEMP TABLE t (x text);
CREATE FUNCTION member() RETURNS bool BEGIN ATOMIC SELECT EXISTS (SELECT FROM pg_temp.t); END;
ALTER EXTENSION citext ADD FUNCTION member();
COMMIT;
ALTER POLICY floor ON by_table USING (organization_id = :org);
-- road: DEPENDS ON EXTENSION, of one that has such a member (refused)
CREATE TEMP TABLE t (x text);
CREATE FUNCTION member() RETURNS bool BEGIN ATOMIC SELECT EXISTS (SELECT FROM pg_temp.t); END;
ALTER EXTENSION citext ADD FUNCTION member();
ALTER INDEX by_index_idx DEPENDS ON EXTENSION citext;
ALTER FUNCTION inner_org() DEPENDS ON EXTENSION citext;
-- road: a schema that is a member of an extension, which gets such a member (refused)
CREATE SCHEMA paths_inner AUTHORIZATION CURRENT_USER;
CREATE FUNCTION paths_inner.org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true); END;
CREATE EXTENSION hstore SCHEMA paths;
ALTER EXTENSION hstore ADD SCHEMA paths_inner;
ALTER POLICY floor ON by_table USING (organization_id = (SELECT paths_inner.org()));
\c -
:as_paths
BEGIN;
CREATE TEMP TABLE t (x text) ON COMMIT DROP;
CREATE FUNCTION other_member() RETURNS bool BEGIN ATOMIC SELECT EXISTS (SELECT FROM pg_temp.t); END;
ALTER EXTENSION hstore ADD FUNCTION other_member();
COMMIT;
ALTER POLICY floor ON by_table USING (organization_id = :org);
-- road: a function that is moved into a schema which goes with such an extension (refused)
CREATE SCHEMA paths_outer AUTHORIZATION CURRENT_USER;
CREATE TEMP TABLE t (x text);
CREATE FUNCTION other_member() RETURNS bool BEGIN ATOMIC SELECT EXISTS (SELECT FROM pg_temp.t); END;
ALTER EXTENSION hstore DROP SCHEMA paths_inner;
ALTER EXTENSION hstore ADD SCHEMA paths_outer;
ALTER EXTENSION hstore ADD FUNCTION other_member();
ALTER FUNCTION inner_org() SET SCHEMA paths_outer;
-- road: ALTER TABLE OF a temporary type, of a table that a policy asks (refused)
CREATE TABLE typed (id text);
ALTER POLICY floor ON by_table USING (organization_id = :org AND EXISTS (SELECT FROM typed a WHERE a.id = 'x'));
\c -
:as_paths
CREATE TYPE pg_temp.row AS (id text);
ALTER TABLE typed OF pg_temp.row;
-- road: the dictionary of a text search configuration (refused)
CREATE TEXT SEARCH CONFIGURATION config (COPY = simple);
ALTER POLICY floor ON by_table USING (organization_id = :org AND to_tsvector('config', note) @@ 'x');
\c -
:as_paths
CREATE TEXT SEARCH DICTIONARY pg_temp.dictionary (TEMPLATE = simple);
ALTER TEXT SEARCH CONFIGURATION config ALTER MAPPING FOR word WITH pg_temp.dictionary;
-- road: the collation of a column that an index only includes (refused)
\c -
:as_paths
CREATE COLLATION pg_temp.fleeting FROM "C";
ALTER TABLE by_index ALTER note TYPE text COLLATE pg_temp.fleeting;
-- road: a policy that names a temporary table by its OID (refused)
CREATE TEMP TABLE t (x text);
SELECT make('by_number', format('organization_id = (SELECT current_setting(''app.current_organization_id'', true)) AND %L::regclass IS NOT NULL', 't'::regclass::oid));

-- road: a function that names the temporary schema itself (refused)
SELECT format('CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT %L::regnamespace::text; END', pg_my_temp_schema()::regnamespace) AS command \gset
:command;

-- road: temporary tables, views over tenant tables, functions and types of their own (passes)
\c -
:as_paths
SET client_min_messages = notice;
CREATE TEMP TABLE t (id text, made text GENERATED ALWAYS AS (lower(id)) STORED);
CREATE TEMP VIEW v WITH (security_invoker) AS SELECT * FROM by_function;
CREATE DOMAIN pg_temp.fleeting AS text;
ALTER DOMAIN pg_temp.fleeting SET DEFAULT 'x';
CREATE FUNCTION pg_temp.f(text) RETURNS text IMMUTABLE BEGIN ATOMIC SELECT $1 WHERE NOT EXISTS (SELECT FROM t); END;
CREATE TEMP VIEW w AS SELECT pg_temp.f(id) FROM v;
BEGIN; CREATE TEMP TABLE u (LIKE t INCLUDING ALL) ON COMMIT DROP; COMMIT;
ALTER TABLE t ADD u pg_temp.fleeting;
-- road: lasting functions, types and views over temporary objects that no tenant table needs (passes)
SET client_min_messages = warning;
CREATE FUNCTION lonely() RETURNS text BEGIN ATOMIC SELECT pg_temp.f('x'); END;
CREATE VIEW lonely_view AS SELECT pg_temp.f('x');
CREATE DOMAIN lonely_domain AS text DEFAULT pg_temp.f('x');
BEGIN;
CREATE TEMP TABLE z (x text) ON COMMIT DROP;
CREATE FUNCTION lonelier() RETURNS text BEGIN ATOMIC SELECT x FROM pg_temp.z; END;
COMMIT;
SET client_min_messages = notice;
-- road: the default or a check of a tenant table's column, which alone goes (passes)
ALTER TABLE by_function ALTER note SET DEFAULT pg_temp.f('x'), ADD CHECK (pg_temp.f(note) <> '');
-- road: DISCARD TEMP and the end of that session (passes)
DISCARD TEMP;
CREATE FUNCTION pg_temp.f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
ALTER TABLE by_function ALTER note SET DEFAULT pg_temp.f('x'), ADD CHECK (pg_temp.f(note) <> '');
\c -
:as_paths
-- road: CREATE OR REPLACE, ALTER DOMAIN, DEPENDS ON EXTENSION without anything temporary (passes)
CREATE TEMP TABLE t (x text);
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true); END;
CREATE OR REPLACE FUNCTION prefix(text) RETURNS text IMMUTABLE BEGIN ATOMIC SELECT left($1, 8); END;
ALTER DOMAIN tenant SET DEFAULT 'x';
ALTER INDEX by_index_idx DEPENDS ON EXTENSION citext;
ALTER INDEX by_index_idx NO DEPENDS ON EXTENSION citext;

SELECT table_name, rule, message FROM trovella_guard.check() WHERE level = 'error'
  ORDER BY 1, 2, 3;
SELECT proname FROM pg_proc WHERE pronamespace = 'paths'::regnamespace AND proname LIKE 'lonel%';
\c -
SET client_min_messages = warning;
DROP SCHEMA paths, paths_inner, paths_outer CASCADE;
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_paths;
DROP ROLE regress_paths_tenant, regress_paths;
