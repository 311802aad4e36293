-- verify() reports no difference where there is none: float sums and sketches differ in their bits after CLUSTER, since rows come in
-- another order, and 20 of 20 rows were listed. And it still reports a real one of each.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, v float8, f4 real, k text, j json);
CREATE INDEX by_time ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 seconds', sin(i) * 1000 / 7.0, i / 3.0, 'k' || (i * i) % 97,
    json_build_object('a', i % 7)
  FROM generate_series(1, 20000) i;
SELECT tally.create_rollup('h', 'e', 'at', bucket => '1 day', measures =>
    '{"n": "count(*)", "s": "sum(v)", "s4": "sum(f4)", "st": "tally.stats(v)", "st2": "tally.stats(v, f4)", "d": "tally.tdigest(v)", "u": "tally.hll(k)", '
        '"t": "tally.topk(k, 5)", "lo": "min(v)", "mo": "tally.moments(v, f4, 1)"}', with_data => true);
SELECT tally.create_rollup('per_key', 'e', key => 'k',
    measures => '{"s": "sum(v)", "d": "tally.tdigest(v)", "st": "tally.stats(v)", "j": "json_agg(j ORDER BY at)"}', with_data => true);
CREATE TABLE before AS SELECT * FROM h;
CREATE INDEX shuffled ON e ((v - floor(v)));
CLUSTER e USING shuffled;
SELECT bag_eq('SELECT count(*) FROM tally.verify(''h'')', 'SELECT 0::bigint', 'no difference after CLUSTER');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''per_key'')', 'SELECT 0::bigint', 'nor in a rollup per key');
-- Each measure by itself, spoilt by a little more than the order of rows explains.
CREATE FUNCTION spoilt(change text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_ bigint;
BEGIN
    EXECUTE 'UPDATE h SET ' || change || ' WHERE bucket = ''2026-01-01 00:00+00''';
    SELECT count(*) INTO found_ FROM tally.verify('h');
    RAISE EXCEPTION USING ERRCODE = 'PT001', MESSAGE = found_::text;
EXCEPTION WHEN SQLSTATE 'PT001' THEN
    RETURN SQLERRM::bigint;
END $$;
SELECT is(spoilt('n = n + 1'), 1::bigint, 'a count is seen');
SELECT is(spoilt('s = s + 0.01'), 1::bigint, 'a sum of floats is seen');
SELECT is(spoilt('s = NULL'), 1::bigint, 'a lost sum is seen');
SELECT is(spoilt('s4 = s4 * 1.01'), 1::bigint, 'a sum of reals is seen');
SELECT is(spoilt('st = (SELECT tally.stats(v) FROM e WHERE v > 100)'), 1::bigint, 'statistics are seen');
SELECT is(spoilt('st2 = (SELECT tally.stats(v, v) FROM e WHERE at < ''2026-01-02 00:00+00'')'), 1::bigint, 'statistics of pairs are seen');
SELECT is(spoilt('mo = (SELECT tally.moments(v + ' || apart || ', f4, 1) FROM e WHERE at < ''2026-01-02 00:00+00'')'), seen, 'moments apart by ' || apart)
  FROM (VALUES ('0', 0::bigint), ('0.01', 1), ('f4 / 1e5', 1)) x(apart, seen);
SELECT is(spoilt('d = (SELECT tally.tdigest(CASE WHEN v > 0 AND v < 140 THEN v + 10 ELSE v END) FROM e WHERE at < ''2026-01-02 00:00+00'')'), 1::bigint,
    'a digest is seen');
SELECT is(spoilt('u = (SELECT tally.hll(k) FROM e WHERE k <> ''k1'')'), 1::bigint, 'a distinct count is seen');
SELECT is(spoilt('t = (SELECT tally.topk(k, 5) FROM e WHERE k > ''k5'')'), 1::bigint, 'heavy items are seen');
SELECT is(spoilt('lo = lo - 1'), 1::bigint, 'a minimum is seen');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''h'')', 'SELECT 0::bigint', 'and nothing is left of it');
-- Sums that cancel differ by more than a billionth of themselves, and none of them is wrong: 1e16 and -1e16 among small numbers.
CREATE TABLE cancelling (at timestamptz, v float8, r real, k text);
CREATE INDEX ON cancelling (at);
INSERT INTO cancelling SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', CASE i % 50 WHEN 0 THEN 1e16 WHEN 1 THEN -1e16 ELSE i / 7.0 END,
    CASE i % 50 WHEN 0 THEN 1e8 WHEN 1 THEN -1e8 ELSE i / 7.0 END, 'k' || i % 3 FROM generate_series(1, 3000) i;
