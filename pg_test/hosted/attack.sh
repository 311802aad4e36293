#!/usr/bin/env bash
# Owns the attack on the hosted edition: a stranger who may log in calls every function that he may, with hostile arguments, and writes to every table. All
# of the engine is PL/pgSQL there, much of it SECURITY DEFINER, so its functions are what he aims at. The calls are those of pg_test/attacks/90.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh

use_server test
[ "${KERNEL:-rust}" = rust ] || use_server test-sql
scripts/hosted.sh 2>/dev/null
database=hosted_attack
install_hosted $database
trap 'server_psql -q -d postgres -c "DROP DATABASE IF EXISTS hosted_attack WITH (FORCE)" -c "DROP ROLE IF EXISTS hosted_attacker"' EXIT
server_psql -q -d $database -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" -c "DROP ROLE IF EXISTS hosted_attacker" \
    -c "CREATE ROLE hosted_attacker LOGIN" -c "CREATE SCHEMA evil AUTHORIZATION hosted_attacker"

# by ROLE: a script on standard input.
by() {
    PGOPTIONS='-c client_min_messages=error' "$PG_LIB/bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U "$1" -d $database -f - 2>&1
}
by tally_host >/dev/null <<'SQL'
CREATE TABLE public.treasure (word text);
INSERT INTO public.treasure VALUES ('gold');
CREATE SCHEMA app;
CREATE TABLE app.events (at timestamptz NOT NULL, who text, ms int);
CREATE INDEX ON app.events (at);
INSERT INTO app.events SELECT '2026-03-01 00:00+00'::timestamptz + g * interval '7 minutes', 'w' || g % 3, g % 50 FROM generate_series(1, 500) g;
SELECT tally.create_rollup('app.victim_hourly', 'app.events', 'at', dimensions => '["who"]',
    measures => '{"n": "count(*)", "total": "sum(ms)", "people": "tally.hll(who)"}', with_data => true);
SELECT tally.rotate_identity_key();
CALL tally.backfill();
SELECT tally.create_metric('victim_mean', 'app.victim_hourly', 'total::float8 / nullif(n, 0)');
SELECT tally.create_probe('victim_probe', 'SELECT 7 AS value');
SELECT tally.create_threshold('victim_alert', query => 'SELECT 20 AS value', condition => '> 10', owner => 'me');
SELECT tally.create_channel('ops', url => 'https://hooks.example/T0KEN', secret => 's3cret-value');
SELECT tally.create_task('victim_task', '0 2 * * *', 'UPDATE public.treasure SET word = word');
SELECT count(*) FROM tally.evaluate('2026-03-02 12:00+00');
-- What must be as it was.
CREATE FUNCTION public.state() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('rollups', (SELECT jsonb_agg(to_jsonb(r) - 'ignored_marks' ORDER BY r.id) FROM tally.rollups r),
        'measures', (SELECT jsonb_agg(to_jsonb(m) ORDER BY m.rollup_id, m.name) FROM tally.measures m),
        'metrics', (SELECT jsonb_agg(to_jsonb(m) ORDER BY m.id) FROM tally.metrics m),
        'probes', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.id) FROM tally.probes p),
        'thresholds', (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM tally.thresholds t),
        'tasks', (SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM tally.tasks t),
        'channels', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM tally.channels c),
        'incidents', (SELECT jsonb_agg(to_jsonb(i) ORDER BY i.id) FROM tally.incidents i),
        'keys', (SELECT jsonb_agg(to_jsonb(k) ORDER BY k.id) FROM tally.identity_keys k),
        'audit', (SELECT count(*) FROM tally.audit a WHERE a.owner::text = 'tally_host'), 'treasure', (SELECT jsonb_agg(to_jsonb(t)) FROM public.treasure t),
        'rows', (SELECT jsonb_agg(to_jsonb(x) ORDER BY x.bucket, x.who) FROM app.victim_hourly x),
        'triggers', (SELECT jsonb_agg(t.tgname ORDER BY t.tgrelid, t.tgname) FROM pg_trigger t WHERE NOT t.tgisinternal))
$$;
REVOKE ALL ON FUNCTION public.state() FROM PUBLIC;
CREATE TABLE public.before AS SELECT public.state() AS state;
SQL
by hosted_attacker >/dev/null <<'SQL'
CREATE TABLE evil.log (n int GENERATED ALWAYS AS IDENTITY, what text, as_user name DEFAULT current_user, outcome text);
CREATE FUNCTION evil.try(label text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO evil.log (what, outcome) VALUES (label, 'done');
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    INSERT INTO evil.log (what, outcome) VALUES (label, SQLSTATE);
    RETURN SQLSTATE;
END $$;
\i pg_test/attacks/every_function.psql
SQL
n=0
is() { # NAME WANTED GOT
    n=$((n + 1))
    if [ "$2" = "$3" ]; then echo "ok $n - $1"; else
        echo "not ok $n - $1"
        printf '# wanted %s, got\n' "$2"
        head -n 12 <<<"$3" | cut -c 1-300 | sed 's/^/# /'
    fi
}
ask() { server_psql -Atq -d $database -c "$1" 2>&1; }
is 'hundreds of functions are called' t "$(ask "SELECT count(DISTINCT what) > 200 FROM evil.log WHERE what LIKE 'tally%.%'")"
is 'many of the calls do something' t "$(ask "SELECT count(*) > 100 FROM evil.log WHERE what LIKE 'tally%.%' AND outcome = 'done'")"
is 'no table and no sequence of the engine takes a write' '' \
    "$(ask "SELECT what, outcome FROM evil.log WHERE what LIKE 'write %' AND outcome NOT IN ('42501', '42809', '55000', '428C9', '0A000')")"
is 'no call is an internal error' '' "$(ask "SELECT what, outcome FROM evil.log WHERE outcome LIKE 'XX%'")"
# A definition of his would be refused each time it runs, so it is refused when he makes it.
for statement in "tally.create_threshold('his', query => 'SELECT 1 AS value', condition => '> 0', owner => 'me')" "tally.watch_itself()" \
    "tally.create_probe('his', 'SELECT 1 AS value')" "tally.create_task('his', '0 2 * * *', 'SELECT 1')"; do
    is "bug: a stranger owned a definition: ${statement%%(*}" 0A000 "$(by hosted_attacker <<<"\\set VERBOSITY sqlstate
        SELECT $statement;" | grep -o '0A000')"
done
is 'what the owner had is as it was' '' "$(ask "SELECT e.key FROM jsonb_each(public.state()) e, public.before b WHERE e.value <> b.state -> e.key")"
ask "SET ROLE tally_host; INSERT INTO app.events VALUES ('2026-03-03 10:00+00', 'w1', 5)" >/dev/null
is 'a refresh goes on' t "$(by tally_host <<<"SELECT bool_and(error IS NULL) FROM tally.refresh();")"
is 'and is right' t "$(ask 'SELECT (SELECT sum(n) FROM app.victim_hourly) = (SELECT count(*) FROM app.events)')"
is 'evaluation goes on' t "$(by tally_host <<<"SELECT bool_and(error IS NULL) FROM tally.evaluate('2026-03-03 12:00+00');")"
echo "1..$n"
