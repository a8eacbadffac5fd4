# ScopeGrammar: random sets of policies for the scope fuzzer, and their
# smaller relatives.
#
# An expression is a tree { fmt => '(%s AND %s)', kids => [...] }, whose kids
# are expressions in their turn where they may be replaced by something
# smaller; all else stands in the format.  A set is { kind, type, not_null,
# stays, policies => [ { name, permissive, command, roles, using, check } ] };
# "stays": nobody may UPDATE the tenant column.

package ScopeGrammar;

use strict;
use warnings;

my %types = (
	text => 'text',
	uuid => 'uuid',
	int => 'int',
	varchar => 'varchar(40)',
	domain => 'fuzz.org_domain',
	enum => 'fuzz.org_enum');
my %literals = (
	text => [ 'oA', 'oB' ],
	uuid => [
		'aaaaaaaa-0000-4000-8000-000000000000',
		'bbbbbbbb-0000-4000-8000-000000000000'
	],
	int => [ 1, 2 ],
	varchar => [ 'oA', 'oB' ],
	domain => [ 'oA', 'oB' ],
	enum => [ 'oA', 'oB' ]);
my %nobody = (
	text => q{''::text},
	uuid => q{'00000000-0000-0000-0000-000000000000'::uuid},
	int => '-1',
	varchar => q{'none'::varchar},
	domain => q{''::text},
	enum => 'NULL::fuzz.org_enum');

# A small generator of our own: the same seed gives the same sets everywhere.
my $state = 1;

sub seed
{
	# within 64 bits, or Perl would go on in floating point
	$state = (($_[0] % 4294967296) * 2654435761 + 12345) % 4294967296;
	rnd(2) for 1 .. 8;
	return;
}

sub rnd
{
	my ($n) = @_;
	$state = ($state * 1664525 + 1013904223) % 4294967296;
	return int($state / 65536) % $n;
}

sub pick { return $_[ rnd(scalar @_) ]; }
sub chance { return rnd(100) < $_[0]; }

sub leaf { return { fmt => $_[0], kids => [] }; }

sub render
{
	my ($node) = @_;
	my $fmt = $node->{fmt};
	my $i = 0;
	my @kids = map { render($_) } @{ $node->{kids} };
	$fmt =~ s/%s/$kids[$i++]/ge;
	return $fmt;
}

# ----------------------------------------------------------------
# Values
# ----------------------------------------------------------------

my $user = q{current_setting('app.user', true)};

sub literal { my ($k) = @_; return "'" . pick(@{ $literals{$k} }) . "'::$types{$k}"; }

sub cast { my ($k) = @_; return $k eq 'varchar' ? 'varchar' : $types{$k}; }

# A value that comes from the session.
sub session_value
{
	my ($k, $depth) = @_;
	my $t = cast($k);
	my $setting = "current_setting('app.org_$k', true)";
	my @choices = (
		sub { "$setting\::$t" },
		sub { "$setting\::$t" },
		sub { "nullif($setting, '')::$t" },
		sub { "coalesce(nullif($setting, '')::$t, $nobody{$k})" },
		sub { "(SELECT $setting\::$t)" },
		sub { "fuzz.org_$k()" },
		sub { "(SELECT fuzz.org_$k())" },
		sub { "(nullif(current_setting('app.claims', true), '')::jsonb ->> '$k')::$t" },
		sub { "(SELECT m.org_$k FROM fuzz.member m WHERE m.user_id = $user LIMIT 1)" },
		sub { "(SELECT max(m.org_$k\::text) FROM fuzz.member m WHERE m.user_id = $user)::$t" },
	);
	if ($depth > 0)
	{
		push @choices, (
			sub { 'coalesce(' . session_value($k, $depth - 1) . ', ' . session_value($k, $depth - 1) . ')' },
			sub { 'CASE WHEN ' . pick('is_public', 'fuzz.is_admin()', 'user_id IS NULL')
				. ' THEN ' . session_value($k, $depth - 1) . ' ELSE ' . session_value($k, $depth - 1) . ' END' },
			sub { 'greatest(' . session_value($k, 0) . ', ' . session_value($k, 0) . ')' },
			sub { 'nullif(' . session_value($k, $depth - 1) . ', ' . literal($k) . ')' });
	}
	return pick(@choices)->();
}

