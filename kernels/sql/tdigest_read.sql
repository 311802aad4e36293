-- Owns: what a tally.tdigest answers, in SQL: percentiles, ranks, means, histograms.

CREATE FUNCTION tally_internal._between(low float8, high float8, share float8) RETURNS float8
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An infinite end stands for what lies towards it, NaN for what lies towards NaN.
    SELECT CASE WHEN share = 0 OR low = high THEN low WHEN share = 1 THEN high
                WHEN low = '-Infinity' THEN low WHEN high IN ('Infinity', 'NaN') THEN high
                WHEN abs(low) > 1e300 OR abs(high) > 1e300 THEN low * (1 - share) + high * share
                ELSE low + (high - low) * share END
$$;
COMMENT ON FUNCTION tally_internal._between(float8, float8, float8) IS 'A value between two others.';

CREATE FUNCTION tally_internal._tdigest_at(d tally.tdigest, q float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n     float8;
    rank  float8;
    before float8 := 0;
    place float8;
    last_place float8 := 0;
    last_value float8 := d.least;
    result float8;
BEGIN
    IF d.weights = '{}' THEN
        rank := q * (cardinality(d.means) - 1);
        RETURN tally_internal._between(d.means[floor(rank)::int + 1], d.means[ceil(rank)::int + 1], rank - floor(rank));
    END IF;
    n := (SELECT sum(w) FROM unnest(d.weights) w);
    rank := q * (n - 1);
    FOR i IN 1 .. cardinality(d.means) LOOP
        place := before + (d.weights[i] - 1) / 2;
        IF rank <= place THEN
            result := CASE WHEN place > last_place THEN tally_internal._between(last_value, d.means[i], (rank - last_place) / (place - last_place))
                           ELSE d.means[i] END;
            EXIT;
        END IF;
        last_place := place;
        last_value := d.means[i];
        before := before + d.weights[i];
    END LOOP;
    IF result IS NULL THEN
        result := CASE WHEN n - 1 > last_place THEN tally_internal._between(last_value, d.greatest, (rank - last_place) / (n - 1 - last_place))
                       ELSE d.greatest END;
    END IF;
    -- Where all values are integers, so is the answer.
    RETURN CASE WHEN d.whole AND result NOT IN ('Infinity', '-Infinity', 'NaN') THEN sign(result) * floor(abs(result) + 0.5) ELSE result END;
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_at(tally.tdigest, float8) IS 'The value at a share of all values.';

CREATE OR REPLACE FUNCTION tally.percentile(sketch tally.tdigest, q float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._tdigest_at(sketch, tally_internal._tdigest_share(q));
END $$;
CREATE OR REPLACE FUNCTION tally.percentile(sketch tally.tdigest, q float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT CASE WHEN x IS NOT NULL THEN tally_internal._tdigest_at(sketch, tally_internal._tdigest_share(x)) END
                   FROM unnest(q) WITH ORDINALITY u(x, n) ORDER BY n)
$$;

CREATE FUNCTION tally_internal._tdigest_below(d tally.tdigest, v float8, OUT below float8, OUT equal float8)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n float8; low float8; high float8; middle float8;
BEGIN
    IF d.weights = '{}' THEN
        SELECT count(*) FILTER (WHERE x < v), count(*) FILTER (WHERE x = v) INTO below, equal FROM unnest(d.means) x;
        RETURN;
    END IF;
    SELECT sum(w), COALESCE(sum(w) FILTER (WHERE m = v AND (w = 1 OR d.least = v OR d.greatest = v)), 0) INTO n, equal FROM unnest(d.means, d.weights) u(m, w);
    IF v <= d.least THEN below := 0; RETURN; END IF;
    IF v > d.greatest THEN below := n; equal := 0; RETURN; END IF;
    -- The share whose value this is, by halving.
    low := 0; high := 1;
    FOR i IN 1 .. 50 LOOP
        middle := (low + high) / 2;
        IF tally_internal._tdigest_at(ROW(d.compression, d.means, d.weights, d.least, d.greatest, d.total, false, d.q)::tally.tdigest, middle) < v THEN
            low := middle;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    below := greatest(high * (n - 1) + 0.5 - equal / 2, 0);
END $$;
COMMENT ON FUNCTION tally_internal._tdigest_below(tally.tdigest, float8) IS 'How many values lie below one, and how many are equal to it.';

CREATE OR REPLACE FUNCTION tally.percentile_rank(sketch tally.tdigest, value float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT (b.below + b.equal / 2) / tally.count(sketch) FROM tally_internal._tdigest_below(sketch, value) b
$$;
CREATE OR REPLACE FUNCTION tally.percentile_rank(sketch tally.tdigest, value float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT tally.percentile_rank(sketch, x) FROM unnest(value) WITH ORDINALITY u(x, n) ORDER BY n)
$$;
CREATE OR REPLACE FUNCTION tally.count(sketch tally.tdigest) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE sketch.weights WHEN '{}' THEN cardinality(sketch.means) ELSE (SELECT sum(w) FROM unnest(sketch.weights) w) END::bigint
$$;
CREATE OR REPLACE FUNCTION tally.sum(sketch tally.tdigest) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.total';
CREATE OR REPLACE FUNCTION tally.mean(sketch tally.tdigest) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.total OPERATOR(pg_catalog./) tally.count(sketch)';
CREATE OR REPLACE FUNCTION tally.min(sketch tally.tdigest) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.least';
CREATE OR REPLACE FUNCTION tally.max(sketch tally.tdigest) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.greatest';

CREATE OR REPLACE FUNCTION tally.trimmed_mean(sketch tally.tdigest, low float8, high float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n float8 := tally.count(sketch);
BEGIN
    PERFORM tally_internal._tdigest_share(low), tally_internal._tdigest_share(high);
    IF low >= high THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('low share expected to be below the high one, got %s and %s', low, high),
            HINT = 'SELECT tally.trimmed_mean(sketch, 0.1, 0.9) FROM …';
    END IF;
    RETURN (SELECT sum(x.m * x.inside) / sum(x.inside)
              FROM (SELECT u.m, greatest(least(high * n, u.upto) - greatest(low * n, u.upto - u.w), 0) AS inside
                      FROM (SELECT a.m, a.w, sum(a.w) OVER (ORDER BY a.o) AS upto
                              FROM unnest(sketch.means, CASE sketch.weights WHEN '{}' THEN array_fill(1::float8, ARRAY[cardinality(sketch.means)])
                                                        ELSE sketch.weights END) WITH ORDINALITY a(m, w, o)) u) x WHERE x.inside > 0);
END $$;

CREATE OR REPLACE FUNCTION tally.histogram(sketch tally.tdigest, edges float8[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result bigint[] := '{}';
    last_  bigint := 0;
    here   bigint;
    edge   float8;
BEGIN
    IF EXISTS (SELECT FROM unnest(edges) WITH ORDINALITY a(x, n) JOIN unnest(edges) WITH ORDINALITY b(x, n) ON b.n = a.n + 1
                WHERE a.x IS NULL OR b.x IS NULL OR a.x > b.x) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'histogram edges expected in ascending order',
            HINT = 'SELECT tally.histogram(sketch, ''{0,10,100}'') FROM …';
    END IF;
    FOREACH edge IN ARRAY edges LOOP
        here := greatest(floor((SELECT b.below FROM tally_internal._tdigest_below(sketch, edge) b) + 0.5)::bigint, last_);
        result := result || (here - last_);
        last_ := here;
    END LOOP;
    RETURN result || (tally.count(sketch) - last_);
END $$;

CREATE OR REPLACE FUNCTION tally_internal._tdigest_jsonb(sketch tally.tdigest) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT CASE sketch.weights
        WHEN '{}' THEN jsonb_build_object('compression', sketch.compression, 'values', to_jsonb(sketch.means))
        ELSE jsonb_build_object('compression', sketch.compression, 'min', sketch.least, 'max', sketch.greatest, 'sum', sketch.total, 'centroids',
                 (SELECT jsonb_agg(CASE WHEN u.w = 1 THEN jsonb_build_array(u.m, 1) ELSE jsonb_build_array(u.m, u.w, 'mixed') END ORDER BY u.o)
                    FROM unnest(sketch.means, sketch.weights) WITH ORDINALITY u(m, w, o))) END
$$;
