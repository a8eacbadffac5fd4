-- rival.sql: the guard that one would write in PL/pgSQL, to compare with.
--
-- An event trigger notes the tables that DDL touches; a deferred constraint
-- trigger checks five things at commit: row-level security is on, policies
-- cover all four commands, each mentions the tenant column, and the tenant
-- column and the foreign keys are indexed.  It is no match for the extension
-- in what it sees (dropped objects, what is not collected) or understands.
CREATE SCHEMA rival;
CREATE TABLE rival.touched (relid oid PRIMARY KEY);

CREATE FUNCTION rival.note() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO rival.touched
  SELECT DISTINCT coalesce(i.indrelid, p.polrelid, c.objid)
  FROM pg_event_trigger_ddl_commands() c
  LEFT JOIN pg_index i ON c.classid = 'pg_class'::regclass AND i.indexrelid = c.objid
  LEFT JOIN pg_policy p ON c.classid = 'pg_policy'::regclass AND p.oid = c.objid
  WHERE c.classid IN ('pg_class'::regclass, 'pg_policy'::regclass)
  ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION rival.judge() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  tenant smallint;
  bad text;
BEGIN
  DELETE FROM rival.touched WHERE relid = NEW.relid;
  SELECT attnum INTO tenant FROM pg_attribute
  WHERE attrelid = NEW.relid AND attname = 'organization_id' AND NOT attisdropped;
  IF tenant IS NULL OR NOT EXISTS (SELECT FROM pg_class WHERE oid = NEW.relid AND relkind IN ('r', 'p')) THEN
    RETURN NULL;
  END IF;
  SELECT string_agg(finding, ', ') INTO bad FROM (
    SELECT 'row-level security is off' AS finding FROM pg_class WHERE oid = NEW.relid AND NOT relrowsecurity
    UNION ALL
    SELECT 'no policy for ' || command::text FROM unnest('{r,a,w,d}'::"char"[]) command
    WHERE NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = NEW.relid AND polpermissive AND polcmd IN (command, '*'))
    UNION ALL
    SELECT 'unscoped policy ' || polname::text FROM pg_policy
    WHERE polrelid = NEW.relid AND polpermissive
      AND coalesce(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) !~ 'organization_id = '
    UNION ALL
    SELECT 'no index on the tenant column'
    WHERE NOT EXISTS (SELECT FROM pg_index WHERE indrelid = NEW.relid AND indisvalid AND indkey[0] = tenant)
    UNION ALL
    SELECT 'no index on ' || conname::text FROM pg_constraint c
    WHERE conrelid = NEW.relid AND contype = 'f'
      AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indisvalid
                      AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)) f;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'table % is not protected: %', NEW.relid::regclass, bad;
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER judge AFTER INSERT ON rival.touched
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rival.judge();
CREATE EVENT TRIGGER rival_note ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'ALTER TABLE', 'CREATE INDEX', 'CREATE POLICY', 'ALTER POLICY')
  EXECUTE FUNCTION rival.note();
