# Grammar.pm: random transactions over a small world.
#
# The world is what lab.world() last said, plus the names that the transaction
# itself has made up: statements mostly name what is there, so that most of
# them do something.  All randomness comes from rand(), which the walker seeds.
#
# What belongs to one subject only is a theme, in a file of its own.  An episode
# prefers two of the themes: what a break needs then comes together sooner.

package Lab::Grammar;

use strict;
use warnings;

use List::Util ();

my @themes = qw(Temporary Roles Exposure Families Allowlist Asking Commands Hostile);
require "Lab/Grammar/$_.pm" foreach @themes;

my $tenant = "current_setting('app.current_organization_id', true)";

my @scoped = (
	"organization_id = $tenant",
	"organization_id = (SELECT $tenant)",
	"organization_id = (SELECT $tenant)",
	"(organization_id = (SELECT $tenant)) AND id IS NOT NULL",
);
my @unscoped = (
	'true', 'id IS NOT NULL', 'organization_id IS NOT NULL',
	"organization_id = $tenant OR id IS NOT NULL",
	'organization_id = organization_id',
	"organization_id = 'b'",
);
my @opaque = ('fn.mine(organization_id)',
	"EXISTS (SELECT 1 FROM s1.users u WHERE u.x = length(organization_id))");

# What the guard says before the end is what it does at the end.
our $pending = 'SELECT count(*) FROM trovella_guard.pending() WHERE refused';

sub new
{
	my ($class, %arg) = @_;
	return bless { names => 7, world => {}, themes => [], %arg }, $class;
}

# The themes that an episode prefers; with undef instead of a list, it has none.
sub some_themes { return (List::Util::shuffle(@themes))[ 0, 1 ] }

sub likes
{
	my ($self, $theme) = @_;
	return scalar grep { $_ eq $theme } @{ $self->{themes} // [] };
}

# What one theme does.
sub theme
{
	my ($self) = @_;
	my $name = chance(0.8) && @{ $self->{themes} } ? pick(@{ $self->{themes} }) : pick(@themes);
	my @actions = "Lab::Grammar::$name"->can('actions')->($self);
	return @{ weighted(map { my ($weight, @statements) = @$_; [$weight, \@statements] } @actions) };
}

sub chance { return rand() < $_[0] }
sub pick { return $_[ int rand @_ ] }

# Picks among [weight, what].
sub weighted
{
	my $sum = 0;
	$sum += $_->[0] foreach @_;
	my $at = rand $sum;
	foreach (@_)
	{
		return $_->[1] if ($at -= $_->[0]) < 0;
	}
	return $_[-1][1];
}

# Takes the lines of lab.world().
sub learn
{
	my ($self, @lines) = @_;
	my %relations;
	my @schemas;
	my (%children);

	foreach (@lines)
	{
		my ($what, $id, @rest) = split /\t/, $_, -1;
		if ($what eq 'R')
		{
			$relations{$id} = { name => $rest[0], kind => $rest[1],
				rls => $rest[2], type => $rest[3], partition => $rest[4],
				columns => [], policies => [], indexes => [],
				constraints => [], parents => [] };
		}
		elsif ($what eq 'S') { push @schemas, $id }
	}
	foreach (@lines)
	{
		my ($what, $id, @rest) = split /\t/, $_, -1;
		my $relation = $relations{$id} or next;
		push @{ $relation->{columns} }, $rest[0] if $what eq 'A';
		push @{ $relation->{policies} }, $rest[0] if $what eq 'P';
		push @{ $relation->{indexes} }, $rest[0] if $what eq 'I';
		push @{ $relation->{constraints} }, [@rest] if $what eq 'K';
		if ($what eq 'H' && $relations{ $rest[0] })
		{
			push @{ $relation->{parents} }, $relations{ $rest[0] }{name};
		}
	}
	$self->{world} = { relations => [ sort { $a->{name} cmp $b->{name} } values %relations ],
		schemas => \@schemas };
	return;
}

sub schema
{
	my ($self) = @_;
	return pick(@{ $self->{world}{schemas} }) // 's1';
}

sub bare_name
{
	my ($self) = @_;
	return chance(0.03) ? '"Odd ""Name"' : 't' . (1 + int rand $self->{names});
}

# Mostly one that is not taken yet.
sub new_name
{
	my ($self) = @_;
	my %taken = map { $_->{name} => 1 } @{ $self->{world}{relations} };
	foreach (1 .. 5)
	{
		my $name = $self->schema . '.' . $self->bare_name;
		return $name if !$taken{$name} || chance(0.03);
	}
	return $self->schema . '.' . $self->bare_name;
}

# A relation that is there, perhaps of a kind; a made-up one where none is.
sub relation
{
	my ($self, $filter) = @_;
	my @all = grep { $_->{name} !~ /^s1\.(users|pref)/ || chance(0.05) }
	  @{ $self->{world}{relations} };
	my @fit = $filter ? grep { $filter->($_) } @all : @all;
	@fit = @all unless @fit;
	# what this transaction has made is worked on more often
	my @fresh = grep { $_->{fresh} } @fit;
	return pick(@fresh) if @fresh && chance(0.5);
	return pick(@fit) // { name => $self->new_name, columns => [], policies => [],
		indexes => [], constraints => [], parents => [], kind => 'r' };
}

