#-------------------------------------------------------------------------
#
# 056_uninstall.pl
#		The way out, by the commands of docs/operating.md, and why their order
#		matters.
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

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->start;
make_guarded_db($node, 'mydb');
$node->safe_psql('mydb', 'SELECT trovella_guard.preload()');
$node->safe_psql('mydb',
	q{ALTER DATABASE mydb SET trovella_guard.rules = 'rls_not_forced=error'});

sub run_it
{
	my ($start, $section) = @_;
	my ($ok, $out, $err) =
	  run_documented($node, operating_command($section // 'Uninstall', "psql -d mydb -c '$start"),
		' TO ' => ' TO ' . $node->basedir . '/');

	ok($ok, $start) or diag($err);
	return $err;
}

like(run_it('ALTER EXTENSION trovella_guard UPDATE', 'Upgrade'),
	qr/version .* is already installed/, 'there is nothing newer');
refuses($node, 'mydb', 'an updated database is guarded');

run_it('\copy trovella_guard.allowlist TO');
run_it('\copy trovella_guard.allowlist_log TO');
foreach my $file ('allowlist.csv', 'allowlist_log.csv')
{
	like(slurp_file($node->basedir . "/$file"),
		qr/^.*reason.*\n(.*\n)*.*allowed before it exists/,
		"$file has names and entries");
}

# What the order is for
$node->safe_psql('mydb',
	q{ALTER DATABASE mydb SET session_preload_libraries = 'gone_with_its_package'});
my ($status, $out, $err) = $node->psql('mydb', 'SELECT 1');
isnt($status, 0, 'a session that preloads what is not there does not start');
like($err, qr/FATAL: .*gone_with_its_package/, 'and says why');
$node->safe_psql('postgres',
	q{ALTER DATABASE mydb SET session_preload_libraries = 'trovella_guard'});

run_it('ALTER DATABASE mydb RESET');
run_it('DROP EXTENSION');
run_it('DROP SCHEMA');
is($node->safe_psql('mydb', 'SHOW session_preload_libraries'),
	'', 'nothing is preloaded');
is($node->safe_psql('mydb', q{SELECT to_regnamespace('trovella_guard') IS NULL}),
	't', 'nothing is left of it');
is($node->safe_psql('mydb', q{SELECT count(*) FROM pg_event_trigger}),
	'0', 'no event trigger, either');
($status, $out, $err) = $node->psql('mydb', unsafe_table('anything_goes'));
is("$status$err", '0', 'and nothing is guarded');

only_commands('Upgrade', q{psql -d mydb -c 'ALTER EXTENSION});
only_commands('Uninstall', map { "psql -d mydb -c '$_" }
	  '\copy trovella_guard.allowlist TO', '\copy trovella_guard.allowlist_log TO',
	'ALTER DATABASE mydb RESET', 'DROP EXTENSION', 'DROP SCHEMA');

$node->stop;
done_testing();
