# Faults.pm: random transactions that are disturbed, and the oracle afterwards.
#
# It goes on in rounds.  In each, two to four sessions get transactions of the
# grammar, many of which also touch dozens of tables, so that their verdicts
# take some time; and something happens to one of them, mostly within a verdict:
# it is cancelled, terminated, killed, runs out of time or of memory, loses its
# client, or the server is restarted.  When all are at rest, the oracle looks,
# and again when what was prepared has been committed or rolled back.
#
# What a session does and what happens to it is decided by the seed.  When it
# happens is a matter of time, so a failure cannot be repeated and shrunk as the
# walker does it: the log says what was sent, what came back, and what happened.

package Lab::Faults;

use strict;
use warnings;

use Lab::Grammar;
use Lab::Session;
use Lab::Walker;
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(time sleep);

# Tables of each session that its verdicts are about.
use constant MANY => 12;
# In an episode, after which there is a fresh database.
use constant ROUNDS => 25;
# How long a round may take before it is ended by force.
use constant PATIENCE => 15;

# What may happen: how often, and how it ends a statement or a session.
my %faults = (
	cancel => { weight => 6, sends => 'pg_cancel_backend(pid)' },
	# one while it is still rolling back, and one more
	cancels => { weight => 2, sends => '(pg_cancel_backend(pid), pg_sleep(0.001), pg_cancel_backend(pid), pg_sleep(0.001), pg_cancel_backend(pid))' },
	terminate => { weight => 4, sends => 'pg_terminate_backend(pid)' },
	lock_timeout => { weight => 4, setting => 20 },
	statement_timeout => { weight => 2, setting => 150 },
	idle_in_transaction_session_timeout => { weight => 2, setting => 30 },
	transaction_timeout => { weight => 3, setting => 400, from => 17 },
	memory => { weight => 3, limits => 1 },
	disconnect => { weight => 3, kills_client => 1 },
	fast_restart => { weight => 0.7, restarts => 'fast' },
	immediate_restart => { weight => 0.7, restarts => 'immediate' },
	kill => { weight => 0.7, kills_backend => 1 },
);

# What ends a statement, or a session, from outside: a COMMIT that fails with
# one of these was in its verdict.
my $from_outside = qr/^(57014|57P01|57P02|55P03|53200|25P03|25P04|08006|40P01)$/;

# What PostgreSQL itself says of concurrent DDL
my $concurrent_ddl = qr/tuple concurrently|cache lookup failed|could not open relation with OID|could not find tuple for parent/;

# new(node => PostgreSQL::Test::Cluster, dir => where oracle.sql is, seed => ...)
sub new
{
	my ($class, %arg) = @_;
	my $self = bless { count => {}, log => [], took => 0.05, %arg }, $class;

	$self->{can_limit} = -r "/proc/$$/status"
	  && system("prlimit --pid $$ >/dev/null 2>&1") == 0;
	return $self;
}

sub counted { my ($self, $what) = @_; $self->{count}{$what}++; return }

sub chance { return rand() < $_[0] }
sub pick { return $_[ int rand @_ ] }

sub logged
{
	my ($self, $who, $what) = @_;
	push @{ $self->{log} }, sprintf '%8.3f  %-9s  %s', time() - $self->{began}, $who, $what;
	return;
}

# The world of the walker, and MANY tables for each session, which read another
# one.  Their policies are long, so that a verdict about all takes a while.
sub prepare
{
	my ($self) = @_;
	my $walker = $self->{walker} = Lab::Walker->new(dir => $self->{dir},
		seed => $self->{seed}, sessions => 4, bound => 600);
	$walker->prepare;
	my $mine = "organization_id = (SELECT current_setting('app.current_organization_id', true))";
	my $arms = join ' OR ', map { "id <> 'x$_'" } 1 .. 300;
	my $setup = Lab::Session->new(name => 'setup', dbname => $walker->{template});
	$setup->query($_) foreach (
		'CREATE SCHEMA many',
		'CREATE TABLE many.asked (id text PRIMARY KEY)',
		q{SELECT trovella_guard.allow('many.asked', 'shared by all tenants')},
		'BEGIN', map({ (
			"CREATE TABLE many.t$_ (id text, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz, n int)",
			"CREATE INDEX ON many.t$_ (organization_id)",
			"ALTER TABLE many.t$_ ENABLE ROW LEVEL SECURITY",
			"CREATE POLICY p ON many.t$_ USING ($mine AND ($arms))",
			"CREATE POLICY r ON many.t$_ AS RESTRICTIVE USING (EXISTS (SELECT FROM many.asked a WHERE a.id = t$_.id))")
		} 1 .. 4 * MANY),
		'COMMIT');
	$setup->close;
	return;
}

