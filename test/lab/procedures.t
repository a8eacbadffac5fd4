#!/usr/bin/perl
#
# procedures.t: one procedure, many commits; nothing is kept until it returns.
#
# A COMMIT inside a procedure ends the transaction, but not the procedure's
# portal and its memory.  LAB_TRANSACTIONS (600) says how many there are.
# PGHOST and PGUSER lead to a temporary cluster, as a superuser.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lab::Session;
use Test::More;

my $transactions = $ENV{LAB_TRANSACTIONS} || 600;
my $database = "lab_procedures_$$";

my $setup = Lab::Session->new(name => 'setup', dbname => 'postgres');
$setup->query("CREATE DATABASE $database");
$setup->query("ALTER DATABASE $database SET client_min_messages = error");
my $session = Lab::Session->new(name => 'procedures', dbname => $database);
$session->query('CREATE EXTENSION trovella_guard');

# Runs a statement n times, each in a transaction, and tells after each quarter
# what the backend has: the contexts of ours, and the bytes of all but the
# system caches, which are PostgreSQL's and grow with and without the guard.
# Nothing is written down in between, so that only the statement is measured.
$session->query($_) foreach (
	q{CREATE SCHEMA lab},
	q{SELECT trovella_guard.allow('lab.*', 'the laboratory''s own')},
	q{CREATE PROCEDURE lab.repeat(statement text, n int, INOUT contexts text, INOUT bytes bigint[])
	  LANGUAGE plpgsql AS $$
	  DECLARE
	    found text;
	  BEGIN
	    contexts := '';
	    bytes := '{}';
	    FOR part IN 1 .. 4 LOOP
	      FOR i IN 1 .. n / 4 LOOP
	        EXECUTE statement;
	        COMMIT;
	      END LOOP;
	      SELECT string_agg(DISTINCT name, ', ') INTO found
	        FROM pg_backend_memory_contexts WHERE name LIKE 'trovella_guard%';
	      contexts := concat_ws(', ', nullif(contexts, ''), found);
	      bytes := bytes || (SELECT sum(total_bytes) FROM pg_backend_memory_contexts c
	        WHERE name <> 'CacheMemoryContext' AND parent IS DISTINCT FROM 'CacheMemoryContext')::bigint;
	    END LOOP;
	  END $$},
	# what does not survive its own verdict, so that each round is like the last
	q{CREATE TABLE lab.global (id int)},
	q{CREATE TABLE lab.parent (id int)},
	q{SET trovella_guard.mode = off},
	q{CREATE TABLE old (id int, organization_id text)},
	q{CREATE POLICY p ON old USING (organization_id = current_setting('app.org', true))},
	q{RESET trovella_guard.mode});

my %work = (
	'a global table' => q{ALTER TABLE lab.global SET (fillfactor = 90)},
	'a table with findings that were there' => q{ALTER TABLE old SET (fillfactor = 90)},
	'a savepoint' => q{DO $d$ BEGIN BEGIN ALTER TABLE old SET (fillfactor = 80); RAISE division_by_zero;
	  EXCEPTION WHEN division_by_zero THEN ALTER TABLE old SET (fillfactor = 70); END; END $d$},
	'a dry run and an audit' => q{DO $d$ BEGIN ALTER TABLE old SET (fillfactor = 80);
	  PERFORM count(*) FROM trovella_guard.pending(); PERFORM count(*) FROM trovella_guard.check(); END $d$},
	'an entry of the allowlist' => q{SELECT trovella_guard.allow('old', 'x', 'policy_unproven')},
	'nothing of the guard\'s' => q{SELECT 1},
);

foreach my $mode (qw(enforce warn off))
{
	$session->query("SET trovella_guard.mode = $mode");
	foreach my $what (sort keys %work)
	{
		my ($answer) = $session->query(
			"CALL lab.repeat(\$s\$$work{$what}\$s\$, $transactions, NULL, NULL)");
		my ($contexts, $bytes) = split /\|/, $answer // '', -1;
		my @bytes = ($bytes // '') =~ /(\d+)/g;

		is($contexts, '', "mode $mode, $what: no context of ours outlives its transaction");
		is(scalar @bytes, 4, "mode $mode, $what: measured") or next;
		cmp_ok($bytes[3] - $bytes[0], '<', 100_000,
			"mode $mode, $what: the procedure does not grow from the first quarter to the end")
		  or diag("@bytes");
	}
}

# A commit that is refused ends the procedure, and leaves nothing either
$session->query('SET trovella_guard.mode = enforce');
my ($refused) = grep { $_->{sqlstate} eq 'TG001' }
  $session->run(q{CALL lab.repeat('CREATE TABLE bad (organization_id text)', 4, NULL, NULL)});
ok($refused, 'a refused commit in a procedure');
is( ($session->query(
		q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'trovella_guard%'}))[0],
	'0',
	'leaves no context of ours');

$session->close;
$setup->run("DROP DATABASE $database WITH (FORCE)");
$setup->close;
done_testing();
