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
  added_at    pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at  pg_catalog.timestamptz,
  CONSTRAINT allowlist_pkey PRIMARY KEY (schema_name, table_name, rule)
);
COMMENT ON TABLE trovella_guard.allowlist IS
  'Relations that are meant to break a rule, or all of them (global tables), and why. Written by allow() and disallow() only.';
COMMENT ON COLUMN trovella_guard.allowlist.schema_name IS 'Schema of the relation; it need not exist yet.';
COMMENT ON COLUMN trovella_guard.allowlist.table_name IS 'Name of the relation, or * for all relations of the schema.';
COMMENT ON COLUMN trovella_guard.allowlist.rule IS 'The rule that is waived, or * for all: a global table.';
COMMENT ON COLUMN trovella_guard.allowlist.reason IS 'Why this is right.';
COMMENT ON COLUMN trovella_guard.allowlist.added_by IS 'The session user who called allow().';
COMMENT ON COLUMN trovella_guard.allowlist.added_at IS 'Start of the transaction that called allow().';
COMMENT ON COLUMN trovella_guard.allowlist.expires_at IS 'From then on the entry does not count; NULL: never.';

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
  OUT repair_sql pg_catalog.text, OUT waived_by pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_findings_1_0';
COMMENT ON FUNCTION trovella_guard.findings(pg_catalog.regclass) IS
  'Every rule that is broken, in no particular order: of one relation, or of the whole database. waived_by is the reason of the allowlist entry that waives it, else NULL.';

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
