# Walker.pm: walks at random, and holds the guard against the oracle.
#
# An episode starts with a fresh database and goes on until it is long enough
# or until something is wrong.  Its steps are [session, statement, unit], a
# unit being one transaction; the same loop runs those that the grammar makes
# up, and those of a failed episode that is being shrunk.
#
# Several sessions take turns: after each step the walker waits until every
# session is at rest, which is when it has answered or waits for a lock that
# only another step can give it.  So it is known which transactions have ended
# between two looks of the oracle, and a seed decides nearly everything.  What
# happens at the same time is left to two things: now and then the ends of
# several transactions are sent at once, and a prepared transaction, whose
# verdict is over while nobody sees it yet, is finished much later.

package Lab::Walker;

use strict;
use warnings;

use Lab::Consistency;
use Lab::Grammar;
use Lab::Session;
use List::Util ();
use Time::HiRes qw(time sleep);

my @roles = qw(regress_lab_app regress_lab_other regress_lab_owner);

# Takes back what an episode has made of the roles of the cluster.
my $reset_roles = q{DO $$
DECLARE stray record;
BEGIN
  FOR stray IN SELECT r.rolname AS role, m.rolname AS member
    FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    WHERE m.rolname ~ '^regress_lab_'
  LOOP EXECUTE format('REVOKE %I FROM %I CASCADE', stray.role, stray.member); END LOOP;
  FOR stray IN SELECT rolname AS role FROM pg_roles WHERE rolname ~ '^regress_lab_(app|other|owner)$'
  LOOP EXECUTE format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOLOGIN INHERIT NOCREATEROLE', stray.role); END LOOP;
  FOR stray IN SELECT rolname AS role FROM pg_roles WHERE rolname ~ '^regress_lab_new'
  LOOP EXECUTE format('DROP ROLE %I', stray.role); END LOOP;
END $$};

# new(dir => where oracle.sql is, seed, sessions, fancy, scope, themes)
sub new
{
	my ($class, %arg) = @_;
	my $self = bless {
		sessions => 1, length => 100, template => "lab_template_$$",
		database => "lab_episode_$$", scope => 1, fancy => 1, themes => [],
		# no verdict and no audit of such a small world takes longer, in seconds
		bound => 1,
		# one of so many scopes is tried by probe(), too
		probe_every => 10,
		count => {}, %arg }, $class;
	return $self;
}

