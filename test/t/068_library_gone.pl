#-------------------------------------------------------------------------
#
# 068_library_gone.pl
#		The library is removed before DROP EXTENSION: the server does not start,
#		then no session, then no DDL works; docs/operating.md leads out of it.
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

my $section = 'The library is gone';

my $node = PostgreSQL::Test::Cluster->new('gone');
$node->init;
$node->start;
make_guarded_db($node, 'mydb');
$node->safe_psql('mydb', 'SELECT trovella_guard.preload()');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'trovella_guard'\n");
$node->safe_psql('postgres', q{ALTER SYSTEM SET session_preload_libraries = 'trovella_guard'});
my $protection = q{SELECT c.relrowsecurity, p.polname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
	WHERE c.oid = 'invoice'::regclass ORDER BY 2};
my $protected = $node->safe_psql('mydb', $protection);
$node->restart;
refuses($node, 'mydb', 'with the library');
$node->stop;

hide_files(pg_directory('pkglibdir') . '/trovella_guard.so');
ok(!$node->start(fail_ok => 1), 'without it the server does not start');
like(slurp_file($node->logfile), qr/FATAL:  could not access file "trovella_guard"/, 'and says why');

# The server starts
my ($restart, $reset_system) = (operating_command($section, 'pg_ctl '), operating_command($section, "psql -d postgres -c 'ALTER SYSTEM"));
my @names = ('"$PGDATA"' => $node->data_dir, 'restart.log' => $node->logfile);
ok((run_documented($node, $restart, @names))[0], 'with lists on the command line it does');
$node->_update_pid(1);
ok((run_documented($node, $reset_system))[0], 'then the lists are reset');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', undef);
$node->restart;
is($node->safe_psql('postgres', 'SHOW session_preload_libraries'), '', 'for good');

# A session starts
my ($status, $out, $err) = $node->psql('mydb', 'SELECT 1');
like($err, qr/could not access file "trovella_guard"/, 'no session starts in a database with a list of its own');
ok((run_documented($node, operating_command($section, "psql -d postgres -c 'ALTER DATABASE")))[0], 'it is reset');
is($node->safe_psql('mydb', $protection), $protected, 'now one does, and the tables are protected as they were');

# DDL works
foreach my $ddl ('CREATE TABLE scratch ()', 'DROP EXTENSION trovella_guard')
{
	($status, $out, $err) = $node->psql('mydb', $ddl);
	like($err, qr/could not access file "[^"]*trovella_guard"/, "fails: $ddl");
}
ok((run_documented($node, operating_command($section, "psql -d mydb -c 'ALTER EVENT")))[0], 'the event triggers are disabled');
($status, $out, $err) = $node->psql('mydb', 'CREATE TABLE scratch ()');
is("$status$err", '0', 'then DDL works');
foreach my $table ('allowlist', 'allowlist_log')
{
	my $csv = $node->basedir . "/$table.csv";
	my $rows = $node->safe_psql('mydb', "SELECT count(*) FROM trovella_guard.$table");

	ok((run_documented($node, operating_command($section, "psql -d mydb -c '\\copy trovella_guard.$table "),
		"$table.csv" => $csv))[0], "$table can be saved");
	is($node->safe_psql('mydb', "CREATE TEMP TABLE saved (LIKE trovella_guard.$table);"
			  . " COPY saved FROM '$csv' (FORMAT csv, HEADER); SELECT count(*) FROM saved"),
		$rows, 'with its rows');
}
ok((run_documented($node, operating_command($section, "psql -d mydb -c 'DROP")))[0], 'and the extension goes');
is($node->safe_psql('mydb', q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^trovella'}), '0', 'with all that it had');
is($node->safe_psql('mydb', $protection), $protected, 'the tables are protected as before');
only_commands($section, 'pg_ctl ', 'psql -d postgres -c ', 'psql -d mydb -c ');

# If every database has a list, the single-user mode ignores it
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET session_preload_libraries = 'trovella_guard'});
$node->stop;
my $sql = "ALTER DATABASE postgres RESET session_preload_libraries\n";
ok(IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \$sql, '>', \$out, '2>', \$err),
	'postgres --single starts');
$node->start;
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'and has reset the list');

# With the library back, all is well
bring_back();
make_guarded_db($node, 'again');
refuses($node, 'again', 'with the library back');

$node->stop;
done_testing();
