#!/usr/bin/env perl
#
# django.t
#	Django with a guarded database: its own tables, migrations that are refused,
#	and the middleware of docs/sessions.md behind a pooler.

use strict;
use warnings FATAL => 'all';

use FindBin;
use Test::More;

use lib "$FindBin::RealBin/../perl";
use Client;

work_in('django');
spew('tenants.py', snippet('sessions.md', 'Django', 'python'));
new_database('django');

sub migrate { return run(qw(python3 manage.py migrate), @_) }

sub tables
{
	return sql(q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ '^(auth|django)_'});
}

# Its own tables
my $output = migrate('auth');
isnt($?, 0, 'the tables of django.contrib are refused');
like($output, qr/breaks table_unclassified/, '... as unclassified');
sql(snippet('clients.md', 'Django', 'sql'));
is($?, 0, 'the entries of clients.md');
$output = migrate('admin');
is($?, 0, '... let them pass') or diag($output);
$output = migrate('sessions');
is($?, 0, '... all of them') or diag($output);
is(sql(q{SELECT count(*) FROM trovella_guard.check() WHERE level = 'error'}), 0,
	'the audit agrees');

# A migration is one transaction
run(qw(python3 manage.py makemigrations billing));
is($?, 0, 'makemigrations');
my ($migration) = glob 'billing/migrations/0001_*.py';
$output = migrate('billing');
refused($output, 'public.invoice', 'a table without policies', 1);
is(tables(), '', 'it leaves nothing behind');
is(sql(q{SELECT count(*) FROM django_migrations WHERE app = 'billing'}), 0,
	'... not even the record of the migration');

# ... unless it says otherwise
my $text = slurp($migration);
spew($migration, $text =~ s/^(class Migration.*\n)/$1    atomic = False\n/mr);
$output = migrate('billing');
refused($output, 'public.invoice', 'atomic = False', 1);
like($output, qr/create and protect it in the same transaction/, '... says what is wrong with it');

# With RunSQL it is protected
my $protect = snippet('clients.md', 'Django', 'python');
spew($migration, $text =~ s/^    \]\n\z/$protect    ]\n/mr);
$output = migrate('billing');
is($?, 0, 'RunSQL in the same migration') or diag($output);
is(tables(), 'invoice', '... creates the table');
is(sql(q{SELECT count(*) FROM trovella_guard.check('invoice') WHERE level IN ('error', 'warning')}), 0,
	'... protected');

# ... and stays so
spew('billing/migrations/0002_open.py', <<~'PY');
	from django.db import migrations


	class Migration(migrations.Migration):
	    dependencies = [("billing", "0001_initial")]
	    operations = [migrations.RunSQL("ALTER TABLE invoice DISABLE ROW LEVEL SECURITY")]
	PY
refused(migrate('billing'), 'public.invoice', 'DISABLE ROW LEVEL SECURITY', 1);
unlink 'billing/migrations/0002_open.py';

# Two tenants behind a pooler
app_pooler();
takes_turns('Django', qw(python3 serve.py));

done_testing();
