#-------------------------------------------------------------------------
#
# 080_paths_surroundings.pl
#		Roads that a regression test cannot take, since they need a server of
#		their own: start-up options, workers, single-user mode, preloading,
#		cancelling a verdict.
#
# A line "# road: NAME (OUTCOME)" announces each; docs/paths.md lists them.
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
use Guarded;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 'logical');
# (the owners of the tables serve no tenants)
$node->append_conf('postgresql.conf',
	"max_prepared_transactions = 10\ntrovella_guard.app_role = 'sessions'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE guarded');
$node->safe_psql('postgres', 'CREATE ROLE sessions; CREATE ROLE owner LOGIN');
$node->safe_psql('guarded',
	'GRANT CREATE ON DATABASE guarded TO owner; GRANT ALL ON SCHEMA public TO owner;'
	  . 'BEGIN; CREATE EXTENSION trovella_guard;'
	  . q{SELECT trovella_guard.allow('public.organization', 'the tenants themselves');}
	  . q{SELECT trovella_guard.allow('public.inbox', 'shared by all tenants');}
	  . 'CREATE TABLE organization (id text PRIMARY KEY);'
	  . 'ALTER TABLE organization OWNER TO owner; COMMIT;'
	  . 'SET ROLE owner; BEGIN; ' . tenant_table('public.item') . 'COMMIT');

my $refusal = qr/commit refused/;

# Runs SQL as the owner and expects a refusal.
sub refused_as_owner
{
	my ($sql, $name) = @_;
	my ($status, $out, $err) =
	  $node->psql('guarded', $sql, extra_params => [ '-U', 'owner' ]);

	like($err, $refusal, $name);
}

sub protected
{
	return $node->safe_psql('guarded',
		q{SELECT relrowsecurity FROM pg_class WHERE relname = 'item'});
}

# road: PGOPTIONS (refused)
foreach my $option ('trovella_guard.mode=off',
	'trovella_guard.tenant_columns=nothing',
	'trovella_guard.rules=rls_disabled=off')
{
	local $ENV{PGOPTIONS} = "-c $option";
	refused_as_owner('ALTER TABLE item DISABLE ROW LEVEL SECURITY',
		"PGOPTIONS -c $option");
	refused_as_owner(unsafe_table('t'), "PGOPTIONS -c $option");
}

# road: session_replication_role, event_triggers, local_preload_libraries as start-up options (PostgreSQL refuses)
foreach my $option ('session_replication_role=replica',
	'session_preload_libraries=', 'event_triggers=off')
{
	local $ENV{PGOPTIONS} = "-c $option";
	my ($status, $out, $err) = $node->psql('guarded', unsafe_table('t'),
		extra_params => [ '-U', 'owner' ]);

	isnt($status, 0, "PGOPTIONS -c $option does not get through");
	like($err, qr/permission denied|unrecognized/, 'but ends the connection');
}
{
	local $ENV{PGOPTIONS} = '-c local_preload_libraries=trovella_guard';
	my ($status, $out, $err) = $node->psql('guarded', unsafe_table('t'),
		extra_params => [ '-U', 'owner' ]);

	isnt($status, 0, 'local_preload_libraries takes plugins only');
}

my ($status, $out, $err);

# road: EXPLAIN ANALYZE CREATE TABLE AS in a fresh session, nothing preloaded (passes, until the audit)
my $sneaky = 'EXPLAIN ANALYZE CREATE TABLE sneaky AS SELECT organization_id FROM item';
$node->safe_psql('guarded', $sneaky, extra_params => [ '-U', 'owner' ]);
is( $node->safe_psql(
		'guarded', q{SELECT count(*) > 0 FROM trovella_guard.check('sneaky') WHERE level = 'error'}),
	't',
	'what fires no event trigger is found by the audit');
$node->safe_psql('guarded', 'DROP TABLE sneaky');

# road: REASSIGN OWNED in a fresh session, nothing preloaded (passes, until the audit)
# An owner to whom a loose policy does not apply, and who is left a member of the
# new one; and a bare partition whose owner may see all of the parent.
$node->safe_psql(
	'guarded',
	'CREATE ROLE clerk LOGIN; CREATE ROLE guest; GRANT owner, guest TO clerk;'
	  . 'GRANT CREATE ON SCHEMA public TO clerk, guest; GRANT REFERENCES ON organization TO clerk;'
	  . 'SET ROLE clerk; BEGIN; ' . tenant_table('public.ledger')
	  . 'CREATE POLICY everything ON ledger TO clerk USING (true); COMMIT;'
	  . 'SET ROLE owner; BEGIN; ' . tenant_table('public.yearly') =~ s/ PRIMARY KEY//r
	  =~ s/\);\nCREATE INDEX/) PARTITION BY LIST (id);\nCREATE INDEX/r . 'COMMIT;'
	  . 'SET ROLE clerk; BEGIN; CREATE TABLE yearly_1 PARTITION OF yearly FOR VALUES IN (1);'
	  . 'ALTER TABLE yearly_1 OWNER TO clerk; COMMIT');
