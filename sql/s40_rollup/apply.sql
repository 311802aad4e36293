-- Owns: bringing stored rows to what the definition gives, writing only rows that differ.
-- Moments and keys travel as parameters of the statement: what one session prints another may read otherwise.

CREATE OR REPLACE FUNCTION tally_internal._rows(like_row anyelement, query text, since timestamptz, until timestamptz, cuts timestamptz[])
    RETURNS SETOF anyelement
LANGUAGE plpgsql AS $$
BEGIN
    -- PostgreSQL never plans INSERT … SELECT in parallel. It does so for a query run by RETURN QUERY.
    RETURN QUERY EXECUTE query USING since, until, cuts;
END $$;
COMMENT ON FUNCTION tally_internal._rows(anyelement, text, timestamptz, timestamptz, timestamptz[]) IS
'Rows of a query of a known row type ($1 to $3 in it are since, until and cuts), planned by itself and so in parallel where that pays. Runs with the '
    'caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._apply_query(r tally.rollups, d jsonb, fresh text, scope text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._render(
        'WITH _fresh AS MATERIALIZED ({fresh}), '
        '_deleted AS (DELETE FROM {table} t WHERE {scope} AND NOT EXISTS (SELECT FROM _fresh f WHERE {same_key}){bucket_stays} RETURNING {deleted}), '
        -- The image comparison is the one of REFRESH MATERIALIZED VIEW CONCURRENTLY: it needs no = of the types, and two values that differ
        -- in their bytes are two.
        '_updated AS (UPDATE {table} t SET ({measures}) = ROW({fresh_measures}) FROM _fresh f WHERE {scope} AND {same_key} AND '
            'ROW({fresh_measures})::record OPERATOR(pg_catalog.*<>) ROW({stored_measures})::record RETURNING 1), '
        '_inserted AS (INSERT INTO {table} ({all_columns}) SELECT {fresh_columns} FROM _fresh f WHERE NOT EXISTS (SELECT FROM {table} t WHERE {scope} AND '
            '{same_key}) RETURNING 1) '
        'SELECT (SELECT pg_catalog.count(*) FROM _inserted) AS inserted, (SELECT pg_catalog.count(*) FROM _updated) AS updated, (SELECT pg_catalog.count(*) '
            'FROM _deleted) AS deleted{emptied_count}',
        d || jsonb_build_object('fresh', fresh, 'scope', scope,
            'same_key', tally_internal._columns_sql(d, 'f.%1$I = t.%1$I', ' AND ', 'key'),
            'measures', tally_internal._columns_sql(d, '%I', ', ', 'measures'),
            'fresh_measures', tally_internal._columns_sql(d, 'f.%I', ', ', 'measures'),
            'stored_measures', tally_internal._columns_sql(d, 't.%I', ', ', 'measures'),
            'all_columns', tally_internal._columns_sql(d, '%I'), 'fresh_columns', tally_internal._columns_sql(d, 'f.%I'),
            -- A rollup that keeps emptied buckets loses a row only where its bucket still has other rows.
            'bucket_stays', CASE WHEN r.emptied = 'keep' THEN ' AND EXISTS (SELECT FROM _fresh f WHERE f.bucket = t.bucket)' ELSE '' END,
            'deleted', CASE WHEN r.key IS NULL THEN 't.bucket' ELSE '1' END,
            'emptied_count', CASE WHEN r.key IS NULL AND r.emptied_at IS NULL
                THEN format(', (SELECT pg_catalog.count(DISTINCT d.bucket) FROM _deleted d WHERE %s <= pg_catalog.now() AND NOT '
                     'EXISTS (SELECT FROM _fresh f WHERE f.bucket = d.bucket)) AS emptied', tally_internal._bucket_end_sql(d ->> 'rule', 'd.bucket'))
                ELSE '' END));
END $$;
COMMENT ON FUNCTION tally_internal._apply_query(tally.rollups, jsonb, text, text) IS
'SQL text of one statement that makes the stored rows t in scope of a rollup (and the same resolved) equal to the rows of fresh, and counts what it wrote.';