sub finish
{
	my ($self) = @_;
	$self->{walker}->finish;
	return;
}

sub major { my ($self) = @_; return $self->{major} //= ($self->{node}->pg_version =~ /^(\d+)/)[0] }

#
# Sessions
#

sub open_session
{
	my ($self, $name, $options, $goes_on) = @_;
	my $session = Lab::Session->new(name => $name, options => $options,
		on_error_rollback => $goes_on, dbname => $self->{walker}{database});
	($session->{backend}) = $session->query('SELECT pg_backend_pid()');
	return $session;
}

# Session N of those that work.  Some notice soon that their client is gone.
sub open_worker
{
	my ($self, $n) = @_;
	my $session = $self->open_session("session$n",
		'-c deadlock_timeout=100ms -c client_connection_check_interval=' . pick(0, 2),
		chance(0.6));
	$session->{queue} = [];
	$session->{sent_texts} = [];
	$self->{walker}{session}[$n] = $session;
	$self->{walker}{progress}[$n] = { texts => [], in_block => 0, began => 0, ignored => {} };
	return $session;
}

# A fresh database.
sub open_world
{
	my ($self) = @_;
	my $walker = $self->{walker};

	$self->{sessions} = 2 + int rand 3;
	$walker->open_world({ preload => chance(0.5), on_error_rollback => 0,
		sessions => $self->{sessions}, names => 3 + int rand 8 });
	$self->{grammar} = Lab::Grammar->new(names => $walker->{style}{names}, fancy => 1, themes => undef,
		preload => $walker->{style}{preload}, prepared => 12);
	$_->close foreach @{ $walker->{session} };
	$walker->{session} = [];
	$self->open_worker($_) foreach 0 .. $self->{sessions} - 1;
	return;
}

# After a restart: what looks on has lost its sessions, too.
sub open_observers
{
	my ($self) = @_;
	my $walker = $self->{walker};

	if ($walker->{setup}) { (delete $walker->{setup})->close }
	$walker->{setup} = Lab::Session->new(name => 'setup', dbname => 'postgres');
	$walker->{observer}->close;
	$walker->{observer} = Lab::Session->new(name => 'observer',
		dbname => $walker->{database},
		options => '-c lock_timeout=300ms -c deadlock_timeout=10s -c statement_timeout=60s');
	return;
}

#
# What they do
#

# Touches the tables of a session, all at once.  Returns the statement.
sub touch_many
{
	my ($self, $n) = @_;
	my $first = MANY * (chance(0.9) ? $n : int rand 4) + 1;
	my $last = $first + MANY - 1;
	my $odd = $first + int rand MANY;
	my @statements = @{ pick(
		['ALTER TABLE many.t%1$s ALTER COLUMN n SET DEFAULT 1'],
		['ALTER TABLE many.t%1$s DISABLE ROW LEVEL SECURITY', 'ALTER TABLE many.t%1$s ENABLE ROW LEVEL SECURITY'],
		['ALTER TABLE many.t%1$s DISABLE ROW LEVEL SECURITY'],
		['ALTER POLICY r ON many.t%1$s TO regress_lab_app', 'ALTER POLICY r ON many.t%1$s TO PUBLIC'],
		['ALTER POLICY p ON many.t%1$s USING (true)']) };
	my $body = join ' ', map { "EXECUTE format('$_', i);" } @statements;
	# one is left as it was, or nearly all
	$body = "IF i " . pick('=', '<>') . " $odd THEN $body END IF;" if chance(0.3);
	return "DO \$\$ BEGIN FOR i IN $first .. $last LOOP $body END LOOP; END \$\$";
}

# A transaction, perhaps of the grammar: not one that asks the guard to look away,
# for then the oracle could not tell what came of it.  A "wide" one is not, and
# makes nothing: to roll back what made tables, PostgreSQL needs memory itself.
sub transaction
{
	my ($self, $n, $wide) = @_;
	my @statements;

	if (!$wide && chance(0.6))
	{
		$self->{grammar}->learn(grep { !/\bmany\.|\t(p|r)$/ }
			  $self->{walker}{observer}->query('SELECT lab.world()'));
		do { @statements = $self->{grammar}->transaction }
		  while grep { /trovella_guard\.(mode|rules)|EXTENSION trovella_guard|^\\/ } @statements;
		my ($end) = grep { $statements[$_] =~ /^(COMMIT$|PREPARE)/ } 0 .. $#statements;
		splice @statements, $end, 0, $self->touch_many($n) if $end && chance(0.7);
		return @statements;
	}

	@statements = ('BEGIN', map { $self->touch_many($n) } 1 .. 1 + int rand 2);
	push @statements, 'ALTER TABLE many.asked ' . pick('ENABLE', 'DISABLE') . ' ROW LEVEL SECURITY'
	  if chance(0.1);
	return (@statements, 'COMMIT') if chance(0.7);
	my $gid = 'lab' . int rand 1e9;
	return (@statements, "PREPARE TRANSACTION '$gid'",
		chance(0.4) ? pick('COMMIT', 'ROLLBACK') . " PREPARED '$gid'" : ());
}

# Somebody has prepared a change of what all the policies read, so that verdicts
# wait for it.  Returns until when.
sub hold
{
	my ($self) = @_;
	my $holder = $self->open_session('holder', '-c lock_timeout=1s');
	my $gid = 'holder' . int rand 1e9;
	my ($result) = reverse $holder->run('BEGIN',
		'ALTER TABLE many.asked ' . pick('ENABLE', 'DISABLE') . ' ROW LEVEL SECURITY',
		"PREPARE TRANSACTION '$gid'");
	$self->logged('holder', "prepared $gid") if $result && !$result->{error};
	$holder->close;
	return time() + 0.1 + rand 0.6;
}

#
# What happens to them
#

sub make_fault
{
	my ($self) = @_;
	my @kinds = grep { ($faults{$_}{from} // 0) <= $self->major
		  && ($self->{can_limit} || !$faults{$_}{limits}) } sort keys %faults;
	my $sum = 0;
	$sum += $faults{$_}{weight} foreach @kinds;
	my $at = rand $sum;
	my ($kind) = grep { ($at -= $faults{$_}{weight}) < 0 } @kinds;
	my $fault = { %{ $faults{ $kind // $kinds[0] } }, kind => $kind // $kinds[0],
		target => int rand $self->{sessions},
		# within a verdict, or at any time
		aimed => chance(0.85), tries => 3, share => rand 1.1, when => time() + rand 0.4 };

	$fault->{value} = 1 + int rand $fault->{setting} if $fault->{setting};
	# kilobytes
	$fault->{spare} = pick(0, 16, 64, 256, 1024) if $fault->{limits};
	return $fault;
}

# May the backend have no more memory than it has, and a little?  Without a
# number it may again.
sub limit_memory
{
	my ($pid, $spare) = @_;
	my $limit = "prlimit --pid $pid --as";
	my ($hard) = `$limit --noheadings --raw -o HARD 2>&1` =~ /^(\d+|unlimited)/ or return;
	my $soft = $hard;

	if (defined $spare)
	{
		open(my $status, '<', "/proc/$pid/status") or return;
		my ($size) = map { /^VmSize:\s+(\d+) kB/ ? $1 : () } <$status>;
		$soft = ($size + $spare) * 1024;
	}
	system("$limit=$soft:$hard >/dev/null 2>&1");
	return;
}

# Is this backend in the middle of a verdict?
my $in_verdict = q{state = 'active' AND query ~ '^(COMMIT$|PREPARE|COMMIT;|COMMIT AND)'};

sub fire
{
	my ($self, $fault) = @_;
	my $observer = $self->{walker}{observer};
	my $session = $self->{walker}{session}[ $fault->{target} ];
	my $node = $self->{node};
	my ($within) = $observer->query("SELECT ($in_verdict)"
		  . ($fault->{sends} ? ", $fault->{sends}" : '')
		  . " FROM pg_stat_activity WHERE pid = $session->{backend}");

	$fault->{fired} = 1;
	$within = ($within // '') =~ /^t/;
	$self->logged('fault', "$fault->{kind} of session $fault->{target}"
		  . ($within ? ', within a verdict' : ''));
	$fault->{within} = $within;
	if ($fault->{kills_client})
	{
		kill 'KILL', $session->{pid};
	}
	elsif ($fault->{kills_backend} || $fault->{restarts})
	{
		my $offset = -s $node->logfile;
		if ($fault->{restarts})
		{
			$node->stop($fault->{restarts});
			$node->start;
		}
		else
		{
			kill 'KILL', $session->{backend};
			$self->wait_for_recovery($offset);
		}
		$fault->{down} = 1;
	}
	return;
}

sub wait_for_recovery
{
	my ($self, $offset) = @_;
	my $deadline = time() + 60;
	my $seen = 0;

	while (time() < $deadline)
	{
		$seen ||= PostgreSQL::Test::Utils::slurp_file($self->{node}->logfile, $offset)
		  =~ /server processes terminated; reinitializing/;
		# It dies if psql is gone before it has been told what to do
		return if $seen && defined eval { $self->{node}->safe_psql('postgres', 'SELECT 1') };
		sleep 0.05;
	}
	die "the server does not come back\n";
}

#
# A round
#

# Takes in what has come back.  Returns true if a session that is the target was
# stopped within a verdict.
sub take_in
{
	my ($self, $n, $fault) = @_;
	my $session = $self->{walker}{session}[$n];

	$session->poll(0.002);
	while (my $result = $session->result)
	{
		my $text = shift @{ $session->{sent_texts} };
		$self->logged("session$n", $result->{error} ? "$result->{sqlstate} $result->{message}" : 'done');
		$self->counted('statements');
		$self->counted('refusals') if $result->{sqlstate} eq 'TG001';
		next unless $text =~ /^(COMMIT$|PREPARE|COMMIT AND)/;
		# how long such a verdict takes
		$self->{took} = 0.8 * $self->{took} + 0.2 * (time() - $session->{sent_at})
		  if $session->{wide} && (!$result->{error} || $result->{sqlstate} eq 'TG001');
		$session->{wide} = 0;
		$self->counted('commits') unless $result->{error};
		$fault->{within} = 1 if $n == $fault->{target} && $result->{sqlstate} =~ $from_outside
		  && ($fault->{setting} || $fault->{limits});
		die "a verdict failed: $result->{message} ($result->{sqlstate}) at $text\n"
		  if $result->{sqlstate} =~ /^XX/;
	}
	if ($session->is_dead && !$session->{gone})
	{
		$session->{gone} = 1;
		$session->{queue} = [];
		$self->logged("session$n", 'is gone');
		# it was told to end, and no result came
		$fault->{within} = 1 if $n == $fault->{target} && $fault->{kind} eq 'transaction_timeout'
		  && ($session->{sent_texts}[0] // '') =~ /^(COMMIT$|PREPARE)/;
	}
	return;
}

# Sends the next statement of a session.
sub advance
{
	my ($self, $n, $fault) = @_;
	my $session = $self->{walker}{session}[$n];
	my $text = shift @{ $session->{queue} };
	my $aim;

	$session->{wide} ||= $text =~ /many\.t/;
	$aim = $fault->{aimed} && !$fault->{fired} && $n == $fault->{target}
	  && $session->{wide} && $text =~ /^(COMMIT$|PREPARE)/;

	limit_memory($session->{backend}, $fault->{spare}) if $aim && $fault->{limits};
	$self->logged("session$n", "$text;");
	push @{ $session->{sent_texts} }, $text;
	$session->{sent_at} = time();
	$session->send($text);
	return unless $aim;
	if ($fault->{limits})
	{
		$fault->{fired} = 1;
		return;
	}
	return if $fault->{setting};
	sleep $fault->{share} * $self->{took};
	$self->fire($fault);
	return;
}

# Returns when no session has anything left to do, or patience is at its end.
sub run_round
{
	my ($self, $fault) = @_;
	my $sessions = $self->{walker}{session};
	my $deadline = time() + PATIENCE;
	my $until = time() + 2;

	$until = $self->hold if $fault->{kind} eq 'lock_timeout' || chance(0.3);

	while (1)
	{
		my $busy = 0;
		foreach my $n (0 .. $#$sessions)
		{
			my $session = $sessions->[$n];
			next if $session->{gone};
			$self->take_in($n, $fault);
			if ($session->is_busy) { $busy++; next }
			limit_memory($session->{backend}) if $fault->{limits} && $n == $fault->{target};
			next if $session->{gone};
			# a verdict to aim at
			$session->{queue} = [ $self->transaction($n, 1) ]
			  if !@{ $session->{queue} } && $n == $fault->{target}
			  && $fault->{aimed} && !$fault->{fired} && $fault->{tries}-- > 0;
			next unless @{ $session->{queue} };
			$busy++;
			# one that shall find out that it has been idle for too long
			next if $fault->{kind} =~ /^idle/ && $n == $fault->{target} && chance(0.8);
			$self->advance($n, $fault);
			last if $fault->{down};
		}
		if (!$fault->{aimed} && !$fault->{fired} && !$fault->{setting} && !$fault->{limits}
			&& time() > $fault->{when} && !$sessions->[ $fault->{target} ]{gone})
		{
			$self->fire($fault);
		}
		last if $fault->{down} || !$busy;
		# what is prepared keeps others waiting
		if (time() > $until)
		{
			$self->end_prepared;
			$until = time() + 1;
		}
		if (time() > $deadline)
		{
			$self->counted('rounds ended by force');
			last;
		}
	}
	return;
}

# Ends what is prepared, either way.  Returns how much that was.
sub end_prepared
{
	my ($self) = @_;
	my @prepared = $self->{walker}{observer}->query(
		'SELECT gid FROM pg_prepared_xacts WHERE database = current_database()');

	return 0 unless @prepared;
	my $session = $self->open_session('finisher', '-c lock_timeout=10s');
	foreach my $gid (@prepared)
	{
		my $text = pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$gid'";
		my ($result) = $session->run($text);
		$self->logged('finisher', $text . ($result && !$result->{error} ? '' : ': failed'));
	}
	$session->close;
	return scalar @prepared;
}

# Brings all sessions to rest; those that are gone come back.
sub settle
{
	my ($self, $fault) = @_;
	my $sessions = $self->{walker}{session};

	$self->open_observers if $fault->{down};
	foreach my $n (0 .. $#$sessions)
	{
		my $session = $sessions->[$n];
		# the prepared ones that it waits for end only later
		my $deadline = time() + 10;
		if (!$session->{gone} && !$fault->{down} && $session->is_busy)
		{
			$self->{walker}{observer}->query("SELECT pg_cancel_backend($session->{backend})");
			$self->take_in($n, $fault)
			  while $session->is_busy && !$session->{gone} && time() < $deadline;
			die "session $n does not end when it is cancelled\n"
			  if $session->is_busy && !$session->{gone};
		}
		$session->{queue} = [];
		if (!$session->{gone} && !$fault->{down})
		{
			limit_memory($session->{backend}) if $fault->{limits};
			next if $session->run('ROLLBACK', 'RESET ALL');
		}
		$session->close;
		# the backend of one that lost its client may have some work to do yet
		$self->{walker}{observer}->query("SELECT pg_terminate_backend($session->{backend})")
		  if $fault->{kills_client};
		$self->open_worker($n);
	}
	return;
}

# No lock is left where nobody is in a transaction, but those of what is prepared.
sub look_at_locks
{
	my ($self) = @_;
	my $deadline = time() + 10;
	my @left;

	do
	{
		@left = $self->{walker}{observer}->query(q{
			SELECT format('%s %s of %s %s, pid %s', mode, locktype, coalesce(classid::regclass, relation::regclass), objid, pid)
			FROM pg_locks WHERE pid <> pg_backend_pid()
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())});
		return unless @left;
		sleep 0.02;
	} while (time() < $deadline);
	die 'locks are left: ' . join('; ', @left) . "\n";
}

# What the server has to say.
sub look_at_log
{
	my ($self, $fault) = @_;
	my $log = PostgreSQL::Test::Utils::slurp_file($self->{node}->logfile, $self->{log_offset} // 0);
	my @entries = split /^(?=\d{4}-\d\d-\d\d )/m, $log;

	$self->{log_offset} += length $log;
	foreach my $i (0 .. $#entries)
	{
		my $entry = $entries[$i];
		next if $entry =~ /terminated by signal 9/ && $fault->{kills_backend};
		my $bad = $entry =~ /PANIC:|TRAP:|terminated by signal|server process .* exited with exit code/
		  # a resource that an abort had to clean up, or could not
		  || $entry =~ /WARNING:.*(leak|not closed|still referenced|you don't own|non-empty)/s;
		if ($entry =~ / XX\d{3} .*ERROR: /)
		{
			my $statement = $entries[ $i + 1 ] // '';
			$bad ||= $entry !~ $concurrent_ddl
			  || $statement =~ /STATEMENT: +(COMMIT|PREPARE)/;
		}
		die "the server's log says: $entry" . ($entries[ $i + 1 ] // '') . "\n" if $bad;
	}
	return;
}

# What was safe must be safe.  What policies let through is tried out only where
# nothing that is prepared is in the way.
sub look
{
	my ($self, $when, $tries) = @_;
	local $self->{walker}{scope} = $tries && $self->{walker}{scope};
	my $failure = $self->{walker}->judge({ texts => ['COMMIT'], committed => 1,
		overlapped => 1, many => 1, refused => 0, failed => 0, leniency => {}, began => 0 });

	$self->counted('looks of the oracle');
	die "$when: $failure->{kind}: $failure->{what}\n" if $failure;
	return;
}

sub round
{
	my ($self) = @_;
	my $fault = $self->make_fault;

	$self->{log} = [ splice @{ $self->{log} }, -400 ] if @{ $self->{log} } > 400;
	foreach my $n (0 .. $self->{sessions} - 1)
	{
		my $session = $self->{walker}{session}[$n];
		my $kind = $n == $fault->{target} ? $fault->{kind} : '';
		$session->{queue} = [ map { $self->transaction($n, $kind eq 'memory') } 1 .. 1 + int rand 3 ];
		unshift @{ $session->{queue} }, "SET $fault->{kind} = $fault->{value}"
		  if $kind && $fault->{setting};
	}
	$self->logged('round', "$fault->{kind} at session $fault->{target}"
		  . ($fault->{aimed} ? ', aimed at a verdict' : ''));
	$self->run_round($fault);
	$self->settle($fault);
	$self->counted($fault->{kind});
	$self->counted("$fault->{kind}, within a verdict") if $fault->{within};
	$self->counted('faults within a verdict') if $fault->{within};

	$self->look_at_log($fault);
	my ($prepared) = $self->{walker}{observer}->query('SELECT count(*) FROM pg_prepared_xacts');
	$self->look("after $fault->{kind}", !$prepared);
	$self->look("after $fault->{kind}, and the end of what was prepared", 1)
	  if $self->end_prepared;
	$self->look_at_locks;
	$self->look_at_log($fault);
	$self->counted('faults');
	return;
}

# Goes on for that long.  Returns what has failed, with the log, or nothing.
sub walk
{
	my ($self, $seconds) = @_;
	my $end = time() + $seconds;
	my $episode = 0;

	$self->{log_offset} = -s $self->{node}->logfile;
	while (time() < $end)
	{
		my $seed = $self->{seed} + $episode++;
		srand $seed;
		$self->{began} = time();
		$self->{log} = [];
		eval {
			$self->open_world;
			foreach (1 .. ROUNDS)
			{
				$self->round;
				last if time() > $end;
			}
			$self->{walker}->close_world;
		};
		return "$@(seed $seed)\n" . join('', map { "$_\n" } @{ $self->{log} }) if $@;
	}
	return;
}

1;
