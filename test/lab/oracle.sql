-- oracle.sql: which tenant tables of this database are unsafe?
--
-- Written from the checklist alone, in SQL, and sharing no code with the
-- extension, so that the two can be held against each other.  Everything is
-- in schema "lab", which the walker leaves alone.  The catalogs say whether
-- row-level security is on, which commands have a permissive policy, and
-- which columns are indexed.  Whether policies isolate tenants they cannot
-- say: that is observed, by being a plain role of tenant "a" while the table
-- holds a row of tenant "a" and one of tenant "b".
--
-- Run it as a superuser.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA lab;

-- What will be gone when a session ends, because PostgreSQL drops it along with
-- something temporary: 'class oid column'.  A part takes its whole along (the
-- rule of a view, the member of an extension), a column only what depends on it.
-- (Volatile, because the planner would call a stable one for each query.)
CREATE FUNCTION lab.fleeting() RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
BEGIN RETURN (
  WITH RECURSIVE fleeting(classid, objid, objsubid) AS (
    SELECT d.classid, d.objid, d.objsubid
    FROM pg_namespace n JOIN pg_depend d
      ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
    WHERE n.nspname ~ '^pg_(toast_)?temp_'
    UNION
    SELECT v.* FROM fleeting f, LATERAL (
      SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
      WHERE d.refclassid = f.classid AND d.refobjid = f.objid
        AND (f.objsubid = 0 OR d.refobjsubid = f.objsubid)
      UNION ALL
      SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_depend d
      WHERE d.classid = f.classid AND d.objid = f.objid AND d.objsubid = f.objsubid
        AND d.deptype IN ('i', 'e')) v
  )
  SELECT coalesce(array_agg(classid || ' ' || objid || ' ' || objsubid), '{}') FROM fleeting);
END
$$;

-- The tables with a tenant column.  A table that belongs to an extension of a
-- superuser is that extension's business.
CREATE VIEW lab.tenant AS
SELECT c.oid AS relid, c.relnamespace, n.nspname, c.relname, c.relrowsecurity,
       c.relforcerowsecurity, c.relispartition, c.relowner, c.relacl, a.attnum, a.attcollation
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
  AND NOT a.attisdropped
WHERE (a.atttypid < 16384 AND a.attcollation < 16384 AND a.attgenerated = ''
       OR 'pg_class'::regclass::oid || ' ' || c.oid || ' ' || a.attnum <> ALL (lab.fleeting()))
  AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
  AND n.nspname NOT IN ('lab', 'trovella_guard')
  AND NOT EXISTS (
    SELECT FROM pg_depend d
    JOIN pg_extension e ON e.oid = d.refobjid
      AND d.refclassid = 'pg_extension'::regclass
    JOIN pg_roles r ON r.oid = e.extowner AND r.rolsuper
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
      AND d.deptype = 'e');

-- May the one role do whatever the other may, or read any row?
CREATE FUNCTION lab.is_at_least(role oid, other oid) RETURNS bool
LANGUAGE sql STABLE AS $$
  SELECT pg_has_role(role, other, 'USAGE')
      OR EXISTS (SELECT FROM pg_roles r
                 WHERE r.oid = role AND (r.rolsuper OR r.rolbypassrls))
$$;

-- Who may use, or take over, the privileges of which role.
DO $$
BEGIN
  EXECUTE 'CREATE VIEW lab.membership AS SELECT roleid, member FROM pg_auth_members'
    || CASE WHEN current_setting('server_version_num')::int >= 160000
            THEN ' WHERE inherit_option OR set_option' ELSE '' END;
END
$$;

-- Have others than its owner a privilege on a relation or its columns?
CREATE FUNCTION lab.is_granted(rel oid) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN
  EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a
          WHERE c.oid = rel AND a.grantee <> c.relowner)
  OR EXISTS (SELECT FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid
               AND t.attnum > 0 AND NOT t.attisdropped, aclexplode(t.attacl) a
             WHERE c.oid = rel AND a.grantee <> c.relowner);
END
$$;

-- Is this partition or inheritance child out of everybody's reach, except for
-- an owner who could read its rows through the parent anyway?  So must be the
-- parents that are not protected, theirs, and so on.
CREATE FUNCTION lab.is_hidden(rel oid) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM FROM pg_inherits WHERE inhrelid = rel;
  IF NOT FOUND THEN RETURN false; END IF;
  RETURN (
  WITH RECURSIVE bare(relid) AS (
    SELECT rel
    UNION
    SELECT i.inhparent FROM bare b JOIN pg_inherits i ON i.inhrelid = b.relid
    JOIN lab.tenant p ON p.relid = i.inhparent AND NOT p.relrowsecurity
  )
  SELECT bool_and(NOT lab.is_granted(b.relid)
    AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = b.relid)
    AND NOT EXISTS (
      SELECT FROM pg_inherits i LEFT JOIN lab.tenant p ON p.relid = i.inhparent
      WHERE i.inhrelid = b.relid
        AND (p.relid IS NULL OR NOT lab.is_at_least(c.relowner, p.relowner))))
  FROM bare b JOIN pg_class c ON c.oid = b.relid);
