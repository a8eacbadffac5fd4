/* trovella_guard--1.0.0.sql: the SQL surface of trovella_guard */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION trovella_guard" to load this file. \quit

-- A control file with a fixed schema installs into a schema of that name if
-- there is one, whoever owns it; and its owner could drop it with CASCADE.
DO $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_catalog.pg_namespace n
    JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
    WHERE n.nspname OPERATOR(pg_catalog.=) 'trovella_guard' AND r.rolsuper)
  THEN
    RAISE EXCEPTION 'schema "trovella_guard" is not owned by a superuser'
      USING ERRCODE = 'insufficient_privilege',
            HINT = 'Drop the schema, or run ALTER SCHEMA trovella_guard OWNER TO a superuser, and try again.';
  END IF;
END
$$;

REVOKE ALL ON SCHEMA trovella_guard FROM PUBLIC;
GRANT USAGE ON SCHEMA trovella_guard TO PUBLIC;

--
-- The allowlist
--

CREATE TABLE trovella_guard.allowlist (
  schema_name pg_catalog.name NOT NULL,
  table_name  pg_catalog.name NOT NULL,
  rule        pg_catalog.text NOT NULL DEFAULT '*',
  reason      pg_catalog.text NOT NULL
              CONSTRAINT allowlist_reason_not_blank
              CHECK (pg_catalog.btrim(reason, E' \t\r\n') OPERATOR(pg_catalog.<>) ''),
  added_by    pg_catalog.name NOT NULL DEFAULT SESSION_USER,
  added_at    pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  expires_at  pg_catalog.timestamptz,
  adopted     pg_catalog.bool NOT NULL DEFAULT false,
  CONSTRAINT allowlist_pkey PRIMARY KEY (schema_name, table_name, rule)
);
COMMENT ON TABLE trovella_guard.allowlist IS
  'Relations that are meant to break a rule, or all of them (global tables), and why. Written by allow() and disallow() only.';
COMMENT ON COLUMN trovella_guard.allowlist.schema_name IS 'Schema of the relation; it need not exist yet.';
COMMENT ON COLUMN trovella_guard.allowlist.table_name IS 'Name of the relation, or * for all relations of the schema.';
COMMENT ON COLUMN trovella_guard.allowlist.rule IS 'The rule that is waived, or * for all: a global table.';
COMMENT ON COLUMN trovella_guard.allowlist.reason IS 'Why this is right.';
COMMENT ON COLUMN trovella_guard.allowlist.added_by IS 'The session user who called allow() or adopt().';
COMMENT ON COLUMN trovella_guard.allowlist.added_at IS 'When.';
COMMENT ON COLUMN trovella_guard.allowlist.expires_at IS 'From then on the entry does not count; NULL: never.';
COMMENT ON COLUMN trovella_guard.allowlist.adopted IS 'Written by adopt(): a debt that was there on that day. It quietens the old finding and lets nothing new pass.';

REVOKE ALL ON trovella_guard.allowlist FROM PUBLIC;
GRANT SELECT ON trovella_guard.allowlist TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('trovella_guard.allowlist', '');

CREATE FUNCTION trovella_guard.allowlist_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'trovella_guard_allowlist_changed_1_0';
COMMENT ON FUNCTION trovella_guard.allowlist_changed() IS
  'Trigger on the allowlist: has the relations that an entry covered judged anew when it changes or goes.';
REVOKE ALL ON FUNCTION trovella_guard.allowlist_changed() FROM PUBLIC;

CREATE TRIGGER allowlist_changed AFTER UPDATE OR DELETE ON trovella_guard.allowlist
  FOR EACH ROW EXECUTE FUNCTION trovella_guard.allowlist_changed();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_changed;
COMMENT ON TRIGGER allowlist_changed ON trovella_guard.allowlist IS
  'What an entry has covered is judged anew when the entry changes or goes.';
CREATE TRIGGER allowlist_no_truncate BEFORE TRUNCATE ON trovella_guard.allowlist
  FOR EACH STATEMENT EXECUTE FUNCTION trovella_guard.allowlist_changed();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_no_truncate;
