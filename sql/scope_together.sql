--
-- Scope: conditions that prove something only together.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

INSERT INTO predicate (expected, why, column_type, predicate) VALUES
-- a row without a tenant fails any other comparison of its tenant
('scoped', 'present', 'text', $$organization_id IS NOT DISTINCT FROM org() AND organization_id IS NOT NULL$$),
('scoped', 'present', 'text', $$organization_id IS NOT DISTINCT FROM org() AND organization_id <> claim('org')$$),
('scoped', 'present', 'text', $$organization_id IS NOT DISTINCT FROM org() AND organization_id > 'a'$$),
('scoped', 'present', 'text', $$NOT (organization_id IS DISTINCT FROM org() OR organization_id = claim('org'))$$),
('scoped', 'present', 'text', $$CASE WHEN organization_id <> claim('org') THEN organization_id IS NOT DISTINCT FROM org() END$$),
('scoped', 'present', 'text', $$(organization_id IS NOT DISTINCT FROM org()) > (organization_id = claim('org'))$$),
('scoped', 'present', 'text', $$organization_id IS NOT DISTINCT FROM org() AND organization_id <> ANY (ARRAY['a', 'b'])$$),
('unscoped', 'absent', 'text', $$organization_id IS NOT DISTINCT FROM org() AND is_public$$),
('unscoped', 'absent', 'text', $$organization_id IS NOT DISTINCT FROM org() AND (organization_id <> claim('org') OR is_public)$$),
('unscoped', 'absent', 'text', $$organization_id IS NOT DISTINCT FROM org() AND (organization_id = claim('org')) IS NOT TRUE$$),
('unscoped', 'absent', 'text', $$organization_id IS NOT DISTINCT FROM org() AND organization_id IS DISTINCT FROM claim('org')$$),
('unscoped', 'absent', 'text', $$organization_id IS NOT DISTINCT FROM org() AND organization_id <> ALL (org_array())$$),
('unscoped', 'literal', 'text', $$organization_id IS NOT DISTINCT FROM 'acme' AND organization_id IS NOT NULL$$),
('scoped', 'nevernull', 'text', $$organization_id IS NOT DISTINCT FROM coalesce(coalesce(org(), ''), other_org)$$),
('scoped', 'nevernull', 'text', $$organization_id IS NOT DISTINCT FROM greatest(org(), '')$$),
('unscoped', 'null', 'text', $$organization_id IS NOT DISTINCT FROM greatest(org(), claim('org'))$$),

-- a comparison of values that are not NULL is true or false
('scoped', 'nevernull', 'text NOT NULL', $$(organization_id = coalesce(org(), '')) IS NOT FALSE$$),
('unscoped', 'null', 'text', $$(organization_id = coalesce(org(), '')) IS NOT FALSE$$),
('unscoped', 'unset', 'text NOT NULL', $$(organization_id = org()) IS NOT FALSE$$),
('scoped', 'nevernull', 'text NOT NULL', $$NOT EXISTS (SELECT 1 WHERE organization_id <> coalesce(org(), ''))$$),
('unscoped', 'unset', 'text NOT NULL', $$NOT EXISTS (SELECT 1 WHERE organization_id <> org())$$),
('unscoped', 'nullif', 'text NOT NULL', $$(nullif(organization_id, 'acme') = coalesce(org(), '')) IS NOT FALSE$$),

-- the same condition has the same outcome twice
('scoped', 'never', 'text NOT NULL', $$is_public AND NOT is_public$$),
('scoped', 'cases', 'text NOT NULL', $$(is_public OR organization_id = org()) AND NOT is_public$$),
('scoped', 'cases', 'text NOT NULL', $$(is_public OR organization_id = org()) AND is_public IS NOT TRUE$$),
('unscoped', 'cases', 'text NOT NULL', $$(is_public OR organization_id = org()) AND is_public$$),
('unscoped', 'cases', 'text NOT NULL', $$(is_public OR organization_id = org()) AND is_public IS NOT FALSE$$),
('scoped', 'cases', 'text NOT NULL', $$CASE WHEN is_public THEN organization_id = org() ELSE is_public END$$),
('scoped', 'cases', 'text NOT NULL', $$(organization_id = org() OR is_public) AND (organization_id = (SELECT org()) OR NOT is_public)$$),
('scoped', 'cases', 'text NOT NULL', $$user_id = uid() AND (organization_id = org() OR uid() <> user_id)$$),
('unscoped', 'cases', 'text NOT NULL', $$user_id = uid() AND (organization_id = org() OR user_id <> claim('sub'))$$),
('scoped', 'cases', 'text NOT NULL', $$organization_id <> org() AND organization_id = ANY (ARRAY['acme', org()]) AND organization_id <> 'acme'$$),
('scoped', 'cases', 'text NOT NULL', $$(user_id IS NULL OR organization_id = org()) AND user_id IS NOT NULL$$),
('unscoped', 'fake', 'text NOT NULL', $$(organization_id = org() OR user_id OPERATOR(fake.=) uid()) AND user_id OPERATOR(fake.<>) uid()$$),
('unscoped', 'volatile', 'text NOT NULL', $$random() < 0.5 AND NOT random() < 0.5$$),
('unscoped', 'volatile', 'text NOT NULL', $$log(user_id) AND NOT log(user_id)$$),
('unproven', 'fake', 'text NOT NULL', $$organization_id OPERATOR(fake.=) 'a' AND organization_id OPERATOR(fake.<>) 'a'$$),
('unproven', 'fake', 'text NOT NULL', $$organization_id OPERATOR(fake.=) org() AND organization_id OPERATOR(fake.<>) org()$$),

