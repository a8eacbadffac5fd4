#-------------------------------------------------------------------------
#
# Stubs.pm
#		Stands in for what a copy cannot have: the objects of a missing extension,
#		tables that the reader may not lock, languages, access methods.
#
# A stub has the name and the signature of the original and does nothing.  What
# the guard concludes must not rest on it: functions are in PL/pgSQL, which the
# prover does not read, so they prove nothing; types are like text, with an
# input function that takes any modifier.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Stubs;

use strict;
use warnings FATAL => 'all';

use TrovellaGuard::SQL qw(ident literal);

# A base type.  array_cardinality takes the modifiers of any type.
sub base_type
{
	my ($schema, $name, %option) = @_;
	my $type = ident($schema) . '.' . ident($name);
	my $function = sub { ident($schema) . '.' . ident(substr($name, 0, 50) . "_stub_$_[0]") };
	my ($in, $out, $typmod) = map { $function->($_) } qw(in out typmod_in);

	return (
		"CREATE TYPE $type",
		"CREATE FUNCTION $in(cstring, oid, int4) RETURNS $type LANGUAGE internal IMMUTABLE STRICT AS 'textin'",
		"CREATE FUNCTION $out($type) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'",
		"CREATE FUNCTION $typmod(cstring[]) RETURNS int4 LANGUAGE internal IMMUTABLE STRICT AS 'array_cardinality'",
		"CREATE TYPE $type (INPUT = $in, OUTPUT = $out, TYPMOD_IN = $typmod, LIKE = text, CATEGORY = '"
		  . ($option{category} // 'U')
		  . "', COLLATABLE = " . ($option{collatable} ? 'true' : 'false') . ')');
}

sub function
{
	my ($name, $arguments, $result, %option) = @_;
	my $returns_value = $result !~ /^(?:SETOF|TABLE|void\b|record\b)/i && !$option{has_out};

	return "CREATE FUNCTION $name($arguments) RETURNS $result LANGUAGE plpgsql "
	  . ($option{properties} // '')
	  . ($returns_value ? " AS 'BEGIN RETURN NULL; END'" : " AS 'BEGIN RETURN; END'");
}

sub language
{
	my ($name) = @_;
	return 'CREATE LANGUAGE ' . ident($name) . ' HANDLER pg_catalog.plpgsql_call_handler';
}

sub table_access_method
{
	my ($name) = @_;
	return 'CREATE ACCESS METHOD ' . ident($name) . ' TYPE TABLE HANDLER pg_catalog.heap_tableam_handler';
}

sub foreign_data_wrapper
{
	my ($name) = @_;
	return 'CREATE FOREIGN DATA WRAPPER ' . ident($name);
}

# Takes the place of a collation of the operating system that is not there.
sub collation
{
	my ($schema, $name) = @_;
	return 'CREATE COLLATION ' . ident($schema) . '.' . ident($name) . " (PROVIDER = libc, LOCALE = 'C')";
}

# The members of an extension of one catalog: for the FROM of a query.
sub members
{
	my ($catalog, $extension) = @_;
	return "pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid"
	  . " AND d.deptype = 'e' AND d.classid = '$catalog'::regclass AND e.extname = "
	  . literal($extension)
	  . " JOIN $catalog o ON o.oid = d.objid";
}

# The tables and views of an extension: hashes of oid, schema, name.
sub tables_of_extension
{
	my ($source, $extension) = @_;

	return @{ $source->ask("SELECT coalesce(json_agg(q), '[]') FROM (SELECT o.oid::int8 AS oid, n.nspname AS schema, relname AS name FROM "
			  . members('pg_class', $extension)
			  . " JOIN pg_namespace n ON n.oid = o.relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'f')) q") };
}

# SQL that creates stubs for an extension of the source.
sub of_extension
{
	my ($source, $extension) = @_;
	my $ask = sub {
		my ($catalog, $columns, $more) = @_;
		return @{ $source->ask("SELECT coalesce(json_agg(q), '[]') FROM (SELECT $columns FROM "
				  . members($catalog, $extension) . " $more) q") };
	};
	my @sql;

	push @sql, 'CREATE SCHEMA IF NOT EXISTS ' . ident($_->{n})
	  foreach $ask->('pg_namespace', 'nspname AS n', '');
	push @sql, language($_->{n}) foreach $ask->('pg_language', 'lanname AS n', '');
	push @sql, foreign_data_wrapper($_->{n}) foreach $ask->('pg_foreign_data_wrapper', 'fdwname AS n', '');
	push @sql, table_access_method($_->{n}) foreach $ask->('pg_am', 'amname AS n', "WHERE amtype = 't'");

	# Types, those first that others are made of
	my @types = $ask->('pg_type', q{n.nspname AS s, typname AS n, typtype AS t, typcategory AS c,
		  typcollation <> 0 AS collatable, format_type(typbasetype, typtypmod) AS base,
		  (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = o.oid) AS labels,
		  (SELECT json_agg(json_build_array(attname, format_type(atttypid, atttypmod)) ORDER BY attnum)
		   FROM pg_attribute WHERE attrelid = o.typrelid AND attnum > 0 AND NOT attisdropped) AS columns},
		q{JOIN pg_namespace n ON n.oid = o.typnamespace
		  WHERE typtype IN ('b', 'e', 'd', 'c') AND typcategory <> 'A'
		    AND (typrelid = 0 OR (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c')
		  ORDER BY array_position('{b,e,d,c}', typtype::text), o.oid});
	foreach my $type (@types)
	{
		my $name = ident($type->{s}) . '.' . ident($type->{n});
		if ($type->{t} eq 'b')
		{
			push @sql, base_type($type->{s}, $type->{n}, category => $type->{c}, collatable => $type->{collatable});
		}
		elsif ($type->{t} eq 'e')
		{
			push @sql, "CREATE TYPE $name AS ENUM (" . join(', ', map { literal($_) } @{ $type->{labels} // [] }) . ')';
		}
		elsif ($type->{t} eq 'd')
		{
			push @sql, "CREATE DOMAIN $name AS $type->{base}";
		}
		else
		{
			push @sql, "CREATE TYPE $name AS ("
			  . join(', ', map { ident($_->[0]) . " $_->[1]" } @{ $type->{columns} // [] }) . ')';
		}
	}

	push @sql, of_tables($source, [ map { $_->{oid} } tables_of_extension($source, $extension) ]);

	# Functions that SQL can call
	my @functions = $ask->('pg_proc', q{n.nspname AS s, proname AS n, prokind AS k,
		  pg_get_function_arguments(o.oid) AS arguments, pg_get_function_result(o.oid) AS result,
		  pg_get_function_identity_arguments(o.oid) AS identity,
		  coalesce(proargmodes && '{o,b,t}'::"char"[], false) AS has_out,
		  concat(CASE provolatile WHEN 'i' THEN 'IMMUTABLE ' WHEN 's' THEN 'STABLE ' END,
		         CASE WHEN proisstrict THEN 'STRICT' END) AS properties},
		q{JOIN pg_namespace n ON n.oid = o.pronamespace
		  WHERE prokind IN ('f', 'a', 'p') AND prorettype NOT IN ('internal'::regtype, 'cstring'::regtype)
		    AND NOT (proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype, '"any"'::regtype]::oid[])
		    AND prorettype::regtype::text NOT IN ('language_handler', 'fdw_handler', 'index_am_handler', 'table_am_handler')
		  ORDER BY prokind = 'a', o.oid});
	foreach my $function (@functions)
	{
		my $name = ident($function->{s}) . '.' . ident($function->{n});
		if ($function->{k} eq 'a')
		{
			my $step = ident($function->{s}) . '.' . ident(substr($function->{n}, 0, 50) . '_stub_step');
			next if $function->{identity} =~ /ORDER BY|VARIADIC|^$/;
			push @sql,
			  "CREATE FUNCTION $step($function->{result}, $function->{identity}) RETURNS $function->{result} LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
			  "CREATE AGGREGATE $name($function->{identity}) (SFUNC = $step, STYPE = $function->{result})";
		}
		elsif ($function->{k} eq 'p')
		{
			push @sql, "CREATE PROCEDURE $name($function->{arguments}) LANGUAGE plpgsql AS 'BEGIN RETURN; END'";
		}
		else
		{
			push @sql, function($name, $function->{arguments}, $function->{result},
				has_out => $function->{has_out}, properties => $function->{properties});
		}
	}

	push @sql, map {
		my $how = $_->{m} eq 'b' ? 'WITHOUT FUNCTION' : 'WITH INOUT';
		"CREATE CAST ($_->{s} AS $_->{t}) $how"
		  . ($_->{c} eq 'i' ? ' AS IMPLICIT' : $_->{c} eq 'a' ? ' AS ASSIGNMENT' : '');
	} $ask->('pg_cast', q{castsource::regtype::text AS s, casttarget::regtype::text AS t, castmethod AS m, castcontext AS c}, '');

	push @sql, map {
		"CREATE OPERATOR " . ident($_->{s}) . ".$_->{n} (FUNCTION = $_->{f}, "
		  . join(', ', (defined $_->{l} ? "LEFTARG = $_->{l}" : ()), "RIGHTARG = $_->{r}",
			(map { defined $_->[1] ? "$_->[0] = OPERATOR($_->[1])" : () } [ COMMUTATOR => $_->{commutator} ], [ NEGATOR => $_->{negator} ]),
			($_->{hashes} ? 'HASHES' : ()), ($_->{merges} ? 'MERGES' : ())) . ')';
	} $ask->('pg_operator', q{n.nspname AS s, oprname AS n, oprcode::regproc::text AS f, oprcanhash AS hashes, oprcanmerge AS merges,
		  (SELECT format('%I.%s', (SELECT nspname FROM pg_namespace WHERE oid = c.oprnamespace), c.oprname)
		   FROM pg_operator c WHERE c.oid = o.oprcom) AS commutator,
		  (SELECT format('%I.%s', (SELECT nspname FROM pg_namespace WHERE oid = c.oprnamespace), c.oprname)
		   FROM pg_operator c WHERE c.oid = o.oprnegate) AS negator,
		  CASE WHEN oprleft <> 0 THEN oprleft::regtype::text END AS l, oprright::regtype::text AS r},
		'JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE oprcode <> 0 ORDER BY o.oid');

	# What tells equality, sorting and hashing; indexes of other kinds are left out
	push @sql, map {
		"CREATE OPERATOR CLASS " . ident($_->{s}) . '.' . ident($_->{n})
		  . ($_->{d} ? ' DEFAULT' : '') . " FOR TYPE $_->{t} USING $_->{am} AS "
		  . join(', ', (map { "OPERATOR $_->[0] $_->[1]" } @{ $_->{operators} // [] }),
			(map { "FUNCTION $_->[0] $_->[1]" } @{ $_->{functions} // [] }));
	} $ask->('pg_opclass', q{n.nspname AS s, opcname AS n, opcdefault AS d, opcintype::regtype::text AS t, am.amname AS am,
		  (SELECT json_agg(json_build_array(amopstrategy, amopopr::regoperator::text) ORDER BY amopstrategy)
		   FROM pg_amop WHERE amopfamily = opcfamily AND amoplefttype = opcintype AND amoprighttype = opcintype) AS operators,
		  (SELECT json_agg(json_build_array(amprocnum, amproc::regprocedure::text) ORDER BY amprocnum)
		   FROM pg_amproc WHERE amprocfamily = opcfamily AND amproclefttype = opcintype AND amprocrighttype = opcintype
		     AND amprocnum = 1) AS functions},
		q{JOIN pg_namespace n ON n.oid = o.opcnamespace JOIN pg_am am ON am.oid = o.opcmethod AND am.amname IN ('btree', 'hash')});
	return @sql;
}

# SQL that creates tables with the columns and keys that tables or views of the
# source have, and nothing else.
sub of_tables
{
	my ($source, $oids) = @_;

	return () if !@$oids;
	my $list = join ',', @$oids;
	return @{ $source->ask(<<~SQL) };
		SELECT coalesce(json_agg(s ORDER BY k), '[]') FROM (
		  SELECT 1, format('CREATE TABLE %I.%I (%s)', n.nspname, c.relname,
		           (SELECT string_agg(format('%I %s%s', attname, format_type(atttypid, atttypmod),
		                              CASE WHEN attnotnull THEN ' NOT NULL' END), ', ' ORDER BY attnum)
		            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ($list)
		  UNION ALL
		  SELECT 2, format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, c.relname, pg_get_userbyid(c.relowner))
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ($list)
		  UNION ALL
		  SELECT 3, format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid))
		  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		  WHERE c.oid IN ($list) AND k.contype IN ('p', 'u')
		) q (k, s)
		SQL
}

1;