sub is_tenant { return scalar grep { $_ eq 'organization_id' } @{ $_[0]{columns} } }

sub tenant_relation { return $_[0]->relation(\&is_tenant) }

sub remember
{
	my ($self, $name, %more) = @_;
	push @{ $self->{world}{relations} },
	  { name => $name, kind => 'r', columns => ['id', 'organization_id'],
		policies => [], indexes => [], constraints => [], parents => [],
		fresh => 1, %more };
	return $name;
}

sub expression
{
	my ($self) = @_;
	return weighted([12, pick(@scoped)], [3, pick(@unscoped)], [1, pick(@opaque)]);
}

# The clauses of a policy for a command ('' is ALL).
sub policy_clauses
{
	my ($self, $command) = @_;
	my $using = 'USING (' . $self->expression . ')';
	my $check = 'WITH CHECK (' . $self->expression . ')';
	return $check if $command eq 'INSERT';
	return $using if $command eq 'SELECT' || $command eq 'DELETE';
	return weighted([5, $using], [4, "$using $check"], [1, $check]);
}

sub policy
{
	my ($self, $table, $command) = @_;
	$command //= pick('', '', 'SELECT', 'INSERT', 'UPDATE', 'DELETE');
	my $name = ($command eq '' ? 'all' : lc $command) . pick('', '', '', '2');
	return "CREATE POLICY p_$name ON $table"
	  . (chance(0.12) ? ' AS RESTRICTIVE' : '')
	  . ($command ne '' ? " FOR $command" : '')
	  . weighted([8, ''], [1, ' TO regress_lab_app'], [1, ' TO regress_lab_other'],
		[1, ' TO regress_lab_app, regress_lab_other'])
	  . ' ' . $self->policy_clauses($command);
}

# All policies that the checklist wants.
sub good_policies
{
	my ($self, $table) = @_;
	if (chance(0.5))
	{
		return "CREATE POLICY p_all ON $table USING ($scoped[1])";
	}
	return (
		"CREATE POLICY p_select ON $table FOR SELECT USING ($scoped[0])",
		"CREATE POLICY p_insert ON $table FOR INSERT WITH CHECK ($scoped[0])",
		"CREATE POLICY p_update ON $table FOR UPDATE USING ($scoped[1])"
		  . (chance(0.5) ? " WITH CHECK ($scoped[1])" : ''),
		"CREATE POLICY p_delete ON $table FOR DELETE USING ($scoped[1])");
}

