--
-- What is read of the time before a transaction names what the transaction has
-- dropped: types, functions, operators, tables.  None of that is an internal
-- error.
--
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE ROLE regress_dropped_role NOLOGIN;
CREATE SCHEMA regress_dropped;
SET search_path = regress_dropped;
CREATE FUNCTION session() RETURNS text STABLE LANGUAGE sql
  AS $$ SELECT current_setting('app.current_organization_id', true) $$;

SELECT trovella_guard.allow('regress_dropped.cases', 'what this test runs');

-- Each case is made in a schema of its own: a statement, what undoes it, and
-- what policies say of it.
CREATE TABLE cases (setup text, undo text, expressions text[]);
\set ECHO none
INSERT INTO cases VALUES
($$CREATE TYPE x AS ENUM ('a')$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id = (session()::x)::text$$,
  $$organization_id::x = session()::x$$,
  $$organization_id = ANY ((session()::x[])::text[])$$,
  $$organization_id::x IN (session()::x, 'a')$$,
  $$organization_id::x IN (SELECT session()::x)$$,
  $$organization_id::x = ANY (ARRAY(SELECT session()::x))$$,
  $$organization_id = ANY (ARRAY(SELECT session()::x)::text[])$$,
  $$ARRAY(SELECT session()::x)::text = organization_id$$,
  $$organization_id = array_to_string(ARRAY(SELECT session()::x), ',')$$,
  $$organization_id::x IN (SELECT unnest(ARRAY(SELECT session()::x)))$$,
  $$organization_id::x = ANY (CASE WHEN n = 1 THEN ARRAY(SELECT session()::x) ELSE NULL END)$$,
  $$organization_id::x = ANY (array_remove(ARRAY(SELECT session()::x), 'a'::x))$$,
  $$organization_id::x = (ARRAY(SELECT session()::x))[1]$$,
  $$organization_id::x IS NOT DISTINCT FROM session()::x$$,
  $$organization_id::x = NULLIF(session()::x, 'a')$$,
  $$CASE organization_id::x WHEN session()::x THEN true ELSE false END$$,
  $$organization_id::x = greatest(session()::x, 'a')$$,
  $$(organization_id::x, n) = (session()::x, 1)$$,
  $$(organization_id::x, n) <= (session()::x, 1)$$,
  $$organization_id::x = coalesce(session()::x, 'a')$$,
  $$organization_id IN (SELECT x::text FROM (SELECT session()::x AS x) s)$$,
  $$organization_id::x IN (SELECT session()::x UNION SELECT session()::x)$$,
  $$organization_id::x IN (WITH RECURSIVE w(x) AS (SELECT session()::x UNION ALL SELECT x FROM w WHERE false) SELECT x FROM w)$$,
  $$organization_id::x IN (VALUES (session()::x), ('a'))$$,
  $$organization_id IN (SELECT x::text FROM jsonb_to_recordset(session()::jsonb) AS r(x x))$$,
  $$organization_id IN (SELECT x::text FROM unnest(session()::x[]) WITH ORDINALITY AS r(x, o))$$,
  $$organization_id::x = (SELECT max(x) FROM (SELECT session()::x AS x) s)$$,
  $$organization_id::x = (SELECT first_value(x) OVER (PARTITION BY x ORDER BY x) FROM (SELECT session()::x AS x) s LIMIT 1)$$,
  $$organization_id = 'x'::regtype::text$$,
  $$ARRAY[organization_id::x] && (session()::x[])$$,
  $$ARRAY[organization_id::x] <@ ARRAY(SELECT session()::x)$$,
  $$(CASE WHEN n > 1 THEN session()::x ELSE 'a'::x END) = organization_id::x$$,
  $$organization_id::x >= session()::x AND organization_id::x <= session()::x$$,
  $$organization_id = t AND t::x = u::x AND u = session()$$]),
($$CREATE TYPE x AS ENUM ('a');
   CREATE FUNCTION x_f(x) RETURNS text STABLE LANGUAGE sql AS 'SELECT $1::text'$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id = x_f(session()::x)$$]),
