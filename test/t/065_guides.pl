#-------------------------------------------------------------------------
#
# 065_guides.pl
#		Runs every command of docs/rollout.md, and the SQL of docs/clients.md,
#		as it is printed there.
#
# Of the rollout it also shows that the guard is on all the time: what a step
# leaves out is refused, and no step rewrites the table.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;

my $node = PostgreSQL::Test::Cluster->new('guides');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE authenticated NOLOGIN; CREATE ROLE migrator NOLOGIN');

# The SQL of a document, by the number of its section or its heading.
sub sections
{
	my ($document) = @_;
	my (%blocks, $section);

	my $text = slurp_file("$FindBin::RealBin/../../docs/$document");
	while ($text =~ /^(?:#+ ([^\n]*)|```(\w+)\n(.*?)^```)/msg)
	{
		if (defined $1)
		{
			$section = $1;
		}
		elsif ($2 eq 'sql')
		{
			push @{ $blocks{$section} }, $3;
		}
	}
	return \%blocks;
}

my $db;

sub run_sql
{
	my ($sql, $name) = @_;
	my ($status, $out, $err) = $node->psql($db, $sql, on_error_stop => 1);

	is($status, 0, $name) or diag("$sql\n$err");
	return ($out, $err);
}

sub is_refused
{
	my ($sql, $rules, $name) = @_;
	my ($status, $out, $err) = $node->psql($db, $sql, on_error_stop => 1);

	like($err, qr/commit refused: table "public\.event" breaks $rules/, $name);
	return;
}

# docs/rollout.md
my $rollout = sections('rollout.md');
$db = 'rollout';
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, q{
CREATE TABLE invoice (id bigint PRIMARY KEY, organization_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
INSERT INTO invoice SELECT i, ('00000000-0000-0000-0000-00000000000' || i % 2)::uuid FROM generate_series(1, 100) i;
CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  invoice_id bigint NOT NULL REFERENCES invoice ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON event (invoice_id);
INSERT INTO event (invoice_id) SELECT i % 100 + 1 FROM generate_series(1, 20000) i;
GRANT SELECT, INSERT, UPDATE, DELETE ON event, invoice TO authenticated;
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.protect('invoice');});

sub count_nulls
{
	return $node->safe_psql($db, 'SELECT count(*) FROM event WHERE organization_id IS NULL');
}

sub filenode
{
	return $node->safe_psql($db, q{SELECT pg_relation_filenode('event')});
}
my $filenode = filenode();

my ($add) = @{ $rollout->{'1. Say what is going on, and add the column'} };
(my $silent = $add) =~ s/^SELECT.*?;\n//ms;
is_refused($silent, 'rls_disabled, policy_missing, tenant_index_missing', 'step 1: not without the entries');
my ($out, $err) = run_sql($add, 'step 1: the column');
is($err, '', '... without a warning');

foreach my $block (@{ $rollout->{'2. New rows'} })
{
	run_sql($block, 'step 2');
}
is(count_nulls(), 20000, '... leaves old rows alone');
$node->safe_psql($db, q{SET app.current_organization_id = '00000000-0000-0000-0000-000000000001';
	INSERT INTO event (invoice_id) VALUES (1)});
is(count_nulls(), 20000, '... and fills new ones');

my ($backfill, $left) = @{ $rollout->{'3. Old rows'} };
run_sql($backfill, 'step 3: the backfill');
is(count_nulls(), 0, '... is complete');
is( $node->safe_psql($db,
		'SELECT count(*) FROM event e JOIN invoice i ON i.id = e.invoice_id WHERE e.organization_id <> i.organization_id'),
	0, '... and right');
($out) = run_sql($left, 'step 3: what is left');
is($out, '', '... is nothing');

my ($not_null) = @{ $rollout->{'4. NOT NULL'} };
($out, $err) = run_sql("SET client_min_messages = debug1;\n$not_null", 'step 4: NOT NULL');
like($err, qr/existing constraints on column "event\.organization_id" are sufficient/, '... without a scan');

run_sql(@{ $rollout->{'5. The index'} }, 'step 5: the index');

my ($rehearsal, $protect, $check) = @{ $rollout->{'6. Policies and row-level security'} };
($out) = run_sql($rehearsal, 'step 6: the rehearsal');
like($out, qr/^1000[01]\z/m, '... shows the rows of one tenant');
is($node->safe_psql($db, q{SELECT relrowsecurity FROM pg_class WHERE oid = 'event'::regclass}), 'f',
	'... and changes nothing');

(my $forgotten = $protect) =~ s/^SELECT trovella_guard\.protect.*\n//m;
is_refused($forgotten, 'rls_disabled, policy_missing', 'step 6: the entries do not go without protection');
is($node->safe_psql($db, 'SELECT count(*) FROM trovella_guard.allowlist'), 4, '... and stay');
run_sql($protect, 'step 6: the protection');
is($node->safe_psql($db, 'SELECT count(*) FROM trovella_guard.allowlist'), 0, '... ends the entries');
($out) = run_sql($check, 'step 6: the check');
is($out, '', '... finds nothing');

is(filenode(), $filenode, 'no step has rewritten the table');
is_refused('ALTER TABLE event DISABLE ROW LEVEL SECURITY', 'rls_disabled', 'there is no way back');

# docs/clients.md
my $clients = sections('clients.md');
$db = 'clients';
$node->safe_psql('postgres', "CREATE DATABASE $db");
run_sql(@{ delete $clients->{'Set up'} }, 'clients.md: Set up');
(my $transaction) = @{ delete $clients->{'In one transaction'} };
foreach my $section (sort keys %$clients)
{
	run_sql($_, "clients.md: $section") foreach @{ $clients->{$section} };
}
cmp_ok($node->safe_psql($db, 'SELECT count(*) FROM trovella_guard.allowlist'), '>', 40, 'clients.md has entries');
my $create = 'CREATE TABLE invoice (id int PRIMARY KEY, organization_id text NOT NULL, '
  . 'created_at timestamptz, updated_at timestamptz);';
$transaction =~ s/^-- what prisma wrote$/$create/m;
run_sql($transaction, 'clients.md: In one transaction');
is($node->safe_psql($db, q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level = 'error'}), 0,
	'... protects the table');

$node->stop;
done_testing();
