#-------------------------------------------------------------------------
#
# Pooler.pm
#		A PgBouncer in front of a test server, with one server connection that
#		all its clients share.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Pooler;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Temp qw(tempdir);
use IPC::Run ();

our @EXPORT = qw(start_pooler stop_pooler);

# The program is in a directory that not every user has in PATH.
our ($program) =
  grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';

# start_pooler(host => ..., port => ..., mode => ..., user => ...): starts one
# for a server; returns where it listens as host and port.  Any further
# settings of PgBouncer may follow.
sub start_pooler
{
	my %how = (mode => 'transaction', port => 5432, settings => {}, @_);

	die "pgbouncer is needed\n" unless defined $program;

	# The path of a socket must be short
	my $dir = tempdir('poolerXXXXX', DIR => '/tmp', CLEANUP => 1);
	my %settings = (
		listen_addr => '',
		listen_port => 6432,
		unix_socket_dir => $dir,
		auth_type => 'trust',
		auth_file => "$dir/users",
		admin_users => 'pooler',
		pool_mode => $how{mode},
		default_pool_size => 1,
		logfile => "$dir/log",
		ignore_startup_parameters => 'extra_float_digits',
		%{ $how{settings} });
	my %contents = (
		users => join('', map { qq("$_" ""\n) } 'pooler', $how{user}),
		ini => "[databases]\n* = host=$how{host} port=$how{port}\n"
		  . "[pgbouncer]\n"
		  . join('', map { "$_ = $settings{$_}\n" } sort keys %settings));

	foreach my $name (keys %contents)
	{
		open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
		print $file $contents{$name};
		close $file or die "$dir/$name: $!";
	}

	my $run = IPC::Run::start([ $program, '-q', "$dir/ini" ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	my $pooler = { host => $dir, port => $settings{listen_port}, run => $run };
	foreach (1 .. 100)
	{
		return $pooler if -S "$dir/.s.PGSQL.$pooler->{port}";
		select undef, undef, undef, 0.1;
	}
	die "pgbouncer did not start\n";
}

sub stop_pooler
{
	my ($pooler) = @_;

	$pooler->{run}->kill_kill;
	return;
}

1;
