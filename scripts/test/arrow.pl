#!/usr/bin/env perl
# Owns the reading of the call graph from the SQL files: which file defines an object of the schema tally, and which files
# name it. Prints each reference from a stage to a stage on its right: file, line, object, and the file that defines it.
#
# A name inside a string does not count: such strings are statements for a person to run (hints), and text in a comment.
# Text that the engine runs itself is between dollar quotes or made by functions, which do count.
use strict;
use warnings;

my (%defined, %place, @files);
open my $order, '<', 'sql/order' or die "sql/order: $!";
while (<$order>) {
    s/\s*#.*//s;
    chomp;
    push @files, $_ if length;
}

# The text with strings and comments blanked out, line by line as it was.
sub code {
    my ($text) = @_;
    my $blank = sub { my $s = shift; $s =~ s/[^\n]/ /g; $s };
    $text =~ s{(--[^\n]*|/\*.*?\*/|[eE]?'(?:[^']|'')*')}{$blank->($1)}ges;
    return $text;
}

# Everything before s10 (what all use) is leftmost; packs stand on all stages; grants follow what they grant.
sub stage { my ($file) = @_; return $file =~ m{^s(\d+)_} ? $1 : $file =~ m{^packs/} ? 95 : 0 }

my %code;
for my $n (0 .. $#files) {
    my $file = $files[$n];
    open my $in, '<', "sql/$file" or die "sql/$file: $!";
    local $/;
    $code{$file} = code(<$in>);
    while ($code{$file} =~ /\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+)?(?:FUNCTION|PROCEDURE|AGGREGATE|VIEW|TABLE|TYPE|SEQUENCE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(tally(?:_internal)?\.\w+)/g) {
        # Overloads may be in several files: the leftmost counts.
        $defined{$1} //= $file;
    }
}
for my $file (@files) {
    my $line = 0;
    for my $text (split /\n/, $code{$file}) {
        $line++;
        while ($text =~ /\b(tally(?:_internal)?\.\w+)/g) {
            my $home = $defined{$1} or next;
            print "sql/$file:$line: $1 is defined in sql/$home\n" if stage($home) > stage($file);
        }
    }
}
