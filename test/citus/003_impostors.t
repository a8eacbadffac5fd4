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

# Entries of the allowlist are for the relations of those who own them on the
# coordinator: one that is distributed, one that is local, one that is not there yet
$coordinator->safe_psql($db, q{
CREATE ROLE alice LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO alice;
SELECT trovella_guard.allow('public.shared', 'nobody reads it');
SELECT trovella_guard.allow('public.local', 'nobody reads it');
SELECT trovella_guard.allow('public.reserved', 'nobody reads it');
SET ROLE alice;
CREATE TABLE shared (id int, organization_id text NOT NULL);
CREATE TABLE local (id int, organization_id text NOT NULL);
RESET ROLE;
SELECT trovella_guard.send_allowlist();
SET ROLE alice;
SELECT create_distributed_table('shared', 'organization_id')});
foreach my $app ('psql', 'citus_internal gpid=10000000001')
{
	local $ENV{PGAPPNAME} = $app;
	foreach my $node ($coordinator, @workers)
	{
		my @names = ('shared_17', 'local_17', 'reserved_17');
		push @names, 'local', 'reserved' if $node != $coordinator;
		push @names, map { "shared_$_" } shards_on($workers[0], 'shared')
		  if $node != $workers[0];
		foreach my $name (@names)
		{
			fails($node, $db, "$directly " . bare($name), qr/breaks rls_disabled/,
				$node->name . ", $app: the entry for another table does not excuse $name", 'mallory');
		}
	}

	# Citus lets such a session register a table on a worker
	foreach my $table ('local', 'reserved')
	{
		fails($workers[0], $db, "$directly BEGIN; " . bare($table) . qq{;
			SELECT assign_distributed_transaction_id(0, 8, now());
			SELECT citus_internal.add_partition_metadata('$table', 'h', 'organization_id', 99999, 's');
			COMMIT},
			$app eq 'psql' ? qr/internal Citus function/ : qr/breaks rls_disabled/,
			"$app: nor does it excuse $table where it is made a distributed table", 'mallory');
	}
	my $copy = $coordinator->safe_psql($db,
		q{SELECT shardid FROM pg_dist_shard WHERE logicalrelid = 'trovella_guard.allowlist_sent'::regclass});
	foreach my $table ('allowlist_sent', "allowlist_sent_$copy")
	{
		fails($workers[0], $db, "$directly UPDATE trovella_guard.$table SET owner = 'mallory'",
			qr/permission denied/, "$app: $table is not for everybody to write", 'mallory');
	}
}

# What is named like the shard of a partition may be one that is not attached yet,
# which nobody but its owner reaches
$coordinator->safe_psql($db, qq{
SET ROLE mallory;
BEGIN;
CREATE TABLE event (id int, day date, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz,
  PRIMARY KEY (organization_id, day, id)) PARTITION BY RANGE (day);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event USING ($Citus::scope);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
COMMIT;
SELECT create_distributed_table('event', 'organization_id', colocate_with => 'none')});
foreach my $app ('psql', 'citus_internal gpid=10000000001')
{
	local $ENV{PGAPPNAME} = $app;
	fails($coordinator, $db, "$directly " . bare('event_1_17'), qr/breaks rls_disabled/,
		"$app: there is no such shard on the coordinator", 'mallory');
	fails($workers[0], $db, "$directly " . bare('event_17'), qr/breaks rls_disabled/,
		"$app: nor of what is no partition", 'mallory');
	fails($workers[0], $db, "$directly " . bare('event_1_17'), qr/breaks rls_disabled/,
		"$app: nor of somebody else's", 'alice');
	fails($workers[0], $db, "$directly BEGIN; " . bare('event_1_17') . '; GRANT SELECT ON event_1_17 TO PUBLIC; COMMIT',
		qr/breaks rls_disabled/, "$app: nor is it one that others can read", 'mallory');
	passes($workers[0], $db, "$directly " . bare('event_1_17'), "$app: a shard that only its owner reaches", 'mallory');
	fails($workers[0], $db, "$directly GRANT SELECT ON event_1_17 TO PUBLIC", qr/breaks rls_disabled/,
		"$app: is not opened", 'mallory');
	fails($workers[0], $db, "$directly ALTER TABLE event_1_17 RENAME TO event_17", qr/breaks rls_disabled/,
		"$app: or renamed", 'mallory');
	passes($workers[0], $db, "$directly DROP TABLE event_1_17", "$app: until it is gone", 'mallory');
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
