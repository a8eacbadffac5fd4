# Exposure.pm: ways by which somebody reads the rows of all tenants in spite of
# good policies: views on views, materialized views, rules, and SECURITY DEFINER
# functions.

package Lab::Grammar::Exposure;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

sub actions
{
	my ($g) = @_;
	my $t = $g->tenant_relation->{name};
	my $other = $g->tenant_relation->{name};
	my $role = pick(qw(regress_lab_app regress_lab_app regress_lab_other PUBLIC));
	my $owner = pick(qw(regress_lab_owner regress_lab_app regress_lab_other CURRENT_USER));
	my $v = 's1.v' . (1 + int rand 4);
	my $m = 's2.m' . (1 + int rand 2);
	my $f = 'wk.d' . (1 + int rand 3);
	my $source = pick($t, $t, $t, 's1.v' . (1 + int rand 4), $m);
	my $with = pick('', '', ' WITH (security_invoker)', ' WITH (security_barrier)');
	my $query = "SELECT * FROM $source"
	  . pick('', '', " WHERE organization_id = current_setting('app.current_organization_id', true)");
	my $rows = "SELECT organization_id FROM $source";

	return (
		[4, "CREATE VIEW $v$with AS $query"],
		[3, "CREATE VIEW $v$with AS $query", "GRANT SELECT ON $v TO $role"],
		[1, "CREATE OR REPLACE VIEW $v$with AS $query"],
		[1, "ALTER VIEW $v " . pick('SET (security_invoker)', 'RESET (security_invoker)')],
		[1, "ALTER VIEW $v OWNER TO $owner"],
		[2, "GRANT " . pick(qw(SELECT ALL INSERT)) . " ON $v TO $role"],
		[1, "REVOKE ALL ON $v FROM $role"],
		[1, "DROP VIEW $v CASCADE"],
		[3, "CREATE MATERIALIZED VIEW $m AS $query"],
		[2, "GRANT SELECT ON $m TO $role"],
		[1, "ALTER MATERIALIZED VIEW $m OWNER TO $owner"],
		[1, "REFRESH MATERIALIZED VIEW $m"],
		[1, "DROP MATERIALIZED VIEW $m CASCADE"],
		[1, "CREATE RULE r1 AS ON UPDATE TO $t DO ALSO SELECT * FROM $other"],
		[1, "DROP RULE r1 ON $t"],
		[3, "CREATE OR REPLACE FUNCTION $f() RETURNS SETOF text LANGUAGE sql "
			  . pick('SECURITY DEFINER ', 'SECURITY DEFINER ', '')
			  . pick("BEGIN ATOMIC $rows; END", "AS '$rows'")],
		[1, "ALTER FUNCTION $f() " . pick('SECURITY DEFINER', 'SECURITY INVOKER', "OWNER TO $owner")],
		[1, pick("GRANT EXECUTE ON FUNCTION $f() TO $role", "REVOKE EXECUTE ON FUNCTION $f() FROM PUBLIC, $role")],
		[1, "CREATE PUBLICATION pub1 FOR TABLE $t"],
		[1, 'DROP PUBLICATION pub1']);
}

1;
