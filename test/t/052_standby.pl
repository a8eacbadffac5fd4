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

# The promotion comes in the middle of migrations: one is prepared, and one that
# commits statement by statement has made its first half.
my $half = 'BEGIN; ' . tenant_table('public.half') . 'COMMIT;';
my $rest = 'ALTER TABLE half DISABLE ROW LEVEL SECURITY';
$primary->safe_psql('mydb', $half);
$primary->safe_psql('mydb', 'BEGIN; ' . tenant_table('public.prepared') . q{PREPARE TRANSACTION 'migration'});
$primary->wait_for_catchup($standby);

# A transaction that was prepared before the promotion was judged at PREPARE
$standby->promote;
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
