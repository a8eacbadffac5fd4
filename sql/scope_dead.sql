--
-- Scope: arms that no row can pass are no reason to refuse a policy.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

CREATE ROLE regress_scope_owner;
CREATE ROLE regress_scope_deputy IN ROLE regress_scope_owner;

-- NOT NULL of a parent, but not of its children.
CREATE PROCEDURE set_not_null_alone(parent regclass) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE CASE WHEN current_setting('server_version_num')::int < 180000
		THEN format('ALTER TABLE ONLY %s ALTER user_id SET NOT NULL', parent)
		ELSE format('ALTER TABLE %s ADD NOT NULL user_id NO INHERIT', parent)
	END;
END $$;

INSERT INTO predicate (expected, why, predicate) VALUES
-- what is never NULL
('scoped', 'column', $$organization_id = org() OR organization_id IS NULL$$),
('scoped', 'setting', $$organization_id = org() OR current_setting('app.org') IS NULL$$),
('scoped', 'setting', $$organization_id = org() OR current_setting('app.org')::uuid IS NULL$$),
('scoped', 'setting', $$organization_id = org() OR current_setting('app.org', false) IS NULL$$),
('scoped', 'setting', $$organization_id = org() OR (SELECT current_setting('app.org')) IS NULL$$),
('unscoped', 'setting', $$organization_id = org() OR current_setting('app.org', true) IS NULL$$),
('unscoped', 'setting', $$organization_id = org() OR current_setting('app.org', is_public) IS NULL$$),
('unscoped', 'setting', $$organization_id = org() OR nullif(current_setting('app.org'), '') IS NULL$$),
('unscoped', 'setting', $$organization_id = org() OR current_setting(org()) IS NULL$$),
('scoped', 'setting', $$coalesce(organization_id = current_setting('app.org'), true)$$),
('unscoped', 'setting', $$coalesce(organization_id = current_setting('app.org', true), true)$$),
('scoped', 'setting', $$organization_id = coalesce(current_setting('app.org'), organization_id)$$),
('scoped', 'role', $$organization_id = org() OR current_user IS NULL$$),
('scoped', 'role', $$(organization_id = session_user) IS NOT FALSE$$),
('unscoped', 'schema', $$organization_id = org() OR current_schema IS NULL$$);