CREATE OR REPLACE FUNCTION tally_internal._apply_buckets(r tally.rollups, buckets timestamptz[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    d      jsonb := tally_internal._resolved(r);
    packed jsonb := tally_internal._packed_form(d);
    fresh  text := tally_internal._unpacked_sql(d, CASE WHEN tally_internal._time_index(r.source, r.time_column)
                       THEN tally_internal._bucket_query(packed, '(SELECT pg_catalog.unnest($1))')
                       ELSE tally_internal._range_query(packed, '$2', '$3', (d ->> 'row_bucket') || ' = ANY ($1)') END);
    result jsonb;
BEGIN
    SELECT x INTO result
      FROM tally.run_as(r.owner, r.search_path, tally_internal._apply_query(r, d, fresh, 't.bucket = ANY ($1)'), 0, r.zone,
                        buckets, (SELECT min(b) FROM unnest(buckets) b), tally_internal._bucket_end(d ->> 'rule', (SELECT max(b) FROM unnest(buckets) b))) x;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._apply_buckets(tally.rollups, timestamptz[]) IS
'Recomputes chosen buckets of a rollup in full, as its owner; counts of rows written.';

CREATE OR REPLACE FUNCTION tally_internal._physical_columns(relation regclass) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION tally_internal._physical_columns(regclass) IS 'The columns of a table in its own order, as SQL text.';

CREATE OR REPLACE FUNCTION tally_internal._rows_sql(d jsonb, query text, tail text DEFAULT '') RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- The table has its columns in the order in which they were added. The definition has dimensions first.
    SELECT format('SELECT %s FROM tally_internal._rows(NULL::%s, %L, $1, $2, $3)', tally_internal._columns_sql(d, '%I'), d ->> 'table',
                  format('SELECT %s FROM (%s) _tally %s', tally_internal._physical_columns((d ->> 'table')::regclass), query, tail))
$$;
COMMENT ON FUNCTION tally_internal._rows_sql(jsonb, text, text) IS
'SQL text of a query of a resolved rollup''s definition run through tally_internal._rows(), and so in parallel where that pays; $1 to $3 are its moments.';

CREATE OR REPLACE FUNCTION tally_internal._apply_wide(r tally.rollups, d jsonb, query text, scope text, since timestamptz DEFAULT NULL,
                                           until timestamptz DEFAULT NULL, cuts timestamptz[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    -- Rows come in the order of the primary key, so that its index is filled from left to right, and who reads a range of it finds the rows one beside the
    -- other and not all over the bucket. By "C", which is quick to sort by and near enough to the order of any collation.
    fresh  text := tally_internal._rows_sql(d, query, 'ORDER BY ' || concat_ws(', ', CASE WHEN r.key IS NULL THEN 'bucket' END,
                                   NULLIF(tally_internal._columns_sql(d, '%I COLLATE "C"', ', ', 'dimensions'), '')));
    result jsonb;
    empty  boolean;
    memory text := current_setting('work_mem');
BEGIN
    -- Hashing hundreds of thousands of groups is maintenance, and gets the memory of maintenance.
    IF pg_size_bytes(current_setting('maintenance_work_mem')) > pg_size_bytes(memory) THEN
        PERFORM set_config('work_mem', current_setting('maintenance_work_mem'), true);
    END IF;
    -- What is marked as a whole anyway needs no mark for each key: five experiments on a million units would have five million of them. The mark of
    -- the whole is made once more, since somebody may have taken the one that is there and have read before these rows were.
    PERFORM tally_internal._mark_whole(x.id) FROM tally.rollups x
     WHERE x.key IS NOT NULL AND (x.source = r.relation OR x.id IN (SELECT b.rollup_id FROM tally.beside b WHERE b.beside_id = r.id))
       AND EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = x.id AND g.part IS NULL);
    SELECT NOT (x ->> 'any')::boolean INTO empty
      FROM tally.run_as(r.owner, r.search_path, format('SELECT EXISTS (SELECT FROM %s t WHERE %s) AS any', r.relation, scope), 0, r.zone, since, until) x;
    SELECT x INTO result FROM tally.run_as(r.owner, r.search_path, CASE
        WHEN empty THEN format('WITH _inserted AS (INSERT INTO %s (%s) %s RETURNING 1) SELECT pg_catalog.count(*) AS inserted, 0 AS updated, 0 AS deleted '
            'FROM _inserted', r.relation, tally_internal._columns_sql(d, '%I'), fresh)
        ELSE tally_internal._apply_query(r, d, fresh, scope) END, 0, r.zone, since, until, cuts) x;
    -- The caller's transaction goes on with its own work_mem.
    PERFORM set_config('work_mem', memory, true);
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._apply_wide(tally.rollups, jsonb, text, text, timestamptz, timestamptz, timestamptz[]) IS
'Makes the stored rows t in scope equal to a query of a rollup''s definition, many at once, as the rollup''s owner; where none is stored they are just '
    'inserted. $1 and $2 in both texts are since and until, and $3 in the query cuts. Counts of rows written.';

CREATE OR REPLACE FUNCTION tally_internal._parts(r tally.rollups) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    processes int := LEAST(current_setting('max_parallel_workers_per_gather')::int, 7) + 1;
BEGIN
    -- One for each process, because each process makes room for the groups of all parts. Without an index each part would read the whole source, and few
    -- rows are not worth the planning.
    RETURN CASE WHEN processes > 1 AND r.key IS NULL AND r.lookback IS NULL AND tally_internal._time_index(r.source, r.time_column)
                     AND tally_internal._source_rows(r.source) >= 100000 THEN processes ELSE 1 END;
END $$;
COMMENT ON FUNCTION tally_internal._parts(tally.rollups) IS
'In how many parts a range of buckets of a rollup is computed, so that several processes compute them side by side; 1 where that does not pay.';

CREATE OR REPLACE FUNCTION tally_internal._cuts(r tally.rollups, rule text, since timestamptz, until timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parts int := CASE WHEN isfinite(since) AND isfinite(until) THEN tally_internal._parts(r) ELSE 1 END;
BEGIN
    RETURN since || ARRAY(SELECT DISTINCT c.cut FROM generate_series(1, parts - 1) i
                           CROSS JOIN LATERAL tally_internal._bucket_start(rule,
                               since + tally_internal._time_between(since, until) * (i / parts::float8)) c(cut)
                           WHERE c.cut > since AND c.cut < until ORDER BY c.cut) || until;
END $$;
COMMENT ON FUNCTION tally_internal._cuts(tally.rollups, text, timestamptz, timestamptz) IS
'Where a range of buckets is cut into parts that are computed side by side: since, starts of buckets between, and until.';

CREATE OR REPLACE FUNCTION tally_internal._apply_range(r tally.rollups, since timestamptz, until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d     jsonb := tally_internal._resolved(r);
    cuts  timestamptz[] := tally_internal._cuts(r, d ->> 'rule', since, until);
    parts int := cardinality(cuts) - 1;
    query text;
BEGIN
    -- A bucket is in one part, so each part is a grouping of its own. PostgreSQL runs them side by side (Parallel Append), and no process has to hand over
    -- the states of its groups to be merged with those of another.
    -- What is not computed in parts is grouped by the expressions of which statistics are made for it (statistics.sql).
    SELECT string_agg(CASE WHEN parts = 1 THEN tally_internal._range_query(d, x.first, x.past)
                           ELSE tally_internal._unpacked_sql(d, tally_internal._range_query(tally_internal._packed_form(d), x.first, x.past)) END,
                      ' UNION ALL ' ORDER BY i) INTO query
      FROM generate_series(1, parts) i CROSS JOIN LATERAL (SELECT format('$3[%s]', i), format('$3[%s]', i + 1)) x(first, past);
    RETURN tally_internal._apply_wide(r, d, query, 't.bucket >= $1 AND t.bucket < $2', since, until, cuts);
END $$;
COMMENT ON FUNCTION tally_internal._apply_range(tally.rollups, timestamptz, timestamptz) IS
'Recomputes all buckets of [since, until) of a rollup, as its owner; counts of rows written.';
