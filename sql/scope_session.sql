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
('unproven', 'schema', $$organization_id = current_schema()$$),
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
-- side effects of the second argument of current_setting()
('unscoped', 'setconfig', $$organization_id = current_setting('app.org', set_config('app.org', organization_id, true) IS NOT NULL)$$),
('unscoped', 'setconfig', $$organization_id = (SELECT current_setting('app.org', set_config('app.org', 'acme', true) IS NOT NULL))$$),
('unproven', 'volatile', $$organization_id = current_setting('app.org', log(user_id))$$),
('unproven', 'argument', $$organization_id = current_setting('app.org', is_public)$$),
('scoped', 'argument', $$organization_id = current_setting('app.org', 1 = 1)$$),
('scoped', 'argument', $$organization_id = current_setting('app.org', is_admin())$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- expressions that are true or false in every session
('unproven', 'mapped', $$organization_id = (org() IS NOT NULL)::text$$),
('unproven', 'mapped', $$organization_id = starts_with(org(), 'a')::text$$),
('scoped', 'boolean', $$organization_id = claim('beta')::boolean::text$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- values that may consist of a literal alone
('unproven', 'literal', $$jsonb_build_array(org(), 'acme') ? organization_id$$),
('unproven', 'literal', $$to_jsonb(ARRAY[org(), 'acme']) ? organization_id$$),
('unproven', 'literal', $$claim('orgs')::jsonb || '["acme"]' ? organization_id$$),
('unproven', 'literal', $$('["acme","' || org() || '"]')::jsonb ? organization_id$$),
('unproven', 'literal', $$organization_id IN (SELECT jsonb_array_elements_text(jsonb_build_array(org(), 'acme')))$$),
('unproven', 'literal', $$organization_id IN (SELECT jsonb_object_keys(jsonb_build_object('acme', 1, org(), 1)))$$),
('unproven', 'literal', $$organization_id = ANY (regexp_split_to_array(array_to_string(ARRAY[org(), 'acme'], ','), ','))$$),
('unproven', 'literal', $$organization_id = ANY (string_to_array(rpad(org(), 6, ',acme'), ','))$$),
('unproven', 'literal', $$organization_id = ANY (string_to_array(lpad(org(), 6, 'acme,'), ','))$$),
('unproven', 'literal', $$organization_id = ANY (string_to_array(replace(org(), ',', ',acme,'), ','))$$),
('unproven', 'literal', $$organization_id = ANY (array_replace(org_array(), 'none', 'acme'))$$),
('unproven', 'literal', $$organization_id = ANY (array_fill('acme'::text, ARRAY[length(org())]))$$),
('unproven', 'literal', $$organization_id = ANY ((ARRAY['acme', org()])[1:2])$$),
('unproven', 'literal', $$organization_id = (jsonb '{"org":"acme"}' || claim('all')::jsonb) ->> 'org'$$),
('unproven', 'literal', $$organization_id = jsonb_build_object('org', 'acme', 'x', org()) ->> 'org'$$),
('unproven', 'literal', $$organization_id = jsonb_set(claim('all')::jsonb, '{org}', '"acme"') ->> 'org'$$),
('unproven', 'literal', $$organization_id = ('{"org":"acme","x":"' || org() || '"}')::jsonb ->> 'org'$$),
('unproven', 'literal', $$organization_id = jsonb_path_query_first(claim('all')::jsonb, '"acme"') #>> '{}'$$),
('unproven', 'literal', $$organization_id = (ARRAY['acme', org()])[1]$$),
('unproven', 'literal', $$organization_id = (string_to_array('acme,' || org(), ','))[1]$$),
('unproven', 'literal', $$organization_id = split_part('acme,' || org(), ',', 1)$$),
('unproven', 'literal', $$organization_id = split_part(lower('ACME,') || org(), ',', 1)$$),
('unproven', 'literal', $$organization_id = regexp_replace(org(), '^.*$', 'acme')$$),
('unproven', 'literal', $$organization_id = translate(org(), 'abc', 'xyz')$$),
('unproven', 'literal', $$organization_id = format('acme', org())$$),
('unproven', 'literal', $$organization_id = (xpath('"acme"', org()::xml))[1]::text$$),
('unproven', 'mapped', $$organization_id = jsonb '{"a":"acme","b":"beta"}' ->> org()$$),
('unproven', 'mapped', $$organization_id = split_part('acme,beta', ',', org()::int)$$),
('unproven', 'mapped', $$organization_id = (ARRAY['acme', 'beta'])[org()::int]$$),
('unscoped', 'literal', $$organization_id = split_part('acme,beta', ',', 1)$$),
('unscoped', 'literal', $$organization_id = (ARRAY['acme', 'beta'])[1]$$),
-- and parameters, which are harmless
('scoped', 'parameter', $$to_jsonb(ARRAY[org(), claim('org')]) ? organization_id$$),
('scoped', 'parameter', $$jsonb_build_array(org()) ? organization_id$$),
('scoped', 'parameter', $$organization_id IN (SELECT jsonb_array_elements_text(claim('all')::jsonb -> 'app_metadata' -> 'orgs'))$$),
('scoped', 'parameter', $$organization_id IN (SELECT jsonb_object_keys(claim('all')::jsonb #> '{app_metadata,orgs}'))$$),
('scoped', 'parameter', $$organization_id = ANY (regexp_split_to_array(org(), '\s+'))$$),
('scoped', 'parameter', $$organization_id = ANY (array_remove(string_to_array(org(), ','), 'acme'))$$),
('scoped', 'parameter', $$organization_id = ANY (string_to_array(current_setting('app.orgs', true), ',')::varchar[])$$),
('scoped', 'parameter', $$organization_id = jsonb_extract_path_text(claim('all')::jsonb, 'app_metadata', 'org')$$),
('scoped', 'parameter', $$organization_id = jsonb_path_query_first(claim('all')::jsonb, '$.org') #>> '{}'$$),
('scoped', 'parameter', $$organization_id = (string_to_array(org(), '.'))[1]$$),
('scoped', 'parameter', $$organization_id = (regexp_match(org(), '^org:(.*)$'))[1]$$),
('scoped', 'parameter', $$organization_id = (claim('all')::jsonb)['org'] #>> '{}'$$),
('scoped', 'parameter', $$organization_id = replace(replace(org(), 'org_', ''), '-', '')$$),
('scoped', 'parameter', $$organization_id = regexp_replace(org(), '^org:', '')$$),
('scoped', 'parameter', $$organization_id = lpad(org(), 8, '0')$$),
('scoped', 'parameter', $$organization_id = substring(org() from 1 for 36)::varchar(36)$$),
('scoped', 'parameter', $$organization_id = trim(both '"' from org())$$),
('scoped', 'parameter', $$organization_id = convert_from(decode(split_part(org(), '.', 2), 'base64'), 'utf8')::json ->> 'org'$$),
('scoped', 'parameter', $$organization_id = lower('org_' || org())$$),
('scoped', 'parameter', $$organization_id = ANY (string_to_array((SELECT string_agg(m.organization_id, ',') FROM member m WHERE m.user_id = uid()), ','))$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- functions that are called through a domain or a view
('unscoped', 'domain', $$organization_id::setting_org = current_setting('app.org', true)$$),
('unscoped', 'domain', $$organization_id::setting_org_again = current_setting('app.org', true)$$),
('unscoped', 'domain', $$'a' = ALL (ARRAY[user_id]::setting_org[]) AND organization_id = current_setting('app.org', true)$$),
('unscoped', 'domain', $$user_id::setting_org[] IS NOT NULL AND organization_id = current_setting('app.org', true)$$),
('unscoped', 'domain', $$EXISTS (SELECT 1 FROM organization o WHERE o.id::setting_org IS NOT NULL) AND organization_id = current_setting('app.org', true)$$),
('unproven', 'domain', $$organization_id::checked_org = current_setting('app.org', true)$$),
('unproven', 'domain', $$organization_id::logging_org = current_setting('app.org', true)$$),
('unscoped', 'view', $$CASE WHEN (SELECT max(x) FROM setting_view) IS NULL THEN false ELSE organization_id = current_setting('app.org', true) END$$),
('unscoped', 'view', $$CASE WHEN (SELECT x FROM setting_view_again) IS NULL THEN false ELSE organization_id = current_setting('app.org', true) END$$),
('unproven', 'view', $$organization_id = org() AND EXISTS (SELECT FROM logging_view WHERE x)$$),
('scoped', 'domain', $$organization_id::honest_org = current_setting('app.org', true)$$),
('scoped', 'domain', $$organization_id::honest_org = ANY (current_setting('app.orgs', true)::honest_org[])$$),
('scoped', 'view', $$organization_id = org() AND EXISTS (SELECT FROM my_organization)$$),
('scoped', 'view', $$organization_id = org() AND EXISTS (SELECT FROM pg_roles)$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- concat() of a literal and NULL is the literal; {} is no tenant
('unproven', 'literal', $$organization_id = concat('acme', org())$$),
('scoped', 'parameter', $$organization_id = concat(org(), '-', claim('org'))$$),
('scoped', 'fallback', $$organization_id = coalesce(claim('all')::jsonb, '{}') ->> 'org'$$),
('unproven', 'fallback', $$organization_id = coalesce(claim('all')::jsonb, '{"org":"acme"}') ->> 'org'$$);
\i :judge
