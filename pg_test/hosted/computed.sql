-- Asked of both kernels by pg_test/hosted/agree.sh: measures as a rollup computes them. The kernel in SQL does it from arrays, and not by the aggregates.
-- answers: 71

SET extra_float_digits = 0;
-- The library keeps zeros at the end of a sum.
CREATE FUNCTION pg_temp.plain(sums jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_object_agg(key, trim_scale(value::numeric)) FROM jsonb_each(sums) $$;
CREATE SCHEMA computed;
CREATE TABLE computed.rows (at timestamptz NOT NULL, seen timestamptz, g int, y float8, x float8, n bigint, w int, d numeric, t text, j jsonb);
CREATE INDEX ON computed.rows (at);
INSERT INTO computed.rows SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', timestamptz '2026-01-01 00:00+00'
        + (i * 7919 % 97) * interval '1 hour', i % 3,
    CASE WHEN i % 13 > 0 THEN 1e3 + (i * 31 % 97) / 4.0 END, CASE WHEN i % 17 > 0 THEN (i * 131 % 977) / 7.0 END,
    i, i % 5, (i * 7 % 31)::numeric / 10, chr(97 + i * i % 26) || i % 3,
    jsonb_build_object('a', i, 'b.c', i / 4.0, 'd', jsonb_build_object('e\f', i * 1.10, 'g', jsonb_build_object('h', true, 'i', '[1]'::jsonb),
                       'k', '{}'::jsonb), 's', 'x') || CASE WHEN i % 50 = 0 THEN jsonb_build_object('rare' || i, 1.5) ELSE '{}' END
  FROM generate_series(1, 300) i;
-- Times that are none, numbers that are none or too great, items of no text, values that do not vary, JSON of every kind, groups of nothing and of one.
INSERT INTO computed.rows SELECT '2026-01-01 00:00+00', seen, g, y, x, n, 1, 0.5, t, j FROM (VALUES
    (100, timestamptz 'infinity', 'NaN'::float8, 1::float8, 1::bigint, NULL, '3'::jsonb), (100, '-infinity', 1, 1, 1, 'a', '[1]'),
    (100, NULL, 1, 1, 1, 'a', 'null'),
    (101, NULL, NULL, NULL, NULL, NULL, NULL), (101, NULL, NULL, NULL, NULL, NULL, NULL), (102, NULL, NULL, NULL, NULL, NULL, NULL),
    (103, '2026-01-01 00:00+00', 'Infinity', 1, 1, 'a', '{"a": 2}'), (103, '2026-01-01 00:00+00', '-Infinity', 1, 1, 'B', '{}'),
    (103, '2026-01-01 00:00+00', 'NaN', 1, 1, 'é', '{"a": {}}'), (104, '2026-01-01 00:00+00', 7, 1e70, 9007199254740993, 'x', '{"a": [1, 2]}'),
    (106, '0044-03-15 00:00+00 BC', 1e70, 0, 1, 'x', '{".": 1}'), (106, '12026-03-15 00:00+00', 2e70, 1, 1, 'y', '{"\\": {"": 2}}'))
    v(g, seen, y, x, n, t, j);
INSERT INTO computed.rows SELECT '2026-01-01 00:00+00', '2026-01-01 00:00+00', 105, 0.1, i, 1, 1, 0.1, '', '{"c": {"d": 0.1}}' FROM generate_series(1, 1000) i;
SELECT count(tally.create_rollup('computed.daily', source => 'computed.rows', time_column => 'at', bucket => '1 day', dimensions => '["g"]', measures => $${
    "first_y": "tally.first(y, seen)", "last_y": "tally.last(y, seen)", "first_n": "tally.first(n, seen)", "last_w": "tally.last(w, seen) FILTER (WHERE w > 1)",
    "last_d": "tally.last(d, seen)", "first_t": "tally.first(t, seen)", "last_t": "tally.last(t, seen)", "o": "tally.ohlc(y, seen)",
    "l": "tally.time_weighted(n, seen, 'linear')", "s": "tally.stats(y)",
    "sf": "tally.stats(y) FILTER (WHERE n > 290)", "p": "tally.stats(y, x)", "m1": "tally.moments(d)",
    "m": "tally.moments(y, x, n, w) FILTER (WHERE w > 0)", "k": "tally.topk(t)", "kw": "tally.topk(t, 50, n)",
    "j": "tally.jsonb_totals(j)", "jf": "tally.jsonb_totals(j -> 'd') FILTER (WHERE n % 2 = 0)"}$$, with_data => true));
SELECT 'times', g, ARRAY[first_y, last_y, first_n, last_w, last_d, first_t, last_t]::text IS NULL, tally.value(first_y), tally.value_time(first_y),
    tally.value(last_y), tally.value(first_n), tally.value_text(last_w), tally.value(last_d), tally.value_text(first_t), tally.value_text(last_t),
    tally.value_time(last_t), last_w::jsonb ->> 'type', last_d::jsonb ->> 'type' FROM computed.daily ORDER BY 2;
SELECT 'highest', g, tally.open(o), tally.open_time(o), tally.high(o), tally.high_time(o), tally.low(o), tally.low_time(o), tally.close(o), tally.close_time(o),
    tally.count(l), round(tally.average(l)::numeric, 6) FROM computed.daily ORDER BY 2;
SELECT 'stats', g, z.of, tally.count(z.s), round(tally.mean(z.s)::numeric, 6), round(tally.variance(z.s)::numeric, 6), round(tally.skewness(z.s)::numeric, 6),
    round(tally.kurtosis(z.s)::numeric, 6), round(tally.mean_x(z.s)::numeric, 6), round(tally.covariance(z.s)::numeric, 6),
    round(tally.variance_x(z.s)::numeric, 6)
  FROM computed.daily, LATERAL (VALUES ('y', s), ('few', sf), ('pairs', p)) z(of, s) WHERE g NOT IN ('100', '103', '104', '106') ORDER BY 2, 3;
SELECT 'odd stats', g, tally.count(s), tally.count(p), tally.count(m) FROM computed.daily WHERE g IN ('100', '103', '104', '106') ORDER BY 2;
SELECT 'constant', tally.variance(s), tally.mean(s), tally.variance(m1, 1), tally.variance(p) FROM computed.daily WHERE g = '105';
SELECT 'moments', g, tally.count(m), tally.variables(m), ARRAY(SELECT round(c::numeric, 6) FROM unnest(tally.means(m) || tally.covariances(m))
    WITH ORDINALITY u(c, o) ORDER BY o), round(tally.mean(m1, 1)::numeric, 6), round(tally.variance(m1, 1)::numeric, 6)
  FROM computed.daily WHERE length(g) = 1 ORDER BY 2;
SELECT 'top', g, ARRAY(SELECT t FROM tally.top(k, 5) t), ARRAY(SELECT t FROM tally.top(kw, 5) t), tally.count(k), tally.count(kw)
  FROM computed.daily ORDER BY 2;
SELECT 'totals', g, tally.count(j), tally.ignored(j), pg_temp.plain(j::jsonb), tally.count(jf), tally.ignored(jf), pg_temp.plain(jf::jsonb)
  FROM computed.daily ORDER BY 2;
SELECT 'verified', count(*) FROM tally.verify('computed.daily');
SET client_min_messages = error;
SELECT count(tally.create_rollup('computed.none', source => 'computed.rows', time_column => 'at', bucket => '1 day', measures => '{"k": "tally.topk(t, 0)"}',
    with_data => true));
SELECT 'set aside', sqlstate, reason FROM tally.status WHERE rollup = 'none';
SELECT count(tally.drop_rollup(name)) FROM unnest('{computed.daily,computed.none}'::text[]) name;
DROP SCHEMA computed CASCADE;
