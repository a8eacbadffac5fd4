#!/usr/bin/perl
#
# walk.t: a short walk of the laboratory, as TAP.
#
# LAB_SECONDS (45) says how long, LAB_SEED (16000) where it starts: without
# them every run walks the same way, as far as the machine's speed lets it.
# PGHOST and PGUSER lead to a temporary cluster, as a superuser.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lab::Walker;
use Test::More;

my $seconds = $ENV{LAB_SECONDS} || 45;
my $seed = $ENV{LAB_SEED} || 16000;
my @walks = (['one session', 1, 0.6], ['three sessions', 3, 0.4]);

foreach (@walks)
{
	my ($name, $sessions, $share) = @$_;
	my $walker = Lab::Walker->new(dir => $FindBin::Bin, seed => $seed,
		sessions => $sessions);
	$walker->prepare;
	my $failure = $walker->walk($seconds * $share);
	$walker->finish;

	my $count = $walker->{count};
	ok(!$failure, "the guard and the oracle agree, $name, seed $seed");
	diag("$failure->{kind}: $failure->{what}\n--episode $failure->{seed} --sessions $sessions\n$failure->{script}")
	  if $failure;
	cmp_ok($count->{transactions} // 0, '>', $seconds * $share / 10,
		"the walk went somewhere, $name");
	cmp_ok($count->{'refusals confirmed'} // 0, '>', 0, "refusals were confirmed, $name");
	note("$count->{$_} $_") foreach sort keys %$count;
}
done_testing();
