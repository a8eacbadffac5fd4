# Asking.pm: policies that ask other tables, tables that are asked, and tables
# that only a restrictive policy closes.

package Lab::Grammar::Asking;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

my $tenant = "current_setting('app.current_organization_id', true)";

sub actions
{
	my ($g) = @_;
	my $t = $g->tenant_relation->{name};
	my $asked = $g->tenant_relation->{name};
	my $asks = pick("organization_id IN (SELECT u.organization_id FROM $asked u)",
		"organization_id IN (SELECT u.organization_id FROM $asked u)",
		"organization_id = (SELECT u.organization_id FROM $asked u WHERE u.id IS NOT NULL LIMIT 1)",
		"EXISTS (SELECT FROM $asked u WHERE u.organization_id = $tenant)");
	my $restrictive = "CREATE POLICY p_closes ON $t AS RESTRICTIVE USING (organization_id = $tenant)";

	return (
		[4, "CREATE POLICY p_asks ON $t USING ($asks)"],
		[4, "CREATE POLICY p_asks ON $t USING ($asks)", $restrictive],
		[1, "CREATE POLICY p_asks ON $t TO regress_lab_owner USING ($asks)"],
		[1, "ALTER POLICY p_asks ON $t " . pick('TO PUBLIC', 'TO regress_lab_owner', "USING ($asks)")],
		[2, $restrictive],
		[4, "DROP POLICY p_closes ON $t"],
		[1, "ALTER POLICY p_closes ON $t USING (true)"],
		[4, "ALTER TABLE $asked DISABLE ROW LEVEL SECURITY"],
		[1, "ALTER TABLE $asked RENAME COLUMN organization_id TO org"],
		[1, "SELECT trovella_guard.allow('$asked', 'because')"],
		[1, "DROP POLICY p_asks ON $t"]);
}

1;
