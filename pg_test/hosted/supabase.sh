#!/usr/bin/env bash
# Owns two promises: the hosted edition beside Supabase's roles, default privileges and schemas gives anon and authenticated nothing, and takes no more of
# pg_cron than Supabase advises. On a server of its own, because those roles belong to the server and other tests make them too.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/server.sh
. scripts/lib/server.sh
# shellcheck source=scripts/lib/supabase.sh
. scripts/lib/supabase.sh
# shellcheck source=scripts/lib/tap.sh
. scripts/lib/tap.sh

scripts/hosted.sh 2>/dev/null
trap 'remove_server' EXIT
run_supabase_server supabase
server_psql -q -d postgres -v ON_ERROR_STOP=1 -c "CREATE DATABASE stages" -c "GRANT CREATE, TEMPORARY ON DATABASE stages TO tally_host"
as_supabase hosted
as_supabase stages
server_psql -q -d hosted -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_cron" -c "GRANT USAGE ON SCHEMA cron TO tally_host"
put_hosted stages
put_hosted hosted
run tally_host "CREATE TABLE public.events (at timestamptz NOT NULL, person uuid, kind text)" >/dev/null
run tally_host "INSERT INTO events SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute',
    gen_random_uuid(), 'k' FROM generate_series(1, 90) i" >/dev/null
is "$(run tally_host "SELECT tally.create_rollup('by_hour', 'events', 'at', dimensions => '[\"kind\"]', measures => '{\"n\": \"count(*)\"}')")" by_hour \
    'an ordinary role defines a rollup'
run tally_host "SELECT count(*) FROM tally.refresh('by_hour')" >/dev/null
run tally_host "SELECT tally.create_metric('events', 'by_hour', 'n'), tally.create_threshold('many', metric => 'events', condition => '> 100')" >/dev/null
run tally_host "SELECT tally.install_pack('publisher')" >/dev/null
is "$(run tally_host "SELECT sum(n) FROM by_hour_live")" 90 'and reads it'
is "$(run authenticator "SET ROLE anon; SELECT count(*) FROM events")" 90 'the default privileges do give anon what the role makes itself: a plain table'
# What pg_tally made of it, in its schemas and in public.
is "$(run tally_host "SELECT count(*) > 150 FROM pg_class WHERE relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace,
    'public'::regnamespace)")" \
    t 'there is much to look at'
is "$(run tally_host "SELECT string_agg(DISTINCT r || ' ' || c.oid::regclass, ', ') FROM pg_class c, unnest('{anon,authenticated}'::text[]) r
    WHERE c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace, 'public'::regnamespace) AND c.relkind IN ('r', 'v', 'S', 'm')
      AND has_schema_privilege(r, c.relnamespace, 'USAGE')
      AND c.relname <> 'events' AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(r, c.oid, 'USAGE, SELECT, UPDATE')
          ELSE has_any_column_privilege(r, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(r, c.oid, 'DELETE, TRUNCATE, TRIGGER, REFERENCES') END")" \
    '' 'no table, view or sequence can be read or written by the Data API'
is "$(run tally_host "SELECT string_agg(r || ' ' || n.nspname, ', ') FROM pg_namespace n, unnest('{anon,authenticated}'::text[]) r
    WHERE n.nspname IN ('tally', 'tally_internal') AND has_schema_privilege(r, n.oid, 'USAGE, CREATE')")" '' \
    'its schemas cannot be used, so no function of them can be called'
is "$(run tally_host "SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
    AND p.prosrc !~ '_redeem\(|_caller\(' AND has_function_privilege('anon', p.oid, 'EXECUTE')")" '' \
    'and no function of a pack with its owner''s rights runs for anon without asking who calls'
is "$(run authenticator "SET ROLE anon; SELECT count(*) FROM public.by_hour_live")" 'ERROR:  42501' 'anon reads no live view'
is "$(run authenticator "SET ROLE authenticated; SELECT count(*) FROM public.by_hour_metrics")" 'ERROR:  42501' 'a signed-in person no flat view'
is "$(run authenticator "SET ROLE anon; SELECT tally_internal._me()")" 'ERROR:  42501' 'anon calls nothing of the engine'
is "$(run authenticator "SET ROLE anon; INSERT INTO public.events VALUES ('2026-01-01 05:30Z', NULL, 'x')")$(
    run tally_host "SELECT sum(n) FROM by_hour_live")" 91 \
    'and writes to the source, which is marked'
