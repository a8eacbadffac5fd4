--
-- contract.sql
--		What others may rely on: the objects of the extension, their columns,
--		volatility and privileges, and that each of them says what it is for.
--
\set QUIET on
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
\pset pager off

BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS trovella_guard;
CREATE ROLE regress_plain;
CREATE TEMP VIEW members AS
  SELECT classid, objid, pg_describe_object(classid, objid, 0) AS what
  FROM pg_depend
  WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'trovella_guard');

SELECT no_plan();

--
-- the extension
--
SELECT has_extension('trovella_guard', 'the extension is there');
SELECT results_eq(
  $$SELECT nspname, extrelocatable FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
    WHERE extname = 'trovella_guard'$$,
  $$VALUES ('trovella_guard'::name, false)$$,
  'it lives in a schema of its own, for good');
SELECT results_eq(
  $$SELECT superuser, trusted FROM pg_available_extension_versions
    WHERE name = 'trovella_guard' AND installed$$,
  $$VALUES (true, false)$$,
  'only a superuser may create it');
SELECT results_eq(
  $$SELECT oid::regclass::text FROM pg_class WHERE oid = ANY
    (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'trovella_guard')
    AND relname = 'allowlist'$$,
  $$VALUES ('trovella_guard.allowlist')$$,
  'the allowlist is dumped with the database');

--
-- each object says what it is for
--
SELECT is_empty(
  $$SELECT what FROM members
    WHERE classid <> 'pg_type'::regclass
      AND coalesce(btrim(obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid))), '') = ''
    ORDER BY 1$$,
  'every object of the extension has a comment');
SELECT is_empty(
  $$SELECT objid::regclass, attname FROM members JOIN pg_attribute ON attrelid = objid
    WHERE classid = 'pg_class'::regclass AND attnum > 0 AND NOT attisdropped
      AND (SELECT relkind FROM pg_class WHERE oid = objid) IN ('r', 'v')
      AND col_description(objid, attnum) IS NULL$$,
  'and so has every column of its tables');
SELECT is_empty(
  $$SELECT tgname FROM members JOIN pg_trigger ON tgrelid = objid
    WHERE classid = 'pg_class'::regclass AND NOT tgisinternal
      AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL$$,
  'and every trigger');

--
-- functions
--
SELECT has_function('trovella_guard', 'allow', '{text,text,text,"timestamp with time zone",text,boolean}'::name[]);
SELECT has_function('trovella_guard', 'disallow', '{text,text,text}'::name[]);
SELECT has_function('trovella_guard', 'allow_role', '{text,text,"timestamp with time zone"}'::name[]);
SELECT has_function('trovella_guard', 'disallow_role', '{text}'::name[]);
SELECT has_function('trovella_guard', 'allow_bypass', '{text,text,"timestamp with time zone"}'::name[]);
SELECT has_function('trovella_guard', 'disallow_bypass', '{text}'::name[]);
SELECT has_function('trovella_guard', 'allowlist_markdown', '{}'::name[]);
SELECT has_function('trovella_guard', 'check', '{regclass}'::name[]);
SELECT has_function('trovella_guard', 'check_nodes', '{}'::name[]);
SELECT has_function('trovella_guard', 'findings', '{regclass}'::name[]);
SELECT has_function('trovella_guard', 'who_sees', '{regclass}'::name[]);
SELECT has_function('trovella_guard', 'probe', '{regclass,name,text}'::name[]);
SELECT has_function('trovella_guard', 'probe_summary', '{regclass,name,text}'::name[]);
SELECT has_function('trovella_guard', 'send_allowlist', '{}'::name[]);
SELECT has_function('trovella_guard', 'attest', '{regclass,name,text}'::name[]);
SELECT has_function('trovella_guard', 'status', '{}'::name[]);
SELECT has_function('trovella_guard', 'metrics', '{}'::name[]);
SELECT functions_are('trovella_guard',
  '{adopt,allow,allow_bypass,allow_role,allowlist_markdown,assert_clean,attest,changes,check,check_nodes,checklist,disallow,disallow_bypass,disallow_role,findings,metrics,pending,preload,probe,probe_summary,protect,prune,repair_sql,report,report_lines,require_tenant,seal_partitions,send_allowlist,set,status,who_sees}'::name[],
  'these functions, and no others, are for users');
SELECT is(
  (SELECT proconfig FROM pg_proc WHERE oid = 'trovella_guard.report_lines'::regproc),
  '{"search_path=pg_catalog, pg_temp",jit=off}', 'reports run without JIT compilation');
SELECT is_empty(
  $$SELECT what FROM members WHERE classid NOT IN ('pg_proc'::regclass, 'pg_namespace'::regclass)
    AND (pg_identify_object(classid, objid, 0)).schema = 'trovella_guard_internal'$$,
  'the internal schema has functions only');
