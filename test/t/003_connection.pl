#-------------------------------------------------------------------------
#
# 003_connection.pl
#		What a client may say at connection, and what it gets to read.
#
# psql alone cannot show it: PGOPTIONS is read once, and the verbose form of
# an error has the line of the C source in it.
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
$node->init;
$node->start;
make_guarded_db($node, 'mydb');
$node->safe_psql('mydb', 'CREATE ROLE plain LOGIN; CREATE ROLE operator LOGIN;'
	  . 'GRANT CREATE ON SCHEMA public TO plain, operator;'
	  . 'GRANT SET ON PARAMETER trovella_guard.mode TO operator');

sub psql_as
{
	my ($role, $options, $sql) = @_;
	local $ENV{PGOPTIONS} = $options;
	return $node->psql('mydb', $sql,
		$role eq '' ? () : (extra_params => [ '-U', $role ]));
}

# 1. PGOPTIONS
my ($status, $out, $err);
foreach my $setting (
	'trovella_guard.mode=off',
	'trovella_guard.mode=warn',
	'trovella_guard.tenant_columns=nothing',
	'trovella_guard.rules=rls_disabled=off,policy_missing=off,tenant_index_missing=off')
{
	($status, $out, $err) = psql_as('plain', "-c $setting", unsafe_table('mine'));
	like($err, qr/commit refused: table "public.mine"/, "a plain role gets nothing from $setting");
	like($err, qr/permission denied to set parameter "trovella_guard/, 'and is told so');
}
($status, $out, $err) = psql_as('operator', '-c trovella_guard.mode=off', unsafe_table('mine'));
is($status, 0, 'a role that was granted SET may turn it off');
is($err, '', 'in silence');
$node->safe_psql('mydb', 'DROP TABLE mine');
($status, $out, $err) = psql_as('', '-c trovella_guard.mode=off', unsafe_table('mine'));
is($status, 0, 'so may a superuser');
is($err, '', 'in silence, too');
$node->safe_psql('mydb', 'DROP TABLE mine');
refuses($node, 'mydb', 'for that connection alone');

# What is set before the library is loaded ends when it is loaded: not even the
# owner of the database gets anything from it
$node->safe_psql('mydb', 'CREATE ROLE owner LOGIN; GRANT CREATE ON SCHEMA public TO owner;'
	  . 'ALTER DATABASE mydb OWNER TO owner');

sub owner_gets_nothing
{
	my ($way, $options, $before, $after, %default) = @_;
	my $values = join '; ', map { "SELECT current_setting('trovella_guard.$_')" } sort keys %default;

	local $ENV{PGOPTIONS} = $options;
	my ($status, $out, $err) = $node->psql('mydb',
		join(";\n", grep { $_ ne '' } $before, unsafe_table('mine'), $after, $values),
		extra_params => [ '-U', 'owner' ],
		on_error_stop => 0);
	like($err, qr/commit refused: table "public.mine"/, "$way: the owner of the database gets nothing");
	foreach my $name (sort keys %default)
	{
		like($err, qr/WARNING:  permission denied to set parameter "trovella_guard\.\Q$name\E"/,
			"and is told so of $name");
	}
	like($out, qr/(?:^|\n)\Q@{[join "\n", map { $default{$_} } sort keys %default]}\E$/,
		'the default holds again');
}

my %mode = (mode => 'enforce');
owner_gets_nothing('SET', '', 'SET trovella_guard.mode = off', '', %mode);
owner_gets_nothing(
	'several settings', '',
	"SET trovella_guard.rules = 'rls_disabled=off, policy_missing=off, tenant_index_missing=off';"
	  . "SET trovella_guard.tenant_columns = 'nothing'",
	'', rules => '', tenant_columns => 'organization_id');
owner_gets_nothing('SET LOCAL', '', 'BEGIN; SET LOCAL trovella_guard.mode = off', 'COMMIT', %mode);
owner_gets_nothing('set_config()', '', "SELECT set_config('trovella_guard.mode', 'off', false)", '', %mode);
owner_gets_nothing('options', '-c trovella_guard.mode=off', "SELECT current_setting('trovella_guard.mode')", '', %mode);
owner_gets_nothing(
	'several options', '-c trovella_guard.tenant_columns=nothing -c trovella_guard.rules=rls_disabled=off',
	'', '', rules => '', tenant_columns => 'organization_id');
foreach my $statement (
	'ALTER ROLE owner SET trovella_guard.mode = off',
	'ALTER DATABASE mydb SET trovella_guard.mode = off',
	"ALTER DATABASE mydb SET session_preload_libraries = ''",
	q{CREATE FUNCTION mine() RETURNS void LANGUAGE sql SET trovella_guard.mode = off AS 'SELECT'})
{
	($status, $out, $err) = psql_as('owner', '', $statement);
	like($err, qr/ERROR:  permission denied to set parameter/, "the owner of the database may not: $statement");
}
# What a superuser has set for a role holds for it
$node->safe_psql('mydb', 'ALTER ROLE owner SET trovella_guard.mode = warn');
($status, $out, $err) = $node->psql('mydb',
	unsafe_table('mine') . "; SET trovella_guard.mode = off; RESET trovella_guard.mode; SHOW trovella_guard.mode; DROP TABLE mine",
	extra_params => [ '-U', 'owner' ],
	on_error_stop => 0);
like($err, qr/WARNING:  commit would be refused: table "public.mine"/, 'what a superuser has set for a role holds');
is(scalar(() = $err =~ /ERROR:  permission denied to set parameter "trovella_guard.mode"/g), 2,
	'the role may neither set nor reset it');
is($out, 'warn', 'and keeps it');
$node->safe_psql('mydb', 'ALTER DATABASE mydb OWNER TO CURRENT_USER; DROP OWNED BY owner; DROP ROLE owner');

# 2. The structured fields: one finding, or several
($status, $out, $err) = $node->psql('mydb',
	"\\set VERBOSITY verbose\nDROP POLICY sel ON invoice");
like($err, qr/^psql:<stdin>:\d+: ERROR:  TG001: commit refused: table "public.invoice" breaks policy_missing$/m,
	'the SQLSTATE is TG001');
like($err, qr/^SCHEMA NAME:  public$/m, 'one finding: the schema');
like($err, qr/^TABLE NAME:  invoice$/m, 'one finding: the table');
like($err, qr/^CONSTRAINT NAME:  policy_missing$/m, 'one finding: the rule');
($status, $out, $err) = $node->psql('mydb',
	"\\set VERBOSITY verbose\nDROP POLICY sel ON invoice\\; ALTER TABLE invoice DISABLE ROW LEVEL SECURITY;");
like($err, qr/TG001/, 'several findings are one error');
like($err, qr/^TABLE NAME:  invoice$/m, 'several findings: the table that they are about');
unlike($err, qr/^CONSTRAINT NAME/m, 'and no one rule');
($status, $out, $err) = $node->psql('mydb',
	"\\set VERBOSITY verbose\nCREATE TABLE one (organization_id text)\\; CREATE TABLE two (organization_id text);");
unlike($err, qr/^(SCHEMA|TABLE|CONSTRAINT) NAME/m, 'several tables: no one table and rule');
($status, $out, $err) = $node->psql('mydb',
	"\\set VERBOSITY verbose\nSET trovella_guard.rules = 'table_unclassified=warning';\nCREATE TABLE loose (id int)");
like($err, qr/WARNING:  01TG1: table "public.loose" breaks table_unclassified/,
	'the SQLSTATE of a warning is 01TG1');
like($err, qr/^CONSTRAINT NAME:  table_unclassified$/m, 'with the same fields');
$node->safe_psql('mydb', 'DROP TABLE loose');

# 3. The client gets 20 findings, the server log all
my $log = -s $node->logfile;
my $many = join '; ', map { sprintf 'CREATE TABLE many_%02d (organization_id text NOT NULL)', $_ } 1 .. 12;
($status, $out, $err) = $node->psql('mydb', "BEGIN; $many; COMMIT");
is(scalar(() = $err =~ /^(?:.*DETAIL:  )?public\.many_\d+: \w+: /mg), 20,
	'the client is told of 20 findings');
like($err, qr/and 40 more findings \(see the server log\)/, 'and how many more there are');
like($err, qr/^SELECT repair_sql FROM trovella_guard\.pending\(\) WHERE refused;$/m,
	'and how to get all repairs');
$log = slurp_file($node->logfile, $log);
is(scalar(() = $log =~ /public\.many_\d+: \w+: /g), 36, 'the server log has them all');
is(scalar(() = $log =~ /public\.many_\d+: \w+ \(warning\): /g), 24, 'with the warnings');

# ... and a name that is no rule's gets those that are
my $rules = $node->safe_psql('mydb',
	q{SELECT string_agg(rule, ', ' ORDER BY position) FROM trovella_guard_internal.registry()});
like($rules, qr/^rls_disabled, not_protected_yet, app_role_bypasses_rls, /, 'the registry lists the rules');
foreach my $sql (
	q{SET trovella_guard.rules = 'nonsense=off'},
	q{SELECT trovella_guard.allow('public.x', 'a reason', 'nonsense')})
{
	($status, $out, $err) = $node->psql('mydb', "LOAD 'trovella_guard'; $sql");
	like($err, qr/[Tt]here is no rule "nonsense"/, "no such rule: $sql");
	like($err, qr/HINT:  .*: \Q$rules\E\.$/m, 'the hint lists them as well');
}

# 4. The extended protocol, where COMMIT is prepared like anything else
my $script = $node->basedir . '/extended.sql';
append_to_file($script,
	"BEGIN;\nALTER TABLE invoice DISABLE ROW LEVEL SECURITY;\nCOMMIT;\n");
$node->command_checks_all(
	[ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-f', $script, 'mydb' ],
	2, [],
	[qr/commit refused: table "public.invoice" breaks rls_disabled/],
	'the extended protocol makes no difference');
is($node->safe_psql('mydb', q{SELECT relrowsecurity FROM pg_class WHERE relname = 'invoice'}),
	't', 'and nothing has happened');

done_testing();
