#-------------------------------------------------------------------------
#
# Try.pm
#		The verb "try": runs migrations against a guarded copy.
#
# A file that has its transactions to itself is one transaction.  Just before its
# COMMIT, pending() says what the guard finds; the COMMIT decides.  A file that is
# refused is run once more with the guard off, so that the next ones have their base.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Try;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use JSON::PP ();
use TrovellaGuard::Copy ();
use TrovellaGuard::Migrations qw(files by_number migration_text is_autocommit);
use TrovellaGuard::Process qw(trouble usage note progress private_dir read_file write_file spawn wait_for);
use TrovellaGuard::Source ();
use TrovellaGuard::SQL qw(statements ident literal);

# Returns the exit status.
sub run
{
	my ($option, @paths) = @_;
	my $source = defined $option->{from} ? TrovellaGuard::Source->new($option->{from}) : undef;

	usage('try takes migrations, or --exec COMMAND') if !@paths == !defined $option->{exec};
	my @files = map { -d $_ ? files($_) : -e _ ? $_ : usage("there is no file \"$_\"") } @paths;
	local $option->{base} = [ $source ? () : earlier_files(@files) ];
	local $option->{changes_follow} = 1;
	my $copy = TrovellaGuard::Copy->new($source, $option);

	copy_bookkeeping($copy) if $source && $source->{kind} eq 'database' && defined $option->{exec};
	$copy->wake;
	note("not restored: $_->[0] $_->[1]: $_->[2]") foreach @{ $copy->{not_judged} };

	my @results = defined $option->{exec} ? try_command($copy, $option) : ();
	my $goes_on = 1;
	foreach my $file (@files)
	{
		progress("trying $file ...");
		my $result = $goes_on ? try_file($copy, $option, $file) : { status => 'not tried', findings => [] };
		$goes_on &&= $result->{status} ne 'failed';
		push @results, { name => $file, is_file => 1, %$result };
	}
	return report($option, @results);
}

# The files in the same folder that come before all that are to be tried.
sub earlier_files
{
	my (@tried) = @_;
	my %folders = map { dirname($_) => 1 } @tried;
	my %is_tried = map { $_ => 1 } @tried;

	return () if keys %folders != 1;
	my ($folder) = keys %folders;
	my ($first) = sort { by_number($a, $b) } @tried;
	return grep { !$is_tried{$_} && by_number($_, $first) < 0 } map { $folder eq '.' ? s{^\./}{}r : $_ } files($folder);
}

# The tables in which migration tools keep what they have applied: the only rows that
# are read, so that the tool of --exec knows what is pending.
sub copy_bookkeeping
{
	my ($copy) = @_;
	my $source = $copy->{source};
	my ($arguments, $env) = $source->connection;
	my %is_bookkeeping = map { $_ => 1 } split /\n/, $copy->query(
		q{SELECT pg_catalog.format('%I.%I', schema_name, table_name) FROM trovella_guard_internal.relations() WHERE reason ~ '^bookkeeping of '});
	my @tables = grep { $is_bookkeeping{ $_->{key} } } @{ $source->ask(<<~'SQL') };
		SELECT coalesce(json_agg(json_build_object('key', format('%I.%I', nspname, relname), 'schema', nspname, 'name', relname)), '[]')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
		SQL

	return if !@tables;
	my $rows = write_file('');
	my ($status, undef, $err) = TrovellaGuard::Process::run(
		[ "$source->{bindir}/pg_dump", @$arguments, '--data-only', map { '--table=' . TrovellaGuard::Source::pattern($_) } @tables ],
		env => $env, out => $rows);
	trouble("pg_dump failed:\n$err") if $status != 0;
	($status, undef, $err) = $copy->psql(file => $rows, settings => { 'session_replication_role' => 'replica' });
	trouble("the rows of the migration tool cannot be copied:\n$err") if $err =~ /ERROR/;
	return;
}

# ------------------------------------------------------------------------ a file

