#!/usr/bin/perl
#
# scale.pl: how do verdicts, audits and the like grow with the size of what they
# look at?
#
#   test/lab/scale.pl [--factor F] [--only NAME,...] [--calls NAME,...]
#
# Each dimension is made in four sizes, each twice the one before.  A transaction
# touches the table: changes() is measured, and its COMMIT, of which all but a
# fraction of a millisecond is the verdict; then what the functions do that look at
# that table, or at all.  Time is that which the backend had of a CPU, so others on
# the machine do not count.  The exponent is the slope of a line through the
# logarithms: 1 is linear.  Then each call is interrupted at the largest size, at
# five instants: what the backend still does then, the roll-back included.
#
# Fails where something grows faster than n log n, or goes on for 100 ms.
# "--factor 0.1" makes everything a tenth as large.  Needs a server as walk.pl
# does; the database is lab_scale_PID, the roles are regress_scale_*.

use strict;
use warnings;

use FindBin;
use Getopt::Long;
use List::Util ();
use lib "$FindBin::Bin/lib";
use Lab::Session;
use Time::HiRes qw(sleep);

# The slope that n log n has between the smallest and the largest size, and what
# noise may add to it.
use constant MAX_EXPONENT => 1.3;
# Less than this is not told apart from what every verdict costs.
use constant ENOUGH_MS => 3;
use constant PROMPTLY_MS => 100;

my %option = (factor => 1);
GetOptions(\%option, 'factor=f', 'only=s', 'calls=s') or die "see the head of this file\n";

my $mine = q{organization_id = (SELECT current_setting('app.org', true))};
my $table = "CREATE TABLE scale.t (id text PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz, n int DEFAULT 0%s)%s;
CREATE INDEX ON scale.t (organization_id);
ALTER TABLE scale.t ENABLE ROW LEVEL SECURITY;";
my $touch = 'ALTER TABLE scale.t ALTER COLUMN organization_id SET NOT NULL; CREATE POLICY touch ON scale.t FOR SELECT USING (' . $mine . ')';

sub each_of
{
	my ($n, $format, $glue) = @_;
	return join $glue // '', map { sprintf $format, ($_) x (() = $format =~ /%\d*\$?d/g) } 1 .. $n;
}

# In the server: the statements would be megabytes.
sub loop
{
	my ($n, $statement) = @_;
	my $count = () = $statement =~ /%(?:\d\$)?s/g;
	return "DO \$do\$ BEGIN FOR i IN 1 .. $n LOOP EXECUTE format(\$f\$$statement\$f\$"
	  . ', i, i - 1' . "); END LOOP; END \$do\$";
}

