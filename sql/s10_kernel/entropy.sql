-- Owns: entropy, how diverse a distribution is, from counts that merge (tally.jsonb_totals).

CREATE OR REPLACE FUNCTION tally.entropy(counts jsonb) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_jsonb_entropy';
COMMENT ON FUNCTION tally.entropy(jsonb) IS
'Shannon entropy in bits of counts by key ({"fight": 3, "flee": 1}): 0 when all is one key, log2 of the number of keys when all are equal; NULL without '
'counts. What is no number above 0 is not counted.';

CREATE OR REPLACE FUNCTION tally.entropy(counts tally.totals) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'tally_totals_entropy';
COMMENT ON FUNCTION tally.entropy(tally.totals) IS 'Shannon entropy in bits of merged counts by key.';
