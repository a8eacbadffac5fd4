#-------------------------------------------------------------------------
#
# pg_partman.t
#		pg_partman makes and retires partitions, by a superuser, by the tables'
#		owner, and by its background worker.
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

need('pg_partman');
$PostgreSQL::Test::Utils::timeout_default = 40;

my $node = start_server(
	shared_preload_libraries => 'pg_partman_bgw, trovella_guard',
	'pg_partman_bgw.dbname' => 'parts',
	'pg_partman_bgw.interval' => '1',
	'pg_partman_bgw.role' => 'nobody_yet');

# What docs/neighbours.md says
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE parts OWNER owner');
$node->safe_psql(
	'parts', q{
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.set('app_role', 'app');
CREATE SCHEMA partman;
CREATE EXTENSION pg_partman SCHEMA partman;
GRANT USAGE, CREATE ON SCHEMA partman TO owner;
GRANT ALL ON ALL TABLES IN SCHEMA partman TO owner;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA partman TO owner;
CREATE SCHEMA archive;
SELECT trovella_guard.allow('partman.*', 'templates of pg_partman', sealed => true);
SELECT trovella_guard.allow('archive.*', 'partitions past their retention, for the owner', sealed => true);});
my $old = $node->safe_psql('parts',
	q{SELECT extversion < '5' FROM pg_extension WHERE extname = 'pg_partman'}) eq 't';

# Runs SQL as the superuser or as the owner; returns what it complained about
sub complaints
{
	my ($role, $sql) = @_;
	return ($node->psql('parts',
			"SET client_min_messages = warning; SET SESSION AUTHORIZATION $role; $sql"))[2];
}

sub maintain
{
	my ($role, $table) = @_;
	return complaints($role, "SELECT partman.run_maintenance('public.$table')");
}

sub partitions
{
	my ($table) = @_;
	return $node->safe_psql('parts',
		"SELECT count(*) FROM pg_inherits WHERE inhparent = '$table'::regclass");
}

sub insert
{
	my ($table, $from, $to) = @_;
	$node->safe_psql('parts',
		"INSERT INTO $table SELECT i, 'x' FROM generate_series($from, $to) i");
	return;
}

sub findings
{
	return $node->safe_psql('parts',
		q{SELECT DISTINCT table_name, rule FROM trovella_guard.check() WHERE level = 'error' ORDER BY 1, 2});
}

# How a table's partitions are made and retired
sub retain
{
	my ($table, $settings) = @_;
	$node->safe_psql('parts',
		"UPDATE partman.part_config SET $settings WHERE parent_table = 'public.$table'");
	return;
}

# pg_partman moves a partition only into a schema of its owner
sub own_archive
{
	my ($role) = @_;
	$node->safe_psql('parts', "ALTER SCHEMA archive OWNER TO $role");
	return;
}

sub archived
{
	my ($table) = @_;
	return $node->safe_psql('parts',
		"SELECT count(*) FROM pg_class WHERE relnamespace = 'archive'::regnamespace AND relname LIKE '$table\\_p%' AND relkind = 'r'");
}

sub make_set
{
	my ($role, $table) = @_;
	my $type = $old ? q{'native', } : '';

	is(complaints($role, qq{
BEGIN;
CREATE TABLE $table (id bigint NOT NULL, organization_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())
  PARTITION BY RANGE (id);
ALTER TABLE $table ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON $table
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE INDEX ON $table (organization_id);
GRANT SELECT, INSERT ON $table TO app;
COMMIT;
SELECT partman.create_parent('public.$table', 'id', $type'10');}),
		'', "$role: create_parent");
	return;
}

# road: pg_partman makes and retires partitions (passes)
# road: pg_partman keeps retired partitions in a schema under a sealed entry (passes)
my %set = (postgres => 'event', owner => 'visit');
foreach my $role (qw(postgres owner))
{
	my $table = $set{$role};

	own_archive($role);
	make_set($role, $table);
	insert($table, 1, 30);
	my $before = partitions($table);
	is(maintain($role, $table), '', "$role: run_maintenance");
	cmp_ok(partitions($table), '>', $before, 'partitions were made ahead');

	# Rows that no partition is for are in the default one, and get theirs
	insert($table, 201, 205);
	is(complaints($role, "CALL partman.partition_data_proc('public.$table')"),
		'', "$role: rows are moved");
	is($node->safe_psql('parts', "SELECT count(*) FROM ${table}_default"),
		'0', 'and left the default partition');

	retain($table, "retention = '150', retention_keep_table = false");
	is(maintain($role, $table), '', "$role: partitions are dropped");
	retain($table, "retention = '100', retention_keep_table = true, retention_schema = 'archive'");
	insert($table, 206, 230);
	is(maintain($role, $table), '', "$role: partitions are detached and moved");
	cmp_ok(archived($table), '>', 0, 'into the archive');
	is($node->safe_psql('parts', "SELECT count(*) FROM $table",
			extra_params => [ '-U', 'app' ]),
		'0', 'the application sees no tenant');
	is(findings(), '', 'bare ones, which nobody but the owner can name');
}
like(
	complaints('postgres', q{DO $$BEGIN EXECUTE format('GRANT SELECT ON archive.%I TO app',
	  (SELECT min(relname) FROM pg_class WHERE relnamespace = 'archive'::regnamespace AND relkind = 'r')); END$$}),
	qr/commit refused: table "archive\./,
	'an archived partition is opened to nobody');

