#-------------------------------------------------------------------------
#
# 003_impostors.t
#		A plain role pretends to be Citus: by the names of its catalogs, of
#		shards, of its connections.  What isolates tenants is judged all the
#		same, and a table is no shard because of its name.
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
CREATE ROLE authenticated;
CREATE ROLE mallory LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO mallory;
GRANT CREATE ON DATABASE mydb TO mallory});
$coordinator->safe_psql($db, distribute('account'));
$coordinator->safe_psql($db, distribute('mine') =~ s/BEGIN/SET ROLE mallory; BEGIN/r);

# A bare tenant table, a protected one without an index, one without a tenant
sub bare { return "CREATE TABLE $_[0] (id int, organization_id text NOT NULL)" }

sub unindexed
{
	return "BEGIN; CREATE TABLE $_[0] (id int, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);"
	  . "ALTER TABLE $_[0] ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON $_[0] USING ($Citus::scope); COMMIT";
}

# What is on which node
sub shards_on
{
	my ($node, $table) = @_;
	return split /\n/, $coordinator->safe_psql($db, sprintf(
		"SELECT shardid FROM citus_shards WHERE table_name = '%s'::regclass
		 AND nodename = '%s' AND nodeport = %d ORDER BY shardid",
		$table, $node->host, $node->port));
}
my $directly = 'SET citus.enable_ddl_propagation = off; SET citus.enable_manual_changes_to_shards = on;';
my ($here) = shards_on($workers[0], 'account');
my ($there) = shards_on($workers[1], 'account');

# Catalogs of the same names, which say what one likes
foreach my $node ($coordinator, $workers[0])
{
	my $name = $node->name;

	my @catalogs = qw(pg_dist_partition pg_dist_shard pg_dist_placement pg_dist_local_group);
	$node->safe_psql($db, "$directly SET trovella_guard.mode = off;"
		  . "CREATE SCHEMA fake_$name AUTHORIZATION mallory; SET search_path = fake_$name, public;"
		  . "CREATE TABLE fake_$name.pg_dist_partition (logicalrelid regclass);"
		  . "CREATE TABLE fake_$name.pg_dist_shard (logicalrelid regclass, shardid bigint);"
		  . "CREATE TABLE fake_$name.pg_dist_placement (shardid bigint, groupid int);"
		  . "CREATE TABLE fake_$name.pg_dist_local_group (groupid int);"
		  . join('', map { "ALTER TABLE fake_$name.$_ OWNER TO mallory;" } @catalogs)
		  . "INSERT INTO fake_$name.pg_dist_local_group VALUES (0);"
		  . "INSERT INTO fake_$name.pg_dist_shard VALUES ('account', 1);"
		  . "INSERT INTO fake_$name.pg_dist_placement VALUES (1, 0);"
		  . "INSERT INTO fake_$name.pg_dist_partition SELECT oid FROM pg_catalog.pg_class");
	my $path = "$directly SET search_path = fake_$name, public;";
	fails($node, $db, "$path " . bare("account_1"), qr/breaks rls_disabled, policy_missing/,
		"$name: catalogs of the same names make no shard", 'mallory');
	fails($node, $db, "$path " . unindexed("account_1"), qr/breaks tenant_index_missing/,
		"$name: and waive nothing", 'mallory');
	is( $node->safe_psql($db, "SET search_path = fake_$name, public; SELECT rule FROM trovella_guard.check('fake_$name.pg_dist_shard') WHERE level = 'error'"),
		'table_unclassified', "$name: they are tables like others");
}

# Names of shards: of another node, of no shard, in another schema, of another table
foreach my $name ("account_$there", 'account_999999', "other_$here", "fake_worker1.account_$here", "account_0$here")
{
	fails($workers[0], $db, "$directly " . unindexed($name), qr/breaks tenant_index_missing/,
		"$name is no shard of this worker", 'mallory');
}
fails($coordinator, $db, "$directly " . unindexed("account_$here"), qr/breaks tenant_index_missing/,
	'nor is it one of the coordinator', 'mallory');
$workers[0]->safe_psql($db, "SET trovella_guard.mode = off; $directly " . unindexed("account_$there"));
is( $workers[0]->safe_psql($db,
		q{SELECT string_agg(rule, ' ') FROM trovella_guard.check() WHERE table_name ~ '^account_' AND level = 'error'}),
	'tenant_index_missing', 'an audit reports such a table');
is( $workers[0]->safe_psql($db,
		q{SELECT count(*) FROM trovella_guard.check() WHERE level = 'error' AND table_name !~ '^account_|^pg_dist'}),
	'0', 'and no real shard');

# A session that calls itself Citus
foreach my $app ('citus_internal gpid=10000000001', 'citus_rebalancer gpid=10000000001', 'citus_shard_move')
{
	foreach my $node ($coordinator, $workers[0])
	{
		my $name = $node->name . ", $app";
		local $ENV{PGAPPNAME} = $app;
		my ($mine) = $node == $coordinator ? () : shards_on($node, 'mine');

		fails($node, $db, "$directly " . bare('loot'), qr/breaks rls_disabled/,
			"$name: a bare table is refused", 'mallory');
		fails($node, $db, "$directly " . bare('loot_17'), qr/breaks rls_disabled/,
			"$name: also under the name of a shard", 'mallory');
		fails($node, $db, "$directly " . unindexed('loot'), qr/breaks tenant_index_missing/,
			"$name: so is one without an index", 'mallory');
		fails($node, $db, "$directly ALTER POLICY tenant ON mine USING (true)", qr/breaks policy_unscoped/,
			"$name: the policies of a distributed table stay closed", 'mallory');
		fails($node, $db, "$directly ALTER TABLE mine_$mine DISABLE ROW LEVEL SECURITY",
			qr/breaks rls_disabled/, "$name: and so do the shards", 'mallory')
		  if $mine;
		passes($node, $db, "$directly " . unindexed('loot_17') . '; DROP TABLE loot_17',
			"$name: only the index of what may be a shard is not asked for", 'mallory');
	}
}
{
	local $ENV{PGAPPNAME} = 'citus_run_command gpid=10000000001';
	fails($workers[0], $db, "$directly " . unindexed('loot_17'), qr/breaks tenant_index_missing/,
		'commands that somebody sends to all nodes are judged', 'mallory');
	fails($workers[0], $db, "$directly " . bare('loot_17'), qr/breaks rls_disabled/,
		'of a superuser, too');
}

# A superuser may do as it likes, and leaves a trace
{
	local $ENV{PGAPPNAME} = 'citus_internal gpid=10000000001';
	my $offset = -s $workers[0]->logfile;
	passes($workers[0], $db, "$directly " . bare('loot_18'),
		'what the superuser of Citus commits is not refused');
	like(slurp_file($workers[0]->logfile, $offset),
		qr/trovella_guard lets Citus commit as role "postgres": table "public.loot_18" breaks rls_disabled/,
		'and the server log has it');
}

done_testing();
