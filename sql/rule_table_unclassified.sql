--
-- table_unclassified: if you are unsure, it is tenant-scoped.
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- whether this cluster has a role "authenticated" or not
SET trovella_guard.app_role = regress_no_such_role;
CREATE SCHEMA regress_unclassified;
SET search_path = regress_unclassified;

-- the commit is refused; the repair makes it a protected tenant table
CREATE TABLE config (id text PRIMARY KEY, organisation_id text);
SELECT to_regclass('config') IS NOT NULL AS committed;
BEGIN;
CREATE TABLE config (id text PRIMARY KEY, organisation_id text);
SELECT repair_sql FROM trovella_guard.check('config') WHERE rule = 'table_unclassified' \gexec
COMMIT;
SELECT count(*) FROM trovella_guard.check('config') WHERE level IN ('error', 'warning');
DROP TABLE config;

-- at level warning it goes through
SET trovella_guard.rules = 'table_unclassified=warning';
CREATE TABLE config (id text PRIMARY KEY, organisation_id text);
SELECT to_regclass('config') IS NOT NULL AS committed;
SELECT level, object, message, repair_sql
  FROM trovella_guard.check('config') WHERE level <> 'info';
RESET trovella_guard.rules;

-- what it is, it may stay
ALTER TABLE config ADD COLUMN more text;

-- an entry says that it is global
SELECT trovella_guard.allow('config', 'settings of the application');
SELECT count(*) FROM trovella_guard.check('config');
ALTER TABLE config ADD COLUMN value text;
SELECT trovella_guard.disallow('config');	-- it is needed
SET trovella_guard.rules = 'table_unclassified=warning';
SELECT trovella_guard.disallow('config');
RESET trovella_guard.rules;

-- what looks like the tenant's column is named, by its name, its type or what
-- it refers to
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
SET trovella_guard.rules = 'table_unclassified=warning, policy_missing=off, fk_on_delete=off';
CREATE VIEW said WITH (security_invoker = true) AS
  SELECT table_name, substr(message, 59) AS more, split_part(repair_sql, E'\n', 1) AS first
  FROM trovella_guard.check() WHERE rule = 'table_unclassified' AND schema_name = 'regress_unclassified'
  ORDER BY table_name COLLATE "C";
SET client_min_messages = error;
CREATE TABLE named_a ("organizationId" int);
CREATE TABLE named_b (org_id int, tenant_id int, "WorkspaceID" int, company_uuid uuid, account_ref int);
CREATE TABLE named_c (organization text);
CREATE TABLE named_d (account text, company text, team int, name text, organic_id int);
CREATE DOMAIN tenant_id AS uuid;
CREATE TABLE typed (owner tenant_id);
BEGIN;
CREATE TABLE orgs (id int PRIMARY KEY);
CREATE TABLE item (id int PRIMARY KEY, organization_id int NOT NULL REFERENCES orgs, created_at timestamptz, updated_at timestamptz);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON item (organization_id);
COMMIT;
CREATE TABLE keyed (id int PRIMARY KEY, owner int REFERENCES orgs, other int REFERENCES keyed);
SET client_min_messages = warning;
SELECT * FROM said;
-- no type is invented where the database has one; the key gets its index
SELECT repair_sql FROM trovella_guard.check('keyed') WHERE rule = 'table_unclassified';
-- the table of the tenants themselves needs no tenant column: by what refers to
-- it, or by its name, unless it has a tenant
CREATE TABLE organization (id int PRIMARY KEY);
CREATE TABLE "Organizations" (id int PRIMARY KEY);
CREATE TABLE organization_member (id int PRIMARY KEY);
CREATE SCHEMA regress_unclassified_2;
CREATE TABLE regress_unclassified_2.organization (id int PRIMARY KEY, tenant_id int);
SELECT table_name, substr(message, 59) AS more, split_part(repair_sql, E'\n', 1) AS first
  FROM trovella_guard.check() WHERE rule = 'table_unclassified' AND schema_name ~ 'regress_unclassified' AND table_name ~* 'organization'
  ORDER BY schema_name COLLATE "C", table_name COLLATE "C";
SET client_min_messages = error;
DROP SCHEMA regress_unclassified_2 CASCADE;
SET client_min_messages = warning;
DROP TABLE organization, "Organizations", organization_member;

-- a column that is the configured one but for its case: the setting is wrong
SET client_min_messages = error;
CREATE TABLE camel (id int PRIMARY KEY, "Organization_Id" int NOT NULL);
CREATE VIEW spelled WITH (security_invoker = true) AS
  SELECT substr(message, 59) AS more, replace(repair_sql, quote_ident(current_database()), 'me') AS repair
  FROM trovella_guard.check('camel');
SET client_min_messages = warning;
SELECT * FROM spelled;
SET trovella_guard.tenant_columns = '"Organization_Id", organization_id';
SELECT rule FROM trovella_guard.check('camel') WHERE rule IN ('table_unclassified', 'rls_disabled');
-- where no table has the folded name, it is replaced
SET trovella_guard.tenant_columns = orgId, workspaceId;
ALTER TABLE camel RENAME "Organization_Id" TO "workspaceId";
SELECT * FROM spelled;
SHOW trovella_guard.tenant_columns;
RESET trovella_guard.tenant_columns;
\set VERBOSITY default
SET trovella_guard.rules = 'policy_missing=off';
CREATE TABLE camel2 (id int PRIMARY KEY, "organization_ID" int NOT NULL);
\set VERBOSITY terse
SET trovella_guard.rules = 'table_unclassified=warning, policy_missing=off, fk_on_delete=off';
DROP VIEW spelled;
DROP TABLE camel;
DROP TABLE named_a, named_b, named_c, named_d, typed, keyed, item, orgs;
DROP DOMAIN tenant_id;
RESET trovella_guard.rules;
SET trovella_guard.rules = 'table_unclassified=warning';

-- not for what is no table
CREATE VIEW config_view AS SELECT * FROM config;
CREATE MATERIALIZED VIEW config_matview AS SELECT * FROM config;
CREATE TEMP TABLE scratch (id int);
CREATE SEQUENCE config_seq;
CREATE TYPE config_type AS (a int);

-- other levels
RESET trovella_guard.rules;
CREATE TABLE other_config (id text PRIMARY KEY);
SELECT to_regclass('other_config') IS NULL AS refused;
BEGIN;
SELECT trovella_guard.allow('other_config', 'reference data');
CREATE TABLE other_config (id text PRIMARY KEY);
COMMIT;
SET trovella_guard.rules = 'table_unclassified=info';
ALTER TABLE config ADD COLUMN note text;
SELECT rule, level FROM trovella_guard.check('config');
SET trovella_guard.rules = 'table_unclassified=off';
SELECT count(*) FROM trovella_guard.check('config');
RESET trovella_guard.rules;

-- waived for this rule alone
SELECT trovella_guard.allow('config', 'to be sorted out', 'table_unclassified');
ALTER TABLE config DROP COLUMN note;

DROP TABLE scratch;
DROP VIEW said;
DROP TABLE config, other_config CASCADE;
SELECT trovella_guard.disallow('config', 'table_unclassified');
SELECT trovella_guard.disallow('other_config');
DROP SEQUENCE config_seq;
DROP TYPE config_type;
DROP SCHEMA regress_unclassified;
