-- Owns: the same hourly relation as bench/rivals/run.sh compares it, made by other means in PostgreSQL: with the extensions tdigest and hll, with pg_ivm, and
-- the question that all are asked.

SET search_path = bench, public;
SET check_function_bodies = off;

CREATE FUNCTION sketched_query(condition text DEFAULT 'true') RETURNS text LANGUAGE sql AS $f$
    SELECT replace(bench.floor_query(), 'FROM public.analytics_events', format($q$,
           public.tdigest(latency_ms, 200) AS latency, public.hll_add_agg(public.hll_hash_text(session_id)) AS sessions
      FROM public.analytics_events WHERE (%s)$q$, condition)) $f$;
COMMENT ON FUNCTION sketched_query(text) IS 'The hourly relation with the sketches of the extensions tdigest and hll.';

CREATE FUNCTION sketched_refresh() RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    t bench.touched := (SELECT t FROM bench.touched t);
BEGIN
    DELETE FROM bench.sketched WHERE bucket >= t.since AND bucket < t.until;
    EXECUTE 'INSERT INTO bench.sketched ' || bench.sketched_query(format('event_time >= %L AND event_time < %L', t.since, t.until));
END $f$;
COMMENT ON FUNCTION sketched_refresh() IS 'Deletes the touched hours and inserts them anew.';

CREATE FUNCTION insert_again() RETURNS void LANGUAGE sql AS $f$
    INSERT INTO public.analytics_events (event_time, event_type, session_id, user_id, world, adventure, locale, model, experiment, variation, content_version,
           session_started_at, latency_ms, tokens_in, tokens_out, ticks, tool_calls, acts, meta) SELECT * FROM bench_new.analytics_events
$f$;
COMMENT ON FUNCTION insert_again() IS 'Inserts the latest new events once more.';

-- pg_ivm knows count and sum, without FILTER, of columns of a plain GROUP BY.
CREATE FUNCTION ivm_query() RETURNS text LANGUAGE sql AS $f$ SELECT $q$
    SELECT date_bin('1 hour', event_time, '2000-01-03 00:00:00+00') AS bucket, world, adventure, locale, model, experiment, variation, content_version,
           event_type,
           count(*) AS events, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(ticks) AS ticks, sum(tool_calls) AS tool_calls, sum(acts) AS acts
      FROM public.analytics_events GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 $q$ $f$;
COMMENT ON FUNCTION ivm_query() IS 'The hourly relation as pg_ivm can keep it: by kind of event too, without percentiles and distinct counts.';

-- The question: turns, p95 of latency and sessions of each of the last 30 days, of one relation.
CREATE FUNCTION question(relation text) RETURNS text LANGUAGE sql STABLE AS $f$
    SELECT format('SELECT date_trunc(''day'', %1$s, ''UTC'') AS day, %2$s FROM %3$s WHERE %1$s >= %4$L GROUP BY 1 ORDER BY 1',
        CASE relation WHEN 'public.analytics_events' THEN 'event_time' ELSE 'bucket' END,
        CASE relation
            WHEN 'public.analytics_events' THEN 'count(*) FILTER (WHERE event_type = ''turn''), percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms), '
                'count(DISTINCT session_id)'
            WHEN 'public.awf_hourly' THEN 'sum(turns), tally.percentile(tally.rollup(latency), 0.95), tally.distinct_count(tally.rollup(sessions))'
            WHEN 'bench.sketched' THEN 'sum(turns), public.tdigest_percentile(latency, 0.95), public.hll_cardinality(public.hll_union_agg(sessions))'
            WHEN 'bench.by_ivm' THEN 'sum(events) FILTER (WHERE event_type = ''turn'')'
        END, relation, (SELECT date_trunc('day', max(event_time), 'UTC') - interval '30 days' FROM public.analytics_events)) $f$;
COMMENT ON FUNCTION question(text) IS 'The statement that asks a relation for its days.';
