#-------------------------------------------------------------------------
#
# 002_policies.t
#		What Citus makes of policies: restrictive ones are permissive on the
#		shards, sub-selects are refused, FORCE loses rows.  The guard says so,
#		and what it prints in their place works.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Citus;

my @nodes = citus_nodes();
my ($coordinator, @workers) = @nodes;
my $db = 'mydb';

citus_db(\@nodes, $db);
$coordinator->safe_psql($db, q{
CREATE ROLE authenticated LOGIN;
CREATE ROLE owner LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO owner, authenticated;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO authenticated;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON TABLES TO authenticated});

# The statements of a hint: what comes between its first and its last line
sub statements_of
{
	my ($err) = @_;
	my ($sql) = $err =~ /^(?:HINT:  |Or: )[^\n]*:\n(.*?)^(?:See docs|If )/ms;
	return $sql // '';
}

# The rows that a tenant sees
sub seen_by
{
	my ($tenant, $table) = @_;
	return $coordinator->safe_psql($db,
		"BEGIN; SET LOCAL citus.propagate_set_commands = local;
		 SET LOCAL app.current_organization_id = '$tenant'; SELECT count(*) FROM $table; COMMIT",
		extra_params => [ '-q', '-U', 'authenticated' ]);
}

# A restrictive floor under a permissive policy for everybody
my $open = local_table('floor') =~
  s/CREATE POLICY tenant ON floor USING (.*?);\n/CREATE POLICY everybody ON floor USING (true); CREATE POLICY floor ON floor AS RESTRICTIVE USING $1;\n/r;
passes($coordinator, $db, $open, 'a restrictive policy protects a table that is not distributed');
my $err = fails($coordinator, $db, q{SELECT create_distributed_table('floor', 'organization_id')},
	qr/commit refused: table "public.floor" breaks policy_unscoped\n.*restrictive policy "floor" holds nothing back, as Citus creates it as a permissive one on the shards/,
	'but not one that is');
my $repair = statements_of($err);
like($repair, qr/ALTER POLICY everybody .*DROP POLICY floor/s, 'the repair puts one into the other');
passes($coordinator, $db,
	"BEGIN; SELECT create_distributed_table('floor', 'organization_id'); $repair COMMIT",
	'and does it');
is(seen_by('o1', 'floor'), '10', 'a tenant sees its rows');
is( $coordinator->safe_psql($db,
		q{SELECT count(*) FROM trovella_guard.check('floor') WHERE level <> 'info'}),
	'0', 'and nothing is left to do');

# The other way round: the policy comes to a distributed table
passes($coordinator, $db, distribute('later'), 'a table with one policy is distributed');
$err = fails($coordinator, $db, 'CREATE POLICY positive ON later AS RESTRICTIVE USING (id > 5) WITH CHECK (id > 6)',
	qr/breaks policy_unscoped\n.*policy "positive" .*; restrictive policy "positive" holds nothing back/,
	'a restrictive policy would add rows on the shards');
passes($coordinator, $db,
	'BEGIN; CREATE POLICY positive ON later AS RESTRICTIVE USING (id > 5) WITH CHECK (id > 6);'
	  . statements_of($err) . 'COMMIT', 'the repair says the same without it');
is($coordinator->safe_psql($db, q{SELECT pg_get_expr(polqual, polrelid) ~ 'id > 5' AND pg_get_expr(polwithcheck, polrelid) ~ 'id > 6' FROM pg_policy WHERE polrelid = 'later'::regclass}),
	't', 'on both sides');
is(seen_by('o1', 'later'), '9', 'and it holds back what it should');

# One that is for fewer commands cannot be moved as it stands
fails($coordinator, $db, 'CREATE POLICY remove ON later AS RESTRICTIVE FOR DELETE USING (id > 90)',
	qr/drop remove, and put its condition into the permissive policies/,
	'a restrictive policy for fewer commands takes somebody who thinks');

