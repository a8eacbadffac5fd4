-- The role that the application works as.  It owns nothing and bypasses
-- nothing, so row-level security holds for it.
DO $$
BEGIN
  -- Roles are shared by all databases of a server.
  IF to_regrole('authenticated') IS NULL THEN
    CREATE ROLE authenticated NOLOGIN;
  END IF;
END
$$;--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO authenticated;--> statement-breakpoint
-- From here on every new table is the role's to use: what a tenant table lets
-- it see is up to the policies alone.
ALTER DEFAULT PRIVILEGES IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO authenticated;
