-- Owns: what the system watches about itself.

CREATE OR REPLACE FUNCTION tally_internal._cron_failures(since timestamptz) RETURNS bigint
-- It has its owner's rights, because few roles may look into the schema cron. It counts only runs of our own jobs.
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT tally_internal._has_cron() THEN RETURN NULL; END IF;
    RETURN (SELECT count(*) FROM cron.job_run_details d JOIN cron.job j ON j.jobid = d.jobid
             WHERE j.jobname LIKE 'tally %' AND d.status = 'failed' AND d.start_time > since AND d.database = current_database());
EXCEPTION WHEN insufficient_privilege OR undefined_table OR undefined_column THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._cron_failures(timestamptz) IS
'Failed runs of our jobs in pg_cron''s own log; null where there is none, or it cannot be read.';

CREATE OR REPLACE FUNCTION tally_internal._leaks_statistics(version int) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The first releases without the fault, one for each major version. Version 18 never had it.
    SELECT x.mended FROM (VALUES (150000, 150014, '15.14'), (160000, 160010, '16.10'), (170000, 170006, '17.6')) x(major, first, mended)
     WHERE version >= x.major AND version < x.first
$$;
COMMENT ON FUNCTION tally_internal._leaks_statistics(int) IS
'The release that mends CVE-2025-8713 for a server of this version number, where it is older than that; else null.';

