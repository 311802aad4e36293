#!/usr/bin/env perl
# Owns one test: no SQL of README.md and docs/ stands where pg_test/docs/run.sh does not run it. A block of the page that begins with a statement
# is fenced by ```sql at the left margin, or it is listed here with the reason why it cannot run.
#
#   perl scripts/test/examples.pl [PAGE…]     other pages than the project's, to try the test itself
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));
use lib 'scripts/lib';
use Checks;

# Page and the block's first line => why it is not run.
my %not_run = (
    'docs/install.md: SELECT cron.schedule_in_database(' => 'pg_cron serves one database, and that is another one',
    'docs/uninstall.md: SELECT cron.unschedule('         => 'the same',
    'docs/scale-out.md: CREATE SERVER berlin'            => 'the server is another machine; the page makes servers on this one unseen',
    'docs/scale-out.md: CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw; CREATE EXTENSION pg_tally;' => 'Citus, by hand',
    'docs/scale-out.md: SELECT * FROM tally.refresh(\'by_hour\')'   => 'the same',
    'docs/scale-out.md: SELECT citus_move_shard_placement(' => 'the same',
    'docs/supabase-hosted.md: GRANT tally_makers TO'     => 'roles of the platform',
    'docs/supabase-hosted.md: GRANT postgres TO'         => 'a role of the platform; pg_test/hosted/install.sh has such a member',
    'docs/supabase-hosted.md: SELECT * FROM tally.uninstall(' => 'the hosted edition alone; pg_test/hosted/install.sh does it',
);
# A prompt of psql may stand before it.
my $words = 'SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|TRUNCATE|CREATE|ALTER|DROP|CALL|GRANT|REVOKE|SET|BEGIN|COPY|LISTEN|REFRESH';
my $statement = qr/(?:\w*=[#>]\s*)?(?:$words)\b/;

# unrun(TEXT): the line and text of the first statement of each block that begins with one and is not run; and how many blocks are run.
sub unrun {
    my ($text) = @_;
    my ($fence, $before, $inside, $run, @found) = ('', '', 0, 0);
    # What a comment holds is no part of the page that is read. Its lines stay, for the numbers.
    $text =~ s/(<!--.*?-->)/$1 =~ s{[^\n]}{}gr/gse;
    my $n = 0;
    for my $line (split /\n/, $text) {
        $n++;
        if ($fence) {
            if ($line =~ /^\s*\Q$fence\E\s*$/) { ($fence, $before) = ('', ''); next }
            push @found, [$n, $line =~ s/^\s+//r] if $inside && $line =~ /^\s*$statement/;
            $inside = 0 if $line =~ /\S/ && $line !~ /^\s*--/;
        }
        elsif ($line =~ /^(\s*)(```+|~~~+)\s*(\w*)/) {
            my ($margin, $language) = ($1, $3);
            $fence = $2;
            if ($language eq 'sql' && $margin eq '' && $fence eq '```') { $run++; $inside = 0 }
            # In any other fence the first line that is no comment must not be a statement.
            else { $inside = 1 }
        }
        else {
            push @found, [$n, $line =~ s/^\s+//r] if $line =~ /^(?: {4,}|\t)\s*$statement/ && $before !~ /\S/;
            $before = $line if $line !~ /^\s*--/;
        }
    }
    return ($run, @found);
}

my ($blocks, @unrun, %used) = 0;
my @pages = @ARGV ? @ARGV : ('README.md', glob 'docs/*.md');
for my $page (@pages) {
    open my $in, '<', $page or die "$page: $!";
    my ($run, @found) = unrun(do { local $/; <$in> });
    $blocks += $run;
    for my $block (@found) {
        my ($key) = grep { index("$page: $block->[1]", $_) == 0 } keys %not_run;
        if ($key) { $used{$key} = 1 } else { push @unrun, "$page:$block->[0]: $block->[1]" }
    }
}
my @kinds = (
    "    SELECT 1;", "- a\n\n       CALL f();", "    -- why\n    CREATE TABLE t ();", "    app=# TABLE t;", "```\nSELECT 1;\n```",
    "1. x\n\n   ```sql\n   SELECT 1;\n   ```", "```psql\n-- why\n\nUPDATE t;\n```"
);
my $run = "```sql\nSELECT 1;\n\n    SELECT 2;\n```\n```text\n    1\n```\n<!-- run:\n\n    SELECT 1;\n-->\n    psql -c 'SELECT 1'\n";
check('the test sees each kind of block that is not run', grep { !(unrun("Text\n\n$_\n"))[1] } @kinds);
check('and takes none that is run for one', map { $_->[1] } grep {ref} unrun($run));
check('the test sees the examples that are run: ' . $blocks, @ARGV || $blocks > 120 ? () : 'that is too little');
check('every block of SQL is fenced by ```sql at the left margin, so that it runs, or is listed with the reason', @unrun);
check('every listed block is there', @ARGV ? () : grep { !$used{$_} } sort keys %not_run);
done();
