#-------------------------------------------------------------------------
#
# pg_partman.t
#		pg_partman makes and retires partitions.
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
use Neighbours;

need('pg_partman');

my $node = start_server();

# road: pg_partman makes and retires partitions (passes)
my $scope =
  q{organization_id = (SELECT current_setting('app.current_organization_id', true))};
$node->safe_psql('postgres', 'CREATE DATABASE parts');
$node->safe_psql(
	'parts', qq{
CREATE EXTENSION trovella_guard;
CREATE SCHEMA partman;
CREATE EXTENSION pg_partman SCHEMA partman;
SELECT trovella_guard.allow('partman.*', 'templates of pg_partman, which hold no rows');
BEGIN;
CREATE TABLE event (id bigint NOT NULL, organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())
  PARTITION BY RANGE (id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event USING ($scope);
CREATE INDEX ON event (organization_id);
COMMIT;});
my $type = $node->safe_psql('parts',
	q{SELECT extversion < '5' FROM pg_extension WHERE extname = 'pg_partman'}) eq 't'
  ? q{'native', } : '';
my ($status, $out, $err) = $node->psql('parts',
	"SELECT partman.create_parent('public.event', 'id', $type'10')");
is($err, '', 'create_parent');
$node->safe_psql('parts',
	q{INSERT INTO event SELECT i, 'x' FROM generate_series(1, 30) i});
($status, $out, $err) = $node->psql('parts', 'SELECT partman.run_maintenance()');
is($err, '', 'run_maintenance');
cmp_ok(
	$node->safe_psql('parts',
		q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass}),
	'>', 4, 'partitions were made');
is($node->safe_psql('parts',
		q{SELECT count(*) FROM trovella_guard.check() WHERE level = 'error'}),
	'0', 'bare ones, which nobody can name');

# Default privileges would open them
$node->safe_psql('parts',
	q{INSERT INTO event SELECT i, 'x' FROM generate_series(31, 50) i;
	  CREATE ROLE app; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app;});
($status, $out, $err) = $node->psql('parts', 'SELECT partman.run_maintenance()');
like($err, qr/commit refused/, 'partitions that others may read are refused');
$node->safe_psql('parts',
	q{ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM app});

$node->safe_psql('parts',
	q{UPDATE partman.part_config SET retention = '20', retention_keep_table = false});
($status, $out, $err) = $node->psql('parts', 'SELECT partman.run_maintenance()');
is($err, '', 'partitions that are dropped at the end of their retention');
$node->safe_psql('parts',
	q{UPDATE partman.part_config SET retention = '5', retention_keep_table = true});
($status, $out, $err) = $node->psql('parts', 'SELECT partman.run_maintenance()');
like($err, qr/commit refused/,
	'partitions that are detached and kept would lie bare');

done_testing();
