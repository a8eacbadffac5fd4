#-------------------------------------------------------------------------
#
# replication.t
#		A refusal in an apply worker: of built-in logical replication, of
#		pglogical, and of whoever sets up a replication origin by SQL.  The
#		transaction is tried again, and nothing of it is lost.
#
# A trigger of the subscriber that changes the schema is what can be refused
# there; tools that replicate DDL do the like.  (Before 16, an abort does not
# advance an origin.)
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

my $has_pglogical = available('pglogical');
my $node = start_server(
	shared_preload_libraries => $has_pglogical ? 'pglogical, trovella_guard' : 'trovella_guard',
	output_plugin_libraries => 'pgoutput, pglogical_output',
	wal_level => 'logical',
	max_wal_senders => '10',
	max_replication_slots => '10',
	max_prepared_transactions => '10',
	max_worker_processes => '20',
	wal_retrieve_retry_interval => '200ms');

# The table that is copied, on both sides.  On the subscriber a row "bad" makes a
# bare table, until there is an entry for it.
foreach my $db (qw(publisher subscriber))
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE TABLE copied (id text PRIMARY KEY)');
}
$node->safe_psql('subscriber', q{
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.allow('public.copied', 'no rows of tenants');
CREATE FUNCTION make() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id LIKE 'bad%' THEN
    EXECUTE format('CREATE TABLE public.%I (organization_id text)', 'made_by_' || NEW.id);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER make BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION make();
ALTER TABLE copied ENABLE ALWAYS TRIGGER make});

sub address
{
	return 'host=' . $node->host . ' port=' . $node->port . " dbname=$_[0]";
}

sub copied
{
	return $node->safe_psql('subscriber', q{SELECT string_agg(id, ' ' ORDER BY id) FROM copied});
}

# A transaction that the subscriber refuses, until its entry is made
sub halts_and_resumes
{
	my ($how, $name, $again) = @_;
	my $before = copied();
	my $log = -s $node->logfile;

	$node->safe_psql('publisher', "INSERT INTO copied VALUES ('bad_$name'), ('with_$name')");
	$node->safe_psql('publisher', "INSERT INTO copied VALUES ('later_$name')");
	ok($node->wait_for_log(qr/commit refused: table "public\.made_by_bad_$name"/, $log),
		"$how: a transaction is refused");
	$log = -s $node->logfile;
	$again->();
	ok($node->wait_for_log(qr/commit refused: table "public\.made_by_bad_$name"/, $log),
		"$how: and is tried again");
	is(copied(), $before, "$how: nothing goes past it");
	$node->safe_psql('subscriber',
		"SELECT trovella_guard.allow('public.made_by_bad_$name', 'of this test')");
	$again->();
	$node->poll_query_until('subscriber',
		"SELECT count(*) = 3 FROM copied WHERE id LIKE '%\\_$name'")
	  or diag(copied());
	is($node->safe_psql('subscriber', "SELECT string_agg(id, ' ' ORDER BY id) FROM copied WHERE id LIKE '%\\_$name'"),
		"bad_$name later_$name with_$name", "$how: resumes, and nothing is lost");
	return;
}

# road: DDL by a trigger in an apply worker of logical replication (refused)
$node->safe_psql('publisher', 'CREATE PUBLICATION p FOR TABLE copied');
$node->safe_psql('publisher', q{SELECT pg_create_logical_replication_slot('s', 'pgoutput')});
$node->safe_psql('subscriber', q{CREATE SUBSCRIPTION s CONNECTION '} . address('publisher')
	  . q{' PUBLICATION p WITH (create_slot = false, slot_name = s, copy_data = false)});
halts_and_resumes('logical replication', 'builtin', sub { });

# What docs/neighbours.md says of a subscriber that had better not halt
my ($warn, $audit) = map { split /\n/, $_->[1] } code_blocks('docs/neighbours.md', 'Subscribers');
$node->safe_psql('subscriber', $warn);
$node->safe_psql('subscriber', q{SELECT pg_terminate_backend(pid) FROM pg_stat_subscription WHERE pid IS NOT NULL});
$node->safe_psql('publisher', q{INSERT INTO copied VALUES ('bad_warned')});
ok($node->poll_query_until('subscriber', q{SELECT count(*) = 1 FROM copied WHERE id = 'bad_warned'}),
	'mode = warn: it does not halt');
like(($node->psql('subscriber', $audit))[2], qr/made_by_bad_warned/, 'and the audit finds it');
$node->safe_psql('subscriber', 'DROP TABLE made_by_bad_warned; ALTER DATABASE subscriber RESET trovella_guard.mode');
$node->safe_psql('subscriber', 'DROP SUBSCRIPTION s');

# road: DDL in a session with a replication origin (refused)
my $progress = q{SELECT pg_replication_origin_progress('o', false)};
$node->safe_psql('subscriber', q{SELECT pg_replication_origin_create('o')});
foreach my $end ('COMMIT', q{PREPARE TRANSACTION 'x'})
{
	my ($status, $out, $err) = $node->psql('subscriber', q{
SELECT pg_replication_origin_session_setup('o');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/ABCDEF', now());
} . unsafe_table('unsafe') . "; $end");
	like($err, qr/commit refused/, "$end with an origin is refused");
	is($node->safe_psql('subscriber', $progress), '', 'and does not advance it');
}
foreach my $end (['COMMIT', '0/AB'], [q{PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'}, '0/AC'])
{
	$node->safe_psql('subscriber', qq{
SELECT pg_replication_origin_session_setup('o');
BEGIN;
SELECT pg_replication_origin_xact_setup('$end->[1]', now());
SELECT trovella_guard.allow('public.unsafe_' || substr('$end->[1]', 4), 'of this test');
CREATE TABLE unsafe_} . lc(substr($end->[1], 3)) . qq{ (organization_id text);
$end->[0]});
	is($node->safe_psql('subscriber', "$progress = '$end->[1]'"), 't',
		"$end->[0]: what passes advances it");
}

# road: DDL by a trigger in an apply worker of pglogical (refused)
SKIP:
{
	skip 'pglogical is not installed', 1 unless $has_pglogical;

	foreach my $db (qw(publisher subscriber))
	{
		$node->safe_psql($db, 'CREATE EXTENSION pglogical');
		$node->safe_psql($db, "SELECT pglogical.create_node('$db', '" . address($db) . "')");
	}
	$node->safe_psql('publisher', q{SELECT pglogical.replication_set_add_table('default', 'copied')});
	$node->safe_psql('subscriber', q{SELECT pglogical.create_subscription('s', '}
		  . address('publisher') . q{', ARRAY['default'], false, false)});
	$node->poll_query_until('subscriber',
		q{SELECT status = 'replicating' FROM pglogical.show_subscription_status()})
	  or die "pglogical does not replicate\n";
	# (by itself, it waits longer than a test can)
	halts_and_resumes('pglogical', 'pglogical', sub {
		$node->safe_psql('subscriber', "SELECT pglogical.alter_subscription_$_('s', true)")
		  foreach qw(disable enable);
	});
}

done_testing();
