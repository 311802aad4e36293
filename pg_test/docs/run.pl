#!/usr/bin/env perl
# Owns the running of the documentation: every SQL example of a page, in order, in one session, as its reader would type it.
#
#   run.pl PAGE psql [argument…]     prints TAP: one test for each example
#
# An example is a block fenced by ```sql. It must run without an error. Where a block fenced by ```text follows it, that is what
# psql prints, to the character; a line "…" there stands for any lines, and "[…]" in a line for any text
# (seconds, rates). What the page does not show but needs (tables, rows) stands in an HTML comment that begins with "run:".
use utf8;
use strict;
use warnings;

my ($page, @psql) = @ARGV;
open my $in, '<:encoding(UTF-8)', $page or die "$page: $!";
my $text = do { local $/; <$in> };
binmode STDOUT, ':encoding(UTF-8)';

my (@steps, $line);
my $pos = 0;
while ($text =~ /<!-- run:\s*(.*?)-->|^```(sql|text)\n(.*?)^```$/gmsc) {
    $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
    if (defined $1) { push @steps, { line => $line, sql => $1, hidden => 1 } }
    elsif ($2 eq 'sql') { push @steps, { line => $line, sql => $3 } }
    elsif (@steps && !$steps[-1]{hidden} && !defined $steps[-1]{expected}) { $steps[-1]{expected} = $3 }
    else { die "$page:$line: this output has no example before it\n" }
}

my $script = "\\set QUIET on\n\\pset pager off\n";
$script .= "\\echo \@\@$_\n$steps[$_]{sql}\n;\n" for 0 .. $#steps;
require File::Temp;
my $file = File::Temp->new(SUFFIX => '.sql');
binmode $file, ':encoding(UTF-8)';
print {$file} $script;
close $file;
# psql reads standard input, so that messages carry no file and line.
my $command = join ' ', map { "'" . s/'/'\\''/gr . "'" } @psql, '-X', '-q', '-v', 'ON_ERROR_STOP=0';
open my $run, '-|:encoding(UTF-8)', "$command <'$file' 2>&1" or die "psql: $!";
my @printed = map { '' } @steps;
my $at = -1;
while (<$run>) {
    if (/^\@\@(\d+)$/) { $at = $1; next }
    $printed[$at] .= $_ if $at >= 0;
}
close $run;

sub tidy { join "\n", map { s/\s+$//r } grep { /\S/ } split /\n/, $_[0] }
my $count = 0;
for my $n (0 .. $#steps) {
    my ($step, $got) = ($steps[$n], tidy($printed[$n]));
    my $good;
    if (defined $step->{expected}) {
        my $pattern = join "\n", map { $_ eq '…' ? '(?:.*\n)*?.*' : join '.+', map { quotemeta } split /\[…\]/, $_, -1 } split /\n/, tidy($step->{expected});
        $good = $got =~ /\A$pattern\z/;
    }
    else { $good = $got !~ /^(?:ERROR|FATAL|PANIC):/m }
    next if $step->{hidden} && $good;
    $count++;
    print $good ? 'ok' : 'not ok', " $count - $page:$step->{line}\n";
    next if $good;
    print map { "# $_\n" } 'ran:', split(/\n/, $step->{sql}), 'printed:', split(/\n/, $got);
    print map { "# $_\n" } 'the page says:', split(/\n/, tidy($step->{expected})) if defined $step->{expected};
}
print "1..$count\n";
