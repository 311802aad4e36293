-- Owns: the part of a demo in which nobody touches anything until pg_cron has filed an incident. psql variables: threshold, a LIKE
-- pattern of its name, and labels, what its labels hold (jsonb).
SELECT set_config('demo.threshold', :'threshold', false), set_config('demo.labels', :'labels', false) \g /dev/null
DO $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    LOOP
        IF EXISTS (SELECT FROM tally.incidents i WHERE i.status = 'new' AND i.threshold LIKE current_setting('demo.threshold')
                   AND i.labels @> current_setting('demo.labels')::jsonb) THEN
            RAISE INFO 'an incident is there, % s later', round(extract(epoch FROM clock_timestamp() - began));
            EXIT;
        ELSIF clock_timestamp() - began > interval '150 s' THEN
            RAISE EXCEPTION USING MESSAGE = 'pg_cron filed no incident within 150 s',
                HINT = 'SELECT j.jobname, d.status, d.return_message FROM cron.job_run_details d JOIN cron.job j USING (jobid) ORDER BY d.runid DESC LIMIT 10;';
        END IF;
        IF extract(second FROM clock_timestamp())::int % 10 = 0 THEN
            RAISE INFO '%  its next run is in % s', to_char(clock_timestamp(), 'HH24:MI:SS'), 60 - extract(second FROM clock_timestamp())::int;
        END IF;
        -- Each statement of the loop sees what has committed since; now() would stand still.
        PERFORM pg_sleep(1);
    END LOOP;
END $$;
\echo
SELECT j.jobname AS "run by pg_cron", d.status, to_char(d.start_time, 'HH24:MI:SS') AS started,
    round(extract(epoch FROM d.end_time - d.start_time) * 1000) AS ms
  FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE j.jobname LIKE 'tally %' ORDER BY d.runid DESC LIMIT 4;
