-- migration.sql: the checklist's migration for tables :prefix<:first> to
-- :prefix<:last>, as the statements that a migration tool would send.
SELECT format($sql$
CREATE TABLE app.%1$s (id text PRIMARY KEY, organization_id text NOT NULL REFERENCES app.organization ON DELETE CASCADE, user_id text NOT NULL REFERENCES app.member ON DELETE CASCADE, name text NOT NULL, metadata jsonb, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE app.%1$s ENABLE ROW LEVEL SECURITY;
CREATE INDEX "%1$s_organizationId_idx" ON app.%1$s (organization_id);
CREATE INDEX "%1$s_userId_idx" ON app.%1$s (user_id);
CREATE POLICY %1$s_select ON app.%1$s FOR SELECT USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY %1$s_insert ON app.%1$s FOR INSERT WITH CHECK (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY %1$s_update ON app.%1$s FOR UPDATE USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY %1$s_delete ON app.%1$s FOR DELETE USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
$sql$, :'prefix' || i)
FROM generate_series(:first, :last) i;
