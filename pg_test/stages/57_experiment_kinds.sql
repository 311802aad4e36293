-- Each kind of metric against plain SQL over the raw tables: what is counted, in which window, with which cap and covariate. The comparison itself
-- is the kernel's, from the numbers that plain SQL gives.
SELECT no_plan();
CREATE TABLE exposures (unit int, arm text, at timestamptz);
CREATE TABLE events (unit int, at timestamptz, kind text, amount numeric, items int, ms float8);
CREATE INDEX ON exposures (unit);
CREATE INDEX ON events (unit, at);
INSERT INTO exposures SELECT i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, timestamptz '2026-01-05 00:00Z' + (i * 7919 % 200) * interval '1 hour'
  FROM generate_series(1, 1200) i;
INSERT INTO events SELECT h % 1300, timestamptz '2025-12-25 00:00Z' + (h % 1100) * interval '1 hour', (ARRAY['view', 'cart', 'buy'])[1 + h % 3],
       (h % 997) / 10.0, 1 + h % 5, 20 + h % 463 + CASE WHEN h % 2 = 1 THEN 9 ELSE 0 END FROM generate_series(0, 29999) i,
           LATERAL (SELECT i * 104729::bigint % 999983) x(h);
SELECT lives_ok($$
    SELECT tally.create_experiment_metric('events', 'events');
    SELECT tally.create_experiment_metric('capped', 'events', expression => 'amount', cap => 120);
    SELECT tally.create_experiment_metric('buyers', 'events', 'proportion', expression => 'kind = ''buy''', "window" => '2 days');
    SELECT tally.create_experiment_metric('price', 'events', 'ratio', expression => 'amount', denominator => 'items', direction => 'down_is_good');
    SELECT tally.create_experiment_metric('p90', 'events', 'quantile', expression => 'ms', level => 0.9, direction => 'down_is_good');
    SELECT tally.create_experiment_metric('week two', 'events', 'retention', expression => 'kind <> ''cart''', delay => '7 days', "window" => '1 day');
    SELECT tally.create_experiment_metric('funnel', 'events', 'funnel', steps => '{"view": "kind = ''view''", "buy": "kind = ''buy''"}', "window" => '3 days');
    SELECT tally.create_experiment_metric('later', 'events', expression => 'amount', delay => '12 hours', "window" => '36 hours');
    SELECT tally.create_experiment('kinds', 'exposures', 'unit', '{"control": 1, "new": 1}', '{events,capped,buyers,price,p90,week two,funnel,later}',
        correction => 'none');
$$, 'eight metrics of all kinds');
CREATE FUNCTION vals(c interval, d interval, w interval) RETURNS TABLE (unit int, arm text, first_at timestamptz, e events, place text) LANGUAGE sql AS $$
    SELECT u.unit, u.arm, u.at, e, CASE WHEN e.at < u.at THEN 'before' ELSE 'after' END
      FROM exposures u LEFT JOIN events e ON e.unit = u.unit AND (e.at >= u.at - c AND e.at < u.at OR e.at >= u.at + d AND e.at < u.at + d + w) $$;
CREATE TABLE want (metric text, arm text, units bigint, value float8, effect tally.effect);
CREATE FUNCTION means(metric text, c interval, d interval, w interval, y text, cap float8) RETURNS SETOF want LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH u AS (SELECT unit, arm, least(COALESCE(sum(%s) FILTER (WHERE place = ''after''), 0)::float8, %s) AS y,
            least(COALESCE(sum(%1$s) FILTER (WHERE place = ''before''), 0)::float8, %2$s) AS x FROM vals($1, $2, $3) GROUP BY 1, 2),
        s AS (SELECT arm, count(*) AS n, avg(y) AS y, var_samp(y) AS vy, avg(x) AS x, var_samp(x) AS vx, covar_samp(y, x) AS c FROM u GROUP BY 1)
        SELECT %L::text, ''new'', b.n, b.y, tally.compare_cuped(a.n, a.y, a.vy, a.x, a.vx, a.c, b.n, b.y, b.vy, b.x, b.vx, b.c, true) FROM s a, s b
            WHERE a.arm = ''control'' AND b.arm = ''new''',
        y, COALESCE(cap::text, '''infinity'''), metric) USING c, d, w;
END $$;
CREATE FUNCTION shares(metric text, d interval, w interval, yes text) RETURNS SETOF want LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH u AS (SELECT unit, arm, COALESCE(bool_or(place = ''after'' AND (%s)), false) AS y FROM vals(''0'', $1, $2) GROUP BY 1, 2),
        s AS (SELECT arm, count(*) AS n, count(*) FILTER (WHERE y) AS y FROM u GROUP BY 1)
        SELECT %L::text, ''new'', b.n, b.y::float8 / b.n, tally.compare_proportions(a.y, a.n, b.y, b.n, true) FROM s a, s b WHERE a.arm = ''control''
            AND b.arm = ''new''', yes, metric) USING d, w;
