--
-- Scope: which values come from the session?
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

INSERT INTO predicate (expected, why, predicate) VALUES
('unscoped', 'literal', $$organization_id = 'acme'$$),
('unscoped', 'literal', $$organization_id = lower('ACME')$$),
('unscoped', 'literal', $$organization_id = 'a' || 'cme'$$),
('unscoped', 'literal', $$organization_id = (SELECT 'acme')$$),
('unscoped', 'literal', $$organization_id = coalesce('acme', org())$$),
('unscoped', 'literal', $$organization_id = nullif('acme', org())$$),
('unscoped', 'literal', $$organization_id = CASE WHEN is_public THEN 'acme' ELSE 'beta' END$$),
('unproven', 'mapped', $$organization_id = CASE current_user WHEN 'acme_app' THEN 'acme' ELSE 'beta' END$$),
('unscoped', 'clock', $$organization_id = now()::text$$),
('unscoped', 'clock', $$organization_id = current_date::text$$),
('unscoped', 'server', $$organization_id = current_database()$$),
('unscoped', 'server', $$organization_id = version()$$),
('unproven', 'server', $$organization_id = current_setting('data_directory')$$),
('scoped', 'role', $$organization_id = current_user$$),
('scoped', 'role', $$organization_id = session_user$$),
('scoped', 'role', $$organization_id = current_setting('role')$$),
('scoped', 'schema', $$organization_id = current_schema()$$),
('scoped', 'derived', $$organization_id = split_part(current_user, '_', 1)$$),
('scoped', 'derived', $$organization_id = 'org_' || current_setting('app.org', true)$$),
('scoped', 'derived', $$organization_id = lower(trim(current_setting('app.org', true)))$$),
('scoped', 'nullif', $$organization_id = nullif(current_setting('app.org', true), '')$$),
('scoped', 'fallback', $$organization_id = coalesce(current_setting('app.org', true), '')$$),
('scoped', 'fallback', $$organization_id = coalesce(nullif(current_setting('app.org', true), ''), '00000000-0000-0000-0000-000000000000')$$),
('scoped', 'fallback', $$organization_id = coalesce(current_setting('app.org', true), 'none')$$),
('scoped', 'fallback', $$organization_id = coalesce(current_setting('app.org', true), claim('org'), NULL)$$),
('unproven', 'fallback', $$organization_id = coalesce(current_setting('app.org', true), 'acme')$$),
('unproven', 'fallback', $$organization_id = CASE WHEN org() = '' THEN 'acme' ELSE org() END$$),
('unproven', 'fallback', $$organization_id = greatest(org(), 'acme')$$),
('unscoped', 'itself', $$organization_id = coalesce(nullif(org(), ''), organization_id)$$),
('scoped', 'subselect', $$organization_id = (SELECT current_setting('app.org', true))$$),
('scoped', 'subselect', $$organization_id = (SELECT nullif(current_setting('app.org', true), '')::text)$$),
('scoped', 'json', $$organization_id = current_setting('request.jwt.claims', true)::json ->> 'org_id'$$),
('scoped', 'json', $$organization_id = (current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> 'org_id')$$),
('scoped', 'json', $$organization_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb #>> '{app_metadata,org_id}')$$),
('scoped', 'json', $$organization_id = ANY (ARRAY(SELECT jsonb_array_elements_text(current_setting('request.jwt.claims', true)::jsonb -> 'orgs')))$$),
('scoped', 'helper', $$organization_id = org()$$),
('scoped', 'helper', $$organization_id = (SELECT org())$$),
('scoped', 'helper', $$organization_id = claim('org')$$),
('scoped', 'helper', $$organization_id = parse(current_setting('app.org', true))$$),
('unscoped', 'frozen', $$organization_id = org_frozen()$$),
('unscoped', 'frozen', $$organization_id = (SELECT org_frozen())$$),
('unscoped', 'frozen', $$organization_id = parse('acme:1')$$),
('unscoped', 'frozen', $$organization_id = lower(org_frozen())$$),
('unproven', 'volatile', $$organization_id = org_volatile()$$),
('unproven', 'volatile', $$organization_id = (SELECT org_volatile())$$),
('unproven', 'volatile', $$organization_id = org() AND log(user_id)$$),
('unscoped', 'random', $$organization_id = gen_random_uuid()::text$$),
('unscoped', 'setconfig', $$organization_id = set_config('app.org', organization_id, true)$$),
('unscoped', 'setconfig', $$set_config('app.org', organization_id, true) IS NOT NULL AND organization_id = current_setting('app.org', true)$$),
('unscoped', 'setconfig', $$organization_id = set_config('app.org', current_setting('app.org', true), true)$$),
('unproven', 'helper', $$is_member(organization_id)$$),
('unproven', 'helper', $$(SELECT is_member(organization_id))$$),
('unproven', 'helper', $$parse(organization_id) = org()$$),
('unproven', 'helper', $$is_member(item.*::text)$$),
('unscoped', 'helper', $$owns(user_id)$$),
('unscoped', 'helper', $$is_admin()$$),
('unproven', 'setting', $$current_setting('perm.' || organization_id, true) = 'yes'$$),
('unproven', 'role', $$pg_has_role(organization_id::name, 'MEMBER')$$),
('unproven', 'whole', $$to_jsonb(item) ->> 'organization_id' = org()$$),
('unscoped', 'system', $$organization_id = tableoid::text$$),
('scoped', 'minmax', $$organization_id = greatest(org(), claim('org'))$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- what the second argument of current_setting() does
('unscoped', 'setconfig', $$organization_id = current_setting('app.org', set_config('app.org', organization_id, true) IS NOT NULL)$$),
('unscoped', 'setconfig', $$organization_id = (SELECT current_setting('app.org', set_config('app.org', 'acme', true) IS NOT NULL))$$),
('unproven', 'volatile', $$organization_id = current_setting('app.org', log(user_id))$$),
('unproven', 'argument', $$organization_id = current_setting('app.org', is_public)$$),
('scoped', 'argument', $$organization_id = current_setting('app.org', 1 = 1)$$),
('scoped', 'argument', $$organization_id = current_setting('app.org', is_admin())$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- what is true or false in every session
('unproven', 'mapped', $$organization_id = (org() IS NOT NULL)::text$$),
('unproven', 'mapped', $$organization_id = starts_with(org(), 'a')::text$$),
('scoped', 'boolean', $$organization_id = claim('beta')::boolean::text$$);
\i :judge
