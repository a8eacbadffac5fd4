/* trovella_guard--1.0.0.sql: the SQL surface of trovella_guard */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION trovella_guard" to load this file. \quit

-- CREATE EXTENSION installs into an existing schema of the right name, whoever
-- created it.  Functions that its owner or others leave there can be called in
-- place of the extension's, with the rights of the caller.  So that schema must
-- be empty, as pg_dump restores it and DROP EXTENSION leaves it.  The internal
-- schema belongs to the extension; it must not exist.
DO $$
DECLARE
  name pg_catalog.name;
  problem pg_catalog.text;
BEGIN
  SELECT n.nspname, CASE
      WHEN n.nspname OPERATOR(pg_catalog.<>) 'trovella_guard' THEN 'already exists'
      WHEN NOT r.rolsuper THEN 'is not owned by a superuser'
      WHEN EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
          AND d.refobjid OPERATOR(pg_catalog.=) n.oid
          AND NOT (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                   AND d.objid OPERATOR(pg_catalog.=) (
                     SELECT e.oid FROM pg_catalog.pg_extension e
                     WHERE e.extname OPERATOR(pg_catalog.=) 'trovella_guard')))
        THEN 'is not empty'
      -- privileges on a schema that CREATE EXTENSION has just created come
      -- from default privileges; they are revoked below
      WHEN n.xmin::pg_catalog.text OPERATOR(pg_catalog.<>)
           pg_catalog.pg_current_xact_id()::pg_catalog.xid::pg_catalog.text
        AND EXISTS (
        SELECT FROM pg_catalog.aclexplode(n.nspacl) a
        WHERE a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'
          AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner)
        THEN 'is open to roles other than its owner'
    END INTO name, problem
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
  WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{trovella_guard,trovella_guard_internal}'::pg_catalog.name[])
  -- the internal schema, if it exists, comes first
  ORDER BY n.nspname DESC LIMIT 1;

  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'schema "%" %', name, problem
      USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'Objects that others have created in it, or could create, would be called in place of the extension''s.',
            HINT = pg_catalog.format('Look at what is in the schema, move what is worth keeping, drop the rest, then the schema (DROP SCHEMA %I), and try again: CREATE EXTENSION creates it.', name);
  END IF;
END
$$;

CREATE SCHEMA trovella_guard_internal;
COMMENT ON SCHEMA trovella_guard_internal IS
  'What the functions and views of trovella_guard are built from. Nothing here is for direct use; all of it may change.';

--
-- The allowlist
--

-- The guard itself writes this table and its log at commit (USING heap).
CREATE TABLE trovella_guard.allowlist (
  kind        pg_catalog.text NOT NULL DEFAULT 'relation'
              CONSTRAINT allowlist_kind_known CHECK (kind IN ('relation', 'role', 'bypass')),
  schema_name pg_catalog.name NOT NULL DEFAULT '',
  table_name  pg_catalog.name NOT NULL DEFAULT '',
  rule        pg_catalog.text NOT NULL DEFAULT '*',
  object      pg_catalog.text NOT NULL DEFAULT '*',
  reason      pg_catalog.text NOT NULL
              CONSTRAINT allowlist_reason_not_blank
              CHECK (pg_catalog.btrim(reason, E' \t\r\n') OPERATOR(pg_catalog.<>) ''),
  added_by    pg_catalog.name NOT NULL DEFAULT SESSION_USER,
  added_at    pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at  pg_catalog.timestamptz,
  adopted     pg_catalog.bool NOT NULL DEFAULT false,
  sealed      pg_catalog.bool NOT NULL DEFAULT false,
  fingerprint pg_catalog.text,
  CONSTRAINT allowlist_pkey PRIMARY KEY (kind, schema_name, table_name, rule, object, adopted),
  CONSTRAINT allowlist_names_fit_kind CHECK (
    object OPERATOR(pg_catalog.<>) ''
    AND CASE WHEN kind OPERATOR(pg_catalog.=) 'relation'
             THEN schema_name OPERATOR(pg_catalog.<>) ''::pg_catalog.name
              AND table_name OPERATOR(pg_catalog.<>) ''::pg_catalog.name
              AND rule OPERATOR(pg_catalog.<>) ''
              AND (rule OPERATOR(pg_catalog.<>) '*' OR object OPERATOR(pg_catalog.=) '*')
             ELSE schema_name OPERATOR(pg_catalog.=) ''::pg_catalog.name
              AND table_name OPERATOR(pg_catalog.=) ''::pg_catalog.name
              AND rule OPERATOR(pg_catalog.=) '' AND NOT adopted AND NOT sealed END),
  CONSTRAINT allowlist_debts_not_sealed CHECK (NOT (adopted AND sealed)),
  CONSTRAINT allowlist_only_policies_attested CHECK (
    fingerprint IS NULL
    OR (kind OPERATOR(pg_catalog.=) 'relation' AND table_name OPERATOR(pg_catalog.<>) '*'::pg_catalog.name
        AND rule OPERATOR(pg_catalog.=) 'policy_unproven' AND object OPERATOR(pg_catalog.<>) '*'
        AND NOT adopted AND NOT sealed))
) USING heap;
COMMENT ON TABLE trovella_guard.allowlist IS
  'Relations that may break a rule, or all rules (global tables); roles that see all tenants on purpose; switches by which administrators do; and why. Use allow(), allow_role(), allow_bypass(), their counterparts, adopt() and prune() to change it.';
COMMENT ON COLUMN trovella_guard.allowlist.kind IS 'relation: see allow(); role: see allow_role(); bypass: see allow_bypass().';
COMMENT ON COLUMN trovella_guard.allowlist.schema_name IS 'Schema of the relation. It need not exist yet. Empty for roles and bypasses.';
COMMENT ON COLUMN trovella_guard.allowlist.table_name IS 'Name of the relation, or * for all relations of the schema. Empty for roles and bypasses.';
COMMENT ON COLUMN trovella_guard.allowlist.rule IS 'The waived rule, or * for all: a global table. Empty for roles and bypasses.';
COMMENT ON COLUMN trovella_guard.allowlist.object IS 'The policy, constraint, index, column or function that may break the rule, as check() names it, or * for all; the role; or the switch.';
COMMENT ON COLUMN trovella_guard.allowlist.reason IS 'Why the relation may break the rule, or why the role or the switch shows all tenants.';
COMMENT ON COLUMN trovella_guard.allowlist.added_by IS 'The session user who wrote the entry.';
COMMENT ON COLUMN trovella_guard.allowlist.added_at IS 'Start of the transaction that wrote the entry.';
COMMENT ON COLUMN trovella_guard.allowlist.expires_at IS 'When the entry stops counting; NULL: never.';
COMMENT ON COLUMN trovella_guard.allowlist.adopted IS 'Whether adopt() wrote the entry. Such a debt waives the pre-existing finding and nothing new. It follows its relation when that is renamed or moved.';
COMMENT ON COLUMN trovella_guard.allowlist.sealed IS 'Whether the entry counts only while nobody but its owner can reach the relation: no other role has a privilege on it, and no application role has its owner''s rights.';
COMMENT ON COLUMN trovella_guard.allowlist.fingerprint IS 'Of an entry of attest(): what the policy rested on when it was tried. The entry counts only while that is the same. NULL: an entry that does not depend on it.';

SELECT pg_catalog.pg_extension_config_dump('trovella_guard.allowlist', '');

CREATE FUNCTION trovella_guard_internal.allowlist_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'trovella_guard_allowlist_changed_1_0';
COMMENT ON FUNCTION trovella_guard_internal.allowlist_changed() IS
  'Trigger on the allowlist: when an entry changes or is removed, the relations that it covered are checked at commit.';

CREATE TRIGGER allowlist_changed AFTER UPDATE OR DELETE ON trovella_guard.allowlist
  FOR EACH ROW EXECUTE FUNCTION trovella_guard_internal.allowlist_changed();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_changed;
COMMENT ON TRIGGER allowlist_changed ON trovella_guard.allowlist IS
  'When an entry changes or is removed, the relations that it covered are checked at commit.';
CREATE TRIGGER allowlist_no_truncate BEFORE TRUNCATE ON trovella_guard.allowlist
  FOR EACH STATEMENT EXECUTE FUNCTION trovella_guard_internal.allowlist_changed();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_no_truncate;
COMMENT ON TRIGGER allowlist_no_truncate ON trovella_guard.allowlist IS
  'Refuses TRUNCATE, which does not say which entries it removes.';

