#-------------------------------------------------------------------------
#
# 064_encodings.pl
#		Every format of report() works in a database of every encoding, whatever
#		its tables are called, and is valid UTF-8, JSON and XML for a client that
#		asks for UTF-8: nobody can blind the audit by a name.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
use strict;
use warnings FATAL => 'all';

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('encodings');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION trovella_guard');
my $has_xml = $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_config WHERE name = 'CONFIGURE' AND setting LIKE '%--with-libxml%'});

# In hex, valid in the encoding: characters that UTF-8 has, and bytes and
# characters that it has not.
my %names = (
	SQL_ASCII => [qw(c3a9 e9e8 ff80fe c29b 9b41 f8888080 eda080 c3 efbfbf)],
	UTF8 => [qw(c3a9 e282ac f09f9098 c29b efbfbe e280a8)],
	LATIN1 => [qw(e9 80 9b41 ff ad)],
	LATIN9 => [qw(a4 80)],
	WIN1252 => [qw(80 81 e9)],
	KOI8R => [qw(c1 80 9b)],
	EUC_JP => [qw(a4a2 8eb1 8fb0a1 a9a1 fefe 8ffefe a4a2a9a1)],
	EUC_CN => [qw(b0a1 fefe aaa1)],
	EUC_KR => [qw(b0a1 fefe c9a1)],
	EUC_TW => [qw(a4a1 8ea1a1a1 8ea7fefe fefe)],
	EUC_JIS_2004 => [qw(a4a2 8eb1 a4f7 fefe)],
	MULE_INTERNAL => [qw(81e9 92a4a2 91b0a1 9aa0a0a0)]);
