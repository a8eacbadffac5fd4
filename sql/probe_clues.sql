--
-- probe(): what policies depend on
--
CREATE ROLE regress_probe_clues;
SET client_min_messages = warning;
SET trovella_guard.mode = off;
SET trovella_guard.app_role = 'regress_probe_clues';
CREATE SCHEMA probed_clues;
GRANT USAGE ON SCHEMA probed_clues TO regress_probe_clues;
ALTER DEFAULT PRIVILEGES IN SCHEMA probed_clues GRANT ALL ON TABLES TO regress_probe_clues;
SET search_path = probed_clues, public;

-- The worst outcome of a policy on a table item, with more columns
CREATE FUNCTION tried(policy text, columns text DEFAULT 'note text', type text DEFAULT 'text NOT NULL') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TABLE item (organization_id %s, %s)', type, columns);
	ALTER TABLE item ENABLE ROW LEVEL SECURITY;
	EXECUTE format('CREATE POLICY p ON item USING (%s)', policy);
	SELECT p.outcome INTO result FROM trovella_guard.probe('item') p
	ORDER BY array_position('{leaks,not_tried,vacuous,isolated,denied}', p.outcome) LIMIT 1;
	DROP TABLE item CASCADE;
	RETURN result;
END $$;
CREATE FUNCTION org() RETURNS text LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.org', true), '') $$;
CREATE FUNCTION claims() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
CREATE FUNCTION uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (claims() ->> 'sub')::uuid $$;

-- a setting that only LIMIT or OFFSET depends on
SELECT tried('organization_id = ALL (SELECT max(i) FROM unnest(ARRAY[org()]) i OFFSET length(org()))');
-- claims: a path as arguments, a subscript, objects in a list, keys of an object, a list in a column
SELECT tried($$organization_id = jsonb_extract_path_text(claims(), 'tenant', 'id')$$);
SELECT tried($$to_jsonb(organization_id) = (claims())['org']$$);
SELECT tried($$organization_id IN (SELECT o ->> 'id' FROM jsonb_array_elements(claims() -> 'orgs') o)$$);
SELECT tried($$organization_id IN (SELECT o ->> 'id' FROM jsonb_array_elements(claims() -> 'orgs') o WHERE o ->> 'role' = 'x' OR true)$$);
SELECT tried($$organization_id IN (SELECT jsonb_object_keys(claims() -> 'orgs'))$$);
CREATE TABLE organization (id text PRIMARY KEY, users jsonb NOT NULL);
SELECT tried($$organization_id IN (SELECT o.id FROM organization o WHERE o.users ? uid()::text)$$);
-- settings: an array, one that need only be there, a name that is put together, one of PostgreSQL's own
SELECT tried($$organization_id = ANY (nullif(current_setting('app.orgs', true), '')::uuid[])$$, type => 'uuid NOT NULL');
SELECT tried($$organization_id = org() AND current_setting('app.user', true) <> ''$$);
SELECT tried($$organization_id = org() OR current_setting('app.user', true) <> ''$$);
CREATE FUNCTION ctx(k text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.' || k, true) $$;
SELECT tried($$organization_id = ctx('org')$$);
SELECT tried($$organization_id = org() OR current_setting('application_name') = 'console'$$);
-- a whole row, and columns that are generated from others
CREATE TABLE document (organization_id text NOT NULL, state text);
ALTER TABLE document ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION visible(d document) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT d.organization_id = probed_clues.org() OR d.state = 'open' $$;
CREATE POLICY p ON document USING (visible(document));
SELECT DISTINCT outcome FROM trovella_guard.probe('document') WHERE session = 'bound';
DROP TABLE document CASCADE;
SELECT tried('copy = org()', 'copy text GENERATED ALWAYS AS (organization_id) STORED');
SELECT tried('organization_id = org() OR free', 'price int NOT NULL, free boolean GENERATED ALWAYS AS (price = 0) STORED');
SELECT tried($$organization_id = org() OR kind = 'public'$$, 'code text, kind text GENERATED ALWAYS AS (lower(code)) STORED');
-- JSON columns
SELECT tried($$organization_id = org() OR meta @> '{"visible": "all"}'$$, 'meta jsonb');
SELECT tried($$organization_id = org() OR meta ? 'public'$$, 'meta jsonb');
SELECT tried($$organization_id = org() OR (meta ->> 'public')::boolean$$, 'meta jsonb');

-- what functions make the same of tenants
SELECT tried('lower(organization_id) = lower(org())');
SELECT tried('lower(organization_id) = lower(org())', 'CHECK (organization_id = lower(organization_id))');
SELECT tried('trim(organization_id) = org()');
SELECT tried($$replace(organization_id, '-', '') = org()$$);
SELECT tried($$split_part(organization_id, '-', 1) = org()$$);
SELECT tried('organization_id::char(20) = org()');
SELECT tried($$organization_id ~ ('^' || org() || '$')$$);
SELECT tried('round(organization_id) = org()::numeric', type => 'numeric NOT NULL');
-- what else may be open: a key, a length, a pattern, a number that is not there
SELECT tried('organization_id = org() OR id < 100', 'id int PRIMARY KEY');
SELECT tried('organization_id = org() OR id > 1000000000', 'id int PRIMARY KEY');
SELECT tried('organization_id = org() OR length(note) > 20');
SELECT tried($$organization_id = org() OR note ~ '^public:[0-9]'$$);

-- Membership: each user has one of the roles, and one of them all.
CREATE TABLE member (organization_id uuid, user_id uuid, role text NOT NULL DEFAULT 'member', state text NOT NULL DEFAULT 'new',
	deleted_at timestamptz, expires_at timestamptz, PRIMARY KEY (organization_id, user_id));
CREATE FUNCTION of_member(condition text) RETURNS text LANGUAGE sql AS $$
	SELECT tried('organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() AND ' || condition || ')', type => 'uuid NOT NULL')
$$;
SELECT of_member($$m.role = 'admin'$$);
SELECT of_member($$m.state = 'active' AND m.deleted_at IS NULL AND m.role <> 'guest'$$);
SELECT of_member('m.expires_at > now()');
SELECT of_member($$m.role = 'admin' OR m.role = 'root' AND m.organization_id IS NOT NULL OR EXISTS (SELECT FROM member WHERE user_id = uid() AND role = 'root')$$);
SELECT tried($$EXISTS (SELECT FROM member m WHERE m.user_id = uid() AND m.role = 'owner')$$, type => 'uuid NOT NULL');
CREATE FUNCTION rank(o uuid) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
	r text;
BEGIN
	SELECT role INTO r FROM probed_clues.member WHERE user_id = probed_clues.uid() AND organization_id = o;
	RETURN CASE r WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 ELSE 0 END;
END $$;
SELECT tried('rank(organization_id) >= 3', type => 'uuid NOT NULL');
-- who is banned is in a table
CREATE TABLE banned (user_id uuid);
SELECT of_member('NOT EXISTS (SELECT FROM banned b WHERE b.user_id = uid())');
-- users by their e-mail address, and by the role in the database
CREATE TABLE app_user (email text PRIMARY KEY CHECK (email LIKE '%@%'), organization_id text NOT NULL);
SELECT tried($$organization_id = (SELECT u.organization_id FROM app_user u WHERE u.email = claims() ->> 'email')$$);
CREATE TABLE login (name name, organization_id text);
SELECT tried('organization_id IN (SELECT l.organization_id FROM login l WHERE l.name = current_user)');

SET client_min_messages = error;
DROP SCHEMA probed_clues CASCADE;
DROP ROLE regress_probe_clues;
