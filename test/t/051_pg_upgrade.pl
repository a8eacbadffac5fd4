#-------------------------------------------------------------------------
#
# 051_pg_upgrade.pl
#		A guarded cluster goes through pg_upgrade as it is, and arrives whole
#		and guarded.
#
# From the same PostgreSQL version, and from every older one that TG_OLD_BINDIRS
# names (test/run builds the extension for each that is installed; the chroots
# of test/versions have them).
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use Cwd qw(getcwd);
use File::Basename qw(dirname);
# road: pg_upgrade, in binary upgrade mode (passes)

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $new_bindir = `pg_config --bindir`;
chomp $new_bindir;

# Checksums on both sides: since 18 they are initdb's default.
my @initdb = ('--data-checksums', '--encoding', 'UTF8', '--locale', 'C');

sub upgrade
{
	my ($bindir, $number) = @_;
	my $version = `$bindir/pg_config --version`;
	chomp $version;

	my $old = PostgreSQL::Test::Cluster->new("old$number",
		install_path => dirname($bindir));
	$old->init(extra => \@initdb);
	$old->start;
	make_guarded_db($old, 'mydb');
	$old->safe_psql('mydb',
		q{ALTER DATABASE mydb SET session_preload_libraries = 'trovella_guard'});
	my $state = guard_state($old, 'mydb');
	$old->stop;

	my $new = PostgreSQL::Test::Cluster->new("new$number");
	$new->init(extra => \@initdb);

	# pg_upgrade leaves files behind where it is run
	my $cwd = getcwd();
	chdir $new->basedir or die "cannot chdir: $!";
	command_ok(
		[
			'pg_upgrade', '--old-datadir', $old->data_dir,
			'--new-datadir', $new->data_dir,
			'--old-bindir', $bindir,
			'--new-bindir', $new_bindir,
			'--socketdir', $new->host,
			'--old-port', $old->port,
			'--new-port', $new->port
		],
		"pg_upgrade from $version");
	chdir $cwd or die "cannot chdir: $!";

	$new->start;
	is(guard_state($new, 'mydb'),
		$state, "from $version: all of it arrived");
	refuses($new, 'mydb', "from $version: the new cluster is guarded");
	$new->safe_psql('mydb', 'BEGIN; ' . tenant_table('public.later') . 'COMMIT');
	is( $new->safe_psql(
			'mydb',
			q{SELECT count(*) FROM trovella_guard.check('public.later') WHERE level <> 'info'}
		),
		'0',
		"from $version: the checklist is welcome");
	$new->stop;
}

my $number = 0;
foreach my $bindir ($new_bindir, split ' ', $ENV{TG_OLD_BINDIRS} // '')
{
	upgrade($bindir, $number++);
}

done_testing();