END
$$;

-- The ancestors through which somebody reads the rows of an inheritance child
-- while its own row-level security is not asked: others than its owner may
-- read the ancestor, which has no policies that tell tenants apart, or has an
-- owner who bypasses them.  (What a partition's parent lacks is said about the
-- parent.)
CREATE FUNCTION lab.open_ancestors(rel oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM FROM pg_inherits WHERE inhrelid = rel;
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY
    WITH RECURSIVE up(relid) AS (
      SELECT rel
      UNION
      SELECT i.inhparent FROM up JOIN pg_class c ON c.oid = up.relid
      JOIN pg_inherits i ON i.inhrelid = c.oid
      WHERE NOT c.relispartition
    )
    SELECT a.oid FROM up JOIN pg_class a ON a.oid = up.relid
    WHERE a.oid <> rel
      AND (lab.is_granted(a.oid)
           OR NOT lab.is_at_least(a.relowner, (SELECT relowner FROM pg_class WHERE oid = rel)))
      AND (NOT a.relrowsecurity
           OR NOT a.relforcerowsecurity
              AND NOT lab.is_at_least(a.relowner, (SELECT relowner FROM pg_class WHERE oid = rel))
           OR (NOT EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = a.oid
                           AND t.attname = 'organization_id' AND NOT t.attisdropped)
               AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = a.oid
                           AND p.polpermissive AND p.polqual IS NOT NULL
                           AND p.polcmd IN ('r', '*'))));
END
$$;

-- The commands that a table's permissive policies let through at all.
CREATE FUNCTION lab.covered(rel oid, fleeting text[]) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN (
  SELECT coalesce(array_agg(DISTINCT v.command), '{}')
  FROM pg_policy p
  CROSS JOIN (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'),
                     ('DELETE', 'd')) v(command, letter)
  WHERE p.polrelid = rel AND p.polpermissive
    AND p.polcmd IN ('*', v.letter)
    -- rows that are there need USING; new ones WITH CHECK, or else USING
    AND (p.polqual IS NOT NULL
         OR (v.command = 'INSERT' AND p.polwithcheck IS NOT NULL))
    AND 'pg_policy'::regclass::oid || ' ' || p.oid || ' 0' <> ALL (fleeting));
END
$$;

