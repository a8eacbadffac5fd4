#-------------------------------------------------------------------------
#
# 063_documented.pl
#		Every rule and every setting is where a user would look for it, with
#		the level or default that it really has, and has a regression test.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;

my $top = "$FindBin::RealBin/../..";
my $readme = slurp_file("$top/README.md");
my $rules_md = slurp_file("$top/docs/rules.md");
my $regression = join '', map { slurp_file($_) } glob "$top/{sql,expected}/*";

my $node = PostgreSQL::Test::Cluster->new('documented');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION trovella_guard');

my %known;
foreach my $row (
	split /\n/,
	$node->safe_psql(
		'postgres',
		'SELECT rule, checklist, isolation, strict FROM trovella_guard.rules'))
{
	my ($rule, $level, $isolation, $strict) = split /\|/, $row;
	my $others = join ', ',
	  $isolation ne $level ? "isolation: $isolation" : (),
	  $strict ne $level ? "strict: $strict" : ();
	my $said = $others eq '' ? $level : "$level ($others)";

	$known{$rule} = 1;
	like($readme,
		qr/^\| `$rule` \| $level \| $isolation \| $strict \| \S/m,
		"$rule is in the README with its level in each profile");
	like($rules_md, qr/^## $rule\n\n\*\Q$said\E\.\* \S/m,
		"$rule has a section in docs/rules.md with them");
	like($regression, qr/\b$rule\b/, "$rule has a regression test");
}
cmp_ok(scalar keys %known, '>', 10, 'there are rules');
is_deeply(
	[ grep { !$known{$_} } $rules_md =~ /^## (\S+)$/mg ],
	[], 'docs/rules.md describes no rule that is not there');

foreach my $row (
	split /\n/,
	$node->safe_psql(
		'postgres',
		q{LOAD 'trovella_guard';
		  SELECT name, boot_val FROM pg_settings WHERE name ~ '^trovella_guard'}))
{
	my ($name, $default) = split /\|/, $row, 2;
	my $shown = $default eq '' ? '(none)' : "`$default`";

	like($readme, qr/^\| `$name` \| \Q$shown\E \| \S/m,
		"$name is in the README with its default");
}

$node->stop;
done_testing();
