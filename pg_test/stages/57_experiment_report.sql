-- An experiment's report is that of plain SQL over the raw tables, before and after late, changed and deleted exposures and events. The right
-- answer below joins exposures and events by hand and compares by the functions of the kernel, which have oracles of their own.
SELECT no_plan();
CREATE TABLE exposures (experiment text, unit int, arm text, at timestamptz, country text);
CREATE TABLE events (unit int, at timestamptz, kind text, amount numeric, items int);
CREATE INDEX ON exposures (unit);
CREATE INDEX ON events (unit, at);
INSERT INTO exposures SELECT (ARRAY['price', 'color'])[1 + h % 2], i % 1500, CASE WHEN (i % 1500) % 2 = 0 THEN 'control' ELSE 'new' END,
       timestamptz '2026-01-01 00:00Z' + (h % 400) * interval '1 hour', (ARRAY['DE', 'FR', NULL])[1 + h % 3]
  FROM generate_series(0, 3999) i, LATERAL (SELECT i * 7919::bigint % 100003) x(h);
-- Some units see both arms.
UPDATE exposures SET arm = 'new' WHERE unit % 50 = 0 AND at > '2026-01-09 00:00Z';
INSERT INTO events SELECT h % 1700, timestamptz '2025-12-20 00:00Z' + (h % 1100) * interval '1 hour' + (h % 7) * interval '11 minutes',
    (ARRAY['view', 'buy', 'buy', 'refund'])[1 + h % 4],
       (h % 997) / 10.0 + CASE WHEN h % 1700 % 2 = 1 THEN 3 ELSE 0 END, 1 + h % 5 FROM generate_series(0, 29999) i,
           LATERAL (SELECT i * 104729::bigint % 999983) x(h);

SELECT lives_ok($$SELECT tally.create_experiment_metric('revenue', 'events', expression => 'amount', "where" => 'kind = ''buy''')$$, 'a mean');
SELECT lives_ok($$SELECT tally.create_experiment('price', 'exposures', 'unit', '{"control": 1, "new": 1}', '{revenue}', experiment_column => 'experiment',
    dimensions => '["country"]', planned_units => 1000)$$, 'an experiment');

CREATE FUNCTION units(twice text, experiment_ text) RETURNS TABLE (unit int, first_at timestamptz, arm text, country text) LANGUAGE sql AS $$
    SELECT DISTINCT ON (e.unit) e.unit, e.at, e.arm, e.country FROM exposures e
     WHERE e.experiment = experiment_ AND e.arm IS NOT NULL AND isfinite(e.at)
       AND (twice = 'first' OR (SELECT count(DISTINCT o.arm) FROM exposures o WHERE o.experiment = experiment_ AND o.unit = e.unit AND isfinite(o.at)) = 1)
     ORDER BY e.unit, e.at, e.arm, e.country $$;
CREATE FUNCTION revenue(as_of timestamptz) RETURNS TABLE (arm text, n bigint, y float8, vy float8, x float8, vx float8, c float8) LANGUAGE sql AS $$
    SELECT u.arm, count(*), avg(v.y), var_samp(v.y), avg(v.x), var_samp(v.x), covar_samp(v.y, v.x)
      FROM units('exclude', 'price') u, LATERAL (
        SELECT COALESCE(sum(e.amount) FILTER (WHERE e.at >= u.first_at AND e.at < u.first_at + interval '168 hours'), 0)::float8 AS y,
               COALESCE(sum(e.amount) FILTER (WHERE e.at < u.first_at AND e.at >= u.first_at - interval '168 hours'), 0)::float8 AS x
          FROM events e WHERE e.unit = u.unit AND e.kind = 'buy') v
     WHERE date_trunc('day', u.first_at, 'UTC') + interval '24 hours' + interval '168 hours' <= as_of GROUP BY 1 $$;
CREATE FUNCTION exact(moment text, as_of timestamptz DEFAULT '2026-02-20 00:00Z') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    got  record;
    want record;
BEGIN
    SELECT r.units, r.value, r.lift, r.low, r.p, r.sequential_high, r.method, c.units AS control, c.value AS control_value INTO got
      FROM tally.experiment_report('price', as_of => as_of) r JOIN tally.experiment_report('price', as_of => as_of) c ON c.metric = r.metric
          AND c.arm = 'control' WHERE r.arm = 'new';
    SELECT b.n, b.y, a.n AS an, a.y AS ay, e.* INTO want FROM revenue(as_of) a, revenue(as_of) b,
           LATERAL (SELECT (tally.compare_cuped(a.n, a.y, a.vy, a.x, a.vx, a.c, b.n, b.y, b.vy, b.x, b.vx, b.c, true, 0.05, 1000)).*) e
               WHERE a.arm = 'control' AND b.arm = 'new';
    RETURN NEXT is(got.units, want.n, moment || ': units');
    RETURN NEXT is(got.control, want.an, moment || ': units of the control');
    RETURN NEXT is(got.method, want.method, moment || ': method');
    RETURN NEXT ok(abs(got.value - want.y) <= 1e-9 * abs(want.y) AND abs(got.control_value - want.ay) <= 1e-9 * abs(want.ay),
        format('%s: values %s and %s', moment, got.value, want.y));
    RETURN NEXT ok(abs(got.lift - want.effect) <= 1e-9 * abs(want.effect), format('%s: lift %s and %s', moment, got.lift, want.effect));
    RETURN NEXT ok(abs(got.low - want.low) <= 1e-9 * abs(want.low), format('%s: interval %s and %s', moment, got.low, want.low));
    RETURN NEXT ok(abs(got.p - want.p) <= 1e-9 * abs(want.p), format('%s: p %s and %s', moment, got.p, want.p));
    RETURN NEXT ok(abs(got.sequential_high - want.sequential_high) <= 1e-9 * abs(want.sequential_high), format('%s: sequential interval', moment));
