#-------------------------------------------------------------------------
#
# Source.pm
#		A database, a dump or a folder of migrations, as the user names it.
#
# A database is only read: its catalogs, in transactions that are READ ONLY, and
# by pg_dump --schema-only.  Its password leaves the connection string, and goes to
# programs by the environment.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Source;

use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use TrovellaGuard::Process qw(trouble usage run write_file read_file progress private_dir);
use TrovellaGuard::Stubs ();

my $json = JSON::PP->new->utf8;

# The source that an argument names; undef is what libpq's variables name.
sub new
{
	my ($class, $argument) = @_;
	my $self = bless {}, $class;

	if (defined $argument && $argument =~ /^env:(\w+)$/)
	{
		$argument = $ENV{$1} // usage("the environment variable $1 is not set");
	}
	if (!defined $argument)
	{
		@$self{qw(kind conninfo)} = ('database', '');
	}
	elsif ($argument =~ m{^postgres(?:ql)?://})
	{
		$self->{kind} = 'database';
		@$self{qw(conninfo password)} = without_password_of_url($argument);
	}
	elsif (-d $argument && !-e "$argument/toc.dat")
	{
		@$self{qw(kind path)} = ('folder', $argument);
	}
	elsif (-e $argument)
	{
		@$self{qw(kind path)} = ('dump', $argument);
	}
	elsif ($argument =~ /^\s*\w+\s*=/)
	{
		$self->{kind} = 'database';
		@$self{qw(conninfo password)} = without_password($argument);
	}
	else
	{
		usage("\"$argument\" is neither a file, nor a folder, nor a connection string");
	}
	return $self;
}

# libpq: the password ends at the first "@"; an option of this name counts as well.
sub without_password_of_url
{
	my ($url) = @_;
	my $password;

	if ($url =~ s{^(\w+://[^:@/]*):([^@/]*)@}{$1@})
	{
		$password = decoded($2);
	}
	if ($url =~ s/([?&])password=([^&#]*)/$1/)
	{
		$password = decoded($2);
		$url =~ s/([?&])&/$1/;
		$url =~ s/[?&]$//;
	}
	return ($url, $password);
}

sub decoded
{
	my ($text) = @_;

	$text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $text;
}

# The same for key = 'value' ...
sub without_password
{
	my ($conninfo) = @_;
	my (@rest, $password);

	while ($conninfo =~ /\G\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)/gc)
	{
		my ($key, $value) = ($1, $2);
		if ($key eq 'password')
		{
			$value =~ s/^'(.*)'$/$1/s;
			$value =~ s/\\(.)/$1/gs;
			$password = $value;
		}
		else
		{
			push @rest, "$key=$value";
		}
	}
	return (join(' ', @rest), $password);
}

# How programs reach it: their arguments and their environment.
sub connection
{
	my ($self) = @_;

	return (
		[ '-w', $self->{conninfo} eq '' ? () : ('-d', $self->{conninfo}) ],
		{
			PGAPPNAME => 'trovella-guard',
			PGCLIENTENCODING => 'UTF8',
			PGOPTIONS => $ENV{PGOPTIONS},
			defined $self->{password} ? (PGPASSWORD => $self->{password}) : ()
		});
}

# The JSON value that a query has.
sub ask
{
	my ($self, $sql) = @_;
	my ($arguments, $env) = $self->connection;

	# One transaction: a pooler may give the next one another session
	my $file = write_file(<<~SQL);
		BEGIN TRANSACTION READ ONLY;
		SET LOCAL search_path = pg_catalog;
		SET LOCAL statement_timeout = '5min';
		$sql;
		COMMIT;
		SQL
	my ($status, $out, $err) = run(
		[ "$self->{bindir}/psql", qw(-XqAt -v ON_ERROR_STOP=1), @$arguments, '-f', $file ],
		env => $env);
	unlink $file;
	if ($status != 0)
	{
		$err =~ s/^psql:\Q$file\E:\d+: //mg;
		$err .= "A password comes from PGPASSWORD, PGPASSFILE or a service; nobody is asked for one.\n"
		  if $err =~ /no password supplied/;
		trouble("cannot read the source:\n$err");
	}
	return $json->decode($out);
}

# The same, for a list of names.
sub ask_list
{
	my ($self, $sql) = @_;
	return @{ $self->ask("SELECT coalesce(json_agg(x ORDER BY x), '[]') FROM ($sql) q (x)") };
}

# What must be known of a database before it is dumped; pg_dump does not say it.
sub describe
{
	my ($self) = @_;

	my $facts = $self->ask(<<~'SQL');
		SELECT json_build_object(
		  'version', current_setting('server_version_num')::int / 10000,
		  'database', current_database(),
		  'superuser', (SELECT rolname FROM pg_roles WHERE oid = 10),
		  'roles', (SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'),
		  'schemas', (SELECT json_agg(nspname ORDER BY nspname) FROM pg_namespace
		              WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
		  'extensions', (SELECT json_object_agg(extname, nspname)
		                 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace))
		SQL
	@$self{ keys %$facts } = values %$facts;
	trouble("the source is PostgreSQL $self->{version}; trovella_guard judges 15 and later")
	  if $self->{version} < 15;

	# pg_dump locks tables, which takes a privilege on each
	my $privilege = $self->{version} >= 17 ? 'SELECT, MAINTAIN' : 'SELECT';
	$self->{unreadable} = $self->ask(<<~SQL);
		SELECT coalesce(json_agg(json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname)), '[]')
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
		  AND NOT (has_table_privilege(c.oid, '$privilege') AND has_schema_privilege(n.oid, 'USAGE'))
		  AND NOT EXISTS (SELECT FROM pg_depend d
		                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		SQL
	return;
}

# The text of a dump of the roles, then of the schema.
sub dump_roles
{
	my ($self) = @_;
	my ($arguments, $env) = $self->connection;

	progress("dumping the roles of $self->{database} ...");
	my ($status, $out, $err) = run(
		[ "$self->{bindir}/pg_dumpall", @$arguments, '-l', $self->{database},
			qw(--roles-only --no-role-passwords) ],
		env => $env);
	return $out if $status == 0;

	# A managed service may hide what pg_dumpall reads
	$self->{roles_by_sql} = $err;
	return $self->roles_by_sql;
}

sub roles_by_sql
{
	my ($self) = @_;

	my @statements = @{ $self->ask(<<~'SQL') };
		SELECT coalesce(json_agg(s ORDER BY k, n), '[]') FROM (
		  SELECT 1, r.rolname, format('CREATE ROLE %I', r.rolname)
		  FROM pg_roles r WHERE r.rolname !~ '^pg_'
		  UNION ALL
		  SELECT 2, r.rolname, format('ALTER ROLE %I WITH %s', r.rolname, concat_ws(' ',
		           CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
		           CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
		           CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
		           CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
		           CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
		           CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
		           CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END))
		  FROM pg_roles r WHERE r.rolname !~ '^pg_'
		  UNION ALL
		  SELECT 3, m.oid::text, format('GRANT %I TO %I', g.rolname, m.rolname)
		         || CASE WHEN a.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END
		  FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
		  UNION ALL
		  SELECT 4, r.rolname, format('ALTER ROLE %I SET %I TO %L', r.rolname, split_part(s, '=', 1), substr(s, strpos(s, '=') + 1))
		  FROM pg_db_role_setting d JOIN pg_roles r ON r.oid = d.setrole, unnest(d.setconfig) s
		  WHERE d.setdatabase = 0
		) q (k, n, s)
		SQL
	return join '', map { "$_;\n" } @statements;
}

sub dump_schema
{
	my ($self) = @_;
	my ($arguments, $env) = $self->connection;

	progress("dumping the schema of $self->{database} ...");
	my $text = private_dir() . '/schema.sql';
	write_file('', $text);
	my ($status, undef, $err) = run(
		[ "$self->{bindir}/pg_dump", @$arguments, qw(--schema-only --create --encoding=UTF8
			  --no-tablespaces --no-subscriptions --lock-wait-timeout=30s),
			map { "--exclude-table=" . pattern($_) } @{ $self->{unreadable} } ],
		env => $env, out => $text);
	trouble("pg_dump failed:\n$err") if $status != 0;
	my $dump = read_file($text);
	unlink $text;
	return $dump;
}

# A pattern of pg_dump that matches exactly this table.
sub pattern
{
	my ($table) = @_;
	return join '.', map { '"' . s/"/""/gr . '"' } @$table{qw(schema name)};
}

# The text of a file that pg_dump wrote, in any of its formats.
sub read_dump
{
	my ($self) = @_;
	my $path = $self->{path};

	open my $file, '<', $path or trouble("cannot read \"$path\": $!");
	my $magic = '';
	read $file, $magic, 512 if !-d $path;
	close $file;
	return read_file($path) if !-d $path && $magic !~ /^PGDMP/ && $magic !~ /^toc\.dat\0/;

	my ($status, $out, $err) = run([ "$self->{bindir}/pg_restore", '--schema-only', '-f', '-', $path ]);
	trouble("pg_restore cannot read \"$path\":\n$err") if $status != 0;
	return $out;
}

# SQL that stands for what this database has and the copy cannot have.
sub stubs_of_extension { my ($self, $name) = @_; return TrovellaGuard::Stubs::of_extension($self, $name) }
sub stubs_of_tables { my ($self, $oids) = @_; return TrovellaGuard::Stubs::of_tables($self, $oids) }

sub tables_of_extension { my ($self, $name) = @_; return TrovellaGuard::Stubs::tables_of_extension($self, $name) }

# The allowlist and the settings of the source's own extension.
sub allowlist
{
	my ($self) = @_;

	return $self->ask(<<~'SQL');
		SELECT coalesce(json_agg(a ORDER BY kind, schema_name, table_name, rule, object), '[]')
		FROM trovella_guard.allowlist a
		SQL
}

1;
