--
-- Scope: policies as real projects write them.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

INSERT INTO predicate (expected, why, column_type, predicate) VALUES
-- a setting per transaction
('scoped', 'setting', 'uuid NOT NULL', $$organization_id = (current_setting('app.current_organization_id'::text, true))::uuid$$),
('scoped', 'setting', 'uuid NOT NULL', $$organization_id = (SELECT current_setting('app.current_organization_id', true)::uuid)$$),
('scoped', 'setting', 'uuid NOT NULL', $$organization_id = NULLIF(current_setting('app.current_organization_id', true), ''::text)::uuid$$),
('scoped', 'setting', 'text NOT NULL', $$(organization_id)::text = current_setting('app.tenant'::text, true)$$),
('scoped', 'setting', 'text NOT NULL', $$((current_setting('app.tenant', true) <> '') AND (organization_id = current_setting('app.tenant', true)))$$),
('unscoped', 'unset', 'text NOT NULL', $$((current_setting('app.tenant', true) = '') OR (organization_id = current_setting('app.tenant', true)))$$),
('unscoped', 'bypass', 'text NOT NULL', $$current_setting('app.bypass_rls', true) = 'on' OR organization_id = current_setting('app.tenant', true)$$),
('unscoped', 'bypass', 'text NOT NULL', $$coalesce(current_setting('app.bypass_rls', true), 'off')::boolean OR organization_id = org()$$),
('scoped', 'setting', 'bigint NOT NULL', $$organization_id = COALESCE(NULLIF(current_setting('app.tenant', true), '')::bigint, -1)$$),
('scoped', 'setting', 'int NOT NULL', $$organization_id = ANY (string_to_array(NULLIF(current_setting('app.tenants', true), ''), ',')::int[])$$),
('unscoped', 'wildcard', 'int NOT NULL', $$CASE WHEN current_setting('app.tenant', true) = '*' THEN true ELSE organization_id = current_setting('app.tenant', true)::int END$$),
-- Neon: the whole comparison inside (SELECT ...)
('scoped', 'whole', 'text NOT NULL', $$(SELECT claim('org_id') = organization_id)$$),
('unscoped', 'column', 'text NOT NULL', $$(SELECT claim('sub') = user_id)$$),
('unscoped', 'open', 'text NOT NULL', $$(SELECT true)$$),
-- a token's claims
('scoped', 'claim', 'uuid NOT NULL', $$organization_id = (((current_setting('request.jwt.claims', true))::jsonb ->> 'org_id'))::uuid$$),
('scoped', 'claim', 'uuid NOT NULL', $$organization_id = (SELECT ((current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata') ->> 'organization_id')::uuid)$$),
('scoped', 'claim', 'text NOT NULL', $$(current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' -> 'orgs') ? current_setting('app.org', true) AND organization_id = current_setting('app.org', true)$$),
('scoped', 'claim', 'text NOT NULL', $$(current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' -> 'orgs') ? organization_id$$),
('unscoped', 'role', 'text NOT NULL', $$current_setting('request.jwt.claims', true)::jsonb ->> 'role' = 'service_role'$$),
('unscoped', 'signedin', 'text NOT NULL', $$uid() IS NOT NULL$$),
('unscoped', 'user', 'text NOT NULL', $$(SELECT uid()) = user_id$$),
('scoped', 'both', 'text NOT NULL', $$(SELECT uid()) = user_id AND organization_id = (SELECT org())$$),
-- membership
('scoped', 'member', 'text NOT NULL', $$organization_id IN (SELECT member.organization_id FROM member WHERE member.user_id = (SELECT uid()))$$),
('scoped', 'member', 'text NOT NULL', $$organization_id IN (SELECT orgs())$$),
('scoped', 'member', 'text NOT NULL', $$organization_id = ANY (ARRAY(SELECT orgs()))$$),
('unproven', 'member', 'text NOT NULL', $$EXISTS (SELECT 1 FROM member WHERE member.organization_id = item.organization_id AND member.user_id = uid())$$),
('unproven', 'member', 'text NOT NULL', $$is_member(organization_id)$$),
('unscoped', 'captured', 'text NOT NULL', $$organization_id IN (SELECT m.organization_id FROM member m WHERE m.organization_id = organization_id)$$),
('unscoped', 'parent', 'text NOT NULL', $$EXISTS (SELECT 1 FROM guarded_project p WHERE p.id = project_id)$$),
('unscoped', 'parent', 'text NOT NULL', $$project_id IN (SELECT guarded_project.id FROM guarded_project)$$),
-- a role or a schema for each tenant
('scoped', 'role', 'text NOT NULL', $$organization_id = CURRENT_USER$$),
('scoped', 'role', 'text NOT NULL', $$organization_id = substr(CURRENT_USER::text, 8)$$),
('scoped', 'role', 'name NOT NULL', $$organization_id = SESSION_USER$$),
-- sharing
('unscoped', 'public', 'text NOT NULL', $$organization_id = org() OR is_public$$),
('unscoped', 'public', 'text NOT NULL', $$organization_id = org() OR organization_id = 'public'$$),
('unscoped', 'global', 'text', $$organization_id IS NULL OR organization_id = org()$$),
('unscoped', 'partner', 'text NOT NULL', $$organization_id = org() OR other_org = org()$$),
('unscoped', 'admin', 'text NOT NULL', $$organization_id = org() OR EXISTS (SELECT 1 FROM admin WHERE admin.user_id = uid())$$),
('unscoped', 'recent', 'text NOT NULL', $$created_at > now() - interval '1 day'$$);
\i :judge
