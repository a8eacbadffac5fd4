--
-- What the scope fuzzer needs in its database: the neighbours that random
-- policies call, the rows of three tenants and of none, and the function by
-- which PostgreSQL itself says what a set of policies lets through.
--
SET client_min_messages = warning;
SET trovella_guard.mode = off;
CREATE SCHEMA fuzz;
GRANT USAGE ON SCHEMA fuzz TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA fuzz GRANT ALL ON TABLES TO PUBLIC;

-- The tenants in each type that a tenant column may have.
CREATE DOMAIN fuzz.org_domain AS text;
CREATE TYPE fuzz.org_enum AS ENUM ('oA', 'oB', 'oC');

-- Who is a member of which tenant: u1 of A, u2 of B, u3 of C.
CREATE TABLE fuzz.member (user_id text, role text, org_text text,
	org_uuid uuid, org_int int, org_varchar varchar, org_domain fuzz.org_domain,
	org_enum fuzz.org_enum);
INSERT INTO fuzz.member VALUES
	('u1', 'user', 'oA', 'aaaaaaaa-0000-4000-8000-000000000000', 1, 'oA', 'oA', 'oA'),
	('u2', 'admin', 'oB', 'bbbbbbbb-0000-4000-8000-000000000000', 2, 'oB', 'oB', 'oB'),
	('u3', 'guest', 'oC', 'cccccccc-0000-4000-8000-000000000000', 3, 'oC', 'oC', 'oC');

CREATE TABLE fuzz.usual_member AS TABLE fuzz.member;

-- The same behind row-level security of its own.
CREATE TABLE fuzz.guarded_member (LIKE fuzz.member);
INSERT INTO fuzz.guarded_member SELECT * FROM fuzz.member;
ALTER TABLE fuzz.guarded_member ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON fuzz.guarded_member
	USING (user_id = current_setting('app.user', true));

-- Helpers for each type.
DO $$
DECLARE
	kind text;
	type text;
