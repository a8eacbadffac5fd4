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

# run_pg_upgrade BINDIR NAME FILL: makes a cluster of the old version, has it
# filled, and upgrades it.  Returns whether that went well, what was said, and
# both clusters.
sub run_pg_upgrade
{
	my ($bindir, $name, $fill) = @_;
	my $old = PostgreSQL::Test::Cluster->new("old$name",
		install_path => dirname($bindir));
	$old->init(extra => \@initdb);
	$old->start;
	$fill->($old);
	$old->stop;

	my $new = PostgreSQL::Test::Cluster->new("new$name");
	$new->init(extra => \@initdb);

	# pg_upgrade leaves files behind where it is run
	my $cwd = getcwd();
	my $output = '';
	chdir $new->basedir or die "cannot chdir: $!";
	my $ok = IPC::Run::run(
		[
			'pg_upgrade', '--old-datadir', $old->data_dir,
			'--new-datadir', $new->data_dir,
			'--old-bindir', $bindir,
			'--new-bindir', $new_bindir,
			'--socketdir', $new->host,
			'--old-port', $old->port,
			'--new-port', $new->port
		],
		'<', \undef, '>&', \$output);
	chdir $cwd or die "cannot chdir: $!";

	my @logs = glob $new->data_dir . '/pg_upgrade_output.d/*/log/*.log';
	my @errors = grep { /(error|fatal|panic):/i }
	  map { split /\n/, slurp_file($_) } @logs;
	return ($ok, join("\n", $output, @errors), $new);
}

# What pg_upgrade must manage without the guard: a view of either kind.  A
# release of the old version that is younger than that of the new one can write
# what the new one does not know yet.
sub fill_without_guard
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
CREATE TABLE t (a int, b int);
CREATE VIEW v AS SELECT * FROM t;
CREATE FUNCTION f(OUT a int, OUT b int) RETURNS SETOF record LANGUAGE sql RETURN (1, 2);
CREATE VIEW w AS SELECT * FROM f();});
}

sub upgrade
{
	my ($bindir, $number) = @_;
	my $version = `$bindir/pg_config --version`;
	my $state;
	chomp $version;

	my ($ok, $output, $new) = run_pg_upgrade(
		$bindir, $number,
		sub {
			my ($old) = @_;

			make_guarded_db($old, 'mydb');
			$old->safe_psql('mydb',
				q{ALTER DATABASE mydb SET session_preload_libraries = 'trovella_guard'}
			);
			$state = guard_state($old, 'mydb');
		});

  SKIP:
	{
		if (!$ok)
		{
			my ($ok_without) = run_pg_upgrade($bindir, "${number}_without",
				\&fill_without_guard);

			skip "pg_upgrade from $version fails without the guard, too: $output", 1
			  unless $ok_without;
		}
		ok($ok, "pg_upgrade from $version") or diag($output);
		last unless $ok;

		$new->start;
		is(guard_state($new, 'mydb'), $state, "from $version: all of it arrived");
		refuses($new, 'mydb', "from $version: the new cluster is guarded");
		$new->safe_psql('mydb',
			'BEGIN; ' . tenant_table('public.later') . 'COMMIT');
		is( $new->safe_psql(
				'mydb',
				q{SELECT count(*) FROM trovella_guard.check('public.later') WHERE level <> 'info'}
			),
			'0',
			"from $version: the checklist is welcome");
		$new->stop;
	}
}

my $number = 0;
foreach my $bindir ($new_bindir, split ' ', $ENV{TG_OLD_BINDIRS} // '')
{
	upgrade($bindir, $number++);
}

done_testing();
