-- Owns: evaluate: every threshold at its tick, each behind guards of its own.
--
-- Each tick counts once. The key of an evaluation is (threshold, tick), and it is written in the transaction that moves states and
-- files incidents. So a retried tick finds the key, and a tick that was cut off left nothing. A lock makes a second evaluator do nothing.
-- It is the lock of a relation that nobody else has rights to, so only evaluators can hold it.

CREATE OR REPLACE FUNCTION tally_internal._evaluation_lock() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Not ACCESS EXCLUSIVE, which pg_dump would have to wait for.
    LOCK TABLE tally.evaluators IN EXCLUSIVE MODE NOWAIT;
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RAISE NOTICE USING MESSAGE = 'another session is evaluating; nothing to do here',
        DETAIL = COALESCE(tally_internal._holders('{tally.evaluators}',
                                         '{ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'),
            'It has ended since.');
    RETURN false;
END $$;
COMMENT ON FUNCTION tally_internal._evaluation_lock() IS
'Takes the evaluators'' lock until the end of the transaction; false, with a notice that names the holder, where another session has it.';

CREATE OR REPLACE FUNCTION tally_internal._evaluate_part(as_of timestamptz, by_clock boolean, threshold text, budget interval, INOUT spent jsonb,
                                                         OUT did tally.evaluated) RETURNS SETOF record
-- Somebody may have locked what a threshold reads, or an incident that it fires again.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    began  timestamptz := clock_timestamp();
    start  timestamptz;
    most   float8 := CASE WHEN threshold IS NULL THEN tally_internal._turn_limit('tally.role_timeout') ELSE 'Infinity' END;
    due    record;
    one    record;
    read   jsonb;
    seen   jsonb;
    proved jsonb;
BEGIN
    IF NOT tally_internal._evaluation_lock() THEN RETURN; END IF;
    PERFORM tally_internal._note_limits();
    FOR due IN SELECT * FROM tally_internal._due_thresholds(as_of, by_clock, threshold) LOOP
        CONTINUE WHEN NOT tally_internal._has_turn(spent, (due.t).owner, most);
        -- Whoever drops a threshold may keep his transaction open for as long as he likes. Only that threshold waits for it, and is due still.
        PERFORM FROM tally.thresholds x WHERE x.id = (due.t).id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        start := clock_timestamp();
        IF due.set_back THEN
            DELETE FROM tally.evaluations e WHERE e.threshold_id = (due.t).id AND e.tick >= due.tick;
        END IF;
        -- What the threshold before has read, and proved of it, serves this one too, if it reads the same. What failed serves nobody: then each reads for
        -- itself.
        IF due.reads IS NULL OR due.reads IS DISTINCT FROM read THEN
            seen := NULL;
            proved := NULL;
        END IF;
        one := tally_internal._evaluate_one(due.t, due.tick, seen, proved);
        read := due.reads;
        seen := one.seen;
        proved := one.proved;
        spent := tally_internal._spend(spent, (due.t).owner, start);
        did := ((due.t).name, due.tick, one.series, one.breaches, one.opened, one.recovered, one.error)::tally.evaluated;
        RETURN NEXT;
        EXIT WHEN clock_timestamp() > began + budget;
    END LOOP;
    PERFORM tally_internal._note_limits(false);
END $$;
COMMENT ON FUNCTION tally_internal._evaluate_part(timestamptz, boolean, text, interval, jsonb) IS
'Evaluates thresholds that are due (one, or all with null) until they are done or the budget of time is spent (null: none). by_clock: as_of is the real time. '
    'spent: what roles have spent of this run; a role that has spent its turn waits for the next run, unless its threshold is named.';