# A value that looks like one and is none, or may be none.
sub other_value
{
	my ($k) = @_;
	my $t = cast($k);
	return pick(
		sub { literal($k) },
		sub { 'organization_id' },
		sub { 'other_org' },
		sub { 'coalesce(' . session_value($k, 0) . ', organization_id)' },
		sub { 'coalesce(' . session_value($k, 0) . ', other_org)' },
		sub { 'coalesce(' . session_value($k, 0) . ', ' . literal($k) . ')' },
		sub { 'coalesce(' . literal($k) . ', ' . session_value($k, 0) . ')' },
		sub { 'nullif(' . literal($k) . ', ' . session_value($k, 0) . ')' },
		sub { 'CASE WHEN is_public THEN organization_id ELSE ' . session_value($k, 0) . ' END' },
		sub { 'CASE WHEN fuzz.is_admin() THEN ' . literal($k) . ' ELSE ' . session_value($k, 0) . ' END' },
		sub { "fuzz.frozen_$k()" },
		sub { "fuzz.volatile_$k()" },
		sub { "(SELECT " . literal($k) . ")" },
		sub { "set_config('app.org_$k', organization_id::text, false)::$t" },
		sub { "(SELECT max(m.org_$k\::text) FROM fuzz.member m)::$t" },
		sub { "(SELECT m.org_$k FROM fuzz.member m WHERE m.org_$k = organization_id)" },
		sub { "coalesce((timestamp 'infinity')::time::text, organization_id::text)::$t" },
		sub { "coalesce((timestamp 'infinity')::time::text, current_setting('app.org_$k', true))::$t" },
		sub { $k eq 'int' ? pick("length(current_setting('app.org_int', true))",
				"(SELECT o::int FROM string_to_table(current_setting('app.org_int', true), ',') WITH ORDINALITY u (x, o) LIMIT 1)",
				"(SELECT count(m.user_id)::int FROM fuzz.member m WHERE m.user_id = $user)",
				"current_setting('app.org_int', true)::int / current_setting('app.org_int', true)::int", "sign(current_setting('app.org_int', true)::int)::int", "(SELECT rank() OVER (ORDER BY m.role)::int FROM fuzz.member m WHERE m.user_id = $user LIMIT 1)")
			: $k =~ /text|varchar/ ? pick("left(current_setting('app.org_$k', true), 0) || 'oA'", "current_setting('app.org_$k', true) || 'oA'",
				"(SELECT string_agg('oA', ',' ORDER BY m.role) FROM fuzz.member m WHERE m.user_id = $user)",
				"(SELECT string_agg('', 'oA' ORDER BY m.role) || current_setting('app.org_$k', true) FROM fuzz.member m WHERE m.user_id = $user)",
				"'o' || chr(65 + length(current_setting('app.org_$k', true)) - length(current_setting('app.org_$k', true)))",
				"(SELECT jsonb_object_keys(to_jsonb(x)) FROM (SELECT current_setting('app.org_$k', true) AS \"oA\") x)",
				"(SELECT m.org_$k FROM fuzz.member m WHERE m.user_id = left($user, 0) || 'u1' LIMIT 1)")
			: $k eq 'enum' ? "enum_last(current_setting('app.org_enum', true)::fuzz.org_enum)" : 'organization_id' },
	)->();
}

sub value { my ($k, $good) = @_; return chance($good ? 96 : 50) ? session_value($k, 2) : other_value($k); }

# ----------------------------------------------------------------
# Conditions without the tenant, and sub-selects
# ----------------------------------------------------------------

# A switch of administrators, which may be open by default.
sub bypass
{
	my $setting = pick(q{current_setting('app.bypass', true)}, q{current_setting('app.bypass', true)}, q{current_setting('app.bypass')},
		q{(SELECT current_setting('app.bypass', true))}, q{nullif(current_setting('app.bypass', true), '')},
		q{coalesce(current_setting('app.bypass', true), 'off')}, q{coalesce(nullif(current_setting('app.bypass', true), ''), 'on')},
		q{lower(current_setting('app.bypass', true))}, q{coalesce(current_setting('app.bypass', true), '')});
	return leaf(pick("$setting = 'on'", "'on' = $setting", "$setting\::boolean", "$setting IN ('on', 'true')", "$setting IN ('on', '')",
		"$setting <> 'off'", "$setting IS NULL", "$setting = ''", "coalesce($setting = 'on', false)", "coalesce($setting\::boolean, true)",
		'fuzz.is_root()', '(SELECT fuzz.is_root())', 'coalesce(fuzz.is_root(), true)'));
}

