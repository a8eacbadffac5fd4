--
-- probe(): rows of two tenants, tried as the application's role
--
CREATE ROLE regress_probe_app;
CREATE ROLE regress_probe_other LOGIN;
SET client_min_messages = warning;
SET trovella_guard.mode = off;
SET trovella_guard.app_role = 'regress_probe_app';
CREATE SCHEMA probed;
GRANT USAGE ON SCHEMA probed TO regress_probe_app, regress_probe_other;
ALTER DEFAULT PRIVILEGES IN SCHEMA probed GRANT ALL ON TABLES TO regress_probe_app;
SET search_path = probed, public;

-- The outcomes of a table, one line for each command
CREATE FUNCTION tried(relation regclass, bind text DEFAULT NULL)
RETURNS TABLE (command text, unset text, bound text, empty text, unknown text)
LANGUAGE sql AS $$
	SELECT p.command,
		min(p.outcome) FILTER (WHERE p.session = 'unset'),
		min(p.outcome) FILTER (WHERE p.session = 'bound'),
		min(p.outcome) FILTER (WHERE p.session = 'empty'),
		min(p.outcome) FILTER (WHERE p.session = 'unknown')
	FROM trovella_guard.probe(relation, bind => tried.bind) p
	GROUP BY p.command
	ORDER BY array_position('{SELECT,INSERT,UPDATE,DELETE}', p.command)
$$;

-- a good table
CREATE TABLE invoice (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	organization_id uuid NOT NULL, note text);
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON invoice
	USING (organization_id = nullif(current_setting('app.org', true), '')::uuid);
SELECT * FROM tried('invoice');

-- It has no trace of the trial: no row, no value of a sequence, no setting.
SELECT count(*) FROM invoice;
SELECT is_called FROM invoice_id_seq;
SELECT current_user, current_setting('session_replication_role') AS replication,
	current_setting('app.org', true) AS org;

-- an arm that lets through what is published
ALTER POLICY p ON invoice
	USING (organization_id = nullif(current_setting('app.org', true), '')::uuid
		OR note = 'published');
SELECT * FROM tried('invoice');

-- The evidence is a script that shows it.
SELECT evidence AS script FROM trovella_guard.probe('invoice')
WHERE command = 'SELECT' AND session = 'bound' \gset
\echo :script
\o /dev/null
:script
\o
SELECT count(*) FROM invoice;
DROP TABLE invoice;

-- A policy that lets a session without a tenant read, and does so again the
-- second time, when the setting has been set before
CREATE TABLE note (organization_id text NOT NULL);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON note FOR SELECT USING (organization_id = current_setting('app.org', true)
	OR current_setting('app.org', true) IS NULL);
SELECT * FROM tried('note');
SELECT * FROM tried('note');
ALTER POLICY p ON note USING (organization_id = current_setting('app.org', true)
	OR current_setting('app.org', true) = '');
SELECT * FROM tried('note');
DROP TABLE note;

-- What a policy sets while the session's own setting is hidden makes no second
-- setting of that name: among many the one or the other would be found.
CREATE FUNCTION setter() RETURNS text LANGUAGE plpgsql SET app.org = 'other' AS $$ BEGIN RETURN 'x'; END $$;
CREATE TABLE note (organization_id text NOT NULL);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON note USING (setter() = 'y' OR organization_id = current_setting('app.org', true));
SET app.org = 'mine';
SELECT DISTINCT outcome FROM trovella_guard.probe('note');
SHOW app.org;
SELECT bool_and(set_config('app.a' || i, '', false) = '' AND current_setting('app.org') = 'mine'),
	bool_and(set_config('app.z' || i, '', false) = '' AND current_setting('app.org') = 'mine')
FROM generate_series(1, 30) i;
SET app.org = 'theirs';
SELECT bool_and(set_config('app.b' || i, '', false) = '' AND current_setting('app.org') = 'theirs'),
	bool_and(set_config('app.y' || i, '', false) = '' AND current_setting('app.org') = 'theirs')
FROM generate_series(1, 30) i;
RESET app.org;
DROP TABLE note;

