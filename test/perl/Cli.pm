#-------------------------------------------------------------------------
#
# Cli.pm
#		What the tests of bin/trovella-guard share.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Cli;

use strict;
use warnings FATAL => 'all';

use Cwd qw(getcwd);
use Exporter 'import';
use File::Temp qw(tempdir);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(cli cli_start run_dir write_text left_behind url crippled_bindir
  wait_until make_shop $program);

our $program = "$ENV{TESTDIR}/bin/trovella-guard";

# All that runs create is below this directory, whose name is short as the path
# of a socket must be.
my $tmp = tempdir('tgXXXX', DIR => '/tmp', CLEANUP => 1);
my $work = tempdir(CLEANUP => 1);
$ENV{TMPDIR} = $tmp;
delete @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGOPTIONS)};
chdir $work or die;

# A directory without a configuration, which is the current one.
sub run_dir { return $work }

sub write_text
{
	my ($path, $text) = @_;

	open my $file, '>', $path or die "$path: $!";
	print {$file} $text;
	close $file or die "$path: $!";
	return $path;
}

# Runs the program; returns its exit status, output and messages.
sub cli
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $program, @arguments ], '<', \undef, '>', \$out, '2>', \$err);
	return ($? & 127 ? 128 + ($? & 127) : $? >> 8, $out, $err);
}

# Starts it, and does not wait.
sub cli_start
{
	my ($arguments, $log) = @_;

	my $pid = fork // die;
	return $pid if $pid != 0;
	open STDOUT, '>', $log;
	open STDERR, '>&', \*STDOUT;
	# nohup and background jobs ignore some, and so would the program
	$SIG{$_} = 'DEFAULT' foreach qw(INT TERM HUP);
	exec $program, @$arguments or POSIX::_exit(127);
}

# The directories and the processes of runs.
sub left_behind
{
	my @left = glob "$tmp/trovella-guard.*";

	foreach my $file (glob '/proc/[0-9]*/cmdline')
	{
		open my $cmdline, '<', $file or next;
		local $/ = undef;
		my $text = <$cmdline> // '';
		push @left, $text =~ tr/\0/ /r if $text =~ m{\Q$tmp\E/trovella-guard\.};
	}
	return @left;
}

sub wait_until
{
	my ($condition) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $condition->();
		select undef, undef, undef, 0.1;
	}
	return 0;
}

# A connection string of a cluster; its socket is no host of a URL.
sub url
{
	my ($node, $database, $role, $password) = @_;
	my $host = $node->host =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger;

	return sprintf 'postgres://%s%s@/%s?host=%s&port=%d', $role, defined $password ? ":$password" : '',
	  $database, $host, $node->port;
}

# The programs of an installation that lacks some extensions.
sub crippled_bindir
{
	my (@extensions) = @_;
	my ($bindir) = run_command([ $ENV{PG_CONFIG}, '--bindir' ]);
	my ($sharedir) = run_command([ $ENV{PG_CONFIG}, '--sharedir' ]);
	my ($pkglibdir) = run_command([ $ENV{PG_CONFIG}, '--pkglibdir' ]);
	my $root = $bindir =~ s{/usr/lib/.*}{}r;
	my $copy = tempdir(CLEANUP => 1);

	die "$bindir is no copy" if $root eq '';
	foreach my $path ($bindir, $sharedir, $pkglibdir)
	{
		my $to = $copy . substr $path, length $root;
		system('mkdir', '-p', $to) == 0 && system('cp', '-a', "$path/.", $to) == 0 or die;
	}
	unlink map { $copy . substr("$sharedir/extension/$_.control", length $root) } @extensions;
	return $copy . substr $bindir, length $root;
}

# A database "shop": tables as the checklist wants them, but with another column and
# another role, the 7th or the last one open to all, and a few other faults.
sub make_shop
{
	my ($node, $tables) = @_;
	my $open = $tables > 7 ? 7 : $tables;

	$node->safe_psql('postgres', 'CREATE DATABASE shop');
	$node->safe_psql('shop', qq{
CREATE ROLE reader LOGIN PASSWORD 'let me in';
CREATE ROLE web LOGIN;
CREATE ROLE migrator NOLOGIN;
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION pgcrypto SCHEMA ext;
CREATE EXTENSION postgres_fdw;
SET search_path = public, ext;
SET client_min_messages = error;
CREATE TABLE org (slug citext PRIMARY KEY);
DO \$\$
BEGIN
  FOR i IN 1 .. $tables LOOP
    EXECUTE format('CREATE TABLE item_%s (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),'
      'org_id citext NOT NULL REFERENCES org ON DELETE CASCADE, tags hstore, path ltree,'
      'token text DEFAULT encode(ext.gen_random_bytes(8), ''hex''),'
      'created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())', i);
    EXECUTE format('CREATE INDEX ON item_%s (org_id)', i);
    EXECUTE format('ALTER TABLE item_%s ENABLE ROW LEVEL SECURITY', i);
    EXECUTE format('CREATE POLICY p ON item_%s TO web USING (org_id = (SELECT current_setting(''app.current_organization_id'', true)::citext))', i);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON item_%s TO web', i);
    EXECUTE format('ALTER TABLE item_%s OWNER TO migrator', i);
  END LOOP;
END \$\$;
CREATE INDEX ON item_1 USING gin (token gin_trgm_ops);
CREATE INDEX ON item_2 USING gist (path);
DROP POLICY p ON item_$open;
CREATE POLICY open ON item_$open USING (true);
CREATE VIEW tagged AS SELECT id, tags -> 'a' AS a, org_id FROM item_1 WHERE org_id = 'x'::citext;
GRANT SELECT ON tagged TO web;
CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'other');
CREATE USER MAPPING FOR web SERVER other OPTIONS (user 'u', password 'pw of mapping');
CREATE FOREIGN TABLE far (id int, org_id text) SERVER other;
CREATE PUBLICATION changes FOR TABLE item_1;
GRANT migrator TO web;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
ALTER DATABASE shop SET work_mem = '5MB';
ALTER ROLE web IN DATABASE shop SET app.current_organization_id = 'x';
CREATE TABLE hidden (id int PRIMARY KEY, org_id citext);
CREATE TABLE child (id int PRIMARY KEY REFERENCES hidden, org_id citext NOT NULL);
GRANT SELECT ON child TO reader;
INSERT INTO org VALUES ('secret of a customer');
});
	return;
}

1;
