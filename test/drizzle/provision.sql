-- Once for each database, by a superuser, before the first migration.
CREATE EXTENSION trovella_guard;

-- The role that applies migrations says which tables are global.  It owns the
-- database and is no superuser, so it can't turn the guard off.
GRANT EXECUTE ON FUNCTION trovella_guard.allow(text, text, text, timestamptz, text, bool), trovella_guard.disallow
  TO migrator;
