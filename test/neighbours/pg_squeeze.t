#-------------------------------------------------------------------------
#
# pg_squeeze.t
#		pg_squeeze, whose background worker rewrites tables.
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

need('pg_squeeze');

my $node = start_server(
	shared_preload_libraries => 'pg_squeeze, trovella_guard',
	wal_level => 'logical',
	output_plugin_libraries => 'pg_squeeze',
	max_replication_slots => '10',
	max_worker_processes => '20');
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION pg_squeeze');

# road: pg_squeeze (passes)
foreach my $order ('pg_squeeze, trovella_guard', 'trovella_guard, pg_squeeze')
{
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'$order'");
	$node->restart;
	foreach my $table (qw(invoice ledger))
	{
		my $file = "SELECT pg_relation_filenode('$table')";
		my $before = $node->safe_psql('app', $file);

		unchanged($node, 'app', "\"$order\": $table",
			sub { ($node->psql('app', "SELECT squeeze.squeeze_table('public', '$table')"))[2] });
		isnt($node->safe_psql('app', $file), $before, 'and it was rewritten');
	}
}

done_testing();
