-- Owns: refresh by schedule: what the clock's job calls. Each rollup in batches that commit; a role has its turn, and what it may not do in it
-- waits for the next run; what stands on a locked table is left out.

CREATE OR REPLACE PROCEDURE tally.refresh_scheduled(schedule text)
LANGUAGE plpgsql AS $$
DECLARE
    chain pg_catalog.int4[];
    one   pg_catalog.int4;
    run   pg_catalog.jsonb := '{"spent": {}, "locked": [], "put_off": []}';
    unit  record;
BEGIN
    PERFORM tally_internal._begin_refresh();
    COMMIT;
    chain := tally_internal._scheduled_chain(schedule);
    IF chain IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._begin_chain(chain);
    COMMIT;
    FOREACH one IN ARRAY chain LOOP
        LOOP
            SELECT * INTO unit FROM tally_internal._scheduled_unit(one, run);
            COMMIT;
            run := unit.state;
            EXIT WHEN NOT unit.more;
        END LOOP;
    END LOOP;
    PERFORM tally_internal._end_refresh(schedule, run);
END $$;
COMMENT ON PROCEDURE tally.refresh_scheduled(text) IS
'The scheduled job runs this. It refreshes all rollups of a schedule, and those they stand on, in batches that commit; for ''due'' or null, those whose '
'schedules have come up since they were last refreshed. It passes over a rollup that '
'another session refreshes. It logs and passes over one that fails or whose table is locked. If the rollups of one role take longer than '
'tally.role_refresh_timeout (10 minutes; hosted edition: 8) the rest of them wait for the next run.';

CREATE OR REPLACE FUNCTION tally_internal._scheduled_chain(schedule text) RETURNS int[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH wanted AS (SELECT DISTINCT c.id, x.owner::oid AS owner FROM tally.rollups r, unnest(tally_internal._with_ancestors(r.id)) c(id)
                      JOIN tally.rollups x ON x.id = c.id
                     WHERE r.schedule = $1 OR COALESCE($1, 'due') = 'due' AND tally.schedule_before(r.schedule, now())
                           > COALESCE((SELECT u.started_at FROM tally.runs u WHERE u.rollup_id = r.id ORDER BY u.id DESC LIMIT 1), '-infinity')),
         lasts AS (SELECT w.id, w.owner, COALESCE(l.started_at, '-infinity') AS at, sum(COALESCE(l.duration_ms, 0)) OVER (PARTITION BY w.owner) AS ms
                     FROM wanted w LEFT JOIN LATERAL (SELECT u.started_at, u.duration_ms FROM tally.runs u WHERE u.rollup_id = w.id
                                                      ORDER BY u.id DESC LIMIT 1) l ON true)
    -- By the minutes that a role's rollups took the last time; of a role, what was put off comes first. But each after those that it stands on.
    SELECT array_agg(w.id ORDER BY o.minutes, o.at, w.id)
      FROM wanted w, LATERAL (SELECT max(floor(l.ms / 60000)) AS minutes, max(l.at) AS at
                                FROM unnest(tally_internal._with_ancestors(w.id)) a(id) JOIN lasts l ON l.id = a.id) o
$$;
COMMENT ON FUNCTION tally_internal._scheduled_chain(text) IS
'The rollups of a schedule, or those that are due, and all they stand on, in order: those of roles whose rollups were slow come last.';

CREATE OR REPLACE FUNCTION tally_internal._scheduled_unit(rollup_id int, run jsonb, who bigint DEFAULT tally_internal._me(), OUT more boolean, OUT state jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    began timestamptz := clock_timestamp();
    r     tally.rollups;
    unit  record;
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.refresh_scheduled(text)'::regprocedure);
    more := false;
    state := run;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    IF r.id IS NULL OR NOT tally_internal._due(r.id) OR run -> 'locked' ? r.source::oid::text THEN RETURN; END IF;
    IF NOT tally_internal._has_turn(run -> 'spent', r.owner, tally_internal._turn_limit('tally.role_refresh_timeout')) THEN
        state := jsonb_set(run, '{put_off}', run -> 'put_off' || to_jsonb(r.id));
        RETURN;
    END IF;
    SELECT * INTO unit FROM tally_internal._refresh_isolated(r.id, false, 5000, 2000000);
    more := unit.more;
    state := jsonb_set(run, '{spent}', tally_internal._spend(run -> 'spent', r.owner, began));
    IF starts_with(unit.error, '55P03') THEN
        state := jsonb_set(state, '{locked}', state -> 'locked' || to_jsonb(r.source::oid::text));
        RAISE WARNING USING MESSAGE = substr(unit.error, 8), DETAIL = tally_internal._who_locks(r), ERRCODE = '55P03',
            HINT = format('SELECT tally.refresh(%L);', tally_internal._called(r));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._scheduled_unit(int, jsonb, bigint) IS
'One transaction of refresh_scheduled(): a unit of one rollup. run and state are what the run knows before and after: what roles have spent, which sources '
    'are locked, which rollups were put off.';

CREATE OR REPLACE FUNCTION tally_internal._end_refresh(schedule text, run jsonb, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    owners regrole[];
    names  text[];
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.refresh_scheduled(text)'::regprocedure);
    SELECT array_agg(r.owner::regrole ORDER BY p.place), array_agg(r.name ORDER BY p.place) INTO owners, names
      FROM jsonb_array_elements_text(run -> 'put_off') WITH ORDINALITY p(id, place) JOIN tally.rollups r ON r.id = p.id::int;
    PERFORM tally_internal._put_off('rollups', schedule, owners, names, run -> 'spent', 'tally.role_refresh_timeout');
END $$;
COMMENT ON FUNCTION tally_internal._end_refresh(text, jsonb, bigint) IS 'What a scheduled refresh ends with: it says which rollups wait for the next run.';

CREATE OR REPLACE FUNCTION tally_internal._begin_refresh(who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    PERFORM tally_internal._check_operator(caller, 'tally.refresh_scheduled(text)'::regprocedure);
    PERFORM tally_internal._announce('clock_ticks');
    PERFORM tally_internal._reconcile_members();
END $$;
COMMENT ON FUNCTION tally_internal._begin_refresh(bigint) IS 'What a scheduled refresh begins with: capture follows tables that came, went or changed unseen.';

CREATE OR REPLACE FUNCTION tally_internal._begin_chain(chain int[], who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.refresh_scheduled(text)'::regprocedure);
    PERFORM tally_internal._announce('refresh_begins', NULL, to_jsonb(chain));
END $$;
COMMENT ON FUNCTION tally_internal._begin_chain(int[], bigint) IS
'What a scheduled refresh does before its rollups: sources that are copies are brought up to date.';
