-- forge.sql: makes the catalogs of a database with :n more tenant tables.
--
-- Copies the catalog rows of app.model, a real table that the migration has
-- made, :n times under new OIDs.  To create 100,000 tables for real takes a
-- quarter of an hour and a million files; for what is measured, how long
-- catalogs take to read, the rows are all that matters.
SET allow_system_table_mods = on;
SET client_min_messages = warning;

-- forge(catalog, key, oids, replaced, n): copies the rows whose key is an
-- object of the model; the columns "oids" get the OIDs of the copies, other
-- columns the expressions given for them.
CREATE FUNCTION pg_temp.forge(catalog regclass, key name, oids name[], replaced jsonb, n bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  model jsonb;
  columns text;
BEGIN
  SELECT jsonb_object_agg(oid, number) INTO model FROM (
    SELECT oid, row_number() OVER (ORDER BY oid) AS number FROM (
      SELECT 'app.model'::regclass::oid AS oid
      UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = 'app.model'::regclass
      UNION ALL SELECT p.oid FROM pg_policy p WHERE polrelid = 'app.model'::regclass
      UNION ALL SELECT o.oid FROM pg_constraint o WHERE conrelid = 'app.model'::regclass) o) o;
  SELECT string_agg(CASE WHEN attname = ANY (oids)
                         THEN format('coalesce((10000000 + copy * 20 + ($1 ->> c.%I::text)::int)::oid, c.%1$I)', attname)
                         ELSE coalesce(replaced ->> attname, 'c.' || quote_ident(attname)) END, ', ' ORDER BY attnum)
  INTO columns FROM pg_attribute WHERE attrelid = catalog AND attnum > 0 AND NOT attisdropped;
  EXECUTE format('CREATE TEMP TABLE original AS SELECT * FROM %s WHERE $1 ? %I::text', catalog, key) USING model;
  -- Little by little: PostgreSQL compares each relation that a command
  -- invalidates with all that the same command has invalidated before.
  FOR start IN 1 .. n BY 100 LOOP
    EXECUTE format('INSERT INTO %s SELECT %s FROM original c, generate_series($2, $3) copy', catalog, columns)
      USING model, start, least(start + 99, n);
  END LOOP;
  DROP TABLE original;
END $$;

SELECT pg_temp.forge('pg_class', 'oid', '{oid, relfilenode}', '{"relname": "left(c.relname, 40) || copy",
  "reltype": "0", "reltoastrelid": "0"}', :n);
SELECT pg_temp.forge('pg_attribute', 'attrelid', '{attrelid}', '{"atthasdef": "false"}', :n);
SELECT pg_temp.forge('pg_index', 'indexrelid', '{indexrelid, indrelid}', '{}', :n);
SELECT pg_temp.forge('pg_policy', 'oid', '{oid, polrelid}', '{}', :n);
SELECT pg_temp.forge('pg_constraint', 'oid', '{oid, conrelid, conindid}', '{}', :n);
SELECT pg_temp.forge('pg_depend', 'objid', '{objid, refobjid}', '{}', :n);
VACUUM ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_index, pg_catalog.pg_policy,
  pg_catalog.pg_constraint, pg_catalog.pg_depend;
