--
-- Scope: rows that are the session user's own, or that the session names.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

CREATE FUNCTION uid_volatile() RETURNS text LANGUAGE sql
	AS $$ SELECT current_setting('app.user_id', true) $$;
CREATE FUNCTION my_projects() RETURNS int[] LANGUAGE sql STABLE
	AS $$ SELECT '{1}'::int[] $$;
CREATE FUNCTION my_project() RETURNS SETOF int LANGUAGE sql STABLE
	AS $$ SELECT 1 $$;
CREATE FUNCTION projects_of(text) RETURNS int[] LANGUAGE sql STABLE
	AS $$ SELECT '{1}'::int[] $$;

INSERT INTO predicate (expected, why, policies)
SELECT expected, why, 'CREATE POLICY p ON item FOR SELECT USING (' || predicate || ')'
FROM (VALUES
-- the user's own row
('unproven', 'user', $$user_id = uid()$$),
('unproven', 'user', $$(SELECT uid()) = user_id$$),
('unproven', 'user', $$user_id = current_user$$),
('unproven', 'user', $$user_id = current_setting('app.user_id', true)$$),
('unproven', 'user', $$project_id = current_setting('app.project', true)::int$$),
('unproven', 'user', $$project_id::text = claim('project')$$),
('unproven', 'user', $$user_id = coalesce(uid(), claim('sub'))$$),
('unproven', 'user', $$user_id IN (uid(), claim('sub'))$$),
('unproven', 'user', $$user_id IN (SELECT uid())$$),
('unproven', 'user', $$(user_id, project_id) = (uid(), 1)$$),
('unproven', 'user', $$(user_id, project_id) IN (SELECT uid(), 1)$$),
('unproven', 'user', $$(SELECT user_id = uid())$$),
('unproven', 'user', $$EXISTS (SELECT 1 WHERE user_id = uid())$$),
('unproven', 'user', $$CASE WHEN is_public THEN user_id = uid() ELSE false END$$),
('unproven', 'user', $$NOT (user_id = uid()) IS NOT TRUE$$),
('unproven', 'volatile', $$user_id = uid_volatile()$$),
-- together with others: the worst arm counts, the best condition
('unproven', 'arm', $$organization_id = org() OR user_id = uid()$$),
('unproven', 'arm', $$user_id = uid() OR project_id IN (SELECT id FROM guarded_project)$$),
('unscoped', 'arm', $$user_id = uid() OR is_public$$),
('unscoped', 'arm', $$user_id = uid() OR is_admin()$$),
('unscoped', 'arm', $$user_id = uid() OR user_id IS NULL$$),
('unproven', 'and', $$user_id = uid() AND is_public$$),
('scoped', 'and', $$user_id = uid() AND organization_id = org()$$),
('unproven', 'transitive', $$organization_id = other_org AND other_org = org()$$),
-- what is true of rows that are nobody's, or everybody's
('unscoped', 'null', $$user_id IS NOT DISTINCT FROM uid()$$),
('unscoped', 'null', $$(user_id = uid()) IS NOT FALSE$$),
('unscoped', 'null', $$coalesce(user_id, uid()) = uid()$$),
('unscoped', 'not', $$user_id <> uid()$$),
('unscoped', 'not', $$NOT user_id = uid()$$),
('unscoped', 'not', $$user_id <> ALL (ARRAY[uid()])$$),
('unscoped', 'order', $$user_id >= uid()$$),
('unscoped', 'pattern', $$user_id LIKE uid()$$),
('unscoped', 'part', $$left(user_id, 1) = left(uid(), 1)$$),
('unscoped', 'case', $$lower(user_id) = lower(uid())$$),
('unscoped', 'operator', $$user_id OPERATOR(fake.=) uid()$$),
('unscoped', 'collation', $$user_id = uid() COLLATE nocase$$),
('unscoped', 'literal', $$user_id = 'admin'$$),
('unscoped', 'literal', $$user_id = coalesce(uid(), 'guest')$$),
('unscoped', 'literal', $$user_id = coalesce(uid(), '')$$),
('unscoped', 'literal', $$user_id IN (uid(), 'shared')$$),
('unscoped', 'literal', $$user_id IN (SELECT uid() UNION SELECT 'shared')$$),
('unscoped', 'count', $$project_id = length(uid())$$),
('unscoped', 'environment', $$path = current_schema$$),
('unscoped', 'random', $$user_id = gen_random_uuid()::text$$),
('unscoped', 'frozen', $$user_id = org_frozen()$$),
('unscoped', 'boolean', $$is_public = is_admin()$$),
('unscoped', 'boolean', $$is_public = current_setting('app.public', true)::boolean$$),
('unscoped', 'date', $$created_at = current_setting('app.day', true)::timestamptz$$),
('unscoped', 'role', $$claim('role') = 'admin'$$),
('unscoped', 'session', $$uid() = claim('sub')$$),
('unscoped', 'column', $$user_id = path$$),
('unscoped', 'member', $$uid() = ANY (string_to_array(path, ','))$$),
('unscoped', 'tableoid', $$tableoid = current_setting('app.table')::oid$$),
-- the session's tenant is shared by its users
('unscoped', 'tenant', $$organization_id = org() OR other_org = org()$$),
('unscoped', 'tenant', $$organization_id = (SELECT org()) OR other_org = org()$$),
('unscoped', 'tenant', $$organization_id = nullif(org(), '') OR other_org = (SELECT org())$$),
('unscoped', 'tenant', $$organization_id = org() OR other_org IN (org(), uid())$$),
('unscoped', 'tenant', $$organization_id = ANY (org_array()) OR other_org = ANY (org_array())$$),
('unscoped', 'tenant', $$organization_id IN (SELECT orgs()) OR other_org IN (SELECT orgs())$$),
('unscoped', 'tenant', $$organization_id = org() OR other_org IN (SELECT org())$$),
('unscoped', 'tenant', $$organization_id IN (SELECT org()) OR other_org = org()$$),
('unproven', 'tenant', $$organization_id = org() OR (other_org, user_id) IN (SELECT org(), uid())$$),
('unproven', 'tenant', $$organization_id = org() OR other_org = claim('org')$$),
-- rows that the session names
('unproven', 'ids', $$project_id = ANY (my_projects())$$),
('unproven', 'ids', $$project_id = ANY ((SELECT my_project()))$$),
('unproven', 'ids', $$project_id = ANY ((SELECT my_projects())::int[])$$),
('unproven', 'ids', $$project_id = ANY (coalesce((SELECT my_projects()), '{}'))$$),
('unproven', 'ids', $$project_id IN (SELECT my_project())$$),
('unproven', 'ids', $$project_id IN (SELECT p FROM my_project() p)$$),
('unproven', 'ids', $$EXISTS (SELECT FROM my_project() p WHERE p = project_id)$$),
('unproven', 'ids', $$project_id = ANY (projects_of(uid()))$$),
('unproven', 'ids', $$project_id::text = ANY (string_to_array(current_setting('app.projects', true), ','))$$),
('unscoped', 'ids', $$project_id = ANY (coalesce((SELECT my_projects()), '{1}'))$$),
('unscoped', 'ids', $$project_id = ANY ('{1,2}')$$),
('unscoped', 'ids', $$project_id = ALL (my_projects())$$),
('unscoped', 'ids', $$project_id <> ALL (my_projects())$$),
('unscoped', 'ids', $$project_id <> ANY (my_projects())$$),
('unscoped', 'ids', $$project_id NOT IN (SELECT my_project())$$),
('unscoped', 'ids', $$project_id = ANY (projects_of(user_id))$$),
('unscoped', 'ids', $$project_id IN (SELECT id FROM project)$$),
('unscoped', 'ids', $$array_position(my_projects(), project_id) IS NOT NULL$$)
) p (expected, why, predicate);

