#!/usr/bin/env bash
# Owns the e-mail adapter against a real SMTP server (aiosmtpd, from PyPI): what arrives, what a failing server leaves waiting, and that no label is a header.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

smtpd=$CACHE/aiosmtpd-1.4.6
if [ ! -x "$smtpd/bin/python" ]; then
    rm -rf "$smtpd"
    /usr/bin/python3 -m venv "$smtpd" >&2 && "$smtpd/bin/pip" install -q --disable-pip-version-check aiosmtpd==1.4.6 >&2 ||
        { rm -rf "$smtpd"; skip_all "the mail server cannot be had: pip install aiosmtpd==1.4.6"; }
fi
use_server test
folder=$(mktemp -d)
server_psql -q -d postgres -c "DROP DATABASE IF EXISTS mail" -c "CREATE DATABASE mail TEMPLATE tally_template"
receiver=
trap '[ -z "$receiver" ] || kill "$receiver"; rm -rf "$folder"; server_psql -q -d postgres -c "DROP DATABASE IF EXISTS mail WITH (FORCE)"' EXIT
sql() { PGOPTIONS='-c client_min_messages=warning' server_psql -d mail -Atq -v ON_ERROR_STOP=1 "$@"; }
cat >"$folder/smtpd.py" <<'PYTHON'
import asyncio, email, email.policy, json, sys, time
from aiosmtpd.controller import Controller

class Inbox:
    # The first message is refused for now, as a busy server does.
    seen = 0
    async def handle_DATA(self, server, session, envelope):
        Inbox.seen += 1
        if Inbox.seen == 1:
            return '451 try later'
        m = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with open(sys.argv[1] + '/inbox', 'a') as f:
            f.write(json.dumps([envelope.mail_from, envelope.rcpt_tos, m['From'], m['To'], m['Subject'], m['Message-ID'],
                                sorted(set(m.keys())), m.get_content()]) + '\n')
        return '250 OK'

controller = Controller(Inbox(), hostname='127.0.0.1', port=int(sys.argv[2]))
controller.start()
open(sys.argv[1] + '/ready', 'w').close()
while True:
    time.sleep(1)
