-- Bytes that no version of pg_tally wrote, sent by COPY BINARY: cut short, with each byte changed in turn, or with more behind them.
-- Either the value is taken, and then every reader answers for it, or the error is data_corrupted (XX001); never a crash.

SELECT no_plan();

-- Values of every kind that a type is stored in.
CREATE TABLE values_of (kind text, bytes bytea);
CREATE TABLE tdigest (v tally.tdigest);
CREATE TABLE hll (v tally.hll);
CREATE TABLE stats (v tally.stats);
CREATE TABLE moments (v tally.moments);
CREATE TABLE topk (v tally.topk);
CREATE TABLE totals (v tally.totals);
CREATE TABLE timed (v tally.timed);
CREATE TABLE ohlc (v tally.ohlc);
CREATE TABLE readings (v tally.readings);
CREATE TABLE state_time (v tally.state_time);
CREATE TABLE funnel_events (v tally.funnel_events);
CREATE TABLE funnel_counts (v tally.funnel_counts);
CREATE TABLE retention_counts (v tally.retention_counts);

INSERT INTO values_of SELECT 'tdigest', tally_internal._tdigest_send(tally.tdigest(v)) FROM unnest('{1.5,2,NaN,-Infinity}'::float8[]) v;
INSERT INTO values_of SELECT 'tdigest', tally_internal._tdigest_send(tally.tdigest(v, 20)) FROM generate_series(1, 3000) v;
INSERT INTO values_of SELECT 'hll', tally_internal._hll_send(tally.hll(v)) FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'hll', tally_internal._hll_send(tally.hll(v, 6)) FROM generate_series(1, 500) v;
INSERT INTO values_of SELECT 'stats', tally_internal._stats_send(tally.stats(v)) FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'stats', tally_internal._stats_send(tally.stats(v, v * v)) FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'moments', tally_internal._moments_send(tally.moments(v)) FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'moments', tally_internal._moments_send(tally.moments(v, v * v, 1, -v)) FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'topk', tally_internal._topk_send(tally.topk(chr(96 + v % 9), 3)) FROM generate_series(1, 50) v;
INSERT INTO values_of SELECT 'topk', tally_internal._topk_send(tally.topk(v::text, 1)) FROM generate_series(1, 50) v;
INSERT INTO values_of SELECT 'totals', tally_internal._totals_send(tally.jsonb_totals('{"views": 3, "a": {"b": 1.5}, "c": null}'));
INSERT INTO values_of SELECT 'funnel_counts',
    tally_internal._funnel_counts_send(tally.funnel_counts(ARRAY[timestamptz 'epoch', timestamptz 'epoch' + v * interval '1 s'])) FROM generate_series(1, 4) v;
INSERT INTO values_of SELECT 'funnel_counts', tally_internal._funnel_counts_send(tally.funnel_counts(v)) FROM generate_series(1, 4) v;
INSERT INTO values_of SELECT 'retention_counts', tally_internal._retention_counts_send(tally.retention_counts('{t,f,NULL}'::boolean[]));
INSERT INTO values_of SELECT 'funnel_events',
    tally_internal._funnel_events_send(tally_internal._funnel_trans(tally_internal._funnel_trans(NULL, '1 day', timestamptz 'epoch' + v,
    ARRAY[true, false, false], 'increase, exclude 1-2'), '1 day',
                                                                          timestamptz 'epoch' + v, ARRAY[false, true, false], 'increase, exclude 1-2'))
                                                                              FROM (SELECT interval '1 s') AS t (v);
INSERT INTO values_of SELECT 'timed', tally_internal._timed_send(tally.first(v, timestamptz 'epoch' + v * interval '1 s')) FROM generate_series(1.5, 5) v;
INSERT INTO values_of SELECT 'timed', tally_internal._timed_send(tally.last('text ' || v, timestamptz 'epoch' + v * interval '1 s'))
    FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'ohlc', tally_internal._ohlc_send(tally.ohlc(v % 3, timestamptz 'epoch' + v * interval '1 s')) FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'readings', tally_internal._readings_send(tally.counter(v % 3, timestamptz 'epoch' + v * interval '1 s'))
    FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'readings', tally_internal._readings_send(tally.time_weighted(v / 7.0, timestamptz 'epoch' + v * interval '1 s', 'linear'))
    FROM generate_series(1, 5) v;
