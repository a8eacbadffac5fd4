#!/usr/bin/env perl
#
# drizzle.t
#	The guard as a team that works with Drizzle meets it: drizzle-kit writes
#	the migrations of the project in this directory and applies them to a
#	guarded database.  What follows the checklist commits without a message; each of
#	the checklist's common mistakes is refused, in words that reach the
#	terminal, and leaves nothing behind.
#
# Needs node 18 or later, npm and psql, and in PGHOST, PGUSER and, if need be,
# PGPORT a superuser of a temporary server that has the extension installed.
# Makes databases of its own and drops them again.

use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use Test::More;

use lib "$FindBin::RealBin/../perl";
use Client qw(run sql slurp spew npm_install $database);

my $project = $FindBin::Bin;
my @committed =
  qw(drizzle.config.ts migrate.mjs migrations provision.sql schema);

for my $program (qw(node npm psql))
{
	die "$program is needed\n" if system("command -v $program >/dev/null");
}

# ---------------------------------------------------------------- helpers

sub drizzle_kit { return run('node_modules/.bin/drizzle-kit', @_) }

my @databases;

# Makes a database, perhaps as a copy of another one, and has the following
# commands work on it: what a test commits is not there for the next one.
sub new_database
{
	my $template = shift // 'template1';

	$database = "trovella_guard_drizzle_$$" . '_' . scalar @databases;
	my $output = run(qw(createdb -O migrator -T), $template, $database);
	die $output if $?;
	push @databases, $database;
	use_database($database);
	return;
}

# Has the following commands work on a database: psql as the superuser,
# drizzle as a role that is none.
sub use_database
{
	$database = shift;

	# The host may be the directory of a socket, which is no host in a URL.
	my %query = (
		host => $ENV{PGHOST},
		port => $ENV{PGPORT},
		user => 'migrator',
		password => 'migrator');
	s/([^A-Za-z0-9_.-])/sprintf '%%%02X', ord $1/ge for values %query;
	$ENV{DATABASE_URL} = "postgresql:///$database?" . join '&',
	  map { "$_=$query{$_}" } sort keys %query;
	return;
}

sub provision
{
	my $output = run(qw(psql -Xq -v ON_ERROR_STOP=1 -d), $database,
		qw(-f provision.sql));
	die $output if $?;
	return;
}

# Puts the working copy back to the committed project, or to what it was
# before its last migration.
sub restore
{
	my %how = @_;

	system(qw(rm -rf schema migrations)) == 0
	  && system('cp', '-R', (map { "$project/$_" } @committed), '.') == 0
	  or die 'cannot copy the project';
	return unless $how{without_last};

	my $journal = decode_json(slurp('migrations/meta/_journal.json'));
	my $last = pop @{ $journal->{entries} };
	spew('migrations/meta/_journal.json', encode_json($journal));
	unlink "migrations/$last->{tag}.sql",
	  sprintf('migrations/meta/%04d_snapshot.json', $last->{idx});
	return;
}

# Generates the next migration; returns its name and its text.  drizzle skips
# a migration whose time in the journal is not later than that of the last one
# applied, so the committed ones are dated to the beginning of 2026.
sub generate
{
	my $name = shift;

	my $output = drizzle_kit('generate', "--name=$name");
	my ($file) = glob "migrations/[0-9]*_$name.sql";
	die $output unless $file;
	return ($file, slurp($file));
}

# All that a migration might change in the database: everything that is not
# PostgreSQL's own, and what drizzle believes to have applied.
sub contents
{
	return split /\n/, sql(<<~'SQL');
		SELECT pg_describe_object(classid, objid, 0) FROM (
		  SELECT tableoid, oid FROM pg_class UNION ALL
		  SELECT tableoid, oid FROM pg_type UNION ALL
		  SELECT tableoid, oid FROM pg_constraint UNION ALL
		  SELECT tableoid, oid FROM pg_policy) o(classid, objid)
		WHERE objid >= 16384
		UNION ALL
		SELECT 'row security of ' || oid::regclass FROM pg_class
		WHERE relrowsecurity
		UNION ALL
		SELECT 'migration ' || hash FROM drizzle.__drizzle_migrations
		SQL
}

