-- Owns: refresh: lock, take marks, recompute in an equal or later snapshot, write what differs, log.
--
-- Why this is exact: a mark becomes visible exactly when its rows do, because both are of one transaction. Marks that this refresh can see are deleted
-- first; the recomputation runs in the same snapshot or a later one, so it sees at least the rows behind them. A mark that commits in between stays for
-- the next run. If anything fails, the deletion of the marks is undone with the rest.

CREATE OR REPLACE FUNCTION tally_internal._take_buckets(r tally.rollups, most int) RETURNS timestamptz[]
-- Marks come and go faster than ANALYZE counts them. The planner took 40,000 of them for a few and joined them one by one, for minutes.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
    result  timestamptz[];
    ignored bigint;
BEGIN
    -- Frozen history is not computed anew, whatever changes in its source.
    DELETE FROM tally.dirty d WHERE d.rollup_id = r.id AND d.bucket < r.frozen_before;
    GET DIAGNOSTICS ignored = ROW_COUNT;
    IF ignored > 0 THEN
        UPDATE tally.rollups x SET ignored_marks = x.ignored_marks + ignored WHERE x.id = r.id;
        -- A late row may have come for it.
        IF EXISTS (SELECT FROM tally.source_retentions s WHERE s.source = r.source AND s.deletes AND s.keep IS NOT NULL) AND r.source_rollup IS NULL THEN
            PERFORM tally_internal._set_aside(r.source);
        END IF;
    END IF;
    -- Newest first, so that a long queue does not keep the present waiting. A mark names any instant of its bucket.
    EXECUTE format('WITH chosen AS (SELECT DISTINCT d.bucket FROM tally.dirty d WHERE d.rollup_id = $1 '
                   -- A marked range recomputes the buckets in it, so they are left out here. With a lookback a bucket
                   -- also reaches others beyond the range, so there it is taken.
                   'AND (%1$L OR NOT EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = $1 AND d.bucket >= g.since AND d.bucket < g.until)) '
                   'ORDER BY d.bucket DESC LIMIT $2), '
                   'taken AS (DELETE FROM tally.dirty d USING chosen c WHERE d.rollup_id = $1 AND d.bucket = c.bucket RETURNING %2$s AS start) '
                   'SELECT array_agg(DISTINCT t.start ORDER BY t.start) FROM taken t', r.lookback IS NOT NULL,
                   tally_internal._bucket_start_sql(tally_internal._bucket_rule_of(r), 'd.bucket'))
       INTO result USING r.id, most;
    RETURN tally_internal._affected_buckets(r, result);
END $$;
COMMENT ON FUNCTION tally_internal._take_buckets(tally.rollups, int) IS
'Deletes the visible marks of at most that many buckets, and returns the buckets to recompute; null where there are none.';

