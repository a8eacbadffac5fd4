#-------------------------------------------------------------------------
#
# try.t
#		trovella-guard try: files in one transaction or statement by statement, on a
#		base of files, of a dump or of production, and the tool of a Drizzle project.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Client ();	# first, because the next ones forget the cluster of the suites

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Cli;

my ($status, $out, $err);

mkdir 'migrations' or die;
sub migration { my ($name, $text) = @_; return write_text("migrations/$name.sql", $text) }

my $columns = "id text PRIMARY KEY,\n  organization_id text NOT NULL REFERENCES organization ON DELETE CASCADE,\n"
  . "  created_at timestamptz NOT NULL DEFAULT now(),\n  updated_at timestamptz NOT NULL DEFAULT now()";

migration('1_base', 'CREATE TABLE organization (id text PRIMARY KEY);');
migration('2_good', <<~SQL);
	CREATE TABLE invoice ($columns);
	CREATE INDEX ON invoice (organization_id);
	ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
	CREATE POLICY tenant ON invoice TO authenticated
	  USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));
	SQL
migration('10_bad', <<~SQL);
	-- a comment; with a semicolon
	CREATE TABLE note ($columns);

	CREATE POLICY "open" ON note USING (true);
	CREATE INDEX ON note (organization_id);
	-- migrate:down
	DROP TABLE note;
	SQL
migration('10_bad.down', 'DROP TABLE note;');
migration('11_own', <<~SQL);
	CREATE INDEX CONCURRENTLY ON note (id);
	BEGIN;
	ALTER TABLE invoice
	  DISABLE ROW LEVEL SECURITY;
	COMMIT;
	CREATE INDEX CONCURRENTLY note_2 ON note (created_at);
	SQL
migration('12_repair', "ALTER TABLE note ENABLE ROW LEVEL SECURITY;\nDROP POLICY \"open\" ON note;\n"
	  . "CREATE POLICY tenant ON note USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));\n"
	  . "ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;\n");
migration('13_warned', "ALTER TABLE note ALTER COLUMN organization_id DROP NOT NULL;\n");

# The files before the ones to try are their base, and not judged.
($status, $out, $err) = cli('try', 'migrations/2_good.sql');
is("$status$err", '0', 'a good migration: exit status 0');
is($out, "migrations/2_good.sql: passed\n1 passed\n", '... passed');

($status, $out, $err) = cli('try', map { "migrations/$_.sql" } qw(10_bad 11_own 12_repair 13_warned));
is($status, 1, 'a refused one: exit status 1');
like($out, qr/^migrations\/10_bad\.sql: refused\n  line 2: refused public\.note: rls_disabled: .*\n      ALTER TABLE public\.note ENABLE ROW LEVEL SECURITY;$/m,
	'... with the rule, the line and the repair');
like($out, qr/^  line 7: refused public\.note: policy_unscoped: policy "open"/m, '... of the object');
like($out, qr/^migrations\/11_own\.sql: refused \(statement by statement\)\n(?:  .*\n)*?  line 5: refused|  line 3: refused public\.invoice: rls_disabled/m,
	'a file with its own transactions');
like($out, qr/^migrations\/12_repair\.sql: passed$/m, 'the next file has its base all the same');
like($out, qr/^migrations\/13_warned\.sql: warned\n  line 1: warning public\.note: tenant_column_nullable/m, 'a warning');
like($out, qr/^1 passed, 1 warned, 2 refused\n\z/m, 'the totals are the last line');
is((cli('try', '--fail-on', 'warning', 'migrations/13_warned.sql', '--config', write_text('ok.sql', '')))[0], 1, '--fail-on warning');

($status, $out, $err) = cli('try', '--autocommit', 'migrations/2_good.sql');
is($status, 1, '--autocommit: the table alone is refused');
like($out, qr/^  line 1: refused public\.invoice: rls_disabled/m, '... at its line');
like($out, qr/statement by statement/, '... and it says how');

foreach my $format (qw(github json markdown junit))
{
	($status, $out, $err) = cli('try', '-f', $format, 'migrations/10_bad.sql');
	is("$status$err", '1', $format);
	like($out, {
			github => qr/^::error file=migrations\/10_bad\.sql,line=2,title=rls_disabled%3A public\.note::.*%0AALTER TABLE public\.note ENABLE/m,
			json => qr/"name" : "migrations\/10_bad\.sql"/,
			markdown => qr/^\| migrations\/10\\_bad\.sql:2 \| refused \| public\.note: rls\\_disabled/m,
			junit => qr{<testcase classname="migrations" name="migrations/10_bad\.sql"><failure type="TG001" message="refused">},
		}->{$format}, '... annotates the file');
}

migration('14_wrong', "SELECT 1;\n\nSELECT nonsense;\n");
migration('15_after', 'SELECT 1;');
($status, $out, $err) = cli('try', 'migrations/14_wrong.sql', 'migrations/15_after.sql');
is($status, 2, 'an error: exit status 2');
is($out, "migrations/14_wrong.sql: failed\n  column \"nonsense\" does not exist\nmigrations/15_after.sql: not tried\n1 failed, 1 not tried\n", '... it says which');
($status, $out, $err) = cli('try', 'migrations/15_after.sql');
is($status, 2, 'a base that cannot be built: exit status 2');
like($err, qr{migrations/14_wrong\.sql:3: ERROR:  column "nonsense" does not exist}, '... it says why');
unlink glob 'migrations/1[45]*';