sub free_condition
{
	my ($k) = @_;
	return bypass() if chance(12);
	return leaf(pick(
		'is_public', 'is_public', 'is_public IS TRUE', 'is_public IS NOT TRUE',
		"user_id = $user", "user_id = $user", 'user_id IS NULL', "fuzz.owns(user_id)",
		"user_id = ANY (string_to_array($user, ','))", "user_id IN (SELECT $user)", "user_id <> $user",
		"user_id IS NOT DISTINCT FROM $user",
		"other_org = fuzz.org_$k()", 'true', 'false', 'NULL::boolean', '1 = 1', '1 = 2',
		q{current_setting('app.role', true) = 'admin'}, 'fuzz.is_admin()',
		"fuzz.org_$k() IS NULL", "coalesce(current_setting('app.org_$k', true), '') = ''",
		'organization_id IS NOT NULL', 'organization_id IS NULL',
		"organization_id::text LIKE current_setting('app.org_$k', true)",
		"fuzz.is_mine_$k(organization_id)", 'random() < 0.5',
		"EXISTS (SELECT 1 FROM fuzz.member m WHERE m.user_id = $user)",
		"EXISTS (SELECT 1 FROM fuzz.member m WHERE m.user_id = item.user_id)",
		"EXISTS (SELECT 1 FROM fuzz.guarded_member m WHERE m.user_id = item.user_id)",
		'user_id IN (SELECT m.user_id FROM fuzz.guarded_member m)',
		"user_id IN (SELECT m.user_id FROM fuzz.member m WHERE m.org_$k = fuzz.org_$k())",
		"(timestamp 'infinity')::time IS NULL", "coalesce((timestamp 'infinity')::time::text, $user) IS NULL",
		"EXISTS (SELECT count(*) FROM fuzz.member m WHERE m.org_$k = organization_id AND m.user_id = $user)",
		"EXISTS (SELECT count(*) FROM fuzz.member m WHERE m.user_id = $user HAVING count(*) > 0)",
		"EXISTS (SELECT FROM fuzz.member m WHERE m.org_$k = organization_id AND m.user_id = $user GROUP BY ROLLUP (m.role))",
		"EXISTS (SELECT 1 WHERE organization_id = fuzz.org_$k() " . pick('UNION ALL', 'INTERSECT', 'EXCEPT') . " SELECT 1 WHERE is_public)",
		"EXISTS (SELECT 1 UNION ALL SELECT 1 WHERE organization_id = fuzz.org_$k())",
		"EXISTS (SELECT FROM (VALUES (1)) v (x) LEFT JOIN fuzz.member m ON m.org_$k = organization_id AND m.user_id = $user)"));
}

# A condition on fuzz.member m.
sub member_condition
{
	my ($k, $good) = @_;
	my @bound = (
		"m.user_id = $user", "m.user_id = $user",
		"$user = m.user_id AND m.role <> 'guest'",
		"m.user_id IN (SELECT n.user_id FROM fuzz.member n WHERE n.user_id = $user)",
		"m.user_id = ANY (string_to_array($user, ','))",
		"m.org_$k = fuzz.org_$k()",
		"m.org_$k = organization_id AND m.user_id = $user");
	my @loose = (
		'true', "m.org_$k = organization_id", "m.org_$k = item.organization_id",
		"m.user_id = $user OR m.role = 'admin'",
		"m.user_id = $user OR fuzz.is_admin()", "m.user_id <> $user",
		"m.role = 'admin'", "m.user_id = item.user_id", "$user IS NULL");
	return chance($good ? 96 : 40) ? pick(@bound) : pick(@loose);
}

