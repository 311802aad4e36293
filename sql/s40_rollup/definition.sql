-- Owns: a rollup's definition as SQL text. Refresh, live view and verification all compute with these texts, so "equal to its definition"
-- means one thing.

CREATE OR REPLACE FUNCTION tally_internal._dimension_sql(expression text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A primary key holds no NULL, so "no value" has a name of its own. A column's NOT NULL says nothing here: it can be dropped at any time,
    -- also on an inheriting table alone, and nobody enforces it on foreign tables.
    RETURN format('COALESCE(%s, ''(none)'')', expression);
END $$;
COMMENT ON FUNCTION tally_internal._dimension_sql(text) IS 'SQL text of a dimension (a text expression) with NULL named ''(none)''.';

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

CREATE OR REPLACE FUNCTION tally_internal._equals_look_different(type regtype, inner_ boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base regtype := tally_internal._base_type(type);
    t    pg_type;
BEGIN
    SELECT * INTO t FROM pg_type x WHERE x.oid = base;
    RETURN CASE
        WHEN base IN ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype, 'jsonb'::regtype, 'interval'::regtype)
            OR base = tally_internal._citext() THEN true
        -- Within others a char keeps the spaces that its own cast to text leaves out.
        WHEN inner_ AND base = 'bpchar'::regtype THEN true
        WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN tally_internal._equals_look_different(t.typelem::regtype, true)
        WHEN t.typtype IN ('r', 'm') THEN (SELECT tally_internal._equals_look_different(g.rngsubtype::regtype, true)
                                                  OR COALESCE(NOT c.collisdeterministic, false)
                                             FROM pg_range g LEFT JOIN pg_collation c ON c.oid = g.rngcollation WHERE base IN (g.rngtypid, g.rngmultitypid))
        WHEN t.typtype = 'c' THEN EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
                                           WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                                             AND (tally_internal._equals_look_different(a.atttypid::regtype, true) OR NOT c.collisdeterministic))
        ELSE false END;
END $$;
COMMENT ON FUNCTION tally_internal._equals_look_different(regtype, boolean) IS
'Whether equal values of a type may be written differently, as numeric 1.0 and 1.00 are; also where one lies within an array, a range or a row. inner_: the '
    'type is asked for as it stands within another.';

CREATE OR REPLACE FUNCTION tally_internal._fixed_text_sql(expression text, type regtype) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- JSON writes times as ISO 8601 under every DateStyle. Instants are written in UTC, so that an hour that comes twice has two texts.
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
'SQL text that writes an expression of a type as text in a form that no setting changes; null for types that only have their cast.';

CREATE OR REPLACE FUNCTION tally_internal._definition_range_sql(d jsonb, since text, until text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._range_sql(d ->> 'time_column', (d ->> 'time_type')::regtype, d ->> 'zone', d ->> 'rule', tally_internal._window_start_sql(d, since),
                                     until);
END $$;
COMMENT ON FUNCTION tally_internal._definition_range_sql(jsonb, text, text) IS
'SQL text of the condition that a source row counts in buckets that begin in [since, until) (SQL texts) of a resolved rollup.';

CREATE OR REPLACE FUNCTION tally_internal._range_query(d jsonb, since text, until text, extra text DEFAULT 'true') RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A range from the beginning of time begins at -infinity, where rows are in no bucket.
    RETURN tally_internal._render(
        'SELECT {row_bucket} AS bucket, {definition_dimensions}{definition_measures} FROM {source}{expand}{window} '
        'WHERE {range}{in_window} AND {time} >= {first_row} AND ({filter}) AND {extra} GROUP BY 1{range_groups}',
        d || jsonb_build_object('range', tally_internal._definition_range_sql(d, since, until), 'extra', extra,
            'in_window', CASE WHEN d ->> 'lookback' IS NULL THEN '' ELSE format(' AND _tally_window.start >= %s AND _tally_window.start < %s', since, until)
                END));
END $$;
COMMENT ON FUNCTION tally_internal._range_query(jsonb, text, text, text) IS
'The definition of a resolved rollup over all buckets of a range, as one scan and one grouping: for history and for wide changes. since, until and extra '
    'are SQL texts.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_query(d jsonb, buckets text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._render(
        'SELECT _tally.start AS bucket, _tally_rows.* FROM {buckets} AS _tally(start) CROSS JOIN LATERAL ('
        'SELECT {definition_dimensions}{definition_measures} FROM {source}{expand} WHERE {range} AND ({filter}) {bucket_groups}) _tally_rows',
        d || jsonb_build_object('buckets', buckets,
            'range', tally_internal._definition_range_sql(d, '_tally.start', tally_internal._bucket_end_sql(d ->> 'rule', '_tally.start'))));
