#-------------------------------------------------------------------------
#
# pg_rewrite.t
#		pg_rewrite, whose background worker puts another table in the place of
#		one.  Its C code fires no event trigger.
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
use lib "$FindBin::RealBin/../perl";
use Guarded;
use Neighbours;

need('pg_rewrite');

my $node = start_server(
	shared_preload_libraries => 'pg_rewrite, trovella_guard',
	wal_level => 'logical',
	output_plugin_libraries => 'pg_rewrite',
	max_replication_slots => '10',
	max_worker_processes => '20');
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION pg_rewrite');
$node->safe_psql('app', q{SELECT trovella_guard.allow('public.bare', 'to be swapped in')});

# The table that is to replace "invoice"; the worker copies the constraints
sub make_target
{
	my ($name, $protection) = @_;

	$node->safe_psql('app', qq{
SET SESSION AUTHORIZATION owner;
BEGIN;
CREATE TABLE $name (id text, organization_id text, created_at timestamptz,
  updated_at timestamptz, note text);
ALTER TABLE $name ADD PRIMARY KEY (id);
CREATE INDEX ON $name (organization_id);
GRANT SELECT ON $name TO app;
$protection
COMMIT});
	return;
}

sub rewrite
{
	my ($target) = @_;
	return ($node->psql('app', "SELECT rewrite_table('public.invoice', 'public.$target', 'invoice_old')"))[2];
}

# road: pg_rewrite puts a bare table in place, shared_preload_libraries (refused)
make_target('bare', '');
like(rewrite('bare'), qr/commit refused/, 'a bare table does not get in');
is(sees($node, 'app', 'acme'), '50|acme|acme 50|acme|acme', 'the application sees one tenant');

# road: pg_rewrite puts a protected table in place (passes)
make_target('protected', q{
CREATE POLICY tenant ON protected
  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
ALTER TABLE protected ENABLE ROW LEVEL SECURITY;});
is(rewrite('protected'), '', 'a protected one does');
is(sees($node, 'app', 'acme'), '50|acme|acme 50|acme|acme', 'and the application sees one tenant');

# road: pg_rewrite puts a bare table in place, session_preload_libraries (passes, until the audit)
$node->safe_psql('app', 'SELECT trovella_guard.preload()');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_rewrite'");
$node->restart;
$node->safe_psql('app', 'DROP TABLE invoice_old');
# (to copy a constraint the worker runs a statement, which loads the guard)
$node->safe_psql('app', q{
SET client_min_messages = error;
SELECT format('ALTER TABLE invoice DROP CONSTRAINT %I', conname)
  FROM pg_constraint WHERE conrelid = 'invoice'::regclass AND conkey <> '{1}' \gexec});
is(rewrite('bare'), '', 'where workers do not load the guard, a bare one gets in');
is(sees($node, 'app', 'acme'), '100|acme|globex 50|acme|acme', 'the application sees all tenants');
is($node->safe_psql('app',
		q{SELECT rule FROM trovella_guard.check('invoice') WHERE rule = 'rls_disabled'}),
	'rls_disabled', 'and the audit finds it');

done_testing();
