--
-- Scope: details, on each of which the answer for one policy depends.
--
\getenv srcdir PG_ABS_SRCDIR
\set prelude :srcdir '/test/scope_corpus/prelude.psql'
\set judge :srcdir '/test/scope_corpus/judge.psql'
\set ECHO none
\i :prelude

INSERT INTO predicate (expected, why, column_type, predicate) VALUES
-- one text for several values, or several for one
('unproven', 'written', 'timestamptz NOT NULL', $$organization_id::text = org()$$),
('unproven', 'written', 'float8 NOT NULL', $$organization_id::text = org()$$),
-- only no value, 0 and -1 are nobody
('scoped', 'nobody', 'int NOT NULL', $$organization_id = coalesce(nullif(org(), '')::int, 0)$$),
('unproven', 'somebody', 'int NOT NULL', $$organization_id = coalesce(nullif(org(), '')::int, 7)$$),
('scoped', 'nobody', 'uuid NOT NULL', $$organization_id = coalesce(nullif(org(), '')::uuid, '00000000-0000-0000-0000-000000000000')$$),
('unproven', 'somebody', 'uuid NOT NULL', $$organization_id = coalesce(nullif(org(), '')::uuid, '3f2504e0-4f89-11d3-9a0c-0305e82c3301')$$),
-- the elements of arrays of arrays
('unscoped', 'member', 'text NOT NULL', $$organization_id = ANY (ARRAY[ARRAY['acme'], ARRAY[org()]])$$),
('scoped', 'member', 'text NOT NULL', $$organization_id = ANY (ARRAY[ARRAY[org()], ARRAY[org()]])$$),
-- no row of the sub-select: what COALESCE falls back to
('unscoped', 'limited', 'text NOT NULL', $$coalesce((SELECT organization_id WHERE id > '5'), org()) = org()$$),
('unscoped', 'limited', 'text NOT NULL', $$coalesce((SELECT organization_id LIMIT 0), org()) = org()$$),
-- a row may be neither null nor not null
('unscoped', 'row', 'text NOT NULL', $$organization_id = org() OR NOT (ROW(user_id, path) IS NULL OR ROW(user_id, path) IS NOT NULL)$$),
-- equal for one collation, and not for another
('unscoped', 'collation', 'text NOT NULL', $$organization_id = org() OR user_id = 'a' COLLATE nocase AND NOT user_id = 'a' COLLATE "C"$$),
-- the same words about another table
('unscoped', 'inner', 'text NOT NULL', $$organization_id = org() OR user_id = 'a' AND EXISTS (SELECT FROM member WHERE NOT user_id = 'a')$$);
\i :judge