($$CREATE TYPE x AS ENUM ('a');
   CREATE FUNCTION x_f(x) RETURNS text STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT $1::text'$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id = x_f(organization_id::x)$$]),
($$CREATE DOMAIN x AS text CHECK (value <> '')$$,
 $$DROP DOMAIN x CASCADE$$, ARRAY[
  $$organization_id = session()::x$$]),
($$CREATE DOMAIN x_b AS text;
   CREATE DOMAIN x AS x_b$$,
 $$DROP DOMAIN x_b CASCADE$$, ARRAY[
  $$organization_id = session()::x$$]),
($$CREATE FUNCTION x_f(text) RETURNS bool STABLE LANGUAGE sql AS 'SELECT true';
   CREATE DOMAIN x AS text CHECK (x_f(value))$$,
 $$DROP FUNCTION x_f CASCADE$$, ARRAY[
  $$organization_id = session()::x$$]),
($$CREATE DOMAIN x AS text[]$$,
 $$DROP DOMAIN x CASCADE$$, ARRAY[
  $$organization_id = ANY (session()::x)$$]),
($$CREATE DOMAIN x AS text$$,
 $$DROP DOMAIN x CASCADE$$, ARRAY[
  $$organization_id = ANY (string_to_array(session(), ',')::x[])$$,
  $$organization_id = (ARRAY(SELECT session()::x) COLLATE "C")[1]$$,
  $$(ARRAY(SELECT session()::x) COLLATE "C")::text = organization_id$$]),
($$CREATE DOMAIN x AS bool$$,
 $$DROP DOMAIN x CASCADE$$, ARRAY[
  $$(organization_id = session())::x$$]),
($$CREATE TYPE x AS RANGE (subtype = text)$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id = lower(x(session(), session(), '[]'))$$,
  $$organization_id <@ x(session(), session(), '[]')$$,
  $$x(organization_id, organization_id, '[]') = x(session(), session(), '[]')$$]),
($$CREATE TYPE x AS RANGE (subtype = text, multirange_type_name = xm)$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id <@ xm(x(session(), session(), '[]'))$$]),
($$CREATE TYPE x_e AS ENUM ('a');
   CREATE TYPE x AS RANGE (subtype = x_e)$$,
 $$DROP TYPE x_e CASCADE$$, ARRAY[
  $$organization_id::x_e <@ x(session()::x_e, session()::x_e)$$]),
($$CREATE TYPE x AS (a text, b int)$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id = (ROW(session(), 1)::x).a$$,
  $$ROW(organization_id, n)::x = ROW(session(), 1)::x$$,
  $$(session()::x).a = organization_id$$,
  $$ROW(organization_id, n)::x = ANY (ARRAY[ROW(session(), 1)::x])$$]),
($$CREATE TYPE x_e AS ENUM ('a');
   CREATE TYPE x AS (a x_e, b int)$$,
 $$DROP TYPE x_e CASCADE$$, ARRAY[
  $$(session()::x).a = organization_id::x_e$$]),
($$CREATE TYPE x AS (a text, b int)$$,
 $$ALTER TYPE x DROP ATTRIBUTE a CASCADE$$, ARRAY[
  $$(session()::x).a = organization_id$$]),
($$CREATE TYPE x AS (a text, b int);
   CREATE FUNCTION x_f() RETURNS SETOF x STABLE LANGUAGE sql AS 'SELECT session(), 1'$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT a FROM x_f())$$]),
($$CREATE TYPE x_c AS (a text, b int);
   CREATE DOMAIN x AS x_c$$,
 $$DROP TYPE x_c CASCADE$$, ARRAY[
  $$(session()::x).a = organization_id$$]),
($$CREATE FUNCTION x() RETURNS text STABLE LANGUAGE sql AS 'SELECT session()'$$,
 $$DROP FUNCTION x CASCADE$$, ARRAY[
  $$organization_id = x()$$]),
($$CREATE FUNCTION x(text) RETURNS bool STABLE LANGUAGE sql AS 'SELECT true'$$,
 $$DROP FUNCTION x CASCADE$$, ARRAY[
  $$x(organization_id)$$]),
($$CREATE FUNCTION x() RETURNS SETOF text STABLE LANGUAGE sql AS 'SELECT session()'$$,
 $$DROP FUNCTION x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT x())$$]),
($$CREATE FUNCTION x(OUT a text, OUT b int) RETURNS SETOF record STABLE LANGUAGE sql AS 'SELECT session(), 1'$$,
 $$DROP FUNCTION x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT a FROM x() WITH ORDINALITY)$$]),
($$CREATE FUNCTION x() RETURNS text STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT session()';
   ALTER FUNCTION x OWNER TO regress_dropped_role$$,
 $$DROP FUNCTION x CASCADE$$, ARRAY[
  $$organization_id = x()$$]),
