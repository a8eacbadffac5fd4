--
-- The settings: what they take, and what they say to nonsense.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- the library is loaded by the first DDL statement, or like this
SELECT count(*) > 0 AS loaded FROM trovella_guard.status();
SELECT name, setting, context, vartype, enumvals FROM pg_settings
  WHERE name LIKE 'trovella\_guard.%' ORDER BY name;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;

--
-- mode
--
SET trovella_guard.mode = 'nonsense';
SET trovella_guard.mode = '';
SET trovella_guard.mode = true;
SET trovella_guard.mode = 'WARN';
SHOW trovella_guard.mode;
RESET trovella_guard.mode;

--
-- rules
--
\set VERBOSITY terse
SET trovella_guard.rules = 'nonsense=error';
\set VERBOSITY default
SET trovella_guard.rules = 'rls_disabled=nonsense';
SET trovella_guard.rules = 'rls_disabled';
SET trovella_guard.rules = 'rls_disabled=';
\set VERBOSITY terse
SET trovella_guard.rules = '=error';
\set VERBOSITY default
SET trovella_guard.rules = 'rls_disabled=error=off';
SET trovella_guard.rules = 'rls_disabled=error,';
SET trovella_guard.rules = ',rls_disabled=error';
SET trovella_guard.rules = 'rls_disabled=error,,policy_missing=off';
SET trovella_guard.rules = ',';
SET trovella_guard.rules = 'rls_disabled=error, rls_disabled=off';
SET trovella_guard.rules = 'rls_disabled=error policy_missing=off';
\set VERBOSITY terse
SET trovella_guard.rules = '*=off';
\set VERBOSITY default
SHOW trovella_guard.rules;
-- what is fine
SET trovella_guard.rules = '';
SET trovella_guard.rules = '  ';
SET trovella_guard.rules = ' rls_disabled = error ,fk_index_missing=Warning,
  tenant_index_missing = OFF ';
SET trovella_guard.rules = 'rls_not_forced=warning', 'fk_on_delete=off';
SHOW trovella_guard.rules;
SELECT set_config('trovella_guard.rules', NULL, false);
SET trovella_guard.rules TO DEFAULT;

--
-- tenant_columns and required_columns
--
SET trovella_guard.tenant_columns = '';
SET trovella_guard.tenant_columns = '  ';
SET trovella_guard.tenant_columns = ',';
SET trovella_guard.tenant_columns = 'organization_id,';
SET trovella_guard.tenant_columns = 'organization_id tenant_id';
SET trovella_guard.tenant_columns = '"organization_id';
SET trovella_guard.tenant_columns = '""';
SET trovella_guard.tenant_columns = '"", organization_id';
SET trovella_guard.required_columns = '';
SET trovella_guard.required_columns = 'created_at,,updated_at';
SET trovella_guard.tenant_columns = ' tenant_id , "Organization Id", ORG_ID ';
SHOW trovella_guard.tenant_columns;
SET trovella_guard.tenant_columns = tenant_id, org_id;
SHOW trovella_guard.tenant_columns;
SELECT set_config('trovella_guard.tenant_columns', NULL, false);
RESET trovella_guard.tenant_columns;

--
-- app_role and tenant_expression
--
SET trovella_guard.app_role = '';
SET trovella_guard.app_role = ' ';
SET trovella_guard.tenant_expression = '';
SET trovella_guard.tenant_expression = E' \n\t';
-- one expression, which neither ends what it is put into nor comments it out
SET trovella_guard.tenant_expression = 'foo((';
SET trovella_guard.tenant_expression = 'a) OR (true';
SET trovella_guard.tenant_expression = 'a, b';
SET trovella_guard.tenant_expression = 'a; DROP TABLE b';
SET trovella_guard.tenant_expression = 'a FROM b';
SET trovella_guard.tenant_expression = 'a AS b';
SET trovella_guard.tenant_expression = 'SELECT a';
SET trovella_guard.tenant_expression = 'distinct a';
SET trovella_guard.tenant_expression = 'a UNION TABLE b';
SET trovella_guard.tenant_expression = E'(a)\nwhere true';
SET trovella_guard.tenant_expression = '1.from b';
SET trovella_guard.tenant_expression = 'a.distinct FROM b';
SET trovella_guard.tenant_expression = 'a IS DISTINCT FROM b FROM c';
SET trovella_guard.tenant_expression = 'WITH a AS (SELECT 1) SELECT 2';
SET trovella_guard.tenant_expression = 'a -- b';
SET trovella_guard.tenant_expression = 'a /* b';
SET trovella_guard.tenant_expression = 'nullif(a.b(), '''')::uuid /* c */';
SET trovella_guard.tenant_expression = E'''a\n';
SET trovella_guard.tenant_expression = '(a]';
SET trovella_guard.tenant_expression = 'a || $$b$$';
SET trovella_guard.tenant_expression = E'E''a\\'') OR (b OR ''''=''''';
SET trovella_guard.tenant_expression = 'a("b';
SHOW trovella_guard.tenant_expression;
SET trovella_guard.tenant_expression = '(SELECT a FROM b WHERE c = ''d) OR (e'')';
SET trovella_guard.tenant_expression = 'nullif(a.b("c)"), '''')::uuid';
SET trovella_guard.tenant_expression = 'nullif(a.b(), '''')::uuid';
SET trovella_guard.tenant_expression = 'fromage.values(orders, a1.limit, "from" || '' AS '')';
SET trovella_guard.tenant_expression = 'CASE WHEN a IS NOT DISTINCT FROM b COLLATE "C" THEN (a).order ELSE a_for END';
SET trovella_guard.tenant_expression = 'a::timestamp WITH TIME ZONE AT TIME ZONE ''UTC''';
-- a refused value takes nothing of the transaction or of a PL block along
BEGIN;
SELECT set_config('trovella_guard.tenant_expression', 'a.c()', true);
SAVEPOINT s;
SET LOCAL trovella_guard.tenant_expression = 'a(';
ROLLBACK TO s;
DO $$
BEGIN
  PERFORM set_config('trovella_guard.tenant_expression', 'a(', true);
