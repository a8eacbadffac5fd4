#-------------------------------------------------------------------------
#
# SQL.pm
#		Splits SQL into statements, reads what pg_dump writes, quotes.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::SQL;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT_OK = qw(statements entries literal ident);

sub literal
{
	my ($value) = @_;

	return 'NULL' if !defined $value;
	(my $text = $value) =~ s/'/''/g;
	return $text =~ s/\\/\\\\/g ? " E'$text'" : "'$text'";
}

# Always in quotes: so no list of keywords is needed.
sub ident
{
	my ($name) = @_;

	(my $text = $name) =~ s/"/""/g;
	return qq{"$text"};
}

# The statements of a script, as psql would find them: [text, its first line, its
# last line, bare, is it open?].  In "bare" there are neither comments nor contents of
# strings.  Of an open one the end is missing: more text would belong to it.
# Lines of psql's own commands, and the rows of COPY FROM STDIN, are no part of any.
sub statements
{
	my ($text) = @_;
	my @statements;
	my ($line, $depth, $body) = (1, 0, 0);
	my ($sql, $bare, $first) = ('', '', undef);
	my $is_cut = 0;

	my $finish = sub {
		if ($bare =~ /\S/ || $is_cut)
		{
			push @statements, [ $sql, $first // $line, $line, $bare, $is_cut || $depth > 0 || $body > 0 ];
		}
		($sql, $bare, $first, $depth, $body) = ('', '', undef, 0, 0);
	};

	# No groups that capture, which would copy the script; and each pattern is
	# tried only where it can match, because a failure may scan all that is left.
	my $length = length $text;
	my $at = 0;
	while ($at < $length)
	{
		my $two = substr $text, $at, 2;
		my $one = substr $two, 0, 1;
		my $kind = 'other';
		my $end;

		pos($text) = $at;
		if ($one eq '\\' && $bare !~ /\S/)
		{
			$end = index $text, "\n", $at;
			$at = $end < 0 ? $length : $end;
			next;
		}
		elsif ($two eq '--')
		{
			$kind = 'comment';
			$end = index $text, "\n", $at;
		}
		elsif ($two eq '/*')
		{
			my $level = 0;
			$kind = 'comment';
			while ($text =~ m{/\*|\*/}g)
			{
				$end = pos $text;
				$level += substr($text, $end - 2, 2) eq '/*' ? 1 : -1;
				last if $level == 0;
			}
			$end = undef if $level > 0;
		}
		elsif ($one eq "'" || $two =~ /^e'/i)
		{
			$kind = 'string';
			$end = $one eq "'"
			  ? $text =~ /\G'(?:[^']|'')*+'/gcs && pos $text
			  : $text =~ /\G.'(?:[^'\\]|\\.|'')*+'/gcs && pos $text;
		}
		elsif ($one eq '"')
		{
			$kind = 'name';
			$end = $text =~ /\G"(?:[^"]|"")*+"/gcs && pos $text;
		}
		elsif ($one eq '$' && $text =~ /\G\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/gc)
		{
			my $quote = substr $text, $at, pos($text) - $at;
			$kind = 'string';
			$end = index $text, $quote, pos $text;
			$end += length $quote if $end >= 0;
		}
		elsif ($text =~ /\G(?:\s+|[A-Za-z_\x80-\xff][\w\$\x80-\xff]*+|\d+|.)/gcs)
		{
			$end = pos $text;
		}
		if (!$end || $end < 0)
		{
			$end = $length;		# what is open ends with the script
			$is_cut = $two ne '--';
		}
		my $token = substr $text, $at, $end - $at;
		$at = $end;

		# The line of a statement is that of its first word.
		$first //= $line if $kind ne 'comment' && $token =~ /\S/;
		my $is_end = $kind eq 'other' && $token eq ';' && $depth == 0 && $body == 0;
		if ($kind eq 'other')
		{
			$depth++ if $token eq '(';
			$depth-- if $token eq ')' && $depth > 0;

			# CREATE FUNCTION ... BEGIN ATOMIC ...; END
			if ($token =~ /^atomic$/i && $bare =~ /\bcreate\b.*\bbegin\s+$/is) { $body = 1 }
			elsif ($body && $token =~ /^case$/i) { $body++ }
			elsif ($body && $token =~ /^end$/i) { $body-- }
		}
		$sql .= $token if defined $first;
		$bare .= $kind eq 'other' ? $token : $kind eq 'name' ? $token : ' ';
		$line += $token =~ tr/\n//;

		if ($is_end)
		{
			my $copies = $bare =~ /^\s*copy\b.*\bfrom\s+stdin\b/is;
			$finish->();
			if ($copies)
			{
				my $rows = index $text, "\n\\.", $at;
				$rows = $rows < 0 ? $length : $rows + 3;
				$line += substr($text, $at, $rows - $at) =~ tr/\n//;
				$at = $rows;
			}
		}
	}
	$finish->();
	return @statements;
}

# The entries of a dump: hashes of name, type, schema, owner, sql.  What stands
# before the first one is an entry of type "PREAMBLE".
sub entries
{
	my ($text) = @_;

	my ($preamble, @pieces) =
	  split /^--\n-- (?:Data for )?Name: (.*?); Type: (.*?); Schema: (.*?); Owner: ?(.*?)(?:; Tablespace: .*)?\n--\n/m,
	  $text;
	my @entries = ({ name => '', type => 'PREAMBLE', schema => '', owner => '', sql => $preamble // '' });
	while (my ($name, $type, $schema, $owner, $sql) = splice @pieces, 0, 5)
	{
		if ($type ne 'TABLE DATA')
		{
			# how pg_dump opens databases, and guards against injected commands
			$sql =~ s/^\\(?:un)?restrict .*\n?//mg;
			$sql =~ s/^\\connect .*\n?(?:(?:SET|SELECT pg_catalog\.set_config) .*\n|\n)*//mg;
		}
		push @entries, { name => $name, type => $type, schema => $schema, owner => $owner, sql => $sql };
	}
	return @entries;
}

1;