($$CREATE FUNCTION x_f(text, text) RETURNS bool STABLE LANGUAGE sql AS 'SELECT $1 = $2';
   CREATE OPERATOR === (FUNCTION = x_f, LEFTARG = text, RIGHTARG = text, NEGATOR = !===, COMMUTATOR = ===)$$,
 $$DROP OPERATOR ===(text, text) CASCADE$$, ARRAY[
  $$organization_id OPERATOR(===) session()$$]),
($$CREATE FUNCTION x_f(text, int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT true';
   CREATE OPERATOR === (FUNCTION = x_f, LEFTARG = text, RIGHTARG = int, NEGATOR = !==)$$,
 $$DROP FUNCTION x_f CASCADE$$, ARRAY[
  $$NOT (organization_id OPERATOR(===) n)$$]),
($$CREATE TYPE x;
   CREATE FUNCTION x_in(cstring) RETURNS x IMMUTABLE STRICT LANGUAGE internal AS 'textin';
   CREATE FUNCTION x_out(x) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
   CREATE TYPE x (INPUT = x_in, OUTPUT = x_out, LIKE = text);
   CREATE CAST (text AS x) WITHOUT FUNCTION;
   CREATE FUNCTION x_eq(x, x) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'texteq';
   CREATE FUNCTION x_h(x) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'hashtext';
   CREATE OPERATOR =(FUNCTION = x_eq, LEFTARG = x, RIGHTARG = x, HASHES);
   CREATE OPERATOR CLASS x_ops DEFAULT FOR TYPE x USING hash AS OPERATOR 1 =, FUNCTION 1 x_h(x)$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id::x = session()::x OR organization_id::x = ANY (ARRAY[session()::x])$$]),
($$CREATE TYPE x;
   CREATE FUNCTION x_in(cstring) RETURNS x IMMUTABLE STRICT LANGUAGE internal AS 'textin';
   CREATE FUNCTION x_out(x) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
   CREATE TYPE x (INPUT = x_in, OUTPUT = x_out, LIKE = text);
   CREATE CAST (text AS x) WITHOUT FUNCTION;
   CREATE FUNCTION x_eq(x, x) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'texteq';
   CREATE FUNCTION x_h(x) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'hashtext';
   CREATE OPERATOR =(FUNCTION = x_eq, LEFTARG = x, RIGHTARG = x, HASHES);
   CREATE OPERATOR CLASS x_ops DEFAULT FOR TYPE x USING hash AS OPERATOR 1 =, FUNCTION 1 x_h(x)$$,
 $$DROP OPERATOR FAMILY x_ops USING hash CASCADE$$, ARRAY[
  $$organization_id::x = session()::x$$]),
($$CREATE TYPE x AS ENUM ('a');
   CREATE FUNCTION x_f(x) RETURNS text STABLE LANGUAGE sql AS 'SELECT $1::text';
   CREATE CAST (x AS text) WITH FUNCTION x_f$$,
 $$DROP FUNCTION x_f CASCADE$$, ARRAY[
  $$organization_id = (session()::x)::text$$]),
($$CREATE TYPE x AS ENUM ('a');
   CREATE FUNCTION x_f(x) RETURNS text STABLE LANGUAGE sql AS 'SELECT $1::text';
   CREATE CAST (x AS text) WITH FUNCTION x_f$$,
 $$DROP CAST (x AS text) CASCADE$$, ARRAY[
  $$organization_id = (session()::x)::text$$]),
($$CREATE COLLATION x FROM "C"$$,
 $$DROP COLLATION x CASCADE$$, ARRAY[
  $$organization_id COLLATE x = session()$$]),
($$CREATE FUNCTION x_f(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $2';
   CREATE AGGREGATE x(text) (SFUNC = x_f, STYPE = text)$$,
 $$DROP AGGREGATE x(text) CASCADE$$, ARRAY[
  $$organization_id = (SELECT x(x) FROM (SELECT session() AS x) s)$$]),
($$CREATE FUNCTION x_f(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $2';
   CREATE AGGREGATE x(text) (SFUNC = x_f, STYPE = text)$$,
 $$DROP FUNCTION x_f CASCADE$$, ARRAY[
  $$organization_id = (SELECT x(x) FROM (SELECT session() AS x) s)$$]),
($$CREATE SCHEMA regress_dropped_x;
   CREATE TYPE regress_dropped_x.e AS ENUM ('a');
   CREATE FUNCTION regress_dropped_x.f(regress_dropped_x.e) RETURNS text STABLE LANGUAGE sql AS 'SELECT $1::text'$$,
 $$DROP SCHEMA regress_dropped_x CASCADE$$, ARRAY[
  $$organization_id = regress_dropped_x.f(session()::regress_dropped_x.e)$$]),
($$CREATE VIEW x AS SELECT session() AS x$$,
 $$DROP VIEW x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT x FROM x)$$]),
