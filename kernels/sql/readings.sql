-- Owns: tally.readings in SQL: readings of a counter, a gauge or a value weighted by time. core/src/sketch/readings says what holds. What the readers
-- read is in readings_read.sql.

CREATE FUNCTION tally_internal._refuse_kind(expected text, got text, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', MESSAGE = format('readings of kind %s expected, got %s', expected, got),
        DETAIL = CASE WHEN hint IS NULL THEN 'Counters, gauges and values weighted by time keep different sums, so they do not merge.'
                      ELSE 'What readings keep depends on the aggregate that made them.' END,
        HINT = COALESCE(hint, format('SELECT tally.rollup(readings) FROM … WHERE readings::jsonb ->> ''kind'' = ''%s''', expected));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_kind(text, text, text) IS 'Refuses readings of another kind.';

CREATE FUNCTION tally_internal._readings_whole(kind text, times timestamptz[], "values" float8[], parts tally_internal.readings_part[])
    RETURNS tally_internal.readings_part
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part tally_internal.readings_part;
    bad  record;
BEGIN
    -- A row is a part of one. The order is that of (time, value); a row stands before a part that begins with the same.
    SELECT sum(s.n), min(s.ft) FILTER (WHERE s.place = 1), min(s.fv) FILTER (WHERE s.place = 1),
           min(s.lt) FILTER (WHERE s.place = s.places), min(s.lv) FILTER (WHERE s.place = s.places),
           sum(s.ch + (s.place > 1 AND (s.fv <> s.bv OR s.fv = 'NaN'))::int), sum(s.rs + (s.place > 1 AND s.fv < s.bv AND s.bv <> 'NaN')::int), bool_or(s.odd),
           sum(s.sum + CASE WHEN s.place = 1 OR s.fv IN ('NaN', 'Infinity', '-Infinity') OR s.bv IN ('NaN', 'Infinity', '-Infinity') THEN 0
                            WHEN kind = 'counter' THEN CASE WHEN s.fv < s.bv THEN s.bv::text::numeric ELSE 0 END
                            WHEN kind = 'locf' THEN s.bv::text::numeric * trunc((extract(epoch FROM s.ft) - extract(epoch FROM s.bt)) * 1000000)
                            WHEN kind = 'linear' THEN (s.bv::text::numeric + s.fv::text::numeric)
                                                      * trunc((extract(epoch FROM s.ft) - extract(epoch FROM s.bt)) * 1000000)
                            ELSE 0 END)
      INTO part
      FROM (SELECT i.*, row_number() OVER w AS place, count(*) OVER () AS places, lag(i.lt) OVER w AS bt, lag(i.lv) OVER w AS bv
              FROM (SELECT u.t, u.v, u.t, u.v, 1::bigint, 0::bigint, 0::bigint, u.v IN ('NaN', 'Infinity', '-Infinity'), 0::numeric, 0
                      FROM unnest(times, "values") u(t, v)
                    UNION ALL
                    SELECT p.first_time, p.first_value, p.last_time, p.last_value, p.count, p.changes, p.resets, p.odd, p.sum, 1 FROM unnest(parts) p)
                   i(ft, fv, lt, lv, n, ch, rs, odd, sum, of_part)
            WINDOW w AS (ORDER BY i.ft, i.fv, i.of_part)) s;
    IF cardinality(parts) > 0 AND cardinality(parts) + cardinality(times) > 1 THEN
        SELECT s.ft, s.bt INTO bad
          FROM (SELECT i.*, lag(i.lt) OVER w AS bt, lag(i.lv) OVER w AS bv
                  FROM (SELECT u.t, u.v, u.t, u.v, 0 FROM unnest(times, "values") u(t, v)
                        UNION ALL SELECT p.first_time, p.first_value, p.last_time, p.last_value, 1 FROM unnest(parts) p) i(ft, fv, lt, lv, of_part)
                WINDOW w AS (ORDER BY i.ft, i.fv, i.of_part)) s
         WHERE (s.ft, s.fv) < (s.bt, s.bv) ORDER BY s.ft, s.fv LIMIT 1;
        IF FOUND THEN PERFORM tally_internal._refuse_overlap('readings', bad.ft, bad.bt); END IF;
    END IF;
    RETURN part;
END $$;
COMMENT ON FUNCTION tally_internal._readings_whole(text, timestamptz[], float8[], tally_internal.readings_part[]) IS
'All rows and parts as one part; parts of one time are refused.';

CREATE FUNCTION tally_internal._readings_taken(state tally.readings, kind text, value float8, "time" timestamptz) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL OR "time" IS NULL OR NOT isfinite("time") THEN RETURN state; END IF;
    IF state IS NULL THEN RETURN ROW(kind, ARRAY["time"], ARRAY[value], '{}')::tally.readings; END IF;
    IF state.kind <> kind THEN PERFORM tally_internal._refuse_kind(state.kind, kind, NULL); END IF;
    state.times := state.times || "time";
    state."values" := state."values" || value;
    RETURN state;
END $$;
COMMENT ON FUNCTION tally_internal._readings_taken(tally.readings, text, float8, timestamptz) IS 'Takes a reading into a state.';

CREATE OR REPLACE FUNCTION tally_internal._counter_trans(state tally.readings, value float8, "time" timestamptz) RETURNS tally.readings
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._readings_taken(state, 'counter', value, "time");
CREATE OR REPLACE FUNCTION tally_internal._gauge_trans(state tally.readings, value float8, "time" timestamptz) RETURNS tally.readings
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._readings_taken(state, 'gauge', value, "time");
CREATE OR REPLACE FUNCTION tally_internal._time_weighted_trans(state tally.readings, value float8, "time" timestamptz) RETURNS tally.readings
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._readings_taken(state, 'locf', value, "time");
CREATE OR REPLACE FUNCTION tally_internal._time_weighted_trans(state tally.readings, value float8, "time" timestamptz, method text) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF method IS NULL OR method NOT IN ('locf', 'linear') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('method locf or linear expected, got %s', COALESCE(method, 'NULL')),
            DETAIL = 'locf: a value holds until the next one. linear: it moves in a line to the next one.',
            HINT = 'SELECT tally.time_weighted(value, time, ''linear'') FROM …';
    END IF;
    RETURN tally_internal._readings_taken(state, method, value, "time");
END $$;

CREATE OR REPLACE FUNCTION tally_internal._readings_merge(state tally.readings, sketch tally.readings) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN state; END IF;
    IF state.kind <> sketch.kind THEN PERFORM tally_internal._refuse_kind(state.kind, sketch.kind, NULL); END IF;
    RETURN ROW(state.kind, state.times || sketch.times, state."values" || sketch."values", state.parts || sketch.parts)::tally.readings;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._readings_final(state tally.readings) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN NULL; END IF;
    RETURN ROW(state.kind, '{}', '{}', ARRAY[tally_internal._readings_whole(state.kind, state.times, state."values", state.parts)])::tally.readings;
END $$;
CREATE OR REPLACE FUNCTION tally.merge(a tally.readings, b tally.readings) RETURNS tally.readings
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._readings_final(tally_internal._readings_merge(a, b));

-- How the engine computes counter, gauge and time_weighted where it refreshes: no PL/pgSQL runs per row.
CREATE FUNCTION tally_internal._readings_of(kind text, "values" float8[], times timestamptz[]) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t timestamptz[];
    v float8[];
BEGIN
    SELECT array_agg(u.t), array_agg(u.v) INTO t, v FROM unnest(times, "values") u(t, v) WHERE u.v IS NOT NULL AND isfinite(u.t);
    RETURN CASE WHEN t IS NOT NULL THEN tally_internal._readings_final(ROW(kind, t, v, '{}')::tally.readings) END;
END $$;
COMMENT ON FUNCTION tally_internal._readings_of(text, float8[], timestamptz[]) IS 'Readings of all values and times of a group; NULL of nothing.';
