--
-- fk_on_delete: foreign keys of a tenant table say ON DELETE CASCADE or
-- SET NULL.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_on_delete;
SET search_path = regress_on_delete;

BEGIN;
SELECT trovella_guard.allow('users', 'spans organizations');
CREATE TABLE users (id text PRIMARY KEY, kind text, UNIQUE (kind, id));
COMMIT;

-- a warning, and the commit goes through
BEGIN;
CREATE TABLE item (:columns, user_id text CONSTRAINT item_users REFERENCES users);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
CREATE INDEX ON item (user_id);
COMMIT;

-- what check() prints fixes it
SELECT level, object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'fk_on_delete';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'fk_on_delete' \gexec
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'item_users';
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';

-- ... and changes nothing else about the key
\set VERBOSITY terse
BEGIN;
ALTER TABLE item DROP CONSTRAINT item_users;
ALTER TABLE item ADD COLUMN kind text;
CREATE INDEX ON item (user_id, kind);
ALTER TABLE item ADD CONSTRAINT item_users FOREIGN KEY (kind, user_id)
  REFERENCES users (kind, id) MATCH FULL
  ON UPDATE CASCADE ON DELETE RESTRICT
  DEFERRABLE INITIALLY DEFERRED NOT VALID;
COMMIT;
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'fk_on_delete' \gexec
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'item_users';

-- what is fine and what is not
ALTER TABLE item DROP CONSTRAINT item_users,
  ADD CONSTRAINT item_users FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL;
ALTER TABLE item DROP CONSTRAINT item_users,
  ADD CONSTRAINT item_users FOREIGN KEY (user_id) REFERENCES users ON DELETE SET DEFAULT;
ALTER TABLE item DROP CONSTRAINT item_users,
  ADD CONSTRAINT item_users FOREIGN KEY (user_id) REFERENCES users ON DELETE NO ACTION;

-- other levels
SET trovella_guard.rules = 'fk_on_delete=error';
ALTER TABLE item DROP CONSTRAINT item_users,
  ADD CONSTRAINT item_users FOREIGN KEY (user_id) REFERENCES users ON DELETE RESTRICT;
SET trovella_guard.rules = 'fk_on_delete=info';
ALTER TABLE item SET (fillfactor = 90);
SELECT rule, level, object FROM trovella_guard.check('item')
  WHERE rule = 'fk_on_delete';
SET trovella_guard.rules = 'fk_on_delete=off';
SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'fk_on_delete';
RESET trovella_guard.rules;

-- waived
SELECT trovella_guard.allow('item', 'users are never deleted', 'fk_on_delete');
ALTER TABLE item SET (fillfactor = 100);

DROP TABLE item, users;
SELECT trovella_guard.disallow('item', 'fk_on_delete');
SELECT trovella_guard.disallow('users');
DROP SCHEMA regress_on_delete;