END $$;
COMMENT ON FUNCTION tally_internal._bucket_query(jsonb, text) IS
'The definition of a resolved rollup over chosen buckets, one index range each: for refreshes and the live view. buckets is SQL text of a relation of one '
    'column.';

CREATE OR REPLACE FUNCTION tally_internal._frozen_sql(rollup_id int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Looked up when the query runs: the horizon moves on, and the live view's text stays.
    RETURN format('(SELECT x.frozen_before FROM tally.rollups x WHERE x.id = %s)', rollup_id);
END $$;
COMMENT ON FUNCTION tally_internal._frozen_sql(int) IS 'SQL text of a rollup''s horizon, before which its buckets stand as they are stored.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_among(d jsonb, below text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    instant text;
    result  text;
BEGIN
    -- A mark names any instant of its bucket.
    result := tally_internal._render('SELECT {marked} FROM tally.dirty d WHERE d.rollup_id = {id} AND d.bucket >= {frozen}',
                                     d || jsonb_build_object('marked', tally_internal._bucket_start_sql(d ->> 'rule', 'd.bucket')));
    IF (d ->> 'by_bucket')::boolean THEN
        result := tally_internal._render('{marked} UNION SELECT {start} FROM ({below}) up(bucket) WHERE up.bucket >= {frozen}',
            d || jsonb_build_object('marked', result, 'start', tally_internal._bucket_start_sql(d ->> 'rule', 'up.bucket'),
                                    'below', below));
    ELSIF below IS NOT NULL THEN
        instant := tally_internal._time_as_timestamptz_sql(format('up.%I', d ->> 'time_column'), (d ->> 'time_type')::regtype, d ->> 'zone');
        result := tally_internal._render('{marked} UNION SELECT {start} FROM ({below}) up WHERE pg_catalog.isfinite({instant}) AND {instant} >= {frozen}',
            d || jsonb_build_object('marked', result, 'start', tally_internal._bucket_start_sql(d ->> 'rule', instant), 'instant', instant,
                                    'below', below));
    END IF;
    IF d ->> 'lookback' IS NOT NULL THEN
        result := format('SELECT reached.start FROM (%s) d(bucket) CROSS JOIN LATERAL %s reached(start)', result,
                         tally_internal._affected_buckets_sql(d ->> 'rule', (d ->> 'lookback')::int, 'd.bucket'));
    END IF;
    -- A bucket that cannot be computed is shown as it was stored last. One that can be computed, and not stored, counts as marked.
    RETURN tally_internal._render(
        'SELECT q.bucket FROM ({marked} UNION SELECT x.bucket FROM tally.broken_buckets x WHERE x.rollup_id = {id} AND x.computable) q(bucket) '
        'WHERE NOT EXISTS (SELECT FROM tally.broken_buckets x WHERE x.rollup_id = {id} AND x.bucket = q.bucket AND NOT x.computable)',
        d || jsonb_build_object('marked', result));
END $$;
COMMENT ON FUNCTION tally_internal._dirty_among(jsonb, text) IS
'SQL text of the dirty buckets of a resolved rollup over time, by its own marks and by what is dirty below (SQL text of buckets, or of rows that change; null '
    'for none).';

CREATE OR REPLACE FUNCTION tally_internal._dirty_query(d jsonb) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    up     int := (d ->> 'source_rollup')::int;
    result text := tally_internal._chain_call(d, '_marked_buckets');
BEGIN
    IF d ? 'key' THEN RETURN tally_internal._dirty_keys_query(d); END IF;
    IF result IS NOT NULL THEN RETURN format('SELECT m.bucket FROM %s m(bucket)', result); END IF;
    RETURN tally_internal._dirty_among(d, CASE WHEN (d ->> 'by_bucket')::boolean THEN tally_internal._dirty_query(tally_internal._resolved(up))
                                               ELSE tally_internal._changed_rows_query(tally_internal._resolved(up), ARRAY[d ->> 'time_column']) END);
END $$;
COMMENT ON FUNCTION tally_internal._dirty_query(jsonb) IS
'SQL text of the buckets (or keys) of a resolved rollup that are dirty by its own marks or by those of the rollups it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._few_sql(buckets text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Two conditions that always hold make a range, of which the planner expects next to nothing. It knows nothing of the marks, and what it multiplied by
    -- more of them cost so much, on paper, that the query was compiled (JIT): 42 s for one of 0.1 s.
    SELECT format('SELECT few.bucket FROM (%s) few(bucket) WHERE few.bucket >= ''-infinity''::pg_catalog.timestamptz '
                  'AND few.bucket <= ''infinity''::pg_catalog.timestamptz', buckets)
$$;
COMMENT ON FUNCTION tally_internal._few_sql(text) IS
'SQL text of dirty buckets (SQL text too) as a list that the planner takes for short, for parts that compute each of them.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_ranges_query(d jsonb) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slots  jsonb := d || jsonb_build_object('frozen', tally_internal._frozen_sql((d ->> 'id')::int));
    result text := tally_internal._render(
        'SELECT GREATEST(g.since, {frozen}), g.until FROM tally.dirty_ranges g WHERE g.rollup_id = {id} AND g.until > {frozen}', slots);
    marked text := tally_internal._chain_call(d, '_marked_hull');
    beside text;
BEGIN
    IF marked IS NOT NULL THEN RETURN format('SELECT m.since, m.until FROM %s m', marked); END IF;
    IF d ->> 'source_rollup' IS NOT NULL THEN
        slots := slots || jsonb_build_object('own', result, 'below',
                                             tally_internal._dirty_ranges_query(tally_internal._resolved((d ->> 'source_rollup')::int)));
        result := CASE WHEN (d ->> 'by_bucket')::boolean THEN tally_internal._render(
            '{own} UNION ALL SELECT GREATEST({first}, {frozen}), {last} FROM ({below}) up(since, until) WHERE up.since < up.until AND up.until > {frozen}',
            slots || jsonb_build_object('first', tally_internal._bucket_start_sql(d ->> 'rule', 'up.since'),
                'last', tally_internal._bucket_end_sql(d ->> 'rule', tally_internal._bucket_start_sql(d ->> 'rule', 'up.until'))))
            -- A row below may belong to any partition here.
            ELSE tally_internal._render('{own} UNION ALL SELECT {frozen}, ''infinity''::timestamptz FROM ({below}) up', slots) END;
    END IF;
    SELECT format('%s UNION ALL SELECT ''-infinity''::timestamptz, ''infinity''::timestamptz FROM (%s) beside', result,
                  tally_internal._dirty_ranges_query(tally_internal._resolved(b.beside_id))) INTO beside
      FROM tally.beside b WHERE b.rollup_id = (d ->> 'id')::int;
    result := COALESCE(beside, result);
    IF d ->> 'lookback' IS NOT NULL THEN
        -- Rows of the range reach beyond it.
        result := format('SELECT h.since, %s FROM (%s) h(since, until)',
            tally_internal._shift_sql(d ->> 'rule', tally_internal._bucket_start_sql(d ->> 'rule', 'h.until'), d ->> 'lookback'), result);
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._dirty_ranges_query(jsonb) IS
'SQL text of the ranges (since, until) of a resolved rollup that are dirty as a whole, its own and those of the rollups it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._outside_hull_sql(d jsonb) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- Two values that are asked once for all rows: a join with the range, of which there is none as a rule, looked for it anew for each stored row.
    SELECT format('(t.bucket >= (SELECT h.since FROM %1$s h) AND t.bucket < (SELECT h.until FROM %1$s h)) IS NOT TRUE',
                  tally_internal._chain_call(d, '_marked_hull'))
     WHERE tally_internal._chain_call(d, '_marked_hull') IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._outside_hull_sql(jsonb) IS
'SQL text of the condition that a stored row (t) of a resolved rollup over time is outside of what is dirty as a whole; null where marks alone do not tell.';

CREATE OR REPLACE FUNCTION tally_internal._kept_query(d jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN d ->> 'emptied' = 'keep' THEN tally_internal._render(
        ' UNION ALL SELECT {stored_columns} FROM {table} t WHERE {gate} AND t.bucket IN (SELECT _tally_kept.bucket FROM (SELECT DISTINCT k.bucket FROM '
        '{table} k WHERE k.bucket IN ({dirty}) OR EXISTS (SELECT FROM {hull} WHERE k.bucket >= _tally_hull.since AND k.bucket < _tally_hull.until)) '
        '_tally_kept '
        'WHERE NOT EXISTS (SELECT FROM {source}{expand} WHERE {range} AND ({filter}) OFFSET 0))',
        d || jsonb_build_object('range', tally_internal._definition_range_sql(d, '_tally_kept.bucket',
                                                                              tally_internal._bucket_end_sql(d ->> 'rule', '_tally_kept.bucket')))) ELSE '' END
$$;
COMMENT ON FUNCTION tally_internal._kept_query(jsonb) IS
'SQL text of the part of a live view (a resolved rollup with the slots of _live_query()) with stored rows of dirty buckets that have no source row left, '
    'where the rollup keeps those; else nothing.';

CREATE OR REPLACE FUNCTION tally_internal._live_query(r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d      jsonb := tally_internal._resolved(r);
    levels jsonb[] := tally_internal._stack_levels(d);
BEGIN
    IF tally_internal._is_stack(levels) AND NOT tally_internal._is_faced(r.id) THEN RETURN tally_internal._stack_query(levels); END IF;
    d := tally_internal._live_form(d);
    IF r.key IS NOT NULL THEN RETURN tally_internal._live_keys_query(d); END IF;
    d := d || jsonb_build_object('stored_columns', tally_internal._columns_sql(d, 't.%I'));
    IF tally_internal._is_faced(r.id) THEN RETURN tally_internal._faced_query(r, d); END IF;
    d := d || jsonb_build_object('dirty', tally_internal._dirty_query(d),
        'hull', COALESCE(tally_internal._chain_call(d, '_marked_hull') || ' _tally_hull',
            format('(SELECT pg_catalog.min(h.since), pg_catalog.max(h.until) FROM (%s) h(since, until) HAVING pg_catalog.count(*) > 0) '
            '_tally_hull(since, until)', tally_internal._dirty_ranges_query(d))));
    d := d || jsonb_build_object('due', tally_internal._render(
        'SELECT DISTINCT d.bucket FROM ({few}) d(bucket) WHERE {gate} AND NOT EXISTS (SELECT FROM {hull} WHERE d.bucket >= _tally_hull.since AND d.bucket '
            '< _tally_hull.until)', d || jsonb_build_object('few', tally_internal._few_sql(d ->> 'dirty'))));
    d := d || jsonb_build_object('wide', tally_internal._range_query(d, '_tally_hull.since', '_tally_hull.until'), 'kept', tally_internal._kept_query(d),
        'outside', COALESCE(tally_internal._outside_hull_sql(d), tally_internal._render(
            'NOT EXISTS (SELECT FROM {hull} WHERE t.bucket >= _tally_hull.since AND t.bucket < _tally_hull.until)', d)),
        'fresh', CASE WHEN tally_internal._time_index(r.source, r.time_column) THEN tally_internal._bucket_query(d, format('(%s)', d ->> 'due'))
            -- Without an index on the time each bucket would scan the whole source. So one scan serves all of them: IS TRUE keeps the planner from a join
            -- with the list, which it takes for short, and it looks each row up in a hash.
            ELSE tally_internal._render('SELECT _tally_due.* FROM (SELECT pg_catalog.min(d.bucket), {end} FROM ({due}) d(bucket) HAVING pg_catalog.count(*) '
                '> 0) _tally_ends(since, until) CROSS JOIN LATERAL ({definition}) _tally_due', d || jsonb_build_object(
                    'end', tally_internal._bucket_end_sql(d ->> 'rule', 'pg_catalog.max(d.bucket)'),
                    'definition', tally_internal._range_query(d, '_tally_ends.since', '_tally_ends.until',
                                                              format('(%s IN (%s)) IS TRUE', d ->> 'row_bucket', d ->> 'due')))) END);
    RETURN tally_internal._render(
        -- Stored rows of clean buckets …
        'SELECT {stored_columns} FROM {table} t WHERE {gate} AND NOT EXISTS (SELECT FROM ({dirty}) d(bucket) WHERE d.bucket = t.bucket) '
        'AND {outside} '
        -- … the definition for each dirty bucket …
        'UNION ALL {fresh} '
        -- … and for the range that has not been computed as a whole.
        'UNION ALL SELECT _tally_wide.* FROM {hull} CROSS JOIN LATERAL ({wide}) _tally_wide WHERE {gate}{kept}', d);
END $$;
COMMENT ON FUNCTION tally_internal._live_query(tally.rollups) IS
'SQL text of the live view: exact at every moment, in one snapshot, whatever has been refreshed.';