CREATE OR REPLACE FUNCTION tally_internal._put_off_thresholds(as_of timestamptz, by_clock boolean, spent jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most    float8 := tally_internal._turn_limit('tally.role_timeout');
    owners  regrole[];
    waiting text[];
BEGIN
    IF EXISTS (SELECT FROM jsonb_each_text(spent) s WHERE s.value::float8 >= most) THEN
        SELECT array_agg((d.t).owner::regrole), array_agg((d.t).name) INTO owners, waiting FROM tally_internal._due_thresholds(as_of, by_clock, NULL) d
         WHERE NOT tally_internal._has_turn(spent, (d.t).owner, most);
    END IF;
    PERFORM tally_internal._put_off('thresholds', NULL, owners, waiting, spent, 'tally.role_timeout');
END $$;
COMMENT ON FUNCTION tally_internal._put_off_thresholds(timestamptz, boolean, jsonb) IS
'Says which thresholds are due still at the end of a run, because their owner had spent its turn.';

CREATE OR REPLACE FUNCTION tally_internal._due_thresholds(as_of timestamptz, by_clock boolean, threshold text)
RETURNS TABLE (t tally.thresholds, tick timestamptz, set_back boolean, reads jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.t, d.tick, d.set_back, d.reads FROM (
        SELECT x AS t, COALESCE(k.tick, k.minute) AS tick, COALESCE(l.tick >= COALESCE(k.tick, k.minute), false) AS set_back,
               COALESCE(l.duration_ms > 1000, false) AS slow, l.tick AS last,
               CASE WHEN x.metric_id IS NOT NULL AND k.tick IS NOT NULL THEN tally_internal._reads(x) || to_jsonb(k.tick) END AS reads
          FROM tally.thresholds x
         -- If its distance of ticks cannot be reckoned with, a threshold still gets an entry every minute, which says so. Reckoned once for each.
         CROSS JOIN LATERAL (SELECT tally_internal._tick(x.every, as_of) AS tick,
                                    date_bin('1 minute', as_of, timestamptz '2000-01-01 00:00:00+00') AS minute OFFSET 0) k
          LEFT JOIN LATERAL (SELECT e.tick, e.duration_ms FROM tally.evaluations e WHERE e.threshold_id = x.id ORDER BY e.tick DESC LIMIT 1) l ON true
         WHERE x.enabled AND (threshold IS NULL OR x.id = (SELECT (tally_internal._threshold(threshold)).id))
           -- Once per tick, and never back in time. But a tick that lies in the future of the real clock can only come of a
           -- clock that was set back since: without this, nothing would be evaluated until the clock is where it was.
           -- alert_step() moves the timers back by as much.
           AND (l.tick IS NULL OR COALESCE(k.tick, k.minute) > l.tick OR (by_clock AND l.tick > as_of))) d
    WINDOW alike AS (PARTITION BY COALESCE(d.reads, to_jsonb((d.t).id)))
     -- Thresholds that were slow the last time come last, so that the others need not wait. Those that were put off come before those that
     -- were not. Those that read the same stand together.
     ORDER BY bool_or(d.slow) OVER alike, min(COALESCE(d.last, (d.t).created_at)) OVER alike, min((d.t).id) OVER alike, (d.t).id
$$;
COMMENT ON FUNCTION tally_internal._due_thresholds(timestamptz, boolean, text) IS
'The thresholds still to be evaluated at their tick, the slow ones last. set_back: the clock was set back since their last evaluation. reads: equal in '
    'thresholds that one statement can serve, which then stand together; null where a threshold reads for itself.';

CREATE OR REPLACE FUNCTION tally_internal._follow_up(as_of timestamptz) RETURNS void
-- Whoever is just handling an incident has its row locked. What waits for it is tried again.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    chore text;
BEGIN
    FOR chore IN SELECT unnest(ARRAY['tally_internal._escalate', 'tally_internal._release', 'tally_internal._repeat', 'tally.deliver',
                                     'tally_internal._purge']) LOOP
        BEGIN
            EXECUTE format('SELECT %s($1)', chore) USING as_of;
        EXCEPTION WHEN OTHERS THEN
            -- The evaluation stands. The failed task is tried again at the next tick.
            RAISE WARNING USING MESSAGE = format('%s() failed and will be tried again: %s', chore, SQLERRM), ERRCODE = SQLSTATE,
                HINT = format('SELECT %s(now());', chore);
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._follow_up(timestamptz) IS
'What every evaluation ends with: escalate, tell what a silence kept back, repeat, deliver, purge; each fails alone.';
REVOKE ALL ON FUNCTION tally_internal._evaluate_part(timestamptz, boolean, text, interval, jsonb), tally_internal._evaluation_lock(),
    tally_internal._follow_up(timestamptz) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._check_evaluator(role regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_operator(role, 'tally.evaluate(timestamptz, text)'::regprocedure, 'tally.evaluate_scheduled()'::regprocedure);
END $$;
COMMENT ON FUNCTION tally_internal._check_evaluator(regrole) IS 'An error where a role may not evaluate thresholds.';

CREATE OR REPLACE FUNCTION tally_internal._evaluate(as_of timestamptz, threshold text, who bigint DEFAULT tally_internal._me()) RETURNS SETOF tally.evaluated
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    part  record;
    spent jsonb := '{}';
BEGIN
    PERFORM tally_internal._check_evaluator(tally_internal._caller(who));
    PERFORM tally_internal._check_as_of(as_of, 'SELECT tally.evaluate(now());');
    IF threshold IS NOT NULL THEN PERFORM tally_internal._threshold(threshold); END IF;
    IF NOT tally_internal._evaluation_lock() THEN RETURN; END IF;
    PERFORM tally.sample_probes(as_of);
    FOR part IN SELECT p.spent, p.did FROM tally_internal._evaluate_part(as_of, as_of = now(), threshold, NULL, spent) p LOOP
        spent := part.spent;
        RETURN NEXT part.did;
    END LOOP;
    IF threshold IS NULL THEN PERFORM tally_internal._put_off_thresholds(as_of, as_of = now(), spent); END IF;
    PERFORM tally_internal._follow_up(as_of);
END $$;
COMMENT ON FUNCTION tally_internal._evaluate(timestamptz, text, bigint) IS 'evaluate(), with the engine''s rights, for who may call it.';

CREATE OR REPLACE FUNCTION tally.evaluate(as_of timestamptz DEFAULT now(), threshold text DEFAULT NULL) RETURNS SETOF tally.evaluated
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM tally_internal._evaluate(as_of, threshold);
END $$;
COMMENT ON FUNCTION tally.evaluate(timestamptz, text) IS
'Evaluates every enabled threshold (or one) whose tick has not been evaluated yet: samples, states, incidents and notifications, in one transaction. '
'as_of is the clock. A threshold that fails does not stop the others; its error is in tally.evaluations. It returns what was done. It does nothing while '
'another session evaluates.';

CREATE OR REPLACE FUNCTION tally_internal._scheduled_probes(as_of timestamptz, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._check_evaluator(tally_internal._caller(who));
    IF tally_internal._evaluation_lock() THEN
        PERFORM tally.sample_probes(as_of);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._scheduled_probes(timestamptz, bigint) IS 'What evaluate_scheduled() begins with: the probes, where nobody else evaluates.';

CREATE OR REPLACE FUNCTION tally_internal._scheduled_part(as_of timestamptz, spent jsonb, who bigint DEFAULT tally_internal._me()) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    part   record;
    result jsonb;
BEGIN
    PERFORM tally_internal._check_evaluator(tally_internal._caller(who));
    FOR part IN SELECT p.spent FROM tally_internal._evaluate_part(as_of, true, NULL, '250 milliseconds', spent) p LOOP
        result := part.spent;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._scheduled_part(timestamptz, jsonb, bigint) IS
'One transaction of evaluate_scheduled(): a quarter of a second of thresholds that are due. What roles have spent of the run then; null where none was due.';

CREATE OR REPLACE FUNCTION tally_internal._scheduled_end(as_of timestamptz, spent jsonb, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._check_evaluator(tally_internal._caller(who));
    IF tally_internal._evaluation_lock() THEN PERFORM tally_internal._put_off_thresholds(as_of, true, spent); END IF;
    PERFORM tally_internal._follow_up(as_of);
    PERFORM tally_internal._announce('clock_ticks');
END $$;
COMMENT ON FUNCTION tally_internal._scheduled_end(timestamptz, jsonb, bigint) IS 'What evaluate_scheduled() ends with.';

CREATE OR REPLACE PROCEDURE tally.evaluate_scheduled()
LANGUAGE plpgsql AS $$
DECLARE
    as_of pg_catalog.timestamptz := pg_catalog.now();
    spent pg_catalog.jsonb := '{}';
    part  pg_catalog.jsonb;
BEGIN
    PERFORM tally_internal._scheduled_probes(as_of);
    COMMIT;
    LOOP
        part := tally_internal._scheduled_part(as_of, spent);
        COMMIT;
        EXIT WHEN part IS NULL;
        spent := part;
    END LOOP;
    PERFORM tally_internal._scheduled_end(as_of, spent);
    COMMIT;
END $$;
COMMENT ON PROCEDURE tally.evaluate_scheduled() IS
'The scheduled job runs this: evaluate(now()), committed every quarter of a second, so that a slow threshold does not delay the incidents of others.';

CREATE OR REPLACE FUNCTION tally_internal._purge(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    threshold int;
BEGIN
    -- Once an hour is often enough.
    IF date_trunc('minute', as_of) <> date_trunc('hour', as_of) THEN RETURN; END IF;
    -- The latest tick of each threshold stays, because it says what has been evaluated.
    -- By the key, threshold by threshold: a million entries that stay are not read.
    FOR threshold IN SELECT t.id FROM tally.thresholds t LOOP
        DELETE FROM tally.evaluations e WHERE e.threshold_id = threshold
           AND e.tick < LEAST(as_of - interval '2 days', (SELECT max(x.tick) FROM tally.evaluations x WHERE x.threshold_id = threshold));
    END LOOP;
    DELETE FROM tally.notifications n WHERE n.status = 'sent' AND n.sent_at < as_of - interval '30 days';
    DELETE FROM tally.notification_groups g WHERE g.last_flush < as_of - interval '400 days'
       AND NOT EXISTS (SELECT FROM tally.notification_members m WHERE m.channel_id = g.channel_id AND m.group_hash = g.group_hash);
END $$;
COMMENT ON FUNCTION tally_internal._purge(timestamptz) IS
'Removes evaluations older than two days, notifications sent more than 30 days ago, and groups long quiet.';
