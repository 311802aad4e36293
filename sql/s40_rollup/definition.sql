-- Owns: a rollup's definition as SQL text. Refresh, live view and verification all compute a partition by these texts,
-- so "equal to its definition" means one thing.

CREATE OR REPLACE FUNCTION tally_internal._columns_sql(rollup_id int, template text, separator text DEFAULT ', ', which text DEFAULT 'all') RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(format(template, c.name), separator ORDER BY c.place, c.ordinal), '')
      FROM (SELECT 1 AS place, 0 AS ordinal, 'bucket' AS name WHERE which IN ('all', 'key')
            AND NOT EXISTS (SELECT FROM tally.rollups r WHERE r.id = $1 AND r.key IS NOT NULL)
            UNION ALL SELECT 2, d.ordinal, d.name FROM tally.dimensions d WHERE d.rollup_id = $1 AND which IN ('all', 'key', 'dimensions')
            UNION ALL SELECT 3, m.ordinal, m.name FROM tally.measures m WHERE m.rollup_id = $1 AND which IN ('all', 'measures')) c
$$;
COMMENT ON FUNCTION tally_internal._columns_sql(int, text, text, text) IS
'The rollup''s columns through a format template, joined: which is all, key (bucket, if it has one, and dimensions), dimensions or measures.';

CREATE OR REPLACE FUNCTION tally_internal._dimension_sql(expression text, never_null boolean) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A primary key holds no NULL, so "no value" has a name of its own.
    SELECT CASE WHEN never_null THEN expression ELSE format('COALESCE(%s, ''(none)'')', expression) END
$$;
COMMENT ON FUNCTION tally_internal._dimension_sql(text, boolean) IS 'SQL text of a dimension (a text expression) with NULL named ''(none)''.';

CREATE OR REPLACE FUNCTION tally_internal._base_type(type regtype) RETURNS regtype
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE t.typtype WHEN 'd' THEN tally_internal._base_type(t.typbasetype::regtype) ELSE type END FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._base_type(regtype) IS 'The type that a domain stands on, at whatever depth; any other type itself.';

CREATE OR REPLACE FUNCTION tally_internal._citext() RETURNS regtype
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.objid::regtype FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_type t ON t.oid = d.objid
     WHERE d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'citext' AND t.typname = 'citext'
$$;
COMMENT ON FUNCTION tally_internal._citext() IS 'The type citext of the extension of that name, wherever it lies; null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._equals_look_different(type regtype) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base regtype := tally_internal._base_type(type);
    t    pg_type;
BEGIN
    SELECT * INTO t FROM pg_type x WHERE x.oid = base;
    RETURN CASE
        WHEN base IN ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype, 'jsonb'::regtype, 'interval'::regtype)
            OR base = tally_internal._citext() THEN true
        WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN tally_internal._equals_look_different(t.typelem::regtype)
        WHEN t.typtype = 'r' THEN (SELECT tally_internal._equals_look_different(g.rngsubtype::regtype) FROM pg_range g WHERE g.rngtypid = base)
        WHEN t.typtype = 'm' THEN (SELECT tally_internal._equals_look_different(g.rngsubtype::regtype) FROM pg_range g WHERE g.rngmultitypid = base)
        WHEN t.typtype = 'c' THEN EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
                                           WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                                             AND (tally_internal._equals_look_different(a.atttypid::regtype) OR NOT c.collisdeterministic))
        ELSE false END;
END $$;
COMMENT ON FUNCTION tally_internal._equals_look_different(regtype) IS
'Whether equal values of a type may be written differently, as numeric 1.0 and 1.00 are; also where one lies within an array, a range or a row.';

