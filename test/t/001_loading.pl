#-------------------------------------------------------------------------
#
# 001_loading.pl
#		How the library comes into a session, and what is different then:
#		nothing but what docs/operating.md says.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

# road: session_preload_libraries, shared_preload_libraries, or the first DDL (refused)

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE guarded');
$node->safe_psql('postgres', 'CREATE DATABASE unguarded');
$node->safe_psql('guarded',
	'BEGIN; CREATE EXTENSION trovella_guard;'
	  . q{SELECT trovella_guard.allow('public.organization', 'the tenants themselves');}
	  . 'CREATE TABLE organization (id text PRIMARY KEY); COMMIT;'
	  . 'BEGIN; ' . tenant_table('public.item') . 'COMMIT');

# EXPLAIN ANALYZE CREATE TABLE AS fires no event trigger.
my $explain = 'EXPLAIN ANALYZE CREATE TABLE sneaky AS SELECT organization_id FROM item';

sub loaded
{
	return $node->safe_psql($_[0],
		q{SELECT count(*) FROM pg_settings WHERE name = 'trovella_guard.mode'});
}

sub preloading
{
	return $node->safe_psql('guarded',
		q{SELECT value || '|' || ok FROM trovella_guard.status() WHERE item = 'preloading'});
}

# The things that are the same however the library was loaded.
sub same_everywhere
{
	my ($how) = @_;
	my ($status, $out, $err);

	refuses($node, 'guarded', "$how: an unsafe table is refused");
	($status, $out, $err) = $node->psql('guarded',
		'ALTER TABLE item DISABLE ROW LEVEL SECURITY');
	like($err, qr/commit refused: table "public.item" breaks rls_disabled/,
		"$how: so is laying a table bare");
	($status, $out, $err) = $node->psql('guarded',
		'ALTER TABLE item ENABLE ROW LEVEL SECURITY; ANALYZE item');
	is($err, '', "$how: what is right is done in silence");

	# A database without the extension has nothing to do with it
	($status, $out, $err) = $node->psql('unguarded',
		'CREATE TABLE u (id text, organization_id text); DROP TABLE u');
	is($status, 0, "$how: a database without the extension is free");
	is($err, '', "$how: and hears nothing");
	($status, $out, $err) = $node->psql('unguarded',
		q{LOAD 'trovella_guard';
		  CREATE TABLE u (id text, organization_id text);
		  ALTER TABLE u ENABLE ROW LEVEL SECURITY; DROP TABLE u});
	is($status, 0, "$how: even with the library loaded");
	is($err, '', "$how: and hears nothing then either");
}

# 1. On demand
is(loaded('guarded'), '0', 'a fresh session has not loaded the library');
is(preloading(), 'none|false', 'status() says that nothing is preloaded');
same_everywhere('on demand');
$node->safe_psql('guarded', $explain);
is($node->safe_psql('guarded', q{SELECT rule FROM trovella_guard.check('sneaky')
	  WHERE level = 'error' ORDER BY 1}),
	"policy_missing\nrls_disabled\ntenant_index_missing",
	'the audit finds what nobody has seen');
$node->safe_psql('guarded', 'DROP TABLE sneaky');
my ($status, $out, $err) = $node->psql('guarded', "SET search_path = public; COMMENT ON TABLE item IS 'x'; $explain");
like($err, qr/commit refused/, 'a session that has done DDL before sees it');

# 2. For sessions of the database
$node->safe_psql('postgres',
	'ALTER DATABASE guarded SET session_preload_libraries = trovella_guard');
is(loaded('guarded'), '1', 'session_preload_libraries loads it at connection');
is(loaded('unguarded'), '0', 'in that database only');
is(preloading(), 'session_preload_libraries|true', 'status() says so');
same_everywhere('session_preload_libraries');
($status, $out, $err) = $node->psql('guarded', $explain);
like($err, qr/commit refused: table "public.sneaky"/,
	'EXPLAIN ANALYZE CREATE TABLE AS is seen');

# ... where a plain role cannot get rid of it
$node->safe_psql('guarded',
	'CREATE ROLE plain LOGIN; GRANT CREATE ON SCHEMA public TO plain');
($status, $out, $err) = $node->psql(
	'guarded',
	unsafe_table('mine'),
	extra_params => [ '-U', 'plain' ]);
like($err, qr/commit refused/, 'it guards against a plain role');
{
	local $ENV{PGOPTIONS} = '-c session_preload_libraries=';
	($status, $out, $err) = $node->psql('guarded', 'SELECT 1',
		extra_params => [ '-U', 'plain' ]);
	like($err, qr/permission denied to set parameter "session_preload_libraries"/,
		'which cannot connect without it');
}
$node->safe_psql('postgres',
	'ALTER DATABASE guarded RESET session_preload_libraries');

# 3. For the whole server
$node->append_conf('postgresql.conf',
	qq{shared_preload_libraries = '"auto_explain"'});
$node->restart;
# (what waits for a restart is not lost)
$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'passwordcheck'; SELECT pg_reload_conf()});
($status, $out, $err) = $node->psql('guarded', 'SELECT trovella_guard.preload()');
like($err, qr/NOTICE:  background workers do not read session_preload_libraries/,
	'preload() says what it does not cover');
