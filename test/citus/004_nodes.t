#-------------------------------------------------------------------------
#
# 004_nodes.t
#		Who looks after which node: the order of installation, audits, the
#		allowlist, status() and check_nodes(), and how a tenant reaches the
#		shards.
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

sub value
{
	my ($node, $db, $sql) = @_;
	return $node->safe_psql($db, $sql);
}
my $status = q{SELECT value, ok, detail FROM trovella_guard.status() WHERE item = 'citus'};
my $nodes = 'SELECT rule, relation, relations, message FROM trovella_guard.check_nodes()';

# The guard is older than Citus
citus_db(\@nodes, 'old', 'before');
is( value($workers[0], 'old', q{SELECT count(*) FROM pg_extension WHERE extname = 'trovella_guard'}),
	'0', 'an extension that is older than Citus is not on the workers');
like(value($coordinator, 'old', $status), qr/^coordinator\|f\|The extension is older than Citus.*CREATE EXTENSION IF NOT EXISTS trovella_guard;/,
	'status() says so, and what to do');
is(value($coordinator, 'old', "SELECT count(*) FROM trovella_guard.check_nodes() WHERE rule = 'guard_missing'"),
	'2', 'and so does check_nodes()');
passes($coordinator, 'old', 'CREATE EXTENSION IF NOT EXISTS trovella_guard', 'doing it');
is(value($coordinator, 'old', "SELECT count(*) FROM trovella_guard.check_nodes()"), '0', 'helps');
like(value($coordinator, 'old', $status), qr/citus.propagate_set_commands = 'local'/,
	'then status() asks for the propagation of SET LOCAL');
value($coordinator, 'old', q{ALTER DATABASE old SET citus.propagate_set_commands = 'local'});
is(value($coordinator, 'old', $status), 'coordinator|t|', 'and is content');
fails($workers[0], 'old', 'CREATE TABLE bare (id int, organization_id text)',
	qr/commit refused/, 'a worker guards what is not from Citus');

# The guard is newer
my $db = 'mydb';
citus_db(\@nodes, $db);
$coordinator->safe_psql($db, 'CREATE ROLE authenticated LOGIN; GRANT USAGE ON SCHEMA public TO authenticated');
passes($coordinator, $db, distribute($_) . "GRANT ALL ON $_ TO authenticated", "table $_") foreach qw(account invoice);
like(value($workers[0], $db, $status), qr/^worker\|/, 'a worker knows that it is one');

# Audits
foreach my $worker (@workers)
{
	is(value($worker, $db, q{SELECT count(*) FROM trovella_guard.check() WHERE table_name ~ '_[0-9]+$'}),
		'0', 'check() on ' . $worker->name . ' says nothing about shards');
	is(value($worker, $db, q{SELECT string_agg(class || ' ' || table_name, ', ' ORDER BY table_name) FROM trovella_guard.tables WHERE schema_name = 'public'}),
		'tenant account, tenant invoice', 'the view tables lists the tables');
	is(value($worker, $db, q{SELECT DISTINCT class FROM trovella_guard.tables WHERE class = 'tenant'}),
		'tenant', 'and can be asked for one column');
	unlike(value($worker, $db, q{SELECT trovella_guard.report('text')}), qr/account_\d/, 'nor does report()');
}
is( value($coordinator, $db, q{SELECT level, message, repair_sql FROM trovella_guard.check() WHERE rule = 'nodes_not_audited'}),
	'info|this audit has not looked at the shards on 2 other nodes|SELECT * FROM trovella_guard.check_nodes();',
	'the coordinator says what it has not looked at');
is(value($workers[0], $db, q{SELECT count(*) FROM trovella_guard.check() WHERE rule = 'nodes_not_audited'}),
	'0', 'a worker does not');

# The allowlist
my $where = 'port ' . $coordinator->port;
foreach my $call (
	q{allow('public.account', 'a test')}, q{allow('account'::regclass, 'a test')},
	q{disallow('public.account')}, q{allow_role('authenticated', 'a test')},
	q{disallow_role('authenticated')}, q{allow_bypass('app.bypass', 'a test')},
	q{disallow_bypass('app.bypass')}, q{attest('account', 'tenant', 'a test')}, q{adopt('a test')}, q{prune()})
{
	fails($workers[0], $db, "SELECT trovella_guard.$call",
		qr/allowlist of a Citus cluster is kept on its coordinator\n.*\n.*Connect to the coordinator: .*$where/,
		"a worker refuses $call");
}
passes($coordinator, $db, q{SELECT trovella_guard.adopt('a test', level => 'info'); SELECT trovella_guard.prune()},
	'the coordinator does not');

# What the nodes are asked
is(value($coordinator, $db, $nodes), '', 'all nodes agree');
my $directly =
  'SET trovella_guard.mode = off; SET citus.enable_ddl_propagation = off; SET citus.enable_manual_changes_to_shards = on;';
