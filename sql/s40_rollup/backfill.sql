-- Owns: backfill by hand: the procedure that loops over units of refresh and commits after each.
-- A procedure that commits may have no SET clause, so these are thin and fully qualified.

CREATE OR REPLACE FUNCTION tally_internal._backfill_unit(rollup_id int, most_rows bigint, began timestamptz, since timestamptz DEFAULT '-infinity',
                                     until timestamptz DEFAULT 'infinity',
                                     oldest_first boolean DEFAULT false, named boolean DEFAULT true, who bigint DEFAULT tally_internal._me(),
                                     OUT more boolean, OUT progress text, OUT left_out text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    r   tally.rollups;
    run tally.runs;
BEGIN
    PERFORM tally_internal._check_refresh(tally_internal._caller(who), rollup_id);
    more := false;
    IF tally_internal._due(rollup_id) THEN
        IF named THEN
            PERFORM tally_internal._lock(rollup_id, true);
        ELSE
            SELECT format('%s: left out. %s', (SELECT x.name FROM tally.rollups x WHERE x.id = rollup_id), l.why) INTO left_out
              FROM tally_internal._lock_soon(rollup_id) l WHERE NOT l.got;
            IF left_out IS NOT NULL AND tally_internal._backfill_is_at(rollup_id) THEN
                -- It goes on, and so will this one. Left out now, the rest of the work would be the other's alone.
                left_out := NULL;
                more := true;
            END IF;
            IF left_out IS NOT NULL OR more THEN RETURN; END IF;
        END IF;
        SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
        IF r.key IS NULL AND (isfinite(since) OR isfinite(until)) THEN
            SELECT a.since, a.until INTO since, until FROM tally_internal._aligned(r, since, until) a;
            PERFORM tally_internal._split_ranges(r, ARRAY[since, until]);
        END IF;
        run.rollup_id := rollup_id;
        run.started_at := clock_timestamp();
        BEGIN
            SELECT u.more INTO more FROM tally_internal._refresh_unit_soon(rollup_id, NULL, most_rows, since, until, oldest_first) u;
        EXCEPTION WHEN OTHERS THEN
            -- Whoever asked for it by name is told. In a backfill of all, the others go on.
            IF named AND SQLSTATE <> '55P03' THEN
                RAISE;
            ELSIF named THEN
                PERFORM tally_internal._refuse('lock_not_available', format('%s is locked, so the backfill of %L cannot go on', r.source, r.name),
                                               tally_internal._who_locks(r), format('CALL tally.backfill(%L);', tally_internal._called(r)));
            END IF;
            GET STACKED DIAGNOSTICS run.sqlstate = RETURNED_SQLSTATE, run.message = MESSAGE_TEXT, run.detail = PG_EXCEPTION_DETAIL,
                                    run.hint = PG_EXCEPTION_HINT, run.context = PG_EXCEPTION_CONTEXT;
            more := false;
            run := tally_internal._log_failure(run);
            left_out := CASE WHEN run.sqlstate = '55P03' THEN format('%s: left out, because %s is locked. %s', r.name, r.source, run.detail)
                           ELSE format('%s: left out, because %s. %s', r.name, run.message, run.hint) END;
            RETURN;
        END;
        progress := tally_internal._backfill_progress(rollup_id, began, since, until);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._backfill_unit(int, bigint, timestamptz, timestamptz, timestamptz, boolean, boolean, bigint) IS
'One unit of a backfill of [since, until) that began then: waits for the rollup''s lock, and says how far it is; progress is null when nothing was due. '
'What goes wrong is raised where the rollup was named; in a backfill of all it is logged, and left_out says which rollup is left out, and why.';

CREATE OR REPLACE FUNCTION tally_internal._backfill_is_at(rollup_id int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- The claim alone proves nothing, because anybody may take it. The lock is proved by whose transaction has the row.
    RETURN NOT EXISTS (SELECT FROM tally.refresh_locks l JOIN pg_locks t ON t.locktype = 'transactionid' AND t.granted AND t.transactionid = l.xmax
                        WHERE l.rollup_id = rollup_id
                          AND NOT EXISTS (SELECT FROM pg_locks c WHERE c.pid = t.pid AND c.locktype = 'advisory' AND c.granted AND c.classid = 1650549611
                                             AND c.objid = rollup_id::oid AND c.objsubid = 2
                                             AND c.database = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())));
END $$;
COMMENT ON FUNCTION tally_internal._backfill_is_at(int) IS
'Whether the lock of a rollup that was asked for in vain is another backfill''s (_next_backfill()), or free by now. Otherwise somebody keeps it in an open '
'transaction.';

CREATE OR REPLACE FUNCTION tally_internal._progress(rollup_id int, began timestamptz, since timestamptz, until timestamptz, OUT done float8, OUT seconds float8,
                                OUT source_rows float8,
                                OUT written bigint, OUT batches bigint, OUT first timestamptz, OUT last timestamptz, OUT todo float8)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- It counts the time spent on the work, so that an interruption overnight does not make a backfill look slow.
    -- Who may not read the log of runs (its policy) sees nothing of it here: how many rows a range has is a number that a release may hide.
    SELECT CASE WHEN d.batches > 0 THEN COALESCE(1 - t.parts_left::float8 / t.parts, d.width / NULLIF(d.width + COALESCE(t.width, 0), 0)) END, d.seconds,
        d.source_rows, d.written, d.batches, d.first, d.last, t.width
      FROM (SELECT COALESCE(sum(extract(epoch FROM tally_internal._time_between(x.since, x.until))), 0)::float8 AS width,
            (sum(x.duration_ms) / 1000)::float8 AS seconds, sum(x.source_rows) AS source_rows,
                   COALESCE(sum(x.inserted + x.updated + x.deleted), 0)::bigint AS written, count(*) AS batches, min(x.since) AS first, max(x.until) AS last
              FROM tally.runs x WHERE x.rollup_id = $1 AND x.started_at >= $2 AND x.sqlstate IS NULL
               -- A share of the keys covers all times. Marked buckets and keys are not counted here, because nobody counts their source rows.
               AND (x.since >= $3 AND x.until <= $4 OR x.since IS NULL AND x.source_rows IS NOT NULL)) d,
           -- A range without end has no known extent before its first batch.
           (SELECT sum(extract(epoch FROM tally_internal._time_between(g.since, g.until))) FILTER (WHERE g.batch IS NOT NULL OR isfinite(g.since)
                   AND isfinite(g.until))::float8 AS width, count(g.part) AS parts_left, max(g.parts) AS parts
              FROM tally.dirty_ranges g WHERE g.rollup_id = $1 AND g.since >= $3 AND g.until <= $4) t
$$;
COMMENT ON FUNCTION tally_internal._progress(int, timestamptz, timestamptz, timestamptz) IS
'How far the ranges of a rollup within [since, until) are computed, from the run log since then and what is still marked: share done, seconds spent, source '
    'rows (about) and rows written, the range so far.';

CREATE OR REPLACE FUNCTION tally_internal._backfill_progress(rollup_id int, began timestamptz, since timestamptz, until timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups;
    p record;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    SELECT * INTO p FROM tally_internal._progress(rollup_id, began, since, until) x;
    RETURN format('%s: %s %% done, %s, %s rows written, %s s%s%s', r.name, floor(COALESCE(p.done, 1) * 100),
        CASE WHEN p.first IS NULL THEN 'all times' ELSE format('%s to %s', to_char(tally_internal._local_from(r.zone, p.first), 'YYYY-MM-DD HH24:MI'),
            COALESCE(to_char(tally_internal._local_until(r.zone, NULLIF(p.last, 'infinity')), 'YYYY-MM-DD HH24:MI'), 'the end of time')) END,
        p.written, round(COALESCE(p.seconds, 0)::numeric, 1), CASE WHEN p.source_rows > 0 THEN format(', about %s source rows/s',
                round((p.source_rows / NULLIF(p.seconds, 0))::numeric)) ELSE '' END,
        CASE WHEN p.done < 1 THEN format(', about %s s left', round((p.seconds * (1 - p.done) / p.done)::numeric, 1)) ELSE '' END);
END $$;
COMMENT ON FUNCTION tally_internal._backfill_progress(int, timestamptz, timestamptz, timestamptz) IS 'One line of progress of a backfill that began then.';

CREATE OR REPLACE PROCEDURE tally.backfill(name text DEFAULT NULL, batch_rows bigint DEFAULT 2000000, since timestamptz DEFAULT '-infinity',
                                until timestamptz DEFAULT 'infinity', oldest_first boolean DEFAULT false)
LANGUAGE plpgsql AS $$
DECLARE
    chain pg_catalog.int4[];
    done  pg_catalog.int4[] := '{}';
    next  record;
    unit  record;
    began pg_catalog.timestamptz;
BEGIN
    chain := tally_internal._backfill_chain(name);
    SELECT b.since, b.until INTO since, until FROM tally_internal._backfill_range(name, since, until) b;
    LOOP
        SELECT * INTO next FROM tally_internal._next_backfill(chain, done);
        EXIT WHEN next.rollup_id IS NULL;
        done := done || next.rollup_id;
        began := pg_catalog.clock_timestamp();
        LOOP
            SELECT * INTO unit FROM tally_internal._backfill_unit(next.rollup_id, batch_rows, began, since, until, oldest_first, name IS NOT NULL);
            COMMIT;
            IF unit.left_out IS NOT NULL THEN
                RAISE WARNING '%', unit.left_out USING HINT = 'CALL tally.backfill();';
            END IF;
            IF unit.progress IS NOT NULL THEN
                RAISE NOTICE '%', unit.progress;
            END IF;
            EXIT WHEN NOT unit.more;
        END LOOP;
        PERFORM tally_internal._end_backfill(next.rollup_id, next.claimed);
    END LOOP;
END $$;
COMMENT ON PROCEDURE tally.backfill(text, bigint, timestamptz, timestamptz, boolean) IS
'Computes what a rollup (and what it stands on; without a name: every rollup) has marked, in batches of about batch_rows source rows, newest first or '
    'oldest_first, each committed by itself: a NOTICE per batch, and an interrupted backfill goes on where it was. since and until, widened to whole '
    'buckets, take that part first; the rest stays marked. Writers and readers go on; tally.progress shows how far it is. Several sessions share the work: '
    'each takes the next rollup on which no other session works.';

CREATE OR REPLACE FUNCTION tally_internal._next_backfill(chain int[], done int[], OUT rollup_id int, OUT claimed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    candidate int;
BEGIN
    claimed := false;
    -- The rollups that a rollup stands on come first, even if another session works on them.
    FOR candidate IN
        SELECT c.id FROM unnest(chain) WITH ORDINALITY c(id, place)
         WHERE c.id <> ALL (done) AND tally_internal._due(c.id)
           AND NOT EXISTS (SELECT FROM unnest(tally_internal._with_ancestors(c.id)) a(id) WHERE a.id <> c.id AND a.id <> ALL (done)
               AND tally_internal._due(a.id))
         ORDER BY c.place
    LOOP
        rollup_id := COALESCE(rollup_id, candidate);
        -- 1650549611 spells 'back'. It only tells others to begin elsewhere. tally_internal._lock() keeps two sessions from one rollup.
        IF pg_try_advisory_lock(1650549611, candidate) THEN
            rollup_id := candidate;
            claimed := true;
            RETURN;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._next_backfill(int[], int[]) IS
'Which rollup of a chain a backfill takes next, after those done: the first that is due, stands on no rollup that is due, and is not claimed by another '
    'backfill. If others have claimed all that is left, it takes the first of these, to help. Null when nothing is left.';

CREATE OR REPLACE FUNCTION tally_internal._end_backfill(rollup_id int, claimed boolean) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_unlock(1650549611, rollup_id) WHERE claimed
$$;
COMMENT ON FUNCTION tally_internal._end_backfill(int, boolean) IS 'Gives up the claim of _next_backfill().';

CREATE OR REPLACE FUNCTION tally_internal._backfill_range(name text, INOUT since timestamptz, INOUT until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups;
BEGIN
    IF name IS NULL OR NOT (isfinite(since) OR isfinite(until)) THEN RETURN; END IF;
    r := tally_internal._rollup(name);
    IF r.key IS NULL THEN
        SELECT a.since, a.until INTO since, until FROM tally_internal._aligned(r, since, until) a;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._backfill_range(text, timestamptz, timestamptz) IS
'A range widened to whole buckets of the named rollup, so that what it stands on is computed for all of them.';

CREATE OR REPLACE FUNCTION tally_internal._backfill_chain(name text, who bigint DEFAULT tally_internal._me()) RETURNS int[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    one    tally.rollups;
BEGIN
    IF name IS NULL THEN
        RETURN (SELECT array_agg(r.id ORDER BY r.id) FROM tally.rollups r WHERE tally_internal._may_refresh(caller, r.id));
    END IF;
    one := tally_internal._rollup(name);
    PERFORM tally_internal._check_refresh(caller, one.id);
    RETURN tally_internal._with_ancestors(one.id);
END $$;
COMMENT ON FUNCTION tally_internal._backfill_chain(text, bigint) IS
'The rollups that a backfill of a name works on, in order; without a name all that the caller may refresh.';
