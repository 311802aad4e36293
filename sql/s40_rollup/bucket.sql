-- Owns: buckets as text. What a bucket is (rule), and the SQL that computes its start, its end and its range.
-- The same rule is read by the capture trigger (src/capture/rule.rs); both must agree on every instant.

CREATE FUNCTION tally._bucket_rule(width interval, zone text) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    months int := (extract(year FROM width) * 12 + extract(month FROM width))::int;
    days   int := extract(day FROM width)::int;
    micros bigint := (extract(epoch FROM width - make_interval(months => months, days => days)) * 1000000)::bigint;
    unit   text;
BEGIN
    IF width <= interval '0' OR months < 0 OR days < 0 OR micros < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('bucket must be longer than nothing, got %L', width::text),
            DETAIL = 'A bucket is the width of time that one row of a rollup covers.',
            HINT = 'Use for example bucket => ''1 hour'', ''15 minutes'', ''1 day'', ''1 week'' or ''1 month''.';
    END IF;
    BEGIN
        PERFORM timestamptz '2000-01-01 00:00+00' AT TIME ZONE zone;
    EXCEPTION WHEN invalid_parameter_value THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('zone must be a time zone that PostgreSQL knows, got %L', zone),
            HINT = 'SELECT name FROM pg_timezone_names ORDER BY name;';
    END;
    IF months = 0 AND (days = 0 OR zone = 'UTC') THEN
        RETURN 'fixed ' || (days * 86400000000 + micros);
    END IF;
    unit := CASE
        WHEN micros = 0 AND months = 0 AND days = 1 THEN 'day'
        WHEN micros = 0 AND months = 0 AND days = 7 THEN 'week'
        WHEN micros = 0 AND days = 0 AND months = 1 THEN 'month'
        WHEN micros = 0 AND days = 0 AND months = 3 THEN 'quarter'
        WHEN micros = 0 AND days = 0 AND months = 12 THEN 'year'
    END;
    IF unit IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('bucket %L does not divide the calendar of zone %L', width::text, zone),
            DETAIL = 'Longer than hours, buckets are one day, one week, one month, three months or one year; in UTC also any number of days.',
            HINT = 'Use for example bucket => ''1 day'' here and merge further in a query, or zone => ''UTC''.';
    END IF;
    RETURN format('calendar %s %s', unit, zone);
END $$;
COMMENT ON FUNCTION tally._bucket_rule(interval, text) IS
'How a time becomes the start of its bucket: ''fixed <microseconds>'' or ''calendar <unit> <zone>''. Errors say which widths there are.';

CREATE FUNCTION tally._bucket_start_sql(rule text, instant text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE split_part(rule, ' ', 1)
        WHEN 'fixed' THEN format('pg_catalog.date_bin(%L::interval, %s, ''2000-01-03 00:00:00+00''::timestamptz)',
                                 make_interval(secs => split_part(rule, ' ', 2)::float8 / 1000000), instant)
        ELSE format('pg_catalog.date_trunc(%L, %s, %L)', split_part(rule, ' ', 2), instant, split_part(rule, ' ', 3))
    END
$$;
COMMENT ON FUNCTION tally._bucket_start_sql(text, text) IS 'SQL text for the start of the bucket that holds an instant (an SQL expression of type timestamptz).';

CREATE FUNCTION tally._bucket_end_sql(rule text, start text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE split_part(rule, ' ', 1)
        WHEN 'fixed' THEN format('(%s + %L::interval)', start, make_interval(secs => split_part(rule, ' ', 2)::float8 / 1000000))
        -- Through the zone's own clock, so that a day may have 23 or 25 hours.
        ELSE format('(((%s AT TIME ZONE %L) + %L::interval) AT TIME ZONE %2$L)', start, split_part(rule, ' ', 3),
                    CASE split_part(rule, ' ', 2) WHEN 'quarter' THEN '3 months' ELSE '1 ' || split_part(rule, ' ', 2) END)
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
