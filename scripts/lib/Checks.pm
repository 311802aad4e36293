# Owns what tests in Perl that look at the texts of the project share: TAP by check() and done(), and the files that sql/order lists, by sql_files().
# `use lib 'scripts/lib'; use Checks;`
package Checks;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(check done sql_files);

my $count = 0;

# check(NAME, FAULT…): passes where there is no fault.
sub check {
    my ($name, @faults) = @_;
    printf "%s %d - %s\n", @faults ? 'not ok' : 'ok', ++$count, $name;
    print map {"# $_\n"} @faults;
}

sub done { print "1..$count\n" }

# The files of sql/order below sql/, as scripts/lib/sql.sh reads them. With packs => 1, those of a pack are behind its pack.sql.
sub sql_files {
    my (%also) = @_;
    my $files = '. scripts/lib/sql.sh; for f in $(ordered_files); do echo "$f"; [[ -z $1 || $f != */pack.sql ]] || pack_files "$f"; done';
    open my $in, '-|', 'bash', '-c', $files, 'sql_files', $also{packs} ? 'packs' : '' or die "bash: $!";
    chomp(my @files = <$in>);
    close $in or die 'sql/order cannot be read';
    return map { s{^sql/}{}r } @files;
}

1;
