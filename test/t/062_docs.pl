#-------------------------------------------------------------------------
#
# 062_docs.pl
#		Runs every command of docs/ci.md, docs/adoption.md and
#		docs/functions.md, as it is printed there.
#
# Each document gets a database named "app" with a few tables of the kinds
# that it talks about.  Blocks marked sql and sh are run one after the other,
# and must succeed; of the yaml blocks the lines that a CI system would run.
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

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init;
$node->start;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'app';
delete $ENV{PGUSER};

my $dir = $node->basedir;
$ENV{GITHUB_STEP_SUMMARY} = "$dir/summary.md";
chdir $dir or die "chdir $dir: $!";

my $has_pgtap = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'pgtap'");

sub slurp
{
	return slurp_file("$ENV{TESTDIR}/docs/$_[0]");
}

# A list of [language, text].
sub blocks
{
	my ($document) = @_;
	my @blocks;

	my $text = slurp($document);
	while ($text =~ /^```(\w+)\n(.*?)^```/msg)
	{
		push @blocks, [ $1, $2 ];
	}
	cmp_ok(scalar @blocks, '>', 0, "$document has commands");
	return @blocks;
}

sub run_shell
{
	my ($command, $name) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'sh', '-ec', $command ],
		'<', \undef, '>', \$out, '2>', \$err);

	ok($ok, $name) or diag("$command\n$out$err");
	return ($out, $err);
}

sub run_sql
{
	my ($sql, $name) = @_;
	my ($status, $out, $err) =
	  $node->psql('app', $sql, on_error_stop => 1);

	is($status, 0, $name) or diag("$sql\n$err");
	return $out;
}

sub first_line
{
	my ($text) = @_;
	my ($line) = $text =~ /^([^\n]*)/;
	return $line;
}

sub make_app
{
	my ($guard_first) = @_;

	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS app');
	$node->safe_psql('postgres', 'CREATE DATABASE app');
	$node->safe_psql('app', 'CREATE EXTENSION trovella_guard')
	  if $guard_first;
	$node->safe_psql('app',
		'SET trovella_guard.mode = off; '
		  . 'CREATE TABLE ai_model (id text PRIMARY KEY);'
		  . 'CREATE TABLE plan (id text PRIMARY KEY);'
		  . 'CREATE TABLE invoice (id text PRIMARY KEY, organization_id uuid NOT NULL,'
		  . '  plan text REFERENCES plan ON DELETE CASCADE,'
		  . '  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());');
}

$node->safe_psql('postgres', 'CREATE ROLE authenticated NOLOGIN');

# docs/adoption.md: an old database, from day 0 to the end
make_app(0);
foreach my $block (blocks('adoption.md'))
{
	my ($language, $text) = @$block;

	is($language, 'sql', 'adoption.md has SQL only') or next;
	my $out = run_sql($text, 'adoption.md: ' . first_line($text));
	like($out, qr/^CREATE INDEX CONCURRENTLY/m, 'for a table in use')
	  if $text =~ /concurrently =>/;
	if ($text =~ /AS debts/)
	{
		like($out, qr/^[1-9]/, 'what nobody has paid is still on the list');
	}
}
is( $node->safe_psql(
		'app', q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level = 'error'}),
	0,
	'adoption.md ends with a table that is protected');

# docs/functions.md
make_app(1);
foreach my $block (blocks('functions.md'))
{
	my ($language, $text) = @$block;

	is($language, 'sql', 'functions.md has SQL only') or next;
	run_sql($text, 'functions.md: ' . first_line($text));
}

# It describes every function and view that there is
my $functions = slurp('functions.md');
foreach my $name (split /\n/, $node->safe_psql('app', q{
	SELECT proname FROM pg_proc WHERE pronamespace = 'trovella_guard'::regnamespace
	UNION SELECT relname FROM pg_class
	  WHERE relnamespace = 'trovella_guard'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1}))
{
	like($functions, qr/\b\Q$name\E\b/, "functions.md knows $name");
}