sub counted { my ($self, $what, $n) = @_; $self->{count}{$what} += $n // 1; return }

# What the guard itself does for a superuser runs nobody else's functions.
my $guards_own = qr/^(DO|SELECT).* trovella_guard\.(?!allow|disallow)\w+\(/;

# The world that every episode starts from.
sub prepare
{
	my ($self) = @_;
	my $session = Lab::Session->new(name => 'setup', dbname => 'postgres');
	foreach my $role (@roles)
	{
		$session->run("DO \$\$ BEGIN CREATE ROLE $role; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$");
	}
	$session->run("DROP DATABASE IF EXISTS $self->{template}");
	$session->query("CREATE DATABASE $self->{template} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
	$session->query("ALTER DATABASE $self->{template} SET client_min_messages = error");
	$session->query("ALTER DATABASE $self->{template} SET trovella_guard.rules = 'table_unclassified=warning'");
	$session->query("ALTER DATABASE $self->{template} SET trovella_guard.app_role = regress_lab_app");
	$session->close;

	$session = Lab::Session->new(name => 'setup', dbname => $self->{template});
	foreach my $file (qw(oracle.sql reach.sql))
	{
		my ($result) = $session->run("\\i $self->{dir}/$file");
		die "$file: $result->{message}\n" if !$result || $result->{error};
	}
	$session->query($_) foreach $self->world_sql(1);
	$session->query('CREATE EXTENSION trovella_guard');
	$session->query($_) foreach (
		"SELECT trovella_guard.allow('s1.users', 'shared by all tenants')",
		"SELECT trovella_guard.allow('s1.pref', 'shared by all tenants')");
	if ($self->{scope})
	{
		# without a prover there is nothing to hold against the observation
		my @lines = $session->query(q{SELECT count(*) FROM trovella_guard.check('s1.probe'::regclass) WHERE rule = 'policy_unscoped'});
		$self->{scope} = $lines[0] > 0;
	}
	$session->query('SET trovella_guard.mode = off');
	$session->query('DROP TABLE s1.probe');
	$session->close;
	return;
}

sub world_sql
{
	my ($self, $with_evil) = @_;
	return (
		'CREATE SCHEMA s1', 'CREATE SCHEMA s2', 'CREATE SCHEMA fn', 'CREATE SCHEMA wk', 'CREATE SCHEMA deep',
		'GRANT ALL ON SCHEMA s1, s2 TO regress_lab_owner, regress_lab_app',
		'GRANT USAGE ON SCHEMA fn, wk, deep TO PUBLIC',
		'CREATE TABLE s1.users (id text PRIMARY KEY, x int, y int, UNIQUE (x, y))',
		"INSERT INTO s1.users VALUES ('u', 1, 1)",
		'GRANT ALL ON s1.users TO PUBLIC',
		'CREATE TABLE s1.pref (n int PRIMARY KEY) PARTITION BY RANGE (n)',
		'CREATE TABLE s1.pref1 PARTITION OF s1.pref FOR VALUES FROM (0) TO (10)',
		'CREATE TABLE s1.pref2 PARTITION OF s1.pref FOR VALUES FROM (10) TO (20)',
		'CREATE TYPE fn.row_type AS (id text, organization_id text)',
		"CREATE FUNCTION fn.mine(text) RETURNS bool LANGUAGE sql STABLE AS 'SELECT \$1 = current_setting(''app.current_organization_id'', true)'",
		(map { "CREATE FUNCTION fn.f$_() RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC"
			  . " SELECT current_setting('app.current_organization_id', true); END" } 1 .. 4),
		($with_evil ? Lab::Grammar::Hostile::world_sql() : ()),
		'CREATE TABLE s1.probe (id text, organization_id text)',
		'ALTER TABLE s1.probe ENABLE ROW LEVEL SECURITY',
		'CREATE POLICY p ON s1.probe USING (true)');
}

sub finish
{
	my ($self) = @_;
	$self->close_world;
	(delete $self->{setup})->close if $self->{setup};
	my $session = Lab::Session->new(name => 'cleanup', dbname => 'postgres');
	$session->run("DROP DATABASE IF EXISTS $self->{database} WITH (FORCE)",
		"DROP DATABASE IF EXISTS $self->{template} WITH (FORCE)",
		$reset_roles, map { "DROP ROLE IF EXISTS $_" } @roles);
	$session->close;
	return;
}

# The prepared transactions of the episode, as what ends them.
sub rollbacks
{
	my ($self, $session) = @_;
	return map { "ROLLBACK PREPARED '$_'" } $session->query(
		"SELECT gid FROM pg_prepared_xacts WHERE database = '$self->{database}'");
}

# Opens a fresh database with its sessions.
sub open_world
{
	my ($self, $style) = @_;
	my $setup = $self->{setup} //=
	  Lab::Session->new(name => 'setup', dbname => 'postgres');

	$setup->query("DROP DATABASE IF EXISTS $self->{database} WITH (FORCE)");
	$setup->query($reset_roles);
	$setup->query("CREATE DATABASE $self->{database} TEMPLATE $self->{template}");
	$setup->query("ALTER DATABASE $self->{database} SET client_min_messages = error");
	# who may make schemas may make that of the extension
	$setup->query("GRANT CREATE ON DATABASE $self->{database} TO regress_lab_other");
	# the oracle has no opinion of tables without a tenant column
	$setup->query("ALTER DATABASE $self->{database} SET trovella_guard.rules = 'table_unclassified=warning'");
	$setup->query("ALTER DATABASE $self->{database} SET trovella_guard.app_role = regress_lab_app");
	$setup->query("ALTER DATABASE $self->{database} SET session_preload_libraries = trovella_guard")
	  if $style->{preload};

	$self->{style} = $style;
	$self->{observer} = Lab::Session->new(name => 'observer',
		dbname => $self->{database},
		options => '-c lock_timeout=300ms -c deadlock_timeout=10s -c statement_timeout=30s');
	$self->{session} = [ map { Lab::Session->new(name => "session$_",
				dbname => $self->{database},
				on_error_rollback => $style->{on_error_rollback},
				options => '-c deadlock_timeout=100ms -c statement_timeout=20s') }
		  1 .. $style->{sessions} ];
	# one more that finishes prepared transactions, when all others wait
	push @{ $self->{session} }, Lab::Session->new(name => 'finisher',
		dbname => $self->{database}, options => '-c statement_timeout=20s')
	  if $style->{sessions} > 1;
	$self->{observer}->run('\set ON_ERROR_ROLLBACK ' . ($style->{on_error_rollback} ? 'on' : 'off'));
	$self->{progress} = [ map { { texts => [], in_block => 0, began => 0, ignored => {} } }
		  @{ $self->{session} } ];
	$self->{prepared} = {};
	$self->{finish} = {};
	$self->{to_finish} = [];
	$self->{commits} = 0;
	$self->{unjudged} = [];
	$self->{log} = [];
	$self->{seen_scopes} = {};
	$self->{state} = $self->observe or die "the oracle cannot see a fresh world\n";
	return;
}

# The total order of what was sent and of what came back, for a failure that
# cannot be repeated.
sub logged
{
	my ($self, $n, $what) = @_;
	push @{ $self->{log} }, sprintf '%6.2f  %-8s  %s', time() - $^T,
	  $n =~ /^\d/ ? "session $n" : $n, $what
	  if $self->{style}{sessions} > 1;
	return;
}

sub close_world
{
	my ($self) = @_;

	# a session that waits for another one would keep us waiting, too, and a
	# prepared transaction would keep the database
	if (my $setup = $self->{setup})
	{
		$setup->query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$self->{database}'")
		  if grep { $_->is_busy } @{ $self->{session} // [] };
		if (my @rollbacks = $self->rollbacks($setup))
		{
			my $last = Lab::Session->new(name => 'last', dbname => $self->{database});
			$last->run(@rollbacks);
			$last->close;
		}
	}
	$_->close foreach grep { defined } @{ $self->{session} // [] }, $self->{observer};
	$self->{session} = [];
	$self->{observer} = undef;
	return;
}

# Asks the oracle, and the guard's audit.  Returns undef where somebody has
# locked what they read: DROP EXTENSION, the allowlist.
sub observe
{
	my ($self) = @_;
	my ($result) = $self->{observer}->run('SELECT lab.state()');
	die "the observer is gone\n" unless $result;
	if ($result->{error})
	{
		return undef if $result->{message} =~ /lock timeout/;
		die "lab.state(): $result->{message}\n";
	}
	return parse_state(@{ $result->{lines} });
}

# The rules of which the oracle knows exactly when they are broken.
my $modelled = qr/(rls_disabled|policy_missing|tenant_index_missing|fk_index_missing|app_role_bypasses_rls|view_exposes_tenants)/;

sub parse_state
{
	my %state = (unsafe => {}, tenant => {}, other => {}, entries => {},
		check => {}, doubts => {}, waived => {}, waived_errors => {}, errors => {}, debts => {}, too_deep => {});
	foreach (@_)
	{
		my ($what, @field) = split /\t/, $_, -1;
		if ($what eq 'U')
		{
			my ($relid, $table, $rule, $object, $identity, $waived) = @field;
			my $set = $waived ? 'waived' : 'unsafe';
			my $item = $state{$set}{"$relid $rule $identity"} //=
			  { relid => $relid, table => $table, rule => $rule, object => $object };
			push @{ $item->{objects} }, $object;
		}
		elsif ($what eq 'T')
		{
			$state{tenant}{ $field[0] } = { table => $field[1],
				entries => [ map { /^(\d+) (.*)$/ ? [$1, $2] : () } split /\|/, $field[2] ],
				ancestors => [ split /\|/, $field[4] ], column => $field[5] };
			$state{reached_by}{ $field[0] } = { map { $_ => 1 } split /\|/, $field[3] };
		}
		elsif ($what eq 'V')
		{
			$state{reached_by}{ $field[0] } = { map { $_ => 1 } split /\|/, $field[1] };
		}
		elsif ($what eq 'N')
		{
			$state{other}{ $field[0] } = { table => $field[1], waived => $field[2],
				columns => { map { $_ => 1 } split /\|/, $field[3] } };
		}
		elsif ($what eq 'E') { $state{entries}{ $field[0] } = 1 }
		elsif ($what eq 'D') { $state{debts}{"$field[0] $field[1]"}++ }
		elsif ($what eq 'X') { $state{complex} = 1 }
		elsif ($what eq 'Y') { $state{too_deep}{ $field[0] } = 1 }
		elsif ($what eq 'M') { $state{audit_ms} = $field[0] }
		elsif ($what eq 'C')
		{
			my ($relid, $table, $rule, $object, $level, $waived) = @field;
			$state{waived_errors}{"$relid $rule"}++ if $waived && $level eq 'error';
			next if $waived;
			if ($level eq 'error')
			{
				my $errors = $state{errors}{"$relid $rule"} //= { table => $table, relid => $relid, rule => $rule };
				$errors->{count}++;
			}
			$state{doubts}{$relid}{$rule}++ if $rule =~ /^(policy_un|audit_failed)/;
			$state{check}{"$table $rule $object"} = 1 if $rule =~ /^$modelled$/ && $relid ne '';
		}
	}
	$state{guarded} = defined $state{audit_ms} ? 1 : 0;
	# what the oracle does not try to follow
	foreach my $key (keys %{ $state{check} })
	{
		delete $state{check}{$key}
		  if $state{complex} && $key =~ / view_exposes_tenants /
		  || grep { $key =~ /^\Q$_\E / } keys %{ $state{too_deep} };
	}
	return \%state;
}

# The oracle's findings in the words of check().
sub in_words
{
	my ($state) = @_;
	my (%words, %missing);
	foreach my $item (values %{ $state->{unsafe} })
	{
		if ($item->{rule} eq 'policy_missing')
		{
			$missing{ $item->{table} }{ $item->{object} } = 1;
			next;
		}
		$words{"$item->{table} $item->{rule} $_"} = 1 foreach @{ $item->{objects} };
	}
	foreach my $table (keys %missing)
	{
		my $commands = join ', ', grep { $missing{$table}{$_} } qw(SELECT INSERT UPDATE DELETE);
		$words{"$table policy_missing $commands"} = 1;
	}
	return \%words;
}

# Documented: a child without policies that is detached still denies everything,
# so that the commit only warns.
sub denies_all
{
	my ($before, $after, $relid) = @_;
	my ($was, $is) = map { $_->{tenant}{$relid} // return 0 } $before, $after;
	return @{ $was->{ancestors} } && !@{ $is->{ancestors} }
	  && !grep { !$after->{unsafe}{"$relid policy_missing $_"} } qw(SELECT INSERT UPDATE DELETE);
}

# What became worse between two states, as a list of texts.  Some of it is
# worse only by comparison: "across" several transactions that cannot be told.
# With "warned", without what the guard only warns of.
sub worse
{
	my ($before, $after, $ignored, $across, $warned) = @_;
	my @worse;

	foreach my $key (sort keys %{ $after->{unsafe} })
	{
		my $item = $after->{unsafe}{$key};
		next if $before->{unsafe}{$key} || $ignored->{ $item->{rule} };
		next if $warned && $item->{rule} eq 'policy_missing' && denies_all($before, $after, $item->{relid});
		# a debt below a decision is there again when the decision is gone
		my $was = $before->{tenant}{ $item->{relid} };
		next if $was && $before->{waived}{$key} && $before->{debts}{"$was->{table} $item->{rule}"}
		  && ($item->{rule} =~ /missing/ || !new_reach($before, $after, $item->{relid}));
		push @worse, "$item->{rule}: $item->{table} $item->{object}";
	}
	return @worse if $across;
	foreach my $relid (sort keys %{ $after->{other} })
	{
		my $old = $before->{tenant}{$relid} or next;
		my $is = $after->{other}{$relid};
		# a column with another name still holds the tenants, unless they were global
		push @worse, "tenant_column_lost: $is->{table}"
		  unless $is->{waived} eq 'by name'
		  || $is->{waived} eq 'with all'
		  && (!$is->{columns}{ $old->{column} } || grep { $_->[1] =~ m{/\*@} } @{ $old->{entries} });
	}
	foreach my $relid (sort keys %{ $after->{tenant} })
	{
		my $old = $before->{tenant}{$relid} or next;
		my $entry = taken_over($before, $old, $after, $after->{tenant}{$relid});
		push @worse, "exemption_taken_over: $after->{tenant}{$relid}{table} by $entry"
		  if $entry;
	}
	return @worse;
}

# What the audit calls an error now, and did not before: the verdict should have
# refused it.  Counted by table and rule, because objects may be renamed.
sub new_errors
{
	my ($before, $after, $ignored) = @_;
	my @new;

	foreach my $key (sort keys %{ $after->{errors} })
	{
		my $error = $after->{errors}{$key};
		my $old = $before->{errors}{$key}{count} // 0;
		next if $ignored->{ $error->{rule} } || $error->{count} <= $old;
		# another key of the same columns is not worse: the oracle counts columns
		next if $error->{rule} eq 'fk_index_missing';
		next if $error->{rule} eq 'policy_missing' && denies_all($before, $after, $error->{relid});
		# a decision that is taken back leaves the debts as they were
		my $table = ($before->{tenant}{ $error->{relid} } // {})->{table} // $error->{table};
		next if $error->{count} <= $old
		  + List::Util::min($before->{waived_errors}{$key} // 0, $before->{debts}{"$table $error->{rule}"} // 0);
		push @new, "$error->{rule}: " . ($error->{relid} eq '' ? 'the database' : $error->{table});
	}
	return @new;
}

# What is unsafe is worse where more roles reach it: the guard may refuse that.
sub reached_further
{
	my ($before, $after) = @_;
	my @further;

	foreach my $key (sort keys %{ $after->{unsafe} })
	{
		push @further, "$after->{unsafe}{$key}{table} is reached by $_"
		  foreach new_reach($before, $after, $after->{unsafe}{$key}{relid});
	}
	return @further;
}

# Who reaches a relation, and did not before.
sub new_reach
{
	my ($before, $after, $relid) = @_;
	my $old = $before->{reached_by}{$relid} or return;
	return grep { !$old->{$_} } sort keys %{ $after->{reached_by}{$relid} };
}

# An entry that was there before, and that covers the table only now.  A schema's
# entry covers a child as soon as somebody has exempted its parents.
sub taken_over
{
	my ($before_state, $before, $after_state, $after) = @_;
	my (%had, %has_fresh);
	my $rule_of = sub { $_[0] =~ m{/([^/@]*)@\d+$} ? $1 : '' };

	$had{ $rule_of->($_->[1]) } = 1 foreach @{ $before->{entries} };
	foreach (@{ $after->{entries} })
	{
		$has_fresh{ $rule_of->($_->[1]) } = 1 unless $before_state->{entries}{ $_->[1] };
	}
	my %is_ancestor = map { $_ => 1 } @{ $after->{ancestors} };
	foreach (grep { !$before_state->{entries}{$_} } keys %{ $after_state->{entries} })
	{
		$has_fresh{ $rule_of->($_) } = 1 if m{^(.*)/[^/]*$} && $is_ancestor{$1};
	}
	foreach (@{ $after->{entries} })
	{
		my $rule = $rule_of->($_->[1]);
		next if !$before_state->{entries}{ $_->[1] };
		next if $had{$rule} || $had{'*'} || $has_fresh{$rule} || $has_fresh{'*'};
		return $_->[1];
	}
	return undef;
}

# What a transaction asked the guard to overlook.
sub leniency
{
	my (@texts) = @_;
	my %ignored;
	foreach (@texts)
	{
		return { everything => 1 }
		  if /trovella_guard\.mode|EXTENSION trovella_guard/;
		$ignored{$1} = 1 if /trovella_guard\.rules = '(\w+)=/;
		# documented: whom a membership lets use a loose policy, the audit finds
		$ignored{policy_unscoped} = 1
		  if /^(GRANT|REVOKE) \w+ (TO|FROM) |ALTER (GROUP|ROLE) |(CREATE|DROP) ROLE /;
	}
	return \%ignored;
}

# Compares the world before and after the transactions that have just ended.
# Returns a failure, or undef.
sub judge
{
	my ($self, @ended) = @_;
	my $multi = $self->{style}{sessions} > 1;
	my $before = $self->{state};
	my $after = $self->observe;

	# not now: then together with what ends next
	unshift @ended, @{ $self->{unjudged} };
	$self->{unjudged} = $after ? [] : [@ended];
	return undef unless $after;
	$self->{state} = $after;
	return undef if !$after->{guarded};

	my %ignored = map { %{ $_->{leniency} } } @ended;
	my @committed = grep { $_->{committed} } @ended;
	my $across = $multi && grep { $_->{overlapped} || $_->{many} } @committed;
	$across = 1 if @committed > 1;

	# (c) do check() and the oracle agree?
	my $words = in_words($after);
	foreach (1 .. 5)
	{
		# check() takes a newer snapshot than the query that calls it, so
		# another session may have come in between
		last if !$multi
		  || join("\n", sort keys %$words) eq join("\n", sort keys %{ $after->{check} });
		sleep 0.05;
		my $again = $self->observe or return undef;
		$after = $self->{state} = $again;
		$words = in_words($after);
	}
	my @only_oracle = grep { !$after->{check}{$_} } sort keys %$words;
	my @only_check = grep { !$words->{$_} } sort keys %{ $after->{check} };
	if (@only_oracle || @only_check)
	{
		return { kind => 'disagreement',
			what => join('; ', (map { "only the oracle says: $_" } @only_oracle),
				(map { "only check() says: $_" } @only_check)),
			class => join ' ', map { (split / /)[1] } @only_oracle, @only_check };
	}

	# (a) no false accept
	if ($before->{guarded} && !$ignored{everything})
	{
		my @worse = worse($before, $after, \%ignored, $across, 1);
		$self->counted('ends judged together') if $multi && @committed > 1;
		if (@worse)
		{
			return { kind => 'false accept', what => join('; ', @worse),
				class => join ' ', map { /^(\w+)/ } @worse };
		}
		my @new = $ended[0]{reconnected} ? () : new_errors($before, $after, \%ignored);
		return { kind => 'verdict missed', what => join('; ', @new),
			class => join ' ', map { /^(\w+)/ } @new } if @new;
		foreach my $relid (sort keys %{ $self->{scope} ? $after->{doubts} : {} })
		{
			next if !$after->{doubts}{$relid}{policy_unscoped}
			  || $before->{doubts}{$relid}{policy_unscoped};
			next unless $after->{tenant}{$relid};
			# it may have been waived until now
			return { kind => 'false accept', class => 'policy_unscoped',
				what => "policy_unscoped: $after->{tenant}{$relid}{table}" };
		}
	}

	if (($after->{audit_ms} // 0) > $self->{bound} * 1000)
	{
		return { kind => 'slow', class => 'audit', what => "an audit took $after->{audit_ms} ms" };
	}

	# what row-level security really lets through
	my $failure = $self->{scope} && $self->asks('scope') ? $self->observe_scopes($after) : undef;
	return $failure if $failure;
	$failure = $self->ask_now_and_then($after, @ended);
	return $failure if $failure;
	return undef unless $self->asks('false refusal');

	# (b) no false refusal
	foreach my $ended (@ended)
	{
		next unless $ended->{refused};
		$self->counted('refusals');
		# what it started from was seen only if nobody else committed
		if (@committed)
		{
			$self->counted('refusals that could not be replayed');
			next;
		}
		$failure = $self->verify_refusal($before, $ended);
		return $failure if $failure;
	}
	return undef;
}

# While a failure is shrunk, nothing is asked but what found it.
sub asks { return !$_[0]{only} || $_[0]{only} eq $_[1] }

# Asks what takes longer, every few transactions, when nobody is in one.
sub ask_now_and_then
{
	my ($self, $after, @ended) = @_;
	return undef if grep { $_->{in_block} } @{ $self->{progress} };
	return undef if %{ $self->{prepared} } || grep { $_->is_busy } @{ $self->{session} };
	my $is_new = grep { /CREATE EXTENSION/ } map { @{ $_->{texts} } } @ended;
	return undef
	  if $self->{only} ? !Lab::Consistency::is_kind($self->{only}) : ++$self->{ends} % 8 && !$is_new;
	$self->counted('questions asked');
	my ($first) = sort { $a <=> $b } map { $_->{relid} } grep { $_->{relid} ne '' } values %{ $after->{errors} };
	return Lab::Consistency::ask($self->{observer}, $first // ());
}

# Looks at those tables whose policies, or what they rest on, have changed.
sub observe_scopes
{
	my ($self, $after) = @_;
	return undef if grep { $_->{in_block} } @{ $self->{progress} };
	foreach ($self->{observer}->query('SELECT lab.scopes()'))
	{
		my (undef, $relid, $table, $fingerprint) = split /\t/;
		next if ($self->{seen_scopes}{$relid} // '') eq $fingerprint;
		$self->{seen_scopes}{$relid} = $fingerprint;
		my ($leaks) = $self->leaks($relid);
		next unless defined $leaks;
		$self->counted('scopes observed') if $leaks ne '{?}';
		my $failure = $self->try_by_probe($relid, $table, $leaks, $after);
		return $failure if $failure;
		next if $after->{doubts}{$relid} || $leaks eq '{}' || $leaks eq '{?}';
		my ($waived) = $self->{observer}->query("SELECT lab.is_waived($relid, 'policy_unscoped')");
		next if $waived eq 't';
		return { kind => 'scope', what => "$table lets a tenant $leaks rows of another, and check() calls it scoped",
			class => 'scope' };
	}
	return undef;
}

# Every so many scopes are tried by probe(), too, which takes its time.  It must
# find what leaks, and nothing else.
sub try_by_probe
{
	my ($self, $relid, $table, $leaks, $after) = @_;

	return undef if $leaks eq '{?}' || $self->{scopes_seen}++ % $self->{probe_every};
	my @results = $self->{observer}->run('BEGIN', "SELECT lab.trial($relid)", 'ROLLBACK');
	return undef if !@results || $results[1]{error};
	my ($trial) = $results[1]{lines}[0];
	$self->counted('scopes tried by probe()');
	if (!$after->{doubts}{$relid} && $trial =~ /:leaks/)
	{
		my ($waived) = $self->{observer}->query("SELECT lab.is_waived($relid, 'policy_unscoped')");
		return { kind => 'trial', what => "probe() says $trial of $table, and check() calls it scoped",
			class => 'trial leaks' } if $waived ne 't';
	}
	my @missed = grep { $trial =~ /$_:isolated/ } $leaks =~ /[A-Z]+/g;
	return { kind => 'trial', what => "$table lets a tenant $leaks rows of another, and probe() says $trial",
		class => 'trial misses' } if @missed;
	return undef;
}

sub leaks
{
	my ($self, $relid) = @_;
	my @results = $self->{observer}->run('BEGIN', "SELECT lab.leaks($relid)", 'ROLLBACK');
	return undef if !@results || $results[1]{error};
	return $results[1]{lines}[0];
}

# Can the oracle say of a rule that a table does not break it?
sub knows
{
	my ($table, $rule, $state) = @_;
	return 0 if $state->{too_deep}{$table};
	# what must stay of a table whose column was renamed by leave, it does not know
	return 0 if $rule eq 'tenant_column_lost' && grep { $_->{waived} } values %{ $state->{other} };
	return $rule =~ /^($modelled|policy_unscoped|tenant_column_lost|exemption_taken_over)$/
	  && !($rule eq 'view_exposes_tenants' && $state->{complex});
}

# Replays a refused transaction with the guard off, and asks the oracle
# whether it would have done harm.
sub verify_refusal
{
	my ($self, $before, $ended) = @_;
	my @texts = @{ $ended->{texts} };
	my $observer = $self->{observer};

	return $self->counted('refusals of commits in procedures') if $ended->{many};
	# documented: whatever a temporary object takes along is refused, needed or not
	return $self->counted('refusals of late drops')
	  if $ended->{message} =~ /depends on a temporary object/;

	# where others have committed meanwhile, the same statements may do
	# something else now: what it saw itself before its COMMIT counts
	if ($ended->{look})
	{
		my $look = parse_state(@{ $ended->{look} });

		if (worse($before, $look, leniency(@texts)) || reached_further($before, $look))
		{
			$self->counted('refusals confirmed');
			$self->counted('refusals confirmed by what the session saw');
			return undef;
		}
		my ($table, $rule) = $ended->{message} =~ /"(.*)" breaks (\w+)/;
		return { kind => 'false refusal', what => $ended->{message}, class => $rule }
		  if defined $rule && knows($table, $rule, $look) && $rule ne 'policy_unscoped';
	}

	# only the part since the last commit
	if (grep { /^BEGIN/ } @texts)
	{
		pop @texts;				# COMMIT or PREPARE
		foreach my $i (reverse 0 .. $#texts)
		{
			next unless $texts[$i] =~ /^COMMIT AND CHAIN/;
			splice @texts, 0, $i + 1;
			last;
		}
	}
	s/ CONCURRENTLY// foreach @texts;
	my $first = $texts[0] =~ /^BEGIN/ ? shift @texts : 'BEGIN';
	my @results = $observer->run($first, 'SET LOCAL trovella_guard.mode = off',
		'SELECT lab.scopes(true)', @texts, 'SET CONSTRAINTS ALL IMMEDIATE', 'RESET ROLE', 'RESET search_path',
		'SELECT lab.state()', 'SELECT lab.scopes(true)');
	my $state = $results[-2];
	my @observed;
	# what went well then must go well now: a commit within the statement
	# (CONCURRENTLY) may have left its traces
	my $failed = grep { $_->{error} } @results[ 3 .. $#results - 5 ];
	my @worse;
	if (@results && !$state->{error} && $failed <= $ended->{failed})
	{
		my $after = parse_state(@{ $state->{lines} });
		@worse = (worse($before, $after, leniency(@texts)), reached_further($before, $after));
		# of the rules that the oracle does not know the audit must know it
		push @worse, grep { !/^$modelled/ || / the database$/ || $after->{complex} && /^view_exposes_tenants/ }
		  new_errors($before, $after, {});
		if (!@worse && $self->{scope})
		{
			my %was = map { $_ => 1 } @{ $results[2]{lines} };
			foreach (grep { !$was{$_} } @{ $results[-1]{lines} })
			{
				my (undef, $relid) = split /\t/;
				my ($leak) = $observer->run("SELECT lab.leaks($relid)");
				push @observed, $leak->{error} ? '{?}' : $leak->{lines}[0];
			}
			@worse = grep { $_ !~ /^\{\??\}$/ } @observed;
		}
		$observer->run('ROLLBACK');
		if (@worse)
		{
			$self->counted('refusals confirmed');
			return undef;
		}
		# what was there may have got worse in a way that only the guard knows
		my ($table, $rule) = $ended->{message} =~ /"(.*)" breaks (\w+)/;
		return $self->counted('refusals that the oracle cannot judge')
		  unless defined $rule && knows($table, $rule, $after);
		return { kind => 'false refusal', what => $ended->{message}, class => $rule }
		  unless $ended->{overlapped} || grep({ $_ eq '{?}' } @observed)
		  || ($self->{style}{sessions} > 1 && grep({ /EXCEPTION/ } @texts));
	}
	else
	{
		$observer->run('ROLLBACK');
	}
	$self->counted('refusals that could not be replayed');
	return undef;
}

# What a transaction looks like from within, before it ends: asked where others
# have committed since it began.  The driver's business, so nobody accounts it.
my @look = ('SAVEPOINT lab_look', 'SET LOCAL ROLE NONE',
	"SET LOCAL lock_timeout = '300ms'", 'SELECT lab.state(false)',
	'ROLLBACK TO lab_look', 'RELEASE lab_look');

sub wants_look
{
	my ($self, $n, $text) = @_;
	my $progress = $self->{progress}[$n];
	return $self->{style}{sessions} > 1 && $progress->{in_block}
	  && $text =~ /^(COMMIT|PREPARE)/ && $self->{commits} > $progress->{began}
	  && $progress->{texts}[0] !~ /ISOLATION/
	  && !grep { /^COMMIT AND CHAIN/ } @{ $progress->{texts} };
}

# Takes in the result of a step; returns the transaction that it ended, if any.
sub account
{
	my ($self, $n, $text, $result) = @_;
	my $progress = $self->{progress}[$n];
	my $refused = $result->{error} && $result->{sqlstate} eq 'TG001';
	my $took = time() - ($progress->{clock} // time());
	$progress->{clock} = time();

	if (!defined $text)
	{
		$progress->{look} = $result->{lines} if @{ $result->{lines} };
		return;
	}
	$self->logged($n, $result->{error} ? "ERROR $result->{sqlstate} $result->{message}" : 'done');
	$self->counted('statements');
	$self->counted('statements failed') if $result->{error} && !$refused;
	$self->counted('deadlocks') if $result->{sqlstate} eq '40P01';
	# What concurrent DDL gets to hear from PostgreSQL itself is no failure
	if ($result->{error} && $result->{sqlstate} =~ /^(XX|58)/
		&& !($self->{style}{sessions} > 1
			&& $result->{message} =~ /^(tuple concurrently|cache lookup failed|could not open relation with OID|could not find tuple for parent)/))
	{
		return { failure => { kind => 'internal error', class => $result->{sqlstate},
				what => "$result->{message} ($result->{sqlstate}) at $text" } };
	}
	return if $text =~ /^\\/;
	return { failure => { kind => 'hijacked', class => 'hijacked', what => $text } }
	  if $result->{sqlstate} eq 'LBHIJ' && $text =~ $guards_own;
	return { failure => { kind => 'memory', class => 'memory', what => $result->{message} } }
	  if $result->{sqlstate} eq 'LBMEM';
	return { failure => { kind => 'slow', class => 'statement', what => sprintf '%.1f s: %s', $took, $text } }
	  if $took > $self->{bound} && $self->{style}{sessions} == 1 && $text !~ /^(DO|CALL)|EXTENSION/;
	if ($text eq $Lab::Grammar::pending && !$result->{error})
	{
		$progress->{pending} = $result->{lines}[0];
	}

	$progress->{began} = $progress->{sent_at} unless @{ $progress->{texts} };
	push @{ $progress->{texts} }, $text;
	$progress->{failed}++ if $result->{error} && !$refused;
	my $ends = 1;
	if ($text =~ /^BEGIN/)
	{
		$progress->{in_block} = 1 unless $result->{error};
		$ends = 0;
	}
	elsif ($progress->{in_block})
	{
		$ends = $text =~ /^(COMMIT|ROLLBACK$|PREPARE TRANSACTION)/;
		$progress->{in_block} = 0
		  if $ends && ($text !~ /CHAIN/ || $refused);
	}
	return unless $ends;

	my $pending = delete $progress->{pending};
	if (defined $pending && $text =~ /^(COMMIT|PREPARE)/ && $self->{style}{sessions} == 1
		&& ($refused ? 1 : 0) != ($pending > 0 ? 1 : 0) && !($result->{error} && !$refused)
		&& $result->{message} !~ /depends on a temporary object/
		&& !grep { /trovella_guard\.mode|s1\.users VALUES/ } @{ $progress->{texts} })
	{
		return { failure => { kind => 'pending', class => 'pending',
				what => "pending() announced $pending refusals, and $text was "
				  . ($refused ? "refused: $result->{message}" : 'not refused') } };
	}

	my %ended = (texts => $progress->{texts}, refused => $refused,
		failed => $progress->{failed} // 0, message => $result->{message},
		leniency => { %{ leniency(@{ $progress->{texts} }) }, %{ $progress->{ignored} } },
		look => delete $progress->{look}, began => $progress->{began},
		many => scalar grep({ /^(DO|CALL)/ && /COMMIT|ROLLBACK|CALL/ || /CONCURRENTLY/ }
			@{ $progress->{texts} }),
		committed => !$result->{error} && $text !~ /^(ROLLBACK|PREPARE)/);
	# what it committed before it failed
	$ended{committed} ||= $ended{many} || grep { /^COMMIT AND CHAIN/ } @{ $progress->{texts} };
	if ($text =~ /^PREPARE TRANSACTION '(\w+)'/ && !$result->{error})
	{
		$self->{prepared}{$1} = { ignored => $ended{leniency}, began => $ended{began} };
		push @{ $self->{to_finish} }, delete $self->{finish}{$1} if $self->{finish}{$1};
	}
	elsif ($text =~ /^COMMIT PREPARED '(\w+)'/)
	{
		my $prepared = delete $self->{prepared}{$1} // {};
		$ended{leniency} = $prepared->{ignored} // {};
		$ended{began} = $prepared->{began} // $ended{began};
	}
	$ended{overlapped} = $self->{commits} > $ended{began};
	if ($ended{committed})
	{
		$self->{commits}++;
		# what the guard was told to overlook, others may have relied on; and
		# whoever began before it was there is not watched
		foreach my $open (values %{ $self->{prepared} },
			grep { $_ != $progress } @{ $self->{progress} })
		{
			$open->{ignored} = { %{ $open->{ignored} }, %{ $ended{leniency} } };
		}
	}
	$progress->{ignored} = {};
	# the next one begins where a chain was not broken
	my $chained = $text =~ /CHAIN/ && $progress->{in_block};
	$progress->{failed} = 0 unless $chained;
	$progress->{texts} = $chained ? [@{ $progress->{texts} }] : [];
	$self->counted('transactions');
	return { ended => \%ended };
}

# Sends one step, or several of one session.
sub launch
{
	my ($self, $n, @texts) = @_;
	my $progress = $self->{progress}[$n];

	if ($self->wants_look($n, $texts[0]))
	{
		$self->{session}[$n]->send(@look);
		push @{ $progress->{sent} }, (undef) x @look;
	}
	$self->logged($n, "$_;") foreach @texts;
	$self->{session}[$n]->send(@texts);
	push @{ $progress->{sent} }, @texts;
	$progress->{sent_at} = $self->{commits};
	$progress->{clock} = time();
	return;
}

# Runs steps: [session, text...], ..., all at once.  Returns a failure or undef.
sub step
{
	my ($self, @steps) = @_;

	$self->launch(@$_) foreach @steps;
	return $self->rest;
}

# Which sessions wait for a lock, and not only until a deadlock is found?
my $waiting_sql = "SELECT DISTINCT substr(a.application_name, 5) FROM pg_locks l "
  . "JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted "
  . "AND l.waitstart < clock_timestamp() - interval '150 ms' AND a.datname = current_database()";

# Waits until all sessions have answered, or wait for each other or for what
# is prepared; then judges what has ended.
sub rest
{
	my ($self) = @_;
	my $deadline = time() + 40;
	my @ended;
	my $news = time();

	while (1)
	{
		my @busy;
		foreach my $n (0 .. $#{ $self->{session} })
		{
			my $session = $self->{session}[$n];
			$session->poll($self->{style}{sessions} > 1 ? 0.002 : 1) if $session->is_busy;
			return { kind => 'crash', class => 'crash',
				what => 'the server closed the connection' }
			  if $session->is_dead;
			while (my $result = $session->result)
			{
				my $text = shift @{ $self->{progress}[$n]{sent} };
				$news = time();
				my $event = $self->account($n, $text, $result) or next;
				return $event->{failure} if $event->{failure};
				push @ended, $event->{ended};
			}
			push @busy, $session if $session->is_busy;
		}
		last unless @busy;
		return { kind => 'hang', class => 'hang', what => 'a session neither answers nor waits' }
		  if time() > $deadline;
		next if $self->{style}{sessions} == 1 || time() < $news + 0.02;
		my %waiting = map { $_ => 1 } $self->{observer}->query($waiting_sql);
		last unless grep { !$waiting{ $_->{name} } } @busy;
		sleep 0.01;
	}
	return @ended ? $self->judge(@ended) : undef;
}

# Finishes what is prepared, the oldest first.
sub finish_prepared
{
	my ($self, $steps, $unit) = @_;
	my $text = shift @{ $self->{to_finish} };
	my $n = $self->{style}{sessions};

	push @$steps, [$n, $text, $unit];
	return $self->step([$n, $text]);
}

# Lets blocked sessions come to an end, at the cost of those that block them.
sub settle
{
	my ($self) = @_;
	my $deadline = time() + 30;

	while (1)
	{
		my $failure = $self->rest;
		return $failure if $failure;
		while (@{ $self->{to_finish} })
		{
			$failure = $self->finish_prepared([], 0);
			return $failure if $failure;
		}
		my @busy = grep { $_->is_busy } @{ $self->{session} };
		return undef if !@busy;
		return { kind => 'hang', class => 'hang', what => 'a session does not come to an end' }
		  if time() > $deadline;
		# where the step that finished it has been left out
		$self->{to_finish} = [ $self->rollbacks($self->{observer}) ];
		next if @{ $self->{to_finish} };
		foreach my $n (0 .. $#{ $self->{session} })
		{
			next if $self->{session}[$n]->is_busy || !$self->{progress}[$n]{in_block};
			$failure = $self->step([$n, 'ROLLBACK']);
			return $failure if $failure;
		}
	}
}

# Is this a statement after which the oracle should look on?
sub may_end { return $_[0] =~ /^(COMMIT|ROLLBACK$|PREPARE|CALL|DO|CREATE EXTENSION)/ }

# An episode of random transactions.  Returns (failure, steps).
sub walk_episode
{
	my ($self, $style, $deadline) = @_;
	my @steps;
	my $unit = 0;
	my $failure;

	$self->open_world($style);
	my $grammar = Lab::Grammar->new(preload => $style->{preload},
		fancy => $self->{fancy}, names => $style->{names}, themes => $style->{themes},
		prepared => $style->{sessions} > 1 ? 12 : 4);
	my @queue = map { [] } 1 .. $style->{sessions};
	my $batch = 0;
	my %gated;

	while (!$failure && $unit < $self->{length} && time() < $deadline)
	{
		my @idle = grep { !$self->{session}[$_]->is_busy } 0 .. $#queue;
		if (@{ $self->{to_finish} } && (!@idle || rand() < 0.04 * @{ $self->{to_finish} }))
		{
			$failure = $self->finish_prepared(\@steps, ++$unit);
			next;
		}
		if (!@idle)
		{
			# a busy machine may be late to find a deadlock
			my $patience = time() + 30;
			my $all_wait = 1;
			while (!$failure && $all_wait && time() < $patience)
			{
				$failure = $self->rest;
				$all_wait = !grep { !$self->{session}[$_]->is_busy } 0 .. $#queue;
				sleep 0.05 if $all_wait;
			}
			$failure //= { kind => 'hang', class => 'hang',
				what => 'all sessions wait for each other' } if $all_wait;
			next;
		}
		my $n = $idle[int rand @idle];
		if (!@{ $queue[$n] })
		{
			$unit++;
			$grammar->learn($self->{observer}->query('SELECT lab.world()'));
			$queue[$n] = [ map { [$n, $_, $unit] } $grammar->transaction ];
		}

		# one session alone gets a whole transaction at once
		if ($style->{sessions} == 1)
		{
			my @now = shift @{ $queue[$n] };
			push @now, shift @{ $queue[$n] }
			  while @{ $queue[$n] } && !may_end($now[-1][1]);
			push @steps, @now;
			$failure = $self->step([$n, map { $_->[1] } @now]);
			next;
		}

		# of several, some wait to end together
		next if $gated{$n} && keys %gated < @idle;
		if (may_end($queue[$n][0][1]) && !$gated{$n})
		{
			$gated{$n} = 1;
			next if keys(%gated) < 2 && rand() < 0.3;
		}
		my @together = $gated{$n} ? grep { !$self->{session}[$_]->is_busy } sort keys %gated : $n;
		%gated = () if $gated{$n};
		my @now = map { shift @{ $queue[$_] } } @together;
		if (@now > 1)
		{
			$batch++;
			$_->[3] = $batch foreach @now;
		}
		# whoever comes by finishes what was prepared, once it is
		foreach my $m (map { $_->[0] } grep { $_->[1] =~ /^PREPARE/ } @now)
		{
			foreach (@{ $queue[$m] })
			{
				$self->{finish}{$1} = $_->[1] if $_->[1] =~ / PREPARED '(\w+)'/;
			}
			$queue[$m] = [ grep { $_->[1] !~ / PREPARED / } @{ $queue[$m] } ];
		}
		push @steps, @now;
		$failure = $self->step(map { [ $_->[0], $_->[1] ] } @now);
	}
	$failure //= $self->settle;
	$failure->{log} = join '', map { "$_\n" } @{ $self->{log} } if $failure && @{ $self->{log} };
	$self->close_world;
	$self->counted('episodes');
	return ($failure, \@steps);
}

# Runs given steps in a fresh database; returns a failure or undef.
sub replay
{
	my ($self, $style, $steps) = @_;
	my $failure;
	my %count = %{ $self->{count} };
	local $self->{probe_every} = 1;

	$self->open_world($style);
	my @steps = @$steps;
	while (!$failure && @steps)
	{
		my @now = shift @steps;
		if ($style->{sessions} == 1)
		{
			push @now, shift @steps
			  while @steps && $steps[0][2] == $now[0][2] && !may_end($now[-1][1]);
			$failure = $self->step([ 0, map { $_->[1] } @now ]);
			next;
		}
		push @now, shift @steps
		  while defined $now[0][3] && @steps && ($steps[0][3] // 0) == $now[0][3];
		# what others waited for then has been left out since
		@now = grep { !$self->{session}[ $_->[0] ]->is_busy } @now;
		$failure = $self->step(map { [ $_->[0], $_->[1] ] } @now) if @now;
	}
	$failure //= $self->settle;
	$self->close_world;
	$self->{count} = \%count;
	return $failure;
}

# Finds a short list of steps with the same failure: whole transactions go
# first, then statements (delta debugging: ever smaller pieces are left out).
sub shrink
{
	my ($self, $style, $steps, $failure, $deadline) = @_;
	my $same = sub {
		my ($candidate) = @_;
		my $got = eval { $self->replay($style, $candidate) };
		return $got && $got->{kind} eq $failure->{kind}
		  && $got->{class} eq $failure->{class};
	};

	# only the question that found it is asked, and at once
	local $self->{only} = $failure->{kind};
	return ($steps, 0) unless $same->($steps);
	foreach my $by_unit (1, 0)
	{
		my $number = 0;
		my @groups;
		my %group_of;
		foreach my $step (@$steps)
		{
			my $key = $by_unit ? $step->[2] : $number++;
			push @groups, $group_of{$key} = [] unless $group_of{$key};
			push @{ $group_of{$key} }, $step;
		}
		my %order;
		@order{ map { "$_" } @$steps } = 0 .. $#$steps;

		my $size = int(@groups / 2) || 1;
		while (1)
		{
			my $removed = 0;
			for (my $at = 0; $at < @groups && time() < $deadline;)
			{
				my @rest = @groups;
				splice @rest, $at, $size;
				my @candidate = sort { $order{"$a"} <=> $order{"$b"} } map { @$_ } @rest;
				if (@candidate && $same->(\@candidate))
				{
					@groups = @rest;
					$removed = 1;
				}
				else
				{
					$at += $size;
				}
			}
			last if time() >= $deadline || ($size == 1 && !$removed);
			$size = int($size / 2) if $size > 1;
		}
		$steps = [ sort { $order{"$a"} <=> $order{"$b"} } map { @$_ } @groups ];
	}
	return ($steps, 1);
}

# The steps as a script for psql.
sub script
{
	my ($self, $style, $steps, $failure) = @_;
	my $text = "-- $failure->{kind}: $failure->{what}\n";
	my $current = -1;
	my %in_block;

	$text .= "-- sessions: $style->{sessions}; each line says whose it is\n"
	  if $style->{sessions} > 1;
	foreach (@roles) { $text .= "CREATE ROLE $_;\n" }
	my $needs_evil = grep { $_->[1] =~ /evil/ } @$steps;
	$text .= /^\\/ ? "$_\n" : "$_;\n" foreach $self->world_sql($needs_evil), 'CREATE EXTENSION trovella_guard',
	  "SELECT trovella_guard.allow('s1.users', 'shared by all tenants')",
	  "SELECT trovella_guard.allow('s1.pref', 'shared by all tenants')",
	  'DROP TABLE s1.probe',
	  "DO 'BEGIN EXECUTE format(''ALTER DATABASE %I SET trovella_guard.app_role = regress_lab_app'', current_database()); END'",
	  "DO 'BEGIN EXECUTE format(''GRANT CREATE ON DATABASE %I TO regress_lab_other'', current_database()); END'",
	  '\c';
	$text .= "LOAD 'trovella_guard';\n" if $style->{preload};
	$text .= "\\set ON_ERROR_ROLLBACK on\n" if $style->{on_error_rollback};
	foreach my $step (@$steps)
	{
		$text .= ($style->{sessions} > 1 ? "/* session $step->[0]"
				. (defined $step->[3] ? ", together $step->[3]" : '') . ' */ ' : '')
		  . $step->[1] . ($step->[1] =~ /^\\/ ? '' : ';') . "\n";
	}
	$text .= "SELECT table_name, rule, object FROM trovella_guard.check() WHERE level = 'error';\n";
	$text .= "-- the total order of the episode as it was:\n"
	  . join('', map { "-- $_\n" } split /\n/, $failure->{log})
	  if $failure->{log} && !$failure->{shrunk};
	return $text;
}

# Walks until the time is up or something is wrong.  Returns undef or
# { kind, what, script, seed, shrunk }.
sub walk
{
	my ($self, $seconds) = @_;
	my $end = time() + $seconds;

	while (time() < $end)
	{
		my $seed = $self->{episode_seed} // $self->{seed} + ($self->{count}{episodes} // 0);
		srand $seed;
		my $style = {
			preload => rand() < 0.5,
			on_error_rollback => rand() < 0.5,
			sessions => $self->{sessions},
			names => 3 + int rand 8,
			themes => [ @{ $self->{themes} } ? @{ $self->{themes} } : Lab::Grammar::some_themes() ],
		};
		my ($failure, $steps) = eval { $self->walk_episode($style, $end) };
		if ($@)
		{
			$failure = { kind => 'walker', class => 'walker', what => $@,
				log => join('', map { "$_\n" } @{ $self->{log} // [] }) };
			$steps = [];
		}
		if ($failure)
		{
			my $shrunk = 0;
			my $after = sprintf '%.0f', time() - $end + $seconds;
			($steps, $shrunk) = $self->shrink($style, $steps, $failure, time() + ($ENV{LAB_SHRINK} || 120))
			  if @$steps;
			if ($failure->{kind} eq 'slow' && !$shrunk)
			{
				# the machine was busy
				$self->counted('slow once');
				next;
			}
			return { %$failure, seed => $seed, after => $after, shrunk => $shrunk,
				script => $self->script($style, $steps, { %$failure, shrunk => $shrunk }) };
		}
		last if defined $self->{episode_seed};
	}
	return undef;
}

1;