# It is the missing USAGE that keeps them out: the same questions are answered with it.
run tally_host "GRANT USAGE ON SCHEMA tally, tally_internal TO anon" >/dev/null
is "$(run authenticator "SET ROLE anon; SELECT count(*) FROM tally.rollups WHERE name = 'by_hour'")" 1 'with USAGE anon would read definitions'
run tally_host "SELECT tally.start()" >/dev/null
is "$(run tally_host "SELECT (tally_internal._clock()).state || ', ' || (SELECT count(*) FROM tally.status WHERE rollup = 'by_hour')")" 'running, 1' \
    'bug: with jobs of pg_cron, status refused an owner that may not see the settings of pg_cron'

# Some stages as a project of Supabase has them: in schemas that give what is made there to others, with extensions that lie elsewhere.
for file in 40_rollup_exact 52_rollup_keys 75_release; do
    server_psql -q -d postgres -c "CREATE DATABASE stage TEMPLATE stages" -c "GRANT CREATE, TEMPORARY ON DATABASE stage TO tally_host"
    said=$(PGOPTIONS='-c client_min_messages=warning' "$PG_LIB/bin/psql" -XAtq -h "$SERVER_SOCKET" -p "$SERVER_PORT" -U tally_host -d stage \
        -v ON_ERROR_STOP=1 -P pager=off -f "pg_test/stages/$file.sql" 2>&1) || said+=$'\nERROR: psql failed'
    least=$(awk -v file="pg_test/stages/$file.sql" '$1 == file { print $2 }' pg_test/counts.txt)
    is "$(grep -A6 -E '^not ok|ERROR:' <<<"$said" | head -n 20)$(($(grep -c '^ok ' <<<"$said") >= least))" 1 "$file beside Supabase's roles and schemas"
    server_psql -q -d postgres -c "DROP DATABASE stage WITH (FORCE)"
done

# What Supabase advises: eight jobs at most, and ten minutes each.
run tally_host "SELECT tally.create_rollup('by_hour_' || n, 'events', 'at', measures => '{\"n\": \"count(*)\"}', schedule => n || ' 3 * * *')
    FROM generate_series(1, 6) n" >/dev/null
run tally_host "SELECT tally.create_task('slow_' || n, n || ' 4 1 1 *', 'SELECT pg_sleep(300)') FROM generate_series(1, 4) n" >/dev/null
run tally_host "SELECT tally.retain_source('events', '100 years')" >/dev/null
is "$(run tally_host "SELECT count(*) || ': ' || string_agg(jobname, ', ' ORDER BY jobname) FILTER (WHERE jobname ~ 'due$') FROM cron.job
    WHERE jobname LIKE 'tally %'")" '8: tally refresh due, tally tasks due' 'however many schedules there are, there are eight jobs'
is "$(run tally_host "SELECT longest FROM tally_internal._job_limits()")" '00:10:00' 'and a job may last ten minutes'
run tally_host "SELECT cron.unschedule('tally tasks due')" >/dev/null
run tally_host "UPDATE tally.tasks SET last_run = '2000-01-01' WHERE name = 'slow_1'" >/dev/null
# No superuser: a job sees what the owner has stored.
is "$(run tally_host "SELECT tally.set('tally.job_timeout', '1 second')")" '1 second' 'the owner sets a limit for the jobs'
PGAPPNAME=pg_cron run tally_host "SELECT tally.run_tasks('due')" >"$SERVER_DIR/slow" &
slow=$!
for _ in $(seq 200); do
    kill -0 $slow 2>/dev/null || break
    sleep 0.5
    run tally_host "CALL tally.evaluate_scheduled()" >/dev/null
done
wait $slow || :
is "$(run tally_host "SELECT sqlstate || ': ' || message FROM tally.tasks WHERE name = 'slow_1'")" '54000: the job lasted longer than 00:00:01 and was ended' \
    'what lasts longer is ended by the next evaluation, and says so'
is "$(grep -c 'slow_1,0,"54000: ' "$SERVER_DIR/slow")" 1 'and the run goes on behind it'
done_testing
