#!/usr/bin/perl
#
# faults.t: things go wrong in the middle of migrations and of verdicts.
#
# Whatever happens, a commit has either happened, and left a safe state, or it
# has not happened.  The oracle says what is safe.  LAB_ROUNDS (1) says how
# often processes are killed.  Runs in a cluster of its own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = $ENV{LAB_ROUNDS} || 1;
my $seed = $ENV{LAB_SEED} || 1;
srand $seed;

my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init;
$node->append_conf('postgresql.conf', q{
restart_after_crash = on
client_min_messages = error
log_min_messages = log
max_prepared_transactions = 5
max_locks_per_transaction = 64
});
$node->start;
# (the oracle asks what the application's role may do)
$node->safe_psql('postgres', 'CREATE ROLE regress_lab_app');
$node->safe_psql('postgres', 'CREATE DATABASE lab');
$node->command_ok([ 'psql', '-XAtq', '-d', $node->connstr('lab'),
		'-f', "$FindBin::RealBin/oracle.sql" ], 'the oracle is installed');
$node->safe_psql('lab', 'CREATE EXTENSION trovella_guard');

# The statements that make $n tables from number $first on, each right or,
# where $bad, each without row-level security.
sub tables
{
	my ($prefix, $first, $n, $bad) = @_;
	return join '', map {
		my $t = "$prefix$_";
		"CREATE TABLE $t (id text, organization_id text NOT NULL);\n"
		  . "CREATE INDEX ON $t (organization_id);\n"
		  . "CREATE POLICY p ON $t USING (organization_id = (SELECT current_setting('app.current_organization_id', true)));\n"
		  . ($bad ? '' : "ALTER TABLE $t ENABLE ROW LEVEL SECURITY;\n")
	} $first .. $first + $n - 1;
}

# The same in one statement, only the last of them wrong.
sub many_tables
{
	my ($prefix, $n, $bad) = @_;
	return qq{DO \$\$ BEGIN FOR i IN 1..$n LOOP
		EXECUTE format('CREATE TABLE $prefix%s (id text, organization_id text NOT NULL)', i);
		EXECUTE format('CREATE INDEX ON $prefix%s (organization_id)', i);
		EXECUTE format('CREATE POLICY p ON $prefix%s USING (organization_id = (SELECT current_setting(''app.current_organization_id'', true)))', i);
		IF NOT ($bad = 1 AND i = $n) THEN
			EXECUTE format('ALTER TABLE $prefix%s ENABLE ROW LEVEL SECURITY', i);
		END IF;
	END LOOP; END \$\$;\n};
}

sub is_safe
{
	my ($name) = @_;
	is($node->safe_psql('lab', "SELECT rule, object FROM lab.unsafe()"), '',
		"$name: the oracle finds nothing");
	is($node->safe_psql('lab', "SELECT rule, table_name FROM trovella_guard.check() WHERE level = 'error'"),
		'', "$name: neither does check()");
	return;
}

# A session that works at migrations, right ones and wrong ones, without end.
sub start_worker
{
	my ($prefix) = @_;
	my $script = '';
	foreach my $round (0 .. 199)
	{
		my $bad = $round % 3 == 2;
		$script .= "BEGIN;\n" . tables($prefix, $round * 10, 10, $bad)
		  . ($round % 5 == 4 ? "PREPARE TRANSACTION '$prefix$round';\nCOMMIT PREPARED '$prefix$round';\n" : "COMMIT;\n");
		# and takes protection away again
		$script .= "ALTER TABLE $prefix" . ($round * 10) . " DISABLE ROW LEVEL SECURITY;\n";
	}
	my $worker = { out => '', err => '' };
	my $file = $node->basedir . "/$prefix.sql";
	append_to_file($file, $script);
	$worker->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('lab'), '-f', $file ],
		'>', \$worker->{out}, '2>', \$worker->{err});
	return $worker;
}

sub stop_worker
{
	my ($worker) = @_;
	eval { $worker->{run}->finish; };
	return;
}

sub wait_until_up
{
	foreach (1 .. 600)
	{
		# It dies if psql is gone before it has been told what to do
		my $rc = eval { scalar $node->psql('lab', 'SELECT 1') };
		return if defined $rc && $rc == 0;
		usleep(100_000);
	}
	BAIL_OUT('the server does not come back');
}

