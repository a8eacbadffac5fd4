--
-- Scope: an expression that is too large is unproven, after a short time, and
-- does not hide what is beside it.
--
SET client_min_messages = error;
SET trovella_guard.mode = off;
CREATE SCHEMA scope_budget;
SET search_path = scope_budget, public;
CREATE TABLE member (user_id text, organization_id text);
CREATE FUNCTION org() RETURNS text LANGUAGE sql STABLE
  AS $$ SELECT current_setting('app.org', true) $$;
CREATE TABLE item (id int, organization_id text NOT NULL, user_id text, is_public boolean);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION try(name text, predicate text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE POLICY %I ON item USING (%s)', name, predicate);
END $$;

-- each sub-select reads the previous one twice
SELECT try('with', 'organization_id IN (WITH w0 AS (SELECT user_id AS x, organization_id AS y FROM member), '
	|| string_agg(format('w%1$s AS (SELECT a.x || b.x AS x, a.y || b.x AS y FROM w%2$s a JOIN w%2$s b ON a.x = b.y)',
		i, i - 1), ', ' ORDER BY i) || ' SELECT x FROM w40 WHERE y = org())')
  FROM generate_series(1, 40) i;
SELECT try('lateral', 'organization_id IN (SELECT f40.x FROM concat(org()) f0 (x), '
	|| string_agg(format('concat(f%2$s.x, f%2$s.x) f%1$s (x)', i, i - 1), ', ' ORDER BY i)
	|| ', member m WHERE m.user_id = f40.x)')
  FROM generate_series(1, 40) i;
CREATE VIEW v0 AS SELECT user_id AS x FROM member;
DO $$ BEGIN
	FOR i IN 1 .. 40 LOOP
		EXECUTE format('CREATE VIEW v%1$s AS SELECT a.x FROM v%2$s a, v%2$s b', i, i - 1);
	END LOOP;
END $$;
SELECT try('view', 'organization_id IN (SELECT x FROM v40 WHERE x = org())');
-- an OR arm beside it
SELECT try('arm', 'is_public OR organization_id IN (SELECT x FROM v40 WHERE x = org())');
-- ... that is too large itself
SELECT try('arms', 'is_public OR organization_id IN (WITH w0 AS (SELECT user_id AS x, organization_id AS y FROM member), '
	|| string_agg(format('w%1$s AS (SELECT a.x || b.x AS x, a.y || b.x AS y FROM w%2$s a JOIN w%2$s b ON a.x = b.y)',
		i, i - 1), ', ' ORDER BY i) || ' SELECT x FROM w40 WHERE y = org())')
  FROM generate_series(1, 40) i;
-- as long as it is deep
SELECT try('deep', 'organization_id = ' || repeat('lower(', 1000) || 'org()' || repeat(')', 1000));
SELECT try('nested', repeat('NOT (', 500) || 'organization_id <> org()' || repeat(' AND is_public)', 500));
-- and an expression that is not large
SELECT try('leak', 'is_public');
SELECT try('right', 'organization_id = org()');
SELECT object, rule FROM trovella_guard.check('item') WHERE rule LIKE 'policy_un%'
  ORDER BY object COLLATE "C", rule;

-- casts to the last one of many domains: each of them is examined once
CREATE TABLE cast_item (id int, organization_id text NOT NULL, user_id text);
ALTER TABLE cast_item ENABLE ROW LEVEL SECURITY;
CREATE DOMAIN d0 AS text;
DO $$ BEGIN
	FOR i IN 1 .. 1500 LOOP
		EXECUTE format('CREATE DOMAIN d%s AS d%s', i, i - 1);
	END LOOP;
	EXECUTE (SELECT 'CREATE POLICY casts ON cast_item USING ('
		|| string_agg(format('user_id::d1500 = ''a%s''', i), ' AND ') || ')'
		FROM generate_series(1, 1000) i);
END $$;
SET statement_timeout = '3s';
SELECT object, rule FROM trovella_guard.check('cast_item') WHERE rule LIKE 'policy_un%';
RESET statement_timeout;

-- many permissive policies for many roles, and as many restrictive ones
DROP TABLE item;
CREATE TABLE item (id int, organization_id text NOT NULL, is_public boolean);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
DO $$ BEGIN
	FOR i IN 1 .. 20 LOOP
		EXECUTE format('CREATE ROLE regress_budget_%s', i);
	END LOOP;
	FOR i IN 1 .. 60 LOOP
		EXECUTE format('CREATE POLICY a%1$s ON item TO regress_budget_%2$s, regress_budget_%3$s USING (is_public OR id = %1$s)',
			i, 1 + i % 20, 1 + i * 7 % 20);
		EXECUTE format('CREATE POLICY r%1$s ON item AS RESTRICTIVE TO regress_budget_%2$s, regress_budget_%3$s USING (%4$s)',
			i, 1 + i % 20, 1 + (i + 1) % 20,
			CASE WHEN i % 20 < 10 THEN 'organization_id = org()' ELSE 'id > ' || i END);
	END LOOP;
END $$;
SELECT string_agg(i::text, ' ' ORDER BY i) AS unscoped FROM generate_series(1, 60) i
  WHERE EXISTS (SELECT FROM trovella_guard.check('item') WHERE object = 'a' || i AND rule = 'policy_unscoped');
-- right: the policies that name one of the roles 12 to 20
SELECT string_agg(i::text, ' ' ORDER BY i) AS unscoped FROM generate_series(1, 60) i
  WHERE i % 20 > 10 OR i * 7 % 20 > 10;

DROP SCHEMA scope_budget CASCADE;
DO $$ BEGIN
	FOR i IN 1 .. 20 LOOP
		EXECUTE format('DROP ROLE regress_budget_%s', i);
	END LOOP;
END $$;
