# Families.pm: inheritance from several parents, and structures that are deep,
# wide or long.  Those are in schema "deep", of which nobody makes tenant tables.

package Lab::Grammar::Families;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

# Two tables on each level, each with both tables of the level above as parents.
my $lattice = q{DO 'BEGIN CREATE TABLE deep.l0a (x int); CREATE TABLE deep.l0b (x int);
FOR k IN 1..24 LOOP
EXECUTE format(''CREATE TABLE deep.l%sa () INHERITS (deep.l%sa, deep.l%sb)'', k, k - 1, k - 1);
EXECUTE format(''CREATE TABLE deep.l%sb () INHERITS (deep.l%sa, deep.l%sb)'', k, k - 1, k - 1);
END LOOP; END'};

my $chain = q{DO 'BEGIN CREATE TABLE deep.c0 (x int);
FOR k IN 1..110 LOOP EXECUTE format(''CREATE TABLE deep.c%s () INHERITS (deep.c%s)'', k, k - 1); END LOOP; END'};

# Views over views, the lowest over a table.
sub views
{
	my ($t) = @_;
	return "DO 'BEGIN CREATE VIEW deep.v0 AS SELECT * FROM $t;"
	  . " FOR k IN 1..60 LOOP EXECUTE format(''CREATE VIEW deep.v%s AS SELECT * FROM deep.v%s'', k, k - 1); END LOOP; END'";
}

sub actions
{
	my ($g) = @_;
	my $t = $g->tenant_relation->{name};
	my ($one, $two) = map { $g->relation->{name} } 1, 2;
	my $name = $g->new_name;
	my $tenant = "current_setting('app.current_organization_id', true)";
	my $depth = pick(100, 4800);
	my $long = pick(
		join(' AND ', "organization_id = $tenant", map { "id <> '$_'" } 1 .. 300),
		join(' OR ', map { "organization_id = $tenant AND id <> '$_'" } 1 .. 200),
		'organization_id = ' . ('lower(' x $depth) . $tenant . (')' x $depth));

	return (
		[6, "CREATE TABLE $name () INHERITS ($one, $two)"],
		[3, "CREATE TABLE $name (id text, organization_id text NOT NULL) INHERITS ($one)"],
		[3, "ALTER TABLE $t INHERIT $one"],
		[2, "ALTER TABLE $t NO INHERIT $one"],
		[1, $lattice],
		[2, $lattice, "ALTER TABLE $t ADD COLUMN x int", "ALTER TABLE $t INHERIT deep.l24a"],
		[1, $chain],
		[2, "ALTER TABLE $t ADD COLUMN x int", "ALTER TABLE $t INHERIT deep.c" . pick(10, 90, 110)],
		[1, 'GRANT SELECT ON deep.' . pick(qw(l0a l24a c0 c50)) . ' TO ' . pick(qw(PUBLIC regress_lab_app))],
		[1, views($t), 'GRANT SELECT ON deep.v' . pick(0, 30, 60) . ' TO regress_lab_app'],
		[2, "CREATE POLICY p_long ON $t USING ($long)"],
		[1, "ALTER POLICY p_all ON $t USING ($long)"],
		[1, "ALTER TABLE $t " . join(', ', map { "ADD COLUMN c$_ int" } 1 .. 200)]);
}

1;
