#-------------------------------------------------------------------------
#
# 053_template.pl
#		CREATE DATABASE ... TEMPLATE copies the guard with the rest, by either
#		strategy, and a guarded template1 guards every database to come.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

# road: CREATE DATABASE ... TEMPLATE (refused)

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->start;
make_guarded_db($node, 'mydb');
my $state = guard_state($node, 'mydb');

foreach my $strategy ('wal_log', 'file_copy')
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $strategy TEMPLATE mydb STRATEGY $strategy");
	is(guard_state($node, $strategy), $state, "$strategy: the copy is whole");
	refuses($node, $strategy, "$strategy: the copy is guarded");
}

# What is set for the database is not copied, and status() shows it
my $columns =
  q{SELECT value FROM trovella_guard.status() WHERE item = 'tenant_columns'};
$node->safe_psql('postgres',
	q{ALTER DATABASE mydb SET trovella_guard.tenant_columns = 'organization_id, tenant_id'});
is($node->safe_psql('mydb', $columns),
	'organization_id, tenant_id', 'a setting of the template');
$node->safe_psql('postgres', 'CREATE DATABASE unset TEMPLATE mydb');
is($node->safe_psql('unset', $columns),
	'organization_id', 'the copy has the default');
$node->command_like([ 'pg_dump', 'mydb' ],
	qr/\A(?!.*^ALTER DATABASE mydb SET)/ms, 'pg_dump leaves it out');
$node->command_like(
	[ 'pg_dump', '-C', 'mydb' ],
	qr/^ALTER DATABASE mydb SET .*tenant_columns/m,
	'pg_dump -C carries it');
$node->safe_psql('postgres',
	'ALTER DATABASE mydb RESET trovella_guard.tenant_columns');

# What is done in a copy stays there
$node->safe_psql('wal_log',
	q{SELECT trovella_guard.allow('public.only_here', 'in the copy')});
is(guard_state($node, 'mydb'), $state, 'the template stays as it was');

$node->safe_psql('template1', 'CREATE EXTENSION trovella_guard');
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
refuses($node, 'fresh', 'a guarded template1 guards a new database');
$node->safe_psql('postgres', 'CREATE DATABASE bare TEMPLATE template0');
$node->safe_psql('bare', unsafe_table('anything_goes'));
is( $node->safe_psql('bare', q{SELECT to_regclass('anything_goes')}),
	'anything_goes', 'template0 is not guarded, nor what is made of it');

done_testing();
