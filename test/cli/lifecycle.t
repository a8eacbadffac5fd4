#-------------------------------------------------------------------------
#
# lifecycle.t
#		Runs of trovella-guard leave nothing behind, however they end; two at a time
#		do not meet; nobody sees a password; the time an audit takes.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use lib "$FindBin::RealBin/../perl";
use Cli;

my $production = PostgreSQL::Test::Cluster->new('production');
$production->init;
$production->start;
make_shop($production, 3);
my $reader = url($production, 'shop', 'reader');
my @as_there = ('--tenant-column', 'org_id', '--app-role', 'web', '--allow-unjudged');
my ($status, $out, $err);

# ------------------------------------------------------ in the middle of a run

# Starts a run whose server is up and asleep.
write_text('sleep.sql', 'SELECT pg_sleep(1000)');

sub sleeping_run
{
	my $pid = cli_start([ 'audit', $reader, @as_there, '--config', 'sleep.sql' ], 'log');

	ok(wait_until(sub { grep { m{/postgres -D } } left_behind() }), 'a server is up');
	ok(wait_until(sub { grep { /psql .*cluster|psql -XqAt -v/ } map { slurp_cmdline($_) } children_of($pid) }), '... and busy');
	return $pid;
}

sub children_of
{
	my ($parent) = @_;
	return map { slurp_quietly($_) =~ /^(\d+) \(.*\) \S $parent / ? $1 : () } glob '/proc/[0-9]*/stat';
}

sub slurp_quietly
{
	my ($path) = @_;
	open my $file, '<', $path or return '';
	local $/ = undef;
	return <$file> // '';
}

sub slurp_cmdline { my ($pid) = @_; return slurp_quietly("/proc/$pid/cmdline") =~ tr/\0/ /r }

foreach my $signal (qw(TERM INT HUP))
{
	my $pid = sleeping_run();
	kill $signal, $pid;
	waitpid $pid, 0;
	is($? & 127, { TERM => 15, INT => 2, HUP => 1 }->{$signal}, "SIG$signal ends it");
	is_deeply([ left_behind() ], [], '... and nothing is left, at once');
}

my $pid = sleeping_run();
kill 'KILL', $pid;
waitpid $pid, 0;
ok(wait_until(sub { !left_behind() }), 'kill -9 leaves no server behind') or diag(left_behind());

# --------------------------------------------------------------- two at a time

my @pids = map { cli_start([ 'audit', $reader, @as_there, '-o', "report$_" ], "log$_") } 1, 2;
foreach my $number (1, 2)
{
	waitpid $pids[ $number - 1 ], 0;
	is($? >> 8, 1, "run $number of two at a time");
	like(slurp_file("report$number"), qr/policy_unscoped.*^\d+ relations /ms, '... has its report');
	is(slurp_file("log$number"), '', '... and no trouble');
}

# ------------------------------------------------------------------- passwords

unlink $production->data_dir . '/pg_hba.conf';
$production->append_conf('pg_hba.conf', "local all reader scram-sha-256\nlocal all all trust");
$production->reload;
($status, $out, $err) = cli('audit', $reader, @as_there);
is($status, 2, 'without a password');
like($err, qr/no password supplied.*PGPASSFILE/s, '... it says where to put one');
foreach my $argument (url($production, 'shop', 'reader', 'let%20me%20in'), "$reader&password=let%20me%20in",
	sprintf("host=%s port=%d dbname=shop user=reader password='let me in'", $production->host, $production->port))
{
	is((cli('audit', $argument, @as_there))[0], 1, 'a password in the connection string');
}
{
	local $ENV{PGPASSWORD} = 'let me in';
	is((cli('audit', $reader, @as_there))[0], 1, 'PGPASSWORD');
}
{
	local $ENV{SHOP_URL} = url($production, 'shop', 'reader', 'let%20me%20in');
	is((cli('audit', 'env:SHOP_URL', @as_there))[0], 1, 'env:NAME');
}

# Dumping waits for a lock: whose arguments have the password?
my $blocker = $production->background_psql('shop', on_error_stop => 0);
$blocker->query_safe('BEGIN; LOCK TABLE item_1 IN ACCESS EXCLUSIVE MODE');
$pid = cli_start([ 'audit', url($production, 'shop', 'reader', 'let%20me%20in'), @as_there ], 'log');
my @dumping;
ok(wait_until(sub { @dumping = grep { /pg_dump/ } map { slurp_cmdline($_) } children_of($pid) }), 'pg_dump is at work');
unlike($_, qr/let%20me|let me/, 'no password: ' . ($_ =~ s/ .*//r)) foreach @dumping, slurp_cmdline($pid);
$blocker->query_safe('COMMIT');
$blocker->quit;
waitpid $pid, 0;
is($? >> 8, 1, 'the audit goes on when the lock is free');
unlike(slurp_file('log'), qr/let%20me|let me/, 'no password is printed');

# -------------------------------------------------- nothing reaches the source

my $log = slurp_file($production->logfile);
$production->safe_psql('postgres', q{ALTER SYSTEM SET log_statement = 'mod'});
$production->reload;
my $before = $production->safe_psql('shop', 'SELECT pg_current_xact_id_if_assigned() IS NULL, txid_snapshot_xmax(txid_current_snapshot())');
{
	local $ENV{PGPASSWORD} = 'let me in';
	is((cli('audit', $reader, @as_there))[0], 1, 'once more');
}
is($production->safe_psql('shop', 'SELECT pg_current_xact_id_if_assigned() IS NULL, txid_snapshot_xmax(txid_current_snapshot())'),
	$before, 'not one transaction of it has written anything');

is_deeply([ left_behind() ], [], 'nothing is left behind');
$production->stop;
done_testing();
