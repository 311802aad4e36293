-- Owns: retention in SQL: whether an actor who started is seen again, and what many actors add up to. core/src/retention says what holds.

CREATE FUNCTION tally_internal._micros(width interval) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (((extract(year FROM width) * 12 + extract(month FROM width)) * 30 + extract(day FROM width)) * 86400
           + extract(hour FROM width) * 3600 + extract(minute FROM width) * 60) * 1000000 + extract(microseconds FROM width)
$$;
COMMENT ON FUNCTION tally_internal._micros(interval) IS 'Microseconds of an interval; a day has 24 hours, a month 30 days.';

CREATE FUNCTION tally_internal._retention_unit(width interval, zone text, periods int, mode text, later int, OUT kind text, OUT n numeric)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    months numeric := extract(year FROM width) * 12 + extract(month FROM width);
    days   numeric := extract(day FROM width);
    "time" numeric := tally_internal._micros(width) - (months * 30 + days) * 86400000000;
    bad    text;
BEGIN
    IF periods NOT BETWEEN 0 AND 3660 THEN
        bad := format('periods expected in 0 to 3660, got %s', periods);
    ELSIF COALESCE(mode, 'on') NOT IN ('on', 'on_or_after') THEN
        bad := format('mode expected to be on or on_or_after, got "%s"', mode);
    ELSIF later NOT BETWEEN -3660 AND 3660 THEN
        bad := format('later expected in -3660 to 3660 days, got %s', later);
    ELSIF zone IS NOT NULL AND NOT tally_internal._zone_known(zone) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('zone must be a time zone that PostgreSQL knows, got "%s"', zone),
            DETAIL = 'Names are those of the time zone database, such as Europe/Berlin.', HINT = 'SELECT name FROM pg_timezone_names ORDER BY name;';
    -- Hours are no unit of a calendar: '24 hours' counts from the start's own moment in every zone.
    ELSIF tally_internal._micros(width) > 0 AND (zone IS NULL OR months = 0 AND "time" <> 0) THEN
        kind := 'elapsed';
        n := tally_internal._micros(width);
    ELSIF zone IS NULL THEN
        bad := 'width expected to be positive, got none or a negative one';
    ELSIF "time" = 0 AND months = 0 AND days > 0 THEN
        kind := 'days';
        n := days;
    ELSIF "time" = 0 AND days = 0 AND months > 0 THEN
        kind := 'months';
        n := months;
    ELSE
        bad := 'width expected to be hours, or whole days, weeks, months or years, got another interval';
    END IF;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = bad,
            HINT = 'SELECT tally.retention(array_agg(event_time) FILTER (WHERE event_type = ''signup''), array_agg(event_time), ''1 day'', 7) '
                   'FROM … GROUP BY user_id';
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._retention_unit(interval, text, int, text, int) IS
'What counts the periods of a retention: microseconds, days or months, and how many; an error for what counts none.';

CREATE FUNCTION tally_internal._retention_period(kind text, n numeric, zone text, later int, at timestamptz) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    local timestamp;
BEGIN
    -- Infinite times are in a period before or behind all others.
    IF NOT isfinite(at) THEN RETURN CASE WHEN at > timestamptz '2000-01-01 00:00+00' THEN 1e15 ELSE -1e15 END; END IF;
    local := tally_internal._local_of(at, zone) - interval '1 day' * later;
    RETURN floor(CASE kind WHEN 'days' THEN local::date - date '2000-01-03'
                           ELSE (extract(year FROM local) - CASE WHEN extract(year FROM local) < 0 THEN 1999 ELSE 2000 END) * 12 + extract(month FROM local) - 1
                 END / n);
END $$;
COMMENT ON FUNCTION tally_internal._retention_period(text, numeric, text, int, timestamptz) IS
'The number of the calendar''s period that holds a moment. Weeks and other widths of days count from Monday, 2000-01-03, or so many days later.';

CREATE FUNCTION tally_internal._retention_apart(kind text, n numeric, zone text, later int, start timestamptz, at timestamptz) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kind <> 'elapsed' THEN
        RETURN tally_internal._retention_period(kind, n, zone, later, at) - tally_internal._retention_period(kind, n, zone, later, start);
    ELSIF isfinite(start) AND isfinite(at) THEN
        RETURN floor((extract(epoch FROM at) - extract(epoch FROM start)) * 1000000 / n);
    END IF;
    RETURN CASE WHEN at > start THEN 1e15 ELSE 0 END;
END $$;
COMMENT ON FUNCTION tally_internal._retention_apart(text, numeric, text, int, timestamptz, timestamptz) IS 'In which period after a start a moment lies.';