COMMENT ON TRIGGER allowlist_no_truncate ON trovella_guard.allowlist IS
  'TRUNCATE is refused: it would not say what the entries have covered.';

CREATE FUNCTION trovella_guard.allow(
  relation pg_catalog.text,
  reason pg_catalog.text,
  rule pg_catalog.text DEFAULT '*',
  expires_at pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_allow_1_0';
COMMENT ON FUNCTION trovella_guard.allow(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
  'Puts a relation (schema.table; it need not exist yet) or a whole schema (schema.*) on the allowlist, for one rule or, with rule *, as global. A reason is required. Calling it again replaces reason and expiry.';
REVOKE ALL ON FUNCTION trovella_guard.allow(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) FROM PUBLIC;

CREATE FUNCTION trovella_guard.disallow(
  relation pg_catalog.text,
  rule pg_catalog.text DEFAULT '*')
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_disallow_1_0';
COMMENT ON FUNCTION trovella_guard.disallow(pg_catalog.text, pg_catalog.text) IS
  'Takes an entry off the allowlist. What it covered is judged at the commit of the same transaction.';
REVOKE ALL ON FUNCTION trovella_guard.disallow(pg_catalog.text, pg_catalog.text) FROM PUBLIC;

CREATE FUNCTION trovella_guard.adopt(
  reason pg_catalog.text,
  expires_at pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.int8
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_adopt_1_0';
COMMENT ON FUNCTION trovella_guard.adopt(pg_catalog.text, pg_catalog.timestamptz) IS
  'Puts every finding of today on the allowlist as a debt, one entry for each rule that a relation breaks, and returns their number. A debt quietens what was there; it lets nothing new pass.';
REVOKE ALL ON FUNCTION trovella_guard.adopt(pg_catalog.text, pg_catalog.timestamptz) FROM PUBLIC;

CREATE FUNCTION trovella_guard.prune(
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT reason pg_catalog.text,
  OUT expires_at pg_catalog.timestamptz, OUT why pg_catalog.text)
RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_prune_1_0';
COMMENT ON FUNCTION trovella_guard.prune() IS
  'Removes the allowlist entries that have expired or waive nothing any more, and returns them.';
REVOKE ALL ON FUNCTION trovella_guard.prune() FROM PUBLIC;

--
-- The history of the allowlist
--

CREATE TABLE trovella_guard.allowlist_log (
  at          pg_catalog.timestamptz NOT NULL,
  author      pg_catalog.name NOT NULL,
  action      pg_catalog.text NOT NULL
              CONSTRAINT allowlist_log_action_known CHECK (action IN ('allow', 'disallow')),
  schema_name pg_catalog.name NOT NULL,
  table_name  pg_catalog.name NOT NULL,
  rule        pg_catalog.text NOT NULL,
  reason      pg_catalog.text NOT NULL,
  expires_at  pg_catalog.timestamptz,
  adopted     pg_catalog.bool NOT NULL
);
CREATE INDEX allowlist_log_at_idx ON trovella_guard.allowlist_log (at);
COMMENT ON TABLE trovella_guard.allowlist_log IS
  'Who allowed what, when and why, and who took it back. Written by a trigger on the allowlist; rows are never changed.';
COMMENT ON COLUMN trovella_guard.allowlist_log.at IS 'When.';
COMMENT ON COLUMN trovella_guard.allowlist_log.author IS 'The session user.';
COMMENT ON COLUMN trovella_guard.allowlist_log.action IS 'allow: the entry was written, or replaced; disallow: it was removed.';
COMMENT ON COLUMN trovella_guard.allowlist_log.schema_name IS 'Schema of the relation.';
COMMENT ON COLUMN trovella_guard.allowlist_log.table_name IS 'Name of the relation, or * for all relations of the schema.';
COMMENT ON COLUMN trovella_guard.allowlist_log.rule IS 'The rule that was waived, or * for all.';
COMMENT ON COLUMN trovella_guard.allowlist_log.reason IS 'The reason of the entry.';
COMMENT ON COLUMN trovella_guard.allowlist_log.expires_at IS 'When the entry was to expire; NULL: never.';
COMMENT ON COLUMN trovella_guard.allowlist_log.adopted IS 'Whether adopt() had made the entry.';

REVOKE ALL ON trovella_guard.allowlist_log FROM PUBLIC;
GRANT SELECT ON trovella_guard.allowlist_log TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('trovella_guard.allowlist_log', '');

-- No SECURITY DEFINER: whoever may write the allowlist is the owner of both.
CREATE FUNCTION trovella_guard.allowlist_logged() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO trovella_guard.allowlist_log
    VALUES (clock_timestamp(), session_user, 'disallow', OLD.schema_name,
            OLD.table_name, OLD.rule, OLD.reason, OLD.expires_at, OLD.adopted);
  ELSE
    INSERT INTO trovella_guard.allowlist_log
    VALUES (NEW.added_at, NEW.added_by, 'allow', NEW.schema_name,
            NEW.table_name, NEW.rule, NEW.reason, NEW.expires_at, NEW.adopted);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION trovella_guard.allowlist_logged() IS
  'Trigger on the allowlist: writes the log.';
REVOKE ALL ON FUNCTION trovella_guard.allowlist_logged() FROM PUBLIC;

CREATE TRIGGER allowlist_logged AFTER INSERT OR UPDATE OR DELETE ON trovella_guard.allowlist
  FOR EACH ROW EXECUTE FUNCTION trovella_guard.allowlist_logged();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_logged;
COMMENT ON TRIGGER allowlist_logged ON trovella_guard.allowlist IS 'Every change of the list is written to the log.';

-- A restore brings both the allowlist, whose trigger writes the log, and the
-- log: what is there already is not written again.
CREATE FUNCTION trovella_guard.allowlist_log_kept() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION 'the history of the allowlist cannot be changed'
      USING ERRCODE = 'feature_not_supported';
  END IF;
  IF EXISTS (SELECT FROM trovella_guard.allowlist_log l
             WHERE l IS NOT DISTINCT FROM NEW AND l.at = NEW.at) THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END
$$;
COMMENT ON FUNCTION trovella_guard.allowlist_log_kept() IS
  'Trigger on the log: refuses changes, and skips what a restore brings twice.';
REVOKE ALL ON FUNCTION trovella_guard.allowlist_log_kept() FROM PUBLIC;

CREATE TRIGGER allowlist_log_kept BEFORE INSERT OR UPDATE OR DELETE ON trovella_guard.allowlist_log
  FOR EACH ROW EXECUTE FUNCTION trovella_guard.allowlist_log_kept();
ALTER TABLE trovella_guard.allowlist_log ENABLE ALWAYS TRIGGER allowlist_log_kept;
COMMENT ON TRIGGER allowlist_log_kept ON trovella_guard.allowlist_log IS 'The log is only ever added to.';
CREATE TRIGGER allowlist_log_no_truncate BEFORE TRUNCATE ON trovella_guard.allowlist_log
  FOR EACH STATEMENT EXECUTE FUNCTION trovella_guard.allowlist_log_kept();
ALTER TABLE trovella_guard.allowlist_log ENABLE ALWAYS TRIGGER allowlist_log_no_truncate;
COMMENT ON TRIGGER allowlist_log_no_truncate ON trovella_guard.allowlist_log IS 'TRUNCATE is refused: the log is only ever added to.';

CREATE FUNCTION trovella_guard.allowlist_markdown() RETURNS pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT E'## Non-Tenant Tables\n\nThese intentionally skip RLS:\n\n' ||
         coalesce(string_agg(
           format('- `%s` (%s)',
                  replace(CASE WHEN schema_name = 'public' THEN '' ELSE schema_name || '.' END || table_name, '`', ''''),
                  regexp_replace(reason, '\s+', ' ', 'g')),
           E'\n' ORDER BY schema_name <> 'public', schema_name, table_name),
           '- none') || E'\n'
  FROM trovella_guard.allowlist
  WHERE rule = '*' AND (expires_at IS NULL OR expires_at > now())
$$;
COMMENT ON FUNCTION trovella_guard.allowlist_markdown() IS
  'The "Non-Tenant Tables" section of the project''s documentation: the global tables and why they are global.';

--
-- The audit
--

CREATE FUNCTION trovella_guard.findings(
  relation pg_catalog.regclass DEFAULT NULL,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text, OUT waived_by pg_catalog.text,
  OUT is_debt pg_catalog.bool)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_findings_1_0';
COMMENT ON FUNCTION trovella_guard.findings(pg_catalog.regclass) IS
  'Every rule that is broken, in no particular order: of one relation, or of the whole database. waived_by is the reason of the allowlist entry that waives it, else NULL; is_debt tells that adopt() made that entry.';

CREATE FUNCTION trovella_guard.check(
  relation pg_catalog.regclass DEFAULT NULL,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT f.schema_name, f.table_name, f.rule, f.level, f.object, f.message, f.repair_sql
  FROM trovella_guard.findings($1) f
  WHERE f.waived_by IS NULL
  ORDER BY f.schema_name, f.table_name,
           array_position('{error,warning,info}', f.level), f.rule, f.object
$$;
COMMENT ON FUNCTION trovella_guard.check(pg_catalog.regclass) IS
  'The audit: one row for each rule that is broken and not waived, of one relation or of the whole database.';

CREATE FUNCTION trovella_guard.registry(
  OUT "position" pg_catalog.int4, OUT rule pg_catalog.text,
  OUT level pg_catalog.text, OUT default_level pg_catalog.text,
  OUT is_overridden pg_catalog.bool, OUT is_about_relations pg_catalog.bool,
  OUT purpose pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_registry_1_0';
COMMENT ON FUNCTION trovella_guard.registry() IS
  'The rules in their order: what the view rules is made of.';

CREATE VIEW trovella_guard.rules WITH (security_invoker = true) AS
  SELECT r.rule, r.level, r.default_level,
         CASE WHEN r.is_overridden
              THEN 'trovella_guard.rules (' ||
                   coalesce((SELECT s.source || coalesce(' ' || s.sourcefile, '')
                             FROM pg_catalog.pg_settings s
                             WHERE s.name = 'trovella_guard.rules'), 'unknown') || ')'
              ELSE 'default' END AS set_by,
         r.purpose
  FROM trovella_guard.registry() r;
COMMENT ON VIEW trovella_guard.rules IS
  'Every rule: its level in this session, its default, what sets it, and why the rule is there.';
COMMENT ON COLUMN trovella_guard.rules.rule IS 'The name, as in settings and in the allowlist.';
COMMENT ON COLUMN trovella_guard.rules.level IS 'error: refuses a commit; warning: warns at commit; info: in audits only; off.';
COMMENT ON COLUMN trovella_guard.rules.default_level IS 'The level where trovella_guard.rules does not name the rule.';
COMMENT ON COLUMN trovella_guard.rules.set_by IS 'default, or the setting and where it was made.';
COMMENT ON COLUMN trovella_guard.rules.purpose IS 'Why the rule is there.';
GRANT SELECT ON trovella_guard.rules TO PUBLIC;

CREATE FUNCTION trovella_guard.relations(
  relation pg_catalog.regclass DEFAULT NULL,
  OUT oid pg_catalog.oid,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT kind pg_catalog.text, OUT class pg_catalog.text,
  OUT tenant_column pg_catalog.text, OUT tenant_index pg_catalog.oid,
  OUT foreign_keys pg_catalog.int4,
  OUT errors pg_catalog.int4, OUT warnings pg_catalog.int4,
  OUT infos pg_catalog.int4, OUT waived pg_catalog.int4,
  OUT reason pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_relations_1_0';
COMMENT ON FUNCTION trovella_guard.relations(pg_catalog.regclass) IS
  'One relation, or all that rules are about, with class and number of findings: what the view tables is made of.';

CREATE VIEW trovella_guard.tables WITH (security_invoker = true) AS
  SELECT r.schema_name, r.table_name, r.kind, r.class, r.tenant_column,
         c.relrowsecurity AS rls_enabled, c.relforcerowsecurity AS rls_forced,
         p.select_policies, p.insert_policies, p.update_policies, p.delete_policies,
         i.relname AS tenant_index,
         r.errors, r.warnings, r.infos, r.waived, r.reason AS allowlist_reason
  FROM trovella_guard.relations() r
  JOIN pg_catalog.pg_class c ON c.oid = r.oid
  LEFT JOIN pg_catalog.pg_class i ON i.oid = r.tenant_index
  CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE polcmd IN ('r', '*')) AS select_policies,
           pg_catalog.count(*) FILTER (WHERE polcmd IN ('a', '*')) AS insert_policies,
           pg_catalog.count(*) FILTER (WHERE polcmd IN ('w', '*')) AS update_policies,
           pg_catalog.count(*) FILTER (WHERE polcmd IN ('d', '*')) AS delete_policies
    FROM pg_catalog.pg_policy
    WHERE polrelid = r.oid AND polpermissive) p;
COMMENT ON VIEW trovella_guard.tables IS
  'Every relation of the users: what it is, how it is protected, and how many rules it breaks.';
COMMENT ON COLUMN trovella_guard.tables.schema_name IS 'Schema.';
COMMENT ON COLUMN trovella_guard.tables.table_name IS 'Name.';
COMMENT ON COLUMN trovella_guard.tables.kind IS 'table, view, materialized view or foreign table.';
COMMENT ON COLUMN trovella_guard.tables.class IS
  'tenant: a table with a tenant column; global: on the allowlist for every rule; unclassified: a table that is neither; unprotectable: a view, materialized view or foreign table, which has no row-level security of its own.';
COMMENT ON COLUMN trovella_guard.tables.tenant_column IS 'The column of trovella_guard.tenant_columns that it has.';
COMMENT ON COLUMN trovella_guard.tables.rls_enabled IS 'Row-level security is enabled.';
COMMENT ON COLUMN trovella_guard.tables.rls_forced IS 'Row-level security holds for the owner, too.';
COMMENT ON COLUMN trovella_guard.tables.select_policies IS 'Permissive policies for SELECT; a policy FOR ALL counts for each command.';
COMMENT ON COLUMN trovella_guard.tables.insert_policies IS 'Permissive policies for INSERT.';
COMMENT ON COLUMN trovella_guard.tables.update_policies IS 'Permissive policies for UPDATE.';
COMMENT ON COLUMN trovella_guard.tables.delete_policies IS 'Permissive policies for DELETE.';
COMMENT ON COLUMN trovella_guard.tables.tenant_index IS 'An index that serves the search for a tenant.';
COMMENT ON COLUMN trovella_guard.tables.errors IS 'Findings of level error that are not waived.';
COMMENT ON COLUMN trovella_guard.tables.warnings IS 'Findings of level warning that are not waived.';
COMMENT ON COLUMN trovella_guard.tables.infos IS 'Findings of level info that are not waived.';
COMMENT ON COLUMN trovella_guard.tables.waived IS 'Findings that the allowlist waives.';
COMMENT ON COLUMN trovella_guard.tables.allowlist_reason IS 'Why the relation is global, or why findings are waived.';
GRANT SELECT ON trovella_guard.tables TO PUBLIC;

CREATE FUNCTION trovella_guard.checklist(
  relation pg_catalog.regclass,
  OUT "position" pg_catalog.int4, OUT step pg_catalog.text,
  OUT state pg_catalog.text, OUT detail pg_catalog.text,
  OUT repair_sql pg_catalog.text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  r record;
BEGIN
  SELECT * INTO r FROM trovella_guard.relations(checklist.relation);
  IF NOT FOUND OR checklist.relation IS NULL THEN
    RAISE EXCEPTION 'there is no checklist for %', coalesce('"' || checklist.relation::text || '"', 'NULL')
      USING ERRCODE = 'wrong_object_type',
            HINT = 'It is about tables, views, materialized views and foreign tables of the database''s users.';
  END IF;

  RETURN QUERY
  WITH steps (position, step, rules, needs) AS (VALUES
    (1, 'tenant column, not null',
        ARRAY['tenant_column_nullable', 'tenant_column_lost', 'table_unclassified', 'relation_unprotectable', 'exemption_taken_over'], ''),
    (2, 'base columns', ARRAY['required_columns_missing'], 'tenant column'),
    (3, 'row-level security enabled', ARRAY['rls_disabled'], 'tenant column'),
    (4, 'policies for SELECT, INSERT, UPDATE and DELETE', ARRAY['policy_missing'], 'tenant column'),
    (5, 'policies confine rows to the tenant', ARRAY['policy_unscoped', 'policy_unproven'], 'tenant column'),
    (6, 'index led by the tenant column', ARRAY['tenant_index_missing'], 'tenant column'),
    (7, 'foreign keys ON DELETE CASCADE or SET NULL', ARRAY['fk_on_delete'], 'foreign key'),
    (8, 'an index for every foreign key', ARRAY['fk_index_missing'], 'foreign key'),
    (9, 'grants for the application''s role', ARRAY['grant_missing'], 'tenant column'),
    (10, 'further advice', NULL, '')
  ), registry AS (
    SELECT g.position AS rule_position, g.rule, g.level,
           coalesce((SELECT s.position FROM steps s WHERE g.rule = ANY (s.rules)), 10) AS step_position
    FROM trovella_guard.registry() g
    WHERE g.is_about_relations
  ), by_step AS (
    SELECT g.step_position,
           count(f.rule) FILTER (WHERE f.waived_by IS NULL AND f.level <> 'info') AS broken,
           count(f.rule) FILTER (WHERE f.waived_by IS NOT NULL) AS waived,
           count(*) FILTER (WHERE g.level <> 'off') AS active,
           string_agg(CASE WHEN f.waived_by IS NOT NULL
                           THEN 'waived: ' || f.message || ' (' || f.waived_by || ')'
                           WHEN f.level = 'info' THEN 'advice: ' || f.message
                           ELSE f.message END,
                      '; ' ORDER BY g.rule_position, f.object) AS detail,
           string_agg(f.repair_sql, E'\n' ORDER BY g.rule_position, f.object)
             FILTER (WHERE f.waived_by IS NULL OR f.is_debt) AS repair_sql
    FROM registry g
    LEFT JOIN trovella_guard.findings(checklist.relation) f ON f.rule = g.rule
    GROUP BY g.step_position
  )
  SELECT s.position, s.step,
         CASE WHEN b.broken > 0 THEN 'broken'
              WHEN b.waived > 0 THEN 'waived'
              WHEN s.needs <> '' AND r.tenant_column IS NULL THEN 'not applicable'
              WHEN s.needs = 'foreign key' AND r.foreign_keys = 0 THEN 'not applicable'
              WHEN s.position = 1 AND r.class = 'unprotectable' THEN 'not applicable'
              WHEN coalesce(b.active, 0) = 0 AND s.position < 10 THEN 'not applicable'
              ELSE 'ok' END,
         coalesce(b.detail,
           CASE WHEN s.position = 1 AND r.class = 'unprotectable' THEN r.kind || ': no row-level security of its own'
                WHEN s.position = 1 THEN r.tenant_column
                WHEN s.needs <> '' AND r.tenant_column IS NULL THEN 'no tenant column'
                WHEN s.needs = 'foreign key' AND r.foreign_keys = 0 THEN 'no foreign keys'
                WHEN s.position = 6 THEN (SELECT c.relname::text FROM pg_class c WHERE c.oid = r.tenant_index)
                WHEN coalesce(b.active, 0) = 0 AND s.position < 10 THEN 'the rule is off' END),
         b.repair_sql
  FROM steps s
  LEFT JOIN by_step b ON b.step_position = s.position
  ORDER BY s.position;
END
$$;
COMMENT ON FUNCTION trovella_guard.checklist(pg_catalog.regclass) IS
  'The checklist of a complete tenant table, step by step: ok, broken, waived or not applicable, with the SQL that repairs it.';

CREATE FUNCTION trovella_guard.pending(
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text, OUT was_there pg_catalog.bool,
  OUT refused pg_catalog.bool)
RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_pending_1_0';
COMMENT ON FUNCTION trovella_guard.pending() IS
  'What the commit of this transaction would say if it came now and the guard enforced: refused tells what would refuse it, was_there what was so before.';

CREATE FUNCTION trovella_guard.repair_sql(
  relation pg_catalog.regclass,
  level pg_catalog.text DEFAULT 'error',
  concurrently pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  levels text[] := trovella_guard.levels_from(repair_sql.level);
  sql text;
BEGIN
  SELECT coalesce(string_agg(o.repair_sql, E'\n' ORDER BY o.position), '') INTO sql
  FROM (SELECT f.repair_sql, min(f.ordinality) AS position
        FROM trovella_guard.findings(repair_sql.relation) WITH ORDINALITY f
        WHERE f.level = ANY (levels)
          AND (f.waived_by IS NULL OR f.is_debt)
          AND f.repair_sql NOT LIKE 'SELECT trovella_guard.%'
        GROUP BY f.repair_sql) o;

  -- A partitioned index cannot be built concurrently.
  IF repair_sql.concurrently AND
     (SELECT c.relkind FROM pg_class c WHERE c.oid = repair_sql.relation) <> 'p' THEN
    sql := regexp_replace(sql, '^CREATE INDEX ', 'CREATE INDEX CONCURRENTLY ', 'gn');
  END IF;
  RETURN sql;
END
$$;
COMMENT ON FUNCTION trovella_guard.repair_sql(pg_catalog.regclass, pg_catalog.text, pg_catalog.bool) IS
  'The statements that repair a table: what it breaks at this level or above. Nothing is run. With concurrently, indexes are built without blocking writes, which must be done outside a transaction.';

CREATE FUNCTION trovella_guard.protect(
  relation pg_catalog.regclass,
  level pg_catalog.text DEFAULT 'error')
RETURNS SETOF pg_catalog.text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_protect_1_0';
COMMENT ON FUNCTION trovella_guard.protect(pg_catalog.regclass, pg_catalog.text) IS
  'Runs the statements that repair a table, with the caller''s rights, and returns them. Afterwards the table breaks nothing at this level or above, or the call fails and says why.';

CREATE FUNCTION trovella_guard.assert_clean(level pg_catalog.text DEFAULT 'error')
RETURNS pg_catalog.void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  levels text[] := trovella_guard.levels_from(assert_clean.level);
  shown CONSTANT int := 20;
  a record;
BEGIN
  -- "first" is everything about the relation that comes first
  WITH found AS (
    SELECT c.*, n.*
    FROM trovella_guard.check() WITH ORDINALITY AS c (schema_name, table_name, rule, level, object, message, repair_sql, number)
    CROSS JOIN LATERAL (SELECT coalesce(format('%s.%s', c.schema_name, c.table_name), '') AS name) n
    WHERE c.level = ANY (levels)
  ), numbered AS (
    SELECT f.*, row_number() OVER (ORDER BY f.number) AS shown_as,
           f.name = first_value(f.name) OVER (ORDER BY f.number) AS of_first,
           lag(f.repair_sql, 1, '') OVER (ORDER BY f.number) IS DISTINCT FROM f.repair_sql AS repairs_more
    FROM found f
  )
  SELECT count(*) AS findings, count(DISTINCT n.name) AS tables,
         min(n.name) FILTER (WHERE n.of_first) AS name,
         min(n.schema_name::text) FILTER (WHERE n.of_first) AS schema_name,
         min(n.table_name::text) FILTER (WHERE n.of_first) AS table_name,
         min(n.rule) AS rule,
         (SELECT string_agg(o.rule, ', ' ORDER BY o.number)
          FROM (SELECT m.rule, min(m.number) AS number FROM numbered m WHERE m.of_first GROUP BY m.rule) o) AS rules,
         string_agg(coalesce(nullif(n.name, '') || ': ', '') || n.rule || ': ' || n.message, E'\n' ORDER BY n.number)
           FILTER (WHERE n.shown_as <= shown) AS detail,
         string_agg(n.repair_sql, E'\n' ORDER BY n.number)
           FILTER (WHERE n.shown_as <= shown AND n.repairs_more) AS repairs
  INTO a
  FROM numbered n;

  IF a.findings = 0 THEN
    RETURN;
  END IF;
  RAISE EXCEPTION USING
    ERRCODE = 'TG001',
    MESSAGE = format('audit failed: %s breaks %s%s',
      CASE WHEN a.name = '' THEN 'the database'
           ELSE format('%s "%s"', trovella_guard.kind_of(a.schema_name, a.table_name), a.name) END,
      a.rules,
      CASE a.tables - 1 WHEN 0 THEN '' WHEN 1 THEN ' (and 1 more table)'
           ELSE format(' (and %s more tables)', a.tables - 1) END),
    DETAIL = a.detail ||
      CASE WHEN a.findings - shown > 1 THEN format(E'\nand %s more findings (see trovella_guard.check())', a.findings - shown)
           WHEN a.findings - shown = 1 THEN E'\nand 1 more finding (see trovella_guard.check())'
           ELSE '' END,
    HINT = coalesce(E'This would mend it:\n' || a.repairs, 'See trovella_guard.check().'),
    SCHEMA = CASE WHEN a.findings = 1 THEN coalesce(a.schema_name, '') ELSE '' END,
    TABLE = CASE WHEN a.findings = 1 THEN coalesce(a.table_name, '') ELSE '' END,
    CONSTRAINT = CASE WHEN a.findings = 1 THEN a.rule ELSE '' END;
END
$$;
COMMENT ON FUNCTION trovella_guard.assert_clean(pg_catalog.text) IS
  'Fails, as a refused commit does, if anything in the database breaks a rule at this level or above and is not waived: for CI.';

CREATE FUNCTION trovella_guard.levels_from(level pg_catalog.text)
RETURNS pg_catalog.text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  CASE lower(level)
    WHEN 'error' THEN RETURN '{error}';
    WHEN 'warning' THEN RETURN '{error,warning}';
    WHEN 'info' THEN RETURN '{error,warning,info}';
    ELSE
      RAISE EXCEPTION '"%" is not a level', coalesce(level, 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'The levels are: error, warning, info.';
  END CASE;
END
$$;
COMMENT ON FUNCTION trovella_guard.levels_from(pg_catalog.text) IS
  'A level and those above it.';

CREATE FUNCTION trovella_guard.kind_of(schema_name pg_catalog.text, table_name pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(
    (SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                           WHEN 'f' THEN 'foreign table' ELSE 'table' END
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2), 'table')
$$;
COMMENT ON FUNCTION trovella_guard.kind_of(pg_catalog.text, pg_catalog.text) IS
  'What to call a relation in a message.';

CREATE FUNCTION trovella_guard.status(
  OUT item pg_catalog.text, OUT value pg_catalog.text,
  OUT ok pg_catalog.bool, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_status_1_0';
COMMENT ON FUNCTION trovella_guard.status() IS
  'What is really active in this session: mode, versions, hook, event triggers, preloading. ok is false where the guard is weaker than it could be, and detail says what to do.';

--
-- The watchers
--

CREATE FUNCTION trovella_guard.open() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'trovella_guard_open_1_0';
COMMENT ON FUNCTION trovella_guard.open() IS
  'Event trigger function: calling it loads the library before the first DDL statement of a session.';
REVOKE ALL ON FUNCTION trovella_guard.open() FROM PUBLIC;

CREATE FUNCTION trovella_guard.collect() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'trovella_guard_collect_1_0';
COMMENT ON FUNCTION trovella_guard.collect() IS
  'Event trigger function: notes what PostgreSQL does not announce to the library otherwise.';
REVOKE ALL ON FUNCTION trovella_guard.collect() FROM PUBLIC;

CREATE EVENT TRIGGER trovella_guard_open ON ddl_command_start
  EXECUTE FUNCTION trovella_guard.open();
ALTER EVENT TRIGGER trovella_guard_open ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER trovella_guard_open IS 'Loads trovella_guard before the first DDL statement of a session.';

CREATE EVENT TRIGGER trovella_guard_collect ON ddl_command_end
  EXECUTE FUNCTION trovella_guard.collect();
ALTER EVENT TRIGGER trovella_guard_collect ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER trovella_guard_collect IS 'Notes row-level security switches, GRANT and REVOKE for trovella_guard.';
