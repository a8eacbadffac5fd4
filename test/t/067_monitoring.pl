#-------------------------------------------------------------------------
#
# 067_monitoring.pl
#		docs/monitoring.md and contrib: the exporter of Debian shows what
#		metrics() says, the alerts fire on it, and the server log has the
#		messages that the document promises.
#
# The exporter and promtool come from Debian's packages; where they cannot be
# had, what needs them is skipped.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use CPAN::Meta::YAML;
use HTTP::Tiny;
use JSON::PP;
use Time::HiRes qw(usleep);

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $contrib = "$ENV{TESTDIR}/contrib";
my $document = slurp_file("$ENV{TESTDIR}/docs/monitoring.md");

my $node = PostgreSQL::Test::Cluster->new('monitoring');
$node->init;
$node->append_conf('postgresql.conf', q{
max_prepared_transactions = 1
logging_collector = on
log_destination = 'stderr,jsonlog'
log_filename = 'server.log'
log_line_prefix = '%m [%p] %q%u@%d %e '
});
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE mydb');
$node->safe_psql('mydb', 'CREATE EXTENSION trovella_guard;'
	  . q{SELECT trovella_guard.set('app_role', 'web'); SET trovella_guard.mode = off;}
	  . 'CREATE TABLE invoice (id text PRIMARY KEY, organization_id text NOT NULL,'
	  . '  created_at timestamptz, updated_at timestamptz); CREATE TABLE plan (id int); CREATE TABLE other (id int);'
	  . q{SELECT trovella_guard.allow('plan', 'price list');}
	  . q{SELECT trovella_guard.allow('invoice', 'small', 'tenant_index_missing');});

# Metrics
my ($metrics) = map { $_->[1] } grep { $_->[0] eq 'sql' } code_blocks('docs/monitoring.md', 'Metrics');
my $rows = $node->safe_psql('mydb', $metrics);
my %seen = map { /^(\w+)\|/ ? ($1 => 1) : () } split /\n/, $rows;
my %described = map { $_ => 1 } $document =~ /^\| `([a-z_]+)` \|.*\|.*\|$/mg;
delete $described{first_due_days};    # there is no debt yet
is_deeply(\%seen, \%described, 'docs/monitoring.md describes every metric');

# The queries for exporters
my %exporters = map { $_ => CPAN::Meta::YAML->read("$contrib/$_.yaml")->[0]{trovella_guard} }
  qw(postgres_exporter pg_exporter);
is($exporters{pg_exporter}{query}, $exporters{postgres_exporter}{query}, 'both exporters have the same query');
is_deeply($exporters{pg_exporter}{metrics}, $exporters{postgres_exporter}{metrics}, 'and metrics');
my @columns = map { keys %$_ } @{ $exporters{postgres_exporter}{metrics} };
is( $node->safe_psql('mydb', "$exporters{postgres_exporter}{query} \\gdesc") =~ s/\|.*//gmr,
	join("\n", @columns), 'the metrics are the columns of the query');
foreach my $column (grep { $_ ne 'datname' } @columns)
{
	like($document, qr/`(?:trovella_guard)?_$column`/, "docs/monitoring.md knows $column");
}

# The value of a column of the query now
sub value_of
{
	my ($column) = @_;
	return $node->safe_psql('mydb', "SELECT coalesce(m.${column}::text, 'NaN') FROM ($exporters{postgres_exporter}{query}) m");
}

sub find_program
{
	my ($name) = @_;
	my ($path) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
	return $path;
}

