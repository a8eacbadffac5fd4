#-------------------------------------------------------------------------
#
# Audit.pm
#		The verb "audit": the server's report on a copy, with what the copy lacks.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Audit;

use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use Time::HiRes qw(time);
use TrovellaGuard::Copy ();
use TrovellaGuard::Process qw(progress note read_file private_dir write_file);
use TrovellaGuard::SQL qw(literal);

my @levels = qw(error warning info);
my $json = JSON::PP->new->utf8->canonical->pretty;

# Returns the exit status.
sub run
{
	my ($source, $option) = @_;
	my $copy = TrovellaGuard::Copy->new($source, $option);

	progress("judging $copy->{database} ...");
	my $began = time;
	my $report = report($copy, $option);
	my $count = $report =~ /\A\{/ && $option->{format} eq 'json' ? undef : counts($copy);
	note(sprintf 'judged in %.1f s', time - $began) if $option->{verbose};

	my $remarks = remarks($copy, $option);
	my $add = __PACKAGE__->can("add_to_$option->{format}");
	print $add->($report, $remarks);

	$count //= counts_of_json($report);
	my $is_bad = 0;
	foreach my $level (@levels)
	{
		last if $option->{fail_on} eq 'never';
		$is_bad = 1 if $count->{$level};
		last if $level eq $option->{fail_on};
	}
	$is_bad = 1 if @{ $remarks->{not_judged} } && !$option->{allow_unjudged};
	return $is_bad;
}

sub report
{
	my ($copy, $option) = @_;
	my $out = private_dir() . '/report';

	write_file('', $out);
	$copy->query(
		sprintf('SELECT trovella_guard.report_lines(%s, %s, %s)',
			literal($option->{format}), literal($option->{level} // 'info'), literal($option->{schema})),
		out => $out);
	return read_file($out);
}

# What counts, by level.
sub counts
{
	my ($copy) = @_;
	my %count = map { split /\|/ } split /\n/, $copy->query(
		'SELECT level, count(*) FROM trovella_guard.findings() WHERE waived_by IS NULL GROUP BY 1');
	return \%count;
}

sub counts_of_json
{
	my ($report) = @_;
	my $summary = $json->decode($report)->{summary};
	return { map { $_ => $summary->{"${_}s"} } @levels };
}

# ---------------------------------------------------------- what the report lacks

# Lists of lines for people, and the same as items for programs.
sub remarks
{
	my ($copy, $option) = @_;
	my $item = sub { return { kind => $_[0][0], name => $_[0][1], reason => $_[0][2] } };

	return {
		not_judged => [ map { $item->($_) } @{ $copy->{not_judged} } ],
		not_judged_is => $option->{allow_unjudged} ? 'warning' : 'error',
		left_out => [ map { $item->($_) } @{ $copy->{left_out} } ],
		assumed => $copy->{assumed},
		missing_extensions => [
			map { { name => $_, package => $copy->{missing}{$_} } } sort keys %{ $copy->{missing} }
		],
		platforms => [ map { { name => $_->{name}, schemas => $_->{schemas}, roles => $_->{roles} } } @{ $copy->{excused} } ],
		decisions => $copy->{decisions},
	};
}

# Sections of text: [title, line, ...].
sub sections
{
	my ($remarks) = @_;
	my $items = sub { map { "$_->{kind} $_->{name}: $_->{reason}" } @{ $remarks->{ $_[0] } } };
	my @sections = (
		[ 'Not judged, because it could not be restored', $items->('not_judged') ],
		[ 'Extensions that are not installed here, and stand-ins took their place',
			map { "$_->{name}: " . (defined $_->{package} ? "apt-get install $_->{package}" : 'Debian has no package of it') }
			  @{ $remarks->{missing_extensions} } ],
		[ 'Made up, because the dump does not have it', @{ $remarks->{assumed} } ],
		[ 'Not restored, and no rule reads it', $items->('left_out') ],
		(map { [ "Excused, because $_->{name} manages it",
				@{ $_->{schemas} } ? 'schemas ' . join(', ', @{ $_->{schemas} }) : (),
				@{ $_->{roles} } ? 'roles ' . join(', ', @{ $_->{roles} }) : () ] } @{ $remarks->{platforms} }),
		[ 'Decisions', defined $remarks->{decisions} ? $remarks->{decisions} : () ]);
	return grep { @$_ > 1 } @sections;
}

# Without control characters: names come from the source.
sub plain { return $_[0] =~ s/[\x00-\x1f\x7f]+/ /gr }

sub add_to_text
{
	my ($report, $remarks) = @_;
	my $text = join '', map { my ($title, @lines) = @$_; "$title:\n" . join('', map { '  ' . plain($_) . "\n" } @lines) . "\n" }
	  sections($remarks);

	# the totals stay the last line
	my ($body, $totals) = $report =~ /\A(.*?)([^\n]*\n)\z/s;
	return $body . $text . $totals;
}

sub add_to_markdown
{
	my ($report, $remarks) = @_;

	foreach my $section (sections($remarks))
	{
		my ($title, @lines) = @$section;
		my $more = @lines > 30 ? splice(@lines, 30) + 0 : 0;
		$report .= "\n### $title\n\n"
		  . join('', map { '- ' . plain($_) =~ s/([\\`*_\[\]<>|&#!])/\\$1/gr . "\n" } @lines)
		  . ($more ? "- and more: see the other formats\n" : '');
	}
	return $report;
}

sub escape_xml
{
	my ($text) = @_;
	my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');
	return plain($text) =~ s/([&<>"'])/$entity{$1}/gr;
}

sub add_to_html
{
	my ($report, $remarks) = @_;
	my $html = join '', map {
		my ($title, @lines) = @$_;
		'<section><h2>' . escape_xml($title) . "</h2>\n<ul>\n"
		  . join('', map { '<li>' . escape_xml($_) . "</li>\n" } @lines) . "</ul></section>\n";
	} sections($remarks);

	$report =~ s{(?=</main>|</body>)}{$html};
	return $report;
}

sub add_to_json
{
	my ($report, $remarks) = @_;
	my $document = $json->decode($report);

	$document->{$_} = $remarks->{$_} foreach qw(not_judged left_out assumed missing_extensions platforms decisions);
	return $json->encode($document);
}

# SARIF has a place for what kept a tool from judging.
sub add_to_sarif
{
	my ($report, $remarks) = @_;
	my $document = $json->decode($report);
	my $level = $remarks->{not_judged_is};
	my $run = $document->{runs}[0];

	$run->{invocations} = [ {
			executionSuccessful => @{ $remarks->{not_judged} } && $level eq 'error' ? JSON::PP::false : JSON::PP::true,
			toolExecutionNotifications => [
				(map { { level => $level, message => { text => "not judged: $_->{kind} $_->{name}: $_->{reason}" } } } @{ $remarks->{not_judged} }),
				map {
					my ($title, @lines) = @$_;
					map { { level => 'note', message => { text => "$title: $_" } } } @lines;
				} grep { $_->[0] !~ /^Not judged/ } sections($remarks) ],
		} ];
	return $json->encode($document);
}

sub add_to_junit
{
	my ($report, $remarks) = @_;
	my @items = @{ $remarks->{not_judged} };

	return $report if !@items;
	my $is_failure = $remarks->{not_judged_is} eq 'error';
	my $cases = join '', map {
		my $message = escape_xml("not judged: $_->{kind}: $_->{reason}");
		'<testcase classname="not judged" name="' . escape_xml("$_->{kind} $_->{name}") . '">'
		  . ($is_failure ? "<failure type=\"not_judged\" message=\"$message\"/>" : "<skipped message=\"$message\"/>")
		  . "</testcase>\n";
	} @items;
	my $count = @items;
	$report =~ s{\b(tests)="(\d+)"}{$1 . '="' . ($2 + $count) . '"'}ge;
	if ($is_failure) { $report =~ s{\b(failures)="(\d+)"}{$1 . '="' . ($2 + $count) . '"'}ge }
	else { $report =~ s{\b(skipped)="(\d+)"}{$1 . '="' . ($2 + $count) . '"'}e }
	$report =~ s{(?=</testsuite>)}{$cases};
	return $report;
}

sub escape_github { return plain($_[0]) =~ s/%/%25/gr }

sub add_to_github
{
	my ($report, $remarks) = @_;
	my $text = join '', map { "::$remarks->{not_judged_is} title=not judged::" . escape_github("$_->{kind} $_->{name}: $_->{reason}") . "\n" }
	  @{ $remarks->{not_judged} };

	$text .= join '', map { my ($title, @lines) = @$_; "::notice title=" . escape_github($title) . '::' . escape_github(join '; ', @lines) . "\n" }
	  grep { $_->[0] !~ /^Not judged/ } sections($remarks);
	my ($body, $totals) = $report =~ /\A(.*?)([^\n]*\n)\z/s;
	return $body . $text . $totals;
}

1;
