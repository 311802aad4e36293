-- Owns: suppression where the people are counted by a sketch.

CREATE FUNCTION tally.suppress_below(value anyelement, people tally.hll, k int DEFAULT 10) RETURNS anyelement
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN (tally.distinct_count(people) OPERATOR(pg_catalog.*) (1 OPERATOR(pg_catalog.-) (3 OPERATOR(pg_catalog.*) tally.relative_error(people)))) OPERATOR(pg_catalog.>=) k THEN value END';
COMMENT ON FUNCTION tally.suppress_below(anyelement, tally.hll, int) IS 'value where k or more distinct people stand behind it, else NULL. An estimate counts three standard errors low; the sketch of few people is exact.';
