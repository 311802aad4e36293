-- Owns: whether a stored value is what the definition gives. Sums of floats and sketches depend on the order of rows, in their last bits or
-- within their own error. CLUSTER, a restore or a parallel plan changes that order. So these are compared by what they answer, and everything
-- else by the equality of its type.

CREATE OR REPLACE FUNCTION tally_internal._alike(a float8, b float8, apart float8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NOT DISTINCT FROM b
                WHEN a = b THEN true
                WHEN a IN ('NaN', 'Infinity', '-Infinity') OR b IN ('NaN', 'Infinity', '-Infinity') THEN false
                -- Floats of different signs may be further apart than a float8 can say.
                WHEN greatest(abs(a), abs(b)) > 1e300 AND sign(a) <> sign(b) THEN false
                ELSE abs(a - b) <= apart END
$$;
COMMENT ON FUNCTION tally_internal._alike(float8, float8, float8) IS 'Whether two floats are no further apart than that.';

CREATE OR REPLACE FUNCTION tally_internal._size_of(a float8, b float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- The bounds keep products within float8, because PostgreSQL raises an error beyond it.
    SELECT least(greatest(abs(a), abs(b), 1e-100), 1e150)
$$;
COMMENT ON FUNCTION tally_internal._size_of(float8, float8) IS 'The larger of two sizes, as one that can be multiplied; NULL counts for nothing.';

CREATE OR REPLACE FUNCTION tally_internal._alike(a tally.stats, b tally.stats) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- The mean rounds as its numbers are large (x), the variance as its root (dx) times that; of numbers that are all alike, as the square of the mean's.
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE tally.count(a) IS NOT DISTINCT FROM tally.count(b)
                 AND tally_internal._alike(tally.mean(a), tally.mean(b), 1e-9 * x) AND tally_internal._alike(tally.mean_x(a), tally.mean_x(b), 1e-9 * y)
                 AND tally_internal._alike(tally.variance(a), tally.variance(b), 1e-6 * dx * dx + 1e-10 * dx * x + 1e-24 * x * x)
                 AND tally_internal._alike(tally.variance_x(a), tally.variance_x(b), 1e-6 * dy * dy + 1e-10 * dy * y + 1e-24 * y * y)
                 AND tally_internal._alike(tally.covariance(a), tally.covariance(b), 1e-6 * dx * dy + 1e-10 * (dx * y + dy * x) + 1e-24 * x * y) END
      FROM (SELECT tally_internal._size_of(tally.mean(a), sqrt(tally.variance(a))) AS x,
          tally_internal._size_of(tally.mean_x(a), sqrt(tally.variance_x(a))) AS y,
                   tally_internal._size_of(sqrt(tally.variance(a)), 0) AS dx, tally_internal._size_of(sqrt(tally.variance_x(a)), 0) AS dy) s
$$;
COMMENT ON FUNCTION tally_internal._alike(tally.stats, tally.stats) IS
'Whether two statistics give the same count, means, variances and covariance, but for the order of the sums.';

CREATE OR REPLACE FUNCTION tally_internal._alike(a tally.moments, b tally.moments) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Means and covariances round as those of tally.stats do.
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                WHEN tally.count(a) <> tally.count(b) OR tally.variables(a) <> tally.variables(b) THEN false
                ELSE NOT EXISTS (
                    WITH size AS (SELECT i, tally_internal._size_of(tally.mean(a, i), sqrt(tally.variance(a, i))) AS whole,
                                         tally_internal._size_of(sqrt(tally.variance(a, i)), 0) AS apart FROM generate_series(1, tally.variables(a)) i)
                    SELECT FROM size x, size y
                     WHERE NOT tally_internal._alike(tally.mean(a, x.i), tally.mean(b, x.i), 1e-9 * x.whole)
                        OR NOT tally_internal._alike(tally.covariance(a, x.i, y.i), tally.covariance(b, x.i, y.i),
                               1e-6 * x.apart * y.apart + 1e-10 * (x.apart * y.whole + y.apart * x.whole) + 1e-24 * x.whole * y.whole)) END
$$;
COMMENT ON FUNCTION tally_internal._alike(tally.moments, tally.moments) IS
'Whether two moments give the same count, means and covariances, but for the order of the sums.';

CREATE OR REPLACE FUNCTION tally_internal._alike(a tally.tdigest, b tally.tdigest) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE tally.count(a) = tally.count(b) AND tally.min(a) IS NOT DISTINCT FROM tally.min(b) AND tally.max(a) IS NOT DISTINCT FROM tally.max(b)
                 AND tally_internal._alike(tally.mean(a), tally.mean(b), 1e-6 * size)
                 -- A quantile of one digest lies between two quantiles of the other, half a percent of rank below and above.
                 AND NOT EXISTS (SELECT FROM unnest('{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}'::float8[]) q
                                  WHERE NOT tally_internal._alike(tally.percentile(a, q), tally.percentile(b, q), 1e-9 * size)
                                    AND NOT tally.percentile(a, q) BETWEEN tally.percentile(b, q - 0.005) AND tally.percentile(b, q + 0.005)) END
      FROM (SELECT tally_internal._size_of(tally.min(a), tally.max(a)) AS size) x
$$;
COMMENT ON FUNCTION tally_internal._alike(tally.tdigest, tally.tdigest) IS
'Whether two digests give the same count, ends and mean, and quantiles within their own error.';

CREATE OR REPLACE FUNCTION tally_internal._alike(a tally.topk, b tally.topk) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE tally.count(a) = tally.count(b)
                 AND NOT EXISTS (SELECT FROM tally.top(a) x JOIN tally.top(b) y USING (item)
                                  WHERE x.lower > y.upper OR y.lower > x.upper) END
$$;
COMMENT ON FUNCTION tally_internal._alike(tally.topk, tally.topk) IS
'Whether two lists of heavy items give the same total, and counts that agree within their bounds.';

CREATE OR REPLACE FUNCTION tally_internal._has_equality(type regtype) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN t.typtype = 'd' THEN tally_internal._has_equality(t.typbasetype::regtype)
                WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN tally_internal._has_equality(t.typelem::regtype)
                -- A sketch that is a row compares by its fields.
                ELSE t.typtype IN ('e', 'r', 'm') OR t.typtype = 'c' AND tally_internal._is_part('pg_type'::regclass, type)
                     OR EXISTS (SELECT FROM pg_operator o WHERE o.oprname = '=' AND o.oprleft = type AND o.oprright = type
                                                             AND (o.oprcanmerge OR o.oprcanhash)) END
      FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._has_equality(regtype) IS 'Whether values of a type can be compared by its own =.';

CREATE OR REPLACE FUNCTION tally_internal._float_sums(rollup_id int) RETURNS TABLE (name text, ordinal int, size text, precision_ float8)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- The measure with another function in place of its own, over the same argument, filter and rows.
    SELECT m.name, m.ordinal, regexp_replace(regexp_replace(m.expression, '^\s*(pg_catalog\s*\.\s*)?(sum|avg)\s*\(', 'tally_internal._sizes(', 'i'),
                                             '\s*::[a-z0-9_". ]+\s*$', '', 'i'),
           CASE tally_internal._base_type(to_regtype(m.type)) WHEN 'float8'::regtype THEN 4.5e-16 ELSE 2.4e-7 END
      FROM tally.measures m
     WHERE m.rollup_id = $1 AND tally_internal._base_type(to_regtype(m.type)) IN ('float4'::regtype, 'float8'::regtype)
       AND m.expression ~* '^\s*(pg_catalog\s*\.\s*)?(sum|avg)\s*\([^()]*(\([^()]*(\([^()]*\)[^()]*)*\)[^()]*)*\)(\s*filter\s*\(.*\)|\s*::[a-z0-9_". ]+)?\s*$'
$$;
COMMENT ON FUNCTION tally_internal._float_sums(int) IS
'Measures that are sums (or means) of floats, the expression that tells how large their summands are, and twice the precision of their type.';

CREATE OR REPLACE FUNCTION tally_internal._sizes_sql(rollup_id int) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ', pg_catalog.count(*) AS _tally_count' || COALESCE(string_agg(format(', %s AS _tally_size_%s', f.size, f.ordinal), '' ORDER BY f.ordinal), '')
      FROM tally_internal._float_sums(rollup_id) f
$$;
COMMENT ON FUNCTION tally_internal._sizes_sql(int) IS
'What a definition computes besides, to be compared: how many rows there are, and how large the summands of sums of floats.';

CREATE OR REPLACE FUNCTION tally_internal._differs_sql(rollup_id int, fresh text, stored text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format(CASE
        -- Each of two sums of n floats is off by no more than n roundings of the sum of their sizes (precision_ is for both).
        WHEN f.name IS NOT NULL THEN format('NOT tally_internal._alike(%%1$s.%%3$I::pg_catalog.float8, %%2$s.%%3$I::pg_catalog.float8, '
            '%s::pg_catalog.float8 * %%1$s._tally_count * GREATEST(%%1$s._tally_size_%s, 1e-280::pg_catalog.float8))', f.precision_, f.ordinal)
        WHEN m.base IN ('float4'::regtype, 'float8'::regtype) AND m.expression !~* '^\s*(pg_catalog\s*\.\s*)?(min|max)\s*\(' THEN
            format('NOT tally_internal._alike(%%1$s.%%3$I::pg_catalog.float8, %%2$s.%%3$I::pg_catalog.float8, '
                '%s * GREATEST(pg_catalog.abs(%%1$s.%%3$I), pg_catalog.abs(%%2$s.%%3$I), 1))',
                CASE m.base WHEN 'float4'::regtype THEN '1e-3' ELSE '1e-9' END)
        WHEN m.base IN ('tally.stats'::regtype, 'tally.moments'::regtype, 'tally.tdigest'::regtype, 'tally.topk'::regtype) THEN
            'NOT tally_internal._alike(%1$s.%3$I, %2$s.%3$I)'
        WHEN tally_internal._has_equality(m.base) THEN '%1$s.%3$I IS DISTINCT FROM %2$s.%3$I'
        ELSE '%1$s.%3$I::pg_catalog.text IS DISTINCT FROM %2$s.%3$I::pg_catalog.text' END, fresh, stored, m.name), ' OR ' ORDER BY m.ordinal)
      FROM (SELECT x.name, x.ordinal, x.expression, tally_internal._base_type(to_regtype(x.type)) AS base FROM tally.measures x WHERE x.rollup_id = $1) m
      LEFT JOIN tally_internal._float_sums($1) f USING (ordinal)
$$;
COMMENT ON FUNCTION tally_internal._differs_sql(int, text, text) IS
'SQL text of whether the measures of two rows of a rollup (their names in a FROM), one of them computed with _sizes_sql(), mean something else.';
