#!/usr/bin/env perl
# Owns the webhook receiver of the tests: a small HTTP server that answers as it is told, and logs what it took.
#
#   receiver.pl PORT_FILE LOG BEHAVIOUR…   each request meets the next behaviour, the last one for good:
#   200 takes it; 500 refuses it; stall answers nothing; lost takes it and hangs up before answering.
use strict;
use warnings;
use IO::Socket::INET;

my ($port_file, $log_file, @behaviours) = @ARGV;
my $server = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die "cannot listen: $!";
open my $log, '>>', $log_file or die $!;
$log->autoflush(1);
open my $port, '>', "$port_file.new" or die $!;
print $port $server->sockport;
close $port;
rename "$port_file.new", $port_file;
my @stalled;
while (my $client = $server->accept) {
    my $behaviour = @behaviours > 1 ? shift @behaviours : $behaviours[0];
    my ($length, $key, $body) = (0, '', '');
    while (my $line = <$client>) {
        last if $line =~ /^\r?\n$/;
        $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
        $key = $1 if $line =~ /^idempotency-key:\s*(\S+)/i;
    }
    read $client, $body, $length;
    print $log "$behaviour $key $body\n";
    if ($behaviour eq 'stall') { push @stalled, $client; next; }
    print $client "HTTP/1.1 $behaviour Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" unless $behaviour eq 'lost';
    close $client;
}
