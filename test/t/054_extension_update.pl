#-------------------------------------------------------------------------
#
# 054_extension_update.pl
#		Every old version of the extension can be updated to the newest, and
#		is then the same, object by object, as the newest installed afresh;
#		the entries of the allowlist stay.  Meanwhile the new library guards a
#		database that still has the old objects, and tells to update.
#
# The old versions are the install scripts that are in the tree; as long as
# there is only one, the walk is short.  So that it is known to work when it
# is needed, it is also walked with versions made up here: one whose update
# step is right, and one whose step forgot something.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

# road: ALTER EXTENSION UPDATE (refused)

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use Guarded;

my $sharedir = `pg_config --sharedir`;
chomp $sharedir;
my $scripts = "$sharedir/extension";
my ($newest) = slurp_file("$scripts/trovella_guard.control") =~
  /^default_version\s*=\s*'(.*)'/m;
my @versions = sort map { m{/trovella_guard--([0-9.]+)\.sql$} ? $1 : () }
  glob "$scripts/trovella_guard--*.sql";

ok((grep { $_ eq $newest } @versions), "version $newest has a script");

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
$node->start;

# What an extension is, as text: each member, and what hangs on it.
sub catalogs
{
	my ($db) = @_;

	return $node->safe_psql(
		$db, q{
SET search_path = pg_catalog;
CREATE TEMP VIEW member AS
  SELECT d.classid, d.objid, i.type, i.identity
  FROM pg_depend d, pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'trovella_guard');
CREATE TEMP VIEW relation AS
  SELECT m.identity, c.* FROM member m JOIN pg_class c ON c.oid = m.objid
  WHERE m.classid = 'pg_class'::regclass;
SELECT type, identity, obj_description(objid, classid::regclass::name)
  FROM member ORDER BY 1, 2;
SELECT pg_get_functiondef(p.oid), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(p.proacl) a)
  FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  ORDER BY m.identity;
SELECT identity, relkind, relrowsecurity, relforcerowsecurity, reloptions,
       (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) a),
       CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) END
  FROM relation ORDER BY 1;
SELECT r.identity, row_number() OVER (PARTITION BY r.identity ORDER BY attnum),
       attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
       pg_get_expr(adbin, adrelid), col_description(r.oid, attnum)
  FROM relation r JOIN pg_attribute a ON attrelid = r.oid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE attnum > 0 AND NOT attisdropped ORDER BY 1, 2;
SELECT identity, conname, pg_get_constraintdef(k.oid)
  FROM relation r JOIN pg_constraint k ON conrelid = r.oid ORDER BY 1, 2;
SELECT identity, pg_get_indexdef(indexrelid)
  FROM relation r JOIN pg_index ON indrelid = r.oid ORDER BY 1, 2;
SELECT identity, tgname, tgenabled, pg_get_triggerdef(t.oid)
  FROM relation r JOIN pg_trigger t ON tgrelid = r.oid ORDER BY 1, 2;
SELECT identity, polname, polcmd, polpermissive, polroles, pg_get_expr(polqual, polrelid),
       pg_get_expr(polwithcheck, polrelid)
  FROM relation r JOIN pg_policy p ON polrelid = r.oid ORDER BY 1, 2;
SELECT evtname, evtevent, evttags, evtenabled, evtfoid::regprocedure
  FROM pg_event_trigger ORDER BY 1;
SELECT extversion, extrelocatable, extnamespace::regnamespace,
       (SELECT array_agg(c::regclass::text || ' ' || w ORDER BY c::regclass::text)
        FROM unnest(extconfig, extcondition) u (c, w))
  FROM pg_extension WHERE extname = 'trovella_guard';
SELECT nspname, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) a)
  FROM pg_namespace WHERE nspname ~ '^trovella_guard' ORDER BY 1;
});
}

sub install
{
	my ($db, $version) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE EXTENSION trovella_guard VERSION '$version'");
}