-- The columns of which a predicate says that they are not null; null where it
-- says anything else.  Read off the stored tree, because pg_get_expr() would
-- wait for whoever is altering the table.
CREATE FUNCTION lab.not_null_columns(tree text) RETURNS int[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  tree := regexp_replace(tree, '\{VAR [^{}]*:varattno (\d+) [^{}]*\}', 'V\1', 'g');
  tree := regexp_replace(tree, '\{NULLTEST :arg V(\d+) :nulltesttype 1 [^{}]*\}', 'N\1', 'g');
  tree := regexp_replace(tree, '\{BOOLEXPR :boolop and :args \(([N0-9 ]+)\) [^{}]*\}', '\1', 'g');
  IF tree !~ '^[N0-9 ]+$' THEN RETURN '{null}'; END IF;
  RETURN (SELECT array_agg(m[1]::int) FROM regexp_matches(tree, 'N(\d+)', 'g') m);
END
$$;

-- Is there a valid index led by just these columns, in any order?
CREATE FUNCTION lab.is_indexed(rel oid, keys int2[], fleeting text[]) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (
    SELECT FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am m ON m.oid = c.relam
    WHERE i.indrelid = rel AND i.indisvalid AND i.indisready AND i.indislive
      AND m.amname IN ('btree', 'hash')
      AND i.indnkeyatts >= cardinality(keys)
      AND (SELECT array_agg(k ORDER BY k)
           FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(k, n)
           WHERE n <= cardinality(keys)) =
          (SELECT array_agg(k ORDER BY k) FROM unnest(keys) k)
      -- of the collations that the columns have
      AND NOT EXISTS (
        SELECT FROM unnest(i.indkey::int2[], i.indcollation::oid[])
                    WITH ORDINALITY u(k, coll, n)
        JOIN pg_attribute a ON a.attrelid = rel AND a.attnum = u.k
        WHERE n <= cardinality(keys) AND a.attcollation <> u.coll)
      -- of all rows that have a value
      AND (i.indpred IS NULL OR
        (SELECT bool_and(a.attnum = ANY (keys) OR a.attnotnull)
         FROM unnest(lab.not_null_columns(i.indpred::text)) n
         LEFT JOIN pg_attribute a ON a.attrelid = rel AND a.attnum = n))
      AND 'pg_class'::regclass::oid || ' ' || i.indexrelid || ' 0' <> ALL (fleeting));
END
$$;

-- Can nobody but its owner reach a table, by itself or through its parents?
CREATE FUNCTION lab.is_sealed(rel oid) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN (
  WITH RECURSIVE up(relid) AS (
    SELECT rel
    UNION SELECT i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.relid)
  SELECT NOT lab.app_acts_as('pg_read_all_data'::regrole)
    AND NOT lab.app_acts_as('pg_write_all_data'::regrole)
    AND bool_and(NOT lab.is_granted(c.oid) AND NOT lab.app_acts_as(c.relowner))
  FROM up JOIN pg_class c ON c.oid = up.relid);
END
$$;

-- Does a schema's entry for a rule cover a table in it?  Not if the table is a
-- child of a tenant table that no entry covers.
CREATE FUNCTION lab.schema_entry_covers(rel oid, about text) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
DECLARE
  result bool;
BEGIN
  EXECUTE $q$
    WITH RECURSIVE up(relid) AS (
      SELECT inhparent FROM pg_inherits WHERE inhrelid = $1
      UNION SELECT i.inhparent FROM pg_inherits i JOIN up ON i.inhrelid = up.relid)
    SELECT NOT EXISTS (
      SELECT FROM up JOIN lab.tenant t ON t.relid = up.relid
      WHERE NOT EXISTS (
        SELECT FROM trovella_guard.allowlist a
        WHERE a.schema_name = t.nspname AND a.table_name IN (t.relname, '*')
          AND a.rule IN ('*', $2) AND a.object = '*' AND NOT a.adopted
          AND (NOT a.sealed OR lab.is_sealed(t.relid))
          AND (expires_at IS NULL OR expires_at > clock_timestamp())))
    $q$ INTO result USING rel, about;
  RETURN result;
END
$$;

-- Which allowlist entries cover a table: its own, those of the tables that it
-- is a partition of, and that of the schema of the topmost.  The entry's xmin
-- tells a fresh one.  An entry of the schema is asked about a rule.  A sealed entry counts while the table is sealed; a debt
-- waives nothing that is new, so it is no entry here.
CREATE FUNCTION lab.entries(rel oid, about text DEFAULT NULL)
RETURNS TABLE (distance int, rule text, object text, entry text, sealed bool)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  up oid := rel;
  parent oid;
  schema name;
  tab name;
BEGIN
  IF to_regclass('trovella_guard.allowlist') IS NULL THEN RETURN; END IF;
  distance := 0;
  WHILE up IS NOT NULL LOOP
    SELECT n.nspname, c.relname, i.inhparent INTO schema, tab, parent
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
    WHERE c.oid = up;
    RETURN QUERY EXECUTE
      'SELECT $3, a.rule, a.object, format(''%s.%s/%s@%s'', schema_name, table_name, rule, xmin), a.sealed
       FROM trovella_guard.allowlist a
       WHERE schema_name = $1 AND NOT a.adopted
         AND (table_name = $2 OR table_name = ''*'' AND $4 IS NULL
              AND lab.schema_entry_covers($5, coalesce($7, a.rule)))
         AND (expires_at IS NULL OR expires_at > clock_timestamp())
         AND (NOT a.sealed OR lab.is_sealed($6))'
      USING schema, tab, distance, parent, up, rel, about;
    distance := distance + 1;
    up := parent;
  END LOOP;
END
$$;

-- The parents of a table, near and far, separated by "|".
CREATE FUNCTION lab.ancestors(rel oid) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE up(relid) AS (
    SELECT inhparent FROM pg_inherits WHERE inhrelid = rel
    UNION SELECT i.inhparent FROM pg_inherits i JOIN up ON i.inhrelid = up.relid)
  SELECT string_agg(n.nspname || '.' || c.relname, '|')
  FROM up JOIN pg_class c ON c.oid = up.relid JOIN pg_namespace n ON n.oid = c.relnamespace
$$;

-- Does an entry waive a rule, of an object or, of policy_missing, of all the
-- commands that lack a policy?
CREATE FUNCTION lab.is_waived(rel oid, about text, what text DEFAULT NULL, commands text[] DEFAULT NULL) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM lab.entries(rel, about) e
                 WHERE (e.rule = about OR e.rule = '*'
                        AND NOT (e.sealed AND about IN ('tenant_column_lost', 'view_exposes_tenants')))
                   AND (e.object = '*' OR e.object = what OR commands <@ string_to_array(e.object, ', ')));
