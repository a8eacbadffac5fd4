-- Once for each database, by a superuser, before the first migration.
CREATE EXTENSION trovella_guard;

-- drizzle makes its own table before it looks at any migration, so this can't
-- be one.
SELECT trovella_guard.allow('drizzle.*', 'migrations that were applied');