sub columns
{
	my ($self, %arg) = @_;
	my @columns = (
		'id text DEFAULT gen_random_uuid()::text'
		  . ($arg{partitioned} || chance(0.3) ? '' : ' PRIMARY KEY'));
	push @columns, 'organization_id '
	  . weighted([10, 'text NOT NULL'], [2, 'text'], [1, 'varchar'], [1, 'text COLLATE "C"'])
	  if $arg{tenant} // chance(0.9);
	push @columns, 'created_at timestamptz, updated_at timestamptz';
	push @columns, 'n int DEFAULT 0' if $arg{partitioned} || chance(0.2);
	push @columns, 'user_id text' . pick('', ' REFERENCES s1.users (id)',
		' REFERENCES s1.users (id) ON DELETE CASCADE')
	  if chance(0.25);
	push @columns, 'x int, y int'
	  . pick('', ', FOREIGN KEY (x, y) REFERENCES s1.users (x, y) ON DELETE SET NULL')
	  if chance(0.15);
	push @columns, 'PRIMARY KEY (organization_id, id)'
	  if chance(0.05) && $columns[0] !~ /PRIMARY/;
	return join ', ', @columns;
}

sub index
{
	my ($self, $table, $how) = @_;
	my $body = $how // weighted(
		[6, '(organization_id)'], [1, '(organization_id, id)'],
		[1, '(id, organization_id)'], [1, '(lower(organization_id))'],
		[1, '(organization_id) WHERE organization_id IS NOT NULL'],
		[1, '(organization_id) WHERE id IS NOT NULL'],
		[1, "(organization_id) WHERE id <> 'x'"],
		[1, '(organization_id COLLATE "C")'],
		[1, '(organization_id DESC NULLS LAST)'],
		[1, '(organization_id text_pattern_ops)'],
		[1, '(id) INCLUDE (organization_id)'],
		[3, '(user_id)'], [1, '(user_id) WHERE user_id IS NOT NULL'],
		[1, '(x)'], [2, '(y, x)'], [2, '(x, y)'], [1, '(x, id, y)'], [1, '(n)']);
	my $using = $body =~ /^\((organization_id|user_id)\)$/
	  ? weighted([10, ''], [1, 'USING hash '], [1, 'USING brin ']) : '';
	my $bare = 'i' . (1 + int rand 100);
	return 'CREATE' . ($body eq '(organization_id, id)' && chance(0.3) ? ' UNIQUE' : '')
	  . " INDEX $bare ON " . (chance(0.05) ? 'ONLY ' : '') . "$table $using$body";
}

# A migration that follows the checklist, less what is left out by mistake.
sub migration
{
	my ($self, %arg) = @_;
	my $careless = $arg{careless} // weighted([3, 0], [2, 0.1], [1, 0.3]);
	my $name = $self->new_name;
	my $columns = $self->columns(tenant => 1);
	my @rest = ("ALTER TABLE $name ENABLE ROW LEVEL SECURITY",
		$self->good_policies($name),
		$self->index($name, '(organization_id)'));
	push @rest, $self->index($name, '(user_id)') if $columns =~ /user_id/;
	push @rest, $self->index($name, '(y, x)') if $columns =~ /x int/;
	@rest = grep { !chance($careless) } @rest;
	@rest = List::Util::shuffle(@rest) if chance(0.2);
	$self->remember($name);
	return ("CREATE TABLE $name ($columns)", @rest);
}

# A parent with children, partitioned or by inheritance.
sub family
{
	my ($self) = @_;
	my $name = $self->new_name;
	my $partitioned = chance(0.6);
	my @statements = ("CREATE TABLE $name (" . $self->columns(tenant => 1, partitioned => 1)
		  . ')' . ($partitioned ? ' PARTITION BY ' . pick('RANGE (n)', 'RANGE (n)', 'LIST (n)') : ''));
	push @statements, "ALTER TABLE $name ENABLE ROW LEVEL SECURITY" unless chance(0.1);
	push @statements, $self->good_policies($name) unless chance(0.1);
	push @statements, $self->index($name, '(organization_id)') unless chance(0.05);
	push @statements, $self->index($name, '(user_id)') if $statements[0] =~ /user_id/;
	push @statements, $self->index($name, '(x, y)') if $statements[0] =~ /x int/;
	$self->remember($name, kind => $partitioned ? 'p' : 'r', columns => [qw(id organization_id n)]);
	foreach (1 .. 1 + int rand 2)
	{
		push @statements, $self->child($name, $partitioned);
	}
	return @statements;
}

