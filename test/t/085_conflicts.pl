#-------------------------------------------------------------------------
#
# 085_conflicts.pl
#		What a conflict with the row of another tenant reveals, as
#		docs/rules.md says of unique_crosses_tenants.
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
$node->safe_psql('postgres', <<'EOS');
CREATE EXTENSION trovella_guard;
CREATE ROLE authenticated LOGIN;
BEGIN;
CREATE TABLE by_id (id int PRIMARY KEY, organization_id text NOT NULL, note text,
  created_at timestamptz, updated_at timestamptz);
CREATE TABLE by_both (LIKE by_id, PRIMARY KEY (organization_id, id));
SELECT trovella_guard.protect('by_id');
SELECT trovella_guard.protect('by_both');
COMMIT;
INSERT INTO by_id VALUES (1, 'globex', 'secret');
INSERT INTO by_both VALUES (1, 'globex', 'secret');
GRANT SELECT, INSERT, UPDATE ON by_id, by_both TO authenticated;
EOS

# insert(TABLE, TENANT, ACTION): the answer to acme, which inserts row 1.
sub insert
{
	my ($table, $tenant, $action) = @_;
	my $target = $table eq 'by_id' ? 'id' : 'organization_id, id';
	my ($status, $out, $err) = $node->psql('postgres', <<"EOS", extra_params => [ '-U', 'authenticated' ]);
SET app.current_organization_id = 'acme';
INSERT INTO $table (id, organization_id) VALUES (1, '$tenant') ON CONFLICT ($target) $action RETURNING note;
EOS
	return $err =~ /(ERROR:.*)/ ? $1 : $out;
}

# Answers to a right guess and a wrong one
sub guesses
{
	my ($table, $tenant, $action) = @_;
	return map { insert($table, $tenant, "$action WHERE $table.note LIKE '$_%'") } ('s', 't');
}

my $refused = qr/^ERROR:  new row violates row-level security policy/;
like(insert('by_id', 'acme', "DO UPDATE SET note = 'mine'"),
	$refused, 'DO UPDATE of the row of another tenant');
my ($right, $wrong) = guesses('by_both', 'globex', "DO UPDATE SET note = 'mine'");
like($right, $refused, 'a key with the tenant column: the insertion itself is refused');
is($wrong, $right, 'the same, whatever the condition says');

SKIP:
{
	skip 'no DO SELECT before PostgreSQL 19', 4 if $node->pg_version->major < 19;
	my $version = $node->safe_psql('postgres', 'SHOW server_version');

	like(insert('by_id', 'acme', 'DO SELECT'), $refused,
		'DO SELECT of the row of another tenant');
	($right, $wrong) = guesses('by_id', 'acme', 'DO SELECT');
	like($right, $refused, 'a right guess');
	is($wrong, '', 'a wrong guess has another answer in 19rc1')
	  if $version =~ /^19rc1/;
	($right, $wrong) = guesses('by_both', 'globex', 'DO SELECT');
	like($right, $refused, 'a key with the tenant column: the insertion itself is refused');
	is($wrong, $right, 'the same, whatever the condition says');
}

$node->stop;
done_testing();
