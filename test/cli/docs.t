#-------------------------------------------------------------------------
#
# docs.t
#		Runs the commands of docs/managed.md as they are printed there, and examines
#		the action, the template, the manual and the completion.
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

my $top = $ENV{TESTDIR};
my $production = PostgreSQL::Test::Cluster->new('production');
$production->init;
$production->start;
$production->safe_psql('postgres', 'CREATE DATABASE shop');

my %blocks;
my $text = slurp_file("$top/docs/managed.md");
while ($text =~ /^```(\w+)\n(.*?)^```/msg)
{
	push @{ $blocks{$1} }, $2;
}
is_deeply([ map { "$_: " . @{ $blocks{$_} } } sort keys %blocks ], [ 'sh: 3', 'sql: 1', 'toml: 1', 'yaml: 1' ], 'docs/managed.md has these blocks');

# The role that it says suffices
$production->safe_psql('shop', $blocks{sql}[0]);
$production->safe_psql('shop', q{
CREATE ROLE web;
CREATE TABLE plan (id int PRIMARY KEY);
CREATE TABLE event (id int PRIMARY KEY, org_id text NOT NULL);
CREATE INDEX ON event (org_id);
ALTER TABLE event ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event FOR SELECT USING (org_id = (SELECT current_setting('app.current_organization_id', true)));
CREATE POLICY made ON event FOR INSERT WITH CHECK (org_id = (SELECT current_setting('app.current_organization_id', true)));
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;});
$ENV{PRODUCTION} = url($production, 'shop', 'auditor');

# Its configuration, and its commands
write_text('.trovella-guard.toml', $blocks{toml}[0]);
mkdir 'migrations';
write_text('migrations/1_base.sql', "CREATE TABLE plan (id int PRIMARY KEY);\n");
write_text('migrations/2_invoices.sql', "CREATE TABLE invoice (id int PRIMARY KEY, org_id text NOT NULL);\nCREATE INDEX ON invoice (org_id);\n"
	  . "ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;\nCREATE POLICY tenant ON invoice USING (org_id = (SELECT current_setting('app.current_organization_id', true)));\n");
my ($bindir) = $program =~ m{^(.*)/};
$ENV{PATH} = "$bindir:$ENV{PATH}";
foreach my $command (map { split /\n/ } @{ $blocks{sh} })
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'sh', '-c', $command ], '<', \undef, '>', \$out, '2>', \$err);
	is($? >> 8, 0, $command) or diag("$out$err");
	unlike($out . $err, qr/ot judged/, '... judges all');
}

if ($production->pg_version->major >= 17)
{
	$production->safe_psql('shop', 'CREATE ROLE keeper LOGIN; GRANT pg_maintain TO keeper; GRANT USAGE ON SCHEMA public TO keeper');
	my ($status, $out, $err) = cli('audit', url($production, 'shop', 'keeper'), '-f', 'json');
	is_deeply(decode_json($out)->{not_judged}, [], 'pg_maintain is enough') or diag($err);
}

# The action, the template
foreach my $file ('action.yml', 'templates/trovella-guard.gitlab-ci.yml')
{
	my $yaml = slurp_file("$top/$file");
	unlike($yaml, qr/\t/, "$file: no tabs");
	my @scripts = $yaml =~ /^( +)run: \|\n((?:\1  .*\n|\n)+)/mg;
	push @scripts, '', join "\n", $yaml =~ /^    - (git .*|xargs .*|trovella-guard .*)$/mg;
	while (my (undef, $script) = splice @scripts, 0, 2)
	{
		my ($out, $err) = run_command([ 'bash', '-n', '-c', $script ]);
		is($err, '', "$file: a script that bash reads");
		foreach my $arguments ($script =~ /trovella-guard ((?:audit|try) [^<\n]*)/g)
		{
			my @words = split ' ', $arguments;
			my ($status, undef, $said) = cli(@words[ 0 .. $#words ], $words[0] eq 'try' ? 'nothing.sql' : ());
			unlike($said, qr/unknown option|is one of|there is no "/, "... $arguments: these options exist");
		}
	}
}
my $action = slurp_file("$top/action.yml");
my ($run) = $action =~ /^( +)run: \|\n\1  (eval .*)\n\1  trovella-guard "\$@"\n\z/m ? $2 : '';
{
	local $ENV{ARGUMENTS} = q{a 'b c' "d"};
	my ($out) = run_command([ 'bash', '-c', qq{$run\nprintf '<%s>' "\$@"} ]);
	is($out, '<a><b c><d>', 'the action: arguments as in a shell');
}

# The manual has all options, and the completion as well
my ($status, $manual) = cli('--help');
is($status, 0, '--help');
my $source = slurp_file($program);
my $completion = slurp_file("$program.bash-completion");
my %options = map { $_ => 1 } map { /'([a-z-]+)[|=']/g } $source =~ /(?:\@common = \(.*?\);|options => \[.*?\])/sg;
cmp_ok(scalar keys %options, '>', 20, 'there are options');
foreach my $option (sort keys %options)
{
	like($source, qr/^=item .*B<--$option>/m, "the manual knows --$option");
	like($completion, qr/--$option\b/, '... and so does the completion');
}
foreach my $verb (qw(audit try diff init))
{
	my ($is, $help) = cli($verb, '--help');
	is($is, 0, "$verb --help");
	like($help, qr/^ +$verb:\n.*^Options:/ms, '... is about it');
}
my ($out, $err) = run_command([ 'podchecker', $program ]);
like("$out$err", qr/pod syntax OK/, 'the manual is well-formed');
like((cli('--version'))[1], qr/^trovella-guard \d+\.\d+\.\d+$/, '--version');
($out) = run_command([ 'bash', '-c', qq{source '$program.bash-completion'; COMP_WORDS=(trovella-guard au); COMP_CWORD=1; _trovella_guard; echo "\${COMPREPLY[@]}"} ]);
is($out, 'audit', 'the completion completes');

# A terminal shows what goes on, a pipe does not (the other tests)
my $terminal = IPC::Run::start([ $program, 'audit', $ENV{PRODUCTION}, '-o', '/dev/null' ], '<', \undef, '>pty>', \my $shown);
IPC::Run::finish($terminal);
like($shown, qr/dumping the schema of shop.*restoring shop.*judging shop/s, 'progress on a terminal');

is_deeply([ left_behind() ], [], 'nothing is left behind');
$production->stop;
done_testing();
