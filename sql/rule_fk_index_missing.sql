--
-- fk_index_missing: every foreign key of a tenant table has an index that is
-- led by its columns.
--
\set SHOW_CONTEXT never
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_fk_index;
SET search_path = regress_fk_index;

BEGIN;
SELECT trovella_guard.allow('users', 'spans organizations');
CREATE TABLE users (id text PRIMARY KEY, kind text, UNIQUE (kind, id));
COMMIT;

-- broken
BEGIN;
CREATE TABLE item (:columns, user_id text REFERENCES users ON DELETE CASCADE);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
COMMIT;

-- repaired
BEGIN;
CREATE TABLE item (:columns, user_id text REFERENCES users ON DELETE CASCADE);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
CREATE INDEX item_user_idx ON item (user_id);
COMMIT;

-- an index that goes, a key that comes
\set VERBOSITY sqlstate
DROP INDEX item_user_idx;
ALTER TABLE item ADD COLUMN editor_id text REFERENCES users ON DELETE SET NULL;
BEGIN;
ALTER TABLE item ADD COLUMN editor_id text REFERENCES users ON DELETE SET NULL;
CREATE INDEX ON item (editor_id);
COMMIT;

-- a key that is only validated later is a key
ALTER TABLE item ADD COLUMN reviewer_id text;
ALTER TABLE item ADD FOREIGN KEY (reviewer_id) REFERENCES users
  ON DELETE SET NULL NOT VALID;

-- the key goes with its index
BEGIN;
DROP INDEX item_user_idx;
ALTER TABLE item DROP CONSTRAINT item_user_id_fkey;
COMMIT;

-- other levels
\set VERBOSITY terse
SET trovella_guard.rules = 'fk_index_missing=warning';
ALTER TABLE item ADD CONSTRAINT item_users FOREIGN KEY (user_id)
  REFERENCES users ON DELETE SET NULL;
SET trovella_guard.rules = 'fk_index_missing=info';
ALTER TABLE item ADD CONSTRAINT item_reviewer FOREIGN KEY (reviewer_id, editor_id)
  REFERENCES users (kind, id) ON DELETE SET NULL;
SELECT rule, level, object FROM trovella_guard.check('item')
  WHERE rule = 'fk_index_missing';
SET trovella_guard.rules = 'fk_index_missing=off';
SELECT count(*) FROM trovella_guard.check('item')
  WHERE rule = 'fk_index_missing';
RESET trovella_guard.rules;

-- what check() prints fixes it
SELECT object, message, repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'fk_index_missing';
SELECT repair_sql FROM trovella_guard.check('item')
  WHERE rule = 'fk_index_missing' \gexec
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';

-- waived
SELECT trovella_guard.allow('item', 'users are never deleted', 'fk_index_missing');
DROP INDEX "item_userId_idx";

DROP TABLE item, users;
SELECT trovella_guard.disallow('item', 'fk_index_missing');
SELECT trovella_guard.disallow('users');
DROP SCHEMA regress_fk_index;
