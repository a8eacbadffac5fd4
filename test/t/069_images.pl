#-------------------------------------------------------------------------
#
# 069_images.pl
#		The images that the Dockerfile describes and docs/kubernetes.md uses,
#		without a container engine: the files are laid out as the COPY lines
#		say, and PostgreSQL runs on them.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use CPAN::Meta::YAML;
use File::Basename;
use File::Find;
use File::Path qw(make_path);

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $top = $ENV{TESTDIR};
my $images = PostgreSQL::Test::Utils::tempdir();
my ($bindir, $pkglibdir, $sharedir) = map { pg_directory($_) } qw(bindir pkglibdir sharedir);
my ($major) = `$ENV{PG_CONFIG} --version` =~ /(\d+)/;

sub run_ok
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);

	ok($ok, $name) or diag("$out$err");
	return $out;
}

# The Dockerfile: a list of stages, each with a name and a list of
# [instruction, rest]
my @stages;
my $text = slurp_file("$top/Dockerfile") =~ s/^#.*\n//gmr =~ s/\\\n/ /gr;
foreach my $line (grep { /\S/ } split /\n/, $text)
{
	my ($instruction, $rest) = $line =~ /^([A-Z]+)\s+(.*\S)\s*$/ or die "not understood: $line";
	my %variables = (PG_MAJOR => $major, DEBIAN => 'bookworm');

	$rest =~ s/\$\{(\w+)\}/$variables{$1}/g if $instruction ne 'RUN';
	if ($instruction eq 'FROM')
	{
		my ($base, $name) = $rest =~ /^(\S+)(?: AS (\w+))?$/ or die "not understood: $line";
		push @stages, { base => $base, name => $name // 'final', lines => [] };
	}
	elsif (@stages)
	{
		push @{ $stages[-1]{lines} }, [ $instruction, $rest ];
	}
}
is(join(' ', map { "$_->{name}=$_->{base}" } @stages),
	"build=postgres:$major-bookworm extension=scratch cli=postgres:$major-bookworm final=postgres:$major-bookworm", 'the stages of the Dockerfile');
my %stages = map { $_->{name} => $_ } @stages;

# What the context of the build has
my @dockerignore = grep { /\S/ } split /\n/, slurp_file("$top/.dockerignore");
my %in_context;
find({ no_chdir => 1, wanted => sub {
	return if !-f $File::Find::name || $File::Find::name =~ /\.(?:o|bc)$/;
	my $file = substr $File::Find::name, length("$top/");
	$in_context{$file} = 1 if grep { my $glob = substr($_, 1) =~ s/\./\\./gr =~ s/\*/[^\/]*/gr; /^!/ && $file =~ /^$glob(?:\/|$)/ } @dockerignore;
} }, $top);
is($dockerignore[0], '*', 'the context has only what .dockerignore admits');

# Lays out what the COPY lines of a stage copy from the context and from the
# stage "build", whose files are under $images/build.
sub lay_out
{
	my ($stage) = @_;
	my $root = "$images/$stage";

	foreach my $line (grep { $_->[0] eq 'COPY' } @{ $stages{$stage}{lines} })
	{
		my ($from, @paths) = $line->[1] =~ /^(?:--from=(\w+)\s+)?(.*)$/;
		my ($to, @sources) = reverse split / /, $paths[0];
		is($from // 'build', 'build', "$stage: COPY $line->[1]");
		foreach my $source (reverse @sources)
		{
			my $copied = 0;

			foreach my $found (map { s/\/$//r } glob defined $from ? "$images/build$source" : "$top/$source")
			{
				find({ no_chdir => 1, wanted => sub {
					return if !-f $File::Find::name;
					return if !defined $from && !$in_context{ substr $File::Find::name, length("$top/") };
					my $base = -d $found ? $found : dirname($found);
					my $target = "$root/$to/" . substr $File::Find::name, length($base);
					make_path(dirname($target));
					system('cp', '-p', $File::Find::name, $target) == 0 or die "cp: $?";
					$copied++;
				} }, $found);
			}
			cmp_ok($copied, '>', 0, "... copies $source");
		}
	}
	return $root;
}

sub files_in
{
	my ($root) = @_;
	my @files;

	find({ no_chdir => 1, wanted => sub { push @files, $File::Find::name =~ s/^\Q$root\E\/+//r =~ s/\/+/\//gr if -f $File::Find::name } }, $root);
	return [ sort @files ];
}

# The stage "build": its files suffice to build, and it installs into /out.  The
# installation of the tests has the paths of the image under a prefix
my $source = lay_out('build');
my ($make) = map { $_->[1] } grep { $_->[0] eq 'RUN' && $_->[1] =~ /^make / } @{ $stages{build}{lines} };
like($make, qr{^make with_llvm=no COPT=-Werror\s+&& make with_llvm=no WITHOUT_CLI=1 install DESTDIR=/out$}, 'how it builds');
$make =~ s{DESTDIR=/out}{DESTDIR=$images/installed};
run_ok('it builds', 'sh', '-ec', "cd '$source' && export PG_CONFIG='$ENV{PG_CONFIG}' && " . $make =~ s/\bmake /make -s PG_CONFIG='$ENV{PG_CONFIG}' /gr);
my ($prefix) = $bindir =~ m{^(.*)/usr/lib/postgresql/$major/bin$} or die "this is no PostgreSQL of Debian: $bindir";
make_path("$images/build");
rename "$images/installed$prefix", "$images/build/out" or die "rename: $!";

# The image for volumes
my $extension = lay_out('extension');
my @scripts = map { basename($_) } glob "$top/trovella_guard*--*.sql $top/trovella_guard*.control";
is_deeply(files_in($extension),
	[ sort 'lib/trovella_guard.so', 'licenses/trovella_guard/LICENSE',
		map { "share/extension/$_" } @scripts ],
	'the image "extension" has these files and no others');
is_deeply([ map { $_->[1] } grep { $_->[0] eq 'USER' } @{ $stages{extension}{lines} } ], ['65532:65532'], 'and this user');
ok(!grep({ $_->[0] =~ /^(?:RUN|CMD|ENTRYPOINT)$/ } @{ $stages{extension}{lines} }), 'and runs nothing');

# The image of the program
my $cli = lay_out('cli');
is_deeply([ map { $_->[1] } grep { $_->[0] eq 'ENTRYPOINT' } @{ $stages{cli}{lines} } ], ['["trovella-guard"]'], 'the program is the entry point');
run_ok('... and runs from there', "$cli/usr/local/bin/trovella-guard", '--version');

# The manifest
my ($yaml) = map { $_->[1] } grep { $_->[0] eq 'yaml' } code_blocks('docs/kubernetes.md', 'CloudNativePG');
my ($cluster, $database) = @{ CPAN::Meta::YAML->read_string($yaml) };
my ($version) = slurp_file("$top/trovella_guard.control") =~ /^default_version = '(.*)'$/m;
is_deeply([ map { "$_->{apiVersion} $_->{kind}" } $cluster, $database ],
	[ 'postgresql.cnpg.io/v1 Cluster', 'postgresql.cnpg.io/v1 Database' ], 'docs/kubernetes.md: a Cluster and a Database');
is($database->{spec}{cluster}{name}, $cluster->{metadata}{name}, 'the Database is in the Cluster');
is($database->{spec}{name}, $cluster->{spec}{bootstrap}{initdb}{database}, 'and is the one that it begins with');
is_deeply($database->{spec}{extensions}, [ { name => 'trovella_guard', version => $version } ], 'with the extension');
my $volume = $cluster->{spec}{postgresql}{extensions}[0];
like($volume->{image}{reference}, qr/:$version-18$/, 'the image is of this version');
my ($image_major) = $cluster->{spec}{imageName} =~ /:(\d+)-/;
like($volume->{image}{reference}, qr/-$image_major$/, 'and for that PostgreSQL');
my @builds = map { split /\n/, $_->[1] } grep { $_->[0] eq 'sh' } code_blocks('docs/kubernetes.md', 'CloudNativePG');
is_deeply(\@builds, ["docker build --target extension -t $volume->{image}{reference} --build-arg PG_MAJOR=$image_major ."],
	'which the documented command builds');

# PostgreSQL with the volume alone, as the operator mounts it
SKIP: {
	skip 'extension_control_path is new in PostgreSQL 18', 1 if $major < 18;

	my $mount = "$images/extensions/$volume->{name}";
	make_path(dirname($mount));
	symlink $extension, $mount or die "symlink: $!";
	hide_files("$pkglibdir/trovella_guard.so", "$sharedir/extension/trovella_guard.control");
	my $node = PostgreSQL::Test::Cluster->new('volume');
	$node->init;
	$node->append_conf('postgresql.conf', "extension_control_path = '\$system:$mount/share'\n"
		  . "dynamic_library_path = '\$libdir:$mount/lib'\n"
		  . 'shared_preload_libraries = ' . "'" . join(',', @{ $cluster->{spec}{postgresql}{shared_preload_libraries} }) . "'\n");
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $database->{spec}{name}");
	$node->safe_psql($database->{spec}{name}, "CREATE EXTENSION $_->{name} VERSION '$_->{version}'")
	  foreach @{ $database->{spec}{extensions} };
	refuses($node, $database->{spec}{name}, 'with the extension from the volume');
	is($node->safe_psql($database->{spec}{name}, q{SELECT value FROM trovella_guard.status() WHERE item = 'preloading'}),
		'shared_preload_libraries', 'which the server preloads');
	is($node->safe_psql($database->{spec}{name}, 'SELECT count(*) FROM trovella_guard.status() WHERE NOT ok'), '0', 'all is well');
	$node->stop;
	bring_back();
}

# The image of PostgreSQL: the configuration that its initdb writes
my $final = lay_out('final');
is_deeply([ grep { m{^etc/|^docker} } @{ files_in($final) } ],
	[ 'docker-entrypoint-initdb.d/10_trovella_guard.sh', 'etc/postgresql/conf.d/trovella_guard.conf' ],
	'the image of PostgreSQL has a configuration and a script for initdb');
ok(-e "$final/usr/lib/postgresql/$major/lib/trovella_guard.so", 'and the library');
ok(!grep({ $_->[0] =~ /^(?:CMD|ENTRYPOINT|USER)$/ } @{ $stages{final}{lines} }), 'and starts as the official image does');
my ($include) = map { $_->[1] } grep { $_->[0] eq 'RUN' } @{ $stages{final}{lines} };
run_ok('initdb with the sample of the image', 'cp', '-r', $sharedir, "$images/share");
$include =~ s{/usr/share/postgresql/postgresql\.conf\.sample}{$images/share/postgresql.conf.sample} or die;
$include =~ s{/etc/}{$final/etc/} or die;
run_ok('... to which it adds', 'sh', '-ec', $include);
my $node = PostgreSQL::Test::Cluster->new('image');
$node->init(extra => [ '-L', "$images/share" ]);
$node->start;

is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), 'trovella_guard', 'the server preloads the library');

# The entrypoint of the official image runs the scripts while a temporary server
# runs, and then the server with the arguments of "docker run"
my $script = "$final/docker-entrypoint-initdb.d/10_trovella_guard.sh";
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(first second);
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
	delete $ENV{PGUSER};
	chomp(my $user = `id -un`);
	local $ENV{POSTGRES_USER} = $user;
	ok(-x $script, 'the script can be executed');
	run_ok('without TROVELLA_GUARD_DB it does nothing', $script);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'trovella_guard'}), '0', '... indeed');
	local $ENV{TROVELLA_GUARD_DB} = 'first, template1';
	run_ok('with it, it makes the extension', $script);
	local $ENV{TROVELLA_GUARD_DB} = 'no_such_database';
	ok(!IPC::Run::run([$script], '<', \undef, '>', \my $out, '2>', \my $err), 'and fails if there is no such database');
}
my ($run) = map { $_->[1] } grep { $_->[0] eq 'sh' } code_blocks('docs/kubernetes.md', 'The image of PostgreSQL');
my ($arguments) = $run =~ /^docker run .* trovella_guard (-c .*)$/m;
ok(defined $arguments, 'docs/kubernetes.md: docker run with arguments');
$node->stop;
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-w', 'start', '-o', $arguments ], "the server with $arguments");
$node->_update_pid(1);
is($node->safe_psql('first', 'SHOW shared_preload_libraries'), 'pg_stat_statements', '... has them');
is($node->safe_psql('first', q{SELECT value FROM trovella_guard.status() WHERE item = 'preloading'}),
	'session_preload_libraries', 'and its sessions still preload');
refuses($node, 'first', 'it guards the database that TROVELLA_GUARD_DB names');
$node->safe_psql('postgres', 'CREATE DATABASE later');
refuses($node, 'later', 'and by way of template1 what is created later');

# A volume that another image initialized
$node->safe_psql('second', "$_->[1]") foreach grep { $_->[0] eq 'sql' } code_blocks('docs/kubernetes.md', 'The image of PostgreSQL');
refuses($node, 'second', 'the documented SQL does the same by hand');

$node->stop;
done_testing();
