#!/usr/bin/env perl
# Owns the reading of a Dockerfile: one instruction a line, its word and its rest parted by a tab; continued lines joined,
# comments and empty lines left out.
use strict;
use warnings;

my $line = '';
while (<>) {
    next if /^\s*#/ || (!length $line && /^\s*$/);
    chomp;
    $line .= $_;
    next if $line =~ s/\\$//;
    $line =~ /^\s*([A-Z]+)\s+(.*)$/ or die "no instruction: $line\n";
    print "$1\t$2\n";
    $line = '';
}
