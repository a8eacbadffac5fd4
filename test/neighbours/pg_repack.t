#-------------------------------------------------------------------------
#
# pg_repack.t
#		pg_repack, as a superuser and as the owner of the tables.
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

need('pg_repack');

my $node = start_server();
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION pg_repack');

sub repack
{
	my ($role, @arguments) = @_;
	return tool($node, qw(pg_repack -d app -E WARNING -U), $role, @arguments);
}

# Its messages when all went well are INFO
sub complaint
{
	my ($ok, $output) = repack(@_);
	return join '', $ok ? () : "failed\n", $output =~ /^(?:WARNING|ERROR).*\n/mg;
}

# road: pg_repack's work tables, not on the allowlist (refused)
my ($ok, $output) = repack('postgres', '-t', 'public.invoice');
like($output, qr/commit refused: table "repack\.log_\d+"/, 'pg_repack makes work tables');
$node->safe_psql('app', q{SELECT trovella_guard.allow('repack.*', 'work tables of pg_repack', sealed => true)});

# road: pg_repack (passes)
foreach my $table (qw(invoice ledger))
{
	unchanged($node, 'app', "pg_repack of $table as a superuser",
		sub { complaint('postgres', '-t', "public.$table") });
}
unchanged($node, 'app', 'pg_repack of all tables, ordered by a column',
	sub { complaint('postgres', '-o', 'id', '-c', 'public') });
unchanged($node, 'app', 'pg_repack of the indexes',
	sub { complaint('postgres', '-x', '-t', 'public.invoice') });

# Before 1.5, its functions are the superusers' alone
SKIP:
{
	skip 'this pg_repack is for superusers', 1
	  if $node->safe_psql('app',
		q{SELECT extversion < '1.5' FROM pg_extension WHERE extname = 'pg_repack'}) eq 't';

	$node->safe_psql('app',
		'GRANT ALL ON SCHEMA repack TO owner; GRANT SELECT ON ALL TABLES IN SCHEMA repack TO owner');
	unchanged($node, 'app', 'pg_repack as the owner, who sees all tenants',
		sub { complaint('owner', '-k', '-t', 'public.invoice') });

	# A FORCEd table: the copy has the rows that the owner sees
	{
		local $ENV{PGOPTIONS} = '-c row_security=off';
		($ok, $output) = repack('owner', '-k', '-t', 'public.ledger');
		like($output, qr/query would be affected by row-level security policy/,
			'as the owner of a FORCEd table, with row_security = off, it fails');
	}
	is(sees($node, 'app', 'acme'), '50|acme|acme 50|acme|acme', 'and nothing is lost');
	diag(complaint('owner', '-k', '-t', 'public.ledger'));
	is($node->safe_psql('app', 'SELECT count(*) FROM ledger'), '0',
		'as the owner of a FORCEd table, without it, the rows are lost');
}

done_testing();