# A partition that is kept where no sealed entry covers it
# road: pg_partman detaches a bare partition and keeps it in place (refused)
# road: seal_partitions() before pg_partman detaches a partition and keeps it in place (warns)
insert('event', 231, 250);
retain('event', "retention = '20', retention_schema = NULL");
like(maintain('postgres', 'event'), qr/commit refused: table "public\.event_p/,
	'a bare one is refused');
$node->safe_psql('parts', q{SELECT trovella_guard.seal_partitions('event')});
my $said = maintain('postgres', 'event');
like($said, qr/WARNING:  table "public\.event_p\w+" breaks policy_missing/,
	'one that denies everything warns');
unlike($said, qr/commit refused/, 'and maintenance goes on');
$node->safe_psql('parts', q{
DO $$
DECLARE
  t name;
BEGIN
  FOR t IN SELECT relname FROM pg_class c WHERE relname LIKE 'event\_p%' AND relkind = 'r'
    AND relnamespace = 'public'::regnamespace AND NOT relispartition
  LOOP
    EXECUTE format('DROP TABLE public.%I', t);
  END LOOP;
END
$$});
retain('event', 'retention = NULL');
is(findings(), '', 'nothing is left of them');

# Privileges of the parent on partitions
# road: pg_partman grants on partitions what their parent grants (refused)
retain('event', 'inherit_privileges = true');
insert('event', 251, 270);
like(maintain('postgres', 'event'), qr/commit refused/,
	'partitions that others may read are refused');
retain('event', 'inherit_privileges = false');
is(maintain('postgres', 'event'), '', 'without privileges of their own they are made');
$node->safe_psql('parts',
	'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app');
insert('event', 271, 290);
like(maintain('postgres', 'event'), qr/commit refused/,
	'default privileges are no better');
$node->safe_psql('parts',
	'ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM app');

# The background worker
# road: the background worker of pg_partman, shared_preload_libraries (passes)
foreach my $role (qw(postgres owner))
{
	my $table = $set{$role};
	my $last = $node->safe_psql('parts', "SELECT max(id) FROM $table");
	my $before = archived($table);
	my $partitions = partitions($table);
	my $log = -s $node->logfile;

	own_archive($role);

	# The worker before this one must not make partitions that it owns
	$node->safe_psql('parts', q{UPDATE partman.part_config SET automatic_maintenance = 'off'});
	$node->append_conf('postgresql.conf', "pg_partman_bgw.role = '$role'");
	$node->restart;
	retain($table, "automatic_maintenance = 'on', retention = '40', retention_schema = 'archive'");
	insert($table, $last + 1, $last + 20);
	ok($node->poll_query_until('parts',
			"SELECT count(*) > $before FROM pg_class WHERE relnamespace = 'archive'::regnamespace AND relname LIKE '$table\\_p%' AND relkind = 'r'"),
		"worker as $role: partitions are retired");
	ok($node->poll_query_until('parts',
			"SELECT count(*) > 0 FROM pg_class WHERE relname = '${table}_p' || ($last + 50) / 10 * 10"),
		'and made ahead');
	unlike(slurp_file($node->logfile, $log), qr/commit refused/,
		'the guard refuses nothing');
}
is(findings(), '', 'and nothing lies bare');

# What the worker may not do
retain('visit', 'inherit_privileges = true, retention = NULL');
my $last = $node->safe_psql('parts', 'SELECT max(id) FROM visit');
my $log = -s $node->logfile;
insert('visit', $last + 1, $last + 20);
ok($node->wait_for_log(qr/commit refused: table "public\.visit_p/, $log),
	'in the worker, too, partitions that others may read are refused');

done_testing();