# The postmaster takes a moment to notice that a backend is gone, and lets
# sessions in until then.  OFFSET is where its log ended before.
sub wait_for_recovery
{
	my ($offset) = @_;
	foreach (1 .. 600)
	{
		return wait_until_up()
		  if slurp_file($node->logfile, $offset) =~ /server processes terminated; reinitializing/;
		usleep(100_000);
	}
	BAIL_OUT('the server does not notice that a backend is gone');
}

# A worker that has come so far that there is something to lose.
sub start_working
{
	my ($prefix) = @_;
	my $worker = start_worker($prefix);
	$node->poll_query_until('lab', "SELECT count(*) > 3 FROM pg_class WHERE relname ~ '^${prefix}[0-9]+\$'")
	  or BAIL_OUT('the worker makes no tables');
	# anywhere: in a statement, in a verdict, between them
	usleep(rand 400_000);
	return $worker;
}

sub resolve_prepared
{
	foreach (split /\n/, $node->safe_psql('lab', 'SELECT gid FROM pg_prepared_xacts'))
	{
		$node->safe_psql('lab', "COMMIT PREPARED '$_'");
	}
	return;
}

foreach my $round (1 .. $rounds)
{
	my $worker = start_working("a$round" . '_');
	my $pid = $node->safe_psql('lab', q{
		SELECT pid FROM pg_stat_activity WHERE datname = 'lab'
		AND backend_type = 'client backend' AND pid <> pg_backend_pid()
		ORDER BY backend_start LIMIT 1});
	my $offset = -s $node->logfile;
	ok($pid && kill('KILL', $pid), "killed a backend that was at work, round $round");
	stop_worker($worker);
	wait_for_recovery($offset);
	resolve_prepared();
	is_safe("backend killed, round $round");
}

foreach my $round (1 .. $rounds)
{
	my $worker = start_working("b$round" . '_');
	$node->stop('immediate');
	stop_worker($worker);
	$node->start;
	resolve_prepared();
	is_safe("server killed, round $round");
}

# Verdicts over many tables, cancelled.  (A statement_timeout does not reach
# them: PostgreSQL switches it off before it commits.)
my $stopped = 0;
foreach my $bad (0, 1)
{
	my $what = $bad ? 'wrong' : 'right';
	my $n = 1000;
	my $session = { in => "BEGIN;\nSET LOCAL statement_timeout = '60s';\n"
		  . many_tables('d_', $n, $bad)
		  . "SELECT 'ready';\nCOMMIT;\nSELECT 'alive';\n", out => '', err => '' };
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('lab') ],
		'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err},
		IPC::Run::timer(240));
	$run->pump while $session->{out} !~ /ready/ && $run->pumpable;
	my $canceller = q{DO $$ BEGIN FOR i IN 1..100000 LOOP
		PERFORM pg_stat_clear_snapshot();
		PERFORM FROM (SELECT pg_cancel_backend(pid) c FROM pg_stat_activity
			WHERE query = 'COMMIT;' AND state = 'active') a WHERE c;
		EXIT WHEN FOUND; END LOOP; END $$};
	$node->safe_psql('lab', "SET statement_timeout = '20s'; $canceller")
	  if $session->{err} eq '';
	$run->finish;
	like($session->{out}, qr/alive/, 'the session goes on after a cancel');
	$stopped++ if $session->{err} =~ /user request/;
	note($session->{err} =~ /user request/ ? 'cancelled' : 'the cancel came too late');
	my $there = $node->safe_psql('lab', "SELECT count(*) FROM pg_class WHERE relname ~ '^d_[0-9]+\$' AND relkind = 'r'");
	ok($there == 0 || (!$bad && $there == $n), "a cancelled commit of a $what migration happened whole or not at all");
	is_safe("verdict cancelled, $what migration");
}
cmp_ok($stopped, '>', 0, 'a verdict can be cancelled');

# A lock table that is full, or all but full.  The verdict locks no relation, so
# that it can still refuse what the migration could still do.
{
	my $n = $node->safe_psql('lab', q{SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)});
	my $refused = 0;
	my ($rc, $out, $err) = $node->psql('lab', "BEGIN;\n" . many_tables('e_', 2 * $n, 1) . 'COMMIT;');
	like($err, qr/out of shared memory/, 'the lock table is full');
	is_safe('lock table full');

	# a table with its index and TOAST table takes four to five locks
	foreach my $share (0.1, 0.2, 0.25, 0.3, 0.35)
	{
		($rc, $out, $err) = $node->psql('lab', "BEGIN;\n" . many_tables('e_', int($n * $share), 1) . 'COMMIT;');
		$refused++ if $err =~ /commit refused/;
		like($err, qr/commit refused|out of shared memory/, "a wrong migration that takes many locks ($share) does not commit");
	}
	cmp_ok($refused, '>', 0, 'of those that take many locks some came as far as the verdict');
	is_safe('many locks');
}


