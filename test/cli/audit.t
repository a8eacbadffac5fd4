#-------------------------------------------------------------------------
#
# audit.t
#		trovella-guard audit: a production cluster that the reader may hardly read,
#		every format and exit status, extensions that are missing here.
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
use Time::HiRes qw(time);

use lib "$FindBin::RealBin/../perl";
use Cli;

my $production = PostgreSQL::Test::Cluster->new('production');
$production->init;
$production->start;
make_shop($production, 300);
my $version = $production->pg_version->major;
my $reader = url($production, 'shop', 'reader');
my @as_there = ('--tenant-column', 'org_id', '--app-role', 'web');

# ------------------------------------------------------------- what is there

my ($status, $out, $err) = cli('audit', $reader, @as_there, '--format', 'json', '--allow-unjudged');
is($status, 1, 'findings: exit status 1');
is($err, '', '... and silence in a pipe');
my $report = decode_json($out);
my %found = map { ("$_->{table_name} $_->{rule}" => 1) } grep { $_->{table_name} } @{ $report->{findings} };
is($report->{database}, 'shop', 'the copy has the name of the source');
is($report->{summary}{tenant}, 301, 'the tables are judged by the column of the command line');
ok($found{'item_7 policy_unscoped'}, 'a policy that is open is found');
ok($found{'tagged view_exposes_tenants'}, 'and a view that bypasses the policies');
ok($found{'item_1 publication_exposes_tenants'}, 'and a publication');
ok($found{'item_3 app_role_bypasses_rls'}, 'and what a membership opens');
ok((grep { $_->{rule} eq 'setting_pinned' } @{ $report->{findings} }), 'and a tenant that a setting pins');
ok(!$found{'item_3 policy_unscoped'} && !$found{'item_3 tenant_index_missing'}, 'a good table has no other findings');
is_deeply($report->{missing_extensions}, [], 'all extensions are installed here');
is_deeply([ map { "$_->{kind} $_->{name}" } @{ $report->{not_judged} } ], ['TABLE public.hidden'],
	'a table that the reader may not lock is not judged');
ok(!(grep { /^hidden / } keys %found), '... and no finding is invented for it');
unlike($out, qr/secret of a customer|pw of mapping/, 'no data, no password');

($status, $out, $err) = cli('audit', $reader, @as_there, '--fail-on', 'never');
is($status, 1, 'what is not judged makes the audit fail');
like($out, qr/^Not judged.*\n  TABLE public\.hidden: the reader has no privilege to lock it$/m, '... and is named');

my @found = map { "$_->{table_name} $_->{rule} $_->{message}" } grep { $_->{table_name} } @{ $report->{findings} };

# ------------------------------------------------------- what is missing here

my $bindir = crippled_bindir(qw(citext hstore ltree pg_trgm pgcrypto postgres_fdw));
my %has = (
	text => qr/^Not judged.*\n  TABLE public\.hidden: the reader/m,
	markdown => qr/^### Not judged.*\n\n- TABLE public\.hidden: the reader/m,
	html => qr{<li>TABLE public\.hidden: the reader.*</html>}s,
	json => qr/"reason" : "the reader has no privilege/,
	sarif => qr/"executionSuccessful" : false.*"text" : "not judged: TABLE public\.hidden/s,
	junit => qr{<testcase classname="not judged" name="TABLE public\.hidden"><failure },
	github => qr/^::error title=policy_unscoped%3A public\.item_7::.*^::error title=not judged::TABLE public\.hidden/ms);
foreach my $format (sort keys %has)
{
	($status, $out, $err) = cli('audit', $reader, @as_there, '-f', $format, '--bindir', $bindir, '-o', 'report');
	is("$out$err", '', 'into a file, in silence');
	$out = slurp_file('report');
	is($status, 1, "$format, extensions are missing");
	like($out, qr/citext.*postgresql-$version/s, '... and named, with the package') if $format ne 'junit';
	ok($out =~ $has{$format}, '... and what is not judged');
	ok($out =~ /item_7/, '... and what is wrong');
	next if $format ne 'json';

	$report = decode_json($out);
	is_deeply([ map { $_->{name} } @{ $report->{missing_extensions} } ],
		[qw(citext hstore ltree pg_trgm pgcrypto postgres_fdw)], 'they are listed');
	is_deeply([ map { "$_->{kind} $_->{name}" } @{ $report->{not_judged} } ], ['TABLE public.hidden'],
		'their tables are judged all the same');
	is_deeply([ sort map { $_->{kind} } @{ $report->{left_out} } ], [qw(INDEX INDEX)], 'indexes of other kinds are left out');
	is_deeply(
		[ sort @found ],
		[ sort map { "$_->{table_name} $_->{rule} $_->{message}" } grep { $_->{table_name} } @{ $report->{findings} } ],
		'the findings are the same');
}
# ------------------------------------------------- a dump, and what it lacks

$production->command_ok([ 'pg_dump', '-Fc', '-f', 'shop.dump', 'shop' ], 'a dump with data');
$production->command_ok([ 'pg_dump', '-f', 'shop.sql', 'shop' ], 'a dump as SQL');
foreach my $dump (qw(shop.dump shop.sql))
{
	($status, $out, $err) = cli('audit', $dump, @as_there, '-f', 'json', '--bindir', $bindir, '--fail-on', 'never', '--allow-unjudged');
	is($status, 0, "$dump: --fail-on never, --allow-unjudged");
	$report = decode_json($out);
	is($report->{summary}{tenant}, 302, "$dump: all tables are judged");
	ok((grep { $_ eq 'role migrator' } @{ $report->{assumed} }), '... roles are made up');
	ok((grep { $_ eq 'type ext.citext' } @{ $report->{assumed} }), '... and types');
	ok((grep { $_->{kind} eq 'DEFAULT' } @{ $report->{left_out} }), '... without defaults that cannot be');
	unlike($out, qr/secret of a customer/, '... rows are not restored');
}

# What 5,000 tables take is in docs/managed.md; these are 300, on a busy machine.
my $began = time;
($status, $out, $err) = cli('audit', $reader, @as_there, '-v', '-o', 'report');
cmp_ok(time - $began, '<', 60, '300 tables take less than a minute');
my ($judging) = $err =~ /^trovella-guard: judged in (\d+\.\d+) s$/m;
cmp_ok($judging, '<', 2, '... of which judging them less than 2 seconds');

is_deeply([ left_behind() ], [], 'nothing is left behind');
$production->stop;
done_testing();
