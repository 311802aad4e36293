# shellcheck shell=bash disable=SC2154
# Owns: the alert stage beside much: open incidents, thresholds, messages that wait and evaluations that were. Its table goes into bench/alert.md.
#
#   PARTS=sizes make bench-alert          OPEN=5000 FIRE=300 MANY=1000 PARTS=sizes make bench-alert for a quick look
open=${OPEN:-50000} fire=${FIRE:-3000} many=${MANY:-10000}
run_of "$open" 50000 'PARTS=sizes make bench-alert'
table_head what ms 'ms of CPU' aim

# timed LABEL AIM STATEMENT…: the milliseconds of the last statement and those of its processor, in a session of its own.
timed() {
    local label=$1 aim=$2 ms cpu
    shift 2
    set -- "${@/#/-c}"
    read -r ms cpu < <(sql -c '\timing on' "${@:1:$#-1}" -c "$own" "${!#}" -c "$own" |
        awk '/^own / { own[n++] = $2 } /^Time:/ { ms[k++] = $2 } END { printf "%.0f %.0f\n", ms[k - 2], (own[n - 1] - own[n - 2]) / 1e6 }')
    table_row "$label" "$ms" "$cpu" "$aim"
    printf '%-76s %8s ms %8s ms of CPU   aim %s\n' "$label" "$ms" "$cpu" "$aim"
}
fresh() {
    psql -Xq -d postgres -c "DROP DATABASE IF EXISTS $db" -c "CREATE DATABASE $db" -c "ALTER DATABASE $db SET tally.most_label_sets = 1000000"
    sql -c 'CREATE EXTENSION pg_tally' -c 'CREATE TABLE hosts (kind text, host text)' >/dev/null
}
# filed KIND N: that so many incidents were filed, else the figure says nothing.
filed() { sql -c "SELECT 1 / (count(*) = $2)::int FROM tally.incidents WHERE threshold = '$1'" >/dev/null; }
threshold() {
    sql -c "SELECT tally.create_threshold('$1', query => 'SELECT host, 1 AS value FROM hosts WHERE kind = ''$1''', condition => '> 0')" >/dev/null
}

fresh
sql -c "SELECT tally.create_threshold(format('q%s', i), query => format('SELECT %s AS value', i % 7), condition => '> 10')
          FROM generate_series(1, 1000) i" >/dev/null
timed '1,000 thresholds: first tick' 500 "SELECT count(*) FROM tally.evaluate('2026-03-01 10:01Z')"
timed '1,000 thresholds: a calm tick' 500 "SELECT count(*) FROM tally.evaluate('2026-03-01 10:02Z')"
threshold many
sql -c "INSERT INTO hosts SELECT 'many', 'host-' || i FROM generate_series(1, $many) i"
timed "$many label sets fire at once" "$([ "$many" = 10000 ] && echo 1500 || echo linear)" "SELECT sum(opened) FROM tally.evaluate('2026-03-01 10:02Z', 'many')"
filed many "$many"

fresh
for name in old new; do threshold "$name"; done
# What was there before is written as the engine writes it. The thresholds beside it are off, and have 200 evaluations each.
sql >/dev/null <<SQL
SELECT tally.create_channel('poll', kind => 'table', repeat_interval => '4 hours');
SELECT tally.create_inhibition('root', source => '{"threshold": "old"}', target => '{"threshold": "new"}', equal => '{host}');
INSERT INTO tally.incidents (severity, threshold, kind, labels, area, impact, opened_at, began_at, life_since, respond_by, threshold_id, owner)
SELECT 'warning', 'old', 'breach', jsonb_build_object('host', 'host-' || g), 'host-' || g, 'old is 1', a.at, a.at, a.at, '2026-03-02 10:00Z', t.id, t.owner
  FROM tally.thresholds t, generate_series(1, $open) g, LATERAL (SELECT '2026-02-27 09:00Z'::timestamptz + g % 2000 * interval '1 minute' AS at) a
 WHERE t.name = 'old';
