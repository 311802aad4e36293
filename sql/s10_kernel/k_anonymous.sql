-- Owns: tally.k_anonymous(), a sum that is shown only where k or more distinct people are behind it. For analysts, who may read the rows: it is
-- no gate, since EXPLAIN ANALYZE and subtraction go past it. What readers without access may see is a release (sql/s75_release).

CREATE OR REPLACE FUNCTION tally_internal._k_add(state tally.k_total, value numeric, person anyelement, k int) RETURNS tally.k_total
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(tally.add(state.people, person), CASE WHEN value IS NULL THEN state.total ELSE COALESCE(state.total, 0) + value END,
               GREATEST(state.k, k))::tally.k_total
$$;
COMMENT ON FUNCTION tally_internal._k_add(tally.k_total, numeric, anyelement, int) IS 'Transition of tally.k_anonymous(value, person, k).';

CREATE OR REPLACE FUNCTION tally_internal._k_add(state tally.k_total, value numeric, person anyelement) RETURNS tally.k_total
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._k_add(state, value, person, 10) $$;
COMMENT ON FUNCTION tally_internal._k_add(tally.k_total, numeric, anyelement) IS 'Transition of tally.k_anonymous(value, person).';

CREATE OR REPLACE FUNCTION tally_internal._k_merge(a tally.k_total, b tally.k_total) RETURNS tally.k_total
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(tally.merge(a.people, b.people), COALESCE(a.total + b.total, a.total, b.total), GREATEST(a.k, b.k))::tally.k_total
$$;
COMMENT ON FUNCTION tally_internal._k_merge(tally.k_total, tally.k_total) IS 'Combines partial states of tally.k_anonymous().';

CREATE OR REPLACE FUNCTION tally_internal._k_final(state tally.k_total) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state.k IS NULL AND num_nonnulls(state.people, state.total) > 0 OR state.k < 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('k must be 2 or more, got %s', COALESCE(state.k::text, 'NULL')),
            DETAIL = 'A value is shown where k or more distinct people are behind it.', HINT = 'SELECT tally.k_anonymous(value, person, 10) FROM …;';
    END IF;
    RETURN tally.suppress_below(state.total, state.people, state.k);
END $$;
COMMENT ON FUNCTION tally_internal._k_final(tally.k_total) IS 'Finishes tally.k_anonymous().';

CREATE OR REPLACE AGGREGATE tally.k_anonymous(value numeric, person anyelement, k int) (
    SFUNC = tally_internal._k_add, STYPE = tally.k_total, COMBINEFUNC = tally_internal._k_merge, FINALFUNC = tally_internal._k_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.k_anonymous(numeric, anyelement, int) IS
'The sum of value if k or more distinct persons stand behind it, else NULL. With 1 as value it is the number of rows. If persons are too many to count '
'exactly, their estimate is lowered by three standard errors. It is for readers who may read the rows, and no protection against others.';

CREATE OR REPLACE AGGREGATE tally.k_anonymous(value numeric, person anyelement) (
    SFUNC = tally_internal._k_add, STYPE = tally.k_total, COMBINEFUNC = tally_internal._k_merge, FINALFUNC = tally_internal._k_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.k_anonymous(numeric, anyelement) IS 'tally.k_anonymous(value, person, 10).';
