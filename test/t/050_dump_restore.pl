#-------------------------------------------------------------------------
#
# 050_dump_restore.pl
#		A database goes from one guarded cluster to another by each road that
#		docs/operating.md names, and arrives whole: tables, entries, guard.
#
# A dump puts row-level security, policies and indexes long after CREATE
# TABLE, so a restore that commits in between must be refused; docs/operating.md
# tells how to restore, and its lines are what is run here.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

# road: pg_dump and pg_restore by every way of docs/operating.md (passes)
# road: a restore that commits in between (refused)

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $section = 'Dump and restore';
my $old = PostgreSQL::Test::Cluster->new('old');
$old->init;
$old->start;
make_guarded_db($old, 'mydb');
my $state = guard_state($old, 'mydb');
like($state, qr/legacy\|rls_disabled/, 'the old database has an old sin');
like($state, qr/not_there_yet/, 'and an allowlist');

my $dir = $old->basedir;
$old->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", 'mydb' ], 'pg_dump');
$old->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump.custom", 'mydb' ],
	'pg_dump -Fc');
$old->command_ok([ 'pg_dumpall', '-f', "$dir/dumpall.sql" ], 'pg_dumpall');

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->start;

# Roads into a database that is guarded by the dump's own CREATE EXTENSION,
# which comes before the tables.  The old sin makes the whole restore fail:
# the guard does not know that it is old.
sub restore
{
	my ($db, $start) = @_;
	return run_documented($new, operating_command($section, $start),
		'mydb' => $db,
		'dump.custom' => "$dir/dump.custom",
		'dump.sql' => "$dir/dump.sql");
}

my ($ok, $out, $err);
foreach my $road (
	[ 'single_custom', 'pg_restore --single-transaction' ],
	[ 'single_plain', 'psql --single-transaction' ])
{
	my ($db, $start) = @$road;

	$new->safe_psql('postgres', "CREATE DATABASE $db");
	($ok, $out, $err) = restore($db, $start);
	like(
		$err,
		qr/commit refused: table "public.legacy" breaks/,
		"$start: an old sin is a new one in a new database");
	ok(!$ok, "$start: and its exit status says so");
	is( $new->safe_psql(
			$db, q{SELECT count(*) FROM pg_extension WHERE extname = 'trovella_guard'}),
		'0',
		"$start: nothing is left");
}

# Parallel, with the guard off for these connections, and an audit afterwards
$new->safe_psql('postgres', 'CREATE DATABASE parallel');
($ok, $out, $err) = restore('parallel', q{PGOPTIONS='-c trovella_guard.mode=off' pg_restore -j 4});
ok($ok, 'pg_restore -j 4 with the guard off');
is(guard_state($new, 'parallel'), $state, 'pg_restore -j 4: all of it arrived');
refuses($new, 'parallel', 'pg_restore -j 4: the new database is guarded');
($ok, $out, $err) = restore('parallel', 'psql -d mydb -c "SELECT * FROM trovella_guard.check()');
ok($ok, 'the audit of docs/operating.md');
like($out, qr/legacy .*rls_disabled/, 'it tells the old sin');
unlike($out, qr/invoice/, 'and nothing else');

# pg_dumpall is a script for psql: it restores every database, and connects to
# each of them anew
my $all = PostgreSQL::Test::Cluster->new('all');
$all->init;
$all->start;
$old->safe_psql('mydb',
	q{ALTER DATABASE mydb SET session_preload_libraries = 'trovella_guard'});
$old->command_ok([ 'pg_dumpall', '-f', "$dir/dumpall.sql" ], 'pg_dumpall');
($ok, $out, $err) = run_documented(
	$all,
	operating_command($section, q{PGOPTIONS='-c trovella_guard.mode=off' psql}),
	'dumpall.sql' => "$dir/dumpall.sql");
ok($ok, 'pg_dumpall restores with the guard off');
is(guard_state($all, 'mydb'), $state, 'pg_dumpall: all of it arrived');
refuses($all, 'mydb', 'pg_dumpall: the new database is guarded');
is($all->safe_psql('mydb', 'SHOW session_preload_libraries'),
	'trovella_guard', 'pg_dumpall: it preloads the library as the old one did');

# What the hint of the refusal says: settle it in the old database
$old->safe_psql('mydb',
	q{SELECT trovella_guard.allow('public.legacy', 'goes next month', '*', '2100-01-01')});
$state = guard_state($old, 'mydb');
unlike($state, qr/legacy\|rls_disabled/, 'the old sin is allowlisted');
$old->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", 'mydb' ], 'pg_dump');
$old->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump.custom", 'mydb' ],
	'pg_dump -Fc');