CREATE OR REPLACE FUNCTION tally_internal._fixed_text_sql(expression text, type regtype) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- JSON writes times as ISO 8601 under every DateStyle; instants are written in UTC, so that an hour that comes twice is two.
    -- Equal values have one text: numeric 1.0 and 1.00, -0 and 0, citext in any case, jsonb with numbers of any scale.
    SELECT CASE tally_internal._base_type(type)
        WHEN 'numeric'::regtype THEN format('(pg_catalog.trim_scale(%s)::text)', expression)
        WHEN 'float8'::regtype THEN format('tally_internal._float_text(%s)', expression)
        WHEN 'float4'::regtype THEN format('tally_internal._float_text(%s)', expression)
        WHEN 'jsonb'::regtype THEN format('tally_internal._jsonb_text(%s)', expression)
        WHEN tally_internal._citext() THEN format('pg_catalog.lower((%s)::text COLLATE pg_catalog."default")', expression)
        WHEN 'text'::regtype THEN CASE type WHEN 'text'::regtype THEN expression ELSE format('(%s)::text', expression) END
        WHEN 'date'::regtype THEN format('(pg_catalog.to_json(%s) OPERATOR(pg_catalog.#>>) ''{}'')', expression)
        WHEN 'timestamp'::regtype THEN
            format('pg_catalog.replace(pg_catalog.to_json(%s) OPERATOR(pg_catalog.#>>) ''{}'', ''T'', '' '')', expression)
        WHEN 'timestamptz'::regtype THEN
            format('(pg_catalog.replace(pg_catalog.to_json((%1$s) AT TIME ZONE ''UTC'') OPERATOR(pg_catalog.#>>) ''{}'', ''T'', '' '') '
                   'OPERATOR(pg_catalog.||) CASE WHEN pg_catalog.isfinite(%1$s) THEN ''+00'' ELSE '''' END)', expression)
        WHEN 'bytea'::regtype THEN format('(pg_catalog.chr(92) OPERATOR(pg_catalog.||) ''x'' OPERATOR(pg_catalog.||) pg_catalog.encode(%s, ''hex''))',
                                          expression)
        END
$$;
COMMENT ON FUNCTION tally_internal._fixed_text_sql(text, regtype) IS
'SQL text that writes an expression of a type as text, as no setting of a session changes it; null for types that have no such form but a cast.';

CREATE OR REPLACE FUNCTION tally_internal._aggregates_sql(rollup_id int, sized boolean DEFAULT false, OUT keys text, OUT columns text, OUT ordinals text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (SELECT string_agg(format('%s AS %I', d.expression, d.name), ', ' ORDER BY d.ordinal) FROM tally.dimensions d WHERE d.rollup_id = $1),
           (SELECT string_agg(format('%s AS %I', m.expression, m.name), ', ' ORDER BY m.ordinal) FROM tally.measures m WHERE m.rollup_id = $1)
               || CASE WHEN sized THEN tally_internal._sizes_sql($1) ELSE '' END,
           (SELECT string_agg(d.ordinal::text, ', ' ORDER BY d.ordinal) FROM tally.dimensions d WHERE d.rollup_id = $1)
$$;
COMMENT ON FUNCTION tally_internal._aggregates_sql(int, boolean) IS
'The select list of a definition: dimensions, measures (with what _sizes_sql() adds, where it is to be compared), and the ordinals of the dimensions.';

CREATE OR REPLACE FUNCTION tally_internal._expand_sql(r tally.rollups, live boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(' CROSS JOIN LATERAL ' || tally_internal._expand_item(r, live), '')
$$;
COMMENT ON FUNCTION tally_internal._expand_sql(tally.rollups, boolean) IS
'What follows the source in a definition''s FROM: the join that makes several rows of each, where there is one; live: as the live view reads.';

CREATE OR REPLACE FUNCTION tally_internal._range_query(rollup_id int, source text, since text, until text, extra text DEFAULT 'true',
                                                       sized boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A range from the beginning of time begins at -infinity, where rows are in no bucket.
    SELECT format('SELECT %s AS bucket%s, %s FROM %s%s WHERE %s AND %s >= %s AND (%s) AND %s GROUP BY 1%s',
        tally_internal._row_bucket_sql(r), ', ' || a.keys, a.columns, $2, tally_internal._expand_sql(r) || tally_internal._lookback_sql(r),
        tally_internal._range_sql(r.time_column, r.time_type, r.zone, rule, tally_internal._window_start_sql(r, since), until)
            || CASE WHEN r.lookback IS NULL THEN '' ELSE format(' AND _tally_window.start >= %s AND _tally_window.start < %s', since, until) END,
        tally_internal._time_as_timestamptz_sql(quote_ident(r.time_column), r.time_type, r.zone), tally_internal._first_row_sql(rule), COALESCE(r.filter,
            'true'), extra,
        (SELECT string_agg(', ' || d.ordinal + 1, '' ORDER BY d.ordinal) FROM tally.dimensions d WHERE d.rollup_id = r.id))
    FROM tally.rollups r,
         tally_internal._bucket_rule_of(r) rule,
         tally_internal._aggregates_sql(r.id, sized) a
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._range_query(int, text, text, text, text, boolean) IS
'The definition over all buckets of a range, as one scan and one grouping: for history and for wide changes. since, until and extra are SQL texts; sized: '
    'with what _differs_sql() asks for.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_query(rollup_id int, source text, buckets text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT _tally.start AS bucket, _tally_rows.* FROM %s AS _tally(start) CROSS JOIN LATERAL (SELECT %s%s FROM %s%s WHERE %s AND (%s) %s) '
        '_tally_rows',
        buckets, a.keys || ', ', a.columns, $2, tally_internal._expand_sql(r),
        tally_internal._range_sql(r.time_column, r.time_type, r.zone, rule, tally_internal._window_start_sql(r, '_tally.start'),
                                  tally_internal._bucket_end_sql(rule, '_tally.start')),
        COALESCE(r.filter, 'true'),
        -- Without dimensions an empty bucket would still give one row; the definition gives none.
        COALESCE('GROUP BY ' || a.ordinals, 'HAVING pg_catalog.count(*) > 0'))
    FROM tally.rollups r,
         tally_internal._bucket_rule_of(r) rule,
         tally_internal._aggregates_sql(r.id) a
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._bucket_query(int, text, text) IS
'The definition over chosen buckets, one index range each: for refreshes and the live view. buckets is SQL text of a relation of one column.';

CREATE OR REPLACE FUNCTION tally_internal._by_bucket_of(r tally.rollups) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.key IS NULL AND r.time_column = 'bucket' AND EXISTS (SELECT FROM tally.rollups p WHERE p.id = r.source_rollup AND p.key IS NULL)
$$;
COMMENT ON FUNCTION tally_internal._by_bucket_of(tally.rollups) IS
'Whether a rollup''s buckets are made of buckets of the rollup it stands on, so that one tells the other.';

CREATE OR REPLACE FUNCTION tally_internal._frozen_sql(rollup_id int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Looked up when the query runs: the horizon moves on, and the live view's text stays.
    SELECT format('(SELECT x.frozen_before FROM tally.rollups x WHERE x.id = %s)', rollup_id)
$$;
COMMENT ON FUNCTION tally_internal._frozen_sql(int) IS 'SQL text of a rollup''s horizon, before which its buckets stand as they are stored.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_query(rollup_id int) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    rule   text;
    instant text;
    result text;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    IF r.key IS NOT NULL THEN RETURN tally_internal._dirty_keys_query(r); END IF;
    rule := tally_internal._bucket_rule_of(r);
    -- A mark names any instant of its bucket.
    result := format('SELECT %s FROM tally.dirty d WHERE d.rollup_id = %s AND d.bucket >= %s', tally_internal._bucket_start_sql(rule, 'd.bucket'), rollup_id,
                     tally_internal._frozen_sql(rollup_id));
    IF tally_internal._by_bucket_of(r) THEN
        result := format('%s UNION SELECT %s FROM (%s) up(bucket) WHERE up.bucket >= %s', result, tally_internal._bucket_start_sql(rule, 'up.bucket'),
                         tally_internal._dirty_query(r.source_rollup), tally_internal._frozen_sql(rollup_id));
    ELSIF r.source_rollup IS NOT NULL THEN
        instant := tally_internal._time_as_timestamptz_sql(format('up.%I', r.time_column), r.time_type, r.zone);
        result := format('%1$s UNION SELECT %2$s FROM (%3$s) up WHERE pg_catalog.isfinite(%4$s) AND %4$s >= %5$s', result,
            tally_internal._bucket_start_sql(rule, instant), tally_internal._changed_rows_query(r.source_rollup), instant,
                tally_internal._frozen_sql(rollup_id));
    END IF;
    IF r.lookback IS NOT NULL THEN
        result := format('SELECT reached.start FROM (%s) d(bucket) CROSS JOIN LATERAL %s reached(start)', result, tally_internal._affected_buckets_sql(r,
            'd.bucket'));
    END IF;
    -- What cannot be computed is shown as it was stored last; what can, but not be stored, is computed as if it were marked.
    RETURN format('SELECT q.bucket FROM (%1$s UNION SELECT x.bucket FROM tally.broken_buckets x WHERE x.rollup_id = %2$s AND x.computable) q(bucket) '
                  'WHERE NOT EXISTS (SELECT FROM tally.broken_buckets x WHERE x.rollup_id = %2$s AND x.bucket = q.bucket AND NOT x.computable)', result,
                      rollup_id);
END $$;
COMMENT ON FUNCTION tally_internal._dirty_query(int) IS
'SQL text of the buckets (or keys) of a rollup that are dirty by its own marks or by those of the rollups it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_ranges_query(rollup_id int) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text := format('SELECT GREATEST(g.since, %2$s), g.until FROM tally.dirty_ranges g WHERE g.rollup_id = %1$s AND g.until > %2$s', rollup_id,
                          tally_internal._frozen_sql(rollup_id));
    r      tally.rollups;
    rule   text;
    beside text;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    IF tally_internal._by_bucket_of(r) THEN
        rule := tally_internal._bucket_rule_of(r);
        result := format('%1$s UNION ALL SELECT GREATEST(%2$s, %5$s), %3$s FROM (%4$s) up(since, until) WHERE up.since < up.until AND up.until > %5$s', result,
            tally_internal._bucket_start_sql(rule, 'up.since'),
            tally_internal._bucket_end_sql(rule, tally_internal._bucket_start_sql(rule, 'up.until')),
            tally_internal._dirty_ranges_query(r.source_rollup), tally_internal._frozen_sql(rollup_id));
    ELSIF r.source_rollup IS NOT NULL THEN
        -- Any row below may be of any partition here.
        result := format('%s UNION ALL SELECT %s, ''infinity''::timestamptz FROM (%s) up', result, tally_internal._frozen_sql(rollup_id),
                         tally_internal._dirty_ranges_query(r.source_rollup));
    END IF;
    SELECT format('%s UNION ALL SELECT ''-infinity''::timestamptz, ''infinity''::timestamptz FROM (%s) beside', result,
                  tally_internal._dirty_ranges_query(b.beside_id)) INTO beside FROM tally.beside b WHERE b.rollup_id = r.id;
    result := COALESCE(beside, result);
    IF r.lookback IS NOT NULL THEN
        rule := tally_internal._bucket_rule_of(r);
        -- Rows of the range reach beyond it.
        result := format('SELECT h.since, %s FROM (%s) h(since, until)',
            tally_internal._shift_sql(rule, tally_internal._bucket_start_sql(rule, 'h.until'), tally_internal._lookback_buckets(rule, r.lookback)::text),
                result);
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._dirty_ranges_query(int) IS
'SQL text of the ranges (since, until) of a rollup that are dirty as a whole, its own and those of the rollups it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._kept_query(r tally.rollups, source text, hull text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN r.emptied = 'keep' THEN format(
        ' UNION ALL SELECT %1$s FROM %2$s t WHERE %3$s AND t.bucket IN (SELECT _tally_kept.bucket FROM (SELECT DISTINCT k.bucket FROM %2$s k '
        'WHERE k.bucket IN (%4$s) OR EXISTS (SELECT FROM %5$s WHERE k.bucket >= _tally_hull.since AND k.bucket < _tally_hull.until)) _tally_kept '
        'WHERE NOT EXISTS (SELECT FROM %6$s%7$s WHERE %8$s AND (%9$s)))',
        tally_internal._columns_sql(r.id, 't.%I'), r.relation, tally_internal._gate_sql(r), tally_internal._dirty_query(r.id), hull, source,
            tally_internal._expand_sql(r),
        tally_internal._range_sql(r.time_column, r.time_type, r.zone, rule, tally_internal._window_start_sql(r, '_tally_kept.bucket'),
                         tally_internal._bucket_end_sql(rule, '_tally_kept.bucket')),
        COALESCE(r.filter, 'true')) ELSE '' END
      FROM tally_internal._bucket_rule_of(r) rule
$$;
COMMENT ON FUNCTION tally_internal._kept_query(tally.rollups, text, text) IS
'SQL text of the part of a live view with stored rows of dirty buckets that have no source row left, where the rollup keeps those; else nothing.';

CREATE OR REPLACE FUNCTION tally_internal._live_query(rollup_id int) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    rule   text;
    source text;
    slots  jsonb;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    IF r.key IS NOT NULL THEN RETURN tally_internal._live_keys_query(r); END IF;
    rule := tally_internal._bucket_rule_of(r);
    source := tally_internal._definition_source(r);
    slots := jsonb_build_object('columns', tally_internal._columns_sql(rollup_id, 't.%I'), 'table', r.relation, 'gate', tally_internal._gate_sql(r), 'dirty',
                                tally_internal._dirty_query(rollup_id),
        'hull', format('(SELECT pg_catalog.min(h.since), pg_catalog.max(h.until) FROM (%s) h(since, until) HAVING pg_catalog.count(*) > 0) '
            '_tally_hull(since, until)', tally_internal._dirty_ranges_query(rollup_id)));
    slots := slots || jsonb_build_object('due', tally_internal._render(
        'SELECT DISTINCT d.bucket FROM ({dirty}) d(bucket) WHERE {gate} AND NOT EXISTS (SELECT FROM {hull} WHERE d.bucket >= _tally_hull.since AND d.bucket '
            '< _tally_hull.until)', slots));
    slots := slots || jsonb_build_object(
        'wide', tally_internal._range_query(rollup_id, source, '_tally_hull.since', '_tally_hull.until'),
        'kept', tally_internal._kept_query(r, source, slots ->> 'hull'),
        'fresh', CASE WHEN tally_internal._time_index(r.source, r.time_column) THEN tally_internal._bucket_query(rollup_id, source,
                format('(%s)', slots ->> 'due'))
            -- Without an index on the time each bucket would be a scan of all: one scan for all of them.
            ELSE tally_internal._render('SELECT _tally_due.* FROM (SELECT pg_catalog.min(d.bucket), {end} FROM ({due}) d(bucket) HAVING pg_catalog.count(*) '
                '> 0) '
                '_tally_ends(since, until) '
                'CROSS JOIN LATERAL ({definition}) _tally_due', slots || jsonb_build_object('end',
                        tally_internal._bucket_end_sql(rule, 'pg_catalog.max(d.bucket)'),
                'definition', tally_internal._range_query(rollup_id, source, '_tally_ends.since', '_tally_ends.until',
                                                 format('%s IN (%s)', tally_internal._row_bucket_sql(r), slots ->> 'due')))) END);
    RETURN tally_internal._render(
        -- Stored rows of clean buckets …
        'SELECT {columns} FROM {table} t WHERE {gate} AND NOT EXISTS (SELECT FROM ({dirty}) d(bucket) WHERE d.bucket = t.bucket) '
        'AND NOT EXISTS (SELECT FROM {hull} WHERE t.bucket >= _tally_hull.since AND t.bucket < _tally_hull.until) '
        -- … the definition for each dirty bucket …
        'UNION ALL {fresh} '
        -- … and for the range that has not been computed as a whole.
        'UNION ALL SELECT _tally_wide.* FROM {hull} CROSS JOIN LATERAL ({wide}) _tally_wide WHERE {gate}{kept}', slots);
END $$;
COMMENT ON FUNCTION tally_internal._live_query(int) IS 'SQL text of the live view: exact at every moment, in one snapshot, whatever has been refreshed.';
