# Commands.pm: statements inside other commands, and many commits in one.

package Lab::Grammar::Commands;

use strict;
use warnings;

use Lab::Grammar;

*pick = \&Lab::Grammar::pick;
*chance = \&Lab::Grammar::chance;

# What is left of the guard's verdicts while a procedure goes on.
my $many = q{CREATE OR REPLACE PROCEDURE wk.many() LANGUAGE plpgsql AS $w$ DECLARE n int; BEGIN
FOR i IN 1..40 LOOP EXECUTE 'CREATE TABLE IF NOT EXISTS deep.many' || i || ' (id int)'; COMMIT; END LOOP;
FOR i IN 1..40 LOOP EXECUTE 'DROP TABLE deep.many' || i; END LOOP; COMMIT;
SELECT count(*) INTO n FROM pg_backend_memory_contexts WHERE name = 'trovella_guard verdict';
IF n > 2 THEN RAISE EXCEPTION '% verdicts are still in memory', n USING ERRCODE = 'LBMEM'; END IF; END $w$};

sub actions
{
	my ($g) = @_;
	my $t = $g->tenant_relation->{name};
	my $role = pick(qw(regress_lab_app regress_lab_app regress_lab_other PUBLIC));
	my $schema = 'n' . (1 + int rand 3);
	my @inner = @{ pick(
		["GRANT SELECT ON $t TO $role"],
		["CREATE SCHEMA $schema GRANT SELECT ON $t TO $role"],
		["CREATE SCHEMA $schema CREATE TABLE x1 (id text, organization_id text)"],
		["ALTER TABLE $t DISABLE ROW LEVEL SECURITY"],
		["DROP POLICY p_all ON $t"],
		["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO $role"],
		[$g->alter($g->tenant_relation)],
		[$g->grant($t)]) };
	my $body = join ' ', map { "EXECUTE \$q\$$_\$q\$;" } @inner;
	$body = 'NULL;' if join('', @inner) =~ /\$/;
	my $work = "CREATE OR REPLACE FUNCTION wk.work() RETURNS int LANGUAGE plpgsql AS \$w\$ BEGIN $body RETURN 1; END \$w\$";
	my $name = $g->new_name;

	return (
		[4, $work, 'DROP MATERIALIZED VIEW IF EXISTS wk.mw',
			'CREATE MATERIALIZED VIEW wk.mw AS SELECT wk.work() AS x WITH NO DATA',
			'REFRESH MATERIALIZED VIEW wk.mw'],
		[2, 'REFRESH MATERIALIZED VIEW wk.mw'],
		[2, $work, 'SELECT wk.work()'],
		[1, $work, 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT wk.work()'],
		[1, $work, "CREATE TABLE $name AS SELECT wk.work() AS x"],
		[1, $work, 'DECLARE c CURSOR FOR SELECT wk.work()', 'FETCH ALL FROM c'],
		[1, $work, "PREPARE q AS SELECT wk.work()", 'EXECUTE q', 'DEALLOCATE q'],
		[2, $work, "CREATE OR REPLACE FUNCTION wk.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM wk.work(); RETURN NULL; END'",
			'CREATE CONSTRAINT TRIGGER fires AFTER INSERT ON s1.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wk.fire()',
			"INSERT INTO s1.users VALUES ('w" . int(rand 1e6) . "')"],
		[1, "INSERT INTO s1.users VALUES ('w" . int(rand 1e6) . "')"],
		[1, 'DROP TRIGGER fires ON s1.users']);
}

# A unit of its own: a procedure that commits many times.
sub many { return ($many, 'CALL wk.many()') }

1;