sub child
{
	my ($self, $parent, $partitioned) = @_;
	my $name = $self->new_name;
	my @statements;
	if ($partitioned)
	{
		my $low = 10 * int rand 4;
		my $bound = weighted([5, "FOR VALUES FROM ($low) TO (" . ($low + 10) . ')'],
			[1, "FOR VALUES IN ($low)"], [1, 'DEFAULT']);
		push @statements, "CREATE TABLE $name PARTITION OF $parent $bound"
		  . (chance(0.15) ? ' PARTITION BY RANGE (n)' : '');
	}
	else
	{
		push @statements, "CREATE TABLE $name () INHERITS ($parent)";
		push @statements, $self->index($name, '(organization_id)') unless chance(0.2);
	}
	$self->remember($name, columns => [qw(id organization_id n)]);
	push @statements, "ALTER TABLE $name ENABLE ROW LEVEL SECURITY" if chance(0.3);
	push @statements, $self->good_policies($name) if chance(0.15);
	push @statements, $self->grant($name) if chance(0.15);
	return @statements;
}

sub grant
{
	my ($self, $table) = @_;
	my $who = pick('PUBLIC', 'regress_lab_app', 'regress_lab_other', 'regress_lab_owner');
	return pick("GRANT SELECT ON $table TO $who", "GRANT ALL ON $table TO $who",
		"GRANT SELECT (organization_id) ON $table TO $who",
		"REVOKE ALL ON $table FROM $who",
		"REVOKE SELECT (organization_id) ON $table FROM $who",
		'GRANT SELECT ON ' . $self->schema . ".v1 TO $who",
		'GRANT SELECT ON ALL TABLES IN SCHEMA ' . $self->schema . " TO $who",
		'REVOKE ALL ON ALL TABLES IN SCHEMA ' . $self->schema . " FROM $who",
		"REVOKE ALL ON $table FROM PUBLIC, regress_lab_app, regress_lab_other, regress_lab_owner");
}

sub allow
{
	my ($self) = @_;
	my $table = chance(0.8) ? $self->relation->{name} : $self->new_name;
	$table =~ s/\..*/.*/ if chance(0.06);
	my $rule = weighted([5, ''], [3, ", 'policy_missing'"], [2, ", 'rls_disabled'"],
		[2, ", 'tenant_index_missing'"], [1, ", 'fk_index_missing'"],
		[1, ", 'tenant_column_lost'"], [1, ", 'policy_unscoped'"]);
	return "SELECT trovella_guard.allow('$table', 'because'$rule)";
}