-- The new row is not checked.
CREATE TABLE note (organization_id text NOT NULL, user_id text);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY r ON note FOR SELECT USING (organization_id = current_setting('app.org', true));
CREATE POLICY i ON note FOR INSERT WITH CHECK (user_id = current_setting('app.user', true));
CREATE POLICY u ON note FOR UPDATE USING (organization_id = current_setting('app.org', true))
	WITH CHECK (true);
SELECT * FROM tried('note');
SELECT evidence FROM trovella_guard.probe('note')
WHERE command <> 'SELECT' AND session = 'bound' ORDER BY command;
DROP TABLE note;

-- Membership: rows are made in the tables that the policy reads.
CREATE TABLE member (user_id uuid, organization_id uuid, role text NOT NULL
	CHECK (role IN ('owner', 'guest')), PRIMARY KEY (user_id, organization_id));
CREATE FUNCTION uid() RETURNS uuid LANGUAGE sql STABLE
	AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid $$;
CREATE TABLE project (id int PRIMARY KEY, organization_id uuid NOT NULL);
ALTER TABLE project ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON project USING (organization_id IN (
	SELECT m.organization_id FROM member m WHERE m.user_id = uid() AND m.role = 'owner'));
SELECT * FROM tried('project');
-- ... without the user
ALTER POLICY p ON project USING (organization_id IN (
	SELECT m.organization_id FROM member m WHERE m.role = 'owner'));
SELECT DISTINCT bound FROM tried('project');

-- by a function that finds the table by its search_path
CREATE FUNCTION my_organizations() RETURNS SETOF uuid LANGUAGE sql STABLE
	AS $$ SELECT organization_id FROM member WHERE user_id = uid() $$;
ALTER POLICY p ON project USING (organization_id IN (SELECT my_organizations()));
SELECT DISTINCT bound FROM tried('project');
SELECT outcome, not_shown FROM trovella_guard.probe_summary('project');

-- by way of the parent
CREATE TABLE task (id int PRIMARY KEY, organization_id uuid NOT NULL, project_id int NOT NULL);
ALTER TABLE task ENABLE ROW LEVEL SECURITY;
ALTER POLICY p ON project USING (organization_id IN (
	SELECT m.organization_id FROM member m WHERE m.user_id = uid()));
CREATE POLICY p ON task USING (project_id IN (SELECT id FROM project));
SELECT * FROM tried('task');
-- a key ties the new row's tenant to its project's
ALTER TABLE project ADD UNIQUE (organization_id, id);
ALTER TABLE task ADD FOREIGN KEY (organization_id, project_id) REFERENCES project (organization_id, id);
SELECT * FROM tried('task');
DROP TABLE task, project, member;
DROP FUNCTION my_organizations;

-- rows that constraints are particular about
CREATE TYPE state AS ENUM ('draft', 'done');
CREATE DOMAIN code AS text CHECK (value ~ '^[A-Z]{3}$');
CREATE TABLE parcel (
	id bigserial PRIMARY KEY,
	organization_id varchar(8) NOT NULL CHECK (length(organization_id) >= 3),
	state state NOT NULL,
	currency code NOT NULL,
	email text NOT NULL CHECK (email LIKE '%@%'),
	weight numeric(4, 1) NOT NULL CHECK (weight > 3),
	tags text[] NOT NULL,
	days daterange NOT NULL,
	place point NOT NULL,
	doc jsonb NOT NULL,
	total numeric GENERATED ALWAYS AS (weight * 2) STORED,
	parent bigint NOT NULL REFERENCES parcel,
	CHECK (state <> 'done' OR weight > 10)
);
ALTER TABLE parcel ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON parcel USING (organization_id = current_setting('app.org', true));
SELECT * FROM tried('parcel');
CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'boom'; END $$;
CREATE TRIGGER boom BEFORE INSERT OR UPDATE OR DELETE ON parcel FOR EACH ROW EXECUTE FUNCTION boom();
SELECT DISTINCT bound FROM tried('parcel');
DROP TABLE parcel;