# Returns a hash: status, autocommit, findings, message.
sub try_file
{
	my ($copy, $option, $path) = @_;
	my $text = migration_text($path);
	my @statements = statements($text);
	my $autocommit = $option->{autocommit} || is_autocommit(\@statements);
	my $pending = private_dir() . '/pending';

	write_file('', $pending);
	my $as = defined $option->{as} ? 'SET SESSION AUTHORIZATION ' . ident($option->{as}) . ';' : '';
	my $attempt = sub {
		my ($sql, $is_guarded) = @_;
		my $file = write_file($sql);
		my @script = ('\set ON_ERROR_STOP on', '\set VERBOSITY verbose', '\set SHOW_CONTEXT never', $as);
		push @script, 'BEGIN;' if !$autocommit;
		push @script, "\\i $file";
		push @script, "\\o $pending", q{SELECT coalesce(pg_catalog.json_agg(p), '[]') FROM trovella_guard.pending() p;}, '\o'
		  if !$autocommit && $is_guarded;
		push @script, 'COMMIT;' if !$autocommit;
		my ($status, $out, $err) = $copy->psql(sql => join("\n", @script) . "\n",
			settings => { 'trovella_guard.mode' => $is_guarded ? 'enforce' : 'off' });
		return ($status, messages($err, $file));
	};

	my ($status, @messages) = $attempt->($text, 1);
	my ($error) = grep { $_->{severity} eq 'ERROR' } @messages;
	my @found = $autocommit ? map { findings_of_message($_) } @messages : findings_of_pending($pending);
	my $result = {
		autocommit => $autocommit ? JSON::PP::true : JSON::PP::false,
		status => @found ? 'warned' : 'passed',
		findings => \@found,
	};
	if ($status != 0)
	{
		my $is_refused = $error && $error->{code} eq 'TG001';
		$result->{status} = $is_refused ? 'refused' : 'failed';
		$result->{message} = $error ? $error->{message} : join "\n", map { $_->{message} } @messages;
		$result->{line} = $error->{line} if $error && $error->{line};
		@found = findings_of_message($error) if $is_refused && !grep { $_->{refused} } @found;
		if ($is_refused)
		{
			my ($again, @why) = $attempt->($autocommit ? rest($text, \@statements, $error->{line}) : $text, 0);
			trouble("$path is refused, and cannot be run without the guard either:\n" . join "\n", map { $_->{message} } @why)
			  if $again != 0;
		}
	}
	$_->{line} = line_of($_, \@statements) foreach @found;
	$result->{findings} = \@found;
	return $result;
}

# The messages in what psql printed: severity, code, message, detail, hint, line.
sub messages
{
	my ($text, $file) = @_;
	my @messages;
	my $part = 'message';

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^psql:(.*?):(\d+): (ERROR|FATAL|PANIC|WARNING|NOTICE):  ([0-9A-Z]{5}): (.*)/)
		{
			push @messages, {
				severity => $3 =~ /FATAL|PANIC/ ? 'ERROR' : $3,
				code => $4, message => $5, detail => '', hint => '',
				line => $1 eq $file ? $2 + 0 : undef };
			$part = 'message';
		}
		elsif ($line =~ /^psql:/)
		{
			push @messages, { severity => 'ERROR', code => '', message => $line =~ s/^psql:(?:\S+:\d+:)? //r, detail => '', hint => '' };
		}
		elsif (!@messages) { next }
		elsif ($line =~ /^(DETAIL|HINT):  (.*)/) { $part = lc $1; $messages[-1]{$part} = $2 }
		elsif ($line =~ /^(?:LOCATION|CONTEXT|LINE \d+|QUERY|SCHEMA NAME|TABLE NAME|COLUMN NAME|DATATYPE NAME|CONSTRAINT NAME):? /) { $part = 'other' }
		else { $messages[-1]{$part} .= "\n$line" }
	}
	return @messages;
}

# The findings that a message of the guard says; pending() says them better.
sub findings_of_message
{
	my ($message) = @_;
	my $said = qr/(?:commit refused: )?(?:(?:table|view|materialized view|foreign table|partitioned table|relation) "(?<relation>.*?)"|the database|(?<name>\S+)) (?:still )?breaks /;

	return () if $message->{message} !~ $said;
	my $relation = $+{relation};
	my ($repair) = $message->{hint} =~ /^[^\n]*:\n(.*?)(?:\n(?:If|See|Or|To|Then)\b.*)?\z/s;
	my $is_old = $message->{message} =~ /^[^,]* still breaks/;
	my $is_error = $message->{severity} eq 'ERROR';
	my @found;

	foreach my $line (split /\n/, $message->{detail})
	{
		my ($other, $rule, $text, $was) = $line =~ /^(?:(\S.*?\..+?): )?([a-z_]+): (.*?)( \(pre-existing\))?\z/ or next;
		push @found, {
			relation => $other // $relation, rule => $rule, message => $text,
			level => $is_error ? 'error' : 'warning',
			refused => $is_error ? JSON::PP::true : JSON::PP::false,
			was_there => $is_old || $was ? JSON::PP::true : JSON::PP::false,
			repair_sql => @found ? undef : $repair,
			said_at => $message->{line} };
	}
	return @found;
}