sub tenant_query
{
	my ($k, $good) = @_;
	my $t = cast($k);
	my $c = member_condition($k, $good);
	return pick(
		sub { "SELECT m.org_$k FROM fuzz.member m WHERE $c" },
		sub { "SELECT m.org_$k FROM fuzz.member m WHERE $c" },
		sub { "SELECT m.org_$k FROM fuzz.guarded_member m WHERE $c" },
		sub { "SELECT n.org_$k FROM fuzz.member m JOIN fuzz.member n ON n.org_$k = m.org_$k WHERE $c" },
		sub { "SELECT n.org_$k FROM fuzz.member m, fuzz.member n WHERE $c" . ($good ? " AND n.org_$k = m.org_$k" : '') },
		sub { "SELECT n.org_$k FROM fuzz.member n LEFT JOIN fuzz.member m ON m.org_$k = n.org_$k AND $c" . ($good ? " WHERE m.user_id = $user" : '') },
		sub { "WITH mine AS (SELECT m.org_$k AS o FROM fuzz.member m WHERE $c) SELECT o FROM mine" },
		sub { "SELECT x.o FROM (SELECT m.org_$k AS o FROM fuzz.member m WHERE $c) x" },
		sub { "SELECT x.o FROM (SELECT m.user_id, m.role, m.org_$k, n.org_$k AS o FROM fuzz.member m, fuzz.member n"
				. ($good || chance(30) ? " WHERE n.org_$k = m.org_$k" : '') . ") x, LATERAL (SELECT x.user_id, x.role, x.org_$k) m WHERE $c" },
		sub { "SELECT m.o FROM (SELECT m.user_id, m.role, m.org_$k, n.org_$k AS o FROM fuzz.member m, fuzz.member n"
				. ($good || chance(30) ? " WHERE n.org_$k = m.org_$k" : '') . ") m WHERE $c" },
		sub { "SELECT m.o FROM fuzz.member n, LATERAL (SELECT m.user_id, m.role, m.org_$k, n.org_$k AS o FROM fuzz.member m"
				. ($good || chance(30) ? " WHERE n.org_$k = m.org_$k" : '') . ") m WHERE $c" },
		sub { "WITH m AS (SELECT m.user_id, m.role, m.org_$k, n.org_$k AS o FROM fuzz.member m, fuzz.member n"
				. ($good || chance(30) ? " WHERE n.org_$k = m.org_$k" : '') . ") SELECT m.o FROM m WHERE $c" },
		sub { "SELECT x.o FROM (SELECT $user AS u, n.org_$k AS o FROM fuzz.member n) x JOIN fuzz.member m ON m.user_id = x.u WHERE $c"
				. ($good ? " AND m.org_$k = x.o" : '') },
		sub { "SELECT m.org_$k FROM fuzz.member m WHERE $c UNION SELECT " . value($k, $good) },
		sub { "SELECT m.org_$k FROM fuzz.member m WHERE $c INTERSECT SELECT n.org_$k FROM fuzz.member n" },
		sub { "SELECT fuzz.orgs_$k()" },
		sub { "SELECT o FROM fuzz.orgs_$k() o" },
		sub { "SELECT unnest(string_to_array(current_setting('app.org_$k', true), ','))::$t" },
		sub { 'VALUES (' . value($k, $good) . '), (' . value($k, $good) . ')' },
		sub { "SELECT m.org_$k FROM fuzz.member m WHERE $c GROUP BY m.org_$k HAVING count(*) > 0" },
	)->();
}

# ----------------------------------------------------------------
# Comparisons with the tenant column
# ----------------------------------------------------------------

