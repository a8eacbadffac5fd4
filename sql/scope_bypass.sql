--
-- Scope: the switches by which administrators see all tenants.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

CREATE FUNCTION is_operator() RETURNS boolean LANGUAGE sql STABLE
	AS $$ SELECT current_setting('app.role', true) = 'operator' $$;
CREATE FUNCTION is_operator(text) RETURNS boolean LANGUAGE sql STABLE
	AS $$ SELECT $1 = 'operator' $$;
CREATE FUNCTION is_operator_volatile() RETURNS boolean LANGUAGE sql VOLATILE
	AS $$ SELECT current_setting('app.role', true) = 'operator' $$;
CREATE FUNCTION is_operator_frozen() RETURNS boolean LANGUAGE plpgsql IMMUTABLE
	AS $$ BEGIN RETURN current_setting('app.role', true) = 'operator'; END $$;
CREATE FUNCTION fake.is_operator() RETURNS boolean LANGUAGE sql STABLE
	AS $$ SELECT true $$;
SET client_min_messages = error;
SELECT trovella_guard.allow_bypass(s, 'platform administrators; set by the back office only')
FROM unnest('{app.bypass_rls, scope.is_operator(), scope.is_operator_volatile(), scope.is_operator_frozen()}'::text[]) s \g /dev/null
SET client_min_messages = warning;

INSERT INTO predicate (expected, why, predicate)
SELECT expected, why, replace(replace(predicate, 'SETTING', $$current_setting('app.bypass_rls', true)$$),
	'STRICT', $$current_setting('app.bypass_rls')$$)
