#!/usr/bin/env perl
# Owns the e-mail adapter: it claims what waits in a channel with the template email, sends each message by SMTP, and reports. Run it by cron or a
# timer on a machine that reaches the mail server; psql finds the database through PGHOST, PGDATABASE, PGSERVICE and so on, as any psql does.
#
#   ALERTS_EMAIL_FROM=alerts@example.org ALERTS_EMAIL_TO='oncall@example.org, boss@example.org' ALERTS_SMTP=smtps://mail.example.org:465 \
#       scripts/mail_alerts.pl [CHANNEL]
#
# CHANNEL is mail where nothing is given. An address that is not given here is the header From or To of the channel. curl sends; a name and a password
# for the server come from ~/.netrc, so that no list of processes shows them. A message that fails is tried again later by pg_tally, with the same
# Message-ID, so a mail program can tell that it is the same.
use strict;
use warnings;
use Encode qw(encode);
use File::Temp;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);

my $channel = $ARGV[0] // 'mail';
my $server = $ENV{ALERTS_SMTP} // 'smtp://localhost:25';
my %given = (From => $ENV{ALERTS_EMAIL_FROM}, To => $ENV{ALERTS_EMAIL_TO});
my ($from, @to);
# What is wrong here is said before anything is claimed.
addresses(\%given) if defined $given{From} && defined $given{To};
my $failed = 0;
$ENV{PGCLIENTENCODING} = 'UTF8';

for my $claimed (sql('SELECT pg_catalog.row_to_json(c) FROM tally.claim_notifications(:\'channel\', most => 50) c', channel => $channel)) {
    my $message = decode_json($claimed);
    my $headers = $message->{headers};
    my $known = eval { addresses({ From => $given{From} // $headers->{From}, To => $given{To} // $headers->{To} }) };
    my $problem = $known ? post(letter($message)) : $@ =~ s/\s+\z//r;
    $failed++ if defined $problem;
    sql('SELECT tally.report_notification(:\'id\'::bigint, :\'ok\'::boolean, :\'problem\')',
        id => $message->{id}, ok => defined $problem ? 0 : 1, problem => $problem // '');
}
exit($failed ? 1 : 0);

# Sets from and to whom letters go, or dies in words.
sub addresses {
    my ($wanted) = @_;
    $from = address($wanted->{From}, 'ALERTS_EMAIL_FROM');
    @to = map { address($_, 'ALERTS_EMAIL_TO') } split /\s*,\s*/, $wanted->{To} // '';
    return @to || die "ALERTS_EMAIL_TO names nobody: ALERTS_EMAIL_TO='oncall\@example.org' $0\n";
}

# An address is a word with an @ in it. A line break would begin another header of the letter.
sub address {
    my ($given, $setting) = @_;
    return $given if defined $given && $given =~ /^[^\s<>,;:"\\]+\@[^\s<>,;:"\\]+\z/;
    die "$setting must be an address such as alerts\@example.org, got '" . ($given // '') . "'\n";
}

# The letter, in ASCII: what people wrote is encoded, so nothing in it is a header.
sub letter {
    my ($message) = @_;
    my $body = $message->{body};
    (my $id = $message->{idempotency_key}) =~ s/[^A-Za-z0-9.-]//g;
    my $subject = join "\r\n ", map { '=?UTF-8?B?' . encode_base64(encode('UTF-8', $_), '') . '?=' } $body->{subject} =~ /(.{1,14})/gs;
    return join "\r\n", "From: $from", 'To: ' . join(', ', @to), "Subject: $subject",
        'Date: ' . strftime('%a, %d %b %Y %H:%M:%S +0000', gmtime), "Message-ID: <$id\@pg_tally>", 'Auto-Submitted: auto-generated',
        'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: base64', '',
        encode_base64(encode('UTF-8', $body->{text}), "\r\n");
}

# Nothing, or what went wrong.
sub post {
    my ($letter) = @_;
    my @command = ('curl', '--silent', '--show-error', '--verbose', '--netrc-optional', '--max-time', 60, '--url', $server, '--mail-from', $from,
        (map { ('--mail-rcpt', $_) } @to), '--upload-file', '-');
    my $log = File::Temp->new;
    open(my $curl, '|-', 'sh', '-c', 'exec "$@" 2>"$0"', $log->filename, @command) or return "curl does not run: $!";
    print $curl $letter;
    my $ok = close $curl;
    # Of what curl tells, the server's refusal and curl's own error; the rest may hold a password.
    my $said = join ' ', map { s/\s+$//r } grep { /^(< [45]\d\d|curl:)/ } <$log>;
    return $ok ? undef : ($said || 'curl ended with ' . ($? >> 8));
}

# The rows of a statement, one line each. Values are psql's variables, which it quotes.
sub sql {
    my ($statement, %values) = @_;
    my @command = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', map { ('-v', "$_=$values{$_}") } keys %values);
    open(my $psql, '-|', 'sh', '-c', 'printf "%s\n" "$0" | exec "$@"', $statement, @command) or die "psql does not run: $!\n";
    chomp(my @lines = <$psql>);
    close $psql or die "psql has failed\n";
    return @lines;
}
