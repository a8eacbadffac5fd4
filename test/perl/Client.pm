#-------------------------------------------------------------------------
#
# Client.pm
#		What the tests of migration tools and ORMs share: guarded databases,
#		programs with a time limit, the snippets of the documentation, and a
#		pooler whose clients share one server connection.
#
# PGHOST, PGUSER and, if need be, PGPORT name a superuser of a temporary server
# that has the extension installed.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Client;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use POSIX ();
use Test::More;

use Pooler;

our @EXPORT = qw(run sql slurp spew snippet new_database use_database work_in npm_install
  npm_project app_pooler takes_turns refused $database);

our $top = "$FindBin::RealBin/../..";
our $database;
our $patience = 60;    # seconds

die "PGHOST and PGUSER must name a temporary server\n"
  if grep { !defined $ENV{$_} } qw(PGHOST PGUSER);
$ENV{PGPORT} //= 5432;
$ENV{NO_COLOR} = 1;
open STDIN, '<', '/dev/null' or die "/dev/null: $!";

my (@databases, @roles, $pooler);

# Runs a program; returns what it printed on either stream, and leaves its
# status in $?.
sub run
{
	my @command = @_;

	my $pid = open my $output, '-|';
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open STDERR, '>&', \*STDOUT;
		# Not die: the end of this program is not the child's to run
		exec 'timeout', $patience, @command or POSIX::_exit(127);
	}
	my $text = do { local $/; <$output> };
	close $output;
	return $text;
}

sub sql
{
	my ($statement, $in) = @_;
	my $text = run(qw(psql -XqAt -v ON_ERROR_STOP=1 -d), $in // $database,
		'-c', $statement);
	chomp $text;
	return $text;
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!";
	local $/;
	return scalar <$in>;
}

sub spew
{
	my ($file, $text) = @_;
	make_path(dirname($file));
	open my $out, '>', $file or die "$file: $!";
	print $out $text;
	close $out or die "$file: $!";
	return;
}

# snippet(DOCUMENT, HEADING, LANGUAGE): a block of docs/DOCUMENT.
sub snippet
{
	my ($document, $heading, $language) = @_;
	my $text = slurp("$top/docs/$document");

	my ($section) = $text =~ /^#+ \Q$heading\E\n(.*?)(?=^#+ |\z)/ms
	  or die "$document has no section $heading\n";
	my ($block) = $section =~ /^```$language\n(.*?)^```/ms
	  or die "$heading in $document has no $language\n";
	return $block;
}

# Copies a directory of test/clients to a temporary one, and works there.
sub work_in
{
	my ($name) = @_;
	my $dir = tempdir("${name}_XXXXXX", TMPDIR => 1, CLEANUP => 1);

	system('cp', '-R', "$top/test/clients/$name/.", $dir) == 0
	  or die "cannot copy the project\n";
	chdir $dir or die "$dir: $!";
	return $dir;
}

# Installs the packages of a project in its directory, if they are not there yet.
sub npm_install
{
	my ($project) = @_;
	my $installed = "$project/node_modules/.package-lock.json";

	if (!-e $installed || -M $installed > -M "$project/package-lock.json")
	{
		local $patience = 300;
		my $output = run('sh', '-c',
			"cd '$project' && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error");
		die $output if $?;
	}
	return;
}

# The same as work_in() for the project in node/, with its packages.
sub npm_project
{
	my $project = "$top/test/clients/node";

	npm_install($project);
	my $dir = tempdir('node_XXXXXX', TMPDIR => 1, CLEANUP => 1);
	system("cp $project/*.* $dir") == 0 or die "cannot copy the project\n";
	chdir $dir or die "$dir: $!";
	symlink "$project/node_modules", 'node_modules' or die "symlink: $!";
	return $dir;
}

# Makes a guarded database for the role that migrates, which is no superuser.
sub new_database
{
	my ($name) = @_;

	foreach my $role (qw(migrator app))
	{
		next if sql("SELECT to_regrole('$role')", 'postgres') ne '';
		my $output = sql("CREATE ROLE $role LOGIN", 'postgres');
		die $output if $?;
		push @roles, $role;
	}
	use_database($name);
	my $output = run(qw(createdb -O migrator), $database);
	die $output if $?;
	push @databases, $database;
	$output = sql(snippet('clients.md', 'Set up', 'sql'));
	die $output if $?;
	return;
}

# Has the following commands work on it: psql as the superuser, tools as the
# role that migrates.
sub use_database
{
	my ($name) = @_;

	$database = "trovella_guard_client_${name}_$$";
	$ENV{DB_HOST} = $ENV{PGHOST};
	$ENV{DB_PORT} = $ENV{PGPORT};
	$ENV{DB_NAME} = $database;
	$ENV{DB_USER} = 'migrator';
	return;
}

# Connects to the database through a pooler, as a plain role.
sub app_pooler
{
	my $output = sql(<<~'SQL');
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
		INSERT INTO invoice (id, organization_id, created_at, updated_at)
		  SELECT row_number() OVER (), o, now(), now() FROM unnest('{acme,globex}'::text[]) o, generate_series(1, 3);
		SQL
	die $output if $?;

	$pooler = start_pooler(host => $ENV{PGHOST}, port => $ENV{PGPORT}, user => 'app');
	$ENV{DB_HOST} = $pooler->{host};
	$ENV{DB_PORT} = $pooler->{port};
	$ENV{DB_USER} = 'app';
	return;
}

# takes_turns(NAME, COMMAND...): a program that serves requests of both tenants
# at the same time prints "tenant organization,organization,... backend" for each.
sub takes_turns
{
	my ($name, @command) = @_;
	my $output = run(@command);
	my @lines = $output =~ /^(\S+ \S* \d+)$/mg;
	my %backends = map { (split / /)[2] => 1 } @lines;
	my %seen = map { join(' ', (split / /, $_)[ 0, 1 ]) => 1 } @lines;

	is($?, 0, "$name: the program runs") or diag($output);
	cmp_ok(scalar @lines, '>=', 20, "$name: it serves requests") or diag($output);
	is(scalar keys %backends, 1, "$name: all on one server connection") or diag($output);
	is_deeply([ sort keys %seen ],
		[ 'acme acme,acme,acme', 'globex globex,globex,globex', 'nobody ' ],
		"$name: each tenant sees its own rows, and no tenant sees none")
	  or diag($output);
	return;
}

# refused(OUTPUT, TABLE, NAME, DETAIL?): a tool says that the guard refused a table,
# and fails; does it also show what to do?
sub refused
{
	my ($output, $table, $name, $whole) = @_;

	isnt($?, 0, "$name: the tool fails");
	like($output, qr/commit refused: table "\Q$table\E" breaks/, "$name: it says why");
	if ($whole)
	{
		like($output, qr/ALTER TABLE \Q$table\E ENABLE ROW LEVEL SECURITY;/, "$name: it shows the SQL");
	}
	else
	{
		unlike($output, qr/ENABLE ROW LEVEL SECURITY/, "$name: it does not show the SQL");
	}
	return;
}

# So that nothing stays behind after an interrupt either
$SIG{INT} = $SIG{TERM} = $SIG{PIPE} = sub { exit 1 };

END
{
	my $status = $?;
	stop_pooler($pooler) if defined $pooler;
	sql("DROP DATABASE IF EXISTS $_ WITH (FORCE)", 'postgres') for @databases;
	sql("DROP ROLE IF EXISTS $_", 'postgres') for @roles;
	chdir '/';
	$? = $status;
}

1;
