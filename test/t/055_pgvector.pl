#-------------------------------------------------------------------------
#
# 055_pgvector.pl
#		The checklist's additions that no migration tool generates, against
#		the real thing: an HNSW index on an embedding, a generated tsvector
#		column with its GIN index.  They commit in silence, and serve as no
#		index on the tenant column.
#
# Debian has pgvector for PostgreSQL 17 and later; elsewhere this skips itself.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->start;
if ($node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'})
	eq '0')
{
	plan skip_all => 'pgvector is not installed';
}
make_guarded_db($node, 'mydb');

# quiet SQL NAME: it commits, and nobody warns.
sub quiet
{
	my ($sql, $name) = @_;
	my ($status, $out, $err) =
	  $node->psql('mydb', $sql, extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);

	is($status, 0, $name);
	unlike($err, qr/WARNING|ERROR/, "$name: without a word of the guard");
}

quiet('CREATE EXTENSION vector', 'pgvector beside the guard');
quiet(
	'BEGIN;' . tenant_table('public.document_chunk') . q{
ALTER TABLE document_chunk ADD COLUMN name text NOT NULL;
ALTER TABLE document_chunk ADD COLUMN embedding halfvec(3);
ALTER TABLE document_chunk
  ADD COLUMN search_vector tsvector
  GENERATED ALWAYS AS (to_tsvector('english', name)) STORED;
CREATE INDEX document_chunk_search_idx ON document_chunk USING gin(search_vector);
CREATE INDEX document_chunk_embedding_idx
  ON document_chunk USING hnsw (embedding halfvec_cosine_ops);
COMMIT;}, 'the checklist with its manual additions, in one migration');
quiet(
	q{CREATE INDEX later ON document_chunk USING hnsw (embedding halfvec_l2_ops)},
	'an HNSW index in a migration of its own');
quiet(
	q{CREATE INDEX CONCURRENTLY apart ON document_chunk USING ivfflat (embedding halfvec_l2_ops)},
	'an IVFFlat index, concurrently');
quiet('ALTER EXTENSION vector UPDATE', 'an update of pgvector');

# It works behind the policies, too
$node->safe_psql(
	'mydb', q{
CREATE ROLE app LOGIN;
GRANT SELECT ON document_chunk TO app;
INSERT INTO document_chunk (id, organization_id, name, embedding)
  SELECT 'chunk' || i, 'org' || (i % 2 + 1), 'chunk', ARRAY[i, 1, 1]::halfvec
  FROM generate_series(1, 100) i;});
is( $node->safe_psql(
		'mydb', q{
SET app.current_organization_id = 'org1';
SET hnsw.ef_search = 200;
SELECT count(*), min(organization_id), max(organization_id)
FROM (SELECT * FROM document_chunk ORDER BY embedding <=> '[1,2,3]') s},
		extra_params => [ '-U', 'app' ]),
	'50|org1|org1',
	'a search by likeness sees one tenant');

# A table cannot do with these indexes alone
my ($status, $out, $err) = $node->psql(
	'mydb', 'BEGIN;' . tenant_table('public.other') . q{
ALTER TABLE other ADD COLUMN embedding halfvec(3);
DROP INDEX other_organization_id_idx;
CREATE INDEX ON other USING hnsw (embedding halfvec_cosine_ops);
COMMIT;});
like($err, qr/commit refused: table "public.other" breaks tenant_index_missing/,
	'an HNSW index is no index on the tenant column');

done_testing();
