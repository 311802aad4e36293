-- A number that wakes somebody is the number of the dashboard: both ask one function which relations answer. And widths are buckets of the
-- zone's calendar, not intervals: 24 hours are no day of New York on which clocks are put back, and 12 days are 12 buckets.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Tokyo';
CREATE TABLE e (at timestamptz, k text, v float8);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-10-20 00:00+00' + i * interval '1 hour', 'k' || i % 2, i FROM generate_series(0, 24 * 20) i;
SELECT tally.create_rollup('hours', 'e', 'at', zone => 'America/New_York', dimensions => '["k"]', measures => '{"n": "count(*)", "total": "sum(v)"}',
    with_data => true);
SELECT tally.create_rollup('days', 'hours', 'bucket', bucket => '1 day', zone => 'America/New_York', with_data => true);
SELECT tally.create_metric('total', 'hours', 'total');
SELECT tally.create_metric('per_day', 'days', 'n');
SELECT tally.create_threshold('wide', metric => 'total', condition => '> -1', over => '10 days', every => '1 minute');
SELECT tally.create_threshold('one day', metric => 'per_day', condition => '> 0', over => '24 hours', every => '1 minute');

-- The end of the 25 hours of 1 November.
SELECT tally.evaluate('2026-11-02 05:30+00');
SELECT is((SELECT value FROM tally.incidents WHERE threshold = 'one day'), 25::float8, '24 hours on days of New York are the day of 25 hours');
SELECT is((SELECT value FROM tally.incidents WHERE threshold = 'wide'),
    (SELECT sum(v) FROM e WHERE at >= '2026-10-23 04:00+00' AND at < '2026-11-02 05:00+00'), 'ten days by plain SQL, by the calendar of New York');
SELECT is((SELECT value FROM tally.incidents WHERE threshold = 'wide'), tally.metric_value('total', since => '10 days', as_of => '2026-11-02 05:00+00'),
    'and as the dashboard says');
-- Both read the days inside and the hours at the ends, while those are clean, and the live views when they are not.
SELECT is(tally_internal._answer_source(t.owner, r, '{total}', '{}', '{}', NULL, '2026-10-23 04:00+00', '2026-11-02 05:00+00') ~ 'days', true,
    'the days answer for the days inside') FROM tally.thresholds t, tally.rollups r WHERE t.name = 'wide' AND r.name = 'hours';
UPDATE e SET v = v + 1000 WHERE at = '2026-10-30 12:00+00';
SELECT tally.evaluate('2026-11-02 06:30+00');
SELECT is((SELECT s.value FROM tally.threshold_states s JOIN tally.thresholds t ON t.id = s.threshold_id WHERE t.name = 'wide' AND s.kind = 'breach'),
    (SELECT sum(v) FROM e WHERE at >= '2026-10-23 05:00+00' AND at < '2026-11-02 06:00+00'), 'a change that is not refreshed yet counts');
SELECT is(tally.metric_value('total', since => '2026-10-23 05:00+00', until => '2026-11-02 06:00+00'),
    (SELECT sum(v) FROM e WHERE at >= '2026-10-23 05:00+00' AND at < '2026-11-02 06:00+00'), 'for the dashboard too');

-- Twelve buckets of evidence over the change of clocks.
SELECT tally.evaluate('2026-11-05 05:30+00');
SELECT tally.create_threshold('proof', metric => 'per_day', condition => '> 0', every => '1 minute');
SELECT tally.evaluate('2026-11-05 05:31+00');
SELECT bag_eq($$SELECT (v ->> 'bucket')::timestamptz AS b, (v ->> 'value')::float8 AS v FROM tally.incidents i,
    jsonb_array_elements(i.evidence -> 'values') v WHERE i.threshold = 'proof'$$,
    $$SELECT date_trunc('day', at, 'America/New_York') AS b, count(*)::float8 AS v FROM e WHERE at >= '2026-10-24 04:00+00'
        AND at < '2026-11-05 05:00+00' GROUP BY 1$$,
    'evidence shows twelve days, whatever the clocks did');
SELECT * FROM finish();
