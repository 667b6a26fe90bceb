# SPDX-License-Identifier: MIT
# Hashes of lists, splitting and joining, regular expressions, sorting.
use strict;
use warnings;

my ($sum, %seen) = (0);
for my $round (1 .. 3) {
	my $text = join ' ', map { 'word' . $_ * 7919 % 20011 . '=' . 'v' x ($_ % 50) } 1 .. 40000;
	for my $pair (split / /, $text) {
		my ($key, $value) = $pair =~ /^(\w+)=(\w*)$/ or next;
		push @{$seen{$key}{values}}, $value;
		$seen{$key}{total} += length $value;
	}
	(my $changed = $text) =~ s/word(\d+)/W$1:/g;
	my @sorted = sort { $seen{$a}{total} <=> $seen{$b}{total} || $a cmp $b } keys %seen;
	$sum += length(join ',', @sorted) + length $changed;
	delete @seen{@sorted[0 .. $#sorted / 2]};
}
print "$sum\n";
