#-------------------------------------------------------------------------
#
# timescaledb.t
#		timescaledb makes a chunk, with the privileges of its table, while somebody
#		inserts a row.
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

need('timescaledb');

my $node = start_server(
	shared_preload_libraries => 'timescaledb, trovella_guard',
	'timescaledb.telemetry_level' => 'off');

$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN; CREATE DATABASE series OWNER owner');
$node->safe_psql(
	'series', q{
CREATE EXTENSION timescaledb;
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.set('app_role', 'app');});
$node->safe_psql(
	'series', q{
SET SESSION AUTHORIZATION owner;
BEGIN;
CREATE TABLE metric (at timestamptz NOT NULL, organization_id text NOT NULL, value float8,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
SELECT create_hypertable('metric', 'at', chunk_time_interval => interval '1 day');
CREATE INDEX ON metric (organization_id, at);
ALTER TABLE metric ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON metric
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
GRANT SELECT, INSERT ON metric TO app;
COMMIT;});

sub as_app
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('series',
		"SET app.current_organization_id = 'acme'; $sql",
		extra_params => [ '-U', 'app' ]);
	return ($out, $err);
}

sub chunks
{
	return split /\n/, $node->safe_psql('series',
		q{SELECT c FROM show_chunks('metric') c ORDER BY c::oid});
}

sub findings
{
	return $node->safe_psql('series',
		q{SELECT count(*) FROM trovella_guard.check() WHERE level = 'error'});
}

# road: a chunk that timescaledb makes for an INSERT of the application (warns)
my ($out, $err) = as_app(q{INSERT INTO metric VALUES ('2026-01-01', 'acme', 1)});
like(
	$err,
	qr/WARNING:  table "_timescaledb_internal\.\w+" breaks rls_disabled, policy_missing/,
	'the row is there, with a warning');
like($err, qr/SELECT trovella_guard\.seal_partitions\('public\.metric'\);/,
	'that says what to run');
$node->safe_psql('series', q{INSERT INTO metric VALUES ('2026-01-01', 'globex', 1)});
my ($chunk) = chunks();
($out, $err) = as_app("SELECT count(*) FROM $chunk");
is($out, '2', 'the chunk shows all tenants, indeed');
cmp_ok(findings(), '>', 0, 'and the audit says so');
is( $node->safe_psql(
		'series',
		q{SELECT DISTINCT repair_sql FROM trovella_guard.check() WHERE level = 'error'
		  AND rule IN ('rls_disabled', 'policy_missing')}),
	q{SELECT trovella_guard.seal_partitions('public.metric');},
	'and what to run: a chunk with row-level security would take no rows');

# What cron runs
is( (as_owner($node, 'series', q{SELECT trovella_guard.seal_partitions('metric')}))[0],
	$chunk, 'seal_partitions() seals it');
($out, $err) = as_app("SELECT count(*) FROM $chunk");
like($err, qr/permission denied/, 'then nobody may read it');
is( (as_owner($node, 'series', q{SELECT trovella_guard.seal_partitions('metric')}))[0],
	'', 'and nothing is left to do');
($out, $err) = as_app('SELECT organization_id FROM metric');
is($out, 'acme', 'but for its table, which shows the tenant its rows');
is(findings(), '0', 'and the audit is clean');
($out, $err) = as_app(q{INSERT INTO metric VALUES ('2026-01-01 01:00', 'acme', 2)});
is($err, '', 'a row in a chunk that is there needs no word');

# A statement of somebody's is that one's business
# road: a chunk that is made in a transaction with a DDL statement (refused)
$err = ($node->psql('series',
		q{BEGIN; COMMENT ON TABLE metric IS 'x'; INSERT INTO metric VALUES ('2026-02-01', 'acme', 1); COMMIT}))[2];
like($err, qr/commit refused/, 'a chunk made beside DDL is refused');
is(scalar(chunks()), 1, 'and not there');

# Without privileges for the application on the table there is nothing to copy
$node->safe_psql('series', 'REVOKE ALL ON metric FROM app');
$err = ($node->psql('series', q{INSERT INTO metric VALUES ('2026-03-01', 'acme', 1)}))[2];
is($err, '', 'a chunk that only the owner can read needs no word');
is((as_owner($node, 'series', q{SELECT count(*) FROM drop_chunks('metric', older_than => '2026-02-01'::timestamptz)}))[0],
	'1', 'chunks can be dropped');
is(findings(), '0', 'and nothing is left open');

done_testing();