CREATE FUNCTION trovella_guard.allow(
  relation pg_catalog.text,
  reason pg_catalog.text,
  rule pg_catalog.text DEFAULT '*',
  expires_at pg_catalog.timestamptz DEFAULT NULL,
  object pg_catalog.text DEFAULT '*',
  sealed pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_allow_1_0';
COMMENT ON FUNCTION trovella_guard.allow(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.bool) IS
  'Adds a relation (schema.table, which need not exist yet) or a schema (schema.*) to the allowlist, for one rule or, with rule *, for all; and of one rule for one object (the column object of check()) or, with object *, for all. A reason is required. A sealed entry counts only while nobody but the owner can reach the relation. A second call replaces reason, expiry and seal.';

-- For callers that have a regclass at hand.  The function above, which this one
-- calls, asks for the permission.
CREATE FUNCTION trovella_guard.allow(
  relation pg_catalog.regclass,
  reason pg_catalog.text,
  rule pg_catalog.text DEFAULT '*',
  expires_at pg_catalog.timestamptz DEFAULT NULL,
  object pg_catalog.text DEFAULT '*',
  sealed pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT trovella_guard.allow(
    (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1),
    $2, $3, $4, $5, $6);
END;
COMMENT ON FUNCTION trovella_guard.allow(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.bool) IS
  'allow() of a relation that exists.';

CREATE FUNCTION trovella_guard.disallow(
  relation pg_catalog.text,
  rule pg_catalog.text DEFAULT '*',
  object pg_catalog.text DEFAULT '*')
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_disallow_1_0';
COMMENT ON FUNCTION trovella_guard.disallow(pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
  'Removes an entry of allow() from the allowlist, or, where there is none, the debts that adopt() recorded. The relations that it covered are checked at commit.';

CREATE FUNCTION trovella_guard.allow_role(
  role pg_catalog.text,
  reason pg_catalog.text,
  expires_at pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_allow_role_1_0';
COMMENT ON FUNCTION trovella_guard.allow_role(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
  'Excuses a role: it sees all tenants on purpose, so it is no application role. The argument is its name as it is, without quotes. A reason is required. A second call replaces reason and expiry.';

CREATE FUNCTION trovella_guard.disallow_role(role pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_disallow_role_1_0';
COMMENT ON FUNCTION trovella_guard.disallow_role(pg_catalog.text) IS
  'Takes back allow_role(). What the role sees is checked at commit.';

CREATE FUNCTION trovella_guard.allow_bypass(
  switch pg_catalog.text,
  reason pg_catalog.text,
  expires_at pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_allow_bypass_1_0';
COMMENT ON FUNCTION trovella_guard.allow_bypass(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz) IS
  'Declares a switch by which administrators see all tenants: the name of a session setting (app.bypass_rls) that policies compare with a constant, or a function without arguments (schema.f()). A reason is required. A second call replaces reason and expiry.';

CREATE FUNCTION trovella_guard.disallow_bypass(switch pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_disallow_bypass_1_0';
COMMENT ON FUNCTION trovella_guard.disallow_bypass(pg_catalog.text) IS
  'Takes back allow_bypass(). The tables whose policies name the switch are checked at commit.';

CREATE FUNCTION trovella_guard.adopt(
  reason pg_catalog.text,
  expires_at pg_catalog.timestamptz DEFAULT NULL,
  level pg_catalog.text DEFAULT 'warning',
  schema pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_adopt_1_0';
COMMENT ON FUNCTION trovella_guard.adopt(pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.text) IS
  'Adds every current finding at this level or above, of one schema or of the whole database, to the allowlist as a debt, one entry for each object that breaks a rule, and returns the number of entries. A debt waives the pre-existing finding and nothing new.';

CREATE FUNCTION trovella_guard.prune(
  OUT kind pg_catalog.text,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT object pg_catalog.text, OUT reason pg_catalog.text,
  OUT expires_at pg_catalog.timestamptz, OUT why pg_catalog.text)
RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_prune_1_0';
COMMENT ON FUNCTION trovella_guard.prune() IS
  'Removes allowlist entries that have expired or waive nothing, and returns them. An entry made by allow() for a relation that does not exist stays: it may be made in advance.';

--
-- The history of the allowlist
--

CREATE TABLE trovella_guard.allowlist_log (
  at          pg_catalog.timestamptz NOT NULL,
  author      pg_catalog.name NOT NULL,
  action      pg_catalog.text NOT NULL
              CONSTRAINT allowlist_log_action_known CHECK (action IN ('allow', 'attest', 'disallow', 'follow', 'end')),
  kind        pg_catalog.text NOT NULL,
  schema_name pg_catalog.name NOT NULL,
  table_name  pg_catalog.name NOT NULL,
  rule        pg_catalog.text NOT NULL,
  object      pg_catalog.text NOT NULL,
  reason      pg_catalog.text NOT NULL,
  expires_at  pg_catalog.timestamptz,
  adopted     pg_catalog.bool NOT NULL,
  sealed      pg_catalog.bool NOT NULL DEFAULT false
) USING heap;
CREATE INDEX allowlist_log_at_idx ON trovella_guard.allowlist_log (at);
COMMENT ON TABLE trovella_guard.allowlist_log IS
  'Who allowed what, when and why, and who revoked it. A trigger on the allowlist and the guard write it; rows never change.';
COMMENT ON COLUMN trovella_guard.allowlist_log.at IS 'When the entry was written or removed.';
COMMENT ON COLUMN trovella_guard.allowlist_log.author IS 'The session user who did it.';
COMMENT ON COLUMN trovella_guard.allowlist_log.action IS 'allow: the entry was written, or replaced; attest: likewise by attest(); disallow: it was removed; follow: a debt got the new name of its relation or object; end: the entry ended at commit, because a debt got worse, or because the table has a tenant column again.';
COMMENT ON COLUMN trovella_guard.allowlist_log.kind IS 'relation, role or bypass.';
COMMENT ON COLUMN trovella_guard.allowlist_log.schema_name IS 'Schema of the relation.';
COMMENT ON COLUMN trovella_guard.allowlist_log.table_name IS 'Name of the relation, or * for all relations of the schema.';
COMMENT ON COLUMN trovella_guard.allowlist_log.rule IS 'The waived rule, or * for all.';
COMMENT ON COLUMN trovella_guard.allowlist_log.object IS 'The object that may break the rule, or * for all; the role; or the switch.';
COMMENT ON COLUMN trovella_guard.allowlist_log.reason IS 'The reason of the entry.';
COMMENT ON COLUMN trovella_guard.allowlist_log.expires_at IS 'When the entry expires; NULL: never.';
COMMENT ON COLUMN trovella_guard.allowlist_log.adopted IS 'Whether adopt() wrote the entry.';
COMMENT ON COLUMN trovella_guard.allowlist_log.sealed IS 'Whether the entry counts only while nobody but its owner can reach the relation.';

SELECT pg_catalog.pg_extension_config_dump('trovella_guard.allowlist_log', '');

-- Not SECURITY DEFINER: only the owner of both tables may write the allowlist.
-- A row from another time comes from a restore, which also restores its log.
CREATE FUNCTION trovella_guard_internal.allowlist_logged() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- An UPDATE of what an entry names removes the entry of the old name.
  IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND
     (OLD.kind, OLD.schema_name, OLD.table_name, OLD.rule, OLD.object, OLD.adopted) <>
     (NEW.kind, NEW.schema_name, NEW.table_name, NEW.rule, NEW.object, NEW.adopted) THEN
    INSERT INTO trovella_guard.allowlist_log
    VALUES (clock_timestamp(), session_user, 'disallow', OLD.kind, OLD.schema_name,
            OLD.table_name, OLD.rule, OLD.object, OLD.reason, OLD.expires_at, OLD.adopted, OLD.sealed);
  END IF;
  IF TG_OP = 'UPDATE' OR TG_OP = 'INSERT' AND NEW.added_at = now() THEN
    INSERT INTO trovella_guard.allowlist_log
    VALUES (clock_timestamp(), session_user,
            CASE WHEN NEW.fingerprint IS NULL THEN 'allow' ELSE 'attest' END, NEW.kind, NEW.schema_name,
            NEW.table_name, NEW.rule, NEW.object, NEW.reason, NEW.expires_at, NEW.adopted, NEW.sealed);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.allowlist_logged() IS
  'Trigger on the allowlist: writes the log.';

CREATE TRIGGER allowlist_logged AFTER INSERT OR UPDATE OR DELETE ON trovella_guard.allowlist
  FOR EACH ROW EXECUTE FUNCTION trovella_guard_internal.allowlist_logged();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_logged;
COMMENT ON TRIGGER allowlist_logged ON trovella_guard.allowlist IS 'Logs every change of the allowlist.';

CREATE FUNCTION trovella_guard_internal.allowlist_log_kept() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'the history of the allowlist cannot be changed'
    USING ERRCODE = 'feature_not_supported';
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.allowlist_log_kept() IS
  'Trigger on the log: refuses every change but INSERT.';

CREATE TRIGGER allowlist_log_kept BEFORE UPDATE OR DELETE ON trovella_guard.allowlist_log
  FOR EACH ROW EXECUTE FUNCTION trovella_guard_internal.allowlist_log_kept();
ALTER TABLE trovella_guard.allowlist_log ENABLE ALWAYS TRIGGER allowlist_log_kept;
COMMENT ON TRIGGER allowlist_log_kept ON trovella_guard.allowlist_log IS 'Refuses UPDATE and DELETE.';
CREATE TRIGGER allowlist_log_no_truncate BEFORE TRUNCATE ON trovella_guard.allowlist_log
  FOR EACH STATEMENT EXECUTE FUNCTION trovella_guard_internal.allowlist_log_kept();
ALTER TABLE trovella_guard.allowlist_log ENABLE ALWAYS TRIGGER allowlist_log_no_truncate;
COMMENT ON TRIGGER allowlist_log_no_truncate ON trovella_guard.allowlist_log IS 'Refuses TRUNCATE.';

CREATE FUNCTION trovella_guard.allowlist_markdown() RETURNS pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT E'## Non-Tenant Tables\n\nThese intentionally skip RLS:\n\n' ||
         coalesce(string_agg(l.line, E'\n' ORDER BY l.rank, l.schema_name, l.name) FILTER (WHERE l.kind = 'relation' AND NOT l.sealed),
                  '- none') || E'\n' ||
         coalesce(E'\n## Sealed Tables\n\nThese skip RLS as long as nobody but their owner can reach them:\n\n' ||
                  string_agg(l.line, E'\n' ORDER BY l.rank, l.schema_name, l.name) FILTER (WHERE l.sealed) || E'\n', '') ||
         coalesce(E'\n## Roles That See All Tenants\n\n' ||
                  string_agg(l.line, E'\n' ORDER BY l.name) FILTER (WHERE l.kind = 'role') || E'\n', '') ||
         coalesce(E'\n## Switches That Show All Tenants\n\n' ||
                  string_agg(l.line, E'\n' ORDER BY l.name) FILTER (WHERE l.kind = 'bypass') || E'\n', '')
  FROM (
    SELECT a.kind, a.sealed, a.schema_name <> 'public' AS rank, a.schema_name, n.name,
           format('- `%s` (%s)',
                  regexp_replace(replace(n.name, '`', ''''), '[[:cntrl:]]', '?', 'g'),
                  regexp_replace(regexp_replace(a.reason, '\s+', ' ', 'g'), '[[:cntrl:]]', '?', 'g')) AS line
    FROM trovella_guard.allowlist a
    CROSS JOIN LATERAL (
      SELECT CASE WHEN a.kind <> 'relation' THEN a.object
                  WHEN a.schema_name = 'public' THEN a.table_name
                  ELSE a.schema_name || '.' || a.table_name END) n (name)
    WHERE (a.kind <> 'relation' OR a.rule = '*') AND (a.expires_at IS NULL OR a.expires_at > now())) l;
END;
COMMENT ON FUNCTION trovella_guard.allowlist_markdown() IS
  'The "Non-Tenant Tables" section of a project''s documentation, in Markdown: the global tables and why they are global; and, if there are any, the sealed tables, and the roles and switches that show all tenants.';

--
-- The audit
--

CREATE FUNCTION trovella_guard.findings(
  relation pg_catalog.regclass DEFAULT NULL,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text, OUT waived_by pg_catalog.text,
  OUT is_debt pg_catalog.bool, OUT reason pg_catalog.text,
  OUT author pg_catalog.name, OUT since pg_catalog.timestamptz,
  OUT due pg_catalog.timestamptz)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_findings_1_0';
COMMENT ON FUNCTION trovella_guard.findings(pg_catalog.regclass) IS
  'Every broken rule of one relation or of the whole database, in no particular order. waived_by is the reason of the allowlist entry that waives it, if any; is_debt says whether adopt() wrote that entry; reason, author, since and due describe the entry, also that of a debt that is overdue and waives nothing any more.';

CREATE FUNCTION trovella_guard_internal.rule_position(rule pg_catalog.text)
RETURNS pg_catalog.int4
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'trovella_guard_rule_position_1_0';
COMMENT ON FUNCTION trovella_guard_internal.rule_position(pg_catalog.text) IS
  'For sorting: 1 for the rule whose breach does most harm, and so on.';

CREATE FUNCTION trovella_guard.check(
  relation pg_catalog.regclass DEFAULT NULL,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT f.schema_name, f.table_name, f.rule, f.level, f.object, f.message, f.repair_sql
  FROM trovella_guard.findings($1) f
  WHERE f.waived_by IS NULL
  ORDER BY f.schema_name, f.table_name,
           array_position('{error,warning,info}', f.level),
                              trovella_guard_internal.rule_position(f.rule), f.object;
END;
COMMENT ON FUNCTION trovella_guard.check(pg_catalog.regclass) IS
  'The audit: one row for each broken rule that is not waived, of one relation or of the whole database; of a relation, what does most harm comes first.';

CREATE FUNCTION trovella_guard_internal.registry(
  OUT "position" pg_catalog.int4, OUT rule pg_catalog.text,
  OUT level pg_catalog.text, OUT profile_level pg_catalog.text,
  OUT checklist pg_catalog.text, OUT isolation pg_catalog.text, OUT strict pg_catalog.text,
  OUT is_overridden pg_catalog.bool, OUT is_about_relations pg_catalog.bool,
  OUT purpose pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_registry_1_0';
COMMENT ON FUNCTION trovella_guard_internal.registry() IS
  'The rules in their order, for the view rules.';

CREATE FUNCTION trovella_guard_internal.setting(name pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_setting_1_0';
COMMENT ON FUNCTION trovella_guard_internal.setting(pg_catalog.text) IS
  'The value of a setting that counts for the current user.';

CREATE VIEW trovella_guard.rules WITH (security_invoker = true) AS
  SELECT r.rule, r.level, r.profile_level,
         CASE WHEN r.is_overridden
              THEN 'trovella_guard.rules (' ||
                   coalesce((SELECT s.source || coalesce(' ' || s.sourcefile, '')
                             FROM pg_catalog.pg_settings s
                             WHERE s.name = 'trovella_guard.rules'), 'unknown') || ')'
              ELSE 'profile ' || trovella_guard_internal.setting('profile') END AS set_by,
         r.checklist, r.isolation, r.strict,
         r.purpose
  FROM trovella_guard_internal.registry() r;
COMMENT ON VIEW trovella_guard.rules IS
  'Every rule: its level in this session, what sets it, its level in each profile, and its purpose.';
COMMENT ON COLUMN trovella_guard.rules.rule IS 'The name, as in trovella_guard.rules and in the allowlist.';
COMMENT ON COLUMN trovella_guard.rules.level IS 'error refuses a commit, warning warns at commit, info shows in audits only; or off.';
COMMENT ON COLUMN trovella_guard.rules.profile_level IS 'The level if trovella_guard.rules does not name the rule.';
COMMENT ON COLUMN trovella_guard.rules.set_by IS 'The profile, or trovella_guard.rules and its source.';
COMMENT ON COLUMN trovella_guard.rules.checklist IS 'The level in profile checklist.';
COMMENT ON COLUMN trovella_guard.rules.isolation IS 'The level in profile isolation.';
COMMENT ON COLUMN trovella_guard.rules.strict IS 'The level in profile strict.';
COMMENT ON COLUMN trovella_guard.rules.purpose IS 'What the rule protects against.';

CREATE FUNCTION trovella_guard_internal.relations(
  relation pg_catalog.regclass DEFAULT NULL,
  OUT oid pg_catalog.oid,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT kind pg_catalog.text, OUT class pg_catalog.text,
  OUT tenant_column pg_catalog.text, OUT tenant_index pg_catalog.oid,
  OUT foreign_keys pg_catalog.int4,
  OUT errors pg_catalog.int4, OUT warnings pg_catalog.int4,
  OUT infos pg_catalog.int4, OUT debts pg_catalog.int4,
  OUT overdue pg_catalog.int4, OUT first_due pg_catalog.timestamptz,
  OUT waived pg_catalog.int4, OUT reason pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_relations_1_0';
COMMENT ON FUNCTION trovella_guard_internal.relations(pg_catalog.regclass) IS
  'One relation, with class and number of findings; or all that the rules apply to, and a row of class database for findings about none of them.';

-- No LEFT JOIN to pg_class: Citus adds a condition there that hides its shards,
-- and then PostgreSQL fails to plan the query.
CREATE VIEW trovella_guard.tables WITH (security_invoker = true) AS
  SELECT r.schema_name, r.table_name, r.kind, r.class, r.tenant_column,
         c.relrowsecurity AS rls_enabled, c.relforcerowsecurity AS rls_forced,
         p.select_policies, p.insert_policies, p.update_policies, p.delete_policies,
         (SELECT i.relname FROM pg_catalog.pg_class i WHERE i.oid = r.tenant_index) AS tenant_index,
         r.errors, r.warnings, r.infos, r.debts, r.first_due, r.waived,
         r.reason AS allowlist_reason
  FROM trovella_guard_internal.relations() r
  JOIN pg_catalog.pg_class c ON c.oid = r.oid
  CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) FILTER (WHERE polcmd IN ('r', '*')) AS select_policies,
           pg_catalog.count(*) FILTER (WHERE polcmd IN ('a', '*')) AS insert_policies,
           pg_catalog.count(*) FILTER (WHERE polcmd IN ('w', '*')) AS update_policies,
           pg_catalog.count(*) FILTER (WHERE polcmd IN ('d', '*')) AS delete_policies
    FROM pg_catalog.pg_policy
    WHERE polrelid = r.oid AND polpermissive) p;
COMMENT ON VIEW trovella_guard.tables IS
  'Every user relation: its class, its protection, and the number of rules that it breaks.';
COMMENT ON COLUMN trovella_guard.tables.schema_name IS 'Schema.';
COMMENT ON COLUMN trovella_guard.tables.table_name IS 'Name.';
COMMENT ON COLUMN trovella_guard.tables.kind IS 'table, view, materialized view or foreign table.';
COMMENT ON COLUMN trovella_guard.tables.class IS
  'tenant: a table with a tenant column; global: on the allowlist for every rule; sealed: likewise by a sealed entry, and nobody but its owner can reach it; unclassified: any other table; unprotectable: a view, materialized view or foreign table, which has no row-level security of its own.';
COMMENT ON COLUMN trovella_guard.tables.tenant_column IS 'The first column of trovella_guard.tenant_columns that the relation has.';
COMMENT ON COLUMN trovella_guard.tables.rls_enabled IS 'Row-level security is enabled.';
COMMENT ON COLUMN trovella_guard.tables.rls_forced IS 'Row-level security applies to the owner, too.';
COMMENT ON COLUMN trovella_guard.tables.select_policies IS 'Permissive policies for SELECT; a policy FOR ALL counts for each command.';
COMMENT ON COLUMN trovella_guard.tables.insert_policies IS 'Permissive policies for INSERT.';
COMMENT ON COLUMN trovella_guard.tables.update_policies IS 'Permissive policies for UPDATE.';
COMMENT ON COLUMN trovella_guard.tables.delete_policies IS 'Permissive policies for DELETE.';
COMMENT ON COLUMN trovella_guard.tables.tenant_index IS 'A valid index led by the tenant column.';
COMMENT ON COLUMN trovella_guard.tables.errors IS 'Findings of level error that are not waived.';
COMMENT ON COLUMN trovella_guard.tables.warnings IS 'Findings of level warning that are not waived.';
COMMENT ON COLUMN trovella_guard.tables.infos IS 'Findings of level info that are not waived.';
COMMENT ON COLUMN trovella_guard.tables.debts IS 'Findings that adopt() recorded and that are not due yet.';
COMMENT ON COLUMN trovella_guard.tables.first_due IS 'When the first of these debts is due.';
COMMENT ON COLUMN trovella_guard.tables.waived IS 'Findings that a decision of the allowlist waives.';
COMMENT ON COLUMN trovella_guard.tables.allowlist_reason IS 'Why the relation is global, or why findings are waived.';

CREATE VIEW trovella_guard.debts WITH (security_invoker = true) AS
  SELECT pg_catalog.format('%I.%I', f.schema_name, f.table_name) AS relation,
         f.rule, f.object, f.level, f.message, f.reason, f.author, f.since, f.due,
         f.waived_by IS NULL AS overdue
  FROM trovella_guard.findings() f
  WHERE f.is_debt
  ORDER BY f.due, f.schema_name, f.table_name,
           pg_catalog.array_position('{error,warning,info}', f.level),
           trovella_guard_internal.rule_position(f.rule), f.object;
COMMENT ON VIEW trovella_guard.debts IS
  'What is owed: findings that adopt() recorded and that nobody has repaired, by the date when they are due.';
COMMENT ON COLUMN trovella_guard.debts.relation IS 'The relation, as schema.table.';
COMMENT ON COLUMN trovella_guard.debts.rule IS 'The rule that it breaks.';
COMMENT ON COLUMN trovella_guard.debts.object IS 'What breaks the rule, as check() names it.';
COMMENT ON COLUMN trovella_guard.debts.level IS 'The level that the finding would have, and has when it is overdue.';
COMMENT ON COLUMN trovella_guard.debts.message IS 'What is wrong.';
COMMENT ON COLUMN trovella_guard.debts.reason IS 'What adopt() was told.';
COMMENT ON COLUMN trovella_guard.debts.author IS 'The session user who called adopt().';
COMMENT ON COLUMN trovella_guard.debts.since IS 'When the debt was recorded.';
COMMENT ON COLUMN trovella_guard.debts.due IS 'When it stops silencing the finding; NULL: never.';
COMMENT ON COLUMN trovella_guard.debts.overdue IS 'Its time is over: audits and commits report the finding again.';

CREATE FUNCTION trovella_guard.who_sees(
  relation pg_catalog.regclass,
  OUT role pg_catalog.name, OUT can_login pg_catalog.bool,
  OUT commands pg_catalog.text, OUT how pg_catalog.text,
  OUT excused pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_who_sees_1_0';
COMMENT ON FUNCTION trovella_guard.who_sees(pg_catalog.regclass) IS
  'Every way in which somebody reads or writes the rows of all tenants of a tenant table: superusers, BYPASSRLS, owners, members, policies, declared bypasses, parents, views, functions, publications. role is PUBLIC for everybody and null for whoever subscribes to a publication; excused is the reason of allow_role(), allow_bypass() or allow(), if there is one.';

CREATE FUNCTION trovella_guard_internal.who_sees_all(
  OUT role pg_catalog.name, OUT can_login pg_catalog.bool,
  OUT how pg_catalog.text, OUT tables pg_catalog.int8,
  OUT excused pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_who_sees_all_1_0';
COMMENT ON FUNCTION trovella_guard_internal.who_sees_all() IS
  'who_sees() of the whole database, for reports: for each role and kind of way the number of tenant tables.';

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
  sees text;
  sees_failed bool := false;
BEGIN
  SELECT * INTO r FROM trovella_guard_internal.relations(checklist.relation);
  IF NOT FOUND OR checklist.relation IS NULL THEN
    RAISE EXCEPTION 'there is no checklist for %', coalesce('"' || checklist.relation::text || '"', 'NULL')
      USING ERRCODE = 'wrong_object_type',
            HINT = 'A checklist is available for user tables, views, materialized views and foreign tables.';
  END IF;

  -- superusers see everything, in every database
  IF r.class = 'tenant' THEN
    BEGIN
      SELECT coalesce(string_agg(
               format('%s: %s%s', trovella_guard_internal.who(w.role, w.can_login), w.how, ' (' || w.excused || ')'),
               '; ' ORDER BY w.ordinality), 'only superusers')
      INTO sees
      FROM trovella_guard.who_sees(checklist.relation) WITH ORDINALITY w
      WHERE w.how <> 'superuser'
        AND w.how <> ALL (SELECT 'member of ' || quote_ident(s.rolname) FROM pg_roles s WHERE s.rolsuper);
    EXCEPTION WHEN OTHERS THEN
      sees_failed := true;
    END;
  END IF;

  RETURN QUERY
  WITH steps (position, step, rules, needs) AS (VALUES
    (1, 'tenant column, not null',
        ARRAY['tenant_column_nullable', 'tenant_column_lost', 'table_unclassified', 'matview_exposes_tenants', 'relation_unprotectable', 'exemption_taken_over'], ''),
    (2, 'base columns', ARRAY['required_columns_missing'], 'tenant column'),
    (3, 'row-level security enabled', ARRAY['rls_disabled', 'not_protected_yet', 'app_role_bypasses_rls'], 'tenant column'),
    (4, 'policies for SELECT, INSERT, UPDATE and DELETE', ARRAY['policy_missing'], 'tenant column'),
    (5, 'policies confine rows to the tenant', ARRAY['policy_unscoped', 'policy_unproven', 'policy_function_untrusted'], 'tenant column'),
    (6, 'index led by the tenant column', ARRAY['tenant_index_missing'], 'tenant column'),
    (7, 'foreign keys ON DELETE CASCADE or SET NULL', ARRAY['fk_on_delete'], 'foreign key'),
    (8, 'an index for every foreign key', ARRAY['fk_index_missing'], 'foreign key'),
    (9, 'grants for the application''s role', ARRAY['grant_missing'], 'tenant column'),
    (10, 'views, rules and functions apply its policies', ARRAY['view_exposes_tenants', 'view_bypasses_rls', 'function_exposes_tenants'], ''),
    (11, 'who sees all tenants', '{}', ''),
    (12, 'further advice', NULL, '')
  ), registry AS (
    SELECT g.position AS rule_position, g.rule, g.level,
           coalesce((SELECT s.position FROM steps s WHERE g.rule = ANY (s.rules)), 12) AS step_position
    FROM trovella_guard_internal.registry() g
    WHERE g.is_about_relations
  ), found AS MATERIALIZED (
    SELECT * FROM trovella_guard.findings(checklist.relation)
  ), failed AS MATERIALIZED (
    SELECT f.object AS rule FROM found f WHERE f.rule = 'audit_failed'
  ), by_step AS (
    SELECT g.step_position,
           count(f.rule) FILTER (WHERE f.waived_by IS NULL AND f.level <> 'info') AS broken,
           count(*) FILTER (WHERE EXISTS (SELECT FROM failed x WHERE coalesce(x.rule, g.rule) = g.rule)) AS failed,
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
    LEFT JOIN found f ON f.rule = g.rule
    GROUP BY g.step_position
  )
  SELECT s.position, s.step,
         CASE WHEN b.broken > 0 THEN 'broken'
              WHEN b.failed > 0 OR (s.position = 11 AND sees_failed) THEN 'unknown'
              WHEN b.waived > 0 THEN 'waived'
              WHEN n.why_not IS NOT NULL THEN 'not applicable'
              ELSE 'ok' END,
         coalesce(b.detail, CASE WHEN b.failed > 0 OR (s.position = 11 AND sees_failed) THEN 'the audit failed' END, n.why_not,
           CASE s.position
             WHEN 1 THEN r.tenant_column
             WHEN 11 THEN sees
             WHEN 6 THEN (SELECT c.relname::text FROM pg_class c WHERE c.oid = r.tenant_index) END),
         b.repair_sql
  FROM steps s
  LEFT JOIN by_step b ON b.step_position = s.position
  CROSS JOIN LATERAL (SELECT
    CASE WHEN s.position = 11 AND r.class <> 'tenant' THEN 'not a tenant table'
         WHEN s.position = 1 OR s.needs <> '' THEN
           CASE WHEN r.kind <> 'table' THEN 'a ' || r.kind || ' has no row-level security of its own'
                WHEN r.tenant_column IS NULL THEN 'no tenant column'
                WHEN s.needs = 'foreign key' AND r.foreign_keys = 0 THEN 'no foreign keys'
                WHEN b.active = 0 THEN 'the rule is off' END END) n (why_not)
  ORDER BY s.position;
END
$$;
COMMENT ON FUNCTION trovella_guard.checklist(pg_catalog.regclass) IS
  'The checklist of a tenant table, step by step: ok, broken, waived, not applicable, or unknown where the audit failed, with the SQL that repairs it.';

CREATE FUNCTION trovella_guard.pending(
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text, OUT was_there pg_catalog.bool,
  OUT refused pg_catalog.bool)
RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_pending_1_0';
COMMENT ON FUNCTION trovella_guard.pending() IS
  'What a commit of this transaction would report now, in mode enforce. refused: the finding would refuse the commit; was_there: the finding is pre-existing.';

--
-- What has changed?
--

CREATE FUNCTION trovella_guard_internal.isolation(
  of_transaction pg_catalog.bool,
  OUT is_after pg_catalog.bool, OUT relid pg_catalog.oid,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT item pg_catalog.text, OUT object pg_catalog.text,
  OUT value pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_isolation_1_0';
COMMENT ON FUNCTION trovella_guard_internal.isolation(pg_catalog.bool) IS
  'How relations are isolated, a row for each fact (item): table (its class), name, row-level security, forced row-level security, policy (what the proof says; the detail is a fingerprint), grant (to an application role), finding. Of what the open transaction may concern, before and after it; or of the whole database.';

-- The states of two databases have no OIDs in common, so names are their keys, and
-- the text of a policy takes the place of its fingerprint.
CREATE FUNCTION trovella_guard_internal.isolation_by_name() RETURNS pg_catalog.jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(jsonb_agg(jsonb_build_object(
           'key', CASE WHEN i.table_name IS NULL THEN '' ELSE format('%I.%I', i.schema_name, i.table_name) END,
           'schema_name', i.schema_name, 'table_name', i.table_name,
           'item', i.item, 'object', i.object, 'value', i.value,
           'detail', CASE WHEN i.item = 'policy' THEN
                       (SELECT concat_ws(E'\n', p.permissive, p.cmd, p.roles::text, p.qual, p.with_check)
                        FROM pg_policies p
                        WHERE p.schemaname = i.schema_name AND p.tablename = i.table_name AND p.policyname = i.object)
                     ELSE i.detail END)), '[]')
  FROM trovella_guard_internal.isolation(false) i;
END;
COMMENT ON FUNCTION trovella_guard_internal.isolation_by_name() IS
  'The state of the whole database, for differences() with that of another one.';

-- What a change does: to a policy by what the proof says before and after, never by
-- its text.  A confined policy that is new admits the rows of one tenant; that its
-- text differs says nothing.
CREATE FUNCTION trovella_guard_internal.differences(
  old pg_catalog.jsonb, new pg_catalog.jsonb,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT item pg_catalog.text, OUT object pg_catalog.text,
  OUT before pg_catalog.text, OUT after pg_catalog.text,
  OUT effect pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH o AS (
    SELECT s.*, coalesce(s.object, '') AS name
    FROM jsonb_to_recordset($1) s (key text, schema_name name, table_name name, item text, object text, value text, detail text)
  ), n AS (
    SELECT s.*, coalesce(s.object, '') AS name
    FROM jsonb_to_recordset($2) s (key text, schema_name name, table_name name, item text, object text, value text, detail text)
  ), kept AS (
    SELECT n.key, n.schema_name, n.table_name
    FROM o JOIN n ON n.key = o.key AND n.item = 'table'
    WHERE o.item = 'table'
  ), paired AS (
    SELECT coalesce(k.schema_name, n.schema_name, o.schema_name) AS schema_name,
           coalesce(k.table_name, n.table_name, o.table_name) AS table_name,
           coalesce(n.item, o.item) AS item, coalesce(n.object, o.object) AS object, o.value AS before, n.value AS after,
           o.detail AS old_detail, n.detail AS new_detail,
           -- of a table that is new or gone, only what matters for itself
           k.key IS NOT NULL OR coalesce(n.item, o.item) IN ('table', 'grant', 'finding') AS matters,
           string_to_array(o.value, ', ') AS old_list, string_to_array(n.value, ', ') AS new_list
    FROM o
    FULL JOIN n ON n.key = o.key AND n.item = o.item AND n.name = o.name
    LEFT JOIN kept k ON k.key = coalesce(n.key, o.key)
  )
  SELECT p.schema_name, p.table_name,
         CASE WHEN p.item = 'finding' AND p.object ~ '^[a-z_]*(exposes_tenants|bypasses_rls)' THEN 'exposure' ELSE p.item END,
         p.object, p.before, p.after,
         CASE p.item
           WHEN 'table' THEN CASE WHEN p.before IS NULL OR p.after IS NULL THEN 'none'
                                  WHEN p.before = 'tenant' THEN 'looser'
                                  WHEN p.after = 'tenant' THEN 'tighter' ELSE 'none' END
           WHEN 'name' THEN 'none'
           WHEN 'policy' THEN CASE
             WHEN 'restrictive' IN (p.before, p.after) THEN
               CASE WHEN p.before IS NULL THEN 'tighter' WHEN p.after IS NULL THEN 'looser' ELSE 'unknown' END
             WHEN 'no tenant' IN (p.before, p.after) THEN 'unknown'
             WHEN p.before IS NULL THEN CASE p.after WHEN 'confined' THEN 'none' WHEN 'open' THEN 'looser' ELSE 'unknown' END
             WHEN p.after IS NULL THEN CASE p.before WHEN 'confined' THEN 'none' WHEN 'open' THEN 'tighter' ELSE 'unknown' END
             WHEN p.before = p.after THEN CASE p.after WHEN 'confined' THEN 'none' ELSE 'unknown' END
             WHEN array_position('{confined,unproven,open}', p.before) < array_position('{confined,unproven,open}', p.after) THEN 'looser'
             ELSE 'tighter' END
           WHEN 'grant' THEN CASE WHEN p.before IS NULL OR p.old_list <@ p.new_list THEN 'looser'
                                  WHEN p.after IS NULL OR p.new_list <@ p.old_list THEN 'tighter' ELSE 'unknown' END
           WHEN 'finding' THEN CASE WHEN 'info' IN (p.before, p.after) AND (p.before IS NULL OR p.after IS NULL) THEN 'none'
                                    WHEN p.before IS NULL THEN 'looser'
                                    WHEN p.after IS NULL THEN 'tighter'
                                    WHEN array_position('{info,warning,error}', p.before) < array_position('{info,warning,error}', p.after) THEN 'looser'
                                    ELSE 'tighter' END
           ELSE CASE WHEN p.after = 'on' THEN 'tighter' ELSE 'looser' END END,
         CASE WHEN p.item IN ('finding', 'table') THEN coalesce(p.new_detail, p.old_detail) END
  FROM paired p
  WHERE p.matters
    AND (p.before IS DISTINCT FROM p.after OR (p.item = 'policy' AND p.old_detail IS DISTINCT FROM p.new_detail))
  ORDER BY p.schema_name, p.table_name,
           array_position('{table,name,row-level security,forced row-level security,policy,grant,finding}', p.item), p.object;
END;
COMMENT ON FUNCTION trovella_guard_internal.differences(pg_catalog.jsonb, pg_catalog.jsonb) IS
  'What differs between two states that isolation() has read: rows with a key, the same in both for the same relation.';

CREATE FUNCTION trovella_guard.changes(
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT item pg_catalog.text, OUT object pg_catalog.text,
  OUT before pg_catalog.text, OUT after pg_catalog.text,
  OUT effect pg_catalog.text, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH states AS MATERIALIZED (
    SELECT i.is_after, jsonb_agg(jsonb_build_object(
             'key', i.relid::text, 'schema_name', i.schema_name, 'table_name', i.table_name,
             'item', i.item, 'object', i.object, 'value', i.value, 'detail', i.detail)) AS rows
    FROM trovella_guard_internal.isolation(true) i
    GROUP BY i.is_after
  )
  SELECT d.*
  FROM trovella_guard_internal.differences(
         coalesce((SELECT s.rows FROM states s WHERE NOT s.is_after), '[]'),
         coalesce((SELECT s.rows FROM states s WHERE s.is_after), '[]')) d;
END;
COMMENT ON FUNCTION trovella_guard.changes() IS
  'What the open transaction has changed in the isolation of tenants: tables new, gone, reclassified and renamed, row-level security, policies by what the proof says of them, grants to application roles, exposures and findings new and gone; and whether that is tighter or looser.';

CREATE FUNCTION trovella_guard.repair_sql(
  relation pg_catalog.regclass,
  level pg_catalog.text DEFAULT 'error',
  concurrently pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  levels text[] := trovella_guard_internal.levels_from(repair_sql.level);
  sql text;
BEGIN
  -- findings(NULL) is about the whole database
  IF repair_sql.relation IS NULL THEN
    RAISE EXCEPTION 'relation must not be null'
      USING ERRCODE = 'null_value_not_allowed';
  END IF;

  -- On a table in use, first build what takes long; then switching row-level
  -- security on takes little time.
  SELECT coalesce(string_agg(o.repair_sql, E'\n' ORDER BY
           CASE WHEN NOT coalesce(repair_sql.concurrently, false) THEN 0
                WHEN o.repair_sql LIKE 'CREATE INDEX %' THEN 1
                WHEN o.repair_sql LIKE 'CREATE POLICY %' OR o.repair_sql LIKE 'ALTER POLICY %' THEN 2
                WHEN o.repair_sql LIKE 'ALTER TABLE % ENABLE ROW LEVEL SECURITY;'
                  OR o.repair_sql LIKE 'ALTER TABLE % FORCE ROW LEVEL SECURITY;' THEN 3
                ELSE 4 END, o.position), '') INTO sql
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
    -- NOT ENFORCED keys and those that are NOT VALID stay as they are.
    sql := regexp_replace(sql,
      '^(ALTER TABLE (?:"(?:[^"]|"")*"|[^" ])+) DROP CONSTRAINT ((?:"(?:[^"]|"")*"|[^", ])+), (ADD CONSTRAINT .*);$(?<! (?:NOT VALID|NOT ENFORCED);)',
      E'\\1 DROP CONSTRAINT \\2, \\3 NOT VALID;\n\\1 VALIDATE CONSTRAINT \\2;', 'gn');
  END IF;
  RETURN sql;
END
$$;
COMMENT ON FUNCTION trovella_guard.repair_sql(pg_catalog.regclass, pg_catalog.text, pg_catalog.bool) IS
  'The statements that repair what a relation breaks at this level or above. Runs nothing. With concurrently, indexes come first and are built without blocking writes, and foreign keys are validated by a statement of their own; run them outside a transaction block.';

CREATE FUNCTION trovella_guard.protect(
  relation pg_catalog.regclass,
  level pg_catalog.text DEFAULT 'error')
RETURNS SETOF pg_catalog.text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_protect_1_0';
COMMENT ON FUNCTION trovella_guard.protect(pg_catalog.regclass, pg_catalog.text) IS
  'Runs the statements that repair a relation, with the caller''s rights, and returns them. Afterwards the relation breaks nothing at this level or above; otherwise the call fails and says why.';

-- The chunks of timescaledb: it refuses rows for a chunk that has row-level
-- security.  Nobody else's table of that name is read.
CREATE FUNCTION trovella_guard_internal.chunks() RETURNS SETOF pg_catalog.oid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- its catalogs differ from version to version, this view does not
  IF EXISTS (
       SELECT FROM pg_extension e
       JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
       WHERE e.extname = 'timescaledb' AND d.classid = 'pg_class'::regclass
         AND d.objid = to_regclass('timescaledb_information.chunks')) THEN
    RETURN QUERY EXECUTE
      'SELECT c.oid FROM timescaledb_information.chunks k
       JOIN pg_namespace n ON n.nspname = k.chunk_schema
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = k.chunk_name';
  END IF;
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.chunks() IS
  'The tables that are chunks of timescaledb.';

CREATE FUNCTION trovella_guard_internal.other_grantees(of_table pg_catalog.oid) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
  FROM pg_class c,
    LATERAL (SELECT c.relacl UNION ALL SELECT t.attacl FROM pg_attribute t WHERE t.attrelid = c.oid) l (acl),
    LATERAL aclexplode(l.acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
  WHERE c.oid = $1 AND a.grantee <> c.relowner
  ORDER BY 1;
END;
COMMENT ON FUNCTION trovella_guard_internal.other_grantees(pg_catalog.oid) IS
  'Who besides the owner has privileges on a table or its columns, as REVOKE names them.';

-- Each child in a subtransaction of its own: one that is busy, or gone, waits for
-- the next run.  While ALTER TABLE waits for its lock, all queries on the child
-- wait behind it.
CREATE FUNCTION trovella_guard.seal_partitions(relation pg_catalog.regclass)
RETURNS SETOF pg_catalog.regclass
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
  child oid;
  is_chunk bool;
  grantee text;
BEGIN
  IF relation IS NULL THEN
    RAISE EXCEPTION 'relation must not be null'
      USING ERRCODE = 'null_value_not_allowed';
  END IF;
  IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = relation) THEN
    RAISE EXCEPTION 'table "%" is not protected itself', relation
      USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'Its partitions are read through it, by its policies.',
            HINT = format('Protect it first: SELECT trovella_guard.protect(%L);', relation);
  END IF;

  FOR child, is_chunk IN
    WITH RECURSIVE children (oid) AS (
      SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = relation
      UNION
      SELECT i.inhrelid FROM children p JOIN pg_inherits i ON i.inhparent = p.oid
    ), chunks AS MATERIALIZED (
      SELECT k.oid FROM trovella_guard_internal.chunks() k (oid))
    SELECT c.oid, k.oid IS NOT NULL
    FROM children JOIN pg_class c USING (oid) LEFT JOIN chunks k USING (oid)
    WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
      AND (k.oid IS NULL OR EXISTS (SELECT FROM trovella_guard_internal.other_grantees(c.oid)))
    ORDER BY c.oid
  LOOP
    BEGIN
      IF is_chunk THEN
        FOR grantee IN SELECT trovella_guard_internal.other_grantees(child) LOOP
          -- of the table and, with it, of its columns
          EXECUTE format('REVOKE ALL ON TABLE %s FROM %s CASCADE', child::regclass, grantee);
        END LOOP;
        RETURN NEXT child;
        CONTINUE;
      END IF;
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', child::regclass);
      -- another table may have got the name meanwhile
      IF (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = child) THEN
        RETURN NEXT child;
      ELSE
        RAISE EXCEPTION 'not found' USING ERRCODE = 'undefined_table';
      END IF;
    EXCEPTION
      WHEN lock_not_available THEN
        RAISE NOTICE 'table "%" is busy: it is left for the next time', child::regclass;
      WHEN undefined_table OR invalid_schema_name OR syntax_error THEN
        NULL;  -- dropped or renamed meanwhile
    END;
  END LOOP;
END
$$;
COMMENT ON FUNCTION trovella_guard.seal_partitions(pg_catalog.regclass) IS
  'Enables row-level security, without policies, on every partition and inheritance child of a protected table, near and far, that has neither, and returns these; of chunks of timescaledb it takes all privileges away instead. Then nobody but their owner reads them except through the table. Can run by cron.';

CREATE FUNCTION trovella_guard.assert_clean(level pg_catalog.text DEFAULT 'error')
RETURNS pg_catalog.void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  levels text[] := trovella_guard_internal.levels_from(assert_clean.level);
  shown CONSTANT int := 20;
  a record;
  owed text;
BEGIN
  -- of_first: the finding is of the relation that comes first
  WITH audit AS MATERIALIZED (
    SELECT f.*, f.waived_by IS NULL AS counts,
           row_number() OVER (ORDER BY f.schema_name, f.table_name,
                              array_position('{error,warning,info}', f.level),
                              trovella_guard_internal.rule_position(f.rule), f.object) AS ordinality
    FROM trovella_guard.findings(NULL::regclass) f
    WHERE f.level = ANY (levels) AND (f.waived_by IS NULL OR f.is_debt)
  ), found AS (
    SELECT c.*, n.*
    FROM audit c
    CROSS JOIN LATERAL (SELECT coalesce(format('%s.%s', c.schema_name, c.table_name), '') AS name) n
    WHERE c.counts
  ), numbered AS (
    SELECT f.*, row_number() OVER (ORDER BY f.ordinality) AS shown_as,
           f.name = first_value(f.name) OVER (ORDER BY f.ordinality) AS of_first,
           lag(f.repair_sql, 1, '') OVER (ORDER BY f.ordinality) IS DISTINCT FROM f.repair_sql AS repairs_more
    FROM found f
  )
  SELECT count(*) AS findings, count(DISTINCT n.name) AS tables,
         min(n.name) FILTER (WHERE n.of_first) AS name,
         min(n.schema_name::text) FILTER (WHERE n.of_first) AS schema_name,
         min(n.table_name::text) FILTER (WHERE n.of_first) AS table_name,
         min(n.rule) AS rule,
         (SELECT string_agg(o.rule, ', ' ORDER BY o.number)
          FROM (SELECT m.rule, min(m.ordinality) AS number FROM numbered m WHERE m.of_first GROUP BY m.rule) o) AS rules,
         string_agg(coalesce(nullif(n.name, '') || ': ', '') || n.rule || ': ' || n.message, E'\n' ORDER BY n.ordinality)
           FILTER (WHERE n.shown_as <= shown) AS detail,
         string_agg(n.repair_sql, E'\n' ORDER BY n.ordinality)
           FILTER (WHERE n.shown_as <= shown AND n.repairs_more) AS repairs,
         (SELECT count(*) FROM audit d WHERE NOT d.counts) AS debts,
         (SELECT min(d.due) FROM audit d WHERE NOT d.counts) AS first_due
  INTO a
  FROM numbered n;

  IF a.debts > 0 THEN
    owed := trovella_guard_internal.debts_in_words(a.debts, a.first_due, 0::int8);
  END IF;
  IF a.findings = 0 THEN
    IF owed IS NOT NULL THEN
      RAISE NOTICE 'clean but for %', owed
        USING HINT = 'See trovella_guard.debts.';
    END IF;
    RETURN;
  END IF;
  RAISE EXCEPTION USING
    ERRCODE = 'TG001',
    MESSAGE = format('audit failed: %s breaks %s%s',
      CASE WHEN a.name = '' THEN 'the database'
           ELSE format('%s "%s"',
             coalesce((SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' END
                       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                       WHERE n.nspname = a.schema_name AND c.relname = a.table_name), 'table'), a.name) END,
      a.rules,
      CASE a.tables - 1 WHEN 0 THEN '' WHEN 1 THEN ' (and 1 more table)'
           ELSE format(' (and %s more tables)', a.tables - 1) END),
    DETAIL = a.detail ||
      CASE WHEN a.findings - shown > 1 THEN format(E'\nand %s more findings (see trovella_guard.check())', a.findings - shown)
           WHEN a.findings - shown = 1 THEN E'\nand 1 more finding (see trovella_guard.check())'
           ELSE '' END || coalesce(E'\nbesides ' || owed || ' (see trovella_guard.debts)', ''),
    HINT = coalesce(E'To repair it:\n' || a.repairs, 'See trovella_guard.check().'),
    SCHEMA = CASE WHEN a.findings = 1 THEN coalesce(a.schema_name, '') ELSE '' END,
    TABLE = CASE WHEN a.findings = 1 THEN coalesce(a.table_name, '') ELSE '' END,
    CONSTRAINT = CASE WHEN a.findings = 1 THEN a.rule ELSE '' END;
END
$$;
COMMENT ON FUNCTION trovella_guard.assert_clean(pg_catalog.text) IS
  'For CI: fails like a refused commit if anything in the database breaks a rule at this level or above and is not waived.';

CREATE FUNCTION trovella_guard_internal.levels_from(level pg_catalog.text)
RETURNS pg_catalog.text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
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
COMMENT ON FUNCTION trovella_guard_internal.levels_from(pg_catalog.text) IS
  'A level and the levels above it.';

CREATE FUNCTION trovella_guard_internal.schema_named(schema pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF schema IS NOT NULL AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = schema) THEN
    RAISE EXCEPTION 'schema "%" does not exist', schema
      USING ERRCODE = 'invalid_schema_name',
            HINT = 'Write its name as it is, without quotes.';
  END IF;
  RETURN schema;
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.schema_named(pg_catalog.text) IS
  'Its argument; an error if there is no such schema.';

--
-- Reports
--
-- A report is built line by line, so that sorts and sets that exceed work_mem
-- go to disk.  JIT compilation would cost more than it saves.
--

CREATE FUNCTION trovella_guard_internal.in_utf8(string pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_in_utf8_1_0';
COMMENT ON FUNCTION trovella_guard_internal.in_utf8(pg_catalog.text) IS
  'For reports: a question mark replaces each character that cannot be converted to UTF-8.';

CREATE FUNCTION trovella_guard_internal.utf8_of(string pg_catalog.text)
RETURNS pg_catalog.bytea
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_utf8_of_1_0';
COMMENT ON FUNCTION trovella_guard_internal.utf8_of(pg_catalog.text) IS
  'For SARIF reports: the bytes of a text in UTF-8. Characters that cannot be converted keep their bytes.';

CREATE FUNCTION trovella_guard_internal.escape_text(string pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_escape_text_1_0';
COMMENT ON FUNCTION trovella_guard_internal.escape_text(pg_catalog.text) IS
  'For text reports: control characters become question marks.';

CREATE FUNCTION trovella_guard_internal.escape_markdown(string pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_escape_markdown_1_0';
COMMENT ON FUNCTION trovella_guard_internal.escape_markdown(pg_catalog.text) IS
  'For Markdown reports: escapes markup and control characters.';

CREATE FUNCTION trovella_guard_internal.escape_xml(string pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_escape_xml_1_0';
COMMENT ON FUNCTION trovella_guard_internal.escape_xml(pg_catalog.text) IS
  'For JUnit and HTML reports: escapes markup; characters that XML does not allow become question marks.';

CREATE FUNCTION trovella_guard_internal.escape_uri(string pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_escape_uri_1_0';
COMMENT ON FUNCTION trovella_guard_internal.escape_uri(pg_catalog.text) IS
  'For SARIF reports: one segment of a path.';

CREATE FUNCTION trovella_guard_internal.count_of(n pg_catalog.int8, what pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT n || ' ' || what || CASE WHEN n = 1 THEN '' ELSE 's' END;
END;
COMMENT ON FUNCTION trovella_guard_internal.count_of(pg_catalog.int8, pg_catalog.text) IS
  'For reports: "1 error", "2 errors".';

CREATE FUNCTION trovella_guard_internal.who(role pg_catalog.name, can_login pg_catalog.bool)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(role::text, 'subscribers') || CASE WHEN can_login THEN '' WHEN NOT can_login THEN ' (no login)' ELSE '' END;
END;
COMMENT ON FUNCTION trovella_guard_internal.who(pg_catalog.name, pg_catalog.bool) IS
  'For reports: a role of who_sees(), and whether it cannot log in.';

CREATE FUNCTION trovella_guard_internal.debts_in_words(
  debts pg_catalog.int8, first_due pg_catalog.timestamptz, overdue pg_catalog.int8)
RETURNS pg_catalog.text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT trovella_guard_internal.count_of(debts, 'debt') ||
         coalesce(' (' || nullif(concat_ws(', ',
           CASE WHEN first_due IS NOT NULL THEN 'first due ' || to_char(first_due, 'YYYY-MM-DD')
                WHEN debts > 0 THEN 'without a date' END,
           CASE WHEN overdue > 0 THEN overdue || ' more overdue' END), '') || ')', '');
END;
COMMENT ON FUNCTION trovella_guard_internal.debts_in_words(pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.int8) IS
  'For reports: "2 debts (first due 2027-02-27, 1 more overdue)".';

CREATE FUNCTION trovella_guard_internal.summary(
  in_schema pg_catalog.text, of_relation pg_catalog.regclass,
  OUT relations pg_catalog.int8, OUT tenant pg_catalog.int8, OUT global pg_catalog.int8,
  OUT unclassified pg_catalog.int8, OUT unprotectable pg_catalog.int8,
  OUT sealed pg_catalog.int8, OUT clean pg_catalog.int8,
  OUT errors pg_catalog.int8, OUT warnings pg_catalog.int8, OUT infos pg_catalog.int8,
  OUT debts pg_catalog.int8, OUT overdue pg_catalog.int8, OUT first_due pg_catalog.timestamptz,
  OUT waived pg_catalog.int8, OUT classes pg_catalog.text, OUT counts pg_catalog.text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT r.*,
         format('%s tenant, %s global, %s unclassified, %s unprotectable', r.tenant, r.global, r.unclassified, r.unprotectable)
           || CASE WHEN r.sealed > 0 THEN format(', %s sealed', r.sealed) ELSE '' END,
         format('%s, %s, %s, %s, %s waived by decision', trovella_guard_internal.count_of(r.errors, 'error'),
                trovella_guard_internal.count_of(r.warnings, 'warning'), trovella_guard_internal.count_of(r.infos, 'info'),
                trovella_guard_internal.debts_in_words(r.debts, r.first_due, r.overdue), r.waived)
  FROM (SELECT count(*) FILTER (WHERE class <> 'database'),
               count(*) FILTER (WHERE class = 'tenant') AS tenant,
               count(*) FILTER (WHERE class = 'global') AS global,
               count(*) FILTER (WHERE class = 'unclassified') AS unclassified,
               count(*) FILTER (WHERE class = 'unprotectable') AS unprotectable,
               count(*) FILTER (WHERE class = 'sealed') AS sealed,
               count(*) FILTER (WHERE class <> 'database' AND errors + warnings + debts = 0),
               coalesce(sum(errors), 0) AS errors, coalesce(sum(warnings), 0) AS warnings,
               coalesce(sum(infos), 0) AS infos, coalesce(sum(debts), 0) AS debts,
               coalesce(sum(overdue), 0) AS overdue, min(first_due) AS first_due,
               coalesce(sum(waived), 0) AS waived
        FROM trovella_guard_internal.relations($2) a
        WHERE $1 IS NULL OR a.schema_name = $1) r;
END;
COMMENT ON FUNCTION trovella_guard_internal.summary(pg_catalog.text, pg_catalog.regclass) IS
  'The totals of an audit, as numbers and in words: relations by class, relations without errors, warnings and debts, findings by level (overdue debts among them), debts, findings waived by decision.';

CREATE FUNCTION trovella_guard_internal.filter_in_words(
  level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass)
RETURNS pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT concat(CASE WHEN schema IS NOT NULL THEN format('; only schema %s', schema) END,
                CASE WHEN relation IS NOT NULL THEN format('; only %s', relation) END,
                CASE level WHEN 'error' THEN '; only errors are listed'
                           WHEN 'warning' THEN '; infos are not listed' END);
END;
COMMENT ON FUNCTION trovella_guard_internal.filter_in_words(pg_catalog.text, pg_catalog.text, pg_catalog.regclass) IS
  'For reports: what they are limited to.';

CREATE FUNCTION trovella_guard_internal.sorted_findings(
  from_level pg_catalog.text, in_schema pg_catalog.text, of_relation pg_catalog.regclass,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name,
  OUT rule pg_catalog.text, OUT level pg_catalog.text,
  OUT object pg_catalog.text, OUT message pg_catalog.text,
  OUT repair_sql pg_catalog.text, OUT waived_by pg_catalog.text,
  OUT is_debt pg_catalog.bool, OUT reason pg_catalog.text,
  OUT author pg_catalog.name, OUT since pg_catalog.timestamptz,
  OUT due pg_catalog.timestamptz,
  OUT is_about_relations pg_catalog.bool, OUT state pg_catalog.text,
  OUT why pg_catalog.text, OUT harm pg_catalog.int4, OUT name pg_catalog.text,
  OUT errors pg_catalog.int8, OUT warnings pg_catalog.int8, OUT infos pg_catalog.int8,
  OUT debts pg_catalog.int8, OUT is_first pg_catalog.bool, OUT is_last pg_catalog.bool)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH found AS (
    SELECT f.*, g.is_about_relations AND f.table_name IS NOT NULL AS is_about_relations, t.state,
           CASE WHEN f.is_debt AND f.waived_by IS NULL
                  THEN format('overdue since %s: %s', to_char(f.due, 'YYYY-MM-DD'), f.reason)
                WHEN f.due IS NOT NULL
                  THEN format('%s; %s %s', f.reason, CASE WHEN f.is_debt THEN 'due' ELSE 'until' END, to_char(f.due, 'YYYY-MM-DD'))
                ELSE f.reason END AS why,
           10000 * array_position('{error,warning,debt,info,waived}', t.state)
             + 1000 * array_position('{error,warning,info}', f.level)
             + trovella_guard_internal.rule_position(f.rule) AS harm
    FROM trovella_guard.findings($3) f
    JOIN trovella_guard_internal.registry() g ON g.rule = f.rule
    CROSS JOIN LATERAL (
      SELECT CASE WHEN f.waived_by IS NULL THEN f.level WHEN f.is_debt THEN 'debt' ELSE 'waived' END) t (state)
    WHERE f.level = ANY (trovella_guard_internal.levels_from($1))
      AND ($2 IS NULL OR (f.schema_name = $2 AND g.is_about_relations))
  ), counted AS (
    SELECT f.*, coalesce(f.schema_name || '.' || f.table_name, 'the database') AS name,
           count(*) FILTER (WHERE f.state = 'error') OVER w AS errors,
           count(*) FILTER (WHERE f.state = 'warning') OVER w AS warnings,
           count(*) FILTER (WHERE f.state = 'info') OVER w AS infos,
           count(*) FILTER (WHERE f.state = 'debt') OVER w AS debts,
           min(f.harm) OVER w AS most_harm,
           row_number() OVER (w ORDER BY f.harm, f.object) AS number,
           count(*) OVER w AS total
    FROM found f
    WINDOW w AS (PARTITION BY f.schema_name, f.table_name)
  )
  SELECT c.schema_name, c.table_name, c.rule, c.level, c.object, c.message,
         c.repair_sql, c.waived_by, c.is_debt, c.reason, c.author, c.since, c.due,
         c.is_about_relations, c.state, c.why, c.harm, c.name, c.errors, c.warnings, c.infos, c.debts,
         c.number = 1, c.number = c.total
  FROM counted c
  ORDER BY c.most_harm, c.errors DESC, c.warnings DESC, c.infos DESC, c.debts DESC, c.schema_name, c.table_name, c.number;
END;
COMMENT ON FUNCTION trovella_guard_internal.sorted_findings(pg_catalog.text, pg_catalog.text, pg_catalog.regclass) IS
  'The findings for reports, at this level or above, by relation: the relation first whose finding does most harm; in each, what a decision waives comes last. state is the level of a finding that counts, else debt or waived; why is the reason of its entry and its date.';

CREATE FUNCTION trovella_guard_internal.trials_from(
  trials pg_catalog.jsonb, from_level pg_catalog.text,
  OUT number pg_catalog.int8, OUT name pg_catalog.text,
  OUT schema_name pg_catalog.name, OUT table_name pg_catalog.name, OUT role pg_catalog.name,
  OUT outcome pg_catalog.text, OUT level pg_catalog.text, OUT proof pg_catalog.text, OUT words pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT t.number, t.value ->> 'schema_name' || '.' || (t.value ->> 'table_name'),
         (t.value ->> 'schema_name')::name, (t.value ->> 'table_name')::name, (t.value ->> 'role')::name,
         t.value ->> 'outcome', l.level, t.value ->> 'proof',
         CASE t.value ->> 'outcome' WHEN 'leaks' THEN 'rows cross: ' || (t.value ->> 'leaks')
                                    WHEN 'denied' THEN 'the role may do nothing'
                                    WHEN 'isolated' THEN 'no row crosses'
                                    ELSE t.value ->> 'not_shown' END
  FROM jsonb_array_elements($1) WITH ORDINALITY t (value, number)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN t.value ->> 'outcome' = 'leaks' THEN 'error'
                WHEN t.value ->> 'outcome' IN ('not_tried', 'vacuous') THEN 'warning'
                ELSE 'info' END) l (level)
  WHERE l.level = ANY (trovella_guard_internal.levels_from($2))
  ORDER BY 1;
END;
COMMENT ON FUNCTION trovella_guard_internal.trials_from(pg_catalog.jsonb, pg_catalog.text) IS
  'For reports: the trials at this level or above, in words. What leaks is an error, what was not shown a warning.';

CREATE FUNCTION trovella_guard_internal.trials_in_words(trials pg_catalog.jsonb) RETURNS pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(string_agg(replace(o.outcome, '_', ' ') || ': ' || o.n, ', '
                             ORDER BY array_position('{leaks,not_tried,vacuous,isolated,denied}', o.outcome)),
                  'there is no tenant table to try')
  FROM (SELECT t.outcome, count(*) AS n FROM trovella_guard_internal.trials_from($1, 'info') t GROUP BY t.outcome) o;
END;
COMMENT ON FUNCTION trovella_guard_internal.trials_in_words(pg_catalog.jsonb) IS
  'For reports: "leaks: 1, isolated: 12", each a relation and a role.';

CREATE FUNCTION trovella_guard_internal.report_text(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT line FROM (
    SELECT 1 AS part, f.ordinality AS number, l.i, l.line
    FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY f
    CROSS JOIN LATERAL (VALUES
      (0, CASE WHEN f.is_first THEN
            concat_ws(': ', trovella_guard_internal.escape_text(f.name),
              nullif(concat_ws(', ',
                CASE WHEN f.errors > 0 THEN trovella_guard_internal.count_of(f.errors, 'error') END,
                CASE WHEN f.warnings > 0 THEN trovella_guard_internal.count_of(f.warnings, 'warning') END,
                CASE WHEN f.infos > 0 THEN trovella_guard_internal.count_of(f.infos, 'info') END,
                CASE WHEN f.debts > 0 THEN trovella_guard_internal.count_of(f.debts, 'debt') END), '')) END),
      (1, format('  %s %s: %s', rpad(f.state, 8),
                 f.rule, trovella_guard_internal.escape_text(f.message))),
      (2, '           ' || CASE WHEN f.waived_by IS NULL THEN '' ELSE 'reason: ' END || trovella_guard_internal.escape_text(f.why)),
      (3, CASE WHEN f.waived_by IS NULL OR f.is_debt THEN
            (SELECT string_agg('           ' || trovella_guard_internal.escape_text(s), E'\n' ORDER BY n)
             FROM regexp_split_to_table(f.repair_sql, '\n') WITH ORDINALITY t (s, n)) END),
      (4, CASE WHEN f.is_last THEN '' END)) AS l (i, line)
    WHERE l.line IS NOT NULL
    UNION ALL
    SELECT 2, w.ordinality, l.i, l.line
    FROM (SELECT *, count(*) OVER () AS total FROM trovella_guard_internal.who_sees_all() WITH ORDINALITY
          WHERE $2 IS NULL AND $3 IS NULL) w
    CROSS JOIN LATERAL (VALUES
      (0, CASE WHEN w.ordinality = 1 THEN 'Who sees all tenants:' END),
      (1, format('  %s: %s (%s)', trovella_guard_internal.escape_text(trovella_guard_internal.who(w.role, w.can_login)),
                 trovella_guard_internal.escape_text(w.how), trovella_guard_internal.count_of(w.tables, 'table'))),
      (2, '           reason: ' || trovella_guard_internal.escape_text(w.excused)),
      (3, CASE WHEN w.ordinality = w.total THEN '' END)) AS l (i, line)
    WHERE l.line IS NOT NULL
    UNION ALL
    SELECT 3, 0, 0, 'Trials: ' || trovella_guard_internal.trials_in_words($4)
    WHERE $4 IS NOT NULL
    UNION ALL
    SELECT 4, t.number, 0,
           format('  %s %s, role %s%s: %s', rpad(t.outcome, 9), trovella_guard_internal.escape_text(t.name),
                  trovella_guard_internal.escape_text(t.role), ' (' || t.proof || ')',
                  trovella_guard_internal.escape_text(t.words))
    FROM trovella_guard_internal.trials_from($4, $1) t
    UNION ALL
    SELECT 5, 0, 0, ''
    WHERE $4 IS NOT NULL
    UNION ALL
    SELECT 6, 0, 0,
           format('%s (%s): %s; profile %s%s', trovella_guard_internal.count_of(s.relations, 'relation'),
                  s.classes, s.counts, trovella_guard_internal.setting('profile'),
                  trovella_guard_internal.escape_text(trovella_guard_internal.filter_in_words($1, $2, $3)))
    FROM trovella_guard_internal.summary($2, $3) s) lines
  ORDER BY part, number, i;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_text(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''text''), line by line.';

-- Platforms cut or refuse a comment of 65,536 characters, so each part has room
-- for so many, and says how many of its lines were left out.
CREATE FUNCTION trovella_guard_internal.report_markdown(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH found AS MATERIALIZED (
    SELECT * FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY
  ), parts (part, room, heading, more) AS (VALUES
    (1, CASE WHEN $4 IS NULL THEN 26000 ELSE 18000 END, E'\n| level | relation | rule | finding |\n|---|---|---|---|', '| | | | and %s more findings |'),
    (2, 12000, E'\n### Debts\n\n| due | level | relation | rule | finding | reason |\n|---|---|---|---|---|---|', '| | | | | and %s more debts | |'),
    (3, 15000, NULL, E'\nand the repairs of %s more relations'),
    (4, 5000, E'\n### Who sees all tenants\n\n| role | way | tables | reason |\n|---|---|---|---|', '| | and %s more ways | | |'),
    (5, 8000, E'\n### Trials\n\n| outcome | relation | role | proof | |\n|---|---|---|---|---|', '| | and %s more trials | | | |')
  ), lines (part, number, line) AS MATERIALIZED (
    SELECT 1, f.ordinality,
           format('| %s | %s | %s | %s |',
                  CASE f.level WHEN 'error' THEN '**error**' ELSE f.level END,
                  trovella_guard_internal.escape_markdown(f.name), f.rule,
                  trovella_guard_internal.escape_markdown(f.message || coalesce(' (' || f.why || ')', '')))
    FROM found f
    WHERE f.waived_by IS NULL
    UNION ALL
    SELECT 2, row_number() OVER (ORDER BY f.due, f.ordinality),
           format('| %s | %s | %s | %s | %s | %s |', coalesce(to_char(f.due, 'YYYY-MM-DD'), 'no date'), f.level,
                  trovella_guard_internal.escape_markdown(f.name), f.rule,
                  trovella_guard_internal.escape_markdown(f.message),
                  trovella_guard_internal.escape_markdown(f.reason))
    FROM found f
    WHERE f.state = 'debt'
    UNION ALL
    -- the fence must be longer than any run of backticks in the SQL
    SELECT 3, f.number,
           format(E'\n<details><summary>Repair of %s</summary>\n\n%ssql\n%s\n%s\n</details>',
                  trovella_guard_internal.escape_xml(trovella_guard_internal.escape_text(f.name)),
                  f.fence, f.repair, f.fence)
    FROM (SELECT o.name, min(o.number) AS number,
                 string_agg(o.repair_sql, E'\n' ORDER BY o.number) AS repair,
                 repeat('`', greatest(3, 1 + max((SELECT max(length(m[1])) FROM regexp_matches(o.repair_sql, '(`+)', 'g') m)))) AS fence
          FROM (SELECT f.name, f.repair_sql, min(f.ordinality) AS number
                FROM found f
                WHERE f.waived_by IS NULL AND f.level <> 'info' AND f.repair_sql IS NOT NULL
                GROUP BY f.name, f.repair_sql) o
          GROUP BY o.name) f
    UNION ALL
    SELECT 4, w.ordinality,
           format('| %s | %s | %s | %s |',
                  trovella_guard_internal.escape_markdown(trovella_guard_internal.who(w.role, w.can_login)),
                  trovella_guard_internal.escape_markdown(w.how), w.tables,
                  coalesce(trovella_guard_internal.escape_markdown(w.excused), ''))
    FROM trovella_guard_internal.who_sees_all() WITH ORDINALITY w
    WHERE $2 IS NULL AND $3 IS NULL
    UNION ALL
    SELECT 5, t.number,
           format('| %s | %s | %s | %s | %s |',
                  CASE t.outcome WHEN 'leaks' THEN '**leaks**' ELSE replace(t.outcome, '_', ' ') END,
                  trovella_guard_internal.escape_markdown(t.name), trovella_guard_internal.escape_markdown(t.role),
                  coalesce(t.proof, ''), trovella_guard_internal.escape_markdown(t.words))
    FROM trovella_guard_internal.trials_from($4, $1) t
  ), fitted AS (
    SELECT l.*, sum(length(l.line) + 1) OVER (PARTITION BY l.part ORDER BY l.number) <= p.room AS fits
    FROM lines l
    JOIN parts p ON p.part = l.part
  )
  SELECT line FROM (
    SELECT 0 AS part, 0 AS place, 0::int8 AS number,
           format(E'## Tenant isolation: %s%s\n\n%s in database %s: %s. %s. Profile: %s%s.%s',
                  CASE WHEN s.errors > 0 THEN trovella_guard_internal.count_of(s.errors, 'error')
                       WHEN s.warnings > 0 THEN trovella_guard_internal.count_of(s.warnings, 'warning')
                       WHEN s.debts > 0 THEN 'no errors, but ' || trovella_guard_internal.count_of(s.debts, 'debt')
                       ELSE 'clean' END,
                  (SELECT ', rows cross in ' || trovella_guard_internal.count_of(count(*), 'trial')
                   FROM trovella_guard_internal.trials_from($4, 'error') HAVING count(*) > 0),
                  trovella_guard_internal.count_of(s.relations, 'relation'),
                  trovella_guard_internal.escape_markdown(current_database()),
                  s.classes, s.counts, trovella_guard_internal.setting('profile'),
                  trovella_guard_internal.escape_markdown(trovella_guard_internal.filter_in_words($1, $2, $3)),
                  CASE WHEN $4 IS NOT NULL THEN ' Trials: ' || trovella_guard_internal.trials_in_words($4) || '.' END) AS line
    FROM trovella_guard_internal.summary($2, $3) s
    UNION ALL
    SELECT p.part, 1, 0, p.heading
    FROM parts p
    WHERE p.heading IS NOT NULL AND EXISTS (SELECT FROM lines l WHERE l.part = p.part)
    UNION ALL
    SELECT f.part, 2, f.number, f.line
    FROM fitted f
    WHERE f.fits
    UNION ALL
    SELECT p.part, 3, 0, format(p.more, count(*))
    FROM fitted f
    JOIN parts p ON p.part = f.part
    WHERE NOT f.fits
    GROUP BY p.part, p.more) document
  ORDER BY part, place, number;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_markdown(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''markdown''), line by line.';

CREATE FUNCTION trovella_guard_internal.report_json(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT line FROM (
    SELECT 0 AS part, 0::int8 AS number,
           format(E'{"schema_version": 1,\n "generator": %s,\n "generated_at": %s,\n "database": %s,\n "mode": %s,\n "profile": %s,\n "filter": %s,\n "summary": %s,\n "rules": %s,\n "relations": [',
                  jsonb_build_object('name', 'trovella_guard', 'version', e.extversion),
                  to_jsonb(now()), to_jsonb(current_database()),
                  to_jsonb(trovella_guard_internal.setting('mode')),
                  to_jsonb(trovella_guard_internal.setting('profile')),
                  jsonb_build_object('level', $1, 'schema', $2, 'relation', $3::text),
                  to_jsonb(s) - '{classes,counts}'::text[],
                  (SELECT jsonb_agg(to_jsonb(r)) FROM trovella_guard.rules r)) AS line
    FROM trovella_guard_internal.summary($2, $3) s, pg_extension e
    WHERE e.extname = 'trovella_guard'
    UNION ALL
    SELECT 1, t.number, CASE WHEN t.number = 1 THEN '  ' ELSE '  ,' END || to_jsonb(t) - 'number'
    FROM (SELECT r.*, row_number() OVER (ORDER BY r.schema_name, r.table_name) AS number
          FROM trovella_guard.tables r
          WHERE ($2 IS NULL OR r.schema_name = $2)
            AND ($3 IS NULL OR EXISTS (
              SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.oid = $3 AND n.nspname = r.schema_name AND c.relname = r.table_name))) t
    UNION ALL
    SELECT 2, 0, E' ],\n "findings": ['
    UNION ALL
    SELECT 3, f.ordinality,
           CASE WHEN f.ordinality = 1 THEN '  ' ELSE '  ,' END ||
           jsonb_build_object('schema_name', f.schema_name, 'table_name', f.table_name,
                              'rule', f.rule, 'level', f.level, 'object', f.object,
                              'message', f.message, 'repair_sql', f.repair_sql,
                              'waived_by', f.waived_by, 'is_debt', f.is_debt, 'reason', f.reason,
                              'author', f.author, 'since', f.since, 'due', f.due)
    FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY f
    UNION ALL
    SELECT 4, 0, E' ],\n "who_sees": ['
    UNION ALL
    SELECT 5, w.ordinality,
           CASE WHEN w.ordinality = 1 THEN '  ' ELSE '  ,' END || to_jsonb(w) - 'ordinality'
    FROM trovella_guard_internal.who_sees_all() WITH ORDINALITY w
    WHERE $2 IS NULL AND $3 IS NULL
    UNION ALL
    SELECT 6, 0, E' ],\n "trials": ['
    WHERE $4 IS NOT NULL
    UNION ALL
    SELECT 7, t.number, CASE WHEN t.number = 1 THEN '  ' ELSE '  ,' END || t.value
    FROM jsonb_array_elements($4) WITH ORDINALITY t (value, number)
    UNION ALL
    SELECT 8, 0, ' ]}') lines
  ORDER BY part, number;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_json(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''json''), line by line.';

CREATE FUNCTION trovella_guard_internal.report_sarif(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT line FROM (
    SELECT 0 AS part, 0::int8 AS number,
           format(E'{"version": "2.1.0",\n "$schema": "https://json.schemastore.org/sarif-2.1.0.json",\n "runs": [{\n  "tool": {"driver": {"name": "trovella_guard", "version": %s, "rules": %s}},\n  "columnKind": "unicodeCodePoints",\n  "results": [',
                  to_jsonb(e.extversion),
                  (SELECT jsonb_agg(jsonb_build_object(
                     'id', g.rule,
                     'name', replace(initcap(replace(g.rule, '_', ' ')), ' ', ''),
                     'shortDescription', jsonb_build_object('text', replace(g.rule, '_', ' ')),
                     'fullDescription', jsonb_build_object('text', g.purpose),
                     'help', jsonb_build_object(
                       'text', g.purpose || ' Each result has the SQL that repairs it. If the relation is right as it is, add it to the allowlist with a reason: trovella_guard.allow().',
                       'markdown', trovella_guard_internal.escape_markdown(g.purpose) || E'\n\nEach result has the SQL that repairs it. If the relation is right as it is, add it to the allowlist with a reason: `trovella_guard.allow()`.'),
                     'defaultConfiguration', jsonb_build_object(
                       'enabled', g.level <> 'off',
                       'level', CASE g.level WHEN 'error' THEN 'error' WHEN 'warning' THEN 'warning' WHEN 'info' THEN 'note' ELSE 'none' END),
                     'properties', jsonb_build_object('tags', jsonb_build_array('security', 'tenant-isolation')))
                     ORDER BY g.position)
                   FROM trovella_guard_internal.registry() g)
                  || CASE WHEN $4 IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
                       'id', 'trial', 'name', 'Trial',
                       'shortDescription', jsonb_build_object('text', 'trial'),
                       'fullDescription', jsonb_build_object('text', 'Rows of one tenant cross to another when it is tried, or a trial could not show that they do not.'),
                       'help', jsonb_build_object('text', 'trovella_guard.probe() has a script for each leak.'),
                       'defaultConfiguration', jsonb_build_object('enabled', true, 'level', 'error'),
                       'properties', jsonb_build_object('tags', jsonb_build_array('security', 'tenant-isolation')))) END) AS line
    FROM pg_extension e
    WHERE e.extname = 'trovella_guard'
    UNION ALL
    -- Code scanning shows only results that have a location in a file, so the
    -- path names the relation.
    SELECT 1, f.ordinality,
           CASE WHEN f.ordinality = 1 THEN '   ' ELSE '   ,' END ||
           (jsonb_build_object(
             'ruleId', f.rule, 'ruleIndex', g.position - 1,
             'level', CASE f.level WHEN 'error' THEN 'error' WHEN 'warning' THEN 'warning' ELSE 'note' END,
             'message', jsonb_build_object('text', f.name || ': ' || f.message || coalesce(E'\nRepair: ' || f.repair_sql, '')),
             'locations', jsonb_build_array(jsonb_build_object(
               'physicalLocation', jsonb_build_object(
                 'artifactLocation', jsonb_build_object('uri', coalesce(
                   'database/' || trovella_guard_internal.escape_uri(f.schema_name) || '/' || trovella_guard_internal.escape_uri(f.table_name), 'database')),
                 'region', jsonb_build_object('startLine', 1)),
               'logicalLocations', jsonb_build_array(jsonb_build_object(
                 'name', coalesce(f.table_name, current_database()), 'fullyQualifiedName', f.name,
                 'kind', CASE WHEN f.table_name IS NULL THEN 'database' ELSE 'table' END)))),
             'partialFingerprints', jsonb_build_object('trovellaGuard/v1',
               encode(sha256(trovella_guard_internal.utf8_of(concat_ws(chr(1), f.schema_name, f.table_name, f.rule, f.object, f.occurrence))), 'hex')))
           || CASE WHEN f.waived_by IS NULL THEN '{}'
                   ELSE jsonb_build_object('suppressions', jsonb_build_array(jsonb_build_object(
                          'kind', 'external', 'status', 'accepted',
                          'justification', CASE WHEN f.is_debt THEN 'debt: ' ELSE '' END || f.why))) END
           || jsonb_build_object('properties', jsonb_strip_nulls(jsonb_build_object(
                'repairSql', f.repair_sql, 'debt', CASE WHEN f.is_debt THEN true END,
                'due', CASE WHEN f.is_debt THEN f.due END))))
    FROM (SELECT o.*, row_number() OVER (PARTITION BY o.schema_name, o.table_name, o.rule, o.object ORDER BY o.ordinality) AS occurrence
          FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY o) f
    JOIN trovella_guard_internal.registry() g ON g.rule = f.rule
    UNION ALL
    -- code scanning has no use for what passed
    SELECT 2, t.number,
           CASE WHEN row_number() OVER (ORDER BY t.number) = 1
                     AND NOT EXISTS (SELECT FROM trovella_guard_internal.sorted_findings($1, $2, $3)) THEN '   ' ELSE '   ,' END ||
           jsonb_build_object(
             'ruleId', 'trial', 'ruleIndex', (SELECT count(*) FROM trovella_guard_internal.registry()),
             'level', t.level,
             'message', jsonb_build_object('text', format('%s, role %s: %s', t.name, t.role, t.words)),
             'locations', jsonb_build_array(jsonb_build_object(
               'physicalLocation', jsonb_build_object(
                 'artifactLocation', jsonb_build_object('uri',
                   'database/' || trovella_guard_internal.escape_uri(t.schema_name) || '/' || trovella_guard_internal.escape_uri(t.table_name)),
                 'region', jsonb_build_object('startLine', 1)),
               'logicalLocations', jsonb_build_array(jsonb_build_object(
                 'name', t.table_name, 'fullyQualifiedName', t.name, 'kind', 'table')))),
             'partialFingerprints', jsonb_build_object('trovellaGuard/v1',
               encode(sha256(trovella_guard_internal.utf8_of(concat_ws(chr(1), t.schema_name, t.table_name, 'trial', t.role))), 'hex')))
    FROM trovella_guard_internal.trials_from($4, $1) t
    WHERE t.level <> 'info'
    UNION ALL
    SELECT 3, 0, '  ]}]}') lines
  ORDER BY part, number;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_sarif(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''sarif''), line by line.';

CREATE FUNCTION trovella_guard_internal.report_junit(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH found AS MATERIALIZED (
    SELECT * FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY
  ), cases AS MATERIALIZED (
    SELECT r.schema_name, r.table_name, r.class, r.reason,
           coalesce(f.errors, 0) AS errors, f.rules, f.failures, f.remarks,
           CASE WHEN f.errors > 0 THEN NULL
                WHEN r.class IN ('global', 'sealed') THEN r.class || ': ' || r.reason
                WHEN f.debts > 0 THEN trovella_guard_internal.debts_in_words(f.debts, f.first_due, 0) || ': ' || f.debt_reasons
                END AS skipped
    FROM (SELECT r.schema_name, r.table_name, r.class, r.reason
          FROM trovella_guard_internal.relations($3) r
          WHERE r.class <> 'database' AND ($2 IS NULL OR r.schema_name = $2)
          UNION ALL
          -- findings about no relation are a test case of their own
          SELECT DISTINCT s.schema_name, s.table_name, 'database', NULL
          FROM found s
          WHERE NOT s.is_about_relations) r
    LEFT JOIN (
      SELECT f.schema_name, f.table_name, f.is_about_relations,
             count(*) FILTER (WHERE f.state = 'error') AS errors,
             count(*) FILTER (WHERE f.state = 'debt') AS debts,
             min(f.due) FILTER (WHERE f.state = 'debt') AS first_due,
             string_agg(DISTINCT f.reason, '; ') FILTER (WHERE f.state = 'debt') AS debt_reasons,
             (SELECT string_agg(g.rule, ', ' ORDER BY g.position)
              FROM trovella_guard_internal.registry() g
              WHERE g.rule = ANY (array_agg(f.rule) FILTER (WHERE f.state = 'error'))) AS rules,
             string_agg(concat_ws(E'\n', f.rule || ': ' || f.message || coalesce(' (' || f.why || ')', ''), f.repair_sql), E'\n' ORDER BY f.ordinality)
               FILTER (WHERE f.state = 'error') AS failures,
             string_agg(f.state || ' ' || f.rule || ': ' || f.message || coalesce(' (' || f.why || ')', ''), E'\n' ORDER BY f.ordinality)
               FILTER (WHERE f.state IN ('warning', 'info', 'debt')) AS remarks
      FROM found f
      GROUP BY f.schema_name, f.table_name, f.is_about_relations) f
      ON coalesce(f.schema_name, '') = coalesce(r.schema_name, '')
         AND coalesce(f.table_name, '') = coalesce(r.table_name, '')
         AND f.is_about_relations = (r.class <> 'database')
  ), trials AS MATERIALIZED (
    SELECT t.* FROM trovella_guard_internal.trials_from($4, 'info') t
  )
  SELECT line FROM (
    SELECT 0 AS part, NULL::name AS schema_name, NULL::name AS table_name,
           format(E'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="trovella_guard" tests="%1$s" failures="%2$s" errors="0">\n<testsuite name="%4$s" tests="%1$s" failures="%2$s" errors="0" skipped="%3$s">\n<properties><property name="summary" value="%5$s"/></properties>',
                  (SELECT count(*) FROM cases) + (SELECT count(*) FROM trials),
                  (SELECT count(*) FROM cases c WHERE c.errors > 0) + (SELECT count(*) FROM trials t WHERE t.level = 'error'),
                  (SELECT count(*) FROM cases c WHERE c.skipped IS NOT NULL) + (SELECT count(*) FROM trials t WHERE t.level = 'warning'),
                  trovella_guard_internal.escape_xml(current_database()),
                  trovella_guard_internal.escape_xml(s.counts || trovella_guard_internal.filter_in_words($1, $2, $3))) AS line
    FROM trovella_guard_internal.summary($2, $3) s
    UNION ALL
    SELECT 1, c.schema_name, c.table_name,
           format('<testcase classname="%s" name="%s">', trovella_guard_internal.escape_xml(coalesce(c.schema_name, 'database')),
                  trovella_guard_internal.escape_xml(coalesce(c.table_name, current_database()) || CASE WHEN c.class = 'database' THEN ' (allowlist and roles)' ELSE '' END))
           || CASE WHEN c.errors > 0 THEN
                format('<failure type="%s" message="%s: %s">%s</failure>', 'TG001',
                       trovella_guard_internal.count_of(c.errors, 'error'), c.rules, trovella_guard_internal.escape_xml(c.failures))
              ELSE '' END
           || coalesce('<skipped message="' || trovella_guard_internal.escape_xml(c.skipped) || '"/>', '')
           || coalesce('<system-out>' || trovella_guard_internal.escape_xml(c.remarks) || '</system-out>', '')
           || '</testcase>'
    FROM cases c
    UNION ALL
    SELECT 2, t.schema_name, t.table_name,
           format('<testcase classname="%s" name="%s">', trovella_guard_internal.escape_xml(t.schema_name),
                  trovella_guard_internal.escape_xml(format('%s (trial as %s)', t.table_name, t.role)))
           || CASE t.level WHEN 'error' THEN format('<failure type="leak" message="%s"/>', trovella_guard_internal.escape_xml(t.words))
                           WHEN 'warning' THEN format('<skipped message="%s: %s"/>', replace(t.outcome, '_', ' '), trovella_guard_internal.escape_xml(t.words))
                           ELSE '' END
           || '</testcase>'
    FROM trials t
    UNION ALL
    SELECT 3, NULL, NULL, E'</testsuite>\n</testsuites>') lines
  ORDER BY part, schema_name, table_name, line;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_junit(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''junit''), line by line.';

-- Ends with what is recorded now, and goes back by what the log says: it may
-- lack the beginning, or have an entry that was written over another.
CREATE FUNCTION trovella_guard_internal.debts_by_week(OUT week pg_catalog.date, OUT debts pg_catalog.int8)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH events AS (
    SELECT l.at, l.action IN ('allow', 'follow') AS is_there, l.action,
           lag(l.action IN ('allow', 'follow')) OVER (PARTITION BY l.schema_name, l.table_name, l.rule, l.object ORDER BY l.at) AS was_there
    FROM trovella_guard.allowlist_log l
    WHERE l.adopted
  ), changes AS (
    SELECT date_trunc('week', e.at) AS week,
           sum(CASE WHEN e.action = 'follow' OR e.is_there = e.was_there THEN 0 WHEN e.is_there THEN 1 ELSE -1 END) AS change
    FROM events e
    GROUP BY 1
  ), weeks AS (
    SELECT w.week
    FROM generate_series(
      greatest((SELECT min(c.week) FROM changes c), date_trunc('week', now()) - '25 weeks'::interval),
      date_trunc('week', now()), '1 week'::interval) w (week)
    WHERE EXISTS (SELECT FROM changes)
  )
  SELECT w.week::date,
         greatest((SELECT count(*) FROM trovella_guard.allowlist a WHERE a.adopted)
                  - coalesce((SELECT sum(c.change) FROM changes c WHERE c.week > w.week), 0), 0)::int8
  FROM weeks w
  ORDER BY 1;
END;
COMMENT ON FUNCTION trovella_guard_internal.debts_by_week() IS
  'For HTML reports: the number of debts at the end of each of the last 26 weeks.';

CREATE FUNCTION trovella_guard_internal.report_html(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH s AS MATERIALIZED (SELECT * FROM trovella_guard_internal.summary($2, $3)),
found AS (
    SELECT f.schema_name, f.table_name, f.is_about_relations,
           string_agg(DISTINCT f.state, ' ') AS levels,
           string_agg(DISTINCT f.rule, ' ') AS rules,
           min(f.harm) AS harm,
           count(DISTINCT f.repair_sql) FILTER (WHERE f.state <> 'waived' AND f.repair_sql NOT LIKE 'SELECT trovella_guard.%') AS repairs,
           string_agg(
             format('<div class="finding" data-state="%1$s"><p><span class="tag %1$s">%1$s</span> <b>%2$s</b>: %3$s%4$s</p>%5$s</div>',
               f.state, f.rule, trovella_guard_internal.escape_xml(f.message),
               coalesce(' <span class="muted">(' || trovella_guard_internal.escape_xml(f.why) || ')</span>', ''),
               coalesce('<div class="sql"><pre>' || trovella_guard_internal.escape_xml(f.repair_sql) ||
                        '</pre><button type="button" class="copy">Copy</button></div>', '')),
             E'\n' ORDER BY f.ordinality) AS html
    FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY f
    GROUP BY f.schema_name, f.table_name, f.is_about_relations
  ), rows AS (
    SELECT r.schema_name || '.' || r.table_name AS name, r.kind, r.class, r.errors, r.warnings, r.infos,
           r.debts, r.first_due, r.waived, r.reason,
           f.levels, f.rules, f.harm, f.repairs, f.html
    FROM trovella_guard_internal.relations($3) r
    LEFT JOIN found f ON f.schema_name = r.schema_name AND f.table_name = r.table_name AND f.is_about_relations
    WHERE r.class <> 'database' AND ($2 IS NULL OR r.schema_name = $2)
    UNION ALL
    SELECT coalesce(f.schema_name || '.' || f.table_name, 'the database'), 'allowlist and roles', 'database',
           0, 0, 0, 0, NULL, 0, NULL, f.levels, f.rules, f.harm, f.repairs, f.html
    FROM found f
    WHERE NOT f.is_about_relations
  ), weeks AS MATERIALIZED (
    SELECT w.week, w.debts, row_number() OVER (ORDER BY w.week) AS n, count(*) OVER () AS total,
           greatest(max(w.debts) OVER (), 1) AS most
    FROM trovella_guard_internal.debts_by_week() w
    WHERE $2 IS NULL AND $3 IS NULL
  )
  SELECT line FROM (
    SELECT 0 AS part, 0::int8 AS number, $html$<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Tenant isolation report</title>
<style>
:root { color-scheme: light dark; --bg: #fff; --fg: #1b1f24; --muted: #59636e; --line: #d1d9e0; --soft: #f6f8fa;
  --error: #b3261e; --warning: #9a6700; --info: #0b5cad; --debt: #8250df; --waived: #6e7781; --ok: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --bg: #0d1117; --fg: #e6edf3; --muted: #9198a1; --line: #3d444d; --soft: #151b23;
  --error: #ff7b72; --warning: #e3b341; --info: #79c0ff; --debt: #d2a8ff; --waived: #9198a1; --ok: #56d364; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
.muted { color: var(--muted); }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: currentColor; font-size: 13px; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1.15rem; }
.filters { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
  padding: .75rem 0; background: var(--bg); border-bottom: 1px solid var(--line); }
.filters input[type=search] { flex: 1 1 14rem; }
input, select, button { font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--line);
  border-radius: 6px; padding: .25rem .5rem; }
details.rel { border-bottom: 1px solid var(--line); }
details.rel > summary { display: flex; flex-wrap: wrap; gap: .25rem .75rem; padding: .5rem .25rem; cursor: pointer; }
summary .name { font-weight: 600; overflow-wrap: anywhere; }
summary .kind { color: var(--muted); margin-right: auto; }
.tag { border: 1px solid currentColor; border-radius: 1rem; padding: 0 .5rem; font-size: .8rem; white-space: nowrap; }
.error { color: var(--error); } .warning { color: var(--warning); } .info { color: var(--info); }
.debt { color: var(--debt); } .waived { color: var(--waived); } .ok { color: var(--ok); }
.finding { margin: 0 0 .75rem 1rem; }
.finding p { margin: 0 0 .25rem; overflow-wrap: anywhere; }
.sql { display: flex; flex-wrap: wrap; gap: .5rem; align-items: flex-start; }
.copyall { margin: 0 0 .75rem 1rem; }
pre { flex: 1 1 14rem; min-width: 0; margin: 0; padding: .5rem; background: var(--soft); border: 1px solid var(--line); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, monospace; }
table.who { border-collapse: collapse; width: 100%; }
.who th, .who td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
[hidden] { display: none !important; }
@media (max-width: 30rem) { .filters { position: static; } .finding, .copyall { margin-left: 0; } pre { flex-basis: 100%; } }
@media print {
  :root { color-scheme: light; --bg: #fff; --fg: #000; --muted: #444; --line: #999; --soft: #fff;
    --error: #b3261e; --warning: #7a5200; --info: #0b5cad; --debt: #6639ba; --waived: #555; --ok: #1a7f37; }
  body { max-width: none; padding: 0; font-size: 11px; }
  .filters, button { display: none; }
  details.rel::details-content { content-visibility: visible; block-size: auto; }
  details.rel > summary, .finding { break-inside: avoid; }
  summary { list-style: none; }
}
</style>
</head>
<body>$html$ AS line
    UNION ALL
    SELECT 1, 0,
      format($html$<h1>Tenant isolation: database %s</h1>
<p class="muted">trovella_guard %s, mode %s, profile %s, %s. %s: %s; %s without errors, warnings and debts%s.</p>
<svg width="350" height="%s" viewBox="0 0 350 %s" role="img" aria-label="%s">$html$,
        trovella_guard_internal.escape_xml(current_database()),
        (SELECT trovella_guard_internal.escape_xml(e.extversion) FROM pg_extension e WHERE e.extname = 'trovella_guard'),
        trovella_guard_internal.setting('mode'), trovella_guard_internal.setting('profile'), to_char(now(), 'YYYY-MM-DD HH24:MI TZ'),
        trovella_guard_internal.count_of(s.relations, 'relation'), s.classes, s.clean,
        trovella_guard_internal.escape_xml(trovella_guard_internal.filter_in_words($1, $2, $3)),
        5 * 24, 5 * 24,
        s.counts)
    FROM s
    UNION ALL
    SELECT 2, b.n,
      format('<g class="%1$s"><text x="0" y="%2$s">%1$s</text><rect x="80" y="%3$s" width="%4$s" height="16" rx="3" fill="currentColor"/><text x="%5$s" y="%2$s">%6$s</text></g>',
        b.what, b.n * 24 - 8, b.n * 24 - 20, b.width, 88 + b.width, b.amount)
    FROM s
    CROSS JOIN LATERAL (
      SELECT v.*, ceil(200.0 * v.amount / greatest(s.errors, s.warnings, s.infos, s.debts, s.waived, 1)) AS width
      FROM (VALUES (1, 'error', s.errors), (2, 'warning', s.warnings), (3, 'info', s.infos), (4, 'debt', s.debts), (5, 'waived', s.waived)) v (n, what, amount)) b
    UNION ALL
    SELECT 3, 0, format(E'</svg>\n<p><b>%s</b></p>', s.counts)
    FROM s
    UNION ALL
    SELECT 4, w.n,
      CASE WHEN w.n = 1 THEN
        format(E'<h2>Debts by week</h2>\n<svg class="weeks debt" width="350" height="112" viewBox="0 0 350 112" role="img" aria-label="%s debts in the week of %s, %s now">\n',
               w.debts, w.week, (SELECT l.debts FROM weeks l WHERE l.n = l.total)) ELSE '' END ||
      format('<rect x="%s" y="%s" width="%s" height="%s" fill="currentColor"><title>week of %s: %s</title></rect>',
             round(350.0 / w.total * (w.n - 1), 1), 90 - ceil(70.0 * w.debts / w.most),
             round(least(350.0 / w.total - 2, 40), 1), ceil(70.0 * w.debts / w.most), w.week,
             trovella_guard_internal.count_of(w.debts, 'debt')) ||
      CASE WHEN w.n = 1 THEN format('<text x="0" y="108">%s</text><text x="0" y="%s">%s</text>',
                                    w.week, 85 - ceil(70.0 * w.debts / w.most), w.debts) ELSE '' END ||
      CASE WHEN w.n = w.total AND w.n > 1 THEN
        format('<text x="350" y="108" text-anchor="end">%s</text><text x="350" y="%s" text-anchor="end">%s</text>',
               w.week, 85 - ceil(70.0 * w.debts / w.most), w.debts) ELSE '' END ||
      CASE WHEN w.n = w.total THEN E'\n</svg>' ELSE '' END
    FROM weeks w
    UNION ALL
    SELECT 5, 0, $html$<div class="filters">
<input type="search" id="f-text" placeholder="Relation or rule" aria-label="Relation or rule">
<label>Level <select id="f-level"><option value="">all</option><option>error</option><option>warning</option><option>info</option><option>debt</option><option>waived</option></select></label>
<label>Class <select id="f-class"><option value="">all</option><option>tenant</option><option>global</option><option>sealed</option><option>unclassified</option><option>unprotectable</option><option>database</option></select></label>
<span class="muted" id="f-count" aria-live="polite"></span>
</div>
<main>$html$
    UNION ALL
    SELECT 6, row_number() OVER (ORDER BY r.harm, r.errors DESC, r.warnings DESC, r.infos DESC, r.debts DESC, r.name),
      format(E'<details class="rel" data-text="%s" data-levels="%s" data-class="%s"%s><summary><span class="name">%s</span><span class="kind">%s%s</span>%s</summary>\n%s%s%s</details>',
        trovella_guard_internal.escape_xml(lower(concat_ws(' ', r.name, r.rules))), coalesce(r.levels, ''), r.class,
        CASE WHEN r.errors > 0 AND (SELECT count(*) FROM rows) <= 10 THEN ' open' ELSE '' END,
        trovella_guard_internal.escape_xml(r.name),
        CASE WHEN r.class IN ('tenant', 'global', 'sealed', 'unclassified') THEN r.class || ' ' ELSE '' END, r.kind,
        coalesce(nullif(concat(
          CASE WHEN r.errors > 0 THEN format('<span class="tag error">%s</span>', trovella_guard_internal.count_of(r.errors, 'error')) END,
          CASE WHEN r.warnings > 0 THEN format('<span class="tag warning">%s</span>', trovella_guard_internal.count_of(r.warnings, 'warning')) END,
          CASE WHEN r.infos > 0 THEN format('<span class="tag info">%s</span>', trovella_guard_internal.count_of(r.infos, 'info')) END,
          CASE WHEN r.debts > 0 THEN format('<span class="tag debt">%s</span>', trovella_guard_internal.debts_in_words(r.debts, r.first_due, 0)) END,
          CASE WHEN r.waived > 0 THEN format('<span class="tag waived">%s waived</span>', r.waived) END), ''),
          CASE WHEN r.class = 'database' THEN '' ELSE '<span class="tag ok">clean</span>' END),
        coalesce('<p class="muted">' || trovella_guard_internal.escape_xml(r.reason) || '</p>', ''),
        CASE WHEN r.repairs > 1 THEN E'<button type="button" class="copyall">Copy all</button>\n' ELSE '' END,
        coalesce(r.html, ''))
    FROM rows r
    UNION ALL
    SELECT 7, 0, '</main>'
    UNION ALL
    SELECT 8, w.ordinality,
      CASE WHEN w.ordinality = 1 THEN E'<h2>Who sees all tenants</h2>\n<table class="who">\n<thead><tr><th>Role</th><th>Way</th><th>Tables</th><th>Reason</th></tr></thead>\n' ELSE '' END ||
      format('<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>',
        trovella_guard_internal.escape_xml(trovella_guard_internal.who(w.role, w.can_login)),
        trovella_guard_internal.escape_xml(w.how), w.tables,
        coalesce(trovella_guard_internal.escape_xml(w.excused), '')) ||
      CASE WHEN w.ordinality = w.total THEN E'\n</table>' ELSE '' END
    FROM (SELECT *, count(*) OVER () AS total FROM trovella_guard_internal.who_sees_all() WITH ORDINALITY
          WHERE $2 IS NULL AND $3 IS NULL) w
    UNION ALL
    SELECT 9, 0, format(E'<h2>Trials</h2>\n<p class="muted">%s</p>', trovella_guard_internal.trials_in_words($4))
    WHERE $4 IS NOT NULL
    UNION ALL
    SELECT 10, t.number,
      CASE WHEN row_number() OVER (ORDER BY t.number) = 1 THEN E'<table class="who">\n<thead><tr><th>Outcome</th><th>Relation</th><th>Role</th><th>Proof</th><th></th></tr></thead>\n' ELSE '' END ||
      format('<tr><td><span class="tag %s">%s</span></td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>',
        CASE t.level WHEN 'info' THEN 'ok' ELSE t.level END, replace(t.outcome, '_', ' '),
        trovella_guard_internal.escape_xml(t.name), trovella_guard_internal.escape_xml(t.role),
        coalesce(t.proof, ''), coalesce(trovella_guard_internal.escape_xml(t.words), '')) ||
      CASE WHEN row_number() OVER (ORDER BY t.number) = count(*) OVER () THEN E'\n</table>' ELSE '' END
    FROM trovella_guard_internal.trials_from($4, $1) t
    UNION ALL
    SELECT 11, 0, $html$<script>
(function () {
  var rows = Array.prototype.slice.call(document.querySelectorAll('details.rel'));
  var text = document.getElementById('f-text'), level = document.getElementById('f-level'),
      kind = document.getElementById('f-class'), count = document.getElementById('f-count');
  function filter() {
    var needle = text.value.toLowerCase(), shown = 0;
    rows.forEach(function (row) {
      var hide = (needle && row.dataset.text.indexOf(needle) < 0) ||
          (level.value && (' ' + row.dataset.levels + ' ').indexOf(' ' + level.value + ' ') < 0) ||
          (kind.value && row.dataset.class !== kind.value);
      row.hidden = hide;
      if (!hide) shown++;
    });
    count.textContent = shown + ' of ' + rows.length + ' shown';
  }
  [text, level, kind].forEach(function (field) { field.addEventListener('input', filter); });
  function copied(button) {
    var label = button.dataset.label || button.textContent;
    button.dataset.label = label;
    button.textContent = 'Copied';
    setTimeout(function () { button.textContent = label; }, 1500);
  }
  // what repair_sql() would say: each repair once, and no entry of the allowlist
  function repairs(row) {
    var found = [];
    row.querySelectorAll('.finding:not([data-state="waived"]) pre').forEach(function (pre) {
      var sql = pre.textContent;
      if (found.indexOf(sql) < 0 && sql.indexOf('SELECT trovella_guard.') !== 0) found.push(sql);
    });
    return found.join('\n');
  }
  function copyByHand(button, sql) {
    var area = document.createElement('textarea');
    area.value = sql;
    document.body.appendChild(area);
    area.select();
    if (document.execCommand('copy')) copied(button);
    document.body.removeChild(area);
  }
  document.addEventListener('click', function (event) {
    var button = event.target.closest('button.copy, button.copyall');
    if (!button) return;
    var sql = button.className === 'copyall' ? repairs(button.parentNode) :
        button.parentNode.querySelector('pre').textContent;
    if (navigator.clipboard && navigator.clipboard.writeText)
      navigator.clipboard.writeText(sql).then(function () { copied(button); },
                                              function () { copyByHand(button, sql); });
    else
      copyByHand(button, sql);
  });
  var opened = [];
  window.addEventListener('beforeprint', function () {
    opened = rows.filter(function (row) { return !row.open; });
    opened.forEach(function (row) { row.open = true; });
  });
  window.addEventListener('afterprint', function () {
    opened.forEach(function (row) { row.open = false; });
  });
  filter();
})();
</script>
</body>
</html>$html$) lines
  ORDER BY part, number;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_html(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''html''), line by line.';

-- A workflow command is one line: https://github.com/actions/toolkit, command.ts
CREATE FUNCTION trovella_guard_internal.escape_github(string pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT replace(replace(regexp_replace(replace($1, '%', '%25'), E'[\x01-\x09\x0b\x0c\x0e-\x1f\x7f]', '?', 'g'),
                         E'\r', '%0D'), E'\n', '%0A');
END;
COMMENT ON FUNCTION trovella_guard_internal.escape_github(pg_catalog.text) IS
  'For GitHub reports: the message of a workflow command.';

CREATE FUNCTION trovella_guard_internal.report_github(level pg_catalog.text, schema pg_catalog.text, relation pg_catalog.regclass, trials pg_catalog.jsonb) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT line FROM (
    SELECT 1 AS part, f.ordinality AS number,
           format('::%s title=%s::%s',
                  CASE f.level WHEN 'info' THEN 'notice' ELSE f.level END,
                  replace(replace(trovella_guard_internal.escape_github(f.rule || ': ' || f.name), ':', '%3A'), ',', '%2C'),
                  trovella_guard_internal.escape_github(
                    f.message || coalesce(' (' || f.why || ')', '') || coalesce(E'\n' || f.repair_sql, ''))) AS line
    FROM trovella_guard_internal.sorted_findings($1, $2, $3) WITH ORDINALITY f
    WHERE f.waived_by IS NULL
    UNION ALL
    SELECT 2, t.number,
           format('::%s title=%s::%s', t.level,
                  replace(replace(trovella_guard_internal.escape_github('trial: ' || t.name), ':', '%3A'), ',', '%2C'),
                  trovella_guard_internal.escape_github(format('role %s: %s', t.role, t.words)))
    FROM trovella_guard_internal.trials_from($4, $1) t
    WHERE t.level <> 'info'
    UNION ALL
    -- GitHub shows ten annotations of a kind: the totals say what it hides
    SELECT 3, 0,
           format('::notice title=Tenant isolation::%s', trovella_guard_internal.escape_github(
             format('%s (%s): %s%s; profile %s%s', trovella_guard_internal.count_of(s.relations, 'relation'),
                    s.classes, s.counts,
                    CASE WHEN $4 IS NOT NULL THEN '; trials: ' || trovella_guard_internal.trials_in_words($4) END,
                    trovella_guard_internal.setting('profile'),
                    trovella_guard_internal.filter_in_words($1, $2, $3))))
    FROM trovella_guard_internal.summary($2, $3) s) lines
  ORDER BY part, number;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_github(pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.jsonb) IS 'report(''github''), line by line.';

-- As the database is meant to be: whoever keeps the file notices what changes.
CREATE FUNCTION trovella_guard_internal.report_pgtap(schema pg_catalog.text, relation pg_catalog.regclass) RETURNS SETOF pg_catalog.text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH tables AS (
    SELECT format('%I.%I', r.schema_name, r.table_name) AS name
    FROM trovella_guard_internal.relations($2) r
    WHERE r.class = 'tenant' AND ($1 IS NULL OR r.schema_name = $1)
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.oid AND c.relispartition)
  )
  SELECT u.line
  FROM (
    SELECT 1 AS part, '' AS name, ARRAY[
      'BEGIN;',
      'CREATE EXTENSION IF NOT EXISTS trovella_guard_tap CASCADE;',
      format('SELECT plan(%s);', 2 * count(*))] AS lines FROM tables
    UNION ALL
    SELECT 2, t.name, ARRAY[
      format('SELECT is_protected(%L);', t.name),
      format('SELECT isolates(%L);', t.name)] FROM tables t
    UNION ALL
    SELECT 3, '', ARRAY['SELECT * FROM finish();', 'ROLLBACK;']) l
  CROSS JOIN LATERAL unnest(l.lines) WITH ORDINALITY u (line, number)
  ORDER BY l.part, l.name, u.number;
END;
COMMENT ON FUNCTION trovella_guard_internal.report_pgtap(pg_catalog.text, pg_catalog.regclass) IS 'report(''pgtap''), line by line.';

CREATE FUNCTION trovella_guard.report_lines(
  format pg_catalog.text DEFAULT 'text',
  level pg_catalog.text DEFAULT 'info',
  schema pg_catalog.text DEFAULT NULL,
  relation pg_catalog.regclass DEFAULT NULL,
  probe pg_catalog.bool DEFAULT false)
RETURNS SETOF pg_catalog.text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
  trials jsonb;
BEGIN
  -- a report that is limited to nothing would look clean
  PERFORM trovella_guard_internal.levels_from(level);
  PERFORM trovella_guard_internal.schema_named(schema);
  IF relation IS NOT NULL AND NOT EXISTS (
       SELECT FROM trovella_guard_internal.relations(relation) r WHERE schema IS NULL OR r.schema_name = schema) THEN
    RAISE EXCEPTION 'there is no report about "%"', relation
      USING ERRCODE = 'wrong_object_type',
            HINT = 'Reports are about user tables, views, materialized views and foreign tables; of one schema, if it is given.';
  END IF;
  IF probe THEN
    -- of a relation without tenants there is nothing to try
    trials := CASE WHEN relation IS NULL OR EXISTS (
                          SELECT FROM trovella_guard_internal.relations(relation) r WHERE r.class = 'tenant')
                   THEN trovella_guard_internal.trials(schema, relation) ELSE '[]' END;
  END IF;

  CASE lower(format)
    WHEN 'text' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_text(lower(level), schema, relation, trials) l;
    WHEN 'markdown' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_markdown(lower(level), schema, relation, trials) l;
    WHEN 'json' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_json(lower(level), schema, relation, trials) l;
    WHEN 'sarif' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_sarif(lower(level), schema, relation, trials) l;
    WHEN 'junit' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_junit(lower(level), schema, relation, trials) l;
    WHEN 'html' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_html(lower(level), schema, relation, trials) l;
    WHEN 'github' THEN RETURN QUERY SELECT trovella_guard_internal.in_utf8(l) FROM trovella_guard_internal.report_github(lower(level), schema, relation, trials) l;
    WHEN 'pgtap' THEN RETURN QUERY SELECT trovella_guard_internal.report_pgtap(schema, relation);
    ELSE
      RAISE EXCEPTION 'there is no report format "%"', coalesce(format, 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'The formats are: text, markdown, json, sarif, junit, html, github, pgtap.';
  END CASE;
END
$$;
COMMENT ON FUNCTION trovella_guard.report_lines(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.bool) IS
  'report(), one line a row, for reports that are too large for one value.';

CREATE FUNCTION trovella_guard.report(
  format pg_catalog.text DEFAULT 'text',
  level pg_catalog.text DEFAULT 'info',
  schema pg_catalog.text DEFAULT NULL,
  relation pg_catalog.regclass DEFAULT NULL,
  probe pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT string_agg(line, E'\n') FROM trovella_guard.report_lines($1, $2, $3, $4, $5) AS line;
END;
COMMENT ON FUNCTION trovella_guard.report(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.regclass, pg_catalog.bool) IS
  'The audit as a document: text, markdown, json, sarif (2.1.0), junit, html or github (workflow commands); of findings at this level or above, of one schema, of one relation, on request with the outcome of probe_summary(); or pgtap, a test file for trovella_guard_tap.';

CREATE FUNCTION trovella_guard.status(
  OUT item pg_catalog.text, OUT value pg_catalog.text,
  OUT ok pg_catalog.bool, OUT detail pg_catalog.text)
RETURNS SETOF record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_status_1_0';
COMMENT ON FUNCTION trovella_guard.status() IS
  'What is active in this session: mode, versions, hook, event triggers, settings, preloading. ok is false where the guard is weaker than it could be; detail says what to do.';

CREATE FUNCTION trovella_guard_internal.citus_state(
  OUT relation pg_catalog.text, OUT is_shard pg_catalog.bool,
  OUT rls_enabled pg_catalog.bool, OUT policies pg_catalog.text[],
  OUT tenant_index pg_catalog.bool, OUT relations pg_catalog.int8)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- Citus hides shards from queries on pg_class
  PERFORM set_config('citus.override_table_visibility', 'off', true);
  RETURN QUERY EXECUTE $query$
    SELECT t.relation, t.is_shard, c.relrowsecurity, p.policies, i.tenant_index, count(*)
    FROM (SELECT logicalrelid::text AS relation, logicalrelid AS relid, false AS is_shard
          FROM pg_catalog.pg_dist_partition
          UNION ALL
          -- shard_name() does not say "public"
          SELECT s.logicalrelid::text,
                 coalesce(to_regclass(shard_name(s.logicalrelid, s.shardid)),
                          CASE WHEN r.relnamespace = to_regnamespace('public')
                               THEN to_regclass('public.' || shard_name(s.logicalrelid, s.shardid)) END), true
          FROM pg_catalog.pg_dist_shard s
          JOIN pg_catalog.pg_class r ON r.oid = s.logicalrelid
          JOIN pg_catalog.pg_dist_placement l ON l.shardid = s.shardid
          JOIN pg_catalog.pg_dist_local_group g ON g.groupid = l.groupid) t
    JOIN pg_catalog.pg_class c ON c.oid = t.relid
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(
               format('%I%s FOR %s TO %s USING (%s) WITH CHECK (%s)', polname,
                      CASE WHEN polpermissive THEN '' ELSE ' AS RESTRICTIVE' END,
                      CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                  WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                      (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', '
                                         ORDER BY CASE WHEN r = 0 THEN 'PUBLIC' ELSE r::regrole::text END)
                       FROM unnest(polroles) r),
                      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
               ORDER BY polname), '{}') AS policies
      FROM pg_catalog.pg_policy WHERE polrelid = t.relid) p
    CROSS JOIN LATERAL (
      SELECT coalesce(bool_or(r.tenant_column IS NULL OR r.tenant_index IS NOT NULL), true) AS tenant_index
      FROM trovella_guard_internal.relations(t.relid) r) i
    GROUP BY 1, 2, 3, 4, 5 $query$;
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.citus_state() IS
  'What protects the distributed tables of Citus and the shards on this node, of those that are alike their number.';

CREATE FUNCTION trovella_guard.check_nodes(
  OUT node pg_catalog.text, OUT relation pg_catalog.text, OUT rule pg_catalog.text,
  OUT relations pg_catalog.int8, OUT message pg_catalog.text)
RETURNS SETOF record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  here text := trovella_guard_internal.setting('mode');
  installed text := (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'trovella_guard');
BEGIN
  IF NOT trovella_guard_internal.is_citus_coordinator() THEN
    RAISE EXCEPTION 'this is not the coordinator of a Citus cluster'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'SELECT * FROM trovella_guard.check() audits this database.';
  END IF;
  RETURN QUERY EXECUTE $query$
    WITH nodes AS MATERIALIZED (
      SELECT n.nodeid, format('%s:%s', n.nodename, n.nodeport) AS node, a.success, a.result
      FROM run_command_on_all_nodes($command$
             SELECT coalesce((SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'trovella_guard'), 'none')
           $command$) a
      JOIN pg_catalog.pg_dist_node n ON n.nodeid = a.nodeid),
    guarded AS MATERIALIZED (
      SELECT n.node, a.success, a.result,
             CASE WHEN a.success THEN a.result::json END AS state
      FROM run_command_on_all_nodes($command$
             SELECT pg_catalog.json_build_object(
               'mode', trovella_guard_internal.setting('mode'),
               'tables', (SELECT coalesce(pg_catalog.json_agg(t), '[]') FROM trovella_guard_internal.citus_state() t))
           $command$) a
      JOIN nodes n ON n.nodeid = a.nodeid
      WHERE n.success AND n.result <> 'none'),
    truth AS (
      SELECT t.* FROM trovella_guard_internal.citus_state() t WHERE NOT t.is_shard),
    found AS (
      SELECT g.node, t.*
      FROM guarded g
      CROSS JOIN LATERAL json_to_recordset(g.state -> 'tables') AS t (
        relation text, is_shard bool, rls_enabled bool, policies text[], tenant_index bool, relations int8)),
    differences AS (
      SELECT f.node, f.relation, 'rls_disabled' AS rule, f.relations,
             'row-level security is not enabled there' AS message
      FROM found f JOIN truth t ON t.relation = f.relation
      WHERE t.rls_enabled AND NOT f.rls_enabled
      UNION ALL
      SELECT f.node, f.relation, 'policy_missing', f.relations, 'there is no policy ' || p
      FROM found f JOIN truth t ON t.relation = f.relation
      CROSS JOIN LATERAL (SELECT unnest(t.policies) EXCEPT SELECT unnest(f.policies)) AS d (p)
      UNION ALL
      SELECT f.node, f.relation, 'policy_unscoped', f.relations, 'the coordinator has no policy ' || p
      FROM found f JOIN truth t ON t.relation = f.relation
      CROSS JOIN LATERAL (SELECT unnest(f.policies) EXCEPT SELECT unnest(t.policies)) AS d (p)
      UNION ALL
      SELECT f.node, f.relation, 'tenant_index_missing', f.relations,
             'no valid index starts with the tenant column there'
      FROM found f JOIN truth t ON t.relation = f.relation
      WHERE t.tenant_index AND f.is_shard AND NOT f.tenant_index)
    SELECT n.node, NULL::text, 'unreachable', NULL::int8, n.result FROM nodes n WHERE NOT n.success
    UNION ALL
    SELECT n.node, NULL, 'guard_missing', NULL,
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_dist_object o
                             JOIN pg_catalog.pg_extension e ON o.classid = 'pg_extension'::regclass AND o.objid = e.oid
                             WHERE e.extname = 'trovella_guard')
                THEN 'extension trovella_guard is not there any more: remove the node from the cluster, and add it again'
                ELSE 'extension trovella_guard is not there: CREATE EXTENSION IF NOT EXISTS trovella_guard on the coordinator creates it' END
    FROM nodes n WHERE n.success AND n.result = 'none'
    UNION ALL
    SELECT n.node, NULL, 'guard_version', NULL,
           format('the extension has version %s, and %s on the coordinator', n.result, $1)
    FROM nodes n WHERE n.success AND n.result NOT IN ('none', $1)
    UNION ALL
    SELECT g.node, NULL, 'guard_failed', NULL, g.result FROM guarded g WHERE NOT g.success
    UNION ALL
    SELECT g.node, NULL, 'guard_mode', NULL, format('the mode is %s, and %s in this session', g.state ->> 'mode', $2)
    FROM guarded g WHERE g.state ->> 'mode' <> $2
    UNION ALL
    SELECT NULL, NULL, 'allowlist_not_sent', NULL,
           'the workers do not know all of the allowlist: SELECT trovella_guard.send_allowlist() sends it'
    WHERE EXISTS (SELECT FROM nodes) AND NOT trovella_guard_internal.allowlist_is_sent()
    UNION ALL
    SELECT d.node, d.relation, d.rule, sum(d.relations)::int8, d.message
    FROM differences d GROUP BY d.node, d.relation, d.rule, d.message
    ORDER BY 1, 2 NULLS FIRST, 3, 5 $query$
    USING installed, here;
END
$$;
COMMENT ON FUNCTION trovella_guard.check_nodes() IS
  'On the coordinator of Citus: what is different on the nodes, of the guard itself, and of what protects distributed tables and their shards. Connects to every node as the caller.';

CREATE FUNCTION trovella_guard_internal.is_citus_coordinator() RETURNS pg_catalog.bool
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trovella_guard_is_citus_coordinator_1_0';
COMMENT ON FUNCTION trovella_guard_internal.is_citus_coordinator() IS
  'Is Citus installed, and this node its coordinator?';

--
-- Citus: the allowlist on the workers
--

-- A reference table, once there is something to send.  In the other schema, which
-- is a member of the extension, its shards would stop DROP EXTENSION.
CREATE TABLE trovella_guard.allowlist_sent (
  LIKE trovella_guard.allowlist INCLUDING COMMENTS,
  owner pg_catalog.name,
  CONSTRAINT allowlist_sent_pkey PRIMARY KEY (kind, schema_name, table_name, rule, object, adopted)
) USING heap;
COMMENT ON TABLE trovella_guard.allowlist_sent IS
  'On Citus: what the workers have to know of the allowlist, which Citus copies to them. send_allowlist() writes it, whenever the allowlist changes.';
COMMENT ON COLUMN trovella_guard.allowlist_sent.owner IS
  'The owner of the relation or schema on the coordinator; or, of one that did not exist yet when the entry was sent, the author of the entry.';

CREATE FUNCTION trovella_guard_internal.allowlist_to_send()
RETURNS SETOF trovella_guard.allowlist_sent
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT a.*,
         CASE WHEN a.table_name = '*' AND n.oid IS NOT NULL THEN pg_get_userbyid(n.nspowner)
              WHEN c.oid IS NOT NULL THEN pg_get_userbyid(c.relowner)
              ELSE a.added_by END
  FROM trovella_guard.allowlist a
  LEFT JOIN pg_namespace n ON n.nspname = a.schema_name
  LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = a.table_name
  -- Workers judge by these rules alone
  WHERE a.rule IN ('', '*')
     OR a.rule IN (SELECT r.rule FROM trovella_guard.rules r WHERE r.isolation = 'error');
END;
COMMENT ON FUNCTION trovella_guard_internal.allowlist_to_send() IS
  'What the workers of Citus have to know of the allowlist.';

CREATE FUNCTION trovella_guard_internal.allowlist_is_sent() RETURNS pg_catalog.bool
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  sent text[] := ARRAY(SELECT s::text FROM trovella_guard.allowlist_sent s);
  to_send text[] := ARRAY(SELECT s::text FROM trovella_guard_internal.allowlist_to_send() s);
BEGIN
  RETURN cardinality(sent) = cardinality(to_send) AND sent @> to_send;
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.allowlist_is_sent() IS
  'Do the workers of Citus know what they have to know of the allowlist?';

CREATE FUNCTION trovella_guard.send_allowlist() RETURNS pg_catalog.void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  is_true bool;
BEGIN
  IF NOT trovella_guard_internal.is_citus_coordinator() THEN
    RETURN;
  END IF;
  EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_node WHERE groupid <> 0)' INTO is_true;
  IF NOT is_true OR trovella_guard_internal.allowlist_is_sent() THEN
    RETURN;
  END IF;
  EXECUTE $query$SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition
                                WHERE logicalrelid = 'trovella_guard.allowlist_sent'::regclass)$query$ INTO is_true;
  IF NOT is_true THEN
    EXECUTE $query$SELECT pg_catalog.create_reference_table('trovella_guard.allowlist_sent')$query$;
  END IF;
  DELETE FROM trovella_guard.allowlist_sent;
  INSERT INTO trovella_guard.allowlist_sent SELECT * FROM trovella_guard_internal.allowlist_to_send();
END
$$;
COMMENT ON FUNCTION trovella_guard.send_allowlist() IS
  'On the coordinator of Citus: sends the workers what they have to know of the allowlist, unless they know it. A trigger on the allowlist calls it.';

-- Not SECURITY DEFINER, like the others on this table.
CREATE FUNCTION trovella_guard_internal.allowlist_written() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM trovella_guard.send_allowlist();
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.allowlist_written() IS
  'Trigger on the allowlist: sends it to the workers of Citus.';

CREATE TRIGGER allowlist_written AFTER INSERT OR UPDATE OR DELETE ON trovella_guard.allowlist
  FOR EACH STATEMENT EXECUTE FUNCTION trovella_guard_internal.allowlist_written();
ALTER TABLE trovella_guard.allowlist ENABLE ALWAYS TRIGGER allowlist_written;
COMMENT ON TRIGGER allowlist_written ON trovella_guard.allowlist IS
  'Sends the allowlist to the workers of Citus.';

--
-- Settings
--

CREATE FUNCTION trovella_guard_internal.setting_names(setting pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'trovella_guard_setting_names_1_0';
COMMENT ON FUNCTION trovella_guard_internal.setting_names(pg_catalog.text) IS
  'What the names in a setting that is a list are understood as, quoted where necessary; NULL if it is none.';

CREATE FUNCTION trovella_guard.set(
  setting pg_catalog.text,
  value pg_catalog.text,
  scope pg_catalog.text DEFAULT 'database')
RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- calling C loads the library: only then are settings known, and checked
  loaded CONSTANT int := trovella_guard_internal.rule_position('rls_disabled'::text);
  full_name CONSTANT text := CASE WHEN starts_with(lower(setting), 'trovella_guard.') THEN lower(setting)
                                  ELSE 'trovella_guard.' || lower(setting) END;
  understood text;
  own record;
BEGIN
  IF setting IS NULL OR NOT EXISTS (
       SELECT FROM pg_settings s WHERE s.name = full_name AND starts_with(s.name, 'trovella_guard.')) THEN
    RAISE EXCEPTION 'there is no setting "%"', coalesce(full_name, 'NULL')
      USING ERRCODE = 'undefined_object',
            HINT = 'The settings are: ' || (SELECT string_agg(substr(s.name, 16), ', ' ORDER BY s.name)
                                            FROM pg_settings s WHERE starts_with(s.name, 'trovella_guard.')) || '.';
  END IF;

  CASE lower(scope)
    WHEN 'database' THEN
      EXECUTE format(CASE WHEN value IS NULL THEN 'ALTER DATABASE %I RESET %s' ELSE 'ALTER DATABASE %I SET %s = %L' END,
                     current_database(), full_name, value);
      -- what a role has set for itself counts more
      FOR own IN
        SELECT coalesce(r.rolname, 'ALL') AS role, d.setdatabase = 0 AS everywhere
        FROM pg_db_role_setting d JOIN pg_roles r ON r.oid = d.setrole, unnest(d.setconfig) c
        WHERE d.setdatabase IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database()))
          AND starts_with(lower(c), full_name || '=')
        ORDER BY 1, 2
      LOOP
        RAISE WARNING 'role "%" has its own %', own.role, full_name
          USING HINT = format('Run ALTER ROLE %I %sRESET %s;', own.role,
                              CASE WHEN own.everywhere THEN '' ELSE format('IN DATABASE %I ', current_database()) END, full_name);
      END LOOP;
    WHEN 'session', 'transaction' THEN
      NULL;
    ELSE
      RAISE EXCEPTION 'there is no scope "%"', coalesce(scope, 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'The scopes are: database, session, transaction.';
  END CASE;

  IF value IS NOT NULL THEN
    PERFORM set_config(full_name, value, lower(scope) = 'transaction');
  ELSE
    EXECUTE format(CASE WHEN lower(scope) = 'transaction' THEN 'SET LOCAL %s TO DEFAULT' ELSE 'RESET %s' END, full_name);
    IF lower(scope) = 'database' AND EXISTS (SELECT FROM pg_settings s WHERE s.name = full_name AND s.source <> 'default') THEN
      RAISE NOTICE '% is reset for new sessions; this one began with "%" and keeps it', full_name, current_setting(full_name);
    END IF;
  END IF;

  -- nobody means "workspaceid" by workspaceId
  understood := trovella_guard_internal.setting_names(full_name);
  IF value IS NOT NULL AND regexp_replace(understood, '\s', '', 'g') <> regexp_replace(value, '\s', '', 'g') THEN
    RAISE NOTICE '% means: %', full_name, understood
      USING HINT = 'Put double quotes around names that are not lower case.';
  END IF;
END
$$;
COMMENT ON FUNCTION trovella_guard.set(pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
  'Sets a setting of the guard, with or without its prefix, or (NULL) resets it, after checking the value; for new sessions of this database and this session, for this session, or for this transaction. ALTER DATABASE takes any value in a session that has not loaded the library.';

--
-- Monitoring
--

CREATE FUNCTION trovella_guard_internal.setting_of_new_sessions(of_setting pg_catalog.text)
RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- what new sessions of this database, or of all databases, are given
  given CONSTANT text := (
    SELECT substr(c, strpos(c, '=') + 1)
    FROM pg_db_role_setting d, unnest(d.setconfig) c
    WHERE d.setrole = 0
      AND d.setdatabase IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database()))
      AND starts_with(lower(c), of_setting || '=')
    ORDER BY d.setdatabase DESC LIMIT 1);
  -- else the server's value, if this session began with it
  servers CONSTANT text := (
    SELECT s.reset_val FROM pg_settings s
    WHERE s.name = of_setting AND s.source IN ('default', 'environment variable', 'configuration file', 'command line'));
BEGIN
  IF coalesce(given, servers) IS NOT NULL THEN
    RETURN coalesce(given, servers);
  END IF;
  IF has_table_privilege('pg_file_settings', 'SELECT')
     AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') THEN
    RETURN coalesce(
      (SELECT f.setting FROM pg_file_settings f
       WHERE lower(f.name) = of_setting AND f.error IS NULL
       ORDER BY f.seqno DESC LIMIT 1),
      (SELECT s.boot_val FROM pg_settings s WHERE s.name = of_setting));
  END IF;
  RETURN (SELECT s.reset_val FROM pg_settings s WHERE s.name = of_setting);
END
$$;
COMMENT ON FUNCTION trovella_guard_internal.setting_of_new_sessions(pg_catalog.text) IS
  'What a new session of this database begins with, unless its role has a value of its own: the value of the database, else of ALTER ROLE ALL, else of the server. Where this session began with another one, only who may read pg_file_settings learns the server''s; others get the one that this session began with.';

CREATE FUNCTION trovella_guard_internal.settings_of_roles(
  setting pg_catalog.text,
  OUT role pg_catalog.name, OUT value pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT DISTINCT ON (r.rolname) r.rolname, substr(c, strpos(c, '=') + 1)
  FROM pg_db_role_setting d
  JOIN pg_roles r ON r.oid = d.setrole
  CROSS JOIN LATERAL unnest(d.setconfig) c
  WHERE d.setdatabase IN (0, (SELECT b.oid FROM pg_database b WHERE b.datname = current_database()))
    AND starts_with(lower(c), $1 || '=')
  ORDER BY r.rolname, d.setdatabase DESC;
END;
COMMENT ON FUNCTION trovella_guard_internal.settings_of_roles(pg_catalog.text) IS
  'The roles that begin a session in this database with a value of their own.';

CREATE FUNCTION trovella_guard.metrics(
  OUT name pg_catalog.text, OUT labels pg_catalog.jsonb, OUT value pg_catalog.float8)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
  began CONSTANT timestamptz := clock_timestamp();
  audit record;
  ended timestamptz;
  mode text;
BEGIN
  SELECT * INTO audit FROM trovella_guard_internal.summary(NULL::text, NULL::regclass);
  ended := clock_timestamp();

  -- a collector keeps its session, so what that began with says nothing about
  -- others; an invalid value counts as the default
  mode := lower(trovella_guard_internal.setting_of_new_sessions('trovella_guard.mode'::text));
  mode := CASE WHEN mode IN ('warn', 'off') THEN mode ELSE 'enforce' END;

  RETURN QUERY
  WITH status AS MATERIALIZED (
    SELECT * FROM trovella_guard.status() WITH ORDINALITY
  ), shared (preloads) AS (
    SELECT strpos(current_setting('shared_preload_libraries'), 'trovella_guard') > 0
  ), metrics (part, number, name, labels, value) AS (
    SELECT 1, v.number, v.name, v.labels, v.value::float8
    FROM (VALUES
      (1, 'findings', '{"level": "error"}'::jsonb, audit.errors),
      (2, 'findings', '{"level": "warning"}', audit.warnings),
      (3, 'findings', '{"level": "info"}', audit.infos),
      (4, 'debts', '{}', audit.debts),
      (5, 'debts_overdue', '{}', audit.overdue),
      (6, 'first_due_days', '{}', extract(epoch FROM audit.first_due - now()) / 86400),
      (7, 'waived', '{}', audit.waived),
      (8, 'tables', '{"class": "tenant"}', audit.tenant),
      (9, 'tables', '{"class": "global"}', audit.global),
      (10, 'tables', '{"class": "sealed"}', audit.sealed),
      (11, 'tables', '{"class": "unclassified"}', audit.unclassified),
      (12, 'tables', '{"class": "unprotectable"}', audit.unprotectable)) v (number, name, labels, value)
    UNION ALL
    SELECT 2, m.number, 'mode', jsonb_build_object('mode', m.value), (m.value = mode)::int
    FROM unnest('{enforce,warn,off}'::text[]) WITH ORDINALITY m (value, number)
    UNION ALL
    SELECT 3, 0, 'roles_not_enforced', '{}', count(*)
    FROM trovella_guard_internal.settings_of_roles('trovella_guard.mode'::text) r
    WHERE lower(r.value) IN ('warn', 'off')
    UNION ALL
    SELECT 4, 0, 'preloaded', '{}',
           (s.preloads OR strpos(trovella_guard_internal.setting_of_new_sessions('session_preload_libraries'::text),
                                 'trovella_guard') > 0)::int
    FROM shared s
    UNION ALL
    SELECT 5, 0, 'roles_not_preloaded', '{}', count(*)
    FROM shared s, trovella_guard_internal.settings_of_roles('session_preload_libraries'::text) r
    WHERE NOT s.preloads AND strpos(r.value, 'trovella_guard') = 0
    UNION ALL
    SELECT 6, 0, 'version_mismatch', jsonb_build_object('library', l.value, 'extension', e.value),
           (l.value <> e.value)::int
    FROM status l, status e
    WHERE l.item = 'library version' AND e.item = 'extension version'
    UNION ALL
    SELECT 7, s.ordinality, 'status_ok', jsonb_build_object('item', s.item), s.ok::int
    FROM status s
    WHERE s.item NOT IN ('mode', 'preloading')
    UNION ALL
    SELECT 8, 0, 'audit_seconds', '{}', extract(epoch FROM ended - began)
  )
  SELECT m.name, m.labels, m.value
  FROM metrics m
  WHERE m.value IS NOT NULL
  ORDER BY m.part, m.number;
END
$$;
COMMENT ON FUNCTION trovella_guard.metrics() IS
  'Numbers for a monitoring system: findings, debts and when the first is due, waivers, tables by class, the mode and preloading of new sessions, versions, status(), and how long the audit took that this call has run. For members of pg_monitor.';

--
-- The tenant of a session
--

-- Not in C: policies call it in sessions of the application, which need not be
-- able to load the library.
CREATE FUNCTION trovella_guard.require_tenant(
  setting pg_catalog.text DEFAULT 'app.current_organization_id')
RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  tenant text := current_setting(setting, true);
BEGIN
  -- a setting of the server, such as server_version, is the same for all tenants
  IF setting IS NULL OR strpos(setting, '.') = 0 THEN
    RAISE EXCEPTION 'setting "%" cannot hold a tenant', coalesce(setting, 'NULL')
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use a setting of the application, with a dot in its name, such as app.current_organization_id.';
  ELSIF tenant IS NULL OR tenant = '' THEN
    RAISE EXCEPTION 'tenant not set'
      USING ERRCODE = 'TG002',
            DETAIL = format(CASE WHEN tenant IS NULL
              THEN 'The setting "%s" is not set in this session.'
              ELSE 'The setting "%s" is empty in this session, as after the end of a transaction that set it.' END, setting),
            HINT = format('Set it first in each transaction: SELECT pg_catalog.set_config(%L, ''the tenant'', true);', setting);
  END IF;
  RETURN tenant;
END
$$;
COMMENT ON FUNCTION trovella_guard.require_tenant(pg_catalog.text) IS
  'The value of the setting that names the session''s tenant, for policies; error TG002 if it is not set, or empty.';

--
-- Trials
--

CREATE FUNCTION trovella_guard.probe(
  relation pg_catalog.regclass DEFAULT NULL,
  role pg_catalog.name DEFAULT NULL,
  bind pg_catalog.text DEFAULT NULL,
  OUT relation pg_catalog.regclass, OUT role pg_catalog.name,
  OUT command pg_catalog.text, OUT session pg_catalog.text,
  OUT outcome pg_catalog.text, OUT evidence pg_catalog.text)
RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_probe_1_0';
COMMENT ON FUNCTION trovella_guard.probe(pg_catalog.regclass, pg_catalog.name, pg_catalog.text) IS
  'Tries, as a role of the application and with rows of two tenants, whether rows cross, and rolls everything back. One row for each tenant table, role, command and session: isolated, leaks, denied, vacuous or not_tried, with the evidence. If rows cross although the policies are proven, it ends with an error: please report it.';

CREATE FUNCTION trovella_guard.probe_summary(
  relation pg_catalog.regclass DEFAULT NULL,
  role pg_catalog.name DEFAULT NULL,
  bind pg_catalog.text DEFAULT NULL,
  OUT relation pg_catalog.regclass, OUT role pg_catalog.name,
  OUT outcome pg_catalog.text, OUT leaks pg_catalog.text,
  OUT not_shown pg_catalog.text, OUT proof pg_catalog.text)
RETURNS SETOF record
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH tried_commands AS MATERIALIZED (
    SELECT p.relation, p.role, p.command,
           bool_or(p.outcome = 'leaks') AS leaks,
           bool_or(p.outcome = 'not_tried') AS not_tried,
           bool_or(p.outcome = 'vacuous') AS vacuous,
           bool_and(p.outcome = 'denied') AS denied,
           string_agg(p.session, ', ' ORDER BY array_position('{bound,unset,empty,unknown}', p.session))
             FILTER (WHERE p.outcome = 'leaks') AS sessions,
           min(p.evidence) FILTER (WHERE p.outcome IN ('not_tried', 'vacuous')) AS not_shown
    FROM trovella_guard.probe($1, $2, $3) p
    GROUP BY p.relation, p.role, p.command
  ), tried AS (
    SELECT t.relation, t.role,
           CASE WHEN bool_or(t.leaks) THEN 'leaks'
                WHEN bool_or(t.not_tried) THEN 'not_tried'
                WHEN bool_or(t.vacuous) THEN 'vacuous'
                WHEN bool_and(t.denied) THEN 'denied'
                ELSE 'isolated' END AS outcome,
           string_agg(format('%s (%s)', t.command, t.sessions), '; '
                      ORDER BY array_position('{SELECT,INSERT,UPDATE,DELETE}', t.command), t.command)
             FILTER (WHERE t.leaks) AS leaks,
           string_agg(DISTINCT t.not_shown, '; ') AS not_shown
    FROM tried_commands t
    GROUP BY t.relation, t.role
  ), proven AS MATERIALIZED (
    SELECT f.schema_name, f.table_name,
           bool_or(f.rule IN ('rls_disabled', 'not_protected_yet', 'policy_unscoped', 'app_role_bypasses_rls')) AS unscoped
    FROM trovella_guard.findings(CASE WHEN $1 IS NOT NULL THEN $1 END) f
    WHERE f.rule IN ('rls_disabled', 'not_protected_yet', 'policy_unscoped', 'policy_unproven', 'app_role_bypasses_rls',
                     'policy_function_untrusted', 'audit_failed', 'function_exposes_tenants')
    GROUP BY f.schema_name, f.table_name
  )
  SELECT t.relation, t.role, t.outcome, t.leaks, t.not_shown,
         CASE WHEN c.relkind NOT IN ('r', 'p') OR r.rolsuper OR r.rolbypassrls OR c.relowner = r.oid THEN NULL
              WHEN x.unscoped THEN 'unscoped' WHEN x.unscoped IS NOT NULL THEN 'unproven' ELSE 'scoped' END
  FROM tried t
  JOIN pg_class c ON c.oid = t.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles r ON r.rolname = t.role
  LEFT JOIN proven x ON x.schema_name = n.nspname AND x.table_name = c.relname
  ORDER BY array_position('{leaks,not_tried,vacuous,isolated,denied}', t.outcome), t.relation::text, t.role;
END;
COMMENT ON FUNCTION trovella_guard.probe_summary(pg_catalog.regclass, pg_catalog.name, pg_catalog.text) IS
  'probe() with one line for each relation and role: the worst outcome, what leaks, what was not shown, and what the proof says.';

-- A trial is made at most once for a report, so its outcomes are passed on.
CREATE FUNCTION trovella_guard_internal.trials(in_schema pg_catalog.text, of_relation pg_catalog.regclass) RETURNS pg_catalog.jsonb
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'schema_name', n.nspname, 'table_name', c.relname, 'role', s.role, 'outcome', s.outcome,
                    'leaks', s.leaks, 'not_shown', s.not_shown, 'proof', s.proof) ORDER BY s.ordinality), '[]')
  FROM trovella_guard.probe_summary($2) WITH ORDINALITY s
  JOIN pg_class c ON c.oid = s.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE $1 IS NULL OR n.nspname = $1;
END;
COMMENT ON FUNCTION trovella_guard_internal.trials(pg_catalog.text, pg_catalog.regclass) IS
  'For reports: the rows of probe_summary() as a JSON array.';

-- Whoever may allow() what is not proven may attest that it was tried.
CREATE FUNCTION trovella_guard.attest(
  relation pg_catalog.regclass,
  policy pg_catalog.name,
  reason pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'trovella_guard_attest_1_0';
COMMENT ON FUNCTION trovella_guard.attest(pg_catalog.regclass, pg_catalog.name, pg_catalog.text) IS
  'Waives policy_unproven of one policy as it is now, after probe() has found its table isolated in the same transaction. Any change of the policies of the table, or of what they call and read, voids the entry. A reason is required. disallow(relation, ''policy_unproven'', policy) takes it back.';

--
-- The event triggers
--

CREATE FUNCTION trovella_guard_internal.open() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'trovella_guard_open_1_0';
COMMENT ON FUNCTION trovella_guard_internal.open() IS
  'Event trigger function: calling it loads the library before the first DDL statement of a session.';

CREATE FUNCTION trovella_guard_internal.collect() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'trovella_guard_collect_1_0';
COMMENT ON FUNCTION trovella_guard_internal.collect() IS
  'Event trigger function: notes changes for which PostgreSQL calls no object access hook.';

CREATE EVENT TRIGGER trovella_guard_open ON ddl_command_start
  EXECUTE FUNCTION trovella_guard_internal.open();
ALTER EVENT TRIGGER trovella_guard_open ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER trovella_guard_open IS 'Loads trovella_guard before the first DDL statement of a session.';

CREATE EVENT TRIGGER trovella_guard_collect ON ddl_command_end
  EXECUTE FUNCTION trovella_guard_internal.collect();
ALTER EVENT TRIGGER trovella_guard_collect ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER trovella_guard_collect IS 'Notes changes for trovella_guard for which PostgreSQL calls no hook, such as GRANT.';

--
-- Preloading
--

CREATE FUNCTION trovella_guard_internal.libraries(list pg_catalog.text) RETURNS pg_catalog.text[]
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  -- a quoted name may contain commas
  SELECT coalesce(array_agg(CASE WHEN starts_with(l, '"')
                                 THEN replace(substr(l, 2, length(l) - 2), '""', '"')
                                 ELSE l END ORDER BY n), '{}')
  FROM regexp_matches($1, '"(?:[^"]|"")*"|[^",\s]+', 'g') WITH ORDINALITY m (l_array, n),
       LATERAL (SELECT l_array[1]) x (l);
END;
COMMENT ON FUNCTION trovella_guard_internal.libraries(pg_catalog.text) IS
  'The names in a setting that lists libraries.';

CREATE FUNCTION trovella_guard_internal.library_list(libraries pg_catalog.text[]) RETURNS pg_catalog.text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT string_agg(quote_literal(l), ', ' ORDER BY n) FROM unnest($1) WITH ORDINALITY u (l, n);
END;
COMMENT ON FUNCTION trovella_guard_internal.library_list(pg_catalog.text[]) IS
  'The names as SET takes them.';

CREATE FUNCTION trovella_guard.preload() RETURNS pg_catalog.text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  guard CONSTANT text := 'trovella_guard';
  libraries text[] := trovella_guard_internal.libraries(
    trovella_guard_internal.setting_of_new_sessions('session_preload_libraries'::text));
  -- a value in the files may wait for a restart
  shared CONSTANT text[] := trovella_guard_internal.libraries(coalesce(
    (SELECT f.setting FROM pg_file_settings f
     WHERE f.name = 'shared_preload_libraries' ORDER BY f.seqno DESC LIMIT 1),
    current_setting('shared_preload_libraries')));
  role_name text;
BEGIN
  IF NOT guard = ANY (libraries) THEN
    libraries := libraries || guard;
    EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = %s', current_database(),
                   trovella_guard_internal.library_list(libraries));
  END IF;

  -- a role's own setting overrides the database's
  FOR role_name IN
    SELECT r.role FROM trovella_guard_internal.settings_of_roles('session_preload_libraries'::text) r
    WHERE strpos(r.value, guard) = 0
    ORDER BY 1
  LOOP
    RAISE WARNING 'role "%" has its own session_preload_libraries, without trovella_guard', role_name
      USING HINT = format('Run ALTER ROLE %I RESET session_preload_libraries, or add trovella_guard to its list.', role_name);
  END LOOP;

  IF NOT guard = ANY (shared) THEN
    RAISE NOTICE 'background workers do not read session_preload_libraries'
      USING HINT = format(E'Run this, and restart the server, to cover them:\nALTER SYSTEM SET shared_preload_libraries = %s;',
                          trovella_guard_internal.library_list(shared || guard));
  END IF;
  RETURN array_to_string(libraries, ', ');
END
$$;
COMMENT ON FUNCTION trovella_guard.preload() IS
  'Adds trovella_guard to session_preload_libraries of this database, and returns the list. New sessions then also notice commands that fire no event trigger. Prints the ALTER SYSTEM statement that also covers background workers. For superusers.';

--
-- Privileges
--
-- Default privileges of the installing role may have granted anything.  Revoke
-- all of it from everybody, then grant what each may have.
--

DO $$
DECLARE
  name pg_catalog.name;
  grantee pg_catalog.text;
BEGIN
  FOR name, grantee IN
    SELECT DISTINCT n.nspname, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END
    FROM pg_catalog.pg_namespace n
    CROSS JOIN LATERAL (
      SELECT n.nspacl UNION ALL
      SELECT c.relacl FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid UNION ALL
      SELECT p.proacl FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) n.oid) l (acl)
    CROSS JOIN LATERAL pg_catalog.aclexplode(l.acl) a
    LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
    WHERE n.nspname OPERATOR(pg_catalog.=) ANY ('{trovella_guard,trovella_guard_internal}'::pg_catalog.name[])
      AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s', name, grantee);
    EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %s', name, grantee);
    EXECUTE pg_catalog.format('REVOKE ALL ON ALL ROUTINES IN SCHEMA %I FROM %s', name, grantee);
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA trovella_guard, trovella_guard_internal TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA trovella_guard TO PUBLIC;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA trovella_guard, trovella_guard_internal TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
  trovella_guard.allow(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, pg_catalog.bool),
  trovella_guard.disallow, trovella_guard.allow_role, trovella_guard.disallow_role,
  trovella_guard.allow_bypass, trovella_guard.disallow_bypass, trovella_guard.attest, trovella_guard.adopt, trovella_guard.prune, trovella_guard.preload,
  trovella_guard.send_allowlist, trovella_guard_internal.allowlist_written, trovella_guard_internal.allowlist_changed,
  trovella_guard_internal.allowlist_logged, trovella_guard_internal.allowlist_log_kept,
  trovella_guard.metrics, trovella_guard_internal.open, trovella_guard_internal.collect
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trovella_guard.metrics() TO pg_monitor;
