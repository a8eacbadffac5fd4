#-------------------------------------------------------------------------
#
# Diff.pm
#		The verb "diff": what changes in the isolation of tenants between two schemas.
#
# Each is copied into a throwaway cluster of its own.  The new one compares: by the same
# SQL by which changes() compares before and after.
#
# Copyright (c) 2026, Trovella
#
#-------------------------------------------------------------------------
package TrovellaGuard::Diff;

use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use TrovellaGuard::Copy ();
use TrovellaGuard::Process qw(progress usage note write_file);
use TrovellaGuard::Source ();
use TrovellaGuard::SQL qw(literal);

# Returns the exit status: 1 if something is looser.
sub run
{
	my ($option, @arguments) = @_;

	usage('diff takes two sources: OLD and NEW') if @arguments != 2;
	my ($old, $new) = map { TrovellaGuard::Source->new($_) } @arguments;
	my $before = state_of($old, $option);
	my $copy = TrovellaGuard::Copy->new($new, $option);
	progress('comparing ...');
	my $changes = changes($copy, $before->{state});

	my @not_judged = map { [ $arguments[ $_->[0] ], @{ $_->[1] } ] }
	  (map { [ 0, $_ ] } @{ $before->{not_judged} }), (map { [ 1, $_ ] } @{ $copy->{not_judged} });
	__PACKAGE__->can("print_$option->{format}")->($changes, \@not_judged);
	return 1 if @not_judged && !$option->{allow_unjudged};
	return 0 if $option->{fail_on} eq 'never';
	return 1 if grep { $_->{effect} eq 'looser' && counts($_, $option->{fail_on}) } @$changes;
	return 0;
}

# Is a change of this level or above?  What is no finding counts as an error,
# except for what a new table has.
sub counts
{
	my ($change, $fail_on) = @_;
	my %rank = (error => 3, warning => 2, info => 1);

	return 0 if $change->{item} eq 'grant';
	return $change->{item} !~ /^(?:finding|exposure)$/ || $rank{ $change->{after} // 'error' } >= $rank{$fail_on};
}

# The state of a source; its cluster is gone afterwards.
sub state_of
{
	my ($source, $option) = @_;

	my $copy = TrovellaGuard::Copy->new($source, $option);
	my $state = $copy->query('SELECT trovella_guard_internal.isolation_by_name()');
	$copy->{cluster}->stop_now;
	return { state => $state, not_judged => $copy->{not_judged} };
}

sub changes
{
	my ($copy, $before) = @_;

	my $out = $copy->query('SELECT coalesce(pg_catalog.json_agg(d), \'[]\') FROM trovella_guard_internal.differences('
		  . literal($before =~ s/\n\z//r) . '::pg_catalog.jsonb, trovella_guard_internal.isolation_by_name()) d');
	return JSON::PP->new->utf8->decode($out);
}

sub plain { return $_[0] =~ s/[\x00-\x1f\x7f]+/ /gr }

sub relation
{
	my ($change) = @_;
	return defined $change->{table_name} ? "$change->{schema_name}.$change->{table_name}" : 'the database';
}

# "policy p: confined, now open"
sub what
{
	my ($change) = @_;
	my $item = $change->{item} . (defined $change->{object} ? " $change->{object}" : '');
	my ($before, $after) = @$change{qw(before after)};

	return !defined $before ? $change->{item} =~ /^(?:finding|exposure)$/ ? "$item: new ($after)" : "$item: new, $after"
	  : !defined $after ? "$item: gone, was $before"
	  : $before eq $after ? "$item: $after, in other words"
	  : "$item: $before, now $after";
}

sub totals
{
	my ($changes) = @_;
	my %count;

	$count{ $_->{effect} }++ foreach @$changes;
	return 'nothing has changed' if !@$changes;
	return join ', ', map { "$count{$_} " . ($_ eq 'none' ? 'without effect' : $_) } grep { $count{$_} } qw(looser unknown tighter none);
}

my %mark = (looser => '-', tighter => '+', unknown => '?', none => ' ');

sub print_text
{
	my ($changes, $not_judged) = @_;
	my $last = '';

	foreach my $change (@$changes)
	{
		my $relation = plain(relation($change));
		print "$relation:\n" if $relation ne $last;
		$last = $relation;
		print "  $mark{ $change->{effect} } ", plain(what($change)), $change->{effect} eq 'none' ? '' : " ($change->{effect})", "\n";
		print '      ', plain($change->{detail}), "\n" if defined $change->{detail} && $change->{item} ne 'table';
	}
	print 'not judged: ', plain("$_->[0]: $_->[1] $_->[2]: $_->[3]"), "\n" foreach @$not_judged;
	print totals($changes), "\n";
	return;
}

sub print_json
{
	my ($changes, $not_judged) = @_;
	my %count = map { $_ => 0 } qw(looser tighter unknown none);

	$count{ $_->{effect} }++ foreach @$changes;
	print JSON::PP->new->utf8->canonical->pretty->encode({
			schema_version => 1,
			summary => \%count,
			changes => $changes,
			not_judged => [ map { { source => $_->[0], kind => $_->[1], name => $_->[2], reason => $_->[3] } } @$not_judged ] });
	return;
}

# For a comment on a pull request: what is looser comes first.
sub print_markdown
{
	my ($changes, $not_judged) = @_;
	my $cell = sub { plain($_[0]) =~ s/([\\`*_\[\]<>|])/\\$1/gr };
	my %title = (looser => 'Looser', unknown => 'Not known: the proof cannot compare', tighter => 'Tighter', none => 'Without effect');

	print '## Tenant isolation: ', totals($changes), "\n";
	foreach my $effect (qw(looser unknown tighter none))
	{
		my @rows = grep { $_->{effect} eq $effect } @$changes or next;
		my $more = @rows > 100 ? splice(@rows, 100) : 0;
		print $effect eq 'none' ? "\n<details><summary>$title{$effect}</summary>\n" : "\n### $title{$effect}\n";
		print "\n| relation | change | |\n|---|---|---|\n";
		printf "| %s | %s | %s |\n", $cell->(relation($_)), $cell->(what($_)), $_->{item} eq 'table' ? '' : $cell->($_->{detail} // '') foreach @rows;
		print "| | and $more more | |\n" if $more;
		print "\n</details>\n" if $effect eq 'none';
	}
	print "\n### Not judged\n\n" if @$not_judged;
	print '- ', $cell->("$_->[0]: $_->[1] $_->[2]: $_->[3]"), "\n" foreach @$not_judged;
	return;
}

1;
