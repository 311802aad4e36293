-- Owns: scales and colours of pictures, and what a picture says in words, in SQL. core/src/page/axis.rs, clock.rs and picture/mod.rs say what holds.

CREATE FUNCTION tally_internal._unit_suffix(unit text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN unit IS NULL OR unit IN ('ratio', 'share', '%', 'ms', 's', 'seconds', 'minutes', 'hours') THEN '' ELSE unit END
$$;
COMMENT ON FUNCTION tally_internal._unit_suffix(text) IS 'The unit that stands beside a number which _short_number() has written without it.';

CREATE FUNCTION tally_internal._unit_scale(most float8, unit text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Seconds of the unit; longer spans than this have days in any case.
    by_ CONSTANT float8 := CASE WHEN unit IN ('s', 'seconds') THEN 1 WHEN unit = 'minutes' THEN 60 WHEN unit = 'hours' THEN 3600 END;
    seconds float8;
    scale   float8;
BEGIN
    IF unit IN ('ratio', 'share') THEN RETURN 100; END IF;
    IF by_ IS NULL AND NOT COALESCE(unit = 'ms' AND most >= 10000, false) THEN RETURN 1; END IF;
    seconds := CASE WHEN by_ IS NULL THEN most / 1000 ELSE least(most, 1e300) * by_ END;
    scale := CASE WHEN seconds >= 172800 THEN 1::float8 / 86400 WHEN seconds >= 7200 THEN 1::float8 / 3600 WHEN seconds >= 120 THEN 1::float8 / 60
                  WHEN seconds >= 1 OR seconds = 0 THEN 1 ELSE 1000 END;
    RETURN CASE WHEN by_ IS NULL THEN scale / 1000 ELSE scale * by_ END;
END $$;
COMMENT ON FUNCTION tally_internal._unit_scale(float8, text) IS
'By what the numbers of an axis are multiplied to be those that _short_number() writes for the greatest of them.';

-- low, high, and then the marks between them.
CREATE FUNCTION tally_internal._value_axis(least_ float8, most float8, scale float8) RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low    float8 := greatest(least(least_, 0), -1e305) * scale;
    high   float8 := least(greatest(most, 0), 1e305) * scale;
    rough  float8;
    power_ float8;
    step   float8;
    first  float8;
    last   float8;
BEGIN
    IF low = high THEN high := low + 1; END IF;
    -- Beyond this a span of two finite numbers is no number.
    low := greatest(low, -1e300);
    high := least(high, 1e300);
    rough := greatest((high - low) / 4, 1e-300);
    power_ := power(10::float8, floor(log(rough)));
    step := COALESCE((SELECT s * power_ FROM unnest('{1,2,2.5,5,10}'::float8[]) WITH ORDINALITY u(s, n) WHERE s * power_ >= rough * 0.999::float8
                       ORDER BY n LIMIT 1), power_ * 10);
    first := floor(low / step);
    last := ceil(high / step);
    RETURN ARRAY[first * step / scale, last * step / scale]
        || ARRAY(SELECT (first + i::float8) * step / scale FROM generate_series(0, least(last - first, 12)::int) i ORDER BY i);
END $$;
COMMENT ON FUNCTION tally_internal._value_axis(float8, float8, float8) IS
'An axis that holds all values between these and 0: its low end, its high end, and its marks, which are round where they are multiplied by scale.';

CREATE FUNCTION tally_internal._axis_share(axis float8[], value float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (greatest(least(value, axis[2]), axis[1]) - axis[1]) / (axis[2] - axis[1]);
END $$;
COMMENT ON FUNCTION tally_internal._axis_share(float8[], float8) IS 'The place of a value on an axis, 0 at the low end and 1 at the high one.';

CREATE FUNCTION tally_internal._time_share(panel jsonb, second float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    since float8 := COALESCE((panel ->> 'since')::float8, 0);
    span  float8 := COALESCE((panel ->> 'until')::float8, 0) - since;
BEGIN
    RETURN CASE WHEN span = 0 THEN 0 ELSE greatest(least((second - since) / span, 1), 0) END;
END $$;
COMMENT ON FUNCTION tally_internal._time_share(jsonb, float8) IS 'The place of a moment in the range of a panel, 0 at its begin and 1 at its end.';

CREATE FUNCTION tally_internal._time_words(since float8, until float8) RETURNS TABLE (second float8, words text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    span  float8 := until - since;
    step  float8 := (SELECT s FROM unnest('{1,5,10,30,60,300,600,900,1800,3600,7200,10800,21600,43200,86400,172800,604800,1209600}'::float8[]) s
                      WHERE span / s <= 6 ORDER BY s LIMIT 1);
    every int;
BEGIN
    IF span <= 0 OR abs(since) > 2e11 OR abs(until) > 2e11 THEN RETURN; END IF;
    IF step IS NOT NULL THEN
        RETURN QUERY SELECT t.at, to_char(to_timestamp(floor(t.at)) AT TIME ZONE 'UTC',
                                          CASE WHEN step >= 86400 OR floor(t.at)::bigint % 86400 = 0 THEN 'FMDD Mon'
                                               WHEN step >= 60 THEN 'HH24:MI' ELSE 'HH24:MI:SS' END)
            -- Weeks are counted from a Monday.
            FROM (SELECT ceil((since - o.days) / step) * step + o.days + i * step AS at
                    FROM generate_series(0, 7) i, (VALUES (CASE WHEN step >= 604800 THEN 345600 ELSE 0 END::float8)) o(days)) t
           WHERE t.at <= until ORDER BY t.at;
        RETURN;
    END IF;
    every := COALESCE((SELECT m FROM unnest('{1,2,3,6,12,24,60,120,600,1200}'::int[]) m
                        WHERE span / (m * 30.4::float8 * 86400) <= 6 ORDER BY m LIMIT 1), 6000);
    RETURN QUERY SELECT t.at, t.said
        FROM (SELECT extract(epoch FROM x.month)::float8 AS at, to_char(x.month, CASE WHEN every >= 12 THEN 'YYYY' ELSE 'Mon YYYY' END) AS said
                FROM (SELECT date_trunc(CASE WHEN every >= 12 THEN 'year' ELSE 'month' END, to_timestamp(floor(since)) AT TIME ZONE 'UTC')
                             + make_interval(months => every * i) AS month FROM generate_series(0, 12) i) x) t
       WHERE t.at BETWEEN since AND until ORDER BY t.at LIMIT 9;
END $$;
COMMENT ON FUNCTION tally_internal._time_words(float8, float8) IS
'Marks of an axis of time with their words: about five, at round moments of the clock that the seconds are of.';

CREATE FUNCTION tally_internal._time_marks(panel jsonb, y int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(tally_internal._element('text', m.words, 'class', CASE WHEN m.n % 2 = 1 THEN 'mark' ELSE 'mark odd' END,
               'x', tally_internal._at_percent(m.share), 'y', y::text,
               -- Words at an end would be cut off.
               'text-anchor', CASE WHEN m.share < 0.06 THEN 'start' WHEN m.share > 0.94 THEN 'end' ELSE 'middle' END), '' ORDER BY m.n), '')
      FROM (SELECT row_number() OVER (ORDER BY k.mark) AS n, k.words, (k.second - p.since) / (p.until - p.since) AS share
              FROM (SELECT COALESCE((panel ->> 'since')::float8, 0) AS since, COALESCE((panel ->> 'until')::float8, 0) AS until,
                           COALESCE(panel -> 'clock', '[]') AS clock) p,
                   LATERAL (SELECT t.second AS mark, t.words,
                                   -- The first moment at which the clock shows this; none where it leaves that out.
                                   CASE WHEN p.clock = '[]' THEN t.second
                                        ELSE (SELECT t.second - (c ->> 1)::float8 FROM jsonb_array_elements(p.clock) WITH ORDINALITY u(c, n)
                                               WHERE tally_internal._clock_shift(p.clock, t.second - (c ->> 1)::float8) = (c ->> 1)::float8
                                               ORDER BY n LIMIT 1) END AS second
                              FROM tally_internal._time_words(p.since + tally_internal._clock_shift(p.clock, p.since),
                                                              p.until + tally_internal._clock_shift(p.clock, p.until)) t) k
             WHERE k.second BETWEEN p.since AND p.until) m
$$;
COMMENT ON FUNCTION tally_internal._time_marks(jsonb, int) IS 'Words of an axis of time, below a frame.';

CREATE FUNCTION tally_internal._points(panel jsonb) RETURNS TABLE (series int, name text, n int, second float8, value float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.k::int, tally_internal._named(u.s ->> 'name'), q.n::int, (q.p ->> 0)::float8, (q.p ->> 1)::float8
      FROM jsonb_array_elements(COALESCE(panel -> 'series', '[]')) WITH ORDINALITY u(s, k), jsonb_array_elements(u.s -> 'points') WITH ORDINALITY q(p, n)
$$;
COMMENT ON FUNCTION tally_internal._points(jsonb) IS 'The points of all series of a panel, with the number and name of the series.';

CREATE FUNCTION tally_internal._series_colours(panel jsonb) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    colours int[] := '{}';
    taken   boolean[] := array_fill(false, ARRAY[8]);
    one     record;
    hash    int;
    free    int;
BEGIN
    FOR one IN SELECT n::int AS n, convert_to(tally_internal._named(s ->> 'name'), 'UTF8') AS name
                 FROM jsonb_array_elements(COALESCE(panel -> 'series', '[]')) WITH ORDINALITY u(s, n) ORDER BY 2, 1 LOOP
        -- FNV-1a, of which the last three bits depend on nothing but last bits.
        hash := 5;
        FOR i IN 0 .. length(one.name) - 1 LOOP hash := ((hash # get_byte(one.name, i)) * 3) & 7; END LOOP;
        free := COALESCE((SELECT (hash + i) % 8 FROM generate_series(0, 7) i WHERE NOT taken[(hash + i) % 8 + 1] ORDER BY i LIMIT 1), hash);
        taken[free + 1] := true;
        colours[one.n] := free;
    END LOOP;
    -- A panel of one series is drawn in the first colour, as all such panels are.
    RETURN CASE WHEN cardinality(colours) = 1 THEN '{0}' ELSE colours END;
END $$;
COMMENT ON FUNCTION tally_internal._series_colours(jsonb) IS
'The colour of each series: by its name, so that a thing has one colour on every panel; the next free one where two names agree.';

CREATE FUNCTION tally_internal._picture_begins(panel jsonb, class text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._tag('div', 'class', class, 'role', 'img', 'aria-label', format('%s. %s', panel ->> 'title', COALESCE(
               string_agg(format('%s: from %s to %s, last %s', x.name, tally_internal._short_number(x.low, panel ->> 'unit'),
                   tally_internal._short_number(x.high, panel ->> 'unit'), tally_internal._short_number(x.last, panel ->> 'unit')), '; '
                   ORDER BY x.series) || '.',
               'The table below holds its numbers.'))) || '>'
      FROM (SELECT p.series, p.name, min(p.value) AS low, max(p.value) AS high, (array_agg(p.value ORDER BY p.n DESC))[1] AS last
              FROM tally_internal._points(panel) p WHERE p.value IS NOT NULL AND p.series <= 8 GROUP BY p.series, p.name) x
$$;
COMMENT ON FUNCTION tally_internal._picture_begins(jsonb, text) IS 'Opens a picture with what it says, in words, for who cannot see it.';
