#-------------------------------------------------------------------------
#
# 001_distribution.t
#		What a database on Citus does every day passes, with the guard on all
#		nodes, by a superuser and by a plain role; and what takes protection
#		away is refused, on the coordinator and on the shards.
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
foreach my $node (@nodes)
{
	is($node->safe_psql($db, q{SELECT count(*) FROM pg_extension WHERE extname = 'trovella_guard'}),
		'1', 'CREATE EXTENSION after Citus reaches ' . $node->name);
}
$coordinator->safe_psql($db, q{
CREATE ROLE authenticated;
CREATE ROLE owner LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trovella_guard TO owner});

# The first shard of a table: its number, its node, and another node
sub a_shard
{
	my ($table) = @_;
	my ($shard, $host, $port) = split /\|/, $coordinator->safe_psql($db,
		"SELECT shardid, nodename, nodeport FROM citus_shards
		 WHERE table_name = '$table'::regclass ORDER BY shardid LIMIT 1");
	my ($from) = grep { $_->host eq $host && $_->port == $port } @workers;
	my ($to) = grep { $_ != $from } @workers;
	return ($shard, $from, $to);
}

foreach my $role (undef, 'owner')
{
	my $who = $role // 'a superuser';
	my $t = $role // 'super';

	passes($coordinator, $db, distribute("${t}_table"), "$who distributes a table", $role);
	passes($coordinator, $db,
		local_table("${t}_in_one")
		  =~ s/INSERT/SELECT create_distributed_table('${t}_in_one', 'organization_id'); INSERT/r,
		"$who does it in the transaction that creates the table", $role);
	passes($coordinator, $db,
		local_table("${t}_later")
		  . "SELECT create_distributed_table_concurrently('${t}_later', 'organization_id')",
		"$who does it concurrently", $role);

	my ($shard, $from, $to) = a_shard("${t}_table");
	passes($coordinator, $db,
		sprintf(q{SELECT citus_move_shard_placement(%s, '%s', %d, '%s', %d)},
			$shard, $from->host, $from->port, $to->host, $to->port),
		"a shard of $who moves to another node", $role);
	passes($coordinator, $db,
		qq{SELECT isolate_tenant_to_new_shard('${t}_table', 'o1', 'CASCADE')},
		"a tenant of $who gets a shard", $role);
	is(count_of($coordinator, $db, "${t}_table"), '100', 'no row is lost');

	passes($coordinator, $db,
		"ALTER TABLE ${t}_table ADD COLUMN remark text; CREATE INDEX ON ${t}_table (remark);"
		  . "ALTER TABLE ${t}_table RENAME TO ${t}_renamed; ALTER TABLE ${t}_renamed RENAME TO ${t}_table",
		"$who alters the table", $role);
	passes($coordinator, $db,
		"SELECT undistribute_table('${t}_in_one'); SELECT citus_add_local_table_to_metadata('${t}_in_one')",
		"$who makes it local again", $role);
	is(count_of($coordinator, $db, "${t}_in_one"), '100', 'with its rows');
	passes($coordinator, $db,
		"SELECT alter_distributed_table('${t}_later', shard_count => 3, cascade_to_colocated => false)",
		"$who changes the number of shards", $role);

	foreach my $loss (
		[ "ALTER TABLE ${t}_table DISABLE ROW LEVEL SECURITY", 'rls_disabled' ],
		[ "DROP POLICY tenant ON ${t}_table", 'policy_missing' ],
		[ "ALTER POLICY tenant ON ${t}_table USING (true)", 'policy_unscoped' ],
		[ "ALTER TABLE ${t}_table DROP CONSTRAINT ${t}_table_pkey", 'tenant_index_missing' ])
	{
		fails($coordinator, $db, $loss->[0],
			qr/commit refused: table "public.${t}_table" breaks $loss->[1]/,
			"$who: $loss->[0]", $role);
	}
	is( on_shards($coordinator, $db, "${t}_table",
			q{SELECT relrowsecurity FROM pg_class WHERE oid = '%s'::regclass}),
		't', 'and the shards are as they were');

	# Partitions come as tables, which Citus attaches later
	passes($coordinator, $db, qq{
BEGIN;
CREATE TABLE ${t}_event (id int, day date, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz,
  PRIMARY KEY (organization_id, day, id)) PARTITION BY RANGE (day);
ALTER TABLE ${t}_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ${t}_event USING ($Citus::scope);
GRANT SELECT ON ${t}_event TO authenticated;
CREATE TABLE ${t}_event_1 PARTITION OF ${t}_event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO ${t}_event SELECT i, '2026-01-01', 'o' || i % 10 FROM generate_series(1, 100) i;
COMMIT;
SELECT create_distributed_table('${t}_event', 'organization_id', colocate_with => 'none');
CREATE TABLE ${t}_event_2 PARTITION OF ${t}_event FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')},
		"$who distributes a partitioned table, and gives it a partition", $role);
	($shard, $from, $to) = a_shard("${t}_event");
	passes($coordinator, $db,
		sprintf(q{SELECT citus_move_shard_placement(%s, '%s', %d, '%s', %d, 'block_writes')},
			$shard, $from->host, $from->port, $to->host, $to->port),
		"a shard of it moves with its partitions", $role);
	passes($coordinator, $db,
		qq{SELECT isolate_tenant_to_new_shard('${t}_event', 'o1', 'CASCADE', shard_transfer_mode => 'block_writes')},
		"a tenant of it gets a shard", $role);
	passes($coordinator, $db,
		"SELECT alter_distributed_table('${t}_event', shard_count => 3, cascade_to_colocated => false)",
		"$who changes the number of its shards", $role);
	is(count_of($coordinator, $db, "${t}_event"), '100', 'with its rows');

	# Somebody goes to a worker, and to the shard itself
	($shard, $from) = a_shard("${t}_table");
	my $directly =
	  'SET citus.enable_manual_changes_to_shards = on; SET citus.enable_ddl_propagation = off;';
	fails($from, $db, "$directly ALTER TABLE ${t}_table_$shard DISABLE ROW LEVEL SECURITY",
		qr/commit refused: table "public.${t}_table_$shard" breaks rls_disabled/,
		"$who cannot disable row-level security of a shard", $role);
	fails($from, $db, "$directly ALTER POLICY tenant ON ${t}_table_$shard USING (true)",
		qr/commit refused: table "public.${t}_table_$shard" breaks policy_unscoped/,
		"$who cannot open its policy", $role);
	fails($from, $db, "$directly ALTER TABLE ${t}_table DISABLE ROW LEVEL SECURITY",
		qr/commit refused: table "public.${t}_table" breaks rls_disabled/,
		"$who cannot do it to the table on a worker", $role);
}

# Global tables, whose entries are on the coordinator alone
foreach my $role (undef, 'owner')
{
	my $who = $role // 'a superuser';
	my $t = $role // 'super';

	foreach my $how (
		[ 'makes a reference table of', q{create_reference_table('%s')} ],
		[ 'distributes', q{create_distributed_table('%s', 'id')} ],
		[ 'gives to Citus', q{citus_add_local_table_to_metadata('%s')} ])
	{
		my $table = $t . '_' . ($how->[1] =~ s/\W.*//r);

		passes($coordinator, $db, qq{
BEGIN;
CREATE TABLE $table (id int PRIMARY KEY, name text);
SELECT trovella_guard.allow('public.$table', 'models, the same for all tenants');
COMMIT;
SELECT } . sprintf($how->[1], $table), "$who $how->[0] a global table", $role);
	}
	fails($coordinator, $db, "CREATE TABLE ${t}_forgotten (id int PRIMARY KEY)",
		qr/breaks table_unclassified/, "$who forgets the entry", $role);
}
is( $coordinator->safe_psql($db,
		q{SELECT string_agg(DISTINCT class, ' ') FROM trovella_guard.tables WHERE table_name ~ 'create|local'}),
	'global', 'they are global, and their shards are not listed');

# A node comes, and gets all reference tables and shards
passes($coordinator, $db, 'SELECT citus_rebalance_start(); SELECT citus_rebalance_wait()',
	'the shards are rebalanced');
my $new = citus_node('worker3');
$new->safe_psql('postgres',
	"SET citus.enable_create_database_propagation = off; CREATE DATABASE $db");
$new->safe_psql($db, 'CREATE EXTENSION citus');
passes($coordinator, $db,
	sprintf(q{SELECT citus_add_node('%s', %d)}, $new->host, $new->port), 'a node is added');
passes($coordinator, $db, 'SELECT rebalance_table_shards()', 'and gets its part of the shards');
is($new->safe_psql($db, q{SELECT count(*) FROM pg_extension WHERE extname = 'trovella_guard'}),
	'1', 'and the guard');
is(count_of($coordinator, $db, "${_}_table"), '100', "the rows of ${_}_table are there")
  foreach qw(super owner);

done_testing();