END
$$;

-- Who reaches a table, besides superusers: "role privilege", separated by "|".
CREATE FUNCTION lab.reached_by(rel oid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT string_agg(DISTINCT format('%s %s', a.grantee, a.privilege_type), '|')
  FROM (SELECT (aclexplode(c.relacl)).* FROM pg_class c WHERE c.oid = rel
        UNION ALL
        SELECT (aclexplode(t.attacl)).* FROM pg_attribute t WHERE t.attrelid = rel
        UNION ALL
        SELECT 0, c.relowner, 'owner', false FROM pg_class c WHERE c.oid = rel) a
  WHERE a.grantee NOT IN (SELECT oid FROM pg_authid WHERE rolsuper)
$$;

-- The application's roles: those of the setting that exist and are not excused;
-- where none exists, whoever may log in and is confined.
CREATE FUNCTION lab.app_roles() RETURNS oid[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  excused name[] := '{}';
  listed oid[];
BEGIN
  IF to_regclass('trovella_guard.allowlist') IS NOT NULL THEN
    EXECUTE $q$SELECT coalesce(array_agg(object::name), '{}') FROM trovella_guard.allowlist
      WHERE kind = 'role' AND (expires_at IS NULL OR expires_at > clock_timestamp())$q$ INTO excused;
  END IF;
  SELECT array_agg(oid) INTO listed FROM pg_roles
  WHERE rolname = ANY (string_to_array(replace(current_setting('trovella_guard.app_role', true), ' ', ''), ','));
  RETURN (
    SELECT coalesce(array_agg(oid), '{}') FROM pg_roles
    WHERE rolname <> ALL (excused)
      AND CASE WHEN listed IS NULL THEN rolcanlogin AND NOT rolsuper AND NOT rolbypassrls
               ELSE oid = ANY (listed) END);
END
$$;

-- Has an application role the privileges of another one, or can get them?
CREATE FUNCTION lab.app_acts_as(role oid) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN role = 0 OR (
  WITH RECURSIVE acts_as(oid) AS (
    SELECT unnest(lab.app_roles())
    UNION
    SELECT m.roleid FROM acts_as a JOIN lab.membership m ON m.member = a.oid
  )
  SELECT role IN (SELECT oid FROM acts_as));
END
$$;

-- Does every view read tables alone, with its owner's rights?
CREATE FUNCTION lab.views_are_simple() RETURNS bool
LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM pg_class v
    JOIN pg_namespace n ON n.oid = v.relnamespace
    WHERE v.oid >= 16384 AND n.nspname NOT IN ('lab', 'trovella_guard', 'wk') AND n.nspname !~ '^pg_'
      AND (v.relkind = 'm' OR v.relkind = 'v' AND v.reloptions IS NOT NULL
           OR v.relkind = 'v' AND EXISTS (
                SELECT FROM pg_rewrite r
                JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
                JOIN pg_class b ON b.oid = d.refobjid
                WHERE r.ev_class = v.oid AND b.relkind NOT IN ('r', 'p'))
           OR v.relkind IN ('r', 'p', 'v') AND EXISTS (
                SELECT FROM pg_rewrite r WHERE r.ev_class = v.oid AND r.rulename <> '_RETURN')))
$$;

-- The views by which the application's role sees a tenant table as somebody to
-- whom row-level security does not apply, and whether the table has it.  Only
-- where views read tables alone, with their owner's rights, and nothing else.
CREATE FUNCTION lab.exposing_views()
RETURNS TABLE (relid oid, tenant_table text, identity text)
LANGUAGE sql STABLE AS $$
  SELECT DISTINCT v.oid, t.nspname || '.' || t.relname,
         t.relid || CASE WHEN t.relrowsecurity THEN ' protected' ELSE ' hidden' END
  FROM pg_class v
  JOIN pg_namespace n ON n.oid = v.relnamespace
  JOIN pg_rewrite r ON r.ev_class = v.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass
  JOIN lab.tenant t ON t.relid = d.refobjid
  WHERE v.relkind = 'v' AND v.relpersistence <> 't' AND v.oid >= 16384
    AND n.nspname NOT IN ('lab', 'trovella_guard')
    AND lab.views_are_simple()
    AND (EXISTS (SELECT FROM aclexplode(coalesce(v.relacl, acldefault('r', v.relowner))) a
                WHERE a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                  AND lab.app_acts_as(a.grantee))
         OR lab.app_acts_as('pg_read_all_data'::regrole) OR lab.app_acts_as('pg_write_all_data'::regrole))
    AND CASE WHEN t.relrowsecurity
        THEN (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE oid = v.relowner)
          OR NOT t.relforcerowsecurity AND pg_has_role(v.relowner, t.relowner, 'USAGE')
        ELSE lab.is_hidden(t.relid) END
    -- of rows of a global table nothing is said
    AND NOT lab.is_waived(t.relid, '*')
$$;

-- Has a table more than the hundred ancestors that the guard looks at?
CREATE FUNCTION lab.is_too_deep(rel oid) RETURNS bool
LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM FROM pg_inherits WHERE inhrelid = rel;
  IF NOT FOUND THEN RETURN false; END IF;
  RETURN (
    WITH RECURSIVE up(relid) AS (
      SELECT inhparent FROM pg_inherits WHERE inhrelid = rel
      UNION SELECT i.inhparent FROM pg_inherits i JOIN up ON i.inhrelid = up.relid)
    SELECT count(*) > 100 FROM up);
END
$$;

-- Everything that is unsafe.  "identity" tells one fault from another by
-- what a rename does not change.
CREATE FUNCTION lab.unsafe()
RETURNS TABLE (relid oid, rule text, object text, identity text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  t record;
  k record;
  judged bool;
  covered text[];
  fleeting text[] := lab.fleeting();
BEGIN
  FOR t IN SELECT * FROM lab.tenant WHERE NOT lab.is_too_deep(tenant.relid) LOOP
    relid := t.relid;
    judged := t.relrowsecurity OR NOT lab.is_hidden(t.relid);

    FOR k IN
      SELECT a.oid, a.relname, n.nspname FROM lab.open_ancestors(t.relid) o
      JOIN pg_class a ON a.oid = o JOIN pg_namespace n ON n.oid = a.relnamespace
    LOOP
      rule := 'rls_disabled'; object := k.nspname || '.' || k.relname;
      identity := k.oid;
      RETURN NEXT;
    END LOOP;

    IF NOT judged THEN NULL;
    ELSIF NOT t.relrowsecurity THEN
      rule := 'rls_disabled'; object := NULL; identity := '';
      RETURN NEXT;
    END IF;

    IF judged AND NOT (t.relrowsecurity
        AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = t.relid)
        AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = t.relid)) THEN
      covered := lab.covered(t.relid, fleeting);
      FOR object IN
        SELECT u.command FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) u(command)
        WHERE u.command <> ALL (covered)
      LOOP
        rule := 'policy_missing'; identity := object;
        RETURN NEXT;
      END LOOP;
    END IF;

    IF NOT lab.is_indexed(t.relid, ARRAY[t.attnum], fleeting) THEN
      rule := 'tenant_index_missing'; object := NULL; identity := '';
      RETURN NEXT;
    END IF;

    FOR k IN
      SELECT c.oid, c.conname, c.conkey FROM pg_constraint c
      WHERE c.conrelid = t.relid AND c.contype = 'f' AND c.conparentid = 0
        AND c.conkey <> ARRAY[t.attnum]
    LOOP
      IF NOT lab.is_indexed(t.relid, k.conkey, fleeting) THEN
        -- another key of the same columns lacks no other index
        rule := 'fk_index_missing'; object := k.conname; identity := k.conkey::text;
        RETURN NEXT;
      END IF;
    END LOOP;

    IF NOT (t.relrowsecurity AND t.relforcerowsecurity) AND lab.app_acts_as(t.relowner)
        AND (t.relrowsecurity OR NOT judged) THEN
      rule := 'app_role_bypasses_rls'; object := 'regress_lab_app'; identity := '';
      RETURN NEXT;
    END IF;
  END LOOP;

  RETURN QUERY
    SELECT v.relid, 'view_exposes_tenants', v.tenant_table, v.identity
    FROM lab.exposing_views() v;