# One of the statements that alter a table.
sub alter
{
	my ($self, $relation) = @_;
	my $t = $relation->{name};
	my $constraint = pick(map { $_->[0] } @{ $relation->{constraints} }) // 'nothing';
	my $other = $self->relation(sub { $_[0]{name} ne $t })->{name};
	my $only = chance(0.1) ? 'ONLY ' : '';
	my $i = 1 + int rand 100;
	my %has = map { $_ => 1 } @{ $relation->{columns} };
	my @parents = @{ $relation->{parents} };
	my $parent = pick(@parents) // $other;

	return weighted(
		[4, "ALTER TABLE $t DISABLE ROW LEVEL SECURITY"],
		[5, "ALTER TABLE $t ENABLE ROW LEVEL SECURITY"],
		[2, "ALTER TABLE $t " . pick('FORCE', 'NO FORCE') . ' ROW LEVEL SECURITY'],
		[3, "ALTER TABLE $only$t ADD COLUMN organization_id text" . pick('', " NOT NULL DEFAULT 'a'")],
		[3, "ALTER TABLE $only$t DROP COLUMN organization_id" . pick('', ' CASCADE')],
		[2, "ALTER TABLE $only$t RENAME COLUMN organization_id TO org"],
		[2, "ALTER TABLE $only$t RENAME COLUMN org TO organization_id"],
		[1, "ALTER TABLE $t RENAME COLUMN id TO organization_id"],
		[3, "ALTER TABLE $t RENAME TO " . $self->bare_name],
		[3, "ALTER TABLE $t SET SCHEMA " . $self->schema],
		[2, "ALTER TABLE $t OWNER TO " . pick(qw(regress_lab_owner regress_lab_app CURRENT_USER))],
		[2, "ALTER TABLE $only$t ALTER COLUMN organization_id TYPE " . pick('varchar', 'text', 'text COLLATE "C"')],
		[1, "ALTER TABLE $t ALTER COLUMN organization_id " . pick('SET NOT NULL', 'DROP NOT NULL')],
		[1, "ALTER TABLE $t ALTER COLUMN id " . pick('SET NOT NULL', 'DROP NOT NULL')],
		[2, "ALTER TABLE $t ADD COLUMN user_id text REFERENCES s1.users (id)"],
		[1, "ALTER TABLE $t ADD COLUMN x int, ADD COLUMN y int"],
		[2, "ALTER TABLE $t ADD FOREIGN KEY (x, y) REFERENCES s1.users (x, y)" . pick('', ' NOT VALID')],
		[2, "ALTER TABLE $t ADD FOREIGN KEY (user_id) REFERENCES s1.users (id)"],
		[1, "ALTER TABLE $t ADD FOREIGN KEY (organization_id) REFERENCES s1.users (id)"],
		[2, "ALTER TABLE $t ADD FOREIGN KEY (n) REFERENCES s1.pref (n)"],
		[2, "ALTER TABLE $t DROP CONSTRAINT $constraint" . pick('', ' CASCADE')],
		[1, "ALTER TABLE $t ADD PRIMARY KEY (organization_id, id)"],
		[1, "ALTER TABLE $t ADD UNIQUE (organization_id, id)"],
		[1, "ALTER TABLE $t ADD UNIQUE USING INDEX i$i"],
		[3, "ALTER TABLE $t INHERIT $other"],
		[3, "ALTER TABLE $t NO INHERIT $parent"],
		[3, "ALTER TABLE $parent ATTACH PARTITION $t " . pick('DEFAULT', 'FOR VALUES FROM (40) TO (50)')],
		[3, "ALTER TABLE $parent DETACH PARTITION $t"],
		[1, "ALTER TABLE $t OF fn.row_type"],
		[1, "ALTER TABLE $t NOT OF"],
		[1, "ALTER TABLE $t SET " . pick('LOGGED', 'UNLOGGED')],
		[1, "ALTER TABLE $t DISABLE ROW LEVEL SECURITY, ENABLE ROW LEVEL SECURITY"],
		[1, "ALTER TABLE $t RENAME COLUMN user_id TO user_key"],
		[1, "ALTER TABLE $t DROP COLUMN user_id"],
		[1, "ALTER TABLE $t DROP COLUMN x CASCADE"],
		[1, "ALTER TABLE $t ALTER COLUMN x TYPE bigint"],
		[1, "ALTER TABLE $t CLUSTER ON i$i"]);
}

sub on_policy
{
	my ($self, $relation) = @_;
	my $t = $relation->{name};
	my $p = pick(@{ $relation->{policies} }) // 'p_all';
	return weighted(
		[4, $self->policy($t)],
		[4, "DROP POLICY $p ON $t"],
		[2, "ALTER POLICY $p ON $t USING (" . $self->expression . ')'],
		[1, "ALTER POLICY $p ON $t WITH CHECK (" . $self->expression . ')'],
		[1, "ALTER POLICY $p ON $t TO " . pick('PUBLIC', 'regress_lab_app', 'regress_lab_other')],
		[1, "ALTER POLICY $p ON $t RENAME TO p_" . pick(qw(all select insert renamed))]);
}

