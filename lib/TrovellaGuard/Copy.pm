#-------------------------------------------------------------------------
#
# Copy.pm
#		Copies the schema of a source into a throwaway cluster, with the guard.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Copy;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(basename);
use TrovellaGuard::Cluster ();
use TrovellaGuard::Config qw(config_sql find_config name_list setting_sql);
use TrovellaGuard::Migrations ();
use TrovellaGuard::Platforms qw(platforms_of debian_package);
use TrovellaGuard::Process qw(trouble note progress);
use TrovellaGuard::Restore ();
use TrovellaGuard::SQL qw(entries ident literal);

# The copy of a source (undef: an empty database) by the options of the command line.
sub new
{
	my ($class, $source, $option) = @_;
	my $self = bless {
		source => $source,
		option => $option,
		assumed => [],
		not_judged => [],
		left_out => [],
		missing => {},		# extension => its Debian package
		excused => [],		# of platforms
	}, $class;
	my $is_database = $source && $source->{kind} eq 'database';

	$source->{bindir} = (TrovellaGuard::Cluster::installations($option->{bindir}))[-1][1] if $source;
	$source->describe if $is_database;
	my ($major, $bindir) = @{ TrovellaGuard::Cluster::choose($option->{bindir}, $is_database ? $source->{version} : undef) };
	$source->{bindir} = $bindir if $source;

	$self->{config} = $self->read_config;

	# What takes time at the source comes first: then it is free again.
	my @entries;
	my $roles = '';
	if ($is_database)
	{
		$roles = $source->dump_roles;
		@entries = entries($source->dump_schema);
	}
	elsif ($source && $source->{kind} eq 'dump')
	{
		@entries = entries_of_dump($source);
	}

	my ($dumped) = map { $_->{name} } grep { $_->{type} eq 'DATABASE' } @entries;
	$self->{major} = $major;
	$self->{database} = $is_database ? $source->{database} : $dumped // $option->{database} // 'app';
	$self->{cluster} = TrovellaGuard::Cluster->new(bindir => $bindir,
		superuser => $is_database ? $source->{superuser} : 'postgres');
	$self->{cluster}->start;
	$self->create_database;
	$self->restore($roles, @entries) if @entries;
	$self->configure;

	# Migrations come last: the decisions may make roles that they need.
	if (!$source || $source->{kind} eq 'folder')
	{
		$self->create_application_roles;
		TrovellaGuard::Migrations::apply_all($self,
			$source ? TrovellaGuard::Migrations::files($source->{path}) : @{ $option->{base} // [] });
	}
	return $self;
}

# A file that is not understood must not look like a database without tables.
sub entries_of_dump
{
	my ($source) = @_;
	my @entries = entries($source->read_dump);
	my @databases = map { $_->{name} } grep { $_->{type} eq 'DATABASE' } @entries;

	trouble("\"$source->{path}\" is no dump, or the comments of pg_dump have been removed, which say where objects begin")
	  if @entries == 1 && $entries[0]{sql} !~ /^-- PostgreSQL database (?:cluster )?dump$/m;
	trouble("\"$source->{path}\" has several databases (" . join(', ', @databases) . '): dump one by pg_dump')
	  if @databases > 1;
	return @entries;
}

sub psql { my ($self, %how) = @_; return $self->{cluster}->psql(database => $self->{database}, %how) }
sub query { my ($self, $sql, %how) = @_; return $self->{cluster}->query($sql, database => $self->{database}, %how) }

# The extension is there from the beginning, because policies may call its
# functions, but sleeps: no session loads the library until wake().
sub create_database
{
	my ($self) = @_;

	if ($self->{database} ne 'postgres')
	{
		$self->{cluster}->query('CREATE DATABASE ' . ident($self->{database}) . ' TEMPLATE template0');
	}
	$self->query(<<~'SQL');
		SET trovella_guard.mode = off;
		CREATE EXTENSION trovella_guard;
		ALTER EVENT TRIGGER trovella_guard_open DISABLE;
		ALTER EVENT TRIGGER trovella_guard_collect DISABLE;
		SQL
	return;
}

# From now on the guard sees every statement, of every session.
sub wake
{
	my ($self) = @_;

	return if $self->{is_awake}++;
	$self->query(<<~'SQL');
		ALTER EVENT TRIGGER trovella_guard_open ENABLE;
		ALTER EVENT TRIGGER trovella_guard_collect ENABLE;
		SQL
	$self->{cluster}->restart(shared_preload_libraries => 'trovella_guard', log_connections => 'on');

	# Here it enforces, whatever the mode at the source.
	$self->query(q{SELECT trovella_guard.set('mode', 'enforce')});
	return;
}

# ------------------------------------------------------------------------ restore

# Which of these extensions cannot be created here?
sub missing_extensions
{
	my ($self, @extensions) = @_;

	return () if !@extensions;
	$self->{cluster}->query('CREATE DATABASE trovella_guard_probe TEMPLATE template0');
	my ($status, $out) = $self->{cluster}->psql(database => 'trovella_guard_probe', sql => join '', map {
			sprintf "CREATE EXTENSION IF NOT EXISTS %s CASCADE;\n", ident($_)
		} @extensions);
	my %is_there = map { $_ => 1 } split /\n/, $self->{cluster}->query(
		'SELECT extname FROM pg_catalog.pg_extension', database => 'trovella_guard_probe');
	$self->{cluster}->query('DROP DATABASE trovella_guard_probe');
	return grep { !$is_there{$_} } @extensions;
}

sub restore
{
	my ($self, $roles, @entries) = @_;
	my $source = $self->{source};
	my $is_database = $source->{kind} eq 'database';

	my @missing = $self->missing_extensions(map { $_->{name} } grep { $_->{type} eq 'EXTENSION' } @entries);
	my %stubs = map { $_ => $is_database ? [ $source->stubs_of_extension($_) ] : [] } @missing;
	$self->{stub_tables} = [ map { $source->tables_of_extension($_) } @missing ] if $is_database;
	$self->{missing} = { map { $_ => debian_package($_, $self->{major}) } @missing };

	my $restore = TrovellaGuard::Restore->new(
		cluster => $self->{cluster},
		database => $self->{database},
		source => $is_database ? $source : undef,
		missing => \%stubs,
		late => $is_database ? [ $source->stubs_of_tables([ map { $_->{oid} } @{ $source->{unreadable} } ]) ] : []);
	$restore->roles($roles);
	$restore->restore(@entries);
	$restore->apply_settings;
	push @{ $self->{$_} }, @{ $restore->{$_} } foreach qw(assumed not_judged left_out);
	return;
}

# -------------------------------------------------------------------- configuration

# The decisions to apply, as SQL.
sub read_config
{
	my ($self) = @_;
	my ($source, $option) = @$self{qw(source option)};
	my $path = $option->{config};

	if ($source && $source->{kind} eq 'database' && $source->{extensions}{trovella_guard})
	{
		$self->{decisions} = 'the allowlist of the source';
	}
	elsif (!$option->{no_config})
	{
		$path //= find_config();
	}
	return '' if !defined $path;
	$self->{decisions} = join ' and ', grep { defined } $self->{decisions}, $path;
	return config_sql($path, !$source || $source->{kind} ne 'database');
}

sub configure
{
	my ($self) = @_;
	my $source = $self->{source};
	my $option = $self->{option};
	my @sql = ($self->{config});

	$self->excuse_platforms;
	$self->set_apart;
	$self->copy_allowlist if $source && $source->{kind} eq 'database' && $source->{extensions}{trovella_guard};
	push @sql, setting_sql('tenant_columns', name_list(@{ $option->{tenant_column} })) if $option->{tenant_column};
	push @sql, setting_sql('app_role', name_list(@{ $option->{app_role} })) if $option->{app_role};
	push @sql, setting_sql($_, $option->{$_}) foreach grep { defined $option->{$_} } qw(profile rules tenant_expression);

	my ($status, $out, $err) = $self->psql(sql => join("\n", @sql),
		arguments => [qw(-v ON_ERROR_STOP=1)],
		settings => { 'trovella_guard.mode' => 'off' });
	if ($status != 0)
	{
		$err =~ s/^psql:\S+:\d+: //mg;
		trouble('the decisions (' . ($self->{decisions} // 'of the command line') . ") are refused:\n$err");
	}
	return;
}

# A database that is made of migrations has the roles that the settings name.
sub create_application_roles
{
	my ($self) = @_;

	$self->query(<<~'SQL');
		DO $$
		DECLARE
		  role text;
		BEGIN
		  -- the names are quoted where necessary
		  FOREACH role IN ARRAY pg_catalog.string_to_array(trovella_guard_internal.setting_names('app_role'), ', ') LOOP
		    IF pg_catalog.to_regrole(role) IS NULL THEN
		      EXECUTE 'CREATE ROLE ' || role;
		    END IF;
		  END LOOP;
		END
		$$;
		SQL
	return;
}

sub excuse_platforms
{
	my ($self) = @_;
	my $lines = sub { return [ split /\n/, $self->query($_[0]) ] };
	my @platforms = platforms_of(
		$lines->(q{SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'}),
		$lines->(q{SELECT nspname FROM pg_catalog.pg_namespace n WHERE nspname !~ '^pg_'
			AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = n.oid AND relkind IN ('r', 'p', 'v', 'm', 'f'))}));
	my @sql;

	foreach my $platform (@platforms)
	{
		my $reason = literal("managed by $platform->{name}");
		push @sql, map { 'SELECT trovella_guard.allow(' . literal(ident($_) . '.*') . ", $reason);" } @{ $platform->{schemas} };
		push @sql, map { 'SELECT trovella_guard.allow_role(' . literal($_) . ", $reason);" } @{ $platform->{roles} };
		push @sql, setting_sql('app_role', name_list(@{ $platform->{app_roles} })) if @{ $platform->{app_roles} };

		# what the platform has of its own is no part of the judgement
		my %own = map { $_ => 1 } @{ $platform->{schemas} };
		my @others;
		foreach my $item (@{ $self->{not_judged} })
		{
			my ($schema) = $item->[1] =~ /^([^.]*)\./;
			push @{ $own{ $schema // '' } ? $self->{left_out} : \@others }, $item;
		}
		$self->{not_judged} = \@others;
	}
	$self->query(join("\n", @sql), settings => { 'trovella_guard.mode' => 'off' }) if @sql;
	$self->{excused} = \@platforms;
	return;
}

# Tables of which only the columns are known are not judged, so they must not look
# clean: as members of an extension they are no part of the report.
sub set_apart
{
	my ($self) = @_;
	my %managed = map { $_ => 1 } map { @{ $_->{schemas} } } @{ $self->{excused} };
	my @tables = @{ $self->{source} && $self->{source}{unreadable} // [] };

	push @{ $self->{not_judged} }, [ 'TABLE', "$_->{schema}.$_->{name}", 'the reader has no privilege to lock it' ]
	  foreach grep { !$managed{ $_->{schema} } } @tables;
	return if $self->{option}{changes_follow};		# migrations may alter them
	$self->psql(sql => join "\n", map { 'ALTER EXTENSION trovella_guard ADD TABLE ' . ident($_->{schema}) . '.' . ident($_->{name}) . ';' }
		@tables, @{ $self->{stub_tables} // [] });
	return;
}

# Its entries as they are, so also debts with their dates and authors; those
# columns that both versions of the extension have.
sub copy_allowlist
{
	my ($self) = @_;
	my @entries = @{ $self->{source}->allowlist };
	my @columns = split /\n/, $self->query(<<~'SQL');
		SELECT attname FROM pg_catalog.pg_attribute
		WHERE attrelid = 'trovella_guard.allowlist'::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped
		SQL

	$self->query(join "\n", map {
			my $entry = $_;
			my @known = grep { exists $entry->{$_} } @columns;
			sprintf "INSERT INTO trovella_guard.allowlist (%s) VALUES (%s) ON CONFLICT DO NOTHING;", join(', ', @known),
			  join(', ', map { ref $entry->{$_} ? ($entry->{$_} ? 'true' : 'false') : literal($entry->{$_}) } @known);
		} @entries) if @entries;
	return;
}

1;
