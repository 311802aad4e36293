-- Owns what pg_test/hosted/forms.sh moves between the editions: a sketch of each type and size, and what its readers must answer on both sides.
-- CREATE TEMP TABLE cases: kind, name, the sketch as an expression over the rows i, at, and a reader of it.

SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TEMP TABLE cases (n int GENERATED ALWAYS AS IDENTITY, kind text, sketch text, rows_ int, reader text);
INSERT INTO cases (kind, sketch, rows_, reader)
SELECT k.kind, k.sketch, r, k.reader FROM (VALUES
    ('tdigest', 'tally.tdigest(i * 1.5)', '{1,200,4000}',
     'ARRAY[tally.count(x), tally.sum(x), tally.min(x), tally.max(x), round(tally.percentile(x, 0.5)::numeric, 1)]'),
    ('tdigest', 'tally.tdigest(CASE WHEN i % 100 = 0 THEN ''Infinity'' WHEN i % 101 = 0 THEN ''NaN'' ELSE i::float8 END)', '{200,2000}',
     'ARRAY[tally.count(x), tally.percentile(x, 1), tally.percentile(x, 0)]'),
    ('tdigest', 'tally.tdigest(i, 100)', '{900}', 'ARRAY[tally.count(x), tally.mean(x)]'),
    ('hll', 'tally.hll(i)', '{1,766}', 'ARRAY[tally.distinct_count(x), tally.distinct_count(tally.merge(x, x))]'),
    -- Of more the library keeps registers alone, so the estimate differs within its error.
    ('hll', 'tally.hll(i)', '{3000,20000}', 'width_bucket(tally.distinct_count(tally.merge(x, x)), ''{2800,3200,18800,21200}''::bigint[])'),
    ('hll', 'tally.hll(''v'' || i, 8)', '{10,4000}', 'width_bucket(tally.distinct_count(x), ''{10,11,3200,4800}''::bigint[])'),
    ('hll', 'tally_internal._keyed_hll(''\x3412000102030405060708090a0b0c0d0e0f'', i)', '{5,2000}',
     'ARRAY[x::jsonb ->> ''key'', width_bucket(tally.distinct_count(x), ''{5,6,1800,2200}''::bigint[])::text]'),
    ('stats', 'tally.stats(i * 0.1)', '{1,500}', 'ARRAY[tally.count(x), round(tally.mean(x)::numeric, 9), round(tally.stddev(x)::numeric, 9)]'),
    ('stats', 'tally.stats(i * 0.1, i % 7)', '{2,500}', 'ARRAY[round(tally.slope(x)::numeric, 9), round(tally.mean_x(x)::numeric, 9)]'),
    ('moments', 'tally.moments(i, i % 7, i % 5)', '{3,500}', 'ARRAY[round(tally.mean(x, 2)::numeric, 9), round(tally.covariance(x, 1, 3)::numeric, 6)]'),
    ('totals', 'tally.jsonb_totals(jsonb_build_object(''a'', i, ''b.c'', 1.25, ''d'', jsonb_build_object(''e'', i * 0.1, ''f'', ''no'')))', '{1,300}',
     'x::jsonb'),
    ('topk', 'tally.topk(''item '' || i % 9, 3)', '{20}', '(SELECT jsonb_agg(t) FROM tally.top(x) t)'),
    ('topk', 'tally.topk(''item '' || i % (1 + i % 97), 3)', '{5000}', 'ARRAY[tally.count(x)]'),
    ('timed', 'tally.first(i * 0.1::float8, at)', '{5}', 'ARRAY[tally.value(x)::text, tally.value_time(x)::text]'),
    ('timed', 'tally.last(''o''''clock '' || i, at)', '{5}', 'ARRAY[tally.value_text(x), tally.value_time(x)::text]'),
    ('timed', 'tally.last(i::bigint * 4611686018427387, at)', '{5}', 'ARRAY[tally.value_text(x), tally.value_time(x)::text]'),
    ('ohlc', 'tally.ohlc((i * 7 % 11) * 0.1::float8, at)', '{1,30}',
     'ARRAY[tally.open(x)::text, tally.high(x)::text, tally.low(x)::text, tally.close_time(x)::text]'),
    ('readings', 'tally.counter((i % 5)::float8, at)', '{1,50}', 'ARRAY[tally.increase(x), tally.resets(x), tally.count(x)]'),
    ('readings', 'tally.gauge(i * 0.3::float8, at)', '{50}', 'ARRAY[round(tally.delta(x)::numeric, 9), tally.changes(x)]'),
    ('readings', 'tally.time_weighted(i * 0.1 + 0.01::float8, at)', '{1,50}',
     'ARRAY[round(tally.average(x)::numeric, 9), round(tally.integral(x)::numeric, 6)]'),
    ('readings', 'tally.time_weighted(-i * 0.1::float8, at, ''linear'')', '{50}', 'ARRAY[round(tally.average(x)::numeric, 9)]'),
    ('state_time', 'tally.state_time(''s'' || i % 3, at)', '{1,50}', 'x::jsonb'),
    ('funnel_counts', 'tally.funnel_counts(i % 4)', '{50}', 'tally.reached(x)'),
    ('funnel_counts', 'tally.funnel_counts((ARRAY[at, at + i * interval ''1 second'', at + i * interval ''3 seconds''])[:1 + i % 3])', '{3,900}',
     '(SELECT jsonb_agg(jsonb_build_array(s.actors, s.of_first, round(s.seconds_mean::numeric, 6))) FROM tally.funnel_steps(x) s)'),
    ('retention_counts', 'tally.retention_counts(ARRAY[true, i % 2 = 0, NULL])', '{1,70}', '(SELECT jsonb_agg(p) FROM tally.retention_periods(x) p)')
  ) k(kind, sketch, sizes, reader), unnest(k.sizes::int[]) r;

CREATE FUNCTION pg_temp.asked(kind text, made text, reader text, rows_ int, OUT form jsonb, OUT answer text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(E'SELECT tally_internal._form(x), (%s)::text FROM (SELECT %s AS x\n '
                   'FROM (SELECT i, timestamptz ''2026-01-01Z'' + i * interval ''1.3 seconds'' AS at '
                   'FROM generate_series(1, %s) i) r) s', reader, made, rows_) INTO form, answer;
END $$;