INSERT INTO values_of SELECT 'readings', tally_internal._readings_send(tally.gauge(v, timestamptz 'epoch')) FROM generate_series(1, 1) v;
INSERT INTO values_of SELECT 'state_time', tally_internal._state_time_send(tally.state_time(chr(96 + v % 3), timestamptz 'epoch' + v * interval '1 s'))
    FROM generate_series(1, 5) v;
SELECT is((SELECT count(DISTINCT kind) FROM values_of), 13::bigint, 'thirteen types');
SELECT is((SELECT string_agg(t.typname, ',' ORDER BY t.typname) FROM pg_type t
    WHERE t.typnamespace = 'tally'::regnamespace AND t.typtype = 'b' AND t.typcategory <> 'A' AND t.typname <> 'role' AND t.typname NOT IN (SELECT kind
    FROM values_of)), NULL,
          'every type is among them');

-- What reads a value: a query over the table v of one row.
CREATE TABLE readers (kind text, query text);
INSERT INTO readers VALUES
('tdigest', 'tally.percentile(v, ''{0,0.3,1}''::float8[]), tally.percentile_rank(v, 2), tally.mean(v), tally.histogram(v, ''{1,5}''), tally.trimmed_mean(v, '
    '0.1, 0.9), tally.add(v, 3), tally.merge(v, v), v::jsonb'),
('hll', 'tally.distinct_count(v), tally.relative_error(v), tally.merge(v, v), v::jsonb'),
('moments', 'tally.count(v), tally.mean(v, 1), tally.sum(v, 1), tally.variance(v, 1), tally.covariances(v), tally.means(v), tally.merge(v, v), v::jsonb'),
('stats', 'tally.variance(v), tally.kurtosis(v), tally.slope(v), tally.merge(v, v), v::jsonb'),
('topk', 'ARRAY(SELECT t.item FROM tally.top(v) t), tally.count(v), tally.merge(v, v), v::jsonb'),
('totals', 'tally.total(v, ''views''), tally.ignored(v), tally.merge(v, v), v::jsonb'),
('timed', 'tally.value_text(v), tally.value_time(v), tally.merge(v, v), v::jsonb'),
('ohlc', 'tally.open(v), tally.high_time(v), tally.low(v), tally.close_time(v), tally.merge(v, v), v::jsonb'),
('readings', 'tally.count(v), tally.changes(v), tally.first_value(v), tally.last_time(v), tally.duration(v), tally.merge(v, NULL), v::jsonb'),
('state_time', 'tally.duration_in(v, ''a''), ARRAY(SELECT s.share FROM tally.states(v) s), tally.last_state(v), tally.merge(v, NULL), v::jsonb'),
('funnel_counts', 'tally.reached(v), ARRAY(SELECT s.actors FROM tally.funnel_steps(v) s), tally.time_to_convert(v, 2), v::jsonb'),
('retention_counts', 'ARRAY(SELECT p.retained FROM tally.retention_periods(v) p), v::jsonb'),
('funnel_events', 'tally_internal._funnel_level(v), tally_internal._funnel_path(v), tally_internal._funnel_combine(v, v)');

