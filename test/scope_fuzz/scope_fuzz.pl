#!/usr/bin/env perl
#
# scope_fuzz.pl: is what the prover calls scoped really isolated?
#
#   scope_fuzz.pl [-n SETS] [-s SEED] [-j WORKERS] [-b BATCH] [-p PERCENT] [-o N,N...] [-q] [-v]
#
# Makes random sets of policies (ScopeGrammar.pm), asks trovella_guard.check()
# for its answer, and then lets PostgreSQL itself decide, as a plain role, on
# the rows of three tenants and of none, in sessions of a tenant, of two
# tenants in turn under one prepared statement, and of none.  A row of another
# tenant that was visible, added, changed or deleted by a command for which
# the prover had no doubt is an unsound answer: the run fails and prints the
# smallest set that shows it.
#
# Of each hundred sets, -p (5) are also tried by trovella_guard.probe(), which
# knows nothing of the proof.  Rows that cross there although the prover had no
# doubt, and rows that were seen to cross here where the trial says "isolated",
# fail the run, too.
#
# Where the prover has a doubt and nothing was seen to leak, a closer look is
# taken: with more rows, every role, many more sessions, and other contents of
# the tables that sub-selects read.  That takes its time; -q goes without.
#
# Also counted: how many of the sets that let nothing through on this small
# domain were proven, left unproven, or called unscoped; and of the latter two,
# what stood in the way.  -v prints them, each with its number in the run, and
# -o takes such numbers and tries these sets only.
#
# Connects the way psql does, as a superuser; makes databases
# trovella_scope_fuzz_* and roles scope_fuzz_* and drops them.

use strict;
use warnings;

use File::Basename;
use File::Temp;
use Getopt::Std;
use lib dirname(__FILE__);
use ScopeGrammar;

my %opt = (n => 1000, s => 1, j => 2, b => 100, p => 5);
getopts('n:s:j:b:o:p:qv', \%opt) or die "usage: $0 [-n SETS] [-s SEED] [-j WORKERS] [-b BATCH] [-p PERCENT] [-o N,N...] [-q] [-v]\n";
my @numbers = defined $opt{o} ? split(/,/, $opt{o}) : (0 .. $opt{n} - 1);

my $here = dirname(__FILE__);
my $scratch = File::Temp->newdir();
my $database;

# One backend for each: what a session has never set must stay unset in it.
# The settings are those of fuzz.become(): tenant, user, role, and the tenants
# of the claims and of the helpers where these are other ones.  Whatever tenant
# one of them names is "mine".
my @sessions = (
	{ name => 'unset', mine => '{}', settings => [ undef, undef, undef ] },
	{ name => 'A', mine => '{A}', settings => [ 'A', 'u1', 'user' ], prepared => 1 },
	{ name => 'B, admin', mine => '{B}', settings => [ 'B', 'u2', 'admin' ] },
	{ name => 'empty', mine => '{}', settings => [ '', '', '' ] },
	{ name => 'A, no user', mine => '{A}', settings => [ 'A', undef, 'admin' ] },
	{ name => 'no org, u2', mine => '{B}', settings => [ undef, 'u2', 'user' ] },
	{ name => 'malformed', mine => '{}', settings => [ '%', 'nobody', 'admin' ] },
);

