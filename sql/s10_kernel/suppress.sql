-- Owns: suppression. A value of few people (counted by a sketch), and the cells of a table with its totals.

CREATE OR REPLACE FUNCTION tally.suppress_below(value anyelement, people tally.hll, k int DEFAULT 10) RETURNS anyelement
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN (tally.distinct_count(people) OPERATOR(pg_catalog.*) (1 OPERATOR(pg_catalog.-) (3 OPERATOR(pg_catalog.*) '
        'tally.relative_error(people)))) OPERATOR(pg_catalog.>=) k OR tally.distinct_count(people) OPERATOR(pg_catalog.=) 0 AND k IS NOT NULL '
        'AND (value)::pg_catalog.text OPERATOR(pg_catalog.~) ''^-?0(\.0*)?$'' THEN value END';
COMMENT ON FUNCTION tally.suppress_below(anyelement, tally.hll, int) IS
'value where k or more distinct people stand behind it, else NULL. An estimate counts three standard errors low; the sketch of few people is exact. '
'A zero of nobody is shown.';

CREATE OR REPLACE FUNCTION tally_internal._hide_cells(people bigint[], relations jsonb, k int) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100000 AS 'MODULE_PATHNAME', 'tally_hide_cells';
COMMENT ON FUNCTION tally_internal._hide_cells(bigint[], jsonb, int) IS
'The hidden cells of a table, each with its proof, as a list of objects. tally.hide_cells() gives them as rows.';

CREATE OR REPLACE FUNCTION tally.hide_cells(people bigint[], relations jsonb, k int DEFAULT 10)
RETURNS TABLE (cell int, small boolean, low bigint, high bigint, low_table jsonb, high_table jsonb)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.cell, h.small, h.low, h.high, h.low_table, h.high_table
      FROM jsonb_to_recordset(tally_internal._hide_cells(people, relations, k))
           AS h(cell int, small boolean, low bigint, high bigint, low_table jsonb, high_table jsonb)
$$;
COMMENT ON FUNCTION tally.hide_cells(bigint[], jsonb, int) IS
'Which cells of a table to hide so that nobody can conclude that a cell holds fewer than k people: those that do (small), and as few others as '
'keep them hidden. people: distinct people of each cell, totals included, numbered from 1. relations: a list of {"total": cell, "parts": [cells], '
'"adds": false where one person may be in several parts}. Each row is a hidden cell and its proof: the least and the most that a reader can think '
'possible (high is null where there is no end), and a table of the hidden cells for either that fits all published numbers. Cells of 0 are '
'published. An error where no pattern is proved to be safe.';

CREATE OR REPLACE FUNCTION tally_internal._protect(plan jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100000 AS 'MODULE_PATHNAME', 'tally_protect';
COMMENT ON FUNCTION tally_internal._protect(jsonb) IS
'The cells to hide of a table of several measures: plan {"k", "small": [boolean of each cell], "relations": [{"total", "parts", "over"}], "layers": [{"name", '
'"counts": people or rows, "values"}]}, cells numbered from 1, the layer of people first. Gives {"hidden", "people": as far as parts allow, "disjoint": '
'the labels over of relations in which people add up, "least": the fewest people of any cell, '
'"proofs", "witnesses"}; an error where no pattern is proved to be safe.';
