--
-- Scope: which sub-selects are bound to the session?
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

INSERT INTO predicate (expected, why, predicate) VALUES
('scoped', 'whole', $$(SELECT org() = organization_id)$$),
('scoped', 'whole', $$(SELECT (organization_id = org() AND is_public))$$),
('unscoped', 'whole', $$(SELECT organization_id = org() OR is_public)$$),
('unscoped', 'whole', $$(SELECT organization_id = org()) IS NULL$$),
('scoped', 'whole', $$(SELECT (SELECT org() = organization_id))$$),
('scoped', 'where', $$(SELECT true WHERE organization_id = org())$$),
('scoped', 'where', $$EXISTS (SELECT 1 WHERE organization_id = org())$$),
('unscoped', 'where', $$NOT EXISTS (SELECT 1 WHERE is_public)$$),
('scoped', 'where', $$NOT EXISTS (SELECT 1 WHERE (organization_id = org()) IS NOT TRUE)$$),
('unscoped', 'where', $$NOT EXISTS (SELECT 1 WHERE organization_id <> org())$$),
('scoped', 'never', $$NOT EXISTS (SELECT 1)$$),
('unscoped', 'aggregate', $$EXISTS (SELECT count(*) WHERE is_public)$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid())$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = current_setting('app.user_id', true) AND m.role = 'admin')$$),
('scoped', 'membership', $$organization_id = ANY (ARRAY(SELECT m.organization_id FROM member m WHERE m.user_id = uid()))$$),
('scoped', 'membership', $$organization_id = ANY ((SELECT array_agg(m.organization_id) FROM member m WHERE m.user_id = uid())::text[])$$),
('scoped', 'membership', $$organization_id = (SELECT m.organization_id FROM member m WHERE m.user_id = uid() LIMIT 1)$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE uid() = ANY (m.user_ids))$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_ids @> ARRAY[uid()])$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m JOIN app_user u ON u.id = m.user_id WHERE u.sub = claim('sub'))$$),
('scoped', 'membership', $$organization_id IN (SELECT organization_id FROM member JOIN app_user USING (organization_id) WHERE sub = claim('sub'))$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id IN (SELECT u.id FROM app_user u WHERE u.sub = claim('sub')))$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = (SELECT u.id FROM app_user u WHERE u.sub = claim('sub')))$$),
('scoped', 'membership', $$organization_id IN (WITH mine AS (SELECT m.organization_id FROM member m WHERE m.user_id = uid()) SELECT organization_id FROM mine)$$),
('scoped', 'membership', $$organization_id IN (SELECT x.o FROM (SELECT m.organization_id AS o FROM member m WHERE m.user_id = uid()) x)$$),
('scoped', 'membership', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() GROUP BY m.organization_id HAVING count(*) > 1)$$),
('scoped', 'union', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() UNION SELECT org())$$),
('unscoped', 'union', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() UNION SELECT 'shared')$$),
('unscoped', 'union', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() UNION SELECT id FROM organization)$$),
('scoped', 'intersect', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() INTERSECT SELECT id FROM organization)$$),
('scoped', 'except', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() EXCEPT SELECT id FROM organization)$$),
('scoped', 'function', $$organization_id IN (SELECT orgs())$$),
('scoped', 'function', $$organization_id IN (SELECT o FROM orgs() o)$$),
('scoped', 'function', $$EXISTS (SELECT FROM orgs() o WHERE o = organization_id)$$),
('scoped', 'unnest', $$organization_id IN (SELECT unnest(string_to_array(current_setting('app.orgs', true), ',')))$$),
('scoped', 'unnest', $$organization_id IN (SELECT o FROM unnest(org_array()) o)$$),
('unscoped', 'unnest', $$organization_id IN (SELECT unnest(ARRAY[org(), 'shared']))$$),
('scoped', 'values', $$organization_id IN (VALUES (org()), (claim('org')))$$),
('unscoped', 'values', $$organization_id IN (VALUES (org()), ('shared'))$$),
('scoped', 'row', $$(organization_id, user_id) IN (SELECT m.organization_id, m.user_id FROM member m WHERE m.user_id = uid())$$),
('unscoped', 'unequal', $$organization_id NOT IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid())$$),
('unscoped', 'empty', $$organization_id = ALL (SELECT m.organization_id FROM member m WHERE m.user_id = uid())$$),
('scoped', 'all', $$NOT (organization_id <> ALL (SELECT m.organization_id FROM member m WHERE m.user_id = uid()))$$),
('unscoped', 'everybody', $$organization_id IN (SELECT m.organization_id FROM member m)$$),
('unscoped', 'everybody', $$organization_id IN (SELECT id FROM organization)$$),
('unproven', 'guarded', $$organization_id IN (SELECT id FROM guarded_organization)$$),
('unscoped', 'view', $$organization_id IN (SELECT id FROM my_organization)$$),
('unscoped', 'captured', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.organization_id = organization_id)$$),
('unscoped', 'captured', $$EXISTS (SELECT 1 FROM member m WHERE m.organization_id = organization_id AND m.user_id = uid())$$),
('unscoped', 'captured', $$EXISTS (SELECT 1 FROM member m WHERE m.organization_id = organization_id)$$),
('scoped', 'captured', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.organization_id = organization_id AND m.user_id = uid())$$),
('unscoped', 'unjoined', $$EXISTS (SELECT 1 FROM member m WHERE m.user_id = uid())$$),
('unproven', 'unjoined', $$organization_id IN (SELECT o.id FROM organization o, member m WHERE m.user_id = uid())$$),
('scoped', 'joined', $$organization_id IN (SELECT o.id FROM organization o, member m WHERE m.user_id = uid() AND m.organization_id = o.id)$$),
('unproven', 'outer', $$organization_id IN (SELECT o.id FROM organization o LEFT JOIN member m ON m.organization_id = o.id AND m.user_id = uid())$$),
('scoped', 'outer', $$organization_id IN (SELECT o.id FROM member m LEFT JOIN organization o ON o.id = m.organization_id WHERE m.user_id = uid())$$),
('unproven', 'unequal', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id <> uid())$$),
('unscoped', 'arm', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() OR is_admin())$$),
('unproven', 'arm', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() OR m.role = 'public')$$),
('unproven', 'volatile', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = org_volatile())$$),
('unproven', 'correlated', $$EXISTS (SELECT 1 FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid())$$),
('unscoped', 'everybody', $$EXISTS (SELECT 1 FROM member m WHERE m.organization_id = item.organization_id)$$),
('unproven', 'correlated', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = item.user_id AND m.role = claim('role'))$$),
('unproven', 'count', $$organization_id = (SELECT count(*)::text FROM member m)$$),
('unproven', 'count', $$organization_id = (SELECT count(*)::text FROM member m WHERE m.user_id = uid() AND m.role = item.user_id)$$),
('scoped', 'narrowed', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid())$$),
('scoped', 'outer', $$organization_id IN (SELECT o.id FROM organization o LEFT JOIN member m ON m.organization_id = o.id WHERE m.user_id = uid())$$),
('unproven', 'outer', $$organization_id IN (SELECT o.id FROM organization o LEFT JOIN member m ON m.organization_id = o.id WHERE coalesce(m.user_id, 'u') = uid())$$),
('unproven', 'outer', $$organization_id IN (SELECT o.id FROM organization o LEFT JOIN orgs() m ON m = o.id)$$),
('scoped', 'joined', $$organization_id IN (SELECT o.id FROM organization o JOIN orgs() m ON m = o.id)$$),
('scoped', 'derived', $$organization_id IN (SELECT x.o FROM (SELECT m.user_id AS u, m.organization_id AS o FROM member m) x WHERE x.u = uid())$$),
('scoped', 'derived', $$organization_id IN (SELECT x.o FROM (SELECT m.user_id AS u, o.id AS o FROM member m JOIN organization o ON o.id = m.organization_id) x WHERE x.u = uid())$$),
('unproven', 'unjoined', $$organization_id IN (SELECT x.o FROM (SELECT m.user_id AS u, o.id AS o FROM member m, organization o) x WHERE x.u = uid())$$),
('unproven', 'unjoined', $$organization_id IN (SELECT x.o FROM organization o, LATERAL (SELECT m.user_id AS u, o.id AS o FROM member m) x WHERE x.u = uid())$$),
('unproven', 'unjoined', $$organization_id IN (SELECT x.o FROM (SELECT uid() AS u, o.id AS o FROM organization o) x)$$),
('unproven', 'unjoined', $$organization_id IN (SELECT x.o FROM (SELECT m.user_id AS u, (SELECT max(o.id) FROM organization o) AS o FROM member m) x WHERE x.u = uid())$$),
('scoped', 'derived', $$organization_id IN (WITH w AS (SELECT * FROM member) SELECT w.organization_id FROM w WHERE w.user_id = uid())$$),
('unproven', 'unjoined', $$organization_id IN (WITH w AS (SELECT m.user_id, o.id FROM member m, organization o) SELECT w.id FROM w WHERE w.user_id = uid())$$),
('unproven', 'empty', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_ids @> string_to_array(uid(), ','))$$),
('unproven', 'correlated', $$(SELECT count(*) FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid()) > 0$$),
('scoped', 'direct', $$EXISTS (SELECT 1 FROM member m WHERE m.user_id = uid() AND item.organization_id = org())$$),
('unscoped', 'arm', $$EXISTS (SELECT 1 FROM member m WHERE m.user_id = uid() AND (m.organization_id = item.organization_id OR m.role = 'admin'))$$),
('unscoped', 'parent', $$project_id IN (SELECT id FROM guarded_project)$$),
('unscoped', 'parent', $$EXISTS (SELECT 1 FROM guarded_project p WHERE p.id = item.project_id)$$),
('unscoped', 'parent', $$EXISTS (SELECT 1 FROM project p WHERE p.id = item.project_id AND p.owner_id = uid())$$),
('unscoped', 'parent', $$project_id IN (SELECT p.id FROM project p WHERE p.organization_id = org())$$),
('unscoped', 'parent', $$EXISTS (SELECT 1 FROM project p WHERE p.id = item.project_id)$$),
('unscoped', 'column', $$user_id = (SELECT uid())$$),
('unscoped', 'session', $$uid() IN (SELECT user_id FROM admin)$$),
('unproven', 'lateral', $$EXISTS (SELECT 1 FROM unnest(string_to_array(is_member(organization_id)::text, ',')) x WHERE x = org())$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- HAVING without GROUP BY yields a row even if WHERE is false
('unproven', 'having', $$(SELECT true WHERE organization_id = org() HAVING true)$$),
('unproven', 'having', $$NOT (SELECT false WHERE organization_id = org() HAVING true)$$),
('unproven', 'having', $$(SELECT true WHERE organization_id = org() HAVING true) IS NOT FALSE$$),
('unscoped', 'having', $$EXISTS (SELECT true WHERE organization_id = org() HAVING true)$$),
('unproven', 'having', $$org() IN (SELECT org() WHERE organization_id = org() HAVING true)$$),
('scoped', 'where', $$NOT (SELECT false WHERE organization_id = org())$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- only an equality ties rows to the session ...
('unproven', 'unequal', $$organization_id IN (SELECT m.organization_id FROM member m WHERE textne(m.organization_id, org()))$$),
('unproven', 'prefix', $$organization_id IN (SELECT m.organization_id FROM member m WHERE starts_with(m.organization_id, org()))$$),
('unproven', 'function', $$organization_id IN (SELECT m.organization_id FROM member m WHERE regexp_like(m.organization_id, org()))$$),
('unproven', 'role', $$organization_id IN (SELECT m.organization_id FROM member m WHERE pg_has_role(org()::name, m.role::name, 'MEMBER'))$$),
('scoped', 'role', $$organization_id IN (SELECT r.rolname::text FROM pg_roles_copy r WHERE pg_has_role(r.oid, 'MEMBER'))$$),
-- ... and only of a plain column
('unproven', 'expression', $$organization_id IN (SELECT m.organization_id FROM member m WHERE (m.organization_id IS NOT NULL) = (org() IS NOT NULL))$$),
('unproven', 'expression', $$organization_id IN (SELECT m.organization_id FROM member m WHERE length(m.role) = length(org()))$$),
('unproven', 'expression', $$organization_id IN (SELECT m.organization_id FROM member m WHERE left(m.user_id, 1) = left(uid(), 1))$$),
('unproven', 'expression', $$organization_id IN (SELECT m.organization_id FROM member m WHERE length(m.user_id) IN (SELECT length(uid())))$$),
('unproven', 'expression', $$organization_id IN (SELECT x.o FROM (SELECT length(m.user_id) AS u, m.organization_id AS o FROM member m) x WHERE x.u = length(uid()))$$),
('unproven', 'expression', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id::bpchar::text = uid())$$),
('unproven', 'boolean', $$organization_id IN (SELECT p.organization_id FROM project p WHERE p.is_public = (org() IS NOT NULL))$$),
('unproven', 'boolean', $$organization_id IN (SELECT p.organization_id FROM project p WHERE p.owner_id = (org() IS NOT NULL)::text)$$),
('scoped', 'column', $$organization_id IN (SELECT m.organization_id FROM member m WHERE nullif(m.user_id, '') = uid())$$),
('scoped', 'column', $$organization_id IN (SELECT p.organization_id FROM project p WHERE p.id::text = uid())$$),
('scoped', 'column', $$organization_id IN (SELECT p.organization_id FROM project p WHERE p.id::bigint = uid()::bigint AND p.is_public)$$),
('scoped', 'column', $$organization_id IN (SELECT m.organization_id FROM member m WHERE uid() IN (m.user_id, m.role))$$),
('scoped', 'column', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id COLLATE "C" = lower(uid()))$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- sets that are never empty, and arms of NULLs
('scoped', 'all', $$organization_id = ALL (SELECT current_setting('app.org', true))$$),
('scoped', 'all', $$organization_id = ALL (SELECT m.organization_id FROM member m WHERE m.user_id = uid() UNION SELECT org())$$),
('unscoped', 'literal', $$organization_id = ALL (SELECT 'acme')$$),
('unscoped', 'empty', $$organization_id = ALL (SELECT org() WHERE is_admin())$$),
('unscoped', 'empty', $$organization_id = ALL (SELECT orgs())$$),
('unscoped', 'unequal', $$organization_id <> ALL (SELECT org())$$),
('scoped', 'union', $$organization_id IN (SELECT org() UNION ALL SELECT NULL)$$),
('scoped', 'union', $$organization_id IN (SELECT NULL UNION SELECT m.organization_id FROM member m WHERE m.user_id = uid())$$),
('unscoped', 'union', $$organization_id IN (SELECT org() UNION ALL SELECT NULL UNION ALL SELECT 'acme')$$),
('scoped', 'never', $$organization_id IN (SELECT NULL UNION ALL SELECT NULL)$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- rows that are tied to the session or to a literal
('unproven', 'literal', $$organization_id IN (SELECT o.id FROM organization o WHERE o.id = ANY (ARRAY['acme', org()]))$$),
('unproven', 'literal', $$organization_id IN (SELECT o.id FROM organization o WHERE jsonb_build_array(org(), 'acme') ? o.id)$$),
('unproven', 'literal', $$organization_id IN (SELECT o.id FROM organization o WHERE ('["acme","' || org() || '"]')::jsonb ? o.id)$$),
('scoped', 'key', $$organization_id IN (SELECT o.id FROM organization o WHERE claim('orgs')::jsonb ? o.id)$$),
('scoped', 'key', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_ids && ARRAY[uid(), claim('sub')])$$);
INSERT INTO predicate (expected, why, predicate) VALUES
-- sub-selects that yield a row in every session
('unscoped', 'always', $$EXISTS (SELECT count(*) FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid())$$),
('unscoped', 'always', $$EXISTS (SELECT max(m.user_id) FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() LIMIT 1)$$),
('unscoped', 'always', $$EXISTS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() GROUP BY ())$$),
('unscoped', 'always', $$EXISTS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() GROUP BY ROLLUP (m.role))$$),
('unscoped', 'always', $$EXISTS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() GROUP BY GROUPING SETS ((m.role), ()))$$),
('unproven', 'correlated', $$EXISTS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() GROUP BY m.role, ROLLUP (m.user_id))$$),
('unproven', 'having', $$EXISTS (SELECT count(*) FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() HAVING count(*) > 0)$$),
('unproven', 'offset', $$EXISTS (SELECT count(*) FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() OFFSET 1)$$),
('scoped', 'never', $$EXISTS (SELECT count(*) FROM member m LIMIT 0)$$),
('unscoped', 'always', $$NOT EXISTS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() LIMIT 0)$$),
('scoped', 'never', $$NOT EXISTS (SELECT count(*) FROM member m WHERE m.organization_id = item.organization_id)$$),
('unscoped', 'always', $$EXISTS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid() UNION ALL SELECT)$$),
('unscoped', 'always', $$EXISTS (SELECT org() WHERE organization_id = org() UNION (VALUES ('a'), ('b')))$$),
('scoped', 'union', $$EXISTS (SELECT 1 WHERE organization_id = org() UNION ALL SELECT 2 WHERE organization_id = claim('org'))$$),
('unscoped', 'union', $$EXISTS (SELECT o.id FROM organization o UNION ALL SELECT org() WHERE organization_id = org())$$),
('scoped', 'intersect', $$EXISTS (SELECT o.id FROM organization o INTERSECT SELECT org() WHERE organization_id = org())$$),
('unscoped', 'except', $$EXISTS (SELECT o.id FROM organization o EXCEPT SELECT org() WHERE organization_id = org())$$),
('unscoped', 'always', $$EXISTS (WITH w AS (SELECT count(*) AS n FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid()) SELECT FROM w)$$),
('unscoped', 'always', $$EXISTS (SELECT FROM (VALUES (1)) v (x) LEFT JOIN member m ON m.organization_id = item.organization_id AND m.user_id = uid())$$),
('unscoped', 'always', $$EXISTS (SELECT FROM current_setting('app.org', true) s LEFT JOIN member m ON m.organization_id = item.organization_id AND m.user_id = s)$$),
('unproven', 'correlated', $$EXISTS (SELECT FROM member m RIGHT JOIN project p ON p.id = item.project_id WHERE m.organization_id = item.organization_id AND m.user_id = uid())$$),
('scoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid())$$),
('unscoped', 'literal', $$EXISTS (SELECT FROM generate_series(1, 3))$$);

INSERT INTO predicate (expected, why, column_type, predicate) VALUES
-- counts and measures are not the session's tenant
('unproven', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT o::int FROM string_to_table(current_setting('app.orgs', true), ',') WITH ORDINALITY u (x, o))$$),
('unproven', 'ordinality', 'int NOT NULL', $$organization_id = ANY (ARRAY(SELECT u.o::int FROM unnest(org_array()) WITH ORDINALITY u (x, o)))$$),
('unproven', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT (to_jsonb(u) ->> 'o')::int FROM unnest(org_array()) WITH ORDINALITY u (x, o))$$),
('unscoped', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT o::int FROM unnest(ARRAY['a', 'b']) WITH ORDINALITY u (x, o))$$),
('unproven', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT o::int FROM member m, unnest(m.user_ids) WITH ORDINALITY u (x, o) WHERE m.user_id = uid())$$),
('unproven', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT t.o FROM XMLTABLE(org() PASSING (claim('x')::xml) COLUMNS o FOR ORDINALITY) t)$$),
('scoped', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT x::int FROM string_to_table(current_setting('app.orgs', true), ',') WITH ORDINALITY u (x, o))$$),
('scoped', 'ordinality', 'int NOT NULL', $$organization_id IN (SELECT x::int FROM string_to_table(current_setting('app.orgs', true), ',') WITH ORDINALITY u (x, o) WHERE o < 3)$$),
('unproven', 'count', 'int NOT NULL', $$organization_id = (SELECT count(m.user_id) FROM member m WHERE m.user_id = uid())$$),
('unproven', 'sum', 'int NOT NULL', $$organization_id = (SELECT sum(p.id) FROM project p WHERE p.owner_id = uid())$$),
('scoped', 'max', 'int NOT NULL', $$organization_id = (SELECT max(p.id) FROM project p WHERE p.owner_id = uid())$$),
('unproven', 'window', 'int NOT NULL', $$organization_id IN (SELECT row_number() OVER () FROM member m WHERE m.user_id = uid())$$),
('unproven', 'window', 'int NOT NULL', $$organization_id IN (SELECT count(m.user_id) OVER () FROM member m WHERE m.user_id = uid())$$),
('unproven', 'window', 'int NOT NULL', $$organization_id IN (SELECT ntile(uid()::int) OVER () FROM member m WHERE m.user_id = uid())$$),
('scoped', 'window', 'int NOT NULL', $$organization_id IN (SELECT lag(p.id) OVER () FROM project p WHERE p.owner_id = uid())$$),
('unscoped', 'grouping', 'int NOT NULL', $$organization_id IN (SELECT grouping(m.user_id) FROM member m WHERE m.user_id = uid() GROUP BY m.user_id)$$),
('unproven', 'series', 'int NOT NULL', $$organization_id IN (SELECT generate_series(0, org()::int))$$),
('unproven', 'series', 'int NOT NULL', $$organization_id IN (SELECT generate_series(org()::int, claim('org')::int))$$),
('unscoped', 'series', 'int NOT NULL', $$organization_id IN (SELECT generate_series(1, 9))$$),
('unproven', 'subscripts', 'int NOT NULL', $$organization_id IN (SELECT generate_subscripts(org_array(), 1))$$),
('unproven', 'length', 'int NOT NULL', $$organization_id = length(org())$$),
('unproven', 'length', 'int NOT NULL', $$organization_id = cardinality(org_array())$$),
('unproven', 'position', 'int NOT NULL', $$organization_id = array_position(org_array(), uid())$$),
('unproven', 'position', 'int NOT NULL', $$organization_id = ANY (array_positions(org_array(), uid()))$$),
('unproven', 'size', 'int NOT NULL', $$organization_id = jsonb_path_query_first(claim('all')::jsonb, '$.orgs.size()')::int$$),
('scoped', 'path', 'int NOT NULL', $$organization_id = jsonb_path_query_first(claim('all')::jsonb, '$.orgs[0] ? (@.active == true).id')::int$$),
('unproven', 'system', 'text NOT NULL', $$organization_id IN (SELECT m.xmin::text FROM member m WHERE m.user_id = uid())$$),
('unproven', 'system', 'text NOT NULL', $$organization_id IN (SELECT m.tableoid::text FROM member m WHERE m.user_id = uid())$$),
('scoped', 'number', 'int NOT NULL', $$organization_id = (claim('all')::jsonb -> 'org')::int$$),
('scoped', 'number', 'int NOT NULL', $$organization_id = org()::numeric::int$$);