# For the closer look: sessions whose settings do not agree, and others.
my @more_sessions = (
	{ name => 'C', mine => '{C}', settings => [ 'C', 'u3', 'user' ] },
	{ name => 'A, u2', mine => '{A,B}', settings => [ 'A', 'u2', 'user' ] },
	{ name => 'B, u1, admin', mine => '{A,B}', settings => [ 'B', 'u1', 'admin' ] },
	{ name => 'A, claims of C', mine => '{A,C}', settings => [ 'A', 'u1', 'admin', 'C' ] },
	{ name => 'C, claims of A, u2', mine => '{A,B,C}', settings => [ 'C', 'u2', 'user', 'A' ] },
	{ name => 'B alone', mine => '{B}', settings => [ 'B', undef, undef, '' ] },
	{ name => 'empty, u1', mine => '{A}', settings => [ '', 'u1', 'user' ] },
	{ name => 'B, user empty', mine => '{B}', settings => [ 'B', '', '' ] },
	{ name => 'no org, u1, claims of B', mine => '{A,B}', settings => [ undef, 'u1', 'admin', 'B' ] },
	{ name => 'no org, claims of A', mine => '{A}', settings => [ undef, undef, undef, 'A' ] },
	{ name => 'A and B', mine => '{A,B}', settings => [ 'A,B', 'u1,u2', 'user', 'A' ] },
	{ name => 'A, helper empty', mine => '{A}', settings => [ 'A', 'u1', 'admin', 'A', '' ] },
	{ name => 'A, u3', mine => '{A,C}', settings => [ 'A', 'u3', 'user' ] },
	{ name => 'C, u1', mine => '{A,C}', settings => [ 'C', 'u1', 'user' ] },
	{ name => 'C, helper of A', mine => '{A,C}', settings => [ 'C', 'u1', 'user', 'C', 'A' ] },
	{ name => 'A, helper of C', mine => '{A,C}', settings => [ 'A', 'u1', 'user', '', 'C' ] },
	{ name => 'no org, helper of B', mine => '{B}', settings => [ undef, undef, 'user', '', 'B' ] },
	{ name => 'malformed, u1', mine => '{A}', settings => [ '_', 'u1', 'user' ] },
);