-- Sends the bytes by COPY BINARY and reads what was taken: '' or the SQLSTATE.
CREATE FUNCTION sent(to_kind text, value bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    file text := current_setting('data_directory') || '/damaged_' || pg_backend_pid();
    image bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea || int2send(1::int2) || int4send(length(value)) || value || int2send((-1)::int2);
    object oid := lo_from_bytea(0, image);
    state text := '';
BEGIN
    PERFORM lo_export(object, file), lo_unlink(object);
    BEGIN
        EXECUTE format('TRUNCATE %I', to_kind);
        EXECUTE format('COPY %I FROM %L (FORMAT binary)', to_kind, file);
        EXECUTE format('SELECT v::text, %s FROM %I', (SELECT query FROM readers r WHERE r.kind = to_kind), to_kind);
        -- Two parts of one time are refused.
        IF to_kind NOT IN ('funnel_events', 'readings', 'state_time') THEN
            EXECUTE format('SELECT tally.rollup(v)::text FROM (SELECT v FROM %I UNION ALL SELECT v FROM %1$I) q', to_kind);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        state := SQLSTATE;
    END;
    RETURN state;
END $$;

SELECT is((SELECT string_agg(kind, ',') FROM values_of WHERE sent(kind, bytes) <> ''), NULL, 'what was sent as it is comes back');
CREATE TABLE cut AS SELECT kind, sent(kind, substr(bytes, 1, n)) AS state, count(*) AS times FROM values_of,
    generate_series(0, least(length(bytes), 260) - 1) AS n GROUP BY 1, 2;
-- A stored t-digest or HyperLogLog while exact is a list of whole values without a length; a shorter one is a sketch of fewer; a
-- funnel_events may have room behind its events.
SELECT is((SELECT string_agg(kind || ' ' || state, ',') FROM cut WHERE state <> 'XX001' AND NOT (state = '' AND kind IN ('tdigest', 'hll', 'funnel_events'))),
    NULL, 'cut short anywhere: data_corrupted');
SELECT is((SELECT string_agg(kind || ' ' || sent(kind, bytes || '\x00'), ',') FROM values_of WHERE sent(kind, bytes || '\x00') <> 'XX001'), NULL,
    'a byte more: data_corrupted');
CREATE TABLE changed AS
SELECT kind, sent(kind, set_byte(bytes, n, (get_byte(bytes, n) # mask))) AS state, count(*) AS times
FROM values_of, generate_series(0, least(length(bytes), 140) - 1) AS n, unnest('{1,128,255}'::int[]) AS mask GROUP BY 1, 2;
-- 22023: moments of one variable and of two, or funnels that differ, do not merge; 42804 likewise.
SELECT is((SELECT string_agg(kind || ' ' || state || ' ' || times, ', ') FROM changed WHERE state NOT IN ('', 'XX001', '54000', '42804')), NULL,
    'any byte changed: taken, or data_corrupted');
SELECT is((SELECT count(*) FROM changed WHERE state = 'XX001'), 13::bigint, 'of every type some changes are refused');
SELECT is((SELECT string_agg(kind, ',') FROM values_of WHERE sent(kind, ''::bytea) <> 'XX001'), NULL, 'no bytes at all');

-- Between servers a sketch travels as the same bytes in base 64.
CREATE FUNCTION travelled(of_kind text, value bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    result bytea;
BEGIN
    EXECUTE format('SELECT decode(tally_internal._sent(tally_internal._received($1, NULL::tally.%I)), ''base64'')', of_kind) INTO result
        USING translate(encode(value, 'base64'), E'\n', '');
    RETURN result;
END $$;
SELECT is((SELECT string_agg(kind, ',') FROM values_of WHERE travelled(kind, bytes) <> bytes), NULL, 'sent and received it is the same value');
SELECT throws_ok(format('SELECT travelled(%L, %L)', kind, '\x'), 'XX001', NULL, kind || ': received from no bytes at all') FROM values_of;
SELECT is(tally_internal._received(NULL, NULL::tally.hll), NULL, 'nothing is received as nothing');
SELECT throws_ok('SELECT tally_internal._received(''AQE'', NULL::tally.hll)', 'XX001',
    'a sketch from another server expected in base 64, got other text', 'received from text that is no base 64');

-- Text that is of no type says so.
SELECT throws_ok(format('SELECT %L::tally.%I', text, kind), '22P02', NULL, kind || ' from ' || text)
FROM (SELECT DISTINCT kind FROM values_of WHERE kind NOT IN ('funnel_events', 'funnel_counts', 'retention_counts')) k,
    unnest('{"", "12", "null", "[]", "x", "{\"compression\": 3, \"values\": [1]}"}'::text[]) AS text
WHERE NOT (kind = 'hll' AND text = '');
SELECT throws_ok(format('SELECT %L::tally.%I', 'xyz', kind), '22P02', NULL, kind || ' from no hexadecimal')
    FROM unnest('{funnel_events,funnel_counts,retention_counts}'::text[]) AS kind;

-- The times of sessions are a state that nobody stores, so wrong bytes are the caller's: no internal error (the random attacker found it).
SELECT throws_ok(format('SELECT tally_internal._times_%s', call), '22P03', 'a state of times expected, got other bytes', 'a state of times: ' || call)
  FROM unnest(ARRAY[$$final('\x00')$$, $$final('\x0001020304050607')$$, $$merge('\x00', '\x')$$, $$merge('\x00', '\x0102')$$, $$trans('\x00', now())$$]) call;
SELECT * FROM finish();
