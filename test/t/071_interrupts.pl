#-------------------------------------------------------------------------
#
# 071_interrupts.pl
#		Nothing that a policy can say makes a verdict long, and every verdict
#		and audit ends when it is told to: by pg_cancel_backend(), by
#		pg_terminate_backend(), by statement_timeout and by a fast shutdown.
#
# The tables are those of Worst.pm.  Each takes a fraction of a second (see
# bench/worst); five seconds are what a busy machine may need.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Worst;

use constant PROMPTLY => 5;

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->append_conf('postgresql.conf', qq{
autovacuum = off
client_min_messages = error
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION trovella_guard; CREATE ROLE reader');
$node->safe_psql('postgres', worst_setup());

my @cases = worst_cases();
foreach my $case (@cases)
{
	my ($name, $sql) = @$case;

	$node->safe_psql('postgres', "SET trovella_guard.mode = off; SET search_path = worst; $sql");
	foreach my $question ("SELECT count(*) FROM trovella_guard.check('worst.$name')",
		"BEGIN; GRANT SELECT ON worst.$name TO reader; SELECT count(*) FROM trovella_guard.pending(); ROLLBACK")
	{
		my $began = time;
		my ($ret, $stdout, $stderr) = $node->psql('postgres', $question);

		is($ret, 0, "$name: judged") or diag($stderr);
		cmp_ok(time - $began, '<', PROMPTLY, "$name: soon");
	}
}

# A commit that touches all of them takes long enough to be ended
my $touch = 'BEGIN; GRANT SELECT ON ALL TABLES IN SCHEMA worst TO reader;';

# ended(WHAT, SQL, HOW, ERROR): something that takes its time ends when told to
sub ended
{
	my ($what, $sql, $how, $error) = @_;
	my ($in, $out, $err) = ("SELECT pg_backend_pid();\n$sql;\n", '', '');
	my $session = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err);
	my $began;

	$session->pump until $out =~ /^(\d+)\n/;
	my ($pid) = $out =~ /^(\d+)\n/;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 OR bool_or(query ~ '^(COMMIT|SELECT count)') FROM pg_stat_activity WHERE pid = $pid AND state = 'active'")
	  or die "$what: never got there";
	sleep 0.1;
	$began = time;
	$how->($pid);
	eval { $session->finish; };
	cmp_ok(time - $began, '<', PROMPTLY, "$what: ends soon");
	like($err, $error, "$what: is ended");
	return;
}

my $audit = 'SELECT count(*) FROM generate_series(1, 20), trovella_guard.check()';
my $cancel = sub { $node->safe_psql('postgres', "SELECT pg_cancel_backend($_[0])") };
my $terminate = sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend($_[0])") };

ended('a verdict that is cancelled', "$touch COMMIT", $cancel, qr/due to user request/);
ended('an audit that is cancelled', $audit, $cancel, qr/due to user request/);
ended('a verdict that is terminated', "$touch COMMIT", $terminate, qr/terminating connection/);
ended('an audit that is terminated', $audit, $terminate, qr/terminating connection/);

# PostgreSQL switches statement_timeout off before it commits, but not in a DO
foreach my $sql (
	q{DO $$ BEGIN GRANT SELECT ON ALL TABLES IN SCHEMA worst TO reader; COMMIT; END $$}, $audit)
{
	my $began = time;
	my ($ret, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = '300ms'; $sql");

	like($stderr, qr/due to statement timeout/, 'statement_timeout ends it');
	cmp_ok(time - $began, '<', PROMPTLY, '... soon');
}
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'reader'"),
	0, 'nothing of what was ended was committed');

ended('a verdict in a server that shuts down', "$touch COMMIT",
	sub { $node->stop('fast') }, qr/terminating connection|server closed/);
ok(!-e $node->data_dir . '/postmaster.pid', 'the server is down');

done_testing();
