#-------------------------------------------------------------------------
#
# 090_poolers.pl
#		What docs/sessions.md says about tenants behind a pooler: two tenants
#		take turns on one server connection of a PgBouncer, and neither sees a
#		row of the other, if the setting is local to the transaction.
#
# The snippets for ORMs are in test/clients.
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
use Pooler;

# To a client, a pooler is a server.
package PooledNode
{
	our @ISA = ('PostgreSQL::Test::Cluster');

	sub connstr
	{
		my ($self, $dbname) = @_;
		return "host=$self->{_host} port=$self->{_port} user=app dbname=$dbname";
	}
}

my $setting = 'app.current_organization_id';
my $document = slurp_file("$FindBin::RealBin/../../docs/sessions.md");
my @sql = $document =~ /^```sql\n(.*?)^```/msg;
is(scalar @sql, 2, 'sessions.md has two snippets of SQL');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE app; CREATE ROLE app LOGIN');
$node->safe_psql('app', 'CREATE EXTENSION trovella_guard');

# The four policies of the table in sessions.md
my %policies = (
	invoice => [ text => "nullif(current_setting('$setting', true), '')" ],
	plain => [ text => "current_setting('$setting', true)" ],
	bare_uuid => [ uuid => "current_setting('$setting', true)::uuid" ],
	strict => [ text => 'trovella_guard.require_tenant()' ]);
