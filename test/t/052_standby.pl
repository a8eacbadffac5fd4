#-------------------------------------------------------------------------
#
# 052_standby.pl
#		A standby has the guard because it has the catalogs: it can be asked
#		while it follows, and guards from the moment it is promoted.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

# road: a hot standby, which can be asked, and its promotion (refused)
# road: COMMIT PREPARED after a promotion, of a migration that was judged before (passes)
# road: the rest of a migration that a promotion has cut off (refused)
# road: an open transaction that a promotion has cut off (passes)

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$primary->start;
make_guarded_db($primary, 'mydb');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql('mydb',
		'SET trovella_guard.mode = off; CREATE VIEW deep AS SELECT '
	  . ('lower(' x 1000) . "'x'" . (')' x 1000) . ' AS x');
my $state = guard_state($primary, 'mydb');
$primary->wait_for_catchup($standby);

is(guard_state($standby, 'mydb'),
	$state, 'the standby answers audits as the primary does');
is( $standby->safe_psql(
		'mydb',
		q{SET max_stack_depth = '100kB'; SELECT table_name FROM trovella_guard.check() WHERE rule = 'audit_failed'}
	),
	'deep',
	'of which none ends with an error about one relation');
is($standby->safe_psql('mydb', 'SELECT count(*) > 0 FROM trovella_guard.status()'),
	't', 'and tells its status');
my ($status, $out, $err) = $standby->psql('mydb',
	q{SELECT trovella_guard.allow('public.x', 'cannot be')});
like($err, qr/read-only/, 'it cannot be written to, and says so');

foreach my $trial ('probe()', 'probe_summary()', 'report(probe => true)')
{
	($status, $out, $err) = $standby->psql('mydb', "SELECT trovella_guard.$trial");
	like($err, qr/cannot probe during recovery.*A probe makes rows/s, "$trial is refused, and says why");
}

# The promotion comes in the middle of migrations: one is prepared, one that
# commits statement by statement has made its first half, and one is open.
my $half = 'BEGIN; ' . tenant_table('public.half') . 'COMMIT;';
my $rest = 'ALTER TABLE half DISABLE ROW LEVEL SECURITY';
$primary->safe_psql('mydb', $half);
$primary->safe_psql('mydb', 'BEGIN; ' . tenant_table('public.cut_off') . 'COMMIT;');
$primary->safe_psql('mydb', 'BEGIN; ' . tenant_table('public.prepared') . q{PREPARE TRANSACTION 'migration'});
my $open = { in => 'BEGIN; ALTER TABLE cut_off DISABLE ROW LEVEL SECURITY;'
	  . unsafe_table('public.stray') . "; SELECT 'ready';\n", out => '' };
my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $primary->connstr('mydb') ],
	'<', \$open->{in}, '>', \$open->{out}, IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default));
$session->pump while $open->{out} !~ /ready/ && $session->pumpable;
like($open->{out}, qr/ready/, 'a transaction is open that takes protection away');
$primary->safe_psql('mydb', 'SELECT pg_switch_wal()');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$session->finish;

$standby->promote;

# Of a transaction that was open nothing is left, not even its locks
is( $standby->safe_psql('mydb',
		q{SELECT relname, relrowsecurity FROM pg_class WHERE relname IN ('cut_off', 'stray')}),
	'cut_off|t', 'what was open at the promotion has not happened');
is( $standby->safe_psql('mydb', q{SELECT count(*) FROM trovella_guard.check('cut_off') WHERE level <> 'info'}),
	'0', 'its table is as protected as before');
$standby->safe_psql('mydb', q{SET lock_timeout = '10s'; ALTER TABLE cut_off ADD COLUMN remark text});
($status, $out, $err) =
  $standby->psql('mydb', q{SET lock_timeout = '10s'; ALTER TABLE cut_off DISABLE ROW LEVEL SECURITY});
like($err, qr/commit refused: table "public.cut_off" breaks rls_disabled/,
	'and whoever runs it again is refused');

# A transaction that was prepared before the promotion was judged at PREPARE
$standby->safe_psql('mydb', q{COMMIT PREPARED 'migration'});
is( $standby->safe_psql('mydb', q{SELECT count(*) FROM trovella_guard.check('prepared') WHERE level <> 'info'}),
	'0', 'the prepared migration commits, protected as it was judged');
($status, $out, $err) = $standby->psql('mydb', $rest);
like($err, qr/commit refused: table "public.half" breaks rls_disabled/,
	'the rest of a migration is judged where it runs');
refuses($standby, 'mydb', 'a promoted standby guards');
$standby->safe_psql('mydb', 'BEGIN; ' . tenant_table('public.later') . 'COMMIT');
is( $standby->safe_psql(
		'mydb',
		q{SELECT count(*) FROM trovella_guard.check('public.later') WHERE level <> 'info'}
	),
	'0',
	'the checklist is welcome there');
is( $standby->safe_psql(
		'mydb', q{SELECT trovella_guard.allow('public.x', 'can be now')}),
	'',
	'the allowlist can be written to');

done_testing();
