-- Owns: refresh: lock, take marks, recompute in an equal or later snapshot, write what differs, log.
--
-- Why this is exact: a mark becomes visible exactly when its rows do, because both are of one transaction. Marks that
-- this refresh can see are deleted first; the recomputation runs in the same snapshot or a later one, so it sees at
-- least the rows behind them. A mark that commits in between stays for the next run. If anything fails, the deletion
-- of the marks is undone with the rest.

CREATE FUNCTION tally._lock(rollup_id int, wait boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- 1952541804 spells 'tall' in ASCII: the class of pg_tally's advisory locks.
    IF wait THEN
        PERFORM pg_advisory_xact_lock(1952541804, rollup_id);
        RETURN true;
    END IF;
    RETURN pg_try_advisory_xact_lock(1952541804, rollup_id);
END $$;
COMMENT ON FUNCTION tally._lock(int, boolean) IS 'The lock of one rollup''s refresh, to the end of the transaction; false where another session has it and wait is false.';

CREATE FUNCTION tally._take_buckets(r tally.rollups, most int) RETURNS timestamptz[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result  timestamptz[];
    ignored bigint;
BEGIN
    -- What changes in the source of frozen history is no reason to compute it anew.
    DELETE FROM tally.dirty d WHERE d.rollup_id = r.id AND d.bucket < r.frozen_before;
    GET DIAGNOSTICS ignored = ROW_COUNT;
    IF ignored > 0 THEN
        UPDATE tally.rollups x SET ignored_marks = x.ignored_marks + ignored WHERE x.id = r.id;
        -- A row may have come there, too late.
        IF EXISTS (SELECT FROM tally.source_retentions s WHERE s.source = r.source AND s.deletes AND s.keep IS NOT NULL) AND r.source_rollup IS NULL THEN
            PERFORM tally._set_aside(r.source);
        END IF;
    END IF;
    -- Newest first, so that a long queue does not keep the present waiting. A mark names any instant of its bucket.
    EXECUTE format('WITH chosen AS (SELECT DISTINCT d.bucket FROM tally.dirty d WHERE d.rollup_id = $1 '
                   -- What a marked range will recompute is left to it.
                   -- (but for what reaches beyond it).
                   'AND (%1$L OR NOT EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = $1 AND d.bucket >= g.since AND d.bucket < g.until)) ORDER BY d.bucket DESC LIMIT $2), '
                   'taken AS (DELETE FROM tally.dirty d USING chosen c WHERE d.rollup_id = $1 AND d.bucket = c.bucket RETURNING %2$s AS start) '
                   'SELECT array_agg(DISTINCT t.start ORDER BY t.start) FROM taken t', r.lookback IS NOT NULL,
                   tally._bucket_start_sql(tally._bucket_rule(r.bucket, r.zone), 'd.bucket'))
       INTO result USING r.id, most;
    RETURN tally._reached(r, result);
END $$;
COMMENT ON FUNCTION tally._take_buckets(tally.rollups, int) IS 'Deletes the visible marks of up to so many buckets and returns the buckets to recompute for them; null when there are none.';

CREATE FUNCTION tally._extent(r tally.rollups, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule   text := tally._bucket_rule(r.bucket, r.zone);
    ends   jsonb;
BEGIN
    SELECT x INTO ends FROM tally.run_as(r.owner, r.search_path, format(
        'SELECT LEAST(pg_catalog.min(s.t), (SELECT pg_catalog.min(bucket) FROM %s)) AS lo, GREATEST(pg_catalog.max(s.t), (SELECT pg_catalog.max(bucket) FROM %1$s)) AS hi '
        'FROM (SELECT pg_catalog.min(%2$I) AS lo, pg_catalog.max(%2$I) AS hi FROM %3$s WHERE %2$I > ''-infinity'' AND %2$I < ''infinity'') e, LATERAL (VALUES (%4$s), (%5$s)) s(t)',
        r.relation, r.time_column, r.source, tally._instant_sql('e.lo', r.time_type, r.zone), tally._instant_sql('e.hi', r.time_type, r.zone))) x;
    since := tally._bucket_start(rule, (ends ->> 'lo')::timestamptz);
    until := tally._bucket_end(rule, tally._bucket_start(rule, (ends ->> 'hi')::timestamptz));
    IF r.lookback IS NOT NULL THEN
        until := tally._bucket_end(rule, (SELECT max(b) FROM unnest(tally._reached(r, ARRAY[tally._bucket_start(rule, (ends ->> 'hi')::timestamptz)])) b));
    END IF;
END $$;
COMMENT ON FUNCTION tally._extent(tally.rollups) IS 'The range of buckets that source or stored rows have; nulls where there is no row. A scan of the source where no btree leads with its time.';

CREATE FUNCTION tally._begin_range(r tally.rollups, marked tally.dirty_ranges, most_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    extent record;
    rows_  float8;
BEGIN
    IF marked.until = 'infinity' THEN
        PERFORM tally._count_odd_rows(r);
    END IF;
    SELECT * INTO extent FROM tally._extent(r);
    IF r.lookback IS NOT NULL AND isfinite(marked.until) THEN
        -- Rows of the range reach beyond it.
        marked.until := (SELECT max(b) FROM unnest(tally._reached(r, ARRAY[tally._bucket_end(tally._bucket_rule(r.bucket, r.zone), tally._bucket_start(tally._bucket_rule(r.bucket, r.zone), marked.until))])) b);
        UPDATE tally.dirty_ranges g SET until = marked.until WHERE g.id = marked.id;
    END IF;
    extent.since := GREATEST(extent.since, r.frozen_before);
    IF extent.until IS NULL OR extent.since >= extent.until OR marked.since >= extent.until OR marked.until <= extent.since THEN
        -- Nothing lies there, neither stored nor in the source. What is written from now on is marked by itself.
        DELETE FROM tally.dirty_ranges g WHERE g.id = marked.id;
        RETURN false;
    END IF;
    -- Where nobody has counted yet, a row is taken for a hundred bytes.
    SELECT sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_relation_size(c.oid) / 100.0 END) INTO rows_
      FROM pg_class c WHERE c.oid = r.source OR c.oid IN (SELECT t.relid FROM pg_partition_tree(r.source) t WHERE t.isleaf);
    UPDATE tally.dirty_ranges g
       SET since = GREATEST(g.since, extent.since), until = LEAST(g.until, extent.until),
           -- The share of time that holds about most_rows rows; all of it where each batch would scan the whole source.
           batch = (extent.until - extent.since) * CASE WHEN rows_ > most_rows AND tally._time_index(r.source, r.time_column) THEN most_rows / rows_ ELSE 1 END,
           rows = rows_ * extract(epoch FROM LEAST(g.until, extent.until) - GREATEST(g.since, extent.since)) / extract(epoch FROM extent.until - extent.since)
     WHERE g.id = marked.id;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally._begin_range(tally.rollups, tally.dirty_ranges, bigint) IS
'Cuts a range mark to where there are rows and settles how much of it a batch takes (about most_rows source rows, null for all); false when nothing lies there, and the mark is gone.';

CREATE FUNCTION tally._take_range(r tally.rollups, most_rows bigint, lowest timestamptz, highest timestamptz, oldest_first boolean,
                                  OUT since timestamptz, OUT until timestamptz, OUT rows float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marked tally.dirty_ranges;
    rule   text := tally._bucket_rule(r.bucket, r.zone);
BEGIN
    LOOP
        SELECT * INTO marked FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.since >= lowest AND g.until <= highest
         ORDER BY CASE WHEN oldest_first THEN g.since END, g.until DESC, g.id LIMIT 1;
        EXIT WHEN marked.id IS NULL OR marked.batch IS NOT NULL;
        PERFORM tally._begin_range(r, marked, most_rows);
    END LOOP;
    IF marked.id IS NULL THEN RETURN; END IF;
    until := marked.until;
    since := marked.since;
    -- Whole buckets, at least one.
    IF most_rows IS NOT NULL AND oldest_first THEN
        until := LEAST(until, GREATEST(tally._bucket_start(rule, since + marked.batch), tally._bucket_end(rule, tally._bucket_start(rule, since))));
    ELSIF most_rows IS NOT NULL THEN
        since := GREATEST(since, LEAST(tally._bucket_start(rule, until - marked.batch), tally._bucket_start(rule, until - interval '1 microsecond')));
    END IF;
    rows := marked.rows * extract(epoch FROM until - since) / extract(epoch FROM marked.until - marked.since);
    IF since <= marked.since AND until >= marked.until THEN
        DELETE FROM tally.dirty_ranges g WHERE g.id = marked.id;
    ELSE
        UPDATE tally.dirty_ranges g SET rows = marked.rows - _take_range.rows, since = CASE WHEN oldest_first THEN _take_range.until ELSE g.since END,
               until = CASE WHEN oldest_first THEN g.until ELSE _take_range.since END WHERE g.id = marked.id;
    END IF;
END $$;
COMMENT ON FUNCTION tally._take_range(tally.rollups, bigint, timestamptz, timestamptz, boolean) IS
'Takes a range mark that lies in [lowest, highest] (most_rows null), or its newest or oldest batch, and returns the buckets'' range to recompute and about how many source rows it holds; nulls when there is none.';

CREATE FUNCTION tally._split_ranges(r tally.rollups, cuts timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cut timestamptz;
BEGIN
    FOREACH cut IN ARRAY cuts LOOP
        WITH cut_off AS (
            INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason, marked_at)
            SELECT g.rollup_id, cut, g.until, g.reason, g.marked_at FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.since < cut AND cut < g.until)
        -- Each part is begun anew, which counts it.
        UPDATE tally.dirty_ranges g SET until = cut, batch = NULL, rows = NULL WHERE g.rollup_id = r.id AND g.since < cut AND cut < g.until;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._split_ranges(tally.rollups, timestamptz[]) IS 'Cuts the range marks of a rollup in two at instants where buckets begin.';

CREATE FUNCTION tally._log_run(run tally.runs, wrote jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    run.id := nextval(pg_get_serial_sequence('tally.runs', 'id'));
    run.buckets := COALESCE(run.buckets, 0);
    run.inserted := COALESCE((wrote ->> 'inserted')::bigint, 0);
    run.updated := COALESCE((wrote ->> 'updated')::bigint, 0);
    run.deleted := COALESCE((wrote ->> 'deleted')::bigint, 0);
    run.duration_ms := extract(epoch FROM clock_timestamp() - run.started_at) * 1000;
    INSERT INTO tally.runs SELECT run.*;
END $$;
COMMENT ON FUNCTION tally._log_run(tally.runs, jsonb) IS 'Adds a unit of work to the run log; wrote holds the counts.';

CREATE FUNCTION tally._refresh_marked(r tally.rollups, most int, OUT more boolean, OUT buckets bigint, OUT wrote jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run  tally.runs;
    list timestamptz[];
BEGIN
    run.rollup_id := r.id;
    run.started_at := clock_timestamp();
    list := tally._take_buckets(r, most);
    IF 'infinity' = ANY (list) THEN
        PERFORM tally._count_odd_rows(r);
    END IF;
    more := COALESCE(cardinality(list) >= most, false);
    list := NULLIF(array_remove(list, 'infinity'), '{}');
    buckets := COALESCE(cardinality(list), 0);
    IF list IS NOT NULL THEN
        run.buckets := buckets;
        wrote := tally._apply_buckets(r, list);
        PERFORM tally._log_run(run, wrote);
    END IF;
END $$;
COMMENT ON FUNCTION tally._refresh_marked(tally.rollups, int) IS 'Recomputes up to so many marked buckets (null: all) that no marked range will, under the lock that the caller holds; wrote is null where there was none. more: there may be further ones.';

CREATE FUNCTION tally._refresh_unit(rollup_id int, most_buckets int, most_rows bigint, lowest timestamptz DEFAULT '-infinity', highest timestamptz DEFAULT 'infinity', oldest_first boolean DEFAULT false,
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
    IF NOT tally._due(rollup_id) THEN RETURN; END IF;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    PERFORM tally._capture_forget();
    IF r.key IS NOT NULL THEN
        SELECT k.more, k.keys, k.wrote INTO more, buckets, wrote FROM tally._refresh_keys(r, most_buckets) k;
        RETURN;
    END IF;
    run.rollup_id := rollup_id;
    run.started_at := clock_timestamp();
    IF EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id AND g.since >= lowest AND g.until <= highest) THEN
        -- In this order: what is counted for the build has been analyzed then.
        PERFORM tally._begin_build(r);
        PERFORM tally._analyse_source(r);
        SELECT x.since, x.until, x.rows INTO part.since, part.until, part.rows FROM tally._take_range(r, most_rows, lowest, highest, oldest_first) x;
    END IF;
    IF part.since < part.until THEN
        -- What is recomputed with the range need not be recomputed by itself: a new rollup on a rollup has both marks.
        DELETE FROM tally.dirty d WHERE d.rollup_id = rollup_id AND d.bucket >= part.since AND d.bucket < part.until AND r.lookback IS NULL;
        run.since := part.since;
        run.until := part.until;
        run.source_rows := part.rows;
        wrote := tally._apply_range(r, part.since, part.until);
        PERFORM tally._log_run(run, wrote);
        run.since := NULL;
        run.until := NULL;
    END IF;
    IF NOT EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id) THEN
        PERFORM tally._end_build(r);
    END IF;
    SELECT x.more, x.buckets, x.wrote INTO more, buckets, added FROM tally._refresh_marked(r, most_buckets) x;
    IF added IS NOT NULL THEN
        SELECT jsonb_object_agg(w.key, w.value::bigint + (added ->> w.key)::bigint) INTO wrote FROM jsonb_each_text(wrote) w;
    END IF;
    more := more OR EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = rollup_id AND g.since >= lowest AND g.until <= highest);
END $$;
COMMENT ON FUNCTION tally._refresh_unit(int, int, bigint, timestamptz, timestamptz, boolean) IS
'One unit of refresh, in the caller''s transaction and under the lock it holds: a marked range that lies in [lowest, highest] (of about most_rows source rows, null for all of it; newest or oldest first), then marked buckets outside it (up to most_buckets, null for all). more: a further unit has work.';

CREATE FUNCTION tally._due(rollup_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM tally.dirty d WHERE d.rollup_id = $1) OR EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = $1)
        OR (SELECT tally._keys_due(r) FROM tally.rollups r WHERE r.id = $1)
$$;
COMMENT ON FUNCTION tally._due(int) IS 'Whether a rollup has marks.';

CREATE FUNCTION tally._chain(rollup_id int) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE up AS (
        SELECT r.id, r.source_rollup FROM tally.rollups r WHERE r.id = $1
        UNION SELECT p.id, p.source_rollup FROM up JOIN tally.rollups p ON p.id = up.source_rollup
    )
    -- A rollup is always made after those it stands on, so numbers are also the order of work and of locks.
    SELECT array_agg(up.id ORDER BY up.id) FROM up
$$;
COMMENT ON FUNCTION tally._chain(int) IS 'A rollup and all that it stands on, in the order in which they are refreshed.';

CREATE FUNCTION tally._refresh_caught(rollup_id int, wait boolean, most_buckets int, most_rows bigint, OUT more boolean, OUT buckets bigint, OUT wrote jsonb, OUT error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    run tally.runs;
BEGIN
    more := false;
    buckets := 0;
    IF NOT tally._due(rollup_id) OR NOT tally._lock(rollup_id, wait) THEN RETURN; END IF;
    run.rollup_id := rollup_id;
    run.started_at := clock_timestamp();
    BEGIN
        SELECT u.more, u.buckets, u.wrote INTO more, buckets, wrote FROM tally._refresh_unit(rollup_id, most_buckets, most_rows) u;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS run.sqlstate = RETURNED_SQLSTATE, run.message = MESSAGE_TEXT, run.detail = PG_EXCEPTION_DETAIL,
                                run.hint = PG_EXCEPTION_HINT, run.context = PG_EXCEPTION_CONTEXT;
        run.hint := COALESCE(NULLIF(run.hint, ''), format('SELECT tally.refresh(%L);', (SELECT r.name FROM tally.rollups r WHERE r.id = rollup_id)));
        PERFORM tally._log_run(run, NULL);
        more := false;
        error := format('%s: %s', run.sqlstate, run.message);
    END;
END $$;
COMMENT ON FUNCTION tally._refresh_caught(int, boolean, int, bigint) IS
'A unit of refresh whose failure is logged instead of raised, so that one broken rollup stops no other. Does nothing where another session refreshes the rollup, unless it is told to wait.';

CREATE FUNCTION tally.refresh(name text DEFAULT NULL)
RETURNS TABLE (rollup text, buckets bigint, inserted bigint, updated bigint, deleted bigint, duration_ms float8, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    one   tally.rollups;
    chain int[];
    unit  record;
    began timestamptz;
BEGIN
    PERFORM tally._follow_strays();
    IF name IS NOT NULL THEN
        one := tally._rollup(name);
        chain := tally._chain(one.id);
    ELSE
        SELECT array_agg(r.id ORDER BY r.id) INTO chain FROM tally.rollups r;
    END IF;
    FOR one IN SELECT r.* FROM tally.rollups r WHERE r.id = ANY (chain) ORDER BY r.id LOOP
        began := clock_timestamp();
        rollup := one.name;
        buckets := 0; inserted := 0; updated := 0; deleted := 0; error := NULL;
        PERFORM tally._lock(one.id, true);
        LOOP
            IF name IS NOT NULL THEN
                SELECT u.*, NULL AS error INTO unit FROM tally._refresh_unit(one.id, NULL, NULL) u;
            ELSE
                SELECT * INTO unit FROM tally._refresh_caught(one.id, true, NULL, NULL);
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
COMMENT ON FUNCTION tally.refresh(text) IS
'Brings a rollup, and those it stands on, to its definition: recomputes dirty buckets, keys and ranges in one transaction and writes only rows that differ. Without a name all rollups, where a failing one is reported in error and stops no other. Returns what was done per rollup.';
