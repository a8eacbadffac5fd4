-- What came with PostgreSQL 19, and leads to the catalogs or past them.
-- As a role that is no superuser.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_19_owner;
CREATE ROLE regress_19_grantor;
CREATE ROLE regress_19_app;
SELECT format('ALTER DATABASE %I SET trovella_guard.app_role = regress_19_app',
              current_database()) \gexec
SELECT format('GRANT CREATE, TEMPORARY ON DATABASE %I TO regress_19_owner',
              current_database()) \gexec
\c -
\set as_owner 'SET client_min_messages = warning; SET search_path = regress_19; SET SESSION AUTHORIZATION regress_19_owner;'
:as_owner
\set columns 'id int PRIMARY KEY, organization_id text NOT NULL, note text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()'
\set org '(SELECT current_setting(''app.current_organization_id'', true))'
CREATE SCHEMA regress_19;
BEGIN;
CREATE TABLE item (:columns, CONSTRAINT filled CHECK (note <> ''));
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON item USING (organization_id = :org);
CREATE INDEX item_org ON item (organization_id);
CREATE TABLE part (:columns) PARTITION BY RANGE (id);
ALTER TABLE part ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON part USING (organization_id = :org);
CREATE INDEX part_org ON part (organization_id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (100);
ALTER TABLE part_1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON part_1 USING (organization_id = :org);
COMMIT;

-- road: REPACK, also USING INDEX and CONCURRENTLY (passes)
REPACK item;
REPACK item USING INDEX item_org;
REPACK (CONCURRENTLY) item;
REPACK (CONCURRENTLY, ANALYZE) item USING INDEX item_org;
REPACK part;
SELECT table_name, rule FROM trovella_guard.check()
  WHERE schema_name = 'regress_19' AND level IN ('error', 'warning');

-- road: ALTER CONSTRAINT [NOT] ENFORCED of a CHECK constraint (passes)
ALTER TABLE item ALTER CONSTRAINT filled NOT ENFORCED;
ALTER TABLE item ALTER CONSTRAINT filled ENFORCED;
-- road: ALTER CONSTRAINT NOT ENFORCED of the CHECK that a tenant is there (passes)
BEGIN;
CREATE TABLE loose (id int PRIMARY KEY, organization_id text, created_at timestamptz, updated_at timestamptz,
  CONSTRAINT has_tenant CHECK (organization_id IS NOT NULL));
ALTER TABLE loose ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON loose USING (organization_id = :org);
CREATE INDEX ON loose (organization_id);
COMMIT;
ALTER TABLE loose ALTER CONSTRAINT has_tenant NOT ENFORCED;
DROP TABLE loose;

-- road: CREATE SCHEMA with tables that refer to one another (refused)
CREATE SCHEMA regress_19_sub
  CREATE TABLE line (:columns, item_id int REFERENCES head ON DELETE CASCADE)
  CREATE TABLE head (:columns);
-- road: CREATE SCHEMA with a foreign key to a table that comes later, protected in the transaction (passes)
BEGIN;
CREATE SCHEMA regress_19_sub
  CREATE TABLE line (:columns, item_id int REFERENCES head ON DELETE CASCADE)
  CREATE INDEX line_org ON line (organization_id)
  CREATE INDEX line_head ON line (item_id)
  CREATE TABLE head (:columns)
  CREATE INDEX head_org ON head (organization_id);
ALTER TABLE regress_19_sub.line ENABLE ROW LEVEL SECURITY;
ALTER TABLE regress_19_sub.head ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON regress_19_sub.line USING (organization_id = :org);
CREATE POLICY tenant ON regress_19_sub.head USING (organization_id = :org);
COMMIT;
-- road: CREATE SCHEMA with the index and without the policy (refused)
CREATE SCHEMA regress_19_other
  CREATE TABLE head (:columns)
  CREATE INDEX head_org ON head (organization_id);

-- road: GRANT ... GRANTED BY somebody with the grant option, of a view that exposes (refused)
CREATE VIEW seen AS SELECT * FROM item;
GRANT USAGE ON SCHEMA regress_19 TO regress_19_grantor, regress_19_app;
GRANT SELECT ON seen TO regress_19_grantor WITH GRANT OPTION;
\c -
SET client_min_messages = warning;
GRANT SELECT ON regress_19.seen TO regress_19_app GRANTED BY regress_19_grantor;
SELECT relacl FROM pg_class WHERE oid = 'regress_19.seen'::regclass;
-- road: the same of a view that asks as its user (passes)
:as_owner
ALTER VIEW seen SET (security_invoker);
RESET SESSION AUTHORIZATION;
GRANT SELECT ON seen TO regress_19_app GRANTED BY regress_19_grantor;
-- road: REVOKE ... GRANTED BY (passes)
REVOKE SELECT ON seen FROM regress_19_app GRANTED BY regress_19_grantor;
-- road: GRANT of a role that bypasses by its ownership, GRANTED BY (refused)
BEGIN;
GRANT regress_19_owner TO regress_19_app GRANTED BY CURRENT_USER;
COMMIT;

-- road: a publication FOR ALL TABLES EXCEPT (passes, until the audit)
\set published 'SELECT table_name, object, message FROM trovella_guard.check() WHERE schema_name = ''regress_19'' AND rule = ''publication_exposes_tenants'' ORDER BY 1, 2'
SET client_min_messages = error;
CREATE PUBLICATION regress_19_all FOR ALL TABLES EXCEPT (TABLE item, part);
:published;
ALTER PUBLICATION regress_19_all SET ALL TABLES EXCEPT (TABLE part);
:published;
-- another publication sends it nevertheless
CREATE PUBLICATION regress_19_item FOR TABLE item;
CREATE PUBLICATION regress_19_rest FOR ALL TABLES;
:published;
DROP PUBLICATION regress_19_rest;
ALTER PUBLICATION regress_19_all SET ALL TABLES EXCEPT (TABLE item);
:published;
DROP PUBLICATION regress_19_all, regress_19_item;

-- road: ON CONFLICT DO SELECT in a SECURITY DEFINER function (warns)
:as_owner
CREATE FUNCTION upsert(int) RETURNS SETOF item SECURITY DEFINER
  BEGIN ATOMIC INSERT INTO item (id, organization_id) VALUES ($1, 'a') ON CONFLICT (id) DO SELECT RETURNING *; END;
DROP FUNCTION upsert;
-- road: ON CONFLICT DO SELECT in the rule of a view, with the rights of its owner (refused)
RESET SESSION AUTHORIZATION;
SELECT trovella_guard.allow('regress_19.plain', 'no tenant''s');
:as_owner
CREATE TABLE plain (id int, note text);
CREATE VIEW window_19 AS SELECT id, note, NULL::text AS org FROM plain;
GRANT SELECT, INSERT ON window_19 TO regress_19_app;
CREATE RULE into_item AS ON INSERT TO window_19 DO INSTEAD
  INSERT INTO item (id, organization_id) VALUES (NEW.id, 'a')
  ON CONFLICT (id) DO SELECT RETURNING id, note, organization_id;

-- The policies hold back what ON CONFLICT DO SELECT and COPY TO of a
-- partitioned table read.
INSERT INTO item (id, organization_id, note) VALUES (1, 'a', 'of a'), (2, 'b', 'of b');
INSERT INTO part (id, organization_id, note) VALUES (1, 'a', 'of a'), (2, 'b', 'of b');
GRANT SELECT, INSERT ON item, part TO regress_19_app;
RESET SESSION AUTHORIZATION;
SET ROLE regress_19_app;
SET app.current_organization_id = 'a';
INSERT INTO item (id, organization_id) VALUES (1, 'a') ON CONFLICT (id) DO SELECT RETURNING note;
INSERT INTO item (id, organization_id) VALUES (2, 'a') ON CONFLICT (id) DO SELECT RETURNING note;
COPY part (id, note) TO STDOUT;
COPY part (id, note) TO STDOUT (FORMAT json);
RESET ROLE;

-- road: a policy whose value error_on_null() returns (passes)
:as_owner
ALTER POLICY tenant ON item USING (organization_id = (SELECT error_on_null(current_setting('app.current_organization_id', true))));
ALTER POLICY tenant ON item USING (organization_id IS NOT DISTINCT FROM (SELECT error_on_null(current_setting('app.current_organization_id', true))));
-- road: a policy with a literal in error_on_null() (refused)
ALTER POLICY tenant ON item USING (organization_id = (SELECT error_on_null('a'::text)));
-- road: a policy's function whose search_path is NULL, which means empty (passes)
CREATE FUNCTION org() RETURNS text STABLE SET search_path = NULL
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true); END;
ALTER POLICY tenant ON item USING (organization_id = (SELECT org()));
-- road: CREATE OR REPLACE VIEW with a temporary function, which makes a temporary view (passes)
CREATE VIEW enabled AS SELECT 'x'::text AS x;
ALTER POLICY tenant ON item USING (organization_id = (SELECT org()) AND EXISTS (SELECT FROM enabled));
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
CREATE OR REPLACE VIEW enabled AS SELECT pg_temp.f() AS x;
SELECT pg_get_viewdef('regress_19.enabled'::regclass);

\c -
SET client_min_messages = warning;
DROP SCHEMA regress_19, regress_19_sub CASCADE;
SELECT trovella_guard.disallow('regress_19.plain');
SELECT format('ALTER DATABASE %I RESET trovella_guard.app_role', current_database()) \gexec
DROP OWNED BY regress_19_owner, regress_19_grantor, regress_19_app;
DROP ROLE regress_19_owner, regress_19_grantor, regress_19_app;