# The difference that something made to that.
sub changes_since
{
	my %count;

	$count{$_}-- for @_;
	$count{$_}++ for contents();
	return join "\n", map { ($count{$_} < 0 ? '-' : '+') . " $_" }
	  grep { $count{$_} } sort keys %count;
}

# ------------------------------------------------------------ preparation

my $before = getcwd();
npm_install($project);
my $work = tempdir('drizzle_XXXXXX', TMPDIR => 1, CLEANUP => 1);
chdir $work or die "$work: $!";
symlink "$project/node_modules", 'node_modules' or die "symlink: $!";
restore();

# Roles belong to the whole server, so only those that are new are ours.
$database = 'postgres';
my @roles = grep { sql("SELECT to_regrole('$_')") eq '' }
  qw(authenticated migrator);
if (grep { $_ eq 'migrator' } @roles)
{
	my $output =
	  sql(q{CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'migrator'});
	die $output if $?;
}

END
{
	my $status = $?;
	$database = 'postgres';
	sql("DROP DATABASE IF EXISTS $_") for @databases;
	sql("DROP ROLE IF EXISTS $_") for @roles;
	chdir $before if defined $before;
	$? = $status;
}

# -------------------------------------------------- what follows the rules

unlike(slurp("$project/package-lock.json"), qr/"resolved"/,
	'the lock file names no registry');

like(drizzle_kit('generate'), qr/No schema changes/,
	'the committed migrations say what the schema says');

new_database();
provision();
is(run(qw(node migrate.mjs)), '',
	'migrate.mjs: the whole project commits without a word');
is($?, 0, '... and succeeds');
is(sql(q{SELECT count(*) FROM drizzle.__drizzle_migrations}),
	4, '... with all its migrations');
is(sql(q{SELECT * FROM trovella_guard.check() WHERE level <> 'info'}),
	'', '... and the audit has nothing to say');

# Not the guard's doing, but what it is for.
sql(<<~'SQL');
	INSERT INTO "user" VALUES ('u', default, default, 'U', 'u@example.org');
	INSERT INTO feature_item (id, organization_id, user_id, name)
	VALUES ('1', 'ours', 'u', 'our spoon'), ('2', 'theirs', 'u', 'their spoon');
	SQL
my $as_ours = 'SET ROLE authenticated; SET app.current_organization_id = ours;';
is(sql("$as_ours SELECT name FROM feature_item"),
	'our spoon', 'a tenant sees its own rows only');
like(
	sql(qq{$as_ours INSERT INTO feature_item
		(id, organization_id, user_id, name)
		VALUES ('3', 'theirs', 'u', 'planted')}),
	qr/new row violates row-level security policy/,
	'... and cannot write for another tenant');
is( sql(q{SELECT count(*) FROM feature_item WHERE search_vector @@ 'spoon'}),
	2, 'the column that was added by hand is there');

# ------------------------------------------------------ the common mistakes