INSERT INTO predicate (expected, why, column_type, predicate) VALUES
-- nor is the kind of a value
('unproven', 'enum', 'plan NOT NULL', $$organization_id = enum_last(org()::plan)$$),
('unproven', 'enum', 'plan NOT NULL', $$organization_id = ANY (enum_range(org()::plan))$$),
('unscoped', 'enum', 'plan NOT NULL', $$organization_id = enum_first(NULL::plan)$$),
('unproven', 'type', 'text NOT NULL', $$organization_id = pg_typeof(org())::text$$),
('unproven', 'type', 'text NOT NULL', $$organization_id = jsonb_typeof(claim('all')::jsonb)$$),
('unproven', 'test', 'text NOT NULL', $$organization_id = (org()::xml IS DOCUMENT)::text$$);
-- views: what they protect is what their tables and queries do
CREATE ROLE regress_scope_subselect;
GRANT CREATE, USAGE ON SCHEMA scope TO regress_scope_subselect;
CREATE VIEW invoker WITH (security_invoker) AS SELECT id FROM guarded_organization;
CREATE VIEW invoker_again WITH (security_invoker) AS SELECT id FROM invoker;
CREATE VIEW definer AS SELECT id FROM guarded_organization;
CREATE VIEW definer_of_invoker AS SELECT id FROM invoker;
CREATE VIEW invoker_of_definer WITH (security_invoker) AS SELECT id FROM definer;
CREATE VIEW subject AS SELECT id FROM guarded_organization;
ALTER VIEW subject OWNER TO regress_scope_subselect;
CREATE VIEW by_session AS SELECT organization_id AS id FROM member WHERE user_id = uid();
CREATE VIEW invoker_again_twice AS SELECT a.id FROM my_organization a, (SELECT id FROM my_organization) b;
INSERT INTO predicate (expected, why, predicate) VALUES
('unproven', 'view', $$organization_id IN (SELECT id FROM invoker)$$),
('unproven', 'view', $$organization_id IN (SELECT id FROM invoker_again)$$),
('unscoped', 'view', $$organization_id IN (SELECT id FROM definer)$$),
('unscoped', 'view', $$organization_id IN (SELECT id FROM definer_of_invoker)$$),
('unscoped', 'view', $$organization_id IN (SELECT id FROM invoker_of_definer)$$),
('unproven', 'view', $$organization_id IN (SELECT id FROM subject)$$),
('unproven', 'view', $$organization_id IN (SELECT id FROM by_session)$$),
('unscoped', 'view', $$organization_id IN (SELECT id FROM invoker_again_twice)$$),
('unproven', 'view', $$organization_id IN (SELECT rolname FROM pg_roles)$$);
\i :judge
DROP ROLE regress_scope_subselect;
