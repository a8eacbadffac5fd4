#-------------------------------------------------------------------------
#
# 004_hint.pl
#		The HINT of a refused commit is SQL that can be pasted into the
#		migration: with it, the same migration commits and the audit has
#		nothing left to say.  So does the exemption, where one is offered.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE authenticated');

my $base = 'created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now()';
my $tenant = "organization_id text NOT NULL, $base";
my $scope = q{organization_id = (SELECT current_setting('app.current_organization_id', true))};
my $right = "CREATE TABLE item (id text PRIMARY KEY, user_id text, $tenant);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY item_tenant ON item USING ($scope);
CREATE INDEX item_tenant_idx ON item (organization_id);";

# What is there before, what the migration does, and whether "this table is
# global" is a second way out.
my @cases = (
	{
		name => 'a bare table',
		sql => "CREATE TABLE item (id text PRIMARY KEY, $tenant)"
	},
	{
		name => 'names that need quotes',
		before => 'CREATE SCHEMA "Odd Schema"',
		sql => qq{CREATE TABLE "Odd Schema"."it's ""odd"" 100%s" (organization_id uuid NOT NULL, "Fk Col" text,
			$base, UNIQUE ("Fk Col"), CONSTRAINT "Odd Key" FOREIGN KEY ("Fk Col")
			REFERENCES "Odd Schema"."it's ""odd"" 100%s" ("Fk Col") ON DELETE CASCADE)}
	},
	{
		name => 'a name as long as names may be',
		sql => 'CREATE TABLE ' . ('n' x 63) . " (id text PRIMARY KEY, $tenant)"
	},
	{
		name => 'several tables',
		sql => "CREATE TABLE one ($tenant); CREATE TABLE two ($tenant); CREATE TABLE three ($tenant)",
		not_global => 1
	},
	(
		map {
			{
				name => "a tenant column of type $_",
				sql => "CREATE TABLE item (organization_id $_ NOT NULL, $base)"
			}
		} ('uuid', 'bigint', 'integer', 'varchar(36)', 'character(10)', 'name')
	),
	{
		name => 'a tenant column of a domain',
		before => 'CREATE SCHEMA types; CREATE DOMAIN types."Org Id" AS uuid',
		sql => qq{CREATE TABLE item (organization_id types."Org Id" NOT NULL, $base)}
	},
	{
		name => 'policies for two commands',
		sql => "CREATE TABLE item (id text, $tenant); CREATE INDEX ON item (organization_id);
			ALTER TABLE item ENABLE ROW LEVEL SECURITY;
			CREATE POLICY item_tenant_update ON item FOR SELECT USING ($scope);
			CREATE POLICY item_tenant_update1 ON item FOR DELETE USING ($scope)"
	},
	{
		name => 'policies on the wrong column',
		sql => "CREATE TABLE item (id text, user_id text, $tenant); CREATE INDEX ON item (organization_id);
			ALTER TABLE item ENABLE ROW LEVEL SECURITY;
			CREATE POLICY s ON item FOR SELECT USING (user_id = current_setting('app.current_organization_id', true));
			CREATE POLICY i ON item FOR INSERT WITH CHECK (true);
			CREATE POLICY u ON item FOR UPDATE USING ($scope) WITH CHECK (user_id IS NULL);
			CREATE POLICY d ON item FOR DELETE USING ($scope OR user_id IS NULL)"
	},
	{
		name => 'foreign keys without indexes',
		before => q{SELECT trovella_guard.allow('users', 'spans organizations'); CREATE TABLE users (id text PRIMARY KEY, kind text, UNIQUE (kind, id))},
		sql => "$right ALTER TABLE item ADD kind text, ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE,
			ADD FOREIGN KEY (kind, user_id) REFERENCES users (kind, id) ON DELETE CASCADE"
	},
	{
		name => 'row-level security that goes',
		before => $right,
		sql => 'ALTER TABLE item DISABLE ROW LEVEL SECURITY'
	},
	{
		name => 'everything that goes',
		before => $right,
		sql => 'DROP POLICY item_tenant ON item; DROP INDEX item_tenant_idx; ALTER TABLE item DISABLE ROW LEVEL SECURITY'
	},
	{
		name => 'a tenant column that goes',
		before => $right,
		sql => 'ALTER TABLE item DROP COLUMN organization_id CASCADE',
		leave_out => qr/the statement that takes the tenant column away/
	},
	{
		name => 'a name that is another\'s',
		before => "$right SELECT trovella_guard.allow('global', 'reference data')",
		sql => 'ALTER TABLE item RENAME TO global',
		leave_out => qr/the statement that gives the table its new name/
	},
	{
		name => 'a partitioned table',
		sql => "CREATE TABLE event (id int, $tenant) PARTITION BY RANGE (id);
			CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2)",
		not_global => 1
	},
	{
		name => 'a partition that is opened',
		before => "CREATE TABLE event (id int, $tenant) PARTITION BY RANGE (id);
			ALTER TABLE event ENABLE ROW LEVEL SECURITY;
			CREATE POLICY event_tenant ON event USING ($scope);
			CREATE INDEX ON event (organization_id);
			CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2)",
		sql => 'GRANT SELECT ON event_1 TO authenticated'
	},
	{
		name => 'a partition that stands alone',
		before => "CREATE TABLE event (id int, $tenant) PARTITION BY RANGE (id);
			ALTER TABLE event ENABLE ROW LEVEL SECURITY;
			CREATE POLICY event_tenant ON event USING ($scope);
			CREATE INDEX ON event (organization_id);
			CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (1) TO (2)",
		sql => 'ALTER TABLE event DETACH PARTITION event_1'
	},
	{
		name => 'every rule at level error',
		rules => join(',', map { "$_=error" }
			  qw(tenant_column_nullable fk_on_delete required_columns_missing table_unclassified
			  relation_unprotectable)),
		sql => 'CREATE TABLE item (id text PRIMARY KEY, organization_id text,
			parent text CONSTRAINT parent_key REFERENCES item ON UPDATE CASCADE DEFERRABLE);
			CREATE TABLE config (id text);
			CREATE MATERIALIZED VIEW items AS SELECT id, organization_id FROM config JOIN item USING (id)',
		not_global => 1
	},
);

