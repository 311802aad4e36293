-- Owns: bucket rules in SQL: how one is made of a width, a zone and an origin, how long its buckets are, and whether they nest.

CREATE OR REPLACE FUNCTION tally_internal._bucket_width(rule text) RETURNS interval
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u record := tally_internal._unit(rule);
BEGIN
    RETURN CASE u.kind WHEN 'fixed' THEN interval '1 microsecond' * u.n WHEN 'days' THEN make_interval(days => u.n::int)
                ELSE make_interval(months => u.n::int) END;
END $$;

CREATE FUNCTION tally_internal._lengths(rule text, OUT short numeric, OUT long numeric)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u record := tally_internal._unit(rule);
BEGIN
    CASE u.kind
        WHEN 'fixed' THEN short := u.n; long := u.n;
        WHEN 'days' THEN short := u.n::numeric * 86400000000 - 3600000000; long := u.n::numeric * 86400000000 + 3600000000;
        ELSE
            short := (u.n / 12 * 365 + u.n % 12 * 30 - CASE u.n % 12 WHEN 0 THEN 0 ELSE 2 END)::numeric * 86400000000;
            long := (u.n / 12 * 366 + u.n % 12 * 31)::numeric * 86400000000;
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._lengths(text) IS 'How short and how long a bucket can be, in microseconds.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_length(rule text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT least(div(l.short, 2) + div(l.long, 2), 9223372036854775807)::bigint FROM tally_internal._lengths(rule) l);
END $$;

CREATE OR REPLACE FUNCTION tally_internal._bucket_is_finer(rule text, than text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT a.long <= b.short FROM tally_internal._lengths(rule) a, tally_internal._lengths(than) b);
END $$;

CREATE FUNCTION tally_internal._parts_of(width interval, OUT months bigint, OUT days bigint, OUT micros numeric)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (extract(year FROM width) * 12 + extract(month FROM width))::bigint, extract(day FROM width)::bigint,
           (extract(hour FROM width) * 3600 + extract(minute FROM width) * 60) * 1000000 + extract(microseconds FROM width)
$$;
COMMENT ON FUNCTION tally_internal._parts_of(interval) IS 'The three parts of an interval.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_in(rule text, width interval) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u     record := tally_internal._unit(rule);
    w     record := tally_internal._parts_of(width);
    other numeric;
