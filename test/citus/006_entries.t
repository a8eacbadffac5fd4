#-------------------------------------------------------------------------
#
# 006_entries.t
#		The allowlist is written on the coordinator, and the workers know it.  So
#		what it waives passes there, too: a plain owner's table is distributed,
#		moved, split and made anew, in all ways that Citus has.
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
CREATE ROLE other LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO owner, other;
CREATE SCHEMA archive AUTHORIZATION owner});

# Settings, which Citus sends since 13.1
SKIP:
{
	skip 'this Citus does not send ALTER DATABASE ... SET', 1
	  if $coordinator->safe_psql($db,
		q{SELECT split_part(extversion, '-', 1)::numeric < 13.1 FROM pg_extension WHERE extname = 'citus'}) eq 't';
	foreach my $case ([ q{'nobody'}, 'nobody' ], [ 'NULL', 'authenticated' ])
	{
		my ($value, $shown) = @$case;

		passes($coordinator, $db, "SELECT trovella_guard.set('app_role', $value)",
			"set('app_role', $value) on the coordinator");
		is($_->safe_psql($db, 'SHOW trovella_guard.app_role'), $shown, 'sets it on ' . $_->name)
		  foreach @nodes;
	}
}

# The first shard of a table: its number, the worker that has it, another one
sub a_shard
{
	my ($table) = @_;
	my ($shard, $port) = split /\|/, $coordinator->safe_psql($db,
		"SELECT shardid, nodeport FROM citus_shards WHERE table_name = '$table'::regclass ORDER BY 1 LIMIT 1");
	my ($from) = grep { $_->port == $port } @workers;
	my ($to) = grep { $_->port != $port } @workers;
	return ($shard, $from, $to);
}

sub move
{
	my ($shard, $from, $to) = a_shard(@_);
	return sprintf(q{SELECT citus_move_shard_placement(%d, '%s', %d, '%s', %d)},
		$shard, $from->host, $from->port, $to->host, $to->port);
}

sub split_shard
{
	my ($table) = @_;
	my ($shard) = a_shard($table);
	return qq{SELECT citus_split_shard_by_split_points($shard,
	  ARRAY[(SELECT (shardminvalue::int8 + (shardmaxvalue::int8 - shardminvalue::int8) / 2)::text
	         FROM pg_dist_shard WHERE shardid = $shard)],
	  ARRAY(SELECT nodeid::int FROM pg_dist_node WHERE groupid > 0 ORDER BY nodeid LIMIT 2), 'block_writes')};
}

# Everything that makes shards of a distributed table, or the table anew
sub all_pass
{
	my ($name, $role, @ways) = @_;

	foreach my $way (@ways)
	{
		my ($what, $sql) = @$way;

		passes($coordinator, $db, ref $sql ? $sql->() : $sql, "$name: $what", $role);
	}
}

sub make_shards
{
	my ($table, $name, $role) = @_;

	all_pass($name, $role,
		[ 'move', move($table) ],
		[ 'isolate', "SELECT isolate_tenant_to_new_shard('$table', 'o1', 'CASCADE', shard_transfer_mode => 'block_writes')" ],
		[ 'split', sub { split_shard($table) } ],
		[ 'rebalance', "SELECT rebalance_table_shards('$table')" ]);
	is(count_of($coordinator, $db, $table), '100', "$name: with all rows");
}

sub make_anew
{
	my ($table, $name, $role) = @_;

	all_pass($name, $role,
		[ 'alter_distributed_table', "SELECT alter_distributed_table('$table', shard_count => 3, cascade_to_colocated => false)" ],
		[ 'undistribute', "SELECT undistribute_table('$table')" ],
		[ 'distribute concurrently', "SELECT create_distributed_table_concurrently('$table', 'organization_id', colocate_with => 'none')" ],
		[ 'move again', sub { move($table) } ]);
	is(count_of($coordinator, $db, $table), '100', "$name: with all rows");
}