INSERT INTO predicate (expected, why, policies) VALUES
('scoped', 'notnull', 'ALTER TABLE item ALTER user_id SET NOT NULL;
	CREATE POLICY a ON item USING (organization_id = org() OR user_id IS NULL)'),
('unscoped', 'notnull', 'CREATE POLICY a ON item USING (organization_id = org() OR user_id IS NULL)'),
('scoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (organization_id = org() OR id IS NULL)'),
('scoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (organization_id = org() OR id::text IS NULL)'),
('scoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (CASE WHEN id IS NOT NULL THEN organization_id = org() ELSE true END)'),
('scoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (organization_id = org() OR id IS NOT DISTINCT FROM NULL)'),
('scoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (organization_id = org() OR EXISTS (SELECT 1 WHERE item.id IS NULL))'),
('unscoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (organization_id = org() OR EXISTS (SELECT FROM project p WHERE p.id IS NULL))'),
('scoped', 'key', 'ALTER TABLE item ADD PRIMARY KEY (id);
	CREATE POLICY a ON item USING (NOT (organization_id <> coalesce(id::text, org())) IS NULL AND organization_id = org())'),
('unscoped', 'children', 'CREATE TABLE item_child () INHERITS (item);
	CALL set_not_null_alone(''item'');
	CREATE POLICY a ON item USING (organization_id = org() OR user_id IS NULL)');

INSERT INTO predicate (expected, why, predicate) VALUES
-- an earlier arm has refused all else
('scoped', 'case', $$CASE WHEN current_setting('app.org', true) IS NULL THEN false WHEN organization_id <> current_setting('app.org', true) THEN false ELSE true END$$),
('scoped', 'case', $$CASE WHEN org() IS NULL OR organization_id <> org() THEN false ELSE true END$$),
('scoped', 'case', $$CASE WHEN organization_id <> org() THEN false WHEN org() IS NOT NULL THEN true END$$),
('scoped', 'case', $$CASE WHEN organization_id <> org() THEN false ELSE org() <> '' END$$),
('scoped', 'case', $$CASE WHEN organization_id <> org() THEN false ELSE org() IS NOT NULL AND is_public END$$),
('scoped', 'case', $$CASE WHEN organization_id IS DISTINCT FROM org() THEN false ELSE true END$$),
('scoped', 'case', $$CASE WHEN organization_id = org() THEN is_public WHEN organization_id IS DISTINCT FROM org() THEN false ELSE is_public END$$),
('scoped', 'case', $$CASE WHEN current_setting('app.org', true) = '' THEN false WHEN organization_id <> current_setting('app.org', true) THEN false ELSE current_setting('app.org', true) IS NOT NULL END$$),
('unscoped', 'case', $$CASE WHEN organization_id <> org() THEN false ELSE true END$$),
('unscoped', 'case', $$CASE WHEN org() IS NULL THEN false WHEN organization_id <> claim('org') THEN false ELSE true END$$),
('unscoped', 'case', $$CASE WHEN org() IS NOT NULL THEN false WHEN organization_id <> org() THEN false ELSE true END$$),
('scoped', 'coalesce', $$coalesce(organization_id = org(), org() IS NOT NULL)$$),
('scoped', 'coalesce', $$coalesce(organization_id = org(), org() = 'acme')$$),
('unscoped', 'coalesce', $$coalesce(organization_id = org(), org() IS NULL)$$),
('unscoped', 'coalesce', $$coalesce(organization_id = org(), claim('org') = 'acme')$$),
('scoped', 'coalesce', $$coalesce(is_public IS NOT NULL AND false, true) AND organization_id = org()$$),
('scoped', 'not', $$org() IS NOT NULL AND (organization_id = org()) IS NOT FALSE$$),
('scoped', 'not', $$org() IS NOT NULL AND NOT EXISTS (SELECT 1 WHERE organization_id <> org())$$),
('scoped', 'cast', $$nullif(current_setting('app.org', true), '') IS NOT NULL AND (organization_id = nullif(current_setting('app.org', true), '')::varchar) IS NOT FALSE$$),
('scoped', 'cast', $$(SELECT org()) IS NOT NULL AND (organization_id = org()) IS NOT FALSE$$),
('unscoped', 'cast', $$org() IS NOT NULL AND (organization_id = nullif(org(), '')) IS NOT FALSE$$),
('unscoped', 'volatile', $$nullif(random() < 0.5, true) IS NOT NULL AND (organization_id = nullif(random() < 0.5, true)::text) IS NOT FALSE$$),
('unscoped', 'volatile', $$org_volatile() IS NOT NULL AND (organization_id = org_volatile()) IS NOT FALSE$$),
('scoped', 'strict', $$organization_id = org() OR user_id IS NULL AND user_id = uid()$$),
('scoped', 'strict', $$organization_id = org() OR user_id = uid() AND uid() IS NULL$$),
('unscoped', 'strict', $$organization_id = org() OR user_id IS NULL AND user_id IS DISTINCT FROM uid()$$),
('unscoped', 'strict', $$organization_id = org() OR user_id IS NULL AND path = uid()$$),
('unscoped', 'strict', $$organization_id = org() OR (user_id IS NULL OR is_public) AND user_id = uid()$$),
('unscoped', 'row', $$organization_id = org() OR ROW(user_id, path) IS NULL AND user_id IS NULL$$),
('unscoped', 'fake', $$organization_id = org() OR user_id IS NULL AND user_id OPERATOR(fake.=) uid()$$);

INSERT INTO predicate (expected, why, predicate) VALUES
-- an aggregate yields a row
('scoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid())$$),
('scoped', 'all', $$organization_id = ALL (ARRAY(SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid()))$$),
('scoped', 'all', $$organization_id = ALL (SELECT string_agg(m.organization_id, ',') FROM member m WHERE m.role = org())$$),
('scoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid() LIMIT 1)$$),
('scoped', 'all', $$organization_id = ALL (SELECT x.o FROM (SELECT max(m.organization_id) AS o FROM member m WHERE m.user_id = uid()) x)$$),
('scoped', 'all', $$organization_id = ALL (WITH x AS (SELECT max(m.organization_id) AS o FROM member m WHERE m.user_id = uid()) SELECT o FROM x)$$),
('scoped', 'all', $$organization_id = ALL (SELECT coalesce(max(m.organization_id), '') FROM member m WHERE m.user_id = uid())$$),
('scoped', 'all', $$organization_id = ALL (SELECT (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid()))$$),
('unproven', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid() AND m.role = item.user_id)$$),
('unproven', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid())$$),
('unproven', 'all', $$organization_id = ALL (SELECT max(o.id) FROM guarded_organization o)$$),
('unscoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid() OFFSET length(org()))$$),
('scoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid() GROUP BY ())$$),
('scoped', 'all', $$NOT (organization_id <> ANY (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid()))$$),
('unscoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m)$$),
('unscoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid() GROUP BY m.role)$$),
('unscoped', 'all', $$organization_id = ALL (SELECT max(m.organization_id) FROM member m WHERE m.user_id = uid() HAVING count(*) > 0)$$);

INSERT INTO predicate (expected, why, policies) VALUES
-- a member of the owner is not subject to policies, as long as it is a member
('unproven', 'deputy', 'ALTER TABLE item OWNER TO regress_scope_owner;
	CREATE POLICY a ON item TO regress_scope_deputy USING (true)'),
('scoped', 'owner', 'ALTER TABLE item OWNER TO regress_scope_owner;
	CREATE POLICY a ON item TO regress_scope_owner USING (true)'),
('unscoped', 'forced', 'ALTER TABLE item OWNER TO regress_scope_owner; ALTER TABLE item FORCE ROW LEVEL SECURITY;
	CREATE POLICY a ON item TO regress_scope_deputy USING (true)'),
('unscoped', 'forced', 'ALTER TABLE item OWNER TO regress_scope_owner; ALTER TABLE item FORCE ROW LEVEL SECURITY;
	CREATE POLICY a ON item TO regress_scope_owner USING (true)');
\i :judge
DROP ROLE regress_scope_deputy, regress_scope_owner;
