#!/usr/bin/env perl
#
# node.t
#	knex with a guarded database, and the snippets of docs/sessions.md for
#	node-postgres and Drizzle behind a pooler.  Drizzle's migrations have a
#	suite of their own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

use lib "$FindBin::RealBin/../perl";
use Client;

npm_project();
new_database('knex');
mkdir 'migrations' or die "migrations: $!";

sub knex { return run(qw(node_modules/.bin/knex --knexfile knexfile.cjs), @_) }

sub migration
{
	my ($name, $body, $more) = @_;

	spew("migrations/$name.cjs",
		"exports.up = async (knex) => {\n$body};\nexports.down = async () => {};\n" . ($more // ''));
	return;
}

sub tables
{
	return sql(q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'});
}

my $create = <<'JS';
  await knex.schema.createTable("invoice", (table) => {
    table.integer("id").primary();
    table.text("organization_id").notNullable();
    table.timestamps(true, true);
  });
JS
my $protect = snippet('clients.md', 'knex', 'js');

# All pending migrations are one transaction
sql(snippet('clients.md', 'knex', 'sql'));
is($?, 0, 'the entries of clients.md');
migration('1_model', <<'JS');
  await knex.schema.createTable("ai_model", (table) => table.integer("id").primary());
  await knex.raw("SELECT trovella_guard.allow('public.ai_model', 'the same for all tenants')");
JS
migration('2_invoice', $create);
my $output = knex('migrate:latest');
refused($output, 'public.invoice', 'a table without policies', 0);
is(tables(), 'knex_migrations knex_migrations_lock', 'it leaves nothing behind, nor do the migrations before it');
is(sql('SELECT count(*) FROM knex_migrations'), 0, '... not even their names');
is(sql('SELECT is_locked FROM knex_migrations_lock'), 0, '... and no lock');

# ... unless one says otherwise
migration('2_invoice', $create . $protect, "exports.config = { transaction: false };\n");
$output = knex('migrate:latest');
refused($output, 'public.invoice', 'transaction: false', 0);
like($output, qr/create and protect it in the same transaction/, '... says what is wrong with it');
is(tables(), 'ai_model knex_migrations knex_migrations_lock', '... and keeps what came before');

# With protect() it passes
migration('2_invoice', $create . $protect);
$output = knex('migrate:latest');
is($?, 0, 'protect() in the same migration') or diag($output);
is(sql(q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level IN ('error', 'warning')}), 0,
	'... protects the table');

# Two tenants behind a pooler
app_pooler();
foreach ([ 'node-postgres', 'node-postgres, Knex, Kysely, TypeORM' ], [ 'drizzle', 'Drizzle' ])
{
	my ($name, $heading) = @$_;

	spew('tenant.mjs', snippet('sessions.md', $heading, 'js'));
	takes_turns($name, 'node', 'serve.mjs', $name);
}

done_testing();
