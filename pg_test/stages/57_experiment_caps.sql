-- A cap that is a quantile of the units (cap_level) is one number for all arms. It moves when it is told to, and then the report is that of plain SQL
-- with the new number, live and stored.
SELECT no_plan();
CREATE TABLE exposures (unit int, arm text, at timestamptz);
CREATE TABLE events (unit int, at timestamptz, amount numeric, items int);
CREATE INDEX ON events (unit);
-- 200 units; those that 10 divides have no events. Of the others one has 1000, and the rest what their number says.
INSERT INTO exposures SELECT i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, timestamptz '2026-01-05 00:00Z' + i % 3 * interval '1 day'
  FROM generate_series(1, 200) i;
INSERT INTO events SELECT i, timestamptz '2026-01-05 06:00Z' + i % 3 * interval '1 day' - j * interval '1 day',
       CASE WHEN i = 7 AND j = 0 THEN 1000 ELSE i + j * 5 END, 1
  FROM generate_series(1, 200) i, generate_series(0, 1) j WHERE i % 10 <> 0;
SELECT lives_ok($$
    SELECT tally.create_experiment_metric('spent', 'events', expression => 'amount', cap_level => 0.9);
    SELECT tally.create_experiment_metric('per item', 'events', 'ratio', expression => 'amount', denominator => 'items', cap_level => 0.5);
    SELECT tally.create_experiment('x', 'exposures', 'unit', '{"control": 1, "new": 1}', '{spent,per item}', "window" => '1 day')$$, 'caps by a level');
-- The zeros of units without events were computed for each metric as often as there are metrics: two thirds of the time of a report. Only a superuser
-- may count calls.
CREATE FUNCTION filled() RETURNS bigint LANGUAGE plpgsql SET track_functions = 'all' AS $$
DECLARE
    counted regproc := 'tally_internal._with_zeros';
    had     bigint := COALESCE(pg_stat_get_xact_function_calls(counted), 0);
BEGIN
    PERFORM FROM tally.experiment_report('x', '2026-02-01Z');
    RETURN pg_stat_get_xact_function_calls(counted) - had;
END $$;
SELECT is(filled(), 4::bigint, 'a report fills up the moments of two metrics and two arms once each');
CREATE FUNCTION unit_values() RETURNS TABLE (arm text, y numeric, x numeric, d bigint, g bigint) LANGUAGE sql AS $$
    SELECT u.arm, COALESCE(sum(e.amount) FILTER (WHERE e.at >= u.at), 0), COALESCE(sum(e.amount) FILTER (WHERE e.at < u.at), 0),
           COALESCE(sum(e.items) FILTER (WHERE e.at >= u.at), 0), COALESCE(sum(e.items) FILTER (WHERE e.at < u.at), 0)
      FROM exposures u LEFT JOIN events e ON e.unit = u.unit AND e.at >= u.at - interval '168 hours'
       AND e.at < u.at + interval '24 hours' GROUP BY u.unit, u.arm $$;
-- The value that stands at the level in the order of all 200 units, whatever their arm.
CREATE FUNCTION level_value(level numeric) RETURNS numeric LANGUAGE sql AS $$
    SELECT y FROM (SELECT y, row_number() OVER (ORDER BY y) AS n, count(*) OVER () AS units FROM unit_values()) v WHERE n = ceil(level * units) $$;
CREATE FUNCTION same(moment text, spent numeric, ratio numeric) RETURNS SETOF text LANGUAGE sql AS $$
    WITH v AS (SELECT arm, least(y, spent)::float8 AS y, least(x, spent)::float8 AS x, y::float8 AS u FROM unit_values()),
         s AS (SELECT arm, count(*) AS n, avg(y) AS y, var_samp(y) AS vy, avg(x) AS x, var_samp(x) AS vx, covar_samp(y, x) AS c, avg(u) AS u FROM v GROUP BY 1)
    SELECT ok(abs(r.value - b.y) < 1e-9 * b.y AND abs(r.lift - e.effect) <= 1e-9 * abs(e.effect) AND abs(r.high - e.high) <= 1e-9 * abs(e.high)
              AND abs(r.uncapped - b.u) < 1e-9 * b.u,
              format('%s: %s, lift %s to %s, without a cap %s, expected %s, %s, %s, %s', moment, r.value, r.lift, r.high,
              r.uncapped, b.y, e.effect, e.high, b.u))
      FROM s a, s b, tally.experiment_report('x', '2026-02-01Z') r,
           tally.compare_cuped(a.n, a.y, a.vy, a.x, a.vx, a.c, b.n, b.y, b.vy, b.x, b.vx, b.c, true) e
     WHERE a.arm = 'control' AND b.arm = 'new' AND r.arm = 'new' AND r.metric = 'spent'
    UNION ALL
    SELECT ok(abs(r.value - w.ratio) < 1e-9 * w.ratio, format('%s: ratio %s, expected %s', moment, r.value, w.ratio))
      FROM tally.experiment_report('x', '2026-02-01Z') r,
           (SELECT (sum(least(y, same.ratio)) / sum(d))::float8 AS ratio FROM unit_values() WHERE arm = 'new') w
     WHERE r.arm = 'new' AND r.metric = 'per item' $$;