($$CREATE TYPE x_e AS ENUM ('a');
   CREATE VIEW x AS SELECT session()::x_e AS x$$,
 $$DROP TYPE x_e CASCADE$$, ARRAY[
  $$organization_id IN (SELECT x::text FROM x)$$]),
($$CREATE MATERIALIZED VIEW x AS SELECT 'a'::text AS x$$,
 $$DROP MATERIALIZED VIEW x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT x FROM x)$$]),
($$CREATE TABLE x (o text, u text)$$,
 $$DROP TABLE x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT o FROM x WHERE u = session())$$,
  $$EXISTS (SELECT FROM x x WHERE x IS NOT NULL AND (x).o = organization_id AND x::text = session())$$,
  $$organization_id = ((SELECT x FROM x x WHERE u = session() LIMIT 1)).o$$,
  $$organization_id = ANY (ARRAY(SELECT x FROM x x WHERE u = session())::text[])$$,
  $$organization_id = (ROW(session(), session())::x).o AND (session()::x).u = organization_id$$,
  $$organization_id IN (SELECT o FROM x TABLESAMPLE system (100) WHERE u = session())$$]),
($$CREATE TABLE x (organization_id text, u text);
   ALTER TABLE x ENABLE ROW LEVEL SECURITY;
   CREATE POLICY p ON x USING (organization_id = session())$$,
 $$DROP TABLE x CASCADE$$, ARRAY[
  $$organization_id IN (SELECT o.organization_id FROM x o WHERE u = session())$$]),
($$CREATE TABLE x (o text, u text)$$,
 $$ALTER TABLE x DROP COLUMN u CASCADE$$, ARRAY[
  $$organization_id IN (SELECT o FROM x WHERE u = session())$$]),
($$CREATE TYPE x_e AS ENUM ('a');
   CREATE TABLE x (o x_e, u text)$$,
 $$DROP TYPE x_e CASCADE$$, ARRAY[
  $$organization_id::x_e IN (SELECT o FROM x WHERE u = session())$$]),
($$CREATE TABLE x (id int primary key, o text, u text)$$,
 $$ALTER TABLE x DROP CONSTRAINT x_pkey CASCADE$$, ARRAY[
  $$organization_id IN (SELECT o FROM x WHERE u = session() GROUP BY id)$$]),
($$CREATE FOREIGN DATA WRAPPER regress_dropped_w;
   CREATE SERVER regress_dropped_s FOREIGN DATA WRAPPER regress_dropped_w;
   CREATE FOREIGN TABLE x (o text, u text) SERVER regress_dropped_s$$,
 $$DROP FOREIGN DATA WRAPPER regress_dropped_w CASCADE$$, ARRAY[
  $$organization_id IN (SELECT o FROM x WHERE u = session())$$]),
($$CREATE TEXT SEARCH CONFIGURATION x (COPY = simple)$$,
 $$DROP TEXT SEARCH CONFIGURATION x CASCADE$$, ARRAY[
  $$to_tsvector('x'::regconfig, organization_id) @@ to_tsquery('x'::regconfig, session())$$]),
($$CREATE SEQUENCE x$$,
 $$DROP SEQUENCE x CASCADE$$, ARRAY[
  $$organization_id = nextval('x')::text$$]),
($$CREATE LANGUAGE regress_dropped HANDLER plpgsql_call_handler;
   CREATE FUNCTION x_f() RETURNS text STABLE LANGUAGE regress_dropped AS 'BEGIN RETURN 1;
   END'$$,
 $$DROP LANGUAGE regress_dropped CASCADE$$, ARRAY[
  $$organization_id = x_f()$$]),
($$CREATE TABLE x ()$$,
 $$DROP TABLE x CASCADE$$, ARRAY[
  $$organization_id = 'x'::regclass::text$$]),