PYTHON
port=$("$smtpd/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$smtpd/bin/python" "$folder/smtpd.py" "$folder" "$port" 2>/dev/null &
receiver=$!
for _ in $(seq 200); do [ -e "$folder/ready" ] && break; sleep 0.05; done

sql >/dev/null <<'SQL'
CREATE TABLE feed (world text, value float8);
INSERT INTO feed VALUES (E'größe\r\nBcc: thief@example.org', 99);
SELECT tally.create_channel('mail', kind => 'table', template => 'email');
SELECT tally.create_threshold('t', query => 'SELECT world, value FROM feed', condition => '> 10', severity => 'critical', owner => 'ann',
    runbook => 'https://example.org/book', suggested_actions => '["look"]');
SELECT * FROM tally.evaluate();
SQL
poll() {
    PATH="$PG_LIB/bin:$PATH" PGHOST=$SERVER_SOCKET PGPORT=$SERVER_PORT PGUSER=postgres PGDATABASE=mail ALERTS_EMAIL_FROM=${FROM:-alerts@example.org} \
        ALERTS_EMAIL_TO='a@example.org, b@example.org' ALERTS_SMTP=smtp://127.0.0.1:$port perl scripts/mail_alerts.pl "$@"
}
is "$(poll mail >/dev/null 2>&1; echo $?)" 1 "a server that is busy fails the poll"
is "$(sql -c "SELECT status || ' ' || attempts || ' ' || substring(error, '451 try later') FROM tally.notifications")" \
    "pending 1 451 try later" "and the message waits, with what the server said"
sql -c "UPDATE tally.notifications SET not_before = now()"
is "$(poll mail 2>&1; echo $?)" 0 "later it is taken"
is "$(sql -c "SELECT status || ' ' || attempts FROM tally.notifications")" "sent 2" "and is sent"
is "$(wc -l <"$folder/inbox")" 1 "one letter has arrived"
letter() { "$smtpd/bin/python" -c 'import json, sys; print(eval(sys.argv[2], {"m": json.loads(open(sys.argv[1]).readline())}))' "$folder/inbox" "$1"; }
is "$(letter 'm[0], m[1]')" "('alerts@example.org', ['a@example.org', 'b@example.org'])" "from and to whom"
is "$(letter 'm[4]')" "[CRITICAL] opened: t is 99 (> 10) in world größe Bcc: thief@example.org" "the subject is one line, with its umlaut"
is "$(letter 'm[6]')" \
    "['Auto-Submitted', 'Content-Transfer-Encoding', 'Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To']" "no label is a header"
is "$(letter 'm[5] == "<" + "'"$(sql -c 'SELECT idempotency_key FROM tally.notifications')"'" + "@pg_tally>"')" True "the Message-ID is that of all attempts"
is "$(letter '"Runbook: https://example.org/book" in m[7] and "To do: look" in m[7] and "größe" in m[7]')" \
    True "the text says what to do"
is "$(poll mail 2>&1; echo $?; wc -l <"$folder/inbox")" "0
1" "nothing waits any more, and nothing is sent twice"
is "$(FROM=$'a@example.org\nBcc: x@example.org' poll mail 2>&1 | head -1 | cut -c1-44)" "ALERTS_EMAIL_FROM must be an address such as" \
    "an address with a line break is none"
# Without variables the addresses are the channel's, as the settings of the pack awf write them.
sql >/dev/null <<'SQL'
SELECT tally.create_channel('mail', kind => 'table', template => 'email');
SELECT tally.create_channel('of awf', kind => 'table', template => 'email', headers => '{"From": "awf@example.org", "To": "c@example.org, d@example.org"}');
INSERT INTO feed VALUES ('second', 50);
SELECT * FROM tally.evaluate(now() + interval '1 minute');
SQL
poll_of() {
    PATH="$PG_LIB/bin:$PATH" PGHOST=$SERVER_SOCKET PGPORT=$SERVER_PORT PGUSER=postgres PGDATABASE=mail ALERTS_SMTP=smtp://127.0.0.1:$port \
        perl scripts/mail_alerts.pl "$@"
}
sql -c "UPDATE tally.notifications SET not_before = now() WHERE status = 'pending'"
is "$(poll_of 'of awf' 2>&1; echo $?)" 0 "a channel with addresses needs no variables"
is "$("$smtpd/bin/python" -c 'import json, sys; m = json.loads(open(sys.argv[1]).readlines()[-1]); print(m[0], m[1])' "$folder/inbox")" \
    "awf@example.org ['c@example.org', 'd@example.org']" "its headers From and To are those of the letter"
is "$(poll_of mail >/dev/null 2>&1; echo $?)" 1 "one without addresses, and no variables, fails"
is "$(sql -c "SELECT n.status || ' ' || n.error FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id
                  WHERE c.name = 'mail' AND n.attempts = 1")" \
    "pending ALERTS_EMAIL_FROM must be an address such as alerts@example.org, got ''" "and the message waits, with the reason"
# An impact line of the owner's own told neither the value nor where, and no letter named its threshold.
sql >/dev/null <<'SQL'
SELECT tally.create_threshold('slow turns', query => 'SELECT ''beta'' AS world, 4200::float8 AS value', condition => '> 2500', severity => 'critical',
    owner => 'ann', runbook => 'https://example.org/slow', impact => 'players wait');
SELECT * FROM tally.evaluate(now() + interval '2 minutes');
UPDATE tally.notifications SET not_before = now() WHERE status = 'pending';
SQL
poll_of 'of awf'
is "$("$smtpd/bin/python" -c 'import json, sys; m = json.loads(open(sys.argv[1]).readlines()[-1]); print(m[4]); print(m[7])' "$folder/inbox" |
        sed 's/since .*/since/; s/[0-9]*, critical/N, critical/; s/acknowledge(.*)/acknowledge(N)/')" "[CRITICAL] opened: players wait in world beta
OPENED: players wait in world beta
Incident N, critical, since
Threshold: slow turns
Value: 4200 (> 2500)
Owner: ann
Runbook: https://example.org/slow
Acknowledge: SELECT tally.acknowledge(N);" "bug: a letter with an impact line of its own named neither threshold, value nor place"
done_testing