FROM (VALUES
-- a setting that is compared with a constant
('scoped', 'setting', $$organization_id = org() OR SETTING = 'on'$$),
('scoped', 'setting', $$organization_id = org() OR STRICT = 'on'$$),
('scoped', 'setting', $$organization_id = org() OR 'on' = SETTING$$),
('scoped', 'setting', $$SETTING = 'on' OR organization_id = org()$$),
('scoped', 'setting', $$SETTING = 'on'$$),
('scoped', 'setting', $$organization_id = org() OR current_setting('App.Bypass_RLS', true) = 'on'$$),
('scoped', 'setting', $$organization_id = org() OR SETTING = 'off'$$),
('scoped', 'setting', $$organization_id = org() OR SETTING IN ('on', 'true', '1')$$),
('scoped', 'select', $$organization_id = org() OR (SELECT SETTING) = 'on'$$),
('scoped', 'select', $$organization_id = org() OR (SELECT SETTING = 'on')$$),
('scoped', 'select', $$organization_id = org() OR EXISTS (SELECT 1 WHERE SETTING = 'on')$$),
('scoped', 'cast', $$organization_id = org() OR SETTING::boolean$$),
('scoped', 'cast', $$organization_id = org() OR SETTING::boolean = true$$),
('scoped', 'cast', $$organization_id = org() OR SETTING::boolean IS TRUE$$),
('scoped', 'cast', $$organization_id = org() OR SETTING::text = 'on'::text$$),
('scoped', 'cast', $$organization_id = org() OR SETTING::varchar = 'on'$$),
('scoped', 'cast', $$organization_id = org() OR (SELECT SETTING::boolean)$$),
('scoped', 'cast', $$organization_id = org() OR lower(SETTING) = 'on'$$),
('scoped', 'nullif', $$organization_id = org() OR nullif(SETTING, '')::boolean$$),
('scoped', 'nullif', $$organization_id = org() OR nullif(SETTING, '') = 'on'$$),
('scoped', 'coalesce', $$organization_id = org() OR coalesce(SETTING, 'off') = 'on'$$),
('scoped', 'coalesce', $$organization_id = org() OR coalesce(SETTING, '') = 'on'$$),
('scoped', 'coalesce', $$organization_id = org() OR coalesce(nullif(SETTING, ''), 'off')::boolean$$),
('scoped', 'coalesce', $$organization_id = org() OR coalesce(SETTING::boolean, false)$$),
('scoped', 'coalesce', $$organization_id = org() OR coalesce(SETTING = 'on', false)$$),
('scoped', 'coalesce', $$organization_id = org() OR coalesce((SELECT nullif(SETTING, '')), 'false') = 'true'$$),
('scoped', 'and', $$organization_id = org() OR SETTING = 'on' AND is_public$$),
('scoped', 'and', $$organization_id = org() OR SETTING = 'on' AND is_admin()$$),
('scoped', 'case', $$CASE WHEN SETTING = 'on' THEN true ELSE organization_id = org() END$$),
('scoped', 'is', $$organization_id = org() OR (SETTING = 'on') IS TRUE$$),
('scoped', 'is', $$organization_id = org() OR NOT ((SETTING = 'on') IS NOT TRUE)$$),
('scoped', 'not', $$NOT (organization_id <> org() AND (SETTING = 'on') IS NOT TRUE) AND organization_id = org()$$),
-- open by default
('unscoped', 'open', $$organization_id = org() OR SETTING IS NULL$$),
('unscoped', 'open', $$organization_id = org() OR SETTING IS NULL OR SETTING = 'on'$$),
('unscoped', 'open', $$organization_id = org() OR SETTING <> 'off'$$),
('unscoped', 'open', $$organization_id = org() OR SETTING <> 'on'$$),
('unscoped', 'open', $$organization_id = org() OR SETTING IS DISTINCT FROM 'off'$$),
('unscoped', 'open', $$organization_id = org() OR coalesce(SETTING, 'on') = 'on'$$),
('unscoped', 'open', $$organization_id = org() OR coalesce(SETTING::boolean, true)$$),
('unscoped', 'open', $$organization_id = org() OR coalesce(nullif(SETTING, ''), 'on')::boolean$$),
('unscoped', 'open', $$organization_id = org() OR coalesce(nullif(SETTING, ''), 'on') = 'on'$$),
('unscoped', 'open', $$organization_id = org() OR coalesce(SETTING, '') = ''$$),
('unscoped', 'open', $$organization_id = org() OR SETTING = ''$$),
('unscoped', 'open', $$organization_id = org() OR lower(SETTING) = ''$$),
('unscoped', 'open', $$organization_id = org() OR upper(coalesce(SETTING, 'on')) = 'ON'$$),
('unscoped', 'open', $$organization_id = org() OR NOT (SETTING = 'on')$$),
('unscoped', 'open', $$organization_id = org() OR NOT SETTING::boolean$$),
('unscoped', 'open', $$organization_id = org() OR (SETTING = 'on') IS NOT FALSE$$),
('unscoped', 'open', $$organization_id = org() OR (SETTING = 'on') IS NULL$$),
('unscoped', 'open', $$organization_id = org() OR (SETTING = 'on') = false$$),
('unscoped', 'open', $$organization_id = org() OR coalesce(SETTING = 'on', true)$$),
('unscoped', 'open', $$organization_id = org() OR NOT EXISTS (SELECT 1 WHERE SETTING = 'on')$$),
('unscoped', 'open', $$CASE WHEN SETTING = 'off' THEN organization_id = org() ELSE true END$$),
('unscoped', 'open', $$organization_id = org() OR SETTING IN ('on', '')$$),
-- what is no switch
('unscoped', 'other', $$organization_id = org() OR current_setting('app.role', true) = 'on'$$),
('unscoped', 'other', $$organization_id = org() OR SETTING = current_setting('app.role', true)$$),
('unscoped', 'other', $$organization_id = org() OR SETTING = user_id$$),
('unscoped', 'other', $$organization_id = org() OR SETTING LIKE 'o%'$$),
('unscoped', 'other', $$organization_id = org() OR SETTING > 'a'$$),
('unscoped', 'other', $$organization_id = org() OR length(SETTING) = 2$$),
('unscoped', 'other', $$organization_id = org() OR SETTING IS NOT NULL$$),
('unscoped', 'other', $$organization_id = org() OR SETTING || current_setting('app.role', true) = 'on'$$),
('unscoped', 'other', $$organization_id = org() OR coalesce(current_setting('app.role', true), SETTING) = 'on'$$),
('unscoped', 'other', $$organization_id = org() OR SETTING = 'on' COLLATE nocase$$),
('unscoped', 'other', $$organization_id = org() OR SETTING OPERATOR(fake.=) 'on'$$),
('unscoped', 'other', $$organization_id = org() OR current_setting('app.bypass_rls', is_public) = 'on'$$),
('unscoped', 'arm', $$organization_id = org() OR SETTING = 'on' OR is_public$$),
('unscoped', 'member', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.user_id = uid() OR SETTING = 'on')$$),
-- a function without arguments
('scoped', 'function', $$organization_id = org() OR scope.is_operator()$$),
('scoped', 'function', $$organization_id = org() OR (SELECT scope.is_operator())$$),
('scoped', 'function', $$organization_id = org() OR coalesce(scope.is_operator(), false)$$),
('scoped', 'function', $$organization_id = org() OR scope.is_operator() AND is_public$$),
('scoped', 'function', $$organization_id = org() OR scope.is_operator() = true$$),
('scoped', 'function', $$scope.is_operator()$$),
('unscoped', 'function', $$organization_id = org() OR NOT scope.is_operator()$$),
('unscoped', 'function', $$organization_id = org() OR scope.is_operator() IS NOT FALSE$$),
('unscoped', 'function', $$organization_id = org() OR coalesce(scope.is_operator(), true)$$),
('unscoped', 'function', $$organization_id = org() OR fake.is_operator()$$),
('unscoped', 'function', $$organization_id = org() OR scope.is_operator(user_id)$$),
('unscoped', 'function', $$organization_id = org() OR scope.is_operator('operator')$$),
('unscoped', 'function', $$organization_id = org() OR is_admin()$$),
('unscoped', 'frozen', $$organization_id = org() OR scope.is_operator_frozen()$$),
('unproven', 'volatile', $$organization_id = org() OR scope.is_operator_volatile()$$)
) p (expected, why, predicate);

INSERT INTO predicate (expected, why, policies) VALUES
-- a policy of its own, and restrictive ones
('scoped', 'policy', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item USING (scope.is_operator())'),
('scoped', 'policy', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY b ON item AS RESTRICTIVE USING (organization_id = org() OR scope.is_operator())'),
('unscoped', 'policy', 'CREATE POLICY a ON item USING (organization_id = org() OR is_public);
	CREATE POLICY b ON item AS RESTRICTIVE USING (NOT scope.is_operator())'),
('unscoped', 'check', 'CREATE POLICY a ON item USING (organization_id = org() OR scope.is_operator()) WITH CHECK (NOT scope.is_operator())'),
('scoped', 'check', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (organization_id = org() OR scope.is_operator())');
\i :judge
SET client_min_messages = error;
SELECT trovella_guard.disallow_bypass(object) FROM trovella_guard.allowlist
	WHERE kind = 'bypass' AND reason ~ 'back office' \g /dev/null
