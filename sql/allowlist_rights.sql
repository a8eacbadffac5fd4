--
-- Who may read the allowlist, and who may write it.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_list_owner LOGIN;
GRANT SET ON PARAMETER trovella_guard.rules TO regress_list_owner;
\set as_owner 'SET trovella_guard.rules = ''table_unclassified=warning''; SET SESSION AUTHORIZATION regress_list_owner;'
CREATE ROLE regress_list_admin LOGIN;
CREATE SCHEMA regress_list AUTHORIZATION regress_list_owner;
GRANT EXECUTE ON FUNCTION trovella_guard.allow(text, text, text, timestamptz, text, bool),
  trovella_guard.disallow(text, text, text) TO regress_list_admin;

\c -
:as_owner
-- everybody may read
SELECT count(*) FROM trovella_guard.allowlist;
SELECT length(trovella_guard.allowlist_markdown()) > 0 AS ok;
SELECT count(*) FROM trovella_guard.check() WHERE level = 'error';
SELECT count(*) > 0 AS ok FROM trovella_guard.status();
-- nobody may write
SELECT trovella_guard.allow('regress_list.mine', 'let me in');
SELECT trovella_guard.disallow('regress_list.mine');
INSERT INTO trovella_guard.allowlist (schema_name, table_name, reason)
  VALUES ('regress_list', 'mine', 'let me in');
UPDATE trovella_guard.allowlist SET reason = 'x';
DELETE FROM trovella_guard.allowlist;
TRUNCATE trovella_guard.allowlist;
BEGIN;
LOCK TABLE trovella_guard.allowlist IN ACCESS EXCLUSIVE MODE;
ROLLBACK;
ALTER TABLE trovella_guard.allowlist RENAME TO list;
GRANT INSERT ON trovella_guard.allowlist TO regress_list_owner;
-- a table of the same name does not deceive it
CREATE TABLE regress_list.allowlist (schema_name name, table_name name, rule text, reason text);
BEGIN;
SET LOCAL search_path = regress_list, pg_catalog;
CREATE TABLE mine (id int, organization_id text);
COMMIT;

-- who was granted the functions needs nothing else
\c -
SET SESSION AUTHORIZATION regress_list_admin;
SELECT trovella_guard.allow('regress_list.mine', 'is global');
SELECT table_name, reason, added_by FROM trovella_guard.allowlist ORDER BY 1;
INSERT INTO trovella_guard.allowlist (schema_name, table_name, reason)
  VALUES ('regress_list', 'other', 'let me in');
\c -
:as_owner
CREATE TABLE regress_list.mine (id int, organization_id text);
\c -
SET SESSION AUTHORIZATION regress_list_admin;
SELECT trovella_guard.disallow('regress_list.mine');
SELECT trovella_guard.allow('regress_list.mine', 'is global, still');
-- the search path of the caller does not matter to the functions
\c -
:as_owner
CREATE FUNCTION regress_list.btrim(text, text) RETURNS text LANGUAGE plpgsql
  AS $$BEGIN RAISE EXCEPTION 'called as %', current_user; END$$;
CREATE FUNCTION regress_list.yes(name, name) RETURNS bool LANGUAGE plpgsql
  AS $$BEGIN RAISE EXCEPTION 'called as %', current_user; END$$;
CREATE OPERATOR regress_list.= (LEFTARG = name, RIGHTARG = name, FUNCTION = regress_list.yes);
GRANT USAGE ON SCHEMA regress_list TO PUBLIC;
-- nor does a regclass get around the permission
SELECT trovella_guard.allow('regress_list.mine'::regclass, 'let me in', rule => 'rls_disabled');
\c -
SET SESSION AUTHORIZATION regress_list_admin;
SET search_path = regress_list, pg_catalog;
-- a regclass does as well
SELECT trovella_guard.allow('mine'::regclass, 'is global, by regclass', object => NULL);
SELECT table_name, reason, added_by FROM trovella_guard.allowlist ORDER BY 1;
SELECT trovella_guard.allow(NULL::regclass, 'nothing');
SELECT trovella_guard.allow('regress_list.third', 'is global');
SELECT trovella_guard.disallow('regress_list.third');
SELECT count(*) FROM trovella_guard.check('regress_list.mine');
SELECT length(trovella_guard.allowlist_markdown()) > 0 AS ok;
-- nor does row-level security, or a trigger, which they cannot make
ALTER TABLE trovella_guard.allowlist ENABLE ROW LEVEL SECURITY;

\c -
SET client_min_messages = error;
SELECT table_name, added_by FROM trovella_guard.allowlist ORDER BY 1;
DROP SCHEMA regress_list CASCADE;
DELETE FROM trovella_guard.allowlist;
DROP OWNED BY regress_list_admin;
REVOKE SET ON PARAMETER trovella_guard.rules FROM regress_list_owner;
DROP ROLE regress_list_owner, regress_list_admin;