# One that confines where it is true (if "good", nearly always).
sub comparison
{
	my ($k, $good) = @_;
	my $t = cast($k);
	my $v = value($k, $good);
	my $w = value($k, $good);
	my $q = tenant_query($k, $good);
	return pick(
		sub { leaf("organization_id = $v") },
		sub { leaf("organization_id = $v") },
		sub { leaf("organization_id = $v") },
		sub { leaf("$v = organization_id") },
		sub { leaf("organization_id::text = ($v)::text") },
		sub { leaf("(SELECT organization_id) = $v") },
		sub { leaf("nullif(organization_id, " . literal($k) . ") = $v") },
		sub { leaf("organization_id IN ($v, $w)") },
		sub { leaf("organization_id = ANY (ARRAY[$v, $w])") },
		sub { leaf("organization_id = ANY (string_to_array(current_setting('app.org_$k', true), ',')::$t\[])") },
		sub { leaf("organization_id = ANY (ARRAY($q))") },
		sub { leaf("organization_id IN ($q)") },
		sub { leaf("organization_id IN ($q)") },
		sub { leaf("organization_id IS NOT DISTINCT FROM $v") },
		sub { leaf("(organization_id, user_id) = ($v, $user)") },
		sub { leaf("(organization_id, is_public) IN ((($v), true), (($w), false))") },
		sub { leaf("(SELECT organization_id = $v)") },
		sub { leaf("EXISTS (SELECT 1 WHERE organization_id = $v)") },
		sub {
			# decidable by PostgreSQL, but meant to be left unproven
			return leaf("organization_id = $v") if $good;
			return leaf("EXISTS (SELECT 1 FROM fuzz.member m WHERE m.org_$k = item.organization_id AND " . member_condition($k, $good) . ')');
		},
		sub { leaf("EXISTS (SELECT 1 FROM fuzz.member m WHERE item.organization_id = $v)") },
		sub { leaf("organization_id = (CASE WHEN is_public THEN $v ELSE $w END)") },
		sub { leaf("CASE organization_id WHEN $v THEN true ELSE false END") },
		sub { leaf("(CASE WHEN is_public THEN organization_id END) = $v") },
	)->();
}

# One that confines where it is false.
sub counter_comparison
{
	my ($k, $good) = @_;
	my $v = value($k, $good);
	my $w = value($k, $good);
	my $q = tenant_query($k, $good);
	return pick(
		sub { leaf("organization_id <> $v") },
		sub { leaf("$v <> organization_id") },
		sub { leaf("organization_id NOT IN ($v, $w)") },
		sub { leaf("organization_id <> ALL (ARRAY[$v, $w])") },
		sub { leaf("organization_id NOT IN ($q)") },
		sub { leaf("organization_id <> ALL ($q)") },
		sub { leaf("organization_id IS DISTINCT FROM $v") },
		sub { leaf("(organization_id, user_id) <> ($v, $user)") },
		sub { leaf("organization_id = ALL (ARRAY($q))") },
	)->();
}

sub nasty_comparison
{
	my ($k) = @_;
	my $v = value($k, 0);
	return leaf(pick(
		"organization_id >= $v", "organization_id <= $v", "organization_id <> ANY (ARRAY[$v])",
		"organization_id = ALL (ARRAY[$v])", "organization_id = ALL (ARRAY(" . tenant_query($k, 0) . '))',
		"left(organization_id::text, 1) = left(($v)::text, 1)", "lower(organization_id::text) = lower(($v)::text)",
		"organization_id BETWEEN $v AND " . value($k, 0), "organization_id BETWEEN $v AND $v",
		"NOT (organization_id < $v OR organization_id > $v)", "organization_id = other_org AND other_org = $v", "length(organization_id::text) = length(($v)::text)",
		"(organization_id, id) > ($v, 0)",
		"organization_id::text ~ ($v)::text", "starts_with(($v)::text, organization_id::text)",
		"ARRAY[organization_id::text] @> string_to_array(($v)::text, ',')", "strpos(organization_id::text, ($v)::text) = 1", "coalesce(organization_id, $v) = $v",
		"organization_id = ANY (ARRAY[$v] || ARRAY[" . value($k, 0) . '])'));
}

# ----------------------------------------------------------------
# Boolean expressions
# ----------------------------------------------------------------

sub node { my ($fmt, @kids) = @_; return { fmt => $fmt, kids => [@kids] }; }

sub anything { my ($k, $d) = @_; return pick(\&confined, \&avoided, \&wild, \&wild)->($k, $d); }