my $reassign = 'REASSIGN OWNED BY clerk TO guest';
my $open = q{SELECT string_agg(table_name || ' ' || rule, ', ' ORDER BY table_name, rule)
	FROM trovella_guard.check() WHERE level <> 'info' AND table_name IN ('ledger', 'yearly_1')};
is($node->safe_psql('guarded', $open), '', 'nobody sees too much');
$node->safe_psql('guarded', $reassign, extra_params => [ '-U', 'clerk' ]);
is( $node->safe_psql('guarded', $open),
	'ledger policy_unproven, yearly_1 policy_missing, yearly_1 rls_disabled',
	'what REASSIGN OWNED opens is found by the audit');
$node->safe_psql('guarded',
	'ALTER TABLE ledger OWNER TO clerk; ALTER TABLE yearly_1 OWNER TO clerk');
($status, $out, $err) = $node->psql('guarded',
	"CREATE TEMPORARY TABLE t (); $reassign",
	extra_params => [ '-U', 'clerk' ]);
like($err, $refusal, 'in a session that has the library it is refused');
like($node->safe_psql('guarded', q{SELECT detail FROM trovella_guard.status() WHERE item = 'preloading' AND NOT ok}),
	qr/REASSIGN OWNED/, 'and status() says so');

# road: REASSIGN OWNED and EXPLAIN ANALYZE CREATE TABLE AS in a fresh session, after preload() (refused)
$node->safe_psql('guarded',
	q{ALTER DATABASE guarded SET session_preload_libraries = 'auto_explain'});
is($node->safe_psql('guarded', 'SELECT trovella_guard.preload()'),
	'auto_explain, trovella_guard', 'preload() keeps what is there');
is($node->safe_psql('guarded', 'SELECT trovella_guard.preload()'),
	'auto_explain, trovella_guard', 'preload() adds itself once');
is($node->safe_psql('guarded', 'SHOW session_preload_libraries'),
	'auto_explain, trovella_guard', 'and so it is set');
refused_as_owner($sneaky, 'EXPLAIN ANALYZE CREATE TABLE AS after preload()');
($status, $out, $err) = $node->psql('guarded', $reassign,
	extra_params => [ '-U', 'clerk' ]);
like($err, $refusal, 'REASSIGN OWNED after preload()');
is($node->safe_psql('guarded', q{SELECT value, ok FROM trovella_guard.status() WHERE item = 'preloading'}),
	'session_preload_libraries|t', 'status() has nothing to say then');
$node->safe_psql('guarded', 'DROP TABLE ledger, yearly; DROP OWNED BY clerk, guest; DROP ROLE clerk, guest');
($status, $out, $err) =
  $node->psql('guarded', 'SELECT trovella_guard.preload()',
	extra_params => [ '-U', 'owner' ]);
like($err, qr/permission denied/, 'preload() is not for everybody');

# road: ALTER DATABASE RESET ALL by its owner, after preload() (refused)
$node->safe_psql('postgres', 'ALTER DATABASE guarded OWNER TO owner');
$node->psql(
	'guarded',
	'ALTER DATABASE guarded RESET ALL;'
	  . 'ALTER DATABASE guarded RESET session_preload_libraries;'
	  . q{ALTER DATABASE guarded SET session_preload_libraries = '';}
	  . q{ALTER ROLE owner SET session_preload_libraries = '';},
	on_error_stop => 0,
	extra_params => [ '-U', 'owner' ]);
refused_as_owner($sneaky, 'the owner of the database cannot undo preload()');

$node->safe_psql('guarded',
	q{ALTER ROLE owner SET session_preload_libraries = 'auto_explain'});
($status, $out, $err) =
  $node->psql('guarded', 'SELECT trovella_guard.preload()');
like($err, qr/WARNING:  role "owner" has its own session_preload_libraries/,
	'preload() warns of a role that goes its own way');
$node->safe_psql('guarded', 'ALTER ROLE owner RESET session_preload_libraries');
$node->safe_psql('guarded',
	'ALTER DATABASE guarded RESET session_preload_libraries');
