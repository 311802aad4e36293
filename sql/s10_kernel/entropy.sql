-- Owns: entropy, how diverse a distribution is, from counts that merge (tally.jsonb_totals).

CREATE OR REPLACE FUNCTION tally.entropy(counts jsonb) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Shannon 1948: H = -sum p log2 p. A key that is not counted adds nothing. 0 log 0 is 0, also where a share rounds to 0.
    SELECT -sum(n / total * log(2, NULLIF(n / total, 0)))::float8
      FROM (SELECT (value #>> '{}')::numeric AS n, sum((value #>> '{}')::numeric) OVER () AS total
              FROM jsonb_each(counts) WHERE jsonb_typeof(value) = 'number' AND (value #>> '{}')::numeric > 0) x
$$;
COMMENT ON FUNCTION tally.entropy(jsonb) IS
'Shannon entropy in bits of counts by key ({"fight": 3, "flee": 1}): 0 when all is one key, log2 of the number of keys when all are equal; NULL without '
'counts.';

CREATE OR REPLACE FUNCTION tally.entropy(counts tally.totals) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT tally.entropy(counts::pg_catalog.jsonb)';
COMMENT ON FUNCTION tally.entropy(tally.totals) IS 'Shannon entropy in bits of merged counts by key.';
