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

# What leaks by the corpus, and does not here: how many of each kind, and why
my $declared = 'the switch is declared, so its being on is no leak';
my $nobody = 'rows that nobody has';
my $key = 'a foreign key stands in the way';
my $privilege = 'the role that is tried may not write these columns';
my %harmless = (
	'scope_bypass/frozen' => [ 1, $declared ],
	'scope_bypass/function' => [ 2, $declared ],
	'scope_bypass/member' => [ 1, $declared ],
	'scope_bypass/open' => [ 1, 'a declared switch is not set, not even to off' ],
	'scope_bypass/other' => [ 6, $declared ],
	'scope_dead/schema' => [ 1, 'the session has a current schema' ],
	'scope_dead/volatile' => [ 1, 'the function returns the same twice' ],
	'scope_details/collation' => [ 1, $nobody ],
	'scope_equality/contained' => [ 1, 'the function never returns an empty array' ],
	'scope_equality/empty' => [ 1, 'the function never returns an empty array' ],
	'scope_equality/literal' => [ 1, 'the function never returns NULL' ],
	'scope_idioms/parent' => [ 2, 'no policy lets anybody see the parents' ],
	'scope_logic/literal' => [ 2, 'no tenant has this name' ],
	'scope_logic/null' => [ 1, 'raises an error for every row: jsonb null as int' ],
	'scope_own_row/case' => [ 1, $nobody ],
	'scope_own_row/collation' => [ 1, $nobody ],
	'scope_own_row/count' => [ 1, $nobody ],
	'scope_own_row/date' => [ 1, $nobody ],
	'scope_own_row/environment' => [ 1, $nobody ],
	'scope_own_row/member' => [ 1, $nobody ],
	'scope_own_row/random' => [ 1, $nobody ],
	'scope_own_row/tableoid' => [ 1, $nobody ],
	'scope_session/domain' => [ 2, 'a domain that sets the tenant; the value is its own' ],
	'scope_session/random' => [ 1, $nobody ],
	'scope_session/setconfig' => [ 1, 'sets what is set already' ],
	'scope_session/system' => [ 1, $nobody ],
	'scope_session/view' => [ 2, 'a view that sets the tenant; the value is its own' ],
	'scope_sets/temporary' => [ 2, 'the temporary table is empty, or nobody\'s to read' ],
	'scope_subselect/empty' => [ 1, 'the set is never empty' ],
	'scope_subselect/grouping' => [ 1, $nobody ],
	'scope_subselect/parent' => [ 2, 'no policy lets anybody see the parents' ],
	'scope_subselect/view' => [ 1, 'a view that nobody may read' ],
	'scope_together/absent' => [ 1, 'a contradiction that the corpus does not see' ],
	'scope_together/volatile' => [ 1, 'a contradiction that the corpus does not see' ],
	'scope_values/parameter' => [ 2, $nobody ],
	'scope_values/setconfig' => [ 1, 'sets what is set already' ],
	'scope_writes/arm' => [ 1, $key ],
	'scope_writes/column' => [ 3, "$key, or $privilege" ],
	'scope_writes/columns' => [ 2, $key ],
	'scope_writes/generated' => [ 2, 'the tenant is generated, and no row is made by chance' ],
	'scope_writes/global' => [ 1, $key ],
	'scope_writes/inherited' => [ 1, $key ],
	'scope_writes/insert' => [ 1, $privilege ],
	'scope_writes/invalid' => [ 1, $key ],
	'scope_writes/member' => [ 2, $privilege ],
	'scope_writes/null' => [ 2, $key ],
	'scope_writes/oldrow' => [ 1, $privilege ],
	'scope_writes/other' => [ 2, $privilege ],
	'scope_writes/owner' => [ 1, $privilege ],
	'scope_writes/partial' => [ 1, $key ],
	'scope_writes/undecided' => [ 4, $privilege ]);
# ... since PostgreSQL 18 that is NULL
delete $harmless{'scope_logic/null'} if $node->pg_version >= 18;
# ... and the other way round
my %harmful = (
	'scope_dead/owner' => [ 1, 'tried as the owner, who is exempt' ],
	'scope_sets/bypass' => [ 2, 'tried as a role with BYPASSRLS' ],
	'scope_sets/owner' => [ 1, 'tried as the owner, who is exempt' ]);

# How many policies of each kind are expected to do something else than they do
sub kinds
{
	my ($expected, $outcome) = @_;

	return { map { split /\|/ } split /\n/, $node->safe_psql('postgres', qq{
		SELECT kind, count(*) FROM (
			SELECT file || '/' || why AS kind, no FROM tried
			WHERE expected = '$expected' GROUP BY file, why, no HAVING $outcome) s
		GROUP BY kind}) };
}

sub known
{
	my (%list) = @_;

	return { map { $_ => $list{$_}[0] } keys %list };
}

is_deeply(kinds('unscoped', "bool_and(outcome <> 'leaks')"), known(%harmless),
	'what is unscoped leaks');
is_deeply(kinds('scoped', "bool_or(outcome = 'leaks')"), known(%harmful),
	'what is scoped does not');

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