END $$;
SELECT cmp_ok((SELECT min(n) FROM revenue('2026-02-20 00:00Z')), '>', 300::bigint, 'there is something to compare');
SELECT exact('before anything is computed');
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'refreshed without an error');
SELECT exact('computed');
SELECT exact('in the middle', '2026-01-16 05:00Z');
-- Late, changed and deleted rows on both sides; looked at before and after the refresh.
INSERT INTO exposures VALUES ('price', 7, 'control', '2025-12-25 00:00Z', 'DE'), ('price', 1701, 'new', '2026-01-03 00:00Z', NULL);
INSERT INTO events SELECT 2 * i, '2026-01-02 00:00Z', 'buy', 100, 1 FROM generate_series(1, 40) i;
SELECT exact('late rows');
DELETE FROM events WHERE unit % 13 = 0;
UPDATE events SET at = at + interval '3 days', amount = amount * 2 WHERE unit % 17 = 0;
UPDATE exposures SET at = at - interval '30 hours' WHERE unit % 11 = 0;
DELETE FROM exposures WHERE unit % 19 = 0;
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'refreshed once more');
SELECT exact('changed and deleted rows');
UPDATE exposures SET experiment = 'price' WHERE experiment = 'color' AND unit < 300;
UPDATE events SET unit = unit + 1 WHERE unit % 23 = 0;
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'and again');
SELECT exact('units that come from another experiment, events that were another''s');
TRUNCATE events;
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'refreshed after TRUNCATE');
SELECT is((SELECT r.reason FROM tally.experiment_report('price', '2026-02-20 00:00Z') r WHERE r.arm = 'new'), 'zero_variance',
    'no event is left: a row with the reason');
SELECT is((SELECT count(*) FROM tally.experiment_report('price', '2026-02-20 00:00Z') r WHERE r.lift IS NOT NULL OR r.p IS NOT NULL OR r.low IS NOT NULL),
    0::bigint, 'and no number');

-- Bug: day by day, every day began where the first one did. Cairo's clock skips the midnight of 24 April 2026, so the days that followed ended an hour
-- late, and the next day counted in them.
CREATE TABLE seen (at timestamptz, unit int, arm text);
CREATE TABLE done (at timestamptz, unit int);
CREATE INDEX ON done (unit);
INSERT INTO seen SELECT timestamptz '2026-04-23 22:30+00' + i * interval '5 hours', i, CASE i % 2 WHEN 0 THEN 'control' ELSE 'new' END
  FROM generate_series(0, 20) i;
INSERT INTO done SELECT at + interval '10 minutes', unit FROM seen WHERE unit % 3 > 0;
SELECT tally.create_experiment_metric('times', 'done', unit => 'unit');
SELECT tally.create_experiment('cairo', 'seen', 'unit', '{"control": 1, "new": 1}', '{times}', zone => 'Africa/Cairo', "window" => '1 hour',
    covariate_days => 0);
CREATE FUNCTION by_days(as_of timestamptz, matured boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    -- Of a day whose units are all an hour old at its end there is none: those of the day before are.
    RETURN NEXT bag_eq(
        format('SELECT day, arm, units, round(value::numeric, 9) FROM tally.experiment_timeseries(''cairo'', as_of => %L, matured => %L, k => 1)',
               as_of, matured),
        format('SELECT d.d, s.arm, count(*) FILTER (WHERE s.day < d.next), round(avg(s.times) FILTER (WHERE s.day < d.next), 9)
                  FROM (SELECT g::date::timestamp AT TIME ZONE ''Africa/Cairo'' AS d, g::date + %1$s AS next, (g::date + 1)::timestamp AT TIME ZONE
                               ''Africa/Cairo'' AS ends FROM generate_series(timestamp ''2026-04-24'', ''2026-04-28'', ''1 day'') g) d,
                       (SELECT arm, (at AT TIME ZONE ''Africa/Cairo'')::date AS day, (unit %% 3 > 0)::int AS times FROM seen) s
                 WHERE d.ends <= %2$L GROUP BY 1, 2', CASE WHEN matured THEN 0 ELSE 1 END, as_of),
        format('day by day as of %s, matured: %s', as_of, matured));
END $$;
SELECT by_days(a, m) FROM unnest('{2026-04-27 12:00+00,2026-04-26 20:59+00,2026-04-26 21:00+00}'::timestamptz[]) a, unnest('{true,false}'::boolean[]) m;
SELECT * FROM finish();
