-- Owns: the calendar in SQL. core/src/calendar/ says what holds at odd midnights; the answers here are the same, and the same tests ask both. A local time
-- is read as an instant by AT TIME ZONE, as everywhere in PostgreSQL.
--
-- Most calls are answered by expressions that PostgreSQL puts into the query (BEGIN ATOMIC bodies, not STRICT, so that they can be). Times near the ends
-- of what PostgreSQL can hold, and units that date_trunc does not know, go to PL/pgSQL.

CREATE FUNCTION tally_internal._unit(rule text, OUT kind text, OUT n bigint, OUT shift bigint, OUT late bigint, OUT zone text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unit text := split_part(rule, ' ', 2);
    part text[];
BEGIN
    late := 0;
    IF rule ~ '^fixed (\d{1,18}|[12]\d{18})( (\d{1,18}|[12]\d{18}))?$' THEN
        kind := 'fixed'; n := unit::bigint; shift := COALESCE(NULLIF(split_part(rule, ' ', 3), ''), '0')::bigint;
        IF n > 0 AND n < 2305843009213693952 AND shift < n THEN RETURN; END IF;
    ELSIF rule ~ '^calendar \S+ .+$' THEN
        zone := substr(rule, 11 + length(unit));
        part := regexp_match(unit, '^(\d{1,9})(days|months)@(\d{1,9})(?:\+(\d{1,15}))?$');
        CASE WHEN unit = 'day' THEN kind := 'days'; n := 1; shift := 0;
             WHEN unit = 'week' THEN kind := 'days'; n := 7; shift := 0;
             WHEN unit = 'month' THEN kind := 'months'; n := 1; shift := 0;
             WHEN unit = 'quarter' THEN kind := 'months'; n := 3; shift := 0;
             WHEN unit = 'year' THEN kind := 'months'; n := 12; shift := 0;
             ELSE kind := part[2]; n := part[1]::bigint; shift := part[3]::bigint; late := COALESCE(part[4], '0')::bigint; END CASE;
        IF n BETWEEN 1 AND 200000000 AND shift < n AND late < 86400000000 * (CASE kind WHEN 'days' THEN 1 ELSE 28 END) THEN RETURN; END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('bucket rule expected as "fixed <microseconds>" or "calendar <unit> <zone>", got "%s"', rule),
        DETAIL = 'A unit is day, week, month, quarter, year, <n>days@<shift> or <n>months@<shift>, the last two also with +<microseconds>.',
        HINT = 'SELECT tally_internal._bucket_rule(''1 day'', ''Europe/Berlin'');';
END $$;
COMMENT ON FUNCTION tally_internal._unit(text) IS
'A bucket rule in parts: fixed, days or months; how many; where they are counted from; how late one begins, in microseconds; the zone.';

CREATE FUNCTION tally_internal._local_of(instant timestamptz, zone text) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN instant AT TIME ZONE zone;
EXCEPTION WHEN datetime_field_overflow THEN
    RETURN CASE WHEN instant < timestamptz '2000-01-01 00:00+00' THEN '-infinity' ELSE 'infinity' END::timestamp;
END $$;
COMMENT ON FUNCTION tally_internal._local_of(timestamptz, text) IS 'instant AT TIME ZONE zone, infinite where PostgreSQL cannot hold the local time.';

CREATE OR REPLACE FUNCTION tally_internal._instant_of(local timestamp, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A block with an exception costs a subtransaction, so only the ends of time have one.
    IF local > timestamp '4000-01-01 BC' AND local < timestamp '290000-01-01' OR NOT isfinite(local) THEN RETURN local AT TIME ZONE zone; END IF;
    RETURN tally_internal._instant_at_the_ends(local, zone);
END $$;

CREATE FUNCTION tally_internal._instant_at_the_ends(local timestamp, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN local AT TIME ZONE zone;
EXCEPTION WHEN datetime_field_overflow THEN
    RETURN CASE WHEN local < timestamp '2000-01-01' THEN '-infinity' ELSE 'infinity' END::timestamptz;
END $$;
COMMENT ON FUNCTION tally_internal._instant_at_the_ends(timestamp, text) IS '_instant_of() where the instant may lie outside of what PostgreSQL can hold.';

CREATE OR REPLACE FUNCTION tally_internal._instant_of(day date, zone text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN day = 'infinity' THEN 'infinity'::timestamptz WHEN day = '-infinity' THEN '-infinity'::timestamptz
                WHEN day > date '294276-12-31' THEN 'infinity'::timestamptz ELSE tally_internal._instant_of(day::timestamp, zone) END;
END $$;

CREATE FUNCTION tally_internal._month_of(local timestamp) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- There is no year 0.
    SELECT (extract(year FROM local) - CASE WHEN extract(year FROM local) < 0 THEN 1999 ELSE 2000 END) * 12 + extract(month FROM local) - 1
$$;
COMMENT ON FUNCTION tally_internal._month_of(timestamp) IS 'The number of the month of a local time; January 2000 is 0.';

CREATE FUNCTION tally_internal._piece(kind text, n bigint, shift bigint, late bigint, local timestamp, on_ bigint) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after  CONSTANT interval := late * interval '1 microsecond';
    number numeric;
BEGIN
    IF NOT isfinite(local) THEN RETURN local; END IF;
    -- PostgreSQL holds no time before this one.
    IF local < timestamp '4714-11-24 00:00:00 BC' + after THEN RETURN '-infinity'; END IF;
    IF kind = 'days' THEN
        -- Monday 2000-01-03 is day 0.
        number := (floor((((local - after)::date - date '2000-01-03') - shift)::numeric / n) + on_) * n + shift;
        RETURN CASE WHEN number < -2451547 THEN timestamp '-infinity' WHEN number > 106751980 THEN timestamp 'infinity'
                    ELSE (date '2000-01-03' + number::int)::timestamp + after END;
    END IF;
    number := (floor((tally_internal._month_of(local - after) - shift) / n) + on_) * n + shift;
    -- Time begins on the 24th of a month.
    RETURN CASE WHEN number < -80545 - (after >= '23 days')::int THEN timestamp '-infinity' WHEN number > 3507323 THEN timestamp 'infinity'
                ELSE timestamp '2000-01-01' + after + make_interval(months => number::int) END;
END $$;
COMMENT ON FUNCTION tally_internal._piece(text, bigint, bigint, bigint, timestamp, bigint) IS
'Start of the piece of the calendar that holds a local time, or of the piece so many on; infinite where PostgreSQL cannot hold it.';

CREATE FUNCTION tally_internal._shifted_slowly(rule text, instant timestamptz, on_ bigint) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u record;
    at numeric;
BEGIN
    IF rule IS NULL OR instant IS NULL OR on_ IS NULL THEN RETURN NULL; END IF;
    u := tally_internal._unit(rule);
    IF NOT isfinite(instant) THEN RETURN instant; END IF;
    IF u.kind = 'fixed' THEN
        -- Microseconds from Monday 2000-01-03.
        at := extract(epoch FROM instant) * 1000000 - 946857600000000;
        at := (floor((at - u.shift) / u.n) + on_) * u.n + u.shift;
        RETURN CASE WHEN at < -211813660800000000 THEN timestamptz '-infinity' WHEN at >= 9223371331200000000 - 172800000000 THEN timestamptz 'infinity'
                    -- In UTC, where days are added without a look at the session's zone.
                    ELSE (timestamp '2000-01-03 00:00:00' + make_interval(days => div(at, 86400000000)::int)
                          + mod(at, 86400000000)::float8 * interval '1 microsecond') AT TIME ZONE 'UTC' END;
    END IF;
    RETURN tally_internal._instant_of(tally_internal._piece(u.kind, u.n, u.shift, u.late, tally_internal._local_of(instant, u.zone), on_), u.zone);
END $$;
COMMENT ON FUNCTION tally_internal._shifted_slowly(text, timestamptz, bigint) IS
'Start of the bucket so many after the one that holds an instant, for every rule and every time.';

CREATE FUNCTION tally_internal._zone_of(rule text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.substr(rule, 11 OPERATOR(pg_catalog.+) pg_catalog.length(pg_catalog.split_part(rule, ' ', 2)));
COMMENT ON FUNCTION tally_internal._zone_of(text) IS 'The zone of a calendar rule.';

-- These become part of the statements that call them.
CREATE FUNCTION tally_internal._fixed_width(rule text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN pg_catalog.starts_with(rule, 'fixed ')
    THEN pg_catalog.split_part(rule, ' ', 2)::pg_catalog.float8 OPERATOR(pg_catalog.*) interval '1 microsecond' END;
COMMENT ON FUNCTION tally_internal._fixed_width(text) IS 'The width of a fixed rule; NULL for others.';
CREATE FUNCTION tally_internal._unit_length(unit text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE unit WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month'
    WHEN 'quarter' THEN interval '3 months' WHEN 'year' THEN interval '1 year' END;
COMMENT ON FUNCTION tally_internal._unit_length(text) IS 'The length of a unit of the calendar.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_start(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN rule OPERATOR(pg_catalog.~) '^fixed [1-9]\d{0,15}$' AND instant OPERATOR(pg_catalog.>) timestamptz '2001-01-01 00:00:00+00'
        AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00'
    THEN pg_catalog.date_bin(tally_internal._fixed_width(rule), instant, timestamptz '2000-01-03 00:00:00+00')
    WHEN pg_catalog.starts_with(rule, 'calendar ') AND instant OPERATOR(pg_catalog.>) timestamptz '1900-01-01 00:00:00+00'
        AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00' AND tally_internal._zone_of(rule) OPERATOR(pg_catalog.<>) ''
        AND pg_catalog.split_part(rule, ' ', 2) = ANY (ARRAY['day', 'week', 'month', 'quarter', 'year'])
    THEN pg_catalog.timezone(tally_internal._zone_of(rule),
             pg_catalog.date_trunc(pg_catalog.split_part(rule, ' ', 2), pg_catalog.timezone(tally_internal._zone_of(rule), instant)))
    ELSE tally_internal._shifted_slowly(rule, instant, 0) END;

CREATE OR REPLACE FUNCTION tally_internal._bucket_end(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN rule OPERATOR(pg_catalog.~) '^fixed [1-9]\d{0,15}$' AND instant OPERATOR(pg_catalog.>) timestamptz '2001-01-01 00:00:00+00'
        AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00'
    THEN pg_catalog.timezone('UTC', pg_catalog.timezone('UTC',
             pg_catalog.date_bin(tally_internal._fixed_width(rule), instant, timestamptz '2000-01-03 00:00:00+00'))
                  OPERATOR(pg_catalog.+) tally_internal._fixed_width(rule))
    WHEN pg_catalog.starts_with(rule, 'calendar ') AND instant OPERATOR(pg_catalog.>) timestamptz '1900-01-01 00:00:00+00'
        AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00' AND tally_internal._zone_of(rule) OPERATOR(pg_catalog.<>) ''
        AND pg_catalog.split_part(rule, ' ', 2) = ANY (ARRAY['day', 'week', 'month', 'quarter', 'year'])
    THEN pg_catalog.timezone(tally_internal._zone_of(rule),
             pg_catalog.date_trunc(pg_catalog.split_part(rule, ' ', 2), pg_catalog.timezone(tally_internal._zone_of(rule), instant))
                  OPERATOR(pg_catalog.+) tally_internal._unit_length(pg_catalog.split_part(rule, ' ', 2)))
    ELSE tally_internal._shifted_slowly(rule, instant, 1) END;

CREATE OR REPLACE FUNCTION tally_internal._bucket_shifted(rule text, instant timestamptz, n int) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN rule OPERATOR(pg_catalog.~) '^fixed [1-9]\d{0,15}$' AND instant OPERATOR(pg_catalog.>) timestamptz '2001-01-01 00:00:00+00'
        AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00'
        AND n OPERATOR(pg_catalog.>) -100 AND n OPERATOR(pg_catalog.<) 100
    THEN pg_catalog.timezone('UTC', pg_catalog.timezone('UTC',
             pg_catalog.date_bin(tally_internal._fixed_width(rule), instant, timestamptz '2000-01-03 00:00:00+00'))
                  OPERATOR(pg_catalog.+) (tally_internal._fixed_width(rule) OPERATOR(pg_catalog.*) n))
    WHEN pg_catalog.starts_with(rule, 'calendar ') AND instant OPERATOR(pg_catalog.>) timestamptz '1900-01-01 00:00:00+00'
        AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00' AND tally_internal._zone_of(rule) OPERATOR(pg_catalog.<>) ''
        AND pg_catalog.split_part(rule, ' ', 2) = ANY (ARRAY['day', 'week', 'month', 'quarter', 'year'])
        AND n OPERATOR(pg_catalog.>) -100 AND n OPERATOR(pg_catalog.<) 100
    THEN pg_catalog.timezone(tally_internal._zone_of(rule),
             pg_catalog.date_trunc(pg_catalog.split_part(rule, ' ', 2), pg_catalog.timezone(tally_internal._zone_of(rule), instant))
                  OPERATOR(pg_catalog.+) (n OPERATOR(pg_catalog.*) tally_internal._unit_length(pg_catalog.split_part(rule, ' ', 2))))
    ELSE tally_internal._shifted_slowly(rule, instant, n::pg_catalog.int8) END;

CREATE FUNCTION tally_internal._piece_at_or_after(rule text, instant timestamptz) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u     record := tally_internal._unit(rule);
    local timestamp := tally_internal._piece(u.kind, u.n, u.shift, u.late, tally_internal._local_of(instant, u.zone), 0);
BEGIN
    WHILE isfinite(local) AND tally_internal._instant_of(local, u.zone) >= instant LOOP
        local := tally_internal._piece(u.kind, u.n, u.shift, u.late, local, -1);
    END LOOP;
    IF local = '-infinity' THEN
        local := timestamp '4714-11-24 00:00:00 BC' + u.late * interval '1 microsecond';
        IF tally_internal._piece(u.kind, u.n, u.shift, u.late, local, 0) < local THEN
            local := tally_internal._piece(u.kind, u.n, u.shift, u.late, local, 1);
        END IF;
    END IF;
    WHILE isfinite(local) AND tally_internal._instant_of(local, u.zone) < instant LOOP
        local := tally_internal._piece(u.kind, u.n, u.shift, u.late, local, 1);
    END LOOP;
    RETURN local;
END $$;
COMMENT ON FUNCTION tally_internal._piece_at_or_after(text, timestamptz) IS 'The first piece of a zone''s calendar that does not start before an instant.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_at_or_after(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    start timestamptz;
BEGIN
    IF NOT isfinite(instant) THEN RETURN instant; END IF;
    IF starts_with(rule, 'fixed ') THEN
        start := tally_internal._bucket_start(rule, instant);
        RETURN CASE WHEN start < instant THEN tally_internal._bucket_end(rule, instant) ELSE start END;
    END IF;
    RETURN tally_internal._instant_of(tally_internal._piece_at_or_after(rule, instant), tally_internal._zone_of(rule));
END $$;

CREATE FUNCTION tally_internal._starts(rule text, instant timestamptz, most bigint, before timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u      record := tally_internal._unit(rule);
    result timestamptz[] := '{}';
    start  timestamptz;
    local  timestamp;
    begins timestamp;
BEGIN
    IF NOT isfinite(instant) THEN RETURN result; END IF;
    IF u.kind <> 'fixed' THEN local := tally_internal._local_of(instant, u.zone); END IF;
    FOR on_ IN 0 .. most - 1 LOOP
        IF u.kind = 'fixed' THEN
            start := tally_internal._shifted_slowly(rule, instant, on_);
        ELSE
            begins := tally_internal._piece(u.kind, u.n, u.shift, u.late, local, on_);
            start := tally_internal._instant_of(begins, u.zone);
        END IF;
        EXIT WHEN start = 'infinity' OR start >= before;
        -- A day that a zone leaves out is no bucket.
        IF start <> '-infinity' AND (u.kind = 'fixed'
            OR tally_internal._piece(u.kind, u.n, u.shift, u.late, tally_internal._local_of(start, u.zone), 0) = begins) THEN
            result := result || start;
        END IF;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._starts(text, timestamptz, bigint, timestamptz) IS
'The starts of at most so many buckets, from the one that holds an instant on, that begin before a moment.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_reached(rule text, instant timestamptz, n int) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF n > 1000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('n expected to be 1000000 buckets at most, got %s', n),
            HINT = 'SELECT tally_internal._buckets_reached(rule, instant, 7);';
    END IF;
    RETURN tally_internal._starts(rule, instant, n, 'infinity');
END $$;

CREATE OR REPLACE FUNCTION tally_internal._buckets_between(rule text, first timestamptz, last timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT s FROM unnest(tally_internal._starts(rule, first, 1000000, last)) s WHERE s >= first ORDER BY s);
END $$;