CREATE FUNCTION tally_internal._retained(start timestamptz, returns timestamptz[], kind text, n numeric, zone text, later int, periods int, as_of timestamptz,
                                         mode text) RETURNS boolean[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    past  CONSTANT numeric := tally_internal._retention_apart(kind, n, zone, later, start, as_of);
    first CONSTANT numeric := CASE kind WHEN 'elapsed' THEN extract(epoch FROM start) ELSE tally_internal._retention_period(kind, n, zone, later, start) END;
    seen  numeric[];
    reach numeric;
BEGIN
    -- The same as _retention_apart(), by sets, where a time is not near the ends of all times.
    SELECT array_agg(DISTINCT x.apart), max(x.apart) INTO seen, reach
      FROM (SELECT greatest(CASE WHEN u.at > timestamptz '9999-01-01 00:00+00' OR start < timestamptz '0001-01-03 00:00+00'
                                     THEN tally_internal._retention_apart(kind, n, zone, later, start, u.at)
                                 WHEN kind = 'elapsed' THEN floor((extract(epoch FROM u.at) - first) * 1000000 / n)
                                 WHEN kind = 'days' THEN floor(((u.at AT TIME ZONE zone)::date - later - date '2000-01-03') / n) - first
                                 ELSE floor((extract(year FROM u.local) * 12 + extract(month FROM u.local) - 24001) / n) - first END, 0) AS apart
              FROM (SELECT r.at, CASE WHEN kind = 'months' AND r.at < timestamptz '9999-01-01 00:00+00'
                                      THEN r.at AT TIME ZONE zone - interval '1 day' * later END AS local
                      FROM unnest(returns) r(at) WHERE r.at >= start AND r.at < as_of) u) x;
    RETURN ARRAY(SELECT CASE WHEN g < past THEN CASE mode WHEN 'on_or_after' THEN g <= COALESCE(reach, -1) ELSE COALESCE(g = ANY (seen), false) END END
                   FROM generate_series(0, periods) g ORDER BY g);
END $$;
COMMENT ON FUNCTION tally_internal._retained(timestamptz, timestamptz[], text, numeric, text, int, int, timestamptz, text) IS
'Whether an actor is seen again in each period from a start; NULL for a period that is not wholly past.';

CREATE OR REPLACE FUNCTION tally.retention(starts timestamptz[], returns timestamptz[], width interval, periods int, as_of timestamptz DEFAULT now(),
                                zone text DEFAULT 'UTC', mode text DEFAULT 'on') RETURNS boolean[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 100 SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally.retention(starts, returns, width, periods, as_of, zone, mode, 0)
$$;

CREATE OR REPLACE FUNCTION tally.retention(starts timestamptz[], returns timestamptz[], width interval, periods int, as_of timestamptz, zone text, mode text,
                                           later int) RETURNS boolean[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u     record;
    start timestamptz;
BEGIN
    IF num_nulls(width, periods, as_of) > 0 THEN RETURN NULL; END IF;
    u := tally_internal._retention_unit(width, zone, periods, mode, COALESCE(later, 0));
    SELECT min(s) INTO start FROM unnest(starts) s WHERE s < as_of;
    RETURN CASE WHEN start IS NULL THEN '{}'
        ELSE tally_internal._retained(start, returns, u.kind, u.n, zone, COALESCE(later, 0), periods, as_of, mode) END;
END $$;

CREATE OR REPLACE FUNCTION tally.retention_every(starts timestamptz[], returns timestamptz[], width interval, periods int, as_of timestamptz DEFAULT now(),
                                      zone text DEFAULT 'UTC', mode text DEFAULT 'on') RETURNS TABLE (start timestamptz, retained boolean[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100 ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u record;
BEGIN
    IF num_nulls(width, periods, as_of) > 0 THEN RETURN; END IF;
    u := tally_internal._retention_unit(width, zone, periods, mode, 0);
    RETURN QUERY SELECT c.at, tally_internal._retained(c.at, returns, u.kind, u.n, zone, 0, periods, as_of, mode)
      FROM (SELECT min(s) AS at FROM unnest(starts) s WHERE s < as_of
             GROUP BY CASE WHEN u.kind = 'elapsed' THEN s END,
                      CASE WHEN u.kind <> 'elapsed' THEN tally_internal._retention_period(u.kind, u.n, zone, 0, s) END) c ORDER BY c.at;
END $$;

CREATE FUNCTION tally_internal._added(a bigint[], b bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT COALESCE(x, 0) + COALESCE(y, 0) FROM unnest(a, b) WITH ORDINALITY u(x, y, i) ORDER BY i)
$$;
COMMENT ON FUNCTION tally_internal._added(bigint[], bigint[]) IS 'Sums, element by element; what one of them has not is 0.';

CREATE OR REPLACE FUNCTION tally_internal._retention_counts_trans(state tally.retention_counts, retained boolean[]) RETURNS tally.retention_counts
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e bigint[] := COALESCE(state.eligible, '{}');
    r bigint[] := COALESCE(state.retained, '{}');
BEGIN
    IF retained IS NULL THEN RETURN state; END IF;
    FOR i IN 1 .. cardinality(retained) LOOP
        e[i] := COALESCE(e[i], 0) + (retained[i] IS NOT NULL)::int;
        r[i] := COALESCE(r[i], 0) + COALESCE(retained[i], false)::int;
    END LOOP;
    RETURN ROW(e, r)::tally.retention_counts;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._retention_counts_merge(state tally.retention_counts, counts tally.retention_counts) RETURNS tally.retention_counts
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN counts; END IF;
    IF counts IS NULL THEN RETURN state; END IF;
    RETURN ROW(tally_internal._added(state.eligible, counts.eligible), tally_internal._added(state.retained, counts.retained))::tally.retention_counts;
END $$;
CREATE OR REPLACE FUNCTION tally.retention_periods(counts tally.retention_counts) RETURNS TABLE (period int, eligible bigint, retained bigint, share float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30 SET search_path = pg_catalog, pg_temp AS $$
    SELECT (i - 1)::int, e, r, r::float8 / NULLIF(e, 0) FROM unnest(counts.eligible, counts.retained) WITH ORDINALITY u(e, r, i) ORDER BY i
$$;
