--
-- fk_crosses_tenants: a foreign key between tenant tables leaves out the tenant.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_fk_crosses;
SET search_path = regress_fk_crosses;

BEGIN;
CREATE TABLE plan (:columns);
ALTER TABLE plan ENABLE ROW LEVEL SECURITY;
CREATE POLICY plan_tenant ON plan USING (:tenant);
CREATE INDEX ON plan (organization_id);
COMMIT;
BEGIN;
CREATE TABLE step (:columns, plan_id text, parent_id text);
ALTER TABLE step ENABLE ROW LEVEL SECURITY;
CREATE POLICY step_tenant ON step USING (:tenant);
CREATE INDEX ON step (organization_id);
COMMIT;
CREATE INDEX ON step (plan_id);
CREATE INDEX ON step (parent_id);

-- RI checks bypass row-level security: a step may refer to another tenant's plan
ALTER TABLE step ADD CONSTRAINT step_plan_fk FOREIGN KEY (plan_id) REFERENCES plan ON DELETE CASCADE,
  ADD CONSTRAINT step_parent_fk FOREIGN KEY (parent_id) REFERENCES step ON DELETE CASCADE;
SELECT level, object, message, repair_sql FROM trovella_guard.check('step')
  WHERE rule = 'fk_crosses_tenants' ORDER BY object;

-- with the tenant it may not
BEGIN;
ALTER TABLE plan ADD UNIQUE (organization_id, id);
ALTER TABLE step DROP CONSTRAINT step_plan_fk, DROP CONSTRAINT step_parent_fk,
  ADD CONSTRAINT step_plan_fk FOREIGN KEY (plan_id, organization_id) REFERENCES plan (id, organization_id) ON DELETE CASCADE;
CREATE INDEX ON step (organization_id, plan_id);
COMMIT;
SELECT count(*) FROM trovella_guard.check('step') WHERE rule = 'fk_crosses_tenants';

-- both columns, but not with each other
BEGIN;
ALTER TABLE step DROP CONSTRAINT step_plan_fk,
  ADD CONSTRAINT step_plan_fk FOREIGN KEY (organization_id, plan_id) REFERENCES plan (id, organization_id) ON DELETE CASCADE;
COMMIT;
SELECT count(*) FROM trovella_guard.check('step') WHERE rule = 'fk_crosses_tenants';
ALTER TABLE step DROP CONSTRAINT step_plan_fk;

-- to a table without tenant, or to a global one that has the column, there is nothing to cross
SELECT trovella_guard.allow('account', 'spans organizations');
SELECT trovella_guard.allow('member', 'spans organizations');
CREATE TABLE account (id text PRIMARY KEY);
CREATE TABLE member (id text PRIMARY KEY, organization_id text);
ALTER TABLE step ADD FOREIGN KEY (plan_id) REFERENCES account ON DELETE CASCADE,
  ADD FOREIGN KEY (parent_id) REFERENCES member ON DELETE CASCADE;
SELECT count(*) FROM trovella_guard.check('step') WHERE rule = 'fk_crosses_tenants';

-- a partition has the key of its parent, which answers for it
BEGIN;
CREATE TABLE event (organization_id text NOT NULL, id int, plan_id text REFERENCES plan ON DELETE CASCADE,
  created_at timestamptz, updated_at timestamptz) PARTITION BY LIST (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_tenant ON event USING (:tenant);
CREATE INDEX ON event (organization_id);
CREATE INDEX ON event (plan_id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
COMMIT;
SELECT table_name FROM trovella_guard.check() WHERE rule = 'fk_crosses_tenants'
  AND schema_name = 'regress_fk_crosses' ORDER BY 1;

DROP TABLE event, step, plan, account, member;
SELECT trovella_guard.disallow('account');
SELECT trovella_guard.disallow('member');
DROP SCHEMA regress_fk_crosses;