SELECT volatility_is('trovella_guard', 'allow', '{text,text,text,"timestamp with time zone",text,boolean}'::name[], 'volatile');
SELECT volatility_is('trovella_guard', 'disallow', '{text,text,text}'::name[], 'volatile');
SELECT volatility_is('trovella_guard', 'allowlist_markdown', '{}'::name[], 'stable');
SELECT volatility_is('trovella_guard', 'check', '{regclass}'::name[], 'stable');
SELECT volatility_is('trovella_guard', 'findings', '{regclass}'::name[], 'stable');
SELECT volatility_is('trovella_guard', 'status', '{}'::name[], 'stable');
SELECT volatility_is('trovella_guard', 'require_tenant', '{text}'::name[], 'stable');
SELECT is(
  pg_get_function_arguments('trovella_guard.allow(text,text,text,timestamptz,text,bool)'::regprocedure),
  $$relation text, reason text, rule text DEFAULT '*'::text, expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, object text DEFAULT '*'::text, sealed boolean DEFAULT false$$,
  'the arguments of allow() have these names and defaults');
SELECT is(
  pg_get_function_arguments('trovella_guard.disallow'::regproc),
  $$relation text, rule text DEFAULT '*'::text, object text DEFAULT '*'::text$$,
  'and those of disallow() these');
SELECT is(pg_get_function_result('trovella_guard.allow(text,text,text,timestamptz,text,bool)'::regprocedure), 'void', 'allow() returns nothing');
SELECT is(pg_get_function_result('trovella_guard.disallow'::regproc), 'void', 'nor does disallow()');
SELECT is(pg_get_function_result('trovella_guard.allowlist_markdown'::regproc), 'text', 'allowlist_markdown() returns a text');
SELECT is(
  (SELECT string_agg(n || ' ' || format_type(t, NULL), ', ') FROM pg_proc,
     ROWS FROM (unnest(proargnames), unnest(proallargtypes), unnest(proargmodes)) AS a (n, t, m)
   WHERE oid = 'trovella_guard.check'::regproc AND m = 'o'),
  'schema_name name, table_name name, rule text, level text, object text, message text, repair_sql text',
  'the columns of check()');
SELECT is(
  (SELECT string_agg(n || ' ' || format_type(t, NULL), ', ') FROM pg_proc,
     ROWS FROM (unnest(proargnames), unnest(proallargtypes), unnest(proargmodes)) AS a (n, t, m)
   WHERE oid = 'trovella_guard.status'::regproc AND m = 'o'),
  'item text, value text, ok boolean, detail text',
  'the columns of status()');
SELECT is(
  (SELECT string_agg(n || ' ' || format_type(t, NULL), ', ') FROM pg_proc,
     ROWS FROM (unnest(proargnames), unnest(proallargtypes), unnest(proargmodes)) AS a (n, t, m)
   WHERE oid = 'trovella_guard.metrics'::regproc AND m = 'o'),
  'name text, labels jsonb, value double precision',
  'the columns of metrics()');
SELECT is_empty(
  $$SELECT what FROM members JOIN pg_proc p ON p.oid = objid
      JOIN pg_language l ON l.oid = prolang
    WHERE classid = 'pg_proc'::regclass AND (lanname <> 'c' OR prosecdef)
      AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)
    ORDER BY 1$$,
  'what is written in SQL, or runs as its owner, has its search_path pinned');
SELECT is_empty(
  $$SELECT what FROM members JOIN pg_proc p ON p.oid = objid
      JOIN pg_language l ON l.oid = prolang
    WHERE classid = 'pg_proc'::regclass AND lanname = 'c'
      AND prosrc !~ '^trovella_guard_\w+_\d+_\d+$' ORDER BY 1$$,
  'C functions are named with the version of their interface');

--
-- the allowlist
--
SELECT has_table('trovella_guard', 'allowlist', 'the allowlist is a table');
SELECT columns_are('trovella_guard', 'allowlist',
  '{kind,schema_name,table_name,rule,object,reason,added_by,added_at,expires_at,adopted,sealed,fingerprint}'::name[]);
SELECT col_is_pk('trovella_guard', 'allowlist', '{kind,schema_name,table_name,rule,object,adopted}'::name[], 'an entry is about a name, a rule and an object; a debt stays beside a decision');
SELECT col_not_null('trovella_guard', 'allowlist', 'reason', 'a reason is required');
SELECT col_not_null('trovella_guard', 'allowlist', 'added_by', 'who added it is known');
SELECT col_not_null('trovella_guard', 'allowlist', 'added_at', 'and when');
SELECT col_is_null('trovella_guard', 'allowlist', 'expires_at', 'it need not expire');
SELECT set_has(
  $$SELECT tgname FROM pg_trigger WHERE tgrelid = 'trovella_guard.allowlist'::regclass$$,
  $$VALUES ('allowlist_changed'::name), ('allowlist_no_truncate')$$,
  'it has its triggers');