BEGIN
	FOREACH kind IN ARRAY '{text,uuid,int,varchar,domain,enum}'::text[] LOOP
		type := CASE kind WHEN 'domain' THEN 'fuzz.org_domain'
			WHEN 'enum' THEN 'fuzz.org_enum' ELSE kind END;
		-- to the prover a helper's value is a value of its own: so it is
		EXECUTE format('CREATE FUNCTION fuzz.org_%1$s() RETURNS %2$s STABLE
			LANGUAGE sql RETURN nullif(current_setting(''app.my_%1$s'', true), '''')::%2$s',
			kind, type);
		EXECUTE format('CREATE FUNCTION fuzz.volatile_%1$s() RETURNS %2$s VOLATILE
			LANGUAGE sql RETURN nullif(current_setting(''app.org_%1$s'', true), '''')::%2$s',
			kind, type);
		EXECUTE format('CREATE FUNCTION fuzz.frozen_%1$s() RETURNS %2$s IMMUTABLE
			LANGUAGE plpgsql AS $f$ BEGIN
			RETURN nullif(current_setting(''app.org_%1$s'', true), '''')::%2$s; END $f$',
			kind, type);
		EXECUTE format('CREATE FUNCTION fuzz.orgs_%1$s() RETURNS SETOF %2$s STABLE
			LANGUAGE sql AS $f$ SELECT s::%2$s FROM current_setting(''app.my_%1$s'', true) s WHERE s <> '''' $f$',
			kind, type);
		EXECUTE format('CREATE FUNCTION fuzz.is_mine_%1$s(%2$s) RETURNS boolean STABLE
			LANGUAGE sql RETURN $1::text = current_setting(''app.org_%1$s'', true)',
			kind, type);
	END LOOP;
END $$;
CREATE FUNCTION fuzz.is_admin() RETURNS boolean STABLE LANGUAGE sql
	RETURN current_setting('app.role', true) = 'admin';
-- The switches of administrators, which are off in all sessions.
CREATE FUNCTION fuzz.is_root() RETURNS boolean STABLE LANGUAGE sql
	RETURN current_setting('app.bypass', true) = 'on';
SET client_min_messages = error;
SELECT trovella_guard.allow_bypass('app.bypass', 'to see what it opens') \g /dev/null
SELECT trovella_guard.allow_bypass('fuzz.is_root()', 'to see what it opens') \g /dev/null
SET client_min_messages = warning;
CREATE FUNCTION fuzz.owns(text) RETURNS boolean STABLE LANGUAGE sql
	RETURN $1 = current_setting('app.user', true);

-- The rows that every table gets: A's, B's, C's and nobody's, each with nine
-- combinations of the other columns (an orthogonal array of strength two), or,
-- for a closer look, with all of them.
CREATE TABLE fuzz.row AS
SELECT row_number() OVER () AS id, label,
	(ARRAY['u1', 'u2', NULL])[1 + a] AS user_id,
	(ARRAY[true, false, NULL])[1 + b] AS is_public,
	(ARRAY['A', 'B', NULL])[1 + c] AS other,
	c <> (a + b) % 3 AS extra
FROM (VALUES ('A'), ('B'), ('C'), (NULL)) l(label),
	generate_series(0, 2) a, generate_series(0, 2) b, generate_series(0, 2) c;


CREATE FUNCTION fuzz.tenant(label text, kind text) RETURNS text IMMUTABLE
LANGUAGE sql RETURN CASE kind
	WHEN 'uuid' THEN CASE label
		WHEN 'A' THEN 'aaaaaaaa-0000-4000-8000-000000000000'
		WHEN 'B' THEN 'bbbbbbbb-0000-4000-8000-000000000000'
		WHEN 'C' THEN 'cccccccc-0000-4000-8000-000000000000' END
	WHEN 'int' THEN CASE label WHEN 'A' THEN '1' WHEN 'B' THEN '2'
		WHEN 'C' THEN '3' END
	-- strings begin alike; 'A,B' stands for two of them
	ELSE regexp_replace(label, '\m([ABC])\M', 'o\1', 'g') END;

-- One set of policies: makes the table, or says why it could not.
CREATE FUNCTION fuzz.make(name text, kind text, type text, not_null boolean,
	stays boolean, policies text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	EXECUTE format('CREATE TABLE fuzz.%I (id int, label text,
		organization_id %s %s, user_id text, is_public boolean,
		other_org %s, touched boolean)', name, type,
		CASE WHEN not_null THEN 'NOT NULL' ELSE '' END, type);
	EXECUTE format('ALTER TABLE fuzz.%I ENABLE ROW LEVEL SECURITY', name);
	-- a table of which nobody may UPDATE the tenant column
	IF stays THEN
		EXECUTE format('REVOKE UPDATE ON fuzz.%1$I FROM PUBLIC;
			GRANT UPDATE (id, label, user_id, is_public, other_org, touched)
			ON fuzz.%1$I TO PUBLIC', name);
	END IF;
	FOREACH statement IN ARRAY policies LOOP
		EXECUTE replace(statement, 'item', 'fuzz.' || name);
	END LOOP;
	EXECUTE format('INSERT INTO fuzz.%I SELECT id, label,
		fuzz.tenant(label, %L)::%s, user_id, is_public,
		fuzz.tenant(other, %L)::%s FROM fuzz.row WHERE label IS NOT NULL OR %L',
		name, kind, type, kind, type, NOT not_null);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;

-- The prover's answer: 'command:answer' for each command with a doubt.  "own"
-- is unproven, too, but says that the rows are the session user's own.
CREATE FUNCTION fuzz.answer(name text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(command || ':' || answer, ' ')
	FROM (SELECT command, CASE
			WHEN bool_or(rule = 'policy_unscoped') THEN 'unscoped'
			WHEN bool_and(message ~ ', of whatever tenant$') THEN 'own'
			ELSE 'unproven' END AS answer
		FROM trovella_guard.check(('fuzz.' || name)::regclass),
			regexp_split_to_table(substring(message FROM
				'^policy "\w+"(?: with restrictive policy "\w+")? for ([A-Z, ]+):'),
				', ') command
		WHERE rule IN ('policy_unscoped', 'policy_unproven')
		GROUP BY command) a
$$;

-- What a trial says of each command, the worst of all roles and sessions:
-- 'command:outcome'.  "isolated" only where it was shown.
CREATE FUNCTION fuzz.probe(name text, roles name[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(command || ':' || outcome, ' ')
	FROM (SELECT command, CASE
			WHEN bool_or(outcome = 'leaks') THEN 'leaks'
			WHEN bool_or(outcome = 'not_tried') THEN 'not_tried'
			WHEN bool_and(outcome = 'isolated') THEN 'isolated'
			ELSE 'vacuous' END AS outcome
		FROM unnest(roles) role,
			trovella_guard.probe(('fuzz.' || name)::regclass, role)
		GROUP BY command) a);
EXCEPTION WHEN internal_error THEN
	-- it contradicts the proof, and says so itself
	RETURN 'probe:leaks';
END $$;

-- The first of the findings that call the table unscoped, on one line.
CREATE FUNCTION fuzz.finding(name text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(min(message), '\s+', ' ', 'g')
	FROM trovella_guard.check(('fuzz.' || name)::regclass)
	WHERE rule = 'policy_unscoped'
$$;

-- After the answer: lets the observer aim UPDATE and DELETE at certain rows
-- without a WHERE, which would bring the SELECT policies in.
CREATE FUNCTION fuzz.aim(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE POLICY zz_aim_u ON fuzz.%I AS RESTRICTIVE
		FOR UPDATE USING (id = ANY (current_setting(''fuzz.rows'')::int[]))
		WITH CHECK (true)', name);
	EXECUTE format('CREATE POLICY zz_aim_d ON fuzz.%I AS RESTRICTIVE
		FOR DELETE USING (id = ANY (current_setting(''fuzz.rows'')::int[]))',
		name);
END $$;

-- Runs a statement as a plain role and undoes it.  Returns the number of rows
-- it touched; -1 if it failed.
CREATE FUNCTION fuzz.attempt(role text, statement text) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
	touched int;
BEGIN
	BEGIN
		PERFORM set_config('role', role, true);
		EXECUTE statement;
		GET DIAGNOSTICS touched = ROW_COUNT;
		RAISE EXCEPTION USING ERRCODE = 'FZ000', MESSAGE = touched;
	EXCEPTION
		WHEN SQLSTATE 'FZ000' THEN
			RETURN SQLERRM::int;
		WHEN OTHERS THEN
			RETURN -1;
	END;
END $$;

-- All ways in which this session, whose tenants are "mine", can see, add,
-- change or remove a row of another one: 'command'.  "spare": which is not its
-- user's own either.
CREATE FUNCTION fuzz.observe(name text, kind text, type text,
	not_null boolean, commands text, mine text[], roles text[],
	closer_look int, spare boolean)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	role text;
	leaks text[] := '{}';
	tenant text;
	foreigners int[];
	own int[];
	n int;
	r fuzz.row;
BEGIN
	-- nobody's rows are foreign to everybody, to nobody's session, too
	SELECT array_agg(id) FILTER (WHERE label = ANY (mine)),
		array_agg(id) FILTER (WHERE CASE WHEN label IS NULL THEN NOT not_null
			ELSE label <> ALL (mine) END
			AND NOT (spare AND (other = ANY (mine) OR user_id = ANY
				(string_to_array(current_setting('app.user', true), ',')))
				IS TRUE))
		INTO own, foreigners FROM fuzz.row
		WHERE NOT extra OR closer_look > 0;
	FOREACH role IN ARRAY roles LOOP
		IF commands ~ 'SELECT' AND NOT 'SELECT' = ANY (leaks) THEN
			n := fuzz.attempt(role, format('SELECT FROM fuzz.%I WHERE id = ANY (%L)',
				name, foreigners));
			IF n > 0 THEN
				leaks := leaks || 'SELECT'::text;
			ELSIF n < 0 THEN
				-- a cast of one row's may hide the other rows
				FOR r IN SELECT * FROM fuzz.row WHERE id = ANY (foreigners) LOOP
					IF fuzz.attempt(role, format('SELECT FROM fuzz.%I WHERE id = %s',
							name, r.id)) > 0 THEN
						leaks := leaks || 'SELECT'::text;
						EXIT;
					END IF;
				END LOOP;
			END IF;
		END IF;

		IF commands ~ 'DELETE' AND NOT 'DELETE' = ANY (leaks) THEN
			PERFORM set_config('fuzz.rows', foreigners::text, false);
			n := fuzz.attempt(role, format('DELETE FROM fuzz.%I', name));
			IF n < 0 THEN
				FOR r IN SELECT * FROM fuzz.row WHERE id = ANY (foreigners) LOOP
					PERFORM set_config('fuzz.rows', format('{%s}', r.id), false);
					n := fuzz.attempt(role, format('DELETE FROM fuzz.%I', name));
					EXIT WHEN n > 0;
				END LOOP;
			END IF;
			IF n > 0 THEN
				leaks := leaks || 'DELETE'::text;
			END IF;
		END IF;

		IF commands ~ 'UPDATE' AND NOT 'UPDATE' = ANY (leaks) THEN
			-- an old row of another tenant: as it is, or taken over
			PERFORM set_config('fuzz.rows', foreigners::text, false);
			n := fuzz.attempt(role, format('UPDATE fuzz.%I SET touched = true', name));
			IF n < 0 THEN
				FOR r IN SELECT * FROM fuzz.row WHERE id = ANY (foreigners) LOOP
					PERFORM set_config('fuzz.rows', format('{%s}', r.id), false);
					n := fuzz.attempt(role, format('UPDATE fuzz.%I SET touched = true', name));
					FOREACH tenant IN ARRAY mine LOOP
						EXIT WHEN n > 0;
						n := fuzz.attempt(role, format('UPDATE fuzz.%I SET organization_id = %L',
							name, fuzz.tenant(tenant, kind)));
					END LOOP;
					EXIT WHEN n > 0;
				END LOOP;
			END IF;
			IF n > 0 THEN
				leaks := leaks || 'UPDATE'::text;
			END IF;
		END IF;

		IF commands ~ 'INSERT|UPDATE' THEN
			PERFORM set_config('fuzz.rows', own::text, false);
			-- A sample of the new rows, another one for each table, or,
			-- looking closer, for each session.
			FOR r IN SELECT * FROM fuzz.row WHERE id = ANY (foreigners)
				AND CASE WHEN closer_look > 0 THEN (id + closer_look) % 5 = 0
					ELSE (id + hashtext(name)) % 9 IN (0, 4) END LOOP
				IF commands ~ 'INSERT' AND NOT 'INSERT' = ANY (leaks) THEN
					n := fuzz.attempt(role, format('INSERT INTO fuzz.%I
						(id, organization_id, user_id, is_public, other_org)
						VALUES (%s, %L, %L, %L, %L)', name, r.id,
						fuzz.tenant(r.label, kind), r.user_id, r.is_public,
						fuzz.tenant(r.other, kind)));
					IF n > 0 THEN
						leaks := leaks || 'INSERT'::text;
					END IF;
				END IF;
				-- a row of one's own that is given to another tenant
				IF commands ~ 'UPDATE' AND own IS NOT NULL AND
					NOT 'UPDATE' = ANY (leaks) THEN
					n := fuzz.attempt(role, format('UPDATE fuzz.%I
						SET organization_id = %L, user_id = %L, is_public = %L,
							other_org = %L', name,
						fuzz.tenant(r.label, kind), r.user_id, r.is_public,
						fuzz.tenant(r.other, kind)));
					IF n > 0 THEN
						leaks := leaks || 'UPDATE'::text;
					END IF;
				END IF;
				-- rows of another tenant whose other columns change
				IF commands ~ 'UPDATE' AND NOT 'UPDATE' = ANY (leaks) THEN
					PERFORM set_config('fuzz.rows', foreigners::text, false);
					n := fuzz.attempt(role, format('UPDATE fuzz.%I
						SET user_id = %L, is_public = %L, other_org = %L', name,
						r.user_id, r.is_public, fuzz.tenant(r.other, kind)));
					PERFORM set_config('fuzz.rows', own::text, false);
					IF n > 0 THEN
						leaks := leaks || 'UPDATE'::text;
					END IF;
				END IF;
			END LOOP;
		END IF;
	END LOOP;
	RETURN (SELECT string_agg(DISTINCT l, ' ') FROM unnest(leaks) l);
END $$;

-- Statements that were prepared and run while the session was A's and are
-- executed while it is B's: the commands that then reach a row of A's.
CREATE FUNCTION fuzz.observe_prepared(name text, kind text, type text,
	commands text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	command text;
	statement text;
	leaking int;
	leaks text;
BEGIN
	PERFORM set_config('fuzz.rows', (SELECT array_agg(id) FROM fuzz.row
		WHERE label IS DISTINCT FROM 'B')::text, false);
	FOREACH command IN ARRAY string_to_array(commands, ' ') LOOP
		statement := CASE command
			WHEN 'SELECT' THEN 'SELECT FROM fuzz.%1$I
				WHERE label IS DISTINCT FROM ''B'''
			WHEN 'DELETE' THEN 'DELETE FROM fuzz.%1$I'
			WHEN 'UPDATE' THEN 'UPDATE fuzz.%1$I SET touched = true'
			ELSE 'INSERT INTO fuzz.%1$I (id, organization_id) VALUES (0, %2$L)'
			END;
		BEGIN
			PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
			PERFORM set_config('role', 'scope_fuzz_both', true);
			EXECUTE 'PREPARE fuzz_p AS ' ||
				format(statement, name, fuzz.tenant('A', kind));
			EXECUTE 'EXECUTE fuzz_p';
			PERFORM fuzz.become('B', 'u2', 'user');
			EXECUTE 'EXECUTE fuzz_p';
			GET DIAGNOSTICS leaking = ROW_COUNT;
			RAISE EXCEPTION USING ERRCODE = 'FZ000', MESSAGE = leaking;
		EXCEPTION
			WHEN SQLSTATE 'FZ000' THEN
				leaking := SQLERRM::int;
			WHEN OTHERS THEN
				leaking := 0;
		END;
		BEGIN
			EXECUTE 'DEALLOCATE fuzz_p';
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
		IF leaking > 0 THEN
			leaks := concat_ws(' ', leaks, command);
		END IF;
	END LOOP;
	RETURN leaks;
END $$;

-- Sets the session's settings for all types; a NULL is left unset, which it
-- stays only where the backend has never set it.  The claims, and what the
-- helpers go by, name the same tenant, unless another one is given.
CREATE FUNCTION fuzz.become(org text, member text, role text,
	claimed text DEFAULT NULL, helped text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	kind text;
BEGIN
	FOREACH kind IN ARRAY '{text,uuid,int,varchar,domain,enum}'::text[] LOOP
		IF org IS NOT NULL THEN
			PERFORM set_config('app.org_' || kind,
				coalesce(fuzz.tenant(org, kind), org), false);
		END IF;
		IF coalesce(helped, org) IS NOT NULL THEN
			PERFORM set_config('app.my_' || kind,
				coalesce(fuzz.tenant(coalesce(helped, org), kind), helped, org),
				false);
		END IF;
	END LOOP;
	claimed := coalesce(claimed, org);
	IF claimed IS NOT NULL THEN
		PERFORM set_config('app.claims', CASE WHEN claimed IN ('A', 'B', 'C') THEN
			(SELECT jsonb_object_agg(k, fuzz.tenant(claimed, k))::text
			 FROM unnest('{text,uuid,int,varchar,domain,enum}'::text[]) k)
			ELSE claimed END, false);
	END IF;
	IF member IS NOT NULL THEN
		PERFORM set_config('app.user', member, false);
	END IF;
	IF role IS NOT NULL THEN
		PERFORM set_config('app.role', role, false);
	END IF;
	IF role = '' THEN
		PERFORM set_config('app.bypass', '', false);
	END IF;
END $$;
-- Other contents of the tables that policies read: no members at all, or
-- some more whose tenant is not known.
CREATE FUNCTION fuzz.people(how text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF how = 'nobody' THEN
		TRUNCATE fuzz.member, fuzz.guarded_member;
	ELSIF how = 'anonymous' THEN
		INSERT INTO fuzz.member (user_id, role)
			VALUES ('u1', 'user'), ('u2', 'admin'), (NULL, NULL);
		INSERT INTO fuzz.guarded_member SELECT * FROM fuzz.member
			WHERE org_text IS NULL;
	ELSE
		TRUNCATE fuzz.member, fuzz.guarded_member;
		INSERT INTO fuzz.member SELECT * FROM fuzz.usual_member;
		INSERT INTO fuzz.guarded_member SELECT * FROM fuzz.usual_member;
	END IF;
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fuzz TO PUBLIC;