SELECT is(ARRAY[level_value(0.9), level_value(0.5)], '{178,89}',
    'the values at the levels, by hand: the 180th and the 100th of 200 units');
SELECT same('at its definition', 178, 89);
SELECT is((SELECT array_agg((was, cap)::text ORDER BY metric DESC) FROM tally.move_experiment_caps('x', '2026-02-01Z')),
    '{"(178,178)","(89,89)"}',
    'nothing moves where nothing changed');
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'refreshed');
SELECT same('stored', 178, 89);
-- Late events: the cap stands until it is moved.
INSERT INTO events SELECT i, timestamptz '2026-01-05 07:00Z' + i % 3 * interval '1 day', 300, 1 FROM generate_series(1, 120) i;
SELECT same('late events under the old cap', 178, 89);
SELECT is(level_value(0.9) > 178, true, 'the values at the levels are others');
SELECT is((SELECT array_agg((was, cap)::text ORDER BY metric DESC) FROM tally.move_experiment_caps('x', '2026-02-01Z')),
    ARRAY[format('(178,%s)', level_value(0.9)), format('(89,%s)', level_value(0.5))], 'both move, and it says how');
SELECT same('moved, before a refresh', level_value(0.9), level_value(0.5));
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'refreshed');
SELECT same('moved and stored', level_value(0.9), level_value(0.5));
SELECT is((SELECT statement LIKE '%cap_level => ''0.9''%' FROM tally.definitions() WHERE name = 'spent'), true, 'it is part of the definition');
-- Before there are units there is no cap, and the first one comes when it is asked for.
CREATE TABLE later (LIKE exposures);
SELECT lives_ok($$SELECT tally.create_experiment('y', 'later', 'unit', '{"control": 1, "new": 1}', '{spent}', "window" => '1 day')$$, 'without units');
INSERT INTO later SELECT * FROM exposures;
SELECT ok(r.value = r.uncapped, 'no cap yet') FROM tally.experiment_report('y', '2026-02-01Z') r WHERE r.arm = 'new';
SELECT is((SELECT (was, cap)::text FROM tally.move_experiment_caps('y', '2026-02-01Z')), format('(,%s)', level_value(0.9)), 'the first cap');
SELECT ok(abs(y.value - x.value) < 1e-9 * x.value, 'and the same report')
  FROM tally.experiment_report('x', '2026-02-01Z') x, tally.experiment_report('y', '2026-02-01Z') y
    WHERE x.arm = 'new' AND y.arm = 'new' AND x.metric = 'spent';
-- Found by the random test: units without events counted as 0 under a cap below 0.
SELECT tally.create_experiment_metric('less', 'events', expression => '-amount', cap => -30);
SELECT lives_ok($$SELECT tally.create_experiment('z', 'exposures', 'unit', '{"control": 1, "new": 1}', '{less}', "window" => '1 day')$$, 'a cap below 0');
SELECT ok(abs(r.value - w.v) < 1e-9 * abs(w.v) AND abs(r.uncapped - w.u) < 1e-9 * abs(w.u),
       format('a unit without events is capped too: %s, expected %s', r.value, w.v))
  FROM tally.experiment_report('z', '2026-02-01Z') r,
       (SELECT avg(least(-y, -30))::float8 AS v, avg(-y)::float8 AS u FROM unit_values() WHERE arm = 'control') w
 WHERE r.arm = 'control';
-- And nothing was said of the mean without a cap where an arm has no events at all.
DELETE FROM events;
SELECT is((SELECT array_agg(uncapped) FROM tally.experiment_report('z', '2026-02-01Z', k => 1)), '{0,0}', 'no events: the mean without a cap is 0');
SELECT throws_ok($$SELECT tally.create_experiment_metric('a', 'events', expression => 'amount', cap => 3, cap_level => 0.5)$$, '22023',
    'experiment metric ''a'' needs a cap or a cap_level, got both');
SELECT throws_ok($$SELECT tally.create_experiment_metric('a', 'events', expression => 'amount', cap_level => 95)$$, '22023',
    'experiment metric ''a'' needs a cap_level between 0 and 1, got 95');
SELECT throws_ok($$SELECT tally.create_experiment_metric('a', 'events', 'proportion', expression => 'amount > 1', cap_level => 0.9)$$, '22023',
    'experiment metric ''a'' needs no cap where it is a proportion');
-- The session's digits decide nothing.
SET extra_float_digits = -6;
SELECT tally.create_experiment_metric('digits', 'events', expression => 'amount', cap => 0.1234567890123456);
RESET extra_float_digits;
SELECT is((SELECT definition ->> 'cap' FROM tally.experiment_metrics WHERE name = 'digits'), '0.1234567890123456', 'a cap is kept as it was given');
CREATE ROLE caps_stranger ROLE CURRENT_USER;
SET ROLE caps_stranger;
SELECT throws_ok($$SELECT tally.move_experiment_caps('x', '2026-02-01Z')$$, '42501', NULL, 'a stranger moves no cap');
RESET ROLE;
DROP ROLE caps_stranger;
SELECT * FROM finish();