END $$;
INSERT INTO want SELECT * FROM means('events', '168 hours', '0', '168 hours', '(e).unit - (e).unit + 1', NULL);
INSERT INTO want SELECT * FROM means('capped', '168 hours', '0', '168 hours', '(e).amount', 120);
INSERT INTO want SELECT * FROM means('later', '168 hours', '12 hours', '36 hours', '(e).amount', NULL);
INSERT INTO want SELECT * FROM shares('buyers', '0', '48 hours', '(e).kind = ''buy''');
INSERT INTO want SELECT * FROM shares('week two', '168 hours', '24 hours', '(e).kind <> ''cart''');
-- A chain of two steps: a view, and a purchase at the same time or later.
INSERT INTO want WITH u AS (SELECT x.unit, x.arm, EXISTS (SELECT FROM events a JOIN events b ON b.unit = a.unit AND b.at >= a.at AND b.kind = 'buy'
    AND b.at < x.at + interval '72 hours'
        WHERE a.unit = x.unit AND a.kind = 'view' AND a.at >= x.at) AS y FROM exposures x),
    s AS (SELECT arm, count(*) AS n, count(*) FILTER (WHERE y) AS y FROM u GROUP BY 1)
    SELECT 'funnel', 'new', b.n, b.y::float8 / b.n, tally.compare_proportions(a.y, a.n, b.y, b.n, true) FROM s a, s b WHERE a.arm = 'control' AND b.arm = 'new';
INSERT INTO want WITH u AS (SELECT unit, arm, COALESCE(sum((e).amount) FILTER (WHERE place = 'after'), 0)::float8 AS y,
    COALESCE(sum((e).items) FILTER (WHERE place = 'after'), 0)::float8 AS d,
        COALESCE(sum((e).amount) FILTER (WHERE place = 'before'), 0)::float8 AS x, COALESCE(sum((e).items) FILTER (WHERE place = 'before'), 0)::float8 AS g
            FROM vals('168 hours', '0', '168 hours') GROUP BY 1, 2),
    s AS (SELECT arm, count(*) AS n, ARRAY[avg(y), avg(d), avg(x), avg(g)] AS m,
        ARRAY[var_samp(y), covar_samp(y, d), covar_samp(y, x), covar_samp(y, g), covar_samp(y, d), var_samp(d),
        covar_samp(d, x), covar_samp(d, g), covar_samp(y, x), covar_samp(d, x), var_samp(x), covar_samp(x, g), covar_samp(y, g), covar_samp(d, g),
            covar_samp(x, g), var_samp(g)] AS c FROM u GROUP BY 1)
    SELECT 'price', 'new', b.n, b.m[1] / b.m[2], tally.compare_ratios_cuped(a.n, a.m, a.c, b.n, b.m, b.c, true) FROM s a, s b WHERE a.arm = 'control'
        AND b.arm = 'new';
CREATE FUNCTION same(moment text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT ok(r.units = w.units AND abs(r.value - w.value) <= 1e-9 * abs(w.value) AND abs(r.lift - (w.effect).effect) <= 1e-9 * abs((w.effect).effect)
           AND abs(r.high - (w.effect).high) <= 1e-9 * abs((w.effect).high) AND abs(r.p - (w.effect).p) <= 1e-8 * (w.effect).p AND r.method = (w.effect).method,
           format('%s: %s: %s units, %s, lift %s (%s), expected %s, %s, lift %s (%s)', moment, w.metric, r.units, r.value, r.lift, r.method, w.units,
               w.value, (w.effect).effect, (w.effect).method))
      FROM want w LEFT JOIN tally.experiment_report('kinds', '2026-03-01 00:00Z') r ON r.metric = w.metric AND r.arm = w.arm ORDER BY w.metric $$;
SELECT is((SELECT count(*) FROM want), 7::bigint, 'seven by hand');
SELECT same('live');
SELECT is((SELECT count(*) FROM tally.refresh() WHERE error IS NOT NULL), 0::bigint, 'refreshed');
SELECT same('stored');
-- A quantile by percentile_cont, within the sketch's error; and a cluster factor that makes its error larger than that of independent values.
SELECT ok(abs(r.value / w.v - 1) < 0.02, format('the quantile is %s, expected about %s', r.value, w.v))
    FROM tally.experiment_report('kinds', '2026-03-01 00:00Z') r,
    (SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY (e).ms) AS v FROM vals('0', '0', '168 hours') WHERE arm = 'new' AND place = 'after') w
        WHERE r.metric = 'p90' AND r.arm = 'new';
