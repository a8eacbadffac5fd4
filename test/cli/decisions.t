#-------------------------------------------------------------------------
#
# decisions.t
#		What trovella-guard takes for decided: .trovella-guard.toml, .trovella-guard.sql,
#		the allowlist of the source.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use FindBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/../perl";
use Cli;

my $production = PostgreSQL::Test::Cluster->new('production');
$production->init;
$production->start;
make_shop($production, 3);
my $reader = url($production, 'shop', 'reader');
my @as_there = ('--tenant-column', 'org_id', '--app-role', 'web');
my ($status, $out, $err, $report);

write_text('.trovella-guard.toml', q{
# what the project has decided
tenant_columns = ["org_id"]
app_role = ["web"]
rules = { app_role_bypasses_rls = "off", setting_pinned = "off" }

[[allow]]
relation = "public.org"
reason = "the organizations"

[[allow]]
relation = "public.child"
reason = "is to be protected; see the plan"
expires_at = 2999-01-01

[[allow]]
relation = "public.item_3"
rule = "policy_unscoped"
object = "open"
reason = "shows \"everything\", on purpose"

[[allow]]
relation = "public.tagged"
reason = 'a view'
rule = "view_exposes_tenants"

[[allow_role]]
role = "migrator"
reason = "migrations"
});
($status, $out, $err) = cli('audit', $reader, '--allow-unjudged');
is("$status$err", '0', 'decisions in TOML') or diag($out);
like($out, qr/^Decisions:\n  .*\.trovella-guard\.toml$/m, '... are named');
like($out, qr/reason: shows "everything", on purpose/, '... with their reasons');
($status, $out, $err) = cli('audit', $reader, '--allow-unjudged', '--no-config', @as_there);
is($status, 1, '--no-config');

write_text('.trovella-guard.toml', "[[allow]]\nrelation = \"public.org\"\nreason = \"TODO\"\n");
($status, $out, $err) = cli('audit', $reader);
is($status, 2, 'TODO is no reason');
like($err, qr/public\.org: the reason is still TODO/, '... it says where');
foreach my $bad ('a b', '[[allow]]' . "\nrelation = \"x.y\"\n", 'colour = "red"', 'tenant_columns = [',
	"[[allow]]\nrelation = \"x.y\"\nreason = \"z\"\nrules = \"q\"\n")
{
	write_text('.trovella-guard.toml', $bad);
	($status, $out, $err) = cli('audit', $reader);
	is($status, 2, 'TOML that is not understood: ' . $bad =~ tr/\n/ /r);
	like($err, qr/\.trovella-guard\.toml/, '... it says where');
}
unlink '.trovella-guard.toml';
write_text('.trovella-guard.sql', q{SELECT trovella_guard.set('tenant_columns', 'org_id'); SELECT trovella_guard.set('app_role', 'web');
	SELECT trovella_guard.allow('public.item_3', 'open', 'policy_unscoped');});
($status, $out, $err) = cli('audit', $reader);
like($out, qr/^  waived   policy_unscoped/m, 'decisions in SQL');
write_text('.trovella-guard.sql', 'SELECT nonsense');
($status, $out, $err) = cli('audit', $reader);
is($status, 2, 'SQL that fails');
like($err, qr/column "nonsense" does not exist/, '... it says why');
unlink '.trovella-guard.sql';

# The source's own extension
$production->safe_psql('shop', q{
SET trovella_guard.mode = off;
CREATE EXTENSION trovella_guard;
SELECT trovella_guard.set('tenant_columns', 'org_id');
SELECT trovella_guard.set('app_role', 'web');
SELECT trovella_guard.allow('public.org', 'decided in production');
SELECT trovella_guard.adopt('debts of production', '2999-01-01');
CREATE TABLE ext.note (org_id text, note text DEFAULT trovella_guard.require_tenant());
GRANT SELECT ON ext.note TO reader; GRANT USAGE ON SCHEMA ext TO reader;
SELECT trovella_guard.adopt('debts of production', '2999-01-01');});
write_text('.trovella-guard.toml', 'tenant_columns = ["nothing"]');
($status, $out, $err) = cli('audit', $reader, '-f', 'json', '--allow-unjudged');
is($status, 0, 'the allowlist of the source counts') or diag($err);
$report = decode_json($out);
is($report->{decisions}, 'the allowlist of the source', '... and the file does not');
cmp_ok($report->{summary}{debts}, '>', 5, '... with its debts');
is($report->{summary}{tenant}, 5, '... and its settings');
unlink '.trovella-guard.toml';
$production->safe_psql('shop', 'DROP TABLE ext.note; DROP EXTENSION trovella_guard; ALTER DATABASE shop RESET ALL');

is_deeply([ left_behind() ], [], 'nothing is left behind');
$production->stop;
done_testing();
