#-------------------------------------------------------------------------
#
# sql.t
#		The parts of trovella-guard that read SQL, dumps and connection strings.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use Test::More;
use lib "$ENV{TESTDIR}/lib";
use TrovellaGuard::Migrations ();
use TrovellaGuard::Source ();
use TrovellaGuard::SQL qw(statements entries literal ident);

# Statements, with their lines
sub is_split
{
	my ($text, $expected, $name) = @_;
	is_deeply([ map { "$_->[1]-$_->[2]: $_->[0]" } statements($text) ], $expected, $name);
	return;
}

is_split('', [], 'nothing');
is_split("-- a; b\n/* c; /* d; */ ; */", [], 'comments');
is_split("a;\nb\n;c", [ '1-1: a;', "2-3: b\n;", '3-3: c' ], 'lines; the last one needs no semicolon');
is_split(q{a ';' '' 'it''s;'; b}, [ q{1-1: a ';' '' 'it''s;';}, '1-1: b' ], 'strings');
is_split(q{a E'\\';' e'\\\\'; some'\\'; b}, [ q{1-1: a E'\\';' e'\\\\';}, q{1-1: some'\\';}, '1-1: b' ], 'strings with escapes');
is_split('a ";""" ; b', [ '1-1: a ";""" ;', '1-1: b' ], 'names');
is_split('a $$;$$ $x$;$$;$x$; b$1; c$d$;', [ '1-1: a $$;$$ $x$;$$;$x$;', '1-1: b$1;', '1-1: c$d$;' ], 'dollar quotes');
is_split('a (b; c); d', [ '1-1: a (b; c);', '1-1: d' ], 'parentheses');
is_split("CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; SELECT 1; END; b",
	[ '1-1: CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; SELECT 1; END;', '1-1: b' ], 'BEGIN ATOMIC');
is_split("\\restrict x\na;\n\\connect y\nb;", [ '2-2: a;', '4-4: b;' ], 'commands of psql');
is_split("COPY t FROM stdin;\n1;2\n\\.\nb;", [ '1-1: COPY t FROM stdin;', '4-4: b;' ], 'rows');
is_split("a 'never closed; b", [ "1-1: a 'never closed; b" ], 'what is open');
is_split("\xc3\xa9\$\$; b; \xc3\xa9\$\$", [ "1-1: \xc3\xa9\$\$;", '1-1: b;', "1-1: \xc3\xa9\$\$" ], 'a name with dollars is no quote');
is_split('1$$;$$; b', [ '1-1: 1$$;$$;', '1-1: b' ], 'a number is no name');
is_split('a); b (;); c', [ '1-1: a);', '1-1: b (;);', '1-1: c' ], 'a parenthesis too many');
is(!!(statements($_))[-1][4], 1, "open: $_") foreach "a 'b;", 'a "b;', 'a $$;', 'a (b;', 'a; /* b;', 'CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;';
ok(!(statements($_))[-1][4], "not open: $_") foreach 'a', 'a;', 'a -- b', 'a (b); -- (', 'a /* ( */';
is((statements(q{CREATE INDEX "x CONCURRENTLY" /* y */ ON t ('CONCURRENTLY')}))[0][3], q{CREATE INDEX "x CONCURRENTLY"   ON t ( )}, 'bare');

# Which files run outside a transaction block?
sub autocommits { my ($sql) = @_; return TrovellaGuard::Migrations::is_autocommit([ statements($sql) ]) }

ok(autocommits($_), $_) foreach 'CREATE INDEX CONCURRENTLY ON t (a)', 'create unique index concurrently x on t (a)',
	'DROP INDEX CONCURRENTLY x', 'BEGIN; SELECT 1; COMMIT', 'VACUUM', 'REINDEX TABLE CONCURRENTLY t',
	'ALTER TABLE t DETACH PARTITION p CONCURRENTLY', 'REINDEX INDEX CONCURRENTLY i', 'CREATE DATABASE x';
ok(!autocommits($_), $_) foreach 'CREATE INDEX ON t (a)', q{SELECT 'BEGIN; COMMIT'}, '-- CREATE INDEX CONCURRENTLY',
	'DO $$ BEGIN PERFORM 1; END $$', 'REFRESH MATERIALIZED VIEW CONCURRENTLY v', 'CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END';

is_deeply([ sort { TrovellaGuard::Migrations::by_number($a, $b) } qw(V10__b V9__c V9__a 20260101000000_x) ],
	[qw(20260101000000_x V9__a V9__c V10__b)], 'files come by their numbers');

# The entries of a dump
my @entries = entries("SET x = y;\n--\n-- Name: a; Type: TABLE; Schema: public; Owner: me\n--\n\nCREATE TABLE a ();\n\n"
	  . "\\connect b\n\nSET x = 1;\n\n--\n-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -; Tablespace: t\n--\n\nGRANT;\n");
is_deeply([ map { "$_->{type} $_->{schema}.$_->{name} $_->{owner}" } @entries ],
	[ 'PREAMBLE . ', 'TABLE public.a me', 'ACL -.SCHEMA public -' ], 'the entries of a dump');
is($entries[1]{sql}, "\nCREATE TABLE a ();\n\n", '... without how psql connects');

is(literal(q{it's \\}), q{ E'it''s \\\\'}, 'literal');
is(literal(undef), 'NULL', 'literal of nothing');
is(ident('a"b'), '"a""b"', 'identifier');

# Passwords
sub is_apart
{
	my ($string, $conninfo, $password) = @_;
	my $source = TrovellaGuard::Source->new($string);
	is(join('|', $source->{conninfo}, $source->{password} // '(none)'), "$conninfo|$password", $string);
	return;
}

is_apart('postgres://me@host/db', 'postgres://me@host/db', '(none)');
is_apart('postgres://me:p%40s?#@host:5432/db?sslmode=require', 'postgres://me@host:5432/db?sslmode=require', 'p@s?#');
is_apart('postgresql:///db?host=/x&password=a%26b&port=1', 'postgresql:///db?host=/x&port=1', 'a&b');
is_apart('postgresql:///db?password=x', 'postgresql:///db', 'x');
is_apart(q{host=x password='it\\'s' dbname='a b'}, q{host=x dbname='a b'}, q{it's});
is_apart('password = plain host=y', 'host=y', 'plain');
is_apart('service=production', 'service=production', '(none)');

done_testing();
