# Hostile.pm: what others have put into the search_path and into the schema of
# the extension, and superusers who use what the guard prints.

package Lab::Grammar::Hostile;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

# The objects of schema "evil" run no harm but say who ran them.
sub world_sql
{
	my $body = q{plpgsql STABLE AS 'BEGIN
IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN
RAISE EXCEPTION ''hijacked'' USING ERRCODE = ''LBHIJ''; END IF; RETURN true; END'};
	my @sql = ('CREATE SCHEMA evil AUTHORIZATION regress_lab_other', 'GRANT USAGE ON SCHEMA evil TO PUBLIC',
		'SET ROLE regress_lab_other');
	foreach (['text', 'text'], ['varchar', 'text'], ['name', 'text'], ['text', 'name'], ['name', 'name'])
	{
		push @sql, "CREATE FUNCTION evil.eq($_->[0], $_->[1]) RETURNS bool LANGUAGE $body",
		  "CREATE OPERATOR evil.= (LEFTARG = $_->[0], RIGHTARG = $_->[1], FUNCTION = evil.eq)",
		  "CREATE OPERATOR evil.<> (LEFTARG = $_->[0], RIGHTARG = $_->[1], FUNCTION = evil.eq)";
	}
	push @sql, "CREATE FUNCTION evil.current_setting(text, bool) RETURNS text LANGUAGE "
	  . ($body =~ s/RETURN true/RETURN ''b''/r),
	  "CREATE FUNCTION evil.format(text, name) RETURNS text LANGUAGE " . ($body =~ s/RETURN true/RETURN ''SELECT 1''/r),
	  "CREATE FUNCTION evil.quote_ident(name) RETURNS text LANGUAGE " . ($body =~ s/RETURN true/RETURN ''x''/r);
	return (@sql, 'RESET ROLE');
}

sub actions
{
	my ($g) = @_;
	my $t = $g->tenant_relation->{name};
	(my $name = $t) =~ s/'/''/g;
	my $path = 'SET LOCAL search_path = ' . pick('evil, pg_catalog', 'evil, pg_catalog', 'evil', 's1, evil, pg_catalog');
	my $level = pick(qw(error warning));

	return (
		[4, $path, "SELECT trovella_guard.protect('$name')"],
		[4, $path, "DO \$\$ BEGIN EXECUTE trovella_guard.repair_sql('$name', '$level'); END \$\$"],
		[1, $path, "SELECT count(*) FROM trovella_guard.check()"],
		[1, $path, "SELECT count(*) FROM trovella_guard.checklist('$name')"],
		[1, $path, "SELECT count(*) FROM trovella_guard.who_sees('$name')"],
		[1, $path, 'SELECT length(trovella_guard.report(\'' . pick(qw(text markdown json sarif junit html)) . '\'))'],
		[1, $path, 'SELECT count(*) FROM trovella_guard.metrics()'],
		[1, $path, 'SELECT count(*) FROM trovella_guard.changes()'],
		[1, $path, 'SELECT count(*) FROM trovella_guard.status()'],
		[1, $path, "SELECT trovella_guard.assert_clean()"]);
}

# A unit of its own: somebody prepares the schema before it is the extension's.
sub trojan
{
	my $schema = pick('trovella_guard', 'trovella_guard_internal');
	return ('DROP EXTENSION trovella_guard CASCADE', 'DROP SCHEMA IF EXISTS trovella_guard CASCADE',
		'SET ROLE regress_lab_other',
		"CREATE SCHEMA $schema",
		(chance(0.5) ? "CREATE FUNCTION $schema.protect(text) RETURNS int LANGUAGE sql AS 'SELECT 1'" : ()),
		(chance(0.5) ? "GRANT CREATE, USAGE ON SCHEMA $schema TO regress_lab_app" : ()),
		'RESET ROLE',
		(chance(0.7) ? "ALTER SCHEMA $schema OWNER TO CURRENT_USER" : ()),
		'CREATE EXTENSION trovella_guard',
		(chance(0.5) ? ("DROP FUNCTION $schema.protect(text)",
				"REVOKE ALL ON SCHEMA $schema FROM regress_lab_app") : ()),
		'CREATE EXTENSION trovella_guard',
		"DROP SCHEMA IF EXISTS $schema CASCADE",
		'CREATE EXTENSION trovella_guard');
}

1;
