#!/usr/bin/perl
#
# walk.pl: walks at random through the world of tenant tables, and holds the
# guard against the oracle after every transaction.
#
#   test/lab/walk.pl [--seconds N] [--seed N] [--sessions N] [--episode SEED]
#                    [--length N] [--plain] [--no-scope] [--themes A,B]
#
# Needs a server that PGHOST and PGUSER lead to, as a superuser, with
# trovella_guard installed and max_prepared_transactions above zero.  It makes
# databases lab_* and roles regress_lab_*, and drops them.

use strict;
use warnings;

use FindBin;
use Getopt::Long;
use lib "$FindBin::Bin/lib";
use Lab::Walker;

my %option = (seconds => 60, seed => time(), sessions => 1, length => 100);
GetOptions(\%option, 'seconds=i', 'seed=i', 'sessions=i', 'episode=i',
	'length=i', 'plain', 'no-scope', 'keep-going', 'themes=s')
  or die "see the head of this file\n";

$| = 1;
my $walker = Lab::Walker->new(dir => $FindBin::Bin, seed => $option{seed},
	sessions => $option{sessions}, length => $option{length},
	fancy => !$option{plain}, scope => !$option{'no-scope'},
	themes => [ split /,/, $option{themes} // '' ], episode_seed => $option{episode});
$walker->prepare;
print "seed $option{seed}, $option{sessions} session(s)"
  . ($walker->{scope} ? '' : ', policy scope not observed') . "\n";

my $failed = 0;
my $end = time() + $option{seconds};
while ((my $left = $end - time()) > 0)
{
	my $failure = $walker->walk($left);
	last if !$failure && defined $option{episode};
	next unless $failure;
	$failed++;
	print "FAILURE after $failure->{after} s: $failure->{kind}: $failure->{what}\n",
	  "(--episode $failure->{seed} --sessions $option{sessions}; ",
	  $failure->{shrunk} ? "shrunk" : "not reproduced, so not shrunk", ")\n",
	  $failure->{script};
	last unless $option{'keep-going'};
	$walker->counted('episodes');
}
print "$walker->{count}{$_} $_\n" foreach sort keys %{ $walker->{count} };
$walker->finish;
exit($failed ? 1 : 0);
