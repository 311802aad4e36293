-- Owns: whether the clock runs: whether the jobs are there, and pg_cron runs them.

CREATE OR REPLACE FUNCTION tally_internal._clock(OUT state text, OUT missing bigint, OUT detail text, OUT hint text)
-- It has its owner's rights, because few roles may look into the schema cron. It tells only the names of our own jobs.
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text;
BEGIN
    missing := 0;
    IF NOT EXISTS (SELECT FROM tally.jobs) THEN
        state := CASE WHEN EXISTS (SELECT FROM tally.rollups r WHERE r.schedule IS NOT NULL) OR EXISTS (SELECT FROM tally.tasks)
                        OR EXISTS (SELECT FROM tally.thresholds t WHERE t.enabled) OR EXISTS (SELECT FROM tally.probes p WHERE p.enabled) THEN 'stopped'
                            ELSE 'idle' END;
        detail := CASE state WHEN 'idle' THEN 'nothing is defined that needs a clock'
            ELSE 'no job is scheduled: tally.start() was never called, or tally.stop() was' END;
    ELSIF EXISTS (SELECT FROM tally.jobs j WHERE j.outside) THEN
        state := 'outside';
        detail := 'a crontab outside of the database is to run the jobs, which cannot be seen from here';
    ELSIF NOT tally_internal._has_cron() THEN
        state := 'stopped';
        detail := 'pg_cron is not in this database any more, and its jobs went with it';
        hint := 'CREATE EXTENSION pg_cron; SELECT tally.start();';
    ELSE
        SELECT count(*), string_agg(quote_literal(j.name), ', ' ORDER BY j.name) INTO missing, names FROM tally.jobs j
         WHERE NOT EXISTS (SELECT FROM cron.job c WHERE c.jobname = j.name AND c.active AND c.database = current_database() AND c.schedule = j.schedule
                           AND c.command = j.command);
        state := 'stopped';
        IF missing > 0 THEN
            detail := 'pg_cron does not have, or does not run, the jobs ' || names;
        ELSIF COALESCE((SELECT s.setting FROM pg_settings s WHERE s.name = 'shared_preload_libraries'), 'pg_cron') !~ '\mpg_cron\M' THEN
            detail := 'pg_cron is not in shared_preload_libraries, so nothing runs its jobs';
            hint := 'ALTER SYSTEM SET shared_preload_libraries = ''pg_cron'';  -- and what else is in it; then restart the server';
        -- An owner that is no superuser may be forbidden to see this one.
        ELSIF COALESCE(CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('cron.database_name', true) END,
                       current_database()) <> current_database() THEN
            detail := format('pg_cron serves the database %I, not this one', current_setting('cron.database_name', true));
            hint := format('ALTER SYSTEM SET cron.database_name = %L;  -- then restart the server', current_database());
        ELSE
            state := 'running';
            detail := format('%s jobs', (SELECT count(*) FROM tally.jobs));
        END IF;
    END IF;
    IF state = 'stopped' THEN hint := COALESCE(hint, 'SELECT tally.start();'); END IF;
END $$;
COMMENT ON FUNCTION tally_internal._clock() IS
'Whether the jobs of tally.start() are there and something runs them: running, outside (a crontab), stopped, or idle where nothing needs a clock; with the '
    'reason and what to run.';
