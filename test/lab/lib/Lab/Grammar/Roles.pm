# Roles.pm: attributes and memberships of roles, owners, and privileges that
# other commands carry.  Roles belong to the cluster: the walker takes back what
# an episode has made of them.

package Lab::Grammar::Roles;

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
	my $group = pick(qw(regress_lab_owner regress_lab_other regress_lab_new1
		  regress_lab_new2 regress_lab_new2));
	my $member = pick(qw(regress_lab_app regress_lab_app regress_lab_other regress_lab_new1));
	my $any = pick($group, $member);
	my $new = 'regress_lab_new' . (1 + int rand 2);
	my $schema = 'n' . (1 + int rand 3);

	my @actions = (
		[3, "CREATE ROLE $new " . pick('', 'BYPASSRLS', 'SUPERUSER', 'LOGIN', "IN ROLE $any", "ROLE $member")],
		[4, "ALTER ROLE $any " . pick('BYPASSRLS', 'NOBYPASSRLS', 'SUPERUSER', 'NOSUPERUSER',
				'LOGIN', 'NOLOGIN', 'INHERIT', 'NOINHERIT', 'CREATEROLE')],
		[1, "DROP OWNED BY $new", "DROP ROLE $new"],
		[2, "ALTER TABLE $t OWNER TO $group"],
		[2, "ALTER TABLE $t " . pick('FORCE', 'NO FORCE') . ' ROW LEVEL SECURITY'],
		[1, "REASSIGN OWNED BY $group TO $member"],
		[2, "CREATE SCHEMA $schema GRANT SELECT ON $t TO $any"],
		[1, "CREATE SCHEMA $schema AUTHORIZATION $group CREATE TABLE x1 (id text, organization_id text)"
			  . ' CREATE VIEW v1 AS SELECT * FROM x1 GRANT ALL ON x1 TO regress_lab_app'],
		[2, "GRANT " . pick('SELECT', 'ALL', 'INSERT', 'UPDATE (id)') . " ON $t TO $any"]);

	# who has not loaded the library does not see a GRANT of a role
	push @actions, (
		[5, "GRANT $group TO $member" . pick('', '', ' WITH ADMIN OPTION')],
		[2, "REVOKE $group FROM $member"],
		[2, "ALTER GROUP $group ADD USER $member"],
		[1, "ALTER GROUP $group DROP USER $member"],
		[1, 'GRANT ' . pick(qw(pg_read_all_data pg_write_all_data pg_monitor)) . " TO $any"]
	) if $g->{preload};
	return @actions;
}

1;
