-- Owns: conditions that look at history, on rollups, with every expected number worked out beside the data.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE calls (at timestamptz NOT NULL, host text NOT NULL, bad boolean NOT NULL DEFAULT false);
CREATE INDEX ON calls (at);
SELECT tally.create_rollup('calls_hourly', 'calls', 'at', '1 hour', '["host"]', '{"calls": "count(*)", "bad": "count(*) filter (where bad)"}',
    zone => 'Europe/Berlin');
SELECT tally.create_rollup('calls_5m', 'calls', 'at', '5 minutes', '["host"]', '{"calls": "count(*)", "bad": "count(*) filter (where bad)"}');
SELECT tally.create_metric('calls', 'calls_hourly', 'calls');
SELECT tally.create_metric('bad_share', 'calls_5m', 'bad::float8 / nullif(calls, 0)');
SELECT tally.create_metric('calls_5m', 'calls_5m', 'calls');
CREATE FUNCTION app.load(start timestamptz, n int, host text DEFAULT 'a', bad int DEFAULT 0) RETURNS void LANGUAGE sql AS
$$INSERT INTO app.calls SELECT start + i * interval '1 second', host, i <= bad FROM generate_series(1, n) i$$;
-- The number held against the condition, and whether it breached, at a moment.
CREATE FUNCTION app.told(threshold text, as_of timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT (s.step ->> 'verdict') || COALESCE(' ' || round((s.step ->> 'observed')::numeric, 4), '')
      FROM (SELECT tally.alert_step(NULL, x.sample, t.rule, as_of) AS step FROM tally.thresholds t, tally_internal._samples(t, as_of) x
          WHERE t.name = threshold) s $$;

-- Hours of 10:00 in Berlin. 2026-03-29 is the change to summer time: 10:00 is 09:00Z before it and 08:00Z from it on.
SELECT load('2026-03-11 09:00Z', 20), load('2026-03-18 09:00Z', 22), load('2026-03-25 09:00Z', 18), load('2026-04-01 08:00Z', 50);
-- Decoys at the hour a fixed 168 hours back would look at.
SELECT load('2026-03-25 08:00Z', 500);
SELECT tally.create_threshold('wow', 'calls', 'week over week > 100%');
SELECT is(told('wow', '2026-04-01 09:00Z'), 'breach 177.7778', 'week over week across DST: 50 against 18 is +177.8 %');
SELECT tally.create_threshold('wow', 'calls', '> 200% vs 7 days');
SELECT is(told('wow', '2026-04-01 09:30Z'), 'ok 177.7778', 'the same hour is tested until the next is finished');
SELECT is(told('wow', '2026-04-01 08:59Z'), 'no_data', 'an unfinished hour is not: the finished one before it has no calls');
SELECT tally.create_threshold('z', 'calls', 'z > 4 over 3 weeks');
-- Median 20, deviations 2, 0, 2: MAD 2; |50 - 20| / (1.4826 * 2) = 10.1174.
SELECT is(told('z', '2026-04-01 09:00Z'), 'breach 10.1174', 'robust z against the same hour of past weeks');
SELECT tally.create_threshold('p', 'calls', 'poisson < 0.001 over 3 weeks');
SELECT matches(told('p', '2026-04-01 09:00Z'), '^breach 0.0000', 'Poisson: 50 where 20 are expected');
SELECT tally.create_threshold('base', 'calls', '> 2 x baseline of 14 days');
-- 14 days back from 08:00Z on April 1st by the zone's clock: 09:00Z on March 18th. 22 + 18 + 500 = 540 calls; 50 is 0.0926 of that.
SELECT is(told('base', '2026-04-01 09:00Z'), 'ok 0.0926', 'ratio to a baseline: the metric merged over the time before');
SELECT tally.create_threshold('rate', 'calls', '> 100 per 1 hour');
SELECT load('2026-04-01 09:00Z', 160);
SELECT is(told('rate', '2026-04-01 10:00Z'), 'breach 110.0000', 'rate of change: 50 to 160 within an hour');

-- Absence: what was seen within a week and is not any more.
SELECT load('2026-05-01 10:00Z', 5, 'a'), load('2026-05-01 10:00Z', 5, 'b'), load('2026-05-01 10:05Z', 5, 'b');
SELECT tally.create_threshold('silence', 'calls_5m', 'absent', per => '{host}', every => '5 minutes');
SELECT results_eq($$SELECT series, breaches FROM tally.evaluate('2026-05-01 10:05Z', 'silence')$$, 'VALUES (2, 0)', 'both hosts report');
SELECT results_eq($$SELECT series, breaches, opened FROM tally.evaluate('2026-05-01 10:10Z', 'silence')$$, 'VALUES (2, 1, 1)', 'host a has gone silent');
SELECT is((SELECT labels FROM tally.incidents), '{"host": "a"}', 'and the incident says which');
SELECT load('2026-05-01 10:10Z', 1, 'a'), load('2026-05-01 10:10Z', 1, 'b');
SELECT results_eq($$SELECT breaches, recovered FROM tally.evaluate('2026-05-01 10:15Z', 'silence')$$, 'VALUES (0, 1)', 'it is back');

-- Burn rate of 99 % over 30 days: the budget is 1 %, 14.4 times that is 14.4 % in the last hour and the last 5 minutes.
SELECT load('2026-06-01 10:00Z', 100, 'a', 20), load('2026-06-01 10:55Z', 100, 'a', 20);
SELECT tally.create_threshold('slo', 'bad_share', 'burn rate 99% over 30 days');
SELECT is(told('slo', '2026-06-01 11:00Z'), 'breach 20.0000', 'both windows burn 20 times the budget');
SELECT load('2026-06-01 11:00Z', 100, 'a', 0);
-- Hour: 20 of 200 since 10:05 is 10 %; five minutes: none of 100. The longer pairs: 40 of 300, 13.3 %, in all of them.
SELECT is(told('slo', '2026-06-01 11:05Z'), 'breach 13.3333', 'the hour has calmed; 6 hours and 30 minutes burn on');
SELECT is(told('slo', '2026-07-01 11:05Z'), 'no_data', 'no traffic is no data, not 100 %');
-- With windows of its own: 1 % of the budget of 30 days in 2 hours is a factor of 3.6. The two hours have 13.3 %, their last 10 minutes 20 of 200, 10 %.
SELECT tally.create_threshold('slo', 'bad_share', 'burn rate 99% over 30 days 1% in 2 hours and 10 minutes');
SELECT is(told('slo', '2026-06-01 11:05Z'), 'breach 10.0000', 'its own pair of windows, and no other');
SELECT tally.create_threshold('slo', 'bad_share', 'burn rate 99% over 30 days 2.8% in 2 hours and 10 minutes');
SELECT is(told('slo', '2026-06-01 11:05Z'), 'ok 10.0000', '2.8 % of the budget in 2 hours is a factor of 10.08');
SELECT tally.create_threshold('slo', 'bad_share', 'burn rate 99% over 30 days min 100 bad');
SELECT is(told('slo', '2026-06-01 11:00Z'), 'ok 20.0000', 'too few bad events');

-- 30 days up to 11:05Z: 40 bad of 300 is 13.33 %, 13.3 times the budget of 1 %; the last hour, from 10:05Z: 20 of 200.
SELECT results_eq($$SELECT labels, period, round(bad_share::numeric, 4), observations, round(budget::numeric, 4), round(consumed::numeric, 4),
    round(remaining::numeric, 4), round(burn_rate::numeric, 4)
    FROM tally.error_budget('slo', '2026-06-01 11:05Z')$$,
        $$VALUES ('{}'::jsonb, interval '720:00', 0.1333, 300::float8, 0.01, 13.3333, -12.3333, 10::numeric)$$, 'the error budget');
SELECT tally.create_threshold('slo per host', 'bad_share', 'burn rate 99%', per => '{host}');
SELECT results_eq($$SELECT labels, round(consumed::numeric, 4) FROM tally.error_budget('slo per host', '2026-06-01 11:05Z')$$,
    $$VALUES ('{"host": "a"}'::jsonb, 13.3333)$$, 'per host');
SELECT throws_ok($$SELECT * FROM tally.error_budget('silence')$$, '42809', NULL, 'no objective, no budget');

-- Windows and scope.
SELECT load('2026-08-01 10:00Z', 10, 'a', 10), load('2026-08-01 10:05Z', 30, 'a', 0), load('2026-08-01 10:00Z', 100, 'b', 100);
SELECT tally.create_threshold('over', 'bad_share', '> 0.2', over => '10 minutes', "where" => '{"host": "a"}');
SELECT is(told('over', '2026-08-01 10:10Z'), 'breach 0.2500', 'over merges the window: 10 of 40; where keeps b out');
SELECT tally.create_threshold('over', 'bad_share', '> 0.2', "where" => '{"host": "a"}');
SELECT is(told('over', '2026-08-01 10:10Z'), 'ok 0.0000', 'without over the last bucket alone: 0 of 30');
SELECT tally.create_threshold('over', 'bad_share', '> 0.2', partial_ok => true, "where" => '{"host": "a"}');
SELECT is(told('over', '2026-08-01 10:07Z'), 'ok 0.0000', 'partial_ok tests the bucket still running');
SELECT throws_ok($$SELECT tally.create_threshold('q', query => 'SELECT 1 AS value', condition => 'z > 3')$$, '0A000', NULL, 'a query has no history');

-- A metric that changes or is renamed under a threshold.
SELECT lives_ok($$SELECT tally.rename_metric('bad_share', 'failure_rate')$$, 'renamed');
SELECT is(told('over', '2026-08-01 10:07Z'), 'ok 0.0000', 'the threshold follows');
-- The error budget asks what answers exactly now, as the threshold does: where all is clean, the table. It read the live view whatever was clean.
SELECT tally.refresh();
SELECT round(consumed::numeric, 4) AS before_ FROM tally.error_budget('slo', '2026-06-01 11:05Z') \gset
DROP VIEW calls_5m_live CASCADE;
SELECT is(round(consumed::numeric, 4), :before_, 'the error budget of a clean rollup needs no live view') FROM tally.error_budget('slo', '2026-06-01 11:05Z');

-- Bug: a window that is no whole number of buckets was answered by those that begin in it; a change against half a day ago compared a day with itself; and
-- the month before one of 28 days held no bucket, so nothing was judged.
SELECT tally.create_rollup('calls_' || w, 'calls', 'at', ('1 ' || w)::interval, measures => '{"n": "count(*)"}', zone => z)
  FROM (VALUES ('day', 'America/Havana'), ('month', 'UTC'), ('week', 'UTC')) x(w, z);
SELECT tally.create_metric('per_' || w, 'calls_' || w, 'n') FROM unnest('{day,month,week}'::text[]) w;
SELECT CASE WHEN x.fits THEN lives_ok(s.s, s.s) ELSE throws_ok(s.s, '22023', NULL, s.s) END
  FROM (VALUES ('per_day', '> 1', '36 hours', false), ('per_day', '> 1', '48 hours', false), ('per_day', '> 1', '2 days', true),
               ('per_day', '> 1', '1 month', true), ('calls', '> 1', '90 minutes', false), ('calls', '> 1', '36 hours', true),
               ('per_month', '> 1', '45 days', false), ('per_month', '> 1', '1 year', true), ('per_week', '> 1', '336 hours', true),
               ('per_week', '> 1', '10 days', false), ('per_day', '< -20% vs 12 hours', NULL, false),
               ('per_day', '< -20% vs 7 days', NULL, true), ('per_month', '< -20% vs 7 days', NULL, false),
               ('per_day', '> 1.5 x baseline of 36 hours', NULL, false), ('per_month', 'z > 4 over 8 weeks', NULL, false), ('per_month', 'absent', NULL, true))
       x(metric, condition, over, fits),
       format('SELECT tally.create_threshold(''fits'', %L, %L, over => %L)', x.metric, x.condition, x.over) s(s);
SELECT tally.create_threshold('monthly rate', 'per_month', '> 0.01 per 1 hour');
INSERT INTO calls (at, host) SELECT timestamptz '2027-01-01 00:00Z' + i * interval '1 day', 'a' FROM generate_series(0, 30) i
    UNION ALL SELECT timestamptz '2027-02-01 00:00Z' + i * interval '1 hour', 'a' FROM generate_series(0, 199) i;
SELECT is((SELECT breaches FROM tally.evaluate('2027-03-01 00:10Z', 'monthly rate')), 1, 'more calls in 28 days than in the 31 before');
SELECT * FROM finish();
