#-------------------------------------------------------------------------
#
# Restore.pm
#		Restores a dump into a throwaway cluster, as far as it can be.
#
# psql runs the entries of the dump one by one and goes on after an error.  Each
# error is then traced to its entry; what was missing is made up (roles, schemas,
# types, collations, languages, ...), and what failed is tried again, until nothing
# changes.  What has failed in the end is not judged.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Restore;

use strict;
use warnings FATAL => 'all';

use TrovellaGuard::Process qw(trouble progress write_file read_file);
use TrovellaGuard::SQL qw(statements entries ident literal);
use TrovellaGuard::Stubs ();

# Entries that are not restored: of the database as a whole, what takes data or
# connects to somewhere, and event triggers, which would run during the restore.
my %skipped = map { $_ => 1 } ('DATABASE', 'TABLE DATA', 'SEQUENCE SET', 'BLOB', 'BLOBS', 'BLOB METADATA',
	'LARGE OBJECTS', 'SUBSCRIPTION', 'SUBSCRIPTION TABLE', 'USER MAPPING', 'EVENT TRIGGER',
	'REFRESH MATERIALIZED VIEW', 'MATERIALIZED VIEW DATA', 'STATISTICS DATA');

# What no rule reads: where it cannot be restored, nothing goes unjudged.
my %immaterial = map { $_ => 1 } ('COMMENT', 'SECURITY LABEL', 'STATISTICS', 'EXTENSION', 'SEQUENCE OWNED BY',
	'CONVERSION', 'TRANSFORM', 'TEXT SEARCH PARSER', 'TEXT SEARCH DICTIONARY', 'TEXT SEARCH TEMPLATE',
	'TEXT SEARCH CONFIGURATION', 'DEFAULT ACL', 'OPERATOR FAMILY', 'PROCEDURAL LANGUAGE');

# duplicate objects of all kinds: what has been made up, or was there
my %is_there = map { $_ => 1 } qw(42P07 42710 42723 42P06 42701 42P04);

# Options: cluster, database, source (with facts of a database), missing (a hash
# of extensions), superuser.
sub new
{
	my ($class, %option) = @_;
	return bless {
		%option,
		assumed => [],		# what was made up
		not_judged => [],	# [kind, name, reason]
		left_out => [],		# the same, of what no rule reads
	}, $class;
}

# What pg_dump writes to create objects.  The restore is a superuser's: COPY ... PROGRAM
# or DO, of a dump that somebody has tampered with, would run as the user of the server.
my $creates = qr/^\s*(?:CREATE|ALTER(?!\s+SYSTEM\b)|GRANT|REVOKE|COMMENT|SECURITY\s+LABEL
	|SET\s+default_table_access_method|(?:RE)?SET\s+SESSION\s+AUTHORIZATION)\b/xi;

my $foreign = '-';		# in place of the code of an error

# The SQL of a piece without other settings; undef if a statement is none of those, or is
# open and would swallow the next piece.
sub creating
{
	my ($sql) = @_;
	my @kept;

	foreach my $statement (statements($sql))
	{
		my ($text, $bare, $is_open) = @$statement[ 0, 3, 4 ];
		next if !$is_open && $bare =~ /^\s*(?:SET\b|SELECT\s+pg_catalog\.set_config\b)/i && $bare !~ $creates;

		# No operator has a backslash: it begins a command of psql
		return if $is_open || $bare !~ $creates || $bare =~ s/"(?:[^"]|"")*"//gr =~ /\\/;
		push @kept, "$text\n;";		# it may end with a comment
	}
	return join "\n", @kept;
}

