#!/usr/bin/env perl
#
# scope_fuzz.t: a few hundred random sets of policies, always the same ones,
# as a test.  See scope_fuzz.pl.
#
# SCOPE_FUZZ_SETS and SCOPE_FUZZ_SEED ask for more, or for others, and
# SCOPE_FUZZ_TRIALS for the percentage that probe() tries, too.

use strict;
use warnings;

use File::Basename;
use Test::More;

my $sets = $ENV{SCOPE_FUZZ_SETS} || 300;
my $seed = $ENV{SCOPE_FUZZ_SEED} || 42;

my $share = $ENV{SCOPE_FUZZ_TRIALS} // 10;

my $fuzz = dirname(__FILE__) . '/scope_fuzz.pl';
my $output = `$^X $fuzz -n $sets -s $seed -p $share 2>&1`;
my $status = $?;

diag($output) if $status;
my ($tried, $invalid) = $output =~ /(\d+) sets tried in \d+ s, (\d+) could not be made/;
my ($leaking, $called_scoped) =
	$output =~ /(\d+) let a row of another tenant through: .* (\d+) scoped$/m;
my ($proven, $unproven, $unscoped) =
	$output =~ /let none through here: (\d+) proven .* (\d+) unproven, (\d+) called unscoped$/m;
my ($unsound) = $output =~ /(\d+) unsound answers$/m;

is($status, 0, 'the fuzzer ran to its end and found nothing unsound');
is(($tried // 0) + ($invalid // 0), $sets, "$sets sets of policies were tried");
is($invalid, 0, 'all of them could be made');
cmp_ok($leaking // 0, '>', $sets / 10, 'some of them let rows of another tenant through');
is($called_scoped, 0, 'none of these was called scoped');
is($unsound, 0, 'no command that leaks was called scoped');
cmp_ok($proven // 0, '>=', 0.9 * (($proven // 0) + ($unproven // 0) + ($unscoped // 0)),
	'at least nine in ten of those that let none through were proven');
my ($trials, $contradict, $overlooked) =
	$output =~ /(\d+) were tried by probe\(\): (\d+) contradict the prover, (\d+) leaks overlooked$/m;
cmp_ok($trials // 0, '>=', $sets * $share / 100, 'probe() tried its share of the sets');
is($contradict, 0, 'no trial contradicts the prover');
is($overlooked, 0, 'and none calls isolated what was seen to leak');
note($output);
done_testing();