# A session that is talked to piece by piece: that a limit can be put on its
# backend in between, from outside.
my $said = 0;

sub start_session
{
	my $session = { in => '', out => '', err => '' };
	$session->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('lab') ],
		'<', \$session->{in}, '>', \$session->{out}, '2>', \$session->{err},
		IPC::Run::timer(180));
	$session->{pid} = ask($session, 'SELECT pg_backend_pid();');
	return $session;
}

# What it answers, with its errors; nothing more once the session is gone.
sub ask
{
	my ($session, $sql) = @_;
	my $mark = 'said ' . ++$said;
	$session->{out} = $session->{err} = '';
	return '' unless $session->{run}->pumpable;
	$session->{in} .= "$sql\n\\echo $mark\n";
	eval {
		$session->{run}->pump
		  while $session->{out} !~ /^$mark$/m && $session->{run}->pumpable;
	};
	$session->{out} =~ s/^$mark$//m;
	my $answer = $session->{out} . $session->{err};
	$answer =~ s/\s+\z//;
	return $answer;
}

sub end_session
{
	my ($session) = @_;
	eval { $session->{in} .= "\\q\n"; $session->{run}->finish; };
	return;
}

# The soft limit only, so that it can be taken back: without BYTES it is.
# Returns false if there is no such process any more.
sub limit
{
	my ($session, $what, $bytes) = @_;
	my $of = "prlimit --pid $session->{pid} --$what";
	chomp(my $hard = `$of --noheadings --raw -o HARD 2>&1`);
	my $soft = $bytes // $hard;
	return system("$of=$soft:$hard >/dev/null 2>&1") == 0;
}

sub backend_size
{
	my ($session) = @_;
	my ($size) = slurp_file("/proc/$session->{pid}/status") =~ /^VmSize:\s+(\d+) kB/m;
	return $size * 1024;
}

my $can_limit = -r "/proc/$$/status" && system("prlimit --pid $$ >/dev/null 2>&1") == 0;

# What becomes of the tables of the transactions below
my $shortage = 300;

sub change_all
{
	my ($sql) = @_;
	return "DO \$\$ BEGIN FOR i IN 1..$shortage LOOP EXECUTE replace('$sql', 'TABLE t', 'TABLE f_' || i); END LOOP; END \$\$;\n";
}

# How many of them are protected, and how many bear this remark
sub state_of_all
{
	my ($remark) = @_;
	return $node->safe_psql('lab', qq{
		SELECT count(*) FILTER (WHERE relrowsecurity),
			count(*) FILTER (WHERE obj_description(oid, 'pg_class') = '$remark')
		FROM pg_class WHERE relname ~ '^f_[0-9]+\$' AND relkind = 'r'});
}

my $disable = change_all('ALTER TABLE t DISABLE ROW LEVEL SECURITY');
my $enable = change_all('ALTER TABLE t ENABLE ROW LEVEL SECURITY');

sub remark
{
	my ($remark) = @_;
	return change_all("COMMENT ON TABLE t IS ''$remark''");
}

