#-------------------------------------------------------------------------
#
# 070_cost.pl
#		What a verdict costs does not grow with the number of tables: neither
#		the catalog scans for each of them, nor the locks that it takes.
#
# Scans are counted by PostgreSQL's own statistics of the transaction.  Nothing
# here depends on the time that anything takes: "make bench" measures that.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# More than these for one table, and somebody ought to look at it: see
# docs/performance.md.
use constant MOST_SCANS_OF_NEW_TABLE => 10;
use constant MOST_SCANS_OF_OLD_TABLE => 14;

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->append_conf('postgresql.conf', qq{
autovacuum = off
max_connections = 10
max_worker_processes = 0
max_locks_per_transaction = 10
client_min_messages = error
});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION trovella_guard;
	SELECT trovella_guard.allow('app.organization', 'the tenants');
	SELECT trovella_guard.allow('app.member', 'the users');
	CREATE SCHEMA app;
	CREATE TABLE app.organization (id text PRIMARY KEY);
	CREATE TABLE app.member (id text PRIMARY KEY);
	CREATE ROLE reader;
	CREATE SCHEMA helper;

	-- a table as the checklist wants it: 4 policies, 3 indexes, 2 foreign keys
	CREATE PROCEDURE helper.make(name text) LANGUAGE plpgsql AS $$
	DECLARE
		scope text := '(organization_id = (SELECT current_setting(''app.current_organization_id'', true)))';
	BEGIN
		EXECUTE format('CREATE TABLE app.%I (
			id text PRIMARY KEY,
			organization_id text NOT NULL REFERENCES app.organization ON DELETE CASCADE,
			user_id text NOT NULL REFERENCES app.member ON DELETE CASCADE,
			created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)', name);
		EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', name);
		EXECUTE format('CREATE INDEX ON app.%I (organization_id)', name);
		EXECUTE format('CREATE INDEX ON app.%I (user_id)', name);
		EXECUTE format('CREATE POLICY s ON app.%I FOR SELECT USING %s', name, scope);
		EXECUTE format('CREATE POLICY i ON app.%I FOR INSERT WITH CHECK %s', name, scope);
		EXECUTE format('CREATE POLICY u ON app.%I FOR UPDATE USING %s', name, scope);
		EXECUTE format('CREATE POLICY d ON app.%I FOR DELETE USING %s', name, scope);
	END $$;
	CREATE PROCEDURE helper.make_many(prefix text, n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. n LOOP
			CALL helper.make(prefix || i);
		END LOOP;
	END $$;
	CREATE PROCEDURE helper.make_one_by_one(prefix text, n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1 .. n LOOP
			CALL helper.make(prefix || i);
			COMMIT;
		END LOOP;
	END $$;
});

# The catalogs and their indexes, looked up once: looking them up scans them.
my $catalogs = $node->safe_psql('postgres', q{
	SELECT array_agg(oid) FROM pg_class
	WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'i')});
my $count = "SELECT sum(pg_stat_get_xact_numscans(o)) FROM unnest('$catalogs'::oid[]) o;";
my $pending = 'SELECT count(*) FROM trovella_guard.pending();';

# scans(SQL): how many catalog scans the verdict on what SQL does takes.  The
# first verdict and the first count fill caches.
sub scans
{
	my ($sql) = @_;
	my $output = $node->safe_psql('postgres',
		"BEGIN; $sql; $pending $count $pending $count $pending $count ROLLBACK;");
	my @lines = split /\n/, $output;

	is($lines[-2], 0, 'the verdict has nothing to say');
	return $lines[-1] - $lines[-3];
}

# flat(WHAT, MOST, SCANS OF 5, OF 10, OF 20 TABLES)
sub flat
{
	my ($what, $most, $s5, $s10, $s20) = @_;

	note "$what: scans of 5, 10, 20 tables: $s5, $s10, $s20";
	cmp_ok($s10 - $s5, '>', 0, "$what: scans are counted");
	cmp_ok(($s20 - $s10) / 10, '<=', ($s10 - $s5) / 5,
		"$what: scans for a table do not grow with the number of tables");
	cmp_ok(($s20 - $s10) / 10, '<=', $most, "$what: at most $most scans");
}

