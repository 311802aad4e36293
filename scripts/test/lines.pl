#!/usr/bin/env perl
# Owns one test: no line of our code is longer than 160 columns, no file too long (SQL 300 lines, Rust and Python 330), and each file opens with a comment.
# Data (golden files, tables of reference values) is not code.
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;
use open qw(:std :encoding(UTF-8));
use File::Find;

# Files that are longer still, with their lines today. A file that has become shorter leaves the list; none comes onto it.
my %thick = ('core/tests/oracles/experiment.py' => 363);

my (@files, @long, @silent, @thick);
find(sub { push @files, $File::Find::name if -f && /\.(?:sql|template|rs|sh|pl|pm|py)$/ }, qw(sql src core scripts kernels));

my @tests;
find(sub { push @tests, $File::Find::name if -f && /\.(?:sql|psql|rs|sh|pl|py)$/ && $File::Find::name !~ m{/target/} }, qw(pg_test bench fuzz));
for my $file (sort @tests) {
    open my $in, '<', $file or die "$file: $!";
    while (<$in>) { chomp; push @long, sprintf('%s:%d has %d', $file, $., length) if length > 160 }
    thick($file, $.);
}
for my $file (sort @files) {
    open my $in, '<', $file or die "$file: $!";
    my $opening = '';
    while (my $line = <$in>) {
        chomp $line;
        $opening = $line if $. == 1 || ($. == 2 && $opening =~ /^#!/);
        push @long, sprintf('%s:%d has %d', $file, $., length $line) if length $line > 160;
    }
    thick($file, $.);
    push @silent, $file if $opening !~ m{^(?:--|#|//!|//)};
}

check('the test sees the code: ' . @files . ' files, ' . @tests . ' of tests', @files > 300 && @tests > 300 ? () : 'that is too little');
check('no line is longer than 160 columns', @long);
check('no file is longer than 330 lines, none of SQL than 300', @thick, map { "$_ is gone: take it off the list" } sort keys %thick);
check('each file opens with a comment, which says what the file owns', @silent);
done();

sub thick {
    my ($file, $lines) = @_;
    # A step of an upgrade is one text, which runs once.
    my $most = $file =~ /\.(?:rs|py)$/ ? 330 : $file =~ m{^sql/(?!upgrade/).*\.sql$} ? 300 : return;
    if (my $known = delete $thick{$file}) {
        push @thick, $lines > $known ? "$file has $lines, had $known" : "$file is short enough: take it off the list" if $lines > $known || $lines <= $most;
    }
    elsif ($lines > $most) { push @thick, "$file has $lines" }
}