EXCEPTION WHEN invalid_parameter_value THEN
  RAISE WARNING '%', sqlerrm;
END
$$;
SHOW trovella_guard.tenant_expression;
COMMIT;
RESET trovella_guard.tenant_expression;
SET trovella_guard.app_role = 'regress_nobody_yet';
SET trovella_guard.app_role = regress_no_such_role;

-- there are no others
SET trovella_guard.nonsense = 1;
SET trovella_guard.rule = 'rls_disabled=off';

--
-- A setting that is made before the library is loaded is looked at when it
-- is; nonsense then means the default, with a warning.
--
CREATE SCHEMA regress_settings;
\c
SET client_min_messages = warning;
SET trovella_guard.app_role = regress_no_such_role;
SET trovella_guard.mode = 'nonsense';
SET trovella_guard.rules = 'rls_disabled=nonsense';
SET trovella_guard.tenant_columns = '';
SET trovella_guard.tenant_expression = 'foo((';
SET trovella_guard.nonsense = 1;
CREATE TABLE regress_settings.item (id text, organization_id text);
SHOW trovella_guard.mode;
SHOW trovella_guard.rules;
SHOW trovella_guard.tenant_columns;
\c
SET client_min_messages = warning;
SET trovella_guard.app_role = regress_no_such_role;
SET trovella_guard.rules = 'rls_disabled';
CREATE TABLE regress_settings.item (id text, organization_id text);
SHOW trovella_guard.rules;
-- and sense is taken over
\c
SET client_min_messages = warning;
SET trovella_guard.app_role = regress_no_such_role;
SET trovella_guard.tenant_columns = 'tenant_id';
SET trovella_guard.rules = 'table_unclassified=off';
CREATE TABLE regress_settings.item (id text, organization_id text);
SHOW trovella_guard.tenant_columns;
DROP TABLE regress_settings.item;
-- also one that lasts only as long as the transaction that loads it
\c
SET client_min_messages = warning;
SET trovella_guard.app_role = regress_no_such_role;
\set VERBOSITY terse
BEGIN;
SET LOCAL trovella_guard.mode = off;
CREATE TABLE regress_settings.item (id text, organization_id text NOT NULL);
COMMIT;
SHOW trovella_guard.mode;
ALTER TABLE regress_settings.item ADD COLUMN a text;
DROP TABLE regress_settings.item;
\c
SET client_min_messages = warning;
SET trovella_guard.app_role = regress_no_such_role;
BEGIN;
SAVEPOINT a;
SET trovella_guard.mode = off;
CREATE TABLE regress_settings.item (id text, organization_id text NOT NULL);
ROLLBACK TO a;
CREATE TABLE regress_settings.item (id text, organization_id text NOT NULL);
COMMIT;

--
-- what they are for: several tenant columns, the first that a table has
--
SET trovella_guard.tenant_columns = 'tenant_id, organization_id';
SET trovella_guard.required_columns = 'id';
\set VERBOSITY default
CREATE TABLE regress_settings.item (id text, organization_id text NOT NULL, tenant_id uuid NOT NULL);
\set VERBOSITY terse
SET trovella_guard.tenant_columns = '"Tenant"';
BEGIN;
CREATE TABLE regress_settings.item (id text, "Tenant" text NOT NULL);
SELECT rule, message, repair_sql FROM trovella_guard.check()
  WHERE level <> 'info' ORDER BY rule;
ROLLBACK;
RESET trovella_guard.tenant_columns;
SET trovella_guard.tenant_expression = 'app.tenant()';
BEGIN;
CREATE TABLE regress_settings.item (id text, organization_id int NOT NULL);
SELECT split_part(repair_sql, E'\n', 1) AS repair_sql FROM trovella_guard.check()
  WHERE rule = 'policy_missing';
ROLLBACK;
DROP SCHEMA regress_settings;
