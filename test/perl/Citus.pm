#-------------------------------------------------------------------------
#
# Citus.pm
#		A cluster of Citus for the tests in test/citus/: a coordinator and two
#		workers, and tables on it that are as they should be.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Citus;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(citus_node citus_nodes citus_db local_table distribute passes fails
  on_shards count_of);

# What a policy says where no sub-select may be.
our $scope =
  q{organization_id = nullif(current_setting('app.current_organization_id', true), '')};

# Starts a server with Citus.
sub citus_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'citus, trovella_guard'
max_prepared_transactions = 100
max_connections = 100
citus.node_conninfo = 'sslmode=disable'
citus.local_hostname = '} . $node->host . q{'
citus.shard_count = 4
});
	$node->start;

	# Minor releases of 2026 ask which libraries may decode the WAL
	if ($node->safe_psql('postgres',
			q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'}))
	{
		$node->append_conf('postgresql.conf', q{output_plugin_libraries = 'citus, pgoutput'});
		$node->reload;
	}
	return $node;
}

# The coordinator and two workers.
sub citus_nodes
{
	return map { citus_node($_) } qw(coordinator worker1 worker2);
}

# citus_db NODES NAME, [before]: a database of that name on all nodes, with
# Citus and the guard, which is made before or after Citus.
sub citus_db
{
	my ($nodes, $db, $before) = @_;
	my ($coordinator, @workers) = @$nodes;

	foreach my $node (@$nodes)
	{
		$node->safe_psql('postgres',
			"SET citus.enable_create_database_propagation = off; CREATE DATABASE $db");
		$node->safe_psql($db, 'CREATE EXTENSION trovella_guard')
		  if $before && $node == $coordinator;
		$node->safe_psql($db, 'CREATE EXTENSION citus');
	}
	$coordinator->safe_psql($db,
		sprintf(q{SELECT citus_set_coordinator_host('%s', %d)},
			$coordinator->host, $coordinator->port));
	foreach my $worker (@workers)
	{
		$coordinator->safe_psql($db,
			sprintf(q{SELECT citus_add_node('%s', %d)}, $worker->host, $worker->port));
	}
	$coordinator->safe_psql($db, 'CREATE EXTENSION trovella_guard') unless $before;
	return;
}

# A table that follows the checklist, with 100 rows of ten tenants.
sub local_table
{
	my ($name, @more) = @_;

	return qq{
BEGIN;
CREATE TABLE $name (
  id bigint,
  organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, id));
ALTER TABLE $name ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON $name USING ($scope);
@more
INSERT INTO $name SELECT i, 'o' || i % 10 FROM generate_series(1, 100) i;
COMMIT;
};
}

sub distribute
{
	my ($name, @more) = @_;

	return local_table($name, @more)
	  . "SELECT create_distributed_table('$name', 'organization_id', colocate_with => 'none');";
}

# Without NOTICE and the like, which Citus has many of.
sub run_sql
{
	my ($node, $db, $sql, $role) = @_;

	return $node->psql($db, "SET client_min_messages = warning;\n$sql",
		extra_params => [ '-q', '-v', 'ON_ERROR_STOP=1', $role ? ('-U', $role) : () ]);
}

# passes NODE DB SQL NAME [ROLE]: it commits, and the guard says nothing.
sub passes
{
	my ($node, $db, $sql, $name, $role) = @_;
	my ($status, $out, $err) = run_sql($node, $db, $sql, $role);

	is($status, 0, $name) or diag($err);
	unlike($err, qr/trovella_guard|commit refused|breaks/, "$name: without a word of the guard");
	return $out;
}

# fails NODE DB SQL PATTERN NAME [ROLE]: it fails with such a message, of which
# everything is returned.
sub fails
{
	my ($node, $db, $sql, $pattern, $name, $role) = @_;
	my ($status, $out, $err) = run_sql($node, $db, $sql, $role);

	isnt($status, 0, $name);
	like($err, $pattern, "$name: with these words");
	return $err;
}

# The distinct results of a query on the shards of a table; %s in it is the
# shard.
sub on_shards
{
	my ($coordinator, $db, $table, $query) = @_;

	return $coordinator->safe_psql($db,
		qq{SELECT string_agg(DISTINCT result, ' ' ORDER BY result)
		  FROM run_command_on_shards('$table', \$c\$$query\$c\$)});
}

sub count_of
{
	my ($coordinator, $db, $table) = @_;
	return $coordinator->safe_psql($db, "SELECT count(*) FROM $table");
}

1;
