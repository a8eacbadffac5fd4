#-------------------------------------------------------------------------
#
# 007_sync.t
#		citus.metadata_sync_mode = 'nontransactional': a node gets the tables in
#		many transactions.  The guard lets them pass, as they are a superuser's,
#		and the node has everything at the end.
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
CREATE ROLE authenticated;
CREATE ROLE owner LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO owner});
$coordinator->safe_psql($db, distribute('account'));
$coordinator->safe_psql($db, distribute('invoice') =~ s/BEGIN/SET ROLE owner; BEGIN/r);
$coordinator->safe_psql($db, q{
BEGIN;
CREATE TABLE model (id int PRIMARY KEY);
SELECT trovella_guard.allow('public.model', 'models, the same for all tenants');
COMMIT;
SELECT create_reference_table('model')});

my $new = citus_node('worker3');
$new->safe_psql('postgres',
	"SET citus.enable_create_database_propagation = off; CREATE DATABASE $db");
$new->safe_psql($db, 'CREATE EXTENSION citus');

my $mode = q{SET citus.metadata_sync_mode = 'nontransactional';};
passes($coordinator, $db,
	sprintf(q{%s SELECT citus_add_node('%s', %d)}, $mode, $new->host, $new->port),
	'a node is added');
is($new->safe_psql($db, q{SELECT count(*) FROM pg_extension WHERE extname = 'trovella_guard'}),
	'1', 'it has the guard');
my $protected = q{
SELECT relname, relrowsecurity, (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid)
FROM pg_class c WHERE relname IN ('account', 'invoice') ORDER BY relname};
is($new->safe_psql($db, $protected), "account|t|1\ninvoice|t|1", 'and the policies');
passes($coordinator, $db, 'SELECT rebalance_table_shards()', 'it gets its part of the shards');
is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0',
	'which have what their tables have');

my $offset = -s $new->logfile;
passes($coordinator, $db, "$mode SELECT start_metadata_sync_to_all_nodes()", 'all nodes get it anew');
is($new->safe_psql($db, $protected), "account|t|1\ninvoice|t|1", 'and have it');
my $log = slurp_file($new->logfile, $offset);
like($log,
	qr/trovella_guard lets Citus commit as role "\w+": table "public.model" breaks table_unclassified/,
	'the log of a node has what it has passed: here a table whose entry is on the coordinator');
unlike($log, qr/lets Citus commit.*(account|invoice)/,
	'and nothing else: each table comes with its policies in one transaction');
is($coordinator->safe_psql($db, 'SELECT count(*) FROM trovella_guard.check_nodes()'), '0', 'all nodes agree');
is(count_of($coordinator, $db, $_), '100', "the rows of $_ are there") foreach qw(account invoice);

# The guard works on the new node
fails($new, $db, 'SET citus.enable_ddl_propagation = off; ALTER TABLE account DISABLE ROW LEVEL SECURITY',
	qr/commit refused: table "public.account" breaks rls_disabled/, 'which guards them');

done_testing();
