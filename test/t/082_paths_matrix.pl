#-------------------------------------------------------------------------
#
# 082_paths_matrix.pl
#		docs/paths.md lists the roads that the tests take, neither more nor
#		less.  Needs no server.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

my $said = `perl "$FindBin::RealBin/../paths" --check`;

is($?, 0, 'docs/paths.md has the roads of the tests') or diag($said);

done_testing();
