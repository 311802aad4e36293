-- Owns: deleting: raw rows and old buckets go in batches, after everything that stands on them is computed and frozen.
--
-- Freezing and deleting use one snapshot, without the changes of concurrent writers. A row that was inserted meanwhile is not deleted;
-- it comes late, and is set aside. After a concurrent update or delete the batch fails to serialize and is tried again. So no
-- row is deleted in a form that the rollups have not seen. Dropping partitions uses a lock on the whole source instead of the snapshot.

CREATE OR REPLACE FUNCTION tally_internal._expiry_batch(s tally.source_retentions, ids int[], target timestamptz, most_rows bigint) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    lo     timestamptz;
    middle timestamptz;
    n      bigint;
    result timestamptz := target;
BEGIN
    SELECT (x ->> 'lo')::timestamptz INTO lo FROM tally.run_as(s.owner, s.search_path,
        format('SELECT pg_catalog.min(%I) AS lo FROM %s WHERE %s', s.time_column, s.source, tally_internal._old_rows_sql(s.source)),
        0, 'UTC', s.horizon, target) x;
    -- Halved until it holds about as many rows as a batch may, or cannot be halved at a bucket's start.
    WHILE lo < result LOOP
        n := tally_internal._old_rows_count(s, format('SELECT pg_catalog.count(*) AS n FROM (SELECT FROM {source} WHERE {old} LIMIT %s) t', most_rows + 1),
                                            s.horizon, result);
        EXIT WHEN n <= most_rows;
        middle := tally_internal._common_start(ids, lo + (result - lo) / 2);
        EXIT WHEN middle <= lo OR middle <= s.horizon;
        result := middle;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._expiry_batch(tally.source_retentions, int[], timestamptz, bigint) IS
'Up to where a batch of deletion goes: the target, or the start of a bucket before it, so that it deletes about most_rows rows.';