BEGIN
    other := CASE WHEN u.kind = 'fixed' AND w.months = 0 THEN w.days * 86400000000 + w.micros
                  WHEN u.kind = 'days' AND w.months = 0 AND w.micros = 0 THEN w.days
                  WHEN u.kind = 'months' AND w.days = 0 AND w.micros = 0 THEN w.months END;
    RETURN CASE WHEN mod(other, u.n) = 0 THEN div(other, u.n) END;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._buckets_nest(own text, outer_rule text, since timestamptz, until timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a    record := tally_internal._unit(own);
    b    record := tally_internal._unit(outer_rule);
    edge timestamptz;
    cut  record;
BEGIN
    IF own = outer_rule THEN RETURN true; END IF;
    IF a.kind = b.kind AND a.zone IS NOT DISTINCT FROM b.zone THEN RETURN b.n % a.n = 0 AND (b.shift - a.shift) % a.n = 0 AND a.late = b.late; END IF;
    IF a.kind = 'days' AND b.kind = 'months' AND a.zone = b.zone THEN RETURN a.n = 1 AND b.late % 86400000000 = a.late; END IF;
    IF a.kind = 'months' AND b.kind = 'days' OR a.kind = 'fixed' AND 86400000000 % a.n <> 0 THEN RETURN false; END IF;
    -- By the clocks: each edge of the outer buckets is one of these. Where a clock is set back over an edge, times come into the later bucket, go back and
    -- come again, each time at one of these. Days and months that are cut so fit nothing (the library finds a few that do).
    edge := tally_internal._bucket_end(outer_rule, since);
    WHILE edge < until LOOP
        cut := tally_internal._edge(outer_rule, edge);
        IF a.kind = 'fixed' THEN
            IF EXISTS (SELECT FROM (SELECT cut.from_ UNION SELECT cut.past UNION SELECT s.until_ FROM tally_internal._spans(b.zone, cut.from_, cut.past) s
                                     WHERE cut.from_ < cut.past) x(t) WHERE tally_internal._bucket_at_or_after(own, x.t) <> x.t) THEN
                RETURN false;
            END IF;
        ELSIF cut.from_ <> cut.past OR tally_internal._bucket_at_or_after(own, cut.from_) <> cut.from_
            OR (SELECT e.from_ <> e.past FROM tally_internal._edge(own, cut.from_) e) THEN
            RETURN false;
        END IF;
        edge := tally_internal._bucket_end(outer_rule, edge);
    END LOOP;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._zone_known(zone text) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF upper(zone) IN ('UTC', 'GMT') THEN RETURN true; END IF;
    -- The list of names costs some 30 ms, so only what may be an abbreviation is looked up there.
    IF zone ~ '^[A-Za-z]{1,6}$' THEN RETURN EXISTS (SELECT FROM pg_timezone_names n WHERE lower(n.name) = lower(zone)); END IF;
    PERFORM timestamp '2000-01-01' AT TIME ZONE zone;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END $$;

CREATE FUNCTION tally_internal._width_text(w record) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unit record;
BEGIN
    SELECT u.* INTO unit FROM (VALUES (3600000000::numeric, 'hour'), (60000000, 'minute'), (1000000, 'second'), (1, 'microsecond')) u(length, name)
     WHERE mod(w.micros, u.length) = 0 LIMIT 1;
    RETURN COALESCE(NULLIF(concat_ws(' ', w.months || CASE w.months WHEN 0 THEN NULL WHEN 1 THEN ' month' ELSE ' months' END,
        w.days || CASE w.days WHEN 0 THEN NULL WHEN 1 THEN ' day' ELSE ' days' END,
        div(w.micros, unit.length) || ' ' || CASE div(w.micros, unit.length) WHEN 0 THEN NULL WHEN 1 THEN unit.name ELSE unit.name || 's' END), ''), '0');
END $$;
COMMENT ON FUNCTION tally_internal._width_text(record) IS 'A width in words, for errors.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_rule(width interval, zone text, origin timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w      record := tally_internal._parts_of(width);
    micros numeric;
    kind   text;
    shift  bigint;
    late   bigint;
    n      bigint;
BEGIN
    IF width IS NULL OR zone IS NULL THEN RETURN NULL; END IF;
    IF NOT tally_internal._zone_known(zone) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('zone must be a time zone that PostgreSQL knows, got "%s"', zone),
            DETAIL = 'Names are those of the time zone database, such as Europe/Berlin.', HINT = 'SELECT name FROM pg_timezone_names ORDER BY name;';
    ELSIF w.months < 0 OR w.days < 0 OR w.micros < 0 OR w.months + w.days + w.micros = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('bucket must be longer than nothing, got "%s"', tally_internal._width_text(w)),
            DETAIL = 'A bucket is the width of time that one row of a rollup covers.',
            HINT = 'Use for example bucket => ''1 hour'', ''15 minutes'', ''1 day'', ''1 week'' or ''1 month''.';
    ELSIF w.months = 0 AND (w.days = 0 OR zone = 'UTC') THEN
        micros := w.days * 86400000000 + w.micros;
        IF micros >= 2305843009213693951 THEN kind := 'long'; END IF;
    ELSIF w.days > 200000000 OR w.months > 200000000 THEN
        kind := 'long';
    END IF;
    IF kind = 'long' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('bucket must be shorter than all of time, got "%s"', tally_internal._width_text(w)),
            DETAIL = 'PostgreSQL''s time begins in 4714 BC and ends in 294276.', HINT = 'Use for example bucket => ''1 year''.';
    END IF;
    IF micros IS NOT NULL THEN
        IF NOT isfinite(origin) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('origin of buckets of %s must be a finite time, got %s', tally_internal._width_text(w),
                                 CASE WHEN origin > now() THEN 'infinity' ELSE '-infinity' END),
                DETAIL = 'A bucket begins at the origin.', HINT = 'Use for example origin => ''2000-01-03 00:30+00'' with bucket => ''1 hour''.';
        END IF;
        micros := trunc(micros);
        shift := COALESCE(mod(mod(trunc(extract(epoch FROM origin) * 1000000) - 946857600000000, micros) + micros, micros), 0)::bigint;
        RETURN format('fixed %s%s', micros, CASE WHEN shift <> 0 THEN ' ' || shift END);
    END IF;
    kind := CASE WHEN w.months = 0 AND w.micros = 0 THEN 'days' WHEN w.days = 0 AND w.micros = 0 THEN 'months' END;
    IF kind IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('bucket "%s" does not divide the calendar of zone "%s"', tally_internal._width_text(w), zone),
            DETAIL = 'A bucket is a fixed width (hours and less), or whole days, or whole months by the zone''s clock. In UTC days have a fixed width too.',
            HINT = 'Use for example bucket => ''1 day'' or bucket => ''1 month'', and merge further in a query.';
    END IF;
    n := CASE kind WHEN 'days' THEN w.days ELSE w.months END;
    SELECT o.shift, o.late INTO shift, late FROM tally_internal._beginning(kind, n, tally_internal._width_text(w), zone, origin) o;
    RETURN format('calendar %s %s', CASE WHEN late > 0 THEN format('%s%s@%s+%s', n, kind, shift, late)
        WHEN kind = 'days' AND n = 1 THEN 'day' WHEN kind = 'days' AND n = 7 AND shift = 0 THEN 'week'
        WHEN kind = 'months' AND n = 1 THEN 'month' WHEN kind = 'months' AND n = 3 AND shift = 0 THEN 'quarter'
        WHEN kind = 'months' AND n = 12 AND shift = 0 THEN 'year' ELSE format('%s%s@%s', n, kind, shift) END, zone);
END $$;

CREATE FUNCTION tally_internal._beginning(kind text, n bigint, width text, zone text, origin timestamptz, OUT shift bigint, OUT late bigint)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    local CONSTANT timestamp := tally_internal._local_of(origin, zone);
    month CONSTANT timestamp := CASE WHEN isfinite(local) THEN date_trunc('month', local) END;
    day   timestamp;
BEGIN
    shift := 0;
    late := 0;
    IF origin IS NULL THEN RETURN; END IF;
    IF NOT isfinite(local) OR kind = 'months' AND local >= month + interval '28 days' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('origin of buckets of %s must be %s in %s, got %s', width,
                             CASE kind WHEN 'days' THEN 'a finite time' ELSE 'a time on one of the first 28 days of a month' END, zone,
                             CASE WHEN isfinite(local) THEN to_char(local, 'YYYY-MM-DD HH24:MI:SS') ELSE origin::text END),
            DETAIL = 'A bucket begins at the origin, and each other one at that time of its day, or on that day of its month.',
            HINT = format('Use for example origin => ''%s %s''.', to_char(COALESCE(month, '2000-01-01'), 'YYYY-MM-DD HH24:MI:SS'), zone);
    END IF;
    day := date_trunc('day', local);
    -- A midnight that the clock skips is where the day starts all the same.
    late := extract(epoch FROM CASE WHEN tally_internal._instant_of(day, zone) = origin THEN day ELSE local END
                               - CASE kind WHEN 'days' THEN day ELSE month END) * 1000000;
    shift := CASE kind WHEN 'days' THEN local::date - date '2000-01-03' ELSE tally_internal._month_of(local) END;
    shift := ((shift % n) + n) % n;
END $$;
COMMENT ON FUNCTION tally_internal._beginning(text, bigint, text, text, timestamptz) IS
'Where buckets of days or months are counted from, and how late in a day (month) one begins, so that one begins at an origin.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_rule_or_null(width interval, zone text, origin timestamptz) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._bucket_rule(width, zone, origin);
EXCEPTION WHEN invalid_parameter_value OR feature_not_supported THEN
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION tally.bucket(width interval, "time" timestamptz, zone text DEFAULT 'UTC', origin timestamptz DEFAULT '2000-01-03 00:00:00+00')
    RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    w     record := tally_internal._parts_of(width);
    own   boolean := origin = timestamptz '2000-01-03 00:00:00+00' OR NOT isfinite(origin);
    kind  text := CASE WHEN w.days > 0 THEN 'days' ELSE 'months' END;
    n     bigint := w.months + w.days;
    part  record;
BEGIN
    IF NOT tally_internal._zone_known(zone) THEN PERFORM tally_internal._bucket_rule(width, zone); END IF;
    IF w.months < 0 OR w.days < 0 OR w.micros < 0 OR (w.months > 0)::int + (w.days > 0)::int + (w.micros > 0)::int <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('width of a bucket expected to be positive and of one kind (months, days, or hours and less), got %s',
                             tally_internal._width_text(w)),
            DETAIL = 'Months and days follow the calendar and have no fixed length; mixed with other units a bucket would have no start.',
            HINT = 'SELECT tally.bucket(''1 hour'', now())';
    END IF;
    IF w.micros > 0 THEN
        RETURN tally_internal._bucket_start(tally_internal._bucket_rule(width, 'UTC', CASE WHEN NOT own THEN origin END), "time");
    END IF;
    part := tally_internal._beginning(kind, n, tally_internal._width_text(w), zone, CASE WHEN NOT own THEN origin END);
    RETURN tally_internal._shifted_slowly(format('calendar %s%s@%s+%s %s', n, kind, part.shift, part.late, zone), "time", 0);
END $$;
