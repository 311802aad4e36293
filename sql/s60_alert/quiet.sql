-- Owns: quiet hours of a channel. Incidents that may wait (by default all but critical ones) are told when the quiet hours are over. Evaluation goes on, and
-- incidents are filed. Such incidents have groups of their own, so nothing urgent waits in their messages.

CREATE OR REPLACE FUNCTION tally_internal._quiet_windows(quiet jsonb, at timestamptz) RETURNS TABLE (since timestamptz, until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.first,
           (d.day + CASE WHEN (h ->> 'until')::time <= (h ->> 'from')::time THEN 1 ELSE 0 END + (h ->> 'until')::time) AT TIME ZONE z.zone
      FROM (SELECT COALESCE(quiet ->> 'zone', 'UTC') AS zone) z CROSS JOIN jsonb_array_elements(quiet -> 'hours') h
     -- What began yesterday may last until today.
     CROSS JOIN LATERAL (SELECT (at AT TIME ZONE z.zone)::date - ago AS day FROM generate_series(0, 1) ago) d
     -- Where the clock shows that time twice, quiet begins at the first one, as it ends at the second one. Clocks are set back by up to two hours.
     CROSS JOIN LATERAL (SELECT min(x) AS first FROM (SELECT (d.day + (h ->> 'from')::time) AS local) l,
                                LATERAL (SELECT (l.local AT TIME ZONE z.zone) - i * interval '30 minutes' FROM generate_series(0, 4) i) b(x)
                          WHERE x = l.local AT TIME ZONE z.zone OR x AT TIME ZONE z.zone = l.local) f
     WHERE COALESCE(h -> 'days' ? (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[extract(isodow FROM d.day)::int], true)
$$;
COMMENT ON FUNCTION tally_internal._quiet_windows(jsonb, timestamptz) IS 'The quiet hours of a channel that begin on the day of a moment or the day before.';

CREATE OR REPLACE FUNCTION tally_internal._loud_after(quiet jsonb, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz := at;
    later  timestamptz;
BEGIN
    -- Quiet hours may follow each other, such as a night before a weekend. None that is accepted covers a whole week.
    FOR i IN 1 .. CASE WHEN quiet IS NULL THEN 0 ELSE 100 END LOOP
        SELECT max(w.until) INTO later FROM tally_internal._quiet_windows(quiet, result) w WHERE w.since <= result AND result < w.until;
        EXIT WHEN later IS NULL;
        result := later;
    END LOOP;
    RETURN result;
EXCEPTION WHEN data_exception THEN
    -- Quiet hours that were stored past every check keep nothing back.
    RETURN at;
END $$;
COMMENT ON FUNCTION tally_internal._loud_after(jsonb, timestamptz) IS 'The first moment from a given one on that is outside of a channel''s quiet hours.';

CREATE OR REPLACE FUNCTION tally_internal._may_wait(c tally.channels, identity jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN c.quiet IS NOT NULL AND tally_internal._matches(COALESCE(c.quiet -> 'matchers', '{"severity": ["info", "warning"]}'), identity);
END $$;
COMMENT ON FUNCTION tally_internal._may_wait(tally.channels, jsonb) IS 'Whether a channel''s quiet hours hold for an incident of an identity.';

CREATE OR REPLACE FUNCTION tally_internal._is_held(c tally.channels, group_key jsonb, at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN c.quiet IS NOT NULL AND group_key ? 'quiet hours' AND tally_internal._loud_after(c.quiet, at) > at;
END $$;
COMMENT ON FUNCTION tally_internal._is_held(tally.channels, jsonb, timestamptz) IS
'Whether quiet hours keep a message back now, also one that is tried again or comes late.';

CREATE OR REPLACE FUNCTION tally_internal._hours_problem(hours jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN jsonb_typeof(hours) IS DISTINCT FROM 'object' THEN format('an entry of hours must be an object, got %s', hours)
        WHEN hours - '{from,until,days}'::text[] <> '{}' THEN format('an entry of hours has from, until and days, got %s', hours)
        WHEN COALESCE(hours ->> 'from', '') !~ '^([01]\d|2[0-3]):[0-5]\d$' OR COALESCE(hours ->> 'until', '') !~ '^(([01]\d|2[0-3]):[0-5]\d|24:00)$' THEN
            format('from and until must be times such as 22:00 (until also 24:00), got %s', hours)
        WHEN hours ->> 'from' = hours ->> 'until' THEN format('from and until must differ, got %s', hours)
        WHEN hours ? 'days' AND (jsonb_typeof(hours -> 'days') <> 'array' OR hours -> 'days' = '[]'
                                 OR NOT hours -> 'days' <@ '["mon", "tue", "wed", "thu", "fri", "sat", "sun"]') THEN
            format('days must be a list of mon, tue, wed, thu, fri, sat, sun, got %s', hours -> 'days') END
$$;
COMMENT ON FUNCTION tally_internal._hours_problem(jsonb) IS 'What is wrong with one entry of quiet hours, in words; null where nothing is.';

CREATE OR REPLACE FUNCTION tally_internal._quiet_problem(quiet jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    monday CONSTANT timestamptz := '2026-01-05 00:00:00+00';
    problem text;
BEGIN
    IF quiet IS NULL THEN RETURN NULL; END IF;
    IF jsonb_typeof(quiet) <> 'object' OR quiet - '{zone,hours,matchers}'::text[] <> '{}' OR octet_length(quiet::text) > 20000 THEN
        RETURN format('quiet must be an object with hours, and with zone and matchers where you want, got %s', left(quiet::text, 200));
    ELSIF jsonb_typeof(quiet -> 'hours') IS DISTINCT FROM 'array' OR jsonb_array_length(quiet -> 'hours') NOT BETWEEN 1 AND 20 THEN
        RETURN format('hours of quiet must be a list of 1 to 20, got %s', COALESCE(left((quiet -> 'hours')::text, 200), 'none'));
    ELSIF quiet ? 'zone' AND jsonb_typeof(quiet -> 'zone') <> 'string' THEN
        RETURN format('zone of quiet must be a time zone, got %s', quiet -> 'zone');
    END IF;
    SELECT tally_internal._hours_problem(h) INTO problem FROM jsonb_array_elements(quiet -> 'hours') h
     WHERE tally_internal._hours_problem(h) IS NOT NULL LIMIT 1;
    IF problem IS NULL AND tally_internal._loud_after(quiet - 'zone', monday) >= monday + interval '7 days' THEN
        problem := 'quiet hours must leave some time of the week, and these leave none';
    END IF;
    RETURN problem;
END $$;
COMMENT ON FUNCTION tally_internal._quiet_problem(jsonb) IS 'What is wrong with a channel''s quiet hours, in words; null where nothing is.';
