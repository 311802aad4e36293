#!/usr/bin/env perl
# Owns one test: the table of folders in docs/architecture.md equals the tree. A folder counts when a file of the project lies in it.
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;

my %folder;
open my $git, '-|', 'git', 'ls-files' or die "git ls-files: $!";
while (<$git>) {
    chomp;
    $folder{$1} = 1 if m{^(.+/)[^/]+$} && -e;
}
close $git or die "git ls-files failed\n";

my (%row, @twice);
open my $page, '<', 'docs/architecture.md' or die "docs/architecture.md: $!";
while (<$page>) {
    last if %row && !/^\|/;
    next if !m{^\| `([^`]+/)` \| \S};
    push @twice, $1 if $row{$1}++;
}

# A row without a star speaks of its folder alone; a star takes folders that have no row of their own.
my (%used, @missing);
for my $folder (sort keys %folder) {
    my ($match) = grep { $_ eq $folder } keys %row;
    ($match) = grep { (my $re = quotemeta $_) =~ s/\\\*/[^\/]+/g; /\*/ && $folder =~ /^$re$/ } sort keys %row if !defined $match;
    if (defined $match) { $used{$match} = 1 } else { push @missing, $folder }
}

my ($folders, $rows) = (scalar keys %folder, scalar keys %row);
check("the test sees the tree and the table: $folders folders, $rows rows", $folders > 80 && $rows > 60 ? () : 'that is too little');
check('every folder has its row', @missing);
check('every row has its folder', grep { !$used{$_} } sort keys %row);
check('no folder has two rows', @twice);
done();
