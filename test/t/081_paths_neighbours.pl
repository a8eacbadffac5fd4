#-------------------------------------------------------------------------
#
# 081_paths_neighbours.pl
#		Other extensions beside ours: pgaudit, which takes the same hooks, in
#		both orders, and pg_partman, which makes partitions.  Each is skipped
#		where it is not installed.
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

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

sub available
{
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_available_extensions WHERE name = '$_[0]'");
}

# road: pgaudit preloaded before and after the guard (refused)
SKIP:
{
	skip 'pgaudit is not installed', 1 unless available('pgaudit');

	foreach my $order ('pgaudit, trovella_guard', 'trovella_guard, pgaudit',
		'pgaudit')
	{
		$node->append_conf('postgresql.conf',
			"shared_preload_libraries = '$order'\npgaudit.log = 'ddl, read'\npgaudit.log_relation = on\n");
		$node->restart;
		$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS side');
		$node->safe_psql('postgres', 'CREATE DATABASE side');
		$node->safe_psql('side',
			'CREATE EXTENSION pgaudit; CREATE EXTENSION trovella_guard;'
			  . q{SELECT trovella_guard.allow('public.organization', 'the tenants themselves');}
			  . 'CREATE TABLE organization (id text PRIMARY KEY);'
			  . 'BEGIN;' . tenant_table('public.item') . 'COMMIT');

		my $log = -s $node->logfile;
		refuses($node, 'side', "\"$order\": the guard refuses");
		my ($status, $out, $err) = $node->psql('side',
			'DO $$ BEGIN EXECUTE $x$ALTER TABLE item DISABLE ROW LEVEL SECURITY$x$; END $$');
		like($err, qr/commit refused/, "\"$order\": from within a DO block, too");
		$node->safe_psql('side', 'SELECT count(*) FROM item');
		my $text = slurp_file($node->logfile, $log);
		like($text, qr/AUDIT: SESSION,\d+,\d+,DDL,CREATE TABLE,TABLE,public\.u_n_s_a_f_e/,
			"\"$order\": pgaudit logs DDL");
		like($text, qr/AUDIT: SESSION,\d+,\d+,READ,SELECT,TABLE,public\.item/,
			"\"$order\": pgaudit logs reading");
	}
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = ''\n");
	$node->restart;
}

# road: pg_partman makes and retires partitions (passes)
SKIP:
{
	skip 'pg_partman is not installed', 1 unless available('pg_partman');

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
}

# road: a trusted extension that is installed by a plain role (passes)
SKIP:
{
	skip 'hstore is not installed', 1 unless available('hstore');
	$node->safe_psql('postgres', 'CREATE DATABASE trusted; ');
	$node->safe_psql('postgres', 'CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE trusted TO plain');
	$node->safe_psql('trusted', 'GRANT CREATE ON SCHEMA public TO plain; CREATE EXTENSION trovella_guard');
	my ($status, $out, $err) = $node->psql('trusted', 'CREATE EXTENSION hstore',
		extra_params => [ '-U', 'plain' ]);
	is($err, '', 'CREATE EXTENSION by a plain role');
}

done_testing();