my ($alter_system) = $err =~ /^(ALTER SYSTEM .*;)$/m;
is($alter_system, "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'passwordcheck', 'trovella_guard';",
	'and prints the statement that does');
$node->safe_psql('postgres', $alter_system);
$node->safe_psql('postgres', 'ALTER DATABASE guarded RESET session_preload_libraries');
$node->restart;
is($node->safe_psql('guarded', 'SHOW shared_preload_libraries'), 'auto_explain, passwordcheck, trovella_guard',
	'which keeps what is there');
($status, $out, $err) = $node->psql('guarded', 'BEGIN; SELECT trovella_guard.preload(); ROLLBACK');
is($err, '', 'and says nothing once the guard is there');
is(loaded('guarded'), '1', 'shared_preload_libraries loads it at start');
is(loaded('unguarded'), '1', 'in every database');
is(preloading(), 'shared_preload_libraries|true', 'status() says so');
same_everywhere('shared_preload_libraries');
($status, $out, $err) = $node->psql('guarded', $explain);
like($err, qr/commit refused: table "public.sneaky"/,
	'EXPLAIN ANALYZE CREATE TABLE AS is seen');

# Settings of the configuration file, right and wrong
$node->append_conf('postgresql.conf', 'trovella_guard.mode = warn');
$node->reload;
$node->poll_query_until('guarded', 'SHOW trovella_guard.mode', 'warn')
  or die 'the setting has not come';
($status, $out, $err) = $node->psql('guarded', unsafe_table('warned'));
is($status, 0, 'mode = warn in the configuration file counts');
like($err, qr/WARNING:  commit would be refused: table "public.warned"/,
	'and the session is told');
$node->safe_psql('guarded', 'DROP TABLE warned');
my $log = -s $node->logfile;
$node->append_conf('postgresql.conf', 'trovella_guard.mode = nonsense');
$node->append_conf('postgresql.conf', "trovella_guard.tenant_expression = 'nonsense('");
$node->append_conf('postgresql.conf', "trovella_guard.rules = 'nonsense=off'");
$node->reload;
$node->wait_for_log(qr/invalid value for parameter "trovella_guard.rules"/, $log);
like(slurp_file($node->logfile, $log), qr/DETAIL:  The value is not an SQL expression/,
	'also an expression, which the postmaster parses');
like(slurp_file($node->logfile, $log), qr/invalid value for parameter "trovella_guard.mode": "nonsense"/,
	'nonsense in the configuration file is in the log');
is($node->safe_psql('guarded', 'SHOW trovella_guard.mode'), 'warn',
	'and changes nothing');
$node->append_conf('postgresql.conf', 'trovella_guard.mode = enforce');
$node->append_conf('postgresql.conf', "trovella_guard.tenant_expression = 'nonsense()'");
$node->append_conf('postgresql.conf', "trovella_guard.rules = ''");
$node->reload;
$node->poll_query_until('guarded', 'SHOW trovella_guard.mode', 'enforce')
  or die 'the setting has not come';

# The library stays when the extension goes, and does nothing
($status, $out, $err) = $node->psql('guarded', 'DROP EXTENSION trovella_guard; '
	  . unsafe_table('free'));
is($status, 0, 'where the extension is dropped there is no guard');
$node->safe_psql('guarded', 'CREATE EXTENSION trovella_guard');
refuses($node, 'guarded', 'where it is created again there is one');
($status, $out, $err) = $node->psql('guarded', 'ALTER TABLE free ADD COLUMN a text');
like($err, qr/table "public.free" still breaks rls_disabled/,
	'which knows what was there before');

# In one transaction with the extension
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
($status, $out, $err) = $node->psql('fresh', 'BEGIN; CREATE EXTENSION trovella_guard; '
	  . unsafe_table('new') . '; COMMIT');
like($err, qr/commit refused: table "public.new"/,
	'what comes with CREATE EXTENSION in one transaction is guarded');
is($node->safe_psql('fresh', 'SELECT count(*) FROM pg_extension WHERE extname = $$trovella_guard$$'),
	'0', 'and goes with it');

# A schema that is somebody else's
$node->safe_psql('fresh', 'CREATE SCHEMA trovella_guard AUTHORIZATION plain');
($status, $out, $err) = $node->psql('fresh', 'CREATE EXTENSION trovella_guard');
like($err, qr/schema "trovella_guard" is not owned by a superuser/,
	'a schema that a plain role owns is no home');
$node->safe_psql('fresh', 'ALTER SCHEMA trovella_guard OWNER TO CURRENT_USER');
$node->safe_psql('fresh', 'CREATE EXTENSION trovella_guard');
($status, $out, $err) = $node->psql('fresh', 'CREATE EXTENSION trovella_guard SCHEMA public');
like($err, qr/already exists/, 'it is there once');
($status, $out, $err) = $node->psql('unguarded', 'CREATE EXTENSION trovella_guard SCHEMA public');
like($err, qr/must be installed in schema "trovella_guard"/, 'in its own schema');

done_testing();