# Applies the next migration, which has to be refused, with drizzle-kit and
# with migrate.mjs, and then once more with the repair that the hint offers.
sub refused
{
	my ($rules, $file) = @_;
	my @before = contents();
	my $refusal =
	  quotemeta qq{commit refused: table "public.feature_item" breaks $rules};

	my $output = drizzle_kit('migrate');
	isnt($?, 0, 'drizzle-kit migrate fails');
	like($output, qr/$refusal$/m, '... and says why');
	# As node shows a string: in quotes, line feeds spelled out.
	like($output, qr/detail: .*(?:["'`]|\\n)$_\b/s, "... in detail: $_")
	  for split /, /, $rules;
	like($output, qr/hint: .*Add this to the migration, before COMMIT:/s,
		'... and what to do about it');
	is(changes_since(@before), '', '... and leaves nothing behind');

	$output = run(qw(node migrate.mjs));
	isnt($?, 0, 'migrate.mjs fails');
	like($output, qr/^ERROR:  $refusal$/m, '... and says why');
	like($output, qr/^$_\b/m, "... in detail: $_") for split /, /, $rules;
	like($output, qr/^(?:Or: )?Add this to the migration, before COMMIT:$/m,
		'... and what to do about it');
	unlike($output, qr/^WARNING/m, '... and nothing besides');
	is(changes_since(@before), '', '... and leaves nothing behind');

	my ($repair) =
	  $output =~ /^(?:Or: )?Add this to the migration.*?:\n(.*?)^(?:If|See) /ms;
	spew($file, join "--> statement-breakpoint\n", slurp($file), $repair // '');
	is(run(qw(node migrate.mjs)), '', 'repaired as proposed, it commits');
	return;
}

# Makes a change to the text of a file of the schema.
sub edit
{
	my ($file, $change) = @_;

	local $_ = slurp("schema/$file");
	ok($change->(), "$file is changed");
	spew("schema/$file", $_);
	return;
}

my $insert = q{INSERT INTO feature_item (id, organization_id, user_id, name)
	SELECT id, 'ours', id, 'spoon' FROM "user";};

my @mistakes = (
	{
		# The policies are written by hand, so nothing but .enableRLS()
		# makes drizzle-kit enable row-level security.
		name => 'no_enable_rls',
		change => sub {
			s/^ *\.\.\.tenantPolicies.*\n//m && s/\)\.enableRLS\(\);/);/;
		},
		append => join("--> statement-breakpoint\n", '',
			slurp("$project/migrations/0003_feature_item.sql") =~
			  /^(CREATE POLICY .*?;)/mg),
		lacks => qr/ENABLE ROW LEVEL SECURITY/,
		rules => 'rls_disabled',
	},
	{
		name => 'no_policies',
		change => sub {
			s/^ *\.\.\.tenantPolicies.*\n//m && s/\)\.enableRLS\(\);/);/;
		},
		lacks => qr/CREATE POLICY/,
		rules => 'rls_disabled, policy_missing',
	},
	{
		# The table happens to have a column of the default name.
		name => 'wrong_column',
		change => sub {
			s/(tenantPolicies\("feature_item"), "organization_id"/$1/
			  && s/^( *)name: text/$1tenantId: text("tenant_id"),\n$&/m;
		},
		rules => 'policy_unscoped',
	},
	{
		name => 'no_foreign_key_index',
		change => sub { s/^ *index\("feature_item_userId_idx.*\n//m },
		lacks => qr/CREATE INDEX "feature_item_userId_idx"/,
		rules => 'fk_index_missing',
	},
	{
		# A test with the bare connection writes as a superuser.
		name => 'superuser_writes',
		change => sub {
			s/(tenantPolicies\("feature_item", "organization_id"\))/$1.slice(0, 1)/;
		},
		lacks => qr/FOR INSERT/,
		session => [ $insert, '\echo written by the superuser',
			$as_ours, $insert ],
		shows => qr/written by the superuser\n.*violates row-level security/s,
		rules => 'policy_missing',
	},
	{
		# ... and reads with a WHERE of its own.
		name => 'superuser_reads',
		change => sub {
			s/\.\.\.tenantPolicies\("feature_item", "organization_id"\)/...everybody/
			  && s/import \{ index/import { sql } from "drizzle-orm";
import { index, pgPolicy/
			  && s/^export const featureItem =/const everybody = [
  pgPolicy("feature_item_everybody", { using: sql`true` }),
];

$&/m;
		},
		session => [ $insert, $as_ours, 'SET app.current_organization_id = other;',
			'SELECT organization_id FROM feature_item;' ],
		shows => qr/ours/,
		rules => 'policy_unscoped',
	},
);

new_database();
provision();
restore(without_last => 1);
like(drizzle_kit('migrate'), qr/migrations applied successfully/,
	'drizzle-kit migrate: all but the last migration commit');
my $base = $database;

foreach my $mistake (@mistakes)
{
	my $name = $mistake->{name};

	subtest $name => sub {
		new_database($base);
		restore(without_last => 1);
		edit('feature.ts', $mistake->{change});

		my ($file, $migration) = generate($name);
		unlike($migration, $mistake->{lacks}, 'the migration lacks it')
		  if $mistake->{lacks};
		if ($mistake->{append})
		{
			$migration .= $mistake->{append};
			spew($file, $migration);
		}
		if ($mistake->{session})
		{
			# A transaction that is not to commit is nobody's business.
			spew('session.sql', join "\n", 'BEGIN; SET ROLE migrator;',
				"$migration; RESET ROLE;",
				q{INSERT INTO "user" (id, name, email) VALUES ('u', 'U', 'u');},
				@{ $mistake->{session} });
			like(run(qw(psql -Xqt -v ON_ERROR_STOP=1 -f session.sql -d),
					$database),
				$mistake->{shows}, 'it works as a superuser only');
		}
		refused($mistake->{rules}, $file);
	};
}

subtest 'wrong_column, no such column' => sub {
	new_database($base);
	restore(without_last => 1);
	edit('feature.ts',
		sub { s/(tenantPolicies\("feature_item"), "organization_id"/$1/ });
	generate('no_such_column');

	# PostgreSQL knows better before the guard is asked.
	my @before = contents();
	like(run(qw(node migrate.mjs)),
		qr/^ERROR:  column "tenant_id" does not exist$/m,
		'PostgreSQL refuses it');
	is(changes_since(@before), '', '... and nothing is left');
};

subtest 'no_enable_rls, policies in the schema' => sub {
	restore(without_last => 1);
	edit('feature.ts', sub { s/\)\.enableRLS\(\);/);/ });

	my ($file, $migration) = generate('implied');
	like($migration, qr/ENABLE ROW LEVEL SECURITY/,
		'this drizzle-kit enables row-level security for them');
};

subtest 'push' => sub {
	new_database($base);
	restore();

	# Its exit code is 0 even so.
	my $output = drizzle_kit('push', '--force');
	like($output, qr/commit refused: table "public\.feature_item"/,
		'drizzle-kit push is refused');
	like($output, qr/same transaction/,
		'... and told what autocommit has to do with it');
	# It is not one transaction: the type that came before the table stays.
	is(sql(q{SELECT to_regclass('feature_item')}), '', '... and leaves no table');
};

# ------------------------------------------------- a right table stays right

use_database($base);
restore();
like(drizzle_kit('migrate'), qr/migrations applied successfully/,
	'drizzle-kit migrate: the right table commits after all');

subtest 'policies removed later' => sub {
	new_database($base);
	restore();
	edit('feature.ts', sub {
		s/^ *\.\.\.tenantPolicies.*\n//m && s/\)\.enableRLS\(\);/);/;
	});
	my ($file, $migration) = generate('policies_removed');
	like($migration, qr/DISABLE ROW LEVEL SECURITY/,
		'drizzle-kit disables row-level security');
	refused('rls_disabled, policy_missing', $file);
};

subtest 'index removed later' => sub {
	new_database($base);
	restore();
	edit('feature.ts', sub { s/^ *index\("feature_item_userId_idx.*\n//m });
	my ($file, $migration) = generate('index_removed');
	like($migration, qr/DROP INDEX/, 'drizzle-kit drops it');
	refused('fk_index_missing', $file);
};

subtest 'a global table that is on no list' => sub {
	use_database($base);
	restore();
	edit('config.ts', sub {
		$_ .= q{
export const country = pgTable("country", {
  id: text("id").primaryKey(),
  ...baseColumns,
});
};
	});

	my ($file, $migration) = generate('country');
	my $output = run(qw(node migrate.mjs));
	isnt($?, 0, 'migrate.mjs fails');
	like($output, qr/commit refused: table "public\.country" breaks table_unclassified/,
		'... and says why');
	sql("ALTER DATABASE $database SET trovella_guard.rules = 'table_unclassified=warning'");
	$output = run(qw(node migrate.mjs));
	is($?, 0, 'where it is a warning, migrate.mjs succeeds');
	like($output, qr/^WARNING:  .*"public\.country".*table_unclassified/m,
		'... with a warning');
};

unlike(drizzle_kit(qw(push --strict --verbose)), qr/"trovella_guard"/,
	'drizzle plans nothing for the schema trovella_guard');

done_testing();
