-- Owns: the clock: pg_cron jobs, one per schedule of rollups and of tasks as far as there may be so many, one for evaluation, one for upkeep; and the end of
-- a job that lasts too long.

CREATE OR REPLACE FUNCTION tally_internal._wanted_jobs(evaluate text) RETURNS TABLE (name text, schedule text, command text)
-- It has its owner's rights, because a clock sees no task of others. It tells their schedules, as tally.jobs does.
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- Each job is one statement, because pg_cron 1.4 logs a job of several as succeeded before it has ended.
    SELECT 'tally refresh ' || j.word, j.schedule, format('CALL tally.refresh_scheduled(%L)', j.word)
      FROM tally_internal._job_limits() l,
           tally_internal._own_jobs(ARRAY(SELECT DISTINCT r.schedule FROM tally.rollups r WHERE r.schedule IS NOT NULL), l.refreshes) j
    UNION ALL SELECT 'tally tasks ' || j.word, j.schedule, format('SELECT tally.run_tasks(%L)', j.word)
      FROM tally_internal._job_limits() l, tally_internal._own_jobs(ARRAY(SELECT DISTINCT t.schedule FROM tally.tasks t), l.tasks) j
    UNION ALL SELECT 'tally evaluate', evaluate, 'CALL tally.evaluate_scheduled()'
    UNION ALL SELECT 'tally maintain', '17 3 * * *', 'SELECT tally.maintain()'
    UNION ALL SELECT 'tally expire', '37 3 * * *', 'CALL tally.expire()' WHERE EXISTS (SELECT FROM tally.source_retentions s WHERE s.keep IS NOT NULL)
$$;
COMMENT ON FUNCTION tally_internal._wanted_jobs(text) IS 'The jobs that the present definitions call for; evaluate is the schedule of evaluation.';

CREATE OR REPLACE FUNCTION tally_internal._clock_entries() RETURNS regprocedure[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{tally.refresh_scheduled(text),tally.run_tasks(text\,timestamptz),tally.evaluate_scheduled(),tally.evaluate(timestamptz\,text),
        tally.sample_probes(timestamptz),tally.deliver(timestamptz\,int),tally.expire(regclass\,bigint\,timestamptz),tally.maintain(interval)}'::regprocedure[]
$$;
COMMENT ON FUNCTION tally_internal._clock_entries() IS 'What the jobs call, and what does the same by hand: the entries that a clock is granted.';

CREATE OR REPLACE FUNCTION tally_internal._has_cron() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron')
$$;
COMMENT ON FUNCTION tally_internal._has_cron() IS 'Whether pg_cron is in this database.';

CREATE OR REPLACE FUNCTION tally_internal._crontab(evaluate text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('%s psql -X -q -d %s -c %s  # %s', j.schedule, current_database(), '"' || j.command || '"', j.name), E'\n' ORDER BY j.name)
      FROM tally_internal._wanted_jobs(evaluate) j
$$;
COMMENT ON FUNCTION tally_internal._crontab(text) IS 'The jobs as crontab lines, for a machine without pg_cron.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_clock(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT has_table_privilege('tally.jobs', 'INSERT') THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('the clock is %s by a superuser, or by who may write tally.jobs; got %I', what,
                current_user),
            'Its jobs refresh and evaluate what every role has defined.', 'SELECT * FROM tally.health;  -- says whether it runs');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_clock(text) IS 'An error where the current role may not start or stop the clock.';

CREATE OR REPLACE FUNCTION tally.start(evaluate text DEFAULT '* * * * *', watch boolean DEFAULT true) RETURNS SETOF tally.jobs
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    job     record;
    refused text;
BEGIN
    PERFORM tally_internal._refuse_clock('started');
    PERFORM tally_internal._check_schedule(evaluate);
    IF evaluate IS NULL THEN
        PERFORM tally_internal._refuse('null_value_not_allowed', 'evaluate must be a schedule, got NULL', NULL, 'SELECT tally.start();');
    END IF;
    IF watch THEN
        PERFORM tally_internal._announce('clock_starts');
    END IF;
    IF NOT tally_internal._has_cron() THEN
        RAISE NOTICE USING MESSAGE = 'pg_cron is not in this database, so nothing is scheduled',
            DETAIL = E'These crontab lines do the same from outside:\n' || tally_internal._crontab(evaluate),
            HINT = CASE WHEN EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'pg_cron')
                        THEN 'CREATE EXTENSION pg_cron; SELECT tally.start();'
                        ELSE 'Install pg_cron, add it to shared_preload_libraries, then: CREATE EXTENSION pg_cron; SELECT tally.start();' END;
        DELETE FROM tally.jobs;
        INSERT INTO tally.jobs (name, schedule, command, outside) SELECT w.name, w.schedule, w.command, true FROM tally_internal._wanted_jobs(evaluate) w;
        RETURN;
    END IF;
    DELETE FROM tally.jobs;
    FOR job IN SELECT * FROM tally_internal._wanted_jobs(evaluate) LOOP
        -- A schedule that pg_cron refuses must not leave the others without a clock.
        BEGIN
            PERFORM cron.schedule(job.name, job.schedule, job.command);
            INSERT INTO tally.jobs (name, schedule, command) VALUES (job.name, job.schedule, job.command);
        EXCEPTION WHEN OTHERS THEN
            refused := SQLERRM;
            RAISE WARNING USING MESSAGE = format('job %L is not scheduled: %s', job.name, refused), DETAIL = format('Its schedule is %s.', job.schedule),
                HINT = 'Give what it serves a schedule that this pg_cron can run: SELECT tally.alter_rollup(…, schedule => ''* * * * *''); and start again.';
        END;
    END LOOP;
    PERFORM cron.unschedule(c.jobid) FROM cron.job c
      WHERE c.jobname LIKE 'tally %' AND c.jobname NOT IN (SELECT j.name FROM tally.jobs j) AND c.username = current_user;
    RETURN QUERY SELECT * FROM tally.jobs ORDER BY name;