foreach my $road (
	[ 'single_custom', 'pg_restore --single-transaction' ],
	[ 'single_plain', 'psql --single-transaction' ])
{
	my ($db, $start) = @$road;

	($ok, $out, $err) = restore($db, $start);
	ok($ok, "$start: restores");
	unlike($err, qr/WARNING|ERROR/, "$start: in silence");
	is(guard_state($new, $db), $state, "$start: all of it arrived");
	refuses($new, $db, "$start: the new database is guarded");
}

only_commands($section,
	'pg_restore --single-transaction',
	'psql --single-transaction',
	q{PGOPTIONS='-c trovella_guard.mode=off' pg_restore -j 4},
	'psql -d mydb -c "SELECT * FROM trovella_guard.check()',
	q{PGOPTIONS='-c trovella_guard.mode=off' psql});

# road: pg_dump --clean, statement by statement (refused)
$new->safe_psql('postgres', 'CREATE DATABASE clean TEMPLATE single_plain');
$old->command_ok([ 'pg_dump', '--clean', '-t', 'invoice', '-f', "$dir/clean.sql", 'mydb' ],
	'pg_dump --clean of a table');
sub restore_clean
{
	my ($start) = @_;
	return run_documented($new, operating_command($section, $start),
		'mydb' => 'clean', 'dump.sql' => "$dir/clean.sql", 'dumpall.sql' => "$dir/clean.sql",
		'-d postgres' => '-d clean');
}
my $whole = $new->safe_psql('clean', 'SELECT count(*) FROM invoice');
($ok, $out, $err) = restore_clean('psql --single-transaction');
ok($ok, '--clean in one transaction') or diag($err);
is($new->safe_psql('clean', 'SELECT count(*) FROM invoice'), $whole, 'restores the rows');
is(guard_state($new, 'clean'), $state, 'and the protection');
($ok, $out, $err) = run_documented($new, 'psql -d clean -f clean.sql', 'clean.sql' => "$dir/clean.sql");
like($err, qr/ERROR:  commit refused: table "public\.invoice" breaks policy_missing; this looks like a restore, which must be one transaction\n.*HINT:  .*Stop, and restore it in one transaction/s,
	'--clean statement by statement: the error says what it is');
is($new->safe_psql('clean', q{SELECT to_regclass('invoice') IS NULL}), 't', 'the table is gone');
($ok, $out, $err) = restore_clean(q{PGOPTIONS='-c trovella_guard.mode=off' psql});
is($new->safe_psql('clean', 'SELECT count(*) FROM invoice'), $whole, 'with the guard off it comes back');
is(guard_state($new, 'clean'), $state, 'with its protection');

# Statement by statement, without either of the two
$new->safe_psql('postgres', 'CREATE DATABASE bare');
$new->command_fails_like(
	[ 'pg_restore', '--exit-on-error', '-d', 'bare', "$dir/dump.custom" ],
	qr/commit refused: table "public.ai_model" breaks table_unclassified/,
	'a restore that commits in between is refused');