SELECT ok(r.lift IS NOT NULL AND r.low < r.lift AND r.high > r.lift AND r.method = 'quantile', 'and it is compared')
    FROM tally.experiment_report('kinds', '2026-03-01 00:00Z') r
 WHERE r.metric = 'p90' AND r.arm = 'new';
SELECT is(s.valued, w.n, 'units with values') FROM tally.experiments e JOIN tally.experiment_cells c ON c.experiment_id = e.id AND c.metric = 'p90',
    LATERAL tally_internal._experiment_sums(e, c.cells, '2026-03-01 00:00Z', true, '{}') s,
        (SELECT count(DISTINCT unit) AS n FROM vals('0', '0', '168 hours') WHERE arm = 'new' AND place = 'after' AND (e).at IS NOT NULL) w
        WHERE s.arm = 'new' AND s.place = c.place;
-- A report of a moment within a day counts the whole day, so the error of a quantile is that of the day's end.
SELECT is((SELECT (r.units, s.valued, r.low, r.high)::text), (SELECT (r2.units, w.n, r2.low, r2.high)::text),
    'a report at noon: as many units have values as were exposed until midnight')
  FROM tally.experiments e JOIN tally.experiment_cells c ON c.experiment_id = e.id AND c.metric = 'p90',
    tally.experiment_report('kinds', '2026-01-08 12:00Z', false) r, tally.experiment_report('kinds', '2026-01-09 00:00Z', false) r2,
    tally_internal._experiment_sums(e, c.cells, '2026-01-08 12:00Z', false, '{}') s,
    (SELECT count(DISTINCT unit) AS n FROM vals('0', '0', '168 hours') WHERE arm = 'new' AND place = 'after' AND (e).at IS NOT NULL
        AND first_at < '2026-01-09 00:00Z') w
 WHERE r.metric = 'p90' AND r.arm = 'new' AND r2.metric = 'p90' AND r2.arm = 'new' AND s.arm = 'new' AND s.place = c.place;
SELECT ok(abs(r.uncapped - w.v) <= 1e-9 * w.v AND r.uncapped > r.value, 'without its cap a mean is kept too')
    FROM tally.experiment_report('kinds', '2026-03-01 00:00Z') r,
    (SELECT sum((e).amount)::float8 / count(DISTINCT unit) AS v FROM vals('0', '0', '168 hours') WHERE arm = 'new') w WHERE r.metric = 'capped'
        AND r.arm = 'new';
SELECT is((SELECT count(*) FROM tally.experiment_health('kinds', '2026-03-01 00:00Z') h WHERE h.state IN ('warning', 'error')), 0::bigint,
    'nothing speaks against it');
SELECT is((SELECT count(DISTINCT c.unit_values) FROM tally.experiment_cells c JOIN tally.experiments e ON e.id = c.experiment_id
    WHERE e.name = 'kinds'), 1::bigint,
    'metrics on one table share their rollups');
-- One aggregate that sorts keeps PostgreSQL from hashing the units and from going parallel.
SELECT is((SELECT count(*) FROM tally.measures m JOIN tally.experiments e ON e.units = m.rollup_id WHERE m.expression ~ 'ORDER BY|DISTINCT'), 0::bigint,
    'no measure of the units sorts');
SELECT lives_ok($$SELECT tally.drop_experiment('kinds')$$, 'dropped');
SELECT is((SELECT count(*) FROM tally.rollups), 0::bigint, 'with all its rollups');
SELECT lives_ok($$SELECT tally.drop_experiment_metric(m.name) FROM tally.experiment_metrics m$$, 'and the metrics');
SELECT * FROM finish();