sub findings_of_pending
{
	my ($path) = @_;
	my $text = read_file($path);

	return () if $text !~ /\S/;
	return map {
		my $finding = $_;
		+{ (map { $_ => $finding->{$_} } qw(rule level object message repair_sql was_there refused)),
			relation => defined $finding->{table_name} ? "$finding->{schema_name}.$finding->{table_name}" : undef }
	} @{ JSON::PP->new->utf8->decode($text) };
}

# What is left to run of a file with its own transactions, from the one that failed.
sub rest
{
	my ($text, $statements, $line) = @_;
	my ($from) = grep { $statements->[$_][2] >= ($line // 1) } 0 .. $#$statements;

	$from //= 0;
	foreach my $at (reverse 0 .. $from)
	{
		last if $at < $from && $statements->[$at][3] =~ /^\s*(?:COMMIT|END|ROLLBACK)\b/i;
		if ($statements->[$at][3] =~ /^\s*(?:BEGIN|START\s+TRANSACTION)\b/i) { $from = $at; last }
	}
	return join "\n", map { $_->[0] } @$statements[ $from .. $#$statements ];
}

# The line of a file that a finding is about: of the statement that names the object,
# else of the one that creates the relation, else of the last that names it.
sub line_of
{
	my ($finding, $statements) = @_;
	my $name = defined $finding->{relation} ? $finding->{relation} =~ s/^.*\.//r : undef;

	return $finding->{said_at} if !defined $name;
	my $word = qr/(?<![\w\$])"?\Q$name\E"?(?![\w\$])/i;
	my @named = grep { $_->[3] =~ $word } @$statements;
	my ($best) = defined $finding->{object} ? grep { $_->[3] =~ /(?<![\w\$])"?\Q$finding->{object}\E"?(?![\w\$])/ } @named : ();
	($best) = grep { $_->[3] =~ /^\s*CREATE\b.*?\b(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:[\w"\$]+\s*\.\s*)?$word/is } @named if !$best;
	$best //= $named[-1];
	return $best ? $best->[1] : $finding->{said_at};
}

# --------------------------------------------------------------------- a command

# Runs the project's own tool; what it did is read from the log of the server.
sub try_command
{
	my ($copy, $option) = @_;
	my $cluster = $copy->{cluster};

	$cluster->new_log_entries;
	progress("running $option->{exec} ...");
	my $messages = private_dir() . '/command.out';
	my $status = wait_for(spawn([ '/bin/sh', '-c', $option->{exec} ],
			out => $messages, err => $messages,
			env => { $cluster->environment($copy->{database}, $option->{as}) }));
	my $said = read_file($messages);
	my @entries = $cluster->new_log_entries;

	trouble("\"$option->{exec}\" has not connected to the copy: does it use DATABASE_URL?\n$said")
	  if !grep { $_->{message} =~ /^connection authorized/ } @entries;
	my @errors = grep { ($_->{state_code} // '') eq 'TG001' } @entries;
	my @found = map { findings_of_message($_) } map {
		+{ severity => $_->{error_severity}, message => $_->{message}, detail => $_->{detail} // '', hint => $_->{hint} // '' }
	} @errors, grep { $_->{error_severity} eq 'WARNING' } @entries;

	print STDERR $said if $option->{verbose};
	return {
		name => $option->{exec},
		status => @errors ? 'refused' : $status != 0 ? 'failed' : @found ? 'warned' : 'passed',
		findings => \@found,
		(@errors ? (message => $errors[0]{message}) : $status != 0 ? (message => "exit status $status\n$said") : ()),
	};
}

# -------------------------------------------------------------------------- report

my @statuses = ('passed', 'warned', 'refused', 'failed', 'not tried');

sub report
{
	my ($option, @results) = @_;
	my %count;

	$count{ $_->{status} }++ foreach @results;
	my $totals = join ', ', map { "$count{$_} $_" } grep { $count{$_} } @statuses;
	my $print = __PACKAGE__->can("print_$option->{format}");
	$print->($totals, \%count, @results);
	return 2 if $count{failed};
	return 1 if $count{refused} && $option->{fail_on} ne 'never';
	return 1 if $count{warned} && $option->{fail_on} =~ /^(?:warning|info)$/;
	return 0;
}

sub plain { return $_[0] =~ s/[\x00-\x09\x0b-\x1f\x7f]+/ /gr }

sub place
{
	my ($result, $line) = @_;
	return defined $line && $result->{is_file} ? "$result->{name}:$line" : $result->{name};
}

sub what
{
	my ($finding) = @_;
	return ($finding->{relation} // 'the database') . ": $finding->{rule}: $finding->{message}";
}

sub print_text
{
	my ($totals, undef, @results) = @_;

	foreach my $result (@results)
	{
		print "$result->{name}: $result->{status}", $result->{autocommit} ? ' (statement by statement)' : '', "\n";
		print '  ', plain($result->{message}) =~ s/\n/\n  /gr, "\n"
		  if defined $result->{message} && ($result->{status} eq 'failed' || !@{ $result->{findings} });
		foreach my $finding (@{ $result->{findings} })
		{
			printf "  %s%s %s%s\n", defined $finding->{line} ? "line $finding->{line}: " : '',
			  $finding->{refused} ? 'refused' : $finding->{level}, plain(what($finding)),
			  $finding->{was_there} ? ' (pre-existing)' : '';
			print '      ', plain($finding->{repair_sql}) =~ s/\n/\n      /gr, "\n" if defined $finding->{repair_sql};
		}
	}
	print "$totals\n";
	return;
}

sub print_json
{
	my ($totals, $count, @results) = @_;

	print JSON::PP->new->utf8->canonical->pretty->encode({
			schema_version => 1,
			summary => { map { (tr/ /_/r) => $count->{$_} // 0 } @statuses },
			results => [ map { my %result = %$_; delete $result{is_file}; \%result } @results ] });
	return;
}

sub print_markdown
{
	my ($totals, undef, @results) = @_;
	my $cell = sub { plain($_[0]) =~ s/\n/ /gr =~ s/([\\`*_\[\]<>|])/\\$1/gr };

	print "## Migrations: $totals\n\n| migration | status | finding |\n|---|---|---|\n";
	foreach my $result (@results)
	{
		my @findings = map { [ place($result, $_->{line}), $cell->(what($_)) ] } @{ $result->{findings} };
		@findings = [ $result->{name}, $cell->($result->{message} // '') ] if !@findings;
		printf "| %s | %s | %s |\n", $cell->($_->[0]), $result->{status}, $_->[1] foreach @findings;
	}
	return;
}

sub print_github
{
	my ($totals, undef, @results) = @_;
	my $data = sub { $_[0] =~ s/%/%25/gr =~ s/\r/%0D/gr =~ s/\n/%0A/gr };
	my $property = sub { $data->($_[0]) =~ s/:/%3A/gr =~ s/,/%2C/gr };

	foreach my $result (@results)
	{
		my $annotate = sub {
			my ($level, $line, $title, $text) = @_;
			my $file = $result->{is_file} ? 'file=' . $property->($result->{name}) . (defined $line ? ",line=$line" : '') . ',' : '';
			print "::$level ${file}title=", $property->($title), '::', $data->($text), "\n";
		};
		foreach my $finding (@{ $result->{findings} })
		{
			$annotate->($finding->{refused} ? 'error' : 'warning', $finding->{line},
				"$finding->{rule}: " . ($finding->{relation} // 'the database'),
				join "\n", grep { defined } $finding->{message}, $finding->{repair_sql});
		}
		$annotate->('error', $result->{line}, $result->{status}, $result->{message})
		  if defined $result->{message} && !@{ $result->{findings} };
	}
	print '::notice title=Migrations::', $data->($totals), "\n";
	return;
}

sub print_junit
{
	my ($totals, $count, @results) = @_;
	my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');
	my $xml = sub { plain($_[0]) =~ s/([&<>"'])/$entity{$1}/gr };
	my $tests = @results;
	my $failures = ($count->{refused} // 0) + ($count->{failed} // 0);
	my $skipped = $count->{'not tried'} // 0;

	print qq{<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="trovella_guard" tests="$tests" failures="$failures" errors="0">\n},
	  qq{<testsuite name="migrations" tests="$tests" failures="$failures" errors="0" skipped="$skipped">\n};
	foreach my $result (@results)
	{
		my $text = $xml->(join "\n", grep { defined } $result->{message}, map { what($_), $_->{repair_sql} } @{ $result->{findings} });
		print '<testcase classname="migrations" name="', $xml->($result->{name}), '">',
		  $result->{status} =~ /refused|failed/ ? qq{<failure type="TG001" message="$result->{status}">$text</failure>}
		  : $result->{status} eq 'not tried' ? '<skipped message="not tried"/>'
		  : $text ne '' ? "<system-out>$text</system-out>" : '', "</testcase>\n";
	}
	print "</testsuite>\n</testsuites>\n";
	return;
}

1;
