#-------------------------------------------------------------------------
#
# 008_preloading.t
#		What happens on a coordinator that does not preload the guard: a session
#		that begins with create_distributed_table() goes unnoticed, and the audit,
#		status() and check_nodes() say so.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Citus;

my @nodes = citus_nodes();
my ($coordinator) = @nodes;
my $db = 'mydb';

citus_db(\@nodes, $db);
$coordinator->safe_psql($db, 'CREATE ROLE authenticated');

# It is protected by a restrictive policy, which Citus makes permissive
my $distribute = q{SELECT create_distributed_table('%s', 'organization_id', colocate_with => 'none')};
foreach my $table ('early', 'late')
{
	passes($coordinator, $db,
		local_table($table) =~
		  s/CREATE POLICY tenant ON $table USING (.*?);\n/CREATE POLICY everybody ON $table USING (true); CREATE POLICY floor ON $table AS RESTRICTIVE USING $1;\n/r,
		"table $table is right as long as it is local");
}
my $status = q{SELECT ok FROM trovella_guard.status() WHERE item = 'preloading'};
is($coordinator->safe_psql($db, $status), 't', 'a coordinator that preloads the guard');
fails($coordinator, $db, sprintf($distribute, 'early'),
	qr/commit refused: table "public.early" breaks policy_unscoped/,
	'refuses to distribute it in a session that does nothing else');

$coordinator->append_conf('postgresql.conf', q{shared_preload_libraries = 'citus'});
$coordinator->restart;
passes($coordinator, $db, sprintf($distribute, 'late'), 'one that does not lets it pass');

like( $coordinator->safe_psql($db, q{SELECT ok, detail FROM trovella_guard.status() WHERE item = 'preloading'}),
	qr/^f\|.*changes that other extensions make in C.*Add trovella_guard to shared_preload_libraries/,
	'status() says what goes unnoticed');
like( $coordinator->safe_psql($db, q{SELECT level, rule, message FROM trovella_guard.check('late') WHERE level = 'error'}),
	qr/^error\|policy_unscoped\|.*restrictive policy "floor" holds nothing back/,
	'the audit has what went unnoticed');
is( $coordinator->safe_psql($db, q{SELECT string_agg(DISTINCT rule, ' ' ORDER BY rule) FROM trovella_guard.check_nodes() WHERE relation = 'public.late'}),
	'policy_missing policy_unscoped', 'and check_nodes() says what the shards have');

# DDL in the session loads the guard, which then sees the rest
fails($coordinator, $db, 'CREATE TEMP TABLE t (); ' . sprintf($distribute, 'early'),
	qr/commit refused: table "public.early" breaks policy_unscoped/,
	'a session that begins with DDL has the guard');

done_testing();
