#!/usr/bin/env perl
# Owns the running and the counting of tests: every argument is a test that prints TAP (a pgTAP script, or a program);
# two run at a time. The last line is the count, the exit status is 0 only when nothing failed.
use strict;
use warnings;
use File::Temp ();
use TAP::Harness;

# Tests that mostly wait for a clock, on a server of their own. They take hardly any processor, so among others they begin at once, beside the two
# that run, and their output is read at the end.
my %waiting = ('pg_test/cron/cron.sh' => 1);
my (%begun, @pids);
my $folder = File::Temp->newdir;
my @tests  = ((grep { !$waiting{$_} } @ARGV), (grep { $waiting{$_} } @ARGV));
for my $file (grep { $waiting{$_} && @ARGV > 1 } @ARGV) {
    $begun{$file} = "$folder/" . @pids;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        exec 'bash', '-c', 'bash "$1" >"$2.out" 2>&1; echo $? >"$2.status"', 'begin', $file, $begun{$file} or die "bash: $!";
    }
    push @pids, $pid;
}

my %passed_over;
if (($ENV{KERNEL} // '') eq 'sql') {
    open my $list, '<', 'kernels/sql/tests' or die "kernels/sql/tests: $!";
    while (<$list>) { $passed_over{$1} = $2 if m{^(pg_test/\S+) skip: (.*)} }
}

my $harness = TAP::Harness->new({
    jobs     => $ENV{TEST_JOBS} // 2,
    failures => 1,
    comments => 1,
    merge    => 1,    # what a test says on standard error stands beside its result
    timer    => 1,
    exec     => sub {
        my (undef, $file) = @_;
        if (my $at = $begun{$file}) {
            return ['bash', '-c', 'until [ -s "$1.status" ]; do sleep 0.2; done; cat "$1.out"; exit "$(cat "$1.status")"', 'read', $at];
        }
        # The hosted edition passes over it; of a pgTAP script database.sh says so.
        return ['echo', "1..0 # SKIP $passed_over{$file}"] if $passed_over{$file} && $file !~ /\.sql$/;
        return ['bash', 'scripts/test/database.sh', $file] if $file =~ /\.sql$/;
        return [$file =~ /\.pl$/ ? 'perl' : 'bash', $file];
    },
});
my $result = eval { $harness->runtests(@tests) };
if (!$result) {
    print $@, "0 passed, 1 failed\n";
    exit 1;
}

# A test that dies, or runs another number of tests than it planned, failed once more than it admits.
my @parsers = $result->parsers($result->descriptions);
my $broken  = grep { !$_->failed && ($_->exit || $_->wait || $_->parse_errors) } @parsers;
my $skipped = $result->skipped + grep { $_->skip_all } @parsers;
my $failed  = $result->failed + $broken;
my $passed  = $result->passed - $result->skipped;

# What took longest.
my ($most, @slowest) = (10);
for my $test ($result->descriptions) {
    my ($parser) = $result->parsers($test);
    push @slowest, [$parser->end_time - $parser->start_time, $test];
}
@slowest = sort { $b->[0] <=> $a->[0] } @slowest;
if (@slowest > $most) {
    print "slowest:\n", map { sprintf "%7.1f s  %s\n", @$_ } @slowest[0 .. $most - 1];
}

print "$passed passed, $failed failed", ($skipped ? ", $skipped skipped" : ''), "\n";
exit($failed || !($passed + $skipped) ? 1 : 0);
