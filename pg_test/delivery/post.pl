#!/usr/bin/env perl
# Owns the worker's half of a post: POST of standard input, with an idempotency key, and half a second of patience.
#
#   post.pl PORT KEY < body    prints the status code, or "timed out" or "no answer".
use strict;
use warnings;
use IO::Socket::INET;
use IO::Select;

my ($port, $key) = @ARGV;
my $body = do { local $/; <STDIN> };
chomp $body;
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1) or do { print "no answer"; exit };
print $socket "POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nIdempotency-Key: $key\r\n",
    "Content-Length: ", length $body, "\r\nConnection: close\r\n\r\n$body";
if (!IO::Select->new($socket)->can_read(0.5)) { print "timed out"; exit }
my $line = <$socket>;
print defined $line && $line =~ /^HTTP\S+ (\d+)/ ? $1 : 'no answer';
