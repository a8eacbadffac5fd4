#-------------------------------------------------------------------------
#
# pgtt.t
#		pgtt keeps the templates of global temporary tables in a schema of its own.
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
use Neighbours;

need('pgtt');

my $node = start_server(
	session_preload_libraries => 'pgtt, trovella_guard');
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION pgtt; GRANT ALL ON SCHEMA pgtt_schema TO owner');

my $create = 'CREATE /*GLOBAL*/ TEMPORARY TABLE pgtt_schema.draft (id text, organization_id text NOT NULL)';

# PUBLIC may use the templates, so no sealed entry holds for them
# road: the template of a global temporary table, plain entry (passes)
my $err = ($node->psql('app', $create))[2];
like($err, qr/commit refused: table "pgtt_schema\.draft"/,
	'a template is refused');
unlike($err, qr/sealed => true/, 'and no entry is offered that would not count');
$node->safe_psql('app',
	q{SELECT trovella_guard.allow('pgtt_schema.*', 'templates of pgtt hold no rows', sealed => true)});
like(($node->psql('app', $create))[2], qr/does not count: PUBLIC has privileges on the table/,
	'which says so itself');
$node->safe_psql('app',
	q{SELECT trovella_guard.allow('pgtt_schema.*', 'templates of pgtt hold no rows')});
is(($node->psql('app', $create))[2], '', 'then it is made');
is($node->safe_psql('app', q{
INSERT INTO pgtt_schema.draft VALUES ('1', 'acme');
SELECT count(*) FROM pgtt_schema.draft}), '1', 'and used');
is($node->safe_psql('app', 'SELECT count(*) FROM pgtt_schema.draft'), '0',
	'by one session alone');

done_testing();