SELECT is_empty(
  $$SELECT tgname FROM members JOIN pg_trigger ON tgrelid = objid
    WHERE classid = 'pg_class'::regclass AND NOT tgisinternal AND tgenabled <> 'A'$$,
  'all triggers fire always, in replicas as well');

--
-- event triggers
--
SELECT results_eq(
  $$SELECT evtname, evtevent, evtenabled, evttags IS NULL FROM pg_event_trigger
    WHERE evtname LIKE 'trovella\_guard\_%' ORDER BY 1$$,
  $$VALUES ('trovella_guard_collect'::name, 'ddl_command_end'::name, 'A'::"char", true),
           ('trovella_guard_open', 'ddl_command_start', 'A', true)$$,
  'the event triggers fire always, for every command');

--
-- privileges of a role that was granted nothing
--
SELECT ok(has_schema_privilege('regress_plain', 'trovella_guard', 'USAGE'), 'a plain role may look things up');
SELECT ok(NOT has_schema_privilege('regress_plain', 'trovella_guard', 'CREATE'), 'but make nothing there');
SELECT ok(has_table_privilege('regress_plain', 'trovella_guard.allowlist', 'SELECT'), 'it may read the allowlist');
SELECT ok(NOT has_table_privilege('regress_plain', 'trovella_guard.allowlist',
  'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'), 'but not write it, nor hang anything on it');
SELECT ok(NOT has_any_column_privilege('regress_plain', 'trovella_guard.allowlist',
  'INSERT, UPDATE, REFERENCES'), 'not even a column');
SELECT is_empty(
  $$SELECT what FROM members JOIN pg_class c ON c.oid = objid AND classid = 'pg_class'::regclass
    WHERE relkind IN ('r', 'v') AND (has_table_privilege('regress_plain', objid,
      'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
      OR has_any_column_privilege('regress_plain', objid, 'INSERT, UPDATE, REFERENCES'))$$,
  'nor any other table of the extension');
SELECT is_empty(
  $$SELECT what FROM members JOIN pg_proc p ON p.oid = objid AND classid = 'pg_proc'::regclass
    WHERE prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
      AND has_function_privilege('regress_plain', objid, 'EXECUTE')$$,
  'trigger functions are not for calling');
SELECT function_privs_are('trovella_guard', f.name, f.args::name[], 'regress_plain', f.privs::name[])
FROM (VALUES
  ('check', '{regclass}', '{EXECUTE}'),
  ('findings', '{regclass}', '{EXECUTE}'),
  ('status', '{}', '{EXECUTE}'),
  ('allowlist_markdown', '{}', '{EXECUTE}'),
  ('allow', '{text,text,text,"timestamp with time zone",text,boolean}', '{}'),
  -- these do with the rights of the caller what needs more
  ('allow', '{regclass,text,text,"timestamp with time zone",text,boolean}', '{EXECUTE}'),
  ('set', '{text,text,text}', '{EXECUTE}'),
  ('disallow', '{text,text,text}', '{}'),
  ('allow_role', '{text,text,"timestamp with time zone"}', '{}'),
  ('disallow_role', '{text}', '{}'),
  ('allow_bypass', '{text,text,"timestamp with time zone"}', '{}'),
  ('disallow_bypass', '{text}', '{}'),
  ('attest', '{regclass,name,text}', '{}'),
  ('adopt', '{text,"timestamp with time zone",text,text}', '{}'),
  ('prune', '{}', '{}'),
  ('send_allowlist', '{}', '{}'),
  ('require_tenant', '{text}', '{EXECUTE}'),
  ('metrics', '{}', '{}'),
  ('preload', '{}', '{}')) AS f (name, args, privs);
SELECT ok(has_function_privilege('pg_monitor', 'trovella_guard.metrics()', 'EXECUTE'), 'monitoring roles may collect metrics');
SELECT ok(NOT has_schema_privilege('regress_plain', 'trovella_guard_internal', 'CREATE'), 'nobody makes anything in the internal schema');
SELECT is_empty(
  $$SELECT what FROM members LEFT JOIN pg_class c ON c.oid = objid AND classid = 'pg_class'::regclass
      LEFT JOIN pg_proc p ON p.oid = objid AND classid = 'pg_proc'::regclass
      JOIN pg_roles r ON r.oid = coalesce(relowner, proowner) WHERE NOT rolsuper$$,
  'all of it belongs to a superuser');

SELECT * FROM finish();
ROLLBACK;
