#-------------------------------------------------------------------------
#
# set_user.t
#		set_user, by which a plain role becomes a superuser for a while.
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

need('set_user');

my $node = start_server(
	shared_preload_libraries => 'set_user, trovella_guard',
	'set_user.superuser_allowlist' => 'owner');
make_owned_db($node, 'app');
$node->safe_psql('app', 'CREATE EXTENSION set_user; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO owner');

# road: set_user() to a superuser, SET trovella_guard.mode, reset_user() (refused)
my ($out, $err) = as_owner($node, 'app', q{
SELECT set_user_u('postgres');
SET trovella_guard.mode = off;
DROP POLICY del ON invoice;
SELECT reset_user();
SHOW trovella_guard.mode;
DROP POLICY upd ON invoice;});
like($out, qr/^off$/m, 'reset_user() leaves the mode behind');
like($err, qr/WARNING:  trovella_guard\.mode: the value "off" of SET does not count, because role "owner"/,
	'but it does not count for the plain role');
like($err, qr/commit refused: table "public\.invoice" breaks policy_missing/, 'which is refused');
is($node->safe_psql('app', q{SELECT string_agg(polname, ' ' ORDER BY polname) FROM pg_policy
	WHERE polrelid = 'invoice'::regclass}), 'ins sel upd', 'what the superuser did stands');

done_testing();
