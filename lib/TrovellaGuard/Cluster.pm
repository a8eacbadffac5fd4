#-------------------------------------------------------------------------
#
# Cluster.pm
#		A throwaway cluster: private, on a Unix socket only, without fsync.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Cluster;

use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use POSIX ();
use TrovellaGuard::Process qw(trouble private_dir server_user run spawn
  stop wait_for write_file read_file progress);

my @keywords = qw(PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE
  PGSERVICE PGSERVICEFILE PGOPTIONS PGSSLMODE PGSSLCERT PGSSLKEY PGSSLROOTCERT
  PGSSLCRL PGREQUIRESSL PGCHANNELBINDING PGTARGETSESSIONATTRS PGGSSENCMODE
  PGREQUIREPEER PGCLIENTENCODING PGTZ PGDATESTYLE PGAPPNAME PGCONNECT_TIMEOUT);

# ---------------------------------------------------------------- installations

# The major version of the programs in a directory, or undef.
sub major_of
{
	my ($bindir) = @_;

	return if grep { !-x "$bindir/$_" } qw(postgres initdb psql pg_dump pg_dumpall);
	open my $version, '-|', "$bindir/postgres", '--version' or return;
	my ($major) = (<$version> // '') =~ /PostgreSQL\) (\d+)/;
	close $version;
	return $major;
}

sub has_guard
{
	my ($bindir) = @_;

	return if !-x "$bindir/pg_config";
	open my $output, '-|', "$bindir/pg_config", '--sharedir' or return;
	chomp(my $sharedir = <$output> // '');
	close $output;
	return -e "$sharedir/extension/trovella_guard.control";
}

# The installations on this machine: [major, bindir], the oldest first.
sub installations
{
	my ($wanted) = @_;
	my (@bindirs, %seen);

	if (defined $wanted)
	{
		@bindirs = ($wanted);
	}
	else
	{
		@bindirs = (
			split(/:/, $ENV{PATH} // ''),
			glob('/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib64/pgsql/bin'
				  . ' /usr/local/pgsql/bin /opt/homebrew/opt/postgresql@*/bin'));
	}
	my @found = map {
		my $major = major_of($_);
		defined $major ? [ $major, $_ ] : ();
	} grep { /^\// && !$seen{$_}++ } @bindirs;
	trouble('there is no PostgreSQL server on this machine'
		  . (defined $wanted ? " in \"$wanted\"" : '')
		  . '; on Debian: apt-get install postgresql postgresql-<major>-trovella-guard')
	  if !@found;

	my @guarded = grep { has_guard($_->[1]) && $_->[0] >= 15 } @found;
	trouble('the extension trovella_guard is not installed for '
		  . join(', ', map { "PostgreSQL $_->[0] ($_->[1])" } @found)
		  . "; on Debian: apt-get install postgresql-$found[-1][0]-trovella-guard")
	  if !@guarded;

	# A stable sort: of two with one version, the first in PATH
	return sort { $a->[0] <=> $b->[0] } @guarded;
}

# The installation for a source of this major version: the same, else the
# next newer one.
sub choose
{
	my ($bindir, $major) = @_;
	my @found = installations($bindir);

	return $found[-1] if !defined $major;
	my ($fit) = grep { $_->[0] >= $major } @found;
	return $fit if $fit;
	trouble("the source is PostgreSQL $major, and trovella_guard is installed for "
		  . join(', ', map { "PostgreSQL $_->[0]" } @found)
		  . " only; on Debian: apt-get install postgresql-$major-trovella-guard");
}

# ------------------------------------------------------------------- the cluster

# Options: bindir, superuser.
sub new
{
	my ($class, %option) = @_;
	my $number = our $clusters++;
	my $self = bless {
		bindir => $option{bindir},
		superuser => $option{superuser} // 'postgres',
		dir => private_dir() . "/cluster$number",
	}, $class;

	mkdir $self->{dir}, 0700 or trouble("cannot create \"$self->{dir}\": $!");
	if (my $user = server_user())
	{
		chown @$user, $self->{dir} or trouble("chown: $!");
	}

	progress('creating a throwaway cluster ...');
	$self->server_program([ "$self->{bindir}/initdb", '-D', "$self->{dir}/data",
			'-U', $self->{superuser}, qw(-A trust -N -E UTF8 --locale=C) ]);
	return $self;
}

# Runs a program as the user of the server.
sub server_program
{
	my ($self, $command) = @_;

	my ($status, $out, $err) = run($command, as => server_user(), dir => $self->{dir},
		env => { map { $_ => undef } @keywords });
	trouble("$command->[0] failed:\n$out$err") if $status != 0;
	return;
}

sub log_file { my $self = shift; return "$self->{dir}/server.json" }

# What other programs than ours have done since the last call: the entries of the
# log, as hashes.
sub new_log_entries
{
	my ($self) = @_;
	my $log = read_file($self->log_file);
	my $new = substr $log, $self->{log_read} // 0;

	$self->{log_read} = length $log;
	return grep { ($_->{application_name} // '') ne 'trovella-guard' }
	  map { JSON::PP->new->utf8->decode($_) } split /\n/, $new;
}

# Starts the server.  Options become settings.
sub start
{
	my ($self, %setting) = @_;
	my %with = (
		listen_addresses => '',
		port => 5432,
		unix_socket_directories => $self->{dir},
		unix_socket_permissions => '0700',
		fsync => 'off',
		synchronous_commit => 'off',
		full_page_writes => 'off',
		wal_level => 'logical',
		autovacuum => 'off',
		jit => 'off',
		max_connections => 40,
		max_prepared_transactions => 10,
		max_locks_per_transaction => 1024,
		# the log of what tools do is read, and must not have what they typed
		logging_collector => 'on',
		log_destination => 'jsonlog',
		log_directory => $self->{dir},
		log_filename => 'server.log',
		log_rotation_size => 0,
		log_rotation_age => 0,
		log_min_error_statement => 'panic',
		log_statement => 'none',
		%setting);

	my $data = "$self->{dir}/data";
	$self->{pid} = spawn(
		[ "$self->{bindir}/postgres", '-D', $data,
			map { ('-c', "$_=$with{$_}") } sort keys %with ],
		as => server_user(), dir => $self->{dir},
		env => { map { $_ => undef } @keywords },
		out => "$self->{dir}/server.out", err => "$self->{dir}/server.out");

	for (1 .. 1200)
	{
		my $state = -e "$data/postmaster.pid" ? read_file("$data/postmaster.pid") : '';
		return if $state =~ /^ready\s*$/m;
		last if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
		select undef, undef, undef, 0.05;
	}
	trouble("the throwaway server did not start:\n"
		  . join '', map { -e $_ ? read_file($_) : '' } "$self->{dir}/server.out", $self->log_file);
}

sub restart
{
	my ($self, %setting) = @_;

	stop($self->{pid}, 'INT');
	$self->start(%setting);
	return;
}

sub stop_now
{
	my ($self) = @_;

	stop($self->{pid}, 'QUIT') if defined $self->{pid};
	delete $self->{pid};
	return;
}

# How a program of the user's reaches a database of the cluster.
sub environment
{
	my ($self, $database, $role) = @_;
	my %host = (host => $self->{dir}, port => 5432, user => $role // $self->{superuser});
	my $path = $database;

	s/([^A-Za-z0-9_.-])/sprintf '%%%02X', ord $1/ge foreach $path, values %host;
	return (
		(map { $_ => undef } @keywords),
		PGHOST => $self->{dir},
		PGPORT => 5432,
		PGUSER => $role // $self->{superuser},
		PGDATABASE => $database,
		PGPASSFILE => "$self->{dir}/none",
		DATABASE_URL => "postgresql:///$path?"
		  . join('&', map { "$_=$host{$_}" } sort keys %host));
}

# Runs psql on a file, or on SQL that is given by "sql".  Options: database,
# role, mode (of the guard), arguments, out.  The settings are stronger than those of
# roles and databases, which come from the source.
sub psql
{
	my ($self, %option) = @_;
	my %setting = (
		client_min_messages => 'warning',
		session_preload_libraries => '',
		statement_timeout => 0,
		lock_timeout => 0,
		idle_in_transaction_session_timeout => 0,
		default_transaction_read_only => 'off',
		default_transaction_isolation => 'read\ committed',
		row_security => 'on',
		%{ $option{settings} // {} });

	my $file = $option{file} // write_file($option{sql});
	my @result = run(
		[ "$self->{bindir}/psql", qw(-XqAt), @{ $option{arguments} // [] }, '-f', $file ],
		(defined $option{out} ? (out => $option{out}) : ()),
		env => {
			$self->environment($option{database} // 'postgres', $option{role}),
			PGAPPNAME => 'trovella-guard',
			PGCLIENTENCODING => 'UTF8',
			PGOPTIONS => join(' ', map { "-c $_=$setting{$_}" } grep { defined $setting{$_} } sort keys %setting) });
	unlink $file if !defined $option{file};
	return @result;
}

# The output of SQL that must succeed.
sub query
{
	my ($self, $sql, %option) = @_;

	my ($status, $out, $err) =
	  $self->psql(%option, sql => $sql, arguments => [qw(-v ON_ERROR_STOP=1)]);
	trouble("the throwaway server refuses:\n$err") if $status != 0;
	return $out;
}

1;
