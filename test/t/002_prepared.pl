#-------------------------------------------------------------------------
#
# 002_prepared.pl
#		A prepared transaction was judged when it was prepared; it survives a
#		restart, and keeps what the verdict has relied on.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

# road: PREPARE TRANSACTION, a restart, COMMIT PREPARED (passes)

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;
make_guarded_db($node, 'mydb');

my ($status, $out, $err) = $node->psql('mydb',
	'BEGIN; ' . unsafe_table('bad') . q{; PREPARE TRANSACTION 'bad'});
like($err, qr/commit refused: table "public.bad"/,
	'an unsafe transaction cannot be prepared');
is($node->safe_psql('mydb', 'SELECT count(*) FROM pg_prepared_xacts'),
	'0', 'and is not');

$node->safe_psql('mydb',
	'BEGIN; ' . tenant_table('public.good') . q{; PREPARE TRANSACTION 'good'});
$node->safe_psql(
	'mydb', q{
SELECT trovella_guard.allow('public.global', 'reference data');
BEGIN; } . unsafe_table('global') . q{; PREPARE TRANSACTION 'relies'});
$node->safe_psql('mydb',
	q{BEGIN; ALTER TABLE invoice ADD COLUMN note text; PREPARE TRANSACTION 'alters'});

# A crash, and not a clean end
$node->stop('immediate');
$node->start;
is($node->safe_psql('mydb', 'SELECT string_agg(gid, $$ $$ ORDER BY gid) FROM pg_prepared_xacts'),
	'alters good relies', 'prepared transactions survive a crash');

($status, $out, $err) = $node->psql('mydb',
	q{SET lock_timeout = '200ms'; SELECT trovella_guard.disallow('public.global')});
like($err, qr/lock timeout/,
	'the entry that one of them relies on cannot be taken away');
($status, $out, $err) = $node->psql('mydb',
	q{SET lock_timeout = '200ms'; DROP POLICY sel ON invoice});
like($err, qr/lock timeout/, 'the table of another cannot be changed');
$node->safe_psql('mydb', q{SELECT trovella_guard.allow('public.global', 'a better reason')});

foreach my $gid (qw(good relies alters))
{
	($status, $out, $err) = $node->psql('mydb', "COMMIT PREPARED '$gid'");
	is($err, '', "COMMIT PREPARED '$gid' is silent");
}
is( $node->safe_psql(
		'mydb',
		q{SELECT table_name, count(*) FROM trovella_guard.check() WHERE level = 'error' GROUP BY 1}
	),
	'legacy|3',
	'and leaves nothing unsafe');
($status, $out, $err) = $node->psql('mydb',
	q{SELECT trovella_guard.disallow('public.global')});
like($err, qr/commit refused: table "public.global"/,
	'the entry cannot be taken away from the table that is there now');

# A rolled back one leaves nothing, not even a lock
$node->safe_psql('mydb', q{SELECT trovella_guard.allow('public.other', 'reference data');
BEGIN; } . unsafe_table('other') . q{; PREPARE TRANSACTION 'relies'});
$node->safe_psql('mydb', q{ROLLBACK PREPARED 'relies'});
($status, $out, $err) = $node->psql('mydb',
	q{SELECT trovella_guard.disallow('public.other')});
is($status, 0, 'after ROLLBACK PREPARED the entry is free');

# The session that has prepared goes on with a clean slate
($status, $out, $err) = $node->psql('mydb',
	q{BEGIN; ALTER TABLE good ADD COLUMN a text; PREPARE TRANSACTION 'x';
	  ROLLBACK PREPARED 'x'; ALTER TABLE good ADD COLUMN b text});
is($err, '', 'nothing of a prepared transaction is remembered');

done_testing();
