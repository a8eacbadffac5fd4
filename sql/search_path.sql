--
-- search_path: what the guard prints and what protect() makes is the same in
-- every search_path.  Here somebody has made operators, a type and functions
-- in the schema that comes first, before pg_catalog.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_path_owner;
CREATE ROLE regress_path_mallory;
CREATE ROLE regress_path_app;
GRANT SET ON PARAMETER trovella_guard.app_role, trovella_guard.rules, trovella_guard.tenant_expression
  TO regress_path_owner, regress_path_mallory;
CREATE SCHEMA regress_path AUTHORIZATION regress_path_owner;
CREATE SCHEMA regress_evil AUTHORIZATION regress_path_mallory;
GRANT USAGE ON SCHEMA regress_path, regress_evil TO PUBLIC;
SET trovella_guard.app_role = 'regress_path_app';
-- not every type has an index
SET trovella_guard.rules = 'tenant_index_missing=off';

-- a type whose equality is not PostgreSQL's own, in a schema where others may
-- make operators
CREATE TYPE regress_evil.word;
CREATE FUNCTION regress_evil.word_in(cstring) RETURNS regress_evil.word IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION regress_evil.word_out(regress_evil.word) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE regress_evil.word (INPUT = regress_evil.word_in, OUTPUT = regress_evil.word_out, LIKE = text, COLLATABLE = true);
CREATE CAST (regress_evil.word AS text) WITHOUT FUNCTION;
CREATE CAST (text AS regress_evil.word) WITHOUT FUNCTION;
CREATE FUNCTION regress_evil.word_eq(regress_evil.word, regress_evil.word) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'texteq';
CREATE OPERATOR regress_evil.=== (FUNCTION = regress_evil.word_eq, LEFTARG = regress_evil.word, RIGHTARG = regress_evil.word);
CREATE FUNCTION regress_evil.word_hash(regress_evil.word) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'hashtext';
CREATE OPERATOR CLASS regress_evil.word_ops DEFAULT FOR TYPE regress_evil.word USING hash AS
  OPERATOR 1 regress_evil.===, FUNCTION 1 regress_evil.word_hash(regress_evil.word);

-- what the owner's columns may be of
CREATE TYPE regress_path.plan AS ENUM ('acme', 'globex');
CREATE DOMAIN regress_path.name_of AS varchar(40);
CREATE DOMAIN regress_path.text_of AS text;
CREATE DOMAIN regress_path.plan_of AS regress_path.plan;
CREATE DOMAIN regress_path.word_of AS regress_evil.word;

-- anything is equal to anything, and everybody is globex
SET ROLE regress_path_mallory;
SET search_path = regress_evil;
DO $$
DECLARE
  l text;
  r text;
  types constant text[] := '{text,varchar,bpchar,name,int8,anyenum,regress_path.name_of,regress_path.text_of,regress_path.plan,regress_path.plan_of,regress_path.word_of,pg_catalog.uuid,regress_evil.word}';
