#-------------------------------------------------------------------------
#
# platforms.t
#		trovella-guard audit of a managed service, with what it hides; and what
#		cannot be done.
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
$production->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
$production->safe_psql('postgres', 'CREATE DATABASE shop');
my $reader = url($production, 'shop', 'reader');
my ($status, $out, $err, $report);

# ------------------------------------------------------- a managed service

$production->safe_psql('postgres', 'CREATE DATABASE supa');
$production->safe_psql('supa', q{
CREATE ROLE supabase_admin SUPERUSER LOGIN;
CREATE ROLE supabase_auth_admin LOGIN CREATEROLE;
CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN; CREATE ROLE service_role BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT IN ROLE anon, authenticated, service_role;
CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
CREATE TABLE auth.users (id uuid PRIMARY KEY, organization_id text);
GRANT USAGE ON SCHEMA auth TO authenticated;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT current_setting('request.jwt.claim.sub', true)::uuid $$;
CREATE TABLE profile (id uuid PRIMARY KEY REFERENCES auth.users, organization_id text NOT NULL);
GRANT SELECT ON profile TO reader, authenticated;
ALTER TABLE profile ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON profile TO authenticated USING (id = auth.uid());
CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not in the copy'; END $$;
CREATE EVENT TRIGGER stop ON ddl_command_end EXECUTE FUNCTION stop();
});
my $supa = url($production, 'supa', 'reader');
($status, $out, $err) = cli('audit', $supa, '-f', 'json');
$report = decode_json($out);
is_deeply($report->{platforms}, [ { name => 'Supabase', schemas => ['auth'],
			roles => [qw(authenticator service_role supabase_admin supabase_auth_admin)] } ], 'Supabase is known');
