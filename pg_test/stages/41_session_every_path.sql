-- No path to a number goes by the session: not only refreshes and live views, but also late rows, metrics, reports, probes, thresholds,
-- evidence, funnels and the functions of packs. Each session here defines, writes and reads under settings of its own; the expected rows
-- come from plain SQL under PostgreSQL's own settings.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TABLE styles (n int PRIMARY KEY, settings text);
INSERT INTO styles VALUES
    (0, $$SET datestyle = 'ISO, MDY'; SET timezone = 'UTC'$$),
    (1, $$SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Kolkata'; SET intervalstyle = 'sql_standard'; SET extra_float_digits = -15;
        SET bytea_output = 'escape'$$),
    (2, $$SET datestyle = 'Postgres, DMY'; SET timezone = 'Pacific/Apia'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = -8;
        SET quote_all_identifiers = on; SET xmloption = document$$),
    (3, $$SET datestyle = 'German, MDY'; SET timezone = 'America/St_Johns'; SET intervalstyle = 'postgres_verbose'; SET extra_float_digits = 0;
        SET array_nulls = off; SET jit = on; SET default_transaction_isolation = 'repeatable read'$$),
    (4, $$SET datestyle = 'SQL, MDY'; SET timezone = 'CST6CDT'; SET standard_conforming_strings = off; SET escape_string_warning = off;
        SET transform_null_equals = on; SET extra_float_digits = -12; SET default_transaction_isolation = 'serializable'$$);
CREATE FUNCTION back() RETURNS text LANGUAGE sql AS $$ SELECT 'RESET ALL; SET client_min_messages = warning' $$;

CREATE TABLE e (at timestamptz, k text, v float8);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-02-01 00:00+00' + i * interval '10 minutes', 'k' || i % 3, i / 7.0 FROM generate_series(1, 300) i;
CREATE TABLE a (at timestamptz, who text, kind text);
CREATE INDEX ON a (at);
INSERT INTO a SELECT timestamptz '2026-02-01 00:00+00' + i * interval '7 minutes', 'p' || i % 20, CASE WHEN i % 3 = 0 THEN 'paid' ELSE 'seen' END
    FROM generate_series(1, 300) i;

-- Definitions made under each, with constants in them that a session reads and prints in its own way.
SELECT format($q$%2$s;
    SELECT tally.create_rollup('h%1$s', 'public.e', 'at', dimensions => '["k"]', measures => '{"n": "count(*)", "total": "sum(v)", "last": "max(at)"}',
        "where" => 'at > ''2026-02-01 03:04:00+00''', search_path => 'public', with_data => true);
    SELECT tally.create_metric('since_%1$s', 'h%1$s', 'extract(epoch FROM ''2026-03-02 00:00+00'' - last)', search_path => 'public');
    SELECT tally.create_metric('scaled_%1$s', 'h%1$s', 'total * ''0.123456789012345''', search_path => 'public');
    SELECT tally.create_metric('moved_%1$s', 'h%1$s', 'extract(epoch FROM (last - ''2026-02-01 00:00+00'') + ''-1 days +02:30:00'')', search_path => 'public');
    SELECT tally.create_probe('p%1$s', 'SELECT k, sum(v) AS value, 9007199254740993 AS samples FROM public.e WHERE at < :as_of GROUP BY k',
        search_path => 'public');
    SELECT tally.create_threshold('t%1$s', metric => 'scaled_%1$s', condition => '> 100.00000000000001', per => '{k}', over => '1 day', every => '1 minute');
    SELECT tally.create_threshold('q%1$s', query => 'SELECT 100.00000000000003::float8 AS value', condition => '> 100.00000000000001', every => '1 minute');
    SELECT tally.create_funnel('f%1$s', 'public.a', 'at', 'who', steps => '{"seen": "kind = ''seen''", "paid": "kind = ''paid''"}',
        "window" => '1 day 02:03:04', bucket => '1 day');
    SELECT tally.create_retention('r%1$s', 'public.a', 'at', 'who', "start" => 'kind = ''seen''', return => 'kind = ''paid''', period => '1 day', periods => 3);
    %3$s;$q$, n, settings, back()) FROM styles ORDER BY n \gexec
SELECT count(*) FROM tally.refresh();

SELECT is((SELECT string_agg(m.resolved, ' ' ORDER BY m.name) FROM tally.metrics m WHERE m.name ~ n::text),
          (SELECT string_agg(m.resolved, ' ' ORDER BY m.name) FROM tally.metrics m WHERE m.name ~ '0$'), 'metrics mean the same, made under: ' || settings)
  FROM styles WHERE n > 0 ORDER BY n;
