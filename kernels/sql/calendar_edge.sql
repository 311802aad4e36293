-- Owns: the edges of buckets in SQL: where rows come into another bucket, and which local times may be instants of a range.

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
    -- Mostly the clock is not set at all.
    SELECT min(x.off) INTO off FROM (SELECT (t AT TIME ZONE zone) - (t AT TIME ZONE 'UTC') AS off FROM generate_series(since, until, interval '6 hours') t) x
    HAVING count(DISTINCT x.off) = 1;
    IF off IS NOT NULL THEN
        until_ := until;
        RETURN NEXT;
        RETURN;
    END IF;
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
