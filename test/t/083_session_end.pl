#-------------------------------------------------------------------------
#
# 083_session_end.pl
#		What a session leaves behind: its temporary objects go when it ends,
#		with whatever depends on them, and nobody is left to be refused.  So the
#		dependency is refused when it is made; where nobody enforced then, the
#		clean-up must not fail, or else the next session that gets the number of
#		the temporary schema could have no temporary table.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'EOC');
autovacuum = off
# since 19 a NOTICE says that a function depends on a temporary object
client_min_messages = warning
max_connections = 10
shared_preload_libraries = 'trovella_guard'
# the owners of the tables serve no tenants
trovella_guard.app_role = 'sessions'
EOC
$node->start;
$node->safe_psql('postgres', <<'EOS');
CREATE EXTENSION trovella_guard;
CREATE ROLE sessions;
CREATE ROLE own LOGIN;
GRANT CREATE, TEMPORARY ON DATABASE postgres TO own;
GRANT CREATE ON SCHEMA public TO own;
GRANT SET ON PARAMETER trovella_guard.mode TO own;
SET SESSION AUTHORIZATION own;
CREATE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true); END;
CREATE FUNCTION org() RETURNS text STABLE BEGIN ATOMIC SELECT inner_org(); END;
BEGIN;
CREATE TABLE docs (id text PRIMARY KEY, organization_id text NOT NULL,
  created_at timestamptz, updated_at timestamptz);
CREATE INDEX ON docs (organization_id);
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY open ON docs USING (true);
CREATE POLICY floor ON docs AS RESTRICTIVE USING (organization_id = (SELECT org()));
COMMIT;
EOS

# makes the inner function depend on the temporary table t
my $lean = <<'EOS';
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true)
    WHERE NOT EXISTS (SELECT FROM pg_temp.t); END;
EOS

sub policies
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(polname, ',' ORDER BY polname) FROM pg_policy WHERE polrelid = 'docs'::regclass");
}

sub temporary_objects
{
	return $node->safe_psql('postgres', <<'EOS');
SELECT count(*) FROM pg_depend d, pg_namespace n
  WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND n.nspname ~ '^pg_temp'
EOS
}

sub findings
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(rule, ',') FROM trovella_guard.check('docs') WHERE level = 'error'");
}

sub run_as_owner
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql,
		extra_params => [ '-U', 'own' ]);
	return $err;
}

# makes everything anew that has gone
sub repair
{
	run_as_owner(<<'EOS');
SET trovella_guard.mode = off;
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true); END;
CREATE OR REPLACE FUNCTION org() RETURNS text STABLE BEGIN ATOMIC SELECT inner_org(); END;
DROP POLICY IF EXISTS floor ON docs;
CREATE POLICY floor ON docs AS RESTRICTIVE USING (organization_id = (SELECT org()));
EOS
}

# road: the end of a session whose temporary table a policy stands on since nobody enforced (passes, until the audit)
my $session = $node->background_psql('postgres', extra_params => [ '-U', 'own' ]);
$session->query_safe("SET trovella_guard.mode = off");
$session->query_safe("CREATE TEMP TABLE t (x text)");
$session->query_safe($lean);
is(findings(), 'policy_unscoped',
	'the audit finds what stands on the temporary object of another session');
$session->query_safe("SET trovella_guard.mode = enforce");
my $begin = -s $node->logfile;
$session->quit;
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")
  or die;
is(policies(), 'open', 'the policy has gone with the session');
is(temporary_objects(), '0', 'and so have the temporary objects');
my $log = substr(slurp_file($node->logfile), $begin);
like($log,
	qr/LOG:  policy floor on table (public\.)?docs depends on a temporary object, and is dropped with it/,
	'the server log tells of it');
unlike($log, qr/FATAL|ERROR/, 'the clean-up did not fail');
repair();
is(findings(), '', 'repaired');

# road: DISCARD TEMP of such a session (warns)
my $err = run_as_owner(
	"SET trovella_guard.mode = off; CREATE TEMP TABLE t (x text); $lean SET trovella_guard.mode = enforce; DISCARD TEMP");
like($err, qr/WARNING:  table "public.docs" .*policy_unscoped/,
	'DISCARD TEMP is not refused for what it did not do');
is(policies(), 'open', 'though the policy goes');
repair();

