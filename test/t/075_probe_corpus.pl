#-------------------------------------------------------------------------
#
# 075_probe_corpus.pl
#		probe() tries every policy of the corpus of the proof (sql/scope_*.sql):
#		what is unscoped leaks, what is scoped does not.
#
# The corpus says what follows from a policy alone.  A trial knows the rest of the
# schema, too; where the two differ for that reason, the reason is below.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use File::Copy;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('probe_corpus');
$node->init;
$node->append_conf('postgresql.conf', "log_min_messages = fatal");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION trovella_guard;
	SET trovella_guard.mode = off;
	CREATE ROLE probe_corpus;
	CREATE TABLE tried (file text, no int, expected text, why text, policy text, outcome text)});

my $corpus = $node->basedir . '/corpus';
make_path("$corpus/test/scope_corpus");
copy("$ENV{TESTDIR}/test/scope_corpus/prelude.psql", "$corpus/test/scope_corpus");
copy("$ENV{TESTDIR}/test/scope_corpus/probe.psql", "$corpus/test/scope_corpus/judge.psql");
$ENV{PG_ABS_SRCDIR} = $corpus;
foreach my $file (sort glob "$ENV{TESTDIR}/sql/scope_*.sql")
{
	my ($name) = $file =~ /(\w+)\.sql$/;

	next if $name eq 'scope_budget';	# has no list of policies
	IPC::Run::run(
		[ 'psql', '-XqAtd', $node->connstr('postgres'),
			'-c', "SET corpus.file = '$name'", '-f', $file ],
		'<', \undef, '>', \my $out, '2>', \my $err);
	unlike($err, qr/^(?:psql:.*)?(?:FATAL|PANIC)|server closed/m, "$name runs");
	cmp_ok($node->safe_psql('postgres',
			"SELECT count(DISTINCT no) FROM tried WHERE file = '$name'"),
		'>', 10, '... and its policies are tried');
}

# What leaks by the corpus, and does not here
my %harmless = (
	'scope_bypass' => 'the switch is declared, so its being on is no leak',
	'scope_dead' => 'shut by what the corpus does not look at',
	'scope_equality/literal' => 'the function never returns NULL',
	'scope_equality/empty' => 'the function never returns an empty array',
	'scope_equality/contained' => 'the function never returns an empty array',
	'scope_idioms/parent' => 'no policy lets anybody see the parents',
	'scope_logic/null' => 'raises an error for every row',
	'scope_logic/literal' => 'no tenant has this name',
	'scope_own_row' => 'rows that nobody has',
	'scope_session/random' => 'rows that nobody has',
	'scope_session/system' => 'rows that nobody has',
	'scope_session/setconfig' => 'sets what is set already',
	'scope_session/domain' => 'a domain that sets the tenant; the value is its own',
	'scope_session/view' => 'a view that sets the tenant; the value is its own',
	'scope_sets/temporary' => 'the temporary table is empty, or nobody\'s to read',
	'scope_subselect/parent' => 'no policy lets anybody see the parents',
	'scope_subselect/empty' => 'the set is never empty',
	'scope_subselect/grouping' => 'rows that nobody has',
	'scope_subselect/view' => 'a view that nobody may read',
	'scope_together' => 'a contradiction that the corpus does not see',
	'scope_values/setconfig' => 'sets what is set already',
	'scope_values/parameter' => 'rows that nobody has',
	'scope_writes' => 'a key or a privilege stands in the way');
# ... and the other way round
my %harmful = (
	'scope_dead/owner' => 'tried as the owner, who is exempt',
	'scope_sets/bypass' => 'tried as a role with BYPASSRLS',
	'scope_sets/owner' => 'tried as the owner, who is exempt',
	'scope_values/glued' => q{'org_' alone is no tenant of people},
	'scope_writes/owner' => 'tried as the owner, who is exempt');

sub unexplained
{
	my ($expected, $outcome, $known) = @_;
	my @rows = split /\n/, $node->safe_psql('postgres', qq{
		SELECT file, why, min(no) || ': ' || min(policy)
		FROM tried WHERE expected = '$expected'
		GROUP BY file, why, no HAVING $outcome ORDER BY 1, 2, 3});

	return [ grep { my ($file, $why) = split /\|/;
			!$known->{$file} && !$known->{"$file/$why"} } @rows ];
}

is_deeply(unexplained('unscoped', "bool_and(outcome <> 'leaks')", \%harmless),
	[], 'what is unscoped leaks');
is_deeply(unexplained('scoped', "bool_or(outcome = 'leaks')", \%harmful),
	[], 'what is scoped does not');

is($node->safe_psql('postgres', q{
		SELECT file, why, no, policy FROM tried WHERE outcome = 'contradicts' ORDER BY 1, 2, 3}),
	'', 'no trial contradicts the proof');

my ($leaks, $unscoped, $not_tried, $isolated, $all) = split /\|/,
  $node->safe_psql('postgres', q{
	WITH p AS (SELECT expected, bool_or(outcome = 'leaks') AS leaks,
			bool_or(outcome = 'not_tried') AS not_tried,
			bool_and(outcome = 'isolated') AS isolated
		FROM tried GROUP BY file, no, expected)
	SELECT count(*) FILTER (WHERE leaks AND expected = 'unscoped'),
		count(*) FILTER (WHERE expected = 'unscoped'),
		count(*) FILTER (WHERE not_tried),
		count(*) FILTER (WHERE isolated AND expected = 'scoped'), count(*) FROM p});
note("$leaks of $unscoped leak, $isolated shown isolated, $not_tried of $all not tried");
cmp_ok($leaks, '>', 0.85 * $unscoped, 'most of what is unscoped leaks');
cmp_ok($not_tried, '<', 0.02 * $all, 'nearly everything is tried');

# A thousand tables in one call
$node->safe_psql('postgres', 'CREATE DATABASE many');
$node->safe_psql('many', q{
	CREATE EXTENSION trovella_guard;
	SET trovella_guard.mode = off;
	DO $$ BEGIN
		FOR i IN 1..1000 LOOP
			EXECUTE format('CREATE TABLE t%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
				organization_id uuid NOT NULL, name text NOT NULL, state text NOT NULL DEFAULT %L)', i, 'new');
			EXECUTE format('ALTER TABLE t%s ENABLE ROW LEVEL SECURITY', i);
			EXECUTE format('CREATE POLICY p ON t%s USING (organization_id =
				(SELECT nullif(current_setting(%L, true), %L)::uuid))', i, 'app.org', '');
			EXECUTE format('GRANT ALL ON t%s TO probe_corpus', i);
		END LOOP;
	END $$});
my $start = time;
is( $node->safe_psql('many', q{
	SELECT outcome, count(*) FROM trovella_guard.probe(role => 'probe_corpus') GROUP BY outcome}),
	'isolated|16000', 'a thousand tables are tried');
cmp_ok(time - $start, '<', 60, '... within a minute');

$node->stop;
done_testing();