# Likely to confine where it is true.
sub confined
{
	my ($k, $d) = @_;
	return comparison($k, 1) if $d <= 0 || chance(35);
	$d--;
	return pick(
		sub { node('(%s AND %s)', confined($k, $d), anything($k, $d)) },
		sub { node('(%s AND %s)', anything($k, $d), confined($k, $d)) },
		sub { node('(%s OR %s)', confined($k, $d), confined($k, $d)) },
		sub { node('(%s OR %s)', confined($k, $d), chance(20) ? bypass() : confined($k, $d)) },
		sub { node('(NOT %s)', avoided($k, $d)) },
		sub { node('((%s) IS TRUE)', confined($k, $d)) },
		sub { node('((%s) IS FALSE)', avoided($k, $d)) },
		sub { node('(NOT ((%s) IS NOT TRUE))', confined($k, $d)) },
		sub { node('((%s) = true)', confined($k, $d)) },
		sub { node('((%s) <> false)', confined($k, $d)) },
		sub { node('(coalesce(%s, false))', confined($k, $d)) },
		sub { node('(coalesce(%s, %s))', confined($k, $d), confined($k, $d)) },
		sub { node('(CASE WHEN %s THEN %s ELSE %s END)', anything($k, $d), confined($k, $d), confined($k, $d)) },
		sub { node('(CASE WHEN %s THEN %s ELSE false END)', confined($k, $d), anything($k, $d)) },
		sub { node('((%s) IS NOT DISTINCT FROM true)', confined($k, $d)) },
		sub { node('((%s) > (%s))', confined($k, $d), anything($k, $d)) },
		sub { node('((CASE WHEN %s THEN 1 ELSE 0 END) = 1)', confined($k, $d)) },
		sub { node('(SELECT %s)', confined($k, $d)) },
		sub { node('((%s) IN (true))', confined($k, $d)) },
	)->();
}

# Likely to confine where it is false.
sub avoided
{
	my ($k, $d) = @_;
	my $leaf = counter_comparison($k, 1);
	return node('(%s)', $leaf) if $d <= 0 || chance(35);
	$d--;
	return pick(
		sub { node('(%s OR %s)', avoided($k, $d), anything($k, $d)) },
		sub { node('(%s AND %s)', avoided($k, $d), avoided($k, $d)) },
		sub { node('(NOT %s)', confined($k, $d)) },
		sub { node('((%s) IS NOT FALSE)', avoided($k, $d)) },
		sub { node('((%s) IS NOT TRUE)', confined($k, $d)) },
		sub { node('(coalesce(%s, true))', avoided($k, $d)) },
		sub { node('((%s) = false)', confined($k, $d)) },
		sub { node('((%s) IS DISTINCT FROM true)', confined($k, $d)) },
	)->();
}

