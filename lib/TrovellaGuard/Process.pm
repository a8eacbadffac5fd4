#-------------------------------------------------------------------------
#
# Process.pm
#		Runs programs for trovella-guard, and leaves nothing behind.
#
# Everything that a run creates is in one private directory.  A watchdog, a
# child in a session of its own, holds the reading end of a pipe.  When the pipe
# closes, for whatever reason, it ends the programs that are still running and
# removes the directory: so even kill -9 leaves no server behind.
#
# Programs get a list of arguments, never a command line, and passwords by the
# environment only.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Process;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use Fcntl qw(:DEFAULT);
use File::Path ();
use File::Temp ();
use POSIX ();

our @EXPORT_OK = qw(progress note trouble usage private_dir server_user
  run spawn wait_for stop write_file read_file quiet);

my $main = $$;
my $dir;			# the private directory
my $watchdog;		# its process ID
my $pipe;			# the writing end
my %running;		# process ID => 1
my $quiet = !-t STDERR;
my $shown = 0;		# is there a line of progress on the terminal?
my $files = 0;

# ------------------------------------------------------------------ messages

sub quiet { $quiet = 1; return }

# Says on a terminal what is going on, on one line that the next one replaces.
sub progress
{
	my ($what) = @_;

	return if $quiet;
	print STDERR "\r\e[K", $what;
	$shown = 1;
	return;
}

sub end_progress
{
	print STDERR "\r\e[K" if $shown;
	$shown = 0;
	return;
}

# Tells the user something that the report does not say.
sub note
{
	my ($text) = @_;

	end_progress();
	print STDERR "trovella-guard: $text\n";
	return;
}

# What cannot be done: exit status 2.
sub trouble
{
	my ($text) = @_;
	die { text => $text };
}

sub usage
{
	my ($text) = @_;
	die { text => $text . "\nTry \"trovella-guard --help\"." };
}

# -------------------------------------------------------------- the directory

# Who runs the server if we are root, which PostgreSQL refuses to be: [uid, gid];
# undef is we.
sub server_user
{
	return undef if $> != 0;
	foreach my $name (qw(postgres nobody))
	{
		my (undef, undef, $uid, $gid) = getpwnam $name;
		return [ $uid, $gid ] if defined $uid;
	}
	trouble('PostgreSQL does not run as root, and there is no user "postgres" or "nobody"');
}

# The private directory.  A socket in it must fit into sun_path.
sub private_dir
{
	return $dir if defined $dir;
	my ($parent) = grep { -d && -w && length() < 60 } File::Spec->tmpdir, '/tmp';
	trouble('there is no temporary directory to write to') if !defined $parent;

	# The watchdog knows the directory before there is one.
	do
	{
		$dir = sprintf '%s/trovella-guard.%d.%06x', $parent, $$, rand 0x1000000;
	} while (-e $dir);
	start_watchdog();
	mkdir $dir, 0700 or trouble("cannot create the directory \"$dir\": $!");
	if (my $user = server_user())
	{
		chown @$user, $dir or trouble("cannot give away the directory \"$dir\": $!");
	}
	return $dir;
}

sub write_file
{
	my ($text, $path) = @_;

	$path //= private_dir() . '/' . ++$files;
	sysopen my $file, $path, O_WRONLY | O_CREAT | O_TRUNC, 0600
	  or trouble("cannot write \"$path\": $!");
	print {$file} $text;
	close $file or trouble("cannot write \"$path\": $!");
	return $path;
}

sub read_file
{
	my ($path) = @_;

	open my $file, '<', $path or trouble("cannot read \"$path\": $!");
	local $/ = undef;
	my $text = <$file>;
	close $file;
	return $text // '';
}

# --------------------------------------------------------------- the watchdog

sub start_watchdog
{
	pipe my $reader, $pipe or trouble("pipe: $!");
	$pipe->autoflush(1);
	$watchdog = fork // trouble("fork: $!");
	return close $reader if $watchdog != 0;

	# Neither the terminal nor the death of the process group ends it, and
	# it keeps nobody's output open.
	close $pipe;
	POSIX::setsid();
	$SIG{$_} = 'IGNORE' foreach qw(INT TERM HUP QUIT PIPE);
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', '/dev/null';
	open STDERR, '>', '/dev/null';
	watch($reader);
	POSIX::_exit(0);
}