foreach my $table (sort keys %policies)
{
	my ($type, $expression) = @{ $policies{$table} };

	$node->safe_psql('app', qq{
BEGIN;
CREATE TABLE $table (id text PRIMARY KEY, organization_id $type NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON $table (organization_id);
CREATE POLICY tenant ON $table USING (organization_id = (SELECT $expression));
ALTER TABLE $table ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON $table TO app;
COMMIT;});
	is( $node->safe_psql('app',
			"SELECT rule FROM trovella_guard.check('$table') WHERE rule IN ('policy_unscoped', 'policy_unproven')"),
		'', "the policy of $table is proven");
	$node->safe_psql('app',
		$type eq 'uuid'
		? "INSERT INTO $table VALUES ('one', gen_random_uuid())"
		: "INSERT INTO $table SELECT o || n, o FROM unnest('{acme,globex}'::text[]) o, generate_series(1, 3) n");
}
$node->safe_psql('app', "INSERT INTO plain VALUES ('nobody', '')");

sub pooled
{
	my ($mode) = @_;
	my $pooler = start_pooler(host => $node->host, port => $node->port,
		mode => $mode, user => 'app');
	my $pooled = bless { %$node, _host => $pooler->{host}, _port => $pooler->{port} },
	  'PooledNode';
	return ($pooler, $pooled);
}

my ($pooler, $pooled) = pooled('transaction');
my %session = map { $_ => $pooled->background_psql('app', on_error_stop => 0) } qw(acme globex nobody);

# query() returns a list where one is wanted
sub ask
{
	my ($tenant, $sql) = @_;
	return scalar $session{$tenant}->query($sql);
}

# What a session sees of a table, or why it sees nothing
sub sees
{
	my ($tenant, $table) = @_;
	my $session = $session{$tenant};

	my $out = $session->query("SELECT string_agg(id, ' ' ORDER BY id) FROM $table");
	my $error = $session->{stderr};
	$session->{stderr} = '';
	return $error =~ /ERROR:\s+([^\n]*)/ ? $1 : $out;
}

my @backends = map { ask($_, 'SELECT pg_backend_pid()') } sort keys %session;
is($backends[0], $backends[1], 'two clients share a server connection');
is($backends[0], $backends[2], 'and so does the third');

# The table "What is left behind", on a connection that is new ...
my %before = map { $_ => sees('nobody', $_) } keys %policies;
is_deeply(\%before,
	{ invoice => '', plain => '', bare_uuid => '', strict => 'tenant not set' },
	'a session without a tenant sees nothing');

# ... and after the snippet, in turns
foreach my $turn (1 .. 5)
{
	foreach my $tenant (qw(acme globex))
	{
		(my $snippet = $sql[0]) =~ s/acme/$tenant/g;
		my $out = ask($tenant, $snippet);
		is_deeply([ sort(split /\n/, $out) ],
			[ sort($tenant, map { "$tenant$_" } 1 .. 3) ],
			"turn $turn: $tenant sees its own rows");
		is(sees('nobody', 'invoice'), '', '... and afterwards nobody sees any');
	}
}
is(ask('nobody', "SELECT current_setting('$setting') = ''"), 't',
	'the setting is left as an empty string');
my %after = map { $_ => sees('nobody', $_) } keys %policies;
is_deeply(\%after,
	{ invoice => '', plain => 'nobody',
		bare_uuid => 'invalid input syntax for type uuid: ""',
		strict => 'tenant not set' },
	'the policies differ in what they make of that');

# A transaction that fails takes the setting with it
ask('acme', "BEGIN; SELECT set_config('$setting', 'acme', true); SELECT 1/0; ROLLBACK");
$session{acme}->{stderr} = '';
is(sees('acme', 'invoice'), '', 'ROLLBACK ends the tenant');
ask('acme', "BEGIN; SELECT set_config('$setting', 'acme', true)");
ask('acme', "SAVEPOINT s; SELECT set_config('$setting', 'globex', true); ROLLBACK TO s");
is(sees('acme', 'invoice'), 'acme1 acme2 acme3', 'ROLLBACK TO restores it');
ask('acme', 'COMMIT');

# Writing: a row of another tenant can be neither made nor reached
ask('acme',
	"BEGIN; SELECT set_config('$setting', 'acme', true); INSERT INTO invoice VALUES ('x', 'globex'); ROLLBACK");
like($session{acme}->{stderr}, qr/violates row-level security/, 'no INSERT for another tenant');
$session{acme}->{stderr} = '';
is( ask('acme',
		"BEGIN; SELECT set_config('$setting', 'acme', true) \\gset\nWITH d AS (DELETE FROM invoice RETURNING 1) SELECT count(*) FROM d; ROLLBACK"),
	3, 'DELETE reaches its own rows only');

# A prepared statement of the server connection keeps no tenant, even where the
# plan is cached
ask('acme', "SET plan_cache_mode = force_generic_plan; PREPARE mine AS SELECT string_agg(id, ' ' ORDER BY id) FROM invoice");
foreach my $tenant (qw(acme globex acme))
{
	is( ask($tenant,
			"BEGIN; SELECT set_config('$setting', '$tenant', true) \\gset\nEXECUTE mine; COMMIT"),
		"${tenant}1 ${tenant}2 ${tenant}3", "prepared once, executed for $tenant");
}

# Why SET is wrong: the next client inherits it
ask('acme', "SET $setting = 'acme'");
is(sees('globex', 'invoice'), 'acme1 acme2 acme3', 'SET hands a tenant to the next client');
ask('acme', "SELECT set_config('$setting', 'globex', false)");
is(sees('nobody', 'strict'), 'globex1 globex2 globex3', 'and so does set_config(..., false)');
ask('nobody', "RESET $setting");
is(sees('nobody', 'invoice'), '', 'RESET takes it away');

# Outside a transaction block the value is gone with the statement
is(ask('acme', "SELECT set_config('$setting', 'acme', true)"), 'acme', 'set_config() alone');
is($session{acme}->{stderr}, '', '... warns of nothing');
is(sees('acme', 'invoice'), '', '... and does nothing for the next statement');
ask('acme', "SET LOCAL $setting = 'acme'");
like($session{acme}->{stderr}, qr/WARNING:  SET LOCAL can only be used in transaction blocks/, 'SET LOCAL warns');

$_->quit foreach values %session;
stop_pooler($pooler);

# One connection for each request, in session mode: the pooler cleans it
($pooler, $pooled) = pooled('session');
my $pid;
foreach my $tenant (qw(acme globex))
{
	(my $snippet = $sql[1]) =~ s/acme/$tenant/g;
	my ($set, $read, $discard) = split /(?<=;)\n/, $snippet;

	is( $pooled->safe_psql('app', $snippet),
		join("\n", $tenant, map { "$tenant$_" } 1 .. 3), "a session of $tenant");
	is($pooled->safe_psql('app', 'SELECT id FROM invoice'), '', 'leaves nothing behind');

	# ... even if the application forgets to
	is( $pooled->safe_psql('app', "$set $read"),
		join("\n", $tenant, map { "$tenant$_" } 1 .. 3), "an untidy session of $tenant");
	is($pooled->safe_psql('app', 'SELECT id FROM invoice'), '', 'leaves nothing behind either');

	my $backend = $pooled->safe_psql('app', 'SELECT pg_backend_pid()');
	is($backend, $pid // $backend, 'on one server connection');
	$pid = $backend;
}
stop_pooler($pooler);

$node->stop;
done_testing();
