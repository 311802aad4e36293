-- Owns: what is read from tally.readings: increase, delta, rate, integral, average. core/src/sketch/readings/read.rs says what holds.

CREATE FUNCTION tally_internal._readings_part(sketch tally.readings) RETURNS tally_internal.readings_part
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF cardinality(sketch.times) = 0 AND cardinality(sketch.parts) = 1 THEN RETURN sketch.parts[1]; END IF;
    RETURN tally_internal._readings_whole(sketch.kind, sketch.times, sketch."values", sketch.parts);
END $$;
COMMENT ON FUNCTION tally_internal._readings_part(tally.readings) IS 'Readings as one part.';

CREATE FUNCTION tally_internal._of_kind(sketch tally.readings, wanted text, VARIADIC kinds text[]) RETURNS tally.readings
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF sketch.kind <> ALL (kinds) THEN
        PERFORM tally_internal._refuse_kind(wanted, sketch.kind, format('SELECT tally.%s(value, time) FROM …',
            CASE wanted WHEN 'counter or gauge' THEN 'counter' ELSE wanted END));
    END IF;
    RETURN sketch;
END $$;
COMMENT ON FUNCTION tally_internal._of_kind(tally.readings, text, text[]) IS 'Readings of these kinds; others are refused.';

CREATE FUNCTION tally_internal._difference(part tally_internal.readings_part) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT part.odd AND d <= 1.7976931348623157e308 AND d >= -1.7976931348623157e308 THEN d::float8 END
      FROM (SELECT CASE WHEN NOT part.odd
                        THEN tally_internal._exact_number(part.last_value) - tally_internal._exact_number(part.first_value) + part.sum END) x(d)
$$;
COMMENT ON FUNCTION tally_internal._difference(tally_internal.readings_part) IS
'How much a counter grew from the first to the last reading, what it lost at resets included; or how much a gauge changed.';

CREATE FUNCTION tally_internal._since(sketch tally.readings, before tally.readings) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part tally_internal.readings_part := tally_internal._readings_part(sketch);
    last tally_internal.readings_part := tally_internal._readings_part(before);
BEGIN
    IF before IS NOT NULL THEN
        IF before.kind <> sketch.kind THEN PERFORM tally_internal._refuse_kind(sketch.kind, before.kind, NULL); END IF;
        part := tally_internal._readings_whole(sketch.kind, ARRAY[last.last_time], ARRAY[last.last_value], ARRAY[part]);
    END IF;
    RETURN tally_internal._difference(part);
END $$;
COMMENT ON FUNCTION tally_internal._since(tally.readings, tally.readings) IS 'The difference since the last reading of the part before, which may be NULL.';

CREATE FUNCTION tally_internal._integral(kind text, part tally_internal.readings_part) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT part.odd AND abs(part.sum) <= 1.7976931348623157e308 THEN part.sum::float8 / CASE kind WHEN 'linear' THEN 2e6 ELSE 1e6 END END
$$;
COMMENT ON FUNCTION tally_internal._integral(text, tally_internal.readings_part) IS 'Value times seconds between the first and the last reading.';

CREATE FUNCTION tally_internal._per_second(value float8, part tally_internal.readings_part) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT value / (NULLIF(tally_internal._span(part.first_time, part.last_time), 0)::float8 / 1e6)
$$;
COMMENT ON FUNCTION tally_internal._per_second(float8, tally_internal.readings_part) IS 'A number by the seconds of a part; NULL where no time passed.';

