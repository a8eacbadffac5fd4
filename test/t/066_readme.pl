#-------------------------------------------------------------------------
#
# 066_readme.pl
#		Runs what README.md and docs/operating.md print: the 60-second look
#		gives that output, and each command succeeds.  (050, 056 and 068 run the
#		sections on dumps, upgrade, uninstall and a library that is gone.)
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

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach 'look', 'mydb';
$node->safe_psql('postgres', 'CREATE ROLE web LOGIN; CREATE ROLE migrator LOGIN BYPASSRLS');

sub first_line
{
	return $_[0] =~ s/\n.*//sr;
}

sub run_sql
{
	my ($sql, $name) = @_;
	my ($status, $out, $err) = $node->psql('mydb', $sql, on_error_stop => 1);

	is($status, 0, "$name: " . first_line($sql)) or diag("$sql\n$err");
	return $out;
}

sub run_lines
{
	my ($text, $name) = @_;

	foreach my $line (split /\n/, $text)
	{
		my ($ok, $out, $err) = run_documented($node, $line);
		ok($ok, "$name: $line") or diag($err);
	}
}

# The 60-second look
my ($look) = map { $_->[1] } code_blocks('README.md', 'A 60-second look');
my $typed = join '', map { "$_\n" } $look =~ /^=> (.*)$/mg;
my $shown = join '', map { "$_\n" } grep { !/^=> / } split /\n/, $look;
my $seen = '';
IPC::Run::run([ 'psql', '-qX', '-f', '-', '-d', $node->connstr('look') ],
	'<', \$typed, '>&', \$seen);
is($seen =~ s/^psql:[^ ]*:\d+: //mgr, $shown, 'the 60-second look shows what psql shows');

# README.md, section by section.  The harness itself does what make does here
my @sections = slurp_file("$ENV{TESTDIR}/README.md") =~ /^## (.*)$/mg;
foreach my $section (grep { $_ ne 'A 60-second look' } @sections)
{
	foreach my $block (code_blocks('README.md', $section))
	{
		my ($language, $text) = @$block;

		if ($language eq 'sql')
		{
			my $out = run_sql($text, "README.md, $section");
			like($out, qr/^CREATE POLICY .*TO web .*app\.tenant/m, 'for the role and the setting named before')
			  if $text =~ /repair_sql/;
			next;
		}
		is($language, 'sh', "README.md, $section: sql or sh");
		foreach my $target ($text =~ /\bmake (\w+)/g)
		{
			like(slurp_file("$ENV{TESTDIR}/Makefile"), qr/\bmake $target\b/, "there is make $target");
		}
		run_lines(join("\n", grep { !/^make / } split /\n/, $text), "README.md, $section");
	}
	if ($section eq 'My column has another name')
	{
		my ($status, $out, $err) = $node->psql('mydb', 'CREATE TABLE other (id int, org_id text)');
		like($err, qr/commit refused: table "public\.other" breaks rls_disabled/,
			'the other name makes a tenant table');

		# what the next section finds
		$node->safe_psql('mydb',
			'ALTER DATABASE mydb RESET trovella_guard.tenant_columns; SET trovella_guard.mode = off;'
			  . 'CREATE TABLE report (id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);'
			  . 'CREATE INDEX "report_organizationId_idx" ON report (organization_id);'
			  . 'GRANT SELECT ON report TO web');
	}
}

# docs/operating.md: switching it off.  The sql blocks, and the lines of shell,
# are one way after the other, and their effects are seen in between
my $section = 'Switching it off at 3 am';
my @blocks = code_blocks('docs/operating.md', $section);
is(join(' ', map { $_->[0] } @blocks), 'sql sh sql sh sql', "$section: the ways");
my ($transaction, $session, $disable, $preload, $morning) = map { $_->[1] } @blocks;

$node->safe_psql('mydb', 'DELETE FROM trovella_guard.allowlist;'
	  . q{SELECT trovella_guard.protect('report')});
refuses($node, 'mydb', 'before 3 am');
run_sql($transaction, $section);
refuses($node, 'mydb', 'after that transaction');

my ($option, $warn, $reset) = split /\n/, $session;
run_lines($option, $section);
run_lines($warn, $section);
my ($status, $out, $err) = $node->psql('mydb', unsafe_table('at_night'));
like("$status$err", qr/^0.*WARNING:  commit would be refused: table "public\.at_night"/s,
	'mode warn lets it through, and says so');
run_lines($reset, $section);
refuses($node, 'mydb', 'after RESET');

# Without the library
my $probin = $node->safe_psql('mydb', q{SELECT DISTINCT probin FROM pg_proc
	WHERE pronamespace = 'trovella_guard_internal'::regnamespace AND proname IN ('open', 'collect')});
my $lose = q{UPDATE pg_proc SET probin = '%s'
	WHERE pronamespace = 'trovella_guard_internal'::regnamespace AND proname IN ('open', 'collect')};
$node->safe_psql('mydb', sprintf $lose, '$libdir/gone');
($status, $out, $err) = $node->psql('mydb', 'CREATE TABLE scratch ()');
like($err, qr/could not access file "(?:\$libdir\/)?gone"/, 'without the library every DDL statement fails');
run_sql($disable, $section);
($status, $out, $err) = $node->psql('mydb', 'CREATE TABLE scratch ()');
is("$status$err", '0', 'with the event triggers disabled it does not');

$node->safe_psql('mydb', q{ALTER DATABASE mydb SET session_preload_libraries = 'gone'});
($status, $out, $err) = $node->psql('mydb', 'SELECT 1');
isnt($status, 0, 'no session starts');
run_lines($preload, $section);
is($node->safe_psql('mydb', 'SELECT 1'), '1', 'but now it does');

$node->safe_psql('mydb', sprintf $lose, $probin);
$out = run_sql($morning, $section);
like($out, qr/at_night\|.*rls_disabled/, 'the audit shows what the night has left');
refuses($node, 'mydb', 'in the morning');
is($node->safe_psql('mydb', 'SELECT count(*) FROM trovella_guard.status() WHERE NOT ok'),
	'0', 'all is as it was');

# ... and the sections that no other test runs
run_sql($_->[1], 'docs/operating.md, Preloading') foreach code_blocks('docs/operating.md', 'Preloading');
my %tested = map { $_ => 1 } $section, 'Preloading', 'Dump and restore', 'Upgrade', 'Uninstall', 'The library is gone';
foreach my $other (slurp_file("$ENV{TESTDIR}/docs/operating.md") =~ /^## (.*)$/mg)
{
	is(scalar(code_blocks('docs/operating.md', $other)), 0, "docs/operating.md, $other: no commands")
	  unless $tested{$other};
}

$node->stop;
done_testing();
