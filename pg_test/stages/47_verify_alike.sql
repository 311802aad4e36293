-- verify() reports no difference where there is none: float sums and sketches differ in their bits after CLUSTER, since rows come in
-- another order, and 20 of 20 rows were listed. And it still reports a real one of each.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, v float8, f4 real, k text, j json);
CREATE INDEX by_time ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 seconds', sin(i) * 1000 / 7.0, i / 3.0, 'k' || (i * i) % 97, json_build_object('a', i % 7)
  FROM generate_series(1, 20000) i;
SELECT tally.create_rollup('h', 'e', 'at', bucket => '1 day', measures =>
    '{"n": "count(*)", "s": "sum(v)", "s4": "sum(f4)", "st": "tally.stats(v)", "st2": "tally.stats(v, f4)", "d": "tally.tdigest(v)", "u": "tally.hll(k)", "t": "tally.topk(k, 5)", "lo": "min(v)"}', with_data => true);
SELECT tally.create_rollup('per_key', 'e', key => 'k', measures => '{"s": "sum(v)", "d": "tally.tdigest(v)", "st": "tally.stats(v)", "j": "json_agg(j ORDER BY at)"}', with_data => true);
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
SELECT is(spoilt('d = (SELECT tally.tdigest(CASE WHEN v > 0 AND v < 140 THEN v + 10 ELSE v END) FROM e WHERE at < ''2026-01-02 00:00+00'')'), 1::bigint, 'a digest is seen');
SELECT is(spoilt('u = (SELECT tally.hll(k) FROM e WHERE k <> ''k1'')'), 1::bigint, 'a distinct count is seen');
SELECT is(spoilt('t = (SELECT tally.topk(k, 5) FROM e WHERE k > ''k5'')'), 1::bigint, 'heavy items are seen');
SELECT is(spoilt('lo = lo - 1'), 1::bigint, 'a minimum is seen');
SELECT bag_eq('SELECT count(*) FROM tally.verify(''h'')', 'SELECT 0::bigint', 'and nothing is left of it');
-- What has no order of its own to blame.
SELECT ok(tally_internal._alike(1e308::float8, 1e308) AND NOT tally_internal._alike(1e308::float8, -1e308) AND NOT tally_internal._alike('NaN'::float8, 1) AND tally_internal._alike('NaN'::float8, 'NaN')
      AND NOT tally_internal._alike('Infinity'::float8, '-Infinity') AND tally_internal._alike(NULL::float8, NULL) AND NOT tally_internal._alike(0::float8, NULL) AND tally_internal._alike(5e-324::float8, 0), 'ends of floats');
SELECT * FROM finish();
