#-------------------------------------------------------------------------
#
# Config.pm
#		The project's decisions: .trovella-guard.toml or .trovella-guard.sql.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Config;

use strict;
use warnings FATAL => 'all';

use Cwd ();
use Exporter 'import';
use TrovellaGuard::Process qw(trouble read_file);
use TrovellaGuard::SQL qw(literal);

our @EXPORT_OK = qw(find_config config_sql setting_sql name_list is_todo);

# The settings, and the arguments of each kind of decision.
my @settings = qw(tenant_columns app_role profile rules required_columns tenant_expression mode);
my %decisions = (
	allow => [qw(relation reason rule expires_at object sealed)],
	allow_role => [qw(role reason expires_at)],
	allow_bypass => [qw(switch reason expires_at)]);
my %needed = (allow => 'relation', allow_role => 'role', allow_bypass => 'switch');

# The configuration of the current directory, or of one above it within the
# repository; undef where there is none.
sub find_config
{
	my $dir = Cwd::getcwd();

	while (1)
	{
		foreach my $name (qw(.trovella-guard.toml .trovella-guard.sql))
		{
			return "$dir/$name" if -e "$dir/$name";
		}
		last if -e "$dir/.git" || $dir eq '/' || $dir !~ s{/[^/]*$}{};
		$dir = '/' if $dir eq '';
	}
	return;
}

# Names as they are meant: a name with capitals gets quotes, one in quotes keeps them.
sub name_list
{
	return join ', ', map { /^[a-z_][a-z0-9_\$]*$/ || /^"/ ? $_ : '"' . s/"/""/gr . '"' } @_;
}

sub setting_sql
{
	my ($name, $value) = @_;
	return sprintf 'SELECT trovella_guard.set(%s, %s);', literal($name), literal($value);
}

# "TODO" is no reason: it has still to be written.
sub is_todo { return $_[0] =~ /^\s*TODO\b/i }

# The SQL of a configuration.  A role that it excuses need not be there; what is made
# of a dump or of migrations gets it.
sub config_sql
{
	my ($path, $makes_roles) = @_;
	my $text = read_file($path);

	if ($path !~ /\.toml$/)
	{
		trouble("$path: a reason is still TODO: say why, or remove the entry")
		  if $text =~ /'\s*TODO\b/i;
		return $text;
	}

	my @sql;
	my $config = parse_toml($text, $path);
	foreach my $name (@settings)
	{
		my $value = delete $config->{$name};
		next if !defined $value;
		$value = ref $value eq 'ARRAY'
		  ? $name eq 'rules' ? join(', ', @$value) : name_list(@$value)
		  : ref $value eq 'HASH' ? join(', ', map { "$_=$value->{$_}" } sort keys %$value) : $value;
		push @sql, setting_sql($name, $value);
	}
	foreach my $kind (sort keys %decisions)
	{
		my $entries = delete $config->{$kind} // [];
		trouble("$path: write [[$kind]], for each entry") if ref $entries ne 'ARRAY';
		foreach my $entry (@$entries)
		{
			my %left = %$entry;
			my @arguments = map { "$_ => " . literal(delete $left{$_}) } grep { defined $left{$_} } @{ $decisions{$kind} };
			trouble("$path: [[$kind]] has no $needed{$kind}") if !defined $entry->{ $needed{$kind} };
			trouble("$path: [[$kind]] has no \"$_\"") foreach sort keys %left;
			trouble("$path: [[$kind]] $entry->{ $needed{$kind} }: the reason is missing")
			  if ($entry->{reason} // '') !~ /\S/;
			trouble("$path: [[$kind]] $entry->{ $needed{$kind} }: the reason is still TODO: say why, or remove the entry")
			  if is_todo($entry->{reason});
			my $call = "SELECT trovella_guard.$kind(" . join(', ', @arguments) . ')';
			if ($kind eq 'allow_role')
			{
				my $role = literal($entry->{role});
				push @sql, "SELECT pg_catalog.format('CREATE ROLE %I', $role)"
				  . " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $role) \\gexec"
				  if $makes_roles;
				$call .= " FROM pg_catalog.pg_roles WHERE rolname = $role";
			}
			push @sql, "$call;";
		}
	}
	trouble("$path: there is no setting \"$_\"") foreach sort keys %$config;
	return join '', map { "$_\n" } @sql;
}

# The part of TOML that the configuration needs: strings, arrays of strings,
# tables, arrays of tables.
sub parse_toml
{
	my ($text, $path) = @_;
	my $root = {};
	my $table = $root;

	pos($text) = 0;
	while (1)
	{
		$text =~ /\G(?:\s+|#[^\n]*)+/gc;
		last if pos($text) >= length $text;
		if ($text =~ /\G\[\[\s*([\w-]+)\s*\]\][ \t]*(?=#|\r?\n|\z)/gc)
		{
			$table = {};
			toml_error($path, \$text) if defined $root->{$1} && ref $root->{$1} ne 'ARRAY';
			push @{ $root->{$1} }, $table;
		}
		elsif ($text =~ /\G\[\s*([\w-]+)\s*\][ \t]*(?=#|\r?\n|\z)/gc)
		{
			toml_error($path, \$text) if defined $root->{$1};
			$table = $root->{$1} = {};
		}
		elsif ($text =~ /\G([\w-]+)\s*=\s*/gc)
		{
			my $key = $1;
			toml_error($path, \$text) if exists $table->{$key};
			$table->{$key} = toml_value($path, \$text);
			toml_error($path, \$text) if $text !~ /\G[ \t]*(?=#|\r?\n|\z)/gc;
		}
		else { toml_error($path, \$text) }
	}
	return $root;
}

my %escape = (n => "\n", t => "\t", r => "\r", b => "\b", f => "\f", '"' => '"', '\\' => '\\');

sub toml_value
{
	my ($path, $text) = @_;

	if ($$text =~ /\G"""\n?(.*?)"""/gcs || $$text =~ /\G"((?:[^"\\\n]|\\.)*)"/gc)
	{
		my $value = $1;
		$value =~ s/\\(?:u([0-9A-Fa-f]{4})|(.))/defined $1 ? pack('U0U', hex $1) : $escape{$2} \/\/ toml_error($path, $text)/ge;
		return $value;
	}
	return $1 if $$text =~ /\G'''\n?(.*?)'''/gcs || $$text =~ /\G'([^'\n]*)'/gc;
	return $1 if $$text =~ /\G(\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?|[\w.+-]+)/gc;
	return toml_inline_table($path, $text) if $$text =~ /\G\{/gc;
	toml_error($path, $text) if $$text !~ /\G\[/gc;

	my @values;
	while (1)
	{
		$$text =~ /\G(?:[\s,]+|#[^\n]*)+/gc;
		last if $$text =~ /\G\]/gc;
		push @values, toml_value($path, $text);
	}
	return \@values;
}

sub utf8_of
{
	my $character = chr hex $_[0];
	utf8::encode($character);
	return $character;
}

sub toml_inline_table
{
	my ($path, $text) = @_;
	my %table;

	while ($$text !~ /\G\s*\}/gc)
	{
		toml_error($path, $text) if $$text !~ /\G[\s,]*([\w-]+)\s*=\s*/gc;
		my $key = $1;
		$table{$key} = toml_value($path, $text);
	}
	return \%table;
}

sub toml_error
{
	my ($path, $text) = @_;
	my $line = 1 + substr($$text, 0, pos($$text) // 0) =~ tr/\n//;
	trouble("$path:$line: this is not TOML that trovella-guard reads");
}

1;