SELECT bag_eq(format('SELECT bucket, k, since_%1$s::float8, scaled_%1$s, moved_%1$s::float8 FROM h%1$s_metrics', n),
    $$SELECT date_trunc('hour', at, 'UTC'), k, extract(epoch FROM '2026-03-02 00:00+00' - max(at))::float8 AS a, sum(v) * 0.123456789012345 AS b,
             extract(epoch FROM max(at) - '2026-02-01 00:00+00')::float8 - 86400 + 9000 AS c FROM e WHERE at > '2026-02-01 03:04+00' GROUP BY 1, 2$$,
    'the flat view, made under: ' || settings) FROM styles ORDER BY n;
-- Behaviours hold widths, which are kept as text.
SELECT bag_eq(format('SELECT x.step, x.actors, x.seconds_mean FROM tally.funnel(''f%s'', since => ''2026-01-30'', until => ''2026-03-01'') x', n),
    $$SELECT x.step, x.actors, x.seconds_mean FROM tally.funnel('f0', since => '2026-01-30', until => '2026-03-01') x$$,
        'a funnel made under: ' || settings) FROM styles WHERE n > 0 ORDER BY n;
SELECT bag_eq(format('SELECT * FROM r%s_cohorts', n), 'SELECT * FROM r0_cohorts', 'a retention made under: ' || settings) FROM styles WHERE n > 0 ORDER BY n;

-- Read under each, over rows that came since.
INSERT INTO e SELECT timestamptz '2026-02-02 01:00+00' + i * interval '7 minutes', 'k' || i % 3, i / 11.0 FROM generate_series(1, 60) i;
INSERT INTO e SELECT '2026-02-04 03:30+00', 'k' || i, i / 13.0 FROM generate_series(0, 2) i;
CREATE TABLE read_series (n int, way text, bucket timestamptz, series text, value float8);
CREATE TABLE read_report (n int, x json);
CREATE TABLE read_one (n int, value float8);
CREATE TABLE fired (n int, threshold text, labels jsonb, value float8);
SELECT format($q$%2$s;
    INSERT INTO public.read_series SELECT %1$s, 'own', bucket, series, value FROM tally.timeseries('scaled_0', since => '2026-02-01', until => '2026-02-05',
        by => '{k}');
    INSERT INTO public.read_series SELECT %1$s, 'days', bucket, series, value FROM tally.timeseries('scaled_0', since => '2026-02-01', until => '2026-02-05',
        bucket => '1 day');
    INSERT INTO public.read_series SELECT %1$s, 'previous', bucket, series, value FROM tally.timeseries('scaled_0', since => '2026-02-04',
        until => '2026-02-04 05:00', by => '{k}', fill => 'previous', "where" => '{"k": ["k0", "k1", "k2", null]}');
    INSERT INTO public.read_one SELECT %1$s, tally.metric_value('since_0', since => '2026-02-01', until => '2026-02-05');
    INSERT INTO public.read_report SELECT %1$s, x FROM tally.report('{scaled_0,since_0}', since => '2026-02-01 00:00', until => '2026-02-05', by => '{k}') x;
    %3$s;$q$, n, settings, back()) FROM styles ORDER BY n \gexec
CREATE TABLE truth AS
SELECT s.n, 'own' AS way, date_trunc('hour', at, 'UTC') AS bucket, k AS series, sum(v) * 0.123456789012345 AS value FROM e, styles s
    WHERE at > '2026-02-01 03:04+00' GROUP BY 1, 2, 3, 4;
-- Two hours of k that make one sum in the order in which the engine adds them up, so within the last bits.
SELECT bag_eq($$SELECT n, bucket, series, round(value::numeric, 9) FROM read_series WHERE way = 'own'$$, $$SELECT n, bucket, series, round(value::numeric,
    9) FROM truth$$, 'a series read under each');
SELECT bag_eq($$SELECT n, bucket, round(value::numeric, 9) FROM read_series WHERE way = 'days'$$,
    $$SELECT s.n, date_trunc('day', at, 'UTC'), round((sum(v) * 0.123456789012345)::numeric, 9) FROM e, styles s WHERE at > '2026-02-01 03:04+00' GROUP BY 1,
        2$$, 'days read under each');
SELECT bag_eq($$SELECT n, bucket, series, value FROM read_series WHERE way = 'previous'$$,
    $$SELECT s.n, b, k, (SELECT t.value FROM read_series t WHERE t.way = 'own' AND t.n = 0 AND t.series = k AND t.bucket <= b
        ORDER BY t.bucket DESC LIMIT 1) AS value
        FROM styles s, generate_series(timestamptz '2026-02-04 00:00+00', '2026-02-04 04:00+00', '1 hour') b, unnest('{k0,k1,k2}'::text[]) k$$,
            'the value before the range keeps all its digits under each');
SELECT bag_eq('SELECT n, value FROM read_one', $$SELECT s.n, extract(epoch FROM '2026-03-02 00:00+00' - max(at))::float8 FROM e, styles s GROUP BY 1$$,
    'one value read under each');
