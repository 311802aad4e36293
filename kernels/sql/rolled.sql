-- Owns: tally.rollup() in SQL, wherever it is called. It gathers sketches by PostgreSQL's own array_append(), and merges them when they are all there: no
-- PL/pgSQL runs per sketch. What is exact is the same as of merges one by one; of estimates it loses less, because a sketch is pressed once.

CREATE FUNCTION tally_internal._rolled(given tally.tdigest[]) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one   tally.tdigest;
    n     int;
    exact boolean;
BEGIN
    IF cardinality(given) = 1 THEN RETURN given[1]; END IF;
    SELECT count(*), bool_and(d.weights = '{}'), min(d.compression), max(d.q), min(d.least), max(d.greatest), bool_and(d.whole)
      INTO n, exact, one.compression, one.q, one.least, one.greatest, one.whole FROM unnest(given) d WHERE d.compression IS NOT NULL;
    IF n = 0 THEN RETURN NULL; END IF;
    IF n = 1 THEN RETURN (array_remove(given, NULL))[1]; END IF;
    IF exact THEN
        RETURN tally_internal._tdigest_made(ARRAY(SELECT unnest(d.means) FROM unnest(given) d), one.compression, one.q);
    END IF;
    SELECT array_agg(x.m), array_agg(x.w) INTO one.means, one.weights
      FROM (SELECT unnest(d.means) AS m, unnest(CASE d.weights WHEN '{}' THEN array_fill(1::float8, ARRAY[cardinality(d.means)]) ELSE d.weights END) AS w
              FROM unnest(given) d WHERE d.compression IS NOT NULL) x;
    one.total := tally_internal._sum_of(ARRAY(SELECT d.total FROM unnest(given) d WHERE d.compression IS NOT NULL));
    RETURN tally_internal._tdigest_pressed(one);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.tdigest[]) IS 'Several digests as one.';

CREATE FUNCTION tally_internal._rolled(given tally.hll[]) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n      int;
    p      int;
    "keys" int[];
    exact  boolean;
BEGIN
    IF cardinality(given) = 1 THEN RETURN given[1]; END IF;
    SELECT count(*), min(s."precision"), bool_and(s.registers = ''), CASE WHEN min(s.key) = max(s.key) THEN ARRAY[min(s.key)] ELSE array_agg(s.key) END
      INTO n, p, exact, "keys" FROM unnest(given) s WHERE s."precision" IS NOT NULL;
    IF n = 0 THEN RETURN NULL; END IF;
    IF cardinality("keys") > 1 THEN PERFORM tally_internal._hll_agree("keys"[1], k) FROM unnest("keys") k; END IF;
    IF n = 1 THEN RETURN (array_remove(given, NULL))[1]; END IF;
    IF exact THEN
        RETURN tally_internal._hll_made(ARRAY(SELECT unnest(s.hashes) FROM unnest(given) s), p, "keys"[1]);
    END IF;
    RETURN ROW(p, '{}'::bigint[],
        (SELECT decode(string_agg(lpad(to_hex(x.rank), 2, '0'), '' ORDER BY x.i), 'hex')
           FROM (SELECT i, max(get_byte(f.registers, i)) AS rank
                   FROM (SELECT tally_internal._hll_folded(s, p) AS registers FROM unnest(given) s WHERE s."precision" IS NOT NULL OFFSET 0) f,
                        generate_series(0, (1 << p) - 1) i GROUP BY i) x), "keys"[1])::tally.hll;
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.hll[]) IS 'Several distinct counts as one: of all their values.';

-- Here the loop is as quick as sums over all would be.
CREATE FUNCTION tally_internal._rolled(given tally.stats[]) RETURNS tally.stats
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one tally.stats;
BEGIN
    FOR i IN 1 .. cardinality(given) LOOP one := tally_internal._stats_joined(one, given[i]); END LOOP;
    RETURN one;
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.stats[]) IS 'The moments of several groups together.';

