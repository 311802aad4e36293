#!/usr/bin/env perl
# Owns one test: a stage of sql/ reads from its left. It reads the call graph from the text of the files that sql/order lists: which file
# defines an object of the schemas tally and tally_internal, and which files name it. A name that a stage on the right defines is a failure.
#
# What counts: code, bodies of functions, and strings, because the engine runs SQL that it makes from strings.
# What does not: comments, COMMENT ON, and the words of errors and notices (RAISE, _refuse), which speak to people.
# Functions on the right that a stage calls without naming them listen to events (sql/s15_common/listen.sql): each event that is announced must
# have a listener on its right, and each listener an event.
#
#   perl scripts/test/arrow.pl          the tests, as TAP
#   perl scripts/test/arrow.pl --graph  how often each stage names another, as a table for docs and curiosity
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;

my @files = sql_files();
my (%defined, %announced, %heard, %text, @wrong, %edges);
my $references = 0;
my $kinds = qr/(?:FUNCTION|PROCEDURE|AGGREGATE|VIEW|TABLE|TYPE|DOMAIN|SEQUENCE)/;

# Blanks a piece of text, line by line as it was.
sub blank { my ($piece) = @_; $piece =~ s/[^\n]/ /g; return $piece }

# The text with what PostgreSQL does not run blanked. With $strings, strings stay.
sub code {
    my ($text, $strings) = @_;
    my $code = '';
    pos($text) = 0;
    while (pos($text) < length $text) {
        if    ($text =~ /\G(--[^\n]*)/gc)               { $code .= blank($1) }
        elsif ($text =~ m{\G(/\*.*?\*/)}gcs)            { $code .= blank($1) }
        elsif ($text =~ /\G([eE]?'(?:[^']|'')*')/gc)    { $code .= $strings ? $1 : blank($1) }
        elsif ($text =~ /\G("(?:[^"]|"")*")/gc)         { $code .= $1 }
        elsif ($text =~ /\G\$\$/gc)                     { $code .= '$$' }
        elsif ($text =~ /\G(\$(\w+)\$.*?\$\2\$)/gcs)    { $code .= $strings ? $1 : blank($1) }
        elsif ($text =~ /\G(.)/gcs)                     { $code .= $1 }
    }
    return $code;
}

# Statements whose strings are words for people. Their end is found in a copy without strings, which may hold semicolons.
sub without_words {
    my ($text) = @_;
    my ($bare, $kept) = (code($text, 0), code($text, 1));
    while ($bare =~ /\b(?:COMMENT\s+ON|RAISE\s|PERFORM\s+tally_internal\._refuse\()[^;]*;/g) {
        my ($from, $to) = ($-[0], $+[0]);
        substr($kept, $from, $to - $from) = substr($bare, $from, $to - $from);
    }
    return $kept;
}

# What lies in front of the first stage is leftmost; packs stand on all stages.
sub stage { my ($file) = @_; return $file =~ m{^s(\d+)_} ? $1 : $file =~ m{^packs/} ? 95 : 0 }
sub line_of { my ($text, $at) = @_; return 1 + (substr($text, 0, $at) =~ tr/\n//) }

for my $file (@files) {
    open my $in, '<', "sql/$file" or die "sql/$file: $!";
    my $raw = do { local $/; <$in> };
    $text{$file} = without_words($raw);
    my $bare = code($raw, 0);
    while ($bare =~ /\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+)?$kinds\s+(?:IF\s+NOT\s+EXISTS\s+)?(tally(?:_internal)?\.\w+)/g) {
        # Overloads may be in several files: the leftmost counts.
        my $name = $1;
        $defined{$name} //= $file;
        $heard{$name} = $file if $name =~ /\._when_/;
    }
}
for my $file (@files) {
    while ($text{$file} =~ /\b(tally(?:_internal)?\.\w+)/g) {
        my ($name, $at) = ($1, $-[1]);
        my $home = $defined{$name} or next;
        $references++;
        $edges{stage($file)}{stage($home)}++;
        push @wrong, sprintf('sql/%s:%d: %s is defined in sql/%s', $file, line_of($text{$file}, $at), $name, $home)
            if stage($home) > stage($file);
    }
    push @{ $announced{$1} }, $file while $text{$file} =~ /tally_internal\._announce\('(\w+)'/g;
}

if (@ARGV && $ARGV[0] eq '--graph') {
    for my $from (sort { $a <=> $b } keys %edges) {
        printf "s%d -> %s\n", $from, join ', ', map {"s$_ $edges{$from}{$_}"} sort { $a <=> $b } keys %{ $edges{$from} };
    }
    exit;
}

my ($functions, $stages) = (scalar keys %defined, scalar keys %edges);
check("the test sees the call graph: $functions objects, $references references, $stages stages",
    $functions > 500 && $references > 3000 && $stages > 10 ? () : 'that is too little');
check('a stage names only what its left or itself defines', @wrong);

my @deaf;
for my $event (sort keys %announced) {
    my @listeners = grep { /\._when_\Q$event\E_s\d+$/ } keys %heard;
    push @deaf, "nothing listens to $event" if !@listeners;
    for my $listener (@listeners) {
        push @deaf, "$listener listens to sql/$_ on its right" for grep { stage($heard{$listener}) <= stage($_) } @{ $announced{$event} };
    }
}
check('each event that a stage announces is heard, and only on its right', @deaf);
my @idle;
for my $listener (sort keys %heard) {
    my ($event, $number) = $listener =~ /\._when_(\w+)_s(\d+)$/ or push(@idle, "$listener has no stage in its name"), next;
    push @idle, "$listener listens to what nobody announces" if !$announced{$event};
    push @idle, "$listener is defined in sql/$heard{$listener}" if stage($heard{$listener}) != $number;
}
check('each listener hears an event, and bears the number of its own stage', @idle);
done();