# docs/ci.md: in a clean database everything succeeds
make_app(1);
$node->safe_psql('app', q{
SELECT trovella_guard.allow('ai_model', 'x');
SELECT trovella_guard.allow('plan', 'x');
SELECT trovella_guard.protect('invoice');});
my ($hook, @yaml);
foreach my $block (blocks('ci.md'))
{
	my ($language, $text) = @$block;

	if ($language eq 'sh')
	{
		run_shell($text, 'ci.md: ' . first_line($text));
	}
	elsif ($language eq 'bash')
	{
		$hook = $text;
	}
	elsif ($language eq 'yaml')
	{
		push @yaml, $text;
	}
	elsif ($language eq 'sql' && $text =~ /pending/)
	{
		like(run_sql($text, 'ci.md: the dry run'), qr/^example\|rls_disabled\|/m,
			'it says what is wrong');
	}
	elsif ($language eq 'sql')
	{
	  SKIP: {
			skip 'pgTAP is not installed', 1 if !$has_pgtap;
			my $out = run_sql($text, 'ci.md: the pgTAP test');
			like($out, qr/^ok 1/m, 'passes');
		}
	}
}
is(scalar @yaml, 3, 'ci.md: three snippets of YAML');
foreach my $snippet (@yaml)
{
	my @commands = $snippet =~ /^\s*(?:run:|-)?\s*(psql .*)$/mg;

	foreach my $command (@commands)
	{
		run_shell($command, "ci.md: $command");
	}
}
like(slurp_file("$dir/summary.md"), qr/^## Tenant isolation: clean/, 'the summary is clean');
foreach my $file (qw(isolation.md isolation.json isolation.sarif isolation.xml isolation.html))
{
	ok(-s "$dir/$file", "ci.md: $file was written");
}

# The pre-commit hook tries migrations in a copy
append_to_file("$dir/hook.sh", $hook);
chmod 0755, "$dir/hook.sh";
$node->safe_psql('app', q{ALTER DATABASE app SET trovella_guard.tenant_columns = 'organization_id, "Org Id"'});
my %migrations = (
	'1_good' => "CREATE TABLE good (id int PRIMARY KEY);\nSELECT trovella_guard.allow('good', 'x');",
	'2_own' => "BEGIN;\nCREATE TABLE own (id int REFERENCES good);\nSELECT trovella_guard.allow('own', 'x');\nCOMMIT;",
	'3_index' => 'CREATE INDEX CONCURRENTLY ON own (id);',
	'4_bad' => "BEGIN;\nCREATE TABLE example (\"Org Id\" uuid);\nCOMMIT;");
append_to_file("$dir/$_.sql", "$migrations{$_}\n") foreach keys %migrations;
run_shell('./hook.sh 3_index.sql 2_own.sql 1_good.sql', 'the hook lets good migrations pass, in any order');
my ($out, $err) = ('', '');
ok(!IPC::Run::run([ 'sh', '-c', './hook.sh 1_good.sql 2_own.sql 4_bad.sql' ],
		'<', \undef, '>', \$out, '2>', \$err),
	'and stops a bad one');
like($err, qr/4_bad\.sql:3: ERROR:  commit refused: table "public\.example" breaks rls_disabled/,
	'saying why');
is( $node->safe_psql('app',
		q{SELECT count(*) FROM pg_class WHERE relname IN ('good', 'own', 'example')}),
	0,
	'none of them has changed the database');
is( $node->safe_psql('app',
		q{SELECT count(*) FROM pg_database WHERE datname LIKE 'check_migration%'}),
	0,
	'and no copy is left');

# ... and what succeeds in a clean database fails in another
$node->safe_psql('app',
	'SET trovella_guard.mode = off; CREATE TABLE bad (organization_id uuid)');
my ($oneliner) = slurp('ci.md') =~ /^(psql .*assert_clean\(\)"?)$/m;
($out, $err) = ('', '');
IPC::Run::run([ 'sh', '-c', $oneliner ], '<', \undef, '>', \$out, '2>', \$err);
is($? >> 8, 1, 'the one-liner fails where something is wrong');
like($err, qr/audit failed: table "public\.bad" breaks/, 'and says what');

# The assertions to copy
SKIP: {
	skip 'pgTAP is not installed', 1 if !$has_pgtap;
	$node->safe_psql('app', 'DROP TABLE bad; CREATE EXTENSION pgtap');
	my $out = $node->safe_psql('app', slurp_file("$ENV{TESTDIR}/test/pgtap/isolation.sql"));
	unlike($out, qr/^not ok/m, 'test/pgtap/isolation.sql passes in a clean database');
}

$node->stop;
done_testing();
