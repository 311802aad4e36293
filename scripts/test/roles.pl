#!/usr/bin/env perl
# Owns two tests of what belongs to a whole server, where two tests run at a time. No two files that share a server make a role of one name: it would be
# missing, or could not be dropped, whenever the two meet. A role that several need is made where it is missing and never dropped: CREATE ROLE within
# a DO block that goes on where the role is there. And none reads what all databases share (sessions, locks, roles) without saying of which it asks.
use strict;
use warnings;
use lib 'scripts/lib';
use Checks;

sub text { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return scalar <$in> }

# Scripts in bash that start a server of their own are alone with its roles.
my @files = (glob('pg_test/{attacks,boards,contract,packs,privacy,stages}/*.{sql,psql}'), glob('pg_test/isolation/*/*.spec'),
    grep { text($_) =~ /^use_server test$/m } glob 'pg_test/*/*.sh');
my $SHARED = 'locks|stat_activity|prepared_xacts|roles|authid|auth_members|db_role_setting|shdepend';
my (%makers, %droppers, @all);
my $looks = 0;
for my $file (@files) {
    for my $statement (split /;/, text($file)) {
        # Of a statement that is only refused, nothing is read.
        if ($statement !~ /\b(?:throws_ok|asked)\(/ && $statement =~ s/--.*//gr =~ /(?:FROM|JOIN|,) *pg_($SHARED)\b/) {
            my $what = $1;
            my $of = $what =~ /^(?:loc|stat|prep)/ ? 'pid|datname|database|application_name|gid' : 'WHERE|ON';
            $looks++;
            push @all, "$file: pg_$what" if $statement =~ s/--.*//gr !~ /\b(?:$of)\b/;
        }
        if ($statement =~ /\bCREATE (?:ROLE|USER) +("[\w ]+"|\w+)/) {
            my $role = $1;
            $makers{$role}{$file} = $statement =~ /\bBEGIN\s+CREATE/ ? 'where it is missing' : 'anew';
        }
        next if $statement !~ /\bDROP (?:ROLE|USER) +(?:IF EXISTS +)?((?:"[\w ]+"|[a-z_0-9]+)(?:, *(?:"[\w ]+"|[a-z_0-9]+))*)/;
        $droppers{$_}{$file} = 1 for $1 =~ /"[^"]+"|\w+/g;
    }
}
my ($made, $dropped) = (scalar keys %makers, scalar keys %droppers);
check("the test sees " . @files . " files, $made roles that are made and $dropped that are dropped",
    @files > 200 && $made > 80 && $dropped > 80 ? () : 'that is too little');
check('a role that a file makes anew is of that file alone', map { "$_: " . join ' and ', sort keys %{ $makers{$_} } }
    grep { keys %{ $makers{$_} } > 1 && grep { $_ eq 'anew' } values %{ $makers{$_} } } sort keys %makers);
check('a role that a file drops is made by that file alone', map {
    my $role = $_;
    map { my $file = $_; map {"$role: $file drops what $_ makes"} grep { $_ ne $file } sort keys %{ $makers{$role} } } sort keys %{ $droppers{$role} }
} sort keys %droppers);
check("none of $looks statements reads the sessions, locks or roles of all databases", $looks > 15 ? () : 'that is too few', @all);
done();