$node->append_conf('postgresql.conf',
	q{session_preload_libraries = '"auto_explain", $libdir/passwordcheck'});
$node->reload;
is( $node->safe_psql('guarded', 'SELECT trovella_guard.preload()'),
	'auto_explain, $libdir/passwordcheck, trovella_guard',
	'preload() keeps what the configuration file says');
is( $node->safe_psql('guarded', 'SHOW session_preload_libraries'),
	'auto_explain, "$libdir/passwordcheck", trovella_guard', 'and so it is set');
$node->safe_psql('guarded',
	'ALTER DATABASE guarded RESET session_preload_libraries');
$node->safe_psql('guarded',
	q{ALTER ROLE ALL SET session_preload_libraries = 'auto_explain'});
is($node->safe_psql('guarded', 'SELECT trovella_guard.preload()'),
	'auto_explain, trovella_guard',
	'preload() keeps what is set for all roles, which outranks the files');
is($node->safe_psql('guarded', 'SHOW session_preload_libraries'),
	'auto_explain, trovella_guard', 'and so it is set');
$node->safe_psql('guarded',
	q{ALTER ROLE ALL SET session_preload_libraries = '$libdir/passwordcheck'});
is($node->safe_psql('guarded', 'SELECT trovella_guard.preload()'),
	'auto_explain, trovella_guard', 'what the database has outranks that');
$node->safe_psql('guarded', 'ALTER ROLE ALL RESET session_preload_libraries');
$node->safe_psql('guarded',
	'ALTER DATABASE guarded RESET session_preload_libraries');
$node->append_conf('postgresql.conf', q{session_preload_libraries = ''});
$node->reload;

