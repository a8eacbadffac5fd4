#-------------------------------------------------------------------------
#
# 072_audit_memory.pl
#		An audit remains small, whatever functions and views a plain role makes.
#
# Many functions that mention many views of many tables make more combinations
# than fit into memory, so an audit must not keep one entry for each.  Nor must it
# keep each word of a long function.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# 8 million combinations, or words; at 40 bytes each, they would take 320 MB
use constant OBJECTS => 200;
use constant WORDS => 8_000_000;
use constant MOST_KILOBYTES => 100 * 1024;

plan skip_all => 'needs /proc' unless -r '/proc/self/status';

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->append_conf('postgresql.conf', qq{
max_locks_per_transaction = 1000
client_min_messages = error
trovella_guard.mode = off
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION trovella_guard;
	CREATE TABLE invoice (organization_id text);
	CREATE ROLE plain;
	CREATE SCHEMA plain AUTHORIZATION plain});
$node->safe_psql('postgres', q{
	SET SESSION AUTHORIZATION plain;
	SET search_path = plain;
	DO $$
	DECLARE
		n int := } . OBJECTS . q{;
		reads text;
		body text;
	BEGIN
		SELECT string_agg(format('SELECT id FROM t%s', i), ' UNION ALL '),
			string_agg(format('PERFORM 1 FROM v%s;', i), ' ')
			INTO reads, body FROM generate_series(1, n) AS i;
		FOR i IN 1 .. n LOOP
			EXECUTE format('CREATE TABLE t%s (id int)', i);
		END LOOP;
		FOR i IN 1 .. n LOOP
			EXECUTE format('CREATE VIEW v%s WITH (security_invoker) AS %s',
				i, reads);
			EXECUTE format('CREATE FUNCTION f%s() RETURNS void'
				' LANGUAGE plpgsql SECURITY DEFINER AS %L',
				i, 'BEGIN ' || body || ' END');
		END LOOP;
	END $$});

my $peak = q{SELECT substring(pg_read_file('/proc/self/status')
	FROM 'VmHWM:\s+(\d+)')};

# Runs an audit, and says how much memory it took
sub check_audit
{
	my ($what) = @_;
	my ($before, $findings, $after) = split /\n/,
	  $node->safe_psql('postgres',
		"$peak; SELECT count(*) FROM trovella_guard.check(); $peak");
	cmp_ok($findings, '>', OBJECTS, 'the audit reaches its end');
	cmp_ok($after - $before, '<', MOST_KILOBYTES,
		"and needs no memory for each $what");
	return;
}

check_audit('combination');

$node->safe_psql('postgres', q{
	SET SESSION AUTHORIZATION plain;
	SET check_function_bodies = off;
	DO $$ BEGIN
		EXECUTE format('CREATE FUNCTION plain.long() RETURNS void'
			' LANGUAGE plpgsql SECURITY DEFINER AS %L',
			repeat('a ', } . WORDS . q{));
	END $$});
check_audit('word');

done_testing();
