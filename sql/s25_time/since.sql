-- Owns: moments that people write: a timestamp, or how long ago.

CREATE OR REPLACE FUNCTION tally_internal._minus_by_zone(instant timestamptz, by interval, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Days and longer go by the zone's calendar, so that 10 o'clock stays 10 o'clock across DST. Hours go by the clock.
    SELECT CASE WHEN NOT isfinite(instant) THEN instant
                ELSE ((instant AT TIME ZONE zone) - make_interval(months => (extract(year FROM by) * 12 + extract(month FROM by))::int,
                                                                  days => extract(day FROM by)::int)) AT TIME ZONE zone
                     - (by - date_trunc('day', by)) END
$$;
COMMENT ON FUNCTION tally_internal._minus_by_zone(timestamptz, interval, text) IS
'An instant moved back by an interval: months and days by the calendar of the zone, the rest by the clock.';

CREATE OR REPLACE FUNCTION tally_internal._parse_since(given text, as_of timestamptz, argument text, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' AS $$
DECLARE
    words text[] := regexp_match(CASE lower(btrim(given)) WHEN 'today' THEN 'this day' WHEN 'yesterday' THEN 'last day' ELSE lower(btrim(given)) END,
                                 '^(this|last)\s+(hour|day|week|month|quarter|year)$');
    rule  text;
BEGIN
    IF given IS NULL OR lower(btrim(given)) = 'now' THEN RETURN as_of; END IF;
    -- A time without an offset is read on the zone's clock.
    IF given ~ '^\s*\d{4,}-\d{1,2}-\d{1,2}([T ]\s*\d{1,2}(:\d{1,2}(:\d{1,2}(\.\d*)?)?)?)?\s*(BC)?\s*$' THEN RETURN tally_internal._instant_of(given::timestamp,
            zone); END IF;
    -- Grafana writes $__timeFrom() as a timestamp; people write how far back.
    IF given ~ '^\s*\d{4,}-\d' OR lower(btrim(given)) IN ('infinity', '-infinity', 'epoch') THEN RETURN given::timestamptz; END IF;
    IF words IS NOT NULL THEN
        -- Where a day, week, month, … began: the same instants as those of buckets.
        rule := tally_internal._bucket_rule((CASE words[2] WHEN 'quarter' THEN '3 months' ELSE '1 ' || words[2] END)::interval, zone);
        RETURN tally_internal._bucket_shifted(rule, tally_internal._bucket_start(rule, as_of), CASE words[1] WHEN 'last' THEN -1 ELSE 0 END);
    END IF;
    RETURN tally_internal._minus_by_zone(as_of, given::interval, zone);
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow OR invalid_parameter_value THEN
    PERFORM tally_internal._refuse('invalid_parameter_value', format('%s must be a time or how long ago, got %L', argument, given),
        SQLERRM,
        format('Use for example %s => ''24 hours'', %s => ''yesterday'' or %s => ''2026-01-31 00:00+00''.', argument, argument, argument));
END $$;
COMMENT ON FUNCTION tally_internal._parse_since(text, timestamptz, text, text) IS
'A moment from text: a timestamp (of the zone''s clock where it has no offset), an interval before as_of (days by the zone''s calendar), '
    'the start of a day, week, month, quarter or year in the zone (today, yesterday, this week, last month, …), or now. The '
    'session''s settings decide nothing.';
