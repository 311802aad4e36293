-- Owns: cron schedules in SQL: how one is read, and when it came up last. core/src/alert/schedule.rs says what holds; the answers are the same.

CREATE FUNCTION tally_internal._cron_field(list text, what text, low int, high int, names text[], OUT "values" int[], OUT problem text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item  text;
    part  text[];
    first_ int; last_ int; step int;
BEGIN
    "values" := '{}';
    FOREACH item IN ARRAY CASE WHEN list = '' THEN ARRAY[''] ELSE string_to_array(list, ',') END LOOP
        part := regexp_match(item, '^(\*|[A-Za-z]+|\d{1,2})(?:-([A-Za-z]+|\d{1,2}))?(?:/(\d{1,2}))?$');
        first_ := CASE WHEN part[1] = '*' THEN low WHEN part[1] ~ '^\d' THEN part[1]::int
                       ELSE array_position(names, lower(part[1])) - 1 + CASE low WHEN 1 THEN 1 ELSE 0 END END;
        last_ := CASE WHEN part[2] IS NULL THEN CASE part[1] WHEN '*' THEN high ELSE first_ END WHEN part[2] ~ '^\d' THEN part[2]::int
                      ELSE array_position(names, lower(part[2])) - 1 + CASE low WHEN 1 THEN 1 ELSE 0 END END;
        step := COALESCE(part[3]::int, 1);
        IF part IS NULL OR part[1] = '*' AND part[2] IS NOT NULL OR first_ IS NULL OR last_ IS NULL OR first_ < low
            OR last_ > high OR first_ > last_ OR step < 1 THEN
            problem := format('expected a %s from %s to %s, a range, a step or *, got "%s"', what, low, high, item);
            RETURN;
        END IF;
        "values" := "values" || ARRAY(SELECT generate_series(first_, last_, step));
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._cron_field(text, text, int, int, text[]) IS 'The values that a field of a cron schedule names.';

CREATE FUNCTION tally_internal._cron_problem(schedule text, problem text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('schedule must be the five fields of cron, a name such as @daily or a number of seconds, got "%s": %s', left(schedule, 200), problem),
        DETAIL = 'The fields are minute (0-59), hour (0-23), day (1-31 or $), month (1-12) and weekday (0-7): *, numbers, ranges, lists and steps.',
        HINT = 'Use for example ''*/5 * * * *'', ''17 3 * * *'', ''@hourly'' or, where pg_cron is 1.5 or newer, ''30 seconds''.';
END $$;
COMMENT ON FUNCTION tally_internal._cron_problem(text, text) IS 'Refuses a cron schedule.';

CREATE FUNCTION tally_internal._cron_before(minutes int[], hours int[], days int[], last_day boolean, months int[], weekdays int[], either boolean,
                                            at timestamp, beats int) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    beats_left int := beats;
    today      date := at::date;
    day        date;
    minute     int;
    of_month   boolean; of_week boolean;
    clock      int[] := ARRAY(SELECT DISTINCT h * 60 + m AS n FROM unnest(hours) h, unnest(minutes) m ORDER BY n DESC);
BEGIN
    FOR back IN 0 .. 3000 LOOP
        day := today - back;
        CONTINUE WHEN NOT extract(month FROM day)::int = ANY (months);
        of_month := extract(day FROM day)::int = ANY (days) OR last_day AND extract(day FROM day + 1) = 1;
        of_week := extract(dow FROM day)::int = ANY (weekdays);
        CONTINUE WHEN NOT CASE WHEN either THEN of_month OR of_week ELSE of_month AND of_week END;
        FOREACH minute IN ARRAY clock LOOP
            CONTINUE WHEN back = 0 AND minute > extract(hour FROM at) * 60 + extract(minute FROM at);
            beats_left := beats_left - 1;
            IF beats_left = 0 THEN RETURN day + make_interval(mins => minute); END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._cron_before(int[], int[], int[], boolean, int[], int[], boolean, timestamp, int) IS
'When a cron schedule came up for the beats-th last time, in local time of UTC.';

CREATE OR REPLACE FUNCTION tally.schedule_before(schedule text, at timestamptz, beats int DEFAULT 1) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    text_    text := CASE schedule WHEN '@hourly' THEN '0 * * * *' WHEN '@daily' THEN '0 0 * * *' WHEN '@midnight' THEN '0 0 * * *'
                     WHEN '@weekly' THEN '0 0 * * 0' WHEN '@monthly' THEN '0 0 1 * *' WHEN '@yearly' THEN '0 0 1 1 *'
                     WHEN '@annually' THEN '0 0 1 1 *' ELSE schedule END;
    words    text[];
    number   text;
    minutes  int[]; hours int[]; days int[] := '{}'; months int[]; weekdays int[];
    bad      text[] := '{}';
    problem  text;
    last_day boolean;
    plain    text;
    names    CONSTANT text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
BEGIN
    IF octet_length(schedule) > 1000 THEN
        PERFORM tally_internal._cron_problem(schedule, format('expected 1000 bytes at most, got %s', octet_length(schedule)));
    END IF;
    IF right(text_, 8) = ' seconds' THEN
        number := left(text_, -8);
        IF number !~ '^[1-9]\d?$' OR number::int > 59 THEN
            PERFORM tally_internal._cron_problem(schedule, format('expected 1 to 59 seconds, got "%s"', number));
        END IF;
        IF beats < 1 OR NOT isfinite(at) THEN RETURN NULL; END IF;
        RETURN to_timestamp((floor(floor(extract(epoch FROM at)) / number::int) * number::int - (beats - 1)::numeric * number::int)::float8);
    END IF;
    words := array_remove(regexp_split_to_array(text_, '[ \t]'), '');
    IF cardinality(words) <> 5 THEN PERFORM tally_internal._cron_problem(schedule, format('expected five fields, got %s', cardinality(words))); END IF;
    last_day := '$' = ANY (string_to_array(words[3], ','));
    plain := array_to_string(array_remove(string_to_array(words[3], ','), '$'), ',');
    SELECT f."values", f.problem INTO minutes, problem FROM tally_internal._cron_field(words[1], 'minute', 0, 59, NULL) f;
    IF problem IS NULL THEN SELECT f."values", f.problem INTO hours, problem FROM tally_internal._cron_field(words[2], 'hour', 0, 23, NULL) f; END IF;
    IF problem IS NULL AND (plain <> '' OR NOT last_day) THEN
        SELECT f."values", f.problem INTO days, problem FROM tally_internal._cron_field(plain, 'day', 1, 31, NULL) f;
    END IF;
    IF problem IS NULL THEN SELECT f."values", f.problem INTO months, problem FROM tally_internal._cron_field(words[4], 'month', 1, 12, names) f; END IF;
    IF problem IS NULL THEN
        SELECT f."values", f.problem INTO weekdays, problem FROM tally_internal._cron_field(words[5], 'weekday', 0, 7, '{sun,mon,tue,wed,thu,fri,sat}') f;
    END IF;
    IF problem IS NOT NULL THEN PERFORM tally_internal._cron_problem(schedule, problem); END IF;
    -- 7 is Sunday too.
    IF 7 = ANY (weekdays) THEN weekdays := weekdays || 0; END IF;
    -- From the end of a year that a leap year follows: whatever day there is comes before it.
    IF tally_internal._cron_before(minutes, hours, days, last_day, months, weekdays, words[3] NOT LIKE '*%' AND words[5] NOT LIKE '*%',
                                   '1970-01-01', 1) IS NULL THEN
        PERFORM tally_internal._cron_problem(schedule, format('expected a day that comes, got day %s of month %s', words[3], words[4]));
    END IF;
    IF beats < 1 OR NOT isfinite(at) THEN RETURN NULL; END IF;
    RETURN tally_internal._cron_before(minutes, hours, days, last_day, months, weekdays, words[3] NOT LIKE '*%' AND words[5] NOT LIKE '*%',
                                       at AT TIME ZONE 'UTC', beats) AT TIME ZONE 'UTC';
END $$;
