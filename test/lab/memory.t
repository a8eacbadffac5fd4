#!/usr/bin/perl
#
# memory.t: one session, many transactions; it must not grow.
#
# LAB_TRANSACTIONS (600) says how many.  PGHOST and PGUSER lead to a temporary
# cluster, as a superuser.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lab::Session;
use Test::More;

my $transactions = $ENV{LAB_TRANSACTIONS} || 600;
my $database = "lab_memory_$$";

my $setup = Lab::Session->new(name => 'setup', dbname => 'postgres');
$setup->query("CREATE DATABASE $database");
$setup->query("ALTER DATABASE $database SET client_min_messages = error");
my $session = Lab::Session->new(name => 'memory', dbname => $database);
$session->query('CREATE EXTENSION trovella_guard');

my $scope = "organization_id = (SELECT current_setting('app.current_organization_id', true))";
my @create = (
	'CREATE TABLE t (id text PRIMARY KEY, organization_id text NOT NULL, u text)',
	'CREATE INDEX ON t (organization_id)',
	"CREATE POLICY p ON t USING ($scope)");
my $enable = 'ALTER TABLE t ENABLE ROW LEVEL SECURITY';

# Each a transaction, or a few, that leaves nothing behind.
my @work = (
	['BEGIN', @create, $enable, 'COMMIT', 'DROP TABLE t'],
	['BEGIN', @create, 'COMMIT'],
	['BEGIN', @create, $enable, 'SAVEPOINT a', 'ALTER TABLE t DISABLE ROW LEVEL SECURITY',
		'ROLLBACK TO a', 'SAVEPOINT b', 'COMMENT ON TABLE t IS \'x\'', 'RELEASE b',
		'COMMIT', 'DROP POLICY p ON t', 'ALTER POLICY p ON t USING (true)', 'DROP TABLE t'],
	['BEGIN', @create, $enable, "PREPARE TRANSACTION 'lab_memory'",
		"COMMIT PREPARED 'lab_memory'", 'DROP TABLE t'],
	["DO \$\$ BEGIN FOR i IN 1..20 LOOP BEGIN CREATE TABLE t (organization_id text); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$"],
	['BEGIN', "SELECT trovella_guard.allow('public.t', 'because')", 'CREATE TABLE t (organization_id text)',
		'COMMIT', "SELECT trovella_guard.disallow('public.t')", 'DROP TABLE t',
		"SELECT trovella_guard.disallow('public.t')"],
	['SELECT count(*) FROM trovella_guard.check()', 'SELECT count(*) FROM trovella_guard.status()'],
	['BEGIN', @create, 'ROLLBACK'],
	["SET trovella_guard.rules = 'fk_on_delete=off, rls_not_forced=error'", 'RESET trovella_guard.rules',
		"SET trovella_guard.rules = 'nonsense'"],
);

my $ours = q{SELECT coalesce(string_agg(name || ' ' || coalesce(ident, ''), ', '), 'none')
	FROM pg_backend_memory_contexts WHERE name LIKE 'trovella_guard%'};
# The system caches remember what they did not find, and never forget it: that
# is PostgreSQL's, and so with and without the extension.
my $total = q{SELECT sum(total_bytes) FROM pg_backend_memory_contexts
	WHERE name <> 'CacheMemoryContext'};
my $caches = q{SELECT sum(used_bytes) FROM pg_backend_memory_contexts
	WHERE name = 'CacheMemoryContext'};

my ($done, $refused, $i) = (0, 0, 0);
my (@sizes, @caches);
my %left;
foreach my $part (1 .. 4)
{
	while ($done < $transactions * $part / 4)
	{
		my $work = $work[$i++ % @work];
		my @results = $session->run(@$work);
		BAIL_OUT('the session is gone') unless @results;
		$refused += grep { $_->{sqlstate} eq 'TG001' } @results;
		$done += 1 + grep { /^(COMMIT|DROP|PREPARE|ALTER POLICY)/ } @$work;
	}
	$left{ ($session->query($ours))[0] } = 1;
	push @sizes, ($session->query($total))[0];
	push @caches, ($session->query($caches))[0];
}
note("$done transactions, $refused refused, bytes after each quarter: @sizes; system caches: @caches");
cmp_ok($refused, '>', $transactions / 10, 'refusals were among them');
is(join(', ', sort keys %left), 'none', 'no memory context of ours outlives its transaction');
cmp_ok($sizes[3] - $sizes[1], '<', 300_000, 'the session does not grow from the half to the end');

$session->close;
$setup->run("DROP DATABASE $database WITH (FORCE)");
$setup->close;
done_testing();
