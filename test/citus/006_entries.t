#-------------------------------------------------------------------------
#
# 006_entries.t
#		The allowlist is on the coordinator alone.  What a plain owner's table
#		owes to an entry is refused on a worker, when it is distributed and when a
#		shard moves; a superuser's table passes.  Settings reach all nodes.
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
my ($coordinator, @workers) = @nodes;
my $db = 'mydb';

citus_db(\@nodes, $db);
$coordinator->safe_psql($db, q{
CREATE ROLE owner LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO owner});

# Settings
passes($coordinator, $db, q{SELECT trovella_guard.set('app_role', 'nobody')}, 'set() on the coordinator');
foreach my $node (@nodes)
{
	is($node->safe_psql($db, 'SHOW trovella_guard.app_role'), 'nobody', 'sets it on ' . $node->name);
}
passes($coordinator, $db, q{SELECT trovella_guard.set('app_role', NULL)}, 'NULL resets it');
foreach my $node (@nodes)
{
	is($node->safe_psql($db, 'SHOW trovella_guard.app_role'), 'authenticated', 'also on ' . $node->name);
}

sub move
{
	my ($table) = @_;
	my ($shard, $port) = split /\|/, $coordinator->safe_psql($db,
		"SELECT shardid, nodeport FROM citus_shards WHERE table_name = '$table'::regclass ORDER BY 1 LIMIT 1");
	my ($from) = grep { $_->port == $port } @workers;
	my ($to) = grep { $_->port != $port } @workers;
	return sprintf(q{SELECT citus_move_shard_placement(%d, '%s', %d, '%s', %d)},
		$shard, $from->host, $from->port, $to->host, $to->port);
}

# No role "authenticated": every login role is one of the application, and so
# is the owner, until it is excused
foreach my $case (
	[ 'excused', q{allow_role('owner', 'runs the migrations')}, 'app_role_bypasses_rls', local_table('excused') ],
	[ 'exempt', q{allow('public.exempt', 'nobody reads it')}, 'rls_disabled',
		local_table('exempt') =~ s/ALTER TABLE exempt ENABLE.*;\n//r ],
	[ 'bypass', q{allow_bypass('app.bypass', 'the back office')}, 'policy_unscoped',
		local_table('bypass') =~ s/USING \((.*?)\);\n/USING ($1 OR current_setting('app.bypass', true) = 'on');\n/r ])
{
	my ($table, $entry, $rule, $sql) = @$case;
	my $distribute = "SELECT create_distributed_table('$table', 'organization_id', colocate_with => 'none')";

	fails($coordinator, $db, $sql, qr/commit refused: table "public.$table" breaks .*$rule/,
		"$table: refused without the entry", 'owner');
	$coordinator->safe_psql($db, "SELECT trovella_guard.$entry");
	passes($coordinator, $db, $sql, "$table: passes with it, where the entry is", 'owner');
	my $err = fails($coordinator, $db, $distribute, qr/commit refused: table "public.${table}_\d+" breaks .*$rule.*while executing command on/s,
		"$table: workers refuse to have it distributed", 'owner');
	unlike($err, qr/^ALTER TABLE .* FORCE ROW LEVEL SECURITY;/m,
		"$table: nobody is told to force row-level security on a shard");
	is(count_of($coordinator, $db, $table), '100', "$table: the rows are where they were");

	# A superuser may distribute it, but its shards cannot move: Citus connects
	# to the nodes as the owner of the table
	passes($coordinator, $db, $distribute, "$table: a superuser distributes it");
	fails($coordinator, $db, move($table), qr/commit refused: table "public.${table}_\d+" breaks .*$rule/,
		"$table: but its shards stay where they are");
	is(count_of($coordinator, $db, $table), '100', "$table: with their rows");
	passes($coordinator, $db, "ALTER TABLE $table OWNER TO CURRENT_USER", "$table: a superuser owns it");
	passes($coordinator, $db, move($table), "$table: then they move");
	is(count_of($coordinator, $db, $table), '100', "$table: with all rows");
}
is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0', 'all nodes agree');

done_testing();