my @shards = split /\n/, value($coordinator, $db, sprintf(
	q{SELECT shardid FROM citus_shards WHERE table_name = 'account'::regclass AND nodename = '%s' AND nodeport = %d ORDER BY 1},
	$workers[0]->host, $workers[0]->port));
is(scalar @shards, 2, 'two shards are on the first worker');
foreach my $case (
	[ 'ALTER TABLE %s DISABLE ROW LEVEL SECURITY', 'ALTER TABLE %s ENABLE ROW LEVEL SECURITY',
		'rls_disabled', qr/not enabled/ ],
	[ 'ALTER POLICY tenant ON %s TO authenticated', 'ALTER POLICY tenant ON %s TO PUBLIC',
		'policy_missing', qr/no policy tenant FOR ALL TO PUBLIC/ ],
	[ 'CREATE POLICY more ON %s FOR SELECT USING (true)', 'DROP POLICY more ON %s',
		'policy_unscoped', qr/no policy more FOR SELECT TO PUBLIC USING \(true\)/ ],
	[ 'CREATE POLICY more ON %s AS RESTRICTIVE USING (true)', 'DROP POLICY more ON %s',
		'policy_unscoped', qr/no policy more AS RESTRICTIVE/ ],
	[ 'ALTER TABLE %1$s DROP CONSTRAINT account_pkey_%2$d', 'ALTER TABLE %1$s ADD CONSTRAINT account_pkey_%2$d PRIMARY KEY (organization_id, id)',
		'tenant_index_missing', qr/no valid index/ ])
{
	my ($do, $undo, $rule, $message) = @$case;
	my $on_both = sub {
		join ';', map { $_[0] =~ /\$/ ? sprintf($_[0], "account_$_", $_) : sprintf($_[0], "account_$_") } @shards;
	};

	$workers[0]->safe_psql($db, $directly . $on_both->($do));
	my $found = value($coordinator, $db, $nodes);
	like($found, qr/^$rule\|public.account\|2\|/m, "check_nodes() finds: $do");
	like($found, $message, 'and says what it is');
	$workers[0]->safe_psql($db, $directly . $on_both->($undo));
	is(value($coordinator, $db, $nodes), '', 'and is content again');
}
# Citus drops AS RESTRICTIVE: the coordinator and the shards do not agree
$coordinator->safe_psql($db,
	"SET trovella_guard.mode = off; CREATE POLICY floor ON invoice AS RESTRICTIVE USING ($Citus::scope)");
like(value($coordinator, $db, $nodes), qr/policy_unscoped\|public.invoice\|\d\|the coordinator has no policy floor FOR ALL/,
	'check_nodes() finds what has become of a restrictive policy');
$coordinator->safe_psql($db, 'DROP POLICY floor ON invoice');

$workers[1]->safe_psql('postgres', "ALTER DATABASE $db SET trovella_guard.mode = warn");
like(value($coordinator, $db, $nodes), qr/guard_mode\|\|\|the mode is warn, and enforce in this session/,
	'another mode');
$workers[1]->safe_psql('postgres', "ALTER DATABASE $db RESET trovella_guard.mode");
$workers[1]->stop;
like(value($coordinator, $db, $nodes), qr/^unreachable\|/m, 'a node that is down');
fails($coordinator, $db, q{SELECT trovella_guard.allow('public.late', 'a test')}, qr/connection to the remote node/,
	'the allowlist needs all nodes');
is(value($coordinator, $db, q{SELECT count(*) FROM trovella_guard.allowlist WHERE table_name = 'late'}), '0',
	'and stays as it was');
$workers[1]->start;
fails($workers[0], $db, 'SELECT * FROM trovella_guard.check_nodes()', qr/not the coordinator of a Citus cluster/,
	'a worker is not asked');

# A node that has lost the guard
$workers[1]->safe_psql($db,
	'SET citus.enable_ddl_propagation = off; DROP EXTENSION trovella_guard CASCADE');
like(value($coordinator, $db, $nodes), qr/^guard_missing\|\|\|.*not there any more: remove the node from the cluster, and add it again$/m,
	'a node without the guard');

# A tenant reaches the shards by SET LOCAL, and only with propagation
my $set = q{SET LOCAL app.current_organization_id = 'o1'};
my $count = 'SELECT count(*) FROM account';
sub seen { return $coordinator->safe_psql($db, $_[0], extra_params => [ '-q', '-U', 'authenticated' ]) }
is(seen("BEGIN; $set; $count; COMMIT"), '0', 'SET LOCAL without propagation shows nothing');
value($coordinator, $db, q{ALTER DATABASE mydb SET citus.propagate_set_commands = 'local'});
is(seen("BEGIN; $set; $count; COMMIT"), '10', 'with it, the rows of the tenant');
is(seen("SET app.current_organization_id = 'o1'; $count"), '0', 'SET shows nothing');

done_testing();
