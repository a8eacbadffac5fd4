#-------------------------------------------------------------------------
#
# pgbouncer.t
#		Migrations by way of PgBouncer in transaction mode, where all clients
#		share a server connection.
#
# What becomes of tenants there is tested by test/t/090_poolers.pl.
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
use Pooler;

my $node = start_server();
make_owned_db($node, 'app');

my $pooler = start_pooler(
	host => $node->host,
	port => $node->port,
	user => 'owner',
	settings => { ignore_startup_parameters => 'extra_float_digits, options' });

# migrate(SQL, ROLE): what a client of the pooler complains about.
sub migrate
{
	my ($sql, $role) = (@_, 'owner');
	my ($ok, $output) = tool($node, 'psql', '-XqAt', '-d',
		"host=$pooler->{host} port=$pooler->{port} user=$role dbname=app", '-c', $sql);

	return $output;
}

# road: a migration by way of PgBouncer (refused)
my $backend = migrate('SELECT pg_backend_pid()');
like(migrate('DROP POLICY sel ON invoice'), qr/commit refused/, 'the pooler hands on a refusal');
unlike(migrate('BEGIN;' . tenant_table('public.shipment') . 'COMMIT'), qr/WARNING|ERROR/,
	'the next client commits what is safe');
like(migrate(unsafe_table('unsafe')), qr/commit refused/, 'and not what is not');
is(migrate('SELECT pg_backend_pid()'), $backend, 'all on one server connection');

# road: SET trovella_guard.mode by way of PgBouncer, then the next client (refused)
# (one user of the server for all clients, who becomes the owner or the superuser)
stop_pooler($pooler);
$node->safe_psql('app', 'CREATE ROLE pool LOGIN; GRANT postgres, owner TO pool');
$pooler = start_pooler(host => $node->host, port => $node->port, user => 'pool',
	settings => { ignore_startup_parameters => 'extra_float_digits, options' });
my $dba = 'SET ROLE postgres; SET trovella_guard.mode = off; BEGIN; DROP POLICY sel ON invoice; COMMIT; RESET ROLE';
is(migrate($dba, 'pool'), '', 'a DBA switches the guard off, and forgets to switch it on');
$backend = migrate('SELECT pg_backend_pid()', 'pool');
my $complaint = migrate('BEGIN; SET LOCAL ROLE owner; DROP POLICY ins ON invoice; COMMIT', 'pool');
like($complaint, qr/WARNING:  trovella_guard\.mode: the value "off" of SET does not count/,
	'the next client is told');
like($complaint, qr/commit refused: table "public\.invoice"/, 'and refused');
is(migrate('SELECT pg_backend_pid()', 'pool'), $backend, 'on the same server connection');
is(migrate('RESET ALL', 'pool') . migrate('SHOW trovella_guard.mode', 'pool'), "enforce\n", 'RESET ALL ends it');

# SET LOCAL ends by itself, and PGOPTIONS does not come through
is(migrate('BEGIN; SET LOCAL ROLE postgres; SET LOCAL trovella_guard.mode = off; DROP POLICY ins ON invoice; COMMIT',
		'pool'), '', 'SET LOCAL');
is(migrate('SHOW trovella_guard.mode', 'pool'), "enforce\n", 'leaves nothing behind');
{
	local $ENV{PGOPTIONS} = '-c trovella_guard.mode=off';
	is(migrate('SHOW trovella_guard.mode', 'pool'), "enforce\n", 'PGOPTIONS does not pass the pooler');
}

stop_pooler($pooler);
done_testing();
