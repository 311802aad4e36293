-- Owns: when a stored value is what the definition gives. Sums of floats and sketches depend on the order in which rows came, in
-- their last bits or within their own error; the order changes by CLUSTER, a restore, a parallel plan. So they are compared by what they
-- answer, and everything else by the equality of its type.

CREATE OR REPLACE FUNCTION tally_internal._alike(a float8, b float8, relative float8 DEFAULT 1e-9) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NOT DISTINCT FROM b
                WHEN a = b THEN true
                WHEN a IN ('NaN', 'Infinity', '-Infinity') OR b IN ('NaN', 'Infinity', '-Infinity') THEN false
                -- Of different signs they may be further apart than a float8 can say.
                WHEN greatest(abs(a), abs(b)) > 1e300 AND sign(a) <> sign(b) THEN false
                ELSE abs(a - b) <= relative * greatest(abs(a), abs(b), 1) END
$$;
COMMENT ON FUNCTION tally_internal._alike(float8, float8, float8) IS 'Whether two floats differ by no more than the order of a sum explains.';

CREATE OR REPLACE FUNCTION tally_internal._alike(a tally.stats, b tally.stats) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE tally.count(a) IS NOT DISTINCT FROM tally.count(b)
                 AND tally_internal._alike(tally.mean(a), tally.mean(b)) AND tally_internal._alike(tally.mean_x(a), tally.mean_x(b))
                 AND tally_internal._alike(tally.variance(a), tally.variance(b), 1e-6) AND tally_internal._alike(tally.variance_x(a), tally.variance_x(b), 1e-6)
                 AND tally_internal._alike(tally.covariance(a), tally.covariance(b), 1e-6) END
$$;
COMMENT ON FUNCTION tally_internal._alike(tally.stats, tally.stats) IS
'Whether two statistics give the same count, means, variances and covariance, but for the order of the sums.';

CREATE OR REPLACE FUNCTION tally_internal._alike(a tally.tdigest, b tally.tdigest) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
                ELSE tally.count(a) = tally.count(b) AND tally.min(a) IS NOT DISTINCT FROM tally.min(b) AND tally.max(a) IS NOT DISTINCT FROM tally.max(b)
                 AND tally_internal._alike(tally.mean(a), tally.mean(b), 1e-6)
                 -- A quantile of the one lies between those of the other half a percent of rank around it.
                 AND NOT EXISTS (SELECT FROM unnest('{0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}'::float8[]) q
                                  WHERE NOT tally_internal._alike(tally.percentile(a, q), tally.percentile(b, q))
                                    AND NOT tally.percentile(a, q) BETWEEN tally.percentile(b, q - 0.005) AND tally.percentile(b, q + 0.005)) END
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
                ELSE t.typtype IN ('e', 'r', 'm') OR EXISTS (SELECT FROM pg_operator o WHERE o.oprname = '=' AND o.oprleft = type AND o.oprright = type
                                                             AND (o.oprcanmerge OR o.oprcanhash)) END
      FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._has_equality(regtype) IS 'Whether values of a type can be compared by its own =.';

CREATE OR REPLACE FUNCTION tally_internal._differs_sql(rollup_id int, a text, b text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format(CASE WHEN m.base IN ('float4'::regtype, 'float8'::regtype, 'tally.stats'::regtype, 'tally.tdigest'::regtype, 'tally.topk'::regtype)
                                  THEN 'NOT tally_internal._alike(%1$s.%3$I' || CASE m.base
                                      WHEN 'float4'::regtype THEN '::pg_catalog.float8, %2$s.%3$I::pg_catalog.float8, 1e-3)' ELSE ', %2$s.%3$I)' END
                                  WHEN tally_internal._has_equality(m.base) THEN '%1$s.%3$I IS DISTINCT FROM %2$s.%3$I'
                                  ELSE '%1$s.%3$I::pg_catalog.text IS DISTINCT FROM %2$s.%3$I::pg_catalog.text' END, a, b, m.name), ' OR ' ORDER BY m.ordinal)
      FROM (SELECT x.name, x.ordinal, tally_internal._base_type(to_regtype(x.type)) AS base FROM tally.measures x WHERE x.rollup_id = $1) m
$$;
COMMENT ON FUNCTION tally_internal._differs_sql(int, text, text) IS
'SQL text of whether the measures of two rows (their names in a FROM) of a rollup mean something else.';
