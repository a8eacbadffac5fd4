#-------------------------------------------------------------------------
#
# pgaudit.t
#		pgaudit, which takes the same hooks, preloaded before and after the
#		guard.
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
use Neighbours;

need('pgaudit');

my $node = start_server(
	shared_preload_libraries => 'pgaudit',
	'pgaudit.log' => 'ddl, read',
	'pgaudit.log_relation' => 'on');
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION pgaudit');

# road: pgaudit preloaded before and after the guard (refused)
foreach my $order ('pgaudit, trovella_guard', 'trovella_guard, pgaudit', 'pgaudit')
{
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'$order'");
	$node->restart;

	my $log = -s $node->logfile;
	refuses($node, 'app', "\"$order\": the guard refuses");
	foreach my $statement ('ALTER TABLE invoice DISABLE ROW LEVEL SECURITY',
		'DO $$ BEGIN EXECUTE $x$DROP POLICY sel ON ledger$x$; END $$')
	{
		like((as_owner($node, 'app', $statement))[1], qr/commit refused/, "\"$order\": $statement");
	}
	is(sees($node, 'app', 'globex'), '50|globex|globex 50|globex|globex',
		"\"$order\": the application sees one tenant");
	my $text = slurp_file($node->logfile, $log);
	like($text, qr/AUDIT: SESSION,\d+,\d+,DDL,CREATE TABLE,TABLE,public\.u_n_s_a_f_e/,
		"\"$order\": pgaudit logs DDL");
	like($text, qr/AUDIT: SESSION,\d+,\d+,READ,SELECT,TABLE,public\.invoice/,
		"\"$order\": pgaudit logs reading");
}

done_testing();
