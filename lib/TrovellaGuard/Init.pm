#-------------------------------------------------------------------------
#
# Init.pm
#		The verb "init": writes a configuration after a look at a schema.
#
# It guesses what names and numbers show.  Why a table is global only people know, so
# each reason is "TODO", and until it is written the tools refuse the file.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Init;

use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use TrovellaGuard::Config qw(setting_sql name_list);
use TrovellaGuard::Copy ();
use TrovellaGuard::Process qw(progress usage note write_file);
use TrovellaGuard::Source ();

# Names of tenant columns, the likeliest first.
my @tenant_columns = qw(organization_id org_id organisation_id tenant_id workspace_id
  account_id team_id company_id customer_id store_id site_id);

# Returns the exit status.
sub run
{
	my ($option, @arguments) = @_;
	my $path = $option->{output} // '.trovella-guard.toml';

	usage('init takes one source') if @arguments > 1;
	usage("$path is there already; --force overwrites it") if -e $path && !$option->{force};
	local $option->{no_config} = 1;
	my $copy = TrovellaGuard::Copy->new(TrovellaGuard::Source->new($arguments[0]), $option);

	progress('looking at the schema ...');
	my @columns = $option->{tenant_column} ? @{ $option->{tenant_column} } : guess_columns($copy);
	my @roles = $option->{app_role} ? @{ $option->{app_role} } : guess_roles($copy);
	note('no column looks as if it said whose a row is: write it into the file') if !@columns;
	$copy->query(join "\n", @columns ? setting_sql('tenant_columns', name_list(@columns)) : (),
		@roles ? setting_sql('app_role', name_list(@roles)) : ());

	my @global = map { [ split /\t/ ] } split /\n/, $copy->query(<<~'SQL');
		SELECT pg_catalog.format(E'%I.%I\t%s', schema_name, table_name,
		         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.confrelid = r.oid))
		FROM trovella_guard_internal.relations() r
		WHERE class = 'unclassified'
		ORDER BY schema_name, table_name
		SQL
	write_file(toml(\@columns, \@roles, $option->{profile}, @global), $path);
	note("$path is written; " . (@global ? scalar(@global) . ' reasons are TODO' : 'no table needs a reason'));
	return 0;
}

# The column of these names that most tables have; one that as many have counts, too.
sub guess_columns
{
	my ($copy) = @_;
	my %tables = map { split /\t/ } split /\n/, $copy->query(<<~'SQL');
		SELECT pg_catalog.format(E'%s\t%s', a.attname, pg_catalog.count(*))
		FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		JOIN trovella_guard_internal.relations() r ON r.oid = c.oid AND r.class <> 'global'
		WHERE a.attnum > 0 AND NOT a.attisdropped
		GROUP BY a.attname
		SQL
	my %score;

	foreach my $name (keys %tables)
	{
		(my $snake = $name) =~ s/(?<=[a-z0-9])([A-Z])/_\l$1/g;
		$score{$name} = $tables{$name} if grep { lc $snake eq $_ } @tenant_columns;
	}
	my ($best) = sort { $score{$b} <=> $score{$a} || $a cmp $b } keys %score;
	return $best // ();
}

# Roles that serve sessions: those that policies name or that tables are granted to,
# and that neither own tables nor bypass row-level security.
sub guess_roles
{
	my ($copy) = @_;
	my %excused = map { $_ => 1 } map { @{ $_->{roles} } } @{ $copy->{excused} };
	my @app_roles = map { @{ $_->{app_roles} } } @{ $copy->{excused} };

	return @app_roles if @app_roles;
	return grep { !$excused{$_} } split /\n/, $copy->query(<<~'SQL');
		SELECT r.rolname
		FROM pg_catalog.pg_roles r
		WHERE NOT r.rolsuper AND NOT r.rolbypassrls AND r.rolname !~ '^pg_'
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p'))
		  AND (EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE r.oid = ANY (p.polroles))
		       OR EXISTS (SELECT FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
		                  WHERE c.relkind IN ('r', 'p') AND a.grantee = r.oid AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')))
		ORDER BY 1
		SQL
}

sub quoted { return '"' . $_[0] =~ s/(["\\])/\\$1/gr =~ s/\n/\\n/gr . '"' }

sub toml
{
	my ($columns, $roles, $profile, @global) = @_;
	my $list = sub { '[' . join(', ', map { quoted($_) } @_) . ']' };

	return join '', <<~TOML, map { <<~ENTRY } @global;
		# What trovella-guard takes for decided.  See docs/managed.md of trovella_guard.

		# The column that says whose a row is
		tenant_columns = ${\ $list->(@$columns)}

		# The roles that serve tenants
		app_role = ${\ $list->(@$roles)}

		# checklist, isolation (only what lets rows of another tenant be reached) or strict
		profile = ${\ quoted($profile // 'isolation')}

		# Tables without that column.  Say of each why it holds no rows of a tenant; remove
		# the entries of those that do.
		TOML

		[[allow]]
		relation = ${\ quoted($_->[0])}
		reason = "TODO${\ ($_->[1] ? qq{: $_->[1] foreign keys refer to it} : '')}"
		ENTRY
}

1;
