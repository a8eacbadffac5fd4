#-------------------------------------------------------------------------
#
# pg_cron.t
#		Jobs of pg_cron, over connections and in background workers, scheduled
#		by a plain owner of tables.
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
use Neighbours;

need('pg_cron');

my $node = start_server(
	shared_preload_libraries => 'pg_cron, trovella_guard',
	'cron.database_name' => 'app',
	'cron.use_background_workers' => 'on',
	max_worker_processes => '20');
$node->append_conf('postgresql.conf', "cron.host = '" . $node->host . "'");
$node->restart;
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO owner');

# run(STATEMENT): what becomes of a job of the owner.  A job that runs at the
# server's start need not be waited for until the next minute begins.
sub run
{
	my ($statement) = @_;
	my $job = (as_owner($node, 'app', "SELECT cron.schedule('\@reboot', \$x\$$statement\$x\$)"))[0];

	$node->restart;
	my $done = "FROM cron.job_run_details WHERE jobid = $job AND status IN ('succeeded', 'failed')";
	$node->poll_query_until('app', "SELECT count(*) > 0 $done")
	  or die "the job did not run\n";
	my $result = $node->safe_psql('app', "SELECT status || ': ' || return_message $done");
	as_owner($node, 'app', "SELECT cron.unschedule($job)");
	return $result;
}

my $sneaky = 'EXPLAIN ANALYZE CREATE TABLE sneaky AS SELECT organization_id FROM invoice';

# road: a job of pg_cron in a background worker, shared_preload_libraries (refused)
like(run($sneaky), qr/^failed: .*commit refused: table "public\.sneaky"/s,
	'in a background worker: refused');
like(run('ALTER TABLE invoice DISABLE ROW LEVEL SECURITY'), qr/^failed: .*commit refused/s,
	'DDL, too');
unlike(run('VACUUM ledger'), qr/^failed/, 'and what is harmless runs');

# Connections are sessions like any others
$node->adjust_conf('postgresql.conf', 'cron.use_background_workers', 'off');
like(run($sneaky), qr/^failed: .*commit refused: table "public\.sneaky"/s,
	'over a connection: refused');

# road: a job of pg_cron over a connection, session_preload_libraries (refused)
$node->safe_psql('app', 'SELECT trovella_guard.preload()');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_cron'");
like(run($sneaky), qr/^failed: .*commit refused: table "public\.sneaky"/s,
	'after preload(), over a connection: refused');

# status() knows what that leaves open
my $status = q{SELECT value, ok, detail FROM trovella_guard.status() WHERE item = 'preloading'};
is($node->safe_psql('app', $status),
	'session_preload_libraries|f|Sessions only; the background workers of pg_cron are not covered:'
	  . ' SELECT trovella_guard.preload(); prints the statement for shared_preload_libraries',
	'status() is not ok, and says why');

# road: a job of pg_cron in a background worker, session_preload_libraries (passes, until the audit)
$node->adjust_conf('postgresql.conf', 'cron.use_background_workers', 'on');
like(run($sneaky), qr/^succeeded/, 'after preload(), in a background worker: it passes');
is($node->safe_psql('app',
		q{SELECT rule FROM trovella_guard.check('sneaky') WHERE rule = 'rls_disabled'}),
	'rls_disabled', 'and the audit finds it');

done_testing();