# Runs pieces of SQL, [sql, ...]; returns the errors: [piece, code, message].
sub run_pieces
{
	my ($self, $pieces) = @_;
	my @script = ('\\set VERBOSITY verbose', '\\set SHOW_CONTEXT never',
		q{SET check_function_bodies = off; SET xmloption = content; SET row_security = off;}
		  . q{ SET default_tablespace = ''; SET allow_system_table_mods = on; SET client_min_messages = error;},
		q{SELECT pg_catalog.set_config('search_path', '', false) \\g /dev/null},
		# from here on psql takes no command of its own: a dump may have been tampered with
		sprintf('\\restrict %08x%08x', rand 2**32, rand 2**32));
	my $line = @script;
	my (@until, @errors);

	foreach my $piece (@$pieces)
	{
		my $sql = creating($piece->{sql});
		push @errors, [ $piece, $foreign, 'pg_dump writes no such statement' ] if !defined $sql;
		$sql //= '';
		$line += 1 + $sql =~ tr/\n//;
		push @script, $sql;
		push @until, $line;
	}
	my $file = write_file(join("\n", @script) . "\n");
	my ($status, undef, $err) = $self->{cluster}->psql(file => $file, database => $self->{database}, out => '/dev/null');
	trouble("the restore broke off:\n$err") if $status > 1;
	unlink $file;

	my $piece = 0;
	while ($err =~ /^psql:\Q$file\E:(\d+): (?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): (.*)$/mg)
	{
		my ($at, $code, $message) = ($1, $2, $3);
		$piece++ while $piece < $#until && $until[$piece] < $at;
		push @errors, [ $pieces->[$piece], $code, $message ];
	}
	return @errors;
}

sub assume
{
	my ($self, $what, @sql) = @_;

	return 0 if $self->{has_assumed}{$what}++;
	my @errors = grep { !$is_there{ $_->[1] } } $self->run_pieces([ map { { sql => $_ } } @sql ]);
	push @{ $self->{assumed} }, $what if !@errors;
	return !@errors;
}

# ------------------------------------------------------------------------- roles

# Creates the roles of a script of pg_dumpall.  Settings of roles come last, by
# apply_settings(): some would act on our own sessions.
sub roles
{
	my ($self, $text) = @_;
	my $superuser = qr/(?:\Q$self->{cluster}{superuser}\E|\Q@{[ident($self->{cluster}{superuser})]}\E)/;
	my @pieces;

	foreach my $statement (statements($text))
	{
		my ($sql) = @$statement;
		next if $sql =~ /^\s*(?:CREATE ROLE $superuser;|ALTER ROLE $superuser WITH )/;
		next if $sql =~ /^\s*(?:SET |COMMENT |SECURITY LABEL|SELECT )/;
		next if $self->keep_setting($sql);
		push @pieces, { sql => $sql, type => 'ROLE', name => $sql =~ s/\s+/ /gr };
	}
	foreach my $error (grep { !$is_there{ $_->[1] } } $self->run_pieces(\@pieces))
	{
		push @{ $self->{not_judged} }, [ 'ROLE', $error->[0]{name}, $error->[2] ];
	}
	return;
}

# ALTER ROLE ... SET and ALTER DATABASE ... SET, of this database
sub keep_setting
{
	my ($self, $sql) = @_;
	my $name = qr/"(?:[^"]|"")*"|[^\s"]+/;

	return 0 if $sql !~ /^\s*ALTER (?:ROLE $name(?: IN DATABASE ($name))?|DATABASE $name) SET ($name)/;
	my ($database, $setting) = ($1, $2);
	return 1 if $setting =~ /_preload_libraries/;
	return 1 if defined $database && $database ne $self->{database} && $database ne ident($self->{database});
	push @{ $self->{settings} }, { sql => $sql, type => 'SETTING', name => $sql =~ s/\s+/ /gr };
	return 1;
}

