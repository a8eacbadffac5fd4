#-------------------------------------------------------------------------
#
# 005_schemas.t
#		Schema-based sharding: a schema for each tenant.  Its tables need no
#		tenant column, which the guard takes from an entry for the schema; without
#		one it judges them like others.
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
$coordinator->safe_psql($db, qq{
CREATE ROLE authenticated;
CREATE ROLE owner LOGIN;
GRANT CREATE ON DATABASE $db TO owner;
ALTER DATABASE $db SET citus.enable_schema_based_sharding = on});

# Moves a schema to the worker where it is not
sub move
{
	my ($schema) = @_;
	my $port = $coordinator->safe_psql($db,
		"SELECT DISTINCT nodeport FROM citus_shards WHERE table_name::text ~ '^${schema}\\.'");
	my ($to) = grep { $_->port != $port } @workers;
	return sprintf(q{SELECT citus_schema_move('%s', '%s', %d)}, $schema, $to->host, $to->port);
}

foreach my $role (undef, 'owner')
{
	my $who = $role // 'a superuser';
	my $schema = 'of_' . ($role // 'super');
	my $table = "CREATE TABLE $schema.account (id int PRIMARY KEY, name text)";

	passes($coordinator, $db, "CREATE SCHEMA $schema", "$who makes the schema of a tenant", $role);
	fails($coordinator, $db, $table, qr/commit refused: table "$schema.account" breaks table_unclassified/,
		"$who: a table without a tenant column is refused there, too", $role);
	$coordinator->safe_psql($db, "SELECT trovella_guard.allow('$schema.*', 'the schema of one tenant')");
	passes($coordinator, $db,
		"$table; INSERT INTO $schema.account SELECT generate_series(1, 100)",
		"$who: an entry for the schema admits it", $role);
	is( $coordinator->safe_psql($db,
			"SELECT citus_table_type, shard_count FROM citus_tables WHERE table_name = '$schema.account'::regclass"),
		'schema|1', 'Citus has distributed it');
	passes($coordinator, $db,
		"ALTER TABLE $schema.account ADD COLUMN remark text; CREATE INDEX ON $schema.account (remark)",
		"$who alters it", $role);
	passes($coordinator, $db, move($schema), "$who moves the schema to another node", $role);
	passes($coordinator, $db,
		"SELECT citus_schema_undistribute('$schema'); SELECT citus_schema_distribute('$schema')",
		"$who makes the schema local, and distributes it", $role);
	is(count_of($coordinator, $db, "$schema.account"), '100', 'with its rows');
}
is( $coordinator->safe_psql($db,
		q{SELECT string_agg(DISTINCT class, ' ') FROM trovella_guard.tables WHERE schema_name ~ '^of_'}),
	'global', 'the tables are global, and no shard is listed');
is($coordinator->safe_psql($db, q{SELECT count(*) FROM trovella_guard.check() WHERE level = 'error'}),
	'0', 'an audit is content');

# A table with a tenant column is judged like all others where no entry is
passes($coordinator, $db, 'CREATE SCHEMA shared', 'a schema without an entry');
fails($coordinator, $db, 'CREATE TABLE shared.bare (id int, organization_id text NOT NULL)',
	qr/commit refused: table "shared.bare" breaks rls_disabled, policy_missing/,
	'its tenant tables need protection');
passes($coordinator, $db, local_table('shared.account'), 'and pass with it');
passes($coordinator, $db, move('shared'), 'also when the schema moves');
fails($coordinator, $db, 'ALTER TABLE shared.account DISABLE ROW LEVEL SECURITY',
	qr/commit refused: table "shared.account" breaks rls_disabled/, 'they keep it');
fails($coordinator, $db, 'CREATE POLICY floor ON shared.account AS RESTRICTIVE USING (true)',
	qr/commit refused: table "shared.account" breaks policy_unscoped\n.*restrictive policy "floor" holds nothing back/,
	'a restrictive policy is none here, either');
is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0',
	'the nodes have what the coordinator has');

# Under an entry it is exempt, if the schema is its owner's
my $bare = 'CREATE TABLE %s.%s (id int PRIMARY KEY, organization_id text)';
passes($coordinator, $db, sprintf($bare, 'of_super', 'exempt'), 'a superuser makes an exempt tenant table');
passes($coordinator, $db, sprintf($bare, 'of_owner', 'exempt'), 'so does the owner of the schema', 'owner');
passes($coordinator, $db, move('of_owner'), 'which moves with it', 'owner');
$coordinator->safe_psql($db, 'CREATE ROLE guest LOGIN; GRANT USAGE, CREATE ON SCHEMA of_owner TO guest');
fails($coordinator, $db, sprintf($bare, 'of_owner', 'of_guest'),
	qr/commit refused: table "of_owner.of_guest_\d+" breaks rls_disabled.*while executing command on/s,
	'nobody else does', 'guest');

# An entry for the schema is about everybody who may use it
$coordinator->safe_psql($db, 'CREATE ROLE other_tenant; GRANT USAGE ON SCHEMA of_super TO other_tenant');
passes($coordinator, $db, 'GRANT SELECT ON of_super.account TO other_tenant',
	'who may read the schema is not for the guard to say');

done_testing();
