--
-- probe(): rows for tables that are particular about them
--
CREATE ROLE regress_probe_rows;
SET client_min_messages = warning;
SET trovella_guard.mode = off;
SET trovella_guard.app_role = 'regress_probe_rows';
CREATE SCHEMA probed_rows;
GRANT USAGE ON SCHEMA probed_rows TO regress_probe_rows;
SET search_path = probed_rows, public;

-- The worst outcome of a table item with these columns, and of one that leaks
CREATE FUNCTION worst(relation regclass) RETURNS text LANGUAGE sql AS $$
	SELECT p.outcome FROM trovella_guard.probe(relation) p
	ORDER BY array_position('{leaks,not_tried,vacuous,isolated,denied}', p.outcome) LIMIT 1
$$;
CREATE FUNCTION tried(columns text, partitioned text DEFAULT '', partitions text DEFAULT '')
RETURNS TABLE (good text, leaky text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE item (%s, open boolean) %s', columns, partitioned);
	EXECUTE partitions;
	GRANT ALL ON item TO regress_probe_rows;
	ALTER TABLE item ENABLE ROW LEVEL SECURITY;
	CREATE POLICY p ON item USING (organization_id::text = current_setting('app.org', true));
	good := worst('item');
	DROP POLICY p ON item;
	CREATE POLICY p ON item USING (organization_id::text = current_setting('app.org', true) OR open);
	leaky := worst('item');
	DROP TABLE item;
	RETURN NEXT;
END $$;

-- what a tenant looks like
SELECT * FROM tried($$organization_id text CHECK (organization_id ~ '^org_[a-z0-9]{10}$')$$);
SELECT * FROM tried($$organization_id text CHECK (organization_id ~ '^(?:T|U)-\d{4,6}(?:-x)?$')$$);
SELECT * FROM tried($$organization_id text CHECK (organization_id LIKE 'ws-%')$$);
SELECT * FROM tried($$organization_id text CHECK (length(organization_id) = 12)$$);
SELECT * FROM tried($$organization_id text CHECK (organization_id = upper(organization_id) AND length(organization_id) <= 6)$$);
SELECT * FROM tried($$organization_id text CHECK (organization_id IN ('acme', 'beta'))$$);
CREATE DOMAIN code AS text CHECK (value ~ '^[A-Z]{3}$');
SELECT * FROM tried('organization_id code');

-- a pattern that has as many ways as 4 to the power of 60
SET statement_timeout = '60s';
SELECT * FROM tried(format('organization_id text, code text NOT NULL CHECK (code ~ %L)',
	repeat('(', 60) || repeat(')*', 60) || 'xyz$'));
RESET statement_timeout;

-- what other columns look like; also where they must differ
CREATE FUNCTION is_vat(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 ~ '^[A-Z]{2}[0-9]{9}$' $$;
SELECT * FROM tried('organization_id text, vat text NOT NULL UNIQUE CHECK (is_vat(vat))');
SELECT * FROM tried($$organization_id text, email text NOT NULL UNIQUE CHECK (email ~* '^[^@]+@[^@]+\.[a-z]+$')$$);
CREATE TYPE address AS (street text, zip text);
SELECT * FROM tried('organization_id text, address address NOT NULL CHECK (length((address).zip) = 5)');
SELECT * FROM tried($$organization_id text, doc jsonb NOT NULL CHECK (jsonb_typeof(doc) = 'object' AND doc ? 'version')$$);
-- one column because of another one
SELECT * FROM tried($$organization_id text, kind text NOT NULL CHECK (kind IN ('card', 'iban')), card text, iban text,
	CHECK (kind <> 'card' OR card IS NOT NULL), CHECK (kind <> 'iban' OR iban IS NOT NULL)$$);
SELECT * FROM tried('organization_id text, a int, b int, c int, CHECK (num_nonnulls(a, b, c) = 1)');
-- a default that needs what only the application sets
CREATE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql AS $$ SELECT coalesce(current_setting('app.user', true), '')::uuid $$;
SELECT * FROM tried('organization_id text, user_id uuid NOT NULL DEFAULT current_user_id()');

-- partitions: of other tenants, of another time, of one tenant alone, below others, none at all
SELECT * FROM tried('organization_id text', 'PARTITION BY LIST (organization_id)',
	$$CREATE TABLE item_a PARTITION OF item FOR VALUES IN ('acme'); CREATE TABLE item_b PARTITION OF item FOR VALUES IN ('beta')$$);
SELECT * FROM tried('organization_id int', 'PARTITION BY RANGE (organization_id)',
	$$CREATE TABLE item_a PARTITION OF item FOR VALUES FROM (1) TO (100)$$);
SELECT * FROM tried('organization_id text, at timestamptz NOT NULL DEFAULT now()', 'PARTITION BY RANGE (at)',
	$$CREATE TABLE item_a PARTITION OF item FOR VALUES FROM ('2019-03-01') TO ('2019-04-01')$$);
SELECT * FROM tried('organization_id text', 'PARTITION BY LIST (organization_id)',
	$$CREATE TABLE item_a PARTITION OF item FOR VALUES IN ('acme')$$);
SELECT * FROM tried('organization_id text, at date', 'PARTITION BY LIST (organization_id)',
	$$CREATE TABLE item_a PARTITION OF item FOR VALUES IN ('acme', 'beta') PARTITION BY RANGE (at);
	CREATE TABLE item_b PARTITION OF item_a FOR VALUES FROM ('2019-03-01') TO ('2019-04-01')$$);
SELECT * FROM tried('organization_id text, at date', 'PARTITION BY LIST (organization_id)',
	$$CREATE TABLE item_a PARTITION OF item FOR VALUES IN ('acme', 'beta') PARTITION BY RANGE (at)$$);
SELECT * FROM tried('organization_id text, at date', 'PARTITION BY RANGE (at)');
SELECT * FROM tried('organization_id text', 'PARTITION BY HASH (organization_id)');
SELECT count(*) AS left_behind FROM pg_class WHERE relname LIKE 'trovella_guard_probe%';

-- The script makes the partition, too.
CREATE TABLE bare (organization_id text) PARTITION BY LIST (organization_id);
GRANT SELECT ON bare TO regress_probe_rows;
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON bare FOR SELECT USING (true);
SELECT regexp_replace(evidence, 'probe_\d+', 'probe_N') AS evidence FROM trovella_guard.probe('bare')
WHERE command = 'SELECT' AND session = 'bound';
-- What an event trigger does that is always enabled, a rollback may not undo.
CREATE FUNCTION boom() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'boom'; END $$;
CREATE EVENT TRIGGER regress_boom ON ddl_command_start EXECUTE FUNCTION boom();
SELECT worst('bare');
ALTER EVENT TRIGGER regress_boom DISABLE;
ALTER EVENT TRIGGER regress_boom ENABLE ALWAYS;
SELECT DISTINCT outcome, evidence FROM trovella_guard.probe('bare') WHERE command = 'SELECT';
DROP EVENT TRIGGER regress_boom;

SET client_min_messages = error;
DROP SCHEMA probed_rows CASCADE;
DROP ROLE regress_probe_rows;
