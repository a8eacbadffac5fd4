-- reach.sql: what does the application really reach, and is the guard at one
-- with itself?  Each function of this file is asked now and then, between
-- transactions, and answers a line for each fault.
--
-- Run it after oracle.sql.

-- The rows of all tenants are put into the tables as they are; then each
-- application role, as tenant "a", tries whatever it has a privilege on: tables,
-- partitions, views, materialized views, functions.  Nothing of it stays.
CREATE FUNCTION lab.reached(OUT path oid, OUT name text, OUT role name, OUT command text)
RETURNS SETOF record
LANGUAGE plpgsql AS $$
DECLARE
  c record;
  r name;
  others text;
  before bigint;
  more record;
  result text := '';
BEGIN
  BEGIN
    SET LOCAL trovella_guard.mode = off;
    SET LOCAL session_replication_role = replica;
    PERFORM lab.put_rows(t.relid) FROM lab.tenant t JOIN pg_class k ON k.oid = t.relid
      WHERE k.relkind = 'r' ORDER BY t.relid;
    FOR c IN SELECT k.oid FROM pg_class k WHERE k.relkind = 'm'
        AND k.relnamespace IN ('s1'::regnamespace, 's2'::regnamespace) ORDER BY k.oid LOOP
      BEGIN
        EXECUTE 'REFRESH MATERIALIZED VIEW ' || c.oid::regclass;
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
    END LOOP;
    FOR r IN SELECT rolname FROM pg_roles WHERE oid = ANY (lab.app_roles())
        AND NOT rolsuper AND NOT rolbypassrls LOOP
      FOR c IN
        SELECT k.oid, k.oid::regclass::text AS name, k.relkind
        FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace
        JOIN pg_attribute a ON a.attrelid = k.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
        WHERE k.relkind IN ('r', 'p', 'v', 'm') AND n.nspname ~ '^([sn]\d|deep$)'
          AND has_schema_privilege(r, n.oid, 'USAGE')
          AND (has_any_column_privilege(r, k.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(r, k.oid, 'DELETE'))
        ORDER BY k.oid
      LOOP
        IF lab.attempt(r, 'a', format('SELECT FROM %s WHERE organization_id = ''b''', c.name)) > 0 THEN
          result := result || format(E'%s\t%s\t%s\tSELECT\n', c.oid, c.name, r);
        END IF;
        CONTINUE WHEN c.relkind = 'm';
        others := format('SELECT count(*) FROM %s WHERE organization_id = ''b''', c.name);
        BEGIN
          EXECUTE others INTO before;
        EXCEPTION WHEN OTHERS THEN CONTINUE;
        END;
        IF before > 0 THEN
          -- -1 says that the statement failed
          IF lab.attempt(r, 'a', format('DELETE FROM %s', c.name), others) BETWEEN 0 AND before - 1 THEN
            result := result || format(E'%s\t%s\t%s\tDELETE\n', c.oid, c.name, r);
          END IF;
          IF lab.attempt(r, 'a', format('UPDATE %s SET organization_id = ''a''', c.name), others) BETWEEN 0 AND before - 1 THEN
            result := result || format(E'%s\t%s\t%s\tUPDATE\n', c.oid, c.name, r);
          END IF;
        END IF;
        IF lab.attempt(r, 'a', format('INSERT INTO %s (organization_id) VALUES (''b'')', c.name)) > 0 THEN
          result := result || format(E'%s\t%s\t%s\tINSERT\n', c.oid, c.name, r);
        END IF;
      END LOOP;
      FOR c IN
        SELECT p.oid, p.oid::regprocedure::text AS name FROM pg_proc p
        WHERE p.pronamespace = 'wk'::regnamespace AND p.proretset AND p.prosecdef AND has_function_privilege(r, p.oid, 'EXECUTE')
      LOOP
        IF lab.attempt(r, 'a', format('SELECT FROM %s x WHERE x = ''b''', c.name)) > 0 THEN
          result := result || format(E'%s\t%s\t%s\tEXECUTE\n', c.oid, c.name, r);
        END IF;
      END LOOP;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'LB002', MESSAGE = result;
  EXCEPTION WHEN SQLSTATE 'LB002' THEN result := SQLERRM;
  END;
  RETURN QUERY
    SELECT split_part(l, E'\t', 1)::oid, split_part(l, E'\t', 2), split_part(l, E'\t', 3)::name, split_part(l, E'\t', 4)
    FROM regexp_split_to_table(result, '\n') l WHERE l <> '';
END
$$;

-- The relations that a path leads to: those below a view, and all relatives.
CREATE FUNCTION lab.below(path oid) RETURNS SETOF oid
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE below(relid) AS (
    SELECT path
    UNION
    SELECT v.* FROM below b, LATERAL (
      SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d
        ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
      WHERE r.ev_class = b.relid
      UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = b.relid
      UNION ALL SELECT inhparent FROM pg_inherits WHERE inhrelid = b.relid) v
  )
  SELECT relid FROM below
$$;

-- Whatever the application reaches must be a finding of the audit, or somebody's
-- decision; and who_sees() must name somebody who the role is.
CREATE FUNCTION lab.unreported() RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
  l record;
  t record;
  reported bool;
  named bool;
  asked bool;
  exposures text[] := '{rls_disabled,not_protected_yet,app_role_bypasses_rls,view_exposes_tenants,matview_exposes_tenants,policy_unscoped,policy_unproven,view_bypasses_rls,relation_unprotectable,function_exposes_tenants,policy_function_untrusted,audit_failed}';
BEGIN
  IF to_regclass('trovella_guard.allowlist') IS NULL THEN RETURN; END IF;
  CREATE TEMP TABLE found ON COMMIT DROP AS
    SELECT f.*, c.oid AS relid FROM trovella_guard.findings() f
    LEFT JOIN pg_namespace n ON n.nspname = f.schema_name
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = f.table_name
    WHERE f.rule = ANY (exposures);
  FOR l IN SELECT * FROM lab.reached() LOOP
    IF l.command = 'EXECUTE' THEN
      reported := EXISTS (SELECT FROM found WHERE rule = 'function_exposes_tenants'
                          AND object LIKE '%' || split_part(l.name, '.', 2))
        -- of what reads a materialized view, that is what is reported
        OR EXISTS (SELECT FROM found WHERE rule IN ('relation_unprotectable', 'matview_exposes_tenants'));
      named := true;
    ELSE
      reported := EXISTS (SELECT FROM found WHERE relid IN (SELECT lab.below(l.path)))
        OR EXISTS (SELECT FROM found WHERE schema_name IS NULL AND rule = 'app_role_bypasses_rls')
        OR EXISTS (SELECT FROM lab.below(l.path) b, unnest(exposures) e (rule) WHERE lab.is_waived(b, e.rule)
                   OR EXISTS (SELECT FROM lab.entries(b) w WHERE w.rule = e.rule));
      named := false;
      asked := false;
      FOR t IN SELECT b FROM lab.below(l.path) b JOIN lab.tenant ON relid = b LOOP
        BEGIN
          named := EXISTS (
            SELECT FROM trovella_guard.who_sees(t.b) w LEFT JOIN pg_roles r ON r.rolname = w.role
            WHERE w.role = 'PUBLIC' OR w.role = l.role
               OR r.oid IS NOT NULL AND pg_has_role(l.role, r.oid, 'MEMBER'));
          asked := true;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        EXIT WHEN named;
      END LOOP;
      named := named OR NOT asked;
    END IF;
    IF NOT reported THEN
      RETURN NEXT format('%s reaches the rows of others by %s of %s, and the audit says nothing', l.role, l.command, l.name);
    ELSIF NOT named THEN
      RETURN NEXT format('%s reaches the rows of others by %s of %s, and who_sees() does not say so', l.role, l.command, l.name);
    END IF;
  END LOOP;
  DROP TABLE found;
END
$$;

-- The audit says the same twice, and the same of each relation as of all; only
-- the audit of all says which entries are stale.
CREATE FUNCTION lab.self_contradictions() RETURNS SETOF text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF to_regclass('trovella_guard.allowlist') IS NULL THEN RETURN; END IF;
  RETURN QUERY
    WITH whole AS MATERIALIZED (
      SELECT schema_name::text, table_name::text, rule, object, level FROM trovella_guard.findings()
      WHERE table_name IS NOT NULL AND rule <> 'allowlist_stale'
    ), again AS MATERIALIZED (
      SELECT schema_name::text, table_name::text, rule, object, level FROM trovella_guard.findings()
      WHERE table_name IS NOT NULL AND rule <> 'allowlist_stale'
    ), parts AS MATERIALIZED (
      SELECT f.schema_name::text, f.table_name::text, f.rule, f.object, f.level
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
        LATERAL trovella_guard.findings(c.oid) f
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname ~ '^[sn]\d' AND f.table_name IS NOT NULL AND f.rule <> 'allowlist_stale'
    )
    SELECT 'only once: ' || w::text FROM (TABLE whole EXCEPT ALL TABLE again) w
    UNION ALL
    SELECT 'only of the relation: ' || w::text FROM (TABLE parts EXCEPT TABLE whole) w
    UNION ALL
    SELECT 'only of the database: ' || w::text FROM (SELECT * FROM whole WHERE schema_name ~ '^[sn]\d' EXCEPT TABLE parts) w;
END
$$;

-- The log tells what is on the allowlist: what is there was allowed last, and
-- what was allowed last is there, unless a debt has followed its relation.
CREATE FUNCTION lab.untold() RETURNS SETOF text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF to_regclass('trovella_guard.allowlist_log') IS NULL THEN RETURN; END IF;
  RETURN QUERY EXECUTE $q$
    WITH last AS (
      SELECT DISTINCT ON (kind, schema_name, table_name, rule, object, adopted) *
      FROM trovella_guard.allowlist_log
      ORDER BY kind, schema_name, table_name, rule, object, adopted, at DESC, ctid DESC)
    SELECT format('the log does not say that %s.%s %s %s is on the allowlist', a.schema_name, a.table_name, a.rule, a.object)
    FROM trovella_guard.allowlist a LEFT JOIN last l USING (kind, schema_name, table_name, rule, object, adopted)
    WHERE l.action IS NULL OR l.action NOT IN ('allow', 'attest', 'follow') OR l.reason <> a.reason
       OR l.expires_at IS DISTINCT FROM a.expires_at OR l.sealed <> a.sealed
    UNION ALL
    SELECT format('the log does not say that %s.%s %s %s left the allowlist', l.schema_name, l.table_name, l.rule, l.object)
    FROM last l LEFT JOIN trovella_guard.allowlist a USING (kind, schema_name, table_name, rule, object, adopted)
    WHERE a.reason IS NULL AND l.action IN ('allow', 'attest', 'follow')
      AND NOT (l.adopted AND EXISTS (SELECT FROM trovella_guard.allowlist_log f
                                     WHERE f.action = 'follow' AND f.rule = l.rule AND f.at > l.at))
  $q$;
END
$$;

-- The schemas of the guard belong to a superuser, nobody else may create in them,
-- and nothing is in them that is not the extension's.
CREATE FUNCTION lab.seizable() RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT format('%s belongs to %s', n.nspname, r.rolname)
  FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
  WHERE n.nspname ~ '^trovella_guard' AND NOT r.rolsuper
  UNION ALL
  SELECT format('%s may create in %s', a.grantee::regrole, n.nspname)
  FROM pg_namespace n, aclexplode(n.nspacl) a
  WHERE n.nspname ~ '^trovella_guard' AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
  UNION ALL
  SELECT format('%s is no member of the extension', o.what)
  FROM pg_namespace n, LATERAL (
    SELECT 'pg_proc'::regclass AS class, p.oid, p.proname AS what, 'e' AS dep FROM pg_proc p WHERE p.pronamespace = n.oid
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, c.relname, 'e' FROM pg_class c
    WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'v')
    UNION ALL
    SELECT 'pg_operator'::regclass, p.oid, p.oprname, 'e' FROM pg_operator p WHERE p.oprnamespace = n.oid) o
  WHERE n.nspname ~ '^trovella_guard'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