# Runs the exporter while "action" does its work, with a function that scrapes.
sub with_exporter
{
	my ($program, $queries, $action) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	local $ENV{DATA_SOURCE_NAME} = sprintf 'host=%s port=%s user=monitoring dbname=mydb sslmode=disable',
	  $node->host, $node->port;
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(
		[ $program, "--extend.query-path=$queries", "--web.listen-address=127.0.0.1:$port",
		  '--disable-default-metrics', '--disable-settings-metrics' ],
		'<', \undef, '>', \$out, '2>', \$err);

	my $scrape = sub {
		my $response;
		for (my $i = 0; $i < 10 * $PostgreSQL::Test::Utils::timeout_default; $i++)
		{
			$response = HTTP::Tiny->new->get("http://127.0.0.1:$port/metrics");
			last if $response->{success};
			usleep(100_000);
		}
		ok($response->{success}, 'the exporter answers') or do { $handle->pump_nb; diag($err) };
		return { $response->{content} =~ /^trovella_guard_(\w+)\{datname="mydb"[^}]*\} (\S+)$/mg };
	};
	my $done = eval { $action->($scrape); 1 };
	$handle->kill_kill;
	die $@ if !$done;
	return;
}

my $exporter = find_program('prometheus-postgres-exporter');
SKIP: {
	skip 'prometheus-postgres-exporter is not to be had', 1 if !defined $exporter;

	my ($command) = map { $_->[1] } grep { $_->[0] eq 'sh' } code_blocks('docs/monitoring.md', 'Prometheus');
	like($command, qr/ prometheus-postgres-exporter --extend\.query-path=contrib\/postgres_exporter\.yaml$/m,
		'the documented command is the one that is tried here');

	with_exporter($exporter, "$contrib/postgres_exporter.yaml", sub {
		my ($scrape) = @_;
		my $scraped = $scrape->();
		my $took = delete $scraped->{audit_seconds};

		is_deeply([ sort keys %$scraped ], [ sort grep { !/^(datname|audit_seconds)$/ } @columns ],
			'the exporter shows every metric');
		cmp_ok($took, '>', 0, 'and the duration of its audit');
		is_deeply($scraped, { map { $_ => value_of($_) } keys %$scraped }, 'with the values of metrics()');
		is_deeply({ map { $_ => $scraped->{$_} } qw(errors waived tenant_tables unclassified_tables global_tables enforced off
				preloaded status_not_ok version_mismatch first_due_days) },
			{ errors => 3, waived => 2, tenant_tables => 1, unclassified_tables => 1, global_tables => 1, enforced => 1, off => 0,
			  preloaded => 0, status_not_ok => 0, version_mismatch => 0, first_due_days => 'NaN' },
			'which are right');
	});

	# Without the cache: one session of the exporter sees what others change
	my $uncached = $node->basedir . '/uncached.yaml';
	append_to_file($uncached, slurp_file("$contrib/postgres_exporter.yaml") =~ s/^ *cache_seconds:.*\n//mr);
	with_exporter($exporter, $uncached, sub {
		my ($scrape) = @_;
		is($scrape->()->{enforced}, 1, 'the guard is on');
		$node->safe_psql('mydb', 'ALTER DATABASE mydb SET trovella_guard.mode = warn');
		is_deeply({ map { $_ => $scrape->()->{$_} } qw(enforced off) }, { enforced => 0, off => 0 }, 'mode warn');
		$node->safe_psql('mydb', 'ALTER DATABASE mydb SET trovella_guard.mode = off');
		is($scrape->()->{off}, 1, 'mode off');
		$node->safe_psql('mydb', 'ALTER DATABASE mydb RESET trovella_guard.mode');
		$node->append_conf('postgresql.conf', 'trovella_guard.mode = off');
		$node->reload;
		my $enforced;
		for (my $i = 0; $i < 100 && ($enforced = $scrape->()->{enforced}); $i++) { usleep(100_000) }
		is($enforced, 0, 'mode off in the configuration files');
		$node->adjust_conf('postgresql.conf', 'trovella_guard.mode', undef);
		$node->reload;

		$node->safe_psql('mydb', 'SELECT trovella_guard.preload();'
			  . q{SELECT trovella_guard.adopt('legacy', now() + interval '10 days', level => 'error');}
			  . 'ALTER EVENT TRIGGER trovella_guard_open DISABLE');
		my $scraped = $scrape->();
		is_deeply({ map { $_ => $scraped->{$_} } qw(errors debts preloaded status_not_ok) },
			{ errors => 0, debts => 3, preloaded => 1, status_not_ok => 1 }, 'debts, preloading, a disabled event trigger');
		cmp_ok($scraped->{first_due_days}, '>', 9.9, 'and when the first debt is due');
		cmp_ok($scraped->{first_due_days}, '<=', 10, '... in days');
		$node->safe_psql('mydb', 'ALTER EVENT TRIGGER trovella_guard_open ENABLE ALWAYS;'
			  . q{UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 hour' WHERE adopted});
		$scraped = $scrape->();
		is_deeply({ map { $_ => $scraped->{$_} } qw(errors debts debts_overdue status_not_ok first_due_days) },
			{ errors => 3, debts => 0, debts_overdue => 3, status_not_ok => 0, first_due_days => 'NaN' }, 'they are overdue');

		$node->safe_psql('mydb', 'REVOKE pg_monitor FROM monitoring');
		is_deeply($scrape->(), {}, 'without its right the exporter gives no metrics');
		$node->safe_psql('mydb', 'GRANT pg_monitor TO monitoring');
	});
}

# The alerts are about metrics that there are; what they say when is in
# test/monitoring
my $alerts = slurp_file("$contrib/alerts.yaml");
my %alerts = $alerts =~ /alert: (\w+)\n\s+expr: (.*)\n/g;
is_deeply([ sort $document =~ /^\| `(TrovellaGuard\w+)` \|/mg ], [ sort keys %alerts ],
	'docs/monitoring.md describes every alert');
foreach my $alert (sort keys %alerts)
{
	my @unknown = grep { my $metric = $_; !grep { $metric eq "trovella_guard_$_" } @columns } $alerts{$alert} =~ /(trovella_guard_\w+)/g;
	is_deeply(\@unknown, [], "$alert is about metrics that there are");
	my ($severity) = $alerts =~ /alert: $alert\n.*?severity: (\w+)/s;
	like($document, qr/^\| `$alert` \| $severity \|/m, '... and has the documented severity');
}
my $promtool = find_program('promtool');
SKIP: {
	skip 'promtool (package prometheus) is not to be had', 1 if !defined $promtool;
	command_ok([ $promtool, 'test', 'rules', "$ENV{TESTDIR}/test/monitoring/alerts.test.yaml" ], 'the alerts fire when they should');
}

# become_citus(NODE, DATABASE): makes it a node of Citus, as far as the guard can
# tell: its catalogs belong to an extension of that name.
sub become_citus
{
	my ($server, $database) = @_;
	my $extension = pg_directory('sharedir') . '/extension/citus';
	my @files = ("$extension--0.sql", -e "$extension.control" ? () : "$extension.control");

	append_to_file("$extension.control", "comment = 'only its catalogs'\n") if @files > 1;
	append_to_file($files[0], q{
		CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
		CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
		CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid int);
		CREATE TABLE pg_catalog.pg_dist_node (groupid int, nodename text, nodeport int);
		CREATE TABLE pg_catalog.pg_dist_object (classid oid, objid oid);
		CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
		INSERT INTO pg_catalog.pg_dist_local_group VALUES (1);});
	$server->safe_psql($database, q{SET allow_system_table_mods = on;
		SET trovella_guard.mode = off; CREATE EXTENSION citus VERSION '0'});
	unlink @files;
	return;
}

# The server log: each documented message
my @promised;
while ($document =~ /^\| (ERROR|WARNING|LOG) \| (\w{5}) \| `([^`]+)` \|/mg)
{
	my ($severity, $state, $message) = ($1, $2, $3);
	my $pattern = quotemeta $message;
	$pattern =~ s/TABLE/(?:(?:materialized view|foreign table|table|view) ".+?"|the database)/g;
	$pattern =~ s/RULES/[a-z_]+(?:, [a-z_]+)*/g;
	$pattern =~ s/ROLE/".+?"/g;
	$pattern =~ s/(?<=mode\\ )MODE/"(?:warn|off)"/g;
	$pattern =~ s/MODE/(?:warn|off)/g;
	push @promised, { name => "$severity $state $message", severity => $severity, state => $state, pattern => qr/^$pattern/s };
}
is(scalar @promised, 10, 'docs/monitoring.md: the messages');

$node->safe_psql('mydb', q{DROP TABLE other, plan, invoice; DELETE FROM trovella_guard.allowlist});
my $log = $node->data_dir . '/log/server';
$node->psql('mydb', $_) foreach
  unsafe_table('refused'),
  unsafe_table(qq{"two\nERROR:  lines"}),
  'SET trovella_guard.mode = warn; ' . unsafe_table('warned'),
  'SET trovella_guard.mode = off; BEGIN; ' . unsafe_table('a') . ';' . unsafe_table('b') . '; COMMIT',
  'ALTER TABLE a ADD COLUMN x int',
  q{SET trovella_guard.rules = 'table_unclassified=warning'; CREATE TABLE w (id int)},
  'SELECT trovella_guard.assert_clean()',
  'SELECT trovella_guard.require_tenant()';
become_citus($node, 'mydb');
$node->safe_psql('mydb', q{BEGIN; LOCK TABLE trovella_guard.allowlist; PREPARE TRANSACTION 'lock'});
$node->psql('mydb', q{SET trovella_guard.mode = off; SET lock_timeout = '100ms'; } . unsafe_table('unjudged'));
{
	local $ENV{PGAPPNAME} = 'citus_internal gpid=1';
	$node->psql('mydb', q{SET lock_timeout = '100ms'; } . unsafe_table('unjudged_102008'));
}
$node->safe_psql('mydb', q{ROLLBACK PREPARED 'lock'});
{
	local $ENV{PGAPPNAME} = 'citus_internal gpid=1';
	$node->psql('mydb', unsafe_table('shard_102008'));
}
$node->stop;    # flushes the log

my @entries = grep { ($_->{state_code} // '') =~ /^(?:TG...|01TG1)$/ }
  map { decode_json($_) } split /\n/, slurp_file("$log.json");

sub has_form
{
	my ($entry, $promise) = @_;
	return $entry->{error_severity} eq $promise->{severity} && $entry->{state_code} eq $promise->{state}
	  && $entry->{message} =~ $promise->{pattern};
}

foreach my $promise (@promised)
{
	my ($entry) = grep { has_form($_, $promise) } @entries;

	ok($entry, "the log has: $promise->{name}") or next;
	is($entry->{dbname}, 'mydb', '... with the database');
	like($entry->{detail}, qr/^(?:public\.\w+: )?rls_disabled: /m, '... with the findings as DETAIL')
	  if $entry->{message} =~ /^commit /;
}
foreach my $entry (@entries)
{
	is(scalar(grep { has_form($entry, $_) } @promised), 1,
		"it has one of these forms: $entry->{message}");
}
is(scalar(grep { $_->{message} =~ /two\nERROR:/ } @entries), 1, 'a line break in a name stays in its entry');
like(slurp_file("$log.log"), qr/commit refused: table "public\.two\n\tERROR:  lines"/, '... and is indented in the plain log');

# The commands that search it
my $wanted = grep { $_->{state_code} ne 'TG002' } @entries;
foreach my $command (map { $_->[1] } code_blocks('docs/monitoring.md', 'The server log'))
{
	my ($ok, $out) = run_documented($node, $command, '/var/log/postgresql/*' => $log);
	ok($ok, 'docs/monitoring.md, The server log');
	is(scalar(() = $out =~ /^\{|(?:TG001|01TG1) (?:ERROR|WARNING|LOG): /mg), $wanted, '... finds them all');
}

done_testing();
