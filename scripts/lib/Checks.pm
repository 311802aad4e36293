# Owns TAP for tests in Perl that look at the texts of the project: check() and done(). `use lib 'scripts/lib'; use Checks;`
package Checks;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(check done);

my $count = 0;

# check(NAME, FAULT…): passes where there is no fault.
sub check {
    my ($name, @faults) = @_;
    printf "%s %d - %s\n", @faults ? 'not ok' : 'ok', ++$count, $name;
    print map {"# $_\n"} @faults;
}

sub done { print "1..$count\n" }

1;