BEGIN
  FOREACH l IN ARRAY types LOOP
    FOREACH r IN ARRAY types LOOP
      CONTINUE WHEN (l = 'anyenum') <> (r = 'anyenum') AND NOT (l LIKE '%plan%' OR r LIKE '%plan%');
      EXECUTE format('CREATE FUNCTION evil_eq(%s, %s) RETURNS bool LANGUAGE plpgsql STABLE AS $f$
        BEGIN RAISE WARNING ''mallory runs as %%'', current_user; RETURN true; END $f$', l, r);
      EXECUTE format('CREATE OPERATOR regress_evil.= (FUNCTION = evil_eq, LEFTARG = %s, RIGHTARG = %s)', l, r);
      CONTINUE WHEN l = 'regress_evil.word' AND r = l;
      EXECUTE format('CREATE OPERATOR regress_evil.=== (FUNCTION = evil_eq, LEFTARG = %s, RIGHTARG = %s)', l, r);
    END LOOP;
  END LOOP;
END
$$;
CREATE FUNCTION current_setting(text, bool) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'globex'::text $$;
CREATE FUNCTION now() RETURNS pg_catalog.timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'mallory runs as %', current_user; RETURN NULL; END $$;
CREATE DOMAIN uuid AS text;
CREATE DOMAIN timestamptz AS text;
CREATE DOMAIN bpchar AS text;
RESET ROLE;
RESET search_path;

-- what hangs on something of mallory's; the type and its operator are agreed on
CREATE VIEW regress_path.captured AS
  SELECT pg_describe_object(d.classid, d.objid, 0) AS object,
         pg_describe_object(d.refclassid, d.refobjid, 0) AS on_what
  FROM pg_depend d
  WHERE (d.classid = 'pg_policy'::regclass OR d.classid = 'pg_attrdef'::regclass OR d.classid = 'pg_class'::regclass)
    AND pg_describe_object(d.refclassid, d.refobjid, 0) LIKE '%regress\_evil.%'
    AND pg_describe_object(d.refclassid, d.refobjid, 0) NOT IN
        ('type regress_evil.word', 'operator regress_evil.===(regress_evil.word,regress_evil.word)')
  ORDER BY 1, 2;

CREATE PROCEDURE regress_path.try(type text, how text, path text) LANGUAGE plpgsql AS $$
DECLARE
  statements text;
  value text := CASE WHEN type = 'pg_catalog.uuid' THEN '00000000-0000-0000-0000-00000000000' WHEN type LIKE '%plan%' OR type LIKE '%(%' THEN '' END;
  a text := CASE WHEN type = 'pg_catalog.uuid' THEN value || 'a' WHEN type = 'bigint' THEN '1' ELSE 'acme' END;
  b text := CASE WHEN type = 'pg_catalog.uuid' THEN value || 'b' WHEN type = 'bigint' THEN '2' ELSE 'globex' END;
  by_itself bool := how = 'protect';
  seen text;
BEGIN
  EXECUTE format('CREATE TABLE regress_path.t (organization_id %s NOT NULL)', type);
  GRANT SELECT, INSERT, UPDATE, DELETE ON regress_path.t TO regress_path_app;
  EXECUTE format('INSERT INTO regress_path.t VALUES (%L), (%L)', a, b);
  PERFORM set_config('search_path', path, true);
  IF by_itself THEN
    PERFORM trovella_guard.protect('regress_path.t', 'warning');
  ELSE
    statements := trovella_guard.repair_sql('regress_path.t', 'warning');
    EXECUTE statements;
  END IF;
  SET LOCAL search_path = pg_catalog, pg_temp;
  SET LOCAL ROLE regress_path_app;
  PERFORM set_config('app.current_organization_id', a, true);
  SELECT string_agg(organization_id::text, ', ') INTO seen FROM regress_path.t;
  RAISE INFO '% by %, path %: sees %, captured %, doubts %', type, how, path,
    CASE WHEN rtrim(seen) = a THEN 'its own' ELSE coalesce(seen, 'nothing') END,
    (SELECT count(*) FROM regress_path.captured),
    (SELECT count(*) FROM trovella_guard.check('regress_path.t') WHERE rule LIKE 'policy_un%');
  SET LOCAL ROLE regress_path_owner;
  DROP TABLE regress_path.t;
END
$$;
GRANT SELECT ON regress_path.captured TO PUBLIC;

SET ROLE regress_path_owner;
DO $$
DECLARE
  type text;
  how text;
  path text;
BEGIN
  FOREACH type IN ARRAY '{text,varchar,varchar(20),character(20),name,bigint,pg_catalog.uuid,regress_path.name_of,regress_path.text_of,regress_path.plan,regress_path.plan_of,regress_evil.word,regress_path.word_of}'::text[] LOOP
    FOREACH how IN ARRAY '{protect,paste}'::text[] LOOP
      FOREACH path IN ARRAY ARRAY['regress_evil, regress_path', 'regress_evil, pg_catalog'] LOOP
        CALL regress_path.try(type, how, path);
      END LOOP;
    END LOOP;
  END LOOP;
END
$$;
RESET ROLE;

-- The path is the caller's again, after success and after failure
SET ROLE regress_path_owner;
SET search_path = regress_path, regress_evil;
BEGIN;
CREATE TABLE t (organization_id text NOT NULL);
SELECT count(*) FROM trovella_guard.protect('t');
SHOW search_path;
SAVEPOINT s;
CREATE TABLE j (organization_id json NOT NULL);
SELECT * FROM trovella_guard.protect('j');
ROLLBACK TO s;
SHOW search_path;
ROLLBACK;
RESET ROLE;

-- A policy that protect() makes is proven, or it is not made.  One that was
-- unproven before is no concern of protect()'s, at this level.
SET trovella_guard.tenant_expression = 'regress_path.tenant()';
CREATE FUNCTION regress_path.tenant() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.current_setting('app.t', true) $$;
ALTER FUNCTION regress_path.tenant() OWNER TO regress_path_owner;
SET ROLE regress_path_owner;
BEGIN;
CREATE TABLE t (organization_id text NOT NULL);
SELECT rule, level FROM trovella_guard.check('t') WHERE rule LIKE 'policy_un%';
\set VERBOSITY default
SELECT * FROM trovella_guard.protect('t');
ROLLBACK;
BEGIN;
CREATE TABLE t (organization_id text NOT NULL);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (organization_id = (SELECT regress_path.tenant()));
SELECT * FROM trovella_guard.protect('t');
ROLLBACK;

-- Nor is an expression that is none, or whose names only the caller's path knows
SET search_path = regress_path;
RESET ROLE;
SET trovella_guard.tenant_expression = 'tenant()';
SET ROLE regress_path_owner;
BEGIN;
CREATE TABLE t (organization_id text NOT NULL);
\set VERBOSITY terse
SELECT * FROM trovella_guard.protect('t');
\set VERBOSITY default
ROLLBACK;
RESET ROLE;
SET trovella_guard.tenant_expression = 'END';
SET ROLE regress_path_owner;
BEGIN;
CREATE TABLE t (organization_id text NOT NULL);
SELECT * FROM trovella_guard.protect('t');
ROLLBACK;
RESET ROLE;
RESET trovella_guard.tenant_expression;

-- What is printed of a policy's own text names schemas, whoever prints it
SET trovella_guard.rules = 'policy_per_row_call=error, tenant_index_missing=off';
BEGIN;
CREATE FUNCTION tenant_of_session() RETURNS text LANGUAGE sql STABLE AS $$ SELECT pg_catalog.current_setting('app.t', true) $$;
CREATE TABLE t (organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (organization_id = tenant_of_session());
SELECT repair_sql FROM trovella_guard.findings('t') WHERE rule = 'policy_per_row_call';
COMMIT;
RESET trovella_guard.rules;
RESET search_path;

DROP SCHEMA regress_path CASCADE;
DROP SCHEMA regress_evil CASCADE;
REVOKE SET ON PARAMETER trovella_guard.app_role, trovella_guard.rules, trovella_guard.tenant_expression
  FROM regress_path_owner, regress_path_mallory;
DROP ROLE regress_path_owner, regress_path_mallory, regress_path_app;
