# Temporary.pm: temporary objects, and what comes to depend on them, at once or
# by way of functions that call functions.

package Lab::Grammar::Temporary;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

my $tenant = "current_setting('app.current_organization_id', true)";

# One of the functions that say the session's tenant; each may call only later
# ones.
sub tenant_function
{
	my ($n, $temporary) = @_;
	my $body = pick("SELECT $tenant",
		("SELECT $tenant WHERE NOT EXISTS (SELECT FROM $temporary)") x 3,
		("SELECT fn.f" . ($n + 1) . '()') x ($n < 4 ? 2 : 0));
	return "CREATE OR REPLACE FUNCTION fn.f$n() RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC $body; END";
}

sub actions
{
	my ($g) = @_;
	my $relation = $g->tenant_relation;
	my $t = $relation->{name};
	my $temporary = 'pg_temp.tt' . (1 + int rand 3);
	my $on_commit = pick('', ' ON COMMIT DROP', ' ON COMMIT DROP', ' ON COMMIT DELETE ROWS');
	my $create = "CREATE TEMP TABLE $temporary (x text, organization_id text)$on_commit";
	my $n = 1 + int rand 4;
	my $policy = pick(@{ $relation->{policies} }) // 'p_all';
	my $mine = "USING (organization_id = (SELECT fn.f$n()))";
	my $name = $g->new_name;

	return (
		[2, $create],
		[4, $create, tenant_function($n, $temporary)],
		[3, tenant_function($n, $temporary)],
		[4, "CREATE TABLE $name (id text, organization_id text NOT NULL)", "CREATE INDEX ON $name (organization_id)",
			"CREATE POLICY p_all ON $name $mine", "ALTER TABLE $name ENABLE ROW LEVEL SECURITY"],
		[2, "CREATE POLICY p_temporary ON $t $mine"],
		[3, "ALTER POLICY $policy ON $t $mine"],
		[2, $create, "CREATE POLICY p_asks ON $t " . pick('', 'AS RESTRICTIVE ')
			  . "USING (organization_id = $tenant AND NOT EXISTS (SELECT FROM $temporary))"],
		[1, "CREATE FUNCTION pg_temp.tf(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT \$1'"],
		[1, "CREATE INDEX ON $t (organization_id) WHERE pg_temp.tf(id) <> 'x'"],
		[1, 'CREATE DOMAIN pg_temp.td AS text'],
		[1, "CREATE DOMAIN pg_temp.td AS text", "ALTER TABLE $t ADD COLUMN organization_id pg_temp.td"],
		[1, "CREATE DOMAIN pg_temp.td AS text",
			"ALTER TABLE $t ALTER COLUMN organization_id TYPE pg_temp.td"],
		[1, 'CREATE COLLATION pg_temp.tc FROM "C"',
			"ALTER TABLE $t ALTER COLUMN organization_id TYPE text COLLATE pg_temp.tc"],
		[1, "CREATE TEMP VIEW tv AS SELECT * FROM $t"],
		[1, "ALTER FUNCTION fn.f$n() VOLATILE"],
		[1, "DROP FUNCTION fn.f$n() CASCADE"],
		[1, 'DISCARD TEMP']);
}

1;
