-- Owns: the bucket rule of a rollup, and buckets as SQL text: the expressions for starts, ends and ranges that definitions are made of.
-- The arithmetic behind them is the kernel's (s10_kernel/calendar.sql).

CREATE OR REPLACE FUNCTION tally_internal._check_zone(zone text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone_abbreviations = 'Default' AS $$
BEGIN
    IF NOT tally_internal._zone_known(zone) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('zone must be a time zone that PostgreSQL knows, got %L', zone),
            'Names are those of the time zone database, such as Europe/Berlin.',
            'SELECT name FROM pg_timezone_names ORDER BY name;');
    ELSIF strpos(zone, ';') > 0 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('zone must be named without a semicolon, got %L', zone),
            'Capture separates by semicolons what it marks. Names are those of the time zone database, such as Europe/Berlin.',
            'SELECT name FROM pg_timezone_names ORDER BY name;');
    ELSIF upper(zone) NOT IN ('UTC', 'GMT', 'UCT', 'ZULU') AND EXISTS (SELECT FROM pg_timezone_abbrevs a WHERE lower(a.abbrev) = lower(zone)) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('zone must be named by a place, got the abbreviation %L', zone),
            'The session''s setting timezone_abbreviations decides what an abbreviation means: EST is New York''s or Sydney''s.',
            'SELECT name FROM pg_timezone_names WHERE abbrev = ' || quote_literal(upper(zone)) || ' ORDER BY name;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_zone(text) IS
'An error that says where to find names, when PostgreSQL knows no such time zone, or its meaning depends on the session.';

CREATE OR REPLACE FUNCTION tally_internal._check_one_zone(what text, source regclass, zone text, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT tally_internal._zone_known(zone) AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = zone AND a.attnum > 0
                                                           AND NOT a.attisdropped) THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('zone of %s must be one zone for all rows, got the column %I', what, zone),
            'Only a rollup with buckets of time can take a zone for each row from a column. Define one of these for each zone, or take UTC for all.', again);
    END IF;
    PERFORM tally_internal._check_zone(zone);
END $$;
COMMENT ON FUNCTION tally_internal._check_one_zone(text, regclass, text, text) IS
'An error where a zone is a column of the source, or PostgreSQL does not know it; what: of what the zone is; again: the statement to run instead.';

CREATE OR REPLACE FUNCTION tally.local_time(at timestamptz, zone text) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at OPERATOR(pg_catalog.<) timestamptz '4713-01-03 00:00+00 BC' THEN timestamp '-infinity'
            WHEN at OPERATOR(pg_catalog.>=) timestamptz '294276-01-01 00:00+00' THEN timestamp 'infinity'
            -- A session may redefine these names, which are abbreviations too.
            WHEN pg_catalog.upper(zone) OPERATOR(pg_catalog.=) ANY ('{CET,EET,EST,HST,MET,MST,WET}'::text[]) THEN NULL
            -- The zone goes through a CASE of its own. PostgreSQL 18 computes constant parts when it plans, also behind a WHEN that only a run decides.
            ELSE at AT TIME ZONE CASE WHEN tally_internal._zone_known(zone) THEN zone END END;
COMMENT ON FUNCTION tally.local_time(timestamptz, text) IS
'What a clock in the zone shows at a moment; null where PostgreSQL knows no such zone, or a session decides what its name means. For generated columns: it '
    'never fails.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_rule_of(r tally.rollups) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT tally_internal._bucket_rule(r.bucket, r.zone, r.bucket_origin) $$;
COMMENT ON FUNCTION tally_internal._bucket_rule_of(tally.rollups) IS 'The bucket rule of a rollup; null for a rollup per key.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_rule_of_or_null(r tally.rollups) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT tally_internal._bucket_rule_or_null(r.bucket, r.zone, r.bucket_origin) $$;
COMMENT ON FUNCTION tally_internal._bucket_rule_of_or_null(tally.rollups) IS
'The same, for work on all rollups of a source: null where the stored rule cannot be read, so that it stops only its own rollup.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_start_sql(rule text, instant text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('tally_internal._bucket_start(%L, %s)', rule, instant);
END $$;
COMMENT ON FUNCTION tally_internal._bucket_start_sql(text, text) IS
'SQL text for the start of the bucket that holds an instant (an SQL expression of type timestamptz).';

