-- Owns: buckets as text. What a bucket is (rule), and the SQL that computes its start, its end and its range.
-- The same rule is read by the capture trigger (core/src/capture/rule.rs); both must agree on every instant.

CREATE FUNCTION tally._bucket_rule(width interval, zone text, origin timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    months int := (extract(year FROM width) * 12 + extract(month FROM width))::int;
    days   int := extract(day FROM width)::int;
    micros bigint := (extract(epoch FROM width - make_interval(months => months, days => days)) * 1000000)::bigint;
    place  timestamp;
BEGIN
    IF width IS NULL OR zone IS NULL THEN RETURN NULL; END IF;
    IF width <= interval '0' OR months < 0 OR days < 0 OR micros < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('bucket must be longer than nothing, got %L', width::text),
            DETAIL = 'A bucket is the width of time that one row of a rollup covers.',
            HINT = 'Use for example bucket => ''1 hour'', ''15 minutes'', ''1 day'', ''1 week'' or ''1 month''.';
    END IF;
    place := COALESCE(origin, timestamptz '2000-01-01 00:00+00') AT TIME ZONE zone;
    IF months = 0 AND (days = 0 OR zone = 'UTC') THEN
        RETURN tally._fixed_rule(days * 86400000000 + micros, origin);
    ELSIF micros <> 0 OR (months > 0) = (days > 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('bucket %L does not divide the calendar of zone %L', width::text, zone),
            DETAIL = 'Longer than hours, buckets are whole days, whole weeks or whole months, which follow the zone''s clock; in UTC also any fixed width.',
            HINT = 'Use for example bucket => ''1 day'' here and merge further in a query, or zone => ''UTC''.';
    ELSIF origin IS NOT NULL AND (NOT isfinite(origin) OR place <> date_trunc(CASE WHEN months > 0 THEN 'month' ELSE 'day' END, place)) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('origin of buckets of %s must be %s in %s, got %s', width, CASE WHEN months > 0 THEN 'the first midnight of a month' ELSE 'a midnight' END, zone, place),
            DETAIL = 'Such buckets are bounded by the zone''s midnights.',
            HINT = format('Use for example origin => %L.', format('%s %s', date_trunc(CASE WHEN months > 0 THEN 'month' ELSE 'day' END, COALESCE(NULLIF(NULLIF(place, 'infinity'), '-infinity'), '2000-01-01')), zone));
    END IF;
    RETURN format('calendar %s %s', CASE WHEN months > 0
        THEN tally._months_unit(months, CASE WHEN origin IS NULL THEN 0 ELSE ((extract(year FROM place) * 12 + extract(month FROM place))::int - 1) % months END)
        -- Days are counted from a Monday, so that weeks are ISO weeks.
        ELSE tally._days_unit(days, CASE WHEN origin IS NULL THEN 0 ELSE ((place::date - date '2000-01-03') % days + days) % days END) END, zone);
END $$;
COMMENT ON FUNCTION tally._bucket_rule(interval, text, timestamptz) IS
'How a time becomes the start of its bucket: ''fixed <microseconds> [<microseconds after Monday 2000-01-03 00:00 UTC>]'' or ''calendar <unit> <zone>'', the unit a name that date_trunc knows or <n>days@<days after 2000-01-03>, <n>months@<months after January 2000>. Errors say which widths and origins there are.';

CREATE FUNCTION tally._fixed_rule(width bigint, origin timestamptz) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shift bigint;
BEGIN
    IF origin IS NULL THEN RETURN 'fixed ' || width; END IF;
    IF isfinite(origin) THEN
        shift := (extract(epoch FROM origin - timestamptz '2000-01-03 00:00+00') * 1000000)::bigint % width;
        shift := (shift + width) % width;
        IF shift = 0 THEN RETURN 'fixed ' || width; END IF;
    END IF;
    -- Capture marks by a width that divides both; a crooked origin would make that a mark per row.
    IF shift IS NULL OR gcd(width, shift) < width / 60 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('origin of buckets of %s must lie a sixtieth of it, or a multiple of that, from Monday 2000-01-03 00:00 UTC, got %s', make_interval(secs => width / 1000000.0), origin),
            DETAIL = 'From there buckets of a fixed width are counted.',
            HINT = 'Use for example origin => ''2000-01-03 00:30+00'' with bucket => ''1 hour''.';
    END IF;
    RETURN format('fixed %s %s', width, shift);
END $$;
COMMENT ON FUNCTION tally._fixed_rule(bigint, timestamptz) IS 'The rule of buckets of so many microseconds, one of which begins at origin (null: Monday 2000-01-03 00:00 UTC).';

CREATE FUNCTION tally._days_unit(n int, shift int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN n = 1 THEN 'day' WHEN n = 7 AND shift = 0 THEN 'week' ELSE format('%sdays@%s', n, shift) END
$$;
COMMENT ON FUNCTION tally._days_unit(int, int) IS 'The unit of a bucket rule of n days, one of which begins so many days after Monday 2000-01-03.';

CREATE FUNCTION tally._months_unit(n int, shift int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN n = 1 THEN 'month' WHEN n = 3 AND shift = 0 THEN 'quarter' WHEN n = 12 AND shift = 0 THEN 'year' ELSE format('%smonths@%s', n, shift) END
$$;
COMMENT ON FUNCTION tally._months_unit(int, int) IS 'The unit of a bucket rule of n months, one of which begins so many months after January 2000.';

CREATE FUNCTION tally._rule(r tally.rollups) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT tally._bucket_rule(r.bucket, r.zone, r.bucket_origin) $$;
COMMENT ON FUNCTION tally._rule(tally.rollups) IS 'The bucket rule of a rollup; null of one per key.';

CREATE FUNCTION tally._unit_parts(rule text, OUT days int, OUT months int, OUT shift int)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE u WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE (regexp_match(u, '^(\d+)days'))[1]::int END,
           CASE u WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE (regexp_match(u, '^(\d+)months'))[1]::int END,
           COALESCE((regexp_match(u, '@(\d+)$'))[1]::int, 0)
      FROM split_part(rule, ' ', 2) u
$$;
COMMENT ON FUNCTION tally._unit_parts(text) IS 'How many days or months a calendar rule''s bucket has, and its shift in those.';

CREATE FUNCTION tally._unit_width(rule text) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN rule LIKE 'fixed %' THEN make_interval(secs => split_part(rule, ' ', 2)::float8 / 1000000)
                ELSE (SELECT make_interval(months => COALESCE(p.months, 0), days => COALESCE(p.days, 0)) FROM tally._unit_parts(rule) p) END
$$;
COMMENT ON FUNCTION tally._unit_width(text) IS 'The width of a rule''s bucket; days and months by the zone''s clock.';

CREATE FUNCTION tally._capture_rule(rule text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A mark names any instant of its bucket, so capture may go by a finer rule, one that it knows.
    SELECT CASE WHEN rule LIKE 'fixed % %' THEN 'fixed ' || gcd(split_part(rule, ' ', 2)::bigint, split_part(rule, ' ', 3)::bigint)
                WHEN rule LIKE 'calendar %@% %' THEN format('calendar %s %s', CASE WHEN (tally._unit_parts(rule)).days > 0 THEN 'day' ELSE 'month' END, split_part(rule, ' ', 3))
                ELSE rule END
$$;
COMMENT ON FUNCTION tally._capture_rule(text) IS 'The rule by which capture marks buckets of a rule: itself, or one whose buckets lie wholly in its.';

CREATE FUNCTION tally._check_zone(zone text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- By itself, because catching an error is not parallel safe, and computing a rule is.
    PERFORM timestamptz '2000-01-01 00:00+00' AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('zone must be a time zone that PostgreSQL knows, got %L', zone),
        HINT = 'SELECT name FROM pg_timezone_names ORDER BY name;';
END $$;
COMMENT ON FUNCTION tally._check_zone(text) IS 'An error that says where names are to be found when PostgreSQL knows no such time zone.';

CREATE FUNCTION tally._bucket_start_sql(rule text, instant text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN rule LIKE 'fixed %' THEN format('pg_catalog.date_bin(%L::interval, %s, %L::timestamptz)', tally._unit_width(rule), instant,
                                 to_char(timestamp '2000-01-03 00:00' + make_interval(secs => COALESCE(NULLIF(split_part(rule, ' ', 3), '')::float8, 0) / 1000000), 'YYYY-MM-DD HH24:MI:SS.US') || '+00')
                WHEN rule NOT LIKE '%@%' THEN format('pg_catalog.date_trunc(%L, %s, %L)', split_part(rule, ' ', 2), instant, split_part(rule, ' ', 3))
                WHEN p.days > 0 THEN format('(pg_catalog.date_bin(%L::interval, (%s) AT TIME ZONE %L, %L::timestamp) AT TIME ZONE %3$L)', tally._unit_width(rule), instant,
                                 split_part(rule, ' ', 3), to_char(date '2000-01-03' + p.shift, 'YYYY-MM-DD'))
                -- An infinite time has no month.
                ELSE format('CASE WHEN pg_catalog.isfinite(%1$s) THEN (pg_catalog.date_trunc(''month'', (%1$s) AT TIME ZONE %2$L) - '
                            '(((extract(year FROM (%1$s) AT TIME ZONE %2$L) * 12 + extract(month FROM (%1$s) AT TIME ZONE %2$L))::int - 1 - %3$s + 12000000 * %4$s) %% %4$s) * ''1 month''::interval) AT TIME ZONE %2$L ELSE %1$s END',
                            instant, split_part(rule, ' ', 3), p.shift, p.months) END
      FROM tally._unit_parts(rule) p
$$;
COMMENT ON FUNCTION tally._bucket_start_sql(text, text) IS 'SQL text for the start of the bucket that holds an instant (an SQL expression of type timestamptz).';

CREATE FUNCTION tally._bucket_end_sql(rule text, start text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN rule LIKE 'fixed %' THEN format('(%s + %L::interval)', start, tally._unit_width(rule))
        -- Through the zone's own clock, so that a day may have 23 or 25 hours.
        ELSE format('(((%s AT TIME ZONE %L) + %L::interval) AT TIME ZONE %2$L)', start, split_part(rule, ' ', 3), tally._unit_width(rule))
    END
$$;
COMMENT ON FUNCTION tally._bucket_end_sql(text, text) IS 'SQL text for the end (exclusive) of the bucket that begins at start (an SQL expression of type timestamptz).';

CREATE FUNCTION tally._bucket_start(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz;
BEGIN
    EXECUTE 'SELECT ' || tally._bucket_start_sql(rule, '$1') INTO result USING instant;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally._bucket_start(text, timestamptz) IS 'Start of the bucket that holds an instant, by rule.';

CREATE FUNCTION tally._bucket_end(rule text, start timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz;
BEGIN
    EXECUTE 'SELECT ' || tally._bucket_end_sql(rule, '$1') INTO result USING start;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally._bucket_end(text, timestamptz) IS 'End (exclusive) of the bucket that begins at start, by rule.';

CREATE FUNCTION tally._instant_sql(time_value text, time_type regtype, zone text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE time_type
        WHEN 'timestamptz'::regtype THEN time_value
        WHEN 'timestamp'::regtype THEN format('(%s AT TIME ZONE %L)', time_value, zone)
        ELSE format('(%s::timestamp AT TIME ZONE %L)', time_value, zone)
    END
$$;
COMMENT ON FUNCTION tally._instant_sql(text, regtype, text) IS 'SQL text for a time (SQL text too) as timestamptz: types without a zone are read in the rollup''s zone.';

CREATE FUNCTION tally._range_sql(time_column text, time_type regtype, zone text, rule text, since text, until text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        -- A column without a zone may map one local hour to two instants, so its index serves a wider range first.
        WHEN time_type <> 'timestamptz'::regtype
        THEN format('%1$I >= ((%2$s) AT TIME ZONE %5$L) - ''1 day''::interval AND %1$I <= ((%3$s) AT TIME ZONE %5$L) + ''1 day''::interval AND %4$s >= %2$s AND %4$s < %3$s',
                    time_column, since, until, tally._instant_sql(quote_ident(time_column), time_type, zone), zone)
        WHEN rule NOT LIKE 'calendar %' THEN format('%1$I >= %2$s AND %1$I < %3$s', time_column, since, until)
        -- Where a clock is set back over midnight (Havana, the Azores), date_trunc() takes the second midnight for the day's
        -- start, and what lies between the two belongs to the day that has not begun: only near the edges is it asked.
        ELSE format('%1$I >= %2$s - ''3 hours''::interval AND %1$I < %3$s AND ((%1$I >= %2$s AND %1$I < %3$s - ''3 hours''::interval) OR (%4$s >= %2$s AND %4$s < %3$s))',
                    time_column, since, until, tally._bucket_start_sql(rule, quote_ident(time_column)))
    END
$$;
COMMENT ON FUNCTION tally._range_sql(text, regtype, text, text, text, text) IS 'SQL text for "the row''s time is in [since, until)", in a form that an index on the time column serves. Infinite times are in no bucket.';
