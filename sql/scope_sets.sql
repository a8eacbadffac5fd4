--
-- Scope: the policies of a command together.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

CREATE ROLE regress_scope_app;
CREATE ROLE regress_scope_other;
CREATE ROLE regress_scope_staff IN ROLE regress_scope_app;
CREATE ROLE regress_scope_service BYPASSRLS;
CREATE ROLE regress_scope_super SUPERUSER;
CREATE ROLE regress_scope_parent BYPASSRLS;
CREATE ROLE regress_scope_child IN ROLE regress_scope_parent;
CREATE TEMP TABLE temp_list (user_id text);

INSERT INTO predicate (expected, why, policies) VALUES
('scoped', 'denied', ''),
('scoped', 'four', 'CREATE POLICY s ON item FOR SELECT USING (organization_id = org());
	CREATE POLICY i ON item FOR INSERT WITH CHECK (organization_id = org());
	CREATE POLICY u ON item FOR UPDATE USING (organization_id = org());
	CREATE POLICY d ON item FOR DELETE USING (organization_id = org())'),
('scoped', 'all', 'CREATE POLICY a ON item USING (organization_id = org())'),
('scoped', 'check', 'CREATE POLICY a ON item USING (organization_id = org()) WITH CHECK (organization_id = org())'),
('unscoped', 'check', 'CREATE POLICY a ON item USING (organization_id = org()) WITH CHECK (true)'),
('unscoped', 'using', 'CREATE POLICY a ON item USING (true) WITH CHECK (organization_id = org())'),
('unscoped', 'select', 'CREATE POLICY s ON item FOR SELECT USING (true)'),
('unscoped', 'insert', 'CREATE POLICY i ON item FOR INSERT WITH CHECK (true)'),
('unscoped', 'insert', 'CREATE POLICY i ON item FOR INSERT WITH CHECK (user_id = uid())'),
('unscoped', 'update', 'CREATE POLICY s ON item FOR SELECT USING (organization_id = org());
	CREATE POLICY u ON item FOR UPDATE USING (true)'),
('unscoped', 'update', 'CREATE POLICY u ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (user_id = uid())'),
('unscoped', 'update', 'CREATE POLICY u ON item FOR UPDATE USING (true) WITH CHECK (organization_id = org())'),
('unscoped', 'delete', 'CREATE POLICY s ON item FOR SELECT USING (organization_id = org());
	CREATE POLICY d ON item FOR DELETE USING (true)'),
('unscoped', 'or', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item FOR SELECT USING (is_public)'),
('unscoped', 'pair', 'CREATE POLICY a ON item FOR UPDATE USING (organization_id = org());
	CREATE POLICY b ON item FOR UPDATE USING (false) WITH CHECK (true)'),
('scoped', 'unreachable', 'CREATE POLICY b ON item FOR UPDATE USING (false) WITH CHECK (true)'),
('scoped', 'unreachable', 'CREATE POLICY b ON item FOR UPDATE WITH CHECK (true)'),
('scoped', 'pair', 'CREATE POLICY a ON item FOR UPDATE USING (organization_id = org());
	CREATE POLICY b ON item FOR UPDATE USING (organization_id = claim(''org''))'),
('scoped', 'floor', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE USING (organization_id = org())'),
('scoped', 'floor', 'CREATE POLICY a ON item USING (is_public OR user_id = uid());
	CREATE POLICY f ON item AS RESTRICTIVE USING (organization_id = org())'),
('unscoped', 'floor', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE USING (organization_id = org() OR is_admin())'),
('unscoped', 'floor', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE USING (organization_id = org()) WITH CHECK (true)'),
('unscoped', 'floor', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE FOR SELECT USING (organization_id = org())'),
('unscoped', 'floor', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE FOR UPDATE WITH CHECK (organization_id = org())'),
('scoped', 'floors', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY s ON item AS RESTRICTIVE FOR SELECT USING (organization_id = org());
	CREATE POLICY i ON item AS RESTRICTIVE FOR INSERT WITH CHECK (organization_id = org());
	CREATE POLICY u ON item AS RESTRICTIVE FOR UPDATE USING (organization_id = org());
	CREATE POLICY d ON item AS RESTRICTIVE FOR DELETE USING (organization_id = org())'),
('scoped', 'denied', 'CREATE POLICY f ON item AS RESTRICTIVE USING (true)'),
('unproven', 'floor', 'CREATE POLICY a ON item FOR SELECT USING (organization_id >= org());
	CREATE POLICY f ON item AS RESTRICTIVE USING (organization_id <= org())'),
('scoped', 'roles', 'CREATE POLICY a ON item TO regress_scope_app USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app USING (organization_id = org())'),
('scoped', 'roles', 'CREATE POLICY a ON item TO regress_scope_app USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app, regress_scope_other USING (organization_id = org())'),
('scoped', 'roles', 'CREATE POLICY a ON item TO regress_scope_app, regress_scope_other USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app USING (organization_id = org());
	CREATE POLICY g ON item AS RESTRICTIVE TO regress_scope_other USING (organization_id = claim(''org''))'),
('unscoped', 'roles', 'CREATE POLICY a ON item TO regress_scope_app, regress_scope_other USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app USING (organization_id = org())'),
('unscoped', 'roles', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app USING (organization_id = org())'),
('unscoped', 'roles', 'CREATE POLICY a ON item TO regress_scope_other USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app USING (organization_id = org())'),
('unproven', 'membership', 'CREATE POLICY a ON item TO regress_scope_staff USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE TO regress_scope_app USING (organization_id = org())'),
('scoped', 'bypass', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item TO regress_scope_service USING (true)'),
('scoped', 'bypass', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item TO regress_scope_super, regress_scope_service USING (true)'),
('unscoped', 'bypass', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item TO regress_scope_service, regress_scope_other USING (true)'),
('unproven', 'heir', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item TO regress_scope_parent USING (true)'),
('scoped', 'owner', 'CREATE POLICY a ON item USING (organization_id = org());
	ALTER TABLE item OWNER TO regress_scope_other;
	CREATE POLICY b ON item TO regress_scope_other USING (true)'),
('unscoped', 'owner', 'CREATE POLICY a ON item USING (organization_id = org());
	ALTER TABLE item OWNER TO regress_scope_other;
	ALTER TABLE item FORCE ROW LEVEL SECURITY;
	CREATE POLICY b ON item TO regress_scope_other USING (true)'),
('unscoped', 'temporary', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE USING (organization_id = org() AND EXISTS (SELECT FROM temp_list))'),
('unscoped', 'temporary', 'CREATE POLICY a ON item USING (organization_id = org());
	CREATE POLICY b ON item USING (user_id IN (SELECT user_id FROM temp_list))'),
('unproven', 'volatile', 'CREATE POLICY a ON item FOR SELECT USING (organization_id = org());
	CREATE POLICY f ON item AS RESTRICTIVE FOR SELECT USING (log(user_id))'),
('unscoped', 'setconfig', 'CREATE POLICY a ON item FOR SELECT USING (organization_id = org());
	CREATE POLICY f ON item AS RESTRICTIVE FOR SELECT USING (set_config(''app.org'', organization_id, false) IS NOT NULL)');
\i :judge
DROP ROLE regress_scope_app, regress_scope_other, regress_scope_staff,
	regress_scope_service, regress_scope_super, regress_scope_parent,
	regress_scope_child;