# road: IMPORT FOREIGN SCHEMA (warns)
# road: IMPORT FOREIGN SCHEMA of a tenant table that default privileges let everybody read (refused)
SKIP:
{
	skip 'postgres_fdw is not installed', 3
	  if $node->safe_psql('guarded',
		q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0;
	my ($host, $port) = ($node->host, $node->port);
	$node->safe_psql('postgres', 'CREATE TABLE public.far (organization_id text)');
	$node->safe_psql(
		'guarded', qq{
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER far;});
	($status, $out, $err) = $node->psql('guarded',
		'IMPORT FOREIGN SCHEMA public LIMIT TO (far) FROM SERVER far INTO public');
	like($err, qr/WARNING:  foreign table "public.far" breaks relation_unprotectable/,
		'IMPORT FOREIGN SCHEMA');

	my $import = 'IMPORT FOREIGN SCHEMA public LIMIT TO (far) FROM SERVER far INTO public';
	($status, $out, $err) = $node->psql('guarded',
		"DROP FOREIGN TABLE far; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; $import",
		on_error_stop => 0);
	like($err, qr/commit refused: foreign table "public.far" breaks matview_exposes_tenants/,
		'IMPORT FOREIGN SCHEMA, with default privileges');
	$node->safe_psql('guarded', "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC; $import");
	($status, $out, $err) = $node->psql('guarded', 'GRANT SELECT ON far TO PUBLIC');
	like($err, qr/commit refused: foreign table "public.far" breaks matview_exposes_tenants/,
		'and GRANT on the imported table');
	$node->safe_psql('guarded', 'DROP EXTENSION postgres_fdw CASCADE');
}

# road: DDL in other event triggers (refused)
$node->safe_psql(
	'guarded', q{
CREATE FUNCTION spoil() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF tg_tag = 'COMMENT' THEN ALTER TABLE public.item DISABLE ROW LEVEL SECURITY; END IF;
END $$;
CREATE EVENT TRIGGER a_spoil ON ddl_command_end EXECUTE FUNCTION spoil();});
($status, $out, $err) =
  $node->psql('guarded', q{COMMENT ON TABLE organization IS 'x'});
like($err, $refusal, 'ddl_command_end');
$node->safe_psql('guarded',
	'DROP EVENT TRIGGER a_spoil; CREATE EVENT TRIGGER zz_spoil ON ddl_command_start EXECUTE FUNCTION spoil();');
($status, $out, $err) =
  $node->psql('guarded', q{COMMENT ON TABLE organization IS 'x'});
like($err, $refusal, 'ddl_command_start');
$node->safe_psql('guarded',
	'DROP EVENT TRIGGER zz_spoil; CREATE EVENT TRIGGER spoil ON sql_drop EXECUTE FUNCTION spoil();'
	  . q{CREATE OR REPLACE FUNCTION spoil() RETURNS event_trigger LANGUAGE plpgsql AS
	    'BEGIN ALTER TABLE public.item DISABLE ROW LEVEL SECURITY; END';}
	  . q{SELECT trovella_guard.allow('public.scratch', 'dropped soon');}
	  . 'CREATE TABLE scratch (id int);');
($status, $out, $err) = $node->psql('guarded', 'DROP TABLE scratch');
like($err, $refusal, 'sql_drop');
$node->safe_psql('guarded', 'DROP EVENT TRIGGER spoil; DROP FUNCTION spoil()');
is(protected(), 't', 'the table is protected still');

# road: PREPARE TRANSACTION (refused)
refused_as_owner(
	"BEGIN; ALTER TABLE item DISABLE ROW LEVEL SECURITY; PREPARE TRANSACTION 'p'",
	'PREPARE TRANSACTION');
# road: the allowlist entry removed between PREPARE TRANSACTION and COMMIT PREPARED (refused)
$node->safe_psql('guarded',
	q{BEGIN; CREATE TABLE inbox (organization_id text); PREPARE TRANSACTION 'p'});
($status, $out, $err) = $node->psql('guarded',
	q{SET lock_timeout = '100ms'; SELECT trovella_guard.disallow('public.inbox')});
like($err, qr/lock timeout/, 'the prepared transaction holds the entry');
$node->safe_psql('guarded', q{COMMIT PREPARED 'p'});
($status, $out, $err) =
  $node->psql('guarded', q{SELECT trovella_guard.disallow('public.inbox')});
like($err, $refusal, 'and after it is committed its table is judged');

# road: DDL by a trigger that the apply worker of logical replication fires (refused)
$node->safe_psql('postgres', 'CREATE DATABASE publisher');
$node->safe_psql('publisher',
	'CREATE TABLE inbox (organization_id text PRIMARY KEY); CREATE PUBLICATION p FOR TABLE inbox;'
	  . q{SELECT pg_create_logical_replication_slot('s', 'pgoutput')});
$node->safe_psql(
	'guarded', q{
ALTER TABLE inbox ADD PRIMARY KEY (organization_id);
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN ALTER TABLE public.item DISABLE ROW LEVEL SECURITY; RETURN new; END $$;
CREATE TRIGGER spoil BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION spoil();
ALTER TABLE inbox ENABLE ALWAYS TRIGGER spoil;});
my $connstr = $node->connstr . ' dbname=publisher';
my $log = -s $node->logfile;
$node->safe_psql('guarded',
	qq{CREATE SUBSCRIPTION s CONNECTION '$connstr' PUBLICATION p WITH (create_slot = false, slot_name = 's', copy_data = false)});
$node->safe_psql('publisher', q{INSERT INTO inbox VALUES ('x')});
$node->wait_for_log(qr/ERROR: +commit refused: table "public.item" breaks rls_disabled/,
	$log);
ok(1, 'the apply worker is refused');
is(protected(), 't', 'and the table is protected still');
$node->safe_psql('guarded', 'DROP TRIGGER spoil ON inbox');
$node->poll_query_until('guarded', 'SELECT count(*) = 1 FROM inbox')
  or die 'the subscription does not go on';
ok(1, 'without the trigger it goes on');
$node->safe_psql('guarded',
	'ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s; DROP FUNCTION spoil()');

# road: a cancel during a verdict (refused)
# The verdict relies on an entry that a prepared transaction deletes, and waits.
my $waiter = $node->background_psql('guarded', on_error_stop => 0);
my $delete = q{BEGIN; SELECT trovella_guard.disallow('public.late'); PREPARE TRANSACTION 'deletes'};
my $keep = q{ROLLBACK PREPARED 'deletes'};
$node->safe_psql('guarded', q{SELECT trovella_guard.allow('public.late', 'x')});
$node->safe_psql('guarded', $delete);
$waiter->query_until(qr/going/,
	"\\echo going\nCREATE TABLE late (organization_id text);\n");
$node->poll_query_until('guarded',
	q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE late%' AND wait_event_type = 'Lock'})
  or die 'the verdict does not wait';
$node->safe_psql('guarded',
	q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE late%' AND wait_event_type = 'Lock'});
$node->poll_query_until('guarded',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE late%' AND state <> 'idle'});
$node->safe_psql('guarded', $keep);
is($node->safe_psql('guarded', q{SELECT to_regclass('late') IS NULL}),
	't', 'a cancelled verdict refuses');
# The next transaction of the session works, and is judged.
like($waiter->query('SELECT 1 + 1'), qr/2/, 'the session lives');
$waiter->query('ALTER TABLE item DISABLE ROW LEVEL SECURITY');
is(protected(), 't', 'and is guarded');

# road: lock_timeout during a verdict (refused)
$node->safe_psql('guarded', $delete);
($status, $out, $err) = $node->psql('guarded',
	q{SET lock_timeout = '100ms'; CREATE TABLE late (organization_id text)});
like($err, qr/lock timeout/, 'lock_timeout ends a verdict');
# road: statement_timeout during a verdict (refused)
($status, $out, $err) = $node->psql('guarded',
	q{SET statement_timeout = '100ms'; DO $$ BEGIN CREATE TABLE late (organization_id text); COMMIT; END $$});
like($err, qr/statement timeout/, 'statement_timeout ends a verdict inside a DO block');
$node->safe_psql('guarded', $keep);
is($node->safe_psql('guarded', q{SELECT to_regclass('late') IS NULL}),
	't', 'and nothing is left');
# road: pg_terminate_backend during a verdict (refused)
$node->safe_psql('guarded', $delete);
$waiter->query_until(qr/going/,
	"\\echo going\nCREATE TABLE late (organization_id text);\n");
$node->poll_query_until('guarded',
	q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE late%' AND wait_event_type = 'Lock'})
  or die 'the verdict does not wait';
$node->safe_psql('guarded',
	q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE late%' AND wait_event_type = 'Lock'});
$node->safe_psql('guarded', $keep);
is($node->safe_psql('guarded', q{SELECT to_regclass('late') IS NULL}),
	't', 'a terminated session leaves nothing');

# road: shared_preload_libraries with the extension absent from the database (passes)
$node->append_conf('postgresql.conf',
	q{shared_preload_libraries = 'trovella_guard'});
$node->restart;
($status, $out, $err) =
  $node->psql('postgres', unsafe_table('free') . '; DROP TABLE free');
is($err, '', 'another database is not guarded');
# road: a trusted extension that is installed by a plain role (passes)
$node->safe_psql('postgres', 'CREATE DATABASE trusted OWNER owner');
$node->safe_psql('trusted', 'CREATE EXTENSION trovella_guard');
($status, $out, $err) = $node->psql('trusted', 'CREATE EXTENSION hstore',
	extra_params => [ '-U', 'owner' ]);
is($err, '', 'CREATE EXTENSION by a plain role');

# road: CREATE EXTENSION after DDL of the same transaction (passes, until the audit)
$node->safe_psql('postgres', 'CREATE DATABASE late_guard');
($status, $out, $err) = $node->psql('late_guard',
	'BEGIN; ' . unsafe_table('early') . '; CREATE EXTENSION trovella_guard; COMMIT');
like($err, $refusal, 'where the library is preloaded it is seen even so');
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
($status, $out, $err) = $node->psql('late_guard',
	'BEGIN; ' . unsafe_table('early') . '; CREATE EXTENSION trovella_guard; COMMIT');
is($err, '', 'else it is not');
is($node->safe_psql('late_guard',
		q{SELECT count(*) > 0 FROM trovella_guard.check('early') WHERE level = 'error'}),
	't', 'but the audit finds it');
# road: DROP EXTENSION and CREATE EXTENSION in one session (refused)
($status, $out, $err) = $node->psql('late_guard',
	'DROP EXTENSION trovella_guard; ' . unsafe_table('between') . '; DROP TABLE between;'
	  . 'CREATE EXTENSION trovella_guard; ' . unsafe_table('after'),
	on_error_stop => 0);
like($err, qr/commit refused: table "public.after"/, 'guarded again');
unlike($err, qr/between/, 'and not meanwhile');

# road: single-user mode (cannot be defended)
$node->stop;
$ENV{PGDATA} = $node->data_dir;
my $single = PostgreSQL::Test::Utils::run_command(
	[ 'sh', '-c', qq{echo "ALTER TABLE item DISABLE ROW LEVEL SECURITY" | postgres --single -D "$ENV{PGDATA}" guarded 2>&1} ]);
$node->start;
isnt(protected(), undef, 'single-user mode leaves a cluster that starts');
if (protected() eq 'f')
{
	is( $node->safe_psql('guarded',
			q{SELECT count(*) FROM trovella_guard.check('item') WHERE rule = 'rls_disabled'}),
		'1', 'what single-user mode did is found by the audit');
}
else
{
	ok(1, 'event triggers fire in single-user mode since PostgreSQL 17');
}

done_testing();
