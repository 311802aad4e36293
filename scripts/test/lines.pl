#!/usr/bin/env perl
# Owns one test: no line of our code is longer than 160 columns, no file of SQL longer than 300 lines, and each file opens with a comment.
# Data (golden files, tables of reference values) is not code.
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;
use open qw(:std :encoding(UTF-8));
use File::Find;

my (@files, @long, @silent, @thick);
find(sub { push @files, $File::Find::name if -f && /\.(?:sql|template|rs|sh|pl|pm|py)$/ }, qw(sql src core scripts kernels));

my @tests;
find(sub { push @tests, $File::Find::name if -f && /\.(?:sql|psql|rs|sh|pl|py)$/ && $File::Find::name !~ m{/target/} }, qw(pg_test bench fuzz));
for my $file (sort @tests) {
    open my $in, '<', $file or die "$file: $!";
    while (<$in>) { chomp; push @long, sprintf('%s:%d has %d', $file, $., length) if length > 160 }
}
for my $file (sort @files) {
    open my $in, '<', $file or die "$file: $!";
    my $opening = '';
    while (my $line = <$in>) {
        chomp $line;
        $opening = $line if $. == 1 || ($. == 2 && $opening =~ /^#!/);
        push @long, sprintf('%s:%d has %d', $file, $., length $line) if length $line > 160;
    }
    # A step of an upgrade is one text, which runs once.
    push @thick, "$file has $." if $file =~ /\.sql$/ && $file !~ m{^sql/upgrade/} && $. > 300;
    push @silent, $file if $opening !~ m{^(?:--|#|//!|//)};
}

check('the test sees the code: ' . @files . ' files, ' . @tests . ' of tests', @files > 300 && @tests > 300 ? () : 'that is too little');
check('no line is longer than 160 columns', @long);
check('no file of SQL is longer than 300 lines', @thick);
check('each file opens with a comment, which says what the file owns', @silent);
done();
