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

-- nobody deletes rows by pasting: a column that cannot be null, and the tenant
-- column, leave a question; of a composite key only the others are emptied
BEGIN;
SELECT trovella_guard.allow('pair', 'spans organizations');
CREATE TABLE pair (organization_id text, id text, UNIQUE (organization_id, id));
ALTER TABLE item ADD COLUMN owner_id text NOT NULL CONSTRAINT "it's
DROP TABLE item;" REFERENCES users;
CREATE INDEX ON item (owner_id);
ALTER TABLE item ADD CONSTRAINT item_tenant FOREIGN KEY (organization_id) REFERENCES users;
ALTER TABLE item ADD COLUMN pair_id text;
ALTER TABLE item ADD CONSTRAINT item_pair FOREIGN KEY (organization_id, pair_id) REFERENCES pair (organization_id, id);
CREATE INDEX ON item (organization_id, pair_id);
ALTER TABLE item ADD CONSTRAINT item_full FOREIGN KEY (organization_id, pair_id) REFERENCES pair (organization_id, id) MATCH FULL;
ALTER TABLE item ADD COLUMN made_id text GENERATED ALWAYS AS (pair_id) STORED CONSTRAINT item_made REFERENCES users;
CREATE INDEX ON item (made_id);
COMMIT;
SELECT object, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'fk_on_delete' ORDER BY object;
SELECT trovella_guard.repair_sql('item', 'warning');
SELECT trovella_guard.repair_sql('item', 'warning', concurrently => true);
SELECT trovella_guard.repair_sql('item', 'warning', concurrently => true) \gexec
SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint
  WHERE contype = 'f' AND conrelid = 'item'::regclass ORDER BY conname;
SELECT * FROM trovella_guard.protect('item', 'warning');
BEGIN;
ALTER TABLE item DROP COLUMN owner_id, DROP COLUMN made_id, DROP COLUMN pair_id,
  DROP CONSTRAINT item_tenant;
COMMIT;

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

DROP TABLE item, pair, users;
SELECT trovella_guard.disallow('item', 'fk_on_delete');
SELECT trovella_guard.disallow('users');
SELECT trovella_guard.disallow('pair');
DROP SCHEMA regress_on_delete;
