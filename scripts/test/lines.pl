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

# Tests came to the rule later. The list says how many long lines each of them has still; it only gets shorter.
my (%allowed, @tests, @longer);
open my $list, '<', 'scripts/test/long_lines.txt' or die "scripts/test/long_lines.txt: $!";
while (<$list>) { $allowed{$2} = $1 if /^(\d+) (\S+)/ }
find(sub { push @tests, $File::Find::name if -f && /\.(?:sql|psql|rs|sh|pl|py)$/ && $File::Find::name !~ m{/target/} }, qw(pg_test bench fuzz));
for my $file (sort @tests) {
    open my $in, '<', $file or die "$file: $!";
    my $long = grep { chomp; length > 160 } <$in>;
    my $most = $allowed{$file} // 0;
    push @longer, "$file has $long lines of more than 160 columns, allowed are $most" if $long > $most;
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

check('the test sees the code: ' . @files . ' files', @files > 300 ? () : 'that is too little');
check('no line is longer than 160 columns', @long);
check('no test has longer lines than the list of old ones allows', @longer);
check('no file of SQL is longer than 300 lines', @thick);
check('each file opens with a comment, which says what the file owns', @silent);
done();