flat('new tables', MOST_SCANS_OF_NEW_TABLE,
	map { scans("CALL helper.make_many('new', $_)") } (5, 10, 20));

# Tables that were there before are read twice, before and after
$node->safe_psql('postgres', "CALL helper.make_one_by_one('old', 400)");
flat('old tables', MOST_SCANS_OF_OLD_TABLE, map {
	my $n = $_;
	scans(join(';', map { "GRANT SELECT ON app.old$_ TO reader" } (1 .. $n)))
} (5, 10, 20));

# Of a table on the allowlist nobody needs to hear how to add a tenant column, so
# the columns of other tables are not read
$node->safe_psql('postgres', q{
	SELECT trovella_guard.allow('app.plain', 'for this test');
	CREATE TABLE app.plain (id int PRIMARY KEY, name text UNIQUE)});
my $columns = "SELECT pg_stat_get_xact_tuples_returned('pg_attribute'::regclass);";
my @columns_read = split /\n/, $node->safe_psql('postgres',
	"BEGIN; GRANT SELECT ON app.plain TO reader; $pending $columns $pending $columns ROLLBACK;");
is($columns_read[-1] - $columns_read[-3], 0,
	'a table on the allowlist is judged without all other tables');

# Nothing is left to be judged of a table that is gone
is(scans('DROP TABLE app.plain'), scans('SELECT'),
	'to drop a table is not looked into');
is( scans('SAVEPOINT a; CREATE TABLE app.x (id int PRIMARY KEY); RELEASE a; DROP TABLE app.x'),
	scans('SELECT'), '... nor one that a savepoint has made');

# Temporary tables are not looked into either
is( scans('CREATE TEMP TABLE x (id int); CREATE INDEX ON x (id);'
		. ' ALTER TABLE x ADD COLUMN n int; GRANT SELECT ON x TO reader;'
		. ' CREATE TEMP TABLE y () INHERITS (x)'),
	scans('SELECT'), 'a temporary table is not looked into');

# The lock table has room for far fewer than 400 relations ...
my ($ret, $stdout, $stderr) = $node->psql('postgres', q{
	BEGIN;
	DO $$ BEGIN
		FOR i IN 1 .. 400 LOOP
			EXECUTE format('LOCK TABLE app.old%s IN SHARE MODE', i);
		END LOOP;
	END $$;
	COMMIT});
SKIP:
{
	# Newer servers let the lock table grow into memory that is left over
	skip 'this server has room for 400 locks', 1
	  if $node->pg_version >= 16 && $ret == 0;
	like($stderr, qr/out of shared memory/,
		'not all tables can be locked at once');
}

# ... yet a GRANT on them, which locks none, is judged
$node->safe_psql('postgres',
	'GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader');
is( $node->safe_psql('postgres',
		q{SELECT has_table_privilege('reader', 'app.old400', 'SELECT')}),
	't', 'the verdict on 400 tables locks none of them');

# ... and neither does the audit
$node->safe_psql('postgres', q{
	SET trovella_guard.mode = off; ALTER TABLE app.old7 DISABLE ROW LEVEL SECURITY});
is($node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard.check()'
		. " WHERE level = 'error' AND table_name = 'old7'"),
	1, 'the audit of 400 tables locks none of them');

# A migration that all but fills the lock table; what is left is enough for
# the catalogs, whose number does not depend on that of the tables
my $fits = $node->safe_psql('postgres', q{
	SET trovella_guard.mode = off;
	BEGIN;
	CREATE FUNCTION helper.fill() RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		n int := 0;
	BEGIN
		LOOP
			CALL helper.make('brim' || n + 1);
			n := n + 1;
		END LOOP;
	EXCEPTION WHEN out_of_memory THEN
		RETURN n;
	END $$;
	SELECT helper.fill();
	ROLLBACK});
note "$fits tables fit into the lock table";
cmp_ok($fits, '>', 10, 'tables fit into the lock table');
cmp_ok($fits, '<', 400, 'but not any number');
$fits -= 5;
$node->safe_psql('postgres', "CALL helper.make_many('full', $fits)");
is( $node->safe_psql('postgres', "SELECT to_regclass('app.full$fits') IS NOT NULL"),
	't', 'what PostgreSQL can hold, the guard can judge');

done_testing();