END $$;
COMMENT ON FUNCTION tally.start(text, boolean) IS
'Schedules the pg_cron jobs: one refresh per schedule that rollups name, the evaluation of thresholds (evaluate: its schedule) and upkeep. Jobs follow when '
    'rollups come and go. watch: makes the built-in thresholds that fire when evaluation or refresh had stopped (tally.watch_itself). Without pg_cron it '
    'prints the crontab lines to use instead.';

CREATE OR REPLACE FUNCTION tally.stop() RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse_clock('stopped');
    DELETE FROM tally.jobs;
    IF tally_internal._has_cron() THEN
        RETURN QUERY SELECT c.jobname::text FROM cron.job c, LATERAL cron.unschedule(c.jobid) gone
                      WHERE c.jobname LIKE 'tally %' AND c.username = current_user AND gone;
    END IF;
END $$;
COMMENT ON FUNCTION tally.stop() IS 'Removes the jobs that tally.start() made, and returns their names. Capture goes on, and marks wait for the next refresh.';

CREATE OR REPLACE FUNCTION tally_internal._sync_jobs() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    evaluate text;
BEGIN
    SELECT j.schedule INTO evaluate FROM tally.jobs j WHERE j.name = 'tally evaluate' AND NOT j.outside;
    IF evaluate IS NOT NULL AND EXISTS (SELECT j.name, j.schedule FROM tally_internal._wanted_jobs(evaluate) j EXCEPT SELECT j.name, j.schedule
                                        FROM tally.jobs j
                                        UNION ALL (SELECT j.name, j.schedule FROM tally.jobs j EXCEPT SELECT j.name, j.schedule
                                                   FROM tally_internal._wanted_jobs(evaluate) j)) THEN
        IF has_table_privilege('tally.jobs', 'INSERT') THEN
            PERFORM tally.start(evaluate, false);
        ELSE
            RAISE NOTICE USING MESSAGE = 'the schedules of rollups have changed, and this role may not change the jobs', HINT = 'SELECT tally.start();';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._sync_jobs() IS 'Makes the jobs follow the rollups'' schedules, if the clock is started.';

CREATE OR REPLACE FUNCTION tally_internal._when_schedules_change_s70(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._sync_jobs();
END $$;
COMMENT ON FUNCTION tally_internal._when_schedules_change_s70(int, jsonb) IS 'Listener: the jobs follow the schedules.';

CREATE OR REPLACE FUNCTION tally_internal._when_clock_ticks_s70(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job record;
BEGIN
    FOR job IN SELECT j.name, j.command, o.pid, o.most FROM tally_internal._overdue_jobs() o JOIN tally.jobs j ON j.command = o.command
                WHERE o.pid <> pg_backend_pid() AND pg_has_role(o.role, 'USAGE') LOOP
        CONTINUE WHEN NOT pg_cancel_backend(job.pid);
        RAISE WARNING USING ERRCODE = 'query_canceled',
            MESSAGE = format('job %L lasted longer than %s and was ended', job.name, job.most),
            DETAIL = 'What it had committed stays, and its next run goes on from there.',
            HINT = job.command || ';  -- by hand it may last as long as it needs; or mend what is slow';
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_clock_ticks_s70(int, jsonb) IS
'Listener: ends jobs that last longer than tally.job_timeout: by default 10 minutes in the hosted edition, and as long as they like in the other.';

CREATE OR REPLACE FUNCTION tally_internal._maintain(keep interval, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.maintain(interval)'::regprocedure);
    DELETE FROM tally.runs r WHERE r.started_at < now() - keep
       AND r.id NOT IN (SELECT max(l.id) FROM tally.runs l GROUP BY l.rollup_id);
    IF tally_internal._has_cron() THEN
        -- pg_cron never purges its own log. Our jobs are known by their names.
        DELETE FROM cron.job_run_details d WHERE d.end_time < now() - keep
           AND d.jobid IN (SELECT c.jobid FROM cron.job c WHERE c.jobname LIKE 'tally %');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._maintain(interval, bigint) IS 'maintain(), with the engine''s rights, for those who may call it.';

CREATE OR REPLACE FUNCTION tally_internal._keep_runs() RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._length('tally.keep_runs', tally_internal._setting_or_usual('tally.keep_runs'))
$$;
COMMENT ON FUNCTION tally_internal._keep_runs() IS 'How long the log of runs is kept: the setting tally.keep_runs, by default 14 days.';

CREATE OR REPLACE FUNCTION tally.maintain(keep interval DEFAULT tally_internal._keep_runs()) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._maintain(keep);
END $$;
COMMENT ON FUNCTION tally.maintain(interval) IS
'Upkeep, once a day: removes entries of the run log, and of pg_cron''s log of our jobs, that are older than keep (default: the setting tally.keep_runs, 14 '
'days).';
