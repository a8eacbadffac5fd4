#-------------------------------------------------------------------------
#
# 060_reports.pl
#		Every format of report() is what it claims to be, whatever tables are
#		called: JSON and XML that parse, SARIF that is valid against the official
#		schema (where npm can fetch it), Markdown whose tables hold, and a page
#		that works in a real browser (where there is a chromium).
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use File::Copy qw(copy);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('reports');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
my $dir = $node->basedir;

my @formats = qw(text markdown json sarif junit html github);

sub report
{
	my ($format, $limits) = @_;
	return $node->safe_psql('postgres', "SELECT trovella_guard.report('$format'" . ($limits // '') . ')');
}

# In an empty database, as the first statement of a session
$node->safe_psql('postgres', 'CREATE EXTENSION trovella_guard');
foreach my $format (@formats)
{
	cmp_ok(length report($format), '>', 0, "$format of an empty database");
}
is(decode_json(report('json'))->{summary}{relations}, 0, 'json: nothing is there');
is_deeply(decode_json(report('sarif'))->{runs}[0]{results}, [], 'sarif: no results');

# Names that mean something in one format or another
my @names = (
	'<script>document.title = "owned"</script>', 'a|b', '`tick`` ``` tock`',
	q{it's "quoted" & <b>bold</b>}, "line\nbreak", "bell\a tab\t escape\e[31m",
	']]>', '<!--', '**bold** _it_ [link](http://x)', '%s %1$s \\n',
	"\xc3\xa9\xe2\x82\xac \xf0\x9f\x90\x98", "\xef\xbf\xbe nonchar", 'plain');
foreach my $name (@names)
{
	my $quoted = $name =~ s/"/""/gr;
	$node->safe_psql('postgres', qq{SET trovella_guard.mode = off;
		CREATE TABLE "$quoted" (id int PRIMARY KEY, organization_id text);
		CREATE POLICY "p $quoted" ON "$quoted" USING (organization_id = 'a|b<i>' OR true);});
}
$node->safe_psql('postgres', q{SET trovella_guard.mode = off;
	CREATE TABLE right_item (id int PRIMARY KEY, organization_id text NOT NULL,
		created_at timestamptz, updated_at timestamptz);
	SELECT trovella_guard.protect('right_item');
	CREATE TABLE reference (id int);
	SELECT trovella_guard.allow('reference', E'why | not? <b>"yes"</b> &\n`so`');
	SELECT trovella_guard.allow('nothing.here', 'stale');
	CREATE ROLE "bac|k <b>up" LOGIN BYPASSRLS IN ROLE pg_read_all_data;
	SELECT trovella_guard.allow_role('bac|k <b>up', 'why | not? <b>so</b>');
	CREATE VIEW a_view WITH (security_invoker = true) AS SELECT * FROM right_item;
	CREATE SCHEMA owing;
	CREATE TABLE owing.debtor (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
	CREATE TABLE owing.late (id int PRIMARY KEY, organization_id text NOT NULL, created_at timestamptz, updated_at timestamptz);
	SELECT trovella_guard.adopt('why | not <b>later</b>?', '2999-02-03', schema => 'owing');
	UPDATE trovella_guard.allowlist SET expires_at = '2026-01-02' WHERE table_name = 'late';
	INSERT INTO trovella_guard.allowlist_log
	  SELECT now() - w * interval '1 week', 'me', a, 'relation', 'owing', 'repaired', 'rls_disabled', o, 'x', NULL, true
	  FROM (VALUES (9, 'allow'), (3, 'disallow')) v (w, a), (VALUES ('a'), ('b'), ('c'), ('d'), ('e'), ('f')) n (o);});
my $relations = @names + 5;
my $findings = $node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard.findings()');
my $errors = $node->safe_psql('postgres', q{SELECT count(*) FROM trovella_guard.check() WHERE level = 'error'});

# text
my $text = report('text');
unlike($text, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'text: no control characters');
like($text, qr/^$relations relations \(16 tenant, 1 global, 0 unclassified, 1 unprotectable\): $errors errors, \d+ warnings?, \d+ infos?, 3 debts \(first due 2999-02-03, 3 more overdue\), 1 waived by decision; profile checklist$/m,
	'text: totals');
like($text, qr/^public\.plain: \d+ errors.*?^  error    rls_disabled: /ms, 'text: findings under their relation');
my @counts = $text =~ /^public\..*: (\d+) errors/mg;
is_deeply(\@counts, [ sort { $b <=> $a } @counts ], 'text: the worst first');
like($text, qr/^owing\.debtor: (?:\d+ infos?, )?3 debts\n  debt     rls_disabled: .*\n           reason: why \| not <b>later<\/b>\?; due 2999-02-03\n           ALTER TABLE/m,
	'text: debts with reason, date and repair');
like($text, qr/^owing\.late: 3 errors.*\n  error    rls_disabled: .*\n           overdue since 2026-01-02: why/m, 'text: an overdue debt is an error');
cmp_ok(index($text, 'owing.late: '), '<', index($text, 'owing.debtor: '), 'text: what counts comes before what is owed');

my $ways = $node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard_internal.who_sees_all()');
my ($who) = $text =~ /^Who sees all tenants:\n(.*?)\n\n/ms;
is($ways, 2, 'a superuser and another role see all tenants');
is(scalar(() = ($who // '') =~ /^  \S.*\(\d+ tables?\)$/mg), $ways, 'text: a line for each way');
like($who, qr/^  bac\|k <b>up: BYPASSRLS \(16 tables\)\n           reason: why \| not\? <b>so<\/b>$/m, 'text: with the reason');

# markdown: every row of a table has four cells
my $markdown = report('markdown');
my ($owed) = $markdown =~ /^### Debts\n\n(.*?)\n\n/ms;
is(scalar(() = $owed =~ /^\| 2999-02-03 \| error \| owing\.debtor \| .* \| why \\\| not &lt;b&gt;later&lt;\/b&gt;\? \|$/mg), 3,
	'markdown: a row for each debt');
like($markdown, qr/^## Tenant isolation: $errors errors$/m, 'markdown: the title says how bad it is');
my @rows = $markdown =~ s/^### Debts\n\n.*?\n\n//msr =~ /^\|(.*)\|$/mg;
is(scalar(grep { scalar(() = /(?<!\\)\|/g) != 3 } @rows), 0, 'markdown: no name breaks the table');
cmp_ok(scalar @rows, '==', 4 + $ways + $node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard.check()'),
	'markdown: a row for each finding and way');
my $outside = $markdown =~ s/^(`{3,})sql\n.*?^\1$//msgr;
my $inline = $outside =~ s/<summary>.*?<\/summary>//sgr;	# HTML, not Markdown
unlike($outside, qr/<(?!\/?(?:details|summary)>)/, 'markdown: no markup but ours');
unlike($inline, qr/(?<!\\)`/, 'markdown: no code span is opened');

# json
my $json = decode_json(report('json'));
is($json->{schema_version}, 1, 'json: version of the schema');
is(join(' ', sort keys %$json),
	'database filter findings generated_at generator mode profile relations rules schema_version summary who_sees',
	'json: fields as documented');
is(join(' ', sort keys %{ $json->{summary} }),
	'clean debts errors first_due global infos overdue relations sealed tenant unclassified unprotectable waived warnings',
	'json: totals as documented');
is(scalar @{ $json->{relations} }, $relations, 'json: every relation');
is(scalar @{ $json->{findings} }, $findings, 'json: every finding');
is($json->{summary}{errors}, $errors, 'json: errors are counted');
is(join(' ', @{ $json->{summary} }{qw(debts overdue waived)}), '3 3 1', 'json: so are debts, apart from what a decision waives');
is(scalar(grep { $_->{is_debt} && $_->{reason} =~ /^why/ && $_->{author} && $_->{due} =~ /^(?:2999-02-03|2026-01-02)/ } @{ $json->{findings} }),
	6, 'json: debts say why, by whom, and until when');
is(scalar @{ $json->{who_sees} }, $ways, 'json: who sees all tenants');
is_deeply([ grep { $_->{how} eq 'BYPASSRLS' } @{ $json->{who_sees} } ],
	[ { role => 'bac|k <b>up', can_login => JSON::PP::true, how => 'BYPASSRLS', tables => 16, excused => 'why | not? <b>so</b>' } ],
	'json: a role, its way, and why');
my %seen = map { $_->{table_name} => 1 } @{ $json->{relations} };
my $decode = JSON::PP->new->allow_nonref;
ok($seen{'<script>document.title = "owned"</script>'} && $seen{"line\nbreak"}, 'json: names are what they are');

# report_lines() is the same document, in lines
is_deeply([ sort keys %{ decode_json($node->safe_psql('postgres',
				q{SELECT trovella_guard.report_lines('json')})) } ],
	[ sort keys %$json ], 'json: report_lines() makes the same document');

# sarif: the structure that code scanning asks for, and the official schema
my $sarif = report('sarif');
my $run = decode_json($sarif)->{runs}[0];
is(decode_json($sarif)->{version}, '2.1.0', 'sarif: version');
my @rules = @{ $run->{tool}{driver}{rules} };
is(scalar(grep { $_->{help}{text} && $_->{help}{markdown} && $_->{shortDescription}{text} && $_->{fullDescription}{text} } @rules),
	scalar @rules, 'sarif: every rule has help');
is(scalar @rules, $node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard.rules'),
	'sarif: one descriptor for each rule');
my @results = @{ $run->{results} };
is(scalar @results, $findings, 'sarif: one result for each finding');
is(scalar(grep { $rules[ $_->{ruleIndex} ]{id} eq $_->{ruleId} } @results), $findings, 'sarif: the index is that of the rule');
is(scalar(grep { $_->{locations}[0]{physicalLocation}{artifactLocation}{uri} =~ m{^database(/[A-Za-z0-9%_-]+){0,2}$} } @results),
	$findings, 'sarif: places are valid relative URIs');
my %fingerprints = map { $_->{partialFingerprints}{'trovellaGuard/v1'} => 1 } @results;
is(scalar keys %fingerprints, $findings, 'sarif: fingerprints are unique');
is(scalar(grep { $_->{suppressions} } @results),
	$node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard.findings() WHERE waived_by IS NOT NULL'),
	'sarif: what is waived is suppressed');
is(scalar(grep { $_->{suppressions} && $_->{properties}{debt} && $_->{properties}{due} =~ /^2999-02-03/
	  && $_->{suppressions}[0]{justification} eq 'debt: why | not <b>later</b>?; due 2999-02-03' } @results),
	3, 'sarif: and a debt says so, and its date');
SKIP: {
	my $npm = `command -v npm 2>/dev/null`;
	skip 'no npm to fetch the official schema of SARIF with', 2 if !$npm;
	mkdir "$dir/sarif";
	copy("$ENV{TESTDIR}/test/sarif/$_", "$dir/sarif/$_") or die "copy $_: $!"
	  foreach qw(package.json package-lock.json validate.mjs);
	my ($out, $err) = ('', '');
	my $installed = IPC::Run::run([ 'sh', '-c', "cd '$dir/sarif' && npm ci --ignore-scripts --no-audit --no-fund" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	skip "npm could not fetch the official schema of SARIF: $err", 2 if !$installed;
	append_to_file("$dir/report.sarif", $sarif);
	ok(IPC::Run::run([ 'node', "$dir/sarif/validate.mjs", "$dir/report.sarif" ], '<', \undef, '>', \$out, '2>', \$err),
		'sarif: valid against the official schema') or diag($err);
	append_to_file("$dir/bad.sarif", $sarif =~ s/"level": *"note"/"level": "nothing"/r);
	ok(!IPC::Run::run([ 'node', "$dir/sarif/validate.mjs", "$dir/bad.sarif" ], '<', \undef, '>', \$out, '2>', \$err),
		'sarif: and the schema would have told');
}

# junit: PostgreSQL's own XML parser reads it
SKIP: {
	skip 'PostgreSQL is built without libxml', 7
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_config WHERE name = 'CONFIGURE' AND setting LIKE '%--with-libxml%'}) == 0;
	$node->safe_psql('postgres',
		q{CREATE TEMPORARY TABLE x AS SELECT xmlparse(DOCUMENT trovella_guard.report('junit')) AS d});
	my $xml = q{WITH x AS (SELECT xmlparse(DOCUMENT trovella_guard.report('junit')) AS d) };
	is($node->safe_psql('postgres', $xml . q{SELECT cardinality(xpath('/testsuites/testsuite/testcase[@classname="public" or @classname="owing"][not(contains(@name, " (allowlist"))]', d)) FROM x}),
		$relations, 'junit: one test case for each relation');
	is($node->safe_psql('postgres', $xml . q{SELECT (xpath('string(/testsuites/@failures)', d))[1] FROM x}),
		@names + 1, 'junit: relations with errors are counted');
	is($node->safe_psql('postgres', $xml . q{SELECT cardinality(xpath('//testcase[failure]', d)) FROM x}),
		@names + 1, 'junit: and fail');
	is($node->safe_psql('postgres', $xml . q{SELECT (xpath('string(//testcase[@name="reference"]/skipped/@message)', d))[1] FROM x}),
		'global: why | not? &lt;b&gt;"yes"&lt;/b&gt; &amp; `so`', 'junit: a global table is skipped with its reason');
	is($node->safe_psql('postgres', $xml . q{SELECT (xpath('string(//testcase[@name="debtor"]/skipped/@message)', d))[1] FROM x}),
		'3 debts (first due 2999-02-03): why | not &lt;b&gt;later&lt;/b&gt;?', 'junit: so is a table that owes, with the date');
	is($node->safe_psql('postgres', $xml . q{SELECT (xpath('string(//testsuite/@skipped)', d))[1] FROM x}), 2, 'junit: and both are counted');
	is($node->safe_psql('postgres', $xml . q{SELECT cardinality(xpath('//testcase[@name="right_item"][not(failure)]', d)) FROM x}),
		1, 'junit: a protected table passes');
}

# html
my $html = report('html');
is(() = $html =~ /<script/g, 1, 'html: the only script is ours');
unlike($html, qr{(?:src|href)\s*=|https?://(?!x\))|url\(}i, 'html: nothing is fetched from elsewhere');
like($html, qr/<svg /, 'html: a chart');
my ($weeks) = $html =~ /<svg class="weeks debt"[^>]*>\n(.*?)\n<\/svg>/s;
is(join(' ', $weeks =~ /<title>week of \S+: (\d+) debts?<\/title>/g), '6 6 6 6 6 6 0 0 0 6',
	'html: debts went down with those that were repaired, and up with those of today');
is(scalar(() = $html =~ /^<tr><td>|^<table class="who">.*\n.*\n?<tr><td>/mg), $ways, 'html: a row for each way');
like($html, qr{<td>bac\|k &lt;b&gt;up</td><td>BYPASSRLS</td><td>16</td><td>why \| not\? &lt;b&gt;so&lt;/b&gt;</td>}, 'html: escaped');
SKIP: {
	my ($chromium) = grep { -x $_ } map { ("/usr/bin/$_", "/usr/local/bin/$_") } qw(chromium chromium-browser google-chrome);
	skip 'no chromium to look at the page with', 9 if !$chromium;

	# The page is driven by a script of the test's at its end, which leaves
	# what it saw in an element of its own
	my $driver = q{<script>
(function () {
  function visible() {
    return Array.prototype.filter.call(document.querySelectorAll('details.rel'),
      function (row) { return row.offsetParent !== null; });
  }
  function set(id, value) {
    var field = document.getElementById(id);
    field.value = value;
    field.dispatchEvent(new Event('input'));
    return visible().length;
  }
  var seen = { title: document.title, scripts: document.scripts.length, bold: document.querySelectorAll('main b b').length,
    open: document.querySelectorAll('details.rel[open]').length,
    all: visible().length, debts: set('f-level', 'debt'), errors: set('f-level', 'error'), waived: set('f-level', 'waived'), any: set('f-level', ''),
    global: set('f-class', 'global'), classes: set('f-class', ''), plain: set('f-text', 'PLAIN'),
    rule: set('f-text', 'rls_disabled'), none: set('f-text', 'no such table'), again: set('f-text', ''),
    count: document.getElementById('f-count').textContent,
    bars: document.querySelectorAll('svg rect').length,
    wide: document.documentElement.scrollWidth > window.innerWidth };
  var button = document.querySelector('button.copy'), copied = null;
  Object.defineProperty(navigator, 'clipboard', { value: { writeText: function (sql) { copied = sql; return Promise.resolve(); } } });
  button.click();
  seen.copied = copied === button.parentNode.querySelector('pre').textContent;
  var row = Array.prototype.find.call(document.querySelectorAll('details.rel'),
    function (r) { return r.querySelector('.name').textContent === 'owing.debtor'; });
  row.open = true;
  row.querySelector('button.copyall').click();
  seen.all_copied = copied;
  var out = document.createElement('pre');
  out.id = 'seen';
  out.textContent = JSON.stringify(seen);
  document.body.appendChild(out);
})();
</script></body>};
	append_to_file("$dir/page.html", $html);
	append_to_file("$dir/driven.html", $html =~ s{</body>}{$driver}r);
	my @command = ($chromium, qw(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
		  --disable-background-networking --disable-component-update --disable-sync), "--user-data-dir=$dir/chromium");
	my ($out, $err) = ('', '');
	local $ENV{HOME} = $dir;
	IPC::Run::run([ @command, '--dump-dom', "file://$dir/driven.html" ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	my ($seen) = $out =~ m{<pre id="seen">(.*?)</pre>}s;
	$seen = $seen =~ s/&lt;/</gr =~ s/&gt;/>/gr =~ s/&amp;/&/gr if defined $seen;
	ok(defined $seen, 'html: chromium shows the page') or diag($err);
	$seen = decode_json($seen // '{}');
	is($seen->{title}, 'Tenant isolation report', 'html: no name runs as a script');
	is($seen->{scripts} . '/' . $seen->{bold}, '2/0', 'html: no name becomes markup');
	my $rows = $relations + 2;		# and the stale entries, of two tables
	is(join(' ', map { $seen->{$_} // '?' } qw(open all debts errors waived any global classes plain rule none again count)),
		join(' ', 0, $rows, 1, @names + 1, 1, $rows, 1, $rows, 1, @names + 2, 0, $rows, "$rows of $rows shown"),
		'html: the filters work');
	ok($seen->{copied}, 'html: the button copies the repair');
	is($seen->{all_copied}, $node->safe_psql('postgres', q{SELECT trovella_guard.repair_sql('owing.debtor', 'info')}),
		'html: another one copies all that repairs a table');

	# As a telephone shows it: a window cannot be that narrow, a frame can
	my $framed = JSON::PP->new->allow_nonref->encode($html) =~ s{</}{<\\/}gr =~ s{<!--}{<\\u0021--}gr;
	append_to_file("$dir/narrow.html", qq{<body style="margin:0"><iframe style="width:390px;height:4000px;border:0"></iframe><script>
var frame = document.querySelector('iframe');
frame.onload = function () {
  var page = frame.contentDocument, root = page.documentElement, wide = [];
  page.querySelectorAll('details').forEach(function (row) { row.open = true; });
  page.querySelectorAll('body *').forEach(function (e) { if (e.getBoundingClientRect().right > 390.5) wide.push(e.tagName + '.' + e.className); });
  document.body.insertAdjacentHTML('beforeend', '<pre id="seen">' + root.clientWidth + ' ' + root.scrollWidth + ' [' + wide.join(' ') + ']</pre>');
};
frame.srcdoc = $framed;
</script></body>});
	IPC::Run::run([ @command, '--dump-dom', "file://$dir/narrow.html" ], '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	like(($out =~ m{<pre id="seen">(\d+ \d+ \[[^\]]*\])</pre>})[0], qr/^(3[789]\d) \1 \[\]$/, 'html: nothing is wider than a telephone');

	# On paper, everything is open
	IPC::Run::run([ @command, '--no-pdf-header-footer', "--print-to-pdf=$dir/page.pdf", "file://$dir/page.html" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	cmp_ok(scalar(() = slurp_file("$dir/page.pdf") =~ m{/Type\s*/Page\b}g), '>=', 5, 'html: on paper, the repairs are there');
	IPC::Run::run([ @command, '--window-size=1100,1400', "--screenshot=$dir/page.png", "file://$dir/page.html" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	cmp_ok(-s "$dir/page.png" // 0, '>', 20000, 'html: it can be photographed');
}

# github: a line for each finding that counts, whatever its name is
my @commands = split /\n/, report('github');
is(scalar(grep { !/^::(?:error|warning|notice) title=[^:,]*::[^\r]+$/ } @commands), 0, 'github: every line is a command');
is(scalar @commands, 1 + $node->safe_psql('postgres', 'SELECT count(*) FROM trovella_guard.check()'),
	'github: one for each finding, and one for the totals');
like($commands[-1], qr/^::notice title=Tenant isolation::$relations relations .* 3 debts \(first due 2999-02-03, 3 more overdue\)/, 'github: the totals');
my ($percent) = grep { /^::error title=rls_disabled%3A public\.%25s / } @commands;
like($percent, qr/^::error title=rls_disabled%3A public\.%25s %251\$s \\n::row-level security is not enabled.*%0AALTER TABLE public\."%25s %251\$s \\n" ENABLE/,
	'github: escaped as GitHub reads it');
like((grep { /^::error title=rls_disabled%3A public\.line/ } @commands)[0], qr/title=rls_disabled%3A public\.line%0Abreak::/, 'github: a name of two lines');

# Limited to a level, a schema, a relation
my $late = decode_json(report('json', q{, level => 'error', schema => 'owing'}));
is(join(' ', map { "$_->{table_name}.$_->{rule}" } @{ $late->{findings} }),
	'late.rls_disabled late.policy_missing late.tenant_index_missing debtor.rls_disabled debtor.policy_missing debtor.tenant_index_missing',
	'limited: the findings of the schema, what leaks first');
is_deeply($late->{filter}, { level => 'error', schema => 'owing', relation => undef }, 'limited: and the report says so');
is(join(' ', map { $_->{table_name} } @{ $late->{relations} }), 'debtor late', 'limited: its relations');
is_deeply($late->{who_sees}, [], 'limited: who sees all tenants is about all of them');
foreach my $format (@formats)
{
	my $limited = report($format, q{, level => 'error', relation => 'owing.late'});
	like($limited, qr/late/, "$format of a relation");
	unlike($limited, qr/debtor|plain/, "$format of a relation: of no other");
}
like(report('text', q{, level => 'error', relation => 'owing.late'}),
	qr/^1 relation \(1 tenant.*: 3 errors, 0 warnings, \d+ infos?, 0 debts \(3 more overdue\), 0 waived by decision; profile checklist; only owing\.late; only errors are listed$/m,
	'limited: the totals are those of the relation, at all levels');
foreach my $bad ([ q{level => 'fatal'}, qr/"fatal" is not a level/ ], [ q{schema => 'nowhere'}, qr/schema "nowhere" does not exist/ ],
	[ q{relation => 'pg_class'}, qr/there is no report about "pg_class"/ ],
	[ q{schema => 'public', relation => 'owing.late'}, qr/there is no report about "owing.late"/ ])
{
	my ($status, $out, $err) = $node->psql('postgres', "SELECT trovella_guard.report('text', $bad->[0])");
	like($err, $bad->[1], "limited to nothing: $bad->[0] is an error");
}

# Trials, where they are asked for
foreach my $format (@formats)
{
	unlike(report($format), qr/trial/i, "$format without trials");
}
$node->safe_psql('postgres', 'CREATE DATABASE tried');
$node->safe_psql('tried', q{
	CREATE ROLE "we|b <b>";
	CREATE EXTENSION trovella_guard;
	ALTER DATABASE tried SET trovella_guard.app_role = '"we|b <b>"';
	SET trovella_guard.mode = off;
	CREATE SCHEMA one;
	GRANT USAGE ON SCHEMA one TO PUBLIC;
	CREATE TABLE "le|ak <b>" (organization_id text NOT NULL);
	CREATE TABLE one.good (organization_id text NOT NULL);
	CREATE TABLE one.slow (organization_id text NOT NULL);
	CREATE TABLE denied (organization_id text NOT NULL);
	CREATE TABLE world (id int);
	ALTER TABLE "le|ak <b>" ENABLE ROW LEVEL SECURITY;
	ALTER TABLE one.good ENABLE ROW LEVEL SECURITY;
	ALTER TABLE one.slow ENABLE ROW LEVEL SECURITY;
	CREATE POLICY p ON "le|ak <b>" USING (true);
	CREATE POLICY p ON one.good USING (organization_id = current_setting('app.org', true));
	CREATE POLICY p ON one.slow FOR SELECT USING (pg_sleep(10) IS NULL);
	GRANT SELECT ON "le|ak <b>", one.good, one.slow TO PUBLIC});

sub trials
{
	my ($format, $limits) = @_;
	return $node->safe_psql('tried', "SELECT trovella_guard.report('$format', probe => true" . ($limits // '') . ')');
}
my $tried = trials('text', q{, level => 'error'});
like($tried, qr/^Trials: leaks: 1, not tried: 1, isolated: 1, denied: 1\n  leaks     public\.le\|ak <b>, role we\|b <b> \(unscoped\): rows cross: SELECT \(bound, unset, empty, unknown\)\n\n/m,
	'text: what leaks is an error');
like(trials('text'), qr/^  not_tried one\.slow, role we\|b <b> \(unscoped\): a statement took longer than two seconds\n  isolated  one\.good, role we\|b <b> \(scoped\): no row crosses\n  denied    public\.denied, /m,
	'text: and the rest, what is worst first');
like(trials('text', q{, schema => 'one'}), qr/^Trials: not tried: 1, isolated: 1\n/m, 'text: of a schema');
like(trials('text', q{, relation => 'one.good'}), qr/^Trials: isolated: 1\n/m, 'text: of a table');
like(trials('text', q{, relation => 'world'}), qr/^Trials: there is no tenant table to try\n/m, 'text: of no tenant table');
$tried = trials('markdown', q{, level => 'warning'});
like($tried, qr/^## Tenant isolation: \d+ errors, rows cross in 1 trial$/m, 'markdown: the title says that rows cross');
like($tried, qr/^\| \*\*leaks\*\* \| public\.le\\\|ak &lt;b&gt; \| we\\\|b &lt;b&gt; \| unscoped \| rows cross: SELECT /m, 'markdown: a row for each');
unlike($tried, qr/^\| isolated/m, 'markdown: from the level on');
$tried = decode_json(trials('json', q{, level => 'error'}))->{trials};
is_deeply([ map { "$_->{schema_name}.$_->{table_name} $_->{role} $_->{outcome} $_->{proof}" } @$tried ],
	[ 'public.le|ak <b> we|b <b> leaks unscoped', 'one.slow we|b <b> not_tried unscoped', 'one.good we|b <b> isolated scoped',
	  'public.denied we|b <b> denied unscoped' ], 'json: all of them');
$tried = decode_json(trials('sarif'))->{runs}[0];
my @trials = grep { $_->{ruleId} eq 'trial' } @{ $tried->{results} };
is_deeply([ map { "$_->{level} $_->{locations}[0]{physicalLocation}{artifactLocation}{uri}" } @trials ],
	[ 'error database/public/le%7Cak%20%3Cb%3E', 'warning database/one/slow' ], 'sarif: what leaks, and what was not shown');
is($tried->{tool}{driver}{rules}[ $trials[0]{ruleIndex} ]{id}, 'trial', 'sarif: they have a rule');
$node->safe_psql('tried', 'DROP TABLE world');
is(scalar @{ decode_json(trials('sarif', q{, level => 'error', relation => '"le|ak <b>"'}))->{runs}[0]{results} }, 3,
	'sarif: beside findings');
$tried = trials('junit');
like($tried, qr/<testcase classname="public" name="le\|ak &lt;b&gt; \(trial as we\|b &lt;b&gt;\)"><failure type="leak" message="rows cross: SELECT \([a-z, ]+\)"\/><\/testcase>/,
	'junit: a leak is a failure');
like($tried, qr/name="slow \(trial as [^"]*"><skipped message="not tried: a statement took longer than two seconds"\/>/, 'junit: what was not tried is skipped');
like($tried, qr/name="good \(trial as [^"]*"><\/testcase>/, 'junit: what is isolated passes');
my ($cases) = $tried =~ /<testsuite name="tried" tests="(\d+)"/;
is($cases, scalar(() = $tried =~ /<testcase /g), 'junit: the cases are counted');
like($tried, qr/failures="(\d+)" errors="0" skipped="1"/, 'junit: so are those that were skipped');
like(trials('html'), qr/<h2>Trials<\/h2>.*<td>public\.le\|ak &lt;b&gt;<\/td><td>we\|b &lt;b&gt;<\/td>.*<\/table>\n<script>/s, 'html: a table');
@trials = grep { /title=trial/ } split /\n/, trials('github');
like($trials[0], qr/^::error title=trial%3A public\.le\|ak <b>::role we\|b <b>: rows cross: SELECT/, 'github: a leak is an error');
like($trials[1], qr/^::warning title=trial%3A one\.slow::/, 'github: what was not tried a warning');
is(scalar @trials, 2, 'github: and that is all');
is(trials('pgtap'), $node->safe_psql('tried', q{SELECT trovella_guard.report('pgtap')}), 'pgtap: the file makes its own trials');

# markdown fits into a comment, and says what did not
$node->safe_psql('postgres', q{CREATE DATABASE many});
$node->safe_psql('many', q{CREATE EXTENSION trovella_guard; SET trovella_guard.mode = off;
	DO $$ BEGIN
	  FOR i IN 1 .. 300 LOOP EXECUTE format('CREATE TABLE a_table_with_quite_a_long_name_%s (id int PRIMARY KEY, organization_id text)', i); END LOOP;
	  PERFORM trovella_guard.adopt('a reason', '2999-01-01');
	  FOR i IN 1 .. 300 LOOP EXECUTE format('CREATE TABLE another_table_with_a_long_name_%s (id int PRIMARY KEY, organization_id text)', i); END LOOP;
	END $$});
my $many = $node->safe_psql('many', q{SELECT trovella_guard.report('markdown')});
cmp_ok(length $many, '<', 60000, 'markdown: it fits into a comment');
my $shown = () = $many =~ /^\| (?:\*\*error\*\*|warning|info) \|/mg;
my ($more) = $many =~ /^\| \| \| \| and (\d+) more findings \|$/m;
is($shown + ($more // 0), $node->safe_psql('many', 'SELECT count(*) FROM trovella_guard.check()'), 'markdown: shown and not shown are all');
cmp_ok($shown, '>', 100, 'markdown: many are shown');
$shown = () = $many =~ /^\| 2999-01-01 \|/mg;
($more) = $many =~ /^\| \| \| \| \| and (\d+) more debts \| \|$/m;
is($shown + ($more // 0), $node->safe_psql('many', 'SELECT count(*) FROM trovella_guard.debts'), 'markdown: the same for debts');
like($many, qr/^and the repairs of \d+ more relations$/m, 'markdown: and for repairs');

# An unknown format names those that there are
my ($status, $out, $err) = $node->psql('postgres', q{SELECT trovella_guard.report('pdf')});
like($err, qr/there is no report format "pdf".*text, markdown, json, sarif, junit, html, github/s, 'an unknown format is refused');
($status, $out, $err) = $node->psql('postgres', q{SELECT trovella_guard.report(NULL)});
like($err, qr/there is no report format "NULL"/, 'and so is none');

# A plain role sees the same
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
is($node->safe_psql('postgres', q{SET ROLE reader; SELECT length(trovella_guard.report())}),
	$node->safe_psql('postgres', q{SELECT length(trovella_guard.report())}), 'everybody may ask');

# In an encoding that does not know every character
$node->safe_psql('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin', q{CREATE EXTENSION trovella_guard; SET trovella_guard.mode = off; CREATE TABLE "<>" (organization_id text)});
foreach my $format (@formats)
{
	cmp_ok(length $node->safe_psql('latin', "SELECT trovella_guard.report('$format')"), '>', 0, "$format in LATIN1");
}

$node->stop;
done_testing();
