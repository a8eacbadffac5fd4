#-------------------------------------------------------------------------
#
# 005_schema.pl
#		The extension's schemas are its own: CREATE EXTENSION refuses one in
#		which others have made something or may, takes back what default
#		privileges give, and what is planted later is not called by the
#		extension itself and is seen by status().
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('schema');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE mallory LOGIN;
	CREATE ROLE app LOGIN;
	CREATE ROLE chief LOGIN SUPERUSER});

# Runs SQL as a role; returns what went wrong.
sub run_as
{
	my ($role, $db, $sql) = @_;
	my ($status, $out, $err) = $node->psql($db, $sql,
		extra_params => [ '-U', $role ]);
	return $err;
}

sub superusers
{
	return $node->safe_psql('postgres',
		q{SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles
		  WHERE rolsuper AND rolname IN ('mallory', 'app')});
}

# road: CREATE EXTENSION into a schema in which a plain role has made something (refused)
# What may be in the way, made by a plain role who may create schemas, and
# then handed to a superuser as anybody would do.
my $evil = q{LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN NULL; END $$};
my %plants = (
	'a function' => "CREATE FUNCTION trovella_guard.protect(text) RETURNS text $evil",
	'a procedure' => 'CREATE PROCEDURE trovella_guard.p() LANGUAGE sql AS $$ SELECT 1 $$',
	'a table' => 'CREATE TABLE trovella_guard.t ()',
	'a sequence' => 'CREATE SEQUENCE trovella_guard.s',
	'a view' => 'CREATE VIEW trovella_guard.v AS SELECT 1',
	'a type' => 'CREATE TYPE trovella_guard.text AS ENUM ()',
	'a domain' => 'CREATE DOMAIN trovella_guard.name AS pg_catalog.name',
	'an operator' =>
	  'CREATE OPERATOR trovella_guard.= (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)',
	'a collation' => 'CREATE COLLATION trovella_guard.c FROM "C"',
	'a conversion' =>
	  q{CREATE DEFAULT CONVERSION trovella_guard.c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8},
	'a text search configuration' =>
	  'CREATE TEXT SEARCH CONFIGURATION trovella_guard.c (COPY = simple)',
	'a text search dictionary' =>
	  'CREATE TEXT SEARCH DICTIONARY trovella_guard.d (TEMPLATE = simple)',
	'default privileges' =>
	  'ALTER DEFAULT PRIVILEGES IN SCHEMA trovella_guard GRANT ALL ON TABLES TO mallory');
$node->safe_psql('postgres', 'CREATE DATABASE early');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE early TO mallory');
foreach my $plant (sort keys %plants)
{
	is( run_as('mallory', 'early', "CREATE SCHEMA trovella_guard; $plants{$plant}"),
		'', "$plant is planted");
	like(run_as('chief', 'early', 'CREATE EXTENSION trovella_guard'),
		qr/schema "trovella_guard" is not owned by a superuser.*HINT:.*\(DROP SCHEMA trovella_guard\)/s,
		"$plant: the schema is a stranger's");
	is( run_as('chief', 'early',
			'ALTER SCHEMA trovella_guard OWNER TO chief; CREATE EXTENSION trovella_guard') =~ /^(.*)$/m ? $1 : '',
		'psql:<stdin>:1: ERROR:  schema "trovella_guard" is not empty',
		"$plant: it is not empty");
	is(run_as('chief', 'early', 'DROP SCHEMA trovella_guard CASCADE') =~ s/^.*NOTICE.*$//mr,
		'', "$plant: dropped");
}
is( run_as('mallory', 'early', 'CREATE SCHEMA trovella_guard; GRANT ALL ON SCHEMA trovella_guard TO app'),
	'', 'a schema with open doors');
like(
	run_as('chief', 'early',
		'ALTER SCHEMA trovella_guard OWNER TO chief; CREATE EXTENSION trovella_guard'),
	qr/schema "trovella_guard" is open to roles other than its owner/,
	'is refused as well');
like(
	run_as('chief', 'early', 'REVOKE ALL ON SCHEMA trovella_guard FROM app; GRANT CREATE ON SCHEMA trovella_guard TO PUBLIC; CREATE EXTENSION trovella_guard'),
	qr/schema "trovella_guard" is open to roles other than its owner/,
	'nor is one that is open to everybody');