END
$$;

-- What the walker asks after each transaction: one line for each fact,
-- fields separated by tabs.
--   U relid table rule object identity waived    something unsafe
--   T relid table entries reached-by ancestors number   a tenant table, and its column's number
--   V relid reached-by                           a view
--   N relid table lost-is-waived columns         another table, its columns by number
--   E entry                                      an allowlist entry
--   D table/rule                                 a debt, also one that a decision hides
--   C relid table rule object level waived       what the audit says, debts included
--   Y table                                      one that the oracle does not judge
--   X                                            too many views for the oracle
--   M milliseconds                               what the audit took
CREATE FUNCTION lab.state(guarded bool DEFAULT true) RETURNS SETOF text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  began timestamptz;
BEGIN
  RETURN QUERY
    WITH u AS MATERIALIZED (SELECT * FROM lab.unsafe()), missing AS (
      SELECT u.relid, array_agg(u.object) AS commands FROM u WHERE u.rule = 'policy_missing' GROUP BY 1)
    SELECT format(E'U\t%s\t%s.%s\t%s\t%s\t%s\t%s', u.relid, n.nspname, c.relname,
                  u.rule, u.object, u.identity, lab.is_waived(u.relid, u.rule, u.object, m.commands)::int)
    FROM u LEFT JOIN missing m ON m.relid = u.relid AND u.rule = 'policy_missing'
    JOIN pg_class c ON c.oid = u.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace;
  RETURN QUERY
    SELECT format(E'T\t%s\t%s.%s\t%s\t%s\t%s\t%s', t.relid, t.nspname, t.relname,
                  (SELECT string_agg(e.distance || ' ' || e.entry, '|')
                   FROM lab.entries(t.relid) e WHERE e.object = '*' AND NOT e.sealed), lab.reached_by(t.relid),
                  lab.ancestors(t.relid), t.attnum)
    FROM lab.tenant t;
  RETURN QUERY
    SELECT format(E'V\t%s\t%s', c.oid, lab.reached_by(c.oid))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND c.oid >= 16384 AND n.nspname NOT IN ('lab', 'trovella_guard');
  RETURN QUERY
    SELECT format(E'N\t%s\t%s.%s\t%s\t%s', c.oid, n.nspname, c.relname,
                  CASE WHEN EXISTS (SELECT FROM lab.entries(c.oid) e WHERE e.rule = 'tenant_column_lost') THEN 'by name'
                       WHEN lab.is_waived(c.oid, 'tenant_column_lost') THEN 'with all' END,
                  (SELECT string_agg(attnum::text, '|') FROM pg_attribute
                   WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND c.oid >= 16384 AND n.nspname NOT IN ('lab', 'trovella_guard')
      AND c.oid NOT IN (SELECT t.relid FROM lab.tenant t);
  RETURN QUERY SELECT format(E'Y\t%s.%s', t.nspname, t.relname) FROM lab.tenant t
    WHERE lab.is_too_deep(t.relid);
  IF NOT lab.views_are_simple() THEN RETURN NEXT 'X'; END IF;
  IF to_regclass('trovella_guard.allowlist') IS NOT NULL AND guarded THEN
    began := clock_timestamp();
    RETURN QUERY EXECUTE $q$
      SELECT format(E'E\t%s.%s/%s@%s', schema_name, table_name, rule, xmin)
      FROM trovella_guard.allowlist WHERE kind = 'relation' AND object = '*' AND NOT adopted AND NOT sealed
      UNION ALL
      SELECT format(E'D\t%s.%s\t%s', schema_name, table_name, rule)
      FROM trovella_guard.allowlist WHERE adopted
      UNION ALL
      SELECT format(E'C\t%s\t%s.%s\t%s\t%s\t%s\t%s', c.oid, f.schema_name, f.table_name, f.rule, f.object, f.level,
             CASE WHEN f.waived_by IS NOT NULL AND NOT f.is_debt THEN 1 END)
      FROM trovella_guard.findings() f
      LEFT JOIN pg_namespace n ON n.nspname = f.schema_name
      LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = f.table_name
      WHERE f.level <> 'info'
    $q$;
    RETURN NEXT format(E'M\t%s', round(extract(epoch FROM clock_timestamp() - began) * 1000));
  END IF;
END
$$;

-- What the walker's grammar knows of the world.
CREATE FUNCTION lab.world() RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT format(E'R\t%s\t%I.%I\t%s\t%s\t%s\t%s', c.oid, n.nspname, c.relname, c.relkind,
                c.relrowsecurity::int, c.reloftype::regtype, c.relispartition::int)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384
    AND n.nspname !~ '^(pg_|trovella_guard|(lab|deep|evil|wk)$)'
  UNION ALL
  SELECT format(E'A\t%s\t%s', a.attrelid, a.attname)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND a.attnum > 0
    AND NOT a.attisdropped AND n.nspname !~ '^(pg_|trovella_guard|(lab|deep|evil|wk)$)'
  UNION ALL
  SELECT format(E'P\t%s\t%I', polrelid, polname) FROM pg_policy
  UNION ALL
  SELECT format(E'I\t%s\t%I.%I', i.indrelid, n.nspname, c.relname)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND n.nspname !~ '^(pg_|trovella_guard|(lab|deep|evil|wk)$)'
  UNION ALL
  SELECT format(E'K\t%s\t%I\t%s', conrelid, conname, contype)
  FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
  WHERE conrelid >= 16384 AND contype IN ('f', 'p', 'u') AND n.nspname !~ '^(pg_|trovella_guard|(lab|deep|evil|wk)$)'
  UNION ALL
  SELECT format(E'H\t%s\t%s', inhrelid, inhparent) FROM pg_inherits
  UNION ALL
  SELECT format(E'S\t%I', nspname) FROM pg_namespace
  WHERE nspname ~ '^(s\d|n\d)$'
$$;

--
-- Policy scope, observed
--

-- Changes when what the observation depends on changes.
CREATE FUNCTION lab.scope_fingerprint(rel oid) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT md5(coalesce((SELECT string_agg(p::text, '|' ORDER BY p.oid) FROM pg_policy p WHERE p.polrelid = rel), '')
    || (SELECT c.relrowsecurity::text || c.relforcerowsecurity || c.relowner || coalesce(c.relacl::text, '') FROM pg_class c WHERE c.oid = rel)
    || (SELECT string_agg(a.attname || a.atttypid, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = rel AND a.attnum > 0)
    || coalesce((SELECT string_agg(f.oid::text || f.provolatile::text || f.prosrc || coalesce(f.prosqlbody::text, ''), ',' ORDER BY f.oid) FROM pg_proc f WHERE f.pronamespace = to_regnamespace('fn')), '')
    || lab.is_waived(rel, 'policy_unscoped'))
$$;

-- Runs a statement as the application's role and tells how many rows it
-- reached, or -1 if it failed.  With "then", what that says about the table
-- afterwards to somebody who sees all.
CREATE FUNCTION lab.attempt(role name, tenant text, statement text, "then" text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM set_config('app.current_organization_id', tenant, true);
  PERFORM set_config('role', role, true);
  EXECUTE statement;
  GET DIAGNOSTICS n = ROW_COUNT;
  IF "then" IS NOT NULL THEN
    PERFORM set_config('role', 'none', true);
    EXECUTE "then" INTO n;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'LB001', MESSAGE = n::text;
EXCEPTION
  WHEN SQLSTATE 'LB001' THEN RETURN SQLERRM::bigint;
  WHEN OTHERS THEN RETURN -1;
END
$$;

-- Puts a row of tenant "a" and one of tenant "b" into a table; what else a row
-- needs, as columns and values; null if it takes none.
CREATE FUNCTION lab.put_rows(rel oid, OUT columns text, OUT "values" text)
LANGUAGE plpgsql AS $$
DECLARE
  tab text := rel::regclass;
  has_n bool := EXISTS (SELECT FROM pg_attribute WHERE attrelid = rel AND attname = 'n' AND NOT attisdropped);
  n int;
BEGIN
  FOREACH n IN ARRAY CASE WHEN has_n THEN '{0,10,20,30,40,50,100}' ELSE '{0}' END::int[] LOOP
    BEGIN
      columns := CASE WHEN has_n THEN ', n' ELSE '' END;
      "values" := CASE WHEN has_n THEN ', ' || n ELSE '' END;
      EXECUTE format('INSERT INTO %s (organization_id%s) VALUES (''a''%s), (''b''%s)',
                     tab, columns, "values", "values");
      RETURN;
    EXCEPTION WHEN OTHERS THEN columns := NULL;
    END;
  END LOOP;
END
$$;

-- What a tenant "a" can do to the row of tenant "b": the commands, or '?' if
-- the two rows cannot be put into the table.
CREATE FUNCTION lab.leaks(rel oid) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
  tab text;
  others text;
  roles name[] := '{regress_lab_app,regress_lab_other}';
  role name;
  result text[] := '{}';
  more record;
  exempt regrole;
  asked oid;
BEGIN
  SELECT format('%I.%I', nspname, relname) INTO tab FROM lab.tenant WHERE relid = rel;
  IF NOT FOUND THEN RETURN '{?}'; END IF;
  others := format('SELECT count(*) FROM %s WHERE organization_id = ''b''', tab);
  SET LOCAL trovella_guard.mode = off;
  BEGIN
    -- neither foreign keys nor triggers are the subject here
    SET LOCAL session_replication_role = replica;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', (SELECT nspname FROM lab.tenant WHERE relid = rel));
    EXECUTE format('GRANT ALL ON %s TO PUBLIC', tab);
    -- and to read what its policies look up
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %s TO PUBLIC',
      (SELECT string_agg(quote_ident(nspname), ', ') FROM pg_namespace WHERE nspname IN ('s1', 's2', 'fn')));
    -- what the policies say is asked even where they do not count yet
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
    -- to an owner they do not apply, unless forced; that is not what is asked
    SELECT relowner INTO exempt FROM pg_class WHERE oid = rel AND NOT relforcerowsecurity;
    EXECUTE format('ALTER TABLE %s OWNER TO CURRENT_USER', tab);
    -- with what is in its children: rows are counted
    EXECUTE format('DELETE FROM %s', tab);
    -- a policy may ask that a row has an id
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = rel AND attname = 'id' AND atttypid = 'text'::regtype
        AND NOT attisdropped AND NOT atthasdef) THEN
      EXECUTE format('ALTER TABLE %s ALTER COLUMN id SET DEFAULT gen_random_uuid()::text', tab);
    END IF;
    IF (SELECT relkind FROM pg_class WHERE oid = rel) = 'p' THEN
      BEGIN
        EXECUTE format('CREATE TABLE lab.everything_else PARTITION OF %s DEFAULT', tab);
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
    END IF;
    more := lab.put_rows(rel);
    IF more.columns IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'LB002', MESSAGE = '{?}';
    END IF;
    FOR asked IN
      SELECT DISTINCT d.refobjid FROM pg_policy p
      JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> rel
      JOIN lab.tenant t ON t.relid = d.refobjid
      WHERE p.polrelid = rel
    LOOP
      PERFORM lab.put_rows(asked);
    END LOOP;
    FOREACH role IN ARRAY roles LOOP
      CONTINUE WHEN pg_has_role(role, exempt, 'USAGE')
        OR (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = role);
      IF lab.attempt(role, 'a', format('SELECT FROM %s WHERE organization_id = ''b''', tab)) > 0 THEN
        result := result || 'SELECT'::text;
      END IF;
      IF lab.attempt(role, 'a', format('INSERT INTO %s (organization_id%s) VALUES (''b''%s)',
           tab, more.columns, more.values)) > 0 THEN
        result := result || 'INSERT'::text;
      END IF;
      -- steal the other tenant's row, or give one's own away
      IF lab.attempt(role, 'a', format('UPDATE %s SET organization_id = ''a''', tab), others) = 0
         OR lab.attempt(role, 'a', format('UPDATE %s SET organization_id = ''b''', tab)) > 0 THEN
        result := result || 'UPDATE'::text;
      END IF;
      IF lab.attempt(role, 'a', format('DELETE FROM %s', tab), others) = 0 THEN
        result := result || 'DELETE'::text;
      END IF;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'LB002', MESSAGE = result::text;
  EXCEPTION
    WHEN SQLSTATE 'LB002' THEN
      RETURN (SELECT coalesce(array_agg(DISTINCT l), '{}') FROM unnest(SQLERRM::text[]) l);
    WHEN OTHERS THEN
      RETURN '{?}';
  END;
END
$$;

-- What probe() says of the same, of all roles: 'command:leaks', or
-- 'command:isolated' where it was shown.  The caller rolls back.
CREATE FUNCTION lab.trial(rel oid) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
  tab text;
  schema name;
BEGIN
  SELECT format('%I.%I', nspname, relname), nspname INTO tab, schema FROM lab.tenant WHERE relid = rel;
  SET LOCAL trovella_guard.mode = off;
  -- as lab.leaks() does
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', schema);
  EXECUTE format('GRANT ALL ON %s TO PUBLIC', tab);
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %s TO PUBLIC',
    (SELECT string_agg(quote_ident(nspname), ', ') FROM pg_namespace WHERE nspname IN ('s1', 's2')));
  RETURN (
    SELECT coalesce(array_agg(command || ':' || outcome), '{}')
    FROM (SELECT p.command, CASE WHEN bool_or(p.outcome = 'leaks') THEN 'leaks' ELSE 'isolated' END
          FROM unnest('{regress_lab_app,regress_lab_other}'::name[]) r (role)
          JOIN pg_class c ON c.oid = rel,
          trovella_guard.probe(rel, r.role) p
          WHERE p.relation = rel AND p.command IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            -- to an owner policies do not apply, unless forced
            AND (c.relforcerowsecurity OR NOT pg_has_role(r.role, c.relowner, 'USAGE'))
          GROUP BY p.command
          HAVING bool_or(p.outcome = 'leaks') OR bool_and(p.outcome = 'isolated')) t (command, outcome));
EXCEPTION WHEN internal_error THEN
  -- it contradicts the proof, and says so itself
  RETURN '{probe:leaks}';
END
$$;

-- W relid table fingerprint: the tables whose policies can be observed, or with
-- "bare" also those where they do not count.
CREATE FUNCTION lab.scopes(bare bool DEFAULT false) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT format(E'W\t%s\t%s.%s\t%s', t.relid, t.nspname, t.relname, lab.scope_fingerprint(t.relid))
  FROM lab.tenant t
  WHERE (bare OR t.relrowsecurity)
    AND EXISTS (SELECT FROM pg_policy WHERE polrelid = t.relid)
$$;