CREATE OR REPLACE FUNCTION tally_internal._drop_old_partitions(s tally.source_retentions, until timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    part  record;
    n     bigint := 0;
BEGIN
    -- Only bounds by the time column count. Other partitions are emptied row by row.
    FOR part IN SELECT c.oid::regclass AS name, greatest(c.reltuples, 0)::bigint AS rows
                  FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] AND a.attname = s.time_column
                  JOIN pg_inherits i ON i.inhparent = p.partrelid JOIN pg_class c ON c.oid = i.inhrelid
                 CROSS JOIN LATERAL (SELECT (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)$'))[1] AS upper_) b
                 WHERE p.partrelid = s.source AND p.partstrat = 'r' AND p.partnatts = 1 AND b.upper_ IS NOT NULL
                   AND (SELECT bool_and(tally_internal._time_value(b.upper_, r.time_type,
                       r.zone) <= tally_internal._rows_from(tally_internal._bucket_rule_of(r),
                           until)) FROM tally.rollups r
                        WHERE r.source = s.source AND r.key IS NULL) LOOP
        PERFORM tally_internal._keep_late(s, 'SELECT pg_catalog.to_jsonb(t.*) AS "row", {at} AS at FROM {source} t WHERE {old}', part.name, s.horizon);
        PERFORM tally.run_as(s.owner, s.search_path, format('DROP TABLE %s', part.name));
        n := n + part.rows;
    END LOOP;
    RETURN n;
END $$;
COMMENT ON FUNCTION tally_internal._drop_old_partitions(tally.source_retentions, timestamptz) IS
'Drops the partitions of a source that lie before until as a whole, under the caller''s lock on all of it; how many rows those were thought to have.';

CREATE OR REPLACE FUNCTION tally_internal._time_value(value text, time_type regtype, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz;
BEGIN
    EXECUTE 'SELECT ' || tally_internal._time_as_timestamptz_sql(format('%L::%s', value, time_type), time_type, zone) INTO result;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._time_value(text, regtype, text) IS 'A value of a time column, as text, as the instant that a rollup reads it as.';

-- It waits at most two seconds for a row that somebody has locked, because refreshes of the rollups wait meanwhile.
CREATE OR REPLACE FUNCTION tally_internal._expire_unit(of_source regclass, most_rows bigint, as_of timestamptz, OUT more boolean, OUT progress text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET lock_timeout = '2s' AS $$
DECLARE
    s       tally.source_retentions;
    own     tally.rollups;
    r       tally.rollups;
    above   int[];
    target  timestamptz;
    upto    timestamptz;
    waiting text;
    n       bigint := 0;
    late    bigint := 0;
BEGIN
    more := false;
    SELECT * INTO s FROM tally.source_retentions x WHERE x.source = of_source FOR UPDATE SKIP LOCKED;
    IF s.keep IS NULL OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = of_source) THEN RETURN; END IF;
    SELECT * INTO own FROM tally.rollups x WHERE x.relation = of_source;
    above := ARRAY(SELECT x.id FROM tally.rollups x WHERE x.source = of_source OR x.id = own.id ORDER BY x.id);
    IF own.id IS NULL AND above = '{}' THEN
        waiting := 'a rollup that stands on it';
    ELSIF tally_internal._timeless(of_source) IS NOT NULL THEN
        waiting := format('rollups per key, which are computed over all rows: %s', tally_internal._timeless(of_source));
    ELSE
        target := tally_internal._common_start(above, tally_internal._minus_by_zone(as_of, s.keep, COALESCE(own.zone,
            (SELECT x.zone FROM tally.rollups x WHERE x.id = ANY (above) ORDER BY x.id LIMIT 1))));
        waiting := 'the backfill of ' || tally_internal._unbuilt(array_remove(above, own.id)
                                                                 || COALESCE(array_remove(tally_internal._with_ancestors(own.id), own.id), '{}'), target);
    END IF;
    IF waiting IS NOT NULL OR target IS NULL OR target <= s.horizon THEN
        UPDATE tally.source_retentions x SET waiting_for = waiting WHERE x.source = of_source AND x.waiting_for IS DISTINCT FROM waiting;
        RETURN;
    END IF;
    upto := tally_internal._expiry_batch(s, above, target, most_rows);
    -- The rollups underneath are refreshed first, because their last changes still have to reach those above.
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.id = ANY (tally_internal._with_ancestors(own.id)) ORDER BY x.id LOOP
        PERFORM tally_internal._lock(r.id, true);
        IF r.key IS NULL THEN
            PERFORM tally_internal._refresh_marked(r, NULL);
        ELSE
            WHILE (tally_internal._refresh_keys(r, NULL, NULL)).more LOOP NULL; END LOOP;
        END IF;
    END LOOP;
    PERFORM tally_internal._freeze(above, upto);
    IF s.deletes AND s.drop_partitions AND current_setting('transaction_isolation') = 'read committed' THEN
        n := tally_internal._drop_old_partitions(s, upto);
    END IF;
    IF s.deletes THEN
        IF own.id IS NULL THEN
            late := tally_internal._keep_late(s,
                'WITH _gone AS (DELETE FROM {source} WHERE {old} RETURNING *) SELECT pg_catalog.to_jsonb(_gone.*) AS "row", {at} AS at FROM _gone', s.source,
                s.horizon);
        END IF;
        n := n + tally_internal._old_rows_count(s, 'WITH _gone AS (DELETE FROM {source} WHERE {old} RETURNING 1) SELECT pg_catalog.count(*) AS n FROM _gone',
                                                '-infinity', upto);
    END IF;
    -- These marks come from the deletion itself. Later writes of this transaction mark anew.
    DELETE FROM tally.dirty d WHERE d.rollup_id = ANY (above) AND d.bucket < upto;
    PERFORM tally_internal._capture_forget();
    UPDATE tally.source_retentions x SET horizon = upto, rows_deleted = x.rows_deleted + n, last_run = clock_timestamp(), waiting_for = NULL
        WHERE x.source = of_source;
    more := upto < target;
    progress := format('%s: %s rows deleted before %s%s', of_source, n, upto, CASE WHEN late > 0 THEN format(', %s late ones set aside', late) ELSE '' END);
END $$;
COMMENT ON FUNCTION tally_internal._expire_unit(regclass, bigint, timestamptz) IS
'One batch of retention of a source or rollup, in one snapshot: computes what is marked, freezes history up to the batch''s end, and deletes the rows before '
    'it. progress is null where there was nothing to do.';

CREATE OR REPLACE FUNCTION tally_internal._expire_isolated(of_source regclass, most_rows bigint, as_of timestamptz, who bigint DEFAULT tally_internal._me(),
    OUT more boolean, OUT again boolean, OUT progress text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    state text;
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.expire(regclass, bigint, timestamptz)'::regprocedure);
    again := false;
    BEGIN
        SELECT u.more, u.progress INTO more, progress FROM tally_internal._expire_unit(of_source, most_rows, as_of) u;
    EXCEPTION WHEN serialization_failure OR deadlock_detected THEN
        more := false;
        again := true;
        progress := format('%s: rows changed meanwhile', of_source);
    WHEN OTHERS THEN
        more := false;
        state := SQLSTATE;
        progress := format('%s: %s: %s', of_source, state, SQLERRM);
        UPDATE tally.source_retentions s SET waiting_for = format('%s: %s', state, SQLERRM) WHERE s.source = of_source;
    END;
END $$;
COMMENT ON FUNCTION tally_internal._expire_isolated(regclass, bigint, timestamptz, bigint) IS
'A batch of retention whose failure is kept in waiting_for instead of raised; again: it only has to be tried once more.';

CREATE OR REPLACE FUNCTION tally_internal._lock_to_expire(of_source regclass, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' SET tally.actor = '' AS $$
DECLARE
    s tally.source_retentions;
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.expire(regclass, bigint, timestamptz)'::regprocedure);
    SELECT * INTO s FROM tally.source_retentions x WHERE x.source = of_source;
    PERFORM tally.run_as(s.owner, s.search_path, format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', s.source));
END $$;
COMMENT ON FUNCTION tally_internal._lock_to_expire(regclass, bigint) IS 'The lock under which partitions of a source are dropped; gives up after two seconds.';

CREATE OR REPLACE FUNCTION tally_internal._expirable(only_ regclass, who bigint DEFAULT tally_internal._me(), OUT sources regclass[], OUT dropping boolean[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.expire(regclass, bigint, timestamptz)'::regprocedure);
    SELECT array_agg(s.source ORDER BY s.source::oid), array_agg(s.drop_partitions ORDER BY s.source::oid) INTO sources, dropping
      FROM tally.source_retentions s WHERE s.keep IS NOT NULL AND (only_ IS NULL OR s.source = only_);
END $$;
COMMENT ON FUNCTION tally_internal._expirable(regclass, bigint) IS 'The sources and rollups that have a retention, and whether their partitions are dropped.';

CREATE OR REPLACE PROCEDURE tally.expire(only_ regclass DEFAULT NULL, batch_rows bigint DEFAULT 500000, as_of timestamptz DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    work  record;
    unit  record;
    tries pg_catalog.int4;
BEGIN
    as_of := COALESCE(as_of, pg_catalog.now());
    SELECT * INTO work FROM tally_internal._expirable(only_);
    FOR i IN 1 .. COALESCE(pg_catalog.cardinality(work.sources), 0) LOOP
        tries := 0;
        LOOP
            IF work.dropping[i] THEN
                COMMIT;
                SELECT true AS more, true AS again, NULL::pg_catalog.text AS progress INTO unit;
                BEGIN
                    PERFORM tally_internal._lock_to_expire(work.sources[i]);
                    SELECT * INTO unit FROM tally_internal._expire_isolated(work.sources[i], batch_rows, as_of);
                EXCEPTION WHEN lock_not_available THEN
                    unit.progress := work.sources[i]::pg_catalog.text || ': is in use, so its partitions cannot be dropped now';
                END;
            ELSE
                COMMIT;
                SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
                SELECT * INTO unit FROM tally_internal._expire_isolated(work.sources[i], batch_rows, as_of);
            END IF;
            COMMIT;
            IF unit.progress IS NOT NULL THEN
                RAISE NOTICE '%', unit.progress;
            END IF;
            tries := CASE WHEN unit.again THEN tries + 1 ELSE 0 END;
            EXIT WHEN NOT unit.more AND NOT unit.again OR tries >= 5;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON PROCEDURE tally.expire(regclass, bigint, timestamptz) IS
'Deletes rows that are older than retain_source() and a rollup''s retain allow, of one source or rollup or of all. It works in committed batches of '
'about batch_rows rows, always whole buckets: it computes and freezes, then deletes. tally.source_retentions.waiting_for says why something cannot be '
'deleted now. tally.start() schedules it.';
REVOKE ALL ON FUNCTION tally_internal._expire_unit(regclass, bigint, timestamptz) FROM PUBLIC;