INSERT INTO predicate (expected, why, policies) VALUES
-- each side by itself
('unproven', 'old', 'CREATE POLICY d ON item FOR DELETE USING (user_id = uid())'),
('unproven', 'old', 'CREATE POLICY u ON item FOR UPDATE USING (user_id = uid()) WITH CHECK (organization_id = org())'),
('unproven', 'old', 'CREATE POLICY d ON item FOR DELETE USING (project_id = ANY (my_projects()))'),
('unscoped', 'new', 'CREATE POLICY i ON item FOR INSERT WITH CHECK (user_id = uid())'),
('unscoped', 'new', 'CREATE POLICY i ON item FOR INSERT WITH CHECK (project_id = ANY (my_projects()))'),
('unscoped', 'new', 'CREATE POLICY i ON item FOR INSERT WITH CHECK (project_id IN (SELECT my_project()))'),
('unscoped', 'new', 'CREATE POLICY u ON item FOR UPDATE USING (user_id = uid())'),
('unscoped', 'new', 'CREATE POLICY u ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (user_id = uid())'),
('unscoped', 'new', 'CREATE POLICY a ON item USING (user_id = uid())'),
('unproven', 'new', 'CREATE POLICY a ON item USING (user_id = uid()) WITH CHECK (organization_id = org())'),
('unproven', 'unmoved', 'REVOKE ALL ON item FROM PUBLIC; GRANT UPDATE (path) ON item TO PUBLIC;
	CREATE POLICY u ON item FOR UPDATE USING (user_id = uid())'),
-- restrictive policies
('unproven', 'restrictive', 'CREATE POLICY s ON item FOR SELECT USING (true);
	CREATE POLICY r ON item AS RESTRICTIVE USING (user_id = uid())'),
('unscoped', 'restrictive', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY r ON item AS RESTRICTIVE USING (user_id = uid())'),
('scoped', 'restrictive', 'CREATE POLICY a ON item USING (user_id = uid());
	CREATE POLICY r ON item AS RESTRICTIVE USING (organization_id = org())'),
-- the tenant's value may stand in another policy
('unscoped', 'tenant', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY s ON item FOR SELECT USING (other_org = org())'),
('unproven', 'tenant', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY s ON item FOR SELECT USING (user_id = uid())'),
-- an enum has few values
('unscoped', 'enum', 'ALTER TABLE item ADD plan plan;
	CREATE POLICY s ON item FOR SELECT USING (plan = claim(''plan'')::plan)'),
('unproven', 'domain', 'ALTER TABLE item ALTER user_id TYPE org_id;
	CREATE POLICY s ON item FOR SELECT USING (user_id = uid())'),
('unproven', 'uuid', 'ALTER TABLE item ADD owner uuid;
	CREATE POLICY s ON item FOR SELECT USING (owner = uid()::uuid)');
\i :judge