CREATE OR REPLACE FUNCTION tally.increase(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT tally_internal._since(tally_internal._of_kind(sketch, 'counter', 'counter'), NULL) $$;
CREATE OR REPLACE FUNCTION tally.increase(sketch tally.readings, before tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN sketch IS NOT NULL THEN tally_internal._since(tally_internal._of_kind(sketch, 'counter', 'counter'), before) END $$;
CREATE OR REPLACE FUNCTION tally.delta(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT tally_internal._since(tally_internal._of_kind(sketch, 'gauge', 'gauge'), NULL) $$;
CREATE OR REPLACE FUNCTION tally.delta(sketch tally.readings, before tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN sketch IS NOT NULL THEN tally_internal._since(tally_internal._of_kind(sketch, 'gauge', 'gauge'), before) END $$;
CREATE OR REPLACE FUNCTION tally.rate(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT tally_internal._per_second(tally_internal._difference(p), p)
      FROM tally_internal._readings_part(tally_internal._of_kind(sketch, 'counter or gauge', 'counter', 'gauge')) p $$;
CREATE OR REPLACE FUNCTION tally.integral(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT tally_internal._integral(sketch.kind, p) FROM tally_internal._readings_part(tally_internal._of_kind(sketch, 'time_weighted', 'locf', 'linear')) p $$;
CREATE OR REPLACE FUNCTION tally.average(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT tally_internal._per_second(tally_internal._integral(sketch.kind, p), p)
      FROM tally_internal._readings_part(tally_internal._of_kind(sketch, 'time_weighted', 'locf', 'linear')) p $$;
CREATE OR REPLACE FUNCTION tally.count(sketch tally.readings) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._readings_part(sketch)).count';
CREATE OR REPLACE FUNCTION tally.changes(sketch tally.readings) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._readings_part(sketch)).changes';
CREATE OR REPLACE FUNCTION tally.resets(sketch tally.readings) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT (tally_internal._readings_part(tally_internal._of_kind(sketch, 'counter', 'counter'))).resets $$;
CREATE OR REPLACE FUNCTION tally.first_value(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._readings_part(sketch)).first_value';
CREATE OR REPLACE FUNCTION tally.last_value(sketch tally.readings) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._readings_part(sketch)).last_value';
CREATE OR REPLACE FUNCTION tally.first_time(sketch tally.readings) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._readings_part(sketch)).first_time';
CREATE OR REPLACE FUNCTION tally.last_time(sketch tally.readings) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT (tally_internal._readings_part(sketch)).last_time';
CREATE OR REPLACE FUNCTION tally.duration(sketch tally.readings) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s microseconds', tally_internal._span(p.first_time, p.last_time))::interval FROM tally_internal._readings_part(sketch) p $$;

CREATE OR REPLACE FUNCTION tally.extrapolated_increase(sketch tally.readings, since timestamptz, until timestamptz) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part   tally_internal.readings_part := tally_internal._readings_part(tally_internal._of_kind(sketch, 'counter', 'counter'));
    grown  float8 := tally_internal._difference(part);
    span   float8 := tally_internal._span(part.first_time, part.last_time);
    mean   float8;
    before float8;
    after  float8;
BEGIN
    IF grown IS NULL OR part.count < 2 OR span <= 0 OR NOT isfinite(since) OR NOT isfinite(until) OR since > part.first_time OR until < part.last_time THEN
        RETURN NULL;
    END IF;
    mean := span / (part.count - 1);
    before := tally_internal._span(since, part.first_time);
    after := tally_internal._span(part.last_time, until);
    IF before >= mean * 1.1 THEN before := mean / 2; END IF;
    -- A counter is not taken below 0.
    IF grown > 0 AND part.first_value >= 0 THEN before := least(before, span * (part.first_value / grown)); END IF;
    IF after >= mean * 1.1 THEN after := mean / 2; END IF;
    RETURN grown * ((span + before + after) / span);
END $$;

CREATE OR REPLACE FUNCTION tally.average(
    sketch tally.readings, since timestamptz, until timestamptz, before tally.readings, after tally.readings DEFAULT NULL) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind   text := COALESCE(sketch.kind, before.kind, after.kind);
    other  tally.readings;
    part   tally_internal.readings_part := tally_internal._readings_part(sketch);
    f      tally_internal.readings_part := tally_internal._readings_part(before);
    a      tally_internal.readings_part := tally_internal._readings_part(after);
    next_t timestamptz := COALESCE(part.first_time, a.first_time);
    next_v float8 := COALESCE(part.first_value, a.first_value);
    last_t timestamptz;
    last_v float8;
    start  float8;
    "end"  float8;
    times  timestamptz[] := '{}';
    vs     float8[] := '{}';
BEGIN
    IF since IS NULL OR until IS NULL OR kind IS NULL THEN RETURN NULL; END IF;
    FOREACH other IN ARRAY ARRAY[sketch, before, after] LOOP
        CONTINUE WHEN other IS NULL;
        PERFORM tally_internal._of_kind(other, 'time_weighted', 'locf', 'linear');
        IF other.kind <> kind THEN PERFORM tally_internal._refuse_kind(kind, other.kind, NULL); END IF;
    END LOOP;
    IF part.first_time < since OR part.last_time > until OR f.last_time > since OR a.first_time < until OR since > until
        OR NOT isfinite(since) OR NOT isfinite(until) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('readings within %s to %s expected, with those before and after it outside, got others',
                             tally_internal._moment_text(since), tally_internal._moment_text(until)),
            DETAIL = 'The range is that of the readings'' bucket: its start, and the start of the next one.',
            HINT = 'SELECT tally.average(r, bucket, bucket + interval ''1 hour'', lag(r) OVER (ORDER BY bucket), NULL) FROM …';
    END IF;
    -- At the ends of the range the value is what it was before, or on the line to what comes next.
    start := CASE WHEN kind = 'linear' THEN CASE WHEN next_t > f.last_time THEN f.last_value + (next_v - f.last_value)
                       * (tally_internal._span(f.last_time, since)::float8 / tally_internal._span(f.last_time, next_t)::float8) END ELSE f.last_value END;
    last_t := COALESCE(part.last_time, CASE WHEN start IS NOT NULL THEN since END);
    last_v := COALESCE(part.last_value, start);
    "end" := CASE WHEN kind = 'linear' THEN CASE WHEN a.first_time > last_t THEN last_v + (a.first_value - last_v)
                       * (tally_internal._span(last_t, until)::float8 / tally_internal._span(last_t, a.first_time)::float8) END ELSE last_v END;
    IF start IS NOT NULL AND (part IS NULL OR (since, start) < (part.first_time, part.first_value)) THEN
        times := times || since;
        vs := vs || start;
    END IF;
    IF "end" IS NOT NULL AND (part IS NULL OR until > part.last_time) THEN
        times := times || until;
        vs := vs || "end";
    END IF;
    IF part IS NULL AND cardinality(times) = 0 THEN RETURN NULL; END IF;
    part := tally_internal._readings_whole(kind, times, vs, CASE WHEN part IS NULL THEN '{}' ELSE ARRAY[part] END);
    RETURN tally_internal._per_second(tally_internal._integral(kind, part), part);
END $$;

CREATE OR REPLACE FUNCTION tally_internal._readings_jsonb(sketch tally.readings) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('kind', sketch.kind, 'parts', jsonb_build_array(
               jsonb_build_object('count', p.count, 'first', jsonb_build_array(tally_internal._moment_text(p.first_time), p.first_value))
               || CASE WHEN p.count = 1 THEN '{}' ELSE jsonb_build_object('last', jsonb_build_array(tally_internal._moment_text(p.last_time), p.last_value),
                      'changes', p.changes, 'resets', p.resets, 'odd', p.odd, 'sum', trim_scale(p.sum)::text) END))
      FROM tally_internal._readings_part(sketch) p
$$;
