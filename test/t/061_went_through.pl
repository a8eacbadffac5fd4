#-------------------------------------------------------------------------
#
# 061_went_through.pl
#		A commit that went through only because the mode was warn or off leaves
#		one line in the server log, and nothing else does; and in mode off the
#		guard fails no commit, whatever happens to it.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('log');
$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\n");
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION trovella_guard; CREATE ROLE deploy LOGIN; GRANT ALL ON SCHEMA public TO deploy;'
	  . ' GRANT SET ON PARAMETER trovella_guard.mode, trovella_guard.rules TO deploy');

# Runs SQL as a role; returns the lines about what went through that it left
# in the log, and what the client was told.
sub lines_of
{
	my ($sql, $role) = @_;
	my $begin = -s $node->logfile;
	my ($status, $out, $err) = $node->psql('postgres', $sql,
		extra_params => [ '-U', $role // 'deploy' ]);
	my $log = substr(slurp_file($node->logfile), $begin);
	return ([ $log =~ /LOG:  (trovella_guard\.mode = .*)$/mg ], $err);
}

my ($lines, $err) = lines_of(
	'SET trovella_guard.mode = off; CREATE TABLE a (organization_id text)');
is_deeply($lines,
	[ 'trovella_guard.mode = off lets role "deploy" commit: table "public.a" breaks rls_disabled, policy_missing, tenant_index_missing' ],
	'off: one line with the role, the table and the rules');
is($err, '', 'and silence for the client, also at client_min_messages = log');
($lines, $err) = lines_of(
	'SET client_min_messages = log; SET trovella_guard.mode = off; CREATE TABLE a1 (organization_id text)');
unlike($err, qr/lets role/, 'even if it wants to hear of everything');

($lines, $err) = lines_of(
	'SET trovella_guard.mode = warn; BEGIN; CREATE TABLE b (organization_id text);'
	  . ' CREATE TABLE c (organization_id text); DROP INDEX IF EXISTS x; COMMIT');
is_deeply($lines,
	[ 'trovella_guard.mode = warn lets role "deploy" commit: '
		  . 'table "public.b" breaks rls_disabled, policy_missing, tenant_index_missing; '
		  . 'table "public.c" breaks rls_disabled, policy_missing, tenant_index_missing' ],
	'warn: one line for the whole transaction');
like($err, qr/WARNING:  commit would be refused/, 'and a warning for the client');

($lines) = lines_of(
	'SET trovella_guard.mode = off; BEGIN; CREATE TABLE p (organization_id text);'
	  . " PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'");
is(scalar @$lines, 1, 'a prepared transaction');

# What an enforcing guard would not have refused
foreach my $quiet (
	[ 'a temporary table', 'CREATE TEMPORARY TABLE t (organization_id text)' ],
	[ 'a warning', q{SET trovella_guard.rules = 'table_unclassified=warning'; CREATE TABLE w (id int)} ],
	[ 'what was there before', 'ALTER TABLE a ADD COLUMN x int' ],
	[ 'what is rolled back', 'BEGIN; CREATE TABLE r (organization_id text); ROLLBACK' ],
	[ 'a savepoint that is rolled back',
		'BEGIN; SAVEPOINT s; CREATE TABLE r (organization_id text); ROLLBACK TO s; COMMIT' ],
	[ 'no DDL', 'SELECT 1' ])
{
	foreach my $mode (qw(off warn))
	{
		my ($lines) = lines_of("SET trovella_guard.mode = $mode; $quiet->[1]; "
			  . "SET client_min_messages = error; DROP TABLE IF EXISTS w");
		is_deeply($lines, [], "$mode: nothing about $quiet->[0]");
	}
}
($lines) = lines_of('CREATE TABLE refused (organization_id text)');
is_deeply($lines, [], 'enforce: what is refused did not go through');

# An error in the verdict refuses the commit when the guard enforces, and does
# not in the other modes.  A lock on the allowlist makes for such an error.
$node->safe_psql('postgres', q{BEGIN; LOCK TABLE trovella_guard.allowlist; PREPARE TRANSACTION 'lock'});
my ($status, $out, $error) = $node->psql('postgres',
	q{SET lock_timeout = '100ms'; CREATE TABLE z (organization_id text)});
like($error, qr/lock timeout/, 'an error in the verdict refuses the commit');
foreach my $mode (qw(off warn))
{
	($status, $out, $error) = $node->psql('postgres', qq{SET trovella_guard.mode = $mode; SET lock_timeout = '100ms';
		CREATE TABLE z (organization_id text); CREATE TABLE y (id int); SELECT count(*) FROM z, y; DROP TABLE y, z});
	is($error, '', "but not in mode $mode");
	is($out, '0', 'and the session goes on');
	like(slurp_file($node->logfile),
		qr/LOG:  trovella_guard could not judge a commit in mode "$mode"\n.*DETAIL:  canceling statement due to lock timeout/,
		'and the log says so');

	# ... unless somebody wants it to end
	($status, $out, $error) = $node->psql('postgres', qq{SET trovella_guard.mode = $mode; SET statement_timeout = '100ms';
		DO \$\$ BEGIN CREATE TABLE z (organization_id text); COMMIT; END \$\$});
	like($error, qr/statement timeout/, "a query that is cancelled ends in mode $mode");
}
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lock'});

$node->stop;
done_testing();