-- through other columns
('unproven', 'transitive', 'text', $$other_org = org() AND user_id = other_org AND organization_id = user_id$$),
('unproven', 'transitive', 'text', $$NOT (organization_id <> other_org OR is_public OR other_org <> org())$$),
('unproven', 'transitive', 'text', $$organization_id = other_org AND lower(other_org) = org()$$),
('unscoped', 'transitive', 'text', $$organization_id = other_org AND other_org = 'acme'$$),
('unproven', 'transitive', 'text', $$organization_id = other_org AND other_org <> org()$$),
('unproven', 'transitive', 'text', $$organization_id = other_org AND other_org = org() COLLATE nocase$$),
('unscoped', 'transitive', 'text', $$organization_id = other_org OR other_org = org()$$),

-- two limits may be the same value
('unproven', 'limits', 'text', $$organization_id >= org() AND is_public AND organization_id >= claim('org') AND organization_id <= org()$$),
('unproven', 'limits', 'text', $$NOT (organization_id < org() OR is_public OR organization_id > org())$$),
('unscoped', 'limits', 'text', $$organization_id >= org() AND is_public AND organization_id <= claim('org')$$),
('unscoped', 'limits', 'text', $$organization_id >= org() OR organization_id <= org()$$),
('scoped', 'never', 'text', $$organization_id > org() AND organization_id <= org()$$),
('unscoped', 'limits', 'text', $$organization_id >= 'acme' AND organization_id <= 'acme'$$),

-- the column and itself
('scoped', 'itself', 'text', $$organization_id <> organization_id$$),
('scoped', 'itself', 'text', $$organization_id NOT BETWEEN organization_id AND organization_id$$),
('unscoped', 'itself', 'text', $$organization_id = organization_id$$),
('unscoped', 'null', 'text', $$(organization_id = organization_id) IS NULL$$),
('scoped', 'notnull', 'text NOT NULL', $$(organization_id = organization_id) IS NULL$$),
('unproven', 'fake', 'text', $$NOT organization_id OPERATOR(fake.=) organization_id$$),

-- the value that NULLIF removes
('unproven', 'nullif', 'text', $$nullif(organization_id, 'acme') = 'acme'$$),
('unproven', 'nullif', 'text', $$nullif('acme', org()) = nullif(organization_id, 'acme')$$),
('unproven', 'nullif', 'text', $$nullif(organization_id, 'acme') = 'beta'$$),
('unproven', 'collation', 'text', $$nullif(organization_id, 'acme') = 'acme' COLLATE nocase$$),

-- sets that are never empty, and sets that the row determines
('scoped', 'values', 'text', $$organization_id = ALL (ARRAY(VALUES (org()), (claim('org'))))$$),
('scoped', 'union', 'text', $$organization_id = ALL (ARRAY(SELECT m.organization_id FROM member m WHERE m.user_id = uid() UNION SELECT org()))$$),
('unscoped', 'empty', 'text', $$organization_id = ALL (ARRAY(SELECT m.organization_id FROM member m WHERE m.user_id = uid()))$$),
('unscoped', 'empty', 'text', $$organization_id = ALL (ARRAY(SELECT m.organization_id FROM member m WHERE m.user_id = uid() INTERSECT SELECT org()))$$),
('unscoped', 'literal', 'text', $$organization_id = ALL (ARRAY(VALUES ('acme')))$$),
('scoped', 'relabel', 'org_id', $$organization_id = ALL (ARRAY[org()::org_id])$$),
('unproven', 'correlated', 'text', $$NOT (organization_id = ALL (ARRAY(SELECT m.organization_id FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid())))$$),
('unproven', 'correlated', 'text', $$organization_id <> (SELECT m.organization_id FROM member m WHERE m.organization_id = item.organization_id)$$),
('unproven', 'helper', 'text', $$organization_id <> parse(organization_id)$$),
('unscoped', 'itself', 'text', $$organization_id = (SELECT m.organization_id FROM member m WHERE m.organization_id = item.organization_id)$$),
('unscoped', 'column', 'text', $$organization_id <> other_org$$);

INSERT INTO predicate (expected, why, policies) VALUES
('scoped', 'cases', 'CREATE POLICY a ON item USING (is_public OR organization_id = org());
	CREATE POLICY f ON item AS RESTRICTIVE USING (NOT is_public)'),
('unscoped', 'cases', 'CREATE POLICY a ON item USING (is_public OR organization_id = org());
	CREATE POLICY f ON item AS RESTRICTIVE FOR SELECT USING (NOT is_public)'),
('scoped', 'unchanged', 'CREATE POLICY u ON item FOR UPDATE USING (true) WITH CHECK (false)'),
('scoped', 'unchanged', 'CREATE POLICY u ON item FOR UPDATE USING (true) WITH CHECK (organization_id = NULL)'),
('scoped', 'unchanged', 'CREATE POLICY u ON item FOR UPDATE USING (true);
	CREATE POLICY f ON item AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (false)'),
('unscoped', 'pair', 'CREATE POLICY a ON item FOR UPDATE USING (true) WITH CHECK (false);
	CREATE POLICY b ON item FOR UPDATE USING (organization_id = org())'),
('unscoped', 'select', 'CREATE POLICY a ON item USING (true) WITH CHECK (false)');
\i :judge