SELECT tally.create_rollup('c', 'cancelling', 'at', dimensions => '["k"]', measures =>
    '{"s": "sum(v)", "r": "pg_catalog.sum( r )", "f": "sum(abs(v) - (abs(v))) FILTER (WHERE v > 1 OR k = ''k1'')", "st": "tally.stats(v, r)", "lo": "min(v)"}',
        with_data => true);
SELECT tally.create_rollup('c_days', 'c', bucket => '1 day', with_data => true);
SELECT tally.create_rollup('c_keys', 'cancelling', key => 'k', measures => '{"s": "sum(v)", "a": "avg(v)", "lo": "min(v)"}', with_data => true);
CREATE INDEX by_value ON cancelling (v);
CLUSTER cancelling USING by_value;
SELECT cmp_ok((SELECT count(*) FROM c JOIN (SELECT date_trunc('hour', at, 'UTC') AS bucket, k, sum(v) AS s FROM cancelling GROUP BY 1, 2) f USING (bucket, k)
    WHERE c.s <> f.s), '>', 5::bigint,
              'the sums do differ in another order of rows');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''c'')', 'SELECT 0::bigint', 'sums that cancel are no difference');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''c_days'')', 'SELECT 0::bigint', 'nor on a rollup');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''c_keys'')', 'SELECT 0::bigint', 'nor per key');
UPDATE c SET s = s + 1e4 WHERE bucket = '2026-01-01 05:00Z' AND k = 'k1';
UPDATE c_keys SET s = s + 1e6, a = a + 1 WHERE k = 'k1';
SELECT bag_eq('SELECT count(*) FROM tally.verify(''c'')', 'SELECT 1::bigint', 'what no order explains is one');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''c_keys'')', 'SELECT 1::bigint', 'per key too');
-- Small numbers: all of these were taken for equal, because none of them is a billionth.
CREATE TABLE small (at timestamptz, v float8, r real);
CREATE INDEX ON small (at);
INSERT INTO small SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 minute', i * 1e-13, i * 1e-7 FROM generate_series(1, 300) i;
INSERT INTO small VALUES ('2026-01-02 00:00+00', 5e-324, 1e-45), ('2026-01-03 00:00+00', 1e308, 3e38), ('2026-01-03 00:00+00', -1e308, -3e38),
    ('2026-01-04 00:00+00', 'NaN', 'Infinity');
SELECT tally.create_rollup('tiny', 'small', 'at', measures =>
    '{"s": "sum(v)", "r": "sum(r)", "lo": "min(v)", "hi": "max(r)", "st": "tally.stats(v)", "d": "tally.tdigest(v)"}', with_data => true);
SELECT bag_eq('SELECT count(*) FROM tally.verify(''tiny'')', 'SELECT 0::bigint', 'small numbers, the smallest, the largest and none are equal to themselves');
CREATE FUNCTION spoilt_tiny(change text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_ bigint;
BEGIN
    EXECUTE 'UPDATE tiny SET ' || change || ' WHERE bucket = ''2026-01-01 01:00+00''';
    SELECT count(*) INTO found_ FROM tally.verify('tiny');
    RAISE EXCEPTION USING ERRCODE = 'PT001', MESSAGE = found_::text;
EXCEPTION WHEN SQLSTATE 'PT001' THEN
    RETURN SQLERRM::bigint;
END $$;
SELECT is(spoilt_tiny(change), 1::bigint, change || ' is seen') FROM (VALUES ('s = s * 2'), ('r = r * 1.01'), ('lo = lo * 1.5'), ('hi = hi * 1.0001'),
    ('st = (SELECT tally.stats(v * 2) FROM small WHERE at >= ''2026-01-01 01:00Z'' AND at < ''2026-01-01 02:00Z'')'),
    ('d = (SELECT tally.tdigest(CASE WHEN v > 7e-12 AND v < 11e-12 THEN 11.9e-12 ELSE v END) FROM small WHERE at >= ''2026-01-01 01:00Z'' AND at < '
        '''2026-01-01 02:00Z'')')) x(change);
-- What has no order of its own to blame.
SELECT ok(tally_internal._alike(1e308::float8, 1e308, 0) AND NOT tally_internal._alike(1e308::float8,
    -1e308, 1) AND NOT tally_internal._alike('NaN'::float8, 1, 1) AND tally_internal._alike('NaN'::float8, 'NaN', 0)
      AND NOT tally_internal._alike('Infinity'::float8, '-Infinity', 'Infinity') AND tally_internal._alike(NULL::float8,
          NULL, 0) AND NOT tally_internal._alike(0::float8, NULL, 1) AND NOT tally_internal._alike(5e-324::float8, 0, 0), 'ends of floats');
SELECT * FROM finish();
