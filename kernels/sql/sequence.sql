-- Owns: patterns over the events of an actor, in SQL. core/src/funnel/pattern.rs says what a pattern is, sequence.rs how it is looked for.

CREATE OR REPLACE FUNCTION tally_internal._sequence_trans(state tally.funnel_events, event_time timestamptz, conditions boolean[]) RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._funnel_taken(state, interval '2562047788:00:54.775807', event_time, conditions, NULL);
CREATE OR REPLACE FUNCTION tally_internal._sequence_final(state tally.funnel_events) RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(state.span, state.steps, state.options, array_agg(e.t ORDER BY e.t, e.m), array_agg(e.m ORDER BY e.t, e.m))::tally.funnel_events
      FROM unnest(state.times, state.masks) e(t, m) HAVING state IS NOT NULL
$$;

CREATE FUNCTION tally_internal._pattern_refused(pattern text, place int, expected text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('pattern: expected %s, got %s', expected,
                         CASE WHEN place > length(pattern) THEN 'the end' ELSE format('"%s"', substr(pattern, place, 20)) END),
        DETAIL = 'A pattern consists of (?1) for condition 1, . for one event, .* for any events between, and (?t<=60) for seconds between.',
        HINT = 'SELECT tally.sequence_match(tally.sequence_events(event_time, a, b), ''(?1).*(?2)'') FROM …';
END $$;
COMMENT ON FUNCTION tally_internal._pattern_refused(text, int, text) IS 'Refuses what is no pattern.';

CREATE FUNCTION tally_internal._pattern(pattern text, conditions int) RETURNS TABLE (mask bigint, gap boolean, nearest numeric, furthest numeric)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    micro   CONSTANT numeric := 0.000001;
    place   int := 1;
    n       int := 0;
    rest    text;
    inside  text;
    sign    text;
    seconds numeric;
    named   boolean := false;
BEGIN
    gap := false; nearest := 0; furthest := 'Infinity';
    WHILE place <= length(pattern) LOOP
        rest := substr(pattern, place);
        inside := NULL;
        IF rest ~ '^\s' THEN
            place := place + 1;
            CONTINUE;
        ELSIF rest LIKE '.*%' THEN
            gap := true;
            place := place + 2;
            CONTINUE;
        ELSIF rest LIKE '.%' THEN
            mask := 4294967295;
        ELSIF rest LIKE '(?t%' THEN
            inside := substring(rest FROM '^\(\?t([^)]*)\)');
            IF inside IS NULL THEN PERFORM tally_internal._pattern_refused(pattern, place, '(?t<=60) with its )'); END IF;
            sign := substring(btrim(inside, E' \t\n\r') FROM '^[<>=]*');
            inside := btrim(ltrim(btrim(inside, E' \t\n\r'), '<>='), E' \t\n\r');
            seconds := CASE WHEN inside ~ '^\+?\d+$' AND inside::numeric <= 9223372036854775807 THEN inside::numeric END;
            IF seconds IS NULL OR sign NOT IN ('<', '<=', '>', '>=', '==') THEN
                PERFORM tally_internal._pattern_refused(pattern, place, '(?t and one of <, <=, >, >=, == with whole seconds of 0 or more');
            ELSIF n = 0 THEN
                PERFORM tally_internal._pattern_refused(pattern, place, 'an event before seconds');
            END IF;
            gap := true;
            named := true;
            nearest := greatest(nearest, CASE sign WHEN '>' THEN seconds + micro WHEN '>=' THEN seconds WHEN '==' THEN seconds ELSE 0 END);
            furthest := least(furthest, CASE sign WHEN '<' THEN seconds - micro WHEN '<=' THEN seconds WHEN '==' THEN seconds ELSE 'Infinity' END);
            place := place + position(')' IN rest);
            CONTINUE;
        ELSIF rest LIKE '(?%' THEN
            inside := substring(rest FROM '^\(\?([^)]*)\)');
            IF inside IS NULL THEN PERFORM tally_internal._pattern_refused(pattern, place, '(?1) with its )'); END IF;
            inside := btrim(inside, E' \t\n\r');
            IF inside !~ '^\+?\d{1,9}$' OR inside::int NOT BETWEEN 1 AND conditions THEN
                PERFORM tally_internal._pattern_refused(pattern, place, format('the number of a condition from 1 to %s', conditions));
            END IF;
            mask := 1::bigint << (inside::int - 1);
        ELSE
            PERFORM tally_internal._pattern_refused(pattern, place, '(?1), (?t<=60), . or .*');
        END IF;
        IF n = 64 THEN PERFORM tally_internal._pattern_refused(pattern, place, '64 events at most'); END IF;
        RETURN NEXT;
        n := n + 1;
        gap := false; nearest := 0; furthest := 'Infinity'; named := false;
        place := place + CASE WHEN inside IS NULL THEN 1 ELSE position(')' IN rest) END;
    END LOOP;
    IF n = 0 OR named THEN
        PERFORM tally_internal._pattern_refused(pattern, length(pattern) + 1, CASE WHEN named THEN 'an event after seconds' ELSE 'an event' END);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._pattern(text, int) IS
'The events that a pattern over so many conditions takes, in order: conditions as bits, whether others may lie before it, and seconds since the one before.';

CREATE FUNCTION tally_internal._sequence_found(events tally.funnel_events, pattern text, enough bigint, OUT first timestamptz[], OUT often bigint)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted bigint[];
    gaps   boolean[];
    low    numeric[];
    high   numeric[];
    times  timestamptz[];
    masks  bigint[];
    ends   tally_internal.sequence_ends[] := '{}';
    places int[];
    last   int;
    before int;
    above  int;
    middle int;
    apart  numeric;
    whole  int;
BEGIN
    first := '{}';
    often := 0;
    IF pattern IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a pattern expected, got NULL',
            HINT = 'SELECT tally.sequence_match(tally.sequence_events(event_time, a, b), ''(?1).*(?2)'') FROM …';
    END IF;
    -- Without events nobody knows how many conditions there are; what is no pattern at all is refused all the same.
    SELECT array_agg(p.mask), array_agg(p.gap), array_agg(p.nearest), array_agg(p.furthest) INTO wanted, gaps, low, high
      FROM tally_internal._pattern(pattern, COALESCE(events.steps, 32)) p;
    IF events IS NULL THEN RETURN; END IF;
    last := cardinality(wanted);
    SELECT array_agg(e.t ORDER BY e.t, e.m), array_agg(e.m ORDER BY e.t, e.m) INTO times, masks FROM unnest(events.times, events.masks) e(t, m);
    FOR i IN 1 .. COALESCE(cardinality(times), 0) LOOP
        whole := NULL;
        -- From the back, so that no event fills two places of one match.
        FOR j IN REVERSE last .. 1 LOOP
            CONTINUE WHEN masks[i] & wanted[j] = 0;
            before := 0;
            IF j > 1 THEN
                places := ends[j - 1].at;
                CONTINUE WHEN places IS NULL;
                before := cardinality(places);
                IF NOT gaps[j] THEN
                    CONTINUE WHEN places[before] <> i - 1;
                ELSE
                    -- The latest end that is far enough away, and it must not be too far.
                    above := before;
                    before := 0;
                    WHILE before < above LOOP
                        middle := (before + above + 1) / 2;
                        apart := CASE WHEN times[i] = times[places[middle]] THEN 0
                                      ELSE extract(epoch FROM times[i]) - extract(epoch FROM times[places[middle]]) END;
                        IF apart >= low[j] THEN before := middle; ELSE above := middle - 1; END IF;
                    END LOOP;
                    CONTINUE WHEN before = 0;
                    CONTINUE WHEN times[i] <> times[places[before]]
                        AND extract(epoch FROM times[i]) - extract(epoch FROM times[places[before]]) > high[j] OR high[j] < 0;
                END IF;
            END IF;
            IF j = last THEN
                whole := before;
                EXIT;
            END IF;
            ends[j] := ROW(ends[j].at || i, ends[j].before || before);
        END LOOP;
        CONTINUE WHEN whole IS NULL;
        IF often = 0 THEN
            first := ARRAY[times[i]];
            FOR j IN REVERSE last - 1 .. 1 LOOP
                first := times[ends[j].at[whole]] || first;
                whole := ends[j].before[whole];
            END LOOP;
        END IF;
        often := often + 1;
        EXIT WHEN often >= enough;
        ends := '{}';
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._sequence_found(tally.funnel_events, text, bigint) IS
'The first match that ends earliest, then how many follow one another without a common event, up to so many.';

CREATE OR REPLACE FUNCTION tally.sequence_match(events tally.funnel_events, pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.often = 1 FROM tally_internal._sequence_found(events, pattern, 1) f
$$;
CREATE OR REPLACE FUNCTION tally.sequence_count(events tally.funnel_events, pattern text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.often FROM tally_internal._sequence_found(events, pattern, 9223372036854775807) f
$$;
CREATE OR REPLACE FUNCTION tally.sequence_times(events tally.funnel_events, pattern text) RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.first FROM tally_internal._sequence_found(events, pattern, 1) f
$$;
