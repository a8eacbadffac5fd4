/* trovella_guard_tap--1.0.0.sql: pgTAP assertions about tenant isolation */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION trovella_guard_tap" to load this file. \quit

-- pgTAP may be in any schema, and its functions look each other up by the
-- search_path.  It is set for the call alone.
CREATE FUNCTION @extschema@._isolation_ok(passed pg_catalog.bool, description pg_catalog.text, details pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  tap constant text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                        WHERE e.extname = 'pgtap');
  result text;
BEGIN
  PERFORM set_config('search_path', format('pg_catalog, %I, pg_temp', tap), true);
  EXECUTE format('SELECT %I.ok($1, $2)', tap) INTO result USING passed, description;
  IF NOT passed THEN
    EXECUTE format('SELECT $1 || E''\n'' || %I.diag($2)', tap) INTO result USING result, details;
  END IF;
  RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@._isolation_ok(pg_catalog.bool, pg_catalog.text, pg_catalog.text) IS
  'pgTAP''s ok(), with details if it fails.';

CREATE FUNCTION @extschema@.is_protected(relation pg_catalog.regclass)
RETURNS pg_catalog.text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT @extschema@._isolation_ok(count(*) = 0, format('%s is protected', $1),
                                   string_agg(f.rule || ': ' || f.message, E'\n'))
  FROM trovella_guard.check($1) f
  WHERE f.level = 'error';
END;
COMMENT ON FUNCTION @extschema@.is_protected(pg_catalog.regclass) IS
  'pgTAP: the table breaks no rule of level error that is not waived.';

CREATE FUNCTION @extschema@.isolates(
  relation pg_catalog.regclass,
  role pg_catalog.name DEFAULT NULL,
  bind pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT @extschema@._isolation_ok(
           coalesce(bool_or(p.outcome = 'isolated' AND p.session = 'bound') AND bool_and(p.outcome <> 'leaks'), false)
             OR coalesce(bool_and(p.outcome = 'denied'), false),
           format('%s isolates tenants', $1),
           string_agg(format('%s, session %s, role %s: %s %s', p.command, p.session, p.role, p.outcome, p.evidence), E'\n')
             FILTER (WHERE p.outcome NOT IN ('isolated', 'denied')))
  FROM trovella_guard.probe($1, $2, $3) p;
END;
COMMENT ON FUNCTION @extschema@.isolates(pg_catalog.regclass, pg_catalog.name, pg_catalog.text) IS
  'pgTAP: no row of the table, its views and its partitions crosses to another tenant, when it is tried; see trovella_guard.probe().';

CREATE FUNCTION @extschema@.sees_only_own(
  relation pg_catalog.regclass,
  role pg_catalog.name,
  bind pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT @extschema@._isolation_ok(
           coalesce(bool_and(p.outcome IN ('isolated', 'denied')), false),
           format('%s sees only its own rows of %s', $2, $1),
           string_agg(format('session %s: %s %s', p.session, p.outcome, p.evidence), E'\n')
             FILTER (WHERE p.outcome NOT IN ('isolated', 'denied')))
  FROM trovella_guard.probe($1, $2, $3) p
  WHERE p.command = 'SELECT' AND p.relation = $1;
END;
COMMENT ON FUNCTION @extschema@.sees_only_own(pg_catalog.regclass, pg_catalog.name, pg_catalog.text) IS
  'pgTAP: SELECT shows the role the rows of its session''s tenant, and no others; a trial that shows nothing fails.';

CREATE FUNCTION @extschema@.isolates_all(
  role pg_catalog.name DEFAULT NULL,
  bind pg_catalog.text DEFAULT NULL)
RETURNS SETOF pg_catalog.text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT @extschema@._isolation_ok(s.outcome IN ('isolated', 'vacuous', 'denied'),
                                   format('%s isolates tenants, for role %s', s.relation, s.role),
                                   coalesce('leaks: ' || s.leaks, 'not tried: ' || s.not_shown))
  FROM trovella_guard.probe_summary(NULL, $1, $2) s;
END;
COMMENT ON FUNCTION @extschema@.isolates_all(pg_catalog.name, pg_catalog.text) IS
  'pgTAP: isolates() of all tenant tables, one test for each table and role; for use with no_plan().';
