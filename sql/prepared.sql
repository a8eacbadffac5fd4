--
-- PREPARE TRANSACTION is judged as COMMIT is.  (The other expected file is
-- that of a server with max_prepared_transactions = 0.)
--
\set SHOW_CONTEXT never
\set VERBOSITY terse
\set columns 'id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()'
\set tenant 'organization_id = (SELECT current_setting(''app.current_organization_id'', true))'
SET client_min_messages = warning;
CREATE SCHEMA regress_prepared;
SET search_path = regress_prepared;

BEGIN;
CREATE TABLE item (:columns);
PREPARE TRANSACTION 'regress_bad';
SELECT gid FROM pg_prepared_xacts ORDER BY 1;

BEGIN;
CREATE TABLE item (:columns);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING (:tenant);
CREATE INDEX ON item (organization_id);
PREPARE TRANSACTION 'regress_good';
SELECT gid FROM pg_prepared_xacts ORDER BY 1;
-- what is prepared is not this session's any more
SELECT to_regclass('item') IS NULL AS not_yet;
BEGIN;
CREATE TABLE other (id text, organization_id text NOT NULL);
COMMIT;
COMMIT PREPARED 'regress_good';
SELECT count(*) FROM trovella_guard.check('item') WHERE level <> 'info';

-- in a savepoint, in warn, off
BEGIN;
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
RELEASE a;
PREPARE TRANSACTION 'regress_bad';
BEGIN;
SAVEPOINT a;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
ROLLBACK TO a;
PREPARE TRANSACTION 'regress_nothing';
ROLLBACK PREPARED 'regress_nothing';
SET trovella_guard.mode = warn;
BEGIN;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
PREPARE TRANSACTION 'regress_warned';
ROLLBACK PREPARED 'regress_warned';
RESET trovella_guard.mode;

-- an allowlist entry that a prepared transaction relies on is held
SELECT trovella_guard.allow('global', 'reference data');
BEGIN;
CREATE TABLE global (id text, organization_id text);
PREPARE TRANSACTION 'regress_relies';
SET lock_timeout = '100ms';
SELECT trovella_guard.disallow('global');
RESET lock_timeout;
COMMIT PREPARED 'regress_relies';
-- and its removal sees the table that has come
SELECT trovella_guard.disallow('global');

-- and a column's GRANT, of which the other verdict could not know
CREATE ROLE regress_prepared_reader;
BEGIN;
CREATE TABLE heir () INHERITS (item);
CREATE INDEX ON heir (organization_id);
ALTER TABLE heir ENABLE ROW LEVEL SECURITY;
COMMIT;
BEGIN;
GRANT SELECT (id) ON heir TO regress_prepared_reader;
PREPARE TRANSACTION 'regress_granted';
SET lock_timeout = '100ms';
ALTER TABLE heir DISABLE ROW LEVEL SECURITY;
RESET lock_timeout;
COMMIT PREPARED 'regress_granted';
ALTER TABLE heir DISABLE ROW LEVEL SECURITY;

-- so it is with a table that it opens, and that is to become a parent
SELECT trovella_guard.allow('plain', 'shared by all tenants');
CREATE TABLE plain (id text);
BEGIN;
GRANT SELECT (id) ON plain TO regress_prepared_reader;
PREPARE TRANSACTION 'regress_opened';
SET lock_timeout = '100ms';
ALTER TABLE heir INHERIT plain;
RESET lock_timeout;
COMMIT PREPARED 'regress_opened';
ALTER TABLE heir INHERIT plain;

SELECT gid FROM pg_prepared_xacts ORDER BY 1;
DROP TABLE IF EXISTS heir;
DROP TABLE IF EXISTS item;
DROP TABLE IF EXISTS global, plain;
SELECT trovella_guard.disallow('global');
SELECT trovella_guard.disallow('plain');
DROP SCHEMA regress_prepared;
DROP ROLE regress_prepared_reader;
