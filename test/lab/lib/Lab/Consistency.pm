# Consistency.pm: what is asked now and then, besides what is asked after each
# transaction: is what the application reaches reported, is the audit at one with
# itself, does the log tell the whole story, are locks left, do repairs repair?
# reach.sql has the answers.

package Lab::Consistency;

use strict;
use warnings;

# What a fault is called, and how it is asked.
my @questions = (
	['unreported reach', 'BEGIN', 'SELECT lab.unreported()', 'ROLLBACK'],
	['audit at odds with itself', 'SELECT lab.self_contradictions()'],
	['log at odds with the allowlist', 'SELECT lab.untold()'],
	['schema that others can take over', 'SELECT lab.seizable()'],
	['lock left', 'SELECT lab.locks_left()']);

sub is_kind { return scalar grep { $_->[0] eq $_[0] } @questions, ['repair'] }

# Asks through a session that does nothing else.  Returns a failure or undef.
sub ask
{
	my ($observer, @relids) = @_;

	foreach (@questions, map { ['repair', 'BEGIN', "SELECT lab.bad_repairs($_)", 'ROLLBACK'] } @relids)
	{
		my ($kind, @statements) = @$_;
		my @results = $observer->run(@statements) or die "the observer is gone\n";
		my $answer = @statements > 1 ? 1 : 0;
		my $result = $results[$answer];
		if ($result->{error})
		{
			# somebody has locked what it reads
			next if $result->{message} =~ /lock timeout|deadlock/;
			die "$statements[$answer]: $result->{message}\n";
		}
		my ($fault) = @{ $result->{lines} };
		next unless defined $fault;
		# names differ from one walk to the next, and are no class
		return { kind => $kind, what => $fault, class => $kind };
	}
	return undef;
}

1;