CREATE OR REPLACE FUNCTION tally_internal._stored_bucket_sql(r tally.rollups, rule text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A stored row has the start of its own bucket already. To compute it again took a third of the time of a chart over many rows.
    RETURN CASE WHEN rule = tally_internal._bucket_rule_of(r) THEN 'bucket' ELSE tally_internal._bucket_start_sql(rule, 'bucket') END;
END $$;
COMMENT ON FUNCTION tally_internal._stored_bucket_sql(tally.rollups, text) IS
'SQL text for the bucket of a rule in which a stored row of a rollup is; null without a rule.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_end_sql(rule text, start text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('tally_internal._bucket_end(%L, %s)', rule, start);
END $$;
COMMENT ON FUNCTION tally_internal._bucket_end_sql(text, text) IS
'SQL text for the end (exclusive) of the bucket that begins at start (an SQL expression of type timestamptz).';

CREATE OR REPLACE FUNCTION tally_internal._shift_sql(rule text, start text, n text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('tally_internal._bucket_shifted(%L, %s, %s)', rule, start, n)
$$;
COMMENT ON FUNCTION tally_internal._shift_sql(text, text, text) IS
'SQL text of the start of another bucket, which comes n buckets after the one that begins at start (before it, if n is negative).';

CREATE OR REPLACE FUNCTION tally_internal._time_as_timestamptz_sql(time_value text, time_type regtype, zone text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE time_type WHEN 'timestamptz'::regtype THEN time_value ELSE format('tally_internal._instant_of(%s, %L)', time_value, zone) END;
END $$;
COMMENT ON FUNCTION tally_internal._time_as_timestamptz_sql(text, regtype, text) IS
'SQL text for a time (SQL text too) as timestamptz: types without a zone are read in the rollup''s zone.';

CREATE OR REPLACE FUNCTION tally_internal._first_row_sql(rule text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('%L::pg_catalog.timestamptz', to_char(tally_internal._rows_from(rule, '4714-11-24 00:00+00 BC') AT TIME ZONE 'UTC',
                                                        'YYYY-MM-DD HH24:MI:SS.US')
                  || '+00 BC');
END $$;
COMMENT ON FUNCTION tally_internal._first_row_sql(text) IS
'SQL text of the first time that is in a bucket. PostgreSQL cannot hold the start of a bucket before that time.';

CREATE OR REPLACE FUNCTION tally_internal._first_bucket_sql(rule text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%L::pg_catalog.timestamptz', to_char(tally_internal._bucket_at_or_after(rule, '4714-11-24 00:00+00 BC') AT TIME ZONE 'UTC',
                                                        'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')
$$;
COMMENT ON FUNCTION tally_internal._first_bucket_sql(text) IS 'SQL text of the start of the first bucket that there is.';

CREATE OR REPLACE FUNCTION tally_internal._once_sql(expression text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What is computed of the statement's parameters is known when it is planned. What is computed of a column of the query around was computed for each
    -- row that was looked at, and in PL/pgSQL that takes milliseconds. A query of its own runs once for each value of the column.
    RETURN CASE WHEN expression ~ '\$\d' THEN expression ELSE format('(SELECT %s)', expression) END;
END $$;
COMMENT ON FUNCTION tally_internal._once_sql(text) IS
'SQL text of an expression that is the same for all rows that a condition looks at, in a form that is computed once for all of them.';

CREATE OR REPLACE FUNCTION tally_internal._range_sql(time_column text, time_type regtype, zone text, rule text, since text, until text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    edge     CONSTANT text := 'tally_internal.%s(%L, %s)';
    calendar boolean := rule LIKE 'calendar %';
    instant  text := tally_internal._time_as_timestamptz_sql(quote_ident(time_column), time_type, zone);
    -- The edges of the range: where rows of its first bucket begin, and of the first one after it.
    low      text := CASE WHEN calendar THEN format(edge, '_rows_from', rule, since) ELSE since END;
    high     text := CASE WHEN calendar THEN format(edge, '_rows_past', rule, until) ELSE until END;
BEGIN
    RETURN CASE
        -- Its index serves the local times that may be such instants.
        WHEN time_type <> 'timestamptz'::regtype
        THEN format('%1$I >= %2$s AND %1$I < %3$s AND ', time_column, tally_internal._once_sql(format(edge, '_local_from', zone, low)),
                    tally_internal._once_sql(format(edge, '_local_until', zone, high)))
        WHEN calendar THEN format('%1$s >= %2$s AND %1$s < %3$s AND ', instant, tally_internal._once_sql(low), tally_internal._once_sql(high))
        ELSE '' END
        -- Only near the edges is the row's bucket asked.
        || CASE WHEN calendar THEN format('((%1$s >= %2$s AND %1$s < %3$s) OR (%4$s >= %5$s AND %4$s < %6$s))', instant,
            tally_internal._once_sql(format(edge, '_rows_past', rule, since)), tally_internal._once_sql(format(edge, '_rows_from', rule, until)),
            tally_internal._bucket_start_sql(rule, instant), since, until)
        ELSE format('%1$s >= %2$s AND %1$s < %3$s', instant, low, high) END;
END $$;
COMMENT ON FUNCTION tally_internal._range_sql(text, regtype, text, text, text, text) IS
'SQL text for "the row''s bucket begins in [since, until)", in a form that an index on the time column serves. Infinite times are in no bucket.';
