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

# migrate(SQL): what a client of the pooler, the owner, complains about.
sub migrate
{
	my ($sql) = @_;
	my ($ok, $output) = tool($node, 'psql', '-XqAt', '-d',
		"host=$pooler->{host} port=$pooler->{port} user=owner dbname=app", '-c', $sql);

	return $output;
}

# road: a migration by way of PgBouncer (refused)
my $backend = migrate('SELECT pg_backend_pid()');
like(migrate('DROP POLICY sel ON invoice'), qr/commit refused/, 'the pooler hands on a refusal');
unlike(migrate('BEGIN;' . tenant_table('public.shipment') . 'COMMIT'), qr/WARNING|ERROR/,
	'the next client commits what is safe');
like(migrate(unsafe_table('unsafe')), qr/commit refused/, 'and not what is not');
is(migrate('SELECT pg_backend_pid()'), $backend, 'all on one server connection');

stop_pooler($pooler);
done_testing();
