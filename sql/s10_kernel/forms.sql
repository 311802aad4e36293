-- Owns: the stored forms of sketches as JSON, which both editions read and write, so that a database moves from one to the other (tally.move_out,
-- tally.move_in). They hold all that a sketch holds; the casts to jsonb are for readers.

CREATE OR REPLACE FUNCTION tally_internal._form(value anyelement) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$ SELECT value::text::jsonb $$;
COMMENT ON FUNCTION tally_internal._form(anyelement) IS 'The stored form of a sketch, as JSON.';

CREATE OR REPLACE FUNCTION tally_internal._form(value tally.funnel_counts) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('reached', tally.reached(value), 'seconds', COALESCE((
               SELECT jsonb_agg(tally_internal._form(tally.time_to_convert(value, n)) ORDER BY n)
                 FROM generate_series(2, cardinality(tally.reached(value))) n), '[]'))
$$;
COMMENT ON FUNCTION tally_internal._form(tally.funnel_counts) IS 'Actors per step, and the digests of seconds from the second step on, as JSON.';

CREATE OR REPLACE FUNCTION tally_internal._form(value tally.retention_counts) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('eligible', COALESCE(jsonb_agg(p.eligible ORDER BY p.period), '[]'),
                              'retained', COALESCE(jsonb_agg(p.retained ORDER BY p.period), '[]')) FROM tally.retention_periods(value) p
$$;
COMMENT ON FUNCTION tally_internal._form(tally.retention_counts) IS 'Eligible and retained actors per period, as JSON.';

CREATE OR REPLACE FUNCTION tally_internal._of_form(form jsonb, kind anyelement) RETURNS anyelement
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('SELECT $1::%s', pg_typeof(kind)) INTO kind USING form::text;
    RETURN kind;
END $$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, anyelement) IS 'A sketch of its stored form. kind is null, and says the type.';

CREATE OR REPLACE FUNCTION tally_internal._low_first(value bigint, bytes int) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(substr(int8send(value), i, 1), '' ORDER BY i DESC) FROM generate_series(9 - bytes, 8) i
$$;
COMMENT ON FUNCTION tally_internal._low_first(bigint, int) IS 'A number in so many bytes, the low one first.';

CREATE OR REPLACE FUNCTION tally_internal._of_form(form jsonb, kind tally.funnel_counts) RETURNS tally.funnel_counts
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- As core/src/funnel/counts.rs stores them: version, number of steps, and of each its actors and the bytes of its digest behind their number.
    bytes bytea := '\x01'::bytea || tally_internal._low_first(jsonb_array_length(form -> 'reached'), 1);
    step  bytea;
BEGIN
    FOR i IN 0 .. jsonb_array_length(form -> 'reached') - 1 LOOP
        step := CASE WHEN jsonb_typeof(form #> ARRAY['seconds', (i - 1)::text]) = 'object' AND i > 0
                     THEN tally_internal._tdigest_send(tally_internal._of_form(form #> ARRAY['seconds', (i - 1)::text], NULL::tally.tdigest)) ELSE '' END;
        bytes := bytes || tally_internal._low_first((form #>> ARRAY['reached', i::text])::bigint, 8)
                       || tally_internal._low_first(octet_length(step), 4) || step;
    END LOOP;
    RETURN CASE WHEN form IS NOT NULL THEN encode(bytes, 'hex')::tally.funnel_counts END;
END $$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.funnel_counts) IS 'The same for counts of a funnel.';

CREATE OR REPLACE FUNCTION tally_internal._of_form(form jsonb, kind tally.retention_counts) RETURNS tally.retention_counts
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- As core/src/retention/counts.rs stores them: number of periods, version, and of each period its two counts.
    bytes bytea := tally_internal._low_first(jsonb_array_length(form -> 'eligible'), 3) || '\x01'::bytea;
BEGIN
    FOR i IN 0 .. jsonb_array_length(form -> 'eligible') - 1 LOOP
        bytes := bytes || tally_internal._low_first((form #>> ARRAY['eligible', i::text])::bigint, 8)
                       || tally_internal._low_first((form #>> ARRAY['retained', i::text])::bigint, 8);
    END LOOP;
    RETURN CASE WHEN form IS NOT NULL THEN encode(bytes, 'hex')::tally.retention_counts END;
END $$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.retention_counts) IS 'The same for counts of a retention.';
