#-------------------------------------------------------------------------
#
# Migrations.pm
#		The SQL files of a project's migrations, as its tool would run them.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Migrations;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Find ();
use TrovellaGuard::Process qw(trouble progress write_file read_file);
use TrovellaGuard::SQL qw(statements);

our @EXPORT_OK = qw(files by_number migration_text is_autocommit apply_all);

# The files of a folder in the order of their names, numbers by their value;
# what undoes a migration is none.
sub files
{
	my ($path) = @_;
	my @files;

	File::Find::find({ no_chdir => 1, wanted => sub {
				push @files, $_ if -f && /\.sql$/ && !/(?:^|[._\/-])(?:down|undo|revert|rollback)\.sql$/i;
			} }, $path);
	trouble("there are no migrations (*.sql) in \"$path\"") if !@files;
	return sort { by_number($a, $b) } @files;
}

sub by_number
{
	my @names = map { s/(\d+)/sprintf '%020s', $1/ger } @_;
	return $names[0] cmp $names[1];
}

# The text that the tool would run: without the part that undoes it (dbmate, goose,
# sql-migrate, rambler, node-pg-migrate).  Lines keep their numbers.
sub migration_text
{
	my ($path) = @_;
	my $text = read_file($path);

	$text =~ s/^--\s*(?:\+goose Down|\+migrate Down|migrate:down|rambler down|Down Migration)\b.*\z//msi;
	return $text;
}

# Must a file run outside a transaction block?  Because of a command that says so,
# or because the file has its own transactions.
sub is_autocommit
{
	my ($statements) = @_;

	foreach my $statement (@$statements)
	{
		return 1 if $statement->[3] =~ /^\s*(?:BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|VACUUM|REINDEX\s.*\bCONCURRENTLY|ALTER\s+SYSTEM|(?:CREATE|DROP)\s+DATABASE|ALTER\s+DATABASE\s.*\bSET\s+TABLESPACE)\b/is
		  || $statement->[3] =~ /^\s*(?:CREATE|DROP)\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b/is
		  || $statement->[3] =~ /\bDETACH\s+PARTITION\s.*\bCONCURRENTLY\b/is;
	}
	return 0;
}

# Runs files without judging them: they are the base.
sub apply_all
{
	my ($copy, @files) = @_;

	foreach my $path (@files)
	{
		progress("building the base: $path ...");
		my $text = migration_text($path);
		my $file = write_file($text);
		my ($status, $out, $err) = $copy->psql(
			file => $file,
			arguments => [ qw(-v ON_ERROR_STOP=1), is_autocommit([ statements($text) ]) ? () : '--single-transaction' ],
			settings => { 'trovella_guard.mode' => 'off' });
		$err =~ s/\Q$file\E/$path/g;
		trouble("the base cannot be built:\n$err") if $status != 0;
	}
	return;
}

1;
