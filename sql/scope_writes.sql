--
-- Scope: a new row must be of the session's tenant.
--
-- What a parent says of an old row, whoever writes a new row chooses: its
-- parent, and its tenant.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

CREATE ROLE regress_scope_app;
CREATE ROLE regress_scope_clerk IN ROLE regress_scope_app;
CREATE ROLE regress_scope_service;
CREATE ROLE regress_scope_boss BYPASSRLS;

-- Parents: with a key of its own, with a key that the tenant is a part of, with
-- one that is checked late, and without a tenant.
CREATE TABLE parent (id int PRIMARY KEY, organization_id text NOT NULL,
	owner_id text, other_org text NOT NULL, UNIQUE (organization_id, id),
	UNIQUE (other_org, id));
ALTER TABLE parent ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON parent USING (organization_id = org());
CREATE TABLE numbered_parent (organization_id text, id int,
	PRIMARY KEY (organization_id, id));
CREATE TABLE late_parent (id int NOT NULL UNIQUE DEFERRABLE,
	organization_id text NOT NULL, UNIQUE (organization_id, id));
CREATE TABLE partial_parent (id int NOT NULL, organization_id text NOT NULL,
	UNIQUE (organization_id, id));
CREATE UNIQUE INDEX ON partial_parent (id) WHERE organization_id <> 'acme';
CREATE TABLE global_parent (id int PRIMARY KEY, org text NOT NULL, UNIQUE (org, id));
CREATE TABLE inherited_parent (LIKE parent INCLUDING ALL);
CREATE TABLE inherited_parent_child () INHERITS (inherited_parent);
CREATE TABLE region_parent (id int, region text, organization_id text NOT NULL,
	PRIMARY KEY (region, id), UNIQUE (organization_id, region, id));
CREATE FUNCTION can_edit(int) RETURNS boolean LANGUAGE sql STABLE
	AS $$ SELECT $1 IN (SELECT id FROM scope.parent) $$;
CREATE FUNCTION check_access(text) RETURNS boolean LANGUAGE sql STABLE
	AS $$ SELECT $1 = current_setting('app.org', true) $$;