# update_from VERSION TO: installs it, updates it.  Returns the picture.
sub update_from
{
	my ($version, $to) = @_;
	my $db = "from_$version";

	$db =~ s/[^a-z0-9]/_/g;
	$db .= "_to_$to";
	$db =~ s/[^a-z0-9]/_/g;
	install($db, $version);
	$node->safe_psql($db,
		q{SELECT trovella_guard.allow('public.global', 'from before the update')});
	$node->safe_psql($db, "ALTER EXTENSION trovella_guard UPDATE TO '$to'");
	is( $node->safe_psql(
			$db, q{SELECT table_name, reason FROM trovella_guard.allowlist}),
		'global|from before the update',
		"$version to $to: the allowlist stays");
	refuses($node, $db, "$version to $to: the updated database is guarded");
	return catalogs($db);
}

install('fresh', $newest);
my $fresh = catalogs('fresh');
like($fresh, qr/trovella_guard\.findings\(/, 'the picture shows functions');
like($fresh, qr/trovella_guard_open\|ddl_command_start\|\|A\|/,
	'and event triggers');

# Every version of the tree
foreach my $version (grep { $_ ne $newest } @versions)
{
	is(update_from($version, $newest),
		$fresh, "$version to $newest: the same as a fresh one");
}

# Made-up versions: they need a directory that can be written to, as that of
# the private installation of test/run can.
SKIP:
{
	skip 'cannot write to the extension directory', 1 unless -w $scripts;

	my $full = slurp_file("$scripts/trovella_guard--$newest.sql");
	my $addition = q{
CREATE FUNCTION trovella_guard.made_up() RETURNS pg_catalog.int4 LANGUAGE sql RETURN 1;
};
	my $comment = q{
COMMENT ON FUNCTION trovella_guard.made_up() IS 'made up';
REVOKE ALL ON FUNCTION trovella_guard.made_up() FROM PUBLIC;
};
	my %made = (
		'99.0.0' => $full . $addition . $comment,
		"$newest--99.0.0" => $addition . $comment,
		'99.1.0' => $full . $addition . $comment,
		"$newest--99.1.0" => $addition);

	foreach my $name (sort keys %made)
	{
		append_to_file("$scripts/trovella_guard--$name.sql", $made{$name});
	}
	eval {
		# A step that does all, and one that forgot the comment and the REVOKE
		install('fresh_99_0', '99.0.0');
		is(update_from($newest, '99.0.0'),
			catalogs('fresh_99_0'), 'a right step makes the same');
		install('fresh_99_1', '99.1.0');
		isnt(update_from($newest, '99.1.0'),
			catalogs('fresh_99_1'), 'a step that forgot something is found out');

		# The library and the objects differ: 99.0.0 is not its version
		my ($status, $out, $err) = $node->psql('fresh_99_0',
			"SET trovella_guard.rules = 'table_unclassified=warning';"
			  . 'CREATE TABLE one (id int); CREATE TABLE two (id int);'
			  . unsafe_table('u_n_s_a_f_e'));
		like(
			$err,
			qr/WARNING:  extension "trovella_guard" is version 99\.0\.0 in this database, but its library is version \Q$newest\E/,
			'a library under another SQL version says so');
		like($err, qr/HINT:  Run ALTER EXTENSION trovella_guard UPDATE/,
			'and what to do');
		is(scalar(() = $err =~ /but its library is/g), 1, 'once per session');
		like($err, qr/commit refused: table "public.u_n_s_a_f_e"/,
			'and guards all the same');
		is( $node->safe_psql(
				'fresh_99_0',
				q{SELECT ok FROM trovella_guard.status() WHERE item = 'extension version'}
			),
			'f',
			'status() tells it, too');

		($status, $out, $err) = $node->psql('fresh',
			'CREATE TABLE one (id int)');
		unlike($err, qr/library/, 'where they agree nothing is said');
	};
	my $error = $@;
	unlink map { "$scripts/trovella_guard--$_.sql" } keys %made;
	die $error if $error;
}

done_testing();