sub apply_settings
{
	my ($self) = @_;

	foreach my $error ($self->run_pieces($self->{settings} // []))
	{
		push @{ $self->{left_out} }, [ 'SETTING', $error->[0]{name}, $error->[2] ];
	}
	return;
}

# ------------------------------------------------------------------------ entries

# The SQL of an entry as it is to be run; undef: it is left out.
sub prepared
{
	my ($self, $entry) = @_;
	my ($type, $sql) = @$entry{qw(type sql)};

	if ($type eq 'DATABASE PROPERTIES')
	{
		$self->keep_setting($_->[0]) foreach statements($sql);
		return;
	}
	if ($type eq 'DATABASE')
	{
		# its owner counts; its encoding and its locale may be strange here
		return join '', map { "$_->[0]\n" } grep { $_->[0] =~ /^ALTER DATABASE .* OWNER TO/ } statements($sql);
	}
	return if $skipped{$type};
	return if $type eq 'EXTENSION' && ($self->{missing}{ $entry->{name} } || $entry->{name} eq 'trovella_guard');
	return if $type eq 'COMMENT' && $entry->{name} =~ /^(?:EXTENSION|DATABASE|EVENT TRIGGER)/;
	return $sql;
}

# Restores entries of a dump; those before the first get a preamble that may
# contain roles.
sub restore
{
	my ($self, @entries) = @_;

	my $preamble = shift @entries;
	$self->roles(join '', map { "$_->[0]\n" }
		  grep { $_->[0] =~ /^\s*(?:CREATE ROLE|ALTER ROLE|GRANT \S+ TO)/ } statements($preamble->{sql}));

	my @todo;
	foreach my $entry (@entries)
	{
		if ($entry->{type} eq 'EXTENSION' && $self->{missing}{ $entry->{name} })
		{
			push @todo, map { { %$entry, type => 'STUB', sql => $_ } } @{ $self->{missing}{ $entry->{name} } };
			next;
		}
		my $sql = $self->prepared($entry);
		push @todo, { %$entry, sql => $sql } if defined $sql && $sql =~ /\S/;
	}
	return $self->run_all(@todo);
}

# Runs pieces, makes up what they lack, and runs them again as long as that helps.
sub run_all
{
	my ($self, @todo) = @_;
	my %failed;

	for my $pass (1 .. 12)
	{
		progress(sprintf 'restoring %s (%d objects%s) ...', $self->{database}, scalar @todo, $pass > 1 ? ', again' : '');
		my $before = @todo;
		my @errors = grep { !$is_there{ $_->[1] } && !($pass > 1 && $_->[1] eq '42P16') } $self->run_pieces(\@todo);
		%failed = map { $_->[0] => $_ } reverse @errors;
		@todo = grep { $failed{$_} } @todo;
		last if !@todo;
		my $helped = 0;
		foreach my $error (@errors)
		{
			$helped = 1 if $self->mend(@$error);
		}
		if ($pass == 1 && $self->{late})
		{
			$self->run_pieces([ map { { sql => $_ } } @{ $self->{late} } ]);
			$helped = 1;
		}
		last if !$helped && @todo == $before;
	}
	$self->note_failures([ map { $failed{$_} } @todo ]);
	return;
}

# Does something about an error; true if the piece is worth another try.
sub mend
{
	my ($self, $piece, $code, $message) = @_;
	my $quoted = qr/"((?:[^"]|"")+)"/;

	if ($message =~ /^role $quoted does not exist/)
	{
		return $self->assume("role $1", 'CREATE ROLE ' . ident($1));
	}
	if ($message =~ /^schema $quoted does not exist/)
	{
		return $self->assume("schema $1", 'CREATE SCHEMA ' . ident($1));
	}
	if ($message =~ /^type $quoted does not exist/)
	{
		my ($schema, $name) = names($1);
		return $self->assume("type $schema.$name", 'CREATE SCHEMA IF NOT EXISTS ' . ident($schema),
			TrovellaGuard::Stubs::base_type($schema, $name));
	}
	if ($message =~ /^collation $quoted for encoding/ || $message =~ /^collation $quoted does not exist/)
	{
		my ($schema, $name) = names($1, 'pg_catalog');
		return $self->assume("collation $schema.$name", TrovellaGuard::Stubs::collation($schema, $name));
	}
	if (($piece->{type} // '') eq 'COLLATION')
	{
		return $self->assume("collation $piece->{schema}.$piece->{name}",
			TrovellaGuard::Stubs::collation($piece->{schema}, $piece->{name}));
	}
	if ($message =~ /^language $quoted does not exist/)
	{
		return $self->assume("language $1", TrovellaGuard::Stubs::language($1));
	}
	if ($message =~ /^access method $quoted does not exist/ && ($piece->{type} // '') ne 'INDEX')
	{
		return $self->assume("access method $1", TrovellaGuard::Stubs::table_access_method($1));
	}
	if ($message =~ /^foreign-data wrapper $quoted does not exist/)
	{
		return $self->assume("foreign-data wrapper $1", TrovellaGuard::Stubs::foreign_data_wrapper($1));
	}
	if ($code =~ /^(?:58P01|42883)$/ && $message =~ /could not (?:access|find function .* in) file/)
	{
		# a function in C of the user's own
		return 0 if $piece->{sql} !~ s/LANGUAGE c\b(.*?)\bAS '(?:[^']|'')*'(?:,\s*'(?:[^']|'')*')?/LANGUAGE plpgsql$1 AS 'BEGIN RETURN NULL; END'/si;
		push @{ $self->{assumed} }, "function $piece->{schema}.$piece->{name}";
		return 1;
	}
	if ($message =~ /^function (\S+)\((.*)\) does not exist$/)
	{
		return $self->assume_function($piece, $1, $2);
	}
	return 0;
}

# "schema.name" of a message; a name in pg_catalog is not qualified there.
sub names
{
	my ($text, $default) = @_;

	$text =~ s/\[\]$//;
	return $text =~ /^(.+?)\.(.+)$/ ? ($1, $2) : ($default // 'public', $text);
}

# A function of a dump whose extension is unknown.  No rule reads the default of a
# column; where the call is a whole policy, the function returns a Boolean.
sub assume_function
{
	my ($self, $piece, $name, $arguments) = @_;
	my ($schema, $plain) = names($name);
	my $call = qr/(?:"?\Q$schema\E"?\.)?"?\Q$plain\E"?\(/;

	if ($piece->{type} eq 'TABLE' && $piece->{sql} =~ s/ DEFAULT [^\n]*?$call[^\n]*?((?: NOT NULL)?,?)$/$1/m)
	{
		push @{ $self->{left_out} }, [ 'DEFAULT', "$piece->{schema}.$piece->{name}", "function $name($arguments) does not exist" ];
		return 1;
	}
	return 0 if $piece->{type} ne 'POLICY' || $piece->{sql} !~ /\($call[^()]*\)\)/;
	return $self->assume("function $name($arguments)", 'CREATE SCHEMA IF NOT EXISTS ' . ident($schema),
		TrovellaGuard::Stubs::function(ident($schema) . '.' . ident($plain), $arguments =~ s/\bunknown\b/text/gr, 'boolean'));
}

# What cannot be restored: not judged, unless no rule reads it.  What hangs on a
# relation that has failed is not listed one by one.
sub note_failures
{
	my ($self, $failures) = @_;
	my %is_lost;

	foreach my $failure (@$failures)
	{
		my ($piece, $code, $message) = @$failure;
		next if $piece->{type} eq 'STUB';
		my $name = $piece->{schema} =~ /^-?$/ ? $piece->{name} : "$piece->{schema}.$piece->{name}";
		my $item = [ $piece->{type}, $name, $message ];

		if ($code eq '42P01' && $message =~ /^relation "([^"]+)" does not exist/ && $is_lost{$1})
		{
			$is_lost{$1}[3]++;
		}
		elsif ($code ne $foreign && ($immaterial{ $piece->{type} } || $self->is_other_index($piece)))
		{
			push @{ $self->{left_out} }, $item;
		}
		else
		{
			push @{ $self->{not_judged} }, $item;
		}
		$is_lost{$name} //= $item if $piece->{type} =~ /TABLE|VIEW/;
	}
	foreach my $item (@{ $self->{not_judged} })
	{
		$item->[2] .= sprintf ' (and %d objects of it)', pop @$item if @$item > 3;
	}
	return;
}

# The rules are about indexes that find equal keys: without another one, at worst
# a finding too many.
sub is_other_index
{
	my ($self, $piece) = @_;
	return $piece->{type} =~ /^INDEX/ && $piece->{sql} =~ / USING (?!btree\b|hash\b)\w+ \(/;
}

1;
