-- Owns: the stored forms of what goes by time, and of counts of funnels and retentions, as the library writes and reads them.

CREATE FUNCTION tally_internal._moment_of(value text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' AS $$
    -- The year 0 is 1 before Christ.
    SELECT CASE WHEN value ~ '^(-|0000)' THEN regexp_replace(value, '^-?\d+', lpad((1 + substring(value FROM '\d+')::int)::text, 4, '0')) || ' BC'
                ELSE value END::timestamptz
$$;
COMMENT ON FUNCTION tally_internal._moment_of(text) IS 'The moment of a text by _moment_text().';

CREATE FUNCTION tally_internal._form(value tally.timed) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._timed_jsonb(value) $$;
COMMENT ON FUNCTION tally_internal._form(tally.timed) IS 'The stored form of a first or last value, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.timed) RETURNS tally.timed
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(form ->> 'which' = 'last', form ->> 'type', CASE form ->> 'type' WHEN 'float8' THEN (form ->> 'value')::float8::text ELSE form ->> 'value' END,
               tally_internal._moment_of(form ->> 'time'))::tally.timed WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.timed) IS 'A first or last value of its stored form.';

CREATE FUNCTION tally_internal._form(value tally.ohlc) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._ohlc_jsonb(value) $$;
COMMENT ON FUNCTION tally_internal._form(tally.ohlc) IS 'The stored form of four points of a series, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.ohlc) RETURNS tally.ohlc
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(tally_internal._moment_of(form #>> '{open,0}'), (form #>> '{open,1}')::float8, tally_internal._moment_of(form #>> '{high,0}'),
               (form #>> '{high,1}')::float8, tally_internal._moment_of(form #>> '{low,0}'), (form #>> '{low,1}')::float8,
               tally_internal._moment_of(form #>> '{close,0}'), (form #>> '{close,1}')::float8)::tally.ohlc WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.ohlc) IS 'Four points of a series of their stored form.';

CREATE FUNCTION tally_internal._form(value tally.readings) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN x.form #> '{parts,0}' ? 'sum'
                THEN jsonb_set(x.form, '{parts,0,sum}', to_jsonb(tally_internal._hexadecimal((x.form #>> '{parts,0,sum}')::numeric))) ELSE x.form END
      FROM (SELECT tally_internal._readings_jsonb(value) AS form) x
$$;
COMMENT ON FUNCTION tally_internal._form(tally.readings) IS 'The stored form of readings, as JSON: their sum is in hexadecimal.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.readings) RETURNS tally.readings
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(form ->> 'kind', '{}'::timestamptz[], '{}'::float8[], ARRAY(
               SELECT ROW((p.v ->> 'count')::bigint, tally_internal._moment_of(p.v #>> '{first,0}'), (p.v #>> '{first,1}')::float8,
                          tally_internal._moment_of(COALESCE(p.v #>> '{last,0}', p.v #>> '{first,0}')),
                          COALESCE(p.v #>> '{last,1}', p.v #>> '{first,1}')::float8, COALESCE((p.v ->> 'changes')::bigint, 0),
                          COALESCE((p.v ->> 'resets')::bigint, 0),
                          COALESCE((p.v ->> 'odd')::boolean, (p.v #>> '{first,1}') IN ('NaN', 'Infinity', '-Infinity')),
                          COALESCE(tally_internal._of_hexadecimal(p.v ->> 'sum'), 0))::tally_internal.readings_part
                 FROM jsonb_array_elements(form -> 'parts') WITH ORDINALITY p(v, n) ORDER BY p.n))::tally.readings WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.readings) IS 'Readings of their stored form.';

CREATE FUNCTION tally_internal._form(value tally.state_time) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._state_time_jsonb(value) $$;
COMMENT ON FUNCTION tally_internal._form(tally.state_time) IS 'The stored form of times of states, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.state_time) RETURNS tally.state_time
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW('{}'::timestamptz[], '{}'::text[], ARRAY(
               SELECT ROW((p.v ->> 'count')::bigint, tally_internal._moment_of(p.v #>> '{first,0}'), p.v #>> '{first,1}',
                          tally_internal._moment_of(COALESCE(p.v #>> '{last,0}', p.v #>> '{first,0}')), COALESCE(p.v #>> '{last,1}', p.v #>> '{first,1}'),
                          COALESCE((p.v ->> 'changes')::bigint, 0), COALESCE(p.v -> 'microseconds', '{}'))::tally_internal.states_part
                 FROM jsonb_array_elements(form -> 'parts') WITH ORDINALITY p(v, n) ORDER BY p.n))::tally.state_time WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.state_time) IS 'Times of states of their stored form.';

CREATE OR REPLACE FUNCTION tally_internal._form(value tally.funnel_counts) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('reached', (value).reached,
               'seconds', COALESCE((SELECT jsonb_agg(tally_internal._form((value).seconds[n]) ORDER BY n)
                                     FROM generate_subscripts((value).seconds, 1) n), '[]'))
$$;
CREATE OR REPLACE FUNCTION tally_internal._of_form(form jsonb, kind tally.funnel_counts) RETURNS tally.funnel_counts
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN form IS NOT NULL THEN ROW(tally_internal._numbers(form -> 'reached')::bigint[],
        CASE WHEN jsonb_path_exists(form, '$.seconds[*] ? (@.type() == "object")')
             THEN ARRAY(SELECT tally_internal._of_form(NULLIF(e.v, 'null'), NULL::tally.tdigest)
                          FROM jsonb_array_elements(form -> 'seconds') WITH ORDINALITY e(v, n) ORDER BY e.n)
             ELSE '{}' END)::tally.funnel_counts END;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._form(value tally.retention_counts) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('eligible', (value).eligible, 'retained', (value).retained)
$$;
CREATE OR REPLACE FUNCTION tally_internal._of_form(form jsonb, kind tally.retention_counts) RETURNS tally.retention_counts
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN form IS NOT NULL THEN ROW(tally_internal._numbers(form -> 'eligible')::bigint[],
        tally_internal._numbers(form -> 'retained')::bigint[])::tally.retention_counts END;
END $$;
