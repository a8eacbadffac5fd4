#!/usr/bin/perl
#
# faults_walk.t: random transactions in several sessions, and something goes
# wrong in the middle of their verdicts.
#
# LAB_SECONDS (20) says how long, LAB_SEED (1) where it starts.  Runs in a
# cluster of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Lab::Faults;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{LAB_SECONDS} || 20;
my $seed = $ENV{LAB_SEED} || 1;

my $node = PostgreSQL::Test::Cluster->new('faults_walk');
$node->init;
$node->append_conf('postgresql.conf', q{
autovacuum = off
log_line_prefix = '%m [%p] %e %q%a '
log_statement = none
max_prepared_transactions = 20
restart_after_crash = on
});
$node->start;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

my $faults = Lab::Faults->new(node => $node, dir => $FindBin::RealBin, seed => $seed);
$faults->prepare;
my $failure = $faults->walk($seconds);
my $count = $faults->{count};

is($failure, undef, "nothing that was safe became unsafe, and the server is well, seed $seed");
# How many depends on how busy the machine is; a short walk may meet none.
cmp_ok($count->{'faults within a verdict'} // 0, '>', 0, 'verdicts were disturbed') if $seconds >= 60;
cmp_ok($count->{commits} // 0, '>', 0, 'and others were not');
note("$count->{$_} $_") foreach sort keys %$count;
$faults->finish unless $failure;
$node->stop($failure ? 'immediate' : 'fast');
done_testing();