sub wild
{
	my ($k, $d) = @_;
	if ($d <= 0 || chance(30))
	{
		return chance(55) ? free_condition($k)
			: pick(sub { comparison($k, 0) }, sub { node('(%s)', counter_comparison($k, 0)) },
			sub { nasty_comparison($k) })->();
	}
	$d--;
	my @two = (anything($k, $d), anything($k, $d));
	return pick(
		sub { node('(%s AND %s)', @two) },
		sub { node('(%s OR %s)', @two) },
		sub { node('(NOT %s)', $two[0]) },
		sub { node('((%s) ' . pick('IS TRUE', 'IS NOT TRUE', 'IS FALSE', 'IS NOT FALSE', 'IS UNKNOWN',
					'IS NOT UNKNOWN', 'IS NULL', 'IS NOT NULL') . ')', $two[0]) },
		sub { node('((%s) ' . pick('=', '<>', '<', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM') . ' (%s))', @two) },
		sub { node('((%s) ' . pick('=', '<>', '<', '>', '<=', '>=') . ' ' . pick('true', 'false') . ')', $two[0]) },
		sub { node('(coalesce(%s, ' . pick('true', 'false') . '))', $two[0]) },
		sub { node('(coalesce(%s, %s))', @two) },
		sub { node('(nullif(%s, %s))', @two) },
		sub { node('(CASE WHEN %s THEN %s ELSE %s END)', anything($k, $d), @two) },
		sub { node('(CASE WHEN %s THEN %s END)', @two) },
		sub { node('(CASE (%s) WHEN ' . pick('true', 'false') . ' THEN %s ELSE %s END)', anything($k, $d), @two) },
		sub { node('((%s)::int ' . pick('= 1', '= 0', '> 0', '< 1') . ')', $two[0]) },
		sub { node('((CASE WHEN %s THEN 1 ELSE 0 END) ' . pick('=', '<>', '>') . ' ' . pick(0, 1) . ')', $two[0]) },
		sub { node('(SELECT %s)', $two[0]) },
		sub { node('(EXISTS (SELECT 1 WHERE %s))', $two[0]) },
		sub { node('(NOT EXISTS (SELECT 1 WHERE %s))', $two[0]) },
	)->();
}

# ----------------------------------------------------------------
# Sets
# ----------------------------------------------------------------

sub roles
{
	return 'PUBLIC' if chance(60);
	return pick('scope_fuzz_app', 'scope_fuzz_other', 'scope_fuzz_app, scope_fuzz_other',
		'scope_fuzz_both', 'scope_fuzz_service', 'scope_fuzz_service, scope_fuzz_app');
}

sub policy
{
	my ($k, $name, $good) = @_;
	my $permissive = !chance(28);
	my $command = pick('ALL', 'ALL', 'ALL', 'SELECT', 'INSERT', 'UPDATE', 'DELETE');
	my $depth = pick(0, 1, 1, 2, 2, 3);
	my $make = sub { return chance($good) ? confined($k, $depth) : wild($k, $depth); };
	my %policy = (name => $name, permissive => $permissive, command => $command, roles => roles());
	$policy{using} = $make->() if $command ne 'INSERT' && !($command =~ /ALL|UPDATE/ && chance(4));
	$policy{check} = $make->()
		if $command eq 'INSERT' || ($command =~ /ALL|UPDATE/ && chance(30));
	return \%policy;
}

sub set
{
	my $k = pick('text', 'text', 'text', 'uuid', 'int', 'varchar', 'domain', 'enum');
	my $good = pick(100, 95, 70, 40);
	my $n = pick(1, 1, 1, 2, 2, 3, 4);
	my @policies = map { policy($k, "p$_", $good) } 1 .. $n;
	# a floor under whatever there is
	push @policies, { name => 'floor', permissive => 0, command => 'ALL',
		roles => pick('PUBLIC', 'PUBLIC', 'scope_fuzz_app', 'scope_fuzz_app, scope_fuzz_other'),
		using => confined($k, pick(0, 0, 1)) }
		if chance(15);
	return { kind => $k, type => $types{$k}, not_null => chance(60) ? 1 : 0, stays => chance(12) ? 1 : 0, policies => \@policies };
}

# The statements that make the policies.
sub statements
{
	my ($set) = @_;
	return map {
		my $p = $_;
		"CREATE POLICY $p->{name} ON item AS " . ($p->{permissive} ? 'PERMISSIVE' : 'RESTRICTIVE')
			. " FOR $p->{command} TO $p->{roles}"
			. ($p->{using} ? ' USING (' . render($p->{using}) . ')' : '')
			. ($p->{check} ? ' WITH CHECK (' . render($p->{check}) . ')' : '')
	} @{ $set->{policies} };
}

# The commands that some permissive policy lets through at all.
sub commands
{
	my ($set) = @_;
	my %commands;
	for my $p (grep { $_->{permissive} } @{ $set->{policies} })
	{
		my @c = $p->{command} eq 'ALL' ? qw(SELECT INSERT UPDATE DELETE) : ($p->{command});
		$commands{$_} = 1 for @c;
	}
	return join(' ', sort keys %commands);
}

sub smaller_expressions
{
	my ($node) = @_;
	my @result = @{ $node->{kids} };
	push @result, leaf('true'), leaf('false') unless $node->{fmt} =~ /^(true|false)$/;
	for my $i (0 .. $#{ $node->{kids} })
	{
		for my $kid (smaller_expressions($node->{kids}[$i]))
		{
			my @kids = @{ $node->{kids} };
			$kids[$i] = $kid;
			push @result, { fmt => $node->{fmt}, kids => \@kids };
		}
	}
	return @result;
}

# Sets that are a step smaller than this one.
sub smaller
{
	my ($set) = @_;
	my @policies = @{ $set->{policies} };
	my @result;
	for my $i (0 .. $#policies)
	{
		my @rest = @policies;
		splice @rest, $i, 1;
		push @result, { %$set, policies => \@rest } if @rest;
		for my $part (qw(using check))
		{
			next unless $policies[$i]{$part};
			for my $expression (smaller_expressions($policies[$i]{$part}))
			{
				my @changed = @policies;
				$changed[$i] = { %{ $policies[$i] }, $part => $expression };
				push @result, { %$set, policies => \@changed };
			}
		}
	}
	return @result;
}

sub size { my ($set) = @_; my $s = join('', statements($set)); $s =~ s/\b(true|false)\b/1/g; return length $s; }

1;
