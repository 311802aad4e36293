# shellcheck shell=bash
# Owns: 3,000, 6,000 and 12,000 new incidents beside 50,000 open ones, 500 inhibitions and 500 silences. OPEN=5000 FIRE=300 for smaller ones.
open=${OPEN:-50000} fire=${FIRE:-3000}
sql >/dev/null <<SQL
CREATE TABLE hosts (kind text, host text);
INSERT INTO hosts SELECT 'old', 'host-' || i FROM generate_series(1, $open) i;
SELECT tally.create_threshold('old', query => 'SELECT host, 1 AS value FROM hosts WHERE kind = ''old''', condition => '> 0');
SELECT count(*) FROM tally.evaluate('2026-03-01 10:00Z');
SELECT tally.create_inhibition('root', source => '{"threshold": "old"}', target => '{"threshold": "new"}', equal => '{host}');
SELECT tally.create_inhibition(format('i%s', i), source => format('{"host": "host-%s"}', i)::jsonb, target => format('{"host": "fresh-%s"}', i)::jsonb,
    equal => '{severity}')
  FROM generate_series(1, 500) i;
SELECT tally.silence(format('{"host": "fresh-%s"}', i)::jsonb, 'because', starts_at => '2026-03-01 09:00Z', "for" => '5 days') FROM generate_series(1, 500) i;
ANALYZE;
SQL
fire() {
    sql -c "TRUNCATE hosts" -c "INSERT INTO hosts SELECT 'old', 'host-' || i FROM generate_series(1, $open) i" \
        -c "INSERT INTO hosts SELECT 'new', 'fresh-$2-' || i FROM generate_series(1, $1) i" >/dev/null
    sql -c "SELECT tally.create_threshold('new', query => 'SELECT host, 1 AS value FROM hosts WHERE kind = ''new''', condition => '> 0')" -c ANALYZE >/dev/null
    TRIES=1 timed "$1 label sets fire beside $open open incidents" "linear" "SELECT sum(opened) FROM tally.evaluate('2026-03-01 10:0$2Z', 'new')"
}
fire $fire 1
fire $((2 * fire)) 3
fire $((4 * fire)) 5
