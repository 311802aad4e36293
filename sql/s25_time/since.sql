-- Owns: moments that people write: a timestamp, or how long ago.

CREATE OR REPLACE FUNCTION tally_internal._day_opens(instant timestamptz, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A clock set back over midnight makes two midnights, and a bucket's start is the second one. Rows of the day begin at the first one.
    SELECT CASE WHEN tally_internal._bucket_start(r.rule, instant) = instant AND x.opens = tally_internal._rows_past(r.rule, instant) THEN x.opens
                ELSE instant END
      FROM (SELECT tally_internal._bucket_rule('1 day', zone)) r(rule), LATERAL (SELECT tally_internal._rows_from(r.rule, instant)) x(opens)
$$;
COMMENT ON FUNCTION tally_internal._day_opens(timestamptz, text) IS
'The first moment of the day of a zone of which an instant is the start, where the day is one stretch of time; any other instant as it is.';

CREATE OR REPLACE FUNCTION tally_internal._minus_by_zone(instant timestamptz, by interval, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Days and longer go by the zone's calendar, so that 10 o'clock stays 10 o'clock across DST. Hours go by the clock.
    -- The clock shows some hours twice, so an instant is turned into local time only where days are taken off.
    SELECT CASE WHEN NOT isfinite(instant) OR by = by - date_trunc('day', by) THEN instant - by
                WHEN by = date_trunc('day', by) THEN tally_internal._day_opens(x.moved, zone)
                ELSE x.moved - (by - date_trunc('day', by)) END
      FROM (SELECT ((instant AT TIME ZONE zone) - make_interval(months => (extract(year FROM by) * 12 + extract(month FROM by))::int,
                                                                days => extract(day FROM by)::int)) AT TIME ZONE zone) x(moved)
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
    IF given ~ '^\s*\d{4,}-\d{1,2}-\d{1,2}([T ]\s*\d{1,2}(:\d{1,2}(:\d{1,2}(\.\d*)?)?)?)?\s*(BC)?\s*$' THEN
        RETURN tally_internal._day_opens(tally_internal._instant_of(given::timestamp, zone), zone);
    END IF;
    -- Grafana writes $__timeFrom() as a timestamp; people write how far back.
    IF given ~ '^\s*\d{4,}-\d' OR lower(btrim(given)) IN ('infinity', '-infinity', 'epoch') THEN RETURN given::timestamptz; END IF;
    IF words IS NOT NULL THEN
        -- Where a day, week, month, … began: the same instants as those of buckets.
        rule := tally_internal._bucket_rule((CASE words[2] WHEN 'quarter' THEN '3 months' ELSE '1 ' || words[2] END)::interval, zone);
        as_of := tally_internal._bucket_shifted(rule, tally_internal._bucket_start(rule, as_of), CASE words[1] WHEN 'last' THEN -1 ELSE 0 END);
        RETURN CASE WHEN words[2] = 'hour' THEN as_of ELSE tally_internal._day_opens(as_of, zone) END;
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

CREATE OR REPLACE FUNCTION tally_internal._whole_buckets(rule text, length interval) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Of a bucket's width only one part is not 0. In UTC all days have 24 hours.
    SELECT CASE WHEN b.clock > 0 THEN l.clock % b.clock = 0 AND (l.months = 0 AND l.days = 0 OR 86400 % b.clock = 0)
                ELSE l.clock = 0 AND CASE WHEN b.months > 0 THEN l.days = 0 AND l.months % b.months = 0
                                          ELSE b.days = 1 OR l.months = 0 AND l.days % b.days = 0 END END
      FROM (SELECT extract(year FROM w) * 12 + extract(month FROM w), extract(day FROM w), extract(epoch FROM w - date_trunc('day', w))
              FROM (SELECT tally_internal._bucket_width(rule)) x(w)) b(months, days, clock),
           (SELECT extract(year FROM w) * 12 + extract(month FROM w), extract(day FROM w), extract(epoch FROM w - date_trunc('day', w))
              FROM (SELECT CASE WHEN rule ~ '^calendar \S+ (Etc/)?UTC$' THEN justify_hours(length) ELSE length END) x(w)) l(months, days, clock)
$$;
COMMENT ON FUNCTION tally_internal._whole_buckets(text, interval) IS
'Whether a length of time that begins or ends with a bucket of a rule is made up of whole ones.';