is_deeply($report->{not_judged}, [], '... a table of its own that nobody may lock is not missed');
is_deeply([ map { $_->{name} } grep { $_->{kind} } @{ $report->{not_judged} } ], [], '... nor is the foreign key to it');
ok((grep { $_->{table_name} // '' eq 'profile' } @{ $report->{findings} }), '... the tables of the project are judged');
like((cli('audit', $supa))[1], qr/^Excused, because Supabase manages it:\n  schemas auth\n  roles authenticator, service_role/m, '... and it is listed');

# pg_dumpall reads more than every service shows
$production->safe_psql('supa', 'ALTER EVENT TRIGGER stop DISABLE; REVOKE SELECT ON pg_catalog.pg_parameter_acl FROM PUBLIC');
($status, $out, $err) = cli('audit', $supa, '-f', 'json');
ok($status == 1 && decode_json($out)->{platforms}[0]{name} eq 'Supabase', 'roles by SQL, where pg_dumpall may not');
my ($summary) = map { $_->{summary} } decode_json($out);
is_deeply($summary, $report->{summary}, '... with the same result');

# The others, by the roles and schemas that they are known to have
use lib "$ENV{TESTDIR}/lib";
require TrovellaGuard::Platforms;
foreach my $case (
	[ 'Neon', [qw(cloud_admin neon_superuser app)], [qw(neon_auth public)], 'neon_auth|cloud_admin,neon_superuser' ],
	[ 'Amazon RDS', [qw(rdsadmin rds_superuser rds_iam rdsrepladmin app rdstory)], [qw(public rds_tools)], 'rds_tools|rdsadmin,rds_superuser,rds_iam,rdsrepladmin' ],
	[ 'Google Cloud SQL', [qw(cloudsqladmin cloudsqlsuperuser postgres)], [qw(public google_vacuum_mgmt)], 'google_vacuum_mgmt|cloudsqladmin,cloudsqlsuperuser' ],
	[ 'Azure Database for PostgreSQL', [qw(azuresu azure_pg_admin app)], [qw(azure_sys app)], 'azure_sys|azuresu,azure_pg_admin' ])
{
	my ($name, $roles, $schemas, $known) = @$case;
	my @found = TrovellaGuard::Platforms::platforms_of($roles, $schemas);
	is(join('; ', map { "$_->{name}: " . join('|', map { join ',', @$_ } @$_{qw(schemas roles)}) } @found), "$name: $known", "$name is known");
}
is_deeply([ TrovellaGuard::Platforms::platforms_of([qw(postgres app authenticated)], [qw(public auth storage)]) ], [], 'none is assumed');

# A dump that somebody has tampered with runs no command, and what is open hides nothing
my @evil = (
	'\\! touch owned',
	'COMMENT ON TABLE public.a IS NULL \\! touch owned',
	'COMMENT ON TABLE public.a IS NULL \\g |touch owned',
	q{COPY public.a FROM PROGRAM 'touch owned';},
	q{DO $$ BEGIN EXECUTE $x$COPY public.a FROM PROGRAM 'touch owned'$x$; END $$;},
	q{SET standard_conforming_strings = off; COMMENT ON TABLE public.a IS '\\'; COPY public.a FROM PROGRAM 'touch owned'; --';},
	q{ALTER SYSTEM SET archive_command = 'touch owned';},
	q{COMMENT ON TABLE public.a IS 'x},
	'CREATE TABLE public.c (');
my $number = 0;
write_text('evil.sql', join '', map { sprintf "--\n-- Name: %s; Type: %s; Schema: public; Owner: me\n--\n\n%s\n\n", @$_ }
	  [ 'a', 'TABLE', 'CREATE TABLE public.a ();' ],
	(map { [ 'evil' . ++$number, 'COMMENT', s{owned}{@{[ run_dir() ]}/owned}r ] } @evil),
	[ 'b', 'TABLE', 'CREATE TABLE public.b ();' ], [ 'TABLE b', 'COMMENT', "COMMENT ON TABLE public.b IS 'x';" ]);
chmod 0777, run_dir() or die;
($status, $out, $err) = cli('audit', 'evil.sql', '--fail-on', 'never');
ok(!-e 'owned', 'a dump runs no command');	# the first is no statement
is($status, 1, '... but fails');
is_deeply([ $out =~ /^  COMMENT public\.evil(\d+): pg_dump writes no such statement$/mg ], [ 2 .. 9 ], '... and says why');
like($out, qr/^2 relations /m, '... and hides nothing');

# ------------------------------------------------------------ what goes wrong

# What is no dump must not look like a database without tables
write_text('plain.sql', "CREATE TABLE public.a (id int, org_id text);\n");
write_text('two.sql', join '', map { "--\n-- Name: $_; Type: DATABASE; Schema: -; Owner: me\n--\n\nCREATE DATABASE $_;\n\n\\connect $_\n" } qw(x y));
write_text('empty.sql', "--\n-- PostgreSQL database dump\n--\n\nSET row_security = off;\n");
like((cli('audit', 'empty.sql'))[1], qr/^0 relations/, 'the dump of an empty database');

foreach my $case (
	[ [ url($production, 'shop', 'nobody') ], qr/role "nobody" does not exist/ ],
	[ [ url($production, 'nowhere', 'reader') ], qr/database "nowhere" does not exist/ ],
	[ ['plain.sql'], qr/is no dump/ ],
	[ ['two.sql'], qr/several databases \(x, y\)/ ],
	[ ['no/such/file'], qr/neither a file, nor a folder, nor a connection string/ ],
	[ ['env:NOT_SET'], qr/environment variable NOT_SET is not set/ ],
	[ [ $reader, '--bindir', '/nowhere' ], qr/no PostgreSQL server/ ],
	[ [ $reader, '--format', 'pdf' ], qr/--format is one of: text/ ],
	[ [ $reader, '--fail-on', 'red' ], qr/--fail-on is one of/ ],
	[ [ $reader, '--colour' ], qr/unknown option: colour/ ],
	[ [ $reader, $reader ], qr/audit takes one source/ ],
	[ [ $reader, '--profile', 'lax' ], qr/--profile is one of/ ],
	[ [ $reader, '--rules', 'nothing=error' ], qr/there is no rule|nothing/ ],
	[ [ $reader, '--schema', 'nowhere' ], qr/schema "nowhere"/ ])
{
	my ($arguments, $message) = @$case;
	($status, $out, $err) = cli('audit', @$arguments);
	is("$status|$out", '2|', "exit status 2: @$arguments");
	like($err, $message, '... it says why');
}
is((cli('frobnicate'))[0], 2, 'a verb that is not there');
is_deeply([ left_behind() ], [], 'nothing is left behind');

$production->stop;
done_testing();
