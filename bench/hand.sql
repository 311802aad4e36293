-- Owns: what bench/run.sh runs against: the queries and tables that a person would write without pg_tally.

CREATE SCHEMA bench;
COMMENT ON SCHEMA bench IS 'Rivals of pg_tally in bench/run.sh.';
SET search_path = bench, public;

-- The dimensions and sums of awf_hourly, in the engine's own grouping: what any rollup of this grain must cost.
CREATE FUNCTION floor_query() RETURNS text LANGUAGE sql AS $f$ SELECT $q$
    SELECT date_bin('1 hour', event_time, '2000-01-03 00:00:00+00') AS bucket, world, adventure, locale, model, experiment, variation, content_version,
           count(*) FILTER (WHERE event_type = 'turn') AS turns, count(*) FILTER (WHERE event_type = 'retry') AS retries,
           count(*) FILTER (WHERE event_type = 'fallback') AS fallbacks, count(*) FILTER (WHERE event_type = 'validator_retry') AS validator_retries,
           count(*) FILTER (WHERE event_type = 'stuck') AS stuck, count(*) FILTER (WHERE event_type = 'choice') AS choices,
           sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(ticks) AS ticks, sum(tool_calls) AS tool_calls, sum(acts) AS acts
      FROM public.analytics_events GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 $q$ $f$;
COMMENT ON FUNCTION floor_query() IS 'Hourly by all dimensions, counts and sums only.';

-- Without statistics on the expression the floor neither hashes nor goes parallel and takes four times as long. They are
-- made for the floor alone, from a small sample, and dropped, since every ANALYZE by others would pay for them.
CREATE PROCEDURE floor_statistics() LANGUAGE plpgsql AS $f$
BEGIN
    CREATE STATISTICS bench.floor_groups (ndistinct) ON (date_bin('1 hour', event_time, '2000-01-03 00:00:00+00')), world, adventure, locale, model, experiment,
        variation, content_version
        FROM public.analytics_events;
    SET LOCAL default_statistics_target = 10;
    ANALYZE public.analytics_events;
END $f$;
COMMENT ON PROCEDURE floor_statistics() IS 'Extended statistics that let the floor be planned as well as it can be.';

CREATE FUNCTION plain_query(width interval DEFAULT '1 hour', condition text DEFAULT 'true') RETURNS text LANGUAGE sql AS $f$
    SELECT replace(replace(replace(bench.floor_query(), '1 hour', width::text), 'FROM public.analytics_events', $q$,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY latency_ms) AS latency, count(DISTINCT session_id) AS sessions
      FROM public.analytics_events WHERE (condition)$q$), '(condition)', condition) $f$;
COMMENT ON FUNCTION plain_query(interval, text) IS 'The same with exact percentiles and distinct sessions, in plain SQL.';

CREATE FUNCTION plain_funnel() RETURNS text LANGUAGE sql AS $f$ SELECT $q$
    SELECT date_trunc('day', session_started_at, 'UTC') AS bucket, adventure, world, experiment, variation,
           count(start_at), count(*) FILTER (WHERE start_at <= choice), count(*) FILTER (WHERE start_at <= choice AND choice <= npc),
           count(*) FILTER (WHERE start_at <= choice AND choice <= npc AND npc <= craft),
           count(*) FILTER (WHERE start_at <= choice AND choice <= npc AND npc <= craft AND craft <= vendor),
           count(*) FILTER (WHERE start_at <= choice AND choice <= npc AND npc <= craft AND craft <= vendor AND vendor <= boss),
           count(*) FILTER (WHERE start_at <= choice AND choice <= npc AND npc <= craft AND craft <= vendor AND vendor <= boss AND boss <= completion)
      FROM (SELECT session_id, session_started_at, adventure, world, experiment, variation,
                   min(event_time) FILTER (WHERE event_type = 'start') AS start_at, min(event_time) FILTER (WHERE event_type = 'choice') AS choice,
                   min(event_time) FILTER (WHERE event_type = 'npc_join') AS npc, min(event_time) FILTER (WHERE event_type = 'craft') AS craft,
                   min(event_time) FILTER (WHERE event_type = 'vendor') AS vendor, min(event_time) FILTER (WHERE event_type = 'boss') AS boss,
                   min(event_time) FILTER (WHERE event_type = 'completion') AS completion
              FROM public.analytics_events WHERE event_type IN ('start', 'choice', 'npc_join', 'craft', 'vendor', 'boss', 'completion')
             GROUP BY 1, 2, 3, 4, 5, 6) s GROUP BY 1, 2, 3, 4, 5 $q$ $f$;
COMMENT ON FUNCTION plain_funnel() IS 'The daily funnel in plain SQL.';

CREATE FUNCTION run(query text) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    line text;
BEGIN
    -- Every row is computed and none is sent or stored.
    EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) ' || query INTO line;
END $f$;
COMMENT ON FUNCTION run(text) IS 'Runs a query and throws its rows away.';