sub on_index
{
	my ($self, $relation) = @_;
	my $i = pick(@{ $relation->{indexes} }) // ($self->schema . '.i1');
	return weighted(
		[5, $self->index($relation->{name})],
		[5, "DROP INDEX $i" . pick('', ' CASCADE')],
		[1, "ALTER INDEX $i RENAME TO i" . (1 + int rand 12)],
		[1, "REINDEX INDEX $i"],
		[1, "ALTER INDEX $i ATTACH PARTITION "
			. (pick(@{ $self->relation->{indexes} }) // 's1.i1')],
		[1, "ALTER INDEX $i SET (fillfactor = 50)"]);
}

# One statement, or a few that belong together.
sub action
{
	my ($self) = @_;
	my $relation = chance(0.75) ? $self->tenant_relation : $self->relation;
	my $t = $relation->{name};
	my $name = $self->new_name;
	my $schema = $self->schema;
	my $role = pick(qw(regress_lab_owner regress_lab_app regress_lab_other));

	my $what = weighted(
		[10, 'migration'], [6, 'family'], [5, 'child'], [22, 'alter'],
		[14, 'on_policy'], [10, 'on_index'], [5, 'grant'], [5, 'allow'],
		[4, 'disallow'], [4, 'create'], [5, 'drop'], [2, 'other'], [2, 'do'],
		[$self->{themes} ? 45 : 0, 'theme']);

	return $self->theme if $what eq 'theme';

	return $self->migration if $what eq 'migration';
	return $self->family if $what eq 'family';
	if ($what eq 'child')
	{
		my $parent = $self->tenant_relation;
		return $self->child($parent->{name}, $parent->{kind} eq 'p');
	}
	return $self->alter($relation) if $what eq 'alter';
	return $self->on_policy($relation) if $what eq 'on_policy';
	return $self->on_index($relation) if $what eq 'on_index';
	return $self->grant($t) if $what eq 'grant';
	return $self->allow if $what eq 'allow';
	if ($what eq 'disallow')
	{
		return weighted([4, "SELECT trovella_guard.disallow(format('%s.%s', quote_ident(schema_name), "
			  . "CASE table_name WHEN '*' THEN '*' ELSE quote_ident(table_name) END), rule) "
			  . 'FROM (SELECT * FROM trovella_guard.allowlist ORDER BY md5(table_name || rule) OFFSET '
			  . int(rand 4) . ' LIMIT 1) a'],
			[1, "UPDATE trovella_guard.allowlist SET rule = '" . pick('*', 'policy_missing') . "' WHERE table_name = 't2'"],
			[1, "UPDATE trovella_guard.allowlist SET table_name = 't3' WHERE table_name = 't" . (1 + int rand 4) . "'"],
			[1, "DELETE FROM trovella_guard.allowlist WHERE table_name = 't" . (1 + int rand 7) . "'"]);
	}
	if ($what eq 'create')
	{
		my $statement = weighted(
			[3, "CREATE TABLE $name (" . $self->columns . ')'],
			[2, "CREATE TABLE $name AS SELECT 'x' AS id, 'a'::text AS organization_id"],
			[2, "CREATE TABLE $name AS TABLE $t"],
			[1, "SELECT * INTO $name FROM $t"],
			[2, "CREATE TABLE $name (LIKE $t INCLUDING ALL)"],
			[1, "CREATE UNLOGGED TABLE $name (LIKE $t INCLUDING INDEXES)"],
			[2, "CREATE TABLE $name OF fn.row_type"],
			[1, "CREATE TEMP TABLE " . $self->bare_name . ' (id text, organization_id text)'],
			[1, "CREATE TABLE IF NOT EXISTS $name (id text, organization_id text)"],
			[$self->{preload} ? 1 : 0,
				"EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) CREATE TABLE $name AS SELECT 'a'::text AS organization_id"],
			[1, 'CREATE SCHEMA n' . (1 + int rand 3)
				. " CREATE TABLE t1 (id text, organization_id text)"],
			[1, 'CREATE SCHEMA n' . (1 + int rand 3)],
			[2, "CREATE VIEW $schema.v1 AS SELECT * FROM $t"]);
		$self->remember($name);
		return $statement;
	}
	if ($what eq 'drop')
	{
		return weighted(
			[4, "DROP TABLE $t" . pick('', ' CASCADE')],
			[1, 'DROP SCHEMA n' . (1 + int rand 3) . ' CASCADE'],
			[1, "DROP FUNCTION fn.mine(text) CASCADE"],
			[1, "DROP OWNED BY $role"],
			[1, "REASSIGN OWNED BY $role TO regress_lab_owner"],
			[1, 'DROP TYPE fn.row_type CASCADE']);
	}
	if ($what eq 'do')
	{
		my @inner = map { my $s = $_; $s =~ s/'/''/g; "EXECUTE '$s';" } $self->action;
		my $body = join ' ', @inner;
		# the block's own quoting cannot hold another one
		return 'SELECT 1' if $body =~ /\$/;
		return "DO \$\$ BEGIN $body END \$\$" if chance(0.4);
		return 'DO $$ BEGIN BEGIN ' . $body
		  . (chance(0.4) ? ' RAISE division_by_zero;' : '')
		  . ' EXCEPTION WHEN OTHERS THEN NULL; END; END $$';
	}
	return weighted(
		[2, 'CREATE OR REPLACE FUNCTION fn.mine(text) RETURNS bool LANGUAGE '
			. pick("sql STABLE AS 'SELECT true'",
				"sql STABLE AS 'SELECT \$1 = current_setting(''app.current_organization_id'', true)'",
				"plpgsql STABLE AS 'BEGIN RETURN true; END'")],
		[1, 'ALTER SCHEMA n' . (1 + int rand 3) . ' RENAME TO n' . (1 + int rand 3)],
		[1, "ALTER DEFAULT PRIVILEGES IN SCHEMA $schema "
			. pick("GRANT SELECT ON TABLES TO $role", "REVOKE ALL ON TABLES FROM $role")],
		[2, 'ALTER TYPE fn.row_type '
			. pick('ADD ATTRIBUTE organization_id text', 'DROP ATTRIBUTE organization_id',
				'RENAME ATTRIBUTE id TO organization_id', 'RENAME ATTRIBUTE organization_id TO org',
				'ADD ATTRIBUTE z int', 'DROP ATTRIBUTE z') . ' CASCADE'],
		[1, 'CREATE TYPE fn.row_type AS (id text, organization_id text)'],
		[1, "INSERT INTO $t (organization_id) VALUES ('a')"],
		[1, "TRUNCATE $t"],
		[1, "COMMENT ON TABLE $t IS 'x'"],
		[1, "ANALYZE $t"],
		[1, "SET LOCAL search_path = $schema"]);
}

# Savepoints around some of the statements.
sub with_savepoints
{
	my ($self, @actions) = @_;
	my @statements;
	my $n = 0;
	foreach my $action (@actions)
	{
		if (chance(0.6))
		{
			push @statements, @$action;
			next;
		}
		$n++;
		my $cut = int rand(@$action + 1);
		push @statements, @{$action}[ 0 .. $cut - 1 ], "SAVEPOINT s$n",
		  @{$action}[ $cut .. $#$action ];
		push @statements, "SAVEPOINT inner$n", $self->action, "RELEASE inner$n"
		  if chance(0.2);
		push @statements, weighted([3, "ROLLBACK TO s$n"], [4, "RELEASE s$n"], [1, 'SELECT 1']);
	}
	return @statements;
}

# A transaction: a list of statements, BEGIN and COMMIT among them.
sub transaction
{
	my ($self) = @_;
	my $kind = weighted([55, 'block'], [20, 'single'], [5, 'commits'],
		[$self->{prepared} // 4, 'prepared'], [4, 'off'], [2, 'rule'], [3, 'reconnect'], [1, 'chain'],
		[0.4, 'extension'], [5, 'concurrently'], [3, 'owner'],
		[$self->likes('Commands') * 0.9, 'many'], [$self->likes('Hostile') * 8, 'trojan']);
	$kind = 'block' if !$self->{fancy} && $kind =~ /^(commits|prepared|reconnect|chain)$/;

	return '\c' if $kind eq 'reconnect';
	return ($self->action)[0] if $kind eq 'single';
	return Lab::Grammar::Commands::many() if $kind eq 'many';
	return Lab::Grammar::Hostile::trojan() if $kind eq 'trojan';
	if ($kind eq 'extension')
	{
		return pick('DROP EXTENSION trovella_guard CASCADE', 'CREATE EXTENSION trovella_guard',
			'CREATE EXTENSION trovella_guard');
	}
	if ($kind eq 'concurrently')
	{
		my $relation = $self->tenant_relation;
		my $index = pick(@{ $relation->{indexes} }) // 's1.i1';
		my $create = $self->index($relation->{name});
		$create =~ s/ INDEX / INDEX CONCURRENTLY /;
		return weighted([3, $create], [3, "DROP INDEX CONCURRENTLY $index"],
			[1, "REINDEX INDEX CONCURRENTLY $index"],
			[1, "REINDEX TABLE CONCURRENTLY $relation->{name}"],
			[2, 'ALTER TABLE ' . (pick(@{ $relation->{parents} }) // 's1.t1')
				. " DETACH PARTITION $relation->{name} CONCURRENTLY"]);
	}

	my @actions = map { [ $self->action ] } 1 .. weighted([4, 1], [3, 2], [2, 4], [1, 8]);
	if ($kind eq 'commits')
	{
		my $body = '';
		foreach my $action (@actions)
		{
			$body .= join(' ', map { my $s = $_; $s =~ s/'/''/g; "EXECUTE '$s';" } @$action);
			$body .= ' ' . pick('COMMIT;', 'COMMIT;', 'ROLLBACK;', 'COMMIT AND CHAIN;') . ' ';
		}
		return 'SELECT 1' if $body =~ /\$/;
		return "DO \$\$ BEGIN $body END \$\$" if chance(0.5);
		return ("CREATE OR REPLACE PROCEDURE fn.work() LANGUAGE plpgsql AS \$\$ BEGIN $body END \$\$",
			'CALL fn.work()');
	}

	my @statements = ('BEGIN' . weighted([8, ''], [1, ' ISOLATION LEVEL REPEATABLE READ'],
			[1, ' ISOLATION LEVEL SERIALIZABLE']));
	push @statements, 'SET LOCAL trovella_guard.mode = ' . pick('off', 'off', 'warn') if $kind eq 'off';
	push @statements, 'SET LOCAL trovella_guard.rules = \''
	  . pick(qw(rls_disabled policy_missing tenant_index_missing fk_index_missing))
	  . '=' . pick(qw(warning off info)) . ", table_unclassified=warning'" if $kind eq 'rule';
	push @statements, 'SET LOCAL ROLE regress_lab_owner' if $kind eq 'owner';
	push @statements, $self->{fancy} && chance(0.5) ? $self->with_savepoints(@actions)
	  : map { @$_ } @actions;
	if ($kind eq 'prepared')
	{
		my $gid = 'lab' . int rand 1e9;
		return (@statements, "PREPARE TRANSACTION '$gid'",
			(chance(0.3) ? ('\c') : ()),
			pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$gid'");
	}
	return (@statements, 'COMMIT AND CHAIN', (map { $self->action } 1 .. 2), 'COMMIT')
	  if $kind eq 'chain';
	push @statements, $pending if chance(0.2);
	return (@statements, chance(0.05) ? 'ROLLBACK' : 'COMMIT');
}

1;
