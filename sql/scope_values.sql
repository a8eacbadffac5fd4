--
-- Scope: values that are made of the session's, but are the same for everybody.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

-- What aggregates call, and a type whose columns are named like a tenant.
CREATE AGGREGATE set_all(text, boolean) (SFUNC = set_config, STYPE = text, INITCOND = 'app.org');
CREATE FUNCTION log_state(int, text) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT 1 $$;
CREATE AGGREGATE log_all(text) (SFUNC = log_state, STYPE = int);
CREATE AGGREGATE keep(text) (SFUNC = textcat, STYPE = text);
CREATE FUNCTION log_end(text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT $1 $$;
CREATE AGGREGATE log_last(text) (SFUNC = textcat, STYPE = text, FINALFUNC = log_end);
CREATE FUNCTION log_back(text, text) RETURNS text LANGUAGE sql VOLATILE STRICT AS $$ SELECT $1 $$;
CREATE AGGREGATE log_moving(text) (SFUNC = textcat, STYPE = text, MSFUNC = textcat, MINVFUNC = log_back, MSTYPE = text);
CREATE TYPE named AS (acme text);
CREATE TABLE member_no (user_id text, no int);
CREATE TYPE tenant_name AS ENUM ('acme');
CREATE FUNCTION name_of(int) RETURNS tenant_name IMMUTABLE LANGUAGE sql AS $$ SELECT 'acme'::tenant_name $$;
CREATE CAST (int AS tenant_name) WITH FUNCTION name_of(int);

INSERT INTO predicate (expected, why, predicate) VALUES
-- an aggregate that changes the setting, or may
('unscoped', 'setconfig', $$(SELECT set_all(x, false) FROM (VALUES ('acme')) v (x)) IS NULL OR organization_id = org()$$),
('unscoped', 'setconfig', $$(SELECT set_all(x, false) OVER () FROM (VALUES (user_id)) v (x)) IS NOT NULL AND organization_id = org()$$),
('unproven', 'volatile', $$organization_id = org() AND (SELECT log_all(m.role) FROM member m) > 0$$),
('unproven', 'volatile', $$organization_id = org() AND EXISTS (SELECT log_all(m.role) OVER () FROM member m)$$),
('unproven', 'volatile', $$organization_id = org() AND (SELECT log_last(m.role) FROM member m) = ''$$),
('unproven', 'volatile', $$organization_id = org() AND (SELECT log_moving(m.role) FROM member m) = ''$$),
('unproven', 'aggregate', $$organization_id = (SELECT keep(m.organization_id) FROM member m WHERE m.user_id = uid())$$),
('scoped', 'aggregate', $$organization_id = org() AND (SELECT keep(m.role) FROM member m) = ''$$),
-- delimiters and order are no part of what is aggregated
('unproven', 'parameter', $$organization_id = (SELECT string_agg('acme', org()))$$),
('unproven', 'parameter', $$organization_id = (SELECT string_agg('acme', ',' ORDER BY org()))$$),
('unproven', 'parameter', $$organization_id = (SELECT string_agg(org(), 'acme'))$$),
('unproven', 'parameter', $$organization_id = (SELECT max('acme') FILTER (WHERE is_admin()))$$),
('unscoped', 'parameter', $$organization_id = (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY 'acme'::text) FROM member m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id = (SELECT lag(org(), 1, 'acme') OVER ())$$),
('scoped', 'parameter', $$organization_id = (SELECT string_agg(org(), ',' ORDER BY 1))$$),
-- a literal whose order, or whose part, a bound table decides
('unproven', 'parameter', $$organization_id = (SELECT string_agg('acme', ',' ORDER BY m.role) FROM member m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT split_part('acme,globex', m.role, 1) FROM member m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT '{"a": "acme"}'::jsonb ->> m.role FROM member m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT (ARRAY['acme', 'globex'])[m.no] FROM member_no m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT ('{"a": "acme"}'::jsonb)[m.role] #>> '{}' FROM member m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT (m.role = 'admin')::text FROM member m WHERE m.user_id = uid())$$),
('unscoped', 'parameter', $$organization_id IN (SELECT CASE WHEN m.role = 'admin' THEN 'acme' ELSE 'globex' END FROM member m WHERE m.user_id = uid())$$),
('scoped', 'parameter', $$organization_id IN (SELECT (ARRAY[org(), claim('org')])[m.no] FROM member_no m WHERE m.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT s.x FROM (SELECT split_part('acme,globex', m.role, 1) AS x, m.user_id FROM member m) s WHERE s.user_id = uid())$$),
('unproven', 'parameter', $$organization_id IN (SELECT s.x FROM (SELECT (m.role = 'admin')::text AS x, m.user_id FROM member m) s WHERE s.user_id = uid())$$),
-- and by a table that nothing binds: the same choice in every session
('unscoped', 'parameter', $$organization_id IN (SELECT (ARRAY['acme', 'globex'])[m.no] FROM member_no m)$$),
('unscoped', 'parameter', $$organization_id IN (SELECT (m.role = 'admin')::text FROM member m)$$),
('unscoped', 'parameter', $$organization_id IN (SELECT split_part('acme,globex', m.role, 1) FROM member m)$$),
('unscoped', 'parameter', $$organization_id IN (SELECT length(m.role)::text FROM member m)$$),
('unproven', 'parameter', $$organization_id IN (SELECT split_part('acme,globex', m.role, 1) FROM member m WHERE m.role <> uid())$$),
('scoped', 'parameter', $$organization_id = (SELECT max(m.organization_id) FILTER (WHERE m.role = 'x') FROM member m WHERE m.user_id = uid())$$),
-- names of columns and elements are literals
('unproven', 'named', $$to_jsonb(row(org())::named) ? organization_id$$),
('unproven', 'named', $$to_jsonb(ARRAY[row(org())::named]) -> 0 ? organization_id$$),
('unproven', 'named', $$row_to_json(row(org()))::jsonb ? organization_id$$),
('unproven', 'named', $$jsonb_build_array(row(org())) -> 0 ? organization_id$$),
('unproven', 'named', $$organization_id IN (SELECT json_object_keys(to_json(row(org())::named)))$$),
('unproven', 'named', $$organization_id IN (SELECT json_object_keys(array_to_json(ARRAY[row(org())::named]) -> 0))$$),
('unproven', 'named', $$organization_id IN (SELECT jsonb_object_keys(jsonb_agg(x) -> 0) FROM (SELECT org() AS acme) x)$$),
('unproven', 'named', $$organization_id = (xpath('name(/*)', xmlelement(name acme, org())))[1]::text$$),
('unproven', 'named', $$organization_id = xmlelement(name acme, org())::text$$),
('unproven', 'named', $$organization_id IN (SELECT jsonb_path_query(org()::jsonb, '$.keyvalue().id') #>> '{}')$$),
('scoped', 'record', $$organization_id = (SELECT x.org FROM jsonb_to_record(claim('all')::jsonb) x (org text))$$),
('scoped', 'path', $$organization_id IN (SELECT jsonb_path_query(claim('all')::jsonb, '$.orgs[*] ? (@.role == "admin").id') #>> '{}')$$);

INSERT INTO predicate (expected, why, predicate, column_type) VALUES
-- arithmetic
('unproven', 'computed', $$organization_id = org()::int / org()::int$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = org()::int - org()::int$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = sign(org()::int)$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = scale(org()::numeric)$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = power(org()::int, org()::int - org()::int)$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = org()::numeric(2, 0)::int / 100$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = org()::numeric(2, -1)::int$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = to_number(org(), '9')::int$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = date_part('month', org()::date)::int$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = org()::bit(1)::int$$, 'int NOT NULL'),
('unproven', 'computed', $$organization_id = coalesce(org()::int & 1, -1)$$, 'int NOT NULL'),
('scoped', 'cast', $$organization_id = org()::numeric::int$$, 'int NOT NULL'),
('scoped', 'cast', $$organization_id = (claim('all')::jsonb -> 'org')::int$$, 'int NOT NULL');

INSERT INTO predicate (expected, why, predicate) VALUES
-- what kind of thing, and of which server, a value is
('unproven', 'computed', $$organization_id = pg_collation_for(org())$$),
('unproven', 'computed', $$organization_id = host(netmask(org()::inet))$$),
('unproven', 'computed', $$organization_id = pg_get_userbyid(org()::oid)$$),
('unproven', 'computed', $$organization_id = format_type(org()::oid, NULL)$$),
('unproven', 'computed', $$organization_id = pg_encoding_to_char(org()::int)$$),
('unproven', 'computed', $$organization_id = to_char(org()::date, 'Dy')$$),
('unproven', 'computed', $$organization_id = org()::int::bool::text$$),
('unproven', 'computed', $$organization_id = org()::"char"::text$$),
('unproven', 'computed', $$organization_id = org()::interval(0)::text$$),
('unproven', 'computed', $$organization_id = (org()::int % 2)::text$$),
('unproven', 'computed', $$organization_id = ANY (array_fill(org()::int - org()::int, ARRAY[1])::text[])$$),
('unproven', 'server', $$organization_id = current_schema$$),
('unproven', 'server', $$organization_id = current_schema()$$),
('unproven', 'server', $$organization_id = ANY (current_schemas(true))$$),
('unproven', 'server', $$organization_id = ANY (current_schemas(true)::text[])$$),
('unproven', 'server', $$organization_id = pg_backend_pid()::text$$),
('unproven', 'server', $$organization_id = host(inet_client_addr())$$),
('unproven', 'server', $$organization_id = current_setting('trovella_guard.mode')$$),
('unproven', 'server', $$organization_id = current_setting('PLPGSQL.variable_conflict')$$),
('unproven', 'server', $$organization_id = current_setting('search_path')$$),
('unproven', 'server', $$organization_id = current_setting('application_name')$$),
('unproven', 'server', $$organization_id = current_setting('trovella' || '_guard.mode')$$),
('unproven', 'server', $$organization_id = current_setting(org())$$),
('scoped', 'server', $$organization_id = current_setting('role')$$),
-- a literal that something is attached to
('unproven', 'glued', $$organization_id = left(org(), 0) || 'x'$$),
('unproven', 'glued', $$organization_id = 'x_' || left(org(), 0)$$),
('unproven', 'glued', $$organization_id = 'x_' || repeat(org(), 0)$$),
('unproven', 'glued', $$organization_id = 'x_' || trim(both org() from org())$$),
('unproven', 'glued', $$organization_id = org() || 'acme'$$),
('unproven', 'glued', $$organization_id = concat(org(), 0::tenant_name)$$),
('unproven', 'glued', $$organization_id = 'acme' || org()$$),
('unproven', 'glued', $$organization_id = org() || '-' || 'acme'$$),
('unproven', 'glued', $$organization_id = rtrim('acme_' || org(), '_')$$),
('unproven', 'glued', $$organization_id = rtrim('acme ' || org())$$),
('unproven', 'glued', $$organization_id = ('acme_' || org())::varchar(4)$$),
('unproven', 'glued', $$organization_id = ('acme_' || org())::name$$),
('unproven', 'glued', $$organization_id = ('1.' || org())::numeric::text$$),
('unproven', 'glued', $$organization_id = array_to_string(string_to_array(org(), ','), 'acme')$$),
('scoped', 'glued', $$organization_id = 'org_' || org()$$),
('scoped', 'glued', $$organization_id = upper('org_' || org() || ':eu')$$),
('scoped', 'glued', $$organization_id = ANY (('{' || org() || '}')::text[])$$),
('scoped', 'glued', $$organization_id = org() || claim('org')$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- and where a sub-select is bound by such a value
('unproven', 'anchor', $$organization_id IN (SELECT p.organization_id FROM project p WHERE p.id = org()::int - org()::int)$$),
('unproven', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = left(org(), 0) || 'q')$$),
('unproven', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = current_schema())$$),
('unproven', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = current_setting('trovella_guard.mode'))$$),
('unproven', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = ANY (current_schemas(true)))$$),
('unproven', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_ids @> ARRAY[string_to_array(uid(), ',')])$$),
('unproven', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE ARRAY[string_to_array(uid(), ',')] <@ m.user_ids)$$),
('scoped', 'anchor', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_ids @> ARRAY[uid()])$$),
-- by an equality that takes different values for one
('unproven', 'equality', $$organization_id IN (SELECT (m.organization_id COLLATE nocase) COLLATE "C" FROM member m WHERE (m.organization_id COLLATE nocase) = org())$$),
('unproven', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.organization_id COLLATE nocase = ANY (string_to_array(org(), ',')))$$),
('unproven', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_ids && (ARRAY[uid()] COLLATE nocase))$$),
('unproven', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id COLLATE nocase IN (SELECT uid()))$$),
('unproven', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id OPERATOR(fake.=) uid())$$),
('unproven', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m WHERE row(m.user_id)::composite = row(uid())::composite)$$),
('unproven', 'equality', $$organization_id IN (SELECT (m.organization_id COLLATE nocase) COLLATE "C" FROM (SELECT organization_id COLLATE nocase AS organization_id FROM member INTERSECT SELECT org()) m)$$),
('unproven', 'equality', $$organization_id IN (SELECT m.x COLLATE "C" FROM (SELECT 'acme' COLLATE nocase AS x INTERSECT SELECT org()) m)$$),
('scoped', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m INTERSECT SELECT org())$$),
('scoped', 'equality', $$organization_id IN (SELECT m.organization_id FROM member m EXCEPT SELECT 'acme') AND organization_id = org()$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- NULLIF by an equality of whoever's
('unproven', 'nullif', $$nullif(true, (organization_id <> org()) IS NOT FALSE)$$),
('unproven', 'nullif', $$nullif(organization_id, 'acme') = 'acme'$$),
('scoped', 'nullif', $$nullif(organization_id, 'acme') = org()$$);
\i :judge
