--
-- probe(): what views and functions show
--
CREATE ROLE regress_probe_windows;
SET client_min_messages = warning;
SET trovella_guard.mode = off;
SET trovella_guard.app_role = 'regress_probe_windows';
CREATE SCHEMA probed_windows;
GRANT USAGE ON SCHEMA probed_windows TO regress_probe_windows;
ALTER DEFAULT PRIVILEGES IN SCHEMA probed_windows GRANT ALL ON TABLES TO regress_probe_windows;
SET search_path = probed_windows, public;
CREATE TABLE item (id int PRIMARY KEY, organization_id text NOT NULL, state text NOT NULL, open boolean NOT NULL);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON item USING (organization_id = current_setting('app.org', true));

-- The outcomes of a view or a function, in the session that is bound
CREATE FUNCTION tried(statement text, OUT command text, OUT outcome text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN QUERY SELECT p.command, p.outcome FROM trovella_guard.probe('item') p
		WHERE p.session = 'bound' AND (p.relation <> 'item'::regclass OR p.command LIKE 'function%')
		ORDER BY array_position('{SELECT,INSERT,UPDATE,DELETE}', p.command);
	DROP VIEW IF EXISTS v;
	DROP FUNCTION IF EXISTS f;
END $$;

-- conditions of their own, which no policy has
SELECT * FROM tried($$CREATE VIEW v WITH (security_barrier) AS
	SELECT id, organization_id FROM item WHERE organization_id = current_setting('app.org', true) OR open$$);
SELECT * FROM tried($$CREATE VIEW v AS SELECT DISTINCT organization_id FROM item WHERE state = 'published'$$);
SELECT * FROM tried($$CREATE FUNCTION f() RETURNS SETOF item LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN RETURN QUERY SELECT * FROM probed_windows.item WHERE state = ''published''; END'$$);
-- the tenant under another name
SELECT * FROM tried('CREATE VIEW v AS SELECT DISTINCT organization_id AS owner FROM item');
SELECT * FROM tried($$CREATE VIEW v AS SELECT DISTINCT organization_id AS owner FROM item
	WHERE organization_id = current_setting('app.org', true)$$);
SELECT * FROM tried($$CREATE FUNCTION f() RETURNS TABLE (n bigint, owner text) LANGUAGE sql SECURITY DEFINER
	AS 'SELECT count(*), i.organization_id FROM probed_windows.item i GROUP BY i.organization_id'$$);
SELECT * FROM tried($$CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER
	AS 'SELECT organization_id FROM probed_windows.item'$$);
-- arguments that need not be given
SELECT * FROM tried($$CREATE FUNCTION f(most int DEFAULT 100) RETURNS SETOF item LANGUAGE sql SECURITY DEFINER
	AS 'SELECT * FROM probed_windows.item LIMIT most'$$);
-- no tenant: it must show the same without the rows of the others
SELECT * FROM tried('CREATE VIEW v AS SELECT DISTINCT id, state FROM item');
SELECT * FROM tried($$CREATE VIEW v AS SELECT DISTINCT id, state FROM item
	WHERE organization_id = current_setting('app.org', true)$$);
SELECT * FROM tried('CREATE VIEW v WITH (security_invoker) AS SELECT count(*) FROM item');
SELECT * FROM tried($$CREATE FUNCTION f() RETURNS SETOF jsonb LANGUAGE sql SECURITY DEFINER
	AS 'SELECT to_jsonb(item) FROM probed_windows.item'$$);
SELECT * FROM tried('CREATE VIEW v WITH (security_invoker) AS SELECT random() FROM item GROUP BY 1');
-- a row that is given away
CREATE VIEW v AS SELECT * FROM item WHERE organization_id = current_setting('app.org', true);
SELECT command, outcome, evidence FROM trovella_guard.probe('item')
WHERE session = 'bound' AND relation = 'v'::regclass AND command IN ('UPDATE', 'DELETE');
SELECT * FROM tried($$CREATE OR REPLACE VIEW v AS SELECT * FROM item WHERE organization_id = current_setting('app.org', true)
	WITH CHECK OPTION$$);

SET client_min_messages = error;
DROP SCHEMA probed_windows CASCADE;
DROP ROLE regress_probe_windows;
