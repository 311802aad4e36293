-- Owns: what a schedule may be. Anybody's schedules go into the crontab that tally.start() prints and into the jobs that it
-- makes in one go, so one that cannot be read would stop everybody's, and one with a command in it would be run.

CREATE FUNCTION tally._is_schedule(schedule text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fields text[] := regexp_split_to_array(schedule, '[ \t]+');
    lowest int[] := '{0,0,1,1,0}';
    most   int[] := '{59,23,31,12,7}';
    item   text;
    parts  text[];
    fits   boolean := schedule ~ '^([1-9]|[1-5][0-9]) seconds$';
BEGIN
    IF fits OR schedule IS NULL THEN RETURN true; END IF;
    fits := cardinality(fields) = 5;
    FOR place IN 1..5 LOOP
        FOREACH item IN ARRAY COALESCE(string_to_array(fields[place], ','), '{}') LOOP
            parts := regexp_match(item, CASE WHEN place > 3 THEN '^(?:\*|(\d{1,2})(?:-(\d{1,2}))?|[A-Za-z]{3}(?:-[A-Za-z]{3})?)(?:/(\d{1,2}))?$'
                                             WHEN place = 3 THEN '^(?:\*|\$|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$'
                                             ELSE '^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$' END);
            fits := fits AND parts IS NOT NULL AND COALESCE(parts[1]::int BETWEEN lowest[place] AND most[place], true)
                AND COALESCE(parts[2]::int BETWEEN parts[1]::int AND most[place], true) AND COALESCE(parts[3]::int > 0, true);
        END LOOP;
        fits := fits AND fields[place] <> '';
    END LOOP;
    IF fits THEN RETURN true; END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
        MESSAGE = format('schedule must be the five fields of cron or a number of seconds, got %L', schedule),
        DETAIL = 'The fields are minute (0-59), hour (0-23), day (1-31), month (1-12) and weekday (0-7): *, numbers, ranges, lists and steps.',
        HINT = 'Use for example ''*/5 * * * *'', ''17 3 * * *'' or ''30 seconds''.';
END $$;
COMMENT ON FUNCTION tally._is_schedule(text) IS 'True for a cron schedule (or null); anything else is an error that says what one looks like.';