SKIP:
{
	skip 'needs prlimit (util-linux) and /proc, as on Linux', 1 unless $can_limit;

	# Tables that are there already: to undo what made tables, PostgreSQL needs
	# memory itself, and panics where it gets none.
	$node->safe_psql('lab', many_tables('f_', $shortage, 0));

	# Memory that runs out from one moment of a commit on: the backend may have
	# what it has and some KB more.
	my %ends;
	foreach my $try (map { my $spare = $_; map { [$_, $spare] } qw(wrong right off) }
		0, 64, 256, 65536)
	{
		my ($kind, $spare) = @$try;
		my $what = "$kind change, $spare KB to spare";
		my $session = start_session();
		ask($session, "BEGIN;\n" . ($kind eq 'off' ? "SET LOCAL trovella_guard.mode = off;\n" : '')
			  . $disable . ($kind eq 'right' ? $enable : '') . remark($what));
		limit($session, 'as', backend_size($session) + 1024 * $spare)
		  or BAIL_OUT('cannot limit the memory of a backend');
		my $answer = ask($session, 'COMMIT;');
		limit($session, 'as');
		my $end = $answer =~ /(commit refused|out of memory)/ ? $1
		  : $answer eq '' ? 'committed' : $answer;
		$ends{"$kind: $end"}++;
		note("$what: $end", $answer =~ /(in memory context .*)/ ? ", $1" : '');

		is(ask($session, 'SELECT 1;'), '1', "$what: the session goes on");
		is(state_of_all($what),
			$end ne 'committed' ? "$shortage|0" : ($kind eq 'right' ? $shortage : 0) . "|$shortage",
			"$what: happened whole or not at all");
		ask($session, $enable) if $kind eq 'off';
		end_session($session);
	}
	is_safe('out of memory');
	my $ends = join "\n", map { "$_: $ends{$_}" } sort keys %ends;
	note($ends);
	like($ends, qr/^wrong: out of memory/m, 'a verdict has run out of memory');
	like($ends, qr/^wrong: commit refused/m, 'and another has not');
	unlike($ends, qr/^wrong: committed/m, 'no wrong change was committed');

	# A backend that can write no more to any file, as on a disk that is full:
	# neither the write-ahead log nor the server log.  What commits must flush
	# the write-ahead log, so that PostgreSQL panics, and recovers.
	foreach my $kind (qw(wrong right off))
	{
		my $what = "$kind change, no disk";
		my $session = start_session();
		ask($session, "BEGIN;\n" . ($kind eq 'off' ? "SET LOCAL trovella_guard.mode = off;\n" : '')
			  . $disable . ($kind eq 'right' ? $enable : '') . remark($what));
		my $offset = -s $node->logfile;
		limit($session, 'fsize', 0) or BAIL_OUT('cannot limit the files of a backend');
		my $answer = ask($session, 'COMMIT;');
		limit($session, 'fsize');
		if ($kind eq 'wrong')
		{
			like($answer, qr/commit refused/, "$what: refused all the same");
			is(ask($session, 'SELECT 1;'), '1', "$what: the session goes on");
		}
		else
		{
			isnt($answer, '', "$what: does not commit");
			wait_for_recovery($offset);
		}
		end_session($session);
		is(state_of_all($what), "$shortage|0", "$what: has not happened");
	}
	is_safe('no disk');
}

# A server log that is full: what goes to it is lost, and nothing else.  First
# written by each process, then by the collector.
SKIP:
{
	skip 'needs /dev/full, as on Linux', 1
	  unless -c '/dev/full' && open(my $full, '>>', '/dev/full');

	my $dir = $node->data_dir;
	mkdir "$dir/full" or BAIL_OUT("cannot make $dir/full: $!");
	symlink '/dev/full', "$dir/full/server.log" or BAIL_OUT("cannot link to /dev/full: $!");
	$node->append_conf('postgresql.conf', "log_directory = full\nlog_filename = 'server.log'\n");
	$node->safe_psql('lab', "BEGIN;\n" . tables('g_', 1, 1, 0) . 'COMMIT;');
	foreach my $collector (qw(off on))
	{
		my $what = "server log full, collector $collector";
		$node->append_conf('postgresql.conf', "logging_collector = $collector\n");
		$node->stop;
		unlink $node->logfile;
		symlink '/dev/full', $node->logfile or BAIL_OUT("cannot link to /dev/full: $!");
		$node->start;

		is($node->safe_psql('lab', 'SELECT pg_current_logfile()'),
			$collector eq 'on' ? 'full/server.log' : '', "$what: it is the log");
		my $break = 'ALTER TABLE g_1 DISABLE ROW LEVEL SECURITY;';
		my ($rc, $out, $err) = $node->psql('lab', $break);
		like($err, qr/commit refused/, "$what: refused all the same");
		is_safe($what);
		# a line for the server log, from inside of the verdict
		($rc, $out, $err) = $node->psql('lab', "SET trovella_guard.mode = off;\n$break");
		is($err, '', "$what: mode off lets it through");
		is($node->safe_psql('lab', "SELECT relrowsecurity FROM pg_class WHERE relname = 'g_1'"),
			'f', "$what: and it has happened");
		$node->safe_psql('lab', 'ALTER TABLE g_1 ENABLE ROW LEVEL SECURITY');
	}
	$node->stop;

	# Nobody shall try to read that to its end
	unlink $node->logfile, "$dir/full/server.log";
}

$node->stop;
done_testing();