SELECT bag_eq($$SELECT n, x ->> 'k', round((x ->> 'scaled_0')::numeric, 9) AS a, (x ->> 'since_0')::float8 AS b FROM read_report$$,
    $$SELECT s.n, k, round((sum(v) * 0.123456789012345)::numeric, 9) AS a, extract(epoch FROM '2026-03-02 00:00+00' - max(at))::float8 AS b FROM e, styles s
        WHERE at > '2026-02-01 03:04+00' GROUP BY 1, 2$$, 'a report read under each');

-- Probes and thresholds, at a tick of each.
SELECT format($q$%2$s;
    SELECT tally.evaluate('2026-02-03T00:0%1$s:00+00'::timestamptz);
    INSERT INTO public.fired SELECT %1$s, x.threshold, x.labels, x.value FROM (SELECT 'replay' AS threshold, r.labels, r.value FROM tally.replay('t0',
        since => '2026-02-02 23:50', until => '2026-02-03 00:00') r WHERE r.transition = 'fired') x;
    %3$s;$q$, n, settings, back()) FROM styles ORDER BY n \gexec
SELECT bag_eq($$SELECT p.name, s.at, s.labels ->> 'k' AS k, round(s.value::numeric, 9) AS v, s.samples FROM tally.probe_samples s
    JOIN tally.probes p ON p.id = s.probe_id$$,
    $$SELECT 'p' || s.n AS name, timestamptz '2026-02-03 00:00+00' + t.n * interval '1 minute' AS at_, k, round(sum(v)::numeric, 9) AS v,
        9007199254740993::float8 FROM e, styles s, styles t WHERE at < timestamptz '2026-02-03 00:00+00' + t.n * interval '1 minute' GROUP BY 1, 2, 3$$,
    'what probes saw, evaluated under each');
SELECT bag_eq($$SELECT t.name, s.labels ->> 'k' AS k, s.state FROM tally.threshold_states s JOIN tally.thresholds t ON t.id = s.threshold_id
    WHERE s.kind = 'breach'$$,
    $$SELECT 't' || s.n AS name, k, 'firing' AS state FROM e, styles s WHERE at >= '2026-02-02 00:00+00' AND at < '2026-02-03 00:00+00' GROUP BY 1,
        2 HAVING sum(v) * 0.123456789012345 > 100.00000000000001
      UNION ALL SELECT 'q' || n, NULL, 'firing' FROM styles$$, 'a difference in the last digit fires, evaluated under each');
-- A sum of floats differs in its last digit by the order of the rows, which the plan decides.
SELECT bag_eq('SELECT n, labels, round(value::numeric, 9) FROM fired',
    $$SELECT s.n, f.labels, round(f.value::numeric, 9) FROM styles s, fired f WHERE f.n = 0$$, 'a replay under each');
SELECT bag_eq($$SELECT i.threshold AS name, i.labels ->> 'k' AS k, (v.x ->> 'bucket')::timestamptz AS b, round((v.x ->> 'value')::numeric, 9) AS v
    FROM tally.incidents i, jsonb_array_elements(i.evidence -> 'values') v(x)$$,
    $$SELECT 't' || s.n AS name, k, date_trunc('hour', at, 'UTC') AS b, round((sum(v) * 0.123456789012345)::numeric, 9) AS v FROM e, styles s
       WHERE at >= '2026-02-02 12:00+00' AND at < '2026-02-03 00:00+00' AND k IN (SELECT labels ->> 'k' FROM tally.incidents) GROUP BY 1, 2, 3$$,
           'evidence, filed under each');

-- Late rows: a constant without an offset is one of the rollup's zone there too.
CREATE TABLE l (at timestamptz, v int);
CREATE INDEX ON l (at);
INSERT INTO l SELECT timestamptz '2025-11-01 00:00+00' + i * interval '1 hour', 1 FROM generate_series(0, 200) i;
SELECT tally.create_rollup('late_' || n, 'l', 'at', bucket => '1 day', zone => 'America/New_York', measures => '{"n": "count(*)"}',
    "where" => 'at >= ''2025-11-03 12:00''', with_data => true) FROM styles;
SELECT tally.freeze_source('l', '2025-12-01 05:00+00');
CREATE TABLE all_of_l AS SELECT * FROM l;
DELETE FROM l;
INSERT INTO l SELECT timestamptz '2025-11-03 14:30+00' + i * interval '1 hour', 1 FROM generate_series(0, 5) i;
INSERT INTO all_of_l SELECT timestamptz '2025-11-03 14:30+00' + i * interval '1 hour', 1 FROM generate_series(0, 5) i;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SELECT tally.set_aside_late('l');
SELECT count(*) FROM tally.apply_late('l');
RESET ALL;
SET client_min_messages = warning;
SELECT bag_eq('SELECT bucket, n FROM late_' || n, $$SELECT date_trunc('day', at, 'America/New_York'), count(*) FROM all_of_l
    WHERE at >= '2025-11-03 17:00+00' GROUP BY 1$$, 'late rows of rollup ' || n) FROM styles ORDER BY n;
SELECT * FROM finish();
