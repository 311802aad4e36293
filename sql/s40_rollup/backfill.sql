-- Owns: the procedures that loop over units of refresh and commit after each: backfill by hand, refresh by schedule.
-- A procedure that commits may have no SET clause, so these are thin and fully qualified.

CREATE FUNCTION tally._backfill_unit(rollup_id int, most_rows bigint, OUT more boolean, OUT run_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally._lock(rollup_id, true);
    SELECT u.more INTO more FROM tally._refresh_unit(rollup_id, NULL, most_rows) u;
    SELECT max(x.id) INTO run_id FROM tally.runs x WHERE x.rollup_id = rollup_id;
END $$;
COMMENT ON FUNCTION tally._backfill_unit(int, bigint) IS 'One unit of a backfill: waits for the rollup''s lock and raises what goes wrong.';

CREATE FUNCTION tally._backfill_progress(rollup_id int, began timestamptz, whole float8, OUT message text, OUT whole_now float8)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r       tally.rollups;
    extent  record;
    todo    float8;
    share   float8;
    elapsed float8 := extract(epoch FROM clock_timestamp() - began);
    done    record;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    SELECT * INTO extent FROM tally._extent(r);
    SELECT COALESCE(sum(extract(epoch FROM LEAST(g.until, extent.until) - GREATEST(g.since, extent.since))), 0) INTO todo
      FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id AND g.since < extent.until AND g.until > extent.since;
    SELECT count(*) AS units, sum(x.inserted + x.updated + x.deleted) AS wrote, min(x.since) AS since, max(x.until) AS until INTO done
      FROM tally.runs x WHERE x.rollup_id = rollup_id AND x.started_at >= began;
    whole_now := GREATEST(whole, todo);
    share := CASE WHEN whole_now > 0 THEN 1 - todo / whole_now ELSE 1 END;
    message := format('%s: %s %% done, back to %s, %s rows written, %s s%s', r.name, round(share * 100),
        COALESCE(to_char(done.since AT TIME ZONE r.zone, 'YYYY-MM-DD HH24:MI'), 'the beginning'), COALESCE(done.wrote, 0), round(elapsed::numeric, 1),
        CASE WHEN share > 0 AND share < 1 THEN format(', about %s s left', round((elapsed * (1 - share) / share)::numeric, 1)) ELSE '' END);
END $$;
COMMENT ON FUNCTION tally._backfill_progress(int, timestamptz, float8) IS 'One line of progress of a backfill, from what is still marked; whole is the marked width in seconds at the start.';

CREATE PROCEDURE tally.backfill(name text DEFAULT NULL, batch_rows bigint DEFAULT 2000000)
LANGUAGE plpgsql AS $$
DECLARE
    chain pg_catalog.int4[];
    one   pg_catalog.int4;
    unit  record;
    began pg_catalog.timestamptz;
    line  record;
BEGIN
    chain := tally._backfill_chain(name);
    FOREACH one IN ARRAY chain LOOP
        began := pg_catalog.clock_timestamp();
        SELECT * INTO line FROM tally._backfill_progress(one, began, 0);
        LOOP
            SELECT * INTO unit FROM tally._backfill_unit(one, batch_rows);
            COMMIT;
            SELECT * INTO line FROM tally._backfill_progress(one, began, line.whole_now);
            RAISE NOTICE '%', line.message;
            EXIT WHEN NOT unit.more;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON PROCEDURE tally.backfill(text, bigint) IS
'Computes what a rollup (and what it stands on; without a name: every rollup) has marked, in batches of about batch_rows source rows, newest first, each committed by itself: a NOTICE per batch, and an interrupted backfill goes on where it was.';

CREATE FUNCTION tally._backfill_chain(name text) RETURNS int[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN $1 IS NULL THEN (SELECT array_agg(r.id ORDER BY r.id) FROM tally.rollups r)
                ELSE tally._chain((tally._rollup($1)).id) END
$$;
COMMENT ON FUNCTION tally._backfill_chain(text) IS 'The rollups that a backfill of a name works on, in order.';

CREATE PROCEDURE tally.refresh_scheduled(schedule text)
LANGUAGE plpgsql AS $$
DECLARE
    chain pg_catalog.int4[];
    one   pg_catalog.int4;
    unit  record;
BEGIN
    chain := tally._scheduled_chain(schedule);
    IF chain IS NULL THEN RETURN; END IF;
    FOREACH one IN ARRAY chain LOOP
        LOOP
            SELECT * INTO unit FROM tally._refresh_caught(one, false, 5000, 2000000);
            COMMIT;
            EXIT WHEN NOT unit.more;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON PROCEDURE tally.refresh_scheduled(text) IS
'What the scheduled job runs: refreshes all rollups of a schedule, and those they stand on, in batches that commit. A rollup that another session refreshes is passed over; a failing one is logged and passed over.';

CREATE FUNCTION tally._scheduled_chain(schedule text) RETURNS int[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(DISTINCT c ORDER BY c) FROM tally.rollups r, unnest(tally._chain(r.id)) c WHERE r.schedule = $1
$$;
COMMENT ON FUNCTION tally._scheduled_chain(text) IS 'The rollups of a schedule and all they stand on, in order.';
