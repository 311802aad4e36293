-- Owns: the calendar in SQL. core/src/calendar/ says what holds at odd midnights; the answers here are the same, and the same tests ask both. A local time
-- is read as an instant by AT TIME ZONE, as everywhere in PostgreSQL.
--
-- Most calls are answered by expressions that PostgreSQL puts into the query (BEGIN ATOMIC bodies, not STRICT, so that they can be). Times near the ends
-- of what PostgreSQL can hold, and units that date_trunc does not know, go to PL/pgSQL.

CREATE FUNCTION tally_internal._unit(rule text, OUT kind text, OUT n bigint, OUT shift bigint, OUT zone text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unit text := split_part(rule, ' ', 2);
    part text[];
BEGIN
    IF rule ~ '^fixed \d{1,18}( \d{1,18})?$' THEN
        kind := 'fixed'; n := unit::bigint; shift := COALESCE(NULLIF(split_part(rule, ' ', 3), ''), '0')::bigint;
        IF n > 0 AND n < 2305843009213693952 AND shift < n THEN RETURN; END IF;
    ELSIF rule ~ '^calendar \S+ .+$' THEN
        zone := substr(rule, 11 + length(unit));
        part := regexp_match(unit, '^(\d{1,9})(days|months)@(\d{1,9})$');
        CASE WHEN unit = 'day' THEN kind := 'days'; n := 1; shift := 0;
             WHEN unit = 'week' THEN kind := 'days'; n := 7; shift := 0;
             WHEN unit = 'month' THEN kind := 'months'; n := 1; shift := 0;
             WHEN unit = 'quarter' THEN kind := 'months'; n := 3; shift := 0;
             WHEN unit = 'year' THEN kind := 'months'; n := 12; shift := 0;
             ELSE kind := part[2]; n := part[1]::bigint; shift := part[3]::bigint; END CASE;
        IF n BETWEEN 1 AND 200000000 AND shift < n THEN RETURN; END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('bucket rule expected as "fixed <microseconds>" or "calendar <unit> <zone>", got "%s"', rule),
        DETAIL = 'A unit is day, week, month, quarter, year, <n>days@<shift> or <n>months@<shift>.',
        HINT = 'SELECT tally_internal._bucket_rule(''1 day'', ''Europe/Berlin'');';
END $$;
COMMENT ON FUNCTION tally_internal._unit(text) IS 'A bucket rule in parts: fixed, days or months; how many; where they are counted from; the zone.';

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

CREATE FUNCTION tally_internal._piece(kind text, n bigint, shift bigint, local timestamp, on_ bigint) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number numeric;
BEGIN
    IF NOT isfinite(local) THEN RETURN local; END IF;
    IF kind = 'days' THEN
        -- Monday 2000-01-03 is day 0.
        number := (floor(((local::date - date '2000-01-03') - shift)::numeric / n) + on_) * n + shift;
        RETURN CASE WHEN number < -2451547 THEN timestamp '-infinity' WHEN number > 106751980 THEN timestamp 'infinity'
                    ELSE (date '2000-01-03' + number::int)::timestamp END;
    END IF;
    number := (floor((tally_internal._month_of(local) - shift) / n) + on_) * n + shift;
    RETURN CASE WHEN number < -80545 THEN timestamp '-infinity' WHEN number > 3507323 THEN timestamp 'infinity'
                ELSE timestamp '2000-01-01' + make_interval(months => number::int) END;
END $$;
COMMENT ON FUNCTION tally_internal._piece(text, bigint, bigint, timestamp, bigint) IS
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
    RETURN tally_internal._instant_of(tally_internal._piece(u.kind, u.n, u.shift, tally_internal._local_of(instant, u.zone), on_), u.zone);
END $$;
COMMENT ON FUNCTION tally_internal._shifted_slowly(text, timestamptz, bigint) IS
'Start of the bucket so many after the one that holds an instant, for every rule and every time.';

CREATE FUNCTION tally_internal._zone_of(rule text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.substr(rule, 11 OPERATOR(pg_catalog.+) pg_catalog.length(pg_catalog.split_part(rule, ' ', 2)));
COMMENT ON FUNCTION tally_internal._zone_of(text) IS 'The zone of a calendar rule.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_start(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN instant OPERATOR(pg_catalog.>) timestamptz '1900-01-01 00:00:00+00' AND instant OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00'
        AND pg_catalog.split_part(rule, ' ', 2) = ANY (ARRAY['day', 'week', 'month', 'quarter', 'year', '3600000000', '60000000', '300000000', '900000000',
                                                             '86400000000'])
        AND (pg_catalog.starts_with(rule, 'calendar ') AND tally_internal._zone_of(rule) OPERATOR(pg_catalog.<>) ''
             OR pg_catalog.split_part(rule, ' ', 3) OPERATOR(pg_catalog.=) '')
    THEN CASE WHEN pg_catalog.starts_with(rule, 'fixed ')
              THEN pg_catalog.date_bin((CASE WHEN pg_catalog.starts_with(rule, 'fixed ') THEN pg_catalog.split_part(rule, ' ', 2) END)::pg_catalog.float8
                                       OPERATOR(pg_catalog.*) interval '1 microsecond', instant, timestamptz '1800-01-06 00:00:00+00')
              ELSE pg_catalog.timezone(tally_internal._zone_of(rule),
                       pg_catalog.date_trunc(pg_catalog.split_part(rule, ' ', 2), pg_catalog.timezone(tally_internal._zone_of(rule), instant))) END
    ELSE tally_internal._shifted_slowly(rule, instant, 0) END;

CREATE OR REPLACE FUNCTION tally_internal._bucket_end(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._shifted_slowly(rule, instant, 1);

CREATE OR REPLACE FUNCTION tally_internal._bucket_shifted(rule text, instant timestamptz, n int) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._shifted_slowly(rule, instant, n::bigint);

CREATE FUNCTION tally_internal._piece_at_or_after(rule text, instant timestamptz) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u     record := tally_internal._unit(rule);
    local timestamp := tally_internal._piece(u.kind, u.n, u.shift, tally_internal._local_of(instant, u.zone), 0);
BEGIN
    WHILE isfinite(local) AND tally_internal._instant_of(local, u.zone) >= instant LOOP
        local := tally_internal._piece(u.kind, u.n, u.shift, local, -1);
    END LOOP;
    IF local = '-infinity' THEN
        local := timestamp '4714-11-24 00:00:00 BC';
        IF tally_internal._piece(u.kind, u.n, u.shift, local, 0) < local THEN local := tally_internal._piece(u.kind, u.n, u.shift, local, 1); END IF;
    END IF;
    WHILE isfinite(local) AND tally_internal._instant_of(local, u.zone) < instant LOOP
        local := tally_internal._piece(u.kind, u.n, u.shift, local, 1);
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

CREATE FUNCTION tally_internal._offset(zone text, instant timestamptz) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT (instant AT TIME ZONE zone) - (instant AT TIME ZONE 'UTC') $$;
COMMENT ON FUNCTION tally_internal._offset(text, timestamptz) IS 'How far a zone''s clock is from UTC.';

CREATE FUNCTION tally_internal._spans(zone text, since timestamptz, until timestamptz, OUT from_ timestamptz, OUT until_ timestamptz, OUT off interval)
    RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low  timestamptz; high timestamptz; middle timestamptz;
BEGIN
    from_ := since;
    WHILE from_ < until LOOP
        off := tally_internal._offset(zone, from_);
        -- The first hour with another offset; then the moment within it.
        low := from_; high := from_;
        WHILE high < until AND tally_internal._offset(zone, high) = off LOOP
            low := high;
            high := least(high + interval '6 hours', until);
        END LOOP;
        IF tally_internal._offset(zone, high) = off THEN
            until_ := until;
        ELSE
            WHILE high - low > interval '1 microsecond' LOOP
                middle := low + make_interval(secs => extract(epoch FROM high - low)::float8 / 2);
                EXIT WHEN middle <= low OR middle >= high;
                IF tally_internal._offset(zone, middle) = off THEN low := middle; ELSE high := middle; END IF;
            END LOOP;
            until_ := high;
        END IF;
        RETURN NEXT;
        from_ := until_;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._spans(text, timestamptz, timestamptz) IS 'The pieces of time with one offset of a zone that cover a range.';

CREATE FUNCTION tally_internal._near_the_ends(instant timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE RETURN instant OPERATOR(pg_catalog.<) timestamptz '4000-01-01 00:00+00 BC'
    OR instant OPERATOR(pg_catalog.>) timestamptz '290000-01-01 00:00+00';
COMMENT ON FUNCTION tally_internal._near_the_ends(timestamptz) IS 'Whether an instant is so near to an end of time that its surroundings may lie outside.';

CREATE FUNCTION tally_internal._edge(rule text, instant timestamptz, OUT from_ timestamptz, OUT past timestamptz)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone   text := tally_internal._zone_of(rule);
    local  timestamp;
    begins timestamptz;
    span   record;
BEGIN
    IF NOT isfinite(instant) THEN from_ := instant; past := instant; RETURN; END IF;
    IF starts_with(rule, 'fixed ') THEN
        from_ := tally_internal._bucket_at_or_after(rule, instant);
        -- The first times of all lie in a bucket whose start PostgreSQL cannot hold.
        past := from_;
        RETURN;
    END IF;
    local := tally_internal._piece_at_or_after(rule, instant);
    from_ := tally_internal._instant_of(local, zone);
    past := from_;
    -- No clock is set at the ends of time.
    IF NOT isfinite(from_) OR tally_internal._near_the_ends(from_) THEN RETURN; END IF;
    from_ := 'infinity'; past := '-infinity';
    FOR span IN SELECT * FROM tally_internal._spans(zone, (local - interval '8 days') AT TIME ZONE 'UTC', (local + interval '8 days') AT TIME ZONE 'UTC') LOOP
        begins := (local - span.off) AT TIME ZONE 'UTC';
        IF begins < span.until_ THEN from_ := least(from_, greatest(begins, span.from_)); END IF;
        IF begins > span.from_ THEN past := greatest(past, least(begins, span.until_)); END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._edge(text, timestamptz) IS
'Both edges of the rows whose bucket begins at or after an instant: _rows_from() and _rows_past().';

CREATE OR REPLACE FUNCTION tally_internal._rows_from(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
    $$ BEGIN RETURN (SELECT e.from_ FROM tally_internal._edge(rule, instant) e); END $$;
CREATE OR REPLACE FUNCTION tally_internal._rows_past(rule text, instant timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
    $$ BEGIN RETURN (SELECT e.past FROM tally_internal._edge(rule, instant) e); END $$;

CREATE OR REPLACE FUNCTION tally_internal._local_from(zone text, instant timestamptz) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT isfinite(instant) THEN RETURN instant AT TIME ZONE 'UTC'; END IF;
    IF tally_internal._near_the_ends(instant) THEN
        RETURN CASE WHEN instant < timestamptz '2000-01-01 00:00+00' THEN timestamp '-infinity' ELSE tally_internal._local_of(instant, zone) END;
    END IF;
    RETURN (instant AT TIME ZONE 'UTC') + (SELECT min(s.off) FROM tally_internal._spans(zone, instant - interval '48 hours', instant + interval '48 hours') s);
END $$;
CREATE OR REPLACE FUNCTION tally_internal._local_until(zone text, instant timestamptz) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT isfinite(instant) THEN RETURN instant AT TIME ZONE 'UTC'; END IF;
    IF tally_internal._near_the_ends(instant) THEN RETURN tally_internal._local_of(instant, zone); END IF;
    RETURN (instant AT TIME ZONE 'UTC') + (SELECT max(s.off) FROM tally_internal._spans(zone, instant - interval '48 hours', instant + interval '48 hours') s);
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
            begins := tally_internal._piece(u.kind, u.n, u.shift, local, on_);
            start := tally_internal._instant_of(begins, u.zone);
        END IF;
        EXIT WHEN start = 'infinity' OR start >= before;
        -- A day that a zone leaves out is no bucket.
        IF start <> '-infinity' AND (u.kind = 'fixed' OR tally_internal._piece(u.kind, u.n, u.shift, tally_internal._local_of(start, u.zone), 0) = begins) THEN
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