foreach my $case ([ [], qr/try takes migrations, or --exec/ ], [ [ 'nothing.sql' ], qr/no file "nothing\.sql"/ ],
	[ [ '--exec', 'true', 'migrations/2_good.sql' ], qr/try takes migrations, or --exec/ ],
	[ [ '--exec', 'true' ], qr/has not connected to the copy: does it use DATABASE_URL/ ])
{
	($status, $out, $err) = cli('try', @{ $case->[0] });
	is($status, 2, "exit status 2: try @{ $case->[0] }");
	like($err, $case->[1], '... it says why');
}

# -------------------------------------------------------- on top of production

my $production = PostgreSQL::Test::Cluster->new('production');
$production->init;
$production->start;
make_shop($production, 3);
$production->safe_psql('shop', 'GRANT CREATE ON SCHEMA public TO migrator; GRANT USAGE ON SCHEMA ext TO migrator; CREATE TABLE schema_migrations (version text PRIMARY KEY);'
	  . "INSERT INTO schema_migrations VALUES ('20260101'); GRANT SELECT ON schema_migrations TO reader;");
my $reader = url($production, 'shop', 'reader');
my @as_there = ('--tenant-column', 'org_id', '--app-role', 'web');
write_text('bad.sql', "SET search_path = public;\nALTER TABLE item_1 DISABLE ROW LEVEL SECURITY;\nALTER TABLE hidden ADD COLUMN note text;\n");
($status, $out, $err) = cli('try', '--from', $reader, @as_there, 'bad.sql');
is($status, 1, '--from a database');
like($out, qr/^  line 2: refused public\.item_1: rls_disabled/m, '... is refused as there');
like($err, qr/not restored: TABLE public\.hidden/, '... and says what it has not restored');
is($production->safe_psql('shop', q{SELECT relrowsecurity FROM pg_class WHERE relname = 'item_1'}), 't', '... and changes nothing there');
write_text('owner.sql', "CREATE TABLE public.mine (org_id ext.citext);\nALTER TABLE public.mine ENABLE ROW LEVEL SECURITY;\n");
($status, $out) = cli('try', '--from', $reader, @as_there, '--as', 'migrator', '-f', 'json', 'owner.sql');
ok((grep { $_->{rule} eq 'app_role_bypasses_rls' } map { @{ $_->{findings} } } @{ decode_json($out)->{results} }),
	'--as: the migrator owns the table, and web is a member of it') or diag($out);
$production->command_ok([ 'pg_dump', '-f', 'shop.sql', 'shop' ], 'a dump');
is((cli('try', '--from', 'shop.sql', @as_there, 'bad.sql'))[0], 1, '--from a dump');

# A tool finds in the copy what it has applied, and is judged by what it does.
my $psql = 'psql -X -d "$DATABASE_URL" -v ON_ERROR_STOP=1';
($status, $out, $err) = cli('try', '--from', $reader, @as_there, '-v', '--exec', "$psql -Atc 'TABLE schema_migrations' -c 'TABLE org'");
is($status, 0, '--exec: passed');
like($err, qr/^20260101$/m, '... with the rows of its bookkeeping');
unlike($err, qr/secret of a customer/, '... and no others');
($status, $out, $err) = cli('try', '--from', $reader, @as_there, '--exec', "$psql -c 'ALTER TABLE item_1 DISABLE ROW LEVEL SECURITY'");
is($status, 1, '--exec: refused');
like($out, qr/: refused\n.*refused public\.item_1: rls_disabled/, '... it says why');
is((cli('try', '--from', $reader, @as_there, '--exec', "$psql -c 'ALTER TABLE item_1 DISABLE ROW LEVEL SECURITY' || true"))[0],
	1, '... also where the tool hides it');
($status, $out) = cli('try', '--from', $reader, @as_there, '--exec', "$psql -c 'SELECT nonsense'");
is($status, 2, '--exec: failed');
like($out, qr/exit status \d+\n.*nonsense/s, '... with what the tool said');
$production->stop;

# ------------------------------------------------------------- a Drizzle project

my $project = "$ENV{TESTDIR}/test/drizzle";
Client::npm_install($project);
write_text('drizzle.sql', slurp_file("$project/provision.sql") =~ s/^CREATE EXTENSION.*//mr
	  =~ s/\A/CREATE ROLE authenticated; CREATE ROLE migrator LOGIN CREATEROLE; ALTER DATABASE app OWNER TO migrator;/r);
system('cp', '-R', (map { "$project/$_" } qw(schema migrations drizzle.config.ts migrate.mjs package.json)), '.') == 0 or die;
symlink "$project/node_modules", 'node_modules' or die;
my @drizzle = ('--config', 'drizzle.sql', '--as', 'migrator', '--exec', 'npx drizzle-kit migrate');
($status, $out, $err) = cli('try', @drizzle);
is($status, 0, 'drizzle-kit migrate: passed') or diag("$out$err");
like($out, qr/^npx drizzle-kit migrate: passed$/m, '... it says so');
my $last = 'migrations/0003_feature_item.sql';
write_text($last, slurp_file($last) =~ s/^ALTER TABLE "feature_item" ENABLE ROW LEVEL SECURITY.*\n//mr);
($status, $out, $err) = cli('try', @drizzle);
is($status, 1, 'drizzle-kit migrate: refused');
like($out, qr/refused public\.feature_item: rls_disabled: .*\n      ALTER TABLE public\.feature_item ENABLE ROW LEVEL SECURITY;/, '... it says why and how to repair it');

is_deeply([ left_behind() ], [], 'nothing is left behind');
done_testing();
