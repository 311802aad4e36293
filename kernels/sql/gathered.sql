-- Owns: aggregates of one argument in SQL, wherever they are called. They gather values by PostgreSQL's own array_append(), and a function of the array
-- computes them, the one by which the engine does (computed.sql): no PL/pgSQL runs per row. A group's values are in memory meanwhile. rolled.sql does
-- the same for tally.rollup(). Of two and more arguments no function of PostgreSQL gathers, so those aggregates run PL/pgSQL for each row.

CREATE OR REPLACE AGGREGATE tally.tdigest(value float8) (
    SFUNC = array_append, STYPE = float8[], FINALFUNC = tally_internal._tdigest_of, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.stats(y float8) (
    SFUNC = array_append, STYPE = float8[], FINALFUNC = tally_internal._stats_of, SSPACE = 8192, PARALLEL = SAFE
);
CREATE OR REPLACE AGGREGATE tally.jsonb_totals(value jsonb) (
    SFUNC = array_append, STYPE = jsonb[], FINALFUNC = tally_internal._totals_of, SSPACE = 8192, PARALLEL = SAFE
);

CREATE FUNCTION tally_internal._topk_of(items text[]) RETURNS tally.topk
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._topk_of(items, 10, NULL);
COMMENT ON FUNCTION tally_internal._topk_of(text[]) IS 'The heaviest items of a group, as many as tally.topk(item) keeps.';
CREATE OR REPLACE AGGREGATE tally.topk(item text) (
    SFUNC = array_append, STYPE = text[], FINALFUNC = tally_internal._topk_of, SSPACE = 8192, PARALLEL = SAFE
);

-- array_append() gathers values of a type, but not those of anyelement.
CREATE FUNCTION tally_internal._hll_of_values(given anyarray) RETURNS tally.hll
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT tally_internal._hll_of(pg_catalog.array_agg(tally_internal._hll_hash(v))) FROM pg_catalog.unnest(given) v
$$;
COMMENT ON FUNCTION tally_internal._hll_of_values(anyarray) IS 'The distinct count of the values of an array.';
CREATE FUNCTION tally_internal._distinct_of_values(given anyarray) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT tally.distinct_count(tally_internal._hll_of_values(given))';
COMMENT ON FUNCTION tally_internal._distinct_of_values(anyarray) IS 'How many different values an array has, by tally.hll().';
DO $$
DECLARE
    counted record;
BEGIN
    FOR counted IN SELECT p.proname AS name, p.proargtypes[0]::regtype AS type FROM pg_proc p
                    WHERE p.pronamespace = 'tally'::regnamespace AND p.proname IN ('hll', 'approx_distinct') AND p.prokind = 'a' AND p.pronargs = 1
                      AND p.proargtypes[0] <> 'anyelement'::regtype LOOP
        EXECUTE format('CREATE OR REPLACE AGGREGATE tally.%I(value %s) (SFUNC = array_append, STYPE = %2$s[], FINALFUNC = tally_internal.%s, SSPACE = 8192)',
                       counted.name, counted.type, CASE counted.name WHEN 'hll' THEN '_hll_of_values' ELSE '_distinct_of_values' END);
    END LOOP;
END $$;

CREATE FUNCTION tally_internal._times_of(given timestamptz[]) RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT pg_catalog.array_agg(t ORDER BY t) FROM pg_catalog.unnest(given) t WHERE t IS NOT NULL';
COMMENT ON FUNCTION tally_internal._times_of(timestamptz[]) IS 'Times in order.';
CREATE OR REPLACE AGGREGATE tally_internal._times(at timestamptz) (
    SFUNC = array_append, STYPE = timestamptz[], FINALFUNC = tally_internal._times_of, SSPACE = 8192, PARALLEL = SAFE
);