my @plain = (
	'</script><script>alert(1)</script>', q{it's "quoted" & <b>}, "line\nbreak", "bell\a\e[31m tab\t\x7f\x01",
	'back\\slash \\u0000 \\', ']]>', 'a|b`c`', '%s%1$s', '..', 'x' x 63);

foreach my $encoding (sort keys %names)
{
	my ($status, undef, $err) = $node->psql('postgres',
		"CREATE DATABASE e TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
  SKIP:
	{
		skip "no encoding $encoding: $err", 1 if $status != 0;
		my $client = $encoding eq 'MULE_INTERNAL' ? 'SQL_ASCII' : 'UTF8';
		local $ENV{PGCLIENTENCODING} = 'SQL_ASCII';
		my @made = (
			(map { q{chr(34) || convert_from(decode('} . unpack('H*', s/"/""/gr) . "', 'hex'), 'SQL_ASCII') || chr(34)" } @plain),
			(map { "chr(34) || convert_from(decode('$_', 'hex'), '$encoding') || chr(34)" } @{ $names{$encoding} }));

		$node->safe_psql('e', 'CREATE EXTENSION trovella_guard');
		$node->safe_psql('e', 'SET trovella_guard.mode = off; DO $do$ BEGIN '
			  . join('', map { "EXECUTE 'CREATE SCHEMA ' || $_;"
				  . "EXECUTE 'CREATE TABLE ' || $_ || '.' || $_ || ' (id int, organization_id text)';"
				  . "EXECUTE 'CREATE POLICY ' || $_ || ' ON ' || $_ || '.' || $_ || ' USING (true)';" } @made)
			  . 'END $do$');
		is($node->safe_psql('e', q{SELECT count(*) FROM pg_policy}), scalar @made,
			"$encoding: names are made");

		$ENV{PGCLIENTENCODING} = $client;
		foreach my $format (qw(text markdown json sarif junit html))
		{
			my ($status, $out, $err) =
			  $node->psql('e', "SELECT trovella_guard.report('$format')");

			is($err, '', "$encoding: $format works");
			ok(utf8::decode(my $copy = $out), "$encoding: $format is UTF-8");
			if ($format eq 'json' || $format eq 'sarif')
			{
				my $document = eval { decode_json($out) };
				my $count = !$document ? 0
				  : $format eq 'json' ? @{ $document->{relations} }
				  : grep { $_->{ruleId} eq 'policy_unscoped' } @{ $document->{runs}[0]{results} };

				is($count, scalar @made, "$encoding: $format parses, and has every table");
			}
			if ($format eq 'sarif')
			{
				my @uris = $out =~ /"uri": "([^"]*)"/g;
				my %fingerprints = map { $_ => 1 } $out =~ m{"trovellaGuard/v1": "(\w+)"}g;

				is(scalar(grep { !m{^database(/[A-Za-z0-9_%-]+)*$} } @uris),
					0, "$encoding: every URI is one");
				is(scalar(keys %fingerprints), scalar(@{ decode_json($out)->{runs}[0]{results} }),
					"$encoding: every fingerprint is another");
			}
			if ($format eq 'html' || $format eq 'junit')
			{
				unlike($out, qr/<script>alert|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/,
					"$encoding: $format is not fooled");
			}
			if ($format eq 'junit' && $has_xml)
			{
				local $ENV{PGCLIENTENCODING} = 'UTF8';
				my $hex = unpack('H*', $out);

				is( $node->safe_psql('postgres', qq{
						SELECT cardinality(xpath('//testcase[failure]', xmlparse(DOCUMENT convert_from(decode('$hex', 'hex'), 'UTF8'))))}),
					scalar @made, "$encoding: junit parses, and has every table");
			}
		}
	}
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS e');
}

# What has a form in UTF-8 is kept, also in the paths and fingerprints, which are the
# same in every encoding
my %uri;
foreach my $encoding (qw(UTF8 LATIN1 SQL_ASCII))
{
	$node->safe_psql('postgres',
		"CREATE DATABASE e TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->safe_psql('e', 'CREATE EXTENSION trovella_guard');
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	$node->safe_psql('e', qq{SET trovella_guard.mode = off; CREATE TABLE "caf\xc3\xa9" (organization_id text)});
	my $out = $node->safe_psql('e', q{SELECT trovella_guard.report('sarif')});
	like($out, qr{"database/public/caf%C3%A9"}, "$encoding: a path");
	like($out, qr{caf\xc3\xa9}, "$encoding: a name");
	$uri{ join ' ', sort $out =~ m{"trovellaGuard/v1": "(\w+)"}g } = 1;
	$node->safe_psql('postgres', 'DROP DATABASE e');
}
is(scalar(keys %uri), 1, 'fingerprints');

# The rows that a trial makes up have characters in them, not single bytes
$node->safe_psql('postgres', q{CREATE DATABASE e TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'; CREATE ROLE app});
{
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	my $offset = -s $node->logfile;
	$node->safe_psql('e', qq{
		CREATE EXTENSION trovella_guard;
		SET trovella_guard.mode = off;
		CREATE FUNCTION seen(text) RETURNS boolean LANGUAGE plpgsql STABLE AS \$\$
		BEGIN
			PERFORM convert_from(textsend(\$1), 'UTF8');
			RETURN true;
		EXCEPTION WHEN character_not_in_repertoire THEN
			RAISE LOG 'broken %', textsend(\$1);
			RETURN true;
		END \$\$;
		CREATE TABLE named (organization_id text NOT NULL,
			code text NOT NULL CHECK (seen(code) AND code ~ '^[\xc3\xa9-\xc3\xbc]x\$' OR code <> ''));
		INSERT INTO named VALUES ('caf\xc3\xa9', 'a'), ('\xc3\xbcber', 'b');
		ALTER TABLE named ENABLE ROW LEVEL SECURITY;
		CREATE POLICY p ON named USING (seen(organization_id) AND organization_id LIKE current_setting('app.org', true));
		GRANT ALL ON named TO app;
		SET trovella_guard.app_role = app;
		SELECT count(*) FROM trovella_guard.probe('named')});
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile, $offset), qr/LOG:\s+broken/,
		'what a trial makes up is valid text');
}

done_testing();
