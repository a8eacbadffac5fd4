#-------------------------------------------------------------------------
#
# diff.t
#		trovella-guard diff of databases, dumps and folders of migrations, and
#		trovella-guard init.
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
$production->safe_psql('shop', 'GRANT SELECT ON hidden TO reader');
my $reader = url($production, 'shop', 'reader');
my @as_there = ('--tenant-column', 'org_id', '--app-role', 'web');
my ($status, $out, $err);

$production->command_ok([ 'pg_dump', '-s', '-f', 'before.sql', 'shop' ], 'a dump of the schema');
($status, $out, $err) = cli('diff', @as_there, 'before.sql', 'before.sql');
is("$status|$out|$err", "0|nothing has changed\n|", 'the same');

$production->safe_psql('shop', q{
SET search_path = public, ext;
DROP TABLE child;
CREATE TABLE made (org_id text NOT NULL);
ALTER TABLE item_1 DISABLE ROW LEVEL SECURITY;
ALTER TABLE item_2 FORCE ROW LEVEL SECURITY;
ALTER POLICY p ON item_1 USING (org_id = (SELECT nullif(current_setting('app.current_organization_id', true), '')::ext.citext));
ALTER POLICY p ON item_2 USING (true);
ALTER POLICY open ON item_3 USING (org_id = (SELECT current_setting('app.current_organization_id', true)::ext.citext));
REVOKE DELETE ON item_3 FROM web;
ALTER VIEW tagged SET (security_invoker = true);
ALTER TABLE far RENAME TO farther;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
});
($status, $out, $err) = cli('diff', @as_there, 'before.sql', $reader, '-f', 'json');
is("$status$err", '1', 'something is looser: exit status 1');
my %changes = map { (join(' ', map { $_ // '-' } @$_{qw(table_name item object)}) => join ' ', map { $_ // '-' } @$_{qw(before after effect)}) }
  @{ decode_json($out)->{changes} };
is($changes{'child table -'}, 'tenant - none', 'a table is gone');
is($changes{'made table -'}, '- tenant none', 'a table is new');
is($changes{'far table -'}, 'unprotectable - none', 'a renamed one is both');
is($changes{'item_1 row-level security -'}, 'on off looser', 'row-level security');
is($changes{'item_2 forced row-level security -'}, 'off on tighter', '... forced');
is($changes{'item_1 policy p'}, 'confined confined none', 'a policy that says the same in other words');
is($changes{'item_2 policy p'}, 'confined open looser', 'a policy that is loosened');
is($changes{'item_3 policy open'}, 'open confined tighter', 'a policy that is tightened');
is($changes{'item_3 grant web'}, 'SELECT, INSERT, UPDATE, DELETE SELECT, INSERT, UPDATE tighter', 'a grant');
like($changes{'tagged exposure view_exposes_tenants: public.item_1'}, qr/^error - tighter/, 'an exposure that is lost');
is($changes{'item_1 finding rls_disabled'}, '- error looser', 'a finding that is new');
ok(!(grep { /^(?:org|hidden) / } keys %changes), 'what is as it was is not listed');

($status, $out) = cli('diff', @as_there, 'before.sql', $reader, '-f', 'markdown');
like($out, qr/\A## Tenant isolation: \d+ looser, .*\n\n### Looser\n\n\| relation \| change \| \|\n/, 'markdown: what is looser comes first');
like($out, qr/^\| public\.item\\_2 \| policy p: confined, now open \| +\|$/m, '... policies by the proof');
($status, $out) = cli('diff', @as_there, 'before.sql', $reader);
like($out, qr/^public\.item_2:\n(?:  .*\n)*?  - policy p: confined, now open \(looser\)$/m, 'text');
is((cli('diff', @as_there, $reader, 'before.sql', '--fail-on', 'never'))[0], 0, '--fail-on never');

# Folders of migrations
mkdir $_ foreach qw(old new);
write_text("$_/1.sql", "CREATE TABLE a (id int PRIMARY KEY, org_id text NOT NULL);\nALTER TABLE a ENABLE ROW LEVEL SECURITY;\n") foreach qw(old new);
write_text('new/2.sql', 'ALTER TABLE a DISABLE ROW LEVEL SECURITY;');
($status, $out) = cli('diff', @as_there, 'old', 'new');
is($status, 1, 'folders');
like($out, qr/^public\.a:\n  - row-level security: on, now off \(looser\)$/m, '... what the last migration does');

foreach my $case ([ ['old'], qr/diff takes two sources/ ], [ [ 'old', 'nothing' ], qr/neither a file/ ], [ [ 'old', 'new', '-f', 'html' ], qr/--format is one of/ ])
{
	($status, $out, $err) = cli('diff', @{ $case->[0] });
	is($status, 2, "exit status 2: diff @{ $case->[0] }");
	like($err, $case->[1], '... it says why');
}

# ------------------------------------------------------------------------ init

($status, $out, $err) = cli('init', $reader);
is("$status|$out", '0|', 'init');
like($err, qr/^trovella-guard: \.trovella-guard\.toml is written; 1 reasons? (?:is|are) TODO$/m, '... it says what is left');
my $config = slurp_file('.trovella-guard.toml');
like($config, qr/^tenant_columns = \["org_id"\]$/m, '... the tenant column');
like($config, qr/^app_role = \["web"\]$/m, '... the application role');
like($config, qr/^\[\[allow\]\]\nrelation = "public\.org"\nreason = "TODO: 3 foreign keys refer to it"$/m, '... what may be global');
($status, $out, $err) = cli('audit', $reader);
is($status, 2, 'the tools refuse it');
like($err, qr/public\.org: the reason is still TODO/, '... until the reasons are written');
($status, $out, $err) = cli('init', $reader);
is($status, 2, 'init overwrites nothing');
like($err, qr/--force overwrites it/, '... without being told to');
write_text('.trovella-guard.toml', $config =~ s/TODO.*"/the organizations"/r);
($status, $out, $err) = cli('audit', $reader, '-f', 'json');
is(decode_json($out)->{profile}, 'isolation', 'the file is a configuration');
is(decode_json($out)->{summary}{unclassified}, 0, '... with which all tables have a class');
is((cli('init', $reader, '--force', '-o', 'other.toml', '--profile', 'strict'))[0], 0, 'init into another file');
like(slurp_file('other.toml'), qr/^profile = "strict"$/m, '... with another profile');

is_deeply([ left_behind() ], [], 'nothing is left behind');
$production->stop;
done_testing();