CREATE FUNCTION tally_internal._apart(a float8, b float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN abs(a - b) > 1e-70 THEN a - b ELSE 0 END;
COMMENT ON FUNCTION tally_internal._apart(float8, float8) IS 'How far two means are apart; 0 where a product of it would be too small for a float.';

CREATE FUNCTION tally_internal._rolled(given tally.moments[]) RETURNS tally.moments
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one   tally.moments;
    units float8; k int; plain boolean;
    first float8[];
    m     float8[];
BEGIN
    IF cardinality(given) > 2 THEN
        SELECT sum(s.n), min(cardinality(s.means)), bool_and((SELECT bool_and(abs(v) < 1e60) FROM unnest(s.means) v)) AND
               min(cardinality(s.means)) = max(cardinality(s.means)) INTO units, k, plain FROM unnest(given) s WHERE s.n > 0;
    END IF;
    IF plain IS NOT TRUE THEN
        FOR i IN 1 .. cardinality(given) LOOP one := tally_internal._moments_joined(one, given[i]); END LOOP;
        RETURN one;
    END IF;
    SELECT s.means INTO first FROM unnest(given) s WHERE s.n > 0 LIMIT 1;
    SELECT array_agg(x.m ORDER BY x.i) INTO m
      FROM (SELECT i, first[i] + sum(s.n * tally_internal._apart(s.means[i], first[i])) / units AS m
              FROM unnest(given) s, generate_series(1, k) i WHERE s.n > 0 GROUP BY i) x;
    RETURN ROW(units, m, ARRAY(
        SELECT sum(s.products[(i - 1) * k + j] + s.n * tally_internal._apart(s.means[i], m[i]) * tally_internal._apart(s.means[j], m[j]))
          FROM unnest(given) s, generate_series(1, k) i, generate_series(1, k) j WHERE s.n > 0 GROUP BY i, j ORDER BY i, j))::tally.moments;
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.moments[]) IS 'The moments of several groups together.';

CREATE FUNCTION tally_internal._rolled(given tally.totals[]) RETURNS tally.totals
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(given) = 1 THEN RETURN given[1]; END IF;
    RETURN (SELECT ROW(t.n, t.ignored, COALESCE(x.sums, '{}'))::tally.totals
              FROM (SELECT sum(s.n)::bigint AS n, sum(s.ignored)::bigint AS ignored FROM unnest(given) s) t,
                   (SELECT jsonb_object_agg(y.key, trim_scale(y.sum)) AS sums
                      FROM (SELECT e.key COLLATE "C" AS key, sum(e.value::numeric) AS sum FROM unnest(given) s, jsonb_each(s.sums) e GROUP BY 1) y) x
             WHERE t.n IS NOT NULL);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.totals[]) IS 'Sums by key of several groups together.';

CREATE FUNCTION tally_internal._rolled(given tally.topk[]) RETURNS tally.topk
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one tally.topk;
BEGIN
    IF cardinality(given) = 1 THEN RETURN given[1]; END IF;
    SELECT min(s.k), sum(s.n), sum(s.lost) INTO one.k, one.n, one.lost FROM unnest(given) s;
    IF one.k IS NULL THEN RETURN NULL; END IF;
    SELECT jsonb_object_agg(x.key, x.n) INTO one.counts
      FROM (SELECT e.key COLLATE "C" AS key, sum(e.value::bigint) AS n FROM unnest(given) s, jsonb_each(s.counts) e GROUP BY 1) x;
    RETURN tally_internal._topk_kept(one.k, one.n, one.lost, one.counts);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.topk[]) IS 'The heaviest items of several groups together.';

CREATE FUNCTION tally_internal._rolled(given tally.timed[]) RETURNS tally.timed
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one   tally.timed;
    alike boolean;
    at    timestamptz;
BEGIN
    IF cardinality(given) > 2 THEN
        SELECT min(s.kind) = max(s.kind) AND bool_and(s.last) = bool_or(s.last), CASE WHEN bool_or(s.last) THEN max(s.time) ELSE min(s.time) END
          INTO alike, at FROM unnest(given) s;
    END IF;
    -- What is of one instant decides by its value. Sketches of two kinds are refused.
    IF alike THEN given := ARRAY(SELECT s FROM unnest(given) s WHERE s.time = at); END IF;
    FOR i IN 1 .. cardinality(given) LOOP one := tally_internal._timed_merge(one, given[i]); END LOOP;
    RETURN one;
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.timed[]) IS 'The first or last value of several groups together.';

CREATE FUNCTION tally_internal._rolled(given tally.ohlc[]) RETURNS tally.ohlc
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o tally.ohlc;
BEGIN
    IF cardinality(given) = 1 THEN RETURN given[1]; END IF;
    SELECT min(s.open_time), max(s.high), min(s.low), max(s.close_time) INTO o.open_time, o.high, o.low, o.close_time FROM unnest(given) s;
    SELECT min(s.open) FILTER (WHERE s.open_time = o.open_time), min(s.high_time) FILTER (WHERE s.high = o.high),
           min(s.low_time) FILTER (WHERE s.low = o.low), max(s.close) FILTER (WHERE s.close_time = o.close_time)
      INTO o.open, o.high_time, o.low_time, o.close FROM unnest(given) s;
    RETURN CASE WHEN o.open_time IS NOT NULL THEN o END;
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.ohlc[]) IS 'First, highest, lowest and last of several parts of a series.';