-- a default that needs what only the application has
CREATE FUNCTION of_the_application() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'not here'; END $$;
CREATE TABLE token (organization_id text NOT NULL, token text NOT NULL DEFAULT of_the_application());
ALTER TABLE token ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON token USING (organization_id = current_setting('app.org', true));
SELECT DISTINCT bound FROM tried('token');
DROP TABLE token;
-- a key that a policy looks at
CREATE TABLE keyed (id int PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE keyed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON keyed USING (id IS NOT NULL);
SELECT * FROM tried('keyed');
DROP TABLE keyed;

-- partitions, as the role may name them
CREATE TABLE event (organization_id text NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE event_old PARTITION OF event FOR VALUES FROM ('1990-01-01') TO ('2000-01-01');
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON event USING (organization_id = current_setting('app.org', true));
SELECT * FROM tried('event');
SELECT * FROM tried('event_old');
DROP TABLE event;

-- views and SECURITY DEFINER functions
CREATE TABLE order_ (id int PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE order_ ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON order_ USING (organization_id = current_setting('app.org', true));
CREATE VIEW invoker WITH (security_invoker) AS SELECT * FROM order_;
CREATE VIEW definer AS SELECT * FROM order_ WHERE id > 0;
CREATE VIEW blind AS SELECT count(*) FROM order_;
CREATE FUNCTION all_orders() RETURNS SETOF order_ LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT * FROM probed.order_ $$;
SELECT relation, command, session, outcome FROM trovella_guard.probe('order_')
WHERE relation <> 'order_'::regclass OR command LIKE 'function%'
ORDER BY relation::text, command, session;
DROP TABLE order_ CASCADE;

-- rows that are there
CREATE TABLE letter (organization_id text NOT NULL, body text);
INSERT INTO letter VALUES ('acme', 'a'), ('globex', 'b');
ALTER TABLE letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON letter USING (organization_id = current_setting('app.org', true) OR organization_id = 'globex');
SELECT evidence FROM trovella_guard.probe('letter') WHERE command = 'SELECT' AND session = 'bound';

-- a document in one of them is not copied into those that are made
CREATE TABLE document (organization_id text NOT NULL, note text NOT NULL, body text NOT NULL);
INSERT INTO document VALUES ('acme', 'short', repeat('long', 1000000));
ALTER TABLE document ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON document FOR INSERT WITH CHECK (true);
SELECT evidence ~ 'short' AS copied, length(evidence) < 1000 AS short FROM trovella_guard.probe('document')
WHERE command = 'INSERT' AND session = 'bound';
DROP TABLE document;
-- tenants whose names would be statements of the script
INSERT INTO letter VALUES (E'globex\nDROP TABLE probed.letter;');
DELETE FROM letter WHERE organization_id = 'globex';
CREATE VIEW letters AS SELECT * FROM letter;
ALTER POLICY p ON letter USING (true);
SELECT DISTINCT split_part(evidence, E'\n', 2) AS second_line FROM trovella_guard.probe('letter')
WHERE outcome = 'leaks';
DROP VIEW letters;
DELETE FROM letter WHERE organization_id <> 'acme';
INSERT INTO letter VALUES ('globex', 'b');
ALTER POLICY p ON letter USING (organization_id = current_setting('app.org', true) OR organization_id = 'globex');

SELECT * FROM trovella_guard.probe_summary('letter');
-- new rows of a third tenant that has some
CREATE TABLE favoured (org text);
INSERT INTO favoured VALUES ('zorg');
INSERT INTO letter VALUES ('zorg', 'c');
ALTER POLICY p ON letter USING (organization_id = current_setting('app.org', true))
	WITH CHECK (organization_id = CASE WHEN body IS NULL THEN current_setting('app.org', true)
		ELSE (SELECT max(org) FROM favoured) END);
SELECT command, bound FROM tried('letter');
DELETE FROM letter WHERE organization_id = 'zorg';
DROP POLICY p ON letter;
DROP TABLE favoured;
CREATE POLICY p ON letter USING (organization_id = current_setting('app.org', true));
SELECT * FROM trovella_guard.probe_summary('letter');

-- the role of the tenant, its privileges, and the commands without a policy
ALTER POLICY p ON letter USING (organization_id = current_user);
SELECT * FROM tried('letter');
REVOKE DELETE ON letter FROM regress_probe_app;
DROP POLICY p ON letter;
CREATE POLICY p ON letter FOR SELECT USING (organization_id = current_setting('app.org', true));
SELECT command, outcome, evidence FROM trovella_guard.probe('letter') WHERE session = 'bound';

-- Policies for other roles are none, and some columns may be all that it may read.
ALTER POLICY p ON letter TO regress_probe_other;
SELECT DISTINCT outcome, evidence FROM trovella_guard.probe('letter') WHERE command = 'SELECT';
REVOKE SELECT ON letter FROM regress_probe_app;
GRANT SELECT (organization_id) ON letter TO regress_probe_app;
ALTER POLICY p ON letter TO PUBLIC;
SELECT DISTINCT session, outcome FROM trovella_guard.probe('letter') WHERE command = 'SELECT' ORDER BY session;
ALTER POLICY p ON letter USING (true);
SELECT DISTINCT outcome FROM trovella_guard.probe('letter') WHERE command = 'SELECT';
-- A statement that binds a tenant too slowly prevents the trials, and nothing else.
SELECT DISTINCT session, outcome, evidence FROM trovella_guard.probe('letter', bind => 'SELECT pg_sleep(10), $1')
WHERE command = 'INSERT' ORDER BY session;
GRANT SELECT ON letter TO regress_probe_app;
ALTER POLICY p ON letter USING (organization_id = current_setting('app.org', true));

-- The role owns the table: FORCE ROW LEVEL SECURITY confines it all the same.
CREATE TABLE owned (organization_id text NOT NULL);
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON owned USING (organization_id = current_setting('app.org', true));
ALTER TABLE owned OWNER TO regress_probe_app;
SELECT DISTINCT unset, bound, empty, unknown FROM tried('owned');
ALTER TABLE owned FORCE ROW LEVEL SECURITY;
SELECT * FROM tried('owned');
DROP TABLE owned;

-- a binding of one's own
CREATE FUNCTION bind(tenant text) RETURNS void LANGUAGE plpgsql
	AS $$ BEGIN PERFORM set_config('app.' || 'hidden', tenant, true); END $$;
CREATE FUNCTION tenant() RETURNS text LANGUAGE plpgsql STABLE
	AS $$ DECLARE name text := 'app.'; BEGIN RETURN current_setting(concat(name, 'hidden'), true); END $$;
ALTER POLICY p ON letter USING (organization_id = tenant());
SELECT * FROM tried('letter') WHERE command = 'SELECT';
SELECT * FROM tried('letter', 'SELECT probed.bind($1)') WHERE command = 'SELECT';
SET trovella_guard.bind = 'SELECT probed.bind($1)';
SELECT * FROM tried('letter') WHERE command = 'SELECT';
RESET trovella_guard.bind;

-- Rows cross although the policies are proven: a function of PostgreSQL's own is
-- not what it was.
CREATE TABLE proven (organization_id text NOT NULL);
CREATE TABLE proven_too (organization_id text NOT NULL);
ALTER TABLE proven ENABLE ROW LEVEL SECURITY;
ALTER TABLE proven_too ENABLE ROW LEVEL SECURITY;
CREATE POLICY r ON proven FOR SELECT USING (organization_id = lpad(current_setting('app.org', true), 4));
CREATE POLICY i ON proven FOR INSERT WITH CHECK (true);
CREATE POLICY p ON proven_too USING (organization_id = lpad(current_setting('app.org', true), 4));
SELECT command, bound FROM tried('proven');
BEGIN;
CREATE OR REPLACE FUNCTION pg_catalog.lpad(text, int) RETURNS text LANGUAGE sql IMMUTABLE STRICT RETURN 'acme';
SAVEPOINT s;
-- INSERT is not proven.
SELECT FROM trovella_guard.probe('proven');
ROLLBACK TO s;
-- all tables are named
\set VERBOSITY terse
SELECT FROM trovella_guard.probe_summary() WHERE relation = 'proven'::regclass;
\set VERBOSITY default
ROLLBACK TO s;
-- the trial may be wrong for one more reason
SELECT FROM trovella_guard.probe('proven_too', bind => $$SELECT set_config('app.org', $1, true)$$);
ROLLBACK TO s;
-- What a user's function does is not proven: it leaks, and that is no contradiction.
CREATE FUNCTION my_lpad(text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT lpad($1, 4) $$;
ALTER POLICY p ON proven_too USING (organization_id = my_lpad(current_setting('app.org', true)));
SELECT outcome, leaks, proof FROM trovella_guard.probe_summary('proven_too');
-- ... nor is what a view calls
CREATE TABLE worker (user_id text, organization_id text NOT NULL);
CREATE VIEW worker_view AS SELECT user_id, organization_id FROM worker
	UNION ALL SELECT user_id, my_lpad(organization_id) FROM worker;
INSERT INTO proven_too VALUES ('orgn'), ('acme');
GRANT SELECT ON worker_view TO PUBLIC;
ALTER POLICY p ON proven_too USING (organization_id IN (
	SELECT organization_id FROM worker_view WHERE user_id = current_setting('app.user', true)));
SELECT outcome, leaks, proof FROM trovella_guard.probe_summary('proven_too');
-- ... nor what policies do not confine
ALTER POLICY p ON proven_too USING (organization_id = lpad(current_setting('app.org', true), 4));
ALTER TABLE proven_too OWNER TO regress_probe_app;
SELECT outcome, leaks, proof FROM trovella_guard.probe_summary('proven_too');
ROLLBACK;
DROP TABLE proven, proven_too;

-- Code of users runs as the role or as the owner, and cannot become anybody else.
CREATE FUNCTION escape() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', 'none', true);
	RETURN current_setting('is_superuser')::boolean;
END $$;
ALTER POLICY p ON letter USING (escape());
SELECT outcome, evidence FROM trovella_guard.probe('letter') WHERE command = 'SELECT' AND session = 'bound';
-- A function whose body cannot be read keeps no other table from being tried.
CREATE FUNCTION elsewhere() RETURNS boolean LANGUAGE plpgsql
	AS $$ BEGIN RETURN EXISTS (SELECT FROM another_database.public.member); END $$;
CREATE FUNCTION no_type() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'::varchar(0) = ''; END $$;
ALTER POLICY p ON letter USING (elsewhere());
CREATE TABLE note (organization_id text NOT NULL);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON note USING (no_type());
CREATE TABLE readable (organization_id text NOT NULL);
ALTER TABLE readable ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON readable USING (organization_id = current_setting('app.org', true));
SELECT relation, outcome, not_shown FROM trovella_guard.probe_summary() ORDER BY relation::text;
DROP TABLE note, readable;

-- A statement may take two seconds.
ALTER POLICY p ON letter USING (pg_sleep(10) IS NULL);
SELECT outcome, evidence FROM trovella_guard.probe('letter') WHERE command = 'SELECT' AND session = 'unset';

-- A user's cancellation ends the probe, and nothing is left open.
SET statement_timeout = '1s';
SELECT outcome FROM trovella_guard.probe('letter');
RESET statement_timeout;
SELECT count(*) FROM letter;

-- who may, and where
SET SESSION AUTHORIZATION regress_probe_other;
SELECT outcome, evidence FROM trovella_guard.probe('probed.letter') LIMIT 1;
RESET SESSION AUTHORIZATION;
BEGIN READ ONLY;
SELECT FROM trovella_guard.probe('letter');
ROLLBACK;
CREATE FUNCTION in_worker() RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE
	AS $$ BEGIN RETURN (SELECT count(*) FROM trovella_guard.probe('probed.letter')); END $$;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
\set VERBOSITY terse
SELECT sum(in_worker()) FROM letter;
\set VERBOSITY default
ROLLBACK;
SELECT FROM trovella_guard.probe('pg_class');
SELECT FROM trovella_guard.probe('letter', 'regress_probe_nobody');

RESET search_path;
DROP SCHEMA probed CASCADE;
DROP OWNED BY regress_probe_app;
DROP ROLE regress_probe_app, regress_probe_other;
