# Session.pm: one psql, driven over pipes.
#
# A statement is sent together with an \echo of what became of it, so that the
# driver need not wait for one session before it turns to the next.

package Lab::Session;

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use IPC::Open2;
use Time::HiRes qw(time);

# Lab::Session->new(name => ..., dbname => ..., options => PGOPTIONS,
# on_error_rollback => bool)
sub new
{
	my ($class, %arg) = @_;
	my $self = bless {
		name => $arg{name},
		dbname => $arg{dbname},
		waiting => [],
		results => [],
		lines => [],
		buffer => '',
		dead => 0,
	}, $class;

	local $ENV{PGOPTIONS} = $arg{options} // '';
	local $ENV{PGAPPNAME} = "lab $arg{name}";
	open(my $null, '>>', $arg{stderr} // '/dev/null') or die $!;
	open(my $saved, '>&', \*STDERR) or die $!;
	open(STDERR, '>&', $null) or die $!;
	$self->{pid} = open2($self->{out}, $self->{in}, 'psql', '-XAtq', '-d',
		$arg{dbname});
	open(STDERR, '>&', $saved) or die $!;
	$self->{in}->autoflush(1);
	$self->{select} = IO::Select->new($self->{out});
	$self->run('\set ON_ERROR_ROLLBACK on') if $arg{on_error_rollback};
	return $self;
}

# Sends a statement or a backslash command.
sub send
{
	my ($self, @statements) = @_;
	my $text = '';
	foreach my $statement (@statements)
	{
		$self->{sent}++;
		push @{ $self->{waiting} }, $self->{sent};
		$text .= $statement;
		# \c leaves ERROR as it was
		$text .= $statement =~ /^\\c/ ? "\nSELECT WHERE false;"
		  : $statement =~ /^\\/ ? '' : ';';
		$text .= "\n\\echo \@\@ $self->{sent} :ERROR :SQLSTATE :LAST_ERROR_MESSAGE\n";
	}
	local $SIG{PIPE} = 'IGNORE';
	print { $self->{in} } $text;
	return;
}

# Reads what has come in, for at most "timeout" seconds while there is nothing.
sub poll
{
	my ($self, $timeout) = @_;
	return if $self->{dead} || !$self->{select}->can_read($timeout);
	my $got = sysread($self->{out}, $self->{buffer}, 65536,
		length $self->{buffer});
	if (!$got)
	{
		$self->{dead} = 1;
		return;
	}
	while ($self->{buffer} =~ s/^([^\n]*)\n//)
	{
		my $line = $1;
		if ($line =~ /^@@ (\d+) (\S+) (\S+) ?(.*)/)
		{
			my $failed = $2 eq 'true';
			shift @{ $self->{waiting} };
			push @{ $self->{results} },
			  { error => $failed, sqlstate => $failed ? $3 : '00000',
				message => $failed ? $4 : '', lines => $self->{lines} };
			$self->{lines} = [];
		}
		else
		{
			push @{ $self->{lines} }, $line;
		}
	}
	return;
}

sub is_busy { return @{ $_[0]{waiting} } > 0 }
sub is_dead { return $_[0]{dead} }

# The next result that has come in, or undef.
sub result { return shift @{ $_[0]{results} } }

# Sends statements and returns their results, or nothing if the session died
# or did not answer in time.
sub run
{
	my ($self, @statements) = @_;
	my $deadline = time() + ($self->{patience} // 60);
	my @results;

	$self->send(@statements);
	while (@results < @statements)
	{
		$self->poll(1);
		while (my $result = $self->result) { push @results, $result }
		last if $self->{dead} || time() > $deadline;
	}
	return @results == @statements ? @results : ();
}

# One statement; its lines.  Dies where it fails.
sub query
{
	my ($self, $statement) = @_;
	my ($result) = $self->run($statement);
	die "session $self->{name} is gone\n" unless $result;
	die "$statement: $result->{message}\n" if $result->{error};
	return @{ $result->{lines} };
}

sub close
{
	my ($self) = @_;
	local $SIG{PIPE} = 'IGNORE';
	close $self->{in};
	close $self->{out};
	waitpid $self->{pid}, 0;
	return;
}

1;