CREATE FUNCTION tally_internal._rolled(given tally.readings[]) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kinds text[] := ARRAY(SELECT s.kind FROM unnest(given) s WHERE s.kind IS NOT NULL);
BEGIN
    IF kinds = '{}' THEN RETURN NULL; END IF;
    PERFORM tally_internal._refuse_kind(kinds[1], k, NULL) FROM unnest(kinds) k WHERE k <> kinds[1];
    RETURN tally_internal._readings_final(ROW(kinds[1],
        ARRAY(SELECT unnest(s.times) FROM unnest(given) s), ARRAY(SELECT unnest(s."values") FROM unnest(given) s),
        ARRAY(SELECT p FROM unnest(given) s, unnest(s.parts) p))::tally.readings);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.readings[]) IS 'Readings of several parts of a series.';

CREATE FUNCTION tally_internal._rolled(given tally.state_time[]) RETURNS tally.state_time
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF array_remove(given, NULL) = '{}' THEN RETURN NULL; END IF;
    RETURN tally_internal._state_time_final(ROW(
        ARRAY(SELECT unnest(s.times) FROM unnest(given) s), ARRAY(SELECT unnest(s.states) FROM unnest(given) s),
        ARRAY(SELECT p FROM unnest(given) s, unnest(s.parts) p))::tally.state_time);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.state_time[]) IS 'Times of states of several parts of a series.';

CREATE FUNCTION tally_internal._rolled(given tally.funnel_counts[]) RETURNS tally.funnel_counts
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    given := array_remove(given, NULL);
    IF cardinality(given) < 2 THEN RETURN given[1]; END IF;
    RETURN ROW(ARRAY(SELECT sum(COALESCE(u.n, 0)) FROM unnest(given) c, unnest(c.reached) WITH ORDINALITY u(n, i) GROUP BY u.i ORDER BY u.i),
               ARRAY(SELECT tally_internal._rolled(array_agg(c.seconds[i]))
                       FROM unnest(given) c, generate_series(1, (SELECT max(cardinality(x.seconds)) FROM unnest(given) x)) i
                      GROUP BY i ORDER BY i))::tally.funnel_counts;
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.funnel_counts[]) IS 'Counts of several groups of actors together.';

CREATE FUNCTION tally_internal._rolled(given tally.retention_counts[]) RETURNS tally.retention_counts
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    given := array_remove(given, NULL);
    IF cardinality(given) < 2 THEN RETURN given[1]; END IF;
    RETURN (SELECT ROW(COALESCE(array_agg(x.e ORDER BY x.i), '{}'), COALESCE(array_agg(x.r ORDER BY x.i), '{}'))::tally.retention_counts
              FROM (SELECT u.i, sum(u.e)::bigint AS e, sum(u.r)::bigint AS r
                      FROM unnest(given) c, unnest(c.eligible, c.retained) WITH ORDINALITY u(e, r, i) GROUP BY u.i) x);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.retention_counts[]) IS 'Counts of several groups of actors together.';

CREATE FUNCTION tally_internal._rolled(given tally.funnel_events[]) RETURNS tally.funnel_events
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one tally.funnel_events;
BEGIN
    given := array_remove(given, NULL);
    IF cardinality(given) = 0 THEN RETURN NULL; END IF;
    one := given[1];
    -- Those of other funnels are refused.
    PERFORM tally_internal._funnel_combine(one, e) FROM unnest(given) e WHERE (e.span, e.steps, e.options) IS DISTINCT FROM (one.span, one.steps, one.options);
    one.times := ARRAY(SELECT unnest(e.times) FROM unnest(given) e);
    one.masks := ARRAY(SELECT unnest(e.masks) FROM unnest(given) e);
    RETURN tally_internal._sequence_final(one);
END $$;
COMMENT ON FUNCTION tally_internal._rolled(tally.funnel_events[]) IS 'The events of several parts of one actor, in order.';

CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.tdigest) (
    SFUNC = array_append, STYPE = tally.tdigest[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.hll) (
    SFUNC = array_append, STYPE = tally.hll[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.stats) (
    SFUNC = array_append, STYPE = tally.stats[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.moments) (
    SFUNC = array_append, STYPE = tally.moments[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.totals) (
    SFUNC = array_append, STYPE = tally.totals[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.topk) (
    SFUNC = array_append, STYPE = tally.topk[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.timed) (
    SFUNC = array_append, STYPE = tally.timed[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.ohlc) (
    SFUNC = array_append, STYPE = tally.ohlc[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.readings) (
    SFUNC = array_append, STYPE = tally.readings[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(sketch tally.state_time) (
    SFUNC = array_append, STYPE = tally.state_time[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(counts tally.funnel_counts) (
    SFUNC = array_append, STYPE = tally.funnel_counts[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(counts tally.retention_counts) (
    SFUNC = array_append, STYPE = tally.retention_counts[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.rollup(events tally.funnel_events) (
    SFUNC = array_append, STYPE = tally.funnel_events[], FINALFUNC = tally_internal._rolled, SSPACE = 8192, PARALLEL = SAFE
);
