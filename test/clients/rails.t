#!/usr/bin/env perl
#
# rails.t
#	Rails with a guarded database: migrations that are refused, schema.rb and
#	structure.sql, its own tables, and the helper of docs/sessions.md behind a
#	pooler.

use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

use lib "$FindBin::RealBin/../perl";
use Client;

work_in('rails');
spew('tenant_scope.rb', snippet('sessions.md', 'Rails', 'ruby'));
new_database('rails');

sub rake { return run(qw(rake -q), @_) }

sub migration
{
	my ($version, $name, $body, $more) = @_;
	my $class = join '', map { ucfirst } split /_/, $name;

	spew("db/migrate/${version}_$name.rb",
		"class $class < ActiveRecord::Migration[6.1]\n" . ($more // '') . "  def up\n$body  end\nend\n");
	return;
}

sub tables
{
	return sql(q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'});
}

my $create = <<~'RB';
	    create_table(:invoice) do |t|
	      t.text :organization_id, null: false
	      t.timestamps
	      t.index :organization_id
	    end
	RB
my $protect = snippet('clients.md', 'Rails', 'ruby');

# A migration is one transaction
sql(snippet('clients.md', 'Rails', 'sql'));
is($?, 0, 'the entries of clients.md');
migration(1, 'create_invoice', $create);
refused(rake('db:migrate'), 'public.invoice', 'a table without policies', 1);
is(tables(), 'ar_internal_metadata schema_migrations', 'it leaves nothing behind');
is(sql('SELECT count(*) FROM schema_migrations'), 0, '... not even its version');

# ... unless it says otherwise
migration(1, 'create_invoice', $create . $protect, "  disable_ddl_transaction!\n");
my $output = rake('db:migrate');
refused($output, 'public.invoice', 'disable_ddl_transaction!', 1);
like($output, qr/create and protect it in the same transaction/, '... says what is wrong with it');
is(tables(), 'ar_internal_metadata schema_migrations', '... and leaves nothing behind either');

# With protect() it passes
migration(1, 'create_invoice', $create . $protect);
$output = rake('db:migrate');
is($?, 0, 'protect() in the same migration') or diag($output);
is(sql(q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level IN ('error', 'warning')}), 0,
	'... protects the table');

# schema.rb runs statement by statement, and has no policies
$output = rake('db:schema:dump');
is($?, 0, 'schema.rb is written') or diag($output);
unlike(slurp('db/schema.rb'), qr/policy/i, '... without policies');
new_database('rails_ruby');
sql(snippet('clients.md', 'Rails', 'sql'));
refused(rake('db:schema:load'), 'public.invoice', 'schema.rb', 1);

# structure.sql has them; with the flags it is loaded in one transaction, by a
# role that is no superuser
$ENV{SCHEMA_FORMAT} = 'sql';
use_database('rails');
$output = rake('db:schema:dump');
is($?, 0, 'structure.sql is written') or diag($output);
new_database('rails_sql');
sql(snippet('clients.md', 'Rails', 'sql'));
$output = rake('db:schema:load');
like($output, qr/schema "trovella_guard" already exists/,
	'structure.sql is not loaded without flags');
spew('config/structure.rb', snippet('clients.md', 'structure.sql', 'ruby'));
use_database('rails');
$output = rake('db:schema:dump');
is($?, 0, 'structure.sql is written, with flags') or diag($output);
use_database('rails_sql');
$output = rake('db:schema:load');
is($?, 0, '... and loaded') or diag($output);
is(sql(q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level IN ('error', 'warning')}), 0,
	'... with everything that protects the table');

# Two tenants behind a pooler
app_pooler();
takes_turns('Rails', qw(ruby serve.rb));

done_testing();
