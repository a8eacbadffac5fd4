--
-- publication_exposes_tenants: a publication sends the rows of all tenants to its subscribers.
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text NOT NULL, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
\set found 'SELECT table_name, level, object, message, repair_sql FROM trovella_guard.check() WHERE schema_name ~ ''^regress_publication'' AND rule = ''publication_exposes_tenants'' ORDER BY 1, 3'
SET client_min_messages = error;
CREATE SCHEMA regress_publication;
CREATE SCHEMA regress_publication2;
SET search_path = regress_publication;
BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
CREATE TABLE part (:columns) PARTITION BY LIST (id);
ALTER TABLE part ENABLE ROW LEVEL SECURITY;
CREATE POLICY part_tenant ON part USING (:tenant);
CREATE INDEX ON part (organization_id);
CREATE TABLE regress_publication2.part_a PARTITION OF part FOR VALUES IN ('a');
CREATE UNLOGGED TABLE fleeting (:columns);
ALTER TABLE fleeting ENABLE ROW LEVEL SECURITY;
CREATE POLICY fleeting_tenant ON fleeting USING (:tenant);
CREATE INDEX ON fleeting (organization_id);
CREATE VIEW a_view WITH (security_invoker) AS SELECT * FROM item;
COMMIT;

-- clean
CREATE PUBLICATION regress_nothing;
:found;

-- broken
CREATE PUBLICATION regress_item FOR TABLE item;
:found;

-- there is no repair: somebody must decide; what is published no longer is clean again
ALTER PUBLICATION regress_item SET TABLE part;
:found;

-- a partition has a finding only if it is published by itself
ALTER PUBLICATION regress_item SET TABLE regress_publication2.part_a;
:found;
ALTER PUBLICATION regress_item SET TABLES IN SCHEMA regress_publication2;
:found;
ALTER PUBLICATION regress_item SET TABLES IN SCHEMA regress_publication;
:found;
DROP PUBLICATION regress_item;
CREATE PUBLICATION regress_all FOR ALL TABLES;
:found;

-- info: nothing at commit; off: nothing at all
ALTER TABLE item ADD COLUMN note text;
SET trovella_guard.rules = 'publication_exposes_tenants=off';
:found;
RESET trovella_guard.rules;

-- waived
SELECT trovella_guard.allow('regress_publication.item', 'the analytics replica', 'publication_exposes_tenants');
:found;
SELECT trovella_guard.disallow('regress_publication.item', 'publication_exposes_tenants');

DROP PUBLICATION regress_all;
DROP PUBLICATION regress_nothing;
DROP SCHEMA regress_publication, regress_publication2 CASCADE;
