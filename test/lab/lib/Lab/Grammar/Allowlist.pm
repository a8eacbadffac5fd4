# Allowlist.pm: debts, entries for one object, sealed entries, excused roles.

package Lab::Grammar::Allowlist;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

sub actions
{
	my ($g) = @_;
	my $relation = $g->tenant_relation;
	my $t = $relation->{name};
	my $schema = $g->schema;
	my $policy = pick(@{ $relation->{policies} }) // 'p_all';
	my $key = pick(map { $_->[0] } @{ $relation->{constraints} }) // 'nothing';
	my $commands = pick('INSERT', 'UPDATE, DELETE', 'SELECT, INSERT, UPDATE, DELETE');
	# the name of an entry, not quoted for SQL
	(my $entry = $t) =~ s/'/''/g;

	return (
		# old faults, and their debts
		[6, 'SET LOCAL trovella_guard.mode = off', $g->migration(careless => 0.5)],
		[5, "SELECT trovella_guard.adopt('day 0', "
			  . pick("NULL", "now() + interval '1 year'") . ", '" . pick(qw(error warning)) . "')"],
		[1, "SELECT trovella_guard.adopt('day 0', schema => '$schema')"],
		[2, "SELECT count(*) FROM trovella_guard.prune()"],
		[2, "SELECT trovella_guard.disallow('$entry', "
			  . pick("'policy_missing'", "'rls_disabled'", "'policy_unscoped'") . ')'],
		[2, "UPDATE trovella_guard.allowlist SET expires_at = now() - interval '1 day' WHERE adopted AND md5(table_name || object) < '4'"],
		[2, "SELECT trovella_guard.allow('$entry', 'because', 'policy_missing', object => '$commands')"],
		[1, "SELECT trovella_guard.allow('$entry', 'because', 'policy_unscoped', object => '$policy')"],
		[1, "SELECT trovella_guard.allow('$entry', 'because', 'fk_index_missing', object => '$key')"],
		[3, "SELECT trovella_guard.allow('" . pick($entry, "$schema.*") . "', 'a copy', sealed => true)"],
		[1, "SELECT trovella_guard.disallow('" . pick($entry, "$schema.*") . "')"],
		[1, "SELECT trovella_guard.allow_role('" . pick(qw(regress_lab_other regress_lab_owner)) . "', 'because')"],
		[1, "SELECT trovella_guard.disallow_role('regress_lab_other')"],
		[1, "SELECT trovella_guard.allow_bypass('app.bypass', 'administrators')"],
		[1, "SELECT trovella_guard.disallow_bypass('app.bypass')"],
		[1, "CREATE POLICY p_bypass ON $t USING (current_setting('app.bypass', true) = 'on')"]);
}

1;