sub plain { return sprintf($table, $_[0] // '', $_[1] // '') . "CREATE POLICY p ON scale.t USING ($mine)" }

# name => [ largest size, SQL that makes it, SQL that touches it, what to audit ]
my %dimension = (
	columns => [ 1590, sub { plain(each_of($_[0], ', c%d text')) } ],
	policies => [ 1000, sub { (plain(), loop($_[0],
			"CREATE POLICY p%1\$s ON scale.t USING ($mine AND n > %1\$s)")) } ],
	restrictive => [ 1000, sub { (plain(), loop($_[0],
			'CREATE POLICY p%1$s ON scale.t AS RESTRICTIVE USING (n > %1$s)')) } ],
	expression => [ 1_000_000, sub {
			my $arms = List::Util::max(1, int $_[0] / 40);
			(sprintf($table, '', ''), "CREATE POLICY p ON scale.t USING ($mine AND ("
			  . each_of($arms, "id <> 'x%024d'", ' AND ') . '))') } ],
	disjunction => [ 1_000_000, sub {
			my $arms = List::Util::max(1, int $_[0] / 110);
			(sprintf($table, '', ''), "CREATE POLICY p ON scale.t USING ("
			  . each_of($arms, "($mine AND n = %d)", ' OR ') . ')') } ],
	partitions => [ 10_000, sub { (sprintf($table, '', '') =~ s/PRIMARY KEY//r =~ s/\);\nCREATE/) PARTITION BY LIST (n);\nCREATE/r,
			"CREATE POLICY p ON scale.t USING ($mine)",
			loop($_[0], 'CREATE TABLE scale.t%1$s PARTITION OF scale.t FOR VALUES IN (%1$s)')) }, undef, 'NULL' ],
	children => [ 2000, sub { (plain(), loop($_[0],
			'CREATE TABLE scale.t%1$s (PRIMARY KEY (id)) INHERITS (scale.t); CREATE INDEX ON scale.t%1$s (organization_id)')) }, undef, 'NULL' ],
	levels => [ 5000, sub { (plain(), 'CREATE TABLE scale.l0 () INHERITS (scale.t)', loop($_[0],
			'CREATE TABLE scale.l%1$s () INHERITS (scale.l%2$s)')) }, undef, 'NULL' ],
	indexes => [ 1000, sub { (plain(), loop($_[0], 'CREATE INDEX ON scale.t (n, id)')) } ],
	foreign_keys => [ 800, sub { ('CREATE TABLE scale.other (id int PRIMARY KEY)',
			plain(each_of($_[0], ', f%d int')),
			loop($_[0], 'ALTER TABLE scale.t ADD FOREIGN KEY (f%1$s) REFERENCES scale.other')) } ],
	functions => [ 1000, sub { ('CREATE FUNCTION scale.f0() RETURNS text STABLE RETURN current_setting(\'app.org\', true)',
			loop($_[0], 'CREATE FUNCTION scale.f%1$s() RETURNS text STABLE RETURN scale.f%2$s()'),
			sprintf($table, '', ''), "CREATE POLICY p ON scale.t USING (organization_id = scale.f$_[0]())") } ],
	views => [ 2000, sub { (plain(), 'CREATE VIEW scale.v0 AS TABLE scale.t', loop($_[0],
			'CREATE VIEW scale.v%1$s AS SELECT id, organization_id FROM scale.v0; GRANT SELECT ON scale.v%1$s TO regress_scale_reader')) }, undef, 'NULL' ],
	chained_views => [ 500, sub { (plain(), 'CREATE VIEW scale.v0 AS SELECT id, organization_id FROM scale.t', loop($_[0],
			'CREATE VIEW scale.v%1$s AS TABLE scale.v%2$s'),
			"GRANT SELECT ON scale.v$_[0] TO regress_scale_reader") }, undef, 'NULL' ],
	tables => [ 2000, sub { (plain(), loop($_[0],
			"CREATE TABLE scale.t%1\$s (LIKE scale.t INCLUDING ALL); ALTER TABLE scale.t%1\$s ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON scale.t%1\$s USING ($mine)")) },
		sub { loop($_[0], 'ALTER TABLE scale.t%1$s ALTER COLUMN organization_id SET NOT NULL; ALTER TABLE scale.t%1$s FORCE ROW LEVEL SECURITY') }, 'NULL' ],
	entries => [ 4000, sub { (plain(),
			"INSERT INTO trovella_guard.allowlist (kind, schema_name, table_name, rule, reason, added_by) SELECT 'relation', 'scale', 'e' || i, 'fk_index_missing', 'scale', 'scale' FROM generate_series(1, $_[0]) i") } ],
	grantees => [ 1000, sub { (plain(), loop($_[0], 'GRANT SELECT ON scale.t TO regress_scale_%1$s')) } ],
	members => [ 1000, sub { (plain(), 'ALTER TABLE scale.t OWNER TO regress_scale_owner') } ],
	savepoints => [ 8000, sub { plain() }, sub {
			"DO \$do\$ BEGIN FOR i IN 1 .. $_[0] LOOP BEGIN CREATE POLICY touch ON scale.t FOR SELECT USING ($mine); DROP POLICY touch ON scale.t; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$do\$" } ],
);

my $database = "lab_scale_$$";
my $setup = Lab::Session->new(name => 'setup', dbname => 'postgres');
my $failed = 0;
my @made;

sub fresh_session
{
	my $session = Lab::Session->new(name => 'scale', dbname => $database);
	$session->{patience} = 600;
	return $session;
}

# The nanoseconds of a CPU that the backend had for a statement.
sub spent
{
	my ($session, @statements) = @_;
	my $clock = "SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)";
	my @results = $session->run($clock, @statements, $clock);
	die "the session is gone\n" unless @results;
	foreach (@results) { die "$_->{message}\n" if $_->{error} }
	return ($results[-1]{lines}[0] - $results[0]{lines}[0]) / 1e6;
}

# What is measured, in this order: what it is called, in the transaction that
# touches, or of the table, or (NULL) of all.
my %calls = (
	changes => { within => 'SELECT count(*) FROM trovella_guard.changes()' },
	verdict => { within => 'COMMIT' },
	audit => { of => 'SELECT count(*) FROM trovella_guard.check(%s)' },
	who_sees => { of => 'SELECT count(*) FROM trovella_guard.who_sees(%s)',
		of_all => 'SELECT count(*) FROM trovella_guard_internal.who_sees_all()' },
	status => { of_all => 'SELECT count(*) FROM trovella_guard.status()' },
	metrics => { of_all => 'SELECT count(*) FROM trovella_guard.metrics()' },
	probe => { of => 'SELECT count(*) FROM trovella_guard.probe(%s)', not_of_all => 1 },
);

# The calls for a dimension: [name, statements before, statement].
sub calls_of
{
	my ($touching, $audited) = @_;
	my %wanted = map { $_ => 1 } split /,/, $option{calls} // join ',', keys %calls;
	my @calls;

	foreach my $name (qw(changes verdict audit who_sees status metrics probe))
	{
		my $call = $calls{$name};
		my $all = $audited eq 'NULL';
		next if !$wanted{$name} || ($all && $call->{not_of_all});
		push @calls, [$name, ['SET trovella_guard.mode = warn', 'BEGIN', $touching], $call->{within}]
		  if $call->{within};
		my $sql = $all ? $call->{of_all} // $call->{of} : $call->{of};
		push @calls, [$name, ['SET statement_timeout = 0'], $sql =~ s{%s}{$audited}r] if $sql;
	}
	return @calls;
}

# What a call costs, in milliseconds; the least of three.
sub measure
{
	my ($before, $statement) = @_;
	my @took;

	foreach (1 .. 3)
	{
		my $session = fresh_session();
		$session->query($_) foreach @$before;
		push @took, spent($session, $statement);
		undo($session);
	}
	return List::Util::min(@took);
}

# Takes back what a transaction touched, and closes its session.
sub undo
{
	my ($session) = @_;
	$session->run('ROLLBACK');
	$session->query($_) foreach ('SET trovella_guard.mode = off', 'DROP POLICY IF EXISTS touch ON scale.t');
	$session->close;
	return;
}

sub slope
{
	my (@points) = @_;
	my $n = @points;
	my @x = map { log $_->[0] } @points;
	my @y = map { log $_->[1] } @points;
	my $mx = List::Util::sum(@x) / $n;
	my $my = List::Util::sum(@y) / $n;
	my $over = List::Util::sum(map { ($x[$_] - $mx) * ($y[$_] - $my) } 0 .. $#x);
	return $over / List::Util::sum(map { ($_ - $mx)**2 } @x);
}

# How many milliseconds of a CPU a statement takes after it was told to end, at
# worst.
sub longest_end
{
	my ($took, @statements) = @_;
	my $last = pop @statements;
	my $worst = 0;

	foreach my $share (0.1, 0.3, 0.5, 0.7, 0.9)
	{
		my $session = fresh_session();
		my ($pid) = $session->query('SELECT pg_backend_pid()');
		$session->query($_) foreach @statements;
		$session->send($last);
		sleep $took / 1000 * $share;
		my $clock = "SELECT split_part(pg_read_file('/proc/$pid/schedstat'), ' ', 1)";
		my ($began) = $setup->query($clock);
		$setup->query("SELECT pg_cancel_backend($pid)");
		$session->poll(1) while $session->is_busy && !$session->is_dead;
		my ($ended) = $setup->query($clock);
		$worst = List::Util::max($worst, ($ended - $began) / 1e6);
		undo($session);
	}
	return $worst;
}

my @names = $option{only} ? split(/,/, $option{only}) : sort keys %dimension;
my $roles = List::Util::max(1, int 1000 * $option{factor});
$setup->{patience} = 600;
$setup->run("DO \$\$ BEGIN CREATE ROLE regress_scale_reader LOGIN; CREATE ROLE regress_scale_owner;
  FOR i IN 1 .. $roles LOOP EXECUTE format('CREATE ROLE regress_scale_%s', i); END LOOP; END \$\$");

printf "%-14s %-9s %8s %10s %9s %8s\n", 'dimension', 'call', 'size', 'ms', 'exponent', 'goes on';
foreach my $name (@names)
{
	my ($max, $make, $touches, $audited) = @{ $dimension{$name} // die "no such dimension: $name\n" };
	my (%points, @calls, $size);

	foreach my $part (8, 4, 2, 1)
	{
		$size = List::Util::max(1, int $max * $option{factor} / $part);
		$setup->query("DROP DATABASE IF EXISTS $database WITH (FORCE)");
		$setup->query("CREATE DATABASE $database TEMPLATE template0");
		$setup->query("ALTER DATABASE $database SET client_min_messages = error");
		$setup->query("ALTER DATABASE $database SET trovella_guard.app_role = regress_scale_reader");
		my $session = fresh_session();
		$session->query($_) foreach ('CREATE EXTENSION trovella_guard', 'SET trovella_guard.mode = off', 'CREATE SCHEMA scale');
		if ($name eq 'members')
		{
			$session->run(loop($roles, 'REVOKE regress_scale_owner FROM regress_scale_%1$s'));
			$session->query(loop(List::Util::min($size, $roles), 'GRANT regress_scale_owner TO regress_scale_%1$s'));
		}
		$session->query($_) foreach $make->($size);
		$session->query('ANALYZE');
		$session->close;
		@calls = calls_of($touches ? $touches->($size) : $touch, $audited // "'scale.t'");
		foreach (@calls)
		{
			my ($what, $before, $statement) = @$_;
			my $took = measure($before, $statement);
			printf "%-14s %-9s %8d %10.2f\n", $name, $what, $size, $took;
			push @{ $points{$what} }, [$size, $took];
		}
	}

	foreach (@calls)
	{
		my ($what, $before, $statement) = @$_;
		my @enough = grep { $_->[1] >= ENOUGH_MS } @{ $points{$what} };
		my $exponent = @enough < 2 ? undef : slope(@enough);
		my $goes_on = longest_end($points{$what}[-1][1], @$before, $statement);

		printf "%-14s %-9s %8d %10.2f %9s %8.0f\n", $name, $what, @{ $points{$what}[-1] },
		  defined $exponent ? sprintf('%.2f', $exponent) : '-', $goes_on;
		if (defined $exponent && $exponent > MAX_EXPONENT)
		{
			print "FAILURE: $what grows with $name to the power $exponent\n";
			$failed++;
		}
		if ($goes_on > PROMPTLY_MS)
		{
			printf "FAILURE: %s, %s: it went on for %.0f ms\n", $name, $what, $goes_on;
			$failed++;
		}
	}
}

$setup->run("DROP DATABASE IF EXISTS $database WITH (FORCE)",
	"DO \$\$ BEGIN FOR i IN 1 .. $roles LOOP EXECUTE format('DROP ROLE regress_scale_%s', i); END LOOP; DROP ROLE regress_scale_reader, regress_scale_owner; END \$\$");
$setup->close;
exit($failed ? 1 : 0);