$$;

-- Locks of the guard in sessions that are in no transaction.
CREATE FUNCTION lab.locks_left() RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT format('a lock on %s %s is left', l.classid::regclass, l.objid)
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.objsubid = 29799 AND l.pid <> pg_backend_pid() AND a.xact_start IS NULL
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
$$;

-- What the guard prints as repairs of a relation, run where others have put their
-- operators and functions first: no finding is left that had one, and there
-- is no new error, nor a doubt about a policy.
CREATE FUNCTION lab.bad_repairs(rel oid) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
  sql text;
  result text := '';
BEGIN
  BEGIN
    SET LOCAL trovella_guard.mode = off;
    CREATE TEMP TABLE was ON COMMIT DROP AS SELECT * FROM trovella_guard.findings();
    sql := trovella_guard.repair_sql(rel::regclass, 'error');
    SET LOCAL search_path = evil, pg_catalog;
    EXECUTE sql;
    SET LOCAL search_path TO DEFAULT;
    SELECT string_agg(format('%s of %s.%s %s is left', f.rule, f.schema_name, f.table_name, f.object), '; ') INTO result
    FROM trovella_guard.findings(rel::regclass) f
    WHERE f.level = 'error' AND f.waived_by IS NULL AND position(f.repair_sql IN sql) > 0;
    SELECT concat_ws('; ', result, (
      SELECT string_agg(format('new: %s of %s.%s %s', f.rule, f.schema_name, f.table_name, f.object), '; ')
      FROM trovella_guard.findings() f
      WHERE (f.level = 'error' OR f.rule ~ '^policy_(un|func)' AND f.level = 'warning') AND f.waived_by IS NULL
        AND NOT EXISTS (SELECT FROM was w WHERE (w.schema_name, w.table_name, w.rule) = (f.schema_name, f.table_name, f.rule)))) INTO result;
    RAISE EXCEPTION USING ERRCODE = 'LB002', MESSAGE = coalesce(result, '');
  EXCEPTION
    WHEN SQLSTATE 'LB002' THEN result := SQLERRM;
    WHEN query_canceled OR lock_not_available THEN result := '';
    WHEN OTHERS THEN result := 'ERROR ' || SQLERRM;
  END;
  IF result <> '' THEN RETURN NEXT format('%s repaired by %s: %s', rel::regclass, sql, result); END IF;
END
$$;
