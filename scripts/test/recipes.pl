#!/usr/bin/env perl
# Owns one test: the recipes of CONTRIBUTING.md are whole. What is there already (each condition, pack, version of PostgreSQL) stands in every
# place of its recipe's table; every file that is of the kind, by what it holds, is named in the recipe; every named file is there.
# The recipe of a sketch is checked by core/tests/recipe.rs.
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;
use File::Find;

sub text { my ($file) = @_; local $/; open my $in, '<', $file or die "$file: $!"; return <$in> }

# Files at a place, which is a file or a folder.
sub files_at { my ($place) = @_; my @found; find(sub { push @found, $File::Find::name if -f }, $place) if -e $place; return sort @found }

my $page = text('CONTRIBUTING.md');
my %kind = (
    'a condition of thresholds' => {
        names => sub { text('core/src/alert/condition.rs') =~ /pub enum Condition \{(.*?)^\}/ms; my $body = $1; return $body =~ /^    ([A-Z]\w+)/mg },
        holds => qr/Condition::[A-Z]|condition,kind|condition ->> 'kind'|alert::parse/,
        within => [qw(core src sql kernels fuzz)],
    },
    'a pack' => {
        names => sub { return grep { $_ ne 'template' } map { m{^sql/packs/(\w+)/pack\.sql$} } files_at('sql/packs') },
        holds => qr/FROM tally\.pack_list/,
        within => [qw(pg_test)],
    },
    'a PostgreSQL version' => {
        names => sub { return text('Cargo.toml') =~ /^pg(\d+) = /mg },
        holds => qr/server_version_num|:funcid|:opno|:varno|relpartbound|TimeoutId/,
        within => [qw(src core sql)],
    },
);

for my $recipe (sort keys %kind) {
    my ($section) = $page =~ /^## Adding \Q$recipe\E\n(.*?)(?=^## |\z)/ms or die "CONTRIBUTING.md has no recipe for $recipe\n";
    my @names  = $kind{$recipe}{names}->();
    my @places = $section =~ /^\| `([^`]+)` \| `([^`]+)` \| \S/mg;
    check("$recipe: the test sees " . @names . ' of them and ' . @places / 2 . ' places', @names >= 4 && @places >= 4 ? () : 'that is too little');
    my @lacks;
    while (my ($where, $what) = splice @places, 0, 2) {
        for my $name (@names) {
            # RobustZ is robust_z in SQL.
            (my $small = lcfirst $name) =~ s/([A-Z])/_\l$1/g;
            my ($place, $stands) = map { s/<Name>|<N>/$name/gr =~ s/<name>/$small/gr } $where, $what;
            $stands =~ s/\\\|/|/g;
            push @lacks, "$name: $stands expected in $place" if !grep { index($_, $stands) >= 0 || index(text($_), $stands) >= 0 } files_at($place);
        }
    }
    check("$recipe: each stands where the recipe says", @lacks);
    my @unnamed = grep { text($_) =~ $kind{$recipe}{holds} && $section !~ /`\Q$_\E`/ }
        grep { /\.(?:rs|sql)$/ } map { files_at($_) } @{ $kind{$recipe}{within} };
    check("$recipe: every file of the kind is named", @unnamed);
    check("$recipe: every named file is there", grep { !-e } grep { !/[<*]/ } $section =~ /`([\w.-]+(?:\/[\w.-]+)+)`/g);
}
done();
