-- Buckets that look back overlap, and are never merged: a week of a rolling seven-day count once gave 1,018,500 for 147,516.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, k text);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', 'k' || i % 3 FROM generate_series(0, 3000) i;
SELECT tally.create_rollup('rolling', 'e', 'at', bucket => '1 day', lookback => '7 days', dimensions => '["k"]', measures => '{"n": "count(*)"}',
    with_data => true);
SELECT tally.create_metric('week_of', 'rolling', 'n');
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m text; d text; h text;
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
        RETURN CASE WHEN m LIKE '%overlap%' AND d <> '' AND h <> '' THEN 'refused' ELSE m END;
    END;
    RETURN 'answered';
END $$;
SELECT is(refused(x), 'refused', x) FROM (VALUES
    ($$SELECT * FROM tally.timeseries('week_of', since => '2026-01-01 00:00+00', until => '2026-01-20 00:00+00', bucket => '1 week')$$),
    ($$SELECT * FROM tally.timeseries('week_of', since => '2026-01-01 00:00+00', until => '2026-01-20 00:00+00', bucket => '1 month', by => '{k}')$$),
    ($$SELECT * FROM tally.timeseries('week_of', since => '2026-01-01 00:00+00', until => '2026-01-20 00:00+00', bucket => '1 week', fill => 'previous')$$),
    ($$SELECT tally.metric_value('week_of', since => '2026-01-03 00:00+00', until => '2026-01-10 00:00+00')$$),
    ($$SELECT tally.metric_value('week_of', since => '2026-01-03 00:00+00', until => '2026-01-10 00:00+00', live => false)$$),
    ($$SELECT tally.metric_value('week_of', since => '-infinity')$$),
    ($$SELECT tally.report('{week_of}', since => '2026-01-03 00:00+00', until => '2026-01-10 00:00+00')$$),
    ($$SELECT tally.report('{week_of}', since => '2026-01-03 00:00+00', until => '2026-01-20 00:00+00', bucket => '1 week')$$),
    ($$SELECT tally.create_threshold('t', metric => 'week_of', condition => '> 5', over => '3 days')$$),
    ($$SELECT tally.create_threshold('t', metric => 'week_of', condition => '> 1.5 x baseline of 7 days')$$),
    ($$SELECT tally.create_threshold('t', metric => 'week_of', condition => 'burn rate 99% over 30 days')$$),
    ($$SELECT tally.create_rollup('weekly', 'rolling', bucket => '1 week')$$),
    ($$SELECT tally.create_rollup('again', 'rolling', bucket => '1 day', lookback => '2 days')$$)) x(x);
-- What holds one bucket at a time is right, over labels too.
SELECT bag_eq($$SELECT bucket, value::bigint FROM tally.timeseries('week_of', since => '2026-01-01 00:00+00', until => '2026-01-25 00:00+00')$$,
              $$SELECT d, (SELECT count(*) FROM e WHERE at >= d - interval '6 days' AND at < d + interval '1 day')
                  FROM generate_series(timestamptz '2026-01-01 00:00+00', '2026-01-24 00:00+00', '1 day') d WHERE d <= '2026-01-27 00:00+00'$$,
              'day by day');
SELECT is(tally.metric_value('week_of', since => '2026-01-10 00:00+00', until => '2026-01-11 00:00+00'),
    (SELECT count(*)::float8 FROM e WHERE at >= '2026-01-04 00:00+00' AND at < '2026-01-11 00:00+00'), 'one day');
SELECT lives_ok($$SELECT tally.create_threshold('t', metric => 'week_of', condition => 'week over week < -20%')$$, 'a threshold on one bucket and another');
SELECT lives_ok($$SELECT tally.create_rollup('highest', 'rolling', bucket => '1 week', dimensions => '["k"]', measures => '{"most": "max(n)"}')$$,
    'who writes the measure out says what is meant');
SELECT * FROM finish();