# Nobody has asked the guard when it happened
$coordinator->safe_psql($db,
	"SET trovella_guard.mode = off; CREATE TABLE old (LIKE floor INCLUDING ALL);
	 ALTER TABLE old ENABLE ROW LEVEL SECURITY;
	 CREATE POLICY everybody ON old USING (true); CREATE POLICY floor ON old AS RESTRICTIVE USING ($Citus::scope)");
is( $coordinator->safe_psql($db, q{SELECT count(*) FROM trovella_guard.check('old') WHERE level = 'error'}),
	'0', 'the audit is content with a table');
$coordinator->safe_psql($db,
	"SET trovella_guard.mode = off; SELECT create_distributed_table('old', 'organization_id')");
is( on_shards($coordinator, $db, 'old', q{SELECT bool_and(polpermissive) FROM pg_policy WHERE polrelid = '%s'::regclass}),
	't', 'whose shards have no restrictive policy');
is( $coordinator->safe_psql($db, q{SELECT rule FROM trovella_guard.check('old') WHERE level = 'error'}),
	'policy_unscoped', 'and reports what has become of it');
like($coordinator->safe_psql($db, q{SELECT trovella_guard.protect('old')}),
	qr/ALTER POLICY everybody .*DROP POLICY floor/s, 'protect() repairs it');
is(seen_by('o2', 'old'), '0', 'it has no rows of the tenant');

# Generated policies can be distributed, whatever the type of the tenant column
foreach my $type ('text', 'uuid', 'int', 'varchar(20)')
{
	my $t = 'made_' . ($type =~ s/\W.*//r);
	my $make = "CREATE TABLE $t (id int, organization_id $type NOT NULL, created_at timestamptz, updated_at timestamptz)";

	$err = fails($coordinator, $db, $make, qr/breaks rls_disabled/, "a bare table with $type");
	$repair = statements_of($err);
	unlike($repair, qr/SELECT\b(?! TO| USING)/, 'its repair has no sub-select');
	passes($coordinator, $db,
		"BEGIN; $make; $repair SELECT create_distributed_table('$t', 'organization_id'); COMMIT",
		'and can be distributed');
	is( $coordinator->safe_psql($db,
			"SELECT string_agg(rule, ' ' ORDER BY rule) FROM trovella_guard.check('$t') WHERE rule <> 'grant_missing'"),
		'', 'nothing is said about it');
	passes($coordinator, $db,
		"BEGIN; DROP POLICY ${t}_tenant_select ON $t; SELECT trovella_guard.protect('$t'); COMMIT",
		'protect() works on a distributed table');
}
like( $coordinator->safe_psql($db, "BEGIN; DROP POLICY tenant ON later; SELECT trovella_guard.repair_sql('later'); ROLLBACK"),
	qr/CREATE POLICY later_tenant_select (?!.*SELECT tenant)/, 'repair_sql() prints the same');
$coordinator->safe_psql($db,
	q{ALTER DATABASE mydb SET trovella_guard.tenant_expression = $$pg_catalog.current_setting('app.tenant')$$});
passes($coordinator, $db,
	"BEGIN; DROP POLICY tenant ON later; SELECT trovella_guard.protect('later'); COMMIT",
	'also of an expression that somebody has set');
$coordinator->safe_psql($db, 'ALTER DATABASE mydb RESET trovella_guard.tenant_expression');

# FORCE is no advice
passes($coordinator, $db, distribute('owned'), 'a plain role owns a table', 'owner');
is( $coordinator->safe_psql($db, q{SELECT count(*) FROM trovella_guard.check('owned') WHERE repair_sql ~ 'FORCE'}),
	'0', 'nobody advises to force row-level security on it');
passes($coordinator, $db, distribute('copied'), 'another table of it', 'owner');
$coordinator->safe_psql($db, 'ALTER TABLE copied FORCE ROW LEVEL SECURITY',
	extra_params => [ '-U', 'owner' ]);
$coordinator->safe_psql($db, q{SELECT undistribute_table('copied')},
	extra_params => [ '-q', '-U', 'owner' ], on_error_stop => 0);
is(count_of($coordinator, $db, 'copied'), '0', 'because with FORCE the rows are lost');
passes($coordinator, $db, q{SELECT undistribute_table('owned')}, 'without it', 'owner');
is(count_of($coordinator, $db, 'owned'), '100', 'they are not');

# Where the application owns the table, another owner helps
$err = fails($coordinator, $db, 'BEGIN; ALTER TABLE later OWNER TO authenticated; COMMIT',
	qr/breaks app_role_bypasses_rls/, 'the application cannot own a distributed table');
like($err, qr/ALTER TABLE public.later OWNER TO/, 'the hint is to change the owner');
unlike($err, qr/FORCE ROW LEVEL SECURITY;/, 'and not to force row-level security');
passes($coordinator, $db, 'ALTER TABLE later OWNER TO owner', 'which works');

done_testing();