# Entries of every kind, and debts, which follow under their new names in the
# new database as well
$old->safe_psql('postgres', 'CREATE DATABASE owing');
$old->safe_psql('owing', q{
CREATE TABLE item (id text PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY loose ON item USING (organization_id = current_setting('app.org', true) OR id = 'public');
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.adopt('day 0');
SELECT trovella_guard.allow('item', 'in two lines,' || chr(10) || 'with a name', 'policy_unproven', object => 'loose');
SELECT trovella_guard.allow_role('pg_monitor', 'sees all tenants');
SELECT trovella_guard.allow_bypass('app.bypass_rls', 'set by the back office');
CREATE SCHEMA archive;
SELECT trovella_guard.allow('archive.*', 'detached partitions', sealed => true);
CREATE TABLE archive.item_2025 (id text PRIMARY KEY, organization_id text NOT NULL);
ALTER TABLE item RENAME TO thing;
ALTER POLICY loose ON thing RENAME TO looser});
foreach my $node ($old, $new)
{
	$node->safe_psql('postgres', 'CREATE ROLE tenant_app; CREATE ROLE definer');
}

# What an attestation is bound to, in as many ways as there are to write it
$old->safe_psql('owing', q{
SET trovella_guard.mode = off;
SELECT trovella_guard.set('app_role', 'tenant_app');
CREATE SCHEMA deep;
GRANT USAGE ON SCHEMA deep TO tenant_app;
CREATE TYPE deep.state AS ENUM ('open', 'closed');
CREATE TABLE deep.member (user_name text, dropped int, org text, state deep.state);
ALTER TABLE deep.member DROP dropped;
ALTER TABLE deep.member ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON deep.member TO tenant_app, definer
  USING (user_name = (SELECT current_setting('app.user', true)) AND state <> 'closed' AND user_name NOT IN ('a', 'b'));
CREATE VIEW deep.orgs WITH (security_invoker) AS SELECT m.org, count(*) AS n FROM deep.member m
  WHERE m.state IS NOT NULL AND now() > '2020-01-01 00:00:00+02' GROUP BY m.org;
GRANT SELECT ON deep.member, deep.orgs TO tenant_app;
CREATE FUNCTION deep.sees(org text, strict boolean DEFAULT true) RETURNS boolean STABLE
  BEGIN ATOMIC SELECT sees.org IN (SELECT o.org FROM deep.orgs o WHERE o.n > 0) OR NOT sees.strict; END;
CREATE FUNCTION deep.asks(org text) RETURNS boolean STABLE LANGUAGE plpgsql SET search_path = deep, pg_temp SET work_mem = '5MB' AS $$
BEGIN
	-- 'quotes', "names" and \ backslashes
	RETURN sees(org);
END $$;
ALTER FUNCTION deep.asks(text) OWNER TO definer;
CREATE TABLE deep.task (id int, dropped int, organization_id text NOT NULL);
ALTER TABLE deep.task DROP dropped;
ALTER TABLE deep.task ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON deep.task USING (deep.asks(organization_id));
CREATE INDEX ON deep.task (organization_id);
GRANT SELECT, UPDATE (organization_id) ON deep.task TO tenant_app});
$old->safe_psql('owing', q{
BEGIN;
SELECT trovella_guard.probe('deep.task');
SELECT trovella_guard.attest('deep.task', 'p', 'tried with members of two tenants');
COMMIT});
my $entries = q{SELECT kind, schema_name, table_name, rule, object, reason, added_at, adopted, sealed, fingerprint
  FROM trovella_guard.allowlist ORDER BY kind, table_name, rule, object};
my $debts = $old->safe_psql('owing', $entries);
like($debts, qr/relation\|public\|thing\|policy_unscoped\|looser\|day 0/,
	'a debt has followed');
like($debts, qr/^role\|\|\|\|pg_monitor\|/m, 'an excused role');
like($debts, qr/^bypass\|\|\|\|app\.bypass_rls\|/m, 'a declared bypass');
like($debts, qr/^relation\|archive\|\*\|\*\|\*\|detached partitions\|.*\|t\|$/m,
	'a sealed entry');
like($debts, qr/^relation\|deep\|task\|policy_unproven\|p\|.*\|[0-9a-f]{64}$/m,
	'an attestation');
$old->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/owing.custom", 'owing' ],
	'pg_dump -Fc of debts');
$new->safe_psql('postgres', 'CREATE DATABASE owing');
{
	local $ENV{PGOPTIONS} = '-c trovella_guard.mode=off';
	$new->command_ok([ 'pg_restore', '-j', '4', '-d', 'owing', "$dir/owing.custom" ],
		'pg_restore -j 4 of debts');
}
is($new->safe_psql('owing', $entries), $debts, 'all entries arrived');
like(
	($new->psql('owing', 'GRANT SELECT ON archive.item_2025 TO PUBLIC'))[2],
	qr/commit refused: table "archive.item_2025" breaks rls_disabled/,
	'and the seal holds');
is($new->safe_psql('owing', q{SELECT count(*) FROM trovella_guard.check('thing') WHERE level = 'error'}),
	'0', 'and the debts count');
$new->safe_psql('owing', 'ALTER TABLE thing RENAME TO piece; ALTER POLICY looser ON piece RENAME TO loose');
is($new->safe_psql('owing', q{SELECT count(*) FROM trovella_guard.check('piece') WHERE level = 'error'}),
	'0', 'also under another name');

is($new->safe_psql('owing', q{SELECT waived_by FROM trovella_guard.findings('deep.task') WHERE rule = 'policy_unproven'}),
	'tried with members of two tenants', 'and the attestation holds');
my $voided = ($new->psql('owing', q{SET trovella_guard.profile = 'isolation';
ALTER POLICY own ON deep.member USING (user_name <> '')}))[2];
like($voided, qr/WARNING:  table "deep.task" breaks policy_unproven\n.*; the attestation of \d{4}-\d\d-\d\d is void, because the policies or what they rest on have changed/,
	'until something changes');
like($voided, qr/^If the policy is to stay as it is now, try it again in one transaction, and attest it again if it is isolated:$/m,
	'which says what to do');

# A database owner who is no superuser cannot take that road
$new->safe_psql('postgres',
	'CREATE ROLE dba LOGIN CREATEDB; CREATE DATABASE hers OWNER dba');
$new->safe_psql('hers', 'CREATE EXTENSION trovella_guard');
{
	local $ENV{PGOPTIONS} = '-c trovella_guard.mode=off';
	my ($status, $stdout, $stderr) = $new->psql('hers',
		'CREATE SCHEMA s; ' . unsafe_table('s.t'),
		extra_params => [ '-U', 'dba' ]);
	like(
		$stderr,
		qr/commit refused|permission denied to set parameter/,
		'PGOPTIONS of one who is no superuser does not switch it off');
	is($new->safe_psql('hers', q{SELECT to_regclass('s.t') IS NULL}),
		't', 'and the table is not there');
}

done_testing();
