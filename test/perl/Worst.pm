#-------------------------------------------------------------------------
#
# Worst.pm
#		Tables that are made to take the guard as long as possible.
#
# Each case is the SQL that makes table worst.NAME, to be run with the guard's
# mode off.  bench/worst measures a verdict about each of them, and
# test/t/071_interrupts.pl cancels it.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package Worst;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(worst_setup worst_cases);

# What the cases share.
sub worst_setup
{
	return q{
SET trovella_guard.mode = off;
SET client_min_messages = error;
CREATE SCHEMA worst;
SET search_path = worst;
CREATE TABLE scratch (id text, organization_id text, user_id text, is_public boolean, n int);
CREATE TABLE member (user_id text, organization_id text, a int, b int);
CREATE FUNCTION opaque(text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
CREATE FUNCTION org() RETURNS text LANGUAGE sql STABLE
	AS $$ SELECT current_setting('app.org', true) $$;

-- Makes n policies on a table, each with another number for %s, for PUBLIC or
-- for 20 of regress_worst_N.  They are made on another table and moved, since
-- CREATE POLICY reads all that are there.
CREATE FUNCTION make_policies(target regclass, n int, roles int, kind text, predicate text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		EXECUTE format('CREATE POLICY %s ON scratch AS %s TO %s USING (%s)',
			kind || i, kind,
			(SELECT coalesce(string_agg('regress_worst_' || 1 + (i + j) % roles, ', '), 'PUBLIC')
				FROM generate_series(1, least(roles, 20)) j),
			format(predicate, i, i));
		UPDATE pg_catalog.pg_policy SET polrelid = target WHERE polrelid = 'scratch'::regclass;
	END LOOP;
END $$;
DO $$ BEGIN FOR i IN 1 .. 200 LOOP EXECUTE format('CREATE ROLE regress_worst_%s', i); END LOOP; END $$;
GRANT regress_worst_2 TO regress_worst_1;
};
}

# A table with columns besides the usual ones, and a policy.
sub table_with
{
	my ($name, $policy, $columns) = @_;

	return "CREATE TABLE worst.$name (id text PRIMARY KEY, organization_id text NOT NULL,"
	  . ' user_id text, is_public boolean, n int'
	  . ($columns ? ", $columns" : '') . ");\n"
	  . "CREATE INDEX ON worst.$name (organization_id);\n"
	  . "ALTER TABLE worst.$name ENABLE ROW LEVEL SECURITY;\n"
	  . (defined $policy ? "CREATE POLICY p ON worst.$name USING ($policy);\n" : '');
}

sub nested
{
	my ($n, $begin, $end, $inside) = @_;
	return $begin x $n . $inside . $end x $n;
}

# A list of [ name, SQL ].
sub worst_cases
{
	my $equal = 'organization_id = org()';
	my @cases;
	my $add = sub {
		my ($name, $policy, $columns, $more) = @_;
		push @cases, [ $name, table_with($name, $policy, $columns) . ($more // '') ];
	};

	$add->('columns', 'opaque(organization_id) AND '
		. join(' AND ', map { "c$_ = c" . ($_ - 1) } reverse 1 .. 799)
		. ' AND organization_id = c0', join(', ', map { "c$_ text" } 0 .. 799));
	$add->('bounds', 'opaque(organization_id) AND '
		. join(' AND ', map { "organization_id >= org() || 'a$_'" } 1 .. 8000) . ' AND '
		. join(' AND ', map { "organization_id <= org() || 'b$_'" } 1 .. 8000));
	$add->('arms', join(' OR ', map { "user_id = '$_'" } 1 .. 20000));
	$add->('list', "$equal OR user_id IN (" . join(', ', map { "org() || '$_'" } 1 .. 20000) . ')');
	$add->('functions', 'organization_id = ' . nested(1500, 'lower(', ')', 'org()'));
	$add->('glue', 'organization_id = ' . nested(1500, "('a' || ", ')', 'org()'));
	$add->('nots', "opaque(organization_id) AND "
		. nested(1500, 'NOT (is_public AND ', ')', $equal));
	$add->('booleans', nested(600, '((', ') = is_public)', $equal));
	$add->('cases', nested(1000, 'CASE WHEN is_public THEN ', ' ELSE false END', $equal));
	$add->('choices', 'organization_id = '
		. nested(12, '', '', join(' || ', map {
			"coalesce(CASE WHEN n = $_ THEN user_id ELSE org() END, 'x$_')" } 1 .. 200)));
	$add->('distribution', 'coalesce(' . join(', ', map {
			"CASE WHEN n = $_ THEN organization_id ELSE NULL END" } 1 .. 60)
		. ') = coalesce(' . join(', ', map { "CASE WHEN n = $_ THEN user_id END" } 1 .. 60) . ')');
	$add->('switches', nested(200, 'CASE is_public WHEN ', ' THEN is_public ELSE false END', $equal));
	$add->('recurring', join(' AND ', map {
			"(n = $_ OR $equal OR user_id = 'u') AND (n <> $_ OR is_public)" } 1 .. 2000));
	my $query = 'SELECT org()';
	$query = "SELECT m.organization_id FROM worst.member m WHERE m.user_id IN ($query) OR m.user_id = ALL ($query)"
	  for 1 .. 9;
	$add->('subselects', "organization_id IN ($query)");
	$add->('deep_subselects', 'organization_id = ' . nested(300, '(SELECT ', ')', 'org()'));
	$add->('unions', 'organization_id IN ('
		. join(' UNION ALL ', map { "SELECT user_id FROM worst.member WHERE user_id = 'a$_'" } 1 .. 800) . ')');
	$add->('joins', 'organization_id IN (SELECT m0.organization_id FROM '
		. join(', ', map { "worst.member m$_" } 0 .. 400) . ' WHERE '
		. join(' AND ', map { "m$_.user_id = m" . ($_ + 1) . '.organization_id' } 0 .. 399)
		. ' AND m400.user_id = org())');
	$add->('merged', 'organization_id IN (SELECT user_id FROM worst.member m0 '
		. join(' ', map { "FULL JOIN worst.member m$_ USING (user_id)" } 1 .. 150)
		. ' WHERE user_id = org())');
	$add->('lateral', 'organization_id IN (SELECT f40.x FROM concat(org()) f0 (x), '
		. join(', ', map { my $p = $_ - 1; "concat(f$p.x, f$p.x) f$_ (x)" } 1 .. 40)
		. ', worst.member m WHERE m.user_id = f40.x)');
	$add->('with', 'organization_id IN (WITH w0 AS (SELECT user_id AS x, organization_id AS y FROM worst.member), '
		. join(', ', map { my $p = $_ - 1;
			"w$_ AS (SELECT a.x || b.x AS x, a.y || b.x AS y FROM w$p a JOIN w$p b ON a.x = b.y)" } 1 .. 40)
		. ' SELECT x FROM w40 WHERE y = org())');
	$add->('views', 'organization_id IN (SELECT x FROM worst.v30 WHERE x = org())', undef, undef);
	$cases[-1][1] = "CREATE VIEW worst.v0 AS SELECT user_id AS x FROM worst.member;\n"
	  . join('', map { my $p = $_ - 1;
		"CREATE VIEW worst.v$_ AS SELECT a.x FROM worst.v$p a, worst.v$p b;\n" } 1 .. 30) . $cases[-1][1];
	$add->('helpers', join(' OR ', map { "worst.helper_$_()" } 1 .. 3000));
	$cases[-1][1] = "DO \$\$ BEGIN FOR i IN 1 .. 3000 LOOP EXECUTE format('CREATE FUNCTION worst.helper_%s() RETURNS boolean LANGUAGE sql STABLE AS ''SELECT true''', i); END LOOP; END \$\$;\n"
	  . $cases[-1][1];
	foreach my $c (
		[ 'policies', 1000, 0, 'is_public AND user_id = org() || %s', 0 ],
		[ 'roles', 1000, 20, 'is_public OR n = %s', 1000, 'n > %s OR user_id = org()' ],
		[ 'many_roles', 1000, 200, 'is_public OR n = %s', 1000, 'n > %s OR user_id = org()' ],
		[ 'recurring_policies', 1000, 20, 'n = %s OR is_public OR organization_id = org()',
			1000, 'n = %s OR NOT is_public OR user_id = org()' ])
	{
		my ($name, $n, $roles, $predicate, $floors, $floor) = @$c;

		$add->($name, undef, undef,
			"SELECT worst.make_policies('worst.$name', $n, $roles, 'permissive', \$\$$predicate\$\$);\n"
			  . ($floors ? "SELECT worst.make_policies('worst.$name', $floors, $roles, 'restrictive', \$\$$floor\$\$);\n" : ''));
	}
	return @cases;
}

1;