# No role "authenticated": every login role is one of the application, and so
# is the owner, until it is excused
my $open = sub { return local_table($_[0]) =~ s/USING \(.*?\);\n/USING (true);\n/r };
my $bare = sub { return local_table($_[0]) =~ s/ALTER TABLE \S+ ENABLE.*;\n//r };
foreach my $case (
	[ 'excused', q{allow_role('owner', 'runs the migrations')}, 'app_role_bypasses_rls', local_table('excused') ],
	[ 'exempt', q{allow('public.exempt', 'nobody reads it')}, 'rls_disabled', $bare->('exempt') ],
	[ 'bypass', q{allow_bypass('app.bypass', 'the back office')}, 'policy_unscoped',
		local_table('bypass') =~ s/USING \((.*?)\);\n/USING ($1 OR current_setting('app.bypass', true) = 'on');\n/r ],
	[ 'waived', q{allow('public.waived', 'for everybody', 'policy_unscoped', object => 'tenant')},
		'policy_unscoped', $open->('waived') ],
	[ 'archive.sealed', q{allow('archive.*', 'for its owner only', sealed => true)}, 'rls_disabled',
		$bare->('archive.sealed') ])
{
	my ($table, $entry, $rule, $sql) = @$case;
	my $name = $table =~ /\./ ? $table : "public.$table";
	my $distribute = "SELECT create_distributed_table('$table', 'organization_id', colocate_with => 'none')";

	fails($coordinator, $db, $sql, qr/commit refused: table "$name" breaks .*$rule/,
		"$table: refused without the entry", 'owner');
	$coordinator->safe_psql($db, "SELECT trovella_guard.$entry");

	# The entry was made for a table that there was not: nobody knows its owner
	passes($coordinator, $db, $sql, "$table: passes with it, where the entry is", 'owner');
	if ($entry =~ /'public\./)
	{
		my $err = fails($coordinator, $db, $distribute,
			qr/commit refused: table "${name}_\d+" breaks .*$rule.*while executing command on/s,
			"$table: workers do not know yet whose table it is", 'owner');
		like($err, qr/waives this, commit it, and send it to the workers:\nSELECT trovella_guard.send_allowlist\(\);/,
			"$table: the hint says how they get to know it");
		unlike($err, qr/trovella_guard.allow\(/, "$table: and no entry is offered there");
		passes($coordinator, $db, 'SELECT trovella_guard.send_allowlist()', "$table: doing it");
	}
	is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0',
		"$table: all nodes know what they have to know");
	passes($coordinator, $db, $distribute, "$table: its owner distributes it", 'owner');
	foreach my $role ('owner', undef)
	{
		my $who = $role // 'a superuser';

		make_shards($table, "$table, $who", $role);
		make_anew($table, "$table, $who", $role);
	}
	passes($coordinator, $db,
		"ALTER TABLE $table ADD COLUMN remark text; ALTER TABLE $table RENAME remark TO note",
		"$table: and is changed by its owner", 'owner');

	# What others may not do, they may not do to this table
	my ($shard, $on) = a_shard($table);
	fails($on, $db,
		"SET citus.enable_ddl_propagation = off; CREATE TABLE ${table}_17 (id int, organization_id text)",
		qr/breaks rls_disabled|permission denied/, "$table: no entry for what only has such a name", 'other');
}

# A debt: what is new owes it only as a shard
$coordinator->safe_psql($db, 'SET trovella_guard.mode = off;' . $open->('owed') . 'ALTER TABLE owed OWNER TO owner');
$coordinator->safe_psql($db, q{SELECT trovella_guard.adopt('found on day 0')});
passes($coordinator, $db, q{SELECT create_distributed_table('owed', 'organization_id', colocate_with => 'none')},
	'a table with debts is distributed', 'owner');
make_shards('owed', 'a table with debts', 'owner');
my $anew = q{SELECT alter_distributed_table('owed', shard_count => 3, cascade_to_colocated => false)};
fails($coordinator, $db, $anew, qr/commit refused: table "public.owed" breaks policy_unscoped/,
	'a table that Citus makes anew owes nothing', 'owner');
passes($coordinator, $db, "SET trovella_guard.mode = off; $anew", 'without the guard it passes');
is($coordinator->safe_psql($db, q{SELECT count(*) > 0 FROM trovella_guard.allowlist WHERE adopted AND table_name = 'owed'}),
	't', 'and has the debts');
make_shards('owed', 'then', 'owner');

# A reference table with tenants in it, which is on every node
passes($coordinator, $db, q{SELECT undistribute_table('exempt'); SELECT create_reference_table('exempt')},
	'an exempt table becomes a reference table', 'owner');
my $new = citus_node('worker3');
$new->safe_psql('postgres',
	"SET citus.enable_create_database_propagation = off; CREATE DATABASE $db");
$new->safe_psql($db, 'CREATE EXTENSION citus');
passes($coordinator, $db, sprintf(q{SELECT citus_add_node('%s', %d)}, $new->host, $new->port), 'a node comes');
passes($coordinator, $db, 'SELECT replicate_reference_tables()', 'and gets the reference tables');
push @workers, $new;
passes($coordinator, $db, 'SELECT rebalance_table_shards()', 'and shards');
is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0', 'it knows the allowlist');
passes($coordinator, $db, q{SELECT alter_distributed_table('waived', shard_count => 6, cascade_to_colocated => false)},
	'shards are made on it', 'owner');
is(count_of($coordinator, $db, $_), '100', "the rows of $_ are there") foreach qw(exempt waived owed archive.sealed);
is($_->safe_psql($db, 'SELECT count(*) FROM exempt'), '100', 'the reference table is on ' . $_->name) foreach @workers;

# What is sent is true, also after the entry
passes($coordinator, $db, q{BEGIN; SELECT trovella_guard.allow('public.other', 'a test'); ROLLBACK}, 'an entry that is rolled back');
is($_->safe_psql($db, q{SELECT count(*) FROM trovella_guard.allowlist_sent WHERE table_name = 'other'}), '0',
	'is not on ' . $_->name) foreach @nodes, $new;
$coordinator->safe_psql($db, q{SET trovella_guard.mode = off; SELECT trovella_guard.disallow('public.waived', 'policy_unscoped', 'tenant')});
fails($coordinator, $db, q{SELECT alter_distributed_table('waived', shard_count => 5, cascade_to_colocated => false)},
	qr/breaks policy_unscoped/, 'without its entry the table is refused', 'owner');
is(count_of($coordinator, $db, 'waived'), '100', 'and stays as it was');

# An owner that the workers do not know
passes($coordinator, $db, q{SET trovella_guard.mode = off; ALTER TABLE exempt OWNER TO other}, 'a table gets another owner');
is( $coordinator->safe_psql($db, 'SELECT rule, message FROM trovella_guard.check_nodes()'),
	'allowlist_not_sent|the workers do not know all of the allowlist: SELECT trovella_guard.send_allowlist() sends it',
	'check_nodes() says that the workers do not know it');
passes($coordinator, $db, 'SELECT trovella_guard.send_allowlist()', 'sending it');
is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0', 'helps');

done_testing();