CREATE OR REPLACE FUNCTION tally_internal._log_run(run tally.runs, wrote jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    run.id := nextval(pg_get_serial_sequence('tally.runs', 'id'));
    run.buckets := COALESCE(run.buckets, 0);
    run.inserted := COALESCE((wrote ->> 'inserted')::bigint, 0);
    run.updated := COALESCE((wrote ->> 'updated')::bigint, 0);
    run.deleted := COALESCE((wrote ->> 'deleted')::bigint, 0);
    run.duration_ms := extract(epoch FROM clock_timestamp() - run.started_at) * 1000;
    IF (wrote ->> 'emptied')::bigint > 0 THEN
        SELECT t.message, t.hint INTO run.message, run.hint FROM tally_internal._tell_emptied(run.rollup_id, (wrote ->> 'emptied')::bigint) t;
    END IF;
    INSERT INTO tally.runs SELECT run.*;
END $$;
COMMENT ON FUNCTION tally_internal._log_run(tally.runs, jsonb) IS 'Adds a unit of work to the run log; wrote holds the counts.';

CREATE OR REPLACE FUNCTION tally_internal._tell_emptied(rollup_id int, buckets bigint, OUT message text, OUT hint text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    UPDATE tally.rollups x SET emptied_at = now() WHERE x.id = $1 RETURNING x.* INTO r;
    -- The rows of a rollup per key move from bucket to bucket as the rows of their keys change. That is no history lost, and nothing could keep it.
    IF EXISTS (SELECT FROM tally.rollups a WHERE a.id = ANY (tally_internal._with_ancestors($1)) AND a.key IS NOT NULL) THEN RETURN; END IF;
    message := format(CASE buckets WHEN 1 THEN '%s finished bucket of rollup %L is gone, because none of its source rows is left'
        ELSE '%s finished buckets of rollup %L are gone, because none of their source rows is left' END, buckets, r.name);
    hint := format('SELECT * FROM tally.alter_rollup(%L, emptied => ''keep'');', tally_internal._called(r));
    RAISE WARNING USING MESSAGE = message,
        DETAIL = 'A rollup follows its source. Where a job deletes old rows, have it keep what is emptied from now on, or freeze history with '
            'tally.freeze_source() or tally.retain_source(). This is said once.', HINT = hint;
END $$;
COMMENT ON FUNCTION tally_internal._tell_emptied(int, bigint) IS
'Says, once for each rollup over raw rows, that a refresh has removed finished buckets because their source rows are gone, and how to keep such buckets.';

CREATE OR REPLACE FUNCTION tally_internal._say_written(rollup_id int, wrote jsonb, since timestamptz, until timestamptz, buckets timestamptz[])
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    IF (wrote ->> 'inserted')::bigint + (wrote ->> 'updated')::bigint + (wrote ->> 'deleted')::bigint > 0 THEN
        PERFORM tally_internal._announce('rollup_written', rollup_id,
            jsonb_strip_nulls(jsonb_build_object('since', since, 'until', until, 'buckets', buckets)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._say_written(int, jsonb, timestamptz, timestamptz, timestamptz[]) IS
'Tells the stages to the right that rows of a rollup over time were written: in chosen buckets, or where those are null in [since, until).';

CREATE OR REPLACE FUNCTION tally_internal._refresh_marked(r tally.rollups, most int, OUT more boolean, OUT buckets bigint, OUT wrote jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run  tally.runs;
    list timestamptz[];
BEGIN
    run.rollup_id := r.id;
    run.started_at := clock_timestamp();
    list := tally_internal._take_buckets(r, most);
    IF 'infinity' = ANY (list) THEN
        PERFORM tally_internal._count_odd_rows(r);
    END IF;
    more := COALESCE(cardinality(list) >= most, false);
    list := NULLIF(array_remove(list, 'infinity'), '{}');
    buckets := COALESCE(cardinality(list), 0);
    IF list IS NOT NULL THEN
        run.buckets := buckets;
        wrote := tally_internal._apply_buckets_isolated(r, list);
        PERFORM tally_internal._say_written(r.id, wrote, list[1], list[cardinality(list)], CASE WHEN cardinality(list) <= 1000 THEN list END);
        PERFORM tally_internal._log_run(run, wrote);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refresh_marked(tally.rollups, int) IS
'Recomputes at most that many marked buckets (null: all), under the lock that the caller holds. It leaves out buckets in marked ranges. wrote is null if '
'there was no bucket. more: there may be further ones.';

CREATE OR REPLACE FUNCTION tally_internal._refresh_unit(rollup_id int, most_buckets int, most_rows bigint, lowest timestamptz DEFAULT '-infinity',
                                    highest timestamptz DEFAULT 'infinity', oldest_first boolean DEFAULT false,
                                    OUT more boolean, OUT buckets bigint, OUT wrote jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r     tally.rollups;
    run   tally.runs;
    part  tally.dirty_ranges;
    added jsonb;
BEGIN
    more := false;
    buckets := 0;
    wrote := '{"inserted": 0, "updated": 0, "deleted": 0}';
    IF NOT tally_internal._due(rollup_id) THEN RETURN; END IF;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    -- It was dropped while this waited for the lock.
    IF r.id IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._refuse_fault(r);
    PERFORM tally_internal._capture_forget();
    IF r.key IS NOT NULL THEN
        SELECT k.more, k.keys, k.wrote INTO more, buckets, wrote FROM tally_internal._refresh_keys(r, most_buckets, most_rows) k;
        RETURN;
    END IF;
    run.rollup_id := rollup_id;
    run.started_at := clock_timestamp();
    IF EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id AND g.since >= lowest AND g.until <= highest) THEN
        -- The order matters: ANALYZE comes before the statistics of the build are counted.
        PERFORM tally_internal._begin_build(r);
        PERFORM tally_internal._analyse_source(r);
        SELECT x.since, x.until, x.rows INTO part.since, part.until, part.rows FROM tally_internal._take_range(r, most_rows, lowest, highest, oldest_first) x;
    END IF;
    IF part.since < part.until THEN
        -- A new rollup on a rollup has both kinds of marks. Buckets that are recomputed with the range need no work of their own.
        DELETE FROM tally.dirty d WHERE d.rollup_id = rollup_id AND d.bucket >= part.since AND d.bucket < part.until AND r.lookback IS NULL;
        run.since := part.since;
        run.until := part.until;
        run.source_rows := part.rows;
        wrote := tally_internal._apply_range_isolated(r, part.since, part.until);
        PERFORM tally_internal._say_written(r.id, wrote, part.since, part.until, NULL);
        PERFORM tally_internal._log_run(run, wrote);
        run.since := NULL;
        run.until := NULL;
    END IF;
    IF NOT EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id) THEN
        PERFORM tally_internal._end_build(r);
    END IF;
    SELECT x.more, x.buckets, x.wrote INTO more, buckets, added FROM tally_internal._refresh_marked(r, most_buckets) x;
    IF added IS NOT NULL THEN
        SELECT jsonb_object_agg(w.key, w.value::bigint + (added ->> w.key)::bigint) INTO wrote FROM jsonb_each_text(wrote) w;
    END IF;
    more := more OR EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id AND g.since >= lowest AND g.until <= highest);
    -- Last, because it locks the view against readers until the transaction ends.
    PERFORM tally_internal._follow_index(r);
END $$;
COMMENT ON FUNCTION tally_internal._refresh_unit(int, int, bigint, timestamptz, timestamptz, boolean) IS
'One unit of refresh, in the caller''s transaction and under the lock it holds: a marked range that lies in [lowest, highest] (of about most_rows source '
    'rows, null for all of it; newest or oldest first), then marked buckets outside it (up to most_buckets, null for all). more: a further unit has work.';

CREATE OR REPLACE FUNCTION tally_internal._refresh_unit_soon(rollup_id int, most_buckets int, most_rows bigint, lowest timestamptz DEFAULT '-infinity',
                                                            highest timestamptz DEFAULT 'infinity', oldest_first boolean DEFAULT false,
                                                            OUT more boolean, OUT buckets bigint, OUT wrote jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    SELECT u.more, u.buckets, u.wrote INTO more, buckets, wrote
      FROM tally_internal._refresh_unit(rollup_id, most_buckets, most_rows, lowest, highest, oldest_first) u;
END $$;
COMMENT ON FUNCTION tally_internal._refresh_unit_soon(int, int, bigint, timestamptz, timestamptz, boolean) IS
'_refresh_unit(), or 55P03 where somebody has locked the source, or the rollup''s table, for longer than five seconds.';

CREATE OR REPLACE FUNCTION tally_internal._log_failure(INOUT run tally.runs)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF run.sqlstate = '55P03' THEN
        SELECT format('%s is locked, so rollup %L waits for the next run', r.source, r.name), tally_internal._who_locks(r) INTO run.message, run.detail
          FROM tally.rollups r WHERE r.id = run.rollup_id;
    END IF;
    -- What PostgreSQL says of a name that is not there is no statement.
    run.hint := (SELECT CASE WHEN run.hint ~ '^[A-Z]+ .*;' THEN run.hint
                             WHEN run.sqlstate ~ '^(42703|42704|42883|42P01|3F000)'
                             THEN format('SELECT tally.drop_rollup(%L);  -- and create it again; or make again what is not there',
                                         tally_internal._called(r))
                             ELSE COALESCE(NULLIF(run.hint, ''), format('SELECT tally.refresh(%L);', tally_internal._called(r))) END
                   FROM tally.rollups r WHERE r.id = run.rollup_id);
    PERFORM tally_internal._log_run(run, NULL);
END $$;
COMMENT ON FUNCTION tally_internal._log_failure(tally.runs) IS
'Logs a run of a rollup that failed, with the statement that mends it as its hint: run as it was logged.';

CREATE OR REPLACE FUNCTION tally_internal._refresh_isolated(rollup_id int, wait boolean, most_buckets int, most_rows bigint,
    who bigint DEFAULT tally_internal._me(),
                                      OUT more boolean, OUT buckets bigint, OUT wrote jsonb, OUT error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    run tally.runs;
BEGIN
    PERFORM tally_internal._check_refresh(tally_internal._caller(who), rollup_id);
    more := false;
    buckets := 0;
    IF NOT tally_internal._due(rollup_id) OR NOT tally_internal._lock(rollup_id, wait) THEN RETURN; END IF;
    run.rollup_id := rollup_id;
    run.started_at := clock_timestamp();
    BEGIN
        SELECT u.more, u.buckets, u.wrote INTO more, buckets, wrote FROM tally_internal._refresh_unit_soon(rollup_id, most_buckets, most_rows) u;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS run.sqlstate = RETURNED_SQLSTATE, run.message = MESSAGE_TEXT, run.detail = PG_EXCEPTION_DETAIL,
                                run.hint = PG_EXCEPTION_HINT, run.context = PG_EXCEPTION_CONTEXT;
        run := tally_internal._log_failure(run);
        more := false;
        -- It includes the statement that mends it, if the error gave one.
        error := format('%s: %s', run.sqlstate, run.message) || CASE WHEN run.hint ~ '^(SELECT|ALTER|GRANT|CREATE) .*;'
            AND run.hint !~ '^SELECT tally\.refresh' THEN '; ' || run.hint ELSE '' END;
    END;
END $$;
COMMENT ON FUNCTION tally_internal._refresh_isolated(int, boolean, int, bigint, bigint) IS
'A unit of refresh whose failure is logged instead of raised, so that one broken rollup stops no other. Does nothing where another session refreshes the '
    'rollup, unless it is told to wait.';

CREATE OR REPLACE FUNCTION tally.refresh(name text DEFAULT NULL, who bigint DEFAULT tally_internal._me())
RETURNS TABLE (rollup text, buckets bigint, inserted bigint, updated bigint, deleted bigint, duration_ms float8, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    one   tally.rollups;
    chain int[];
    due   int[];
    did   boolean := false;
    unit  record;
    began timestamptz;
BEGIN
    PERFORM tally_internal._reconcile_members();
    IF name IS NOT NULL THEN
        one := tally_internal._rollup(name);
        PERFORM tally_internal._check_refresh(caller, one.id);
        chain := tally_internal._with_ancestors(one.id);
    ELSE
        SELECT array_agg(r.id ORDER BY r.id) INTO chain
          FROM (SELECT tally_internal._may_operate(caller, 'tally.refresh_scheduled(text)'::regprocedure) AS every OFFSET 0) o, tally.rollups r
         WHERE o.every OR tally_internal._may_refresh(caller, r.id);
    END IF;
    PERFORM tally_internal._announce('refresh_begins', NULL, to_jsonb(chain));
    due := tally_internal._all_due(chain);
    FOR one IN SELECT r.* FROM tally.rollups r WHERE r.id = ANY (chain) ORDER BY r.id LOOP
        began := clock_timestamp();
        rollup := one.name; buckets := 0; inserted := 0; updated := 0; deleted := 0; error := NULL;
        -- Nothing is due, so nothing is written, not even a lock. A refresh may mark what stands on its rollup, so after one each is asked anew.
        IF one.id <> ALL (due) AND NOT (did AND tally_internal._due(one.id)) THEN
            duration_ms := extract(epoch FROM clock_timestamp() - began) * 1000;
            RETURN NEXT;
            CONTINUE;
        END IF;
        did := true;
        IF name IS NOT NULL THEN
            PERFORM tally_internal._lock(one.id, true);
        ELSE
            SELECT '55P03: ' || l.why INTO error FROM tally_internal._lock_soon(one.id) l WHERE NOT l.got;
            IF error IS NOT NULL THEN
                duration_ms := extract(epoch FROM clock_timestamp() - began) * 1000;
                RETURN NEXT;
                CONTINUE;
            END IF;
        END IF;
        IF NOT EXISTS (SELECT FROM tally.rollups r WHERE r.id = one.id) THEN
            -- It was dropped during the wait. Whoever asked for it by name is told.
            IF name IS NOT NULL THEN PERFORM tally_internal._rollup(name); END IF;
            CONTINUE;
        END IF;
        LOOP
            IF name IS NOT NULL THEN
                SELECT u.*, NULL AS error INTO unit FROM tally_internal._refresh_unit(one.id, NULL, NULL) u;
            ELSE
                SELECT * INTO unit FROM tally_internal._refresh_isolated(one.id, true, NULL, NULL);
            END IF;
            buckets := buckets + unit.buckets;
            inserted := inserted + COALESCE((unit.wrote ->> 'inserted')::bigint, 0);
            updated := updated + COALESCE((unit.wrote ->> 'updated')::bigint, 0);
            deleted := deleted + COALESCE((unit.wrote ->> 'deleted')::bigint, 0);
            error := COALESCE(error, unit.error);
            EXIT WHEN NOT unit.more;
        END LOOP;
        duration_ms := extract(epoch FROM clock_timestamp() - began) * 1000;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.refresh(text, bigint) IS
'Makes a rollup and those it stands on equal to their definitions: it recomputes dirty buckets, keys and ranges in one transaction, and writes only rows '
'that differ. Without a name it refreshes all rollups that the caller may refresh: the caller''s own, or all if the caller may call refresh_scheduled(). '
'One that fails is reported in the column error and does not stop the others. It returns what was done for each rollup.';
