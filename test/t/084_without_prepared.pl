#-------------------------------------------------------------------------
#
# 084_without_prepared.pl
#		A server without prepared transactions, which is the default, has
#		results of its own for each isolation test that prepares some.
#
# "make test" runs on a server that has them, and would not notice that such a
# file was forgotten when a test changed.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";

sub permutations
{
	my ($file) = @_;
	return [ grep { /^starting permutation/ } split /\n/, -e $file ? slurp_file($file) : '' ];
}

foreach my $spec (sort glob "$top/specs/*.spec")
{
	next if slurp_file($spec) !~ /PREPARE TRANSACTION/;
	my ($name) = $spec =~ m{([^/]+)\.spec$};
	my $without = permutations("$top/expected/${name}_1.out");

	is_deeply($without, permutations("$top/expected/$name.out"),
		"${name}_1.out has the permutations of $name.out");
}

done_testing();
