-- Owns: the procedures that loop over units of refresh and commit after each: backfill by hand, refresh by schedule.
-- A procedure that commits may have no SET clause, so these are thin and fully qualified.

CREATE FUNCTION tally._backfill_unit(rollup_id int, most_rows bigint, began timestamptz, OUT more boolean, OUT progress text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    more := false;
    IF tally._due(rollup_id) THEN
        PERFORM tally._lock(rollup_id, true);
        SELECT u.more INTO more FROM tally._refresh_unit(rollup_id, NULL, most_rows) u;
        progress := tally._backfill_progress(rollup_id, began);
    END IF;
END $$;
COMMENT ON FUNCTION tally._backfill_unit(int, bigint, timestamptz) IS 'One unit of a backfill that began then: waits for the rollup''s lock, raises what goes wrong, and says how far it is; progress is null when nothing was due.';

CREATE FUNCTION tally._backfill_progress(rollup_id int, began timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r       tally.rollups;
    done    record;
    todo    float8;
    share   float8;
    elapsed float8 := extract(epoch FROM clock_timestamp() - began);
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    SELECT sum(x.inserted + x.updated + x.deleted) AS wrote, min(x.since) AS since, sum(extract(epoch FROM x.until - x.since)) AS width INTO done
      FROM tally.runs x WHERE x.rollup_id = rollup_id AND x.started_at >= began;
    SELECT sum(extract(epoch FROM g.until - g.since)) INTO todo FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id AND g.batch IS NOT NULL;
    share := COALESCE(done.width / (done.width + COALESCE(todo, 0)), 1);
    RETURN format('%s: %s %% done, back to %s, %s rows written, %s s%s', r.name, floor(share * 100),
        COALESCE(to_char(done.since AT TIME ZONE r.zone, 'YYYY-MM-DD HH24:MI'), 'the beginning'), COALESCE(done.wrote, 0), round(elapsed::numeric, 1),
        CASE WHEN share < 1 THEN format(', about %s s left', round((elapsed * (1 - share) / share)::numeric, 1)) ELSE '' END);
END $$;
COMMENT ON FUNCTION tally._backfill_progress(int, timestamptz) IS 'One line of progress of a backfill that began then: from the run log and what is still marked.';

CREATE PROCEDURE tally.backfill(name text DEFAULT NULL, batch_rows bigint DEFAULT 2000000)
LANGUAGE plpgsql AS $$
DECLARE
    chain pg_catalog.int4[];
    one   pg_catalog.int4;
    unit  record;
    began pg_catalog.timestamptz;
BEGIN
    chain := tally._backfill_chain(name);
    IF chain IS NULL THEN RETURN; END IF;
    FOREACH one IN ARRAY chain LOOP
        began := pg_catalog.clock_timestamp();
        LOOP
            SELECT * INTO unit FROM tally._backfill_unit(one, batch_rows, began);
            COMMIT;
            IF unit.progress IS NOT NULL THEN
                RAISE NOTICE '%', unit.progress;
            END IF;
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
    PERFORM tally._follow_strays();
    COMMIT;
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
