--
-- operator_family: which operator is a type's equality can change while a
-- session lives, unless type and operator are PostgreSQL's own.
--
\set SHOW_CONTEXT never
CREATE SCHEMA regress_operator_family;
SET search_path = regress_operator_family;
SET client_min_messages = warning;
-- a word has no index yet; doubts are asked for
SET trovella_guard.rules = 'tenant_index_missing=off, policy_unproven=info';

-- a text in all but its name, which only says that it is one when asked
CREATE TYPE word;
CREATE FUNCTION word_in(cstring) RETURNS word IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION word_out(word) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE word (INPUT = word_in, OUTPUT = word_out, LIKE = text, COLLATABLE = true);
CREATE CAST (word AS text) WITHOUT FUNCTION AS ASSIGNMENT;

CREATE FUNCTION make(name text, type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I (id int, organization_id %s NOT NULL, created_at timestamptz, updated_at timestamptz)', name, type);
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY p ON %I USING (organization_id::text = (SELECT current_setting(''app.current_organization_id'', true)))', name);
END
$$;
CREATE VIEW doubts WITH (security_invoker = true) AS
  SELECT table_name, rule FROM trovella_guard.check()
  WHERE schema_name = 'regress_operator_family' AND rule LIKE 'policy_un%' ORDER BY table_name COLLATE "C";

-- the same operator is the equality of one type and not of the other
SELECT make('plain', 'text');
SELECT make('worded', 'word');
SELECT * FROM doubts;

SELECT rule FROM trovella_guard.check('worded') WHERE rule LIKE 'policy_un%';
-- ... until a superuser says that it is
CREATE OPERATOR CLASS word_ops DEFAULT FOR TYPE word USING hash AS
  OPERATOR 1 = (text, text), FUNCTION 1 hashtext(text);
SELECT rule FROM trovella_guard.check('worded') WHERE rule LIKE 'policy_un%';
-- ... and until it is taken back
DROP OPERATOR FAMILY word_ops USING hash;
SELECT rule FROM trovella_guard.check('worded') WHERE rule LIKE 'policy_un%';

-- an operator of a user's that has joined the text's family, and leaves it
CREATE FUNCTION text_is_word(text, word) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'texteq';
CREATE OPERATOR == (FUNCTION = text_is_word, LEFTARG = text, RIGHTARG = word);
CREATE CAST (text AS word) WITHOUT FUNCTION;
ALTER OPERATOR FAMILY text_ops USING hash ADD OPERATOR 1 == (text, word);
ALTER POLICY p ON plain USING (organization_id ==
  (SELECT current_setting('app.current_organization_id', true)::word));
SELECT * FROM doubts;
ALTER OPERATOR FAMILY text_ops USING hash DROP OPERATOR 1 (text, word);
SELECT * FROM doubts;

DROP SCHEMA regress_operator_family CASCADE;
