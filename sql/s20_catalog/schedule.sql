-- Owns: what a schedule may be. tally.start() makes jobs, or prints a crontab, of the schedules of all roles. So one schedule that cannot be
-- read would stop everybody's jobs, and a command hidden in one would be run.

CREATE OR REPLACE FUNCTION tally_internal._is_schedule(schedule text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally.schedule_before(schedule, timestamptz '2000-01-01 00:00:00+00') IS NOT NULL OR schedule IS NULL
$$;
COMMENT ON FUNCTION tally_internal._is_schedule(text) IS 'True for a cron schedule (or null); anything else is an error that says what one looks like.';

CREATE OR REPLACE FUNCTION tally_internal._cron_version() RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Installed, or else what CREATE EXTENSION would install: 1.4 is 104. A crontab can do what 1.4 can.
    SELECT substring(v.version, '^(\d{1,4})\.\d')::int * 100 + substring(v.version, '^\d{1,4}\.(\d{1,2})')::int
      FROM (SELECT COALESCE((SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_cron'),
                            (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = 'pg_cron'), '1.4') AS version) v
$$;
COMMENT ON FUNCTION tally_internal._cron_version() IS
'Version of pg_cron in this database, or of the one at hand, as one number: 104 for 1.4; null where it cannot be read.';

CREATE OR REPLACE FUNCTION tally_internal._unfit_schedule(schedule text, version int) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN schedule LIKE '% seconds' AND version < 105 THEN 'a number of seconds needs pg_cron 1.5'
                WHEN schedule LIKE '%$%' AND version < 106 THEN 'the last day of a month ($) needs pg_cron 1.6' END
$$;
COMMENT ON FUNCTION tally_internal._unfit_schedule(text, int) IS 'What a version of pg_cron lacks for a schedule; null where it can run it.';

CREATE OR REPLACE FUNCTION tally_internal._check_schedule(schedule text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    version int;
    unfit   text;
BEGIN
    PERFORM tally_internal._is_schedule(schedule);
    -- Every pg_cron takes a plain cron text. To ask for the version at hand reads the control files of all extensions.
    IF tally_internal._unfit_schedule(schedule, 0) IS NULL THEN RETURN; END IF;
    version := tally_internal._cron_version();
    unfit := tally_internal._unfit_schedule(schedule, version);
    IF unfit IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('schedule %L cannot be run here: %s, got %s.%s', schedule, unfit, version / 100, version % 100),
            'A schedule that pg_cron does not take would leave the definition without a clock.',
            'Use for example ''* * * * *'' (every minute), the shortest that every pg_cron and crontab can run.');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_schedule(text) IS 'An error where a schedule cannot be read, or this pg_cron cannot run it. Null is fine.';

CREATE OR REPLACE FUNCTION tally_internal._own_jobs(schedules text[], most int) RETURNS TABLE (word text, schedule text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s, s FROM unnest(schedules) s WHERE cardinality(schedules) <= COALESCE(most, cardinality(schedules))
    -- Those that come up most often keep a job of their own.
    UNION ALL (SELECT s, s FROM unnest(schedules) s WHERE cardinality(schedules) > most
                ORDER BY tally.schedule_before(s, timestamptz '2000-01-01 00:00:00+00') - tally.schedule_before(s, timestamptz '2000-01-01 00:00:00+00', 2),
                    s COLLATE "C" LIMIT most - 1)
    UNION ALL SELECT 'due', '* * * * *' WHERE cardinality(schedules) > most
$$;
COMMENT ON FUNCTION tally_internal._own_jobs(text[], int) IS
'The jobs for some schedules, at most so many (null: no limit): what each asks for, and when it runs. Schedules that get no job share one that runs every '
    'minute and asks for what is due.';