sub quote { my ($s) = @_; return 'NULL' unless defined $s; $s =~ s/'/''/g; return "'$s'"; }

# Runs SQL in a backend of its own; returns the lines of the result.
sub psql
{
	my ($sql, $db) = @_;
	my $file = "$scratch/$$.sql";
	open my $out, '>', $file or die "$file: $!";
	print $out $sql;
	close $out;
	my @lines = split /\n/, `psql -X -q -A -t -v ON_ERROR_STOP=1 -d @{[ $db // $database ]} -f $file 2>&1`;
	die "psql failed:\n" . join("\n", @lines) . "\n" if $?;
	return @lines;
}

# Judges sets by the prover and by PostgreSQL.  Fills in, for each set:
# invalid (why it could not be made), answer { command => unproven or unscoped },
# leaks { command => session }, and strangers, of leaks of rows that are not the
# user's own either, if that is what the prover says.
sub judge
{
	my (@sets) = @_;
	my $i = 0;
	my $sql = "SET trovella_guard.mode = off;\nSET client_min_messages = error;\n";
	my $drop = '';
	for my $set (@sets)
	{
		$set->{name} = 'item_' . ++$i;
		$set->{commands} = ScopeGrammar::commands($set);
		delete @$set{qw(invalid answer trial leaks strangers arm reason)};
		$sql .= sprintf "SELECT '%s|' || coalesce(fuzz.make('%s', '%s', '%s', %s, %s, ARRAY[%s]::text[]), '');\n",
			$set->{name}, $set->{name}, $set->{kind}, $set->{type}, $set->{not_null} ? 'true' : 'false', $set->{stays} ? 'true' : 'false',
			join(', ', map { quote($_) } ScopeGrammar::statements($set));
		# a set that can't be made has no table to ask about
		$sql .= "SELECT '$set->{name}||' || coalesce(fuzz.answer('$set->{name}'), ''), '|' || coalesce("
			. (is_tried($set) ? "fuzz.probe('$set->{name}', '{" . join(',', roles_of($set)) . "}')" : 'NULL')
			. ", '') WHERE to_regclass('fuzz.$set->{name}') IS NOT NULL;\n"
			. "SELECT fuzz.aim('$set->{name}') WHERE to_regclass('fuzz.$set->{name}') IS NOT NULL \\g /dev/null\n";
		$drop .= "DROP TABLE IF EXISTS fuzz.$set->{name};\n";
	}

	my %by_name = map { $_->{name} => $_ } @sets;
	for my $line (psql($sql))
	{
		if ($line =~ /^(item_\d+)\|\|(.*?)\|\|(.*)$/)
		{
			my $set = $by_name{$1};
			$set->{answer} = { map { split /:/ } split / /, $2 };
			$set->{trial} = { map { split /:/ } split / /, $3 };
		}
		elsif ($line =~ /^(item_\d+)\|(.+)$/)
		{
			$by_name{$1}{invalid} = $2;
		}
	}

	my @valid = grep { !$_->{invalid} && $_->{commands} ne '' } @sets;
	observe(\%by_name, 0, \@sessions, @valid);
	observe(\%by_name, 'spare', \@sessions, grep { spare_commands($_) ne '' } @valid);

	# a doubt where nothing leaks is worth a closer look
	my @open = grep { unexplained($_) && !%{ $_->{leaks} || {} } } @valid;
	for my $people ($opt{q} ? () : qw(usual nobody anonymous))
	{
		@open = grep { !%{ $_->{leaks} || {} } } @open or last;
		psql("SELECT fuzz.people('$people') \\g /dev/null\n") if $people ne 'usual';
		observe(\%by_name, 1, [ @sessions, @more_sessions ], @open);
		psql("SELECT fuzz.people('usual') \\g /dev/null\n") if $people ne 'usual';
	}
	note_findings(\%by_name, grep { !%{ $_->{leaks} || {} } && grep { $_ eq 'unscoped' } values %{ $_->{answer} } } @valid);
	psql("SET trovella_guard.mode = off;\nSET client_min_messages = error;\n$drop");
	return;
}

# What the prover says of sets that it calls unscoped: the arm, and the reason.
sub note_findings
{
	my ($by_name, @sets) = @_;
	return unless @sets;
	for my $line (psql(join '', map { "SELECT '$_->{name}|' || fuzz.finding('$_->{name}');\n" } @sets))
	{
		my ($name, $arm, $reason) = $line =~ /^(item_\d+)\|.*?: (?:USING|WITH CHECK) (\(.*): ((?:this|the|function) .*)$/ or next;
		$arm =~ s/\bitem_\d+\b/item/g;
		$by_name->{$name}{arm} = $arm;
		$by_name->{$name}{reason} = $reason;
	}
	return;
}

# Sets that are called unscoped and let nothing through: does the arm that the
# prover names let other tenants' rows through by itself, or its opposite (it
# may stand below a NOT)?  Then the finding is right about the arm, and what
# is around it happens to contradict it.  Fills in "class".
sub classify
{
	my (@sets) = @_;
	my @ways = (
		[ 'the arm does by itself, the rest contradicts it', '%s' ],
		[ 'the arm does where it is false or NULL, the rest contradicts it', '((%s) IS NOT TRUE)' ]);
	for my $way (@ways)
	{
		my @open = grep { !$_->{class} && $_->{arm} } @sets or last;
		my @probes = map {
			my $using = sprintf $way->[1], $_->{arm};
			+{ %$_, policies => [ { name => 'p', permissive => 1, command => 'ALL', roles => 'PUBLIC',
					using => ScopeGrammar::leaf($using) } ] }
		} @open;
		judge(@probes);
		for my $i (0 .. $#open)
		{
			$open[$i]{class} = $way->[0] if %{ $probes[$i]{leaks} || {} };
		}
	}
	$_->{class} //= 'not explained' for @sets;
	return;
}

# Is the set tried by probe(), too?
sub is_tried
{
	my ($set) = @_;
	return $set->{number} % 100 < $opt{p};
}

# The roles that make a difference.
sub roles_of
{
	my ($set) = @_;
	return grep({ / TO scope_fuzz/ } ScopeGrammar::statements($set)) ?
		qw(scope_fuzz_app scope_fuzz_other scope_fuzz_both scope_fuzz_stranger) : 'scope_fuzz_app';
}

# The commands that leak in a trial although the prover had no doubt.
sub contradicted
{
	my ($set) = @_;
	return grep { $set->{trial}{$_} eq 'leaks' && !$set->{answer}{$_} } sort keys %{ $set->{trial} || {} };
}

# The commands that were seen to leak and that a trial calls isolated.
sub called_isolated
{
	my ($set) = @_;
	return grep { ($set->{trial}{$_} // '') eq 'isolated' } sort keys %{ $set->{leaks} || {} };
}

# The same, but for a user's own rows: a trial makes none in another tenant.
sub overlooked
{
	my ($set) = @_;
	return grep { $set->{strangers}{$_} } called_isolated($set);
}

# The commands that the prover doubts and that have not been seen to leak.
sub unexplained
{
	my ($set) = @_;
	return grep { !$set->{leaks}{$_} } sort keys %{ $set->{answer} };
}

# The commands whose rows the prover calls the session user's own.
sub own_rows
{
	my ($set) = @_;
	return grep { $set->{answer}{$_} eq 'own' } sort keys %{ $set->{answer} };
}

# The commands that are tried without the rows of the session's user.
sub spare_commands
{
	my ($set) = @_;
	my %commands = map { $_ => 1 } own_rows($set), called_isolated($set);
	return join ' ', sort keys %commands;
}

# Lets PostgreSQL decide, in each of the sessions.
sub observe
{
	my ($by_name, $how, $sessions, @sets) = @_;
	my $number = 0;
	my $spare = $how eq 'spare';
	my $closely = $how && !$spare;
	for my $session (@$sessions)
	{
		my $sql = "SET client_min_messages = error;\n"
			. 'SELECT fuzz.become(' . join(', ', map { quote($_) } @{ $session->{settings} }) . ") \\g /dev/null\n";
		$number++;
		for my $set (@sets)
		{
			# what set_config() has once touched is not unset any more
			my $statements = join ' ', ScopeGrammar::statements($set);
			next if $statements =~ /set_config/ && grep { !defined } @{ $session->{settings} };

			# where policies name roles, each session plays two of four in turn
			my @roles = qw(scope_fuzz_app scope_fuzz_other scope_fuzz_both scope_fuzz_stranger);
			my $turn = $number + length $statements;
			@roles = ($roles[ $turn % 4 ], $roles[ ($turn + 1 + $turn / 4 % 2) % 4 ]) unless $closely;
			@roles = ('scope_fuzz_app') unless $statements =~ / TO scope_fuzz/;

			my $commands = $spare ? spare_commands($set) : $closely ? join(' ', unexplained($set)) : $set->{commands};
			$sql .= sprintf "SELECT '%s|' || coalesce(fuzz.observe('%s', '%s', '%s', %s, '%s', '%s', '{%s}', %d, %s), '');\n",
				$set->{name}, $set->{name}, $set->{kind}, $set->{type}, $set->{not_null} ? 'true' : 'false',
				$commands, $session->{mine}, join(',', @roles), $closely ? $number : 0, $spare ? 'true' : 'false';
			$sql .= sprintf "SELECT '%s|' || coalesce(fuzz.observe_prepared('%s', '%s', '%s', '%s'), '');\n",
				$set->{name}, $set->{name}, $set->{kind}, $set->{type}, $closely ? $commands : 'SELECT'
				if $session->{prepared} && !$spare && ($closely || $commands =~ /SELECT/);
		}
		for my $line (psql($sql))
		{
			my ($name, $leaks) = $line =~ /^(item_\d+)\|(.*)$/ or die "unexpected: $line\n";
			$by_name->{$name}{ $spare ? 'strangers' : 'leaks' }{$_} //= $session->{name} for split / /, $leaks;
		}
	}
	return;
}

# The commands that leak although the prover had no doubt, or rows that are not
# the user's own although it says so.
sub unsound
{
	my ($set) = @_;
	return () if $set->{invalid};
	return (grep({ !$set->{answer}{$_} } sort keys %{ $set->{leaks} || {} }), grep({ $set->{strangers}{$_} } own_rows($set)));
}

sub show
{
	my ($set) = @_;
	return join("\n", map { "    $_;" } ScopeGrammar::statements($set))
		. "\n    -- organization_id $set->{type}" . ($set->{not_null} ? ' NOT NULL' : '')
		. ($set->{stays} ? ', which nobody may UPDATE' : '') . '; answer: ' . (join(' ', map { "$_ $set->{answer}{$_}" } sort keys %{ $set->{answer} }) || 'scoped')
		. '; leaks: ' . (join(', ', map { "$_ as session $set->{leaks}{$_}" } sort keys %{ $set->{leaks} || {} }) || 'none')
		. (%{ $set->{trial} || {} } ? '; trial: ' . join(' ', map { "$_ $set->{trial}{$_}" } sort keys %{ $set->{trial} }) : '')
		. "\n";
}

# The smallest relative of a set for which "bad" still holds.
sub shrink
{
	my ($set, $bad) = @_;
	for (1 .. 60)
	{
		my @candidates = sort { ScopeGrammar::size($a) <=> ScopeGrammar::size($b) }
			grep { ScopeGrammar::size($_) < ScopeGrammar::size($set) } ScopeGrammar::smaller($set);
		my $found;
		while (@candidates && !$found)
		{
			my @some = splice @candidates, 0, 40;
			judge(@some);
			($found) = grep { !$_->{invalid} && $bad->($_) } @some;
		}
		last unless $found;
		$set = $found;
	}
	judge($set);
	return $set;
}

sub worker
{
	my ($number) = @_;
	my %count;
	my @report;
	$database = "trovella_scope_fuzz_$number";
	psql("CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8'", 'postgres');
	psql("SET client_min_messages = warning;\nCREATE EXTENSION trovella_guard;\n\\i $here/setup.sql\n");

	my $batches = 0;
	for (my $first = 0; $first < @numbers; $first += $opt{b})
	{
		my $last = $first + $opt{b} > @numbers ? @numbers : $first + $opt{b};
		next unless ($first / $opt{b}) % $opt{j} == $number;
		my @sets;
		for (@numbers[ $first .. $last - 1 ])
		{
			ScopeGrammar::seed($opt{s} * 1000003 + $_);
			push @sets, { %{ ScopeGrammar::set() }, number => $_ };
		}
		judge(@sets);
		psql('VACUUM pg_catalog.pg_class; VACUUM pg_catalog.pg_attribute; VACUUM pg_catalog.pg_type; VACUUM pg_catalog.pg_depend; VACUUM pg_catalog.pg_policy; VACUUM pg_catalog.pg_shdepend;')
			if ++$batches % 10 == 0;
		my @false_alarms;
		for my $set (@sets)
		{
			if ($set->{invalid})
			{
				$count{invalid}++;
				push @report, "invalid: $set->{invalid}\n" . show($set) if $opt{v};
				next;
			}
			my ($worst) = (grep({ $_ eq 'unscoped' } values %{ $set->{answer} }),
				grep({ $_ eq 'unproven' } values %{ $set->{answer} }), %{ $set->{answer} } ? 'unproven' : 'scoped');
			my $truth = $set->{leaks} && %{ $set->{leaks} } ? 'leaking' : 'isolating';

			# what only a later execution of a plan, or a session that is
			# not what it was, would show
			$truth = 'undecided' if $truth eq 'isolating'
				&& "@{[ ScopeGrammar::statements($set) ]}" =~ /frozen_|set_config/;
			$count{"$truth $worst"}++;
			$count{own}++ if own_rows($set);
			$count{volatile}++ if "$truth $worst" eq 'isolating unproven'
				&& "@{[ ScopeGrammar::statements($set) ]}" =~ /volatile_/;
			$count{tried}++ if %{ $set->{trial} || {} };
			for my $kind ([ contradicted => \&contradicted ], [ overlooked => \&overlooked ])
			{
				my ($name, $bad) = @$kind;
				next unless $bad->($set);
				$count{$name}++;
				push @report, "$name by a trial, number $set->{number}:\n" . show($set) . "  smallest:\n" . show(shrink($set, sub { $bad->($_[0]) > 0 }))
					if $count{$name} <= ($opt{v} ? 30 : 3);
			}
			if (unsound($set))
			{
				$count{unsound}++;
				push @report, "unsound answer:\n" . show($set) . "  smallest:\n" . show(shrink($set, sub { unsound($_[0]) > 0 }))
					if ($count{unsound} <= 3);
			}
			push @false_alarms, $set if "$truth $worst" eq 'isolating unscoped';
			push @report, "$truth, $worst, number $set->{number}:\n" . show($set)
				if $opt{v} && $truth eq 'isolating' && $worst ne 'scoped';
		}
		classify(@false_alarms) unless $opt{q};
		for my $set (grep { $_->{class} } @false_alarms)
		{
			$count{"class $set->{class}"}++;
			push @report, "not explained, number $set->{number}: @{[ $set->{reason} // '' ]}\n" . show($set)
				if $set->{class} eq 'not explained';
		}
	}
	psql("DROP DATABASE $database", 'postgres');
	open my $out, '>', "$scratch/result.$number" or die $!;
	print $out "$_\t$count{$_}\n" for keys %count;
	print $out "-\n", @report;
	close $out;
	return;
}

# ----------------------------------------------------------------

psql(<<'SQL', 'postgres');
SET client_min_messages = error;
CREATE ROLE scope_fuzz_app;
CREATE ROLE scope_fuzz_other;
CREATE ROLE scope_fuzz_stranger;
CREATE ROLE scope_fuzz_both IN ROLE scope_fuzz_app, scope_fuzz_other;
CREATE ROLE scope_fuzz_service BYPASSRLS;
SQL

my $began = time;
my @children;
for my $number (0 .. $opt{j} - 1)
{
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		$scratch->unlink_on_destroy(0);
		eval { worker($number); 1 } or do { print STDERR $@; exit 1; };
		exit 0;
	}
	push @children, $pid;
}
my $died = 0;
for (@children) { waitpid $_, 0; $died++ if $?; }

my %count = map { $_ => 0 } ('unsound', 'tried', 'contradicted', 'overlooked', 'invalid', 'volatile', 'own', map { my $t = $_; map { "$t $_" } qw(scoped unproven unscoped) } qw(isolating leaking undecided));
for my $number (0 .. $opt{j} - 1)
{
	open my $in, '<', "$scratch/result.$number" or next;
	while (<$in>)
	{
		last if /^-$/;
		my ($what, $n) = /^(.*)\t(\d+)$/;
		$count{$what} += $n;
	}
	print while <$in>;
}
psql("DROP DATABASE IF EXISTS trovella_scope_fuzz_$_", 'postgres') for 0 .. $opt{j} - 1;
psql('DROP ROLE scope_fuzz_both, scope_fuzz_app, scope_fuzz_other, scope_fuzz_stranger, scope_fuzz_service', 'postgres');

my $isolating = $count{'isolating scoped'} + $count{'isolating unproven'} + $count{'isolating unscoped'};
my $undecided = $count{'undecided scoped'} + $count{'undecided unproven'} + $count{'undecided unscoped'};
my $leaking = $count{'leaking scoped'} + $count{'leaking unproven'} + $count{'leaking unscoped'};
printf "seed %d: %d sets tried in %d s, %d could not be made\n", $opt{s}, $isolating + $leaking + $undecided, time - $began, $count{invalid};
printf "  %6d let a row of another tenant through: %d called unscoped, %d unproven, %d scoped\n",
	$leaking, @count{ 'leaking unscoped', 'leaking unproven', 'leaking scoped' };
printf "  %6d let none through here: %d proven (%.1f %%), %d unproven, %d called unscoped\n",
	$isolating, $count{'isolating scoped'}, $isolating ? 100 * $count{'isolating scoped'} / $isolating : 0,
	@count{ 'isolating unproven', 'isolating unscoped' };
printf "         (%d of the unproven call a volatile function, which is meant to be unproven: %.1f %% of the others are proven)\n",
	$count{volatile}, $isolating > $count{volatile} ? 100 * $count{'isolating scoped'} / ($isolating - $count{volatile}) : 0;
printf "  %6d of those called unscoped: %s\n", $count{$_}, s/^class //r
	for sort { $count{$b} <=> $count{$a} } grep { /^class / } keys %count;
printf "  %6d can't be decided by observation: %d proven, %d unproven, %d called unscoped\n",
	$undecided, @count{ 'undecided scoped', 'undecided unproven', 'undecided unscoped' };
printf "  %6d show rows of the session's user, according to the prover\n", $count{own};
printf "  %6d were tried by probe(): %d contradict the prover, %d leaks overlooked\n", @count{qw(tried contradicted overlooked)};
printf "  %6d unsound answers\n", $count{unsound};
exit($died || $count{unsound} || $count{contradicted} || $count{overlooked} ? 1 : 0);
