-- Owns: late rows, for a time whose raw data is gone. They are set aside instead of rewriting history, and added to it when their owner
-- says so.

CREATE OR REPLACE FUNCTION tally_internal._at_sql(source regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Rollups may read a time without a zone in different zones. The record uses that of the first rollup.
    SELECT tally_internal._time_as_timestamptz_sql(quote_ident(r.time_column), r.time_type, r.zone) FROM tally.rollups r WHERE r.source = $1 AND r.key IS NULL
        ORDER BY r.id LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._at_sql(regclass) IS 'SQL text of the instant of a source''s row.';

CREATE OR REPLACE FUNCTION tally_internal._old_rows_sql(source regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(DISTINCT format('(%s)', tally_internal._range_sql(r.time_column, r.time_type, r.zone, tally_internal._bucket_rule_of(r),
                                                                                 '$1', '$2')), ' AND ')
                        || format(' AND %I > ''-infinity''', min(r.time_column)), 'bucket >= $1 AND bucket < $2')
      FROM tally.rollups r WHERE r.source = $1 AND r.key IS NULL
$$;
COMMENT ON FUNCTION tally_internal._old_rows_sql(regclass) IS
'SQL text of the condition for rows of a source whose time is in [$1, $2), parameters of the statement, for all rollups on it, in a form that an index '
    'serves.';

CREATE OR REPLACE FUNCTION tally_internal._old_rows_count(s tally.source_retentions, template text, since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT (x ->> 'n')::bigint FROM tally.run_as(s.owner, s.search_path, tally_internal._render(template, jsonb_build_object(
        'source', s.source, 'old', tally_internal._old_rows_sql(s.source))), 0, 'UTC', since, until) x
$$;
COMMENT ON FUNCTION tally_internal._old_rows_count(tally.source_retentions, text, timestamptz, timestamptz) IS
'Runs a statement as the owner of a source''s retention, and returns the number n that it gives. In the statement {source} stands for the source, and {old} '
    'for the condition on rows whose time is in [since, until).';

CREATE OR REPLACE FUNCTION tally_internal._keep_late(s tally.source_retentions, template text, relation regclass, until timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    INSERT INTO tally.late_rows (source, owner, at, "row")
        SELECT s.source, s.owner, (x ->> 'at')::timestamptz, x -> 'row'
          FROM tally.run_as(s.owner, s.search_path, tally_internal._render(template, jsonb_build_object('source', relation,
                   'old', tally_internal._old_rows_sql(s.source), 'at', tally_internal._at_sql(s.source))), 0, 'UTC', '-infinity'::timestamptz, until) x
         WHERE x ->> 'at' IS NOT NULL;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
COMMENT ON FUNCTION tally_internal._keep_late(tally.source_retentions, text, regclass, timestamptz) IS
'Runs a statement as the owner of a source''s retention, and keeps the rows (row, at) that it gives as late rows. In the statement {source} stands for the '
    'relation, {old} for the condition on rows before until, and {at} for the instant of a row.';

CREATE OR REPLACE FUNCTION tally_internal._set_aside(of_source regclass) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    s tally.source_retentions;
    n bigint;
BEGIN
    SELECT * INTO s FROM tally.source_retentions x WHERE x.source = of_source AND isfinite(x.horizon);
    IF NOT FOUND THEN RETURN 0; END IF;
    -- One statement moves them, so a row is either here or there. A row that a writer has locked is left for the next time.
    n := tally_internal._keep_late(s,
        'WITH _gone AS (DELETE FROM {source} t USING (SELECT tableoid, ctid FROM {source} WHERE {old} FOR UPDATE SKIP LOCKED) o WHERE t.ctid = o.ctid '
            'AND t.tableoid = o.tableoid RETURNING t.*) SELECT pg_catalog.to_jsonb(_gone.*) AS "row", {at} AS at FROM _gone', s.source, s.horizon);
    -- The marks of that deletion are of frozen buckets.
    DELETE FROM tally.dirty d USING tally.rollups r WHERE r.source = of_source AND d.rollup_id = r.id AND d.bucket < s.horizon;
    RETURN n;
END $$;
COMMENT ON FUNCTION tally_internal._set_aside(regclass) IS 'Moves rows of a source before its horizon to tally.late_rows, and returns how many.';
REVOKE ALL ON FUNCTION tally_internal._set_aside(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._merge_late(r tally.rollups, rows jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    -- The rows are the parameter $3.
    d       jsonb := tally_internal._resolved(r) || jsonb_build_object('source', format(
                         '(SELECT * FROM pg_catalog.jsonb_populate_recordset(NULL::%s, $3)) AS %I', r.source,
                         (SELECT c.relname FROM pg_class c WHERE c.oid = r.source)));
    horizon timestamptz := COALESCE((SELECT s.horizon FROM tally.source_retentions s WHERE s.source = r.relation), '-infinity');
    child   tally.rollups;
    gone    jsonb;
    n       bigint;
BEGIN
    PERFORM tally_internal._lock(r.id, true);
    SELECT (x ->> 'n')::bigint INTO n FROM tally.run_as(r.owner, r.search_path, tally_internal._render(
        'WITH _merged AS (INSERT INTO {table} AS t ({all_columns}) SELECT {all_columns} FROM ({late}) _late ON CONFLICT ({partition}) DO UPDATE SET {merges} '
            'RETURNING 1) SELECT pg_catalog.count(*) AS n FROM _merged',
        d || jsonb_build_object('all_columns', tally_internal._columns_sql(d, '%I'), 'late', tally_internal._range_query(d, '$1', '$2'),
            'partition', tally_internal._columns_sql(d, '%I', ', ', 'key'),
            'merges', (SELECT string_agg(format('%1$I = (SELECT %2$s FROM (VALUES (t.%1$I), (EXCLUDED.%1$I)) _two(%1$I))', m.name, format(m.merge, m.name)),
                                         ', ') FROM tally.measures m WHERE m.rollup_id = r.id))), 0, r.zone, horizon, r.frozen_before, rows) x;
    -- Rows of buckets that this rollup no longer keeps go straight to the rollups on it, as text, which every type can read back.
    SELECT jsonb_agg(x) INTO gone FROM tally.run_as(r.owner, r.search_path,
        format('SELECT %s FROM (%s) _late', tally_internal._columns_sql(d, '%1$I::pg_catalog.text AS %1$I'), tally_internal._range_query(d, '$1', '$2')),
        0, r.zone, '-infinity'::timestamptz, horizon, rows) x;
    IF gone IS NOT NULL THEN
        FOR child IN SELECT c.* FROM tally.rollups c WHERE c.source_rollup = r.id ORDER BY c.id LOOP
            n := n + tally_internal._merge_late(child, gone);
        END LOOP;
    END IF;
    RETURN n;
END $$;
COMMENT ON FUNCTION tally_internal._merge_late(tally.rollups, jsonb) IS
'Adds rows of a rollup''s source to its frozen buckets by the merge rules of its measures, as its owner. If the rollup no longer keeps the bucket, the row is '
'added to the rollups on it. Returns how many rows of rollups changed.';

CREATE OR REPLACE FUNCTION tally_internal._apply_late(of_source regclass, ids bigint[], who bigint DEFAULT tally_internal._me()) RETURNS TABLE (rollup text,
        late_rows bigint,
        rows_merged bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    s    tally.source_retentions;
    r    tally.rollups;
    list jsonb;
    n    bigint;
BEGIN
    PERFORM tally_internal._check_horizon(of_source, caller);
    SELECT * INTO s FROM tally.source_retentions x WHERE x.source = of_source FOR UPDATE;
    IF NOT FOUND OR NOT tally_internal._has_rights(caller, s.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('late rows of %s can only be applied by the owner of its retention, got %s', of_source, caller), NULL,
            'SELECT source, owner FROM tally.source_retentions;');
    END IF;
    WITH taken AS (UPDATE tally.late_rows l SET applied_at = now(), applied_by = caller
                    WHERE l.source = of_source AND l.applied_at IS NULL AND l.at < s.horizon AND (ids IS NULL OR l.id = ANY (ids)) RETURNING l."row")
    SELECT jsonb_agg(t."row"), count(*) INTO list, n FROM taken t;
    IF n = 0 THEN RETURN; END IF;
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.source = of_source ORDER BY x.id LOOP
        rollup := r.name;
        late_rows := n;
        rows_merged := tally_internal._merge_late(r, list);
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._apply_late(regclass, bigint[], bigint) IS
'Takes late rows of a source and merges them into all rollups on it, in one transaction.';

CREATE OR REPLACE FUNCTION tally.apply_late(source regclass, ids bigint[] DEFAULT NULL) RETURNS TABLE (rollup text, late_rows bigint, rows_merged bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally_internal._check_horizon(source);
    RETURN QUERY SELECT * FROM tally_internal._apply_late(source, ids);
END $$;
COMMENT ON FUNCTION tally.apply_late(regclass, bigint[]) IS
'Adds late rows of a source to the frozen history of every rollup on it: all rows that wait in tally.late_rows, or those in ids. Counts and sums add up, '
'sketches merge. Each row is added once. For the owner of the source.';

CREATE OR REPLACE FUNCTION tally.set_aside_late(source regclass) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally_internal._check_horizon(source);
    RETURN tally_internal._set_aside_for(source);
END $$;
COMMENT ON FUNCTION tally.set_aside_late(regclass) IS
'Moves the rows that a source has before its horizon to tally.late_rows, and says how many those are. Call it after your own job has deleted raw rows; '
'with retain_source() each refresh does it. For the owner of the source.';

CREATE OR REPLACE FUNCTION tally_internal._set_aside_for(source regclass, who bigint DEFAULT tally_internal._me()) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    PERFORM tally_internal._check_horizon(source, tally_internal._caller(who));
    RETURN tally_internal._set_aside(source);
END $$;
COMMENT ON FUNCTION tally_internal._set_aside_for(regclass, bigint) IS 'tally_internal._set_aside() for the owner of the source.';
