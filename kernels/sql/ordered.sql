-- Owns: what series share that go by the order of time: readings and times of states. A value keeps its rows until it is finished; then it is one part,
-- as jsonb. Sums are numeric of the shortest texts of the numbers, so the order of rows changes nothing.

CREATE FUNCTION tally_internal._moment_text(at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT isfinite(at) THEN 'infinity'
                ELSE CASE WHEN extract(year FROM u) < 0 THEN '-' || to_char(-extract(year FROM u) - 1, 'FM90000') ELSE to_char(u, 'YYYY') END END
           || CASE WHEN isfinite(at) THEN to_char(u, '-MM-DD"T"HH24:MI:SS')
                || COALESCE('.' || NULLIF(rtrim(to_char(u, 'US'), '0'), ''), '') || 'Z' ELSE '' END
      FROM (SELECT at AT TIME ZONE 'UTC') x(u)
$$;
COMMENT ON FUNCTION tally_internal._moment_text(timestamptz) IS 'An instant as 2026-01-01T00:00:00.25Z, the same for every session.';

CREATE FUNCTION tally_internal._exact_number(value float8) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$ SELECT value::text::numeric $$;
COMMENT ON FUNCTION tally_internal._exact_number(float8) IS 'A number by its shortest text.';

CREATE FUNCTION tally_internal._span(since timestamptz, until timestamptz) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT trunc((extract(epoch FROM until) - extract(epoch FROM since)) * 1000000)
$$;
COMMENT ON FUNCTION tally_internal._span(timestamptz, timestamptz) IS 'Microseconds from one instant to another.';

CREATE FUNCTION tally_internal._refuse_overlap(name text, start timestamptz, "end" timestamptz) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('parts of one series after another expected, got one that begins at %s before another one ends at %s',
                         tally_internal._moment_text(start), tally_internal._moment_text("end")),
        DETAIL = 'A part keeps its ends and not its rows, so two parts of the same time cannot be put in order. They may be of different series.',
        HINT = format('SELECT series, tally.rollup(%s) FROM … GROUP BY series keeps each series apart; sum what is read from them.', name);
END $$;
COMMENT ON FUNCTION tally_internal._refuse_overlap(text, timestamptz, timestamptz) IS 'Refuses parts of one time.';