-- The same check of an old row and of a new one.
CREATE TABLE by_parent (check_ text);
INSERT INTO by_parent VALUES
($$project_id IN (SELECT id FROM parent)$$),
($$project_id IN (SELECT id FROM parent WHERE organization_id = org())$$),
($$EXISTS (SELECT FROM parent p WHERE p.id = item.project_id)$$),
($$EXISTS (SELECT FROM project p WHERE p.id = item.project_id AND p.organization_id = org())$$),
($$EXISTS (SELECT FROM (SELECT FROM parent p WHERE p.id = item.project_id) x)$$),
($$EXISTS (WITH w AS (SELECT FROM parent p WHERE p.id = item.project_id) SELECT FROM w)$$),
($$EXISTS (SELECT FROM parent p JOIN member m USING (organization_id) WHERE p.id = item.project_id AND m.user_id = uid())$$),
($$(SELECT count(*) FROM parent p WHERE p.id = item.project_id) > 0$$),
($$(SELECT p.organization_id FROM parent p WHERE p.id = item.project_id) = org()$$),
($$check_access((SELECT p.organization_id FROM parent p WHERE p.id = item.project_id))$$),
($$(SELECT check_access(p.organization_id) FROM parent p WHERE p.id = item.project_id)$$),
($$project_id = ANY (ARRAY(SELECT id FROM parent))$$),
($$(project_id, user_id) IN (SELECT id, owner_id FROM parent)$$),
($$CASE WHEN project_id IS NULL THEN false ELSE project_id IN (SELECT id FROM parent) END$$),
($$NOT (project_id NOT IN (SELECT id FROM parent))$$);
INSERT INTO predicate (expected, why, policies)
SELECT 'unproven', 'oldrow', format('CREATE POLICY a ON item FOR SELECT USING (%1$s);
	CREATE POLICY b ON item FOR DELETE USING (%1$s)', check_) FROM by_parent
UNION ALL SELECT 'unproven', 'oldrow', format('CREATE POLICY a ON item FOR UPDATE
	USING (%s) WITH CHECK (organization_id = org())', check_) FROM by_parent;
INSERT INTO predicate (expected, why, policies)
SELECT 'unscoped', 'insert', format('CREATE POLICY a ON item FOR INSERT WITH CHECK (%s)', check_) FROM by_parent
UNION ALL SELECT 'unscoped', 'update', format('CREATE POLICY a ON item FOR UPDATE
	USING (organization_id = org()) WITH CHECK (%s)', check_) FROM by_parent
UNION ALL SELECT 'unscoped', 'reused', format('CREATE POLICY a ON item USING (%s)', check_) FROM by_parent;

INSERT INTO predicate (expected, why, policies) VALUES
-- a function of other columns is no better, and was never accepted
('unscoped', 'function', 'CREATE POLICY a ON item USING (can_edit(project_id))'),
('unscoped', 'function', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (can_edit(project_id))'),
('unproven', 'function', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (is_member(organization_id))'),
-- who mentions the tenant may be right
('unproven', 'mentions', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (EXISTS (SELECT FROM parent p WHERE p.id = item.project_id AND p.organization_id = item.organization_id))'),
('unproven', 'mentions', 'CREATE POLICY a ON item FOR INSERT WITH CHECK ((project_id, organization_id) IN (SELECT id, organization_id FROM parent))'),
('unproven', 'mentions', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (organization_id = (SELECT p.organization_id FROM parent p WHERE p.id = item.project_id) AND can_edit(project_id))'),
('scoped', 'both', 'CREATE POLICY a ON item USING (organization_id = org() AND project_id IN (SELECT id FROM parent))'),
('unproven', 'mentions', 'CREATE POLICY a ON item USING (EXISTS (WITH w AS (SELECT FROM member m WHERE m.organization_id = item.organization_id AND m.user_id = uid()) SELECT FROM w))'),
-- sides
('unproven', 'check', 'CREATE POLICY a ON item USING (project_id IN (SELECT id FROM parent)) WITH CHECK (organization_id = org())'),
('unscoped', 'check', 'CREATE POLICY a ON item USING (organization_id = org()) WITH CHECK (project_id IN (SELECT id FROM parent))'),
('unscoped', 'arm', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (organization_id = org() OR project_id IN (SELECT id FROM parent))'),
('scoped', 'closed', 'CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM parent) AND false)'),
('unproven', 'noupdate', 'CREATE POLICY a ON item FOR UPDATE USING (project_id IN (SELECT id FROM parent)) WITH CHECK (organization_id = org())'),
('scoped', 'nooldrow', 'CREATE POLICY a ON item FOR UPDATE USING (false) WITH CHECK (project_id IN (SELECT id FROM parent))'),
-- with restrictive policies
('unproven', 'restrictive', 'CREATE POLICY a ON item USING (project_id IN (SELECT id FROM parent));
	CREATE POLICY r ON item AS RESTRICTIVE FOR INSERT WITH CHECK (organization_id = org());
	CREATE POLICY s ON item AS RESTRICTIVE FOR UPDATE USING (true) WITH CHECK (organization_id = org())'),
('unscoped', 'restrictive', 'CREATE POLICY a ON item USING (project_id IN (SELECT id FROM parent));
	CREATE POLICY r ON item AS RESTRICTIVE FOR INSERT WITH CHECK (organization_id = org())'),
('scoped', 'restrictive', 'CREATE POLICY a ON item USING (project_id IN (SELECT id FROM parent));
	CREATE POLICY r ON item AS RESTRICTIVE USING (organization_id = org())'),
('unscoped', 'restrictive', 'CREATE POLICY a ON item USING (true);
	CREATE POLICY r ON item AS RESTRICTIVE USING (project_id IN (SELECT id FROM parent))'),
('unscoped', 'roles', 'CREATE POLICY a ON item FOR INSERT TO regress_scope_app WITH CHECK (project_id IN (SELECT id FROM parent));
	CREATE POLICY r ON item AS RESTRICTIVE FOR INSERT TO regress_scope_service WITH CHECK (organization_id = org())'),
('unproven', 'roles', 'CREATE POLICY a ON item FOR INSERT TO regress_scope_clerk WITH CHECK (project_id IN (SELECT id FROM parent));
	CREATE POLICY r ON item AS RESTRICTIVE FOR INSERT TO regress_scope_app WITH CHECK (organization_id = org())'),
('scoped', 'roles', 'CREATE POLICY a ON item FOR INSERT TO regress_scope_app WITH CHECK (project_id IN (SELECT id FROM parent));
	CREATE POLICY r ON item AS RESTRICTIVE FOR INSERT TO regress_scope_app WITH CHECK (organization_id = org())');

-- A foreign key (tenant, parent) makes the tenant of a new row its parent's.
CREATE TABLE tie (expected text, why text, statements text);
INSERT INTO tie VALUES
('unproven', 'key', 'FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id)'),
('unproven', 'key', 'FOREIGN KEY (project_id, organization_id) REFERENCES parent (id, organization_id) MATCH FULL'),
('unproven', 'deferred', 'FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id) DEFERRABLE INITIALLY DEFERRED'),
('unscoped', 'alone', 'FOREIGN KEY (project_id) REFERENCES parent'),
('unscoped', 'numbered', 'FOREIGN KEY (organization_id, project_id) REFERENCES numbered_parent'),
('unscoped', 'late', 'FOREIGN KEY (organization_id, project_id) REFERENCES late_parent (organization_id, id)'),
('unscoped', 'partial', 'FOREIGN KEY (organization_id, project_id) REFERENCES partial_parent (organization_id, id)'),
('unscoped', 'global', 'FOREIGN KEY (organization_id, project_id) REFERENCES global_parent (org, id)'),
('unscoped', 'inherited', 'FOREIGN KEY (organization_id, project_id) REFERENCES inherited_parent (organization_id, id)'),
('unscoped', 'column', 'FOREIGN KEY (organization_id, project_id) REFERENCES parent (other_org, id)'),
('unscoped', 'column', 'FOREIGN KEY (other_org, project_id) REFERENCES parent (organization_id, id)'),
('unscoped', 'invalid', 'FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id) NOT VALID');
INSERT INTO predicate (expected, why, policies)
SELECT expected, why, format('ALTER TABLE item ALTER project_id SET NOT NULL;
	ALTER TABLE item ADD %s;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM parent));
	CREATE POLICY b ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (can_edit(project_id))', statements) FROM tie;

INSERT INTO predicate (expected, why, policies) VALUES
-- MATCH SIMPLE does not check a key with a NULL
('unscoped', 'null', 'ALTER TABLE item ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK (can_edit(project_id))'),
('unproven', 'null', 'ALTER TABLE item ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id) MATCH FULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (can_edit(project_id))'),
('unscoped', 'null', 'ALTER TABLE item ALTER organization_id DROP NOT NULL, ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id) MATCH FULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (can_edit(project_id))'),
-- the condition must name all columns that determine the parent, and know the session
('unscoped', 'columns', 'ALTER TABLE item ALTER project_id SET NOT NULL, ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK (user_id IN (SELECT owner_id FROM parent))'),
('unscoped', 'columns', 'ALTER TABLE item ALTER project_id SET NOT NULL, ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IS NOT NULL)'),
('unscoped', 'columns', 'ALTER TABLE item ALTER project_id SET NOT NULL, ALTER path SET NOT NULL, ADD FOREIGN KEY (organization_id, path, project_id) REFERENCES region_parent (organization_id, region, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM region_parent WHERE organization_id = org()))'),
('unproven', 'columns', 'ALTER TABLE item ALTER project_id SET NOT NULL, ALTER path SET NOT NULL, ADD FOREIGN KEY (organization_id, path, project_id) REFERENCES region_parent (organization_id, region, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK ((path, project_id) IN (SELECT region, id FROM region_parent WHERE organization_id = org()))'),
('unscoped', 'arm', 'ALTER TABLE item ALTER project_id SET NOT NULL, ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM parent) OR user_id IN (SELECT owner_id FROM parent))'),
-- a row and its parent in the same table
('unproven', 'itself', 'ALTER TABLE item ALTER id SET NOT NULL, ALTER project_id SET NOT NULL, ADD PRIMARY KEY (id), ADD UNIQUE (organization_id, id),
	ADD FOREIGN KEY (organization_id, project_id) REFERENCES item (organization_id, id);
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT p.id FROM parent p))'),
-- no constraint spans inheritance children
('unscoped', 'children', 'ALTER TABLE item ALTER project_id SET NOT NULL, ADD FOREIGN KEY (organization_id, project_id) REFERENCES parent (organization_id, id);
	CREATE TABLE item_child () INHERITS (item);
	CREATE POLICY a ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (project_id IN (SELECT id FROM parent))');

INSERT INTO predicate (expected, why, policies) VALUES
-- a generated tenant is as good as what it is computed from
('unproven', 'generated', 'ALTER TABLE item DROP organization_id, ADD organization_id text GENERATED ALWAYS AS (split_part(path, ''/'', 1)) STORED NOT NULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (path = org())'),
('unscoped', 'generated', 'ALTER TABLE item DROP organization_id, ADD organization_id text GENERATED ALWAYS AS (split_part(path, ''/'', 1)) STORED NOT NULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM parent))'),
('unscoped', 'generated', 'ALTER TABLE item DROP organization_id, ADD organization_id text GENERATED ALWAYS AS (other_org || path) STORED NOT NULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (path = org())'),
('unproven', 'generated', 'ALTER TABLE item DROP organization_id, ADD organization_id text GENERATED ALWAYS AS (other_org || path) STORED NOT NULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (other_org || path = org())'),
('unscoped', 'generated', 'ALTER TABLE item DROP organization_id, ADD organization_id text GENERATED ALWAYS AS (''acme'') STORED NOT NULL;
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM parent))'),
('unscoped', 'default', 'ALTER TABLE item ALTER organization_id SET DEFAULT org();
	CREATE POLICY a ON item FOR INSERT WITH CHECK (project_id IN (SELECT id FROM parent))');

INSERT INTO predicate (expected, why, policies)
-- who may not UPDATE the tenant column keeps the row where it is
SELECT expected, why, format('%s;
	CREATE POLICY a ON item FOR UPDATE TO %s USING (organization_id = org()) WITH CHECK (%s)',
	privileges, role, check_)
FROM (VALUES
	('unscoped', 'undecided', 'GRANT SELECT ON item TO regress_scope_app', 'PUBLIC'),
	('unscoped', 'undecided', 'GRANT UPDATE (path) ON item TO regress_scope_boss', 'PUBLIC'),
	('scoped', 'nobody', 'GRANT UPDATE (user_id, path) ON item TO regress_scope_app, regress_scope_clerk', 'PUBLIC'),
	('scoped', 'nobody', 'GRANT UPDATE (user_id, path) ON item TO regress_scope_app', 'regress_scope_app'),
	('unscoped', 'public', 'GRANT UPDATE (path) ON item TO regress_scope_app; GRANT UPDATE ON item TO PUBLIC', 'regress_scope_app'),
	('unscoped', 'column', 'GRANT UPDATE (path, organization_id) ON item TO regress_scope_app', 'regress_scope_app'),
	('unscoped', 'column', 'GRANT UPDATE (path, organization_id) ON item TO regress_scope_app', 'PUBLIC'),
	('unscoped', 'inherited', 'GRANT UPDATE (path) ON item TO regress_scope_app; GRANT UPDATE ON item TO regress_scope_app', 'regress_scope_clerk'),
	('unscoped', 'member', 'GRANT UPDATE (path) ON item TO regress_scope_app; GRANT UPDATE ON item TO regress_scope_clerk', 'regress_scope_app'),
	('unproven', 'other', 'GRANT UPDATE (path) ON item TO regress_scope_app; GRANT UPDATE ON item TO regress_scope_service', 'regress_scope_app'),
	('unscoped', 'other', 'GRANT UPDATE (path) ON item TO regress_scope_app; GRANT UPDATE ON item TO regress_scope_service', 'PUBLIC'),
	('unscoped', 'other', 'GRANT UPDATE (path) ON item TO regress_scope_app; GRANT UPDATE ON item TO regress_scope_service', 'regress_scope_app, regress_scope_service')
) p (expected, why, privileges, role),
	(VALUES ('true'), ('project_id IN (SELECT id FROM parent)')) c (check_);
INSERT INTO predicate (expected, why, policies) VALUES
-- ... but only an UPDATE's new row, and the old row must be its own
('unscoped', 'insert', 'REVOKE ALL ON item FROM PUBLIC; GRANT INSERT (path), UPDATE (path) ON item TO regress_scope_app;
	CREATE POLICY a ON item USING (organization_id = org()) WITH CHECK (true)'),
('unscoped', 'oldrow', 'GRANT UPDATE (path) ON item TO regress_scope_app;
	CREATE POLICY a ON item FOR UPDATE USING (true)'),
('unproven', 'oldrow', 'GRANT UPDATE (path) ON item TO regress_scope_app;
	CREATE POLICY a ON item FOR UPDATE USING (project_id IN (SELECT id FROM parent))'),
-- the owner may change anything
('unscoped', 'owner', 'ALTER TABLE item OWNER TO regress_scope_service; GRANT UPDATE (path) ON item TO regress_scope_app; ALTER TABLE item FORCE ROW LEVEL SECURITY;
	CREATE POLICY a ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (true)'),
('scoped', 'owner', 'ALTER TABLE item OWNER TO regress_scope_service; GRANT UPDATE (path) ON item TO regress_scope_app;
	CREATE POLICY a ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (true)'),
('scoped', 'owner', 'ALTER TABLE item FORCE ROW LEVEL SECURITY; GRANT UPDATE (path) ON item TO regress_scope_app;
	CREATE POLICY a ON item FOR UPDATE USING (organization_id = org()) WITH CHECK (true)');
\i :judge
DROP ROLE regress_scope_app, regress_scope_clerk, regress_scope_service,
	regress_scope_boss;
