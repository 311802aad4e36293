-- Owns: report: several metrics side by side against plain SQL over the events; read from whichever rollup is smallest,
-- with limits, suppression, and as CSV.
SELECT no_plan();
CREATE SCHEMA app;
CREATE TABLE app.events (at timestamptz NOT NULL, world text, model text, person text, kind text NOT NULL, ms float8);
INSERT INTO app.events
SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '7 minutes', (ARRAY['w1', 'w2', NULL])[1 + i % 3], 'm' || i % 2, 'p' || i % 23,
    CASE WHEN i % 5 = 0 THEN 'retry' ELSE 'turn' END, i % 97
  FROM generate_series(0, 2999) i;
SELECT tally.create_rollup('r_hourly', source => 'app.events', time_column => 'at', bucket => '1 hour', dimensions => '["world", "model"]',
    measures => $${"turns": "count(*) filter (where kind = 'turn')", "retries": "count(*) filter (where kind = 'retry')",
        "latency": "tally.tdigest(ms)", "people": "tally.hll(person)"}$$, with_data => true);
SELECT tally.create_rollup('r_world_hourly', source => 'r_hourly', bucket => '1 hour', dimensions => '["world"]', with_data => true);
SELECT tally.create_rollup('r_world_daily', source => 'r_world_hourly', bucket => '1 day', with_data => true);
-- Stands on it as well, but does not hold the same: a filter, and a measure of its own under the same name.
SELECT tally.create_rollup('r_only_w1', source => 'r_hourly', bucket => '1 day', "where" => $$world = 'w1'$$, with_data => true);
SELECT tally.create_rollup('r_peak', source => 'r_hourly', bucket => '1 day', measures => '{"turns": "max(turns)"}', with_data => true);
SELECT tally.create_rollup('other', source => 'app.events', time_column => 'at', bucket => '1 hour', dimensions => '["world"]',
    measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('turns', 'r_hourly', 'turns'), tally.create_metric('retry_rate', 'r_hourly', 'retries::float8 / nullif(turns, 0)'),
       tally.create_metric('p50', 'r_hourly', 'tally.percentile(latency, 0.5)'), tally.create_metric('people', 'r_hourly', 'tally.distinct_count(people)'),
           tally.create_metric('n', 'other', 'n');
ANALYZE;

-- Which relations an answer is read from.
CREATE FUNCTION app.read_from(metric text, since text, until text, bucket interval, by text[], picked jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(m[1], ' ' ORDER BY n)
      FROM tally.metrics m, tally.rollups r,
          regexp_matches(tally_internal._report_sql(ARRAY[m], r, $4, by, picked, since::timestamptz, until::timestamptz, NULL, 10),
          'FROM (?:app\.|public\.)?(\w+) WHERE', 'g') WITH ORDINALITY x(m, n)
     WHERE m.name = metric AND r.id = m.rollup_id
$$;
SELECT is(app.read_from('turns', '2026-03-02 00:00Z', '2026-03-09 00:00Z', NULL, '{}', '{}'), 'r_world_daily', 'whole days: the daily rollup alone');
SELECT is(app.read_from('turns', '2026-03-02 05:00Z', '2026-03-09 07:30Z', NULL, '{}', '{}'), 'r_world_hourly r_world_daily r_world_hourly',
    'hours at the edges, days between');
SELECT is(app.read_from('turns', '2026-03-02 05:00Z', '2026-03-02 09:00Z', NULL, '{}', '{}'), 'r_world_hourly', 'within a day: hours by fewer dimensions');
SELECT is(app.read_from('turns', '2026-03-02 00:00Z', '2026-03-09 00:00Z', '1 hour', '{}', '{}'), 'r_world_hourly', 'by the hour nothing longer will do');
SELECT is(app.read_from('turns', '2026-03-02 00:00Z', '2026-03-09 00:00Z', '1 day', '{model}', '{}'), 'r_hourly', 'a dimension that the smaller ones lack');
SELECT is(app.read_from('turns', '2026-03-02 00:00Z', '2026-03-09 00:00Z', NULL, '{}', '{"model": "m1"}'), 'r_hourly', 'the same in a filter');

CREATE FUNCTION app.same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT results_eq($q$SELECT (x ->> 'turns')::float8, round((x ->> 'retry_rate')::numeric, 9), (x ->> 'p50')::float8, (x ->> 'people')::float8,
        (x ->> 'n')::float8
                           FROM tally.report('{turns,retry_rate,p50,people,n}', since => '2026-03-02 05:00Z', until => '2026-03-13 07:00Z') x$q$,
        $q$SELECT (count(*) FILTER (WHERE kind = 'turn'))::float8,
            round(count(*) FILTER (WHERE kind = 'retry') / (count(*) FILTER (WHERE kind = 'turn'))::numeric, 9),
                  (SELECT tally.percentile(tally.tdigest(e.ms), 0.5) FROM app.events e WHERE e.at >= '2026-03-02 05:00Z' AND e.at < '2026-03-13 07:00Z'),
                  count(DISTINCT person)::float8, count(*)::float8 FROM app.events WHERE at >= '2026-03-02 05:00Z' AND at < '2026-03-13 07:00Z'$q$,
                      what || ': one row, two rollups');
    RETURN NEXT results_eq($q$SELECT (x ->> 'bucket')::timestamptz, x ->> 'world', (x ->> 'turns')::bigint,
        (x ->> 'n')::bigint FROM tally.report('{turns,n}', since => '2026-03-02', until => '2026-03-10', bucket => '1 day', by => '{world}') x$q$,
        $q$SELECT date_trunc('day', at, 'UTC'), coalesce(world, '(none)') AS w, count(*) FILTER (WHERE kind = 'turn'),
            count(*) FROM app.events WHERE at >= '2026-03-02Z' AND at < '2026-03-10Z' GROUP BY 1, 2 ORDER BY 1, 2$q$, what || ': by day and world');
    RETURN NEXT results_eq($q$SELECT tally.metric_value('retry_rate', since => '2026-03-02 05:00Z', until => '2026-03-13 07:00Z')::numeric(12, 9),
        tally.metric_value('turns', since => '2026-03-02', until => '2026-03-10', "where" => '{"world": "w1"}')$q$,
        $q$SELECT (count(*) FILTER (WHERE kind = 'retry' AND at >= '2026-03-02 05:00Z' AND at < '2026-03-13 07:00Z') / (count(*)
            FILTER (WHERE kind = 'turn' AND at >= '2026-03-02 05:00Z' AND at < '2026-03-13 07:00Z'))::numeric)::numeric(12, 9),
                  (count(*) FILTER (WHERE kind = 'turn' AND world = 'w1' AND at >= '2026-03-02' AND at < '2026-03-10'))::float8 FROM app.events$q$,
                      what || ': metric_value');
    RETURN NEXT results_eq($q$SELECT bucket, series, value FROM tally.timeseries('turns', since => '2026-03-02', until => '2026-03-10', bucket => '1 day',
        by => '{world}')$q$,
        $q$SELECT date_trunc('day', at, 'UTC'), coalesce(world, '(none)'), (count(*) FILTER (WHERE kind = 'turn'))::float8 FROM app.events
            WHERE at >= '2026-03-02Z' AND at < '2026-03-10Z' GROUP BY 1, 2 ORDER BY 1, 2$q$, what || ': timeseries');
END $$;
SET timezone = 'UTC';
SELECT app.same('fresh');
INSERT INTO app.events SELECT '2026-03-05 10:00Z'::timestamptz + i * interval '1 hour', 'w1', 'm0', 'late' || i, 'turn', 1000 FROM generate_series(0, 50) i;
DELETE FROM app.events WHERE at >= '2026-03-07Z' AND at < '2026-03-08Z' AND world = 'w2';
SELECT app.same('late rows and deleted ones, not refreshed');
SELECT is(app.read_from('turns', '2026-03-02 05:00Z', '2026-03-09 07:30Z', NULL, '{}', '{}'), 'r_world_hourly_live r_world_daily_live r_world_hourly_live',
    'what stands on marked hours is read from live views');
SELECT count(*) FROM tally.refresh('r_world_hourly');
SELECT app.same('refreshed halfway up');
SELECT is(app.read_from('turns', '2026-03-05 05:00Z', '2026-03-05 09:30Z', NULL, '{}', '{}'), 'r_world_hourly', 'what is refreshed, from its table');
BEGIN;
CREATE ROLE tally_test_drawer ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA app TO tally_test_drawer;
GRANT SELECT ON r_hourly_live, r_world_hourly_live TO tally_test_drawer;
GRANT EXECUTE ON FUNCTION app.read_from TO tally_test_drawer;
SET LOCAL ROLE tally_test_drawer;
SELECT is((SELECT count(*) FROM tally.report('{turns}', since => '2026-03-02', until => '2026-03-10')), 1::bigint, 'who may read live views alone is answered');
ROLLBACK;

SELECT is((SELECT array_agg(x::text) FROM tally.report('{turns}', since => '2026-01-01', until => '2026-01-02', by => '{world}') x), NULL,
    'no data by world: no rows');
SELECT is((SELECT array_agg(x ->> 'turns') FROM tally.report('{turns}', since => '2026-01-01', until => '2026-01-02') x), ARRAY[NULL::text],
    'no data as a whole: one row of null');
SELECT throws_ok($$SELECT tally.report('{turns}', since => '121 days')$$, '54000', NULL, 'a range longer than the limit');
SELECT throws_ok($$SELECT tally.report('{turns}', since => '2026-03-01', until => '2026-03-10', bucket => '1 hour', max_rows => 200)$$, '54000', NULL,
    'more rows than the limit: 216 hours');
SELECT is((SELECT count(*) FROM tally.report('{turns}', since => '2026-03-01', until => '2026-03-10', bucket => '1 hour', max_rows => 216)), 216::bigint,
    'as many as the limit');
SELECT throws_ok($$SELECT tally.report('{}')$$, '22023', NULL, 'no metric');
SELECT throws_ok($$SELECT tally.report('{turns,nothing}')$$, '42704', NULL, 'an unknown metric');
SELECT throws_ok($$SELECT tally.report('{turns,n}', by => '{model}')$$, '42703', NULL, 'a dimension that one of the rollups lacks');
SELECT throws_ok($$SELECT tally.report('{turns}', people => 'nobody')$$, '42703', NULL, 'people that are no measure');

-- Between 05:00 and 06:00 there are nine events of as many people, between 05:00 and 08:00 more than ten.
SELECT is((SELECT array_agg(x ->> 'turns') FROM tally.report('{turns}', since => '2026-03-02 05:00Z', until => '2026-03-02 06:00Z', people => 'people') x),
    ARRAY[NULL::text], 'fewer than ten people: null');
SELECT isnt((SELECT array_agg(x ->> 'turns') FROM tally.report('{turns}', since => '2026-03-02 05:00Z', until => '2026-03-02 08:00Z', people => 'people') x),
    ARRAY[NULL::text], 'ten and more: a number');

SELECT is(tally.csv('[{"a": 1, "b": "x,y", "c": null}, {"a": -2.5, "b": "say \"hi\"", "c": "=1+1"}]'), E'a,b,c\r\n1,"x,y",\r\n-2.5,"say ""hi""","''=1+1"\r\n',
    'CSV: quotes, nulls, negative numbers, no formulas');
SELECT is(tally.csv('[{"a": "\r=1+1", "b": "\n=1"}]'), E'a,b\r\n"''\r=1+1","''\n=1"\r\n', 'a formula behind a line''s end too');
SELECT is(tally.csv('[]'), '', 'CSV of nothing');
-- By hand: 1/2, 1/4, 1/4 is 1.5 bits; two alike is one bit.
SELECT is(tally.entropy('{"a": 2, "b": 1, "c": 1, "d": 0, "e": "x"}'::jsonb), 1.5::float8, 'entropy');
SELECT is((SELECT tally.entropy(tally.jsonb_totals(jsonb_build_object(k, 1))) FROM unnest('{x,y,x,y}'::text[]) k), 1::float8, 'entropy of merged counts');
SELECT is(tally.entropy('{}'::jsonb), NULL, 'entropy of nothing');
SELECT is(tally.entropy('{"a": 7}'::jsonb), 0::float8, 'and of one');
-- Bug: a share that rounds to 0 was an error, "cannot take logarithm of zero".
SELECT is(round(tally.entropy('{"a": 1, "b": 1e2000}'::jsonb)), 0::float8, 'and of one beside a share that rounds to 0');
SELECT is(tally.entropy('{"a": 3e2000, "b": 3e2000, "c": {"d": 5}, "e": [7], "f": -4}'::jsonb), 1::float8,
    'of numbers beyond float8; what lies within, and what is below 0, is not counted');
SELECT is(tally.entropy(NULL::jsonb), NULL, 'of no counts');
-- Bug: a key that begins with U+0001 and has a dot was taken for what lies within, and not counted.
SELECT is(tally.entropy(jsonb_build_object(chr(1) || 'a.b', 1, 'c', 1, 'd', jsonb_build_object('e', 5))), 1::float8, 'of a key that begins with U+0001');
SELECT throws_ok($$SELECT tally.entropy('[1, 2]'::jsonb)$$, '22023', NULL, 'an array is no counts by key');
SELECT throws_ok($$SELECT tally.entropy('3'::jsonb)$$, '22023', NULL, 'nor is a number');
-- The definition in numeric: -sum(p ln p) / ln 2.
CREATE TABLE counted AS SELECT g, jsonb_object_agg('key ' || i, (g * 7919 + i * 104729) % 9973 + i / 8.0) AS counts
  FROM generate_series(1, 200) g, generate_series(0, 40) i WHERE i <= g % 41 GROUP BY g;
CREATE TABLE merged AS SELECT g, tally.jsonb_totals(counts) AS totals FROM counted GROUP BY g;
SELECT is((SELECT count(*) FROM counted c JOIN merged m USING (g), LATERAL (SELECT sum(v::numeric) AS total FROM jsonb_each_text(c.counts) e(k, v)) t,
    LATERAL (SELECT -sum(v::numeric / total * ln(v::numeric / total)) / ln(2.0) AS bits FROM jsonb_each_text(c.counts) e(k, v) WHERE v::numeric > 0) x
    WHERE abs(tally.entropy(c.counts) - x.bits) <= 1e-12 AND abs(tally.entropy(m.totals) - x.bits) <= 1e-12), 200::bigint,
    '200 tables of counts have the entropy of its definition, and so have their totals');

CREATE ROLE reporter ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA app TO reporter;
GRANT SELECT ON r_hourly_live TO reporter;
SET ROLE reporter;
SELECT is((SELECT x ->> 'turns' FROM tally.report('{turns}', since => '2026-03-02', until => '2026-03-09') x)::bigint,
    (SELECT sum(turns)::bigint FROM r_hourly_live WHERE bucket >= '2026-03-02' AND bucket < '2026-03-09'),
    'a reader of one live view is answered from that one');
RESET ROLE;
DROP OWNED BY reporter;
DROP ROLE reporter;

-- The same as typed columns, whatever the session's settings; against plain SQL.
SET "TimeZone" = 'Asia/Kolkata'; SET "DateStyle" = 'German'; SET "IntervalStyle" = 'iso_8601';
SELECT bag_eq(tally.report_sql('{turns,n}', since => '2026-03-02 00:00Z', until => '2026-03-05 00:00Z', bucket => '1 day', by => '{world}'),
    $$SELECT date_trunc('day', at, 'UTC') AS bucket, coalesce(world, '(none)') AS world, (count(*) FILTER (WHERE kind = 'turn'))::float8 AS turns,
        count(*)::float8 AS n
        FROM app.events WHERE at >= '2026-03-02 00:00Z' AND at < '2026-03-05 00:00Z' GROUP BY 1, 2$$, 'typed rows by day and world');
SELECT bag_eq(tally.report_sql('{n}', since => '2026-03-02 00:00Z', until => '2026-03-05 00:00Z', "where" => '{"world": "w1"}'),
    $$SELECT count(*)::float8 AS n FROM app.events WHERE at >= '2026-03-02 00:00Z' AND at < '2026-03-05 00:00Z' AND world = 'w1'$$, 'one row of one world');
RESET "TimeZone"; RESET "DateStyle"; RESET "IntervalStyle";
SELECT throws_ok($$SELECT tally.report_sql('{}')$$, '22023', 'metrics must name at least one metric, got {}', 'no metric');
SELECT throws_ok($$SELECT tally.report_sql('{turns,nothing}')$$, '42704', NULL, 'an unknown metric');
SELECT throws_ok($$SELECT tally.report_sql('{turns,n}', by => '{model}')$$, NULL, NULL, 'a dimension that one of them lacks');
SELECT * FROM finish();