# road: a temporary table of a session that gets the number of one that crashed (passes, until the audit)
my @sessions;
foreach my $n (1 .. 3)
{
	my $s = $node->background_psql('postgres', extra_params => [ '-U', 'own' ]);
	$s->query_safe("SET trovella_guard.mode = off");
	$s->query_safe("CREATE TEMP TABLE t (x text)");
	push @sessions, $s;
}
$sessions[1]->query_safe($lean);
$node->stop('immediate');
$_->{run}->kill_kill, $_->{run}->finish foreach @sessions;
$node->start;
isnt(temporary_objects(), '0', 'a crash leaves temporary objects behind');
@sessions = ();
foreach my $n (1 .. 6)
{
	my $s = $node->background_psql('postgres', on_error_stop => 0,
		extra_params => [ '-U', 'own' ]);
	$s->query("CREATE TEMP TABLE t (x text)");
	is($s->query("SELECT count(*) FROM pg_temp.t"), '0',
		"session $n has its temporary table");
	push @sessions, $s;
}
is(policies(), 'open', 'one of them has cleaned up');
$_->quit foreach @sessions;
repair();

# road: a function that stands on the temporary table of another session, named by its OID (refused)
$session = $node->background_psql('postgres', extra_params => [ '-U', 'own' ]);
$session->query_safe("CREATE TEMP TABLE t (x text)");
my $oid = $session->query_safe("SELECT 'pg_temp.t'::regclass::oid");
$err = run_as_owner(<<"EOS");
CREATE OR REPLACE FUNCTION inner_org() RETURNS text STABLE
  BEGIN ATOMIC SELECT current_setting('app.current_organization_id', true)
    WHERE '$oid'::regclass IS NOT NULL; END;
EOS
like($err, qr/ERROR:  commit refused: table "public.docs" breaks policy_unscoped/,
	"another session's temporary table counts");
$session->quit;
is(policies(), 'floor,open', 'so nothing goes with it');

# What the rules let pass, but would go after the verdict (watch_late_drop)
my $late = "BEGIN; CREATE TEMP TABLE t (x text) ON COMMIT DROP; $lean COMMIT;";
my $dropped = 'policy floor on table docs depends on a temporary object, and is dropped with it';
$node->safe_psql('postgres',
	"ALTER SYSTEM SET trovella_guard.rules = 'policy_unscoped=info'");
$node->reload;
like(run_as_owner($late), qr/ERROR:  $dropped/,
	'a policy that would be dropped after the verdict is an error');
is(policies(), 'floor,open', 'and stays');
like(run_as_owner("SET trovella_guard.mode = warn; $late"), qr/WARNING:  $dropped/,
	'a warning in mode warn');
is(policies(), 'open', 'where it goes');
repair();
$begin = -s $node->logfile;
is(run_as_owner("SET trovella_guard.mode = off; $late"), '', 'silence in mode off');
like(substr(slurp_file($node->logfile), $begin), qr/LOG:  $dropped/,
	'but for the log');
repair();
my $procedure = <<'EOS';
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
  COMMIT;
  DROP POLICY floor ON docs;
  CREATE POLICY floor ON docs AS RESTRICTIVE USING (organization_id = (SELECT org()));
  COMMIT;
END $$;
EOS
is(run_as_owner("$procedure CALL commits(); DROP PROCEDURE commits()"), '',
	'what a transaction drops after the commit of another is judged as ever');
$node->safe_psql('postgres', "ALTER SYSTEM RESET trovella_guard.rules");
$node->reload;

# road: ALTER TABLE ALTER COLUMN SET EXPRESSION that calls a temporary function (refused)
SKIP:
{
	skip 'no SET EXPRESSION before PostgreSQL 17', 1
	  if $node->pg_version < 17;
	$node->safe_psql('postgres', q{SELECT trovella_guard.allow('public.asked', 'what a policy asks')});
	$err = run_as_owner(<<'EOS');
CREATE TABLE asked (id text, made text GENERATED ALWAYS AS (lower(id)) STORED);
ALTER POLICY floor ON docs USING (organization_id = (SELECT org())
  AND EXISTS (SELECT FROM asked a WHERE a.made = 'x'));
CREATE FUNCTION pg_temp.same(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
ALTER TABLE asked ALTER made SET EXPRESSION AS (pg_temp.same(id));
EOS
	like($err, qr/ERROR:  commit refused: table "public.docs" breaks policy_unscoped/,
		'SET EXPRESSION');
}

$node->stop;
done_testing();
