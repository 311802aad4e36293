-- Owns: tally.tdigest in SQL: values as they are up to 253, and a t-digest beyond, by sets of rows. Its clusters are cut where the scale function
-- k1 (arcsine) passes whole numbers, so that the ends of the distribution keep single values. A cluster of values is known by two of them.

CREATE FUNCTION tally_internal._tdigest_check(compression int) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF compression NOT BETWEEN 20 AND 5000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('compression expected in 20 to 5000, got %s', compression),
            HINT = 'SELECT tally.tdigest(value, 180) FROM …';
    END IF;
    RETURN COALESCE(compression, 180);
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_check(int) IS 'The greatest number of centroids, 180 unless given.';

CREATE FUNCTION tally_internal._tdigest_share(q float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF q BETWEEN 0 AND 1 OR q IS NULL THEN RETURN q; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('percentile expected in 0 to 1, got %s', q),
        HINT = 'SELECT tally.percentile(sketch, 0.95) FROM …';
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_share(float8) IS 'A share from 0 to 1; an error for any other number.';

CREATE FUNCTION tally_internal._sum_of(numbers float8[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT COALESCE(sum(v), 0) FROM unnest(numbers) v);
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN CASE WHEN (SELECT sum(v / 1e10) FROM unnest(numbers) v) > 0 THEN 'Infinity' ELSE '-Infinity' END;
END $$;
COMMENT ON FUNCTION tally_internal._sum_of(float8[]) IS 'A sum of floats; past the largest float it is infinity.';

CREATE FUNCTION tally_internal._all_whole(numbers float8[], total float8) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Sums of whole numbers are whole, also where they are rounded. So nobody has to look where this one is not.
    IF total <> floor(total) THEN RETURN false; END IF;
    RETURN NOT EXISTS (SELECT FROM (SELECT unnest(numbers) AS v) u WHERE u.v <> floor(u.v));
END $$;
COMMENT ON FUNCTION tally_internal._all_whole(float8[], float8) IS 'Whether all of these numbers are whole; the second argument is their sum.';

CREATE FUNCTION tally_internal._tdigest_cuts(compression int) RETURNS float8[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg((sin(pi() * (j - (compression - 1) / 2.0::float8) / (compression - 1)) + 1) / 2 ORDER BY j) FROM generate_series(0, compression - 1) j
$$;
COMMENT ON FUNCTION tally_internal._tdigest_cuts(int) IS 'Where clusters begin and end, as shares of all values, for this number of them.';

CREATE FUNCTION tally_internal._tdigest_drawn(given float8[], compression int, q float8) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n     int := cardinality(given);
    -- Of a constant PostgreSQL computes them once in a session.
    cuts  float8[] := CASE compression WHEN 180 THEN tally_internal._tdigest_cuts(180) ELSE tally_internal._tdigest_cuts(compression) END;
    sizes float8[];
    low   float8[];
    high  float8[];
    found float8[];
    many  int;
    ms    float8[];
    total float8;
BEGIN
    -- Clusters of neighbours in order of value: the values behind the first a up to the b-th. Two values stand for a cluster, a quarter from its ends: both
    -- of them where it has no more than two. PostgreSQL finds them in one sort.
    SELECT array_agg((c.b - c.a)::float8), array_agg((c.a + (c.b - c.a + 3) / 4 - 0.5::float8) / n), array_agg((c.b - (c.b - c.a + 3) / 4 + 0.5::float8) / n)
      INTO sizes, low, high
      FROM (SELECT (n * unnest(cuts[:compression - 1]))::int AS a, (n * unnest(cuts[2:]))::int AS b) c WHERE c.a < c.b;
    SELECT percentile_disc(0.5 / n::float8 || low || high || (n - 0.5::float8) / n) WITHIN GROUP (ORDER BY u.v), sum(u.v) INTO found, total
      FROM (SELECT unnest(given) AS v) u;
    many := cardinality(sizes);
    IF found[1] < -1e290 OR found[2 * many + 2] > 1e290 THEN RETURN NULL; END IF;
    -- 0 is added because -0 is 0.
    SELECT array_agg((c.a + c.b) / 2 + 0) INTO ms FROM (SELECT unnest(found[2:many + 1]) AS a, unnest(found[many + 2:2 * many + 1]) AS b) c;
    RETURN ROW(compression, ms, sizes, found[1] + 0, found[2 * many + 2] + 0, total, tally_internal._all_whole(given, total), q)::tally.tdigest;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_drawn(float8[], int, float8) IS
'A digest of many values that weigh the same, none of them NULL; NULL where one is too great for a sum, infinite or NaN.';

CREATE FUNCTION tally_internal._tdigest_made(given float8[], compression int, q float8) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept  float8[];
    n     int;
    total float8;
    whole boolean;
    drawn tally.tdigest;
BEGIN
    -- A statement takes longer than all the rest where groups are small.
    IF cardinality(given) = 1 AND abs(given[1]) < 1e290 THEN
        RETURN ROW(compression, ARRAY[given[1] + 0], '{}'::float8[], given[1] + 0, given[1] + 0, given[1] + 0, given[1] = floor(given[1]), q)::tally.tdigest;
    END IF;
    given := array_remove(given, NULL);
    IF cardinality(given) > 253 THEN
        drawn := tally_internal._tdigest_drawn(given, compression, q);
        IF drawn IS NOT NULL THEN RETURN drawn; END IF;
    END IF;
    -- 0 is added because -0 is 0. A sort of the rows is cheaper than ORDER BY within the aggregate.
    SELECT array_agg(s.v), sum(CASE WHEN abs(s.v) < 1e290 THEN s.v END), bool_and(s.v = floor(s.v)) INTO kept, total, whole
      FROM (SELECT u.v + 0 AS v FROM (SELECT unnest(given) AS v) u ORDER BY 1) s;
    IF kept IS NULL THEN RETURN NULL; END IF;
    n := cardinality(kept);
    IF kept[1] <= -1e290 OR kept[n] >= 1e290 THEN total := tally_internal._sum_of(kept); END IF;
    IF n > 253 THEN
        RETURN tally_internal._tdigest_pressed(ROW(compression, kept, array_fill(1::float8, ARRAY[n]), kept[1], kept[n], total, whole, q)::tally.tdigest);
    END IF;
    RETURN ROW(compression, kept, '{}'::float8[], kept[1], kept[n], total, whole, q)::tally.tdigest;
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_made(float8[], int, float8) IS 'A sketch of values; NULL of none.';

CREATE FUNCTION tally_internal._tdigest_of(given float8[]) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._tdigest_made(given, 180, -1);
COMMENT ON FUNCTION tally_internal._tdigest_of(float8[]) IS
'tally.tdigest(value) as a function of array_agg(value): how the engine computes that measure, without PL/pgSQL per row.';
CREATE FUNCTION tally_internal._tdigest_of(given float8[], compression int) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._tdigest_made(given, tally_internal._tdigest_check(compression), -1);
COMMENT ON FUNCTION tally_internal._tdigest_of(float8[], int) IS 'The same of tally.tdigest(value, compression).';

CREATE FUNCTION tally_internal._tdigest_pressed(d tally.tdigest) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n  float8 := (SELECT sum(w) FROM unnest(d.weights) w);
    ms float8[];
    ws float8[];
BEGIN
    -- Infinities and NaN stay by themselves: no mean is made of them.
    WITH placed AS (
        SELECT u.m, u.w, sum(u.w) OVER (ORDER BY u.m, u.o ROWS UNBOUNDED PRECEDING) - u.w / 2 AS middle, u.m IN ('Infinity', '-Infinity', 'NaN') AS odd
          FROM unnest(d.means, d.weights) WITH ORDINALITY u(m, w, o)
    ), cut AS (
        SELECT m, w, odd, CASE WHEN odd THEN -1 ELSE floor((asin(least(greatest(2 * middle / n - 1, -1), 1)) / pi() + 0.5) * (d.compression - 1)) END AS place,
               CASE WHEN odd THEN m ELSE 0 END AS apart FROM placed
    ), joined AS (
        SELECT CASE WHEN odd THEN min(m) ELSE min(m) + sum((m - first) * (w / whole)) END AS m, sum(w) AS w
          FROM (SELECT c.*, min(m) OVER p AS first, sum(w) OVER p AS whole FROM cut c WINDOW p AS (PARTITION BY odd, place, apart)) x
         GROUP BY odd, place, apart
    )
    SELECT array_agg(j.m ORDER BY j.m), array_agg(j.w ORDER BY j.m) INTO ms, ws FROM joined j;
    RETURN ROW(d.compression, ms, ws, d.least, d.greatest, d.total, d.whole, d.q)::tally.tdigest;
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_pressed(tally.tdigest) IS 'A digest with no more centroids than its compression.';

CREATE FUNCTION tally_internal._tdigest_joined(a tally.tdigest, b tally.tdigest) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    joined tally.tdigest;
BEGIN
    IF a IS NULL THEN RETURN b; END IF;
    IF b IS NULL THEN RETURN a; END IF;
    IF a.weights = '{}' AND b.weights = '{}' THEN
        RETURN tally_internal._tdigest_made(a.means || b.means, least(a.compression, b.compression), greatest(a.q, b.q));
    END IF;
    joined := ROW(least(a.compression, b.compression), a.means || b.means,
        CASE a.weights WHEN '{}' THEN array_fill(1::float8, ARRAY[cardinality(a.means)]) ELSE a.weights END
        || CASE b.weights WHEN '{}' THEN array_fill(1::float8, ARRAY[cardinality(b.means)]) ELSE b.weights END,
        least(a.least, b.least), greatest(a.greatest, b.greatest), tally_internal._sum_of(ARRAY[a.total, b.total]), a.whole AND b.whole,
        greatest(a.q, b.q))::tally.tdigest;
    RETURN CASE WHEN cardinality(joined.means) > 2 * joined.compression THEN tally_internal._tdigest_pressed(joined)
                ELSE tally_internal._tdigest_sorted(joined) END;
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_joined(tally.tdigest, tally.tdigest) IS 'Both sketches as one.';

CREATE FUNCTION tally_internal._tdigest_sorted(d tally.tdigest) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(d.compression, array_agg(u.m ORDER BY u.m, u.o), array_agg(u.w ORDER BY u.m, u.o), d.least, d.greatest, d.total, d.whole, d.q)::tally.tdigest
      FROM unnest(d.means, d.weights) WITH ORDINALITY u(m, w, o)
$$;
COMMENT ON FUNCTION tally_internal._tdigest_sorted(tally.tdigest) IS 'A digest whose centroids are in order.';

-- The aggregates. The state takes values as they come; they are sorted and pressed at the end, or when they are many.

CREATE FUNCTION tally_internal._tdigest_taken(state tally.tdigest, value float8, compression int, q float8) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN RETURN state; END IF;
    IF state IS NULL THEN RETURN tally_internal._tdigest_made(ARRAY[value], tally_internal._tdigest_check(compression), q); END IF;
    IF state.weights <> '{}' THEN RETURN tally_internal._tdigest_joined(state, tally_internal._tdigest_made(ARRAY[value], state.compression, q)); END IF;
    IF cardinality(state.means) >= 2000 THEN RETURN tally_internal._tdigest_made(state.means || value, state.compression, state.q); END IF;
    state.means := state.means || value;
    RETURN state;
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_taken(tally.tdigest, float8, int, float8) IS 'Takes a value into the state of an aggregate.';

CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans(state tally.tdigest, value float8, compression int) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._tdigest_taken(state, value, compression, -1);
CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans_percentile(state tally.tdigest, value float8, q float8) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._tdigest_taken(state, value, 180, tally_internal._tdigest_share(q));
END $$;
CREATE OR REPLACE FUNCTION tally_internal._tdigest_trans(state tally.tdigest, value float8, weight bigint, compression int) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one tally.tdigest;
BEGIN
    IF weight < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('weight expected to be 0 or more, got %s', weight),
            HINT = 'SELECT tally.tdigest(value, weight, 180) FROM …';
    END IF;
    IF value IS NULL OR weight IS NULL OR weight = 0 THEN RETURN state; END IF;
    one := CASE WHEN weight <= 253 THEN tally_internal._tdigest_made(array_fill(value, ARRAY[weight::int]), tally_internal._tdigest_check(compression), -1)
                ELSE ROW(tally_internal._tdigest_check(compression), ARRAY[value], ARRAY[weight::float8], value, value, value * weight, value = floor(value),
                         -1)::tally.tdigest END;
    RETURN tally_internal._tdigest_joined(state, one);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._tdigest_final(state tally.tdigest) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN NULL; END IF;
    RETURN CASE state.weights WHEN '{}' THEN tally_internal._tdigest_made(state.means, state.compression, state.q)
                ELSE tally_internal._tdigest_pressed(state) END;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._tdigest_merge(state tally.tdigest, sketch tally.tdigest) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 RETURN tally_internal._tdigest_joined(state, sketch);
CREATE OR REPLACE FUNCTION tally.merge(a tally.tdigest, b tally.tdigest) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 RETURN tally_internal._tdigest_final(tally_internal._tdigest_joined(a, b));
CREATE OR REPLACE FUNCTION tally.add(sketch tally.tdigest, value float8) RETURNS tally.tdigest
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._tdigest_final(tally_internal._tdigest_taken(sketch, value, 180, -1));
CREATE OR REPLACE FUNCTION tally_internal._tdigest_final_percentile(state tally.tdigest) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 10 RETURN tally.percentile(tally_internal._tdigest_final(state), state.q);
