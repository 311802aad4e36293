-- Owns: what sketches look like to people and programs beyond their own text: casts to jsonb of the counts, and a histogram as rows
-- of text.

CREATE OR REPLACE FUNCTION tally_internal._funnel_counts_jsonb(counts tally.funnel_counts) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(jsonb_agg(to_jsonb(s) - 'name' ORDER BY s.step), '[]') FROM tally.funnel_steps(counts) s
$$;
COMMENT ON FUNCTION tally_internal._funnel_counts_jsonb(tally.funnel_counts) IS 'Cast of funnel counts to jsonb.';

CREATE OR REPLACE FUNCTION tally_internal._retention_counts_jsonb(counts tally.retention_counts) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.period), '[]') FROM tally.retention_periods(counts) p
$$;
COMMENT ON FUNCTION tally_internal._retention_counts_jsonb(tally.retention_counts) IS 'Cast of retention counts to jsonb.';

-- Edges of 1, 2 or 5 times a power of ten, as people would draw them; numeric, so that 0.3 is 0.3.
CREATE OR REPLACE FUNCTION tally_internal._round_edges(low float8, high float8, buckets int) RETURNS numeric[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(trim_scale(edge) ORDER BY edge)
FROM (SELECT (high::numeric - low::numeric) / greatest(buckets, 1) AS width) AS wanted,
     -- A CASE guards it, because a planner that knows the width computes the logarithm before it looks at WHERE.
     LATERAL (SELECT 10::numeric ^ floor(log(CASE WHEN width > 0 THEN width END)) AS power WHERE width > 0) AS ten,
     LATERAL (SELECT min(power * digit) AS step FROM unnest('{1,2,5,10}'::numeric[]) AS digit WHERE power * digit >= width) AS nice,
     LATERAL generate_series(floor(low::numeric / step) * step, high::numeric, step) AS edge
$$;
COMMENT ON FUNCTION tally_internal._round_edges(float8, float8, int) IS 'Round lower edges of about so many buckets from low to high.';

-- Edges of 1, 2 and 5 times each power of ten, for values that span many of them.
CREATE OR REPLACE FUNCTION tally_internal._log_edges(low float8, high float8, buckets int) RETURNS numeric[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
WITH bounds AS (SELECT floor(log(low::numeric))::int AS first, floor(log(high::numeric))::int AS last WHERE low > 0),
     -- The fewer buckets are asked for, the fewer digits, and then powers, have an edge.
     digits AS (SELECT b.*, CASE WHEN 3 * (last - first + 1) <= buckets + 2 THEN '{1,2,5}'::numeric[] WHEN 2 * (last - first + 1) <= buckets + 2 THEN '{1,3}'
                            ELSE '{1}' END AS list, greatest(1, ceil((last - first + 1)::numeric / (buckets + 1)))::int AS step FROM bounds b),
     edges AS (SELECT trim_scale(('1e' || power)::numeric * digit) AS edge FROM digits, generate_series(first, last, step) power, unnest(list) digit)
SELECT array_agg(edge ORDER BY edge)
  FROM edges WHERE edge <= high::numeric AND edge >= (SELECT max(e.edge) FROM edges e WHERE e.edge <= low::numeric)
$$;
COMMENT ON FUNCTION tally_internal._log_edges(float8, float8, int) IS
'Lower edges of about so many buckets from low to high, both above 0, that grow as powers of ten do.';

CREATE OR REPLACE FUNCTION tally.histogram_text(sketch tally.tdigest, buckets int DEFAULT 10, width int DEFAULT 40, scale text DEFAULT 'linear')
    RETURNS TABLE (low numeric, high numeric, "values" bigint, bar text)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    least float8;
    greatest float8;
    below bigint;
    lowest float8;
    edges numeric[];
    counts bigint[];
BEGIN
    IF buckets IS NULL OR buckets NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'buckets of a histogram expected in 1 to 1000, got %', coalesce(buckets::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'Each bucket is a row, and a line of the picture.',
                HINT = 'SELECT * FROM tally.histogram_text((SELECT tally.tdigest(value) FROM …), 10)';
    END IF;
    IF scale IS NULL OR scale NOT IN ('linear', 'log') THEN
        RAISE EXCEPTION 'scale of a histogram expected to be linear or log, got %', coalesce(scale, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'linear gives buckets of one width, log buckets of one ratio.',
                HINT = 'SELECT * FROM tally.histogram_text((SELECT tally.tdigest(value) FROM …), scale => ''log'')';
    END IF;
    -- NaN and the infinities have no place on an axis: they are counted in the outermost buckets.
    SELECT min(v), max(v) INTO least, greatest
    FROM unnest(tally.percentile(sketch, '{0,0.01,0.05,0.25,0.5,0.75,0.95,0.99,1}'::float8[])) AS v
    WHERE v NOT IN ('NaN', 'Infinity', '-Infinity');
    IF least IS NULL THEN
        RETURN;
    END IF;
    IF scale = 'log' AND least <= 0 THEN
        -- What is not above 0 has no logarithm: it is one bucket, below the least value above 0, which is the one behind those.
        below := (tally.histogram(sketch, ARRAY[1e-300::float8]))[1];
        lowest := CASE WHEN below < tally.count(sketch) THEN tally.percentile(sketch, below::float8 / GREATEST(tally.count(sketch) - 1, 1)) END;
        -- A digest of many values knows it nearly.
        lowest := CASE WHEN lowest > 0 THEN lowest WHEN greatest > 0 THEN greatest / 1000 END;
        edges := least::numeric || tally_internal._log_edges(lowest, greatest, buckets);
    ELSIF scale = 'log' THEN
        edges := tally_internal._log_edges(least, greatest, buckets);
    END IF;
    edges := coalesce(edges, tally_internal._round_edges(least, greatest, buckets), ARRAY[least::numeric]);
    counts := tally.histogram(sketch, edges[2:]::float8[]);
    RETURN QUERY
    SELECT edges[i], trim_scale(coalesce(edges[i + 1], greatest::numeric)), counts[i],
           tally.bar(counts[i], (SELECT max(c) FROM unnest(counts) AS c), width)
    FROM generate_subscripts(edges, 1) AS i ORDER BY i;
END $$;
COMMENT ON FUNCTION tally.histogram_text(tally.tdigest, int, int, text) IS
'A histogram to read at a psql prompt: about the given number of buckets with round edges (low is included), how many values lie in each, and a bar. NaN '
'and the infinities count in the outermost buckets. With scale log, edges grow like powers of ten, and all values of 0 and less are one bucket.';
