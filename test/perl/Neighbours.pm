#-------------------------------------------------------------------------
#
# Neighbours.pm
#		What the tests of other people's tools share: a server with their
#		libraries, a guarded database of a plain owner, and a picture of its
#		tables that must be the same before and after a tool has worked.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Neighbours;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Guarded;

our @EXPORT = qw(available need start_server make_owned_db as_owner tool unchanged sees);

# Does this installation have the extension?
sub available
{
	my ($extension) = @_;
	return -e pg_directory('sharedir') . "/extension/$extension.control";
}

sub need
{
	my ($extension) = @_;
	plan skip_all => "$extension is not installed" unless available($extension);
	return;
}

# start_server(NAME => VALUE...): a server with these settings.
sub start_server
{
	my %settings = @_;
	my $node = PostgreSQL::Test::Cluster->new('main');

	# Minor releases of 2026 trust a list of output plugins only
	delete $settings{output_plugin_libraries}
	  unless `postgres --describe-config` =~ /^output_plugin_libraries\t/m;
	$node->init;
	$node->append_conf('postgresql.conf',
		join('', map { "$_ = '$settings{$_}'\n" } sort keys %settings));
	$node->start;
	return $node;
}

# Makes a guarded database of "owner", who is no superuser.  "app" serves the
# tenants acme and globex.  Its tables follow the checklist; the owner of "invoice"
# sees all tenants, the one of "ledger" does not.
sub make_owned_db
{
	my ($node, $db) = @_;

	$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN');
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER owner");
	$node->safe_psql(
		$db, q{
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.set('app_role', 'app');
SELECT trovella_guard.allow('public.organization', 'the tenants themselves');});
	$node->safe_psql(
		$db,
		'SET SESSION AUTHORIZATION owner; BEGIN;'
		  . 'CREATE TABLE organization (id text PRIMARY KEY);'
		  . q{INSERT INTO organization VALUES ('acme'), ('globex');}
		  . join('', map { tenant_table("public.$_") . qq{
ALTER TABLE $_ ADD COLUMN note text;
INSERT INTO $_ (id, organization_id, note)
  SELECT n, CASE n % 2 WHEN 0 THEN 'acme' ELSE 'globex' END, repeat('note', n)
  FROM generate_series(1, 100) n;
GRANT SELECT, INSERT, UPDATE, DELETE ON $_ TO app;
} } qw(invoice ledger))
		  . 'ALTER TABLE ledger FORCE ROW LEVEL SECURITY; COMMIT');
	return;
}

# Runs SQL as the owner; returns what it printed and what it complained about.
sub as_owner
{
	my ($node, $db, $sql) = @_;
	my ($status, $out, $err) =
	  $node->psql($db, $sql, extra_params => [ '-U', 'owner' ]);

	return ($out, $err);
}

# tool(NODE, COMMAND...): runs a program against the server; returns whether it
# succeeded, and what it said.
sub tool
{
	my ($node, @command) = @_;
	my $output = '';
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	note("running: @command");
	my $ok = IPC::Run::run([ 'timeout', 30, @command ],
		'<', \undef, '>', \$output, '2>&1');
	note($output);
	return ($ok, $output);
}

# Everything of the tables in "public" that a tool may not change.
sub picture
{
	my ($node, $db) = @_;
	my @tables = split /\n/, $node->safe_psql($db, q{
SELECT oid::regclass FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname});
	my $picture = $node->safe_psql($db, q{
SELECT relname, relowner::regrole, relrowsecurity, relforcerowsecurity, relispartition,
    (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(relacl) a)
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
  ORDER BY 1;
SELECT * FROM pg_policies ORDER BY schemaname, tablename, policyname;
SELECT i.indrelid::regclass, pg_get_indexdef(i.indexrelid), i.indisvalid
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
  WHERE c.relnamespace = 'public'::regnamespace ORDER BY 2;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;
SELECT schema_name, table_name, rule, object FROM trovella_guard.check()
  WHERE level IN ('error', 'warning') ORDER BY 1, 2, 3, 4;});

	foreach my $table (@tables)
	{
		$picture .= "\n$table: " . $node->safe_psql($db,
			"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM public.$table t");
	}
	return $picture;
}

# unchanged(NODE, DATABASE, NAME, CODE): a tool's work succeeds, and the picture
# is the same afterwards.  CODE returns what the tool complained about.
sub unchanged
{
	my ($node, $db, $name, $work) = @_;
	my $before = picture($node, $db);

	is($work->(), '', "$name: succeeds");
	is(picture($node, $db), $before, "$name: rows, policies, grants and indexes are as before");
	is(sees($node, $db, 'acme'), '50|acme|acme 50|acme|acme', "$name: each tenant sees its own rows");
	return;
}

# What the application sees of both tables: rows, first and last tenant.
sub sees
{
	my ($node, $db, $tenant) = @_;

	return $node->safe_psql($db, qq{
SET app.current_organization_id = '$tenant';
SELECT string_agg(concat_ws('|', n, first, last), ' ' ORDER BY name) FROM (
  SELECT 1, count(*), min(organization_id), max(organization_id) FROM invoice
  UNION ALL
  SELECT 2, count(*), min(organization_id), max(organization_id) FROM ledger) s (name, n, first, last)},
		extra_params => [ '-U', 'app' ]);
}

1;