INSERT INTO tally.threshold_states (threshold_id, labels, state, active_at, last_tick)
SELECT i.threshold_id, i.labels, 'firing', i.opened_at, i.opened_at FROM tally.incidents i;
INSERT INTO tally.incident_events (incident_id, at, event, author) SELECT i.id, i.opened_at, 'opened', 'pg_tally' FROM tally.incidents i;
INSERT INTO tally.inhibitors SELECT h.id, i.id, tally_internal._equals(h.equal, i.labels) FROM tally.inhibitions h, tally.incidents i;
INSERT INTO tally.notifications (channel_id, group_key, events, status, created_at, not_before, group_hash, flush_at, sent_at)
SELECT c.id, k.k, jsonb_build_array(jsonb_build_object('incident', i.id, 'event', 'opened')), s.s, i.opened_at, i.opened_at, md5(k.k::text), i.opened_at,
       i.opened_at
  FROM tally.channels c, tally.incidents i, LATERAL (SELECT jsonb_build_object('incident', i.id) AS k) k, unnest('{pending,sent}'::text[]) s(s);
INSERT INTO tally.notification_members SELECT n.channel_id, (n.group_key ->> 'incident')::bigint, n.group_hash, n.id, n.created_at
  FROM tally.notifications n WHERE n.status = 'pending';
INSERT INTO tally.thresholds SELECT (jsonb_populate_record(t, jsonb_build_object('id', 1000 + g, 'name', 'other ' || g, 'enabled', false))).*
  FROM tally.thresholds t, generate_series(1, 2000) g WHERE t.name = 'new';
INSERT INTO tally.evaluations (threshold_id, tick)
SELECT t.id, timestamptz '2026-02-28 10:00Z' + g * interval '1 minute' FROM tally.thresholds t, generate_series(1, 200) g;
SQL
beside="beside $open open incidents, 2,000 thresholds, $((2 * open)) messages"
timed "a tick of one threshold, $beside" '-' "SELECT count(*) FROM tally.evaluate('2026-03-01 10:00Z', 'new')"
tick=0
for n in $((fire / 3)) "$fire"; do
    tick=$((tick + 1))
    sql -c "DELETE FROM hosts" -c "INSERT INTO hosts SELECT 'new', 'fresh-$tick-' || i FROM generate_series(1, $n) i"
    timed "$n fire under an inhibition, $beside" "$([ "$n" = 3000 ] && echo 3000 || echo linear)" \
        "SELECT sum(opened) FROM tally.evaluate('2026-03-01 10:0$((2 * tick))Z', 'new')"
done
filed new $((fire / 3 + fire))
timed 'one inhibition made' linear "SELECT tally.create_inhibition('late', '{\"host\": \"host-7\"}', '{\"host\": \"fresh-7\"}')"
timed 'ten messages claimed' '-' "SELECT count(*) FROM tally.claim_notifications('poll', as_of => '2026-03-01 11:00Z')"
timed 'ten messages claimed beside a silence' '-' \
    "SELECT tally.silence('{\"host\": \"host-9\"}', 'here', starts_at => '2026-03-01 11:00Z', \"for\" => '1 hour')" \
    "SELECT count(*) FROM tally.claim_notifications('poll', as_of => '2026-03-01 11:00Z')"
timed 'what every tick ends with: escalate, release, repeat, deliver' '-' "SELECT tally_internal._follow_up('2026-03-01 11:01Z')"
timed 'the same at a full hour, with purge' '-' "SELECT tally_internal._follow_up('2026-03-01 12:00Z')"
timed 'a page of open incidents' '-' 'SELECT count(*) FROM tally.list_incidents()'
timed 'the last page' '-' 'SELECT count(*) FROM tally.list_incidents(before => 50)'
timed 'tally.health()' 100 'SELECT count(*) FROM tally.health()'
timed 'tally.openmetrics()' 100 'SELECT count(*) FROM tally.openmetrics()'
table_into alert.md sizes