is( run_as('chief', 'early', 'REVOKE ALL ON SCHEMA trovella_guard FROM PUBLIC; CREATE EXTENSION trovella_guard'),
	'', 'an empty one of a superuser is: a restore makes it that way');
is(run_as('chief', 'early', 'DROP EXTENSION trovella_guard; CREATE EXTENSION trovella_guard'),
	'', 'also the one that DROP EXTENSION leaves');

# The internal schema must not exist at all
run_as('chief', 'early', 'DROP EXTENSION trovella_guard');
foreach my $who (qw(mallory chief))
{
	is(run_as($who, 'early', 'CREATE SCHEMA trovella_guard_internal'), '', "an internal schema of $who");
	like(run_as('chief', 'early', 'CREATE EXTENSION trovella_guard'),
		qr/schema "trovella_guard_internal" already exists.*HINT:.*\(DROP SCHEMA trovella_guard_internal\)/s,
		'is refused, even if it is empty');
	is(run_as('chief', 'early', 'DROP SCHEMA trovella_guard_internal'), '', 'dropped');
}
is(run_as('chief', 'early', 'CREATE EXTENSION trovella_guard'), '', 'then it installs');

# road: default privileges of the superuser who runs CREATE EXTENSION (passes)
# What the superuser who installs gives away by default
$node->safe_psql('postgres', 'CREATE DATABASE generous');
foreach my $what (qw(SCHEMAS TABLES ROUTINES TYPES SEQUENCES))
{
	run_as('chief', 'generous',
		"ALTER DEFAULT PRIVILEGES GRANT ALL ON $what TO mallory WITH GRANT OPTION;
		 ALTER DEFAULT PRIVILEGES GRANT ALL ON $what TO PUBLIC");
}
is(run_as('chief', 'generous', 'CREATE EXTENSION trovella_guard'), '', 'installs');
my $acls = q{
	SELECT string_agg(what || ' ' || privilege || ' ' || grantee, ', ' ORDER BY what COLLATE "C", privilege, grantee)
	FROM (SELECT n.nspname::text, n.nspacl FROM pg_namespace n WHERE n.nspname ~ '^trovella_guard' UNION ALL
	      SELECT c.relname::text, c.relacl FROM pg_class c WHERE c.relnamespace::regnamespace::text ~ '^trovella_guard' UNION ALL
	      SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')', p.proacl FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^trovella_guard') o (what, acl),
	     LATERAL (SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' WHEN 'pg_monitor'::regrole THEN 'pg_monitor' ELSE 'somebody' END
	              FROM aclexplode(o.acl) a WHERE a.grantee <> (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'trovella_guard')) a (privilege, grantee)};
is($node->safe_psql('generous', $acls), $node->safe_psql('early', $acls),
	'nobody has more than otherwise');
unlike($node->safe_psql('early', $acls), qr/somebody|INSERT|CREATE|allow(?:_role|_bypass)?\(text[^)]*\) EXECUTE|TRIGGER/,
	'and that is not much');
like(run_as('mallory', 'generous', "CREATE FUNCTION $_.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
	qr/permission denied for schema/, "nobody makes anything in $_")
  foreach qw(trovella_guard trovella_guard_internal);

# road: a function planted in the extension's schema beside one that it calls (passes)
# What is planted later, by somebody to whom a superuser has granted CREATE: it
# is called by nobody but who asks for it.
run_as('chief', 'early', 'GRANT CREATE ON SCHEMA trovella_guard, trovella_guard_internal TO mallory');
my @overloads = (
	map { my $what = $_; map { "CREATE FUNCTION $_.$what " . ($what =~ /SETOF/ ? $evil =~ s/ NULL//r : $evil) }
		  qw(trovella_guard trovella_guard_internal) }
	  'count_of(int, text) RETURNS text', 'count_of(int8, varchar) RETURNS text',
	'count_of(anyelement, text) RETURNS text', 'count_of(VARIADIC text[]) RETURNS text',
	'escape_xml(name) RETURNS text', 'escape_xml(varchar) RETURNS text', 'escape_text(name) RETURNS text',
	'escape_markdown(name) RETURNS text', 'escape_uri(name) RETURNS text', 'utf8_of(varchar) RETURNS bytea',
	'in_utf8(varchar) RETURNS text',
	'findings() RETURNS SETOF record', 'relations() RETURNS SETOF record',
	'check() RETURNS SETOF record', 'findings(oid) RETURNS SETOF record',
	'findings(text) RETURNS SETOF record', 'relations(oid) RETURNS SETOF record',
	'report_lines(varchar) RETURNS SETOF text', 'report_lines() RETURNS SETOF text',
	'levels_from(varchar) RETURNS text[]', 'registry(VARIADIC text[]) RETURNS SETOF record',
	'summary(VARIADIC text[]) RETURNS SETOF record', 'registry(VARIADIC int[]) RETURNS SETOF record',
	'report_text(VARIADIC int[]) RETURNS SETOF text',
	'report_text(varchar, text, regclass, jsonb) RETURNS SETOF text', 'report_lines(text, text, text, oid, bool) RETURNS SETOF text',
	'trials_from(json, text) RETURNS SETOF record', 'trials(varchar, regclass) RETURNS jsonb', 'trials_in_words(json) RETURNS text',
	'sorted_findings(text, text, oid) RETURNS SETOF record', 'summary(text, oid) RETURNS SETOF record',
	'setting_of_new_sessions(varchar) RETURNS text', 'settings_of_roles(varchar) RETURNS SETOF record', 'status(VARIADIC text[]) RETURNS SETOF record',
	'schema_named(varchar) RETURNS text', 'setting_names(varchar) RETURNS text', 'rule_position(varchar) RETURNS int', 'debts_in_words(int8, timestamptz, int4) RETURNS text');
push @overloads,
  'CREATE DOMAIN trovella_guard.text AS pg_catalog.text',
  'CREATE DOMAIN trovella_guard.regclass AS pg_catalog.text',
  'CREATE FUNCTION trovella_guard.cat(text, text) RETURNS text ' . $evil,
  'CREATE OPERATOR trovella_guard.|| (FUNCTION = trovella_guard.cat, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text)',
  'CREATE TABLE trovella_guard.pg_class (oid oid)';
$node->safe_psql('early', q{SELECT trovella_guard.allow('trovella_guard.pg_class', 'a trap')});
unlike(run_as('mallory', 'early', join ';', @overloads), qr/ERROR/, 'overloads are planted');
$node->safe_psql('early', q{
	CREATE TABLE public.docs (id int PRIMARY KEY, organization_id text NOT NULL);
	CREATE TABLE public.items (id int PRIMARY KEY, organization_id text NOT NULL)} =~ s/^/SET trovella_guard.mode = off;/r);
foreach my $call (
	(map { "SELECT length(trovella_guard.report('$_'::text)) > 0" } qw(text markdown json sarif junit html github)),
	q{SELECT count(*) FROM trovella_guard.checklist('docs'::regclass)},
	q{SELECT count(*) FROM trovella_guard.check(NULL::regclass)},
	q{SELECT count(*) FROM trovella_guard.tables}, q{SELECT count(*) FROM trovella_guard.rules},
	q{SELECT trovella_guard.repair_sql('docs'::regclass) <> ''},
	q{SELECT trovella_guard.allowlist_markdown()},
	q{BEGIN; SELECT trovella_guard.protect('docs'::regclass); ROLLBACK},
	q{BEGIN; SELECT trovella_guard.allow('docs'::text, 'x'::text); SELECT trovella_guard.prune(); ROLLBACK},
	q{BEGIN; SELECT trovella_guard.adopt('x'::text, NULL::timestamptz, 'info'::text, 'public'::text); SELECT trovella_guard.assert_clean('error'::text); ROLLBACK},
	q{SELECT count(*) FROM trovella_guard.debts}, q{SELECT count(*) FROM trovella_guard.metrics()},
	q{BEGIN; SELECT trovella_guard.set('mode'::text, 'warn'::text, 'database'::text); ROLLBACK},
	q{BEGIN; SELECT trovella_guard.allow('docs'::regclass, 'x'::text, 'rls_disabled'::text, NULL::timestamptz, '*'::text); ROLLBACK},
	q{SELECT trovella_guard.assert_clean('error'::text)},
	q{BEGIN; SELECT trovella_guard.pending(); ROLLBACK},
	q{SELECT trovella_guard.preload(); ALTER DATABASE early RESET session_preload_libraries})
{
	my $err = run_as('chief', 'early', "SET search_path = trovella_guard, trovella_guard_internal, public, pg_catalog; $call");
	unlike($err, $call =~ /assert_clean/ ? qr/ERROR(?!:  audit failed)/ : qr/ERROR/, "works: $call");
	is(superusers(), '', "and calls nothing planted: $call");
	$node->safe_psql('postgres', 'ALTER ROLE mallory NOSUPERUSER');
}

# The worst is a call that is ambiguous
run_as('mallory', 'early', 'CREATE FUNCTION trovella_guard_internal.report_text(text, text, regclass, jsonb, int DEFAULT 1) RETURNS SETOF text '
	  . $evil =~ s/ NULL//r);
like(run_as('chief', 'early', q{SELECT trovella_guard.report('text'::text)}),
	qr/function trovella_guard_internal.report_text\(text, text, regclass, jsonb\) is not unique/, 'a default argument may stand in the way');
is(superusers(), '', 'and no more than that');

# ... and status() tells
my $status = q{SELECT item, ok, value FROM trovella_guard.status()
	WHERE item IN ('schemas', 'owners', 'privileges') ORDER BY item};
my $said = $node->safe_psql('early', $status);
like($said, qr/^schemas\|f\|/m, 'status() sees what was planted');
like($said, qr/^and \d+ more$/m, 'not all of it is printed');
like($said, qr/role "mallory" may modify schema $_$/m, "and who may do it in $_")
  foreach qw(trovella_guard trovella_guard_internal);
like($said, qr/^owners\|t\|as installed$/m, 'the extension itself is a superuser\'s');
is( run_as('chief', 'early', q{
		DROP OWNED BY mallory CASCADE}) =~ s/^.*(NOTICE|DETAIL|drop cascades|and \d+ other).*\n?//gmr,
	'', 'it can be taken back');
is($node->safe_psql('early', $status),
	"owners|t|as installed\nprivileges|t|as installed\nschemas|t|as installed",
	'then all is well');
run_as('chief', 'early', q{CREATE FUNCTION trovella_guard_internal.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'});
is($node->safe_psql('early', q{SELECT value FROM trovella_guard.status() WHERE item = 'schemas'}),
	'function trovella_guard_internal.mine()', 'status() looks into the internal schema, too');
run_as('chief', 'early', 'DROP FUNCTION trovella_guard_internal.mine()');
$node->safe_psql('early', q{GRANT TRIGGER ON trovella_guard.allowlist TO mallory;
	GRANT UPDATE (reason) ON trovella_guard.allowlist_log TO app});
is( run_as('mallory', 'early', q{
		CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
		CREATE TRIGGER mine BEFORE INSERT ON trovella_guard.allowlist FOR EACH ROW EXECUTE FUNCTION pg_temp.f();
		SELECT value FROM trovella_guard.status() WHERE NOT ok AND item = 'schemas' \gset s_
		\warn :s_value}),
	'trigger mine on table trovella_guard.allowlist', 'a trigger on the allowlist is seen');
is($node->safe_psql('early', q{SELECT value FROM trovella_guard.status() WHERE item = 'privileges'}),
	qq{role "mallory" may modify table trovella_guard.allowlist\n}
	  . q{role "app" may modify table trovella_guard.allowlist_log},
	'and who may make one, or write by hand');
$node->safe_psql('early', q{
	ALTER FUNCTION trovella_guard_internal.collect() OWNER TO mallory;
	ALTER SCHEMA trovella_guard OWNER TO app});
$node->safe_psql('postgres', 'ALTER ROLE chief NOSUPERUSER');
$said = $node->safe_psql('early', q{SELECT value FROM trovella_guard.status() WHERE item = 'owners'});
like($said, qr/^role "chief" owns extension trovella_guard$/m, 'an owner that is no superuser any more');
like($said, qr/^role "app" owns schema trovella_guard$/m, 'of the schema');
$node->safe_psql('postgres', 'ALTER ROLE chief SUPERUSER');
$said = $node->safe_psql('early', q{SELECT value FROM trovella_guard.status() WHERE item = 'owners'});
is($said, qq{role "app" owns schema trovella_guard\nrole "mallory" owns function trovella_guard_internal.collect()},
	'of one function');

# No function runs with its owner's rights, and none trusts the caller's path
is( $node->safe_psql('early', q{
	SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace::regnamespace::text ~ '^trovella_guard'
	  AND (p.prosecdef OR (l.lanname <> 'c' AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)))}),
	'', 'every function in SQL or PL/pgSQL has its search_path');
is( $node->safe_psql('early', q{
	SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace::regnamespace::text ~ '^trovella_guard' AND l.lanname = 'sql' AND p.prosqlbody IS NULL}),
	'', 'and what SQL functions call is bound when they are made');

done_testing();