$node->safe_psql('postgres', 'CREATE DATABASE guarded');
$node->safe_psql('guarded', 'CREATE EXTENSION trovella_guard');

# A database with what is there before.
my $number = 0;

sub prepare
{
	my ($case) = @_;
	my $db = 'hint_' . $number++;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE guarded");
	$node->safe_psql('postgres',
		"ALTER DATABASE $db SET trovella_guard.rules = '$case->{rules}'")
	  if $case->{rules};
	$node->safe_psql($db, "BEGIN; $case->{before}; COMMIT")
	  if $case->{before};
	return $db;
}

# The migration, with something added before its COMMIT.
sub migrate
{
	my ($db, $case, $more) = @_;
	my ($status, $out, $err) =
	  $node->psql($db, "BEGIN; $case->{sql}; $more COMMIT");

	return ($status, $err);
}

sub is_mended
{
	my ($db, $case, $more, $how) = @_;
	my ($status, $err) = migrate($db, $case, $more);

	is($status, 0, "$case->{name}: $how") or diag($err);
	is( $node->safe_psql(
			$db,
			q{SELECT table_name, rule FROM trovella_guard.check()
			  WHERE level IN ('error', 'warning')}),
		'',
		"$case->{name}: and leaves nothing");
}

foreach my $case (@cases)
{
	my $db = prepare($case);
	my ($status, $err) = migrate($db, $case, '');
	my ($repair) = $err =~
	  /^(?:HINT:  |Or: )Add this to the migration, before COMMIT:\n(.*?)(?=^If |^See )/ms;
	my ($allow) = $err =~
	  /^If .*, add this instead:\n((?:SELECT trovella_guard\.allow.*\n?)+)/m;
	# A reason that nobody has written is refused
	s/'why this (?:table is global|is right)'/'somebody has thought of one'/g
	  foreach grep { defined } $repair, $allow;

	like($err, qr/ERROR:  commit refused/, "$case->{name}: refused");
	if ($case->{leave_out})
	{
		like($err, qr/^HINT:  Leave out $case->{leave_out}/m,
			"$case->{name}: what to leave out");
		is($repair, undef, "$case->{name}: nothing to paste");
		is($allow, undef, "$case->{name}: and no exemption") or diag($err);
		next;
	}
	ok(defined $repair, "$case->{name}: with a hint") or diag($err), next;

	# What was refused has left nothing: the same again, and better
	is_mended($db, $case, $repair, 'the hint mends it');
	is_mended(prepare($case), $case, $allow, 'the other hint allows it')
	  if defined $allow && !$case->{not_global};
}

done_testing();