CREATE OR REPLACE FUNCTION tally_internal._overdue_ticks(as_of timestamptz, OUT enabled bigint, OUT overdue bigint, OUT lag float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- A threshold without an evaluation at the beat before the last has missed it.
    beat timestamptz := tally.schedule_before(COALESCE((SELECT j.schedule FROM tally.jobs j WHERE j.name = 'tally evaluate'), '* * * * *'), as_of, 2);
BEGIN
    SELECT count(*), count(*) FILTER (WHERE x.seen < x.due), extract(epoch FROM as_of - max(x.tick))
      INTO enabled, overdue, lag
      FROM (SELECT e.tick, GREATEST(e.tick, tally_internal._tick(t.every, t.updated_at)) AS seen, tally_internal._tick(t.every, beat) AS due
              FROM tally.thresholds t LEFT JOIN LATERAL (SELECT v.tick FROM tally.evaluations v WHERE v.threshold_id = t.id
                                                         ORDER BY v.tick DESC LIMIT 1) e ON true
             WHERE t.enabled) x;
END $$;
COMMENT ON FUNCTION tally_internal._overdue_ticks(timestamptz) IS
'Thresholds enabled, those of them that were not evaluated at the tick that the beat before the last should have evaluated, and seconds since the newest tick.';

CREATE OR REPLACE FUNCTION tally_internal._work_health(as_of timestamptz)
RETURNS TABLE ("check" text, status text, value float8, unit text, detail text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT 'clock', CASE c.state WHEN 'stopped' THEN 'stopped' ELSE 'ok' END, c.missing::float8, 'jobs missing', c.detail, c.hint FROM tally_internal._clock() c
    UNION ALL
    SELECT 'evaluation lag', CASE WHEN x.overdue > 0 THEN 'late' ELSE 'ok' END, x.lag, 's',
           CASE WHEN x.enabled = 0 THEN 'no threshold is enabled'
               WHEN x.overdue > 0 THEN format('%s of %s thresholds were not evaluated when they should have been', x.overdue, x.enabled)
                ELSE format('%s thresholds enabled', x.enabled) END, CASE WHEN x.overdue > 0 THEN 'SELECT * FROM tally.start();' END
      FROM tally_internal._overdue_ticks(as_of) x
    UNION ALL
    SELECT 'failing thresholds', CASE WHEN count(*) > 0 THEN 'failing'
        ELSE 'ok' END, count(*), 'thresholds', string_agg(format('%s: %s %s', t.name, e.sqlstate, e.message), '; '), min(e.hint)
      FROM tally.thresholds t JOIN LATERAL (SELECT * FROM tally.evaluations v WHERE v.threshold_id = t.id
                                            ORDER BY v.tick DESC LIMIT 1) e ON e.sqlstate IS NOT NULL WHERE t.enabled
    UNION ALL
    SELECT 'put off', CASE WHEN count(*) > 0 THEN 'late' ELSE 'ok' END, COALESCE(sum(p.count), 0), 'definitions',
           string_agg(format('%s %s of %s from %L on: the others had taken %s s', p.count, p.kind, p.owner::regrole, p.first,
                             round(p.took_ms::numeric / 1000, 1)), '; '),
           CASE WHEN count(*) > 0 THEN 'SELECT * FROM tally.put_off;' END FROM tally.put_off p
    UNION ALL
    SELECT 'failed cron jobs', CASE WHEN x.n > 0 THEN 'failing' WHEN x.n IS NULL THEN 'unknown'
        ELSE 'ok' END, x.n, 'runs', 'in the last hour, by pg_cron''s log', CASE
        WHEN x.n > 0 THEN 'SELECT * FROM cron.job_run_details WHERE status = ''failed'' ORDER BY start_time DESC LIMIT 5;' END
      FROM (SELECT tally_internal._cron_failures(as_of - interval '1 hour') AS n) x;
END $$;
COMMENT ON FUNCTION tally_internal._work_health(timestamptz) IS 'How the clock does: jobs, evaluation, what failed or was put off. The rows of tally.health.';

CREATE OR REPLACE FUNCTION tally_internal._rollup_health(as_of timestamptz)
RETURNS TABLE ("check" text, status text, value float8, unit text, detail text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH rollup_status AS MATERIALIZED (SELECT s.* FROM tally.status s)
    SELECT 'rollups in error', CASE WHEN count(*) > 0 THEN 'failing'
        ELSE 'ok' END, count(*), 'rollups', string_agg(format('%s: %s %s', s.rollup, s.sqlstate, s.message), '; '), min(s.hint) FROM rollup_status s
        WHERE s.state = 'error'
    UNION ALL
    SELECT 'refresh lag', CASE WHEN x.overdue > 0 THEN 'late' ELSE 'ok' END, x.lag, 's',
           CASE WHEN x.overdue > 0 THEN format('age of the oldest dirty mark; %s rollups missed their schedule, the first %s', x.overdue, x.first)
               ELSE 'age of the oldest dirty mark' END,
           CASE WHEN x.overdue > 0 THEN 'SELECT * FROM tally.refresh();' END
      FROM (SELECT COALESCE(extract(epoch FROM as_of - min(s.oldest_mark)), 0)::float8 AS lag, count(*) FILTER (WHERE b.missed) AS overdue,
            min(s.rollup) FILTER (WHERE b.missed) AS first
              -- It was marked before the beat before the last, and nobody works on it, so that beat did not come.
              FROM rollup_status s, LATERAL (SELECT s.oldest_mark < d.due AND COALESCE(s.last_run < d.due, true)
                                             AND s.state NOT IN ('running', 'waiting') AS missed
                                               FROM (SELECT tally.schedule_before(s.schedule, as_of, 2) AS due) d) b) x
    UNION ALL
    SELECT 'retention', CASE WHEN count(*) > 0 THEN 'failing'
        ELSE 'ok' END, count(*), 'tables', string_agg(format('%s waits for %s', s.source, s.waiting_for), '; '),
           CASE WHEN count(*) > 0 THEN 'SELECT source, waiting_for FROM tally.source_retentions WHERE waiting_for IS NOT NULL;' END
               FROM tally.source_retentions s WHERE s.waiting_for IS NOT NULL
    UNION ALL
    SELECT 'late rows', 'ok', count(*), 'rows', 'came for a time whose raw data is gone, and wait in tally.late_rows',
           CASE WHEN count(*) > 0 THEN format('SELECT * FROM tally.apply_late(%L);', min(l.source::text)) END FROM tally.late_rows l WHERE l.applied_at IS NULL
    UNION ALL
    -- reset_val is what a new session has: here jit is off. Of operator_control_center's weekly view, all columns: 0.2 s without, 42 s with.
    SELECT 'compiling', CASE WHEN x.slow THEN 'slow' ELSE 'ok' END, x.n, 'live views',
           CASE WHEN x.slow THEN 'jit is on: PostgreSQL may compile a query on a live view for far longer than it runs' END,
           CASE WHEN x.slow THEN format('ALTER DATABASE %I SET jit = off;', current_database()) END
      FROM (SELECT r.n, r.n > 0 AND j.jit AS slow
              FROM (SELECT count(*) AS n FROM rollup_status) r,
                   (SELECT bool_and(CASE s.name WHEN 'jit' THEN s.reset_val = 'on' ELSE s.reset_val <> '-1' END) AS jit
                      FROM pg_settings s WHERE s.name IN ('jit', 'jit_above_cost')) j) x;
END $$;
COMMENT ON FUNCTION tally_internal._rollup_health(timestamptz) IS
'How the rollups do: errors, lag, what retention waits for, late rows, compiling. The rows of tally.health.';

CREATE OR REPLACE FUNCTION tally_internal._incident_health(as_of timestamptz)
RETURNS TABLE ("check" text, status text, value float8, unit text, detail text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    -- The lives of all others need not be told apart.
    handled bigint[] := ARRAY(SELECT DISTINCT e.incident_id FROM tally.incident_events e
                               WHERE e.event IN ('acknowledged', 'resolved') AND e.at > as_of - interval '30 days');
BEGIN
    RETURN QUERY
    SELECT 'outbox depth', CASE WHEN x.late > 0 THEN 'late' ELSE 'ok' END, x.n, 'notifications', format('%s of them due for more than 10 minutes', x.late),
        CASE WHEN x.late > 0 THEN 'SELECT * FROM tally.deliver();' END
      FROM (SELECT count(*) AS n, count(*) FILTER (WHERE n.not_before < as_of - interval '10 minutes') AS late FROM tally.notifications n
            WHERE n.status IN ('pending', 'leased')) x
    UNION ALL
    SELECT 'dead notifications', CASE WHEN count(*) > 0 THEN 'failing' ELSE 'ok' END, count(*), 'notifications', max(n.error), CASE
        WHEN count(*) > 0 THEN 'SELECT tally.redeliver_dead();' END FROM tally.notifications n WHERE n.status = 'dead'
    UNION ALL
    SELECT 'incidents open', 'ok', count(*), 'incidents', format('%s not acknowledged', count(*) FILTER (WHERE i.status = 'new')), NULL
        FROM tally.incidents i WHERE i.status IN ('new', 'acknowledged')
    UNION ALL
    SELECT 'incidents created', 'ok', count(*), 'incidents', 'in the last 24 hours', NULL FROM tally.incidents i WHERE i.opened_at > as_of - interval '1 day'
    UNION ALL
    SELECT m.name, 'ok', m.seconds, 's', 'mean of the last 30 days', NULL
      FROM (SELECT avg(extract(epoch FROM l.acknowledged_at - l.began_at)) FILTER (WHERE l.acknowledged_at > as_of - interval '30 days')::float8 AS first,
                   avg(extract(epoch FROM l.resolved_at - l.began_at)) FILTER (WHERE l.resolved_at > as_of - interval '30 days')::float8 AS last
              FROM tally.incident_lives l WHERE l.incident = ANY (handled)) x,
           LATERAL (VALUES ('time to acknowledge', x.first), ('time to resolve', x.last)) m(name, seconds);
END $$;
COMMENT ON FUNCTION tally_internal._incident_health(timestamptz) IS 'How incidents do: the outbox, and how fast they are handled. The rows of tally.health.';

CREATE OR REPLACE FUNCTION tally.health(as_of timestamptz DEFAULT now())
RETURNS TABLE ("check" text, status text, value float8, unit text, detail text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM tally_internal._check_as_of(as_of, 'SELECT * FROM tally.health(now());');
    RETURN QUERY
    SELECT h.* FROM tally_internal._work_health(as_of) h
    UNION ALL SELECT h.* FROM tally_internal._rollup_health(as_of) h
    UNION ALL SELECT h.* FROM tally_internal._incident_health(as_of) h
    UNION ALL
    SELECT 'server', CASE WHEN x.mended IS NULL THEN 'ok' ELSE 'failing' END, x.version, 'server_version_num',
           CASE WHEN x.mended IS NOT NULL THEN format('CVE-2025-8713: before %s a reader sees samples of rows behind views and row security, by the '
               'planner''s statistics', x.mended) END,
           CASE WHEN x.mended IS NOT NULL THEN format('-- update the server''s packages to %s or later and restart it', x.mended) END
      FROM (SELECT v.version, tally_internal._leaks_statistics(v.version::int) AS mended
            FROM (SELECT current_setting('server_version_num')::float8 AS version) v) x
    UNION ALL
    SELECT h.* FROM tally_internal._announce('health_asked') t,
        jsonb_to_record(t::jsonb) h("check" text, status text, value float8, unit text, detail text, hint text);
END $$;
COMMENT ON FUNCTION tally.health(timestamptz) IS
'How well pg_tally itself works: lag of evaluation and refresh, what fails, the outbox, and how fast incidents are handled, each with the statement to run '
'next. It counts what the calling role may see.';

CREATE OR REPLACE VIEW tally.health WITH (security_invoker = true) AS SELECT * FROM tally.health(now());
COMMENT ON VIEW tally.health IS 'How pg_tally itself does at this moment: tally.health() as a view.';
COMMENT ON COLUMN tally.health."check" IS 'What is looked at.';
COMMENT ON COLUMN tally.health.status IS 'ok, late, slow, failing, stopped, or unknown where this role cannot tell.';
COMMENT ON COLUMN tally.health.value IS 'The number.';
COMMENT ON COLUMN tally.health.unit IS 'Its unit.';
COMMENT ON COLUMN tally.health.detail IS 'What it means, or what fails.';
COMMENT ON COLUMN tally.health.hint IS 'The statement to run next.';
GRANT SELECT ON tally.health TO PUBLIC;

CREATE OR REPLACE FUNCTION tally.watch_itself(owner text DEFAULT NULL, runbook text DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A superuser who defines a threshold that is there already leaves it to its owner, and these must not be left to anybody.
    PERFORM tally_internal._refuse('insufficient_privilege',
               format('threshold %L exists already and belongs to %s, who may not evaluate', t.name, t.owner), 'Its owner could drop the watch at any time.',
               format('SELECT tally.drop_threshold(%L); SELECT tally.watch_itself();', format('%I.%I', t.schema, t.name)))
       FROM tally.thresholds t WHERE t.schema = tally_internal._home('pg_catalog, pg_temp', tally_internal._current_role())
        AND t.name IN ('tally evaluation stopped', 'tally refresh stopped')
        AND NOT (EXISTS (SELECT FROM pg_roles o WHERE o.oid = t.owner::oid)
                 AND tally_internal._may_operate(t.owner, 'tally.evaluate(timestamptz, text)'::regprocedure, 'tally.evaluate_scheduled()'::regprocedure));
    -- The next evaluation that happens sees the gap: the tick before it lies too far back.
    RETURN NEXT tally.create_threshold('tally evaluation stopped', condition => '> 600', owner => owner, runbook => runbook, area => 'pg_tally',
                                       auto_resolve => true, no_data => 'ok',
        impact => 'no threshold was evaluated for {{value}} seconds', description => 'Built in: fires when evaluation had stopped, as soon as it runs again.',
        query => 'SELECT extract(epoch FROM :as_of - max(e.tick)) AS value FROM tally.evaluations e WHERE e.tick < :as_of');
    RETURN NEXT tally.create_threshold('tally refresh stopped', condition => '> 3600', owner => owner, runbook => runbook, area => 'pg_tally',
                                       auto_resolve => true, no_data => 'ok',
        impact => 'rollup {{labels.rollup}} has changes waiting for {{value}} seconds',
            description => 'Built in: fires when a rollup with a schedule is not refreshed.',
        query => 'SELECT s.rollup, COALESCE(extract(epoch FROM :as_of - s.oldest_mark), 0) AS value FROM tally.status s WHERE s.schedule IS NOT NULL');
END $$;
COMMENT ON FUNCTION tally.watch_itself(text, text) IS
'Makes the built-in thresholds on pg_tally itself: evaluation stopped, refresh stopped. Run it as a role that sees all of both.';

CREATE OR REPLACE FUNCTION tally_internal._is_watched() RETURNS boolean
-- It has its owner's rights, because a clock does not see the thresholds of others.
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- Anybody may give a threshold of his such a name.
    SELECT EXISTS (SELECT FROM tally.thresholds t WHERE t.name IN ('tally evaluation stopped', 'tally refresh stopped')
                      AND EXISTS (SELECT FROM pg_roles o WHERE o.oid = t.owner::oid)
                      AND tally_internal._may_operate(t.owner, 'tally.evaluate(timestamptz, text)'::regprocedure, 'tally.evaluate_scheduled()'::regprocedure))
$$;
COMMENT ON FUNCTION tally_internal._is_watched() IS 'Whether one of the built-in thresholds is there, of a role that may evaluate.';

CREATE OR REPLACE FUNCTION tally_internal._when_clock_starts_s80(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Where somebody has changed one of them, it stays as it is.
    PERFORM tally.watch_itself() WHERE NOT tally_internal._is_watched();
EXCEPTION WHEN insufficient_privilege THEN
    -- A name that somebody else has taken must not keep the clock from starting.
    RAISE WARNING USING MESSAGE = 'the built-in thresholds on pg_tally itself are not made: ' || SQLERRM,
        DETAIL = 'Nothing tells you when evaluation or refresh stops.',
        HINT = 'SELECT tally.drop_threshold(t.name) FROM tally.thresholds t WHERE t.name IN (''tally evaluation stopped'', ''tally refresh stopped''); '
               'SELECT tally.watch_itself();';
END $$;
COMMENT ON FUNCTION tally_internal._when_clock_starts_s80(int, jsonb) IS
'Listener: makes the built-in thresholds when the clock starts and none of them is there.';