sub watch
{
	my ($reader) = @_;
	my %pids;

	while (my $line = <$reader>)
	{
		my ($what, $pid) = $line =~ /^(run|end) (\d+)$/ or next;
		if ($what eq 'run') { $pids{$pid} = 1 }
		else { delete $pids{$pid} }
	}
	end_all(sort keys %pids);
	File::Path::remove_tree($dir);
	return;
}

# A postmaster takes SIGQUIT for an immediate shutdown; to the others it is one
# more way to die.  Each program leads a process group of its own.
sub end_all
{
	my (@pids) = @_;

	kill 'QUIT', @pids;
	for (1 .. 100)
	{
		@pids = grep { kill 0, $_ } @pids;
		last if !@pids;
		select undef, undef, undef, 0.05;
		if ($$ == $main) { waitpid $_, POSIX::WNOHANG() foreach @pids }
	}
	kill 'KILL', map { (-$_, $_) } @pids if @pids;
	return;
}

# Removes everything that this run has created.
sub clean_up
{
	return if $$ != $main || !defined $pipe;
	end_progress();
	foreach my $pid (keys %running)
	{
		kill 'CONT', $pid;
	}
	end_all(keys %running);
	%running = ();
	close $pipe;		# the watchdog removes the directory
	undef $pipe;
	waitpid $watchdog, 0;
	return;
}

foreach my $signal (qw(INT TERM HUP QUIT PIPE))
{
	next if ($SIG{$signal} // '') eq 'IGNORE';
	$SIG{$signal} = sub {
		$SIG{$_} = 'IGNORE' foreach qw(INT TERM HUP QUIT PIPE);
		clean_up();
		$SIG{$signal} = 'DEFAULT';
		kill $signal, $$;
	};
}

END
{
	my $status = $?;
	clean_up();
	$? = $status;
}

# ------------------------------------------------------------------- programs

sub become
{
	my ($user) = @_;
	my ($uid, $gid) = @$user;

	$) = "$gid $gid";
	$( = $gid;
	($<, $>) = ($uid, $uid);
	POSIX::_exit(126) if $> != $uid || $< != $uid;
	return;
}

# Starts a program.  Options: in, out, err (files), env (a hash, undef
# removes), as ([uid, gid]), dir.
sub spawn
{
	my ($command, %option) = @_;

	private_dir();
	my $pid = fork // trouble("fork: $!");
	if ($pid == 0)
	{
		local $@;
		eval {
			POSIX::setpgid(0, 0);
			syswrite $pipe, "run $$\n";
			$SIG{$_} = 'DEFAULT' foreach qw(INT TERM HUP QUIT PIPE);
			open STDIN, '<', $option{in} // '/dev/null' or die;
			if (defined $option{out}) { open STDOUT, '>', $option{out} or die }
			if (defined $option{err}) { open STDERR, '>>', $option{err} or die }
			foreach my $name (keys %{ $option{env} // {} })
			{
				my $value = $option{env}{$name};
				if (defined $value) { $ENV{$name} = $value }
				else { delete $ENV{$name} }
			}
			become($option{as}) if $option{as};
			chdir $option{dir} or die if defined $option{dir};
			no warnings 'exec';
			exec { $command->[0] } @$command;
			print STDERR "cannot run $command->[0]: $!\n";
		};
		POSIX::_exit(127);
	}
	$running{$pid} = 1;
	return $pid;
}

# Waits for a program; returns its exit status, or 128 and its signal.
sub wait_for
{
	my ($pid) = @_;

	my $waited;
	do { $waited = waitpid $pid, 0 } while ($waited == -1 && $!{EINTR});
	my $status = $?;
	delete $running{$pid};
	syswrite $pipe, "end $pid\n";
	return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

# Runs a program; returns its exit status, its output and its messages.
sub run
{
	my ($command, %option) = @_;
	my $out = private_dir() . '/' . ++$files;

	my $status = wait_for(spawn($command, %option,
			out => $option{out} // "$out.out", err => $option{err} // "$out.err"));
	my @texts;
	foreach my $stream (qw(out err))
	{
		push @texts, defined $option{$stream} ? '' : read_file("$out.$stream");
		unlink "$out.$stream" if !defined $option{$stream};
	}
	return ($status, @texts);
}

# Ends a server, or another program that does not end by itself.
sub stop
{
	my ($pid, $signal) = @_;

	kill $signal // 'QUIT', $pid;
	return wait_for($pid);
}

1;