($$CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'$$,
 $$DROP FUNCTION x CASCADE$$, ARRAY[
  $$organization_id = 'x'::regproc::text$$]),
($$CREATE TYPE x AS ENUM ('a');
   CREATE FUNCTION x_f(anyelement, VARIADIC anyarray) RETURNS anyelement STABLE LANGUAGE sql AS 'SELECT $1'$$,
 $$DROP TYPE x CASCADE$$, ARRAY[
  $$organization_id::x = x_f(session()::x, session()::x, 'a')$$]);

-- and relations that are not what they were
INSERT INTO cases VALUES
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE t_1 (id int, organization_id x, n int)$$,
 $$DROP TYPE x CASCADE$$, NULL),
($$CREATE DOMAIN x AS text;
   CREATE TABLE t_1 (id int, organization_id x, n int)$$,
 $$DROP DOMAIN x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE DOMAIN d AS x;
   CREATE TABLE t_1 (id int, organization_id d, n int)$$,
 $$DROP TYPE x CASCADE$$, NULL),
($$CREATE FUNCTION x(int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''a''';
   CREATE TABLE t_1 (id int, organization_id text GENERATED ALWAYS AS (x(id)) STORED, n int)$$,
 $$DROP FUNCTION x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE t_1 (id int, organization_id text, n x)$$,
 $$DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS (id int, organization_id text);
   CREATE TABLE t_1 OF x$$,
 $$DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE par (id int, organization_id text, e x, f x);
   CREATE TABLE t_1 () INHERITS (par)$$,
 $$ALTER TABLE t_1 NO INHERIT par;
   DROP TABLE par$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE par (id int, organization_id x, e x GENERATED ALWAYS AS ('a'::x) STORED);
   CREATE TABLE t_1 () INHERITS (par)$$,
 $$ALTER TABLE t_1 NO INHERIT par;
   DROP TABLE par;
   DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE par (id int, e x GENERATED ALWAYS AS ('a'::x) STORED);
   CREATE TABLE t_1 (organization_id text) INHERITS (par)$$,
 $$DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE gp (id int, f x);
   CREATE TABLE par (e x GENERATED ALWAYS AS ('a'::x) STORED) INHERITS (gp);
   CREATE TABLE t_1 (organization_id text) INHERITS (par)$$,
 $$ALTER TABLE t_1 NO INHERIT par;
   DROP TABLE gp CASCADE;
   DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE par (id int, organization_id text, e x) PARTITION BY LIST (id);
   CREATE TABLE t_1 PARTITION OF par FOR VALUES IN (1)$$,
 $$ALTER TABLE par DETACH PARTITION t_1;
   DROP TABLE par$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE ref (id x PRIMARY KEY, organization_id x);
   CREATE TABLE t_1 (id int, organization_id text, f x REFERENCES ref)$$,
 $$DROP TABLE ref CASCADE;
   DROP TYPE x CASCADE$$, NULL),
($$CREATE FUNCTION x(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
   CREATE TABLE t_1 (id int, organization_id text, n int);
   CREATE UNIQUE INDEX ON t_1 (id, x(n::text)) WHERE x(organization_id) = 'a'$$,
 $$DROP FUNCTION x CASCADE$$, NULL),
($$CREATE OPERATOR CLASS x FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 bttextcmp(text, text);
   CREATE TABLE t_1 (id int, organization_id text, n int);
   CREATE INDEX ON t_1 (organization_id x)$$,
 $$DROP OPERATOR CLASS x USING btree CASCADE$$, NULL),
($$CREATE COLLATION x FROM "C";
   CREATE TABLE t_1 (id int, organization_id text, n int);
   CREATE INDEX ON t_1 (organization_id COLLATE x)$$,
 $$DROP COLLATION x CASCADE$$, NULL),
($$CREATE TABLE t_1 (id int, organization_id text, n int);
   CREATE POLICY p ON t_1 TO regress_dropped_role USING (true);
   GRANT ALL ON t_1 TO regress_dropped_role;
   ALTER TABLE t_1 OWNER TO regress_dropped_role$$,
 $$REASSIGN OWNED BY regress_dropped_role TO CURRENT_USER;
   DROP OWNED BY regress_dropped_role CASCADE$$, NULL),
($$CREATE FUNCTION x() RETURNS text STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT 1::text';
   ALTER FUNCTION x OWNER TO regress_dropped_role;
   CREATE TABLE t_1 (id int, organization_id text, n int);
   CREATE POLICY p ON t_1 USING (organization_id = x());
   GRANT ALL ON t_1 TO regress_dropped_role$$,
 $$ALTER FUNCTION x OWNER TO CURRENT_USER;
   DROP OWNED BY regress_dropped_role CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE tt (id x, organization_id text);
   CREATE VIEW t_1 AS SELECT *, 'a'::x AS c FROM tt;
   CREATE VIEW t_2 AS SELECT organization_id, (t_1).c FROM t_1$$,
 $$CREATE OR REPLACE VIEW t_2 AS SELECT 'a'::text AS organization_id, 'a'::x AS c;
   DROP VIEW t_1$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE tt (id x, organization_id text);
   CREATE VIEW t_1 AS SELECT organization_id, organization_id::x = id AS c FROM tt$$,
 $$CREATE OR REPLACE VIEW t_1 AS SELECT organization_id, true AS c FROM tt;
   DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE tt (id x, organization_id text);
   CREATE TABLE t_1 (a int, organization_id text);
   CREATE RULE r AS ON INSERT TO t_1 WHERE NEW.organization_id::x = 'a' DO ALSO INSERT INTO tt VALUES (NEW.organization_id::x, NEW.a::text)$$,
 $$DROP TYPE x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE tt (id x, organization_id text);
   CREATE MATERIALIZED VIEW t_1 AS SELECT * FROM tt$$,
 $$ALTER TABLE tt DROP COLUMN id CASCADE$$, NULL),
($$CREATE FOREIGN DATA WRAPPER regress_dropped_2w;
   CREATE SERVER regress_dropped_2s FOREIGN DATA WRAPPER regress_dropped_2w;
   CREATE TABLE par (id int, organization_id text) PARTITION BY LIST (id);
   CREATE FOREIGN TABLE t_1 PARTITION OF par FOR VALUES IN (1) SERVER regress_dropped_2s;
   CREATE TABLE t_2 PARTITION OF par FOR VALUES IN (2)$$,
 $$DROP SERVER regress_dropped_2s CASCADE$$, NULL),
($$CREATE SCHEMA regress_dropped_x2;
   CREATE TYPE regress_dropped_x2.e AS ENUM ('a');
   CREATE TABLE regress_dropped_x2.par (id int, e regress_dropped_x2.e);
   CREATE TABLE t_1 (organization_id text) INHERITS (regress_dropped_x2.par);
   CREATE TABLE regress_dropped_x2.tt (id int);
   CREATE POLICY p ON t_1 USING (organization_id IN (SELECT id::text FROM regress_dropped_x2.tt))$$,
 $$ALTER TABLE t_1 NO INHERIT regress_dropped_x2.par;
   DROP SCHEMA regress_dropped_x2 CASCADE$$, NULL),
($$CREATE FUNCTION x(text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
   CREATE TABLE t_1 (id int, organization_id text CHECK (x(organization_id)), EXCLUDE (organization_id WITH =))$$,
 $$DROP FUNCTION x CASCADE$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE t_1 (id int, organization_id x);
   CREATE POLICY p ON t_1 USING (organization_id = current_setting('a')::x)$$,
 $$DROP POLICY p ON t_1;
   ALTER TABLE t_1 ALTER organization_id TYPE text;
   DROP TYPE x$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE t_1 (id int, organization_id x[]);
   CREATE POLICY p ON t_1 USING (organization_id && ARRAY[current_setting('a')::x]);
   CREATE POLICY q ON t_1 USING (current_setting('a')::x = ANY (organization_id))$$,
 $$DROP POLICY p ON t_1;
   DROP POLICY q ON t_1;
   ALTER TABLE t_1 ALTER organization_id TYPE text;
   DROP TYPE x$$, NULL),
($$CREATE TYPE x AS ENUM ('a');
   CREATE TABLE t_1 (id int, organization_id x);
   CREATE POLICY p ON t_1 USING (organization_id IN (SELECT o.organization_id FROM t_1 o WHERE o.organization_id = current_setting('a')::x))$$,
 $$DROP POLICY p ON t_1;
   ALTER TABLE t_1 ALTER organization_id TYPE text;
   DROP TYPE x$$, NULL);
\set ECHO all
ALTER TABLE cases ADD id int GENERATED ALWAYS AS IDENTITY;

CREATE PROCEDURE make(id int, setup text, expressions text[]) LANGUAGE plpgsql AS $$
DECLARE
  expression text;
  number int := 0;
BEGIN
  EXECUTE format('CREATE SCHEMA regress_dropped_%s', id);
  EXECUTE format('SET LOCAL search_path = regress_dropped_%s, regress_dropped', id);
  EXECUTE setup;
  FOREACH expression IN ARRAY coalesce(expressions, '{}') LOOP
    number := number + 1;
    EXECUTE format('CREATE TABLE t_%s (id int, organization_id text, n int, t text, u text)', number);
    EXECUTE format('ALTER TABLE t_%s ENABLE ROW LEVEL SECURITY', number);
    EXECUTE format('CREATE POLICY a ON t_%s USING (%s)', number, expression);
    EXECUTE format('CREATE POLICY b ON t_%s AS RESTRICTIVE USING (%s)', number, expression);
    EXECUTE format('CREATE POLICY c ON t_%s FOR UPDATE TO regress_dropped_role USING (id = 1 OR %s) WITH CHECK (NOT (%2$s))',
                   number, expression);
  END LOOP;
END $$;

-- What would the guard say of the commit, and what do audits?
CREATE FUNCTION try(id int, undo text, OUT new bigint, OUT old bigint, OUT failed text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL search_path = regress_dropped_%s, regress_dropped', id);
  SET LOCAL client_min_messages = error;
  BEGIN
    EXECUTE undo;
    SELECT count(*) FILTER (WHERE NOT was_there), count(*) FILTER (WHERE was_there)
      INTO new, old FROM trovella_guard.pending();
    SELECT string_agg(message, '; ') INTO failed FROM trovella_guard.check() WHERE rule = 'audit_failed';
    RAISE EXCEPTION USING ERRCODE = 'TG999';
  EXCEPTION
    WHEN SQLSTATE 'TG999' THEN NULL;
    WHEN OTHERS THEN failed := SQLSTATE || ' ' || SQLERRM;
  END;
END $$;

-- with rules that look at much, but refuse nothing here
SET trovella_guard.rules = 'policy_unproven=warning, policy_per_row_call=warning, fk_crosses_tenants=warning, unique_crosses_tenants=warning';
SET trovella_guard.mode = off;
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN SELECT * FROM cases ORDER BY id LOOP
    CALL make(c.id, c.setup, c.expressions);
  END LOOP;
END $$;
SET trovella_guard.mode = enforce;

SELECT c.undo, t.failed FROM cases c, try(c.id, c.undo) t WHERE t.failed IS NOT NULL ORDER BY c.id;
-- in most of them there was something before
SELECT count(*) FILTER (WHERE t.old > 0) > 60 AS old, count(*) FILTER (WHERE t.new > 0) > 20 AS new
  FROM cases c, try(c.id, c.undo) t;
-- policies are dropped at the same time
SELECT c.undo, t.failed FROM cases c,
  try(c.id, (SELECT string_agg(format('DROP POLICY a ON t_%s; DROP POLICY b ON t_%1$s; ', n), '')
             FROM generate_subscripts(c.expressions, 1) n) || c.undo) t
  WHERE c.expressions IS NOT NULL AND t.failed IS NOT NULL ORDER BY c.id;

-- one of them to the end
BEGIN;
CREATE TYPE plan AS ENUM ('free');
CREATE TABLE item (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON item (organization_id);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON item USING (organization_id = session() AND session()::plan = 'free');
COMMIT;
DROP TYPE plan CASCADE;

SET trovella_guard.mode = off;
DROP OWNED BY regress_dropped_role CASCADE;
SET client_min_messages = error;
DO $$
DECLARE
  id int;
BEGIN
  FOR id IN SELECT c.id FROM cases c LOOP
    EXECUTE format('DROP SCHEMA regress_dropped_%s CASCADE', id);
  END LOOP;
END $$;
DROP SCHEMA regress_dropped_x CASCADE;
DROP SCHEMA regress_dropped_x2 CASCADE;
DROP FOREIGN DATA WRAPPER regress_dropped_w CASCADE;
DROP FOREIGN DATA WRAPPER regress_dropped_2w CASCADE;
DROP LANGUAGE regress_dropped CASCADE;
DROP SCHEMA regress_dropped CASCADE;
SELECT trovella_guard.disallow('regress_dropped.cases');
DROP ROLE regress_dropped_role;
