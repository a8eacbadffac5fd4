#-------------------------------------------------------------------------
#
# Guarded.pm
#		What the TAP tests share: a guarded database with something in it,
#		a picture of the guard's state that two databases can be compared by,
#		and the commands of docs/operating.md, so that its words are what is tested.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Guarded;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(tenant_table unsafe_table make_guarded_db fill_db
  hide_files bring_back pg_directory guard_state refuses code_blocks operating_command only_commands run_documented);

# The SQL of a table that follows the checklist to the letter.
sub tenant_table
{
	my ($name) = @_;
	my $scope =
	  q{organization_id = (SELECT current_setting('app.current_organization_id', true))};

	return qq{
CREATE TABLE $name (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES public.organization ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON $name (organization_id);
CREATE POLICY sel ON $name FOR SELECT USING ($scope);
CREATE POLICY ins ON $name FOR INSERT WITH CHECK ($scope);
CREATE POLICY upd ON $name FOR UPDATE USING ($scope);
CREATE POLICY del ON $name FOR DELETE USING ($scope);
ALTER TABLE $name ENABLE ROW LEVEL SECURITY;
};
}

# One that forgets everything.
sub unsafe_table
{
	my ($name) = @_;
	return "CREATE TABLE $name (id text PRIMARY KEY, organization_id text)";
}

# Everything that a dump must carry over: tables of both kinds, rows, entries
# of each shape, and a finding that was there before the guard.
sub fill_db
{
	my ($node, $db) = @_;

	$node->safe_psql($db, unsafe_table('legacy'));
	$node->safe_psql($db, 'CREATE EXTENSION trovella_guard');
	$node->safe_psql(
		$db, q{
BEGIN;
SELECT trovella_guard.allow('public.organization', 'the tenants themselves');
SELECT trovella_guard.allow('public.ai_model', E'says "why"\nin two lines, with a \\ and a ''quote''');
SELECT trovella_guard.allow('drizzle.*', 'the migration tool''s own schema');
SELECT trovella_guard.allow('public.event', 'append-only', 'policy_missing', '2100-01-01');
SELECT trovella_guard.allow('public.not_there_yet', 'allowed before it exists');
CREATE TABLE organization (id text PRIMARY KEY);
CREATE TABLE ai_model (id text PRIMARY KEY);
COMMIT;
BEGIN; } . tenant_table('public.invoice') . q{
INSERT INTO organization SELECT 'org' || i FROM generate_series(1, 10) i;
INSERT INTO invoice (id, organization_id)
  SELECT 'invoice' || i, 'org' || (i % 10 + 1) FROM generate_series(1, 1000) i;
COMMIT;});
}

sub make_guarded_db
{
	my ($node, $db) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	fill_db($node, $db);
}

# Takes files of the extension out of the installation, which is the tests' own
# copy, until bring_back() or the end of the test.
my %hidden;

sub hide_files
{
	foreach my $file (@_)
	{
		$hidden{$file} = "$file.hidden";
		rename $file, $hidden{$file} or die "rename $file: $!";
	}
	return;
}

sub bring_back
{
	foreach my $file (keys %hidden)
	{
		rename delete $hidden{$file}, $file or die "rename $file: $!";
	}
	return;
}
END { my $status = $?; bring_back(); $? = $status; }

# A directory of the installation, as pg_config calls it.
sub pg_directory
{
	my ($which) = @_;

	chomp(my $directory = `$ENV{PG_CONFIG} --$which`);
	return $directory;
}

# A text that is the same for two databases that are guarded alike.
sub guard_state
{
	my ($node, $db) = @_;

	# Every table that the extension has dumped, whatever their number
	my @tables = split /\n/, $node->safe_psql(
		$db, q{SELECT c.oid::regclass
		  FROM pg_extension e, unnest(e.extconfig) AS c (oid)
		  JOIN pg_class r ON r.oid = c.oid
		  WHERE e.extname = 'trovella_guard' AND r.relkind = 'r'
		  ORDER BY r.relname});
	my $state = '';

	ok(scalar @tables, "$db: the extension has tables to dump");
	foreach my $table (@tables)
	{
		$state .= "-- $table\n"
		  . $node->safe_psql($db,
			"SELECT x FROM (SELECT t::text AS x FROM $table t) s ORDER BY x COLLATE \"C\"")
		  . "\n";
	}
	$state .= "-- version, triggers, findings, tables\n";
	$state .= $node->safe_psql(
		$db, q{
SELECT extversion FROM pg_extension WHERE extname = 'trovella_guard';
SELECT evtname, evtevent, evtenabled FROM pg_event_trigger ORDER BY evtname;
SELECT tgname, tgenabled FROM pg_trigger
  WHERE tgrelid = 'trovella_guard.allowlist'::regclass ORDER BY tgname;
SELECT schema_name, table_name, rule, level, object
  FROM trovella_guard.check() ORDER BY 1, 2, 3, 5;
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT polname, polrelid::regclass FROM pg_policy ORDER BY 2::text, 1;
SELECT count(*) FROM public.invoice;});
	return $state;
}

# Does the database refuse an unsafe table, in a session that is fresh?
sub refuses
{
	my ($node, $db, $name) = @_;
	my ($status, $out, $err) =
	  $node->psql($db, '\set VERBOSITY verbose' . "\n" . unsafe_table('u_n_s_a_f_e'));

	like($err, qr/TG001: +commit refused: table "public.u_n_s_a_f_e"/, $name);
	is($node->safe_psql($db, q{SELECT to_regclass('u_n_s_a_f_e') IS NULL}),
		't', "$name: and it is not there");
}

# The blocks of code in a document, or in one of its sections: a list of
# [language, text].
sub code_blocks
{
	my ($document, $section) = @_;
	my $text = slurp_file("$ENV{TESTDIR}/$document");
	my @blocks;

	($text) = $text =~ /^## \Q$section\E\n(.*?)(?=^## |\z)/ms if defined $section;
	push @blocks, [ $1, $2 ] while ($text // '') =~ /^```(\w*)\n(.*?)^```/msg;
	return @blocks;
}

sub operating_lines
{
	return map { split /\n/, $_->[1] } code_blocks('docs/operating.md', $_[0]);
}

# The line of a section of docs/operating.md that starts with a command.
sub operating_command
{
	my ($section, $start) = @_;
	my @lines = grep { index($_, $start) == 0 } operating_lines($section);

	is(scalar @lines, 1, "docs/operating.md, \"$section\", says once: $start ...");
	return $lines[0] // 'false';
}

# The section has no commands but those that start like these.
sub only_commands
{
	my ($section, @starts) = @_;

	is_deeply(
		[ grep { my $line = $_; !grep { index($line, $_) == 0 } @starts } operating_lines($section) ],
		[], "\"$section\" has no command that is not tested");
}

# Runs it as it stands, but for the names of the database and the dump.
# Returns what it printed, and whether it succeeded.
sub run_documented
{
	my ($node, $command, %names) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	foreach my $name (keys %names)
	{
		$command =~ s/\Q$name\E/$names{$name}/g;
	}
	note("running: $command");
	my $ok = IPC::Run::run([ 'sh', '-c', $command ],
		'<', \undef, '>', \$out, '2>', \$err);
	note($err) if $err ne '';
	return ($ok, $out, $err);
}

1;
