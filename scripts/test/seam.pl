#!/usr/bin/env perl
# Owns one test: the seam between the kernel and the pipeline. The kernel is what sql/s10_kernel offers, in Rust or in plain SQL (kernels/sql). What
# stands to its right, packs too, may name nothing of it but the names on docs/kernel.md.
#
# It reads the call graph from the text of the files, as arrow.pl does: code, bodies of functions, and strings, because the engine runs SQL that it
# makes from strings. What speaks to people does not count: comments and COMMENT ON.
#
#   perl scripts/test/seam.pl          the tests, as TAP
#   perl scripts/test/seam.pl --used   each name of the kernel that is called, and by how many files
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;

sub text_of { my ($file) = @_; open my $in, '<', $file or die "$file: $!"; local $/; return scalar <$in> }

# The text without what PostgreSQL does not run.
sub spoken {
    my ($text) = @_;
    $text =~ s/^\s*--[^\n]*//mg;
    $text =~ s/^COMMENT ON (?:[^';]|'(?:[^']|'')*')*;//mg;
    return $text;
}

my @files = sql_files(packs => 1);
my @sketches = text_of('sql/s10_kernel/state/sketch_types.sql') =~ /TEMPLATE sketch_type\n-- name: (\w+)/g;

# Which names files make: functions, aggregates, types.
sub made {
    my %made;
    for my $file (@_) {
        my $text = spoken(text_of($file));
        $made{$1} = $file while $text =~ /^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|AGGREGATE|TYPE|DOMAIN|PROCEDURE)\s+(tally(?:_internal)?\.\w+)/mg;
    }
    return %made;
}
my %kernel = made(map {"sql/$_"} grep {m{^s10_}} @files);
$kernel{"tally.$_"} = 'sql/s10_kernel/state/sketch_types.sql' for @sketches;
# A name that a stage to the right defines too (an overload of its own) is looked up there.
my %right = made(map {"sql/$_"} grep { !m{^s10_} } @files);

my (%used, @foreign);
for my $file (grep { !m{^s10_} } @files) {
    my $text = spoken(text_of("sql/$file"));
    while ($text =~ /\b(tally(?:_internal)?\.\w+)/g) {
        $used{$1}{$file} = 1 if $kernel{$1};
    }
    push @foreign, "sql/$file: a function of the library, which belongs into sql/s10_kernel" if $text =~ /LANGUAGE\s+c\b|MODULE_PATHNAME/;
}
if (@ARGV && $ARGV[0] eq '--used') {
    printf "%-44s %3d  %s\n", $_, scalar keys %{ $used{$_} }, $kernel{$_} for sort { $kernel{$a} cmp $kernel{$b} || $a cmp $b } keys %used;
    exit;
}

# A name is on the page where it stands in backquotes, with or without its schema and arguments.
my $page = text_of('docs/kernel.md');
my %written;
for my $piece ($page =~ /`([^`\n]+)`/g) {
    $written{$1} = 1 while $piece =~ /(\w+)/g;
}
# Readers of a sketch are listed as words: "`count`, `sum` …".
my ($names, $calls) = (scalar keys %kernel, scalar keys %used);
check("the test sees the seam: the kernel offers $names names, $calls are called", $names > 200 && $calls > 90 ? () : 'that is too little');
check('no stage but the kernel calls the library', @foreign);
check('what is called of the kernel is on docs/kernel.md', map { "$_ of $kernel{$_}, called in sql/" . (sort keys %{ $used{$_} })[0] }
    grep { my ($name) = /\.(\w+)$/; !$written{$name} } sort keys %used);
# A file that is not listed would not run with KERNEL=sql, and nobody would know.
my %listed = map { (split)[0] => 1 } grep { /^pg_test/ } split /\n/, text_of('kernels/sql/tests');
check('kernels/sql/tests lists every file of stages, packs, boards and privacy, with a reason where the hosted edition passes over it',
    map { "$_ is not there" } grep { !$listed{$_} } glob 'pg_test/{stages,packs,boards,privacy}/*.sql');
check('and nothing that is gone', map { "$_ is gone" } grep { !-e } sort keys %listed);
done();
