# shellcheck shell=bash
# Owns: 3,000, 6,000 and 12,000 new incidents beside 50,000 open ones, 500 inhibitions and 500 silences. OPEN=5000 FIRE=300 for smaller ones.
open=${OPEN:-50000} fire=${FIRE:-3000}
# More label sets than a threshold may yield at a tick by default.
sql -c "ALTER DATABASE $db SET tally.most_label_sets = 1000000"
sql >/dev/null <<SQL
CREATE TABLE hosts (kind text, host text);
INSERT INTO hosts SELECT 'old', 'host-' || i FROM generate_series(1, $open) i;
SELECT tally.create_threshold('old', query => 'SELECT host, 1 AS value FROM hosts WHERE kind = ''old''', condition => '> 0');
SELECT tally.create_inhibition('root', source => '{"threshold": "old"}', target => '{"threshold": "new"}', equal => '{host}');
SELECT tally.create_inhibition(format('i%s', i), source => format('{"host": "host-%s"}', i)::jsonb, target => format('{"host": "fresh-%s"}', i)::jsonb,
    equal => '{severity}')
  FROM generate_series(1, 500) i;
SELECT tally.silence(format('{"host": "fresh-%s"}', i)::jsonb, 'because', starts_at => '2026-03-01 09:00Z', "for" => '5 days') FROM generate_series(1, 500) i;
SELECT count(*) FROM tally.evaluate('2026-03-01 10:00Z');
SELECT 1 / (count(*) = $open)::int FROM tally.incidents;
ANALYZE;
SQL
TRIES=1 timed "one inhibition made beside $open open incidents" '-' \
    "SELECT tally.create_inhibition('late', '{\"host\": \"host-7\"}', '{\"host\": \"fresh-7\"}')"
fire() {
    sql -c "TRUNCATE hosts" -c "INSERT INTO hosts SELECT 'old', 'host-' || i FROM generate_series(1, $open) i" \
        -c "INSERT INTO hosts SELECT 'new', 'fresh-$2-' || i FROM generate_series(1, $1) i" >/dev/null
    sql -c "SELECT tally.create_threshold('new', query => 'SELECT host, 1 AS value FROM hosts WHERE kind = ''new''', condition => '> 0')" -c ANALYZE >/dev/null
    TRIES=1 timed "$1 label sets fire beside $open open incidents" "linear" "SELECT sum(opened) FROM tally.evaluate('2026-03-01 10:0$2Z', 'new')"
    sql -c "SELECT 1 / (count(*) = $1)::int FROM tally.incidents WHERE labels ->> 'host' LIKE 'fresh-$2-%'" >/dev/null
}
fire $fire 1
fire $((2 * fire)) 3
fire $((4 * fire)) 5