CREATE FUNCTION store(query text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    DROP TABLE IF EXISTS bench.stored;
    EXECUTE 'CREATE TABLE bench.stored AS ' || query;
END $f$;
COMMENT ON FUNCTION store(text) IS 'Runs a query and stores its rows in a new table.';

CREATE FUNCTION by_hand_tables() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    EXECUTE 'CREATE TABLE bench.by_hand AS ' || bench.plain_query();
    CREATE INDEX ON bench.by_hand (bucket);
    EXECUTE 'CREATE MATERIALIZED VIEW bench.plain_hourly AS ' || bench.plain_query();
    ANALYZE bench.by_hand;
END $f$;
COMMENT ON FUNCTION by_hand_tables() IS 'The hourly rollup as a person keeps it: a table, and a materialized view.';

CREATE TABLE touched (since timestamptz, until timestamptz);
COMMENT ON TABLE touched IS 'The two hours of the latest new events.';

CREATE FUNCTION new_events(n bigint, round int) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    upto timestamptz := (SELECT date_trunc('hour', max(event_time)) FROM public.analytics_events) - make_interval(hours => 4 * round);
BEGIN
    DROP SCHEMA IF EXISTS bench_new CASCADE;
    CREATE SCHEMA bench_new;
    PERFORM tally.generate_awf(n, seed => 100 + round, until => upto, span => '2 hours', target_schema => 'bench_new');
    ALTER TABLE bench_new.analytics_events DROP COLUMN id;
    INSERT INTO public.analytics_events (event_time, event_type, session_id, user_id, world, adventure, locale, model, experiment, variation, content_version,
           session_started_at, latency_ms, tokens_in, tokens_out, ticks, tool_calls, acts, meta) SELECT * FROM bench_new.analytics_events;
    DELETE FROM bench.touched;
    INSERT INTO bench.touched VALUES (upto - interval '2 hours', upto);
END $f$;
COMMENT ON FUNCTION new_events(bigint, int) IS 'Adds n events to two hours that no earlier round touched.';

CREATE FUNCTION by_hand_refresh() RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    t bench.touched := (SELECT t FROM bench.touched t);
BEGIN
    DELETE FROM bench.by_hand WHERE bucket >= t.since AND bucket < t.until;
    EXECUTE 'INSERT INTO bench.by_hand ' || bench.plain_query(condition => format('event_time >= %L AND event_time < %L', t.since, t.until));
END $f$;
COMMENT ON FUNCTION by_hand_refresh() IS 'Deletes the touched hours and inserts them anew.';

CREATE FUNCTION check_refresh() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    -- A benchmark of a wrong answer is worth nothing.
    IF (SELECT (sum(turns), sum(retries), sum(tokens_in), count(*)) FROM public.awf_hourly)
       IS DISTINCT FROM (SELECT (sum(turns), sum(retries), sum(tokens_in), count(*)) FROM bench.by_hand) THEN
        RAISE EXCEPTION 'awf_hourly and the table kept by hand differ';
    END IF;
END $f$;
COMMENT ON FUNCTION check_refresh() IS 'An error where the rollup and the table kept by hand differ.';

CREATE FUNCTION copy_tables() RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    rival text;
BEGIN
    EXECUTE format('COPY public.analytics_events TO %L', current_setting('data_directory') || '/tally_bench.copy');
    FOREACH rival IN ARRAY '{plain,capture,pack,statement,row}'::text[] LOOP
        EXECUTE format('CREATE TABLE bench.copy_%s (LIKE public.analytics_events INCLUDING DEFAULTS INCLUDING IDENTITY)', rival);
        EXECUTE format('CREATE INDEX ON bench.copy_%s (event_time)', rival);
    END LOOP;
    PERFORM tally.create_rollup('capture_hourly', source => 'bench.copy_capture', time_column => 'event_time', measures => '{"events": "count(*)"}');
    -- Columns and widths of the pack's four rollups on its source.
    PERFORM tally.create_rollup('pack_5m', source => 'bench.copy_pack', time_column => 'event_time', bucket => '5 minutes',
        measures => '{"events": "count(*)"}');
    PERFORM tally.create_rollup('pack_hourly', source => 'bench.copy_pack', time_column => 'event_time', measures => '{"events": "count(*)"}');
    PERFORM tally.create_rollup('pack_gameplay', source => 'bench.copy_pack', time_column => 'event_time', measures => '{"events": "count(*)"}');
    PERFORM tally.create_rollup('pack_sessions', source => 'bench.copy_pack', time_column => 'session_started_at', measures => '{"events": "count(*)"}');
    CREATE TABLE bench.marks (bucket timestamptz);
    CREATE FUNCTION bench.mark_statement() RETURNS trigger LANGUAGE plpgsql AS $t$
    BEGIN
        INSERT INTO bench.marks SELECT DISTINCT date_bin('1 hour', event_time, '2000-01-03 00:00:00+00') FROM arrived;
        RETURN NULL;
    END $t$;
    CREATE TRIGGER mark AFTER INSERT ON bench.copy_statement REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION bench.mark_statement();
    CREATE TABLE bench.marks_once (bucket timestamptz PRIMARY KEY);
    CREATE FUNCTION bench.mark_row() RETURNS trigger LANGUAGE plpgsql AS $t$
    BEGIN
        INSERT INTO bench.marks_once VALUES (date_bin('1 hour', NEW.event_time, '2000-01-03 00:00:00+00')) ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $t$;
    CREATE TRIGGER mark AFTER INSERT ON bench.copy_row FOR EACH ROW EXECUTE FUNCTION bench.mark_row();
END $f$;
COMMENT ON FUNCTION copy_tables() IS 'One table per way to capture, and a file with the events to copy.';

CREATE FUNCTION copy_into(target text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    EXECUTE format('COPY bench.%I FROM %L', target, current_setting('data_directory') || '/tally_bench.copy');
END $f$;
COMMENT ON FUNCTION copy_into(text) IS 'Copies the file into one of the tables.';

CREATE FUNCTION copy_done() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    -- There is no function that removes a file; an empty one is near enough.
    EXECUTE format('COPY (SELECT 1 WHERE false) TO %L', current_setting('data_directory') || '/tally_bench.copy');
END $f$;
COMMENT ON FUNCTION copy_done() IS 'Empties the file.';
